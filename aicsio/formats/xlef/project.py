"""The tree of a project: project file, collections, images, each an XML file that names the next.

Rule kept here: each file is read once, so that files which name each other end; one that is missing
or damaged costs what it holds, and a diagnostic.
"""

from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as ET

import attrs

from aicsio._checks.words import count_of
from aicsio._io import readers
from aicsio._ome.xml import decode_xml, find_all
from aicsio.errors import CorruptFileError, SourceError
from aicsio.formats._leica.description import find_images, parse_xml, walk_elements
from aicsio.formats.xlef.paths import ProjectFolder
from aicsio.records import Diagnostic, Source

MOST_FILES: Final = 100_000
"""XML files of a project: one an image."""
LARGEST_XML: Final = 256 << 20
"""Bytes. An image of 100 000 frames has 20 MB."""
MOST_LISTED: Final = 3
"""Names that a diagnostic lists."""


@attrs.frozen(eq=False)
class ProjectImage:
    """An image of the project. Not a record: it lives for one opening."""

    path: str
    """Of the image in the tree of the project."""
    element: ET.Element
    """Its element of the XML, with ``Data`` and ``Memory``."""
    file: str
    """Path of the file with its XML, below the folder of the project."""


class ProjectTree:
    """Images of a project and the XML that holds them. Not a record: it lives for one opening."""

    def __init__(self, folder: ProjectFolder) -> None:
        self._folder = folder
        self._seen: set[str] = set()
        self._missing: list[str] = []
        self._damaged: list[str] = []
        self._repaired = 0

    def read(self) -> tuple[list[ProjectImage], ET.Element]:
        """Return the images in the order of the tree, and one XML tree of the whole project.

        Raises
        ------
        CorruptFileError
            When the XML of the opened file is damaged.
        """
        whole = ET.Element("LMSDataContainerHeader", Version="2")
        root = self._parse(self._folder.source)
        self._seen.add(self._folder.own)
        images = list(self._walk(root, self._folder.own, "", whole, is_top=True))
        return images, whole

    def diagnostics(self) -> list[Diagnostic]:
        """Return the trouble with files of the tree."""
        found = []
        if self._missing:
            text = f"{count_of(len(self._missing), 'file')} of the project missing: {_list(self._missing)}"
            found.append(Diagnostic("xlef-missing-files", text, loss=True))
        if self._damaged:
            text = f"{count_of(len(self._damaged), 'file')} of the project not read: {_list(self._damaged)}"
            found.append(Diagnostic("xlef-damaged-files", text, loss=True))
        if self._repaired:
            text = "its XML holds characters that XML forbids: they are left out, and & is read as itself"
            found.append(Diagnostic("lif-repaired-xml", text))
        return found

    def _parse(self, source: Source) -> ET.Element:
        size = source.size or 0
        if size > LARGEST_XML:
            raise CorruptFileError.at(source.uri, None, f"XML of {size} bytes")
        root, repaired = parse_xml(_decode(readers.read_head(source, size)), source)
        self._repaired += repaired
        return root

    def _walk(
        self, root: ET.Element, file: str, prefix: str, parent: ET.Element, *, is_top: bool
    ) -> Iterator[ProjectImage]:
        """Yield the images of a file and of those that it names."""
        # The name of the project is that of its file: it is no folder of the paths.
        is_project = file.lower().endswith(".xlef")
        names = [reference.get("File", "") for reference in root.iter("Reference")]
        paths = [self._folder.resolve(file, name) for name in names[:MOST_FILES]]
        self._folder.expect([path for path in paths if path is not None and path not in self._seen])
        for path, element in find_images(walk_elements(root)):
            yield ProjectImage(_join(prefix, path), element, file)
        for element in root.findall("Element"):
            parent.append(element)
            name = element.get("Name", "")
            inner = prefix if is_project or is_top else _join(prefix, name)
            children = element.find("Children")
            for reference in find_all(element, "Children", "Reference"):
                if children is not None:
                    # In the whole XML, the images of the file take the place of the reference.
                    children.remove(reference)
                    yield from self._follow(reference.get("File", ""), file, inner, children)

    def _follow(
        self, name: str, referrer: str, prefix: str, parent: ET.Element
    ) -> Iterator[ProjectImage]:
        path = self._folder.resolve(referrer, name)
        # A second reference to a file adds nothing, and may close a circle.
        if path is not None and (path in self._seen or len(self._seen) >= MOST_FILES):
            return
        source = None if path is None else self._folder.open(path)
        if path is None or source is None:
            self._missing.append(name)
            return
        self._seen.add(path)
        try:
            root = self._parse(source)
        except (CorruptFileError, SourceError) as error:
            self._damaged.append(f"{name}: {error}")
            return
        yield from self._walk(root, path, prefix, parent, is_top=False)


def _join(prefix: str, path: str) -> str:
    return f"{prefix}/{path}" if prefix and path else prefix or path


def _list(names: list[str]) -> str:
    return ", ".join(map(repr, names[:MOST_LISTED])) + (", ..." if len(names) > MOST_LISTED else "")


def _decode(raw: bytes) -> str:
    """Decode XML of UTF-8 or UTF-16; LAS X writes the latter, with a mark or without one."""
    if raw[1:2] == b"\0" and raw[:2] != b"\xff\xfe":
        return raw.decode("utf-16-le", "replace")
    return decode_xml(raw)
