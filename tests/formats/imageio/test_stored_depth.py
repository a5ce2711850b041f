"""Depth, sign and channels of images and movies; the right values are those that were encoded."""

import io
import struct
import tracemalloc
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from aicsio import (
    CorruptFileError,
    UnsupportedFormatError,
    metadata,
    open_image,
    to_numpy,
    transpose_to,
)
from aicsio.formats.imageio import stored_depth
from aicsio.formats.imageio.h264_header import is_monochrome
from aicsio.records import ImageHandle
from support import takes_long

Array = npt.NDArray[Any]
RNG = np.random.default_rng(5)


def noise(dtype: str, *shape: int, bits: int = 0) -> Array:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return RNG.random(shape).astype(kind)
    bits = bits or 8 * kind.itemsize
    low = -(1 << bits - 1) if kind.kind == "i" else 0
    return RNG.integers(low, low + (1 << bits), shape).astype(kind)


def check(data: bytes, expected: Array, *codes: str) -> ImageHandle:
    handle = open_image(data)
    assert handle.format == "imageio"
    assert handle.dims.order == "YXS"[: expected.ndim]
    assert handle.dtype == expected.dtype
    pixels = to_numpy(handle)
    assert pixels.dtype == expected.dtype
    np.testing.assert_array_equal(pixels, expected)
    window = transpose_to(handle, handle.dims.order, Y=slice(1, 5), X=slice(2, 7))
    np.testing.assert_array_equal(to_numpy(window), expected[1:5, 2:7])
    assert [diagnostic.code for diagnostic in handle.diagnostics] == list(codes)
    return handle


# ---------------------------------------------------------------- JPEG 2000, AVIF, JPEG XL, JPEG XR

JPEG2000: dict[str, tuple[Array, dict[str, Any], tuple[str, ...]]] = {
    "RGB of 16 bits": (noise("u2", 8, 10, 3), {}, ()),
    "RGB of 8 bits": (noise("u1", 8, 10, 3), {}, ()),
    "RGBA of 16 bits": (noise("u2", 8, 10, 4), {}, ()),
    "gray of 8 bits": (noise("u1", 8, 10), {}, ()),
    "gray of 12 bits": (noise("u2", 8, 10, bits=12), {"bitspersample": 12}, ()),
    "gray of 16 bits": (noise("u2", 8, 10), {}, ()),
    "gray of 4 bits": (noise("u1", 8, 10, bits=4), {"bitspersample": 4}, ()),
    "gray of 24 bits": (noise("u4", 8, 10, bits=24), {"bitspersample": 24}, ()),
    "signed of 8 bits": (noise("i1", 8, 10), {}, ()),
    "signed of 16 bits": (noise("i2", 8, 10), {}, ()),
    "gray and alpha of 16 bits": (noise("u2", 8, 10, 2), {}, ("sample-meaning",)),
}


@pytest.mark.parametrize("name", JPEG2000)
@pytest.mark.parametrize("form", ["jp2", "j2k"])
def test_jpeg_2000_keeps_its_samples(name: str, form: str) -> None:
    pixels, options, codes = JPEG2000[name]
    data = bytes(imagecodecs.jpeg2k_encode(pixels, level=0, codecformat=form, **options))
    check(data, pixels, *codes)


@pytest.mark.parametrize(
    ("dtype", "shape", "bits"),
    [
        ("u1", (8, 10, 3), 8),
        ("u2", (8, 10, 3), 10),
        ("u2", (8, 10, 3), 12),
        ("u2", (8, 10), 10),
        ("u1", (8, 10), 8),
    ],
)
def test_avif_keeps_its_samples(dtype: str, shape: tuple[int, ...], bits: int) -> None:
    pixels = noise(dtype, *shape, bits=bits)
    data = bytes(imagecodecs.avif_encode(pixels, level=100, bitspersample=bits))
    decoded = imagecodecs.avif_decode(data)
    if len(shape) == 3:  # of gray the encoder keeps no exact samples
        np.testing.assert_array_equal(decoded, pixels)
    check(data, decoded)


SAMPLES = [
    ("u1", (8, 10)),
    ("u1", (8, 10, 3)),
    ("u2", (8, 10)),
    ("u2", (8, 10, 3)),
    ("u2", (8, 10, 4)),
    ("f4", (8, 10, 3)),
    ("f2", (8, 10)),
]


@pytest.mark.parametrize(("dtype", "shape"), SAMPLES)
def test_jpeg_xl_keeps_its_samples(dtype: str, shape: tuple[int, ...]) -> None:
    pixels = noise(dtype, *shape)
    check(bytes(imagecodecs.jpegxl_encode(pixels, lossless=True)), pixels)
    contained = bytes(imagecodecs.jpegxl_encode(pixels, lossless=True, usecontainer=True))
    assert contained[4:8] == b"JXL "
    check(contained, pixels)


@pytest.mark.parametrize(("dtype", "shape"), SAMPLES)
def test_jpeg_xr_keeps_its_samples(dtype: str, shape: tuple[int, ...]) -> None:
    pixels = noise(dtype, *shape)
    data = bytes(imagecodecs.jpegxr_encode(pixels, level=100))
    # The encoder rounds single floats; half floats and integers come back as they were.
    np.testing.assert_allclose(imagecodecs.jpegxr_decode(data), pixels, atol=0.01)
    check(data, imagecodecs.jpegxr_decode(data))


def test_frames_of_jpeg_xl_are_t() -> None:
    frames = noise("u1", 4, 8, 10, 3)
    data = bytes(imagecodecs.jpegxl_encode(frames, lossless=True, photometric="rgb"))
    handle = open_image(data)
    assert handle.dims.order == "TYXS"
    np.testing.assert_array_equal(to_numpy(handle), frames)
    np.testing.assert_array_equal(to_numpy(transpose_to(handle, "YXS", T=2)), frames[2])


@pytest.mark.parametrize("codec", ["jpegxl", "avif"])
@pytest.mark.parametrize("shape", [(5, 30, 40, 3), (5, 30, 40, 4)])
def test_frames_of_sequences_are_t(codec: str, shape: tuple[int, ...]) -> None:
    frames = noise("u2", *shape, bits=10)
    if codec == "jpegxl":
        data = bytes(imagecodecs.jpegxl_encode(frames, lossless=True, photometric="rgb"))
    else:
        data = bytes(imagecodecs.avif_encode(frames, level=100, bitspersample=10))
    handle = open_image(data)
    assert (handle.dims.order, handle.dtype) == ("TYXS", np.dtype("u2"))
    np.testing.assert_array_equal(to_numpy(handle), frames)
    np.testing.assert_array_equal(to_numpy(transpose_to(handle, "YXS", T=3)), frames[3])
    # The decoder of AVIF starts with frame 0 for each read; that of JPEG XL reaches any frame.
    expected = ["sequence-decoded-whole"] if codec == "avif" else []
    assert [note.code for note in handle.diagnostics] == expected


def test_a_single_frame_is_not_decoded_as_a_sequence() -> None:
    pixels = noise("u2", 8, 10, 3, bits=10)
    check(bytes(imagecodecs.avif_encode(pixels, level=100, bitspersample=10)), pixels)


@takes_long
def test_blank_frames_are_counted_without_decoding_them() -> None:
    """300 frames of 250 x 250 x 3 in 9 kilobytes: decoded at once they would take 56 MB."""
    frames = np.broadcast_to(np.uint8(0), (300, 250, 250, 3))
    # The least effort takes 0.8 s, the default one 10 s.
    data = bytes(imagecodecs.jpegxl_encode(frames, lossless=True, photometric="rgb", effort=1))
    assert len(data) < 30_000
    tracemalloc.start()
    handle = open_image(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert handle.dims.T == 300
    assert peak < 20_000_000


def test_a_jpeg_of_12_bits_and_a_lossless_one() -> None:
    pixels = noise("u2", 16, 16, bits=12)
    twelve = bytes(imagecodecs.jpeg_encode(pixels, bitspersample=12, level=100))
    check(twelve, imagecodecs.jpeg_decode(twelve))
    assert open_image(twelve).dtype == np.dtype("u2")
    lossless = bytes(imagecodecs.ljpeg_encode(pixels))
    check(lossless, pixels)


@pytest.mark.parametrize("shape", [(16, 18), (16, 18, 3)])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_jpeg_ls_keeps_its_samples(shape: tuple[int, ...], bits: int) -> None:
    pixels = noise("u1" if bits == 8 else "u2", *shape, bits=bits)
    data = bytes(imagecodecs.jpegls_encode(pixels, level=0))
    check(data, pixels)
    with pytest.raises(CorruptFileError):
        to_numpy(open_image(data[:-100]))


@pytest.mark.parametrize(("mode", "samples"), [("RGB", 3), ("RGBA", 4), ("L", 1)])
@pytest.mark.parametrize("twelve", [False, True])
def test_heif_keeps_its_depth(
    mode: str, samples: int, twelve: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The encoder takes 16 bits and stores their upper 10 or 12, without loss at quality -1."""
    pillow_heif = pytest.importorskip("pillow_heif")
    monkeypatch.setattr(pillow_heif.options, "SAVE_HDR_TO_12_BIT", twelve)
    bits = 12 if twelve else 10
    pixels = noise("u2", 64, 64, samples, bits=bits)
    stored = (pixels << (16 - bits)).tobytes()
    image = pillow_heif.from_bytes(mode=f"{mode};16", size=(64, 64), data=stored)
    file = io.BytesIO()
    image.save(file, quality=-1, chroma=444, matrix_coefficients=0)
    check(file.getvalue(), pixels[..., 0] if samples == 1 else pixels)


def test_radiance_is_float() -> None:
    pixels = noise("f4", 8, 10, 3)
    data = bytes(imagecodecs.rgbe_encode(pixels, header=True))
    check(data, imagecodecs.rgbe_decode(data))
    np.testing.assert_allclose(to_numpy(open_image(data)), pixels, atol=0.01)


@pytest.mark.parametrize(
    "data",
    [
        bytes(imagecodecs.jpegxl_encode(noise("u2", 40, 30, 3), lossless=True)),
        bytes(imagecodecs.jpegxr_encode(noise("u2", 40, 30, 3), level=100)),
        bytes(imagecodecs.jpeg2k_encode(noise("u2", 40, 30, 3), level=0)),
    ],
    ids=["jxl", "jxr", "jp2"],
)
def test_an_image_that_breaks_off_is_corrupt(data: bytes) -> None:
    for part in (14, len(data) // 2):
        with pytest.raises(CorruptFileError):
            to_numpy(open_image(data[:part]))


# ---------------------------------------------------------------- netpbm, SGI, FITS


def netpbm(magic: str, pixels: Array, largest: object) -> bytes:
    head = f"{magic} # a comment\n{pixels.shape[1]} {pixels.shape[0]}\n# another\n{largest}\n"
    if magic in {"P2", "P3"}:
        return head.encode() + " ".join(map(str, pixels.ravel().tolist())).encode() + b"\n"
    if magic in {"P5", "P6"}:
        return head.encode() + pixels.astype(">u2" if pixels.itemsize == 2 else "u1").tobytes()
    return head.encode() + pixels[::-1].astype("<f4").tobytes()


@pytest.mark.parametrize(
    ("magic", "dtype", "maxval"),
    [
        ("P2", "u1", 15), ("P2", "u2", 4095), ("P3", "u2", 1000), ("P5", "u1", 1), ("P5", "u1", 100),
        ("P5", "u2", 256), ("P5", "u2", 4095), ("P6", "u1", 255), ("P6", "u1", 31), ("P6", "u2", 65535),
    ],
)  # fmt: skip
def test_netpbm_keeps_its_samples(magic: str, dtype: str, maxval: int) -> None:
    shape = (8, 10, 3) if magic in {"P3", "P6"} else (8, 10)
    pixels = RNG.integers(0, maxval, shape, endpoint=True).astype(dtype)
    handle = check(netpbm(magic, pixels, maxval), pixels)
    assert f'"maxval": {maxval}' in (handle.metadata or "")


@pytest.mark.parametrize(
    ("kind", "shape", "dtype", "maxval", "codes"),
    [
        ("GRAYSCALE", (8, 10), "u1", 255, ()),
        ("GRAYSCALE", (8, 10), "u2", 4095, ()),
        ("RGB", (8, 10, 3), "u2", 65535, ()),
        ("RGB_ALPHA", (8, 10, 4), "u2", 65535, ()),
        ("GRAYSCALE_ALPHA", (8, 10, 2), "u1", 255, ("sample-meaning",)),
    ],
)
def test_pam_keeps_its_samples(
    kind: str, shape: tuple[int, ...], dtype: str, maxval: int, codes: tuple[str, ...]
) -> None:
    """pam(5): samples of more than one byte are big-endian."""
    pixels = RNG.integers(0, maxval, shape, endpoint=True).astype(dtype)
    depth = shape[2] if len(shape) == 3 else 1
    head = f"P7\n# a comment\nWIDTH 10\nHEIGHT 8\nDEPTH {depth}\nMAXVAL {maxval}\n"
    data = f"{head}TUPLTYPE {kind}\nENDHDR\n".encode()
    check(data + pixels.astype(pixels.dtype.newbyteorder(">")).tobytes(), pixels, *codes)


@pytest.mark.parametrize("comment", [b"", b"# right behind the number"])
def test_a_pixel_that_looks_like_a_comment_of_netpbm_is_a_pixel(comment: bytes) -> None:
    """pgm(5): after the largest value "a single whitespace character", then the raster."""
    pixels = np.full((4, 6), 10, "u1")
    pixels[0, 0] = ord("#")
    check(b"P5\n6 4\n255" + comment + b"\n" + pixels.tobytes(), pixels)


@pytest.mark.parametrize(("magic", "dtype"), [("P5", "u1"), ("P5", "u2"), ("P6", "u2")])
def test_several_images_of_one_netpbm_file_are_frames(magic: str, dtype: str) -> None:
    """pgm(5): "a PGM file consists of a sequence of one or more PGM images"."""
    maxval = 4095 if dtype == "u2" else 255
    shape = (3, 8, 10, 3) if magic == "P6" else (3, 8, 10)
    frames = RNG.integers(0, maxval, shape).astype(dtype)
    data = b"".join(netpbm(magic, pixels, maxval) for pixels in frames)
    handle = open_image(data)
    assert handle.dims.order == "TYXS"[: frames.ndim]
    assert handle.diagnostics == ()
    np.testing.assert_array_equal(to_numpy(handle), frames)
    picked = transpose_to(handle, handle.dims.order, T=[2, 0], X=slice(3, 6))
    np.testing.assert_array_equal(to_numpy(picked), frames[[2, 0], :, 3:6])


def test_images_of_another_size_in_a_netpbm_file_are_reported() -> None:
    first, second = noise("u1", 8, 10), noise("u1", 6, 10)
    check(netpbm("P5", first, 255) + netpbm("P5", second, 255), first, "more-images")


@pytest.mark.parametrize(("magic", "shape"), [("Pf", (8, 10)), ("PF", (8, 10, 3))])
def test_float_maps_are_bottom_up(magic: str, shape: tuple[int, ...]) -> None:
    pixels = noise("f4", *shape)
    check(netpbm(magic, pixels, "-1.0"), pixels)


def sgi_rows(pixels: Array, runs: bool) -> bytes:
    """Rows of each channel, the lowest first; runs alternate repeated and literal words."""
    channels = pixels[..., None] if pixels.ndim == 2 else pixels
    lines = [
        channels[row, :, channel]
        for channel in range(channels.shape[2])
        for row in range(channels.shape[0] - 1, -1, -1)
    ]
    if not runs:
        return b"".join(line.astype(">u2").tobytes() for line in lines)
    packed = [
        np.array([3, line[0], 0x80 | (len(line) - 3), *line[3:], 0], ">u2").tobytes()
        for line in lines
    ]
    starts = 512 + 8 * len(lines) + np.cumsum([0, *map(len, packed[:-1])])
    table = starts.astype(">u4").tobytes() + np.array([*map(len, packed)], ">u4").tobytes()
    return table + b"".join(packed)


def test_sgi_is_known_by_its_first_bytes() -> None:
    pixels = noise("u1", 8, 10, 3)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "SGI")
    check(file.getvalue(), pixels)


@pytest.mark.parametrize("runs", [False, True])
@pytest.mark.parametrize("shape", [(8, 10), (8, 10, 3), (8, 10, 4)])
def test_sgi_of_16_bits(shape: tuple[int, ...], runs: bool, tmp_path: Path) -> None:
    pixels = noise("u2", *shape)
    pixels[:, :3] = pixels[:, :1]
    channels = shape[2] if len(shape) == 3 else 1
    sizes = (len(shape), shape[1], shape[0], channels)
    head = b"\x01\xda" + bytes([runs, 2]) + np.array(sizes, ">u2").tobytes()
    data = head.ljust(512, b"\0") + sgi_rows(pixels, runs)
    path = tmp_path / "a.sgi"
    path.write_bytes(data)
    handle = open_image(path)
    assert handle.dtype == np.dtype("u2")
    np.testing.assert_array_equal(to_numpy(handle), pixels)
    path.write_bytes(data[:-30])
    with pytest.raises(CorruptFileError):
        to_numpy(open_image(path))


def fits(pixels: Array, bits: int, **extra: object) -> bytes:
    cards: dict[str, object] = {"SIMPLE": "T", "BITPIX": bits, "NAXIS": pixels.ndim}
    cards |= {f"NAXIS{n + 1}": size for n, size in enumerate(reversed(pixels.shape))}
    lines = [f"{key:8}= {value!s:>20}".ljust(80) for key, value in (cards | extra).items()]
    head = "".join([*lines, "END".ljust(80)])
    content = pixels[..., ::-1, :].tobytes()
    return head.ljust(2880).encode() + content.ljust(-(-len(content) // 2880) * 2880, b"\0")


@pytest.mark.parametrize(
    ("dtype", "bits"), [("u1", 8), ("i2", 16), ("i4", 32), ("i8", 64), ("f4", -32), ("f8", -64)]
)
def test_fits_is_big_endian(dtype: str, bits: int) -> None:
    """FITS 4.0, section 4.4.1.1; pillow 13 drops the sign of 16 bits."""
    pixels = noise(dtype, 8, 10)
    check(fits(pixels.astype(f">{dtype}"), bits), pixels)


def test_fits_of_unsigned_numbers_and_of_several_planes() -> None:
    stored = noise("i2", 3, 8, 10)
    handle = open_image(fits(stored.astype(">i2"), 16, BZERO=32768, BSCALE=1))
    assert (handle.dims.order, handle.dtype) == ("TYX", np.dtype("u2"))
    expected = (stored.astype(int) + 32768).astype("u2")
    np.testing.assert_array_equal(to_numpy(handle), expected)
    np.testing.assert_array_equal(to_numpy(transpose_to(handle, "YX", T=1)), expected[1])
    scaled = check(fits(stored[0].astype(">i2"), 16, BSCALE=0.5), stored[0], "fits-scaling")
    assert "0 + 0.5 x sample" in scaled.diagnostics[0].message


def test_a_slash_in_quotes_begins_no_comment_of_fits() -> None:
    """FITS 4.0, sections 4.1.2 and 4.2.1.1; quotes inside a text are doubled."""
    cards: dict[str, object] = {
        "OBJECT": "'M 31/core  '           / a / comment",
        "OBSERVER": "'O''HARA/B'",
        "FILTER": "'A'       / not 'B/C'",
        "GAIN": "2.5 / electrons '/' count",
        "QUOTES": "''''''",
    }
    shown = metadata(open_image(fits(noise("i2", 8, 10).astype(">i2"), 16, **cards)))
    assert isinstance(shown, Mapping)
    found = {key: value for key, value in shown.items() if key in cards}
    assert found == {
        "OBJECT": "M 31/core",
        "OBSERVER": "O'HARA/B",
        "FILTER": "A",
        "GAIN": "2.5",
        "QUOTES": "''",
    }


@pytest.mark.parametrize(
    "data",
    [
        b"P5 10 8 70000\n" + bytes(200),
        b"P5 10 8 4095\n" + bytes(100),
        b"P2 3 3 4095\n1 2 3\n",
        b"P2 2 1 4095\n1 99999999999999999999999\n",
        b"P2 2 1 255\n1 300\n",
        b"P2 2 1 4095\n1 x\n",
        fits(np.zeros((8, 10), ">i2"), 16)[:2000],
        fits(np.zeros((8, 10), ">i2"), 17),
        fits(np.zeros((80, 100), ">i2"), 16)[:4000],
    ],
)
def test_rasters_that_are_damaged(data: bytes) -> None:
    with pytest.raises(CorruptFileError):
        to_numpy(open_image(data))


# ---------------------------------------------------------------- what is lost, by name


def test_depth_that_no_engine_keeps_is_named() -> None:
    def codes(kind: str, head: bytes) -> list[str]:
        return [code for code, _ in stored_depth.report_loss(kind, io.BytesIO(head))]

    dds = b"DDS " + bytes(80) + b"DX10" + bytes(40)
    assert codes("DDS", dds + (95).to_bytes(4, "little")) == ["depth-lost"]
    assert codes("DDS", dds + (98).to_bytes(4, "little")) == []
    assert codes("BMP", bytes(100)) == []


# ---------------------------------------------------------------- movies


def movie(codec: str, container: str, pixel_format: str, frames: Array, **options: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pixel_format
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format=pixel_format)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize("container", ["mp4", "matroska", "avi", "mpegts", "h264"])
def test_gray_h264_keeps_its_codes(container: str) -> None:
    """Without a loss (qp 0) the encoded codes come back; a range conversion would stretch them."""
    frames = noise("u1", 6, 32, 48)
    data = movie("libx264", container, "gray", frames, qp="0")
    handle = open_image(data)
    assert (handle.dims.order, handle.dtype) == ("TYX", np.dtype("u1"))
    np.testing.assert_array_equal(to_numpy(handle), frames)
    np.testing.assert_array_equal(to_numpy(transpose_to(handle, "YX", T=4)), frames[4])


def test_gray_h264_of_10_bits_keeps_its_depth() -> None:
    frames = np.full((4, 32, 48), 700, np.uint16)
    handle = open_image(movie("libx264", "mp4", "gray10le", frames, crf="1"))
    assert (handle.dims.order, handle.dtype) == ("TYX", np.dtype("u2"))
    np.testing.assert_allclose(to_numpy(handle), frames, atol=4)


@pytest.mark.parametrize(
    ("codec", "container", "pixel_format", "bits"),
    [
        ("rawvideo", "nut", "gray16le", 16),
        ("rawvideo", "nut", "gray10le", 10),
        ("rawvideo", "avi", "gray", 8),
        ("ffv1", "avi", "gray12le", 12),
        ("png", "mov", "gray16be", 16),
        ("ffv1", "matroska", "gray", 8),
    ],
)
def test_gray_movies_keep_their_codes(
    codec: str, container: str, pixel_format: str, bits: int
) -> None:
    frames = noise("u2" if bits > 8 else "u1", 4, 32, 48, bits=bits)
    handle = open_image(movie(codec, container, pixel_format, frames))
    assert handle.dtype == frames.dtype
    np.testing.assert_array_equal(to_numpy(handle), frames)


def test_bitmaps_are_black_and_white() -> None:
    bits = RNG.integers(0, 2, (3, 32, 48)).astype(bool)
    packed = np.packbits(~bits, axis=2)
    data = b""
    file = io.BytesIO()
    with av.open(file, "w", format="nut") as out:
        stream: Any = out.add_stream("rawvideo", rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "monow"
        for index in range(3):
            frame = av.VideoFrame(48, 32, "monow")
            plane = frame.planes[0]
            rows = np.zeros((32, plane.line_size), np.uint8)
            rows[:, :6] = packed[index]
            plane.update(rows.tobytes())
            frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    data = file.getvalue()
    np.testing.assert_array_equal(to_numpy(open_image(data)), bits * np.uint8(255))


def test_raw_video_of_16_bits_without_a_pixel_format_is_a_guess() -> None:
    data = movie("rawvideo", "avi", "gray16le", noise("u2", 2, 32, 48))
    assert [one.code for one in open_image(data).diagnostics] == ["guessed-pixel-format"]


def test_float_colour_movies_name_their_loss() -> None:
    from aicsio.formats.imageio.movie_pixels import _choose

    assert "32 bits" in _choose("gbrpf32le").loss
    assert _choose("gbrp16le").loss == ""


@pytest.mark.parametrize(
    ("extradata", "expected"),
    [
        ("01f4000affe1001667f4000afac86b42", True),  # High 4:4:4, chroma_format_idc 0
        ("0164000affe100166764000af36535a1", True),  # High
        ("00000167f4000afac86b420000030002", True),  # start codes
        ("0164000affe100166764000aacd9", False),  # High, chroma_format_idc 1
        ("0142c00affe100166742c00ada", False),  # Baseline: always colour
        ("", False),
        ("01", False),
        ("0000016764", False),
        ("0164000affe1ffff", False),
        ("000001676400000a00000000000000000000", False),
    ],
)
def test_monochrome_h264_by_its_parameter_set(extradata: str, expected: bool) -> None:
    assert is_monochrome(bytes.fromhex(extradata)) == expected


# ---------------------------------------------------------------- metadata


def test_metadata_of_pillow_stays_where_imagecodecs_decodes() -> None:
    file = io.BytesIO()
    Image.fromarray(noise("u1", 8, 10, 3)).save(file, "JPEG2000", comment="made here")
    assert '"comment"' in (open_image(file.getvalue()).metadata or "")
    deep = open_image(bytes(imagecodecs.jpeg2k_encode(noise("u2", 8, 10, 3), level=0)))
    assert '"format": "JPEG2000"' in (deep.metadata or "")


# ---------------------------------------------------------------- streams that decoders dispute


def test_tiles_of_jpeg2000_may_have_a_part_more_than_they_state(tmp_path: Path) -> None:
    """As ``rgb24.jp2`` of imagecodecs' tests: with the count mended, pillow shows the same pixels."""
    image = noise("u1", 40, 30, 3)
    data = bytearray(imagecodecs.jpeg2k_encode(image, level=0, codecformat="j2k"))
    part = data.index(b"\xff\x90\0\x0a")
    data[part + 11] = 1
    # One more part, of nothing but its header and SOD.
    more = b"\xff\x90\0\x0a" + struct.pack(">HIBB", 0, 14, 1, 1) + b"\xff\x93"
    end = data.rindex(b"\xff\xd9")
    path = tmp_path / "a.j2k"
    path.write_bytes(bytes(data[:end]) + more + b"\xff\xd9")
    with pytest.raises(OSError, match="broken data stream"):
        Image.open(path).load()
    assert np.array_equal(to_numpy(open_image(path)), image)
    data[part + 11] = 2
    path.write_bytes(
        bytes(data[:end]) + more.replace(b"\x01\x01\xff", b"\x01\x02\xff") + b"\xff\xd9"
    )
    assert np.array_equal(np.asarray(Image.open(path)), image)
    path.write_bytes(bytes(data[: end // 2]))
    with pytest.raises(CorruptFileError):
        to_numpy(open_image(path))


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_lossless_jpeg_without_a_predictor_is_not_called_damaged(
    suffix: str, tmp_path: Path
) -> None:
    """ITU-T T.81, table H.1: selection value 0 is that of hierarchical streams alone.

    LJ92 and jpegsof3 give different pixels for such a stream; libjpeg-turbo refuses it.
    """
    image = noise("u1", 8, 10)
    data = bytearray(imagecodecs.jpeg8_encode(image, lossless=True))
    scan = data.index(b"\xff\xda")
    # Ss stands behind the list of components.
    data[scan + 5 + 2 * data[scan + 4]] = 0
    path = tmp_path / f"a.{suffix}"
    if suffix == "jpg":
        path.write_bytes(data)
    else:
        tifffile.imwrite(
            path, iter([bytes(data)]), shape=(8, 10), dtype=np.uint8, compression="jpeg",
            rowsperstrip=8, photometric="minisblack", metadata=None,
        )  # fmt: skip
    with pytest.raises(UnsupportedFormatError, match="lossless JPEG without a predictor"):
        to_numpy(open_image(path))
