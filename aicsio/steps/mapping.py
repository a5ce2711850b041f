"""``map_scenes``: a step on each scene of a file.

Rule kept here: results come in the order of the scenes, one for each; none is left out in silence.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar, overload

from aicsio.records import ImageHandle
from aicsio.steps.selecting import select_scene
from aicsio.steps.step import Step
from aicsio.steps.verbs import overloaded_verb

__all__ = ["map_scenes"]

R = TypeVar("R")

if TYPE_CHECKING:

    @overload
    def map_scenes(
        handle: ImageHandle,
        /,
        step: Callable[[ImageHandle], R],
        *,
        scenes: Sequence[SupportsIndex | str] | None = None,
    ) -> tuple[R, ...]: ...
    @overload
    def map_scenes(
        step: Callable[[ImageHandle], R], *, scenes: Sequence[SupportsIndex | str] | None = None
    ) -> Step[tuple[R, ...]]: ...


@overloaded_verb
def map_scenes(
    handle: ImageHandle,
    /,
    step: Callable[[ImageHandle], Any],
    *,
    scenes: Sequence[SupportsIndex | str] | None = None,
) -> tuple[Any, ...]:
    """Apply a step to each scene of the file.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.
    step
        A step, a chain of steps, or another function of a handle. It gets each scene in its stored
        order and at full resolution, as ``select_scene`` returns it.
    scenes
        Indices or names, in the order of the results; by default all scenes of the file.

    Returns
    -------
    tuple
        One result for each scene.

    Raises
    ------
    SceneError
        When there is no such scene, or one has no pixels: name the others in ``scenes``.
    Exception
        Whatever the step raises.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import map_scenes, open_image, to_numpy, transpose_to
    >>> plate = open_image([np.zeros((2, 4, 5)), np.ones((3, 4, 5))], dims="ZYX")
    >>> map_scenes(plate, transpose_to("YX", Z=0) >> to_numpy() >> np.mean >> float)
    (0.0, 1.0)
    """
    chosen = range(len(handle.scenes)) if scenes is None else scenes
    return tuple(step(select_scene(handle, scene)) for scene in chosen)
