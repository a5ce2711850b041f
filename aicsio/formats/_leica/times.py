"""Time stamps of frames, to dates and to columns of plane times.

Rule kept here: a list is taken only where its length fits the frames, and a stamp that is no time
of a microscope is a missing time.

Source of the facts: "LIF File Format Description" (Leica Microsystems), TimeStampList.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt

from aicsio.records import Dims

Stamps: TypeAlias = npt.NDArray[np.uint64]
Seconds: TypeAlias = npt.NDArray[np.float64]

EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
"""Time stamps count tenths of microseconds from here (Windows FILETIME)."""
TICKS_PER_SECOND = 10_000_000
FIRST_TAKEN = int((datetime(1980, 1, 1, tzinfo=UTC) - EPOCH).total_seconds()) * TICKS_PER_SECOND
"""Earlier stamps stand for frames that were not taken: 0 is in 1601, and PCs count from 1980."""
LAST_TAKEN = int((datetime(9999, 12, 31, tzinfo=UTC) - EPOCH).total_seconds()) * TICKS_PER_SECOND
"""Later stamps are no date of ISO 8601."""


def parse_time_stamps(image: ET.Element) -> Stamps:
    """Return the time stamps of the frames; both encodings.

    Returns
    -------
    Tenths of microseconds since 1601, one a frame as listed; empty where the list is missing or
    unreadable.
    """
    listed = image.find("TimeStampList")
    if listed is None:
        return np.zeros(0, np.uint64)
    try:
        elements = listed.findall("TimeStamp")
        if elements:  # before LAS 3.1: one element a stamp
            ticks = [_ticks_of(element) for element in elements]
        else:  # hexadecimal words
            ticks = [int(word, 16) for word in (listed.text or "").split()]
        return np.array(ticks, np.uint64)
    except (ValueError, OverflowError):
        return np.zeros(0, np.uint64)


def _ticks_of(element: ET.Element) -> int:
    # A FILETIME in two halves of 32 bits.
    return int(element.get("HighInteger", "0")) << 32 | int(element.get("LowInteger", "0"))


def first_date(stamps: Stamps) -> str | None:
    """Return the first time of a frame that was taken as ISO 8601, UTC."""
    taken = stamps[_was_taken(stamps)] if stamps.size else stamps
    return as_date(int(taken[0])) if taken.size else None


def as_date(stamp: int) -> str | None:
    """Write a time stamp as ISO 8601, UTC; ``None`` where it is no time of a microscope."""
    if not FIRST_TAKEN <= stamp <= LAST_TAKEN:
        return None
    return (EPOCH + timedelta(microseconds=stamp // 10)).isoformat()


def _was_taken(stamps: Stamps) -> npt.NDArray[np.bool_]:
    taken: npt.NDArray[np.bool_] = (stamps >= FIRST_TAKEN) & (stamps <= LAST_TAKEN)
    return taken


def fit_times(
    stamps: Stamps, frames: Dims, channel_count: int
) -> tuple[Dims, Seconds | None, str | None]:
    """Give time stamps to frames.

    Parameters
    ----------
    stamps
        As listed.
    frames
        Axes of the frames, in the order of memory, without C.
    channel_count
        Channels of the image: some files list a stamp for each channel of a frame.

    Returns
    -------
    The axes that have times, seconds since the first frame that was taken (NaN where none was),
    and a remark where the list does not fit.
    """
    if not stamps.size or not _was_taken(stamps).any():
        return frames, None, None
    per_channel = Dims(frames.order + "C", (*frames.shape, channel_count))
    candidates = [frames]
    if channel_count > 1:
        candidates.append(per_channel)
    for dims in candidates:
        if stamps.size == _count(dims):
            return dims, _seconds(stamps), None
    # A list may have one stamp for each time point, which all of its sections share.
    if "T" in frames and stamps.size == frames.T > 1:
        return Dims("T", (frames.T,)), _seconds(stamps), None
    # A series that was stopped has times for the frames that were taken before.
    for dims in candidates:
        if stamps.size < _count(dims):
            seconds = np.full(_count(dims), np.nan)
            seconds[: stamps.size] = _seconds(stamps)
            return dims, seconds, f"{stamps.size} of {_count(dims)} planes have a time"
    remark = f"{stamps.size} time stamps fit no axes of {candidates[-1]}: they are left out"
    return frames, None, remark


def _count(dims: Dims) -> int:
    return int(np.prod(dims.shape, dtype=np.int64))


def _seconds(stamps: Stamps) -> Seconds:
    """Return seconds since the first stamp that was taken."""
    taken = _was_taken(stamps)
    # argmax of booleans is the first True; fit_times has made sure that there is one.
    first = stamps[np.argmax(taken)]
    # Differences are taken in whole ticks: a stamp has more digits than a float.
    # Unsigned differences of earlier stamps wrap round; as int64 they are negative again.
    differences: npt.NDArray[Any] = (stamps - first).astype("<i8") / TICKS_PER_SECOND
    return np.where(taken, differences, np.nan)
