import bz2
import lzma
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicsio import _codecs
from aicsio._codecs import DecodeTarget, Scratch, decode, imagecodecs, table
from aicsio.records import Codec
from aicsio.testing.segments import Storage, encode, encode_packbits
from aicsio.testing.strategies import arrays

INTEGERS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")


def target(shape: tuple[int, ...], dtype: Any, *, into: bool = False) -> DecodeTarget:
    made = DecodeTarget(shape, np.dtype(dtype), Scratch())
    if into:
        made.into = np.full(made.nbytes, 0xEE, np.uint8)
    return made


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
    "packbits": encode_packbits,
    "lzma": lzma.compress,
    "bzip2": bz2.compress,
}


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("into", [False, True])
@pytest.mark.parametrize("dtype", [">u2", "<f4", "u1"])
def test_what_was_compressed_comes_back(name: str, into: bool, dtype: str) -> None:
    pixels = block(dtype)
    goal = target(pixels.shape, dtype, into=into)
    decoded = decode((Codec(name),), ENCODERS[name](pixels.tobytes()), goal)
    assert decoded.dtype == pixels.dtype
    assert decoded.shape == pixels.shape
    assert decoded.tobytes() == pixels.tobytes()
    if into and name not in {"inflate", "unzstd", "bzip2"}:
        assert goal.into is not None
        assert np.shares_memory(decoded, goal.into)


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("nbytes", [0, 1, 188, 377])
def test_what_comes_out_too_short_is_an_error(name: str, nbytes: int) -> None:
    """189 pixels of two bytes; 189 bytes would look like as many pixels."""
    for short in (nbytes, 189):
        with pytest.raises((ValueError, RuntimeError)):
            decode((Codec(name),), ENCODERS[name](bytes(short)), target((7, 9, 3), "u2"))


@pytest.mark.parametrize("name", ENCODERS)
def test_rubbish_is_an_error_and_no_crash(name: str) -> None:
    for seed in range(20):
        rubbish = np.random.default_rng(seed).integers(0, 255, 40, np.uint8).tobytes()
        try:
            decode((Codec(name),), rubbish, target((64, 64), "u2"))
        except (ValueError, RuntimeError, OSError, EOFError):
            continue
        pytest.fail("40 random bytes became 8192")


def test_no_codec_means_that_the_bytes_are_the_pixels() -> None:
    pixels = block(">i4")
    assert decode((), pixels.tobytes(), target(pixels.shape, ">i4")).tobytes() == pixels.tobytes()
    longer = pixels.tobytes() + b"padding"
    assert decode((), longer, target(pixels.shape, ">i4")).tobytes() == pixels.tobytes()
    with pytest.raises(ValueError, match=r"holds 4 bytes, where shape \(2, 2\) needs 8"):
        decode((), b"1234", target((2, 2), "u2"))


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("shape", [(7, 9, 3), (1, 1, 1), (4, 16, 1)])
def test_horizontal_differences_are_summed(dtype: str, order: Any, shape: tuple[int, ...]) -> None:
    pixels = block(dtype, shape)
    raw = encode(pixels, Storage(order, predictor=2))
    assert raw != pixels.astype(order + dtype).tobytes() or shape == (1, 1, 1)
    for into in (False, True):
        decoded = decode((Codec("delta"),), raw, target(shape, order + dtype, into=into))
        assert np.array_equal(decoded, pixels)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("shape", [(7, 9, 3), (1, 1, 1), (4, 16, 1)])
def test_floating_point_differences_are_summed(
    dtype: str, order: Any, shape: tuple[int, ...]
) -> None:
    pixels = block(dtype, shape)
    raw = encode(pixels, Storage(order, predictor=3))
    decoded = decode((Codec("floatpred"),), raw, target(shape, order + dtype))
    assert np.array_equal(decoded, pixels)


@pytest.mark.parametrize("compression", ["zlib", "zstd", "lzw"])
@pytest.mark.parametrize(
    ("dtype", "predictor", "undo"), [("u2", 2, "delta"), ("f4", 3, "floatpred")]
)
def test_chains_run_in_order(compression: Any, dtype: str, predictor: int, undo: str) -> None:
    pixels = block(dtype)
    raw = encode(pixels, Storage(">", compression=compression, predictor=predictor))
    first = "deflate" if compression == "zlib" else compression
    goal = target(pixels.shape, ">" + dtype, into=True)
    decoded = decode((Codec(first), Codec(undo)), raw, goal)
    assert np.array_equal(decoded, pixels)
    assert goal.into is not None
    assert np.array_equal(goal.into.view(">" + dtype).reshape(pixels.shape), pixels)


def test_lzw_codes_that_are_not_in_the_table_end_in_an_error() -> None:
    raw = bytearray(imagecodecs().lzw_encode(bytes(range(256)) * 40))
    wrong = 0
    for seed in range(200):
        noise = np.random.default_rng(seed)
        bad = bytes(raw[:2]) + noise.integers(0, 256, len(raw) - 2, np.uint8).tobytes()
        try:
            decoded = decode((Codec("lzw"),), bad, target((10240,), "u1"))
        except (ValueError, RuntimeError):
            wrong += 1
        else:
            assert decoded.nbytes == 10240
    assert wrong


def test_lzw_that_claims_more_than_libtiff_takes_is_refused() -> None:
    with pytest.raises(ValueError, match="more than libtiff takes"):
        decode((Codec("lzw"),), b"\x80", target((1 << 33,), "u1"))


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
    decoded = decode((Codec("packints", parameters),), raw.tobytes(), target((rows, run), kind))
    expected = [
        [int(v) - (1 << bits) * (signed and int(v) >> (bits - 1)) for v in row] for row in values
    ]
    assert decoded.dtype == np.dtype(kind)
    assert decoded.tolist() == expected
    with pytest.raises(ValueError, match="need"):
        decode((Codec("packints", parameters),), raw.tobytes()[:-1], target((rows, run), kind))


def test_bits_of_a_byte_are_reversed() -> None:
    raw = bytes(range(256))
    decoded = decode((Codec("bitorder"),), raw, target((256,), "u1"))
    assert decoded.tolist() == [int(f"{n:08b}"[::-1], 2) for n in range(256)]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_complex_integers_become_complex_floats(order: str, size: int) -> None:
    parts = np.arange(-6, 6, dtype=f"{order}i{size}")
    expected = parts[::2].astype(float) + 1j * parts[1::2].astype(float)
    codec = Codec("complex-int", (("order", order), ("size", size)))
    decoded = decode((codec,), parts.tobytes(), target((2, 3), "c16"))
    assert np.array_equal(decoded, expected.reshape(2, 3))


@given(st.data())
def test_packbits_of_a_row_is_what_other_packers_undo(data: st.DataObject) -> None:
    row = data.draw(st.binary(max_size=400)) + bytes(data.draw(st.integers(0, 300)))
    assert bytes(imagecodecs().packbits_decode(encode_packbits(row))) == row


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
            decoded = decode(
                (Codec("deflate"), Codec("delta", (("axis", -1),))),
                differences(pixels),
                DecodeTarget(shape, np.dtype("<u2"), scratch),
            )
            assert np.array_equal(decoded, pixels)


def differences(pixels: npt.NDArray[Any]) -> bytes:
    changed = pixels.copy()
    changed[:, 1:] -= pixels[:, :-1]
    return zlib.compress(changed.tobytes())


def test_names_that_come_later_are_those_of_their_modules() -> None:
    assert _codecs.CODECS is table.CODECS
    assert _codecs.decode is table.decode
    assert all(hasattr(_codecs, name) for name in _codecs.__all__)
    with pytest.raises(AttributeError, match="no attribute 'unheard'"):
        _codecs.unheard  # type: ignore[attr-defined]  # noqa: B018
