"""Progress on stderr: only on a terminal, and only of what takes longer than a second.

Rule kept here: stdout gets the same lines whether someone looks at bars or not.
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
"""Seconds before anything is shown."""


def _console() -> Any:
    """The terminal of stderr, with room for the ^C that it shows: a line more would spoil the bars."""
    from rich.console import Console, ConsoleDimensions

    class Narrower(Console):
        @property  # type: ignore[misc]  # nobody sets it
        def size(self) -> ConsoleDimensions:
            width, height = super().size
            return ConsoleDimensions(max(20, width - 3), height)

    return Narrower(stderr=True)


class _Shown:
    """Bars that appear when patience ends and go with the block."""

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
            with contextlib.suppress(BrokenPipeError):
                self._bar.stop()


class Progress(_Shown):
    """Call it with what is done and the total, as often as you like."""

    def __init__(self, label: str, unit: str = "bytes") -> None:
        self._label, self._unit = label, unit
        super().__init__()
        self._task: Any = None

    def __call__(self, done: int, total: int) -> None:
        """Show how far it is."""
        if self._bar is None:
            if (
                time.monotonic() - self._start < PATIENCE
                or not sys.stderr.isatty()
                or done >= total
            ):
                return
            self._bar = self._make()
            self._task = self._bar.add_task(self._label, total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total)

    def _make(self) -> Any:
        from rich import progress

        counted = (
            progress.DownloadColumn() if self._unit == "bytes" else progress.MofNCompleteColumn()
        )
        columns = (
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            counted,
        )
        return progress.Progress(
            *columns, progress.TimeRemainingColumn(), console=_console(), transient=True
        )


class Board(_Shown):
    """Bars of a batch: one for all images, and one for each that is being converted."""

    def __init__(self, total: int, done: int = 0) -> None:
        self._total, self._done, self._failed = total, done, 0
        super().__init__()
        self._all: Any = None
        self._tasks: dict[str, Any] = {}
        self._parts: dict[str, float] = {}

    def begun(self, target: str) -> Callable[[int, int], None]:
        """Say that an image is begun; call what comes back with what is done of it, and the total."""
        self._parts[target] = 0.0
        return functools.partial(self.advanced, target)

    def advanced(self, target: str, done: int, total: int) -> None:
        """Show how far an image is."""
        self._parts[target] = done / max(total, 1)
        if not self._is_shown():
            return
        if target not in self._tasks:
            self._tasks[target] = self._bar.add_task(
                os.path.basename(target), total=total, count=""
            )
        self._bar.update(
            self._tasks[target], completed=done, total=total, count=f"{done / max(total, 1):.0%}"
        )
        self._update()

    def ended(self, target: str, *, failed: bool) -> None:
        """Take the bar of an image away."""
        self._parts.pop(target, None)
        self._done += 1
        self._failed += failed
        if self._is_shown():
            if target in self._tasks:
                self._bar.remove_task(self._tasks.pop(target))
            self._update()

    def waiting(self, why: str) -> None:
        """Say on a line why nothing goes on."""
        print(f"aicsio: {why}", file=sys.stderr, flush=True)

    def _update(self) -> None:
        count = f"{self._done}/{self._total}" + (f", {self._failed} failed" if self._failed else "")
        self._bar.update(self._all, completed=self._done + sum(self._parts.values()), count=count)

    def _is_shown(self) -> bool:
        if self._bar is None and sys.stderr.isatty() and time.monotonic() - self._start >= PATIENCE:
            self._bar = self._make()
            self._all = self._bar.add_task("all images", total=self._total, count="")
            self._update()
            self._bar.start()
        return self._bar is not None

    def _make(self) -> Any:
        from rich import progress
        from rich.table import Column

        name = Column(no_wrap=True, overflow="ellipsis", ratio=3, min_width=8)
        return progress.Progress(
            progress.TextColumn("{task.description}", markup=False, table_column=name),
            progress.BarColumn(None, table_column=Column(ratio=2, min_width=4)),
            progress.TextColumn(
                "{task.fields[count]}", markup=False, table_column=Column(no_wrap=True)
            ),
            progress.TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
            console=_console(),
            transient=True,
            expand=True,
            # What goes to a file must not come to the terminal instead.
            redirect_stdout=sys.stdout.isatty(),
        )
