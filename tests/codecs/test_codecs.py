import bz2
import lzma
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicsio._codecs import Scratch, Want, decode, imagecodecs, jpeg_size
from aicsio.records import Codec
from aicsio.testing.strategies import arrays
from aicsio.testing.tiff_bytes import Storage, encode, packbits

INTEGERS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")


def want(shape: tuple[int, ...], dtype: Any, *, into: bool = False) -> Want:
    found = Want(shape, np.dtype(dtype), Scratch())
    if into:
        found.into = np.full(found.nbytes, 0xEE, np.uint8)
    return found


def block(dtype: Any, shape: tuple[int, ...] = (7, 9, 3), seed: int = 0) -> npt.NDArray[Any]:
    noise = np.random.default_rng(seed).integers(
        0, 255, np.prod(shape) * np.dtype(dtype).itemsize, np.uint8
    )
    made: npt.NDArray[Any] = noise.view(dtype)
    if np.dtype(dtype).kind == "f":
        made = (noise.view(f"u{np.dtype(dtype).itemsize}") % 1000 / 8).astype(dtype)
    return made.reshape(shape)


ENCODERS: dict[str, Any] = {
    "deflate": zlib.compress,
    "inflate": zlib.compress,
    "zstd": lambda raw: imagecodecs().zstd_encode(raw),
    "unzstd": lambda raw: imagecodecs().zstd_encode(raw),
    "lzw": lambda raw: imagecodecs().lzw_encode(raw),
    "packbits": packbits,
    "lzma": lzma.compress,
    "bzip2": bz2.compress,
}


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("into", [False, True])
@pytest.mark.parametrize("dtype", [">u2", "<f4", "u1"])
def test_what_was_compressed_comes_back(name: str, into: bool, dtype: str) -> None:
    pixels = block(dtype)
    wanted = want(pixels.shape, dtype, into=into)
    found = decode((Codec(name),), ENCODERS[name](pixels.tobytes()), wanted)
    assert found.dtype == pixels.dtype
    assert found.shape == pixels.shape
    assert found.tobytes() == pixels.tobytes()
    if into and name not in {"inflate", "unzstd", "bzip2"}:
        assert wanted.into is not None
        assert np.shares_memory(found, wanted.into)


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("nbytes", [0, 1, 188, 377])
def test_what_comes_out_too_short_is_an_error(name: str, nbytes: int) -> None:
    """189 pixels of two bytes; 189 bytes would look like as many pixels."""
    for short in (nbytes, 189):
        with pytest.raises((ValueError, RuntimeError)):
            decode((Codec(name),), ENCODERS[name](bytes(short)), want((7, 9, 3), "u2"))


@pytest.mark.parametrize("name", ENCODERS)
def test_rubbish_is_an_error_and_no_crash(name: str) -> None:
    for seed in range(20):
        rubbish = np.random.default_rng(seed).integers(0, 255, 40, np.uint8).tobytes()
        try:
            decode((Codec(name),), rubbish, want((64, 64), "u2"))
        except (ValueError, RuntimeError, OSError, EOFError):
            continue
        pytest.fail("40 random bytes became 8192")


def test_no_codec_means_that_the_bytes_are_the_pixels() -> None:
    pixels = block(">i4")
    assert decode((), pixels.tobytes(), want(pixels.shape, ">i4")).tobytes() == pixels.tobytes()
    longer = pixels.tobytes() + b"padding"
    assert decode((), longer, want(pixels.shape, ">i4")).tobytes() == pixels.tobytes()
    with pytest.raises(ValueError, match=r"holds 4 bytes, where shape \(2, 2\) needs 8"):
        decode((), b"1234", want((2, 2), "u2"))


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("shape", [(7, 9, 3), (1, 1, 1), (4, 16, 1)])
def test_horizontal_differences_are_summed(dtype: str, order: Any, shape: tuple[int, ...]) -> None:
    pixels = block(dtype, shape)
    raw = encode(pixels, Storage(order, predictor=2))
    assert raw != pixels.astype(order + dtype).tobytes() or shape == (1, 1, 1)
    for into in (False, True):
        found = decode((Codec("delta"),), raw, want(shape, order + dtype, into=into))
        assert np.array_equal(found, pixels)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("shape", [(7, 9, 3), (1, 1, 1), (4, 16, 1)])
def test_floating_point_differences_are_summed(
    dtype: str, order: Any, shape: tuple[int, ...]
) -> None:
    pixels = block(dtype, shape)
    raw = encode(pixels, Storage(order, predictor=3))
    found = decode((Codec("floatpred"),), raw, want(shape, order + dtype))
    assert np.array_equal(found, pixels)


@pytest.mark.parametrize("compression", ["zlib", "zstd", "lzw"])
@pytest.mark.parametrize(
    ("dtype", "predictor", "undo"), [("u2", 2, "delta"), ("f4", 3, "floatpred")]
)
def test_chains_run_in_order(compression: Any, dtype: str, predictor: int, undo: str) -> None:
    pixels = block(dtype)
    raw = encode(pixels, Storage(">", compression=compression, predictor=predictor))
    first = "deflate" if compression == "zlib" else compression
    wanted = want(pixels.shape, ">" + dtype, into=True)
    found = decode((Codec(first), Codec(undo)), raw, wanted)
    assert np.array_equal(found, pixels)
    assert wanted.into is not None
    assert np.array_equal(wanted.into.view(">" + dtype).reshape(pixels.shape), pixels)


def test_lzw_codes_that_are_not_in_the_table_end_in_an_error() -> None:
    raw = bytearray(imagecodecs().lzw_encode(bytes(range(256)) * 40))
    wrong = 0
    for seed in range(200):
        noise = np.random.default_rng(seed)
        bad = bytes(raw[:2]) + noise.integers(0, 256, len(raw) - 2, np.uint8).tobytes()
        try:
            found = decode((Codec("lzw"),), bad, want((10240,), "u1"))
        except (ValueError, RuntimeError):
            wrong += 1
        else:
            assert found.nbytes == 10240
    assert wrong


def test_lzw_that_claims_more_than_libtiff_takes_is_refused() -> None:
    with pytest.raises(ValueError, match="more than libtiff takes"):
        decode((Codec("lzw"),), b"\x80", want((1 << 33,), "u1"))


# 16 and 32 bits are no packing: such samples lie in the byte order of the file.
@pytest.mark.parametrize(
    "bits", [1, 2, 3, 4, 5, 7, 8, 10, 11, 12, 14, 15, 17, 20, 24, 31, 40, 63, 64]
)
@pytest.mark.parametrize("signed", [False, True])
def test_samples_of_any_depth_are_unpacked(bits: int, signed: bool) -> None:
    rows, run = 5, 13
    size = next(n for n in (1, 2, 4, 8) if 8 * n >= bits)
    noise = np.random.default_rng(bits).integers(0, 1 << 63, (rows, run), np.uint64) * np.uint64(
        2
    ) + np.uint64(1)
    values = noise >> np.uint64(64 - bits)
    places = np.arange(bits - 1, -1, -1, dtype=np.uint64)
    raw = np.packbits(
        (values[..., None] >> places & np.uint64(1)).astype(np.uint8).reshape(rows, -1), axis=1
    )
    parameters = (("bits", bits), ("run", run)) + ((("signed", True),) if signed else ())
    kind = f"{'i' if signed else 'u'}{size}"
    found = decode((Codec("packints", parameters),), raw.tobytes(), want((rows, run), kind))
    expected = [
        [int(v) - (1 << bits) * (signed and int(v) >> (bits - 1)) for v in row] for row in values
    ]
    assert found.dtype == np.dtype(kind)
    assert found.tolist() == expected
    with pytest.raises(ValueError, match="need"):
        decode((Codec("packints", parameters),), raw.tobytes()[:-1], want((rows, run), kind))


def test_bits_of_a_byte_are_reversed() -> None:
    raw = bytes(range(256))
    found = decode((Codec("bitorder"),), raw, want((256,), "u1"))
    assert found.tolist() == [int(f"{n:08b}"[::-1], 2) for n in range(256)]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_complex_integers_become_complex_floats(order: str, size: int) -> None:
    parts = np.arange(-6, 6, dtype=f"{order}i{size}")
    expected = parts[::2].astype(float) + 1j * parts[1::2].astype(float)
    codec = Codec("complex-int", (("order", order), ("size", size)))
    found = decode((codec,), parts.tobytes(), want((2, 3), "c16"))
    assert np.array_equal(found, expected.reshape(2, 3))


def test_the_size_of_a_jpeg_is_in_its_frame_header() -> None:
    for shape in ((5, 9), (300, 2, 3)):
        raw = imagecodecs().jpeg_encode(np.zeros(shape, np.uint8))
        assert jpeg_size(raw) == shape[:2]
        assert all(jpeg_size(raw[:n]) in {None, shape[:2]} for n in range(len(raw)))
    for rubbish in (b"", b"\xff", b"\xff\xd8" * 30, b"\xff\xd8\xff\x00\x00\x00" * 9, bytes(99)):
        jpeg_size(rubbish)


@given(st.data())
def test_packbits_of_a_row_is_what_other_packers_undo(data: st.DataObject) -> None:
    row = data.draw(st.binary(max_size=400)) + bytes(data.draw(st.integers(0, 300)))
    assert bytes(imagecodecs().packbits_decode(packbits(row))) == row


class TestScratch:
    def test_a_buffer_is_used_again(self) -> None:
        scratch = Scratch()
        first = scratch.take("a", 100)
        assert np.shares_memory(scratch.take("a", 40), first)
        assert not np.shares_memory(scratch.take("b", 40), first)
        assert scratch.take("a", 200).nbytes == 200
        assert scratch.take("a", 0).nbytes == 0

    @given(st.data())
    def test_results_of_one_decoding_do_not_reach_into_the_next(self, data: st.DataObject) -> None:
        scratch = Scratch()
        for _ in range(3):
            shape = (data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9)))
            pixels = data.draw(arrays(shape, np.dtype("<u2")))
            found = decode(
                (Codec("deflate"), Codec("delta", (("axis", -1),))),
                differences(pixels),
                Want(shape, np.dtype("<u2"), scratch),
            )
            assert np.array_equal(found, pixels)


def differences(pixels: npt.NDArray[Any]) -> bytes:
    changed = pixels.copy()
    changed[:, 1:] -= pixels[:, :-1]
    return zlib.compress(changed.tobytes())
