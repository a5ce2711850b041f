"""Bars in notebooks, and what calls them; those of terminals are in tests/cli."""

import html.parser
import sys
import threading
import types
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from aicsio import (
    ArgumentTypeError,
    ProgressBar,
    check,
    open_image,
    progress,
    to_numpy,
    write_ome_tiff,
)
from aicsio.testing import ImageSpec, TiffSpec, write
from aicsio.verify import verify


@attrs.define
class Cell:
    """Stands for a cell of a notebook: the output that it shows, and how often it was replaced."""

    shown: Any = None
    updates: int = 0

    def display(self, shown: Any, *, display_id: bool) -> "Cell":
        assert display_id
        self.shown = shown
        return self

    def update(self, shown: Any) -> None:
        self.shown = shown
        self.updates += 1


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    """Let this process pass for a kernel."""
    made = Cell()
    display = types.ModuleType("IPython.display")
    monkeypatch.setattr(display, "display", made.display, raising=False)
    package = types.ModuleType("IPython")
    monkeypatch.setattr(package, "display", display, raising=False)
    kernel = types.SimpleNamespace(kernel=object())
    monkeypatch.setattr(package, "get_ipython", lambda: kernel, raising=False)
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    return made


def test_a_cell_shows_one_bar_that_moves(cell: Cell) -> None:
    with ProgressBar("writing <a>") as bar:
        bar(0, 4_000_000)
        bar(1_000_000, 4_000_000)
        assert "25 %, 1 MB of 4 MB" in repr(cell.shown)
        drawn = cell.shown._repr_html_()
        assert "width:25.0%" in drawn
        assert "writing &lt;a&gt;" in drawn
        bar(4_000_000, 4_000_000)
    assert "4 MB of 4 MB, in " in repr(cell.shown)
    assert cell.updates == 2
    html.parser.HTMLParser().feed(cell.shown._repr_html_())


def test_a_bar_that_is_stopped_remains_as_it_was(cell: Cell) -> None:
    with ProgressBar("reading", unit="planes") as bar:
        bar(1, 4)
    assert "1 of 4 planes, stopped after" in repr(cell.shown)
    assert "--aicsio-bad)" in cell.shown._repr_html_()


def test_short_work_shows_nothing(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 99.0)
    with ProgressBar() as bar:
        bar(1, 4)
        bar(4, 4)
    assert cell.shown is None


def test_a_terminal_with_ipython_has_no_cells(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: None)
    with ProgressBar() as bar:
        bar(1, 4)
    assert cell.shown is None


@pytest.mark.usefixtures("cell")
def test_a_failing_display_stops_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the kernel is gone")

    monkeypatch.setattr(sys.modules["IPython.display"], "display", fail)
    image = open_image(np.arange(6).reshape(2, 3))
    with ProgressBar() as bar:
        bar(1, 4)
        assert to_numpy(image, progress=bar).shape == (2, 3)


def test_a_bar_takes_texts() -> None:
    with pytest.raises(ArgumentTypeError):
        ProgressBar(100)  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [1, 4])
def test_reading_writing_and_checking_count_to_the_end(tmp_path: Path, workers: int) -> None:
    spec = TiffSpec((ImageSpec(T=6, C=2, Y=512, X=512),), tile=(128, 128), compression="zlib")
    handle = open_image(write(spec, tmp_path))
    calls: dict[str, list[tuple[int, int]]] = {
        name: [] for name in ("read", "write", "check", "verify")
    }
    busy = threading.Lock()

    def note(name: str) -> Any:
        def call(done: int, total: int) -> None:
            assert busy.acquire(blocking=False), "two threads call at once"
            calls[name].append((done, total))
            busy.release()

        return call

    pixels = to_numpy(handle, workers=workers, progress=note("read"))
    write_ome_tiff(handle, tmp_path / "copy.ome.tiff", workers=workers, progress=note("write"))
    assert check(handle, deep=True, progress=note("check")).whole
    assert verify(handle.source.uri, engine="openreadout", progress=note("verify")).agrees
    for name, made in calls.items():
        done, totals = zip(*made, strict=True)
        assert set(totals) == {pixels.nbytes}, name
        assert list(done) == sorted(done), name
        assert done[-1] == pixels.nbytes, name
        assert len(done) > 1, name
