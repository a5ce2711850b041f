"""From the planes that an index lists to scenes, one a field of view. Shared by all indices.

Rule kept here: a plane that no file holds is zero and counted in a diagnostic. All fields of a plate
have the same dims, so that their arrays stack.
"""

import math
from collections.abc import Sequence
from typing import Final

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._io.named_files import list_folder
from aicsio._io.stores import is_key
from aicsio.errors import CorruptFileError
from aicsio.formats.folders.entries import NAN, FieldPlanes, PlaneEntry
from aicsio.formats.folders.layout import PlaneFilesLayout
from aicsio.formats.folders.members import Sample, learn_from_file
from aicsio.formats.folders.names import PackedNames
from aicsio.records import (
    Channel,
    Contents,
    Diagnostic,
    Dims,
    DType,
    LazyArray,
    Objective,
    PixelSize,
    Planes,
    Scene,
    Source,
)
from aicsio.records.packed import PackedIntegers
from aicsio.records.scenes import distinguish_scenes

PLANES_BESIDE = 1 << 20
"""Planes that an index may lack: a damaged number must not fill memory."""
COLUMNS: Final = ("time", "exposure", "x", "y", "z")


@attrs.frozen(eq=False)
class PlateIndex:
    """Metadata of an index file. Not a record: it lives for one opening."""

    source: Source
    """The index, in whose folder the files lie, or the folder itself."""
    code: str
    """Begin of the codes of diagnostics: the name of the format."""
    fields: Sequence[FieldPlanes]
    """In the order in which they are shown."""
    sizes: tuple[int, int, int]
    """Sizes of T, C and Z."""
    channels: tuple[Channel, ...] = ()
    """One a position of C; empty if the index has none."""
    pixel_size: PixelSize = attrs.Factory(PixelSize)
    """Axes that the index lacks come from the first file."""
    time_step: float | None = None
    """Seconds."""
    acquired: str | None = None
    """Date and time of the plate."""
    objective: Objective | None = None
    """The lens."""
    plane_size: tuple[int, int] | None = None
    """Rows and columns, where the index gives them."""
    dtype: DType | None = None
    """Type, where the index gives it."""
    text: str | None = None
    """The index without its list of planes, which may take a hundred megabytes."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Trouble with the index."""


class Folder:
    """Names that are in the folder of an index. Not a record: it lives for one opening."""

    def __init__(self, index: Source) -> None:
        self.index = index
        self.is_listed = index.local
        self._names: dict[str, dict[str, str]] = {}
        # Names that hold what a path gives a meaning of its own are looked at one by one.
        self.exact = {name for name in self.names().values() if is_key(name) and "\n" not in name}

    def names(self, folder: str = "") -> dict[str, str]:
        """Return the names in a folder, by their lower-case form."""
        known = self._names.get(folder)
        if known is None:
            known = {name.lower(): name for name in list_folder(self.index, folder)}
            self._names[folder] = known
        return known

    def find(self, key: str) -> str | None:
        """Return a name as the folder has it; ``None`` if it is not there.

        The folder of a web server has no list: its files are looked for when they are read.
        """
        if not self.is_listed:
            return key
        folder, _, name = key.rpartition("/")
        # Copies to other systems change the case of suffixes.
        actual = self.names(folder).get(name.lower())
        if actual is None:
            return None
        return f"{folder}/{actual}" if folder else actual


def build_contents(plate: PlateIndex, folder: Folder | None = None) -> Contents:
    """Describe the scenes of a plate.

    Parameters
    ----------
    plate
        What its index says.
    folder
        Names in its folder, where they are listed already.

    Raises
    ------
    CorruptFileError
        When the index lists no plane, or a name leads out of its folder.
    """
    if not plate.fields:
        raise CorruptFileError.at(plate.source.uri, None, "expected planes, the index lists none")
    if not plate.source.has_place:
        raise CorruptFileError("an index names files beside it, and bytes have none: give its path")
    listed = sum(len(field.entries) for field in plate.fields)
    described = math.prod(plate.sizes) * len(plate.fields)
    # A plate whose wells differ has gaps, not sixteen planes for each that is listed.
    if described > max(PLANES_BESIDE, 16 * listed) or min(plate.sizes) < 1:
        raise CorruptFileError.at(
            plate.source.uri,
            None,
            f"the index lists {listed} planes, its numbers describe {described}",
        )
    return _Builder(plate, folder or Folder(plate.source)).build()


@attrs.define(eq=False)
class _FieldTable:
    """Planes of one field as a table."""

    names: list[str]
    file_of: npt.NDArray[np.int64]
    page_of: npt.NDArray[np.int64]
    columns: dict[str, npt.NDArray[np.float64]]


class _Builder:
    """Makes scenes of the fields of one plate."""

    def __init__(self, plate: PlateIndex, folder: Folder) -> None:
        self.plate = plate
        self.folder = folder
        self.diagnostics: list[Diagnostic] = list(plate.diagnostics)
        self.unlisted_count = 0
        self.missing: list[str] = []
        self.repeated: list[str] = []
        self._plane_dims = Dims("TCZ", plate.sizes)
        self._packed: dict[bytes, PackedIntegers] = {}

    def build(self) -> Contents:
        tables = [self._tabulate(field) for field in self.plate.fields]
        sample = self._learn(tables)
        self._report()
        names = distinguish_scenes([_name_of(field) for field in self.plate.fields])
        scenes = [
            self._describe(name, field, table, sample)
            for name, field, table in zip(names, self.plate.fields, tables, strict=True)
        ]
        return Contents(tuple(scenes), self.plate.text, tuple(self.diagnostics))

    # ------------------------------------------------------------ tables

    def _tabulate(self, field: FieldPlanes) -> _FieldTable:
        size_t, size_c, size_z = self.plate.sizes
        count = size_t * size_c * size_z
        file_of, page_of = np.full(count, -1, np.int64), np.zeros(count, np.int64)
        names: dict[str, int] = {}
        numbers: dict[int, PlaneEntry] = {}
        for entry in field.entries:
            t, c, z = entry.t, entry.c, entry.z
            if not (0 <= t < size_t and 0 <= c < size_c and 0 <= z < size_z):
                continue
            # Number of the plane in C order of T, C, Z; the first plane of a number counts.
            number = (t * size_c + c) * size_z + z
            if number in numbers:
                self.repeated.append(entry.file)
                continue
            numbers[number] = entry
            file = self._find(entry.file)
            if file is not None:
                file_of[number] = names.setdefault(file, len(names))
                page_of[number] = entry.page
        self.unlisted_count += count - len(numbers)
        facts = np.full((count, len(COLUMNS)), NAN)
        if numbers:
            # Fields of an entry from ``time`` on, in the order of ``COLUMNS``.
            facts[list(numbers)] = [entry[5:] for entry in numbers.values()]
        columns = dict(zip(COLUMNS, facts.T, strict=True))
        # Programs write 0 where they know no exposure.
        columns["exposure"][columns["exposure"] <= 0] = NAN
        return _FieldTable(list(names), file_of, page_of, columns)

    def _find(self, name: str) -> str | None:
        # The usual name lies in the folder itself, as it is written.
        if name in self.folder.exact:
            return name
        key = name.replace("\\", "/")
        # "../other/image.tif" would read what the user did not name.
        if not key or not is_key(key) or "\n" in key:
            raise CorruptFileError.at(
                self.plate.source.uri, None, f"the index names {name[:200]!r}, not below its folder"
            )
        found = self.folder.find(key)
        if found is None:
            self.missing.append(key)
        return found

    def _report(self) -> None:
        code = self.plate.code
        if self.missing:
            self._note(
                f"{code}-missing-files",
                f"{len(self.missing)} files of the index are not in its folder, the first is "
                f"{self.missing[0]!r}: their planes are zero",
                loss=True,
            )
        if self.unlisted_count:
            size = " x ".join(map(str, self.plate.sizes))
            self._note(
                f"{code}-missing-planes",
                f"{self.unlisted_count} planes of {len(self.plate.fields)} fields of {size} (T, C, "
                "Z) are not in the index: they are zero",
            )
        if self.repeated:
            self._note(
                f"{code}-repeated-planes",
                f"{len(self.repeated)} files stand for a plane that another file shows, the first "
                f"is {self.repeated[0]!r}: they are left out",
            )

    def _note(self, code: str, message: str, *, loss: bool = False) -> None:
        self.diagnostics.append(Diagnostic(code, message, self.plate.source.uri, loss=loss))

    # ------------------------------------------------------------ size and type

    def _learn(self, tables: Sequence[_FieldTable]) -> Sample | None:
        """Return size and type of all planes: of the index where it gives both, else of a file."""
        stated = self.plate.plane_size
        if stated is not None and self.plate.dtype is not None:
            return Sample("", "YX", stated, self.plate.dtype, 1, None)
        # One file a field: the files of a damaged well are one attempt, not all of them.
        keys = [table.names[0] for table in tables if table.names]
        sample, notes = learn_from_file(self.plate.source, keys, self.plate.code)
        self.diagnostics += notes
        if sample is not None and stated is not None and sample.shape[:2] != stated:
            self._note(
                f"{self.plate.code}-size-differs",
                f"the index gives {stated} rows and columns, {sample.name!r} has "
                f"{sample.shape[:2]}: the file decides",
            )
        return sample

    # ------------------------------------------------------------ scenes

    def _describe(
        self, name: str, field: FieldPlanes, table: _FieldTable, sample: Sample | None
    ) -> Scene:
        plate = self.plate
        channels = plate.channels
        if sample is not None and sample.letters.endswith("S"):
            # A colour image has S behind every position of C: each channel has its samples.
            own = channels or (Channel(),) * plate.sizes[1]
            channels = tuple(attrs.evolve(channel, samples=sample.shape[-1]) for channel in own)
        learnt = None if sample is None else sample.scene
        return Scene(
            name=name,
            levels=() if sample is None else (self._lay_out(table, sample),),
            channels=channels,
            pixel_size=_complete(plate.pixel_size, learnt),
            time_step=plate.time_step,
            acquired=field.acquired or plate.acquired,
            objective=plate.objective or (None if learnt is None else learnt.objective),
            planes=self._describe_planes(field, table),
            well=field.well,
        )

    def _lay_out(self, table: _FieldTable, sample: Sample) -> LazyArray:
        layout = PlaneFilesLayout(
            index=self.plate.source,
            names=PackedNames.pack(table.names),
            lead=self.plate.sizes,
            plane=sample.shape,
            dtype=sample.dtype,
            file_of=self._pack(table.file_of),
            page_of=self._pack(table.page_of),
            is_listed=self.folder.is_listed,
        )
        dims = Dims("TCZ" + sample.letters, self.plate.sizes + sample.shape)
        return LazyArray.whole(layout, dims, sample.dtype)

    def _describe_planes(self, field: FieldPlanes, table: _FieldTable) -> Planes | None:
        packed: dict[str, bytes] = {}
        for name, values in table.columns.items():
            present = np.isfinite(values)
            if not present.any():
                continue
            if name == "time":
                # The clock of planes starts with the first of them.
                shown = values - values[present].min()
            else:
                shown = values
            packed[name] = shown.astype("<f8").tobytes()
        if not packed:
            return None
        return Planes(self._plane_dims, start=field.start, **packed)

    def _pack(self, numbers: npt.NDArray[np.int64]) -> PackedIntegers:
        """Pack numbers; the fields of a plate number their files alike, and share one table."""
        key = numbers.tobytes()
        found = self._packed.get(key)
        if found is None:
            found = self._packed[key] = PackedIntegers.pack(numbers)
        return found


def _name_of(field: FieldPlanes) -> str | None:
    if field.name is not None or field.well is None:
        return field.name
    return f"{field.well.name}-{field.well.field + 1}"


def _complete(size: PixelSize, learnt: Scene | None) -> PixelSize:
    """Fill what the index lacks of the size of a pixel from the file itself."""
    if learnt is None:
        return size
    Y = size.Y if size.Y is not None else learnt.pixel_size.Y
    X = size.X if size.X is not None else learnt.pixel_size.X
    return PixelSize(size.Z, Y, X)
