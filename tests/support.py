"""Where the real files are, and what an independent reader saw in them. Nothing here is a test."""

import functools
import json
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


def data_folder() -> Path | None:
    """The folder of real files, or None where this machine has none."""
    named = os.environ.get("AICSIO_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() else None


def corpus_file(name: str) -> Path:
    """A real file by its path in the folder; skips the test where it is not there."""
    folder = data_folder()
    if folder is None:
        pytest.skip("no real files here: set AICSIO_TEST_DATA to their folder")
    path = folder / name
    if not path.exists():
        pytest.skip(f"{name} is not among the real files here")
    return path


def corpus_names(*folders: str) -> list[str]:
    """Paths of all files of some folders of the corpus, for parametrising; empty where there is no corpus."""
    root = data_folder()
    if root is None:
        return []
    found = (path for folder in folders for path in (root / folder).rglob("*") if path.is_file())
    return sorted(path.relative_to(root).as_posix() for path in found)


@functools.cache
def facts(folder: str) -> dict[str, dict[str, Any]]:
    """What the independent reader says of each file of a folder, by path."""
    root = data_folder()
    if root is None:
        return {}
    lines = (root / "facts" / f"{folder}.jsonl").read_text(encoding="utf-8").splitlines()
    return {fact["file"]: fact for fact in map(json.loads, lines)}
