"""Stores that are absurd or hostile: an image, a diagnostic or an error of ours, at once and within the store."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import (
    AicsioError,
    CorruptFileError,
    PixelSize,
    UnsupportedFormatError,
    explain,
    open_image,
    to_numpy,
    transpose_to,
    write_ome_zarr,
)
from aicsio._io import pool
from aicsio.labels import list_labels
from aicsio.records import Origin
from aicsio.testing.zarr import ZarrImage, ZarrSpec, build_zarr, write_zarr, zarr_pixels
from http_server import serving

YX = ZarrImage("YX", (8, 8), (4, 4))


@pytest.fixture(autouse=True)
def no_connections() -> Iterator[None]:
    yield
    pool.close_connections()


def changed(path: Path, key: str, **fields: Any) -> None:
    """Replace top-level fields of a document."""
    document = json.loads((path / key).read_text())
    document.update(fields)
    (path / key).write_text(json.dumps(document))


def array_store(folder: Path, **fields: Any) -> Path:
    path = write_zarr(ZarrSpec((YX,), contained="array"), folder)
    changed(path, "zarr.json", **fields)
    return path


def codes(path: Path) -> list[str]:
    return [diagnostic.code for diagnostic in open_image(path).diagnostics]


def test_an_array_of_2_to_the_124_pixels_opens_like_any(tmp_path: Path) -> None:
    grid = {"name": "regular", "configuration": {"chunk_shape": [4, 4]}}
    path = array_store(tmp_path, shape=[1 << 62, 1 << 62], chunk_grid=grid)
    handle = open_image(path)
    far = transpose_to(handle, "YX", Y=slice(-2, None), X=slice(0, 2))
    assert to_numpy(far).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    "fields",
    [
        {"shape": [-1, 8]},
        {"shape": [8.0, 8]},
        {"shape": [1 << 63, 8]},
        {"shape": 8},
        {"shape": [8] * 30},
        {"data_type": "string"},
        {"data_type": {"name": "struct"}},
        {"fill_value": "NaN"},
        {"fill_value": 10**400},
        {"codecs": [{"name": "bytes"}] + [{"name": "zstd"}] * 100},
        {"codecs": [{"name": "nothing"}]},
        {"codecs": 7},
        {"chunk_grid": {"name": "rectangular"}},
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [0, 4]}}},
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1 << 40, 1 << 40]}}},
        {"chunk_key_encoding": {"name": "other"}},
    ],
    ids=str,
)
def test_wrong_metadata_of_an_array_are_refused(tmp_path: Path, fields: Any) -> None:
    with pytest.raises(UnsupportedFormatError, match="without an image or array"):
        open_image(array_store(tmp_path, **fields))


def test_a_document_of_too_many_lists_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "made.zarr"
    path.mkdir()
    (path / "zarr.json").write_text('{"a": [' + "[]," * 2_000_001 + "[]]}")
    with pytest.raises(CorruptFileError, match=r"zarr\.json: it has more than 2,000,000 lists"):
        open_image(path)


def test_a_document_of_many_brackets_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "made.zarr"
    path.mkdir()
    (path / "zarr.json").write_text('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}")
    with pytest.raises(CorruptFileError, match="no JSON document"):
        open_image(path)


def test_wells_and_fields_that_are_listed_again_are_shown_once(tmp_path: Path) -> None:
    path = write_zarr(ZarrSpec((YX,) * 4, contained="plate"), tmp_path)
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"]["ome"]["plate"]["wells"] *= 1000
    (path / "zarr.json").write_text(json.dumps(document))
    assert open_image(path).scene_names == ("A/1/0", "A/1/1", "A/2/0", "A/2/1")
    assert "wells-left-out" in codes(path)


def test_series_that_are_listed_again_are_shown_once(tmp_path: Path) -> None:
    path = write_zarr(ZarrSpec((YX,) * 2, contained="series"), tmp_path)
    changed(
        path, "OME/zarr.json", attributes={"ome": {"version": "0.5", "series": ["0", "1"] * 9999}}
    )
    assert len(open_image(path).scenes) == 2
    assert "repeated-series" in codes(path)


@pytest.mark.parametrize("outside", ["../out", "/etc", "a/../../out", "..", "."])
def test_paths_out_of_the_store_are_not_followed(tmp_path: Path, outside: str) -> None:
    write_zarr(ZarrSpec((YX,), contained="array"), tmp_path, "out")
    path = write_zarr(ZarrSpec((YX,)), tmp_path)
    document = json.loads((path / "zarr.json").read_text())
    datasets = document["attributes"]["ome"]["multiscales"][0]["datasets"]
    datasets.append({**datasets[0], "path": outside})
    (path / "zarr.json").write_text(json.dumps(document))
    assert len(open_image(path).levels) == 1
    assert codes(path) == ["wrong-path"]


@pytest.mark.parametrize("written", ["./{}", "{}/", ".//{}//"])
def test_paths_are_read_as_the_keys_that_they_are(tmp_path: Path, written: str) -> None:
    """Source: Zarr v2, "Logical storage paths": slashes at the end are stripped, several are one."""
    path = write_zarr(ZarrSpec((YX,)), tmp_path)
    document = json.loads((path / "zarr.json").read_text())
    (dataset,) = document["attributes"]["ome"]["multiscales"][0]["datasets"]
    expected = to_numpy(open_image(path))
    dataset["path"] = written.format(dataset["path"])
    (path / "zarr.json").write_text(json.dumps(document))
    assert np.array_equal(to_numpy(open_image(path)), expected)
    assert codes(path) == []


@pytest.mark.parametrize("scale", [0.0, 1e305])
def test_scales_beyond_any_size(tmp_path: Path, scale: float) -> None:
    path = write_zarr(ZarrSpec((YX,)), tmp_path)
    document = json.loads((path / "zarr.json").read_text())
    (image,) = document["attributes"]["ome"]["multiscales"]
    # 1e305 m are more micrometres than a float holds; so is the place.
    image["axes"] = [{"name": name, "type": "space", "unit": "meter"} for name in "yx"]
    image["datasets"][0]["coordinateTransformations"] = [
        {"type": "scale", "scale": [scale, 2e-6]},
        {"type": "translation", "translation": [0, 1e305]},
    ]
    (path / "zarr.json").write_text(json.dumps(document))
    handle = open_image(path)
    assert handle.pixel_size == PixelSize(X=2.0)
    assert handle.scene.origin == Origin()
    assert codes(path) == ["unusable-size"]


def test_links_out_of_the_store_are_refused(tmp_path: Path) -> None:
    path = write_zarr(ZarrSpec((YX,)), tmp_path)
    chunk = path / "0/c/0/0"
    (tmp_path / "secret").write_bytes(chunk.read_bytes())
    chunk.unlink()
    os.symlink(tmp_path / "secret", chunk)
    with pytest.raises(CorruptFileError, match=r"0/c/0/0: a link leads out of the store"):
        to_numpy(open_image(path))


def test_links_within_the_store_are_followed(tmp_path: Path) -> None:
    path = write_zarr(ZarrSpec((YX,)), tmp_path)
    (path / "0/c/0/0").rename(path / "moved")
    os.symlink(path / "moved", path / "0/c/0/0")
    assert np.array_equal(to_numpy(open_image(path)), zarr_pixels(ZarrSpec((YX,)), YX))


def test_a_damaged_chunk_names_its_key(tmp_path: Path) -> None:
    spec = ZarrSpec((ZarrImage("YX", (8, 8), (4, 4), (8, 8)),), compressor="zstd", checksum=True)
    path = write_zarr(spec, tmp_path)
    content = bytearray((path / "0/c/0/0").read_bytes())
    content[5] ^= 1
    (path / "0/c/0/0").write_bytes(content)
    with pytest.raises(CorruptFileError, match=r"0/c/0/0.*checksum"):
        to_numpy(open_image(path))
    # The other chunks of the shard are whole.
    part = transpose_to(open_image(path), "YX", Y=slice(4, 8))
    assert np.array_equal(to_numpy(part), zarr_pixels(spec, spec.images[0])[4:])


def test_one_wrong_well_costs_itself_behind_a_url() -> None:
    spec = ZarrSpec((YX,) * 2, contained="plate")
    store = build_zarr(spec)
    document = json.loads(store["zarr.json"])
    document["attributes"]["ome"]["plate"]["wells"].append({"path": "../../x"})
    store["zarr.json"] = json.dumps(document).encode()
    with serving(**{f"s.zarr/{key}": value for key, value in store.items()}) as site:
        handle = open_image(f"{site.url}s.zarr")
        assert handle.scene_names == ("A/1/0", "A/1/1")
        assert [each.code for each in handle.diagnostics] == ["unreadable-well"]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_stores_behind_a_url_open_by_few_requests(version: str) -> None:
    image = ZarrImage("ZYX", (3, 20, 20), (1, 8, 8), levels=3, labels=("cells",))
    spec = ZarrSpec((image,), version, consolidated=True)
    with serving(**{f"s.ome.zarr/{key}": value for key, value in build_zarr(spec).items()}) as site:
        site.forget()
        handle = open_image(f"{site.url}s.ome.zarr")
        # Four names of documents of the root, the consolidated ones of v2 among them, and the first level.
        assert len(site.asked) <= 5
        assert list_labels(handle) == ("cells",)
        assert np.array_equal(to_numpy(handle), zarr_pixels(spec, image))


@pytest.mark.parametrize(("version", "count"), [("0.4", 11), ("0.5", 7)])
def test_levels_behind_a_url_take_two_round_trips(version: str, count: int) -> None:
    image = ZarrImage("ZYX", (3, 20, 20), (1, 8, 8), levels=3)
    files = build_zarr(ZarrSpec((image,), version))
    # The server keeps each turn waiting until all of its requests have come; one after the other they never would.
    turns = [threading.Barrier(5), threading.Barrier(count - 5)]

    def trouble(number: int) -> str:
        turns[number >= 5].wait(30)
        return ""

    with serving(**{f"s.ome.zarr/{key}": value for key, value in files.items()}) as site:
        site.trouble = trouble
        handle = open_image(f"{site.url}s.ome.zarr")
        assert len(site.asked) == count
        assert [level.stored.Y for level in handle.levels] == [20, 10, 5]


def test_explain_takes_stores(tmp_path: Path) -> None:
    path = write_zarr(ZarrSpec((YX,)), tmp_path)
    assert [each.format for each in explain(path) if each.taken] == ["ome-zarr"]
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(AicsioError):
        open_image(tmp_path / "empty.zarr")


@pytest.mark.parametrize(
    "end",
    [10**400, float("inf"), float("nan"), True, "1"],
    ids=["long", "infinite", "nan", "true", "text"],
)
def test_limits_of_contrast_that_are_no_floats(tmp_path: Path, end: object) -> None:
    """JSON has integers of any length (RFC 8259, section 6); Python reads them, and NaN."""
    path = tmp_path / "a.zarr"
    write_ome_zarr(open_image(np.zeros((1, 4, 6), np.uint8), dims="CYX"), path, version="0.4")
    document = json.loads((path / ".zattrs").read_text())
    document["omero"]["channels"] = [{"window": {"start": 1, "end": end}}]
    (path / ".zattrs").write_text(json.dumps(document))
    handle = open_image(path)
    assert handle.channels[0].window is None
    assert handle.dims.shape == (1, 4, 6)
