"""The first 4100 bytes of SPE files, of version 2 and 3.

Rule kept here: SPE has no signature of its own. A header is taken only where its type and sizes, or
the place of its footer, fit the file.

Source of the facts: "WinSpec/32 2.5 file header" and "SPE 3.0 File Format Specification" of Princeton
Instruments; bytes have the numbers of these tables.
"""

import datetime as dt
import math
import struct
from typing import Final

import attrs
import numpy as np

from aicsio._ome.dates import SHORT_MONTHS
from aicsio.records import DType, Value

HEADER_NBYTES: Final = 4100
HEAD_FIELDS_NBYTES: Final = 3000
"""Bytes that hold all fields which decide about a file."""
WINVIEW_ID: Final = 0x01234567
TYPES: Final = {0: "<f4", 1: "<i4", 2: "<i2", 3: "<u2", 5: "<f8", 6: "u1", 8: "<u4"}
"""By the number at byte 108; 5 to 8 came later than 2.5, with LightField."""
MOST_REGIONS: Final = 10
LAST_YEAR: Final = 2200
FIELDS: Final = (
    ("ControllerVersion", "h", 0), ("xDimDet", "H", 6), ("mode", "h", 8), ("exp_sec", "f", 10),
    ("yDimDet", "H", 18), ("DetTemperature", "f", 36), ("DetType", "h", 40), ("xdim", "H", 42),
    ("DelayTime", "f", 46), ("ShutterControl", "H", 50), ("SpecCenterWlNm", "f", 72),
    ("datatype", "h", 108), ("ADCoffset", "H", 188), ("ADCrate", "H", 190), ("ADCtype", "H", 192),
    ("ADCresolution", "H", 194), ("gain", "H", 198), ("geometric", "H", 600),
    ("SpecGrooves", "f", 650), ("ydim", "H", 656), ("lnoscan", "i", 664), ("lavgexp", "I", 668),
    ("ReadoutTime", "f", 672), ("XMLOffset", "Q", 678), ("NumExpRepeats", "I", 1418),
    ("NumExpAccums", "I", 1422), ("clkspd_us", "f", 1428), ("NumFrames", "i", 1446),
    ("readoutMode", "H", 1480), ("NumROI", "h", 1510), ("file_header_ver", "f", 1992),
)  # fmt: skip
"""Name, type and byte of numbers."""
TEXTS: Final = (("date", 20, 10), ("ExperimentTimeLocal", 172, 7), ("ExperimentTimeUTC", 179, 7),
    ("sw_version", 688, 16),
)  # fmt: skip
COMMENTS: Final = (200, 80, 5)
"""Byte of the first comment, bytes of each, and their number."""


@attrs.frozen
class SpeHeader:
    """Sizes and type of the frames, and where the footer of version 3 begins."""

    version: float
    """Such as 2.5 or 3.0; files of older programs have 0."""
    width: int
    """Columns of a frame."""
    height: int
    """Rows of a frame."""
    dtype: DType | None
    """Stored type; ``None`` for a number that none has."""
    count: int
    """Frames as stated, which some programs leave at 0 or below."""
    footer: int
    """Byte offset of the XML; 0 in version 2."""
    regions: tuple[tuple[int, ...], ...]
    """First and last column, binning; first and last row, binning: of each region of version 2."""
    is_marked: bool
    """Whether the file has the identifier of WinView at byte 2996."""

    @property
    def has_footer(self) -> bool:
        """Whether the frames are described by XML behind them."""
        return self.version >= 3

    @property
    def frame_nbytes(self) -> int:
        """Bytes of a frame by the header; 0 if it does not state a whole one."""
        return 0 if self.dtype is None else self.width * self.height * self.dtype.itemsize


def parse_header(head: bytes) -> SpeHeader | None:
    """Return the fields that decide about a file; ``None`` if it is shorter than they are."""
    if len(head) < HEAD_FIELDS_NBYTES:
        return None
    fields = {name: struct.unpack_from(f"<{kind}", head, at)[0] for name, kind, at in FIELDS}
    kind = TYPES.get(fields["datatype"])
    version = fields["file_header_ver"]
    count = min(max(fields["NumROI"], 0), MOST_REGIONS)
    regions = [struct.unpack_from("<6H", head, 1512 + 12 * index) for index in range(count)]
    return SpeHeader(
        version=version if math.isfinite(version) else 0.0,
        width=fields["xdim"],
        height=fields["ydim"],
        dtype=None if kind is None else np.dtype(kind),
        count=fields["NumFrames"],
        footer=fields["XMLOffset"],
        regions=tuple(regions),
        is_marked=struct.unpack_from("<i", head, 2996)[0] == WINVIEW_ID,
    )


def is_plausible(header: SpeHeader, size: int | None) -> bool:
    """Return whether a file of this size has room for a frame, or for the footer."""
    if header.has_footer:
        return header.version < 4 and HEADER_NBYTES < header.footer < 1 << 62
    # Of a source of unknown size all pixels are taken to be there.
    room = math.inf if size is None else size - HEADER_NBYTES
    return 0 <= header.version < 3 and 0 < header.frame_nbytes <= room


def read_fields(head: bytes) -> dict[str, Value]:
    """Return the numbers and texts of a header by their names, the comments last."""
    fields: dict[str, Value] = {}
    for name, kind, at in FIELDS:
        (fields[name],) = struct.unpack_from(f"<{kind}", head, at)
    for name, at, length in TEXTS:
        fields[name] = _text(head[at : at + length])
    first, length, count = COMMENTS
    lines = [_text(head[first + length * i : first + length * (i + 1)]) for i in range(count)]
    fields["Comments"] = "\n".join(line for line in lines if line)
    return fields


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("latin_1").strip()


def parse_date(fields: dict[str, Value]) -> str | None:
    """Return the local date and time of the experiment, ISO 8601: ``24Nov2005`` and ``134501``."""
    day, clock = str(fields["date"]), str(fields["ExperimentTimeLocal"])
    try:
        month = SHORT_MONTHS.index(day[2:5].lower()) + 1
        numbers = [int(day[5:9]), month, int(day[:2])]
        numbers += [int(clock[at : at + 2]) for at in (0, 2, 4)]
        moment = dt.datetime(*numbers)  # type: ignore[arg-type] # noqa: DTZ001 - no zone is stated
    except ValueError:
        return None
    return moment.isoformat() if 1980 <= moment.year < LAST_YEAR else None


def measure_regions(header: SpeHeader) -> list[tuple[int, int]]:
    """Return columns and rows of each region of version 2, after binning."""
    sizes = []
    for first_x, last_x, bin_x, first_y, last_y, bin_y in header.regions:
        # Ends count, and cameras that read backwards have them exchanged.
        width = (abs(last_x - first_x) + 1) // max(bin_x, 1)
        height = (abs(last_y - first_y) + 1) // max(bin_y, 1)
        sizes.append((width, height))
    return sizes
