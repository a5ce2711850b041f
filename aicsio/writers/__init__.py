"""Writers: images on their way to files."""

from aicsio.writers._metadata.original_text import original_metadata
from aicsio.writers.ome_tiff import WriteReport, write_ome_tiff, write_scenes

__all__ = ["WriteReport", "original_metadata", "write_ome_tiff", "write_scenes"]
