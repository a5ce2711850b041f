"""Reader classes, by the import names that scripts know. Imports `legacy`, where they live.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.reader import LegacyReader as Reader
from aicsio.legacy.readers import (
    ArrayLikeReader,
    BioformatsReader,
    CziReader,
    DefaultReader,
    DVReader,
    LifReader,
    ND2Reader,
    OmeTiffReader,
    OmeTiledTiffReader,
    OmeZarrReader,
    TiffGlobReader,
    TiffReader,
)

__all__ = [
    "ArrayLikeReader",
    "BioformatsReader",
    "CziReader",
    "DVReader",
    "DefaultReader",
    "LifReader",
    "ND2Reader",
    "OmeTiffReader",
    "OmeTiledTiffReader",
    "OmeZarrReader",
    "Reader",
    "TiffGlobReader",
    "TiffReader",
]
