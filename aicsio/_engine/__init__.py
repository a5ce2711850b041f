"""Runs a plan of pieces: fetch bytes, decode, place pixels. Imports `_io`, `_codecs` and `_dims`.

``run`` is the entry of every read: it takes the tasks of ``plan``, one stored block each, and lets
threads execute their pieces, or ``single`` if one run of raw bytes is the result; ``windows`` does
so for many windows that share pieces (``cover``), and ``boxes`` where the layout plans all windows
at once. ``placing`` executes one: bytes from ``aicsio/_io``, codecs from ``aicsio/_codecs``, pixels
into the result (``placements``, ``copying``). ``strided`` plans the ``preadv`` calls of raw pixels,
``rows`` makes those of single rows, ``aligned`` has large results lie as the bytes of the file do,
``fresh_pages`` orders the first writes to their memory, ``keyed`` finds chunks of stores,
``deferred`` opens files that an index names, ``completing`` asks a layout for the rest of its file,
``memory`` refuses results that are too large, ``in_memory`` shows arrays of the caller, ``checking``
looks for lost pixels, ``fetching`` requests the bytes of remote pieces in batches, ``raw_runs`` walks
through raw pixels with one small buffer.

A read in order, behind the opening that ``opening`` lists: ``arrays.read``, ``run`` (``single`` if one
run of raw bytes is the result, else) ``plan`` (views of ``_dims``, ``pieces`` of the layout),
``placing``, ``_io.readers``, ``_io.pool``, and ``_io.local_files`` (``preadv``) or ``_io.remote``.

Rule kept here: no piece is of one format only; a format that needs more offers it by its layout.
"""

from aicsio._engine.completing import complete
from aicsio._engine.in_memory import as_dask, compute, held_pixels, show
from aicsio._engine.plan import pieces, sources, tasks
from aicsio._engine.run import allocate, read, read_into

__all__ = [
    "allocate",
    "as_dask",
    "complete",
    "compute",
    "held_pixels",
    "pieces",
    "read",
    "read_into",
    "show",
    "sources",
    "tasks",
]
