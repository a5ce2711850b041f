"""Which member is which plane: numbers in the names of files, sizes of axes.

Rule kept here: an axis is as long as the settings announce and as the names of files show, whichever
is more; the last positions of the slowest axis are left out where no file has them, as of a series
that was stopped. Any other missing plane keeps its place.

Source of the facts: files of FluoView, the documentation of ``oiffile``: ``s_C001Z002T003.tif`` has
the number along each axis, from 1; reference images end in ``-R001``. ``AxisOrder`` names the axes,
the fastest first, those of a plane among them (``XTC`` for lines over time).
"""

import math
import re
from typing import Final, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.errors import CorruptFileError
from aicsio.formats.oif.members import FileSet, Member
from aicsio.formats.oif.settings import Section, section_of, text_of, whole_of
from aicsio.records import Diagnostic

NAME: Final = re.compile(r"(?:.*_)?((?:[A-Z]\d{1,9})+)(-R\d+)?\.tif", re.IGNORECASE)
"""Name of a plane: what precedes the last underscore is free."""
NUMBERED: Final = re.compile(r"([A-Z])(\d+)", re.IGNORECASE)
AXES: Final = frozenset("XYCZTALPQ")
"""Letters that FluoView gives to axes: angle, lambda, point, and one without a name besides."""
Place: TypeAlias = tuple[tuple[str, int], ...]
"""Letters and numbers of a plane, as its name has them, in the order of letters."""
MOST_PLANES: Final = 1 << 22
"""Planes of an image: a table of these takes 32 MiB. FluoView stops at 10 000 per axis."""
LARGEST_AXIS: Final = 1 << 20
"""Positions of an axis."""


@attrs.frozen(eq=False)
class OifAxis:
    """One axis of the main settings. Not a record: it lives for one opening."""

    letter: str
    """``AxisCode``."""
    number: int
    """Of its section, by which the settings of a plane call it."""
    size: int
    """Positions that are announced; 0 where the axis was not in use."""
    section: Section
    """Further settings."""


@attrs.frozen(eq=False)
class PlaneOrder:
    """The planes of an image. Not a record: it lives for one opening."""

    letters: str
    """Letters of the axes of planes, slowest first."""
    rows: str
    """Letter of the rows of a plane: Y, or Z or T where lines were scanned along it."""
    names: npt.NDArray[np.object_]
    """Lower-case names of the members, in the shape of the axes; empty where one is missing."""
    diagnostics: tuple[Diagnostic, ...]
    """Trouble with names and sizes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return self.names.shape


def parse_axes(files: FileSet) -> dict[str, OifAxis]:
    """Return the axes of the main settings by letter."""
    axes = {}
    for number in range(9):
        section = section_of(files.settings, f"Axis {number} Parameters Common")
        letter = text_of(section, "AxisCode") or ""
        size = whole_of(section, "MaxSize") or 0
        if letter in AXES and letter not in axes:
            axes[letter] = OifAxis(letter, number, max(size, 0), section)
    return axes


def arrange_planes(files: FileSet, axes: dict[str, OifAxis]) -> PlaneOrder:
    """Give each member that is a plane its place.

    Raises
    ------
    CorruptFileError
        When no member is a plane, or they number more than a table can hold.
    """
    order = text_of(section_of(files.settings, "Axis Parameter Common"), "AxisOrder") or ""
    order = "".join(dict.fromkeys(letter for letter in order if letter in AXES))
    chosen, diagnostics = _choose_planes(files, order)
    # Slowest first; axes that the settings do not list are the slowest.
    own = {letter for letter, _ in next(iter(chosen))}
    letters = sorted(own - set(order)) + [letter for letter in reversed(order) if letter in own]
    planes = {}
    for place, member in chosen.items():
        numbers = dict(place)
        planes[tuple(numbers[letter] for letter in letters)] = member
    sizes = _axis_sizes(letters, planes, axes)
    if math.prod(sizes) > MOST_PLANES:
        raise CorruptFileError.at(
            files.base.uri, None, f"expected {MOST_PLANES} planes at most, found {math.prod(sizes)}"
        )
    names = np.full(sizes, "", object)
    for position, member in planes.items():
        # Numbers in names count from 1.
        names[tuple(number - 1 for number in position)] = member.name.lower()
    missing = names.size - len(planes)
    if missing:
        text = f"{missing} of {names.size} planes are not in the set: they are zero"
        diagnostics.append(Diagnostic("oif-missing-planes", text, loss=True))
    return PlaneOrder("".join(letters), _row_letter(order, own), names, tuple(diagnostics))


def _choose_planes(files: FileSet, order: str) -> tuple[dict[Place, Member], list[Diagnostic]]:
    """Return the members that are planes of the image, by their numbers along its axes."""
    groups: dict[str, dict[Place, Member]] = {}
    for member in files.members.values():
        numbers = parse_name(member.name)
        if numbers is not None:
            place = tuple(sorted(numbers.items()))
            groups.setdefault("".join(sorted(numbers)), {})[place] = member
    if not groups:
        raise CorruptFileError.at(files.base.uri, None, "expected planes such as 's_C001.tif'")
    # The series of names with the most files is the image: others are left over from another.
    announced = "".join(sorted(set(order) - {"X", "Y"}))
    # Of two series of one length, that of the announced axes wins.
    best = max(groups, key=lambda letters: (len(groups[letters]), letters == announced))
    others = sum(map(len, groups.values())) - len(groups[best])
    if not others:
        return groups[best], []
    text = f"{others} of its TIFF files are of no plane of the image: they are attachments"
    return groups[best], [Diagnostic("oif-other-images", text)]


def _row_letter(order: str, own: set[str]) -> str:
    """Return the letter of rows: the second axis, unless that is one of planes."""
    if order[:1] == "X" and order[1:2] and order[1] not in own:
        return order[1]
    return "Y"


def parse_name(name: str) -> dict[str, int] | None:
    """Return the numbers of a plane by letter; None for members that are none.

    Examples
    --------
    >>> from aicsio.formats.oif.planes import parse_name
    >>> parse_name("s_C001Z012.tif"), parse_name("s_C001-R001.tif"), parse_name("s_Thumb.bmp")
    ({'C': 1, 'Z': 12}, None, None)
    """
    # The second group is the suffix of reference images, ``-R001``.
    match = NAME.fullmatch(name)
    if match is None or match[2] is not None:
        return None
    place: dict[str, int] = {}
    for letter, digits in NUMBERED.findall(match[1].upper()):
        number = int(digits)
        if letter in place or letter not in AXES - {"X", "Y"} or not 1 <= number <= LARGEST_AXIS:
            return None
        place[letter] = number
    return place


def _axis_sizes(
    letters: list[str], planes: dict[tuple[int, ...], Member], axes: dict[str, OifAxis]
) -> list[int]:
    """Return the sizes of the axes of planes."""
    shown = [max(place[index] for place in planes) for index in range(len(letters))]
    sizes = []
    for letter, size in zip(letters, shown, strict=True):
        announced = axes[letter].size if letter in axes else 0
        # A number that no set of so many files comes near is damage.
        sizes.append(size if announced > 1000 * size + 1000 else max(size, announced))
    # The slowest axis of more than one position ends with the last that has a file.
    for index, size in enumerate(sizes):
        if size > 1:
            sizes[index] = shown[index]
            break
    return sizes
