"""Records that the engines behind imageio share: frames, and scenes made of them.

Rule kept here: the size of a frame is compared with the length of the file before anything makes
room for it.
"""

import contextlib
import math
from collections.abc import Iterator
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._io import readers
from aicsio._io.readers import BinaryFile
from aicsio.errors import (
    AicsioError,
    CorruptFileError,
    ImageTooLargeError,
    SourceNotFoundError,
    UnsupportedFormatError,
)
from aicsio.records import Dims, Planes, Scene, Source

Array: TypeAlias = npt.NDArray[Any]
Note: TypeAlias = tuple[str, str]
"""Code and message of a diagnostic."""

PLAUSIBLE_BYTES = 128 * 1024 * 1024
"""A frame up to this size is plausible for any file: 8000 x 5600 pixels of RGB."""
DEFLATE_RATIO = 1032
"""Bytes that one byte of deflate can stand for: 258 for two bits (RFC 1951, 3.2.5)."""
LARGEST_RATIO = {
    "PNG": DEFLATE_RATIO,
    # A string of the 4096 of LZW for twelve bits.
    "GIF": 2731,
    "WEBP": 120_000,
    "AVIF": 12_000,
    "HEIF": 12_000,
    "JPEG2000": 12_000,
    "JPEGXL": 20_000,
    "JPEG": 1500,
    "PSD": 1500,
    # OpenEXR: deflate of half floats, which are shown with 32 bits.
    "opencv": 2 * DEFLATE_RATIO,
    "pydicom": 12_000,
}
"""Bytes of a larger frame, before palettes are applied, for one byte of the file.

A blank image reaches 1025 in PNG, 1345 in GIF, 1500 in JPEG, 15 400 in JPEG XL, and 103 600 in
WebP, whose frames end at 1 GiB.
"""
LARGEST_RATIO_ELSE = 300
"""The same for other formats: run lengths reach 128 in BMP and 85 in Sun rasters."""

LACKING = ("Unsupported ", "Unimplemented ")
"""First words of pillow's errors about legal variants that it does not read, such as a BMP of other
bit fields: it raises them as ``OSError``, as it does for damage."""


@attrs.frozen
class Frames:
    """Frames of one size and type, and how to read them."""

    source: Source
    """Where the bytes are."""
    engine: str
    """Key of the table of readers."""
    kind: str
    """Name of the format: pillow's, ffmpeg's demuxer, imageio's plug-in, or of the codec."""
    count: int
    """Number of frames."""
    shape: tuple[int, ...]
    """Of one frame: (Y, X) or (Y, X, S)."""
    dtype: np.dtype[Any]
    """Of one frame."""
    mode: str = ""
    """Pillow mode or ffmpeg pixel format to convert to; empty for that of the decoder."""
    first: int = 0
    """Index in the file of the first of these frames."""
    stream: int = 0
    """Index of the stream in a movie."""
    times: bytes | None = attrs.field(default=None, repr=False)
    """int64 presentation time of each frame, rising; ``None`` if frames can only be counted."""
    keys: bytes = attrs.field(default=b"", repr=False)
    """int64 pairs, rising: presentation and decoding time of each key frame."""


@attrs.frozen
class FrameScene:
    """A scene of frames, before the format adds layout and channels."""

    name: str
    """Name of the scene."""
    frames: Frames
    """Its pixels."""
    moving: bool
    """Whether T is an axis."""
    seconds: bytes | None = None
    """float64 time of each frame since the first; ``None`` if unknown."""
    step: float | None = None
    """Seconds between frames, if they are even."""

    @property
    def planes(self) -> Planes | None:
        """The times as a column."""
        if self.seconds is None:
            return None
        return Planes(Dims("T", (self.frames.count,)), time=self.seconds)


@attrs.define
class Description:
    """The scenes and metadata of a file. Not a record: it lives for one opening."""

    scenes: tuple[FrameScene, ...]
    """In file order."""
    metadata: dict[str, Any]
    """Metadata of the engine, for the raw metadata."""
    notes: tuple[Note, ...] = ()
    """Codes and messages of diagnostics."""


def scene_dims(scene: FrameScene) -> Dims:
    """Return letters and sizes of a scene."""
    order, shape = "YXS"[: len(scene.frames.shape)], scene.frames.shape
    if scene.moving:
        return Dims("T" + order, (scene.frames.count, *shape))
    return Dims(order, shape)


def as_scene(scene: FrameScene, **fields: Any) -> Scene:
    """Make the record of a scene; ``fields`` are those that the format adds."""
    return Scene(scene.name, planes=scene.planes, time_step=scene.step, **fields)


# ---------------------------------------------------------------- bytes and errors


@contextlib.contextmanager
def translated(source: Source, action: str) -> Iterator[None]:
    """Turn any exception of a decoder into an error of ours.

    Decoders raise exceptions of every type on damaged bytes.

    Raises
    ------
    CorruptFileError
        When the block raises anything but our own errors; the message begins with ``action``.
    UnsupportedFormatError
        When the decoder lacks a feature that the image needs.
    ImageTooLargeError
        When it lacks memory.
    """
    try:
        yield
    except AicsioError:
        raise
    # Between opening and reading a file may vanish: that is no damage.
    except FileNotFoundError as error:
        raise SourceNotFoundError(f"there is no file {source.uri!r} any more") from error
    except MemoryError as error:
        raise ImageTooLargeError(
            f"{action} failed: it takes more memory than this process can get; {source.uri} may be sound"
        ) from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, NotImplementedError) or reason.startswith(LACKING):
            raise UnsupportedFormatError(
                f"{action} failed: the library that decodes it lacks this variant ({reason}); "
                f"{source.uri} may be sound"
            ) from error
        raise CorruptFileError.at(source.uri, None, f"{action} failed: {reason}") from error


@contextlib.contextmanager
def opened(source: Source) -> Iterator[BinaryFile]:
    """Open the bytes for a library, after a check that the file is still the indexed one."""
    with contextlib.closing(open_checked(source)) as file:
        yield file


def open_checked(source: Source) -> BinaryFile:
    """Open the bytes for a library; the caller closes them.

    Raises
    ------
    SourceChangedError
        When the file is not the one that was indexed.
    SourceNotFoundError, SourceError
        When it cannot be opened.
    """
    # The pool compares a file with its index when it lends a reader.
    with readers.lend(source):
        return readers.open_binary(source)


def check_size(
    source: Source, kind: str, shape: tuple[int, ...], dtype: np.dtype[Any], bits: int | None = None
) -> None:
    """Refuse a frame that the file is too short for.

    Parameters
    ----------
    source
        The file.
    kind
        Key of ``LARGEST_RATIO``.
    shape, dtype
        Of a frame as it is shown.
    bits
        Bits of a pixel as they are compressed: an index of a palette, one bit of a bilevel image.
        ``None`` where these are the samples that are shown.

    Raises
    ------
    CorruptFileError
        When the frame has no pixels, or more bytes than the file can stand for.
    """
    # Python integers: a shape of damage may overflow 64 bits.
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes <= 0:
        raise CorruptFileError.at(
            source.uri, None, f"it declares frames of shape {shape}, which hold no pixels"
        )
    # A server that does not give the length: its bytes are counted when they come.
    if source.size is None or nbytes <= PLAUSIBLE_BYTES:
        return
    stored = nbytes if bits is None else math.prod(shape[:2]) * bits // 8
    if stored > LARGEST_RATIO.get(kind, LARGEST_RATIO_ELSE) * source.size:
        raise CorruptFileError.at(
            source.uri,
            None,
            f"it declares frames of {stored:,} bytes, which its {source.size:,} bytes cannot hold",
        )


def check_shape(frames: Frames, pixels: Array) -> Array:
    """Return the pixels of a frame that has the shape of the header.

    Raises
    ------
    CorruptFileError
        When the decoder returns another shape.
    """
    if pixels.shape != frames.shape:
        raise CorruptFileError.at(
            frames.source.uri,
            None,
            f"its header promises shape {frames.shape}, its pixels have {pixels.shape}",
        )
    return pixels
