"""Strategies for images, views and handles in memory.

Rule kept here: every drawn value is legal; a law need not filter.
"""

import functools
import itertools
import math
import random
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar, no_type_check

import attrs
import numpy as np
import numpy.typing as npt
from hypothesis import assume
from hypothesis import strategies as st

from aicsio.opening import open_image
from aicsio.records import Dims, ImageHandle
from aicsio.records.printing import print_repr
from aicsio.steps import select_scene, transpose_to
from aicsio.testing.layouts import make_handle, store_array
from aicsio.testing.patterns import DTYPES, ImageSpec, pixels

__all__ = [
    "Draw",
    "Image",
    "View",
    "arrays",
    "composite",
    "dims",
    "dtypes",
    "handles",
    "images",
    "picks",
    "views",
]

P = ParamSpec("P")
R = TypeVar("R")
LETTERS = "TCZYXSMHIVRB"
ADDED = "QKUW"
"""Letters that no image has until a view adds them."""
Draw: TypeAlias = Callable[..., Any]
"""First argument of a composite strategy: draws a value of another one."""
View: TypeAlias = tuple[str, dict[str, Any]]
"""Order and picks: the arguments of ``transpose_to``."""


def composite(function: Callable[Concatenate[Draw, P], R]) -> Callable[P, st.SearchStrategy[R]]:
    """Make a strategy of a function that draws.

    Use it in place of ``st.composite`` under beartype, which chooses the items that it checks at
    random: hypothesis warns of a random state that a strategy changes.

    Parameters
    ----------
    function
        Takes ``draw`` and arguments of its own.

    Returns
    -------
    callable
        Takes the arguments of ``function`` without ``draw``; returns a strategy.

    Examples
    --------
    >>> from hypothesis import find
    >>> from hypothesis import strategies as st
    >>> from aicsio.testing.strategies import composite
    >>> @composite
    ... def even(draw, most):
    ...     return 2 * draw(st.integers(0, most))
    >>> find(even(9), lambda number: number > 5)
    6
    """

    @no_type_check  # beartype would check the returned value, and draw random numbers
    @functools.wraps(function)
    def with_random_state_kept(draw: Draw, *args: P.args, **kwargs: P.kwargs) -> R:
        state = random.getstate()
        try:
            return function(draw, *args, **kwargs)
        finally:
            random.setstate(state)

    return st.composite(with_random_state_kept)


def spacings() -> st.SearchStrategy[tuple[float, float, float]]:
    """Draw three distances of pixels that float32 holds exactly."""
    step = st.integers(1, 400).map(lambda count: count / 64)
    return st.tuples(step, step, step)


@composite
def dims(draw: Draw, max_axes: int = 5, max_size: int = 6, min_size: int = 1) -> Dims:
    """Draw letters in any order, and their sizes.

    Parameters
    ----------
    max_axes
        Most letters.
    max_size, min_size
        Limits of each size.

    Returns
    -------
    SearchStrategy of Dims

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import dims
    >>> find(dims(), lambda drawn: len(drawn) == 2).shape
    (1, 1)
    """
    # Any letters in any order: a view must not rely on TCZYX.
    sizes = draw(st.lists(st.integers(min_size, max_size), min_size=1, max_size=max_axes))
    return Dims("".join(draw(st.permutations(LETTERS))[: len(sizes)]), tuple(sizes))


def dtypes(names: Sequence[str] = DTYPES) -> st.SearchStrategy[np.dtype[Any]]:
    """Draw pixel types in either byte order.

    Parameters
    ----------
    names
        Names of numpy types.

    Returns
    -------
    SearchStrategy of numpy.dtype

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import dtypes
    >>> find(dtypes(["uint16"]), lambda drawn: drawn.byteorder == ">")
    dtype('>u2')
    """
    return st.builds(
        lambda name, order: np.dtype(name).newbyteorder(order),
        st.sampled_from(names),
        st.sampled_from("<>"),
    )


@composite
def arrays(
    draw: Draw, shape: tuple[int, ...], dtype: np.dtype[Any] | None = None
) -> npt.NDArray[Any]:
    """Draw arrays of distinct pixels, as far as their type holds enough values.

    Parameters
    ----------
    shape
        Shape of the array.
    dtype
        Pixel type; ``None`` draws one.

    Returns
    -------
    SearchStrategy of numpy.ndarray

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import arrays
    >>> find(arrays((2, 3)), lambda drawn: True).shape
    (2, 3)
    """
    kind = draw(dtypes()) if dtype is None else dtype
    size = math.prod(shape)
    # One row of pixels by rule; hypothesis would take seconds to draw each value.
    spec = ImageSpec(
        Y=1, X=max(size, 1), dtype=kind.newbyteorder("=").name, seed=draw(st.integers(0, 1 << 16))
    )
    return pixels(spec).reshape(-1)[:size].reshape(shape).astype(kind)


def picks(size: int) -> st.SearchStrategy[Any]:
    """Draw legal picks of one dimension: ints, slices, ranges, lists, tuples, arrays.

    Parameters
    ----------
    size
        Length of the dimension.

    Returns
    -------
    SearchStrategy
        Values that ``transpose_to`` takes for a letter.

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import picks
    >>> find(picks(5), lambda drawn: isinstance(drawn, list) and len(drawn) == 3)
    [0, 0, 0]
    """
    positions = st.integers(-size, size - 1)
    # Longer than the dimension: positions may repeat.
    many = st.lists(positions, min_size=1, max_size=size + 2)
    return st.one_of(
        positions,
        # An empty slice is an error, not a legal pick.
        st.slices(size).filter(lambda part: bool(range(size)[part])),
        many,
        many.map(tuple),
        many.map(np.array),
        positions.map(np.int64),
        _ranges(size),
    )


def _ranges(size: int) -> st.SearchStrategy[range]:
    ends = st.integers(0, size - 1)
    steps = st.integers(1, size)
    forward = st.builds(lambda a, b, step: range(min(a, b), max(a, b) + 1, step), ends, ends, steps)
    backward = st.builds(
        lambda a, b, step: range(max(a, b), min(a, b) - 1, -step), ends, ends, steps
    )
    wrapped = st.builds(lambda a, b: range(min(a, b) - size, max(a, b) + 1 - size), ends, ends)
    return st.one_of(forward, backward, wrapped)


@composite
def views(draw: Draw, shown: Dims, max_added: int = 2) -> View:
    """Draw legal arguments of ``transpose_to``: letters moved, dropped and added, positions picked.

    Parameters
    ----------
    shown
        Dimensions of the handle.
    max_added
        Most letters that the handle lacks.

    Returns
    -------
    SearchStrategy of (str, dict)
        Order and picks.

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio import Dims
    >>> from aicsio.testing.strategies import views
    >>> find(views(Dims("YX", (2, 3))), lambda view: view[0] == "XY")
    ('XY', {})
    """
    # A dimension of length 0 has no position that could be picked, so it is kept.
    kept = [letter for letter in shown if shown[letter] == 0 or draw(st.booleans())]
    free = [letter for letter in ADDED if letter not in shown]
    added = draw(st.lists(st.sampled_from(free), unique=True, max_size=max_added)) if free else []
    order = "".join(draw(st.permutations([*kept, *added])))
    # An image without any dimension is not legal.
    assume(order)
    chosen: dict[str, Any] = {}
    for letter, size in shown.items():
        if not size:
            continue
        if letter in kept:
            # An added axis has one position, and cannot be made to have it twice.
            pick = draw(st.none() | (st.integers(-1, 0) if letter in ADDED else picks(size)))
        else:
            # A dropped letter needs one position, unless it has only one.
            one = st.integers(-size, size - 1)
            pick = draw(one | one.map(lambda i: [i]) | (st.none() if size == 1 else st.nothing()))
        if pick is not None:
            chosen[letter] = pick
    return order, chosen


@attrs.frozen(eq=False)
class Image:
    """A handle, and its expected pixels. Not a record: it lives for one example."""

    handle: ImageHandle
    """In stored order."""
    pixels: npt.NDArray[Any]
    """In stored order and native byte order."""

    def __repr__(self) -> str:
        # A falsifying example is printed whole: the handle shows dims and type, not the pixels.
        return f"Image({self.handle!r})"

    _repr_pretty_ = print_repr


@composite
def images(draw: Draw, max_axes: int = 4, max_size: int = 6, min_size: int = 1) -> Image:
    """Draw images over every kind of layout: numpy, dask, raw and compressed blocks of any shape.

    Parameters
    ----------
    max_axes
        Most dimensions.
    max_size, min_size
        Limits of each size.

    Returns
    -------
    SearchStrategy of Image

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio import to_numpy
    >>> from aicsio.testing.strategies import images
    >>> drawn = find(images(), lambda image: image.pixels.size > 3)
    >>> to_numpy(drawn.handle).shape == drawn.pixels.shape
    True
    """
    _load_dask()
    shown = draw(dims(max_axes, max_size, min_size))
    array = draw(arrays(shown.shape))
    # Readers return the byte order of the machine, whatever the file has.
    native = array.astype(array.dtype.newbyteorder("="))
    kind = draw(st.sampled_from(["numpy", "dask", "raw", "deflate"]))
    blocks = tuple(draw(st.integers(1, max(size, 1))) for size in shown.shape)
    if kind == "numpy":
        return Image(open_image(array, dims=shown.order), native)
    if kind == "dask":
        # Imported for the examples that need it.
        import dask.array as da

        chunks = tuple(_uneven(draw, size) for size in shown.shape)
        return Image(open_image(da.from_array(array, chunks=chunks), dims=shown.order), native)
    if kind == "raw":
        axes = tuple(draw(st.permutations(range(len(shown)))))
        flipped = tuple(draw(st.booleans()) for _ in axes)
        return Image(
            make_handle(store_array(array, shown.order, blocks, axes=axes, flipped=flipped)), native
        )
    return Image(make_handle(store_array(array, shown.order, blocks, "deflate")), native)


@functools.cache
def _load_dask() -> None:
    """Load what dask imports with its first result, 0.7 s of the processor's time.

    In a test it would break hypothesis' deadline of 0.2 s, once: a draw has none.
    """
    import dask.array as da

    da.zeros(1).compute()


def _uneven(draw: Draw, size: int) -> tuple[int, ...]:
    """Divide a size into chunks of any length."""
    # Chunks of dask may differ in length, and the first may be the shortest.
    edges = sorted({0, size, *draw(st.lists(st.integers(0, size), max_size=3))})
    return tuple(b - a for a, b in itertools.pairwise(edges)) or (0,)


@composite
def handles(draw: Draw, max_axes: int = 4, max_size: int = 6) -> ImageHandle:
    """Draw handles of one scene or several, seen through up to two views.

    Parameters
    ----------
    max_axes
        Most dimensions.
    max_size
        Limit of each size.

    Returns
    -------
    SearchStrategy of ImageHandle

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import handles
    >>> len(find(handles(), lambda handle: len(handle.scenes) == 2).scenes)
    2
    """
    _load_dask()
    handle: ImageHandle
    if draw(st.booleans()):
        handle = draw(images(max_axes, max_size)).handle
    else:
        shown = draw(dims(3, max_size))
        sizes = st.tuples(*(st.integers(1, max_size) for _ in shown))
        scenes = [draw(arrays(draw(sizes))) for _ in range(draw(st.integers(1, 3)))]
        handle = select_scene(
            open_image(scenes, dims=shown.order), draw(st.integers(0, len(scenes) - 1))
        )
    # Two views: the second composes with the first.
    for _ in range(draw(st.integers(0, 2))):
        order, chosen = draw(views(handle.dims, max_added=1))
        handle = transpose_to(handle, order, **chosen)
    return handle
