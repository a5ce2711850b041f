"""Facts of each section in the extended header of Thermo Fisher (FEI) electron microscopes.

Rule kept here: a field counts only where the masks of its record say that it was set.

Source of the facts: "EPU MRC2014 file image format specification" (Thermo Fisher), the types ``FEI1``
and ``FEI2``, as the package ``mrcfile`` publishes its fields: a record a section, all little-endian;
lengths in metres, dates in days since 30 December 1899.
"""

import datetime as dt
import math
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from aicsio._io import readers
from aicsio.formats.mrc.header import HEADER_NBYTES, MrcHeader
from aicsio.formats.mrc.sections import count_from_first, pack_known
from aicsio.records import Dims, Planes, Source

TYPES: Final = frozenset({"FEI1", "FEI2"})
SHORTEST: Final = 427
"""Bytes of a record up to the integration time, the last field that is read here."""
LONGEST: Final = 1 << 16
FIELDS: Final = np.dtype(
    {
        "names": [
            *("nbytes", "mask1", "timestamp", "microscope", "number", "application", "version"),
            *("voltage", "dose", "alpha", "beta", "x", "y", "z", "defocus", "applied"),
            *("magnification", "mask2", "exposure"),
        ],
        "formats": [
            *("<i4", "<u4", "<f8", "S16", "S16", "S16", "S16"),
            *("<f8",) * 9,
            *("<f8", "<u4", "<f8"),
        ],
        # Byte offsets in a record; the fields between these are not read.
        "offsets": [
            *(0, 8, 12, 20, 36, 52, 68),
            *(84, 92, 100, 108, 116, 124, 132, 220, 236),
            *(289, 297, 419),
        ],
        "itemsize": SHORTEST,
    }
)
BITS: Final = {
    "timestamp": 0, "microscope": 1, "number": 2, "application": 3, "version": 4, "voltage": 5,
    "dose": 6, "alpha": 7, "beta": 8, "x": 9, "y": 10, "z": 11, "defocus": 22, "applied": 24,
    "magnification": 31,
}  # fmt: skip
"""Bit of each field in the first mask; that of the integration time is the 16th of the second."""
EXPOSURE_BIT: Final = 16
EPOCH: Final = dt.datetime(1899, 12, 30, tzinfo=dt.UTC)
LATEST_DAY: Final = 2_958_465
"""31 December 9999."""
SETTINGS: Final = {
    "microscope": "Microscope type", "number": "D-Number", "application": "Application",
    "version": "Application version", "voltage": "HT", "dose": "Dose", "alpha": "Alpha tilt",
    "beta": "Beta tilt", "defocus": "Defocus", "applied": "Applied defocus",
    "magnification": "Magnification",
}  # fmt: skip
"""Names of the settings in the specification."""

Records: TypeAlias = npt.NDArray[Any]
"""Of ``FIELDS``."""


def read_records(source: Source, header: MrcHeader) -> Records | None:
    """Return a record a section; ``None`` where the extended header has none."""
    if header.extended_type not in TYPES or header.extended_nbytes < SHORTEST:
        return None
    with readers.lend(source) as reader:
        data = reader.read(HEADER_NBYTES, header.extended_nbytes)
    if len(data) < SHORTEST:
        return None
    # The first field of a record is its size in bytes.
    step = int.from_bytes(data[:4], "little")
    count = header.section_count
    # Records may grow with the version of the format: each states its size, the same for all.
    if not SHORTEST <= step <= LONGEST or (count - 1) * step + SHORTEST > len(data):
        return None
    # A view with the stated step: the fields beyond SHORTEST are passed over.
    rows = np.ndarray((count,), FIELDS, bytes(data), strides=(step,))
    return None if (rows["nbytes"] != step).any() else rows


def describe_planes(header: MrcHeader, records: Records) -> Planes | None:
    """Return times, exposures and positions of the stage.

    Times are seconds from the first section that has a time.
    """
    days = _column(records, "timestamp")
    # Timestamps are in days, positions of the stage in metres.
    columns = {
        "time": count_from_first(days) * 86_400,
        "exposure": _positive(_column(records, "exposure")),
        **{name: _column(records, name) * 1e6 for name in "xyz"},
    }
    kept = pack_known(columns)
    if not kept:
        return None
    return Planes(Dims(header.letters, header.shape[:-2]), **kept, start=0.0)


def date_of(records: Records) -> str | None:
    """Return the date of the first section, on the clock of the microscope's computer."""
    day = float(_column(records[:1], "timestamp")[0])
    if not 1 <= day < LATEST_DAY:
        return None
    moment = EPOCH + dt.timedelta(days=day)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds")


def list_settings(records: Records) -> list[tuple[str, str]]:
    """Return settings of the first section, in the units of the file."""
    pairs = []
    for field, name in SETTINGS.items():
        if not _is_set(records[:1], field)[0]:
            continue
        value = records[field][0]
        if isinstance(value, bytes):
            text = value.split(b"\0")[0].decode("latin-1").strip()
        else:
            text = repr(float(value)) if math.isfinite(value) else ""
        if text:
            pairs.append((name, text))
    return pairs


def _is_set(records: Records, field: str) -> npt.NDArray[np.bool_]:
    mask, bit = ("mask2", EXPOSURE_BIT) if field == "exposure" else ("mask1", BITS[field])
    flags: npt.NDArray[np.bool_] = (records[mask] >> np.uint32(bit)) & 1 == 1
    return flags


def _column(records: Records, field: str) -> npt.NDArray[np.float64]:
    """Return the numbers of a field; NaN where it was not set."""
    with np.errstate(invalid="ignore"):  # floats of damaged files may be signalling NaN
        values = records[field].astype(np.float64)
    # No field comes near 1e12; the comparison also fails for NaN and infinities.
    is_number = _is_set(records, field) & (np.abs(values) < 1e12)
    return np.where(is_number, values, np.nan)


def _positive(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(values > 0, values, np.nan)
