"""The import name of ``OmeTiledTiffReader`` that scripts know.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.readers import OmeTiledTiffReader

__all__ = ["OmeTiledTiffReader"]
