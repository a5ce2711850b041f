"""Elements of one OME document on their way into another: who refers to whom, new identifiers, clean copies.

Rule kept here: pure functions of trees; nothing is known of images. An element that refers to what is not there is
left out, so that it cannot come to mean something else.
"""

import copy
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from aicsio._ome.schema import NAMESPACE, Tree, tag

Key = tuple[str, str]
"""Kind and ID of something that can be referred to: ``("Objective", "Objective:0:1")``."""

_KINDS = {
    **dict.fromkeys(
        ("Laser", "Arc", "Filament", "LightEmittingDiode", "GenericExcitationSource"), "LightSource"
    ),
    **dict.fromkeys(
        ("Point", "Line", "Rectangle", "Ellipse", "Polyline", "Polygon", "Mask", "Label"), "Shape"
    ),
}
_REFERENCES = {
    "ExcitationFilterRef": "Filter", "EmissionFilterRef": "Filter", "Pump": "LightSource", "Leader": "Experimenter",
    "Contact": "Experimenter", "ObjectiveSettings": "Objective", "DetectorSettings": "Detector",
    "LightSourceSettings": "LightSource",
}  # fmt: skip
"""What elements refer to that are not called after it."""
_HELD = ("Plate", "Dataset", "Folder", "Image")
_LSID = r"(urn:lsid:([\w\-.]+\.[\w\-.]+)+:)?"


def name_of(element: Tree) -> str:
    """Return the name of an element without its namespace."""
    spelled = str(element.tag)
    return spelled[spelled.rfind("}") + 1 :]


def defined(element: Tree) -> Key | None:
    """Return what an element defines, or ``None``."""
    name, identity = name_of(element), element.get("ID")
    if identity is None or referred(element) is not None:
        return None
    return ("Annotation" if name.endswith("Annotation") else _KINDS.get(name, name)), identity


def referred(element: Tree) -> Key | None:
    """Return what an element refers to, or ``None``."""
    name = name_of(element)
    kind = _REFERENCES.get(name) or (name[:-3] if name.endswith("Ref") else None)
    identity = element.get("ID")
    return None if kind is None or identity is None else (kind, identity)


def _named(unit: Tree) -> list[Tree]:
    """List the elements of a part of a document that have or use a name, but for those that an annotation holds."""
    path = "descendant-or-self::*[@ID or @Annotator][not(ancestor::o:Value)]"
    found: list[Tree] = unit.xpath(path, namespaces={"o": NAMESPACE})
    return found


def definitions(unit: Tree) -> list[Key]:
    """Return all that a part of a document defines, in its order."""
    return [key for key in map(defined, _named(unit)) if key is not None]


def references(unit: Tree) -> set[Key]:
    """Return all that a part of a document refers to."""
    named = _named(unit)
    found = {key for key in map(referred, named) if key is not None}
    annotators = {element.get("Annotator") for element in named} - {None}
    return found | {("Experimenter", identity) for identity in annotators}


def reachable(starts: Iterable[Tree], units: Iterable[Tree]) -> list[Tree]:
    """Return the parts that others refer to, directly or through others, the first ones included.

    What holds others together (a screen its plates, a project its datasets) does not need them.
    """
    owner = {key: unit for unit in units for key in definitions(unit)}
    found: dict[int, Tree] = {}
    waiting = list(starts)
    while waiting:
        unit = waiting.pop()
        if id(unit) not in found:
            found[id(unit)] = unit
            waiting += [
                owner[key] for key in references(unit) if key in owner and key[0] not in _HELD
            ]
    return list(found.values())


def renamed(keys: Iterable[Key], taken: set[str]) -> dict[Key, str]:
    """Choose identifiers that the schema allows and nothing else has; those that do stay. ``taken`` grows by them."""
    chosen: dict[Key, str] = {}
    for kind, old in keys:
        legal = re.fullmatch(rf"{_LSID}{kind}:\S+", old) is not None
        base = old if legal else f"{kind}:" + (re.sub(r"\s+", "_", old) or "0")
        new, number = base, 0
        while new in taken:
            number += 1
            new = f"{base}:{number}"
        taken.add(new)
        chosen[kind, old] = new
    return chosen


def copied(element: Tree, ids: Mapping[Key, str], lost: Callable[[Key], object]) -> Tree | None:
    """Copy an element under new identifiers.

    Parameters
    ----------
    element
        What to copy.
    ids
        Identifiers by what they were.
    lost
        Told of each reference to what is not among them.

    Returns
    -------
    Tree or None
        ``None`` for a reference to what is not there.
    """
    from lxml import etree

    key = defined(element) or referred(element)
    if key is not None and key not in ids:
        lost(key)
        return None
    prefixes: dict[Any, str] = {None: NAMESPACE}  # none, which the stubs of lxml do not know
    new = etree.Element(element.tag, nsmap=prefixes)
    for name, value in element.attrib.items():
        new.set(name, clean_attribute(value))
    if key is not None:
        new.set("ID", ids[key])
    annotator = element.get("Annotator")
    if annotator is not None:
        found = ids.get(("Experimenter", annotator))
        if found is None:
            lost(("Experimenter", annotator))
            del new.attrib["Annotator"]
        else:
            new.set("Annotator", found)
    blank = len(element) and not (element.text or "").strip()  # indentation
    new.text = None if blank else clean_text(element.text)
    if name_of(element) == "Value":
        new.extend(_cleaned(_outside(child)) for child in element)
    else:
        for child in element:
            inside = copied(child, ids, lost)
            if inside is not None:
                new.append(inside)
    return new


def _outside(element: Tree) -> Tree:
    """Copy what an annotation holds; Modulo elements leave the namespace of OME, in which their Label is a region."""
    new = copy.deepcopy(element)
    new.tail = None
    if name_of(new) == "Modulo":
        for part in new.iter():
            part.tag = name_of(part)
    return new


def _cleaned(element: Tree) -> Tree:
    for part in element.iter():
        for name, value in part.attrib.items():
            part.set(name, clean_attribute(value))
        part.text, part.tail = clean_text(part.text), clean_text(part.tail)
    return element


def clean_attribute(value: str) -> str:
    """Replace white space that would be written as a character reference, which Bio-Formats does not read."""
    return value.replace("\t", " ").replace("\n", " ").replace("\r", " ")


def clean_text(value: str | None) -> str | None:
    """Replace the one character of texts that would be written as a character reference."""
    return None if value is None else value.replace("\r\n", "\n").replace("\r", "\n")


def without(parent: Tree, names: Collection[str]) -> None:
    """Remove the children of some names."""
    for child in [child for child in parent if name_of(child) in names]:
        parent.remove(child)


def put(parent: Tree, child: Tree, order: Sequence[str]) -> None:
    """Add a child where the schema wants it: behind those of its name, and before those of later ones."""
    later = (
        {tag(name) for name in order[order.index(name_of(child)) + 1 :]}
        if name_of(child) in order
        else set()
    )
    for place, other in enumerate(parent):
        if other.tag in later:
            parent.insert(place, child)
            return
    parent.append(child)
