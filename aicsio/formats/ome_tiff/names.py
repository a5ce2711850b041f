"""Names of files inside OME-XML: relative paths of any system, and parts of URIs.

Rule kept here: pure functions of text. ``..`` never survives.
"""

import re

from aicsio.records import Source

MOST_TAILS = 4
"""How many ends of a long path are tried: each costs a request where the set is remote."""
_DRIVE = re.compile(r"^[A-Za-z]:")


def split_name(name: str) -> tuple[str, ...] | None:
    r"""Return the folders and the file of a name; ``None`` if it names no file.

    A drive, a root, and whatever stands before the last ``..`` are dropped: they are folders of the
    machine that wrote the name.

    Examples
    --------
    >>> from aicsio.formats.ome_tiff.names import split_name
    >>> split_name("s\\a.tif"), split_name("C:\\data\\a.tif"), split_name("../x/../a.tif")
    (('s', 'a.tif'), ('data', 'a.tif'), ('a.tif',))
    >>> split_name("/"), split_name("a/..")
    (None, None)
    """
    parts: list[str] = []
    for part in _DRIVE.sub("", name).replace("\\", "/").split("/"):
        # Folders before it may be links: what it leads to cannot be known from the name.
        if part == "..":
            parts.clear()
        elif part not in {"", "."}:
            parts.append(part)
    is_file = bool(parts) and not name.endswith(("/", "\\", ".."))
    return tuple(parts) if is_file else None


def tails_of(parts: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return the ends of a path, the longest first."""
    return [parts[start:] for start in range(len(parts))]


def folders_of(source: Source) -> tuple[str, ...]:
    """Return the folders and the file of the URI of a source."""
    # Chains of fsspec begin with the innermost file; a query is no part of the path.
    path = source.uri.partition("::")[0].partition("?")[0].replace("\\", "/")
    return tuple(part for part in path.split("/") if part)


def file_name_of(source: Source) -> str:
    """Return the file name of a source."""
    return (folders_of(source) or ("",))[-1]
