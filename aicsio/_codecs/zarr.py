"""Codecs of Zarr: checksums, filters of numcodecs, transposed chunks, shards inside of a chunk.

Rule kept here: a checksum is compared before its bytes are decoded, and no decoder makes more than
a fixed multiple of the pixels' size.

Source of the facts: Zarr core specification 3.1 (https://zarr-specs.readthedocs.io), codecs
``transpose``, ``crc32c``, ``blosc``, ``sharding_indexed``; the documentation of numcodecs 0.16 for
filters and their byte layout; the frame of c-blosc 1 (README_CHUNK_FORMAT.rst).
"""

import math
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from aicsio._codecs.buffers import Data, DecodeTarget, as_octets, imagecodecs
from aicsio.records import Codec, Value

LARGEST_GROWTH = 8
"""An intermediate result is at most so many times the pixels: a filter may store one byte as eight."""
CHECKSUM_NBYTES = 4
BLOSC_HEADER_NBYTES = 16
WORDS = {2: "<u2", 4: "<u4", 8: "<u8"}
"""Types of words by their bytes."""
GZIP_MAGIC = b"\x1f\x8b"
"""First bytes of each member (RFC 1952, section 2.3.1)."""
EMPTY_ENTRY = (1 << 64) - 1
"""Offset and length of a chunk of a shard that was never written: it holds the fill value."""


class Decompressor:
    """A compressor of numcodecs or Zarr; ``sized`` where its result is the pixels."""

    def __init__(self, function: str, *, stops: bool = False, **fixed: Any) -> None:
        self._function = function
        self._stops = stops
        """Whether the function stops without an error where the room ends."""
        self._fixed = fixed

    def __call__(self, data: Data, target: DecodeTarget, *, sized: bool) -> Data:
        decode = getattr(imagecodecs(), self._function)
        if not (sized and self._stops):
            result: Data = decode(as_octets(data), out=_room(target, sized=sized), **self._fixed)
            return result
        # One byte more shows that the content is longer than the pixels.
        room = target.scratch.take(("intermediate", target.index), target.nbytes + 1)
        result = decode(as_octets(data), out=room, **self._fixed)
        _refuse_surplus(result, target)
        return result


def decode_gzip(data: Data, target: DecodeTarget, *, sized: bool) -> Data:
    """Decode gzip: "A gzip file consists of a series of members" (RFC 1952, section 2.2).

    Raises
    ------
    ValueError
        When a further member is damaged, or the members hold more than fits the pixels.
    """
    raw = as_octets(data)
    first: Data = imagecodecs().gzip_decode(raw, out=_room(target, sized=sized))
    if not sized or as_octets(first).nbytes >= target.nbytes:
        return first
    # libdeflate decodes the first member alone, as long as most chunks have one.
    content = bytearray()
    rest = bytes(raw)
    while rest.startswith(GZIP_MAGIC) and len(content) <= target.nbytes:
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            content += member.decompress(rest, target.nbytes + 1 - len(content))
        except zlib.error as error:
            raise ValueError(str(error)) from error
        rest = member.unused_data
    _refuse_surplus(bytes(content), target)
    return bytes(content)


def _refuse_surplus(content: Data, target: DecodeTarget) -> None:
    if as_octets(content).nbytes > target.nbytes:
        raise ValueError(f"it holds more than {target.nbytes} bytes, the pixels of its chunk")


def _room(target: DecodeTarget, *, sized: bool) -> Any:
    if sized:
        return target.empty_output(target.nbytes)
    limit = LARGEST_GROWTH * target.nbytes + 4096
    return target.scratch.take(("intermediate", target.index), limit)


def decode_blosc(data: Data, target: DecodeTarget, *, sized: bool) -> Data:
    """Decode a frame of c-blosc 1, whose header states the length of its content.

    Raises
    ------
    ValueError
        When the header is cut off, or claims another length than fits the pixels.
    """
    raw = as_octets(data)
    if raw.nbytes < BLOSC_HEADER_NBYTES:
        raise ValueError(f"a Blosc frame has a header of 16 bytes, there are {raw.nbytes}")
    # Bytes of the content at 4, of a block at 8, of the frame at 12.
    claimed = int.from_bytes(raw[4:8].tobytes(), "little")
    stored = int.from_bytes(raw[12:16].tobytes(), "little")
    out = _room(target, sized=sized)
    if claimed > out.nbytes or stored > raw.nbytes:
        raise ValueError(
            f"its Blosc header claims {stored} bytes that hold {claimed}; there are {raw.nbytes} "
            f"for {target.nbytes}"
        )
    result: Data = imagecodecs().blosc_decode(raw[:stored], out=out[:claimed])
    return result


# ---------------------------------------------------------------- checksums


def crc32c(data: Data) -> int:
    """Return the checksum CRC-32C (RFC 3720, appendix B.4)."""
    import google_crc32c  # the library loads in 1 ms, and most files need none

    return int(google_crc32c.value(as_octets(data).tobytes()))


_SUMS: dict[str, Callable[[Any], int]] = {
    "adler32": zlib.adler32,
    "crc32": zlib.crc32,
    "crc32c": crc32c,
    "fletcher32": lambda octets: int(imagecodecs().h5checksum_fletcher32(octets.tobytes())),
}
"""By the names of numcodecs. HDF5 and numcodecs share their kind of Fletcher's checksum."""


def check_sum(
    data: Data,
    target: DecodeTarget,  # noqa: ARG001 - one signature
    *,
    name: str,
    at_end: bool,
) -> Data:
    """Compare a checksum of 4 bytes, and return the bytes without it.

    Raises
    ------
    ValueError
        When it differs: some bytes are damaged.
    """
    raw = as_octets(data)
    if raw.nbytes < CHECKSUM_NBYTES:
        raise ValueError(f"{raw.nbytes} bytes are too few for a checksum")
    # Zarr's crc32c stands behind the bytes; numcodecs' CRC32 and Adler32 by default in front.
    if at_end:
        body, stored = raw[:-CHECKSUM_NBYTES], raw[-CHECKSUM_NBYTES:]
    else:
        stored, body = raw[:CHECKSUM_NBYTES], raw[CHECKSUM_NBYTES:]
    expected = int.from_bytes(stored.tobytes(), "little")
    actual = _SUMS[name](body)
    if actual != expected:
        raise ValueError(f"checksum {name} is {actual:08x}, expected {expected:08x}")
    return body


# ---------------------------------------------------------------- filters of numcodecs


def undo_delta(data: Data, target: DecodeTarget, *, dtype: str, stored: str) -> Data:  # noqa: ARG001
    """Sum differences along the chunk as one run of pixels."""
    values = as_octets(data).view(stored)
    sums = np.empty(values.shape, dtype)
    np.cumsum(values, dtype=np.dtype(dtype), out=sums)
    return sums


def undo_shuffle(data: Data, target: DecodeTarget, *, size: int) -> Data:
    """Bring the bytes of each element together again; a rest that fills no element stays behind."""
    raw = as_octets(data)
    count = raw.nbytes // size
    # Row i holds byte i of every element.
    parts = raw[: count * size].reshape(size, count)
    out = target.empty_output(raw.nbytes)
    out[count * size :] = raw[count * size :]
    if size in WORDS:
        # Shifted words take 0.09 ms a MiB, bytes put side by side 0.3 ms, a transposed copy 2.5 ms.
        words = out[: count * size].view(WORDS[size])
        # Words are little-endian: the last row has their highest bytes.
        words[...] = parts[-1]
        for part in parts[-2::-1]:
            np.left_shift(words, 8, out=words)
            np.bitwise_or(words, part, out=words)
    else:
        elements = out[: count * size].reshape(count, size)
        for place, part in enumerate(parts):
            elements[:, place] = part
    return out


def undo_scale(
    data: Data,
    target: DecodeTarget,  # noqa: ARG001 - one signature
    *,
    offset: float,
    scale: float,
    dtype: str,
    stored: str,
) -> Data:
    """Undo ``round((x - offset) * scale)``, as numcodecs' FixedScaleOffset does."""
    values = as_octets(data).view(stored)
    return (values / scale + offset).astype(dtype, copy=False)


def unpack_booleans(data: Data, target: DecodeTarget) -> Data:  # noqa: ARG001
    """Unpack bits, most significant first; the first byte counts the bits that are padding."""
    raw = as_octets(data)
    padding = int(raw[0])
    bits = np.unpackbits(raw[1:])
    return bits[: bits.size - padding] if padding else bits


def convert_type(data: Data, target: DecodeTarget, *, dtype: str, stored: str) -> Data:  # noqa: ARG001
    """Convert pixels that were stored as another type."""
    return as_octets(data).view(stored).astype(dtype)


def transpose_chunk(data: Data, target: DecodeTarget, *, order: tuple[int, ...]) -> Data:
    """Show a chunk that was stored with its axes in another order.

    ``order`` lists the axes of the chunk in the order in which they are stored.
    """
    stored_shape = [target.shape[axis] for axis in order]
    pixels = as_octets(data)
    if pixels.nbytes != target.nbytes:
        raise ValueError(f"it holds {pixels.nbytes} bytes, expected {target.nbytes}")
    shown = pixels.view(target.dtype).reshape(stored_shape)
    # The argsort of a permutation is its inverse.
    return shown.transpose(np.argsort(order))


# ---------------------------------------------------------------- shards that are read whole


def pack_codecs(codecs: tuple[Codec, ...]) -> tuple[Value, ...]:
    """Turn a chain into a parameter of another codec."""
    return tuple((codec.name, codec.parameters) for codec in codecs)


def _unpack_codecs(packed: Any) -> tuple[Codec, ...]:
    return tuple(Codec(name, parameters) for name, parameters in packed)


def decode_shard(
    decode: Callable[..., Any],
    data: Data,
    target: DecodeTarget,
    *,
    shape: tuple[int, ...],
    chunk: tuple[int, ...],
    stored: str,
    codecs: Any,
    index_codecs: Any,
    index_dtype: str,
    index_nbytes: int,
    at_end: bool,
    fill: bytes,
) -> Data:
    """Decode all chunks of a shard that lies inside of another chunk.

    Raises
    ------
    ValueError
        When the table of the shard is damaged, or names bytes beyond it.
    """
    raw = as_octets(data)
    if index_nbytes > raw.nbytes:
        raise ValueError(f"the table of a shard has {index_nbytes} bytes, the shard {raw.nbytes}")
    # Inner chunks along each axis; the table lists them in C order.
    counts = [-(-size // part) for size, part in zip(shape, chunk, strict=True)]
    table_target = DecodeTarget((math.prod(counts), 2), np.dtype(index_dtype), target.scratch)
    table_bytes = raw[-index_nbytes:] if at_end else raw[:index_nbytes]
    table = decode(_unpack_codecs(index_codecs), table_bytes, table_target).tolist()
    result = np.empty(shape, target.dtype)
    result[...] = np.frombuffer(fill, target.dtype.newbyteorder("="), 1)[0]
    chain = _unpack_codecs(codecs)
    # Buffers of its own: the bytes of the shard lie in those of this thread.
    scratch = type(target.scratch)()
    for position, (offset, nbytes) in zip(np.ndindex(*counts), table, strict=True):
        if offset == nbytes == EMPTY_ENTRY:
            continue
        if offset + nbytes > raw.nbytes:
            raise ValueError(f"a chunk of the shard ends at {offset + nbytes} of {raw.nbytes}")
        inner = DecodeTarget(chunk, np.dtype(stored), scratch)
        pixels = decode(chain, raw[offset : offset + nbytes], inner)
        place = tuple(
            slice(at * part, (at + 1) * part) for at, part in zip(position, chunk, strict=True)
        )
        result[place] = pixels[tuple(slice(0, size) for size in result[place].shape)]
    return result
