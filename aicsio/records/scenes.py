"""A scene, and everything that a format returns about a source.

Rule kept here: trouble that does not stop the reading becomes a ``Diagnostic``, never a log line. The
format that notes it decides, by ``loss``, whether pixels or metadata are lost; ``check`` lists those. It
decides by ``not_shown``, whether stored pixels have no place in any array; ``verify`` lists those.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import attrs

from aicsio._checks.constructors import checked_record
from aicsio._checks.words import count_of
from aicsio.records.comparing import compared_by_fields
from aicsio.records.conversions import optional_float
from aicsio.records.dims import Dims
from aicsio.records.facts import (
    Channel,
    Coordinate,
    ImagePart,
    LevelPlace,
    Objective,
    Origin,
    PixelSize,
    Planes,
    Tiles,
    Well,
)
from aicsio.records.lazy import LazyArray
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import drawn_in_notebooks

_NO_SIZE: Final = PixelSize()
_NO_ORIGIN: Final = Origin()


def distinguish_scenes(names: Sequence[str | None]) -> list[str]:
    """Name the scenes of a file so that each can be told from the others.

    Parameters
    ----------
    names
        As the file has them; empty or ``None`` where it has none.

    Returns
    -------
    list of str
        Names that repeat are numbered from 1, missing ones are ``Image:<index>``. A number or an
        index whose name the file uses itself is passed over.

    Examples
    --------
    >>> from aicsio.records.scenes import distinguish_scenes
    >>> distinguish_scenes(["a", None, "a", "b"])
    ['a#1', 'Image:1', 'a#2', 'b']
    >>> distinguish_scenes(["a", "a", "a#1"])
    ['a#2', 'a#3', 'a#1']
    """
    # One image is what most files hold.
    if len(names) == 1:
        return [names[0] or "Image:0"]
    total, seen = Counter(names), Counter[str | None]()
    # Names that stay as they are: no made name may be one of them.
    taken = {name for name, count in total.items() if name and count == 1}
    distinct = []
    for index, name in enumerate(names):
        if name and total[name] == 1:
            distinct.append(name)
            continue
        stem = name or f"Image:{index}"
        made = "" if name else stem
        while not made or made in taken:
            seen[stem] += 1
            made = f"{stem}#{seen[stem]}"
        taken.add(made)
        distinct.append(made)
    return distinct


@drawn_in_notebooks
@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Scene:
    """One image of a file: a name, its resolution levels, and the facts about its axes."""

    name: str
    """As the file names it, or ``Image:<index>``."""
    levels: tuple[LazyArray, ...]
    """Full resolution first; empty when the pixels are missing."""
    channels: tuple[Channel, ...] = ()
    """One record per position of stored C (one where C is missing); empty if the file has none."""
    pixel_size: PixelSize = _NO_SIZE
    """Of level 0, in micrometres."""
    time_step: float | None = attrs.field(default=None, converter=optional_float)
    """Seconds between positions of T."""
    acquired: str | None = None
    """Date and time of acquisition, ISO 8601."""
    objective: Objective | None = None
    """The objective lens."""
    planes: Planes | None = None
    """Times, exposures and stage positions of planes."""
    tiles: Tiles | None = None
    """Positions of mosaic tiles."""
    # Bytes, not an array: arrays can be changed, and have no hash.
    color_map: bytes | None = attrs.field(default=None, repr=False)
    """Palette of indexed pixels: little-endian uint16, shape (3, entries), red green blue."""
    coordinates: tuple[Coordinate, ...] = ()
    """Values along axes that the file gives explicitly."""
    origin: Origin = _NO_ORIGIN
    """Position of the first pixel of level 0, in micrometres."""
    level_places: tuple[LevelPlace, ...] = ()
    """One per level where the file states them; else all levels cover one field evenly."""
    well: Well | None = None
    """The well, for scenes of a plate."""
    part: ImagePart | None = None
    """Part of an image of the metadata; ``None`` where the scene is a whole image."""

    @property
    def dims(self) -> Dims:
        """Dims of level 0, as stored."""
        return self.levels[0].dims if self.levels else Dims("", ())

    def stated_spacing(self, level: int, letter: str) -> float | None:
        """Return the size in micrometres of the pixels of a level, if the file states it.

        Parameters
        ----------
        level
            Index of the level.
        letter
            Axis; only Z, Y and X have such a size.

        Returns
        -------
        float or None
            ``None`` where the ratio of the sizes of the levels gives it.

        Examples
        --------
        >>> from aicsio import Scene
        >>> Scene("empty", ()).stated_spacing(0, "X") is None
        True
        """
        # A step that changes the levels leaves places that belong to others.
        fits = self.level_places and len(self.level_places) == len(self.levels)
        if letter not in "ZYX" or not fits:
            return None
        spacing: float | None = getattr(self.level_places[level].spacing, letter)
        return spacing

    def __repr__(self) -> str:
        # Tables and channels of a long scene would fill the screen: one line names the scene.
        array = f"{self.dims} {self.levels[0].dtype}" if self.levels else "no pixels"
        counts = count_of(len(self.levels), "level")
        return f"<Scene {self.name!r}: {array}, {counts}>"


@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Diagnostic:
    """Something damaged, guessed or left out that did not stop the reading."""

    code: str
    """Short and stable, such as ``"guessed-axes"``."""
    message: str
    """The trouble, and how it was handled."""
    where: str | None = None
    """File, page or element."""
    loss: bool = attrs.field(default=False, repr=False)
    """Whether pixels or metadata of the file are lost: ``check`` lists such, others report a choice."""
    not_shown: bool = attrs.field(default=False, repr=False)
    """Whether it counts stored pixels that no array shows: a file with such does not ``verify``."""


@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Damage:
    """Something that a check found missing, broken, or at odds with the rest of the file."""

    code: str
    """Short and stable, such as ``"lost-pixels"``."""
    message: str
    """The fault, with the expected content and the found one."""
    uri: str | None = None
    """File or URL that has it."""
    offset: int | None = None
    """Byte offset of the fault; ``None`` if it has no single place."""
    scene: int | None = None
    """Index of the scene whose pixels are lost; ``None`` if the finding concerns no pixels."""
    level: int | None = None
    """Resolution level of these pixels."""
    positions: tuple[tuple[str, range], ...] = ()
    """Letter and positions of these pixels, along each stored axis."""

    def __str__(self) -> str:
        if self.scene is None:
            return f"{self.code}: {self.message}"
        level = f" level {self.level}" if self.level else ""
        where = ", ".join(_describe_positions(*each) for each in self.positions)
        return f"scene {self.scene}{level}, {where}: {self.message}"


def _describe_positions(letter: str, positions: range) -> str:
    if len(positions) == 1:
        return f"{letter}={positions[0]}"
    return f"{letter}={positions.start}:{positions.stop}"


@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Contents:
    """The return value of ``read_contents``: everything a format reads when a source is opened."""

    scenes: tuple[Scene, ...]
    """In file order."""
    metadata: str | None = attrs.field(default=None, repr=False)
    """Raw metadata text (XML, JSON, ...), unparsed."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Trouble that did not stop the reading."""

    def __repr__(self) -> str:
        scenes = count_of(len(self.scenes), "scene")
        return f"<Contents {scenes}, {count_of(len(self.diagnostics), 'diagnostic')}>"
