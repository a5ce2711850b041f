"""Runs a plan of pieces: fetch bytes, decode, place pixels. Imports `_io`, `_codecs` and `_dims`."""

from aicsio._engine.in_memory import as_dask
from aicsio._engine.plan import pieces, tasks
from aicsio._engine.run import allocate, read, read_into

__all__ = ["allocate", "as_dask", "pieces", "read", "read_into", "tasks"]
