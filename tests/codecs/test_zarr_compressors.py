"""Compressed chunks of Zarr that hold more than their pixels, or come in several members.

The right outcome is that of zarr: a chunk whose content is longer than its pixels is refused, and a
gzip file may have any number of members (RFC 1952, section 2.2).
"""

import bz2
import gzip
import json
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aicsio import CorruptFileError, open_image, to_numpy

PIXELS = np.arange(64, dtype="<u2").reshape(8, 8)
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "bz2": bz2.compress,
    "gzip": gzip.compress,
    "lzma": lzma.compress,
    "zlib": zlib.compress,
}


def store(folder: Path, codec: str, chunk: bytes) -> Path:
    document = {
        "zarr_format": 2,
        "shape": [8, 8],
        "chunks": [8, 8],
        "dtype": "<u2",
        "compressor": {"id": codec},
        "fill_value": 0,
        "order": "C",
        "filters": None,
    }
    path = folder / f"{codec}.zarr"
    path.mkdir()
    (path / ".zarray").write_text(json.dumps(document))
    (path / "0.0").write_bytes(chunk)
    return path


@pytest.mark.parametrize("codec", COMPRESSORS)
def test_the_content_is_the_pixels(tmp_path: Path, codec: str) -> None:
    path = store(tmp_path, codec, COMPRESSORS[codec](PIXELS.tobytes()))
    assert np.array_equal(to_numpy(open_image(path)), PIXELS)


@pytest.mark.parametrize("surplus", [1, 128, 1 << 20])
@pytest.mark.parametrize("codec", COMPRESSORS)
def test_content_longer_than_the_pixels_is_refused(
    tmp_path: Path, codec: str, surplus: int
) -> None:
    path = store(tmp_path, codec, COMPRESSORS[codec](PIXELS.tobytes() + bytes(surplus)))
    with pytest.raises(CorruptFileError):
        to_numpy(open_image(path))


def test_gzip_of_several_members(tmp_path: Path) -> None:
    raw = PIXELS.tobytes()
    chunk = b"".join(gzip.compress(raw[start : start + 50]) for start in range(0, 128, 50))
    assert gzip.decompress(chunk) == raw
    assert np.array_equal(to_numpy(open_image(store(tmp_path, "gzip", chunk))), PIXELS)


@pytest.mark.parametrize(
    "rest",
    [gzip.compress(bytes(200), mtime=0), gzip.compress(bytes(99), mtime=0)[:20]],
    ids=["too much", "cut off"],
)
def test_members_that_hold_too_much_or_are_damaged(tmp_path: Path, rest: bytes) -> None:
    chunk = gzip.compress(PIXELS.tobytes()[:50]) + rest
    with pytest.raises(CorruptFileError):
        to_numpy(open_image(store(tmp_path, "gzip", chunk)))


@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_damaged_zlib_is_refused(tmp_path: Path, level: int) -> None:
    """Oracle: zlib itself, which refuses a stream that is cut, or whose header or checksum differs."""
    chunk = zlib.compress(PIXELS.tobytes(), level)
    damaged = [
        chunk[:-1], chunk[:-4], chunk[:20], b"", chunk[2:],
        bytes([chunk[0] ^ 1, *chunk[1:]]), bytes([*chunk[:-1], chunk[-1] ^ 1]),
    ]  # fmt: skip
    for number, stream in enumerate(damaged):
        with pytest.raises(zlib.error):
            zlib.decompress(stream)
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(CorruptFileError):
            to_numpy(open_image(store(folder, "zlib", stream)))
