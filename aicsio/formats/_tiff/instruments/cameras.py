"""Any other TIFF: the camera of Exif, the text and the author of the image, its depth.

Rule kept here: Make and Model name a camera only beside an Exif directory; scanners and programs
write them, too.

Source of the facts: TIFF 6.0 section 8 (ImageDescription, Artist, Make, Model); Exif 2.32.
"""

from aicsio._ome.parts import add_part
from aicsio.formats._tiff.instruments.parts import ImageParts, count_channels
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Contents

_STRUCTURED = ("<", "{", "ImageJ=", "Aperio", "state.")
"""Beginnings of descriptions that programs wrote for programs."""


def describe_camera(tags: PageTags, contents: Contents, parts: ImageParts) -> bool:
    """Add what the tags hold about the camera and the image."""
    text = tags.description.strip()
    # A text for programs is no description by a person.
    if not text.startswith(_STRUCTURED):
        parts.set_description(text)
    parts.set_experimenter(tags.text(Tag.ARTIST))
    if Tag.EXIF_IFD in tags.tags:
        maker, model = tags.text(Tag.MAKE).strip() or None, tags.text(Tag.MODEL).strip() or None
        if model:
            identity = parts.add_detector(Manufacturer=maker, Model=model)
            for _ in range(count_channels(contents)):
                add_part(parts.add_channel(), "DetectorSettings", {"ID": identity})
    bits = tags.value(Tag.BITS_PER_SAMPLE)
    if isinstance(bits, tuple) and bits and len(set(bits)) == 1 and 0 < bits[0] <= 64:
        parts.pixels.set("SignificantBits", str(int(bits[0])))
    return True
