"""The import name of ``DefaultReader`` that scripts know.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.readers import DefaultReader

__all__ = ["DefaultReader"]
