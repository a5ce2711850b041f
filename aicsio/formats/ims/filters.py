"""Filters of HDF5 to codecs.

Rule kept here: a filter that is unknown refuses its array by name; nothing is guessed.

Source of the facts: "HDF5 File Format Specification" 3.0, section IV.A.2.l (filter pipeline); the
HDF Group's list of registered filters, with the bytes that each of them writes.
"""

from collections.abc import Sequence
from typing import Any, Final

from aicsio.records import Codec, Value

# Filters of the HDF5 library itself (section IV.A.2.l), which has the numbers up to 255.
GZIP, SHUFFLE, FLETCHER32 = 1, 2, 3
NAMES: Final = {
    4: "SZIP", 5: "N-bit", 6: "scale-offset", 307: "bzip2", 32008: "bitshuffle", 32013: "ZFP",
    32026: "Blosc 2",
}  # fmt: skip
"""Filters that are not read."""
COMPRESSORS: Final = {
    32001: "zarr-blosc", 32015: "zarr-zstd", 32000: "hdf5-lzf", 32004: "hdf5-lz4",
}  # fmt: skip
"""Registered numbers, and the codecs that undo them; each takes the parameter ``sized``."""
MOST_FILTERS: Final = 32
"""Filters of an array: the mask of a chunk has as many bits."""


class UnknownFilterError(Exception):
    """A filter that is not read; the text is its name, or its number."""


def read_filters(plist: Any) -> tuple[Codec, ...]:
    """Return the codecs that undo the filters of an array, in the order of writing.

    Raises
    ------
    UnknownFilterError
        When one of them is not read.
    """
    codecs: list[Codec] = []
    count = plist.get_nfilters()
    if count > MOST_FILTERS:
        raise UnknownFilterError(f"a row of {count} filters")
    for number in range(count):
        # Number, flags, client values and name of a filter.
        code, _, values, _ = plist.get_filter(number)
        # The result of a compressor has the size of the pixels, unless the bytes that it was given
        # had another: those of a compressor before it, or with a checksum.
        sized = all(codec.name == "zarr-shuffle" for codec in codecs)
        codecs.append(_undo(code, values, sized=sized))
    return tuple(codecs)


def _undo(code: int, values: Sequence[int], *, sized: bool) -> Codec:
    if code == SHUFFLE:
        # The only client value of shuffle: bytes of an element.
        size = values[0] if values else 1
        return Codec("zarr-shuffle", (("size", max(int(size), 1)),))
    if code == FLETCHER32:
        # HDF5 appends the checksum, four bytes, to the data.
        parameters: tuple[tuple[str, Value], ...] = (("name", "fletcher32"), ("at_end", True))
        return Codec("zarr-checksum", parameters)
    if code == GZIP:
        # libdeflate decodes zlib in about half of the time of zlib itself.
        return Codec("deflate" if sized else "inflate")
    if code in COMPRESSORS:
        return Codec(COMPRESSORS[code], (("sized", sized),))
    raise UnknownFilterError(NAMES.get(code, f"filter {code}"))


def decoders(filters: tuple[Codec, ...], mask: int) -> tuple[Codec, ...]:
    """Return the chain that decodes a chunk; a bit of its mask stands for a filter it skipped."""
    if not mask:
        return filters[::-1]
    applied = [codec for number, codec in enumerate(filters) if not mask >> number & 1]
    return tuple(reversed(applied))
