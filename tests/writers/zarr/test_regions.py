"""``write_region``: parts of an image, by one process and by many."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import pytest

from aicsio import ImageHandle, PixelSize, open_image, to_numpy, write_ome_zarr, write_region
from aicsio.errors import DimensionError, WriteError
from support import files_of, mostly_long, takes_long
from zarr_stores import judges

Array = npt.NDArray[Any]
PIXELS = np.random.default_rng(5).integers(1, 4000, (4, 2, 3, 150, 170)).astype(np.uint16)


def image(pixels: Array, dims: str) -> ImageHandle:
    return open_image(pixels, dims=dims)


def empty_store(path: Path, **options: Any) -> Path:
    """A store of zeros, of which no pixel is stored."""
    zeros = da.zeros(PIXELS.shape, dtype=PIXELS.dtype, chunks=(1, 1, 3, 150, 170))
    options = {"levels": 3, "chunks": 32, "shards": {"Z": 3, "Y": 64, "X": 64}, **options}
    if options.get("version") == "0.4":
        del options["shards"]
    write_ome_zarr(open_image(zeros, dims="TCZYX"), path, **options)
    assert not list(path.glob("*/c"))
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("downsample", mostly_long(["mean", "nearest"], "mean"))
def test_regions_together_are_the_image(version: Any, downsample: Any, tmp_path: Path) -> None:
    target = empty_store(tmp_path / "a.zarr", version=version, downsample=downsample)
    for t in range(4):
        write_region(image(PIXELS[t, 0], "ZYX"), target, T=t, C=0)
    write_region(image(PIXELS[1:3, 1], "TZYX"), target, T=slice(1, 3), C=1)
    write_region(image(PIXELS[[0], 1], "TZYX"), target, T=0, C=-1)
    report = write_region(image(PIXELS[3, 1], "ZYX"), target, T=range(3, 4), C=1)
    assert report.dims.shape == (1, 1, 3, 150, 170)
    whole = tmp_path / "whole.zarr"
    options: Any = {"levels": 3, "chunks": 32, "version": version, "downsample": downsample}
    if version == "0.5":
        options["shards"] = {"Z": 3, "Y": 64, "X": 64}
    write_ome_zarr(image(PIXELS, "TCZYX"), whole, **options)
    stored, expected = files_of(target), files_of(whole)
    pixels = [name for name in expected if name[0].isdigit() and "zarr" not in name]
    assert pixels
    assert {name: stored[name] for name in pixels} == {name: expected[name] for name in pixels}


def test_zeros_replace_what_was_there(tmp_path: Path) -> None:
    for version in ("0.4", "0.5"):
        target = empty_store(tmp_path / f"{version}.zarr", version=version)
        write_region(image(PIXELS, "TCZYX"), target)
        write_region(image(np.zeros_like(PIXELS[0]), "CZYX"), target, T=2)
        full, half, quarter = judges.zarr_pixels(target, "", ("0", "1", "2"))
        assert np.array_equal(full[3], PIXELS[3])
        assert not full[2].any()
        assert not half[2].any()
        assert not quarter[2].any()


def test_a_part_of_a_plane_is_written_where_it_cuts_no_file(tmp_path: Path) -> None:
    target = empty_store(tmp_path / "a.zarr", levels=2)
    part = image(PIXELS[0, 0, :, :128], "ZYX")
    write_region(part, target, T=0, C=0, Y=slice(0, 128))
    assert np.array_equal(judges.zarr_pixels(target, "", ("0",))[0][0, 0, :, :128], part)
    with pytest.raises(WriteError, match="Y=0:64 would cut a file of level 1, which holds 128"):
        write_region(
            image(PIXELS[0, 0, :, :64], "ZYX"), target, T=0, C=0, Y=slice(0, 64)
        )  # fmt: skip
    with pytest.raises(WriteError, match=r"Z=0:2 would cut a file of level 0, .*write Z=0:3"):
        write_region(image(PIXELS[0, 0, :2], "ZYX"), target, T=0, C=0, Z=slice(0, 2))


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ({"T": 4, "C": 0}, "T=4:5 of 4 is to be written with 1 positions"),
        ({"T": 0}, "C=0:2 of 2 is to be written with 1 positions"),
        ({"T": 0, "C": 0, "Q": 1}, "the image has no Q"),
        ({"T": slice(0, 4, 2), "C": 0}, "a region has no steps"),
    ],
)
def test_a_region_that_does_not_fit_is_refused(
    region: dict[str, Any], message: str, tmp_path: Path
) -> None:
    target = empty_store(tmp_path / "a.zarr")
    with pytest.raises(DimensionError, match=message):
        write_region(image(PIXELS[0, 0], "ZYX"), target, **region)


def test_other_types_and_other_stores_are_refused(tmp_path: Path) -> None:
    target = empty_store(tmp_path / "a.zarr")
    with pytest.raises(WriteError, match="the pixels are float32, the store holds uint16"):
        write_region(image(PIXELS[0, 0].astype("f4"), "ZYX"), target, T=0, C=0)
    with pytest.raises(WriteError, match="there is no Zarr store"):
        write_region(image(PIXELS[0, 0], "ZYX"), tmp_path / "b.zarr", T=0, C=0)
    with pytest.raises(WriteError, match="has no image '1'"):
        write_region(image(PIXELS[0, 0], "ZYX"), target, image="1", T=0, C=0)
    with pytest.raises(WriteError, match="is an archive, which is written as a whole"):
        write_region(image(PIXELS[0, 0], "ZYX"), tmp_path / "b.ozx", T=0, C=0)


WRITER = """
import sys
import numpy as np
from aicsio import open_image, write_region

t = int(sys.argv[2])
write_region(open_image(np.load(sys.argv[3])[t], dims="CZYX"), sys.argv[1], T=t)
"""


@takes_long
def test_processes_write_side_by_side(tmp_path: Path) -> None:
    target = empty_store(tmp_path / "a.zarr")
    np.save(tmp_path / "pixels.npy", PIXELS)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(target), str(t), str(tmp_path / "pixels.npy")]
        )
        for t in range(4)
    ]
    assert [process.wait() for process in processes] == [0] * 4
    assert np.array_equal(judges.zarr_pixels(target, "", ("0",))[0], PIXELS)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_t_grows_while_an_acquisition_goes_on(tmp_path: Path, version: Any) -> None:
    frames = np.random.default_rng(4).integers(1, 4000, (5, 2, 90, 70)).astype(np.uint16)
    options: Any = {"version": version, "chunks": 32, "levels": 3}
    if version == "0.5":
        options["shards"] = {"Z": 2, "Y": 128, "X": 128}
    path = write_ome_zarr(
        open_image(frames[:1], dims="TZYX", pixel_size=PixelSize(2, 0.5, 0.5)),
        tmp_path / "live.zarr",
        **options,
    ).path
    for number in range(1, 5):
        write_region(open_image(frames[number], dims="ZYX"), path, grow=True, T=number)
        h = open_image(path)
        assert not h.diagnostics
        assert h.pixel_size == PixelSize(2, 0.5, 0.5)
        assert np.array_equal(to_numpy(h), frames[: number + 1])
    whole = tmp_path / "whole.zarr"
    write_ome_zarr(open_image(frames, dims="TZYX"), whole, **options)
    levels = ("0", "1", "2")
    for grown, expected in zip(
        judges.zarr_pixels(Path(path), "", levels),
        judges.zarr_pixels(whole, "", levels),
        strict=True,
    ):
        assert np.array_equal(grown, expected)
    judges.accepted_by_yaozarrs(Path(path))
    assert 'SizeT="5"' in (Path(path) / "OME/METADATA.ome.xml").read_text(encoding="utf-8")
    # A position that is there is replaced, and the length stays.
    write_region(open_image(frames[0], dims="ZYX"), path, grow=True, T=3)
    assert np.array_equal(to_numpy(open_image(path))[3], frames[0])
    assert open_image(path).dims.T == 5


def test_growing_leaves_no_gap_and_cuts_no_file(tmp_path: Path) -> None:
    frames = np.ones((3, 64, 64), np.uint8)
    path = write_ome_zarr(
        open_image(frames, dims="TYX"),
        tmp_path / "a.zarr",
        chunks={"T": 2, "Y": 64, "X": 64},
        shards=None,
    ).path
    frame = open_image(frames[0], dims="YX")
    with pytest.raises(DimensionError, match="T=4 would leave a gap: T has 3 positions, give T=3"):
        write_region(frame, path, grow=True, T=4)
    with pytest.raises(WriteError, match="would cut a file of level 0"):
        write_region(frame, path, grow=True, T=3)
    with pytest.raises(DimensionError, match="grow=True is for regions of T"):
        write_region(frame, path, grow=True)
    assert open_image(path).dims.T == 3
