"""Tile scans: positions of tiles, and the canvas that they are stitched on.

Rule kept here: a tile lies where the file places it. One without a position is left out and named
in a diagnostic; it is never placed at 0.
"""

from xml.etree import ElementTree as ET

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._checks.words import count_of
from aicsio._ome.units import finite_number
from aicsio.formats._leica.arrays import choose_block_shape
from aicsio.formats._leica.description import Axis, find_spacings
from aicsio.formats._leica.layout import Cuttable, StitchedLayout
from aicsio.formats._leica.settings import orientation, to_micrometres, turn_to_image
from aicsio.records import Diagnostic, Dims, LazyArray, Tiles
from aicsio.records.pickling import pickled_by_position

LARGEST_CANVAS = 1 << 28
"""Pixels of a plane beyond which a canvas must be filled in part: the same limit as for CZI."""
LARGEST_SPREAD = 4096
"""How many times larger than all its tiles such a canvas may be: the same limit as for CZI."""
FARTHEST_FIELD = float(1 << 30)
"""Fields: times 2^31 pixels of a tile it still fits 64 bits. The canvas is refused long before."""


@pickled_by_position
@attrs.frozen
class TileScanPosition:
    """One Tile element of a TileScanInfo."""

    x: float | None
    """Stage position in micrometres, in the directions of the image; ``None`` where missing."""
    y: float | None
    """Stage position in micrometres, in the directions of the image; ``None`` where missing."""
    column: int
    """Field in the grid."""
    row: int
    """Field in the grid."""


@attrs.define
class Mosaic:
    """An image of tiles, stitched or kept apart. Not a record: it lives for one opening."""

    array: LazyArray
    """The canvas, or the tiles along M."""
    tiles: Tiles | None
    """Places of the tiles on the canvas, or ``None`` where they have none."""
    diagnostics: list[Diagnostic]
    """Tiles without a place."""


@attrs.define(eq=False, repr=False)
class _Placement:
    """Pixel positions of the tiles that have one. Not a record: it lives for one opening."""

    m: npt.NDArray[np.int64]
    top: npt.NDArray[np.int64]
    left: npt.NDArray[np.int64]
    stage_x: npt.NDArray[np.float64]
    stage_y: npt.NDArray[np.float64]


def parse_tile_positions(image: ET.Element) -> tuple[TileScanPosition, ...]:
    """Return the tiles of a mosaic in the order of M."""
    info = image.find("./Attachment[@Name='TileScanInfo']")
    if info is None:
        return ()
    turn = orientation(info)
    return tuple(_parse_tile(tile, turn) for tile in info.findall("Tile"))


def _parse_tile(tile: ET.Element, turn: tuple[bool, bool, bool]) -> TileScanPosition:
    field_x, field_y = _parse_field(tile, "FieldX"), _parse_field(tile, "FieldY")
    # Fields count along the stage's axes, as positions do.
    column, row = turn_to_image(field_x, field_y, turn)
    stage_x, stage_y = finite_number(tile.get("PosX")), finite_number(tile.get("PosY"))
    if stage_x is None or stage_y is None:
        return TileScanPosition(None, None, int(column), int(row))
    x, y = turn_to_image(to_micrometres(stage_x), to_micrometres(stage_y), turn)
    return TileScanPosition(x, y, int(column), int(row))


def _parse_field(tile: ET.Element, name: str) -> float:
    field = finite_number(tile.get(name)) or 0.0
    return max(-FARTHEST_FIELD, min(FARTHEST_FIELD, field))


def stitch(
    array: LazyArray, axes: tuple[Axis, ...], image: ET.Element, name: str, *, keep_apart: bool
) -> Mosaic:
    """Place tiles on a canvas by their recorded positions.

    Parameters
    ----------
    array
        Pixels with the axis M.
    axes
        Slowest first.
    image
        Element of the image.
    name
        Of the scene, for diagnostics.
    keep_apart
        Whether the array keeps M; the places of the tiles are known either way.

    Returns
    -------
    The mosaic. Tiles stay apart along M when none of them has a position, or when they lie too
    far from each other for one canvas.
    """
    stored = array.stored
    tile_count = stored["M"]
    # A scan that was stopped lists more tiles than it stores; the first ones were taken.
    positions = parse_tile_positions(image)[:tile_count]
    if not positions or not {"Y", "X"} <= set(stored.order):
        text = (
            f"{name!r} has {count_of(tile_count, 'tile')} and {count_of(len(positions), 'position')}: "
            "the tiles are kept apart along M"
        )
        return Mosaic(array, None, [Diagnostic("lif-tiles-without-positions", text, name)])
    diagnostics: list[Diagnostic] = []
    placement = _place_by_stage(positions, axes)
    if placement is None:
        placement = _place_by_field(positions, stored)
        text = f"{name!r} has no stage positions: tiles are placed by their fields, without overlap"
        diagnostics.append(Diagnostic("lif-tiles-by-field", text, name))
    if _too_far(placement, stored):
        text = f"{name!r} has tiles too far apart for one canvas: they are kept apart along M"
        return Mosaic(array, None, [Diagnostic("lif-tiles-too-far", text, name)])
    missing = sorted(set(range(tile_count)) - set(placement.m.tolist()))
    if missing:
        text = (
            f"{name!r} has no position for {count_of(len(missing), 'tile', total=tile_count)}, the first is "
            f"{missing[0]}: they are not on the canvas; mosaic='tiles' shows them"
        )
        diagnostics.append(Diagnostic("lif-tiles-left-out", text, name, not_shown=not keep_apart))
    table = _tabulate(placement, stored)
    if keep_apart:
        return Mosaic(array, table, diagnostics)
    return Mosaic(_stitched(array, table), table, diagnostics)


# ---------------------------------------------------------------- places


def _place_by_stage(
    positions: tuple[TileScanPosition, ...], axes: tuple[Axis, ...]
) -> _Placement | None:
    """Place tiles by their stage positions.

    ``None`` where these or the pixel size are missing.
    """
    spacing = find_spacings(axes)
    pixel_x, pixel_y = spacing.get("X"), spacing.get("Y")
    placed = []
    for m, tile in enumerate(positions):
        if tile.x is not None and tile.y is not None:
            placed.append((m, tile.x, tile.y))
    if not pixel_x or not pixel_y or not placed:
        return None
    # The numbers of tiles become floats on the way, which hold them exactly.
    numbers, x, y = np.array(placed).T
    if len(placed) > 1 and not np.ptp(x) and not np.ptp(y):
        return None  # all at one place: the scan recorded no positions
    left, top = _to_pixels(x, pixel_x), _to_pixels(y, pixel_y)
    return _Placement(numbers.astype(np.int64), top, left, x, y)


def _to_pixels(stage: npt.NDArray[np.float64], pixel: float) -> npt.NDArray[np.int64]:
    """Return distances from the first tile in pixels.

    Absurd ones are cut to 2^40, which fits 64 bits; the canvas is refused for them later.
    """
    with np.errstate(over="ignore"):
        distances = np.rint((stage - stage.min()) / pixel).clip(max=1 << 40)
    pixels: npt.NDArray[np.int64] = distances.astype(np.int64)
    return pixels


def _place_by_field(positions: tuple[TileScanPosition, ...], stored: Dims) -> _Placement:
    fields = np.array([(tile.row, tile.column) for tile in positions], np.int64)
    # Shape (tiles, 2): rows and columns of the grid, times the size of a tile.
    top, left = ((fields - fields.min(axis=0)) * (stored["Y"], stored["X"])).T
    # A missing position becomes NaN.
    stage = np.array([(tile.x, tile.y) for tile in positions], np.float64)
    return _Placement(np.arange(len(positions)), top, left, stage[:, 0], stage[:, 1])


def _too_far(placement: _Placement, stored: Dims) -> bool:
    """Return whether a canvas for the tiles would be mostly empty, and huge."""
    height, width = (int(n) for n in _canvas_size(placement.top, placement.left, stored))
    if max(height, width) > 2**31 - 1:  # positions are stored in 32 bits
        return True
    # A long, thin scan is legal: only a canvas that is both huge and nearly empty is not.
    filled = len(placement.m) * stored["Y"] * stored["X"]
    return height * width > max(LARGEST_CANVAS, LARGEST_SPREAD * filled)


def _canvas_size(
    top: npt.NDArray[np.int64], left: npt.NDArray[np.int64], stored: Dims
) -> tuple[int, int]:
    return int(top.max()) + stored["Y"], int(left.max()) + stored["X"]


def _tabulate(placement: _Placement, stored: Dims) -> Tiles:
    def column(values: object) -> bytes:
        # One number for all tiles, such as their height, becomes a column.
        return np.broadcast_to(np.asarray(values), placement.m.shape).astype("<i4").tobytes()

    return Tiles(
        m=column(placement.m),
        y=column(placement.top),
        x=column(placement.left),
        height=column(stored["Y"]),
        width=column(stored["X"]),
        stage_x=placement.stage_x.astype("<f8").tobytes(),
        stage_y=placement.stage_y.astype("<f8").tobytes(),
    )


def _stitched(array: LazyArray, table: Tiles) -> LazyArray:
    """Show tiles on one canvas: the axes of the array without M."""
    stored, tile_layout = array.stored, array.layout
    if not isinstance(tile_layout, Cuttable):
        raise TypeError("tiles lie in a layout that cuts any part of itself")
    top, left = (np.frombuffer(column, "<i4").astype(np.int64) for column in (table.y, table.x))
    height, width = _canvas_size(top, left, stored)
    canvas = {"Y": height, "X": width}
    letters = stored.order.replace("M", "")
    shape = [canvas.get(letter, stored[letter]) for letter in letters]
    layout = StitchedLayout(
        inner=tile_layout,
        axes=(stored.order.index("M"), stored.order.index("Y"), stored.order.index("X")),
        shape=tuple(shape),
        block_shape=choose_block_shape(shape, array.dtype.itemsize),
        m=table.m,
        y=table.y,
        x=table.x,
    )
    return LazyArray.whole(layout, Dims(letters, tuple(shape)), array.dtype)
