"""The import name of ``pathlike_to_fs`` that scripts know.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.file_systems import pathlike_to_fs

__all__ = ["pathlike_to_fs"]
