"""Legal Nikon ND2 files of any loops, channels, colours, paddings and compressions.

Rule kept here: a file holds the given pixels in frames, numbered through the loops with the
innermost first; metadata follow from the description alone.

Source of the structures: files of NIS-Elements 3 to 5; the files made here are opened alike by the
``nd2`` package and by Bio-Formats.
"""

import itertools
import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.testing.nd2_variants import encode_variant, encode_xml

__all__ = ["Nd2Image", "build_nd2", "write_nd2"]

MAGIC = 0x0ABECEDA
ALIGNMENT = 4096
"""Chunks begin at multiples of this."""
NAME_FIELD = 20
"""Least bytes behind the header of a chunk that its name takes."""
FRAME_LETTERS = "CYXS"
# Values of eType.
LOOP_KINDS = {"T": 1, "P": 2, "Z": 4, "Q": 7}
JULIAN_1970 = 2440587.5


@attrs.frozen(eq=False)
class Nd2Image:
    """Pixels of a file, and its description."""

    pixels: npt.NDArray[Any]
    """uint8, uint16, uint32, float32 or float64."""
    dims: str
    """A letter for each axis: loops (of T, P, Z and Q, outermost first), then some of C, Y, X, S."""
    channels: tuple[str, ...] = ()
    """Names; ``Channel <n>`` if left out."""
    colors: tuple[int, ...] = ()
    """0xRRGGBB, one a channel; white if left out."""
    emissions: tuple[float, ...] = ()
    """Nanometres, one a channel."""
    excitations: tuple[float, ...] = ()
    """Nanometres, one a channel."""
    pixel_size: float = 0.325
    """Micrometres."""
    z_step: float = 0.5
    """Micrometres."""
    period: float = 2.0
    """Seconds between time points."""
    positions: tuple[tuple[str, float, float], ...] = ()
    """Name, x and y (micrometres) of each position of the stage."""
    start: float = 1.7e9
    """Seconds since 1970."""
    compressed: bool = False
    """Whether frames are zlib streams."""
    row_padding: int = 0
    """Bytes behind each row that belong to no pixel."""
    missing: tuple[int, ...] = ()
    """Numbers of frames that are not in the file."""
    version: Literal["2.1", "3.0"] = "3.0"
    """``2.1`` has metadata as XML, ``3.0`` as binary variants."""
    has_map: bool = True
    """Whether the file ends with the map of its chunks."""

    def sizes(self) -> dict[str, int]:
        """Return the size of each axis by its letter."""
        return dict(zip(self.dims, self.pixels.shape, strict=True))

    @property
    def loops(self) -> str:
        """Letters of the loops, outermost first."""
        return "".join(letter for letter in self.dims if letter not in FRAME_LETTERS)


def write_nd2(image: Nd2Image, path: Path) -> Path:
    """Write a file.

    Parameters
    ----------
    image
        Pixels and description.
    path
        Target, with a name that ends in ``.nd2``.

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
    >>> from aicsio.testing.nd2 import Nd2Image, write_nd2
    >>> image = Nd2Image(np.zeros((3, 2, 4, 5), "u2"), "TCYX")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     str(open_image(write_nd2(image, Path(folder) / "a.nd2")).dims)
    'T=3, C=2, Y=4, X=5'
    """
    path.write_bytes(build_nd2(image))
    return path


def build_nd2(image: Nd2Image) -> bytes:
    """Return the bytes of a file.

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
    >>> from aicsio.testing.nd2 import Nd2Image, build_nd2
    >>> build_nd2(Nd2Image(np.zeros((4, 5), "u1"), "YX"))[16:35]
    b'ND2 FILE SIGNATURE '
    """
    out = bytearray()
    entries: list[tuple[bytes, int, int]] = []

    def add(name: str, data: bytes) -> None:
        entries.append((name.encode() + b"!", len(out), len(data)))
        out.extend(_chunk(name.encode() + b"!", data))

    head = f"Ver{image.version}".encode().ljust(64, b"\0")
    # The first chunk has no padding: a name of 32 bytes, and 64 of data with the version.
    out += struct.pack("<IIQ", MAGIC, 32, 64) + b"ND2 FILE SIGNATURE CHUNK NAME01!" + head
    out += bytes(-len(out) % ALIGNMENT)
    suffix = "LV" if image.version == "3.0" else ""
    frames = _frames(image)
    add(f"ImageMetadata{suffix}", _encode(image, "SLxExperiment", experiment_tree(image)))
    add(f"ImageMetadataSeq{suffix}|0", _encode(image, "SLxPictureMetadata", sequence_tree(image)))
    times = frame_times(image)
    for number, frame in enumerate(frames):
        if number in image.missing:
            continue
        stored = zlib.compress(frame, 1) if image.compressed else frame
        # The first eight bytes of the data of a frame are its time in milliseconds.
        time = struct.pack("<d", times[number])
        add(f"ImageDataSeq|{number}", time + stored)
    # Item 5 is the description of the acquisition.
    texts = {f"TextInfoItem_{index}": "" for index in range(14)}
    texts["TextInfoItem_5"] = "Metadata:\r\nCamera Name: generated"
    add(f"ImageTextInfo{suffix}", _encode(image, "SLxImageTextInfo", texts))
    add("CustomData|AcqTimesCache", np.array(times, "<f8").tobytes())
    add(f"ImageAttributes{suffix}", _encode(image, "SLxImageAttributes", _attributes(image)))
    if image.has_map:
        out += _map(entries, len(out))
    return bytes(out)


def _chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk, its name padded so that the next one begins at a multiple of 4096."""
    field = max(NAME_FIELD, len(name))
    field += -(16 + field + len(data)) % ALIGNMENT
    if name.startswith(b"ImageDataSeq"):
        # NIS-Elements begins pixels at a multiple of 4096 and pads behind them.
        # The header takes 16 bytes, and the time of the frame, which stands before its pixels, 8.
        field = ALIGNMENT - 16 - 8
    # Magic, length of the field of the name, length of the data.
    chunk = struct.pack("<IIQ", MAGIC, field, len(data)) + name.ljust(field, b"\0") + data
    return chunk + bytes(-len(chunk) % ALIGNMENT)


def _map(entries: list[tuple[bytes, int, int]], offset: int) -> bytes:
    # An entry is the name with its "!", the offset of the header, the length of the data.
    listed = b"".join(name + struct.pack("<QQ", *place) for name, *place in entries)
    end = b"ND2 CHUNK MAP SIGNATURE 0000001!"
    # The last entry is the map itself, under the name of the tail.
    data = listed + end + struct.pack("<QQ", offset, 0)
    chunk = _chunk(b"ND2 FILEMAP SIGNATURE NAME 0001!", data)
    # The last 40 bytes of the file: readers begin there.
    return chunk + bytes(ALIGNMENT - 40) + end + struct.pack("<Q", offset)


# ---------------------------------------------------------------- pixels


def _frames(image: Nd2Image) -> list[bytes]:
    sizes = image.sizes()
    letters = [letter for letter in FRAME_LETTERS if letter in image.dims]
    # In a frame, the components of a pixel lie together: channels, then samples.
    order = [*image.loops, *(letter for letter in "YXCS" if letter in letters)]
    stored = image.pixels.transpose([image.dims.index(letter) for letter in order])
    if "S" in image.dims:
        stored = stored[..., ::-1]  # blue, green, red
    count = math.prod(sizes[letter] for letter in image.loops)
    rows = np.ascontiguousarray(stored.astype(stored.dtype.newbyteorder("<")))
    # Shape: frames, rows, components of a row.
    rows = rows.reshape(count, sizes["Y"], -1)
    padded = np.zeros((count, sizes["Y"], _row_nbytes(image)), np.uint8)
    used = rows.shape[-1] * rows.dtype.itemsize
    padded[:, :, :used] = rows.view(np.uint8).reshape(count, sizes["Y"], used)
    return [frame.tobytes() for frame in padded]


def _components(image: Nd2Image) -> int:
    sizes = image.sizes()
    return sizes.get("C", 1) * sizes.get("S", 1)


def _row_nbytes(image: Nd2Image) -> int:
    used = image.sizes()["X"] * _components(image) * image.pixels.dtype.itemsize
    return used + image.row_padding


def frame_times(image: Nd2Image) -> list[float]:
    """Return the time of each frame in milliseconds: periods of T, and 10 ms a frame within one."""
    sizes = image.sizes()
    times = []
    for place in itertools.product(*(range(sizes[letter]) for letter in image.loops)):
        at = dict(zip(image.loops, place, strict=True))
        # Frames of one time point follow each other.
        within = sum(step * 10.0 for letter, step in at.items() if letter != "T")
        times.append(250.0 + at.get("T", 0) * image.period * 1000 + within)
    return times


# ---------------------------------------------------------------- metadata


def _attributes(image: Nd2Image) -> dict[str, Any]:
    sizes = image.sizes()
    bits = image.pixels.dtype.itemsize * 8
    return {
        "uiWidth": sizes["X"],
        # uiWidthBytes counts the padding, uiWidth does not.
        "uiWidthBytes": _row_nbytes(image),
        "uiHeight": sizes["Y"],
        "uiComp": _components(image),
        "uiBpcInMemory": bits,
        "uiBpcSignificant": bits,
        "uiSequenceCount": math.prod(sizes[letter] for letter in image.loops),
        "uiTileWidth": sizes["X"],
        "uiTileHeight": sizes["Y"],
        "ePixelType": 2 if image.pixels.dtype.kind == "f" else 1,  # 2 is floating point
        "eCompression": 0 if image.compressed else 2,  # 0 is lossless, 2 none
        "dCompressionParam": 1.0 if image.compressed else 0.0,
    }


def experiment_tree(image: Nd2Image) -> dict[str, Any]:
    # Built from the innermost loop outwards: each level holds the next one.
    experiment: dict[str, Any] = {"eType": 0, "uLoopPars": {}}
    for letter in reversed(image.loops):
        inner = experiment
        experiment = {
            "eType": LOOP_KINDS[letter],
            "uLoopPars": loop_parameters(image, letter),
            # A flag for each position.
            "pItemValid": bytes([1] * image.sizes()[letter]) if letter == "P" else b"",
        }
        if inner["eType"]:
            experiment["uiNextLevelCount"] = 1
            experiment["ppNextLevelEx"] = [inner]
    return experiment


def loop_parameters(image: Nd2Image, letter: str) -> dict[str, Any]:
    count = image.sizes()[letter]
    if letter == "T":
        # Times of a loop are in milliseconds.
        period = image.period * 1000
        return {
            "uiCount": count,
            "dStart": 0.0,
            "dPeriod": period,
            "dDuration": period * count,
            "dAvgPeriodDiff": period,
            "dMinPeriodDiff": period,
            "dMaxPeriodDiff": period,
        }
    if letter == "Z":
        height = image.z_step * (count - 1)
        return {
            "uiCount": count,
            "dZLow": 0.0,
            "dZHigh": height,
            "dZStep": image.z_step,
            "dZHome": height / 2,
            "bZInverted": False,
            "iType": 0,
        }
    if letter == "P":
        places = image.positions or tuple(("", 100.0 * p, -50.0 * p) for p in range(count))
        points = [
            {"dPosX": x, "dPosY": y, "dPosZ": 0.0, "dPFSOffset": -1.0, "dPosName": name}
            for name, x, y in places
        ]
        return {"uiCount": count, "bUseZ": False, "bRelativeXY": False, "Points": points}
    return {"uiCount": count}


def sequence_tree(image: Nd2Image) -> dict[str, Any]:
    # uiCompCount of the picture counts components, uiCount planes; a colour is one plane of three.
    samples = image.sizes().get("S", 1)
    count = image.sizes().get("C", 1)
    planes = {f"a{index}": _plane(image, index, samples) for index in range(count)}
    return {
        "dTimeMSec": frame_times(image)[0] if frame_times(image) else 0.0,
        # A Julian date, in days.
        "dTimeAbsolute": JULIAN_1970 + image.start / 86400,
        "dXPos": 10.0,
        "dYPos": -20.0,
        "dZPos": 30.0,
        "sPicturePlanes": {
            "uiCount": count,
            "uiCompCount": _components(image),
            "sPlaneNew": planes,
            "uiSampleCount": 1,
            "sSampleSetting": {
                "a0": {
                    "dExposureTime": 20.0,  # milliseconds
                    "pObjectiveSetting": {
                        "wsObjectiveName": "Plan Apo 20x",
                        "dObjectiveMag": 20.0,
                        "dObjectiveNA": 0.75,
                        "dRefractIndex": 1.0,
                    },
                }
            },
        },
        "dCalibration": image.pixel_size,  # micrometres a pixel
        "dAspect": 1.0,
        "bCalibrated": True,
        "wsObjectiveName": "Plan Apo 20x",
        # Minus one stands for an unknown number; the magnification is that of the setting above.
        "dObjectiveMag": -1.0,
        "dObjectiveNA": 0.75,
        "dRefractIndex1": 1.0,
        "dRefractIndex2": 1.0,
        "dPinholeRadius": -1.0,
        "dZoom": -1.0,
        "dProjectiveMag": -1.0,
    }


def _plane(image: Nd2Image, index: int, samples: int) -> dict[str, Any]:
    names = image.channels or tuple(f"Channel {n}" for n in range(index + 1))
    colors = image.colors or (0xFFFFFF,) * (index + 1)
    red, green, blue = colors[index] >> 16, colors[index] >> 8 & 0xFF, colors[index] & 0xFF
    lines = {
        "m_ExcitationSpectrum": image.excitations[index : index + 1],
        "m_EmissionSpectrum": image.emissions[index : index + 1],
    }
    spectra = {name: _spectrum(line) for name, line in lines.items()}
    return {
        "uiCompCount": samples,
        "uiSampleIndex": 0,
        "uiModalityMask": 257,  # 0x101: fluorescence, by a camera
        "pFluorescentProbe": {
            "m_sName": "",
            "m_ExcitationSpectrum": _spectrum(()),
            "m_EmissionSpectrum": _spectrum(()),
        },
        "pFilterPath": {"m_sDescr": "", "m_uiCount": 1, "m_pFilter": [spectra]},
        # Windows' COLORREF: red is the lowest byte.
        "uiColor": blue << 16 | green << 8 | red,
        "sDescription": names[index],
        "dAcqTime": 0.0,
        "dPinholeDiameter": -1.0,
    }


def _spectrum(lines: tuple[float, ...]) -> dict[str, Any]:
    points = {
        f"Point{index}": {"eType": 4, "dWavelength": line, "dTValue": 0.0}
        for index, line in enumerate(lines)
    }
    return {"uiCount": len(points), "pPoint": points, "bPoints": False}


def _encode(image: Nd2Image, name: str, tree: Mapping[str, Any]) -> bytes:
    if image.version == "3.0":
        return encode_variant(name, tree)
    return encode_xml(tree)
