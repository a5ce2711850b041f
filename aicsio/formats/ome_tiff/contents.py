"""Images of an OME-TIFF, or of the set that it belongs to, to scenes.

Rule kept here: images are described in file order, because those without TiffData take the pages that
earlier ones left. The rooms of ``aicsio/_ome`` come with this module: TIFF files of no OME do without.
"""

import attrs

from aicsio._io import readers
from aicsio._ome.document import parse_ome
from aicsio._ome.model import OmeDocument, OmeImage, without_pages
from aicsio.errors import AicsioError, CorruptFileError, UnsupportedFormatError
from aicsio.formats._tiff.ifd import OpenTiff, open_tiff, read_variant
from aicsio.formats._tiff.page import diagnose
from aicsio.formats._tiff.page_tables import open_page_table
from aicsio.formats._tiff.partial_levels import leave_out_partial_levels
from aicsio.formats.ome_tiff.bin_data import find_bin_data, inline_array
from aicsio.formats.ome_tiff.late import describe_later
from aicsio.formats.ome_tiff.levels import make_levels, read_palette
from aicsio.formats.ome_tiff.members import Members
from aicsio.formats.ome_tiff.mixed import UniformPart, split_mixed
from aicsio.formats.ome_tiff.planes import PlaneAllowance, PlaneTable, locate_planes
from aicsio.formats.ome_tiff.scenes import (
    channels_are_samples,
    compare_with_pages,
    make_scene,
    show_samples_as_channels,
)
from aicsio.formats.ome_tiff.texts import (
    Metadata,
    find_metadata,
    read_description,
    read_xml_file,
)
from aicsio.formats.ome_tiff.unclaimed import find_levels_behind
from aicsio.records import Contents, Diagnostic, ImagePart, LazyArray, Scene, Source


def describe_file(source: Source, *, later: bool = True) -> Contents:
    """Describe the scenes of a file; see ``read_contents`` of the format.

    Parameters
    ----------
    source
        The file.
    later
        Whether directories between the planes of a remote file may be left for the first read.
    """
    # In this order, because nearly all are TIFF: a look at the head takes 6 microseconds.
    try:
        with open_tiff(source) as (file, first):
            contents = describe_later(source, file, first) if later and not source.local else None
            return contents or _read_tiff(source, file, first)
    except CorruptFileError:
        if read_variant(readers.read_head(source, 16)) is not None:
            raise
    return _read_document(source)


def _read_tiff(source: Source, file: OpenTiff, first: int) -> Contents:
    page_table, diagnostics = open_page_table(file, first)
    text = read_description(file, page_table)
    try:
        document = parse_ome(text)
    except CorruptFileError as error:
        broken = Diagnostic("ome-xml-broken", f"read as plain TIFF: {error}", source.uri, loss=True)
        return _describe_as_tiff(file, first, broken)
    if document.metadata_file is None:
        return _SetReader(Metadata(source, text, document, page_table)).read(diagnostics)
    metadata = find_metadata(source, document)
    if isinstance(metadata, Diagnostic):
        return _describe_as_tiff(file, first, metadata)
    return _SetReader(metadata).read([])


def read_set(metadata: Metadata) -> Contents:
    """Describe the images of a document by the pages that are known."""
    return _SetReader(metadata).read([])


def _describe_as_tiff(file: OpenTiff, first: int, reason: Diagnostic) -> Contents:
    from aicsio.formats._tiff.dialects import describe  # 10 ms, and most OME-TIFF do without

    return describe(file, first, [reason])


def _read_document(source: Source) -> Contents:
    """Describe the scenes of a file that is OME-XML itself."""
    text = read_xml_file(source)
    document = parse_ome(text)
    # Pixels inside of the XML: the file is whole without a TIFF.
    if document.images and all(image.has_binary for image in document.images):
        return _read_inline(source, text, document)
    return _SetReader(Metadata(source, text, document, None)).read([])


def _read_inline(source: Source, text: str, document: OmeDocument) -> Contents:
    """Describe images whose pixels are inside the XML."""
    blocks_of_images = find_bin_data(readers.read_head(source, source.size or 0))
    diagnostics: list[Diagnostic] = []
    scenes: list[Scene] = []
    for image, blocks in zip(document.images, blocks_of_images, strict=False):
        array, more = inline_array(source, image, blocks)
        diagnostics += more
        levels = () if array is None else (array,)
        scenes.append(make_scene(image, levels, f"Image:{len(scenes)}"))
    return Contents(tuple(scenes), text, (*document.diagnostics, *diagnostics))


class _SetReader:
    """Images of a set, one after the other. Not a record: it lives while the set is opened."""

    def __init__(self, metadata: Metadata) -> None:
        self.metadata = metadata
        self.members = Members(metadata)
        self.allowance = PlaneAllowance()
        self.scenes: list[Scene] = []
        self.diagnostics: list[Diagnostic] = []
        self.next_ifd = 0
        # Planes that are alike, or why an image cannot be shown; with the number of the image.
        self.parts: list[tuple[int, UniformPart | tuple[CorruptFileError, OmeImage]]] = []
        self.first_error: AicsioError | None = None

    def read(self, diagnostics: list[Diagnostic]) -> Contents:
        """Describe all scenes; ``diagnostics`` are those of the file with the metadata."""
        self.diagnostics += diagnostics
        document = self.metadata.document
        # In file order: images without TiffData take the pages that earlier ones left.
        lacking = without_pages(document.images)
        for number, image in enumerate(document.images):
            self._locate_image(number, image, None if lacking[number] else self.next_ifd)
        tables = [part.table for _, part in self.parts if isinstance(part, UniformPart)]
        uri = self.metadata.source.uri
        behind, notes = find_levels_behind(self.members.page_tables, tables, uri)
        index = 0
        for _, part in self.parts:
            if isinstance(part, UniformPart):
                self._read_part(part, behind.get(index, []))
                index += 1
            else:
                self._fail("ome-sizes", *part)
        self.diagnostics += notes
        if self.first_error is not None and not any(scene.levels for scene in self.scenes):
            raise self.first_error
        if not self.scenes:
            raise CorruptFileError.at(
                self.metadata.source.uri,
                None,
                "expected at least one Image in the OME-XML, found none",
            )
        all_notes = (*document.diagnostics, *self.diagnostics, *self.members.diagnostics)
        contents = Contents(self._with_parts(), self.metadata.text, all_notes)
        return leave_out_partial_levels(contents)

    def _with_parts(self) -> tuple[Scene, ...]:
        """Return the scenes; where an image was split, each with its part of the document."""
        if all(
            not isinstance(part, UniformPart) or part.positions is None for _, part in self.parts
        ):
            return tuple(self.scenes)
        scenes = []
        for scene, (number, part) in zip(self.scenes, self.parts, strict=True):
            letter, positions = "C", None
            if isinstance(part, UniformPart):
                letter, positions = part.letter, part.positions
            if positions is None:
                positions = tuple(range(max(len(scene.channels), scene.dims.get("C", 1))))
            scenes.append(attrs.evolve(scene, part=ImagePart(number, letter, positions)))
        return tuple(scenes)

    def _locate_image(self, number: int, image: OmeImage, next_ifd: int | None) -> None:
        try:
            table, diagnostics = locate_planes(image, self.members, next_ifd, self.allowance)
        except CorruptFileError as error:
            self.parts.append((number, (error, image)))
            return
        self.diagnostics += diagnostics
        # Images without TiffData follow each other in the file.
        self.next_ifd = max(self.next_ifd, table.last + 1)
        parts, diagnostics = split_mixed(image, table)
        self.diagnostics += diagnostics
        self.parts += [(number, part) for part in parts]

    def _read_part(self, part: UniformPart, behind: list[PlaneTable]) -> None:
        image, table = part.image, part.table
        try:
            levels = self._make_levels(image, table, behind)
        except UnsupportedFormatError as error:
            located = UnsupportedFormatError(f"{self.metadata.source.uri}: {error}")
            self._fail("undecodable", located, image, str(error))
            return
        if table.kind is not None:
            self.diagnostics += compare_with_pages(image, table.kind)
            self.diagnostics += diagnose(table.kind, image.name or f"Image:{len(self.scenes)}")
        self._add_scene(image, levels, read_palette(table))

    def _make_levels(
        self, image: OmeImage, table: PlaneTable, behind: list[PlaneTable]
    ) -> tuple[LazyArray, ...]:
        samples_are_channels = channels_are_samples(image, table)
        channel_axis = table.letters.index("C")
        # The axis of samples takes the letter C: one of a single position must make room.
        if samples_are_channels and table.shape[channel_axis] == 1:
            table = _drop_axis(table, channel_axis)
            behind = [_drop_axis(level, channel_axis) for level in behind]
        levels, diagnostics = make_levels(table, behind, self.metadata.source.uri)
        self.diagnostics += diagnostics
        if samples_are_channels:
            levels = tuple(show_samples_as_channels(level, image.order) for level in levels)
        return levels

    def _fail(
        self, code: str, error: AicsioError, image: OmeImage, message: str | None = None
    ) -> None:
        self.first_error = self.first_error or error
        self.diagnostics.append(Diagnostic(code, message or str(error), image.name, loss=True))
        self._add_scene(image, (), None)

    def _add_scene(
        self, image: OmeImage, levels: tuple[LazyArray, ...], color_map: bytes | None
    ) -> None:
        self.scenes.append(make_scene(image, levels, f"Image:{len(self.scenes)}", color_map))


def _drop_axis(table: PlaneTable, axis: int) -> PlaneTable:
    """Leave out an axis of one position."""
    letters = table.letters[:axis] + table.letters[axis + 1 :]
    return attrs.evolve(
        table, letters=letters, shape=(*table.shape[:axis], *table.shape[axis + 1 :])
    )
