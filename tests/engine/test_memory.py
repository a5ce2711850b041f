"""Free memory, as the files of the system give it."""

from pathlib import Path

import numpy as np
import pytest

from aicsio import ImageTooLargeError, open_image, to_numpy
from aicsio._engine import memory


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = (str(tmp_path / "memory.max"), str(tmp_path / "memory.current"))
    monkeypatch.setattr(memory, "CGROUP_FILES", (files,))
    return tmp_path


@pytest.mark.parametrize(
    ("limit", "usage", "free"),
    [("1000", "400", 600), ("400", "1000", 0), ("max", "1000", None), ("", "", None)],
)
def test_the_limit_of_the_control_group(
    cgroup: Path, limit: str, usage: str, free: int | None
) -> None:
    """Values of the kernel's documentation of control groups, version 2: a number, or the word max."""
    (cgroup / "memory.max").write_text(limit + "\n")
    (cgroup / "memory.current").write_text(usage + "\n")
    assert memory._cgroup() == free


def test_no_control_group(cgroup: Path) -> None:
    assert not list(cgroup.iterdir())
    assert memory._cgroup() is None


def test_the_smallest_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_system", lambda: 900)
    monkeypatch.setattr(memory, "_cgroup", lambda: None)
    monkeypatch.setattr(memory, "_address_space", lambda: 700)
    assert memory.free_bytes() == 700
    monkeypatch.setattr(memory, "_address_space", lambda: None)
    monkeypatch.setattr(memory, "_system", lambda: None)
    assert memory.free_bytes() is None


def test_an_image_larger_than_the_free_memory_is_refused_before_it_is_allocated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "UNCHECKED", 100)
    monkeypatch.setattr(memory, "free_bytes", lambda: 1000)
    image = open_image(np.zeros((40, 30), np.uint8))
    with pytest.raises(ImageTooLargeError, match=r"need 1,200 bytes, but 1,000 bytes .* are free"):
        to_numpy(image)
    monkeypatch.setattr(memory, "free_bytes", lambda: 1200)
    assert to_numpy(image).shape == (40, 30)


def test_the_system_has_memory() -> None:
    free = memory.free_bytes()
    assert free is None or free > 1 << 20
