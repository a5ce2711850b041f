"""Legal SPE files of Princeton Instruments, versions 2.5 and 3.0, of any frames, regions and types.

Rule kept here: header and footer follow from the description alone.

Source of the structures: as for ``aicsio.formats.spe``. The files made here are opened alike by
imageio and spexread.
"""

import struct
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy.typing as npt

__all__ = ["SpeImage", "build_spe", "write_spe"]

TYPES = {"f4": 0, "i4": 1, "i2": 2, "u2": 3, "f8": 5, "u1": 6, "u4": 8}
"""Numbers of types in the header, of version 2."""
PIXEL_FORMATS = {
    "u2": "MonochromeUnsigned16", "u4": "MonochromeUnsigned32", "f4": "MonochromeFloating32",
}  # fmt: skip
"""Words of version 3."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
STAMP = 'type="Int64" bitDepth="64" resolution="1000000" absoluteTime="{date}"'
TRACKS = (
    f'<TimeStamp event="ExposureStarted" {STAMP}/>',
    f'<TimeStamp event="ExposureEnded" {STAMP}/>',
    '<FrameTrackingNumber type="Int64" bitDepth="64"/>',
    '<GateTracking component="Delay" type="Double" bitDepth="64" monotonic="true"/>',
)
"""Numbers behind the pixels of each frame."""


@attrs.frozen(eq=False)
class SpeImage:
    """Pixels of a file, and its description."""

    regions: tuple[npt.NDArray[Any], ...]
    """Pixels of each region of the sensor, as T, Y, X; those of version 2 have one width."""
    version: Literal[2, 3] = 3
    """Of WinSpec, or of LightField."""
    exposure: float = 0.25
    """Seconds."""
    acquired: str = "2021-03-04T13:45:01"
    """Date and time."""
    period: float = 0.5
    """Seconds between frames, of version 3 with tracks."""
    tracks: bool = True
    """Whether frames carry time stamps, numbers and gate delays; version 3 alone."""
    wavelengths: bool = False
    """Whether columns have wavelengths, 500 nm and half a nanometre a column; version 3 alone."""
    padding: int = 0
    """Bytes behind each frame of version 3."""
    comments: tuple[str, ...] = ()
    """At most five lines of 80 characters; version 2 alone."""
    camera: str = "PIXIS: 400BR"
    """Model of the camera; version 3 alone."""
    binning: int = 1
    """Pixels of the sensor to a pixel of the image, along rows and columns."""
    cut_frames: int = 0
    """Frames at the end that are described and not in the file, nor is what lies behind them."""


def write_spe(image: SpeImage, path: Path) -> Path:
    """Write a file.

    Parameters
    ----------
    image
        Pixels and description.
    path
        Target, with a name that ends in ``.spe``.

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
    >>> from aicsio.testing.spe import SpeImage, write_spe
    >>> image = SpeImage((np.zeros((3, 4, 5), "u2"), np.zeros((3, 2, 7), "u2")))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [str(scene.dims) for scene in open_image(write_spe(image, Path(folder) / "a.spe")).scenes]
    ['T=3, Y=4, X=5', 'T=3, Y=2, X=7']
    """
    path.write_bytes(build_spe(image))
    return path


def build_spe(image: SpeImage) -> bytes:
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
    >>> from aicsio.testing.spe import SpeImage, build_spe
    >>> len(build_spe(SpeImage((np.zeros((1, 4, 5), "u2"),), version=2)))
    4140
    """
    frames = _build_frames(image)
    kept = b"".join(frames[: len(frames) - image.cut_frames])
    header = _build_header(image, len(frames), 4100 + sum(map(len, frames)))
    # A file that breaks off has nothing behind its last frame.
    is_whole = image.version == 3 and not image.cut_frames
    return header + kept + (_build_footer(image).encode() if is_whole else b"")


def _track_count(image: SpeImage) -> int:
    return len(TRACKS) if image.version == 3 and image.tracks else 0


def _build_frames(image: SpeImage) -> list[bytes]:
    frames = []
    for index in range(len(image.regions[0])):
        frame = b""
        for region in image.regions:
            frame += region[index].astype(region.dtype.newbyteorder("<")).tobytes()
        if _track_count(image):
            # Ticks of a microsecond, the number of the frame, the delay of the gate.
            start = round(1e6 * (1.0 + image.period * index))
            stop = start + round(1e6 * image.exposure)
            frame += struct.pack("<3qd", start, stop, index + 1, 0.5 * index)
        frames.append(frame + bytes(image.padding if image.version == 3 else 0))
    return frames


def _build_header(image: SpeImage, count: int, end: int) -> bytes:
    head = bytearray(4100)
    width = image.regions[0].shape[2]
    height = sum(region.shape[1] for region in image.regions)
    name = image.regions[0].dtype.str[1:]
    # Exposure in seconds, columns, type, rows.
    struct.pack_into("<f", head, 10, image.exposure)
    struct.pack_into("<H", head, 42, width)
    struct.pack_into("<h", head, 108, TYPES[name])
    struct.pack_into("<H", head, 656, height)
    # Number of frames; version of the header; identifier of WinView; end of the header.
    struct.pack_into("<i", head, 1446, count)
    struct.pack_into("<f", head, 1992, 3.0 if image.version == 3 else 2.5)
    struct.pack_into("<i", head, 2996, 0x01234567)
    struct.pack_into("<h", head, 4098, 0x5555)
    if image.version == 3:
        struct.pack_into("<Q", head, 678, end)
        return bytes(head)
    year, month, day = image.acquired[:10].split("-")
    head[20:29] = f"{day}{MONTHS[int(month) - 1]}{year}".encode()
    clock = image.acquired[11:19].replace(":", "").encode()
    # Local time, and universal time: the camera stands in Greenwich.
    head[172:178] = head[179:185] = clock
    for index, comment in enumerate(image.comments):
        head[200 + 80 * index : 280 + 80 * index] = comment.encode("latin_1").ljust(80, b"\0")
    struct.pack_into("<h", head, 1510, len(image.regions))
    top = 1
    for index, region in enumerate(image.regions):
        # First and last column, binning, and the same of rows; they count from 1.
        rows, columns = (size * image.binning for size in region.shape[1:])
        place = (1, columns, image.binning, top, top + rows - 1, image.binning)
        struct.pack_into("<6H", head, 1512 + 12 * index, *place)
        top += rows
    return bytes(head)


def _build_footer(image: SpeImage) -> str:
    date = f"{image.acquired}.1234567+01:00"
    return (
        '<SpeFormat version="3.0" xmlns="http://www.princetoninstruments.com/spe/2009">'
        f"{_describe_frames(image)}{_describe_tracks(image, date)}{_describe_sensor(image, date)}"
        f'<DataHistories><DataHistory id="1"><Origin software="LightField" created="{date}">'
        '<Experiment xmlns="http://www.princetoninstruments.com/experiment/2009">'
        # The system comes first, then the settings of its devices.
        f'<System><Cameras><Camera model="{image.camera}" serialNumber="1234567"/></Cameras>'
        '<Gratings><Grating id="1" type="String">500nm,300</Grating></Gratings></System>'
        '<Devices><Spectrometers><Spectrometer><Grating><CenterWavelength type="Double">550'
        "</CenterWavelength></Grating></Spectrometer></Spectrometers><Cameras>"
        "<Camera><ShutterTiming>"
        f'<ExposureTime type="Double">{1000 * image.exposure}</ExposureTime></ShutterTiming>'
        "</Camera></Cameras></Devices></Experiment></Origin></DataHistory></DataHistories>"
        f'<GeneralInformation><FileInformation created="{date}"/></GeneralInformation></SpeFormat>'
    )


def _describe_frames(image: SpeImage) -> str:
    sizes = [region[0].nbytes for region in image.regions]
    # The stride reaches from the start of a frame to that of the next one.
    stride = sum(sizes) + 8 * _track_count(image) + image.padding
    word = PIXEL_FORMATS[image.regions[0].dtype.str[1:]]
    frame = f'count="{len(image.regions[0])}" pixelFormat="{word}" size="{sum(sizes)}"'
    if _track_count(image):
        frame += ' metaFormat="1"'
    blocks = ""
    for index, (region, size) in enumerate(zip(image.regions, sizes, strict=True)):
        _, height, width = region.shape
        blocks += (
            f'<DataBlock type="Region" count="1" width="{width}" height="{height}" size="{size}"'
            f' stride="{size}" calibrations="1,{index + 3}"/>'
        )
    block = f'<DataBlock type="Frame" {frame} stride="{stride}">{blocks}</DataBlock>'
    return f"<DataFormat>{block}</DataFormat>"


def _describe_tracks(image: SpeImage, date: str) -> str:
    if not _track_count(image):
        return ""
    tracks = "".join(TRACKS).format(date=date)
    return f'<MetaFormat><MetaBlock id="1">{tracks}</MetaBlock></MetaFormat>'


def _describe_sensor(image: SpeImage, date: str) -> str:
    """Return sizes of the sensor, places of the regions and wavelengths of columns."""
    mappings, top = "", 0
    for index, region in enumerate(image.regions):
        rows, columns = (size * image.binning for size in region.shape[1:])
        mappings += (
            f'<SensorMapping id="{index + 3}" x="0" y="{top}" width="{columns}" height="{rows}"'
            f' xBinning="{image.binning}" yBinning="{image.binning}"/>'
        )
        top += rows
    width = max(region.shape[2] for region in image.regions) * image.binning
    waves = ""
    if image.wavelengths:
        values = ",".join(str(500 + 0.5 * column) for column in range(width))
        waves = (
            f'<WavelengthMapping id="1" orientation="Normal" date="{date}">'
            f'<Wavelength xml:space="preserve">{values}</Wavelength></WavelengthMapping>'
        )
    sensor = f'<SensorInformation id="2" orientation="Normal" width="{width}" height="{top}"/>'
    return f"<Calibrations>{waves}{sensor}{mappings}</Calibrations>"
