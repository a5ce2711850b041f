"""Scenes and labels that a store or references shall show.

Rule kept here: no I/O. What does not fit raises before anything is described.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, SupportsIndex

from aicsio.errors import DimensionError
from aicsio.records import ImageHandle
from aicsio.steps import select_scene

Scenes = Sequence[SupportsIndex | str] | Literal["all"]

LABEL_SOURCE: Mapping[str, object] = {"source": {"image": "../../"}}
"""NGFF, "image-label": the image that is labelled lies two groups above."""


def stored_scenes(
    handle: ImageHandle, scenes: Scenes, labels: Mapping[str, ImageHandle] | None
) -> list[ImageHandle]:
    """Put each requested scene in focus.

    Raises
    ------
    DimensionError
        When the handle shows something else than a stored scene, which the scenes would not follow;
        when there are labels, or no scenes.
    SceneError
        When a scene does not exist.
    """
    if labels:
        raise DimensionError("labels belong to one image: leave out scenes= or labels=")
    if isinstance(scenes, str) and scenes != "all":
        raise DimensionError(f"scenes={scenes!r}: give a list, such as scenes=[{scenes!r}]")
    if handle.array != handle.level_array(handle.scene_index, 0):
        raise DimensionError(
            f"scenes={scenes!r} are shown as they are stored, but this handle shows {handle.dims} of "
            f"level {handle.level} of one scene: pass the handle as open_image gave it"
        )
    chosen = range(len(handle.scenes)) if isinstance(scenes, str) else scenes
    handles = [select_scene(handle, scene) for scene in chosen]
    if not handles:
        raise DimensionError("scenes=[]: give at least one, or leave scenes out")
    return handles


def require_label(name: str, label: ImageHandle, image: ImageHandle) -> None:
    """Raise unless labels share the frame of an image, and a group can have their name.

    Raises
    ------
    DimensionError
        When they do not, or it cannot.
    """
    # Zarr v3 core: names with the prefix "__" are reserved. A dot would hide the folder.
    if not name or "/" in name or name.startswith((".", "__")):
        raise DimensionError(f"labels: {name!r} is no name of a group of a Zarr")
    if label.dtype.kind not in "iu":
        raise DimensionError(f"labels {name!r} are {label.dtype}: labels are integers")
    for letter, size in label.dims.items():
        if size not in {1, image.dims.get(letter, 1)}:
            raise DimensionError(
                f"labels {name!r} have {label.dims}, the image {image.dims}: they share one frame"
            )
