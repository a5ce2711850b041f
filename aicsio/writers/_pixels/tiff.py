"""The structure of a TIFF file as pure functions: how planes are cut into segments, and directories as bytes.

Rule kept here: no I/O and no pixels. Pixels come first in the file, from ``DATA_START`` on, and the directories last,
so that classic TIFF or BigTIFF is decided by the true size.

Source of the facts: TIFF Revision 6.0 (Adobe, 1992); the BigTIFF proposal (https://libtiff.gitlab.io/libtiff/specification/bigtiff.html);
Adobe Photoshop TIFF Technical Notes (2002) for compression 8 and predictor 2.
"""

import itertools
import math
import struct
from collections.abc import Mapping, Sequence

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.records import DType

DATA_START = 16
"""Length of a BigTIFF header; a classic one leaves the second half of it unused."""
CLASSIC_LIMIT = (1 << 32) - (32 << 20)
"""Largest classic TIFF: 32-bit offsets reach 4 GiB, and 32 MiB stay free for tools that append a new description."""
STRIP_BYTES = 8 << 20
"""Raw strips hold a whole plane up to this size."""
CODED_STRIP_BYTES = 1 << 20
"""Compressed ones are smaller: a reader must decode all of one to get at its last row."""
ALIGNMENT = 16
"""Raw pixels of each image start at a multiple of this, as those of the first do: no type is wider."""

JPEG = 7
"""Value of the Compression tag that changes what samples mean: colours are stored as YCbCr."""

ASCII, SHORT, LONG, RATIONAL, IFD, LONG8, IFD8 = 2, 3, 4, 5, 13, 16, 18
_SIZES = {ASCII: 1, SHORT: 2, LONG: 4, RATIONAL: 8, LONG8: 8}

Offsets = npt.NDArray[np.uint64]
Segments = tuple[Offsets, Offsets]
"""Byte offset and length of each segment of an image, both of shape (planes, segments of a plane)."""
Columns = Mapping[int, Offsets]
"""For the code of an entry, what each plane says there."""


@attrs.frozen
class Grid:
    """How each plane is cut into segments, numbered row by row."""

    tiled: bool
    """Tiles all have one size, padded at the right and lower edge; strips span the width, and the last may be short."""
    height: int
    """Rows of a segment."""
    width: int
    """Columns of a segment."""
    rows: int
    """Segments from top to bottom."""
    columns: int
    """Segments from left to right."""

    @property
    def count(self) -> int:
        """Segments of a plane."""
        return self.rows * self.columns


def tiles(height: int, width: int, tile: tuple[int, int]) -> Grid:
    """Cut planes of ``height`` rows and ``width`` columns into tiles of (rows, columns)."""
    return Grid(True, *tile, math.ceil(height / tile[0]), math.ceil(width / tile[1]))


def strips(height: int, width: int, row_bytes: int, most: int, unit: int = 1) -> Grid:
    """Cut planes into strips: one, or as many as keep each within ``most`` bytes, with multiples of ``unit`` rows."""
    rows = height if height * row_bytes <= most else max(1, most // row_bytes // unit) * unit
    return Grid(False, rows, width, math.ceil(height / rows), 1)


@attrs.frozen
class Pages:
    """The planes of one image: one directory each."""

    count: int
    """Number of planes."""
    height: int
    """Rows."""
    width: int
    """Columns."""
    samples: int
    """Samples of a pixel, interleaved: 3 for RGB, 4 for RGBA."""
    dtype: DType
    """Type of a sample, little-endian."""
    grid: Grid
    """Segments of a plane."""
    compression: int = 1
    """Value of the Compression tag."""
    predictor: int = 1
    """Value of the Predictor tag; 1 for none."""
    pixel_size: tuple[float | None, float | None] = (None, None)
    """Width and height of a pixel in micrometres."""
    color_map: bytes | None = attrs.field(default=None, repr=False)
    """Colours of the indices that the pixels are: little-endian uint16, red, green, blue of all of them."""
    reduced: bool = False
    """Whether these are smaller versions of other planes, which point to them."""

    @property
    def plane_bytes(self) -> int:
        """Bytes of a plane as stored without compression, padding of tiles included."""
        height = self.grid.height * self.grid.rows if self.grid.tiled else self.height
        return height * self.grid.width * self.grid.columns * self.samples * self.dtype.itemsize

    def raw_segments(self, at: int = DATA_START) -> Segments:
        """Offsets and byte counts of segments, (planes, segments), if they are stored raw, in order, from ``at`` on."""
        pixel = self.samples * self.dtype.itemsize
        sizes = np.full(self.grid.count, self.grid.height * self.grid.width * pixel, np.uint64)
        if not self.grid.tiled:
            sizes[-1] = (self.height - self.grid.height * (self.grid.rows - 1)) * self.width * pixel
        within = np.concatenate([np.zeros(1, np.uint64), np.cumsum(sizes, dtype=np.uint64)[:-1]])
        starts = at + np.arange(self.count, dtype=np.uint64) * np.uint64(self.plane_bytes)
        return starts[:, None] + within, np.tile(sizes, (self.count, 1))


@attrs.frozen
class _Tag:
    """One entry of a directory."""

    code: int
    """Tag number."""
    kind: int
    """Type of its values."""
    value: bytes
    """Its values, little-endian."""


def header(first: int, *, big: bool) -> bytes:
    """Return the first bytes of the file; ``first`` is the offset of the first directory."""
    return (
        struct.pack("<2sHHHQ", b"II", 43, 8, 0, first)
        if big
        else struct.pack("<2sHI", b"II", 42, first)
    )


def raw_starts(images: Sequence[Pages]) -> tuple[int, ...]:
    """Return where the pixels of each image start if they are stored raw, and behind the last where the next would."""
    sizes = (pages.count * pages.plane_bytes for pages in images)
    return tuple(
        itertools.accumulate((size + -size % ALIGNMENT for size in sizes), initial=DATA_START)
    )


def directories_bound(images: Sequence[Pages], description: bytes) -> int:
    """Return a size in bytes that the directories do not exceed; ``images`` are all levels of all images."""
    each = (
        1024
        + 8 * pages.samples
        + len(pages.color_map or b"")
        + pages.count * (640 + 16 * pages.grid.count)
        for pages in images
    )
    return len(description) + sum(each)


def directories(
    images: Sequence[Sequence[tuple[Pages, Segments]]], description: bytes, at: int, *, big: bool
) -> tuple[bytes, int]:
    """Describe where the segments are.

    Parameters
    ----------
    images
        For each level of each image, full resolution first, what its planes are like, and where their segments are.
    description
        ImageDescription of the first plane of all.
    at
        Offset at which the bytes returned will be written; a multiple of 8.
    big
        Whether in BigTIFF.

    Returns
    -------
    tuple
        The bytes, and the offset of the first directory in the file.
    """
    values = _Values(at, big)
    tables = [[_table(values, *level) for level in levels] for levels in images]
    for image in tables:
        if len(image) > 1:
            _point_to(values, image)
    runs: list[tuple[list[bytes], Columns]] = []
    for (entries, columns), *_ in tables:
        if runs:
            runs.append((entries, columns))
            continue
        described = [
            *entries,
            values.entry(_text(270, description)),
            values.entry(_text(305, b"aicsio")),
        ]
        runs.append((described, {code: column[:1] for code, column in columns.items()}))
        if any(len(column) > 1 for column in columns.values()):
            runs.append((entries, {code: column[1:] for code, column in columns.items()}))
    first = values.end
    for number, (entries, filled) in enumerate(runs, 1):
        values.put(_run(entries, filled, values.end, big=big, next_run=number < len(runs))[0])
    return b"".join(values.parts), first


def _table(
    values: "_Values", pages: Pages, segments: Segments
) -> tuple[list[bytes], dict[int, Offsets]]:
    """Make the entries of an image's planes, and what each of them fills in."""
    codes = (324, 325) if pages.grid.tiled else (273, 279)
    columns = {code: values.rows(table) for code, table in zip(codes, segments, strict=True)}
    entries = [values.entry(tag) for tag in _tags(pages)]
    return entries + [values.pointer(code, pages.grid.count) for code in codes], columns


def _point_to(values: "_Values", image: list[tuple[list[bytes], dict[int, Offsets]]]) -> None:
    """Put the directories of the smaller levels, and have those of the full resolution point to them (SubIFDs)."""
    (entries, columns), *smaller = image
    places = []
    for own, filled in smaller:
        data, offsets = _run(own, filled, values.end, big=values.big, next_run=False, chained=False)
        values.put(data)
        places.append(offsets)
    columns[330] = values.rows(np.stack(places, axis=1))
    entries.append(values.pointer(330, len(smaller), IFD8 if values.big else IFD))


class _Values:
    """What lies behind the pixels: values too long for an entry, which planes share, and directories."""

    def __init__(self, at: int, big: bool) -> None:
        self.parts: list[bytes] = []
        self.end = at
        self.big = big

    def put(self, data: bytes) -> int:
        """Append bytes; return their offset."""
        start = self.end
        self.parts.append(data + bytes(-len(data) % 8))
        self.end += len(self.parts[-1])
        return start

    def rows(self, table: Offsets) -> Offsets:
        """Return what each plane's entry says: the number itself, or where its row of numbers is."""
        if table.shape[1] == 1:
            return table[:, 0]
        stored = table.astype("<u8" if self.big else "<u4")
        start = self.put(stored.tobytes())
        return start + np.arange(len(table), dtype=np.uint64) * np.uint64(stored.strides[0])

    def pointer(self, code: int, count: int, kind: int | None = None) -> bytes:
        """Return an entry whose value each plane fills in."""
        if self.big:
            return struct.pack("<HHQQ", code, kind or LONG8, count, 0)
        return struct.pack("<HHII", code, kind or LONG, count, 0)

    def entry(self, tag: _Tag) -> bytes:
        """Return an entry that is the same for all planes."""
        count = len(tag.value) // _SIZES[tag.kind]
        room, layout = (8, "<HHQ8s") if self.big else (4, "<HHI4s")
        value = tag.value
        if len(value) > room:
            value = self.put(value).to_bytes(room, "little")
        return struct.pack(layout, tag.code, tag.kind, count, value)


def _run(
    entries: Sequence[bytes],
    columns: Columns,
    at: int,
    *,
    big: bool,
    next_run: bool,
    chained: bool = True,
) -> tuple[bytes, Offsets]:
    """Return one directory for each row of the columns, entries in ascending order, and their offsets.

    Chained ones point each to the next, the last one to the end of the run, rounded up to 8, if there is a next run.
    """
    count = len(next(iter(columns.values())))
    ordered = sorted(entries, key=_code)
    number, room, where = ("<Q", 8, "<u8") if big else ("<H", 4, "<u4")
    template = struct.pack(number, len(ordered)) + b"".join(ordered) + bytes(room)
    # Directories begin at even offsets: TIFF 6.0, section 2.
    size = len(template) + len(template) % 2
    made = np.zeros((count, size), np.uint8)
    made[:, : len(template)] = np.frombuffer(template, np.uint8)
    offsets = at + np.arange(count, dtype=np.uint64) * np.uint64(size)
    follow = np.zeros(count, np.uint64)
    if chained:
        follow[:-1] = offsets[1:]
        follow[-1] = at + count * size + -count * size % 8 if next_run else 0
    places = {len(template) - room: follow}
    for index, entry in enumerate(ordered):
        if _code(entry) in columns:
            places[struct.calcsize(number) + (index + 1) * len(entry) - room] = columns[
                _code(entry)
            ]
    for place, values in places.items():
        made[:, place : place + room] = values.astype(where).view(np.uint8).reshape(count, room)
    return made.tobytes(), offsets


def _code(entry: bytes) -> int:
    return int.from_bytes(entry[:2], "little")


def _tags(pages: Pages) -> list[_Tag]:
    grid, samples = pages.grid, pages.samples
    colored = samples in {3, 4}
    tags = [
        _longs(254, 1 if pages.reduced else 0),
        _longs(256, pages.width),
        _longs(257, pages.height),
        _shorts(258, *[pages.dtype.itemsize * 8] * samples),
        _shorts(259, pages.compression),
        _shorts(262, _photometric(pages)),
        _shorts(277, samples),
        _shorts(284, 1),
        _shorts(339, *[_SAMPLE_FORMATS[pages.dtype.kind]] * samples),
        *_resolution(pages.pixel_size),
    ]
    tags += (
        [_longs(322, grid.width), _longs(323, grid.height)]
        if grid.tiled
        else [_longs(278, grid.height)]
    )
    if pages.predictor != 1:
        tags.append(_shorts(317, pages.predictor))
    if pages.color_map is not None:
        tags.append(_Tag(320, SHORT, pages.color_map))
    if pages.compression == JPEG and samples == 3:
        # Chroma has half the width; codes run over all of 0 to 255 (TIFF 6.0, sections 20 and 21).
        full = struct.pack(
            "<12I",
            *itertools.chain.from_iterable((code, 1) for code in (0, 255, 128, 255, 128, 255)),
        )
        tags += [_shorts(530, 2, 1), _Tag(532, RATIONAL, full)]
    extra = samples - (3 if colored else 1)
    if extra:
        # 2 is unassociated alpha, 0 a sample without a meaning.
        tags.append(_shorts(338, *[2 if colored else 0] * extra))
    return tags


def _photometric(pages: Pages) -> int:
    """What samples mean: 1 black is zero, 2 RGB, 3 index of a colour, 6 YCbCr."""
    if pages.color_map is not None:
        return 3
    if pages.samples in {3, 4}:
        return 6 if pages.compression == JPEG else 2
    return 1


_SAMPLE_FORMATS = {"u": 1, "i": 2, "f": 3, "c": 6}


def _resolution(pixel_size: tuple[float | None, float | None]) -> list[_Tag]:
    """Pixels per centimetre; the tags must be there, so 1 without a unit where nothing is known."""
    known = [_per_centimetre(size) for size in pixel_size]
    x, y = (pair or (1, 1) for pair in known) if all(known) else ((1, 1), (1, 1))
    unit = 3 if all(known) else 1
    return [
        _Tag(282, RATIONAL, struct.pack("<II", *x)),
        _Tag(283, RATIONAL, struct.pack("<II", *y)),
        _shorts(296, unit),
    ]


def _per_centimetre(size: float | None) -> tuple[int, int] | None:
    if size is None or not 1e-4 <= size <= 1e9:  # beyond it the two 32-bit numbers lose it
        return None
    from fractions import Fraction

    ratio = Fraction(10_000 / size)
    most = min(1_000_000, int((1 << 32) / max(ratio, Fraction(1))))
    closest = ratio.limit_denominator(max(most, 1))
    return (closest.numerator, closest.denominator) if 0 < closest.numerator < 1 << 32 else None


def _text(code: int, text: bytes) -> _Tag:
    return _Tag(code, ASCII, text + b"\0")


def _longs(code: int, *values: int) -> _Tag:
    return _Tag(code, LONG, struct.pack(f"<{len(values)}I", *values))


def _shorts(code: int, *values: int) -> _Tag:
    return _Tag(code, SHORT, struct.pack(f"<{len(values)}H", *values))
