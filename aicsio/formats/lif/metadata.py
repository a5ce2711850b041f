"""What the XML of Leica says of one image: axes, channels, times, tiles, lens.

Rule kept here: pure functions of XML elements. A number that is missing or absurd is ``None``, or raises ``Refused``
when pixels cannot be found without it.

Source of the facts: "LIF File Format Description" (Leica Microsystems), chapters on image and dimension descriptions.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import attrs
import numpy as np

from aicsio.errors import CorruptFileError
from aicsio.records import Channel, DType, Objective, Source

LETTERS: Mapping[int, str] = {
    1: "X", 2: "Y", 3: "Z", 4: "T", 5: "L", 6: "R", 7: "N", 8: "Q", 9: "E", 10: "M", 11: "P",
}  # fmt: skip
"""Letters of Leica's dimension numbers: L and E are emission and excitation wavelength, R rotation, N XT slices,
Q T slices, M mosaic tiles, P loops."""

MICROMETRES: Mapping[str, float] = {
    "m": 1e6, "meter": 1e6, "cm": 1e4, "mm": 1e3, "um": 1.0, "µm": 1.0, "μm": 1.0, "micrometer": 1.0, "nm": 1e-3,
    "inch": 25400.0, "in": 25400.0,
}  # fmt: skip
SECONDS: Mapping[str, float] = {
    "s": 1.0,
    "sec": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "min": 60.0,
    "h": 3600.0,
}
COLORS: Mapping[str, int] = {
    "red": 0xFF0000FF, "green": 0x00FF00FF, "blue": 0x0000FFFF, "cyan": 0x00FFFFFF, "magenta": 0xFF00FFFF,
    "yellow": 0xFFFF00FF, "gray": 0xFFFFFFFF, "grey": 0xFFFFFFFF,
}  # fmt: skip
EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
"""Time stamps count tenths of microseconds from here (Windows FILETIME)."""
LARGEST = 2**62


class Refused(Exception):  # noqa: N818 - it never leaves the package: the format turns it into a diagnostic
    """The description of an image cannot be followed."""


@attrs.frozen
class Axis:
    """One DimensionDescription."""

    letter: str
    """See ``LETTERS``."""
    size: int
    """Positions."""
    step: int
    """Bytes from one position to the next."""
    origin: float
    """Physical coordinate of the first position, in ``unit``."""
    length: float
    """From the first position to the last, in ``unit``."""
    unit: str
    """As written."""

    def spacing(self, units: Mapping[str, float]) -> float | None:
        """Distance of two positions, or ``None`` where the file does not say."""
        factor = units.get(self.unit.strip().lower())
        if factor is None or self.size < 2 or not math.isfinite(self.length) or self.length == 0:
            return None
        return abs(self.length) * factor / (self.size - 1)

    def values(self, factor: float) -> tuple[float, ...]:
        """Coordinates of all positions."""
        found = np.linspace(self.origin * factor, (self.origin + self.length) * factor, self.size)
        return tuple(found.tolist())


@attrs.frozen
class Stored:
    """One ChannelDescription."""

    offset: int
    """Bytes from the beginning of the memory block."""
    dtype: DType
    """Stored type."""
    tag: int
    """0 gray, 1 red, 2 green, 3 blue."""
    lut: str
    """Name of the colour table."""
    dye: str | None
    """Dye, where the description itself names it."""


@attrs.frozen
class Tile:
    """One tile of a mosaic: stage position in micrometres, and its place in the grid."""

    x: float
    """Stage position, micrometres."""
    y: float
    """Stage position, micrometres."""
    column: int
    """Field in the grid."""
    row: int
    """Field in the grid."""


def parse_xml(text: str, source: Source) -> ET.Element:
    """Parse the XML of a file.

    Raises
    ------
    CorruptFileError
        For XML that is not well formed, and for document types, which Leica does not write and which can explode.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise CorruptFileError.at(
            source.uri, None, "expected XML without a document type; entities are not expanded"
        )
    try:
        return ET.fromstring(text)  # noqa: S314 - no document type, so no entities
    except (ET.ParseError, ValueError, RecursionError) as error:
        raise CorruptFileError.at(source.uri, None, f"expected well-formed XML: {error}") from error


def images(root: ET.Element) -> Iterator[tuple[str, ET.Element]]:
    """Yield path in the project tree and element of each image, in file order."""
    tops = [child for child in root if child.tag == "Element"]
    stack = [(top, "") for top in reversed(tops)]
    while stack:
        element, folder = stack.pop()
        name = element.get("Name", "")
        # The project itself is no folder: its name is that of the file.
        path = name if element in tops or not folder else f"{folder}/{name}"
        if element.find("./Data/Image") is not None:
            yield path, element
        inner = "" if element in tops else path
        children = element.findall("./Children/Element")
        stack.extend((child, inner) for child in reversed(children))


def parse_axes(image: ET.Element) -> tuple[Axis, ...]:
    """Axes of an image, slowest first.

    Raises
    ------
    Refused
    """
    found = []
    used: set[str] = set()
    for description in image.findall("./ImageDescription/Dimensions/DimensionDescription"):
        number = _whole(description, "DimID")
        letter = LETTERS.get(number)
        if letter is None or letter in used:
            raise Refused(
                f"dimension {number} is {'described twice' if letter else 'of an unknown kind'}"
            )
        used.add(letter)
        size, step = _whole(description, "NumberOfElements"), _whole(description, "BytesInc")
        if not 0 < size < 2**31 or not 0 <= step < LARGEST:
            raise Refused(f"{letter} has {size} positions, {step} bytes apart")
        origin, length = (
            _number(description.get("Origin")) or 0.0,
            _number(description.get("Length")) or 0.0,
        )
        found.append(Axis(letter, size, step, origin, length, description.get("Unit", "")))
    if not found:
        raise Refused("it has no dimensions")
    return tuple(sorted(found, key=lambda axis: -axis.step))


def parse_channels(image: ET.Element) -> tuple[Stored, ...]:
    """Channels of an image, in the order of the description.

    Raises
    ------
    Refused
    """
    found = []
    for description in image.findall("./ImageDescription/Channels/ChannelDescription"):
        bits, kind = _whole(description, "Resolution"), _whole(description, "DataType")
        offset = _whole(description, "BytesInc")
        size = next((n for n in (1, 2, 4, 8) if 0 < bits <= 8 * n), None)
        if (
            size is None
            or kind not in {0, 1}
            or (kind == 1 and size == 1)
            or not 0 <= offset < LARGEST
        ):
            raise Refused(f"a channel has {bits} bits of data type {kind} at offset {offset}")
        properties = {
            (one.findtext("Key") or "").strip(): (one.findtext("Value") or "").strip()
            for one in description.findall("ChannelProperty")
        }
        dtype = np.dtype(f"<{'f' if kind else 'u'}{size}")
        tag = _whole(description, "ChannelTag", 0)
        found.append(
            Stored(
                offset,
                dtype,
                tag,
                description.get("LUTName", ""),
                properties.get("DyeName") or None,
            )
        )
    if not found:
        raise Refused("it has no channels")
    return tuple(found)


def _whole(element: ET.Element, name: str, default: int | None = None) -> int:
    text = element.get(name)
    if text is None and default is not None:
        return default
    try:
        return int(text or "")
    except ValueError as error:
        raise Refused(f"{name} of {element.tag} is {text!r}, no whole number") from error


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


# ---------------------------------------------------------------- what is known beside the pixels


def settings(image: ET.Element) -> list[ET.Element]:
    """Hardware settings of an image: those of each sequential scan, or the one."""
    kinds = ("ATLConfocalSettingDefinition", "ATLCameraSettingDefinition")
    scans = [
        one
        for block in image.iter("LDM_Block_Sequential_List")
        for one in block
        if one.tag in kinds
    ]
    return scans or [one for kind in kinds for one in image.findall(f"./Attachment/{kind}")]


def describe_channels(
    image: ET.Element, stored: Sequence[Stored], samples: int
) -> tuple[Channel, ...]:
    """Names, colours and wavelengths: dye, else detector, else colour table."""
    scans = settings(image)
    detected = [found for scan in scans for found in _detected(scan)] or [
        found for scan in scans for found in _wide_field(scan)
    ]
    known = detected if len(detected) == len(stored) else [Channel()] * len(stored)
    channels = []
    for one, channel in zip(stored, known, strict=True):
        channels.append(
            attrs.evolve(
                channel,
                name=one.dye or channel.name or one.lut or None,
                fluor=one.dye or channel.fluor,
                color=_color(one.lut),
                samples=samples,
            )
        )
    return tuple(channels)


def _color(lut: str) -> int | None:
    gradient = re.fullmatch(r"Gradient\s*\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\)", lut.strip())
    if gradient:
        red, green, blue = (min(int(part), 255) for part in gradient.groups())
        return red << 24 | green << 16 | blue << 8 | 0xFF
    return COLORS.get(lut.strip().lower())


def _detected(scan: ET.Element) -> Iterator[Channel]:
    """Channels of the active detectors of a confocal scan."""
    bands = {band.get("Channel"): band for band in scan.iter("MultiBand")}
    lines = {
        line.get("LaserLine")
        for line in scan.iter("LaserLineSetting")
        if (_number(line.get("IntensityDev")) or 0) > 0 and _number(line.get("LaserLine"))
    }
    # Two lasers at once do not say which of them excites a channel.
    laser = _number(lines.pop()) if len(lines) == 1 else None
    for detector in scan.iter("Detector"):
        if detector.get("IsActive") != "1":
            continue
        band = bands.get(detector.get("Channel"))
        low = _number(band.get("TargetWaveLengthBegin")) if band is not None else None
        high = _number(band.get("TargetWaveLengthEnd")) if band is not None else None
        dye = (band.get("DyeName") or None) if band is not None else None
        yield Channel(
            name=dye,
            fluor=dye,
            emission=(low + high) / 2 if low and high else None,
            excitation=laser,
        )


def _wide_field(scan: ET.Element) -> Iterator[Channel]:
    """Channels of a camera."""
    for one in scan.iter("WideFieldChannelInfo"):
        dye = one.get("FluoCubeName") or None
        yield Channel(
            name=one.get("UserDefName") or dye or one.get("ContrastingMethodName") or None,
            fluor=dye,
            emission=_number(one.get("EmissionWavelength")) or None,
            excitation=_number(one.get("ExcitationWavelength")) or None,
        )


def objective(image: ET.Element) -> Objective | None:
    """Return the lens, or ``None``."""
    for scan in settings(image):
        if scan.get("ObjectiveName") or scan.get("Magnification"):
            return Objective(
                name=(scan.get("ObjectiveName") or "").strip() or None,
                magnification=_number(scan.get("Magnification")),
                aperture=_number(scan.get("NumericalAperture")),
                immersion=(scan.get("Immersion") or "").strip() or None,
            )
    return None


def orientation(element: ET.Element) -> tuple[bool, bool, bool]:
    """FlipX, FlipY, SwapXY."""
    return element.get("FlipX") == "1", element.get("FlipY") == "1", element.get("SwapXY") == "1"


def turned(x: float, y: float, turn: tuple[bool, bool, bool]) -> tuple[float, float]:
    """Stage coordinates in the directions of the image: axes swapped first, then turned round."""
    flip_x, flip_y, swap = turn
    x, y = (y, x) if swap else (x, y)
    return -x if flip_x else x, -y if flip_y else y


def stage(image: ET.Element) -> tuple[float, float] | None:
    """Stage position of the image in micrometres, in the directions of the image."""
    for scan in settings(image):
        x, y = _number(scan.get("StagePosX")), _number(scan.get("StagePosY"))
        if x is not None and y is not None:
            return turned(x * 1e6, y * 1e6, orientation(scan))
    return None


def tiles(image: ET.Element) -> tuple[Tile, ...]:
    """Tiles of a mosaic in the order of M, with positions in the directions of the image."""
    info = image.find("./Attachment[@Name='TileScanInfo']")
    if info is None:
        return ()
    turn = orientation(info)
    found = []
    for one in info.findall("Tile"):
        x, y = _number(one.get("PosX")) or 0.0, _number(one.get("PosY")) or 0.0
        column, row = int(_number(one.get("FieldX")) or 0), int(_number(one.get("FieldY")) or 0)
        # Fields count along the stage's axes, as positions do.
        across, down = turned(float(column), float(row), turn)
        found.append(Tile(*turned(x * 1e6, y * 1e6, turn), int(across), int(down)))
    return tuple(found)


def time_stamps(image: ET.Element) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Time stamps of the frames, in tenths of microseconds since 1601; both encodings."""
    listed = image.find("./TimeStampList")
    if listed is None:
        return np.zeros(0, np.uint64)
    try:
        old = listed.findall("TimeStamp")
        if old:
            numbers = [
                int(one.get("HighInteger", "0")) << 32 | int(one.get("LowInteger", "0"))
                for one in old
            ]
        else:
            numbers = [int(word, 16) for word in (listed.text or "").split()]
        return np.array(numbers, np.uint64)
    except (ValueError, OverflowError):
        return np.zeros(0, np.uint64)


def as_date(stamp: int) -> str | None:
    """Write a time stamp as ISO 8601, UTC; ``None`` for zero and for what is no date."""
    try:
        return (EPOCH + timedelta(microseconds=stamp / 10)).isoformat() if stamp else None
    except OverflowError:
        return None
