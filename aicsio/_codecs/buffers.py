"""Buffers of one thread, and the shape and dtype that a chain of codecs must produce.

Rule kept here: fresh memory costs more than decoding. Decoding 180 zstd subblocks of 2 MiB takes
0.49 s into fresh arrays and 0.19 s into buffers that are used again (two cores), because each
fresh page is a page fault.
"""

import functools
import importlib.util
import math
import os
from types import ModuleType
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.errors import ImageTooLargeError
from aicsio.records import DType

Data: TypeAlias = bytes | memoryview | npt.NDArray[Any]
Octets: TypeAlias = npt.NDArray[np.uint8]


ROOM_NBYTES = 32
"""Bytes in front of stored bytes, for the head of another format that holds them."""


class Scratch:
    """Buffers of one thread, by name. Not a record: it lives for one plan."""

    __slots__ = ("_buffers",)

    def __init__(self) -> None:
        self._buffers: dict[object, Octets] = {}

    def take(self, name: object, nbytes: int) -> Octets:
        """Return ``nbytes`` of the buffer called ``name``; its former content is gone.

        Raises
        ------
        ImageTooLargeError
            When the process cannot get as many: a strip may be as large as its image.
        """
        buffer = self._buffers.get(name)
        if buffer is None or buffer.nbytes < nbytes:
            # An eighth more than requested: compressed tiles differ in size, and each growth
            # is fresh memory.
            try:
                buffer = np.empty(nbytes + nbytes // 8, np.uint8)
            except (MemoryError, ValueError) as error:  # ValueError: more than an address can count
                raise ImageTooLargeError(
                    f"a stored block needs {nbytes:,} bytes of memory, which this process cannot get: {error}"
                ) from error
            self._buffers[name] = buffer
        return buffer[:nbytes]


@attrs.define
class DecodeTarget:
    """Shape and dtype that a codec chain must produce, and the buffers it may use.

    Not a record: it lives for one decoding.
    """

    shape: tuple[int, ...]
    """Shape of the decoded array."""
    dtype: DType
    """Type of the decoded array, with its byte order."""
    scratch: Scratch
    """Buffers of this thread."""
    into: Octets | None = None
    """Memory of the output, exactly as large as the decoded array, for the last codec."""
    room: Octets | None = None
    """Buffer of this thread with the stored bytes behind ``ROOM_NBYTES`` that may be overwritten."""
    index: int = 0
    """Position of the running codec in its chain."""
    nbytes: int = attrs.field(init=False)
    """Bytes of the decoded array."""

    def __attrs_post_init__(self) -> None:
        self.nbytes = math.prod(self.shape) * self.dtype.itemsize

    def empty_output(self, nbytes: int) -> Octets:
        """Return memory for the result of the running codec: the output, where the size fits."""
        if self.into is not None and self.into.nbytes == nbytes:
            return self.into
        # A buffer for each place in the chain: a codec reads that of the codec before it.
        return self.scratch.take(self.index, nbytes)

    def empty_pixels(self) -> npt.NDArray[Any]:
        """Return memory for the decoded array, in its shape and type."""
        return self.empty_output(self.nbytes).view(self.dtype).reshape(self.shape)

    def with_room(self, data: Octets, nbytes: int) -> Octets | None:
        """Return the memory of ``data`` and of ``nbytes`` in front that may be overwritten.

        ``None`` where there is no room, or ``data`` is no rest of the stored bytes.
        """
        if self.room is None or not np.may_share_memory(data, self.room):
            return None
        addresses = [each.__array_interface__["data"][0] for each in (self.room, data)]
        first = addresses[1] - addresses[0] - nbytes
        # Of a rest, the bytes in front of it have been read: no more than a short header.
        if not 0 <= first < ROOM_NBYTES:
            return None
        return self.room[first : first + nbytes + data.nbytes]

    def frame(self, sampled: bool) -> tuple[int, int, int]:
        """Return rows, columns and samples.

        ``sampled`` is true when the last axis holds samples.
        """
        if sampled:
            rows, columns, samples = self.shape[-3:]
            return rows, columns, samples
        rows, columns = self.shape[-2:]
        return rows, columns, 1


def as_octets(data: Data) -> Octets:
    """Show any result of a codec as a flat array of bytes."""
    if isinstance(data, np.ndarray):
        return data.reshape(-1).view(np.uint8)
    return np.frombuffer(data, np.uint8)


def as_pixels(data: Data, target: DecodeTarget) -> npt.NDArray[Any]:
    """Show decoded bytes as the pixels of ``target``; bytes beyond them are padding.

    Raises
    ------
    ValueError
        When there are fewer bytes than pixels.
    """
    raw = as_octets(data)
    if raw.nbytes < target.nbytes:
        raise ValueError(
            f"it holds {raw.nbytes} bytes, where shape {target.shape} needs {target.nbytes}"
        )
    return raw[: target.nbytes].view(target.dtype).reshape(target.shape)


@functools.cache
def imagecodecs() -> ModuleType:
    """Import imagecodecs, on the first decoding and not before."""
    import imagecodecs as module

    return module


@functools.cache
def has_library(name: str) -> bool:
    """Return whether imagecodecs was built with a library such as ``"jpegxr"``. Imports nothing."""
    spec = importlib.util.find_spec("imagecodecs")
    folders = (spec.submodule_search_locations or ()) if spec else ()
    # imagecodecs has an extension module for each library, such as ``_jpegxr``.
    return any(entry.startswith(f"_{name}.") for folder in folders for entry in os.listdir(folder))
