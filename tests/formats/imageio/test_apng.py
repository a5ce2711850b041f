"""Animated PNG, made chunk by chunk: each frame is what the specification composes."""

import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from aicsio import CorruptFileError, open_image, to_numpy, transpose_to
from aicsio.formats.imageio.apng import compose_over

Array = npt.NDArray[Any]
NONE, BACKGROUND, PREVIOUS = 0, 1, 2
SOURCE, OVER = 0, 1
COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""PNG colour types by samples."""


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def packed(pixels: Array) -> bytes:
    rows = pixels.reshape(pixels.shape[0], -1).astype(f">u{pixels.itemsize}")
    return zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))


def apng(
    *frames: tuple[Array, int, int, int, int],
    size: tuple[int, int] = (12, 16),
    delay: tuple[int, int] = (1, 20),
    still: Array | None = None,
    declared: int | None = None,
) -> bytes:
    """Make an APNG of frames (pixels, left, top, dispose, blend), each in two chunks of data."""
    first = frames[0][0]
    samples = 1 if first.ndim == 2 else first.shape[2]
    header = (size[1], size[0], 8 * first.itemsize, COLOR_TYPES[samples], 0, 0, 0)
    count = len(frames) if declared is None else declared
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", *header))]
    parts.append(chunk(b"acTL", struct.pack(">II", count, 0)))
    if still is not None:
        parts.append(chunk(b"IDAT", packed(still)))
    number = 0
    for pixels, left, top, dispose, blend in frames:
        place = (number, pixels.shape[1], pixels.shape[0], left, top, *delay, dispose, blend)
        parts.append(chunk(b"fcTL", struct.pack(">IIIIIHHBB", *place)))
        number += 1
        data = packed(pixels)
        for part in (data[:9], data[9:]):
            if number == 1 or (number == 2 and still is None and part == data[9:]):
                parts.append(chunk(b"IDAT", part))
            else:
                parts.append(chunk(b"fdAT", struct.pack(">I", number) + part))
            number += 1
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def filled(height: int, width: int, *color: int, dtype: str = "u1") -> Array:
    return np.full((height, width, len(color)), color, dtype)


RED, GREEN, BLUE = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255)


def canvas(*squares: tuple[int, int, int, int, tuple[int, ...]]) -> Array:
    expected = np.zeros((12, 16, 4), np.uint8)
    for top, left, height, width, color in squares:
        expected[top : top + height, left : left + width] = color
    return expected


WHOLE = (0, 0, 12, 16, RED)
A, B = (1, 2, 4, 5, GREEN), (3, 4, 6, 7, BLUE)


@pytest.mark.parametrize(
    ("dispose", "expected"),
    [
        (NONE, [canvas(WHOLE), canvas(WHOLE, A), canvas(WHOLE, A, B), canvas(WHOLE, A, B, A)]),
        (
            BACKGROUND,
            [canvas(WHOLE), canvas(A), canvas(B), canvas(A)],
        ),
        # Before the first frame there is nothing: its region is cleared.
        (PREVIOUS, [canvas(WHOLE), canvas(A), canvas(B), canvas(A)]),
    ],
)
@pytest.mark.parametrize("blend", [SOURCE, OVER])
def test_frames_are_composed(dispose: int, blend: int, expected: list[Array]) -> None:
    data = apng(
        (filled(12, 16, *RED), 0, 0, dispose, blend),
        (filled(4, 5, *GREEN), 2, 1, dispose, blend),
        (filled(6, 7, *BLUE), 4, 3, dispose, blend),
        (filled(4, 5, *GREEN), 2, 1, dispose, blend),
    )
    handle = open_image(data)
    assert handle.dims.order == "TYXS"
    np.testing.assert_array_equal(to_numpy(handle), np.stack(expected))
    for t in (3, 1, 2, 0):
        np.testing.assert_array_equal(to_numpy(transpose_to(handle, "YXS", T=t)), expected[t])
    assert handle.time_step == 0.05
    assert handle.diagnostics == ()


@pytest.mark.parametrize("samples", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_samples_of_all_frames_are_kept(samples: int, dtype: str) -> None:
    rng = np.random.default_rng(samples)
    shape = (12, 16) if samples == 1 else (12, 16, samples)
    frames = rng.integers(0, 1 << 8 * int(dtype[1]), (3, *shape)).astype(dtype)
    handle = open_image(apng(*((frame, 0, 0, NONE, SOURCE) for frame in frames)))
    assert handle.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(to_numpy(handle), frames)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_alpha_is_composed_over(dtype: str) -> None:
    """The formula of the PNG specification, section 13.16, in whole numbers of any size."""
    largest = int(np.iinfo(dtype).max)
    rng = np.random.default_rng(9)
    pixels, below = rng.integers(0, largest + 1, (2, 20, 30, 4)).astype(dtype)
    pixels[:5, :, 3], pixels[5:10, :, 3], below[::2, :, 3] = 0, largest, 0
    composed = compose_over(pixels, below)
    for index in np.ndindex(20, 30):
        source, target = ([int(n) for n in image[index]] for image in (pixels, below))
        u, v = source[3] * largest, (largest - source[3]) * target[3]
        total = u + v
        colors = [
            (s * u + t * v) // max(total, 1) for s, t in zip(source[:3], target[:3], strict=True)
        ]
        assert composed[index].tolist() == [*colors, total // largest]


def test_delays_that_differ_have_no_step() -> None:
    frame = (filled(12, 16, *RED), 0, 0, NONE, SOURCE)
    first = apng(frame, frame, frame, delay=(3, 0))
    handle = open_image(first)
    assert handle.time_step == 0.03
    times = handle.scene.planes.column("time") if handle.scene.planes else None
    assert times is not None
    np.testing.assert_allclose(times, [0, 0.03, 0.06])


def test_the_still_image_for_other_viewers_is_no_frame() -> None:
    still = filled(12, 16, *GREEN)
    frames = [(filled(12, 16, *color), 0, 0, NONE, SOURCE) for color in (RED, BLUE)]
    handle = open_image(apng(*frames, still=still))
    assert [one.code for one in handle.diagnostics] == ["hidden-image"]
    np.testing.assert_array_equal(to_numpy(handle), np.stack([frame[0] for frame in frames]))


def test_frames_that_are_missing_are_reported() -> None:
    frame = (filled(12, 16, *RED), 0, 0, NONE, SOURCE)
    handle = open_image(apng(frame, frame, declared=5))
    assert [one.code for one in handle.diagnostics] == ["fewer-frames"]
    assert handle.dims.T == 2


def test_a_frame_beyond_the_canvas_is_damage() -> None:
    data = apng((filled(12, 16, *RED), 0, 0, NONE, SOURCE), (filled(4, 5, *RED), 13, 0, NONE, OVER))
    with pytest.raises(CorruptFileError, match="leaves the canvas"):
        open_image(data)


def test_palettes_hold_for_all_frames() -> None:
    image = Image.fromarray((np.arange(192) % 4).astype(np.uint8).reshape(12, 16)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    other = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    file = io.BytesIO()
    image.save(file, "PNG", save_all=True, append_images=[other], blend=SOURCE)
    pixels = to_numpy(open_image(file.getvalue()))
    np.testing.assert_array_equal(pixels[0], np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(pixels[1], np.asarray(other.convert("RGB")))


def test_a_still_with_an_empty_animation_is_a_still() -> None:
    pixels = filled(12, 16, 1, 2, 3)
    png = bytes(imagecodecs.png_encode(pixels))
    place = png.index(b"IDAT") - 4
    data = png[:place] + chunk(b"acTL", struct.pack(">II", 0, 0)) + png[place:]
    np.testing.assert_array_equal(to_numpy(open_image(data)), pixels)
