"""The chunks of an HDF5 dataset, straight from the B-tree that lists them.

h5py lists a chunk in 1 us, of which 0.9 go into one call of Python each; a node of some 30 chunks takes 5 us here.

Rule kept here: a list of another kind is left to h5py; a damaged tree is an error here, for HDF5 itself
follows a node that is its own child until the process ends (2.0 and before). No more nodes are read than
the array can have.

Source of the facts: "HDF5 File Format Specification" 3.0, sections III.A.1 (version 1 B-trees),
IV.A.1.a (version 1 object headers) and IV.A.2.i (data layout message, version 3).
"""

import struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from aicsio.formats.ims.hdf5 import Hdf5File
from aicsio.formats.ims.headers import HEADER, LARGEST_HEADER, MESSAGE, SHARED, find_object

LAYOUT: Final = 8
"""Type of the message that holds the layout of the pixels."""
CHUNKED: Final = struct.Struct("<BBBQ")
"""Of a layout: version, class, axes and one, address of the B-tree."""
LAYOUT_3_CHUNKED: Final = (3, 2)
"""Version and class of layouts that have such a B-tree."""
NODE: Final = struct.Struct("<4sBBHQQ")
"""Head of a node: signature, type, level, used entries, siblings."""
RAW_DATA: Final = 1
"""Type of nodes that list chunks."""
USUAL_ENTRIES: Final = 64
"""Entries of a node, unless the file was made with another size."""


def list_chunks(
    file: Hdf5File, dataset: Any, chunk: tuple[int, ...], itemsize: int, most: int
) -> npt.NDArray[np.int64] | None:
    """Return the chunks of a dataset, unless it is stored in another way.

    Parameters
    ----------
    file
        The file.
    dataset
        Of h5py's low level.
    chunk
        Shape of a chunk.
    itemsize
        Bytes of a pixel.
    most
        Chunks that the array can have.

    Returns
    -------
    A row a chunk: its position along each axis, filter mask, offset in the file and bytes. ``None`` where
    the chunks are listed otherwise.

    Raises
    ------
    ValueError
        When the tree is damaged.
    """
    address = _find_tree(file, find_object(dataset), (*chunk, itemsize))
    if address is None:
        return None
    # A tree without any chunk has no node.
    if address == 2**64 - 1:
        return np.empty((0, len(chunk) + 3), np.int64)
    # Key of a chunk (III.A.1): stored bytes, filter mask, offset along each axis, and one
    # within an element, which is always 0.
    entry = np.dtype(
        [
            ("size", "<u4"),
            ("mask", "<u4"),
            ("position", "<u8", (len(chunk) + 1,)),
            ("child", "<u8"),
        ]
    )
    entries = _walk(file, address, entry, most)
    table = np.empty((entries.size, len(chunk) + 3), np.int64)
    # Numbers of a damaged index may exceed 63 bits: they turn negative, which no check passes.
    table[:, : len(chunk)] = entries["position"][:, :-1].view(np.int64)
    table[:, -3] = entries["mask"]
    table[:, -2] = entries["child"].view(np.int64) + file.base
    table[:, -1] = entries["size"]
    return table


def _find_tree(file: Hdf5File, address: int, dims: tuple[int, ...]) -> int | None:
    """Return the address of the B-tree of an object, by the messages in the first block of its header."""
    head = file.read_at(address, HEADER.size)
    if len(head) < HEADER.size:
        return None
    version, _, _, nbytes = HEADER.unpack(head)
    # A header of version 2 begins with "OHDR", not with its number: h5py lists its chunks.
    if version != 1 or nbytes > LARGEST_HEADER:
        return None
    messages = file.read_at(address + HEADER.size, nbytes)
    at = 0
    while at + MESSAGE.size <= len(messages):
        kind, size, flags = MESSAGE.unpack_from(messages, at)
        at += MESSAGE.size
        if kind == LAYOUT and not flags & SHARED:  # else the message is shared: it lies elsewhere
            return _parse_layout(messages[at : at + size], dims)
        # The size of a message includes its padding to eight bytes.
        at += size
    return None


def _parse_layout(message: bytes, dims: tuple[int, ...]) -> int | None:
    """Return the address of the B-tree; ``None`` where the layout is another than h5py has of it."""
    sizes = struct.Struct(f"<{len(dims)}I")
    if len(message) < CHUNKED.size + sizes.size:
        return None
    *kind, axes, address = CHUNKED.unpack_from(message)
    if tuple(kind) != LAYOUT_3_CHUNKED or axes != len(dims):
        return None
    # Behind the address: the sizes of a chunk, then the bytes of an element.
    return int(address) if sizes.unpack_from(message, CHUNKED.size) == dims else None


def _walk(file: Hdf5File, address: int, entry: np.dtype[Any], most: int) -> npt.NDArray[Any]:
    """Return the entries of the leaves, level by level from the root."""
    level, nodes = _read_node(file, address, None, entry.itemsize)
    # Levels count from the leaves, which have 0.
    while level:
        level -= 1
        addresses = np.frombuffer(nodes, entry)["child"].tolist()
        # Below each child lies a chunk at least: more children than chunks would be a loop.
        if not 0 < len(addresses) <= most:
            raise ValueError(f"its tree has {len(addresses)} nodes for {most} chunks")
        below = [_read_node(file, each, level, entry.itemsize)[1] for each in addresses]
        nodes = b"".join(below)
    rows = np.frombuffer(nodes, entry)
    if rows.size > most:
        raise ValueError(f"its tree lists {rows.size} chunks of {most}")
    return rows


def _read_node(
    file: Hdf5File, address: int, level: int | None, entry_nbytes: int
) -> tuple[int, bytes]:
    """Return the level of a node, which is ``level`` unless that is ``None``, and its entries."""
    data = file.read_at(address, NODE.size + USUAL_ENTRIES * entry_nbytes)
    if len(data) < NODE.size:
        raise ValueError(f"a node of its tree lies at {address}, beyond the end of the file")
    signature, kind, found, used, _, _ = NODE.unpack_from(data)
    if signature != b"TREE" or kind != RAW_DATA or (level is not None and found != level):
        raise ValueError(f"expected a node of its tree at {address}, level {level}")
    # Each child follows its key. The one key behind the last child is a bound, and not read.
    end = NODE.size + used * entry_nbytes
    if used > USUAL_ENTRIES:
        data = file.read_at(address, end)
    if len(data) < end:
        raise ValueError(f"a node of its tree at {address} has {used} entries")
    return found, data[NODE.size : end]
