"""From the columns of the subblock directory to scenes: levels, canvases, tiles. Pure; nothing is read here.

Rule kept here: the work is sorting and comparing whole columns; Python loops run over scenes and levels, not over
subblocks.
"""

import math

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats._czi_directory import KNOWN_LETTERS, Ints, Subblocks, distinct
from aicsio.formats._czi_index import Index
from aicsio.formats._czi_layout import BLOCK_PIXELS, COMPRESSIONS, PIXEL_TYPES, Column, CziLayout
from aicsio.records import Diagnostic, Dims, LazyArray, Source, Tiles

BIGGEST_CANVAS = 1 << 28
"""Pixels of a plane beyond which a canvas must be filled to some part, or its positions are taken for damage."""
EMPTIEST = 4096
"""How many times larger than its tiles such a canvas may be."""


@attrs.frozen
class SceneData:
    """What the directory says of one scene."""

    number: int | None
    """Start of S; ``None`` where the file has no S."""
    levels: tuple[LazyArray, ...]
    """Full resolution first."""
    first: tuple[tuple[str, int], ...]
    """Position in the file that index 0 of each plane axis stands for."""
    tiles: Tiles | None
    """Of a mosaic."""
    corner: tuple[int, int]
    """Pixel position (y, x) of the canvas in the file's own frame."""


def build_scenes(index: Index, *, tiles: bool) -> tuple[tuple[SceneData, ...], tuple[Diagnostic, ...]]:
    """Group subblocks into scenes and levels.

    Raises
    ------
    CorruptFileError
        For positions that no image could have.
    UnsupportedFormatError
        For pixel types and compressions that are not known.
    """
    notes: list[Diagnostic] = []
    blocks = _held_here(index, notes)
    blocks, inner = _one_plane_each(blocks, index.source)
    _check_kinds(blocks, index.source)
    if not len(blocks):
        return (), tuple(notes)
    level, scale = _levels(blocks)
    number = blocks.start["S"] if "S" in blocks.start else np.zeros(len(blocks), np.int64)
    m = blocks.start.get("M", np.zeros(len(blocks), np.int64))
    tiles = tiles and bool((m > 0).any())
    order = np.lexsort((m, level, number))
    edges = np.flatnonzero(np.diff(number[order]) != 0) + 1
    found = []
    for rows in np.split(order, edges):
        name = int(number[rows[0]]) if "S" in blocks.start else None
        found.append(_scene(index.source, name, blocks.only(rows), inner[rows], level[rows], scale, tiles, notes))
    return tuple(found), tuple(notes)


def _held_here(index: Index, notes: list[Diagnostic]) -> Subblocks:
    """Leave out the subblocks that lie in other files of a set."""
    blocks = index.subblocks
    elsewhere = blocks.file_part != index.file_part
    if not elsewhere.any():
        return blocks
    parts = distinct(blocks.file_part[elsewhere])
    said = f"{int(elsewhere.sum())} of {len(blocks)} subblocks lie in other files of the set (parts {parts[:8]})"
    if elsewhere.all():
        raise UnsupportedFormatError(
            f"{index.source.uri}: all {said[: said.index(' in other')]} in other files of the set (parts {parts[:8]}); "
            "join the files in ZEN (Save as one file) and open the result"
        )
    notes.append(Diagnostic("missing-file-parts", said + ": they read as zero", index.source.uri))
    return blocks.only(~elsewhere)


def _one_plane_each(blocks: Subblocks, source: Source) -> tuple[Subblocks, Ints]:
    """Give each plane of a subblock that holds several (``size`` of Z, T, ... above 1) a row of its own."""
    rows = np.arange(len(blocks))
    inner = np.zeros(len(blocks), np.int64)
    many = [letter for letter in blocks.size if letter not in "YX" and (blocks.size[letter] > 1).any()]
    if not many:
        return blocks, inner
    count = np.prod([np.maximum(blocks.size[letter], 1) for letter in many], axis=0)
    where = int(blocks.entry[np.argmax(count)])
    if len(many) > 1 or (blocks.compression[count > 1] != 0).any():
        raise UnsupportedFormatError(f"{source.uri} at byte {where}: a compressed subblock that holds several planes")
    pixels = blocks.stored["Y"] * blocks.stored["X"]
    if (count * pixels > np.maximum(blocks.segment, 0)).any():
        raise CorruptFileError.at(source.uri, where, f"expected a size along {many[0]} that its bytes allow")
    rows = np.repeat(rows, count)
    inner = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    wide = blocks.only(rows)
    wide.start[many[0]] = wide.start[many[0]] + inner
    return wide, inner


def _check_kinds(blocks: Subblocks, source: Source) -> None:
    strange = [kind for kind in distinct(blocks.pixel_type) if kind not in PIXEL_TYPES]
    if strange:
        where = int(blocks.entry[np.argmax(blocks.pixel_type == strange[0])])
        raise CorruptFileError.at(source.uri, where, f"expected a known pixel type, found number {strange[0]}")
    for number in distinct(blocks.compression):
        if number not in COMPRESSIONS:
            maker = "camera" if 100 <= number < 1000 else "system"
            raise UnsupportedFormatError(
                f"{source.uri}: compression {number} ({maker}-specific) of its subblocks is not published; "
                f"known are {', '.join(COMPRESSIONS.values())}"
            )


def _levels(blocks: Subblocks) -> tuple[Ints, int]:
    """Level of each subblock, and how much smaller each level is than the one before."""
    full = np.ones(len(blocks), np.bool_)
    for letter in "YX":
        full &= blocks.stored[letter] == blocks.size[letter]
    if full.all():
        return np.zeros(len(blocks), np.int64), 2
    # The longer edge suffers least from rounding.
    long_x = blocks.stored["X"] >= blocks.stored["Y"]
    stored = np.where(long_x, blocks.stored["X"], blocks.stored["Y"])
    factor = np.where(long_x, blocks.size["X"], blocks.size["Y"]) / stored
    small = factor[~full]
    sure = small[stored[~full] >= 32]
    step = max(2, round(float((sure if len(sure) else small).min())))
    level = np.rint(np.log(np.maximum(factor, 1)) / math.log(step)).astype(np.int64)
    return np.where(full, 0, np.maximum(level, 1)), step


# ---------------------------------------------------------------- one scene


def _scene(
    source: Source,
    number: int | None,
    blocks: Subblocks,
    inner: Ints,
    level: Ints,
    step: int,
    tiles: bool,
    notes: list[Diagnostic],
) -> SceneData:
    name = "the file" if number is None else f"scene {number}"
    edges = np.flatnonzero(np.diff(level) != 0) + 1
    starts = [0, *edges.tolist()]
    groups = [slice(a, b) for a, b in zip(starts, [*starts[1:], len(level)], strict=True)]
    base = int(level[0])
    if base:
        notes.append(
            Diagnostic("no-full-resolution", f"{name} has pyramid levels only; the finest is taken as level 0")
        )
    whole = blocks.only(groups[0])
    letters = [c for c in KNOWN_LETTERS if c not in "SMYX" and c in whole.has and whole.has[c].any()]
    if tiles:
        letters.insert(letters.index("B") + 1 if "B" in letters else 0, "M")
    first = {c: int(whole.start[c].min()) for c in letters}
    plane_shape = tuple(int(whole.start[c].max()) - first[c] + 1 for c in letters)
    _check_axes(whole, letters, plane_shape, source)
    corner = int(whole.start["Y"].min()), int(whole.start["X"].min())
    made: list[LazyArray] = []
    records: list[Tiles | None] = []
    kinds = distinct(whole.pixel_type)
    full = (0, 0)
    for group in groups[:1] if tiles else groups:
        part = blocks.only(group)
        scale = step ** (int(level[group][0]) - base)
        canvas = _canvas(part, corner, step ** int(level[group][0]), full, scale, source, tiles)
        full = full if made else canvas.size
        grid = _Grid(tuple(letters), plane_shape, first)
        array, table = _level(source, part, inner[group], canvas, grid, kinds)
        if array is not None:
            made.append(array)
            records.append(table)
    if made:
        _note_gaps(made[0], name, kinds, notes)
    return SceneData(number, tuple(made), tuple(first.items()), records[0] if records else None, corner)


@attrs.define(eq=False)
class _Grid:
    letters: tuple[str, ...]
    shape: tuple[int, ...]
    first: dict[str, int]


@attrs.define(eq=False)
class _Canvas:
    size: tuple[int, int]
    y: Ints
    x: Ints


def _check_axes(blocks: Subblocks, letters: list[str], shape: tuple[int, ...], source: Source) -> None:
    for letter, length in zip(letters, shape, strict=True):
        several = len(np.unique(blocks.start[letter])) if length > 1024 else length
        if length > 1024 + 128 * several:
            where = int(blocks.entry[np.argmax(blocks.start[letter])])
            raise CorruptFileError.at(
                source.uri, where, f"expected positions along {letter}, found {several} spread over {length}"
            )
    if math.prod(shape) > 1 << 40:
        raise CorruptFileError.at(
            source.uri, int(blocks.entry[0]), f"expected an image, found {shape} planes of {letters}"
        )


def _canvas(
    blocks: Subblocks,
    corner: tuple[int, int],
    absolute: int,
    full: tuple[int, int],
    scale: int,
    source: Source,
    tiles: bool,
) -> _Canvas:
    """Place subblocks on the canvas of their level: the union of level-0 rectangles, or its share."""
    height, width = blocks.stored["Y"], blocks.stored["X"]
    if tiles:
        zero = np.zeros(len(blocks), np.int64)
        return _Canvas((int(height.max()), int(width.max())), zero, zero)
    y = (blocks.start["Y"] - corner[0]) // absolute
    x = (blocks.start["X"] - corner[1]) // absolute
    reach = int((y + height).max()), int((x + width).max())
    if full != (0, 0):
        # Encoders round an odd edge up or down; the level keeps the proportion either way.
        low = tuple(max(n // scale, 1) for n in full)
        high = tuple(-(-n // scale) for n in full)
        reach = (min(max(reach[0], low[0]), high[0]), min(max(reach[1], low[1]), high[1]))
    area = reach[0] * reach[1]
    if area > BIGGEST_CANVAS and area > EMPTIEST * int((height * width).sum()):
        where = int(blocks.entry[np.argmax(np.maximum(y, x))])
        raise CorruptFileError.at(
            source.uri, where, f"expected tiles near each other, found {len(y)} on a canvas of {reach[1]} x {reach[0]}"
        )
    return _Canvas(reach, y, x)


def _level(
    source: Source, blocks: Subblocks, inner: Ints, canvas: _Canvas, grid: _Grid, kinds: list[int]
) -> tuple[LazyArray | None, Tiles | None]:
    key, inside = _keys(blocks, grid)
    m = blocks.start.get("M", np.zeros(len(blocks), np.int64))
    order = np.lexsort((m, key))
    order = order[inside[order]]
    if not len(order):
        return None, None
    key = key[order]
    planes = math.prod(grid.shape)
    per_plane = len(order) // planes if len(order) % planes == 0 else 0
    if per_plane and not (key == np.repeat(np.arange(planes), per_plane)).all():
        per_plane = 0
    samples = max(PIXEL_TYPES[kind].samples for kind in kinds)
    _check_samples(kinds, source)
    y, x, height, width = canvas.y[order], canvas.x[order], blocks.stored["Y"][order], blocks.stored["X"][order]
    crowded = len(key) > 1 and bool((np.diff(key) == 0).any())
    block = _block(canvas.size, y, x, height, width, blocks.compression[order]) if crowded else canvas.size
    more = (samples,) if samples > 1 else ()
    dtype = np.result_type(*(PIXEL_TYPES[kind].dtype for kind in kinds)).newbyteorder("=")
    layout = CziLayout(
        source=source,
        shape=(*grid.shape, *canvas.size, *more),
        block_shape=(*(1,) * len(grid.shape), *block, *more),
        planes=len(grid.shape),
        samples=samples if samples > 1 else 0,
        keys=None if per_plane else Column.of(key),
        per_plane=per_plane,
        total=len(order),
        position=Column.of(blocks.position[order]),
        segment=Column.of(blocks.segment[order]),
        y=Column.of(y, per_plane, "<i4"),
        x=Column.of(x, per_plane, "<i4"),
        height=Column.of(height, per_plane),
        width=Column.of(width, per_plane),
        pixel_type=Column.of(blocks.pixel_type[order], per_plane),
        compression=Column.of(blocks.compression[order], per_plane),
        inner=Column.of(inner[order], per_plane),
    )
    dims = Dims("".join(grid.letters) + "YX" + "S" * (samples > 1), layout.shape)
    has_m = "M" in blocks.has and bool(blocks.has["M"].any())
    table = _tiles(blocks, order, key, layout) if has_m or crowded else None
    return LazyArray.whole(layout, dims, dtype), table


def _keys(blocks: Subblocks, grid: _Grid) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Plane of each subblock, and whether it is one that level 0 has."""
    key = np.zeros(len(blocks), np.int64)
    inside = np.ones(len(blocks), np.bool_)
    for letter, length in zip(grid.letters, grid.shape, strict=True):
        at = blocks.start[letter] - grid.first[letter] if letter in blocks.start else np.zeros(len(blocks), np.int64)
        at = np.where(blocks.has[letter], at, 0) if letter in blocks.has else at
        inside &= (at >= 0) & (at < length)
        key = key * length + at
    return key, inside


def _check_samples(kinds: list[int], source: Source) -> None:
    if {PIXEL_TYPES[kind].samples for kind in kinds} >= {3, 4}:
        names = [PIXEL_TYPES[kind].name for kind in kinds]
        raise UnsupportedFormatError(f"{source.uri}: one scene mixes pixels of {names}, which no array can hold")


def _block(canvas: tuple[int, int], y: Ints, x: Ints, height: Ints, width: Ints, compression: Ints) -> tuple[int, int]:
    """Cut a mosaic so that few tiles are read twice: at the tiles themselves where they are a grid."""
    tall, wide = int(height.max()), int(width.max())
    if not (y % tall).any() and not (x % wide).any():
        return tall, wide
    side = max(1, round(math.sqrt(BLOCK_PIXELS / max(tall * wide, 1))))
    if compression.any():
        # A tile that straddles an edge is decoded once for each side of it.
        side = max(side, 4)
    return min(canvas[0], side * tall), min(canvas[1], side * wide)


def _tiles(blocks: Subblocks, order: Ints, key: Ints, layout: CziLayout) -> Tiles:
    """Tile table of the plane that has most of them; level-0 positions, whether stitched or not."""
    number = blocks.start.get("M", np.zeros(len(blocks), np.int64))
    edges = np.flatnonzero(np.diff(key, prepend=key[0] - 1, append=key[-1] + 1))
    best = int(np.argmax(np.diff(edges)))
    rows = order[edges[best] : edges[best + 1]]
    if len(rows) == 1:
        # Kept apart along M: a row of the table for each M, whichever plane has it first.
        rows = order[np.unique(number[order], return_index=True)[1]]
    m = number[rows] if number[rows].any() else np.arange(len(rows))
    top, left = (blocks.start[letter][rows] - blocks.start[letter].min() for letter in "YX")
    y, x = top.astype("<i4").tobytes(), left.astype("<i4").tobytes()
    height, width = (blocks.stored[letter][rows].astype("<i4").tobytes() for letter in "YX")
    # Equal columns are one object, so that they are kept and pickled once.
    y, x = (kept.raw if kept.raw == mine else mine for kept, mine in ((layout.y, y), (layout.x, x)))
    return Tiles(m.astype("<i4").tobytes(), y, x, height, width)


def _note_gaps(array: LazyArray, name: str, kinds: list[int], notes: list[Diagnostic]) -> None:
    layout = array.layout
    if isinstance(layout, CziLayout):
        planes = math.prod(layout.shape[: layout.planes])
        there = planes if layout.keys is None else len(np.unique(layout.keys.rows(0, layout.total)))
        if there < planes:
            notes.append(
                Diagnostic(
                    "missing-planes", f"{name}: {planes - there} of {planes} planes have no subblock; they read as zero"
                )
            )
    if len(kinds) > 1:
        names = ", ".join(PIXEL_TYPES[kind].name for kind in kinds)
        notes.append(Diagnostic("mixed-pixel-types", f"{name}: planes of {names} are read as {array.dtype}"))
