"""Advice for a name that leads to no file, and for a URL whose file system is unknown or not installed.

Rule kept here: only an error runs this; it lists one folder, up to a limit.
"""

import itertools
import os
import re

__all__ = ["advise_path", "advise_scheme", "package_of"]

MOST_NAMES = 2000
"""Names of a folder that are compared: difflib compares as many in about 10 ms."""
_ONE_SLASH = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):/([^/].*)", re.DOTALL)
_WINDOWS = re.compile(r"[a-zA-Z]:[\\/]")

READY = ("http", "https", "file", "ftp", "memory", "zip")
"""Schemes that a plain installation reads; one test opens each."""
EXTRA = ("s3", "gs", "az")
"""Schemes of the extra ``remote``."""
_PACKAGES = {"git": "pygit2", "libarchive": "libarchive-c", "smbclient": "smbprotocol"}
"""Packages that are called otherwise than what they are imported by."""


def advise_path(name: str, path: str) -> str:
    """Return the end of the message about a missing file: a near name, or the folder that is missing.

    Parameters
    ----------
    name
        As the caller wrote it.
    path
        The absolute path that it means.

    Returns
    -------
    str
        Begins with a semicolon; empty without advice.
    """
    slash = _ONE_SLASH.fullmatch(name)
    if slash is not None and len(slash[1]) > 1:
        return f"; a URL has two slashes, '{slash[1]}://{slash[2]}'"
    if _WINDOWS.match(name) and os.name != "nt":
        return "; it is a path of Windows, and this system has none"
    if any(character in name for character in "*?{"):
        return f"; open_many({name!r}) opens the files of a pattern as one image"
    if os.path.islink(path):
        return f"; it is a link to {os.readlink(path)!r}, which is missing"
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        return f"; there is no folder {_first_missing(folder)!r}"
    near = _near_names(folder, os.path.basename(path))
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def _first_missing(folder: str) -> str:
    """Return the highest folder of a path that does not exist."""
    above = os.path.dirname(folder)
    while above != folder and not os.path.exists(above):
        folder, above = above, os.path.dirname(above)
    return folder


def _near_names(folder: str, name: str) -> list[str]:
    """Return names of a folder that are nearly the given one; those that differ in case come first."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in itertools.islice(entries, MOST_NAMES)]
    except OSError:
        return []
    alike = sorted(each for each in names if each.casefold() == name.casefold())
    # 0.8: one or two letters of a short name; "t1.tif" for "t2.tif" would be a guess.
    import difflib  # for an error alone

    close = alike[:2] or difflib.get_close_matches(name, names, 2, 0.8)
    return [each for each in close if _digits(each) == _digits(name)]


def _digits(name: str) -> str:
    return "".join(re.findall(r"\d", name))


def advise_scheme(scheme: str, known: list[str]) -> str:
    """Return the schemes that work, for the message about an unknown one.

    Parameters
    ----------
    scheme
        As the caller wrote it, without the slashes.
    known
        All protocols of fsspec.
    """
    import difflib  # for an error alone

    near = difflib.get_close_matches(scheme.lower(), [*READY, *EXTRA, *known], 1)
    meant = f"did you mean {near[0]}://? " if near else ""
    return (
        f"there is no scheme {scheme!r}: {meant}{', '.join(READY)} work as they are, "
        f"{', '.join(EXTRA)} with pip install 'aicsio[remote]', and the others of fsspec, such as "
        "sftp and smb, with the package that they name"
    )


def package_of(module: str) -> str:
    """Return the name by which pip installs a module."""
    return _PACKAGES.get(module, module)
