"""Legal image files of any shape and their pixels. Imports `_codecs`, `_io`, `_metadata`, `opening`, `steps`.

Rule kept here: needs nothing beyond aicsio; only ``strategies`` imports hypothesis. ``ome_tiff``,
``czi``, ``dicom``, ``ims``, ``lif``, ``mirax``, ``mrc``, ``nd2``, ``oif``, ``oir``, ``plates``,
``raw_blocks``, ``spe``, ``vsi``, ``xlef`` and ``zarr`` make files, ``layouts`` makes images without a file,
of ``patterns``. ``model`` is the reference of the dimension language, ``strategies`` draws all of
these, ``conformance`` holds formats to laws, which ``laws`` has as functions; ``pytest_plugin`` has
fixtures.

Parts of files: ``tiff_spec`` describes TIFF, ``tiff_bytes`` and ``segments`` write it,
``plane_tiff`` one plane; ``czi_encoders`` compress subblocks, ``lifext`` is the annex of a LIF,
``nd2_boxes`` and ``nd2_variants`` are the old container and the metadata of ND2, ``compound_file``
is that of OIB, ``_dicom_elements``, ``_dicom_frames``, ``_oir_documents`` and ``_vsi_tags`` are
bytes of these formats; ``_clocks`` lists times of planes for a law.

from aicsio.testing import ImageSpec, TiffSpec, pixels, write

spec = TiffSpec((ImageSpec(T=3, C=2, Y=40, X=50),), tile=(16, 32), byte_order=">")
path = write(spec, folder)
expected = pixels(spec.images[0])
"""

from aicsio.testing.ome_tiff import TiffSpec, build, write
from aicsio.testing.patterns import ImageSpec, pixels

__all__ = ["ImageSpec", "TiffSpec", "build", "pixels", "write"]
