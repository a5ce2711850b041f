"""The import name of ``OmeZarrReader`` that scripts know.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.readers import OmeZarrReader

__all__ = ["OmeZarrReader"]
