"""Huge pages of a fresh result: the last bytes of each are written before its pixels.

Rule kept here: nothing but zeros is written, and only to pages in which no pixel lies yet.

Source of the facts: measured. Linux clears a huge page when it is first written to, from the far end
to the address that is written (``process_huge_page`` in ``mm/memory.c``). For 120 MiB this takes 10.0 ms
downwards, where the first byte of each page is written first, and 4.2 ms upwards, where the last one is
(AMD EPYC, Linux 6.18): one direction that the processor foresees, and one that it does not.
"""

import threading

from aicsio._engine.placements import Array
from aicsio._io.slow_copies import address_of

PAGE = 1 << 21
"""Bytes of a huge page of x86-64, and of ARM with pages of 4 KiB."""
TOUCHED = 4096
"""Bytes that are written at the end of a page. NumPy releases its lock for so many."""
LEAST_BLOCK = 1 << 15
"""Bytes of a block for which it is worthwhile: the look at its pages takes 1.5 us."""
FARTHEST = 16 << 20
"""Bytes over which the rows of a block may be spread. One thread clears all the pages between."""
LOCKS = 16
"""Locks that pages share: two threads seldom wait for one without need."""


class FreshPages:
    """The huge pages of a result that holds zeros. Not a record: it lives for one read."""

    __slots__ = ("_address", "_ends", "_locks", "_out", "_touched", "_worthwhile")

    def __init__(self, out: Array) -> None:
        self._out = out
        self._address = address_of(out) // PAGE * PAGE
        first = self._address + PAGE - address_of(out)
        # Ends of the pages, counted from the first byte of the result.
        self._ends = range(first, out.nbytes + PAGE, PAGE)
        self._touched = bytearray(len(self._ends))
        self._locks = [threading.Lock() for _ in range(LOCKS)]
        self._worthwhile: bool | None = None

    def are_worthwhile(self, part: Array) -> bool:
        """Return whether the blocks, of which one fills ``part``, are large and lie together.

        The first block decides for all: some threads may not leave their pages to chance while others write zeros.
        """
        with self._locks[0]:
            if self._worthwhile is None:
                together = _extent(part) <= max(FARTHEST, part.nbytes)
                self._worthwhile = together and part.nbytes >= LEAST_BLOCK
            return self._worthwhile

    def touch(self, part: Array) -> None:
        """Write to the pages of ``part`` that are new; threads that share one wait for each other."""
        low = address_of(part) - self._address
        for page in range(low // PAGE, (low + _extent(part) - 1) // PAGE + 1):
            # The lock is taken for an old page, too: so another thread's zeros come before its pixels.
            with self._locks[page % LOCKS]:
                if not self._touched[page]:
                    self._write_zeros(page)
                    self._touched[page] = 1

    def _write_zeros(self, page: int) -> None:
        # The memory may end within its last page.
        octets = self._out.reshape(-1).view("u1")
        end = min(self._ends[page], octets.nbytes)
        start = max(end - TOUCHED, self._ends[page] - PAGE, 0)
        octets[start:end] = 0


def _extent(part: Array) -> int:
    """Return the bytes from the first pixel to the end of the last one; strides are not negative."""
    if part.flags.c_contiguous:
        return part.nbytes
    reach = 0
    for size, stride in zip(part.shape, part.strides, strict=True):
        reach += (size - 1) * stride
    return reach + part.itemsize
