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

from aicsio import ImageHandle, open_image, provenance, to_numpy
from aicsio.formats._tiff.page_metadata import iso_date, positive_float
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


@pytest.mark.parametrize(
    ("dots", "size"), [(72, None), (300, None), (2, 12700), (1, 25400), (101, 25400 / 101)]
)
def test_an_inch_that_imagej_names_is_a_unit(tmp_path: Path, dots: int, size: float | None) -> None:
    """ImageJ keeps the unit of the tags in its description: scans at 300 dots per inch have it."""
    handle = written(tmp_path, description="ImageJ=1.53t\nunit=inch\n", resolution=(dots, dots))
    assert (None if size is None else pytest.approx(size)) == handle.pixel_size.X


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


def test_values_of_metaseries_may_hold_a_greater_sign(tmp_path: Path) -> None:
    """XML 1.0, section 2.4: ">" may stand in a value as it is. Bio-Formats reads it so."""
    text = METASERIES.format(state="on", unit="um").replace('"GFP"', "'GFP > \"5\"'")
    # The words of a value are no attribute of their own.
    note = '<prop type="string" value="the id=\'image-name\' of > one" id="note"/>'
    handle = written(tmp_path, description=text.replace("<PlaneInfo>", f"<PlaneInfo>{note}"))
    assert handle.channel_names == ('GFP > "5"',)
    assert handle.pixel_size.X == 0.1625


def test_commas_of_decimals(tmp_path: Path) -> None:
    """Systems with a comma: OpenSlide and Bio-Formats give 0.5 for an Aperio slide, too."""
    text = "Aperio Image Library v11\r\n64x64|AppMag = 20|MPP = 0,5"
    handle = written(tmp_path, description=text)
    assert tuple(handle.pixel_size) == (None, 0.5, 0.5)
    assert positive_float("1,234.5") is None


FEI_TWO_COLUMNS = (
    "[Beam]\r\nScan=IScan\r\n[EScan]\r\nPixelWidth=1e-9\r\nPixelHeight=1e-9\r\n"
    "[IScan]\r\nPixelWidth=2.5e-9\r\nPixelHeight=2.5e-9\r\n"
)
FEI_XML = (
    '<?xml version="1.0"?><Metadata><BinaryResult><PixelSize><X unit="m">7E-09</X>'
    '<Y unit="m">7E-09</Y></PixelSize></BinaryResult></Metadata>'
)
FEI_PIXELS = "[Image]\nResolutionX=80\nResolutionY=80\n"
FEI_CAMERA = f"[IRBeam]\nHFW=4e-4\nVFW=4e-4\n{FEI_PIXELS}"


def tem_data() -> bytes:
    """TVIPS: both versions of TemData, as tifffile lists their fields; 0.5 nm."""
    first = np.zeros((), np.dtype(tifffile.TIFF.TVIPS_HEADER_V1))
    second = np.zeros((), np.dtype(tifffile.TIFF.TVIPS_HEADER_V2))
    first["Version"], second["Magic"] = 2, 0xAAAAAAAA
    second["PixelSizeX"] = second["PixelSizeY"] = 0.5
    return first.tobytes() + second.tobytes()


TVIPS = tem_data()
_MAIN = b"Device=MIRA3\r\nPixelSizeX=1.25e-08\r\nPixelSizeY=-1.25e-08\r\n"
TESCAN = (  # a thumbnail (kind 1), the main block (kind 2), the last one (kind 0)
    struct.pack("<IH", 6, 1) + b"\xff\xd8\xff\xd9"
    + struct.pack("<IH", 2 + len(_MAIN), 2) + _MAIN
    + struct.pack("<IH", 2, 0)
)  # fmt: skip


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
        (700, "<iScan Magnification='20' ScanRes='0.465000'/>", 0.465),
        (34683, FEI_XML.replace('"m"', '"m" unitPrefixPower="1"'), 0.007),
        (34682, FEI_CAMERA, 5.0),
        (34682, "[Beam]\nBeam=EBeam\n[EBeam]\nHFW=4e-4\nVFW=4e-4\n" + FEI_PIXELS, 5.0),
        # The fourth number, 1.5 nm, is for 1024 columns of the display; the image has 40.
        (34118, "0\r\n0\r\n0\r\n1.5e-9\r\n0\r\nAP_MAG\r\nMag = 5 K X\r\n", 0.0384),
        (37706, TVIPS, 0.0005),
        (50431, TESCAN, 0.0125),
    ],
)  # fmt: skip
def test_settings_of_electron_microscopes_and_scanners(
    tmp_path: Path, code: int, text: str | bytes, size: float | None
) -> None:
    raw = text if isinstance(text, bytes) else text.encode("latin-1")
    handle = written(tmp_path, extratags=[(code, 7, len(raw), raw, True)])
    expected = None if size is None else pytest.approx(size)
    assert (expected, expected) == (handle.pixel_size.Y, handle.pixel_size.X)


@pytest.mark.parametrize("order", ["<", ">"])
def test_digital_micrograph_tags(tmp_path: Path, order: Any) -> None:
    """The order is that of RosettaSciIO's writer: X, Y, Z."""
    tags: list[Any] = [(code, 2, 3, "nm", True) for code in (65003, 65004, 65005)]
    sizes = ((65009, 0.42), (65010, 0.84), (65011, 2.0))
    tags += [(code, 12, 1, size, True) for code, size in sizes]
    handle = written(tmp_path, extratags=tags, byteorder=order, bigtiff=True)
    assert tuple(handle.pixel_size) == pytest.approx((0.002, 0.00084, 0.00042))


@pytest.mark.parametrize(
    ("unit", "sizes", "step", "depth", "notes"),
    [
        ("s", "T=2, Y=8, X=10", 2.5, None, []),
        ("ms", "T=2, Y=8, X=10", 0.0025, None, []),
        ("µm", "Z=2, Y=8, X=10", None, 2.5, []),
        ("1/nm", "Z=2, Y=8, X=10", None, None, ["guessed-axes"]),
        ("", "Z=2, Y=8, X=10", None, None, ["guessed-axes"]),
    ],
)
def test_the_third_unit_of_digital_micrograph_names_the_axis_of_pages(
    tmp_path: Path, unit: str, sizes: str, step: float | None, depth: float | None, notes: list[str]
) -> None:
    """A stack saved by DigitalMicrograph, in the tests of RosettaSciIO, has "s" and 2.5: seconds."""
    tags: list[Any] = [(code, 2, 0, "µm".encode(), True) for code in (65003, 65004)]
    tags += [(65005, 2, 0, unit.encode(), True)]
    tags += [(65009 + axis, 12, 1, size, True) for axis, size in enumerate((0.5, 0.25, 2.5))]
    pages = np.arange(160, dtype=np.float32).reshape(2, 8, 10)
    tifffile.imwrite(tmp_path / "a.tif", pages, extratags=tags, metadata=None)
    handle = open_image(tmp_path / "a.tif")
    assert str(handle.dims) == sizes
    assert np.array_equal(to_numpy(handle), pages)
    assert handle.time_step == (None if step is None else pytest.approx(step))
    assert tuple(handle.pixel_size) == (depth, 0.25, 0.5)
    assert [note.code for note in handle.diagnostics] == notes
    if step is not None:
        assert provenance(handle)["time_step"] == "tag:DigitalMicrograph"


SWITCHED_OFF = '<MetaData><prop id="spatial-calibration-state" value="off"/></MetaData>'
JEOL = (
    "<TemReporter><EosMode>eosTEM</EosMode><ModeString>{mode}</ModeString>"
    "<SelectorValue>50000</SelectorValue></TemReporter>"
)


@pytest.mark.parametrize(
    ("description", "tags"),
    [
        ("", [(65003, 2, 5, "1/nm", True), (65009, 12, 1, 0.42, True)]),
        (SWITCHED_OFF, []),
        (JEOL.format(mode="DIFF"), [(271, 2, 10, "JEOL Ltd.", True)]),
    ],
)
def test_a_maker_without_a_length_leaves_no_size(
    tmp_path: Path, description: str, tags: list[Any]
) -> None:
    """The resolution would pass for a measured one, 205.8 micrometres."""
    options = {"description": description, "extratags": tags, "resolution": (123.4, 123.4)}
    handle = written(tmp_path, **options)
    assert tuple(handle.pixel_size) == (None, None, None)
    assert [note.code for note in handle.diagnostics] == ["no-length"]


def test_the_resolution_of_a_jeol_camera_is_divided_by_the_magnification(tmp_path: Path) -> None:
    options = {"description": JEOL.format(mode="MAG"), "resolution": (400, 400)}
    tags = [(271, 2, 10, "JEOL Ltd.", True)]
    handle = written(tmp_path, extratags=tags, **options, resolutionunit=3)
    assert pytest.approx(25 / 50_000) == handle.pixel_size.X  # 400 pixels a centimetre


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"', "'"),
        lambda text: f'<?xml version="1.0"?>\n{text}',
        lambda text: text.replace('"um"', '"&#181;m"'),
    ],
)
def test_metaseries_xml_of_any_spelling(tmp_path: Path, change: Any) -> None:
    description = change(METASERIES.format(state="on", unit="um"))
    handle = written(tmp_path, description=description)
    assert tuple(handle.pixel_size) == (None, 0.325, 0.1625)
    assert handle.channel_names == ("GFP",)


def test_improvision_lines(tmp_path: Path) -> None:
    lines = "XCalibrationMicrons=1\nYCalibrationMicrons=2\nZCalibrationMicrons=3\n"
    handle = written(tmp_path, description=f"Improvision Data\nTotalZPlanes=1\n{lines}")
    assert tuple(handle.pixel_size) == (3, 2, 1)


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
        # .NET writes seven digits, DigitalMicrograph no seconds.
        ("2020-05-01T10:00:00.1234567+09:00", "2020-05-01T10:00:00.1234567+09:00"),
        ("2020/05/01 10:00", "2020-05-01T10:00"),
        ("2020/05/01 10:60", None),
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


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"resolution": ((0, 1), (0, 1))}, "XResolution and YResolution"),
        ({"resolution": ((0, 1), (3000, 7))}, "XResolution:"),
        ({"description": METASERIES.format(state="on", unit="furlongs")}, "0.1625 furlongs"),
        ({"description": METASERIES.format(state="on", unit="um").replace("0.", "-0.")}, "-0.1625"),
        ({"description": "Aperio Image Library\n|MPP = 0|"}, "Aperio"),
        ({"description": "ImageJ=1.53t\nspacing=abc\nunit=um\n"}, "'abc'"),
        ({"description": "ImageJ=1.53t\nspacing=0\nunit=um\n"}, "'0'"),
        ({"description": "ImageJ=1.53t\nunit=furlongs\n"}, "furlongs"),
        (
            {"description": "ImageJ=1.53t\nunit=um\nfinterval=-1.5\n", "resolution": (2, 2)},
            "'-1.5'",
        ),
    ],
)
def test_sizes_that_are_no_lengths_are_reported(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    handle = written(tmp_path, **options)
    messages = [note.message for note in handle.diagnostics if note.code == "unusable-size"]
    assert len(messages) == 1
    assert words in messages[0]


@pytest.mark.parametrize("unit", ["pixel", "", "sec"])
def test_images_that_imagej_did_not_calibrate_have_no_diagnostic(tmp_path: Path, unit: str) -> None:
    handle = written(tmp_path, description=f"ImageJ=1.53t\nunit={unit}\n", resolutionunit=1)
    assert handle.diagnostics == ()


@pytest.mark.parametrize("kind", [1, 6, 7])  # BYTE, SBYTE, UNDEFINED
@pytest.mark.parametrize("order", ["<", ">"])
def test_settings_of_any_type_of_bytes(tmp_path: Path, kind: int, order: Any) -> None:
    values = TESCAN if kind != 6 else np.frombuffer(TESCAN, "i1").tolist()
    tag = (50431, kind, len(TESCAN), values, True)
    handle = written(tmp_path, extratags=[tag], byteorder=order)
    assert pytest.approx(0.0125) == handle.pixel_size.X


@pytest.mark.parametrize("spacing", [-1.5, 0, "wide", [1.5]])
def test_a_spacing_of_tifffile_that_is_none_is_reported(spacing: object, tmp_path: Path) -> None:
    """docs/fidelity.md: a size that cannot be used is unknown, and repeated by ``unusable-size``."""
    metadata = {"axes": "ZYX", "spacing": spacing, "unit": "um"}
    pixels = np.zeros((3, 6, 8), np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, metadata=metadata, resolution=(2, 4), photometric="minisblack"
    )
    handle = open_image(tmp_path / "a.tif")
    assert tuple(handle.pixel_size) == (None, 0.25, 0.5)
    (note,) = handle.diagnostics
    assert note.code == "unusable-size"
    assert repr(spacing) in note.message


@pytest.mark.parametrize(
    ("metadata", "sizes", "step"),
    [
        # The examples of tifffile's documentation, for files that are no OME-TIFF and no ImageJ.
        ({"PhysicalSizeX": 0.29, "PhysicalSizeY": 0.3}, (None, 0.3, 0.29), None),
        ({"PhysicalSizeX": 290.0, "PhysicalSizeXUnit": "nm"}, (None, 0.25, 0.29), None),
        ({"PhysicalSizeZ": 2.0, "unit": "um"}, (2.0, 0.25, 0.5), None),
        ({"spacing": 1.5, "unit": "um", "finterval": 0.1}, (1.5, 0.25, 0.5), 0.1),
        ({"finterval": 100, "tunit": "ms", "unit": "um"}, (None, 0.25, 0.5), 0.1),
        ({"TimeIncrement": 2, "TimeIncrementUnit": "min", "unit": "um"}, (None, 0.25, 0.5), 120.0),
        ({"TimeIncrement": 0.1, "finterval": 3.0, "unit": "um"}, (None, 0.25, 0.5), 0.1),
    ],
)
def test_sizes_and_steps_in_the_json_of_tifffile(
    metadata: dict[str, Any], sizes: tuple[float | None, ...], step: float | None, tmp_path: Path
) -> None:
    handle = shaped(tmp_path, metadata | {"unit": "um"})
    assert tuple(handle.pixel_size) == pytest.approx(sizes)
    assert handle.time_step == pytest.approx(step)
    assert handle.diagnostics == ()


def shaped(folder: Path, metadata: dict[str, Any]) -> ImageHandle:
    pixels = np.zeros((2, 3, 6, 8), np.uint16)
    path = folder / "a.tif"
    tifffile.imwrite(
        path,
        pixels,
        metadata={"axes": "TZYX", **metadata},
        resolution=(2, 4),
        photometric="minisblack",
    )
    return open_image(path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"PhysicalSizeX": -1}, "PhysicalSizeX is -1, no number"),
        ({"PhysicalSizeZ": "thick"}, "PhysicalSizeZ is 'thick', no number"),
        ({"PhysicalSizeX": 1.0, "PhysicalSizeXUnit": "foo"}, "the unit 'foo' of PhysicalSizeX"),
        ({"finterval": 0}, "finterval is 0, no number"),
        ({"TimeIncrement": 1, "TimeIncrementUnit": "frame"}, "the unit 'frame' of TimeIncrement"),
    ],
)
def test_numbers_in_the_json_of_tifffile_that_are_none(
    metadata: dict[str, Any], message: str, tmp_path: Path
) -> None:
    handle = shaped(tmp_path, metadata | {"unit": "um"})
    assert tuple(handle.pixel_size) == (None, 0.25, 0.5)
    assert handle.time_step is None
    (note,) = handle.diagnostics
    assert note.code == "unusable-size"
    assert note.message.startswith(message)
