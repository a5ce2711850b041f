"""Runs of elements that are cut out of a text: the records and the errors are those of the parser alone."""

import math
import re
from unittest import mock
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicsio._ome import document
from aicsio._ome.model import OmeDocument
from aicsio._ome.runs import MARK, cut_runs
from aicsio.errors import CorruptFileError

HEAD = '<?xml version="1.0"?><!-- edit cautiously --><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
SIZES = 'DimensionOrder="XYZCT" SizeX="6" SizeY="5" SizeZ="10" SizeC="2" SizeT="5"'
PLACES = [(z, c, t) for t in range(5) for c in range(2) for z in range(10)]


def places(inside: str = "/>", gap: str = "") -> list[str]:
    return [
        f'<TiffData FirstC="{c}" FirstT="{t}" FirstZ="{z}" IFD="{n}" PlaneCount="1"{inside}{gap}'
        for n, (z, c, t) in enumerate(PLACES)
    ]


def planes(gap: str = "", unit: str = "ms") -> list[str]:
    facts = 'ExposureTime="0.5" PositionX="1e3" PositionXUnit="nm"'
    return [
        f'<Plane TheZ="{z}" TheC="{c}" TheT="{t}" DeltaT="{n * 0.1}" DeltaTUnit="{unit}" {facts}/>{gap}'
        for n, (z, c, t) in enumerate(PLACES)
    ]


def document_text(inside: list[str]) -> str:
    image = f'<Image ID="Image:0"><Pixels {SIZES}>{"".join(inside)}</Pixels></Image>'
    return f"{HEAD}{image}</OME>"


def outcome(text: str) -> OmeDocument | str:
    try:
        return document.parse_ome(text)
    except CorruptFileError as error:
        return str(error)


def outcome_of_parser(text: str) -> OmeDocument | str:
    """What the parser makes of the text, with nothing cut out."""
    with mock.patch.object(document, "cut_runs", lambda text: (text, {})):
        return outcome(text)


UUIDS = (
    "/>",
    '><UUID FileName="a.tif">urn:uuid:1</UUID></TiffData>',
    "><UUID>urn:uuid:1</UUID></TiffData>",
    '>\n  <UUID FileName="a&lt;.tif"> </UUID>\n</TiffData>',
    '>\n  <UUID FileName="a.tif"> urn:uuid:1\r\n </UUID >\n</TiffData>',
    "><Other/></TiffData>",
)
FAULTS = (
    "", '"', "<", "&", "'", "\x0b", "\x1f", "\n", " ", "\ufffe", "é", "µ", "<!--", "-->", "<![CDATA[", "]]>", "<?a",
    "?>", "x", "-", "9" * 5000, "/>", ">", '<Plane TheZ="1"/>', "<Plane/>", ' TheZ="3"', ' xmlns="urn:1"',
    f'<Plane {MARK}="0"/>', f"{MARK}", "</Pixels>", "<Pixels>", " a:b='1'", "&amp;", "&#11;",
)  # fmt: skip


@given(
    st.sampled_from(UUIDS),
    st.sampled_from(["", "\n    ", "\r\n\t", "text"]),
    st.sampled_from(["ms", "s", "µs", "furlong", ""]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), st.sampled_from(FAULTS)), max_size=2),
)
def test_records_and_errors_are_those_of_the_parser(
    inside: str, gap: str, unit: str, faults: list[tuple[float, int, str]]
) -> None:
    text = document_text([*places(inside, gap), *planes(gap, unit)])
    for at, removed, fault in faults:
        position = int(at * len(text))
        text = text[:position] + fault + text[position + removed :]
    assert outcome(text) == outcome_of_parser(text)


FACTS = ("DeltaT", "DeltaTUnit", "ExposureTime", "PositionX", "PositionXUnit", "TheZ", "TheT")


def mixed(pattern: list[list[str]], gap: str, unit: str) -> list[str]:
    """Planes that lack some facts, as a pattern that repeats has them."""
    elements = planes(gap, unit)
    for number in range(len(elements)):
        for fact in pattern[number % len(pattern)]:
            elements[number] = re.sub(f' {fact}="[^"]*"', "", elements[number])
    return elements


PATTERNS = st.lists(st.lists(st.sampled_from(FACTS), max_size=3), min_size=1, max_size=7)


@given(
    PATTERNS,
    st.sampled_from(["", "\n    ", "text"]),
    st.sampled_from(["ms", "s", "furlong", ""]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), st.sampled_from(FAULTS)), max_size=2),
)
def test_records_and_errors_of_mixtures_are_those_of_the_parser(
    pattern: list[list[str]], gap: str, unit: str, faults: list[tuple[float, int, str]]
) -> None:
    text = document_text([*places(), *mixed(pattern, gap, unit)])
    for at, removed, fault in faults:
        position = int(at * len(text))
        text = text[:position] + fault + text[position + removed :]
    assert outcome(text) == outcome_of_parser(text)


@pytest.mark.parametrize(
    "pattern",
    [
        [[], ["DeltaT", "DeltaTUnit"]],
        [["PositionX"], ["ExposureTime"], ["DeltaTUnit"], []],
        [[]] * 99 + [["DeltaT", "PositionX"]],
    ],
)
def test_a_few_spellings_are_cut_out(pattern: list[list[str]]) -> None:
    elements = mixed(pattern, "\n  ", "ms")
    # The last plane of a place is listed again: it counts, as the parser has it.
    elements.append(elements[3].replace('ExposureTime="0.5"', 'ExposureTime="0.75"'))
    text = document_text([*places(), *elements])
    shorter, runs = cut_runs(text)
    assert [run.count for run in runs.values()] == [100, 101]
    assert len(shorter) < 400
    assert outcome(text) == outcome_of_parser(text)


def test_elements_of_a_mixture_stand_in_their_order() -> None:
    elements = mixed([[], ["DeltaT", "DeltaTUnit"], ["TheZ"]], "", "ms")
    run = cut_runs(document_text(elements))[1]["0"]
    assert [ET.tostring(one) for one in run.elements] == [
        ET.tostring(ET.fromstring(one))  # noqa: S314 - the text is ours
        for one in elements
    ]
    times = run.column("DeltaT")
    assert times is not None
    assert times[:5] == ["0.0", None, "0.2", "0.30000000000000004", None]
    assert run.column("Nothing") is None


def test_many_spellings_are_left_to_the_parser() -> None:
    pattern = [[fact] for fact in FACTS] + [["DeltaT", "DeltaTUnit"], []]
    text = document_text([*places(), *mixed(pattern, "", "ms")])
    assert [run.column("TheZ") for run in cut_runs(text)[1].values()] == [None]
    assert outcome(text) == outcome_of_parser(text)


@pytest.mark.parametrize("inside", UUIDS[:3] + UUIDS[4:5])
def test_usual_spellings_are_cut_out(inside: str) -> None:
    text = document_text([*places(inside, "\n"), *planes("\n    ")])
    shorter, runs = cut_runs(text)
    assert [run.count for run in runs.values()] == [100, 100]
    assert len(shorter) < 400
    assert outcome(text) == outcome_of_parser(text)


@pytest.mark.parametrize(
    "text",
    [
        document_text(["<!--", *planes(), "-->"]),
        document_text(["<![CDATA[", *planes(), "]]>"]),
        document_text(["<?a ", *planes(), "?>"]),
        document_text([*planes()[:50], *places(), *planes()[50:]]),
        document_text([*planes(), '<Plane TheZ="0"><HashSHA1/></Plane>']),
        document_text([*planes(), "<Plane TheZ='0'/>"]).replace("'0'", "'\x01'"),
        document_text(planes()).replace("DeltaT=", "TheZ="),
        document_text(planes()).replace("TheT=", "xmlns="),
        document_text(planes()).replace('"0.5"', '"0&#46;5"', 1),
        document_text([f'<Plane {MARK}="0"/>', *places()]),
        document_text(planes()[:8]),
    ],
)
def test_others_are_left_to_the_parser(text: str) -> None:
    """Elements that are none, of several spellings, or too few."""
    _, runs = cut_runs(text)
    assert not any(run.column("TheZ") for run in runs.values())
    assert outcome(text) == outcome_of_parser(text)


def test_values_that_are_no_numbers_cost_their_own_fact() -> None:
    elements = planes()
    elements[7] = elements[7].replace('ExposureTime="0.5"', 'ExposureTime="long"')
    text = document_text([*places(), *elements])
    found = document.parse_ome(text).images[0].planes
    assert cut_runs(text)[1]["1"].count == 100
    assert found is not None
    exposures = found.column("exposure")
    assert exposures is not None
    assert np.flatnonzero(np.isnan(exposures)).tolist() == [7]
    assert math.isclose(exposures[0, 0, 0], 0.5)
