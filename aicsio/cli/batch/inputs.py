"""Which files are converted, and what each becomes.

Rule kept here: nothing is opened and nothing written. Two images never become one file, and none replaces its source.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from aicsio import formats
from aicsio.errors import SourceNotFoundError, WriteError
from aicsio.joining import file_names

SUFFIX = ".ome.tiff"
_OME = (".ome.tiff", ".ome.tif", ".ome.tf2", ".ome.tf8", ".ome.btf")


@attrs.frozen
class Item:
    """One image to convert."""

    name: str
    """As the user called it."""
    source: str
    """Absolute path, URL, or pattern of many files: processes elsewhere have another working folder."""
    target: str
    """Absolute path."""


def is_batch(inputs: Sequence[str], output: str) -> bool:
    """Whether the output is a folder."""
    if len(inputs) > 1 or output.endswith(("/", os.sep)) or os.path.isdir(output):
        return True
    return os.path.isdir(inputs[0]) or (
        file_names.is_glob(inputs[0]) and not file_names.is_pattern(inputs[0])
    )


def items(
    inputs: Sequence[str],
    output: str,
    *,
    recursive: bool,
    options: dict[str, Any] | None,
    ours: set[str],
) -> list[Item]:
    """List what is to be converted into a folder.

    Parameters
    ----------
    inputs
        Paths, URLs, folders, globs and patterns.
    output
        The folder.
    recursive
        Whether the folders in a folder are taken too; they are made anew below ``output``.
    options
        Of fsspec, for globs of URLs.
    ours
        Targets of earlier runs, which are no inputs.

    Raises
    ------
    SourceNotFoundError
        When there is nothing to convert.
    WriteError
        When two images would become one file, or one would replace its source.
    """
    folder = os.path.abspath(os.path.expanduser(output))
    found: dict[str, Item] = {}
    for name in inputs:
        for source, relative in _each(name, folder, recursive=recursive, options=options):
            key = source if "://" in source else os.path.realpath(source)
            if key not in ours:
                target = os.path.join(folder, _stem(relative) + SUFFIX)
                found.setdefault(key, Item(source, _absolute(source), target))
    if not found:
        raise SourceNotFoundError(
            f"there is nothing to convert in {file_names.listed(list(map(repr, inputs)))}"
        )
    _refuse_collisions(list(found.values()))
    return list(found.values())


def _each(
    name: str, folder: str, *, recursive: bool, options: dict[str, Any] | None
) -> Iterator[tuple[str, str]]:
    """Sources of one input, and their names relative to it."""
    if os.path.isdir(name):
        yield from _in_folder(name, folder, recursive=recursive)
    elif not file_names.is_pattern(name) and file_names.is_glob(name):
        for path in file_names.expanded(name, options):
            yield path, _last(path)
    else:
        yield name, _last(name)


def _in_folder(name: str, output: str, *, recursive: bool) -> Iterator[tuple[str, str]]:
    """Files of a folder that have the suffix of a format; hidden ones and those of the output are left out."""
    suffixes = tuple(
        suffix for row in (*formats.TABLE, *formats.external()) for suffix in row.suffixes
    )
    for folder, inner, files in os.walk(name):
        inner[:] = sorted(
            (
                one
                for one in inner
                if not one.startswith(".") and os.path.abspath(os.path.join(folder, one)) != output
            ),
            key=file_names.natural,
        )
        for file in sorted(files, key=file_names.natural):
            if file.lower().endswith(suffixes) and not file.startswith("."):
                path = os.path.join(folder, file)
                yield path, os.path.relpath(path, name)
        if not recursive:
            return


def _absolute(name: str) -> str:
    return name if "://" in name or "::" in name else os.path.abspath(os.path.expanduser(name))


def _last(name: str) -> str:
    """The file's own name in a path or URL."""
    if "://" in name:
        name = next(part for part in name.split("::") if "://" in part).partition("?")[0]
    return os.path.basename(name.rstrip("/"))


def _stem(name: str) -> str:
    """Take the suffix off, and the braces of a pattern."""
    plain = name.replace("{", "").replace("}", "")
    known = (*_OME, *(suffix for row in formats.TABLE for suffix in row.suffixes))
    fitting = [
        suffix for suffix in known if plain.lower().endswith(suffix) and len(plain) > len(suffix)
    ]
    return plain[: -len(max(fitting, key=len))] if fitting else os.path.splitext(plain)[0]


def _refuse_collisions(found: Sequence[Item]) -> None:
    by_target: dict[str, list[str]] = {}
    for item in found:
        by_target.setdefault(os.path.normcase(item.target), []).append(item.name)
        if os.path.realpath(item.source) == os.path.realpath(item.target):
            raise WriteError(
                f"{item.name!r} would replace itself: name another folder for the output"
            )
    twice = [(target, names) for target, names in by_target.items() if len(names) > 1]
    if twice:
        target, names = twice[0]
        more = f" (and {len(twice) - 1} more like these)" if len(twice) > 1 else ""
        told = " and ".join(map(repr, names[:3])) + (" and others" if len(names) > 3 else "")
        raise WriteError(
            f"{told} would both become {target!r}{more}: convert them into different folders"
        )
