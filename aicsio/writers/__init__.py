"""Writers: images to files. Imports everything below the writers.

``ome_tiff``, ``ome_zarr`` and ``zarr_region`` have the public functions, ``options`` and
``zarr_options`` their options, ``target_names`` the suffixes that are refused. ``_pixels`` makes
segments, pyramids and directories and computes dask arrays (``dask_chunks``), ``_zarr`` makes chunks,
shards and stores, ``_metadata`` the OME-XML. ``pictures`` and ``movies`` write what
``aicsio.pictures`` draws. ``_atomic_file`` replaces a file at once or not at all.

Rule kept here: formats and readers never import this room.
"""

from aicsio.writers._metadata.original_text import original_metadata
from aicsio.writers.movies import write_movie
from aicsio.writers.ome_tiff import WriteReport, write_ome_tiff, write_scenes
from aicsio.writers.ome_zarr import ZarrReport, write_ome_zarr
from aicsio.writers.options import SharedOptions, WriteOptions
from aicsio.writers.pictures import PictureReport, write_picture
from aicsio.writers.zarr_options import ZarrOptions
from aicsio.writers.zarr_region import write_region

__all__ = [
    "PictureReport",
    "SharedOptions",
    "WriteOptions",
    "WriteReport",
    "ZarrOptions",
    "ZarrReport",
    "original_metadata",
    "write_movie",
    "write_ome_tiff",
    "write_ome_zarr",
    "write_picture",
    "write_region",
    "write_scenes",
]
