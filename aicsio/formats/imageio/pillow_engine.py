"""Still images and animations through pillow, the engine of imageio's plug-in for them.

Rule kept here: pixels are those that are stored. A palette is applied (it says what the pixels are); gamma, colour
profiles and the orientation of EXIF are not. pillow's own readers are called by name, without ``Image.open``, whose
limit on pixels is a setting of the whole process; ours compares what is declared with the length of the file.
"""

import contextlib
import struct
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from aicsio._io.readers import BinaryFile
from aicsio.errors import CorruptFileError, MissingDependencyError
from aicsio.formats.imageio import gif_timing
from aicsio.formats.imageio.frames import (
    Array,
    Description,
    Found,
    Frames,
    check_size,
    open_checked,
    opened,
    read_in_order,
    translated,
)
from aicsio.records import Source

Note: TypeAlias = tuple[str, str]

ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF", "FLI"})
"""Formats whose further images are frames of one movie; in others each image is a scene of its own."""
FIRST_ONLY = frozenset({"PSD"})
"""Formats whose further images are parts of the first."""
MOST_IMAGES = 1000
"""Images of one file that become scenes."""
MEANINGS = {
    "CMYK": "cyan, magenta, yellow and black",
    "YCbCr": "luma and two chroma samples",
    "LAB": "CIE L*a*b*",
    "HSV": "hue, saturation and value",
    "LA": "gray and alpha",
    "La": "gray and alpha, multiplied",
    "RGBa": "RGB and alpha, multiplied",
}
"""What S holds where it is not RGB or RGBA."""


def open_pillow(kind: str, file: BinaryFile) -> Any:
    """Let pillow's reader for ``kind`` read the header."""
    from PIL import Image

    if kind == "HEIF":
        try:
            import pillow_heif  # type: ignore[import-not-found,unused-ignore]
        except ImportError as error:
            raise MissingDependencyError(
                "HEIF images need pillow-heif: pip install pillow-heif"
            ) from error
        pillow_heif.register_heif_opener()
    Image.preinit()
    if kind not in Image.OPEN:
        Image.init()  # imports every reader that pillow has
    if kind not in Image.OPEN:
        raise MissingDependencyError(f"this pillow does not read {kind}: pip install -U pillow")
    factory: Any = Image.OPEN[kind][0]
    file.seek(0)
    return factory(file, "")


def opens(source: Source, kind: str) -> bool:
    """Whether pillow's reader for ``kind`` takes the header: for formats that have no signature.

    pillow's readers say "not mine" with these four errors; any other is a file that is theirs and damaged.
    """
    with opened(source) as file:
        try:
            open_pillow(kind, file)
        except (SyntaxError, IndexError, TypeError, ValueError, OSError):
            return False
    return True


def describe(source: Source, kind: str) -> Description:
    """Read headers: sizes, modes and the number of frames."""
    with translated(source, f"reading the header of this {kind} image"), opened(source) as file:
        if kind == "PNG" and (deep := _deep_png(source, file)):
            return deep
        image = open_pillow(kind, file)
        facts, notes = _facts(image)
        found: tuple[Found, ...]
        if kind == "GIF":
            found = (_gif(source, file, image),)
        elif kind in ANIMATED:
            found = (_animation(source, image),)
        else:
            found = _images(source, kind, image, notes)
    meaning = MEANINGS.get(found[0].frames.mode)
    if meaning:
        notes.append(("sample-meaning", f"S holds {meaning}"))
    return Description(found, facts, tuple(notes))


def _facts(image: Any) -> tuple[dict[str, Any], list[Note]]:
    from PIL import ExifTags

    told = {
        "format": image.format,
        "mode": image.mode,
        "size": image.size,
        "info": dict(image.info),
    }
    if (
        "exif" not in image.info
    ):  # of PNG, pillow would decode all pixels to see whether EXIF follows them
        return told, []
    try:
        exif = {ExifTags.TAGS.get(key, str(key)): value for key, value in image.getexif().items()}
    except (SyntaxError, ValueError, TypeError, LookupError, OSError, struct.error) as error:
        return told, [("bad-exif", f"the EXIF block cannot be read: {error}")]
    return told | {"exif": exif}, []


# ---------------------------------------------------------------- what is there


def _target(image: Any) -> tuple[str, tuple[int, ...], np.dtype[Any]]:
    """Mode, sample axis and type that an image is brought to."""
    from PIL import Image

    mode = image.mode
    if mode in {"P", "PA"}:
        mode = (
            "RGBA"
            if mode == "PA" or "transparency" in image.info or image.palette.mode == "RGBA"
            else "RGB"
        )
    if mode == "I" and image.format in {"PNG", "PPM"}:
        return mode, (), np.dtype(np.uint16)  # both formats end at 16 bits; pillow widens them
    one = np.asarray(Image.new(mode, (1, 1)))
    return mode, one.shape[2:], one.dtype.newbyteorder("=")


def _frames(
    source: Source, engine: str, kind: str, image: Any, count: int = 1, first: int = 0
) -> Frames:
    mode, samples, dtype = _target(image)
    width, height = image.size
    shape = (height, width, *samples)
    check_size(source, kind, shape, dtype)
    return Frames(source, engine, kind, count, shape, dtype, mode, first)


def _gif(source: Source, file: BinaryFile, image: Any) -> Found:
    blocks = gif_timing.scan(file)
    count, seconds, step = len(blocks.delays), None, None
    mode, samples, dtype = _target(image)
    if "transparency" in image.info:
        mode, samples = "RGBA", (4,)
    elif mode == "L" and blocks.local_palettes:
        mode, samples = "RGB", (3,)
    if count > 1:
        seconds = (np.cumsum([0, *blocks.delays[:-1]]) / 100).astype("<f8").tobytes()
        step = blocks.delays[0] / 100 if len(set(blocks.delays)) == 1 and blocks.delays[0] else None
    shape = (blocks.height, blocks.width, *samples)
    check_size(source, "GIF", shape, dtype)
    frames = Frames(source, "animation", "GIF", max(count, 1), shape, dtype, mode)
    return Found("Image:0", frames, count > 1, seconds, step)


def _animation(source: Source, image: Any) -> Found:
    count = int(getattr(image, "n_frames", 1))
    engine = "animation" if count > 1 else "still"
    return Found("Image:0", _frames(source, engine, str(image.format), image, count), count > 1)


def _images(source: Source, kind: str, image: Any, notes: list[Note]) -> tuple[Found, ...]:
    count = 1 if kind in FIRST_ONLY else int(getattr(image, "n_frames", 1))
    if count == 1:
        return (Found("Image:0", _frames(source, "still", kind, image), moving=False),)
    if count > MOST_IMAGES:
        notes.append(("too-many-images", f"of {count} images the first {MOST_IMAGES} are shown"))
    found = []
    for index in range(min(count, MOST_IMAGES)):
        image.seek(index)
        found.append(
            Found(f"Image:{index}", _frames(source, "still", kind, image, 1, index), moving=False)
        )
    return tuple(found)


def _deep_png(source: Source, file: BinaryFile) -> Description | None:
    """A PNG of 16-bit colour, which pillow would cut to 8 bits; libpng gives all of them.

    PNG specification, 11.2.1: width and height at byte 16, bit depth at 24, colour type at 25 (2 RGB, 4 gray and
    alpha, 6 RGBA).
    """
    header = file.read(26)
    file.seek(0)
    samples = {2: 3, 4: 2, 6: 4}.get(header[25] if len(header) == 26 else -1)
    if samples is None or header[24] != 16:
        return None
    width, height = (int.from_bytes(header[at : at + 4], "big") for at in (16, 20))
    dtype = np.dtype(np.uint16)
    check_size(source, "PNG", (height, width, samples), dtype)
    image = open_pillow("PNG", file)
    frames = Frames(
        source, "libpng", "PNG", 1, (height, width, samples), dtype, "LA" if samples == 2 else ""
    )
    count = int(getattr(image, "n_frames", 1))
    facts, notes = _facts(image)
    if count > 1:
        notes.append(("more-frames", f"of {count} frames of 16-bit colour the first is shown"))
    if samples == 2:
        notes.append(("sample-meaning", f"S holds {MEANINGS['LA']}"))
    return Description((Found("Image:0", frames, moving=False),), facts, tuple(notes))


# ---------------------------------------------------------------- pixels


def read_libpng(frames: Frames, _start: int, _stop: int) -> Array:
    """Decode a PNG of 16-bit colour."""
    import imagecodecs

    with translated(frames.source, "decoding this PNG image"), opened(frames.source) as file:
        pixels: Array = imagecodecs.png_decode(file.read())
        return _checked(frames, pixels)[None]


def read_still(frames: Frames, _start: int, _stop: int) -> Array:
    """Decode one image; the bytes are open for as long as that takes."""
    with (
        translated(frames.source, f"decoding this {frames.kind} image"),
        opened(frames.source) as file,
    ):
        image = open_pillow(frames.kind, file)
        if frames.first:
            image.seek(frames.first)
        return _checked(frames, _pixels(frames, image))[None]


def read_animation(frames: Frames, start: int, stop: int) -> Array:
    """Decode frames of an animation, each of which builds on those before."""
    return read_in_order(frames, start, stop, 0, lambda: _Animation(frames))


class _Animation:
    """A cursor over pillow's frames; pillow itself goes back to the first frame where it must."""

    def __init__(self, frames: Frames) -> None:
        self.position = 0
        self._frames = frames
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(contextlib.closing(open_checked(frames.source)))
            with translated(frames.source, f"reading the header of this {frames.kind} image"):
                self._image = open_pillow(frames.kind, file)
            self._open = stack.pop_all()

    def read(self, start: int, stop: int) -> Array:
        frames = self._frames
        out = np.zeros((stop - start, *frames.shape), frames.dtype)
        with translated(
            frames.source, f"decoding frames {start} to {stop - 1} of this {frames.kind} image"
        ):
            for index in range(start, stop):
                self._image.seek(index)
                pixels = _pixels(frames, self._image)
                # A GIF grows when a frame reaches beyond it: what was not there before is 0.
                out[index - start, : pixels.shape[0], : pixels.shape[1]] = pixels
                self.position = index + 1
        return out

    def close(self) -> None:
        self._open.close()


def _pixels(frames: Frames, image: Any) -> npt.NDArray[Any]:
    image.load()
    return np.asarray(image if image.mode == frames.mode else image.convert(frames.mode))


def _checked(frames: Frames, pixels: Array) -> Array:
    if pixels.shape != frames.shape:
        raise CorruptFileError.at(
            frames.source.uri,
            None,
            f"its header promises shape {frames.shape}, its pixels have {pixels.shape}",
        )
    return pixels
