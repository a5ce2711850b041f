"""The whole OME of an OME-TIFF goes into what is written from it: patched where it changed, valid, references whole."""

import re
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import ome_types
import pytest
import tifffile
from lxml import etree

from aicsio import (
    ImageHandle,
    Objective,
    PixelSize,
    open_image,
    select_level,
    select_scene,
    to_numpy,
    transpose_to,
    write_ome_tiff,
    write_scenes,
)
from round_trip import differences
from schema import SCHEMA
from support import corpus_file

NAMESPACE = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"

REST = """
<Experimenter ID="Experimenter:7" FirstName="Ada" LastName="Ångström"/>
<Instrument ID="Instrument:5"><Laser ID="LightSource:1" Model="argon"/>
  <Detector ID="Detector:1" Model="PMT"/>
  <Objective ID="Objective:3" Model="Plan" LensNA="1.4" Iris="true"/></Instrument>
<Instrument ID="Instrument:6"><Objective ID="Objective:4" Model="other"/></Instrument>
"""
ANNOTATIONS = """
<StructuredAnnotations>
<XMLAnnotation ID="Annotation:1" Namespace="x" Annotator="Experimenter:7"><Value><a xmlns="urn:x" b="1"><c/></a></Value>
</XMLAnnotation>
<MapAnnotation ID="Annotation:2"><AnnotationRef ID="Annotation:3"/><Value><M K="dose">5 mg</M></Value></MapAnnotation>
<CommentAnnotation ID="Annotation:3"><Value>of the dose</Value></CommentAnnotation>
<CommentAnnotation ID="Annotation:4"><Value>of the second image</Value></CommentAnnotation>
<CommentAnnotation ID="Annotation:5"><Value>of nobody</Value></CommentAnnotation>
</StructuredAnnotations>
<ROI ID="ROI:1" Name="on all"><Union>
  <Rectangle ID="Shape:1" X="10" Y="4" Width="4" Height="2"/>
  <Point ID="Shape:2" TheC="1" TheZ="2" X="11.5" Y="5"/>
  <Polygon ID="Shape:3" TheT="0" Points="1,2 3,4 5,6"/></Union><AnnotationRef ID="Annotation:2"/></ROI>
<ROI ID="ROI:2"><Union><Line ID="Shape:4" TheC="0" X1="0" Y1="1" X2="2" Y2="3"/></Union></ROI>
<ROI ID="ROI:3"><Union><Label ID="Shape:5" X="1" Y="1" Text="second"/></Union></ROI>
"""
CHANNELS = """
<Channel ID="Channel:a" Name="red" Color="-16776961" EmissionWavelength="0.6" EmissionWavelengthUnit="µm"
  PinholeSize="50" PinholeSizeUnit="µm"><LightSourceSettings ID="LightSource:1" Attenuation="0.5"/>
  <DetectorSettings ID="Detector:1" Gain="9"/></Channel>
<Channel ID="Channel:b" Name="green" ContrastMethod="DIC"><AnnotationRef ID="Annotation:1"/></Channel>
"""
IMAGE = """<Image ID="Image:x" Name="first"><AcquisitionDate>2020-01-02T03:04:05</AcquisitionDate>
<ExperimenterRef ID="Experimenter:7"/><Description>a cell</Description><InstrumentRef ID="Instrument:5"/>
<ObjectiveSettings ID="Objective:3" Medium="Oil" RefractiveIndex="1.5"/><ImagingEnvironment Temperature="37"/>
<StageLabel Name="slide" X="1" XUnit="mm"/>{pixels}<ROIRef ID="ROI:1"/><ROIRef ID="ROI:2"/>
<AnnotationRef ID="Annotation:2"/></Image>"""


def pixels(first: int = 0) -> str:
    planes = "".join(
        f'<Plane TheZ="{z}" TheC="{c}" TheT="0" DeltaT="{100 * z + c}" DeltaTUnit="ms" PositionX="{z}" '
        'PositionXUnit="reference frame"><HashSHA1>0123456789012345678901234567890123456789</HashSHA1></Plane>'
        for c in range(2)
        for z in range(3)
    )
    return f"""<Pixels ID="Pixels:x" DimensionOrder="XYZCT" Type="uint8" SignificantBits="7" SizeX="20" SizeY="16"
    SizeZ="3" SizeC="2" SizeT="1" PhysicalSizeX="500" PhysicalSizeXUnit="nm" PhysicalSizeY="1"
    PhysicalSizeYUnit="pixel">{CHANNELS}
    <TiffData IFD="{first}" PlaneCount="6"/>{planes}</Pixels>"""


SECOND = """<Image ID="Image:y" Name="second"><InstrumentRef ID="Instrument:6"/><ObjectiveSettings ID="Objective:4"/>
<Pixels ID="Pixels:y" DimensionOrder="XYZCT" Type="uint8" SizeX="20" SizeY="16" SizeZ="1" SizeC="1" SizeT="1">
<Channel ID="Channel:y"/><TiffData IFD="6" PlaneCount="1"/></Pixels>
<ROIRef ID="ROI:3"/><AnnotationRef ID="Annotation:4"/></Image>"""


def stack(seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 127, (7, 16, 20), np.uint8)


def ome_file(path: Path, body: str, data: npt.NDArray[np.uint8] | None = None) -> ImageHandle:
    text = f'<?xml version="1.0"?><OME xmlns="{NAMESPACE[1:-1]}" UUID="urn:uuid:9ef5ad4f-3b2c-41ac-8b3c-0f62dd4d6a5b">'
    tifffile.imwrite(
        path, stack() if data is None else data, description=f"{text}{body}</OME>".encode(), metadata=None,
        photometric="minisblack",
    )  # fmt: skip
    return open_image(path)


@pytest.fixture
def source(tmp_path: Path) -> ImageHandle:
    opened = ome_file(
        tmp_path / "in.ome.tif", REST + IMAGE.format(pixels=pixels()) + SECOND + ANNOTATIONS
    )
    assert not opened.diagnostics
    return opened


def written(
    *handles: ImageHandle, folder: Path, told: int = 0, **options: Any
) -> tuple[etree._Element, ImageHandle]:
    report = write_scenes(handles, folder / "out.ome.tif", overwrite=True, **options)
    assert len(report.not_kept) == told, report.not_kept
    read = open_image(report.path)
    assert not read.diagnostics
    assert read.metadata is not None
    root = etree.fromstring(read.metadata.encode())
    SCHEMA.assertValid(root)  # its keys and references too
    assert not root.get("UUID")
    ome_types.from_xml(read.metadata)
    for index, handle in enumerate(handles):
        assert differences(handle, select_scene(read, index), report.not_kept) == []
    return root, read


def found(root: etree._Element, name: str) -> list[etree._Element]:
    return list(root.iter(NAMESPACE + name))


def ids(root: etree._Element, name: str) -> list[str | None]:
    return [element.get("ID") for element in found(root, name)]


# ---------------------------------------------------------------- all of it


def test_everything_is_carried(source: ImageHandle, tmp_path: Path) -> None:
    scenes = [select_scene(source, index) for index in (0, 1)]
    root, read = written(*scenes, folder=tmp_path)
    before = etree.fromstring((source.metadata or "").encode())
    names = "Instrument Laser Experimenter ROI Polygon MapAnnotation XMLAnnotation Plane ObjectiveSettings HashSHA1"
    for name in f"{names} LightSourceSettings ImagingEnvironment StageLabel".split():
        assert len(found(root, name)) == len(found(before, name)), name
    (first, second) = found(root, "Pixels")
    assert (first.get("PhysicalSizeX"), first.get("PhysicalSizeXUnit")) == ("500", "nm")
    assert (first.get("PhysicalSizeYUnit"), first.get("SignificantBits")) == ("pixel", "7")
    assert second.get("PhysicalSizeX") is None
    red, green, _ = found(root, "Channel")
    assert [red.get(name) for name in ("EmissionWavelength", "PinholeSize", "Name")] == [
        "0.6",
        "50",
        "red",
    ]
    assert green.get("ContrastMethod") == "DIC"
    assert found(root, "Plane")[2].get("PositionXUnit") == "reference frame"
    assert found(root, "Plane")[2].get("DeltaT") == "200"
    assert root.xpath("//*[local-name()='a']/@b") == ["1"]
    again, _ = written(*(select_scene(read, index) for index in (0, 1)), folder=tmp_path / "..")
    assert etree.tostring(again) == etree.tostring(root)


def test_one_scene_takes_only_what_belongs_to_it_and_to_all(
    source: ImageHandle, tmp_path: Path
) -> None:
    root, _ = written(select_scene(source, 1), folder=tmp_path)
    assert ids(root, "Instrument") == ["Instrument:6"]
    assert ids(root, "ROI") == ["ROI:3"]
    assert ids(root, "CommentAnnotation") == ["Annotation:4", "Annotation:5"]
    assert ids(root, "Experimenter") == []
    root, _ = written(select_scene(source, 0), folder=tmp_path)
    assert ids(root, "Instrument") == ["Instrument:5"]
    assert ids(root, "ROI") == ["ROI:1", "ROI:2"]
    assert ids(root, "CommentAnnotation") == ["Annotation:3", "Annotation:5"]


def test_channels_and_planes_follow_the_picks(source: ImageHandle, tmp_path: Path) -> None:
    root, _ = written(transpose_to(source, "CZYX", C=[1, 0], Z=[2, 0], T=0), folder=tmp_path)
    assert [channel.get("Name") for channel in found(root, "Channel")] == ["green", "red"]
    assert ids(root, "LightSourceSettings") == ["LightSource:1"]
    told = [
        [plane.get(name) for name in ("TheC", "TheZ", "DeltaT", "PositionX")]
        for plane in found(root, "Plane")
    ]
    assert told == [
        ["0", "0", "201", "2"],
        ["0", "1", "1", "0"],
        ["1", "0", "200", "2"],
        ["1", "1", "0", "0"],
    ]
    (point,) = found(root, "Point")
    assert (point.get("TheC"), point.get("TheZ")) == ("0", "0")
    root, _ = written(transpose_to(source, "YX", C=0, Z=1, T=0), folder=tmp_path, told=1)
    assert [channel.get("Name") for channel in found(root, "Channel")] == ["red"]
    assert not found(root, "Point")
    assert len(found(root, "Plane")) == 1


@pytest.mark.parametrize(
    ("picks", "rectangle", "polygon"),
    [
        ({}, (10, 4, 4, 2), "1,2 3,4 5,6"),
        ({"X": slice(2, None), "Y": slice(1, 9)}, (8, 3, 4, 2), "-1,1 1,3 3,5"),
        ({"X": slice(None, None, 2)}, (5, 4, 2, 2), "0.5,2 1.5,4 2.5,6"),
        ({"X": slice(None, None, -1)}, (6, 4, 4, 2), "19,2 17,4 15,6"),
        ({"Y": slice(None, 3, -4)}, (10, 2.5, 4, 0.5), "1,3.5 3,3 5,2.5"),
    ],
)
def test_regions_lie_where_they_did(
    picks: Any, rectangle: tuple[float, ...], polygon: str, source: ImageHandle, tmp_path: Path
) -> None:
    root, _ = written(transpose_to(source, "TCZYX", **picks), folder=tmp_path)
    (box,) = found(root, "Rectangle")
    assert tuple(float(box.get(name, "")) for name in ("X", "Y", "Width", "Height")) == rectangle
    assert found(root, "Polygon")[0].get("Points") == polygon
    assert len(found(root, "HashSHA1")) == (0 if picks else 6)
    physical = found(root, "Pixels")[0].get("PhysicalSizeY")
    assert physical == (None if "Y" in picks and picks["Y"].step == -4 else "1")


def test_regions_that_cannot_follow_are_told(source: ImageHandle, tmp_path: Path) -> None:
    report = write_ome_tiff(
        transpose_to(source, "CZYX", T=0, X=[0, 1, 5]), tmp_path / "out.ome.tif"
    )
    assert [note.message.split(":")[0] for note in report.not_kept] == [
        "3 shapes of the region 'ROI", "1 shape of the region 'ROI"
    ]  # fmt: skip
    assert "ROI" not in (open_image(report.path).metadata or "")


def test_transforms_masks_and_levels(tmp_path: Path) -> None:
    bits = '<BinData BigEndian="false" Length="4">AA==</BinData>'
    mask = f'<Mask ID="Shape:9" X="1" Y="2" Width="4" Height="2">{bits}</Mask>'
    turn = '<Transform A00="0" A01="-1" A02="9" A10="1" A11="0" A12="3"/>'
    turned = f'<Ellipse ID="Shape:8" X="4" Y="2" RadiusX="2" RadiusY="1">{turn}</Ellipse>'
    roi = f'<ROI ID="ROI:1"><Union>{turned}{mask}</Union></ROI>'
    body = IMAGE.replace('<ROIRef ID="ROI:2"/>\n<AnnotationRef ID="Annotation:2"/>', "").format(
        pixels=pixels()
    )
    data = stack()[:6]
    text = f'<OME xmlns="{NAMESPACE[1:-1]}">{REST}{body}{roi}</OME>'.replace(
        '<AnnotationRef ID="Annotation:1"/>', ""
    )
    with tifffile.TiffWriter(tmp_path / "in.ome.tif") as tif:
        tif.write(
            data,
            subifds=1,
            description=text.encode(),
            metadata=None,
            tile=(16, 16),
            photometric="minisblack",
        )
        tif.write(
            data[:, ::2, ::2], subfiletype=1, metadata=None, tile=(16, 16), photometric="minisblack"
        )
    source = open_image(tmp_path / "in.ome.tif")
    assert len(source.levels) == 2
    root, _ = written(transpose_to(source, "TCZYX", X=slice(1, None)), folder=tmp_path, told=1)
    assert found(root, "Mask")[0].get("X") == "0"
    root, read = written(select_level(source, 1), folder=tmp_path, told=2)
    assert not found(root, "Mask")
    assert read.pixel_size == PixelSize(X=1.0)
    (ellipse,) = found(root, "Ellipse")
    (transform,) = found(root, "Transform")
    matrix = np.array(
        [[float(transform.get(f"A{row}{column}", "")) for column in range(3)] for row in range(2)]
    )
    center = np.array([float(ellipse.get("X", "")), float(ellipse.get("Y", "")), 1.0])
    assert (matrix @ center == np.array([9 - 2, 3 + 4]) / 2).all()


# ---------------------------------------------------------------- several sources


def test_identifiers_are_unique_across_sources(source: ImageHandle, tmp_path: Path) -> None:
    body = REST.replace("Plan", "Apo") + IMAGE.format(pixels=pixels()) + ANNOTATIONS
    other = ome_file(tmp_path / "other.ome.tif", body, stack(1)[:6])
    third = open_image(np.zeros((4, 5), "u1"))
    lens = attrs.evolve(third.scene, objective=Objective("own"))
    third = attrs.evolve(third, contents=attrs.evolve(third.contents, scenes=(lens,)))
    parts = [source, other, third, transpose_to(source, "CZYX", T=0, X=slice(5, None)), other]
    root, read = written(*parts, folder=tmp_path)
    names = [element.get("ID") for element in root.iter() if element.get("ID") and not re.search(
        "Ref$|Settings$", str(element.tag))]  # fmt: skip
    assert len(set(names)) == len(names)
    lenses = [select_scene(read, index).scene.objective for index in range(5)]
    assert [lens and lens.name for lens in lenses] == ["Plan", "Apo", "own", "Plan", "Apo"]
    assert [box.get("X") for box in found(root, "Rectangle")] == [
        "10",
        "5",
        "10",
    ]  # one each, but for the crop
    assert len(found(root, "ROIRef")) == 8
    assert to_numpy(select_scene(read, 1)).tobytes() == to_numpy(other).tobytes()


def test_records_that_somebody_changed_have_the_last_word(
    source: ImageHandle, tmp_path: Path
) -> None:
    scene = source.scene
    assert scene.planes is not None
    times = scene.planes.column("time")
    assert times is not None
    changed = attrs.evolve(
        scene,
        channels=(attrs.evolve(scene.channels[0], emission=700.0), scene.channels[1]),
        pixel_size=PixelSize(3.0, 2.0, 1.0),
        planes=attrs.evolve(scene.planes, time=(times + 1).tobytes()),
        acquired="2026-01-01T00:00:00",
        objective=Objective("new"),
    )
    contents = attrs.evolve(source.contents, scenes=(changed, *source.scenes[1:]))
    root, _ = written(attrs.evolve(source, contents=contents), folder=tmp_path)
    assert found(root, "Channel")[0].get("EmissionWavelength") == "700.0"
    assert found(root, "Channel")[0].get("PinholeSize") == "50"
    assert found(root, "Plane")[1].get("DeltaT") == "1.1"
    assert found(root, "Plane")[1].get("PositionXUnit") == "reference frame"
    assert ids(root, "ObjectiveSettings") == ["Objective:0:0"]


# ---------------------------------------------------------------- texts that break rules


def test_what_breaks_rules_is_mended_or_told(tmp_path: Path) -> None:
    wrong = (
        REST.replace("Objective:3", "lens 3")
        .replace("Detector:1", "")
        .replace('LensNA="1.4"', 'LensNA="good"')
    )
    body = wrong + IMAGE.replace("Objective:3", "lens 3").format(
        pixels=pixels().replace("Detector:1", "")
    )
    body = (
        body.replace('Temperature="37"', 'Temperature="warm"').replace("ROI:2", "ROI:nowhere")
        + ANNOTATIONS
    )
    source = ome_file(
        tmp_path / "in.ome.tif", body.replace("</ROI>", "</ROI><Nonsense/>", 1), stack()[:6]
    )
    report = write_ome_tiff(source, tmp_path / "out.ome.tif")
    read = open_image(report.path)
    root = etree.fromstring((read.metadata or "").encode())
    SCHEMA.assertValid(root)
    assert ids(root, "ObjectiveSettings") == ids(root, "Objective")[:1] == ["Objective:lens_3"]
    assert ids(root, "DetectorSettings") == ids(root, "Detector") == ["Detector:0"]
    told = "\n".join(note.message for note in report.not_kept)
    for part in ("LensNA", "Temperature", "Nonsense"):
        assert part in told
    assert differences(source, read) == []


def test_planes_outside_and_texts_that_do_not_fit_are_told(tmp_path: Path) -> None:
    body = (
        IMAGE.split("<ExperimenterRef", maxsplit=1)[0]
        + pixels().replace('TheZ="2"', 'TheZ="3"')
        + "</Image>"
    )
    body = re.sub(
        r"<LightSourceSettings[^>]*/>|<DetectorSettings[^>]*/>|<AnnotationRef[^>]*/>", "", body
    )
    report = write_ome_tiff(
        ome_file(tmp_path / "in.ome.tif", body, stack()[:6]), tmp_path / "out.ome.tif"
    )
    assert [note.message for note in report.not_kept] == [
        "2 Plane elements of planes that the image does not have"
    ]
    relettered = open_image(tmp_path / "in.ome.tif", dims="CZYX")
    report = write_ome_tiff(relettered, tmp_path / "again.ome.tif")
    assert any("cannot be told apart" in note.message for note in report.not_kept)
    assert differences(relettered, open_image(report.path), report.not_kept) == []


@pytest.mark.parametrize("version", ["2003-FC", "2008-02", "2009-09", "2011-06", "2013-06"])
def test_old_versions_are_brought_to_the_new_one(version: str, tmp_path: Path) -> None:
    name = {"2009-09": "6x4y1z1t1c8b-swatch-instrument.ome.tiff", "2011-06": "FLIM-modulo-sample.ome.tif",
            "2013-06": "FLIM-modulo-sample.ome.tif"}.get(version, "single-channel.ome.tif")  # fmt: skip
    source = open_image(corpus_file(f"ometiff/ome-spec/{version}/{name}"))
    root, read = written(source, folder=tmp_path)
    assert read.dims == source.dims
    assert len(found(root, "Instrument")) == (version == "2009-09")
    assert len(found(root, "XMLAnnotation")) == ("FLIM" in name)


def test_plates_keep_what_is_written_of_them(tmp_path: Path) -> None:
    source = open_image(
        corpus_file("ometiff/ome-spec/2009-09/6x4y1z1t1c8b-swatch-2s2p4w2ws.ome.tiff")
    )
    root, read = written(select_scene(source, 3), select_scene(source, 1), folder=tmp_path)
    assert (len(found(root, "Plate")), len(found(root, "Screen"))) == (1, 2)
    referred = [element.get("ID") for sample in found(root, "WellSample") for element in sample]
    assert sorted(map(str, referred)) == ["Image:0", "Image:1"]
    root, _ = written(select_scene(source, 12), folder=tmp_path)
    assert (ids(root, "Plate"), ids(root, "Screen")) == (["Plate:2"], ["Screen:1", "Screen:2"])
    assert set(ids(root, "ReagentRef")) == {"Reagent:1", "Reagent:2"}
    root, _ = written(
        *(select_scene(source, index) for index in range(len(source.scenes))), folder=tmp_path
    )
    assert len(found(root, "Plate")) == 2
    assert read.scene_names == (source.scene_names[3], source.scene_names[1])
