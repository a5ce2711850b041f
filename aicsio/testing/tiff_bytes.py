"""The container: pages of pixels become the bytes of a TIFF or BigTIFF file.

Rule kept here: the bytes follow TIFF 6.0 and the BigTIFF note (libtiff, bigtiffpr.html), and are
written with struct and numpy alone, so that any TIFF reader is an independent judge. Data and
directories begin at even offsets and tags are sorted (TIFF 6.0, section 2).
"""

import struct
from collections.abc import Sequence

import attrs

from aicsio.testing.segments import ByteOrder, Pixels, Storage, encode, split_blocks

COMPRESSIONS: dict[str, int] = {
    "none": 1,
    "lzw": 5,
    "zlib": 8,
    "deflate": 32946,
    "packbits": 32773,
    "zstd": 50000,
}
"""Values of tag 259."""

ASCII, SHORT, LONG, RATIONAL, LONG8 = 2, 3, 4, 5, 16
"""Field types (TIFF 6.0, section 2; LONG8: the BigTIFF note)."""
_LETTERS = {SHORT: "H", LONG: "I", RATIONAL: "II", LONG8: "Q"}


@attrs.frozen
class TagEntry:
    """One entry of a directory."""

    code: int
    """Number of the tag."""
    type: int
    """Number of the field type."""
    values: tuple[int, ...] | bytes
    """Numbers (two for each RATIONAL), or text with its final NUL."""


@attrs.frozen
class Page:
    """One directory, with its pixels and the directories below it."""

    tags: tuple[TagEntry, ...]
    """All tags except offsets and byte counts, which the writer adds."""
    segments: tuple[bytes, ...]
    """Strips or tiles."""
    tiled: bool = False
    """Whether the segments are tiles."""
    tail: bytes = b""
    """Pixels of more planes behind the last segment, without directories (ImageJ)."""
    subs: tuple["Page", ...] = ()
    """Pages of tag 330 (SubIFDs): lower resolutions."""


def make_page(
    plane: Pixels, how: Storage, extra: Sequence[TagEntry] = (), subs: Sequence[Page] = ()
) -> Page:
    """Make a page of one plane.

    Parameters
    ----------
    plane
        Pixels, shape (Y, X, S).
    how
        Storage of the pixels.
    extra
        More tags.
    subs
        Pages of lower resolution.

    Returns
    -------
    Page
        The page, its pixels encoded.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.testing.segments import Storage
    >>> from aicsio.testing.tiff_bytes import make_page
    >>> page = make_page(np.zeros((20, 30, 1), np.uint8), Storage(rows_per_strip=8))
    >>> [len(strip) for strip in page.segments]
    [240, 240, 120]
    """
    rows, _, samples = plane.shape
    # PlanarConfiguration 2: all strips of the first sample, then all of the second (section 12).
    parts = [plane[..., s : s + 1] for s in range(samples)] if how.planar else [plane]
    segments: list[bytes] = []
    for part in parts:
        segments += [encode(block, how) for block in split_blocks(part, how)]
    # Two samples are gray and one extra sample.
    rgb = samples >= 3
    colours = 3 if rgb else 1
    tags = _pixel_tags(plane, how, rgb=rgb)
    if how.predictor != 1:
        tags.append(TagEntry(317, SHORT, (how.predictor,)))  # Predictor
    extra_samples = samples - colours
    if extra_samples:
        # ExtraSamples 0: unspecified data, so that no reader takes it for alpha.
        tags.append(TagEntry(338, SHORT, (0,) * extra_samples))
    if how.tile:
        tags.append(TagEntry(322, LONG, (how.tile[1],)))  # TileWidth
        tags.append(TagEntry(323, LONG, (how.tile[0],)))  # TileLength
    else:
        tags.append(TagEntry(278, LONG, (how.rows_per_strip or rows,)))  # RowsPerStrip
    tiled = how.tile is not None
    return Page((*tags, *extra), tuple(segments), tiled=tiled, subs=tuple(subs))


def _pixel_tags(plane: Pixels, how: Storage, *, rgb: bool) -> list[TagEntry]:
    """Tags of size, type, compression and colour."""
    rows, columns, samples = plane.shape
    # SampleFormat (section 19); 6, complex floating point, is an addition of libtiff.
    kind = {"u": 1, "i": 2, "f": 3, "c": 6, "b": 1}[plane.dtype.kind]
    bits = 1 if plane.dtype.kind == "b" else 8 * plane.dtype.itemsize
    return [
        TagEntry(256, LONG, (columns,)),  # ImageWidth
        TagEntry(257, LONG, (rows,)),  # ImageLength
        TagEntry(258, SHORT, (bits,) * samples),  # BitsPerSample
        TagEntry(259, SHORT, (COMPRESSIONS[how.compression],)),  # Compression
        # PhotometricInterpretation: RGB, or black is zero
        TagEntry(262, SHORT, (2 if rgb else 1,)),
        TagEntry(277, SHORT, (samples,)),  # SamplesPerPixel
        TagEntry(284, SHORT, (2 if how.planar else 1,)),  # PlanarConfiguration
        TagEntry(339, SHORT, (kind,) * samples),  # SampleFormat
    ]


# ---------------------------------------------------------------- the file


@attrs.frozen
class _Variant:
    """Byte order and word sizes of a file, as formats of struct."""

    order: ByteOrder
    """``"<"`` or ``">"``."""
    offset: str
    """Offset: 4 bytes in TIFF, 8 in BigTIFF."""
    entry_count: str
    """Number of entries of a directory: 2 bytes, or 8."""
    entry_head: str
    """Tag, field type and count of an entry."""
    offset_type: int
    """Field type of offsets and byte counts."""

    @property
    def offset_size(self) -> int:
        """Bytes of an offset, and of the value field of an entry."""
        return struct.calcsize(self.offset)

    def pack(self, format: str, *values: int) -> bytes:
        """Pack numbers in the byte order of the file."""
        return struct.pack(self.order + format, *values)


def write_pages(
    pages: Sequence[Page],
    byte_order: ByteOrder = "<",
    *,
    big: bool = False,
    data_first: bool = False,
) -> bytes:
    """Put pages together into a file.

    Parameters
    ----------
    pages
        In the order of their directories.
    byte_order
        ``"<"`` or ``">"``, for the whole file.
    big
        Whether to write BigTIFF.
    data_first
        Whether the pixels of all pages come before the first directory, without gaps, as in the
        files of ImageJ.

    Returns
    -------
    bytes
        The file.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing.segments import Storage
    >>> from aicsio.testing.tiff_bytes import make_page, write_pages
    >>> page = make_page(np.zeros((20, 30, 3), np.uint8), Storage(">"))
    >>> open_image(write_pages([page], ">", big=True)).dims
    Dims(order='YXS', shape=(20, 30, 3))
    """
    # TIFF 6.0, section 2; BigTIFF has wider offsets and counts (the BigTIFF note).
    variant = _Variant(byte_order, "I", "H", "HHI", LONG)
    if big:
        variant = _Variant(byte_order, "Q", "Q", "HHQ", LONG8)
    out = bytearray(b"II" if byte_order == "<" else b"MM")
    if big:
        # Version 43, offsets of 8 bytes, a reserved 0.
        out += variant.pack("HHH", 43, 8, 0)
    else:
        out += variant.pack("H", 42)
    # The offset of the first directory follows; it is known when that is written.
    link = len(out)
    out += bytes(variant.offset_size)
    written: list[list[int] | None] = [None] * len(pages)
    if data_first:
        written = [[_append(out, segment) for segment in page.segments] for page in pages]
    for page, offsets in zip(pages, written, strict=True):
        offset, next_link = _write_page(out, page, variant, offsets)
        struct.pack_into(byte_order + variant.offset, out, link, offset)
        link = next_link
    return bytes(out)


def _append(out: bytearray, segment: bytes) -> int:
    offset = len(out)
    out += segment
    return offset


def _write_page(
    out: bytearray, page: Page, variant: _Variant, offsets: Sequence[int] | None = None
) -> tuple[int, int]:
    """Append a page; ``offsets`` are those of pixels already written.

    Returns the offset of its directory, and the position of the link to the next one.
    """
    # Pages of lower resolution come first: their offsets are values of a tag of this page.
    subs = tuple(_write_page(out, sub, variant)[0] for sub in page.subs)
    if offsets is None:
        offsets = []
        for segment in page.segments:
            # Section 2: offsets are even.
            _align(out)
            offsets.append(_append(out, segment))
        # ImageJ finds further planes by their size, right behind the first.
        out += page.tail
    locations = _location_tags(page, offsets, subs, variant.offset_type)
    # Section 2: entries are in ascending order of their tags.
    tags = sorted((*page.tags, *locations), key=lambda tag: tag.code)
    fields = [_write_field(out, tag, variant) for tag in tags]
    # A directory begins at an even offset, too.
    _align(out)
    directory = len(out)
    out += variant.pack(variant.entry_count, len(fields)) + b"".join(fields)
    # 0 ends the chain of directories; the next page overwrites it.
    link = len(out)
    out += bytes(variant.offset_size)
    return directory, link


def _location_tags(
    page: Page, offsets: Sequence[int], subs: tuple[int, ...], field_type: int
) -> list[TagEntry]:
    """Tags of the offsets and byte counts of segments, and of the offsets of subdirectories."""
    counts = tuple(map(len, page.segments))
    # Tiles have tags of their own (section 15).
    offset_tag, count_tag = (324, 325) if page.tiled else (273, 279)
    tags = [
        TagEntry(offset_tag, field_type, tuple(offsets)),
        TagEntry(count_tag, field_type, counts),
    ]
    if subs:
        tags.append(TagEntry(330, field_type, subs))  # SubIFDs
    return tags


def _write_field(out: bytearray, tag: TagEntry, variant: _Variant) -> bytes:
    """Make a directory entry; a value that does not fit into it is appended to the file."""
    value, count = _pack_values(tag, variant.order)
    size = variant.offset_size
    if len(value) <= size:
        # Section 2: short values are left-justified in the field of the offset.
        field = value.ljust(size, b"\0")
    else:
        _align(out)
        field = variant.pack(variant.offset, len(out))
        out += value
    return variant.pack(variant.entry_head, tag.code, tag.type, count) + field


def _pack_values(tag: TagEntry, byte_order: ByteOrder) -> tuple[bytes, int]:
    """Bytes of the values of a tag, and their count."""
    if isinstance(tag.values, bytes):
        return tag.values, len(tag.values)
    # A RATIONAL is one value of two numbers.
    count = len(tag.values) // len(_LETTERS[tag.type])
    return struct.pack(byte_order + _LETTERS[tag.type] * count, *tag.values), count


def _align(out: bytearray) -> None:
    out += bytes(len(out) % 2)
