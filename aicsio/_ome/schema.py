"""The schema of OME: texts of older versions become 2016-06; parts that break its rules are taken out.

Rule kept here: no image, no file of the user. The schema and the transforms between its versions
are those that ome-types ships (both are the files of https://www.openmicroscopy.org/Schemas/). If
an installation lacks them, an error names the missing package; nothing is carried over unchecked.
Every error of lxml becomes one of ours.
"""

import functools
import importlib.util
import os
import re
from collections.abc import Collection
from typing import Any, TypeAlias

from aicsio._ome import spelling
from aicsio._ome.xml import refuse_doctype, remove_declaration, repair_xml
from aicsio.errors import CorruptFileError, MissingDependencyError

Tree: TypeAlias = Any
"""An element of lxml, whose types beartype would import with it."""

NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
LATEST = "2016-06"
"""Version of the schema that every text is brought to."""
MOST_OLD_IMAGES = 3200
"""Pixels elements of an older text that are brought to 2016-06: the time of the transforms grows with
their square, from 0.2 s for 500 to 17 s for 5000. A plate of 384 wells with 8 fields has 3072."""
MOST_PASSES = 40
"""Validations of one tree: taking out one element uncovers faults that the first pass skipped."""

_VERSION = re.compile(r"openmicroscopy\.org/(?:Schemas|XMLschemas)/OME/(FC|\d{4}-\d\d)")
_ATTRIBUTE = re.compile(r", attribute '(?:\{[^}]*\})?(\w+)'")
_IN_BRACES = re.compile(r"\{[^}]*\}")
_TRANSFORM_NAME = re.compile(r"(.+)-to-(.+)\.xsl")


def tag(name: str) -> str:
    """Return the name of an element of the schema, as lxml spells it."""
    return f"{{{NAMESPACE}}}{name}"


def parse(text: str) -> Tree:
    """Return the root element of a text, without comments.

    Characters that XML forbids are left out when they stop the parser.

    Raises
    ------
    CorruptFileError
        When the text is not well formed, or declares a document type.
    """
    from lxml import etree

    refuse_doctype(text)
    body = remove_declaration(text)
    try:
        return _parse(body)
    except (etree.XMLSyntaxError, ValueError):  # the second for lone surrogates
        pass  # the second attempt reports the error
    try:
        return _parse(repair_xml(body))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise CorruptFileError(f"expected well-formed XML: {error}") from error


def _parse(body: str) -> Tree:
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=True,
    )
    return etree.fromstring(body.encode(), parser)


# ---------------------------------------------------------------- versions


def upgrade(text: str) -> tuple[Tree, str]:
    """Turn OME-XML of any version into 2016-06.

    Returns
    -------
    tuple
        The root element, and the version that the text was written in.

    Raises
    ------
    CorruptFileError
        When the text is not XML, is of a version that no transform takes, breaks a transform, or
        has more than ``MOST_OLD_IMAGES`` images of an older version.
    MissingDependencyError
        When ome-types does not ship the transforms.
    """
    from lxml import etree

    root = parse(text)
    written = version = _version_of(root)
    if version == LATEST:
        spelling.respell(root, text)
        return root, written
    pixels_count = sum(1 for _ in root.iter("{*}Pixels"))
    if pixels_count > MOST_OLD_IMAGES:
        raise CorruptFileError(
            f"expected at most {MOST_OLD_IMAGES} images in schema {written}, found {pixels_count}"
        )
    transforms = _find_transforms()
    while version != LATEST:
        if version not in transforms:
            raise CorruptFileError(
                f"no transform leads from version {version[:20]!r} of the schema to {LATEST}"
            )
        path, version = transforms.pop(version)  # each is used once: a circle would not end
        root = _apply(path, root, f"from version {written} of the schema to {version}")
    latest = parse(etree.tostring(root, encoding="unicode"))
    spelling.respell(latest, text)
    return latest, written


def _version_of(root: Tree) -> str:
    match = _VERSION.search(str(root.tag))
    if match is None:
        raise CorruptFileError(f"{str(root.tag)[:80]!r} names no version of the schema of OME")
    return "2003-FC" if match[1] == "FC" else match[1]


def _apply(path: str, root: Tree, step: str) -> Tree:
    from lxml import etree

    try:
        result = _load_transform(path)(root).getroot()
    except etree.LxmlError as error:
        # The transforms stop at elements that their version did not foresee, and at deep nesting.
        raise CorruptFileError(f"the transform {step} failed: {error}") from error
    if result is None:
        raise CorruptFileError(f"the transform {step} returned no element")
    return result


# ---------------------------------------------------------------- rules


def remove_invalid(root: Tree, fixed: Collection[Tree] = ()) -> list[str] | None:
    """Take out of a tree whatever breaks the rules of the schema.

    Parameters
    ----------
    root
        OME element of 2016-06; changed in place.
    fixed
        Elements that must stay, though they may lose attributes.

    Returns
    -------
    list of str or None
        The removed elements and attributes, with the reasons; ``None`` if the tree cannot be made
        valid so.
    """
    schema = _load_schema()
    removed: list[str] = []
    for _ in range(MOST_PASSES):
        if schema.validate(root):
            return removed
        namespaces = _prefixes_of(root)
        # All elements are looked up before the first is removed: paths count siblings.
        faults = [
            (error.message, _elements_at(root, error.path, namespaces))
            for error in schema.error_log
        ]
        was_changed = False
        for message, elements in faults:
            for element in elements:
                reason = _remove_fault(message, element, fixed)
                if reason is not None:
                    removed.append(reason)
                    was_changed = True
        if not was_changed:
            return None
    return None


def is_valid(root: Tree) -> bool:
    """Whether a tree keeps the rules of the schema."""
    valid: bool = _load_schema().validate(root)
    return valid


def essential_elements(root: Tree) -> set[Tree]:
    """Return the elements without which the file would describe other pixels."""
    essential = {root}
    for image in root.findall(tag("Image")):
        essential.add(image)
        for pixels in image.findall(tag("Pixels")):
            essential.add(pixels)
            for name in ("Channel", "TiffData", "MetadataOnly"):
                essential.update(pixels.findall(tag(name)))
    return essential


def _prefixes_of(root: Tree) -> dict[str, str]:
    """Return the namespaces of all prefixes: the paths of the validator use them."""
    namespaces: dict[str, str] = {}
    for element in root.iter():
        for prefix, uri in element.nsmap.items():
            if prefix:
                namespaces.setdefault(prefix, uri)
    return namespaces


def _elements_at(root: Tree, path: str | None, namespaces: dict[str, str]) -> list[Tree]:
    from lxml import etree

    try:
        elements: list[Tree] = root.getroottree().xpath(path or "/*", namespaces=namespaces)
    except etree.XPathError:
        return []  # the validator names no element: another fault may take it along
    return elements


def _remove_fault(message: str, element: Tree, fixed: Collection[Tree]) -> str | None:
    """Remove the attribute or the element of a message; return the reason if it did."""
    reason = _IN_BRACES.sub("", message)
    match = _ATTRIBUTE.search(message)
    if match is not None:
        attribute = match[1]
        if element.attrib.pop(attribute, None) is not None:
            # A unit without its value is valid and means nothing; a value without its unit would be
            # taken for one in the default unit.
            element.attrib.pop(f"{attribute}Unit", None)
            if attribute.endswith("Unit"):
                element.attrib.pop(attribute.removesuffix("Unit"), None)
            return reason
        if "is required" not in message:
            return None  # another message of this pass removed it
    parent = element.getparent()
    if parent is None or element in fixed:
        return None
    parent.remove(element)
    return reason


# ---------------------------------------------------------------- files of ome-types


def _package_folder() -> str:
    spec = importlib.util.find_spec("ome_types")
    if spec is None or spec.origin is None:
        raise MissingDependencyError(
            "the schema of OME comes with ome-types: pip install ome-types"
        )
    return os.path.dirname(spec.origin)


def _find_transforms() -> dict[str, tuple[str, str]]:
    """Return the path of the transform from each version, and the version that it leads to."""
    folder = os.path.join(_package_folder(), "transforms")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    transforms = {}
    for name in names:
        match = _TRANSFORM_NAME.fullmatch(name)
        if match is not None:
            transforms[match[1]] = (os.path.join(folder, name), match[2])
    return transforms


@functools.cache
def _load_transform(path: str) -> Any:
    from lxml import etree

    return etree.XSLT(etree.parse(path))


@functools.cache
def _load_schema() -> Any:
    from lxml import etree

    path = os.path.join(_package_folder(), "ome-2016-06.xsd")
    if not os.path.exists(path):
        raise MissingDependencyError(
            "this ome-types lacks the schema ome-2016-06.xsd: pip install -U ome-types"
        )
    return etree.XMLSchema(etree.parse(path))
