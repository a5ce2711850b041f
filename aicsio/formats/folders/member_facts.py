"""When, where and how long planes were taken, where the index lacks it and their files have it.

Rule kept here: read on request, one directory a page and no pixels. A file without facts leaves
NaN; where the first files have none, the others are not opened.
"""

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from aicsio._io.named_files import find_named
from aicsio.errors import CorruptFileError
from aicsio.formats._tiff.chain import read_chain
from aicsio.formats._tiff.dialects import describe
from aicsio.formats._tiff.ifd import OpenTiff, open_tiff, read_directory
from aicsio.formats._tiff.makers import is_metaseries
from aicsio.formats._tiff.metamorph import read_metaseries, seconds_of
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.tags import Tag
from aicsio.formats.folders.layout import PlaneFilesLayout
from aicsio.records import Dims, LazyArray, Planes, Scene, Source

Rows: TypeAlias = npt.NDArray[np.float64]
"""One row a plane, with the columns of ``COLUMNS``."""
COLUMNS: Final = ("time", "exposure", "x", "y", "z", "focus")
MOST_SILENT: Final = 8
"""Files without facts that are opened before the others are taken to have none."""


def read_member_planes(scene: Scene, level: LazyArray) -> Planes | None:
    """Read the facts of the planes of a field from its files.

    Parameters
    ----------
    scene, level
        The field, and its array of full resolution.

    Returns
    -------
    Planes or None
        The columns of the scene where files have none.

    Raises
    ------
    CorruptFileError
        When a file is damaged.
    """
    layout = level.layout
    if not isinstance(layout, PlaneFilesLayout):
        return scene.planes
    count = int(np.prod(layout.lead))
    numbers = np.arange(count)
    files, pages = layout.file_of.take(numbers), layout.page_of.take(numbers)
    table = np.full((count, len(COLUMNS)), np.nan)
    silent = 0
    for file in np.unique(files[files >= 0]).tolist():
        facts = _read_file(layout.index, layout.names.at(file))
        if facts is None:
            silent += 1
            if silent == MOST_SILENT and not np.isfinite(table).any():
                break
            continue
        # Numbers of the planes that lie in this file; each takes the row of its page.
        rows = np.flatnonzero((files == file) & (pages < len(facts)))
        table[rows] = facts[pages[rows]]
    return _as_planes(scene, table, layout.lead)


def read_step(index: Source, keys: tuple[str, str], sections: int) -> float | None:
    """Measure the distance of sections by the stage positions in two files of a stack.

    Parameters
    ----------
    index
        The index, in whose folder the files lie.
    keys
        Names of the first file and of the last.
    sections
        Number of the last section, from that of the first.

    Returns
    -------
    float or None
        Micrometres; ``None`` where a file has no position along Z, or both have the same.

    Examples
    --------
    >>> from aicsio import Source
    >>> from aicsio.formats.folders.member_facts import read_step
    >>> read_step(Source("no folder/plate.HTD", local=True), ("a.tif", "b.tif"), 2) is None
    True
    """
    positions = []
    for key in keys:
        try:
            rows = _read_file(index, key)
        except CorruptFileError:
            # Its pixels may be asked for, and raise then.
            rows = None
        if rows is None or not np.isfinite(rows[0, COLUMNS.index("z")]):
            return None
        positions.append(float(rows[0, COLUMNS.index("z")]))
    # Positions have decimals, whose difference as floats has more.
    step = round(abs(positions[1] - positions[0]) / sections, 6)
    return step or None


def _read_file(index: Source, key: str) -> Rows | None:
    """Return a row for each page of a file; ``None`` for one that is missing or has no facts."""
    source = find_named(index, key)
    if source is None:
        return None
    try:
        with open_tiff(source) as (file, first):
            tags = PageTags.of(file, read_directory(file, first)[0])
            if Tag.UIC1 in tags.tags or Tag.UIC2 in tags.tags:
                return _read_stack(describe(file, first, []).scenes[0])
            if not is_metaseries(tags.description):
                return None
            return _read_pages(file, first)
    except CorruptFileError as error:
        raise CorruptFileError(f"{key!r} of {index.uri}: {error}") from error


def _read_pages(file: OpenTiff, first: int) -> Rows:
    chain, _ = read_chain(file, first)
    rows = []
    for page in range(len(chain)):
        facts = read_metaseries(PageTags.of(file, chain[page]).description)
        rows.append([facts.get(name, np.nan) for name in COLUMNS])
    return np.array(rows, np.float64)


def _read_stack(stack: Scene) -> Rows | None:
    """Return the facts of the planes of a stack, its times on the clock of all files."""
    planes = stack.planes
    if planes is None:
        return None
    rows = np.full((int(np.prod(planes.dims.shape)), len(COLUMNS)), np.nan)
    for number, name in enumerate(COLUMNS):
        column = planes.column(name)
        if column is not None:
            rows[:, number] = column.reshape(-1)
    start = seconds_of(stack.acquired)
    if start is None or planes.start is None:
        rows[:, COLUMNS.index("time")] = np.nan
    else:
        rows[:, COLUMNS.index("time")] += start + planes.start
    return rows


def _as_planes(scene: Scene, table: Rows, lead: tuple[int, ...]) -> Planes | None:
    start = None if scene.planes is None else scene.planes.start
    packed: dict[str, bytes] = {}
    for name, values in zip(COLUMNS, table.T, strict=True):
        shown = values
        if np.isfinite(values).any():
            if name == "time":
                # The clock of planes starts with the first of them.
                first = float(np.nanmin(values))
                shown = values - first
                acquired = seconds_of(scene.acquired)
                start = None if acquired is None else first - acquired
            packed[name] = shown.astype("<f8").tobytes()
        elif scene.planes is not None and getattr(scene.planes, name) is not None:
            packed[name] = getattr(scene.planes, name)
    if not packed:
        return None
    return Planes(Dims("TCZ", lead), start=start, **packed)
