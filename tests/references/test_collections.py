"""Several scenes and labels as one store, or as references: judged by libraries that we did not write."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import (
    DimensionError,
    ImageHandle,
    SceneError,
    open_image,
    select_scene,
    to_numpy,
    transpose_to,
    write_ome_tiff,
    write_scenes,
)
from aicsio.labels import list_labels, select_label
from aicsio.references import as_zarr_store, to_references
from zarr_stores import judges

zarr = pytest.importorskip("zarr")
xarray = pytest.importorskip("xarray")

PIXELS = [
    np.random.default_rng(seed).integers(1, 999, (2, 3 + seed, 40, 50 + seed)).astype(np.uint16)
    for seed in range(3)
]
NAMES = ["first", "second", "third"]
NUCLEI = (PIXELS[0][0] > 500).astype(np.int32)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> ImageHandle:
    path = tmp_path_factory.mktemp("scenes") / "scenes.ome.tiff"
    handles = [open_image(pixels, dims="CZYX") for pixels in PIXELS]
    options: Any = {"compression": "zlib", "levels": 2, "scene_names": NAMES}
    return open_image(write_scenes(handles, path, **options).path)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ImageHandle]:
    path = tmp_path_factory.mktemp("labels") / "nuclei.ome.tiff"
    write_ome_tiff(open_image(NUCLEI, dims="ZYX"), path, compression="zlib")
    return {"nuclei": transpose_to(open_image(path), "ZYX")}


def in_a_folder(store: Any, folder: Path) -> Path:
    """All values of a store as files, as validators want them."""
    for key in store.tree.keys():  # noqa: SIM118 - a tree is no dict
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.read(key))
    return folder


def referenced(refs: Any) -> Any:
    """References as fsspec and zarr open them."""
    fsspec = pytest.importorskip("fsspec")
    json.dumps(refs)
    files = fsspec.filesystem("reference", fo=refs, asynchronous=True)
    opened = zarr.storage.FsspecStore(files, read_only=True, path="")
    return zarr.open_group(opened, mode="r", zarr_format=2)


def test_scenes_are_groups_that_validators_accept(scenes: ImageHandle, tmp_path: Path) -> None:
    store = as_zarr_store(scenes, scenes="all")
    group = zarr.open_group(store, mode="r")
    for number, pixels in enumerate(PIXELS):
        np.testing.assert_array_equal(group[f"{number}/scale0/image"][...], pixels[None])
        shown = xarray.open_zarr(store, group=f"{number}/scale1").load()
        level = to_numpy(select_scene(scenes, number))[..., ::1, :]
        assert shown["image"].shape[-1] == -(-level.shape[-1] // 2)
    folder = in_a_folder(store, tmp_path / "a.zarr")
    judges.accepted_by_yaozarrs(folder)
    for inside in "012":  # ome-zarr-models has no model of the root for 0.5
        assert judges.accepted_by_ome_zarr_models(folder, inside) == "Image"
    again = open_image(folder)
    assert [scene.name for scene in again.scenes] == NAMES
    for number, pixels in enumerate(PIXELS):
        np.testing.assert_array_equal(to_numpy(select_scene(again, number)), pixels[None])


def test_the_ome_xml_stands_beside_all_scenes_alone(scenes: ImageHandle) -> None:
    whole, part = as_zarr_store(scenes, scenes="all"), as_zarr_store(scenes, scenes=["third", 0])
    text = bytes(whole.read("OME/METADATA.ome.xml") or b"").decode()
    assert [text.index(f'Name="{name}"') for name in NAMES] == sorted(
        text.index(f'Name="{name}"') for name in NAMES
    )
    assert part.read("OME/METADATA.ome.xml") is None
    group = zarr.open_group(part, mode="r")
    assert group["OME"].attrs["ome"]["series"] == ["0", "1"]
    np.testing.assert_array_equal(group["0/scale0/image"][...], PIXELS[2][None])


def test_listing_agrees_with_the_keys(scenes: ImageHandle, labels: dict[str, ImageHandle]) -> None:
    for store in (
        as_zarr_store(scenes, scenes="all"),
        as_zarr_store(transpose_to(scenes, "CZYX"), labels=labels),
    ):
        keys = set(store.tree.keys())

        def below(prefix: str, tree: Any = store.tree) -> set[str]:
            found = set()
            for name in tree.children(prefix):
                path = f"{prefix}/{name}".strip("/")
                found |= {path} if tree.has(path) else below(path)
            return found

        assert below("") == keys
        for key in keys:
            assert store.tree.nbytes(key) == len(store.read(key) or b"")
        for key in (
            "9/zarr.json",
            "00/zarr.json",
            "0",
            "OME",
            "labels/x/zarr.json",
            "1/scale9/c/0",
        ):
            assert not store.tree.has(key)
            assert store.read(key) is None


def test_labels_lie_beside_their_image(
    scenes: ImageHandle, labels: dict[str, ImageHandle], tmp_path: Path
) -> None:
    store = as_zarr_store(transpose_to(scenes, "CZYX"), labels=labels)
    group = zarr.open_group(store, mode="r")
    np.testing.assert_array_equal(group["labels/nuclei/scale0/image"][...], NUCLEI)
    folder = in_a_folder(store, tmp_path / "a.zarr")
    judges.accepted_by_yaozarrs(folder)
    # ome-zarr-models looks for levels of labels by one name, which is a path here: KeyError
    judges.accepted_by_schemas(folder)
    judges.accepted_by_schemas(folder / "labels" / "nuclei", "label")
    again = open_image(folder)
    assert list_labels(again) == ("nuclei",)
    np.testing.assert_array_equal(to_numpy(select_label(again, "nuclei")), NUCLEI)
    smaller = group["labels/nuclei/scale1/image"]
    np.testing.assert_array_equal(smaller[...], NUCLEI[:, ::2, ::2])
    assert smaller.shape[1:] == group["scale1/image"].shape[2:]
    reading = judges.by_ome_zarr_py(folder)
    np.testing.assert_array_equal(reading.levels[0], PIXELS[0])


def test_references_of_scenes_and_labels(
    scenes: ImageHandle, labels: dict[str, ImageHandle]
) -> None:
    refs = to_references(scenes, scenes="all")
    group = referenced(refs)
    assert group.attrs["bioformats2raw.layout"] == 3
    assert group["OME"].attrs["series"] == ["0", "1", "2"]
    assert refs["refs"]["OME/METADATA.ome.xml"].startswith("<")
    for number, pixels in enumerate(PIXELS):
        np.testing.assert_array_equal(group[f"{number}/scale0/image"][...], pixels[None])
    group = referenced(to_references(transpose_to(scenes, "CZYX"), labels=labels))
    np.testing.assert_array_equal(group["labels/nuclei/scale0/image"][...], NUCLEI)
    yaozarrs = pytest.importorskip("yaozarrs")
    yaozarrs.v04.Image.model_validate(dict(group.attrs))
    yaozarrs.v04.LabelImage.model_validate(dict(group["labels/nuclei"].attrs))


@pytest.mark.parametrize("function", [as_zarr_store, to_references])
def test_what_does_not_fit_is_refused(
    scenes: ImageHandle, labels: dict[str, ImageHandle], function: Any
) -> None:
    with pytest.raises(DimensionError, match="leave out scenes= or labels="):
        function(scenes, scenes="all", labels=labels)
    with pytest.raises(DimensionError, match="pass the handle as open_image gave it"):
        function(transpose_to(scenes, "YX", C=0, Z=0), scenes="all")
    with pytest.raises(SceneError):
        function(scenes, scenes=["fourth"])
    with pytest.raises(DimensionError, match="give at least one"):
        function(scenes, scenes=[])
    with pytest.raises(DimensionError, match="they share one frame"):
        function(select_scene(scenes, 1), labels=labels)
    with pytest.raises(DimensionError, match="is no name of a group"):
        function(scenes, labels={"a/b": labels["nuclei"]})
    with pytest.raises(DimensionError, match="labels are integers"):
        function(scenes, labels={"a": open_image(np.zeros((40, 50)), dims="YX")})
