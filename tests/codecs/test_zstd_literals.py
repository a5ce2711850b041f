"""Literals of zstd are followed to their end in frames of libzstd, and refused as RFC 8878 asks for."""

import imagecodecs
import numpy as np
import pytest

from aicsio._codecs.strict.zstd_literals import require_zstd
from aicsio._codecs.strict.zstd_weights import read_weights


def draw(kind: str, count: int) -> bytes:
    random = np.random.default_rng(4)
    if kind == "noise":
        return random.integers(0, 256, count, dtype=np.uint8).tobytes()
    if kind == "camera":  # most bytes are rare: long codes
        return random.poisson(7, count).astype(np.uint8).tobytes()
    if kind == "skewed":
        return np.minimum(random.geometric(0.5, count), 255).astype(np.uint8).tobytes()
    if kind == "few":  # weights without FSE
        return random.choice(np.array([3, 4, 5, 200], np.uint8), count).tobytes()
    return (b"stage position %d\n" * 3 % (1, 2, 3) * count)[:count]


KINDS = ["noise", "camera", "skewed", "few", "text"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [-5, 3, 19])
def test_what_libzstd_writes_is_accepted(kind: str, level: int) -> None:
    for count in (0, 1, 63, 256, 1024, 5000, 140_000):
        frame = bytes(imagecodecs.zstd_encode(draw(kind, count), level=level))
        require_zstd(frame)
        # Frames follow one another; one of them may be skippable (RFC 8878, section 3.1.2).
        require_zstd(frame + b"\x53\x2a\x4d\x18\x03\0\0\0abc" + frame)


@pytest.mark.parametrize("kind", ["camera", "skewed"])
def test_bits_that_libzstd_passes_over_are_found(kind: str) -> None:
    frame = bytes(imagecodecs.zstd_encode(draw(kind, 40_000), level=3))
    random = np.random.default_rng(5)
    passed = refused = 0
    for bit in random.integers(8 * 20, 8 * len(frame), 300).tolist():
        flipped = bytearray(frame)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            imagecodecs.zstd_decode(bytes(flipped))
        except RuntimeError:
            continue
        passed += 1
        try:
            require_zstd(bytes(flipped))
        except ValueError as error:
            refused += "do not end with their bits" in str(error)
    assert passed > refused > 0


def test_weights_of_the_example_of_the_specification() -> None:
    # RFC 8878, section 4.2.1: literals 0 to 5 have the weights 4, 3, 2, 0, 1, and 1 for the last.
    assert read_weights(bytes([127 + 5, 0x43, 0x20, 0x10])) == ([4, 3, 2, 0, 1, 1], 4)
    with pytest.raises(ValueError, match="do not add up"):
        read_weights(bytes([127 + 3, 0x44, 0x30]))


def test_frames_that_break_off_are_refused() -> None:
    frame = bytes(imagecodecs.zstd_encode(draw("camera", 5000), level=3))
    for wrong in (frame[:-1], frame[:9], frame + b"\0\0\0\0", b"\0" + frame):
        with pytest.raises(ValueError, match=r"zstd|bits"):
            require_zstd(wrong)
