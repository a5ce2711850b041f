"""The import name of ``ArrayLikeReader`` that scripts know.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.readers import ArrayLikeReader

__all__ = ["ArrayLikeReader"]
