"""What is written of images whose channels differ, and of fields of channels.

Sources of the right values: the XML of the source, which the tests write; the schema of OME.
"""

from pathlib import Path

import attrs
import numpy as np
import pytest
from lxml import etree

from aicsio import (
    Channel,
    ImageHandle,
    open_image,
    select_scene,
    to_numpy,
    write_ome_tiff,
    write_ome_zarr,
    write_scenes,
)
from aicsio.testing.segments import Storage
from aicsio.testing.tiff_bytes import ASCII, TagEntry, make_page, write_pages
from schema import SCHEMA

NAMESPACE = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"
HEAD = f'<?xml version="1.0"?><OME xmlns="{NAMESPACE[1:-1]}">'
INSTRUMENT = (
    '<Instrument ID="Instrument:0"><Microscope Model="scope"/><Detector ID="Detector:0"/>'
    '<Detector ID="Detector:1"/><Objective ID="Objective:0" Model="Plan" LensNA="1.4"/>'
    "</Instrument>"
)
LINKS = '<InstrumentRef ID="Instrument:0"/><ObjectiveSettings ID="Objective:0"/>'
NOTE = '<AnnotationRef ID="Annotation:0"/>'
ANNOTATIONS = (
    '<StructuredAnnotations><CommentAnnotation ID="Annotation:0"><Value>kept</Value>'
    "</CommentAnnotation></StructuredAnnotations>"
)


def channel(number: int, samples: int) -> str:
    return (
        f'<Channel ID="Channel:{number}" SamplesPerPixel="{samples}" Name="c{number}" '
        f'ContrastMethod="DIC"><DetectorSettings ID="Detector:{min(number, 1)}" Gain="{number}"/>'
        "</Channel>"
    )


def pixels(samples: tuple[int, ...], first: int = 0, kind: str = "uint8") -> str:
    channels = "".join(channel(first + number, count) for number, count in enumerate(samples))
    planes = "".join(
        f'<Plane TheZ="0" TheC="{number}" TheT="0" ExposureTime="0.{number + 1}"/>'
        for number in range(len(samples))
    )
    return (
        f'<Pixels ID="Pixels:{first}" DimensionOrder="XYZCT" Type="{kind}" SizeX="6" SizeY="5" '
        f'SizeZ="1" SizeC="{sum(samples)}" SizeT="1">{channels}'
        f'<TiffData IFD="{first}" PlaneCount="{len(samples)}"/>{planes}</Pixels>'
    )


def mixed_file(path: Path, samples: tuple[int, ...]) -> ImageHandle:
    """An image of channels with other samples each, and a plain one behind it."""
    second = f'<Image ID="Image:1" Name="plain">{pixels((1,), len(samples))}</Image>'
    first = f'<Image ID="Image:0" Name="mixed">{LINKS}{pixels(samples)}{NOTE}</Image>'
    text = f"{HEAD}{INSTRUMENT}{first}{second}{ANNOTATIONS}</OME>".encode() + b"\0"
    pages = []
    for number, count in enumerate((*samples, 1)):
        tags = [] if number else [TagEntry(270, ASCII, text)]
        page = np.full((5, 6, count), 10 + number, np.uint8)
        pages.append(make_page(page, Storage(), tags))
    path.write_bytes(write_pages(pages))
    return open_image(path)


@pytest.mark.parametrize("samples", [(3, 1, 1), (1, 3, 1), (1, 1, 3)])
def test_scenes_of_a_split_image_keep_its_instrument_and_annotations(
    tmp_path: Path, samples: tuple[int, ...]
) -> None:
    handle = mixed_file(tmp_path / "in.ome.tif", samples)
    assert len(handle.scenes) == 3
    report = write_scenes(
        [select_scene(handle, number) for number in range(3)], tmp_path / "out.ome.tif"
    )
    assert report.not_kept == ()
    read = open_image(report.path)
    root = etree.fromstring((read.metadata or "").encode())
    SCHEMA.assertValid(root)
    assert len(root.findall(f"{NAMESPACE}Instrument")) == 1
    images = root.findall(f"{NAMESPACE}Image")
    assert len(images) == 3
    for number, element in enumerate(images[:2]):
        assert element.find(f"{NAMESPACE}InstrumentRef") is not None
        assert element.find(f"{NAMESPACE}AnnotationRef") is not None
        part = handle.scenes[number].part
        assert part is not None
        gains = [one.get("Gain") for one in element.iter(f"{NAMESPACE}DetectorSettings")]
        assert gains == [str(place) for place in part.positions]
        exposures = [one.get("ExposureTime") for one in element.iter(f"{NAMESPACE}Plane")]
        assert exposures == [f"0.{place + 1}" for place in part.positions]
        written = to_numpy(select_scene(read, number))
        assert written.tobytes() == to_numpy(select_scene(handle, number)).tobytes()
    assert images[2].get("Name") == "plain"
    assert images[2].find(f"{NAMESPACE}InstrumentRef") is None


def test_a_section_of_another_type_keeps_what_belongs_to_it(tmp_path: Path) -> None:
    planes = "".join(
        f'<Plane TheZ="{z}" TheC="0" TheT="0" ExposureTime="0.{z + 1}"/>' for z in range(3)
    )
    stored = pixels((1,)).replace('SizeZ="1"', 'SizeZ="3"').replace('PlaneCount="1"', "")
    stored = stored.partition("<Plane ")[0].replace('IFD="0"', "") + planes + "</Pixels>"
    text = f'{HEAD}{INSTRUMENT}<Image ID="Image:0" Name="a">{LINKS}{stored}{NOTE}</Image>'
    tag = TagEntry(270, ASCII, f"{text}{ANNOTATIONS}</OME>".encode() + b"\0")
    pages = [
        make_page(np.full((5, 6, 1), 10, kind), Storage(), [] if z else [tag])
        for z, kind in enumerate((np.uint8, np.uint16, np.uint8))
    ]
    (tmp_path / "in.ome.tif").write_bytes(write_pages(pages))
    handle = select_scene(open_image(tmp_path / "in.ome.tif"), "a Z=1")
    report = write_ome_tiff(handle, tmp_path / "out.ome.tif")
    assert report.not_kept == ()
    read = open_image(report.path)
    root = etree.fromstring((read.metadata or "").encode())
    SCHEMA.assertValid(root)
    assert root.find(f".//{NAMESPACE}Image/{NAMESPACE}InstrumentRef") is not None
    exposures = [one.get("ExposureTime") for one in root.iter(f"{NAMESPACE}Plane")]
    assert exposures == ["0.2"]
    assert to_numpy(read).dtype == np.uint16


def test_fields_without_an_attribute_in_ome_are_reported(tmp_path: Path) -> None:
    handle = open_image(np.zeros((2, 5, 6), np.uint8), dims="CYX")
    channels = (Channel("a", quantity="Lifetime (s)", window=(2.0, 9.0)), Channel("b"))
    scene = attrs.evolve(handle.scene, channels=channels)
    handle = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))
    report = write_ome_tiff(handle, tmp_path / "a.ome.tif")
    messages = [note.message for note in report.not_kept]
    assert any("Lifetime (s)" in message for message in messages)
    assert any("windows" in message for message in messages)
    # NGFF has windows (omero/channels/window), but no quantities.
    zarr = write_ome_zarr(handle, tmp_path / "a.zarr")
    assert ["Lifetime (s)" in note.message for note in zarr.not_kept] == [True]
    read = open_image(tmp_path / "a.zarr")
    assert read.channels[0].window == (2.0, 9.0)
    assert read.channels[1].window == (0.0, 1.0)
