"""Sizes and time steps that a file states and that are none; time stamps and their step.

Rule kept here: a number below 0, or none at all, is no size, and is reported with the words of the
file. 0 stands for "unknown" in headers of fixed length, and is not reported; in a list of time
stamps it stands for a time that was not taken, unless it is the first.
"""

import itertools
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from aicsio.records import Diagnostic

EVEN_STEPS = 0.01
"""Relative difference of steps that still counts as even: stamps of software jitter."""


def report_unusable(stated: Mapping[str, object], where: str) -> list[Diagnostic]:
    """Report stated numbers that are no sizes.

    Parameters
    ----------
    stated
        Numbers by their name in the file; other values are passed over.
    where
        The file or the part of it that states them.

    Examples
    --------
    >>> from aicsio.formats._steps import report_unusable
    >>> notes = report_unusable({"VoxelSizeZ": -1e-06, "VoxelSizeX": 0.0}, "a.lsm")
    >>> [note.message for note in notes]
    ['VoxelSizeZ is -1e-06, no number above 0: it is not used']
    >>> len(report_unusable({"a": -(10**400)}, "a.lsm"))
    1
    """
    notes = []
    for name, value in stated.items():
        if not isinstance(value, int | float):
            continue
        # The comparison is false for NaN, too.
        if value == 0 or 0 < value < float("inf"):
            continue
        # No float holds an integer of 400 digits.
        shown = f"{value:g}" if isinstance(value, float) else str(value)[:40]
        text = f"{name} is {shown}, no number above 0: it is not used"
        notes.append(Diagnostic("unusable-size", text, where))
    return notes


def report_unit(unit: str, name: str, where: str) -> Diagnostic:
    """Report a unit that is not known.

    Examples
    --------
    >>> from aicsio.formats._steps import report_unit
    >>> report_unit("foo", "Z", "a.tif").message
    "the unit 'foo' of Z is not known: its step is left out"
    """
    text = f"the unit {unit[:40]!r} of {name} is not known: its step is left out"
    return Diagnostic("unusable-size", text, where)


def drop_not_taken(stamps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return time stamps with NaN for those that are no number, and for a 0 behind others.

    ZEN leaves 0 for times that were not taken. The first stamp may be 0, and so may one behind
    stamps below 0.

    Parameters
    ----------
    stamps
        Seconds, in the order of the file.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.formats._steps import drop_not_taken
    >>> drop_not_taken(np.array([0.0, 2.5, 0.0, 7.5])).tolist()
    [0.0, 2.5, nan, 7.5]
    >>> drop_not_taken(np.array([-2.5, 0.0, 2.5])).tolist()
    [-2.5, 0.0, 2.5]
    """
    seconds = np.array(stamps, np.float64)
    seconds[~np.isfinite(seconds)] = np.nan
    latest = np.fmax.accumulate(seconds)[:-1]
    seconds[1:][(seconds[1:] == 0) & ~(latest < 0)] = np.nan
    return seconds


def find_even_step(seconds: npt.NDArray[np.float64]) -> float | None:
    """Return the step of evenly spaced times; ``None`` if they are uneven, or fewer than two.

    Parameters
    ----------
    seconds
        Times in order; NaN where one is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.formats._steps import find_even_step
    >>> find_even_step(np.array([0.0, 2.5, 5.0])), find_even_step(np.array([0.0, 2.5, 7.0]))
    (2.5, None)
    """
    steps = [later - earlier for earlier, later in itertools.pairwise(seconds.tolist())]
    # A stamp that was not taken leaves NaN on both sides; the other steps still count.
    steps = [step for step in steps if math.isfinite(step)]
    if not steps:
        return None
    mean = sum(steps) / len(steps)
    even = mean > 0 and all(abs(step - mean) <= EVEN_STEPS * mean for step in steps)
    return mean if even else None
