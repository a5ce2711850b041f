"""Settings of a slide -> records.

Rule kept here: what the settings do not state stays ``None``.

Source of the facts: see ``aicsio.formats.mirax``. Images of a fluorescence slide have a filter in each
sample. STORING_CHANNEL_NUMBER counts samples from blue to red: on OpenSlide's slide
``Mirax2-Fluorescence-1`` the filter UV, number 2, is what the red sample shows (notes of OpenReadout).
"""

import re
from collections.abc import Iterator
from typing import Final

import attrs

from aicsio._ome.dates import valid_date
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.mirax.layout import DTYPE, MiraxLayout
from aicsio.formats.mirax.levels import SAMPLES, LevelSettings
from aicsio.formats.mirax.slide import PACKED_POSITIONS, PLAIN_POSITIONS, Record, Slide
from aicsio.records import Attachment, Channel, Diagnostic, Dims, LazyArray, Objective, PixelSize
from aicsio.records.lazy import View

FILTERS: Final = "Slide filter level"
FILTER_GROUP: Final = "DATA_IN_THIS_FILTER_LEVEL"
"""Key of the group of up to three filters whose images hold a filter."""
WAVELENGTHS: Final = (100.0, 10_000.0)
"""Nanometres that are plausible; files have 0 for none."""
DATE: Final = re.compile(r"(\d\d?)/(\d\d?)/(\d{4}) (\d\d):(\d\d):(\d\d)")
"""Day first."""
TITLES: Final = {
    "ScanDataLayer_SlideBarcode": "Label",
    "ScanDataLayer_SlideThumbnail": "Macro",
    "ScanDataLayer_SlidePreview": "Thumbnail",
}
"""Names of OpenSlide."""
KINDS: Final = {"JPEG": "JPG", "PNG": "PNG", "BMP": "BMP", "BMP24": "BMP"}
MOST_ATTACHMENTS: Final = 1000


@attrs.frozen(eq=False)
class SlideChannels:
    """Channels of a slide. Not a record: it lives for one opening."""

    records: tuple[Channel, ...]
    """One of three samples, or one a sample."""
    samples: tuple[int, ...]
    """Sample of each filter; empty for colours."""


def describe_channels(slide: Slide) -> tuple[SlideChannels, list[Diagnostic]]:
    """Return the channels of a slide.

    Raises
    ------
    UnsupportedFormatError
        When two filters lie in one sample, or one in none.
    """
    settings = slide.settings
    if "FLUORESCENCE" not in (settings.get("GENERAL", "SLIDE_TYPE") or "").upper():
        return SlideChannels((Channel(samples=SAMPLES),), ()), []
    records, samples = [Channel()] * SAMPLES, []
    filters = list(slide.layers("HIER", FILTERS))
    groups = [settings.get(one.section, FILTER_GROUP) for one in filters]
    for one, group in zip(filters, groups, strict=True):
        # Other groups have images of their own, whose place in the index is not known.
        if group != groups[0]:
            continue
        number = settings.number(one.section, "STORING_CHANNEL_NUMBER")
        # Numbers are floats here; 1.0 is in `range(3)`.
        if number not in range(SAMPLES) or SAMPLES - 1 - int(number or 0) in samples:
            raise UnsupportedFormatError(
                f"{settings.source.uri} has filter {one.section} in sample {number}; filters in "
                "samples 0, 1 and 2 are read, one in each"
            )
        samples.append(SAMPLES - 1 - int(number or 0))
        records[samples[-1]] = _describe_filter(slide, one.section)
    if not samples:
        raise CorruptFileError.at(
            settings.source.uri, None, "expected filters of a fluorescence slide"
        )
    notes = []
    left = len(groups) - len(samples)
    if left:
        text = f"{left} of {len(groups)} filters lie in images of their own and are not shown"
        notes.append(Diagnostic("mirax-further-filters", text, settings.source.uri, not_shown=True))
    return SlideChannels(tuple(records), tuple(samples)), notes


def _describe_filter(slide: Slide, section: str) -> Channel:
    settings = slide.settings
    color = None
    parts = [settings.number(section, f"COLOR_{letter}") for letter in "RGB"]
    if all(part is not None and 0 <= part <= 255 for part in parts):
        color = int.from_bytes(bytes([*(int(part or 0) for part in parts), 255]), "big")
    waves = []
    for key in ("EXCITATION_WAVELENGTH", "EMISSION_WAVELENGTH"):
        value = settings.number(section, key)
        is_plausible = value is not None and WAVELENGTHS[0] < value < WAVELENGTHS[1]
        waves.append(value if is_plausible else None)
    return Channel(
        settings.get(section, "FILTER_NAME"), color, excitation=waves[0], emission=waves[1]
    )


def show_channels(layout: MiraxLayout, channels: SlideChannels) -> LazyArray:
    """Return the array of a level: filters as channels in the order of the settings."""
    if not channels.samples:
        return LazyArray.whole(layout, Dims("YXS", layout.shape), DTYPE)
    rows, columns, _ = layout.shape
    # C is the stored axis of samples, in the order of the filters.
    view = View("CYX", (2, 0, 1), (range(rows), range(columns), channels.samples))
    return LazyArray(layout, Dims("YXC", layout.shape), DTYPE, view)


def describe_pixel_size(slide: Slide, level: LevelSettings) -> PixelSize:
    """Return the size of the pixels of a level."""
    sizes = []
    for axis in "YX":
        value = slide.settings.number(level.section, f"MICROMETER_PER_PIXEL_{axis}")
        sizes.append(value if value is not None and value > 0 else None)
    return PixelSize(None, *sizes)


def describe_objective(slide: Slide) -> Objective | None:
    """Return the lens."""
    name = slide.settings.get("GENERAL", "OBJECTIVE_NAME")
    power = slide.settings.number("GENERAL", "OBJECTIVE_MAGNIFICATION")
    power = power if power is not None and power > 0 else None
    return None if name is None and power is None else Objective(name, power)


def parse_date(slide: Slide) -> str | None:
    """Return the date of the slide as ISO 8601, in the time of the scanner."""
    found = DATE.fullmatch(slide.settings.get("GENERAL", "SLIDE_CREATIONDATETIME") or "")
    if found is None:
        return None
    day, month, year, hour, minute, second = found.groups()
    return valid_date(f"{year}-{month:0>2}-{day:0>2}T{hour}:{minute}:{second}")


def find_attachments(slide: Slide) -> Iterator[tuple[Attachment, Record]]:
    """Yield pictures, then other records with data; those that are damaged are left out."""
    found: list[tuple[bool, Attachment, Record]] = []
    for record in slide.layers("NONHIER", ""):
        if record.layer in {PLAIN_POSITIONS, PACKED_POSITIONS} or len(found) == MOST_ATTACHMENTS:
            continue
        try:
            place = slide.find_bytes(record)
        except CorruptFileError:
            # `check_structure` reports it.
            continue
        if place is not None:
            title = TITLES.get(record.value)
            name = title or f"{record.layer}/{record.value}"
            kind = Attachment(name, _find_kind(slide, record), place[1])
            found.append((title is None, kind, record))
    found.sort(key=lambda each: each[0])
    seen: set[str] = set()
    for _, attachment, record in found:
        if attachment.name not in seen:
            seen.add(attachment.name)
            yield attachment, record


def _find_kind(slide: Slide, record: Record) -> str:
    """Return the type of a record: pictures have it in their section."""
    sections = slide.settings.sections
    if sections.has_section(record.section):
        for key, value in sections.items(record.section):
            if key.endswith("_IMAGE_TYPE"):
                return KINDS.get((value or "").strip().upper(), "BIN")
    return "BIN"
