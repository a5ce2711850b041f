"""Settings of microscopes in private tags: lines of INI, XML, or bytes.

Rule kept here: pure reading of texts. A tag that is missing, too long or no text gives an empty one.
"""

import re

from aicsio._ome.lexical import IN_TAG, resolve_references
from aicsio.formats._tiff.page_metadata import PageTags

NUMBER = r"[-+]?[\d.]+(?:,\d+)?(?:[eE][-+]?\d+)?"
"""A number as makers write it; with a comma where the system of the microscope has one."""
START_TAG_END = rf"{IN_TAG}*>"
"""The rest of a start tag behind its name."""
_ATTRIBUTE = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
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
    # One after the other: the words of a value may look like another attribute.
    for key, double_quoted, single_quoted in _ATTRIBUTE.findall(element):
        if key == name:
            return resolve_references(double_quoted or single_quoted)
    return None


def find_tag(document: str, name: str) -> str | None:
    """Return the first start tag of an element; ``None`` without one.

    Examples
    --------
    >>> from aicsio.formats._tiff.settings import find_tag
    >>> find_tag("<a><scan name='x > y' step='2'/></a>", "scan")
    "<scan name='x > y' step='2'/>"
    """
    match = re.search(rf"<{name}(?=[\s/>]){START_TAG_END}", document)
    return match[0] if match else None


def xml_text(document: str, name: str) -> str:
    """Return the text of the first element of a name that holds text alone; empty without one.

    Its character references are resolved (XML 1.0, section 4.1).

    Examples
    --------
    >>> from aicsio.formats._tiff.settings import xml_text
    >>> xml_text("<a><Name>CD8 &lt;&#181;m&gt;</Name></a>", "Name")
    'CD8 <µm>'
    """
    match = re.search(rf"<{name}(?=[\s>]){START_TAG_END}([^<]*)</{name}\s*>", document)
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
