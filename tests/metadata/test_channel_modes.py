"""How channels were taken: in the records, in the OME of every format, and in what is written.

Right values are those of the files' own XML, which an independent path (lxml) reads, or the tests write.
"""

from pathlib import Path

import attrs
import numpy as np
import pytest
from lxml import etree

from aicsio import (
    Channel,
    ImageHandle,
    ome_metadata,
    open_image,
    provenance,
    write_ome_tiff,
    write_ome_zarr,
)
from aicsio.formats.czi.metadata import parse_metadata
from aicsio.records.provenance import FactOrigin
from ome_files import image, ome_tiff, ome_xml, planes
from support import corpus_file

FIELDS = ("acquisition_mode", "pinhole_size", "illumination_type", "contrast_method")
FILES = (
    "czi/LSM880_AiryScan.czi",
    "czi/WellD6-7_S2.czi",
    "lif/xz-example.lif",
    "lif/PR2729_frameOrderCombinedScanTypes.lif",
    "lsm/test.lsm",
)
KNOWN = Channel(
    "a",
    acquisition_mode="SpinningDiskConfocal",
    pinhole_size=50.5,
    illumination_type="Epifluorescence",
    contrast_method="Fluorescence",
)


@pytest.mark.parametrize("name", FILES)
def test_records_and_ome_have_the_same(name: str) -> None:
    handle = open_image(corpus_file(name))
    ome = ome_metadata(handle, planes=False)
    known = 0
    for scene, described in zip(handle.scenes, ome.images, strict=True):
        for one, element in zip(scene.channels, described.pixels.channels, strict=False):
            for field in FIELDS:
                value, shown = getattr(one, field), getattr(element, field)
                assert value == getattr(shown, "value", shown)
                known += value is not None
    assert known


def test_modes_of_a_czi_are_those_of_its_xml() -> None:
    handle = open_image(corpus_file("czi/LSM880_AiryScan.czi"))
    element = etree.fromstring((handle.metadata or "").encode()).findall(
        "Metadata/Information/Image/Dimensions/Channels/Channel"
    )[0]
    channel = handle.channels[0]
    assert channel.acquisition_mode == element.findtext("AcquisitionMode")
    assert channel.contrast_method == element.findtext("ContrastMethod")
    assert channel.illumination_type == element.findtext("IlluminationType")
    assert provenance(handle)["channels[0].contrast_method"] == "czi:Information/Image/Channel"


def test_the_pinhole_of_a_czi() -> None:
    text = (
        "<ImageDocument><Metadata><Information><Image><Dimensions><Channels>"
        '<Channel Id="Channel:0"><PinholeSize>41.5</PinholeSize></Channel>'
        "</Channels></Dimensions></Image></Information></Metadata></ImageDocument>"
    )
    (channel,) = parse_metadata(text)[0].channels
    assert channel.pinhole_size == 41.5


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (
            (
                'AcquisitionMode="WideField" IlluminationType="Transmitted" ContrastMethod="DIC" '
                'PinholeSize="0.1" PinholeSizeUnit="mm"'
            ),
            ("WideField", 100.0, "Transmitted", "DIC"),
        ),
        ('Mode="Laser Scanning Confocal"', ("LaserScanningConfocalMicroscopy", None, None, None)),
        ('AcquisitionMode="Kaleidoscope"', ("Other", None, None, None)),
        ("", (None, None, None, None)),
    ],
)
def test_modes_of_ome(
    tmp_path: Path, attributes: str, expected: tuple[str | float | None, ...]
) -> None:
    text = ome_xml(image(f'<Channel ID="Channel:0:0" {attributes}/><TiffData/>'))
    handle = open_image(ome_tiff(tmp_path / "a.ome.tif", planes(1), text))
    assert tuple(getattr(handle.channels[0], field) for field in FIELDS) == expected


def of_channel(channel: Channel) -> ImageHandle:
    handle = open_image(np.zeros((4, 5), np.uint8))
    scene = attrs.evolve(handle.scene, channels=(channel,))
    return attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))


@pytest.mark.parametrize("write", [write_ome_tiff, write_ome_zarr])
def test_writers_keep_modes(tmp_path: Path, write: object) -> None:
    suffix = "ome.tiff" if write is write_ome_tiff else "ome.zarr"
    report = write(of_channel(KNOWN), tmp_path / f"a.{suffix}")  # type: ignore[operator]
    read = open_image(report.path)
    shown = ome_metadata(read).images[0].pixels.channels[0]
    values = [getattr(shown, field) for field in FIELDS]
    assert [getattr(value, "value", value) for value in values] == [
        getattr(KNOWN, field) for field in FIELDS
    ]
    if write is write_ome_tiff:
        assert attrs.evolve(read.channels[0], samples=1) == KNOWN
        places = provenance(read)
        assert FactOrigin("channels[0].pinhole_size", "ome:Channel@PinholeSize") in places.facts


def test_a_copy_of_a_copy_keeps_modes_and_wavelengths(tmp_path: Path) -> None:
    """A store keeps them in the OME-XML beside a single image, which opening does not read."""
    known = attrs.evolve(KNOWN, emission=520.0, excitation=488.0, fluor="GFP")
    store = write_ome_zarr(of_channel(known), tmp_path / "a.ome.zarr")
    copy = write_ome_tiff(open_image(store.path), tmp_path / "b.ome.tiff")
    assert attrs.evolve(open_image(copy.path).channels[0], window=None, color=None) == known


def test_a_word_that_the_schema_lacks_is_reported(tmp_path: Path) -> None:
    report = write_ome_tiff(
        of_channel(Channel(contrast_method="Schlieren")), tmp_path / "a.ome.tiff"
    )
    assert open_image(report.path).channels[0].contrast_method == "Other"
    assert any("Schlieren" in note.message for note in report.not_kept)


def test_the_repr_has_the_known_fields() -> None:
    assert repr(Channel("DAPI", emission=457.0)) == "Channel(name='DAPI', emission=457.0)"
    assert eval(repr(KNOWN)) == KNOWN  # noqa: S307 - a repr of ours
