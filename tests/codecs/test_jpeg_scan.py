"""Codes of JPEG are followed to the end in streams of libjpeg, and refused where FFmpeg refuses them."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from aicsio._codecs.strict.jpeg_scan import require_jpeg


def draw(kind: str, columns: int = 75, rows: int = 43) -> npt.NDArray[np.uint8]:
    random = np.random.default_rng(2)
    if kind == "noise":
        return random.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    if kind == "saturated":
        return (random.random((rows, columns, 3)) < 0.5).astype(np.uint8) * 255
    y, x = np.mgrid[:rows, :columns]
    return np.stack([y * 5 % 256, x * 3 % 256, (y + x) * 2 % 256], axis=-1).astype(np.uint8)


def encode(pixels: npt.NDArray[np.uint8], mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


WRITTEN: list[dict[str, Any]] = [
    {},
    {"quality": 1},
    {"quality": 100, "subsampling": 0},
    {"quality": 100, "subsampling": 1, "optimize": True},
    {"mode": "L"},
    {"mode": "CMYK"},
    {"restart_marker_blocks": 3},
    {"restart_marker_rows": 1, "subsampling": 0},
    {"progressive": True},
]


@pytest.mark.parametrize("kind", ["noise", "saturated", "slopes"])
@pytest.mark.parametrize("options", WRITTEN)
def test_what_libjpeg_writes_is_accepted(kind: str, options: dict[str, Any]) -> None:
    for columns, rows in [(75, 43), (8, 8), (1, 1), (16, 33)]:
        data = encode(draw(kind, columns, rows), **options)
        require_jpeg(data)
        # A fragment of DICOM is filled to an even length behind its end.
        require_jpeg(data + b"\0")


def test_tables_may_lie_apart() -> None:
    data = encode(draw("noise"))
    at, tables, rest = 2, b"\xff\xd8", b"\xff\xd8"
    while data[at + 1] != 0xDA:
        nbytes = 2 + int.from_bytes(data[at + 2 : at + 4])
        if data[at + 1] in {0xDB, 0xC4}:
            tables += data[at : at + nbytes]
        else:
            rest += data[at : at + nbytes]
        at += nbytes
    rest += data[at:]
    require_jpeg(rest, tables + b"\xff\xd9")
    with pytest.raises(ValueError, match="a table or component that it does not have"):
        require_jpeg(rest)


def ffmpeg_refuses(data: bytes) -> bool:
    """Whether FFmpeg, told to stop at any error, finds one."""
    import av

    context = av.CodecContext.create("mjpeg", "r")
    context.options = {"err_detect": "explode+bitstream+buffer"}
    context.thread_count = 1
    try:
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    except (av.FFmpegError, ValueError):
        return True
    return not frames


@pytest.mark.parametrize("options", [{}, {"quality": 95}, {"mode": "L", "restart_marker_rows": 1}])
def test_what_ffmpeg_refuses_is_refused(options: dict[str, Any]) -> None:
    data = encode(draw("noise"), **options)
    assert not ffmpeg_refuses(data)
    first = data.index(b"\xff\xda") + 14  # behind the header of the scan
    refused = refused_by_ffmpeg = 0
    for bit in np.random.default_rng(3).integers(8 * first, 8 * len(data) - 16, 200).tolist():
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            require_jpeg(bytes(flipped))
        except ValueError:
            refused += 1
            refused_by_ffmpeg += ffmpeg_refuses(bytes(flipped))
        else:
            assert not ffmpeg_refuses(bytes(flipped))
    assert refused > refused_by_ffmpeg > 0


def test_what_no_encoder_writes_is_refused() -> None:
    data = encode(draw("slopes"), "L", restart_marker_rows=1)
    end = len(data) - 2
    restart = data.index(b"\xff\xd1")
    wrong = {
        "does not begin": data[1:],
        "ends inside of a scan": data[:end],
        "expected a marker of JPEG at byte 2": data[:2] + data[3:],
        "restart markers": data[:restart] + data[restart + 2 :],
        "bits are left behind": data[:end] + b"\0\0" + data[end:],
        "a scan comes before its frame": b"\xff\xd8" + data[data.index(b"\xff\xda") :],
        "ends beyond the stream": data[: data.index(b"\xff\xda") + 5],
    }
    for message, stream in wrong.items():
        with pytest.raises(ValueError, match=message):
            require_jpeg(stream)


def test_a_block_brighter_than_white_is_refused() -> None:
    black = bytearray(encode(np.zeros((8, 8, 3), np.uint8), "L", quality=100))
    scan = black.index(b"\xff\xda") + 10
    # T.81, table K.3: 111111110 stands for 11 bits, which are those of -1024; FF is followed by 00.
    assert bytes(black[scan : scan + 4]) == bytes([0xFF, 0x00, 0b00111111, 0b1111_1010])
    require_jpeg(bytes(black))
    black[scan + 2] ^= 0b01000000  # the sign: 2047
    with pytest.raises(ValueError, match="brighter than white"):
        require_jpeg(bytes(black))
