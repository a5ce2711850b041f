"""One OME Image that is several scenes, and two with one identifier: an Image a scene, in order.

Right values are those of the XML, which the tests write; validity is judged by the schema and ome-types.
"""

from pathlib import Path

import numpy as np
import ome_types
import pytest
from lxml import etree

from aicsio import ome_metadata, ome_xml, open_image
from ome_files import Array, image, ome_tiff, planes
from ome_files import ome_xml as document
from schema import SCHEMA

INSTRUMENT = '<Instrument ID="Instrument:0"><Detector ID="Detector:0"/><Detector ID="Detector:1"/></Instrument>'
PAGES: tuple[tuple[int, type[np.generic], str], ...] = (
    (1, np.uint8, "uint8"),
    (3, np.uint8, "uint8"),
    (1, np.uint8, "uint8"),
    (1, np.uint16, "uint16"),
)
"""Samples and type of each channel of the image."""


def checked(path: Path) -> ome_types.OME:
    handle = open_image(path)
    ome = ome_metadata(handle)
    text = ome_xml(handle).text
    assert SCHEMA.validate(etree.fromstring(text.encode())), SCHEMA.error_log
    assert ome_types.from_xml(text.encode()) == ome
    assert [one.name for one in ome.images] == list(handle.scene_names)
    for one, scene in zip(ome.images, handle.scenes, strict=True):
        dims = scene.levels[0].dims
        samples = dims.get("S", 1)
        assert one.pixels.size_c == dims.get("C", 1) * samples
        assert (one.pixels.size_y, one.pixels.size_x) == dims["Y", "X"]
        assert (one.pixels.size_t, one.pixels.size_z) == (dims.get("T", 1), dims.get("Z", 1))
        assert [channel.name for channel in one.pixels.channels] == [
            channel.name for channel in scene.channels
        ]
    identities = [one.id for one in ome.images] + [one.pixels.id for one in ome.images]
    assert len(set(identities)) == len(identities)
    return ome


def test_channels_of_other_types_are_images_of_their_own(tmp_path: Path) -> None:
    channels = "".join(
        f'<Channel ID="Channel:{number}" Name="c{number}" SamplesPerPixel="{samples}">'
        f'<DetectorSettings ID="Detector:{number % 2}" Gain="{number}"/></Channel>'
        for number, (samples, _, _) in enumerate(PAGES)
    )
    facts = "".join(
        f'<Plane TheZ="0" TheC="{number}" TheT="0" ExposureTime="0.{number + 1}"/>'
        for number in range(len(PAGES))
    )
    stack: list[Array] = [np.full((5, 6, samples), 7, kind) for samples, kind, _ in PAGES]
    split = image(f"{channels}<TiffData/>{facts}", c=6)
    plain = image('<TiffData IFD="4"/>', name="plain")
    text = document(INSTRUMENT + split + plain)
    path = ome_tiff(tmp_path / "a.ome.tif", [*stack, *planes(1)], text)
    ome = checked(path)
    assert ome_xml(open_image(path)).diagnostics[0].code == "ome-split-images"
    numbers = ([0, 2], [1], [3])
    assert len(ome.images) == 4
    for one, places in zip(ome.images, numbers, strict=False):
        assert one.pixels.type.value == PAGES[places[0]][2]
        gains = [channel.detector_settings.gain for channel in one.pixels.channels]  # type: ignore[union-attr]
        assert gains == places
        assert [plane.the_c for plane in one.pixels.planes] == list(range(len(places)))
        exposures = [plane.exposure_time for plane in one.pixels.planes]
        assert exposures == [float(f"0.{place + 1}") for place in places]


@pytest.mark.parametrize("letter", ["Z", "T"])
def test_sections_of_another_type_are_an_image_besides(tmp_path: Path, letter: str) -> None:
    stack: list[Array] = [np.full((5, 6, 1), value, np.uint8) for value in (1, 2, 3)]
    stack[1] = np.full((5, 6, 1), 300, np.uint16)
    z, t = (3, 1) if letter == "Z" else (1, 3)
    facts = "".join(
        f'<Plane TheZ="{n * (z > 1)}" TheC="0" TheT="{n * (t > 1)}" DeltaT="{n + 1}.5"/>'
        for n in range(3)
    )
    text = document(image(f"<TiffData/>{facts}", z=z, t=t))
    ome = checked(ome_tiff(tmp_path / "a.ome.tif", stack, text))
    times = [[plane.delta_t for plane in one.pixels.planes] for one in ome.images]
    assert times == [[1.5, 2.5, 3.5], [2.5]]
    assert [one.pixels.type.value for one in ome.images] == ["uint8", "uint16"]


def test_images_with_one_identifier_are_two(tmp_path: Path) -> None:
    both = "".join(image(f'<TiffData IFD="{n}"/>', name=name) for n, name in enumerate("ab"))
    text = document(both.replace('ID="I:b"', 'ID="I:a"'))
    path = ome_tiff(tmp_path / "a.ome.tif", planes(2), text)
    ome = checked(path)
    assert [one.name for one in ome.images] == ["a", "b"]
    messages = [note.message for note in ome_xml(open_image(path)).diagnostics]
    assert "two images have the identifier 'I:a'" in messages[0]
