"""Untrusted XML: what is refused, what is repaired, what looks like OME."""

import pytest

from aicsio._ome.xml import (
    declares_doctype,
    decode_xml,
    looks_like_ome,
    parse_untrusted,
    remove_declaration,
    repair_xml,
)
from aicsio.errors import CorruptFileError

DOCTYPE = '<!DOCTYPE OME [<!ENTITY a "b"><!ELEMENT OME ANY>]>'


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("<OME/>", False),
        (f"{DOCTYPE}<OME/>", True),
        (f'<?xml version="1.0"?>\n<!-- a -->\n{DOCTYPE}<OME/>', True),
        ("\ufeff<!DOCTYPE OME SYSTEM 'file:///etc/passwd'><OME/>", True),
        # XML 1.0, productions 15 and 18 to 20: inside comments and CDATA they are plain words.
        ("<!-- <!DOCTYPE a> --><OME/>", False),
        ("<OME><![CDATA[<!DOCTYPE a><!ENTITY b 'c'>]]></OME>", False),
        ("", False),
        ("<!-- not ended", True),
    ],
)
def test_document_types(text: str, declared: bool) -> None:
    assert declares_doctype(text) is declared


@pytest.mark.parametrize(
    "text",
    [
        f"{DOCTYPE}<OME>&a;</OME>",
        # Outside of the prolog a declaration is not well formed.
        f"<OME>{DOCTYPE}</OME>",
        "<OME>",
        "",
        "no XML",
        "<OME/><OME/>",
        "<OME\x01",
        "<!-- not ended",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(CorruptFileError):
        parse_untrusted(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("R&D", "R&D"),
        ("&a; &amp; &#181; &lt;", "&a; & \xb5 <"),
        ("5 &micro;m\x02", "5 &micro;m"),
        ("<![CDATA[a & b]]> & c", "a & b & c"),
        ("&", "&"),
        ("&&amp;", "&&"),
    ],
)
def test_ampersands_that_begin_no_reference_are_read_as_they_stand(text: str, shown: str) -> None:
    """XML 1.0, section 4.6: without a document type there are five entities."""
    root, repaired = parse_untrusted(f"<OME>{text}</OME>")
    assert (root.text, repaired) == (shown, True)


def test_words_of_a_declaration_in_a_description_are_kept() -> None:
    root, repaired = parse_untrusted("<OME><D><![CDATA[<!DOCTYPE a>]]></D></OME>")
    assert (root[0].text, repaired) == ("<!DOCTYPE a>", False)


@pytest.mark.parametrize(
    ("text", "name", "repaired"),
    [
        ("plain", "plain", False),
        ("a\x02b", "ab", True),
        ("a\x00\x1f\ufffe\uffffb", "ab", True),
        ("a&#2;b&#x1F;c&#xFFFF;d", "abcd", True),
        ("a\ud800b", "ab", True),
        ("a\x01&#233;&#x1F600;", "a\u00e9\U0001f600", True),
        ("a\x01&#99999999999999999999;", "a", True),
    ],
)
def test_forbidden_characters_are_left_out(text: str, name: str, repaired: bool) -> None:
    root, was_repaired = parse_untrusted(f'<OME Name="{text}"/>')
    assert (root.get("Name"), was_repaired) == (name, repaired)


@pytest.mark.parametrize(
    ("start", "repaired"),
    [("\n ", False), ("\r\n\r\n", False), (" \ufeff", False), ("<!-- made by x -->", True)],
)
def test_what_stands_before_the_declaration_is_left_out(start: str, repaired: bool) -> None:
    """Source: XML 1.0, production 22 has nothing before it; the root element is as sound."""
    root, was_repaired = parse_untrusted(f'{start}<?xml version="1.0"?><OME Name="a"/>')
    assert (root.get("Name"), was_repaired) == ("a", repaired)


def test_repairing_twice_is_repairing_once() -> None:
    once = repair_xml("a\x02&#3;b")
    assert repair_xml(once) == once == "ab"


def test_hostile_prologs_are_scanned_once() -> None:
    for text in ("<?" * 500_000, "<!--" * 500_000, "<!DOCTYPE " * 300_000, " " * 1_000_000):
        assert not looks_like_ome(text)
        with pytest.raises(CorruptFileError):
            parse_untrusted(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<OME>", True),
        ('<?xml version="1.0"?><!-- c --><ome:OME xmlns:ome="a">', True),
        (f"{DOCTYPE}<OME>", True),
        ("<OMERO>", False),
        ("<a><OME></a>", False),
        ("", False),
    ],
)
def test_looks_like_ome(text: str, expected: bool) -> None:
    assert looks_like_ome(text) is expected


def test_the_declaration_of_an_encoding_is_removed() -> None:
    assert remove_declaration('\ufeff<?xml version="1.0" encoding="latin-1"?><a/>') == "<a/>"
    assert remove_declaration("<a/>") == "<a/>"


def test_decoding() -> None:
    text = '<a b="\u00b5m"/>'
    for raw in (text.encode(), text.encode("latin-1") + b"\0\0", b"\xef\xbb\xbf" + text.encode()):
        assert decode_xml(raw) == text
    assert decode_xml(text.encode("utf-16")).lstrip("\ufeff") == text
