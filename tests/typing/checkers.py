"""Runs type checkers on copies of programs, as a user of the installed package does."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MESSAGE = re.compile(
    r"^(?P<file>\w+)\.py:(?P<line>\d+): (?P<kind>error|note): (?P<text>.*?)(?:  \[[\w-]+\])?$"
)
Lines = dict[str, dict[int, list[str]]]
"""Messages by file and line."""


def copy_programs(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        shutil.copy(HERE / name, folder)


def run(folder: Path, command: list[str]) -> str:
    env = {key: value for key, value in os.environ.items() if key not in {"MYPYPATH", "PYTHONPATH"}}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert not done.stderr or "Traceback" not in done.stderr, done.stderr
    return done.stdout


def mypy(folder: Path, names: list[str], *, plugin: bool, kind: str = "error") -> Lines:
    """Return what a strict mypy reports."""
    pytest.importorskip("mypy")
    settings = "[mypy]\nstrict = True\nshow_traceback = True\npretty = False\n"
    if plugin:
        settings += "plugins = aicsio.mypy\n"
    (folder / "settings.ini").write_text(settings, encoding="utf-8")
    # The plug-in's results are others: each has a cache of its own.
    cache = f"--cache-dir=cache-{plugin}"
    command = [sys.executable, "-m", "mypy", "--config-file=settings.ini", cache, *names]
    found: Lines = defaultdict(lambda: defaultdict(list))
    for line in run(folder, command).splitlines():
        message = MESSAGE.match(line)
        if message is not None and message["kind"] == kind:
            found[message["file"]][int(message["line"])].append(message["text"])
    return found


def pyright(folder: Path, names: list[str], *, program: str, kind: str = "error") -> Lines:
    """Return what pyright or basedpyright reports."""
    pytest.importorskip(program)
    command = [sys.executable, "-m", program, "--outputjson", f"--pythonpath={sys.executable}"]
    report = json.loads(run(folder, [*command, *names]))
    found: Lines = defaultdict(lambda: defaultdict(list))
    for each in report["generalDiagnostics"]:
        if each["severity"] == kind:
            line = each["range"]["start"]["line"] + 1
            found[Path(each["file"]).stem][line].append(each["message"])
    return found
