"""Tiles of an ETS file in order: dimensions, levels, and the lazy array of each level.

Rule kept here: sizes are those of tiles that are stored, within what tags and header announce; a level
that lacks planes of the full resolution is left out.

Source of the facts: as for ``ets``. Each level is half as large as the one before it; of an odd size
the half is rounded up as far as there are tiles for it (as Bio-Formats shows levels).
"""

import math
from collections.abc import Sequence
from typing import Final

import attrs
import numpy as np

from aicsio.errors import CorruptFileError
from aicsio.formats.vsi.ets import EtsFile, Table
from aicsio.formats.vsi.layout import VsiLayout
from aicsio.records import Diagnostic, Dims, LazyArray
from aicsio.records.packed import PackedIntegers

MOST_LEVELS: Final = 32
GUESSED: Final = "CTZ"
"""Letters of dimensions that no tag names, in the order in which Bio-Formats gives them."""
SPARE: Final = "QABDEFGIJK"
"""Letters for further dimensions."""


@attrs.frozen(eq=False)
class StackGeometry:
    """What the tags state about the pixels of a stack. Not a record: it lives for one opening."""

    letters: tuple[str, ...] = ()
    """One a dimension, in the order of coordinates; empty for one whose meaning is not known."""
    sizes: tuple[int, ...] = ()
    """Announced positions, one a dimension."""
    width: int | None = None
    """Columns of the image."""
    height: int | None = None
    """Rows of the image."""
    corner: tuple[int, int] | None = None
    """Row and column of the image in the grid of tiles."""


@attrs.frozen(eq=False)
class _Dimensions:
    """Dimensions in the order of coordinates, without those that are left out."""

    letters: str
    sizes: tuple[int, ...]
    columns: tuple[int, ...]
    """Number of the coordinate of each."""
    levels: Table
    """Level of each tile."""
    is_kept: Table
    """Whether a tile lies within the announced sizes."""


def lay_out(ets: EtsFile, stack: StackGeometry) -> tuple[tuple[LazyArray, ...], list[Diagnostic]]:
    """Return the levels of a file, and trouble with its tiles.

    Raises
    ------
    CorruptFileError
        When no tile of the full resolution can be used.
    """
    notes: list[Diagnostic] = []
    dims = _order_dimensions(ets, stack, notes)
    width, height = _find_size(ets, stack, dims, notes)
    corner = ets.corner if stack.corner is None else stack.corner
    levels: list[LazyArray] = []
    lost = ets.lost + int(np.count_nonzero(~dims.is_kept))
    planes_of_first = 0
    for level in range(int(dims.levels[dims.is_kept].max(initial=-1)) + 1):
        chosen = dims.is_kept & (dims.levels == level)
        if level:
            width, height = _halve(ets, chosen, (width, height), corner)
        if min(width, height) < 1:
            break
        layout, outside = _lay_out_level(ets, dims, chosen, (height, width), corner)
        lost += outside
        stored = _count_planes(layout)
        if level == 0:
            planes_of_first = stored
        if stored < planes_of_first:
            text = f"level {level} has {stored} of {planes_of_first} planes and is left out"
            notes.append(Diagnostic("vsi-partial-level", text, ets.source.uri))
        else:
            # In the file the first dimension is the fastest, in arrays the last one.
            letters = dims.letters[::-1] + ("YXS" if ets.samples > 1 else "YX")
            levels.append(LazyArray.whole(layout, Dims(letters, layout.shape), ets.dtype))
        # Towards zero, as Bio-Formats places levels.
        corner = (corner[0] // 2, corner[1] // 2)
    if not planes_of_first:
        raise CorruptFileError.at(ets.source.uri, None, "it has no tile of its image")
    if lost:
        text = f"{lost} tiles lie outside of the image or the file: they are not shown"
        notes.append(Diagnostic("vsi-lost-tiles", text, ets.source.uri, loss=True))
    planes = math.prod(dims.sizes)
    if planes_of_first < planes:
        text = f"{planes - planes_of_first} of {planes} planes have no tiles: they are empty"
        notes.append(Diagnostic("vsi-missing-planes", text, ets.source.uri))
    return tuple(levels), notes


# ---------------------------------------------------------------- dimensions


def _order_dimensions(ets: EtsFile, stack: StackGeometry, notes: list[Diagnostic]) -> _Dimensions:
    """Give each coordinate behind column and row its dimension; the last one is the level."""
    count = ets.coordinates.shape[1]
    # The last coordinate is a level if the header states so, or if no dimension claims it.
    ends_with_level = ets.has_levels or count > 2 + len(stack.letters)
    named = count - 3 if ends_with_level else count - 2
    levels = ets.coordinates[:, -1] if ends_with_level else np.zeros(len(ets.coordinates), np.int32)
    is_kept = (ets.coordinates >= 0).all(axis=1) & (levels < MOST_LEVELS)
    limits = [_limit(ets, stack, number, named) for number in range(named)]
    for number, limit in enumerate(limits):
        is_kept &= ets.coordinates[:, 2 + number] < limit
    places = ets.coordinates[is_kept & (levels == 0)]
    letters, sizes, columns = "", [], []
    is_guessed = False
    for number in range(named):
        size = int(places[:, 2 + number].max(initial=0)) + 1
        letter = stack.letters[number] if number < len(stack.letters) else ""
        if not letter or letter in letters:
            if size == 1:
                continue
            taken = letters + "".join(stack.letters)
            letter = next(one for one in GUESSED + SPARE if one not in taken)
            is_guessed = True
        letters += letter
        sizes.append(size)
        columns.append(2 + number)
        announced = stack.sizes[number] if number < len(stack.sizes) else 0
        if announced > size:
            text = (
                f"the tags announce {announced} positions of {letter}, the file has {size}: the "
                "acquisition was stopped, or the file is cut"
            )
            notes.append(Diagnostic("vsi-stopped", text, ets.source.uri))
    if is_guessed:
        text = f"the tags do not name all dimensions: {letters} is a guess"
        notes.append(Diagnostic("vsi-guessed-dims", text, ets.source.uri))
    return _Dimensions(letters, tuple(sizes), tuple(columns), levels, is_kept)


def _limit(ets: EtsFile, stack: StackGeometry, number: int, named: int) -> int:
    """Return how many positions a dimension may have: what is announced, else one a tile."""
    announced = [stack.sizes[number]] if number < len(stack.sizes) else []
    # Extents name no dimensions: they count only where there is one for each.
    if len(ets.extents) == 2 + named:
        announced.append(ets.extents[2 + number])
    return max(announced, default=max(len(ets.coordinates), 1))


# ---------------------------------------------------------------- sizes


def _find_size(
    ets: EtsFile, stack: StackGeometry, dims: _Dimensions, notes: list[Diagnostic]
) -> tuple[int, int]:
    """Return width and height: of the header, else of the tags, else of the tiles."""
    tagged = None
    if stack.width is not None and stack.height is not None:
        tagged = (stack.width, stack.height)
    if ets.extents:
        width, height = ets.extents[:2]
        if tagged not in {None, (width, height)}:
            text = (
                f"the tags state an image of {stack.width} x {stack.height}, the file one of "
                f"{width} x {height}, which is shown"
            )
            notes.append(Diagnostic("vsi-size", text, ets.source.uri))
        return width, height
    if tagged is not None:
        return tagged
    places = ets.coordinates[dims.is_kept & (dims.levels == 0)]
    column, row = (int(places[:, axis].max(initial=0)) + 1 for axis in range(2))
    width, height = column * ets.tile[1], row * ets.tile[0]
    if max(width, height) >= 2**31:
        raise CorruptFileError.at(ets.source.uri, None, f"tiles make {width} x {height} pixels")
    return width, height


def _halve(
    ets: EtsFile, chosen: Table, size: tuple[int, int], corner: tuple[int, int]
) -> tuple[int, int]:
    """Return width and height of the next level."""
    places = ets.coordinates[chosen]
    halves = []
    for axis, (previous, tile, first) in enumerate(
        zip(size, ets.tile[::-1], corner[::-1], strict=True)
    ):
        reach = (int(places[:, axis].max(initial=-1)) + 1) * tile - first
        halves.append(min(-(-previous // 2), reach))
    return halves[0], halves[1]


# ---------------------------------------------------------------- levels


def _lay_out_level(
    ets: EtsFile,
    dims: _Dimensions,
    chosen: Table,
    size: tuple[int, int],
    corner: tuple[int, int],
) -> tuple[VsiLayout, int]:
    """Return the layout of a level, and how many of its tiles lie outside of the image."""
    places = ets.coordinates[chosen].astype(np.int64)
    grid = tuple(
        -(-(extent + first) // tile)
        for extent, first, tile in zip(size, corner, ets.tile, strict=True)
    )
    # Numbers of tiles are int64 below.
    if math.prod(dims.sizes) * math.prod(grid) >= 2**62:
        raise CorruptFileError.at(ets.source.uri, None, f"planes {dims.sizes} of {grid} tiles")
    inside = (places[:, 0] < grid[1]) & (places[:, 1] < grid[0])
    for column, count in zip(dims.columns, dims.sizes, strict=True):
        inside &= places[:, column] < count
    places = places[inside]
    # The first dimension of the file is the fastest, the last of ours.
    planes = np.zeros(len(places), np.int64)
    for column, count in zip(dims.columns[::-1], dims.sizes[::-1], strict=True):
        planes = planes * count + places[:, column]
    numbers = (planes * grid[0] + places[:, 1]) * grid[1] + places[:, 0]
    # Of two tiles for one place the first is taken.
    # `unique` also sorts, as the binary search of VsiLayout needs it.
    keys, first_of = np.unique(numbers, return_index=True)
    samples = (ets.samples,) if ets.samples > 1 else ()
    layout = VsiLayout(
        source=ets.source,
        shape=(*dims.sizes[::-1], *size, *samples),
        lead=len(dims.sizes),
        dtype=ets.dtype,
        tile=ets.tile,
        grid=(grid[0], grid[1]),
        corner=corner,
        codec=ets.codec,
        is_bgr=ets.is_bgr,
        background=ets.background,
        keys=keys.astype("<i8").tobytes(),
        offsets=PackedIntegers.pack(ets.offsets[chosen][inside][first_of]),
        lengths=PackedIntegers.pack(ets.lengths[chosen][inside][first_of]),
    )
    return layout, int(np.count_nonzero(~inside))


def _count_planes(layout: VsiLayout) -> int:
    """Return the number of planes that have a tile."""
    keys = np.frombuffer(layout.keys, "<i8")
    # Keys count tiles plane by plane: divided by the tiles of a plane they are its number.
    return len(np.unique(keys // math.prod(layout.grid)))


def plane_letters(array: LazyArray) -> Sequence[str]:
    """Return the letters of a stored array that count planes."""
    return array.stored.order.replace("S", "")[:-2]
