"""Functions of AICSImageIO's ``metadata.utils``: pixel types, dimensions and texts of OME.

Rule kept here: a document comes from the verbs of the package; these functions read the objects.

Source of the facts: AICSImageIO 4.14 (``metadata.utils``), OME schema 2016-06.
"""

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aicsio._checks import checked
from aicsio._metadata import ome_metadata
from aicsio._ome import schema
from aicsio._ome.builder import PIXEL_TYPES
from aicsio._ome.identifiers import rename_illegal, rename_repeated
from aicsio.errors import DimensionError, SourceNotFoundError
from aicsio.legacy.dimensions import PhysicalPixelSizes
from aicsio.opening import open_image
from aicsio.records import DType

if TYPE_CHECKING:
    import ome_types
    import ome_types.model

__all__ = [
    "bioformats_ome",
    "clean_ome_xml_for_known_issues",
    "dtype_to_ome_type",
    "get_coords_from_ome",
    "get_dims_from_ome",
    "ome_to_numpy_dtype",
    "physical_pixel_sizes",
    "transform_metadata_with_xslt",
]


@checked
def dtype_to_ome_type(npdtype: npt.DTypeLike) -> "ome_types.model.PixelType":
    """Return OME's name of a pixel type.

    Parameters
    ----------
    npdtype
        numpy type.

    Returns
    -------
    ome_types.model.PixelType
        Its value is a text, such as ``"uint16"`` or ``"float"``.

    Raises
    ------
    DimensionError
        When OME lacks the type.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.metadata.utils import dtype_to_ome_type
    >>> dtype_to_ome_type(np.dtype("float64")).value
    'double'
    """
    from ome_types.model import PixelType

    name = np.dtype(npdtype).name
    if name not in PIXEL_TYPES:
        raise DimensionError(
            f"OME has no pixels of type {name}: there are {', '.join(PIXEL_TYPES)}"
        )
    return PixelType(PIXEL_TYPES[name])


@checked
def ome_to_numpy_dtype(ome_type: "ome_types.model.PixelType") -> DType:
    """Return the numpy type of a pixel type of OME.

    Parameters
    ----------
    ome_type
        Such as ``ome.images[0].pixels.type``.

    Returns
    -------
    numpy.dtype
        In native byte order.

    Raises
    ------
    DimensionError
        When numpy lacks the type: ``bit``.

    Examples
    --------
    >>> from ome_types.model import PixelType
    >>> from aicsio.metadata.utils import ome_to_numpy_dtype
    >>> ome_to_numpy_dtype(PixelType.UINT16)
    dtype('uint16')
    """
    by_value = {value: name for name, value in PIXEL_TYPES.items()}
    if ome_type.value not in by_value:
        raise DimensionError(f"numpy has no pixels of type {ome_type.value!r}")
    return np.dtype(by_value[ome_type.value])


@checked
def get_dims_from_ome(ome: "ome_types.OME", scene_index: int) -> list[str]:
    """Return the letters of an image, slowest first.

    Parameters
    ----------
    ome
        A document.
    scene_index
        Number of the image.

    Returns
    -------
    list of str
        OME writes ``DimensionOrder`` the fastest first; S is last, where pixels have samples.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import ome_metadata, open_image
    >>> from aicsio.metadata.utils import get_dims_from_ome
    >>> get_dims_from_ome(ome_metadata(open_image(np.zeros((4, 5)))), 0)
    ['T', 'C', 'Z', 'Y', 'X']
    """
    pixels = ome.images[scene_index].pixels
    samples = pixels.channels[0].samples_per_pixel if pixels.channels else None
    letters = list(reversed(pixels.dimension_order.value))
    return [*letters, "S"] if (samples or 1) > 1 else letters


@checked
def get_coords_from_ome(ome: "ome_types.OME", scene_index: int) -> dict[str, Any]:
    """Return the coordinates of an image by letter.

    Parameters
    ----------
    ome
        A document.
    scene_index
        Number of the image.

    Returns
    -------
    dict
        C: names of the channels, or their identifiers. T: multiples of the step, else the times of
        the planes, else the indices. Z, Y, X: multiples of the pixel size. Numbers are in the units
        of the document.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import PixelSize, ome_metadata, open_image
    >>> from aicsio.metadata.utils import get_coords_from_ome
    >>> image = open_image(np.zeros((1, 3)), pixel_size=PixelSize(X=0.5))
    >>> get_coords_from_ome(ome_metadata(image), 0)["X"]
    array([0. , 0.5, 1. ])
    """
    pixels = ome.images[scene_index].pixels
    coords: dict[str, Any] = {"C": [channel.name or channel.id for channel in pixels.channels]}
    steps = {
        "T": (pixels.size_t, pixels.time_increment),
        "Z": (pixels.size_z, pixels.physical_size_z),
        "Y": (pixels.size_y, pixels.physical_size_y),
        "X": (pixels.size_x, pixels.physical_size_x),
    }
    for letter, (size, step) in steps.items():
        if step is not None:
            coords[letter] = np.arange(size) * step
    if "T" not in coords and pixels.size_t > 1:
        # One time for each position of T: that of its last plane in the document.
        times = {plane.the_t: plane.delta_t for plane in pixels.planes}
        coords["T"] = list(times.values()) if times else np.arange(pixels.size_t, dtype=float)
    return coords


@checked
def physical_pixel_sizes(ome: "ome_types.OME", scene: int = 0) -> PhysicalPixelSizes:
    """Return the pixel size of an image in the units of the document.

    Parameters
    ----------
    ome
        A document.
    scene
        Number of the image.

    Returns
    -------
    PhysicalPixelSizes
        Z, Y, X; ``None`` where the document has none. ``h.pixel_size`` is in micrometres always.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import ome_metadata, open_image
    >>> from aicsio.metadata.utils import physical_pixel_sizes
    >>> physical_pixel_sizes(ome_metadata(open_image(np.zeros((4, 5)))))
    PhysicalPixelSizes(Z=None, Y=None, X=None)
    """
    pixels = ome.images[scene].pixels
    return PhysicalPixelSizes(
        pixels.physical_size_z, pixels.physical_size_y, pixels.physical_size_x
    )


@checked
def bioformats_ome(
    path: str | os.PathLike[str],
    original_meta: bool = False,  # noqa: ARG001 - scripts give it
) -> "ome_types.OME":
    """Return the metadata of a file as OME: ``ome_metadata`` of aicsio, without Java.

    Parameters
    ----------
    path
        The file.
    original_meta
        Nothing is added: ``raw_metadata`` returns the file's own text.

    Returns
    -------
    ome_types.OME
        One image for each scene.

    Raises
    ------
    SourceNotFoundError, UnsupportedFormatError, CorruptFileError, SourceError
        As by ``open_image``.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from aicsio import imwrite
    >>> from aicsio.metadata.utils import bioformats_ome
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = imwrite(os.path.join(folder, "a.ome.tiff"), np.zeros((4, 5), np.uint8)).path
    ...     bioformats_ome(path).images[0].pixels.size_x
    5
    """
    return ome_metadata(open_image(path))


@checked
def clean_ome_xml_for_known_issues(xml: str) -> str:
    """Return OME-XML brought to the schema of 2016-06, without elements that break it.

    Parameters
    ----------
    xml
        A document of any version.

    Returns
    -------
    str
        A document that ome_types accepts.

    Raises
    ------
    CorruptFileError
        When it is no OME-XML.

    Examples
    --------
    >>> from aicsio import ome_xml, open_image
    >>> from aicsio.metadata.utils import clean_ome_xml_for_known_issues
    >>> import numpy as np
    >>> text = ome_xml(open_image(np.zeros((4, 5)))).text
    >>> "2016-06" in clean_ome_xml_for_known_issues(text)
    True
    """
    from lxml import etree

    root, _ = schema.upgrade(xml)
    rename_repeated(root)
    rename_illegal(root)
    schema.remove_invalid(root, schema.essential_elements(root))
    return etree.tostring(root, encoding="unicode")


@checked
def transform_metadata_with_xslt(tree: Any, xslt: str | os.PathLike[str]) -> "ome_types.OME":
    """Apply an XSLT to metadata and parse the result as OME.

    Parameters
    ----------
    tree
        Element of ``xml.etree``, such as ``img.metadata`` of a CZI.
    xslt
        Path of the stylesheet; those that it includes are found beside it.

    Returns
    -------
    ome_types.OME
        The result. ``ome_metadata`` needs no stylesheet.

    Raises
    ------
    SourceNotFoundError
        When the stylesheet is missing.

    Examples
    --------
    >>> import os, tempfile
    >>> from xml.etree.ElementTree import Element
    >>> from aicsio.metadata.utils import transform_metadata_with_xslt
    >>> sheet = '''<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
    ... <xsl:template match="/">
    ... <OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"/>
    ... </xsl:template></xsl:stylesheet>'''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with open(os.path.join(folder, "a.xsl"), "w") as file:
    ...         _ = file.write(sheet)
    ...     len(transform_metadata_with_xslt(Element("Metadata"), file.name).images)
    0
    """
    from xml.etree import ElementTree as ET

    import ome_types
    from lxml import etree

    if not os.path.exists(xslt):
        raise SourceNotFoundError(f"there is no stylesheet {os.fspath(xslt)!r}")
    transform = etree.XSLT(etree.parse(os.fspath(xslt)))
    # lxml takes no elements of xml.etree, so the tree goes over as text.
    result = transform(etree.fromstring(ET.tostring(tree)))
    return ome_types.from_xml(str(result))
