"""Microscope, lens, detectors, filters and lasers of an ND2 file, as parts of OME.

Rule kept here: read on request. Settings of the text that NIS-Elements writes for people are taken by
their own names; a list is given to channels only where its length fits.

Source of the facts: the chunks ``ImageMetadataSeq|0`` (sample settings: camera, devices, lens; picture
planes: pinhole, filters) and ``ImageTextInfo`` of NIS-Elements 4 to 6; OME schema 2016-06.
"""

import re
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

from aicsio._ome.lenses import read_engraving
from aicsio._ome.parts import ENUMERATIONS, add_part, add_quantity
from aicsio._ome.units import finite_number
from aicsio.formats.nd2.fields import level, levels, positive, text, whole
from aicsio.formats.nd2.metadata import find_planes
from aicsio.formats.nd2.variants import Tree
from aicsio.records import Contents

NAMESPACE: Final = "nikon.com/nis-elements"
INSTRUMENT: Final = "Instrument:0"
LENS: Final = "Objective:0:0"
_BRACED = re.compile(r"\{([^{}]+)\}:\s*([^\t\r\n;{]*)")
_PLAIN_LINE = re.compile(r"^\s*([A-Za-z][^:{}\r\n]*?):\s*(\S[^\r\n]*?)\s*$", re.MULTILINE)
_WHEEL = re.compile(r"FilterChanger\(([^()]+)\):\s*\d+\s*\((.+)\)\s*$", re.MULTILINE)
_LASER = re.compile(r"ExW:\s*([\d.]+);\s*Power:\s*([\d.]+);\s*On\b")
_DETECTOR = re.compile(
    r"^\s*(\w+)\t\{Laser Wavelength\}:\s*([\d.]+)\t\{Laser Power\}:\s*([\d.]+)\s*"
    r"\{PMT HV\}:\s*([\d.-]+)\t\{PMT Offset\}:\s*([\d.-]+)",
    re.MULTILINE,
)
"""A detector of a confocal scanner, with the laser that was on for it."""
_SERIAL = re.compile(r"(?:SN|S/N)[:\s]*([\w-]+)")
_NO_FILTER = frozenset({"empty", "full", "open", "through"})
MOST_SETTINGS: Final = 500


def describe_instrument(
    sequence: Tree, texts: Tree, attributes: Tree, contents: Contents
) -> Element:
    """Describe what the records lack.

    Parameters
    ----------
    sequence
        Metadata of the first frame, whole.
    texts
        Texts for people.
    attributes
        Sizes and type of frames.
    contents
        As opened.
    """
    ome = Element("OME")
    pictures = level(sequence, "sPicturePlanes")
    samples = levels(pictures.get("sSampleSetting"))
    first = samples[0] if samples else {}
    note = "\n".join(value for value in texts.values() if isinstance(value, str))
    instrument = add_part(ome, "Instrument", {"ID": INSTRUMENT})
    _add_microscope(instrument, level(first, "pDeviceSetting"))
    scanned = _DETECTOR.findall(text(first.get("sSpecSettings")) or "")
    planes = find_planes(sequence)
    # Rows of the text name no channel: they count only where there is one for each plane.
    fits = len(scanned) == len(planes)
    lasers = _add_lasers(instrument, scanned if fits else [], note)
    _add_detectors(instrument, samples, [row[0] for row in scanned] if fits else [])
    has_lens = _add_lens(instrument, sequence, first)
    filters = _add_filters(instrument, note)
    annotations = Element("StructuredAnnotations")
    settings = _add_settings(annotations, text(first.get("sSpecSettings")) or "")
    for _ in contents.scenes:
        image = add_part(ome, "Image")
        if settings:
            add_part(image, "AnnotationRef", {"ID": "Annotation:Settings:0"})
        add_part(image, "InstrumentRef", {"ID": INSTRUMENT})
        if has_lens:
            index = positive(sequence.get("dRefractIndex1"))
            add_part(image, "ObjectiveSettings", {"ID": LENS, "RefractiveIndex": index})
        # Cameras of 12 bits store their samples in 16.
        bits = whole(attributes.get("uiBpcSignificant"))
        known = 0 < bits <= whole(attributes.get("uiBpcInMemory"))
        pixels = add_part(image, "Pixels", {"SignificantBits": str(bits) if known else None})
        for number, plane in enumerate(planes):
            sample = whole(plane.get("uiSampleIndex"))
            setting = samples[sample] if sample < len(samples) else {}
            row = scanned[number] if fits else None
            _add_channel(pixels, setting, row, (number if row else sample, lasers, filters))
    if settings:
        ome.append(annotations)
    return ome


# ---------------------------------------------------------------- parts


def _add_microscope(instrument: Element, devices: Tree) -> None:
    model = text(devices.get("m_sMicroscopePhysFullName")) or text(
        devices.get("m_sMicroscopeFullName")
    )
    if model is not None:
        maker = "Nikon" if model.startswith("Nikon") else None
        add_part(instrument, "Microscope", {"Manufacturer": maker, "Model": model})


def lasers_that_were_on(texts: Tree) -> list[float]:
    """Return the wavelengths in nanometres of the laser lines that the texts call on."""
    note = "\n".join(value for value in texts.values() if isinstance(value, str))
    lines = {finite_number(wavelength) for wavelength, _ in _LASER.findall(note)}
    return sorted(line for line in lines if line)


def _add_lasers(instrument: Element, scanned: list[tuple[str, ...]], note: str) -> list[str]:
    """Add the lasers that were on; return their identifiers, in the order of the detectors."""
    lines = [(row[1], row[2]) for row in scanned] or _LASER.findall(note)
    identities: dict[str, str] = {}
    for wavelength, _ in lines:
        nanometres = finite_number(wavelength)
        if nanometres and wavelength not in identities:
            identities[wavelength] = f"LightSource:0:{len(identities)}"
            laser = add_part(instrument, "Laser", {"ID": identities[wavelength]})
            add_quantity(laser, "Wavelength", nanometres, "nm", positive=True)
    return [identities[wavelength] for wavelength, _ in lines if wavelength in identities]


def _add_detectors(instrument: Element, samples: list[Tree], scanned: list[str]) -> None:
    """Add a detector for each sample, or for each photomultiplier of a scanner."""
    for number, setting in enumerate([samples[0]] * len(scanned) if scanned else samples):
        camera = level(setting, "pCameraSetting")
        names = [text(camera.get(f"Camera{kind}Name")) for kind in ("Family", "User", "Unique")]
        known = [name for name in names if name is not None]
        serial = next((match[1] for name in known if (match := _SERIAL.search(name))), None)
        model = known[0] if known else None
        if scanned:
            model = f"{model or ''} {scanned[number]}".strip()
        add_part(
            instrument,
            "Detector",
            {
                "ID": f"Detector:0:{number}",
                "Model": model,
                "SerialNumber": serial,
                "Type": "PMT" if scanned else "Other",
            },
        )


def _add_lens(instrument: Element, sequence: Tree, sample: Tree) -> bool:
    settings = level(sample, "pObjectiveSetting")
    name = text(sequence.get("wsObjectiveName")) or text(settings.get("wsObjectiveName"))
    if name is None:
        return False
    engraving = read_engraving(name)
    attributes: dict[str, str | float | bool | None] = {
        "ID": LENS,
        "Manufacturer": "Nikon" if settings.get("wsObjectiveCode") else None,
        "Model": name,
        "LotNumber": text(settings.get("wsObjectiveCode")),
        "Correction": engraving.correction,
        "Immersion": engraving.immersion,
        "LensNA": positive(sequence.get("dObjectiveNA")) or engraving.aperture,
        "NominalMagnification": positive(settings.get("dObjectiveMag")) or engraving.magnification,
    }
    add_part(instrument, "Objective", attributes)
    return True


def _add_filters(instrument: Element, note: str) -> list[tuple[str, str]]:
    """Add what wheels held; return the reference and the identifier of each."""
    references, seen = [], set()
    for wheel, name in _WHEEL.findall(note):
        if name.strip().lower() in _NO_FILTER or (wheel, name) in seen:
            continue
        seen.add((wheel, name))
        # "DM" is Nikon's and Yokogawa's word for a dichroic mirror.
        kind = "Dichroic" if wheel.startswith(("DM", "Dichroic")) else "Filter"
        references.append((kind, name.strip(), wheel))
    identities = []
    for kind in ("Filter", "Dichroic"):
        for number, (_, name, wheel) in enumerate(one for one in references if one[0] == kind):
            identity = f"{kind}:0:{number}"
            attributes = {"ID": identity, "Model": name}
            if kind == "Filter":
                attributes["FilterWheel"] = wheel
            add_part(instrument, kind, attributes)
            reference = "DichroicRef" if kind == "Dichroic" else "EmissionFilterRef"
            if kind == "Dichroic" or wheel.startswith("EM"):
                identities.append((reference, identity))
    # Sorted, DichroicRef precedes EmissionFilterRef, as the schema orders a light path.
    return sorted(identities)


# ---------------------------------------------------------------- channels


def _add_channel(
    pixels: Element,
    setting: Tree,
    scanned: tuple[str, ...] | None,
    places: tuple[int, list[str], list[tuple[str, str]]],
) -> None:
    number, lasers, filters = places
    channel = add_part(pixels, "Channel")
    if scanned is not None and number < len(lasers):
        percent = finite_number(scanned[2])
        # The text has the percent of the light that passes, the schema the share that does not.
        share = None if percent is None else min(max(1 - percent / 100, 0.0), 1.0)
        add_part(channel, "LightSourceSettings", {"ID": lasers[number], "Attenuation": share})
    elif scanned is None and len(lasers) == 1:
        # Of several lines that were on, the text does not give each channel its own.
        add_part(channel, "LightSourceSettings", {"ID": lasers[0]})
    written = text(setting.get("sSpecSettings")) or ""
    found = {name.strip(): value.strip() for name, value in _BRACED.findall(written)}
    found |= {name.strip(): value for name, value in _PLAIN_LINE.findall(written)}
    binning = found.get("Binning")
    attributes: dict[str, str | float | bool | None] = {
        "ID": f"Detector:0:{number}",
        "Zoom": finite_number(found.get("Scanner Zoom")),
        "Binning": binning if binning in ENUMERATIONS["Binning"] else None,
    }
    if scanned is not None:
        attributes["Offset"] = finite_number(scanned[4])
    detector = add_part(channel, "DetectorSettings", attributes)
    if scanned is not None:
        # The high voltage of NIS-Elements is a number from 0 to 255 without a unit.
        gain = finite_number(scanned[3])
        if gain is not None:
            detector.set("Gain", repr(gain))
    if filters:
        path = add_part(channel, "LightPath")
        for reference, identity in filters:
            add_part(path, reference, {"ID": identity})


def _settings_of(written: str) -> Iterator[tuple[str, str]]:
    """Yield the settings of a camera or a scanner under their names."""
    for pattern in (_BRACED, _PLAIN_LINE):
        for name, value in pattern.findall(written):
            if value.strip():
                yield name.strip(), value.strip()


def _add_settings(annotations: Element, written: str) -> bool:
    pairs = list(_settings_of(written))[:MOST_SETTINGS]
    if not pairs:
        return False
    attributes = {"ID": "Annotation:Settings:0", "Namespace": NAMESPACE}
    value = add_part(add_part(annotations, "MapAnnotation", attributes), "Value")
    for name, setting in pairs:
        add_part(value, "M", {"K": name}).text = setting
    return True
