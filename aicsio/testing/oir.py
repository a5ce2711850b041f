"""Legal Olympus OIR files of any axes, channels, chunks and continuations.

Rule kept here: a file holds the given pixels in chunks; documents follow from the description alone.

Source of the structures: the documentation of the ``oirfile`` and ``OpenReadout`` packages, which
open the files made here alike.
"""

import math
import struct
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.testing._oir_documents import (
    channel_document,
    file_document,
    frame_document,
    frame_name,
    image_document,
    lut_document,
)

__all__ = ["OirImage", "build_oir", "write_oir"]

DOCUMENTS, FRAME, THUMBNAIL, CHUNK_TAG, PIXELS, SEPARATOR = range(6)
WORDS = bytes(36)
"""In front of the documents of a block; their meaning is not known."""
# BITMAPFILEHEADER and BITMAPINFOHEADER: a pixel of 24 bits, its row filled up to four bytes.
THUMBNAIL_BITMAP = (
    b"BM"
    + struct.pack("<IIIIiiHHIIiiII", *(58, 0, 54, 40, 1, 1, 1, 24), *(0, 4, 0, 0, 0, 0))
    + bytes(4)
)


@attrs.frozen(eq=False)
class OirImage:
    """Pixels of a file, and its description."""

    pixels: npt.NDArray[Any]
    """uint8, uint16 or float32."""
    dims: str
    """A letter for each axis: some of T, L, Z in this order; C, rows, X; or rows, X, S if colour.

    Rows are Y, or T where one line was scanned over time.
    """
    channels: tuple[str, ...] = ()
    """Names; ``CH<n>`` if left out."""
    dyes: tuple[str, ...] = ()
    """One a channel."""
    colors: tuple[str, ...] = ()
    """Names of lookup tables, one a channel, or colours such as ``ff8000``; ``Green`` if left out."""
    emissions: tuple[float, ...] = ()
    """Nanometres, one a channel."""
    excitations: tuple[float, ...] = ()
    """Nanometres, one a channel."""
    pixel_size: float = 0.25
    """Micrometres."""
    z_step: float = 0.5
    """Micrometres."""
    period: float = 2.0
    """Seconds between time points."""
    lambda_start: float = 500.0
    """Nanometres."""
    lambda_step: float = 10.0
    """Nanometres."""
    chunk_nbytes: int = 0
    """Bytes of a chunk; 0 for some whole rows."""
    scattered: bool = False
    """Whether the chunks of a plane are stored last first."""
    missing: tuple[int, ...] = ()
    """Frames that are not in the file, counted in C order."""
    split: int = 0
    """Frames in the file; those beyond go to files that continue it, as many to each. 0 for all."""
    has_index: bool = True
    """Whether files end with the index of their blocks."""

    def sizes(self) -> dict[str, int]:
        """Return the size of each axis by its letter."""
        return dict(zip(self.dims, self.pixels.shape, strict=True))

    @property
    def axes(self) -> str:
        """Letters of the axes of frames."""
        return "".join(letter for letter in self.dims[: self.dims.index("X") - 1] if letter != "C")

    @property
    def rows(self) -> str:
        """Letter of the rows."""
        return self.dims[self.dims.index("X") - 1]

    def identifiers(self) -> list[str]:
        """Return the identifiers of the channels, or of the samples of a colour."""
        count = self.sizes().get("S" if "S" in self.dims else "C", 1)
        return [str(uuid.UUID(int=number + 1)) for number in range(count)]


def write_oir(image: OirImage, path: Path) -> Path:
    """Write a file, and those that continue it.

    Parameters
    ----------
    image
        Pixels and description.
    path
        Target, with a name that ends in ``.oir``.

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
    >>> from aicsio.testing.oir import OirImage, write_oir
    >>> image = OirImage(np.zeros((3, 2, 4, 5), "u2"), "TCYX")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     str(open_image(write_oir(image, Path(folder) / "a.oir")).dims)
    'T=3, C=2, Y=4, X=5'
    """
    for number, data in enumerate(build_oir(image)):
        target = path if number == 0 else path.with_name(f"{path.stem}_{number:05d}")
        target.write_bytes(data)
    return path


def build_oir(image: OirImage) -> list[bytes]:
    """Return the bytes of a file, and of those that continue it.

    Parameters
    ----------
    image
        Pixels and description.

    Returns
    -------
    list of bytes
        The first is the OIR.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.testing.oir import OirImage, build_oir
    >>> build_oir(OirImage(np.zeros((1, 4, 5), "u1"), "CYX"))[0][:16]
    b'OLYMPUSRAWFORMAT'
    """
    sizes = image.sizes()
    lead = tuple(sizes[letter] for letter in image.axes)
    shape = (*lead, *image.pixels.shape[len(image.axes) :])
    pixels = image.pixels.reshape(shape)
    if "S" in image.dims:
        # Samples of a colour are stored as planes, like channels.
        pixels = np.moveaxis(pixels, -1, len(lead))
    elif "C" not in image.dims:
        pixels = np.expand_dims(pixels, len(lead))
    frames = [index for index in range(math.prod(lead)) if index not in image.missing]
    per_file = image.split or max(len(frames), 1)
    files = [frames[at : at + per_file] for at in range(0, len(frames), per_file)]
    return [_build_file(image, pixels, lead, part, number) for number, part in enumerate(files)]


def _build_file(
    image: OirImage,
    pixels: npt.NDArray[Any],
    lead: tuple[int, ...],
    frames: list[int],
    number: int,
) -> bytes:
    out = bytearray(96)
    offsets: list[int] = []
    # All bits are set where a file has no thumbnail, as those that continue another.
    thumbnail = 0xFFFFFFFFFFFFFFFF

    def add(kind: int, payload: bytes) -> None:
        offsets.append(len(out))
        # The length of a block leaves out its own header of eight bytes.
        out.extend(struct.pack("<II", len(payload), kind) + payload)

    if number == 0:
        for identifier in image.identifiers()[:1]:
            # Reference images have chunks like those of planes, which they do not belong to.
            for index, part in enumerate((b"r" * 40, b"s" * 24)):
                add(CHUNK_TAG, _tag(f"REF_LSM0_{identifier}_{index}", 40 * index, len(part)))
                add(PIXELS, part)
    for frame in frames:
        place = tuple(int(at) for at in np.unravel_index(frame, lead)) if lead else ()
        add(FRAME, WORDS + _document(frame_document(image, place)))
        for name, start, data in _chunks(image, pixels[place], place):
            add(CHUNK_TAG, _tag(name, start, len(data)))
            add(PIXELS, data)
        if number == 0 and frame == frames[0]:
            # A first set of documents, as FluoView writes it while the acquisition goes on.
            add(DOCUMENTS, WORDS + _documents(image))
        add(SEPARATOR, b"")
    if number == 0:
        thumbnail = len(out)
        add(THUMBNAIL, b"BMP " + THUMBNAIL_BITMAP)
        add(DOCUMENTS, WORDS + _documents(image))
    index_offset = len(out)
    if image.has_index:
        out += struct.pack(f"<I{len(offsets)}Q", 0xFFFFFFFF, *offsets)
    header = struct.pack(
        "<16sIIIIQQIIIIQ8sIIQ",
        b"OLYMPUSRAWFORMAT",
        *(12, 0, 1, 2),
        # At byte 32: length of the file, offset of the index, number of blocks.
        *(len(out), index_offset, len(offsets)),
        # At byte 64: offset of the block of the thumbnail.
        *(0, 1, 0, thumbnail),
        # At byte 72: the program.
        *(b"FLUOVIEW", 3, 2, 0xFFFFFFFFFFFFFFFF),
    )
    out[:96] = header
    return bytes(out)


def _tag(name: str, start: int, nbytes: int) -> bytes:
    # Byte of the plane where the chunk goes, its bytes, and those of its name.
    return struct.pack("<III", start, nbytes, len(name)) + name.encode()


def _document(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode()


def _documents(image: OirImage) -> bytes:
    identifiers = image.identifiers()
    texts = _document(file_document()) + _document(image_document(image, identifiers))
    for index, identifier in enumerate(identifiers):
        # The identifier of the channel, 36 characters of a UUID, stands in front of its document.
        texts += struct.pack("<I", 36) + identifier.encode()
        texts += _document(lut_document(image, index))
    for index, identifier in enumerate(identifiers):
        texts += struct.pack("<I", 36) + identifier.encode()
        texts += _document(channel_document(image, index, identifier))
    return texts


def _chunks(
    image: OirImage, frame: npt.NDArray[Any], place: tuple[int, ...]
) -> Iterator[tuple[str, int, bytes]]:
    """Yield name, place and samples of the chunks of a frame; channels take turns."""
    prefix = frame_name(image, place)
    parts = []
    for identifier, plane in zip(image.identifiers(), frame, strict=True):
        little = np.ascontiguousarray(plane.astype(plane.dtype.newbyteorder("<")))
        data = little.tobytes()
        # FluoView writes some 15 KB at a time, in whole rows.
        row_nbytes = len(data) // plane.shape[0]
        nbytes = image.chunk_nbytes or max(15360 // row_nbytes, 1) * row_nbytes
        for number, start in enumerate(range(0, len(data), nbytes)):
            name = f"{prefix}_{identifier}_{number}"
            parts.append((start, name, data[start : start + nbytes]))
    # By the byte of the plane: at each place all channels follow each other.
    parts.sort(key=lambda part: part[0], reverse=image.scattered)
    for start, name, data in parts:
        yield name, start, data
