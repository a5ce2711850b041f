"""The sections of the metadata XML that are needed, cut out of the text before parsing.

Rule kept here: the cut gives the same elements as parsing all of the text, or is not used. Over 33
real files it takes 7 ms in sum, ElementTree on the whole texts 250 ms.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from xml.etree import ElementTree as ET

from aicsio._ome.xml import declares_doctype, repair_xml

Sections: TypeAlias = Mapping[str, Any]
SECTIONS: Sections = {
    "Information": {"Image": None, "Document": None, "Instrument": {"Objectives": None}},
    "Scaling": None,
    "DisplaySetting": None,
}
"""Children of ``Metadata`` that hold the facts of the records; ``None`` takes a child whole."""
SHORT = 1024
"""Characters of a text that is parsed whole, if it is well formed: to cut it takes as long as to parse it."""
_TAG = re.compile("<(/?)([A-Za-z_][\\w.-]*)[^>]*?(/?)>")


def parse_sections(text: str) -> ET.Element | None:
    """Parse the needed sections; the experiment and the hardware settings are most of the text."""
    if len(text) <= SHORT and not declares_doctype(text):
        try:
            return _find_metadata(_parse(text))
        except ET.ParseError:
            pass  # the needed sections may be well formed
    sections = _cut_sections(text)
    if sections is not None:
        try:
            # Inside of an element no entity can be declared.
            return _parse_xml(f"<Metadata>{sections}</Metadata>")
        except ET.ParseError:
            # A tag inside a comment or CDATA may have misled the cut: the whole text decides.
            pass
    if declares_doctype(text):
        raise ValueError("it declares a document type, which CZI does not")
    return _find_metadata(_parse_xml(text))


def _find_metadata(root: ET.Element) -> ET.Element | None:
    return root if root.tag == "Metadata" else root.find("Metadata")


def _cut_sections(text: str) -> str | None:
    """Cut the needed children of ``Metadata`` out of the text; ``None`` if that is not plain."""
    start = text.find("<Metadata>")
    if start < 0 or declares_doctype(text):
        return None
    # The quick search first: it fails in a way that the walk notices.
    for find_end in (_find_first_end, _find_matching_end):
        parts: list[str] = []
        inside = start + len("<Metadata>")
        end = _cut_children(text, inside, ("Metadata", SECTIONS), parts, find_end)
        # Only if ``Metadata`` is the last child is the rest of the text known to hold nothing.
        if end >= 0 and text[end : end + 99].lstrip().startswith("</ImageDocument>"):
            return "".join(parts)
    return None


def _cut_children(
    text: str,
    position: int,
    parent: tuple[str, Sections],
    parts: list[str],
    find_end: Callable[[str, str, int], int],
) -> int:
    """Append the needed children of the element that began before ``position``.

    Returns the end of the element, or -1 if the text is not plain.
    """
    while position >= 0:
        tag = _TAG.search(text, position)
        if tag is None or (tag.start() > position and not text[position : tag.start()].isspace()):
            # A comment, for example: only a parser can tell its tags from elements.
            return -1
        closing, name, empty = tag.groups()
        if closing:
            return tag.end() if name == parent[0] else -1
        children = parent[1].get(name)
        if children and not empty:
            parts.append(tag[0])
            position = _cut_children(text, tag.end(), (name, children), parts, find_end)
            parts.append(f"</{name}>")
            continue
        position = tag.end() if empty else find_end(text, name, tag.end())
        if name in parent[1]:
            parts.append(text[tag.start() : position])
    return -1


def _find_first_end(text: str, name: str, position: int) -> int:
    """Find the first closing tag.

    It comes too early if the element has its own name inside; the walk then fails, and
    ``_find_matching_end`` is tried, which takes 3 times as long.
    """
    close = f"</{name}>"
    end = text.find(close, position)
    return -1 if end < 0 else end + len(close)


def _find_matching_end(text: str, name: str, position: int) -> int:
    """Find the end of an element that began before ``position``, or -1."""
    close, depth = f"</{name}>", 1
    while depth:
        end = text.find(close, position)
        if end < 0:
            return -1
        depth += text.count(f"<{name}>", position, end) - 1
        # A start tag with attributes; the regular expression, which is slow, runs only if there is
        # one. An empty element opens nothing.
        if text.find(f"<{name} ", position, end) >= 0:
            depth += len(re.findall(f"<{name}\\s[^>]*(?<!/)>", text[position:end]))
        position = end + len(close)
    return position


def _parse(text: str) -> ET.Element:
    # ``ET.fromstring`` hands the parser a builder: 5 us more.
    parser = ET.XMLParser()  # noqa: S314 - no entities
    parser.feed(text)
    root: ET.Element = parser.close()
    return root


def _parse_xml(text: str) -> ET.Element:
    try:
        return _parse(text)
    except ET.ParseError:
        # XML 1.0 forbids these characters; some writers let them through.
        return ET.fromstring(repair_xml(text))  # noqa: S314
