"""XML documents of OIR files, as far as readers ask for them.

Rule kept here: names and places of elements are those of FluoView.

Source of the structures: the documentation of the ``OpenReadout`` and ``oirfile`` packages, and
readers of public repositories.
"""

import functools
import re
from typing import Any

__all__ = [
    "channel_document",
    "file_document",
    "frame_document",
    "frame_name",
    "image_document",
    "lut_document",
]

SPACE = "http://www.olympus.co.jp/hpf/model/"
PREFIXES = (
    *("base", "commonimage", "commonparam", "commonphase", "commonframe"),
    *("lsmimage", "lsmparam", "lsmframe", "opticalelement", "dye", "lut", "fileinfo"),
)
AXES = {"T": "TIMELAPSE", "L": "LAMBDA", "Z": "ZSTACK"}


def _root(name: str, body: str, attributes: str = "") -> str:
    spaces = " ".join(f'xmlns:{prefix}="{SPACE}{prefix}"' for prefix in PREFIXES)
    return f'<?xml version="1.0" encoding="ASCII"?>\n<{name} {spaces}{attributes}>{body}</{name}>'


def _pick(values: tuple[Any, ...], index: int, default: Any) -> Any:
    return values[index] if index < len(values) else default


def file_document() -> str:
    """Return the version of the file."""
    return _root("fileinfo:fileInfomation", "<fileinfo:version>2.1.2.3</fileinfo:version>")


def frame_name(image: Any, place: tuple[int, ...]) -> str:
    """Return the name of a frame: its numbers along the axes, from 1, the fastest first.

    Parameters
    ----------
    image
        An ``OirImage``.
    place
        Position along each of its axes.
    """
    at = dict(zip(image.axes, place, strict=True))
    return (
        "".join(f"{letter.lower()}{at[letter] + 1:03}" for letter in "LZT" if letter in at) + "_0_1"
    )


def frame_document(image: Any, place: tuple[int, ...]) -> str:
    """Return the properties of a frame: size, type, positions.

    Parameters
    ----------
    image
        An ``OirImage``.
    place
        Position along each of its axes.
    """
    at = dict(zip(image.axes, place, strict=True))
    positions = {
        # Milliseconds of T, nanometres of L, micrometres of Z.
        "T": at.get("T", 0) * image.period * 1000,
        "L": image.lambda_start + at.get("L", 0) * image.lambda_step,
        "Z": 100.0 + at.get("Z", 0) * image.z_step,
    }
    values = "".join(
        "<commonframe:axisValue>"
        f"<commonframe:axisType>{AXES[letter]}</commonframe:axisType>"
        f"<commonframe:position>{positions[letter]!r}</commonframe:position>"
        "</commonframe:axisValue>"
        for letter in image.axes
    )
    sizes = image.sizes()
    colour = "RGB" if "S" in image.dims else "GlayScale"
    body = (
        f"<commonframe:general><base:name>{frame_name(image, place)}</base:name>"
        "</commonframe:general>"
        "<commonframe:imageDefinition>"
        f"<base:width>{sizes['X']}</base:width><base:height>{sizes[image.rows]}</base:height>"
        f"<base:depth>{image.pixels.dtype.itemsize}</base:depth>"
        # depth counts bytes, bitCounts the bits in use.
        f"<base:bitCounts>{min(8 * image.pixels.dtype.itemsize, 12)}</base:bitCounts>"
        f"<base:colorType>{colour}</base:colorType>"
        f"</commonframe:imageDefinition>{values}"
    )
    return _root("lsmframe:frameProperties", body)


def image_document(image: Any, identifiers: list[str]) -> str:
    """Return the properties of the image: channels, axes, sizes, objective, lasers."""
    sizes = image.sizes()
    channels = _channels(image, identifiers)
    shown = image.axes + ("T" if image.rows == "T" else "")
    axes = "".join(_axis(image, letter, sizes[letter]) for letter in shown)
    lasers, powers = _lasers(image)
    body = (
        "<commonimage:general><base:creationDateTime>2024-12-02T09:52:10.944+08:00"
        "</base:creationDateTime></commonimage:general>"
        "<commonimage:system><base:systemName>FV3000</base:systemName>"
        "<base:systemVersion>2.3.2.169</base:systemVersion></commonimage:system>"
        "<commonimage:imageInfo>"
        f"<commonimage:width>{sizes['X']}</commonimage:width>"
        f"<commonimage:height>{sizes[image.rows]}</commonimage:height>"
        f'<commonimage:phase id="phase0"><commonphase:group id="group0">{channels}'
        f"</commonphase:group></commonimage:phase>{axes}</commonimage:imageInfo>"
        "<commonimage:acquisition><lsmimage:configuration>"
        "<lsmimage:scannerType>Galvano</lsmimage:scannerType></lsmimage:configuration>"
        '<lsmimage:scannerSettings type="Galvano"><commonparam:speedInformation>'
        "<commonparam:seriesInterval>2.0</commonparam:seriesInterval>"
        "</commonparam:speedInformation></lsmimage:scannerSettings>"
        f"<commonimage:imagingParam>{powers}<lsmparam:area><lsmparam:zoom>2.0</lsmparam:zoom>"
        f"</lsmparam:area></commonimage:imagingParam><commonimage:phase>{lasers}"
        "</commonimage:phase><commonimage:microscopeConfiguration><commonimage:objectiveLens>"
        "<opticalelement:name>UPLXAPO20X</opticalelement:name>"
        "<opticalelement:magnification>20.0</opticalelement:magnification>"
        "<opticalelement:naValue>0.8</opticalelement:naValue>"
        "<opticalelement:immersion>DRY</opticalelement:immersion>"
        "</commonimage:objectiveLens></commonimage:microscopeConfiguration>"
        "</commonimage:acquisition>"
    )
    return _root("lsmimage:imageProperties", body, ' version="1.1.0.0"')


def _channels(image: Any, identifiers: list[str]) -> str:
    return "".join(
        f'<commonphase:channel id="{identifier}" order="{index + 1}">'
        f"<commonphase:name>{_pick(image.channels, index, f'CH{index + 1}')}</commonphase:name>"
        "<commonphase:imageDefinition>"
        f"<commonphase:depth>{image.pixels.dtype.itemsize}</commonphase:depth>"
        f"<commonphase:bitCounts>{min(8 * image.pixels.dtype.itemsize, 12)}</commonphase:bitCounts>"
        "</commonphase:imageDefinition>"
        f"<commonphase:length><commonparam:x>{image.pixel_size!r}</commonparam:x>"
        f"<commonparam:y>{image.pixel_size!r}</commonparam:y></commonphase:length>"
        "<commonphase:pixelUnit><commonphase:x>MICRO_METER</commonphase:x>"
        "<commonphase:y>MICRO_METER</commonphase:y></commonphase:pixelUnit>"
        f"<commonphase:laserDataId>laser{index}</commonphase:laserDataId>"
        "<commonphase:pinholeDiameter>110.0</commonphase:pinholeDiameter>"
        "</commonphase:channel>"
        for index, identifier in enumerate(identifiers)
    )


def _lasers(image: Any) -> tuple[str, str]:
    """Return the laser lines of the image, and how much of each was let through."""
    lasers = "".join(
        f'<lsmimage:imagingMainLaser id="laser{index}" enable="true">'
        f"<commonimage:wavelength>{wavelength!r}</commonimage:wavelength>"
        "</lsmimage:imagingMainLaser>"
        for index, wavelength in enumerate(image.excitations)
    )
    powers = "".join(
        f'<commonparam:mainLaser id="laser{index}">'
        "<commonparam:transmissivity>5.0</commonparam:transmissivity></commonparam:mainLaser>"
        for index in range(len(image.excitations))
    )
    return lasers, powers


def _axis(image: Any, letter: str, size: int) -> str:
    # The axis of time is in seconds here, while frames state milliseconds.
    starts = {"T": 0.0, "L": image.lambda_start, "Z": 100.0}
    steps = {"T": image.period, "L": image.lambda_step, "Z": image.z_step}
    start, step = starts[letter], steps[letter]
    return (
        f'<commonimage:axis enable="true"><commonparam:axis>{AXES[letter]}</commonparam:axis>'
        f"<commonparam:startPosition>{start!r}</commonparam:startPosition>"
        f"<commonparam:endPosition>{start + step * (size - 1)!r}</commonparam:endPosition>"
        f"<commonparam:step>{step!r}</commonparam:step>"
        f"<commonparam:maxSize>{size}</commonparam:maxSize></commonimage:axis>"
    )


def lut_document(image: Any, index: int) -> str:
    """Return the lookup table of a channel: its name, and red, green, blue and 0 of each value."""
    name = _pick(image.colors, index, "Green")
    table = _lut_table(name if re.fullmatch("[0-9a-f]{6}", name) else "00ff00")
    body = f"<lut:name>{name}</lut:name><lut:linear>true</lut:linear><lut:data>{table}</lut:data>"
    return _root("lut:LUT", body)


@functools.lru_cache(maxsize=16)
def _lut_table(color: str) -> str:
    end = bytes.fromhex(color)
    return "".join(f"{bytes(one * at // 255 for one in end).hex()}00" for at in range(256))


def channel_document(image: Any, index: int, identifier: str) -> str:
    """Return the settings of the detector of a channel."""
    dye = _pick(image.dyes, index, "None")
    emission = _pick(image.emissions, index, None)
    light = (
        f"<commonphase:dyeData><commonphase:emissionWavelength>{emission!r}"
        "</commonphase:emissionWavelength></commonphase:dyeData>"
    )
    body = (
        f"<commonphase:deviceName>HSD{index + 1}</commonphase:deviceName>"
        f"<commonphase:dyeName>{dye}</commonphase:dyeName>{light * (emission is not None)}"
        "<lsmparam:pmt><lsmparam:voltage>500.0</lsmparam:voltage></lsmparam:pmt>"
    )
    return _root("lsmimage:lsmChannel", body, f' id="{identifier}"')
