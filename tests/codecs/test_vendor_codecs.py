"""Codecs of CZI, of TIFF and of Zarr, and masks of CZI: bytes in, pixels out.

Right values are packed by hand or by struct after the specification that each test names, not by
an encoder of ours.
"""

import struct
import uuid
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio._codecs import DecodeTarget, Scratch, czi, decode, imagecodecs
from aicsio._codecs.czi import cut_subblock, find_subblock_payload, find_whole_subblock
from aicsio._codecs.masks import fit_mask, read_mask
from aicsio._codecs.tiff import convert_ycbcr, unpack_integers, unpack_words, widen_float24
from aicsio._codecs.zarr import check_sum, crc32c, pack_codecs
from aicsio.errors import CorruptFileError
from aicsio.records import Codec


def target(shape: tuple[int, ...], dtype: str) -> DecodeTarget:
    return DecodeTarget(shape, np.dtype(dtype), Scratch())


def decoded(codec: str, data: bytes, goal: DecodeTarget, **parameters: Any) -> npt.NDArray[Any]:
    return np.asarray(decode((Codec(codec, tuple(parameters.items())),), data, goal))


# ---------------------------------------------------------------- CZI: subblocks (ZISRAW section 2.4)


def subblock(
    metadata: bytes = b"", pixels: bytes = b"", attachment: bytes = b"", dimensions: int = 5
) -> bytes:
    """A segment: 32 bytes of header, 16 of sizes, the directory entry, zeros up to 288, the parts."""
    sizes = struct.pack("<iiq", len(metadata), len(attachment), len(pixels))
    entry = b"DV" + bytes(26) + struct.pack("<i", dimensions) + bytes(20 * dimensions)
    fixed = (sizes + entry).ljust(256, b"\0")
    content = fixed + metadata + pixels + attachment
    header = b"ZISRAWSUBBLOCK".ljust(16, b"\0") + struct.pack("<qq", len(content), len(content))
    return header + content


@pytest.mark.parametrize(
    ("dimensions", "metadata", "start"),
    [
        (0, b"", 288),
        (5, b"<METADATA/>", 299),
        (10, b"", 288),  # 16 + 32 + 200 = 248 bytes, below the least of 256
        (11, b"", 300),  # 16 + 32 + 220 = 268 bytes
    ],
)
def test_pixels_begin_behind_entry_and_metadata(
    dimensions: int, metadata: bytes, start: int
) -> None:
    whole = subblock(metadata, b"pixels", b"tail", dimensions)
    assert find_subblock_payload(whole[:80]) == (start, 6)
    assert whole[start : start + 6] == b"pixels"
    assert find_whole_subblock(whole[:80]) == (0, len(whole))
    parts = cut_subblock(np.frombuffer(whole, np.uint8))
    assert tuple(map(bytes, parts)) == (metadata, b"pixels", b"tail")


@pytest.mark.parametrize(
    ("position", "value"), [(0, b"ZISRAWMETADATA"), (32, b"\xff" * 4), (36, b"\xff" * 4), (40, b"\xff" * 8)]
)  # fmt: skip
def test_a_head_of_another_segment_or_a_negative_size_is_refused(
    position: int, value: bytes
) -> None:
    head = bytearray(subblock()[:80])
    head[position : position + len(value)] = value
    with pytest.raises(CorruptFileError, match="expected a subblock"):
        find_subblock_payload(bytes(head))


def test_a_cut_subblock_is_an_error() -> None:
    whole = np.frombuffer(subblock(b"m", b"pixels", b"tail"), np.uint8)
    with pytest.raises(ValueError, match=f"its header promises {whole.size} bytes"):
        cut_subblock(whole[:-1])
    with pytest.raises(ValueError, match="it ends after 79 bytes"):
        cut_subblock(whole[:79])


@pytest.mark.parametrize(
    ("header", "stored"),
    [
        (b"\1", b"\x01\x02\x03\x04"),  # no chunk: words as they are
        (b"\3\1\0", b"\x01\x02\x03\x04"),  # hi-lo packing, switched off
        (b"\3\1\1", b"\x01\x03\x02\x04"),  # low bytes, then high bytes
    ],
)
def test_the_header_of_zstd1(header: bytes, stored: bytes) -> None:
    """libCZI, "ZStd1 header"."""
    frame = bytes(imagecodecs().zstd_encode(stored))
    pixels = decoded("zstd1", header + frame, target((2,), "<u2"))
    assert pixels.tolist() == [0x0201, 0x0403]


@pytest.mark.parametrize("library", ["blosc", "none"])
@pytest.mark.parametrize("count", [1, 2047, 2048, 5001])
def test_low_and_high_bytes_are_joined(
    count: int, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Blosc, where imagecodecs has it, and by numpy."""
    monkeypatch.setattr(czi, "has_library", lambda name: name == library)
    words = np.random.default_rng(count).integers(0, 1 << 16, count).astype("<u2")
    halves = words.view(np.uint8).reshape(-1, 2).T.tobytes()
    coded = b"\3\1\1" + bytes(imagecodecs().zstd_encode(halves))
    np.testing.assert_array_equal(decoded("zstd1", coded, target((count,), "<u2")), words)


@pytest.mark.parametrize("lost", [1, 2, 4096])
def test_a_frame_of_another_length_cannot_be_joined(lost: int) -> None:
    halves = bytes(2 * 2048 - lost)
    coded = b"\3\1\1" + bytes(imagecodecs().zstd_encode(halves))
    with pytest.raises(ValueError, match=f"it holds {len(halves)} bytes"):
        decoded("zstd1", coded, target((2048,), "<u2"))


@pytest.mark.parametrize("header", [b"", b"\0", b"\2\1", b"\3\2\1", b"\4\1\1\0"])
def test_other_headers_of_zstd1_are_refused(header: bytes) -> None:
    with pytest.raises(ValueError, match="it begins with the zstd1 header"):
        decoded("zstd1", header, target((2,), "<u2"))


def test_samples_are_brought_into_the_order_of_the_output() -> None:
    """B, G, R and an unused fourth sample become R, G, B."""
    stored = bytes([3, 2, 1, 99, 6, 5, 4, 99])
    pixels = decoded("samples", stored, target((2, 3), "u1"), order=(2, 1, 0), stored=4)
    assert pixels.tolist() == [[1, 2, 3], [4, 5, 6]]


# ---------------------------------------------------------------- CZI: masks

MASK = uuid.UUID("CBE3EA67-5BFC-492B-A16A-ECE378031448").bytes_le
OTHER = uuid.UUID(int=7).bytes_le


def chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content


def mask(width: int, height: int, stride: int, rows: bytes, representation: int = 0) -> bytes:
    """libCZI, "Valid-Pixel Mask Concept": width, height, representation, stride, bits."""
    return chunk(MASK, struct.pack("<IIII", width, height, representation, stride) + rows)


@pytest.mark.parametrize(
    ("attachment", "valid"),
    [
        # "the leftmost pixel in each byte is the most significant bit"
        (mask(4, 2, 1, b"\xa0\x10"), [[1, 0, 1, 0], [0, 0, 0, 1]]),
        (mask(9, 2, 2, b"\x80\x80\x00\x00"), [[1, *[0] * 7, 1], [0] * 9]),
        # rows begin at multiples of the stride; the last one may be short
        (mask(4, 2, 3, b"\xf0??\x90"), [[1, 1, 1, 1], [1, 0, 0, 1]]),
        (chunk(OTHER, b"abc") + mask(1, 1, 1, b"\x80"), [[1]]),
        (chunk(OTHER, b"abc"), None),
        (b"", None),
    ],
)
def test_masks(attachment: bytes, valid: list[list[int]] | None) -> None:
    found = read_mask(attachment)
    assert (found if found is None else found.astype(int).tolist()) == valid


@pytest.mark.parametrize(
    ("attachment", "message"),
    [
        (chunk(MASK, b"short"), "its mask ends after 5 bytes"),
        (mask(4, 2, 1, b"\xa0\x10", representation=1), "its mask has representation 1"),
        (mask(4, 2, 1, b"\xa0"), "does not fit 17 bytes"),
        (mask(9, 1, 1, b"\xa0\xa0"), "in rows of 1 bytes does not fit"),
        (mask(0, 1, 1, b"\xa0"), "does not fit"),
        (mask(4, 1, 1, b"\xa0")[:-1], "a chunk of its attachment has 17 bytes, 16 are there"),
    ],
)
def test_damaged_masks(attachment: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_mask(attachment)


@pytest.mark.parametrize(
    ("height", "width", "fitted"),
    [
        (2, 2, [[1, 0], [0, 1]]),
        (1, 3, [[1, 0, 0]]),  # cut below, filled at the right
        (3, 1, [[1], [0], [0]]),
    ],
)
def test_a_mask_is_fitted_to_its_pixels(height: int, width: int, fitted: list[list[int]]) -> None:
    valid = np.array([[True, False], [False, True]])
    assert fit_mask(valid, height, width).astype(int).tolist() == fitted


# ---------------------------------------------------------------- TIFF


@pytest.mark.parametrize(
    ("data", "bits", "dtype", "pixels"),
    [
        (b"\x12\x34\x50\x67\x89\xa0", 12, "u2", [[0x123, 0x450], [0x678, 0x9A0]]),
        (b"\xb4\x4b", 2, "u1", [[2, 3, 1, 0], [1, 0, 2, 3]]),
        (b"\xb4\x4b", 2, "i1", [[-2, -1, 1, 0], [1, 0, -2, -1]]),
        (b"\x80\x00\x00\x00\x01" * 2, 40, "u8", [[0x8000000001], [0x8000000001]]),
    ],
)
def test_packed_integers(data: bytes, bits: int, dtype: str, pixels: list[list[int]]) -> None:
    """TIFF 6.0 section 4: most significant bit first, each row begins with a new byte."""
    shape = (2, len(pixels[0]))
    found = unpack_integers(
        data, target(shape, dtype), bits=bits, run=shape[1], signed=dtype[0] == "i"
    )
    assert np.asarray(found).tolist() == pixels


def test_words_of_5_6_and_5_bits_are_stretched() -> None:
    """0xF800 is full red; 31 and 63 become 255, 16 of 31 becomes 131."""
    words = struct.pack("<3H", 0xF800, 0x07E0, 16)
    pixels = unpack_words(words, target((3, 3), "u1"), bits=(5, 6, 5), order="<")
    assert np.asarray(pixels).tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 131]]


def test_floats_of_24_bits() -> None:
    """DNG 1.4, chapter 6: one sign, seven bits of exponent (bias 63), sixteen of fraction."""
    one, minus_two, half = 63 << 16, 1 << 23 | 64 << 16, 62 << 16
    data = b"".join(number.to_bytes(3, "big") for number in (one, minus_two, half))
    pixels = widen_float24(data, target((3,), "f4"), order=">")
    assert np.asarray(pixels).tolist() == [1.0, -2.0, 0.5]


FULL_RANGE = (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)
"""ReferenceBlackWhite of codes that run over all of 0 to 255 (TIFF 6.0 section 20)."""


@pytest.mark.parametrize(
    ("unit", "rgb"),
    [
        # ITU-R BT.601 as JFIF writes it: grey, then full red (Y 76, Cb 85, Cr 255), cut to 255
        ((128, 128, 128), (128, 128, 128)),
        ((76, 85, 255), (254, 0, 0)),
    ],
)
def test_one_pixel_of_ycbcr(unit: tuple[int, int, int], rgb: tuple[int, int, int]) -> None:
    """TIFF 6.0 section 21: R = Cr * (2 - 2 LumaRed) + Y, and so on."""
    pixels = convert_ycbcr(
        bytes(unit),
        target((1, 1, 3), "u1"),
        subsampling=(1, 1),
        luma=(0.299, 0.587, 0.114),
        reference=FULL_RANGE,
    )
    assert np.asarray(pixels).reshape(-1).tolist() == list(rgb)


def test_chroma_is_repeated_over_its_block() -> None:
    """A data unit of 2 x 2 luma samples, row by row, then Cb and Cr (TIFF 6.0 section 21)."""
    pixels = convert_ycbcr(
        bytes([10, 20, 30, 40, 128, 128]),
        target((2, 2, 3), "u1"),
        subsampling=(2, 2),
        luma=(0.299, 0.587, 0.114),
        reference=FULL_RANGE,
    )
    assert np.asarray(pixels)[..., 0].tolist() == [[10, 20], [30, 40]]


# ---------------------------------------------------------------- Zarr


def test_crc32c_is_that_of_the_catalogues() -> None:
    """RFC 3720, appendix B.4: 32 zeros; the check value of the digits 1 to 9."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize(
    ("name", "value"),
    [("crc32", 0xCBF43926), ("adler32", 0x091E01DE), ("crc32c", 0xE3069283)],
)
@pytest.mark.parametrize("at_end", [True, False])
def test_checksums_beside_their_bytes(name: str, value: int, at_end: bool) -> None:
    """The check values of the digits 1 to 9, little-endian as numcodecs stores them."""
    body, stored = b"123456789", struct.pack("<I", value)
    data = body + stored if at_end else stored + body
    result = check_sum(data, target((9,), "u1"), name=name, at_end=at_end)
    assert bytes(np.asarray(result)) == body
    with pytest.raises(ValueError, match=f"checksum {name} is"):
        check_sum(data, target((9,), "u1"), name=name, at_end=not at_end)
    with pytest.raises(ValueError, match="3 bytes are too few"):
        check_sum(b"abc", target((9,), "u1"), name=name, at_end=at_end)


@pytest.mark.parametrize(
    ("name", "data", "dtype", "parameters", "pixels"),
    [
        ("zarr-delta", b"\x05\x02\xff", "u1", {"dtype": "|u1", "stored": "|i1"}, [5, 7, 6]),
        ("zarr-shuffle", b"\x01\x03\x05\x02\x04\x06", "<u2", {"size": 2}, [0x201, 0x403, 0x605]),
        # round((x - 10) * 4): 12 was stored for 13
        ("zarr-scale", b"\x0c\x00\x04", "<f8",
         {"offset": 10.0, "scale": 4.0, "dtype": "<f8", "stored": "|u1"}, [13, 10, 11]),
        # three bits of padding behind 10110
        ("zarr-packbits", b"\x03\xb0", "bool", {}, [1, 0, 1, 1, 0]),
        ("zarr-convert", struct.pack("<2f", 1.5, 2), "<f8", {"dtype": "<f8", "stored": "<f4"}, [1.5, 2]),
    ],
)  # fmt: skip
def test_filters_of_numcodecs(
    name: str, data: bytes, dtype: str, parameters: dict[str, Any], pixels: list[float]
) -> None:
    assert decoded(name, data, target((len(pixels),), dtype), **parameters).tolist() == pixels


def test_a_transposed_chunk_is_shown_in_the_order_of_the_array() -> None:
    """Stored with the axes in the order (2, 0, 1): the last axis of the chunk is the slowest."""
    chunk_pixels = np.arange(24, dtype="u1").reshape(2, 3, 4)
    stored = chunk_pixels.transpose(2, 0, 1).tobytes()
    shown = decoded("zarr-transpose", stored, target((2, 3, 4), "u1"), order=(2, 0, 1))
    assert shown.tolist() == chunk_pixels.tolist()


@pytest.mark.parametrize("at_end", [True, False])
def test_a_shard_is_decoded_whole(at_end: bool) -> None:
    """Core specification 3.1, ``sharding_indexed``: pairs of offset and length, in C order."""
    missing = (1 << 64) - 1
    first = 0 if at_end else 32
    compressed = zlib.compress(b"\x05\x06")
    table = struct.pack("<4Q", first, len(compressed), missing, missing)
    data = compressed + table if at_end else table + compressed
    pixels = decoded(
        "zarr-shard", data, target((3,), "u1"),
        shape=(3,), chunk=(2,), stored="|u1", codecs=pack_codecs((Codec("zarr-zlib", (("sized", True),)),)),
        index_codecs=(), index_dtype="<u8", index_nbytes=32, at_end=at_end, fill=b"\x09",
    )  # fmt: skip
    assert pixels.tolist() == [5, 6, 9]


def test_a_shard_of_a_table_alone_is_the_fill_value() -> None:
    table = b"\xff" * 16
    options: dict[str, Any] = {"shape": (2,), "chunk": (2,), "stored": "|u1", "codecs": ()}
    options |= {"index_codecs": (), "index_dtype": "<u8", "index_nbytes": 16, "at_end": True}
    pixels = decoded("zarr-shard", table, target((2,), "u1"), **options, fill=b"\x09")
    assert pixels.tolist() == [9, 9]


def test_a_frame_of_blosc_is_not_read_beyond_its_bytes() -> None:
    """README_CHUNK_FORMAT of c-blosc 1: bytes 4 to 8 are the content's length, 12 to 16 the frame's."""
    frame = bytearray(imagecodecs().blosc_encode(bytes(100)))
    assert (frame[4], frame[12]) == (100, len(frame))
    assert bytes(decoded("zarr-blosc", bytes(frame), target((100,), "u1"), sized=True)) == bytes(
        100
    )
    for position, value in ((4, 101), (12, len(frame) + 1)):
        damaged = frame.copy()
        damaged[position] = value
        with pytest.raises(ValueError, match="its Blosc header claims"):
            decoded("zarr-blosc", bytes(damaged), target((100,), "u1"), sized=True)
    with pytest.raises(ValueError, match="there are 15"):
        decoded("zarr-blosc", bytes(frame[:15]), target((100,), "u1"), sized=True)
