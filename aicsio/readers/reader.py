"""The import name of ``Reader`` that scripts know; it is ``LegacyReader`` of ``aicsio.legacy``.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.reader import LegacyReader as Reader

__all__ = ["Reader"]
