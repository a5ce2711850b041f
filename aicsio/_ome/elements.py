"""Elements of OME-XML: children by their names, values, numbers, quantities with units.

Rule kept here: elements are found by their local names, because the namespaces, and the prefixes
bound to them, changed with every version of the schema. A value that cannot be read is ``None``.
"""

import itertools
import math
import operator
from xml.etree.ElementTree import Element

from aicsio._ome.units import UnitFactor, finite_number

LONGEST_NUMBER = 400
"""Characters. A double in decimal has up to 325 before its point; Python refuses to read integers
of more than 4300 digits."""


def local_name(element: Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def children_of(element: Element | None, *names: str) -> list[Element]:
    """Return the children that have one of the names."""
    if element is None:
        return []
    return [child for child in element if local_name(child) in names]


def child_of(element: Element | None, *names: str) -> Element | None:
    """Return the first child that has one of the names."""
    return next(iter(children_of(element, *names)), None)


def group_by_name(element: Element) -> dict[str, list[Element]]:
    """Return the children by their local names."""
    # One pass; looking for each of a dozen names apart would walk 100 000 planes a dozen times.
    by_tag: dict[str, list[Element]] = {}
    # Equal elements follow each other: a run costs a third of its children one by one.
    for tag, run in itertools.groupby(element, operator.attrgetter("tag")):
        by_tag.setdefault(tag, []).extend(run)
    # Tags are few, so their names are looked at once each.
    groups: dict[str, list[Element]] = {}
    for children in by_tag.values():
        groups.setdefault(local_name(children[0]), []).extend(children)
    return groups


def with_texts_as_attributes(element: Element) -> Element:
    """Return an element with the attributes of another and the texts of its children.

    Versions of the schema before 2009 keep in child elements the values that later ones keep in
    attributes. One copy makes each of the dozen lookups that follow a lookup in a dict.
    """
    attributes = dict(element.attrib)
    for child in element:
        if child.text is not None:
            attributes.setdefault(local_name(child), child.text)
    return Element(element.tag, attributes)


def value_of(element: Element | None, *names: str) -> str | None:
    """Return the first attribute or child's text that has one of the names and is not blank."""
    if element is None:
        return None
    for name in names:
        text = element.get(name)
        # The schemas before 2009-09 have child elements where later ones have attributes.
        if text is None and len(element):
            child = child_of(element, name)
            text = child.text if child is not None else None
        stripped = text.strip() if text is not None else ""
        if stripped:
            return stripped
    return None


def parse_number(text: str | None) -> float | None:
    """Return a finite number; some writers use the decimal comma of their language."""
    if text is None or len(text) > LONGEST_NUMBER:
        return None
    # "0,25" stands in files of writers on German and French systems.
    return finite_number(text.replace(",", "."))


def parse_integer(text: str | None) -> int | None:
    """Return a whole number, or ``None``; also of a text such as ``5.0``."""
    if text is None or len(text) > LONGEST_NUMBER:
        return None
    try:
        return int(text)
    except ValueError:
        number = parse_number(text)
    return int(number) if number is not None and number.is_integer() else None


def number_of(element: Element | None, *names: str) -> float | None:
    """Return a finite number, or ``None``."""
    return parse_number(value_of(element, *names))


def integer_of(element: Element | None, *names: str) -> int | None:
    """Return a whole number, or ``None``."""
    return parse_integer(value_of(element, *names))


def quantity_of(
    element: Element | None, name: str, unit_factor: UnitFactor, default: str | None
) -> float | None:
    """Return a value in the base unit of ``unit_factor``, or ``None``.

    Parameters
    ----------
    element
        Holder of the attributes ``name`` and ``nameUnit``.
    name
        Such as ``PhysicalSizeX``.
    unit_factor
        ``micrometres_per`` or ``seconds_per``; a unit that is no measure (``pixel``,
        ``reference frame``) has no factor.
    default
        Unit that the schema gives where the attribute is missing.
    """
    number = number_of(element, name)
    if number is None or element is None:
        return None
    factor = unit_factor(element.get(f"{name}Unit", default))
    if factor is None:
        return None
    # The product may overflow though both factors are finite.
    quantity = number * factor
    return quantity if math.isfinite(quantity) else None
