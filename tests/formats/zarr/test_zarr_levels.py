"""Where levels lie, and how dask cuts them: by the scale, the translation and the shards of the store."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import (
    PixelSize,
    open_image,
    select_level,
    to_dask,
    to_numpy,
    to_xarray,
    transpose_to,
    write_ome_zarr,
)
from aicsio.records import Origin
from aicsio.testing.zarr import ZarrImage, ZarrSpec, write_zarr


def test_coordinates_of_levels_are_those_of_the_store(tmp_path: Path) -> None:
    """NGFF 0.4: a coordinate is scale times index plus translation."""
    image = ZarrImage(
        "ZYX",
        (3, 21, 24),
        (1, 8, 8),
        levels=3,
        scale=(1.0, 0.5, 0.25),
        translation=(0.0, 4.0, 2.0),
    )
    handle = open_image(write_zarr(ZarrSpec((image,)), tmp_path))
    assert handle.scene.origin == Origin(0, 4, 2)
    for index in range(3):
        level = select_level(handle, index)
        # 21 rows become 11 and 6, yet their distance doubles: the store states it.
        assert level.pixel_size == PixelSize(1.0, 0.5 * 2**index, 0.25 * 2**index)
        shown = to_xarray(level)
        # The generator takes every second pixel, so the first ones lie at one place.
        assert shown.Y.values[:3].tolist() == [0, 0.5 * 2**index, 2**index]
        assert len(shown.Y) == -(-21 // 2**index)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_coordinates_of_our_levels_are_the_centres(tmp_path: Path, version: Any) -> None:
    image = open_image(np.zeros((1001, 900), "u1"), pixel_size=PixelSize(Y=0.5, X=0.25))
    write_ome_zarr(image, tmp_path / "made.ome.zarr", version=version)
    level = select_level(open_image(tmp_path / "made.ome.zarr"), 1)
    assert level.shape == (501, 450)
    assert level.pixel_size == PixelSize(Y=1.0, X=0.5)
    assert to_xarray(level).Y.values[:2].tolist() == [0.25, 1.25]


def test_levels_without_translation_cover_one_field(tmp_path: Path) -> None:
    image = ZarrImage("YX", (20, 20), (8, 8), levels=2, scale=(0.5, 0.5))
    level = select_level(open_image(write_zarr(ZarrSpec((image,)), tmp_path)), 1)
    assert to_xarray(level).X.values[:2].tolist() == [0.25, 1.25]


def test_an_overridden_pixel_size_holds_for_all_levels(tmp_path: Path) -> None:
    image = ZarrImage("YX", (20, 20), (8, 8), levels=2, scale=(0.5, 0.5))
    path = write_zarr(ZarrSpec((image,)), tmp_path)
    handle = open_image(path, pixel_size=PixelSize(Y=3, X=3))
    assert select_level(handle, 1).pixel_size == PixelSize(Y=6, X=6)


def test_a_chunk_of_dask_is_a_whole_shard(tmp_path: Path) -> None:
    image = ZarrImage("ZYX", (70, 100, 90), (1, 32, 32), shards=(30, 64, 64))
    handle = open_image(write_zarr(ZarrSpec((image,)), tmp_path))
    # Small shards are taken together, along the last axes first.
    assert to_dask(handle).chunks == ((70,), (100,), (90,))
    assert to_dask(handle, chunks="500KiB").chunks == ((30, 30, 10), (64, 36), (90,))
    # A view that begins inside of a shard ends its first chunk where the shard ends.
    part = transpose_to(handle, "ZYX", Z=slice(10, None))
    assert to_dask(part, chunks="250KiB").chunks == ((20, 30, 10), (64, 36), (64, 26))
    assert np.array_equal(to_dask(part, chunks="250KiB").compute(), to_numpy(part))


def test_a_shard_too_large_for_a_chunk_is_cut_evenly(tmp_path: Path) -> None:
    image = ZarrImage("ZYX", (15, 512, 512), (1, 256, 256), shards=(6, 512, 512))
    handle = open_image(write_zarr(ZarrSpec((image,)), tmp_path))
    # A shard has 3 MiB. Four of its six planes fit, and three divide it.
    assert to_dask(handle, chunks="2MiB").chunks == ((3,) * 5, (512,), (512,))


def test_automatic_chunks_are_whole_shards(tmp_path: Path) -> None:
    """One task a shard: 60 MiB are more than a chunk of files without shards has."""
    path = write_zarr(
        ZarrSpec((ZarrImage("ZYX", (2, 4, 4), (1, 2, 2), (2, 4, 4)),), contained="array"), tmp_path
    )
    document = json.loads((path / "zarr.json").read_text())
    document["shape"] = [180, 1024, 2048]
    document["chunk_grid"]["configuration"]["chunk_shape"] = [30, 1024, 1024]
    document["codecs"][0]["configuration"]["chunk_shape"] = [1, 512, 512]
    (path / "zarr.json").write_text(json.dumps(document))
    assert to_dask(open_image(path)).chunks == ((30,) * 6, (1024,), (1024,) * 2)


def test_a_level_without_a_scale_has_no_size(tmp_path: Path) -> None:
    """NGFF 0.4: each dataset must have a scale. One that is missing is unknown, not 1 micrometre."""
    image = ZarrImage("ZYX", (3, 21, 24), (1, 8, 8), levels=2, scale=(1.0, 0.5, 0.25))
    path = write_zarr(ZarrSpec((image,), version="0.4"), tmp_path)
    document = next(
        file for file in path.rglob(".zattrs") if "multiscales" in json.loads(file.read_text())
    )
    content = json.loads(document.read_text())
    datasets = content["multiscales"][0]["datasets"]
    del datasets[1]["coordinateTransformations"]
    document.write_text(json.dumps(content))
    first = open_image(path)
    assert first.pixel_size == PixelSize(1.0, 0.5, 0.25)
    assert first.scene.level_places == ()
    del datasets[0]["coordinateTransformations"]
    document.write_text(json.dumps(content))
    assert open_image(path).pixel_size == PixelSize()
