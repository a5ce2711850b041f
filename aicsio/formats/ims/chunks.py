"""The chunk index of an HDF5 dataset, to a table of byte ranges.

Rule kept here: a chunk counts only if it lies in the array and in the file; an array of more
chunks, or larger ones, than any microscope writes is not read.
"""

import array
import math
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.formats.ims.btree import list_chunks
from aicsio.formats.ims.filters import UnknownFilterError, read_filters
from aicsio.formats.ims.hdf5 import TROUBLE, Hdf5File
from aicsio.formats.ims.layout import ArrayStorage, ChunkTable

LARGEST_CHUNK: Final = 256 << 20
"""Bytes of a chunk that must be decoded whole. Those of Imaris have a few megabytes."""
MOST_CHUNKS: Final = 1 << 22
"""Chunks of one array: 4 million of 1 MiB are 4 TiB."""
LARGEST_SIZE: Final = 1 << 31
"""Positions of an axis."""
ITEM_KINDS: Final = "uif"
NUMBERS_PER_CHUNK: Final = 6
"""Position along three axes, filter mask, offset and size."""


class UnreadableArrayError(Exception):
    """An array that cannot be read, with the reason."""


class UnsupportedArrayError(UnreadableArrayError):
    """An array that is whole, of a kind that is not read."""


def read_table(file: Hdf5File, path: str) -> ChunkTable | None:
    """Return the chunks of a dataset of three axes; ``None`` where the file lacks it.

    Raises
    ------
    UnreadableArrayError
        When it is damaged; ``UnsupportedArrayError`` for other kinds and unknown filters.
    """
    dataset = file.dataset(path)
    if dataset is None:
        return None
    try:
        return _tabulate(file, dataset)
    except UnknownFilterError as error:
        raise UnsupportedArrayError(f"it is coded by {error}, which is not read") from error
    except TROUBLE as error:
        file.raise_trouble(error)
        raise UnreadableArrayError(f"it is damaged: {error}") from error


def _tabulate(file: Hdf5File, dataset: Any) -> ChunkTable:
    import h5py

    shape, dtype = dataset.shape, dataset.dtype
    if len(shape) != 3 or not all(0 < size < LARGEST_SIZE for size in shape):
        raise UnreadableArrayError(f"its shape is {shape}")
    if dtype.kind not in ITEM_KINDS or dtype.itemsize > 8:
        raise UnsupportedArrayError(f"its type is {dtype}")
    plist = dataset.get_create_plist()
    kind = plist.get_layout()
    # A contiguous dataset may lie in external files, which are never opened.
    if kind == h5py.h5d.CONTIGUOUS and not plist.get_external_count():
        table = _tabulate_contiguous(file, dataset, ArrayStorage(shape, shape, dtype, ()))
        return _with_fill(table, plist)
    if kind != h5py.h5d.CHUNKED:
        raise UnreadableArrayError("it is stored compact, virtual or in another file")
    storage = ArrayStorage(shape, plist.get_chunk(), dtype, read_filters(plist))
    # Raw chunks are read in part, so that no limit holds for them.
    if storage.filters and np.prod(storage.chunk, dtype=float) * dtype.itemsize > LARGEST_CHUNK:
        raise UnreadableArrayError(f"its chunks are {storage.chunk}")
    return _with_fill(_tabulate_chunks(file, dataset, storage), plist)


def _with_fill(table: ChunkTable, plist: Any) -> ChunkTable:
    """Add the fill value, which matters where chunks are missing."""
    if (table.offsets >= 0).all():
        return table
    value = np.zeros((), table.storage.dtype)
    plist.get_fill_value(value)
    return attrs.evolve(table, fill=float(value))


def _tabulate_contiguous(file: Hdf5File, dataset: Any, storage: ArrayStorage) -> ChunkTable:
    import h5py

    offset = -1
    # Python integers: the product of three damaged sizes may exceed 63 bits.
    nbytes = int(np.prod(storage.shape, dtype=object)) * storage.dtype.itemsize
    # HDF5 may allocate late: an array that was never written has no bytes, and is zero.
    if dataset.get_space_status() == h5py.h5d.SPACE_STATUS_ALLOCATED:
        offset = dataset.get_offset()
        if offset is None or offset + nbytes > (file.source.size or 0):
            raise UnreadableArrayError(f"its {nbytes} bytes are not in the file")
    return ChunkTable(storage, np.array([offset]), np.array([nbytes]), np.zeros(1, np.int64))


def _tabulate_chunks(file: Hdf5File, dataset: Any, storage: ArrayStorage) -> ChunkTable:
    grid = storage.grid
    count = math.prod(grid)
    if count > MOST_CHUNKS:
        raise UnreadableArrayError(f"it has {count} chunks")
    columns = list_chunks(file, dataset, storage.chunk, storage.dtype.itemsize, count)
    if columns is None:
        columns = _list_by_h5py(dataset, count)
    # Rows: offset, size, mask. A chunk that is not listed keeps the offset -1, and is zero.
    table = np.full((3, count), -1, np.int64)
    table[1:] = 0
    damaged = 0
    if columns.size:
        # Columns of the list: first position along Z, Y and X, filter mask, offset, size.
        starts, (mask, offset, size) = columns[:, :3], columns[:, 3:].T
        at = starts // np.array(storage.chunk)
        end = file.source.size or 0
        # The sum of a damaged offset and a damaged size could overflow; ``end - size`` cannot.
        good = (offset > 0) & (size > 0) & (offset < end) & (size <= end) & (offset <= end - size)
        good &= ((at >= 0) & (at < np.array(grid))).all(axis=1)
        if not storage.filters:
            # Raw chunks that are shorter than their pixels would show what lies behind them.
            good &= size >= math.prod(storage.chunk) * storage.dtype.itemsize
        # Cell of a chunk: its place in the grid in C order.
        cells = np.ravel_multi_index(tuple(at[good].T), grid)
        table[:, cells] = np.stack([offset[good], size[good], mask[good]])
        damaged = int(np.count_nonzero(~good))
    return ChunkTable(storage, table[0], table[1], table[2], damaged)


def _list_by_h5py(dataset: Any, most: int) -> npt.NDArray[np.int64]:
    """Return a row a chunk: its position, filter mask, offset and bytes."""
    # Numbers of a damaged index may exceed 63 bits.
    numbers = array.array("Q")

    def take(chunk: Any) -> int | None:
        # StoreInfo of h5py: offset along each axis, filter mask, byte offset, stored bytes.
        position, *rest = chunk
        numbers.extend(position)
        numbers.extend(rest)
        # Any value but None ends the walk.
        return 1 if len(numbers) > NUMBERS_PER_CHUNK * most else None

    dataset.chunk_iter(take)
    if not numbers:
        return np.empty((0, NUMBERS_PER_CHUNK), np.int64)
    return np.frombuffer(numbers, np.uint64).reshape(-1, NUMBERS_PER_CHUNK).astype(np.int64)
