"""Metadata of the OME-Zarr writer: validators that are not ours accept every store."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import (
    ImageHandle,
    PixelSize,
    open_image,
    select_scene,
    transpose_to,
    write_ome_zarr,
    write_scenes,
)
from aicsio.errors import WriteError
from zarr_stores import judges, library

VERSIONS = ["0.4", "0.5"]


def image(*shape: int, dtype: str = "uint16") -> npt.NDArray[Any]:
    """A ramp, so that contrast windows have a range."""
    return np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)


def attributes(store: Path, group: str = "") -> dict[str, Any]:
    """The attributes of a group, without the place that its version gives them."""
    folder = store / group
    if (folder / "zarr.json").exists():
        found: dict[str, Any] = json.loads((folder / "zarr.json").read_text())["attributes"]
        return dict(found.get("ome", found))
    return dict(json.loads((folder / ".zattrs").read_text()))


def accepted(store: Path) -> None:
    """Raise unless both validators accept a store."""
    judges.accepted_by_yaozarrs(store)
    judges.accepted_by_ome_zarr_models(store)


def handle(**names: Any) -> ImageHandle:
    """Two channels of a stack."""
    return open_image(
        image(2, 3, 60, 70),
        dims="CZYX",
        channel_names=["DAPI", "GFP"],
        pixel_size=PixelSize(2.0, 0.5, 0.25),
        **names,
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_a_lone_surrogate_in_a_name_does_not_stop_the_writer(version: Any, tmp_path: Path) -> None:
    """Source: RFC 8259, 8.1: JSON is UTF-8, which has no surrogates; 8.2: texts may escape them."""
    target = tmp_path / "a.ome.zarr"
    names = ["DAPI", "\ud800"]
    write_ome_zarr(
        open_image(image(2, 30, 40), dims="CYX"), target, channel_names=names, version=version
    )
    accepted(target)
    assert open_image(target).channel_names == ("DAPI", "?")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("order", ["YX", "CYX", "ZYX", "TZYX", "TCZYX", "YXS"])
def test_validators_accept_an_image_of_any_axes(version: Any, order: str, tmp_path: Path) -> None:
    sizes = {"T": 2, "C": 2, "Z": 3, "Y": 40, "X": 50, "S": 3}
    pixels = image(*(sizes[letter] for letter in order), dtype="uint8")
    target = tmp_path / "a.ome.zarr"
    write_ome_zarr(open_image(pixels, dims=order), target, version=version, levels=3)
    accepted(target)
    judges.accepted_by_schemas(target)


@pytest.mark.parametrize("version", VERSIONS)
def test_validators_accept_scenes_labels_and_plates(version: Any, tmp_path: Path) -> None:
    images = [open_image(image(30, 40 + number)) for number in range(3)]
    scenes, labelled, plate = (tmp_path / name for name in ("s.zarr", "l.zarr", "p.zarr"))
    write_ome_zarr(images, scenes, version=version, levels=2)
    nuclei = open_image(image(30, 40, dtype="int32"))
    write_ome_zarr(images[0], labelled, version=version, labels={"nuclei": nuclei}, levels=2)
    write_ome_zarr(images, plate, version=version, plate=["A1", "A1", "B12"], levels=2)
    for store in (labelled, plate):
        accepted(store)
    # ome-zarr-models 1.7 has no model of the bioformats2raw layout in version 0.5.
    judges.accepted_by_yaozarrs(scenes)
    for number in range(3):
        judges.accepted_by_ome_zarr_models(scenes, str(number))
    judges.accepted_by_ome_zarr_models(labelled, "labels/nuclei")
    assert attributes(scenes, "OME") | {"version": "0.5"} == {
        "series": ["0", "1", "2"],
        "version": "0.5",
    }
    assert attributes(labelled, "labels")["labels"] == ["nuclei"]
    label = attributes(labelled, "labels/nuclei")["image-label"]
    assert label["source"] == {"image": "../../"}


@pytest.mark.parametrize("version", VERSIONS)
def test_axes_have_types_and_units(version: Any, tmp_path: Path) -> None:
    target = tmp_path / "a.ome.zarr"
    write_ome_zarr(handle(), target, version=version, levels=2)
    (multiscale,) = attributes(target)["multiscales"]
    assert multiscale["axes"] == [
        {"name": "c", "type": "channel"},
        {"name": "z", "type": "space", "unit": "micrometer"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "micrometer"},
    ]
    full, half = (each["coordinateTransformations"] for each in multiscale["datasets"])
    assert full == [{"type": "scale", "scale": [1, 2, 0.5, 0.25]}]
    assert half == [
        {"type": "scale", "scale": [1, 2, 1.0, 0.5]},
        {"type": "translation", "translation": [0, 0, 0.25, 0.125]},
    ]


@pytest.mark.parametrize("size", [64, 65, 1001, 1025, 3])
def test_pixels_of_levels_are_where_their_transforms_put_them(size: int, tmp_path: Path) -> None:
    """The value of each pixel is its coordinate, so the value of a level's pixel is where it lies."""
    ramp = np.tile(np.arange(size, dtype=np.float32), (4, 1))
    target = tmp_path / "a.ome.zarr"
    count = min(6, (size - 1).bit_length() + 1)
    write_ome_zarr(open_image(ramp, pixel_size=PixelSize(None, 1, 0.5)), target, levels=count)
    (multiscale,) = attributes(target)["multiscales"]
    names = tuple(dataset["path"] for dataset in multiscale["datasets"])
    for number, pixels in enumerate(judges.zarr_pixels(target, "", names)):
        transforms = multiscale["datasets"][number]["coordinateTransformations"]
        scale = transforms[0]["scale"][1]
        shift = transforms[1]["translation"][1] if number else 0.0
        claimed = (np.arange(pixels.shape[1]) * scale + shift) / 0.5
        error = np.abs(claimed - pixels[0])
        # The last pixel may cover less; it is right to half a pixel of its level.
        assert np.all(error[:-1] < 1e-3)
        assert error[-1] <= scale / 0.5 / 2


def test_channels_have_names_colors_and_windows(tmp_path: Path) -> None:
    target = tmp_path / "a.ome.zarr"
    pixels = np.zeros((2, 64, 64), np.uint16)
    pixels[0, :, :32], pixels[1] = 300, 500
    pixels[1, :32] = 100
    write_ome_zarr(
        open_image(pixels, dims="CYX", channel_names=["DAPI", "GFP"]),
        target,
        channel_colors=["#0000FF", "#00FF0080"],
        levels=3,
    )
    first, second = attributes(target)["omero"]["channels"]
    assert (first["label"], first["color"]) == ("DAPI", "0000FF")
    assert (second["label"], second["color"]) == ("GFP", "00FF00")
    assert first["window"] == {"min": 0, "max": 65535, "start": 0, "end": 300}
    assert second["window"] == {"min": 0, "max": 65535, "start": 100, "end": 500}


def test_metadata_of_the_source_stand_beside(tmp_path: Path) -> None:
    ome_types = library("ome_types")
    source = tmp_path / "two.ome.tiff"
    write_scenes(
        [handle(), handle()], source, scene_names=["one", "two"], acquired="2026-01-31T12:00:00Z"
    )
    target = tmp_path / "a.ome.zarr"
    report = write_ome_zarr(open_image(source), target, scenes="all")
    assert report.not_kept == ()
    document = ome_types.from_xml((target / "OME/METADATA.ome.xml").read_text())
    assert [each.name for each in document.images] == ["one", "two"]
    pixels = document.images[1].pixels
    assert (pixels.size_c, pixels.size_z, pixels.physical_size_x) == (2, 3, 0.25)
    assert pixels.metadata_only is not None
    assert pixels.tiff_data_blocks == []
    assert str(document.images[0].acquisition_date).startswith("2026-01-31 12:00")


def test_picks_and_overrides_are_described(tmp_path: Path) -> None:
    target = tmp_path / "a.ome.zarr"
    part = transpose_to(handle(), "YXC", Z=1, X=slice(0, 70, 2))
    report = write_ome_zarr(part, target, scene_names="part", channel_names=["a", "b"], levels=1)
    assert report.dims.order == "CYX"
    assert np.array_equal(
        judges.zarr_pixels(target, "", ("0",))[0], image(2, 3, 60, 70)[:, 1, :, ::2]
    )
    (multiscale,) = attributes(target)["multiscales"]
    assert multiscale["name"] == "part"
    assert multiscale["datasets"][0]["coordinateTransformations"][0]["scale"] == [1, 0.5, 0.5]
    assert [c["label"] for c in attributes(target)["omero"]["channels"]] == ["a", "b"]


def test_a_plate_lists_rows_columns_and_fields(tmp_path: Path) -> None:
    target = tmp_path / "plate.ome.zarr"
    images = [open_image(np.full((8, 9), number, np.uint8)) for number in range(4)]
    write_ome_zarr(images, target, plate={"B2": [2, 0], "A/10": 1, "C-03": 3})
    plate = attributes(target)["plate"]
    assert [row["name"] for row in plate["rows"]] == ["A", "B", "C"]
    assert [column["name"] for column in plate["columns"]] == ["2", "3", "10"]
    assert [well["path"] for well in plate["wells"]] == ["A/10", "B/2", "C/3"]
    assert plate["field_count"] == 2
    assert judges.zarr_pixels(target, "B/2/0", ("0",))[0][0, 0] == 2
    assert judges.zarr_pixels(target, "B/2/1", ("0",))[0][0, 0] == 0
    accepted(target)


@pytest.mark.parametrize(
    ("plate", "message"),
    [
        (["A1"], "2 images are written, and each has one well"),
        ({"A1": 0}, "each has one well"),
        ({"A1": [0, 1], "A2": 1}, "each has one well"),
        (["A1", "well"], "'well' is no name of a well"),
    ],
)
def test_a_plate_that_does_not_fit_is_refused(plate: Any, message: str, tmp_path: Path) -> None:
    images = [open_image(image(8, 9))] * 2
    with pytest.raises(WriteError, match=message):
        write_ome_zarr(images, tmp_path / "a.zarr", plate=plate)


def test_types_that_ome_lacks_are_stored(tmp_path: Path) -> None:
    target = tmp_path / "a.ome.zarr"
    pixels = image(20, 30, dtype="int64") << 40
    write_ome_zarr(open_image(pixels), target)
    assert np.array_equal(judges.zarr_pixels(target, "", ("0",))[0], pixels)


def test_a_step_writes_what_the_call_writes(tmp_path: Path) -> None:
    step = write_ome_zarr(tmp_path / "a.ome.zarr", levels=2, chunks={"Y": 16, "X": 16})
    assert hash(step) == hash(
        write_ome_zarr(tmp_path / "a.ome.zarr", levels=2, chunks={"X": 16, "Y": 16})
    )
    report = step(select_scene(handle(), 0))
    assert report.levels == 2
    assert report.chunks == (1, 1, 16, 16)
