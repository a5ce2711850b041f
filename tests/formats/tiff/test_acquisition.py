"""Dates, exposures and lenses of cameras, electron microscopes, slide scanners and LSM.

Right values are those of the texts and tags below, or of the bytes of a real file; tifffile reads the same Exif.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from aicsio import ImageHandle, Objective, open_image
from aicsio.formats._tiff.acquisition import join_date
from aicsio.formats._tiff.dialects.lsm import read_date, read_lsm_fields
from support import corpus_file, reads_whole_stk

PIXELS = np.zeros((6, 8), np.uint8)
EXIF_DATES = {
    36867: "2019:05:03 14:06:07",
    36881: "+02:00",
    37521: "25",
    33434: (1, 250),
}


def exif_directory(offset: int, tags: dict[int, Any]) -> bytes:
    """An Exif directory that lies at an offset: texts, and one pair of numbers as a quotient."""
    entries, values = b"", b""
    end = offset + 2 + 12 * len(tags) + 4
    for code, value in sorted(tags.items()):
        is_text = isinstance(value, str)
        raw = value.encode() + b"\0" if is_text else struct.pack("<II", *value)
        kind, count = (2, len(raw)) if is_text else (5, 1)
        if len(raw) <= 4:
            entries += struct.pack("<HHI4s", code, kind, count, raw)
        else:
            entries += struct.pack("<HHII", code, kind, count, end + len(values))
            values += raw
    return struct.pack("<H", len(tags)) + entries + bytes(4) + values


def with_exif(path: Path, tags: dict[int, Any]) -> ImageHandle:
    """A TIFF whose first page has an Exif directory behind the pixels."""
    # tifffile writes no such tag: the entry of another one gets its code.
    file = path / "a.tif"
    tifffile.imwrite(
        file, PIXELS, metadata=None, byteorder="<", datetime="2024:01:02 03:04:05",
        extratags=[(34666, 4, 1, 0, True)],
    )  # fmt: skip
    content = bytearray(file.read_bytes())
    place = content.index(struct.pack("<HHI", 34666, 4, 1))
    content[place : place + 12] = struct.pack("<HHII", 34665, 4, 1, len(content))
    file.write_bytes(bytes(content) + exif_directory(len(content), tags))
    with tifffile.TiffFile(file) as tif:
        seen = tif.pages.first.tags[34665].value
        assert seen.get("DateTimeOriginal") == (tags[36867].strip() if 36867 in tags else None)
    return open_image(file)


def test_the_moment_of_the_exposure_outranks_that_of_the_file(tmp_path: Path) -> None:
    scene = with_exif(tmp_path, EXIF_DATES).scene
    assert scene.acquired == "2019-05-03T14:06:07.25+02:00"
    assert scene.planes is not None
    assert scene.planes.column("exposure") == pytest.approx(0.004)


@pytest.mark.parametrize(
    "tags", [{}, {36867: "    :  :     :  :  "}, {36867: "2019:99:03 14:06:07"}]
)
def test_exif_without_a_date_leaves_that_of_the_file(tmp_path: Path, tags: dict[int, str]) -> None:
    scene = with_exif(tmp_path, {**tags, 37500: (1, 1)}).scene
    assert (scene.acquired, scene.planes) == ("2024-01-02T03:04:05", None)


def test_a_broken_exif_directory_costs_itself(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    with_exif(tmp_path, EXIF_DATES)
    content = file.read_bytes()
    place = content.index(struct.pack("<HHI", 34665, 4, 1)) + 8
    file.write_bytes(content[:place] + struct.pack("<I", 2**31) + content[place + 4 :])
    assert open_image(file).scene.acquired == "2024-01-02T03:04:05"


def test_an_exposure_is_that_of_one_page(tmp_path: Path) -> None:
    options: dict[str, Any] = {"metadata": None, "contiguous": False}
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for _ in range(3):
            tif.write(PIXELS, extratags=[(33434, 5, 1, (1, 250), True)], **options)
    handle = open_image(tmp_path / "a.tif")
    assert str(handle.dims) == "Z=3, Y=6, X=8"
    assert handle.scene.planes is None


@pytest.mark.parametrize(
    ("name", "date", "exposure"),
    [
        # DateTimeOriginal of Exif; DateTime, 10:12:30, is that of the program that changed the file.
        ("tiff/cellprofiler/NikonTIF.tif", "2010-04-08T09:18:02", 0.5),
        ("tiff/image-tiff/images/exif.tif", None, 3.0),
        ("tiff/image-tiff/libtiffpic/pc260001.tif", "2005-12-26T17:09:35", 0.0125),
        # Date=10/27/2016, Time=01:16:51 PM, TimeOfCreation=27.10.2016 13:16:51
        ("tiff/imageio/fei-sem-rbc.tif", "2016-10-27T13:16:51", None),
        # Sample0time = 41732.6559837963 days since 1899-12-30
        ("lsm/test.lsm", "2014-04-03T15:44:37", None),
        # CreateTime of UIC1 has milliseconds, DateTime has none.
        ("tiff/cellprofiler/MetamorphImage.tif", "2010-03-05T12:08:52.203", 0.3),
    ],
)  # fmt: skip
def test_dates_and_exposures_of_real_files(
    name: str, date: str | None, exposure: float | None
) -> None:
    path = corpus_file(name)
    scene = open_image(path).scene
    if name.endswith("MetamorphImage.tif") and not reads_whole_stk(path):
        date = "2010-03-05T12:08:52"
    assert scene.acquired == date
    column = None if scene.planes is None else scene.planes.column("exposure")
    assert (None if column is None else column.item()) == pytest.approx(exposure)


@pytest.mark.parametrize(
    ("date", "clock", "month_first", "expected"),
    [
        ("10/27/2016", "01:16:51 PM", False, "2016-10-27T13:16:51"),
        ("1/7/2016", "12:00:01 AM", False, "2016-01-07T00:00:01"),
        ("12/25/2016", "9:16:51", False, "2016-12-25T09:16:51"),
        ("25.12.2016", "09:16:51", False, "2016-12-25T09:16:51"),
        ("07.01.2016", "01:16:51 PM", False, "2016-01-07T13:16:51"),
        ("12/29/09", "09:59:15", True, "2009-12-29T09:59:15"),
        # The first of July, or the seventh of January: nothing in the text decides.
        ("07/01/2016", "13:16:51", False, None),
        ("32.13.2016", "13:16:51", False, None),
        ("", "13:16:51", False, None),
        ("10/27/2016", "", False, None),
    ],
)
def test_a_date_that_can_be_read_in_two_ways_is_left_out(
    date: str, clock: str, month_first: bool, expected: str | None
) -> None:
    assert join_date(date, clock, month_first=month_first) == expected


APERIO = (
    "Aperio Image Library v11.2.1 \r\n46000x32914 [0,100 46000x32814] (240x240) JPEG/RGB Q=30|"
    "AppMag = 20|StripeWidth = 2040|ScanScope ID = CPAPERIOCS|Filename = CMU-1|Date = 12/29/09|"
    "Time = 09:59:15{zone}|User = b414003d|MPP = 0.4990|Exposure Time = 45|Exposure Scale = 0.000001"
)


@pytest.mark.parametrize(
    ("zone", "date"),
    [
        ("|Time Zone = GMT-05:00", "2009-12-29T09:59:15-05:00"),
        ("|Time Zone = GMT+0530", "2009-12-29T09:59:15+05:30"),
        ("", "2009-12-29T09:59:15"),
    ],
)
def test_aperio_slides(tmp_path: Path, zone: str, date: str) -> None:
    tifffile.imwrite(
        tmp_path / "a.svs", np.zeros((64, 64, 3), np.uint8), tile=(32, 32), metadata=None,
        photometric="rgb", description=APERIO.format(zone=zone),
    )  # fmt: skip
    scene = open_image(tmp_path / "a.svs").scene
    assert scene.objective == Objective(magnification=20.0)
    assert scene.acquired == date
    assert scene.planes is not None
    assert scene.planes.column("exposure") == pytest.approx(45e-6)


# ---------------------------------------------------------------- LSM


def test_a_real_lsm() -> None:
    scene = open_image(corpus_file("lsm/test.lsm")).scene
    lens = "EC Plan-Neofluar 40x/1.30 Oil DIC M27"
    assert scene.objective == Objective(lens, 40.0, 1.3, "Oil")
    # One voxel of 1e-19 m is none.
    assert scene.pixel_size.Z is None
    (channel,) = scene.channels
    # ChannelColors [255, 0, 0, 0]: an alpha of 0 in a file whose channel ZEN shows in red.
    assert (channel.name, channel.color, channel.fluor) == ("ChS1", 0xFF0000FF, "Alexa Fluor 568")
    assert channel.excitation == 561.0
    assert channel.emission == pytest.approx((571.727496 + 630.372972) / 2)


LSM_INFO = {
    "VoxelSizeX": 1e-7,
    "VoxelSizeY": 2e-7,
    "VoxelSizeZ": 3e-7,
    "TimeIntervall": 2.0,
    "TimeStamps": np.array([175054.5, 175056.5, 175058.75]),
    "ChannelColors": {"ColorNames": ["Ch2-T1", "ChD-T2"], "Colors": [[0, 255, 0, 0], [1, 2, 3, 0]]},
    "ScanInformation": {
        "Tracks": [
            {
                "Acquire": 1,
                "DetectionChannels": [
                    {"ChannelName": "Ch1", "Acquire": 0, "DyeName": "DAPI"},
                    {"ChannelName": "Ch2", "Acquire": 1, "DyeName": "FITC"},
                ],
                "IlluminationChannels": [
                    {"Wavelength": 488.0, "Aquire": 1},
                    {"Wavelength": 543.0, "Aquire": 0},
                ],
            },
            {
                "DetectionChannels": [{"ChannelName": "ChD", "DyeName": "None"}],
                "IlluminationChannels": [{"Wavelength": 488.0}, {"Wavelength": 633.0}],
            },
        ]
    },
}


def test_channels_and_times_of_an_lsm_of_two_tracks() -> None:
    fields = read_lsm_fields(LSM_INFO)
    assert tuple(fields["pixel_size"]) == pytest.approx((0.3, 0.2, 0.1))
    first, second = fields["channels"]
    assert (first.color, first.fluor, first.excitation) == (0x00FF00FF, "FITC", 488.0)
    # Two lines were on: neither is that of the channel.
    assert (second.color, second.fluor, second.excitation) == (0x010203FF, None, None)
    # Stamps count from the start of the computer, not from that of the acquisition.
    assert fields["times_of_t"].tolist() == [0.0, 2.0, 4.25]
    assert "acquired" not in fields


@pytest.mark.parametrize("days", [0.0, 1.0, -5.0, float("nan"), 1e300, "x", None])
def test_a_day_that_is_no_date(days: object) -> None:
    assert read_date(days) is None


def test_a_day_is_that_of_a_variant_date() -> None:
    # 25569 days lie between 1899-12-30 and the first day of Unix.
    assert read_date(25569.5) == "1970-01-01T12:00:00"
