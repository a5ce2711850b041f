"""Legal image files of any shape and their pixels. Imports `_codecs`, `_io`, `_metadata`, `opening`, `steps`.

Rule kept here: needs nothing beyond aicsio; only ``strategies`` imports hypothesis. ``ome_tiff``,
``czi``, ``ims``, ``lif``, ``mrc``, ``nd2`` and ``xlef`` make files, ``layouts`` makes images without a file,
``model`` is the reference of the dimension language, ``strategies`` draws all of these,
``conformance`` holds formats to laws.

from aicsio.testing import ImageSpec, TiffSpec, pixels, write

spec = TiffSpec((ImageSpec(T=3, C=2, Y=40, X=50),), tile=(16, 32), byte_order=">")
path = write(spec, folder)
expected = pixels(spec.images[0])
"""

from aicsio.testing.ome_tiff import TiffSpec, build, write
from aicsio.testing.patterns import ImageSpec, pixels

__all__ = ["ImageSpec", "TiffSpec", "build", "pixels", "write"]
