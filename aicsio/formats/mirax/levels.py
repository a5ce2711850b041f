"""Levels of a slide: which part of which image is shown where.

Rule kept here: pixels are shown as they are stored. A part whose place is a fraction of a pixel goes
to the nearest pixel, and nothing is interpolated.

Source of the facts: see ``aicsio.formats.mirax``. The camera takes photos that overlap, and records
where each was taken. A photo is cut into ``divisions`` x ``divisions`` images without overlap. An
image of a level covers ``step`` x ``step`` cells of the grid of images, 2 to the power of the sum of
IMAGE_CONCAT_FACTOR up to the level: as soon as it covers several photos, each part of it is placed
where its photo was taken. Where photos overlap the one further down and to the right is shown. Only
photos with an image of full resolution are valid; of those flagged as empty the positions are not.
"""

from typing import Any, Final

import attrs
import numpy as np

from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.mirax.index import Table
from aicsio.formats.mirax.layout import BLOCK_IMAGES, LARGEST_BLOCK, MiraxLayout
from aicsio.formats.mirax.settings import Settings
from aicsio.formats.mirax.slide import Slide
from aicsio.records import Diagnostic, Source
from aicsio.records.packed import PackedIntegers

ZOOM: Final = "Slide zoom level"
CODECS: Final = {"JPEG": "jpeg", "JPG": "jpeg", "PNG": "png", "BMP": "bmp", "BMP24": "bmp"}
"""Codec by IMAGE_FORMAT."""
MOST_LEVELS: Final = 32
LARGEST_FIRST: Final = 6
"""IMAGE_CONCAT_FACTOR of full resolution; slides that were saved at 1/16 of it have 4."""
LARGEST_IMAGE: Final = 1 << 12
"""Rows or columns of an image; slides have 128 to 2048."""
SAMPLES: Final = 3
WHITE: Final = b"\xff\xff\xff"


@attrs.frozen(eq=False)
class LevelSettings:
    """What the settings state about a level. Not a record: it lives for one opening."""

    section: str
    """Section of the settings."""
    number: int
    """Position in the index."""
    step: int
    """Cells of the grid along a side of an image."""
    size: tuple[int, int]
    """Rows and columns of an image."""
    codec: str
    """Of an image."""
    fill: bytes
    """One pixel where no image is: red, green, blue."""


@attrs.frozen(eq=False)
class PhotoCanvas:
    """Photos and the area that they cover. Not a record: it lives for one opening."""

    slide: Slide
    """The slide."""
    first: LevelSettings
    """Full resolution."""
    size: tuple[int, int]
    """Rows and columns of cells without the overlaps of photos, as ``step`` 1 would show them."""
    places: Table
    """int64, one row a photo: y and x of its corner, in the pixels of ``size``."""
    is_valid: Table
    """Whether each photo is shown."""


def list_levels(slide: Slide) -> tuple[list[LevelSettings], list[Diagnostic]]:
    """Return the levels of a slide, full resolution first, and trouble with their settings.

    Raises
    ------
    CorruptFileError
        When a size is missing or implausible.
    UnsupportedFormatError
        When images are of a kind that is not read.
    """
    levels: list[LevelSettings] = []
    notes: list[Diagnostic] = []
    exponent = 0
    for record in slide.layers("HIER", ZOOM):
        if len(levels) == MOST_LEVELS:
            break
        section, settings = record.section, slide.settings
        # Each level doubles the step at least once, the first only if the slide was saved smaller.
        exponent += settings.count(
            section, "IMAGE_CONCAT_FACTOR", *((1, 16) if levels else (0, LARGEST_FIRST))
        )
        if exponent > 30:
            raise CorruptFileError.at(
                settings.source.uri, None, f"levels of a step of 2**{exponent}"
            )
        kind = settings.get(section, "IMAGE_FORMAT") or "JPEG"
        if kind.upper() not in CODECS:
            raise UnsupportedFormatError(
                f"{settings.source.uri} has images of format {kind!r}; {', '.join(CODECS)} are read"
            )
        height = settings.count(section, "DIGITIZER_HEIGHT", 1, LARGEST_IMAGE)
        width = settings.count(section, "DIGITIZER_WIDTH", 1, LARGEST_IMAGE)
        fill, trouble = _read_fill(settings, section)
        notes += trouble
        levels.append(
            LevelSettings(
                section,
                record.number,
                1 << exponent,
                (height, width),
                CODECS[kind.upper()],
                fill,
            )
        )
    if not levels:
        raise CorruptFileError.at(slide.settings.source.uri, None, f"expected a layer {ZOOM!r}")
    return levels, notes


def _read_fill(settings: Settings, section: str) -> tuple[bytes, list[Diagnostic]]:
    """Return red, green and blue where no image is: white, unless the level states a colour."""
    try:
        # A number of 32 bits, with sign or without; the highest byte is no colour.
        colour = settings.between(section, "IMAGE_FILL_COLOR_BGR", -(1 << 31), (1 << 32) - 1)
    except CorruptFileError as error:
        text = f"places without an image are shown white: {error}"
        return WHITE, [Diagnostic("mirax-fill-colour", text, settings.source.uri, loss=True)]
    if colour is None:
        return WHITE, []
    # The lowest byte is red: the name lists the bytes from the highest on.
    return int(colour).to_bytes(5, "little", signed=True)[:SAMPLES], []


# ---------------------------------------------------------------- photos


def place_photos(slide: Slide, first: LevelSettings) -> PhotoCanvas:
    """Return where each photo lies, and which of them are shown.

    Raises
    ------
    CorruptFileError
        When overlaps or positions are damaged, or the slide has no image.
    """
    settings = slide.settings
    overlaps = []
    for axis, side in zip("YX", first.size, strict=True):
        # Negative where photos lie apart; either way less than a photo.
        most = side * slide.divisions - 1
        stated = settings.between(first.section, f"OVERLAP_{axis}", -most, most)
        overlaps.append(stated or 0.0)
    size = []
    for cells, side, overlap in zip(slide.grid, first.size, overlaps, strict=True):
        # OpenSlide cuts the fraction of the overlap between two photos.
        between = (cells - 1) // slide.divisions
        size.append(cells * side + between * int(np.floor(-overlap)))
    if min(size) < first.step or max(size) >= 2**31:
        raise CorruptFileError.at(
            settings.source.uri, None, f"photos make {size[1]} x {size[0]} pixels"
        )
    is_valid = _find_photos(slide, first)
    positions = slide.read_positions()
    if positions is None:
        rows, columns = np.indices(slide.photos).reshape(2, -1)
        advance = [
            side * slide.divisions - overlap
            for side, overlap in zip(first.size, overlaps, strict=True)
        ]
        places = np.stack([rows * advance[0], columns * advance[1]], axis=1).astype(np.int64)
        return PhotoCanvas(slide, first, (size[0], size[1]), places, is_valid)
    # The table counts pixels of the first level, `places` those of step 1.
    places = np.stack([positions["y"], positions["x"]], axis=1).astype(np.int64) * first.step
    if positions["flag"].any():
        is_valid &= positions["flag"] == 1
    # Without flags an empty photo lies at 0, as the first one may.
    is_valid[1:] &= places[1:].any(axis=1)
    if not is_valid.any():
        raise CorruptFileError.at(slide.index.source.uri, None, "it has no image of a photo")
    return PhotoCanvas(slide, first, (size[0], size[1]), places, is_valid)


def _find_photos(slide: Slide, first: LevelSettings) -> Table:
    """Return which photos an image of full resolution shows."""
    cells = slide.index.images(first.number)[:, 0].astype(np.int64)
    y, x = _cells_to_grid(slide, cells)
    is_valid = np.zeros(slide.photos, np.bool_)
    for row in range(0, first.step, slide.divisions):
        for column in range(0, first.step, slide.divisions):
            down, across = (y + row) // slide.divisions, (x + column) // slide.divisions
            inside = (y >= 0) & (down < slide.photos[0]) & (across < slide.photos[1])
            is_valid[down[inside], across[inside]] = True
    if not is_valid.any():
        raise CorruptFileError.at(slide.index.source.uri, None, "it has no image of a photo")
    return is_valid.reshape(-1)


def _cells_to_grid(slide: Slide, cells: Table) -> tuple[Table, Table]:
    """Return row and column of cells; the row of one outside of the grid is -1."""
    y, x = np.divmod(cells, slide.grid[1])
    return np.where((cells >= 0) & (y < slide.grid[0]), y, -1), x


# ---------------------------------------------------------------- parts of images


@attrs.frozen(eq=False)
class _Parts:
    """Parts of images, each of one photo. Not a record: it lives for one opening."""

    image: Table
    """Number of the image."""
    order: Table
    """Of the part: a later one covers an earlier one."""
    bounds: Table
    """int64, shape (2, 3, parts): first position on the level, in the image, and size, of Y and X."""


def lay_out(
    canvas: PhotoCanvas, level: LevelSettings
) -> tuple[MiraxLayout | None, list[Diagnostic]]:
    """Return the layout of a level, and trouble with its images.

    Returns
    -------
    layout : MiraxLayout or None
        ``None`` if no image of the level is there.
    diagnostics : list of Diagnostic
        Images that are not there.
    """
    slide, uri = canvas.slide, canvas.slide.index.source.uri
    notes: list[Diagnostic] = []
    items = slide.index.images(level.number)
    size = (canvas.size[0] // level.step, canvas.size[1] // level.step)
    if min(size) < 1 or not len(items):
        return None, notes
    is_there, sources, files = _find_images(slide, items)
    if not is_there.all():
        text = (
            f"{np.count_nonzero(~is_there)} of {len(items)} images of {level.section} are not there"
        )
        notes.append(
            Diagnostic("mirax-missing-images", f"{text}: they show the fill colour", uri, loss=True)
        )
    if not is_there.any():
        return None, notes
    items, files = items[is_there], files[is_there]
    parts = _cut_images(canvas, level, items[:, 0].astype(np.int64))
    return _pack(canvas, level, size, sources, (items, files), parts), notes


def _find_images(slide: Slide, items: Table) -> tuple[Table, tuple[Source, ...], Table]:
    """Return which images lie inside of their files, the files, and the file of each image."""
    present = {number: file for number, file in enumerate(slide.files) if file is not None}
    numbers = np.array([*present], np.int64)
    files = items[:, 3]
    rows = np.minimum(numbers.searchsorted(files), max(len(numbers) - 1, 0))
    if not len(numbers):
        return np.zeros(len(items), np.bool_), (), rows
    ends = np.array([file.size or 0 for file in present.values()], np.int64)
    # The sum of two int32 could wrap.
    offsets, lengths = items[:, 1].astype(np.int64), items[:, 2].astype(np.int64)
    is_there = (numbers[rows] == files) & (offsets >= 0) & (lengths > 0)
    is_there &= offsets + lengths <= ends[rows]
    y, x = _cells_to_grid(slide, items[:, 0].astype(np.int64))
    return is_there & (y >= 0) & (x >= 0), tuple(present.values()), rows


def _cut_images(canvas: PhotoCanvas, level: LevelSettings, cells: Table) -> _Parts:
    """Cut the images of a level into the parts of photos, and place them."""
    slide, step = canvas.slide, level.step
    across, divisions = slide.grid[1], slide.divisions
    # Photos along a side of an image; 1, too, where a photo has several images.
    count = max(1, step // divisions)
    if count == 1:
        # An image shows some of one photo.
        image, cell = np.arange(len(cells)), np.stack(np.divmod(cells, across))
        photo_y, photo_x = cell // divisions
        is_shown = (photo_y < slide.photos[0]) & (photo_x < slide.photos[1])
        # The index gives the first of the cells that an image covers.
        is_shown &= (cell % step == 0).all(axis=0)
        photo = np.where(is_shown, photo_y * slide.photos[1] + photo_x, 0)
    else:
        # A photo is some of one image.
        photo = np.flatnonzero(canvas.is_valid)
        cell = np.stack(np.divmod(photo, slide.photos[1])) * divisions
        # The first cell of the image that has each photo.
        wanted = cell[0] // step * step * across + cell[1] // step * step
        # The index need not list images in the order of their cells.
        ordered = np.argsort(cells, kind="stable")
        rows = np.minimum(cells[ordered].searchsorted(wanted), max(len(cells) - 1, 0))
        image = ordered[rows]
        is_shown = cells[image] == wanted
    is_shown &= canvas.is_valid[photo]
    image, cell, photo = image[is_shown], cell[:, is_shown], photo[is_shown]
    # Where the cell begins in its photo, in the pixels of `places`.
    within = cell % divisions * np.array(canvas.first.size)[:, None]
    at = (canvas.places[photo].T + within) / step
    # Which photo of its image a part is, along each axis.
    numbers = cell % step // divisions
    bounds = [_bound(at[axis], numbers[axis], count, level.size[axis]) for axis in (0, 1)]
    return _Parts(image, cell[0] * across + cell[1], np.array(bounds))


def _bound(at: Table, numbers: Table, count: int, side: int) -> Table:
    """Return first position on the level, in the image, and size of parts, along one axis."""
    # Edges of parts that are no whole pixels are rounded: each pixel belongs to one part.
    low, high = (np.floor((numbers + end) * side / count + 0.5).astype(np.int64) for end in (0, 1))
    # An edge that was rounded moves the place on the level by as much.
    start = np.floor(at + (low - numbers * side / count) + 0.5).astype(np.int64)
    return np.stack([start, low, high - low])


def _pack(
    canvas: PhotoCanvas,
    level: LevelSettings,
    size: tuple[int, int],
    sources: tuple[Source, ...],
    images: tuple[Table, Table],
    parts: _Parts,
) -> MiraxLayout:
    """Cut parts off at the edges of the level, sort them by blocks, and pack them."""
    start, inside, extent = (parts.bounds[:, kind] for kind in range(3))
    before = np.maximum(-start, 0)
    limit = np.array(size)[:, None]
    extent = np.minimum(extent - before, limit - start - before)
    start, inside = start + before, inside + before
    shown = np.flatnonzero((extent > 0).all(axis=0))
    # No part is larger than a block: MiraxLayout looks for parts in four of them alone.
    block = [
        min(max(side, min(BLOCK_IMAGES * side, LARGEST_BLOCK)), whole)
        for side, whole in zip(level.size, size, strict=True)
    ]
    keys = start[0] // block[0] * -(-size[1] // block[1]) + start[1] // block[1]
    # `lexsort` sorts by its last key first: by blocks, then in the order of photos.
    shown = shown[np.lexsort((parts.order[shown], keys[shown]))]
    items, files = images

    def pack(values: Table) -> PackedIntegers:
        return PackedIntegers.pack(values)

    image: Any = parts.image[shown]
    used, image = np.unique(image, return_inverse=True)
    return MiraxLayout(
        sources=sources,
        shape=(*size, SAMPLES),
        image=level.size,
        block=(block[0], block[1]),
        is_whole=level.step // canvas.slide.divisions < 2,
        codec=level.codec,
        fill=level.fill,
        keys=keys[shown].astype("<i8").tobytes(),
        order=pack(parts.order[shown]),
        images=pack(image),
        y=pack(start[0][shown]),
        x=pack(start[1][shown]),
        inside_y=pack(inside[0][shown]),
        inside_x=pack(inside[1][shown]),
        height=pack(extent[0][shown]),
        width=pack(extent[1][shown]),
        files=pack(files[used]),
        offsets=pack(items[used, 1]),
        lengths=pack(items[used, 2]),
    )
