"""``check(deep=True)`` finds bits over which the decoders pass, in files, bytes and members of sets."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from aicsio import check, open_image, to_numpy
from aicsio._codecs.strict import find_fault, is_followed
from aicsio.records import Codec
from aicsio.testing.plane_tiff import build_plane_tiff
from aicsio.testing.plates import PlateSpec, write_metamorph
from support import mostly_long

RNG = np.random.default_rng(3)
WRITTEN = ["tiff_ccitt", "group3", "group4", "tiff_lzw", "packbits", "jpeg", "tiff_deflate"]


def draw(compression: str) -> npt.NDArray[Any]:
    if compression in {"tiff_ccitt", "group3", "group4"}:
        return np.repeat(RNG.random((120, 150)) < 0.4, 4, axis=1)
    return (RNG.integers(0, 4, (90, 200)) * 60).astype(np.uint8)


def tiff_of(compression: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(draw(compression)).save(file, "TIFF", compression=compression)
    return file.getvalue()


@pytest.mark.parametrize("compression", WRITTEN)
def test_what_libtiff_writes_is_whole(compression: str) -> None:
    report = check(tiff_of(compression), deep=True)
    assert report.whole, str(report)


@pytest.mark.parametrize(
    ("compression", "least"),
    # Parts of the flips; the rest are streams of other pixels, most of all in PackBits.
    mostly_long(
        [("tiff_ccitt", 0.9), ("group3", 0.9), ("group4", 0.8), ("tiff_lzw", 0.5), ("jpeg", 0.3)],
        ("tiff_lzw", 0.5),
    ),
)
def test_flipped_bits_are_found(compression: str, least: float, tmp_path: Path) -> None:
    data = tiff_of(compression)
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        page: Any = tiff.pages[0]
        places = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    path = tmp_path / "a.tif"
    found = 0
    for number in range(40):
        offset, nbytes = places[number % len(places)]
        flipped = bytearray(data)
        bit = int(RNG.integers(8 * nbytes))
        flipped[offset + bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        report = check(path, deep=True)
        assert report.whole == check(bytes(flipped), deep=True).whole
        found += not report.whole
        if not report.whole:
            assert report.damage[0].code == "lost-pixels"
            assert report.lost_planes
    assert found > 40 * least


def test_a_bit_in_a_member_of_a_set_is_found(tmp_path: Path) -> None:
    index = write_metamorph(PlateSpec(), tmp_path)
    member = next(each for each in sorted(tmp_path.iterdir()) if each.suffix.lower() == ".tif")
    pixels = tifffile.imread(member)
    data = bytearray(build_plane_tiff(pixels, compression="lzw"))
    member.write_bytes(data)
    assert check(index, deep=True).whole
    whole = to_numpy(open_image(index))
    reports = []
    for bit in range(16):
        flipped = bytearray(data)
        flipped[-1 - bit // 8] ^= 1 << bit % 8
        member.write_bytes(flipped)
        # The code of the end lies here: another one in its place decodes beyond the pixels.
        if np.array_equal(to_numpy(open_image(index)), whole):
            reports.append(check(index, deep=True))
    damaged = [report.damage[0] for report in reports if not report.whole]
    assert {(one.code, one.scene) for one in damaged} == {("lost-pixels", 0)}
    assert member.name in str(damaged[0])


def test_more_rows_than_a_page_has_are_those_of_its_last_strip() -> None:
    run = bytes([255, 7] * 50)  # fifty packets of two bytes
    chain = (Codec("packbits"),)
    assert find_fault(chain, run, (8, 10), np.dtype("u1")) is None
    fault = find_fault(chain, run, (8, 10), np.dtype("u1"), last=False)
    assert fault == "expected 80 bytes of decoded packbits, found 100"


def test_which_chains_are_followed() -> None:
    fax = Codec("ccitt-t6", (("sampled", False),))
    assert is_followed((Codec("bitorder"), fax))
    assert not is_followed((Codec("bitorder"),))
    assert not is_followed((Codec("deflate"), Codec("delta")))
    assert find_fault((Codec("deflate"),), b"", (1, 1), np.dtype("u1")) is None
    # Reversed bits: V0 for each of eight white rows, then the end of block.
    rows = bytes([0b11111111, 0b00000000, 0b00001000, 0b10000000, 0b00000000][:1])
    fault = find_fault((Codec("bitorder"), fax), rows, (9, 4), np.dtype("?"))
    assert fault is not None
    assert fault.startswith("no encoder writes these bytes of ccitt-t6")
    assert find_fault((Codec("bitorder"), fax), rows, (8, 4), np.dtype("?")) is None


def test_webp_sizes() -> None:
    file = io.BytesIO()
    Image.fromarray(draw("jpeg")).convert("RGB").save(file, "WEBP", lossless=True)
    data = file.getvalue()
    chain = (Codec("webp", (("sampled", True),)),)
    shape = (90, 200, 3)
    assert find_fault(chain, data, shape, np.dtype("u1")) is None
    for wrong in (data + b"\0\0", data[:-2], data[:4] + b"\0" + data[5:], b"R" + data):
        assert find_fault(chain, wrong, shape, np.dtype("u1")) is not None
