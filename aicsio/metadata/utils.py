"""The import name of functions of OME documents that scripts know.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.ome_identifiers import (
    generate_ome_channel_id,
    generate_ome_detector_id,
    generate_ome_image_id,
    generate_ome_instrument_id,
)
from aicsio.legacy.ome_utils import (
    bioformats_ome,
    clean_ome_xml_for_known_issues,
    dtype_to_ome_type,
    get_coords_from_ome,
    get_dims_from_ome,
    ome_to_numpy_dtype,
    physical_pixel_sizes,
    transform_metadata_with_xslt,
)

__all__ = [
    "bioformats_ome",
    "clean_ome_xml_for_known_issues",
    "dtype_to_ome_type",
    "generate_ome_channel_id",
    "generate_ome_detector_id",
    "generate_ome_image_id",
    "generate_ome_instrument_id",
    "get_coords_from_ome",
    "get_dims_from_ome",
    "ome_to_numpy_dtype",
    "physical_pixel_sizes",
    "transform_metadata_with_xslt",
]
