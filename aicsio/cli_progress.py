"""Progress on stderr: only on a terminal, and only of what takes longer than a second."""

import contextlib
import sys
import time
from types import TracebackType
from typing import Any, Self

PATIENCE = 1.0
"""Seconds before anything is shown."""


class Progress:
    """Call it with what is done and the total, as often as you like."""

    def __init__(self, label: str, unit: str = "bytes") -> None:
        self._label, self._unit = label, unit
        self._start = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def __call__(self, done: int, total: int) -> None:
        """Show how far it is."""
        if self._bar is None:
            if time.monotonic() - self._start < PATIENCE or not sys.stderr.isatty() or done >= total:
                return
            self._bar = self._make()
            self._task = self._bar.add_task(self._label, total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total)

    def _make(self) -> Any:
        from rich import progress
        from rich.console import Console

        counted = progress.DownloadColumn() if self._unit == "bytes" else progress.MofNCompleteColumn()
        columns = (progress.TextColumn("{task.description}", markup=False), progress.BarColumn(), counted)
        return progress.Progress(*columns, progress.TimeRemainingColumn(), console=Console(stderr=True), transient=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            with contextlib.suppress(BrokenPipeError):
                self._bar.stop()
