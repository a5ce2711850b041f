"""A table of functions: compressed bytes -> pixels. imagecodecs does the work.

A step of a chain takes the bytes or pixels of the step before and a ``Want`` (what the whole chain must come to), and
returns bytes or an array. A step that knows the size of its result writes it into ``want.room(nbytes)``: a buffer that
the thread uses again for every piece, or the output itself, because fresh memory costs more than decoding.
"""

import binascii
import bz2
import functools
import importlib.util
import math
import os
import struct
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.errors import CorruptFileError
from aicsio.records import Codec, DType

Data: TypeAlias = "bytes | memoryview | npt.NDArray[Any]"
Bytes: TypeAlias = npt.NDArray[np.uint8]


MOST_CODED = (1 << 31) - 1
"""Bytes of one segment that libtiff takes as one row."""
LARGE = 64 << 20
"""Segments of more bytes than this are not filled up when a codec gives much less: their size is a lie."""


class Scratch:
    """Buffers of one thread, by name, kept for the length of one plan."""

    __slots__ = ("_buffers",)

    def __init__(self) -> None:
        self._buffers: dict[object, Bytes] = {}

    def take(self, name: object, nbytes: int) -> Bytes:
        """Return ``nbytes`` of the buffer called ``name``; its former content is gone."""
        buffer = self._buffers.get(name)
        if buffer is None or buffer.nbytes < nbytes:
            # A little more than asked for: compressed tiles differ in size, and fresh memory costs.
            buffer = self._buffers[name] = np.empty(nbytes + nbytes // 8, np.uint8)
        return buffer[:nbytes]


@attrs.define
class Want:
    """What a chain must come to, and where it may write. Not a record: it lives for one decoding."""

    shape: tuple[int, ...]
    """Shape of the decoded array."""
    dtype: DType
    """Type of the decoded array, with its byte order."""
    scratch: Scratch
    """Buffers of this thread."""
    into: Bytes | None = None
    """Memory of the output, exactly as large as the decoded array, for the last step."""
    step: int = 0
    """Index of the running step."""
    nbytes: int = attrs.field(init=False)
    """Bytes of the decoded array."""

    def __attrs_post_init__(self) -> None:
        self.nbytes = math.prod(self.shape) * self.dtype.itemsize

    def room(self, nbytes: int) -> Bytes:
        """Return memory for the result of the running step."""
        if self.into is not None and self.into.nbytes == nbytes:
            return self.into
        return self.scratch.take(self.step, nbytes)


Step: TypeAlias = Callable[..., Data]


def decode(codecs: tuple[Codec, ...], data: Data, want: Want) -> npt.NDArray[Any]:
    """Run a chain and return the array that it promises; memory may be that of ``want``.

    Raises
    ------
    ValueError, RuntimeError
        Whatever a codec finds wrong with its bytes, or a result of the wrong size; the engine says where.
    """
    last = len(codecs) - 1
    into = want.into
    for index, codec in enumerate(codecs):
        want.step = index
        want.into = into if index == last else None
        data = CODECS[codec.name](data, want, **dict(codec.parameters))
    if isinstance(data, np.ndarray) and data.nbytes == want.nbytes and data.flags.c_contiguous:
        return data.reshape(-1).view(want.dtype).reshape(want.shape)
    if (
        isinstance(data, np.ndarray)
        and data.dtype == want.dtype
        and (data.ndim > 1 or data.nbytes <= want.nbytes)
    ):
        pixels = data
    else:
        pixels = np.frombuffer(data, np.uint8)
        if pixels.nbytes > want.nbytes:
            pixels = pixels[: want.nbytes]
        if pixels.nbytes == want.nbytes:
            pixels = pixels.view(want.dtype)
    if pixels.nbytes != want.nbytes:
        raise ValueError(
            f"it holds {pixels.nbytes} bytes, where shape {want.shape} needs {want.nbytes}"
        )
    return pixels.reshape(want.shape)


@functools.cache
def imagecodecs() -> ModuleType:
    """Import imagecodecs, on the first decoding and not before."""
    import imagecodecs as module

    return module


@functools.cache
def has_library(name: str) -> bool:
    """Say whether imagecodecs was built with a library, such as ``"jpegxr"``, without importing it."""
    found = importlib.util.find_spec("imagecodecs")
    folders = (found.submodule_search_locations or ()) if found else ()
    return any(entry.startswith(f"_{name}.") for folder in folders for entry in os.listdir(folder))


def _sized(name: str) -> Step:
    """Make the step for a decoder whose result has the size that the pixels have, or a little more."""

    def step(data: Data, want: Want) -> Data:
        function = getattr(imagecodecs(), name)
        result: Data
        try:
            result = function(data, out=want.room(want.nbytes))
        except RuntimeError:
            # Some writers compress the last strip as if it had all its rows.
            more = min(64 * want.nbytes, want.nbytes + LARGE) + 4096
            result = function(data, out=want.scratch.take(("more", want.step), more))
        return result

    return step


def _lzw(
    data: Data, want: Want, *, sampled: bool = False, packing: tuple[int, int] | None = None
) -> Data:
    """Decode LZW with libtiff: imagecodecs' own decoder follows codes that are not in its table, out of its memory.

    ``packing`` says how many rows are stored in how many bytes, where that is not the size of the pixels.
    """
    nbytes = want.nbytes
    if packing is not None:
        rows, columns, samples = _frame(want, sampled)
        sections = math.prod(want.shape) // (rows * columns * samples)
        nbytes = sections * -(-rows // packing[0]) * packing[1]
    raw = bytes(_octets(data))
    if nbytes > MOST_CODED or len(raw) > MOST_CODED:
        raise ValueError(f"{nbytes} bytes of LZW in one piece are more than libtiff takes")
    # One row of bytes, in one strip: width, length, bits, compression, photometric, offset, samples, rows, byte count.
    tags = (
        (256, nbytes),
        (257, 1),
        (258, 8),
        (259, 5),
        (262, 1),
        (273, 8 + 6 + 9 * 12),
        (277, 1),
        (278, 1),
        (279, len(raw)),
    )
    entries = b"".join(struct.pack("<HHII", code, 4, 1, value) for code, value in tags)
    tiff = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + raw
    result: Data = imagecodecs().tiff_decode(tiff, out=want.room(nbytes).reshape(1, nbytes))
    return result


def _inside(name: str) -> Step:
    """Make the step for what lies between file and codec, whose size no one says: it may not be twice the pixels."""

    def step(data: Data, want: Want) -> Data:
        room = want.scratch.take(("inside", want.step), 2 * want.nbytes + 4096)
        result: Data = getattr(imagecodecs(), name)(data, out=room)
        return result

    return step


def _base64(data: Data, want: Want) -> Data:  # noqa: ARG001 - one signature for all steps
    """Decode base64, whatever white space lies in it."""
    return binascii.a2b_base64(bytes(_octets(data)))


def _bzip2(data: Data, want: Want) -> Data:
    """Decode bzip2, as far as the pixels go."""
    return bz2.BZ2Decompressor().decompress(bytes(_octets(data)), want.nbytes)


def _octets(data: Data) -> Bytes:
    if isinstance(data, np.ndarray):
        return data.reshape(-1).view(np.uint8)
    return np.frombuffer(data, np.uint8)


def _pixels(data: Data, want: Want) -> npt.NDArray[Any]:
    """Show decoded bytes as the pixels that are wanted; what a decoder gives beyond them is padding."""
    raw = _octets(data)
    if raw.nbytes < want.nbytes:
        raise ValueError(
            f"it holds {raw.nbytes} bytes, where shape {want.shape} needs {want.nbytes}"
        )
    return raw[: want.nbytes].view(want.dtype).reshape(want.shape)


def _room_for_pixels(want: Want) -> npt.NDArray[Any]:
    return want.room(want.nbytes).view(want.dtype).reshape(want.shape)


# ---------------------------------------------------------------- predictors and packing


def _delta(
    data: Data, want: Want, *, axis: int = -2, dist: int = 1, bits: int | None = None
) -> Data:
    """Undo horizontal differencing (TIFF predictor 2) along ``axis``; sums of packed samples wrap at ``bits``."""
    pixels = _pixels(data, want)
    if pixels.dtype == np.bool_:
        return np.bitwise_xor.accumulate(pixels, axis=axis)
    result: Data = imagecodecs().delta_decode(
        pixels, axis=axis, dist=dist, out=_room_for_pixels(want)
    )
    if bits is not None:
        result &= result.dtype.type((1 << bits) - 1)  # type: ignore[union-attr]  # an array, from imagecodecs
    return result


def _floatpred(data: Data, want: Want, *, axis: int = -2, dist: int = 1) -> Data:
    """Undo the floating point predictor (TIFF predictor 3)."""
    pixels = _pixels(data, want)
    result: Data = imagecodecs().floatpred_decode(
        pixels, axis=axis, dist=dist, out=_room_for_pixels(want)
    )
    return result


def _bitorder(data: Data, want: Want) -> Data:
    """Reverse the bits of each byte (TIFF FillOrder 2)."""
    raw = _octets(data)
    result: Data = imagecodecs().bitorder_decode(
        raw, out=want.scratch.take(("bits", want.step), raw.nbytes)
    )
    return result


def _packints(data: Data, want: Want, *, bits: int, run: int, signed: bool = False) -> Data:
    """Unpack samples of any depth, most significant bit first, each row of ``run`` samples from a new byte."""
    raw = _octets(data)
    rows = math.prod(want.shape) // run
    row_bytes = -(-run * bits // 8)
    if raw.nbytes < rows * row_bytes:
        raise ValueError(
            f"it holds {raw.nbytes} bytes, where {rows} rows of {run} samples of {bits} bits need more"
        )
    raw = raw[: rows * row_bytes]
    kind = want.dtype if want.dtype.kind != "i" else np.dtype(f"u{want.dtype.itemsize}")
    if bits > 32:
        # imagecodecs stops at 32 bits.
        flat = np.unpackbits(raw.reshape(rows, row_bytes), axis=1)[:, : run * bits].reshape(
            -1, bits
        )
        pixels = (flat.astype(np.uint64) << np.arange(bits - 1, -1, -1, dtype=np.uint64)).sum(
            1, dtype=np.uint64
        )
    else:
        pixels = imagecodecs().packints_decode(raw.tobytes(), kind, bits, runlen=run)
    if signed:
        sign = kind.type(1 << (bits - 1))
        pixels = ((pixels.astype(kind) ^ sign) - sign).view(want.dtype)
    return np.ascontiguousarray(pixels, want.dtype).reshape(want.shape)


def _rgb565(data: Data, want: Want, *, bits: tuple[int, ...], order: str) -> Data:
    """Unpack pixels whose samples share a word, and stretch the samples to the full range."""
    word = next(size for size in (1, 2, 4, 8) if 8 * size >= sum(bits))
    words = (
        _octets(data)[: math.prod(want.shape[:-1]) * word].view(f"{order}u{word}").astype(np.uint64)
    )
    full = (1 << 8 * want.dtype.itemsize) - 1
    shifts = [sum(bits[index + 1 :]) for index in range(len(bits))]
    samples = [
        (words >> np.uint64(shift) & np.uint64((1 << depth) - 1))
        * np.uint64(full)
        // np.uint64((1 << depth) - 1)
        for shift, depth in zip(shifts, bits, strict=True)
    ]
    return np.stack(samples, axis=-1).astype(want.dtype).reshape(want.shape)


def _float24(data: Data, want: Want, *, order: str) -> Data:
    """Widen 24-bit floats (DNG) to 32 bits."""
    raw = _octets(data)[: math.prod(want.shape) * 3]
    result: Data = imagecodecs().float24_decode(raw.tobytes(), byteorder=order).reshape(want.shape)
    return result


def _complex_int(data: Data, want: Want, *, order: str, size: int) -> Data:
    """Widen complex integers, which numpy lacks, to complex floats."""
    parts = _octets(data)[: math.prod(want.shape) * 2 * size].view(f"{order}i{size}")
    return (
        parts.astype(f"f{want.dtype.itemsize // 2}")
        .view(want.dtype.newbyteorder("="))
        .reshape(want.shape)
    )


def _ycbcr(
    data: Data,
    want: Want,
    *,
    subsampling: tuple[int, int],
    luma: tuple[float, float, float],
    reference: tuple[float, ...],
    rounded: bool = True,
) -> Data:
    """Convert YCbCr samples, chroma repeated over its block, to RGB (TIFF 6.0 section 21)."""
    across, down = subsampling
    height, width = want.shape[-3:-1]
    wide, high = -(-width // across), -(-height // down)
    unit = across * down + 2
    raw = _octets(data)
    if raw.nbytes < wide * high * unit:
        raise ValueError(
            f"it holds {raw.nbytes} bytes, where {wide * high} YCbCr data units need {wide * high * unit}"
        )
    units = raw[: wide * high * unit].reshape(high, wide, unit)
    y = (
        units[..., :-2]
        .reshape(high, wide, down, across)
        .swapaxes(1, 2)
        .reshape(high * down, wide * across)
    )
    chroma = units[..., -2:].repeat(down, axis=0).repeat(across, axis=1)
    y, chroma = y[:height, :width], chroma[:height, :width].astype(np.float64)
    # TIFF 6.0 section 20, ReferenceBlackWhite: codes are scaled to 0..255 and -127..127.
    black_y, white_y, black_b, white_b, black_r, white_r = reference
    full_y = (y.astype(np.float64) - black_y) * 255 / (white_y - black_y)
    blue = (chroma[..., 0] - black_b) * 127 / (white_b - black_b)
    red = (chroma[..., 1] - black_r) * 127 / (white_r - black_r)
    red_luma, green_luma, blue_luma = luma
    r = red * (2 - 2 * red_luma) + full_y
    b = blue * (2 - 2 * blue_luma) + full_y
    g = (full_y - blue_luma * b - red_luma * r) / green_luma
    rgb = np.stack([r, g, b], axis=-1)
    return np.clip(np.rint(rgb) if rounded else rgb, 0, 255).astype(want.dtype).reshape(want.shape)


# ---------------------------------------------------------------- codecs of whole images


def _frame(want: Want, sampled: bool) -> tuple[int, int, int]:
    """Rows, columns and samples of the wanted pixels; ``sampled`` says whether the last axis is that of samples."""
    rows, columns, samples = want.shape[-3:] if sampled else (*want.shape[-2:], 1)
    return rows, columns, samples


def _as_wanted(image: npt.NDArray[Any], want: Want, sampled: bool) -> Data:
    """Cut or fill an image that a codec gives in its own size: encoders shorten the tiles at the edges."""
    if image.size == math.prod(want.shape):
        return np.ascontiguousarray(image, want.dtype).reshape(want.shape)
    rows, columns, samples = _frame(want, sampled)
    image = image.reshape(*image.shape[:2], -1)
    if image.shape[-1] != samples:
        raise ValueError(f"it has {image.shape[-1]} samples a pixel, expected {samples}")
    if want.nbytes > LARGE and 4 * image.size < want.nbytes // want.dtype.itemsize:
        raise ValueError(
            f"it has {image.shape[1]} x {image.shape[0]} pixels, expected {columns} x {rows}"
        )
    fitted = np.zeros((rows, columns, samples), want.dtype)
    part = image[:rows, :columns]
    fitted[: part.shape[0], : part.shape[1]] = part
    return fitted.reshape(want.shape)


def _image(name: str) -> Step:
    """Make the step for a decoder that finds the shape in its bytes."""

    def step(data: Data, want: Want, *, sampled: bool, **parameters: Any) -> Data:
        image = getattr(imagecodecs(), name)(bytes(_octets(data)), **parameters)
        return _as_wanted(np.asarray(image), want, sampled)

    return step


def _jpeg(
    data: Data,
    want: Want,
    *,
    sampled: bool,
    tables: bytes | None = None,
    header: bytes | None = None,
    colorspace: int | None = None,
    outcolorspace: int | str | None = None,
    bits: int = 8,
) -> Data:
    """Decode JPEG, with the tables that a TIFF keeps apart."""
    raw = bytes(_octets(data))
    rows, columns, _ = _frame(want, sampled)
    size = jpeg_size(raw) if header is None else None
    if size is not None and size[0] * size[1] > 4 * rows * columns + (1 << 16):
        raise ValueError(
            f"its JPEG header claims {size[1]} x {size[0]} pixels, expected {columns} x {rows}"
        )
    image = imagecodecs().jpeg_decode(
        raw,
        bitspersample=bits,
        tables=tables,
        header=header,
        colorspace=colorspace,
        outcolorspace=outcolorspace,
        shape=(rows, columns),
    )
    return _as_wanted(np.asarray(image), want, sampled)


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Find rows and columns in the frame header of a JPEG stream, or ``None`` when there is none."""
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            return int.from_bytes(data[at + 5 : at + 7]), int.from_bytes(data[at + 7 : at + 9])
        if marker in {0xFF, 0x01} or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return None


def _jpegxr(data: Data, want: Want, *, sampled: bool) -> Data:
    """Decode JPEG XR, whose library believes whatever size a stream claims."""
    raw = bytes(_octets(data))
    rows, columns, _ = _frame(want, sampled)
    size = _jpegxr_size(raw)
    if size[0] * size[1] > 4 * rows * columns + (1 << 16):
        raise ValueError(
            f"its JPEG XR header claims {size[1]} x {size[0]} pixels, expected {columns} x {rows}"
        )
    return _as_wanted(np.asarray(imagecodecs().jpegxr_decode(raw)), want, sampled)


def _jpegxr_size(data: bytes) -> tuple[int, int]:
    """Find rows and columns in a JPEG XR file (ITU-T T.832, annex A and section 8.3)."""
    start = data.find(b"WMPHOTO\0")
    if data[:2] != b"II" or len(data) < start + 20 or start < 0:
        raise ValueError("it is no JPEG XR stream")
    at = int.from_bytes(data[4:8], "little")
    if int.from_bytes(data[at : at + 2], "little") > 64:
        raise ValueError("its JPEG XR container has no plausible directory")
    width = 2 if data[start + 10] & 0x80 else 4
    at = start + 12
    columns, rows = (int.from_bytes(data[i : i + width]) + 1 for i in (at, at + width))
    return rows, columns


def _ccitt(name: str) -> Step:
    def step(data: Data, want: Want, *, sampled: bool, **parameters: int) -> Data:
        rows, columns, _ = _frame(want, sampled)
        image = getattr(imagecodecs(), name)(bytes(_octets(data)), rows, columns, **parameters)
        return _as_wanted(np.asarray(image), want, sampled)

    return step


def _eer(
    data: Data, want: Want, *, sampled: bool, skip: int, horizontal: int, vertical: int
) -> Data:
    """Decode electron events to counts."""
    rows, columns, _ = _frame(want, sampled)
    image = imagecodecs().eer_decode(
        bytes(_octets(data)), (rows, columns), skip, horizontal, vertical, superres=0
    )
    return _as_wanted(np.asarray(image), want, sampled)


def _jetraw(data: Data, want: Want, *, sampled: bool) -> Data:
    """Decode Jetraw, which wants its output ready."""
    out = np.zeros(_frame(want, sampled)[:2], np.uint16)
    imagecodecs().jetraw_decode(bytes(_octets(data)), out=out)
    return _as_wanted(out, want, sampled)


# ---------------------------------------------------------------- Zeiss ZISRAW (CZI)


def _zstd1(data: Data, want: Want) -> Data:
    """Decode zstd1 of CZI: a header that may say that low and high bytes were stored apart, then a zstd frame."""
    raw = _octets(data)
    head = int(raw[0]) if raw.size else 0
    # libCZI, "ZStd1 header": its size, then chunks of a type and a value; one chunk type is defined, 1 = hi-lo packing.
    if head not in {1, 3} or raw.size < head or (head == 3 and raw[1] != 1):
        raise ValueError(f"it begins with the zstd1 header {bytes(raw[:3]).hex()}")
    packed = head == 3 and bool(raw[2] & 1)
    if not packed:
        result: Data = imagecodecs().zstd_decode(raw[head:], out=want.room(want.nbytes))
        return result
    apart = imagecodecs().zstd_decode(raw[head:], out=want.scratch.take("hi-lo", want.nbytes))
    if len(apart) != want.nbytes or want.nbytes % 2:
        raise ValueError(
            f"it holds {len(apart)} bytes, where shape {want.shape} needs {want.nbytes}"
        )
    return _interleaved(np.frombuffer(apart, np.uint8), want)


def _interleaved(apart: Bytes, want: Want) -> Data:
    """Put the first half (low bytes) and the second half (high bytes) together to 16-bit words."""
    words = want.room(want.nbytes).view("<u2")
    half = want.nbytes // 2
    # Arithmetic on whole words runs three times as fast as two strided copies of bytes.
    np.multiply(apart[half:], 256, out=words, dtype=np.uint16, casting="unsafe")
    np.add(words, apart[:half], out=words)
    return words.view(np.uint8)


def _samples(data: Data, want: Want, *, order: tuple[int, ...], stored: int) -> Data:
    """Bring stored samples into another order: B, G, R to R, G, B; one gray sample to all."""
    raw = _octets(data)
    pixels = math.prod(want.shape[:-1])
    nbytes = pixels * stored * want.dtype.itemsize
    if raw.nbytes < nbytes:
        raise ValueError(f"it holds {raw.nbytes} bytes, where {pixels} pixels need {nbytes}")
    source = raw[:nbytes].view(want.dtype).reshape(pixels, stored)
    room = _room_for_pixels(want).reshape(pixels, len(order))
    for index, sample in enumerate(order):
        room[:, index] = source[:, sample]
    return room


def subblock_payload(head: bytes) -> tuple[int, int]:
    """Where the pixels of a subblock begin, counted from its segment, and how many bytes they are.

    Raises
    ------
    CorruptFileError
        When these are not the first bytes of a subblock.
    """
    name, metadata, attachment, nbytes, ndim = struct.unpack_from("<16s16xiiq28xi", head)
    if not name.startswith(b"ZISRAWSUBBLOCK") or metadata < 0 or attachment < 0 or nbytes < 0:
        raise CorruptFileError(
            f"expected a subblock, found {name!r} with {metadata} + {nbytes} bytes"
        )
    # ZISRAW section 2.4: what stands before the metadata fills 256 bytes, or more where the entry is longer.
    return 32 + max(256, 16 + 32 + 20 * ndim) + metadata, nbytes


@attrs.define
class Header:
    """How to find the pixels of a piece behind a header whose length only the header tells."""

    nbytes: int
    """How much of it must be read."""
    find: Callable[[bytes], tuple[int, int]]
    """From these bytes to where the payload begins, counted from the header, and its length."""


HEADERS: Mapping[str, Header] = {"zisraw-subblock": Header(80, subblock_payload)}


def _behind(data: Data, want: Want, *, header: str) -> Data:  # noqa: ARG001 - every step takes it
    """Cut the payload out of a segment that was fetched whole."""
    raw = _octets(data)
    found = HEADERS[header]
    start, nbytes = found.find(bytes(raw[: found.nbytes]))
    if start + nbytes > raw.nbytes:
        raise ValueError(f"its header promises {nbytes} bytes from {start} on, it has {raw.nbytes}")
    return raw[start : start + nbytes]


def check_reach(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: DType, nbytes: int
) -> None:
    """Refuse a strided array, element (0, 0, ...) at ``offset``, that does not lie within ``nbytes`` bytes.

    Raises
    ------
    ValueError
    """
    ends = [(n - 1) * stride for n, stride in zip(shape, strides, strict=True)]
    high = offset + sum(end for end in ends if end > 0) + dtype.itemsize
    if offset + sum(end for end in ends if end < 0) < 0 or high > nbytes:
        raise ValueError(f"expected {high} bytes of pixels, it has {nbytes}")


def as_strided(offset: int, strides: tuple[int, ...]) -> Codec:
    """Name the codec that shows raw bytes as an array by its strides."""
    return Codec("strided", (("offset", offset), ("strides", strides)))


def _strided(data: Data, want: Want, *, offset: int, strides: tuple[int, ...]) -> Data:
    raw = _octets(data)
    check_reach(offset, want.shape, strides, want.dtype, raw.nbytes)
    base = raw[offset : offset + want.dtype.itemsize].view(want.dtype)
    return np.lib.stride_tricks.as_strided(base, want.shape, strides, writeable=False)


CODECS: Mapping[str, Step] = {
    "base64": _base64,
    "behind": _behind,
    "bitorder": _bitorder,
    "bzip2": _bzip2,
    "ccitt-rle": _ccitt("ccittrle_decode"),
    "ccitt-t4": _ccitt("ccittfax3_decode"),
    "ccitt-t6": _ccitt("ccittfax4_decode"),
    "complex-int": _complex_int,
    "deflate": _sized("deflate_decode"),
    "delta": _delta,
    "eer": _eer,
    "float24": _float24,
    "floatpred": _floatpred,
    "inflate": _inside("deflate_decode"),
    "jetraw": _jetraw,
    "jpeg": _jpeg,
    "jpeg2k": _image("jpeg2k_decode"),
    "jpegxl": _image("jpegxl_decode"),
    "jpegxr": _jpegxr,
    "lerc": _image("lerc_decode"),
    "lzma": _sized("lzma_decode"),
    "lzw": _lzw,
    "packbits": _sized("packbits_decode"),
    "packints": _packints,
    "png": _image("png_decode"),
    "rgb565": _rgb565,
    "samples": _samples,
    "strided": _strided,
    "unzstd": _inside("zstd_decode"),
    "webp": _image("webp_decode"),
    "ycbcr": _ycbcr,
    "zstd": _sized("zstd_decode"),
    "zstd1": _zstd1,
}
