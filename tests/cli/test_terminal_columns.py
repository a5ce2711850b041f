"""Columns of the terminal are those that ``shutil`` of the standard library has, without its import."""

import argparse
import shutil

import pytest

from aicsio.cli import command_parser
from aicsio.cli.terminal.text import terminal_columns


@pytest.mark.parametrize("value", [None, "33", "0", "-4", "wide", ""])
def test_columns_are_those_of_shutil(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if value is not None:
        monkeypatch.setenv("COLUMNS", value)
    assert terminal_columns() == shutil.get_terminal_size().columns


@pytest.mark.parametrize("columns", ["40", "120"])
def test_help_is_as_wide_as_that_of_argparse(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    parser = command_parser("info")
    shown = parser.format_help()
    parser.formatter_class = argparse.HelpFormatter
    assert parser.format_help() == shown
