"""Nikon ND2. Imports `_io`, `_codecs`, `_ome` and `records`.

``chunks`` finds the chunks of the container, ``variants`` decodes their metadata, ``experiment``
gives frames their places, ``pixels`` and ``layout`` place pixels, ``metadata`` makes records
(``fields`` checks values, ``modes`` names how a channel was taken), ``instrument`` parts of OME.
``structure`` compares chunks and map for ``integrity``. ``boxes`` and ``legacy`` read the files of
JPEG 2000 boxes that NIS-Elements wrote before version 3.

Rule kept here: a frame that the file lacks is zero and counted in a diagnostic; a chunk of metadata
that cannot be decoded costs its facts and gets a diagnostic, never the pixels.
"""

import json
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

import numpy as np

from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.formats import Options
from aicsio.formats.nd2 import legacy, structure
from aicsio.formats.nd2.chunks import ChunkMap, FrameTable, is_boxed_nd2, is_nd2, read_container
from aicsio.formats.nd2.experiment import FrameOrder, arrange_frames, parse_loops
from aicsio.formats.nd2.metadata import (
    Column,
    describe_channels,
    describe_planes,
    find_exposures,
    find_planes,
    parse_date,
    parse_objective,
    parse_pixel_size,
)
from aicsio.formats.nd2.pixels import (
    Pixels,
    check_frames,
    count_samples,
    lay_out_scene,
    leave_out_strays,
    parse_pixels,
)
from aicsio.formats.nd2.variants import MalformedError, Tree, parse
from aicsio.records import Contents, Damage, Diagnostic, LazyArray, Planes, Scene, Source
from aicsio.records.provenance import FactOrigin, FactOrigins
from aicsio.records.scenes import distinguish_scenes

SKIPPED: Final = frozenset(
    {
        *("pCameraSetting", "pCameraSettingOld", "pDeviceSetting", "sSpecSettings"),
        *("m_MirrorSpectrum", "pRecordedData", "sParallelExperiment"),
        *("sAutoFocusBeforeCapture", "sAutoFocusBeforeLoop"),
    }
)
"""Levels that hold nine tenths of the metadata and nothing that opening needs."""
PLACES: Final = (
    ("name", "ImageMetadata/Points@dPosName"),
    ("channels[*].name", "ImageMetadataSeq/PlaneNew@sDescription"),
    ("channels[*].color", "ImageMetadataSeq/PlaneNew@uiColor"),
    ("channels[*].fluor", "ImageMetadataSeq/FluorescentProbe@m_sName"),
    ("channels[*].emission", "ImageMetadataSeq/EmissionSpectrum"),
    ("channels[*].excitation", "ImageMetadataSeq/ExcitationSpectrum"),
    ("channels[*].pinhole_size", "ImageMetadataSeq/PlaneNew@dPinholeDiameter"),
    ("channels", "ImageMetadataSeq/PlaneNew@uiModalityMask"),
    ("pixel_size.Z", "ImageMetadata/ZStackLoop@dZStep"),
    ("pixel_size", "ImageMetadataSeq@dCalibration"),
    ("time_step", "ImageMetadata/TimeLoop"),
    ("acquired", "ImageMetadataSeq@dTimeAbsolute"),
    ("objective.name", "ImageMetadataSeq@wsObjectiveName"),
    ("objective.aperture", "ImageMetadataSeq@dObjectiveNA"),
    ("objective", "ImageMetadataSeq/ObjectiveSetting"),
    ("planes.time", "CustomData|AcqTimesCache"),
    ("planes.exposure", "ImageMetadataSeq/SampleSetting@dExposureTime"),
    ("planes.x", "CustomData|X"),
    ("planes.y", "CustomData|Y"),
    ("planes.z", "CustomData|Z"),
    ("planes", "ImageMetadata"),
)
"""Chunk and field by fact."""
ENCODED: Final = ("ImageAttributes", "ImageMetadata", "ImageMetadataSeq|0", "ImageTextInfo")
"""Chunks of metadata that opening needs."""
# A tree may hold bytes, which JSON lacks.
TEXTS: Final = json.JSONEncoder(ensure_ascii=False, default=repr)
COLUMNS: Final = (
    ("time", ("CustomData|AcqTimesCache",), 0.001),
    ("exposure", ("CustomData|Camera_ExposureTime1",), 0.001),
    ("x", ("CustomData|X",), 1.0),
    ("y", ("CustomData|Y",), 1.0),
    ("z", ("CustomData|Z", "CustomData|Z1"), 1.0),
)
"""Facts of planes: the chunk that has one float64 a frame, and the factor to the unit of records."""


def _binary_name(name: str) -> str:
    """Return the name of the same metadata as a binary variant: ``ImageMetadataSeqLV|0``."""
    word, bar, number = name.partition("|")
    return f"{word}LV{bar}{number}"


NAMES: Final = (
    # Before version 3 the names lack "LV".
    *(name for one in ENCODED for name in (_binary_name(one), one)),
    *(name for _, chunks, _ in COLUMNS for name in chunks),
)
"""All chunks that opening reads."""


def check_structure(source: Source, /) -> Iterator[Damage]:
    """Compare the chunks with the map; see ``ChecksStructure``."""
    if not is_nd2(readers.read_head(source, 4)):
        return iter(())
    return structure.find_faults(source)


def read_planes(scene: Scene, level: LazyArray, /) -> Planes | None:
    """Return facts of planes; those of boxes are read from the metadata of each frame."""
    layout = level.layout
    if isinstance(layout, legacy.BoxedLayout):
        return legacy.read_planes(layout, legacy.frame_order_of(level))
    return scene.planes


def recognises(source: Source, head: bytes, /) -> bool:
    """Return whether the file is an ND2 file, of chunks or of JPEG 2000 boxes."""
    return is_nd2(head) or is_boxed_nd2(source, head)


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe the scenes of an ND2 file.

    Parameters
    ----------
    source
        The file.
    options
        None applies.

    Returns
    -------
    One scene for each position of the stage.

    Raises
    ------
    CorruptFileError
        When the container is damaged, or no frame has pixels.
    UnsupportedFormatError
        When the pixels are stored in a way that is not read.
    """
    container = read_container(source, NAMES)
    if container is None:
        return legacy.read_boxed(source)
    diagnostics = list(container.diagnostics)
    metadata = _Metadata(container)
    attributes = metadata.decode("ImageAttributes")
    if not attributes:
        raise CorruptFileError.at(source.uri, None, "expected the chunk 'ImageAttributes'")
    pixels = parse_pixels(container, attributes)
    table, trouble = check_frames(container, pixels)
    diagnostics += trouble
    experiment = metadata.decode("ImageMetadata", skip=SKIPPED)
    loops = parse_loops(experiment)
    table, trouble = leave_out_strays(container, table, loops)
    diagnostics += trouble
    frames, trouble = arrange_frames(loops, int(table.numbers[-1]) + 1)
    diagnostics += trouble
    sequence = metadata.decode("ImageMetadataSeq|0", skip=SKIPPED)
    sequence = sequence.get("SLxPictureMetadata", sequence)
    count = frames.numbers.size
    # Numbers rise: searchsorted counts the frames that have a place.
    missing = count - int(np.searchsorted(table.numbers, count))
    if missing:
        text = f"{missing} of {count} frames are not in the file: they are zero"
        diagnostics.append(Diagnostic("nd2-missing-frames", text))
    columns = metadata.read_columns(count)
    scenes = _describe_scenes(container, pixels, frames, sequence, table, columns)
    raw = _write_raw(metadata.decode("ImageTextInfo"))
    return Contents(scenes, raw, (*diagnostics, *metadata.diagnostics))


def describe_instrument(source: Source, contents: Contents, /) -> Element | None:
    """Describe microscope, lens, detectors, filters and lasers, as parts of OME."""
    # Imported on request: most files are opened for their pixels.
    from aicsio.formats.nd2 import instrument

    container = read_container(source, NAMES)
    if container is None:
        return None
    metadata = _Metadata(container)
    sequence = metadata.decode("ImageMetadataSeq|0")
    texts = metadata.decode("ImageTextInfo")
    attributes = metadata.decode("ImageAttributes")
    return instrument.describe_instrument(
        sequence.get("SLxPictureMetadata", sequence),
        texts.get("SLxImageTextInfo", texts),
        attributes.get("SLxImageAttributes", attributes),
        contents,
    )


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:
    """Return the chunks and their fields; excitations that are not the line of the laser that was on."""
    from aicsio.formats.nd2 import instrument

    facts = tuple(FactOrigin(path, f"nd2:{place}") for path, place in PLACES)
    container = read_container(source, NAMES)
    if container is None:
        return FactOrigins(facts)
    texts = _Metadata(container).decode("ImageTextInfo")
    lasers = instrument.lasers_that_were_on(texts.get("SLxImageTextInfo", texts))
    conflicts = []
    for number, channel in enumerate(contents.scenes[scene].channels):
        # Of several lines, the text does not say which one belongs to the channel.
        if len(lasers) == 1 and channel.excitation not in {None, lasers[0]}:
            text = (
                f"nd2:ExcitationSpectrum has {channel.excitation:g} nm, nd2:ImageTextInfo a laser of "
                f"{lasers[0]:g} nm that was on"
            )
            conflicts.append((f"channels[{number}].excitation", text))
    return FactOrigins(facts, tuple(conflicts))


class _Metadata:
    """Chunks of metadata that opening needs. It lives for one opening."""

    def __init__(self, container: ChunkMap) -> None:
        self.data = container.data
        self.listed = container.chunks
        self.diagnostics: list[Diagnostic] = []

    def decode(self, name: str, skip: frozenset[str] = frozenset()) -> Tree:
        """Return the metadata of a chunk; empty, with a diagnostic, where it is damaged."""
        binary = _binary_name(name)
        data = self.data.get(binary, self.data.get(name))
        reason = "it is no whole chunk"
        if data is not None:
            try:
                return parse(data, skip)
            except MalformedError as error:
                reason = str(error)
        if binary in self.listed or name in self.listed:
            text = f"the metadata {name!r} are not read: {reason}"
            self.diagnostics.append(Diagnostic("nd2-metadata", text))
        return {}

    def read_columns(self, frame_count: int) -> dict[str, Column]:
        """Return the facts of planes; a chunk that is no column of numbers costs its fact."""
        columns: dict[str, Column] = {}
        for name, chunks, factor in COLUMNS:
            data = next((self.data[chunk] for chunk in chunks if chunk in self.data), b"")
            if data and len(data) % 8 == 0:
                columns[name] = np.frombuffer(data, "<f8")[:frame_count] * factor
        return columns


def _describe_scenes(
    container: ChunkMap,
    pixels: Pixels,
    frames: FrameOrder,
    sequence: Tree,
    table: FrameTable,
    columns: dict[str, Column],
) -> tuple[Scene, ...]:
    pictures = find_planes(sequence)
    samples = count_samples(pictures, pixels.components)
    channels = describe_channels(pictures, pixels.components // samples, samples)
    given = [point.name for point in frames.points]
    # Without a loop of positions there is one scene, which has no name.
    given += [None] * (frames.numbers.shape[0] - len(given))
    names = distinguish_scenes(given)
    time_step = next((loop.step for loop in frames.loops if loop.letter == "T"), None)
    pixel_size = parse_pixel_size(sequence, frames)
    acquired, objective = parse_date(sequence), parse_objective(sequence)
    exposures = find_exposures(sequence)
    scenes = []
    for position, name in enumerate(names):
        array = lay_out_scene(container, pixels, frames, position, samples, table)
        scenes.append(
            Scene(
                name=name,
                levels=(array,),
                channels=channels,
                pixel_size=pixel_size,
                time_step=time_step,
                acquired=acquired,
                objective=objective,
                planes=describe_planes(frames, position, columns, sequence, exposures),
            )
        )
    return tuple(scenes)


def _write_raw(text_info: Tree) -> str | None:
    """Write the texts of the file as JSON; they hold what the user and the microscope noted."""
    tree = text_info.get("SLxImageTextInfo", text_info)
    return TEXTS.encode(tree) if tree else None
