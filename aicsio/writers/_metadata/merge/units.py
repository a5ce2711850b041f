"""Which parts of a document belong to the images that are written, and which to others only.

Rule kept here: pure functions of trees. A part that no image needs stays, unless an image that is
not written needs it, or it holds only such images.
"""

from collections.abc import Sequence

from aicsio._ome import references as merge_elements
from aicsio._ome.references import Key, name_of
from aicsio._ome.schema import Tree
from aicsio.writers._metadata.merge.images import Document

_HOLDERS_OF_IMAGES = ("Plate", "Dataset", "Folder")
_HOLDERS_OF_HOLDERS = ("Screen", "Project")


def units_of_images(document: Document, written: Sequence[Tree]) -> list[Tree]:
    """List the parts of a document without those that belong to images that are not written.

    Parameters
    ----------
    document
        The document; its parts are the children of OME, and the annotations one by one.
    written
        Image elements that are written.
    """
    units = _all_units(document)
    # lxml makes one proxy of an element as long as it is referenced, so identity tells elements apart.
    written_ids = set(map(id, written))
    unwritten = [image for image, _ in document.pairs if id(image) not in written_ids]
    emptied = _emptied_holders(units, written, unwritten)
    emptied_ids = set(map(id, emptied))
    kept_holders = [
        unit
        for unit in units
        if name_of(unit) in _HOLDERS_OF_IMAGES and id(unit) not in emptied_ids
    ]
    kept_keys = {key for unit in kept_holders for key in merge_elements.definitions(unit)}
    kept_parents = [
        unit
        for unit in units
        if name_of(unit) in _HOLDERS_OF_HOLDERS and merge_elements.references(unit) & kept_keys
    ]
    needed = merge_elements.reachable([*written, *kept_holders, *kept_parents], units)
    unneeded = merge_elements.reachable([*unwritten, *emptied], units)
    needed_ids = set(map(id, needed))
    dropped_ids = set(map(id, unneeded)) - needed_ids
    emptied_keys = {key for unit in emptied for key in merge_elements.definitions(unit)}
    # A screen of nothing but emptied plates would be an empty frame.
    for unit in units:
        if id(unit) not in needed_ids and _holds_only(unit, emptied_keys):
            dropped_ids.add(id(unit))
    return [unit for unit in units if id(unit) not in dropped_ids]


def _all_units(document: Document) -> list[Tree]:
    units: list[Tree] = []
    for child in document.root:
        if name_of(child) == "StructuredAnnotations":
            units += list(child)
        # Images are joined one by one; BinaryOnly points to a companion file, which this one is not.
        elif name_of(child) not in {"Image", "BinaryOnly"}:
            units.append(child)
    return units


def _emptied_holders(
    units: Sequence[Tree], written: Sequence[Tree], unwritten: Sequence[Tree]
) -> list[Tree]:
    """List plates, datasets and folders all of whose images are not written."""
    written_keys = {("Image", image.get("ID")) for image in written}
    unwritten_keys = {("Image", image.get("ID")) for image in unwritten} - written_keys
    emptied = []
    for unit in units:
        if name_of(unit) in _HOLDERS_OF_IMAGES:
            held = merge_elements.references(unit)
            if held & unwritten_keys and not held & written_keys:
                emptied.append(unit)
    return emptied


def _holds_only(unit: Tree, emptied: set[Key]) -> bool:
    """Whether a unit is a screen or project of emptied plates or datasets alone."""
    if name_of(unit) not in _HOLDERS_OF_HOLDERS:
        return False
    held = {key for key in merge_elements.references(unit) if key[0] in {"Plate", "Dataset"}}
    return bool(held) and held <= emptied
