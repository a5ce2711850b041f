"""Any image as a Zarr without a copy: references to its bytes, and a store of its chunks. Imports
`_engine`, `_ome`, `arrays` and `steps`.

``kerchunk`` has ``to_references``, by the chunks as they lie in files (``stored``) and their codecs
(``coding``, ``codec``, ``zarr_codec``). ``serving`` has ``as_zarr_store``, by the keys and values
of ``tree`` (``requested``: which scenes; ``collection`` of several, ``image`` of one, in
``chunks``), which ``store`` offers to zarr-python. ``documents`` writes the metadata of both.

Rule kept here: no pixel is copied before it is requested.
"""

from aicsio.references.kerchunk import to_references
from aicsio.references.serving import as_zarr_store

__all__ = ["as_zarr_store", "to_references"]
