"""The steps of ``aicsio demo``: make, open, slice, write and read files, and check each result.

Rule kept here: a step returns its figures, and raises ``DemoError`` through ``check`` when a result
is wrong. Results are compared with arrays drawn here, not with another read of this package.
"""

import pickle
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import _engine
from aicsio._engine import fetching
from aicsio._io import readers
from aicsio.arrays import to_dask, to_numpy
from aicsio.cli.terminal.text import format_seconds, format_size
from aicsio.errors import AicsioError, CorruptFileError
from aicsio.legacy.image import AICSImage
from aicsio.opening import open_image
from aicsio.records import ImageHandle, PixelSize
from aicsio.steps import pipe, select_level, select_scene, transpose_to
from aicsio.thumbnails import thumbnail
from aicsio.writers import write_ome_tiff

Array: TypeAlias = npt.NDArray[Any]

NAMES = ("nuclei", "membranes")
SPACING = PixelSize(0.5, 0.1, 0.1)
SHAPE = (3, 2, 9, 512, 512)


class DemoError(AssertionError):
    """A result is wrong."""


@attrs.define(eq=False)
class Samples:
    """The sample files. Not a record: it lives for one demonstration."""

    folder: Path
    """Folder of the files."""
    cells: Array
    """Pixels of ``cells.ome.tiff``, shape TCZYX."""


DemoStep: TypeAlias = Callable[[Samples], str]


def check(condition: bool, message: str) -> None:
    """Raise when a result is wrong."""
    if not condition:
        raise DemoError(message)


def check_equal(actual: Array, expected: Array, label: str) -> None:
    """Raise when pixels differ in type, shape or value."""
    check(actual.dtype == expected.dtype, f"{label}: type {actual.dtype}, not {expected.dtype}")
    check(actual.shape == expected.shape, f"{label}: shape {actual.shape}, not {expected.shape}")
    different = int((actual != expected).sum())
    check(different == 0, f"{label}: {different} pixels differ")


def run_step(step: DemoStep, samples: Samples) -> tuple[bool, str]:
    """Run a step; returns whether it passed, and its figures or the error."""
    try:
        return True, step(samples)
    except (DemoError, AicsioError) as error:
        return False, f"{type(error).__name__}: {error}"


def draw_cells(shape: tuple[int, int, int, int, int] = SHAPE) -> Array:
    """Draw round cells that drift, brightest in the middle of the stack, over camera noise."""
    T, C, Z, Y, X = shape
    # A fixed seed: figures of two runs differ by the machine, not by the pixels.
    rng = np.random.default_rng(20)
    centres = rng.uniform(0, 1, (40, 2)) * (Y, X)
    radii = rng.uniform(9, 22, 40)
    # Four planes of noise serve all: one for each of the 54 planes takes 2 s to draw, not 0.1.
    noise = rng.poisson(12, (4, Y, X)).astype(np.float32)
    rows = np.arange(Y, dtype=np.float32)[:, None]
    columns = np.arange(X, dtype=np.float32)
    pixels = np.empty(shape, np.uint16)
    for t in range(T):
        nuclei, membranes = np.zeros((2, Y, X), np.float32)
        for (y, x), radius in zip(centres, radii, strict=True):
            distance = np.hypot(rows - y - 3 * t, columns - x - 4 * t) / radius
            nuclei += 3000 * np.exp(-((distance / 0.7) ** 4))
            membranes += 2000 * np.exp(-(((distance - 1) / 0.12) ** 2))
        for c, plane in enumerate((nuclei, membranes)[:C]):
            for z in range(Z):
                # A Gaussian along Z: an out-of-focus section is dark, so that the middle is visible.
                focus = np.float32(np.exp(-(((z - Z // 2) / (Z / 4)) ** 2)))
                # 100 is the offset of a camera, 4 the noise of its amplifier.
                pixels[t, c, z] = 100 + plane * focus + noise[(t + c + z) % 4] * 4
    return pixels


def count_read_bytes(handle: ImageHandle) -> int:
    """Count the bytes of the file that a read of the handle touches."""
    # A set: pieces of one block may share their bytes.
    spans = {span for piece in _engine.pieces(handle.array) for span in fetching.spans(piece)}
    return sum(nbytes for _, nbytes in readers.coalesce(sorted(spans), gap=0))


def measure(action: Callable[[], Any]) -> tuple[Any, float]:
    """Call an action; returns its result and the seconds it took."""
    start = time.perf_counter()
    result = action()
    return result, time.perf_counter() - start


# ---------------------------------------------------------------- steps


def _write(samples: Samples) -> str:
    image = open_image(samples.cells, dims="TCZYX", channel_names=NAMES, pixel_size=SPACING)
    figures = []
    for name, compression in (
        ("cells.ome.tiff", None),
        ("zlib.ome.tiff", "zlib"),
        ("zstd.ome.tiff", "zstd"),
    ):
        path = samples.folder / name
        # No sync: the figures compare encoders, not disks.
        report, seconds = measure(
            partial(write_ome_tiff, image, path, compression=compression, sync=False)
        )
        check(report.nbytes == path.stat().st_size, f"{name}: {report.nbytes} bytes reported")
        rate = format_size(int(image.nbytes / seconds))
        figures.append(
            f"{compression or 'raw'} {format_size(report.nbytes)} "
            f"({image.nbytes / report.nbytes:.2f}:1) at {rate}/s"
        )
    return f"{format_size(image.nbytes)} of pixels, {image.dims}: " + ", ".join(figures)


def _open(samples: Samples) -> str:
    path = samples.folder / "cells.ome.tiff"
    # Twice: the first call imports the modules of the format.
    _, first = measure(partial(open_image, path))
    handle, seconds = measure(partial(open_image, path))
    check(handle.format == "ome-tiff", f"format {handle.format}")
    check(
        sorted(handle.dims.items()) == sorted(zip("TCZYX", SHAPE, strict=True)),
        f"dims {handle.dims}",
    )
    check(handle.channel_names == NAMES, f"channel names {handle.channel_names}")
    check(handle.pixel_size == SPACING, f"pixel size {handle.pixel_size}")
    # Records hold no open file, so that a handle can be pickled and the file be moved.
    check(readers.open_count() == 0, "a file was left open")
    times = f"{format_seconds(seconds)} (the first time, with imports, {format_seconds(first)})"
    return f"{times}; dims, channel names and pixel size are those written; no file stays open"


def _read(samples: Samples) -> str:
    figures = []
    for name, kind in (("cells", "raw"), ("zlib", "zlib"), ("zstd", "zstd")):
        handle = transpose_to(open_image(samples.folder / f"{name}.ome.tiff"), "TCZYX")
        pixels, seconds = measure(partial(to_numpy, handle))
        check_equal(pixels, samples.cells, name)
        figures.append(f"{kind} {format_size(int(pixels.nbytes / seconds))}/s")
    return "every pixel equals the one written: " + ", ".join(figures)


def _slice(samples: Samples) -> str:
    path = samples.folder / "cells.ome.tiff"
    plane, seconds = measure(lambda: to_numpy(transpose_to(open_image(path), "YX", T=1, C=1, Z=4)))
    check_equal(plane, samples.cells[1, 1, 4], "plane")
    window = transpose_to(
        open_image(path), "YX", T=2, C=0, Z=-1, Y=slice(100, 164), X=slice(200, 264)
    )
    check_equal(to_numpy(window), samples.cells[2, 0, -1, 100:164, 200:264], "window")
    window_bytes = count_read_bytes(window)
    share = window_bytes / path.stat().st_size
    cost = (
        f"a 64 x 64 window of {format_size(window.nbytes)} reads {format_size(window_bytes)}, "
        f"{share:.3%} of the file"
    )
    return f"one plane in {format_seconds(seconds)}, opening included; {cost}"


def _transpose(samples: Samples) -> str:
    handle = open_image(samples.folder / "zstd.ome.tiff")
    view = transpose_to(handle, "XZYC", T=2, Z=[6, 0, 3], Y=slice(None, None, -2))
    check_equal(to_numpy(view), samples.cells[2][:, [6, 0, 3], ::-2].transpose(3, 1, 2, 0), "view")
    step = transpose_to("ZYX", T=0, C=1)
    check_equal(to_numpy(step(handle)), samples.cells[0, 1], "step")
    return f"{view.dims} from T=2, Z=[6, 0, 3], Y=::-2 equals numpy; the step {step!r} too"


def _pickle(samples: Samples) -> str:
    handle = open_image(samples.folder / "cells.ome.tiff")
    packed = pickle.dumps(handle)
    # A handle in another process is a recipe: it opens the file again when it reads.
    back = pickle.loads(packed)  # noqa: S301 - packed two lines above
    check(back == handle and hash(back) == hash(handle), "the handle differs after pickling")
    check_equal(to_numpy(transpose_to(back, "YX", T=0, C=0, Z=0)), samples.cells[0, 0, 0], "plane")
    return f"{format_size(len(packed))}, equal, and it reads"


def _compute(samples: Samples) -> str:
    array = to_dask(
        transpose_to(open_image(samples.folder / "zlib.ome.tiff"), "TCZYX"), chunks="ZYX"
    )
    greatest = array.max(axis=(0, 2)).compute()
    check_equal(greatest, samples.cells.max(axis=(0, 2)), "projection")
    keys = len(array.dask)
    return f"projection of {array.npartitions} chunks equals numpy; the graph has {keys} keys"


def _use_legacy(samples: Samples) -> str:
    image = AICSImage(samples.folder / "cells.ome.tiff")
    check_equal(image.data, samples.cells, "data")
    check_equal(image.get_image_data("CZYX", T=1), samples.cells[1], "get_image_data")
    check(list(image.channel_names) == list(NAMES), f"channel names {image.channel_names}")
    return f"AICSImage(...).data has shape {image.shape} and the same pixels"


def _convert(samples: Samples) -> str:
    target = samples.folder / "t1.ome.tiff"
    source = open_image(samples.folder / "cells.ome.tiff")
    report, seconds = measure(
        lambda: pipe(source, transpose_to("CZYX", T=1), write_ome_tiff(target, compression="zstd"))
    )
    back = open_image(target)
    check_equal(to_numpy(transpose_to(back, "CZYX", T=0)), samples.cells[1], "pixels")
    check(
        (back.channel_names, back.pixel_size) == (NAMES, SPACING),
        f"{back.channel_names}, {back.pixel_size}",
    )
    cost = f"{format_size(report.nbytes)} in {format_seconds(seconds)}"
    return f"T=1 as zstd, {cost}; pixels, names and sizes came back"


def _read_pyramid(samples: Samples) -> str:
    from aicsio.testing import ImageSpec, TiffSpec, pixels, write

    images = (
        ImageSpec(C=2, Y=600, X=800, levels=3, name="slide"),
        ImageSpec(T=2, Z=3, Y=50, X=70, name="overview", dtype="uint8", seed=1),
    )
    # Settings that no writer of aicsio uses, so that the reader is not tested by its own writer.
    spec = TiffSpec(
        images, byte_order=">", big=True, tile=(128, 128), compression="zlib", predictor=2
    )
    path = write(spec, samples.folder, "pyramid.ome.tif")
    handle = open_image(path)
    check(handle.scene_names == ("slide", "overview"), f"scenes {handle.scene_names}")
    for level in range(3):
        shown = transpose_to(select_level(handle, level), "TCZYX")
        check_equal(to_numpy(shown), pixels(images[0], level), f"level {level}")
    check_equal(
        to_numpy(transpose_to(select_scene(handle, "overview"), "TCZYX")),
        pixels(images[1]),
        "scene 1",
    )
    size = format_size(path.stat().st_size)
    return f"big-endian BigTIFF, {size}: 2 scenes and 3 levels, every pixel as made"


def _read_everyday(samples: Samples) -> str:
    from PIL import Image

    frames = [
        (samples.cells[0, 0, z, ::4, ::4] >> 4).clip(0, 255).astype(np.uint8) for z in range(9)
    ]
    Image.fromarray(frames[4]).save(samples.folder / "plane.png")
    images = [Image.fromarray(frame) for frame in frames]
    # Lossless, as the frames are compared exactly.
    images[0].save(
        samples.folder / "stack.webp", save_all=True, append_images=images[1:], lossless=True
    )
    check_equal(to_numpy(open_image(samples.folder / "plane.png")), frames[4], "PNG")
    movie = open_image(samples.folder / "stack.webp")
    check(movie.dims.T == 9, f"{movie.dims}")
    check_equal(to_numpy(transpose_to(movie, "YX", T=7, S=0)), frames[7], "frame 7")
    return "a PNG, and one frame of an animation: equal to the saved arrays"


def _read_damaged(samples: Samples) -> str:
    whole = (samples.folder / "zlib.ome.tiff").read_bytes()
    path = samples.folder / "truncated.ome.tiff"
    # The end of a copy that was interrupted.
    path.write_bytes(whole[: len(whole) // 2])
    try:
        to_numpy(open_image(path))
    except CorruptFileError as error:
        return f"{type(error).__name__}: {str(error).replace(str(samples.folder), '...')}"
    raise DemoError("half of a file was read without an error")


def _draw(samples: Samples) -> str:
    from aicsio.writers.pictures import save_picture

    handle = open_image(samples.folder / "cells.ome.tiff")
    picture, seconds = measure(lambda: thumbnail(handle, 256))
    check(picture.shape == (256, 256, 3), f"shape {picture.shape}")
    save_picture(picture, samples.folder / "cells.png", overwrite=True)
    check_equal(to_numpy(open_image(samples.folder / "cells.png")), picture, "PNG")
    return f"256 x 256 in {format_seconds(seconds)}, written as PNG and read back"


STEPS: tuple[tuple[str, DemoStep], ...] = (
    ("write sample files", _write),
    ("open", _open),
    ("read all", _read),
    ("read a part", _slice),
    ("transpose and pick", _transpose),
    ("pickle a handle", _pickle),
    ("compute with dask", _compute),
    ("use AICSImage", _use_legacy),
    ("convert a part", _convert),
    ("scenes and levels", _read_pyramid),
    ("everyday images", _read_everyday),
    ("a damaged file", _read_damaged),
    ("draw a thumbnail", _draw),
)
