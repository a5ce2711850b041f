"""From the columns of the subblock directory to scenes: levels, canvases, tiles. Pure; no I/O.

Rule kept here: the work is sorting and comparing whole columns. Python loops run over scenes and
levels, not over subblocks: 100 000 of them in one mosaic take 49 ms, in 1 000 scenes 0.3 s.
"""

import math

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.czi.directory import KNOWN_LETTERS, Ints, Subblocks, distinct
from aicsio.formats.czi.index import Index
from aicsio.formats.czi.layout import BLOCK_PIXELS, PIXEL_TYPES, Column, CziLayout
from aicsio.formats.czi.levels import choose_rows, find_levels
from aicsio.formats.czi.subblocks import (
    NO_SCENE,
    check_pixel_types,
    drop_other_file_parts,
    number_scenes,
    one_row_per_plane,
)
from aicsio.records import Diagnostic, Dims, LazyArray, Source, Tiles

BIGGEST_CANVAS = 1 << 28
"""Pixels of a plane from which a canvas must be filled to some part; smaller ones cost little even
if their positions are damage."""
EMPTIEST = 4096
"""How many times larger than its tiles such a canvas may be: real slides with few regions reach 200."""


@attrs.frozen
class SceneData:
    """One scene as the directory describes it."""

    number: int | None
    """Start of S; ``None`` if the subblocks have no S."""
    levels: tuple[LazyArray, ...]
    """Full resolution first."""
    first: tuple[tuple[str, int], ...]
    """Position in the file that index 0 of each plane axis stands for."""
    tiles: Tiles | None
    """Of a mosaic."""
    corner: tuple[int, int]
    """Pixel position (y, x) of the canvas in the file's own frame."""
    factor: float = 1.0
    """Pixels of full resolution that one pixel of level 0 covers: above 1 if only levels are stored."""


def build_scenes(
    index: Index, *, tiles: bool
) -> tuple[tuple[SceneData, ...], tuple[Diagnostic, ...]]:
    """Group subblocks into scenes and levels.

    Raises
    ------
    CorruptFileError
        For positions that no image could have.
    UnsupportedFormatError
        When no subblock can be shown, or no array can hold the pixels of a scene.
    """
    notes: list[Diagnostic] = []
    blocks = drop_other_file_parts(index, notes)
    check_pixel_types(blocks, index.source)
    blocks, number = number_scenes(blocks, notes, index.source)
    if not len(blocks):
        return (), tuple(notes)
    m = blocks.start.get("M", np.zeros(len(blocks), np.int64))
    same_scene = number[1:] == number[:-1]
    if not ((number[1:] > number[:-1]) | (same_scene & (m[1:] >= m[:-1]))).all():
        order = np.lexsort((m, number))
        blocks, number = blocks.only(order), number[order]
    apart = tiles and bool((m > 0).any())
    file = _File(index.source, apart, _columns_of_one_value(blocks), notes)
    scenes: list[SceneData] = []
    for run in _runs(number):
        name = None if number[run.start] == NO_SCENE else int(number[run.start])
        scenes.append(_scene(file, name, blocks.only(run)))
    return tuple(scenes), tuple(notes)


@attrs.define(eq=False)
class _File:
    """Facts that all scenes of a file share."""

    source: Source
    tiles: bool
    """Whether tiles are kept apart along M."""
    shared_columns: dict[str, Column]
    """Columns of one value for the whole file: one object serves all scenes."""
    notes: list[Diagnostic]


def _columns_of_one_value(blocks: Subblocks) -> dict[str, Column]:
    columns = {
        "height": blocks.stored["Y"],
        "width": blocks.stored["X"],
        "pixel_type": blocks.pixel_type,
        "compression": blocks.compression,
    }
    return {
        name: Column.of(values) for name, values in columns.items() if (values == values[0]).all()
    }


def _runs(values: Ints) -> list[slice]:
    """Cut sorted values where they change."""
    edges = (np.flatnonzero(values[1:] != values[:-1]) + 1).tolist()
    return [slice(a, b) for a, b in zip([0, *edges], [*edges, len(values)], strict=True)]


# ---------------------------------------------------------------- one scene


def _scene(file: _File, number: int | None, blocks: Subblocks) -> SceneData:
    name = "the file" if number is None else f"scene {number}"
    blocks, inner, planes_inside = one_row_per_plane(blocks, file.source, file.notes)
    levels = find_levels(blocks)
    base = int(levels.of_row.min())
    if base:
        text = f"{name} has pyramid levels only; the finest is taken as level 0"
        file.notes.append(Diagnostic("no-full-resolution", text))
    finest = blocks if not levels.of_row.any() else blocks.only(levels.of_row == base)
    if file.tiles and finest is not blocks:
        # Along M, subblocks of levels have numbers of their own: they are no tiles.
        rows = levels.of_row == base
        blocks, inner, planes_inside = finest, inner[rows], planes_inside[rows]
        levels = attrs.evolve(levels, of_row=levels.of_row[rows])
    grid = _plane_grid(file, finest, blocks, name)
    key, inside = grid.keys(blocks)
    if not inside.all():
        blocks, inner, planes_inside = blocks.only(inside), inner[inside], planes_inside[inside]
        key = key[inside]
        levels = attrs.evolve(levels, of_row=levels.of_row[inside])
    corner = int(finest.start["Y"].min()), int(finest.start["X"].min())
    chosen, borrowed = choose_rows(key, levels)
    if borrowed:
        _note_borrowed(file, name, borrowed, base, levels.factors, len(np.unique(key)))
    arrays: list[LazyArray] = []
    table: Tiles | None = None
    full = (0, 0)
    for level, mask in chosen[:1] if file.tiles else chosen:
        rows = slice(None) if mask.all() else mask
        factor, base_factor = levels.factors[level], levels.factors[base]
        own = levels.of_row[rows] == level
        part = blocks if isinstance(rows, slice) else blocks.only(rows)
        canvas = _canvas(part, own, corner, factor, base_factor, full, file)
        full = full if arrays else canvas.size
        shown = _Rows.of(key[rows], part, inner[rows], planes_inside[rows], canvas)
        layout = _layout(file, shown, canvas.size, grid)
        if not arrays:
            table = _tiles(shown, layout)
        dims = Dims("".join(grid.letters) + "YX" + "S" * (layout.samples > 0), layout.shape)
        types = [PIXEL_TYPES[kind].dtype for kind in grid.kinds]
        dtype = np.result_type(*types).newbyteorder("=")
        arrays.append(LazyArray.whole(layout, dims, dtype))
    if arrays:
        _note_gaps(arrays[0], name, grid.kinds, file.notes)
    first = tuple(grid.first.items())
    return SceneData(number, tuple(arrays), first, table, corner, levels.factors[base])


def _note_borrowed(
    file: _File,
    name: str,
    borrowed: dict[int, int],
    base: int,
    factors: tuple[float, ...],
    planes: int,
) -> None:
    """Report planes that are shown by subblocks of another level."""
    for level, count in borrowed.items():
        if level == base:
            text = (
                f"{name}: {count} of {planes} planes are stored at a coarser size only; "
                "they are scaled to the size of the others"
            )
            file.notes.append(Diagnostic("coarser-planes", text, file.source.uri))
        else:
            text = (
                f"{name}: the level of factor {factors[level]:g} is missing for {count} of "
                f"{planes} planes; they are scaled from another level"
            )
            file.notes.append(Diagnostic("levels-of-some-planes", text, file.source.uri))


@attrs.define(eq=False)
class _Grid:
    """Axes of the planes of a scene."""

    letters: tuple[str, ...]
    shape: tuple[int, ...]
    first: dict[str, int]
    kinds: list[int]
    """Numbers of the pixel types."""

    def keys(self, blocks: Subblocks) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """Return the number of the plane of each subblock, and whether the grid has it."""
        key = np.zeros(len(blocks), np.int64)
        inside = np.ones(len(blocks), np.bool_)
        for letter, length in zip(self.letters, self.shape, strict=True):
            position = np.zeros_like(key)
            if letter in blocks.start:
                position = np.where(
                    blocks.has[letter], blocks.start[letter] - self.first[letter], 0
                )
            inside &= (position >= 0) & (position < length)
            key = key * length + position
        return key, inside


def _plane_grid(file: _File, finest: Subblocks, blocks: Subblocks, name: str) -> _Grid:
    """Return the axes of the planes: those of all subblocks, if that is plausible, else of the finest."""
    if finest is not blocks:
        grid = _axes_of(file, blocks)
        if _implausible_axis(blocks, grid) is None:
            return grid
    grid = _axes_of(file, finest)
    letter = _implausible_axis(finest, grid)
    if letter is not None:
        entry_offset = int(finest.entry[np.argmax(finest.start[letter])])
        length = dict(zip(grid.letters, grid.shape, strict=True))[letter]
        raise CorruptFileError.at(
            file.source.uri,
            entry_offset,
            f"expected positions along {letter} near each other, found them spread over {length}",
        )
    if finest is not blocks:
        outside = int((~grid.keys(blocks)[1]).sum())
        text = f"{name}: {outside} subblocks of pyramid levels lie far from all planes"
        file.notes.append(Diagnostic("left-out-subblocks", f"{text}; they are left out"))
    return grid


def _axes_of(file: _File, blocks: Subblocks) -> _Grid:
    letters = [
        c for c in KNOWN_LETTERS if c not in "SMYX" and c in blocks.has and blocks.has[c].any()
    ]
    if file.tiles:
        letters.insert(letters.index("B") + 1 if "B" in letters else 0, "M")
    first = {c: int(blocks.start[c].min()) for c in letters}
    shape = tuple(int(blocks.start[c].max()) - first[c] + 1 for c in letters)
    return _Grid(tuple(letters), shape, first, distinct(blocks.pixel_type))


def _implausible_axis(blocks: Subblocks, grid: _Grid) -> str | None:
    """Return the letter whose positions are spread too far to be an axis; ``None`` if all are near."""
    for letter, length in zip(grid.letters, grid.shape, strict=True):
        several = len(np.unique(blocks.start[letter])) if length > 1024 else length
        if length > 1024 + 128 * several:
            return letter
    if math.prod(grid.shape) > 1 << 40:  # 10 to the power of 12 planes
        return grid.letters[int(np.argmax(grid.shape))]
    return None


@attrs.define(eq=False)
class _Canvas:
    """Rectangles of subblocks on one level."""

    size: tuple[int, int]
    y: Ints
    x: Ints
    height: Ints
    width: Ints


def _canvas(
    blocks: Subblocks,
    own: npt.NDArray[np.bool_],
    corner: tuple[int, int],
    factor: float,
    base_factor: float,
    full: tuple[int, int],
    file: _File,
) -> _Canvas:
    """Place subblocks on the canvas of a level: the union of level-0 rectangles, or its share.

    Subblocks of the level itself (``own``) keep their stored size; others are scaled into their
    logical rectangle.
    """
    y, height = _extent_on_canvas(blocks, "Y", corner[0], factor, own)
    x, width = _extent_on_canvas(blocks, "X", corner[1], factor, own)
    if file.tiles:
        zero = np.zeros(len(blocks), np.int64)
        return _Canvas((int(height.max()), int(width.max())), zero, zero, height, width)
    reach = int((y + height).max()), int((x + width).max())
    if full != (0, 0):
        # Encoders round an odd edge up or down; the level keeps the proportion either way.
        scale = factor / base_factor
        low = tuple(max(math.floor(n / scale), 1) for n in full)
        high = tuple(math.ceil(n / scale) for n in full)
        reach = (min(max(reach[0], low[0]), high[0]), min(max(reach[1], low[1]), high[1]))
    area = reach[0] * reach[1]
    if area > BIGGEST_CANVAS and area > EMPTIEST * int((height * width).sum()):
        entry_offset = int(blocks.entry[np.argmax(np.maximum(y, x))])
        raise CorruptFileError.at(
            file.source.uri,
            entry_offset,
            f"expected tiles near each other, found {len(y)} on a canvas of {reach[1]} x {reach[0]}",
        )
    return _Canvas(reach, y, x, height, width)


def _extent_on_canvas(
    blocks: Subblocks, letter: str, corner: int, factor: float, own: npt.NDArray[np.bool_]
) -> tuple[Ints, Ints]:
    """Return the first position and the length of subblocks along one axis of a canvas."""
    start = blocks.start[letter] - corner
    stored = blocks.stored[letter]
    if factor == 1:
        return start, blocks.size[letter]
    low = np.floor(start / factor).astype(np.int64)
    high = np.ceil((start + blocks.size[letter]) / factor).astype(np.int64)
    return low, np.where(own, stored, np.maximum(high - low, 1))


@attrs.define(eq=False)
class _Rows:
    """Subblocks of one level, by plane and then by M."""

    key: Ints
    """Plane of each."""
    blocks: Subblocks
    inner: Ints
    """Index of the plane inside its subblock."""
    planes_inside: Ints
    """Planes of its subblock."""
    y: Ints
    x: Ints
    height: Ints
    width: Ints

    @classmethod
    def of(
        cls, key: Ints, blocks: Subblocks, inner: Ints, planes_inside: Ints, canvas: _Canvas
    ) -> "_Rows":
        """Sort by plane; subblocks come by M, an order that a stable sort keeps."""
        if (key[1:] >= key[:-1]).all():
            return cls(
                key, blocks, inner, planes_inside, canvas.y, canvas.x, canvas.height, canvas.width
            )
        order = np.argsort(key, kind="stable")
        return cls(
            key[order],
            blocks.only(order),
            inner[order],
            planes_inside[order],
            canvas.y[order],
            canvas.x[order],
            canvas.height[order],
            canvas.width[order],
        )

    @property
    def crowded(self) -> bool:
        """Whether some plane has several subblocks."""
        return bool((self.key[1:] == self.key[:-1]).any())


_FIRST_PLANE = Column.of(np.zeros(1, np.int64))
"""One object for all layouts whose subblocks hold one plane, so that it is pickled once."""


def _layout(file: _File, rows: _Rows, size: tuple[int, int], grid: _Grid) -> CziLayout:
    key, blocks = rows.key, rows.blocks
    planes = math.prod(grid.shape)
    per_plane = len(key) // planes if len(key) % planes == 0 else 0
    if per_plane and planes > 1 and not (key == np.repeat(np.arange(planes), per_plane)).all():
        per_plane = 0
    samples = _samples(grid.kinds, file.source)
    sample_axis = (samples,) if samples else ()
    block = _block(size, rows) if rows.crowded else size
    one_plane = int(rows.planes_inside.max()) == 1
    scaled = (rows.height != blocks.stored["Y"]) | (rows.width != blocks.stored["X"])

    def column(name: str, values: Ints) -> Column:
        shared = None if scaled.any() else file.shared_columns.get(name)
        return shared or Column.of(values, per_plane)

    return CziLayout(
        source=file.source,
        shape=(*grid.shape, *size, *sample_axis),
        block_shape=(*(1,) * len(grid.shape), *block, *sample_axis),
        planes=len(grid.shape),
        samples=samples,
        keys=None if per_plane else Column.of(key),
        per_plane=per_plane,
        total=len(key),
        position=Column.of(blocks.position),
        segment=Column.of(blocks.segment),
        y=Column.of(rows.y, per_plane, "<i4"),
        x=Column.of(rows.x, per_plane, "<i4"),
        height=column("height", rows.height),
        width=column("width", rows.width),
        pixel_type=column("pixel_type", blocks.pixel_type),
        compression=column("compression", blocks.compression),
        inner=_FIRST_PLANE if one_plane else Column.of(rows.inner, per_plane),
        planes_inside=None if one_plane else Column.of(rows.planes_inside, per_plane),
        stored_height=Column.of(blocks.stored["Y"], per_plane) if scaled.any() else None,
        stored_width=Column.of(blocks.stored["X"], per_plane) if scaled.any() else None,
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
    tall, wide = int(rows.height.max()), int(rows.width.max())
    if not (rows.y % tall).any() and not (rows.x % wide).any():
        return tall, wide
    side = max(1, round(math.sqrt(BLOCK_PIXELS / max(tall * wide, 1))))
    if rows.blocks.compression.any():
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
            for column in (top, left, rows.height[shown], rows.width[shown])
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
