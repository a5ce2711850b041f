"""Time stamps of a file -> times of its planes. Pure.

Rule kept here: a list is taken only if its length fits; a stamp that was not taken is NaN. Times
count from the first plane of the scene.
"""

import math

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.formats._steps import drop_not_taken
from aicsio.formats.czi.scene_data import SceneData
from aicsio.records import Diagnostic


@attrs.define(eq=False, repr=False)
class FileTimes:
    """Seconds of time points. Not a record: it holds an array."""

    first: int
    """Position of T in the file of the first row."""
    inner: str
    """``"Z"``, ``"C"`` or ``"S"`` if the list has a stamp for each of its positions, else ``""``."""
    seconds: npt.NDArray[np.float64]
    """Shape (T, positions of ``inner``)."""

    def of_scene(self, scene_index: int, first: int, count: int) -> npt.NDArray[np.float64] | None:
        """Return the rows of a scene, from its first plane on; ``None`` if some are missing."""
        start = first - self.first
        if start < 0 or start + count > len(self.seconds):
            return None
        seconds = self.seconds[start : start + count]
        # A column for each scene; a slice keeps the axis.
        if self.inner == "S":
            seconds = seconds[:, scene_index : scene_index + 1]
        if not np.isfinite(seconds).any():
            return None
        return np.asarray(seconds - np.nanmin(seconds), np.float64)


def find_ranges(data: tuple[SceneData, ...]) -> dict[str, tuple[int, int]]:
    """Return first and last position in the file, over all scenes, per plane axis."""
    ranges: dict[str, tuple[int, int]] = {}
    for scene in data:
        if not scene.levels:
            continue
        stored = scene.levels[0].stored
        for letter, first in scene.first:
            # M counts the tiles of a plane; no time stamp belongs to a tile.
            if letter == "M":
                continue
            # Time stamps are listed once for the whole file, so the ranges join those of all
            # scenes.
            low, high = ranges.get(letter, (first, first))
            ranges[letter] = (min(low, first), max(high, first + stored[letter] - 1))
    return ranges


def fit_times(
    stamps: tuple[float, ...],
    ranges: dict[str, tuple[int, int]],
    scene_count: int,
    uri: str,
) -> tuple[FileTimes | None, tuple[Diagnostic, ...]]:
    """Find out which planes a list of time stamps belongs to.

    Parameters
    ----------
    stamps
        Seconds, in the order of the file.
    ranges
        First and last position in the file, per plane axis.
    scene_count
        Number of scenes.
    uri
        The file, for diagnostics.

    Returns
    -------
    The times, or ``None`` if the length of the list fits nothing that is certain; diagnostics.
    """
    if not stamps:
        return None, ()
    low, high = ranges.get("T", (0, 0))
    time_count = high - low + 1
    seconds = drop_not_taken(np.array(stamps, np.float64))
    # A file that was cut out of another keeps the stamps from the first time point of that one on.
    if len(stamps) == high + 1:
        return FileTimes(0, "", seconds[:, None]), ()
    if len(stamps) == time_count:
        return FileTimes(low, "", seconds[:, None]), ()
    if scene_count > 1 and len(stamps) == time_count * scene_count:
        # ZEN visits all scenes before the next time point.
        return FileTimes(low, "S", seconds.reshape(time_count, scene_count)), ()
    per_time = len(stamps) // time_count
    if scene_count == 1 and per_time * time_count == len(stamps):
        inner = _find_inner_axis(per_time, ranges)
        if inner is not None:
            table = seconds.reshape(time_count, per_time)
            if not inner:
                # Z and C may be nested either way: only the start of each time point is certain.
                table = table[:, :1]
            message = f"{len(stamps)} time stamps are one per plane, in the order of acquisition"
            return FileTimes(low, inner, table), (
                Diagnostic("time-stamps-of-planes", message, uri),
            )
    message = (
        f"{len(stamps)} time stamps fit neither {time_count} time points nor the planes of "
        f"{scene_count} scenes; they are not used"
    )
    return None, (Diagnostic("time-stamps-length", message, uri),)


def _find_inner_axis(per_time: int, ranges: dict[str, tuple[int, int]]) -> str | None:
    """Return the axis with as many positions, "" for all axes together, ``None`` if none fits."""
    sizes = {letter: high - low + 1 for letter, (low, high) in ranges.items() if letter != "T"}
    # Two axes of the same length could both be meant: then only all axes together are certain.
    candidates = [letter for letter in "ZC" if sizes.get(letter, 1) == per_time > 1]
    if len(candidates) == 1:
        return candidates[0]
    if candidates or math.prod(sizes.values()) == per_time:
        return ""
    return None
