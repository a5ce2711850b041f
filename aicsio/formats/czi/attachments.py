"""Attachments of CZI: what lies beside the pixels, and the two kinds that hold facts (time stamps, events)."""

import math
import struct

from aicsio.errors import CorruptFileError
from aicsio.formats.czi.index import Index, read_attachment_data
from aicsio.records import Attachment, Diagnostic, Event, Source

MOST_STAMPS = 1 << 24


def parse_time_stamps(raw: bytes, source: Source) -> tuple[float, ...]:
    """Seconds of each time point, from the content of ``TimeStamps`` (kind ``CZTIMS``).

    Raises
    ------
    CorruptFileError
    """
    if len(raw) < 8:
        raise CorruptFileError.at(source.uri, None, f"expected time stamps, found {len(raw)} bytes")
    (count,) = struct.unpack_from("<i", raw, 4)
    if not 0 <= count <= MOST_STAMPS or 8 + 8 * count > len(raw):
        raise CorruptFileError.at(
            source.uri, None, f"expected time stamps, found {count} in {len(raw)} bytes"
        )
    return struct.unpack_from(f"<{count}d", raw, 8)


def parse_events(raw: bytes, source: Source) -> tuple[Event, ...]:
    """Entries of the content of ``EventList`` (kind ``CZEVL``).

    Raises
    ------
    CorruptFileError
    """
    count = struct.unpack_from("<i", raw, 4)[0] if len(raw) >= 8 else -1
    at = 8
    found: list[Event] = []
    for _ in range(count):
        if at + 20 > len(raw):
            raise CorruptFileError.at(
                source.uri, None, f"expected {count} events, found {len(found)}"
            )
        time, kind, length = struct.unpack_from("<dii", raw, at + 4)
        if not 0 <= length <= len(raw) - at - 20:
            raise CorruptFileError.at(source.uri, None, f"expected the text of event {len(found)}")
        text = raw[at + 20 : at + 20 + length].split(b"\0")[0].decode("utf-8", "replace")
        found.append(Event(time, kind, text))
        at += 20 + length
    if count < 0:
        raise CorruptFileError.at(source.uri, None, "expected a list of events")
    return tuple(found)


def time_stamps(index: Index) -> tuple[tuple[float, ...], tuple[Diagnostic, ...]]:
    """Time stamps of a file, () where it has none; trouble with them does not stop the reading."""
    found = next(
        (a for a in index.attachments if a.kind == "CZTIMS" or a.name == "TimeStamps"), None
    )
    if found is None:
        return (), ()
    try:
        stamps = parse_time_stamps(read_attachment_data(index.source, found), index.source)
    except CorruptFileError as error:
        return (), (Diagnostic("corrupt-time-stamps", str(error)),)
    return (stamps if all(map(math.isfinite, stamps)) else ()), ()


def find(attachments: tuple[Attachment, ...], name: str) -> Attachment | None:
    """Find an attachment by its name, whatever its case."""
    return next((one for one in attachments if one.name.lower() == name.lower()), None)
