"""Pixel sizes in the private tags of electron microscopes and their cameras.

Rule kept here: a maker is recognised by its own tag, never by the numbers in it. A value that is
missing, not positive or in an unknown unit gives ``None``.

Source of the facts: files of each maker; the metadata that Bio-Formats 7.3, tifffile 2026 and
RosettaSciIO 0.9 read from the same tags.
"""

import itertools
import re
import struct

from aicsio._ome.units import micrometres_per, seconds_per
from aicsio.formats._tiff.page_metadata import PageTags, positive_float
from aicsio.formats._tiff.settings import (
    NUMBER,
    parse_ini,
    read_octets,
    read_settings,
    xml_attribute,
    xml_text,
)
from aicsio.formats._tiff.tags import ResolutionUnit, Tag
from aicsio.records import PixelSize

_METRE = 1e6
"""Micrometres in a metre."""
_SEM_DISPLAY_WIDTH = 1024
"""Columns of the display that the fourth unnamed number of CZ_SEM counts for."""
_TVIPS_FIRST_VERSION_NBYTES = 244
"""Length of the first TemData structure, which the second one follows."""
_TVIPS_PIXEL_SIZE_OFFSET = _TVIPS_FIRST_VERSION_NBYTES + 2724
"""Offset of PixelSizeX and PixelSizeY, in nanometres, in the second one."""


FEI = (Tag.FEI_TITAN, Tag.FEI_HELIOS, Tag.FEI_SFEG)
"""Tags that hold the settings of FEI, in this order."""


def zeiss_sem_size(tags: PageTags) -> PixelSize | None:
    """CZ_SEM: numbers without a name; then lines in pairs, a key and ``name = number unit``.

    Second source: RosettaSciIO (``_axes_zeiss``) takes the fourth number, which is the size in
    metres on a display of 1024 columns; old versions of the software write no other.
    """
    text = read_settings(tags, Tag.CZ_SEM)
    if not text:
        return None
    named = _named_sem_size(text, "AP_IMAGE_PIXEL_SIZE")
    if named is not None:
        return PixelSize(None, named, named)
    unnamed = re.match(rf"(?:\s*{NUMBER}\s*\n){{3}}\s*({NUMBER})\s*\n", text)
    width = tags.number(Tag.IMAGE_WIDTH)
    size = None
    if unnamed and width:
        size = positive_float(unnamed[1], _METRE * _SEM_DISPLAY_WIDTH / width)
    if size is None:
        size = _named_sem_size(text, "AP_PIXEL_SIZE")
    return PixelSize(None, size, size)


def _named_sem_size(text: str, key: str) -> float | None:
    match = re.search(rf"^{key}\s+[^=\n]*=\s*({NUMBER})\s*(\S+)", text, re.MULTILINE)
    return positive_float(match[1], micrometres_per(match[2]) or 0.0) if match else None


def read_zeiss_sem_settings(tags: PageTags) -> dict[str, tuple[str, str]]:
    """Return the settings of Zeiss SmartSEM: displayed name and value by key; empty without them."""
    lines = read_settings(tags, Tag.CZ_SEM).split("\n")
    settings = {}
    for key, line in itertools.pairwise(lines):
        # Keys begin with the kind of their value: analogue, digital or text.
        match = re.fullmatch(r"([^=:]+?)\s*[=:]\s*(.*?)\s*", line)
        if match and re.fullmatch(r"(?:AP|DP|SV)_\w+", key.strip()):
            settings[key.strip()] = (match[1].strip(), match[2])
    return settings


# ---------------------------------------------------------------- FEI


def fei_size(tags: PageTags) -> PixelSize | None:
    """FEI and Thermo Fisher: INI text or XML, in any of three tags; lengths are metres.

    Second source: tifffile (``read_fei_metadata``) parses the same sections; RosettaSciIO takes
    PixelWidth and PixelHeight for metres; Bio-Formats (``FEITiffReader``) reads the XML of Titan,
    whose files have an empty Helios tag besides.
    """
    for text in _fei_texts(tags):
        size = _fei_xml(text) if text.lstrip().startswith("<") else _fei_ini(parse_ini(text))
        if size is not None:
            return size
    return None


def read_fei_settings(tags: PageTags) -> dict[str, dict[str, str]]:
    """Return the INI text of FEI electron microscopes: settings by section; empty without one."""
    for text in _fei_texts(tags):
        if not text.lstrip().startswith("<"):
            return parse_ini(text)
    return {}


def _fei_texts(tags: PageTags) -> list[str]:
    return [text for text in (read_settings(tags, code) for code in FEI) if text.strip()]


def _fei_ini(settings: dict[str, dict[str, str]]) -> PixelSize | None:
    # Two columns share one instrument: [Beam] names the sections of the one that took the image.
    active = settings.get("Beam", {}).get("Scan")
    names = [active] if active else []
    for name in [*names, "Scan", *settings]:
        section = settings.get(name, {})
        if "PixelWidth" in section and "PixelHeight" in section:
            return PixelSize(
                None,
                positive_float(section["PixelHeight"], _METRE),
                positive_float(section["PixelWidth"], _METRE),
            )
    return _fei_field_of_view(settings)


def _fei_field_of_view(settings: dict[str, dict[str, str]]) -> PixelSize | None:
    """Return the field of view over the pixels; camera images have no section of a scan."""
    beam = settings.get(settings.get("Beam", {}).get("Beam", "IRBeam"), {})
    image = settings.get("Image", {})
    sizes = [
        _quotient(beam.get(field), image.get(f"Resolution{axis}"))
        for field, axis in (("VFW", "Y"), ("HFW", "X"))
    ]
    return PixelSize(None, *sizes) if all(sizes) else None


def _quotient(metres: str | None, pixels: str | None) -> float | None:
    count = positive_float(pixels)
    return positive_float(metres, _METRE / count) if count else None


def _fei_xml(text: str) -> PixelSize | None:
    element = re.search(r"(<PixelSize\b[^>]*>)(.*?)</PixelSize>", text, re.DOTALL)
    if element is None:
        return None
    sizes: dict[str, float | None] = {}
    for axis in "YX":
        match = re.search(rf"(<{axis}\b[^>]*>)\s*({NUMBER})\s*</{axis}>", element[2])
        if match is None:
            continue
        # unitPrefixPower is 1 in files whose numbers are metres: it is no exponent.
        unit = xml_attribute(match[1], "unit") or xml_attribute(element[1], "unit")
        factor = micrometres_per(unit) if unit else _METRE
        sizes[axis] = None if factor is None else positive_float(match[2], factor)
    return PixelSize(None, sizes.get("Y"), sizes.get("X"))


# ---------------------------------------------------------------- Tescan


def tescan_size(tags: PageTags) -> PixelSize | None:
    """Tescan: blocks of a length, a kind and, in the main one, lines ``name=value`` in metres.

    Second source: Gwyddion (``tescan.c``), which takes the sign off.
    """
    data = read_octets(tags, Tag.TESCAN)
    sizes = [
        re.search(rf"PixelSize{axis}=-?({NUMBER})".encode(), data) if data else None
        for axis in "YX"
    ]
    if not any(sizes):
        return None
    return PixelSize(
        None, *(positive_float(found[1].decode(), _METRE) if found else None for found in sizes)
    )


# ---------------------------------------------------------------- cameras


def digital_micrograph_size(tags: PageTags) -> PixelSize | None:
    """Gatan DigitalMicrograph: units of X, Y and Z from 65003 on, sizes from 65009 on.

    Second source: RosettaSciIO (``rsciio/tiff/_api.py``) writes the unit and the scale of its last
    axis, which is X, to 65003 and 65009.
    """
    if Tag.DIGITAL_MICROGRAPH_UNIT not in tags.tags or _DM_SCALE not in tags.tags:
        return None
    # Both axes have a unit; exports of old versions have that of X alone.
    units = [tags.text(Tag.DIGITAL_MICROGRAPH_UNIT + axis) for axis in range(3)]
    x, y, z = (
        positive_float(tags.positive(_DM_SCALE + axis), micrometres_per(unit) or 0.0)
        for axis, unit in enumerate((units[0], units[1] or units[0], units[2]))
    )
    return PixelSize(z, y, x)


_DM_SCALE = Tag.DIGITAL_MICROGRAPH_UNIT + 6


def digital_micrograph_unit(tags: PageTags) -> str:
    """Return the unit of X, such as ``1/nm`` of a diffraction pattern; empty without one."""
    if _DM_SCALE not in tags.tags:
        return ""
    return tags.text(Tag.DIGITAL_MICROGRAPH_UNIT).strip()


def digital_micrograph_pages(tags: PageTags) -> tuple[str, float | None] | None:
    """Return the letter of the axis of pages, and seconds between them if it is T.

    The unit of the third axis (65005) is a length of a stack in depth, and a time of a series.
    ``None`` without a unit of either kind. Second source: RosettaSciIO (``rsciio/tiff/_api.py``).
    """
    if Tag.DIGITAL_MICROGRAPH_UNIT not in tags.tags or _DM_SCALE not in tags.tags:
        return None
    unit = tags.text(Tag.DIGITAL_MICROGRAPH_UNIT + 2).strip()
    seconds = seconds_per(unit)
    if seconds is not None:
        return "T", positive_float(tags.positive(_DM_SCALE + 2), seconds)
    return None if micrometres_per(unit) is None else ("Z", None)


def tvips_size(tags: PageTags) -> PixelSize | None:
    """TVIPS EM-MENU: the second version of TemData has the size of pixels in nanometres.

    Second source: tifffile (``TVIPS_HEADER_V2``).
    """
    data = _tem_data(tags)
    if len(data) < _TVIPS_PIXEL_SIZE_OFFSET + 8:
        return None
    order = tags.file.variant.order
    # TemData begins with its version.
    if struct.unpack_from(f"{order}i", data)[0] != 2:
        return None
    x, y = struct.unpack_from(f"{order}ff", data, _TVIPS_PIXEL_SIZE_OFFSET)
    return PixelSize(None, positive_float(y, 1e-3), positive_float(x, 1e-3))


def _tem_data(tags: PageTags) -> bytes:
    """Return the start of TemData: the value of the tag, or where it leads to."""
    needed = _TVIPS_PIXEL_SIZE_OFFSET + 8
    offset = tags.number(Tag.TVIPS)
    if offset is not None and 0 < offset <= tags.file.size - needed:
        return tags.file.read(offset, needed)
    return read_octets(tags, Tag.TVIPS)


def jeol_size(tags: PageTags) -> PixelSize | None:
    """JEOL SightX: the resolution tags are those of the camera; the XML has the magnification.

    Second source: RosettaSciIO (``_axes_jeol_sightx``).
    """
    if not tags.text(Tag.MAKE).startswith("JEOL") or "<TemReporter" not in tags.description:
        return None
    mode, unit = _jeol_setting(tags, "ModeString"), tags.number(Tag.RESOLUTION_UNIT)
    magnification = positive_float(_jeol_setting(tags, "SelectorValue"))
    if _jeol_setting(tags, "EosMode") != "eosTEM" or mode != "MAG" or magnification is None:
        return PixelSize()
    micrometres = 25400.0 if unit == ResolutionUnit.INCH else 10000.0
    y, x = (
        micrometres / magnification / per_unit if per_unit else None
        for per_unit in (tags.positive(Tag.Y_RESOLUTION), tags.positive(Tag.X_RESOLUTION))
    )
    return PixelSize(None, y, x)


def _jeol_setting(tags: PageTags, name: str) -> str | None:
    return xml_text(tags.description, name) or None
