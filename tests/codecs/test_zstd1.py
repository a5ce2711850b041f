"""zstd of CZI whose low and high bytes lie apart: decoded by Blosc where that is possible, with equal results.

Right values are words that numpy cut into halves; a frame of zstd is made by imagecodecs.
"""

import struct

import numpy as np
import numpy.typing as npt
import pytest

from aicsio._codecs import ROOM_NBYTES, DecodeTarget, Scratch, czi, decode, imagecodecs
from aicsio.records import Codec

WORDS = (np.arange(4096) * 7 % 5000).astype("<u2")
HEADER = b"\3\1\1"
"""libCZI, "ZStd1 header": three bytes, chunk 1, hi-lo packing."""


def coded(words: npt.NDArray[np.uint16] = WORDS) -> bytes:
    return bytes(imagecodecs().zstd_encode(words.view(np.uint8).reshape(-1, 2).T.tobytes()))


def decoded(data: bytes, count: int = WORDS.size) -> npt.NDArray[np.uint16]:
    goal = DecodeTarget((count,), np.dtype("<u2"), Scratch())
    pixels: npt.NDArray[np.uint16] = decode((Codec("zstd1"),), data, goal)
    return pixels


def test_a_frame_as_long_as_its_pixels_is_no_stored_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blosc takes a block of that length for bytes that are not compressed."""
    frame = coded()
    # RFC 8878, section 3.1.2: decoders skip such a frame; here it fills up to the length of the pixels.
    rest = WORDS.nbytes - len(frame) - 8
    skipped = struct.pack("<II", 0x184D2A50, rest) + bytes(rest)
    assert len(skipped + frame) == WORDS.nbytes
    np.testing.assert_array_equal(decoded(HEADER + skipped + frame), WORDS)
    # The way without Blosc.
    monkeypatch.setattr(czi, "MOST_BLOSC", 0)
    np.testing.assert_array_equal(decoded(HEADER + skipped + frame), WORDS)


@pytest.mark.parametrize(("before", "fits"), [(0, True), (3, True), (20, True), (40, False)])
def test_the_head_of_a_chunk_goes_into_the_room_in_front(before: int, *, fits: bool) -> None:
    """Bytes farther behind the room are no frame with a short header: what lies in front is kept."""
    frame = coded()
    room = np.zeros(ROOM_NBYTES + before + len(frame), np.uint8)
    data = room[ROOM_NBYTES + before :]
    want = DecodeTarget((4096,), np.dtype("<u2"), Scratch(), room=room)
    found = want.with_room(data, czi.BLOSC_HEAD.size)
    assert (found is not None) is fits
    if found is not None:
        assert found.nbytes == czi.BLOSC_HEAD.size + len(frame)
        assert np.shares_memory(found[-1:], room[-1:])
    assert want.with_room(data.copy(), czi.BLOSC_HEAD.size) is None


def test_a_frame_is_decoded_where_it_was_read() -> None:
    stored = HEADER + coded()
    room = np.full(ROOM_NBYTES + len(stored), 255, np.uint8)
    room[ROOM_NBYTES:] = np.frombuffer(stored, np.uint8)
    goal = DecodeTarget(WORDS.shape, WORDS.dtype, Scratch(), room=room)
    pixels = decode((Codec("zstd1"),), room[ROOM_NBYTES:], goal)
    np.testing.assert_array_equal(pixels, WORDS)
    # The head that Blosc needs ends where the frame begins; the first bytes of the room are not used.
    assert set(room[: ROOM_NBYTES + len(HEADER) - czi.BLOSC_HEAD.size].tolist()) == {255}
    assert room[ROOM_NBYTES + len(HEADER) :].tobytes() == coded()


@pytest.mark.parametrize("cut", [1, 100])
def test_a_damaged_frame_is_named_by_the_decoder_of_zstd(
    cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = []
    for library in ("blosc", "none"):
        monkeypatch.setattr(czi, "has_library", lambda name, library=library: name == library)
        with pytest.raises(RuntimeError) as caught:
            decoded(HEADER + coded()[:-cut])
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert "ZSTD" in messages[0].upper()
