"""Microscopy images as frozen records: open, transform with pure functions, read a part, write OME-TIFF or OME-Zarr.

from aicsio import open_image, select_scene, transpose_to, to_numpy

h = open_image("plate.czi")
zyx = to_numpy(transpose_to(select_scene(h, 1), "ZYX", C=0))
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from aicsio._version import __version__ as __version__
from aicsio.errors import (
    AicsioError,
    ArgumentTypeError,
    CorruptFileError,
    DimensionError,
    ImageTooLargeError,
    MissingDependencyError,
    SceneError,
    SourceChangedError,
    SourceError,
    SourceNotFoundError,
    UnsupportedFormatError,
    WriteError,
)
from aicsio.opening import Candidate, explain, open_image
from aicsio.records import (
    Channel,
    Coordinate,
    Damage,
    Diagnostic,
    Dims,
    ImageHandle,
    LazyArray,
    Objective,
    PixelSize,
    Planes,
    Scene,
    Source,
    Tiles,
    Well,
)
from aicsio.records.lazy import as_numpy
from aicsio.records.printing import as_html

if TYPE_CHECKING:
    # Modules that scripts name as attributes, which are no names of ours: a checker sees them by these aliases.
    from aicsio import aics_image as aics_image
    from aicsio import arrays as arrays
    from aicsio import attachments as attachments
    from aicsio import dask_utils
    from aicsio import dimensions as dimensions
    from aicsio import exceptions as exceptions
    from aicsio import joining as joining
    from aicsio import labels as labels
    from aicsio import planes as planes
    from aicsio import readers as readers
    from aicsio import steps as steps
    from aicsio import transforms as transforms
    from aicsio import types as types
    from aicsio import utils as utils
    from aicsio import verify as verify
    from aicsio import writers as writers
    from aicsio._dims.orders import Order
    from aicsio._dims.picks import Picks
    from aicsio._metadata import (
        OmeXml,
        Provenance,
        Table,
        TimeSteps,
        map_wells,
        metadata,
        ome_metadata,
        ome_xml,
        plane_table,
        provenance,
        raw_metadata,
        select_well,
        tile_table,
        time_steps,
        wells,
    )
    from aicsio.arrays import to_dask, to_numpy, to_xarray
    from aicsio.arrays.projections import project
    from aicsio.arrays.statistics import Statistics, statistics
    from aicsio.arrays.windows import read_windows
    from aicsio.integrity import CheckReport, check, write_sums
    from aicsio.joining import open_many
    from aicsio.legacy.functions import (
        imread,
        imread_dask,
        imread_xarray,
        imread_xarray_dask,
        imwrite,
    )
    from aicsio.legacy.image import AICSImage, use_dask
    from aicsio.pictures.contrast import suggest_contrast
    from aicsio.pictures.drawing import thumbnail
    from aicsio.progress import ProgressBar
    from aicsio.references import as_zarr_store, to_references
    from aicsio.steps import (
        Step,
        compose,
        map_scenes,
        pipe,
        select_level,
        select_scene,
        transpose_to,
    )
    from aicsio.viewer.session import Viewer, view
    from aicsio.writers import (
        PictureReport,
        WriteReport,
        ZarrReport,
        write_movie,
        write_ome_tiff,
        write_ome_zarr,
        write_picture,
        write_region,
        write_scenes,
    )

__all__ = [
    "AICSImage",
    "AicsioError",
    "ArgumentTypeError",
    "Candidate",
    "Channel",
    "CheckReport",
    "Coordinate",
    "CorruptFileError",
    "Damage",
    "Diagnostic",
    "DimensionError",
    "Dims",
    "ImageHandle",
    "ImageTooLargeError",
    "LazyArray",
    "MissingDependencyError",
    "Objective",
    "OmeXml",
    "Order",
    "Picks",
    "PictureReport",
    "PixelSize",
    "Planes",
    "ProgressBar",
    "Provenance",
    "Scene",
    "SceneError",
    "Source",
    "SourceChangedError",
    "SourceError",
    "SourceNotFoundError",
    "Statistics",
    "Step",
    "Table",
    "Tiles",
    "TimeSteps",
    "UnsupportedFormatError",
    "Viewer",
    "Well",
    "WriteError",
    "WriteReport",
    "ZarrReport",
    "as_zarr_store",
    "check",
    "compose",
    "dask_utils",
    "explain",
    "imread",
    "imread_dask",
    "imread_xarray",
    "imread_xarray_dask",
    "imwrite",
    "map_scenes",
    "map_wells",
    "metadata",
    "ome_metadata",
    "ome_xml",
    "open_image",
    "open_many",
    "pipe",
    "plane_table",
    "project",
    "provenance",
    "raw_metadata",
    "read_windows",
    "select_level",
    "select_scene",
    "select_well",
    "statistics",
    "suggest_contrast",
    "thumbnail",
    "tile_table",
    "time_steps",
    "to_dask",
    "to_numpy",
    "to_references",
    "to_xarray",
    "transpose_to",
    "use_dask",
    "view",
    "wells",
    "write_movie",
    "write_ome_tiff",
    "write_ome_zarr",
    "write_picture",
    "write_region",
    "write_scenes",
    "write_sums",
]

_LATER = {
    "AICSImage": "aicsio.legacy.image",
    "CheckReport": "aicsio.integrity",
    "check": "aicsio.integrity",
    "write_sums": "aicsio.integrity",
    "OmeXml": "aicsio._metadata",
    "Order": "aicsio._dims.orders",
    "Picks": "aicsio._dims.picks",
    "Step": "aicsio.steps",
    "WriteReport": "aicsio.writers",
    "as_zarr_store": "aicsio.references",
    "compose": "aicsio.steps",
    "ZarrReport": "aicsio.writers",
    "imread": "aicsio.legacy.functions",
    "imread_dask": "aicsio.legacy.functions",
    "imread_xarray": "aicsio.legacy.functions",
    "imread_xarray_dask": "aicsio.legacy.functions",
    "imwrite": "aicsio.legacy.functions",
    "map_scenes": "aicsio.steps",
    "map_wells": "aicsio._metadata",
    "metadata": "aicsio._metadata",
    "ome_metadata": "aicsio._metadata",
    "ome_xml": "aicsio._metadata",
    "open_many": "aicsio.joining",
    "pipe": "aicsio.steps",
    "raw_metadata": "aicsio._metadata",
    "project": "aicsio.arrays.projections",
    "read_windows": "aicsio.arrays.windows",
    "Statistics": "aicsio.arrays.statistics",
    "statistics": "aicsio.arrays.statistics",
    "time_steps": "aicsio._metadata",
    "provenance": "aicsio._metadata",
    "Provenance": "aicsio._metadata",
    "wells": "aicsio._metadata",
    "select_level": "aicsio.steps",
    "select_scene": "aicsio.steps",
    "select_well": "aicsio._metadata",
    "tile_table": "aicsio._metadata",
    "plane_table": "aicsio._metadata",
    "TimeSteps": "aicsio._metadata",
    "Table": "aicsio._metadata",
    "to_dask": "aicsio.arrays",
    "to_numpy": "aicsio.arrays",
    "to_references": "aicsio.references",
    "to_xarray": "aicsio.arrays",
    "transpose_to": "aicsio.steps",
    "suggest_contrast": "aicsio.pictures.contrast",
    "thumbnail": "aicsio.pictures.drawing",
    "ProgressBar": "aicsio.progress",
    "Viewer": "aicsio.viewer.session",
    "view": "aicsio.viewer.session",
    "PictureReport": "aicsio.writers",
    "write_movie": "aicsio.writers",
    "write_picture": "aicsio.writers",
    "use_dask": "aicsio.legacy.image",
    "write_ome_tiff": "aicsio.writers",
    "write_ome_zarr": "aicsio.writers",
    "write_region": "aicsio.writers",
    "write_scenes": "aicsio.writers",
}
"""Modules of names that are imported when they are first asked for: most scripts need few of them."""

_MODULES = {
    *("aics_image", "arrays", "attachments", "dask_utils", "dimensions", "exceptions", "joining"),
    *("labels", "planes", "readers", "steps", "testing", "transforms", "types", "utils", "verify"),
    "writers",
}
"""Modules that scripts name as attributes, without an import of their own: those of AICSImageIO and of verbs."""


if not TYPE_CHECKING:
    # To a type checker it would make every misspelt name of the package an Any.
    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return importlib.import_module(f"aicsio.{name}")
        if name not in _LATER:
            # Names of AICSImageIO are answered with what gives the same.
            renamed = importlib.import_module("aicsio.legacy.renamed")
            raise AttributeError(
                renamed.advise_function(name), name=name, obj=sys.modules[__name__]
            )
        value = globals()[name] = getattr(importlib.import_module(_LATER[name]), name)
        return value


@as_numpy.register(LazyArray)
def _read_array(array: LazyArray, /) -> Any:
    """Read pixels, by a room that is imported when the first are read, and registers itself."""
    importlib.import_module("aicsio.arrays.read")
    return as_numpy(array)


@as_html.register(object)
def _draw_record(record: object, /) -> str | None:
    """Draw a record in a notebook, by a room that is imported when it is first asked."""
    drawn: str | None = importlib.import_module("aicsio.notebook").draw(record)
    return drawn


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
