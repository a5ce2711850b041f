"""Files that the arguments of a command name: paths, URLs, folders and globs.

Rule kept here: the usual case, a file, imports nothing of what lists folders.
"""

import argparse
import os
from collections.abc import Iterator

from aicsio._io.urls import public_url
from aicsio.errors import AicsioError, SourceNotFoundError


def list_files(arguments: argparse.Namespace) -> tuple[list[str], dict[str, AicsioError]]:
    """List the files to open, and the names that hold none with their errors.

    Parameters
    ----------
    arguments
        With ``files`` and ``recursive``, and with ``storage_options`` where the command has them.

    Returns
    -------
    tuple
        Names in their order, those that hold none among them, and the errors of these by name.
    """
    names: list[str] = []
    failures: dict[str, AicsioError] = {}
    for name in arguments.files:
        if not _names_many(name):
            names.append(name)
            continue
        try:
            names += _list_images(name, arguments)
        except AicsioError as error:
            names.append(name)
            failures[name] = error
    return names, failures


def _names_many(name: str) -> bool:
    return os.path.isdir(name) or any(wildcard in name for wildcard in "*?[")


def _list_images(name: str, arguments: argparse.Namespace) -> Iterator[str]:
    from aicsio.cli.batch import inputs

    found = False
    for source, _ in inputs.list_sources(
        name,
        "",
        recursive=arguments.recursive,
        storage_options=getattr(arguments, "storage_options", None),
        pictures=True,
    ):
        found = True
        yield source
    if not found:
        raise SourceNotFoundError(f"there is no image in {public_url(name)!r}")
