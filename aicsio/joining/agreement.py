"""Comparison of the scenes of many files: facts in common, facts that differ.

Rule kept here: a difference that would falsify the joined image raises and names the files; a
difference that can be left out becomes a diagnostic.
"""

from collections.abc import Callable
from typing import Any

import attrs

from aicsio.errors import DimensionError
from aicsio.joining.file_names import abbreviate, public_name
from aicsio.joining.groups import Group
from aicsio.records import Diagnostic, PixelSize, Scene

__all__ = [
    "SceneGrid",
    "display_name",
    "is_shared",
    "report_difference",
    "require_channel_names",
    "require_pixel_sizes",
]


@attrs.frozen(eq=False)
class SceneGrid:
    """One scene of each file of a group, on its grid. Not a record: it lives for one call."""

    group: Group
    """Names and grid."""
    scenes: tuple[Scene | None, ...]
    """In C order over the grid; ``None`` for a missing file."""
    sizes: tuple[tuple[int, ...], ...]
    """Per axis of the grid, the size of each part along it."""
    present: tuple[tuple[str, Scene], ...]
    """Names and scenes of the files that exist; the first is the reference of comparisons."""

    @property
    def first(self) -> Scene:
        """The scene that the others are compared with."""
        return self.present[0][1]

    @property
    def others(self) -> list[tuple[str, Scene]]:
        """Names and scenes of the files that are compared with the first."""
        # Unchecked files repeat the scene of the first: comparing it ten thousand times takes long.
        return [(name, scene) for name, scene in self.present if scene is not self.first]


def display_name(file: Any, index: int) -> str:
    """Return the name of a file for messages; an array has its number."""
    return public_name(file) if isinstance(file, str) else f"number {index}"


def is_shared(grid: SceneGrid, field: str) -> bool:
    """Whether all files have the value of the first in a field of their scenes."""
    first = getattr(grid.first, field)
    return all(getattr(scene, field) == first for _, scene in grid.others)


def report_difference(grid: SceneGrid, field: str, consequence: str) -> Diagnostic:
    """Name the files that differ from the first in a field of their scenes."""
    first = getattr(grid.first, field)
    names: list[str] = []
    for name, scene in grid.others:
        value = getattr(scene, field)
        # Levels of two files are different arrays: their number is compared.
        different = len(value) != len(first) if field == "levels" else value != first
        if different:
            names.append(name)
    message = f"{field} of {abbreviate(names)} differ from those of the first file; {consequence}"
    return Diagnostic("files-differ", message, grid.first.name)


def require_pixel_sizes(grid: SceneGrid) -> None:
    """Raise ``DimensionError`` if files differ in their pixel sizes."""
    _require_same(
        grid, "pixel sizes", lambda scene: _rounded(scene.pixel_size), "pixel_size=PixelSize(...)"
    )


def require_channel_names(grid: SceneGrid) -> None:
    """Raise ``DimensionError`` if files differ in the names of their channels."""
    _require_same(grid, "channel names", _channel_names, "channel_names=[...]")


def _require_same(
    grid: SceneGrid, subject: str, value_of: Callable[[Scene], object], argument: str
) -> None:
    name, reference = grid.present[0][0], value_of(grid.first)
    different: list[str] = []
    for other, scene in grid.others:
        value = value_of(scene)
        if value != reference:
            different.append(f"{other} has {value}")
    if different:
        raise DimensionError(
            f"the files differ in {subject}: {name} has {reference}, but {abbreviate(different)}. "
            f"{argument} sets them for all"
        )


def _rounded(size: PixelSize) -> tuple[float | None, ...]:
    """Round to six digits: files of one acquisition may differ in the last ones."""
    # ``None`` and 0 stay as they are.
    return tuple(value and float(f"{value:.6g}") for value in size)


def _channel_names(scene: Scene) -> tuple[str | None, ...]:
    return tuple(channel.name for channel in scene.channels)
