"""Text that a file calls XML: decoding, repairing, parsing. The only guard against entities.

Rule kept here: XML of a file is never trusted. No document type is accepted, so there are no
entities to expand and nothing to fetch; every parser error is one of ours.

Source of the facts: Extensible Markup Language (XML) 1.0, fifth edition: section 2.2 (characters),
2.8 (prolog and document type declaration), 4.1 (character references).
"""

import re
from xml.etree.ElementTree import Element, ParseError, XMLParser

from aicsio.errors import CorruptFileError

_PROLOG_PART = re.compile(r"[\ufeff\s]+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_OME_ROOT = re.compile(r"<(?:[\w.-]+:)?OME[\s>/]")
_DOCTYPE_INTERNALS = re.compile(r"<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>", re.DOTALL)
_FORBIDDEN = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""Compiled where it is used: that takes 4 ms, a tenth of importing numpy, and few documents need a repair."""
_REFERENCE = re.compile("&#(?:x([0-9A-Fa-f]+)|([0-9]+));")
# Inside CDATA an ampersand begins no reference (section 2.7).
_BARE_AMPERSAND = re.compile(
    r"<!\[CDATA\[.*?\]\]>|&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9A-Fa-f]+);)", re.DOTALL
)
_DECLARATION = re.compile(r"^[\ufeff\s]*<\?xml.*?\?>", re.DOTALL)


def decode_xml(raw: bytes) -> str:
    """Decode XML bytes.

    Files in the wild hold Latin-1 under a header that declares UTF-8, and zeros at the end.
    """
    # A byte order mark decides; XML 1.0, appendix F.1.
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return raw.decode("utf-16", "replace").rstrip("\0")
    # TIFF ends a description with a zero, and some writers fill its tag with them.
    raw = raw.rstrip(b"\0")
    try:
        return raw.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def looks_like_ome(text: str) -> bool:
    """Return whether a text is OME-XML: its root element has the local name OME.

    A document type in front of the root element does not hide it: the parser refuses it with a
    reason, which is more than a file that opens as another format would give.
    """
    start = prolog_end(text)
    # XML 1.0, production 22: the document type stands between prolog and root element.
    if text.startswith("<!DOCTYPE", start):
        doctype = _DOCTYPE_INTERNALS.match(text, start)
        if doctype is None:
            return False
        start = prolog_end(text, doctype.end())
    return _OME_ROOT.match(text, start) is not None


def prolog_end(text: str, start: int = 0) -> int:
    """Return where the first thing begins that is no declaration, comment, instruction or blank."""
    # Part by part: a pattern of all parts would try them again in every combination, and the
    # possessive one that would not matches parts without an end in Python 3.11.2 (gh-106052).
    while (part := _PROLOG_PART.match(text, start)) is not None:
        start = part.end()
    return start


def declares_doctype(text: str) -> bool:
    """Return whether a text declares a document type, and so could declare entities.

    XML 1.0 allows the declaration in the prolog alone (production 22), and entities nowhere but in
    it (production 28b): the words inside a comment or CDATA of an element declare nothing.
    """
    return text.startswith("<!", prolog_end(text))


def refuse_doctype(text: str) -> None:
    """Raise when a text declares a document type.

    Raises
    ------
    CorruptFileError
        When it does. Entities can expand to gigabytes and name other files; microscopes write none.
    """
    if declares_doctype(text):
        raise CorruptFileError("expected XML without a document type; entities are not expanded")


def parse_untrusted(text: str) -> tuple[Element, bool]:
    """Parse the XML of a file.

    Characters that XML 1.0 forbids are left out, and ampersands escaped, when they stop the parser: a
    user can type them into the name of an image or a channel, and some writers store them as they
    are.

    Returns
    -------
    tuple
        The root element, and whether the text was repaired.

    Raises
    ------
    CorruptFileError
        When the text is not well formed, or declares a document type.
    """
    refuse_doctype(text)
    # A declaration stands first (section 2.8); some writers put a blank or a line before it.
    text = text.lstrip()
    try:
        return _parse(text), False
    except (ParseError, ValueError, RecursionError):
        pass  # the second attempt reports the error
    try:
        # Comments before the declaration are no part of the image.
        return _parse(repair_xml(text[prolog_end(text) :])), True
    except (ParseError, ValueError, RecursionError) as error:
        raise CorruptFileError(f"expected well-formed XML: {error}") from error


def _parse(text: str) -> Element:
    parser = XMLParser()  # noqa: S314 - without a document type there are no entities to expand
    parser.feed(text)
    root: Element = parser.close()
    return root


def find_all(element: Element, *tags: str) -> list[Element]:
    """Return the descendants on a path of tags: as ``findall`` of the path, in half of its time."""
    reached = element.findall(tags[0])
    for tag in tags[1:]:
        parents, reached = reached, []
        for parent in parents:
            reached += parent.findall(tag)
    return reached


def find_first(element: Element, *tags: str) -> Element | None:
    """Return the first descendant on a path of tags: as ``find`` of the path, in a fifth of its time.

    A path of several tags is the work of Python in ElementTree, one tag that of C.
    """
    if len(tags) == 1:
        return element.find(tags[0])
    for child in element.findall(tags[0]):
        descendant = find_first(child, *tags[1:])
        if descendant is not None:
            return descendant
    return None


def repair_xml(text: str) -> str:
    r"""Remove characters that XML 1.0 forbids, and escape ampersands that begin no reference.

    Forbidden characters (section 2.2) are written as such or as references. Entities other than
    the five of section 4.6 need a document type, which no file may have: their text is kept.

    Examples
    --------
    >>> from aicsio._ome.xml import repair_xml
    >>> repair_xml("<a name='R&D &lt; 5 &micro;m\x02'/>")
    "<a name='R&amp;D &lt; 5 &amp;micro;m'/>"
    """

    def keep_allowed(reference: re.Match[str]) -> str:
        hexadecimal, decimal = reference.groups()
        # The longest number of a character has seven digits; longer ones are none.
        digits = (hexadecimal or decimal).lstrip("0")[:8]
        code = int(digits or "0", 16 if hexadecimal else 10)
        is_allowed = code < 0x110000 and not re.match(_FORBIDDEN, chr(code))
        return reference[0] if is_allowed else ""

    allowed = _REFERENCE.sub(keep_allowed, re.sub(_FORBIDDEN, "", text))
    return _BARE_AMPERSAND.sub(lambda match: match[0] if len(match[0]) > 1 else "&amp;", allowed)


def remove_declaration(text: str) -> str:
    """Remove the XML declaration: its encoding no longer holds for a text that was decoded."""
    return _DECLARATION.sub("", text, count=1).removeprefix("\ufeff")


def parse_root(text: str) -> Element:
    """Return the root element of a text; see ``parse_untrusted``.

    Raises
    ------
    CorruptFileError
        When the text is not well formed XML, or declares a document type.
    """
    return parse_untrusted(text)[0]
