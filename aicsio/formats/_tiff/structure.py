"""From the tag values of a TIFF page to its structure.

Rule kept here: pure functions. A missing value takes the default of the specification; an
impossible one raises. A number that is not finite counts as missing.

Source of the facts: TIFF 6.0 (Adobe, 1992); TIFF technical notes 1 to 3.
"""

import functools
import math
from collections.abc import Mapping
from typing import Literal

from aicsio.errors import CorruptFileError
from aicsio.formats._tiff.compressions import JPEG
from aicsio.formats._tiff.ifd import Value
from aicsio.formats._tiff.page import PageStructure
from aicsio.formats._tiff.tags import (
    Compression,
    FillOrder,
    NewSubfileType,
    Photometric,
    PlanarConfiguration,
    Predictor,
    SampleFormat,
    Tag,
)

LARGEST_SIDE = 1 << 31
"""Rows or columns; libtiff takes no more."""
LARGEST_TILE_SIDE = 1 << 24
"""Rows or columns of a tile: the largest that writers make have 2^14."""
MOST_SAMPLES = 1 << 16
"""SamplesPerPixel is a SHORT."""
LARGEST_TAG_NUMBER = 1 << 62
"""Numbers beyond this do not fit the arithmetic of sizes."""

BT601_LUMA = (0.299, 0.587, 0.114)
"""Default of YCbCrCoefficients (TIFF 6.0 section 21)."""
FULL_RANGE = (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)
"""YCbCr without ReferenceBlackWhite (TIFF 6.0 section 20, and libtiff)."""
_OLD_SUBFILE_TYPES: Mapping[int, int] = {2: NewSubfileType.REDUCED, 3: NewSubfileType.PAGE}
"""SubfileType, which NewSubfileType replaced (TIFF 6.0 section 8)."""
_EER_BITS = (7, 2, 2)
"""Defaults of the bit numbers of EER, as Thermo Fisher's library has them."""


def read_page_structure(values: Mapping[int, Value], order: Literal["<", ">"]) -> PageStructure:
    """Read the structure of a page from its tags; files of one series share it.

    Parameters
    ----------
    values
        Tag values by code.
    order
        Byte order of the file.

    Raises
    ------
    CorruptFileError
        When sizes are missing or impossible; without a place, which the caller knows.
    """
    return _read_page_structure(tuple(values.items()), order)


@functools.lru_cache(maxsize=64)
def _read_page_structure(
    items: tuple[tuple[int, Value], ...], order: Literal["<", ">"]
) -> PageStructure:
    values = dict(items)
    width, length = (
        first_number(values, Tag.IMAGE_WIDTH, 0),
        first_number(values, Tag.IMAGE_LENGTH, 0),
    )
    # Default: Compression 1 (TIFF 6.0, Compression).
    compression = first_number(values, Tag.COMPRESSION, Compression.NONE)
    photometric = _photometric(values, compression)
    samples = _samples(values, compression, photometric)
    if min(width, length) <= 0 or max(width, length) > LARGEST_SIDE or samples > MOST_SAMPLES:
        raise CorruptFileError(
            f"expected a page of at least one pixel, found {width} x {length} "
            f"with {samples} samples"
        )
    subfile_type = first_number(values, Tag.NEW_SUBFILE_TYPE, 0) or _OLD_SUBFILE_TYPES.get(
        first_number(values, Tag.SUBFILE_TYPE, 1), 0
    )
    # PlanarConfiguration is irrelevant for one sample (TIFF 6.0, PlanarConfiguration).
    is_separate = first_number(values, Tag.PLANAR_CONFIGURATION, 1) == PlanarConfiguration.SEPARATE
    return PageStructure(
        order=order,
        width=width,
        length=length,
        depth=max(first_number(values, Tag.IMAGE_DEPTH, 1), 1),
        samples=samples,
        planar=is_separate and samples > 1,
        bits=_bits(values, samples, compression),
        sample_format=first_number(values, Tag.SAMPLE_FORMAT, SampleFormat.UINT),
        photometric=photometric,
        compression=compression,
        predictor=first_number(values, Tag.PREDICTOR, Predictor.NONE),
        fill_order=first_number(values, Tag.FILL_ORDER, FillOrder.MSB_FIRST),
        tile=_tile(values),
        rows_per_strip=_rows_per_strip(values, length),
        extra_samples=_whole_numbers(values, Tag.EXTRA_SAMPLES),
        reduced=bool(subfile_type & NewSubfileType.REDUCED),
        mask=bool(subfile_type & NewSubfileType.MASK),
        orientation=first_number(values, Tag.ORIENTATION, 1),
        jpeg_tables=_jpeg_tables(values) if compression in JPEG else None,
        subsampling=_subsampling(values) if photometric == Photometric.YCBCR else (1, 1),
        luma=_luma(values),
        reference=_reference(values),
        options=_options(values, compression),
    )


def _whole_numbers(values: Mapping[int, Value], code: int) -> tuple[int, ...]:
    """Return the numbers of a tag; none if one of them is not finite or beyond all sizes."""
    value = values.get(code, ())
    if not value or (isinstance(value, bytes) and len(value) >= 64):
        return ()
    if not all(math.isfinite(number) and abs(number) < LARGEST_TAG_NUMBER for number in value):
        return ()
    return tuple(map(int, value))


def first_number(values: Mapping[int, Value], code: int, default: int) -> int:
    """Return the first number of a tag; the default if the tag is missing or not finite."""
    numbers = _whole_numbers(values, code)
    if numbers:
        return numbers[0]
    return int(default)


def _rows_per_strip(values: Mapping[int, Value], length: int) -> int:
    # The default is 2^32 - 1: the whole image in one strip (TIFF 6.0, RowsPerStrip).
    rows = first_number(values, Tag.ROWS_PER_STRIP, length)
    if rows > 0:
        return min(rows, length)
    return length


def _tile(values: Mapping[int, Value]) -> tuple[int, int, int] | None:
    if Tag.TILE_WIDTH not in values and Tag.TILE_LENGTH not in values:
        return None
    depth = max(first_number(values, Tag.TILE_DEPTH, 1), 1)
    tile = (
        depth,
        first_number(values, Tag.TILE_LENGTH, 0),
        first_number(values, Tag.TILE_WIDTH, 0),
    )
    if min(tile) <= 0 or max(tile) > LARGEST_TILE_SIDE:
        raise CorruptFileError(f"expected tiles of at least one pixel, found {tile}")
    return tile


def _photometric(values: Mapping[int, Value], compression: int) -> int:
    # The specification has no default; readers take 0 as black. Old-style JPEG streams hold YCbCr,
    # also where the tag is missing or has RGB (libtiff, tif_dirread.c, "OJPEG hack").
    if compression != Compression.OLD_JPEG:
        return first_number(values, Tag.PHOTOMETRIC, Photometric.MIN_IS_BLACK)
    photometric = first_number(values, Tag.PHOTOMETRIC, Photometric.YCBCR)
    if photometric == Photometric.RGB:
        return Photometric.YCBCR
    return photometric


def _samples(values: Mapping[int, Value], compression: int, photometric: int) -> int:
    """Return SamplesPerPixel, whose default is 1 (TIFF 6.0, SamplesPerPixel).

    Old-style JPEG without the tag has three samples where they are YCbCr (libtiff, tif_dirread.c).
    """
    is_colour = compression == Compression.OLD_JPEG and photometric == Photometric.YCBCR
    return max(first_number(values, Tag.SAMPLES_PER_PIXEL, 3 if is_colour else 1), 1)


def _bits(values: Mapping[int, Value], samples: int, compression: int) -> tuple[int, ...]:
    """Return one number if all samples have the same depth; LSM lists more numbers than samples."""
    # The default is 1 (TIFF 6.0, BitsPerSample), that of old-style JPEG 8 (libtiff, tif_dirread.c).
    # LSM files list the bits of all channels.
    default = 8 if compression == Compression.OLD_JPEG else 1
    bits = _whole_numbers(values, Tag.BITS_PER_SAMPLE)[:samples] or (default,)
    if min(bits) < 1 or max(bits) > 128:
        raise CorruptFileError(f"expected samples of 1 to 128 bits, found {bits}")
    if len(set(bits)) > 1:
        return bits
    return bits[:1]


def _jpeg_tables(values: Mapping[int, Value]) -> bytes | None:
    value = values.get(Tag.JPEG_TABLES)
    if isinstance(value, bytes) and value:
        return value
    return None


def _subsampling(values: Mapping[int, Value]) -> tuple[int, int]:
    """Return YCbCrSubSampling, whose default is 2,2 (TIFF 6.0 section 21)."""
    numbers = _whole_numbers(values, Tag.YCBCR_SUBSAMPLING)[:2]
    if len(numbers) == 2 and all(number in {1, 2, 4} for number in numbers):
        return numbers[0], numbers[1]
    return 2, 2


def _quotients(values: Mapping[int, Value], code: int) -> tuple[float, ...]:
    numbers = _whole_numbers(values, code)
    # A rational is two LONGs, numerator first (TIFF 6.0 section 2).
    return tuple(a / b if b else 0.0 for a, b in zip(numbers[::2], numbers[1::2], strict=False))


def _luma(values: Mapping[int, Value]) -> tuple[float, float, float]:
    numbers = _quotients(values, Tag.YCBCR_COEFFICIENTS)
    if len(numbers) == 3 and min(numbers) > 0:
        return numbers[0], numbers[1], numbers[2]
    return BT601_LUMA


def _reference(values: Mapping[int, Value]) -> tuple[float, ...]:
    """Return ReferenceBlackWhite, black and white of each component."""
    numbers = _quotients(values, Tag.REFERENCE_BLACK_WHITE)
    is_valid = len(numbers) == 6 and all(
        black < white for black, white in zip(numbers[::2], numbers[1::2], strict=True)
    )
    if is_valid:
        return numbers
    return FULL_RANGE


def _options(values: Mapping[int, Value], compression: int) -> tuple[int, ...]:
    if compression == Compression.EER_V2:
        codes = (
            Tag.EER_POSITION_SKIP_BITS,
            Tag.EER_HORIZONTAL_SUB_BITS,
            Tag.EER_VERTICAL_SUB_BITS,
        )
        return tuple(
            first_number(values, code, default)
            for code, default in zip(codes, _EER_BITS, strict=True)
        )
    if compression == Compression.LERC:
        # LercParameters: version, additional compression.
        return _whole_numbers(values, Tag.LERC_PARAMETERS)[1:2]
    if compression == Compression.CCITT_T4:
        return _whole_numbers(values, Tag.T4_OPTIONS)
    return ()
