"""Legal Olympus OIF sets and OIB files of any axes, channels, strips and compressions.

Rule kept here: a set holds the given pixels, a TIFF for each plane; settings follow from the
description alone.

Source of the structures: files of FluoView 2.1; the sets made here are opened alike by the
``oiffile`` and ``openreadout`` packages and by Bio-Formats.
"""

import functools
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.testing.compound_file import build_compound
from aicsio.testing.plane_tiff import build_plane_tiff

__all__ = ["OifImage", "build_oib", "build_oif", "write_oif"]

UNITS = {"X": "um", "Y": "um", "C": "Ch", "Z": "nm", "T": "ms", "A": "deg", "L": "nm", "P": "mm"}
AXIS_NAMES = {"C": "Ch", "A": "Angle", "L": "Lambda", "P": "Point"}
"""Where they differ from the letter."""
# BITMAPFILEHEADER and BITMAPINFOHEADER: a pixel of 24 bits, its row filled up to four bytes.
THUMBNAIL = (
    b"BM"
    + struct.pack("<IIIIiiHHIIiiII", *(58, 0, 54, 40, 1, 1, 1, 24), *(0, 4, 0, 0, 0, 0))
    + bytes(4)
)
"""A bitmap of one black pixel."""
AXES = "XYCZTALPQ"
"""In the order of their sections."""


@attrs.frozen(eq=False)
class OifImage:
    """Pixels of a set, and its description."""

    pixels: npt.NDArray[Any]
    """uint8 or uint16."""
    dims: str
    """A letter for each axis, slowest first: some of C, Z, T, L, A, P; rows, X, and S if colour.

    Rows are Y, or Z or T where lines were scanned along it.
    """
    channels: tuple[str, ...] = ()
    """Names; ``CH<n>`` if left out."""
    dyes: tuple[str, ...] = ()
    """One a channel; ``None`` in the settings if left out."""
    colors: tuple[int, ...] = ()
    """0xRRGGBB, one a channel; green if left out."""
    emissions: tuple[int, ...] = ()
    """Nanometres, one a channel; 0 if left out."""
    excitations: tuple[int, ...] = ()
    """Nanometres, one a channel; 0 if left out."""
    pixel_size: float = 0.25
    """Micrometres."""
    z_step: float = 0.5
    """Micrometres."""
    period: float = 2.0
    """Seconds between time points."""
    lambda_start: float = 420.0
    """Nanometres."""
    lambda_step: float = 5.0
    """Nanometres."""
    name: str = "cells"
    """Name of the acquisition; that of its folder."""
    compression: Literal["none", "lzw", "deflate", "packbits"] = "none"
    """Of the strips of planes."""
    strip_rows: int = 0
    """Rows of a strip; 0 for all in one."""
    missing: tuple[int, ...] = ()
    """Planes that are not in the set, counted in C order."""
    encoding: Literal["utf-16", "utf-8"] = "utf-16"
    """Of the settings."""
    version: Literal[3, 4] = 4
    """Of the compound file: sectors of 512 or of 4096 bytes."""
    fragment: int = 0
    """Sectors of a stream that follow each other; 0 keeps streams whole."""

    def sizes(self) -> dict[str, int]:
        """Return the size of each axis by its letter."""
        return dict(zip(self.dims, self.pixels.shape, strict=True))

    @property
    def rows(self) -> str:
        """Letter of the rows."""
        return self.dims[self.dims.index("X") - 1]

    @property
    def axes(self) -> str:
        """Letters of the axes of planes, slowest first."""
        return self.dims[: self.dims.index("X") - 1]


def write_oif(image: OifImage, path: Path) -> Path:
    """Write an OIB, or an OIF and its folder.

    Parameters
    ----------
    image
        Pixels and description.
    path
        Target, with a name that ends in ``.oib`` or ``.oif``.

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
    >>> from aicsio.testing.oif import OifImage, write_oif
    >>> image = OifImage(np.zeros((3, 2, 4, 5), "u2"), "TCYX")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     str(open_image(write_oif(image, Path(folder) / "a.oib")).dims)
    'T=3, C=2, Y=4, X=5'
    """
    if path.suffix == ".oib":
        path.write_bytes(build_oib(image))
        return path
    folder = path.with_name(f"{path.name}.files")
    folder.mkdir(exist_ok=True)
    for name, data in build_oif(attrs.evolve(image, name=path.stem)).items():
        (folder / name if name != path.name else path).write_bytes(data)
    return path


def build_oib(image: OifImage) -> bytes:
    """Return the bytes of an OIB.

    Parameters
    ----------
    image
        Pixels and description.

    Returns
    -------
    bytes
        The whole file.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.testing.oif import OifImage, build_oib
    >>> build_oib(OifImage(np.zeros((4, 5), "u1"), "YX"))[:4].hex()
    'd0cf11e0'
    """
    files = build_oif(image)
    main_name = f"{image.name}.oif"
    info = {
        "Version": "2.0.0.0",
        "Name": "COFAImages",
        "MainFileName": f"Stream{len(files):05}",
        "ThumbFolderName": "Storage00001",
        "FileCount": str(len(files)),
        "FolderCount": "1",
        "Compression": "None",
        "Storage00001": f"{main_name}.files",
    }
    streams = {}
    # The main settings come last, as FluoView has them.
    ordered = [name for name in files if name != main_name] + [main_name]
    for number, name in enumerate(ordered, 1):
        key = f"Stream{number:05}"
        path = key if name == main_name else f"Storage00001/{key}"
        streams[path] = files[name]
        info[key] = name if name == main_name else f"Storage00001/{name}"
    streams["OibInfo.txt"] = _encode(image, {"OibSaveInfo": info})
    return build_compound(streams, version=image.version, fragment=image.fragment)


def build_oif(image: OifImage) -> dict[str, bytes]:
    """Return the files of a set by name: the OIF itself, and those of its folder.

    Parameters
    ----------
    image
        Pixels and description.

    Returns
    -------
    dict of str to bytes
        Their content.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.testing.oif import OifImage, build_oif
    >>> list(build_oif(OifImage(np.zeros((2, 4, 5), "u1"), "ZYX", missing=(0,))))
    ['s_C001Z002.tif', 's_C001Z002.pty', 's_LUT1.lut', 's_Thumb.bmp', 's_Thumb.pty', 's_image.roi', 'cells.oif']
    """
    files: dict[str, bytes] = {}
    # Names of planes have a channel even where the image has no axis of channels.
    letters = image.axes if "C" in image.axes else image.axes + "C"
    lead = [image.sizes().get(letter, 1) for letter in letters]
    planes = image.pixels.reshape(*lead, *image.pixels.shape[len(image.axes) :])
    for number, place in enumerate(np.ndindex(*lead)):
        if number in image.missing:
            continue
        at = dict(zip(letters, place, strict=True))
        stem = "s_" + "".join(f"{letter}{at[letter] + 1:03}" for letter in _name_order(letters))
        files[f"{stem}.tif"] = build_plane_tiff(
            planes[place], compression=image.compression, strip_rows=image.strip_rows
        )
        files[f"{stem}.pty"] = _encode(image, _plane_settings(image, at, stem))
    colors = image.colors or (0x00FF00,) * image.sizes().get("C", 1)
    for index, color in enumerate(colors):
        files[f"s_LUT{index + 1}.lut"] = _lut(image, color)
    files["s_Thumb.bmp"] = THUMBNAIL
    files["s_Thumb.pty"] = _encode(image, {"File Info": {"DataName": '"s_Thumb.bmp"'}})
    files["s_image.roi"] = _encode(image, {"FileInformation": {"Name": '"image"'}})
    files[f"{image.name}.oif"] = _encode(image, _main_settings(image))
    return files


def _name_order(letters: str) -> str:
    """Letters as names of planes have them: C first."""
    return "".join(letter for letter in "CLZTAP" if letter in letters)


# ---------------------------------------------------------------- settings


def _encode(image: OifImage, sections: Mapping[str, Mapping[str, str]]) -> bytes:
    lines = []
    for name, section in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{key}={value}" for key, value in section.items()]
    text = "\r\n".join(lines) + "\r\n"
    return b"\xff\xfe" + text.encode("utf-16-le") if image.encoding == "utf-16" else text.encode()


def _lut(image: OifImage, color: int) -> bytes:
    """Return a lookup table: settings, and blue, green, red, 0 of each of 65536 values."""
    head = _encode(image, {"FileInformation": {"Name": '"LUT"'}, "ColorLUTData": {}})
    return head + _lut_table(color)


@functools.lru_cache(maxsize=16)
def _lut_table(color: int) -> bytes:
    # From black to the colour in even steps; shape: values, then blue, green, red, 0.
    share = np.arange(65536, dtype=np.uint32)[:, None]
    ends = np.array([color & 0xFF, color >> 8 & 0xFF, color >> 16 & 0xFF, 0], np.uint32)
    return (share * ends // 65535).astype(np.uint8).tobytes()


def _main_settings(image: OifImage) -> dict[str, dict[str, str]]:
    sizes = image.sizes()
    folder = f"{image.name}.oif.files\\"
    # AxisOrder lists the fastest axis first; the samples of a colour are no axis.
    order = image.dims.replace("S", "")[::-1]
    letters = _name_order(image.axes if "C" in image.axes else image.axes + "C")
    template = "s_" + "".join(f"{letter}%03d" for letter in letters)
    first = "s_" + "".join(f"{letter}001" for letter in letters)
    last = "s_" + "".join(f"{letter}{sizes.get(letter, 1):03}" for letter in letters)
    common = {
        "Acquisition Device": '"FV1000"',
        # FluoView spells the key so.
        "ImageCaputreDate": "'2012-07-26 15:13:35'",
        "ImageCaputreDate+MilliSec": "976",
        "ScanMode": f'"{order}"',
        "ZoomValue": "7.0",
    }
    settings = {"Acquisition Parameters Common": common}
    for number, letter in enumerate(AXES):
        settings[f"Axis {number} Parameters Common"] = _axis(image, letter, sizes)
    settings["Axis Parameter Common"] = {"AxisCount": str(len(order)), "AxisOrder": f'"{order}"'}
    for index in range(sizes.get("C", 1)):
        settings[f"Channel {index + 1} Parameters"] = _channel(image, index)
    settings["File Info"] = {
        "DataName": f'"{image.name}"',
        "FileFormat": '"Olympus Image Format"',
        "UserComment": '"generated"',
    }
    excitations = dict.fromkeys(image.excitations)
    for index, wavelength in enumerate(excitations):
        laser = {"Laser Enable": "1", "LaserWavelength": str(wavelength)}
        settings[f"Laser {index} Parameters"] = laser
    saved = {
        "FrameCount": str(math.prod(image.pixels.shape[: len(image.axes)])),
        "LUTCount": str(sizes.get("C", 1)),
        "Name": '"COFAImages"',
        "PtyFileNameS": f'"{folder}{first}.pty"',
        "PtyFileNameE": f'"{folder}{last}.pty"',
        "PtyFileNameT2": f'"{folder}{template}.pty"',
        "PtyFileNameThumbnail0": f'"{folder}s_Thumb.pty"',
        "RoiFileName0": f'"{folder}s_image.roi"',
        "Version": '"2.0.0.0"',
    }
    for index in range(sizes.get("C", 1)):
        saved[f"LutFileName{index}"] = f'"{folder}s_LUT{index + 1}.lut"'
    settings["ProfileSaveInfo"] = saved
    settings["Reference Image Parameter"] = _plane_size(image)
    settings["Version Info"] = {"SystemName": '"FLUOVIEW FV1000"', "SystemVersion": '"2.1.2.5"'}
    return settings


def _axis(image: OifImage, letter: str, sizes: Mapping[str, int]) -> dict[str, str]:
    size = sizes.get(letter, 0)
    starts = {"L": image.lambda_start}
    steps = {"Z": image.z_step * 1000, "T": image.period * 1000, "L": image.lambda_step}
    start, step = starts.get(letter, 0.0), steps.get(letter, 0.0)
    return {
        "AxisCode": f'"{letter}"',
        "AxisName": f'"{AXIS_NAMES.get(letter, letter)}"',
        "StartPosition": repr(start),
        "EndPosition": repr(start + step * max(size - 1, 0)),
        "Interval": repr(step),
        "MaxSize": str(size),
        "GUI MaxSize": str(size),
        "PixUnit": f'"{UNITS.get(letter, "Unknown")}"',
        "UnitName": f'"{UNITS.get(letter, "Unknown")}"',
    }


def _channel(image: OifImage, index: int) -> dict[str, str]:
    def pick(values: tuple[Any, ...], default: Any) -> Any:
        return values[index] if index < len(values) else default

    return {
        "AnalogPMTGain": "1000",
        "AnalogPMTOffset": "0",
        "AnalogPMTVoltage": "600",
        "BF Name": '"BA505-525"',
        "CH Name": f'"{pick(image.channels, f"CH{index + 1}")}"',
        "Confocal": '"ON"',
        "DyeName": f'"{pick(image.dyes, "None")}"',
        "EmissionWavelength": str(pick(image.emissions, 0)),
        "ExcitationDM Name": '"DM405/488"',
        "ExcitationWavelength": str(pick(image.excitations, 0)),
        "LightType": '"Fluorescence"',
        "PMTDetectingMode": "0",
    }


def _plane_size(image: OifImage) -> dict[str, str]:
    sizes = image.sizes()
    height, unit = {"Z": (image.z_step, "um"), "T": (2.0, "ms")}.get(
        image.rows, (image.pixel_size, "um")
    )
    return {
        "HeightConvertValue": repr(height),
        "HeightUnit": f'"{unit}"',
        "ImageDepth": str(image.pixels.dtype.itemsize),
        "ImageHeight": str(sizes[image.rows]),
        "ImageWidth": str(sizes["X"]),
        "ValidBitCounts": str(min(8 * image.pixels.dtype.itemsize, 12)),
        "WidthConvertValue": repr(image.pixel_size),
        "WidthUnit": '"um"',
    }


def _plane_settings(image: OifImage, at: Mapping[str, int], stem: str) -> dict[str, dict[str, str]]:
    values = {"C": at.get("C", 0) + 1.0, "Z": at.get("Z", 0) * image.z_step * 1000}
    values |= {"T": at.get("T", 0) * image.period * 1000}
    values |= {"L": image.lambda_start + at.get("L", 0) * image.lambda_step}
    settings = {
        "Acquisition Parameters Common": {
            "Confocal": '"ON"',
            "ExcitationOutPutLevel": "5.0",
            "Magnification": "40.0",
            "ObjectiveLens NAValue": "0.75",
            "ObjectiveLens Name": '"UPLFLN   40X  NA:0.75"',
            "ObjectiveLens WDValue": "9999.0",
            "PinholeDiameter": "100000",
            "ScanSpeed": "8.0",
        }
    }
    for number, letter in enumerate(AXES):
        settings[f"Axis {number} Parameters"] = {
            "AbsPositionUnitName": f'"{UNITS.get(letter, "mm")}"',
            "AbsPositionValue": repr(float(values.get(letter, 0.0))),
            "Number": str(at.get(letter, 0) + 1),
        }
    settings["File Info"] = {"DataName": f'"{stem}.tif"', "Path": '".\\"'}
    settings["Image Parameters"] = _plane_size(image)
    return settings
