"""What every test is held to: types checked throughout the package, no file left open."""

import os
from collections.abc import Iterator

import psutil
import pytest
from beartype import BeartypeConf
from beartype.claw import beartype_package

from aicsio.errors import ArgumentTypeError

# The public boundary promises this type, and beartype decorates a function only once. A test of damaged input must
# therefore not take ArgumentTypeError for an answer: inside the package it means that a record broke its own types.
beartype_package("aicsio", conf=BeartypeConf(violation_type=ArgumentTypeError))


def _open_files() -> set[str]:
    return {file.path for file in psutil.Process(os.getpid()).open_files()}


@pytest.fixture(autouse=True)
def no_file_left_open() -> Iterator[None]:
    """Fail a test after which a file is open that was not open before."""
    before = _open_files()
    yield
    left = {path for path in _open_files() - before if not path.endswith((".log", ".sqlite3"))}
    assert not left, f"left open: {sorted(left)}"
