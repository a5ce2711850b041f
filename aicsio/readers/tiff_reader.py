"""The import name of ``TiffReader`` that scripts know.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.readers import TiffReader

__all__ = ["TiffReader"]
