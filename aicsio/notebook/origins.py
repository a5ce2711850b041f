"""Where the facts of a scene come from, for the texts that are shown on hover.

Rule kept here: a format is asked to describe its file again only where that reads little.
"""

import math
from collections.abc import Mapping

from aicsio import formats
from aicsio._metadata.origins import provenance
from aicsio.records import ImageHandle
from aicsio.records.protocols import TracesFacts, offered

MOST_METADATA = 1 << 20
"""Characters of metadata that are parsed again, in about 10 ms."""
CHARACTER_NBYTES = 2
"""Bytes of a character of metadata: Leica and Nikon write UTF-16."""
BLOCK_NBYTES = 500
"""Bytes in the tables of a file for each stored block: 128 in CZI, 200 to 500 in TIFF."""
HEAD_NBYTES = 64 * 1024
"""Bytes that are read to recognise a file and find its tables."""
MOST_BLOCKS = 500
"""Stored blocks of all scenes: some formats read the header of each."""


def find_origins(handle: ImageHandle, nbytes: int) -> Mapping[str, str]:
    """Return the origin of each fact of the scene in focus, by field.

    Parameters
    ----------
    handle
        An opened image.
    nbytes
        Most bytes that are read.

    Returns
    -------
    Mapping
        As ``provenance`` gives them; empty where it would read much, where the format does not know,
        and where the file cannot be read any more.
    """
    tracer = offered(formats.module_of(handle.format), TracesFacts)
    if tracer is None or _description_nbytes(handle) > nbytes:
        return {}
    return {fact.path: fact.origin for fact in provenance(handle).facts}


def _description_nbytes(handle: ImageHandle) -> float:
    """Return the bytes that opening the file reads, at most; infinite where they are not known."""
    characters = len(handle.metadata or "")
    if not handle.source.local or handle.source.folder or characters > MOST_METADATA:
        return math.inf
    if len(handle.scenes) > MOST_BLOCKS:
        return math.inf
    blocks = 0
    for scene in handle.scenes:
        for level in scene.levels:
            blocks += math.prod(map(len, level.blocks))
        if scene.tiles is not None:
            blocks += len(scene.tiles)
    if blocks > MOST_BLOCKS:
        return math.inf
    return float(HEAD_NBYTES + CHARACTER_NBYTES * characters + BLOCK_NBYTES * blocks)


def origin_of(origins: Mapping[str, str], path: str) -> str | None:
    """Write the origin of a field for a reader; ``None`` if it is unknown.

    Examples
    --------
    >>> from aicsio.notebook.origins import origin_of
    >>> origin_of({"time_step": "user"}, "time_step")
    'given by the caller'
    """
    words = {"user": "given by the caller", "guess": "a guess: the file does not give it"}
    origin = origins.get(path)
    if origin is None:
        return None
    return words.get(origin, f"from {origin}")
