"""Declared sizes against the encoders' own images, and a lie in each header against the decoder's step."""

import io
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from aicsio._codecs import DecodeTarget, Scratch, decode, image_headers, imagecodecs
from aicsio.records import Codec

SHAPES = [(5, 9), (8, 8), (64, 256), (256, 64), (300, 200), (512, 640), (1, 700)]


def image(shape: tuple[int, ...], dtype: str = "u1") -> npt.NDArray[Any]:
    return np.random.default_rng(1).integers(0, 200, shape).astype(dtype)


def encoded(name: str, pixels: npt.NDArray[Any], **options: Any) -> bytes:
    return bytes(getattr(imagecodecs(), f"{name}_encode")(pixels, **options))


def animated_webp(pixels: npt.NDArray[Any]) -> bytes:
    file = io.BytesIO()
    frame = Image.fromarray(pixels)
    other = Image.fromarray(255 - pixels)
    frame.save(file, "WEBP", save_all=True, append_images=[other])
    return file.getvalue()


ENCODERS: dict[str, Any] = {
    "jpeg": lambda pixels: encoded("jpeg", pixels),
    "jpegxr": lambda pixels: encoded("jpegxr", pixels),
    "jpeg2000": lambda pixels: encoded("jpeg2k", pixels, codecformat="j2k"),
    "jpeg2000 in jp2": lambda pixels: encoded("jpeg2k", pixels, codecformat="jp2"),
    "jpegxl": lambda pixels: encoded("jpegxl", pixels),
    "jpegxl in its container": lambda pixels: encoded("jpegxl", pixels, usecontainer=True),
    "png": lambda pixels: encoded("png", pixels),
    "lerc": lambda pixels: encoded("lerc", pixels),
    "lerc of version 2": lambda pixels: encoded("lerc", pixels, version=2),
    "webp": lambda pixels: encoded("webp", np.stack([pixels] * 3, -1), lossless=False),
    "webp without loss": lambda pixels: encoded("webp", np.stack([pixels] * 3, -1), lossless=True),
    "webp with frames": lambda pixels: animated_webp(np.stack([pixels] * 3, -1)),
}
READERS = {
    "jpeg": image_headers.jpeg_size,
    "jpegxr": image_headers.jpegxr_size,
    "jpeg2000": image_headers.jpeg2000_size,
    "jpegxl": image_headers.jpegxl_size,
    "png": image_headers.png_size,
    "lerc": image_headers.lerc_size,
    "webp": image_headers.webp_size,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ENCODERS)
def test_declared_size_is_that_of_the_encoded_image(name: str, shape: tuple[int, int]) -> None:
    data = ENCODERS[name](image(shape))
    size = READERS[name.partition(" ")[0]](data)
    assert size is not None
    assert size in {shape, (*shape, 1)}


@pytest.mark.parametrize("name", ENCODERS)
def test_cut_headers_declare_the_size_or_nothing(name: str) -> None:
    data = ENCODERS[name](image((64, 256)))
    reader = READERS[name.partition(" ")[0]]
    for length in range(min(len(data), 200)):
        try:
            size = reader(data[:length])
        except ValueError:  # JPEG XR, whose library must not see such bytes
            continue
        assert size is None or size[:2] == (64, 256) or name.startswith("jpegxl")


@pytest.mark.parametrize("reader", READERS.values())
def test_rubbish_declares_nothing_and_raises_no_other_error(reader: Any) -> None:
    rng = np.random.default_rng(3)
    for start in (b"", b"\xff", b"\xff\xd8" * 30, b"II", b"RIFF", b"Lerc2 ", b"\xff\x0a"):
        try:
            reader(start + rng.integers(0, 256, 60, np.uint8).tobytes())
        except ValueError:
            assert reader is image_headers.jpegxr_size


@pytest.mark.parametrize("stored", ["u1", "u2", "f2", "f4"])
@pytest.mark.parametrize("shown", ["u1", "<u2", ">u2", "<f2", "<f4"])
@pytest.mark.parametrize("samples", [1, 3])
def test_images_of_jpeg_xr_go_straight_to_their_place_where_the_types_agree(
    samples: int, shown: str, stored: str
) -> None:
    pixels = np.arange(40 * 30 * samples).reshape(40, 30, samples).astype(stored) % 99
    data = encoded("jpegxr", pixels.squeeze(), level=1.0)
    dtype = np.dtype(shown)
    memory = np.zeros(pixels.size * dtype.itemsize, np.uint8)
    target = DecodeTarget(pixels.shape, dtype, Scratch(), memory)
    found = decode((Codec("jpegxr", (("sampled", True),)),), data, target)
    np.testing.assert_array_equal(found, pixels.astype(dtype))
    is_direct = dtype == pixels.dtype and dtype.kind == "u"
    assert np.may_share_memory(found, memory) == is_direct


def test_images_of_jpeg_xr_with_other_samples_are_no_pixels_of_the_target() -> None:
    data = encoded("jpegxr", image((40, 30, 3)))
    target = DecodeTarget((40, 30), np.dtype("u1"), Scratch())
    with pytest.raises(ValueError, match="3 samples a pixel, expected 1"):
        decode((Codec("jpegxr", (("sampled", False),)),), data, target)


def test_jpeg_2000_header_has_depth_sign_and_components() -> None:
    pixels = image((12, 10, 3), "u2")
    header = image_headers.jpeg2000_header(encoded("jpeg2k", pixels, bitspersample=12))
    assert header == image_headers.Jpeg2000Header(12, 10, (12, 12, 12), (False,) * 3, ((1, 1),) * 3)
    signed = image_headers.jpeg2000_header(
        encoded("jpeg2k", image((4, 6), "i2"), codecformat="j2k")
    )
    assert signed is not None
    assert (signed.depths, signed.signed) == ((16,), (True,))


def test_bands_of_lerc_are_counted() -> None:
    samples, bands = image((20, 30, 3), "u2"), image((3, 20, 30), "u2")
    assert image_headers.lerc_size(encoded("lerc", samples)) == (20, 30, 3)
    assert image_headers.lerc_size(encoded("lerc", bands, planar=True)) == (20, 30, 3)


@pytest.mark.parametrize("name", ["jpeg2k", "lerc"])
def test_images_of_many_samples_are_no_giants(name: str) -> None:
    pixels = image((256, 300, 5), "u2")
    target = DecodeTarget(pixels.shape, pixels.dtype, Scratch())
    data = encoded(name, pixels)
    decoded = decode((Codec(name, (("sampled", True),)),), data, target)
    assert np.array_equal(decoded, pixels)


GIANTS = {
    "JPEG": "jpeg",
    "JPEG 2000": "jpeg2k",
    "JPEG XL": "jpegxl",
    "JPEG XR": "jpegxr",
    "LERC": "lerc",
    "PNG": "png",
    "WebP": "webp",
}


@pytest.mark.parametrize("name", GIANTS)
def test_an_image_larger_than_its_tile_is_refused_before_decoding(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = GIANTS[name]
    data = encoded(codec, np.zeros((700, 700, 3)[: 3 if codec == "webp" else 2], np.uint8))
    target = DecodeTarget((64, 64), np.dtype("u1"), Scratch())
    function = {"jpeg2k": "jpeg2k_decode"}.get(codec, f"{codec}_decode")
    monkeypatch.setattr(imagecodecs(), function, lambda *_, **__: pytest.fail("it was decoded"))
    with pytest.raises(ValueError, match=f"its {name} header claims 700 x 700"):
        decode((Codec(codec, (("sampled", False),)),), data, target)


def test_a_jpeg_2000_of_many_components_is_refused_before_decoding() -> None:
    size = struct.pack(">HHIIIIIIIIH", 38 + 3 * 4000, 0, 64, 64, 0, 0, 64, 64, 0, 0, 4000)
    data = b"\xff\x4f\xff\x51" + size + b"\x07\x01\x01" * 4000
    target = DecodeTarget((64, 64), np.dtype("u1"), Scratch())
    with pytest.raises(ValueError, match="JPEG 2000 header claims"):
        decode((Codec("jpeg2k", (("sampled", False),)),), data, target)


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3)])
def test_a_jpegls_stream_without_its_end_is_refused(shape: tuple[int, ...]) -> None:
    pixels = image(shape)
    data = encoded("jpegls", pixels)
    chain = (Codec("jpegls", (("sampled", len(shape) == 3),)),)
    target = DecodeTarget(shape, np.dtype("u1"), Scratch())
    # DICOM fills a fragment up to an even length; fill bytes may stand in front of a marker (T.81, B.1.1.2).
    for whole in (data, data + b"\0", data[:-2] + b"\xff" + data[-2:]):
        image_headers.require_jpegls_end(whole)
    np.testing.assert_array_equal(decode(chain, data, target), pixels)
    for nbytes in (1, 2, 3, 20, len(data) // 2, len(data) - 60):
        with pytest.raises(ValueError, match="has no end"):
            decode(chain, data[:-nbytes], target)
