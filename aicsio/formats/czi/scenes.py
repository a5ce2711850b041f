"""From the columns of the subblock directory to scenes: levels, canvases, tiles. Pure; nothing is read here.

Rule kept here: the work is sorting and comparing whole columns; Python loops run over scenes and levels, not over
subblocks.
"""

import math

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import _codecs
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.czi.directory import KNOWN_LETTERS, Ints, Subblocks, distinct
from aicsio.formats.czi.index import Index
from aicsio.formats.czi.layout import (
    BLOCK_PIXELS,
    COMPRESSIONS,
    LIBRARIES,
    PIXEL_TYPES,
    Column,
    CziLayout,
)
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


def build_scenes(
    index: Index, *, tiles: bool
) -> tuple[tuple[SceneData, ...], tuple[Diagnostic, ...]]:
    """Group subblocks into scenes and levels.

    Raises
    ------
    CorruptFileError
        For positions that no image could have.
    UnsupportedFormatError
        For several planes in a compressed subblock, and scenes whose pixels no array can hold.
    """
    notes: list[Diagnostic] = []
    blocks = _held_here(index, notes)
    blocks, inner = _one_plane_each(blocks, index.source)
    _check_kinds(blocks, index.source)
    if not len(blocks):
        return (), tuple(notes)
    level, step = _levels(blocks)
    number = blocks.start["S"] if "S" in blocks.start else np.zeros(len(blocks), np.int64)
    m = blocks.start.get("M", np.zeros(len(blocks), np.int64))
    order = np.lexsort((m, level, number))
    blocks, inner, level, number = blocks.only(order), inner[order], level[order], number[order]
    file = _File(index.source, step, tiles and bool((m > 0).any()), _same(blocks, inner), notes)
    found = []
    for group in _runs(number):
        name = int(number[group.start]) if "S" in blocks.start else None
        found.append(_scene(file, name, blocks.only(group), inner[group], level[group]))
    return tuple(found), tuple(notes)


@attrs.define(eq=False)
class _File:
    """What all scenes share."""

    source: Source
    step: int
    """How much smaller each level is than the one before."""
    tiles: bool
    """Whether they are kept apart."""
    same: dict[str, Column]
    """Columns of one value for the whole file."""
    notes: list[Diagnostic]


def _same(blocks: Subblocks, inner: Ints) -> dict[str, Column]:
    columns = {
        "height": blocks.stored["Y"],
        "width": blocks.stored["X"],
        "pixel_type": blocks.pixel_type,
        "compression": blocks.compression,
        "inner": inner,
    }
    return {
        name: Column.of(values) for name, values in columns.items() if (values == values[0]).all()
    }


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
    many = [
        letter for letter in blocks.size if letter not in "YX" and (blocks.size[letter] > 1).any()
    ]
    if not many:
        return blocks, inner
    count = np.prod([np.maximum(blocks.size[letter], 1) for letter in many], axis=0)
    where = int(blocks.entry[np.argmax(count)])
    if len(many) > 1 or (blocks.compression[count > 1] != 0).any():
        raise UnsupportedFormatError(
            f"{source.uri} at byte {where}: a compressed subblock that holds several planes"
        )
    pixels = blocks.stored["Y"] * blocks.stored["X"]
    if (count * pixels > np.maximum(blocks.segment, 0)).any():
        raise CorruptFileError.at(
            source.uri, where, f"expected a size along {many[0]} that its bytes allow"
        )
    rows = np.repeat(rows, count)
    inner = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    wide = blocks.only(rows)
    wide.start[many[0]] = wide.start[many[0]] + inner
    return wide, inner


def _check_kinds(blocks: Subblocks, source: Source) -> None:
    strange = [kind for kind in distinct(blocks.pixel_type) if kind not in PIXEL_TYPES]
    if strange:
        where = int(blocks.entry[np.argmax(blocks.pixel_type == strange[0])])
        raise CorruptFileError.at(
            source.uri, where, f"expected a known pixel type, found number {strange[0]}"
        )


def declined(blocks: Subblocks) -> str | None:
    """Say which compression of the subblocks cannot be decoded here, and why; ``None`` where all can."""
    for number in distinct(blocks.compression):
        if number not in COMPRESSIONS:
            maker = "camera" if 100 <= number < 1000 else "system"
            known = ", ".join(COMPRESSIONS.values())
            return f"compression {number} ({maker}-specific) of its subblocks is not published; known are {known}"
        if number and not _codecs.has_library(LIBRARIES[number]):
            return f"its subblocks are compressed by {COMPRESSIONS[number]}, which imagecodecs was built without here"
    return None


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


def _runs(values: Ints) -> list[slice]:
    """Cut sorted values where they change."""
    edges = (np.flatnonzero(values[1:] != values[:-1]) + 1).tolist()
    return [slice(a, b) for a, b in zip([0, *edges], [*edges, len(values)], strict=True)]


# ---------------------------------------------------------------- one scene


def _scene(
    file: _File, number: int | None, blocks: Subblocks, inner: Ints, level: Ints
) -> SceneData:
    name = "the file" if number is None else f"scene {number}"
    groups = _runs(level)
    base = int(level[0])
    if base:
        file.notes.append(
            Diagnostic(
                "no-full-resolution",
                f"{name} has pyramid levels only; the finest is taken as level 0",
            )
        )
    whole = blocks if len(groups) == 1 else blocks.only(groups[0])
    letters = [
        c for c in KNOWN_LETTERS if c not in "SMYX" and c in whole.has and whole.has[c].any()
    ]
    if file.tiles:
        letters.insert(letters.index("B") + 1 if "B" in letters else 0, "M")
    first = {c: int(whole.start[c].min()) for c in letters}
    plane_shape = tuple(int(whole.start[c].max()) - first[c] + 1 for c in letters)
    _check_axes(whole, letters, plane_shape, file.source)
    corner = int(whole.start["Y"].min()), int(whole.start["X"].min())
    kinds = distinct(whole.pixel_type)
    grid = _Grid(tuple(letters), plane_shape, first, kinds)
    made: list[LazyArray] = []
    table: Tiles | None = None
    full = (0, 0)
    for group in groups[:1] if file.tiles else groups:
        part = whole if group is groups[0] else blocks.only(group)
        shrunk = file.step ** int(level[group.start])
        canvas = _canvas(part, corner, shrunk, full, shrunk // file.step**base, file)
        full = full if made else canvas.size
        rows = _Rows.of(part, inner[group], canvas, grid)
        if not len(rows.key):
            continue
        layout = _layout(file, rows, canvas.size, grid)
        if not made:
            table = _tiles(rows, layout)
        dims = Dims("".join(grid.letters) + "YX" + "S" * (layout.samples > 0), layout.shape)
        dtype = np.result_type(*(PIXEL_TYPES[kind].dtype for kind in kinds)).newbyteorder("=")
        made.append(LazyArray.whole(layout, dims, dtype))
    if made:
        _note_gaps(made[0], name, kinds, file.notes)
    return SceneData(number, tuple(made), tuple(first.items()), table, corner)


@attrs.define(eq=False)
class _Grid:
    letters: tuple[str, ...]
    shape: tuple[int, ...]
    first: dict[str, int]
    kinds: list[int]
    """Numbers of the pixel types at full resolution."""

    def keys(self, blocks: Subblocks) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """Plane of each subblock, and whether it is one that level 0 has."""
        key = np.zeros(len(blocks), np.int64)
        inside = np.ones(len(blocks), np.bool_)
        for letter, length in zip(self.letters, self.shape, strict=True):
            at = (
                blocks.start[letter] - self.first[letter]
                if letter in blocks.start
                else np.zeros_like(key)
            )
            at = np.where(blocks.has[letter], at, 0) if letter in blocks.has else at
            inside &= (at >= 0) & (at < length)
            key = key * length + at
        return key, inside


@attrs.define(eq=False)
class _Canvas:
    size: tuple[int, int]
    y: Ints
    x: Ints


def _check_axes(
    blocks: Subblocks, letters: list[str], shape: tuple[int, ...], source: Source
) -> None:
    for letter, length in zip(letters, shape, strict=True):
        several = len(np.unique(blocks.start[letter])) if length > 1024 else length
        if length > 1024 + 128 * several:
            where = int(blocks.entry[np.argmax(blocks.start[letter])])
            raise CorruptFileError.at(
                source.uri,
                where,
                f"expected positions along {letter}, found {several} spread over {length}",
            )
    if math.prod(shape) > 1 << 40:
        raise CorruptFileError.at(
            source.uri,
            int(blocks.entry[0]),
            f"expected an image, found {shape} planes of {letters}",
        )


def _canvas(
    blocks: Subblocks,
    corner: tuple[int, int],
    absolute: int,
    full: tuple[int, int],
    scale: int,
    file: _File,
) -> _Canvas:
    """Place subblocks on the canvas of their level: the union of level-0 rectangles, or its share."""
    height, width = blocks.stored["Y"], blocks.stored["X"]
    if file.tiles:
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
            file.source.uri,
            where,
            f"expected tiles near each other, found {len(y)} on a canvas of {reach[1]} x {reach[0]}",
        )
    return _Canvas(reach, y, x)


@attrs.define(eq=False)
class _Rows:
    """Subblocks of one level, by plane and then by M."""

    key: Ints
    """Plane of each."""
    blocks: Subblocks
    inner: Ints
    y: Ints
    x: Ints

    @classmethod
    def of(cls, blocks: Subblocks, inner: Ints, canvas: _Canvas, grid: _Grid) -> "_Rows":
        """Sort, and leave out what belongs to no plane of level 0."""
        key, inside = grid.keys(blocks)
        if inside.all() and (key[1:] >= key[:-1]).all():
            return cls(key, blocks, inner, canvas.y, canvas.x)
        # They come by M, which a stable sort keeps.
        order = np.argsort(key, kind="stable")
        order = order[inside[order]]
        return cls(key[order], blocks.only(order), inner[order], canvas.y[order], canvas.x[order])

    @property
    def crowded(self) -> bool:
        """Whether some plane has several."""
        return bool((self.key[1:] == self.key[:-1]).any())


def _layout(file: _File, rows: _Rows, size: tuple[int, int], grid: _Grid) -> CziLayout:
    key, blocks = rows.key, rows.blocks
    planes = math.prod(grid.shape)
    per_plane = len(key) // planes if len(key) % planes == 0 else 0
    if per_plane and planes > 1 and not (key == np.repeat(np.arange(planes), per_plane)).all():
        per_plane = 0
    samples = _samples(grid.kinds, file.source)
    more = (samples,) if samples else ()
    block = _block(size, rows) if rows.crowded else size
    return CziLayout(
        source=file.source,
        shape=(*grid.shape, *size, *more),
        block_shape=(*(1,) * len(grid.shape), *block, *more),
        planes=len(grid.shape),
        samples=samples,
        keys=None if per_plane else Column.of(key),
        per_plane=per_plane,
        total=len(key),
        position=Column.of(blocks.position),
        segment=Column.of(blocks.segment),
        y=Column.of(rows.y, per_plane, "<i4"),
        x=Column.of(rows.x, per_plane, "<i4"),
        height=file.same.get("height") or Column.of(blocks.stored["Y"], per_plane),
        width=file.same.get("width") or Column.of(blocks.stored["X"], per_plane),
        pixel_type=file.same.get("pixel_type") or Column.of(blocks.pixel_type, per_plane),
        compression=file.same.get("compression") or Column.of(blocks.compression, per_plane),
        inner=file.same.get("inner") or Column.of(rows.inner, per_plane),
    )


def _samples(kinds: list[int], source: Source) -> int:
    """Length of the axis of samples; 0 where there is none."""
    found = {PIXEL_TYPES[kind].samples for kind in kinds}
    if found >= {3, 4}:
        names = [PIXEL_TYPES[kind].name for kind in kinds]
        raise UnsupportedFormatError(
            f"{source.uri}: one scene mixes pixels of {names}, which no array can hold"
        )
    return max(found) if max(found) > 1 else 0


def _block(canvas: tuple[int, int], rows: _Rows) -> tuple[int, int]:
    """Cut a mosaic so that few tiles are read twice: at the tiles themselves where they are a grid."""
    blocks = rows.blocks
    tall, wide = int(blocks.stored["Y"].max()), int(blocks.stored["X"].max())
    if not (rows.y % tall).any() and not (rows.x % wide).any():
        return tall, wide
    side = max(1, round(math.sqrt(BLOCK_PIXELS / max(tall * wide, 1))))
    if blocks.compression.any():
        # A tile that straddles an edge is decoded once for each side of it.
        side = max(side, 4)
    return min(canvas[0], side * tall), min(canvas[1], side * wide)


def _tiles(rows: _Rows, layout: CziLayout) -> Tiles | None:
    """Tile table of the plane that has most of them; level-0 positions, whether stitched or not."""
    blocks = rows.blocks
    if not rows.crowded and not ("M" in blocks.has and blocks.has["M"].any()):
        return None
    number = blocks.start.get("M", np.zeros(len(rows.key), np.int64))
    best = max(_runs(rows.key), key=lambda run: run.stop - run.start)
    shown: Ints | slice = best
    if best.stop - best.start == 1:
        # Kept apart along M: a row of the table for each M, whichever plane has it first.
        shown = np.unique(number, return_index=True)[1]
    m = number[shown]
    m = m if m.any() else np.arange(len(m))
    top, left = (blocks.start[letter][shown] - blocks.start[letter].min() for letter in "YX")
    # Equal columns are one object, so that they are kept and pickled once.
    kept = {layout.y.raw: layout.y.raw, layout.x.raw: layout.x.raw}
    y, x, height, width = (
        kept.setdefault(raw, raw)
        for raw in (
            column.astype("<i4").tobytes()
            for column in (top, left, blocks.stored["Y"][shown], blocks.stored["X"][shown])
        )
    )
    return Tiles(m.astype("<i4").tobytes(), y, x, height, width)


def _note_gaps(array: LazyArray, name: str, kinds: list[int], notes: list[Diagnostic]) -> None:
    layout = array.layout
    if isinstance(layout, CziLayout):
        planes = math.prod(layout.shape[: layout.planes])
        there = planes if layout.keys is None else len(np.unique(layout.keys.rows(0, layout.total)))
        if there < planes:
            notes.append(
                Diagnostic(
                    "missing-planes",
                    f"{name}: {planes - there} of {planes} planes have no subblock; they read as zero",
                )
            )
    if len(kinds) > 1:
        names = ", ".join(PIXEL_TYPES[kind].name for kind in kinds)
        notes.append(
            Diagnostic("mixed-pixel-types", f"{name}: planes of {names} are read as {array.dtype}")
        )
