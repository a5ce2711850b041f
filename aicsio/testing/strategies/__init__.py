"""Hypothesis strategies for images, views, files and handles. Imports the rest of `testing`.

Rule kept here: this is the only room that imports hypothesis. ``images`` has the strategies for
images, views and handles in memory, the others those for descriptions of files: ``files`` of TIFF,
``plates`` and ``zarr`` of folders, ``czi``, ``dicom``, ``ims``, ``lif``, ``mirax``, ``mrc``,
``nd2``, ``oif``, ``oir``, ``raw_blocks``, ``spe``, ``vsi`` and ``xlef`` of these formats.

from hypothesis import given
from aicsio.testing.strategies import handles, views

@given(handles(), data())
def test_it(image, data): ...

Once it is imported, ``from_type(ImageHandle)`` draws handles, too.
"""

from aicsio.errors import MissingDependencyError

try:
    from hypothesis.strategies import register_type_strategy
except ImportError as error:
    raise MissingDependencyError(
        "aicsio.testing.strategies needs hypothesis: pip install hypothesis"
    ) from error

from aicsio.records import Dims, ImageHandle
from aicsio.testing.strategies.czi import CziScenes, czi_scenes
from aicsio.testing.strategies.dicom import dicom_images
from aicsio.testing.strategies.files import image_specs, tiff_specs
from aicsio.testing.strategies.images import (
    Draw,
    Image,
    View,
    arrays,
    composite,
    dims,
    dtypes,
    handles,
    images,
    picks,
    views,
)
from aicsio.testing.strategies.ims import ims_images
from aicsio.testing.strategies.lif import lif_images
from aicsio.testing.strategies.mirax import mirax_images
from aicsio.testing.strategies.mrc import mrc_images
from aicsio.testing.strategies.nd2 import nd2_images
from aicsio.testing.strategies.oif import oif_images
from aicsio.testing.strategies.oir import oir_images
from aicsio.testing.strategies.plates import plate_specs
from aicsio.testing.strategies.raw_blocks import raw_block_images
from aicsio.testing.strategies.spe import spe_images
from aicsio.testing.strategies.vsi import vsi_images
from aicsio.testing.strategies.xlef import xlef_images
from aicsio.testing.strategies.zarr import zarr_specs

__all__ = [
    "CziScenes",
    "Draw",
    "Image",
    "View",
    "arrays",
    "composite",
    "czi_scenes",
    "dicom_images",
    "dims",
    "dtypes",
    "handles",
    "image_specs",
    "images",
    "ims_images",
    "lif_images",
    "mirax_images",
    "mrc_images",
    "nd2_images",
    "oif_images",
    "oir_images",
    "picks",
    "plate_specs",
    "raw_block_images",
    "spe_images",
    "tiff_specs",
    "views",
    "vsi_images",
    "xlef_images",
    "zarr_specs",
]

# ``from_type(ImageHandle)`` and ``@given(...)`` by annotations draw whole images. Not by an entry
# point: hypothesis would import aicsio in every test run on a machine.
register_type_strategy(ImageHandle, handles())
register_type_strategy(Dims, dims())
