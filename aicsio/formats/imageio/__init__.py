"""Everyday images and movies, by imagecodecs, pillow, PyAV and imageio. Imports `_io`, `_codecs`.

Each engine is a module: ``imagecodecs_engine``, ``rasters``, ``heif_engine`` and ``pillow_engine``
for pictures, ``apng`` and ``pillow_engine`` for animations, ``movie_engine`` for movies,
``dicom_engine`` for DICOM, ``plugin_engine`` for other plug-ins. ``frames`` has the records that
they share. ``stored_depth`` decides whether pillow would narrow a file, ``cursors`` lets threads
share a decoder that runs forwards; ``gif_timing`` walks the blocks of GIF, ``h264_header`` shows
whether a stream is gray, ``movie_pixels`` how frames are read.

Rule kept here: a file is recognised by its first bytes. Only formats without a usable signature
go by their suffix, and then pillow must take the header too. TIFF and the formats built on it are
never taken.

Frames of a movie or an animation are T, samples are S (palettes are applied), gray has no S.
1-bit images are bool, gray PNG with fewer than 8 bits is stretched to 8, as pillow and libpng do.
Other samples are those of the file. A resolution in dots per inch is no pixel size.
"""

import base64
import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from aicsio._io import readers
from aicsio.formats import HEAD_BYTES, Options
from aicsio.formats.imageio import (
    apng,
    dicom_engine,
    heif_engine,
    imagecodecs_engine,
    movie_engine,
    pillow_engine,
    plugin_engine,
    rasters,
    stored_depth,
)
from aicsio.formats.imageio.frames import (
    Array,
    Description,
    Frames,
    as_scene,
    opened,
    scene_dims,
    translated,
)
from aicsio.records import (
    Channel,
    Computed,
    Contents,
    Diagnostic,
    LazyArray,
    Piece,
    Selection,
    Source,
)
from aicsio.records.printing import printed_short
from aicsio.records.provenance import FactOrigin, FactOrigins

BLOCK_BYTES = 8 * 1024 * 1024
"""Frames up to this size together are one block: some 25 frames of 640 x 480 RGB."""

TIMES_OF_ENGINES = {
    "animation": "gif:GraphicControlExtension/DelayTime",
    "apng": "png:fcTL/delay_num",
    "movie": "movie:presentation times of packets",
}
"""Places of the times of frames by engine: GIF89a section 23; PNG third edition, 11.3.6.2."""

SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (rb"\x89PNG\r\n\x1a\n", "pillow", "PNG"),
    (rb"\xff\xd8\xff", "pillow", "JPEG"),
    (rb"GIF8[79]a", "pillow", "GIF"),
    # BMP: bytes 14 to 17 are the length of the information header, 12 to 124.
    (rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0", "pillow", "BMP"),
    (rb"RIFF.{4}WEBP", "pillow", "WEBP"),
    # ISO base media files: length and type of the first box, then the major brand.
    (rb".{4}ftypavi[fs]", "pillow", "AVIF"),
    (rb".{4}ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)", "pillow", "HEIF"),
    # A bare codestream (markers SOC and SIZ), or the signature box of a JP2 file.
    (rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n", "pillow", "JPEG2000"),
    # netpbm: magic, width and height, with comments between them.
    (rb"P(?:[1-6fF]|0CMYK|yRGBA)\s(?:\s|#[^\n]*\n)*\d+\s(?:\s|#[^\n]*\n)*\d+\s", "pillow", "PPM"),
    (rb"P7\n", "rasters", "PAM"),
    # SGI: magic 474, storage, bytes a sample, dimensions.
    (rb"\x01\xda[\0\x01][\x01\x02]\0[\x01-\x03]", "pillow", "SGI"),
    # PSD is version 1; version 2 is PSB.
    (rb"8BPS\0\x01", "pillow", "PSD"),
    (rb"qoif", "pillow", "QOI"),
    # The name is followed by the length of the header, 124.
    (rb"DDS \x7c\0\0\0", "pillow", "DDS"),
    (rb"icns", "pillow", "ICNS"),
    (rb"SIMPLE  = {20}T", "pillow", "FITS"),
    (rb"\x59\xa6\x6a\x95", "pillow", "SUN"),
    (rb"\xb1\x68\xde\x3a", "pillow", "DCX"),
    (rb"/\* XPM \*/", "pillow", "XPM"),
    (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "imagecodecs", "JPEGXL"),
    (rb"II\xbc\x01", "imagecodecs", "JPEGXR"),
    (rb"#\?(?:RADIANCE|RGBE)\n", "imagecodecs", "RGBE"),
    (rb"\0.{3}(?:ftyp|moov|wide|free|skip)|.{4}mdat", "movie", "mov"),
    # Matroska: the identifier of the EBML header.
    (rb"\x1a\x45\xdf\xa3", "movie", "matroska"),
    (rb"RIFF.{4}AVI[ X\x19]", "movie", "avi"),
    # ASF: the GUID of its header object.
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c", "movie", "asf"),
    (rb"FLV\x01", "movie", "flv"),
    (rb"OggS\0", "movie", "ogg"),
    # Start codes of MPEG: a pack header (0xBA), a sequence header (0xB3).
    (rb"\0\0\x01\xba", "movie", "mpeg"),
    (rb"\0\0\x01\xb3", "movie", "mpegvideo"),
    # A start code, and a unit of type 7: the sequence parameter set of H.264.
    (rb"\0\0\0?\x01[\x67\x27]", "movie", "h264"),
    # MPEG-TS: packets of 188 bytes, each of which begins with the sync byte.
    (rb"\x47.{187}\x47.{187}\x47", "movie", "mpegts"),
    # MXF: the key of a header partition pack.
    (rb"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02", "movie", "mxf"),
    (rb"nut/multimedia container\0", "movie", "nut"),
    (rb"DKIF\0\0", "movie", "ivf"),
    (rb"YUV4MPEG2 ", "movie", "yuv4mpegpipe"),
    # A preamble of 128 bytes stands before the prefix (DICOM PS3.10, 7.1).
    (rb".{128}DICM", "dicom", "DICOM"),
    # The magic number of OpenEXR.
    (rb"\x76\x2f\x31\x01", "plugin", "opencv"),
)
"""First bytes as a regular expression, engine, and the engine's name; the first match counts."""

BY_SUFFIX = {
    **dict.fromkeys((".tga", ".icb", ".vda", ".vst"), ("pillow", "TGA")),
    **dict.fromkeys((".sgi", ".rgb", ".rgba", ".bw"), ("pillow", "SGI")),
    **dict.fromkeys((".fli", ".flc"), ("pillow", "FLI")),
    ".pcx": ("pillow", "PCX"),
    ".ico": ("pillow", "ICO"),
    ".cur": ("pillow", "CUR"),
    ".im": ("pillow", "IM"),
    ".msp": ("pillow", "MSP"),
    ".pcd": ("pillow", "PCD"),
    ".xbm": ("pillow", "XBM"),
}
"""Engine and name of formats with a weak signature or none; pillow must take the header too."""

_COMPILED = tuple(
    (re.compile(pattern, re.DOTALL), engine, kind) for pattern, engine, kind in SIGNATURES
)

DESCRIBE: dict[str, Callable[[Source, str], Description]] = {
    "apng": apng.describe,
    "dicom": dicom_engine.describe,
    "heif": heif_engine.describe,
    "imagecodecs": imagecodecs_engine.describe,
    "pillow": pillow_engine.describe,
    "rasters": rasters.describe,
    "movie": movie_engine.describe,
    "plugin": plugin_engine.describe,
}
READ: dict[str, Callable[[Frames, int, int], Array]] = {
    "still": pillow_engine.read_still,
    "apng": apng.read_apng,
    "dicom": dicom_engine.read_dicom,
    "heif": heif_engine.read_heif,
    "imagecodecs": imagecodecs_engine.read_imagecodecs,
    "rasters": rasters.read_raster,
    "animation": pillow_engine.read_animation,
    "movie": movie_engine.read_movie,
    "plugin": plugin_engine.read_plugin,
}


@printed_short
@attrs.frozen
class FramesLayout:
    """Layout of frames: a block is as many whole frames as fit into ``BLOCK_BYTES``."""

    frames: Frames
    """The frames."""
    block_shape: tuple[int, ...]
    """Frames of a block (where T is an axis), and a frame's shape."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """One call, for the frames of the window."""
        shape = self.frames.shape
        starts = tuple(part.start for part in window)
        extent = tuple(part.stop - part.start for part in window)
        first, count = 0, 1
        # A still has no T, and its one frame comes back stacked all the same.
        if len(window) > len(shape):
            # T is an axis: only the frames of the window are decoded.
            first = block[0] * self.block_shape[0] + starts[0]
            count = extent[0]
            starts, shape = (0, *starts[1:]), (count, *shape)
        yield Computed(
            "aicsio.formats.imageio:read_frames",
            (self.frames, first, first + count),
            shape,
            self.frames.dtype,
            Selection(starts, extent, (0,) * len(window)),
        )


def read_frames(frames: Frames, start: int, stop: int) -> Array:
    """Decode frames.

    Parameters
    ----------
    frames
        The movie or image.
    start, stop
        First frame, and the one after the last.

    Returns
    -------
    The frames, stacked: shape (frames, Y, X) or (frames, Y, X, S).

    Raises
    ------
    CorruptFileError
        When a frame cannot be decoded.
    """
    return READ[frames.engine](frames, start, stop)


# ---------------------------------------------------------------- recognition


def _identify(source: Source, head: bytes) -> tuple[str, str] | None:
    """Return the engine and its name of the format, or ``None``."""
    # Signatures first: a suffix is a claim of whoever named the file.
    for pattern, engine, kind in _COMPILED:
        if pattern.match(head):
            return engine, kind
    engine, kind = BY_SUFFIX.get(os.path.splitext(source.uri)[1].lower(), ("", ""))
    if not engine:
        return None
    if engine == "pillow" and not pillow_engine.opens(source, kind):
        return None
    return engine, kind


def recognises(source: Source, head: bytes, /) -> bool:
    """Return whether the first bytes are those of an image or a movie that imageio reads."""
    return _identify(source, head) is not None


def read_contents(source: Source, _options: Options, /) -> Contents:
    """Describe the frames; a movie is listed, not decoded.

    Parameters
    ----------
    source
        The file.

    Returns
    -------
    A scene for each movie stream, animation or image.

    Raises
    ------
    CorruptFileError
        When the header is damaged, or declares more pixels than the file can hold.
    UnsupportedFormatError
        When no plug-in of imageio takes the file.
    MissingDependencyError
        When the one that would is not installed.
    """
    # Nothing identifies a file whose format the caller forced: every plug-in may try it.
    engine, kind = _identify(source, readers.read_head(source, HEAD_BYTES)) or ("plugin", "")
    # pillow narrows some formats to 8 bits: another engine keeps their depth.
    if engine == "pillow":
        with translated(source, f"reading the header of this {kind} image"), opened(source) as file:
            engine = stored_depth.choose_engine(kind, file)
    description = DESCRIBE[engine](source, kind)
    scenes = []
    for scene in description.scenes:
        dims, frames = scene_dims(scene), scene.frames
        samples = dims.get("S", 1)
        frame_nbytes = dims.Y * dims.X * samples * frames.dtype.itemsize
        # Small frames share a block, so that one decoder serves many.
        block_shape = frames.shape
        if scene.moving:
            frame_count = max(1, BLOCK_BYTES // frame_nbytes)
            block_shape = (min(frame_count, frames.count), *frames.shape)
        array = LazyArray.whole(FramesLayout(frames, block_shape), dims, frames.dtype)
        channels = (Channel(samples=samples),)
        scenes.append(as_scene(scene, levels=(array,), channels=channels))
    diagnostics = tuple(Diagnostic(code, message) for code, message in description.notes)
    metadata = json.dumps(description.metadata, default=_as_json, ensure_ascii=False)
    return Contents(tuple(scenes), metadata, diagnostics)


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001 - the protocol
    """Return the places of times: only animations and movies have such facts."""
    levels = contents.scenes[scene].levels
    layout = levels[0].layout if levels else None
    if not isinstance(layout, FramesLayout):
        return FactOrigins(())
    place = TIMES_OF_ENGINES.get(layout.frames.engine, "imageio:plug-in")
    if layout.frames.engine == "movie" and layout.frames.times is None:
        # Packets without times: frames were counted, the rate is that of the header.
        place = "movie:average frame rate"
    paths = ("planes.time", "time_step")
    return FactOrigins(
        (*(FactOrigin(path, place) for path in paths), FactOrigin("planes", "pixels"))
    )


def _as_json(value: Any) -> Any:
    """Write values that JSON lacks: bytes as base64, arrays as lists, the rest as text."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    return value.tolist() if hasattr(value, "tolist") else str(value)
