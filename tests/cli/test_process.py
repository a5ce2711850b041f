"""The command line as a process of its own."""

import gc
import signal
import sys
from collections.abc import Iterator

import pytest

from aicsio.__main__ import run


@pytest.fixture(autouse=True)
def _usual_interrupts() -> Iterator[None]:
    """The process of the tests goes on after ``run``, and Ctrl-C has to end them as before."""
    usual = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, usual)


def test_the_objects_of_a_process_are_frozen_at_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["aicsio", "info", "missing.tif"])
    try:
        assert run() == 1
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
    assert "missing.tif" in capsys.readouterr().err


def test_they_are_frozen_after_the_help_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["aicsio", "--help"])
    try:
        with pytest.raises(SystemExit):
            run()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
    assert "usage" in capsys.readouterr().out
