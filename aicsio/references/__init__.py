"""Any image as a Zarr without a copy: references to its bytes, and a store of its chunks. Imports
`_engine`, `_ome`, `arrays` and `steps`.
"""

from aicsio.references.kerchunk import to_references
from aicsio.references.serving import as_zarr_store

__all__ = ["as_zarr_store", "to_references"]
