"""Values cut out of a long XML, held against the parser of the standard library."""

from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicsio.formats.folders import xml_lists

WANTED = (("Image", "name"), ("Row", "number"), ("Column", "number"), ("Column", "x"))
TEXTS = st.text("abc0=/>'\"&<.: ", max_size=6)


def _parsed(index: str) -> list[tuple[list[str | None], str]]:
    """The same by the parser alone; of an attribute that is repeated the last one counts."""
    found = []
    for image in ET.fromstring(index).iter("Image"):  # noqa: S314 - the test made it
        values: dict[tuple[str, str], str] = {}
        for element in image.iter():
            values.update({(element.tag, key): value for key, value in element.items()})
        found.append(([values.get(one) for one in WANTED], (image.text or "").strip()))
    return found


def _read(index: str) -> list[tuple[list[str | None], str]]:
    text, parts = xml_lists.read_values(
        index.encode(), b"<Images", b"</Images>", b"</Image>", WANTED
    )
    assert "<Image " not in text
    rows = [row for part in parts for row in zip(*part, strict=True)]
    return [(list(row[:-1]), row[-1] or "") for row in rows]


@st.composite
def _elements(draw: st.DrawFn, name: str, names: tuple[str, ...], inner: str = "") -> str:
    kept = draw(st.lists(st.sampled_from(names), unique=True))
    blank = draw(st.sampled_from([" ", "\n  "]))
    attributes = "".join(f"{blank}{one}={quoteattr(draw(TEXTS))}" for one in kept)
    return f"<{name}{attributes}>{inner}</{name}>"


@st.composite
def _indices(draw: st.DrawFn) -> str:
    images = []
    for _ in range(draw(st.integers(1, 4))):
        rows = draw(st.lists(_elements("Row", ("number", "x")), max_size=2))
        columns = draw(st.lists(_elements("Column", ("x", "number")), max_size=2))
        images.append(draw(_elements("Image", ("id", "name"), "".join(rows + columns))))
    return f'<Stack a="1"><Images>{draw(st.sampled_from(["", " "])).join(images)}</Images></Stack>'


@given(_indices())
def test_values_are_those_of_the_parser(index: str) -> None:
    found = _read(index)
    assert [values for values, _ in found] == [values for values, _ in _parsed(index)]


@pytest.mark.parametrize(
    "images",
    [
        '<Image name="a">file.tif</Image>',
        '<Image name="a > b">file.tif</Image><Image id="1" name="c">other.tif</Image>',
        '<Image name = "a" >  file.tif\n</Image>',
        "<Image name='a'>file.tif</Image>",
        '<Image name="a&amp;b">f &lt;.tif</Image>',
        '<Image name="a"><!-- <Row number="9"/> --><Row number="1"/></Image>',
        '<Image name="a"><Row number="1"/><Row number="2"/></Image>',
        '<Image><Row/><Column x="1" number="2"/></Image>',
        "<Image></Image>",
        '<Image name="a">5" file.tif</Image>',
        '<Image name="a">the "b" file.tif</Image><Image name="c">d.tif</Image>',
    ],
)
def test_values_and_texts_of_any_spelling_are_those_of_the_parser(images: str) -> None:
    index = f"<Stack><Images>{images}</Images></Stack>"
    assert _read(index) == _parsed(index)


def test_namespaces_are_left_out() -> None:
    for reference in ("", "&amp;"):
        index = (
            f'<b:Images xmlns:b="urn:b"><b:Image b:name="a{reference}"><b:Row b:number="1"/>'
            "</b:Image></b:Images>"
        )
        _, parts = xml_lists.read_values(
            index.encode(), b"<b:Images", b"</b:Images>", b"</b:Image>", WANTED, b'xmlns:b="urn:b"'
        )
        name = "a&" if reference else "a"
        assert list(parts) == [[[name], ["1"], [None], [None], [""]]]


def test_markup_that_never_repeats_is_not_kept() -> None:
    count = 3 * xml_lists.MOST_MARKUPS
    images = "".join(f'<Image a{number}="" name="{number}"></Image>' for number in range(count))
    found = _read(f"<Stack><Images>{images}</Images></Stack>")
    assert [values[0] for values, _ in found] == [str(number) for number in range(count)]


# ---------------------------------------------------------------- texts

NAMES = ("URL", "Row", "PositionX")


def _texts(index: str) -> list[list[str | None]]:
    return [
        [
            next((child.text for child in reversed(image) if child.tag == name), None)
            for name in NAMES
        ]
        for image in ET.fromstring(index).iter("Image")  # noqa: S314 - the test made it
    ]


def _read_texts(index: str) -> list[list[str | None]]:
    _, parts = xml_lists.read_texts(index.encode(), b"<Images", b"</Images>", b"</Image>", NAMES)
    return [[text or None for text in row] for part in parts for row in zip(*part, strict=True)]


@st.composite
def _children(draw: st.DrawFn) -> str:
    children = draw(st.lists(st.sampled_from((*NAMES, "Other")), unique=True))
    blank = draw(st.sampled_from(["", "\n  "]))
    parts = []
    for name in children:
        unit = draw(st.sampled_from(["", ' Unit="m"', ' Unit="a > b"']))
        text = escape(draw(TEXTS), {">": draw(st.sampled_from([">", "&gt;"]))})
        parts.append(f"{blank}<{name}{unit}>{text}</{name}>")
    return "".join(parts)


@given(st.lists(_children(), min_size=1, max_size=4))
def test_texts_are_those_of_the_parser(images: list[str]) -> None:
    listed = "".join(f"<Image>{children}</Image>" for children in images)
    index = f'<Stack a="1"><Images>{listed}</Images></Stack>'
    assert _read_texts(index) == _texts(index)


@pytest.mark.parametrize(
    "children",
    [
        "<URL>a.tif</URL><Row>1</Row><Row>2</Row>",
        "<URL/><Row /><PositionX></PositionX>",
        '<PositionX Unit="m">1e-3</PositionX><URL >a.tif</URL >',
        "<Other><Deep/></Other><URL>a.tif</URL>",
        "<URL><![CDATA[a&b.tif]]></URL><!-- <Row>3</Row> -->",
        "",
    ],
)
def test_texts_of_any_spelling_are_those_of_the_parser(children: str) -> None:
    index = f"<Stack><Images><Image>{children}</Image></Images></Stack>"
    assert _read_texts(index) == _texts(index)
