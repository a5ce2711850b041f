"""OME of every format: valid, all scenes, in order. Judges: the schema, and the parser of ome-types."""

import io
import json
import warnings
from pathlib import Path
from xml.etree.ElementTree import Element

import attrs
import numpy as np
import ome_types
import pytest
from lxml import etree

import aicsio
from aicsio import (
    ImageHandle,
    Planes,
    Scene,
    cli,
    metadata,
    ome_metadata,
    ome_xml,
    open_image,
    raw_metadata,
)
from aicsio.errors import CorruptFileError
from aicsio.records import Dims, Well
from aicsio.records.facts import Objective
from aicsio.testing import ImageSpec, TiffSpec, write
from aicsio.testing.czi import Block, blocks_of, metadata_xml, write_czi
from schema import SCHEMA
from support import corpus_file, corpus_names

NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
FILES = corpus_names("czi", "lif", "lsm", "ometiff", "ndtiff")


def check(handle: ImageHandle) -> ome_types.OME:
    """The OME of a handle, held against the schema and against the text of the same."""
    ome = ome_metadata(handle)
    xml = ome_xml(handle)
    assert SCHEMA.validate(etree.fromstring(xml.text.encode())), SCHEMA.error_log
    assert SCHEMA.validate(etree.fromstring(ome.to_xml().encode())), SCHEMA.error_log
    assert ome_types.from_xml(xml.text.encode()) == ome
    assert ome_types.from_xml(ome.to_xml().encode()) == ome
    assert len(ome.images) == len(handle.scenes)
    return ome


@pytest.mark.parametrize("name", FILES)
def test_every_real_file_has_a_valid_document(name: str) -> None:
    try:
        handle = open_image(corpus_file(name))
    except aicsio.AicsioError:
        pytest.skip("not opened")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of ome_types, about identifiers
        check(handle)


def test_images_are_the_scenes_in_order() -> None:
    handle = open_image(
        [np.zeros((2, 3, 4, 5), np.uint8), np.zeros((1, 1, 6, 7), "f4")], dims="CZYX"
    )
    first, second = (image.pixels for image in check(handle).images)
    assert (first.size_c, first.size_z, first.size_y, first.size_x) == (2, 3, 4, 5)
    assert (second.size_y, second.type.value) == (6, "float")


def test_a_scene_without_pixels_has_an_image() -> None:
    handle = open_image(np.zeros((4, 5)), dims="YX")
    name = handle.scene.name
    scenes = (Scene("gone", ()), handle.scene, Scene("too", ()))
    handle = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=scenes))
    ome = check(handle)
    assert [image.name for image in ome.images] == ["gone", name, "too"]
    notes = ome_xml(handle).diagnostics
    assert [note.where for note in notes if note.code == "no-pixels"] == ["gone", "too"]


def test_dimensions_that_ome_lacks_are_folded() -> None:
    handle = open_image(np.zeros((2, 3, 4, 4, 5)), dims="HCZYX")
    pixels = check(handle).images[0].pixels
    assert (pixels.size_t, pixels.size_c, pixels.size_z) == (2, 3, 4)


def test_more_dimensions_than_can_be_folded_are_reported() -> None:
    handle = open_image(np.zeros((2, 2, 2, 2, 4, 5)), dims="HRIVYX")
    check(handle)
    assert "along V beyond the first" in ome_xml(handle).diagnostics[0].message


def test_planes_and_the_objective_of_the_records() -> None:
    handle = open_image(np.zeros((2, 3, 4, 5)), dims="TZYX")
    planes = Planes(Dims("TZ", (2, 3)), time=np.arange(6.0).tobytes())
    objective = Objective(name="Apo", magnification=40.0, aperture=1.3, immersion="Oil")
    scene = attrs.evolve(handle.scene, planes=planes, objective=objective)
    handle = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))
    ome = check(handle)
    assert [plane.delta_t for plane in ome.images[0].pixels.planes] == [0, 1, 2, 3, 4, 5]
    assert ome.instruments[0].objectives[0].lens_na == 1.3


def test_wells_make_plates() -> None:
    handle = open_image([np.zeros((4, 5))] * 3, dims="YX")
    wells = (Well("B", "3", 1, "P"), Well("A", "12", 0, "P"), Well("B", "3", 0, "P"))
    scenes = tuple(
        attrs.evolve(scene, well=well) for scene, well in zip(handle.scenes, wells, strict=True)
    )
    handle = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=scenes))
    (plate,) = check(handle).plates
    assert plate.name == "P"
    placed = [
        (
            well.row,
            well.column,
            [getattr(sample.image_ref, "id", None) for sample in well.well_samples],
        )
        for well in plate.wells
    ]
    assert placed == [(0, 11, ["Image:1"]), (1, 2, ["Image:2", "Image:0"])]


# ---------------------------------------------------------------- the file's own document


def own(text: str, count: int = 1) -> ImageHandle:
    """A handle of an OME-TIFF with some text."""
    handle = open_image([np.zeros((3, 4), np.uint8)] * count, dims="YX")
    contents = attrs.evolve(handle.contents, metadata=text)
    return attrs.evolve(handle, format="ome-tiff", contents=contents)


PIXELS = (
    '<Pixels ID="Pixels:{0}" DimensionOrder="XYZCT" Type="uint8" SizeX="4" SizeY="3" SizeZ="1" '
    'SizeC="1" SizeT="1">{1}<MetadataOnly/></Pixels>'
)


def document(body: str, version: str = "2016-06") -> str:
    return f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/{version}">{body}</OME>'


def test_an_illegal_identifier_is_renamed_with_its_references() -> None:
    body = (
        '<Instrument ID="Instrument:0"><Dichroic ID="Beamsplitter.2" Model="a"/></Instrument>'
        '<Image ID="Image:0"><InstrumentRef ID="Instrument:0"/>'
        + PIXELS.format(
            0,
            '<Channel ID="Channel:0:0"><LightPath><DichroicRef ID="Beamsplitter.2"/></LightPath>'
            "</Channel>",
        )
        + "</Image>"
    )
    handle = own(document(body))
    ome = check(handle)
    (dichroic,) = ome.instruments[0].dichroics
    path = ome.images[0].pixels.channels[0].light_path
    assert path is not None
    assert path.dichroic_ref is not None
    assert path.dichroic_ref.id == dichroic.id == "Dichroic:Beamsplitter.2"
    assert "became" in ome_xml(handle).diagnostics[0].message


def test_what_breaks_the_schema_is_left_out_and_reported() -> None:
    pixels = PIXELS.format(0, "").replace("<Pixels ", '<Pixels PhysicalSizeX="-1.0" ')
    handle = own(document(f'<Image ID="Image:0" Name="kept">{pixels}</Image><Nonsense/>'))
    ome = check(handle)
    assert ome.images[0].name == "kept"
    assert ome.images[0].pixels.physical_size_x is None
    assert {note.code for note in ome_xml(handle).diagnostics} == {"ome-repaired"}


def test_images_without_identifiers_stay() -> None:
    pixels = PIXELS.format(0, "").replace('ID="Pixels:0" ', "")
    assert check(own(document(f'<Image Name="a">{pixels}</Image>'))).images[0].name == "a"


def test_a_document_of_other_images_is_not_used() -> None:
    pixels = PIXELS.format(0, "")
    handle = own(document(f'<Image ID="Image:0" Name="other">{pixels}</Image>'), 2)
    ome = check(handle)
    assert [image.name for image in ome.images] == list(handle.scene_names)
    assert "1 images for 2 scenes" in ome_xml(handle).diagnostics[0].message


def test_older_versions_of_the_schema_are_upgraded() -> None:
    body = f'<Image ID="Image:0" Name="old">{PIXELS.format(0, "")}</Image>'
    assert check(own(document(body, "2013-06"))).images[0].name == "old"


# ---------------------------------------------------------------- verbs, text, documents


def czi(xml: str = "") -> ImageHandle:
    file = io.BytesIO()
    write_czi(file, blocks_of(np.zeros((2, 4, 5), np.uint16), "CYX"), xml)
    return open_image(file.getvalue())


def test_xml_is_an_element_and_the_raw_text_stays() -> None:
    handle = czi("<ImageDocument><Metadata><A/></Metadata></ImageDocument>")
    root = metadata(handle)
    assert isinstance(root, Element)
    assert root.tag == "ImageDocument"
    assert raw_metadata(handle) == handle.metadata


def test_entities_are_not_expanded() -> None:
    handle = czi()
    text = '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    handle = attrs.evolve(handle, contents=attrs.evolve(handle.contents, metadata=text))
    with pytest.raises(CorruptFileError, match="document type"):
        metadata(handle)


def test_json_is_what_it_holds_and_a_text_a_text() -> None:
    handle = open_image(np.zeros((4, 5)))
    for text, expected in (('{"a": [1]}', {"a": [1]}), ("{broken", "{broken"), ("plain", "plain")):
        holder = attrs.evolve(handle, contents=attrs.evolve(handle.contents, metadata=text))
        assert metadata(holder) == expected
    assert metadata(handle) is None


def test_tags_of_a_tiff_are_a_mapping(tmp_path: Path) -> None:
    path = write(
        TiffSpec((ImageSpec(Z=3, dtype="uint8", order="XYCZT"),), flavour="imagej"), tmp_path
    )
    tags = metadata(open_image(path))
    assert isinstance(tags, dict)
    assert tags["ImageWidth"] == open_image(path).dims.X
    assert tags["ImageDescription"].startswith("ImageJ")


def test_the_verbs_are_steps() -> None:
    handle = czi()
    assert ome_xml(planes=False)(handle) == ome_xml(handle, planes=False)
    assert raw_metadata()(handle) == handle.metadata
    assert metadata()(handle) is None or isinstance(metadata()(handle), Element)
    assert ome_metadata()(handle) == ome_metadata(handle)


def test_planes_are_read_on_request() -> None:
    facts = (
        "<METADATA><Tags><AcquisitionTime>2020-01-01T00:00:0{}Z</AcquisitionTime>"
        "<StageXPosition>7</StageXPosition></Tags></METADATA>"
    )
    file = io.BytesIO()
    blocks = [
        Block(
            np.zeros((4, 5), np.uint16),
            {"T": t, "C": 0, "Y": 0, "X": 0},
            metadata=facts.format(t).encode(),
        )
        for t in (0, 1)
    ]
    write_czi(file, blocks, metadata_xml())
    handle = open_image(file.getvalue())
    planes = check(handle).images[0].pixels.planes
    assert [(plane.delta_t, plane.position_x) for plane in planes] == [(0.0, 7.0), (1.0, 7.0)]
    pixels = ome_metadata(handle, planes=False).images[0].pixels
    assert not any(plane.position_x for plane in pixels.planes)


# ---------------------------------------------------------------- command line


def test_the_command_prints_ome_json_or_the_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write(TiffSpec((ImageSpec(Z=3, name="a"),)), tmp_path, "a.ome.tif"))
    assert cli.main(["metadata", path]) == 0
    assert ome_types.from_xml(capsys.readouterr().out.encode()) == ome_metadata(open_image(path))
    assert cli.main(["metadata", "--json", path]) == 0
    assert json.loads(capsys.readouterr().out)["ome"]["images"][0]["pixels"]["size_z"] == 3
    assert cli.main(["metadata", "--raw", path]) == 0
    assert capsys.readouterr().out.strip() == (open_image(path).metadata or "").strip()
