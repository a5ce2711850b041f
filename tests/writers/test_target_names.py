"""No TIFF under a name that promises another format."""

import os
from pathlib import Path

import imageio.config
import numpy as np
import pytest

from aicsio import (
    WriteError,
    open_image,
    to_numpy,
    write_ome_tiff,
    write_ome_zarr,
    write_picture,
)
from aicsio.writers.target_names import other_format_of, refuse_other_format

TIFF_NAMES = ("a.tif", "a.tiff", "a.ome.tif", "a.OME.TIFF", "a.btf", "a.tf2", "a.tf8", "a.ome.btf")
FREE_NAMES = ("a", "a.part", ".hidden", "a.v2", "a 1.5um", "png", "movie.mp4.tif", "a.zarr/b.tif")


@pytest.mark.parametrize("name", [*TIFF_NAMES, *FREE_NAMES])
def test_a_name_that_promises_nothing_else_is_free(name: str) -> None:
    assert other_format_of(name) is None


@pytest.mark.parametrize(
    ("name", "noun", "tiff_name"),
    [
        ("a.zarr", "an OME-Zarr", "a.ome.tiff"),
        ("a.ome.zarr/", "an OME-Zarr", "a.ome.tiff"),
        ("d.x/a.ZARR", "an OME-Zarr", "d.x/a.ome.tiff"),
        ("a.ome.zarr.zip", "an archive or table", "a.ome.tiff"),
        ("a.tif.gz", "an archive or table", "a.ome.tiff"),
        ("a.PNG", "a picture", "a.ome.tiff"),
        ("a.b.jpeg", "a picture", "a.b.ome.tiff"),
        ("a.mp4", "a movie", "a.ome.tiff"),
        ("a.czi", "a file of a microscope maker", "a.ome.tiff"),
        ("a.companion.ome", "a description without pixels", "a.ome.tiff"),
        ("a.npy", "a NumPy file", "a.ome.tiff"),
    ],
)
def test_a_name_that_promises_another_format_is_named(name: str, noun: str, tiff_name: str) -> None:
    other = other_format_of(name)
    assert other is not None
    assert (other.format, other.tiff_name) == (noun, tiff_name)


def test_every_picture_and_movie_of_imageio_is_another_format() -> None:
    """Source: the table of suffixes of imageio itself; these few are TIFF or say nothing."""
    free = {".bin", ".raw", ".tif", ".tiff", ".emf", ".wmf", ".wmz", ".gel", ".img", ".imt", ".dat"}
    common = {
        ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".jp2", ".ppm", ".pgm", ".tga", ".ico", ".psd", ".exr",
        ".hdr", ".mp4", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".npz", ".dcm", ".nii", ".fits",
    }  # fmt: skip
    listed = {row.extension.lower() for row in imageio.config.extension_list} - free
    assert common <= listed
    assert [suffix for suffix in sorted(common) if other_format_of(f"a{suffix}") is None] == []


@pytest.mark.parametrize("name", ["a.zarr", "a.png", "a.mp4", "a.czi", "a.ome.xml"])
def test_nothing_is_written_under_such_a_name(tmp_path: Path, name: str) -> None:
    image = open_image(np.zeros((4, 5), np.uint8))
    with pytest.raises(WriteError, match=r"OME-TIFF: give a name such as '.*a\.ome\.tiff'"):
        write_ome_tiff(image, tmp_path / name, overwrite=True)
    assert os.listdir(tmp_path) == []


def test_the_advice_holds_a_call_that_works(tmp_path: Path) -> None:
    import imageio.v3

    from aicsio import to_numpy, transpose_to  # noqa: F401 - names of the advice

    handle = open_image(np.arange(20, dtype=np.uint8).reshape(1, 4, 5), dims="CYX")
    path = str(tmp_path / "a.png")
    with pytest.raises(WriteError) as caught:
        refuse_other_format(path)
    call = str(caught.value).split("; ")[1].removesuffix(" writes one plane")
    eval(call.replace("...", "C=0"), {**globals(), **locals(), "imageio": imageio})  # noqa: S307
    assert imageio.v3.imread(path).tolist() == to_numpy(handle)[0].tolist()


@pytest.mark.parametrize(
    ("name", "noun"),
    [
        ("a.tif", "a TIFF"),
        ("A.OME.TIFF", "a TIFF"),
        ("a.png", "a picture"),
        ("a.mp4", "a movie"),
        ("a.czi", "a file of a microscope maker"),
        ("a.n5", "an N5"),
        ("a.json", "a description"),
        ("memory://h/a.tif", "a TIFF"),
    ],
)
def test_no_zarr_under_a_name_that_promises_another_format(
    tmp_path: Path, name: str, noun: str
) -> None:
    image = open_image(np.zeros((4, 5), np.uint8))
    target = name if "://" in name else tmp_path / name
    with pytest.raises(
        WriteError, match=rf"names {noun}.*OME-Zarr: give a name such as '.*\.ome\.zarr'"
    ):
        write_ome_zarr(image, target, overwrite=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.zarr", "A.OZX", "a.zip", "a", "a.v2", "a.tif.zarr", "a/"])
def test_a_name_that_promises_no_other_format_is_free_for_zarr(tmp_path: Path, name: str) -> None:
    image = open_image(np.zeros((4, 5), np.uint8))
    report = write_ome_zarr(image, f"{tmp_path}/{name}", sync=False)
    assert np.array_equal(to_numpy(open_image(report.path)), np.zeros((4, 5)))


def test_a_web_server_takes_no_stores() -> None:
    image = open_image(np.zeros((4, 5), np.uint8))
    with pytest.raises(WriteError, match="a web server takes no stores") as caught:
        write_ome_zarr(image, "http://me:SECRET@127.0.0.1:1/a.ome.zarr")
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("name", ["new/", "new.ome.tif/", "new.png/"])
def test_a_slash_at_the_end_names_a_folder(tmp_path: Path, name: str) -> None:
    """Source: POSIX.1-2017, section 4.13: such a path resolves to a folder alone; tifffile refuses it, too."""
    handle = open_image(np.eye(16), dims="YX")
    with pytest.raises(WriteError, match=r"folder|another|picture"):
        write_ome_tiff(handle, f"{tmp_path}/{name}")
    assert not list(tmp_path.iterdir())


def test_the_advice_has_the_suffix_of_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(WriteError, match=r"image\.png"):
        write_picture(open_image(np.eye(16), dims="YX"), tmp_path / "a.png")


def test_types_that_a_zarr_lacks(tmp_path: Path) -> None:
    for given, advised in (("c32", "complex128"), ("f16", "float64")):
        with pytest.raises(WriteError, match=advised):
            write_ome_zarr(open_image(np.zeros((4, 4), given)), tmp_path / "a.ome.zarr")
