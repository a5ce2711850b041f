"""Dates, texts and planes in the private metadata of ScanImage, ImageJ and Olympus Soft Imaging.

Right values: those that the tests write; tifffile reads the same of the same bytes.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from lxml import etree

from aicsio import metadata, ome_metadata, ome_xml, open_image, plane_table, provenance
from schema import SCHEMA

PAGES = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)


def annotations(handle: Any) -> dict[str, Any]:
    """Values of the annotations by namespace, of a document that the schema accepts."""
    assert SCHEMA.validate(etree.fromstring(ome_xml(handle).text.encode())), SCHEMA.error_log
    ome = ome_metadata(handle)
    linked = {reference.id for reference in ome.images[0].annotation_refs}
    assert ome.structured_annotations is not None
    found = [one for one in ome.structured_annotations if one.id in linked]
    return {str(one.namespace): one.value for one in found}


# ---------------------------------------------------------------- ScanImage


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        ("[2017,2,3,12,34,56.789]", "2017-02-03T12:34:56.789"),
        ("[2019  6 14 9  5 7.25]", "2019-06-14T09:05:07.250"),
        ("[2019;6;14;9;5;7]", "2019-06-14T09:05:07"),
        ("[2019,6,14,9,5]", None),
        ("[2019,13,14,9,5,7]", None),
        ("[2019,6,14,9.5,5,7]", None),
        ("[2019,6,14,9,5,61]", None),
        ("[NaN,6,14,9,5,7]", None),
        ("[]", None),
    ],
)
def test_the_epoch_of_scanimage_is_the_date(
    tmp_path: Path, epoch: str, expected: str | None
) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        for frame, page in enumerate(PAGES):
            text = f"frameNumbers = {frame + 1}\nframeTimestamps_sec = {frame * 0.5}\nepoch = {epoch}\n"
            software = "SI.VERSION_MAJOR = 2020\nSI.hChannels.channelSave = 1\n"
            tif.write(page, description=text, software=software, metadata=None, contiguous=False)
    assert open_image(path).scene.acquired == expected


# ---------------------------------------------------------------- ImageJ


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_info_of_imagej_is_an_annotation(tmp_path: Path, order: Any) -> None:
    text = "Laser = 488 nm\nUser = Zoë & co\n Gain: 5"
    path = tmp_path / "a.tif"
    facts = {"Info": text, "Properties": {"Stain": "DAPI", "Plate": "7"}, "axes": "ZYX"}
    tifffile.imwrite(path, PAGES, imagej=True, byteorder=order, metadata=facts)
    handle = open_image(path)
    values = annotations(handle)
    assert values["imagej.net/Info"] == text
    pairs = {pair.k: pair.value for pair in values["imagej.net"].ms}
    assert pairs == {"Stain": "DAPI", "Plate": "7"}
    tags: Any = metadata(handle)
    assert (tags["ImageJ.Info"], tags["ImageJ.Stain"]) == (text, "DAPI")


def test_imagej_without_texts(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PAGES, imagej=True, metadata={"axes": "ZYX"})
    handle = open_image(tmp_path / "a.tif")
    assert not ome_metadata(handle).structured_annotations
    assert not any(str(name).startswith("ImageJ.") for name in metadata(handle) or ())


# ---------------------------------------------------------------- Olympus Soft Imaging

INI = """[Dimension]
Z=1
Time=2
Band=2
[Z]
ZPos1=0
[Time]
TimePos1=250
TimePos2=1750
[Band]
BandName1=Fura340
LUT1=255
BandName2=Fura380
LUT2=8421504
"""
"""LUT: a colour a line, red in the lowest byte."""


def sis_file(folder: Path, ini: str = INI) -> Path:
    path = folder / "a.tif"
    text = ini.replace("\n", "\r\n").encode() + b"\0"
    with tifffile.TiffWriter(path) as tif:
        for number, page in enumerate(PAGES):
            tags: list[Any] = [(33560, 4, 1, 0xABCDEF, True), (33471, 2, len(text), text, True)]
            extra = [] if number else tags
            tif.write(page, metadata=None, contiguous=False, extratags=extra)
    content = path.read_bytes()
    offset = len(content) + len(content) % 2
    mark = struct.pack("<HHI", 33560, 4, 1)
    content = content.replace(mark + struct.pack("<I", 0xABCDEF), mark + struct.pack("<I", offset))
    # Minute, hour, day, month from 0, year from 1900; one block of general data.
    head = struct.pack("<4s6xhhhhh6x32sh", b"SIS0", 59, 13, 24, 11, 107, b"Hela", 1)
    table = struct.pack("<hhI", 1, 1, offset + len(head) + 8)
    block = struct.pack("<10xhdd8xd2x34s32s", -9, 322.5, 645.0, 60.0, b"Hamamatsu", b"grey")
    path.write_bytes(content.ljust(offset, b"\0") + head + table + block)
    return path


def test_olympus_sis(tmp_path: Path) -> None:
    path = sis_file(tmp_path)
    with tifffile.TiffFile(path) as tif:
        theirs: Any = tif.sis_metadata
    handle = open_image(path)
    scene = handle.scene
    assert str(handle.dims) == "T=2, C=2, Y=5, X=6"
    assert handle.channel_names == tuple(band["BandName"] for band in theirs["Band"])
    # The second table is grey.
    assert [channel.color for channel in scene.channels] == [0xFF0000FF, None]
    assert scene.acquired == theirs["datetime"].isoformat() == "2007-12-24T13:59:00"
    assert scene.objective is not None
    assert scene.objective.magnification == theirs["magnification"] == 60.0
    assert plane_table(handle)["time"].tolist() == [0, 0, 1.5, 1.5]
    assert "guess" in [note.code for note in handle.diagnostics]
    ome = ome_metadata(handle)
    assert ome.instruments[0].detectors[0].model == theirs["cameraname"] == "Hamamatsu"
    assert ome.instruments[0].objectives[0].nominal_magnification == 60.0
    pairs = {pair.k: pair.value for pair in annotations(handle)["olympus-sis.com"].ms}
    assert pairs["Band1.BandName"] == "Fura340"
    assert provenance(handle)["acquired"]


@pytest.mark.parametrize(
    "times", ["TimePos1=5\nTimePos2=1", "TimePos1=5", "TimePos1=x\nTimePos2=y", ""]
)  # tifffile 2026.11.8 raises AttributeError for the third
def test_times_of_olympus_sis_that_do_not_fit_are_left_out(tmp_path: Path, times: str) -> None:
    begin, _, end = INI.partition("TimePos1=250\nTimePos2=1750\n")
    handle = open_image(sis_file(tmp_path, f"{begin}{times}\n{end}"))
    assert np.isnan(plane_table(handle)["time"]).all()
    assert handle.dims.T == 2
