"""Errors by the names of AICSImageIO, each that of `errors` which takes its place. Imports `errors`.

Rule kept here: no class is defined, so that an ``except`` of either name catches the error.
"""

from aicsio.errors import DimensionError, UnsupportedFormatError

__all__ = [
    "ConflictingArgumentsError",
    "InvalidDimensionOrderingError",
    "UnexpectedShapeError",
    "UnsupportedFileFormatError",
]

ConflictingArgumentsError = DimensionError
InvalidDimensionOrderingError = DimensionError
UnexpectedShapeError = DimensionError
UnsupportedFileFormatError = UnsupportedFormatError
