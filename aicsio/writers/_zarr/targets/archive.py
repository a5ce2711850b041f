"""A store in one ZIP archive, uncompressed, whole or not at all.

Rule kept here: the documents are the first entries, the root's before all, as RFC-9 recommends.
Their place is kept free until the end, when contrast windows are known; blanks fill what is left.
All entries have the fields of ZIP64, so the archive may grow beyond 4 GiB.

Source of the facts: APPNOTE.TXT 6.3.10 of PKWARE (https://pkware.cachefly.net/webdocs/APPNOTE) and
RFC-9 of NGFF (https://ngff.openmicroscopy.org/rfc/9/).
"""

import contextlib
import json
import struct
import threading
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from aicsio.writers import _atomic_file
from aicsio.writers._zarr.arrays import Parts
from aicsio.writers._zarr.journal import UnitJournal

_LOCAL, _CENTRAL = 0x04034B50, 0x02014B50
_END64, _LOCATOR, _END = 0x06064B50, 0x07064B50, 0x06054B50
_VERSION = 45
"""Version of APPNOTE that has ZIP64."""
# APPNOTE 4.4.4, bit 11: names are UTF-8.
_UTF8 = 1 << 11
_DATE = 0x21
"""1980-01-01, the first date of MS-DOS: the same pixels give the same archive."""
_FULL32, _FULL16 = 0xFFFFFFFF, 0xFFFF
_DOCUMENTS = ("zarr.json", ".zgroup", ".zattrs", ".zarray")


@attrs.define
class _ZipEntry:
    """One entry. Not a record: documents get their checksum at the end."""

    key: str
    """Name in the archive."""
    offset: int
    """Where its local header starts."""
    nbytes: int
    """Length of its data."""
    checksum: int = 0
    """CRC-32 of its data."""

    @property
    def data_start(self) -> int:
        """Where its data starts."""
        return self.offset + len(self.local_header())

    def local_header(self) -> bytes:
        """Return the header in front of the data."""
        name = self.key.encode()
        # APPNOTE 4.5.3, field 1: true sizes, where those of the header have all bits set.
        extra = struct.pack("<HHQQ", 1, 16, self.nbytes, self.nbytes)
        # APPNOTE 4.3.7: version needed, flags, method (0: stored), time, date, CRC-32, both sizes.
        fields = (_LOCAL, _VERSION, _UTF8, 0, 0, _DATE, self.checksum, _FULL32, _FULL32)
        header = struct.pack("<IHHHHHIII", *fields)
        return header + struct.pack("<HH", len(name), len(extra)) + name + extra

    def central_header(self) -> bytes:
        """Return the entry of the central directory."""
        name = self.key.encode()
        # In the directory the field also holds the offset of the local header.
        extra = struct.pack("<HHQQQ", 1, 24, self.nbytes, self.nbytes, self.offset)
        # APPNOTE 4.3.12: the version that wrote it, then the fields of the local header.
        fields = (_CENTRAL, _VERSION, _VERSION, _UTF8, 0, 0, _DATE, self.checksum)
        # Both sizes, lengths of name, extra field and comment, disk, attributes (two), offset.
        sizes = (_FULL32, _FULL32, len(name), len(extra), 0, 0, 0, 0, _FULL32)
        return struct.pack("<IHHHHHHI", *fields) + struct.pack("<IIHHHHHII", *sizes) + name + extra


class ArchiveTarget:
    """The archive of one writing. Threads put entries concurrently."""

    journal: UnitJournal | None = None

    def __init__(
        self, output: _atomic_file.Output, name: str, provisional: Mapping[str, bytes]
    ) -> None:
        self.name = name
        self._output = output
        self._entries: dict[str, _ZipEntry] = {}
        self._lock = threading.Lock()
        self._end = 0
        for key in sorted(filter(_is_document, provisional), key=_breadth_first):
            self._reserve(key, len(provisional[key]))
        self._reserved = frozenset(self._entries)

    @property
    def nbytes(self) -> int:
        """Length of the archive."""
        return self._end

    def put(self, key: str, parts: Parts, /) -> None:
        """Append an entry, or fill the reserved one of a document."""
        if key in self._reserved:
            entry = self._entries[key]
            data = b"".join(parts)
            # JSON may end in blanks, so a shorter document fills its place.
            parts = [data, b" " * (entry.nbytes - len(data))]
        else:
            entry = self._reserve(key, sum(map(len, parts)))
        checksum, position = 0, entry.data_start
        for part in parts:
            checksum = zlib.crc32(part, checksum)
            self._output.write_at(position, bytes(part))
            position += len(part)
        # The header is written after its data, because it holds their checksum.
        entry.checksum = checksum
        self._output.write_at(entry.offset, entry.local_header())

    def has(self, key: str, /) -> bool:  # noqa: ARG002 - an archive is made in one run
        """Whether an earlier run has stored the key: none has."""
        return False

    def get(self, key: str, /) -> bytes | None:
        """Return the bytes of an entry; ``None`` for a missing one."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        return self._output.read_at(entry.data_start, entry.nbytes)

    def on_workers(self) -> None:
        """Return nothing: processes of a cluster cannot share an archive."""

    def _reserve(self, key: str, nbytes: int) -> _ZipEntry:
        with self._lock:
            entry = _ZipEntry(key, self._end, nbytes)
            self._entries[key] = entry
            self._end = entry.data_start + nbytes
        return entry

    def finish(self, comment: bytes) -> int:
        """Write the central directory; return the length of the archive."""
        # Threads finish in any order, so offsets vary; the directory lists documents first.
        listed = sorted(self._entries.values(), key=lambda entry: entry.offset)
        directory = b"".join(entry.central_header() for entry in listed)
        start, count = self._end, len(listed)
        # APPNOTE 4.3.14: 44 is the length of the rest of the record, behind its first 12 bytes.
        end64 = struct.pack(
            "<IQHHIIQQQQ", _END64, 44, _VERSION, _VERSION, 0, 0, count, count, len(directory), start
        )
        # APPNOTE 4.3.15: disk and offset of the ZIP64 record, and the number of disks.
        locator = struct.pack("<IIQI", _LOCATOR, 0, start + len(directory), 1)
        # All bits set: readers take counts and offsets from the ZIP64 record.
        counts = (0, 0, _FULL16, _FULL16, _FULL32, _FULL32, len(comment))
        end = struct.pack("<IHHHHIIH", _END, *counts)
        tail = directory + end64 + locator + end + comment
        self._output.write_at(start, tail)
        self._end += len(tail)
        return self._end


@contextlib.contextmanager
def filling(
    path: str, provisional: Mapping[str, bytes], version: str, *, overwrite: bool, sync: bool
) -> Iterator[ArchiveTarget]:
    """Lend an archive to fill, which takes its name when the block ends without an error."""
    with _atomic_file.replacing(path, overwrite=overwrite, sync=sync) as output:
        target = ArchiveTarget(output, path, provisional)
        yield target
        output.finish(target.finish(_comment(version)), sync=sync)


def _comment(version: str) -> bytes:
    """RFC-9: the comment shows the version, and that documents stand first; only for Zarr v3."""
    if version == "0.4":
        return b""
    ome: dict[str, Any] = {"version": version, "zipFile": {"centralDirectory": {"jsonFirst": True}}}
    return json.dumps({"ome": ome}).encode()


def _is_document(key: str) -> bool:
    return key.rpartition("/")[2] in _DOCUMENTS


def _breadth_first(key: str) -> tuple[int, str]:
    return key.count("/"), key
