"""Strips and tiles: pixels become the bytes of one segment of a TIFF file.

Rule kept here: predictors and PackBits are written out with numpy alone; LZW and zstd are those of
imagecodecs.
"""

import zlib
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

ByteOrder: TypeAlias = Literal["<", ">"]
Compression: TypeAlias = Literal["none", "lzw", "zlib", "deflate", "packbits", "zstd"]
Pixels: TypeAlias = npt.NDArray[Any]

PADDING = 0xA5
"""Byte beyond the image edge in a tile; TIFF 6.0, section 15, leaves its value to the writer."""


@attrs.frozen
class Storage:
    """How the pixels of a page are stored."""

    byte_order: ByteOrder = "<"
    """``"<"`` little endian (II), ``">"`` big endian (MM)."""
    rows_per_strip: int | None = None
    """Rows of a strip; ``None`` for one strip a plane."""
    tile: tuple[int, int] | None = None
    """Rows and columns of a tile, multiples of 16; ``None`` for strips."""
    compression: Compression = "none"
    """Name of the compression."""
    predictor: int = 1
    """1 none, 2 horizontal differences (integers), 3 floating point (TIFF technical note 3)."""
    planar: bool = False
    """Whether each sample is stored as a plane of its own."""


def split_blocks(part: Pixels, how: Storage) -> list[Pixels]:
    """Split a plane into strips, the last one shorter, or into tiles, padded to their full size.

    Parameters
    ----------
    part
        Pixels, shape (Y, X, S).
    how
        Storage of the pixels.

    Returns
    -------
    list of numpy.ndarray
        Shape (Y, X, S) each, in the order of the file.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.testing.segments import Storage, split_blocks
    >>> [block.shape for block in split_blocks(np.zeros((20, 30, 1)), Storage(tile=(16, 16)))]
    [(16, 16, 1), (16, 16, 1), (16, 16, 1), (16, 16, 1)]
    """
    rows, columns = part.shape[:2]
    if how.tile is None:
        step = how.rows_per_strip or rows
        # The last strip may be shorter; a tile may not.
        return [part[y : y + step] for y in range(0, rows, step)]
    high, wide = how.tile
    tiles = []
    for y in range(0, rows, high):
        for x in range(0, columns, wide):
            tile = np.empty((high, wide, part.shape[2]), part.dtype)
            # A bool must be 0 or 1.
            tile.view(np.uint8)[...] = 1 if part.dtype.kind == "b" else PADDING
            inside = part[y : y + high, x : x + wide]
            tile[: inside.shape[0], : inside.shape[1]] = inside
            tiles.append(tile)
    return tiles


def encode(block: Pixels, how: Storage) -> bytes:
    """Turn a strip or tile into its stored bytes.

    Parameters
    ----------
    block
        Pixels, shape (Y, X, S).
    how
        Storage of the pixels.

    Returns
    -------
    bytes
        Predicted and compressed.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.testing.segments import Storage, encode
    >>> list(encode(np.array([[[3], [5], [6]]], np.uint8), Storage(predictor=2)))
    [3, 2, 1]
    """
    # Bilevel pixels are packed, eight to a byte, each row from a new byte (section 3).
    if block.dtype.kind == "b":
        rows = np.packbits(block.reshape(block.shape[0], -1), axis=1)
    elif how.predictor == 3:
        rows = _difference_float_bytes(block)
    else:
        if how.predictor == 2:
            # Section 14: each sample minus the one before it in the row; unsigned, so that it wraps.
            block = block.copy()
            integers = block.view(f"u{block.dtype.itemsize}")
            integers[:, 1:] -= integers[:, :-1].copy()
        stored = np.ascontiguousarray(block, block.dtype.newbyteorder(how.byte_order))
        rows = stored.reshape(block.shape[0], -1).view(np.uint8)
    return _compress(rows, how.compression)


def _difference_float_bytes(block: Pixels) -> npt.NDArray[np.uint8]:
    """Separate the bytes of a row, most significant first, and store differences (technical note 3)."""
    rows, columns, samples = block.shape
    big_endian = np.ascontiguousarray(block, block.dtype.newbyteorder(">"))
    by_value = big_endian.reshape(rows, columns * samples, 1).view(np.uint8)
    # Shape: rows, bytes of a value, values of a row; then one run of bytes a row.
    planes = np.ascontiguousarray(by_value.transpose(0, 2, 1)).reshape(rows, -1)
    # The difference of bytes that are one sample apart; it wraps around.
    differences = planes.copy()
    differences[:, samples:] -= planes[:, :-samples]
    return differences


def _compress(rows: npt.NDArray[np.uint8], compression: Compression) -> bytes:
    raw = rows.tobytes()
    if compression == "none":
        return raw
    if compression in {"zlib", "deflate"}:
        # Both codes are the same zlib stream; 32946 is the older one.
        return zlib.compress(raw, 6)
    if compression == "packbits":
        return b"".join(encode_packbits(row.tobytes()) for row in rows)
    # Neither is in the standard library of Python 3.11.
    import imagecodecs

    if compression == "zstd":
        return bytes(imagecodecs.zstd_encode(raw))
    return bytes(imagecodecs.lzw_encode(raw))


def encode_packbits(row: bytes) -> bytes:
    """Encode one row with PackBits (TIFF 6.0, section 9: each row is packed on its own).

    Parameters
    ----------
    row
        Bytes of the row.

    Returns
    -------
    bytes
        Runs: ``257 - length`` and the repeated byte, or ``length - 1`` and the bytes.

    Examples
    --------
    >>> from aicsio.testing.segments import encode_packbits
    >>> list(encode_packbits(bytes([7, 7, 7, 1, 2])))
    [254, 7, 1, 1, 2]
    """
    out, start = bytearray(), 0
    while start < len(row):
        length = _run_length(row, start)
        # A run of two is as long as two literals; runs first keeps the code short.
        if length > 1:
            out += bytes([257 - length, row[start]])
        else:
            length = _literal_length(row, start)
            out += bytes([length - 1]) + row[start : start + length]
        start += length
    return bytes(out)


def _run_length(row: bytes, start: int) -> int:
    """Count the equal bytes from ``start`` on, at most 128, the longest run."""
    end = start + 1
    while end < len(row) and end - start < 128 and row[end] == row[start]:
        end += 1
    return end - start


def _literal_length(row: bytes, start: int) -> int:
    """Count the bytes from ``start`` to the next pair of equal ones, at most 128."""
    end = start + 1
    while end < len(row) and end - start < 128:
        # Slices, not indices: they end with the row.
        if row[end : end + 1] == row[end + 1 : end + 2]:
            break
        end += 1
    return end - start
