"""The schema of OME: texts of older versions become 2016-06, and what breaks its rules is found and taken out.

Rule kept here: no image, no file of the user. The schema and the transforms between its versions are those that
ome-types ships (both are the files of https://www.openmicroscopy.org/Schemas/); where an installation lacks them, that
is said, and nothing is carried over unchecked.
"""

import functools
import importlib.util
import os
import re
from collections.abc import Collection
from typing import Any, TypeAlias

from aicsio._ome.xml import refuse_doctype, remove_declaration
from aicsio.errors import CorruptFileError, MissingDependencyError

Tree: TypeAlias = Any
"""An element of lxml, whose types beartype would import with it."""

NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
MOST_PASSES = 40
"""Taking out one thing shows the next one that is wrong, as many times as this."""

_VERSION = re.compile(r"openmicroscopy\.org/(?:Schemas|XMLschemas)/OME/(FC|\d{4}-\d\d)")
_ATTRIBUTE = re.compile(r", attribute '(?:\{[^}]*\})?(\w+)'")


def tag(name: str) -> str:
    """Return the name of an element of the schema, as lxml spells it."""
    return f"{{{NAMESPACE}}}{name}"


def parse(text: str) -> Tree:
    """Return the root element of a text, without comments.

    Raises
    ------
    CorruptFileError
        When it is not XML, or declares a document type.
    """
    from lxml import etree

    refuse_doctype(text)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=True,
    )
    body = remove_declaration(text)
    try:
        return etree.fromstring(body.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:  # the second for lone surrogates
        raise CorruptFileError(f"the text is not well formed: {error}") from error


def upgraded(text: str) -> tuple[Tree, str]:
    """Turn OME-XML of any version into 2016-06.

    Returns
    -------
    tuple
        The root element, and the version that the text was written in.

    Raises
    ------
    CorruptFileError
        When it is not XML, or of a version that nothing leads on from.
    MissingDependencyError
        When ome-types does not ship the transforms.
    """
    from lxml import etree

    root = parse(text)
    first = version = _version_of(root)
    if version == "2016-06":
        return root, version
    known = _transforms()
    while version != "2016-06":
        if version not in known:
            raise CorruptFileError(
                f"no way leads from version {version!r} of the schema to 2016-06"
            )
        path, version = known[version]
        root = _transform(path)(root).getroot()
        if root is None:
            raise CorruptFileError(f"the transform from {first} to {version} gave nothing")
    return parse(etree.tostring(root, encoding="unicode")), first


def _version_of(root: Tree) -> str:
    found = _VERSION.search(str(root.tag))
    if found is None:
        raise CorruptFileError(f"{str(root.tag)!r} names no version of the schema of OME")
    return "2003-FC" if found[1] == "FC" else found[1]


def repaired(root: Tree, fixed: Collection[Tree] = ()) -> list[str] | None:
    """Take out of a tree what breaks the rules of the schema.

    Parameters
    ----------
    root
        OME element of 2016-06; changed in place.
    fixed
        Elements that must stay, though they may lose attributes.

    Returns
    -------
    list of str or None
        What was taken out and why; ``None`` when it cannot be made valid so.
    """
    schema = _schema()
    told: list[str] = []
    for _ in range(MOST_PASSES):
        if schema.validate(root):
            return told
        found = [
            (error.message, root.getroottree().xpath(error.path or "/*"))
            for error in schema.error_log
        ]
        changed = [
            _take_out(message, element, fixed, told)
            for message, elements in found
            for element in elements
        ]
        if not any(changed):
            return None
    return None


def _take_out(message: str, element: Tree, fixed: Collection[Tree], told: list[str]) -> bool:
    """Remove the attribute or the element that a message is about; say whether there was one to remove."""
    attribute = _ATTRIBUTE.search(message)
    plain = re.sub(r"\{[^}]*\}", "", message)
    if attribute is not None and element.attrib.pop(attribute[1], None) is not None:
        for unit in [name for name in element.attrib if name == f"{attribute[1]}Unit"]:
            del element.attrib[unit]
        told.append(plain)
        return True
    if attribute is not None and "is required" not in message:
        return False  # it went with another message
    parent = element.getparent()
    if parent is None or element in fixed:
        return False
    parent.remove(element)
    told.append(plain)
    return True


# ---------------------------------------------------------------- what ome-types ships


def _folder() -> str:
    found = importlib.util.find_spec("ome_types")
    if found is None or found.origin is None:
        raise MissingDependencyError(
            "the schema of OME comes with ome-types: pip install ome-types"
        )
    return os.path.dirname(found.origin)


def _transforms() -> dict[str, tuple[str, str]]:
    """Path of the transform from each version, and the version that it leads to."""
    folder = os.path.join(_folder(), "transforms")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    pairs = [(name, re.fullmatch(r"(.+)-to-(.+)\.xsl", name)) for name in names]
    return {
        found[1]: (os.path.join(folder, name), found[2])
        for name, found in pairs
        if found is not None
    }


@functools.cache
def _transform(path: str) -> Any:
    from lxml import etree

    return etree.XSLT(etree.parse(path))


@functools.cache
def _schema() -> Any:
    from lxml import etree

    path = os.path.join(_folder(), "ome-2016-06.xsd")
    if not os.path.exists(path):
        raise MissingDependencyError(
            "this ome-types lacks the schema ome-2016-06.xsd: pip install -U ome-types"
        )
    return etree.XMLSchema(etree.parse(path))
