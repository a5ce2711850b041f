"""Names of many files: globs, natural order, short lists for messages.

Rule kept here: names only, no file is opened. Files are in natural order: ``img_2`` comes before
``img_10``.
"""

import glob
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aicsio._io import urls
from aicsio._io.listing import find_urls
from aicsio.errors import SourceNotFoundError
from aicsio.joining import patterns

__all__ = [
    "abbreviate",
    "find_files",
    "find_pattern_files",
    "is_glob",
    "is_pattern",
    "natural_key",
    "public_name",
    "split_existing_folder",
]

MOST_NAMES = 5
"""Names in one message: more would hide its advice."""


def public_name(name: str) -> str:
    """Return a name for messages: a URL without passwords and tokens."""
    return urls.public_url(name)


def natural_key(name: str) -> tuple[Any, ...]:
    """Return a key to sort names by, with runs of digits as numbers."""
    # The split alternates: texts at even places, digits at odd ones. So keys compare type by type.
    parts: list[Any] = re.split(r"(\d+)", name)
    for index, part in enumerate(parts):
        parts[index] = int(part) if index % 2 else part.casefold()
    # The name itself decides between names that differ in case or in leading zeros.
    # The name itself stands apart: beside the parts it would meet a number of a longer name.
    return (tuple(parts), name)


def is_pattern(name: str) -> bool:
    """Whether a name has fields such as ``{T}`` and is no file itself."""
    return patterns.has_fields(split_existing_folder(name)[1]) and not os.path.lexists(name)


def is_glob(name: str) -> bool:
    """Whether a name has wildcards and is no file itself. In URLs only ``*`` is a wildcard."""
    if urls.is_url(name):
        return "*" in name  # "?" begins the query, brackets enclose IPv6 addresses
    return glob.has_magic(split_existing_folder(name)[1]) and not os.path.lexists(name)


def abbreviate(names: Sequence[object]) -> str:
    """Return the first names, and the number of the others."""
    shown = ", ".join(map(str, names[:MOST_NAMES]))
    if len(names) <= MOST_NAMES:
        return shown
    return f"{shown} and {len(names) - MOST_NAMES} more"


def find_files(name: str, storage_options: Mapping[str, Any] | None = None) -> list[str]:
    """Return the names of the files that a glob finds, in natural order.

    Parameters
    ----------
    name
        Path or URL; ``**`` includes folders. Square brackets that find nothing as a wildcard are
        taken as characters of the name.
    storage_options
        Options of the fsspec file system of a URL.

    Raises
    ------
    SourceNotFoundError
        When no file is found.
    SourceError
        When the folder cannot be listed.
    MissingDependencyError
        When the file system of a URL needs a package that is not installed.
    """
    folder, rest = split_existing_folder(name)
    # ScanImage and copies made by Windows have names such as "img[1].tif".
    names = _glob(folder, rest, storage_options)
    if not names and "[" in rest:
        names = _glob(folder, rest.replace("[", "[[]"), storage_options)
    if not names:
        raise SourceNotFoundError(f"no file is called {public_name(name)!r}")
    return names


def find_pattern_files(
    pattern: str, storage_options: Mapping[str, Any] | None = None
) -> dict[str, dict[str, str]]:
    """Return the files of a pattern, in natural order, each with the text of its fields.

    Square brackets that find nothing as a wildcard are taken as characters of the name.

    Raises
    ------
    DimensionError
        When a field is invalid.
    SourceNotFoundError
        When no file is found.
    SourceError
        When the folder cannot be listed.
    """
    folder, rest = split_existing_folder(pattern)
    patterns.field_names(rest)
    candidates: list[str] = []
    for literal_brackets in (False, True):
        tokens = patterns.split_tokens(rest, literal_brackets=literal_brackets)
        names = _glob(folder, patterns.to_glob(tokens), storage_options)
        # A glob of a field takes any text, so it may find names whose fields hold "_".
        candidates = candidates or names
        fields = _match_fields(pattern, folder, tokens, names)
        if fields:
            return fields
    near = ""
    if candidates:
        near = f"; with any text in its fields: {abbreviate(list(map(public_name, candidates)))}"
    raise SourceNotFoundError(f"no file is called {public_name(pattern)!r}{near}")


def _match_fields(
    pattern: str, folder: str, tokens: Sequence[patterns.Token], names: Sequence[str]
) -> dict[str, dict[str, str]]:
    regex = re.compile(re.escape(folder.replace(os.sep, "/")) + patterns.name_regex(tokens))
    local = not urls.is_url(pattern)
    fields: dict[str, dict[str, str]] = {}
    for name in names:
        match = regex.fullmatch(name.replace(os.sep, "/") if local else name)
        if match is not None:
            fields[name] = match.groupdict()
    return fields


def split_existing_folder(name: str) -> tuple[str, str]:
    """Split a name behind the folders that exist: brackets in their names are no wildcards."""
    if urls.is_url(name):
        return "", name
    name = os.path.expanduser(name)  # "~" is a folder, too
    end = 0
    for match in re.finditer(r"[/\\]" if os.name == "nt" else "/", name):
        if not os.path.isdir(name[: match.end()]):
            break
        end = match.end()
    return name[:end], name[end:]


def _glob(folder: str, wildcards: str, storage_options: Mapping[str, Any] | None) -> list[str]:
    """Return the files below a folder that a glob finds, in natural order."""
    if urls.is_url(wildcards):
        names = find_urls(wildcards, storage_options or {})
    else:
        names = []
        for path in glob.iglob(glob.escape(folder) + wildcards, recursive=True):
            if not os.path.isdir(path):
                names.append(path)
    # `**` may find a file by two ways.
    return sorted(set(names), key=natural_key)
