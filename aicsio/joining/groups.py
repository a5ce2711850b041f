"""Files on a grid: the positions that fields of their names give them.

Rule kept here: names only, no file is opened. A position without a file is named, never skipped in
silence.
"""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from aicsio.errors import DimensionError, SourceNotFoundError
from aicsio.joining.file_names import (
    abbreviate,
    find_pattern_files,
    natural_key,
    public_name,
)

__all__ = [
    "Group",
    "Label",
    "Missing",
    "grid_positions",
    "group_by_four_numbers",
    "group_by_numbers",
    "group_by_pattern",
    "group_in_order",
]

Label: TypeAlias = int | float | str
"""Text of a field: a number, or a word."""
Missing: TypeAlias = Literal["error", "fill", "skip"]
"""As in ``open_many``."""
FieldTexts: TypeAlias = Mapping[str, Mapping[str, str]]
"""By file name, then by letter: the text of the field."""

WAVELENGTH = 100
"""Numbers along C from here on are names: channels are called 488, and no image has 100 channels
in 100 files that are counted."""
MOST_GAPS = 100
"""Gaps per file: numbers further apart, such as dates, do not count files."""

_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+)")


@attrs.frozen(eq=False)
class Group:
    """Files on a grid, an axis for each letter. Not a record: it lives for one call."""

    scene: str | None
    """Name of the scene in the pattern; ``None`` if it has no field for it."""
    letters: str
    """Axes of the grid."""
    labels: tuple[tuple[Label, ...], ...]
    """Per axis, the label of each position; numbers in order, or words."""
    files: tuple[Any, ...]
    """In C order over the grid; ``None`` where the file is missing."""
    missing: tuple[str, ...] = ()
    """Names of the missing files."""


def grid_positions(group: Group) -> Iterator[tuple[int, ...]]:
    """Yield the grid position of each file."""
    return itertools.product(*(range(len(labels)) for labels in group.labels))


def group_in_order(files: Sequence[Any], letter: str) -> tuple[Group, ...]:
    """Put files one after the other along a letter; no group for no file."""
    if not files:
        return ()
    return (Group(None, letter, (tuple(range(len(files))),), tuple(files)),)


def group_by_pattern(
    pattern: str, missing: Missing, storage_options: Mapping[str, Any] | None = None
) -> tuple[Group, ...]:
    """Find the files of a pattern, and put them into one group per scene.

    Parameters
    ----------
    pattern
        Path or URL with fields such as ``{T}``.
    missing, storage_options
        As in ``open_many``.

    Raises
    ------
    DimensionError
        When a field is invalid, two files have the same position, or a field has both numbers and
        words.
    SourceNotFoundError
        When no file is found, or one is missing.
    """
    fields = find_pattern_files(pattern, storage_options)
    # Every name has all fields of the pattern, so the first stands for them.
    names_of_fields = next(iter(fields.values()))
    letters = "".join(field for field in names_of_fields if field != "scene")
    if "scene" not in names_of_fields:
        return (_place_on_grid(pattern, letters, fields, missing),)
    groups = []
    fields_of_scene: dict[str, dict[str, dict[str, str]]] = {}
    for name, texts in fields.items():
        fields_of_scene.setdefault(texts["scene"], {})[name] = texts
    for scene in sorted(fields_of_scene, key=natural_key):
        of_scene = fields_of_scene[scene]
        named = pattern.replace("{scene}", scene)
        groups.append(attrs.evolve(_place_on_grid(named, letters, of_scene, missing), scene=scene))
    return tuple(groups)


def group_by_four_numbers(names: Sequence[str]) -> tuple[Group, ...] | None:
    """Put files on a grid by the numbers in their names: scene, T, C, Z.

    Returns ``None`` unless every name has four numbers. Source of the fact: AICSImageIO 4
    (``TiffGlobReader``).

    Raises
    ------
    DimensionError, SourceNotFoundError
        As by ``group_by_pattern``.
    """
    fields: dict[str, dict[str, str]] = {}
    for name in names:
        numbers = re.findall(r"\d+", re.split(r"[/\\]", name)[-1])
        if len(numbers) != 4:
            return None
        fields[name] = dict(zip("STCZ", numbers, strict=True))
    return group_by_numbers(fields, "S") or None


def group_by_numbers(fields: FieldTexts, scene_letter: str) -> tuple[Group, ...]:
    """Put files on a grid by numbers that stand for each of them.

    Parameters
    ----------
    fields
        By file name, then by letter: a whole number, as a text. All files have the same letters.
    scene_letter
        The letter whose numbers are scenes; files without it are of one scene.

    Raises
    ------
    DimensionError, SourceNotFoundError
        As by ``group_by_pattern``.
    """
    fields_of_scene: dict[int, dict[str, dict[str, str]]] = {}
    letters = ""
    for name, texts in fields.items():
        places = dict(texts)
        scene = int(places.pop(scene_letter, 0))
        # Other letters in front of these three, whose order is that of OME.
        letters = "".join(sorted(places, key="TCZ".find))
        fields_of_scene.setdefault(scene, {})[name] = places
    groups = []
    for scene, of_scene in sorted(fields_of_scene.items()):
        pattern = ", ".join([f"S={scene}", *(f"{letter}={{{letter}}}" for letter in letters)])
        group = _place_on_grid(pattern, letters, of_scene, "error")
        groups.append(attrs.evolve(group, scene=f"Image:{scene}"))
    return tuple(groups)


def _place_on_grid(pattern: str, letters: str, fields: FieldTexts, missing: Missing) -> Group:
    """Put files on a grid by the texts of their fields."""
    pattern = public_name(pattern)
    labels_of_text = {letter: _parse_labels(letter, fields) for letter in letters}
    file_at: dict[tuple[Label, ...], str] = {}
    for name, texts in fields.items():
        place = tuple(labels_of_text[letter][texts[letter]] for letter in letters)
        if place in file_at:
            raise DimensionError(
                f"{public_name(file_at[place])!r} and {public_name(name)!r} have the same position "
                f"in {pattern!r}: "
                "remove one of them"
            )
        file_at[place] = name
    labels = [_expected_labels(set(labels_of_text[c].values()), missing) for c in letters]
    files: list[str | None] = []
    absent_names: list[str] = []
    # The grid is complete: each combination of labels has a file, or the name of a missing one.
    for place in itertools.product(*labels):
        files.append(file_at.get(place))
        if place not in file_at:
            absent_names.append(_file_name(pattern, letters, place, labels_of_text))
    if absent_names and missing != "fill":
        _raise_missing(pattern, absent_names, len(files), missing)
    return Group(None, letters, tuple(labels), tuple(files), tuple(absent_names))


def _raise_missing(pattern: str, names: Sequence[str], expected: int, missing: Missing) -> None:
    advice = "missing='fill' shows them as zeros"
    if missing == "error":
        advice += ", missing='skip' closes gaps that no file fills"
    raise SourceNotFoundError(
        f"{len(names)} of the {expected} files {pattern!r} are missing: {abbreviate(names)}. "
        f"{advice}"
    )


def _parse_labels(letter: str, fields: FieldTexts) -> dict[str, Label]:
    """Return the label of each text of a field: numbers if all texts are numbers, else words."""
    texts = sorted({each[letter] for each in fields.values()}, key=natural_key)
    # "0.5" beside "1" is a number as well, but "1" and "01" alone are whole ones.
    if all(map(_INTEGER.fullmatch, texts)):
        numbers = list(map(int, texts))
        if letter != "C" or max(numbers) < WAVELENGTH:
            return dict(zip(texts, numbers, strict=True))
    elif all(map(_DECIMAL.fullmatch, texts)):
        return dict(zip(texts, map(float, texts), strict=True))
    words = list(itertools.filterfalse(_DECIMAL.fullmatch, texts))
    # Along C, "488" beside "DAPI" is a name; along T it is a mistake, such as "t_old.tif".
    if words and len(words) < len(texts) and letter != "C":
        names = [public_name(name) for name, each in fields.items() if each[letter] in words]
        raise DimensionError(
            f"{{{letter}}} is a number in some names and {words[0]!r} in {abbreviate(names)}"
        )
    return dict(zip(texts, texts, strict=True))


def _expected_labels(found: set[Any], missing: Missing) -> tuple[Label, ...]:
    """Return the labels of all positions: whole numbers include gaps in the common step."""
    if any(isinstance(label, str) for label in found):
        return tuple(sorted(found, key=natural_key))
    ordered = sorted(found)
    # Decimals, such as seconds or concentrations, need not be evenly spaced.
    if missing == "skip" or any(isinstance(label, float) for label in found):
        return tuple(ordered)
    differences = [later - earlier for earlier, later in itertools.pairwise(ordered)]
    # The widest step that meets all numbers: 0, 10, 30 lack 20, not 1 to 9.
    step = math.gcd(*differences) or 1  # one file has no step: gcd() is 0
    complete = range(ordered[0], ordered[-1] + 1, step)
    if len(complete) > MOST_GAPS * len(ordered):
        gaps = len(complete) - len(ordered)
        raise DimensionError(
            f"the files are numbered {abbreviate(ordered)}, with {gaps} gaps between: "
            "missing='skip' takes the numbers as names"
        )
    return tuple(complete)


def _file_name(
    pattern: str,
    letters: str,
    place: Sequence[Label],
    labels_of_text: Mapping[str, Mapping[str, Label]],
) -> str:
    """Return the name of the file at a position, padded as the names that exist."""
    for letter, label in zip(letters, place, strict=True):
        # A label of other files has its text; a new one is padded if all texts have one width.
        text = str(label)
        widths = set[int]()
        for known_text, known_label in labels_of_text[letter].items():
            widths.add(len(known_text))
            if known_label == label:
                text = known_text
                break
        else:
            if len(widths) == 1 and isinstance(label, int):
                text = f"{label:0{widths.pop()}d}"
        pattern = pattern.replace(f"{{{letter}}}", text)
    return pattern
