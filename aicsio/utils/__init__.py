"""The import name of ``io_utils`` that scripts know. Imports `legacy`, where it lives.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.utils import io_utils

__all__ = ["io_utils"]
