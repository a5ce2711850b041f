"""The metadata text of a source, kept whole inside OME-XML, and found again.

Rule kept here: XML goes into an XML annotation as the elements that it is, anything else into a comment. It is kept for
people and programs that know its format; nothing of it is looked at here.
"""

import re
from xml.sax.saxutils import escape

import attrs

from aicsio._ome import schema
from aicsio.errors import CorruptFileError
from aicsio.records import Diagnostic, ImageHandle
from aicsio.steps import verb
from aicsio.writers._metadata.merge_elements import clean_attribute, clean_text, name_of

__all__ = ["original_metadata"]

ORIGINAL = "aicsio.readthedocs.io/original-metadata"
"""Namespace of the annotations."""


@attrs.frozen
class Original:
    """The text of one source."""

    format: str
    """Name of its format."""
    text: str
    """What ``metadata`` of its handle says."""
    images: tuple[int, ...]
    """Which images came from it."""

    def identity(self, number: int) -> str:
        """ID of the annotation."""
        return f"Annotation:Original:{number}"

    def annotation(self, number: int, lost: list[Diagnostic]) -> str:
        """Write the annotation."""
        fragment = _fragment(self.text)
        kind = "CommentAnnotation" if fragment is None else "XMLAnnotation"
        value = _comment(self.text, self.format, lost) if fragment is None else fragment
        head = f'ID="{self.identity(number)}" Namespace="{ORIGINAL}"'
        return f"<{kind} {head}><Description>{escape(self.format)}</Description><Value>{value}</Value></{kind}>"


def _fragment(text: str) -> str | None:
    """Return the root element of an XML text as it can stand inside OME; ``None`` when it is no XML, or OME itself."""
    from lxml import etree

    if not text.lstrip("\ufeff \t\r\n").startswith("<"):
        return None
    try:
        root = schema.parse(text)
    except CorruptFileError:
        return None
    if any("openmicroscopy.org/" in str(element.tag) for element in root.iter()):
        return None  # it would be taken for a part of what it stands in
    for element in root.iter():
        for name, value in element.attrib.items():
            element.set(name, clean_attribute(value))
        element.text, element.tail = clean_text(element.text), clean_text(element.tail)
    written = etree.tostring(root, encoding="unicode", with_tail=False)
    # Without a declaration of its own it would fall into the namespace of OME.
    return written if None in root.nsmap else re.sub(r"^<([^\s/>]+)", r'<\1 xmlns=""', written)


def _comment(text: str, name: str, lost: list[Diagnostic]) -> str:
    plain = text.replace("\r\n", "\n").rstrip("\0")
    legal = re.sub("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", plain)
    if legal != plain:
        lost.append(
            Diagnostic("not-kept", "characters of the original metadata that XML cannot hold", name)
        )
    return escape(legal)


@verb
def original_metadata(handle: ImageHandle, /) -> tuple[str, ...]:
    """Find the metadata of the sources that an OME-TIFF was written from, as their formats have them.

    Parameters
    ----------
    handle
        An OME-TIFF that ``write_ome_tiff(..., original_metadata=True)`` has written. Left out, the call returns a step.

    Returns
    -------
    tuple of str
        One text for each source; empty where none was kept. XML has the same elements as the text of the source, not
        the same bytes: comments are gone, and line breaks inside attributes are blanks.

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


def _text_of(value: schema.Tree) -> str:
    from lxml import etree

    if not len(value):
        return str(value.text or "")
    root = value[0]
    alone = etree.fromstring(etree.tostring(root, with_tail=False))
    etree.cleanup_namespaces(alone)
    return re.sub(r'^(<[^\s/>]+) xmlns=""', r"\1", etree.tostring(alone, encoding="unicode"))
