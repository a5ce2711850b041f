"""Progress bars for terminals and notebooks. Imports `notebook`.

``ProgressBar`` is called with the amount done and the total, as every ``progress=`` of aicsio calls it.
In a terminal rich draws it on stderr; in a notebook it is an output of the cell that is updated in
place, by IPython alone (no widgets, which need an extension in the browser). Elsewhere, as in a log,
nothing is shown.

Rule kept here: a bar never changes what a program returns or prints on stdout, and a failing bar stops
no work.
"""

import contextlib
import sys
import threading
import time
from types import TracebackType
from typing import Any, Self

import attrs

from aicsio.errors import ArgumentTypeError

__all__ = ["ProgressBar"]

PATIENCE = 1.0
"""Seconds before a bar appears: below that, a bar is a flash, and rich takes 0.2 s to import."""
INTERVAL = 0.2
"""Seconds between two drawings in a notebook: each is a message of 6 kB to the browser."""
ECHO_WIDTH = 3
"""Columns left free for the ``^C`` that a terminal echoes: a line that wraps breaks the bars."""


class Bars:
    """Bars of rich that appear when patience ends and disappear with the block. Not a record: it is drawn."""

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
        self._end()

    def _end(self) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._bar is not None:
            # stderr may be gone, as in "aicsio ... |& head".
            with contextlib.suppress(BrokenPipeError):
                self._bar.stop()

    def _is_due(self) -> bool:
        # rich would write plain lines to a file; logs should have none.
        shown = sys.stderr is not None and sys.stderr.isatty()
        return shown and time.monotonic() - self._start >= PATIENCE


class ProgressBar(Bars):
    """A bar for ``progress=``, in a terminal or in a notebook.

    It appears after a second of work. Calls may come from any thread. Not a record: it is drawn.

    Parameters
    ----------
    label
        What is being done.
    unit
        What is counted; ``"bytes"`` are shown as MB and GB.

    Raises
    ------
    ArgumentTypeError
        When one of them is no text.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import ProgressBar, open_image, to_numpy
    >>> image = open_image(np.zeros((8, 64, 64), np.uint16), dims="ZYX")
    >>> with ProgressBar("reading") as bar:
    ...     to_numpy(image, progress=bar).shape
    (8, 64, 64)
    """

    def __init__(self, label: str = "", *, unit: str = "bytes") -> None:
        super().__init__()
        # Not by beartype, whose import would delay each command of the shell by 0.17 s.
        if any(not isinstance(text, str) for text in (label, unit)):
            raise ArgumentTypeError(
                "ProgressBar takes texts, such as ProgressBar('reading', unit='bytes'); amounts and "
                "totals come with each call"
            )
        self.label = label
        """Shown before the bar; may change while it runs."""
        self._unit = unit
        self._task: Any = None
        self._display: Any = None
        self._drawn = 0.0
        self._amount = (0, 1)
        self._lock = threading.Lock()

    def __call__(self, done: int, total: int) -> None:
        """Show the progress.

        Parameters
        ----------
        done
            Amount that is done.
        total
            Amount in all; when ``done`` reaches it, the bar ends.
        """
        with self._lock:
            self._amount = (done, total)
            if _in_notebook():
                self._draw_cell(ended=done >= total)
            else:
                self._draw_line(done, total)

    def _end(self) -> None:
        with self._lock:
            self._stop()
            if self._display is not None:
                self._draw_cell(ended=True)

    # ------------------------------------------------------------ terminal

    def _draw_line(self, done: int, total: int) -> None:
        if done >= total:
            # Outside of a "with" block nothing else would end the thread that draws.
            self._stop()
            self._bar = None
            return
        if self._bar is None:
            if not self._is_due():
                return
            self._bar = self._make()
            self._task = self._bar.add_task(self.label, total=total)
            self._bar.start()
        self._bar.update(self._task, description=self.label, completed=done, total=total)

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
            console=make_console(),
            transient=True,
        )

    # ------------------------------------------------------------ notebook

    def _draw_cell(self, *, ended: bool) -> None:
        now = time.monotonic()
        if self._display is None and (ended or now - self._start < PATIENCE):
            return
        if not ended and now - self._drawn < INTERVAL:
            return
        self._drawn = now
        shown = _Drawing(self.label, self._unit, self._amount, now - self._start, ended)
        # The kernel may be shutting down; the work goes on.
        with contextlib.suppress(Exception):
            if self._display is None:
                from IPython import display

                show: Any = display.display  # it has no annotations
                self._display = show(shown, display_id=True)
            else:
                self._display.update(shown)
        if ended:
            self._display = None


@attrs.frozen
class _Drawing:
    """One state of a bar in a notebook."""

    label: str
    """Name of the task."""
    unit: str
    """Unit of the counts."""
    amount: tuple[int, int]
    """Done, and in total."""
    seconds: float
    """Since the start."""
    ended: bool
    """Whether the work is over, done or not."""

    def __repr__(self) -> str:
        return f"{self.label} {self._percent():.0f} %, {self._describe()}".lstrip()

    def _repr_html_(self) -> str:
        # Imported here: terminals need no HTML.
        from aicsio.notebook.markup import page, tag, text

        percent = self._percent()
        color = "--aicsio-accent"
        if self.ended:
            color = "--aicsio-good" if percent >= 100 else "--aicsio-bad"
        filled = tag("div", style=f"width:{percent:.1f}%;height:100%;background:var({color})")
        frame = "width:16em;height:.7em;border-radius:4px;overflow:hidden;background:rgba(128,128,128,.3)"
        meter = tag(
            "div", filled, style=frame, role="progressbar", aria_label=self.label, aria_valuemin=0,
            aria_valuemax=100, aria_valuenow=round(percent),
        )  # fmt: skip
        words = tag("span", text(self._describe()), class_="aicsio-muted")
        row = "display:flex;flex-wrap:wrap;gap:.2em .8em;align-items:center"
        return page(tag("div", tag("span", text(self.label)), meter, words, style=row))

    def _percent(self) -> float:
        done, total = self.amount
        return 100.0 * min(done, total) / max(total, 1)

    def _describe(self) -> str:
        """Write the amounts, and the time that is left or was taken."""
        from aicsio.notebook.words import duration_of, size_of

        done, total = self.amount
        amounts = f"{done:,} of {total:,} {self.unit}"
        if self.unit == "bytes":
            amounts = f"{size_of(done)} of {size_of(total)}"
        if self.ended:
            state = "in" if done >= total else "stopped after"
            return f"{amounts}, {state} {duration_of(self.seconds)}"
        if not done:
            return amounts
        left = self.seconds * (total - done) / done
        return f"{amounts}, {duration_of(max(1.0, round(left)))} left"


def _in_notebook() -> bool:
    """Whether this is the kernel of a notebook; IPython in a terminal has none."""
    module = sys.modules.get("IPython")
    if module is None:
        return False
    return getattr(module.get_ipython(), "kernel", None) is not None


def make_console() -> Any:
    """Make the console of rich on stderr, a little narrower than the terminal.

    Lines that a program prints while bars are shown keep their length: a path that is broken in two
    cannot be copied.
    """
    from rich.console import Console, ConsoleDimensions

    class Narrower(Console):
        @property  # type: ignore[misc]  # nobody sets it
        def size(self) -> ConsoleDimensions:
            width, height = super().size
            return ConsoleDimensions(max(20, width - ECHO_WIDTH), height)

    return Narrower(stderr=True, soft_wrap=True)
