"""What a test of an image reader needs: legal files of any shape, made from a frozen description of them.

``ome_tiff`` makes the files and says which pixels they hold; ``strategies`` draws such descriptions, views and handles
with hypothesis, which only that module imports.

from aicsio.testing import ImageSpec, TiffSpec, pixels, write

spec = TiffSpec((ImageSpec(T=3, C=2, Y=40, X=50),), tile=(16, 32), compression="zstd", byte_order=">")
path = write(spec, folder)
expected = pixels(spec.images[0])
"""

from aicsio.testing.ome_tiff import TiffSpec, build, write
from aicsio.testing.patterns import ImageSpec, pixels

__all__ = ["ImageSpec", "TiffSpec", "build", "pixels", "write"]
