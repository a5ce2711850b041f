"""Images whose channels differ in shape or type, split into images whose planes are alike.

Rule kept here: pure functions of tables. An array has one shape and one type; a channel that is
colour beside one that is grey is a scene of its own, as it is a series of its own in Bio-Formats.
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
class ImageChannels:
    """Channels of an image that have pages of one structure; lives while a set is opened."""

    image: OmeImage
    """The image, with these channels alone."""
    table: PlaneTable
    """Their pages."""
    channels: tuple[int, ...] | None = None
    """Which of the image's channels they are; ``None`` for all."""


def split_mixed(image: OmeImage, table: PlaneTable) -> tuple[list[ImageChannels], list[Diagnostic]]:
    """Split an image into images of the channels that have pages of one structure.

    An image whose planes differ within a channel stays whole: a section or a time point cannot be
    taken out without moving those behind it. Planes that do not fit the first one are then blank,
    with a diagnostic.
    """
    # Nearly every image has pages of one structure in one file: nothing is to be compared.
    if sum(len(page_table.segment_tables) for page_table in table.page_tables) < 2:
        return [ImageChannels(image, table)], []
    look_of = _look_of_planes(table)
    groups = _group_channels(table, look_of)
    if groups is None:
        return [ImageChannels(image, table)], []
    parts, names = [], []
    for channels in groups:
        part, part_table = _take_channels(image, table, channels)
        parts.append(ImageChannels(part, part_table, channels))
        names.append(part.name or "")
    message = f"the pages of its channels differ: they are {len(parts)} scenes, {', '.join(names)}"
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


def _group_channels(table: PlaneTable, look_of: Integers) -> list[tuple[int, ...]] | None:
    """Group channels by structure; ``None`` if it differs within a channel, or never."""
    axis = table.letters.index("C")
    by_channel = np.moveaxis(look_of.reshape(table.shape), axis, 0)
    by_channel = by_channel.reshape(table.shape[axis], -1)
    # Missing planes are -1: the highest number of a channel is that of a page it has.
    highest = by_channel.max(axis=1)
    differs = (by_channel != highest[:, None]) & (by_channel >= 0)
    if differs.any():
        return None
    groups: dict[int, list[int]] = {}
    for channel, look in enumerate(highest.tolist()):
        # A channel without pages stays with those before it.
        group = look if look >= 0 else next(reversed(groups), 0)
        groups.setdefault(group, []).append(channel)
    return list(map(tuple, groups.values())) if len(groups) > 1 else None


def _take_channels(
    image: OmeImage, table: PlaneTable, positions: tuple[int, ...]
) -> tuple[OmeImage, PlaneTable]:
    """Return some channels of an image."""
    axis = table.letters.index("C")
    numbers = np.arange(len(table.page_of)).reshape(table.shape)
    planes = numbers.take(positions, axis=axis).reshape(-1)
    shape = (*table.shape[:axis], len(positions), *table.shape[axis + 1 :])
    part = attrs.evolve(
        table,
        shape=shape,
        table_of=table.table_of[planes],
        page_of=table.page_of[planes],
    )
    channels = [image.channels[index] for index in positions if index < len(image.channels)]
    described = attrs.evolve(
        image,
        name=f"{image.name or image.well or 'Image'} C={_format_positions(positions)}",
        channels=tuple(channels),
        planes=None if image.planes is None else _take_planes(image.planes, positions),
        # Positions folded into C run over all channels, which are no longer together.
        modulo=tuple(modulo for modulo in image.modulo if modulo.along != "C"),
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


def _take_planes(planes: Planes, channels: Sequence[int]) -> Planes | None:
    axis = planes.dims.order.index("C")
    shape = planes.dims.shape
    if max(channels) >= shape[axis]:
        return None
    columns = {}
    for name in ("time", "exposure", "x", "y", "z"):
        column = planes.column(name)
        if column is not None:
            columns[name] = column.take(channels, axis=axis).tobytes()
    shape = (*shape[:axis], len(channels), *shape[axis + 1 :])
    return Planes(Dims(planes.dims.order, shape), **columns)


def _format_positions(positions: tuple[int, ...]) -> str:
    """Write positions as ``0``, ``0-3`` or ``0,2,5``; long lists end with dots."""
    first, last = positions[0], positions[-1]
    if len(positions) > 1 and positions == tuple(range(first, last + 1)):
        return f"{first}-{last}"
    shown = ",".join(map(str, positions[:8]))
    return shown if len(positions) <= 8 else f"{shown},..."
