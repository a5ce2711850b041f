"""What elements of OME define and refer to, new identifiers, clean copies for another document.

Rule kept here: functions of trees that know nothing of images. An element with a reference that
leads nowhere is left out, so that it cannot come to mean something else.
"""

import copy
import functools
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from aicsio._ome.schema import NAMESPACE, Tree

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
"""Kind of the target for each referring element whose name does not end in the kind and "Ref"."""
_HELD = ("Plate", "Dataset", "Folder", "Image")
# The schema's pattern of identifiers: "(urn:lsid:...)|(Objective:\\S+)".
_LSID = r"(urn:lsid:([\w\-.]+\.[\w\-.]+)+:)?"


def name_of(element: Tree) -> str:
    """Return the name of an element without its namespace."""
    spelled = str(element.tag)
    return spelled[spelled.rfind("}") + 1 :]


def defined_key(element: Tree) -> Key | None:
    """Return the key that an element defines; ``None`` for none."""
    kind, target = _kinds_of(str(element.tag))
    identity = element.get("ID")
    return None if identity is None or target is not None else (kind, identity)


def referred_key(element: Tree) -> Key | None:
    """Return the key that an element refers to; ``None`` for none."""
    _, target = _kinds_of(str(element.tag))
    identity = element.get("ID")
    return None if target is None or identity is None else (target, identity)


@functools.lru_cache(maxsize=512)
def _kinds_of(spelled: str) -> tuple[str, str | None]:
    """Return the kind of an element, and that of the target if it refers to one.

    500 scenes have 70 000 elements of 30 names.
    """
    name = spelled[spelled.rfind("}") + 1 :]
    target = _REFERENCES.get(name) or (name[:-3] if name.endswith("Ref") else None)
    # XMLAnnotation, MapAnnotation and all others are the target of one AnnotationRef.
    if name.endswith("Annotation"):
        return "Annotation", target
    return _KINDS.get(name, name), target


def elements_with_keys(unit: Tree) -> list[Tree]:
    """List the elements of a part that define or use an identifier, except inside values of annotations."""
    path = "descendant-or-self::*[@ID or @Annotator][not(ancestor::o:Value)]"
    elements: list[Tree] = unit.xpath(path, namespaces={"o": NAMESPACE})
    return elements


def definitions(unit: Tree) -> list[Key]:
    """Return all keys that a part of a document defines, in its order."""
    keys = map(defined_key, elements_with_keys(unit))
    return [key for key in keys if key is not None]


def references(unit: Tree) -> set[Key]:
    """Return all keys that a part of a document refers to."""
    keys: set[Key] = set()
    for element in elements_with_keys(unit):
        key = referred_key(element)
        if key is not None:
            keys.add(key)
        annotator = element.get("Annotator")
        if annotator is not None:
            keys.add(("Experimenter", annotator))
    return keys


def reachable(starts: Iterable[Tree], units: Iterable[Tree]) -> list[Tree]:
    """Return some parts and all parts that they refer to, directly or through others.

    A container (a screen of its plates, a project of its datasets) does not need its members.
    """
    owner = {key: unit for unit in units for key in definitions(unit)}
    reached: dict[int, Tree] = {}
    waiting = list(starts)
    while waiting:
        unit = waiting.pop()
        if id(unit) in reached:
            continue
        reached[id(unit)] = unit
        waiting += [owner[key] for key in references(unit) if key in owner and key[0] not in _HELD]
    return list(reached.values())


class Identifiers:
    """The identifiers of a file. Not a record: it grows while documents are merged."""

    def __init__(self, taken: Iterable[str | None]) -> None:
        self._taken = {identity for identity in taken if identity is not None}
        # Thousands of sources may use one identifier, so the search goes on where it ended.
        self._last_number: defaultdict[str, int] = defaultdict(int)

    def assign(self, keys: Iterable[Key]) -> dict[Key, str]:
        """Choose identifiers that the schema allows and that nothing else has.

        Those that do stay.
        """
        return {key: self._choose(*key) for key in keys}

    def _choose(self, kind: str, old: str) -> str:
        base = old
        if re.fullmatch(rf"{_LSID}{kind}:\S+", old) is None:
            name = re.sub(r"\s+", "_", old.removeprefix(f"{kind}:").strip()) or "0"
            base = f"{kind}:{name}"
        new = base
        while new in self._taken:
            self._last_number[base] += 1
            new = f"{base}:{self._last_number[base]}"
        self._taken.add(new)
        return new


def copy_element(
    element: Tree, ids: Mapping[Key, str], lost: Callable[[Key], object]
) -> Tree | None:
    """Copy an element under new identifiers.

    Parameters
    ----------
    element
        The element.
    ids
        New identifier of each key.
    lost
        Called with the key of each reference that has no new identifier.

    Returns
    -------
    Tree or None
        ``None`` for a reference that leads nowhere.
    """
    from lxml import etree

    key = defined_key(element) or referred_key(element)
    # A reference to nothing would be invalid, or come to mean what another document calls so.
    if key is not None and key not in ids:
        lost(key)
        return None
    # The stubs of lxml lack None, the key of a namespace without a prefix.
    prefixes: dict[Any, str] = {None: NAMESPACE}
    new = etree.Element(element.tag, nsmap=prefixes)
    for name, value in element.attrib.items():
        new.set(name, clean_attribute(value))
    if key is not None:
        new.set("ID", ids[key])
    annotator = element.get("Annotator")
    if annotator is not None:
        experimenter = ids.get(("Experimenter", annotator))
        if experimenter is None:
            lost(("Experimenter", annotator))
            del new.attrib["Annotator"]
        else:
            new.set("Annotator", experimenter)
    is_indentation = len(element) > 0 and not (element.text or "").strip()
    if not is_indentation:
        new.text = clean_text(element.text)
    if name_of(element) == "Value":
        new.extend(_clean(_copy_foreign(child)) for child in element)
    else:
        for child in element:
            inside = copy_element(child, ids, lost)
            if inside is not None:
                new.append(inside)
    return new


def _copy_foreign(element: Tree) -> Tree:
    """Copy the value of an annotation.

    Modulo leaves the namespace of OME, where its Label would be a region.
    """
    new = copy.deepcopy(element)
    new.tail = None
    if name_of(new) == "Modulo":
        for part in new.iter():
            part.tag = name_of(part)
    return new


def _clean(element: Tree) -> Tree:
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


def remove_children(parent: Tree, names: Collection[str]) -> None:
    """Remove the children of some names."""
    for child in [child for child in parent if name_of(child) in names]:
        parent.remove(child)


def put(parent: Tree, child: Tree, order: Sequence[str]) -> None:
    """Add a child in the order of the schema.

    After those of its name, before those of later names.
    """
    name = name_of(child)
    # An element that the schema does not list goes to the end.
    later = set(order[order.index(name) + 1 :]) if name in order else set()
    # From the end: an image or a document may have thousands of children before.
    for sibling in parent.iterchildren(reversed=True):
        if name_of(sibling) not in later:
            sibling.addnext(child)
            return
    parent.insert(0, child)
