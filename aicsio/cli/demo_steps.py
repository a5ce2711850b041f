"""``aicsio demo``: sample files are made, opened, sliced, written and read back, and every step is checked.

Rule kept here: a step is a function that returns what it did, in figures, and raises ``AssertionError`` through
``check`` when the result is not what it must be. What is compared was made here, not read by this package.
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

from aicsio import (
    AICSImage,
    AicsioError,
    CorruptFileError,
    ImageHandle,
    PixelSize,
    _engine,
    open_image,
    pipe,
    select_level,
    select_scene,
    to_dask,
    to_numpy,
    transpose_to,
    write_ome_tiff,
)
from aicsio._engine import placing
from aicsio._io import readers
from aicsio.cli.terminal.text import seconds_of, size_of
from aicsio.thumbnails import thumbnail

Array: TypeAlias = npt.NDArray[Any]

NAMES = ("nuclei", "membranes")
SPACING = PixelSize(0.5, 0.1, 0.1)
SHAPE = (3, 2, 9, 512, 512)


class DemoError(AssertionError):
    """A result is not what it must be."""


@attrs.define(eq=False)
class Samples:
    """What was made; lives for one demonstration."""

    folder: Path
    """Where the files are."""
    cells: Array
    """Pixels of ``cells.ome.tiff``, shape TCZYX."""


Step: TypeAlias = Callable[[Samples], str]


def check(condition: bool, what: str) -> None:
    """Raise when a result is not what it must be."""
    if not condition:
        raise DemoError(what)


def equal(found: Array, expected: Array, what: str) -> None:
    """Raise when pixels differ in type, shape or value."""
    check(found.dtype == expected.dtype, f"{what}: type {found.dtype}, expected {expected.dtype}")
    check(found.shape == expected.shape, f"{what}: shape {found.shape}, expected {expected.shape}")
    check(
        bool((found == expected).all()), f"{what}: {int((found != expected).sum())} pixels differ"
    )


def outcome(step: Step, samples: Samples) -> tuple[bool, str]:
    """Say whether a step passed, and its figures or what was wrong."""
    try:
        return True, step(samples)
    except (DemoError, AicsioError) as error:
        return False, f"{type(error).__name__}: {error}"


def cells(shape: tuple[int, int, int, int, int] = SHAPE) -> Array:
    """Round cells that drift, brightest in the middle of the stack, over the noise of a camera."""
    T, C, Z, Y, X = shape
    rng = np.random.default_rng(20)
    centres, radii = rng.uniform(0, 1, (40, 2)) * (Y, X), rng.uniform(9, 22, 40)
    noise = rng.poisson(12, (4, Y, X)).astype(np.float32)
    rows, columns = np.arange(Y, dtype=np.float32)[:, None], np.arange(X, dtype=np.float32)
    pixels = np.empty(shape, np.uint16)
    for t in range(T):
        nuclei, rims = np.zeros((2, Y, X), np.float32)
        for (y, x), radius in zip(centres, radii, strict=True):
            distance = np.hypot(rows - y - 3 * t, columns - x - 4 * t) / radius
            nuclei += 3000 * np.exp(-((distance / 0.7) ** 4))
            rims += 2000 * np.exp(-(((distance - 1) / 0.12) ** 2))
        for c, plane in enumerate((nuclei, rims)[:C]):
            for z in range(Z):
                focus = np.float32(np.exp(-(((z - Z // 2) / (Z / 4)) ** 2)))
                pixels[t, c, z] = 100 + plane * focus + noise[(t + c + z) % 4] * 4
    return pixels


def cost(handle: ImageHandle) -> int:
    """Bytes of the file that reading the handle touches."""
    spans = {span for piece in _engine.pieces(handle.array) for span in placing.spans(piece)}
    return sum(nbytes for _, nbytes in readers.coalesce(sorted(spans), gap=0))


def timed(action: Callable[[], Any]) -> tuple[Any, float]:
    """Return what an action returns, and the seconds it took."""
    start = time.perf_counter()
    result = action()
    return result, time.perf_counter() - start


# ---------------------------------------------------------------- steps


def _write(samples: Samples) -> str:
    image = open_image(samples.cells, dims="TCZYX", channel_names=NAMES, pixel_size=SPACING)
    told = []
    for name, compression in (
        ("cells.ome.tiff", None),
        ("zlib.ome.tiff", "zlib"),
        ("zstd.ome.tiff", "zstd"),
    ):
        path = samples.folder / name
        report, seconds = timed(
            partial(write_ome_tiff, image, path, compression=compression, sync=False)
        )
        check(
            report.nbytes == path.stat().st_size, f"{name}: the report says {report.nbytes} bytes"
        )
        rate = size_of(int(image.nbytes / seconds))
        told.append(
            f"{compression or 'raw'} {size_of(report.nbytes)} ({image.nbytes / report.nbytes:.2f}:1) at {rate}/s"
        )
    return f"{size_of(image.nbytes)} of pixels, {image.dims}: " + ", ".join(told)


def _open(samples: Samples) -> str:
    path = samples.folder / "cells.ome.tiff"
    _, first = timed(partial(open_image, path))
    handle, seconds = timed(partial(open_image, path))
    check(handle.format == "ome-tiff", f"format {handle.format}")
    check(
        sorted(handle.dims.items()) == sorted(zip("TCZYX", SHAPE, strict=True)),
        f"dims {handle.dims}",
    )
    check(handle.channel_names == NAMES, f"channel names {handle.channel_names}")
    check(handle.pixel_size == SPACING, f"pixel size {handle.pixel_size}")
    check(readers.open_count() == 0, "a file was left open")
    told = f"{seconds_of(seconds)} (the first time {seconds_of(first)}: libraries were loaded)"
    return f"{told}; dims, channel names and pixel size are those written; no file stays open"


def _read(samples: Samples) -> str:
    told = []
    for name in ("cells", "zlib", "zstd"):
        handle = transpose_to(open_image(samples.folder / f"{name}.ome.tiff"), "TCZYX")
        pixels, seconds = timed(partial(to_numpy, handle))
        equal(pixels, samples.cells, name)
        told.append(
            f"{'raw' if name == 'cells' else name} {size_of(int(pixels.nbytes / seconds))}/s"
        )
    return "every pixel is the one written: " + ", ".join(told)


def _slice(samples: Samples) -> str:
    path = samples.folder / "cells.ome.tiff"
    plane, seconds = timed(lambda: to_numpy(transpose_to(open_image(path), "YX", T=1, C=1, Z=4)))
    equal(plane, samples.cells[1, 1, 4], "plane")
    window = transpose_to(
        open_image(path), "YX", T=2, C=0, Z=-1, Y=slice(100, 164), X=slice(200, 264)
    )
    equal(to_numpy(window), samples.cells[2, 0, -1, 100:164, 200:264], "window")
    share = cost(window) / path.stat().st_size
    told = f"a 64 x 64 window of {size_of(window.nbytes)} reads {size_of(cost(window))}, {share:.3%} of the file"
    return f"one plane in {seconds_of(seconds)}, opening included; {told}"


def _transpose(samples: Samples) -> str:
    handle = open_image(samples.folder / "zstd.ome.tiff")
    view = transpose_to(handle, "XZYC", T=2, Z=[6, 0, 3], Y=slice(None, None, -2))
    equal(to_numpy(view), samples.cells[2][:, [6, 0, 3], ::-2].transpose(3, 1, 2, 0), "view")
    step = transpose_to("ZYX", T=0, C=1)
    equal(to_numpy(step(handle)), samples.cells[0, 1], "step")
    return f"{view.dims} from T=2, Z=[6, 0, 3], Y=::-2 equals numpy; the step {step!r} too"


def _pickled(samples: Samples) -> str:
    handle = open_image(samples.folder / "cells.ome.tiff")
    packed = pickle.dumps(handle)
    back = pickle.loads(packed)  # noqa: S301 - packed two lines above
    check(back == handle and hash(back) == hash(handle), "the handle that came back is another")
    equal(to_numpy(transpose_to(back, "YX", T=0, C=0, Z=0)), samples.cells[0, 0, 0], "plane")
    return f"{size_of(len(packed))}, equal, and it reads"


def _lazily(samples: Samples) -> str:
    array = to_dask(
        transpose_to(open_image(samples.folder / "zlib.ome.tiff"), "TCZYX"), chunks="ZYX"
    )
    greatest = array.max(axis=(0, 2)).compute()
    equal(greatest, samples.cells.max(axis=(0, 2)), "projection")
    return f"projection of {array.npartitions} chunks equals numpy; the graph has {len(array.dask)} keys"


def _legacy(samples: Samples) -> str:
    image = AICSImage(samples.folder / "cells.ome.tiff")
    equal(image.data, samples.cells, "data")
    equal(image.get_image_data("CZYX", T=1), samples.cells[1], "get_image_data")
    check(list(image.channel_names) == list(NAMES), f"channel names {image.channel_names}")
    return f"AICSImage(...).data has shape {image.shape} and the same pixels"


def _convert(samples: Samples) -> str:
    target = samples.folder / "t1.ome.tiff"
    source = open_image(samples.folder / "cells.ome.tiff")
    report, seconds = timed(
        lambda: pipe(source, transpose_to("CZYX", T=1), write_ome_tiff(target, compression="zstd"))
    )
    back = open_image(target)
    equal(to_numpy(transpose_to(back, "CZYX", T=0)), samples.cells[1], "pixels")
    check(
        (back.channel_names, back.pixel_size) == (NAMES, SPACING),
        f"{back.channel_names}, {back.pixel_size}",
    )
    return f"T=1 as zstd, {size_of(report.nbytes)} in {seconds_of(seconds)}; pixels, names and sizes came back"


def _pyramid(samples: Samples) -> str:
    from aicsio.testing import ImageSpec, TiffSpec, pixels, write

    images = (
        ImageSpec(C=2, Y=600, X=800, levels=3, name="slide"),
        ImageSpec(T=2, Z=3, Y=50, X=70, name="overview", dtype="uint8", seed=1),
    )
    spec = TiffSpec(
        images, byte_order=">", big=True, tile=(128, 128), compression="zlib", predictor=2
    )
    path = write(spec, samples.folder, "pyramid.ome.tif")
    handle = open_image(path)
    check(handle.scene_names == ("slide", "overview"), f"scenes {handle.scene_names}")
    for level in range(3):
        shown = transpose_to(select_level(handle, level), "TCZYX")
        equal(to_numpy(shown), pixels(images[0], level), f"level {level}")
    equal(
        to_numpy(transpose_to(select_scene(handle, "overview"), "TCZYX")),
        pixels(images[1]),
        "scene 1",
    )
    return f"big-endian BigTIFF, {size_of(path.stat().st_size)}: 2 scenes and 3 levels, every pixel as made"


def _everyday(samples: Samples) -> str:
    from PIL import Image

    frames = [
        (samples.cells[0, 0, z, ::4, ::4] >> 4).clip(0, 255).astype(np.uint8) for z in range(9)
    ]
    Image.fromarray(frames[4]).save(samples.folder / "plane.png")
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(
        samples.folder / "stack.webp", save_all=True, append_images=images[1:], lossless=True
    )
    equal(to_numpy(open_image(samples.folder / "plane.png")), frames[4], "PNG")
    movie = open_image(samples.folder / "stack.webp")
    check(movie.dims.T == 9, f"{movie.dims}")
    equal(to_numpy(transpose_to(movie, "YX", T=7, S=0)), frames[7], "frame 7")
    return "a PNG, and one frame of an animation: as saved"


def _damaged(samples: Samples) -> str:
    whole = (samples.folder / "zlib.ome.tiff").read_bytes()
    path = samples.folder / "truncated.ome.tiff"
    path.write_bytes(whole[: len(whole) // 2])
    try:
        to_numpy(open_image(path))
    except CorruptFileError as error:
        return f"{type(error).__name__}: {str(error).replace(str(samples.folder), '...')}"
    raise DemoError("half a file was read without an error")


def _picture(samples: Samples) -> str:
    from aicsio.cli.thumbnail import save

    handle = open_image(samples.folder / "cells.ome.tiff")
    picture, seconds = timed(lambda: thumbnail(handle, 256))
    check(picture.shape == (256, 256, 3), f"shape {picture.shape}")
    save(picture, str(samples.folder / "cells.png"), overwrite=True)
    equal(to_numpy(open_image(samples.folder / "cells.png")), picture, "PNG")
    return f"256 x 256 in {seconds_of(seconds)}, written as PNG and read back"


STEPS: tuple[tuple[str, Step], ...] = (
    ("write sample files", _write),
    ("open", _open),
    ("read all", _read),
    ("read a part", _slice),
    ("transpose and pick", _transpose),
    ("pickle a handle", _pickled),
    ("compute with dask", _lazily),
    ("use AICSImage", _legacy),
    ("convert a part", _convert),
    ("scenes and levels", _pyramid),
    ("everyday images", _everyday),
    ("a damaged file", _damaged),
    ("draw a thumbnail", _picture),
)
