"""Tables of facts in columns: read-only, hashable, picklable, and taken by any data frame.

Rule kept here: columns are immutable bytes. A missing number is NaN, NaT or -1 in numpy, and null
for readers of Arrow.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._checks.constructors import checked_record
from aicsio.errors import DimensionError
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import drawn_in_notebooks

__all__ = ["Table", "TableColumn"]


@pickled_by_position
@checked_record
@attrs.frozen
class TableColumn:
    """One column: numbers, times, or texts that are stored once each."""

    name: str
    """Name of the column."""
    kind: str
    """Little-endian type of the values: ``"<i4"``, ``"<i8"``, ``"<f8"``, ``"<M8[us]"``; of texts,
    that of their indices, ``"<i4"``."""
    raw: bytes = attrs.field(repr=False)
    """The values, or the indices of the texts; -1 for a missing text."""
    texts: tuple[str, ...] | None = None
    """Distinct texts of the column; ``None`` for numbers and times."""
    unit: str | None = None
    """``"s"``, ``"um"``, or the time zone of dates; ``None`` if there is none."""
    optional: bool = False
    """Whether -1 stands for a missing whole number."""

    @classmethod
    def of_numbers(
        cls,
        name: str,
        values: npt.NDArray[Any],
        unit: str | None = None,
        *,
        optional: bool = False,
    ) -> "TableColumn":
        """Make a column of numbers or times; the array gives the type."""
        little = values.astype(values.dtype.newbyteorder("<"), copy=False)
        return cls(name, little.dtype.str, little.tobytes(), None, unit, optional)

    @classmethod
    def of_texts(cls, name: str, values: Sequence[str | None]) -> "TableColumn":
        """Make a column of texts; ``None`` is a missing one."""
        texts = tuple(dict.fromkeys(value for value in values if value is not None))
        number = {text: index for index, text in enumerate(texts)}
        codes = [-1 if value is None else number[value] for value in values]
        return cls(name, "<i4", np.array(codes, "<i4").tobytes(), texts)

    def __len__(self) -> int:
        return len(self.raw) // np.dtype(self.kind).itemsize

    @property
    def codes(self) -> npt.NDArray[Any]:
        """The stored numbers: values, or indices of texts."""
        # A view of immutable bytes, which numpy marks as read-only.
        return np.frombuffer(self.raw, self.kind)

    @property
    def values(self) -> npt.NDArray[Any]:
        """The values: numbers, times, or texts as objects with ``None`` for a missing one."""
        if self.texts is None:
            return self.codes
        # The last entry answers the index -1.
        values: npt.NDArray[Any] = np.array([*self.texts, None], object)[self.codes]
        values.flags.writeable = False
        return values

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Which values are missing."""
        codes = self.codes
        absent = np.zeros(len(codes), np.bool_)
        if codes.dtype.kind == "f":
            absent |= np.isnan(codes)
        elif codes.dtype.kind == "M":
            absent |= np.isnat(codes)
        elif self.texts is not None or self.optional:
            absent |= codes == -1
        return absent


@drawn_in_notebooks
@pickled_by_position
@checked_record
@attrs.frozen
class Table:
    """Columns of equal length, a row a plane, a tile or a well.

    ``table["time"]`` is a read-only array; ``numpy.asarray(table)`` is a read-only structured array.
    pandas, polars, pyarrow and duckdb take the table itself, through the Arrow C stream interface.
    """

    columns: tuple[TableColumn, ...]
    """In order."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of each column that has one."""
        return {column.name: column.unit for column in self.columns if column.unit is not None}

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return the values of a column.

        Parameters
        ----------
        name
            One of ``names``.

        Returns
        -------
        numpy.ndarray
            Read-only, one value a row.

        Raises
        ------
        DimensionError
            When the table has no such column.
        """
        return self.column(name).values

    # Neither names nor rows: pandas would make a frame of one column of names without a word.
    __iter__ = None

    def keys(self) -> tuple[str, ...]:
        """Return the names of the columns, so that ``dict(table)`` works."""
        return self.names

    def column(self, name: str) -> TableColumn:
        """Return a column with its unit.

        Parameters
        ----------
        name
            One of ``names``.

        Returns
        -------
        TableColumn
            The values as stored, their type and unit.

        Raises
        ------
        DimensionError
            When the table has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise DimensionError(f"no column {name!r} here; there are {', '.join(self.names)}")

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield each row as a dict of Python values, ``None`` for a missing one."""
        lists = []
        for column in self.columns:
            values: list[Any] = column.values.tolist()
            missing = column.missing
            if missing.any():
                pairs = zip(values, missing.tolist(), strict=True)
                values = [None if absent else value for value, absent in pairs]
            lists.append(values)
        for row in zip(*lists, strict=True):
            yield dict(zip(self.names, row, strict=True))

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Any:
        if copy is False:
            raise ValueError("columns are gathered into a new array: leave out copy=False")
        # Objects hold texts of any length, and None where one is missing.
        fields = [
            (column.name, "O" if column.texts is not None else column.kind)
            for column in self.columns
        ]
        array = np.empty(len(self), fields)
        for column in self.columns:
            array[column.name] = column.values
        if dtype is not None:
            array = array.astype(dtype, copy=False)
        array.flags.writeable = False
        return array

    def __arrow_c_schema__(self) -> object:
        """Return the schema as a capsule of the Arrow PyCapsule interface."""
        from aicsio._metadata import arrow

        return arrow.schema_capsule(self.columns)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the rows as a capsule of the Arrow PyCapsule interface.

        Parameters
        ----------
        requested_schema
            Ignored, as the protocol allows: the consumer casts.

        Returns
        -------
        PyCapsule
            ``"arrow_array_stream"``, one batch without a copy of the columns.
        """
        from aicsio._metadata import arrow

        del requested_schema
        return arrow.stream_capsule(self.columns)

    def __repr__(self) -> str:
        return f"<Table {len(self)} rows: {', '.join(self.names)}>"
