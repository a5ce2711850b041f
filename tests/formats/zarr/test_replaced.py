"""A store that is replaced or deleted while it is open.

Sources: docs/reading.md, "a file that changed in the meantime raises SourceChangedError"; the core specification of
Zarr, which gives the fill value to chunks of a store that is there.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from aicsio import (
    ImageHandle,
    SourceChangedError,
    SourceNotFoundError,
    open_image,
    read_windows,
    statistics,
    to_dask,
    to_numpy,
    write_ome_zarr,
)
from aicsio._io import stores
from aicsio._io.store_versions import modified_part
from aicsio.cli.batch.journal import take_fingerprint
from http_server import serving
from support import files_of

READ: dict[str, Callable[[ImageHandle], object]] = {
    "to_numpy": to_numpy,
    "to_dask": lambda h: to_dask(h).compute(),
    "statistics": statistics,
    "read_windows": lambda h: read_windows(h, [(1, 2), (20, 20)], 8),
}


def write(path: Path, value: int, size: int = 40, **options: Any) -> Path:
    image = open_image(np.full((2, size, size), value, np.uint16), dims="CYX")
    write_ome_zarr(image, path, overwrite=True, sync=False, **options)
    return path


@pytest.mark.parametrize("read", READ.values(), ids=READ)
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_store_that_was_replaced_is_not_read(
    read: Callable[[ImageHandle], object], version: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.zarr", 1, version=version)
    handle = open_image(path)
    write(path, 2, version=version)
    with pytest.raises(SourceChangedError, match="changed since it was opened"):
        read(handle)


def test_nor_one_whose_chunks_are_others(tmp_path: Path) -> None:
    """Decoded by the old metadata they seem to be damaged."""
    path = write(tmp_path / "a.zarr", 1)
    handle = open_image(path)
    write(path, 2, size=24, chunks=8)
    with pytest.raises(SourceChangedError):
        to_numpy(handle)


@pytest.mark.parametrize("read", READ.values(), ids=READ)
def test_a_store_that_was_deleted_is_not_black(
    read: Callable[[ImageHandle], object], tmp_path: Path
) -> None:
    handle = open_image(write(tmp_path / "a.zarr", 1))
    shutil.rmtree(tmp_path / "a.zarr")
    with pytest.raises(SourceNotFoundError, match=r"there is no folder .*a\.zarr' any more"):
        read(handle)


def test_nor_is_one_whose_folders_are_left(tmp_path: Path) -> None:
    handle = open_image(write(tmp_path / "a.zarr", 1))
    for path in (tmp_path / "a.zarr").rglob("*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(SourceNotFoundError, match=r"there is no Zarr at .*a\.zarr' any more"):
        to_numpy(handle)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_nor_is_one_that_a_server_has_no_more(version: str, tmp_path: Path) -> None:
    write(tmp_path / "a.zarr", 1, version=version)
    files = files_of(tmp_path / "a.zarr")
    with serving() as site:
        site.files = {f"a.zarr/{name}": data for name, data in files.items()}
        handle = open_image(f"{site.url}a.zarr")
        chunks = [
            name for name in site.files if name.startswith("a.zarr/0/") and "." not in name[9:]
        ]
        for name in chunks:
            del site.files[name]
        # Chunks alone are missing: their pixels are the fill value, and the root is looked at once.
        site.forget()
        assert np.unique(to_numpy(handle, workers=1)).tolist() == [0]
        assert len(site.asked) <= len(chunks) + 2
        site.files = {}
        with pytest.raises(SourceNotFoundError, match=r"there is no Zarr at .*a\.zarr' any more"):
            to_numpy(handle)


def test_labels_and_chunks_that_are_added_are_no_other_store(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zarr", 7)
    handle = open_image(path)
    (path / "labels").mkdir()
    chunk = next(file for file in (path / "0").rglob("*") if file.is_file() and file.suffix == "")
    chunk.unlink()
    os.utime(path)
    # A missing chunk is the fill value, which is 0 in what the writer writes.
    assert np.unique(to_numpy(handle)).tolist() == [0, 7]


def test_another_mount_may_number_the_folder_otherwise(tmp_path: Path) -> None:
    """Workers of a cluster see one disk through mounts of their own: the time of change is the same."""
    handle = open_image(write(tmp_path / "a.zarr", 7))
    number = modified_part(handle.source.fingerprint or "") + "-1"
    moved = attrs.evolve(handle.source, fingerprint=number)
    assert take_fingerprint(moved, {}) == take_fingerprint(handle.source, {})
    stored: Any = handle.array.layout
    layout = attrs.evolve(stored, store=moved)
    array = attrs.evolve(handle.array, layout=layout)
    assert np.unique(to_numpy(attrs.evolve(handle, array=array))).tolist() == [7]


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")
def test_a_link_to_the_newest_store_leads_to_another_one_later(tmp_path: Path) -> None:
    latest = tmp_path / "latest.zarr"
    for value in (3, 4):
        latest.unlink(missing_ok=True)
        latest.symlink_to(write(tmp_path / f"{value}.zarr", value))
        assert np.unique(to_numpy(open_image(latest))).tolist() == [value]


def test_a_store_that_takes_its_name_while_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new store is filled beside its name: files that were opened just then have the name of that folder."""
    path = write(tmp_path / "a.zarr", 7)
    actual, asked = stores._actual_path, 0

    def moved(descriptor: int, name: str) -> str:
        nonlocal asked
        asked += 1
        found = actual(descriptor, name)
        return found.replace("a.zarr", ".a.zarr.part/store") if asked % 3 == 1 else found

    monkeypatch.setattr(stores, "_actual_path", moved)
    assert np.unique(to_numpy(open_image(path))).tolist() == [7]
