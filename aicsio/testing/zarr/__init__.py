"""Legal Zarr stores of any axes, versions, codecs, shards and plates. Imports `_codecs`.

Rule kept here: nothing is shared with the reader or the writer of stores. ``spec`` has descriptions
and pixels, ``tree`` groups and images, ``arrays`` chunks and shards.

from aicsio.testing.zarr import ZarrImage, ZarrSpec, write_zarr, zarr_pixels

spec = ZarrSpec((ZarrImage("ZYX", (5, 40, 50), (1, 16, 16), shards=(5, 32, 32), levels=2),))
path = write_zarr(spec, folder)
expected = zarr_pixels(spec, spec.images[0], level=1)
"""

from aicsio.testing.zarr.spec import ZarrImage, ZarrSpec, label_pixels, zarr_pixels
from aicsio.testing.zarr.tree import build_zarr, write_zarr

__all__ = ["ZarrImage", "ZarrSpec", "build_zarr", "label_pixels", "write_zarr", "zarr_pixels"]
