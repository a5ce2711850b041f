"""TiffData and Plane elements of one spelling or a few, cut out of a text before it is parsed.

Long series are documents of such elements and little else. The parser makes an object, a dict and a
dozen texts of each; the text of all of them, split at its quotation marks, is columns in a fifth of
the time.

Rule kept here: what is cut out is well-formed. All else is left to the parser, and so is every
error.

Source of the facts: Extensible Markup Language (XML) 1.0, fifth edition: section 2.4 (markup),
3.1 (tags: no attribute twice, no ``<`` in a value), 3.3.3 (white space in values).
"""

import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias
from xml.etree.ElementTree import Element, SubElement

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._ome.xml import prolog_end

LEAST = 16
"""Elements of a run, and those that are looked at first."""
MOST_SPELLINGS = 8
"""Spellings of a mixture: elements without a time, without a place, the last one before a line."""
MIXTURE_START = 20_000
"""Characters that have to show no more spellings before all are looked at."""
LEAST_TEXT = 2000
"""Characters of Pixels with a run: the parser takes 20 microseconds for as many."""
MARK = "aicsio-run"
"""Attribute of the element that stands for a run: its key."""
_NAMES = ("TiffData", "Plane")
_BLANKS = "\t\n\r"
"""White space that values must not have: a parser makes blanks of it."""
_CONTROLS = "".join(chr(code) for code in range(32) if chr(code) not in _BLANKS)
_S = r"[ \t\r\n]*"
_ATTRIBUTE = re.compile(r"[ \t\r\n]+([A-Za-z]+)=")
_FILE_NAME = re.compile(rf"{_S}>{_S}<UUID[ \t\r\n]+FileName=")
_UUID_END = rf"{_S}([^<&>\]\s]*){_S}</UUID{_S}>{_S}</TiffData{_S}>{_S}"
_NO_CHILD = re.compile(rf"{_S}/>{_S}")
_NAMELESS_CHILD = re.compile(rf"{_S}>{_S}<UUID{_S}>{_UUID_END}")
_NAMED_CHILD = re.compile(rf"{_S}>{_UUID_END}")


@attrs.define(eq=False, repr=False)
class ElementList:
    """Elements that the parser made; lives while a document is read."""

    elements: Sequence[Element]
    """All have one name."""
    _attributes: Sequence[Mapping[str, str]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._attributes = [element.attrib for element in self.elements]

    @property
    def count(self) -> int:
        """How many elements there are."""
        return len(self.elements)

    @property
    def has_children(self) -> bool:
        """Whether one of them has child elements."""
        return any(map(len, self.elements))

    def column(self, name: str) -> Sequence[str | None] | None:
        """Return an attribute of all, ``None`` where it is missing; ``None`` if all lack it."""
        texts = [attributes.get(name) for attributes in self._attributes]
        return None if texts.count(None) == len(texts) else texts


@attrs.define(eq=False, repr=False)
class ElementRun:
    """Elements of one spelling that follow each other; lives while a document is read."""

    name: str
    """Their name."""
    count: int
    """How many elements there are."""
    columns: Mapping[str, Sequence[str]]
    """Values of their attributes; ``FileName`` is that of the child UUID."""
    uuids: Sequence[str] | None
    """Texts of the child UUID; ``None`` if they have no children."""

    @property
    def has_children(self) -> bool:
        """Whether they have child elements."""
        return self.uuids is not None

    @property
    def elements(self) -> list[Element]:
        """The elements that a parser would have made, without a namespace."""
        own = dict(self.columns)
        file_names = None if self.uuids is None else own.pop("FileName", None)
        made = []
        for number in range(self.count):
            attributes = {name: column[number] for name, column in own.items()}
            made.append(Element(self.name, attributes))
        for number, text in enumerate(self.uuids or ()):
            attributes = {} if file_names is None else {"FileName": file_names[number]}
            SubElement(made[number], "UUID", attributes).text = text
        return made

    def column(self, name: str) -> Sequence[str] | None:
        """Return an attribute of all; ``None`` if they lack it."""
        return self.columns.get(name)


@attrs.define(eq=False, repr=False)
class ElementMixture:
    """Elements without children, of several spellings; lives while a document is read."""

    runs: Sequence[ElementRun]
    """By spelling."""
    places: Sequence[npt.NDArray[np.intp]]
    """Where the elements of each run stand among all."""

    has_children = False

    @property
    def count(self) -> int:
        """How many elements there are."""
        return sum(run.count for run in self.runs)

    @property
    def elements(self) -> list[Element]:
        """The elements that a parser would have made, without a namespace."""
        made: list[Element] = [Element("")] * self.count
        for run, places in zip(self.runs, self.places, strict=True):
            for place, element in zip(places.tolist(), run.elements, strict=True):
                made[place] = element
        return made

    def column(self, name: str) -> Sequence[str | None] | None:
        """Return an attribute of all, ``None`` where it is missing; ``None`` if all lack it."""
        columns = [run.column(name) for run in self.runs]
        if columns.count(None) == len(columns):
            return None
        texts = np.full(self.count, None, object)
        for column, places in zip(columns, self.places, strict=True):
            if column is not None:
                texts[places] = column
        whole: list[str | None] = texts.tolist()
        return whole


ElementTable: TypeAlias = ElementList | ElementRun | ElementMixture
Runs: TypeAlias = Mapping[str, ElementRun | ElementMixture]


def table_of(elements: Sequence[Element], runs: Runs) -> ElementTable:
    """Return elements of one name, each that stands for a run with those of the run."""
    run_of = [runs.get(element.get(MARK, "")) for element in elements] if runs else []
    if run_of.count(None) == len(run_of):
        return ElementList(elements)
    if len(run_of) == 1 and run_of[0] is not None:
        return run_of[0]
    whole = []
    for element, run in zip(elements, run_of, strict=True):
        whole += [element] if run is None else run.elements
    return ElementList(whole)


def cut_runs(text: str) -> tuple[str, Runs]:
    """Cut runs of TiffData and Plane elements out of a document.

    Parameters
    ----------
    text
        The document.

    Returns
    -------
    tuple
        The text with one element for each run, which has the key of the run as its only attribute,
        and the runs by key. A text that is not well-formed stays such a one.

    Examples
    --------
    >>> from aicsio._ome.runs import cut_runs
    >>> planes = "".join(f'<Plane TheZ="{z}" DeltaT="0.{z}"/>' for z in range(100))
    >>> text, runs = cut_runs(f"<Pixels>{planes}</Pixels>")
    >>> text
    '<Pixels><Plane aicsio-run="0"/></Pixels>'
    >>> runs["0"].column("DeltaT")[:3]
    ['0.0', '0.1', '0.2']
    """
    stretches = _find_stretches(text)
    if not stretches or not _is_plain(text):
        return text, {}
    kept: list[str] = []
    runs: dict[str, ElementRun | ElementMixture] = {}
    position = 0
    for name, start, stop in sorted(stretches, key=operator.itemgetter(1)):
        body = text[start:stop]
        uniform = _read_run(body, name) if _begins_alike(body, name) else None
        run = uniform or _read_mixture(body, name)
        if run is not None:
            key = str(len(runs))
            runs[key] = run
            kept += [text[position:start], f'<{name} {MARK}="{key}"/>']
            position = stop
    return "".join([*kept, text[position:]]), runs


def _is_plain(text: str) -> bool:
    """Whether each ``<`` begins a tag, and all characters are legal."""
    content = prolog_end(text)
    # Elements inside of comments, CDATA and instructions are none. One character is looked for in a
    # hundredth of the time of two.
    for sign in "!?":
        if text.find(sign, content) >= 0 and text.find(f"<{sign}", content) >= 0:
            return False
    if MARK in text or any(control in text for control in _CONTROLS):
        return False
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return _is_legal(text)
    return True


def _is_legal(text: str) -> bool:
    """Whether a text has none of the characters beyond Latin-1 that XML forbids."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\ufffe" not in text and "\uffff" not in text


def _find_stretches(text: str) -> list[tuple[str, int, int]]:
    """Return where the first TiffData and Plane of each Pixels begins, and where the last one ends."""
    stretches = []
    pixels = text.find("<Pixels")
    while pixels >= 0:
        limit = text.find("</Pixels", pixels)
        if limit < 0:
            break
        if limit - pixels < LEAST_TEXT:
            pixels = text.find("<Pixels", limit)
            continue
        for name in _NAMES:
            opening = f"<{name} "
            start = text.find(opening, pixels, limit)
            last = text.rfind(opening, pixels, limit)
            if start == last:
                continue
            closing = "/>"
            if text[text.find(">", start) - 1] != "/":
                closing = f"</{name}>"
            stop = text.find(closing, last, limit)
            if stop >= 0:
                stretches.append((name, start, stop + len(closing)))
        pixels = text.find("<Pixels", limit)
    return stretches


def _begins_alike(body: str, name: str) -> bool:
    """Whether the first elements are a run: those of several spellings are not split in vain."""
    end = 0
    for _ in range(LEAST):
        end = body.find(f"<{name} ", end + 1)
        if end < 0:
            return False
    return _read_run(body[:end], name) is not None


def _read_mixture(body: str, name: str) -> ElementMixture | None:
    """Split elements of a few spellings into runs; ``None`` where they are many, or have children."""
    opening = f"<{name}"
    # The last of them is cut somewhere.
    first = _spellings(body[:MIXTURE_START], opening)[:-1]
    if len(first) < LEAST or len(set(first)) > MOST_SPELLINGS:
        return None
    spellings = _spellings(body, opening)
    elements = body.split(opening)[1:]
    # A value with a tag in it is the parser's matter.
    if len(elements) != len(spellings):
        return None
    numbers: dict[str, int] = {}
    spelling_of = np.array([numbers.setdefault(spelling, len(numbers)) for spelling in spellings])
    if len(numbers) > MOST_SPELLINGS:
        return None
    runs = []
    places = []
    for number in numbers.values():
        places.append(np.flatnonzero(spelling_of == number))
        own = opening + opening.join([elements[place] for place in places[-1].tolist()])
        run = _read_run(own, name, least=1)
        if run is None or run.has_children:
            return None
        runs.append(run)
    return ElementMixture(runs, places)


def _spellings(body: str, opening: str) -> list[str]:
    """Return what stands between the values of each element."""
    return '"'.join(body.split('"')[::2]).split(opening)[1:]


def _read_run(body: str, name: str, least: int = LEAST) -> ElementRun | None:
    """Split elements into columns; ``None`` unless all are spelled as the first one."""
    pieces = body.split('"')
    # Every other piece is a value, those between are equal in each element.
    second = body.find(f"<{name} ", 1)
    stride = (body if second < 0 else body[:second]).count('"')
    if not stride or stride % 2 or (len(pieces) - 1) % stride:
        return None
    count = (len(pieces) - 1) // stride
    separators = [pieces[0].removeprefix(f"<{name}"), *pieces[2:stride:2]]
    names = _read_names(separators)
    if count < least or names is None:
        return None
    for number, separator in enumerate(separators[1:], 1):
        if pieces[2 * number :: stride].count(separator) != count:
            return None
    has_child = _ATTRIBUTE.fullmatch(separators[-1]) is None
    joints = pieces[stride::stride]
    # The last element is followed by none.
    joints[-1] += pieces[0]
    uuid_of = _read_joints(set(joints), pieces[0], has_child=has_child)
    if uuid_of is None or not _has_plain_values(body, pieces):
        return None
    uuids = None if None in uuid_of.values() else [uuid_of[joint] or "" for joint in joints]
    if body.count("<") != (count if uuids is None else 4 * count):
        return None
    columns = {each: pieces[2 * at + 1 :: stride] for at, each in enumerate(names)}
    return ElementRun(name, count, columns, uuids)


def _read_names(separators: Sequence[str]) -> list[str] | None:
    """Return the names of the attributes of an element, of which the last may be that of its child."""
    names = []
    for number, separator in enumerate(separators):
        match = _ATTRIBUTE.fullmatch(separator)
        if match is not None:
            names.append(match[1])
        elif number == len(separators) - 1 and number and _FILE_NAME.fullmatch(separator):
            names.append("FileName")
        else:
            return None
    # An attribute twice is no XML, and a namespace makes other elements.
    return None if len(set(names)) < len(names) or "xmlns" in names else names


def _read_joints(
    joints: Iterable[str], opening: str, *, has_child: bool
) -> dict[str, str | None] | None:
    """Return the UUID in each text between two elements; ``None`` if one is no such text."""
    patterns = (_NAMED_CHILD,) if has_child else (_NO_CHILD, _NAMELESS_CHILD)
    uuid_of: dict[str, str | None] = {}
    for joint in joints:
        if not joint.endswith(opening):
            return None
        end = joint[: -len(opening)]
        matches = [match for match in (each.fullmatch(end) for each in patterns) if match]
        if not matches:
            return None
        uuid_of[joint] = matches[0][1] if matches[0].re.groups else None
    # Elements with and without children are of two spellings.
    return uuid_of if len({uuid is None for uuid in uuid_of.values()}) == 1 else None


def _has_plain_values(body: str, pieces: Sequence[str]) -> bool:
    """Whether values have neither references nor white space other than blanks."""
    if "&" in body:
        return False
    blanks = [each for each in _BLANKS if each in body]
    if not blanks:
        return True
    separators = "".join(pieces[::2])
    return all(body.count(each) == separators.count(each) for each in blanks)
