"""Many ranges in one answer of a web server: ``multipart/byteranges``.

Rule kept here: a part is written only where its own Content-Range allows. An answer with other parts than
were requested is given up.

Source of the facts: RFC 9110, sections 14.2 (a server may ignore several ranges), 14.6 (the media type) and
15.3.7.2 (several parts); RFC 2046, section 5.1 (boundaries).
"""

import io
import re
from collections.abc import Mapping

from aicsio._io.ranges import Span

# Bytes of the lines around a part that are allowed for: a boundary has at most 70, its headers about 100.
PART_OVERHEAD = 512
# Lines between two parts: blank ones, the boundary, a few headers.
MAX_LINES = 16
_CONTENT_RANGE = re.compile(
    rb"(?i:content-range):\s*bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)"
)
_MEDIA_TYPE = re.compile(r"(?i:multipart/byteranges)\s*;.*\bboundary=\"?([^\";]{1,70})")


def boundary_of(content_type: str) -> bytes | None:
    """Return the boundary between the parts of an answer; ``None`` if it has no parts."""
    match = _MEDIA_TYPE.match(content_type)
    if match is None:
        return None
    return b"--" + match[1].encode("latin-1", "replace")


def receive_parts(
    body: io.BufferedIOBase, boundary: bytes, buffers: Mapping[Span, memoryview], size: int | None
) -> bool:
    """Fill buffers with the parts of an answer, in whatever order they come.

    Parameters
    ----------
    body
        The body, at its first byte.
    boundary
        The line before each part.
    buffers
        Where each requested range goes, by offset and length.
    size
        Bytes of the file; ``None`` if they are unknown.

    Returns
    -------
    bool
        Whether each range came once, as a part of its own, and whole.
    """
    missing = dict(buffers)
    while missing:
        span = _next_part(body, boundary, size)
        # A server may join ranges or send others (section 15.3.7.2); such an answer is given up.
        buffer = missing.pop(span, None) if span else None
        if buffer is None:
            return False
        received = 0
        while received < buffer.nbytes:
            count = body.readinto(buffer[received:])
            if not count:
                return False
            received += count
    return True


def _next_part(body: io.BufferedIOBase, boundary: bytes, size: int | None) -> Span | None:
    """Read the lines in front of the next part; return its range."""
    span: Span | None = None
    has_begun = False
    for _ in range(MAX_LINES):
        line = body.readline(PART_OVERHEAD)
        if not line.endswith(b"\n"):
            return None
        line = line.strip()
        if not has_begun:
            has_begun = line == boundary
            continue
        if not line:
            return span
        match = _CONTENT_RANGE.fullmatch(line)
        if match is None:
            continue
        start, stop = int(match[1]), int(match[2]) + 1
        # The size is a proof of the version, as it is in an answer of one part.
        if None not in (size, match[3]) and match[3] != b"*" and int(match[3]) != size:
            return None
        span = (start, stop - start)
    return None
