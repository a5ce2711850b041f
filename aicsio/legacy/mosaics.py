"""Tiles of a mosaic: their places, and the image with tiles apart or stitched.

Rule kept here: places are those of ``scene.tiles``, on the canvas whose first pixel is (0, 0).
"""

from collections.abc import Mapping
from typing import SupportsIndex

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.errors import DimensionError
from aicsio.formats.names import FormatName, Mosaic
from aicsio.legacy import tczyx
from aicsio.legacy.dimensions import Dimensions
from aicsio.opening import open_image
from aicsio.records import ImageHandle, Tiles
from aicsio.steps import select_level, select_scene

__all__ = ["show_mosaic", "tile_dims", "tile_position", "tile_positions"]


def show_mosaic(handle: ImageHandle, mosaic: Mosaic) -> ImageHandle:
    """Show the scene and level in focus with tiles apart, along M, or stitched.

    Parameters
    ----------
    handle
        With the stored order in focus. One whose scene is no mosaic is returned as it is.
    mosaic
        As in ``open_image``.

    Raises
    ------
    SourceNotFoundError, CorruptFileError, SourceError
        As by ``open_image``.
    """
    shown: Mosaic = "tiles" if "M" in handle.dims else "stitched"
    if handle.scene.tiles is None or shown == mosaic:
        return handle
    # A name of the table, or of an external format: the file was opened by it before.
    name: FormatName = handle.format  # type: ignore[assignment]
    opened = open_image(handle.source, format=name, mosaic=mosaic)
    # What the caller named replaced the facts of the file, so they are taken along.
    index, known = handle.scene_index, handle.scene
    scene = attrs.evolve(
        opened.scenes[index],
        name=known.name,
        channels=known.channels,
        pixel_size=known.pixel_size,
    )
    scenes = (*opened.scenes[:index], scene, *opened.scenes[index + 1 :])
    contents = attrs.evolve(opened.contents, scenes=scenes)
    selected = select_scene(attrs.evolve(opened, contents=contents), index)
    # Tiles may have fewer levels than the canvas has.
    return select_level(selected, min(handle.level, len(scene.levels) - 1))


def tile_dims(handle: ImageHandle) -> Dimensions | None:
    """Return rows and columns of the largest tile; ``None`` if the scene is no mosaic."""
    tiles = handle.scene.tiles
    if tiles is None or not len(tiles):
        return None
    return Dimensions("YX", (int(_column(tiles.height).max()), int(_column(tiles.width).max())))


def tile_position(
    handle: ImageHandle, index: SupportsIndex, picks: Mapping[str, SupportsIndex]
) -> tuple[int, int]:
    """Return the first row and column of the tile with an index; see ``tile_positions``.

    Raises
    ------
    DimensionError
        When the scene is no mosaic, has no such tile, or a pick does not fit.
    """
    tiles = _tiles_of(handle, picks)
    rows = np.flatnonzero(_column(tiles.m) == index.__index__())
    if not len(rows):
        raise DimensionError(
            f"the scene has no tile {index.__index__()}: there are {len(tiles)}, "
            f"{_column(tiles.m).min()} to {_column(tiles.m).max()}"
        )
    return int(_column(tiles.y)[rows[0]]), int(_column(tiles.x)[rows[0]])


def tile_positions(
    handle: ImageHandle, picks: Mapping[str, SupportsIndex]
) -> list[tuple[int, int]]:
    """Return the first row and column of each tile on the canvas, in the order of M.

    Parameters
    ----------
    handle
        An opened image.
    picks
        Position along M for one tile; those along other letters are checked, and choose nothing.

    Raises
    ------
    DimensionError
        When the scene is no mosaic, has no such tile, or a pick does not fit.
    """
    others = dict(picks)
    index = others.pop("M", None)
    if index is not None:
        return [tile_position(handle, index, others)]
    tiles = _tiles_of(handle, others)
    return list(zip(_column(tiles.y).tolist(), _column(tiles.x).tolist(), strict=True))


def _tiles_of(handle: ImageHandle, picks: Mapping[str, SupportsIndex]) -> Tiles:
    tiles = handle.scene.tiles
    if tiles is None or not len(tiles):
        raise DimensionError(f"scene {handle.scene.name!r} is no mosaic: it has no tiles")
    # The rules of picks: a position that is not there raises. A letter that is not has position 0.
    kept = "".join(letter for letter in handle.dims if letter not in picks)
    tczyx.pick_legacy(handle, kept, {**picks})
    return tiles


def _column(column: bytes) -> npt.NDArray[np.int32]:
    return np.frombuffer(column, "<i4")
