"""How pixels are pulled: each box once, each block of the source once where it can be, a bounded number ahead."""

import collections
import threading
import time
from pathlib import Path
from typing import Any

import attrs
import dask.array as da
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from aicsio import ImageHandle, open_image, write_ome_tiff
from aicsio.testing.layouts import make_handle, store_array
from aicsio.writers._pixels import boxes, directories, segments, stream
from aicsio.writers._pixels import tiff as tiff_structure
from aicsio.writers._pixels.jobs import ImageJob
from aicsio.writers._pixels.plan import in_file_order
from support import mostly_long


def job_of(handle: ImageHandle, tile: int | None) -> ImageJob:
    array = in_file_order(handle)
    height, width = array.dims["Y", "X"]
    grid = (
        tiff_structure.strips(height, width, width, 2048)
        if tile is None
        else tiff_structure.tiles(height, width, (tile, tile))
    )
    pages = tiff_structure.Pages(
        array.size // (height * width), height, width, 1, array.dtype.newbyteorder("<"), grid
    )
    return ImageJob(array, pages, None)


@given(st.data())
def test_boxes_cover_every_pixel_once_and_hold_whole_segments(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(*[st.integers(1, 4)] * 3, st.integers(1, 90), st.integers(1, 90)))
    image = np.zeros(shape, "u2")
    blocks = tuple(data.draw(st.integers(1, n)) for n in shape)
    source: Any = data.draw(st.sampled_from(["numpy", "dask", "raw", "deflate"]))
    if source == "numpy":
        handle = open_image(image, dims="TCZYX")
    elif source == "dask":
        handle = open_image(da.from_array(image, chunks=blocks), dims="TCZYX")
    else:
        handle = make_handle(store_array(image, "TCZYX", blocks, source))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boxes, "BOX_BYTES", data.draw(st.integers(1, 60_000)))
        patch.setattr(boxes, "UNEVEN_BOX_BYTES", data.draw(st.integers(1, 60_000)))
        job = job_of(handle, data.draw(st.sampled_from([None, 16, 32, 64])))
        cut = list(boxes.cut_into_boxes(job))
    seen = np.zeros(shape, int)
    grid = job.pages.grid
    for box in cut:
        seen[tuple(slice(s, s + n) for s, n in zip(box.start, box.shape, strict=True))] += 1
        for start, size, full, unit in zip(
            box.start[3:5], box.shape[3:5], shape[3:5], (grid.height, grid.width), strict=True
        ):
            assert start % unit == 0
            assert size % unit == 0 or start + size == full
    assert (seen == 1).all()


@attrs.define
class Counted:
    """How often each chunk of a dask array was computed, and how many at once at most."""

    times: collections.Counter[tuple[int, ...]] = attrs.field(factory=collections.Counter)
    now: int = 0
    most: int = 0
    lock: Any = attrs.field(factory=threading.Lock)

    def image(self, shape: tuple[int, ...], chunks: tuple[int, ...], pause: float = 0.0) -> Any:
        def chunk(block: Any, block_info: Any = None) -> Any:
            with self.lock:
                self.times[block_info[0]["chunk-location"]] += 1
                self.now += 1
                self.most = max(self.most, self.now)
            time.sleep(pause)
            with self.lock:
                self.now -= 1
            return block + sum(block_info[0]["chunk-location"])

        lazy = da.zeros(shape, dtype="u2", chunks=chunks)
        return lazy.map_blocks(chunk, dtype="u2", meta=np.zeros((0,) * len(shape), "u2"))


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [
        ((2, 20, 600, 700), (1, 5, 600, 700)),
        ((1, 3, 2000, 2000), (1, 3, 512, 1024)),
        ((1, 3, 2000, 2000), (1, 2, 256, 128)),
        ((1, 2, 3000, 2000), (1, 1, 1000, 900)),
        ((3, 40, 30, 40), (1, 1, 30, 40)),
        ((3, 2, 100, 100), (3, 2, 7, 100)),
    ],
)
@pytest.mark.parametrize("compression", mostly_long([None, "zlib"], "zlib"))
def test_each_chunk_is_computed_once(
    shape: tuple[int, ...], chunks: tuple[int, ...], compression: Any, tmp_path: Path
) -> None:
    counted = Counted()
    lazy = counted.image(shape, chunks)
    report = write_ome_tiff(
        open_image(lazy, dims="CZYX"), tmp_path / "a.ome.tiff", compression=compression
    )
    assert set(counted.times.values()) == {1}
    assert len(counted.times) == lazy.npartitions
    assert tifffile.imread(report.path).tobytes() == lazy.compute().tobytes()


def test_large_blocks_are_read_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boxes, "BOX_BYTES", 1)
    monkeypatch.setattr(stream, "IN_FLIGHT", 200_000)
    counted = Counted()
    lazy = counted.image((12, 200, 300), (1, 200, 300), pause=0.005)
    write_ome_tiff(open_image(lazy), tmp_path / "a.ome.tiff", workers=4)
    assert counted.most == 1
    assert set(counted.times.values()) == {1}


def test_boxes_are_done_side_by_side_and_few_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boxes, "BOX_BYTES", 1)
    counted = Counted()
    lazy = counted.image((60, 64, 64), (1, 64, 64), pause=0.01)
    ahead: list[int] = []

    def look(done: int, total: int) -> None:
        ahead.append(sum(counted.times.values()) - done * 60 // total)

    write_ome_tiff(open_image(lazy), tmp_path / "a.ome.tiff", workers=3, progress=look)
    assert counted.most == 3
    assert max(ahead) <= 2 * 3 + 1


def test_workers_stop_soon_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "BOX_BYTES", 1)
    counted = Counted()
    lazy = counted.image((200, 64, 64), (1, 64, 64))

    def stop(*_: object) -> None:
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        write_ome_tiff(open_image(lazy), tmp_path / "a.ome.tiff", workers=3, progress=stop)
    assert sum(counted.times.values()) <= 10
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("aicsio")]


def test_many_small_planes_share_boxes() -> None:
    job = job_of(open_image(np.zeros((5000, 8, 8), "u1"), dims="ZYX"), None)
    assert len(list(boxes.cut_into_boxes(job))) == 1


def test_pixels_in_memory_are_not_copied() -> None:
    image = np.arange(2 * 3 * 40 * 50, dtype="u2").reshape(2, 3, 40, 50)
    shown = segments.in_memory(open_image(image, dims="TZYX").array)
    assert shown is not None
    assert np.shares_memory(shown, image)
    for other in (image[..., ::-1], image.astype(">u2"), image.transpose(1, 0, 2, 3)):
        assert segments.in_memory(open_image(other, dims="TZYX").array) is None


@pytest.mark.parametrize("big", [False, True])
def test_offsets_beyond_4_gib(big: bool, tmp_path: Path) -> None:
    """A sparse file stands in for 5 GiB of pixels."""
    grid = tiff_structure.tiles(1 << 14, 1 << 14, (1 << 12, 1 << 12))
    pages = tiff_structure.Pages(20 if big else 15, 1 << 14, 1 << 14, 1, np.dtype("u1"), grid)
    offsets, counts = pages.raw_segments()
    end = int((offsets + counts).max())
    assert (end > 1 << 32) is big
    assert end == tiff_structure.DATA_START + pages.count * pages.plane_bytes
    data, first = directories.build_directories(
        [[(pages, (offsets, counts))]], b"<x/>", end, big=big
    )
    path = tmp_path / "sparse.tif"
    with path.open("wb") as file:
        file.write(tiff_structure.header(first, big=big))
        file.seek(end - 1)
        file.write(b"\7" + data)
    assert len(data) <= directories.directories_bound([pages], b"<x/>")
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_bigtiff is big
        assert len(tiff.pages) == pages.count
        last = tiff.pages[-1]
        assert isinstance(last, tifffile.TiffPage)
        assert last.dataoffsets == tuple(offsets[-1].tolist())
        assert last.databytecounts == tuple(counts[-1].tolist())
        tile, _, _ = last.decode(
            np.memmap(path, "u1", "r")[last.dataoffsets[-1] :][: last.databytecounts[-1]], 15
        )
        assert tile is not None
        assert tile.reshape(-1)[-1] == 7


@pytest.mark.parametrize("samples", [1, 2, 3, 4, 60])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("count", [1, 2, 700])
def test_the_bound_of_directories_holds(count: int, big: bool, samples: int) -> None:
    for grid in (
        tiff_structure.strips(9, 9, 9, 100),
        tiff_structure.strips(9, 9, 9, 18),
        tiff_structure.tiles(90, 70, (16, 16)),
    ):
        pages = tiff_structure.Pages(
            count, 9, 9, samples, np.dtype("<f8"), grid, 8, 2, (0.123, 0.77)
        )
        for images in ([pages], [pages] * 3):
            placed = [[(image, image.raw_segments())] for image in images]
            data, first = directories.build_directories(placed, b"x" * 1001, 16, big=big)
            assert len(data) <= directories.directories_bound(images, b"x" * 1001)
            assert first % 2 == 0
