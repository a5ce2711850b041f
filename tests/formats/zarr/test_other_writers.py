"""Stores of other libraries, as other libraries read them; archives; what no store may make us read."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import (
    AicsioError,
    CorruptFileError,
    PixelSize,
    open_image,
    select_level,
    select_scene,
    to_numpy,
)
from aicsio.labels import list_labels, select_label
from zarr_stores import Store, by_hand, libraries, make, plainly
from zarr_stores.judges import Reading, by_bioio, by_ngff_zarr, by_ome_zarr_py

MAKERS = {**libraries.MAKERS, **by_hand.MAKERS}
READ = {"0.4", "0.5"}
"""Versions that ome-zarr-py and bioio-ome-zarr read."""


@pytest.fixture(params=MAKERS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return make(MAKERS[request.param], tmp_path / "made.ome.zarr")


def _agrees(store: Store, read: Callable[[Path], Reading]) -> None:
    handle = open_image(store.path)
    for number, image in enumerate(store.images):
        theirs = read(store.path / image.path if image.path else store.path)
        chosen = select_scene(handle, number)
        assert chosen.dims.order == theirs.letters
        assert len(chosen.scene.levels) == len(theirs.levels)
        for level, expected in enumerate(theirs.levels):
            assert np.array_equal(to_numpy(select_level(chosen, level)), expected)
        if theirs.channels:  # the OME-XML of a series has names that they do not read
            assert image.channels or chosen.channel_names == theirs.channels
        scale = dict(zip(theirs.letters, theirs.scales[0], strict=True))
        for letter, size in zip("ZYX", chosen.scene.pixel_size, strict=True):
            if size is not None and theirs.units and letter in scale and not _by_xml(store):
                assert theirs.units[theirs.letters.index(letter)] == "micrometer"
                assert size == pytest.approx(scale[letter])
        origin = dict(zip("ZYX", chosen.scene.origin, strict=True))
        for letter, place in zip(theirs.letters, (theirs.translations or ((),))[0], strict=False):
            if origin.get(letter) is not None:
                assert origin[letter] == pytest.approx(place)


def _by_xml(store: Store) -> bool:
    """Whether sizes come from OME-XML."""
    return (store.path / "OME" / "METADATA.ome.xml").exists()


def test_ngff_zarr_reads_the_same(store: Store) -> None:
    _agrees(store, by_ngff_zarr)


def test_ome_zarr_py_reads_the_same(store: Store) -> None:
    if store.version not in READ or not store.path.is_dir():
        pytest.skip("ome-zarr-py reads folders of 0.4 and 0.5")
    _agrees(store, by_ome_zarr_py)


def test_bioio_reads_the_same(store: Store) -> None:
    if store.version not in READ:
        pytest.skip("bioio-ome-zarr reads 0.4 and 0.5")
    _agrees(store, by_bioio)


def test_archives_read_as_folders(store: Store, tmp_path: Path) -> None:
    if not store.path.is_dir():
        pytest.skip("the store is an archive")
    packed = shutil.make_archive(str(tmp_path / "packed.ome.zarr"), "zip", store.path)
    handle = open_image(packed)
    assert len(handle.scenes) == len(store.images)
    for number, image in enumerate(store.images):
        chosen = select_scene(handle, number)
        assert np.array_equal(to_numpy(chosen), image.pixels)
        assert set(list_labels(chosen)) == {name for name, _ in image.labels}
        for name, expected in image.labels:
            assert np.array_equal(to_numpy(select_label(chosen, name)), expected)


@pytest.mark.parametrize("suffix", [".ozx", ".ome.zarr.zip"])
def test_a_cut_archive_is_a_corrupt_file(tmp_path: Path, suffix: str) -> None:
    plainly.write_store(tmp_path / "sound.ome.zarr", "0.5 zstd")
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "sound.ome.zarr"))
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(packed.read_bytes()[:-500])
    with pytest.raises(CorruptFileError, match="ZIP"):
        open_image(cut)


# ---------------------------------------------------------------- what real writers do


def _changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A sound store whose metadata of NGFF were changed."""
    path = folder / "changed.ome.zarr"
    plainly.write_store(path, "0.5 zstd")
    document = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
    change(document["attributes"]["ome"])
    (path / "zarr.json").write_text(json.dumps(document), encoding="utf-8")
    return path


def test_colours_of_bioio_convert(tmp_path: Path) -> None:
    """bioio-conversion 3.0 writes ``#RRGGBB``, where NGFF wants six digits."""

    def change(ome: dict[str, Any]) -> None:
        for channel in ome["omero"]["channels"]:
            channel["color"] = "#FF8000"

    handle = open_image(_changed(tmp_path, change))
    assert handle.channel_names == ("DAPI", "GFP")
    assert [channel.color for channel in handle.scene.channels] == [0xFF8000FF] * 2


def test_capital_axes_of_iohub(tmp_path: Path) -> None:
    def change(ome: dict[str, Any]) -> None:
        for axis in ome["multiscales"][0]["axes"]:
            axis["name"] = axis["name"].upper()

    handle = open_image(_changed(tmp_path, change))
    assert handle.dims.order == "CZYX"
    assert not handle.diagnostics


def test_units_of_every_length(tmp_path: Path) -> None:
    """NGFF 0.5, "axes": units of length are those of UDUNITS-2 by their whole names."""

    def change(ome: dict[str, Any]) -> None:
        (entry,) = ome["multiscales"]
        for axis, unit in zip(
            entry["axes"][1:], ("millimeter", "nanometer", "angstrom"), strict=True
        ):
            axis["unit"] = unit
        for dataset in entry["datasets"]:
            dataset["coordinateTransformations"][0]["scale"] = [1.0, 0.002, 250.0, 3000.0]

    handle = open_image(_changed(tmp_path, change))
    assert handle.pixel_size == PixelSize(2.0, 0.25, 0.3)


OUTSIDE = (
    "../secret.ome.zarr/0",
    "/{secret}/0",
    "file://{secret}/0",
    "0/../../secret.ome.zarr/0",
    "..",
)


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_outside_of_a_store_is_read(tmp_path: Path, path: str) -> None:
    """Paths "MUST NOT contain ``..``"; who opens a store of a stranger reads that store alone."""
    secret = tmp_path / "secret.ome.zarr"
    plainly.write_store(secret, "0.5 raw")
    named = path.format(secret=str(secret).lstrip("/") if path.startswith("/") else secret)

    def change(ome: dict[str, Any]) -> None:
        for dataset in ome["multiscales"][0]["datasets"]:
            dataset["path"] = named

    changed = _changed(tmp_path, change)
    try:
        handle = open_image(changed)
    except AicsioError:
        return
    assert all(not scene.levels for scene in handle.scenes)


@pytest.mark.parametrize("name", ["../../../secret.ome.zarr", "/secret", ".."])
def test_labels_outside_of_a_store_are_not_read(tmp_path: Path, name: str) -> None:
    plainly.write_store(tmp_path / "secret.ome.zarr", "0.5 raw")
    path = _changed(tmp_path, lambda _: None)
    document = json.loads((path / "labels" / "zarr.json").read_text(encoding="utf-8"))
    document["attributes"]["ome"]["labels"] = [name]
    (path / "labels" / "zarr.json").write_text(json.dumps(document), encoding="utf-8")
    handle = open_image(path)
    for listed in list_labels(handle):
        with pytest.raises(AicsioError):
            select_label(handle, listed)
