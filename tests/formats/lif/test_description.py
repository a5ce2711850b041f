"""Elements of Leica's XML, and the records that they become."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from aicsio._ome.units import micrometres_per, seconds_per
from aicsio._ome.xml import repair_xml
from aicsio.errors import CorruptFileError
from aicsio.formats._leica.description import (
    Axis,
    Unreadable,
    describe_other_elements,
    find_images,
    parse_axes,
    parse_channels,
    parse_xml,
    walk_elements,
)
from aicsio.formats._leica.metadata import parse_color
from aicsio.records import Source

SOURCE = Source("/a.lif")


def dimension(number: int, size: int, step: object = 1, **attributes: str) -> str:
    extra = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<DimensionDescription DimID="{number}" NumberOfElements="{size}" BytesInc="{step}"{extra}/>'


def image_of(dimensions: str = "", channels: str = "") -> ET.Element:
    text = (
        f"<Image><ImageDescription><Channels>{channels}</Channels>"
        f"<Dimensions>{dimensions}</Dimensions></ImageDescription></Image>"
    )
    return ET.fromstring(text)  # noqa: S314 - made here


def order(*dimensions: str) -> tuple[str, int]:
    axes, remarks = parse_axes(image_of("".join(dimensions)))
    return "".join(axis.letter for axis in axes), len(remarks)


# ---------------------------------------------------------------- axes

X, Y = dimension(1, 24, 1), dimension(2, 16, 24)


@pytest.mark.parametrize(
    ("dimensions", "expected"),
    [
        ((X, Y), ("YX", 0)),
        ((Y, X), ("YX", 0)),
        ((X, Y, dimension(3, 5, 384), dimension(4, 2, 1920)), ("TZYX", 0)),
        ((X, Y, dimension(3, 5, 768), dimension(4, 2, 384)), ("ZTYX", 0)),
        ((X, dimension(3, 5, 24), dimension(4, 2, 120)), ("TZX", 0)),
        # The step of an axis of one element means nothing: 0, missing, or anything.
        ((X, Y, dimension(3, 1, 0), dimension(4, 3, 384)), ("ZTYX", 0)),
        ((X, Y, dimension(3, 1, -7), dimension(4, 3, 384)), ("ZTYX", 0)),
        ((X, dimension(2, 1, 0), dimension(4, 3, 24)), ("TYX", 0)),
        ((dimension(1, 1, 0), Y, dimension(4, 3, 384)), ("TYX", 0)),
        # Unknown and repeated dimensions of one element cost nothing else.
        ((X, Y, dimension(12, 1, 384)), ("YX", 1)),
        ((X, Y, dimension(0, 1, 0), dimension(99, 1, 5)), ("YX", 2)),
        ((X, Y, dimension(3, 1, 384), dimension(3, 4, 384)), ("ZYX", 1)),
        ((X, Y, dimension(3, 4, 384), dimension(3, 1, 384)), ("ZYX", 1)),
        # With several elements they get a letter of their own.
        ((X, Y, dimension(12, 3, 384)), ("UYX", 1)),
        ((X, Y, dimension(3, 2, 384), dimension(3, 3, 768), dimension(40, 2, 2304)), ("WUZYX", 2)),
    ],
)
def test_order_of_axes(dimensions: tuple[str, ...], expected: tuple[str, int]) -> None:
    assert order(*dimensions) == expected


@pytest.mark.parametrize(
    ("dimensions", "message"),
    [
        ("", "no dimensions"),
        (dimension(1, 0), "0 positions"),
        (dimension(1, 2, -1), "-1 bytes apart"),
        (dimension(1, 2**31), "positions"),
        (dimension(1, 2, "two"), "BytesInc of DimensionDescription is 'two', no whole number"),
        (dimension(1, 2, 2**62), "bytes apart"),
        ("".join(dimension(20 + n, 2, n) for n in range(6)), "no letter is left"),
    ],
)
def test_axes_that_cannot_be_followed(dimensions: str, message: str) -> None:
    with pytest.raises(Unreadable, match=message):
        parse_axes(image_of(dimensions))


@pytest.mark.parametrize(
    ("described", "remark"),
    [
        (dimension(1, 4, 1, Length="4", Unit="m"), None),
        (dimension(1, 4, 1, Length="x", Unit="m"), "length along X is 'x': the pixel size"),
        (
            dimension(1, 4, 1, Length="4", Unit="foo"),
            "X has the unknown unit 'foo': the pixel size",
        ),
        (dimension(3, 4, 4, Length="4"), "Z has the unknown unit '': the pixel size"),
        (dimension(4, 4, 4, Length="4", Unit="frames"), "unknown unit 'frames': the time step"),
        (dimension(4, 4, 4, Length="4", Unit="m"), "unknown unit 'm': the time step"),
        # Nothing follows from the length of one element; 0 is Leica's "not calibrated".
        (dimension(3, 1, 4, Length="4", Unit="foo"), None),
        (dimension(3, 4, 4, Length="0", Unit="foo"), None),
        (dimension(10, 4, 4, Length="4", Unit="foo"), None),
        # Bio-Formats (LIFReader) reads an axis of no elements as one of one element, too.
        (dimension(4, 0, 4), "0 elements along T, which is read as one"),
        (dimension(3, 0, 0), "0 elements along Z, which is read as one"),
    ],
)
def test_numbers_that_cannot_be_used(described: str, remark: str | None) -> None:
    axes, remarks = parse_axes(image_of(described))
    assert [one.size for one in axes] == [4 if 'Elements="4"' in described else 1]
    assert len(remarks) == (remark is not None)
    assert remark is None or remark in remarks[0]


def axis(size: int, length: float, unit: str, origin: float = 0.0) -> Axis:
    return Axis("X", size, 1, origin, length, unit)


@pytest.mark.parametrize(
    ("length", "size", "unit", "expected"),
    [
        (4e-6, 5, "m", 1.0),
        (-4e-6, 5, "m", 1.0),
        (4.0, 5, "um", 1.0),
        (4.0, 5, " UM ", 1.0),
        (1.0, 2, "inch", 25400.0),
        (0.0, 5, "m", None),
        (4e-6, 1, "m", None),
        (4e-6, 5, "parsec", None),
        (4e-6, 5, "", None),
        (float("inf"), 5, "m", None),
    ],
)
def test_spacing_is_length_over_intervals(
    length: float, size: int, unit: str, expected: float | None
) -> None:
    assert axis(size, length, unit).spacing(micrometres_per) == pytest.approx(expected)


def test_spacing_in_seconds_and_coordinates() -> None:
    assert axis(5, 60.0, "min").spacing(seconds_per) == 900.0
    assert axis(3, 2.0, "m", origin=1.0).values(10.0) == (10.0, 20.0, 30.0)
    [read], _ = parse_axes(image_of(dimension(1, 3, 2, Origin="1.5", Length="x", Unit="m")))
    assert read == Axis("X", 3, 2, 1.5, 0.0, "m")


# ---------------------------------------------------------------- channels


def channel(bits: object = 8, data_type: int = 0, offset: int = 0, extra: str = "") -> str:
    return f'<ChannelDescription Resolution="{bits}" DataType="{data_type}" BytesInc="{offset}" {extra}/>'


@pytest.mark.parametrize(
    ("bits", "data_type", "dtype"),
    [
        (1, 0, "u1"), (8, 0, "u1"), (12, 0, "u2"), (16, 0, "u2"), (32, 0, "u4"), (33, 0, "u8"),
        (16, 1, "f2"), (32, 1, "f4"), (64, 1, "f8"),
    ],
)  # fmt: skip
def test_types_of_channels(bits: int, data_type: int, dtype: str) -> None:
    [one] = parse_channels(image_of(channels=channel(bits, data_type)))
    assert one.dtype == np.dtype("<" + dtype)


@pytest.mark.parametrize(
    "text",
    ["", channel(0), channel(65), channel(8, 1), channel(8, 2), channel(8, 0, -1), channel("x")],
)
def test_channels_that_cannot_be_followed(text: str) -> None:
    with pytest.raises(Unreadable):
        parse_channels(image_of(channels=text))


@pytest.mark.parametrize(
    ("extra", "quantity"),
    [
        ("", None),
        ('NameOfMeasuredQuantity="" Unit="s"', None),
        ('NameOfMeasuredQuantity="Lifetime" Unit="s"', "Lifetime (s)"),
        ('NameOfMeasuredQuantity=" Photons "', "Photons"),
    ],
)
def test_measured_quantity(extra: str, quantity: str | None) -> None:
    [one] = parse_channels(image_of(channels=channel(extra=extra)))
    assert one.quantity == quantity


# ---------------------------------------------------------------- elements and characters


def element(name: str, data: str = "", children: str = "") -> str:
    return f'<Element Name="{name}"><Data>{data}</Data><Children>{children}</Children></Element>'


def test_paths_are_those_of_the_project_tree() -> None:
    folder = element("F", children=element("a", "<Image/>") + element("b", "<Image/>"))
    project = element("Project", children=folder + element("c", "<Image/>"))
    root, _ = parse_xml(f"<H>{project}</H>", SOURCE)
    assert [path for path, _ in find_images(walk_elements(root))] == ["F/a", "F/b", "c"]


def test_elements_that_are_no_images_are_named() -> None:
    flim = "".join(element(f"R {n}", "<SingleMoleculeDetection/>") for n in range(4))
    others = flim + element("notes", "<Annotation/>") + element("i", "<Image/>")
    root, _ = parse_xml(f"<H>{element('P', '<Experiment/>', others)}</H>", SOURCE)
    assert describe_other_elements(walk_elements(root)) == (
        "4 of kind SingleMoleculeDetection ('R 0', 'R 1', 'R 2', ...)",
        "1 of kind Annotation ('notes')",
    )


@pytest.mark.parametrize(
    ("text", "name", "repaired"),
    [
        ("plain", "plain", False),
        ("a\x01b", "ab", True),
        ("a\x00\x1f\ufffe\uffffb", "ab", True),
        ("a&#1;b&#x1F;c&#xFFFF;d", "abcd", True),
        ("a\x01&#233;&#xE9;&#x1F600;\t", "aéé\U0001f600 ", True),
        ("a\x01&#99999999999999999999;", "a", True),
        ("a\x01&#x0000000000000041;", "aA", True),
    ],
)
def test_forbidden_characters_are_left_out(text: str, name: str, repaired: bool) -> None:
    root, was_repaired = parse_xml(f'<Element Name="{text}"/>', SOURCE)
    assert (root.get("Name"), was_repaired) == (name, repaired)
    assert repair_xml(repair_xml(text)) == repair_xml(text)


@pytest.mark.parametrize("text", ["", "<a>", "<a\x01", "<!DOCTYPE a><a/>", "no XML"])
def test_xml_that_is_none(text: str) -> None:
    with pytest.raises(CorruptFileError):
        parse_xml(text, SOURCE)


def test_a_gradient_of_any_length_is_a_colour_or_none() -> None:
    """Python refuses integers of more than 4300 digits."""
    assert parse_color("Gradient (255, 0, 16)") == 0xFF0010FF
    assert parse_color("Gradient(999,0,0)") == 0xFF0000FF
    assert parse_color(f"Gradient({'1' * 5000},1,1)") is None
