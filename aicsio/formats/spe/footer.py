"""The XML behind the frames of version 3: sizes, regions, tracked numbers, wavelengths, camera.

Rule kept here: numbers are compared with the place of the footer before they are used. Elements are
found by their local names, since programs use several namespaces.

Source of the facts: "SPE 3.0 File Format Specification" of Princeton Instruments: ``DataFormat``,
``MetaFormat``, ``Calibrations``; settings of the camera as LightField writes them.
"""

import datetime as dt
import math
import re
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

import attrs
import numpy as np

from aicsio._io import readers
from aicsio._ome.xml import parse_untrusted
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.spe.header import HEADER_NBYTES, SpeHeader
from aicsio.formats.spe.layout import Track
from aicsio.records import DType, Source

LARGEST_FOOTER: Final = 1 << 26
"""Bytes of the XML; a wavelength for each of 2048 columns takes 40 000."""
PIXEL_FORMATS: Final = {
    "MonochromeUnsigned16": "<u2", "MonochromeUnsigned32": "<u4", "MonochromeFloating32": "<f4",
}  # fmt: skip
TRACK_KINDS: Final = {("int64", "64"): "<i8", ("double", "64"): "<f8"}
"""By type and depth in bits."""
MOST_REGIONS: Final = 1000
LARGEST: Final = 1 << 48
"""Bytes or positions that no file has."""


@attrs.frozen
class Region:
    """A part of the sensor that each frame has."""

    offset: int
    """Bytes from the start of the frame."""
    width: int
    """Columns, after binning."""
    height: int
    """Rows."""
    wavelengths: tuple[float, ...] = ()
    """Nanometres of the columns; empty if unknown."""
    place: tuple[int, ...] = ()
    """On the sensor: x, y, width, height, binning along x and y; empty if unknown."""


@attrs.frozen
class FrameSet:
    """All frames of a file."""

    count: int
    """Their number, as described."""
    stride: int
    """Bytes from one to the next."""
    dtype: DType
    """Stored type."""
    regions: tuple[Region, ...]
    """At least one."""
    tracks: tuple[Track, ...] = ()
    """Numbers behind the pixels of each frame."""


def read_footer(source: Source, header: SpeHeader) -> str:
    """Return the XML as text.

    Raises
    ------
    CorruptFileError
        When the file ends in front of it.
    """
    size = source.size
    if size is not None and header.footer >= size:
        text = f"expected the XML footer, the file ends at {size}"
        raise CorruptFileError.at(source.uri, header.footer, text)
    nbytes = LARGEST_FOOTER if size is None else min(size - header.footer, LARGEST_FOOTER)
    with readers.lend(source) as reader:
        raw = reader.read(header.footer, nbytes)
    # Some writers pad the end of the file.
    return raw.decode("utf_8_sig", "replace").rstrip("\0 \r\n")


def parse_frames(text: str, source: Source, header: SpeHeader) -> tuple[Element, FrameSet]:
    """Return the root of the XML, and the frames that it describes.

    Raises
    ------
    CorruptFileError
        When it is not well formed, or its numbers make no sense.
    UnsupportedFormatError
        For a type of pixels that the specification does not have.
    """
    try:
        root, _ = parse_untrusted(text)
    except CorruptFileError as error:
        raise CorruptFileError.at(source.uri, header.footer, str(error)) from error
    blocks = [one for one in walk(root, "DataBlock") if one.get("type") == "Frame"]
    if len(blocks) != 1:
        text = f"expected one DataBlock of frames, found {len(blocks)}"
        raise CorruptFileError.at(source.uri, header.footer, text)
    frame = blocks[0]
    kind = PIXEL_FORMATS.get(frame.get("pixelFormat", ""))
    if kind is None:
        raise UnsupportedFormatError(
            f"{source.uri} has pixels of type {frame.get('pixelFormat')!r}; "
            f"{', '.join(PIXEL_FORMATS)} are read"
        )
    dtype = np.dtype(kind)
    count, stride = _number(frame, "count"), _number(frame, "stride")
    regions, end = _list_regions(root, frame, dtype)
    if not regions or count < 1 or not 0 < end <= stride:
        text = (
            f"expected regions in frames, found {len(regions)} in {count} frames of {stride} bytes"
        )
        raise CorruptFileError.at(source.uri, header.footer, text)
    if HEADER_NBYTES + (count - 1) * stride + end > header.footer:
        text = f"expected {count} frames of {stride} bytes in front of the footer"
        raise CorruptFileError.at(source.uri, header.footer, text)
    tracks = tuple(_list_tracks(root, frame.get("metaFormat", ""), end, stride))
    return root, FrameSet(count, stride, dtype, regions, tracks)


def walk(root: Element, name: str) -> Iterator[Element]:
    """Yield the elements of a local name."""
    for element in root.iter():
        if element.tag.rpartition("}")[2] == name:
            yield element


def find_text(root: Element, *names: str) -> str | None:
    """Return the first text of an element below others, by local names."""
    for found in walk(root, names[0]):
        # LightField lists the parts of the system first, without their settings.
        text = find_text(found, *names[1:]) if names[1:] else (found.text or "").strip()
        if text:
            return text
    return None


def _number(element: Element, name: str) -> int:
    """Return an attribute; 0 for what is no number of that size."""
    word = element.get(name, "").strip()
    # A text of many digits takes long to convert, and is no size.
    return min(int(word), LARGEST) if re.fullmatch(r"[0-9]{1,18}", word) else 0


def _list_regions(root: Element, frame: Element, dtype: DType) -> tuple[tuple[Region, ...], int]:
    """Return the regions of a frame, and where their pixels end in it."""
    regions: list[Region] = []
    at = end = 0
    for one in frame:
        if one.tag.rpartition("}")[2] != "DataBlock" or one.get("type") != "Region":
            continue
        width, height = _number(one, "width"), _number(one, "height")
        nbytes = width * height * dtype.itemsize
        if not 0 < nbytes < LARGEST or len(regions) >= MOST_REGIONS:
            return (), 0
        place = _find_place(root, one)
        regions.append(Region(at, width, height, _find_wavelengths(root, width, place), place))
        end = at + nbytes
        # The stride of a region reaches to the next one.
        at += max(_number(one, "stride"), nbytes)
    return tuple(regions), end


def _find_place(root: Element, region: Element) -> tuple[int, ...]:
    """Return x, y, width, height and binning of the region on the sensor."""
    identities = [word.strip() for word in region.get("calibrations", "").split(",")]
    names = ("x", "y", "width", "height", "xBinning", "yBinning")
    for mapping in walk(root, "SensorMapping"):
        if mapping.get("id") in identities:
            return tuple(_number(mapping, name) for name in names)
    return ()


def _find_wavelengths(root: Element, width: int, place: tuple[int, ...]) -> tuple[float, ...]:
    """Return nanometres of columns; the mapping has one for each column of the sensor."""
    text = find_text(root, "WavelengthMapping", "Wavelength")
    if text is None:
        return ()
    try:
        values = [float(word) for word in text.split(",")]
    except ValueError:
        return ()
    if not all(math.isfinite(value) for value in values):
        return ()
    if place:
        # Columns that were binned have the mean of their wavelengths.
        x, _, columns, _, binning, _ = place
        values = values[x : x + columns]
        if binning < 1 or len(values) != columns or columns // binning != width:
            return ()
        groups = np.array(values[: width * binning]).reshape(width, binning)
        return tuple(groups.mean(axis=1).tolist())
    return tuple(values) if len(values) == width else ()


def _list_tracks(root: Element, identity: str, start: int, stride: int) -> Iterator[Track]:
    """Yield the numbers behind the pixels of each frame, in the order of the ``MetaBlock``."""
    for block in walk(root, "MetaBlock"):
        if block.get("id") != identity:
            continue
        for one in block:
            kind = TRACK_KINDS.get((one.get("type", "").lower(), one.get("bitDepth", "")))
            # A number of unknown size hides where those behind it begin.
            if kind is None or start + 8 > stride:
                return
            word = one.tag.rpartition("}")[2]
            name = one.get("event") or f"{word} {one.get('component', '')}".strip()
            yield Track(name, start, kind, max(_number(one, "resolution"), 1))
            start += 8
        return


def find_date(root: Element) -> str | None:
    """Return the start of the first exposure, else the creation of the file, ISO 8601."""
    stamps = {one.get("event"): one.get("absoluteTime") for one in walk(root, "TimeStamp")}
    origins = [one.get("created") for one in walk(root, "Origin")]
    for text in (stamps.get("ExposureStarted"), *origins):
        # LightField writes seven digits of a second; ISO 8601 in Python has six.
        shorter = re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", text or "")
        try:
            moment = dt.datetime.fromisoformat(shorter)
        except ValueError:
            continue
        return moment.isoformat()
    return None


def find_exposure(root: Element) -> float | None:
    """Return the exposure time of the camera in seconds; LightField states milliseconds."""
    text = find_text(root, "ShutterTiming", "ExposureTime")
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value / 1000 if 0 < value < 1e12 else None
