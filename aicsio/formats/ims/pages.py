"""Pages of a remote HDF5 file: those that the index takes are fetched many at once, before HDF5 reads them.

Rule kept here: a guess costs bytes and no correctness. Fetched pages are searched for the addresses of further
nodes, whose pages are fetched together, down to the lowest; HDF5 then reads the index from these pages. One that
is missing all the same is fetched when HDF5 asks for it.

A file of 60 arrays takes 7 requests in place of 157.

Source of the facts: "HDF5 File Format Specification" 3.0 (The HDF Group), sections II.A (superblock), III.A.1
(B-trees, version 1), III.C (symbol table entries), IV.A.2 (messages: data layout, object header continuation,
symbol table).
"""

import itertools
import re
import struct
from collections.abc import Iterable, Iterator
from typing import Final

from aicsio._io import readers

PAGE: Final = 1 << 13
"""Bytes that are fetched and kept together. HDF5 reads nodes of some 500 bytes."""
NODE: Final = 3200
"""Bytes of the longest usual node, one of 64 chunks of an array of three axes: it may reach into the next page."""
FEW: Final = 4
"""Up to so many missing pages are fetched with the bytes around them: nodes of one group lie together."""
WIDE: Final = 1 << 18
"""Bytes that are fetched then: at 100 Mbit/s they take 20 ms, as long as another request."""
MOST_PAGES: Final = 1 << 13
"""FetchedPages that are fetched ahead: 64 MiB, in at most two steps."""
MOST_STEPS: Final = 64
"""How often fetched pages are followed: a path of five groups has some 15 nodes."""

_ENTRY: Final = struct.Struct("<QI4xQQ")
"""Header of the object, what the scratch space holds (1: the next two), the B-tree of a group, its heap."""
# Offset of the name (8 bytes), then ``_ENTRY`` with 16 bytes of scratch space.
_ENTRY_NBYTES: Final = 40
# Symbol table node: signature, version 1, a reserved byte, number of entries.
_SYMBOLS: Final = re.compile(rb"SNOD\x01\x00(..)", re.DOTALL)
# B-tree node: signature, type (0 groups, 1 chunks), level, used entries, two siblings.
_TREE: Final = re.compile(rb"TREE([\x00\x01])(.)(..).{16}", re.DOTALL)
# Type 8, size, flags, three reserved bytes; version 3, class 2 (chunked), dimensionality, address of the B-tree.
_CHUNKED: Final = re.compile(rb"\x08\x00..[\x00-\x07]\x00{3}\x03\x02[\x02-\x21](.{8})", re.DOTALL)
# Types 16 (address and length of more messages) and 17 (B-tree and heap of a group), both of 16 bytes.
_MORE: Final = re.compile(rb"\x10\x00\x10\x00.\x00{3}(.{8})", re.DOTALL)
_GROUP: Final = re.compile(rb"\x11\x00\x10\x00.\x00{3}(.{8})(.{8})", re.DOTALL)


class FetchedPages:
    """The fetched pages of one file. Not a record: they live for one opening."""

    def __init__(self, reader: readers.Reader, size: int, base: int) -> None:
        self._reader = reader
        self._size = size
        self._base = base
        """Byte offset that addresses count from: the end of the user block."""
        self._pages: dict[int, bytes] = {}

    def read(self, offset: int, nbytes: int) -> bytes:
        """Return bytes of the file; fetch their pages, and what these point to, if they are missing."""
        numbers = range(offset // PAGE, (offset + nbytes - 1) // PAGE + 1)
        if any(number not in self._pages for number in numbers):
            self._follow(numbers)
        start = offset - numbers.start * PAGE
        return b"".join(self._pages[number] for number in numbers)[start : start + nbytes]

    def _follow(self, numbers: Iterable[int]) -> None:
        """Fetch pages, then those that they point to, and so on."""
        wanted = set(numbers)
        for _ in range(MOST_STEPS):
            if len(wanted) <= FEW:
                wanted = set(itertools.chain.from_iterable(map(_around, wanted)))
            needed = sorted(filter(self._is_missing, wanted))[:MOST_PAGES]
            self._fetch(needed)
            if not needed or len(self._pages) > MOST_PAGES:
                return
            places = set(itertools.chain.from_iterable(map(self._addresses, needed)))
            ends = {(at + NODE) // PAGE for at in places}
            wanted = set(filter(self._is_missing, ends.union(at // PAGE for at in places)))

    def _is_missing(self, number: int) -> bool:
        return number not in self._pages and 0 <= number * PAGE < self._size

    def _fetch(self, numbers: list[int]) -> None:
        spans = [(at * PAGE, min(PAGE, self._size - at * PAGE)) for at in numbers]
        for number, data in zip(numbers, self._reader.read_spans(spans), strict=True):
            self._pages[number] = bytes(data)

    def _addresses(self, number: int) -> Iterator[int]:
        """Yield the places in the file that a page points to."""
        # A node may reach into the next page.
        raw = self._pages[number] + self._pages.get(number + 1, b"")[:NODE]
        found = _pointers(raw)
        if number == self._base // PAGE:
            found = itertools.chain(found, _of_superblock(raw[self._base % PAGE :]))
        for address in found:
            if 0 < address < self._size - self._base:
                yield self._base + address


def _around(number: int) -> range:
    """Return the numbers of a page, the one before it and those behind it."""
    return range(max(number - 1, 0), number - 1 + WIDE // PAGE)


def _pointers(raw: bytes) -> Iterator[int]:
    """Yield the addresses in the nodes and headers of groups, in B-trees, and in headers of arrays."""
    for match in _SYMBOLS.finditer(raw):
        for row in range(int.from_bytes(match[1], "little")):
            # The offset of the name comes first.
            start = match.end() + row * _ENTRY_NBYTES + 8
            if start + _ENTRY.size > len(raw):
                break
            yield from _of_entry(raw, start)
    for match in _TREE.finditer(raw):
        yield from _of_tree(raw, match)
    for match in _MORE.finditer(raw):
        yield int.from_bytes(match[1], "little")
    for match in _GROUP.finditer(raw):
        yield from (int.from_bytes(part, "little") for part in match.groups())
    for match in _CHUNKED.finditer(raw):
        yield int.from_bytes(match[1], "little")


def _of_entry(raw: bytes, start: int) -> Iterator[int]:
    header, scratch, tree, heap = _ENTRY.unpack_from(raw, start)
    yield header
    if scratch == 1:
        yield from (tree, heap)


def _of_tree(raw: bytes, match: "re.Match[bytes]") -> Iterator[int]:
    """Yield the children of a node; those of the lowest nodes of an array are pixels."""
    kind, level, used = match[1][0], match[2][0], int.from_bytes(match[3], "little")
    if kind == 1 and level == 0:
        return
    # A key of a group is one number; one of an array of three axes two half numbers and four numbers.
    key_nbytes = 8 if kind == 0 else 40
    for row in range(used):
        # Keys and children alternate, a key first.
        start = match.end() + key_nbytes + row * (key_nbytes + 8)
        if start + 8 > len(raw):
            return
        yield int.from_bytes(raw[start : start + 8], "little")


def _of_superblock(raw: bytes) -> Iterator[int]:
    """Yield what the entry of the root points to, in versions 0 and 1 of the superblock."""
    # The root entry stands at byte 56, in version 1 at 60; 8 bytes for its name come first.
    start = {0: 64, 1: 68}.get(raw[8] if len(raw) > 100 else 2)
    if start is not None:
        yield from _of_entry(raw, start)
