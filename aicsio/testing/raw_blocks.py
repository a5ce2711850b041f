"""Legal ICS, NRRD and Bio-Rad PIC files of any axes, types and encodings.

Rule kept here: the last axis of the pixels runs fastest; the header follows from the description alone.

Source of the structures: as for ``aicsio.formats.raw_blocks``. The NRRD files made here are opened
alike by pynrrd, all of them by Bio-Formats.
"""

import bz2
import gzip
import struct
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy.typing as npt

__all__ = ["RawBlockImage", "write_raw_block"]

NRRD_KINDS = {"X": "space", "Y": "space", "Z": "space", "T": "time", "C": "list", "S": "RGB-color"}
ICS_NAMES = {"C": "ch"}
"""Names of axes; others have their letter."""


@attrs.frozen(eq=False)
class RawBlockImage:
    """Pixels of a file, and its description."""

    pixels: npt.NDArray[Any]
    """Numbers of any type; those of PIC are uint8 or uint16."""
    dims: str
    """A letter for each axis, the slowest first: of T, C, Z, Y, X and S; PIC has ZYX or YX."""
    encoding: Literal["raw", "gzip", "bzip2", "hex"] = "raw"
    """Of the pixels; ICS has the first two, PIC the first."""
    byte_order: Literal["<", ">"] = "<"
    """Of the pixels; that of PIC is ``<``."""
    apart: bool = False
    """Whether the pixels lie in a file of their own: ``.ids``, or ``.raw`` beside ``.nhdr``."""
    files: Literal["one", "list", "numbered"] = "one"
    """Whether each position of the slowest axis of ``.nhdr`` has a file: listed, or by its number."""
    spacing: tuple[float, float, float] = (0.5, 0.25, 0.25)
    """Micrometres along Z, Y and X."""
    period: float = 2.0
    """Seconds between time points."""

    def step(self, letter: str) -> float:
        """Return the distance of positions.

        Parameters
        ----------
        letter
            Of an axis.

        Returns
        -------
        float
            Micrometres, seconds for T, 1 elsewhere.
        """
        steps = dict(zip("ZYX", self.spacing, strict=True)) | {"T": self.period}
        return steps.get(letter, 1.0)


def write_raw_block(image: RawBlockImage, path: Path) -> Path:
    """Write a file.

    Parameters
    ----------
    image
        Pixels and description.
    path
        Target; its suffix chooses the format: ``.ics``, ``.nrrd``, ``.nhdr`` or ``.pic``.

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
    >>> from aicsio.testing.raw_blocks import RawBlockImage, write_raw_block
    >>> image = RawBlockImage(np.zeros((2, 3, 4), "i2"), "ZYX")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     str(open_image(write_raw_block(image, Path(folder) / "a.nrrd")).dims)
    'Z=2, Y=3, X=4'
    """
    ordered = image.pixels.astype(image.pixels.dtype.newbyteorder(image.byte_order))
    if image.files != "one":
        for name, part in zip(_file_names(image, path), ordered, strict=True):
            (path.parent / name).write_bytes(_encode(image.encoding, part.tobytes()))
        path.write_bytes(_nrrd_header(image, path))
        return path
    raw = _encode(image.encoding, ordered.tobytes())
    if path.suffix == ".pic":
        path.write_bytes(_pic_header(image) + raw + _pic_notes(image))
        return path
    head = _ics_header(image, path) if path.suffix == ".ics" else _nrrd_header(image, path)
    if image.apart:
        path.with_suffix(".ids" if path.suffix == ".ics" else ".raw").write_bytes(raw)
        raw = b""
    path.write_bytes(head + raw)
    return path


def _encode(encoding: str, raw: bytes) -> bytes:
    if encoding == "gzip":
        return gzip.compress(raw)
    if encoding == "hex":
        # Lines of 35 bytes, as teem writes them.
        lines = [raw[at : at + 35].hex() for at in range(0, len(raw), 35)]
        return "\n".join(lines).encode() + b"\n"
    return bz2.compress(raw) if encoding == "bzip2" else raw


def _file_names(image: RawBlockImage, path: Path) -> list[str]:
    return [f"{path.stem}_{3 * index:03d}.raw" for index in range(image.pixels.shape[0])]


def _ics_header(image: RawBlockImage, path: Path) -> bytes:
    size, kind = image.pixels.dtype.itemsize, image.pixels.dtype.kind
    axes = image.dims[::-1]
    order = ["bits", *(ICS_NAMES.get(letter, letter.lower()) for letter in axes)]
    # ICS numbers the bytes of a sample by their weight, 1 for the least, in the order of the file.
    places = range(1, size + 1) if image.byte_order == "<" else range(size, 0, -1)
    units = dict.fromkeys("XYZ", "micrometers") | {"T": "seconds"}
    lines: list[list[object]] = [
        # Version 2.0 has the pixels behind the line "end", version 1.0 in the .ids file.
        ["ics_version", "1.0" if image.apart else "2.0"],
        ["filename", path.stem],
        ["layout", "parameters", len(order)],
        # The first axis is that of the bits of a sample, then the fastest of the pixels.
        ["layout", "order", *order],
        ["layout", "sizes", 8 * size, *image.pixels.shape[::-1]],
        ["layout", "significant_bits", 8 * size],
        ["representation", "format", {"f": "real", "c": "complex"}.get(kind, "integer")],
        ["representation", "sign", "unsigned" if kind == "u" else "signed"],
        ["representation", "compression", "gzip" if image.encoding == "gzip" else "uncompressed"],
        ["representation", "byte_order", *places],
        ["parameter", "scale", 1.0, *(image.step(letter) for letter in axes)],
        ["parameter", "units", "bits", *(units.get(letter, "undefined") for letter in axes)],
        ["end"],
    ]
    # The first line defines the two separators: of fields and of lines.
    return ("\t\n" + "".join("\t".join(map(str, line)) + "\n" for line in lines)).encode()


def _nrrd_header(image: RawBlockImage, path: Path) -> bytes:
    dtype, axes = image.pixels.dtype, image.dims[::-1]
    names = {"f4": "float", "f8": "double"}
    units = dict.fromkeys("XYZ", '"um"') | {"T": '"s"'}
    fields: list[tuple[str, object]] = [
        ("type", names.get(dtype.str[1:], dtype.name)),
        ("dimension", len(axes)),
        ("sizes", " ".join(map(str, image.pixels.shape[::-1]))),
        # An axis without a distance, such as that of channels, has nan.
        ("spacings", " ".join(str(image.step(a)) if a in "XYZT" else "nan" for a in axes)),
        ("units", " ".join(units.get(letter, '""') for letter in axes)),
        ("kinds", " ".join(NRRD_KINDS[letter] for letter in axes)),
        ("endian", "little" if image.byte_order == "<" else "big"),
        ("encoding", image.encoding),
    ]
    if image.files == "numbered":
        last = 3 * (image.pixels.shape[0] - 1)
        # Name, then first number, last and step; each file has an axis less than the array.
        fields.append(("data file", f"{path.stem}_%03d.raw 0 {last} 3"))
    elif image.apart and image.files == "one":
        fields.append(("data file", path.with_suffix(".raw").name))
    text = "NRRD0005\n# made for a test\n" + "".join(f"{name}: {value}\n" for name, value in fields)
    if image.files == "list":
        # The names end the file.
        lines = "\n".join(_file_names(image, path))
        return f"{text}data file: LIST\n{lines}\n".encode()
    # A blank line ends the header; ":=" marks a key of the user, ": " a field.
    return f"{text}program:=aicsio\n\n".encode()


def _pic_header(image: RawBlockImage) -> bytes:
    *lead, height, width = image.pixels.shape
    head = bytearray(76)
    # Width, height and number of sections.
    struct.pack_into("<3h", head, 0, width, height, lead[0] if lead else 1)
    # Whether there are notes, and whether a sample has one byte; else it has two.
    struct.pack_into("<ih", head, 10, 1, int(image.pixels.dtype.itemsize == 1))
    # Name of the file, in 32 bytes.
    head[18:22] = b"MADE"
    # Number that all files of the format have.
    struct.pack_into("<h", head, 54, 12345)
    # Magnification of the lens, and the factor of further optics.
    struct.pack_into("<hf", head, 64, 20, 1.0)
    return bytes(head)


def _pic_notes(image: RawBlockImage) -> bytes:
    texts = [
        # Name, kind, origin, step and unit of an axis; AXIS_2 is X.
        f"AXIS_{number} 001 0.0 {image.step(letter)} microns"
        for number, letter in ((2, "X"), (3, "Y"), (4, "Z"))
        if letter in image.dims
    ]
    notes = b""
    for index, text in enumerate(texts):
        # Bytes 2 to 5 of a note are 0 in the last one.
        more = int(index + 1 < len(texts))
        notes += struct.pack("<hi5h80s", 1, more, index, 1, 20, 0, 0, text.encode())
    return notes
