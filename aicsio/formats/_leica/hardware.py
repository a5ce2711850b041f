"""Hardware settings of one image -> records of its equipment.

Rule kept here: only hardware in use. Channels have their hardware where active detectors or cameras
are as many as channels; a list of another length describes none of them.
"""

from collections.abc import Iterator
from typing import TypeVar
from xml.etree import ElementTree as ET

import attrs

from aicsio._ome.units import finite_number
from aicsio._ome.xml import find_all
from aicsio.formats._leica.equipment import (
    ChannelHardware,
    DetectorPart,
    FilterBand,
    ImageHardware,
    Instrument,
    LaserLine,
    Lens,
    Microscope,
)
from aicsio.formats._leica.modes import (
    CONFOCAL,
    contrast_of_camera,
    detects_transmitted,
    illumination_of_camera,
    illumination_of_detector,
    mode_of_scan,
    pinhole_of_detector,
)
from aicsio.formats._leica.settings import (
    HardwareSettings,
    descendants,
    find_settings,
    lines_in_use,
)

_Part = TypeVar("_Part", LaserLine, DetectorPart, FilterBand, str)

_KEPT_SETTINGS = (
    "UserSettingName", "ScanMode", "ScanSpeed", "ScanDirectionXName", "Zoom", "BaseZoom",
    "RotatorAngle", "PinholeAiry", "EmissionWavelengthForPinholeAiryCalculation", "FrameAverage",
    "LineAverage", "FrameAccumulation", "Line_Accumulation", "FrameTime", "LineTime", "CycleTime",
    "CompleteTime", "PixelDwellTime", "ZPosition", "ZUseModeName", "IsSTEDActive",
    "StackDirectionName", "ObjectiveNumber", "CameraName", "TotalVideoMag", "BinningText",
)  # fmt: skip
"""Attributes of a scan that the schema has no place for."""
_KEPT_OF_SYSTEM = ("Software", "SystemTypeName", "DataSourceTypeName", "HardwareServerVersion")
# The words come from files of SP5 and SP8, whose wheels have many positions that pass everything.
_EMPTY_FILTERS = ("empty", "mirror", "substrate", "---", "park", "normal", "center")
"""Words of positions of a wheel that hold no filter."""


@attrs.define(eq=False, repr=False)
class _PartList:
    """Parts that are found while the scans of an image are read, in their order."""

    swept: str = ""
    """L where the band of the detectors is an axis, E where the line of the laser is."""
    # Number by part: a list would be searched from its start for each of 100 000 lines.
    lasers: dict[LaserLine, int] = attrs.Factory(dict)
    detectors: dict[DetectorPart, int] = attrs.Factory(dict)
    filters: dict[FilterBand, int] = attrs.Factory(dict)
    dichroics: dict[str, int] = attrs.Factory(dict)


def read_hardware(image: ET.Element, channel_count: int) -> ImageHardware:
    """Read the hardware settings of an image.

    Parameters
    ----------
    image
        Image element.
    channel_count
        Channels of the image, samples of colours counted as one.
    """
    settings = find_settings(image)
    system = settings.system
    parts = _PartList(swept=_swept_axes(image))
    channels: list[ChannelHardware] = []
    for scan in settings.scans:
        channels += _read_scan(scan, system, parts)
    if not settings.scans:
        channels += _read_filter_settings(settings, parts)
    scan = settings.scans[0] if settings.scans else ET.Element("None")
    instrument = Instrument(
        microscope=_read_microscope(scan, system),
        lens=_read_lens(settings),
        lasers=tuple(parts.lasers),
        detectors=tuple(parts.detectors),
        filters=tuple(parts.filters),
        dichroics=tuple(parts.dichroics),
    )
    # A list is taken only where its length fits: detectors of no channel would shift the others.
    fits = len(channels) == channel_count
    return ImageHardware(instrument, tuple(channels) if fits else (), _read_kept(scan, system))


def _swept_axes(image: ET.Element) -> str:
    """Return the letters of wavelengths that are an axis: the settings have where they ended."""
    letters = ""
    for axis in find_all(image, "ImageDescription", "Dimensions", "DimensionDescription"):
        # Leica's numbers of the emission and the excitation wavelength; see LETTERS.
        letter = {"5": "L", "9": "E"}.get(axis.get("DimID", ""), "")
        if (finite_number(axis.get("NumberOfElements")) or 0) > 1:
            letters += letter
    return letters


def _read_kept(scan: ET.Element, system: ET.Element) -> tuple[tuple[str, str], ...]:
    kept = [(key, system.get(key, "")) for key in _KEPT_OF_SYSTEM]
    kept += [(key, scan.get(key, "")) for key in _KEPT_SETTINGS]
    return tuple((key, text.strip()) for key, text in kept if text.strip())


def _read_microscope(scan: ET.Element, system: ET.Element) -> Microscope:
    model = scan.get("MicroscopeModel", "").strip()
    kind = None
    # A simulator has no stand, and writes that it is not inverted.
    if model:
        kind = "Inverted" if scan.get("IsInverseMicroscopeModel") == "1" else "Upright"
    return Microscope(
        model=model or system.get("SystemTypeName", "").strip() or None,
        serial=scan.get("SystemSerialNumber", "").strip() or None,
        type=kind,
    )


def _read_lens(settings: HardwareSettings) -> Lens | None:
    for scan in settings.scans:
        if scan.get("ObjectiveName") or scan.get("Magnification"):
            return Lens(
                name=(scan.get("ObjectiveName") or "").strip() or None,
                magnification=finite_number(scan.get("Magnification")),
                aperture=finite_number(scan.get("NumericalAperture")),
                immersion=(scan.get("Immersion") or "").strip() or None,
                refractive_index=finite_number(scan.get("RefractionIndex")) or None,
                order_number=_order_number(scan.get("ObjectiveNumber")),
            )
    objective = settings.filters.objective()
    if objective is None:
        return None
    return Lens(
        name=objective.name,
        magnification=objective.magnification,
        aperture=objective.aperture,
        immersion=objective.immersion,
        refractive_index=finite_number(settings.filters.value("CTurret", "RefractionIndex")),
        order_number=_order_number(settings.filters.value("CTurret", "OrderNumber")),
    )


def _order_number(text: str | None) -> str | None:
    # 0 stands for a lens without a number.
    return None if (text or "").strip() in {"", "0"} else (text or "").strip()


# ---------------------------------------------------------------- scans


def _read_scan(scan: ET.Element, system: ET.Element, parts: _PartList) -> Iterator[ChannelHardware]:
    """Yield the hardware of each channel that a scan made, and collect its parts."""
    if scan.tag.startswith("ATLCamera"):
        yield from _read_camera(scan, parts)
        return
    lines = tuple(_read_lines(scan, parts))
    dichroic = _read_dichroic(scan, parts)
    zoom = finite_number(scan.get("Zoom")) or None
    bands = {band.get("Channel"): band for band in descendants(scan, "MultiBand")}
    for detector in descendants(scan, "Detector"):
        if detector.get("IsActive") != "1":
            continue
        name = (detector.get("Name") or "").strip() or None
        part = DetectorPart(name, detector.get("Type") or None, zoom)
        yield ChannelHardware(
            acquisition_mode=mode_of_scan(scan, system),
            illumination=illumination_of_detector(detector),
            pinhole=pinhole_of_detector(detector, scan),
            lines=lines,
            detector=_number_of(parts.detectors, part),
            gain=finite_number(detector.get("Gain")),
            offset=finite_number(detector.get("Offset")),
            dichroic=None if detects_transmitted(detector) else dichroic,
            filters=_read_band(bands.get(detector.get("Channel")), parts),
        )


def _read_lines(scan: ET.Element, parts: _PartList) -> Iterator[tuple[int, float | None]]:
    """Yield the laser lines that were on, with their attenuation."""
    lasers = {laser.get("LightSourceName"): laser for laser in descendants(scan, "Laser")}
    for aotf in descendants(scan, "Aotf"):
        source = aotf.get("LightSourceName") or aotf.get("LightSourceQualifierName")
        laser = lasers.get(source)
        name = source if laser is None else laser.get("LaserName") or source
        watts = None if laser is None else finite_number(laser.get("OutputPowerWatt"))
        for wavelength, percent in lines_in_use(aotf):
            nanometres = None if "E" in parts.swept else wavelength
            line = LaserLine(name or None, nanometres, watts * 1000 if watts else None)
            # The acousto-optic filter passes this share of the light.
            attenuation = min(max(1 - percent / 100, 0.0), 1.0)
            yield _number_of(parts.lasers, line), attenuation


def _read_dichroic(scan: ET.Element, parts: _PartList) -> int | None:
    """Return the number of the beam splitter between the lasers and the specimen."""
    for wheel in descendants(scan, "Wheel"):
        name = (wheel.get("FilterName") or "").strip()
        splits = "beam splitter" in (wheel.get("FilterWheelName") or "").lower()
        if splits and not _is_empty_filter(name):
            return _number_of(parts.dichroics, name)
    return None


def _is_empty_filter(name: str) -> bool:
    return not name or any(word in name.lower() for word in _EMPTY_FILTERS)


def _read_band(band: ET.Element | None, parts: _PartList) -> tuple[int, ...]:
    if band is None:
        return ()
    low = finite_number(band.get("TargetWaveLengthBegin"))
    high = finite_number(band.get("TargetWaveLengthEnd"))
    if not low or not high:
        return ()
    name = (band.get("ChannelName") or "").strip() or None
    part = FilterBand(name, low, high, "BandPass")
    if "L" in parts.swept:
        part = FilterBand(name, type="Tuneable")
    return (_number_of(parts.filters, part),)


def _number_of(parts: dict[_Part, int], part: _Part) -> int:
    """Return the number of a part, a new one if it is new."""
    return parts.setdefault(part, len(parts))


# ---------------------------------------------------------------- cameras


def _read_camera(scan: ET.Element, parts: _PartList) -> Iterator[ChannelHardware]:
    """Yield the hardware of each channel of a camera."""
    # Sequential scans repeat the camera, which stays one detector.
    for configurator in descendants(scan, "WideFieldChannelConfigurator"):
        name = configurator.get("CameraName") or configurator.get("CameraNamePure")
        camera = DetectorPart((name or "").strip() or None, "CCD" if name else None)
        for info in descendants(configurator, "WideFieldChannelInfo"):
            cube = (info.get("FluoCubeName") or "").strip()
            yield ChannelHardware(
                acquisition_mode="WideField",
                illumination=illumination_of_camera(info),
                contrast=contrast_of_camera(info),
                detector=_number_of(parts.detectors, camera) if camera.name else None,
                gain=finite_number(info.get("Gain")),
                filters=_read_named_filters(info, parts),
                dichroic=_number_of(parts.dichroics, cube) if cube else None,
            )


def _read_named_filters(info: ET.Element, parts: _PartList) -> tuple[int, ...]:
    name = (info.get("FFW_Emission1FilterName") or "").strip()
    if _is_empty_filter(name):
        return ()
    return (_number_of(parts.filters, FilterBand(name)),)


# ---------------------------------------------------------------- LAS AF 1


def _read_filter_settings(
    settings: HardwareSettings, parts: _PartList
) -> Iterator[ChannelHardware]:
    """Yield the hardware of each active detector of LAS AF 1."""
    for detector in settings.filters.active_detectors():
        band: tuple[int, ...] = ()
        if detector.low and detector.high:
            band = (
                _number_of(
                    parts.filters, FilterBand(None, detector.low, detector.high, "BandPass")
                ),
            )
        kind = (detector.name.split() or [""])[0]
        part = DetectorPart(detector.name or None, kind or None)
        yield ChannelHardware(
            acquisition_mode=CONFOCAL,
            detector=_number_of(parts.detectors, part),
            offset=detector.offset,
            voltage=detector.voltage,
            filters=band,
        )
