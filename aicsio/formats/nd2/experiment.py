"""Loops of an ND2 experiment: which frame is which time, position and section.

Rule kept here: the loops that the metadata describe and the frames that the file has need not
agree. The frames decide what is shown; a frame that the loops promise and the file lacks is
counted in a diagnostic.

Source of the facts: as for ``chunks``. ``eType`` numbers the kinds of loops; the frames run
through the innermost loop first.
"""

import math
from collections.abc import Iterator
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.formats.nd2.fields import levels, number, positive, text, values, whole
from aicsio.formats.nd2.variants import Tree
from aicsio.records import Diagnostic

LETTERS: Final = {1: "T", 2: "P", 4: "Z", 7: "Q", 8: "T"}
"""Kinds of loops: time, positions, sections, one of the user's own, several phases of time."""
SPECTRUM: Final = 6
"""Kind of the loop of channels, which lie together in each frame."""
DEEPEST: Final = 16
"""Loops inside of loops. NIS-Elements offers four."""
MOST_FRAMES: Final = 1 << 26
"""Frames that loops may promise: 67 million, a table of 512 MiB."""


@attrs.frozen
class Point:
    """One position of the stage."""

    name: str | None = None
    """As the user named it."""
    x: float = math.nan
    """Micrometres."""
    y: float = math.nan
    """Micrometres."""


@attrs.frozen
class Loop:
    """One loop of the experiment."""

    letter: str
    """``T``, ``P``, ``Z`` or ``Q``."""
    count: int
    """Positions."""
    step: float | None = None
    """Seconds of T, micrometres of Z."""
    points: tuple[Point, ...] = ()
    """Of P."""


@attrs.frozen(eq=False)
class FrameOrder:
    """Numbers of frames by position of the stage, and by the axes of a scene. Not a record."""

    letters: str
    """Axes of a scene beside those of a frame: some of T, Q and Z."""
    numbers: npt.NDArray[np.int64]
    """Shape: positions of the stage, then one axis a letter."""
    points: tuple[Point, ...]
    """One a position of the stage; empty where the experiment has none."""
    loops: tuple[Loop, ...]
    """As described, outermost first."""
    is_in_order: bool
    """Whether the frames of each position follow each other in the order of its axes, and the
    positions do: the usual case, for which rows of tables are slices."""


def parse_loops(tree: Tree) -> tuple[Loop, ...]:
    """Return the loops of an experiment, outermost first.

    Parameters
    ----------
    tree
        Metadata of the chunk ``ImageMetadata``.

    Returns
    -------
    Without the loop of channels and loops of no positions.
    """
    return tuple(_walk(tree.get("SLxExperiment", tree), 0))


def _walk(experiment: Any, depth: int) -> Iterator[Loop]:
    if not isinstance(experiment, dict) or depth > DEEPEST:
        return
    parameters = experiment.get("uLoopPars")
    if isinstance(parameters, list):  # NIS-Elements 3
        parameters = parameters[0] if parameters else None
    kind = experiment.get("eType", 0)
    if isinstance(parameters, dict):
        loop = _parse_loop(kind, parameters, experiment.get("pItemValid"))
        if loop is not None and loop.count > 0:
            yield loop
        elif kind != SPECTRUM:
            return
    inner = [each.get("SLxExperiment", each) for each in _inner_experiments(experiment, parameters)]
    # Experiments beside each other take turns at one level; the longest spans the others.
    branches = [tuple(_walk(each, depth + 1)) for each in inner]
    if branches:
        yield from max(branches, key=lambda loops: math.prod(one.count for one in loops))


def _inner_experiments(experiment: Tree, parameters: Any) -> list[Tree]:
    """Return the experiments inside of a loop."""
    inner = levels(experiment.get("ppNextLevelEx"))
    if not inner and isinstance(parameters, dict):
        # Phases of time may have experiments of their own.
        for phase in levels(parameters.get("pSubLoops")):
            inner.extend(levels(phase.get("ppNextLevelEx")))
    return inner


def _parse_loop(kind: int, parameters: Tree, valid: Any) -> Loop | None:
    letter = LETTERS.get(kind)
    if letter is None:
        return None
    count = whole(parameters.get("uiCount"))
    if kind == 1:
        return Loop(letter, count, _period(parameters))
    if kind == 8:
        return _parse_phases(parameters)
    if kind == 4:
        return Loop(letter, count, _z_step(parameters, count))
    if kind == 2:
        points = _parse_points(parameters, valid)
        return Loop(letter, len(points), None, points)
    return Loop(letter, count)


def _parse_phases(parameters: Tree) -> Loop:
    """Join the phases of time: one after the other, each with its own period."""
    phases = values(parameters.get("pPeriod"))
    valid = _flags(parameters.get("pPeriodValid"))
    kept = [
        phase
        for index, phase in enumerate(phases)
        if isinstance(phase, dict) and (index >= len(valid) or valid[index])
    ]
    periods = {_period(phase) for phase in kept}
    step = periods.pop() if len(periods) == 1 else None
    return Loop("T", sum(whole(phase.get("uiCount")) for phase in kept), step)


def _period(parameters: Tree) -> float | None:
    """Return the seconds between time points: as measured, else as requested."""
    for name in ("dAvgPeriodDiff", "dPeriod"):
        milliseconds = positive(parameters.get(name))
        if milliseconds is not None:
            return milliseconds / 1000
    return None


def _z_step(parameters: Tree, count: int) -> float | None:
    step = number(parameters.get("dZStep"))
    low, high = number(parameters.get("dZLow")), number(parameters.get("dZHigh"))
    if not step and count > 1 and low is not None and high is not None:
        step = (high - low) / (count - 1)
    # The step of a stack from top to bottom is negative.
    return positive(abs(step or 0.0))


def _parse_points(parameters: Tree, valid: Any) -> tuple[Point, ...]:
    # Relative positions count from a reference; False makes its shift 0.
    is_relative = bool(parameters.get("bRelativeXY"))
    x_shift = is_relative * (number(parameters.get("dReferenceX")) or 0.0)
    y_shift = is_relative * (number(parameters.get("dReferenceY")) or 0.0)
    listed = values(parameters.get("Points"))
    if not listed:  # NIS-Elements 3: columns
        columns = (values(parameters.get(name)) for name in ("dPosX", "dPosY"))
        listed = [{"dPosX": x, "dPosY": y} for x, y in zip(*columns, strict=False)]
    flags = _flags(valid)
    points = []
    for index, each in enumerate(listed):
        # The user may have unticked a position: it has no frames.
        if isinstance(each, dict) and (index >= len(flags) or flags[index]):
            name = text(each.get("dPosName")) or text(each.get("pPosName"))
            x, y = number(each.get("dPosX")), number(each.get("dPosY"))
            points.append(Point(name, (x or 0.0) + x_shift, (y or 0.0) + y_shift))
    return tuple(points)


def _flags(valid: Any) -> list[Any]:
    # Flags are a list, or bytes of which each is one flag.
    return list(valid) if isinstance(valid, bytes) else values(valid)


# ---------------------------------------------------------------- frames


def arrange_frames(
    loops: tuple[Loop, ...], frame_count: int
) -> tuple[FrameOrder, list[Diagnostic]]:
    """Give each frame its place.

    Parameters
    ----------
    loops
        Of the experiment, outermost first.
    frame_count
        One more than the highest number of a frame in the file.

    Returns
    -------
    The numbers by place, and trouble: loops that promise fewer or more frames than there are.
    """
    diagnostics = []
    promised = math.prod(loop.count for loop in loops)
    # Loops that promise too few frames, or an absurd number, order none of them.
    if promised < frame_count or promised > MOST_FRAMES:
        if loops:
            text = (
                f"its loops describe {promised} frames, the file has {frame_count}: they are "
                "shown along T"
            )
            diagnostics.append(Diagnostic("nd2-loops", text))
        loops = (Loop("T", frame_count),)
    elif promised > frame_count and loops[0].letter == "T":
        # An acquisition that was stopped: time points without any frame are not shown.
        inner = promised // loops[0].count
        # Rounded up: a time point that was begun is shown.
        count = max(-(-frame_count // inner), 1)
        if count < loops[0].count:
            text = f"{loops[0].count} time points were planned, {count} have frames"
            diagnostics.append(Diagnostic("nd2-stopped", text))
            loops = (attrs.evolve(loops[0], count=count), *loops[1:])
    return _arrange(loops), diagnostics


def _arrange(loops: tuple[Loop, ...]) -> FrameOrder:
    counts = [loop.count for loop in loops]
    # The innermost loop runs fastest: frames are numbered in C order over the loops.
    numbers = np.arange(math.prod(counts), dtype=np.int64).reshape(counts)
    order = [loop.letter for loop in loops]
    letters = [letter for letter in "TQZ" if letter in order]
    # Loops of one letter, such as two of time, make one axis.
    axes = [index for letter in ("P", *letters) for index, one in enumerate(order) if one == letter]
    # Without a loop of positions the product is empty, 1: the first axis is always there.
    shape = [
        math.prod(loop.count for loop in loops if loop.letter == letter)
        for letter in ("P", *letters)
    ]
    points = next((loop.points for loop in loops if loop.letter == "P"), ())
    arranged = numbers.transpose(axes).reshape(shape)
    is_in_order = axes == list(range(len(axes)))
    return FrameOrder("".join(letters), arranged, points, loops, is_in_order)
