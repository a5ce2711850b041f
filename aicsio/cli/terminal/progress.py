"""Progress bars of a batch on stderr; that of one file is ``aicsio.progress.ProgressBar``.

Rule kept here: stdout gets the same lines with and without bars.
"""

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

from aicsio.progress import Bars, make_console


class BatchProgress(Bars):
    """Bars of a batch: one for all images, and one for each image in work."""

    def __init__(self, total: int, done: int = 0) -> None:
        self._total, self._done, self._failed = total, done, 0
        super().__init__()
        self._all: Any = None
        self._tasks: dict[str, Any] = {}
        self._shares: dict[str, float] = {}

    def begin(self, target: str) -> Callable[[int, int], None]:
        """Count an image as begun; returns a function that takes the amount done and the total."""
        self._shares[target] = 0.0
        return functools.partial(self.advance, target)

    def advance(self, target: str, done: int, total: int) -> None:
        """Show the progress of an image."""
        share = done / max(total, 1)
        self._shares[target] = share
        if not self._is_shown():
            return
        if target not in self._tasks:
            name = os.path.basename(target)
            self._tasks[target] = self._bar.add_task(name, total=total, count="")
        self._bar.update(self._tasks[target], completed=done, total=total, count=f"{share:.0%}")
        self._update()

    def end(self, target: str, *, failed: bool) -> None:
        """Count an image as finished and remove its bar."""
        self._shares.pop(target, None)
        self._done += 1
        self._failed += failed
        if self._is_shown():
            if target in self._tasks:
                self._bar.remove_task(self._tasks.pop(target))
            self._update()

    def report_waiting(self, reason: str) -> None:
        """Print the reason for a pause."""
        print(f"aicsio: {reason}", file=sys.stderr, flush=True)

    def _update(self) -> None:
        count = f"{self._done}/{self._total}"
        if self._failed:
            count += f", {self._failed} failed"
        completed = self._done + sum(self._shares.values())
        self._bar.update(self._all, completed=completed, count=count)

    def _is_shown(self) -> bool:
        if self._bar is None and self._is_due():
            self._bar = self._make()
            self._all = self._bar.add_task("all images", total=self._total, count="")
            self._update()
            self._bar.start()
        return self._bar is not None

    def _make(self) -> Any:
        from rich import progress
        from rich.table import Column

        name = Column(no_wrap=True, overflow="ellipsis", ratio=3, min_width=8)
        one_line = Column(no_wrap=True)
        return progress.Progress(
            progress.TextColumn("{task.description}", markup=False, table_column=name),
            progress.BarColumn(None, table_column=Column(ratio=2, min_width=4)),
            progress.TextColumn("{task.fields[count]}", markup=False, table_column=one_line),
            progress.TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
            console=make_console(),
            transient=True,
            expand=True,
            # rich would send lines for a redirected stdout to the terminal.
            redirect_stdout=sys.stdout.isatty(),
        )
