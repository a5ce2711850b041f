"""One table of planes for every format: when, where, how long, and at which byte.

Rule kept here: columns, no loop over planes. A fact that belongs to all planes along an axis is
repeated; one whose size fits no axis of the image is missing, never guessed.
"""

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, overload

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import formats
from aicsio._checks.constructors import checked_record
from aicsio._metadata.tables import Table, TableColumn
from aicsio.records import Dims, ImageHandle, Planes, Scene, Tiles
from aicsio.records.pickling import pickled_by_position
from aicsio.records.protocols import LocatesPlanes, ReadsPlanes, offered
from aicsio.steps import Step
from aicsio.steps.verbs import overloaded_verb

__all__ = ["TimeSteps", "plane_table", "tile_table", "time_steps"]

Column = npt.NDArray[np.float64]

LONGEST_DELAY = 3.2e11
"""Seconds between two dates at most: those of 9999 years."""
EVEN_STEPS = 0.01
"""Relative difference of steps that still counts as even: software takes the times, and jitters."""
FACTS = (("exposure", "s"), ("x", "um"), ("y", "um"), ("z", "um"), ("focus", "um"))
"""Columns of ``Planes`` besides the time, with their units."""
_TILES = (("m", "<i4"), ("y", "<i4"), ("x", "<i4"), ("height", "<i4"), ("width", "<i4"))


@pickled_by_position
@checked_record
@attrs.frozen
class TimeSteps:
    """Differences between successive time points, at fixed positions of all other axes."""

    median: float | None
    """Seconds; ``None`` if the file has no two times and states no step."""
    lowest: float | None = None
    """Seconds; ``None`` if no times were measured."""
    highest: float | None = None
    """Seconds; ``None`` if no times were measured."""
    deviation: float | None = None
    """Standard deviation in seconds; ``None`` if no times were measured."""
    uniform: bool = False
    """Whether all differences lie within 1 % of the median; true of a step that is only stated."""
    count: int = 0
    """Number of differences."""
    stated: float | None = None
    """Step that the file states, ``Scene.time_step``."""


# ---------------------------------------------------------------- public tables


if TYPE_CHECKING:

    @overload
    def plane_table(handle: ImageHandle, /) -> Table: ...
    @overload
    def plane_table() -> Step[Table]: ...


@overloaded_verb
def plane_table(handle: ImageHandle, /) -> Table:
    """Return a row for each plane in focus: position, time, exposure, place, file and byte offset.

    Parameters
    ----------
    handle
        An opened image; planes that ``transpose_to`` picked, in its order. Left out, the call
        returns a step.

    Returns
    -------
    Table
        One column for each axis but those of the plane (``T``, ``C``, ``Z``, ``M``, ...; int32,
        stored position), then ``time`` (seconds since the first plane of the scene), ``acquired``
        (absolute, microseconds; in UTC where the file has a time zone), ``exposure`` (s), ``x``,
        ``y``, ``z`` and ``focus`` (um), ``file`` and ``offset`` (bytes; of a CZI that of the
        subblock). NaN, NaT, ``None`` and -1 where the file has no such fact. A row a tile of each
        plane for images opened with ``mosaic="tiles"``; of a stitched mosaic the first tile.

    Raises
    ------
    CorruptFileError
        When the metadata of a plane are damaged.
    SourceError
        When the file cannot be read, or changed since it was opened.

    Notes
    -----
    CZI files keep these facts with the pixels of each plane, so that a small read for each is
    needed; other formats need none: 100 000 planes take some 15 ms.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, plane_table
    >>> table = plane_table(open_image(np.zeros((3, 2, 8, 8)), dims="TCYX"))
    >>> table["T"].tolist(), table["C"].tolist()
    ([0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1])
    >>> table["time"].tolist()[0]
    nan
    """
    array = handle.array
    dims = plane_dims(array.stored)
    planes = planes_of(handle)
    rows = _rows_in_focus(handle, dims)
    columns = [
        TableColumn.of_numbers(letter, _take(_positions(dims, axis), rows))
        for axis, letter in enumerate(dims)
    ]
    seconds = plane_times(handle.scene, planes, dims)
    start = None if planes is None or planes.time is None else planes.start
    dates, zone = _dates(handle.scene.acquired, start, seconds)
    columns.append(TableColumn.of_numbers("time", _take(seconds, rows), "s"))
    columns.append(TableColumn.of_numbers("acquired", _take(dates, rows), zone))
    for name, unit in FACTS:
        values = spread_column(planes, name, dims)
        if values is None:
            values = np.full(dims.shape, math.nan)
        columns.append(TableColumn.of_numbers(name, _take(values, rows), unit))
    return Table((*columns, *_places(handle, dims, rows)))


if TYPE_CHECKING:

    @overload
    def tile_table(handle: ImageHandle, /) -> Table: ...
    @overload
    def tile_table() -> Step[Table]: ...


@overloaded_verb
def tile_table(handle: ImageHandle, /) -> Table:
    """Return a row for each tile of a mosaic: its place on the canvas and on the stage.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.

    Returns
    -------
    Table
        ``m``, ``y``, ``x``, ``height``, ``width`` (pixels of level 0, int32), ``stage_x`` and
        ``stage_y`` (um, NaN if unknown); no rows where the scene is no mosaic.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, tile_table
    >>> tile_table(open_image(np.zeros((4, 4))))
    <Table 0 rows: m, y, x, height, width, stage_x, stage_y>
    """
    tiles = handle.scene.tiles or Tiles(b"", b"", b"", b"", b"")
    columns = [TableColumn(name, kind, getattr(tiles, name), unit="px") for name, kind in _TILES]
    for name in ("stage_x", "stage_y"):
        raw: bytes | None = getattr(tiles, name)
        if raw is None:
            raw = np.full(len(tiles), math.nan, "<f8").tobytes()
        columns.append(TableColumn(name, "<f8", raw, unit="um"))
    return Table(tuple(columns))


if TYPE_CHECKING:

    @overload
    def time_steps(handle: ImageHandle, /) -> TimeSteps: ...
    @overload
    def time_steps() -> Step[TimeSteps]: ...


@overloaded_verb
def time_steps(handle: ImageHandle, /) -> TimeSteps:
    """Measure the step between time points: the median difference at fixed channel and section.

    Parameters
    ----------
    handle
        An opened image; all planes of the scene in focus count. Left out, the call returns a step.

    Returns
    -------
    TimeSteps
        Median, range and deviation in seconds, and whether the steps are even.

    Raises
    ------
    CorruptFileError
        When the metadata of a plane are damaged.
    SourceError
        When the file cannot be read, or changed since it was opened.

    Examples
    --------
    >>> import numpy as np
    >>> import attrs
    >>> from aicsio import Dims, Planes, open_image, time_steps
    >>> h = open_image(np.zeros((4, 8, 8)), dims="TYX")
    >>> planes = Planes(Dims("T", (4,)), time=np.array([0.0, 1.0, 2.0, 5.0]).tobytes())
    >>> scene = attrs.evolve(h.scene, planes=planes)
    >>> steps = time_steps(attrs.evolve(h, contents=attrs.evolve(h.contents, scenes=(scene,))))
    >>> steps.median, steps.highest, steps.uniform
    (1.0, 3.0, False)
    """
    scene = handle.scene
    stated = scene.time_step
    nothing = TimeSteps(stated, uniform=stated is not None, stated=stated)
    dims = plane_dims(scene.dims)
    if "T" not in dims:
        return nothing
    planes = planes_of(handle)
    if (planes is None or planes.time is None) and not _has_times(scene, dims.T):
        return nothing
    seconds = plane_times(scene, planes, dims)
    # Only along T: differences between channels or sections are no time steps.
    steps = np.diff(seconds, axis=dims.order.index("T"))
    steps = steps[np.isfinite(steps)]
    if not steps.size:
        return nothing
    median = float(np.median(steps))
    uniform = bool(median > 0 and (np.abs(steps - median) <= EVEN_STEPS * median).all())
    low, high, deviation = float(steps.min()), float(steps.max()), float(steps.std())
    return TimeSteps(median, low, high, deviation, uniform, int(steps.size), stated)


# ---------------------------------------------------------------- facts of planes


def planes_of(handle: ImageHandle) -> Planes | None:
    """Read the facts of the planes of the scene in focus, from the planes themselves if need be."""
    reader = offered(formats.module_of(handle.format), ReadsPlanes)
    if reader is None or not handle.levels:
        return handle.scene.planes
    return reader.read_planes(handle.scene, handle.level_array(handle.scene_index, 0))


def plane_dims(stored: Dims) -> Dims:
    """Return the axes along which planes are counted: all but samples and the last two."""
    letters = [letter for letter in stored if letter != "S"]
    # In an XZ scan of a LIF the plane is Z and X; where Y and X are not last, they are the plane.
    plane = "YX" if "Y" in letters and "X" in letters else "".join(letters[-2:])
    order = "".join(letter for letter in letters if letter not in plane)
    return Dims(order, tuple(stored[letter] for letter in order))


def spread_column(planes: Planes | None, name: str, dims: Dims) -> Column | None:
    """Repeat a column over the axes of the image that it lacks.

    Returns
    -------
    numpy.ndarray or None
        In the shape of ``dims``; ``None`` if there is no such column, or its size fits no axis.
    """
    column = None if planes is None else planes.column(name)
    if planes is None or column is None:
        return None
    kept = []
    for axis, (letter, size) in enumerate(planes.dims.items()):
        if dims.get(letter, 1) not in {size, 1} or (size != 1 and letter not in dims):
            return None
        if letter in dims:
            kept.append(axis)
    # An axis of one position that the image lacks carries nothing.
    squeezed = column.reshape([column.shape[axis] for axis in kept])
    letters = [planes.dims.order[axis] for axis in kept]
    ordered = squeezed.transpose([letters.index(letter) for letter in dims if letter in letters])
    shape = [size if letter in letters else 1 for letter, size in dims.items()]
    sizes = [planes.dims.get(letter, 1) for letter in dims]
    if any(have != want for have, want in zip(sizes, shape, strict=True)):
        return None
    return np.broadcast_to(ordered.reshape(shape), dims.shape)


def plane_times(scene: Scene, planes: Planes | None, dims: Dims) -> Column:
    """Return the seconds of each plane since the first plane of the scene; NaN if unknown.

    The planes' own times come first, then the times of the time points, then the stated step.
    """
    own = spread_column(planes, "time", dims)
    if own is not None:
        return own
    if "T" not in dims:
        return np.full(dims.shape, math.nan)
    along: npt.NDArray[Any] = np.full(dims.T, math.nan)
    if scene.time_step is not None:
        along = np.arange(dims.T) * scene.time_step
    for one in scene.coordinates:
        if (one.letter, one.unit, len(one.values)) == ("T", "s", dims.T):
            along = np.array(one.values)
    shape = [-1 if letter == "T" else 1 for letter in dims]
    return np.broadcast_to(along.reshape(shape), dims.shape)


def _has_times(scene: Scene, count: int) -> bool:
    return any(
        (one.letter, one.unit, len(one.values)) == ("T", "s", count) for one in scene.coordinates
    )


def _dates(
    acquired: str | None, start: float | None, seconds: Column
) -> tuple[npt.NDArray[Any], str | None]:
    """Return the absolute time of each plane, and the zone: UTC, or ``None`` for a local clock."""
    nothing = np.full(seconds.shape, "NaT", "<M8[us]")
    if acquired is None or start is None:
        return nothing, None
    try:
        moment = datetime.fromisoformat(acquired)
    except ValueError:
        return nothing, None
    zone = None
    if moment.tzinfo is not None:
        moment, zone = moment.astimezone(UTC).replace(tzinfo=None), "UTC"
    with np.errstate(over="ignore"):
        total = seconds + start
    # Damaged numbers lead out of the years 1 to 9999, and some out of 64 bits.
    known = np.abs(total) < LONGEST_DELAY
    microseconds = np.rint(np.where(known, total, 0) * 1e6).astype("<m8[us]")
    return np.where(known, np.datetime64(moment, "us") + microseconds, nothing), zone


# ---------------------------------------------------------------- rows


def _rows_in_focus(handle: ImageHandle, dims: Dims) -> npt.NDArray[np.int64] | None:
    """Return the numbers of the planes in focus, in its order; ``None`` for all in stored order."""
    array = handle.array
    picks = dict(zip(array.stored.order, array.view.picks, strict=True))
    shown = [letter for letter in array.view.letters if letter in dims]
    whole = all(picks[letter] == range(size) for letter, size in dims.items())
    if whole and shown == list(dims):
        return None
    numbers = np.arange(math.prod(dims.shape), dtype=np.int64).reshape(dims.shape)
    picked: npt.NDArray[np.int64] = numbers[
        np.ix_(*(np.atleast_1d(np.array(picks[letter])) for letter in dims))
    ]
    # Letters that are not shown have one position: they may stand anywhere.
    order = [*shown, *(letter for letter in dims if letter not in shown)]
    return picked.transpose([dims.order.index(letter) for letter in order]).reshape(-1)


def _positions(dims: Dims, axis: int) -> npt.NDArray[np.int32]:
    shape = [-1 if number == axis else 1 for number in range(len(dims))]
    return np.broadcast_to(np.arange(dims.shape[axis], dtype="<i4").reshape(shape), dims.shape)


def _take(values: npt.NDArray[Any], rows: npt.NDArray[np.int64] | None) -> npt.NDArray[Any]:
    flat = values.reshape(-1)
    return flat if rows is None else flat[rows]


def _places(
    handle: ImageHandle, dims: Dims, rows: npt.NDArray[np.int64] | None
) -> tuple[TableColumn, TableColumn]:
    """Return the columns of files and byte offsets."""
    count = math.prod(dims.shape)
    uris: tuple[str, ...] = (handle.source.uri,)
    files, offsets = np.zeros(count, "<i4"), np.full(count, -1, "<i8")
    layout = offered(handle.array.layout, LocatesPlanes)
    places = None if layout is None else layout.locate_planes()
    if places is not None and len(places.offset) == offsets.nbytes:
        uris = places.uris
        files = np.frombuffer(places.file, "<i4")
        offsets = np.frombuffer(places.offset, "<i8")
    file = TableColumn("file", "<i4", _take(files, rows).tobytes(), uris)
    return file, TableColumn.of_numbers("offset", _take(offsets, rows), "B", optional=True)
