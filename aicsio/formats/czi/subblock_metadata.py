"""What subblocks say of themselves: when, where and how long a plane was taken. Read when asked, never when opening.

Rule kept here: the texts are small and many, so they are searched, not parsed; what is missing or no number is NaN.
Source of the structures: "ZISRAW (CZI) File Format", Carl Zeiss Microscopy, section 2.4 (subblock segment).
"""

import itertools
import math
import re
import struct
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import _codecs
from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.formats.czi.layout import CziLayout
from aicsio.records import Dims, Planes, Scene, Source

FIRST = 2048
"""Bytes read of each subblock: its header, and what nearly all have to say."""
AT_ONCE = 1024
"""Subblocks read by one call."""

_TAG = re.compile(
    rb"<(AcquisitionTime|StageXPosition|StageYPosition|FocusPosition)>\s*([^<]*?)\s*</"
)
_EXPOSURE = re.compile(rb"(?:<|&lt;)ExposureTime(?:>|&gt;)\s*([^<&]*?)\s*(?:<|&lt;)/")
"""The state of the camera is a text of its own inside the XML, so its tags are escaped."""
NUMBERS = {"x": "StageXPosition", "y": "StageYPosition", "z": "FocusPosition"}


def read_texts(source: Source, positions: Sequence[int]) -> Iterator[bytes]:
    """Metadata of the subblocks at these offsets, one after the other; empty where one has none.

    Raises
    ------
    CorruptFileError, SourceError
    """
    end = source.size if source.size is not None else 1 << 62
    waiting = iter(positions)
    with readers.session(), readers.lend(source) as reader:
        while some := list(itertools.islice(waiting, AT_ONCE)):
            if any(not 0 <= at < end - 80 for at in some):
                raise CorruptFileError.at(
                    source.uri, max(some), "expected a subblock inside the file"
                )
            heads = reader.read_spans([(at, min(FIRST, end - at)) for at in some])
            for at, head in zip(some, heads, strict=True):
                raw = bytes(head)
                start, length = _extent(source, at, raw, end)
                yield (
                    raw[start : start + length]
                    if start + length <= len(raw)
                    else reader.read(at + start, length)
                )


def _extent(source: Source, at: int, head: bytes, end: int) -> tuple[int, int]:
    """Where the metadata of a subblock begin, counted from the subblock, and how long they are."""
    try:
        pixels, _ = _codecs.find_subblock_payload(head)
    except CorruptFileError as error:
        raise CorruptFileError.at(source.uri, at, str(error)) from error
    length: int = struct.unpack_from("<i", head, 32)[0]
    if at + pixels > end:
        raise CorruptFileError.at(
            source.uri, at, f"expected {length} bytes of metadata inside the file"
        )
    return pixels - length, length


@attrs.frozen
class Said:
    """What one subblock says."""

    time: float = math.nan
    """Seconds since 1970."""
    exposure: float = math.nan
    """Seconds."""
    x: float = math.nan
    """Stage position in micrometres."""
    y: float = math.nan
    """Stage position in micrometres."""
    z: float = math.nan
    """Focus position in micrometres."""


def parse(text: bytes) -> Said:
    """Find the facts in the metadata of a subblock."""
    found = {name.decode(): value for name, value in _TAG.findall(text)}
    exposure = _EXPOSURE.search(text)
    return Said(
        _seconds(found.get("AcquisitionTime", b"").decode("ascii", "replace")),
        # Nanoseconds, as Channel/ExposureTime.
        math.nan if exposure is None else _number(exposure[1]) * 1e-9,
        **{field: _number(found.get(tag, b"")) for field, tag in NUMBERS.items()},
    )


def _number(text: bytes) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _seconds(text: str) -> float:
    """ISO 8601 to seconds since 1970; NaN where it is none."""
    try:
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return math.nan


def read_planes(scene: Scene, layout: CziLayout, stored: Dims) -> Planes | None:
    """Facts of each plane of a scene: those of its first subblock, else what the metadata of the file say.

    Raises
    ------
    CorruptFileError, SourceError
    """
    letters, shape = stored.order[: layout.planes], stored.shape[: layout.planes]
    count = math.prod(shape)
    rows = [layout.first_row(key) for key in range(count)]
    there = [key for key, row in enumerate(rows) if row is not None]
    offsets = [layout.position.at(row) for row in rows if row is not None]
    said = dict(zip(there, map(parse, read_texts(layout.source, offsets)), strict=True))
    columns: dict[str, npt.NDArray[np.float64]] = {}
    for field in ("time", "exposure", "x", "y", "z"):
        values = np.array([getattr(said.get(key, Said()), field) for key in range(count)]).reshape(
            shape
        )
        if field == "time" and np.isfinite(values).any():
            # One clock: wherever times of planes are shown, they count from the first plane.
            values -= np.nanmin(values)
        known = _known(scene, field, letters, shape)
        if known is not None:
            values = np.where(np.isfinite(values), values, known)
        if np.isfinite(values).any():
            columns[field] = values
    if not columns:
        return None
    return Planes(
        Dims(letters, shape),
        **{name: column.astype("<f8").tobytes() for name, column in columns.items()},
    )


def _known(
    scene: Scene, field: str, letters: str, shape: tuple[int, ...]
) -> npt.NDArray[np.float64] | None:
    """A column that the file gave when it was opened, for all planes."""
    column = None if scene.planes is None else scene.planes.column(field)
    if column is None or scene.planes is None:
        return None
    at = [scene.planes.dims.order.find(letter) for letter in letters]
    spread = column.transpose([axis for axis in at if axis >= 0])
    return np.broadcast_to(spread[tuple(slice(None) if axis >= 0 else None for axis in at)], shape)
