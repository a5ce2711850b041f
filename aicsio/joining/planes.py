"""Times, positions and coordinates of many files as those of one image.

Rule kept here: times count from the start of the first file. Without the start of each file there
is no common clock, and no time.
"""

import itertools
import math
from collections.abc import Sequence
from datetime import datetime

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.joining.agreement import SceneGrid
from aicsio.joining.groups import grid_positions
from aicsio.records import Coordinate, Diagnostic, Dims, Planes, Scene
from aicsio.records.pickling import pickled_by_position

__all__ = ["JoinedTimes", "join_planes", "join_times"]

Column = npt.NDArray[np.float64]

COLUMNS = ("time", "exposure", "x", "y", "z")
"""Columns of ``Planes``."""


@pickled_by_position
@attrs.frozen
class JoinedTimes:
    """Coordinates along the axes of the grid, and the time step."""

    coordinates: tuple[Coordinate, ...]
    """From numbers in the names, or from the starts of the files."""
    time_step: float | None
    """Seconds; ``None`` if unknown or uneven."""


def join_times(grid: SceneGrid, planes: Planes | None) -> JoinedTimes:
    """Return the values along the axes of the grid, and the step of time if it is even.

    Parameters
    ----------
    grid
        The scenes.
    planes
        The joined planes: if they have times, the starts of the files add nothing.
    """
    coordinates: list[Coordinate] = []
    for letter, labels in zip(grid.group.letters, grid.group.labels, strict=True):
        coordinate = _coordinate_of_labels(grid, letter, labels)
        if coordinate is not None:
            coordinates.append(coordinate)
    if any(coordinate.letter == "T" for coordinate in coordinates):
        return JoinedTimes(tuple(coordinates), None)
    steps = {scene.time_step for _, scene in grid.present}
    time_step = steps.pop() if len(steps) == 1 else None
    starts = None
    if planes is None or planes.time is None:
        starts = _starts_along_time(grid)
    if starts is None:
        return JoinedTimes(tuple(coordinates), time_step)
    intervals = np.diff(starts)
    # Acquisition software keeps a step to about a thousandth of it.
    if np.allclose(intervals, intervals[0], rtol=1e-3):
        return JoinedTimes(tuple(coordinates), float(intervals.mean()))
    coordinates.append(Coordinate("T", tuple(map(float, starts)), "s"))
    return JoinedTimes(tuple(coordinates), None)


def _coordinate_of_labels(
    grid: SceneGrid, letter: str, labels: Sequence[int | float | str]
) -> Coordinate | None:
    """Return numbers of file names as a coordinate; ``None`` if they only count the files."""
    sizes = grid.sizes[grid.group.letters.index(letter)]
    # One number per file is a coordinate only if each file has one position along the axis.
    if letter == "C" or set(sizes) != {1} or any(isinstance(label, str) for label in labels):
        return None
    values = tuple(map(float, labels))
    if set(np.diff(values)) <= {1.0}:
        return None
    return Coordinate(letter, values)


def _starts_along_time(grid: SceneGrid) -> Column | None:
    """Return the starts of the files along T in seconds, if they are known and increase."""
    group = grid.group
    starts = seconds_from_first(grid)
    if "T" not in group.letters or starts is None:
        return None
    axis = group.letters.index("T")
    if set(grid.sizes[axis]) != {1}:
        return None
    by_position = np.array(starts).reshape(tuple(map(len, group.labels)))
    # The first file of each time point stands for it; other channels begin a little later.
    along_time = np.moveaxis(by_position, axis, 0).reshape(len(group.labels[axis]), -1)[:, 0]
    increasing = len(along_time) > 1 and bool((np.diff(along_time) > 0).all())
    return along_time if increasing else None


def seconds_from_first(grid: SceneGrid) -> list[float] | None:
    """Return the start of each file in seconds from that of the first; NaN for a missing file.

    Returns ``None`` if a file has no valid start, or if some starts have a time zone and others
    have none.
    """
    starts: list[datetime | None] = []
    for scene in grid.scenes:
        start = None
        if scene is not None:
            start = _start(scene)
            if start is None:
                return None
        starts.append(start)
    reference = next(start for start in starts if start is not None)
    seconds = [math.nan] * len(starts)
    for index, start in enumerate(starts):
        if start is None:
            continue
        # Python refuses to subtract them, and the time zone of one file is no fact of another.
        if (start.tzinfo is None) != (reference.tzinfo is None):
            return None
        seconds[index] = (start - reference).total_seconds()
    return seconds


def _start(scene: Scene) -> datetime | None:
    if scene.acquired is None:
        return None
    try:
        return datetime.fromisoformat(scene.acquired)
    except ValueError:
        return None


def join_planes(grid: SceneGrid, stored: Dims) -> tuple[Planes | None, list[Diagnostic]]:
    """Put the facts of the planes of all files together.

    Parameters
    ----------
    grid
        The scenes.
    stored
        Dims of the joined image.
    """
    known = grid.first.planes
    # A file without a table would leave a gap of NaN that looks like planes that were not taken.
    if known is None or any(scene.planes is None for _, scene in grid.present):
        return None, []
    letters = grid.group.letters
    new = "".join(letter for letter in letters if letter not in grid.first.dims)
    order = new + known.dims.order
    # A letter of the files that their planes lack, or a new letter that they have: no order fits.
    if len(set(order)) < len(order) or not set(letters) <= set(order):
        message = "not kept: times and positions of planes: they do not run along the files"
        return None, [Diagnostic("files-differ", message)]
    dims = Dims(order, tuple(stored.get(c, known.dims.get(c, 1)) for c in order))
    starts = seconds_from_first(grid)
    diagnostics: list[Diagnostic] = []
    names = [name for name in COLUMNS if getattr(known, name) is not None]
    if "time" in names and starts is None and "T" in letters:
        names.remove("time")
        message = "not kept: times of planes: the files do not give the start of each"
        diagnostics.append(Diagnostic("files-differ", message))
    columns: dict[str, bytes] = {}
    for name in names:
        # Times of each file count from its own start.
        offsets = _first_planes(grid, starts) if name == "time" else None
        columns[name] = _join_column(grid, dims, name, offsets).astype("<f8").tobytes()
    return Planes(dims, **columns, start=known.start), diagnostics


def _first_planes(grid: SceneGrid, starts: Sequence[float] | None) -> list[float]:
    """Return the time of the first plane of each file, counted from that of the first file."""
    # Files of one acquisition may state one date, and how long after it each began.
    delays = [
        0.0 if scene is None or scene.planes is None else scene.planes.start or 0.0
        for scene in grid.scenes
    ]
    first = 0.0 if grid.first.planes is None else grid.first.planes.start or 0.0
    dates = starts or [0.0] * len(delays)
    return [date + delay - first for date, delay in zip(dates, delays, strict=True)]


def _join_column(grid: SceneGrid, dims: Dims, name: str, offsets: Sequence[float] | None) -> Column:
    """Return one column of the joined image; NaN where a file lacks it."""
    column = np.full(dims.shape, np.nan)
    edges = [(0, *itertools.accumulate(sizes)) for sizes in grid.sizes]
    positions = grid_positions(grid.group)
    for index, (position, scene) in enumerate(zip(positions, grid.scenes, strict=True)):
        if scene is None or scene.planes is None:
            continue
        window = [slice(None)] * len(dims)
        for axis, letter in enumerate(grid.group.letters):
            start, stop = edges[axis][position[axis]], edges[axis][position[axis] + 1]
            window[dims.order.index(letter)] = slice(start, stop)
        target = column[tuple(window)]
        values = scene.planes.column(name)
        # A list of another length than the planes belongs to no plane.
        if values is None or values.size != target.size:
            continue
        target[...] = values.reshape(target.shape)
        if offsets is not None:
            target += offsets[index]
    return column
