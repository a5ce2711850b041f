"""The first 1024 bytes of DeltaVision and MRC files.

Rule kept here: a header is taken only where its numbers make sense together: sizes above zero, a
known type, and an extended header that lies in the file.

Sources of the facts: "IVE/Priism image file format" (Agard and Sedat labs, UCSF) for DeltaVision,
and Bio-Formats (``DeltavisionReader``) for its panels; "MRC2014 file format" (A. Cheng et al.,
J. Struct. Biol. 192, 2015) for MRC, and "The MRC file format used by IMOD" for its bytes.
"""

import math
import struct
from typing import Final

import attrs
import numpy as np

from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.records import DType, Source

HEADER_NBYTES: Final = 1024
DELTAVISION: Final = -16224
"""The int16 at byte 96 of DeltaVision files."""
DELTAVISION_TYPES: Final = {
    0: "u1", 1: "i2", 2: "f4", 3: "c8", 4: "c8", 5: "i2", 6: "u2", 7: "i4"
}  # fmt: skip
"""By the number at byte 12."""
MRC_TYPES: Final = {
    0: "i1", 1: "i2", 2: "f4", 3: "c8", 4: "c8", 6: "u2", 12: "f2", 16: "u1", 101: "u1"
}  # fmt: skip
"""By the mode of MRC2014; 16 is IMOD's."""
COLOURS: Final = 16
"""Mode of IMOD with red, green and blue of each pixel."""
PACKED_BITS: Final = {3: 32, 101: 4}
"""Bits of a stored pixel by the modes that numpy has no type for: two int16 as a complex number, of
which complex64 holds each exactly; half a byte, the left pixel of two in the low bits."""
SEQUENCES: Final = (
    "PCTZ", "PTZC", "PTCZ", "TCPZ", "TPCZ", "TPZC", "ZTPC", "ZTCP", "ZCTP", "TCZP", "TZCP",
    "TZPC", "ZPTC", "ZPCT", "ZCPT",
)  # fmt: skip
"""Axes of sections of DeltaVision, slowest first, by the number at byte 182; P counts panels."""
WITH_PANELS: Final = 100
"""The int16 at byte 160 of files with panels, at byte 880, and time points again, at 852."""
IMOD_STAMP: Final = 1146047817
"""The int32 at byte 152 of files whose bytes are signed only where bit 0 of the next one is set."""
VOLUME_STACK: Final = 401
"""Space groups from here on mark a stack of volumes of ``mz`` sections each."""
MACHINE_STAMPS: Final = {b"\x44\x44": "<", b"\x44\x41": "<", b"\x11\x11": ">"}
"""Byte order of MRC2014 by the bytes at 212."""


@attrs.frozen
class MrcHeader:
    """Sizes, type and place of the pixels, and the facts that both kinds of files have."""

    is_deltavision: bool
    """Whether the file is of DeltaVision; else MRC."""
    order: str
    """Byte order, ``<`` or ``>``."""
    letters: str
    """Axes of the sections, slowest first; rows and columns follow."""
    shape: tuple[int, ...]
    """Sizes of these axes, then rows and columns."""
    dtype: DType
    """Stored type, with its byte order."""
    extended_nbytes: int
    """Bytes between the header and the pixels."""
    spacing: tuple[float, float, float]
    """Pixel size along X, Y and Z in micrometres, as stored: 0 where unknown."""
    integers: int = 0
    """Integers of each section in the extended header of DeltaVision."""
    floats: int = 0
    """Floats of each section, behind the integers."""
    emissions: tuple[int, ...] = ()
    """Nanometres, one a channel of DeltaVision; 0 where unknown."""
    titles: tuple[str, ...] = ()
    """Lines of text."""
    extended_type: str = ""
    """Kind of the extended header of MRC, such as ``FEI1``."""
    map_axes: tuple[int, int, int] = (1, 2, 3)
    """Axis of the map along columns, rows and sections of MRC: 1 is X, 3 is Z."""
    packed_bits: int = 0
    """Bits of a stored pixel, of ``PACKED_BITS``; 0 where ``dtype`` is the stored type."""
    samples: int = 1
    """3 for red, green and blue side by side."""
    unknown_sequence: int | None = None
    """The order of sections where it is none of ``SEQUENCES``: ``letters`` are a guess."""

    @property
    def row_nbytes(self) -> int:
        """Bytes of a stored row: each begins with a new byte."""
        bits = self.packed_bits or 8 * self.dtype.itemsize
        return _row_nbytes(self.shape[-1], self.samples * bits)

    @property
    def offset(self) -> int:
        """Byte offset of the pixels."""
        return HEADER_NBYTES + self.extended_nbytes

    @property
    def section_count(self) -> int:
        """Sections of the file."""
        return int(np.prod(self.shape[:-2], dtype=np.int64))


def _row_nbytes(columns: int, bits: int) -> int:
    return -(-columns * bits // 8)


def find_byte_order(head: bytes, size: int | None) -> tuple[bool, str] | None:
    """Return whether a head is of DeltaVision, and its byte order; None for other files.

    Parameters
    ----------
    head
        The first bytes of the file.
    size
        Length of the file.
    """
    if len(head) < HEADER_NBYTES:
        return None
    for order in "<>":
        if struct.unpack_from(f"{order}h", head, 96)[0] == DELTAVISION:
            # Two bytes are a weak signature: the sizes decide.
            return (True, order) if _is_plausible(head, order, DELTAVISION_TYPES, size) else None
    # MRC2014: the word ``MAP`` at byte 208, the machine stamp at 212.
    if head[208:211] == b"MAP":
        stamped = MACHINE_STAMPS.get(head[212:214])
        # An unknown stamp is passed over: the order in which the sizes make sense counts.
        for order in (stamped,) if stamped else ("<", ">"):
            if _is_plausible(head, order, MRC_TYPES, size):
                return False, order
        return None
    # Programs before MRC2000 left the word out: the pixels that they describe fill the file.
    return next(((False, order) for order in "<>" if _fills_file(head, order, size)), None)


def is_marked(head: bytes) -> bool:
    """Return whether a head has the mark of DeltaVision or MRC2014."""
    numbers = (struct.unpack_from(f"{order}h", head, 96)[0] for order in "<>")
    return head[208:211] == b"MAP" or DELTAVISION in numbers


def _fills_file(head: bytes, order: str, size: int | None) -> bool:
    columns, rows, sections, kind = struct.unpack_from(f"{order}4i", head, 0)
    (extended,) = struct.unpack_from(f"{order}i", head, 92)
    if kind not in MRC_TYPES or min(columns, rows, sections) <= 0 or extended < 0:
        return False
    bits = PACKED_BITS.get(kind) or 8 * np.dtype(MRC_TYPES[kind]).itemsize
    if kind == COLOURS:
        bits *= 3
    nbytes = _row_nbytes(columns, bits) * rows * sections
    return size is not None and size == HEADER_NBYTES + extended + nbytes


def _is_plausible(head: bytes, order: str, types: dict[int, str], size: int | None) -> bool:
    # Both specifications: nx, ny, nz and mode from byte 0, the extended header's length at 92.
    columns, rows, sections, kind = struct.unpack_from(f"{order}4i", head, 0)
    extended = struct.unpack_from(f"{order}i", head, 92)[0]
    if min(columns, rows, sections) <= 0 or extended < 0:
        return False
    # Types that are not read are named by read_header.
    return kind in {*types, COLOURS, 101} and (size is None or HEADER_NBYTES + extended <= size)


def read_header(source: Source, head: bytes) -> MrcHeader:
    """Read a header.

    Raises
    ------
    CorruptFileError
        When its numbers make no sense together, or the file is too short.
    UnsupportedFormatError
        For types of pixels that numpy does not have.
    """
    found = find_byte_order(head, source.size)
    if found is None:
        raise CorruptFileError.at(source.uri, 0, "expected the header of a DeltaVision or MRC file")
    is_deltavision, order = found
    columns, rows, sections, kind = struct.unpack_from(f"{order}4i", head, 0)
    types = DELTAVISION_TYPES if is_deltavision else MRC_TYPES
    if kind not in types:
        raise UnsupportedFormatError(f"{source.uri} has pixels of mode {kind}, which are not read")
    (extended,) = struct.unpack_from(f"{order}i", head, 92)
    stored = types[kind]
    if stored == "i1" and not _has_signed_bytes(head, order):
        stored = "u1"
    common = {
        "is_deltavision": is_deltavision,
        "order": order,
        # Packed pixels are unpacked in the order of this machine.
        "dtype": np.dtype(stored if kind in PACKED_BITS else order + stored),
        "extended_nbytes": extended,
        "packed_bits": PACKED_BITS.get(kind, 0),
        "samples": 3 if kind == COLOURS else 1,
        "titles": _read_titles(head, order),
    }
    if is_deltavision:
        return _read_deltavision(head, order, (sections, rows, columns), common)
    return _read_mrc(head, order, (sections, rows, columns), common)


def _has_signed_bytes(head: bytes, order: str) -> bool:
    stamp, flags = struct.unpack_from(f"{order}2i", head, 152)
    return stamp != IMOD_STAMP or bool(flags & 1)


def _read_deltavision(
    head: bytes, order: str, sizes: tuple[int, int, int], common: dict[str, object]
) -> MrcHeader:
    sections, rows, columns = sizes
    # imgSequence; at 196 nWaves and the five wavelengths.
    (sequence,) = struct.unpack_from(f"{order}h", head, 182)
    channels, *wavelengths = struct.unpack_from(f"{order}6h", head, 196)
    times, panels = _count_times_and_panels(head, order)
    counts = {"P": panels, "T": times, "C": max(channels, 1)}
    if sections % math.prod(counts.values()):
        counts["P"] = 1
    # A file that breaks off, or counts that are wrong, leave sections along Z alone.
    if sections % math.prod(counts.values()):
        counts = {"P": 1, "T": 1, "C": 1}
    counts["Z"] = sections // math.prod(counts.values())
    is_known = 0 <= sequence < len(SEQUENCES)
    letters = SEQUENCES[sequence if is_known else 0]
    if counts["P"] == 1:
        letters = letters.replace("P", "")
    # nint and nreal: integers and floats of each section in the extended header.
    integers, floats = struct.unpack_from(f"{order}2h", head, 128)
    # At byte 40 DeltaVision has the pixel size itself, MRC the lengths of the cell.
    return MrcHeader(
        letters=letters,
        shape=(*(counts[letter] for letter in letters), rows, columns),
        spacing=struct.unpack_from(f"{order}3f", head, 40),
        integers=max(integers, 0),
        floats=max(floats, 0),
        emissions=tuple(wavelengths[: counts["C"]]),
        unknown_sequence=None if is_known else sequence,
        **common,  # type: ignore[arg-type]
    )


def _count_times_and_panels(head: bytes, order: str) -> tuple[int, int]:
    (times,) = struct.unpack_from(f"{order}h", head, 180)
    (kind,) = struct.unpack_from(f"{order}h", head, 160)
    if kind != WITH_PANELS:
        return max(times, 1), 1
    (all_times,) = struct.unpack_from(f"{order}i", head, 852)
    (panels,) = struct.unpack_from(f"{order}i", head, 880)
    # An int16 holds no more than 32767 time points.
    return max(times if times > 0 else all_times, 1), max(panels, 1)


def _read_mrc(
    head: bytes, order: str, sizes: tuple[int, int, int], common: dict[str, object]
) -> MrcHeader:
    sections, rows, columns = sizes
    # mx, my, mz at 28; the lengths of the cell at 40.
    intervals = struct.unpack_from(f"{order}3i", head, 28)
    lengths = struct.unpack_from(f"{order}3f", head, 40)
    # Lengths of the cell are in angstroms.
    of_map = [
        length / count / 1e4 if count > 0 else 0.0
        for length, count in zip(lengths, intervals, strict=True)
    ]
    # mapc, mapr, maps: anything but a permutation of 1, 2, 3 counts as the usual order.
    axes = struct.unpack_from(f"{order}3i", head, 64)
    if sorted(axes) != [1, 2, 3]:
        axes = (1, 2, 3)
    # MRC2014: the cell and its intervals belong to X, Y and Z, which columns need not run along.
    spacing = tuple(of_map[axis - 1] for axis in axes)
    letters, shape = "Z", [sections]
    (space_group,) = struct.unpack_from(f"{order}i", head, 88)
    # Intervals along the axis of sections: those of one volume of a stack.
    depth = intervals[axes[2] - 1]
    if space_group >= VOLUME_STACK and depth > 0 and sections % depth == 0:
        letters, shape = "QZ", [sections // depth, depth]
    return MrcHeader(
        letters=letters,
        shape=(*shape, rows, columns),
        spacing=spacing,
        extended_type=head[104:108].decode("latin-1").strip("\0 "),
        map_axes=axes,
        **common,  # type: ignore[arg-type]
    )


def _read_titles(head: bytes, order: str) -> tuple[str, ...]:
    # The number of titles at 220, then ten lines of 80 characters.
    (count,) = struct.unpack_from(f"{order}i", head, 220)
    lines = [head[224 + 80 * i : 304 + 80 * i] for i in range(min(max(count, 0), 10))]
    texts = [line.split(b"\0")[0].decode("latin-1").strip() for line in lines]
    return tuple(text for text in texts if text)
