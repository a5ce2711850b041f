"""The import name of ``OmeTiffReader`` that scripts know.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.readers import OmeTiffReader

__all__ = ["OmeTiffReader"]
