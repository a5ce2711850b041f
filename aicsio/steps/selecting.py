"""``select_scene`` and ``select_level``: another image of the file in focus.

Rule kept here: selecting is absolute. It starts again from the stored order and knows no rank.
"""

from typing import TYPE_CHECKING, SupportsIndex, overload

import attrs

from aicsio.errors import SceneError
from aicsio.records import ImageHandle
from aicsio.steps.step import Step
from aicsio.steps.verbs import overloaded_verb

__all__ = ["listing", "select_level", "select_scene"]

if TYPE_CHECKING:

    @overload
    def select_scene(handle: ImageHandle, /, scene: SupportsIndex | str) -> ImageHandle: ...
    @overload
    def select_scene(scene: SupportsIndex | str) -> Step[ImageHandle]: ...


@overloaded_verb
def select_scene(handle: ImageHandle, /, scene: SupportsIndex | str) -> ImageHandle:
    """Focus on another scene of the file, in its stored order and at full resolution.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.
    scene
        Index (negative ones count from the end) or name.

    Returns
    -------
    ImageHandle
        In stored order, at full resolution: earlier picks and orders do not carry over.

    Raises
    ------
    SceneError
        When there is no such scene, or when several have the name.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, select_scene
    >>> two = open_image([np.zeros((4, 5)), np.zeros((6, 7))])
    >>> select_scene(two, 1).shape
    (6, 7)
    """
    # A plate has 14 000 scenes: their names are gathered only where one is asked for.
    count = len(handle.scenes)
    if isinstance(scene, str):
        index = _index_of_scene(scene, handle.scene_names)
    else:
        index = scene.__index__()
        if not -count <= index < count:
            raise SceneError(f"no scene {index}; there are {listing(handle.scene_names)}")
        index %= count
    # Selecting is absolute: picks of one scene may not fit the next, which has other sizes.
    return attrs.evolve(handle, scene_index=index, level=0, array=handle.level_array(index, 0))


if TYPE_CHECKING:

    @overload
    def select_level(handle: ImageHandle, /, level: SupportsIndex) -> ImageHandle: ...
    @overload
    def select_level(level: SupportsIndex) -> Step[ImageHandle]: ...


@overloaded_verb
def select_level(handle: ImageHandle, /, level: SupportsIndex) -> ImageHandle:
    """Focus on another resolution level of the scene in focus, in its stored order.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.
    level
        0 is full resolution; negative ones count from the smallest.

    Returns
    -------
    ImageHandle
        In stored order: earlier picks and orders do not carry over.

    Raises
    ------
    SceneError
        When the scene has no such level.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, select_level
    >>> select_level(open_image(np.zeros((4, 5))), 0).shape
    (4, 5)
    """
    index = level.__index__()  # numpy integers are indices too
    array = handle.level_array(handle.scene_index, index)
    return attrs.evolve(handle, level=index % len(handle.levels), array=array)


def _index_of_scene(scene: str, names: tuple[str, ...]) -> int:
    if names.count(scene) == 1:
        return names.index(scene)
    indices = [index for index, name in enumerate(names) if name == scene]
    if indices:
        reason = f"is the name of scenes {indices}: pick one by its index"
    else:
        reason = "is not a scene of this file"
    raise SceneError(f"{scene!r} {reason}; there are {listing(names)}")


def listing(names: tuple[str, ...]) -> str:
    """List the first scenes of a file by index and name."""
    shown = ", ".join(f"{index}: {name!r}" for index, name in enumerate(names[:20]))
    return shown + (f", ... ({len(names)} scenes)" if len(names) > 20 else "")
