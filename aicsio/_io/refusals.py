"""Errors for answers of a web server, and for requests without one.

Rule kept here: what may be over soon is a ``RetryableError``, and what lasts says what to do instead.

Source of the facts: RFC 9110, section 15 (status codes); signatures in queries: Amazon S3 ("Authenticating Requests:
Using Query Parameters"), Azure ("Create a service SAS"), Google ("Signed URLs").
"""

import http.client
import re
import socket
import ssl
from typing import Any

from aicsio._io import answer_headers as headers
from aicsio._io.retrying import RetryableError, describe_error
from aicsio.errors import SourceError, SourceNotFoundError

RETRYABLE_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
CROWDED_STATUS = frozenset({429, 503})
"""Answers of servers that are asked too much at once."""
_NO_HTTP = (http.client.BadStatusLine, http.client.UnknownProtocol, http.client.LineTooLong)
"""Errors about an answer that will be the same the next time. ``RemoteDisconnected``, which is a
``BadStatusLine``, is none: a server that restarts closes a connection without a word."""
_SHOWN = 60
"""Characters of an answer that are shown."""
_SIGNATURE = re.compile(
    r"[?&](x-amz-signature|x-goog-signature|signature|sig|expires|token)=", re.IGNORECASE
)


def request_failure(uri: str, error: Exception) -> Exception:
    """Make the error for a request without an answer: one that lasts, or one that may be over soon."""
    if isinstance(error, _NO_HTTP) and not isinstance(error, http.client.RemoteDisconnected):
        return SourceError(f"cannot read {uri!r}: {_describe_answer(error)}")
    wrong_name = isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN
    # UnicodeError: a part of the host name is longer than 63 characters or empty (IDNA).
    if wrong_name or isinstance(error, ssl.SSLCertVerificationError | ValueError):
        return SourceError(f"cannot read {uri!r}: {describe_error(error)}")
    return RetryableError(describe_error(error))


def _describe_answer(error: http.client.HTTPException) -> str:
    """Describe an answer that breaks the rules of HTTP."""
    answer: Any = error  # the stubs lack the attributes that each class has
    if isinstance(error, http.client.BadStatusLine):
        return f"the server does not speak HTTP, it answers {answer.line.strip()[:_SHOWN]!r}"
    if isinstance(error, http.client.UnknownProtocol):
        return f"the server speaks {answer.version[:_SHOWN]!r}, not HTTP/1.1"
    return f"the server's answer is no HTTP: {error}"


def refusal(
    uri: str, path: str, response: http.client.HTTPResponse, *, is_crowded: bool
) -> Exception:
    """Make the error for an answer that refuses.

    Parameters
    ----------
    uri
        The URL as it is shown.
    path
        Path and query as they were requested.
    response
        The answer.
    is_crowded
        Whether other requests were under way that the server may have been too busy with.
    """
    status = response.status
    if status in {404, 410}:
        return SourceNotFoundError(f"there is nothing at {uri!r}: the server answers {status}")
    reason = f"the server answers {status} {response.reason[:100]}".strip()
    if status in RETRYABLE_STATUS:
        pause = headers.retry_after(response.headers.get("Retry-After"))
        return RetryableError(reason, pause, is_crowded=is_crowded and status in CROWDED_STATUS)
    advice = ""
    if status in {401, 403}:
        advice = ": give storage_options={'headers': {'Authorization': ...}}"
        if _SIGNATURE.search(path):
            advice = (
                ": the URL is signed, and its time may be over; ask for a new one and open that"
            )
    return SourceError(f"cannot read {uri!r}: {reason}{advice}")


def no_ranges_error(uri: str, length: int | None) -> SourceError:
    """Make the error for a server that sends a large file whole where a part was requested."""
    # A length may have thousands of digits; no file has 10^18 bytes.
    is_known = length is not None and length < 10**18
    size = f"of {length:,} bytes" if is_known else "of unknown size"
    return SourceError(
        f"{uri!r}: the server sends the whole file ({size}) where a part was asked for: "
        f"download it, or open 'simplecache::{uri}'"
    )
