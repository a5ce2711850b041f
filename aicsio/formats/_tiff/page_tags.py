"""From the tag values of a TIFF page to its structure.

Rule kept here: pure functions. What the specification gives a default is defaulted so; what cannot be raises.

Source of the facts: TIFF 6.0 (Adobe, 1992); TIFF technical notes 1 to 3.
"""

import functools
from collections.abc import Mapping
from typing import Literal

from aicsio.errors import CorruptFileError
from aicsio.formats._tiff.ifd import Value
from aicsio.formats._tiff.page import JPEG, YCBCR, PageStructure


def read_page_structure(values: Mapping[int, Value], order: Literal["<", ">"]) -> PageStructure:
    """Read the structure of a page from its tags; files of one series share it, with all that follows from it.

    Parameters
    ----------
    values
        Tag values by code.
    order
        Byte order of the file.

    Raises
    ------
    CorruptFileError
        When sizes are missing or impossible; without a place, the caller knows it.
    """
    return _page_kind(tuple(values.items()), order)


@functools.lru_cache(maxsize=64)
def _page_kind(items: tuple[tuple[int, Value], ...], order: Literal["<", ">"]) -> PageStructure:
    values = dict(items)
    width, length = _one(values, 256, 0), _one(values, 257, 0)
    samples = max(_one(values, 277, 1), 1)
    if width <= 0 or length <= 0 or width > 1 << 31 or length > 1 << 31 or samples > 1 << 16:
        raise CorruptFileError(
            f"expected a page of at least one pixel, found {width} x {length} with {samples} samples"
        )
    compression, photometric = _one(values, 259, 1), _one(values, 262, 1)
    rows = min(_one(values, 278, length) or length, length)
    tile = None
    if 322 in values or 323 in values:
        tile = (max(_one(values, 32998, 1), 1), _one(values, 323, 0), _one(values, 322, 0))
        if min(tile) <= 0 or max(tile) > 1 << 24:
            raise CorruptFileError(f"expected tiles of at least one pixel, found {tile}")
    flags = _one(values, 254, 0) or {2: 1, 3: 2}.get(_one(values, 255, 1), 0)
    planar = _one(values, 284, 1) == 2 and samples > 1
    subsampling = _whole(values, 530)[:2]
    return PageStructure(
        order=order,
        width=width,
        length=length,
        depth=max(_one(values, 32997, 1), 1),
        samples=samples,
        planar=planar,
        bits=_alike(_whole(values, 258), samples),
        sample_format=_one(values, 339, 1),
        photometric=photometric,
        compression=compression,
        predictor=_one(values, 317, 1),
        fill_order=_one(values, 266, 1),
        tile=tile,
        rows_per_strip=rows,
        extra_samples=_whole(values, 338),
        reduced=bool(flags & 1),
        mask=bool(flags & 4),
        orientation=_one(values, 274, 1),
        jpeg_tables=_tables(values) if compression in JPEG else None,
        # TIFF 6.0 section 21: the default of YCbCrSubSampling is 2,2.
        subsampling=(_positive(subsampling) or (2, 2)) if photometric == YCBCR else (1, 1),
        luma=_luma(values),
        reference=_reference(values),
        options=_options(values, compression),
    )


def _whole(values: Mapping[int, Value], code: int) -> tuple[int, ...]:
    value = values.get(code, ())
    return (
        tuple(map(int, value))
        if value and (not isinstance(value, bytes) or len(value) < 64)
        else ()
    )


def _one(values: Mapping[int, Value], code: int, default: int) -> int:
    found = _whole(values, code)
    return found[0] if found else default


def _alike(bits: tuple[int, ...], samples: int) -> tuple[int, ...]:
    """Keep one number when all samples have the same depth; LSM lists more numbers than samples."""
    bits = bits[:samples] or (1,)
    if min(bits) < 1 or max(bits) > 128:
        raise CorruptFileError(f"expected samples of 1 to 128 bits, found {bits}")
    return bits if len(set(bits)) > 1 else bits[:1]


def _tables(values: Mapping[int, Value]) -> bytes | None:
    value = values.get(347)
    return value if isinstance(value, bytes) and value else None


def _positive(pair: tuple[int, ...]) -> tuple[int, int] | None:
    return (
        (pair[0], pair[1])
        if len(pair) == 2 and all(number in {1, 2, 4} for number in pair)
        else None
    )


def _rationals(values: Mapping[int, Value], code: int) -> tuple[float, ...]:
    numbers = _whole(values, code)
    return tuple(a / b if b else 0.0 for a, b in zip(numbers[::2], numbers[1::2], strict=False))


def _luma(values: Mapping[int, Value]) -> tuple[float, float, float]:
    found = _rationals(values, 529)
    return (
        (found[0], found[1], found[2])
        if len(found) == 3 and min(found) > 0
        else (0.299, 0.587, 0.114)
    )


def _reference(values: Mapping[int, Value]) -> tuple[float, ...]:
    """ReferenceBlackWhite; without it, YCbCr is taken as full range (TIFF 6.0 section 20, and libtiff)."""
    found = _rationals(values, 532)
    good = len(found) == 6 and found[0] < found[1] and found[2] < found[3] and found[4] < found[5]
    return found if good else (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)


def _options(values: Mapping[int, Value], compression: int) -> tuple[int, ...]:
    if compression == 65002:
        return _one(values, 65007, 7), _one(values, 65008, 2), _one(values, 65009, 2)
    if compression == 34887:
        return _whole(values, 50674)[1:2]  # LercParameters: version, additional compression
    return _whole(values, 292) if compression == 3 else ()
