"""Arrays that the caller holds: shown by indexing, a dask array computed by dask.

Rule kept here: nothing is copied before it must be.
"""

import sys
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from aicsio._engine import memory
from aicsio.records import LazyArray, Pick, View
from aicsio.records.computed import as_promised
from aicsio.records.protocols import InMemory, offered

if TYPE_CHECKING:
    import dask.array


def show(pixels: Any, view: View) -> Any:
    """Apply a view to a numpy or dask array; numpy copies only for lists of positions."""
    # From the last axis on: an int drops its axis, which leaves the numbers of earlier ones.
    for axis in reversed(range(len(view.picks))):
        pick = view.picks[axis]
        if pick != range(pixels.shape[axis]):
            pixels = pixels[(slice(None),) * axis + (_index(pick),)]
    kept = [axis for axis, pick in enumerate(view.picks) if not isinstance(pick, int)]
    moved = pixels.transpose([kept.index(axis) for axis in view.axes if axis >= 0])
    # ``None`` in an index adds an axis of one position.
    return moved[tuple(None if axis < 0 else slice(None) for axis in view.axes)]


def _index(pick: Pick) -> int | slice | list[int]:
    if isinstance(pick, range):
        # A range that runs down to 0 stops at -1, which a slice would count from the end.
        stop = pick.stop if pick.stop >= 0 else None
        return slice(pick.start, stop, pick.step)
    return pick if isinstance(pick, int) else list(pick)


def held_pixels(array: LazyArray) -> npt.NDArray[Any] | None:
    """Return the caller's numpy array, with the stored axes; ``None`` for all other pixels."""
    layout = offered(array.layout, InMemory)
    held = None if layout is None else layout.held_array()
    return held if isinstance(held, np.ndarray) else None


def as_dask(array: LazyArray) -> "dask.array.Array | None":
    """Show an array as the caller's own dask graph; ``None`` for all other pixels.

    Cut into blocks of ours, the graph would run once per block, with all that the blocks share.
    """
    dask_array = sys.modules.get("dask.array")  # whoever holds a dask array has imported it
    if dask_array is None:
        return None
    layout = offered(array.layout, InMemory)
    if layout is None:
        return None
    held = layout.held_array()
    if not isinstance(held, dask_array.Array):
        return None
    return cast("dask.array.Array", show(held, array.view).astype(array.dtype, copy=False))


def compute(graph: "dask.array.Array", array: LazyArray) -> npt.NDArray[Any]:
    """Compute a dask array of the caller.

    Parameters
    ----------
    graph
        Of ``as_dask``.
    array
        The array that it shows.

    Raises
    ------
    ImageTooLargeError
        When the pixels do not fit into the free memory; nothing is computed then.
    DimensionError, ArgumentTypeError
        When the graph computes another shape or type than its own.
    """
    memory.require(array.nbytes, array)
    try:
        pixels = graph.compute()
    except MemoryError as error:
        raise memory.too_large(array, "this process cannot get as many") from error
    return as_promised(pixels, graph.shape, graph.dtype)
