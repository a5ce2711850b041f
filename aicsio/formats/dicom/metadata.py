"""Elements of a slide -> records.

Rule kept here: what the file does not state stays ``None``.

Source of the facts: DICOM PS3.3, C.8.12.5 (optical paths) and C.7.6.22 (specimen); PS3.5, 6.2 (dates);
PS3.16, CID 8123 and 8124 (codes of illumination).
"""

import json
import re
from typing import Any, Final
from xml.etree.ElementTree import Element

from aicsio._ome.dates import valid_date
from aicsio._ome.parts import add_part
from aicsio.formats.dicom.elements import DataSet
from aicsio.formats.dicom.instances import OPTICAL_PATHS, PATH_IDENTIFIER, Instance
from aicsio.formats.dicom.series import Level
from aicsio.records import Channel, Contents, Coordinate, Objective, PixelSize
from aicsio.records.facts import LevelPlace

CONTAINER, SERIES_DESCRIPTION = 0x00400512, 0x0008103E
PATH_DESCRIPTION, WAVELENGTH, ILLUMINATION = 0x00480107, 0x00220055, 0x00220016
CODE_VALUE: Final = 0x00080100
LENS_POWER, LENS_APERTURE = 0x00480112, 0x00480113
ACQUIRED: Final = 0x0008002A
DATES: Final = ((0x00080022, 0x00080032), (0x00080023, 0x00080033))
"""Date and time of acquisition, and of content."""
ZONE: Final = 0x00080201
"""Timezone Offset From UTC."""
ILLUMINATIONS: Final = {
    "111741": ("Transmitted", None),
    "111742": (None, None),
    "111743": ("Epifluorescence", "Fluorescence"),
    "111744": ("Transmitted", "Brightfield"),
}
"""Illumination and contrast in the words of OME, by code of DCM: transmission, reflection,
epifluorescence, brightfield."""
DATE_TIME: Final = re.compile(
    r"(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(?:(\d{2})(\.\d{1,6})?)?([+-]\d{4})?\s*", re.ASCII
)


def read_name(instance: Instance) -> str:
    """Return the number of the slide, or the description of the series; empty if there is none."""
    data = instance.data
    return data.text(CONTAINER) or data.text(SERIES_DESCRIPTION)


def describe_channels(level: Level) -> tuple[Channel, ...]:
    """Return a channel for each optical path."""
    described: dict[str, DataSet] = {}
    for instance in level.instances:
        for path, item in zip(instance.paths, instance.data.items(OPTICAL_PATHS), strict=False):
            described.setdefault(path, item)
    samples = level.instances[0].pixels.samples
    channels = []
    for path in level.paths:
        if path not in described:
            channels.append(Channel(samples=samples))
            continue
        item = described[path]
        code = item.first(ILLUMINATION).text(CODE_VALUE)
        illumination, contrast = ILLUMINATIONS.get(code, (None, None))
        # Nanometres (PS3.3, C.8.12.5).
        wavelength = item.decimal(WAVELENGTH)
        channels.append(
            Channel(
                name=item.text(PATH_DESCRIPTION) or item.text(PATH_IDENTIFIER) or path or None,
                excitation=wavelength if wavelength and 100 < wavelength < 1e5 else None,
                samples=samples,
                illumination_type=illumination,
                contrast_method=contrast,
            )
        )
    return tuple(channels)


def describe_pixel_size(level: Level) -> PixelSize:
    """Return the size of pixels of a level."""
    depth, rows, columns = level.instances[0].spacing
    # A single plane has no distance to another, whatever the header states.
    if len(level.depths) < 2:
        depth = None
    elif depth is None:
        steps = {round(b - a, 6) for a, b in zip(level.depths, level.depths[1:], strict=False)}
        depth = steps.pop() if len(steps) == 1 else None
    return PixelSize(depth, rows, columns)


def describe_place(level: Level) -> LevelPlace:
    """Return the distance of the pixels of a level."""
    return LevelPlace(describe_pixel_size(level))


def describe_depths(level: Level) -> tuple[Coordinate, ...]:
    """Return the positions of focal planes, where there are several and they are uneven."""
    if len(level.depths) < 2 or describe_pixel_size(level).Z is not None:
        return ()
    return (Coordinate("Z", level.depths, "µm"),)


def describe_objective(data: DataSet) -> Objective | None:
    """Return the lens of the first optical path."""
    path = data.first(OPTICAL_PATHS)
    power, aperture = path.decimal(LENS_POWER), path.decimal(LENS_APERTURE)
    if power is None and aperture is None:
        return None
    return Objective(magnification=power, aperture=aperture)


def parse_date(data: DataSet) -> str | None:
    """Return the time of acquisition as ISO 8601."""
    # A date and a time in a row read as one DT: YYYYMMDD and HHMMSS (PS3.5, 6.2).
    texts = [data.text(ACQUIRED)]
    texts += [data.text(date) + data.text(time) for date, time in DATES]
    for text in texts:
        match = DATE_TIME.match(text)
        if match is None:
            continue
        year, month, day, hour, minute, second, fraction, zone = match.groups()
        digits = (fraction or "").rstrip("0").rstrip(".")
        clock = f"{hour}:{minute}"
        if second is not None:
            # PS3.5, 6.2: second 60 is a leap second, which `datetime` of Python refuses.
            clock += f":{'59' if second == '60' else second}{digits}"
        moment = f"{year}-{month}-{day}T{clock}"
        date = valid_date(moment + _offset(zone or data.text(ZONE))) or valid_date(moment)
        if date is not None:
            return date
    return None


def _offset(zone: str) -> str:
    """Return a zone as ISO 8601 has it; empty for none.

    PS3.3, C.12.1.1.8: Timezone Offset From UTC is that of all dates and times of a file, but for
    those of DT that have one of their own.
    """
    return f"{zone[:3]}:{zone[3:]}" if re.fullmatch(r"[+-][0-9]{4}", zone) else ""


# ---------------------------------------------------------------- OME

MAKER, MODEL, SERIAL, SOFTWARE = "00080070", "00081090", "00181000", "00181020"


def describe_instrument(contents: Contents) -> Element | None:
    """Return scanner and lens as an OME element with an Image for each scene."""
    if contents.metadata is None:
        return None
    files: list[dict[str, Any]] = json.loads(contents.metadata)
    texts = {tag: _first_text(files, tag) for tag in (MAKER, MODEL, SERIAL, SOFTWARE)}
    if not any(texts.values()):
        return None
    ome = Element("OME")
    instrument = add_part(ome, "Instrument", {"ID": "Instrument:0"})
    microscope = {
        "Manufacturer": texts[MAKER],
        "Model": texts[MODEL],
        "SerialNumber": texts[SERIAL],
        "Type": "Other",
    }
    add_part(instrument, "Microscope", microscope)
    for index, scene in enumerate(contents.scenes):
        entry = add_part(ome, "Image")
        add_part(entry, "InstrumentRef", {"ID": "Instrument:0"})
        lens = scene.objective
        if lens is not None:
            identity = f"Objective:0:{index}"
            attributes: dict[str, str | float | bool | None] = {
                "ID": identity,
                "LensNA": lens.aperture,
                "NominalMagnification": lens.magnification,
            }
            add_part(instrument, "Objective", attributes)
            add_part(entry, "ObjectiveSettings", {"ID": identity})
        add_part(entry, "Pixels")
    return ome


def _first_text(files: list[dict[str, Any]], tag: str) -> str | None:
    for file in files:
        values = file.get(tag, {}).get("Value", [])
        if values and isinstance(values[0], str) and values[0]:
            return values[0]
    return None
