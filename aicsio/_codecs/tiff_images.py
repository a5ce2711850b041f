"""Whole TIFF images of one page as pixels, for formats that keep each plane in a TIFF of its own.

Rule kept here: no count or offset of the page is used before it is compared with its bytes, and an
image of another size or type than the target is refused.

Source of the facts: TIFF 6.0 (Adobe, 1992), sections 2, 3 and 14.
"""

import struct
from collections.abc import Callable
from typing import Any, Final

import attrs
import numpy as np

from aicsio._codecs.buffers import Data, DecodeTarget, as_octets
from aicsio.records import Codec, DType

HEAD_NBYTES: Final = 1 << 14
"""Bytes that hold the directory of a page and the places of 1 800 strips, if they come first."""
MOST_STRIPS: Final = 1 << 20
"""Strips of a page: as many as a page of a million rows has at most."""
SIZES: Final = {1: 1, 3: 2, 4: 4, 5: 8, 2: 1}
"""Bytes of the field types BYTE, SHORT, LONG, RATIONAL and ASCII."""
WIDTH, LENGTH, BITS, COMPRESSION, OFFSETS, SAMPLES, ROWS, COUNTS = (
    256,
    257,
    258,
    259,
    273,
    277,
    278,
    279,
)
PLANAR, PREDICTOR, TILE_WIDTH, SAMPLE_FORMAT = 284, 317, 322, 339
NONE, LZW, ADOBE_DEFLATE, PACKBITS, DEFLATE = 1, 5, 8, 32773, 32946
CODECS: Final = {
    LZW: Codec("lzw", (("sampled", True),)),
    ADOBE_DEFLATE: Codec("deflate"),
    DEFLATE: Codec("deflate"),
    PACKBITS: Codec("packbits"),
}
"""By compression."""
KINDS: Final = {1: "u", 2: "i", 3: "f", 4: "u"}
"""Kind of samples by SampleFormat."""


@attrs.define
class TiffImage:
    """The first page of a TIFF. Not a record: it lives for one decoding."""

    dtype: DType
    """Of a sample, in the byte order of the file."""
    width: int
    """Columns."""
    length: int
    """Rows."""
    samples: int
    """Samples of a pixel, side by side."""
    compression: int
    """Number of the scheme."""
    predictor: int
    """1, or 2 for differences of neighbours."""
    rows: int
    """Rows of a strip; the last may have fewer."""
    offsets: tuple[int, ...]
    """Byte offset of each strip."""
    counts: tuple[int, ...]
    """Bytes of each strip as stored."""

    @property
    def nbytes(self) -> int:
        """Bytes of the pixels."""
        return self.width * self.length * self.samples * self.dtype.itemsize

    @property
    def is_contiguous(self) -> bool:
        """Whether the pixels lie raw in one run of bytes."""
        if self.compression != NONE or self.predictor != 1:
            return False
        ends = [offset + count for offset, count in zip(self.offsets, self.counts, strict=True)]
        follow = all(end == offset for end, offset in zip(ends, self.offsets[1:], strict=False))
        return follow and sum(self.counts) >= self.nbytes


def parse_image(data: bytes) -> TiffImage:
    """Describe the first page of a TIFF.

    Parameters
    ----------
    data
        The file, or its first bytes with the directory and its values.

    Raises
    ------
    ValueError
        When the bytes are no TIFF, end before the values do, or the page is stored in another way
        than in strips of whole samples.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None or len(data) < 8:
        raise ValueError(f"expected a TIFF, found {data[:4]!r}")
    tags = _read_tags(data, order)
    width, length = _one(tags, WIDTH), _one(tags, LENGTH)
    samples = _one(tags, SAMPLES, 1)
    # BitsPerSample has a number for each sample; its default is 1.
    bits = set(tags.get(BITS, (1,)))
    kind = KINDS.get(_one(tags, SAMPLE_FORMAT, 1), "")
    if TILE_WIDTH in tags or (samples > 1 and _one(tags, PLANAR, 1) != 1):
        raise ValueError("its pixels lie in tiles or in planes of one sample, which is not read")
    try:
        # Unpacking raises a ValueError where samples differ in depth.
        [depth] = bits
        dtype = np.dtype(f"{order}{kind}{depth // 8}") if depth % 8 == 0 else None
    except (TypeError, ValueError):
        dtype = None
    if dtype is None or not (width and length and samples):
        raise ValueError(
            f"expected samples of whole bytes, found {width} x {length} of {bits} bits"
        )
    # The default of RowsPerStrip is 2**32 - 1: the whole image is one strip.
    rows = min(_one(tags, ROWS, length) or length, length)
    image = TiffImage(
        dtype=dtype,
        width=width,
        length=length,
        samples=samples,
        compression=_one(tags, COMPRESSION, NONE),
        predictor=_one(tags, PREDICTOR, 1),
        rows=rows,
        offsets=tags.get(OFFSETS, ()),
        counts=tags.get(COUNTS, ()),
    )
    strips = -(-length // rows)
    if strips > MOST_STRIPS or len(image.offsets) != strips or len(image.counts) != strips:
        raise ValueError(f"expected {strips} strips, found {len(image.offsets)}")
    return image


def _read_tags(data: bytes, order: str) -> dict[int, tuple[int, ...]]:
    """Return the numbers of the tags that matter here, by code."""
    # Section 2: bytes 4 to 7 of the header are the offset of the first directory.
    (first,) = struct.unpack_from(order + "I", data, 4)
    if first + 2 > len(data):
        raise ValueError(f"its directory at {first} lies beyond {len(data)} bytes")
    # A count of two bytes, then entries of twelve: tag, type, count, value or its offset.
    (count,) = struct.unpack_from(order + "H", data, first)
    if first + 2 + 12 * count > len(data):
        raise ValueError(f"its directory of {count} entries ends beyond {len(data)} bytes")
    wanted = {WIDTH, LENGTH, BITS, COMPRESSION, OFFSETS, SAMPLES, ROWS, COUNTS}
    wanted |= {PLANAR, PREDICTOR, TILE_WIDTH, SAMPLE_FORMAT}
    tags = {}
    for index in range(count):
        at = first + 2 + 12 * index
        code, field, length, offset = struct.unpack_from(order + "HHII", data, at)
        if code not in wanted or field not in {1, 3, 4} or code in tags:
            continue
        nbytes = SIZES[field] * length
        # A value of up to four bytes stands in the entry itself.
        start = at + 8 if nbytes <= 4 else offset
        if start + nbytes > len(data):
            raise ValueError(
                f"the values of its tag {code} at {start} lie beyond {len(data)} bytes"
            )
        letter = {1: "B", 3: "H", 4: "I"}[field]
        tags[code] = struct.unpack_from(f"{order}{length}{letter}", data, start)
    return tags


def _one(tags: dict[int, tuple[int, ...]], code: int, default: int = 0) -> int:
    values = tags.get(code)
    return values[0] if values else default


def find_strips(head: bytes) -> tuple[int, int]:
    """Return where the raw pixels of a TIFF begin, and their bytes.

    Raises
    ------
    ValueError
        When they are compressed, or do not lie in one run.
    """
    image = parse_image(head)
    if not image.is_contiguous:
        raise ValueError("expected pixels that lie raw in one run, as those of the first plane do")
    return image.offsets[0], image.nbytes


def decode_image(
    decode: Callable[..., Any], data: Data, target: DecodeTarget, *, sampled: bool = False
) -> Data:
    """Decode a TIFF of one page.

    Parameters
    ----------
    decode
        Runs a chain of codecs: the function of the table.
    data
        The whole file.
    target
        What must come out.
    sampled
        Whether the last axis holds samples.

    Raises
    ------
    ValueError
        When the page has another size or type, or a strip lies beyond the file.
    """
    raw = as_octets(data)
    image = parse_image(bytes(raw))
    rows, columns, samples = target.frame(sampled)
    found = (image.length, image.width, image.samples, image.dtype.newbyteorder("="))
    if found != (rows, columns, samples, target.dtype.newbyteorder("=")):
        raise ValueError(
            f"expected a page of {rows} x {columns} as the first plane, found {found[:2]}"
        )
    pixels = np.empty((image.length, image.width, image.samples), target.dtype)
    for index, (offset, nbytes) in enumerate(zip(image.offsets, image.counts, strict=True)):
        if offset + nbytes > raw.nbytes:
            raise ValueError(f"strip {index} ends beyond the {raw.nbytes} bytes of its file")
        first = index * image.rows
        # The last strip may be shorter: the slice ends with the image.
        part = pixels[first : first + image.rows]
        strip = DecodeTarget(part.shape, image.dtype, target.scratch)
        part[...] = decode(_chain(image), raw[offset : offset + nbytes], strip)
    return pixels.reshape(target.shape)


def _chain(image: TiffImage) -> tuple[Codec, ...]:
    if image.compression != NONE and image.compression not in CODECS:
        raise ValueError(f"its compression {image.compression} is not read")
    chain = () if image.compression == NONE else (CODECS[image.compression],)
    return chain if image.predictor == 1 else (*chain, Codec("delta"))


def gather_ranges(
    data: Data,
    target: DecodeTarget,  # noqa: ARG001 - one signature
    *,
    ranges: tuple[int, ...],
) -> Data:
    """Join ranges (offset and length by turns) of some bytes: the fragments of a stream.

    Raises
    ------
    ValueError
        When a range ends beyond the bytes.
    """
    raw = as_octets(data)
    parts = []
    for offset, nbytes in zip(ranges[::2], ranges[1::2], strict=True):
        if offset + nbytes > raw.nbytes:
            raise ValueError(f"expected {nbytes} bytes at {offset}, it has {raw.nbytes}")
        parts.append(raw[offset : offset + nbytes])
    return np.concatenate(parts)
