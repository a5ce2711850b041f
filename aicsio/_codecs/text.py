"""Numbers and bytes as text: the encodings ``ascii`` and ``hex`` of NRRD.

Rule kept here: a number that the type of the pixels does not have is an error, never another number.

Source of the facts: "Definition of NRRD File Format": numbers apart by blanks, the
fastest axis first; two hexadecimal digits a byte, in the byte order of the header.
"""

import math

import numpy as np

from aicsio._codecs.buffers import Data, DecodeTarget, as_octets

_BLANKS = b" \t\r\n\v\f"
_SEPARATORS = bytes.maketrans(b",", b" ")


def decode_hex(data: Data, target: DecodeTarget) -> Data:
    """Decode bytes that are written as two hexadecimal digits each, blanks and lines left out.

    Raises
    ------
    ValueError
        When there are too few, or a character is no digit.
    """
    expected = 2 * math.prod(target.shape) * target.dtype.itemsize
    digits = bytes(as_octets(data)).translate(None, _BLANKS)
    if len(digits) < expected:
        raise ValueError(f"expected {expected} hexadecimal digits, found {len(digits)}")
    # What follows the last pixel is left out, as with numbers.
    raw = bytes.fromhex(digits[:expected].decode("latin_1"))
    return np.frombuffer(raw, np.uint8)


def decode_numbers(data: Data, target: DecodeTarget) -> Data:
    """Decode numbers that blanks, or commas as in CSV, separate; what follows the last is left out.

    Raises
    ------
    ValueError
        When there are too few, or one is none of the type.
    """
    count = math.prod(target.shape)
    # A number and what separates it from the next take two bytes at least.
    if 2 * count - 1 > as_octets(data).nbytes:
        raise ValueError(f"expected {count} numbers, found {as_octets(data).nbytes} bytes")
    words = bytes(as_octets(data)).translate(_SEPARATORS).split(maxsplit=count)[:count]
    if len(words) < count:
        raise ValueError(f"expected {count} numbers, found {len(words)}")
    kind = target.dtype.kind
    try:
        numbers: list[int] | list[float]
        if kind in "iu":
            numbers = [_whole_number(word) for word in words]
        else:
            numbers = [float(word) for word in words]
        with np.errstate(over="ignore"):  # 1e300 is infinite as float32
            pixels = np.array(numbers, target.dtype)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"expected numbers of {target.dtype}: {error}") from None
    return pixels.reshape(target.shape)


def _whole_number(word: bytes) -> int:
    try:
        return int(word)
    except ValueError:
        # pynrrd writes large integers as 1.8446744073709552e+19.
        number = float(word)
        if not number.is_integer():
            raise
        return int(number)
