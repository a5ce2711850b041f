"""From the planes that an index lists to scenes, one a field of view. Shared by all indices.

Rule kept here: a plane that no file holds is zero and counted in a diagnostic. All fields of a plate
have the same dims, so that their arrays stack.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.errors import CorruptFileError
from aicsio.formats.folders.entries import NAN, Field, Floats, Integers, ListedPlanes
from aicsio.formats.folders.layout import PlaneFilesLayout
from aicsio.formats.folders.members import Sample, learn_from_file
from aicsio.formats.folders.name_lookup import Folder, is_name
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

N = TypeVar("N", bound=np.generic)
PLANES_BESIDE = 1 << 20
"""Planes that an index may lack: a damaged number must not fill memory."""


@attrs.frozen(eq=False)
class PlateIndex:
    """Metadata of an index file. Not a record: it lives for one opening."""

    source: Source
    """The index, in whose folder the files lie, or the folder itself."""
    code: str
    """Begin of the codes of diagnostics: the name of the format."""
    fields: Sequence[Field]
    """In the order in which they are shown."""
    planes: ListedPlanes
    """Their planes."""
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


def build_contents(plate: PlateIndex, folder: Folder | None = None) -> Contents:
    """Describe the scenes of a plate.

    Parameters
    ----------
    plate
        Its index.
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
    listed = len(plate.planes)
    described = math.prod(plate.sizes) * len(plate.fields)
    # A plate whose wells differ has gaps, not sixteen planes for each that is listed.
    if described > max(PLANES_BESIDE, 16 * listed) or min(plate.sizes) < 1:
        raise CorruptFileError.at(
            plate.source.uri,
            None,
            f"the index lists {listed} planes, its numbers describe {described}",
        )
    return _Builder(plate, folder or Folder(plate.source)).build()


@attrs.frozen(eq=False)
class _Tables:
    """Planes of all fields as tables: a row a field, a column a plane in C order of T, C and Z."""

    names: list[list[str]]
    """Files of each field."""
    file_of: Integers
    """Position of the file of each plane in these names; -1 for one that is missing."""
    page_of: Integers
    """Number of each plane in its file."""
    facts: dict[str, list[bytes | None]]
    """Columns of ``Planes`` by their name, one a field; ``None`` where no plane has the fact."""


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
        tables = self._tabulate()
        sample = self._learn(tables.names)
        self._report()
        names = distinguish_scenes([_name_of(field) for field in self.plate.fields])
        return Contents(
            tuple(self._describe(names, tables, sample)),
            self.plate.text,
            tuple(self.diagnostics),
        )

    # ------------------------------------------------------------ tables

    def _tabulate(self) -> _Tables:
        planes = self.plate.planes
        size_t, size_c, size_z = self.plate.sizes
        shape = (len(self.plate.fields), size_t * size_c * size_z)
        is_inside = (planes.t >= 0) & (planes.t < size_t) & (planes.c >= 0) & (planes.c < size_c)
        is_inside &= (planes.z >= 0) & (planes.z < size_z)
        rows = np.flatnonzero(is_inside)
        numbers = np.ravel_multi_index(
            (planes.field[rows], planes.t[rows], planes.c[rows], planes.z[rows]),
            (shape[0], *self.plate.sizes),
        )
        # The first plane of a number counts.
        first = np.sort(np.unique(numbers, return_index=True)[1])
        if len(first) < len(rows):
            repeated = np.delete(rows, first)
            self.repeated = [planes.files[row] for row in repeated.tolist()]
        rows, numbers = rows[first], numbers[first]
        self.unlisted_count = math.prod(shape) - len(rows)
        files = [self._find(planes.files[row]) for row in rows.tolist()]
        bounds = np.searchsorted(planes.field[rows], np.arange(shape[0] + 1)).tolist()
        names = []
        file_numbers: list[int] = []
        for start, stop in itertools.pairwise(bounds):
            names.append([*dict.fromkeys(file for file in files[start:stop] if file is not None)])
            number_of: dict[str | None, int] = {}
            number_of.update((name, number) for number, name in enumerate(names[-1]))
            number_of[None] = -1
            file_numbers += map(number_of.__getitem__, files[start:stop])
        is_found = np.array(file_numbers, np.int64) >= 0
        return _Tables(
            names,
            _spread(numbers, np.array(file_numbers, np.int64), shape, -1.0),
            _spread(numbers, np.where(is_found, planes.page[rows], 0), shape, 0.0),
            {
                name: _pack_rows(name, _spread(numbers, values[rows], shape, NAN))
                for name, values in planes.facts().items()
            },
        )

    def _find(self, name: str) -> str | None:
        if self.folder.holds(name):
            return name
        key = name.replace("\\", "/")
        # "../other/image.tif" would read what the user did not name.
        if not key or not is_name(key):
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

    def _learn(self, names: Sequence[Sequence[str]]) -> Sample | None:
        """Return size and type of all planes: of the index where it gives both, else of a file."""
        stated = self.plate.plane_size
        if stated is not None and self.plate.dtype is not None:
            return Sample("", "YX", stated, self.plate.dtype, 1, None)
        # One file a field: the files of a damaged well are one attempt, not all of them.
        keys = [files[0] for files in names if files]
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
        self, names: Sequence[str], tables: _Tables, sample: Sample | None
    ) -> Iterator[Scene]:
        plate = self.plate
        channels = plate.channels
        if sample is not None and sample.letters.endswith("S"):
            # A colour image has S behind every position of C: each channel has its samples.
            own = channels or (Channel(),) * plate.sizes[1]
            channels = tuple(attrs.evolve(channel, samples=sample.shape[-1]) for channel in own)
        learnt = None if sample is None else sample.scene
        pixel_size = _complete(plate.pixel_size, learnt)
        objective = plate.objective or (None if learnt is None else learnt.objective)
        arrays: Iterable[LazyArray | None] = itertools.repeat(None, len(names))
        planes = self._describe_planes(tables)
        if sample is not None:
            arrays = self._lay_out(tables, sample)
        for name, field, array, facts in zip(names, plate.fields, arrays, planes, strict=True):
            yield Scene(
                name=name,
                levels=() if array is None else (array,),
                channels=channels,
                pixel_size=pixel_size,
                time_step=plate.time_step,
                acquired=field.acquired or plate.acquired,
                objective=objective,
                planes=facts,
                well=field.well,
            )

    def _lay_out(self, tables: _Tables, sample: Sample) -> Iterator[LazyArray]:
        dims = Dims("TCZ" + sample.letters, self.plate.sizes + sample.shape)
        first: LazyArray | None = None
        for names, files, pages in zip(tables.names, tables.file_of, tables.page_of, strict=True):
            layout = PlaneFilesLayout(
                index=self.plate.source,
                names=PackedNames.pack(names),
                lead=self.plate.sizes,
                plane=sample.shape,
                dtype=sample.dtype,
                file_of=self._pack(files),
                page_of=self._pack(pages),
                is_listed=self.folder.is_listed,
            )
            # All fields are seen alike: they share one view.
            if first is None:
                first = LazyArray.whole(layout, dims, sample.dtype)
                yield first
            else:
                yield LazyArray(layout, dims, first.dtype, first.view)

    def _describe_planes(self, tables: _Tables) -> Iterator[Planes | None]:
        for field, *facts in zip(self.plate.fields, *tables.facts.values(), strict=True):
            if any(facts):
                yield Planes(
                    self._plane_dims,
                    start=field.start,
                    **dict(zip(tables.facts, facts, strict=True)),
                )
            else:
                yield None

    def _pack(self, numbers: Integers) -> PackedIntegers:
        """Pack numbers; the fields of a plate number their files alike, and share one table."""
        key = numbers.tobytes()
        found = self._packed.get(key)
        if found is None:
            found = self._packed[key] = PackedIntegers.pack(numbers)
        return found


def _spread(
    numbers: Integers, values: npt.NDArray[N], shape: tuple[int, int], missing: float
) -> npt.NDArray[N]:
    """Return a table of values by their number in C order."""
    table = np.full(math.prod(shape), missing, values.dtype)
    table[numbers] = values
    return table.reshape(shape)


def _pack_rows(name: str, table: Floats) -> list[bytes | None]:
    """Return each row of a column of ``Planes``; ``None`` for one without a value."""
    if name == "exposure":
        # Programs write 0 where they know no exposure.
        table[table <= 0] = NAN
    is_known: npt.NDArray[np.bool_] = np.isfinite(table)
    has_some = np.logical_or.reduce(is_known, axis=1)
    if name == "time":
        # The clock of planes starts with the first of them.
        first = np.where(is_known, table, math.inf).min(axis=1)
        table -= np.where(has_some, first, 0.0)[:, np.newaxis]
    raw, nbytes = table.astype("<f8", copy=False).tobytes(), 8 * table.shape[1]
    return [
        raw[number * nbytes : (number + 1) * nbytes] if has_value else None
        for number, has_value in enumerate(has_some.tolist())
    ]


def _name_of(field: Field) -> str | None:
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
