"""Each fact has an origin, and places that contradict are reported.

Right values: the files are made here, fact by fact; of real files, their own text.
"""

import io
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from aicsio import (
    Channel,
    DimensionError,
    ImageHandle,
    PixelSize,
    Well,
    open_image,
    provenance,
    select_scene,
    write_ome_tiff,
    write_ome_zarr,
)
from aicsio._metadata.origins import list_facts
from aicsio.testing import ImageSpec, TiffSpec, write
from aicsio.testing.czi import Block, metadata_xml, write_czi
from aicsio.testing.lif import LifImage, write_lif
from format_makers import MAKERS
from support import corpus_file, corpus_names

SUFFIXES = (
    ".czi", ".lif", ".tif", ".tiff", ".ome", ".stk", ".lsm", ".svs", ".png", ".nd2", ".dv", ".mrc",
    ".gif", ".mp4", ".jpg",
)  # fmt: skip
FOLDERS = (
    "czi", "lif", "ometiff", "lsm", "ndtiff", "tiff/cellprofiler", "tiff/imageio", "tiff/galaxy", "nd2",
    "dv", "imageio",
)  # fmt: skip
NAMES = [
    name
    for name in corpus_names(*FOLDERS)
    if name.lower().endswith(SUFFIXES) and name != "czi/write_roi.czi"
]
WITHOUT_PLACE = {"guess", "pixels"}
"""Origins besides places of the file, where nobody gave anything to the call."""


def check_origins(handle: ImageHandle) -> None:
    """Every fact has an origin, and it is a place: not the name of the format alone."""
    found = provenance(select_scene(handle, handle.scene_index))
    assert [fact.path for fact in found.facts] == [path for path, _ in list_facts(handle.scene)]
    assert [
        fact for fact in found.facts if fact.origin not in WITHOUT_PLACE and ":" not in fact.origin
    ] == []


@pytest.mark.parametrize("kind", MAKERS)
def test_every_fact_of_every_format_has_a_place(kind: str, tmp_path: Path) -> None:
    check_origins(open_image(MAKERS[kind](tmp_path)))


@pytest.mark.parametrize("name", NAMES)
def test_every_fact_of_a_real_file_has_an_origin(name: str) -> None:
    check_origins(open_image(corpus_file(name)))


def test_facts_are_listed_down_to_their_values() -> None:
    handle = open_image(np.zeros((2, 4, 5)), dims="CYX", channel_names=["a", "b"])
    assert dict(list_facts(handle.scene)) == {
        "name": "Image:0",
        "channels[0].name": "a",
        "channels[0].samples": 1,
        "channels[1].name": "b",
        "channels[1].samples": 1,
    }


def test_facts_of_the_caller(tmp_path: Path) -> None:
    write(TiffSpec((ImageSpec(C=2, channel_names=("DAPI", "GFP")),)), tmp_path, "a.ome.tiff")
    own = provenance(open_image(tmp_path / "a.ome.tiff"))
    assert own["channels[1].name"] == "ome:Channel@Name"
    given = provenance(
        open_image(
            tmp_path / "a.ome.tiff", channel_names=["DAPI", "mine"], pixel_size=PixelSize(X=9.0)
        )
    )
    assert given["channels[0].name"] == "ome:Channel@Name"
    assert given["channels[1].name"] == "user"
    assert given["pixel_size.X"] == "user"
    with pytest.raises(
        DimensionError, match=r"no origin of 'pixel_size\.Z': the field has no value"
    ):
        given["pixel_size.Z"]


def test_a_name_that_the_file_lacks_is_a_guess() -> None:
    found = provenance(open_image(np.zeros((4, 5))))
    assert found["name"] == "guess"
    assert [note.code for note in found.diagnostics] == ["guess"]


CHANNEL = '<Channel Id="C:0" Name="{}"><EmissionWavelength>{}</EmissionWavelength><Color>{}</Color>{}</Channel>'


def czi(taken: str, shown: str) -> bytes:
    image = f"<Image><Dimensions><Channels>{taken}</Channels></Dimensions></Image>"
    display = f"<DisplaySetting><Channels>{shown}</Channels></DisplaySetting>"
    file = io.BytesIO()
    xml = f"<ImageDocument><Metadata><Information>{image}</Information>{display}</Metadata></ImageDocument>"
    write_czi(file, [Block(np.zeros((4, 5), np.uint8), {"C": 0, "Y": 0, "X": 0})], xml)
    return file.getvalue()


def test_czi_channels_of_two_places() -> None:
    taken = CHANNEL.format("A", 500, "#FF0000", "")
    shown = CHANNEL.format("B", 500.1, "#00FF00", "<DyeName>Cy3</DyeName>")
    found = provenance(open_image(czi(taken, shown)))
    assert found["channels[0].name"] == "czi:Information/Image/Channel"
    assert found["channels[0].emission"] == "czi:Information/Image/Channel"
    assert found["channels[0].color"] == "czi:DisplaySetting"
    assert found["channels[0].fluor"] == "czi:DisplaySetting"
    conflicts = [note for note in found.diagnostics if note.code == "contradiction"]
    assert [note.where for note in conflicts] == ["channels[0].name", "channels[0].color"]
    assert conflicts[0].message == "czi:Information/Image/Channel has 'A', czi:DisplaySetting 'B'"


def test_czi_names_what_stands_in_for_a_name() -> None:
    dye = '<Channel Id="C:0"><ShortName> </ShortName><Fluor>AF488</Fluor></Channel>'
    found = provenance(open_image(czi(dye, "")))
    assert found["channels[0].name"] == "czi:Information/Image/Channel/Fluor"
    assert found["channels[0].fluor"] == "czi:Information/Image/Channel"
    found = provenance(open_image(czi("", dye.replace("> <", ">G<"))))
    assert found["channels[0].name"] == "czi:DisplaySetting/ShortName"


def test_czi_without_a_conflict_has_none() -> None:
    same = CHANNEL.format("A", 500, "#FF0000", "")
    found = provenance(open_image(czi(same, same)))
    assert "contradiction" not in {note.code for note in found.diagnostics}


def test_lif_names_by_dye_or_detector(tmp_path: Path) -> None:
    image = LifImage(
        np.zeros((2, 4, 5), np.uint8), "CYX", dyes=("Cy3", "DAPI"), luts=("Red", "Blue")
    )
    found = provenance(open_image(write_lif(tmp_path / "a.lif", [image])))
    assert found["name"] == "lif:Element@Name"
    assert found["channels[0].name"] == "lif:ChannelProperty/DyeName"
    assert found["channels[0].color"] == "lif:ChannelDescription@LUTName"


def test_tags_and_keys_of_tiff(tmp_path: Path) -> None:
    import tifffile

    pixels = np.zeros((4, 5), np.uint8)
    plain: dict[str, Any] = {
        "resolution": (2e4, 2e4),
        "resolutionunit": "CENTIMETER",
        "datetime": "2020:01:02 03:04:05",
        "metadata": None,
    }
    tifffile.imwrite(tmp_path / "a.tif", pixels, **plain)
    found = provenance(open_image(tmp_path / "a.tif"))
    assert found["pixel_size.X"] == "tag:XResolution"
    assert found["acquired"] == "tag:DateTime"
    stack = np.zeros((3, 4, 5), np.uint8)
    about = {"axes": "ZYX", "spacing": 2.0, "unit": "um"}
    tifffile.imwrite(tmp_path / "b.tif", stack, imagej=True, resolution=(2, 2), metadata=about)
    found = provenance(open_image(tmp_path / "b.tif"))
    assert found["pixel_size.Z"] == "imagej:spacing"
    assert found["pixel_size.X"] == "imagej:unit"


def test_places_of_makers_of_tiff() -> None:
    camera = provenance(open_image(corpus_file("tiff/cellprofiler/NikonTIF.tif")))
    assert camera["acquired"] == "tag:DateTimeOriginal"
    assert camera["planes.exposure"] == "tag:ExposureTime"
    microscope = provenance(open_image(corpus_file("tiff/imageio/fei-sem-rbc.tif")))
    assert (microscope["acquired"], microscope["pixel_size.X"]) == ("fei:TimeOfCreation", "tag:FEI")
    # 0.0077 um in the text of the microscope; the tags are those of a screen, 96 dots per inch.
    assert [note.where for note in microscope.diagnostics if note.code == "contradiction"] == [
        "pixel_size.X", "pixel_size.Y",
    ]  # fmt: skip
    stack = provenance(open_image(corpus_file("tiff/cellprofiler/MetamorphImage.tif")))
    assert stack["pixel_size.Y"] == "metamorph:UIC1/YCalibration"


def test_places_of_times_of_movies() -> None:
    movie = provenance(open_image(corpus_file("imageio/cockatoo.mp4")))
    assert movie["time_step"] == "movie:presentation times of packets"
    assert movie["planes.time"] == movie["time_step"]


def test_stores_and_written_files(tmp_path: Path) -> None:
    handle = open_image(
        np.zeros((2, 4, 5), np.uint8), dims="CYX", pixel_size=PixelSize(X=0.5, Y=0.5),
        channel_names=["a", "b"],
    )  # fmt: skip
    write_ome_zarr(handle, tmp_path / "a.ome.zarr")
    found = provenance(open_image(tmp_path / "a.ome.zarr"))
    assert found["pixel_size.X"] == "ngff:coordinateTransformations"
    assert found["channels[0].name"] == "ngff:omero/channels"
    write_ome_tiff(handle, tmp_path / "a.ome.tiff")
    assert (
        provenance(open_image(tmp_path / "a.ome.tiff"))["pixel_size.Y"]
        == "ome:Pixels@PhysicalSizeY"
    )


def test_opening_keeps_no_origins() -> None:
    file = io.BytesIO()
    blocks = [Block(np.zeros((4, 5), np.uint8), {"C": 0, "Y": 0, "X": 0})]
    write_czi(file, blocks, metadata_xml(channels=["DAPI"]))
    handle = open_image(file.getvalue())
    edited = attrs.evolve(handle.scene, channels=(Channel("other"),), well=Well("A", "1"))
    changed = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(edited,)))
    assert provenance(handle)["channels[0].name"] == "czi:Information/Image/Channel"
    assert provenance(changed)["channels[0].name"] == "user"
