"""Zeiss LSM: lasers, detectors, beam splitters, pinholes and the lens of the scan information.

Rule kept here: parts of tracks that were not acquired are left out.

Source of the facts: as ``dialects.lsm``.
"""

from collections.abc import Mapping
from typing import Any

from aicsio._ome.parts import add_part, add_quantity
from aicsio._ome.units import MICROMETRE
from aicsio.formats._tiff.dialects import lsm
from aicsio.formats._tiff.dialects.opened import open_with_tifffile
from aicsio.formats._tiff.instruments.parts import ImageParts
from aicsio.formats._tiff.page_metadata import PageTags, positive_float
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Contents

NAMESPACE = "zeiss.com/lsm"
_KEPT = (
    "ScanMode", "SpecialScanMode", "ZoomX", "ZoomY", "Rotation", "PlaneSpacing", "LineSpacing",
    "SampleSpacing", "Sample0Z", "RtLinePeriod", "Notes",
)  # fmt: skip


def describe_lsm(tags: PageTags, contents: Contents, parts: ImageParts) -> bool:
    """Add the settings of a confocal scan."""
    if Tag.CZ_LSMINFO not in tags.tags:
        return False
    info = open_with_tifffile(tags.file.source, "lsm_metadata")
    scan = lsm.scan_information(info)
    lens = str(scan.get("Objective") or "").strip()
    if lens:
        parts.add_objective(lens)
    parts.set_experimenter(str(scan.get("User") or ""))
    parts.set_description(str(scan.get("Description") or ""))
    for laser in scan.get("Lasers") or ():
        if isinstance(laser, Mapping) and laser.get("Acquire", 1):
            _add_laser(parts, laser, scan)
    detectors = lsm.detectors_by_channel(scan)
    names = lsm.channel_names(info)
    if len(names) == len(contents.scenes[0].channels):
        for name in names:
            _add_channel(parts, *detectors.get(name, ({}, {})), scan)
    parts.annotate(NAMESPACE, [(key, scan[key]) for key in _KEPT if key in scan])
    return True


def _add_laser(parts: ImageParts, laser: Mapping[str, Any], scan: Mapping[str, Any]) -> None:
    """Add a laser; a track names its lines, and a line belongs to the laser with its number."""
    name = str(laser.get("Name") or "").strip()
    wavelength = None
    for track in lsm.tracks(scan):
        for line in lsm.active_lines(track):
            nanometres = positive_float(line.get("Wavelength"))
            if nanometres is not None and f"{nanometres:.0f}" in name:
                wavelength = nanometres
    parts.add_laser(wavelength, positive_float(laser.get("Power")), name or None)


def _add_channel(
    parts: ImageParts,
    track: Mapping[str, Any],
    detector: Mapping[str, Any],
    scan: Mapping[str, Any],
) -> None:
    channel = parts.add_channel(AcquisitionMode="LaserScanningConfocalMicroscopy")
    # PinholeDiameter is in micrometres.
    diameter = positive_float(detector.get("PinholeDiameter"))
    add_quantity(channel, "PinholeSize", diameter, MICROMETRE, positive=True)
    if not detector:
        return
    name = str(detector.get("PointDetectorName") or "").strip() or None
    identity = parts.add_detector(
        Model=name,
        Type="PMT" if (name or "").lower().startswith("pmt") else "Other",
        AmplificationGain=_number(detector.get("AmplifierGainFirst")),
        Gain=_number(detector.get("DetectorGainFirst")),
        Zoom=_number(scan.get("ZoomX")),
    )
    settings = {
        "ID": identity,
        "Gain": _number(detector.get("DetectorGainFirst")),
        "Offset": _number(detector.get("AmplifierOffsFirst")),
    }
    add_part(channel, "DetectorSettings", settings)
    path = add_part(channel, "LightPath")
    splitters = [one for one in track.get("BeamSplitters") or () if isinstance(one, Mapping)]
    for splitter in splitters:
        model = str(splitter.get("Filter") or "").strip()
        # The first one splits excitation from emission: HT, the main dichroic.
        if model and model.lower() != "none":
            dichroic = parts.add_dichroic(model)
            if not len(path):
                add_part(path, "DichroicRef", {"ID": dichroic})
    band, name = lsm.band(detector), str(detector.get("FilterName") or "").strip()
    if band is not None or name:
        add_part(path, "EmissionFilterRef", {"ID": parts.add_filter(name or None, band)})


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
