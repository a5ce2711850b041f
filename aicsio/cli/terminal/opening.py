"""What the commands share: opening a file and going to a part of it, as the arguments say."""

import argparse
import inspect
import os
from collections.abc import Callable
from typing import Any

from aicsio import open_image, select_level, select_scene, transpose_to
from aicsio.errors import WriteError
from aicsio.records import ImageHandle

# argparse has checked the arguments: importing beartype for the same would take longer than most files take to open.
_open: Callable[..., ImageHandle] = inspect.unwrap(open_image)


def refuse_to_replace(path: str, arguments: argparse.Namespace) -> None:
    """Say before the work begins that the output is there already.

    Raises
    ------
    WriteError
    """
    if os.path.lexists(path) and not arguments.overwrite:
        raise WriteError(
            f"there is a file {path!r}: give another name, or --overwrite to replace it"
        )


def opened(name: str, arguments: argparse.Namespace) -> ImageHandle:
    """Open a file as the options say."""
    return _open(
        name,
        format=arguments.format,
        dims=arguments.dims,
        mosaic=arguments.mosaic,
        storage_options=arguments.storage_options,
    )


def focused(handle: ImageHandle, arguments: argparse.Namespace) -> ImageHandle:
    """Go to the scene and level that the options name."""
    if arguments.scene != "0":
        handle = select_scene(handle, _scene(arguments.scene, handle))
    return handle if arguments.level is None else select_level(handle, arguments.level)


def focused_scenes(handle: ImageHandle, arguments: argparse.Namespace) -> list[ImageHandle]:
    """As ``focused``, for each scene where the options say ``all`` and no scene is called so."""
    if arguments.scene != "all" or "all" in handle.scene_names:
        return [focused(handle, arguments)]
    scenes = [select_scene(handle, index) for index in range(len(handle.scenes))]
    return (
        scenes
        if arguments.level is None
        else [select_level(scene, arguments.level) for scene in scenes]
    )


def _scene(text: str, handle: ImageHandle) -> int | str:
    """A number is an index, unless a scene is called so and there is no such index."""
    try:
        index = int(text)
    except ValueError:
        return text
    count = len(handle.scenes)
    return text if text in handle.scene_names and not -count <= index < count else index


def picked(handle: ImageHandle, picks: list[tuple[str, Any]], order: str | None) -> ImageHandle:
    """Pick positions; without an order the dimensions stay in theirs, and those picked at one position are dropped."""
    if not picks and order is None:
        return handle
    dims, wanted = handle.dims, dict(picks)
    kept = "".join(letter for letter in dims if not isinstance(wanted.get(letter), int))
    return transpose_to(handle, order or kept or dims.order, **wanted)
