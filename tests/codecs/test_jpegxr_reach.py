"""What encoders of JPEG XR write is accepted; flipped bits are refused where no encoder writes them."""

import base64
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest

from aicsio._codecs.image_headers import jpegxr_entries
from aicsio._codecs.strict.jpegxr_layout import read_layout
from aicsio._codecs.strict.jpegxr_reach import require_jpegxr

KINDS = ["noise", "white", "half"]


def draw(kind: str, shape: tuple[int, ...], dtype: str) -> npt.NDArray[Any]:
    random = np.random.default_rng(4)
    white = np.iinfo(dtype).max if dtype.startswith("u") else 1
    pixels = {
        "noise": random.random(shape) * white,
        "white": np.full(shape, white),
        "half": random.random(shape) * white,
    }[kind]
    if kind == "half":
        pixels[shape[0] // 3 :] = 0
    return np.ascontiguousarray(pixels).astype(dtype)


def encode(pixels: npt.NDArray[Any], level: float = 1.0) -> bytes:
    return bytes(imagecodecs.jpegxr_encode(pixels, level))


# A frame of JxrEncApp (jxrlib 1.2): bands apart behind an index table, overlapping blocks.
BY_FREQUENCY = base64.b85decode(
    "NlCl`AOHXWB*Wcr15W-+v4uT%c8$ph00000000002mk@R0RRvH000O80008K1ONd500000004lz1ONd5000yK004o!"
    "1ONd5000yK004r#3jhHC00000fIox03jhHC00000fIq;z1ONd5004#n006<f1ONd5004vm000000037_P)JWyPXG}`"
    "zySag022U!AP4{e0RR913jjL+?Ee4&0RiUwR?Vss000010`LY$A!(pPI8sJ0jAOlEAt;6hQ43%o%F#9eATbIu2m{k&"
    "O>2%-Lx77Z7ytkP1M>|MG))pXneB%V+0>M*@!mGC$8yCn;(gEku;S4s?X=mres&U7d_TASo-HzT-CiG?O#)b1ha-*S"
    "lyI3P>-cz2-~PTH#eb{e#PdJb$J;*u54+Zne%4dKdU?jiA*M07XnK6E8>gIXCr>CSN|FpTr_*^w(7dlI)XS|vrd?`f"
    "oZ5g61A{lH7#~6m(zO3ww-ZaX{fjJe>ss${kwvl)%lB?sY84-$D3AaE0R)3m`jU@w6jEpdI<PV0#DoAk0@)^Epm8n("
    "fD*AiW^&vFl|d0dM0-8~6hI{?3}HqHpcI5f#1s<3Vk<Lt6JSUi!XN+zFdaFEK$!HA1dx~#GdKldpiBt^t_cCqCI|o`"
    "3d2ZDOM?J_4v?7;00JTRKwt"
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_what_jxrlib_writes_is_accepted(kind: str, dtype: str) -> None:
    shapes: list[tuple[int, ...]] = [(1, 1), (33, 65), (20, 17, 3), (31, 48, 4)]
    if dtype.startswith("u"):
        shapes.append((16, 20, 5))
    for shape in shapes:
        for level in (1.0, 0.6):
            require_jpegxr(encode(draw(kind, shape, dtype), level))


def test_bands_apart_are_accepted() -> None:
    rows, columns = np.mgrid[:20, :20]
    pixels = (columns * columns // 7 + rows * 5).astype(np.uint8)
    np.testing.assert_array_equal(imagecodecs.jpegxr_decode(BY_FREQUENCY), pixels)
    require_jpegxr(BY_FREQUENCY)
    layout = read_layout(BY_FREQUENCY[jpegxr_entries(BY_FREQUENCY)[0xBCC0] :])
    assert layout.sizes == (20, 20)
    # T.832, table 29: first, low and high coefficients, and the low bits of these.
    assert len(layout.starts) == 4


def refused(data: bytes) -> str | None:
    """Return what is wrong in a stream that the decoder takes; empty where nothing is."""
    try:
        imagecodecs.jpegxr_decode(data)
    except (RuntimeError, ValueError):
        return None
    try:
        require_jpegxr(data)
    except ValueError as error:
        return str(error)
    return ""


def test_flipped_bits_are_refused_where_no_encoder_writes_them() -> None:
    pixels = np.random.default_rng(1).integers(60, 180, (64, 80)).astype(np.uint8)
    data = encode(pixels)
    first = jpegxr_entries(data)[0xBCC0] + 40  # behind the headers
    found = written = 0
    for bit in np.random.default_rng(2).integers(8 * first, 8 * len(data), 150).tolist():
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        fault = refused(bytes(flipped))
        # A lossless stream that the encoder writes for the pixels is no damaged one.
        is_written = encode(imagecodecs.jpegxr_decode(bytes(flipped))) == bytes(flipped)
        assert not (fault and is_written), bit
        found += bool(fault)
        written += is_written
    assert found >= 10
    assert written >= 10


def test_bits_of_any_band_are_found() -> None:
    faults = set()
    for bit in range(8 * 180, 8 * len(BY_FREQUENCY), 13):
        flipped = bytearray(BY_FREQUENCY)
        flipped[bit // 8] ^= 1 << bit % 8
        faults.add(refused(bytes(flipped)))
    assert "its codes run beyond the end of a packet" in faults
    assert any(fault and fault.startswith("its codes stop before the end") for fault in faults)


def test_packets_must_lie_where_the_index_table_has_them() -> None:
    start = jpegxr_entries(BY_FREQUENCY)[0xBCC0]
    head = BY_FREQUENCY[start:]
    table = head.index(b"\0\1\0\0\0")
    for message, coded in {
        "no codestream": b"W" + head,
        "beyond the codestream": head[: table + 4],
        "does not begin with 1": head[: table + 1] + b"\2" + head[table + 2 :],
        "a packet of its index table": head[: table + 4] + b"\x70" + head[table + 5 :],
    }.items():
        with pytest.raises(ValueError, match=message):
            read_layout(coded)
    moved = bytearray(BY_FREQUENCY)
    moved[start + table + 5] += 1
    with pytest.raises(ValueError, match="no packet begins at byte"):
        require_jpegxr(bytes(moved))
