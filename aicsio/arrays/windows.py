"""Many windows of an image at once, for training and tiled inference.

Rule kept here: this module turns arguments into windows; the engine reads them in one plan.
"""

import itertools
import operator
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, SupportsIndex, TypeAlias, overload

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import _engine
from aicsio._dims import notation
from aicsio._engine import windows as engine_windows
from aicsio.arrays.outputs import Output, check_output, check_workers, make_output
from aicsio.errors import ArgumentTypeError, DimensionError
from aicsio.records import DType, ImageHandle, LazyArray
from aicsio.records.computed import as_promised
from aicsio.steps import Step
from aicsio.steps.verbs import overloaded_verb

__all__ = ["Windows", "read_windows"]

Integers: TypeAlias = npt.NDArray[np.int64]
Windows: TypeAlias = Annotated[
    npt.NDArray[Any] | Sequence[Any],
    "first positions as an array of ints (N, 2), or a sequence of tuples of slices",
]
"""The ways to request windows: see ``read_windows``."""

_FARTHEST = 1 << 62
"""Positions beyond it are mistakes, such as an index below 0 that became unsigned."""
DASK_BYTES = 64 << 20
"""Windows of a dask array are computed together up to this size, so that they share its chunks."""


if TYPE_CHECKING:

    @overload
    def read_windows(
        handle: ImageHandle,
        /,
        windows: Windows,
        size: int | Sequence[int] | None = None,
        *,
        along: str = "YX",
        out: Output | None = None,
        outside: Literal["error", "pad"] = "error",
        fill: bool | float = 0,
        workers: int | None = None,
    ) -> npt.NDArray[Any]: ...
    @overload
    def read_windows(
        windows: Windows,
        size: int | Sequence[int] | None = None,
        *,
        along: str = "YX",
        out: Output | None = None,
        outside: Literal["error", "pad"] = "error",
        fill: bool | float = 0,
        workers: int | None = None,
    ) -> Step[npt.NDArray[Any]]: ...


@overloaded_verb
def read_windows(
    handle: ImageHandle,
    /,
    windows: Windows,
    size: int | Sequence[int] | None = None,
    *,
    along: str = "YX",
    out: Output | None = None,
    outside: Literal["error", "pad"] = "error",
    fill: bool | float = 0,
    workers: int | None = None,
) -> npt.NDArray[Any]:
    """Read many windows of one size, in one plan that decodes each stored block once.

    Parameters
    ----------
    handle
        An opened image. Without it, the call returns a step.
    windows
        - An array of ints, or a sequence of such sequences, of shape (N, k): the first positions of
          each window along the k letters of ``along``, with ``size``.
        - A sequence of N tuples of k slices, all of one size, without ``size``.

        Positions count from 0 as ``handle.dims`` shows the image; negative ones lie outside.
    size
        Positions of a window: one number for all letters, or one for each.
    along
        Letters of the axes that windows cut. All other axes are read whole: pick from them with
        ``transpose_to`` first.
    out
        Contiguous memory of the shape and type of the result, which is then returned.
    outside
        What happens to windows that reach beyond the image: ``"error"`` refuses them, ``"pad"``
        gives their outer pixels the value ``fill``.
    fill
        Value of padded pixels.
    workers
        Threads; by default one per core, up to 8.

    Returns
    -------
    numpy.ndarray
        Shape (N, ...): the order of the windows, then ``handle.dims`` with the size of a window along
        the letters of ``along``. Native byte order. Pixels that the file lacks are 0.

    Raises
    ------
    DimensionError
        When the image lacks a letter of ``along``, windows and sizes do not fit it, a window reaches
        beyond the image without ``outside="pad"``, ``out`` has another shape, or ``workers`` is
        below 1.
    ArgumentTypeError
        When windows are no integers, ``fill`` is no value of the pixel type, or ``out`` has another
        type or gaps, is read-only or memory of the image itself.
    CorruptFileError
        When bytes are missing or do not decode to the expected pixels.
    ImageTooLargeError
        When the windows do not fit into the free memory; nothing is allocated then.
    SourceError
        When the bytes cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, read_windows
    >>> image = open_image(np.arange(48).reshape(6, 8), dims="YX")
    >>> read_windows(image, [(0, 0), (4, 5)], 2).tolist()
    [[[0, 1], [8, 9]], [[37, 38], [45, 46]]]
    >>> read_windows(image, [(slice(-1, 1), slice(0, 2))], outside="pad", fill=-1).tolist()
    [[[-1, -1], [0, 1]]]
    """
    array = handle.array
    check_workers(workers)
    request = _parse(windows, size, along, array)
    if outside == "error":
        _require_inside(request, array)
    padding = _padding(fill, array.dtype) if outside == "pad" else None
    shape = (len(request.starts), *request.shape)
    zero_filled = False
    if out is None:
        out, zero_filled = make_output(shape, array.dtype)
    else:
        check_output(out, shape, array)
    if not out.size:
        return out
    pads_zeros = padding is None or padding == 0
    zero_filled = zero_filled and pads_zeros
    cuts = _cut(request, array, out, padding, zero_filled=zero_filled)
    graph, held = _engine.as_dask(array), _engine.held_pixels(array)
    if graph is not None:
        _compute(graph, cuts.each(array.shape))
    elif held is not None:
        shown = _engine.show(held, array.view)
        for window, memory in cuts.each(array.shape):
            memory[...] = shown[window]
    else:
        engine_windows.read_windows(array, cuts, workers, zero_filled=zero_filled)
    return out


# ---------------------------------------------------------------- requests


@attrs.define(eq=False)
class _Request:
    """The windows of one call. Not a record: it lives for one read."""

    starts: Integers
    """First position of each window along each of its axes, shape (N, k)."""
    size: tuple[int, ...]
    """Positions of a window along each of them."""
    axes: tuple[int, ...]
    """Numbers of these axes among those that are shown."""
    shape: tuple[int, ...]
    """Shape of a window."""
    along: str
    """Letters of these axes."""


def _parse(
    windows: Windows, size: int | Sequence[int] | None, along: str, array: LazyArray
) -> _Request:
    dims = array.dims
    notation.parse_order(along)
    missing = [letter for letter in along if letter not in dims]
    if missing or not along:
        names = ", ".join(map(repr, missing)) or "no letter"
        raise DimensionError(f"along={along!r} names {names}: there are {dims}")
    count = len(along)
    if _holds_slices(windows):
        if size is not None:
            raise DimensionError("slices have a size of their own: leave out size")
        starts, sizes = _from_slices(windows, along)
    else:
        starts, sizes = _from_starts(windows, along), _sizes(size, along)
    for letter, length in zip(along, sizes, strict=True):
        if length < 1:
            raise DimensionError(f"windows have {length} positions along {letter}: give 1 or more")
    axes = tuple(dims.order.index(letter) for letter in along)
    shape = list(dims.shape)
    for axis, length in zip(axes, sizes, strict=True):
        shape[axis] = length
    return _Request(starts.reshape(-1, count), sizes, axes, tuple(shape), along)


def _holds_slices(windows: Windows) -> bool:
    if isinstance(windows, np.ndarray) or len(windows) == 0:
        return False
    first = windows[0]
    return isinstance(first, Sequence) and len(first) > 0 and isinstance(first[0], slice)


def _from_starts(windows: Windows, along: str) -> Integers:
    count = len(along)
    advice = f"give an array of ints of shape (N, {count}), the first positions along {along!r}"
    try:
        starts = np.asarray(windows)
    except ValueError as error:  # rows of different lengths
        raise DimensionError(f"windows of different lengths: {advice}") from error
    if starts.size == 0:
        return np.zeros((0, count), np.int64)
    if starts.dtype.kind not in "iu":
        raise ArgumentTypeError(f"windows are {starts.dtype}: {advice}")
    if starts.ndim != 2 or starts.shape[1] != count:
        raise DimensionError(f"windows have shape {starts.shape}: {advice}")
    _require_near(starts, along)
    return starts.astype(np.int64)


def _require_near(starts: npt.NDArray[Any], along: str) -> None:
    """Refuse positions whose sum with a size exceeds 64 bits and would come back as one inside."""
    far = (starts > _FARTHEST) | (starts < -_FARTHEST)
    if far.any():
        number, axis = np.argwhere(far)[0].tolist()
        raise DimensionError(
            f"window {number} begins at {along[axis]} {starts[number, axis]}: "
            "no image reaches that far"
        )


def _sizes(size: int | Sequence[int] | None, along: str) -> tuple[int, ...]:
    if size is None:
        raise DimensionError(f"windows need a size: size=256, or one for each of {along!r}")
    if isinstance(size, int):
        return (size,) * len(along)
    if len(size) != len(along):
        raise DimensionError(f"size={tuple(size)} has {len(size)} numbers for {along!r}")
    return tuple(map(int, size))


def _from_slices(windows: Windows, along: str) -> tuple[Integers, tuple[int, ...]]:
    starts: list[list[int]] = []
    sizes: tuple[int, ...] | None = None
    for number, window in enumerate(windows):
        where = f"window {number}"
        if not isinstance(window, Sequence) or len(window) != len(along):
            raise DimensionError(f"{where} is {window!r}: give one slice for each of {along!r}")
        spans = [_span(part, where) for part in window]
        own = tuple(stop - start for start, stop in spans)
        if sizes not in {None, own}:
            raise DimensionError(f"{where} has size {own}, those before {sizes}: give one size")
        sizes = own
        starts.append([start for start, _ in spans])
    # Objects where an integer is beyond 64 bits.
    firsts = np.array(starts)
    _require_near(firsts, along)
    return firsts.astype(np.int64), sizes or ()


def _span(part: Any, where: str) -> tuple[int, int]:
    """Return start and stop of a slice, as Python's integers, which do not overflow."""
    is_span = isinstance(part, slice) and None not in (part.start, part.stop)
    # A tuple, not a set: a mistake may have no hash.
    if not is_span or part.step not in (None, 1):
        raise DimensionError(
            f"{where} has {part!r}: give slices with a start and a stop, of step 1"
        )
    for edge in (part.start, part.stop):
        # To Python a bool is an int; as a position it is a mistake.
        if isinstance(edge, bool | np.bool_) or not isinstance(edge, SupportsIndex):
            raise ArgumentTypeError(f"{where} has {part!r}: {edge!r} is no integer")
    return operator.index(part.start), operator.index(part.stop)


def _require_inside(request: _Request, array: LazyArray) -> None:
    totals = [array.shape[axis] for axis in request.axes]
    beyond = (request.starts < 0) | (request.starts + request.size > totals)
    if not beyond.any():
        return
    number, axis = np.argwhere(beyond)[0].tolist()
    start, length = int(request.starts[number, axis]), request.size[axis]
    raise DimensionError(
        f"window {number} has {request.along[axis]} {start} to {start + length}, the image 0 to "
        f"{totals[axis]}: move it, or fill what lies outside with outside='pad'"
    )


def _padding(fill: Any, dtype: DType) -> Any:
    """Return ``fill`` as a pixel.

    Raises
    ------
    ArgumentTypeError
        When the pixel type has no such value.
    """
    try:
        # NaN and infinity as an integer are a warning of numpy; the comparison below refuses them.
        with np.errstate(over="ignore", invalid="ignore"):
            pixel = np.asarray(fill).astype(dtype, casting="unsafe")[()]
        exact = dtype.kind not in "iub" or pixel == fill
    except (OverflowError, ValueError, RuntimeWarning):
        exact = False
    if not exact or (np.isinf(pixel) and not np.isinf(fill)):
        raise ArgumentTypeError(f"fill={fill} is no value of {dtype}")
    return pixel


# ---------------------------------------------------------------- windows


def _cut(
    request: _Request,
    array: LazyArray,
    out: npt.NDArray[Any],
    padding: Any,
    *,
    zero_filled: bool,
) -> engine_windows.Cuts:
    """Cut windows in the order of the stored blocks to the image; pad what lies outside of it."""
    order = _stored_order(request, array)
    starts = request.starts[order]
    low = np.maximum(starts, 0)
    high = np.minimum(starts + request.size, [array.shape[axis] for axis in request.axes])
    if padding is not None and not zero_filled:
        for number in order[(high - low < request.size).any(axis=1)].tolist():
            out[number] = padding
    inside = (high > low).all(axis=1)
    # A window without a pixel of the image is padded by now, and nothing of it is read.
    if not inside.all():
        order, starts, low, high = order[inside], starts[inside], low[inside], high[inside]
    return engine_windows.Cuts(request.axes, out, order, low, high, low - starts)


def _stored_order(request: _Request, array: LazyArray) -> Integers:
    """Order windows by the stored block of their first pixel, slowest axis first."""
    keys: list[Integers] = []
    for axis, starts in zip(request.axes, request.starts.T, strict=True):
        stored = array.view.axes[axis]
        if stored < 0:
            continue
        pick = array.view.picks[stored]
        step = pick.step if isinstance(pick, range) else 1
        block = max(array.layout.block_shape[stored] // abs(step), 1)
        key = starts // block
        # A view that runs backwards meets the last stored block first.
        keys.append(key if step > 0 else -key)
    if not keys:
        return np.arange(len(request.starts))
    # The last key of lexsort is the first to decide: the slowest stored axis.
    return np.lexsort(keys[::-1])


def _compute(graph: Any, cuts: Iterator[engine_windows.Cut]) -> None:
    """Compute windows of a dask array, many at once, so that they share chunks."""
    import dask.base

    first = next(cuts, None)
    if first is None:
        return
    count = max(DASK_BYTES // max(first[1].size * graph.dtype.itemsize, 1), 1)
    remaining = itertools.chain([first], cuts)
    while group := list(itertools.islice(remaining, count)):
        results: Any = dask.base.compute(*(graph[window] for window, _ in group))
        for (_, memory), pixels in zip(group, results, strict=True):
            memory[...] = as_promised(pixels, memory.shape, graph.dtype)
