"""Pieces: where some pixels lie, how they are coded, and where they go.

Rule kept here: a piece is plain data. It names bytes and codecs and performs no I/O, so the same
table of pieces serves local files, URLs, clusters and a count of the bytes that a read will cost.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import numpy as np

from aicsio.records.comparing import compared_by_fields
from aicsio.records.pickling import pickled_by_position
from aicsio.records.sources import Source

DType: TypeAlias = np.dtype[Any]
if TYPE_CHECKING:
    Value: TypeAlias = "str | int | float | bool | bytes | range | tuple[Value, ...] | None"
else:
    # beartype cannot resolve an alias that refers to itself.
    Value = str | int | float | bool | bytes | range | tuple[Any, ...] | None


@pickled_by_position
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Codec:
    """One step from stored bytes to pixels: a name in the codec table and its parameters."""

    name: str
    """Key of the codec table, such as ``"deflate"``."""
    # Pairs, not a dict: pieces have a hash, and groups of equal codecs are found by it.
    parameters: tuple[tuple[str, Value], ...] = ()
    """Keyword parameters of the codec, in the order in which the format gives them."""


@pickled_by_position
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class HeaderRef:
    """A header in front of some pixels whose length only the header itself gives.

    The engine reads it at fetch time: opening a file with 100 000 subblocks would otherwise cost
    100 000 small reads.
    """

    kind: str
    """Name in the table of headers of ``_codecs``."""
    offset: int
    """Byte offset of the header."""
    nbytes: int
    """Bytes from there to the end of the pixels or beyond: one remote request fetches them all."""


@pickled_by_position
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Selection:
    """The part of a stored array that is wanted, and where it goes.

    All three have the rank of the stored dims.
    """

    # No step: the engine thins a selection out where a view passes over positions.
    source_start: tuple[int, ...]
    """First wanted position of the stored array, per axis."""
    shape: tuple[int, ...]
    """Number of wanted positions, per axis."""
    target_start: tuple[int, ...]
    """First position in the requested window, per axis."""


@pickled_by_position
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Strided:
    """Pixels that lie raw in the source. ``shape`` and ``strides`` have the rank of the stored dims."""

    source: Source
    """Where the bytes are."""
    offset: int
    """Byte offset of element ``(0, 0, ...)``; negative strides reach below it."""
    shape: tuple[int, ...]
    """Shape of the stored array that ``selection`` takes from."""
    strides: tuple[int, ...]
    """Bytes from one position to the next, per axis; may be negative."""
    dtype: DType
    """Stored type, with its byte order."""
    selection: Selection
    """The wanted part, and where it goes."""
    header: HeaderRef | None = None
    """Header in front of the pixels; ``offset`` then counts from the first byte after it."""


@pickled_by_position
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Encoded:
    """Pixels that a chain of codecs decodes from one run of bytes."""

    source: Source
    """Where the bytes are."""
    offset: int
    """Byte offset of the run."""
    nbytes: int
    """Length of the run in bytes; with ``header``, the header gives it."""
    codecs: tuple[Codec, ...]
    """Applied in order; none means that the bytes are the pixels."""
    shape: tuple[int, ...]
    """Shape of the decoded array, with the rank of the stored dims."""
    dtype: DType
    """Type of the decoded array, with its byte order."""
    selection: Selection
    """The wanted part, and where it goes."""
    header: HeaderRef | None = None
    """Header in front of the pixels; ``offset`` then counts from the first byte after it."""
    partial: bool = False
    """Whether the codecs may return a masked array, whose masked pixels are not placed."""


@pickled_by_position
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Computed:
    """Pixels that a function returns, for libraries that read files in their own way."""

    # By name, not the object: no record imports a format.
    function: str
    """``"package.module:name"`` of a function of the format that made the piece."""
    arguments: tuple[Any, ...]
    """Hashable positional arguments."""
    shape: tuple[int, ...]
    """Shape of the array that the function returns, with the rank of the stored dims."""
    dtype: DType
    """Type of the array that the function returns."""
    selection: Selection
    """The wanted part, and where it goes."""


@pickled_by_position
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Deferred:
    """Pixels of a file that is opened when they are read.

    An index names its files and not where the pixels lie in them; to look would open every file.
    The function opens the file and returns its lazy array, whose own pieces the engine then runs:
    raw rows go straight to their place, a window reads only its strips.
    """

    source: Source
    """The index, in whose folder the file lies, or the folder itself."""
    key: str
    """Name of the file below the folder, with ``/`` between its parts; empty for ``source`` itself."""
    function: str
    """``"package.module:name"`` of a function that takes ``source``, ``key`` and the arguments, and
    returns a lazy array, or ``None`` for a file that is missing: its pixels are 0."""
    arguments: tuple[Any, ...]
    """Hashable positional arguments."""
    shape: tuple[int, ...]
    """Shape of the array, with the rank of the stored dims: axes that it lacks come first, as 1."""
    dtype: DType
    """Type of the array, in native byte order."""
    selection: Selection
    """The wanted part, and where it goes."""


@pickled_by_position
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class ShardIndex:
    """Where a shard of a Zarr array keeps the table of its inner chunks.

    The table is read at fetch time, once a plan: opening an array of 10 000 shards reads none.
    """

    entry_count: int
    """Inner chunks of the shard; each has an offset and a length of 8 bytes."""
    nbytes: int
    """Bytes of the table as stored, with its checksum if it has one."""
    at_end: bool = True
    """Whether the table ends the shard; if not, it begins it."""
    codecs: tuple[Codec, ...] = ()
    """From the stored bytes to little-endian pairs of offset and length."""
    big_endian: bool = False
    """Whether the numbers are big-endian."""


@pickled_by_position
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Keyed:
    """Pixels of one chunk of a store, under a key that may be missing."""

    source: Source
    """The store: a folder, or an archive."""
    key: str
    """Key of the chunk, or of its shard, with ``/`` between its parts."""
    codecs: tuple[Codec, ...]
    """Applied in order; none means that the bytes are the pixels."""
    shape: tuple[int, ...]
    """Shape of the decoded chunk, with the rank of the stored dims."""
    dtype: DType
    """Type of the decoded chunk, with its byte order."""
    selection: Selection
    """The wanted part, and where it goes."""
    # Bytes, not a number: NaN differs from itself, and records with it would never be equal.
    fill: bytes
    """One pixel in native byte order: the content of a chunk that is missing."""
    shard: ShardIndex | None = None
    """The table of the shard; ``None`` where the value under the key is the chunk itself."""
    entry: int = 0
    """Entry of the chunk in that table."""
