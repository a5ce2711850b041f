"""``reshape_data`` and the other functions of AICSImageIO's ``transforms``, on bare arrays.

Rule kept here: an array becomes a handle and the verbs work on it, by the rules of ``tczyx``.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from aicsio._checks import checked
from aicsio._engine.in_memory import show
from aicsio.arrays import to_dask
from aicsio.errors import DimensionError
from aicsio.legacy import tczyx
from aicsio.legacy.stacks import SceneIds, StackMethods
from aicsio.opening import open_image

if TYPE_CHECKING:
    import dask.array
    import xarray

__all__ = ["generate_stack", "reduce_to_slice", "reshape_data", "transpose_to_dims"]

Stack: TypeAlias = "npt.NDArray[Any] | dask.array.Array | xarray.DataArray"
ArrayT = TypeVar("ArrayT")
ListT = TypeVar("ListT", list[int], tuple[int, ...])


@checked
def reshape_data(data: ArrayT, given_dims: str, return_dims: str, **kwargs: Any) -> ArrayT:
    """Return a part of an array in another order of its dimensions.

    Parameters
    ----------
    data
        numpy or dask array.
    given_dims
        Letters of its axes.
    return_dims
        Letters of the result. A missing letter becomes an axis of length 1, a letter left out is
        taken at index 0.
    **kwargs
        By letter: an int, a slice, a range, a list or tuple of ints.

    Returns
    -------
    numpy.ndarray or dask.array.Array
        As ``data``; of a numpy array a view of it where the pick allows one.

    Raises
    ------
    DimensionError
        When letters or picks do not fit the array.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.transforms import reshape_data
    >>> reshape_data(np.zeros((5, 20, 30)), "ZYX", "CZYX", Z=slice(0, 4, 2)).shape
    (1, 2, 20, 30)
    """
    array: Any = data
    part = tczyx.pick_legacy(open_image(array, dims=given_dims), return_dims, kwargs)
    # A dask array has blocks to compute; anything else is in memory already.
    if hasattr(data, "compute"):
        return cast("ArrayT", to_dask(part))
    return cast("ArrayT", show(np.asarray(data), part.array.view))


@checked
def transpose_to_dims(data: ArrayT, given_dims: str, return_dims: str) -> ArrayT:
    """Return an array with its axes in another order.

    Parameters
    ----------
    data
        numpy or dask array.
    given_dims
        Letters of its axes.
    return_dims
        The same letters in another order.

    Returns
    -------
    numpy.ndarray or dask.array.Array
        As ``data``.

    Raises
    ------
    DimensionError
        When the letters differ, or one is repeated.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.transforms import transpose_to_dims
    >>> transpose_to_dims(np.zeros((2, 20, 30)), "CYX", "XYC").shape
    (30, 20, 2)
    """
    if sorted(given_dims) != sorted(return_dims):
        raise DimensionError(
            f"{return_dims!r} is no order of {given_dims!r}: reshape_data adds and drops letters"
        )
    return reshape_data(data, given_dims, return_dims)


@checked
def generate_stack(
    image_container: StackMethods,
    mode: Literal["data", "dask_data", "xarray_data", "xarray_dask_data"],
    drop_non_matching_scenes: bool = False,
    select_scenes: SceneIds = None,
    scene_character: str = "I",
    scene_coord_values: Literal["index", "names"] = "index",
) -> Stack:
    """Stack scenes of an ``AICSImage`` or a reader, with the scene as the first axis.

    Parameters
    ----------
    image_container
        ``AICSImage`` or reader; its scene in focus stays.
    mode
        Which of its arrays: ``"data"``, ``"dask_data"``, ``"xarray_data"`` or
        ``"xarray_dask_data"``.
    drop_non_matching_scenes, select_scenes, scene_character, scene_coord_values
        As in ``AICSImage.get_stack``.

    Returns
    -------
    numpy.ndarray, dask.array.Array or xarray.DataArray
        As the mode names it.

    Raises
    ------
    DimensionError, SceneError, ImageTooLargeError
        As by ``AICSImage.get_stack``.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import AICSImage
    >>> from aicsio.transforms import generate_stack
    >>> generate_stack(AICSImage([np.zeros((4, 5))] * 3), "data").shape
    (3, 1, 1, 1, 4, 5)
    """
    methods: dict[str, Callable[..., Any]] = {
        "data": image_container.get_stack,
        "dask_data": image_container.get_dask_stack,
        "xarray_data": image_container.get_xarray_stack,
        "xarray_dask_data": image_container.get_xarray_dask_stack,
    }
    stack: Stack = methods[mode](
        drop_non_matching_scenes=drop_non_matching_scenes,
        select_scenes=select_scenes,
        scene_character=scene_character,
        scene_coord_values=scene_coord_values,
    )
    return stack


@checked
def reduce_to_slice(L: Sequence[int]) -> slice | Sequence[int]:
    """Return the slice of indices that rise by equal steps, else the indices as they are.

    Parameters
    ----------
    L
        At least one index.

    Returns
    -------
    slice or sequence of int
        A slice selects without a copy.

    Raises
    ------
    DimensionError
        When there is no index.

    Examples
    --------
    >>> from aicsio.transforms import reduce_to_slice
    >>> reduce_to_slice([2, 4, 6]), reduce_to_slice([2, 4, 5])
    (slice(2, 7, 2), [2, 4, 5])
    """
    if not L:
        raise DimensionError("no index is given: there is nothing to select")
    if len(L) == 1:
        return slice(L[0], L[0] + 1)
    step = L[1] - L[0]
    # A range of these numbers is what rises by equal steps.
    if step > 0 and tuple(L) == tuple(range(L[0], L[-1] + 1, step)):
        return slice(L[0], L[-1] + 1, step)
    return L
