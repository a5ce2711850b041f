"""Reads into memory that lies where the system copies slowly: through a small buffer that does not.

Rule kept here: the bytes are those of a plain read, and so is what a read that ends early returns.

Source of the facts: measured. Where an address in memory is 1 to 31 bytes beyond the offset in the file
modulo 4096, the processor takes stores of the copy for those that it is about to load. 120 MiB then take 60
to 80 ms in place of 26 to 34 (AMD EPYC, Linux 6.18, where the copy is one ``rep movsb``), and 34 to 41
through a buffer. Memory of NumPy begins 16 bytes behind a page if it is fresh, so pixels that begin at
byte 0 to 15 of a page of the file are concerned: those of every raw ND2 frame, and of many TIFF files.
"""

import os
from typing import Any, Final

import numpy as np
import numpy.typing as npt

PAGE: Final = 4096
"""Bytes modulo which the processor compares addresses of what it reads and writes."""
SLOW_REACH: Final = 32
"""Bytes beyond the source, modulo ``PAGE``, below which memory is filled slowly."""
LEAST_NBYTES: Final = 1 << 17
"""Bytes of the least read that is looked at. The look takes 1 us, a copy of as many 20."""
STEP: Final = 1 << 18
"""Bytes that go through the buffer at once: it stays in the second-level cache."""
_HAS_SLOW_COPIES: Final = hasattr(os, "uname") and os.uname().machine == "x86_64"


def is_slow(address: int, offset: int) -> bool:
    """Return whether bytes from ``offset`` of a file are copied slowly to an address."""
    return 0 < (address - offset) % PAGE < SLOW_REACH


def read_at(fd: int, memory: memoryview, offset: int) -> int:
    """Fill memory from a file, as ``os.preadv`` does with one buffer.

    Parameters
    ----------
    fd
        Descriptor of the file.
    memory
        Writable and contiguous.
    offset
        First byte in the file.

    Returns
    -------
    Number of bytes that were read.

    Raises
    ------
    OSError
        As by ``os.preadv``.
    """
    if memory.nbytes < LEAST_NBYTES or not _HAS_SLOW_COPIES:
        return os.preadv(fd, (memory,), offset)
    whole = np.frombuffer(memory, np.uint8)
    if not is_slow(address_of(whole), offset):
        return os.preadv(fd, (memory,), offset)
    room = np.empty(STEP + PAGE, np.uint8)
    # Half a page from the bytes of the file, and so from those of the memory: both copies are fast.
    start = (offset + PAGE // 2 - address_of(room)) % PAGE
    buffer = room[start : start + STEP]
    for done in range(0, whole.nbytes, STEP):
        part = whole[done : done + STEP]
        step = buffer[: part.nbytes]
        count = os.preadv(fd, (step.data,), offset + done)
        part[:count] = step[:count]
        if count < part.nbytes:
            return done + count
    return whole.nbytes


def address_of(memory: npt.NDArray[Any]) -> int:
    """Return the address of the first byte."""
    address: int = memory.__array_interface__["data"][0]
    return address
