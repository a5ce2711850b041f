"""Writers: images to files. Imports everything below the writers.

Formats and readers never import it.
"""

from aicsio.writers._metadata.original_text import original_metadata
from aicsio.writers.ome_tiff import WriteReport, write_ome_tiff, write_scenes
from aicsio.writers.options import WriteOptions

__all__ = ["WriteOptions", "WriteReport", "original_metadata", "write_ome_tiff", "write_scenes"]
