"""Olympus and Evident OIR (FluoView of FV3000 and FV4000). Imports `_io`, `_ome` and `records`.

``blocks`` finds the blocks of the container, ``planes`` gives chunks of pixels their planes,
``pixels`` makes arrays of them, ``layout`` reads these, ``documents`` splits and searches the XML,
``metadata`` and ``instrument`` make records of it.

Rule kept here: pixels that the file lacks are zero and counted in a diagnostic; documents that
cannot be parsed cost their facts, never the pixels.

Source of the facts: see ``blocks``.
"""

import math
import re
from typing import Final
from xml.etree.ElementTree import Element

from aicsio._io import readers
from aicsio._io.readers import Span
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats import Options
from aicsio.formats.oir import instrument
from aicsio.formats.oir.blocks import MAGIC, OirFile, read_blocks
from aicsio.formats.oir.documents import (
    OirDocument,
    parse_document,
    read_documents,
    root_name,
    split_documents,
)
from aicsio.formats.oir.layout import OirLayout
from aicsio.formats.oir.metadata import (
    OirAxis,
    OirDescription,
    describe_channels,
    describe_coordinates,
    describe_objective,
    describe_pixel_size,
    describe_planes,
    frame_positions,
    line_period,
    list_channels,
    parse_axes,
    parse_date,
    parse_description,
)
from aicsio.formats.oir.pixels import find_unfinished, lay_out, read_geometry
from aicsio.formats.oir.planes import OirPlanes, arrange_chunks, find_frame
from aicsio.records import (
    Attachment,
    Contents,
    Diagnostic,
    LazyArray,
    PixelSize,
    Planes,
    Scene,
    Source,
)
from aicsio.records.provenance import FactOrigin, FactOrigins

MOST_FILES: Final = 99_999
"""Files that continue one: their number has five digits."""
LARGEST_FRAME: Final = 1 << 20
"""Bytes of the properties of a frame; they have some thousand."""
BITMAP_PREFIX: Final = b"BMP "
"""Stands in front of the bitmap of a thumbnail."""
SEPARATE: Final = frozenset({"imageProperties", "fileInfomation"})
"""Documents that are no attachments; FluoView writes the name so."""
ORIGINS: Final = (
    ("channels[*].name", "oir:channel/name"),
    ("channels[*].color", "oir:LUT/name"),
    ("channels[*].fluor", "oir:lsmChannel/dyeName"),
    ("channels[*].emission", "oir:lsmChannel/emissionWavelength"),
    ("channels[*].excitation", "oir:imagingMainLaser/wavelength"),
    ("channels", "oir:channel"),
    ("pixel_size.Z", "oir:imageInfo/axis"),
    ("pixel_size", "oir:channel/length"),
    ("time_step", "oir:imageInfo/axis"),
    ("coordinates", "oir:imageInfo/axis"),
    ("acquired", "oir:general/creationDateTime"),
    ("objective", "oir:objectiveLens"),
    ("planes", "oir:frameProperties/axisValue"),
    ("instrument", "oir:imageProperties"),
    ("detectors", "oir:lsmChannel"),
    ("settings", "oir:imageProperties"),
    ("name", "guess"),
)
"""Fields and records, and the elements they come from."""


def recognises(source: Source, head: bytes, /) -> bool:  # noqa: ARG001 - part of the protocol
    """Return whether the file is an OIR, or one that continues it."""
    return head.startswith(MAGIC)


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe the image of an OIR file.

    Parameters
    ----------
    source
        The file; those that continue it (``NAME_00001``, ...) lie beside it.
    options
        None applies.

    Returns
    -------
    One scene.

    Raises
    ------
    CorruptFileError
        When the container is damaged, or the size of planes is missing.
    UnsupportedFormatError
        When the file has no pixels, as a map of an acquisition.
    """
    files, diagnostics = _open_files(source)
    description = _describe(files[0])
    for name in description.unread:
        text = f"the document {name!r} is no well-formed XML: its facts are missing"
        diagnostics.append(Diagnostic("oir-xml", text, source.uri))
    identifiers = [element.get("id", "") for element in list_channels(description)]
    table = arrange_chunks(files, identifiers)
    if not table.planes:
        raise UnsupportedFormatError(
            f"{source.uri} has no pixels: it is the map of an acquisition, whose fields are files "
            "of their own"
        )
    frame = _read_first_frame(files)
    width, height, dtype, is_colour = read_geometry(source, frame, description)
    axes = parse_axes(description)
    array, trouble = lay_out(files, table, (height, width), dtype, axes, is_colour=is_colour)
    diagnostics += [*table.diagnostics, *trouble, *find_unfinished(table, axes)]
    # Without samples, the last two letters are those of rows and columns.
    rows = array.stored.order.replace("S", "")[-2]
    samples = len(table.channels) if is_colour else 1
    size = describe_pixel_size(description, axes, rows)
    scene = Scene(
        name="Image:0",
        levels=(array,),
        channels=describe_channels(description, table.channels, samples),
        pixel_size=_with_z_step(size, files, table),
        time_step=line_period(description) if rows == "T" else _time_step(files, table, axes),
        acquired=parse_date(description),
        objective=describe_objective(description),
        coordinates=describe_coordinates(table.letters, table.shape, axes),
    )
    return Contents((scene,), description.text, tuple(diagnostics))


# ---------------------------------------------------------------- files


def _open_files(source: Source) -> tuple[list[OirFile], list[Diagnostic]]:
    """Open a file and those that continue it."""
    first = read_blocks(source)
    files, diagnostics = [first], list(first.diagnostics)
    name = re.split(r"[/\\]", source.uri.partition("?")[0])[-1]
    stem, dot, suffix = name.rpartition(".")
    if not dot or suffix.lower() != "oir":
        return files, diagnostics
    for number in range(1, MOST_FILES + 1):
        # Files that continue one have no suffix.
        found = readers.sibling(source, f"{stem}_{number:05d}")
        if found is None:
            break
        try:
            following = read_blocks(found)
        except CorruptFileError as error:
            text = f"a file that continues it is damaged, its planes are zero: {error}"
            diagnostics.append(Diagnostic("oir-continuation", text, found.uri))
            continue
        files.append(following)
        diagnostics += following.diagnostics
    return files, diagnostics


def _describe(file: OirFile) -> OirDescription:
    """Parse the documents: the last set is the complete one, an earlier one may be all there is."""
    descriptions = []
    for place in reversed(file.documents):
        description = parse_description(read_documents(file.source, place))
        if description.image is not None:
            return description
        descriptions.append(description)
    # The last set has the names of what could not be parsed.
    return descriptions[0] if descriptions else parse_description(())


def _read_first_frame(files: list[OirFile]) -> Element | None:
    """Return the properties of the first frame of the files."""
    for file in files:
        if file.frames:
            return _parse_frames(file, file.frames[:1])[0]
    return None


def _read_frame(files: list[OirFile], table: OirPlanes, place: int) -> Element | None:
    """Return the properties of the frame of a place, None where it has none."""
    found = find_frame(files, table, place)
    if found is None:
        return None
    file = files[found[0]]
    return _parse_frames(file, file.frames[found[1] : found[1] + 1])[0]


def _parse_frames(file: OirFile, places: tuple[Span, ...]) -> list[Element | None]:
    spans = [(offset, min(nbytes, LARGEST_FRAME)) for offset, nbytes in places]
    with readers.lend(file.source) as reader:
        buffers = [bytes(buffer) for buffer in reader.read_spans(spans)]
    frames = []
    for buffer in buffers:
        # A frame whose payload holds no XML has no properties.
        document = next(split_documents(buffer), OirDocument("", None))
        frames.append(parse_document(document.text))
    return frames


def _with_z_step(size: PixelSize, files: list[OirFile], table: OirPlanes) -> PixelSize:
    """Fill in the Z step from the positions of the first two sections."""
    if size.Z is not None or table.letters[-1:] != "Z" or table.shape[-1] < 2:
        return size
    # Z is the fastest axis of frames: the second frame is the next section.
    first, second = (frame_positions(_read_frame(files, table, place)).get("Z") for place in (0, 1))
    if first is None or second is None or first == second:
        return size
    return PixelSize(round(abs(second - first), 9), size.Y, size.X)


def _time_step(files: list[OirFile], table: OirPlanes, axes: dict[str, OirAxis]) -> float | None:
    """Return seconds between time points: of the first two, else as set."""
    if table.letters[:1] == "T" and table.shape[0] > 1:
        # Frames are in C order: the second time point follows all frames of the first.
        later = math.prod(table.shape[1:])
        first, second = (
            frame_positions(_read_frame(files, table, place)).get("T") for place in (0, later)
        )
        if first is not None and second is not None and second > first:
            return round(second - first, 9)
    axis = axes.get("T")
    step = None if axis is None or "T" not in table.letters else axis.step
    return step if step is not None and step > 0 else None


# ---------------------------------------------------------------- optional parts of the seam


def read_planes(scene: Scene, level: LazyArray, /) -> Planes | None:
    """Read times and Z positions of planes, from the properties of their frames."""
    layout = level.layout
    if not isinstance(layout, OirLayout):
        return scene.planes
    files = [read_blocks(source) for source in layout.sources]
    parsed = [_parse_frames(file, file.frames) for file in files]
    table = arrange_chunks(files, [])
    found = (find_frame(files, table, place) for place in range(math.prod(table.shape)))
    frames = [None if at is None else parsed[at[0]][at[1]] for at in found]
    # A frame holds all channels, so its properties belong to the other axes.
    letters = "".join(one for one in level.stored.order[: layout.lead] if one != "C")
    return describe_planes(frames, letters, tuple(level.stored[letter] for letter in letters))


def list_attachments(source: Source, /) -> tuple[Attachment, ...]:
    """List thumbnail, reference images (raw samples), and documents besides the properties."""
    file = read_blocks(source)
    found = []
    if file.thumbnail is not None:
        found.append(Attachment("Thumbnail", "BMP", file.thumbnail[0]))
    found += [
        Attachment(name, "RAW", chunks[0].chunk.offset)
        for name, chunks in arrange_chunks([file], []).references.items()
    ]
    found += [Attachment(name, "XML", file.documents[-1][0]) for name in _other_documents(file)]
    return tuple(found)


def _other_documents(file: OirFile) -> dict[str, str]:
    """Return documents that are no properties by name; one of a channel has its identifier."""
    texts: dict[str, str] = {}
    for document in read_documents(file.source, file.documents[-1]) if file.documents else ():
        name = root_name(document.text)
        if document.channel is not None:
            name = f"{name} {document.channel}"
        if name not in SEPARATE:
            texts.setdefault(name, document.text)
    return texts


def read_attachment(source: Source, attachment: Attachment, /) -> bytes:
    """Read an attachment.

    Raises
    ------
    CorruptFileError
        When the file lacks it.
    """
    file = read_blocks(source)
    if attachment.name == "Thumbnail" and file.thumbnail is not None:
        with readers.lend(source) as reader:
            return reader.read(*file.thumbnail).removeprefix(BITMAP_PREFIX)
    chunks = arrange_chunks([file], []).references.get(attachment.name)
    if chunks is not None:
        with readers.lend(source) as reader:
            spans = [(one.chunk.offset, one.chunk.nbytes) for one in chunks]
            return b"".join(bytes(buffer) for buffer in reader.read_spans(spans))
    text = _other_documents(file).get(attachment.name)
    if text is None:
        raise CorruptFileError.at(source.uri, None, f"expected {attachment.name!r}")
    return text.encode()


def describe_instrument(source: Source, contents: Contents, /) -> Element | None:
    """Describe microscope, lasers, detectors and their settings, as parts of OME."""
    file = read_blocks(source)
    description = _describe(file)
    identifiers = [element.get("id", "") for element in list_channels(description)]
    table = arrange_chunks([file], identifiers)
    return instrument.describe_instrument(
        description, table.channels, file.producer, contents.scenes[0]
    )


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001 - the protocol
    """Return the elements of the documents."""
    return FactOrigins(tuple(FactOrigin(path, origin) for path, origin in ORIGINS))
