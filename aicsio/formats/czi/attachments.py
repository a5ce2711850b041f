"""Attachments of CZI that hold facts: time stamps and events. Pure, but for the reading of one.

Rule kept here: counts and lengths are compared with the bytes before they are used.

Source of the structures: "ZISRAW (CZI) File Format", Carl Zeiss Microscopy, attachment contents
CZTIMS (time stamps) and CZEVL (events).
"""

import struct

from aicsio.errors import CorruptFileError
from aicsio.formats.czi.index import Index, read_attachment_data
from aicsio.records import Attachment, Diagnostic, Event, Source

MAX_STAMPS = 1 << 24
"""Time stamps of a file: 16 million, one per plane of any file that ZEN can write."""
EVENT_HEAD_SIZE = 20
"""Bytes of an event before its text: size (4), time (8), kind (4), length of the text (4)."""


def parse_time_stamps(raw: bytes, source: Source) -> tuple[float, ...]:
    """Parse the content of ``TimeStamps`` (kind ``CZTIMS``).

    Parameters
    ----------
    raw
        Content of the attachment.
    source
        The file, for messages.

    Returns
    -------
    Seconds, in the order of the file.

    Raises
    ------
    CorruptFileError
        When the bytes end before the listed time stamps do.
    """
    # Size (4 bytes), NumberTimeStamps (4), then "time stamps in seconds relative to the start time
    # of the acquisition engine", 8 bytes each.
    if len(raw) < 8:
        raise CorruptFileError.at(source.uri, None, f"expected time stamps, found {len(raw)} bytes")
    (count,) = struct.unpack_from("<i", raw, 4)
    if not 0 <= count <= MAX_STAMPS or 8 + 8 * count > len(raw):
        message = f"expected time stamps, found {count} in {len(raw)} bytes"
        raise CorruptFileError.at(source.uri, None, message)
    return struct.unpack_from(f"<{count}d", raw, 8)


def parse_events(raw: bytes, source: Source) -> tuple[Event, ...]:
    """Parse the content of ``EventList`` (kind ``CZEVL``).

    Parameters
    ----------
    raw
        Content of the attachment.
    source
        The file, for messages.

    Returns
    -------
    The events, in the order of the file.

    Raises
    ------
    CorruptFileError
        When the bytes end before the listed events do.
    """
    # Size (4 bytes), NumberEvents (4), then the events. Kinds are 0 marker, 1 timer change, 2 and
    # 3 start and stop of bleaching, 4 trigger.
    event_count = struct.unpack_from("<i", raw, 4)[0] if len(raw) >= 8 else -1
    if event_count < 0:
        raise CorruptFileError.at(source.uri, None, "expected a list of events")
    event_offset = 8
    events: list[Event] = []
    for event_index in range(event_count):
        text_start = event_offset + EVENT_HEAD_SIZE
        if text_start > len(raw):
            message = f"expected {event_count} events, found {event_index}"
            raise CorruptFileError.at(source.uri, None, message)
        # The size of the event comes first; each length is checked, so the size is not needed.
        time, kind, length = struct.unpack_from("<dii", raw, event_offset + 4)
        if not 0 <= length <= len(raw) - text_start:
            message = f"expected the text of event {event_index}"
            raise CorruptFileError.at(source.uri, None, message)
        # "Null terminated descriptionSize character UTF8 encoded string": bytes behind the NUL are
        # padding.
        text = raw[text_start : text_start + length].split(b"\0")[0]
        events.append(Event(time, kind, text.decode("utf-8", "replace")))
        event_offset = text_start + length
    return tuple(events)


def read_time_stamps(index: Index) -> tuple[tuple[float, ...], tuple[Diagnostic, ...]]:
    """Read the time stamps of a file: () if it has none, and a diagnostic if they are damaged."""
    attachment = find_time_stamps(index.attachments)
    if attachment is None:
        return (), ()
    try:
        raw = read_attachment_data(index.source, attachment)
        return parse_time_stamps(raw, index.source), ()
    except CorruptFileError as error:
        return (), (Diagnostic("corrupt-time-stamps", str(error), loss=True),)


def find_time_stamps(attachments: tuple[Attachment, ...]) -> Attachment | None:
    """Find the attachment of time stamps, by its kind or by its name."""
    for one in attachments:
        if one.kind == "CZTIMS" or one.name == "TimeStamps":
            return one
    return None
