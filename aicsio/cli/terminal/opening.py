"""Steps that several commands share: open a file, go to a scene and level, pick positions.

Rule kept here: the arguments of the command line become arguments of the public functions, one to
one.
"""

import argparse
import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any

from aicsio.errors import WriteError
from aicsio.opening import open_image
from aicsio.records import ImageHandle

# argparse has checked the arguments; importing beartype to do it again takes as long as importing
# aicsio itself (0.17 s each on the machine of the benchmark).
_open: Callable[..., ImageHandle] = inspect.unwrap(open_image)


def refuse_to_replace(path: str, arguments: argparse.Namespace) -> None:
    """Check before the work begins that the output does not exist.

    Raises
    ------
    WriteError
        When it exists and ``--overwrite`` is not given.
    """
    if os.path.lexists(path) and not arguments.overwrite:
        raise WriteError(
            f"there is a file {path!r}: give another name, or --overwrite to replace it"
        )


def open_as_requested(name: str, arguments: argparse.Namespace) -> ImageHandle:
    """Open a file with the options of the command."""
    return _open(name, **opening_options(arguments))


def opening_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options of ``open_image``, which ``open_many`` takes too."""
    names = ("format", "engine", "dims", "mosaic", "masks", "storage_options")
    return {name: getattr(arguments, name) for name in names}


def focus_as_requested(handle: ImageHandle, arguments: argparse.Namespace) -> ImageHandle:
    """Go to the scene of ``--scene`` or ``--well``, and to the level of ``--level``."""
    from aicsio import steps  # `info`, which opens only, does without

    if arguments.well is not None:
        # Imported here: tables and documents of metadata take as long as the rest of a command.
        from aicsio._metadata.well_rows import select_well

        handle = select_well(handle, arguments.well, arguments.field)
    # Without --scene, the focus of open_image stays: the first scene that has pixels.
    if arguments.scene is not None:
        handle = steps.select_scene(handle, _parse_scene(arguments.scene, handle))
    if arguments.level is not None:
        handle = steps.select_level(handle, arguments.level)
    return handle


def focus_each_scene(handle: ImageHandle, arguments: argparse.Namespace) -> list[ImageHandle]:
    """Go to the scene of ``--scene``, or to each scene for ``all`` if no scene has that name."""
    if arguments.scene != "all" or "all" in handle.scene_names:
        return [focus_as_requested(handle, arguments)]
    from aicsio import steps  # `info`, which opens only, does without

    focused = []
    for index in range(len(handle.scenes)):
        scene = steps.select_scene(handle, index)
        if arguments.level is not None:
            scene = steps.select_level(scene, arguments.level)
        focused.append(scene)
    return focused


def _parse_scene(text: str, handle: ImageHandle) -> int | str:
    """Read a number as an index, unless it is out of range and the name of a scene."""
    try:
        index = int(text)
    except ValueError:
        return text
    count = len(handle.scenes)
    if text in handle.scene_names and not -count <= index < count:
        return text
    return index


def pick_positions(
    handle: ImageHandle, picks: list[tuple[str, Any]], order: str | None
) -> ImageHandle:
    """Pick positions of dimensions.

    Without an order, the dimensions keep theirs, and those picked at one position are dropped.
    """
    if not picks and order is None:
        return handle
    by_letter = dict(picks)
    if "C" in by_letter:
        by_letter["C"] = _join_name(by_letter["C"], handle.channel_names)
    if order is None:
        kept = [
            letter for letter in handle.dims if not isinstance(by_letter.get(letter), int | str)
        ]
        order = "".join(kept) or handle.dims.order
    from aicsio import steps

    return steps.transpose_to(handle, order, **by_letter)


def _join_name(pick: Any, names: Sequence[str]) -> Any:
    """Return names that the comma parted in one piece, if a channel has the whole as its name."""
    if isinstance(pick, tuple):
        whole = ",".join(map(str, pick))
        return whole if whole in names else pick
    return pick
