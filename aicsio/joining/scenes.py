"""The joined scene: levels, channels and facts of one image, from those of many files.

Rule kept here: pure functions of records.
"""

from collections.abc import Iterator, Sequence

import attrs

from aicsio.errors import DimensionError
from aicsio.joining import layout
from aicsio.joining.agreement import (
    SceneGrid,
    display_name,
    is_shared,
    report_difference,
    require_channel_names,
    require_pixel_sizes,
)
from aicsio.joining.file_names import abbreviate
from aicsio.joining.groups import Group, Label, grid_positions
from aicsio.joining.planes import join_planes, join_times
from aicsio.records import Channel, Coordinate, Diagnostic, Dims, LazyArray, PixelSize, Scene

__all__ = ["JoinOverrides", "join_scene"]

SHARED_FIELDS = ("objective", "color_map", "tiles", "coordinates")
"""Fields of a scene that the joined scene has only if all files agree on them."""


@attrs.frozen
class JoinOverrides:
    """Metadata of the joined image from the caller; files need not agree on it."""

    channel_names: bool = False
    """Whether channel names are given."""
    pixel_size: PixelSize | None = None
    """Pixel size of all; ``None`` for that of the files."""


def join_scene(
    group: Group,
    scenes: Sequence[Scene | None],
    overrides: JoinOverrides,
    unchecked: Sequence[layout.UncheckedFiles] | None = None,
) -> tuple[Scene, tuple[Diagnostic, ...]]:
    """Join one scene of each file.

    Parameters
    ----------
    group
        The files and their grid.
    scenes
        In C order over the grid; ``None`` for a missing file.
    overrides
        Metadata that the files need not agree on.
    unchecked
        Per level, the unopened files; ``scenes`` then repeats the scene of the first.

    Raises
    ------
    DimensionError
        When files differ in dims, types, pixel sizes or channel names.
    """
    grid = _scene_grid(group, scenes)
    first = grid.first
    if overrides.pixel_size is None:
        require_pixel_sizes(grid)
    if not overrides.channel_names and "C" not in group.letters:
        require_channel_names(grid)
    levels = _join_levels(grid, unchecked)
    # Planes first: their times, where they have them, leave nothing for the starts to add.
    planes, diagnostics = join_planes(grid, levels[0].stored)
    times = join_times(grid, planes)
    shared = {field: is_shared(grid, field) for field in SHARED_FIELDS}
    for field, same in shared.items():
        if not same:
            diagnostics.append(report_difference(grid, field, "none is kept"))
    if any(len(scene.levels) > len(levels) for _, scene in grid.present):
        consequence = f"the first {len(levels)} are shown"
        diagnostics.append(report_difference(grid, "levels", consequence))
    inherited: tuple[Coordinate, ...] = ()
    if shared["coordinates"]:
        # Along the axes of the grid the files have one value each, or only a part of the values.
        inherited = tuple(axis for axis in first.coordinates if axis.letter not in group.letters)
    scene = Scene(
        name=first.name if group.scene is None else group.scene,
        levels=levels,
        channels=_join_channels(grid),
        pixel_size=overrides.pixel_size or first.pixel_size,
        time_step=times.time_step,
        acquired=first.acquired,
        objective=first.objective if shared["objective"] else None,
        planes=planes,
        tiles=first.tiles if shared["tiles"] and "M" not in group.letters else None,
        color_map=first.color_map if shared["color_map"] else None,
        coordinates=inherited + times.coordinates,
    )
    return scene, tuple(diagnostics)


def _scene_grid(group: Group, scenes: Sequence[Scene | None]) -> SceneGrid:
    present: list[tuple[str, Scene]] = []
    dims: list[Dims | None] = [None] * len(scenes)
    for index, (file, scene) in enumerate(zip(group.files, scenes, strict=True)):
        if scene is not None:
            present.append((display_name(file, index), scene))
            dims[index] = scene.dims
    return SceneGrid(group, tuple(scenes), _part_sizes(group, dims), tuple(present))


def _part_sizes(group: Group, dims: Sequence[Dims | None]) -> tuple[tuple[int, ...], ...]:
    """Return the size of each part along each axis of the grid.

    The first file at a position gives its size. Without a file there, it is that of the first.
    """
    first = next(each for each in dims if each is not None)
    sizes = [[first.get(letter, 1)] * len(labels) for letter, labels in _axes(group)]
    # Other files at the same position are held against this size by `_join_level`.
    visited: set[tuple[int, int]] = set()
    for position, each in zip(grid_positions(group), dims, strict=True):
        if each is None:
            continue
        for axis, index in enumerate(position):
            if (axis, index) not in visited:
                visited.add((axis, index))
                sizes[axis][index] = each.get(group.letters[axis], 1)
    return tuple(map(tuple, sizes))


def _axes(group: Group) -> Iterator[tuple[str, tuple[Label, ...]]]:
    return zip(group.letters, group.labels, strict=True)


# ---------------------------------------------------------------- pixels


def _join_levels(
    grid: SceneGrid, unchecked: Sequence[layout.UncheckedFiles] | None
) -> tuple[LazyArray, ...]:
    if unchecked is not None:
        letters = grid.group.letters
        return tuple(layout.join_arrays(files, letters, grid.sizes) for files in unchecked)
    count = min(len(scene.levels) for _, scene in grid.present)
    return tuple(_join_level(grid, level) for level in range(count))


def _join_level(grid: SceneGrid, level: int) -> LazyArray:
    """Join one level of all files.

    Raises
    ------
    DimensionError
        When dims or types of files differ, other than along the letters of the grid.
    """
    group, first = grid.group, grid.first.levels[level]
    parts: list[LazyArray | None] = [None] * len(grid.scenes)
    part_dims: list[Dims | None] = [None] * len(grid.scenes)
    for index, scene in enumerate(grid.scenes):
        if scene is not None:
            parts[index] = scene.levels[level]
            part_dims[index] = scene.levels[level].dims
    # A level may be shorter than full resolution along the axes of the grid, too.
    sizes = _part_sizes(group, part_dims)
    different: list[str] = []
    for index, (position, part) in enumerate(zip(grid_positions(group), parts, strict=True)):
        if part is None or part is first:
            continue
        expected = dict(first.dims.items())
        for axis, letter in enumerate(group.letters):
            if letter in expected:
                expected[letter] = sizes[axis][position[axis]]
        if dict(part.dims.items()) != expected or (part.dims.order, part.dtype) != (
            first.dims.order,
            first.dtype,
        ):
            name = display_name(group.files[index], index)
            different.append(f"{name} has {part.dims} of {part.dtype}")
    if different:
        name, _ = grid.present[0]
        at_level = f" at level {level}" if level else ""
        raise DimensionError(
            f"the files do not fit together{at_level}: "
            f"{name} has {first.dims} of {first.dtype}, but {abbreviate(different)}. "
            f"They may differ only along {', '.join(group.letters)}: leave out the others"
        )
    return layout.join_arrays(parts, group.letters, sizes)


# ---------------------------------------------------------------- channels


def _join_channels(grid: SceneGrid) -> tuple[Channel, ...]:
    """Return the channels of the files one after the other, if they are joined along C.

    Words in the names of the files name the channels.
    """
    group = grid.group
    if "C" not in group.letters:
        return grid.first.channels
    # One file at each position along C gives its channels; others have the same ones.
    axis = group.letters.index("C")
    scene_at: dict[int, Scene] = {}
    for position, scene in zip(grid_positions(group), grid.scenes, strict=True):
        if scene is not None:
            scene_at.setdefault(position[axis], scene)
    channels: list[Channel] = []
    for index, label in enumerate(group.labels[axis]):
        count = grid.sizes[axis][index]
        part = list(scene_at[index].channels[:count]) if index in scene_at else []
        # A file may describe fewer channels than it holds.
        part += [Channel()] * (count - len(part))
        if isinstance(label, str):
            part = _named_by_label(part, label)
        channels += part
    return tuple(channels)


def _named_by_label(channels: Sequence[Channel], label: str) -> list[Channel]:
    if len(channels) == 1:
        return [attrs.evolve(channels[0], name=label)]
    named: list[Channel] = []
    for index, channel in enumerate(channels):
        named.append(attrs.evolve(channel, name=f"{label}:{index}"))
    return named
