"""Whether the decoder of JPEG XR reads each packet to its end, and no further: its codes are followed by it.

JPEG XR has no checksum, and any bits decode: a flipped bit makes the decoder stop before the end of
a packet, or read beyond it, without an error. So the image is decoded with other bytes behind its
packets, which must change no pixel, and with other last bytes of each packet, which must change
some.

Rule kept here: bytes that may be padding are not judged, nor are pixels that the image does not
show.
"""

import hashlib
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._codecs.buffers import imagecodecs
from aicsio._codecs.image_headers import jpegxr_entries
from aicsio._codecs.strict.jpegxr_layout import (
    HEADER_NBYTES,
    MACROBLOCK,
    START_CODE,
    JpegxrLayout,
    read_layout,
)

PIXEL_FORMAT: Final = 0xBC01
WIDTH, HEIGHT = 0xBC80, 0xBC81
IMAGE, ALPHA = (0xBCC0, 0xBCC1), (0xBCC2, 0xBCC3)
"""Tags of the container (A.7): offset and bytes of each codestream."""
GUID_NBYTES: Final = 16

GAP_NBYTES: Final = 4096
"""Bytes between packets: more than one wrong run of codes that stays undetected reads ahead at a time."""
TAIL_NBYTES: Final = 4
"""Last bytes of a packet of which some must be read: 25 bits at least, and no padding to a word of four bytes."""
PATTERNS: Final = 8
"""Changes of the last bytes. One alone may move pixels beyond white, where the decoder cuts them off."""


@attrs.frozen(eq=False)
class _Codestream:
    """A codestream of a file, and its layout."""

    tags: tuple[int, int]
    coded: bytes
    layout: JpegxrLayout
    ends: dict[int, int]
    """Ends of its packets by their starts."""
    has_end: bool
    """Whether the container states where it ends."""


def require_jpegxr(data: bytes) -> None:
    """Compare what the decoder reads with the packets of each codestream.

    Parameters
    ----------
    data
        A JPEG XR file, which the decoder takes.

    Raises
    ------
    ValueError
        When headers or packets end beyond their codestream, or the decoder reads past the end of a
        packet or stops before it.
    """
    entries = jpegxr_entries(data)
    parts = [_read_part(data, entries, tags) for tags in (IMAGE, ALPHA) if tags[0] in entries]
    if not parts or PIXEL_FORMAT not in entries or any(part.layout.is_trimmed for part in parts):
        return
    guid = data[entries[PIXEL_FORMAT] :][:GUID_NBYTES]
    filler = _noise(b"behind")
    whole = _decode(_rebuild(parts, guid, filler))
    if whole is None:
        # Macroblocks at the edges that the decoder does not show: nothing is compared.
        return
    inverse = bytes(each ^ 0xFF for each in filler)
    if _differ(whole, _decode(_rebuild(parts, guid, inverse))):
        raise ValueError("its codes run beyond the end of a packet")
    for index, part in enumerate(parts):
        for start, end in part.ends.items():
            is_judged = part.layout.is_plain and end - start > HEADER_NBYTES
            if is_judged and not _is_read(parts, index, start, guid, whole):
                raise ValueError(f"its codes stop before the end of the packet at byte {start}")


def _read_part(data: bytes, entries: dict[int, int], tags: tuple[int, int]) -> _Codestream:
    offset, nbytes = entries[tags[0]], entries.get(tags[1], 0)
    coded = data[offset : offset + nbytes] if nbytes else data[offset:]
    # jxrlib writes the bytes of the whole file where A.7 wants those of the alpha plane.
    has_end = nbytes in {len(coded), len(data)}
    layout = read_layout(coded)
    ends = layout.packets(len(coded))
    for start in ends:
        first = layout.packets_at + start
        if coded[first : first + len(START_CODE)] != START_CODE:
            raise ValueError(f"no packet begins at byte {start}, where its index table has one")
    return _Codestream(tags, coded, layout, ends, has_end)


def _is_read(
    parts: list[_Codestream], index: int, start: int, guid: bytes, whole: npt.NDArray[Any]
) -> bool:
    """Whether the decoder reads some of the last bytes of a packet, as far as that can be seen."""
    part = parts[index]
    end = part.ends[start]
    first = part.layout.packets_at + max(start + HEADER_NBYTES, end - TAIL_NBYTES)
    tail = part.coded[first : part.layout.packets_at + end]
    # Zeros fill a packet up; where a codestream without a stated end has its last byte, no one
    # knows.
    is_last = end == max(part.ends.values())
    if not any(tail) or (is_last and not part.has_end):
        return True
    for number in range(PATTERNS):
        mask = _noise(bytes([number]))[: len(tail)] if number else b"\xff" * len(tail)
        other = bytes(one ^ two for one, two in zip(tail, mask, strict=True))
        coded = part.coded[:first] + other + part.coded[first + len(tail) :]
        changed = [*parts[:index], attrs.evolve(part, coded=coded), *parts[index + 1 :]]
        if _differ(whole, _decode(_rebuild(changed, guid, _noise(b"behind")))):
            return True
    return False


def _noise(seed: bytes) -> bytes:
    """Return bytes that look random, the same at each call."""
    return hashlib.shake_128(seed).digest(GAP_NBYTES)


def _decode(data: bytes) -> npt.NDArray[Any] | None:
    try:
        return np.asarray(imagecodecs().jpegxr_decode(data))
    except (RuntimeError, ValueError):
        return None


def _differ(whole: npt.NDArray[Any], other: npt.NDArray[Any] | None) -> bool:
    # Bits, not values: NaN equals no NaN.
    return other is None or whole.shape != other.shape or whole.tobytes() != other.tobytes()


# ---------------------------------------------------------------- the same image in another file


def _rebuild(parts: list[_Codestream], guid: bytes, filler: bytes) -> bytes:
    """Return a file of the same packets with a filler behind each, all macroblocks shown."""
    streams = [_spread(part, filler) for part in parts]
    columns, rows = _shown_sizes(parts[0].layout)
    values = {PIXEL_FORMAT: 0, WIDTH: columns, HEIGHT: rows}
    for part in parts:
        values |= dict.fromkeys(part.tags, 0)
    at = 8 + 2 + 12 * len(values) + 4
    values[PIXEL_FORMAT] = at
    at += len(guid)
    for part, stream in zip(parts, streams, strict=True):
        values |= {part.tags[0]: at, part.tags[1]: len(stream)}
        at += len(stream)
    head = b"II\xbc\x01" + (8).to_bytes(4, "little") + len(values).to_bytes(2, "little")
    for tag, value in sorted(values.items()):
        # Types of TIFF: 1 are bytes, 4 a number of four bytes.
        kind, count = (1, len(guid)) if tag == PIXEL_FORMAT else (4, 1)
        head += tag.to_bytes(2, "little") + kind.to_bytes(2, "little")
        head += count.to_bytes(4, "little") + value.to_bytes(4, "little")
    return head + bytes(4) + guid + b"".join(streams)


def _shown_sizes(layout: JpegxrLayout) -> tuple[int, int]:
    """Return columns and rows of all macroblocks: their last ones often lie beyond the image."""
    columns, rows = layout.sizes
    if not layout.is_plain:
        return columns, rows
    return -(-columns // MACROBLOCK) * MACROBLOCK, -(-rows // MACROBLOCK) * MACROBLOCK


def _spread(part: _Codestream, filler: bytes) -> bytes:
    """Return the codestream with a filler behind each packet, and the index table of these places."""
    layout = part.layout
    head = bytearray(part.coded[: layout.packets_at])
    for number, size in enumerate(_shown_sizes(layout)):
        at = layout.sizes_at + number * layout.size_nbytes
        head[at : at + layout.size_nbytes] = (size - 1).to_bytes(layout.size_nbytes)
    places: dict[int, int] = {}
    body = bytearray()
    for start, end in part.ends.items():
        places[start] = len(body)
        body += part.coded[layout.packets_at + start : layout.packets_at + end] + filler
    if layout.table_at is None:
        return bytes(head + body)
    table = b"\0\1"
    for place in layout.starts:
        # 8.2.5: FB is in front of a number of four bytes, FF stands for no packet.
        table += b"\xff" if place is None else b"\xfb" + places[place].to_bytes(4)
    return bytes(head[: layout.table_at] + table + head[layout.table_end :] + body)
