"""The whole OME of a source, carried into the OME of what is written from it.

Rule kept here: what the records say of an image has been written already; here the rest of the document joins it:
instruments, settings, annotations, regions, people, plates. Where a record says the same as the document, the
document's own words and units stay. Identifiers are unique, references lead somewhere, and what comes out is valid
against the schema; what had to go is named.
"""

from collections import ChainMap
from collections.abc import Mapping, Sequence

from aicsio._ome import schema
from aicsio._ome.document import document_of, structured_annotations
from aicsio._ome.model import OmeImage
from aicsio._ome.modulo import find_modulo_elements, modulo_letter
from aicsio._ome.schema import Tree, tag
from aicsio._ome.xml import parse_root
from aicsio.errors import CorruptFileError, MissingDependencyError
from aicsio.records import Diagnostic
from aicsio.writers._metadata import merge_elements, merge_images, merge_rois
from aicsio.writers._metadata.merge_elements import Key, name_of
from aicsio.writers._metadata.merge_images import Document, Origin

MOST_NOTES = 20
"""So many corrections of one document are told one by one."""

_ROOT = (
    "Rights", "Project", "Dataset", "Folder", "Experiment", "Plate", "Screen", "Experimenter", "ExperimenterGroup",
    "Instrument", "Image", "StructuredAnnotations", "ROI",
)  # fmt: skip
_CONTAINERS = ("Plate", "Dataset", "Folder")
_ABOVE = ("Screen", "Project")


def carried(
    text: bytes, images: Sequence[OmeImage], origins: Sequence[Origin | None]
) -> tuple[bytes, tuple[Diagnostic, ...]]:
    """Add to the metadata of images what the documents of their sources say besides.

    Parameters
    ----------
    text
        OME-XML of the images, as the records make it.
    images
        What it says of each.
    origins
        Where each comes from; ``None`` for no document.

    Returns
    -------
    tuple
        The text, and what of the documents is not in it.
    """
    sources = {origin.text: origin for origin in origins if origin is not None}
    if not sources:
        return text, ()
    documents: dict[str, Document] = {}
    notes: list[Diagnostic] = []
    for source, first in sources.items():
        try:
            documents[source] = _document(source, first)
        except (CorruptFileError, MissingDependencyError) as error:
            notes.append(
                _note(f"the OME of the source beyond what the records hold: {error}", first.scene)
            )
    if not documents:
        return text, tuple(notes)
    root = schema.parse(text.decode())
    _drop_same_objectives(root, documents, images, origins)
    taken = {identity for element in root.iter() if (identity := element.get("ID")) is not None}
    for source, document in documents.items():
        chosen = {
            i: origin
            for i, origin in enumerate(origins)
            if origin is not None and origin.text == source
        }
        _merge(root, document, chosen, images, taken, notes)
    pruned = schema.repaired(root, _fixed(root))
    if pruned is None:
        return text, (*notes, _note("the OME of the source: it breaks rules of the schema", None))
    notes += [
        _note(f"the source breaks a rule of the schema: {message}", None)
        for message in pruned[:MOST_NOTES]
    ]
    if len(pruned) > MOST_NOTES:
        notes.append(
            _note(
                f"{len(pruned) - MOST_NOTES} more parts of the source that break rules of the schema",
                None,
            )
        )
    return _written(root), tuple(notes)


def _document(text: str, origin: Origin) -> Document:
    """Read a document.

    Raises
    ------
    CorruptFileError
        When it cannot be brought to today's schema, or does not describe the images that there are.
    """
    root, version = schema.upgraded(text)
    pairs = [
        (image, pixels)
        for image in root.findall(tag("Image"))
        for pixels in image.findall(tag("Pixels"))
    ]
    parsed = parse_root(text if version == "2016-06" else _written(root).decode())
    images = document_of(parsed).images if pairs else ()
    if not len(images) == len(pairs) == origin.images:
        raise CorruptFileError(
            f"it describes {len(pairs)} images in schema {version}, and {origin.images} scenes were found"
        )
    folded = {
        identity: {modulo_letter(element) for element in elements}
        for identity, elements in find_modulo_elements(structured_annotations(parsed)).items()
    }
    return Document(root, pairs, images, set(merge_elements.definitions(root)), folded)


def _drop_same_objectives(
    root: Tree,
    documents: Mapping[str, Document],
    images: Sequence[OmeImage],
    origins: Sequence[Origin | None],
) -> None:
    """Take out the lenses that the records made where the documents have the same: theirs say more."""
    instruments = {one.get("ID"): one for one in root.findall(tag("Instrument"))}
    for index, (element, image, origin) in enumerate(
        zip(root.findall(tag("Image")), images, origins, strict=True)
    ):
        if origin is None or origin.text not in documents:
            continue
        source = documents[origin.text].images[origin.number]
        if image.objective is not None and image.objective == source.objective:
            root.remove(instruments[f"Instrument:{index}"])
            merge_elements.without(element, ["InstrumentRef", "ObjectiveSettings"])


def _written(root: Tree) -> bytes:
    from lxml import etree

    written: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written


def _fixed(root: Tree) -> list[Tree]:
    """List what makes the file what it is."""
    pixels = [
        child
        for image in root.findall(tag("Image"))
        for child in (image, *image.findall(tag("Pixels")))
    ]
    inside = ("Channel", "TiffData", "MetadataOnly")
    return [
        root,
        *pixels,
        *(child for element in pixels for child in element if name_of(child) in inside),
    ]


def _note(what: str, where: str | None) -> Diagnostic:
    return Diagnostic("not-kept", what, where)


# ---------------------------------------------------------------- parts of a document


def _merge(
    root: Tree,
    document: Document,
    chosen: Mapping[int, Origin],
    images: Sequence[OmeImage],
    taken: set[str],
    notes: list[Diagnostic],
) -> None:
    written = [document.pairs[origin.number][0] for origin in chosen.values()]
    unfolded = {letter for origin in chosen.values() for letter in origin.unfolded}
    again = {
        identity for identity, letters in document.folded.items() if letters <= unfolded
    }  # written anew
    units = [unit for unit in _kept_units(document, written) if unit.get("ID") not in again]
    ids = document.ids
    for index, origin in chosen.items():
        _name_images(ids, document.pairs[origin.number], index, dict(origin.positions)["C"])
    plain = [unit for unit in units if name_of(unit) != "ROI"]
    ids |= merge_elements.renamed(
        [key for unit in plain for key in merge_elements.definitions(unit)], taken
    )
    regions = {
        key[1]: roi
        for roi in units
        if name_of(roi) == "ROI" and (key := merge_elements.defined(roi)) is not None
    }
    mine = root.findall(tag("Image"))
    for index, origin in chosen.items():
        _regions(root, document, origin, regions, taken, notes)
        merge_images.join(mine[index], document, origin, images[index])
        _told(document, origin, images[index], notes)
    used = {identity for identity, _ in document.regions}
    # A region that nobody refers to can only lie on the image where there is one; else it stays as it is.
    only = next(iter(chosen.values())) if len(chosen) == len(document.pairs) == 1 else None
    for identity, roi in regions.items():
        if identity not in used:
            _add_region(root, document, roi, only, taken, notes)
    for unit in plain:
        new = merge_elements.copied(unit, ids, document.lost)
        if new is not None and name_of(unit).endswith("Annotation"):
            _annotations(root).append(new)
        elif name_of(unit) == "Rights" and root.find(tag("Rights")) is not None:
            notes.append(_note("the rights that a second source states", None))
        elif new is not None:
            merge_elements.put(root, new, _ROOT)
    notes += [
        _note(f"a reference to {key[1]!r}, which the source does not hold", None)
        for key in document.dangling
    ]


def _kept_units(document: Document, written: Sequence[Tree]) -> list[Tree]:
    """List the parts of a document but for those that belong to images that are not written."""
    units: list[Tree] = []
    for child in document.root:
        if name_of(child) == "StructuredAnnotations":
            units += list(child)
        elif name_of(child) not in {"Image", "BinaryOnly"}:
            units.append(child)
    others = [image for image, _ in document.pairs if not any(image is one for one in written)]
    names = {("Image", image.get("ID")) for image in written}
    foreign = {("Image", image.get("ID")) for image in others} - names
    holders = [unit for unit in units if name_of(unit) in _CONTAINERS]
    empty = [
        unit
        for unit in holders
        if (held := merge_elements.references(unit)) & foreign and not held & names
    ]
    full = [unit for unit in holders if not any(unit is one for one in empty)]
    kept = {key for unit in full for key in merge_elements.definitions(unit)}
    above = [
        unit for unit in units if name_of(unit) in _ABOVE and merge_elements.references(unit) & kept
    ]
    needed = {id(unit) for unit in merge_elements.reachable([*written, *full, *above], units)}
    dropped = {id(unit) for unit in merge_elements.reachable([*others, *empty], units)} - needed
    gone = {key for unit in empty for key in merge_elements.definitions(unit)}
    dropped |= {id(unit) for unit in units if id(unit) not in needed and _holds_only(unit, gone)}
    return [unit for unit in units if id(unit) not in dropped]


def _holds_only(unit: Tree, gone: set[Key]) -> bool:
    """Whether a unit is a screen or project of nothing but plates or datasets that went."""
    held = {key for key in merge_elements.references(unit) if key[0] in {"Plate", "Dataset"}}
    return name_of(unit) in _ABOVE and bool(held) and held <= gone


def _name_images(
    ids: dict[Key, str], pair: tuple[Tree, Tree], index: int, channels: tuple[int, ...] | None
) -> None:
    """Say what an image, its pixels and channels are called now; what is written twice is referred to by its first."""
    image, pixels = pair
    ids.setdefault(("Image", image.get("ID", "")), f"Image:{index}")
    ids.setdefault(("Pixels", pixels.get("ID", "")), f"Pixels:{index}")
    known = pixels.findall(tag("Channel"))
    for number, position in enumerate(channels or ()):
        if position < len(known):
            ids.setdefault(("Channel", known[position].get("ID", "")), f"Channel:{index}:{number}")


def _annotations(root: Tree) -> Tree:
    from lxml import etree

    found = root.find(tag("StructuredAnnotations"))
    if found is None:
        found = etree.Element(tag("StructuredAnnotations"))
        merge_elements.put(root, found, _ROOT)
    return found


def _told(document: Document, origin: Origin, image: OmeImage, notes: list[Diagnostic]) -> None:
    """Name what the source tells of channels and planes that there are not."""
    known = len(document.pairs[origin.number][1].findall(tag("Channel")))
    positions = dict(origin.positions)["C"]
    most = document.images[origin.number].sizes.C
    if (
        positions is not None
        and known > max(1, most // image.channels[0].samples)
        and image.channels[0].samples > 1
    ):
        notes.append(
            _note(
                f"{known} Channel elements for samples of one pixel: the first is kept",
                origin.scene,
            )
        )
    outside = merge_images.planes_outside(document, origin.number)
    if outside:
        notes.append(
            _note(f"{outside} Plane elements of planes that the image does not have", origin.scene)
        )
    if positions is None:
        notes.append(
            _note(
                "elements of single channels and planes, which cannot be told apart here",
                origin.scene,
            )
        )


# ---------------------------------------------------------------- regions of interest


def _regions(
    root: Tree,
    document: Document,
    origin: Origin,
    regions: Mapping[str, Tree],
    taken: set[str],
    notes: list[Diagnostic],
) -> None:
    """Write the regions of an image as they lie on what is written of it; one that others share comes once each."""
    image, _ = document.pairs[origin.number]
    for reference in image.findall(tag("ROIRef")):
        identity = reference.get("ID", "")
        if identity in regions and (identity, origin) not in document.regions:
            new = _add_region(root, document, regions[identity], origin, taken, notes)
            document.regions[identity, origin] = new


def _add_region(
    root: Tree,
    document: Document,
    roi: Tree,
    origin: Origin | None,
    taken: set[str],
    notes: list[Diagnostic],
) -> str | None:
    own = merge_elements.renamed(merge_elements.definitions(roi), taken)
    new: Tree = merge_elements.copied(roi, ChainMap(own, document.ids), document.lost)
    lost = 0 if origin is None else merge_rois.fit(new, origin.frame, dict(origin.positions))
    name = f"{roi.get('ID')!r}" + (f" ({roi.get('Name')!r})" if roi.get("Name") else "")
    if lost:
        why = "they lie on planes that are not written, or cannot follow the picked pixels"
        notes.append(
            _note(f"{lost} shapes of the region {name}: {why}", origin.scene if origin else None)
        )
        if not merge_rois.shapes(new):
            return None
    merge_elements.put(root, new, _ROOT)
    identity: str = new.get("ID")
    # Folders refer to the first that a region became.
    document.ids.setdefault(("ROI", roi.get("ID", "")), identity)
    return identity
