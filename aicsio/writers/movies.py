"""Movies for slides and papers: MP4, GIF.

Rule kept here: a movie is drawn and encoded a frame at a time, all frames with one contrast; an
existing file stays until the new one is complete.
"""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np

from aicsio._checks import checked
from aicsio._metadata.plane_rows import plane_dims, plane_times, planes_of
from aicsio.errors import DimensionError, WriteError
from aicsio.pictures import composing
from aicsio.pictures.annotations import format_length, format_time
from aicsio.pictures.colors import Picture
from aicsio.pictures.composing import PictureFrame
from aicsio.pictures.contrast import suggest_contrast
from aicsio.pictures.drawing import finish, require_size
from aicsio.pictures.reading import longest_side
from aicsio.records import ImageHandle
from aicsio.steps import transpose_to
from aicsio.writers import _atomic_file
from aicsio.writers.pictures import PictureReport, suffix_of

__all__ = ["write_movie"]

MOVIE_SUFFIXES = (".mp4", ".gif")
MOVIE_SIDE = 1024
"""Pixels of the longer side of a movie, unless a size is requested."""
LEAST_SIDE = 16
"""Pixels of a side of a frame at least: the blocks of H.264."""
CRF = 20
"""Quality of H.264: 18 shows no loss, 23 is the encoder's own default, which blurs noise."""


@attrs.frozen
class Captions:
    """What is written on each frame of a movie."""

    scale_bar: bool
    """Whether a scale bar is drawn."""
    legend: bool
    """Whether the names of the channels are drawn."""
    stamps: tuple[str, ...] | None
    """Text of each frame; ``None`` for no text."""


@checked
def write_movie(
    handle: ImageHandle,
    path: str | Path,
    *,
    along: str | None = None,
    frames_per_second: float = 10,
    size: int | None = None,
    channels: Sequence[int | str] | int | str | None = None,
    project: Literal["max", "mean", "middle"] = "max",
    contrast: Literal["auto", "file", "full"] | tuple[float, float] = "auto",
    scale_bar: bool = True,
    legend: bool = False,
    stamp: bool = True,
    overwrite: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> PictureReport:
    """Write a movie whose frames are the positions of one dimension, as MP4 (H.264) or GIF.

    All frames have one contrast, so that a change of brightness is one of the sample.

    Parameters
    ----------
    handle
        An opened image.
    path
        Ends in ``.mp4`` or ``.gif``.
    along
        The dimension, such as ``"T"`` or ``"Z"``; ``None`` for T if it has several positions,
        else Z.
    frames_per_second
        Speed.
    size
        Pixels of the longer side; ``None`` for those of the image, at most 1024. MP4 takes even
        numbers, so a frame may repeat its last row or column.
    channels, scale_bar, legend
        As for ``thumbnail``.
    project
        As for ``thumbnail``; a movie along Z shows single sections.
    contrast
        As for ``thumbnail``; ``"auto"`` is ``suggest_contrast`` of the whole series.
    stamp
        Whether the time (``h:mm:ss`` since the first plane), or the height of the section, is
        drawn; the index, where the file has neither.
    overwrite
        Whether an existing file is replaced.
    progress
        Called with the number of frames written and their total.

    Returns
    -------
    PictureReport
        Path, length, shape and number of frames.

    Raises
    ------
    WriteError
        When the suffix is unknown, the file exists, or cannot be written.
    DimensionError
        When the image has no such dimension, or an argument does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, write_movie
    >>> series = np.arange(3 * 60 * 100, dtype=np.uint16).reshape(3, 60, 100)
    >>> write_movie(open_image(series, dims="TYX"), "series.gif").frames
    3
    """
    suffix = suffix_of(path, MOVIE_SUFFIXES)
    target = _atomic_file.check_target(path, overwrite=overwrite)
    if not 0 < frames_per_second <= 1000:
        raise DimensionError(f"frames_per_second={frames_per_second}: give 1 to 1000, such as 10")
    letter = _choose_axis(handle, along)
    if size is not None and size < 2:
        raise DimensionError(f"size={size}: give the pixels of the longer side, such as size=512")
    side = size or min(MOVIE_SIDE, max(2, longest_side(handle.dims)))
    require_size(handle, side)
    handle = composing.pick_channels(handle, channels)
    limits = composing.requested_limits(handle, contrast) or suggest_contrast(handle)
    stamps = tuple(_stamps(handle, letter)) if stamp else None
    captions = Captions(scale_bar, legend, stamps)
    frames = _draw_frames(handle, letter, PictureFrame(side, project, limits), captions, progress)
    # Encoders need the size of the frames; an error of the pixels comes before the file is made.
    first = next(frames)
    with _atomic_file.replacing(target, overwrite=overwrite, sync=False) as output:
        file = _SeekableOutput(output)
        try:
            _ENCODERS[suffix](file, first, frames, float(frames_per_second))
        except Exception as error:
            # FFmpeg writes once more when it closes the file, and PyAV raises its own error then.
            if file.error is None or error is file.error:
                raise
            raise file.error from file.error.__cause__
        output.finish(file.length, sync=False)
    return PictureReport(target, file.length, (first.shape[0], first.shape[1]), handle.dims[letter])


def _choose_axis(handle: ImageHandle, along: str | None) -> str:
    dims = handle.dims
    moving = [letter for letter, size in dims.items() if size > 1 and letter not in "CSYX"]
    if along is None:
        if not moving:
            raise DimensionError(f"{dims} has no series of frames: write_picture draws one picture")
        # find gives -1 for other letters, whose remainder, 25, comes last.
        return min(moving, key=lambda letter: "TZ".find(letter) % 26)
    if along not in dims or along in "CSYX":
        raise DimensionError(
            f"along={along!r} is no series of frames in {dims}: choose from {moving or 'none'}"
        )
    return along


def _draw_frames(
    handle: ImageHandle,
    letter: str,
    frame: PictureFrame,
    captions: Captions,
    progress: Callable[[int, int], object] | None,
) -> Iterator[Picture]:
    order = handle.dims.order.replace(letter, "")
    count = handle.dims[letter]
    for index in range(count):
        if progress is not None:
            progress(index, count)
        one = transpose_to(handle, order, **{letter: index})
        stamp = ""
        if captions.stamps is not None:
            stamp = captions.stamps[index]
        picture = finish(
            composing.draw(one, frame),
            one,
            frame.size,
            scale_bar=captions.scale_bar,
            legend=captions.legend,
            stamp=stamp,
        )
        yield _pad_to_even(picture)


def _pad_to_even(picture: Picture) -> Picture:
    """Repeat the last row or column of odd ones: H.264 halves the colours of yuv420p."""
    missing = [max(side + side % 2, LEAST_SIDE) - side for side in picture.shape[:2]]
    return np.pad(picture, ((0, missing[0]), (0, missing[1]), (0, 0)), "edge")


def _stamps(handle: ImageHandle, letter: str) -> list[str]:
    """Text of each frame: its time, its height, or its index."""
    count = handle.dims[letter]
    plain = [f"{letter} {index}" for index in range(count)]
    if letter == "Z" and handle.pixel_size.Z:
        heights = [format_length(index * handle.pixel_size.Z) for index in range(1, count)]
        return ["Z 0 µm", *(f"Z {height}" for height in heights)]
    if letter != "T":
        return plain
    # Picked times are those of the stored positions in focus.
    stored = handle.array.stored
    positions = handle.array.view.picks[stored.order.index("T")]
    dims = plane_dims(stored)
    times = plane_times(handle.scene, planes_of(handle), dims)
    axis = dims.order.index("T")
    # Shape (T, other planes): the first plane of a position stands for it.
    along = np.moveaxis(times, axis, 0).reshape(dims.T, -1)[:, 0]
    if isinstance(positions, int) or not np.isfinite(along).all():
        return plain
    shown = along[list(positions)]
    # Steps of a second or more are shown in whole seconds, so that the text has one width.
    if count > 1 and float(np.abs(np.diff(shown)).min()) >= 1:
        shown = np.round(shown)
    return [format_time(float(seconds)) for seconds in shown]


# ---------------------------------------------------------------- encoders


class _SeekableOutput(io.RawIOBase):
    """The hidden file as encoders want it: they go back to write lengths. Not a record."""

    def __init__(self, output: _atomic_file.Output) -> None:
        super().__init__()
        self._output, self._at, self.length = output, 0, 0
        self.error: WriteError | None = None

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        octets = bytes(data)
        try:
            self._output.write_at(self._at, octets)
        except WriteError as error:
            self.error = error
            raise
        self._at += len(octets)
        self.length = max(self.length, self._at)
        return len(octets)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.length}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at


def _encode_gif(
    file: Any, first: Picture, others: Iterator[Picture], frames_per_second: float
) -> None:
    from PIL import Image

    # The format counts hundredths of a second, and browsers slow down below two of them.
    duration = max(20, round(100 / frames_per_second) * 10)
    Image.fromarray(first).save(
        file, "GIF", save_all=True, append_images=map(Image.fromarray, others),
        duration=duration, loop=0, optimize=False,
    )  # fmt: skip


def _encode_mp4(
    file: Any, first: Picture, others: Iterator[Picture], frames_per_second: float
) -> None:
    import av

    rate = Fraction(frames_per_second).limit_denominator(1000)
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=rate, options={"crf": str(CRF)})
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(first, format="rgb24")))
        for picture in others:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        # Without a frame, encode returns the packets that the encoder has held back.
        container.mux(stream.encode())


_ENCODERS = {".gif": _encode_gif, ".mp4": _encode_mp4}
