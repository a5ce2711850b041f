"""The import name of ``DVReader`` that scripts know.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.readers import DVReader

__all__ = ["DVReader"]
