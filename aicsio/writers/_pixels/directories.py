"""Builds the directories (IFDs) of a TIFF as bytes; ``ome_tiff`` writes them.

One for each plane, with the tags of OME-TIFF and SubIFDs for smaller levels.

Rule kept here: bytes from records, no I/O. Planes of an image differ in few values only, so their
directories are copies of one template with columns of numbers filled in: 100 000 planes take as
many numpy calls as one.

Source of the facts: TIFF Revision 6.0 (Adobe, 1992); the BigTIFF proposal
(https://libtiff.gitlab.io/libtiff/specification/bigtiff.html); Adobe Photoshop TIFF Technical Notes
(2002) for SubIFDs and predictor 2; OME-TIFF specification, "Sub-resolutions".
"""

import itertools
import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

import attrs
import numpy as np

from aicsio.formats._tiff.tags import (
    FIELD_SIZES,
    Compression,
    ExtraSample,
    FieldType,
    Photometric,
    PlanarConfiguration,
    Predictor,
    ResolutionUnit,
    SampleFormat,
    Tag,
)
from aicsio.writers._pixels.tiff import Offsets, Pages, SegmentTable

_SAMPLE_FORMATS = {
    "u": SampleFormat.UINT,
    "i": SampleFormat.INT,
    "f": SampleFormat.FLOAT,
    "c": SampleFormat.COMPLEX_FLOAT,
}
"""Value of SampleFormat for each kind of numpy type."""
_DIRECTORY_BYTES = 640
"""Bound for one directory of a plane: 25 entries of 20 bytes, and what frames them."""
_IMAGE_BYTES = 1024
"""Bound for the values that all planes of an image share, palette and samples apart."""

Columns: TypeAlias = Mapping[int, Offsets]
"""By tag, the value that the entry of each plane holds."""


@attrs.frozen
class _Entry:
    """One entry of a directory."""

    tag: int
    """Number of the tag."""
    type: int
    """Type of its values."""
    value: bytes
    """Its values, little-endian."""


@attrs.define
class _PlaneDirectories:
    """The directories of the planes of one level. Not a record.

    Entries are added while the file is laid out.
    """

    entries: list[bytes]
    """Packed entries, in any order; those of ``columns`` hold 0."""
    columns: dict[int, Offsets]
    """Values to fill in for each plane."""


def directories_bound(images: Sequence[Pages], description: bytes) -> int:
    """Return a size in bytes that the directories do not exceed.

    ``images`` are all levels of all images.
    """
    return len(description) + sum(map(_bound, images))


def _bound(pages: Pages) -> int:
    shared = _IMAGE_BYTES + 8 * pages.samples + len(pages.color_map or b"")
    # 16 bytes: offset and byte count of a segment in BigTIFF.
    return shared + pages.count * (_DIRECTORY_BYTES + 16 * pages.grid.count)


def build_directories(
    images: Sequence[Sequence[tuple[Pages, SegmentTable]]],
    description: bytes,
    start: int,
    *,
    big: bool,
) -> tuple[bytes, int]:
    """Build the directories of a file.

    Parameters
    ----------
    images
        For each image its levels, full resolution first: the planes, and where their segments are.
    description
        ImageDescription of the first plane of all.
    start
        Offset at which the bytes will be written; a multiple of 8.
    big
        Whether in BigTIFF.

    Returns
    -------
    tuple
        The bytes, and the offset of the first directory in the file.
    """
    tail = _Tail(start, big)
    full_resolution = [_lay_out_levels(tail, levels) for levels in images]
    chains = _first_plane_apart(tail, full_resolution, description)
    first_directory = tail.end
    for number, chain in enumerate(chains, 1):
        # All chains of a file form one: the last directory of each points to the next chain.
        is_last = number == len(chains)
        tail.append(_pack(chain, tail.end, big=big, continued=not is_last)[0])
    return b"".join(tail.parts), first_directory


def _lay_out_levels(
    tail: "_Tail", levels: Sequence[tuple[Pages, SegmentTable]]
) -> _PlaneDirectories:
    """Append tables, and the directories of smaller levels.

    Return those of full resolution, which point to them.
    """
    full, *smaller = [_plane_directories(tail, pages, table) for pages, table in levels]
    # OME-TIFF specification, "Sub-resolutions": SubIFDs of each full-resolution plane, largest first.
    if smaller:
        offsets_of_levels = []
        for level in smaller:
            data, offsets = _pack(level, tail.end, big=tail.big, chained=False)
            tail.append(data)
            offsets_of_levels.append(offsets)
        # Shape (planes, levels): a row is the SubIFDs of one plane.
        full.columns[Tag.SUB_IFDS] = tail.rows(np.stack(offsets_of_levels, axis=1))
        full.entries.append(
            tail.pointer(Tag.SUB_IFDS, len(smaller), FieldType.IFD8 if tail.big else FieldType.IFD)
        )
    return full


def _plane_directories(tail: "_Tail", pages: Pages, table: SegmentTable) -> _PlaneDirectories:
    offsets_tag, counts_tag = Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS
    if pages.grid.tiled:
        offsets_tag, counts_tag = Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS
    offsets, counts = table
    columns: dict[int, Offsets] = {
        offsets_tag: tail.rows(offsets),
        counts_tag: tail.rows(counts),
    }
    entries = [tail.entry(entry) for entry in _entries_of(pages)]
    entries += [tail.pointer(tag, pages.grid.count) for tag in columns]
    return _PlaneDirectories(entries, columns)


def _first_plane_apart(
    tail: "_Tail", images: Sequence[_PlaneDirectories], description: bytes
) -> list[_PlaneDirectories]:
    """Give the first plane of the file the description.

    It has more entries than the others, so it stands apart.
    """
    first, *others = images
    # TIFF 6.0, section 2: ASCII values end in a NUL, which their count includes.
    described = [
        *first.entries,
        tail.entry(_Entry(Tag.IMAGE_DESCRIPTION, FieldType.ASCII, description + b"\0")),
        tail.entry(_Entry(Tag.SOFTWARE, FieldType.ASCII, b"aicsio\0")),
    ]
    chains = [_PlaneDirectories(described, {tag: v[:1] for tag, v in first.columns.items()})]
    # An image of one plane has no others.
    remaining = {tag: values[1:] for tag, values in first.columns.items()}
    if any(map(len, remaining.values())):
        chains.append(_PlaneDirectories(first.entries, remaining))
    return chains + others


class _Tail:
    """The part of the file after the pixels: long values, which planes share, and directories.

    Not a record: it grows while the file is laid out.
    """

    def __init__(self, start: int, big: bool) -> None:
        self.parts: list[bytes] = []
        self.end = start
        self.big = big

    def append(self, data: bytes) -> int:
        """Append bytes, padded to a multiple of 8; return their offset."""
        start = self.end
        self.parts.append(data + bytes(-len(data) % 8))
        self.end += len(self.parts[-1])
        return start

    def rows(self, table: Offsets) -> Offsets:
        """Return the value of each plane's entry.

        The number itself, or the offset of its row of numbers.
        """
        # TIFF 6.0, section 2: a value that fits the entry stands in it, else its offset.
        if table.shape[1] == 1:
            return table[:, 0]
        stored = table.astype("<u8" if self.big else "<u4")
        start = self.append(stored.tobytes())
        # strides[0] is the length of a row in bytes.
        return start + np.arange(len(table), dtype=np.uint64) * np.uint64(stored.strides[0])

    def pointer(self, tag: int, count: int, field_type: int | None = None) -> bytes:
        """Return a packed entry whose value is filled in for each plane."""
        if self.big:
            return struct.pack("<HHQQ", tag, field_type or FieldType.LONG8, count, 0)
        return struct.pack("<HHII", tag, field_type or FieldType.LONG, count, 0)

    def entry(self, entry: _Entry) -> bytes:
        """Return a packed entry that is the same for all planes; append its value if it is long."""
        count = len(entry.value) // FIELD_SIZES[entry.type]
        inline_bytes, layout = (8, "<HHQ8s") if self.big else (4, "<HHI4s")
        value = entry.value
        if len(value) > inline_bytes:
            value = self.append(value).to_bytes(inline_bytes, "little")
        return struct.pack(layout, entry.tag, entry.type, count, value)


def _pack(
    planes: _PlaneDirectories,
    start: int,
    *,
    big: bool,
    continued: bool = False,
    chained: bool = True,
) -> tuple[bytes, Offsets]:
    """Return one directory for each row of the columns, and their offsets.

    Chained directories point each to the next one; the last points to the end of the bytes, rounded
    up to 8, if another chain continues there.
    """
    columns = planes.columns
    plane_count = len(next(iter(columns.values())))
    # TIFF 6.0, section 2: "The entries in an IFD must be sorted in ascending order by Tag."
    entries = sorted(planes.entries, key=_tag_of)
    count_layout, value_bytes, value_type = ("<Q", 8, "<u8") if big else ("<H", 4, "<u4")
    # Count of entries, entries, offset of the next directory (0 until it is filled in).
    template = struct.pack(count_layout, len(entries)) + b"".join(entries) + bytes(value_bytes)
    # TIFF 6.0, section 2: a directory begins on a word boundary.
    directory_bytes = len(template) + len(template) % 2
    packed = np.zeros((plane_count, directory_bytes), np.uint8)
    packed[:, : len(template)] = np.frombuffer(template, np.uint8)
    offsets = start + np.arange(plane_count, dtype=np.uint64) * np.uint64(directory_bytes)
    next_offsets = np.zeros(plane_count, np.uint64)
    if chained:
        next_offsets[:-1] = offsets[1:]
        end = start + plane_count * directory_bytes
        next_offsets[-1] = end + -end % 8 if continued else 0
    # By position in the directory: a value for each plane.
    values_at = {len(template) - value_bytes: next_offsets}
    for index, entry in enumerate(entries):
        if _tag_of(entry) in columns:
            entry_end = struct.calcsize(count_layout) + (index + 1) * len(entry)
            values_at[entry_end - value_bytes] = columns[_tag_of(entry)]
    for position, values in values_at.items():
        filled = values.astype(value_type).view(np.uint8).reshape(plane_count, value_bytes)
        packed[:, position : position + value_bytes] = filled
    return packed.tobytes(), offsets


def _tag_of(entry: bytes) -> int:
    return int.from_bytes(entry[:2], "little")


# ---------------------------------------------------------------- tags of a plane


def _entries_of(pages: Pages) -> list[_Entry]:
    grid, samples = pages.grid, pages.samples
    # NewSubfileType, bit 0: a smaller version of another image. BitsPerSample and SampleFormat hold
    # one value for each sample.
    entries = [
        _longs(Tag.NEW_SUBFILE_TYPE, 1 if pages.reduced else 0),
        _longs(Tag.IMAGE_WIDTH, pages.width),
        _longs(Tag.IMAGE_LENGTH, pages.height),
        _shorts(Tag.BITS_PER_SAMPLE, *[pages.dtype.itemsize * 8] * samples),
        _shorts(Tag.COMPRESSION, pages.compression),
        _shorts(Tag.PHOTOMETRIC, _photometric(pages)),
        _shorts(Tag.SAMPLES_PER_PIXEL, samples),
        _shorts(Tag.PLANAR_CONFIGURATION, PlanarConfiguration.CONTIGUOUS),
        _shorts(Tag.SAMPLE_FORMAT, *[_SAMPLE_FORMATS[pages.dtype.kind]] * samples),
        *_resolution(pages.pixel_size),
    ]
    if grid.tiled:
        entries += [_longs(Tag.TILE_WIDTH, grid.width), _longs(Tag.TILE_LENGTH, grid.height)]
    else:
        entries.append(_longs(Tag.ROWS_PER_STRIP, grid.height))
    if pages.predictor != Predictor.NONE:
        entries.append(_shorts(Tag.PREDICTOR, pages.predictor))
    if pages.color_map is not None:
        entries.append(_Entry(Tag.COLOR_MAP, FieldType.SHORT, pages.color_map))
    if _photometric(pages) == Photometric.YCBCR:
        entries += _ycbcr()
    return entries + _extra_samples(samples)


def _ycbcr() -> list[_Entry]:
    """TIFF 6.0, section 21: chroma has half the width.

    Section 20: codes run over all of 0 to 255.
    """
    # ReferenceBlackWhite: the codes of black and white for Y, then Cb, then Cr.
    ranges = (0, 255, 128, 255, 128, 255)
    rationals = itertools.chain.from_iterable((code, 1) for code in ranges)
    black_white = struct.pack("<12I", *rationals)
    return [
        _shorts(Tag.YCBCR_SUBSAMPLING, 2, 1),
        _Entry(Tag.REFERENCE_BLACK_WHITE, FieldType.RATIONAL, black_white),
    ]


def _extra_samples(samples: int) -> list[_Entry]:
    """Describe the samples beyond gray or RGB; a fourth one beside RGB is alpha."""
    if samples in {1, 3}:
        return []
    if samples == 4:
        return [_shorts(Tag.EXTRA_SAMPLES, ExtraSample.UNASSOCIATED_ALPHA)]
    # Such pixels are written as gray, so all samples but the first are extra.
    return [_shorts(Tag.EXTRA_SAMPLES, *[ExtraSample.UNSPECIFIED] * (samples - 1))]


def _photometric(pages: Pages) -> int:
    if pages.color_map is not None:
        return Photometric.PALETTE
    if pages.samples in {3, 4}:
        return Photometric.YCBCR if pages.compression == Compression.JPEG else Photometric.RGB
    return Photometric.MIN_IS_BLACK


def _resolution(pixel_size: tuple[float | None, float | None]) -> list[_Entry]:
    """Return pixels per centimetre.

    TIFF requires the tags, so without a size they are 1 without a unit.
    """
    x, y = map(_per_centimetre, pixel_size)
    unit = ResolutionUnit.CENTIMETER
    if x is None or y is None:
        x, y, unit = (1, 1), (1, 1), ResolutionUnit.NONE
    return [
        _Entry(Tag.X_RESOLUTION, FieldType.RATIONAL, struct.pack("<II", *x)),
        _Entry(Tag.Y_RESOLUTION, FieldType.RATIONAL, struct.pack("<II", *y)),
        _shorts(Tag.RESOLUTION_UNIT, unit),
    ]


def _per_centimetre(size: float | None) -> tuple[int, int] | None:
    """Return pixels per centimetre as numerator and denominator of 32 bits.

    ``None`` where none is near.
    """
    # Outside of this range two numbers of 32 bits do not hold the ratio.
    if size is None or not 1e-4 <= size <= 1e9:
        return None
    ratio = Fraction(10_000 / float(size))
    # The numerator is the ratio times the denominator, and must fit 32 bits too.
    largest_denominator = min(1_000_000, int((1 << 32) / max(ratio, Fraction(1))))
    closest = ratio.limit_denominator(max(largest_denominator, 1))
    return (closest.numerator, closest.denominator) if 0 < closest.numerator < 1 << 32 else None


def _longs(tag: int, *values: int) -> _Entry:
    return _Entry(tag, FieldType.LONG, struct.pack(f"<{len(values)}I", *values))


def _shorts(tag: int, *values: int) -> _Entry:
    return _Entry(tag, FieldType.SHORT, struct.pack(f"<{len(values)}H", *values))
