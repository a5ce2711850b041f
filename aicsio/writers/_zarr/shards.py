"""Shards: chunks one after the other, and an index of them at the end.

Rule kept here: pure functions of bytes. The index lists every chunk of a whole shard in C order, as
two little-endian uint64: offset and length; all bits are set where the chunk is missing.

Source of the facts: Zarr v3, sharding codec
(https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/).
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from aicsio._codecs import EMPTY_ENTRY, crc32c

Array: TypeAlias = npt.NDArray[Any]

CHECKSUM_BYTES = 4
_ENTRY_BYTES = 16


def index_bytes(chunk_count: int) -> int:
    """Return the length of an index with its checksum."""
    return chunk_count * _ENTRY_BYTES + CHECKSUM_BYTES


def join_chunks(chunks: Sequence[bytes | memoryview | None]) -> list[bytes | memoryview]:
    """Return the parts of a shard: its chunks in C order, ``None`` for missing ones, and the index."""
    index = np.full((len(chunks), 2), EMPTY_ENTRY, "<u8")
    end = 0
    for number, chunk in enumerate(chunks):
        if chunk is not None:
            index[number] = end, len(chunk)
            end += len(chunk)
    table = index.tobytes()
    parts = [chunk for chunk in chunks if chunk is not None]
    # The index is at the end, because lengths are known only when all chunks are encoded.
    return [*parts, table, crc32c(table).to_bytes(CHECKSUM_BYTES, "little")]


def read_index(tail: bytes) -> npt.NDArray[np.uint64] | None:
    """Return offsets and lengths, (chunks, 2), from the last bytes of a shard.

    ``None`` where the checksum does not agree: the shard is not whole.
    """
    table, checksum = tail[:-CHECKSUM_BYTES], tail[-CHECKSUM_BYTES:]
    if crc32c(table) != int.from_bytes(checksum, "little"):
        return None
    index: npt.NDArray[np.uint64] = np.frombuffer(table, "<u8").reshape(-1, 2)
    return index
