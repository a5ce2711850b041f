"""Pixel sizes of TIFF: the maker's metadata first, print resolutions are none.

Sources of the right values: the text or bytes of the maker in each file, which the test writes;
TIFF 6.0 section 8 for the resolution tags.
"""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from aicsio import ImageHandle, open_image
from aicsio.formats._tiff.page_metadata import iso_date
from aicsio.formats._tiff.series import shrinks_evenly

BLANK = np.zeros((32, 40), np.uint8)


def written(path: Path, **options: Any) -> ImageHandle:
    """A page with 72 dots per inch, and what a maker adds to it."""
    options = {"resolution": (72, 72), "resolutionunit": 2, "metadata": None, **options}
    tifffile.imwrite(path / "a.tif", BLANK, **options)
    return open_image(path / "a.tif")


@pytest.mark.parametrize(
    ("resolution", "unit", "is_print"),
    [
        ((72, 72), "INCH", True),
        ((96, 96), "INCH", True),
        ((300, 300), "INCH", True),
        ((1, 1), "INCH", True),
        ((28.35, 28.35), "CENTIMETER", True),
        ((118.1102, 118.1102), "CENTIMETER", True),
        ((1, 1), "CENTIMETER", True),
        ((254, 254), "INCH", False),  # 100 micrometres
        ((25400, 25400), "INCH", False),  # 1 micrometre
        ((39078.5, 39078.5), "INCH", False),
        ((10000, 10000), "CENTIMETER", False),
        ((1, 1), "MICROMETER", False),
        ((72, 1000.5), "INCH", False),  # one axis is measured
    ],
)
def test_print_resolutions_give_no_size_and_a_diagnostic(
    tmp_path: Path, resolution: Any, unit: str, is_print: bool
) -> None:
    handle = written(tmp_path, resolution=resolution, resolutionunit=unit)
    assert (handle.pixel_size.X is None) == is_print
    assert ("print-resolution" in [note.code for note in handle.diagnostics]) == is_print


METASERIES = (
    '<MetaData><PlaneInfo><prop id="spatial-calibration-state" type="bool" value="{state}"/>'
    '<prop id="spatial-calibration-x" type="float" value="0.1625"/>'
    '<prop id="spatial-calibration-y" type="float" value="0.325"/>'
    '<prop id="spatial-calibration-units" type="string" value="{unit}"/>'
    '<prop id="image-name" type="string" value="GFP"/>'
    '<prop id="acquisition-time-local" type="time" value="20170821 15:08:07.125"/>'
    "</PlaneInfo></MetaData>"
)


@pytest.mark.parametrize(
    ("state", "unit", "size"),
    [
        ("on", "um", (None, 0.325, 0.1625)),
        ("on", "nm", (None, 0.000325, 0.0001625)),
        ("off", "um", (None, None, None)),
        ("on", "pixel", (None, None, None)),
    ],
)
def test_metaseries_xml(tmp_path: Path, state: str, unit: str, size: Any) -> None:
    handle = written(tmp_path, description=METASERIES.format(state=state, unit=unit))
    assert tuple(handle.pixel_size) == pytest.approx(size)
    assert handle.channel_names == ("GFP",)
    assert handle.scene.acquired == "2017-08-21T15:08:07.125"


FEI_TWO_COLUMNS = (
    "[Beam]\r\nScan=IScan\r\n[EScan]\r\nPixelWidth=1e-9\r\nPixelHeight=1e-9\r\n"
    "[IScan]\r\nPixelWidth=2.5e-9\r\nPixelHeight=2.5e-9\r\n"
)
FEI_XML = (
    '<?xml version="1.0"?><Metadata><BinaryResult><PixelSize><X unit="m">7E-09</X>'
    '<Y unit="m">7E-09</Y></PixelSize></BinaryResult></Metadata>'
)


@pytest.mark.parametrize(
    ("code", "text", "size"),
    [
        (34118, "AP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 3.721 nm\r\n", 0.003721),
        (34118, "AP_MAG\r\nMag = 5 K X\r\nAP_PIXEL_SIZE\r\nPixel Size = 1.5 \xb5m\r\n", 1.5),
        (34118, "AP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 0 nm\r\n", None),
        (34682, FEI_TWO_COLUMNS, 0.0025),
        (34680, "[Scan]\nPixelWidth=1.5e-08\nPixelHeight=1.5e-08\n", 0.015),
        (34682, FEI_XML, 0.007),
        (34682, "<Metadata><PixelSize>", None),
        (700, '<iScan Magnification="20" ScanRes="0.465000"/>', 0.465),
    ],
)  # fmt: skip
def test_settings_of_electron_microscopes_and_scanners(
    tmp_path: Path, code: int, text: str, size: float | None
) -> None:
    raw = text.encode("latin-1")
    handle = written(tmp_path, extratags=[(code, 7, len(raw), raw, True)])
    expected = None if size is None else pytest.approx(size)
    assert (expected, expected) == (handle.pixel_size.Y, handle.pixel_size.X)


def test_digital_micrograph_tags(tmp_path: Path) -> None:
    tags: list[Any] = [(65003, 2, 3, "nm", True), (65004, 2, 3, "nm", True)]
    tags += [(65009, 12, 1, 0.42, True), (65010, 12, 1, 0.84, True)]
    handle = written(tmp_path, extratags=tags)
    assert tuple(handle.pixel_size) == pytest.approx((None, 0.00084, 0.00042))


def sis_header(offset: int, x: float, y: float) -> bytes:
    """Olympus SIS: a header that lists one block of general data in units of 10^-9 m."""
    head = struct.pack("<4s6xhhhhh6x32sh", b"SIS0", 1, 2, 3, 4, 2020, b"name", 1)
    table = struct.pack("<hhI", 1, 1, offset + len(head) + 8)
    return head + table + struct.pack("<10xhdd", -9, x, y)


def test_olympus_sis_on_a_later_page(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        tif.write(BLANK, metadata=None, resolution=(72, 72), resolutionunit=2)
        tag = (33560, 4, 1, 0xABCDEF, True)
        tif.write(BLANK, metadata=None, contiguous=False, extratags=[tag])
    content = path.read_bytes()
    offset = len(content) + len(content) % 2
    mark = struct.pack("<HHII", 33560, 4, 1, 0xABCDEF)
    assert content.count(mark) == 1
    content = content.replace(mark, struct.pack("<HHII", 33560, 4, 1, offset))
    handle = open_image(content.ljust(offset, b"\0") + sis_header(offset, 322.5, 645.0))
    assert tuple(handle.pixel_size) == pytest.approx((None, 0.645, 0.3225))


def test_tifffile_reads_the_same_settings(tmp_path: Path) -> None:
    """A second source of both layouts: tifffile's own readers of Olympus SIS and FEI."""
    block = struct.pack("<10xhdd", -9, 322.5, 645.0).ljust(112, b"\0")
    head = sis_header(0, 322.5, 645.0)[:68]
    with tifffile.FileHandle(io.BytesIO(head + block), size=len(head + block)) as file:
        sis = tifffile.tifffile.read_sis(file, "<", 4, 1, 4)
    assert (sis["pixelsizex"], sis["pixelsizey"]) == pytest.approx((322.5e-9, 645e-9))
    raw = FEI_TWO_COLUMNS.encode()
    path = tmp_path / "fei.tif"
    tifffile.imwrite(path, BLANK, metadata=None, extratags=[(34682, 7, len(raw), raw, True)])
    with tifffile.TiffFile(path) as tif:
        sections = tif.fei_metadata
    assert sections is not None
    width = sections[sections["Beam"]["Scan"]]["PixelWidth"]
    assert pytest.approx(1e6 * width) == open_image(path).pixel_size.X


@pytest.mark.parametrize("sis", [b"", b"SIS0", b"SIS1" + bytes(70), b"SIS0" + b"\xff" * 70])
def test_broken_olympus_sis_is_no_size(sis: bytes) -> None:
    from aicsio.testing.segments import Storage
    from aicsio.testing.tiff_bytes import TagEntry, make_page, write_pages

    page = make_page(BLANK[..., None], Storage(), [TagEntry(33560, 4, (1 << 31,))])
    handle = open_image(write_pages([page]) + sis)
    assert handle.pixel_size.X is None


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2017:08:21 15:08:07", "2017-08-21T15:08:07"),
        ("2017-08-21T15:08:07", "2017-08-21T15:08:07"),
        ("20170821 15:08:07.5", "2017-08-21T15:08:07.5"),
        ("2020-05-01T10:00:00.5+02:00", "2020-05-01T10:00:00.5+02:00"),
        ("2020:05:01 10:00:00Z", "2020-05-01T10:00:00Z"),
        ("2020:05:01 10:00:00-0530", "2020-05-01T10:00:00-05:30"),
        ("2020:05:01 10:00:00+99:00", None),
        ("2017:08:21 15:08:70", None),
        ("2017:02:30 15:08:07", None),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("", None),
    ],
)
def test_dates_are_iso_8601_or_none(text: str, date: str | None) -> None:
    assert iso_date(text) == date


@pytest.mark.parametrize(
    ("large", "small", "is_level"),
    [
        ((511, 1540), (255, 770), True),
        ((511, 1540), (63, 192), True),  # halved three times, rounded down each time
        ((511, 1540), (64, 193), True),  # rounded up each time
        ((3, 100_000), (1, 33_333), True),
        ((1, 1000), (1, 500), True),
        ((512, 512), (512, 256), False),
        ((500, 1000), (200, 500), False),
        ((100, 100), (100, 100), False),
        ((100, 100), (200, 200), False),
        ((2, 2), (1, 1), True),
    ],
)
def test_one_factor_explains_both_axes_of_a_level(
    large: tuple[int, int], small: tuple[int, int], is_level: bool
) -> None:
    assert shrinks_evenly(large, small) == is_level
