"""Names of pixel types in OME.

Rule kept here: a type that OME lacks has the name of the nearest one that holds its values.
"""

from collections.abc import Mapping

from aicsio._ome.builder import PIXEL_TYPES
from aicsio.records import DType

NEAREST_TYPES: Mapping[str, str] = {"bool": "uint8", "float16": "float32"}
"""Types that OME lacks, and the nearest one that holds their values."""


def ome_type(dtype: DType) -> str:
    """Return the name of the numpy type that stands for pixels of a type in OME."""
    if dtype.name in PIXEL_TYPES:
        return dtype.name
    if dtype.kind == "c":
        return "complex128"
    # Integers of 64 bits: float64 has their range, if not all their digits.
    return NEAREST_TYPES.get(dtype.name, "float64")
