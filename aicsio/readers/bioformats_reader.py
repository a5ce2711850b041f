"""The import name of ``BioformatsReader`` that scripts know.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.readers import BioformatsReader

__all__ = ["BioformatsReader"]
