"""Still images and animations through pillow, the engine of imageio's plug-in for them.

Rule kept here: pixels are those that are stored. A palette is applied; gamma, colour profiles and
the orientation of EXIF are not. pillow's readers are called by name, without ``Image.open``,
whose limit on pixels is a setting of the whole process; ``check_size`` compares the declared size
with the length of the file instead.
"""

import contextlib
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio._codecs import imagecodecs
from aicsio._codecs.image_headers import miscounts_tile_parts
from aicsio._io.readers import BinaryFile
from aicsio.errors import MissingDependencyError
from aicsio.formats.imageio import gif_timing, stored_depth
from aicsio.formats.imageio.cursors import read_in_order
from aicsio.formats.imageio.frames import (
    Array,
    Description,
    Frames,
    FrameScene,
    Note,
    check_shape,
    check_size,
    open_checked,
    opened,
    translated,
)
from aicsio.records import Source

ANIMATED = frozenset({"GIF", "WEBP", "AVIF", "FLI"})
"""Formats whose further images are frames of one movie; in others each image is a scene."""
FIRST_ONLY = frozenset({"PSD"})
"""Formats whose further images are parts of the first."""
WITHOUT_ALPHA = frozenset({"1", "L", "I", "I;16", "RGB"})
"""Modes whose pixels are shown as they are, transparent or not."""
STORED_BITS = {"1": 1, "P": 8, "PA": 16}
"""Bits of a pixel as they are compressed, at most, by pillow's mode."""
LARGEST_SCENE_COUNT = 1000
"""Images of one file that become scenes: each costs a seek while opening."""
SAMPLE_MEANINGS = {
    "CMYK": "cyan, magenta, yellow and black",
    "YCbCr": "luma and two chroma samples",
    "LAB": "CIE L*a*b*",
    "HSV": "hue, saturation and value",
    "LA": "gray and alpha",
    "La": "gray and alpha, multiplied",
    "RGBa": "RGB and alpha, multiplied",
}
"""Samples of S, by pillow's mode, where they are not RGB or RGBA."""


def open_pillow(kind: str, file: BinaryFile) -> Any:
    """Let pillow's reader for ``kind`` read the header.

    Raises
    ------
    MissingDependencyError
        When this pillow has no such reader.
    """
    from PIL import Image

    if kind == "HEIF":
        import_heif().register_heif_opener()
    # Importing all readers takes three times as long as importing the five common ones.
    Image.preinit()
    if kind not in Image.OPEN:
        Image.init()  # imports every reader that pillow has
    if kind not in Image.OPEN:
        raise MissingDependencyError(f"this pillow does not read {kind}: pip install -U pillow")
    # An entry holds the factory, and a test of the first bytes, which is not used here.
    factory: Any = Image.OPEN[kind][0]
    file.seek(0)
    return factory(file, "")


def import_heif() -> Any:
    """Return the module of pillow-heif.

    Raises
    ------
    MissingDependencyError
        When it is not installed.
    """
    try:
        import pillow_heif  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise MissingDependencyError(
            "HEIF images need pillow-heif: pip install pillow-heif"
        ) from error
    return pillow_heif


def opens(source: Source, kind: str) -> bool:
    """Return whether pillow's reader for ``kind`` takes the header: for weak signatures.

    pillow's readers refuse foreign files with these errors; any other error means a file of
    theirs that is damaged.

    Raises
    ------
    CorruptFileError
        When the file is theirs and damaged, or declares more pixels than pillow decodes.
    """
    with translated(source, f"reading the header of this {kind} image"), opened(source) as file:
        try:
            open_pillow(kind, file)
        except (SyntaxError, IndexError, TypeError, ValueError, OSError):
            return False
    return True


def describe(source: Source, kind: str) -> Description:
    """Read headers: sizes, modes and the number of frames."""
    with translated(source, f"reading the header of this {kind} image"), opened(source) as file:
        image = open_pillow(kind, file)
        metadata, notes = read_metadata(image)
        if kind == "GIF":
            scenes: tuple[FrameScene, ...] = (_describe_gif(source, file, image),)
        elif kind in ANIMATED:
            scenes = (_describe_animation(source, image),)
        elif kind == "PNG":
            file.seek(stored_depth.PNG_HEADER)
            bits = stored_depth.png_bits(file.read(13))
            scenes = (
                FrameScene("Image:0", _frames(source, "still", kind, image, bits=bits), False),
            )
        else:
            scenes = _describe_images(source, kind, image, notes)
        # The engines that keep the depth were chosen before; this is for formats without one.
        notes += stored_depth.report_loss(kind, file)
    colour = image.info.get("transparency")
    if kind == "PNG" and colour is not None and image.mode in WITHOUT_ALPHA:
        # PNG (third edition), section 11.3.1.1: pixels of this one colour are transparent.
        notes.append(("transparent-color", f"pixels of {colour} are transparent: S has no alpha"))
    meaning = SAMPLE_MEANINGS.get(scenes[0].frames.mode)
    if meaning:
        notes.append(("sample-meaning", f"S holds {meaning}"))
    return Description(scenes, metadata, tuple(notes))


def read_metadata(image: Any) -> tuple[dict[str, Any], list[Note]]:
    """Return pillow's metadata of an image, EXIF by its names, and notes on damaged parts."""
    from PIL import ExifTags

    metadata = {
        "format": image.format,
        "mode": image.mode,
        "size": image.size,
        "info": dict(image.info),
    }
    # Without this test pillow would decode all pixels of a PNG to see whether EXIF follows them.
    if "exif" not in image.info:
        return metadata, []
    try:
        exif = {ExifTags.TAGS.get(key, str(key)): value for key, value in image.getexif().items()}
    except (SyntaxError, ValueError, TypeError, LookupError, OSError, struct.error) as error:
        return metadata, [("bad-exif", f"the EXIF block cannot be read: {error}")]
    return metadata | {"exif": exif}, []


# ---------------------------------------------------------------- scenes


def _target(image: Any) -> tuple[str, tuple[int, ...], np.dtype[Any]]:
    """Return the mode that an image is converted to, its sample axis and type."""
    from PIL import Image

    mode = image.mode
    if mode in {"P", "PA"}:
        transparent = "transparency" in image.info or image.palette.mode == "RGBA"
        mode = "RGBA" if mode == "PA" or transparent else "RGB"
    if mode == "I" and image.format in {"PNG", "PPM"}:
        # Both formats end at 16 bits; pillow widens them to 32.
        return mode, (), np.dtype(np.uint16)
    # One new pixel shows the samples and the type that pillow gives to a mode.
    pixel = np.asarray(Image.new(mode, (1, 1)))
    return mode, pixel.shape[2:], pixel.dtype.newbyteorder("=")


def _frames(
    source: Source,
    engine: str,
    kind: str,
    image: Any,
    count: int = 1,
    first: int = 0,
    bits: int | None = None,
) -> Frames:
    mode, samples, dtype = _target(image)
    width, height = image.size
    shape = (height, width, *samples)
    bits = bits or STORED_BITS.get(image.mode)
    check_size(source, kind, shape, dtype, bits)
    return Frames(source, engine, kind, count, shape, dtype, mode, first)


def _describe_gif(source: Source, file: BinaryFile, image: Any) -> FrameScene:
    """Describe a GIF by its blocks: pillow would decode every frame to count them."""
    blocks = gif_timing.scan_blocks(file)
    count = len(blocks.delays)
    mode, samples, dtype = _target(image)
    # pillow changes the mode of a GIF from frame to frame; this one holds them all.
    if "transparency" in image.info:
        mode, samples = "RGBA", (4,)
    elif mode == "L" and blocks.local_palettes:
        mode, samples = "RGB", (3,)
    shape = (blocks.height, blocks.width, *samples)
    # A flipped bit gives a GIF any canvas, but no frame that covers it.
    check_size(source, "GIF" if blocks.covered else "", shape, dtype, 8 if blocks.covered else None)
    frames = Frames(source, "animation", "GIF", max(count, 1), shape, dtype, mode)
    if count < 2:
        return FrameScene("Image:0", frames, moving=False)
    # A delay of 0 means as fast as possible: no step of time.
    seconds = (np.cumsum([0, *blocks.delays[:-1]]) / 100).astype("<f8").tobytes()
    even = len(set(blocks.delays)) == 1 and blocks.delays[0] > 0
    step = blocks.delays[0] / 100 if even else None
    return FrameScene("Image:0", frames, True, seconds, step)


def _describe_animation(source: Source, image: Any) -> FrameScene:
    count = int(getattr(image, "n_frames", 1))
    engine = "animation" if count > 1 else "still"
    frames = _frames(source, engine, str(image.format), image, count)
    return FrameScene("Image:0", frames, count > 1)


def _describe_images(
    source: Source, kind: str, image: Any, notes: list[Note]
) -> tuple[FrameScene, ...]:
    """Describe each image of a file as a scene."""
    count = 1 if kind in FIRST_ONLY else int(getattr(image, "n_frames", 1))
    if count == 1:
        return (FrameScene("Image:0", _frames(source, "still", kind, image), moving=False),)
    # Icons and MPO files have a few images; thousands come from damage.
    if count > LARGEST_SCENE_COUNT:
        text = f"of {count} images the first {LARGEST_SCENE_COUNT} are shown"
        notes.append(("too-many-images", text))
    scenes = []
    for index in range(min(count, LARGEST_SCENE_COUNT)):
        try:
            image.seek(index)
        except (EOFError, OSError, SyntaxError, ValueError, struct.error) as error:
            # An editor that rewrites the first image of an MPO leaves its list of images as it was.
            if index == 0:
                raise
            reason = " ".join(str(error).split()) or type(error).__name__
            notes.append(("missing-image", f"image {index} of {count} is not there: {reason}"))
            continue
        frames = _frames(source, "still", kind, image, 1, index)
        scenes.append(FrameScene(f"Image:{index}", frames, moving=False))
    return tuple(scenes)


# ---------------------------------------------------------------- pixels


def read_still(frames: Frames, _start: int, _stop: int) -> Array:
    """Decode one image; the bytes are open for as long as that takes."""
    action = f"decoding this {frames.kind} image"
    with translated(frames.source, action), opened(frames.source) as file:
        # pillow keeps state between images: each read opens the file anew.
        image = open_pillow(frames.kind, file)
        if frames.first:
            image.seek(frames.first)
        try:
            return check_shape(frames, _pixels(frames, image))[None]
        except OSError:
            file.seek(0)
            data = file.read() if frames.kind == "JPEG2000" else b""
            if not miscounts_tile_parts(data):
                raise
            # OpenJPEG mends the count by itself, but not part by part, as pillow calls it.
            return check_shape(frames, np.asarray(imagecodecs().jpeg2k_decode(data)))[None]


def read_animation(frames: Frames, start: int, stop: int) -> Array:
    """Decode frames of an animation, each of which builds on those before."""
    return read_in_order(frames, start, stop, lambda: _AnimationCursor(frames))


class _AnimationCursor:
    """A cursor over pillow's frames."""

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
        action = f"decoding frames {start} to {stop - 1} of this {frames.kind} image"
        with translated(frames.source, action):
            for index in range(start, stop):
                self._image.seek(index)
                pixels = _pixels(frames, self._image)
                # A GIF grows when a frame reaches beyond it: the new pixels were 0 before.
                out[index - start, : pixels.shape[0], : pixels.shape[1]] = pixels
                self.position = index + 1
        return out

    def close(self) -> None:
        self._open.close()


def _pixels(frames: Frames, image: Any) -> npt.NDArray[Any]:
    image.load()
    return np.asarray(image if image.mode == frames.mode else image.convert(frames.mode))
