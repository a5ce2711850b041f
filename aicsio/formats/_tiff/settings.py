"""Settings of microscopes in private tags: lines of INI, XML, or bytes.

Rule kept here: pure reading of texts. A tag that is missing, too long or no text gives an empty one.
"""

import re

from aicsio._ome.lexical import resolve_references
from aicsio.formats._tiff.page_metadata import PageTags

NUMBER = r"[-+]?[\d.]+(?:[eE][-+]?\d+)?"
"""A number as makers write it."""
LARGEST_TEXT = 1 << 24
"""Settings of a microscope have at most some 100 KB; a longer tag is not searched."""


def read_settings(tags: PageTags, code: int) -> str:
    """Return a text of settings; empty where the tag is missing, as in most files."""
    if code not in tags.tags:
        return ""
    return read_octets(tags, code).decode("latin-1").replace("\r", "").strip("\0")


def read_octets(tags: PageTags, code: int) -> bytes:
    """Return the bytes of a tag; some writers declare its text as BYTE in place of ASCII."""
    if code not in tags.tags:
        return b""
    value = tags.value(code, LARGEST_TEXT)
    if isinstance(value, bytes):
        return value
    # SBYTE has the same bytes, with a sign.
    octets = [n & 0xFF for n in value or () if isinstance(n, int) and -128 <= n < 256]
    return bytes(octets) if value and len(octets) == len(value) else b""


def xml_attribute(element: str, name: str) -> str | None:
    """Return an attribute of the start tag of an XML element, with its character references resolved.

    Examples
    --------
    >>> from aicsio.formats._tiff.settings import xml_attribute
    >>> xml_attribute("<prop id='unit' value='&#181;m'/>", "value")
    'µm'
    """
    match = re.search(rf"""\s{re.escape(name)}\s*=\s*(?:"([^"]*)"|'([^']*)')""", element)
    if match is None:
        return None
    return resolve_references(match[1] if match[1] is not None else match[2])


def xml_text(document: str, name: str) -> str:
    """Return the text of the first element of a name that holds text alone; empty without one.

    Its character references are resolved (XML 1.0, section 4.1).

    Examples
    --------
    >>> from aicsio.formats._tiff.settings import xml_text
    >>> xml_text("<a><Name>CD8 &lt;&#181;m&gt;</Name></a>", "Name")
    'CD8 <µm>'
    """
    match = re.search(rf"<{name}(?:\s[^<>]*)?>([^<]*)</{name}\s*>", document)
    return resolve_references(match[1]).strip() if match else ""


def parse_ini(text: str) -> dict[str, dict[str, str]]:
    r"""Return the settings of each section of an INI text.

    Examples
    --------
    >>> from aicsio.formats._tiff.settings import parse_ini
    >>> parse_ini("[Scan]\nPixelWidth = 1e-9\n")
    {'Scan': {'PixelWidth': '1e-9'}}
    """
    # A pattern with a group keeps its matches: names and bodies follow each other by turns.
    sections = re.split(r"^\s*\[([^\]\n]*)\]\s*$", text, flags=re.MULTILINE)
    settings: dict[str, dict[str, str]] = {}
    for name, body in zip(sections[1::2], sections[2::2], strict=False):
        lines = re.findall(r"^([^=\n]+)=(.*)$", body, re.MULTILINE)
        settings[name] = {key.strip(): value.strip() for key, value in lines}
    return settings
