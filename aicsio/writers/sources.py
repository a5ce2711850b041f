"""The handles that a writer was given: their scenes, and the files that their pixels come from.

Rule kept here: no I/O but a comparison of files.
"""

import os
from typing import Any

from aicsio import _engine
from aicsio.errors import ArgumentTypeError, WriteError
from aicsio.records import ImageHandle, Source
from aicsio.steps import select_scene


def requested_scenes(handle: ImageHandle, scenes: Any) -> list[ImageHandle]:
    """Put each requested scene in focus.

    Raises
    ------
    SceneError
        When a scene does not exist.
    WriteError
        When the handle shows something else than a stored scene, which the scenes would not follow.
    """
    if scenes is None:
        return [handle]
    if isinstance(scenes, str) and scenes != "all":
        raise ArgumentTypeError(
            f"scenes={scenes!r}: give a list, such as scenes=[{scenes!r}], or scenes='all'"
        )
    if handle.array != handle.level_array(handle.scene_index, 0):
        raise WriteError(
            f"scenes={scenes!r} are written as they are stored, but this handle shows "
            f"{handle.dims} "
            f"of level {handle.level} of one scene: pass the handle as open_image gave it, or show "
            "each scene as you want it, as in write_scenes([transpose_to(select_scene(h, i), "
            "'CYX', T=0, Z=0) for i in (0, 1)], path)"
        )
    indices = range(len(handle.scenes)) if isinstance(scenes, str) else scenes
    return [select_scene(handle, scene) for scene in indices]


def refuse_own_source(target: str, handle: ImageHandle) -> None:
    """Raise when the target is one of the files that the pixels come from."""
    if not os.path.exists(target):
        return
    # Links and other spellings of a path lead to the same file, so files are compared, not names.
    for source in sources_of(handle):
        if source.local and os.path.exists(source.uri) and os.path.samefile(source.uri, target):
            raise WriteError(f"{target!r} is where these pixels come from: write to another path")


def sources_of(handle: ImageHandle) -> set[Source]:
    """Return the files that the pixels in focus come from."""
    return {handle.source, *_engine.sources(handle.array)}
