"""Codecs of TIFF pixels: predictors, packed samples, small floats, subsampled YCbCr.

Rule kept here: each function undoes one step of TIFF 6.0 or of a published extension, named in
its docstring.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio._codecs.buffers import Data, DecodeTarget, as_octets, as_pixels, imagecodecs
from aicsio.records import DType

LARGEST_PACKED = 32
"""Bits of a sample.

Imagecodecs unpacks up to here; deeper samples are summed bit by bit with numpy.
"""


# ---------------------------------------------------------------- predictors


def undo_differences(
    data: Data, target: DecodeTarget, *, axis: int = -2, dist: int = 1, bits: int | None = None
) -> Data:
    """Undo horizontal differencing (TIFF 6.0 section 14, predictor 2) along ``axis``.

    Sums of packed samples wrap at ``bits``.
    """
    pixels = as_pixels(data, target)
    if pixels.dtype == np.bool_:
        # Addition of single bits, modulo 2.
        return np.bitwise_xor.accumulate(pixels, axis=axis)
    sums: npt.NDArray[Any] = imagecodecs().delta_decode(
        pixels, axis=axis, dist=dist, out=target.empty_pixels()
    )
    if bits is not None:
        sums &= sums.dtype.type((1 << bits) - 1)
    return sums


def undo_float_differences(
    data: Data, target: DecodeTarget, *, axis: int = -2, dist: int = 1
) -> Data:
    """Undo the floating point predictor (Adobe Photoshop TIFF Technical Note 3, predictor 3)."""
    pixels = as_pixels(data, target)
    result: Data = imagecodecs().floatpred_decode(
        pixels, axis=axis, dist=dist, out=target.empty_pixels()
    )
    return result


# ---------------------------------------------------------------- packing


def reverse_bits(data: Data, target: DecodeTarget) -> Data:
    """Reverse the bits of each byte (TIFF 6.0 section 8, FillOrder 2)."""
    raw = as_octets(data)
    out = target.scratch.take(("bits", target.index), raw.nbytes)
    result: Data = imagecodecs().bitorder_decode(raw, out=out)
    return result


def swap_nibbles(data: Data, target: DecodeTarget) -> Data:  # noqa: ARG001 - one signature
    """Exchange the halves of each byte, for samples of 4 bits whose first lies in the low ones."""
    raw = as_octets(data)
    return (raw << 4) | (raw >> 4)


def unpack_integers(
    data: Data, target: DecodeTarget, *, bits: int, run: int, signed: bool = False
) -> Data:
    """Unpack samples of any depth, most significant bit first.

    Parameters
    ----------
    data
        Packed samples; each row begins with a new byte (TIFF 6.0 section 4).
    target
        What the chain must produce.
    bits
        Bits of one sample.
    run
        Samples of one row.
    signed
        Whether the highest bit is a sign.

    Raises
    ------
    ValueError
        When there are fewer bytes than rows.
    """
    raw = as_octets(data)
    rows = math.prod(target.shape) // run
    row_nbytes = -(-run * bits // 8)
    if raw.nbytes < rows * row_nbytes:
        raise ValueError(
            f"it holds {raw.nbytes} bytes, where {rows} rows of {run} samples "
            f"of {bits} bits need more"
        )
    raw = raw[: rows * row_nbytes]
    unsigned: DType = target.dtype
    if target.dtype.kind == "i":
        unsigned = np.dtype(f"u{target.dtype.itemsize}")
    if bits > LARGEST_PACKED:
        samples = _sum_bits(raw.reshape(rows, row_nbytes), bits, run)
    else:
        samples = imagecodecs().packints_decode(raw.tobytes(), unsigned, bits, runlen=run)
    if signed:
        # Two's complement: flipping the sign bit and subtracting it extends it to the full word.
        sign = unsigned.type(1 << (bits - 1))
        samples = ((samples.astype(unsigned) ^ sign) - sign).view(target.dtype)
    return np.ascontiguousarray(samples, target.dtype).reshape(target.shape)


def _sum_bits(rows: npt.NDArray[np.uint8], bits: int, run: int) -> npt.NDArray[np.uint64]:
    # Shape (samples, bits), without the bits that fill the last byte of each row.
    one_by_one = np.unpackbits(rows, axis=1)[:, : run * bits].reshape(-1, bits)
    places = np.arange(bits - 1, -1, -1, dtype=np.uint64)
    samples: npt.NDArray[np.uint64] = (one_by_one.astype(np.uint64) << places).sum(
        1, dtype=np.uint64
    )
    return samples


def unpack_words(data: Data, target: DecodeTarget, *, bits: tuple[int, ...], order: str) -> Data:
    """Unpack pixels whose samples share a word (RGB 5-6-5), each stretched to the full range."""
    # The smallest word that holds all samples: 5, 6 and 5 bits take two bytes.
    word_nbytes = next(size for size in (1, 2, 4, 8) if 8 * size >= sum(bits))
    nbytes = math.prod(target.shape[:-1]) * word_nbytes
    words = as_octets(data)[:nbytes].view(f"{order}u{word_nbytes}").astype(np.uint64)
    largest_target = np.uint64((1 << 8 * target.dtype.itemsize) - 1)
    samples = []
    shift = sum(bits)
    for depth in bits:
        shift -= depth
        largest_stored = np.uint64((1 << depth) - 1)
        stored = words >> np.uint64(shift) & largest_stored
        samples.append(stored * largest_target // largest_stored)
    return np.stack(samples, axis=-1).astype(target.dtype).reshape(target.shape)


# ---------------------------------------------------------------- numbers that numpy lacks


def widen_float24(data: Data, target: DecodeTarget, *, order: str) -> Data:
    """Widen 24-bit floats (DNG specification 1.4, chapter 6) to 32 bits."""
    raw = as_octets(data)[: math.prod(target.shape) * 3]
    wide: npt.NDArray[Any] = imagecodecs().float24_decode(raw.tobytes(), byteorder=order)
    return wide.reshape(target.shape)


def widen_complex_integers(data: Data, target: DecodeTarget, *, order: str, size: int) -> Data:
    """Widen complex integers (SampleFormat 5) of two times ``size`` bytes to complex floats."""
    nbytes = math.prod(target.shape) * 2 * size
    parts = as_octets(data)[:nbytes].view(f"{order}i{size}")
    floats = parts.astype(f"f{target.dtype.itemsize // 2}")
    return floats.view(target.dtype.newbyteorder("=")).reshape(target.shape)


# ---------------------------------------------------------------- colour


def convert_ycbcr(
    data: Data,
    target: DecodeTarget,
    *,
    subsampling: tuple[int, int],
    luma: tuple[float, float, float],
    reference: tuple[float, ...],
    rounded: bool = True,
) -> Data:
    """Convert YCbCr samples, chroma repeated over its block, to RGB (TIFF 6.0 section 21).

    Parameters
    ----------
    data
        Data units: luma samples of one block, row by row, then its Cb and its Cr.
    target
        What the chain must produce, with an axis of three samples.
    subsampling
        Columns and rows of a block (YCbCrSubSampling).
    luma
        Parts of red, green and blue in luma (YCbCrCoefficients).
    reference
        ReferenceBlackWhite: black and white code of Y, Cb and Cr.
    rounded
        Whether results are rounded; the other way is to cut them.

    Raises
    ------
    ValueError
        When there are fewer bytes than data units.
    """
    block_columns, block_rows = subsampling
    height, width = target.shape[-3:-1]
    blocks_across, blocks_down = -(-width // block_columns), -(-height // block_rows)
    unit_nbytes = block_columns * block_rows + 2
    nbytes = blocks_across * blocks_down * unit_nbytes
    raw = as_octets(data)
    if raw.nbytes < nbytes:
        raise ValueError(
            f"it holds {raw.nbytes} bytes, where {blocks_across * blocks_down} YCbCr data units "
            f"need {nbytes}"
        )
    units = raw[:nbytes].reshape(blocks_down, blocks_across, unit_nbytes)
    blocks = units[..., :-2].reshape(blocks_down, blocks_across, block_rows, block_columns)
    # Rows of blocks, rows in a block, blocks, columns in a block: the order of an image.
    y = blocks.swapaxes(1, 2).reshape(blocks_down * block_rows, blocks_across * block_columns)
    chroma = units[..., -2:].repeat(block_rows, axis=0).repeat(block_columns, axis=1)
    y, chroma = y[:height, :width], chroma[:height, :width].astype(np.float64)
    # TIFF 6.0 section 20, ReferenceBlackWhite: codes are scaled to 0..255 and -127..127.
    black_y, white_y, black_b, white_b, black_r, white_r = reference
    full_y = (y.astype(np.float64) - black_y) * 255 / (white_y - black_y)
    blue = (chroma[..., 0] - black_b) * 127 / (white_b - black_b)
    red = (chroma[..., 1] - black_r) * 127 / (white_r - black_r)
    red_luma, green_luma, blue_luma = luma
    # Section 21: red and blue follow from their chroma and Y, green from Y and both of them.
    r = red * (2 - 2 * red_luma) + full_y
    b = blue * (2 - 2 * blue_luma) + full_y
    g = (full_y - blue_luma * b - red_luma * r) / green_luma
    rgb = np.stack([r, g, b], axis=-1)
    if rounded:
        rgb = np.rint(rgb)
    return np.clip(rgb, 0, 255).astype(target.dtype).reshape(target.shape)
