"""OME-XML beside the images of an OME-Zarr: plates in their own order, and times of planes on one clock.

Right values: those of the document that was written, which ome-types reads; the schema.
"""

import json
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import ome_types
import pytest
from lxml import etree

from aicsio import (
    ImageHandle,
    Objective,
    Planes,
    ome_metadata,
    ome_xml,
    open_image,
    plane_table,
    time_steps,
    write_ome_zarr,
)
from aicsio.planes import read_planes
from aicsio.records import Dims
from schema import SCHEMA

NAMESPACE = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"
WELLS = ["B2", "A10", "B2", "A1"]


def image(number: int) -> ImageHandle:
    """An image with facts that NGFF has no place for."""
    handle = open_image(np.full((2, 4, 5), number, np.uint8), dims="TYX")
    times = np.array([0.0, 1.5 + number])
    scene = attrs.evolve(
        handle.scene,
        name=f"field {number}",
        acquired=f"2024-05-0{number + 1}T07:08:09",
        objective=Objective(name="Plan", magnification=10.0 * (number + 1), aperture=0.5),
        planes=Planes(Dims("T", (2,)), time=times.tobytes(), start=0.25),
    )
    return attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))


def plate(folder: Path) -> Path:
    report = write_ome_zarr([image(n) for n in range(4)], folder / "a.zarr", plate=WELLS)
    return Path(report.path)


def check(path: Path) -> ome_types.OME:
    """Each image is that of the pixels of its scene: they say which one was written."""
    handle = open_image(path)
    ome = ome_metadata(handle)
    assert SCHEMA.validate(etree.fromstring(ome_xml(handle).text.encode())), SCHEMA.error_log
    assert len(ome.images) == len(handle.scenes)
    lenses = {one.id: one for instrument in ome.instruments for one in instrument.objectives}
    for index, shown in enumerate(ome.images):
        number = int(np.asarray(handle.scenes[index].levels[0]).max())
        assert shown.objective_settings is not None
        lens = lenses[shown.objective_settings.id]
        assert lens.nominal_magnification == 10 * (number + 1)
        assert [plane.delta_t for plane in shown.pixels.planes] == [0.25, 1.75 + number]
    return ome


def places(ome: ome_types.OME) -> dict[str, tuple[int, int]]:
    """Row and column by the ID of the image."""
    return {
        sample.image_ref.id: (well.row, well.column)
        for one in ome.plates
        for well in one.wells
        for sample in well.well_samples
        if sample.image_ref is not None
    }


def test_images_of_a_plate_are_those_of_its_fields(tmp_path: Path) -> None:
    path = plate(tmp_path)
    ome = check(path)
    scenes = open_image(path).scenes
    assert [scene.name for scene in scenes] == ["A/1/0", "A/10/0", "B/2/0", "B/2/1"]
    where = places(ome)
    assert [where[one.id] for one in ome.images] == [(0, 0), (0, 9), (1, 1), (1, 1)]
    assert ome_xml(open_image(path)).diagnostics == ()


def test_without_a_list_of_series_wells_decide(tmp_path: Path) -> None:
    """A plate with a document that has wells, as Bio-Formats writes them, in another order."""
    path = plate(tmp_path)
    group = path / "OME" / "zarr.json"
    group.write_text(json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {}}))
    document = path / "OME" / "METADATA.ome.xml"
    root: Any = etree.fromstring(document.read_bytes())
    element = etree.Element(f"{NAMESPACE}Plate", ID="Plate:0")
    fields: dict[str, int] = {}
    for number, name in enumerate(WELLS):
        row, column = ord(name[0]) - ord("A"), int(name[1:]) - 1
        well = element.find(f"*[@Row='{row}'][@Column='{column}']")
        if well is None:
            place = {"Row": str(row), "Column": str(column)}
            well = etree.SubElement(element, f"{NAMESPACE}Well", {"ID": f"Well:{number}"} | place)
        index = fields[name] = fields.get(name, -1) + 1
        sample = etree.SubElement(
            well, f"{NAMESPACE}WellSample", ID=f"WellSample:{number}", Index=str(index)
        )
        etree.SubElement(sample, f"{NAMESPACE}ImageRef", ID=f"Image:{number}")
    root.insert(0, element)
    document.write_bytes(etree.tostring(root))
    check(path)


def test_a_document_of_other_fields_is_reported(tmp_path: Path) -> None:
    path = plate(tmp_path)
    (path / "OME" / "zarr.json").write_text(
        json.dumps(
            {
                "zarr_format": 3,
                "node_type": "group",
                "attributes": {"ome": {"version": "0.5", "series": ["C/1/0", "A/1/0", "x", "y"]}},
            }
        )
    )
    handle = open_image(path)
    assert len(ome_metadata(handle).images) == 4
    (note,) = [note for note in ome_xml(handle).diagnostics if note.code == "ome-unusable"]
    assert "names no image for 3 of 4 fields" in note.message


@pytest.mark.parametrize("damage", ["<OME", "", "<OME/>"])
def test_a_damaged_document_leaves_the_records(tmp_path: Path, damage: str) -> None:
    path = plate(tmp_path)
    (path / "OME" / "METADATA.ome.xml").write_text(damage)
    handle = open_image(path)
    assert [one.name for one in ome_metadata(handle).images] == list(handle.scene_names)


def test_times_of_planes_beside_a_single_image(tmp_path: Path) -> None:
    handle = open_image(Path(write_ome_zarr(image(1), tmp_path / "a.zarr").path))
    planes = read_planes(handle)
    assert planes is not None
    assert planes.start == 0.25
    assert plane_table(handle)["time"].tolist() == [0, 2.5]
    assert [plane.delta_t for plane in ome_metadata(handle).images[0].pixels.planes] == [0.25, 2.75]
    assert time_steps(handle).median == 2.5
