"""Leica projects of many files: XLEF, XLCF and XLIF. Imports `_io`, `_ome` and `records`.

``project`` follows the tree from the project file over collections to images, ``paths`` finds the
files that they name, ``memory`` gives each image its pixels, ``layout`` and ``members`` read them,
``faults`` checks them. The XML of an image is that of a LIF: ``formats._leica`` reads it.

Rule kept here: a scene is named by its path in the project. Pixels whose file is missing are zero
and counted in a diagnostic.

Source of the facts: "Leica Image File Formats - LIF, XLEF, XLLF, LOF" 3.2 (Leica Microsystems).
"""

import functools
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from aicsio.errors import CorruptFileError
from aicsio.formats import Options
from aicsio.formats._leica import origins
from aicsio.formats._leica.container import is_leica_xml
from aicsio.formats._leica.description import find_images, parse_xml, walk_elements
from aicsio.formats._leica.instrument import describe_instruments
from aicsio.formats._leica.scenes import describe_scene
from aicsio.formats.xlef.faults import find_faults
from aicsio.formats.xlef.memory import MemoryReader, list_files
from aicsio.formats.xlef.paths import ProjectFolder
from aicsio.formats.xlef.project import ProjectTree
from aicsio.records import Contents, Damage, Source
from aicsio.records.provenance import FactOrigins
from aicsio.records.scenes import distinguish_scenes


def recognises(source: Source, head: bytes, /) -> bool:  # noqa: ARG001 - part of the protocol
    """Return whether the file is one of Leica's XML files."""
    return is_leica_xml(head)


def read_contents(source: Source, options: Options, /) -> Contents:
    """Describe the images of a project, a collection, or one image.

    Parameters
    ----------
    source
        An XLEF, XLCF or XLIF file.
    options
        ``mosaic="tiles"`` keeps tiles along M.

    Returns
    -------
    One scene for each image, in the order of the tree.

    Raises
    ------
    CorruptFileError
        When the XML is damaged, or no image has pixels.
    """
    folder = ProjectFolder(source)
    tree = ProjectTree(folder)
    images, whole = tree.read()
    memory = MemoryReader(folder)
    scenes, diagnostics = [], tree.diagnostics()
    names = distinguish_scenes([image.path for image in images])
    for name, image in zip(names, images, strict=True):
        lay_out = functools.partial(memory.lay_out, name, image)
        scene, remarks = describe_scene(
            name, image.element, lay_out, source, keep_apart=options.mosaic == "tiles"
        )
        scenes.append(scene)
        diagnostics += remarks
    diagnostics += memory.diagnostics
    if not any(scene.levels for scene in scenes):
        reasons = "; ".join(one.message for one in diagnostics[:3]) or "it names none"
        raise CorruptFileError.at(source.uri, None, f"expected an image with pixels: {reasons}")
    # The metadata are one XML, as those of a LIF: describe_instrument parses it again.
    text = ET.tostring(whole, encoding="unicode")
    return Contents(tuple(scenes), text, tuple(diagnostics))


def describe_instrument(source: Source, contents: Contents, /) -> ET.Element | None:
    """Describe lenses, detectors, lasers and their settings, as parts of OME."""
    if contents.metadata is None:
        return None
    root, _ = parse_xml(contents.metadata, source)
    return describe_instruments([element for _, element in find_images(walk_elements(root))])


def check_structure(source: Source, /) -> Iterator[Damage]:
    """Look at every file that holds pixels; see ``ChecksStructure``."""
    folder = ProjectFolder(source)
    images, _ = ProjectTree(folder).read()
    for image in images:
        for path in list_files(folder, image):
            member = folder.open(path)
            if member is not None:
                yield from find_faults(member, path)


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001 - the protocol
    """Return the places of the XML."""
    return origins.trace(contents.scenes[scene])
