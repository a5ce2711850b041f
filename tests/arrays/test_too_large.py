"""Images that do not fit into the memory: an error of its own at once, nothing allocated.

Source of the right behaviour: the file is sound, so a script that skips corrupt files must not skip
it; Linux kills a process that uses more memory than there is.
"""

import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import dask
import dask.array as da
import numpy as np
import pytest
import tifffile

from aicsio import (
    AICSImage,
    CorruptFileError,
    DimensionError,
    ImageHandle,
    ImageTooLargeError,
    PixelSize,
    UnsupportedFormatError,
    _codecs,
    open_image,
    open_many,
    select_level,
    to_dask,
    to_numpy,
    to_xarray,
    transpose_to,
)
from aicsio._engine import memory
from aicsio.formats.imageio.frames import translated
from aicsio.records import Dims, LazyArray, Piece, Source
from aicsio.testing.layouts import make_handle, store_array


@attrs.frozen
class Empty:
    """A layout without pieces: every pixel is 0."""

    block_shape: tuple[int, ...]

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> tuple[Piece, ...]:
        assert len(block) == len(window)
        return ()


def canvas(*shape: int, block: tuple[int, ...] | None = None) -> ImageHandle:
    """An image of any size, of which nothing is stored."""
    layout = Empty(block or (1024,) * len(shape))
    return make_handle(LazyArray.whole(layout, Dims("YX", shape), np.uint8))


READS: dict[str, Callable[[ImageHandle], Any]] = {
    "to_numpy": to_numpy,
    "to_xarray": to_xarray,
    "compute": lambda handle: to_dask(handle).compute(),
    "compute sync": lambda handle: to_dask(handle).compute(scheduler="sync"),
    "compute processes": lambda handle: to_dask(handle).compute(scheduler="processes"),
    "computed xarray": lambda handle: to_xarray(handle, lazy=True).data.compute(),
    "asarray": np.asarray,
    "joined": lambda handle: to_numpy(open_many([handle, handle])),
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("side", [1 << 20, (1 << 31) - 1])
def test_a_canvas_without_end_is_refused(read: str, side: int) -> None:
    handle = canvas(side, side)
    tracemalloc.start()
    try:
        with pytest.raises(ImageTooLargeError, match=r"pick a part with transpose_to") as caught:
            READS[read](handle)
        assert tracemalloc.get_traced_memory()[1] < 300 << 20
    finally:
        tracemalloc.stop()
    assert isinstance(caught.value, MemoryError)
    assert not isinstance(caught.value, CorruptFileError)
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args


@pytest.mark.parametrize("side", [1 << 20, 1 << 22])
def test_a_part_of_it_is_read(side: int) -> None:
    handle = canvas(side, side)
    lazy = to_dask(handle)
    assert lazy.shape == (side, side)
    assert lazy[5:9, -3:].compute().shape == (4, 3)
    assert to_numpy(transpose_to(handle, "YX", Y=slice(0, 8), X=slice(0, 4))).shape == (8, 4)
    assert to_xarray(handle, lazy=True).isel(Y=3, X=slice(2)).values.tolist() == [0, 0]


def test_coordinates_without_end_are_refused() -> None:
    handle = canvas(4, (1 << 31) - 1)
    scene = attrs.evolve(handle.scene, pixel_size=PixelSize(X=0.5))
    handle = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))
    with pytest.raises(ImageTooLargeError, match="all 2,147,483,647 positions of X"):
        to_xarray(handle, lazy=True)
    last = to_xarray(transpose_to(handle, "YX", X=slice(-2, None)))
    assert last.coords["X"].values.tolist() == [(2**31 - 3) * 0.5, (2**31 - 2) * 0.5]


def test_what_is_free_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "UNCHECKED", 0)
    monkeypatch.setattr(memory, "free_bytes", lambda: 1000)
    assert to_numpy(canvas(10, 100)).nbytes == 1000
    assert to_dask(canvas(10, 100)).compute().nbytes == 1000
    for read in READS.values():
        with pytest.raises(ImageTooLargeError, match=r"need 1,010 bytes, but 1,000 bytes|2,020"):
            read(canvas(10, 101))


def test_the_legacy_face_refuses_it() -> None:
    img = AICSImage(np.zeros((2, 3)))
    img._focus(canvas(1 << 20, 1 << 20))
    for read in (
        lambda: img.data,
        lambda: img.get_image_data("YX"),
        img.dask_data.compute,
        lambda: img.xarray_data,
        img.get_stack,
    ):
        with pytest.raises(ImageTooLargeError):
            read()
    assert img.get_image_data("YX", Y=slice(0, 3), X=slice(0, 2)).shape == (3, 2)


def test_scenes_that_fit_alone_and_not_together(monkeypatch: pytest.MonkeyPatch) -> None:
    img = AICSImage([np.zeros((10, 100), np.uint8)] * 3, dim_order="YX")
    monkeypatch.setattr(memory, "UNCHECKED", 0)
    monkeypatch.setattr(memory, "free_bytes", lambda: 2500)
    assert img.get_stack(select_scenes=[0, 2]).nbytes == 2000
    with pytest.raises(ImageTooLargeError):
        img.get_stack()


def test_a_smaller_level_is_the_way_out() -> None:
    small = store_array(np.ones((4, 4), np.uint8), "YX")
    handle = make_handle(canvas(1 << 30, 1 << 30).array, small)
    with pytest.raises(ImageTooLargeError, match="a smaller level with select_level"):
        to_numpy(handle)
    assert to_numpy(select_level(handle, 1)).tolist() == [[1] * 4] * 4


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [
        ((1 << 31, 1 << 31), "auto"),
        ((1 << 31, 1 << 31), 1),
        ((1 << 31, 1 << 31), "X"),
        ((1 << 31, 8), {"Y": 1}),
        ((1 << 16, 1 << 16), (64, 2)),
    ],
)
def test_more_chunks_than_dask_can_list(shape: tuple[int, int], chunks: Any) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ImageTooLargeError, match=r" chunks: pick a part with transpose_to"):
            to_dask(canvas(*shape), chunks=chunks)
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


def test_chunks_of_size_0_are_no_matter_of_memory() -> None:
    with pytest.raises(DimensionError):
        to_dask(canvas(1 << 31, 1 << 31), chunks=0)


def test_dask_of_the_caller_stays_the_callers() -> None:
    lazy = da.zeros((1 << 20, 1 << 20), chunks=1 << 14, dtype=np.uint8)
    handle = open_image(lazy)
    assert to_dask(handle)[3, 5].compute() == 0
    with dask.config.set(scheduler="sync"):
        assert to_numpy(transpose_to(handle, "YX", Y=3, X=slice(0, 4))).shape == (1, 4)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [(MemoryError, ImageTooLargeError), (NotImplementedError, UnsupportedFormatError)],
)
def test_what_a_decoder_lacks_is_no_damage(
    raised: type[Exception],
    expected: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A sound strip that decodes to more bytes than the process may have, and a rare predictor."""
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8), np.uint8), compression="zlib")
    handle = open_image(tmp_path / "a.tif")

    def lack(*_arguments: object) -> None:
        raise raised

    monkeypatch.setattr(_codecs, "decode", lack)
    with pytest.raises(expected) as caught:
        to_numpy(handle)
    assert not isinstance(caught.value, CorruptFileError)


def test_a_picture_that_needs_more_memory_is_no_damage() -> None:
    def lack() -> None:
        with translated(Source("a.png"), "reading"):
            raise MemoryError

    with pytest.raises(ImageTooLargeError, match="reading failed"):
        lack()


@pytest.mark.parametrize("nbytes", [1 << 60, 1 << 63])
def test_a_block_beyond_all_memory_is_no_damage(nbytes: int) -> None:
    with pytest.raises(ImageTooLargeError, match="a stored block needs"):
        _codecs.Scratch().take("block", nbytes)
