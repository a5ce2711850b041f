"""The import name of ``LifReader`` that scripts know.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.readers import LifReader

__all__ = ["LifReader"]
