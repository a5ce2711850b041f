"""Compound files: our places of streams against the streams that olefile reads."""

import io
import struct

import numpy as np
import pytest

from aicsio import CorruptFileError, Source
from aicsio._io.readers import identify
from aicsio.formats.oif.compound import read_streams
from aicsio.testing.compound_file import build_compound

STREAMS = {
    "first": b"a" * 5000,
    "empty": b"",
    "short": b"b" * 70,
    "Storage1/third": bytes(range(256)) * 300,
    "Storage1/fourth": b"d" * 4095,
    "Storage2/fifth": b"e" * 4096,
}


def content(source: Source, extents: tuple[tuple[int, int], ...]) -> bytes:
    data = source.content or b""
    return b"".join(data[offset : offset + nbytes] for offset, nbytes in extents)


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("fragment", [0, 1, 3])
def test_streams_are_those_that_olefile_reads(version: int, fragment: int) -> None:
    olefile = pytest.importorskip("olefile")
    data = build_compound(STREAMS, version=version, fragment=fragment)  # type: ignore[arg-type]
    source = identify(data)
    streams = read_streams(source)
    with olefile.OleFileIO(io.BytesIO(data)) as file:
        paths = file.listdir()
        assert {"/".join(path) for path in paths} == set(STREAMS)
        for path in paths:
            stream = streams[path[-1]]
            assert stream.is_whole
            assert content(source, stream.extents) == file.openstream(path).read()


def test_a_stream_in_one_run_of_sectors_is_one_range() -> None:
    streams = read_streams(identify(build_compound({"a": bytes(100_000), "b": bytes(9000)})))
    assert len(streams["a"].extents) == len(streams["b"].extents) == 1


def test_a_fat_beyond_the_header_is_followed() -> None:
    # 109 sectors of the FAT are listed by the header: of 512 bytes, they serve 7 MB.
    data = {"a": np.random.default_rng(0).bytes(7_500_000), "b": b"b" * 5000}
    source = identify(build_compound(data, version=3))
    assert struct.unpack_from("<I", source.content or b"", 72)[0] > 0
    streams = read_streams(source)
    assert {name: content(source, stream.extents) for name, stream in streams.items()} == data


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (30, 12, "expected sectors"),
        (44, 0, "sectors of the FAT"),
        (48, 0xFFFFFFF0, "expected a directory"),
        (76, 0x00FFFFFF, "sectors of the FAT below"),
    ],
)
def test_a_damaged_header_is_refused(offset: int, value: int, message: str) -> None:
    data = bytearray(build_compound(STREAMS, version=3))
    struct.pack_into("<H" if offset < 40 else "<I", data, offset, value)
    with pytest.raises(CorruptFileError, match=message):
        read_streams(identify(bytes(data)))


def test_a_chain_that_turns_back_ends() -> None:
    data = bytearray(build_compound({"a": bytes(50_000)}, version=3))
    [fat] = struct.unpack_from("<I", data, 76)
    # Sector 5 of the stream is followed by its sector 2.
    struct.pack_into("<I", data, (fat + 1) * 512 + 4 * 5, 2)
    stream = read_streams(identify(bytes(data)))["a"]
    assert not stream.is_whole
    assert sum(nbytes for _, nbytes in stream.extents) == 6 * 512


def test_sectors_belong_to_one_stream() -> None:
    data = bytearray(build_compound({"a": bytes(9000), "b": bytes(9000)}, version=4))
    at = data.index("b".encode("utf-16-le") + bytes(62))
    struct.pack_into("<I", data, at + 116, 0)
    streams = read_streams(identify(bytes(data)))
    assert streams["a"].is_whole
    assert not streams["b"].is_whole


def test_a_file_that_breaks_off_keeps_what_it_has() -> None:
    data = build_compound({"b": bytes(9000), "a": b"a" * 100_000}, version=4)
    # The directory and the FAT come last here: tables in front of the cut are needed.
    with pytest.raises(CorruptFileError):
        read_streams(identify(data[:50_000]))
