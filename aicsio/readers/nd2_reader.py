"""The import name of ``ND2Reader`` that scripts know.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.readers import ND2Reader

__all__ = ["ND2Reader"]
