"""Images whose planes differ in shape or type, split into images whose planes are alike.

Rule kept here: pure functions of tables. An array has one shape and one type; a channel that is
colour beside one that is grey is a scene of its own, as it is a series of its own in Bio-Formats.
So is a time point or a section of another shape or type, which stays blank in its own place.
"""

from collections.abc import Sequence

import attrs
import numpy as np

from aicsio._ome.model import OmeImage
from aicsio.errors import UnsupportedFormatError
from aicsio.formats._tiff.page import PageStructure
from aicsio.formats._tiff.page_tables import Integers
from aicsio.formats.ome_tiff.planes import PlaneTable
from aicsio.records import Diagnostic, Dims, Planes


@attrs.frozen(eq=False)
class UniformPart:
    """Planes of an image that have pages of one structure; lives while a set is opened."""

    image: OmeImage
    """The image, with these planes alone."""
    table: PlaneTable
    """Their pages."""
    letter: str = "C"
    """Axis along which the image was split."""
    positions: tuple[int, ...] | None = None
    """Which positions along it they have; ``None`` for all."""


def split_mixed(image: OmeImage, table: PlaneTable) -> tuple[list[UniformPart], list[Diagnostic]]:
    """Split an image along one axis into images that have pages of one structure.

    Channels come first, then time points, then sections. Time points and sections that differ from
    the first are scenes besides, and blank in the image: taking them out would move those behind.
    An image whose planes differ along two axes stays whole. Planes that do not fit the first one
    are then blank, with a diagnostic.
    """
    # Nearly every image has pages of one structure in one file: nothing is to be compared.
    if sum(len(page_table.segment_tables) for page_table in table.page_tables) < 2:
        return [UniformPart(image, table)], []
    look_of = _look_of_planes(table)
    for letter in "CTZ":
        groups = _group_positions(table, look_of, letter)
        if groups is not None:
            break
    else:
        return [UniformPart(image, table)], []
    parts = []
    if letter != "C":
        everything = tuple(range(table.shape[table.letters.index(letter)]))
        parts.append(UniformPart(image, table, letter, everything))
        groups = groups[1:]
    for positions in groups:
        part, part_table = _take_positions(image, table, letter, positions)
        parts.append(UniformPart(part, part_table, letter, positions))
    names = ", ".join(part.image.name or "" for part in parts)
    message = f"the pages differ along {letter}: they are {len(parts)} scenes, {names}"
    return parts, [Diagnostic("ome-mixed-pages", message[:300], image.name)]


def _look_of_planes(table: PlaneTable) -> Integers:
    """Number the different structures of pages; -1 for planes that are missing."""
    looks: dict[object, int] = {}
    look_of = np.full(len(table.page_of), -1, np.int64)
    for number, page_table in enumerate(table.page_tables):
        number_of_kind = [
            looks.setdefault(_look(rows.structure), len(looks))
            for rows in page_table.segment_tables
        ]
        planes = np.flatnonzero(
            (table.table_of == number) & (table.page_of >= 0) & (table.page_of < len(page_table))
        )
        # -1 marks pages that cannot be used: they are blank whatever the others look like.
        kinds = page_table.segment_table_of[table.page_of[planes]]
        look_of[planes] = np.where(kinds < 0, -1, np.array(number_of_kind, np.int64)[kinds])
    return look_of


def _look(kind: PageStructure) -> object:
    try:
        return kind.shape, kind.dtype.newbyteorder("=")
    except UnsupportedFormatError:
        return kind.shape, None


def _group_positions(
    table: PlaneTable, look_of: Integers, letter: str
) -> list[tuple[int, ...]] | None:
    """Group positions of an axis by structure; ``None`` if it differs within one, or never."""
    axis = table.letters.index(letter)
    by_position = np.moveaxis(look_of.reshape(table.shape), axis, 0)
    by_position = by_position.reshape(table.shape[axis], -1)
    # Missing planes are -1: the highest number of a position is that of a page it has.
    highest = by_position.max(axis=1)
    differs = (by_position != highest[:, None]) & (by_position >= 0)
    if differs.any():
        return None
    looks = highest.tolist()
    # Numbers count the structures of all images of the set: the first one here may be any.
    first = next((look for look in looks if look >= 0), 0)
    groups: dict[int, list[int]] = {}
    for position, look in enumerate(looks):
        # A position without pages stays with those before it, the first ones with those behind.
        group = look if look >= 0 else next(reversed(groups), first)
        groups.setdefault(group, []).append(position)
    return list(map(tuple, groups.values())) if len(groups) > 1 else None


def _take_positions(
    image: OmeImage, table: PlaneTable, letter: str, positions: tuple[int, ...]
) -> tuple[OmeImage, PlaneTable]:
    """Return some positions of an image along an axis."""
    axis = table.letters.index(letter)
    numbers = np.arange(len(table.page_of)).reshape(table.shape)
    planes = numbers.take(positions, axis=axis).reshape(-1)
    shape = (*table.shape[:axis], len(positions), *table.shape[axis + 1 :])
    part = attrs.evolve(
        table,
        shape=shape,
        table_of=table.table_of[planes],
        page_of=table.page_of[planes],
        pages=None,
    )
    channels = image.channels
    if letter == "C":
        channels = tuple(channels[index] for index in positions if index < len(channels))
    described = attrs.evolve(
        image,
        name=f"{image.label or 'Image'} {letter}={_format_positions(positions)}",
        channels=channels,
        planes=None if image.planes is None else _take_planes(image.planes, letter, positions),
        # Positions folded into the axis run over all of it, which is no longer together.
        modulo=tuple(modulo for modulo in image.modulo if modulo.along != letter),
    )
    return described, attrs.evolve(part, kind=first_structure(part))


def first_structure(table: PlaneTable) -> PageStructure | None:
    """Return the structure of the first plane that is not missing."""
    for number, page in zip(table.table_of.tolist(), table.page_of.tolist(), strict=True):
        if page >= 0:
            kind: PageStructure | None = table.page_tables[number].structure(page)
            if kind is not None:
                return kind
    return None


def _take_planes(planes: Planes, letter: str, positions: Sequence[int]) -> Planes | None:
    axis = planes.dims.order.index(letter)
    shape = planes.dims.shape
    if max(positions) >= shape[axis]:
        return None
    columns = {}
    for name in ("time", "exposure", "x", "y", "z"):
        column = planes.column(name)
        if column is not None:
            columns[name] = column.take(positions, axis=axis).tobytes()
    shape = (*shape[:axis], len(positions), *shape[axis + 1 :])
    return Planes(Dims(planes.dims.order, shape), **columns, start=planes.start)


def _format_positions(positions: tuple[int, ...]) -> str:
    """Write positions as ``0``, ``0-3`` or ``0,2,5``; long lists end with dots."""
    first, last = positions[0], positions[-1]
    if len(positions) > 1 and positions == tuple(range(first, last + 1)):
        return f"{first}-{last}"
    shown = ",".join(map(str, positions[:8]))
    return shown if len(positions) <= 8 else f"{shown},..."
