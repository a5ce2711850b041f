"""How the legacy face reads: directly or through a cluster, one scene or a stack of them.

Rule kept here: ``use_dask`` is a setting of dask's own configuration; this module keeps no state.
"""

import itertools
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, cast

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._checks import checked
from aicsio.arrays import Chunks, to_dask, to_numpy, to_xarray
from aicsio.errors import DimensionError
from aicsio.legacy import tczyx
from aicsio.records import ImageHandle

if TYPE_CHECKING:
    import dask.array
    import xarray

_USE_DASK = "aicsio.use-dask"


def read(handle: ImageHandle) -> npt.NDArray[Any]:
    """Read directly, or through the cluster where there is one that can open the source."""
    # Pixels and bytes that the caller handed over are here already.
    if handle.source.content is None and _cluster_is_active():
        return np.asarray(to_dask(handle).compute())
    unfolded = tczyx.apart(handle.array)
    if unfolded is None:
        return to_numpy(handle)
    return to_numpy(attrs.evolve(handle, array=unfolded)).reshape(handle.shape)


def labelled(handle: ImageHandle, chunks: Chunks) -> "xarray.DataArray":
    """Show a handle with coordinates; along C also where the file has no C."""
    return to_xarray(handle, lazy=True, chunks=chunks).assign_coords(C=list(handle.channel_names))


def _cluster_is_active() -> bool:
    distributed = sys.modules.get("distributed")  # whoever has a client has imported it
    if distributed is None:
        return False
    import dask.config

    if not dask.config.get(_USE_DASK, True):
        return False
    try:
        client = distributed.get_client()
    except ValueError:  # none
        return False
    return not client.asynchronous


@checked
def use_dask(setting: bool) -> AbstractContextManager[Any]:
    """Say whether ``AICSImage`` reads through a ``distributed`` client when one is active.

    Parameters
    ----------
    setting
        ``True`` at the start. ``False``: pixels are always read directly, in this process. On a cluster of few workers
        that is faster. ``dask_data`` is not concerned.

    Returns
    -------
    context manager
        The setting holds for the process from the call on; as ``with use_dask(False): ...`` it ends with the block.
        It is kept in ``dask.config`` under ``"aicsio.use-dask"``.

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
class Stack:
    """Scenes of one shape and type that lie along a new first axis."""

    handles: tuple[ImageHandle, ...]
    """Each as TCZYX."""
    letter: str
    """Letter of the new axis."""
    names: tuple[str, ...] | None
    """Coordinates of the new axis; ``None`` for none."""

    def to_numpy(self) -> npt.NDArray[Any]:
        """Read all of them into one array."""
        first = self.handles[0]
        pixels = np.empty((len(self.handles), *first.shape), first.dtype)
        for index, handle in enumerate(self.handles):
            pixels[index] = read(handle)
        return pixels

    def to_dask(self, chunks: Chunks) -> "dask.array.Array":
        """Show all of them."""
        import dask.array as da

        return cast(
            "dask.array.Array",
            da.stack([to_dask(handle, chunks=chunks) for handle in self.handles]),
        )

    def to_xarray(self, chunks: Chunks) -> "xarray.DataArray":
        """Show all of them with the coordinates of the first."""
        first = labelled(self.handles[0], chunks)
        coords = dict(first.coords) | (
            {} if self.names is None else {self.letter: list(self.names)}
        )
        return type(first)(
            self.to_dask(chunks), dims=(self.letter, *first.dims), coords=coords, attrs=first.attrs
        )


@checked
def stack_of(
    handles: Sequence[ImageHandle],
    names: Sequence[str],
    *,
    drop_non_matching_scenes: bool = False,
    scene_character: str = "I",
    scene_coord_values: Literal["index", "names"] = "index",
) -> Stack:
    """Put scenes that are alike, each with its name, into a stack.

    Raises
    ------
    DimensionError
        When there is no scene, when scenes differ, or when the letter is taken.
    """
    if not handles:
        raise DimensionError(
            "no scenes are selected: give names or indices, or leave select_scenes out"
        )
    if len(scene_character) != 1 or scene_character in tczyx.ORDER:
        raise DimensionError(
            f"scene_character={scene_character!r}: give one letter that is none of TCZYX"
        )
    first = handles[0]
    alike = [(handle.shape, handle.dtype) == (first.shape, first.dtype) for handle in handles]
    if not all(alike) and not drop_non_matching_scenes:
        other = handles[alike.index(False)]
        raise DimensionError(
            f"scene {other.scene.name!r} ({other.dims}, {other.dtype}) does not stack on {first.scene.name!r} "
            f"({first.dims}, {first.dtype}): select_scenes=[...] takes those that do, "
            "drop_non_matching_scenes=True leaves the others out"
        )
    kept = tuple(itertools.compress(names, alike)) if scene_coord_values == "names" else None
    return Stack(tuple(itertools.compress(handles, alike)), scene_character, kept)
