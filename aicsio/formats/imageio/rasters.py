"""Raw rasters that pillow narrows or lacks: netpbm, 16-bit SGI, FITS.

Rule kept here: samples are those of the file, whatever its largest value is. Lengths come from
the header and are checked before anything is read.

Sources of the facts: the pages pgm(5), ppm(5), pam(5) and pfm(5) of netpbm; "The SGI Image File Format",
version 1.00; "Definition of the Flexible Image Transport System (FITS)", version 4.0.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from aicsio._io.readers import BinaryFile
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.imageio.frames import (
    Array,
    Description,
    Frames,
    FrameScene,
    Note,
    check_shape,
    check_size,
    opened,
    translated,
)
from aicsio.records import Source

FITS_BLOCK = 2880
"""Bytes of a block: headers and data fill whole blocks (FITS 4.0, section 3.1)."""
LARGEST_FITS_HEADER = 4096
"""Blocks. A header of 11 MiB is none; the limit bounds the search for its end."""
MOST_IMAGES = 10_000
"""Images of one netpbm file that are looked for: 10 microseconds each on a local disk."""
LONGEST_NUMBER = 16
"""Characters of a number in a text raster: five digits, and some zeros before them."""
FITS_TYPES = {8: ">u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
"""Types by BITPIX (FITS 4.0, section 4.4.1.1)."""
# Magic, width, height, largest value or scale; one blank ends the header: a "#" behind it is a pixel.
_PNM_HEADER = re.compile(
    rb"(P[2356fF])(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+"
    rb"([-+.\deE]+)(?:#[^\n]*)?\s"
)
# Text of a card: a quote inside is doubled (FITS 4.0, section 4.2.1.1).
_FITS_TEXT = re.compile(r" *'((?:[^']|'')*)")


@attrs.frozen
class RasterHeader:
    """Header of one raster."""

    shape: tuple[int, ...]
    """Of one frame: (Y, X) or (Y, X, S)."""
    stored: np.dtype[Any]
    """Type of the stored samples, with its byte order."""
    offset: int
    """Bytes before the samples."""
    count: int = 1
    """Frames."""
    gap: int = 0
    """Bytes between frames: netpbm repeats the header."""
    coding: str = "raw"
    """``"raw"``, ``"text"`` (numbers in ASCII) or ``"runs"`` (run lengths of SGI)."""
    bottom_up: bool = False
    """Whether the first stored row is the lowest."""
    planar: bool = False
    """Whether samples lie in planes of their own."""
    shift: int = 0
    """Added to each sample: FITS stores unsigned numbers as signed ones with BZERO."""
    metadata: tuple[tuple[str, str | int | float], ...] = ()
    """Facts of the header, by name."""
    notes: tuple[Note, ...] = ()
    """Codes and messages of diagnostics."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples once read."""
        if self.shift:
            return np.dtype(f"u{self.stored.itemsize}")
        return self.stored.newbyteorder("=")


def describe(source: Source, kind: str) -> Description:
    """Read the header of a raster."""
    with translated(source, f"reading the header of this {kind} image"), opened(source) as file:
        header = _parse(kind, file)
    check_size(source, kind, header.shape, header.dtype)
    _check_length(source, header)
    moving = header.count > 1
    frames = Frames(source, "rasters", kind, header.count, header.shape, header.dtype)
    metadata = {"format": kind, **dict(header.metadata)}
    return Description((FrameScene("Image:0", frames, moving),), metadata, header.notes)


def _check_length(source: Source, header: RasterHeader) -> None:
    """Refuse raw samples that the file is too short for."""
    nbytes = header.count * math.prod(header.shape) * header.stored.itemsize
    nbytes += (header.count - 1) * header.gap
    if header.coding == "raw" and source.size is not None and header.offset + nbytes > source.size:
        raise CorruptFileError.at(
            source.uri,
            header.offset,
            f"it declares {nbytes:,} bytes of pixels, which its {source.size:,} bytes cannot hold",
        )


def _parse(kind: str, file: BinaryFile) -> RasterHeader:
    file.seek(0)
    return PARSERS[kind](file)


def read_raster(frames: Frames, start: int, stop: int) -> Array:
    """Read frames ``start`` to ``stop``, top row first."""
    with (
        translated(frames.source, f"reading this {frames.kind} image"),
        opened(frames.source) as file,
    ):
        header = _parse(frames.kind, file)
        samples = DECODERS[header.coding](file, header, start, stop)
        pixels = samples.reshape(stop - start, *_stored_shape(header))
        if header.planar and len(header.shape) == 3:
            pixels = np.moveaxis(pixels, 1, -1)
        if header.bottom_up:
            pixels = pixels[:, ::-1]
        if header.shift:
            pixels = pixels.astype(np.int64) + header.shift
        pixels = np.ascontiguousarray(pixels, header.dtype)
        check_shape(frames, pixels[0])
        return pixels


def _stored_shape(header: RasterHeader) -> tuple[int, ...]:
    if header.planar and len(header.shape) == 3:
        return (header.shape[2], *header.shape[:2])
    return header.shape


# ---------------------------------------------------------------- netpbm


def _parse_pnm(file: BinaryFile) -> RasterHeader:
    """Parse the header of PGM, PPM or PFM; comments may stand between its words."""
    found = _PNM_HEADER.match(file.read(4096))
    if found is None:
        raise ValueError("it has no header of netpbm")
    magic, width, height, largest = found.groups()
    samples = (3,) if magic in {b"P3", b"P6", b"PF"} else ()
    shape = (int(height), int(width), *samples)
    if magic in {b"Pf", b"PF"}:
        # pfm(5): the sign of the scale gives the byte order; rows run from bottom to top.
        scale = float(largest)
        stored: np.dtype[Any] = np.dtype("<f4" if scale < 0 else ">f4")
        facts = (("scale", abs(scale)),)
        return RasterHeader(shape, stored, found.end(), bottom_up=True, metadata=facts)
    maxval = int(largest)
    if not 0 < maxval < 65536:
        raise ValueError(f"its largest value is {maxval}")
    stored = np.dtype("u1" if maxval < 256 else ">u2")
    facts = (("maxval", maxval),)
    if magic in {b"P2", b"P3"}:
        return RasterHeader(shape, stored, found.end(), coding="text", metadata=facts)
    return _with_more_images(file, RasterHeader(shape, stored, found.end(), metadata=facts))


def _with_more_images(file: BinaryFile, header: RasterHeader) -> RasterHeader:
    """Count images of one file: "a sequence of one or more PGM images" (pgm(5)).

    They are frames if each has the header of the first, byte by byte.
    """
    file.seek(0)
    head = file.read(header.offset)
    stride = header.offset + math.prod(header.shape) * header.stored.itemsize
    count = 1
    while count < MOST_IMAGES:
        file.seek(count * stride)
        if file.read(header.offset) != head:
            break
        count += 1
    file.seek(count * stride)
    rest = file.read(3)
    notes: tuple[Note, ...] = ()
    # A further image begins with P, a digit and a blank.
    if len(rest) == 3 and rest[:1] == b"P" and rest[2:].isspace():
        notes = (("more-images", f"images of another header follow the first {count}: not shown"),)
    return attrs.evolve(header, count=count, gap=header.offset, notes=notes)


def _parse_pam(file: BinaryFile) -> RasterHeader:
    """Parse the header of PAM: lines of a name and a value, up to ENDHDR."""
    head, end, _ = file.read(4096).partition(b"ENDHDR\n")
    if not end:
        raise ValueError("its header has no end")
    lines = [line.strip() for line in head.decode("ascii", "replace").split("\n")[1:]]
    facts = dict(line.split(None, 1) for line in lines if " " in line and line[0] != "#")
    depth, maxval = int(facts["DEPTH"]), int(facts["MAXVAL"])
    if not 0 < maxval < 65536:
        raise ValueError(f"its largest value is {maxval}")
    shape = (int(facts["HEIGHT"]), int(facts["WIDTH"]), *([depth] if depth > 1 else []))
    kind = facts.get("TUPLTYPE", "")
    notes: list[Note] = []
    # Two samples, and four that are not colours, are named by the tuple type alone.
    if depth > 1 and kind not in {"RGB", "RGB_ALPHA"}:
        notes.append(("sample-meaning", f"S holds {kind or f'{depth} samples without names'}"))
    stored = np.dtype("u1" if maxval < 256 else ">u2")
    metadata = (("maxval", maxval), ("tuple type", kind))
    return RasterHeader(shape, stored, len(head) + len(end), metadata=metadata, notes=tuple(notes))


# ---------------------------------------------------------------- SGI


def _parse_sgi(file: BinaryFile) -> RasterHeader:
    head = file.read(512)
    if len(head) < 512 or head[:2] != b"\x01\xda" or head[3] != 2:
        raise ValueError("it has no header of a 16-bit SGI image")
    # XSIZE, YSIZE and ZSIZE.
    columns, rows, channels = (int.from_bytes(head[at : at + 2]) for at in (6, 8, 10))
    # All numbers of an SGI header are big-endian.
    dimensions = int.from_bytes(head[4:6])
    # Of one dimension there is one row, of two one channel, whatever the other fields hold.
    if dimensions < 2:
        rows = 1
    if dimensions < 3:
        channels = 1
    shape = (rows, columns, channels) if channels > 1 else (rows, columns)
    coding = "runs" if head[2] else "raw"
    stored = np.dtype(">u2")
    return RasterHeader(shape, stored, 512, coding=coding, bottom_up=True, planar=True)


def _decode_runs(file: BinaryFile, header: RasterHeader, _start: int, _stop: int) -> Array:
    """Decode run lengths: a table of offsets, one row of one channel after the other."""
    rows, columns = header.shape[:2]
    line_count = rows * (header.shape[2] if len(header.shape) == 3 else 1)
    file.seek(header.offset)
    # Two tables of 32-bit numbers: offsets of all rows, then their lengths in bytes.
    tables = np.frombuffer(file.read(8 * line_count), ">u4")
    if tables.size < 2 * line_count:
        raise ValueError("the table of its rows breaks off")
    out = np.zeros((line_count, columns), np.uint16)
    for line in range(line_count):
        file.seek(int(tables[line]))
        # A run of one sample takes four bytes: no row is longer.
        nbytes = min(int(tables[line_count + line]), 4 * columns + 4)
        words = np.frombuffer(file.read(nbytes // 2 * 2), ">u2")
        _decode_row(words, out[line])
    return out


def _decode_row(words: Array, row: Array) -> None:
    column = index = 0
    while index < len(words) and column < len(row):
        # The low seven bits count the samples of a run; 0 ends the row. In images of 16 bits
        # a count is a word, too.
        count = int(words[index]) & 0x7F
        if not count:
            break
        stop = min(column + count, len(row))
        if int(words[index]) & 0x80:  # the samples themselves
            samples = words[index + 1 : index + 1 + stop - column]
            row[column : column + len(samples)] = samples
            index += 1 + count
        else:
            row[column:stop] = words[index + 1 : index + 2]
            index += 2
        column = stop
    if column < len(row):
        raise ValueError(f"a row ends after {column} of {len(row)} pixels")


# ---------------------------------------------------------------- FITS


def _parse_fits(file: BinaryFile) -> RasterHeader:
    """Parse the primary header: cards of 80 characters, ``KEYWORD = value / comment``."""
    cards: dict[str, str] = {}
    for block in range(LARGEST_FITS_HEADER):
        text = file.read(FITS_BLOCK).decode("ascii", errors="replace")
        if len(text) < FITS_BLOCK:
            raise ValueError("its header has no end")
        lines = [text[at : at + 80] for at in range(0, FITS_BLOCK, 80)]
        for line in lines:
            if line[8:10] == "= ":
                cards.setdefault(line[:8].strip(), _fits_value(line[10:]))
        if any(line.rstrip() == "END" for line in lines):
            return _fits_header(cards, (block + 1) * FITS_BLOCK)
    raise ValueError("its header has no end")


def _fits_value(field: str) -> str:
    """Return the value of a card without its comment; text without its quotes."""
    text = _FITS_TEXT.match(field)
    # A comment begins at a slash outside of quotes (section 4.1.2).
    if text is None:
        return field.split("/", maxsplit=1)[0].strip()
    # Blanks at the end of a text are padding.
    return text[1].replace("''", "'").rstrip()


def _fits_header(cards: dict[str, str], offset: int) -> RasterHeader:
    axis_count = int(cards.get("NAXIS", "0"))
    if axis_count < 2:
        raise UnsupportedFormatError("this FITS file has no image in its primary header")
    # NAXIS1 is the fastest axis. Further axes than those of an image are frames.
    sizes = [int(cards[f"NAXIS{n}"]) for n in range(axis_count, 0, -1)]
    *frame_sizes, rows, columns = sizes
    stored = np.dtype(FITS_TYPES[int(cards["BITPIX"])])
    scale, zero = float(cards.get("BSCALE", "1")), float(cards.get("BZERO", "0"))
    notes: list[Note] = []
    shift = 0
    if scale == 1 and stored.kind == "i" and zero == 1 << (8 * stored.itemsize - 1):
        # FITS 4.0, section 5.2.5: the convention for unsigned integers.
        shift = int(zero)
    elif scale != 1 or zero != 0:
        text = f"samples are shown as stored; the file scales them: {zero:g} + {scale:g} x sample"
        notes.append(("fits-scaling", text))
    return RasterHeader(
        (rows, columns),
        stored,
        offset,
        count=math.prod(frame_sizes),
        bottom_up=True,  # section 3.3: the first row is at the bottom by convention
        shift=shift,
        metadata=tuple(cards.items()),
        notes=tuple(notes),
    )


# ---------------------------------------------------------------- samples


def _read_raw(file: BinaryFile, header: RasterHeader, start: int, stop: int) -> Array:
    nbytes = math.prod(header.shape) * header.stored.itemsize
    stride = nbytes + header.gap
    file.seek(header.offset + start * stride)
    # No header stands behind the last frame.
    wanted = (stop - start) * stride - header.gap
    data = file.read(wanted)
    if len(data) < wanted:
        raise ValueError(f"it holds {len(data)} bytes of pixels, expected {wanted}")
    if not header.gap:
        return np.frombuffer(data, header.stored)
    parts = [
        np.frombuffer(data, header.stored, math.prod(header.shape), first)
        for first in range(0, wanted, stride)
    ]
    return np.concatenate(parts)


def _read_text(file: BinaryFile, header: RasterHeader, _start: int, _stop: int) -> Array:
    file.seek(header.offset)
    words = re.sub(rb"#[^\n]*", b"", file.read()).split()
    count = math.prod(header.shape)
    if len(words) < count:
        raise ValueError(f"it holds {len(words)} numbers, expected {count}")
    words = words[:count]
    # numpy pads all words to the longest: one long word would make a giant of a small file.
    if max(map(len, words)) > LONGEST_NUMBER:
        raise ValueError(f"a number has more than {LONGEST_NUMBER} digits")
    numbers = np.array(words).astype(np.int64)
    if numbers.min() < 0 or numbers.max() >= 1 << (8 * header.stored.itemsize):
        raise ValueError(f"its numbers run from {numbers.min()} to {numbers.max()}")
    return numbers.astype(header.stored)


PARSERS: Mapping[str, Callable[[BinaryFile], RasterHeader]] = {
    "PPM": _parse_pnm,
    "PAM": _parse_pam,
    "SGI": _parse_sgi,
    "FITS": _parse_fits,
}
DECODERS: Mapping[str, Callable[[BinaryFile, RasterHeader, int, int], Array]] = {
    "raw": _read_raw,
    "text": _read_text,
    "runs": _decode_runs,
}
