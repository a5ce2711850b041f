"""Pixel sizes in the private tags and descriptions of makers of microscopes.

Rule kept here: a maker is recognised by its own tag or element, never by the numbers in it. A value
that is missing, not positive or in an unknown unit gives ``None``.

Source of the facts: files of each maker; the metadata that Bio-Formats 7.3, tifffile 2026 and
RosettaSciIO 0.9 read from the same tags.
"""

import re
import struct
from collections.abc import Callable

from aicsio._ome.units import micrometres_per
from aicsio.errors import CorruptFileError
from aicsio.formats._tiff.page_metadata import PageTags, positive_float
from aicsio.formats._tiff.tags import Tag
from aicsio.records import PixelSize

_NUMBER = r"[-+]?[\d.]+(?:[eE][-+]?\d+)?"
_METRE = 1e6
"""Micrometres in a metre."""
_LARGEST_TEXT = 1 << 24
"""Settings of a microscope have at most some 100 KB; a longer tag is not searched."""
_SIS_HEADER = struct.Struct("<4s6xhhhhh6x32sh")
"""Signature, minute, hour, day, month, year, name, number of blocks."""
_SIS_GENERAL = struct.Struct("<10xhdd")
"""General data: exponent of the unit in metres, size along X and Y."""
_MOST_SIS_BLOCKS = 1024
"""A SIS tag lists about ten blocks."""


def read_maker_size(tags: PageTags) -> PixelSize | None:
    """Return the pixel size in micrometres that a maker's own metadata give; ``None`` without one."""
    for read in _MAKERS:
        size = read(tags)
        if size is not None and (size.X is not None or size.Y is not None):
            return size
    return None


def metaseries_property(text: str, name: str) -> str | None:
    """Return the value of a property of MetaMorph's XML (``<prop id="..." value="..."/>``)."""
    match = re.search(rf'<(?:prop|custom-prop)\s[^>]*\bid="{re.escape(name)}"[^>]*>', text)
    value = re.search(r'\bvalue="([^"]*)"', match[0]) if match else None
    if value:
        return value[1]
    return None


def is_metaseries(text: str) -> bool:
    """Whether a description is the XML of MetaMorph and MetaXpress."""
    return text.lstrip().startswith("<MetaData>")


def _metaseries(tags: PageTags) -> PixelSize | None:
    text = tags.description
    # MetaMorph keeps the last calibration when it is switched off: it is not that of the image.
    if not is_metaseries(text) or metaseries_property(text, "spatial-calibration-state") == "off":
        return None
    unit = micrometres_per(metaseries_property(text, "spatial-calibration-units"))
    if unit is None:
        return None
    x, y = (metaseries_property(text, f"spatial-calibration-{axis}") for axis in "xy")
    return PixelSize(None, positive_float(y, unit), positive_float(x, unit))


def _zeiss_sem(tags: PageTags) -> PixelSize | None:
    """CZ_SEM: each setting is a line with its key, and a line ``name = number unit``."""
    text = _settings(tags, Tag.CZ_SEM)
    if not text:
        return None
    for key in ("AP_IMAGE_PIXEL_SIZE", "AP_PIXEL_SIZE"):
        # Lines come in pairs: the key, then the setting as the microscope displays it.
        match = re.search(rf"^{key}\s+[^=\n]*=\s*({_NUMBER})\s*(\S+)", text, re.MULTILINE)
        if match:
            size = positive_float(match[1], micrometres_per(match[2]) or 0.0)
            return PixelSize(None, size, size)
    return None


def _fei(tags: PageTags) -> PixelSize | None:
    """FEI and Thermo Fisher: INI text or XML, in either tag; lengths are metres.

    Second source: tifffile (``read_fei_metadata``) parses the same sections; RosettaSciIO takes
    PixelWidth and PixelHeight for metres.
    """
    for code in (Tag.FEI_SFEG, Tag.FEI_TITAN):
        text = _settings(tags, code)
        if not text:
            continue
        size = _fei_xml(text) if text.lstrip().startswith("<") else _fei_ini(text)
        if size is not None:
            return size
    return None


def read_fei_settings(tags: PageTags) -> dict[str, dict[str, str]]:
    """Return the INI text of FEI electron microscopes: settings by section; empty without one."""
    for code in (Tag.FEI_SFEG, Tag.FEI_TITAN):
        text = _settings(tags, code)
        if text and not text.lstrip().startswith("<"):
            return _parse_ini(text)
    return {}


def _parse_ini(text: str) -> dict[str, dict[str, str]]:
    sections = re.split(r"^\s*\[([^\]\n]*)\]\s*$", text, flags=re.MULTILINE)
    settings: dict[str, dict[str, str]] = {}
    for name, body in zip(sections[1::2], sections[2::2], strict=False):
        lines = re.findall(r"^([^=\n]+)=(.*)$", body, re.MULTILINE)
        settings[name] = {key.strip(): value.strip() for key, value in lines}
    return settings


def _fei_ini(text: str) -> PixelSize | None:
    settings = _parse_ini(text)
    # Two columns share one instrument: [Beam] names the section of the one that took the image.
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
    return None


def _fei_xml(text: str) -> PixelSize | None:
    element = re.search(r"<PixelSize\b([^>]*)>(.*?)</PixelSize>", text, re.DOTALL)
    if element is None:
        return None
    sizes: dict[str, float | None] = {}
    for axis in "YX":
        match = re.search(rf"<{axis}\b([^>]*)>\s*({_NUMBER})\s*</{axis}>", element[2])
        if match is None:
            continue
        unit = re.search(r'\bunit="([^"]*)"', match[1]) or re.search(
            r'\bunit="([^"]*)"', element[1]
        )
        factor = micrometres_per(unit[1]) if unit else _METRE
        sizes[axis] = None if factor is None else positive_float(match[2], factor)
    return PixelSize(None, sizes.get("Y"), sizes.get("X"))


def _digital_micrograph(tags: PageTags) -> PixelSize | None:
    """Gatan DigitalMicrograph: 65003 and 65004 are the units, 65009 and 65010 the sizes of X and Y.

    Second source: RosettaSciIO (``rsciio/tiff/_api.py``) names the tags so in its comments, while it
    gives 65009 to its axis y; files with pixels that are not square are not known to either.
    """
    if 65003 not in tags.tags or 65009 not in tags.tags:
        return None
    # Both axes have a unit; exports of old versions have that of X alone.
    x_unit = micrometres_per(tags.text(65003))
    y_unit = micrometres_per(tags.text(65004)) or x_unit
    return PixelSize(
        None,
        positive_float(tags.positive(65010), y_unit or 0.0),
        positive_float(tags.positive(65009), x_unit or 0.0),
    )


def _olympus_sis(tags: PageTags) -> PixelSize | None:
    """Olympus SIS: the tag holds the offset of a header that lists blocks of data.

    Second source: tifffile (``read_sis``).
    """
    offset = tags.number(Tag.OLYMPUS_SIS)
    if offset is None:
        return None
    try:
        header = _read_inside(tags, offset, _SIS_HEADER.size)
        signature, *_, block_count = _SIS_HEADER.unpack(header)
        if signature != b"SIS0" or not 0 < block_count <= _MOST_SIS_BLOCKS:
            return None
        table = _read_inside(tags, offset + _SIS_HEADER.size, 8 * block_count)
        # Blocks have a type, a count and an offset; type 1 is the general data.
        for kind, _, block_offset in struct.iter_unpack("<hhI", table):
            if kind == 1:
                block = _read_inside(tags, block_offset, _SIS_GENERAL.size)
                exponent, x, y = _SIS_GENERAL.unpack(block)
                # The exponent is bounded: files hold -9 (nanometres) to -3.
                metres = 10.0 ** max(min(exponent, 9), -18)
                return PixelSize(
                    None, positive_float(y, metres * _METRE), positive_float(x, metres * _METRE)
                )
    except (CorruptFileError, struct.error):
        return None
    return None


def _aperio(tags: PageTags) -> PixelSize | None:
    """Aperio: ``MPP`` is micrometres per pixel."""
    text = tags.description
    match = re.search(rf"\bMPP\s*=\s*({_NUMBER})", text) if text.startswith("Aperio") else None
    size = positive_float(match[1]) if match else None
    return PixelSize(None, size, size)


def _ventana(tags: PageTags) -> PixelSize | None:
    """Ventana BIF: ``ScanRes`` of the iScan element in XMP is micrometres per pixel."""
    text = _settings(tags, Tag.XMP)
    match = re.search(rf'<iScan\b[^>]*\bScanRes="({_NUMBER})"', text) if text else None
    size = positive_float(match[1]) if match else None
    return PixelSize(None, size, size)


def _philips(tags: PageTags) -> PixelSize | None:
    """Philips: DICOM_PIXEL_SPACING of the first pixel data, rows then columns, in millimetres.

    Second source: OpenSlide (``openslide-vendor-philips-tiff.c``), which gives row spacing to mpp-y.
    """
    if not tags.text(Tag.SOFTWARE).startswith("Philips"):
        return None
    attribute = re.search(r'Name="DICOM_PIXEL_SPACING"[^>]*>([^<]*)<', tags.description)
    numbers = re.findall(_NUMBER, attribute[1].replace("&quot;", " ")) if attribute else []
    if len(numbers) != 2:
        return None
    return PixelSize(None, positive_float(numbers[0], 1e3), positive_float(numbers[1], 1e3))


def _settings(tags: PageTags, code: int) -> str:
    """Return a text of settings; empty where the tag is missing, as in most files."""
    if code not in tags.tags:
        return ""
    value = tags.value(code, _LARGEST_TEXT)
    return value.decode("latin-1").replace("\r", "") if isinstance(value, bytes) else _octets(value)


def _octets(value: object) -> str:
    """Decode a text that a writer declared as BYTE."""
    if not isinstance(value, tuple) or not all(isinstance(n, int) and 0 <= n < 256 for n in value):
        return ""
    # Some writers declare the text as BYTE in place of ASCII.
    return bytes(value).decode("latin-1").replace("\r", "")


def _read_inside(tags: PageTags, offset: int, nbytes: int) -> bytes:
    if not 0 <= offset <= tags.file.size - nbytes:
        raise tags.file.error(offset, f"expected {nbytes} bytes of Olympus SIS metadata")
    return tags.file.read(offset, nbytes)


_MAKERS: tuple[Callable[[PageTags], PixelSize | None], ...] = (
    _metaseries,
    _zeiss_sem,
    _fei,
    _digital_micrograph,
    _olympus_sis,
    _aperio,
    _ventana,
    _philips,
)
