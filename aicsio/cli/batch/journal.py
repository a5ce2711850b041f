"""The journal of a folder: one line of JSON when ``convert`` begins a file, another when it ends.

Rule kept here: a file is done if the journal holds its source and options, both are unchanged, and
the file is the one that was written. A later line that began it does not change that where the file
stayed as it was: its attempt failed. Files get their names when they are complete. A file younger
than the line that began it is therefore complete, even if the process was killed before it wrote
the second line.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs

from aicsio._io.store_versions import modified_part
from aicsio.errors import WriteError
from aicsio.records import Source

NAME = ".aicsio-convert.jsonl"
TargetState: TypeAlias = Literal["absent", "done", "source changed", "options changed", "unknown"]


@attrs.frozen
class Fingerprint:
    """Source and options of a written file."""

    source: str
    """Path or URL."""
    size: int | None
    """Bytes of the source; ``None`` if its server does not know."""
    fingerprint: str | None
    """Value that changes with the source, such as its time of change; ``None`` if there is none."""
    options: str
    """Digest of all options that change the written file."""


def take_fingerprint(source: Source, options: Mapping[str, object]) -> Fingerprint:
    """Combine source and options of a file that will be written."""
    text = json.dumps({key: repr(value) for key, value in options.items()}, sort_keys=True)
    # surrogatepass: options may hold file names that are no text.
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()
    version = source.fingerprint
    if source.folder and source.local and version is not None:
        version = modified_part(version)
    return Fingerprint(source.uri, source.size, version, digest)


class Journal:
    """The journal of one folder; incomplete lines, left by a killed process, are ignored."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._path = os.path.join(folder, NAME)
        self._last: dict[str, dict[str, Any]] = {}
        self._ended: dict[str, dict[str, Any]] = {}
        try:
            with open(self._path, encoding="utf-8", errors="surrogateescape") as lines:
                for line in lines:
                    entry = _parse_line(line)
                    if entry is not None:
                        self._keep(entry)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise WriteError(f"cannot read {self._path!r}: {error.strerror}") from error

    def targets(self) -> set[str]:
        """Paths of the files that earlier runs wrote."""
        return {os.path.realpath(os.path.join(self.folder, target)) for target in self._last}

    def state(self, target: str, fingerprint: Fingerprint) -> TargetState:
        """Compare a target with its entry."""
        if not os.path.lexists(target):
            return "absent"
        entry = self._find_entry(self._key(target), os.stat(target))
        if entry is None:
            return "unknown"
        if entry["options"] != fingerprint.options:
            return "options changed"
        recorded = (entry["source"], entry["size"], entry["fingerprint"])
        if recorded == (fingerprint.source, fingerprint.size, fingerprint.fingerprint):
            return "done"
        return "source changed"

    def _find_entry(self, key: str, status: os.stat_result) -> dict[str, Any] | None:
        # What began later may have failed, here or in another process, and left the file as it was.
        for entries in (self._last, self._ended):
            entry = entries.get(key)
            if entry is not None and _is_unchanged(entry, status):
                return entry
        return None

    def _keep(self, entry: dict[str, Any]) -> None:
        """Let a later line take the place of an earlier one of the same file and kind."""
        self._last[entry["target"]] = entry
        if _is_end(entry):
            self._ended[entry["target"]] = entry

    def begin(self, target: str, fingerprint: Fingerprint) -> int:
        """Write the first line of a file; returns its time, nanoseconds of the file system's clock."""
        self._append({"target": self._key(target), **attrs.asdict(fingerprint)}, with_time=True)
        return int(self._last[self._key(target)]["began"])

    def end(self, target: str, fingerprint: Fingerprint, *, not_kept: tuple[str, ...]) -> None:
        """Write the second line, with size and time of the complete file."""
        status = os.stat(target)
        self._append(
            {
                "target": self._key(target),
                **attrs.asdict(fingerprint),
                "written": [status.st_size, status.st_mtime_ns],
                "not_kept": list(not_kept),
            }
        )

    def _key(self, target: str) -> str:
        # Relative, with slashes: the folder may be moved, also to another system.
        return os.path.relpath(target, self.folder).replace(os.sep, "/")

    def _append(self, entry: dict[str, Any], *, with_time: bool = False) -> None:
        try:
            # Opened for each line: one append is atomic, and a kill loses at most that line.
            with open(self._path, "a", encoding="utf-8", errors="surrogateescape") as lines:
                if with_time:
                    # A file server has its own clock: touch the journal and read its time.
                    os.utime(lines.fileno())
                    entry = {**entry, "began": os.fstat(lines.fileno()).st_mtime_ns}
                lines.write(json.dumps(entry, ensure_ascii=True) + "\n")
        except OSError as error:
            raise WriteError(f"cannot write {self._path!r}: {error.strerror}") from error
        self._keep(entry)


def _parse_line(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    # A line that another program or a failing disk has changed is no entry: its file is converted
    # again, or refused as one that is not ours.
    required = {"target", "source", "size", "fingerprint", "options"}
    if not isinstance(entry, dict) or not required <= set(entry):
        return None
    if not isinstance(entry["target"], str) or "\0" in entry["target"]:
        return None
    is_begin = isinstance(entry.get("began"), int)
    return entry if is_begin or _is_end(entry) else None


def _is_end(entry: Mapping[str, Any]) -> bool:
    return isinstance(entry.get("written"), list)


def _is_unchanged(entry: Mapping[str, Any], status: os.stat_result) -> bool:
    if _is_end(entry):
        return bool([status.st_size, status.st_mtime_ns] == entry["written"])
    return status.st_mtime_ns >= int(entry["began"])
