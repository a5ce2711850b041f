"""Names of records by their content, for the keys of dask graphs.

Rule kept here: equal values get equal tokens in every process; the salted ``hash`` of Python does
not enter.
"""

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np


def token(value: object) -> str:
    """Return 32 hexadecimal digits that name a record by its content, the same in every process.

    Parameters
    ----------
    value
        A record, or a tuple of records, numbers, texts, ranges and dtypes.

    Returns
    -------
    str
        The digits; equal values have equal ones.

    Examples
    --------
    >>> from aicsio import Dims
    >>> from aicsio.arrays import token
    >>> token(Dims("YX", (2, 3))) == token(Dims("YX", (2, 3))), len(token(1))
    (True, 32)
    """
    import hashlib  # loads OpenSSL

    digest = hashlib.blake2b(digest_size=16)
    _feed(digest.update, value)
    return digest.hexdigest()


def _feed(update: Callable[[bytes], object], value: Any) -> None:
    # An array of the caller: dask hashes its content or uses the name of its graph.
    if hasattr(value, "__dask_tokenize__") and not isinstance(value, type):
        update(repr(value.__dask_tokenize__()).encode())
    elif attrs.has(type(value)):
        update(type(value).__qualname__.encode())
        for field in attrs.fields(type(value)):
            _feed(update, getattr(value, field.name))
    elif isinstance(value, tuple):
        # The length keeps ((1,), 2) and ((1, 2),) apart.
        update(f"({len(value)}".encode())
        for item in value:
            _feed(update, item)
    else:
        raw = _raw_bytes(value)
        update(f"{type(value).__name__}{len(raw)}:".encode() + raw)


def _raw_bytes(value: Any) -> bytes:
    """Return equal bytes for equal leaves: dtypes and ranges that are equal may differ in repr."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, np.dtype):
        value = value.str
    elif isinstance(value, range):
        # Python: ranges are equal when they list the same positions, whatever start, stop and step.
        value = _range_key(value)
    return repr(value).encode(errors="surrogatepass")


def _range_key(positions: range) -> object:
    if not positions:
        return "empty"
    if len(positions) == 1:
        return (positions[0], 1, 1)
    return (positions[0], positions.step, len(positions))
