"""Compound files: the streams of an OLE2 container, as byte ranges of the file.

Rule kept here: no sector number or length of the file is used before it is compared with the size
of the file, and no sector belongs to two streams, so that a chain that turns back on itself ends.

Why not olefile: it reads a stream through a file object, a seek and a read a sector, and offers no
ranges; a remote file would cost a request a sector. Only the places of streams are needed here,
and the tables of a file are read in four batches.

Source of the facts: [MS-CFB] "Compound File Binary File Format", Microsoft: section 2.2 the header,
2.3 the FAT, 2.4 the mini FAT, 2.5 the DIFAT, 2.6 the directory.
"""

import struct
from typing import Any, Final, NamedTuple, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._io import readers
from aicsio._io.readers import Reader
from aicsio.errors import CorruptFileError
from aicsio.records import Source

SIGNATURE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""The first eight bytes."""
HEADER: Final = struct.Struct("<24xHHHHH6xIIIIIIIII")
"""Versions, byte order, both sector shifts, and the places of the tables."""
HEADER_NBYTES: Final = 512
"""Bytes of the header, whose last 436 begin the DIFAT."""
HEADER_DIFAT: Final = 76
"""Offset of these."""
LAST_REGULAR: Final = 0xFFFFFFF9
"""Sector numbers end here; those above mark free sectors, the end of a chain, and tables."""
ENTRY: Final = np.dtype(
    {
        "names": ["name", "name_nbytes", "kind", "start", "size"],
        "formats": ["V64", "<u2", "u1", "<u4", "<u8"],
        "offsets": [0, 64, 66, 116, 120],
        "itemsize": 128,
    }
)
"""An entry of the directory, without the tree, times and identifiers."""
STREAM, ROOT = 2, 5
"""Kinds of entries."""
MINI_CUTOFF: Final = 4096
"""Shorter streams lie in the mini stream. [MS-CFB] 2.2 allows no other value."""

Extents: TypeAlias = tuple[tuple[int, int], ...]
"""Byte offset and length of each run of bytes, in the order of the stream."""
Table: TypeAlias = npt.NDArray[np.int64]


class Stream(NamedTuple):
    """One stream."""

    size: int
    """Bytes as the directory has them."""
    extents: Extents
    """Where they are; of fewer bytes where the file lacks some."""

    @property
    def is_whole(self) -> bool:
        """Whether the file holds all of its bytes."""
        return sum(nbytes for _, nbytes in self.extents) == self.size


@attrs.frozen
class _Header:
    """Sizes and places of the tables."""

    sector: int
    """Bytes of a sector."""
    mini_sector: int
    """Bytes of a sector of the mini stream."""
    directory: int
    """First sector of the directory."""
    mini_fat: int
    """First sector of the mini FAT."""
    difat: int
    """First sector of the DIFAT beyond the header."""
    fat_sectors: tuple[int, ...]
    """Sectors of the FAT that the header lists."""
    wide_sizes: bool
    """Whether lengths of streams have 64 bits: of version 3 only the lower 32 count."""


def is_compound(head: bytes) -> bool:
    """Return whether a file begins as a compound file does."""
    return head.startswith(SIGNATURE)


def read_streams(source: Source) -> dict[str, Stream]:
    """Find the streams of a compound file.

    Parameters
    ----------
    source
        The file.

    Returns
    -------
    By name, without the storages around them; the first of several with one name.

    Raises
    ------
    CorruptFileError
        When the header, the FAT or the directory is damaged.
    """
    size = source.size or 0
    with readers.lend(source) as reader:
        head = reader.read(0, min(size, HEADER_NBYTES))
        header = _parse_header(source, head)
        fat = _read_fat(reader, source, header)
        chains = _Chains(fat, (size - 1) // header.sector)
        entries = _read_directory(reader, source, chains, header)
        # The header alone locates the mini FAT: the directory has no entry for it.
        runs = chains.follow(header.mini_fat, None)
        mini_fat = np.frombuffer(_read_sectors(reader, runs, header.sector, size), "<u4")
    # [MS-CFB] 2.6.2: the root entry has the first sector of the mini stream.
    container = _cut(chains.follow(int(entries[0]["start"]), None), header.sector, size)
    container_starts = np.cumsum([0, *(nbytes for _, nbytes in container)])
    minis = _Chains(mini_fat.astype(np.int64), mini_fat.size)
    streams: dict[str, Stream] = {}
    for raw_name, name_nbytes, _, start, stated in entries[entries["kind"] == STREAM].tolist():
        name = _entry_name(raw_name, name_nbytes)
        # [MS-CFB] 2.6.1: older writers of version 3 left the upper 32 bits uninitialised.
        nbytes = stated & (-1 if header.wide_sizes else 0xFFFFFFFF)
        if name in streams or nbytes > size:
            continue
        if nbytes < MINI_CUTOFF:
            runs = minis.follow(start, -(-nbytes // header.mini_sector))
            unit = header.mini_sector
            inside = [(at * unit, count * unit) for at, count in runs]
            extents = _map_into(container, container_starts, inside)
        else:
            runs = chains.follow(start, -(-nbytes // header.sector))
            extents = _cut(runs, header.sector, size)
        streams[name] = Stream(nbytes, _limit(extents, nbytes))
    return streams


# ---------------------------------------------------------------- tables


def _parse_header(source: Source, head: bytes) -> _Header:
    if len(head) < HEADER_NBYTES or not is_compound(head):
        raise CorruptFileError.at(
            source.uri, 0, f"expected a compound file of {HEADER_NBYTES} bytes or more"
        )
    fields = HEADER.unpack_from(head)
    _, version, order, shift, mini_shift, _, fat_count = fields[:7]
    directory, _, cutoff, mini_fat, _, difat, _ = fields[7:]
    # [MS-CFB] 2.2 fixes the byte order mark at 0xFFFE, little-endian.
    # [MS-CFB] 2.2: version 3 has sectors of 2^9 bytes, version 4 of 2^12; mini sectors have 2^6.
    legal = (version, shift) in {(3, 9), (4, 12)} and order == 0xFFFE
    if not legal or mini_shift != 6 or cutoff != MINI_CUTOFF:
        raise CorruptFileError.at(
            source.uri,
            24,
            "expected sectors of 2^9 bytes of version 3 or 2^12 of version 4 and mini sectors of 2^6, "
            f"found 2^{shift} of version {version} and 2^{mini_shift}",
        )
    # The header has the first 109 entries of the DIFAT; 0xFFFFFFFF marks a free one.
    listed = np.frombuffer(head, "<u4", 109, HEADER_DIFAT)[:fat_count]
    return _Header(
        sector=1 << shift,
        mini_sector=1 << mini_shift,
        directory=directory,
        mini_fat=mini_fat,
        difat=difat,
        fat_sectors=tuple(listed[listed <= LAST_REGULAR].tolist()),
        wide_sizes=version == 4,
    )


def _read_fat(reader: Reader, source: Source, header: _Header) -> Table:
    """Read the FAT: of each sector the next one of its chain."""
    size = source.size or 0
    sector_count = (size - 1) // header.sector  # the header takes one, the last may be short
    numbers = list(header.fat_sectors)
    difat, seen = header.difat, set[int]()
    # A DIFAT that leads back to itself would never end.
    while difat < sector_count and difat not in seen:
        seen.add(difat)
        listed = np.frombuffer(
            _read_sectors(reader, [(difat, 1)], header.sector, size), "<u4"
        ).tolist()
        # [MS-CFB] 2.5: the last field is the next sector of the DIFAT.
        numbers += [number for number in listed[:-1] if number <= LAST_REGULAR]
        difat = listed[-1]
    # One sector of the FAT lists a quarter of its bytes: more of them are rubbish.
    numbers = numbers[: sector_count // (header.sector // 4) + 1]
    beyond = [number for number in numbers if number >= sector_count]
    if beyond or not numbers:
        raise CorruptFileError.at(
            source.uri,
            HEADER_DIFAT,
            f"expected sectors of the FAT below {sector_count}, {beyond[:3]}",
        )
    table = _read_sectors(reader, [(number, 1) for number in numbers], header.sector, size)
    fat = np.frombuffer(table, "<u4").astype(np.int64)[:sector_count]
    missing = sector_count - fat.size
    # Sectors that the FAT does not list end their chains.
    return np.concatenate([fat, np.full(missing, LAST_REGULAR + 1)])


def _read_sectors(reader: Reader, runs: list[tuple[int, int]], sector: int, size: int) -> bytes:
    """Return runs of sectors joined; what lies behind the end of the file is zero."""
    spans = []
    for number, count in runs:
        # Sector 0 follows the header, which takes the room of one sector.
        offset = (number + 1) * sector
        spans.append((offset, max(min(count * sector, size - offset), 0)))
    parts = reader.read_spans(spans)
    padded = (
        bytes(part).ljust(run[1] * sector, b"\0") for part, run in zip(parts, runs, strict=True)
    )
    return b"".join(padded)


def _read_directory(
    reader: Reader, source: Source, chains: "_Chains", header: _Header
) -> npt.NDArray[Any]:
    runs = chains.follow(header.directory, None)
    data = _read_sectors(reader, runs, header.sector, source.size or 0)
    entries: npt.NDArray[Any] = np.frombuffer(data, ENTRY)
    if not entries.size or entries[0]["kind"] != ROOT:
        raise CorruptFileError.at(
            source.uri,
            (header.directory + 1) * header.sector,
            "expected a directory that begins with the root storage",
        )
    return entries


def _entry_name(raw: bytes, nbytes: int) -> str:
    """Return the name of an entry: UTF-16, its length counts the final zero."""
    return raw[: max(min(nbytes, 64) - 2, 0)].decode("utf-16-le", "replace")


# ---------------------------------------------------------------- chains


class _Chains:
    """The chains of a table. It lives for one opening.

    Runs of consecutive sectors are found at once: a stream of 90 000 sectors takes as long as one
    of its fragments.
    """

    def __init__(self, following: Table, count: int) -> None:
        self.following = following[:count]
        self.count = self.following.size
        # The last sector of each run of consecutive ones.
        steps = np.arange(1, self.count + 1)
        self.ends = np.flatnonzero(self.following != steps)
        self.taken = np.zeros(self.count, np.bool_)

    def follow(self, start: int, limit: int | None) -> list[tuple[int, int]]:
        """Return the runs (first sector, number) of a chain.

        It stops after ``limit`` sectors, at the end of the chain, and in front of a sector that is
        not in the file or belongs to another chain.
        """
        runs: list[tuple[int, int]] = []
        left = self.count if limit is None else limit
        at = start
        while 0 <= at < self.count and left > 0:
            # The run that holds ``at`` stops at the nearest end from there on.
            place = int(self.ends.searchsorted(at))
            last = int(self.ends[place]) if place < self.ends.size else self.count - 1
            number = min(last - at + 1, left)
            taken = self.taken[at : at + number]
            # argmax of booleans is the first True, but 0 also where there is none: hence taken[0].
            if taken.argmax() or taken[0]:
                number = int(taken.argmax())
                if number:
                    runs.append((at, number))
                    taken[:number] = True
                break
            taken[:] = True
            runs.append((at, number))
            left -= number
            at = int(self.following[last])
        return runs


def _cut(runs: list[tuple[int, int]], sector: int, size: int) -> Extents:
    """Turn runs of sectors into runs of bytes of a file of ``size`` bytes."""
    extents = []
    for number, count in runs:
        offset = (number + 1) * sector
        nbytes = min(count * sector, size - offset)
        if nbytes > 0:
            extents.append((offset, nbytes))
    return tuple(extents)


def _limit(extents: Extents, nbytes: int) -> Extents:
    """Cut a stream off behind its last byte: sectors are filled up."""
    kept = []
    left = nbytes
    for offset, length in extents:
        if left <= 0:
            break
        kept.append((offset, min(length, left)))
        left -= length
    return tuple(kept)


def _map_into(container: Extents, starts: Table, inside: list[tuple[int, int]]) -> Extents:
    """Turn ranges of the mini stream into ranges of the file."""
    mapped: list[tuple[int, int]] = []
    for offset, nbytes in inside:
        at, left = offset, nbytes
        while left > 0:
            part = int(starts.searchsorted(at, side="right")) - 1
            # The last of the starts is the end of the mini stream: nothing lies behind it.
            if part >= len(container):
                return tuple(mapped)
            skipped = at - int(starts[part])
            length = min(container[part][1] - skipped, left)
            mapped.append((container[part][0] + skipped, length))
            at += length
            left -= length
    return tuple(mapped)
