"""Laws of every image and every step, as functions for tests of formats and of pipelines.

Rule kept here: a law takes what it judges, and raises ``AssertionError`` that names the law and the
handle. It needs no hypothesis; the strategies draw arguments for it.

    @given(handles())
    def test_my_step(handle):
        laws.step_is_a_value(my_step, handle)
"""

import pickle
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio._checks import checked
from aicsio._metadata import plane_table
from aicsio.arrays import to_dask, to_numpy, to_xarray
from aicsio.arrays.windows import read_windows
from aicsio.planes import with_planes
from aicsio.records import ImageHandle
from aicsio.steps import compose, select_scene, transpose_to
from aicsio.testing._clocks import earliest, same_in_ome, times_of_rows
from aicsio.testing.model import transpose_array

__all__ = [
    "chains_are_associative",
    "dask_computes_what_is_read",
    "handle_is_a_value",
    "many_windows_are_crops",
    "planes_have_one_clock",
    "selecting_is_absolute",
    "step_is_a_value",
    "views_show_what_numpy_shows",
    "windows_are_crops",
]


@checked
def handle_is_a_value(handle: ImageHandle) -> None:
    """Law: a handle hashes, and comes back equal from a pickle.

    Parameters
    ----------
    handle
        Any handle.

    Raises
    ------
    AssertionError
        When it does not.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing import laws
    >>> laws.handle_is_a_value(open_image(np.zeros((2, 3))))
    """
    again = pickle.loads(pickle.dumps(handle))  # noqa: S301 - it was pickled here
    # An array of the caller compares by identity, so its copy is another image.
    in_memory = handle.format == "array"
    _require(in_memory or again == handle, "the handle of a pickle is equal", handle)
    _require(in_memory or hash(again) == hash(handle), "equal handles have one hash", handle)
    _require(_same(to_numpy(again), to_numpy(handle)), "a pickle shows the same pixels", handle)


@checked
def views_show_what_numpy_shows(handle: ImageHandle, order: str, **picks: Any) -> None:
    """Law: pixels seen in an order, through picks, are those that numpy picks from the whole.

    Parameters
    ----------
    handle
        Any handle.
    order, **picks
        As for ``transpose_to``.

    Raises
    ------
    AssertionError
        When they differ.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing import laws
    >>> laws.views_show_what_numpy_shows(open_image(np.eye(3)), "XY", Y=[2, 0])
    """
    expected = transpose_array(to_numpy(handle), handle.dims.order, order, **picks)
    shown = to_numpy(transpose_to(handle, order, **picks))
    _require(_same(shown, expected), f"{order!r} with {picks} shows what numpy shows", handle)


@checked
def windows_are_crops(handle: ImageHandle, **picks: Any) -> None:
    """Law: a part that is read alone is the part of the whole.

    Parameters
    ----------
    handle
        Any handle.
    **picks
        Slices or ranges by letter; other letters are whole.

    Raises
    ------
    AssertionError
        When they differ.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing import laws
    >>> laws.windows_are_crops(open_image(np.eye(5)), Y=slice(1, 3), X=slice(0, 4, 2))
    """
    views_show_what_numpy_shows(handle, handle.dims.order, **picks)


@checked
def many_windows_are_crops(
    handle: ImageHandle, starts: npt.NDArray[np.int64], size: Sequence[int], along: str
) -> None:
    """Law: windows of one call, in fresh memory and in used memory, are parts of the whole.

    Parameters
    ----------
    handle
        Any handle.
    starts
        First positions of each window, shape (N, letters); windows may reach beyond the image.
    size
        Positions of a window along each letter.
    along
        The letters that windows cut.

    Raises
    ------
    AssertionError
        When pixels differ.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing import laws
    >>> image = open_image(np.eye(5))
    >>> laws.many_windows_are_crops(image, np.array([[0, 1], [-1, 3]]), (2, 3), "YX")
    """
    whole = to_numpy(handle)
    axes = [handle.dims.order.index(letter) for letter in along]
    shape = list(whole.shape)
    for axis, length in zip(axes, size, strict=True):
        shape[axis] = length
    expected = np.zeros((len(starts), *shape), whole.dtype)
    for number, start in enumerate(starts.tolist()):
        shown, place = [slice(None)] * whole.ndim, [slice(None)] * whole.ndim
        for axis, first, length in zip(axes, start, size, strict=True):
            low = max(first, 0)
            high = max(min(first + length, whole.shape[axis]), low)
            shown[axis], place[axis] = slice(low, high), slice(low - first, high - first)
        # shown cuts the image, place the window: they differ where a window begins outside.
        part = whole[tuple(shown)]
        if part.size:
            expected[number][tuple(place)] = part
    found = read_windows(handle, starts, tuple(size), along=along, outside="pad")
    # Bytes, as not-a-number differs from itself.
    same = found.tobytes() == expected.tobytes()
    law = f"windows of {tuple(size)} along {along} from {starts.tolist()} are crops"
    _require(same, law, handle)
    # Padding must overwrite the ones that are in the memory already.
    used = np.full_like(expected, 1)
    read_windows(handle, starts, tuple(size), along=along, outside="pad", out=used)
    _require(used.tobytes() == expected.tobytes(), f"{law} in used memory", handle)


@checked
def dask_computes_what_is_read(handle: ImageHandle, chunks: Any = "auto") -> None:
    """Law: dask, in chunks of any size, computes the pixels that a read returns.

    Parameters
    ----------
    handle
        Any handle.
    chunks
        As for ``to_dask``.

    Raises
    ------
    AssertionError
        When shape, type or pixels differ.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing import laws
    >>> laws.dask_computes_what_is_read(open_image(np.eye(5)), chunks=2)
    """
    lazy, read = to_dask(handle, chunks=chunks), to_numpy(handle)
    facts = (lazy.shape, lazy.dtype) == (read.shape, read.dtype)
    _require(facts, "dask has the shape and the type of a read", handle)
    computed = np.asarray(lazy.compute(scheduler="sync"))
    _require(_same(computed, read), f"dask in chunks {chunks!r} computes what is read", handle)


@checked
def planes_have_one_clock(handle: ImageHandle) -> None:
    """Law: record, table of planes, OME and xarray count seconds from the first plane of the scene.

    Parameters
    ----------
    handle
        Any handle; its whole scene in focus is judged.

    Raises
    ------
    AssertionError
        When two of them show different times for a plane.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing import laws
    >>> laws.planes_have_one_clock(open_image(np.zeros((3, 2, 4, 5)), dims="TCYX"))
    """
    whole = with_planes(select_scene(handle, handle.scene_index))
    table, planes = plane_table(whole), whole.scene.planes
    seconds = table["time"]
    recorded = None if planes is None else times_of_rows(planes, table)
    if planes is not None and recorded is not None:
        same = np.array_equal(recorded, seconds, equal_nan=True)
        _require(same, "the table has the times of the record", whole)
        _require(earliest(planes.column("time")) in (0, None), "the first plane is at 0 s", whole)
        _require(same_in_ome(whole, table), "OME has the times of the table", whole)
    if "T" not in table.names or find_spec("xarray") is None:
        return
    first = [earliest(seconds[table["T"] == t]) for t in range(whole.dims.T)]
    if None not in first:
        coordinates = to_xarray(whole, lazy=True).coords
        shown = coordinates["T"].values.tolist() if "T" in coordinates else None
        _require(shown == first, "T of xarray is the earliest time of each T in the table", whole)


@checked
def selecting_is_absolute(handle: ImageHandle) -> None:
    """Law: a scene is the same whichever was in focus before, and however it was seen.

    Parameters
    ----------
    handle
        Any handle; each of its scenes is selected.

    Raises
    ------
    AssertionError
        When two ways to a scene differ.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing import laws
    >>> laws.selecting_is_absolute(open_image([np.zeros((2, 3)), np.ones((4, 5))]))
    """
    with_pixels = [index for index, scene in enumerate(handle.scenes) if scene.levels]
    for index in with_pixels:
        direct = select_scene(handle, index)
        # Three others bound the work: the pairs of all scenes grow with their square.
        for other in with_pixels[:3]:
            detour = select_scene(select_scene(handle, other), index)
            _require(detour == direct, f"scene {index} is the same behind {other}", handle)


@checked
def step_is_a_value(step: Callable[[ImageHandle], Any], handle: ImageHandle) -> None:
    """Law: a step hashes, comes back equal from a pickle, and gives the same result twice.

    Parameters
    ----------
    step
        A step, or a chain of steps.
    handle
        A handle that it takes.

    Raises
    ------
    AssertionError
        When it does not.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, to_numpy, transpose_to
    >>> from aicsio.testing import laws
    >>> laws.step_is_a_value(transpose_to("XY") >> to_numpy(), open_image(np.eye(3)))
    """
    again = pickle.loads(pickle.dumps(step))  # noqa: S301 - it was pickled here
    _require(again == step, f"the pickle of {step!r} is equal", handle)
    _require(hash(again) == hash(step), f"{step!r} and its pickle have one hash", handle)
    results = [step(handle), step(handle), again(handle)]
    _require(all(_same(each, results[0]) for each in results), f"{step!r} is a function", handle)


@checked
def chains_are_associative(
    first: Callable[[ImageHandle], Any],
    second: Callable[[Any], Any],
    third: Callable[[Any], Any],
    handle: ImageHandle,
) -> None:
    """Law: the grouping of a chain changes neither the chain nor its result.

    Parameters
    ----------
    first, second, third
        Steps that follow one another.
    handle
        A handle that the first one takes.

    Raises
    ------
    AssertionError
        When two groupings differ.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, select_scene, to_numpy, transpose_to
    >>> from aicsio.testing import laws
    >>> image = open_image(np.eye(3))
    >>> laws.chains_are_associative(select_scene(0), transpose_to("XY"), to_numpy(), image)
    """
    whole: Any = compose(first, second, third)
    left: Any = compose(compose(first, second), third)
    _require(left == whole, f"{left!r} is {whole!r}", handle)
    one_by_one = third(second(first(handle)))
    _require(_same(whole(handle), one_by_one), f"{whole!r} runs its parts in turn", handle)


def _same(one: Any, other: Any) -> bool:
    """Equal; arrays in shape, type and every bit, not-a-number included."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return _facts(one) == _facts(other)
    return bool(np.all(one == other))


def _facts(array: npt.NDArray[Any]) -> tuple[object, ...]:
    return array.shape, array.dtype, array.tobytes()


def _require(holds: bool, law: str, handle: ImageHandle) -> None:
    if not holds:
        raise AssertionError(f"broken: {law}; {handle!r}")
