"""Lens and date of slide scanners, in their tags and descriptions.

Rule kept here: the lens is that of the picture of the tissue. Pictures of the label and of the whole
slide are taken by another camera: they have none.

Source of the facts: files of each scanner; OpenSlide's ``openslide.objective-power``, which it takes
from the same places (``AppMag``, ``SourceLens``, ``Magnification``, ``objective``); "QPTIFF file
format" of PerkinElmer, 2018, for ``Objective``.
"""

from collections.abc import Mapping
from typing import Any

from aicsio._ome.elements import children_of, local_name, parse_integer
from aicsio._ome.xml import parse_root
from aicsio.errors import CorruptFileError
from aicsio.formats._tiff.page_metadata import PageTags, iso_date, positive_float
from aicsio.formats._tiff.settings import find_tag, read_settings, xml_attribute, xml_text
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Objective


def read_aperio_settings(tags: PageTags) -> dict[str, str]:
    """Return the settings ``name = value`` between the bars of an Aperio description."""
    text = tags.description
    if not text.startswith("Aperio"):
        return {}
    settings = {}
    for part in text.split("|")[1:]:
        name, equals, value = part.partition("=")
        if equals:
            settings[name.strip()] = value.strip()
    return settings


def read_slide_lens(tags: PageTags) -> Objective | None:
    """Return the lens of a slide scanner by its first page; ``None`` without one."""
    settings = read_aperio_settings(tags)
    magnification = positive_float(settings.get("AppMag"))
    if Tag.NDPI_VERSION in tags.tags and Tag.NDPI_SOURCE_LENS in tags.tags:
        # -1 and -2 mark the pictures of the slide and of the focus.
        magnification = tags.positive(Tag.NDPI_SOURCE_LENS)
    elif Tag.XMP in tags.tags:
        scan = find_tag(read_settings(tags, Tag.XMP), "iScan")
        if scan is not None:
            magnification = positive_float(xml_attribute(scan, "Magnification"))
    elif tags.text(Tag.SOFTWARE).startswith("PerkinElmer-QPI"):
        return _perkin_elmer_lens(tags.description)
    return Objective(magnification=magnification) if magnification else None


def _perkin_elmer_lens(text: str) -> Objective | None:
    """Read ``<Objective>20x</Objective>``; newer scanners write the engraving of the lens."""
    name = xml_text(text, "Objective")
    if not name:
        return None
    from aicsio._ome.lenses import read_engraving

    engraved = read_engraving(name)
    return Objective(name, engraved.magnification, engraved.aperture)


def read_scn_images(text: str) -> Mapping[int, dict[str, Any]]:
    """Return date and lens of each image of a Leica SCN, by the pages that show it.

    Parameters
    ----------
    text
        Description of the first page.
    """
    try:
        root = parse_root(text)
    except CorruptFileError:
        return {}
    fields: dict[int, dict[str, Any]] = {}
    for collection in children_of(root, "collection"):
        for image in children_of(collection, "image"):
            texts = {local_name(each): (each.text or "").strip() for each in image.iter()}
            # The numerical aperture there is that of the illumination.
            magnification = positive_float(texts.get("objective"))
            facts = {
                "acquired": iso_date(texts.get("creationDate", "")),
                "objective": Objective(magnification=magnification) if magnification else None,
            }
            pages = [parse_integer(each.get("ifd")) for each in image.iter()]
            fields |= {page: facts for page in pages if page is not None}
    return fields
