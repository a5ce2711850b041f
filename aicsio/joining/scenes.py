"""What is known of an image that lies in many files, from what is known of each.

Rule kept here: pure functions of records. What would make the joined image lie raises and names the files; what can be
left out is left out with a diagnostic.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.errors import DimensionError
from aicsio.joining import layout
from aicsio.joining.file_names import Group, each_place, listed
from aicsio.records import (
    Channel,
    Coordinate,
    Diagnostic,
    Dims,
    LazyArray,
    PixelSize,
    Planes,
    Scene,
)

__all__ = ["Overrides", "joined_scene"]

_COLUMNS = ("time", "exposure", "x", "y", "z")


@attrs.frozen
class Overrides:
    """What the caller says in place of the files, which then need not agree on it."""

    names: bool = False
    """Whether channel names are given."""
    pixel_size: PixelSize | None = None
    """Given for all."""


@attrs.frozen(eq=False)
class _Files:
    """One scene of each file of a group, and where it lies on the grid. Not a record: it lives for one call."""

    group: Group
    """Names and grid."""
    scenes: tuple[Scene | None, ...]
    """In C order over the grid."""
    sizes: tuple[tuple[int, ...], ...]
    """Along each axis of the grid, how much the files have of it."""
    there: tuple[tuple[str, Scene], ...]
    """Names and scenes of the files that are there; the first is the one that the others are compared with."""

    @property
    def first(self) -> Scene:
        """The scene that the others are compared with."""
        return self.there[0][1]


def named(file: Any, index: int) -> str:
    """What a file is called in an error."""
    return file if isinstance(file, str) else f"number {index}"


def joined_scene(
    group: Group,
    scenes: Sequence[Scene | None],
    overrides: Overrides,
    promises: Sequence[layout.Promises] | None = None,
) -> tuple[Scene, tuple[Diagnostic, ...]]:
    """Join one scene of each file.

    Parameters
    ----------
    group
        The files and their grid.
    scenes
        In C order over the grid.
    overrides
        What the files need not agree on.
    promises
        Of each level, the files as nobody has looked into them; ``scenes`` is then that of the first, repeated.

    Raises
    ------
    DimensionError
        When files differ in what they must have in common.
    """
    names = map(named, group.files, itertools.count())
    there = tuple(
        (name, scene) for name, scene in zip(names, scenes, strict=True) if scene is not None
    )
    files = _Files(group, tuple(scenes), _sizes(group, scenes), there)
    first = files.first
    count = min(len(scene.levels) for _, scene in there)
    if promises is None:
        levels = tuple(_level(files, index) for index in range(count))
    else:
        levels = tuple(layout.join(each, group.letters, files.sizes) for each in promises)
    if overrides.pixel_size is None:
        _require_same(
            files,
            "pixel sizes",
            lambda scene: _rounded(scene.pixel_size),
            "pixel_size=PixelSize(...)",
        )
    if not overrides.names and "C" not in group.letters:
        _require_same(files, "channel names", _channel_names, "channel_names=[...]")
    planes, notes = _planes(files, levels[0].stored)
    own, step = _coordinates(files, planes)
    shared = {
        name: _same(files, name) for name in ("objective", "color_map", "tiles", "coordinates")
    }
    notes += [_lost(files, name, "none is kept") for name, same in shared.items() if not same]
    if any(len(scene.levels) > count for _, scene in there):
        notes.append(_lost(files, "levels", f"the first {count} are shown"))
    inherited = [
        axis
        for axis in first.coordinates
        if shared["coordinates"] and axis.letter not in group.letters
    ]
    scene = Scene(
        name=first.name if group.scene is None else group.scene,
        levels=levels,
        channels=_channels(files),
        pixel_size=overrides.pixel_size or first.pixel_size,
        time_step=step,
        acquired=first.acquired,
        objective=first.objective if shared["objective"] else None,
        planes=planes,
        tiles=first.tiles if shared["tiles"] and "M" not in group.letters else None,
        color_map=first.color_map if shared["color_map"] else None,
        coordinates=(*inherited, *own),
    )
    return scene, tuple(notes)


# ---------------------------------------------------------------- pixels


def _sizes(group: Group, scenes: Sequence[Scene | None]) -> tuple[tuple[int, ...], ...]:
    """How much the files have of each axis of the grid; what is missing has as much as the first."""
    first = next(scene for scene in scenes if scene is not None)
    found = [
        [first.dims.get(letter, 1)] * len(labels)
        for letter, labels in zip(group.letters, group.labels, strict=True)
    ]
    seen: set[tuple[int, int]] = set()
    for place, scene in zip(each_place(group), scenes, strict=True):
        for axis, at in enumerate(place):
            if scene is not None and (axis, at) not in seen:
                seen.add((axis, at))
                found[axis][at] = scene.dims.get(group.letters[axis], 1)
    return tuple(map(tuple, found))


def _level(files: _Files, level: int) -> LazyArray:
    """Join one level of all files.

    Raises
    ------
    DimensionError
        When dims or types do not fit.
    """
    group, first = files.group, files.first.levels[level]
    parts = [None if scene is None else scene.levels[level] for scene in files.scenes]
    sizes = files.sizes if level == 0 else _sizes_of_level(files, level)
    wrong: list[str] = []
    for index, (place, part) in enumerate(zip(each_place(group), parts, strict=True)):
        if part is None or part is first:
            continue
        along = {
            c: sizes[axis][at]
            for axis, (c, at) in enumerate(zip(group.letters, place, strict=True))
        }
        wanted = Dims(first.dims.order, tuple(along.get(c, n) for c, n in first.dims.items()))
        if part.dims != wanted or part.dtype != first.dtype:
            wrong.append(f"{named(group.files[index], index)} has {part.dims} of {part.dtype}")
    if wrong:
        name, _ = files.there[0]
        at = f" at level {level}" if level else ""
        raise DimensionError(
            f"the files do not fit together{at}: {name} has {first.dims} of {first.dtype}, but {listed(wrong)}. "
            f"Along {', '.join(group.letters)} they may differ; leave out those that differ otherwise"
        )
    return layout.join(parts, group.letters, sizes)


def _sizes_of_level(files: _Files, level: int) -> tuple[tuple[int, ...], ...]:
    seen = [None if s is None else attrs.evolve(s, levels=s.levels[level:]) for s in files.scenes]
    return _sizes(files.group, seen)


# ---------------------------------------------------------------- what must agree


def _same(files: _Files, field: str) -> bool:
    first = getattr(files.first, field)
    return all(scene is files.first or getattr(scene, field) == first for _, scene in files.there)


def _lost(files: _Files, field: str, done: str) -> Diagnostic:
    first = getattr(files.first, field)
    if field == "levels":
        names = [name for name, scene in files.there if len(scene.levels) != len(first)]
    else:
        names = [name for name, scene in files.there if getattr(scene, field) != first]
    return Diagnostic(
        "files-differ",
        f"{field} of {listed(names)}: not as in the first file; {done}",
        files.first.name,
    )


def _require_same(files: _Files, what: str, value: Callable[[Scene], object], advice: str) -> None:
    name, first = files.there[0][0], value(files.first)
    others = ((other, value(scene)) for other, scene in files.there if scene is not files.first)
    wrong = [f"{other} has {told}" for other, told in others if told != first]
    if wrong:
        raise DimensionError(
            f"the files differ in {what}: {name} has {first}, but {listed(wrong)}. Or say {advice}"
        )


def _rounded(size: PixelSize) -> tuple[float | None, ...]:
    """Files of one acquisition may differ in the last digits."""
    return tuple(None if value is None else float(f"{value:.6g}") for value in size)


def _channel_names(scene: Scene) -> tuple[str | None, ...]:
    return tuple(channel.name for channel in scene.channels)


# ---------------------------------------------------------------- channels


def _channels(files: _Files) -> tuple[Channel, ...]:
    """Channels of the files one behind the other where they are joined along C; words of the names name them."""
    group = files.group
    if "C" not in group.letters:
        return files.first.channels
    axis = group.letters.index("C")
    at_place: dict[int, Scene] = {}
    for place, scene in zip(each_place(group), files.scenes, strict=True):
        if scene is not None:
            at_place.setdefault(place[axis], scene)
    found: list[Channel] = []
    for at, (label, count) in enumerate(zip(group.labels[axis], files.sizes[axis], strict=True)):
        known = at_place[at].channels[:count] if at in at_place else ()
        own = [*known, *[Channel()] * (count - len(known))]
        if isinstance(label, str):
            names = [label] if count == 1 else [f"{label}:{index}" for index in range(count)]
            own = [
                attrs.evolve(channel, name=name) for channel, name in zip(own, names, strict=True)
            ]
        found += own
    return tuple(found)


# ---------------------------------------------------------------- times and planes


def _counted(letter: str, labels: Sequence[int | float | str], files: _Files) -> Coordinate | None:
    """Numbers of the names as coordinates, unless they only count."""
    axis = files.group.letters.index(letter)
    if (
        letter == "C"
        or any(isinstance(label, str) for label in labels)
        or set(files.sizes[axis]) != {1}
    ):
        return None
    values = tuple(float(label) for label in labels)
    steps = {b - a for a, b in itertools.pairwise(values)}
    return None if steps <= {1.0} else Coordinate(letter, values)


def _started(files: _Files) -> list[float] | None:
    """Seconds from the start of the first file to that of each; ``None`` where some do not tell."""
    starts: list[datetime | None] = []
    for scene in files.scenes:
        try:
            starts.append(
                None
                if scene is None or scene.acquired is None
                else datetime.fromisoformat(scene.acquired)
            )
        except ValueError:
            return None
    told = [start for start in starts if start is not None]
    if len(told) < len(files.there) or len({start.tzinfo is None for start in told}) > 1:
        return None
    return [math.nan if start is None else (start - told[0]).total_seconds() for start in starts]


def _coordinates(files: _Files, planes: Planes | None) -> tuple[list[Coordinate], float | None]:
    """Values along the axes of the grid, and the step of time where it is even."""
    group = files.group
    found = [
        _counted(letter, labels, files)
        for letter, labels in zip(group.letters, group.labels, strict=True)
    ]
    told = [axis for axis in found if axis is not None]
    steps = {scene.time_step for _, scene in files.there}
    step = steps.pop() if len(steps) == 1 else None
    if any(axis.letter == "T" for axis in told):
        return told, None
    along = None if planes is not None and planes.time is not None else _starts_along_time(files)
    if along is None:
        return told, step
    gaps = np.diff(along)
    if np.allclose(gaps, gaps[0], rtol=1e-3):
        return told, float(gaps.mean())
    return [*told, Coordinate("T", tuple(map(float, along)), "s")], None


def _starts_along_time(files: _Files) -> npt.NDArray[np.float64] | None:
    """Seconds to the start of each file along T, where each is one position and later than the one before."""
    group = files.group
    started = _started(files)
    if "T" not in group.letters or started is None:
        return None
    axis = group.letters.index("T")
    grid = np.array(started).reshape([len(labels) for labels in group.labels])
    along = np.moveaxis(grid, axis, 0).reshape(len(group.labels[axis]), -1)[:, 0]
    rising = len(along) > 1 and bool((np.diff(along) > 0).all())
    return along if rising and set(files.sizes[axis]) == {1} else None


def _planes(files: _Files, stored: Dims) -> tuple[Planes | None, list[Diagnostic]]:
    """Put the facts of the planes of all files together; times count from the start of the first file."""
    group, known = files.group, files.first.planes
    if known is None or any(scene.planes is None for _, scene in files.there):
        return None, []
    new = "".join(letter for letter in group.letters if letter not in files.first.dims)
    if any(c not in known.dims and c not in new for c in group.letters) or any(
        c in known.dims for c in new
    ):
        return None, [_unplaced("times and positions of planes: they do not run along the files")]
    order = new + known.dims.order
    dims = Dims(order, tuple(stored.get(c, known.dims.get(c, 1)) for c in order))
    started, notes = _started(files), []
    columns = [name for name in _COLUMNS if getattr(known, name) is not None]
    if "time" in columns and started is None and "T" in group.letters:
        columns.remove("time")
        notes.append(_unplaced("times of planes: the files do not tell when each begins"))
    found = {name: np.full(dims.shape, np.nan) for name in columns}
    ends = [np.cumsum([0, *sizes]).tolist() for sizes in files.sizes]
    for index, (place, scene) in enumerate(zip(each_place(group), files.scenes, strict=True)):
        if scene is None or scene.planes is None:
            continue
        cut = [slice(None)] * len(order)
        for letter, at, edges in zip(group.letters, place, ends, strict=True):
            cut[order.index(letter)] = slice(edges[at], edges[at + 1])
        for name in columns:
            room = found[name][tuple(cut)]
            part = _column(scene.planes, name, room.shape)
            if part is not None:
                room[...] = part + (started[index] if name == "time" and started else 0)
    return Planes(
        dims, **{name: column.astype("<f8").tobytes() for name, column in found.items()}
    ), notes


def _unplaced(what: str) -> Diagnostic:
    return Diagnostic("files-differ", f"not kept: {what}")


def _column(planes: Planes, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float64] | None:
    column = planes.column(name)
    return column.reshape(shape) if column is not None and column.size == math.prod(shape) else None
