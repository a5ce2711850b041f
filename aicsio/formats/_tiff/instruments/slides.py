"""Slide scanners: Aperio.

Rule kept here: the description names the scanner and its objective's magnification, and no lens.

Source of the facts: descriptions that ScanScope and ImageScope write.
"""

from aicsio._ome.units import finite_number
from aicsio.formats._tiff.instruments.parts import ImageParts
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.slides import read_aperio_settings
from aicsio.records import Contents

_NAMESPACE = "leicabiosystems.com/aperio"


def describe_aperio(tags: PageTags, contents: Contents, parts: ImageParts) -> bool:
    """Add the settings of an Aperio scanner."""
    del contents
    settings = read_aperio_settings(tags)
    if not settings:
        return False
    # "Aperio Image Library" and the scanner's name in older files, "Aperio Leica Biosystems" in new.
    parts.set_microscope(
        Manufacturer="Aperio",
        Model=settings.get("ScannerType"),
        SerialNumber=settings.get("ScanScope ID"),
    )
    magnification = finite_number(settings.get("AppMag"))
    if magnification:
        parts.add_objective(None, magnification=magnification)
    parts.set_experimenter(settings.get("User"))
    parts.set_description(settings.get("Title"))
    parts.annotate(_NAMESPACE, settings.items())
    return True
