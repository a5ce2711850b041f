"""Frames of an ND2 by number, as the map of chunks lists them."""

import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aicsio import CorruptFileError, check, open_image, to_numpy
from aicsio._codecs.nd2 import CHUNK_HEAD as HEADER
from aicsio.formats.nd2.chunks import MAP_END, TAIL, FrameTable, _parse_map
from aicsio.testing.nd2 import Nd2Image, build_nd2
from http_server import serving


def entry(name: bytes, offset: int, nbytes: int) -> bytes:
    return name + b"!" + struct.pack("<QQ", offset, nbytes)


def frame(number: int, offset: int, nbytes: int = 50) -> bytes:
    return entry(b"ImageDataSeq|%d" % number, offset, nbytes)


def test_of_frames_with_one_number_the_last_counts() -> None:
    places = np.array([[10, 1], [20, 2], [30, 3], [40, 4]], np.uint64)
    table = FrameTable.collect([5, 1, 5, 3], places)
    assert table.numbers.tolist() == [1, 3, 5]
    assert table.offsets.tolist() == [20, 40, 30]
    offsets, nbytes = table.find(np.array([[5, 0], [3, 9]]))
    assert offsets.tolist() == [[30, -1], [40, -1]]
    assert nbytes.tolist() == [[3, 0], [4, 0]]


def test_map_is_read_up_to_its_end() -> None:
    data = frame(1, 4096) + entry(b"CustomData|X", 8192, 8) + frame(0, 12288, 2**64 - 1)
    # Offsets and lengths may hold the mark that ends a name.
    data += frame(2, 0x21212121, 0x21) + MAP_END + frame(7, 4096)
    chunks, frames, beyond = _parse_map(data, 20_000)
    assert chunks == {"CustomData|X": (8192, 8)}
    assert frames.numbers.tolist() == [0, 1]
    assert frames.offsets.tolist() == [12288, 4096]
    assert frames.nbytes.tolist() == [2**62, 50]
    assert beyond == 1


@pytest.mark.parametrize(
    "name", [b"ImageDataSeq|", b"ImageDataSeq|x", b"ImageDataSeq|123456789012"]
)
def test_frames_without_a_number_are_left_out(name: bytes) -> None:
    chunks, frames, _ = _parse_map(entry(name, 4096, 8) + frame(3, 4096), 20_000)
    assert (chunks, frames.numbers.tolist()) == ({}, [3])


def test_data_without_an_entry_is_an_empty_map() -> None:
    chunks, frames, beyond = _parse_map(bytes(1 << 20), 20_000)
    assert (chunks, frames.numbers.size, beyond) == ({}, 0, 0)


def with_map(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Change the map of the chunks."""
    _, offset = TAIL.unpack(content[-TAIL.size :])
    magic, name_nbytes, nbytes = HEADER.unpack_from(content, offset)
    start = offset + HEADER.size + name_nbytes
    listed = content[start : start + nbytes]
    listed = change(listed)
    head = HEADER.pack(magic, name_nbytes, len(listed)) + content[offset + HEADER.size : start]
    return content[:offset] + head + listed + content[start + nbytes :]


def renumbered(content: bytes, number: int, other: int) -> bytes:
    """Give a frame another number in the map."""
    names = b"ImageDataSeq|%d!" % number, b"ImageDataSeq|%d!" % other
    return with_map(content, lambda listed: listed.replace(*names))


@pytest.mark.parametrize("other", [99_999_999_999, 2**26 + 1, 70_000])
def test_a_damaged_number_costs_its_frame_and_no_memory(other: int) -> None:
    pixels = np.random.default_rng(1).integers(1, 99, (3, 8, 9), np.uint16)
    handle = open_image(renumbered(build_nd2(Nd2Image(pixels, "TYX")), 2, other))
    assert handle.diagnostics[0].code == "nd2-stray-frames"
    assert "1 of 3 frames have numbers above 65536" in handle.diagnostics[0].message
    np.testing.assert_array_equal(to_numpy(handle).squeeze(), pixels[:2])


def test_a_single_frame_of_a_damaged_number_is_no_image() -> None:
    content = build_nd2(Nd2Image(np.ones((8, 9), np.uint16), "YX"))
    with pytest.raises(CorruptFileError, match="numbers below 65536"):
        open_image(renumbered(content, 0, 10**9))


def test_a_number_that_takes_little_memory_is_believed() -> None:
    content = renumbered(build_nd2(Nd2Image(np.ones((2, 4, 4), np.uint8), "TYX")), 1, 900)
    handle = open_image(content)
    assert handle.dims["T"] == 901
    assert not [one for one in handle.diagnostics if one.code == "nd2-stray-frames"]


@pytest.mark.parametrize("remote", [False, True])
def test_a_map_with_offsets_in_place_of_lengths_raises_no_alarm(
    remote: bool, tmp_path: Path
) -> None:
    """The package nd2 finds such maps, too: it takes the length from the header of the chunk."""
    pixels = np.random.default_rng(1).integers(1, 99, (9, 8, 9), np.uint16)
    frames = re.compile(rb"(ImageDataSeq\|\d!)(.{8}).{8}", re.DOTALL)
    content = with_map(
        build_nd2(Nd2Image(pixels, "TYX")), lambda listed: frames.sub(rb"\1\2\2", listed)
    )
    path = tmp_path / "a.nd2"
    path.write_bytes(content)
    np.testing.assert_array_equal(to_numpy(open_image(path)).squeeze(), pixels)
    if not remote:
        assert check(path).whole
        return
    with serving(a__nd2=content) as site:
        assert check(site.url + "a.nd2").whole
