"""The contents of a joined image: which scenes are joined, which diagnostics it inherits.

Rule kept here: a scene is joined with the scenes of the same index in the other files.
"""

from collections.abc import Callable, Sequence
from typing import SupportsIndex, TypeAlias

import attrs

from aicsio import _engine
from aicsio._checks.words import count_of
from aicsio._dims import views
from aicsio.errors import DimensionError, SceneError
from aicsio.joining import layout
from aicsio.joining.agreement import display_name
from aicsio.joining.file_names import abbreviate
from aicsio.joining.groups import Group
from aicsio.joining.scenes import JoinOverrides, join_scene
from aicsio.records import Computed, Deferred, Diagnostic, ImageHandle, Keyed, Scene
from aicsio.steps import select_scene

__all__ = ["join_contents"]

UncheckedLevels: TypeAlias = Callable[[int], Sequence[layout.UncheckedFiles]]
"""Returns the levels of unchecked files, by the index of their scene."""


def join_contents(
    group: Group,
    handles: Sequence[ImageHandle | None],
    scene: SupportsIndex | str | None,
    overrides: JoinOverrides,
    unchecked: UncheckedLevels | None,
) -> tuple[list[Scene], list[Diagnostic]]:
    """Join the requested scene of all files, or each scene.

    Parameters
    ----------
    group
        The files and their grid.
    handles
        In C order over the grid; ``None`` for a missing file.
    scene
        As in ``open_many``.
    overrides
        Metadata that the files need not agree on.
    unchecked
        The levels of unopened files; ``handles`` then repeats the first.

    Raises
    ------
    DimensionError
        When files do not fit together.
    SceneError
        When files differ in their number of scenes, or lack the requested one.
    """
    present = [(index, handle) for index, handle in enumerate(handles) if handle is not None]
    _refuse_one_set(group, present)
    diagnostics = _merge_diagnostics([present[0][1]] if unchecked else [h for _, h in present])
    if group.missing:
        message = (
            f"{count_of(len(group.missing), 'file', 'are', total=len(group.files))} missing, with 0 for pixels: "
            f"{abbreviate(group.missing)}"
        )
        diagnostics.append(Diagnostic("missing-files", message, loss=True))
    selected = _select_scenes(group, present, scene)
    scenes: list[Scene] = []
    for number in range(len(selected[present[0][0]])):
        first = selected[present[0][0]][number]
        # The scene of each file that is joined into this one.
        of_files: list[Scene | None] = [None] * len(handles)
        for index, focused in selected.items():
            of_files[index] = focused[number].scene
        if not any(each is not None and each.levels for each in of_files):
            scenes.append(first.scene)  # no file has pixels
            continue
        files = None
        if unchecked is not None:
            files = unchecked(first.scene_index)
            # The acquisition times of the other files are unknown.
            assumed = attrs.evolve(first.scene, planes=None, acquired=None)
            of_files = [None if each is None else assumed for each in of_files]
        joined, more = join_scene(group, of_files, overrides, files)
        diagnostics += more
        if group.scene is not None and scene is None and len(first.scenes) > 1:
            # Several scenes per file: the name of the pattern alone would name them all.
            joined = attrs.evolve(joined, name=f"{group.scene}:{first.scene.name}")
        scenes.append(joined)
    return scenes, diagnostics


def _select_scenes(
    group: Group, present: Sequence[tuple[int, ImageHandle]], scene: SupportsIndex | str | None
) -> dict[int, list[ImageHandle]]:
    """Return the scenes of each file that are joined, by the position of the file.

    Raises
    ------
    SceneError
        When files differ in their number of scenes, or lack the requested one.
    """
    if scene is not None:
        return {index: [select_scene(handle, scene)] for index, handle in present}
    first_index, first = present[0]
    count = len(first.scenes)
    different: list[str] = []
    selected: dict[int, list[ImageHandle]] = {}
    for index, handle in present:
        if len(handle.scenes) != count:
            name = display_name(group.files[index], index)
            different.append(f"{name} has {len(handle.scenes)}")
        focused = [attrs.evolve(handle, scene_index=n, level=0) for n in range(count)]
        selected[index] = focused
    if different:
        name = display_name(group.files[first_index], first_index)
        raise SceneError(
            f"{name} has {count_of(count, 'scene')}, but {abbreviate(different)}: "
            "choose one of each with scene=0"
        )
    return selected


def _refuse_one_set(group: Group, present: Sequence[tuple[int, ImageHandle]]) -> None:
    """Raise if two files belong to one OME-TIFF set: each of them opens all pixels of the set."""
    # Two files are enough: a set among other files is rare, and each comparison makes a plan.
    if len(present) < 2:
        return
    (one_index, one), (other_index, other) = present[:2]
    if one.source == other.source or not one.source.has_place:
        return
    if _first_pixel(one) == _first_pixel(other):
        one_name = display_name(group.files[one_index], one_index)
        other_name = display_name(group.files[other_index], other_index)
        raise DimensionError(
            f"{one_name} and {other_name} are files of one image, which either opens whole: "
            f"open_image({one_name!r})"
        )


def _first_pixel(handle: ImageHandle) -> object:
    """Return the place of the first pixel: source and byte offset, or the source alone."""
    array = handle.array
    # Position 0 along each axis.
    corner = views.transpose(array, array.dims.order, dict.fromkeys(array.dims, 0))
    piece = next(_engine.pieces(corner), None)
    if piece is None or isinstance(piece, Computed):
        return handle.source
    if isinstance(piece, Deferred):
        return piece.source, piece.key, piece.arguments
    if isinstance(piece, Keyed):
        return piece.source, piece.key, piece.entry
    return piece.source, piece.offset


def _merge_diagnostics(handles: Sequence[ImageHandle]) -> list[Diagnostic]:
    """Return each diagnostic once, with the first file that has it and the number of others."""
    first: dict[tuple[str, str], Diagnostic] = {}
    count: dict[tuple[str, str], int] = {}
    for handle in handles:
        for diagnostic in handle.diagnostics:
            key = diagnostic.code, diagnostic.message
            where = diagnostic.where or handle.source.uri
            first.setdefault(key, attrs.evolve(diagnostic, where=where))
            count[key] = count.get(key, 0) + 1
    merged: list[Diagnostic] = []
    for key, diagnostic in first.items():
        if count[key] > 1:
            message = f"{diagnostic.message} (and {count[key] - 1} more times)"
            diagnostic = attrs.evolve(diagnostic, message=message)  # noqa: PLW2901
        merged.append(diagnostic)
    return merged
