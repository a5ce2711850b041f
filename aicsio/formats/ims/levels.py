"""Resolution levels of an Imaris data set, to lazy arrays.

Rule kept here: sizes of a level are those of its first array that can be read. An array that is
missing or cannot be read is zero and counted in a diagnostic.
"""

import itertools
from collections.abc import Mapping
from typing import Final

import attrs
import numpy as np

from aicsio._checks.words import count_of
from aicsio.formats.ims.chunks import UnreadableArrayError, UnsupportedArrayError, read_table
from aicsio.formats.ims.hdf5 import Hdf5File, numbered
from aicsio.formats.ims.layout import ArrayStorage, ChunkTable, ImsLayout, block_shape_of
from aicsio.records import Diagnostic, Dims, LazyArray
from aicsio.records.packed import PackedIntegers

LETTERS: Final = "TCZYX"
UNSUPPORTED: Final = "ims-unsupported-arrays"
"""Code of the diagnostic of arrays that are whole, of a kind that is not read."""
SIZE_NAMES: Final = frozenset({"ImageSizeZ", "ImageSizeY", "ImageSizeX"})
"""Attributes of an array; beside them stands its histogram."""
MOST_LEVELS: Final = 32
"""Levels: each halves the one before, so that no image has more."""
MOST_CELLS: Final = 1 << 23
"""Chunks of a file: 8 million of 1 MiB are 8 TiB, in tables of 160 MiB."""
LARGEST_GAP: Final = 16
"""How many times more numbers than groups there may be: the numbers of a damaged file lie."""


@attrs.frozen
class Extent:
    """Time points and channels of a data set."""

    times: int
    """Time points."""
    channels: int
    """Channels."""


def find_extent(file: Hdf5File, data: str, info: Mapping[str, Mapping[str, str]]) -> Extent:
    """Count time points and channels: those of the first level, and those that are described."""
    top = f"{data}/ResolutionLevel 0"
    times = numbered(file.names(top), "TimePoint")
    channels: set[int] = set()
    for t in times:
        channels.update(numbered(file.names(f"{top}/TimePoint {t}"), "Channel"))
    described = numbered(tuple(info), "Channel")
    stated = parse_count(info.get("TimeInfo", {}).get("FileTimePoints"))
    # A number alone may be damage; groups are there.
    if stated > LARGEST_GAP * (len(times) + 1):
        stated = 0
    return Extent(max(_count(times), stated), _count((*channels, *described)))


def parse_count(text: str | None) -> int:
    """Return a number of at most nine digits, else 0: numbers of a damaged file may have any length."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


def _count(numbers: tuple[int, ...]) -> int:
    """Return the highest number and one, unless damage made it absurd."""
    sound = [number for number in numbers if number < LARGEST_GAP * (len(numbers) + 1)]
    return max(sound, default=-1) + 1


class LevelReader:
    """Reads the levels of one data set. Not a record: it lives for one opening."""

    def __init__(self, file: Hdf5File, data: str, extent: Extent) -> None:
        self._file = file
        self._data = data
        self._extent = extent
        self._cells = 0
        self.diagnostics: list[Diagnostic] = []

    def read_all(self, info_sizes: tuple[int, ...]) -> tuple[LazyArray, ...]:
        """Return the levels, full resolution first.

        Parameters
        ----------
        info_sizes
            Z, Y, X of full resolution by the description of the image; 0 where it has none.
        """
        levels: list[LazyArray] = []
        present = set(numbered(self._file.names(self._data), "ResolutionLevel"))
        # Levels count from 0 without gaps: one behind a gap is not shown.
        for number in itertools.takewhile(present.__contains__, range(MOST_LEVELS)):
            stated = info_sizes if number == 0 else (0, 0, 0)
            array = self._read_level(number, stated)
            if array is None:
                break
            if levels and not _may_follow(levels[0], array):
                text = f"{self._data}: level {number} is {array.dims} {array.dtype}: it is left out"
                self.diagnostics.append(Diagnostic("ims-level", text, self._data))
                break
            levels.append(array)
        return tuple(levels)

    def _read_level(self, number: int, stated: tuple[int, ...]) -> LazyArray | None:
        extent, top = self._extent, f"{self._data}/ResolutionLevel {number}"
        tables: list[ChunkTable | None] = []
        reasons: list[UnreadableArrayError] = []
        sizes: dict[tuple[int, ...], tuple[int, ...]] = {}
        # C order of time points and channels, by which ``ImsLayout.kind`` counts.
        for t, c in itertools.product(range(extent.times), range(extent.channels)):
            path = f"{top}/TimePoint {t}/Channel {c}"
            table = self._read_array(f"{path}/Data", reasons)
            tables.append(table)
            # Attributes are read once for all arrays of one shape.
            if table is not None and table.storage.shape not in sizes:
                sizes[table.storage.shape] = self._read_sizes(path, table.storage, stated)
        found = [table for table in tables if table is not None]
        self._report(number, tables, reasons)
        if not found:
            return None
        largest = tuple(map(max, zip(*sizes.values(), strict=True)))
        self._report_differences(
            number, found, [sizes[one.storage.shape] for one in found], largest
        )
        return self._lay_out(tables, found, (extent.times, extent.channels, *largest))

    def _read_array(self, path: str, reasons: list[UnreadableArrayError]) -> ChunkTable | None:
        try:
            table = read_table(self._file, path)
        except UnreadableArrayError as error:
            reasons.append(type(error)(f"{path}: {error}"))
            return None
        if table is not None:
            self._cells += table.offsets.size
            if self._cells > MOST_CELLS:
                text = f"{path}: the file has more than {MOST_CELLS} chunks"
                reasons.append(UnreadableArrayError(text))
                return None
        return table

    def _read_sizes(
        self, path: str, storage: ArrayStorage, stated: tuple[int, ...]
    ) -> tuple[int, ...]:
        """Return Z, Y, X of the image, without the padding of its last chunks."""
        texts = self._file.attributes(path, SIZE_NAMES)
        sizes = []
        for letter, size, fallback in zip("ZYX", storage.shape, stated, strict=True):
            # Arrays are padded to whole chunks. A size that exceeds the array is damage.
            named = parse_count(texts.get(f"ImageSize{letter}")) or fallback
            sizes.append(named if 0 < named <= size else size)
        return tuple(sizes)

    def _lay_out(
        self, tables: list[ChunkTable | None], found: list[ChunkTable], shape: tuple[int, ...]
    ) -> LazyArray:
        storages = list(dict.fromkeys(table.storage for table in found))
        kinds, firsts, row = [], [], 0
        for table in tables:
            kinds.append(-1 if table is None else storages.index(table.storage))
            # A missing array has no chunks: the next one begins at the same row.
            firsts.append(row)
            row += 0 if table is None else table.offsets.size
        columns = [
            PackedIntegers.pack(np.concatenate([getattr(table, name) for table in found]))
            for name in ("offsets", "sizes", "masks")
        ]
        layout = ImsLayout(
            self._file.source,
            shape,
            block_shape_of(storages[0], shape),
            tuple(storages),
            PackedIntegers.pack(np.array(kinds)),
            PackedIntegers.pack(np.array(firsts)),
            *columns,
        )
        dtype = np.result_type(*(storage.dtype for storage in storages))
        return LazyArray.whole(layout, Dims(LETTERS, shape), dtype)

    def _report(
        self, number: int, tables: list[ChunkTable | None], reasons: list[UnreadableArrayError]
    ) -> None:
        where, total = f"{self._data}, level {number}", len(tables)
        # An unreadable array is ``None``, too, and has a reason.
        absent = sum(table is None for table in tables) - len(reasons)
        if absent:
            text = f"{where}: {absent} of {total} arrays are not in the file: they are zero"
            self.diagnostics.append(Diagnostic("ims-missing-arrays", text, self._data, loss=True))
        if reasons:
            text = f"{where}: {count_of(len(reasons), 'array')} cannot be read: {reasons[0]}"
            is_whole = all(isinstance(reason, UnsupportedArrayError) for reason in reasons)
            code = UNSUPPORTED if is_whole else "ims-unreadable-arrays"
            self.diagnostics.append(Diagnostic(code, text, self._data, loss=True))
        damaged = sum(table.damaged for table in tables if table is not None)
        if damaged:
            text = f"{where}: {count_of(damaged, 'chunk')} outside of array or file: they are zero"
            self.diagnostics.append(Diagnostic("ims-damaged-chunks", text, self._data, loss=True))

    def _report_differences(
        self,
        number: int,
        found: list[ChunkTable],
        sizes: list[tuple[int, ...]],
        largest: tuple[int, ...],
    ) -> None:
        """Report arrays of other sizes, types and fill values than the image has."""
        where = f"{self._data}, level {number}"
        smaller = [size for size in sizes if size != largest]
        if smaller:
            text = (
                f"{where}: {count_of(len(smaller), 'array')} of {len(sizes)} have other sizes than "
                f"{largest}, the first is {smaller[0]}: the rest of them is zero"
            )
            self.diagnostics.append(Diagnostic("ims-array-sizes", text, self._data))
        types = dict.fromkeys(table.storage.dtype.name for table in found)
        if len(types) > 1:
            widest = np.result_type(*types)
            text = f"{where}: arrays of {', '.join(types)} are read as {widest}"
            self.diagnostics.append(Diagnostic("mixed-pixel-types", text, self._data))
        filled = [table for table in found if table.fill]
        if filled:
            chunks = sum(int((table.offsets < 0).sum()) for table in filled)
            text = (
                f"{where}: {count_of(chunks, 'chunk')} not in the file stand for "
                f"{filled[0].fill:g}, which HDF5 fills in: they are zero"
            )
            self.diagnostics.append(Diagnostic("ims-fill-value", text, self._data, loss=True))


def _may_follow(first: LazyArray, array: LazyArray) -> bool:
    """Return whether an array can be a level of another: of its type, and nowhere larger."""
    sizes = zip(first.shape, array.shape, strict=True)
    return first.dtype == array.dtype and all(ours >= theirs for ours, theirs in sizes)
