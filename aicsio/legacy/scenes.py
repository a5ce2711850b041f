"""Names and selection of scenes as in AICSImageIO, and the chunks of its ``chunk_dims``.

Rule kept here: pure functions of handles. Names of ``scene_names`` are unique, so a loop over them
reaches every scene.
"""

import re
from collections.abc import Iterable, Sequence
from typing import SupportsIndex

from aicsio.arrays import Chunks
from aicsio.errors import ArgumentTypeError, DimensionError
from aicsio.records import Dims, ImageHandle
from aicsio.steps import select_scene

__all__ = ["chunk_letters", "chunks_of_letters", "focus_scene", "scene_names", "select_scenes"]


def scene_names(handle: ImageHandle) -> tuple[str, ...]:
    """Return unique names: those of the file, or ``Image:<index>``.

    AICSImageIO used the identifiers of OME elements, ``Image:0``, for OME-TIFF.
    """
    names = handle.scene_names
    if not _uses_identifiers(handle):
        return names
    return tuple(f"Image:{index}" for index in range(len(names)))


def _uses_identifiers(handle: ImageHandle) -> bool:
    names = handle.scene_names
    return handle.format == "ome-tiff" or len(set(names)) < len(names)


def focus_scene(handle: ImageHandle, scene_id: str | SupportsIndex) -> ImageHandle:
    """Return a handle of another scene at full resolution.

    Parameters
    ----------
    handle
        A handle of the file.
    scene_id
        Index, one of ``scene_names``, the name in the file, or ``"Image:<index>"``.

    Raises
    ------
    SceneError
        When there is no such scene, or several have the name.
    """
    numbered = re.fullmatch(r"Image:(\d+)", scene_id) if isinstance(scene_id, str) else None
    if numbered:
        index = int(numbered[1])
        # Before names of the file: a loop over `scene_names` must reach each of them.
        if _uses_identifiers(handle) and index < len(handle.scenes):
            return select_scene(handle, index)
        # A scene of the file may have such a name itself; then it is that scene.
        if scene_id not in handle.scene_names:
            return select_scene(handle, index)
    return select_scene(handle, scene_id)


def select_scenes(
    handle: ImageHandle, scene_ids: Iterable[str | SupportsIndex] | None
) -> list[ImageHandle]:
    """Return a handle of each scene; ``None`` for all.

    Raises
    ------
    ArgumentTypeError
        When ``scene_ids`` is no list, such as one name.
    SceneError
        When there is no such scene, or several have the name.
    """
    if scene_ids is None:
        return [select_scene(handle, index) for index in range(len(handle.scenes))]
    # A text is an iterable of letters, each of which would be sought as a scene.
    if isinstance(scene_ids, str) or not isinstance(scene_ids, Iterable):
        raise ArgumentTypeError(f"select_scenes={scene_ids!r}: give a list of names or indices")
    return [focus_scene(handle, scene_id) for scene_id in scene_ids]


def chunk_letters(chunk_dims: str | Sequence[str] | None, dims: Dims) -> str | None:
    """Return the letters that are whole in a chunk; ``None`` for automatic chunks.

    Raises
    ------
    DimensionError
        When a letter is neither stored nor one of ``MTCZYXS``.
    """
    if chunk_dims is None:
        return None
    # A chunk holds whole planes, as in AICSImageIO: Y and X need not be named.
    letters = "".join(chunk_dims) + "YX"
    # Scripts name S and M of any image, as the defaults of AICSImageIO did.
    unknown = sorted(set(letters) - set("MTCZYXS" + dims.order))
    if unknown:
        raise DimensionError(f"chunk_dims names {', '.join(map(repr, unknown))}: there are {dims}")
    return letters


def chunks_of_letters(letters: str | None, order: str) -> Chunks:
    """Return chunks of an image: -1, the whole dimension, for the letters, 1 for others.

    Parameters
    ----------
    letters
        Of ``chunk_letters``.
    order
        Letters of the image.
    """
    if letters is None:
        return "auto"
    return {letter: -1 if letter in letters else 1 for letter in order}
