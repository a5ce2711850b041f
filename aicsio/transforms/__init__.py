"""The import name of ``reshape_data`` and its companions. Imports `legacy`, where they live.

Rule kept here: names alone; nothing is defined.
"""

from aicsio.legacy.transforms import (
    generate_stack,
    reduce_to_slice,
    reshape_data,
    transpose_to_dims,
)

__all__ = ["generate_stack", "reduce_to_slice", "reshape_data", "transpose_to_dims"]
