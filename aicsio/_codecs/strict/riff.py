"""The container of WebP, for checks.

Rule kept here: sizes are compared, and no picture is decoded.

Source of the facts: RFC 9649 (WebP), section 2.
"""

import struct


def require_webp(data: bytes) -> None:
    """Compare the sizes of a WebP file and of its chunks with its bytes.

    Parameters
    ----------
    data
        The file.

    Raises
    ------
    ValueError
        When they differ.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise ValueError("it does not begin as a WebP file")
    # 2.4: the size counts from byte 8 on, and is even.
    (size,) = struct.unpack_from("<I", data, 4)
    if size + 8 != len(data):
        raise ValueError(f"its header promises {size + 8} bytes, it has {len(data)}")
    at = 12
    while at + 8 <= len(data):
        # 2.3: an odd chunk is filled by a byte of 0.
        (nbytes,) = struct.unpack_from("<I", data, at + 4)
        at += 8 + nbytes
        if nbytes & 1 and data[at : at + 1] != b"\0":
            raise ValueError(f"the byte that fills its chunk at {at} is not 0")
        at += nbytes & 1
    if at != len(data):
        raise ValueError(f"its chunks end at {at}, it has {len(data)} bytes")
