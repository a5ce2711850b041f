"""Our text of a tree is that of ElementTree."""

from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element, SubElement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicsio._ome.serial import to_text

TEXTS = st.text(st.sampled_from("ab&<>\"'\r\n\t é\U0001f600{}"), max_size=6)
NAMES = st.sampled_from(["a", "b", "xsi:c", "d.e"])


@st.composite
def trees(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> Element:
    """Draw a tree of a few elements."""
    root = Element(draw(names), draw(st.dictionaries(names, TEXTS, max_size=3)))
    places = [root]
    for _ in range(draw(st.integers(0, 8))):
        parent = draw(st.sampled_from(places))
        child = SubElement(parent, draw(names), draw(st.dictionaries(names, TEXTS, max_size=3)))
        child.text, child.tail = draw(st.none() | TEXTS), draw(st.none() | TEXTS)
        places.append(child)
    return root


@given(trees())
def test_any_tree_is_written_as_by_element_tree(root: Element) -> None:
    assert to_text(root) == ET.tostring(root, encoding="unicode")


@given(trees(st.sampled_from(["a", "{urn:x}b", "{urn:y}c"])))
def test_names_in_namespaces_are_left_to_it(root: Element) -> None:
    assert to_text(root) == ET.tostring(root, encoding="unicode")


@pytest.mark.parametrize("extra", [ET.Comment("<c>"), ET.ProcessingInstruction("p", "x")])
def test_comments_and_instructions_are_left_to_it(extra: Element) -> None:
    root = Element("a")
    root.append(extra)
    assert to_text(root) == ET.tostring(root, encoding="unicode")
