"""The metadata text of a source, kept whole inside OME-XML, and read back.

Rule kept here: XML goes into an XML annotation as elements, anything else into a comment. It is
kept for people and programs that know its format; nothing here interprets it.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import attrs

from aicsio._ome import schema
from aicsio._ome.references import clean_attribute, clean_text, name_of
from aicsio._ome.schema import Tree, tag
from aicsio.errors import CorruptFileError
from aicsio.records import Diagnostic, ImageHandle
from aicsio.steps import Step
from aicsio.steps.verbs import overloaded_verb

__all__ = ["original_metadata"]

ORIGINAL = "aicsio.readthedocs.io/original-metadata"
"""Namespace of the annotations."""
_ILLEGAL_IN_TEXT = "[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""Characters that XML 1.0 has no way to write (section 2.2), and the carriage return, which it
normalises."""


@attrs.frozen
class OriginalText:
    """The metadata text of one source."""

    format: str
    """Name of its format."""
    text: str
    """``metadata`` of its handle."""
    images: tuple[int, ...]
    """Indices of the images that came from it."""

    def identity(self, number: int) -> str:
        """Return the ID of the annotation."""
        return f"Annotation:Original:{number}"


def references(originals: Sequence[OriginalText], image_count: int) -> list[list[str]]:
    """Return, by image, the annotations that it refers to."""
    identities: list[list[str]] = [[] for _ in range(image_count)]
    for number, original in enumerate(originals):
        for index in original.images:
            identities[index].append(original.identity(number))
    return identities


def append_annotations(
    text: bytes, originals: Sequence[OriginalText], not_kept: list[Diagnostic]
) -> bytes:
    """Append an annotation for each text to a document.

    Parameters
    ----------
    text
        OME-XML; its images refer to the annotations already.
    originals
        The texts.
    not_kept
        Takes a diagnostic for characters that XML cannot hold.
    """
    from lxml import etree

    root = schema.parse(text.decode())
    parent = root.find(tag("StructuredAnnotations"))
    if parent is None:
        parent = etree.SubElement(root, tag("StructuredAnnotations"))
    for number, original in enumerate(originals):
        parent.append(_annotation(original, number, not_kept))
    written: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written


def _annotation(original: OriginalText, number: int, not_kept: list[Diagnostic]) -> Tree:
    from lxml import etree

    content = _parse_fragment(original.text)
    kind = "CommentAnnotation" if content is None else "XMLAnnotation"
    attributes = {"ID": original.identity(number), "Namespace": ORIGINAL}
    annotation: Tree = etree.Element(tag(kind), attributes)
    etree.SubElement(annotation, tag("Description")).text = original.format
    value = etree.SubElement(annotation, tag("Value"))
    if content is None:
        value.text = _comment(original.text, original.format, not_kept)
    else:
        value.append(content)
    return annotation


def _parse_fragment(text: str) -> Tree | None:
    """Return the root element of an XML text; ``None`` when it is no XML, or is OME itself."""
    from lxml import etree

    if not text.lstrip("\ufeff \t\r\n").startswith("<"):
        return None
    try:
        root = schema.parse(text)
    except CorruptFileError:
        return None
    for element in root.iter():
        if "openmicroscopy.org/" in str(element.tag):
            return None  # readers would take it for a part of the document that holds it
        for name, value in element.attrib.items():
            element.set(name, clean_attribute(value))
        element.text, element.tail = clean_text(element.text), clean_text(element.tail)
    root.tail = None
    if None in root.nsmap:
        return root
    # Without a declaration of its own the element would fall into the namespace of OME, and lxml
    # writes `xmlns=""` only for elements that were read with it.
    written = etree.tostring(root, encoding="unicode")
    return schema.parse(re.sub(r"^<([^\s/>]+)", r'<\1 xmlns=""', written))


def _comment(text: str, format_name: str, not_kept: list[Diagnostic]) -> str:
    plain = text.replace("\r\n", "\n").rstrip("\0")
    legal = re.sub(_ILLEGAL_IN_TEXT, "\ufffd", plain)
    if legal != plain:
        message = "characters of the original metadata that XML cannot hold"
        not_kept.append(Diagnostic("not-kept", message, format_name))
    return legal


if TYPE_CHECKING:

    @overload
    def original_metadata(handle: ImageHandle, /) -> tuple[str, ...]: ...
    @overload
    def original_metadata() -> Step[tuple[str, ...]]: ...


@overloaded_verb
def original_metadata(handle: ImageHandle, /) -> tuple[str, ...]:
    """Return the metadata texts of the sources that an OME-TIFF was written from.

    Parameters
    ----------
    handle
        An OME-TIFF that ``write_ome_tiff(..., original_metadata=True)`` has written. Left out, the
        call returns a step.

    Returns
    -------
    tuple of str
        One text for each source; empty where none was kept. XML has the same elements as the text
        of the source, not the same bytes: comments are gone, and line breaks inside attributes are
        blanks.

    Raises
    ------
    CorruptFileError
        When the OME-XML of the handle holds such a text and cannot be parsed.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.writers import original_metadata
    >>> original_metadata(open_image(np.zeros((4, 4))))
    ()
    """
    if handle.metadata is None or ORIGINAL not in handle.metadata:
        return ()
    root = schema.parse(handle.metadata)
    annotations = [element for element in root.iter() if element.get("Namespace") == ORIGINAL]
    values = [child for element in annotations for child in element if name_of(child) == "Value"]
    return tuple(_text_of(value) for value in values)


def _text_of(value: Tree) -> str:
    from lxml import etree

    if not len(value):
        return str(value.text or "")
    # Parsed anew, the element loses the namespaces of the document around it.
    alone = etree.fromstring(etree.tostring(value[0], with_tail=False))
    etree.cleanup_namespaces(alone)
    return re.sub(r'^(<[^\s/>]+) xmlns=""', r"\1", etree.tostring(alone, encoding="unicode"))
