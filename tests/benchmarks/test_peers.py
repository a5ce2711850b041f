"""The command of docs/comparison.md: what it makes, and how it judges."""

import warnings
from pathlib import Path

import numpy as np

from benchmarks import peers
from support import ROOT


def test_every_file_has_the_pixels_and_the_judge_sees_what_differs(tmp_path: Path) -> None:
    files = peers.make_files(tmp_path)
    assert [peers.judge(peers.PEERS["aicsio"], path) for path in files.values()] == ["same"] * len(
        files
    )
    assert peers.judge(read_one_more, tmp_path) == "other pixels"
    assert peers.judge(read_swapped, tmp_path) == "other order"


def read_one_more(path: Path) -> peers.Array:
    assert path.is_dir()
    return peers.draw() + 1


def read_swapped(path: Path) -> peers.Array:
    assert path.is_dir()
    return np.swapaxes(peers.draw(), 0, 1)


def test_the_table_has_a_column_for_each_peer_that_is_here(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lines = peers.table(tmp_path).splitlines()
    assert len(lines) == 2 + 5
    assert all(line.count("|") == lines[0].count("|") for line in lines)
    assert "python tests/benchmarks/peers.py" in (ROOT / "docs" / "comparison.md").read_text(
        "utf-8"
    )
