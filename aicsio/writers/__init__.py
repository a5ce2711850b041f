"""Writers: images to files. Imports everything below the writers.

``ome_tiff``, ``ome_zarr`` and ``zarr_region`` have the public functions, ``options`` and
``zarr_options`` their options, ``sources`` the handles that they are given, ``target_names`` the
suffixes that are refused. ``_pixels`` makes segments, pyramids and directories and computes dask
arrays (``_pixels.dask_chunks``), ``_zarr`` makes chunks, shards and stores, ``_metadata`` the
OME-XML. ``pictures`` and ``movies`` write what ``aicsio.pictures`` draws. ``_atomic_file`` replaces
a file at once or not at all. ``writer``, ``ome_tiff_writer``, ``ome_zarr_writer``, ``two_d_writer``
and ``timeseries_writer`` have the classes of AICSImageIO, each a call of these functions.

Rule kept here: formats and readers never import this room.
"""

from aicsio.writers._metadata.original_text import original_metadata
from aicsio.writers.movies import write_movie
from aicsio.writers.ome_tiff import WriteReport, write_ome_tiff, write_scenes
from aicsio.writers.ome_tiff_writer import OmeTiffWriter
from aicsio.writers.ome_zarr import ZarrReport, write_ome_zarr
from aicsio.writers.ome_zarr_writer import OmeZarrWriter
from aicsio.writers.options import SharedOptions, WriteOptions
from aicsio.writers.pictures import PictureReport, write_picture
from aicsio.writers.timeseries_writer import TimeseriesWriter
from aicsio.writers.two_d_writer import TwoDWriter
from aicsio.writers.writer import Writer
from aicsio.writers.zarr_options import ZarrOptions
from aicsio.writers.zarr_region import write_region

__all__ = [
    "OmeTiffWriter",
    "OmeZarrWriter",
    "PictureReport",
    "SharedOptions",
    "TimeseriesWriter",
    "TwoDWriter",
    "WriteOptions",
    "WriteReport",
    "Writer",
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
