"""OME-TIFF: OME-XML in the first directory, or in a companion, says what the pages of one or many files are.

Rule kept here: a set is entered by any of its files and is the same set. What the XML gets wrong is told by a
``Diagnostic``; a file whose XML cannot be read at all is read as the TIFF that it is.

Source of the facts: https://docs.openmicroscopy.org/ome-model/ (OME-TIFF specification).
"""

import attrs

from aicsio._io import readers
from aicsio._ome.document import parse_ome
from aicsio._ome.model import Modulo, OmeDocument, OmeImage
from aicsio._ome.xml import decode_xml, looks_like_ome
from aicsio.errors import CorruptFileError, SourceError, UnsupportedFormatError
from aicsio.formats import Options
from aicsio.formats._tiff.dialects import describe
from aicsio.formats._tiff.ifd import OpenTiff, open_tiff, read_variant
from aicsio.formats._tiff.page import diagnose
from aicsio.formats._tiff.page_metadata import IMAGE_DESCRIPTION, PageTags
from aicsio.formats._tiff.page_tables import PageTable, open_page_table
from aicsio.formats._tiff.plane_map import length_of
from aicsio.formats.ome_tiff.bin_data import find_blocks, inline_array
from aicsio.formats.ome_tiff.planes import Members, arrays, description_start, locate, palette
from aicsio.records import (
    Channel,
    Contents,
    Coordinate,
    Diagnostic,
    Dims,
    LazyArray,
    Planes,
    Scene,
    Source,
)
from aicsio.records.protocols import Unfoldable, offered

__all__ = ["read_contents", "recognises"]

BIGGEST_XML = 1 << 30
"""A metadata file larger than this is not read as a whole."""


def recognises(source: Source, head: bytes) -> bool:
    """Say whether the content is OME-XML, or a TIFF whose first description is."""
    if read_variant(head) is None:
        return looks_like_ome(decode_xml(head))
    try:
        return looks_like_ome(description_start(source))
    except CorruptFileError:
        return False  # the plain TIFF format says what is wrong


def read_contents(source: Source, options: Options) -> Contents:  # noqa: ARG001 - part of the protocol
    """Describe the scenes of an OME-TIFF, or of the set that it belongs to.

    Raises
    ------
    CorruptFileError, UnsupportedFormatError
    """
    if read_variant(readers.read_head(source, 16)) is None:
        text = _xml_file(source)
        document = parse_ome(text)
        if document.images and all(image.has_binary for image in document.images):
            return _inline(source, text, document)
        return _set(source, text, document, None, [])
    with open_tiff(source) as (file, first):
        page_table, notes = open_page_table(file, first)
        text = _description(file, page_table)
        try:
            document = parse_ome(text)
        except CorruptFileError as error:
            return describe(
                file,
                first,
                [Diagnostic("ome-xml-broken", f"read as plain TIFF: {error}", source.uri)],
            )
        if document.metadata_file is None:
            return _set(source, text, document, page_table, notes)
        found = _metadata_of(source, document.metadata_file)
        if isinstance(found, Diagnostic):
            return describe(file, first, [found])
    base, text, document, own = found
    return _set(base, text, document, own, [])


def _xml_file(source: Source) -> str:
    if source.size is None or source.size > BIGGEST_XML:
        raise CorruptFileError.at(
            source.uri,
            None,
            f"expected at most {BIGGEST_XML} bytes of OME-XML, found {source.size}",
        )
    return decode_xml(readers.read_head(source, source.size))


def _inline(source: Source, text: str, document: OmeDocument) -> Contents:
    """Describe images whose pixels are inside the XML."""
    found = find_blocks(readers.read_head(source, source.size or 0))
    notes: list[Diagnostic] = []
    scenes: list[Scene] = []
    for image, blocks in zip(document.images, found, strict=False):
        array, more = inline_array(source, image, blocks)
        notes += more
        scenes.append(_scene(image, () if array is None else (array,), f"Image:{len(scenes)}"))
    return Contents(tuple(scenes), text, (*document.diagnostics, *notes))


def _description(file: OpenTiff, page_table: PageTable) -> str:
    if file.start.description is not None:
        return decode_xml(file.start.description)
    value = PageTags.of(file, page_table.directories[0]).value(IMAGE_DESCRIPTION, BIGGEST_XML)
    return decode_xml(value) if isinstance(value, bytes) else ""


def _metadata_of(
    source: Source, name: str
) -> tuple[Source, str, OmeDocument, PageTable | None] | Diagnostic:
    """Open the file that a BinaryOnly element names, in the folder of this one; or say why it cannot be."""
    plain = name.replace("\\", "/").rsplit("/", 1)[-1]
    companion = readers.sibling(source, plain) if plain not in {"", ".", ".."} else None
    if companion is None:
        text = f"the metadata are in {name!r}, which is not in this folder: read as plain TIFF"
        return Diagnostic("ome-metadata-missing", text, source.uri)
    try:
        own: PageTable | None = None
        if read_variant(readers.read_head(companion, 16)) is None:
            text = _xml_file(companion)
        else:
            with open_tiff(companion) as (file, first):
                own, _ = open_page_table(file, first)
                text = _description(file, own)
        document = parse_ome(text)
    except (CorruptFileError, SourceError) as error:
        return Diagnostic("ome-metadata-broken", f"read as plain TIFF: {error}", source.uri)
    if document.metadata_file is not None or not document.images:
        return Diagnostic(
            "ome-metadata-missing",
            f"{plain!r} holds no metadata either: read as plain TIFF",
            source.uri,
        )
    return companion, text, document, own


# ---------------------------------------------------------------- scenes


def _set(
    base: Source, text: str, document: OmeDocument, own: PageTable | None, notes: list[Diagnostic]
) -> Contents:
    members = Members(base, document, own)
    scenes: list[Scene] = []
    trouble: UnsupportedFormatError | None = None
    next_ifd = 0
    for image in document.images:
        levels: tuple[LazyArray, ...] = ()
        colors: bytes | None = None
        try:
            located, more = locate(image, members, next_ifd)
            notes += more
            next_ifd = max(next_ifd, located.last + 1)
            levels, more = arrays(located, members)
            notes += more
            colors = palette(located, members)
            if located.kind is not None:
                notes += diagnose(located.kind, image.name or f"Image:{len(scenes)}")
        except UnsupportedFormatError as error:
            trouble = trouble or UnsupportedFormatError(f"{base.uri}: {error}")
            notes.append(Diagnostic("undecodable", str(error), image.name))
        scenes.append(_scene(image, levels, f"Image:{len(scenes)}", colors))
    if trouble is not None and not any(scene.levels for scene in scenes):
        raise trouble
    if not scenes:
        raise CorruptFileError.at(
            base.uri, None, "expected at least one Image in the OME-XML, found none"
        )
    return Contents(tuple(scenes), text, (*document.diagnostics, *notes, *members.diagnostics))


def _scene(
    image: OmeImage, levels: tuple[LazyArray, ...], fallback: str, colors: bytes | None = None
) -> Scene:
    name = image.name or image.well or fallback
    channels = _channel_records(image, levels)
    coordinates: tuple[Coordinate, ...] = ()
    planes = image.planes
    for modulo in image.modulo:
        unfolded = tuple(unfold(level, modulo) for level in levels)
        if levels and all(level is not None for level in unfolded):
            levels = tuple(level for level in unfolded if level is not None)
            coordinates += (modulo.values,) if modulo.values is not None else ()
            channels = channels[:: modulo.size] if modulo.along == "C" else channels
            planes = None if planes is None else _unfold_planes(planes, modulo)
    return Scene(
        name=name,
        levels=levels,
        channels=channels,
        pixel_size=image.pixel_size,
        time_step=image.time_step,
        acquired=image.acquired,
        objective=image.objective,
        planes=planes,
        coordinates=coordinates,
        color_map=colors,
    )


def _channel_records(image: OmeImage, levels: tuple[LazyArray, ...]) -> tuple[Channel, ...]:
    if not levels or not image.channels:
        return image.channels
    count, samples = length_of(levels[0], "C", 1), length_of(levels[0], "S", 1)
    known = [
        channel if channel.samples == samples else attrs.evolve(channel, samples=samples)
        for channel in image.channels[:count]
    ]
    return tuple(known + [Channel(samples=samples)] * (count - len(known)))


def _unfold_planes(planes: Planes, modulo: Modulo) -> Planes:
    """Give the columns the letter of a folded dimension; its positions run fastest, so that their order is the same."""
    dims: list[tuple[str, int]] = []
    for letter, size in planes.dims.items():
        fits = letter == modulo.along and size % modulo.size == 0
        dims += (
            [(letter, size // modulo.size), (modulo.letter, modulo.size)]
            if fits
            else [(letter, size)]
        )
    return attrs.evolve(
        planes, dims=Dims("".join(letter for letter, _ in dims), tuple(size for _, size in dims))
    )


def unfold(array: LazyArray, modulo: Modulo) -> LazyArray | None:
    """Give a dimension that is folded into another its own axis; its positions run fastest.

    Returns ``None`` when the sizes do not fit.
    """
    stored, layout = array.stored, array.layout
    axis = stored.order.find(modulo.along)
    size = stored.shape[axis] if axis >= 0 else 0
    unfoldable = offered(layout, Unfoldable)
    if axis < 0 or size % modulo.size or modulo.letter in stored or unfoldable is None:
        return None
    order = stored.order[: axis + 1] + modulo.letter + stored.order[axis + 1 :]
    shape = (*stored.shape[:axis], size // modulo.size, modulo.size, *stored.shape[axis + 1 :])
    return LazyArray.whole(unfoldable.unfolded(axis, modulo.size), Dims(order, shape), array.dtype)
