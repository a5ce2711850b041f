"""Digests of the files of an image, in lists that ``sha256sum -c`` reads.

Codecs without a checksum take some changed bytes for other pixels, which no decoder can see. A list that was
written beside the original finds every changed bit of its copies.

Rule kept here: names of a list are relative to its folder, as ``sha256sum -c`` takes them there.

Source of the facts: GNU coreutils manual, sections "md5sum invocation" and "cksum invocation".
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from aicsio.errors import CorruptFileError, SourceError, SourceNotFoundError, WriteError
from aicsio.records import Damage, Source

_LINE: Final = re.compile(r"(\\?)([0-9a-fA-F]{64}) [ *](.+)")
"""A backslash where the name is escaped, the digest, and the name behind a space or an asterisk."""
_TAGGED: Final = re.compile(r"(\\?)SHA256 \((.+)\) = ([0-9a-fA-F]{64})")
"""A line of ``sha256sum --tag`` and of BSD."""
_ESCAPES: Final = {r"\\": "\\", r"\n": "\n", r"\r": "\r"}


def list_files(sources: Iterable[Source]) -> list[Path]:
    """Return the local files that an image is made of: all in its folder, or those of its pixels.

    Parameters
    ----------
    sources
        What was opened, and the files that its levels read.

    Raises
    ------
    SourceError
        When one lies in memory or on a server.
    """
    found: dict[Path, None] = {}
    for source in sources:
        if not source.local or source.content is not None:
            raise SourceError(f"digests are those of local files; {source.uri} is none")
        path = Path(source.uri)
        if path.is_dir():
            found.update(dict.fromkeys(each for each in sorted(path.rglob("*")) if each.is_file()))
        elif path.exists():
            found[path] = None
    return list(found)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits.

    Raises
    ------
    SourceError
        When it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error


def read_digests(path: Path) -> dict[Path, str]:
    """Read a list of digests.

    Parameters
    ----------
    path
        Of the list, as ``sha256sum`` writes it, with or without ``--tag``.

    Returns
    -------
    dict
        Digests by the real path of each file, which need not be there.

    Raises
    ------
    SourceNotFoundError
        When there is no list.
    SourceError
        When it cannot be read.
    CorruptFileError
        When a line has no digest.
    """
    try:
        text = path.read_text("utf-8", "surrogateescape")
    except FileNotFoundError as error:
        raise SourceNotFoundError(f"{path}: there is no list of digests") from error
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error
    digests = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        plain, tagged = _LINE.fullmatch(line.rstrip("\r")), _TAGGED.fullmatch(line.rstrip("\r"))
        if plain:
            escaped, digest, name = plain.groups()
        elif tagged:
            escaped, name, digest = tagged.groups()
        else:
            raise CorruptFileError(
                f"{path}, line {number}: expected a SHA-256 and a name, as sha256sum writes them, "
                f"found {line[:80]!r}"
            )
        if escaped:
            name = re.sub(r"\\[\\nr]", lambda match: _ESCAPES[match[0]], name)
        digests[_real(path.parent / name)] = digest.lower()
    return digests


def write_digests(path: Path, files: Iterable[Path]) -> None:
    """Write a list of digests, whole or not at all; lines of other files that it has are kept.

    Raises
    ------
    SourceError
        When a file cannot be read.
    WriteError
        When the list cannot be written.
    """
    digests = read_digests(path) if path.exists() else {}
    digests.update((_real(file), digest_of(file)) for file in files)
    digests.pop(_real(path), None)
    folder = _real(path.parent)
    lines = [_line(digest, os.path.relpath(file, folder)) for file, digest in digests.items()]
    new = path.with_name(path.name + ".new")
    try:
        with new.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            file.writelines(lines)
        os.replace(new, path)
    except OSError as error:
        new.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise WriteError(
            f"cannot write {str(path)!r}: {reason}. The previous list is as it was"
        ) from error


def _line(digest: str, name: str) -> str:
    name = name.replace(os.sep, "/")
    if not any(each in name for each in "\\\n\r"):
        return f"{digest}  {name}\n"
    for written, meant in _ESCAPES.items():
        name = name.replace(meant, written)
    return f"\\{digest}  {name}\n"


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def compare_digests(
    digests: Mapping[Path, str], place: Path, files: Iterable[Path]
) -> Iterator[Damage]:
    """Compare the files of an image with a list of digests.

    Parameters
    ----------
    digests
        By real path.
    place
        The file or folder that was named: each file of the list in it must be there.
    files
        The files of the image; those that the list lacks are passed over.

    Yields
    ------
    Damage
        ``digest-differs`` and ``file-missing``.

    Raises
    ------
    SourceNotFoundError
        When the list has none of these files: nothing would be compared.
    """
    root = _real(place)
    paths = {_real(file): file for file in files}
    inside = {path: path for path in digests if path == root or root in path.parents}
    known = {path: file for path, file in {**inside, **paths}.items() if path in digests}
    if not known:
        raise SourceNotFoundError(
            f"the list of digests has no line of {place}; "
            f"write one while it is whole: aicsio check {place} --write-sums SHA256SUMS"
        )
    for path, file in known.items():
        if not path.exists():
            yield Damage("file-missing", "it is in the list of digests", str(file))
            continue
        digest = digest_of(path)
        if digest != digests[path]:
            message = (
                f"its SHA-256 begins with {digest[:12]}, that of the list {digests[path][:12]}"
            )
            yield Damage("digest-differs", message, str(file))
