"""Headers of an answer of a web server: its range, the version and the size of the file, a pause.

Rule kept here: pure functions of the headers. The caller compares their results with its request.

Source of the facts: RFC 9110, sections 8.4 (Content-Encoding), 8.8 (validators), 10.2.3 (Retry-After) and 14.4
(Content-Range); RFC 9112, section 6 (message bodies).
"""

import contextlib
import email.utils
import http.client
import re
import time

import attrs

# No more than 18 digits, so that sizes fit into 64 bits.
# "Range units ... are case-insensitive" (section 14.1); some servers write "bytes=".
_CONTENT_RANGE = re.compile(r"(?i:bytes)[ =]([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


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
    """Return the header Content-Range and its meaning; ``None`` if it is no range, or several that differ."""
    lines = response.headers.get_all("Content-Range", [])
    text = ", ".join(dict.fromkeys(line.strip() for line in lines))
    match = _CONTENT_RANGE.fullmatch(text)
    if match is None:
        return text, None
    total = None if match[3] == "*" else int(match[3])
    return text, ByteRange(int(match[1]), int(match[2]) + 1, total)


def framing_fault(response: http.client.HTTPResponse) -> str | None:
    """Return why the end of a body cannot be known; ``None`` if it can.

    A body in another coding would be taken for the bytes of the file.
    """
    codings = [
        coding.strip().lower()
        for line in response.headers.get_all("Transfer-Encoding", [])
        for coding in line.split(",")
    ]
    if codings not in ([], ["chunked"], ["identity"]):
        return f"the server sends it encoded as {', '.join(codings)[:40]!r}"
    # RFC 9112, section 6.3: a message with lengths that differ has no end that a recipient may trust.
    lengths = response.headers.get_all("Content-Length", [])
    if len({length.strip() for length in lengths}) > 1:
        return f"the server states {len(lengths)} different lengths"
    return None


def content_codings(response: http.client.HTTPResponse) -> list[str]:
    """Return the codings in which the file itself is sent, none for its own bytes."""
    text = ",".join(response.headers.get_all("Content-Encoding", []))
    codings = [coding.strip() for coding in text.split(",")]
    # "aws-chunked" is how the file was sent to the store, not how it comes (Amazon S3, "Signature calculations ...
    # multiple chunks").
    plain = {"", "identity", "aws-chunked"}
    return [coding for coding in codings if coding.lower() not in plain]


def fingerprint(response: http.client.HTTPResponse) -> str | None:
    """Return the ETag, else the time of the last change."""
    tag = response.headers.get("ETag") or response.headers.get("Last-Modified")
    # A server that compresses on the way marks the tag of the same bytes as weak.
    return tag.removeprefix("W/") if tag else None


def total_size(response: http.client.HTTPResponse) -> int | None:
    """Return the size of the whole file."""
    lines = response.headers.get_all("Content-Range", [])
    matches = [re.search(r"/([0-9]{1,18})$", line.strip()) for line in lines]
    sizes = {int(match[1]) for match in matches if match}
    if len(sizes) == 1:
        return sizes.pop()
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
