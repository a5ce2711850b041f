"""Turns chunks of a store into bytes at known places, when they are read.

Rule kept here: a missing chunk is the fill value. Chunks of a shard are found through the table of
the shard, which is read once in a plan and checked against the length of the shard.

Source of the facts: Zarr core specification 3.1, "Chunk grids" and codec ``sharding_indexed``:
an entry of two 64-bit numbers that are all ones is an empty inner chunk.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from aicsio import _codecs
from aicsio._engine.placements import Array, Placement, Todo
from aicsio._io import readers, store_versions, stores
from aicsio.errors import AicsioError, CorruptFileError, SourceNotFoundError
from aicsio.records import Encoded, Keyed, ShardIndex, Source, Strided

Resolved: TypeAlias = Strided | Encoded
Entries: TypeAlias = tuple[stores.Location | None, list[tuple[int, int]]]
"""Where a shard lies, and offset and length of each of its chunks."""
ENTRY_NBYTES = 16
LARGEST_MEMBER = 1 << 30
"""Bytes of a compressed member of an archive that is a shard: the whole is decoded into memory."""


def longest_value(piece: Keyed) -> int:
    """Return the bytes that a chunk may take.

    Compressors add a frame to what they cannot shorten, a few bytes per block; twice the size is
    beyond what any of them writes.
    """
    return 2 * _chunk_nbytes(piece) + (1 << 16)


def _chunk_nbytes(piece: Keyed) -> int:
    nbytes = piece.dtype.itemsize
    for size in piece.shape:
        nbytes *= size
    return nbytes


class _Shard:
    """A shard and its table. Not a record: it lives for one plan."""

    def __init__(self, store: Source, key: str, index: ShardIndex, limit: int) -> None:
        end_nbytes = index.nbytes if index.at_end else 0
        self.location = stores.locate(store, key, limit, end_nbytes)
        self.entries: list[tuple[int, int]] = []
        if self.location is not None:
            self.entries = self._read_entries(self.location, index)

    def _read_entries(self, location: stores.Location, index: ShardIndex) -> list[tuple[int, int]]:
        # `index_location` of the codec: the table stands at the end (the default) or the start.
        start = location.nbytes - index.nbytes if index.at_end else 0
        if start < 0 or index.nbytes > location.nbytes:
            raise CorruptFileError.at(
                location.source.uri,
                None,
                f"the table of a shard has {index.nbytes} bytes, the shard {location.nbytes}",
            )
        with readers.lend(location.source) as reader:
            raw = reader.read(location.offset + start, index.nbytes)
        dtype = np.dtype(">u8" if index.big_endian else "<u8")
        # An offset and a length for each inner chunk, in C order over the shard.
        target = _codecs.DecodeTarget((index.entry_count, 2), dtype, _codecs.Scratch())
        try:
            table = _codecs.decode(index.codecs, raw, target)
        except (ValueError, RuntimeError) as error:
            raise CorruptFileError.at(
                location.source.uri, location.offset + start, f"table of the shard: {error}"
            ) from error
        return [(int(offset), int(nbytes)) for offset, nbytes in table.tolist()]

    def close(self) -> None:
        """Nothing is open."""


def resolve_entry(piece: Keyed, index: ShardIndex, *, raw: bool) -> Resolved | None:
    """Find an inner chunk; ``None`` if it was never written.

    ``raw`` lets a chunk without codecs be shown by strides.

    Raises
    ------
    CorruptFileError
        When the table of the shard is damaged, or names bytes beyond the shard.
    SourceError
        When the shard cannot be read.
    """
    location, entries = _entries_of(piece, index)
    return _find_entry(piece, location, entries, raw=raw)


def _entries_of(piece: Keyed, index: ShardIndex) -> Entries:
    """Return the table of the shard that holds a chunk; the session keeps it."""
    limit = min(index.nbytes + index.entry_count * longest_value(piece), LARGEST_MEMBER)
    opener = functools.partial(_Shard, piece.source, piece.key, index, limit)
    with readers.borrow(("shard", piece.source, piece.key, index), opener) as shard:
        return shard.location, shard.entries


def _find_entry(
    piece: Keyed, location: stores.Location | None, entries: list[tuple[int, int]], *, raw: bool
) -> Resolved | None:
    """Show an inner chunk as a piece; ``None`` if it was never written."""
    if location is None:
        return None
    offset, nbytes = entries[piece.entry]
    if offset == nbytes == _codecs.EMPTY_ENTRY:
        return None
    if offset + nbytes > location.nbytes or nbytes > longest_value(piece):
        raise CorruptFileError.at(
            location.source.uri,
            None,
            f"inner chunk {piece.entry} of {piece.key!r} has {nbytes} bytes from {offset} on, "
            f"the shard has {location.nbytes}",
        )
    place = stores.Location(location.source, location.offset + offset, nbytes)
    return _resolved(piece, place, raw=raw)


def resolve_value(piece: Keyed, *, raw: bool) -> Resolved | None:
    """Find a chunk of which only a part may be needed, or that lies in an archive."""
    location = stores.locate(piece.source, piece.key, longest_value(piece))
    return None if location is None else _resolved(piece, location, raw=raw)


def _resolved(piece: Keyed, location: stores.Location, *, raw: bool) -> Resolved:
    shape, dtype, selection = piece.shape, piece.dtype, piece.selection
    source, offset, nbytes = location.source, location.offset, location.nbytes
    if piece.codecs or not raw:
        return Encoded(source, offset, nbytes, piece.codecs, shape, dtype, selection)
    # A raw chunk has one length; in another one, strides would reach bytes of a neighbour.
    if nbytes != _chunk_nbytes(piece):
        raise CorruptFileError.at(
            source.uri, offset, f"{piece.key!r} has {nbytes} bytes, expected {_chunk_nbytes(piece)}"
        )
    # C order: the stride of each axis is that of the next times its size, from the last one on.
    strides = [dtype.itemsize]
    for size in reversed(shape[1:]):
        strides.append(strides[-1] * size)
    return Strided(source, offset, shape, tuple(reversed(strides)), dtype, selection)


def of_one_version(store: Source, read: Callable[[], None]) -> None:
    """Read from one version of a store: comparing takes 2 us, opening a chunk 10.

    Raises
    ------
    SourceChangedError
        When a local store was replaced, whatever its chunks looked like.
    SourceNotFoundError
        When it is gone, and its chunks seem to be missing.
    """
    try:
        read()
    except AicsioError:
        # Bytes of another store look damaged: the reason is that they are others.
        _check_store(store)
        raise
    _check_store(store)


def _check_store(store: Source) -> None:
    if store.local and store.folder:
        store_versions.check_folder(store)


def resolve_keys(todo: Todo[Any]) -> Todo[Any]:
    """Replace chunks that lie at a known place by pieces there; fill those that are missing.

    Compressed chunks that are values of their own stay, since they are read whole.
    """
    resolved: list[tuple[Placement[Any], Array]] = []
    _read_tables([placement.piece for placement, _ in todo])
    # Neighbours share a shard: looking it up takes as long as all the rest.
    shard: tuple[Keyed, Entries] | None = None
    for placement, dest in todo:
        piece = placement.piece
        if isinstance(piece, Keyed):
            # Strides take the selection of the piece, not the positions that a step takes.
            # What several places share is read once and cut.
            by_strides = placement.taken is None and not placement.shared
            is_raw = not piece.codecs and by_strides and piece.source.local
            if piece.shard is not None:
                if shard is None or not _is_of_shard(piece, shard[0]):
                    shard = piece, _entries_of(piece, piece.shard)
                found = _find_entry(piece, *shard[1], raw=by_strides)
            elif is_raw or not piece.source.folder:
                found = resolve_value(piece, raw=by_strides)
            else:
                resolved.append((placement, dest))
                continue
            if found is None:
                fill(placement, dest)
                continue
            placement.piece = found
        resolved.append((placement, dest))
    return resolved


def _is_of_shard(piece: Keyed, other: Keyed) -> bool:
    return piece.source is other.source and piece.key == other.key and piece.shard is other.shard


def _read_tables(pieces: Sequence[object]) -> None:
    """Read the tables of remote shards at once; the session keeps them for the chunks of each."""
    first_of: dict[str, tuple[Keyed, ShardIndex]] = {}
    for piece in pieces:
        if isinstance(piece, Keyed) and piece.shard is not None and not piece.source.local:
            # One chunk stands for its shard: its table serves the others as well.
            first_of.setdefault(piece.key, (piece, piece.shard))
    # A single table is read where its chunk is looked up: threads would gain nothing.
    if len(first_of) < 2:
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(stores.PARALLEL_VALUES, len(first_of))) as threads:
        list(threads.map(lambda each: resolve_entry(*each, raw=False), first_of.values()))


def read_chunks(pieces: Sequence[Keyed]) -> Iterator[bytes | None]:
    """Yield whole values in order, remote ones requested at once; all pieces are of one store."""
    limit = max(map(longest_value, pieces))
    return stores.read_values(pieces[0].source, [piece.key for piece in pieces], limit)


class _Root:
    """The root of a store, looked up once where chunks are missing. Not a record: it lives for one
    read.
    """

    def __init__(self, store: Source) -> None:
        for key in store_versions.ROOTS:
            try:
                if stores.read_value(store, key, 1) is not None:
                    return
            except AicsioError:
                return  # it is longer, or the server refuses: nothing is known
        raise SourceNotFoundError(f"there is no Zarr at {store.uri!r} any more")

    def close(self) -> None:
        """Nothing is open."""


def as_encoded(piece: Keyed, value: bytes) -> Encoded:
    """Show a value that was read as a piece, so that errors name its key."""
    source = Source(f"{piece.source.uri}/{piece.key}", size=len(value))
    return Encoded(source, 0, len(value), piece.codecs, piece.shape, piece.dtype, piece.selection)


def fill(placement: Placement[Keyed], dest: Array) -> None:
    """Give every pixel of a missing chunk its value."""
    store = placement.piece.source
    if store.folder:
        with readers.borrow(("root", store), functools.partial(_Root, store)):
            pass  # opening it has raised where the store is gone
    value = np.frombuffer(placement.piece.fill, dest.dtype, 1)[0]
    for memory in (dest, *(memory for _, memory in placement.shared)):
        memory[...] = value
