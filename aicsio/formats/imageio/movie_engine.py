"""Movies through PyAV, the engine of imageio's plug-in for them, with frames that are exact at random access.

Rule kept here: frame number i is the i-th that a player shows. Opening lists the packets of the container, which is
no decoding; their presentation times, sorted, are the frames. Reading enters at the key frame shown at or before the
first frame asked for and recognises frames by their times. Where a container does not tell presentation times, frames
are counted by decoding once, and reading starts at the first. A movie never makes us open another file.
"""

import contextlib
import functools
import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._io.readers import BinaryFile
from aicsio.errors import CorruptFileError, UnsupportedFormatError
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

DECODING_TIMES_ONLY = frozenset({"avi"})
"""Containers that number packets as they are decoded, which is not the order in which they are shown."""
UNINDEXED = frozenset({"mpeg", "mpegts", "mpegvideo"})
"""Containers that give times to some packets only; ffmpeg's guess at the others depends on where it began to read."""

PREDICTED = frozenset({2, 3})
"""ffmpeg's AVPictureType P and B."""


def open_movie(kind: str, file: BinaryFile) -> Any:
    """Let ffmpeg's demuxer ``kind`` read the header."""
    import av

    # PyAV 19 replaces what it cannot decode without being told, and no longer knows the word.
    lenient: dict[str, Any] = (
        {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
    )
    return av.open(file, "r", format=kind, io_open=_refuse, **lenient)


def _refuse(url: str, *_: object) -> None:
    raise CorruptFileError(f"the movie refers to {url!r}: it must hold its frames itself")


# ---------------------------------------------------------------- what is there


def describe(source: Source, kind: str) -> Description:
    """List the packets of each video stream; decodes only where these do not tell the number of frames."""
    with (
        translated(source, f"reading this {kind} movie"),
        opened(source) as file,
        open_movie(kind, file) as container,
    ):
        streams = [
            s
            for s in container.streams.video
            if s.codec_context is not None and s.codec_context.width
        ]
        if not streams:
            raise UnsupportedFormatError(f"{source.uri} has no video stream that ffmpeg can decode")
        packets = _packets(container, streams)
        found = tuple(
            _stream(source, kind, stream, packets[stream.index], n)
            for n, stream in enumerate(streams)
        )
        facts = {
            "format": container.format.name,
            "metadata": dict(container.metadata),
            "streams": [_facts(stream) for stream in streams],
        }
        notes = tuple(
            (
                "fewer-frames",
                f"{f.name}: the header declares {stream.frames} frames, {f.frames.count} are there",
            )
            for f, stream in zip(found, streams, strict=True)
            if stream.frames > f.frames.count
        )
    return Description(found, facts, notes)


def _facts(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    return {
        "codec": context.name,
        "pixel_format": context.pix_fmt,
        "size": [context.width, context.height],
        "rate": None if stream.average_rate is None else str(stream.average_rate),
        "metadata": dict(stream.metadata),
    }


def _packets(container: Any, streams: list[Any]) -> dict[int, list[Any]]:
    """Presentation time, decoding time and whether it is a key frame, of every packet that gives a frame."""
    listed: dict[int, list[Any]] = {stream.index: [] for stream in streams}
    with _until_the_end():
        for packet in container.demux(streams):
            if packet.size and not packet.is_discard:
                listed[packet.stream_index].append((packet.pts, packet.dts, packet.is_keyframe))
    return listed


@contextlib.contextmanager
def _until_the_end() -> Iterator[None]:
    """A container that breaks off ends where it does: what came before is there to be read."""
    import av

    with contextlib.suppress(av.error.EOFError, av.error.InvalidDataError):
        yield


def _stream(source: Source, kind: str, stream: Any, packets: list[Any], number: int) -> Found:
    context = stream.codec_context
    mode, samples, dtype = target(context.pix_fmt or "")
    shape = (context.height, context.width, *samples)
    check_size(source, kind, shape, dtype)
    shown = [pts for pts, _, _ in packets]
    keys = sorted(
        (pts, pts if dts is None else dts) for pts, dts, key in packets if key and pts is not None
    )
    told = bool(shown) and None not in shown and len(set(shown)) == len(shown) and bool(keys)
    reordered = (
        kind in DECODING_TIMES_ONLY and context.codec.reorder and not context.codec.intra_only
    )
    frames = Frames(source, "movie", kind, len(packets), shape, dtype, mode, stream=stream.index)
    name = f"Image:{number}"
    if not told or reordered:
        return _counted(frames, name, stream)
    shown.sort()
    if kind in UNINDEXED:
        keys = keys[:1]
    frames = attrs.evolve(
        frames, times=np.array(shown, "<i8").tobytes(), keys=np.array(keys, "<i8").tobytes()
    )
    seconds = (np.array(shown, np.float64) - shown[0]) * float(stream.time_base)
    return Found(name, frames, True, seconds.astype("<f8").tobytes(), _step(shown, stream))


def _step(shown: list[int], stream: Any) -> float | None:
    """Seconds between frames, where all lie within one tick of the clock on a regular grid."""
    if len(shown) < 2 or not stream.average_rate:
        return None
    ticks = 1 / (Fraction(stream.average_rate) * Fraction(stream.time_base))
    regular = all(abs(time - shown[0] - i * ticks) <= 1 for i, time in enumerate(shown))
    return float(ticks * stream.time_base) if regular else None


def _counted(frames: Frames, name: str, stream: Any) -> Found:
    """Count by decoding: the only way where packets do not say when they are shown."""
    cursor = _Movie(frames)
    with contextlib.closing(cursor):
        count = sum(1 for _ in cursor.raw())
    if not count:
        raise CorruptFileError.at(
            frames.source.uri, None, "not one frame of this movie can be decoded"
        )
    step = float(1 / stream.average_rate) if stream.average_rate else None
    seconds = None if step is None else (np.arange(count) * step).astype("<f8").tobytes()
    return Found(name, attrs.evolve(frames, count=count), True, seconds, step)


@functools.cache
def target(pixel_format: str) -> tuple[str, tuple[int, ...], np.dtype[Any]]:
    """Pixel format that frames are brought to, its sample axis and type.

    Gray stays as it is, at its own depth; all else becomes RGB, with alpha where there is some, of 8 bits, or of 16
    where the movie has more than 8.
    """
    import av

    form = av.VideoFormat(pixel_format)
    parts = form.components
    bits = max(part.bits for part in parts)
    alpha = any(part.is_alpha for part in parts) and not form.has_palette
    deep = "le" if bits > 8 else ""
    dtype = np.dtype("<u2" if deep else "u1")
    if len(parts) == 1 and not form.has_palette and not form.name.startswith("bayer"):
        if bits == 32:
            return "grayf32le", (), np.dtype("<f4")
        return f"gray{bits}{deep}" if deep else "gray", (), dtype
    if alpha:
        return f"rgba64{deep}" if deep else "rgba", (4,), dtype
    return f"rgb48{deep}" if deep else "rgb24", (3,), dtype


# ---------------------------------------------------------------- pixels


def read_movie(frames: Frames, start: int, stop: int) -> Array:
    """Decode frames, from the key frame before the first of them."""
    entry = 0 if frames.times is None else _entry(frames, start)[0]
    return read_in_order(frames, start, stop, entry, lambda: _Movie(frames))


def _entry(frames: Frames, start: int) -> tuple[int, int]:
    """Index and decoding time of the last key frame that is shown at or before frame ``start``."""
    times, keys = _columns(frames)
    at = max(int(np.searchsorted(keys[:, 0], times[start], "right")) - 1, 0)
    return int(np.searchsorted(times, keys[at, 0])), int(keys[at, 1])


def _columns(frames: Frames) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return np.frombuffer(frames.times or b"", "<i8"), np.frombuffer(frames.keys, "<i8").reshape(
        -1, 2
    )


class _Movie:
    """A cursor over the frames of one stream."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._file: BinaryFile | None = None
        self._rewind()

    def _rewind(self) -> None:
        """Open anew: of some containers the only way back to the first frame that is exact."""
        from av.video.reformatter import VideoReformatter

        self.close()
        source = self._frames.source
        self._file = open_checked(source)
        try:
            with translated(source, f"reading this {self._frames.kind} movie"):
                self._container = open_movie(self._frames.kind, self._file)
                self._stream = self._container.streams[self._frames.stream]
                self._stream.thread_type = "AUTO"
        except BaseException:
            self._file.close()
            raise
        self._decoded = self.raw()
        # One of our own: that of PyAV lives, with its threads, as long as the thread that used it.
        self._reformatter = VideoReformatter()
        self.position = 0

    def raw(self) -> Iterator[Any]:
        """Frames as the decoder gives them; after bytes that it refuses, from the next key frame on."""
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
        frames = self._frames
        out = np.zeros((stop - start, *frames.shape), frames.dtype)
        missing = set(range(start, stop))
        with translated(frames.source, f"decoding frames {start} to {stop - 1} of this movie"):
            read = self._count_to if frames.times is None else self._seek_to
            read(start, stop, out, missing)
        if missing:
            told = (
                f"frame {min(missing)} of {frames.count} cannot be decoded: its bytes are damaged"
            )
            raise CorruptFileError.at(frames.source.uri, None, told)
        return out

    def _count_to(self, start: int, stop: int, out: Array, missing: set[int]) -> None:
        if self.position > start:
            self._rewind()
        for frame in self._decoded:
            if self.position >= start:
                out[self.position - start] = self._pixels(frame)
                missing.discard(self.position)
            self.position += 1
            if self.position == stop:
                return

    def _seek_to(self, start: int, stop: int, out: Array, missing: set[int]) -> None:
        entry, decoding_time = _entry(self._frames, start)
        there = entry <= self.position <= start
        if not there and not (entry and self._enter(entry, decoding_time)):
            self._rewind()
        self._place(start, stop, out, missing)
        if missing:
            # The container led us astray: from the first frame it is exact, or the bytes are damaged.
            self._rewind()
            self._place(start, stop, out, missing)

    def _enter(self, entry: int, decoding_time: int) -> bool:
        """Go to a key frame; False where decoding cannot begin there.

        Some encoders refresh the image bit by bit and mark a predicted frame as key frame: what follows is not exact.
        """
        self._container.seek(decoding_time, stream=self._stream, backward=True, any_frame=False)
        self._decoded = self.raw()
        shown = int(_columns(self._frames)[0][entry])
        for frame in self._decoded:
            if frame.pts is None or frame.pts > shown:
                return False
            if frame.pts == shown:
                self._decoded = itertools.chain([frame], self._decoded)
                return int(frame.pict_type) not in PREDICTED
        return False

    def _place(self, start: int, stop: int, out: Array, missing: set[int]) -> None:
        """Decode until all wanted frames have come, known by their times."""
        times, _ = _columns(self._frames)
        wanted = {int(time): start + i for i, time in enumerate(times[start:stop])}
        last = int(times[stop - 1])
        for frame in self._decoded:
            if frame.pts in wanted:
                index = wanted[frame.pts]
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
                f"a frame of {frame.width} x {frame.height} pixels where the movie has {width} x {height}"
            )
        shown = self._reformatter.reformat(frame, format=self._frames.mode)
        samples = self._frames.shape[2] if len(self._frames.shape) > 2 else 1
        plane = shown.planes[0]
        rows = np.frombuffer(memoryview(plane), self._frames.dtype)
        rows = rows.reshape(-1, plane.line_size // self._frames.dtype.itemsize)
        pixels: Array = rows[:height, : width * samples].reshape(self._frames.shape)
        return pixels

    def close(self) -> None:
        if self._file is not None:
            self._container.close()
            self._file.close()
            self._file = None
