"""What a document repeats is checked once: texts of elements without their ID, shorter copies.

Rule kept here: where the copy is valid, the document is. The copy lacks repeated channels, and the
contents of repeated annotations. What an element may hold depends on nothing outside of it in the
schema 2016-06, but for two things: no two channels may have one ID, which is looked at here
(libxml2 compares each with each, half of the time of 500 scenes), and references have to lead to
something, as those of a repeated element do where those of the first do.

Source of the facts: the content models of Pixels, Channel, MapAnnotation and XMLAnnotation, the 28
keys and the 42 references of https://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd.
"""

import copy
import re
from collections.abc import Collection, Iterator

from aicsio._ome import schema
from aicsio._ome.schema import Tree, tag

FEWEST_REPEATS = 256
"""Repeats for which a copy of the document is worth it."""
IDENTITY = re.compile(r"(\w+):(?:\w+:)*([0-9]{1,9})", re.ASCII)
"""An identifier of plain characters, with its kind and its last number."""
_IMAGE, _PIXELS, _CHANNEL = map(tag, ("Image", "Pixels", "Channel"))
_STRUCTURED = tag("StructuredAnnotations")
_ANNOTATIONS = tag("MapAnnotation"), tag("XMLAnnotation")


def content_of(element: Tree, identity: re.Match[str] | None) -> str:
    """Return the text of an element and that behind it, with the kind in place of its identifier.

    Parameters
    ----------
    element
        The element.
    identity
        ``IDENTITY`` of its ID; ``None`` if it is another or missing, and stays.
    """
    from lxml import etree

    text: str = etree.tostring(element, encoding="unicode")
    if identity is None:
        return text
    # Quotes are escaped in attributes, so that the first place is the element's own attribute.
    return text.replace(f' ID="{identity[0]}"', f' ID="{identity[1]}:"', 1)


def remove_invalid(root: Tree, fixed: Collection[Tree] = ()) -> list[str] | None:
    """Take out of a tree whatever breaks the rules of the schema: ``schema.remove_invalid``.

    Where nothing does, and channels and annotations repeat much, it takes a third of the time:
    0.1 s for 500 scenes of a LIF.
    """
    shorter = without_repeats(root)
    if shorter is not None and schema.is_valid(shorter):
        return []
    return schema.remove_invalid(root, fixed)


def without_repeats(root: Tree) -> Tree | None:
    """Return a copy of a document without what its channels and annotations repeat.

    Parameters
    ----------
    root
        OME element of 2016-06; not changed.

    Returns
    -------
    lxml.etree._Element or None
        The root of the copy; ``None`` where too little is repeated. If it is valid, the document
        is. If it is not, the document may be valid all the same.
    """
    from lxml import etree

    channels = root.findall(f"{_IMAGE}/{_PIXELS}/{_CHANNEL}")
    identities = {channel.get("ID") for channel in channels}
    if len(identities) < len(channels):
        return None
    annotations = [one for name in _ANNOTATIONS for one in root.findall(f"{_STRUCTURED}/{name}")]
    repeated = {*_repeated(channels, "Channel"), *_repeated(annotations, "Annotation")}
    if len(repeated) < FEWEST_REPEATS:
        return None
    shorter = etree.Element(root.tag, root.attrib, root.nsmap)
    for child in root:
        if child.tag in {_IMAGE, _STRUCTURED}:
            _copy_without(repeated, child, shorter)
        else:
            shorter.append(copy.copy(child))
    return shorter


def _repeated(elements: list[Tree], kind: str) -> Iterator[Tree]:
    """Yield elements that differ from an earlier one in their identifier alone.

    It begins with the kind, as the schema demands: the first is not asked for each of them.
    """
    seen: set[str] = set()
    for element in elements:
        identity = IDENTITY.fullmatch(element.get("ID", ""))
        if identity is not None and identity[1] == kind:
            content = content_of(element, identity)
            if content in seen:
                yield element
            seen.add(content)


def _copy_without(repeated: Collection[Tree], element: Tree, parent: Tree) -> None:
    """Copy an image or the annotations."""
    from lxml import etree

    made = etree.SubElement(parent, element.tag, element.attrib)
    # Text has no place there, and is refused.
    made.text, made.tail = element.text, element.tail
    for child in element:
        if child.tag == _PIXELS:
            _copy_without(repeated, child, made)
        elif child not in repeated:
            made.append(copy.copy(child))
        elif child.tag != _CHANNEL:
            # References lead to annotations: each stays, with an empty value.
            annotation = etree.SubElement(made, child.tag, child.attrib)
            for part in child:
                etree.SubElement(annotation, part.tag, part.attrib)
