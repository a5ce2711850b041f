"""The four ``get_*stack`` methods of ``AICSImage``.

Rule kept here: a stack is made of handles of the scenes; the scene in focus stays.
"""

from collections.abc import Sequence
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    SupportsIndex,
    TypeAlias,
    TypedDict,
    Unpack,
)

import numpy.typing as npt

from aicsio._checks import checked
from aicsio.legacy import scenes
from aicsio.legacy.focus import FocusMethods
from aicsio.legacy.reading import SceneStack, stack_scenes

if TYPE_CHECKING:
    import dask.array
    import xarray

__all__ = ["StackMethods", "StackOptions"]


SceneIds: TypeAlias = Annotated[Sequence[str | SupportsIndex] | None, "a list of names or indices"]


class StackOptions(TypedDict, total=False):
    """Options of the four stacks."""

    select_scenes: SceneIds
    """Names or indices; by default all."""
    drop_non_matching_scenes: bool
    """Whether scenes of another shape or type than the first are left out; else they raise."""
    scene_character: str
    """Letter of the first axis, for the xarray stacks."""
    scene_coord_values: Literal["index", "names"]
    """For the xarray stacks: with ``"names"`` the scenes' names are coordinates."""


class StackMethods(FocusMethods):
    """Methods that stack scenes, for ``AICSImage`` and the readers."""

    @checked
    def get_stack(self, **kwargs: Unpack[StackOptions]) -> npt.NDArray[Any]:
        """Read scenes into one array, with the scene as its first axis.

        Parameters
        ----------
        select_scenes
            Names or indices; by default all.
        drop_non_matching_scenes
            Whether scenes of another shape or type than the first are left out; else they raise.
        scene_character
            Letter of the first axis, for the xarray stacks.
        scene_coord_values
            For the xarray stacks: with ``"names"`` the scenes' names are coordinates.

        Returns
        -------
        numpy.ndarray
            The selected scenes in their order, each as ``data`` shows it. The scene in focus stays.

        Raises
        ------
        DimensionError
            When shapes differ, or no scene is selected.
        ArgumentTypeError
            When scenes of one shape have pixels of different types.
        SceneError
            When there is no such scene.
        ImageTooLargeError
            When the scenes together do not fit into the free memory.
        """
        return self._stack(**kwargs).to_numpy()

    @checked
    def get_dask_stack(self, **kwargs: Unpack[StackOptions]) -> "dask.array.Array":
        """Stack scenes as ``get_stack`` does; the pixels are read when they are computed.

        Parameters
        ----------
        select_scenes, drop_non_matching_scenes, scene_character, scene_coord_values
            As in ``get_stack``, which raises the same errors.

        Returns
        -------
        dask.array.Array
            The scene is the first axis.
        """
        return self._stack(**kwargs).to_dask(self._chunks)

    @checked
    def get_xarray_stack(self, **kwargs: Unpack[StackOptions]) -> "xarray.DataArray":
        """Read scenes as ``get_stack`` does, with the coordinates of the first scene.

        Parameters
        ----------
        select_scenes, drop_non_matching_scenes, scene_character, scene_coord_values
            As in ``get_stack``, which raises the same errors.

        Returns
        -------
        xarray.DataArray
            The scene is the first dimension.
        """
        stack = self._stack(**kwargs)
        # The lazy array has the coordinates; pixels replace its graph, which is never computed.
        return stack.to_xarray(self._chunks).copy(data=stack.to_numpy())

    @checked
    def get_xarray_dask_stack(self, **kwargs: Unpack[StackOptions]) -> "xarray.DataArray":
        """Stack scenes as ``get_xarray_stack`` does; the pixels are read when they are computed.

        Parameters
        ----------
        select_scenes, drop_non_matching_scenes, scene_character, scene_coord_values
            As in ``get_stack``, which raises the same errors.

        Returns
        -------
        xarray.DataArray
            The scene is the first dimension; the data are a dask array.
        """
        return self._stack(**kwargs).to_xarray(self._chunks)

    def _stack(self, *, select_scenes: SceneIds = None, **kwargs: Any) -> SceneStack:
        selected = scenes.select_scenes(self._handle, select_scenes)
        handles = list(map(self._arrange, selected))
        names = scenes.scene_names(self._handle)
        of_handles = [names[handle.scene_index] for handle in handles]
        return stack_scenes(handles, of_handles, **kwargs)
