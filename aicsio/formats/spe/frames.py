"""Frames of a file: by the footer of version 3, else by the header.

Rule kept here: a file that ends early shows its whole frames, and a diagnostic counts the missing ones.
"""

from typing import Any
from xml.etree.ElementTree import Element

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._io import readers
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.spe.footer import FrameSet, Region, parse_frames, read_footer
from aicsio.formats.spe.header import HEADER_NBYTES, TYPES, SpeHeader, measure_regions
from aicsio.formats.spe.layout import SpeLayout, Track
from aicsio.records import Diagnostic, Dims, Planes, Source


def find_frames(
    source: Source, header: SpeHeader
) -> tuple[FrameSet, Element | None, str | None, list[Diagnostic]]:
    """Return the frames that the file holds, its XML, the text of it, and trouble.

    Raises
    ------
    CorruptFileError
        When the file holds not one whole frame, or header and footer make no sense.
    UnsupportedFormatError
        For types of pixels that are not read.
    """
    root, text = None, None
    diagnostics: list[Diagnostic] = []
    if not header.has_footer:
        frames = _frames_of_header(source, header, diagnostics)
    elif source.size is not None and source.size <= header.footer:
        frames = _frames_before_footer(source, header)
        lost = "the file ends in front of its XML footer: frames are those of the header"
        diagnostics.append(Diagnostic("spe-footer", lost, source.uri, loss=True))
    else:
        text = read_footer(source, header)
        root, frames = parse_frames(text, source, header)
    frames, trouble = _fit_frames(source, frames)
    return frames, root, text, [*diagnostics, *trouble]


def _frames_of_header(source: Source, header: SpeHeader, notes: list[Diagnostic]) -> FrameSet:
    """Return the frames of version 2: rows and columns of the header, without gaps."""
    dtype, nbytes = header.dtype, header.frame_nbytes
    if dtype is None:
        raise UnsupportedFormatError(
            f"{source.uri} has pixels of a number that no type has; {sorted(TYPES)} are read"
        )
    if nbytes < 1:
        raise CorruptFileError.at(source.uri, 42, "expected columns and rows above 0")
    held = header.count
    if source.size is not None:
        held = (source.size - HEADER_NBYTES) // nbytes
    # Programs that stop early leave the number of frames at 0 or -1: it follows from the size of the file.
    count = header.count if header.count > 0 else max(held, 1)
    regions = [Region(0, header.width, header.height)]
    sizes = measure_regions(header)
    widths, heights = {width for width, _ in sizes}, [height for _, height in sizes]
    if len(sizes) > 1 and min(heights) > 0:
        if widths == {header.width} and sum(heights) == header.height:
            # Regions of one width lie below each other in the frame.
            tops = np.cumsum([0, *heights[:-1]]).tolist()
            row_nbytes = header.width * dtype.itemsize
            regions = [
                Region(top * row_nbytes, header.width, height)
                for top, height in zip(tops, heights, strict=True)
            ]
        else:
            shown = ", ".join(f"{width} x {height}" for width, height in sizes)
            text = f"regions of {shown} pixels are shown as they lie in frames of the header's size"
            notes.append(Diagnostic("spe-regions", text, source.uri))
    return FrameSet(count, nbytes, dtype, tuple(regions))


def _frames_before_footer(source: Source, header: SpeHeader) -> FrameSet:
    """Return the frames of a file that lost its footer: their distance follows from its place."""
    nbytes, room = header.frame_nbytes, header.footer - HEADER_NBYTES
    count = max(header.count, 0)
    if header.dtype is None or not nbytes or not count or room % count or room // count < nbytes:
        text = "expected the XML footer, which describes the frames; the file ends in front of it"
        raise CorruptFileError.at(source.uri, source.size, text)
    return FrameSet(count, room // count, header.dtype, (Region(0, header.width, header.height),))


def _fit_frames(source: Source, frames: FrameSet) -> tuple[FrameSet, list[Diagnostic]]:
    """Keep the whole frames of the file."""
    if source.size is None:
        return frames, []
    last = frames.regions[-1]
    needed = last.offset + last.width * last.height * frames.dtype.itemsize
    # The last frame needs no bytes behind its pixels.
    held = max((source.size - HEADER_NBYTES - needed) // frames.stride + 1, 0)
    if held >= frames.count:
        return frames, []
    text = f"{frames.count} frames are described, the file holds {held} whole ones"
    if not held:
        raise CorruptFileError.at(source.uri, HEADER_NBYTES, text)
    note = Diagnostic("spe-missing-frames", text, source.uri, loss=True)
    return attrs.evolve(frames, count=held), [note]


def layout_of(source: Source, frames: FrameSet, region: Region) -> SpeLayout:
    """Return the layout of one region."""
    return SpeLayout(
        source=source,
        offset=HEADER_NBYTES + region.offset,
        frame_stride=frames.stride,
        shape=(frames.count, region.height, region.width),
        dtype=frames.dtype,
        tracks=frames.tracks,
        frames_offset=HEADER_NBYTES,
    )


def read_tracks(layout: SpeLayout) -> dict[str, npt.NDArray[np.float64]]:
    """Return the numbers that each frame carries behind its pixels, by name; time stamps in seconds."""
    first = min(track.offset for track in layout.tracks)
    length = max(track.offset for track in layout.tracks) + 8 - first
    starts = [
        layout.frames_offset + index * layout.frame_stride + first
        for index in range(layout.shape[0])
    ]
    with readers.lend(layout.source) as reader:
        parts = reader.read_spans([(start, length) for start in starts])
    raw = np.frombuffer(b"".join(parts), np.uint8).reshape(len(starts), length)
    return {track.name: _column(raw, track, first) for track in layout.tracks}


def _column(raw: npt.NDArray[np.uint8], track: Track, first: int) -> npt.NDArray[np.float64]:
    at = track.offset - first
    with np.errstate(invalid="ignore"):  # floats of damaged files may be signalling NaN
        values = np.ascontiguousarray(raw[:, at : at + 8]).view(track.kind)[:, 0].astype(np.float64)
    return values / track.resolution


def describe_planes(layout: SpeLayout, exposure: float | None) -> Planes | None:
    """Return times and exposures by the time stamps of the frames.

    Times are seconds from the start of the first exposure.
    """
    tracks = read_tracks(layout)
    columns: dict[str, Any] = {}
    start, end = tracks.get("ExposureStarted"), tracks.get("ExposureEnded")
    if start is not None:
        columns["time"] = (start - start[0]).astype("<f8").tobytes()
    elif end is not None:
        columns["time"] = (end - end[0]).astype("<f8").tobytes()
    if start is not None and end is not None:
        lengths = end - start
        columns["exposure"] = np.where(lengths > 0, lengths, np.nan).astype("<f8").tobytes()
    elif exposure is not None:
        columns["exposure"] = np.full(layout.shape[0], exposure, "<f8").tobytes()
    if not columns:
        return None
    return Planes(Dims("T", (layout.shape[0],)), **columns)
