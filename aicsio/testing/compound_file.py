"""Legal compound files (OLE2) of any streams, with sectors of either size, in order or scattered.

Rule kept here: a file holds the given streams; short ones lie in the mini stream.

Source of the structures: [MS-CFB] "Compound File Binary File Format", Microsoft.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Literal

__all__ = ["build_compound"]

FREE, END, FAT_SECTOR, DIFAT_SECTOR = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFC
MINI_SECTOR = 64
MINI_CUTOFF = 4096
HEADER_DIFAT_COUNT = 109
"""Sectors of the FAT that the header lists; further ones stand in sectors of the DIFAT."""
STORAGE, STREAM, ROOT = 1, 2, 5


def build_compound(
    streams: Mapping[str, bytes], *, version: Literal[3, 4] = 4, fragment: int = 0
) -> bytes:
    """Return the bytes of a compound file.

    Parameters
    ----------
    streams
        Content by name; ``"Storage00001/Stream00001"`` lies in a storage.
    version
        3 has sectors of 512 bytes, 4 of 4096.
    fragment
        Sectors of one stream that follow each other before those of another come; 0 keeps streams
        whole.

    Returns
    -------
    bytes
        The whole file.

    Examples
    --------
    >>> from aicsio.testing.compound_file import build_compound
    >>> build_compound({"a": bytes(5000)})[:8].hex()
    'd0cf11e0a1b11ae1'
    """
    sector = 512 if version == 3 else 4096
    allocation = _Allocation(sector, fragment)
    mini_fat, mini_stream, starts = _pack_minis(streams)
    contents = {name: data for name, data in streams.items() if len(data) >= MINI_CUTOFF}
    if mini_stream:
        contents["\0mini"] = mini_stream
        contents["\0minifat"] = struct.pack(f"<{len(mini_fat)}I", *mini_fat)
    # The directory has the starts of streams, which are known once all have their sectors.
    directory_nbytes = 128 * len(_tree(list(streams))[0])
    contents["\0directory"] = bytes(directory_nbytes + -directory_nbytes % sector)
    allocation.place(contents)
    places = {name: allocation.chains[name][0] for name in contents}
    starts |= {name: place for name, place in places.items() if name in streams}
    root = (places.get("\0mini", END), len(mini_stream))
    directory = _directory(streams, starts, root, sector)
    allocation.fill("\0directory", directory)
    return allocation.finish(version, places, len(contents.get("\0minifat", b"")))


class _Allocation:
    """Sectors of a file that is being made. It lives for one file."""

    def __init__(self, sector: int, fragment: int) -> None:
        self.sector = sector
        self.fragment = fragment
        self.sectors: list[bytes] = []
        self.chains: dict[str, list[int]] = {}

    def place(self, contents: Mapping[str, bytes]) -> None:
        """Give all contents their sectors, in turns of some sectors each."""
        left = {name: self._split(data) for name, data in contents.items()}
        while left:
            for name in list(left):
                parts = left[name]
                count = self.fragment or len(parts)
                chain = self.chains.setdefault(name, [])
                chain += range(len(self.sectors), len(self.sectors) + len(parts[:count]))
                self.sectors += parts[:count]
                left[name] = parts[count:]
                if not left[name]:
                    del left[name]

    def _split(self, data: bytes) -> list[bytes]:
        size = self.sector
        return [data[at : at + size].ljust(size, b"\0") for at in range(0, len(data), size)]

    def fill(self, name: str, data: bytes) -> None:
        """Replace what was placed by other bytes of the same length."""
        for number, part in zip(self.chains[name], self._split(data), strict=True):
            self.sectors[number] = part

    def finish(self, version: int, places: Mapping[str, int], mini_fat_nbytes: int) -> bytes:
        """Return the file with header, FAT and DIFAT."""
        per_sector = self.sector // 4
        used = len(self.sectors)
        fat_count, difat_count = 0, 0
        # The FAT lists its own sectors and those of the DIFAT too.
        while (used + fat_count + difat_count) > fat_count * per_sector:
            fat_count += 1
            difat_count = -(-max(fat_count - HEADER_DIFAT_COUNT, 0) // (per_sector - 1))
        fat = [FREE] * (fat_count * per_sector)
        for chain in self.chains.values():
            for number, following in zip(chain, [*chain[1:], END], strict=True):
                fat[number] = following
        fat_sectors = list(range(used, used + fat_count))
        difat_sectors = list(range(used + fat_count, used + fat_count + difat_count))
        fat[used : used + fat_count] = [FAT_SECTOR] * fat_count
        fat[used + fat_count : used + fat_count + difat_count] = [DIFAT_SECTOR] * difat_count
        self.sectors += self._split(struct.pack(f"<{len(fat)}I", *fat))
        beyond = fat_sectors[HEADER_DIFAT_COUNT:]
        for index, number in enumerate(difat_sectors):
            # The last number of a DIFAT sector is that of the next one.
            listed = beyond[index * (per_sector - 1) : (index + 1) * (per_sector - 1)]
            listed += [FREE] * (per_sector - 1 - len(listed))
            following = number + 1 if index + 1 < difat_count else END
            self.sectors.append(struct.pack(f"<{per_sector}I", *listed, following))
        header = struct.pack(
            "<8s16xHHHHH6xIIIIIIIII",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",  # signature
            # Minor and major version, byte order mark, sector sizes as powers of two.
            *(0x3E, version, 0xFFFE, self.sector.bit_length() - 1, MINI_SECTOR.bit_length() - 1),
            # [MS-CFB] 2.2: the sectors of the directory are counted in version 4 alone.
            len(self.chains["\0directory"]) if version == 4 else 0,
            fat_count,  # sectors of the FAT
            places["\0directory"],  # first sector of the directory
            0,  # transaction signature
            MINI_CUTOFF,
            # First sector and number of sectors of the mini FAT, then of the DIFAT.
            places.get("\0minifat", END),
            -(-mini_fat_nbytes // self.sector),
            difat_sectors[0] if difat_sectors else END,
            difat_count,
        )
        listed = fat_sectors[:HEADER_DIFAT_COUNT]
        listed += [FREE] * (HEADER_DIFAT_COUNT - len(listed))
        header += struct.pack(f"<{HEADER_DIFAT_COUNT}I", *listed)
        # The header takes a whole sector in version 4 too; sector 0 is the one behind it.
        return header.ljust(self.sector, b"\0") + b"".join(self.sectors)


def _pack_minis(streams: Mapping[str, bytes]) -> tuple[list[int], bytes, dict[str, int]]:
    """Return mini FAT and mini stream of the short streams, and where each begins."""
    fat: list[int] = []
    packed = bytearray()
    starts = {}
    for name, data in streams.items():
        if len(data) >= MINI_CUTOFF:
            continue
        count = -(-len(data) // MINI_SECTOR)
        starts[name] = len(fat) if count else END
        # Mini sectors of a stream follow each other, so each entry is the next number.
        fat += [*range(len(fat) + 1, len(fat) + count), END][:count]
        packed += data.ljust(count * MINI_SECTOR, b"\0")
    return fat, bytes(packed), starts


def _tree(names: Sequence[str]) -> tuple[list[tuple[str, int]], dict[str, list[str]]]:
    """Return the entries of the directory (path, kind), and the children of each storage."""
    storages = sorted({name.rpartition("/")[0] for name in names if "/" in name})
    entries = [("", ROOT), *((name, STORAGE) for name in storages)]
    entries += [(name, STREAM) for name in names]
    children: dict[str, list[str]] = {"": list(storages)}
    for name in names:
        children.setdefault(name.rpartition("/")[0], []).append(name)
    return entries, children


def _directory(
    streams: Mapping[str, bytes],
    starts: Mapping[str, int],
    root: tuple[int, int],
    sector: int,
) -> bytes:
    entries, children = _tree(list(streams))
    number = {path: index for index, (path, _) in enumerate(entries)}
    links = {path: [FREE, FREE, FREE] for path, _ in entries}
    for parent, names in children.items():
        # [MS-CFB] 2.6.4: siblings are ordered by the length of their names, then by their letters.
        ordered = sorted(names, key=lambda path: (len(_plain(path)), _plain(path).upper()))
        links[parent][2] = _link(ordered, number, links)
    packed = b""
    for path, kind in entries:
        # The length of a name counts its bytes, the final zero among them.
        name = (_plain(path) or "Root Entry").encode("utf-16-le") + b"\0\0"
        # The root entry holds the mini stream: its first sector and its length.
        start, size = (0, 0) if kind == STORAGE else root
        if kind == STREAM:
            start, size = starts[path], len(streams[path])
        packed += name.ljust(64, b"\0")
        # Colour 1 is black; left and right sibling and child follow, then 36 bytes of
        # class, state and times, which are 0.
        packed += struct.pack("<HBBIII36xIQ", len(name), kind, 1, *links[path], start, size)
    # An unused entry is zero, but for its three links.
    empty = bytes(68) + struct.pack("<III", FREE, FREE, FREE) + bytes(48)
    count = -len(packed) % sector // 128
    return packed + empty * count


def _plain(path: str) -> str:
    return path.rpartition("/")[2]


def _link(ordered: Sequence[str], number: Mapping[str, int], links: dict[str, list[int]]) -> int:
    """Link siblings as a balanced tree; return the number of its root."""
    if not ordered:
        return FREE
    middle = len(ordered) // 2
    path = ordered[middle]
    links[path][0] = _link(ordered[:middle], number, links)
    links[path][1] = _link(ordered[middle + 1 :], number, links)
    return number[path]
