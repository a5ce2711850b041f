"""Free memory, as the files of the system give it."""

from pathlib import Path

import numpy as np
import pytest

from aicsio import ImageTooLargeError, open_image, to_numpy
from aicsio._engine import memory


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(memory, "CGROUP_ROOT", str(tmp_path))
    monkeypatch.setattr(memory, "OWN_CGROUPS", str(tmp_path / "own"))
    return tmp_path


def limit_group(folder: Path, limit: str, usage: str, cache: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(limit + "\n")
    (folder / "memory.current").write_text(usage + "\n")
    (folder / "memory.stat").write_text(cache)


@pytest.mark.parametrize(
    ("limit", "usage", "free"),
    [("1000", "400", 600), ("400", "1000", 0), ("max", "1000", None), ("", "", None)],
)
def test_the_limit_of_the_control_group(
    cgroup: Path, limit: str, usage: str, free: int | None
) -> None:
    """Values of the kernel's documentation of control groups, version 2: a number, or the word max."""
    limit_group(cgroup, limit, usage)
    assert memory._cgroup() == free


def test_the_tightest_of_the_groups_around_a_process_counts(cgroup: Path) -> None:
    """A job of Slurm has its limit in its own group, not in the root (cgroups(7), /proc/[pid]/cgroup)."""
    (cgroup / "own").write_text("0::/slurm/job_7/step_0\n")
    limit_group(cgroup / "slurm" / "job_7", "1000", "400")
    limit_group(cgroup / "slurm" / "job_7" / "step_0", "max", "300")
    limit_group(cgroup / "slurm", "5000", "100")
    assert memory._cgroup() == 600


def test_the_group_of_version_1(cgroup: Path) -> None:
    (cgroup / "own").write_text("9:name=systemd:/\n4:cpu,memory:/job\n0::/\n")
    folder = cgroup / "memory" / "job"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text("1000")
    (folder / "memory.usage_in_bytes").write_text("900")
    (folder / "memory.stat").write_text("inactive_file 1\ntotal_inactive_file 50\n")
    assert memory._cgroup() == 150


def test_the_cache_of_files_is_free(cgroup: Path) -> None:
    """``memory.current`` counts the page cache, which the kernel drops (memory.stat: *_file)."""
    limit_group(cgroup, "1000", "950", "anon 150\ninactive_file 500\nactive_file 300\n")
    assert memory._cgroup() == 850


def test_a_path_out_of_the_tree_is_not_followed(cgroup: Path) -> None:
    (cgroup / "own").write_text("0::/../../outside\n\nnonsense\n")
    limit_group(cgroup, "1000", "400")
    assert memory._cgroup() == 600


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
