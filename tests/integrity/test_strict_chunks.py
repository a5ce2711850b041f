"""``check(deep=True)`` follows the chunks of stores, and the checksums of bzip2 behind the pixels."""

import base64
import bz2
import json
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from aicsio import check, open_image, to_numpy, write_ome_zarr
from aicsio._codecs.strict import find_fault, is_followed
from aicsio.errors import AicsioError
from aicsio.records import Codec

PIXELS = np.random.default_rng(6).poisson(300, (96, 112)).astype(np.uint16)


def store(folder: Path, codec: dict[str, Any] | None, chunk: bytes) -> tuple[Path, Path]:
    """Return an OME-Zarr of one chunk in the coding of Zarr v2, and the chunk."""
    path = folder / "a.zarr"
    write_ome_zarr(open_image(PIXELS, dims="YX"), path, levels=1, version="0.4")
    array = next(path.rglob(".zarray"))
    document = json.loads(array.read_text())
    document |= {"chunks": list(document["shape"]), "compressor": codec, "filters": None}
    for old in array.parent.rglob("*"):
        if old.is_file() and not old.name.startswith("."):
            old.unlink()
    array.write_text(json.dumps(document))
    separator = document.get("dimension_separator", ".")
    place = array.parent / separator.join("0" * len(document["shape"]))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(chunk)
    return path, place


def flip(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def test_zstd_in_a_store_is_followed(tmp_path: Path) -> None:
    data = bytes(imagecodecs.zstd_encode(PIXELS.astype("<u2").tobytes(), level=3))
    path, place = store(tmp_path, {"id": "zstd", "level": 3}, data)
    np.testing.assert_array_equal(to_numpy(open_image(path)).squeeze(), PIXELS)
    assert check(path, deep=True).whole
    codes = set()
    for bit in np.random.default_rng(7).integers(8 * 20, 8 * len(data), 30).tolist():
        place.write_bytes(flip(data, bit))
        try:
            to_numpy(open_image(path))
        except AicsioError:
            continue
        # The decoder passed over it.
        codes |= {str(one) for one in check(path, deep=True).damage}
    assert any("no encoder writes these bytes of zarr-zstd" in code for code in codes)
    assert all(place.name in code or "zarr" in code for code in codes)


@pytest.mark.parametrize("name", ["bzip2", "zarr-bz2"])
def test_checksums_of_bzip2_are_reached(name: str) -> None:
    chain = (Codec(name, (("sized", True),) if name == "zarr-bz2" else ()),)
    wrapped = (Codec("base64"), *chain)
    data = bz2.compress(PIXELS.tobytes())
    assert is_followed(wrapped)
    assert find_fault(chain, data, PIXELS.shape, PIXELS.dtype) is None
    assert find_fault(wrapped, base64.b64encode(data), PIXELS.shape, PIXELS.dtype) is None
    # A second stream behind the first one is legal, and so are more bytes than the pixels.
    longer = bz2.compress(PIXELS.tobytes() + b"more") + data
    assert find_fault(chain, longer, PIXELS.shape, PIXELS.dtype) is None
    for bit in np.random.default_rng(8).integers(0, 8 * len(data) - 8, 40).tolist():
        assert find_fault(chain, flip(data, bit), PIXELS.shape, PIXELS.dtype), bit
    for cut in (1, 5, 9, 1000):
        assert find_fault(chain, data[:-cut], PIXELS.shape, PIXELS.dtype), cut
