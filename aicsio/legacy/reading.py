"""Reads of the legacy face: in this process or on a cluster, one scene or a stack of scenes.

Rule kept here: ``use_dask`` is a setting of dask's own configuration; this module has no state.
"""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, cast

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._checks import checked
from aicsio._dims.samples import unfold_samples
from aicsio._engine import memory
from aicsio.arrays import Chunks, to_dask, to_numpy, to_xarray
from aicsio.errors import ArgumentTypeError, DimensionError
from aicsio.records import ImageHandle

if TYPE_CHECKING:
    import dask.array
    import xarray

_USE_DASK = "aicsio.use-dask"


def read(handle: ImageHandle) -> npt.NDArray[Any]:
    """Read in this process, or on the workers of an active cluster.

    Raises
    ------
    CorruptFileError, ImageTooLargeError, SourceError
        As by ``to_numpy``.
    """
    # Arrays and bytes of the caller are in this process: sending them would cost time for nothing.
    if handle.source.content is None and _cluster_is_active():
        return np.asarray(to_dask(handle).compute())
    # Without a detour through nested reads, which would read each plane once per sample.
    unfolded = unfold_samples(handle.array)
    if unfolded is None:
        return to_numpy(handle)
    return to_numpy(attrs.evolve(handle, array=unfolded)).reshape(handle.shape)


def to_labelled_xarray(handle: ImageHandle, chunks: Chunks) -> "xarray.DataArray":
    """Show a handle lazily with coordinates, and with a name at each position of C.

    Parameters
    ----------
    handle
        As TCZYX, or as stored.
    chunks
        As in ``to_dask``.
    """
    array = to_xarray(handle, lazy=True, chunks=chunks)
    if "C" not in handle.dims:
        return array
    return array.assign_coords(
        # Texts of any length, as in `to_xarray`.
        C=np.array(handle.channel_names, object)
    )


def _cluster_is_active() -> bool:
    distributed = sys.modules.get("distributed")  # whoever has a client has imported it
    if distributed is None:
        return False
    import dask.config

    if not dask.config.get(_USE_DASK, True):
        return False
    try:
        client = distributed.get_client()
    except ValueError:  # there is no client
        return False
    # An asynchronous client returns futures of an event loop, where a script expects pixels.
    return not client.asynchronous


@checked
def use_dask(setting: bool) -> AbstractContextManager[Any]:
    """Set whether ``AICSImage`` reads through an active ``distributed`` client.

    Parameters
    ----------
    setting
        ``True`` by default. With ``False`` this process reads all pixels, which is faster than a
        cluster of few workers. ``dask_data`` does not depend on it.

    Returns
    -------
    context manager
        The setting holds for the process from the call on; ``with use_dask(False): ...`` ends it
        with the block. It is ``"aicsio.use-dask"`` of ``dask.config``.

    Raises
    ------
    ArgumentTypeError
        When ``setting`` is no bool.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import AICSImage, use_dask
    >>> with use_dask(False):
    ...     AICSImage(np.ones((2, 3))).data.sum()
    np.float64(6.0)
    """
    import dask.config

    return cast("AbstractContextManager[Any]", dask.config.set({_USE_DASK: setting}))


# ---------------------------------------------------------------- stacks


@attrs.frozen
class SceneStack:
    """Scenes of one shape and type along a new first axis."""

    handles: tuple[ImageHandle, ...]
    """Each as ``data`` shows it."""
    letter: str
    """Letter of the new axis."""
    names: tuple[str, ...] | None
    """Coordinates of the new axis; ``None`` for no coordinates."""

    def to_numpy(self) -> npt.NDArray[Any]:
        """Read all of them into one array.

        Raises
        ------
        ImageTooLargeError
            When they do not fit into the free memory together.
        """
        first = self.handles[0]
        # All scenes at once: each alone may fit where they do not fit together.
        memory.require(len(self.handles) * first.nbytes, first.array)
        pixels = np.empty((len(self.handles), *first.shape), first.dtype)
        # One scene after the other: each read uses all threads.
        for index, handle in enumerate(self.handles):
            pixels[index] = read(handle)
        return pixels

    def to_dask(self, chunks: Chunks) -> "dask.array.Array":
        """Show all of them as one dask array."""
        import dask.array as da

        arrays = [to_dask(handle, chunks=chunks) for handle in self.handles]
        return cast("dask.array.Array", da.stack(arrays))

    def to_xarray(self, chunks: Chunks) -> "xarray.DataArray":
        """Show all of them with the coordinates of the first."""
        # Scenes of one shape may lie at different places; AICSImageIO took the first, too.
        first = to_labelled_xarray(self.handles[0], chunks)
        coords: dict[Any, Any] = dict(first.coords)
        if self.names is not None:
            coords[self.letter] = list(self.names)
        dims = (self.letter, *first.dims)
        return type(first)(self.to_dask(chunks), dims=dims, coords=coords, attrs=first.attrs)


@checked
def stack_scenes(
    handles: Sequence[ImageHandle],
    names: Sequence[str],
    *,
    drop_non_matching_scenes: bool = False,
    scene_character: str = "I",
    scene_coord_values: Literal["index", "names"] = "index",
) -> SceneStack:
    """Put scenes of one shape and type into a stack.

    Parameters
    ----------
    handles, names
        The selected scenes as ``data`` shows them, and their names.
    drop_non_matching_scenes, scene_character, scene_coord_values
        As in ``AICSImage.get_stack``.

    Raises
    ------
    DimensionError
        When no scene is selected, shapes differ, or the letter is one of theirs.
    ArgumentTypeError
        When scenes of one shape have pixels of different types.
    """
    if not handles:
        raise DimensionError(
            "no scenes are selected: give names or indices, or leave select_scenes out"
        )
    first = handles[0]
    if len(scene_character) != 1 or scene_character in first.dims:
        raise DimensionError(
            f"scene_character={scene_character!r}: give one letter that is none of "
            f"{first.dims.order}"
        )
    matching: list[ImageHandle] = []
    matching_names: list[str] = []
    for handle, name in zip(handles, names, strict=True):
        if (handle.shape, handle.dtype) == (first.shape, first.dtype):
            matching.append(handle)
            matching_names.append(name)
        elif not drop_non_matching_scenes:
            # As in AICSImageIO: another type is a TypeError, another shape is none.
            error = ArgumentTypeError if handle.shape == first.shape else DimensionError
            raise error(
                f"scene {handle.scene.name!r} ({handle.dims}, {handle.dtype}) does not stack on "
                f"{first.scene.name!r} ({first.dims}, {first.dtype}): "
                "select_scenes=[...] selects those that do, "
                "drop_non_matching_scenes=True leaves the others out"
            )
    coordinates = tuple(matching_names) if scene_coord_values == "names" else None
    return SceneStack(tuple(matching), scene_character, coordinates)
