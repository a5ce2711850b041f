"""Settings of FluoView to records: channels, sizes, objective, dates, facts of planes.

Rule kept here: numbers that FluoView writes where it knows none (0, 9999) become None.

Source of the facts: files of FluoView 2.1 and 4.2; the documentation of ``oiffile``.
"""

import re
from typing import Any, Final

import numpy as np

from aicsio._ome.dates import iso_date
from aicsio._ome.lenses import read_engraving
from aicsio._ome.units import micrometres_per, positive_product, seconds_per
from aicsio.formats.oif.members import FileSet, Member, read_parts
from aicsio.formats.oif.planes import OifAxis, PlaneOrder
from aicsio.formats.oif.settings import (
    UNSET,
    Section,
    Settings,
    number_of,
    positive_of,
    section_of,
    text_of,
)
from aicsio.records import Channel, Coordinate, Dims, Objective, PixelSize, Planes

COMMON: Final = "Acquisition Parameters Common"
NANOMETRES: Final = (150.0, 3000.0)
"""Light that microscopes use; FluoView writes 0 for none."""
LUT_ENTRY: Final = 4
"""Bytes of a colour in a lookup table: blue, green, red, 0."""


def plane_settings_name(name: str) -> str:
    """Return the name of the settings of a plane."""
    return re.sub(r"\.tif$", ".pty", name, flags=re.IGNORECASE)


# ---------------------------------------------------------------- channels


def describe_channels(
    files: FileSet, planes: PlaneOrder, samples: int, colors: list[int | None]
) -> tuple[Channel, ...]:
    """Describe the channels of the image, by their numbers in the names of planes.

    Parameters
    ----------
    files
        The set.
    planes
        Its planes.
    samples
        Samples of a pixel.
    colors
        Of their lookup tables.
    """
    count = planes.shape[planes.letters.index("C")] if "C" in planes.letters else 1
    channels = []
    for index in range(count):
        section = section_of(files.settings, f"Channel {index + 1} Parameters")
        dye = text_of(section, "DyeName")
        channels.append(
            Channel(
                name=text_of(section, "CH Name"),
                color=colors[index] if samples == 1 and index < len(colors) else None,
                emission=_wavelength(section, "EmissionWavelength"),
                excitation=_wavelength(section, "ExcitationWavelength"),
                # FluoView writes "None" for a detector without a dye.
                fluor=None if dye == "None" else dye,
                samples=samples,
            )
        )
    return tuple(channels)


def _wavelength(section: Section, key: str) -> float | None:
    value = number_of(section, key)
    return value if value is not None and NANOMETRES[0] <= value <= NANOMETRES[1] else None


def lut_members(files: FileSet, count: int) -> list[Member | None]:
    """Return the lookup table of each channel."""
    saved = section_of(files.settings, "ProfileSaveInfo")
    names = [text_of(saved, f"LutFileName{index}") for index in range(count)]
    return [None if name is None else files.member(name) for name in names]


def read_colors(luts: list[Member | None]) -> list[int | None]:
    """Return the colour that each lookup table ends with, as 0xRRGGBBAA."""
    present = [lut for lut in luts if lut is not None]
    ends = iter(read_parts([(lut, lut.nbytes - LUT_ENTRY, LUT_ENTRY) for lut in present]))
    colors: list[int | None] = []
    for lut in luts:
        end = b"" if lut is None else next(ends)
        # The file has blue, green, red: the slice turns the first three bytes round.
        color = int.from_bytes(end[2::-1], "big") if len(end) == LUT_ENTRY else 0
        # A table that ends in black shows nothing of the channel's colour.
        colors.append(color << 8 | 0xFF if color else None)
    return colors


# ---------------------------------------------------------------- sizes


def describe_pixel_size(
    files: FileSet, plane: Settings, planes: PlaneOrder, axes: dict[str, OifAxis]
) -> PixelSize:
    """Return the pixel size: of the first plane, else of the main settings."""
    image = section_of(plane, "Image Parameters")
    if "WidthConvertValue" not in image:
        image = section_of(files.settings, "Reference Image Parameter")
    sizes = {
        "X": _length(image, "WidthConvertValue", "WidthUnit"),
        # Rows of a scan along Z or T have a size in its unit.
        planes.rows: _length(image, "HeightConvertValue", "HeightUnit"),
    }
    if "Z" in planes.letters and "Z" in axes:
        sizes["Z"] = _z_step(axes["Z"], planes.shape[planes.letters.index("Z")])
    return PixelSize(sizes.get("Z"), sizes.get("Y"), sizes.get("X"))


def _length(section: Section, key: str, unit_key: str) -> float | None:
    return positive_product(positive_of(section, key), micrometres_per(text_of(section, unit_key)))


def _z_step(axis: OifAxis, size: int) -> float | None:
    unit = micrometres_per(text_of(axis.section, "PixUnit") or text_of(axis.section, "UnitName"))
    if unit is None:
        return None
    step = positive_of(axis.section, "Interval")
    if step is None and size > 1:
        first, last = (number_of(axis.section, f"{end}Position") for end in ("Start", "End"))
        if first is not None and last is not None and first != last:
            # Between ``size`` sections lie ``size - 1`` steps; a stack may run downwards.
            step = abs(last - first) / (size - 1)
    length = positive_product(step, unit)
    # Nine digits of a micrometre: below them lies only the noise of the arithmetic.
    return None if length is None else round(length, 9) or None


def describe_time_step(
    planes: PlaneOrder, axes: dict[str, OifAxis], first: Settings, last: Settings
) -> float | None:
    """Return seconds between time points: as set, or as taken on average.

    Parameters
    ----------
    planes
        Planes of the image.
    axes
        Axes of the main settings.
    first, last
        Settings of the first plane and of that of the last time point.
    """
    if planes.rows == "T":
        # Lines were scanned one after the other: the height of a row is a time.
        image = section_of(first, "Image Parameters")
        height = positive_of(image, "HeightConvertValue")
        return positive_product(height, seconds_per(text_of(image, "HeightUnit")))
    axis = axes.get("T")
    if axis is None or "T" not in planes.letters:
        return None
    unit = seconds_per(text_of(axis.section, "PixUnit") or text_of(axis.section, "UnitName"))
    interval = positive_of(axis.section, "Interval")
    if interval is not None and unit is not None:
        return positive_product(interval, unit)
    size = planes.shape[planes.letters.index("T")]
    times = [axis_value(one, axis, seconds_per) for one in (first, last)]
    if size < 2 or times[0] is None or times[1] is None or times[1] <= times[0]:
        return None
    return positive_product(times[1] - times[0], 1 / (size - 1))


def axis_value(plane: Settings, axis: OifAxis, unit_of: Any) -> float | None:
    """Return the position of a plane along an axis, in seconds or micrometres."""
    section = section_of(plane, f"Axis {axis.number} Parameters")
    value, unit = (
        number_of(section, "AbsPositionValue"),
        unit_of(text_of(section, "AbsPositionUnitName")),
    )
    return None if value is None or unit is None else value * unit


def describe_coordinates(planes: PlaneOrder, axes: dict[str, OifAxis]) -> tuple[Coordinate, ...]:
    """Return the wavelengths of a lambda scan: where each band begins."""
    axis = axes.get("L")
    if axis is None or "L" not in planes.letters:
        return ()
    start, step = number_of(axis.section, "StartPosition"), positive_of(axis.section, "Interval")
    if start is None or step is None:
        return ()
    count = planes.shape[planes.letters.index("L")]
    values = tuple(start + step * index for index in range(count))
    return (Coordinate("L", values, text_of(axis.section, "PixUnit") or "nm"),)


# ---------------------------------------------------------------- the rest


def describe_objective(plane: Settings) -> Objective | None:
    """Return the objective as the settings of a plane name it."""
    section = section_of(plane, COMMON)
    name = text_of(section, "ObjectiveLens Name")
    distance = positive_of(section, "ObjectiveLens WDValue")
    objective = Objective(
        name=name,
        magnification=positive_of(section, "Magnification"),
        aperture=positive_of(section, "ObjectiveLens NAValue"),
        immersion=read_engraving(name).immersion,
        # Millimetres, as makers print it on the lens.
        working_distance=None if distance is None else distance * 1000,
    )
    return None if objective == Objective() else objective


def parse_date(files: FileSet) -> str | None:
    """Return the start of the acquisition: local time without a zone."""
    section = section_of(files.settings, COMMON)
    # FluoView writes the key so.
    date = iso_date(text_of(section, "ImageCaputreDate") or "")
    milliseconds = number_of(section, "ImageCaputreDate+MilliSec")
    if date is None or milliseconds is None or not 0 <= milliseconds < 1000:
        return date
    # Behind minutes a fraction would be one of a minute, behind a zone none at all.
    if not re.search(r"T\d\d:\d\d:\d\d$", date):
        return date
    return f"{date}.{int(milliseconds):03d}"


def describe_planes(files: FileSet, planes: PlaneOrder, axes: dict[str, OifAxis]) -> Planes | None:
    """Return times and Z positions of the planes; reads the settings of each.

    Times count from the first plane of the image.
    """
    names = planes.names.reshape(-1).tolist()
    read = files.read_settings(plane_settings_name(name) for name in names if name)
    # Members keep the case of their names, the table of planes has lower case.
    read = {name.lower(): settings for name, settings in read.items()}
    columns: dict[str, Any] = {}
    for column, letter, unit_of in (("time", "T", seconds_per), ("z", "Z", micrometres_per)):
        if letter not in axes:
            continue
        values = np.full(len(names), np.nan)
        for index, name in enumerate(names):
            settings = read.get(plane_settings_name(name))
            found = None if settings is None else axis_value(settings, axes[letter], unit_of)
            if found is not None and abs(found) != UNSET:
                values[index] = found
        columns[column] = values
    if "time" in columns:
        # The earliest known time is the zero: the settings of the first plane may be missing.
        known = columns["time"][np.isfinite(columns["time"])]
        columns["time"] = columns["time"] - (known.min() if known.size else 0.0)
    kept: dict[str, Any] = {
        name: np.ascontiguousarray(values, "<f8").tobytes()
        for name, values in columns.items()
        if np.isfinite(values).any()
    }
    return Planes(Dims(planes.letters, planes.shape), **kept) if kept else None
