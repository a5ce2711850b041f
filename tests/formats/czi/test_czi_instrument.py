"""Parts of OME that the XML of CZI has beyond the records. Right values stand in the XML of the test."""

import io
from typing import Any

import numpy as np
import ome_types
import pytest

from aicsio import Objective, ome_metadata, open_image
from aicsio.testing.czi import Block, blocks_of, write_czi
from czi_xml import INSTRUMENT_XML
from support import corpus_file


@pytest.fixture(scope="module")
def ome() -> ome_types.OME:
    file = io.BytesIO()
    write_czi(file, blocks_of(np.zeros((1, 4, 5), np.uint16), "CYX"), INSTRUMENT_XML)
    return ome_metadata(open_image(file.getvalue()))


def shown(thing: Any) -> dict[str, Any]:
    """The attributes that are set."""
    values = thing.model_dump(exclude_unset=True, mode="json")
    return {
        name: value for name, value in values.items() if value not in ([], None) and name != "kind"
    }


def test_the_lens_of_the_records() -> None:
    file = io.BytesIO()
    write_czi(file, blocks_of(np.zeros((1, 4, 5), np.uint16), "CYX"), INSTRUMENT_XML)
    lens = open_image(file.getvalue()).scene.objective
    assert lens == Objective("Plan 5x", 5.0, 0.35, "Air", 5000.0, "Silicone", 1.4)


def test_devices(ome: ome_types.OME) -> None:
    (instrument,) = ome.instruments
    assert shown(instrument.microscope) == {"model": "Celldiscoverer 7", "type": "Inverted"}
    (laser,) = instrument.lasers
    assert (laser.wavelength, laser.power, laser.tuneable) == (488, 10, False)
    assert str(laser.model) == "DPSS"
    (lamp,) = instrument.filaments
    assert lamp.type is not None
    assert lamp.type.value == "Halogen"
    (detector,) = instrument.detectors
    assert (detector.id, detector.model, detector.gain) == ("Detector:Axio_506", "506m", 1)
    lens = instrument.objectives[1]
    assert shown(lens) == {
        "id": "Objective:2",
        "model": "Plan 5x",
        "lens_na": 0.35,
        "nominal_magnification": 5.0,
        "calibrated_magnification": 5.1,
        "working_distance": 5000.0,
        "working_distance_unit": "µm",
        "immersion": "Air",
        "correction": "PlanApo",
    }


def test_filters_and_references_that_lead_nowhere(ome: ome_types.OME) -> None:
    (instrument,) = ome.instruments
    (filter_set,) = instrument.filter_sets
    assert [link.id for link in filter_set.emission_filters] == ["Filter:1"]
    assert filter_set.dichroic_ref is not None
    assert filter_set.dichroic_ref.id == instrument.dichroics[0].id == "Dichroic:Beamsplitter.2"
    band = instrument.filters[0].transmittance_range
    assert band is not None
    assert (band.cut_in, band.cut_out) == (412, 433)


def test_settings_of_the_channel(ome: ome_types.OME) -> None:
    pixels = ome.images[0].pixels
    assert pixels.significant_bits == 14
    (channel,) = pixels.channels
    dump = shown(channel)
    assert dump["acquisition_mode"] == "LaserScanningConfocalMicroscopy"
    assert dump["illumination_type"] == "Epifluorescence"
    assert dump["contrast_method"] == "Fluorescence"
    assert (channel.pinhole_size, channel.pinhole_size_unit.value) == (27.5, "µm")
    assert shown(channel.detector_settings) == {
        "id": "Detector:Axio_506",
        "binning": "2x2",
        "gain": 684.0,
        "offset": 3.0,
        "voltage": 700.0,
        "voltage_unit": "V",
        "zoom": 1.8,
        "integration": 4,
    }
    settings = channel.light_source_settings
    assert settings is not None
    assert (settings.id, settings.attenuation, settings.wavelength) == ("LightSource:1", 0.98, 488)
    assert channel.filter_set_ref is not None
    assert channel.light_path is not None
    assert channel.light_path.dichroic_ref is not None


def test_people_places_and_the_air(ome: ome_types.OME) -> None:
    (experimenter,) = ome.experimenters
    assert (experimenter.first_name, experimenter.user_name) == ("Ada", "ada")
    image = ome.images[0]
    assert image.description == "a plate"
    settings, air, label = image.objective_settings, image.imaging_environment, image.stage_label
    assert settings is not None
    assert air is not None
    assert label is not None
    # The schema has no silicone.
    assert (settings.id, settings.refractive_index) == ("Objective:2", 1.4)
    assert settings.medium is not None
    assert settings.medium.value == "Other"
    assert (air.temperature, air.temperature_unit.value, air.co2_percent) == (37, "°C", 0.05)
    assert (label.name, label.x, label.y, label.z) == (image.name, 10.5, -20, 111.5)


def test_the_plate(ome: ome_types.OME) -> None:
    (plate,) = ome.plates
    assert (plate.name, plate.rows, plate.columns) == ("Multichamber 96", 8, 12)
    assert [(well.row, well.column) for well in plate.wells] == [(3, 5)]
    reference = plate.wells[0].well_samples[0].image_ref
    assert reference is not None
    assert reference.id == ome.images[0].id


@pytest.mark.parametrize("name", ["WellD6-7_S2.czi", "LSM880_AiryScan.czi"])
def test_nothing_of_real_instruments_breaks_the_schema(name: str) -> None:
    from aicsio import ome_xml

    notes = ome_xml(open_image(corpus_file(f"czi/{name}"))).diagnostics
    assert not [note for note in notes if note.code == "ome-repaired"]


def listed_scenes(*names: str) -> str:
    """XML of scenes on the stage at 10, 20, 30 ... micrometres."""
    scenes = "".join(
        f'<Scene Index="{index}" Name="{name}"><CenterPosition>{10 * index + 10},0</CenterPosition>'
        f'<Shape Name="{shape}" Id="{index}"/></Scene>'
        for index, (name, shape) in enumerate(name.split("|") for name in names)
    )
    axes = f"<Dimensions><S><Scenes>{scenes}</Scenes></S></Dimensions>"
    image = f"<Information><Image>{axes}</Image></Information>"
    return f"<ImageDocument><Metadata>{image}</Metadata></ImageDocument>"


@pytest.mark.parametrize(
    ("listed", "stored", "expected"),
    [
        (("a|", "a|", "b|"), (0, 1, 2), [10, 20, 30]),
        # Scenes that were left out; the name of a scene has its well.
        (("P1|A1", "P1|A2", "P1|A3"), (0, 2), [10, 30]),
        (("a|", "a|", "b|"), (0, 1), [10, 20]),
        # Two of a name are listed, and one is stored: its number, which the records keep, decides.
        (("a|", "a|", "b|"), (1, 2), [20, 30]),
        (("a|", "a|", "b|"), (0, 2), [10, 30]),
        (("|", "|", "b|"), (1, 2), [20, 30]),
    ],
)
def test_places_of_scenes_with_one_name(
    listed: tuple[str, ...], stored: tuple[int, ...], expected: list[float]
) -> None:
    file = io.BytesIO()
    blocks = [Block(np.zeros((4, 5), np.uint8), {"S": at, "Y": 0, "X": 0}) for at in stored]
    write_czi(file, blocks, metadata=listed_scenes(*listed))
    handle = open_image(file.getvalue())
    labels = [image.stage_label for image in ome_metadata(handle).images]
    assert [None if label is None else label.x for label in labels] == expected
