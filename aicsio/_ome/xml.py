"""Text and elements of OME-XML: decoding, looking up by local name, numbers with units.

Rule kept here: pure functions of text and elements. No document type or entity is accepted. Elements are found by their
local names, because the namespaces, and the letters bound to them, changed with every version of the schema.
"""

import math
import re
from collections.abc import Mapping
from xml.etree.ElementTree import Element, ParseError, XMLParser

from aicsio.errors import CorruptFileError

MICROMETRES: Mapping[str, float] = {
    "Ym": 1e30, "Zm": 1e27, "Em": 1e24, "Pm": 1e21, "Tm": 1e18, "Gm": 1e15, "Mm": 1e12, "km": 1e9, "hm": 1e8,
    "dam": 1e7, "m": 1e6, "dm": 1e5, "cm": 1e4, "mm": 1e3, "\u00b5m": 1.0, "\u03bcm": 1.0, "um": 1.0, "micron": 1.0,
    "microns": 1.0, "micrometer": 1.0, "micrometre": 1.0, "nm": 1e-3, "pm": 1e-6, "fm": 1e-9, "am": 1e-12,
    "zm": 1e-15, "ym": 1e-18, "\u00c5": 1e-4, "\u212b": 1e-4, "thou": 25.4, "li": 25.4e3 / 12, "in": 25.4e3,
    "inch": 25.4e3, "ft": 304.8e3, "yd": 914.4e3, "mi": 1609.344e6, "pt": 25.4e3 / 72,
}  # fmt: skip
"""Micrometres in a unit of length (OME UnitsLength, and what ImageJ writes). Pixels and frames are no lengths."""

SECONDS: Mapping[str, float] = {
    "Ys": 1e24, "Zs": 1e21, "Es": 1e18, "Ps": 1e15, "Ts": 1e12, "Gs": 1e9, "Ms": 1e6, "ks": 1e3, "hs": 1e2,
    "das": 1e1, "s": 1.0, "sec": 1.0, "ds": 1e-1, "cs": 1e-2, "ms": 1e-3, "msec": 1e-3, "\u00b5s": 1e-6,
    "\u03bcs": 1e-6, "us": 1e-6, "ns": 1e-9, "ps": 1e-12, "fs": 1e-15, "as": 1e-18, "zs": 1e-21, "ys": 1e-24,
    "min": 60.0, "h": 3600.0, "hour": 3600.0, "d": 86400.0,
}  # fmt: skip
"""Seconds in a unit of time (OME UnitsTime, and what ImageJ writes)."""


_ROOT = re.compile(r"\s*(<\?.*?\?>\s*|<!--.*?-->\s*)*<(\w+:)?OME[\s>/]", re.DOTALL)


def decode_xml(raw: bytes) -> str:
    """Decode XML bytes; files in the wild hold Latin-1 under a header that says UTF-8, and zeros at the end."""
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return raw.decode("utf-16", "replace").rstrip("\0")
    raw = raw.rstrip(b"\0")
    try:
        return raw.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def looks_like_ome(text: str) -> bool:
    """Whether a text is OME-XML: its root element has the local name OME."""
    return _ROOT.match(text) is not None


def parse_root(text: str) -> Element:
    """Return the root element of a text.

    Raises
    ------
    CorruptFileError
        When the text is not XML, or declares a document type.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise CorruptFileError("OME-XML must not declare document types or entities")
    parser = XMLParser()  # noqa: S314 - without a document type there are no entities to expand
    try:
        parser.feed(text)
        root: Element = parser.close()
    except (ParseError, ValueError) as error:
        raise CorruptFileError(f"OME-XML is not well formed: {error}") from error
    return root


def local_name(element: Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def children_of(element: Element | None, *names: str) -> list[Element]:
    """Return the children that go by one of the names."""
    return [] if element is None else [child for child in element if local_name(child) in names]


def child_of(element: Element | None, *names: str) -> Element | None:
    """Return the first child that goes by one of the names."""
    return next(iter(children_of(element, *names)), None)


def value_of(element: Element | None, *names: str) -> str | None:
    """Return the first attribute, or text of a child element, that goes by one of the names and is not blank."""
    if element is None:
        return None
    for name in names:
        text = element.get(name)
        if text is None and len(element):
            child = child_of(element, name)
            text = None if child is None else child.text
        text = None if text is None else text.strip()
        if text:
            return text
    return None


def number_of(element: Element | None, *names: str) -> float | None:
    """Return a finite number, or ``None``."""
    text = value_of(element, *names)
    if text is None:
        return None
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def integer_of(element: Element, *names: str) -> int | None:
    """Return a whole number, or ``None``."""
    number = number_of(element, *names)
    return None if number is None else int(number)


def quantity_of(
    element: Element | None, name: str, units: Mapping[str, float], default: str | None
) -> float | None:
    """Return a value in the base unit; ``None`` where the unit is no measure (``pixel``, ``reference frame``)."""
    number = number_of(element, name)
    if number is None or element is None:
        return None
    unit = element.get(f"{name}Unit", default)
    factor = None if unit is None else units.get(unit.strip())
    return None if factor is None else number * factor


def flattened(element: Element) -> Element:
    """Return an element whose attributes are those of another, and the texts of its children: no search finds them."""
    known = dict(element.attrib)
    for child in element:
        if child.text is not None:
            known.setdefault(local_name(child), child.text)
    return Element("flattened", known)


def sorted_by_name(element: Element) -> dict[str, list[Element]]:
    """Return the children by their local names."""
    found: dict[str, list[Element]] = {}
    for child in element:
        found.setdefault(local_name(child), []).append(child)
    return found
