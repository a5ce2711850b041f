"""The journal of a store that is being written: which units are whole, and what they passed on.

Rule kept here: a unit is in the journal only after all of its files are in the store. A journal
counts only for the same source and options; any other is discarded.
"""

import errno
import json
import os
from typing import Any

import numpy as np

from aicsio.writers._pixels.jobs import TilePosition
from aicsio.writers._zarr.disk_errors import refusing
from aicsio.writers._zarr.units import Carry

_HEADER, _UNITS = "source.json", "units"


class UnitJournal:
    """The journal in a folder. Not a record: it grows while units are finished.

    Threads call ``record`` concurrently: a line is one write.
    """

    def __init__(self, folder: str, fingerprint: str, target: str) -> None:
        self._folder = folder
        self._target = target
        self._done: dict[tuple[str, int], bool] = {}
        os.makedirs(folder, exist_ok=True)
        header = os.path.join(folder, _HEADER)
        with open(header, "w", encoding="utf-8") as file:
            json.dump({"fingerprint": fingerprint}, file)
        self._read_units()

    def _read_units(self) -> None:
        name = os.path.join(self._folder, _UNITS)
        try:
            with open(name, "rb") as file:
                text = file.read()
        except FileNotFoundError:
            return
        # What follows the last newline is a line that was cut off: the next one would go behind it.
        whole = text[: text.rfind(b"\n") + 1]
        if len(whole) < len(text):
            os.truncate(name, len(whole))
        for line in whole.decode().splitlines():
            path, number, has_carries = json.loads(line)
            self._done[path, number] = has_carries

    def record(self, path: str, number: int, carries: list[Carry]) -> None:
        """Enter a unit whose files are all in the store.

        Raises
        ------
        WriteError
            When the disk is full.
        """
        line = (json.dumps([path, number, bool(carries)]) + "\n").encode()
        # O_APPEND: a line goes behind the last one, whichever thread wrote that.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        with refusing(self._target):
            if carries:
                # Before the line: a unit that counts as finished without its carries would leave a
                # hole in the levels above.
                _save(self._carries_name(path, number), carries)
            fd = os.open(os.path.join(self._folder, _UNITS), flags, 0o666)
            try:
                if os.write(fd, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                os.close(fd)

    def carries_of(self, path: str, number: int) -> list[Carry] | None:
        """Return what a finished unit passed on; ``None`` for a unit that is not finished."""
        has_carries = self._done.get((path, number))
        if has_carries is None:
            return None
        return _load(self._carries_name(path, number)) if has_carries else []

    def is_empty(self) -> bool:
        """Whether no unit has been finished."""
        return not has_units(self._folder)

    def _carries_name(self, path: str, number: int) -> str:
        return os.path.join(self._folder, f"{path.replace('/', '-')}-{number}.npz")


def has_units(folder: str) -> bool:
    """Whether the journal in a folder has a finished unit."""
    return os.path.exists(os.path.join(folder, _UNITS))


def fingerprint_of(folder: str) -> str | None:
    """Return the fingerprint of the journal in a folder; ``None`` without a whole header."""
    try:
        with open(os.path.join(folder, _HEADER), encoding="utf-8") as file:
            header = json.load(file)
    except (OSError, ValueError):
        return None
    value = header.get("fingerprint") if isinstance(header, dict) else None
    return value if isinstance(value, str) else None


def forget(folder: str) -> None:
    """Make a journal count for nothing."""
    # The header holds the fingerprint: without it no later call takes the store over.
    os.unlink(os.path.join(folder, _HEADER))


def _save(name: str, carries: list[Carry]) -> None:
    positions = [(c.position.level, c.position.plane, c.position.row, c.position.column)
                 for c in carries]  # fmt: skip
    states: dict[str, Any] = {str(number): carry.state for number, carry in enumerate(carries)}
    # A killed process must not leave half a file under the name that _load reads.
    with open(f"{name}.part", "wb") as file:
        np.savez(file, positions=np.array(positions), **states)
    os.replace(f"{name}.part", name)


def _load(name: str) -> list[Carry]:
    # The folder may be shared: a pickle in it would run code of whoever wrote it.
    with np.load(name, allow_pickle=False) as saved:
        return [
            Carry(TilePosition(*position), saved[str(number)])
            for number, position in enumerate(saved["positions"].tolist())
        ]
