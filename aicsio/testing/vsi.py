"""Legal Olympus VSI files with their ETS files, of any dimensions, levels and compressions.

Rule kept here: an ETS file holds the given pixels in tiles, each level every second pixel of the one
before it; tags follow from the description alone.

Source of the structures: see ``aicsio.formats.vsi``. Bio-Formats, slideio and OpenReadout open the files made here.
"""

import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.testing import _vsi_tags as tags

__all__ = ["COMPRESSIONS", "VsiImage", "build_ets", "build_vsi", "write_vsi"]

MEANINGS: Final = {"Z": 1, "T": 2, "L": 3, "C": 4, "H": 9}
"""Number of the meaning of a dimension."""
TYPES: Final = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 9, "f8": 10}
COMPRESSIONS: Final[Mapping[str, tuple[int, str]]] = {
    "raw": (0, ""),
    "jpeg": (2, "jpeg8_encode"),
    "jpeg2k": (3, "jpeg2k_encode"),
    "lossless-jpeg": (5, "ljpeg_encode"),
    "png": (8, "png_encode"),
    "bmp": (9, "bmp_encode"),
}
"""Number and encoder of imagecodecs by name; ``jpeg`` alone changes pixels."""
OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "jpeg": {"level": 95},
    "jpeg2k": {"reversible": True, "codecformat": "j2k"},
}


@attrs.frozen(eq=False)
class VsiImage:
    """Pixels of a stack, and its description."""

    pixels: npt.NDArray[Any]
    """Of one of the types int8 to uint32, float32, float64."""
    dims: str
    """A letter for each axis: some of T, H, L, C, Z in any order; Y, X, and S of a colour."""
    name: str = "20x"
    """Name of the stack."""
    stack: int = 1
    """Number of the stack."""
    tile: tuple[int, int] = (64, 64)
    """Rows and columns of a tile."""
    levels: int = 1
    """Levels, each half as large as the one before it."""
    compression: str = "raw"
    """A key of ``COMPRESSIONS``."""
    is_bgr: bool = False
    """Whether raw samples are stored as blue, green, red."""
    background: tuple[int, ...] = ()
    """Samples of a pixel of tiles that are not stored; zero if left out."""
    missing: tuple[int, ...] = ()
    """Tiles that are not stored, counted over planes, rows and columns of the full resolution."""
    corner: tuple[int, int] = (0, 0)
    """Row and column of the image in the grid of tiles."""
    has_extents: bool = True
    """Whether the header of the ETS file states sizes; older ones do not."""
    channels: tuple[str, ...] = ()
    """Names; ``channel <n>`` if left out."""
    colors: tuple[tuple[int, int, int], ...] = ()
    """Red, green, blue, one a channel; white if left out."""
    emissions: tuple[float, ...] = ()
    """Nanometres, one a channel."""
    camera: tuple[int, ...] = ()
    """Binning along X and Y, bit depth, gain and offset of the camera, or the first of them."""
    exposures: tuple[int, ...] = ()
    """Microseconds, one a channel."""
    pixel_size: float = 0.25
    """Micrometres."""
    has_heights: bool = True
    """Whether the focus position of each plane is stored."""
    z_start: float = 10.0
    """Micrometres."""
    z_step: float = 0.5
    """Micrometres; negative where the stage goes down."""
    period: float = 2.0
    """Seconds between time points."""
    position: tuple[float, float] = (1000.0, 2000.0)
    """Micrometres of the stage, X and Y."""
    start: int = 1_700_000_000
    """Seconds since 1970."""

    def sizes(self) -> dict[str, int]:
        """Return the size of each axis by its letter."""
        return dict(zip(self.dims, self.pixels.shape, strict=True))

    @property
    def axes(self) -> str:
        """Letters of the axes in front of the rows."""
        return self.dims[: self.dims.index("Y")]

    def level(self, number: int) -> npt.NDArray[Any]:
        """Return the pixels of a level.

        Parameters
        ----------
        number
            0 is the full resolution.

        Returns
        -------
        numpy.ndarray
            Every second pixel of the level before it.
        """
        step = 2**number
        lead = (slice(None),) * len(self.axes)
        return self.pixels[(*lead, slice(None, None, step), slice(None, None, step))]


def write_vsi(image: VsiImage | Sequence[VsiImage], path: Path) -> Path:
    """Write a VSI file and the ETS files of its stacks.

    Parameters
    ----------
    image
        One stack, or several with numbers of their own.
    path
        Target, with a name that ends in ``.vsi``.

    Returns
    -------
    Path
        ``path``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing.vsi import VsiImage, write_vsi
    >>> image = VsiImage(np.zeros((3, 2, 4, 5), "u2"), "TCYX")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     str(open_image(write_vsi(image, Path(folder) / "a.vsi")).dims)
    'T=3, C=2, Y=4, X=5'
    """
    images = image if isinstance(image, Sequence) else (image,)
    path.write_bytes(build_vsi(images))
    for one in images:
        folder = path.parent / f"_{path.stem}_" / f"stack{one.stack}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "frame_t.ets").write_bytes(build_ets(one))
    return path


# ---------------------------------------------------------------- VSI


def build_vsi(images: Sequence[VsiImage]) -> bytes:
    r"""Return the bytes of a VSI file: a TIFF with an overview, and the tags.

    Parameters
    ----------
    images
        Its stacks.

    Returns
    -------
    bytes
        The file without those of its pixels.

    Examples
    --------
    >>> from aicsio.testing.vsi import build_vsi
    >>> build_vsi([])[8:12]
    b'\x18\x00IS'
    """
    stacks = [_stack_tags(image) for image in images]
    collection = tags.nested(2000, tags.VOLUME, [tags.whole(2035, (3 << 16 | 30, 0)), *stacks])
    document = tags.nested(2, tags.PROPERTIES, [tags.text(24, "cellSens")])
    tree = tags.volume([document, collection])
    overview = bytes(range(2 * 3 * 3))
    pixels_at = 8 + len(tree)
    # The directory begins at an even byte (TIFF 6.0, section 2).
    directory_at = pixels_at + len(overview) + (pixels_at + len(overview)) % 2
    bits_at = directory_at + 2 + 9 * 12 + 4
    entries = (
        *((256, 4, 1, 3), (257, 4, 1, 2), (258, 3, 3, bits_at), (259, 3, 1, 1), (262, 3, 1, 2)),
        *((273, 4, 1, pixels_at), (277, 3, 1, 3), (278, 4, 1, 2), (279, 4, 1, len(overview))),
    )
    out = bytearray(struct.pack("<2sHI", b"II", 42, directory_at) + tree + overview)
    out += bytes(directory_at - len(out)) + struct.pack("<H", len(entries))
    for entry in entries:
        out += struct.pack("<HHII", *entry)
    return bytes(out + bytes(4) + struct.pack("<3H", 8, 8, 8))


def _stack_tags(image: VsiImage) -> bytes:
    sizes = image.sizes()
    # The first dimension of the tags is the fastest.
    letters = image.axes[::-1]
    external = tags.nested(
        2018,
        tags.PROPERTIES,
        [
            tags.field(2053, tags.RECTANGLE, struct.pack("<4i", 0, 0, sizes["X"], sizes["Y"])),
            tags.inline(20005, 1),
            tags.field(2410, tags.INT_PAIR, struct.pack("<2i", -image.corner[1], -image.corner[0])),
        ],
    )
    fields = [tags.whole(2003, [sizes[letter] for letter in letters])] if letters else []
    frames = [external]
    for number in range(math.prod(sizes[letter] for letter in letters)):
        frames.append(tags.nested(2006, tags.PROPERTIES, _plane_tags(image, number)))
        fields.append(tags.nested(2002, tags.VOLUME, frames, number))
        frames = []
    for index, letter in enumerate(letters):
        positions = _dimension_tags(image, letter)
        fields.append(tags.nested(2007, tags.VOLUME, positions, index))
    # cellSens lists a slot behind the dimensions that holds none.
    fields.append(tags.nested(2007, tags.VOLUME, [], len(letters)))
    fields.append(tags.nested(2005, tags.PROPERTIES, _property_tags(image)))
    return tags.nested(2001, tags.VOLUME, fields, image.stack)


def _plane_tags(image: VsiImage, number: int) -> list[bytes]:
    sizes = image.sizes()
    place = {}
    for letter in image.axes[::-1]:
        number, place[letter] = divmod(number, sizes[letter])
    fields = []
    if image.has_heights:
        height = image.z_start + image.z_step * place.get("Z", 0)
        fields.append(tags.quantity(2014, height, tags.MICROMETRES))
    if "T" in place:
        fields.append(tags.quantity(2017, 1000 * image.period * place["T"], tags.MILLISECONDS))
    return fields


def _dimension_tags(image: VsiImage, letter: str) -> list[bytes]:
    """Return the positions of a dimension: all of channels, one of others."""
    meaning = tags.inline(2023, MEANINGS[letter])
    if letter == "Z":
        start = tags.quantity(2012, image.z_start, tags.MICROMETRES)
        step = tags.quantity(2013, image.z_step, tags.MICROMETRES)
        return [tags.nested(2008, tags.PROPERTIES, [meaning, start, step], 0)]
    if letter == "T":
        start = tags.quantity(2100, 0.0, tags.MILLISECONDS)
        step = tags.quantity(2016, 1000 * image.period, tags.MILLISECONDS)
        return [tags.nested(2008, tags.PROPERTIES, [meaning, start, step], 0)]
    if letter != "C":
        return [tags.nested(2008, tags.PROPERTIES, [meaning], 0)]
    positions = []
    for index in range(image.sizes()["C"]):
        name = image.channels[index] if image.channels else f"channel {index}"
        fields = [meaning, tags.text(2021, name), tags.text(2419, name)]
        if image.colors:
            table = bytes(3) + bytes(image.colors[index])
            value = tags.field(tags.VALUE, tags.RGB, table)
            fields.append(tags.nested(2004, tags.QUANTITY, [value]))
        if image.emissions:
            fields.append(tags.quantity(2417, image.emissions[index], tags.NANOMETRES))
        if image.exposures:
            fields.append(tags.inline(100002, image.exposures[index]))
        positions.append(tags.nested(2008, tags.PROPERTIES, fields, index))
    return positions


def _property_tags(image: VsiImage) -> list[bytes]:
    lens = [
        *(tags.real(120060, 20.0), tags.real(120061, 0.75)),
        tags.text(120063, "UPLSAPO20X"),
        tags.inline(120064, 1),
        tags.real(120079, 1.0),
    ]
    nosepiece = tags.nested(3, tags.PROPERTIES, [tags.nested(120114, tags.PROPERTIES, lens)])
    # The list of settings is empty, as that of real cameras may be.
    settings = tags.inline_all((100015, 100016, 100049, 100003, 100004), image.camera)
    camera = [tags.nested(120114, tags.PROPERTIES, settings), tags.inline(120130, 0)]
    camera += [tags.text(120132, "Camera 1"), tags.text(120133, "Hamamatsu")]
    stand = [tags.inline(120130, 40500), tags.text(120132, "IX83")]
    devices = [
        tags.nested(1, tags.PROPERTIES, camera),
        tags.nested(2, tags.PROPERTIES, stand),
        nosepiece,
    ]
    size = struct.pack("<2d", image.pixel_size, image.pixel_size)
    return [
        tags.text(2030, image.name),
        tags.inline(2074, 0),
        tags.field(2015, tags.LONG, struct.pack("<q", image.start)),
        tags.field(2018, tags.DOUBLE_PAIR, struct.pack("<2d", *image.position)),
        tags.field(2019, tags.DOUBLE_PAIR, size),
        tags.text(2020, tags.MICROMETRES),
        tags.nested(2043, tags.QUANTITY, devices),
    ]


# ---------------------------------------------------------------- ETS


def build_ets(image: VsiImage) -> bytes:
    r"""Return the bytes of the ETS file of a stack.

    Parameters
    ----------
    image
        Pixels and description.

    Returns
    -------
    bytes
        Headers, tiles, and the table of the tiles.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.testing.vsi import VsiImage, build_ets
    >>> build_ets(VsiImage(np.zeros((4, 5), "u1"), "YX"))[:4]
    b'SIS\x00'
    """
    sizes = image.sizes()
    coordinate_count = 3 + len(image.axes)
    out = bytearray(64 + 228)
    table = bytearray()
    count = 0
    for place, data in _tiles(image):
        table += struct.pack(f"<I{coordinate_count}iQII", 0, *place, len(out), len(data), 0)
        out += data
        count += 1
    out[:64] = struct.pack(
        "<4sIIIQIIQIIQII",
        *(b"SIS\0", 64, 2, coordinate_count, 64, 228, 0, len(out), count, 0, 0, 0, 0),
    )
    background = np.array(image.background, image.pixels.dtype).tobytes()
    space = 4 if image.is_bgr else 3 if "S" in image.dims else 1
    second = bytearray(228)
    struct.pack_into(
        "<4s9I",
        second,
        0,
        *(b"ETS\0", 0x00030005, TYPES[image.pixels.dtype.str[1:]], sizes.get("S", 1), space),
        *(COMPRESSIONS[image.compression][0], 90, image.tile[1], image.tile[0], 1),
    )
    second[108 : 108 + len(background)] = background
    struct.pack_into("<I", second, 152, image.levels > 1)
    if image.has_extents:
        struct.pack_into("<2i", second, 172, -image.corner[1], -image.corner[0])
        extents = [sizes["X"], sizes["Y"], *(sizes[letter] for letter in image.axes[::-1])]
        struct.pack_into(f"<I{len(extents)}I", second, 184, len(extents), *extents)
    out[64 : 64 + len(second)] = second
    return bytes(out + table)


def _tiles(image: VsiImage) -> Iterator[tuple[tuple[int, ...], bytes]]:
    """Yield coordinates and bytes of the tiles that are stored."""
    encode = _encoder(image)
    lead = image.pixels.shape[: len(image.axes)]
    number = 0
    for level in range(image.levels):
        pixels = image.level(level)
        corner = tuple(first // 2**level for first in image.corner)
        for place in np.ndindex(*lead):
            plane = np.ascontiguousarray(pixels[place])
            edges = [(first, 0) for first in corner] + [(0, 0)] * (plane.ndim - 2)
            stored = np.pad(plane, edges)
            rows, columns = (
                -(-extent // tile) for extent, tile in zip(stored.shape, image.tile, strict=False)
            )
            for row, column in np.ndindex(rows, columns):
                number += 1
                if number - 1 in image.missing and level == 0:
                    continue
                yield (
                    (column, row, *place[::-1], level),
                    encode(_cut(stored, row, column, image.tile)),
                )


def _cut(plane: npt.NDArray[Any], row: int, column: int, tile: tuple[int, int]) -> npt.NDArray[Any]:
    """Return a whole tile: beyond the image it is zero."""
    whole = np.zeros((*tile, *plane.shape[2:]), plane.dtype)
    part = plane[row * tile[0] :, column * tile[1] :][: tile[0], : tile[1]]
    whole[: part.shape[0], : part.shape[1]] = part
    return whole


def _encoder(image: VsiImage) -> Callable[[npt.NDArray[Any]], bytes]:
    name = COMPRESSIONS[image.compression][1]
    if name:
        import imagecodecs

        options = OPTIONS.get(image.compression, {})
        function = getattr(imagecodecs, name)
        return lambda tile: bytes(function(tile, **options))
    little = image.pixels.dtype.newbyteorder("<")
    if image.is_bgr:
        return lambda tile: tile[..., ::-1].astype(little).tobytes()
    return lambda tile: tile.astype(little).tobytes()
