"""The import name of ``CziReader`` that scripts know.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.readers import CziReader

__all__ = ["CziReader"]
