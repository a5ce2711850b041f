"""From the columns of the subblock directory to scenes: levels, canvases, tiles. Pure.

Rule kept here: the work is sorting and comparing whole columns; Python loops run over scenes and
levels, not over subblocks. Each subblock is shown in some level, or counted.
"""

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._checks.words import count_of
from aicsio.formats.czi.canvas import (
    Canvas,
    LevelRows,
    build_layout,
    find_table_of_tiles,
    place_on_canvas,
    place_tiles_apart,
    stored_columns,
)
from aicsio.formats.czi.columns import (
    Bools,
    Ints,
    distinct,
    find_ends,
    holds_everywhere,
    holds_somewhere,
    is_among,
    split_runs,
)
from aicsio.formats.czi.directory import Subblocks
from aicsio.formats.czi.grid import (
    PlaneRows,
    are_near,
    check_plane_count,
    drop_distant_planes,
    make_grid,
    split_planes,
)
from aicsio.formats.czi.layout import CziLayout
from aicsio.formats.czi.level_coverage import find_lacking_parts, find_uncovered
from aicsio.formats.czi.levels import choose_level_factors, measure_factors
from aicsio.formats.czi.outliers import drop_distant_tiles, fit_small_canvas
from aicsio.formats.czi.pixels import PIXEL_TYPES
from aicsio.formats.czi.scene_data import SceneData
from aicsio.formats.czi.soundness import LeftOut
from aicsio.records import Diagnostic, Dims, LazyArray, Source
from aicsio.records.packed import PackedIntegers


@attrs.define(eq=False, repr=False)
class FileContext:
    """Facts that all scenes share. Not a record: it lives while a file is opened."""

    source: Source
    tiles: bool
    """Whether mosaic tiles are kept apart."""
    shared: dict[str, PackedIntegers]
    """Columns of one value for the whole file."""
    left_out: LeftOut
    notes: list[Diagnostic]
    compact: bool
    """Whether all subblocks lie so near each other that no scene has outliers."""
    all_full: bool
    """Whether all subblocks are stored at full resolution, so that each scene has one level."""


def build_scenes(
    source: Source, blocks: Subblocks, left_out: LeftOut, *, tiles: bool
) -> tuple[tuple[SceneData, ...], tuple[Diagnostic, ...]]:
    """Group subblocks into scenes and levels.

    Parameters
    ----------
    source
        The file.
    blocks
        Its subblocks.
    left_out
        Counts the subblocks that are not shown.
    tiles
        Whether mosaic tiles are kept apart.

    Returns
    -------
    The scenes, by their number; diagnostics.

    Raises
    ------
    CorruptFileError
        When the positions are those of no image.
    UnsupportedFormatError
        When a scene mixes RGB and RGBA, so that no array can hold it.
    """
    notes: list[Diagnostic] = []
    if not PIXEL_TYPES.keys() >= set(distinct(blocks.pixel_type)):
        strange = ~np.isin(blocks.pixel_type, list(PIXEL_TYPES))
        blocks = left_out.drop(blocks, strange, "an unknown pixel type")
    left_out.raise_if_empty(blocks)
    # Planes come before scenes and levels: a subblock of several planes is several rows of each.
    rows = split_planes(blocks, left_out, notes)
    left_out.raise_if_empty(rows.blocks)
    if not len(rows.blocks):
        return (), tuple(notes)
    rows = _drop_overviews(rows, left_out)
    numbers = _scene_numbers(rows.blocks, source, notes)
    # Sorted by scene, then by M: "M-index starts counting from zero to the number of tiles on that
    # plane" (libCZI), and a tile of higher M covers one of lower M.
    m = rows.blocks.start.get("M", np.zeros(len(rows.blocks), np.int64))
    same_scene = numbers[1:] == numbers[:-1]
    in_order = (numbers[1:] > numbers[:-1]) | (same_scene & (m[1:] >= m[:-1]))
    if not holds_everywhere(in_order):
        # Sorting 100 000 rows takes 7 ms; ZEN writes most files in order.
        order = np.lexsort((m, numbers))
        rows, numbers = rows.take(order), numbers[order]
    blocks = rows.blocks
    context = FileContext(
        source,
        tiles=tiles and holds_somewhere(m > 0),
        shared=_find_shared(rows),
        left_out=left_out,
        notes=notes,
        compact=are_near(blocks) and fit_small_canvas(blocks),
        all_full=not any(holds_somewhere(blocks.size[a] != blocks.stored_size[a]) for a in "YX"),
    )
    scenes = []
    groups = split_runs(numbers)
    for group in groups:
        scene_rows = rows if len(groups) == 1 else rows.take(group)
        number = None
        if "S" in scene_rows.blocks.present and scene_rows.blocks.present["S"][0]:
            number = int(numbers[group.start])
        scenes.append(_build_scene(context, number, scene_rows))
    return tuple(scenes), tuple(notes)


def _drop_overviews(rows: PlaneRows, left_out: LeftOut) -> PlaneRows:
    """Leave out pyramid levels without a scene if nothing of full resolution lacks one: an overview
    of all scenes is no scene.
    """
    blocks = rows.blocks
    if "S" not in blocks.present or blocks.present["S"].all() or not blocks.present["S"].any():
        return rows
    without = ~blocks.present["S"]
    coarse = blocks.stored_size["Y"] < blocks.size["Y"]
    coarse |= blocks.stored_size["X"] < blocks.size["X"]
    if not coarse[without].all():
        return rows
    left_out.count(blocks, without, "no scene, which are pyramid levels only")
    return rows.take(~without)


def _scene_numbers(blocks: Subblocks, source: Source, notes: list[Diagnostic]) -> Ints:
    """Return the scene of each subblock; those without S come last, in a scene of their own."""
    if "S" not in blocks.start or not blocks.present["S"].any():
        return np.zeros(len(blocks), np.int64)
    without = ~blocks.present["S"]
    if not without.any():
        return blocks.start["S"]
    message = (
        f"{count_of(int(without.sum()), 'subblock', 'have', total=len(blocks))} no scene: "
        "shown as a scene of their own"
    )
    notes.append(Diagnostic("subblocks-without-scene", message, source.uri))
    # Behind all others, so that the indices of the numbered scenes do not change.
    return np.where(without, blocks.start["S"].max() + 1, blocks.start["S"])


def _find_shared(rows: PlaneRows) -> dict[str, PackedIntegers]:
    shared = {}
    for name, values in stored_columns(rows).items():
        low, high = find_ends(values)
        if low == high:
            shared[name] = PackedIntegers.constant(low, len(values))
    return shared


# ---------------------------------------------------------------- one scene


def _build_scene(context: FileContext, number: int | None, rows: PlaneRows) -> SceneData:
    name = "the file" if number is None else f"scene {number}"
    if not context.compact:
        rows = _drop_outliers(context, rows)
    blocks = rows.blocks
    grid = make_grid(blocks, tiles=False)
    check_plane_count(grid, blocks, context.source.uri)
    keys = grid.keys(blocks)
    level_factors, selections = _find_levels(context, name, blocks, keys)
    if context.tiles:
        # Pyramid levels have no tiles of their own, and their M is arbitrary.
        rows = _drop_distant_m(context, rows.take(selections[0]))
        blocks = rows.blocks
        grid = make_grid(blocks, tiles=True)
        check_plane_count(grid, blocks, context.source.uri)
        keys = grid.keys(blocks)
        level_factors = level_factors[:1]
        selections = [np.ones(len(blocks), np.bool_)]
    y, x = (blocks.start[axis][selections[0]] for axis in "YX")
    corner = find_ends(y)[0], find_ends(x)[0]
    pixel_types = distinct(blocks.pixel_type)
    dtype = _common_dtype(pixel_types)
    levels: list[LazyArray] = []
    listings: list[Ints] = []
    base: Canvas | None = None
    table = None
    for factor, selected in zip(level_factors, selections, strict=True):
        # A level that shows nothing new is none: users would read the same pixels by two numbers.
        if not holds_somewhere(selected):
            continue
        level_rows = rows if holds_everywhere(selected) else rows.take(selected)
        if context.tiles:
            canvas = place_tiles_apart(level_rows.blocks, factor)
        else:
            canvas = place_on_canvas(level_rows.blocks, corner, factor, base)
        level = LevelRows.sort(keys[selected], level_rows, canvas)
        layout = build_layout(context.source, level, canvas, grid, pixel_types, context.shared)
        if base is None:
            base = canvas
            table = find_table_of_tiles(level, layout, factor)
            _count_covered(context, level)
        dims = Dims("".join(grid.letters) + "YX" + "S" * (layout.samples > 0), layout.shape)
        levels.append(LazyArray.whole(layout, dims, dtype))
        listings.append(level.rows.blocks.listing_index)
    _note_gaps(levels[0], name, pixel_types, context.notes)
    scale = (1.0, 1.0) if base is None else base.scale
    return SceneData(
        number, tuple(levels), tuple(listings), tuple(grid.first.items()), table, scale
    )


def _count_covered(context: FileContext, level: LevelRows) -> None:
    covered = level.find_covered()
    if covered is not None:
        reason = "the place and size of another one, which covers them"
        context.left_out.count(level.rows.blocks, covered, reason)


def _drop_outliers(context: FileContext, rows: PlaneRows) -> PlaneRows:
    """Leave out the subblocks that lie far from all others: their positions are damaged."""
    blocks = rows.blocks
    # Before anything is measured: one absurd position makes a canvas or a grid of terabytes.
    # Rows are found again by their place, because the outliers are dropped from the columns.
    places = attrs.evolve(blocks, listing_index=np.arange(len(blocks)))
    sound = drop_distant_planes(places, context.left_out)
    if not context.tiles:
        sound = drop_distant_tiles(sound, context.left_out)
    return rows if len(sound) == len(blocks) else rows.take(sound.listing_index)


def _drop_distant_m(context: FileContext, rows: PlaneRows) -> PlaneRows:
    places = attrs.evolve(rows.blocks, listing_index=np.arange(len(rows.blocks)))
    sound = drop_distant_planes(places, context.left_out, "M")
    return rows if len(sound) == len(places) else rows.take(sound.listing_index)


def _common_dtype(pixel_types: list[int]) -> np.dtype[Any]:
    # Channels of one scene may have different pixel types; one array holds them all without loss.
    return np.result_type(*(PIXEL_TYPES[one].dtype for one in pixel_types)).newbyteorder("=")


# ---------------------------------------------------------------- which subblocks a level shows


def _find_levels(
    context: FileContext, name: str, blocks: Subblocks, keys: Ints
) -> tuple[tuple[float, ...], list[Bools]]:
    """Return the factor of each level, and the mask of the subblocks that it shows."""
    if context.all_full:
        return (1.0,), [np.ones(len(blocks), np.bool_)]
    factors = measure_factors(blocks)
    level_factors = choose_level_factors(factors)
    if level_factors[0] > 1:
        message = f"{name} has pyramid levels only; the finest is taken as level 0"
        context.notes.append(Diagnostic("no-full-resolution", message))
    return level_factors, _select_levels(context, name, blocks, keys, factors, level_factors)


def _select_levels(
    context: FileContext,
    name: str,
    blocks: Subblocks,
    keys: Ints,
    factors: npt.NDArray[np.float64],
    level_factors: tuple[float, ...],
) -> list[Bools]:
    """Choose the subblocks of each level, one mask per level factor.

    A plane without subblocks of a level, in whole or in part, shows those of the next finer level; level 0
    shows the subblocks nearest to full resolution. A level that shows nothing new is empty.
    """
    if len(level_factors) == 1 and (factors == level_factors[0]).all():
        return [np.ones(len(blocks), np.bool_)]
    base = level_factors[0]
    selected, resampled_planes = _select_base(context, blocks, keys, factors, base)
    selections = [selected]
    shown = selected.copy()
    for factor in level_factors[1:]:
        own = factors == factor
        if not (own & ~shown).any():
            selections.append(np.zeros(len(blocks), np.bool_))
            continue
        planes = distinct(keys[own])
        missing = selected & ~is_among(keys, planes)
        parts = find_lacking_parts(blocks, keys, selected & ~missing, own)
        if parts.any():
            message = (
                f"{name}: the level of factor {factor:g} lacks parts of "
                f"{len(distinct(keys[parts]))} of its {len(planes)} planes; they are reduced from "
                "the next finer level"
            )
            context.notes.append(Diagnostic("levels-of-some-parts", message))
        if missing.any():
            count = len(distinct(keys[missing]))
            message = (
                f"{name}: the level of factor {factor:g} is missing for {count} of "
                f"{len(planes) + count} planes; they are reduced from the next finer level"
            )
            context.notes.append(Diagnostic("levels-of-some-planes", message))
        selected = own | missing | parts
        selections.append(selected)
        shown |= selected
    if resampled_planes:
        message = (
            f"{name}: {resampled_planes} of {len(distinct(keys))} planes are stored, in whole or in "
            "part, at another resolution only; they are scaled into their rectangles"
        )
        context.notes.append(Diagnostic("scaled-planes", message, context.source.uri))
    if not shown.all():
        reason = "a copy, at another resolution, of a plane that is shown"
        context.left_out.count(blocks, ~shown, reason)
    return selections


def _select_base(
    context: FileContext,
    blocks: Subblocks,
    keys: Ints,
    factors: npt.NDArray[np.float64],
    base: float,
) -> tuple[Bools, int]:
    """Choose the subblocks of level 0, and count the planes and tiles that must be scaled."""
    full = factors == base
    plane_has_full = is_among(keys, distinct(keys[full]))
    selected = full.copy()
    orphans = np.flatnonzero(~plane_has_full)
    count = len(distinct(keys[orphans]))
    if len(orphans):
        # Distance in octaves from full resolution. A subblock whose factors along Y and X differ
        # counts by its area.
        area = blocks.size["Y"] * blocks.size["X"]
        stored_area = blocks.stored_size["Y"] * blocks.stored_size["X"]
        measured = np.where(np.isnan(factors), np.sqrt(area / stored_area), factors)
        distance = np.round(np.abs(np.log2(measured / base)), 3)
        planes, plane_index = np.unique(keys[orphans], return_inverse=True)
        # Per plane, the least distance; every subblock at this distance is shown.
        nearest = np.full(len(planes), np.inf)
        np.minimum.at(nearest, plane_index, distance[orphans])
        selected[orphans] = distance[orphans] == nearest[plane_index]
    if not context.tiles:
        # By PyramidType 0 a coarse subblock is no pyramid level (section 3.3).
        coarse = plane_has_full & ~full & (blocks.pyramid_type == 0) & (factors > base)
        if coarse.any():
            # An overview of PyramidType 0 lies over full-resolution tiles and must not cover them.
            uncovered = find_uncovered(blocks, keys, coarse, full)
            count += int(uncovered.sum())
            selected |= uncovered
    return selected, count


def _note_gaps(
    array: LazyArray, name: str, pixel_types: list[int], notes: list[Diagnostic]
) -> None:
    """Add diagnostics for planes without subblocks and for mixed pixel types."""
    layout = array.layout
    if isinstance(layout, CziLayout):
        plane_count = 1
        for size in layout.shape[: layout.plane_ndim]:
            plane_count *= size
        missing = plane_count - layout.count_planes()
        if missing:
            planes = count_of(missing, "plane", "have", total=plane_count)
            message = f"{name}: {planes} no subblock, read as zero"
            notes.append(Diagnostic("missing-planes", message))
    if len(pixel_types) > 1:
        names = ", ".join(PIXEL_TYPES[one].name for one in pixel_types)
        message = f"{name}: planes of {names} are read as {array.dtype}"
        notes.append(Diagnostic("mixed-pixel-types", message))
