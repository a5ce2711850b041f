"""Headers of an answer of a web server: its range, the version and the size of the file, a pause.

Rule kept here: pure functions of the headers; nothing is believed that is not compared by the caller.

Source of the facts: RFC 9110, sections 8.8 (validators), 10.2.3 (Retry-After) and 14.4 (Content-Range).
"""

import contextlib
import email.utils
import http.client
import re
import time

import attrs

# No more than 18 digits, so that sizes fit into 64 bits.
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


@attrs.frozen
class ByteRange:
    """The Content-Range of an answer. Not a record: it lives for one answer."""

    start: int
    """Offset of the first byte."""
    stop: int
    """Offset behind the last byte."""
    total: int | None
    """Size of the file in bytes; ``None`` when the server does not know it."""

    @property
    def is_inside(self) -> bool:
        """Whether it has bytes, and ends inside the file."""
        return self.start < self.stop and (self.total is None or self.stop <= self.total)


def content_range(response: http.client.HTTPResponse) -> tuple[str, ByteRange | None]:
    """Return the header Content-Range and its meaning; ``None`` if it is no range."""
    text = response.headers.get("Content-Range", "").strip()
    match = _CONTENT_RANGE.fullmatch(text)
    if match is None:
        return text, None
    total = None if match[3] == "*" else int(match[3])
    return text, ByteRange(int(match[1]), int(match[2]) + 1, total)


def fingerprint(response: http.client.HTTPResponse) -> str | None:
    """Return the ETag, else the time of the last change."""
    tag = response.headers.get("ETag") or response.headers.get("Last-Modified")
    # A server that compresses on the way marks the tag of the same bytes as weak.
    return tag.removeprefix("W/") if tag else None


def total_size(response: http.client.HTTPResponse) -> int | None:
    """Return the size of the whole file."""
    match = re.search(r"/([0-9]{1,18})$", response.headers.get("Content-Range", ""))
    if match:
        return int(match[1])
    return response.length if response.status == 200 else None


def retry_after(text: str | None) -> float | None:
    """Return the seconds of a Retry-After, which is a number or a date (section 10.2.3)."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text.strip()):
        return float(text)
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return email.utils.parsedate_to_datetime(text).timestamp() - time.time()
    return None
