"""The read-only store of zarr-python over the keys of an image.

Rule kept here: thin. Keys and values are those of ``StoreTree``; this class makes them asynchronous,
in threads, and answers as ``zarr.abc.store.Store`` requires. Imports zarr.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import NoReturn

from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype

from aicsio.errors import WriteError
from aicsio.references.collection import CollectionTree
from aicsio.references.tree import StoreTree

__all__ = ["HandleStore"]


class HandleStore(Store):
    """An image as a store of Zarr format 3, made by ``as_zarr_store``.

    It can be pickled, compared and shared by threads. Nothing can be written to it.
    """

    supports_writes: bool = False
    supports_deletes: bool = False
    supports_listing: bool = True

    def __init__(self, tree: StoreTree | CollectionTree) -> None:
        super().__init__(read_only=True)
        self.tree = tree

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HandleStore) and self.tree == other.tree

    def __hash__(self) -> int:
        return hash(self.tree)

    def __repr__(self) -> str:
        levels = len(self.tree.arrays)
        array = self.tree.arrays[0].array
        return (
            f"<HandleStore {self.tree.image.name!r}: {array.dims} {array.dtype}, {levels} levels>"
        )

    def __str__(self) -> str:
        return f"aicsio://{self.tree.image.name}"

    def with_read_only(self, read_only: bool = False) -> "HandleStore":
        """Return a store that is read-only, too.

        Raises
        ------
        WriteError
            When a store is requested that can be written to.
        """
        if not read_only:
            _refuse()
        return HandleStore(self.tree)

    # ---------------------------------------------------------------- reading

    def read(self, key: str) -> bytes | memoryview | None:
        """Return the value of a key without an event loop.

        Parameters
        ----------
        key
            Key of a document or a chunk, such as ``"0/c/0/0/0"``.

        Returns
        -------
        bytes or memoryview or None
            ``None`` if there is no such key.
        """
        return self.tree.read(key)

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Return the value of a key, or a range of it; ``None`` if there is no such key."""
        # Decoding takes a thread of its own: other requests go on meanwhile.
        value = await asyncio.to_thread(self.tree.read, key)
        if value is None:
            return None
        part = value[_as_slice(byte_range, len(value))]
        return (prototype or default_buffer_prototype()).buffer.from_bytes(part)

    def get_sync(
        self,
        key: str,
        *,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Return the value of a key, or a range of it, in the caller's thread.

        Parameters
        ----------
        key
            Key of a document or a chunk.
        prototype
            Kind of the buffer; that of zarr by default.
        byte_range
            Bytes of the value; all of them by default.

        Returns
        -------
        Buffer or None
            ``None`` if there is no such key.
        """
        value = self.tree.read(key)
        if value is None:
            return None
        part = value[_as_slice(byte_range, len(value))]
        return (prototype or default_buffer_prototype()).buffer.from_bytes(part)

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Return ranges of values; ``None`` for each key that there is not."""
        requests = [self.get(key, prototype, byte_range) for key, byte_range in key_ranges]
        return list(await asyncio.gather(*requests))

    async def exists(self, key: str) -> bool:
        """Whether there is such a key."""
        return self.tree.has(key)

    async def getsize(self, key: str) -> int:
        """Return the length of a value.

        Raises
        ------
        FileNotFoundError
            If there is no such key.
        """
        # In a thread: the length of the root's document depends on the contrast, which is read.
        nbytes = await asyncio.to_thread(self.tree.nbytes, key)
        if nbytes is None:
            raise FileNotFoundError(key)
        return nbytes

    # ---------------------------------------------------------------- listing

    async def list(self) -> AsyncIterator[str]:
        """Yield all keys."""
        for key in self.tree.keys():  # noqa: SIM118 - a tree is no dict
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield the keys that begin with a prefix."""
        for key in self.tree.keys():  # noqa: SIM118
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names right below a prefix."""
        for name in self.tree.children(prefix):
            yield name

    # ---------------------------------------------------------------- writing

    async def set(self, key: str, value: Buffer) -> None:  # noqa: ARG002
        """Refuse: an image is not written to through its store."""
        _refuse()

    async def delete(self, key: str) -> None:  # noqa: ARG002
        """Refuse."""
        _refuse()


def _refuse() -> NoReturn:
    raise WriteError("the store shows an image that it cannot change: it is read-only")


def _as_slice(request: ByteRequest | None, size: int) -> slice:
    if isinstance(request, RangeByteRequest):
        return slice(request.start, request.end)
    if isinstance(request, OffsetByteRequest):
        return slice(request.offset, None)
    if isinstance(request, SuffixByteRequest):
        # A suffix longer than the value is all of it (RFC 9110, 14.1.2), not a negative start.
        return slice(max(0, size - request.suffix), None)
    return slice(None)
