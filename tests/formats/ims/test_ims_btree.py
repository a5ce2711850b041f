"""Chunks of HDF5 from its B-tree, against h5py's own list."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import CorruptFileError, Diagnostic, open_image, to_numpy
from aicsio.formats.ims import btree, chunks
from aicsio.formats.ims.hdf5 import open_index
from aicsio.records import Source

h5py = pytest.importorskip("h5py")
NAME = "DataSet/ResolutionLevel 0/TimePoint 0/Channel 0/Data"
SHAPE, CHUNK = (24, 40, 48), (1, 8, 16)


def make(path: Path, *, user_block: int = 0, step: int = 1, **options: Any) -> Source:
    """Write a dataset of some hundred chunks, every ``step``-th plane of them."""
    with h5py.File(path, "w", userblock_size=user_block, **options) as file:
        dataset = file.create_dataset(NAME, SHAPE, "<u2", chunks=CHUNK, compression="gzip")
        pixels = np.random.default_rng(3).integers(0, 99, SHAPE, np.uint16)
        for z in range(0, SHAPE[0], step):
            dataset[z] = pixels[z]
    return Source(str(path), size=path.stat().st_size)


def both(source: Source, most: int = 10_000) -> tuple[Any, Any]:
    """Return our list and that of h5py, in one order."""
    with open_index(source) as file:
        dataset = file.dataset(NAME)
        ours = btree.list_chunks(file, dataset, CHUNK, 2, most)
        theirs = chunks._list_by_h5py(dataset, most)
    order = np.lexsort(theirs[:, 2::-1].T)
    return ours if ours is None else ours[np.lexsort(ours[:, 2::-1].T)], theirs[order]


@pytest.mark.parametrize("user_block", [0, 512])
@pytest.mark.parametrize("step", [1, 5])
def test_list_equals_that_of_h5py(tmp_path: Path, user_block: int, step: int) -> None:
    source = make(tmp_path / "stack.ims", user_block=user_block, step=step)
    ours, theirs = both(source)
    assert len(theirs) == -(-SHAPE[0] // step) * 15
    np.testing.assert_array_equal(ours, theirs)


def test_array_without_chunks_has_none(tmp_path: Path) -> None:
    path = tmp_path / "empty.ims"
    with h5py.File(path, "w") as file:
        file.create_dataset(NAME, SHAPE, "<u2", chunks=CHUNK)
    ours, theirs = both(Source(str(path), size=path.stat().st_size))
    assert len(ours) == len(theirs) == 0


def test_other_kinds_of_lists_are_left_to_h5py(tmp_path: Path) -> None:
    ours, theirs = both(make(tmp_path / "latest.ims", libver="latest"))
    assert ours is None
    assert len(theirs) == 360


def test_more_chunks_than_the_array_has_are_no_list(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lists 360 chunks of 300"):
        both(make(tmp_path / "stack.ims"), most=300)


def nodes(data: bytes | bytearray) -> list[int]:
    """Offsets of nodes that list chunks."""
    found, at = [], data.find(b"TREE\x01")
    while at >= 0:
        found.append(at)
        at = data.find(b"TREE\x01", at + 1)
    return found


def test_damaged_node_refuses_the_array(tmp_path: Path) -> None:
    path = tmp_path / "damaged.ims"
    make(path)
    whole = path.read_bytes()
    places = nodes(whole)
    assert len(places) > 3  # a root, and leaves
    for place in places:
        for change in (b"TREX", b"TREE\x00", b"TREE\x01\x09"):
            data = bytearray(whole)
            data[place : place + len(change)] = change
            path.write_bytes(data)
            with pytest.raises(CorruptFileError, match=r"node of its tree|nodes for 360 chunks"):
                open_image(path)


def test_node_that_is_its_own_child_refuses_the_array(tmp_path: Path) -> None:
    path = tmp_path / "loop.ims"
    make(path)
    data = bytearray(path.read_bytes())
    root = next(place for place in nodes(data) if data[place + 5] == 1)
    # Its first child, behind the first key: 8 bytes and four axes.
    struct.pack_into("<Q", data, root + 24 + 40, root)
    path.write_bytes(data)
    # HDF5 follows it until the process ends.
    with pytest.raises(CorruptFileError, match="expected a node of its tree"):
        open_image(path)


def test_chunk_beyond_the_file_is_zero_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "beyond.ims"
    make(path)
    before = to_numpy(open_image(path))
    data = bytearray(path.read_bytes())
    leaves = (place for place in nodes(data) if data[place + 5] == 0)
    # The one whose first chunk begins at 0, 0, 0.
    leaf = next(place for place in leaves if not any(data[place + 32 : place + 64]))
    for address in (2**63 + 5, len(data) - 3):
        struct.pack_into("<Q", data, leaf + 24 + 40, address)
        path.write_bytes(data)
        handle = open_image(path)
        assert [one for one in handle.diagnostics if one.code == "ims-damaged-chunks"] == [
            Diagnostic(
                "ims-damaged-chunks",
                "DataSet, level 0: 1 chunk outside of array or file: they are zero",
                "DataSet",
                loss=True,
            )
        ]
        after = to_numpy(handle)
        assert not after[0, 0, 0, :8, :16].any()
        after[0, 0, 0, :8, :16] = before[0, 0, 0, :8, :16]
        np.testing.assert_array_equal(after, before)
