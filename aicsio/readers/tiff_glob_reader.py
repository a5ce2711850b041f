"""The import name of ``TiffGlobReader`` that scripts know.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.readers import TiffGlobReader

__all__ = ["TiffGlobReader"]
