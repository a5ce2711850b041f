"""Joins, splits and checks byte ranges. Pure functions.

Rule kept here: numbers of a damaged file reach neither the system nor the allocator unchecked.
"""

import math
from collections.abc import Sequence
from typing import TypeAlias

from aicsio.errors import CorruptFileError, SourceChangedError
from aicsio.records import Source

# Bytes; ranges closer than this share a request. At 100 Mbit/s these bytes take 5 ms, a request 20
# to 100 ms.
GAP = 64 * 1024
# Bytes; ranges are not joined beyond this size, and larger ones are cut, so that several travel at
# once.
MAX_REQUEST = 16 * 1024 * 1024

# Byte offset and length.
Span: TypeAlias = tuple[int, int]
Buffer: TypeAlias = bytes | memoryview


def coalesce(spans: Sequence[Span], gap: int = GAP, max_size: int = MAX_REQUEST) -> list[Span]:
    """Join spans closer than ``gap``, up to ``max_size``, into sorted spans that cover them all."""
    joined: list[Span] = []
    for offset, nbytes in sorted(spans):
        if joined:
            start, length = joined[-1]
            end = max(start + length, offset + nbytes)
            overlaps = offset < start + length
            near = offset <= start + length + gap and end - start <= max_size
            if overlaps or near:
                joined[-1] = (start, end - start)
                continue
        joined.append((offset, nbytes))
    return joined


def find_in_windows(
    windows: Sequence[Span], parts: Sequence[Buffer], offset: int, nbytes: int
) -> Buffer:
    for (start, size), part in zip(windows, parts, strict=True):
        if start <= offset and offset + nbytes <= start + size:
            return part[offset - start : offset - start + nbytes]
    raise AssertionError("each span lies in the window that was made for it")


def split_request(start: int, part: memoryview) -> list[tuple[int, memoryview]]:
    """Split a large range into requests of equal size."""
    count = max(1, math.ceil(part.nbytes / MAX_REQUEST))
    size = math.ceil(part.nbytes / count)
    return [(start + low, part[low : low + size]) for low in range(0, part.nbytes, size)]


def check_inside(source: Source, offset: int, nbytes: int) -> None:
    """Refuse a range outside a source.

    Raises
    ------
    CorruptFileError
        When the range begins before the start or ends behind the end of the file.
    """
    # Numbers in a damaged file may be anything: they must reach neither the system nor the
    # allocator.
    if offset < 0 or nbytes < 0 or (source.size is not None and offset + nbytes > source.size):
        raise past_end_error(source, offset, nbytes)


def past_end_error(source: Source, offset: int, nbytes: int) -> CorruptFileError:
    """Make the error for a range that ends behind the end of the file."""
    return CorruptFileError.at(
        source.uri, offset, f"expected {nbytes} bytes, but the file ends at {source.size}"
    )


def changed_error(source: Source) -> SourceChangedError:
    """Make the error for a file that was replaced or rewritten after it was opened."""
    return SourceChangedError(
        f"{source.uri!r} changed since it was opened: call open_image on it again"
    )
