"""Pixel sizes in the private tags and descriptions of makers of microscopes and scanners.

``electron_microscopes`` has those of electron microscopes and their cameras.

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
from aicsio.formats._tiff import electron_microscopes
from aicsio.formats._tiff.page_metadata import PageTags, positive_float
from aicsio.formats._tiff.settings import (
    NUMBER,
    START_TAG_END,
    find_tag,
    read_settings,
    xml_attribute,
)
from aicsio.formats._tiff.tags import Tag
from aicsio.records import PixelSize

NO_SIZE = PixelSize()
_METRE = 1e6
"""Micrometres in a metre."""
_SIS_HEADER = struct.Struct("<4s6xhhhhh6x32sh")
"""Signature, minute, hour, day, month, year, name, number of blocks."""
_SIS_GENERAL = struct.Struct("<10xhdd")
"""General data: exponent of the unit in metres, size along X and Y."""
METASERIES_PROPERTY = re.compile(rf"<(?:custom-)?prop(?=\s){START_TAG_END}")
"""Start tag of a property in MetaMorph's XML."""
_MOST_SIS_BLOCKS = 1024
"""A SIS tag lists about ten blocks."""


def read_maker_size(tags: PageTags) -> PixelSize | None:
    """Return the pixel size in micrometres that a maker's own metadata give; ``None`` without one."""
    return locate_maker_size(tags)[0]


def locate_maker_size(tags: PageTags) -> tuple[PixelSize | None, str]:
    """Return the pixel size that a maker's own metadata give, and the place that has it."""
    for codes, read, place in _MAKERS:
        # Most files have the tag of no maker: 12 calls would take a tenth of the time to open one.
        if not tags.has_any(codes):
            continue
        size = read(tags)
        if size is not None and (size.X is not None or size.Y is not None):
            return size, place
    return None, ""


def unit_without_length(tags: PageTags) -> str | None:
    """Return the words of a maker whose metadata give a size that is no length; ``None`` without them.

    Such an image has no pixel size, whatever the resolution tags are.
    """
    unit = electron_microscopes.digital_micrograph_unit(tags)
    if unit and micrometres_per(unit) is None:
        return f"DigitalMicrograph gives the size of a pixel in {unit[:40]!r}"
    if electron_microscopes.jeol_size(tags) == NO_SIZE:
        return "the image of a JEOL microscope is no magnified one"
    text = tags.description
    if not is_metaseries(text):
        return None
    if metaseries_property(text, "spatial-calibration-state") == "off":
        return "the calibration of MetaMorph is switched off"
    return None


def unusable_size(tags: PageTags) -> str | None:
    """Return the words of a maker for a size that is no number above 0, or has an unknown unit.

    For makers without any usable size: ``None`` if they state none.
    """
    text = tags.description
    stated: dict[str, str | None] = {}
    if is_metaseries(text):
        x, unit = (
            metaseries_property(text, f"spatial-calibration-{name}") for name in ("x", "units")
        )
        stated["MetaMorph"] = None if x is None else f"{x} {unit or ''}".strip()
    if Tag.CZ_SEM in tags.tags:
        settings = read_settings(tags, Tag.CZ_SEM)
        sem = re.search(r"^AP_IMAGE_PIXEL_SIZE\s+(.*)$", settings, re.MULTILINE)
        stated["Zeiss SEM"] = sem[1] if sem else None
    if text.startswith("Aperio"):
        mpp = re.search(r"\bMPP\s*=\s*([^|\n]*)", text)
        stated["Aperio"] = mpp[1] if mpp else None
    if Tag.XMP in tags.tags:
        scan = find_tag(read_settings(tags, Tag.XMP), "iScan")
        stated["Ventana"] = xml_attribute(scan, "ScanRes") if scan else None
    for maker, words in stated.items():
        if words is not None:
            return f"{maker} gives the size of a pixel as {words[:40]!r}"
    return None


def metaseries_property(text: str, name: str) -> str | None:
    """Return the value of a property of MetaMorph's XML (``<prop id="..." value="..."/>``)."""
    # The search of a text in quotes skips the tags of other properties.
    for quoted in re.finditer(rf"""["']{re.escape(name)}["']""", text):
        # No value holds "<": the last one in front begins the tag.
        tag = METASERIES_PROPERTY.match(text, max(text.rfind("<", 0, quoted.start()), 0))
        if tag is not None and xml_attribute(tag[0], "id") == name:
            return xml_attribute(tag[0], "value")
    return None


def is_metaseries(text: str) -> bool:
    """Whether a description is the XML of MetaMorph and MetaXpress."""
    # Most descriptions lack the word: a search of a text takes a tenth of the pattern's time.
    if "<MetaData>" not in text:
        return False
    return re.match(r"\s*(?:<\?xml[^>]*>\s*)?<MetaData>", text) is not None


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
        # The list of blocks follows the header: eight bytes each.
        table = _read_inside(tags, offset + _SIS_HEADER.size, 8 * block_count)
        # Blocks have a type, a count and an offset; type 1 is the general data.
        for kind, _, block_offset in struct.iter_unpack("<hhI", table):
            if kind == 1:
                block = _read_inside(tags, block_offset, _SIS_GENERAL.size)
                exponent, x, y = _SIS_GENERAL.unpack(block)
                # Files hold -9 (nanometres) to -3. cellSens writes 1 metre where it knows no size.
                if exponent >= 0:
                    return None
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
    if not text.startswith("Aperio"):
        return None
    match = re.search(rf"\bMPP\s*=\s*({NUMBER})", text)
    size = positive_float(match[1]) if match else None
    return PixelSize(None, size, size)


def _ventana(tags: PageTags) -> PixelSize | None:
    """Ventana BIF: ``ScanRes`` of the iScan element in XMP is micrometres per pixel."""
    text = read_settings(tags, Tag.XMP)
    if not text:
        return None
    scan = find_tag(text, "iScan")
    size = positive_float(xml_attribute(scan, "ScanRes")) if scan else None
    return PixelSize(None, size, size)


def _improvision(tags: PageTags) -> PixelSize | None:
    """Improvision Openlab and Volocity: ``XCalibrationMicrons`` and the like.

    Second source: Bio-Formats (``ImprovisionTiffReader``).
    """
    text = tags.description
    if not text.startswith("Improvision"):
        return None
    x, y, z = (
        re.search(rf"^{axis}CalibrationMicrons\s*=\s*({NUMBER})", text, re.MULTILINE)
        for axis in "XYZ"
    )
    return PixelSize(*(positive_float(found[1]) if found else None for found in (z, y, x)))


def _philips(tags: PageTags) -> PixelSize | None:
    """Philips: DICOM_PIXEL_SPACING of the first pixel data, rows then columns, in millimetres.

    Second source: OpenSlide (``openslide-vendor-philips-tiff.c``), which gives row spacing to mpp-y.
    """
    if not tags.text(Tag.SOFTWARE).startswith("Philips"):
        return None
    attribute = re.search(r'Name="DICOM_PIXEL_SPACING"[^>]*>([^<]*)<', tags.description)
    numbers = re.findall(NUMBER, attribute[1].replace("&quot;", " ")) if attribute else []
    if len(numbers) != 2:
        return None
    return PixelSize(None, positive_float(numbers[0], 1e3), positive_float(numbers[1], 1e3))


def _read_inside(tags: PageTags, offset: int, nbytes: int) -> bytes:
    if not 0 <= offset <= tags.file.size - nbytes:
        raise tags.file.error(offset, f"expected {nbytes} bytes of Olympus SIS metadata")
    return tags.file.read(offset, nbytes)


_MAKERS: tuple[tuple[tuple[int, ...], Callable[[PageTags], PixelSize | None], str], ...] = (
    ((Tag.IMAGE_DESCRIPTION,), _metaseries, "metamorph:spatial-calibration"),
    ((Tag.CZ_SEM,), electron_microscopes.zeiss_sem_size, "tag:CZ_SEM"),
    (electron_microscopes.FEI, electron_microscopes.fei_size, "tag:FEI"),
    (
        (Tag.DIGITAL_MICROGRAPH_UNIT,),
        electron_microscopes.digital_micrograph_size,
        "tag:DigitalMicrograph",
    ),
    ((Tag.TESCAN,), electron_microscopes.tescan_size, "tag:Tescan"),
    ((Tag.TVIPS,), electron_microscopes.tvips_size, "tag:TVIPS"),
    ((Tag.MAKE,), electron_microscopes.jeol_size, "jeol:SelectorValue"),
    ((Tag.OLYMPUS_SIS,), _olympus_sis, "olympus-sis:GeneralData"),
    ((Tag.IMAGE_DESCRIPTION,), _aperio, "aperio:MPP"),
    ((Tag.XMP,), _ventana, "ventana:ScanRes"),
    ((Tag.IMAGE_DESCRIPTION,), _improvision, "improvision:XCalibrationMicrons"),
    ((Tag.SOFTWARE,), _philips, "philips:DICOM_PIXEL_SPACING"),
)
"""Tags that the metadata of a maker are in, one of which a page must have, their reader, and the place."""
