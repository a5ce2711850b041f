"""Zeiss LSM: facts of the scene in CZ_LSMINFO, as tifffile has parsed it.

Rule kept here: a list is taken only where its length fits; a number that stands for "none" (a voxel
of less than an atom, a date of 0) is none.

Source of the facts: "Carl Zeiss LSM510/LSM710 Image File Format" (release 4.0 to 6.0): CZ_LSMINFO,
channel colours, time stamps, and the entries of the scan information (RECORDING, LASER, TRACK,
DETECTION_CHANNEL, ILLUMINATION_CHANNEL, BEAM_SPLITTER).
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio._ome.lenses import read_engraving
from aicsio.formats._steps import drop_not_taken
from aicsio.formats._tiff.page_metadata import positive_float
from aicsio.records import Channel, Objective, PixelSize

_DAY_ZERO = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - the microscope's own clock, of no zone
"""Sample0time counts days from here, as VARIANT DATE of Windows does."""
_LAST_DAY = 2958465
"""31 December 9999, the last day of VARIANT DATE."""
_SMALLEST_VOXEL = 1e-12
"""Metres. A single plane has a VoxelSizeZ of 1e-19 in files of ZEN 2010."""
_OPAQUE = 0xFF
STEPS = ("VoxelSizeX", "VoxelSizeY", "VoxelSizeZ", "TimeIntervall")
"""Entries of CZ_LSMINFO that are sizes, as the specification spells them: metres and seconds."""


def read_lsm_fields(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of the scene, and columns of its planes, by name."""
    sizes = (_voxel_size(info, letter) for letter in "ZYX")
    fields: dict[str, Any] = {
        "pixel_size": PixelSize(*sizes),
        # CZ_LSMINFO has metres and seconds.
        "time_step": positive_float(info.get("TimeIntervall")),
        "channels": tuple(_channels(info)),
    }
    scan = scan_information(info)
    date = read_date(scan.get("Sample0time"))
    if date is not None:
        fields["acquired"] = date
    lens = read_lens(scan)
    if lens is not None:
        fields["objective"] = lens
    times = _times(info)
    if times is not None:
        fields["times_of_t"] = times
    return fields


def scan_information(info: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the scan information; empty where the file has none."""
    scan = info.get("ScanInformation")
    return scan if isinstance(scan, Mapping) else {}


def _voxel_size(info: Mapping[str, Any], letter: str) -> float | None:
    metres = positive_float(info.get(f"VoxelSize{letter}"))
    if metres is None or metres < _SMALLEST_VOXEL:
        return None
    return metres * 1e6


def read_date(days: object) -> str | None:
    """Return Sample0time as ISO 8601, to the millisecond.

    Examples
    --------
    >>> from aicsio.formats._tiff.dialects.lsm import read_date
    >>> read_date(41732.6559837963), read_date(0.0)
    ('2014-04-03T15:44:37', None)
    """
    number = positive_float(days)
    # The first day stands for "never".
    if number is None or not 1 < number < _LAST_DAY:
        return None
    # A double keeps some microseconds of such days; the clock of the scan has milliseconds.
    milliseconds = round(number * 86_400_000)
    moment = _DAY_ZERO + dt.timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").removesuffix(".000")


def read_lens(scan: Mapping[str, Any]) -> Objective | None:
    """Return the lens by its engraving, the one fact about it."""
    name = str(scan.get("Objective") or "").strip()
    if not name:
        return None
    lens = read_engraving(name)
    return Objective(name, lens.magnification, lens.aperture, lens.immersion)


def _times(info: Mapping[str, Any]) -> npt.NDArray[np.float64] | None:
    """Return seconds since the first time point: stamps count from the start of the computer.

    NaN for a time that was not taken.
    """
    stamps = drop_not_taken(np.asarray(info.get("TimeStamps", ()), np.float64).ravel())
    known = stamps[np.isfinite(stamps)]
    if not known.size:
        return None
    since_first: npt.NDArray[np.float64] = stamps - known[0]
    return since_first


# ---------------------------------------------------------------- channels


def tracks(scan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the tracks that were acquired."""
    return [one for one in _entries(scan, "Tracks") if one.get("Acquire", 1)]


def active_detectors(track: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the detection channels of a track that were acquired."""
    return [one for one in _entries(track, "DetectionChannels") if one.get("Acquire", 1)]


def active_lines(track: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the laser lines of a track that were on."""
    # tifffile's key is the entry of the specification, "Aquire".
    return [one for one in _entries(track, "IlluminationChannels") if one.get("Aquire", 1)]


def _entries(parent: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    entries = parent.get(key) or ()
    return (entry for entry in entries if isinstance(entry, Mapping))


def detectors_by_channel(
    scan: Mapping[str, Any],
) -> dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return track and detection channel by the name of the channel.

    Names of several tracks get that of their track: ``Ch2-T1`` is channel Ch2 of the first.
    """
    found: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
    for number, track in enumerate(tracks(scan), 1):
        for detector in active_detectors(track):
            name = str(detector.get("ChannelName") or "")
            found.setdefault(name, (track, detector))
            found[f"{name}-T{number}"] = (track, detector)
    return found


def channel_names(info: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the channels."""
    colors = info.get("ChannelColors") or {}
    return tuple(str(name) for name in colors.get("ColorNames") or ())


def _channels(info: Mapping[str, Any]) -> Iterator[Channel]:
    colors = (info.get("ChannelColors") or {}).get("Colors") or ()
    names = channel_names(info)
    detectors = detectors_by_channel(scan_information(info))
    for index, name in enumerate(names):
        # A list is taken only where its length fits.
        color = _color(colors[index]) if len(colors) == len(names) else None
        track, detector = detectors.get(name, ({}, {}))
        lines = {positive_float(line.get("Wavelength")) for line in active_lines(track)}
        yield Channel(
            name=name,
            color=color,
            fluor=_dye(detector),
            emission=_middle_of_band(detector),
            excitation=lines.pop() if len(lines) == 1 else None,
            acquisition_mode="LaserScanningConfocalMicroscopy",
            # PinholeDiameter is in micrometres.
            pinhole_size=positive_float(detector.get("PinholeDiameter")),
        )


def _color(levels: object) -> int | None:
    """Return red, green, blue as an opaque colour: the fourth byte is 0 in all files."""
    if not isinstance(levels, list | tuple | np.ndarray) or len(levels) < 3:
        return None
    red, green, blue = (int(level) & 0xFF for level in levels[:3])
    return red << 24 | green << 16 | blue << 8 | _OPAQUE


def _dye(detector: Mapping[str, Any]) -> str | None:
    name = str(detector.get("DyeName") or "").strip()
    return None if name.lower() == "none" else name or None


def band(detector: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the edges in nanometres of the band of a spectral detector."""
    low = positive_float(detector.get("SpiWavelengthStart"))
    high = positive_float(detector.get("SpiWavelengthStop"))
    return None if low is None or high is None or high <= low else (low, high)


def _middle_of_band(detector: Mapping[str, Any]) -> float | None:
    edges = band(detector)
    return None if edges is None else (edges[0] + edges[1]) / 2
