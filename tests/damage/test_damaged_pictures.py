"""Damaged pictures and movies give an image or one of our errors: quickly, and in little memory.

What lies before the damage is not changed: raw rasters show it as it was.
"""

import functools
import io
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from aicsio import open_image, to_numpy, transpose_to
from limits import in_memory, in_time, our_errors, read_some, variant_count

VARIANTS = variant_count(240) // 8
"""Damaged files of each kind."""
RNG = np.random.default_rng(4)


def noise(dtype: str, *shape: int) -> npt.NDArray[Any]:
    return RNG.integers(0, 200, shape).astype(dtype)


def animated(form: str, **options: Any) -> bytes:
    first, *others = (Image.fromarray(noise("u1", 30, 40, 4)) for _ in range(4))
    file = io.BytesIO()
    first.save(file, form, save_all=True, append_images=others, **options)
    return file.getvalue()


def movie(codec: str, container: str, pixel_format: str, dtype: str, **options: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = 32, 48, pixel_format
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(noise(dtype, 32, 48), format=pixel_format)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def fits(pixels: npt.NDArray[Any]) -> bytes:
    cards = {
        "SIMPLE": "T",
        "BITPIX": 16,
        "NAXIS": 2,
        "NAXIS1": pixels.shape[1],
        "NAXIS2": len(pixels),
    }
    lines = [f"{key:8}= {value!s:>20}".ljust(80) for key, value in cards.items()]
    return "".join([*lines, "END"]).ljust(2880).encode() + pixels.astype(">i2").tobytes()


MAKERS: dict[str, Callable[[], bytes]] = {
    "JPEG 2000": lambda: bytes(imagecodecs.jpeg2k_encode(noise("u2", 30, 40, 3), level=0)),
    "JPEG XL": lambda: bytes(imagecodecs.jpegxl_encode(noise("u2", 30, 40, 3), lossless=True)),
    "JPEG XR": lambda: bytes(imagecodecs.jpegxr_encode(noise("u2", 30, 40, 3), level=100)),
    "AVIF": lambda: bytes(imagecodecs.avif_encode(noise("u2", 30, 40, 3), bitspersample=10)),
    "JPEG of 12 bits": lambda: bytes(
        imagecodecs.jpeg_encode(noise("u2", 32, 32), bitspersample=12)
    ),
    "PNG of 16 bits": lambda: bytes(imagecodecs.png_encode(noise("u2", 30, 40, 3))),
    "Radiance": lambda: bytes(imagecodecs.rgbe_encode(noise("f4", 30, 40, 3), header=True)),
    "PGM": lambda: b"P5 40 30 4095\n" + noise(">u2", 30, 40).tobytes(),
    "PGM of text": lambda: b"P2 9 8 4095\n" + b" ".join(b"%d" % n for n in range(72)),
    "PFM": lambda: b"PF 40 30 -1.0\n" + noise("<f4", 30, 40, 3).tobytes(),
    "FITS": lambda: fits(noise("i2", 30, 40)),
    "GIF": lambda: animated("GIF", disposal=2),
    "APNG": lambda: animated("PNG", disposal=2, blend=1),
    "WebP": lambda: animated("WEBP", lossless=True),
    "gray H.264": lambda: movie("libx264", "mp4", "gray", "u1", qp="0"),
    "raw movie": lambda: movie("rawvideo", "nut", "gray16le", "u2"),
}


@functools.cache
def whole(name: str) -> bytes:
    return MAKERS[name]()


def damage(data: bytes, rng: random.Random) -> bytes:
    """Cut a file, or change bytes: half of them in its header."""
    changed = bytearray(data)
    if rng.random() < 0.25:
        return data[: rng.randrange(len(data))]
    for _ in range(rng.choice([1, 2, 8])):
        end = min(len(data), 120) if rng.random() < 0.5 else len(data)
        changed[rng.randrange(end)] = rng.choice([0, 1, 255, rng.randrange(256)])
    return bytes(changed)


@pytest.mark.parametrize("name", MAKERS)
def test_damage_gives_an_image_or_one_of_our_errors(name: str) -> None:
    rng = random.Random(name)
    assert to_numpy(open_image(whole(name))).size
    with in_memory():
        for number in range(VARIANTS):
            with in_time(f"variant {number}"), our_errors():
                read_some(open_image(damage(whole(name), rng)))


@pytest.mark.parametrize(("name", "header"), [("PGM", 14), ("PFM", 14), ("FITS", 2880)])
def test_damaged_bytes_of_a_raster_change_their_own_samples_alone(name: str, header: int) -> None:
    expected = to_numpy(open_image(whole(name)))
    rng = random.Random(name)
    itemsize = expected.itemsize
    for _ in range(VARIANTS):
        data = bytearray(whole(name))
        places = [rng.randrange(header, len(data)) for _ in range(rng.choice([1, 2, 8]))]
        for place in places:
            data[place] ^= 1
        pixels = to_numpy(open_image(bytes(data)))
        samples = {(place - header) // itemsize for place in places}
        assert 0 < np.count_nonzero(pixels != expected) <= len(samples)


@pytest.mark.parametrize("name", ["PGM", "PFM", "FITS"])
def test_samples_before_a_damaged_one_are_as_they_were(name: str) -> None:
    expected = to_numpy(open_image(whole(name)))
    data = bytearray(whole(name))
    data[-2:] = b"\x01\x01"
    pixels = to_numpy(open_image(bytes(data)))
    different = np.argwhere(pixels != expected)
    assert len(different) == 1


@pytest.mark.parametrize("name", ["GIF", "APNG"])
def test_frames_before_the_break_of_an_animation_are_as_they_were(name: str) -> None:
    expected = to_numpy(open_image(whole(name)))
    handle = open_image(whole(name)[: len(whole(name)) * 3 // 4])
    first = to_numpy(transpose_to(handle, "TYXS", T=slice(0, 2)))
    np.testing.assert_array_equal(first, expected[:2])
