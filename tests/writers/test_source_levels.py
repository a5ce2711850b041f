"""``levels="source"``: the levels of a file, written as they are by both writers and the command line.

Every source has every second pixel in its smaller levels, never a mean, so that computed levels would
show.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from aicsio import (
    ImageHandle,
    PixelSize,
    WriteError,
    open_image,
    select_level,
    select_scene,
    to_dask,
    to_numpy,
    transpose_to,
    write_ome_tiff,
    write_ome_zarr,
    write_scenes,
)
from aicsio.cli import main
from aicsio.testing.czi import blocks_of, metadata_xml, write_czi
from aicsio.testing.zarr import ZarrImage, ZarrSpec, write_zarr
from support import mostly_long
from zarr_stores import judges

Array = npt.NDArray[Any]


def noise(*shape: int, dtype: str = "uint16") -> Array:
    return np.random.default_rng(0).integers(0, 250, shape).astype(dtype)


def czi(folder: Path) -> Path:
    """Two scenes, a mosaic of four channels-by-Z planes in three levels, and one without levels."""
    pixels = noise(2, 3, 150, 130)
    blocks = [*blocks_of(pixels, "CZYX", scene=0, tile=(64, 64), levels=3)]
    blocks += blocks_of(pixels[:, :, :20, :30], "CZYX", scene=1, origin=(0, 9000))
    xml = metadata_xml(
        channels=["DAPI", "GFP"], scenes=["A1", "A2"], pixel_size={"X": 0.65, "Y": 0.65}
    )
    path = folder / "a.czi"
    write_czi(path, blocks, xml)
    return path


def tiled_tiff(folder: Path) -> Path:
    """Colours in SubIFDs, by tifffile."""
    pixels = noise(90, 70, 3, dtype="uint8")
    path = folder / "a.ome.tif"
    with tifffile.TiffWriter(path) as tiff:
        common: Any = {"photometric": "rgb", "tile": (32, 32), "compression": "zlib"}
        tiff.write(pixels, subifds=2, metadata={"axes": "YXS"}, **common)
        tiff.write(pixels[::2, ::2], subfiletype=1, **common)
        tiff.write(pixels[::4, ::4], subfiletype=1, **common)
    return path


def zarr(folder: Path) -> Path:
    """Three levels with sizes and places."""
    image = ZarrImage(
        "TCZYX", (1, 2, 3, 65, 48), levels=3, scale=(1.0, 1.0, 2.0, 0.5, 0.25),
        translation=(0.0, 0.0, 0.0, 3.0, 4.0),
    )  # fmt: skip
    return write_zarr(ZarrSpec((image,)), folder / "a.ome.zarr")


def dicom(folder: Path) -> Path:
    """A slide of two levels."""
    from aicsio.testing.dicom import DicomImage, write_dicom

    return write_dicom(DicomImage(noise(90, 70, 3, dtype="uint8"), levels=2), folder / "slide")


SOURCES = {"czi": czi, "tiff": tiled_tiff, "zarr": zarr, "dicom": dicom}


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> ImageHandle:
    folder = tmp_path / "in"
    folder.mkdir()
    return open_image(SOURCES[request.param](folder))


def levels_of(handle: ImageHandle, order: str) -> list[Array]:
    """Pixels of the levels from the one in focus on."""
    return [
        to_numpy(transpose_to(select_level(handle, level), order))
        for level in range(handle.level, len(handle.levels))
    ]


def assert_equal_levels(found: list[Array], expected: list[Array]) -> None:
    assert len(found) == len(expected) > 1
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def by_tifffile(path: str, series: int = 0) -> list[Array]:
    with tifffile.TiffFile(path) as tiff:
        return [level.asarray() for level in tiff.series[series].levels]


# ---------------------------------------------------------------- pixels


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_each_level_of_an_ome_tiff_is_that_of_the_source(
    source: ImageHandle, compression: Any, tmp_path: Path
) -> None:
    report = write_ome_tiff(
        source, tmp_path / "out.ome.tiff", levels="source", compression=compression, tile=48
    )
    order = "CZYXS"[: 5 if "S" in source.dims else 4]
    expected = levels_of(source, order)
    written = open_image(report.path)
    assert report.levels == len(source.levels)
    assert_equal_levels(levels_of(written, order), expected)
    squeezed = [level.squeeze() for level in expected]
    assert_equal_levels([level.squeeze() for level in by_tifffile(report.path)], squeezed)
    # A mean would differ from the picked pixels of the sources.
    computed = write_ome_tiff(source, tmp_path / "computed.ome.tiff", levels=2)
    assert not np.array_equal(levels_of(open_image(computed.path), order)[1], expected[1])


@pytest.mark.parametrize("version", mostly_long(["0.4", "0.5"], "0.5"))
def test_each_level_of_an_ome_zarr_is_that_of_the_source(
    source: ImageHandle, version: Any, tmp_path: Path
) -> None:
    report = write_ome_zarr(
        source, tmp_path / "out.ome.zarr", levels="source", version=version, chunks=16
    )
    order = "TCZYX"
    if "S" in source.dims:
        order = "TSZYX"
    expected = levels_of(source, order)
    assert report.levels == len(source.levels)
    assert_equal_levels(levels_of(open_image(report.path), "TCZYX"), expected)
    names = tuple(map(str, range(report.levels)))
    arrays = judges.zarr_pixels(Path(report.path), "", names)
    for array, level in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(array.squeeze(), level.squeeze())


def test_picks_of_planes_and_any_order_of_planes_are_followed(tmp_path: Path) -> None:
    handle = open_image(czi(tmp_path))
    shown = transpose_to(handle, "ZCXY", C=[1, 0], Z=slice(None, None, -2))
    wanted = [level[::-2, [1, 0]] for level in levels_of(handle, "ZCYX")]
    report = write_ome_tiff(shown, tmp_path / "out.ome.tiff", levels="source", tile=64)
    assert_equal_levels(levels_of(open_image(report.path), "ZCYX"), wanted)
    store = write_ome_zarr(shown, tmp_path / "out.ome.zarr", levels="source")
    assert_equal_levels(levels_of(open_image(store.path), "ZCYX"), wanted)
    plane = transpose_to(handle, "YX", C=1, Z=2)
    report = write_ome_tiff(plane, tmp_path / "plane.ome.tiff", levels="source")
    wanted = [level[2, 1] for level in levels_of(handle, "ZCYX")]
    assert_equal_levels(levels_of(open_image(report.path), "YX"), wanted)


def test_the_levels_are_those_below_the_one_in_focus(tmp_path: Path) -> None:
    handle = select_level(open_image(czi(tmp_path)), 1)
    report = write_ome_tiff(handle, tmp_path / "out.ome.tiff", levels="source")
    assert_equal_levels(levels_of(open_image(report.path), "CZYX"), levels_of(handle, "CZYX"))
    store = write_ome_zarr(handle, tmp_path / "out.ome.zarr", levels="source")
    written = open_image(store.path)
    assert_equal_levels(levels_of(written, "CZYX"), levels_of(handle, "CZYX"))
    assert written.pixel_size == PixelSize(None, 1.3, 1.3)


def test_several_scenes_have_levels_of_their_own(tmp_path: Path) -> None:
    large, other = open_image(czi(tmp_path)), open_image(tiled_tiff(tmp_path))
    report = write_scenes([large, other], tmp_path / "out.ome.tiff", levels="source", tile=32)
    written = open_image(report.path)
    assert_equal_levels(levels_of(written, "CZYX"), levels_of(large, "CZYX"))
    second = select_scene(written, 1)
    assert_equal_levels(levels_of(second, "YXS"), levels_of(other, "YXS"))
    store = write_ome_zarr([large, other], tmp_path / "out.ome.zarr", levels="source")
    second = select_scene(open_image(store.path), 1)
    assert_equal_levels(levels_of(second, "CYX"), levels_of(other, "SYX"))


def test_a_type_is_converted_at_every_level(tmp_path: Path) -> None:
    handle = open_image(czi(tmp_path))
    report = write_ome_tiff(
        handle, tmp_path / "out.ome.tiff", levels="source", dtype="float32", compression="zstd"
    )
    expected = [level.astype(np.float32) for level in levels_of(handle, "CZYX")]
    assert_equal_levels(levels_of(open_image(report.path), "CZYX"), expected)


# ---------------------------------------------------------------- sizes and places


def test_sizes_and_places_of_levels_are_kept(tmp_path: Path) -> None:
    handle = open_image(zarr(tmp_path))
    store = write_ome_zarr(handle, tmp_path / "out.ome.zarr", levels="source")
    written = open_image(store.path)
    for level in range(3):
        one, other = select_level(handle, level), select_level(written, level)
        assert one.pixel_size == other.pixel_size == PixelSize(2.0, 0.5 * 2**level, 0.25 * 2**level)
    # Its levels hold every second pixel: the first pixels of all of them lie at one place.
    document = json.loads((Path(store.path) / "zarr.json").read_text())
    datasets = document["attributes"]["ome"]["multiscales"][0]["datasets"]
    for level, dataset in enumerate(datasets):
        scale = dataset["coordinateTransformations"][0]["scale"]
        assert scale[-2:] == [0.5 * 2**level, 0.25 * 2**level]
        place = dataset["coordinateTransformations"][1]["translation"]
        assert place[-2:] == [origin_of(handle, level, letter) for letter in "YX"] == [3.0, 4.0]
    doubled = write_ome_tiff(
        handle, tmp_path / "out.ome.tiff", levels="source", pixel_size=PixelSize(X=0.5, Y=1.0)
    )
    with tifffile.TiffFile(doubled.path) as tiff:
        for level, found in enumerate(tiff.series[0].levels):
            page: Any = found.pages[0]
            numerator, denominator = page.tags["XResolution"].value
            assert numerator / denominator == pytest.approx(10_000 / (0.5 * 2**level), rel=1e-6)


def origin_of(handle: ImageHandle, level: int, letter: str) -> Any:
    return getattr(handle.scene.level_places[level].origin, letter)


def ims(folder: Path, stack: Array) -> Path:
    pytest.importorskip("h5py")
    from aicsio.testing.ims import ImsImage, write_ims

    return write_ims(ImsImage(stack, "CZYX", levels=2), folder / "a.ims")


def test_levels_with_fewer_planes_are_kept_by_ome_zarr_alone(tmp_path: Path) -> None:
    stack = noise(2, 6, 40, 50)
    handle = open_image(ims(tmp_path, stack))
    assert handle.levels[1].dims.Z == 3
    store = write_ome_zarr(handle, tmp_path / "out.ome.zarr", levels="source")
    written = open_image(store.path)
    assert_equal_levels(levels_of(written, "CZYX"), levels_of(handle, "CZYX"))
    sizes = handle.pixel_size, select_level(handle, 1).pixel_size
    assert (written.pixel_size, select_level(written, 1).pixel_size) == sizes
    with pytest.raises(WriteError, match="a level has 3 positions of Z, the full resolution 6"):
        write_ome_tiff(handle, tmp_path / "out.ome.tiff", levels="source")
    some = transpose_to(handle, "CZYX", Z=slice(0, 2))
    with pytest.raises(WriteError, match="level 1 has 3 positions of Z, and some of 6 are picked"):
        write_ome_zarr(some, tmp_path / "some.ome.zarr", levels="source")


# ---------------------------------------------------------------- labels, refusals, the command line


def test_labels_keep_their_levels_or_get_computed_ones(tmp_path: Path) -> None:
    image, masks = noise(1, 65, 48), noise(1, 1, 1, 65, 48)[0, 0]
    spec = ZarrSpec((ZarrImage("ZYX", (1, 65, 48), (1, 16, 16), levels=3),))
    native = open_image(write_zarr(spec, tmp_path / "masks.ome.zarr"))
    slide = open_image(
        write_ome_tiff(open_image(image, dims="ZYX"), tmp_path / "i.ome.tiff", levels=2).path
    )
    both = {"native": native, "flat": open_image(masks, dims="ZYX")}
    store = write_ome_zarr(slide, tmp_path / "out.ome.zarr", levels="source", labels=both)
    found = judges.zarr_pixels(Path(store.path), "labels/native", ("0", "1", "2"))
    assert_equal_levels([level.squeeze() for level in found], [
        level.squeeze() for level in levels_of(native, "ZYX")
    ])  # fmt: skip
    (flat,) = judges.zarr_pixels(Path(store.path), "labels/flat", ("0",))
    np.testing.assert_array_equal(flat.squeeze(), masks.squeeze())


REFUSED: dict[str, tuple[Callable[[ImageHandle], ImageHandle], str]] = {
    "a window": (
        lambda h: transpose_to(h, "CZYX", X=slice(0, 50)),
        "X shows a part of 130 positions, .* show all of them: leave out the pick of X",
    ),
    "a mirror": (lambda h: transpose_to(h, "CZYX", Y=slice(None, None, -1)), "Y shows a part of 150"),
    "a row": (lambda h: transpose_to(h, "CZX", Y=0), "Y shows a part of 150"),
    "no levels": (
        lambda h: select_scene(h, 1),
        "has no levels below the one that is written: levels='auto' computes them",
    ),
    "the last level": (lambda h: select_level(h, -1), "has no levels below the one"),
    "an array": (lambda h: open_image(to_dask(h), dims="CZYX"), "has no levels below the one"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_levels_that_show_something_else_are_refused(name: str, tmp_path: Path) -> None:
    change, message = REFUSED[name]
    handle = change(open_image(czi(tmp_path)))
    writers: dict[str, Any] = {"a.ome.tiff": write_ome_tiff, "a.ome.zarr": write_ome_zarr}
    for target, write in writers.items():
        with pytest.raises(WriteError, match=message) as caught:
            write(handle, tmp_path / target, levels="source")
        assert str(caught.value).startswith("levels='source': ")
        assert not (tmp_path / target).exists()


def test_options_that_contradict_are_refused(tmp_path: Path) -> None:
    handle = open_image(czi(tmp_path))
    with pytest.raises(WriteError, match="downsample='mode' with levels='source'"):
        write_ome_tiff(handle, tmp_path / "a.ome.tiff", levels="source", downsample="mode")
    with pytest.raises(WriteError, match="downsample='mean' with levels='source'"):
        write_ome_zarr(handle, tmp_path / "a.ome.zarr", levels="source", downsample="mean")
    with pytest.raises(WriteError, match="tile=None with levels='source'"):
        write_ome_tiff(handle, tmp_path / "a.ome.tiff", levels="source", tile=None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.czi"]


@pytest.mark.parametrize("name", ["out.ome.tiff", "out.ome.zarr"])
def test_the_command_line_writes_the_levels_of_the_source(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, target = czi(tmp_path), tmp_path / name
    assert main(["convert", str(path), str(target), "--pyramid", "source", "--verify"]) == 0
    assert_equal_levels(levels_of(open_image(target), "CZYX"), levels_of(open_image(path), "CZYX"))
    capsys.readouterr()
    target = tmp_path / f"other-{name}"
    code = main(["convert", str(path), str(target), "--pyramid", "source", "--crop", "0:9,0:9"])
    assert code == 1
    assert "--pyramid source: Y shows a part of 150 positions" in capsys.readouterr().err
