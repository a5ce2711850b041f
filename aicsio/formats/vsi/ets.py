"""ETS files: two headers, and the table of the tiles that the file holds.

Rule kept here: a size, position or coordinate is used only after it was compared with the size of the
file or with what other parts of the file state; tiles that fit nowhere are counted.

Source of the facts: no specification is published. Learnt from the drivers of ``slideio`` and
``bioio-vsi`` (both BSD-3), the notes of ``OpenReadout``, and compared with what Bio-Formats shows. All
numbers are little-endian. The first header (SIS, 64 bytes) has the number of coordinates of a tile
and the places of the second header and of the table. The second header (ETS) has the type and number
of samples, the colour space, the compression, the size of tiles, at 108 the background, at 152
whether there are levels, at 172 the corner of the image in the grid of tiles, at 184 the number of
extents and the extents: width, height, then one a dimension. An entry of the table is an unused
number, the coordinates (column and row of the tile, one a dimension, the level), the position, the
bytes of the tile, and an unused number.
"""

import struct
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._io import readers
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.records import DType, Source

MAGIC: Final = b"SIS\0"
# Magic, length, version, coordinates of a tile; place and bytes of the second header;
# place and entries of the table; the rest is not read.
HEADER: Final = struct.Struct("<4sIIIQIIQIIQII")
SECOND_MAGIC: Final = b"ETS\0"
SECOND: Final = struct.Struct("<4s9I68x40s2I")
"""Magic, version, type, samples, colour space, compression, quality, columns, rows and sections of a
tile, background, order of samples, whether there are levels."""
SECOND_NBYTES: Final = 4096
"""Bytes of the second header that are looked at; it has 228."""
CORNER_AT: Final = 172
EXTENTS_AT: Final = 184
MOST_COORDINATES: Final = 16
"""Coordinates of a tile; files have 3 to 8."""
MOST_SAMPLES: Final = 16
LARGEST_TILE: Final = 1 << 30
"""Bytes of a decoded tile; files have tiles of 512 x 512, and whole frames."""
LARGEST_TABLE: Final = 1 << 29
"""Bytes of the table of tiles: 13 million of them."""
TYPES: Final = {
    1: "<i1",
    2: "<u1",
    3: "<i2",
    4: "<u2",
    5: "<i4",
    6: "<u4",
    7: "<i8",
    8: "<u8",
    9: "<f4",
    10: "<f8",
}
CODECS: Final = {0: "", 2: "jpeg", 3: "jpeg2k", 5: "jpeg", 8: "png", 9: "bmp"}
"""Codec by compression; 5 is lossless JPEG, which the same decoder takes."""
BGR: Final = 4
"""Colour space of raw samples in the order blue, green, red."""

Table = npt.NDArray[Any]


@attrs.frozen(eq=False)
class EtsFile:
    """Headers and table of a file. Not a record: it lives for one opening."""

    source: Source
    """The file."""
    dtype: DType
    """Of a sample."""
    samples: int
    """Of a pixel."""
    is_bgr: bool
    """Whether raw samples are blue, green, red."""
    codec: str
    """Name in the table of codecs; empty for raw tiles."""
    tile: tuple[int, int]
    """Rows and columns of a tile."""
    background: bytes
    """One pixel of a tile that is not stored; empty for black."""
    has_levels: bool
    """Whether the last coordinate counts levels for certain."""
    corner: tuple[int, int]
    """Row and column of the image in the grid of tiles."""
    extents: tuple[int, ...]
    """Width, height, and positions of each dimension; empty if the header has none."""
    coordinates: Table
    """int32, one row a tile."""
    offsets: Table
    """Byte offsets of tiles."""
    lengths: Table
    """Bytes of tiles."""
    lost: int
    """Entries whose bytes do not lie in the file."""


def is_ets(head: bytes) -> bool:
    """Return whether a file begins as an ETS file."""
    return head.startswith(MAGIC)


def read_ets(source: Source) -> EtsFile:
    """Read headers and table.

    Raises
    ------
    CorruptFileError
        When a header is damaged, or the table does not lie in the file.
    UnsupportedFormatError
        When samples or compression are of a kind that is not read.
    """
    size = source.size or 0
    with readers.lend(source) as reader:
        head = reader.read(0, min(size, HEADER.size))
        if len(head) < HEADER.size or not is_ets(head):
            raise CorruptFileError.at(source.uri, 0, "expected the header of an ETS file")
        fields = HEADER.unpack(head)
        ndim, second_at, second_nbytes, table_at, count = (fields[i] for i in (3, 4, 5, 7, 8))
        if not 3 <= ndim <= MOST_COORDINATES:
            raise CorruptFileError.at(source.uri, 12, f"tiles have {ndim} coordinates")
        table_nbytes = count * _entry(ndim).itemsize
        if second_at + SECOND.size > size or second_nbytes < SECOND.size:
            raise CorruptFileError.at(source.uri, 16, f"its second header lies at {second_at}")
        if table_at + table_nbytes > size or table_nbytes > LARGEST_TABLE:
            raise CorruptFileError.at(
                source.uri, 32, f"its table of {count} tiles at {table_at} does not lie in the file"
            )
        second_nbytes = min(second_nbytes, SECOND_NBYTES, size - second_at)
        second, table = (
            bytes(part)
            for part in reader.read_spans([(second_at, second_nbytes), (table_at, table_nbytes)])
        )
    return _parse_second(source, second, np.frombuffer(table, _entry(ndim)))


def _entry(ndim: int) -> np.dtype[Any]:
    # Without `align`, numpy packs the fields as the file has them: 20 bytes and 4 a coordinate.
    return np.dtype(
        [("", "<u4"), ("place", "<i4", (ndim,)), ("at", "<u8"), ("nbytes", "<u4"), ("_", "<u4")]
    )


def _parse_second(source: Source, second: bytes, table: Table) -> EtsFile:
    """Check the second header, and keep the tiles that lie in the file."""
    (
        magic,
        _,
        kind,
        samples,
        space,
        compression,
        _,
        columns,
        rows,
        sections,
        background,
        _,
        levels,
    ) = SECOND.unpack_from(second)
    if magic != SECOND_MAGIC:
        raise CorruptFileError.at(source.uri, None, f"expected ETS, found {magic!r}")
    if kind not in TYPES or compression not in CODECS:
        raise UnsupportedFormatError(
            f"{source.uri} has samples of type {kind} and compression {compression}; types 1 to 10 "
            f"and compressions {', '.join(map(str, CODECS))} are read"
        )
    dtype = np.dtype(TYPES[kind])
    pixel_nbytes = samples * dtype.itemsize
    is_plausible = 0 < columns < 2**31 and 0 < rows < 2**31 and 0 < samples <= MOST_SAMPLES
    if not is_plausible or columns * rows * pixel_nbytes > LARGEST_TILE or sections > 1:
        raise CorruptFileError.at(
            source.uri, None, f"tiles of {columns} x {rows} x {sections} with {samples} samples"
        )
    # Raw tiles have all of their bytes; the length of a coded one cannot be predicted.
    least = 1 if CODECS[compression] else columns * rows * pixel_nbytes
    inside = _lies_inside(table, source.size or 0, least)
    extents, corner = _read_extents(second, table["place"].shape[1])
    return EtsFile(
        source=source,
        dtype=dtype,
        samples=samples,
        is_bgr=space == BGR and samples == 3 and not CODECS[compression],
        codec=CODECS[compression],
        tile=(rows, columns),
        background=_read_background(background, pixel_nbytes),
        has_levels=levels != 0,
        corner=corner,
        extents=extents,
        coordinates=table["place"][inside],
        offsets=table["at"][inside].astype(np.int64),
        lengths=table["nbytes"][inside].astype(np.int64),
        lost=int(np.count_nonzero(~inside)),
    )


def _read_background(field: bytes, pixel_nbytes: int) -> bytes:
    """Return one pixel; empty for zero, and where the field of 40 bytes is too short for one."""
    pixel = field[:pixel_nbytes]
    return pixel if any(pixel) and len(pixel) == pixel_nbytes else b""


def _lies_inside(table: Table, size: int, least: int) -> Table:
    """Return which tiles lie in the file and have enough bytes."""
    offsets, lengths = table["at"], table["nbytes"]
    # In this order no sum of unsigned numbers can wrap around.
    inside = (offsets >= HEADER.size) & (offsets < size) & (lengths >= least)
    return np.asarray(inside & (lengths <= size - np.minimum(offsets, size)))


def _read_extents(second: bytes, ndim: int) -> tuple[tuple[int, ...], tuple[int, int]]:
    """Return extents and corner, where the header has them: older ones have zeros there."""
    if len(second) < EXTENTS_AT + 4:
        return (), (0, 0)
    (count,) = struct.unpack_from("<I", second, EXTENTS_AT)
    if not 2 <= count <= ndim or len(second) < EXTENTS_AT + 4 + 4 * count:
        return (), (0, 0)
    extents = struct.unpack_from(f"<{count}I", second, EXTENTS_AT + 4)
    if not all(0 < extent < 2**31 for extent in extents):
        return (), (0, 0)
    column, row = struct.unpack_from("<2i", second, CORNER_AT)
    # The grid begins at or before the image, never behind its corner.
    return extents, (max(-row, 0), max(-column, 0))
