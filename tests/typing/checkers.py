"""Runs type checkers on copies of programs, as a user of the installed package does."""

import fcntl
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


def mypy_output(folder: Path, names: list[str], *, plugin: bool) -> str:
    """Return the output of a strict mypy, with the codes of errors.

    Reading aicsio and the packages below it takes 12 s, a program on top of that 1 s. So all runs of
    a test session share one cache, those of other workers too, which wait for the first one. The
    plug-in's results need a cache of their own.
    """
    pytest.importorskip("mypy")
    settings = "[mypy]\nstrict = True\nshow_traceback = True\npretty = False\n"
    settings += (
        "hide_error_context = True\nerror_summary = False\nenable_error_code = truthy-bool\n"
    )
    if plugin:
        settings += "plugins = aicsio.mypy\n"
    (folder / "settings.ini").write_text(settings, encoding="utf-8")
    cache = session_folder(folder) / f"mypy-{plugin}"
    command = [sys.executable, "-m", "mypy", "--config-file=settings.ini", f"--cache-dir={cache}"]
    with cache.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return run(folder, [*command, *names])


def session_folder(folder: Path) -> Path:
    """Return the folder of a test session, above those of its workers and tests."""
    folders = [each for each in folder.parents if re.fullmatch(r"pytest-\d+", each.name)]
    return folders[0] if folders else folder.parent


def mypy(folder: Path, names: list[str], *, plugin: bool, kind: str = "error") -> Lines:
    """Return what a strict mypy reports."""
    found: Lines = defaultdict(lambda: defaultdict(list))
    for line in mypy_output(folder, names, plugin=plugin).splitlines():
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
