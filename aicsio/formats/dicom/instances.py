"""What one file of a slide holds: its size, tiles, pixel type, and the places of its frames.

Rule kept here: sizes are compared with each other and with the file before they are used.

Source of the facts: DICOM PS3.3, C.8.12.3 to C.8.12.6 (whole-slide microscopy), C.8.12.14 (tile
organization), C.7.6.3 (pixels), C.7.6.17.3 (order of tiles).
"""

from typing import Final

import attrs
import numpy as np

from aicsio.errors import CorruptFileError
from aicsio.formats.dicom.elements import DataSet
from aicsio.formats.dicom.frames import Integers, locate_encapsulated, locate_raw
from aicsio.formats.dicom.header import SlideHeader
from aicsio.formats.dicom.pixels import FrameFormat, describe_pixels
from aicsio.formats.dicom.positions import FramePlaces, place_frames
from aicsio.records import Source

IMAGE_TYPE, INSTANCE_UID, SERIES_UID = 0x00080008, 0x00080018, 0x0020000E
PYRAMID_UID, CONCATENATION_UID, FRAME_OFFSET = 0x00080019, 0x00209161, 0x00209228
ROWS, COLUMNS, FRAMES = 0x00280010, 0x00280011, 0x00280008
MATRIX_COLUMNS, MATRIX_ROWS, FOCAL_PLANES = 0x00480006, 0x00480007, 0x00480303
OPTICAL_PATHS, PATH_IDENTIFIER = 0x00480105, 0x00480106
PATH_DESCRIPTION, WAVELENGTH = 0x00480107, 0x00220055
SHARED_GROUPS, PIXEL_MEASURES = 0x52009229, 0x00289110
PIXEL_SPACING, SLICE_SPACING = 0x00280030, 0x00180088
VOLUME_WIDTH, VOLUME_HEIGHT = 0x00480001, 0x00480002
MOST_PLANES: Final = 1 << 16
"""Focal planes, or optical paths; slides have some dozens."""
KINDS: Final = ("LABEL", "OVERVIEW", "THUMBNAIL", "LOCALIZER")
"""Third value of ImageType of images beside the volume; LOCALIZER is the former name of OVERVIEW."""


@attrs.define
class Instance:
    """One file of a series. Not a record: it lives for one opening."""

    source: Source
    """The file."""
    data: DataSet
    """Its elements."""
    kind: str
    """``VOLUME``, or one of ``KINDS``."""
    matrix: tuple[int, int]
    """Rows and columns of the whole image."""
    tile: tuple[int, int]
    """Rows and columns of a frame."""
    pixels: FrameFormat
    """Type and codecs."""
    paths: tuple[str, ...]
    """Names of optical paths, in their order: identifiers, which are unique within one file."""
    spacing: tuple[float | None, float | None, float | None]
    """Micrometres between focal planes, rows and columns."""
    offsets: Integers
    """Where each frame begins."""
    nbytes: Integers
    """Bytes of each frame."""
    places: FramePlaces
    """Tile, plane and path of each frame."""
    announced: int
    """Frames that the header announces."""

    @property
    def pyramid(self) -> str:
        """Identifier of the pyramid that it is a level of; empty where the file has none."""
        return self.data.text(PYRAMID_UID)


def distinguish_paths(instances: list[Instance]) -> list[Instance]:
    """Return the files of a pyramid with names of optical paths that are unique among them.

    C.8.12.5: an identifier is unique within the sequence of its file. Files of one level that have
    an identifier in common, with another description or wavelength, show different paths.
    """
    facts: dict[tuple[tuple[int, int], str], tuple[str, float | None]] = {}
    for one in instances:
        for path, item in zip(one.paths, one.data.items(OPTICAL_PATHS), strict=False):
            found = _facts_of_path(item)
            if facts.setdefault((one.matrix, path), found) != found:
                return [_with_full_names(each) for each in instances]
    return instances


def _facts_of_path(item: DataSet) -> tuple[str, float | None]:
    return item.text(PATH_DESCRIPTION), item.decimal(WAVELENGTH)


def _with_full_names(instance: Instance) -> Instance:
    items = instance.data.items(OPTICAL_PATHS)
    names = [
        f"{path} {_facts_of_path(item)}" for path, item in zip(instance.paths, items, strict=False)
    ]
    return attrs.evolve(instance, paths=tuple(names) or instance.paths)


def read_kind(data: DataSet) -> str:
    """Return the kind of an image: the third value of ImageType."""
    values = data.texts(IMAGE_TYPE)
    kind = values[2] if len(values) > 2 else "VOLUME"
    return kind if kind in KINDS else "VOLUME"


def read_instance(header: SlideHeader) -> Instance:
    """Describe a file.

    Raises
    ------
    CorruptFileError
        When sizes are missing, or make no sense.
    UnsupportedFormatError
        For pixels that are coded in a way that is not read.
    """
    data, source = header.data, header.source
    tile = (data.integer(ROWS), data.integer(COLUMNS))
    matrix = (data.integer(MATRIX_ROWS, tile[0]), data.integer(MATRIX_COLUMNS, tile[1]))
    frames = data.count(FRAMES, 1)
    if min(*tile, *matrix, frames) < 1 or max(matrix) > 1 << 31:
        raise CorruptFileError.at(
            source.uri,
            None,
            f"expected tiles of a matrix, found {frames} of {tile} in {matrix} pixels",
        )
    kind = read_kind(data)
    if kind != "VOLUME" and frames == 1:
        # Their one frame is the image, whatever part of the slide the matrix names.
        matrix = tile
    pixels = describe_pixels(header, tile)
    if header.encapsulated:
        offsets, nbytes = locate_encapsulated(header, frames)
    else:
        offsets, nbytes = locate_raw(header, frames, pixels.frame_nbytes)
    paths = tuple(
        item.text(PATH_IDENTIFIER) or str(number)
        for number, item in enumerate(data.items(OPTICAL_PATHS))
    )
    spacing = _read_spacing(data, matrix)
    places = place_frames(
        data,
        first=max(data.integer(FRAME_OFFSET), 0),
        count=len(offsets),
        grid=(-(-matrix[0] // tile[0]), -(-matrix[1] // tile[1])),
        tile=tile,
        planes=max(data.integer(FOCAL_PLANES, 1), 1),
        paths=paths or ("",),
        step=spacing[0],
    )
    return Instance(
        source=source,
        data=data,
        kind=kind,
        matrix=matrix,
        tile=tile,
        pixels=pixels,
        paths=paths or ("",),
        spacing=spacing,
        offsets=offsets,
        nbytes=nbytes,
        places=places,
        announced=frames,
    )


def _read_spacing(
    data: DataSet, matrix: tuple[int, int]
) -> tuple[float | None, float | None, float | None]:
    """Return micrometres along Z, Y and X; the file has millimetres."""
    measures = data.first(SHARED_GROUPS, PIXEL_MEASURES)
    rows_columns = measures.decimals(PIXEL_SPACING)
    depth = _micrometres(measures.decimal(SLICE_SPACING))
    # PS3.3, 10.7.1.3: the distance between rows comes first, then that between columns.
    if len(rows_columns) == 2:
        return depth, _micrometres(rows_columns[0]), _micrometres(rows_columns[1])
    # The imaged volume covers the whole matrix: divided by its pixels it gives their spacing.
    sizes = [data.decimal(VOLUME_HEIGHT), data.decimal(VOLUME_WIDTH)]
    found = [
        None if size is None else _micrometres(size / count)
        for size, count in zip(sizes, matrix, strict=True)
    ]
    return depth, found[0], found[1]


def _micrometres(millimetres: float | None) -> float | None:
    if millimetres is None or not 0 < millimetres < 1e6:
        return None
    return float(np.round(millimetres * 1000, 9))
