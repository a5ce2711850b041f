"""The import name of ``OmeTiffReader`` that scripts know, and of its base, which some take from here.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.readers import OmeTiffReader, TiffReader

__all__ = ["OmeTiffReader", "TiffReader"]
