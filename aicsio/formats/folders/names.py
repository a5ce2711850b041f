"""Names of files in few bytes.

Rule kept here: names live in immutable ``bytes``, compressed in groups, so that a table of 100 000
names hashes and pickles in milliseconds and one name is found without the others.
"""

import functools
import itertools
import zlib
from collections.abc import Sequence

import attrs
import numpy as np

from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short

GROUP = 256
"""Names of a group: 256 names of 40 characters take about 900 bytes, and 20 us to unpack."""


@printed_short
@pickled_by_position
@attrs.frozen
class PackedNames:
    """A list of names."""

    raw: bytes = attrs.field(repr=False)
    """Groups of names, each compressed on its own."""
    ends: bytes = attrs.field(repr=False)
    """Little-endian int64: where each group ends in ``raw``."""
    count: int
    """Number of names."""

    @classmethod
    def pack(cls, names: Sequence[str]) -> "PackedNames":
        """Pack a list of names; none holds a line break.

        Parameters
        ----------
        names
            In their order.

        Examples
        --------
        >>> from aicsio.formats.folders.names import PackedNames
        >>> names = PackedNames.pack([f"r01c01f{i:02}.tiff" for i in range(1000)])
        >>> names.at(999), len(names.raw) < 4000
        ('r01c01f999.tiff', True)
        """
        groups: list[bytes] = []
        for start in range(0, len(names), GROUP):
            text = "\n".join(names[start : start + GROUP])
            # Level 1: a tenth larger than 6, in a third of the time. A window of 4 KiB, for the names of one
            # field: 6 us, of which 32 KiB take 19 to clear.
            compressor = zlib.compressobj(1, zlib.DEFLATED, 12, 4)
            raw = text.encode("utf-8", "surrogateescape")
            groups.append(compressor.compress(raw) + compressor.flush())
        # Without numpy, which takes a few microseconds of the 15 that the names of a field take.
        ends = [end.to_bytes(8, "little") for end in itertools.accumulate(map(len, groups))]
        return cls(b"".join(groups), b"".join(ends), len(names))

    def at(self, index: int) -> str:
        """Return the name at an index."""
        group, place = divmod(index, GROUP)
        start = int.from_bytes(self.ends[8 * group - 8 : 8 * group], "little") if group else 0
        end = int.from_bytes(self.ends[8 * group : 8 * group + 8], "little")
        return _unpack(self.raw[start:end])[place]

    def list(self) -> tuple[str, ...]:
        """Return all names."""
        ends = np.frombuffer(self.ends, "<i8").tolist()
        names: tuple[str, ...] = ()
        start = 0
        for end in ends:
            names += _unpack(self.raw[start:end])
            start = end
        return names


@functools.lru_cache(maxsize=16)
def _unpack(group: bytes) -> tuple[str, ...]:
    return tuple(zlib.decompress(group).decode("utf-8", "surrogateescape").split("\n"))
