"""Writers: images on their way to files."""

from aicsio.writers.ome_tiff import WriteReport, write_ome_tiff, write_scenes

__all__ = ["WriteReport", "write_ome_tiff", "write_scenes"]
