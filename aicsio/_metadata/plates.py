"""Plates of the document, made of the wells of scenes.

Rule kept here: the description of the format outranks what scenes show.
"""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, tostring

from aicsio._ome.parts import ROOT_CHILDREN
from aicsio._ome.plates import add_plate, wells_of
from aicsio._ome.references import put
from aicsio._ome.schema import Tree, tag
from aicsio.records import Scene


def add_plates(parts: Element | None, scenes: Sequence[Scene]) -> Element | None:
    """Add a Plate for each plate that scenes name, unless the format describes plates itself.

    Parameters
    ----------
    parts
        OME element of the format; ``None`` if it describes nothing.
    scenes
        Scenes of the image.
    """
    if not any(scene.well for scene in scenes) or (
        parts is not None and parts.find("Plate") is not None
    ):
        return parts
    parts = Element("OME") if parts is None else parts
    for number, (name, wells) in enumerate(wells_of(scenes).items()):
        add_plate(parts, number, name, wells)
    return parts


def complete_plates(root: Tree, scenes: Sequence[Scene]) -> None:
    """Add the plates that scenes name to a document that has none.

    Parameters
    ----------
    root
        OME element of lxml with an Image for each scene, in order; changed in place.
    scenes
        Scenes of the image.
    """
    from lxml import etree

    if root.find(tag("Plate")) is not None:
        return
    parts = add_plates(None, scenes)
    identities = [image.get("ID", "") for image in root.findall(tag("Image"))]
    for plate in () if parts is None else parts.findall("Plate"):
        for reference in plate.iter("ImageRef"):
            number = int(reference.get("ID", "").partition(":")[2])
            reference.set("ID", identities[number])
        for element in plate.iter():
            element.tag = tag(str(element.tag))
        # An element of ElementTree cannot become a child in lxml: it goes through its text.
        put(root, etree.fromstring(tostring(plate)), ROOT_CHILDREN)
