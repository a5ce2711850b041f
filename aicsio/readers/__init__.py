"""Reader classes, by the import names that scripts know. Imports `legacy`, where they live.

Rule kept here: names alone; nothing is defined.
"""

# Scripts name these modules as attributes, without an import of their own.
from aicsio.readers import (  # isort: skip
    array_like_reader as array_like_reader,
    bfio_reader as bfio_reader,
    bioformats_reader as bioformats_reader,
    czi_reader as czi_reader,
    default_reader as default_reader,
    dv_reader as dv_reader,
    lif_reader as lif_reader,
    nd2_reader as nd2_reader,
    ome_tiff_reader as ome_tiff_reader,
    ome_zarr_reader as ome_zarr_reader,
    reader as reader,
    tiff_glob_reader as tiff_glob_reader,
    tiff_reader as tiff_reader,
)
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
