"""The next thing to type after an error or a diagnostic.

Rule kept here: an advice is a whole command, with the name of the file in it, ready to be copied. A
message that has an option or a command in it already gets none.
"""

import ast
import errno
import os
import re
import shlex
from collections.abc import Mapping

from aicsio._io.urls import is_url, public_url
from aicsio.cli.terminal.wording import speak_options
from aicsio.errors import (
    AicsioError,
    CorruptFileError,
    DimensionError,
    ImageTooLargeError,
    SceneError,
    SourceChangedError,
    SourceError,
    SourceNotFoundError,
    UnsupportedFormatError,
)

_ADVISED = re.compile(r"(?<![\w-])--[a-z]|pip install |\baicsio [a-z]")
"""An option or a command in a message."""

_BY_ERROR: tuple[tuple[type[AicsioError], str], ...] = (
    (UnsupportedFormatError, "aicsio explain {file}"),
    (CorruptFileError, "aicsio check {file}"),
    (ImageTooLargeError, "aicsio info {file}"),
    (SceneError, "aicsio info {file}"),
    (DimensionError, "aicsio info {file}"),
    (SourceChangedError, "aicsio info {file}"),
    (SourceError, "ls -l {file}"),
)
"""Asked in this order: the first class that fits decides."""

_BY_NUMBER = {
    errno.ENOSPC: "df -h {folder}",
    errno.EDQUOT: "df -h {folder}",
    errno.EACCES: "ls -ld {folder}",
    errno.EPERM: "ls -ld {folder}",
    errno.EROFS: "ls -ld {folder}",
}
"""What to type when the system refuses to write, by its number of the error."""
_QUOTED = r"('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
"""A name as Python quotes it."""
_WRITTEN = re.compile(rf"cannot (?:write|keep|make|use) .*?{_QUOTED}")
"""The name of what could not be written."""
_NO_FOLDER = re.compile(rf"there is no folder {_QUOTED}; make it first")
"""The folder of an output, where there is none."""

_AFTER_THAT: Mapping[type[AicsioError], str] = {
    UnsupportedFormatError: "aicsio doctor",
    CorruptFileError: "aicsio explain {file}",
    SceneError: "aicsio explain {file}",
}
"""What to type where the command that failed is itself the advice: it would be no news."""

_TAKE_FILES = frozenset(
    {"check", "explain", "info", "metadata", "planes", "verify", "view", "wells"}
)
"""Commands that run on the name of a file alone."""

_BY_CODE: tuple[tuple[str, str], ...] = (
    (r"guess|guessed-axes|renamed-axes|unknown-dimension", "aicsio info {file} --dims LETTERS"),
    (
        r"print-resolution|unusable-size|scale-without-unit|imagej-calibration|imagej-sizes",
        "aicsio convert {file} OUT.ome.tiff --pixel-size Z=1,Y=0.5,X=0.5",
    ),
    (r"subblock-masks", "aicsio info {file} --masks"),
    (r"second-engine|library-.*|reader-limit|lif-readlif-declines", "aicsio verify {file}"),
    (r".*-stopped|.*missing-(frames|planes)|ome-planes-missing", "aicsio planes {file}"),
    (r".*missing-(files|members|file-parts)|files-differ|unchecked-files", "ls {folder}"),
    (
        r"contradiction|ome-.*|channel-color|metadata-encoding|.*-repaired-xml|.*-metadata|document-date",
        "aicsio metadata --raw {file}",
    ),
)
"""What to type for codes of diagnostics; for the others, a check shows whether pixels are lost."""


def next_step(error: AicsioError, name: str = "", command: str = "") -> str | None:
    """Return the command to type after an error.

    Parameters
    ----------
    error
        The error.
    name
        File that it is about, as the user wrote it; empty if there is none.
    command
        Name of the command that failed.

    Returns
    -------
    str or None
        ``None`` if the message has an advice itself.

    Examples
    --------
    >>> from aicsio.cli.terminal.advice import next_step
    >>> from aicsio.errors import UnsupportedFormatError
    >>> next_step(UnsupportedFormatError("no format opens it"), "my notes.txt")
    "aicsio explain 'my notes.txt'"
    """
    if _ADVISED.search(speak_options(str(error))):
        return None
    refused = _look_at_folder(error)
    if refused is not None:
        return refused
    # "-" is the standard input: no command finds or lists it.
    if name and name != "-" and isinstance(error, SourceNotFoundError):
        return _find_instead(name, command or "info")
    if name and name != "-":
        for kind, advice in _BY_ERROR:
            if isinstance(error, kind):
                if is_url(name) and advice.startswith("ls "):
                    return f"curl -I {_quote(name)}"  # a server lists no file
                if advice.startswith(f"aicsio {command} ") and kind in _AFTER_THAT:
                    return _AFTER_THAT[kind].format(file=_quote(name))
                return advice.format(file=_quote(name))
    return " ".join(filter(None, ["aicsio", command, "--help"]))


def next_step_of_code(code: str, name: str) -> str:
    """Return the command to type about a diagnostic.

    Parameters
    ----------
    code
        Code of the diagnostic.
    name
        The file, as the user wrote it.

    Examples
    --------
    >>> from aicsio.cli.terminal.advice import next_step_of_code
    >>> next_step_of_code("guessed-axes", "a.tif"), next_step_of_code("tiff-broken-page", "a.tif")
    ('aicsio info a.tif --dims LETTERS', 'aicsio check --deep a.tif')
    """
    advice = "aicsio check --deep {file}"
    for pattern, fitting in _BY_CODE:
        if re.fullmatch(pattern, code):
            advice = fitting
            break
    folder = os.path.dirname(name) or os.curdir
    return advice.format(file=_quote(name), folder=_quote(folder))


def _look_at_folder(error: AicsioError) -> str | None:
    """Return what makes a missing folder, or shows the space or rights of one that is written to."""
    absent = _NO_FOLDER.search(str(error))
    if absent is not None:
        return f"mkdir -p {_quote(ast.literal_eval(absent[1]))}"
    number = getattr(error.__cause__, "errno", None)
    written = _WRITTEN.search(str(error))
    if number not in _BY_NUMBER or written is None:
        return None
    folder = os.path.dirname(os.path.abspath(ast.literal_eval(written[1])))
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return _BY_NUMBER[number].format(folder=_quote(folder))


def _find_instead(name: str, command: str) -> str:
    """Return the command with the closest name beside a missing file, or else list its folder."""
    if is_url(name):
        return f"curl -I {_quote(name)}"
    folder, base = os.path.split(os.path.expanduser(name))
    try:
        names = os.listdir(folder or os.curdir)
    except OSError:
        names = []
    # The name itself is there when it is a folder without images, or a link to nothing.
    names = [other for other in names if other != base]
    # Imported here: few errors need it.
    import difflib

    close = difflib.get_close_matches(base, names, n=1)
    # Commands that write have another argument: the name of the file alone would not run.
    if close and command in _TAKE_FILES:
        return f"aicsio {command} {_quote(os.path.join(folder, close[0]))}"
    if os.path.isdir(os.path.expanduser(name)):
        return f"ls {_quote(name)}"
    while folder and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return f"ls {_quote(folder or os.curdir)}"


def _quote(name: str) -> str:
    # A name that begins with a dash would be an option of the advised command.
    return shlex.quote(f"./{name}" if name.startswith("-") else public_url(name))
