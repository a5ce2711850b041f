"""Lengths of LZW and PackBits runs equal what imagecodecs encoded; flipped bits change them."""

from collections.abc import Callable

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest

from aicsio._codecs.lengths import find_wrong_length, measure_lzw, measure_packbits
from aicsio.records import Codec

RNG = np.random.default_rng(0)
KINDS: dict[str, Callable[[int], npt.NDArray[np.uint8]]] = {
    "noise": lambda count: RNG.integers(0, 256, count, dtype=np.uint8),
    "zeros": lambda count: np.zeros(count, np.uint8),
    "few": lambda count: RNG.integers(0, 3, count, dtype=np.uint8),
    "steps": lambda count: (np.arange(count) // 7).astype(np.uint8),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2, 5, 253, 254, 255, 256, 1000, 3838, 5000, 100_000])
def test_the_length_is_that_of_the_encoded_bytes(kind: str, count: int) -> None:
    data = KINDS[kind](count).tobytes()
    assert measure_lzw(bytes(imagecodecs.lzw_encode(data))) == count
    assert measure_packbits(bytes(imagecodecs.packbits_encode(data))) == count


def test_most_flipped_bits_are_noticed() -> None:
    data = KINDS["few"](20_000).tobytes()
    run = bytes(imagecodecs.lzw_encode(data))
    unnoticed = 0
    for _ in range(300):
        flipped = bytearray(run)
        flipped[int(RNG.integers(len(run)))] ^= 1 << int(RNG.integers(8))
        unnoticed += measure_lzw(bytes(flipped)) == len(data)
    assert unnoticed < 100  # of 300: without the second string there were twice as many


def _pack_old(codes: list[int]) -> bytes:
    """Pack codes of 9 bits from the lowest bit on, as writers before TIFF 6.0 do."""
    return sum(code << 9 * index for index, code in enumerate(codes)).to_bytes(
        -(-9 * len(codes) // 8), "little"
    )


def test_old_bit_order_and_empty_runs() -> None:
    # Clear, three bytes, the string of the first two, end.
    assert measure_lzw(_pack_old([256, 1, 2, 3, 258, 257])) == 5
    assert measure_lzw(_pack_old([256, 1, 2, 3, 261, 257])) == -1  # a string that is not there yet
    assert measure_lzw(b"") == 0
    assert measure_packbits(b"\x05ab") == -1
    assert measure_packbits(b"\x80\x80") == 0  # "no operation"


def test_a_fault_in_words() -> None:
    run = bytes(imagecodecs.packbits_encode(bytes(100)))
    chain = (Codec("packbits"), Codec("delta"))
    assert find_wrong_length(chain, run, (10, 10), np.dtype(np.uint8)) is None
    # Ten rows more: a writer filled the strip.
    assert find_wrong_length(chain, run, (9, 10), np.dtype(np.uint8)) is None
    fault = find_wrong_length(chain, run, (10, 11), np.dtype(np.uint8))
    assert fault == "expected 110 bytes of decoded packbits, found 100"


PACKED = Codec("packints", (("bits", 12), ("run", 30)))
YCBCR = Codec("ycbcr", (("subsampling", (2, 2)),))
STORED = [
    # 20 rows of 30 samples of 12 bits: 45 bytes each.
    ("packbits", PACKED, (20, 30), "u2", 20 * 45),
    ("lzw", PACKED, (20, 30), "u2", 20 * 45),
    # 7 x 5 pixels in blocks of 2 x 2: 4 x 3 blocks of four luma and two chroma samples.
    ("lzw", YCBCR, (7, 5, 3), "u1", 12 * 6),
]


@pytest.mark.parametrize(("name", "packing", "shape", "dtype", "nbytes"), STORED)
@pytest.mark.parametrize("reversed_bits", [False, True])
def test_the_length_of_packed_pixels_is_that_of_their_rows(
    name: str, packing: Codec, shape: tuple[int, ...], dtype: str, nbytes: int, reversed_bits: bool
) -> None:
    encode = getattr(imagecodecs, f"{name}_encode")
    chain: tuple[Codec, ...] = (Codec(name), packing)
    if reversed_bits:
        chain = (Codec("bitorder"), *chain)
    faults = []
    for count in (nbytes, nbytes - 1):
        run = bytes(encode(KINDS["noise"](count).tobytes()))
        if reversed_bits:
            run = bytes(imagecodecs.bitorder_encode(run))
        faults.append(find_wrong_length(chain, run, shape, np.dtype(dtype)))
    assert faults == [None, f"expected {nbytes} bytes of decoded {name}, found {nbytes - 1}"]
