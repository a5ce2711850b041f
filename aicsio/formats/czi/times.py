"""Time stamps of a file -> seconds of the planes of a scene.

Rule kept here: a list is taken only if its length fits, and times count from the first plane of the
scene. A stamp of 0 after the first one is a plane that was not taken.
"""

import math

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.records import Diagnostic, Dims

Floats = npt.NDArray[np.float64]

EVEN = 0.01
"""Steps that differ by less than this part of their median are even: ZEN's own jitter is 0.2 %."""


@attrs.frozen
class SceneTimes:
    """Times of one scene."""

    seconds: tuple[float, ...] = ()
    """Of each position of T, since the first plane; NaN if not taken. Empty if unknown."""
    step: float | None = None
    """Seconds between positions of T; ``None`` if unknown or uneven."""


def fit_stamps(
    stamps: tuple[float, ...], stored: Dims, first_t: int, scene: int, scene_count: int
) -> SceneTimes | None:
    """Assign the time stamps of a file to the positions of T of one scene.

    Parameters
    ----------
    stamps
        Seconds, in the order of acquisition.
    stored
        Stored dims of the scene.
    first_t
        Position in the file of the first T of the scene.
    scene
        Position of the scene among the scenes of the file.
    scene_count
        How many scenes the file has.

    Returns
    -------
    SceneTimes or None
        ``None`` if the length of the list fits neither T, nor T in each scene, nor all planes.
    """
    count = stored.get("T", 1)
    last_t = first_t + count
    planes = math.prod(size for letter, size in stored.items() if letter not in "MYXS")
    z_planes = count * stored.get("Z", 1)
    if len(stamps) == last_t or (scene_count == 1 and count <= len(stamps) - first_t == count):
        return _times(np.array(stamps[first_t:last_t]))
    if scene_count > 1 and len(stamps) == last_t * scene_count:
        # ZEN visits all scenes before the next time point.
        table = np.array(stamps).reshape(last_t, scene_count)
        return _times(table[first_t:, scene])
    if scene_count == 1 and first_t == 0 and len(stamps) in {planes, z_planes}:
        # One stamp per plane, T slowest: a time point begins with its first plane. Bio-Formats
        # numbers the stamps of such files so.
        table = np.array(stamps).reshape(count, -1)
        return _times(table[:, 0])
    return None


def _times(stamps: Floats) -> SceneTimes:
    seconds = stamps.copy()
    seconds[1:][seconds[1:] == 0] = np.nan
    seconds -= seconds[0]
    return SceneTimes(tuple(seconds.tolist()), even_step(seconds))


def even_step(seconds: Floats) -> float | None:
    """Return the mean step of evenly spaced times; ``None`` if they are not."""
    steps = np.diff(seconds)
    steps = steps[np.isfinite(steps)]  # no step across a plane that was not taken
    if not len(steps):
        return None
    mean = float(steps.mean())
    return mean if mean > 0 and bool((np.abs(steps - mean) <= EVEN * mean).all()) else None


def misfit(stamps: tuple[float, ...], stored: Dims, scenes: int) -> Diagnostic:
    """Make the diagnostic for a list whose length fits nothing."""
    dims = ", ".join(f"{letter}={size}" for letter, size in stored.items() if letter in "TCZ")
    return Diagnostic(
        "time-stamps-length",
        f"the file has {len(stamps)} time stamps for {dims} in {scenes} scenes: they are not used",
    )
