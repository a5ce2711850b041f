"""What ``aicsio convert`` did in a folder: one line of JSON when it begins a file, one when the file is there.

Rule kept here: a file counts as done when the journal says what it was made from and how, both are still so, and the
file is the one that was written. Files appear under their names whole, so one that is younger than the line that began
it is whole too, even where the process was killed before it could say so.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs

from aicsio.errors import WriteError
from aicsio.records import Source

NAME = ".aicsio-convert.jsonl"
State: TypeAlias = Literal["absent", "done", "source changed", "options changed", "unknown"]


@attrs.frozen
class Mark:
    """What a file is made from, and how."""

    source: str
    """Path or URL."""
    size: int | None
    """Bytes of the source."""
    fingerprint: str | None
    """What changes when the source does."""
    options: str
    """Digest of all options that matter."""


def mark_of(source: Source, options: Mapping[str, object]) -> Mark:
    """Say what a file will be made from, and how."""
    told = json.dumps({key: repr(value) for key, value in options.items()}, sort_keys=True)
    digest = hashlib.blake2b(told.encode(errors="surrogatepass"), digest_size=8).hexdigest()
    return Mark(source.uri, source.size, source.fingerprint, digest)


class Journal:
    """The journal of one folder; lines that were cut off count as not written."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._path = os.path.join(folder, NAME)
        self._last: dict[str, dict[str, Any]] = {}
        try:
            with open(self._path, encoding="utf-8", errors="surrogateescape") as lines:
                for line in lines:
                    entry = _entry(line)
                    if entry is not None:
                        self._last[entry["target"]] = entry
        except FileNotFoundError:
            pass
        except OSError as error:
            raise WriteError(f"cannot read {self._path!r}: {error.strerror}") from error

    def targets(self) -> set[str]:
        """Files that earlier runs made."""
        return {os.path.realpath(os.path.join(self.folder, target)) for target in self._last}

    def state(self, target: str, mark: Mark) -> State:
        """Say what became of a file."""
        if not os.path.lexists(target):
            return "absent"
        entry = self._last.get(self._key(target))
        if entry is None or not _is_ours(entry, os.stat(target)):
            return "unknown"
        if entry["options"] != mark.options:
            return "options changed"
        same = (entry["source"], entry["size"], entry["fingerprint"]) == (
            mark.source,
            mark.size,
            mark.fingerprint,
        )
        return "done" if same else "source changed"

    def begin(self, target: str, mark: Mark) -> int:
        """Say that a file is begun; returns when, in nanoseconds of the clock of its file system."""
        self._append({"target": self._key(target), **attrs.asdict(mark)}, since=True)
        return int(self._last[self._key(target)]["began"])

    def end(self, target: str, mark: Mark, *, not_kept: tuple[str, ...]) -> None:
        """Say that it is there."""
        status = os.stat(target)
        written = {"written": [status.st_size, status.st_mtime_ns], "not_kept": list(not_kept)}
        self._append({"target": self._key(target), **attrs.asdict(mark), **written})

    def _key(self, target: str) -> str:
        return os.path.relpath(target, self.folder).replace(os.sep, "/")

    def _append(self, entry: dict[str, Any], *, since: bool = False) -> None:
        try:
            with open(self._path, "a", encoding="utf-8", errors="surrogateescape") as lines:
                if since:
                    # The clock of a file server is not ours: touch the journal and look.
                    os.utime(lines.fileno())
                    entry = {**entry, "began": os.fstat(lines.fileno()).st_mtime_ns}
                lines.write(json.dumps(entry, ensure_ascii=True) + "\n")
        except OSError as error:
            raise WriteError(f"cannot write {self._path!r}: {error.strerror}") from error
        self._last[entry["target"]] = entry


def _entry(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    wanted = {"target", "source", "size", "fingerprint", "options"}
    whole = (
        isinstance(entry, dict)
        and wanted <= set(entry)
        and ("began" in entry or "written" in entry)
    )
    return entry if whole else None


def _is_ours(entry: Mapping[str, Any], status: os.stat_result) -> bool:
    if "written" in entry:
        return bool([status.st_size, status.st_mtime_ns] == entry["written"])
    return status.st_mtime_ns >= int(entry["began"])
