"""Names of many files: what a glob finds, and what a pattern with named dims says of each name.

Rule kept here: names only, no file is opened. Files are in natural order: ``img_2`` comes before ``img_10``.
"""

import glob
import itertools
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from aicsio.errors import (
    AicsioError,
    DimensionError,
    MissingDependencyError,
    SourceError,
    SourceNotFoundError,
)

__all__ = [
    "Group",
    "Label",
    "Missing",
    "by_four_numbers",
    "each_place",
    "expanded",
    "is_glob",
    "is_pattern",
    "listed",
    "natural",
    "placed",
]

Label: TypeAlias = int | float | str
Missing: TypeAlias = Literal["error", "fill", "skip"]

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.\-]+(://|::)")
_FIELD = re.compile(r"\{([^{}/]*)\}")
_KNOWN = re.compile(r"[A-Z]|scene")
_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+)")
WAVELENGTH = 100
"""Numbers along C from here on are names: channels are called 488, and nobody has so many."""
MOST_GAPS = 100
"""For each file that is there; numbers further apart do not count files."""
MOST_NAMES = 5
"""Names in an error."""


@attrs.frozen(eq=False)
class Group:
    """Files on a grid, an axis for each letter. Not a record: it lives for one call."""

    scene: str | None
    """What the pattern calls the scene; ``None`` where it names none."""
    letters: str
    """Axes of the grid."""
    labels: tuple[tuple[Label, ...], ...]
    """What stands in the names for the positions of each axis; numbers in order, or words."""
    files: tuple[Any, ...]
    """In C order over the grid; ``None`` where there is no file."""
    missing: tuple[str, ...] = ()
    """What the files would be called that are not there."""


def natural(name: str) -> tuple[Any, ...]:
    """Key to sort names by, with runs of digits as numbers."""
    parts = re.split(r"(\d+)", name)
    return (
        *(int(part) if index % 2 else part.casefold() for index, part in enumerate(parts)),
        name,
    )


def is_pattern(name: str) -> bool:
    """Whether a name has fields such as ``{T}`` and is no file itself."""
    return _FIELD.search(_apart(name)[1]) is not None and not os.path.lexists(name)


def is_glob(name: str) -> bool:
    """Whether a name has wildcards and is no file itself. In URLs only ``*`` is one."""
    wild = "*" in name if _URL.match(name) else glob.has_magic(_apart(name)[1])
    return wild and not os.path.lexists(name)


def listed(names: Sequence[object]) -> str:
    """A few names, and how many more there are."""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(str(name) for name in names[:MOST_NAMES]) + more


# ---------------------------------------------------------------- globs


def expanded(name: str, storage_options: Mapping[str, Any] | None = None) -> list[str]:
    """Names of the files that a glob finds, in natural order; ``**`` takes folders in.

    Raises
    ------
    SourceNotFoundError
        When there is none.
    SourceError
        When the folder cannot be listed.
    """
    if _URL.match(name):
        found = _remote(name, storage_options or {})
    else:
        folder, rest = _apart(name)
        found = [
            path
            for path in glob.iglob(glob.escape(folder) + rest, recursive=True)
            if not os.path.isdir(path)
        ]
    if not found:
        raise SourceNotFoundError(f"no file is called {name!r}")
    return sorted(set(found), key=natural)


def _apart(name: str) -> tuple[str, str]:
    """Cut a name behind the folders that are there, whose names may have brackets that mean nothing."""
    if _URL.match(name):
        return "", name
    name = os.path.expanduser(name)
    cut = 0
    for match in re.finditer(r"[/\\]" if os.name == "nt" else "/", name):
        if not os.path.isdir(name[: match.end()]):
            break
        cut = match.end()
    return name[:cut], name[cut:]


def _remote(url: str, options: Mapping[str, Any]) -> list[str]:
    import fsspec

    parts = url.split("::")
    at = next((index for index, part in enumerate(parts) if "://" in part), 0)
    protocol = parts[at].partition("://")[0]
    system: Any
    try:
        system, path = fsspec.core.url_to_fs(url, **options)
        found = system.glob(path)
    except AicsioError:
        raise
    except ImportError as error:
        raise MissingDependencyError(f"{url!r}: {error}. pip install 'aicsio[remote]'") from error
    except FileNotFoundError:
        return []
    except Exception as error:
        # The errors of aiohttp, botocore and the rest have no common builtin.
        raise SourceError(f"cannot list {url!r}: {type(error).__name__}: {error}") from error
    whole = (
        name if "://" in name else f"{protocol}://{name.lstrip('/')}" for name in map(str, found)
    )
    return ["::".join([*parts[:at], name, *parts[at + 1 :]]) for name in whole]


# ---------------------------------------------------------------- patterns


def placed(
    pattern: str, missing: Missing, storage_options: Mapping[str, Any] | None = None
) -> tuple[Group, ...]:
    """Find the files of a pattern, one group a scene.

    Raises
    ------
    DimensionError
        For a field that is none, and for two files with one place.
    SourceNotFoundError
        When there is none, or one is missing.
    """
    folder, rest = _apart(pattern)
    fields = _fields(rest)
    rule = re.compile(re.escape(folder.replace(os.sep, "/")) + _rule(rest))
    where = folder + _FIELD.sub("*", rest)
    names = expanded(where, storage_options)
    local = not _URL.match(pattern)
    matches = [
        (name, rule.fullmatch(name.replace(os.sep, "/") if local else name)) for name in names
    ]
    told = [(name, match.groupdict()) for name, match in matches if match is not None]
    if not told:
        raise SourceNotFoundError(
            f"no file is called {pattern!r}; {where!r} would find {listed(names)}"
        )
    scenes = (
        sorted({texts["scene"] for _, texts in told}, key=natural) if "scene" in fields else [None]
    )
    letters = "".join(field for field in fields if field != "scene")
    groups = []
    for scene in scenes:
        own = {
            name: {c: texts[c] for c in letters}
            for name, texts in told
            if scene is None or texts["scene"] == scene
        }
        text = pattern if scene is None else pattern.replace("{scene}", scene)
        groups.append(attrs.evolve(_grid(text, letters, own, missing), scene=scene))
    return tuple(groups)


def by_four_numbers(names: Sequence[str]) -> tuple[Group, ...] | None:
    """Put files on a grid by the numbers in their names: scene, T, C, Z; ``None`` where not all have four.

    Source of the fact: AICSImageIO 4 (``TiffGlobReader``).

    Raises
    ------
    DimensionError, SourceNotFoundError
        As by ``placed``.
    """
    numbers = {name: re.findall(r"\d+", re.split(r"[/\\]", name)[-1]) for name in names}
    if not names or any(len(found) != 4 for found in numbers.values()):
        return None
    groups = []
    for scene in sorted({int(found[0]) for found in numbers.values()}):
        own = {name: found[1:] for name, found in numbers.items() if int(found[0]) == scene}
        told = {name: dict(zip("TCZ", texts, strict=True)) for name, texts in own.items()}
        group = _grid(f"S={scene}, T={{T}}, C={{C}}, Z={{Z}}", "TCZ", told, "error")
        groups.append(attrs.evolve(group, scene=f"Image:{scene}"))
    return tuple(groups)


def _fields(pattern: str) -> list[str]:
    fields = list(dict.fromkeys(_FIELD.findall(pattern)))
    strange = [field for field in fields if not _KNOWN.fullmatch(field)]
    if strange:
        name = strange[0]
        hint = f": did you mean {{{name.upper()}}}?" if _KNOWN.fullmatch(name.upper()) else "."
        known = "Fields are {T}, {C}, {Z} or another capital letter, and {scene}"
        raise DimensionError(f"{pattern!r}: {{{name}}} is no field{hint} {known}")
    if "}{" in pattern:
        raise DimensionError(
            f"{pattern!r}: something must stand between two fields, or nobody knows where one ends"
        )
    return fields


def _rule(pattern: str) -> str:
    """A regular expression for names: a field takes anything but separators and underscores."""
    rule, seen = "", set[str]()
    for index, part in enumerate(_FIELD.split(pattern)):
        if index % 2:
            rule += f"(?P={part})" if part in seen else f"(?P<{part}>[^/\\\\_]+?)"
            seen.add(part)
            continue
        for token in re.findall(r"\*\*/?|\*|\?|\[[^\]]+\]|[^*?\[]+|\[", part.replace("\\", "/")):
            rule += _WILD.get(token) or (
                _class(token) if len(token) > 2 and token[0] == "[" else re.escape(token)
            )
    return rule


_WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _class(token: str) -> str:
    inside = token[1:-1].replace("\\", "\\\\")
    return f"[^{inside[1:]}]" if inside[0] == "!" else f"[{inside}]"


def _grid(
    pattern: str, letters: str, told: Mapping[str, Mapping[str, str]], missing: Missing
) -> Group:
    """Put files on a grid by what stands in their names."""
    texts = {
        letter: sorted({each[letter] for each in told.values()}, key=natural) for letter in letters
    }
    values = {letter: _values(letter, texts[letter], told) for letter in letters}
    at: dict[tuple[Label, ...], str] = {}
    for name, each in told.items():
        place = tuple(values[letter][each[letter]] for letter in letters)
        if place in at:
            raise DimensionError(
                f"{at[place]!r} and {name!r} have one place in {pattern!r}: take one of them away"
            )
        at[place] = name
    labels = [_expected(set(values[letter].values()), missing) for letter in letters]
    places = list(itertools.product(*labels))
    lacking = [place for place in places if place not in at]
    written = {
        letter: {value: text for text, value in values[letter].items()} for letter in letters
    }
    gone = tuple(_name(pattern, letters, place, written) for place in lacking)
    if gone and missing != "fill":
        advice = "missing='fill' shows them as zeros"
        if missing == "error":
            advice += ", missing='skip' closes gaps that no file fills"
        lost = f"{len(gone)} of the {len(places)} files {pattern!r} are missing: {listed(gone)}"
        raise SourceNotFoundError(f"{lost}. {advice}")
    return Group(None, letters, tuple(labels), tuple(at.get(place) for place in places), gone)


def _values(
    letter: str, texts: Sequence[str], told: Mapping[str, Mapping[str, str]]
) -> dict[str, Label]:
    """Numbers where all are numbers, else words."""
    if all(_INTEGER.fullmatch(text) for text in texts):
        numbers = {text: int(text) for text in texts}
        if letter != "C" or max(numbers.values()) < WAVELENGTH:
            return dict(numbers)
    elif all(_DECIMAL.fullmatch(text) for text in texts):
        return {text: float(text) for text in texts}
    words = [text for text in texts if not _DECIMAL.fullmatch(text)]
    if words and len(words) < len(texts) and letter != "C":
        names = [name for name, each in told.items() if each[letter] in words]
        raise DimensionError(
            f"{{{letter}}} is a number in some names and {words[0]!r} in {listed(names)}"
        )
    return {text: text for text in texts}


def _expected(found: set[Any], missing: Missing) -> tuple[Label, ...]:
    """All positions that there should be: of whole numbers, those between that have the common step."""
    if any(isinstance(value, str) for value in found):
        return tuple(sorted(found, key=natural))
    ordered = sorted(found)
    if missing == "skip" or any(isinstance(value, float) for value in found):
        return tuple(ordered)
    step = math.gcd(*(b - a for a, b in itertools.pairwise(ordered))) or 1
    steps = range(ordered[0], ordered[-1] + 1, step)
    if len(steps) > MOST_GAPS * len(ordered):
        raise DimensionError(
            f"the files are numbered {listed(ordered)}, with {len(steps) - len(ordered)} gaps between: "
            "missing='skip' takes the numbers for names"
        )
    return tuple(steps)


def _name(
    pattern: str, letters: str, place: Sequence[Label], written: Mapping[str, Mapping[Label, str]]
) -> str:
    """What a file would be called, padded as the others are."""
    for letter, value in zip(letters, place, strict=True):
        known = written[letter]
        widths = {len(text) for text in known.values()}
        padded = (
            f"{value:0{widths.pop()}d}"
            if len(widths) == 1 and isinstance(value, int)
            else str(value)
        )
        pattern = pattern.replace(f"{{{letter}}}", known.get(value, padded))
    return pattern


def each_place(group: Group) -> Iterator[tuple[int, ...]]:
    """Grid index of each file."""
    return itertools.product(*(range(len(labels)) for labels in group.labels))
