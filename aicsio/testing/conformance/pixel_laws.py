"""Laws of pixels: windows, pieces, dask and threads show one image.

Rule kept here: what a law compares with is a reading of the whole by the same format; whether that is right
only a second reader can show.
"""

import math
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.arrays import to_numpy
from aicsio.records import ImageHandle, LazyArray, Nested, Piece, Selection
from aicsio.steps import transpose_to
from aicsio.testing import laws
from aicsio.testing.conformance.cases import Case, describe_level, each_level, require, take_corner
from aicsio.testing.model import transpose_array

_WINDOWS = 6
"""Random windows a level, and random blocks: enough to meet edges, few enough to stay quick."""


def _read(handle: ImageHandle) -> npt.NDArray[Any]:
    return to_numpy(take_corner(handle))


def check_windows(case: Case) -> None:
    """Windows with steps, also backwards, single positions and other orders are crops of the whole."""
    rng = case.random()
    for level in each_level(case.open()):
        shown = take_corner(level)
        whole = to_numpy(shown)
        require(whole.shape == shown.shape, f"{describe_level(level)} reads as {whole.shape}")
        require(whole.dtype == shown.dtype, f"{describe_level(level)} reads as {whole.dtype}")
        for _ in range(_WINDOWS):
            order = "".join(rng.permutation(list(shown.dims.order)))
            picks = {letter: _draw_pick(rng, size) for letter, size in shown.dims.items()}
            seen = to_numpy(transpose_to(shown, order, **picks))
            expected = transpose_array(whole, shown.dims.order, order, **picks)
            same = seen.tobytes() == expected.tobytes()
            require(same, f"{describe_level(level)}: {order} with {picks} is no crop of the whole")


def _draw_pick(rng: np.random.Generator, size: int) -> slice | int:
    start = int(rng.integers(0, size))
    kind = rng.integers(0, 4)
    if kind == 0:
        return start
    if kind == 1:
        return slice(start, None, -int(rng.integers(1, 4)))
    stop = int(rng.integers(start + 1, size + 1))
    return slice(start, stop, int(rng.integers(1, 4)))


def check_many_windows(case: Case) -> None:
    """Windows of one call, also beyond the edges and twice the same, are crops of the whole."""
    rng = case.random()
    for level in each_level(case.open()):
        shown = take_corner(level)
        cut = [letter for letter, size in shown.dims.items() if size][-3:]
        if not shown.array.size:
            continue
        along = "".join(rng.permutation(cut)[: int(rng.integers(1, len(cut) + 1))])
        lengths = [shown.dims[letter] for letter in along]
        sizes = [int(rng.integers(1, length + 2)) for length in lengths]
        # From two positions before the image to one behind it.
        starts = rng.integers(-2, np.array(lengths) + 2, (_WINDOWS, len(along)))
        # Two windows twice: a reader may share their blocks, and must fill both.
        starts = np.concatenate([starts, starts[:2]])
        laws.many_windows_are_crops(shown, starts, sizes, along)


def check_dask(case: Case) -> None:
    """A dask array by its chunks has the pixels of the whole."""
    for level in each_level(case.open()):
        laws.dask_computes_what_is_read(take_corner(level))


def check_threads(case: Case) -> None:
    """Four readings at once are equal: a format keeps no state between calls."""
    handle = case.open()
    expected = _read(handle).tobytes()
    with ThreadPoolExecutor(4) as pool:
        readings = list(pool.map(_read, [handle] * 8))
    require(all(pixels.tobytes() == expected for pixels in readings), "readings by threads differ")


def check_pieces(case: Case) -> None:
    """``pieces`` needs no file, and its selections lie in the piece and in the window."""
    handle = case.open()
    for path in case.files():
        path.unlink()
    rng = case.random()
    for level in each_level(handle):
        for _ in range(_WINDOWS):
            _check_a_window(level.array, rng, describe_level(level))


def _check_a_window(array: LazyArray, rng: np.random.Generator, where: str) -> None:
    block = tuple(int(rng.integers(0, len(starts))) for starts in array.blocks)
    window = []
    for index, size, most in zip(block, array.layout.block_shape, array.stored.shape, strict=True):
        # The last block of an axis may be shorter.
        length = min(size, most - index * size)
        start = int(rng.integers(0, length))
        window.append(slice(start, int(rng.integers(start + 1, length + 1))))
    pieces = array.layout.pieces(block, tuple(window))
    for piece in _with_nested(pieces):
        # A nested piece is placed in its parent, whose window is another one.
        extent = None if piece.nested else tuple(part.stop - part.start for part in window)
        _check_selection(piece.selection, piece.shape, extent, f"{where} block {block}")


@attrs.frozen(eq=False)
class _Planned:
    """A piece as far as it is checked. Not a record: it lives for one law."""

    selection: Selection
    shape: tuple[int, ...]
    nested: bool


def _with_nested(pieces: Iterable[Piece], nested: bool = False) -> Iterable[_Planned]:
    """List pieces, and those of the arrays that they nest."""
    for piece in pieces:
        yield _Planned(piece.selection, piece.shape, nested)
        if isinstance(piece, Nested):
            inner = piece.array
            first = (0,) * len(inner.stored)
            sizes = zip(inner.layout.block_shape, inner.stored.shape, strict=True)
            window = tuple(slice(0, min(size, most)) for size, most in sizes)
            yield from _with_nested(inner.layout.pieces(first, window), nested=True)


def _check_selection(
    selection: Selection, shape: tuple[int, ...], extent: tuple[int, ...] | None, where: str
) -> None:
    for start, size, most in zip(selection.source_start, selection.shape, shape, strict=True):
        inside = start >= 0 and size >= 1 and start + size <= most
        require(inside, f"{where}: {selection} reaches out of its piece of shape {shape}")
    if extent is None:
        return
    for start, size, most in zip(selection.target_start, selection.shape, extent, strict=True):
        inside = start >= 0 and start + size <= most
        require(inside, f"{where}: {selection} reaches out of a window of shape {extent}")
    require(math.prod(selection.shape) >= 1, f"{where}: {selection} selects nothing")
