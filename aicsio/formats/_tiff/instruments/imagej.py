"""ImageJ: the text ``Info`` and other properties of an image, as annotations.

Rule kept here: the text is kept as it is; its lines are those of the program that imported the image.

Source of the facts: ij/io/TiffEncoder.java and ij/ImagePlus.java of ImageJ 1.54: tag 50839, entries of
the types ``info`` and ``prop``.
"""

from aicsio.formats._tiff.dialects.imagej_metadata import read_imagej_metadata
from aicsio.formats._tiff.dialects.marks import is_imagej
from aicsio.formats._tiff.instruments.parts import ImageParts
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.records import Contents

NAMESPACE = "imagej.net"


def describe_imagej(tags: PageTags, contents: Contents, parts: ImageParts) -> bool:
    """Add the properties of an image that ImageJ saved."""
    del contents
    if not is_imagej(tags):
        return False
    extra = read_imagej_metadata(tags)
    parts.comment(f"{NAMESPACE}/Info", extra.info)
    parts.annotate(NAMESPACE, extra.properties)
    return True
