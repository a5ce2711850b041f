"""Many windows at once: equal to crops of the pixels that were written, whatever stores them."""

import itertools
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import dask.array as da
import numpy as np
import pytest
import tifffile

from aicsio import (
    ArgumentTypeError,
    DimensionError,
    ImageHandle,
    ImageTooLargeError,
    _codecs,
    open_image,
    open_many,
    pipe,
    read_windows,
    to_numpy,
    transpose_to,
    write_ome_tiff,
    write_ome_zarr,
)
from aicsio._engine import boxes, memory, windows
from aicsio.records import LazyArray
from aicsio.testing.czi import Block, blocks_of, write_czi
from aicsio.testing.layouts import make_handle, store_array
from aicsio.testing.lif import LifImage, write_lif
from http_server import serving
from support import mostly_long, takes_long

RNG = np.random.default_rng(11)
PIXELS = RNG.integers(1, 4096, (2, 3, 150, 190), np.uint16)
STARTS = np.stack([RNG.integers(0, 150 - 40, 60), RNG.integers(0, 190 - 56, 60)], axis=1)
SIZE = (40, 56)


def cropped(pixels: Any, starts: Any = STARTS, size: tuple[int, int] = SIZE) -> Any:
    """What numpy cuts out of the pixels."""
    (height, width) = size
    return np.stack([pixels[..., y : y + height, x : x + width] for y, x in starts])


def tiff(folder: Path, compression: Any = "zstd", tile: int | None = 64) -> ImageHandle:
    path = folder / "cells.ome.tiff"
    write_ome_tiff(open_image(PIXELS, dims="CZYX"), path, compression=compression, tile=tile)
    return transpose_to(open_image(path), "CZYX")


def mosaic(folder: Path, compression: str = "zstd1-hilo", overlap: int = 9) -> ImageHandle:
    path = folder / "cells.czi"
    tiles = blocks_of(PIXELS, "CZYX", tile=(32, 48), overlap=overlap, compression=compression)
    write_czi(path, tiles)
    return open_image(path)


def lif(folder: Path) -> ImageHandle:
    path = folder / "cells.lif"
    write_lif(path, [LifImage(PIXELS, "CZYX")])
    return open_image(path)


def zarr(folder: Path) -> ImageHandle:
    path = folder / "cells.ome.zarr"
    write_ome_zarr(open_image(PIXELS, dims="CZYX"), path, chunks={"Y": 32, "X": 32}, levels=1)
    return transpose_to(open_image(path), "CZYX")


def dask_array(folder: Path) -> ImageHandle:
    del folder
    return open_image(da.from_array(PIXELS, chunks=(1, 1, 64, 64)), dims="CZYX")


def joined(folder: Path) -> ImageHandle:
    for z in range(3):
        write_ome_tiff(
            open_image(PIXELS[:, z], dims="CYX"), folder / f"z{z}.ome.tiff", compression="zstd"
        )
    paths = [folder / f"z{z}.ome.tiff" for z in range(3)]
    return transpose_to(open_many(paths, along="Z"), "CZYX")


WAYS: list[Callable[[Path], ImageHandle]] = [
    tiff,
    lambda folder: tiff(folder, None, None),
    lambda folder: tiff(folder, "zlib", None),
    mosaic,
    lambda folder: mosaic(folder, "raw"),
    lambda folder: mosaic(folder, "raw", 0),
    lif,
    zarr,
    dask_array,
    joined,
    lambda _: open_image(PIXELS, dims="CZYX"),
]


@pytest.mark.parametrize("way", WAYS)
def test_windows_equal_crops(way: Callable[[Path], ImageHandle], tmp_path: Path) -> None:
    handle = way(tmp_path)
    assert np.array_equal(read_windows(handle, STARTS, SIZE), cropped(PIXELS))
    one_plane = transpose_to(handle, "YX", C=1, Z=2)
    assert np.array_equal(read_windows(one_plane, STARTS, SIZE), cropped(PIXELS[1, 2]))


@pytest.mark.parametrize("way", [tiff, mosaic, lif, zarr])
def test_views_that_step_and_turn(way: Callable[[Path], ImageHandle], tmp_path: Path) -> None:
    """Oracle: the same steps taken by numpy."""
    handle = way(tmp_path)
    turned = transpose_to(handle, "XYC", Z=1, Y=slice(None, None, -2), X=slice(3, None, 3))
    shown = PIXELS[:, 1, ::-2, 3::3].transpose(2, 1, 0)
    starts = [(0, 0), (30, 10), (41, 45)]
    result = read_windows(turned, starts, (20, 17), along="YX")
    expected = np.stack([shown[x : x + 17, y : y + 20] for y, x in starts])
    assert np.array_equal(result, expected)
    uneven = transpose_to(handle, "YX", C=0, Z=1, Y=[5, 3, 100, 7, 7])
    result = read_windows(uneven, [(1, 20), (0, 3)], (4, 9))
    rows = PIXELS[0, 1][[5, 3, 100, 7, 7]]
    assert np.array_equal(result, cropped(rows, [(1, 20), (0, 3)], (4, 9)))


def test_windows_along_other_letters(tmp_path: Path) -> None:
    handle = tiff(tmp_path)
    result = read_windows(handle, [(1, 5, 7), (0, 0, 0)], (2, 30, 20), along="ZYX")
    assert np.array_equal(
        result, np.stack([PIXELS[:, 1:3, 5:35, 7:27], PIXELS[:, 0:2, 0:30, 0:20]])
    )
    rows = read_windows(handle, np.array([[140], [3]]), 10, along="Y")
    assert np.array_equal(rows, np.stack([PIXELS[:, :, 140:150], PIXELS[:, :, 3:13]]))
    slices = [(slice(4, 24), slice(0, 8)), (slice(0, 20), slice(100, 108))]
    expected = cropped(PIXELS, [(4, 0), (0, 100)], (20, 8))
    assert np.array_equal(read_windows(handle, slices), expected)
    assert read_windows(handle, np.zeros((0, 2), int), 8).shape == (0, 2, 3, 8, 8)


@pytest.mark.parametrize("way", [tiff, mosaic, dask_array])
@pytest.mark.parametrize("fill", [0, 77])
def test_padded_windows(way: Callable[[Path], ImageHandle], fill: int, tmp_path: Path) -> None:
    starts = np.stack([RNG.integers(-80, 200, 80), RNG.integers(-80, 240, 80)], axis=1)
    larger = np.pad(PIXELS, ((0, 0), (0, 0), (80, 130), (80, 130)), constant_values=fill)
    expected = cropped(larger, starts + 80)
    handle = way(tmp_path)
    result = read_windows(handle, starts, SIZE, outside="pad", fill=fill)
    assert np.array_equal(result, expected)
    used = np.full(result.shape, 9, np.uint16)
    assert read_windows(handle, starts, SIZE, outside="pad", fill=fill, out=used) is used
    assert np.array_equal(used, expected)


def test_gaps_of_a_mosaic_are_zero_in_used_memory(tmp_path: Path) -> None:
    path = tmp_path / "gaps.czi"
    tile = np.full((32, 32), 5, np.uint16)
    blocks = [Block(tile, {"C": 0, "M": m, "Y": 50 * m, "X": 40 * m}) for m in range(3)]
    write_czi(path, blocks)
    handle = open_image(path)
    whole = to_numpy(handle)
    starts = [(0, 0), (20, 20), (60, 70), (90, 0)]
    out = np.full((4, 1, 40, 40), 9, np.uint16)
    assert np.array_equal(
        read_windows(handle, starts, 40, out=out), cropped(whole, starts, (40, 40))
    )
    assert (out == 0).any()


@pytest.mark.parametrize("compression", mostly_long(["raw", "zstd0"], "raw"))
def test_later_tiles_of_a_mosaic_cover_earlier_ones(compression: str, tmp_path: Path) -> None:
    """Tiles that differ where they overlap, at any place; oracle: painted one after the other."""
    canvas = np.zeros((140, 170), np.uint16)
    blocks: list[Block] = []
    corners = [
        (0, 0),
        (108, 130),
        *zip(RNG.integers(0, 108, 40), RNG.integers(0, 130, 40), strict=True),
    ]
    for m, (y, x) in enumerate(corners):
        tile = RNG.integers(1, 4096, (32, 40), np.uint16)
        canvas[y : y + 32, x : x + 40] = tile
        where = {"C": 0, "M": m, "Y": int(y), "X": int(x)}
        blocks.append(Block(tile, where, compression=compression))
    write_czi(tmp_path / "heap.czi", blocks)
    handle = transpose_to(open_image(tmp_path / "heap.czi"), "YX")
    starts = np.stack([RNG.integers(0, 100, 200), RNG.integers(0, 110, 200)], axis=1)
    assert np.array_equal(read_windows(handle, starts, (40, 60)), cropped(canvas, starts, (40, 60)))
    shown = canvas[::-1, 1::2]
    mirrored = transpose_to(handle, "YX", Y=slice(None, None, -1), X=slice(1, None, 2))
    result = read_windows(mirrored, starts // 2, (40, 20))
    assert np.array_equal(result, cropped(shown, starts // 2, (40, 20)))


@pytest.mark.parametrize(
    ("way", "codec", "count"),
    [
        (tiff, "zstd", 2 * 3 * 3 * 3),
        # Tiles of 32 x 48 every 23 x 39 pixels: 7 rows and 5 columns of them.
        (mosaic, "zstd1", None),
        (joined, "zstd", None),
    ],
)
def test_each_stored_block_is_decoded_once(
    way: Callable[[Path], ImageHandle],
    codec: str,
    count: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handle = way(tmp_path)
    decoded: list[int] = []
    decode = _codecs.CODECS[codec]

    def counted(data: Any, target: Any, **options: Any) -> Any:
        decoded.append(len(data))
        return decode(data, target, **options)

    monkeypatch.setitem(_codecs.CODECS, codec, counted)
    to_numpy(handle, workers=1)
    whole = len(decoded)
    decoded.clear()
    starts = np.concatenate([STARTS, STARTS])
    assert np.array_equal(read_windows(handle, starts, SIZE), cropped(PIXELS, starts))
    # A full read decodes tiles of a mosaic that lie across the edge of a block more than once.
    assert 0 < len(decoded) <= whole
    assert count is None or len(decoded) <= count


@takes_long
def test_many_windows_are_planned_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MOST_PARTS", 7)
    monkeypatch.setattr(boxes, "MOST_PARTS", 7)
    for way in (tiff, mosaic):
        assert np.array_equal(read_windows(way(tmp_path), STARTS, SIZE), cropped(PIXELS))


@pytest.mark.parametrize("overlap", [0, 9])
def test_remote_windows_share_requests(overlap: int, tmp_path: Path) -> None:
    mosaic(tmp_path, "zstd1-hilo", overlap)
    content = (tmp_path / "cells.czi").read_bytes()
    with serving(cells__czi=content) as site:
        handle = open_image(site.url + "cells.czi")
        site.forget()
        assert np.array_equal(read_windows(handle, STARTS, SIZE), cropped(PIXELS))
        # 120 and more tiles lie near each other in the file.
        assert len(site.asked) <= 12


PLANNED: list[Callable[[Path], ImageHandle]] = [
    tiff,
    lambda folder: tiff(folder, None),
    lambda folder: tiff(folder, "zlib", None),
    mosaic,
    lambda folder: mosaic(folder, "raw", 0),
    zarr,
]


@pytest.mark.parametrize("way", PLANNED)
def test_windows_of_slides_are_planned_all_at_once(
    way: Callable[[Path], ImageHandle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan window by window, which all layouts have, is not asked."""
    monkeypatch.setattr(windows, "_take_parts", lambda *_: [])
    plane = transpose_to(way(tmp_path), "YX", C=1, Z=2)
    assert np.array_equal(read_windows(plane, STARTS, SIZE), cropped(PIXELS[1, 2]))


@pytest.mark.parametrize("planned", [0, 2])
def test_what_is_not_planned_at_once_is_planned_one_by_one(
    planned: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layout may refuse some windows: those that follow are read as well."""
    handle = mosaic(tmp_path)
    layout: Any = type(handle.array.layout)
    plan, calls = layout.plan_boxes, itertools.count()
    monkeypatch.setattr(boxes, "MOST_PARTS", 7)
    monkeypatch.setattr(
        layout, "plan_boxes", lambda *each: plan(*each) if next(calls) < planned else None
    )
    assert np.array_equal(read_windows(handle, STARTS, SIZE), cropped(PIXELS))


@pytest.mark.parametrize("way", WAYS)
def test_four_threads_at_once(way: Callable[[Path], ImageHandle], tmp_path: Path) -> None:
    handle = way(tmp_path)
    some = STARTS[:15]
    expected = cropped(PIXELS, some).tobytes()
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda _: read_windows(handle, some, SIZE).tobytes(), range(4))
    assert all(pixels == expected for pixels in found)


def test_planes_that_are_stored_in_two_ways_are_planned_together(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    planes = rng.integers(0, 250, (2, 50, 60), np.uint16)
    ways: list[dict[str, Any]] = [{"rowsperstrip": 7}, {"tile": (16, 32)}]
    with tifffile.TiffWriter(tmp_path / "two.tif", byteorder=">") as file:
        for plane, options in zip(planes, ways, strict=True):
            file.write(plane, compression="zlib", metadata=None, **options)
    handle = transpose_to(open_image(tmp_path / "two.tif", dims="ZYX"), "ZYX")
    layout: Any = handle.array.layout
    assert len(layout.groups) == 2
    starts = [(0, 0), (31, 40), (0, 0), (19, 3)]
    size = (19, 20)
    assert np.array_equal(read_windows(handle, starts, size), cropped(planes, starts, size))


@takes_long
def test_threads_and_order_do_not_matter(tmp_path: Path) -> None:
    handle = mosaic(tmp_path)
    one = read_windows(handle, STARTS, SIZE, workers=1)
    assert np.array_equal(one, read_windows(handle, STARTS, SIZE, workers=4))
    assert np.array_equal(one[::-1], read_windows(handle, STARTS[::-1], SIZE))


def test_the_step(tmp_path: Path) -> None:
    step = read_windows(windows=STARTS[:3], size=16)
    assert hash(step) == hash(pickle.loads(pickle.dumps(step)))
    expected = cropped(PIXELS, STARTS[:3], (16, 16))
    handle = tiff(tmp_path)
    assert np.array_equal(pipe(handle, pickle.loads(pickle.dumps(step))), expected)
    slices = read_windows([(slice(0, 4), slice(2, 9))])
    assert np.array_equal(slices(handle), cropped(PIXELS, [(0, 2)], (4, 7)))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([(0, 0)],), {}, "windows need a size"),
        (([(0, 0, 0)], 4), {}, r"windows have shape \(1, 3\): give an array of ints of shape \(N, 2\)"),
        (([(0, 0), (1,)], 4), {}, "windows of different lengths|windows are object"),
        (([(0.5, 0)], 4), {}, "windows are float64"),
        (([(0, 0)], (4,)), {}, "has 1 numbers for 'YX'"),
        (([(0, 0)], 0), {}, "windows have 0 positions along Y"),
        (([(0, 0)], 4), {"along": "TX"}, "along='TX' names 'T'"),
        (([(0, 0)], 4), {"along": "YY"}, "Y"),
        (([(0, 0), (147, 0)], 4), {}, "window 1 has Y 147 to 151, the image 0 to 150"),
        (([(-1, 0)], 4), {}, "window 0 has Y -1 to 3, .*outside='pad'"),
        (([(slice(0, 4), slice(0, 4))], 4), {}, "leave out size"),
        (([(slice(0, 4), slice(0, 4)), (slice(0, 5), slice(0, 4))],), {}, "window 1 has size"),
        (([(slice(0, 4), slice(None, 4))],), {}, "with a start and a stop"),
        # Python's own slices take no fractions; sums beyond 64 bits came back as positions inside.
        (([(slice(0.5, 4.5), slice(0, 4))],), {}, r"window 0 has slice\(0.5, 4.5, None\): 0.5 is no integer"),
        (([(slice("a", "b"), slice(0, 4))],), {}, "'a' is no integer"),
        (([(slice(True, 4), slice(0, 4))],), {}, "True is no integer"),
        (([(slice(2**70, 2**70 + 4), slice(0, 4))],), {}, f"begins at Y {2**70}: no image reaches"),
        (([(0, 0), (2**63 - 1, 0)], 4), {}, f"window 1 begins at Y {2**63 - 1}: no image reaches that far"),
        ((np.array([[0, 1]], np.uint64) - np.uint64(1), 4), {"outside": "pad"}, "begins at Y 18446744073709551615"),
        (([(slice(0, 4),)],), {}, "give one slice for each of 'YX'"),
        (([(0, 0)], 4), {"outside": "pad", "fill": 70_000}, "fill=70000 is no value of uint16"),
        (([(0, 0)], 4), {"outside": "pad", "fill": 0.5}, "fill=0.5 is no value of uint16"),
        (([(0, 0)], 4), {"outside": "pad", "fill": float("nan")}, "fill=nan is no value of uint16"),
        (([(0, 0)], 4), {"outside": "wrap"}, "outside='wrap'"),
        (([(0, 0)], 4), {"out": np.zeros((1, 2, 3, 4, 5), np.uint16)}, "out has shape"),
        (([(0, 0)], 4), {"out": np.zeros((1, 2, 3, 4, 4), np.int16)}, "out has pixels of int16"),
        (([(0, 0)], 4), {"out": np.zeros((4, 4, 3, 2, 1), np.uint16).T}, "not contiguous"),
        ((7,), {}, "windows=7"),
    ],
)  # fmt: skip
def test_wrong_windows_are_refused(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises((DimensionError, ArgumentTypeError), match=message):
        read_windows(open_image(PIXELS, dims="CZYX"), *arguments, **options)


def test_too_many_windows_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: 1 << 30)
    starts = np.zeros((1 << 20, 2), np.int64)
    with pytest.raises(ImageTooLargeError, match="ask for less at once"):
        read_windows(open_image(PIXELS, dims="CZYX"), starts, 100)


# ---------------------------------------------------------------- memory of the caller


@pytest.mark.parametrize("way", WAYS)
def test_to_numpy_fills_memory_of_the_caller(
    way: Callable[[Path], ImageHandle], tmp_path: Path
) -> None:
    handle = way(tmp_path)
    stack = np.full((2, *handle.shape), 9, handle.dtype)
    part = stack[1]
    assert to_numpy(handle, out=part) is part
    assert np.array_equal(stack[1], PIXELS)
    assert (stack[0] == 9).all()


def test_wrong_memory_is_refused() -> None:
    held = PIXELS[0, 0].copy()
    handle = open_image(held, dims="YX")
    for out, message in [
        (np.empty((150, 191), np.uint16), "out has shape"),
        (np.empty((150, 190), np.uint8), "out has pixels of uint8"),
        (np.empty((190, 150), np.uint16).T, "not contiguous"),
        (np.empty((150, 190), ">u2"), "out has pixels of >u2"),
        (held, "out is memory of the image itself"),
        ([1, 2], "out="),
    ]:
        with pytest.raises((ArgumentTypeError, DimensionError), match=message):
            to_numpy(handle, out=out)
    frozen = np.empty((150, 190), np.uint16)
    frozen.setflags(write=False)
    with pytest.raises(ArgumentTypeError, match="read-only"):
        to_numpy(handle, out=frozen)
    with pytest.raises(ArgumentTypeError, match="a step keeps no memory"):
        to_numpy(out=np.empty((150, 190), np.uint16))(handle)
    assert np.array_equal(held, PIXELS[0, 0])


def test_pixels_of_any_byte_order_reach_the_memory() -> None:
    swapped = PIXELS[0].astype(">u2")
    handle = make_handle(store_array(swapped, "ZYX", (1, 64, 64), kind="deflate"))
    out = np.empty((60, 3, *SIZE), np.uint16)
    assert np.array_equal(read_windows(handle, STARTS, SIZE, out=out), cropped(PIXELS[0]))


def test_a_layout_whose_pieces_overlap_without_end_is_read_in_order() -> None:
    """More pieces than the plan compares are placed one after the other, later ones on top."""

    @attrs.frozen
    class Heap:
        block_shape: tuple[int, ...]
        inner: Any

        def pieces(self, block: Any, window: Any, /) -> Any:
            for _ in range(600):
                yield from self.inner.pieces(block, window)

    plane = PIXELS[0, 0]
    stored = store_array(plane, "YX", plane.shape)
    heap = LazyArray.whole(Heap(plane.shape, stored.layout), stored.stored, plane.dtype)
    result = read_windows(make_handle(heap), STARTS[:4], SIZE)
    assert np.array_equal(result, cropped(plane, STARTS[:4]))
