"""Reads every plane of a file through two engines and says where they differ.

Rule kept here: the two readings share no code that fetches or decodes; a plane that one engine cannot read is told, not
counted as equal.
"""

import math
from collections.abc import Iterator

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import formats
from aicsio._checks import checked
from aicsio.arrays import to_numpy
from aicsio.errors import AicsioError, MissingDependencyError, UnsupportedFormatError
from aicsio.opening import open_image
from aicsio.records import ImageHandle
from aicsio.steps import select_scene, transpose_to

__all__ = ["Difference", "Verification", "verify"]


@attrs.frozen
class Difference:
    """A plane on which the engines do not agree, or a scene that one of them does not have."""

    scene: str
    """Name of the scene."""
    plane: tuple[tuple[str, int], ...]
    """Position of the plane; empty where the whole scene is meant."""
    what: str
    """What differs."""


@attrs.frozen
class Verification:
    """What came of reading a file twice."""

    uri: str
    """Which file."""
    engines: tuple[str, str]
    """Names of the engines."""
    planes: int
    """How many planes were compared."""
    differences: tuple[Difference, ...]
    """Where the engines do not agree; empty when they do."""
    unread: str | None = None
    """Why the second engine could not read the file at all; ``None`` where it could."""

    @property
    def agrees(self) -> bool:
        """Whether both engines read every plane alike."""
        return self.unread is None and not self.differences

    def __str__(self) -> str:
        if self.unread is not None:
            return f"{self.uri}: not verified: {self.unread}"
        both = " and ".join(self.engines)
        if self.agrees:
            return f"{self.uri}: {self.planes} planes are the same through {both}"
        lines = [
            f"{self.uri}: {len(self.differences)} differences in {self.planes} planes between {both}"
        ]
        for one in self.differences[:20]:
            where = ", ".join(f"{letter}={at}" for letter, at in one.plane)
            lines.append(f"  {one.scene} {where}: {one.what}")
        return "\n".join(lines)


@checked
def verify(image: object, *, format: str | None = None) -> Verification:
    """Read every plane at full resolution through both engines of the format and compare them pixel by pixel.

    Parameters
    ----------
    image
        What ``open_image`` takes and a library can open: a local path.
    format
        Name of the format, to skip recognition.

    Returns
    -------
    Verification
        Its ``agrees`` says whether all is well; as text it is a report.

    Raises
    ------
    UnsupportedFormatError
        When the format has one engine only.
    MissingDependencyError
        When the second engine is not installed.
    """
    native = open_image(image, format=format, engine=None)
    row = formats.by_name(native.format)
    if row is None or len(row.engines) < 2:
        having = ", ".join(row.name for row in formats.TABLE if len(row.engines) > 1)
        raise UnsupportedFormatError(f"{native.format} has one engine; {having} have a second one")
    second = row.engines[1]
    engines = ("native", second)
    alone = next(
        (note.message for note in native.diagnostics if note.code == "second-engine"), None
    )
    if alone is not None:
        return Verification(native.source.uri, engines, 0, (), alone)
    try:
        other = open_image(image, format=native.format, engine=second)
    except MissingDependencyError:
        raise
    except AicsioError as error:
        return Verification(native.source.uri, engines, 0, (), str(error))
    planes, differences = 0, list(_scenes_apart(native, other))
    for index in range(min(len(native.scenes), len(other.scenes))):
        one, two = select_scene(native, index), select_scene(other, index)
        if one.dims != two.dims or one.dtype != two.dtype:
            what = f"{one.dims} {one.dtype} natively, {two.dims} {two.dtype} through {second}"
            differences.append(Difference(one.scene.name, (), what))
            continue
        for at in _planes(one):
            planes += 1
            said = _compared(one, two, dict(at))
            if said is not None:
                differences.append(Difference(one.scene.name, at, said))
    return Verification(native.source.uri, engines, planes, tuple(differences))


def _scenes_apart(native: ImageHandle, other: ImageHandle) -> Iterator[Difference]:
    if len(native.scenes) != len(other.scenes):
        yield Difference(
            "",
            (),
            f"{len(native.scenes)} scenes natively, {len(other.scenes)} through the other engine",
        )


def _planes(handle: ImageHandle) -> Iterator[tuple[tuple[str, int], ...]]:
    letters = [letter for letter in handle.dims if letter not in "YXS"]
    for where in np.ndindex(*(handle.dims[letter] for letter in letters)):
        yield tuple(zip(letters, where, strict=True))


def _compared(one: ImageHandle, two: ImageHandle, at: dict[str, int]) -> str | None:
    kept = "".join(letter for letter in one.dims if letter in "YXS")
    try:
        first: npt.NDArray[np.generic] = to_numpy(transpose_to(one, kept, **at))
        second: npt.NDArray[np.generic] = to_numpy(transpose_to(two, kept, **at))
    except AicsioError as error:
        return str(error)
    if np.array_equal(first, second, equal_nan=first.dtype.kind in "fc"):
        return None
    differing = int((first != second).sum())
    return f"{differing} of {math.prod(first.shape)} pixels differ"
