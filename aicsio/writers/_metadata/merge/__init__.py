"""The whole OME of a source, merged into the OME that is written. Imports `_metadata` and `_ome`.

``images`` merges one Image, ``rois`` moves regions with it, ``units`` finds the parts that belong to it.

Rule kept here: the text that the records make is complete before; here the rest of the source's
document joins it: instruments, settings, annotations, regions, people, plates. Where a record
agrees with the document, the document's own words and units stay. Identifiers are unique,
references lead somewhere, and the result is valid against the schema; dropped metadata is reported.
"""

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence

import attrs

from aicsio._checks.words import count_of
from aicsio._ome import references as merge_elements
from aicsio._ome import schema
from aicsio._ome.document import document_of, structured_annotations
from aicsio._ome.model import OmeImage
from aicsio._ome.modulo import find_modulo_elements, modulo_letter
from aicsio._ome.references import Identifiers, name_of
from aicsio._ome.schema import Tree, tag
from aicsio._ome.xml import parse_root
from aicsio.errors import CorruptFileError, MissingDependencyError
from aicsio.records import Diagnostic
from aicsio.writers._metadata.merge import images as merge_images
from aicsio.writers._metadata.merge import rois as merge_rois
from aicsio.writers._metadata.merge import units as merge_units
from aicsio.writers._metadata.merge.images import Document, SourceImage

MAX_CORRECTIONS = 20
"""Corrections of one document that are reported one by one; a report of thousands is not read."""

_ROOT = (
    "Rights", "Project", "Dataset", "Folder", "Experiment", "Plate", "Screen", "Experimenter", "ExperimenterGroup",
    "Instrument", "Image", "StructuredAnnotations", "ROI",
)  # fmt: skip
"""Children of OME, in the order of the schema."""


def merge_source_ome(
    text: bytes, images: Sequence[OmeImage], sources: Sequence[SourceImage | None]
) -> tuple[bytes, tuple[Diagnostic, ...]]:
    """Add the rest of the source's documents to the metadata of images.

    Parameters
    ----------
    text
        OME-XML of the images, as the records make it.
    images
        Its images.
    sources
        The image of a document that each comes from; ``None`` for no document.

    Returns
    -------
    tuple
        The text, and the metadata of the documents that is not in it.
    """
    first_image_of = {source.text: source for source in sources if source is not None}
    if not first_image_of:
        return text, ()
    from lxml import etree

    documents: dict[str, Document] = {}
    not_kept: list[Diagnostic] = []
    for source_text, first in first_image_of.items():
        # A transform between versions of the schema may fail on values (XSLTApplyError) or recurse
        # too deeply; the records hold the essentials, so the rest is reported and writing goes on.
        try:
            documents[source_text] = _read_document(source_text, first)
        except (CorruptFileError, MissingDependencyError, etree.LxmlError, RecursionError) as error:
            message = f"the OME of the source beyond what the records hold: {error}"
            not_kept.append(_not_kept(message, first.scene))
    if not documents:
        return text, tuple(not_kept)
    try:
        merged, dropped = _merge_documents(text, documents, images, sources)
    except (etree.LxmlError, RecursionError) as error:
        message = f"the OME of the source beyond what the records hold: {error}"
        return text, (*not_kept, _not_kept(message, None))
    return merged, (*not_kept, *dropped)


def _merge_documents(
    text: bytes,
    documents: Mapping[str, Document],
    images: Sequence[OmeImage],
    sources: Sequence[SourceImage | None],
) -> tuple[bytes, list[Diagnostic]]:
    root = schema.parse(text.decode())
    _drop_same_objectives(root, documents, images, sources)
    identifiers = Identifiers(element.get("ID") for element in root.iter())
    sources_of: dict[str, dict[int, SourceImage]] = {}
    for index, source in enumerate(sources):
        if source is not None:
            sources_of.setdefault(source.text, {})[index] = source
    not_kept: list[Diagnostic] = []
    for source_text, document in documents.items():
        merge = _Merge(root, document, sources_of[source_text], images, identifiers, not_kept)
        merge.run()
    corrections = schema.remove_invalid(root, schema.essential_elements(root))
    if corrections is None:
        return text, [*not_kept, _not_kept("the OME of the source: it breaks rules of the schema")]
    not_kept += [
        _not_kept(f"the source breaks a rule of the schema: {message}")
        for message in corrections[:MAX_CORRECTIONS]
    ]
    if len(corrections) > MAX_CORRECTIONS:
        others = len(corrections) - MAX_CORRECTIONS
        not_kept.append(
            _not_kept(f"{others} more parts of the source that break rules of the schema")
        )
    return _serialize(root), not_kept


def _read_document(text: str, source: SourceImage) -> Document:
    """Parse a document and bring it to the schema of today.

    Raises
    ------
    CorruptFileError
        When no transform leads to that schema, or it describes another number of images than were
        found.
    """
    root, version = schema.upgrade(text)
    pairs = [
        (image, pixels)
        for image in root.findall(tag("Image"))
        for pixels in image.findall(tag("Pixels"))
    ]
    parsed = parse_root(text if version == "2016-06" else _serialize(root).decode())
    images = document_of(parsed).images if pairs else ()
    if not len(images) == len(pairs) == source.image_count:
        raise CorruptFileError(
            f"it describes {count_of(len(pairs), 'image')} in schema {version}, and {source.image_count} "
            "scenes were found"
        )
    letters_of = {
        identity: {modulo_letter(element) for element in elements}
        for identity, elements in find_modulo_elements(structured_annotations(parsed)).items()
    }
    return Document(root, pairs, images, set(merge_elements.definitions(root)), letters_of)


def _drop_same_objectives(
    root: Tree,
    documents: Mapping[str, Document],
    images: Sequence[OmeImage],
    sources: Sequence[SourceImage | None],
) -> None:
    """Remove the objectives that the records made where the documents have the same.

    Theirs have more fields.
    """
    instruments = {one.get("ID"): one for one in root.findall(tag("Instrument"))}
    elements = root.findall(tag("Image"))
    for index, source in enumerate(sources):
        if source is None or source.text not in documents:
            continue
        objective = images[index].objective
        described = documents[source.text].images[source.number].objective
        if objective is not None and (objective == described or source.is_of_file):
            root.remove(instruments[f"Instrument:{index}"])
            merge_elements.remove_children(elements[index], ["InstrumentRef", "ObjectiveSettings"])


def _serialize(root: Tree) -> bytes:
    from lxml import etree

    text: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return text


def _not_kept(message: str, where: str | None = None) -> Diagnostic:
    return Diagnostic("not-kept", message, where)


# ---------------------------------------------------------------- one document


@attrs.define
class _Merge:
    """Merges one document. Not a record: it changes the tree of the file."""

    root: Tree
    """OME element of the file."""
    document: Document
    """The document of the source."""
    sources: Mapping[int, SourceImage]
    """By index in the file, the images that come from the document."""
    images: Sequence[OmeImage]
    """All images of the file."""
    identifiers: Identifiers
    """Identifiers in the file."""
    not_kept: list[Diagnostic]
    """Dropped metadata."""

    def run(self) -> None:
        """Merge the document."""
        units = self._written_units()
        others = [unit for unit in units if name_of(unit) != "ROI"]
        self._assign_identifiers(others)
        regions = {
            key[1]: unit
            for unit in units
            if name_of(unit) == "ROI" and (key := merge_elements.defined_key(unit)) is not None
        }
        elements = self.root.findall(tag("Image"))
        for index, source in self.sources.items():
            self._add_regions_of_image(source, regions)
            merge_images.join(elements[index], self.document, source, self.images[index])
            self._report_dropped(source, self.images[index])
        self._add_free_regions(regions)
        self._add_units(others)
        for key in self.document.dangling:
            self._report(f"a reference to {key[1]!r}, which the source does not hold")

    def _report(self, message: str, where: str | None = None) -> None:
        self.not_kept.append(_not_kept(message, where))

    def _written_units(self) -> list[Tree]:
        """List the parts of the document that belong to the written images, or to no image."""
        written = [self.document.pairs[source.number][0] for source in self.sources.values()]
        unfolded = {letter for source in self.sources.values() for letter in source.unfolded}
        # The records describe these folded dimensions anew, as they are in the file.
        superseded = {
            identity for identity, letters in self.document.folded.items() if letters <= unfolded
        }
        units = merge_units.units_of_images(self.document, written)
        return [unit for unit in units if unit.get("ID") not in superseded]

    def _assign_identifiers(self, units: Iterable[Tree]) -> None:
        """Choose the identifiers of everything that the file will hold but regions, which may be copied."""
        ids = self.document.ids
        for index, source in self.sources.items():
            pair = self.document.pairs[source.number]
            merge_images.assign_image_identifiers(ids, pair, index, dict(source.positions)["C"])
        keys = [key for unit in units for key in merge_elements.definitions(unit)]
        ids |= self.identifiers.assign(keys)

    def _add_units(self, units: Iterable[Tree]) -> None:
        for unit in units:
            new = merge_elements.copy_element(unit, self.document.ids, self.document.lost)
            if new is None:
                continue
            name = name_of(unit)
            if name.endswith("Annotation"):
                self._annotations().append(new)
            elif name == "Rights" and self.root.find(tag("Rights")) is not None:
                self._report("the rights that a second source states")
            else:
                merge_elements.put(self.root, new, _ROOT)

    def _annotations(self) -> Tree:
        from lxml import etree

        annotations = self.root.find(tag("StructuredAnnotations"))
        if annotations is None:
            annotations = etree.Element(tag("StructuredAnnotations"))
            merge_elements.put(self.root, annotations, _ROOT)
        return annotations

    def _report_dropped(self, source: SourceImage, image: OmeImage) -> None:
        """Report source metadata for channels and planes that are not in the output."""
        _, pixels = self.document.pairs[source.number]
        element_count = len(pixels.findall(tag("Channel")))
        positions = dict(source.positions)["C"]
        samples = image.channels[0].samples
        channel_count = max(1, self.document.images[source.number].sizes.C // samples)
        # Channels of a split image have elements of their own.
        counts_samples = samples > 1 and not source.is_part
        if positions is not None and counts_samples and element_count > channel_count:
            self._report(
                f"{element_count} Channel elements for samples of one pixel: the first is kept",
                source.scene,
            )
        outside = merge_images.count_planes_outside(self.document, source.number)
        if outside:
            self._report(
                f"{outside} Plane elements of planes that the image does not have", source.scene
            )
        if positions is None:
            self._report(
                "elements of single channels and planes, which cannot be told apart here",
                source.scene,
            )

    # ------------------------------------------------------------ regions of interest

    def _add_regions_of_image(self, source: SourceImage, regions: Mapping[str, Tree]) -> None:
        """Write the regions of an image as they lie on it.

        A region that images share is written for each.
        """
        # A region that several images share lies differently on each of them.
        if source in self.document.regions:
            return  # the image is written twice, its regions once
        image, _ = self.document.pairs[source.number]
        indices = merge_rois.index_positions(dict(source.positions))
        new_ids = self.document.regions[source] = {}
        for reference in image.findall(tag("ROIRef")):
            identity = reference.get("ID", "")
            if identity in regions and identity not in new_ids:
                new_ids[identity] = self._add_region(regions[identity], source, indices)

    def _add_free_regions(self, regions: Mapping[str, Tree]) -> None:
        """Write the regions that no image refers to."""
        # With one image they can only lie on it; with several they stay as they are.
        only = None
        if len(self.sources) == len(self.document.pairs) == 1:
            only = next(iter(self.sources.values()))
        indices = {} if only is None else merge_rois.index_positions(dict(only.positions))
        referred = set().union(*self.document.regions.values())
        for identity, region in regions.items():
            if identity not in referred:
                self._add_region(region, only, indices)

    def _add_region(
        self, region: Tree, source: SourceImage | None, indices: merge_rois.PositionIndices
    ) -> str | None:
        """Write a region.

        Return its new identifier, or ``None`` where none of its shapes is left.
        """
        document = self.document
        own_ids = self.identifiers.assign(merge_elements.definitions(region))
        ids = ChainMap(own_ids, document.ids)
        new: Tree = merge_elements.copy_element(region, ids, document.lost)
        lost = 0 if source is None else merge_rois.fit_region(new, source.frame, indices)
        if source is not None and lost:
            name = repr(region.get("ID"))
            if region.get("Name"):
                name += f" ({region.get('Name')!r})"
            self._report(
                f"{count_of(lost, 'shape')} of the region {name}: on planes that are not written, or "
                "unable to follow the picked pixels",
                source.scene,
            )
            if not merge_rois.count_shapes(new):
                return None
        merge_elements.put(self.root, new, _ROOT)
        identity: str = new.get("ID")
        # Folders refer to the first copy of a region.
        document.ids.setdefault(("ROI", region.get("ID", "")), identity)
        return identity
