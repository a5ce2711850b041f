"""Metadata as AICSImageIO returns them: objects of ome_types for OME-TIFF, or on request.

Rule kept here: if ome_types does not accept the text of a file, a warning gives the reason and the
replacement.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from aicsio._ome.xml import refuse_doctype, remove_declaration, remove_forbidden
from aicsio._version import __version__
from aicsio.errors import CorruptFileError
from aicsio.legacy import tczyx
from aicsio.legacy.warning import warn
from aicsio.records import DType, ImageHandle, Planes
from aicsio.steps import select_scene

if TYPE_CHECKING:
    import ome_types.model

PLANE_ATTRIBUTES = (
    ("delta_t", "time", "s"),
    ("exposure_time", "exposure", "s"),
    ("position_x", "x", "µm"),
    ("position_y", "y", "µm"),
    ("position_z", "z", "µm"),
)
"""Attribute of an OME Plane in ome_types, column of ``Planes``, and unit."""
NEAREST_TYPES = {"bool": "uint8", "float16": "float32"}
"""Types that OME lacks, and the nearest one that holds their values."""


def parse_metadata(handle: ImageHandle) -> Any:
    """Return the metadata of a file as AICSImageIO does: an object for OME-TIFF, else the text."""
    if handle.metadata is None or handle.format != "ome-tiff":
        return handle.metadata
    try:
        return parse_ome(handle.metadata)
    except (CorruptFileError, ImportError) as error:
        warn(f"metadata is the OME-XML as text: {error}")
        return handle.metadata


def to_ome(handle: ImageHandle) -> "ome_types.OME":
    """Return OME metadata: the file's own if it is an OME-TIFF, else made from its records."""
    if handle.metadata is not None and handle.format == "ome-tiff":
        try:
            return parse_ome(handle.metadata)
        except (CorruptFileError, ImportError) as error:
            warn(f"ome_metadata is made from the records of aicsio: {error}")
    return _from_records(handle)


def parse_ome(text: str) -> "ome_types.OME":
    """Make an object of OME-XML of any schema version; versions before 2016-06 need lxml.

    Raises
    ------
    CorruptFileError
        When the text declares entities, or ome_types does not accept it.
    """
    import ome_types

    # Before any parser: entities can grow without end, or name files of this machine.
    refuse_doctype(text)
    # The text was decoded when the file was read: an encoding that it declares no longer holds.
    try:
        return ome_types.from_xml(remove_forbidden(remove_declaration(text)).encode())
    except Exception as error:
        # Two XML parsers, the transforms of old versions and the model raise errors of their own
        # trees, and a warning where warnings are errors: each means that there is no object.
        raise CorruptFileError(f"ome_types does not accept it: {error}") from error


def _from_records(handle: ImageHandle) -> "ome_types.OME":
    from aicsio.writers._metadata import from_records, ome_xml

    images = []
    planes: list[Planes | None] = []
    for index, scene in enumerate(handle.scenes):
        if not scene.levels:
            continue  # OME has no image without pixels
        shown = tczyx.to_tczyxs(select_scene(handle, index))
        image, _ = from_records.describe(shown, shown.array)
        planes.append(image.planes)
        # Planes are added as objects below: parsing their XML is slow (`_plane_objects`).
        image = attrs.evolve(image, tiff_data=(), planes=None)
        images.append((image, _ome_type(shown.dtype)))
    ome = parse_ome(ome_xml.make_ome_xml(images, f"aicsio {__version__}")[0].decode())
    for ome_image, of_image in zip(ome.images, planes, strict=True):
        if of_image is not None:
            ome_image.pixels.planes.extend(_plane_objects(of_image))
    return ome


def _plane_objects(planes: Planes) -> "Iterator[ome_types.model.Plane]":
    """Make the Plane elements without their XML.

    ome_types needs 160 microseconds to parse one and 8 to make one: for a LIF of 500 scenes with
    120 planes each, that is 10 s or 0.6.
    """
    from ome_types.model import Plane

    from aicsio.writers._metadata.ome_xml import is_float

    columns = []
    for attribute, field, unit in PLANE_ATTRIBUTES:
        column = planes.column(field)
        if column is not None:
            columns.append((attribute, column.ravel().tolist(), unit))
    for number, position in enumerate(np.ndindex(planes.dims.shape)):
        facts: dict[str, Any] = {}
        for attribute, values, unit in columns:
            if is_float(values[number]):
                facts |= {attribute: values[number], f"{attribute}_unit": unit}
        if facts:
            places = dict(zip(planes.dims, position, strict=True))
            indices = {f"the_{letter.lower()}": places.get(letter, 0) for letter in "ZTC"}
            yield Plane(**indices, **facts)


def _ome_type(dtype: DType) -> str:
    """Return the name of the numpy type that stands for pixels of a type in OME."""
    from aicsio.writers._metadata.ome_xml import PIXEL_TYPES

    if dtype.name in PIXEL_TYPES:
        return dtype.name
    if dtype.kind == "c":
        return "complex128"
    # Integers of 64 bits: float64 has their range, if not all their digits.
    return NEAREST_TYPES.get(dtype.name, "float64")
