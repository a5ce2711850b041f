"""Reads every plane of a file through two engines and lists the differences.

Rule kept here: the two readings share no code that fetches or decodes. A plane that one engine cannot
read is a difference, and a file of which something is not shown does not agree.
"""

import importlib.util
import math
from collections.abc import Callable, Iterator
from typing import cast

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import formats
from aicsio._checks import checked
from aicsio._checks.words import count_of
from aicsio.arrays import to_numpy
from aicsio.errors import AicsioError, MissingDependencyError, UnsupportedFormatError
from aicsio.formats.names import EngineName, FormatName, ImageSource
from aicsio.opening import open_image
from aicsio.records import ImageHandle
from aicsio.records.printing import drawn_in_notebooks
from aicsio.steps import select_scene, transpose_to

__all__ = ["Difference", "Verification", "verify"]

MAX_LINES = 20
"""Differences that the text of a report lists: a screen of them."""


@attrs.frozen
class Difference:
    """A plane on which the engines do not agree, or a scene that only one of them has."""

    scene: str
    """Name of the scene."""
    plane: tuple[tuple[str, int], ...]
    """Position of the plane; empty for the whole scene."""
    what: str
    """Description of the difference."""


@drawn_in_notebooks
@attrs.frozen
class Verification:
    """Result of reading a file twice."""

    uri: str
    """The file."""
    engines: tuple[str, str]
    """Names of the engines."""
    planes: int
    """Number of planes that were compared."""
    differences: tuple[Difference, ...]
    """Differences between the engines; empty if they agree."""
    unread: str | None = None
    """Why the second engine could not read the file at all; ``None`` if it could."""
    not_shown: tuple[str, ...] = ()
    """Diagnostics of stored pixels that the engines do not show, so that none were compared."""

    @property
    def agrees(self) -> bool:
        """Whether both engines read every stored plane alike."""
        return self.unread is None and not self.differences and not self.not_shown

    def __str__(self) -> str:
        if self.unread is not None:
            # Most reasons begin with the name of the file.
            reason = self.unread.removeprefix(f"{self.uri}: ")
            return f"{self.uri}: not verified: {reason}"
        both = " and ".join(self.engines)
        if self.agrees:
            return f"{self.uri}: {count_of(self.planes, 'plane', 'are')} the same through {both}"
        differences = count_of(len(self.differences), "difference")
        lines = [f"{self.uri}: {differences} in {count_of(self.planes, 'plane')} between {both}"]
        for one in self.differences[:MAX_LINES]:
            where = ", ".join(f"{letter}={index}" for letter, index in one.plane)
            lines.append(f"  {one.scene} {where}: {one.what}")
        lines += [f"  not compared: {message}" for message in self.not_shown]
        return "\n".join(lines)


@checked
def verify(
    image: ImageSource,
    *,
    format: FormatName | None = None,
    engine: EngineName | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Verification:
    """Compare every plane at full resolution, pixel by pixel, through two engines.

    Parameters
    ----------
    image
        A local path, or anything else that ``open_image`` takes and a library can open.
    format
        Name of the format, to skip recognition.
    engine
        Name of the second engine: ``"openreadout"`` for files of any format, or the second one of
        the format. By default the latter where the format has it and it is installed.
    progress
        Called with bytes of pixels compared and bytes in total. ``ProgressBar`` shows it.

    Returns
    -------
    Verification
        Its ``agrees`` is true if both engines read every stored plane alike; as text it is a report.

    Raises
    ------
    UnsupportedFormatError
        When the image is an array, or the format has no such engine.
    MissingDependencyError
        When the second engine is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import UnsupportedFormatError
    >>> from aicsio.verify import verify
    >>> try:
    ...     verify(np.zeros((4, 4)))
    ... except UnsupportedFormatError as error:
    ...     print(error)
    an array has no second engine: give a file
    """
    native = open_image(image, format=format, engine=None)
    row = formats.by_name(native.format)
    if row is None:
        raise UnsupportedFormatError("an array has no second engine: give a file")
    second = engine or _choose_second(row)
    # A name that the format lacks is no finding about the file.
    if second != formats.BRIDGE.name:
        row.check_engine(second)
    uri, engines = native.source.uri, ("native", second)
    for note in native.diagnostics:
        if note.code == "second-engine":
            # There is nothing to compare: the second engine reads what native declines.
            return Verification(uri, engines, 0, (), note.message)
    not_shown = _find_not_shown(native)
    if not native.source.local:
        reason = f"{second} reads files of this machine only: save it to a file and verify that"
        return Verification(uri, engines, 0, (), reason, not_shown)
    try:
        name = cast("FormatName", native.format)
        other = open_image(image, format=name, engine=second)
    # An install line for the caller, not a finding about the file.
    except MissingDependencyError:
        raise
    except AicsioError as error:
        return Verification(uri, engines, 0, (), str(error), not_shown)
    planes, differences = _compare_images(native, other, second, progress)
    not_shown = tuple(dict.fromkeys((*not_shown, *_find_not_shown(other))))
    return Verification(uri, engines, planes, tuple(differences), None, not_shown)


def _choose_second(row: formats.Format) -> EngineName:
    """Return the second engine of the format if it is installed, else the one for all formats."""
    bridge = formats.BRIDGE.name
    if len(row.engines) < 2:
        return "openreadout"
    own = row.engines[1]
    own_is_missing = importlib.util.find_spec(own) is None
    chosen = bridge if own_is_missing and not formats.BRIDGE.missing() else own
    return cast("EngineName", chosen)


def _find_not_shown(handle: ImageHandle) -> tuple[str, ...]:
    return tuple(note.message for note in handle.diagnostics if note.not_shown)


def _compare_images(
    native: ImageHandle,
    other: ImageHandle,
    second: str,
    progress: Callable[[int, int], object] | None,
) -> tuple[int, list[Difference]]:
    """Compare all scenes: number of compared planes, and differences."""
    planes, done = 0, 0
    total = sum(scene.levels[0].nbytes for scene in native.scenes if scene.levels)
    differences: list[Difference] = []
    if len(native.scenes) != len(other.scenes):
        message = f"{count_of(len(native.scenes), 'scene')} natively, {len(other.scenes)} through {second}"
        differences.append(Difference("", (), message))
    for index in range(min(len(native.scenes), len(other.scenes))):
        mine, theirs = select_scene(native, index), select_scene(other, index)
        mine, theirs = _align(mine, theirs)
        # Planes of unequal shapes cannot be compared: the scene is one difference.
        if mine.dims != theirs.dims or mine.dtype != theirs.dtype:
            message = (
                f"{mine.dims} {mine.dtype} natively, {theirs.dims} {theirs.dtype} through {second}"
            )
            differences.append(Difference(mine.scene.name, (), message))
            continue
        plane_bytes = math.prod(mine.dims.get(letter, 1) for letter in "YXS") * mine.dtype.itemsize
        for plane in _plane_positions(mine):
            if progress is not None:
                progress(min(done, total), total)
            planes, done = planes + 1, done + plane_bytes
            message_or_none = _compare_plane(mine, theirs, dict(plane))
            if message_or_none is not None:
                differences.append(Difference(mine.scene.name, plane, message_or_none))
    if progress is not None:
        progress(total, total)
    return planes, differences


def _align(mine: ImageHandle, theirs: ImageHandle) -> tuple[ImageHandle, ImageHandle]:
    """Leave out axes of one position that one engine alone has, and take the order of the first."""
    shared = "".join(letter for letter in mine.dims if letter in theirs.dims)
    for handle in (mine, theirs):
        if any(handle.dims[letter] > 1 for letter in handle.dims if letter not in shared):
            return mine, theirs
    return transpose_to(mine, shared), transpose_to(theirs, shared)


def _plane_positions(handle: ImageHandle) -> Iterator[tuple[tuple[str, int], ...]]:
    letters = [letter for letter in handle.dims if letter not in "YXS"]
    for indices in np.ndindex(*(handle.dims[letter] for letter in letters)):
        yield tuple(zip(letters, indices, strict=True))


def _compare_plane(mine: ImageHandle, theirs: ImageHandle, picks: dict[str, int]) -> str | None:
    """Return a description of the difference, ``None`` if there is none."""
    order = "".join(letter for letter in mine.dims if letter in "YXS")
    try:
        # Plane by plane: two planes are the most that memory holds.
        first: npt.NDArray[np.generic] = to_numpy(transpose_to(mine, order, **picks))
        second: npt.NDArray[np.generic] = to_numpy(transpose_to(theirs, order, **picks))
    except AicsioError as error:
        return str(error)
    # A NaN that both engines read is no difference; only floats and complex numbers have it.
    if np.array_equal(first, second, equal_nan=first.dtype.kind in "fc"):
        return None
    differing = int((first != second).sum())
    return count_of(differing, "pixel", "differ", total=math.prod(first.shape))
