"""Levels behind the planes as ordinary pages, pages of no image, levels that lack a part.

Source of the right values: the pages that the test writes with tifffile, whose own reader shows them;
NewSubfileType of TIFF 6.0 section 8; offsets and counts of 0 for tiles that are not stored (GDAL).
"""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from aicsio import open_image, select_level, to_numpy

Array = npt.NDArray[Any]


def stack(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(1, 4000, shape, np.uint16)


def describe(*images: Array, first: Sequence[int]) -> str:
    """OME-XML of stacks along Z whose planes begin at the given pages."""
    parts = []
    for number, (pixels, ifd) in enumerate(zip(images, first, strict=True)):
        z, y, x = pixels.shape
        sizes = f'SizeX="{x}" SizeY="{y}" SizeZ="{z}" SizeC="1" SizeT="1"'
        data = f'<TiffData IFD="{ifd}" PlaneCount="{z}"/>'
        parts.append(
            f'<Image ID="Image:{number}" Name="{number}"><Pixels ID="Pixels:{number}" '
            f'DimensionOrder="XYZCT" Type="uint16" {sizes}>{data}</Pixels></Image>'
        )
    return f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{"".join(parts)}</OME>'


def write_pages(path: Path, pages: list[tuple[Array, bool]], xml: str) -> None:
    """Write pages one by one, reduced or not; the first has the OME-XML."""
    with tifffile.TiffWriter(path, ome=False) as file:
        for index, (page, reduced) in enumerate(pages):
            file.write(
                page,
                photometric="minisblack",
                subfiletype=int(reduced),
                description=None if index else xml,
                metadata=None,
            )


def write_behind(path: Path, images: list[Array], factors: list[int], *, by_image: bool) -> None:
    """Write OME planes, and their levels as ordinary pages behind them or behind all images."""
    pages: list[tuple[Array, bool]] = []
    first: list[int] = []
    behind: list[tuple[Array, bool]] = []
    for pixels in images:
        first.append(len(pages))
        pages += [(plane, False) for plane in pixels]
        own = [(plane, True) for n in factors for plane in pixels[:, ::n, ::n]]
        (pages if by_image else behind).extend(own)
    write_pages(path, pages + behind, describe(*images, first=first))


@pytest.mark.parametrize("by_image", [True, False])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("factors", [[2], [2, 4], [4, 2]])
def test_levels_behind_the_planes(
    tmp_path: Path, factors: list[int], count: int, by_image: bool
) -> None:
    images = [stack(3, 65, 80, seed=seed) for seed in range(count)]
    path = tmp_path / "behind.ome.tif"
    write_behind(path, images, factors, by_image=by_image)
    handle = open_image(path)
    assert len(handle.scenes) == count
    assert not handle.diagnostics
    for scene, pixels in zip(handle.scenes, images, strict=True):
        assert [level.dims["Y", "X"] for level in scene.levels] == [
            (-(-65 // n), -(-80 // n)) for n in (1, *sorted(factors))
        ]
        for n, level in zip((1, *sorted(factors)), scene.levels, strict=True):
            assert np.array_equal(
                np.asarray(level).reshape(3, -1, -(-80 // n)), pixels[:, ::n, ::n]
            )


def test_levels_that_alternate_with_their_planes(tmp_path: Path) -> None:
    pixels = stack(3, 64, 80)
    path = tmp_path / "alternate.ome.tif"
    pages = [(part, n > 1) for plane in pixels for n, part in ((1, plane), (2, plane[::2, ::2]))]
    elements = "".join(f'<TiffData IFD="{2 * z}" FirstZ="{z}" PlaneCount="1"/>' for z in range(3))
    xml = describe(pixels, first=[0]).replace('<TiffData IFD="0" PlaneCount="3"/>', elements)
    write_pages(path, pages, xml)
    handle = open_image(path)
    assert not handle.diagnostics
    assert np.array_equal(to_numpy(handle).reshape(pixels.shape), pixels)
    small = to_numpy(select_level(handle, 1)).reshape(3, 32, 40)
    assert np.array_equal(small, pixels[:, ::2, ::2])


def test_levels_of_some_planes_behind_are_counted_and_not_shown(tmp_path: Path) -> None:
    pixels = stack(3, 64, 80)
    path = tmp_path / "some.ome.tif"
    pages = [(plane, False) for plane in pixels] + [(p[::2, ::2], True) for p in pixels[:2]]
    write_pages(path, pages, describe(pixels, first=[0]))
    handle = open_image(path)
    assert len(handle.levels) == 1
    (note,) = handle.diagnostics
    assert note.code == "ome-pages-unclaimed"
    assert "2 of 5 pages" in note.message


@pytest.mark.parametrize(
    ("counts", "level_count", "words"),
    [
        ((2, 2, 2), 3, None),
        ((2, 0, 2), 1, "2 of 3 planes have a SubIFD 0"),
        ((0, 1, 0), 1, "1 of 3 planes have a SubIFD 0"),
        ((2, 1, 2), 2, "2 of 3 planes have a SubIFD 1"),
    ],
)
def test_sub_ifds_of_some_planes_are_reported(
    tmp_path: Path, counts: tuple[int, ...], level_count: int, words: str | None
) -> None:
    pixels = stack(3, 32, 48)
    text: str | None = describe(pixels, first=[0])
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=False) as file:
        for plane, count in zip(pixels, counts, strict=True):
            file.write(plane, subifds=count, description=text, metadata=None)
            text = None
            for level in range(1, count + 1):
                step = 2**level
                file.write(plane[::step, ::step], subfiletype=1, metadata=None)
    handle = open_image(tmp_path / "a.ome.tif")
    assert len(handle.levels) == level_count
    for level in range(level_count):
        shown = to_numpy(select_level(handle, level))
        assert shown.tobytes() == pixels[:, :: 2**level, :: 2**level].tobytes()
    notes = [note.message for note in handle.diagnostics]
    assert [note.partition(":")[0] for note in notes] == ([] if words is None else [words])


def test_pages_of_no_image_are_counted(tmp_path: Path) -> None:
    pixels = stack(2, 40, 30)
    path = tmp_path / "more.ome.tif"
    # A label of half the size that nothing calls a level, and a page of another type.
    others = [(pixels[0, ::2, ::2], False), (np.zeros((7, 9), np.float32), False)]
    pages = [(plane, False) for plane in pixels] + others
    write_pages(path, pages, describe(pixels, first=[0]))
    handle = open_image(path)
    assert len(handle.levels) == 1
    assert np.array_equal(to_numpy(handle).reshape(pixels.shape), pixels)
    (note,) = handle.diagnostics
    assert "2 of 4 pages" in note.message


# ---------------------------------------------------------------- levels that lack a part


def write_tiled(path: Path, pixels: Array, *, ome: bool) -> Array:
    """Write tiles of 16 x 16 with one SubIFD level; return the level."""
    small = np.ascontiguousarray(pixels[..., ::2, ::2])
    options: dict[str, Any] = {"tile": (16, 16), "photometric": "minisblack"}
    options["compression"] = "zlib"
    with tifffile.TiffWriter(path, ome=ome) as file:
        meta = {"axes": "ZYX"} if ome else None
        file.write(pixels, subifds=1, metadata=meta, **options)
        file.write(small, subfiletype=1, metadata=None, **options)
    return small


def forget_tiles(path: Path, level: int, tiles: list[int], page: int = 0) -> None:
    """Set offset and count of tiles to 0, as sparse writers do."""
    with tifffile.TiffFile(path) as file:
        shown: Any = file.pages[page]
        shown = shown if level == 0 else shown.pages[level - 1]
        places = []
        for code in (324, 325):
            tag = shown.tags[code]
            itemsize = struct.calcsize(tag.dtype_name and {3: "H", 4: "I", 16: "Q"}[tag.dtype])
            places += [(tag.valueoffset + itemsize * tile, itemsize) for tile in tiles]
    content = bytearray(path.read_bytes())
    for place, itemsize in places:
        content[place : place + itemsize] = bytes(itemsize)
    path.write_bytes(content)


@pytest.mark.parametrize("ome", [True, False])
def test_a_level_without_some_tiles_is_left_out(tmp_path: Path, ome: bool) -> None:
    path = tmp_path / ("a.ome.tif" if ome else "a.tif")
    pixels = stack(2, 96, 96)
    small = write_tiled(path, pixels, ome=ome)
    whole = open_image(path)
    assert np.array_equal(to_numpy(select_level(whole, 1)).reshape(small.shape), small)
    forget_tiles(path, 1, [4], page=1)
    handle = open_image(path)
    assert len(handle.levels) == 1
    assert [note.code for note in handle.diagnostics if "level" in note.code] == [
        "tiff-partial-level"
    ]
    assert np.array_equal(to_numpy(handle).reshape(pixels.shape), pixels)


@pytest.mark.parametrize("ome", [True, False])
def test_levels_of_sparse_files_stay(tmp_path: Path, ome: bool) -> None:
    path = tmp_path / ("a.ome.tif" if ome else "a.tif")
    pixels = stack(1, 96, 96)
    pixels[:, :32, :32] = 0
    small = write_tiled(path, pixels, ome=ome)
    # The four full-resolution tiles under the first tile of the level are not stored either.
    forget_tiles(path, 0, [0, 1, 6, 7])
    forget_tiles(path, 1, [0])
    handle = open_image(path)
    assert np.array_equal(to_numpy(handle).reshape(pixels.shape), pixels)
    assert np.array_equal(to_numpy(select_level(handle, 1)).reshape(small.shape), small)
