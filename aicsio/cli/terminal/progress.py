"""Progress bars on stderr: only on a terminal, and only after a second of work.

Rule kept here: stdout gets the same lines with and without bars.
"""

import contextlib
import functools
import os
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

PATIENCE = 1.0
"""Seconds before a bar appears: below that, a bar is a flash, and rich takes 0.2 s to import."""
ECHO_WIDTH = 3
"""Columns left free for the ``^C`` that a terminal echoes: a line that wraps breaks the bars."""


def _make_console() -> Any:
    from rich.console import Console, ConsoleDimensions

    class Narrower(Console):
        @property  # type: ignore[misc]  # nobody sets it
        def size(self) -> ConsoleDimensions:
            width, height = super().size
            return ConsoleDimensions(max(20, width - ECHO_WIDTH), height)

    return Narrower(stderr=True)


class _Bars:
    """Bars that appear when patience ends and disappear with the block."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            # stderr may be gone, as in "aicsio ... |& head".
            with contextlib.suppress(BrokenPipeError):
                self._bar.stop()

    def _is_due(self) -> bool:
        # rich would write plain lines to a file; logs should have none.
        return sys.stderr.isatty() and time.monotonic() - self._start >= PATIENCE


class Progress(_Bars):
    """One bar: call it with the amount done and the total, as often as you like."""

    def __init__(self, label: str, unit: str = "bytes") -> None:
        self._label, self._unit = label, unit
        super().__init__()
        self._task: Any = None

    def __call__(self, done: int, total: int) -> None:
        """Show the progress."""
        if self._bar is None:
            # A bar that would start full is of no use.
            if done >= total or not self._is_due():
                return
            self._bar = self._make()
            self._task = self._bar.add_task(self._label, total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total)

    def _make(self) -> Any:
        from rich import progress

        count: Any = progress.MofNCompleteColumn()
        if self._unit == "bytes":
            count = progress.DownloadColumn()
        return progress.Progress(
            # A file name is not rich's markup, even if it holds [brackets].
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            count,
            progress.TimeRemainingColumn(),
            console=_make_console(),
            transient=True,
        )


class BatchProgress(_Bars):
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
            console=_make_console(),
            transient=True,
            expand=True,
            # rich would send lines for a redirected stdout to the terminal.
            redirect_stdout=sys.stdout.isatty(),
        )
