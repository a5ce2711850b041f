"""Movies through PyAV, the engine of imageio's plug-in for them, exact at random access.

Rule kept here: frame number i is the i-th that a player shows. Opening lists the packets of the
container and decodes nothing; their presentation times, sorted, are the frames. Reading enters at
the key frame shown at or before the first requested frame and recognises frames by their times.
If a container has no presentation times, frames are counted by decoding once, and reading starts
at the first. A movie never makes us open another file.
"""

import contextlib
import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._io.readers import BinaryFile
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.imageio.cursors import read_in_order
from aicsio.formats.imageio.frames import (
    Array,
    Description,
    Frames,
    FrameScene,
    Note,
    check_size,
    open_checked,
    opened,
    translated,
)
from aicsio.formats.imageio.movie_pixels import (
    PixelFormat,
    choose_pixel_format,
    describe_doubt,
    read_luma,
)
from aicsio.records import Source

DECODING_TIMES_ONLY = frozenset({"avi"})
"""Containers that number packets in decoding order, which is not the order of presentation."""
UNINDEXED = frozenset({"mpeg", "mpegts", "mpegvideo"})
"""Containers that give times to some packets only: ffmpeg's guess at the others depends on where it
began to read."""
PREDICTED = frozenset({2, 3})
"""ffmpeg's AVPictureType P and B."""


def open_movie(kind: str, file: BinaryFile) -> Any:
    """Let ffmpeg's demuxer ``kind`` read the header."""
    import av

    # PyAV 19 always replaces text that it cannot decode, and no longer has the option.
    lenient: dict[str, Any] = {}
    if int(av.__version__.partition(".")[0]) < 19:
        lenient["metadata_errors"] = "replace"
    return av.open(file, "r", format=kind, io_open=_refuse, **lenient)


def _refuse(url: str, *_: object) -> None:
    raise CorruptFileError(f"the movie refers to {url!r}: it must hold its frames itself")


# ---------------------------------------------------------------- scenes


def describe(source: Source, kind: str) -> Description:
    """List the packets of each video stream; decode only if packets do not give the frames.

    Raises
    ------
    UnsupportedFormatError
        When there is no video stream that ffmpeg can decode.
    CorruptFileError
        When the container is damaged, or no frame can be decoded.
    """
    scenes, notes = [], []
    with (
        translated(source, f"reading this {kind} movie"),
        opened(source) as file,
        open_movie(kind, file) as container,
    ):
        streams = [stream for stream in container.streams.video if _is_decodable(stream)]
        if not streams:
            raise UnsupportedFormatError(f"{source.uri} has no video stream that ffmpeg can decode")
        packets = _list_packets(container, streams)
        for number, stream in enumerate(streams):
            name = f"Image:{number}"
            scene, pixel_format = _describe_stream(
                source, kind, stream, packets[stream.index], name
            )
            scenes.append(scene)
            notes += _stream_notes(scene, stream, pixel_format)
        metadata = {
            "format": container.format.name,
            "metadata": dict(container.metadata),
            "streams": [_stream_metadata(stream) for stream in streams],
        }
    return Description(tuple(scenes), metadata, tuple(notes))


def _is_decodable(stream: Any) -> bool:
    return stream.codec_context is not None and bool(stream.codec_context.width)


def _stream_metadata(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    return {
        "codec": context.name,
        "pixel_format": context.pix_fmt,
        "size": [context.width, context.height],
        "rate": None if stream.average_rate is None else str(stream.average_rate),
        "metadata": dict(stream.metadata),
    }


def _stream_notes(scene: FrameScene, stream: Any, pixel_format: PixelFormat) -> list[Note]:
    notes = []
    count = scene.frames.count
    if stream.frames > count:
        text = f"{scene.name}: the header declares {stream.frames} frames, {count} are there"
        notes.append(("fewer-frames", text))
    doubt = describe_doubt(stream.codec_context)
    if doubt:
        notes.append(("guessed-pixel-format", f"{scene.name}: {doubt}"))
    if pixel_format.loss:
        notes.append(("depth-lost", f"{scene.name}: {pixel_format.loss}"))
    return notes


def _list_packets(container: Any, streams: list[Any]) -> dict[int, list[Any]]:
    """Return presentation time, decoding time and key flag of each packet that gives a frame."""
    listed: dict[int, list[Any]] = {stream.index: [] for stream in streams}
    with _until_the_end():
        for packet in container.demux(streams):
            if packet.size and not packet.is_discard:
                listed[packet.stream_index].append((packet.pts, packet.dts, packet.is_keyframe))
    return listed


@contextlib.contextmanager
def _until_the_end() -> Iterator[None]:
    """Stop where a container breaks off: the frames before can be read."""
    import av

    with contextlib.suppress(av.error.EOFError, av.error.InvalidDataError):
        yield


def _describe_stream(
    source: Source, kind: str, stream: Any, packets: list[Any], name: str
) -> tuple[FrameScene, PixelFormat]:
    context = stream.codec_context
    pixel_format = choose_pixel_format(context)
    shape = (context.height, context.width, *pixel_format.samples)
    check_size(source, kind, shape, pixel_format.dtype)
    frames = Frames(
        source,
        "movie",
        kind,
        len(packets),
        shape,
        pixel_format.dtype,
        pixel_format.name,
        stream=stream.index,
    )
    # Frames are shown in the order of presentation times, which is not that of the packets.
    times = [pts for pts, _, _ in packets]
    keys = _list_key_frames(packets)
    timed = bool(times) and None not in times and len(set(times)) == len(times) and bool(keys)
    intra_only = context.codec.intra_only or not context.codec.reorder
    if not timed or (kind in DECODING_TIMES_ONLY and not intra_only):
        return _count_frames(frames, name, stream), pixel_format
    times.sort()
    if kind in UNINDEXED:
        # The first key frame is the one entry whose time is certain.
        keys = keys[:1]
    frames = attrs.evolve(
        frames, times=np.array(times, "<i8").tobytes(), keys=np.array(keys, "<i8").tobytes()
    )
    seconds = (np.array(times, np.float64) - times[0]) * float(stream.time_base)
    step = _even_step(times, stream)
    return FrameScene(name, frames, True, seconds.astype("<f8").tobytes(), step), pixel_format


def _list_key_frames(packets: list[Any]) -> list[tuple[int, int]]:
    """Return presentation and decoding time of each key frame, in order of presentation."""
    keys = []
    for pts, dts, is_key in packets:
        if is_key and pts is not None:
            keys.append((pts, pts if dts is None else dts))
    return sorted(keys)


def _even_step(times: list[int], stream: Any) -> float | None:
    """Return seconds between frames if all lie within one tick of the clock on a regular grid."""
    if len(times) < 2 or not stream.average_rate:
        return None
    # Times are whole ticks of a clock: 30 frames a second do not divide 1000.
    ticks = 1 / (Fraction(stream.average_rate) * Fraction(stream.time_base))
    even = all(abs(time - times[0] - i * ticks) <= 1 for i, time in enumerate(times))
    return float(ticks * stream.time_base) if even else None


def _count_frames(frames: Frames, name: str, stream: Any) -> FrameScene:
    """Count by decoding: the only way if packets have no presentation times."""
    cursor = _MovieCursor(frames)
    with contextlib.closing(cursor):
        count = sum(1 for _ in cursor.decode())
    if not count:
        raise CorruptFileError.at(
            frames.source.uri, None, "not one frame of this movie can be decoded"
        )
    # The rate of the header is all that is known of their times.
    frames = attrs.evolve(frames, count=count)
    if not stream.average_rate:
        return FrameScene(name, frames, moving=True)
    step = float(1 / stream.average_rate)
    seconds = (np.arange(count) * step).astype("<f8").tobytes()
    return FrameScene(name, frames, True, seconds, step)


# ---------------------------------------------------------------- pixels


def read_movie(frames: Frames, start: int, stop: int) -> Array:
    """Decode frames, from the key frame before the first of them."""
    entry = 0 if frames.times is None else _find_entry(frames, start)[0]
    # These cursors go back by key frames, which is exact: frames are known by their times.
    return read_in_order(
        frames, start, stop, lambda: _MovieCursor(frames), entry=entry, goes_back=True
    )


def _find_entry(frames: Frames, start: int) -> tuple[int, int]:
    """Return index and decoding time of the last key frame shown at or before frame ``start``."""
    times, keys = _time_columns(frames)
    index = max(int(np.searchsorted(keys[:, 0], times[start], "right")) - 1, 0)
    return int(np.searchsorted(times, keys[index, 0])), int(keys[index, 1])


def _time_columns(frames: Frames) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the times of all frames, and both times of the key frames."""
    times = np.frombuffer(frames.times or b"", "<i8")
    return times, np.frombuffer(frames.keys, "<i8").reshape(-1, 2)


class _MovieCursor:
    """A cursor over the frames of one stream."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._file: BinaryFile | None = None
        self._reopen()

    def _reopen(self) -> None:
        """Open anew: the only exact way back to the first frame for some containers."""
        from av.video.reformatter import VideoReformatter

        self.close()
        source = self._frames.source
        self._file = open_checked(source)
        try:
            # The demuxer reads the header again; the index of frames is that of opening.
            with translated(source, f"reading this {self._frames.kind} movie"):
                self._container = open_movie(self._frames.kind, self._file)
                self._stream = self._container.streams[self._frames.stream]
                self._stream.thread_type = "AUTO"
        except BaseException:
            self._file.close()
            raise
        self._decoded = self.decode()
        self._is_primed = False
        # One of our own: PyAV's lives, with its threads, as long as the thread that used it.
        self._reformatter = VideoReformatter()
        self.position = 0

    def decode(self) -> Iterator[Any]:
        """Yield frames as decoded.

        After bytes that the decoder refuses, from the next key frame.
        """
        import av

        broken = False
        with _until_the_end():
            for packet in self._container.demux(self._stream):
                try:
                    decoded = packet.decode()
                except (av.error.InvalidDataError, av.error.UndefinedError):
                    broken = True
                    continue
                for frame in decoded:
                    broken = broken and not frame.key_frame
                    if not broken:
                        yield frame

    def read(self, start: int, stop: int) -> Array:
        # Frames that the decoder skips stay in ``missing``, and are an error below.
        frames = self._frames
        out = np.zeros((stop - start, *frames.shape), frames.dtype)
        missing = set(range(start, stop))
        with translated(frames.source, f"decoding frames {start} to {stop - 1} of this movie"):
            if frames.times is None:
                self._read_by_count(start, stop, out, missing)
            else:
                self._read_by_time(start, stop, out, missing)
        if missing:
            text = (
                f"frame {min(missing)} of {frames.count} cannot be decoded: its bytes are damaged"
            )
            raise CorruptFileError.at(frames.source.uri, None, text)
        return out

    def _read_by_count(self, start: int, stop: int, out: Array, missing: set[int]) -> None:
        if self.position > start:
            self._reopen()
        for frame in self._decoded:
            if self.position >= start:
                out[self.position - start] = self._pixels(frame)
                missing.discard(self.position)
            self.position += 1
            if self.position == stop:
                return

    def _read_by_time(self, start: int, stop: int, out: Array, missing: set[int]) -> None:
        entry, decoding_time = _find_entry(self._frames, start)
        is_near = entry <= self.position <= start
        if not is_near and not (entry and self._enter(entry, decoding_time)):
            self._reopen()
        self._collect(start, stop, out, missing)
        if missing:
            # The index of the container is wrong, or the bytes are damaged: from the first frame
            # on, decoding is exact.
            self._reopen()
            self._collect(start, stop, out, missing)

    def _enter(self, entry: int, decoding_time: int) -> bool:
        """Go to a key frame; return False if decoding cannot begin there.

        Some encoders refresh the image bit by bit and mark a predicted frame as key frame: the
        frames behind it are not exact.

        The first frame is decoded before: x264 gives its version there alone, and ffmpeg decodes
        4:4:4 of builds before 151 in another way (``x264_build`` in libavcodec/h264_cabac.c).
        """
        if not self._is_primed:
            next(self._decoded, None)
            self._is_primed = True
        self._container.seek(decoding_time, stream=self._stream, backward=True, any_frame=False)
        self._decoded = self.decode()
        wanted_time = int(_time_columns(self._frames)[0][entry])
        for frame in self._decoded:
            if frame.pts is None or frame.pts > wanted_time:
                return False
            if frame.pts == wanted_time:
                self._decoded = itertools.chain([frame], self._decoded)
                return int(frame.pict_type) not in PREDICTED
        return False

    def _collect(self, start: int, stop: int, out: Array, missing: set[int]) -> None:
        """Decode until all requested frames have come, known by their times."""
        times, _ = _time_columns(self._frames)
        indices = {int(time): start + i for i, time in enumerate(times[start:stop])}
        last = int(times[stop - 1])
        for frame in self._decoded:
            if frame.pts in indices:
                index = indices[frame.pts]
                out[index - start] = self._pixels(frame)
                missing.discard(index)
                self.position = index + 1
            if not missing or (frame.pts is not None and frame.pts >= last):
                break
        self.position = stop

    def _pixels(self, frame: Any) -> Array:
        height, width = self._frames.shape[:2]
        if (frame.height, frame.width) != (height, width):
            raise ValueError(
                f"a frame of {frame.width} x {frame.height} pixels "
                f"where the movie has {width} x {height}"
            )
        if len(self._frames.shape) == 2:
            return read_luma(frame, self._frames.dtype)
        samples = self._frames.shape[2]
        plane = self._reformatter.reformat(frame, format=self._frames.mode).planes[0]
        rows = np.frombuffer(memoryview(plane), self._frames.dtype)
        # Rows may be padded for the decoder's vector instructions.
        rows = rows.reshape(-1, plane.line_size // self._frames.dtype.itemsize)
        pixels: Array = rows[:height, : width * samples].reshape(self._frames.shape)
        return pixels

    def close(self) -> None:
        if self._file is not None:
            self._container.close()
            self._file.close()
            self._file = None
