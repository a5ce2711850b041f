"""Legal MIRAX slides of any photos, overlaps, levels, filters and image formats.

Rule kept here: images of full resolution are the given photos, cut into parts; each level has every
second pixel of the images of the one before it, put side by side without regard to overlaps.

Source of the structures: see ``aicsio.formats.mirax``. OpenSlide and OpenReadout open the files made here.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import attrs
import numpy as np
import numpy.typing as npt

__all__ = ["MiraxImage", "write_mirax"]

IDENTITY: Final = "0123456789ABCDEF0123456789ABCDEF"
INDEX_VERSION: Final = "01.02"
PADDING: Final = 256
"""Bytes behind the header of a data file."""
FORMATS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "JPEG": ("jpeg8_encode", {"level": 95}),
    "PNG": ("png_encode", {}),
    "BMP24": ("bmp_encode", {}),
}
"""Encoder of imagecodecs and its options by format; JPEG alone changes pixels."""
PICTURES: Final = {
    "label": ("ScanDataLayer_SlideBarcode", "BARCODE_IMAGE_TYPE"),
    "macro": ("ScanDataLayer_SlideThumbnail", "THUMBNAIL_IMAGE_TYPE"),
    "thumbnail": ("ScanDataLayer_SlidePreview", "PREVIEW_IMAGE_TYPE"),
}
"""Name of the record, and key of its format, by name of the picture."""

Pixels = npt.NDArray[np.uint8]
Sections = dict[str, dict[str, str]]


@attrs.frozen(eq=False)
class MiraxImage:
    """Photos of a slide, and its description."""

    photos: Pixels
    """Of shape (rows, columns, height, width, 3): photos in their places."""
    overlap: tuple[int, int] = (0, 0)
    """Pixels of the file that neighbours share, down and across; the size of the slide follows."""
    offsets: npt.NDArray[np.integer[Any]] | None = None
    """int, of shape (rows, columns, 2): by how much each photo lies off its regular place."""
    divisions: int = 2
    """Images along a side of a photo, which they cut evenly."""
    first_step: int = 1
    """Cells along a side of an image of full resolution: above 1 for slides saved at less of it."""
    levels: int = 1
    """Each has half of the rows and columns of the one before it."""
    image_format: Literal["JPEG", "PNG", "BMP24"] = "PNG"
    """Of images."""
    missing: tuple[tuple[int, int], ...] = ()
    """Row and column of photos that are not stored."""
    positions: Literal["plain", "packed", "none"] = "plain"
    """How positions are stored, or that they follow from the overlap alone."""
    flags: bool = True
    """Whether photos that are stored are flagged, as newer writers do."""
    fill: tuple[int, int, int] = (228, 228, 228)
    """Red, green and blue where no photo is."""
    filters: tuple[str, ...] = ()
    """Names of the filters of a fluorescence slide: in blue, green and red, in this order."""
    pictures: tuple[str, ...] = ()
    """Some of ``label``, ``macro`` and ``thumbnail``."""
    page: int = 100
    """Images of one page of the index."""
    file_nbytes: int = 1 << 20
    """Bytes behind which the next data file begins."""
    pixel_size: float = 0.25
    """Micrometres at full resolution."""
    power: int = 20
    """Magnification of the lens."""

    @property
    def image_size(self) -> tuple[int, int]:
        """Rows and columns of an image, at every level."""
        rows, columns = (side * self.first_step for side in self.photos.shape[2:4])
        return rows // self.divisions, columns // self.divisions

    def place(self, row: int, column: int) -> tuple[int, int]:
        """Return where a photo lies at full resolution.

        Parameters
        ----------
        row, column
            Of the photo.

        Returns
        -------
        tuple of int
            First row and column.
        """
        _, _, height, width, _ = self.photos.shape
        y, x = row * (height - self.overlap[0]), column * (width - self.overlap[1])
        if self.offsets is not None and self.positions != "none":
            y, x = y + int(self.offsets[row, column, 0]), x + int(self.offsets[row, column, 1])
        return y, x

    def level(self, number: int) -> Pixels:
        """Return the pixels of a level, for places of photos that fall on whole pixels of it.

        Parameters
        ----------
        number
            0 for full resolution.

        Returns
        -------
        numpy.ndarray
            Rows, columns, and red, green, blue; or one filter a channel, rows and columns.
        """
        step = 1 << number
        rows, columns, height, width, _ = self.photos.shape
        full = [
            count * side - (count - 1) * shared
            for count, side, shared in zip(
                (rows, columns), (height, width), self.overlap, strict=True
            )
        ]
        # Later photos overwrite earlier ones, so an overlap shows the one further down and right.
        canvas = np.empty((full[0] // step, full[1] // step, 3), np.uint8)
        canvas[...] = self.fill
        # Images of a photo lie in the order of cells: rows of photos side by side take turns.
        count = max(1, self.divisions // (self.first_step << number))
        for row, inner_row, column, inner in np.ndindex(rows, count, columns, count):
            if (row, column) not in self.missing:
                y, x = (at // step for at in self.place(row, column))
                part = self.photos[row, column, ::step, ::step]
                size = part.shape[0] // count, part.shape[1] // count
                part = part[inner_row * size[0] :, inner * size[1] :][: size[0], : size[1]]
                _paint(canvas, part, y + inner_row * size[0], x + inner * size[1])
        if not self.filters:
            return canvas
        # Filters are numbered from blue to red, samples from red to blue.
        return canvas.transpose(2, 0, 1)[[2 - number for number in range(len(self.filters))]]


def _paint(canvas: Pixels, part: Pixels, y: int, x: int) -> None:
    """Put a part onto a canvas; what lies outside of it is cut off."""
    part = part[max(-y, 0) :, max(-x, 0) :]
    target = canvas[max(y, 0) :, max(x, 0) :][: len(part), : part.shape[1]]
    target[...] = part[: len(target), : target.shape[1]]


class _DataFiles:
    """Data files that grow by records. Not a record: it lives for one writing."""

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self.files = [self._head(0)]

    def add(self, data: bytes) -> tuple[int, int, int]:
        """Append data; return its offset, length and file."""
        if len(self.files[-1]) > self.largest:
            self.files.append(self._head(len(self.files)))
        offset = len(self.files[-1])
        self.files[-1] += data
        return offset, len(data), len(self.files) - 1

    def _head(self, number: int) -> bytearray:
        # A data file begins with version, identity of the slide, and its number in three digits.
        head = f"{INDEX_VERSION}{IDENTITY}{number:03}"
        return bytearray(head.encode() + bytes(PADDING))


def write_mirax(image: MiraxImage, path: Path) -> Path:
    """Write a slide: a preview, and a folder of its name beside it.

    Parameters
    ----------
    image
        Photos and description.
    path
        Of the preview; its suffix should be ``.mrxs``.

    Returns
    -------
    Path
        As given.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing.mirax import MiraxImage, write_mirax
    >>> image = MiraxImage(np.zeros((2, 3, 40, 60, 3), np.uint8), overlap=(4, 10), levels=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     str(open_image(write_mirax(image, Path(folder) / "slide.mrxs")).dims)
    'Y=76, X=160, S=3'
    """
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    data = _DataFiles(image.file_nbytes)
    levels = [
        [
            (cell, *data.add(_encode(pixels, image.image_format)))
            for cell, pixels in _images(image, n)
        ]
        for n in range(image.levels)
    ]
    records = [
        (layer, value, key, data.add(content)) for layer, value, key, content in _records(image)
    ]
    sections = _describe(image, records, len(data.files))
    lines = [
        line
        for name, keys in sections.items()
        for line in (f"[{name}]", *(f"{key} = {value}" for key, value in keys.items()))
    ]
    (folder / "Slidedat.ini").write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    (folder / "Index.dat").write_bytes(
        _index(levels, [record[3] for record in records], image.page)
    )
    for number, content in enumerate(data.files):
        (folder / f"Data{number:04}.dat").write_bytes(content)
    path.write_bytes(_encode(image.photos[0, 0], "JPEG"))
    return path


def _encode(pixels: Pixels, image_format: str) -> bytes:
    import imagecodecs  # takes 50 ms

    name, options = FORMATS[image_format]
    encode: Callable[..., bytes] = getattr(imagecodecs, name)
    return bytes(encode(np.ascontiguousarray(pixels), **options))


def _images(image: MiraxImage, level: int) -> Iterator[tuple[int, Pixels]]:
    """Yield the cell and the pixels of the images of a level."""
    rows, columns, height, width, _ = image.photos.shape
    stored = image.photos.copy()
    for row, column in image.missing:
        stored[row, column] = image.fill
    # Rows, height, columns, width, samples: photos side by side, without their overlaps.
    glued = stored.swapaxes(1, 2).reshape(rows * height, columns * width, 3)
    glued = glued[:: 1 << level, :: 1 << level]
    size, step = image.image_size, image.first_step << level
    for y in range(0, rows * image.divisions, step):
        for x in range(0, columns * image.divisions, step):
            # Photos that the image shows a part of; it is stored if one of them is.
            covered = {
                ((y + down) // image.divisions, (x + across) // image.divisions)
                for down in range(min(step, rows * image.divisions - y))
                for across in range(min(step, columns * image.divisions - x))
            }
            if not covered <= {*image.missing}:
                start = y // step * size[0], x // step * size[1]
                part = glued[start[0] : start[0] + size[0], start[1] : start[1] + size[1]]
                full = np.full((*size, 3), image.fill, np.uint8)
                full[: len(part), : part.shape[1]] = part
                # An image has the number of its first cell, counted row by row through the grid.
                yield y * columns * image.divisions + x, full


def _records(image: MiraxImage) -> Iterator[tuple[str, str, str, bytes]]:
    """Yield layer, name, key of the format and data of the records beside the levels."""
    picture = np.ascontiguousarray(image.photos[0, 0])
    for name in image.pictures:
        value, key = PICTURES[name]
        yield "Scan data layer", value, key, _encode(picture, "JPEG")
    if image.positions == "none":
        return
    rows, columns = image.photos.shape[:2]
    data = b""
    for row, column in np.ndindex(rows, columns):
        # Nine bytes a photo, not aligned: flag, x, y; those of a missing photo are 0.
        is_there = (row, column) not in image.missing
        y, x = image.place(row, column) if is_there else (0, 0)
        data += struct.pack("<Bii", is_there and image.flags, x, y)
    if image.positions == "packed":
        yield "StitchingIntensityLayer", "StitchingIntensityLevel", "", zlib.compress(data)
    else:
        yield "VIMSLIDE_POSITION_BUFFER", "default", "", data


# ---------------------------------------------------------------- settings and index


def _describe(image: MiraxImage, records: list[Any], file_count: int) -> Sections:
    rows, columns = image.photos.shape[:2]
    general = {
        "SLIDE_VERSION": "02.00",
        "SLIDE_ID": IDENTITY,
        "SLIDE_NAME": "Slide µ",
        "CURRENT_SLIDE_VERSION": "2.2",
        "SLIDE_TYPE": "SLIDE_TYPE_FLUORESCENCE" if image.filters else "SLIDE_TYPE_BRIGHTFIELD",
        # Day, month and year, in this order.
        "SLIDE_CREATIONDATETIME": "02/01/2026 03:04:05",
        "IMAGENUMBER_X": str(columns * image.divisions),
        "IMAGENUMBER_Y": str(rows * image.divisions),
        "OBJECTIVE_MAGNIFICATION": str(image.power),
        "OBJECTIVE_NAME": "Plan-Apochromat 20x",
        "CameraImageDivisionsPerSide": str(image.divisions),
    }
    contents = {"INDEXFILE": "Index.dat", "HIER_COUNT": "1"}
    contents |= {"HIER_0_NAME": "Slide zoom level", "HIER_0_COUNT": str(image.levels)}
    sections = {"GENERAL": general, "HIERARCHICAL": contents}
    for level in range(image.levels):
        contents[f"HIER_0_VAL_{level}_SECTION"] = name = f"LAYER_0_LEVEL_{level}_SECTION"
        sections[name] = _describe_level(image, level)
    if image.filters:
        contents |= {"HIER_COUNT": "2", "HIER_1_NAME": "Slide filter level"}
        contents["HIER_1_COUNT"] = str(len(image.filters))
    for number, title in enumerate(image.filters):
        contents[f"HIER_1_VAL_{number}_SECTION"] = name = f"LAYER_1_LEVEL_{number}_SECTION"
        sections[name] = {
            "FILTER_NAME": title,
            "STORING_CHANNEL_NUMBER": str(number),
            **{f"COLOR_{letter}": "255" if n == number else "0" for n, letter in enumerate("RGB")},
            "EMISSION_WAVELENGTH": str(450 + 75 * number),
        }
    layers = [*dict.fromkeys(record[0] for record in records)]
    for number, layer in enumerate(layers):
        held = [record for record in records if record[0] == layer]
        contents |= {f"NONHIER_{number}_NAME": layer, f"NONHIER_{number}_COUNT": str(len(held))}
        for position, (_, value, key, _) in enumerate(held):
            name = f"NONHIERLAYER_{number}_LEVEL_{position}_SECTION"
            contents[f"NONHIER_{number}_VAL_{position}"] = value
            contents[f"NONHIER_{number}_VAL_{position}_SECTION"] = name
            sections[name] = {key: "JPEG"} if key else {"VERSION": "1"}
    contents["NONHIER_COUNT"] = str(len(layers))
    files = {f"FILE_{number}": f"Data{number:04}.dat" for number in range(file_count)}
    sections["DATAFILE"] = {"FILE_COUNT": str(file_count), **files}
    return sections


def _describe_level(image: MiraxImage, level: int) -> dict[str, str]:
    first = image.first_step.bit_length() - 1
    size = image.pixel_size * (1 << level)
    # OVERLAP counts pixels as if full resolution were stored at a step of 1.
    shared = [pixels * image.first_step for pixels in image.overlap]
    red, green, blue = image.fill
    return {
        "OVERLAP_X": str(shared[1] / (1 << level)),
        "OVERLAP_Y": str(shared[0] / (1 << level)),
        "MICROMETER_PER_PIXEL_X": str(size),
        "MICROMETER_PER_PIXEL_Y": str(size),
        "IMAGE_FORMAT": image.image_format,
        "IMAGE_FILL_COLOR_BGR": str(blue << 16 | green << 8 | red),
        "DIGITIZER_WIDTH": str(image.image_size[1]),
        "DIGITIZER_HEIGHT": str(image.image_size[0]),
        # Exponents of two that add up from level to level.
        "IMAGE_CONCAT_FACTOR": "1" if level else str(first),
    }


def _index(levels: list[Any], records: list[tuple[int, int, int]], page: int) -> bytes:
    """Return the index: two tables of pointers, then lists of pages."""
    data = bytearray(f"{INDEX_VERSION}{IDENTITY}".encode())
    roots = len(data)
    # Pointers of levels, then those of other records, each of four bytes.
    tables = (roots + 8, roots + 8 + 4 * len(levels))
    data += struct.pack("<ii", *tables) + bytes(4 * (len(levels) + len(records)))
    # An image: its cell, offset, length, number of the data file.
    lists = [[struct.pack("<4i", *item) for item in items] for items in levels]
    # Another record has two numbers, 0 in most files, in place of the cell.
    lists += [[struct.pack("<5i", 0, 0, *place)] for place in records]
    for number, items in enumerate(lists):
        struct.pack_into("<i", data, tables[0] + 4 * number, len(data))
        # The first page of a list has no items, and leads to the second.
        data += struct.pack("<ii", 0, len(data) + 8)
        for start in range(0, len(items), page):
            part = items[start : start + page]
            following = len(data) + 8 + sum(map(len, part))
            is_last = start + page >= len(items)
            data += struct.pack("<ii", len(part), 0 if is_last else following) + b"".join(part)
    return bytes(data)
