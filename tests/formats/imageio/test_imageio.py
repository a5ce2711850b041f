"""Everyday images and movies against pillow, PyAV and imageio themselves, and against what was encoded."""

import importlib.util
import io
import itertools
import json
import pickle
import random
import re
import struct
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import fsspec
import imagecodecs
import imageio.v3 as iio
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from aicsio import open_image, select_scene, to_dask, to_numpy, transpose_to
from aicsio._io import readers
from aicsio.errors import (
    AicsioError,
    ArgumentTypeError,
    CorruptFileError,
    MissingDependencyError,
    SourceChangedError,
    UnsupportedFormatError,
)
from aicsio.formats import HEAD_BYTES
from aicsio.formats import imageio as imageio_format
from aicsio.formats.imageio.cursors import Cursors
from aicsio.formats.imageio.frames import Frames
from aicsio.records import Computed, ImageHandle, Source
from limits import variant_count
from support import corpus_file, corpus_names, mostly_long, takes_long

Array = npt.NDArray[Any]
RNG = np.random.default_rng(11)


# ---------------------------------------------------------------- independent decoders


def by_pillow(data: bytes) -> Array:
    """All frames, palettes applied with their transparency."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image = Image.open(io.BytesIO(data))
    mode = image.mode
    if mode == "P":
        mode = "RGBA" if "transparency" in image.info else "RGB"
    frames = []
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        frames.append(np.array(image.convert(mode)))
    return np.stack(frames) if len(frames) > 1 else frames[0]


def by_pyav(data: bytes, form: str = "rgb24") -> Array:
    container: Any
    with av.open(io.BytesIO(data)) as container:
        return np.stack([frame.to_ndarray(format=form) for frame in container.decode(video=0)])


def frames_of(handle: ImageHandle) -> Frames:
    [called] = handle.array.layout.pieces(
        (0,) * len(handle.dims), tuple(slice(0, 1) for _ in handle.dims)
    )
    assert isinstance(called, Computed)
    frames = called.arguments[0]
    assert isinstance(frames, Frames)
    return frames


# ---------------------------------------------------------------- real files


@pytest.mark.parametrize(
    "name", [name for name in corpus_names("imageio") if not name.endswith(".mp4")]
)
def test_real_image_equals_two_other_readers(name: str) -> None:
    path = corpus_file(name)
    handle = open_image(path)
    assert handle.format == "imageio"
    pixels = to_numpy(handle)
    np.testing.assert_array_equal(pixels, by_pillow(path.read_bytes()))
    # imageio drops the transparency of palettes, and gives a GIF of one frame a first axis.
    theirs = iio.imread(path, plugin="pillow")
    np.testing.assert_array_equal(
        pixels[..., : theirs.shape[-1]] if "S" in handle.dims else pixels, theirs.squeeze()
    )
    assert json.loads(handle.metadata or "")["format"]
    assert tuple(handle.pixel_size) == (None, None, None)


@pytest.mark.parametrize(
    ("name", "every"), [("imageio/cockatoo.mp4", 40), ("imageio/realshort.mp4", 1)]
)
def test_real_movie_equals_two_other_readers(name: str, every: int) -> None:
    path = corpus_file(name)
    handle = open_image(path)
    with av.open(str(path)) as container:
        expected = [
            frame.to_ndarray(format="rgb24") if index % every == 0 else None
            for index, frame in enumerate(container.decode(video=0))
        ]
    assert len(expected) == handle.dims.T
    pixels = to_numpy(transpose_to(handle, "TYXS", T=slice(None, None, every)))
    np.testing.assert_array_equal(
        pixels, np.stack([frame for frame in expected if frame is not None])
    )
    theirs = itertools.islice(iio.imiter(path, plugin="pyav"), 0, None, every)
    for frame, other in zip(pixels, theirs, strict=True):
        np.testing.assert_array_equal(frame, other)
    told = json.loads(handle.metadata or "")
    assert told["streams"][0]["codec"] == "h264"


@pytest.mark.parametrize("index", [76, 144, 145, 160, 279])
def test_a_frame_of_a_movie_is_the_same_whether_read_alone_or_after_the_others(index: int) -> None:
    """x264 gives its version in the first frame alone, and ffmpeg decodes 4:4:4 by it.

    Source of the right value: PyAV, which decodes from the first frame on.
    """
    path = corpus_file("imageio/cockatoo.mp4")
    with av.open(str(path)) as container:
        frame = next(itertools.islice(container.decode(video=0), index, None))
        expected = frame.to_ndarray(format="rgb24")
    pixels = to_numpy(transpose_to(open_image(path), "YXS", T=index))
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("name", corpus_names("imageio"))
def test_real_file_from_bytes_and_url_is_the_same(name: str) -> None:
    if corpus_file(name).stat().st_size > 600_000:
        pytest.skip("a larger file shows no more")
    data = corpus_file(name).read_bytes()
    expected = to_numpy(open_image(corpus_file(name)))
    np.testing.assert_array_equal(to_numpy(open_image(data)), expected)
    fsspec.filesystem("memory").pipe_file("/" + name, data)
    np.testing.assert_array_equal(to_numpy(open_image(f"memory://{name}")), expected)


@pytest.mark.parametrize("name", ["imageio/realshort.mp4", "imageio/newtonscradle.gif"])
def test_single_frames_in_any_order_equal_the_full_read(name: str) -> None:
    handle = open_image(corpus_file(name))
    every = to_numpy(handle)
    order = list(range(handle.dims.T))
    random.Random(3).shuffle(order)
    for index in order:
        one = to_numpy(transpose_to(handle, "YXS", T=index))
        np.testing.assert_array_equal(one, every[index], err_msg=f"frame {index}")
    np.testing.assert_array_equal(
        to_numpy(transpose_to(handle, "TYXS", T=order[:9])), every[order[:9]]
    )
    window = transpose_to(
        handle, "TYXS", T=slice(-1, 2, -4), Y=slice(10, 50), X=slice(3, 90, 2), S=1
    )
    np.testing.assert_array_equal(to_numpy(window), every[-1:2:-4, 10:50, 3:90:2, 1:2])


def test_frames_are_exact_when_many_threads_read() -> None:
    handle = open_image(corpus_file("imageio/realshort.mp4"))
    every = to_numpy(handle, workers=1)
    order = [index % 36 for index in random.Random(5).sample(range(48), 48)]

    def read(index: int) -> Array:
        return to_numpy(transpose_to(handle, "YXS", T=index))

    with ThreadPoolExecutor(6) as pool:
        for index, frame in zip(order, pool.map(read, order), strict=True):
            np.testing.assert_array_equal(frame, every[index])
    np.testing.assert_array_equal(
        to_dask(handle, chunks={"T": 5}).compute(scheduler="threads"), every
    )
    np.testing.assert_array_equal(to_numpy(handle, workers=5), every)
    assert readers.open_count() == 0


def test_handle_of_a_movie_is_a_value() -> None:
    handle = open_image(corpus_file("imageio/realshort.mp4"))
    assert (
        pickle.loads(pickle.dumps(handle))
        == handle
        == open_image(corpus_file("imageio/realshort.mp4"))
    )
    assert hash(handle) == hash(pickle.loads(pickle.dumps(handle)))
    assert len(pickle.dumps(handle)) < 4000


# ---------------------------------------------------------------- stills


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


GRAY = RNG.integers(0, 256, (20, 30), dtype=np.uint8)
GRAY16 = RNG.integers(0, 65536, (20, 30), dtype=np.uint16)
RAMP = np.arange(600, dtype=np.uint16).astype(np.uint8).reshape(20, 30)
COLOR = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
COLOR_ALPHA = RNG.integers(0, 256, (20, 30, 4), dtype=np.uint8)
STILLS: dict[str, tuple[Callable[[], bytes], Array]] = {
    "png-1bit": (lambda: saved(Image.fromarray(GRAY > 128), "PNG"), GRAY > 128),
    "png-gray": (lambda: saved(Image.fromarray(GRAY), "PNG"), GRAY),
    "png-gray16": (lambda: saved(Image.fromarray(GRAY16), "PNG"), GRAY16),
    "png-gray-alpha": (lambda: saved(Image.fromarray(COLOR[..., :2]), "PNG"), COLOR[..., :2]),
    "png-rgb": (lambda: saved(Image.fromarray(COLOR), "PNG"), COLOR),
    "png-rgba": (lambda: saved(Image.fromarray(COLOR_ALPHA), "PNG"), COLOR_ALPHA),
    "bmp-gray": (lambda: saved(Image.fromarray(GRAY), "BMP"), GRAY),
    "bmp-rgb": (lambda: saved(Image.fromarray(COLOR), "BMP"), COLOR),
    "webp-lossless": (lambda: saved(Image.fromarray(COLOR), "WEBP", lossless=True), COLOR),
    "jp2-lossless": (lambda: saved(Image.fromarray(COLOR), "JPEG2000", irreversible=False), COLOR),
    "jp2-gray16": (lambda: saved(Image.fromarray(GRAY16), "JPEG2000", irreversible=False), GRAY16),
    "ppm": (lambda: saved(Image.fromarray(COLOR), "PPM"), COLOR),
    "pgm16": (lambda: b"P5\n# made here\n30 20\n65535\n" + GRAY16.astype(">u2").tobytes(), GRAY16),
    "tga": (lambda: saved(Image.fromarray(COLOR), "TGA"), COLOR),
    "pcx": (lambda: saved(Image.fromarray(GRAY), "PCX"), GRAY),
    "sgi": (lambda: saved(Image.fromarray(COLOR), "SGI"), COLOR),
    "gif-gray": (lambda: saved(Image.fromarray(RAMP), "GIF", optimize=False), RAMP),
}


@pytest.mark.parametrize("name", STILLS)
def test_still_gives_back_what_was_encoded(name: str, tmp_path: Path) -> None:
    make, expected = STILLS[name]
    path = tmp_path / f"image.{name.partition('-')[0]}"
    path.write_bytes(make())
    handle = open_image(path)
    assert handle.format == "imageio"
    assert handle.dims.order == "YX" + "S" * (expected.ndim - 2)
    pixels = to_numpy(handle)
    assert pixels.dtype == expected.dtype == handle.dtype
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("samples", [2, 3, 4])
def test_16_bit_color_png_keeps_every_bit(samples: int) -> None:
    pixels = RNG.integers(0, 65536, (12, 9, samples), dtype=np.uint16)
    handle = open_image(imagecodecs.png_encode(pixels))
    assert (handle.dims.S, handle.dtype) == (samples, np.dtype(np.uint16))
    np.testing.assert_array_equal(to_numpy(handle), pixels)
    assert any(note.code == "sample-meaning" for note in handle.diagnostics) == (samples == 2)


def test_palette_becomes_color_and_its_transparency_alpha() -> None:
    indices = (np.arange(600) % 4).astype(np.uint8).reshape(20, 30)
    image = Image.fromarray(indices).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    colors = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90], [100, 110, 120]], np.uint8)
    np.testing.assert_array_equal(to_numpy(open_image(saved(image, "PNG"))), colors[indices])
    alpha = np.array([255, 128, 0, 255], np.uint8)
    clear = to_numpy(open_image(saved(image, "PNG", transparency=alpha.tobytes())))
    np.testing.assert_array_equal(clear, np.concatenate([colors, alpha[:, None]], axis=1)[indices])


def test_cmyk_is_kept_and_said() -> None:
    data = saved(Image.fromarray(COLOR).convert("CMYK"), "JPEG", quality=95)
    handle = open_image(data)
    assert handle.dims.S == 4
    np.testing.assert_array_equal(to_numpy(handle), np.array(Image.open(io.BytesIO(data))))
    assert [note.code for note in handle.diagnostics] == ["sample-meaning"]


def test_orientation_of_exif_is_told_and_not_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(Image.fromarray(COLOR), "JPEG", exif=exif, dpi=(300, 300))
    handle = open_image(data)
    assert (handle.dims.Y, handle.dims.X) == (20, 30)
    assert json.loads(handle.metadata or "")["exif"]["Orientation"] == 6
    assert tuple(handle.pixel_size) == (None, None, None)


def test_images_of_one_file_that_are_no_movie_are_scenes() -> None:
    first, second = Image.fromarray(COLOR), Image.fromarray(COLOR[:10, :12])
    data = saved(first, "MPO", save_all=True, append_images=[second], quality=95)
    handle = open_image(data)
    assert [scene.dims.shape for scene in handle.scenes] == [(20, 30, 3), (10, 12, 3)]
    image = Image.open(io.BytesIO(data))
    image.seek(1)
    np.testing.assert_array_equal(to_numpy(select_scene(handle, 1)), np.array(image))


def test_an_image_of_an_mpo_that_is_gone_costs_itself() -> None:
    """Editors rewrite the first image alone, and copy the list of the others (CIPA DC-007, 5.2.3)."""
    first, *others = (Image.fromarray(COLOR[: 20 - rows]) for rows in (0, 2, 4))
    data = saved(first, "MPO", save_all=True, append_images=others, quality=95)
    alone, third = (place.start() for place in list(re.finditer(b"\xff\xd8\xff", data))[1:])
    gone = data[:alone] + bytes(third - alone) + data[third:]
    for content, found in ((gone, (0, 2)), (data[:alone], (0,))):
        handle = open_image(content)
        rows = [(20, 18, 16)[index] for index in found]
        assert [scene.dims.Y for scene in handle.scenes] == rows
        notes = [note.message for note in handle.diagnostics if note.code == "missing-image"]
        assert len(notes) == 3 - len(found)
        assert notes[0].startswith("image 1 of 3 is not there")
        image = Image.open(io.BytesIO(content))
        for scene, index in enumerate(found):
            image.seek(index)
            np.testing.assert_array_equal(to_numpy(select_scene(handle, scene)), np.array(image))


# ---------------------------------------------------------------- animations


def gif(
    *frames: tuple[int, int, Array],
    disposal: int = 0,
    size: tuple[int, int] = (16, 12),
    clear: bool = False,
) -> bytes:
    """A GIF of frames at (left, top) with their own pixels, by hand: pillow would rewrite them."""
    colors = [(0, 0, 0), (250, 0, 0), (0, 250, 0), (0, 0, 250), *[(9, 9, 9)] * 4]
    parts = [b"GIF89a", struct.pack("<HHBBB", *size, 0x80 | 2, 0, 0), b"".join(map(bytes, colors))]
    for left, top, pixels in frames:
        parts += [
            b"\x21\xf9\x04",
            bytes([disposal << 2 | clear]),
            struct.pack("<H", 7),
            b"\x03\x00",
        ]
        parts += [
            b"\x2c",
            struct.pack("<HHHHB", left, top, pixels.shape[1], pixels.shape[0], 0),
            b"\x03",
        ]
        data = lzw(pixels.ravel().tolist())
        parts += [
            bytes([len(data[at : at + 255])]) + data[at : at + 255]
            for at in range(0, len(data), 255)
        ] + [b"\0"]
    return b"".join(parts) + b"\x3b"


def lzw(values: list[int]) -> bytes:
    """Codes of 4 bits for 3-bit pixels, cleared before they would grow."""
    codes: list[int] = []
    for at in range(0, len(values), 5):
        codes += [8, *values[at : at + 5]]
    codes.append(9)
    codes += [0] * (len(codes) % 2)
    return bytes(low | high << 4 for low, high in zip(codes[::2], codes[1::2], strict=True))


def block(value: int, height: int, width: int) -> Array:
    return np.full((height, width), value, np.uint8)


@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
@pytest.mark.parametrize("clear", [False, True])
def test_frames_of_a_gif_build_on_each_other(disposal: int, clear: bool) -> None:
    parts = (
        (0, 0, block(1, 12, 16)),
        (2, 3, block(2, 4, 5)),
        (8, 1, block(3, 6, 6)),
        (0, 0, block(1, 3, 16)),
    )
    data = gif(*parts, disposal=disposal, clear=clear)
    handle = open_image(data)
    expected = by_pillow(data)
    assert handle.dims.order == "TYXS"
    np.testing.assert_array_equal(to_numpy(handle), expected)
    for index in (3, 1, 2, 0):
        np.testing.assert_array_equal(
            to_numpy(transpose_to(handle, "YXS", T=index)), expected[index]
        )
    assert handle.time_step == pytest.approx(0.07)
    times = handle.scene.planes.column("time") if handle.scene.planes else None
    assert times is not None
    assert times.tolist() == pytest.approx([0, 0.07, 0.14, 0.21])


def test_a_gif_grows_with_a_frame_that_reaches_beyond_its_screen() -> None:
    data = gif((0, 0, block(1, 12, 16)), (10, 8, block(2, 10, 20)))
    handle = open_image(data)
    assert handle.dims.shape == (2, 18, 30, 3)
    image = Image.open(io.BytesIO(data))
    pixels = to_numpy(handle)
    np.testing.assert_array_equal(pixels[0, :12, :16], np.array(image.convert("RGB")))
    assert not pixels[0, 12:].any()
    assert not pixels[0, :, 16:].any()
    image.seek(1)
    np.testing.assert_array_equal(pixels[1], np.array(image.convert("RGB")))


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF"])
def test_animation_gives_back_what_was_encoded(form: str) -> None:
    frames = [np.zeros((24, 32, 3), np.uint8) for _ in range(9)]
    for index, frame in enumerate(frames):
        frame[index : index + 8, 2 * index : 2 * index + 10] = (index * 20, 255 - index * 20, 77)
    images = [Image.fromarray(frame) for frame in frames]
    data = saved(
        images[0], form, save_all=True, append_images=images[1:], duration=80, lossless=True
    )
    handle = open_image(data)
    assert handle.dims.shape[:3] == (9, 24, 32)
    np.testing.assert_array_equal(to_numpy(handle)[..., :3], np.stack(frames))
    np.testing.assert_array_equal(to_numpy(transpose_to(handle, "YXS", T=4))[..., :3], frames[4])


# ---------------------------------------------------------------- movies


def movie(
    codec: str,
    container: str,
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    count: int = 40,
) -> bytes:
    """Encode a movie that changes everywhere, with a key frame every 10 frames."""
    try:
        av.codec.Codec(codec, "w")
    except av.codec.codec.UnknownCodecError:
        pytest.skip(f"this ffmpeg has no encoder {codec}")
    file = io.BytesIO()
    rng = np.random.default_rng(0)
    with av.open(file, "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 48, pixel_format, 10
        for index in range(count):
            pixels = np.zeros((48, 64, 3), np.uint8)
            pixels[..., 0] = np.arange(64) * 2 + index * 3
            pixels[index % 48, :, 1] = 255
            pixels[5:25, index : index + 20] = rng.integers(0, 255, 3)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pixel_format)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


MOVIES: dict[str, tuple[str, str, dict[str, str]]] = {
    "h264 with B frames": ("libx264", "mp4", {"bf": "3", "b-pyramid": "normal"}),
    "h264 with open groups": ("libx264", "mp4", {"x264-params": "open-gop=1:keyint=10:bframes=3"}),
    "h264 refreshed bit by bit": ("libx264", "mp4", {"x264-params": "intra-refresh=1:keyint=10"}),
    "h264 in Matroska": ("libx264", "matroska", {"bf": "3"}),
    "h264 in AVI": ("libx264", "avi", {"bf": "3"}),
    "h264 in MPEG-TS": ("libx264", "mpegts", {"bf": "3"}),
    "h264 bare": ("libx264", "h264", {"bf": "2"}),
    "hevc": ("libx265", "mp4", {"x265-params": "log-level=none:keyint=10"}),
    "MPEG-4 in AVI": ("mpeg4", "avi", {"bf": "2"}),
    "MPEG-4 in MP4": ("mpeg4", "mp4", {"bf": "2"}),
    "MPEG-1": ("mpeg1video", "mpeg", {"bf": "2"}),
    "MPEG-2": ("mpeg2video", "mpeg", {"bf": "2"}),
    "Motion JPEG": ("mjpeg", "avi", {}),
    "VP8": ("libvpx", "webm", {"auto-alt-ref": "1", "lag-in-frames": "16", "deadline": "realtime"}),
    "VP9": ("libvpx-vp9", "webm", {"deadline": "realtime"}),
    "WMV": ("wmv2", "asf", {}),
    "Flash": ("flv", "flv", {}),
}


@pytest.mark.parametrize("name", mostly_long(MOVIES, "Motion JPEG", "VP9"))
def test_every_frame_at_random_access_equals_the_sequential_one(name: str) -> None:
    codec, container, options = MOVIES[name]
    data = movie(codec, container, "yuvj420p" if codec == "mjpeg" else "yuv420p", options, 25)
    handle = open_image(data)
    expected = by_pyav(data)
    assert handle.dims.order == "TYXS"
    assert len(expected) == handle.dims.T == 25
    np.testing.assert_array_equal(to_numpy(handle), expected)
    for index in random.Random(1).sample(range(25), 25):
        found = to_numpy(transpose_to(handle, "YXS", T=index))
        np.testing.assert_array_equal(found, expected[index], err_msg=f"frame {index}")
    np.testing.assert_array_equal(
        to_numpy(transpose_to(handle, "TYXS", T=slice(None, None, -7))), expected[::-7]
    )
    assert handle.time_step == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("codec", "container", "pixel_format", "mode", "dtype"),
    [
        ("ffv1", "matroska", "gray16le", "gray16le", "uint16"),
        ("ffv1", "matroska", "gray10le", "gray10le", "uint16"),
        ("rawvideo", "avi", "gray", "gray", "uint8"),
        ("ffv1", "nut", "rgb48le", "rgb48le", "uint16"),
        ("ffv1", "matroska", "bgra", "rgba", "uint8"),
        ("prores_ks", "mov", "yuv422p10le", "rgb48le", "uint16"),
    ],
)
def test_depth_and_grayness_of_a_movie_are_kept(
    codec: str, container: str, pixel_format: str, mode: str, dtype: str
) -> None:
    data = movie(codec, container, pixel_format, count=12)
    handle = open_image(data)
    expected = by_pyav(data, mode)
    assert handle.dtype == np.dtype(dtype)
    assert handle.dims.order == ("TYX" if "gray" in mode else "TYXS")
    np.testing.assert_array_equal(to_numpy(handle), expected)


class CountingCursor:
    """Frames that are their own numbers; the first cursor holds its first request until told."""

    def __init__(self, made: "list[CountingCursor]", gate: threading.Event) -> None:
        self.position = 0
        self.decoded = 0
        self.gate = gate
        made.append(self)

    def read(self, start: int, stop: int) -> Array:
        self.gate.wait(60)
        if start < self.position:
            self.position = 0
        self.decoded += stop - self.position
        self.position = stop
        return np.arange(start, stop)

    def close(self) -> None:
        self.position = -1


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize("late_start", [30, 4])
def test_a_request_waits_for_the_cursor_that_will_stand_where_it_begins(late_start: int) -> None:
    for _ in range(20):
        check_waiting(late_start)


def check_waiting(late_start: int) -> None:
    made: list[CountingCursor] = []
    gate = threading.Event()
    cursors = Cursors(lambda: CountingCursor(made, gate), goes_back=True)
    with ThreadPoolExecutor(3) as pool:
        try:
            first = pool.submit(cursors.read, 0, 3, 0)
            wait_until(lambda: len(made) == 1)
            second = pool.submit(cursors.read, 3, 6, 0)
            wait_until(lambda: cursors._awaited == [3])
            late = pool.submit(cursors.read, late_start, late_start + 1, 0)
        finally:
            gate.set()
        np.testing.assert_array_equal(first.result(60), [0, 1, 2])
        np.testing.assert_array_equal(second.result(60), [3, 4, 5])
        np.testing.assert_array_equal(late.result(60), [late_start])
    # The late request never takes the cursor that the second waits for, but may take it later.
    decoded = [cursor.decoded for cursor in made]
    assert decoded[0] == 6 or decoded == [late_start + 1]
    cursors.close()
    assert all(cursor.position == -1 for cursor in made)


def test_requests_of_any_order_never_wait_for_each_other() -> None:
    gate = threading.Event()
    gate.set()
    for seed in range(60):
        starts = random.Random(seed).choices(range(12), k=40)
        cursors = Cursors(lambda: CountingCursor([], gate), goes_back=True)
        with ThreadPoolExecutor(8) as pool:
            futures = [
                pool.submit(cursors.read, start, start + 1 + start % 3, 0) for start in starts
            ]
            for start, future in zip(starts, futures, strict=True):
                assert future.result(60)[0] == start
        cursors.close()


def test_a_plan_opens_a_movie_once(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = open_image(movie("mpeg4", "mp4"))
    frames = frames_of(handle)
    opened: list[Source] = []
    open_binary = readers.open_binary

    def counted(source: Source) -> Any:
        opened.append(source)
        return open_binary(source)

    monkeypatch.setattr(readers, "open_binary", counted)
    with readers.session():
        for start in range(0, 40, 5):
            imageio_format.read_frames(frames, start, start + 5)
    assert len(opened) == 1


def test_a_changed_movie_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "movie.mp4"
    path.write_bytes(movie("mpeg4", "mp4"))
    handle = open_image(path)
    path.write_bytes(movie("mpeg4", "mp4", count=30))
    with pytest.raises(SourceChangedError, match="open_image"):
        to_numpy(handle)


def test_sound_alone_is_no_image() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as out:
        stream: Any = out.add_stream("flac", rate=8000, layout="mono", format="s16")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 8000), np.int16), format="s16", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = 8000, 0, Fraction(1, 8000)
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with pytest.raises(UnsupportedFormatError, match="no video stream"):
        open_image(file.getvalue())


# ---------------------------------------------------------------- recognition


@pytest.mark.parametrize(
    "name", corpus_names("czi", "lif", "nd2", "dv", "lsm", "fuzz", "ometiff/aicsimageio")
)
def test_microscopy_files_are_not_taken(name: str) -> None:
    path = corpus_file(name)
    source = readers.identify(path)
    assert not imageio_format.recognises(source, readers.read_head(source, HEAD_BYTES))


@pytest.mark.parametrize(
    "text",
    [
        b"The wide road\n",
        b"BMW and other words " * 20,
        b"P5 is a protein of 12 kDa\n",
        b"RIFFs and AVI files",
        b"#define WIDTH 12\n",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nhttp://localhost/secret.ts\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<?xml version='1.0'?><OME/>",
        b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\0\x08",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"",
        b"\x89PNG",
    ],
)
def test_other_content_is_not_taken(text: bytes, tmp_path: Path) -> None:
    for suffix in (".txt", ".tga", ".mp4", ".png"):
        path = tmp_path / f"file{suffix}"
        path.write_bytes(text)
        assert not imageio_format.recognises(readers.identify(path), text), suffix


def test_random_bytes_are_not_taken() -> None:
    rng = random.Random(2)
    for _ in range(300):
        data = rng.randbytes(HEAD_BYTES)
        assert not imageio_format.recognises(readers.identify(data), data)


def test_what_needs_a_package_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as if it were not installed
    with pytest.raises(MissingDependencyError, match="pip install pillow-heif"):
        open_image(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))


# ---------------------------------------------------------------- other plug-ins of imageio


def dicom(pixels: npt.NDArray[np.uint16]) -> bytes:
    """A minimal DICOM file, explicit little-endian."""

    def element(group: int, number: int, kind: bytes, value: bytes) -> bytes:
        value += b"\0" * (len(value) % 2)
        long = kind in {b"OB", b"OW", b"UN"}
        length = struct.pack("<HI", 0, len(value)) if long else struct.pack("<H", len(value))
        return struct.pack("<HH", group, number) + kind + length + value

    syntax = element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1")
    meta = element(2, 0, b"UL", struct.pack("<I", len(syntax))) + syntax
    short = {
        2: 1,
        4: b"MONOCHROME2",
        0x10: pixels.shape[0],
        0x11: pixels.shape[1],
        0x100: 16,
        0x101: 16,
        0x102: 15,
        0x103: 0,
    }
    body = b"".join(
        element(0x28, number, b"CS", value)
        if isinstance(value, bytes)
        else element(0x28, number, b"US", struct.pack("<H", value))
        for number, value in short.items()
    )
    return (
        bytes(128)
        + b"DICM"
        + meta
        + body
        + element(0x7FE0, 0x10, b"OW", pixels.astype("<u2").tobytes())
    )


def test_dicom_by_pydicom() -> None:
    if importlib.util.find_spec("pydicom") is None:
        with pytest.raises(MissingDependencyError, match="pip install"):
            open_image(dicom(GRAY16))
    else:
        np.testing.assert_array_equal(to_numpy(open_image(dicom(GRAY16))), GRAY16)


def test_a_format_asked_for_by_name_may_use_any_plugin(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    iio.imwrite(path, COLOR)
    np.testing.assert_array_equal(to_numpy(open_image(path, format="imageio")), COLOR)
    path.write_text("no image")
    with pytest.raises(UnsupportedFormatError, match=r"image\.tif"):
        open_image(path, format="imageio")


# ---------------------------------------------------------------- damage


def read_some(data: bytes) -> None:
    """Open, and read the first and the last frame."""
    handle = open_image(data)
    assert handle.nbytes >= 0
    if "T" in handle.dims:
        order = handle.dims.order[1:]
        to_numpy(transpose_to(handle, order, T=0))
        to_numpy(transpose_to(handle, order, T=-1))
    else:
        to_numpy(handle)


def survives(data: bytes) -> bool:
    """Whether data give an image; if not, the error must be one of ours that says where."""
    told = None
    try:
        read_some(data)
    except ArgumentTypeError:
        raise
    except AicsioError as error:
        told = str(error)
    assert told is None or "memory:" in told
    return told is None


SMALL = [
    "checkerboard.png", "imageio16.png", "imageio256.png", "imageio_issue245.gif", "imageio_issue246.png", "lena.png",
    "horse.png", "realshort.mp4",
]  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_truncated_real_files_give_an_image_or_our_error(name: str) -> None:
    data = corpus_file(f"imageio/{name}").read_bytes()
    for part in range(1, 21):
        survives(data[: len(data) * part // 21])


@pytest.mark.parametrize("name", SMALL)
def test_flipped_real_files_give_an_image_or_our_error(name: str) -> None:
    data = corpus_file(f"imageio/{name}").read_bytes()
    rng = random.Random(name)
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 8)):
            near_the_start = rng.random() < 0.5
            damaged[rng.randrange(min(len(data), 200) if near_the_start else len(data))] = (
                rng.randrange(256)
            )
        survives(bytes(damaged))


@takes_long
@pytest.mark.parametrize("codec", ["libx264", "mjpeg", "mpeg4"])
@pytest.mark.parametrize("container", ["mp4", "avi", "matroska"])
def test_damaged_movies_give_frames_or_our_error(codec: str, container: str) -> None:
    data = movie(codec, container, "yuvj420p" if codec == "mjpeg" else "yuv420p", count=20)
    rng = random.Random(codec + container)
    for part in range(1, 11):
        survives(data[: len(data) * part // 11])
    for _ in range(variant_count(30)):
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 6)):
            damaged[rng.randrange(len(data))] = rng.randrange(256)
        survives(bytes(damaged))


@pytest.mark.parametrize(("shape", "colour"), [((8, 9), 3), ((8, 9, 3), (1, 2, 3))])
def test_a_transparent_colour_is_reported(
    tmp_path: Path, shape: tuple[int, ...], colour: Any
) -> None:
    pixels = (np.arange(np.prod(shape)) % 7).astype(np.uint8).reshape(shape)
    Image.fromarray(pixels).save(tmp_path / "a.png", transparency=colour)
    handle = open_image(tmp_path / "a.png")
    np.testing.assert_array_equal(to_numpy(handle), pixels)
    (note,) = handle.diagnostics
    assert (note.code, note.message) == (
        "transparent-color",
        f"pixels of {colour} are transparent: S has no alpha",
    )


def test_a_truncated_movie_keeps_the_frames_before_the_break() -> None:
    data = movie("mpeg4", "matroska")
    whole = by_pyav(data)
    handle = open_image(data[: len(data) * 2 // 3])
    assert 10 < handle.dims.T < 40
    first = to_numpy(transpose_to(handle, "TYXS", T=slice(0, 10)))
    np.testing.assert_array_equal(first, whole[:10])


def test_a_movie_that_lacks_frames_says_so() -> None:
    data = movie("mjpeg", "avi", "yuvj420p")
    handle = open_image(data[: len(data) * 2 // 3])
    assert 20 < handle.dims.T < 30
    assert [note.code for note in handle.diagnostics] == ["fewer-frames"]
    assert not open_image(data).diagnostics


def test_the_damaged_part_of_a_truncated_image_is_not_invented() -> None:
    data = saved(Image.fromarray(COLOR), "PNG")
    handle = open_image(data[: len(data) // 2])
    with pytest.raises(CorruptFileError, match=r"memory:.*truncated"):
        to_numpy(handle)


@pytest.mark.parametrize(
    "bomb",
    [
        b"BM"
        + struct.pack(
            "<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0
        )
        + bytes(46),
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
        + png_chunk(b"IDAT", zlib.compress(bytes(1000)))
        + png_chunk(b"IEND", b""),
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 16, 6, 0, 0, 0))
        + png_chunk(b"IDAT", zlib.compress(bytes(1000)))
        + png_chunk(b"IEND", b""),
        gif((0, 0, block(1, 2, 2)), size=(65_535, 65_535)),
        gif((0, 0, block(1, 2, 2)), (60_000, 65_000, block(1, 2, 2))),
        b"P6 200000 200000 255\n" + bytes(64),
        b"P2 200000 200000 4095\n" + b"1 " * 64,
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 6, 0, 0, 0))
        + png_chunk(b"acTL", struct.pack(">II", 2, 0))
        + png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 100_000, 100_000, 0, 0, 1, 9, 0, 0))
        + png_chunk(b"IDAT", zlib.compress(bytes(1000)))
        + png_chunk(b"IEND", b""),
        b"\xff\x4f\xff\x51"
        + struct.pack(">HHIIIIIIIIH", 41, 0, 99_999, 99_999, 0, 0, 99_999, 99_999, 0, 0, 1)
        + b"\x0b\x01\x01"
        + bytes(99),
        b"\xff\x0a" + bytes([0b11111110, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]) + bytes(99),
    ],
    ids=["bmp", "png", "png16", "gif", "gif-frame", "ppm", "pgm-text", "apng", "jp2", "jxl"],
)
def test_declared_giants_are_refused_before_memory_is_taken(bomb: bytes) -> None:
    with pytest.raises(CorruptFileError, match="cannot hold"):
        open_image(bomb)


def test_an_icon_of_a_declared_giant_is_an_error_of_ours(tmp_path: Path) -> None:
    """An icon is decoded while it is recognised: its magic of four bytes is a weak one."""
    bitmap = struct.pack("<IiiHHIIiiII", 40, 65_535, 65_535, 1, 1, 0, 0, 0, 0, 0, 0)
    icon = struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 16, 16, 2, 0, 1, 1, 176, 22)
    path = tmp_path / "giant.ico"
    path.write_bytes(icon + bitmap + bytes(136))
    with pytest.raises(CorruptFileError, match="header of this ICO image failed: Image size"):
        open_image(path)


@takes_long
def test_a_large_honest_image_opens_without_a_warning() -> None:
    """Beyond 89 million pixels pillow warns, beyond twice that it refuses."""
    rows = zlib.compressobj(1)
    packed = b"".join(rows.compress(bytes(15_001) * 100) for _ in range(150)) + rows.flush()
    header = struct.pack(">IIBBBBB", 15_000, 15_000, 8, 0, 0, 0, 0)
    chunks = (png_chunk(b"IHDR", header), png_chunk(b"IDAT", packed), png_chunk(b"IEND", b""))
    handle = open_image(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    assert handle.dims.shape == (15_000, 15_000)
    assert not to_numpy(transpose_to(handle, "YX", Y=slice(14_000, 14_002))).any()


# ---------------------------------------------------------------- threads


def patches(count: int) -> list[Image.Image]:
    """Frames with transparency that build on each other: squares that move over a clear canvas."""
    frames = []
    for index in range(count):
        pixels = np.zeros((40, 50, 4), np.uint8)
        pixels[3 * index : 3 * index + 8, 4 * index : 4 * index + 9] = (200, 10 * index, 60, 255)
        frames.append(Image.fromarray(pixels))
    return frames


def animated(form: str, **options: Any) -> bytes:
    first, *others = patches(9)
    return saved(first, form, save_all=True, append_images=others, duration=40, **options)


ANIMATIONS: dict[str, bytes] = {
    "GIF": animated("GIF", disposal=2),
    "GIF that leaves its screen": gif(
        (0, 0, block(1, 12, 16)),
        *((4 * n, 3 * n, block(n % 3, 8, 9)) for n in range(6)),
        disposal=3,
        clear=True,
    ),
    "APNG": animated("PNG", disposal=1, blend=1),
    "APNG restored": animated("PNG", disposal=2, blend=1),
    "WEBP": animated("WEBP", lossless=True),
}


@takes_long
@pytest.mark.parametrize("name", ANIMATIONS)
def test_threads_that_read_an_animation_see_the_pixels_of_one(name: str) -> None:
    handle = open_image(ANIMATIONS[name])
    alone = [
        to_numpy(transpose_to(open_image(ANIMATIONS[name]), "YXS", T=t))
        for t in range(handle.dims.T)
    ]
    order = [n % handle.dims.T for n in random.Random(name).sample(range(90), 90)]

    def read(index: int) -> Array:
        return to_numpy(transpose_to(handle, "YXS", T=index))

    with readers.session(), ThreadPoolExecutor(6) as pool:
        for index, frame in zip(order, pool.map(read, order), strict=True):
            np.testing.assert_array_equal(frame, alone[index], err_msg=f"frame {index}")
        together = list(pool.map(lambda _: to_numpy(handle), range(12)))
    for pixels in together:
        np.testing.assert_array_equal(pixels, np.stack(alone))


def test_a_cursor_of_an_animation_never_goes_back() -> None:
    class Forwards:
        def __init__(self) -> None:
            self.position = 0

        def read(self, start: int, stop: int) -> Array:
            assert start >= self.position, "the cursor went back"
            self.position = stop
            return np.arange(start, stop)

        def close(self) -> None:
            self.position = 1 << 30

    cursors = Cursors(Forwards, goes_back=False)
    order = random.Random(1).sample(range(200), 200)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda start: cursors.read(start, start + 2, 0), order))
    assert [pair[0] for pair in found] == order
