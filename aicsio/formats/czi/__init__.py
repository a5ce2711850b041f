"""Zeiss CZI, native or by aicspylibczi. Imports `_io`, `_codecs` and `records`.

``index`` reads the container: ``segments``, ``directory``, ``file_parts``, ``recovery`` where the
directory is damaged, ``soundness`` for entries that cannot be shown; ``attachments`` reads time
stamps and events. ``scenes`` groups subblocks: ``grid`` by plane, ``levels`` by resolution
(``level_coverage``: the regions that one covers), ``canvas`` by place, ``outliers`` leave;
``stacks`` describes those that need none of it, ``scene_data`` is what both give.
``layout`` turns them into pieces, ``boxes`` for many windows at once, ``pixels`` has types and
codecs, ``columns`` asks whole columns of numbers.

``metadata`` and ``scene_metadata`` read the XML, of which ``xml_sections`` cuts out what is needed;
``channel_numbers`` finds the positions of its channels, ``times`` gives time stamps to planes,
``descriptions`` makes the records, ``origins`` has the places of facts. ``instrument``
(``devices``) and ``plates`` make the parts of OME beyond them;
facts of single subblocks are those of ``subblock_metadata``, ``structure`` walks the segments for
``integrity``. ``libczi_engine`` is the second engine, after ``segment_checks`` of every subblock
head.

Rule kept here: the container is indexed and checked by this package whichever engine reads the
pixels.
"""

import importlib.util
from collections.abc import Iterator
from typing import cast
from xml.etree.ElementTree import Element

import attrs
import numpy as np

from aicsio.errors import CorruptFileError, MissingDependencyError, UnsupportedFormatError
from aicsio.formats import Options
from aicsio.formats.czi import index as container
from aicsio.formats.czi import subblock_metadata
from aicsio.formats.czi.attachments import parse_events, read_time_stamps
from aicsio.formats.czi.columns import Bools, distinct, find_ends, holds_somewhere
from aicsio.formats.czi.descriptions import describe_scenes, gather_facts
from aicsio.formats.czi.directory import Subblocks
from aicsio.formats.czi.index import Index, read_index
from aicsio.formats.czi.layout import CziLayout
from aicsio.formats.czi.metadata import parse_metadata
from aicsio.formats.czi.pixels import explain_undecodable
from aicsio.formats.czi.scene_data import SceneData
from aicsio.formats.czi.stacks import Stack, describe_stack
from aicsio.formats.czi.times import find_ranges, fit_times
from aicsio.records import (
    Attachment,
    Contents,
    Damage,
    Diagnostic,
    Event,
    LazyArray,
    Planes,
    Scene,
    Source,
)
from aicsio.records.provenance import FactOrigins


def recognises(source: Source, head: bytes, /) -> bool:  # noqa: ARG001 - the head decides
    """Return whether the file begins with the segment ``ZISRAWFILE``."""
    return head.startswith(b"ZISRAWFILE")


def read_contents(source: Source, options: Options, /) -> Contents:
    """Describe the scenes of a CZI file.

    Raises
    ------
    CorruptFileError
        When the file has no usable subblock, or its positions are those of no image.
    UnsupportedFormatError
        When no engine decodes the subblocks, or all of them lie in other files of a set, or masks
        are requested of aicspylibczi.
    MissingDependencyError
        When only aicspylibczi may decode them, or it was requested, and it is not installed.
    """
    index = read_index(source)
    _require_subblocks(index)
    metadata, notes = parse_metadata(index.metadata)
    pixels = _describe_pixels(index, options)
    engine, data = pixels.engine, pixels.data
    stamps, stamp_notes = read_time_stamps(index)
    # The attachment has a stamp for each time point; without it, the offsets in the XML serve.
    stamps = stamps or metadata.times
    ranges = find_ranges(data) if stamps else {}
    times, fit_notes = fit_times(stamps, ranges, len(data), source.uri)
    has_times, first_notes = _look_at_some_subblocks(source, pixels.samples, masks=options.masks)
    facts = gather_facts(pixels.channel_positions, metadata, times, planes_have_times=has_times)
    scenes = describe_scenes(data, facts)
    all_notes = (
        *index.diagnostics,
        *notes,
        *pixels.diagnostics,
        *index.left_out.diagnostics(),
        *stamp_notes,
        *fit_notes,
        *first_notes,
        *pixels.engine_notes,
    )
    if engine == "native":
        return Contents(scenes, index.metadata, all_notes)
    # Imported here: the native engine must work where the GPL library is not installed.
    from aicsio.formats.czi import libczi_engine

    # The scenes of the native engine are handed over: the library knows neither names nor sizes.
    tiles = options.mosaic == "tiles"
    contents = libczi_engine.read_contents(index, scenes, data, all_notes, tiles=tiles)
    if pixels.engine_notes:
        # The caller did not request the library: one subblock shows whether it decodes the file.
        libczi_engine.probe(contents, pixels.engine_notes[0].message)
    return contents


def _require_subblocks(index: Index) -> None:
    if len(index.directory.file_position):
        return
    # A file of a set may hold nothing but the directory: joining the files is the cure, not a
    # repair.
    missing = [note for note in index.diagnostics if note.code == "missing-file-parts"]
    if missing:
        raise UnsupportedFormatError(
            f"{index.source.uri}: {missing[0].message}; "
            "join the files in ZEN (Save as one file) and open the result"
        )
    message = "expected at least one subblock, the directory lists none"
    raise CorruptFileError.at(index.source.uri, None, message)


# ---------------------------------------------------------------- pixels and engines


@attrs.define(eq=False, repr=False)
class _Pixels:
    """Scenes as the subblocks give them. Not a record: it lives while a file is opened."""

    engine: str
    data: tuple[SceneData, ...]
    channel_positions: list[int]
    """Positions along C of the subblocks, ascending."""
    samples: tuple[int, ...]
    """Byte offsets of subblocks whose metadata stand for those of all, the first one first."""
    diagnostics: tuple[Diagnostic, ...] = ()
    engine_notes: tuple[Diagnostic, ...] = ()


def _describe_pixels(index: Index, options: Options) -> _Pixels:
    """Choose the engine, and describe the scenes that it shows."""
    stack = index.directory
    if (
        isinstance(stack, Stack)
        and options.engine != "aicspylibczi"
        and explain_undecodable(stack.compression) is None
    ):
        pixels = _Pixels("native", (describe_stack(index.source, stack),), [], ())
        if "C" in stack.first:
            count = pixels.data[0].levels[0].stored["C"]
            pixels.channel_positions = list(range(stack.first["C"], stack.first["C"] + count))
        pixels.samples = find_ends(stack.file_position)
    else:
        pixels = _describe_any_pixels(index, options)
    if options.masks and pixels.engine == "native":
        pixels.data = _apply_masks(pixels.data)
    elif options.masks:
        raise UnsupportedFormatError(
            f"{index.source.uri}: aicspylibczi applies no masks of valid pixels; leave out masks=True, "
            "or use engine='native' if it decodes the subblocks"
        )
    return pixels


def _describe_any_pixels(index: Index, options: Options) -> _Pixels:
    from aicsio.formats.czi.scenes import (
        build_scenes,
    )  # 4 ms with its modules, which stacks do without

    blocks = index.subblocks
    # The engine is chosen before scenes are built: a scene must not count on subblocks that the
    # chosen engine cannot decode.
    engine, engine_notes, undecodable = _choose_engine(index, blocks, options.engine)
    if engine == "native":
        blocks = index.left_out.drop(blocks, *undecodable)
    tiles = options.mosaic == "tiles"
    data, notes = build_scenes(index.source, blocks, index.left_out, tiles=tiles)
    channel_positions = distinct(blocks.start["C"]) if "C" in blocks.start else []
    samples = _choose_samples(blocks)
    return _Pixels(engine, data, channel_positions, samples, notes, engine_notes)


def _choose_samples(blocks: Subblocks) -> tuple[int, ...]:
    """Choose the subblocks whose metadata stand for those of all: ZEN writes the same kinds with each.

    But masks may belong to the tiles of a pyramid alone, or to the upper tiles, so two more are looked at.
    """
    if not len(blocks):
        return ()
    positions = blocks.file_position
    coarse = blocks.stored_size["X"] < blocks.size["X"]
    if holds_somewhere(coarse):
        return (*find_ends(positions), find_ends(positions[coarse])[0])
    return find_ends(positions)


def _choose_engine(
    index: Index, blocks: Subblocks, requested: str | None
) -> tuple[str, tuple[Diagnostic, ...], tuple[Bools, str]]:
    """Choose the engine: the requested one, else native, else aicspylibczi.

    Returns the engine, diagnostics, and the subblocks that native leaves out, with the reason.
    aicspylibczi is taken if native cannot decode some subblocks; without it, the others are shown.
    """
    uri = index.source.uri
    undecodable = np.zeros(len(blocks), np.bool_)
    reason = ""
    if requested == "aicspylibczi":
        return requested, (), (undecodable, reason)
    for compression in distinct(blocks.compression):
        explanation = explain_undecodable(compression)
        if explanation is not None:
            undecodable |= blocks.compression == compression
            reason = reason or explanation
    if not reason:
        return "native", (), (undecodable, reason)
    readable = not undecodable.all()
    # libCZI opens a path here; bytes and URLs have none.
    is_local_file = index.source.local and index.source.content is None
    if requested == "native" or not is_local_file:
        if readable:
            return "native", (), (undecodable, reason)
        raise UnsupportedFormatError(
            f"{uri}: {reason}; engine='aicspylibczi' may read it, of local files"
        )
    if importlib.util.find_spec("aicspylibczi") is None:
        if readable:
            return "native", (), (undecodable, reason)
        raise MissingDependencyError(
            f"{uri}: {reason}. Zeiss' own library may read it: pip install 'aicsio[aicspylibczi]'"
        )
    if readable and 2 * undecodable.sum() < len(blocks):
        # The library reads files of one kind: a few strange entries among many are damage.
        return "native", (), (undecodable, reason)
    note = Diagnostic("second-engine", f"{reason}: aicspylibczi reads the pixels", uri)
    return "aicspylibczi", (note,), (undecodable, reason)


def _apply_masks(data: tuple[SceneData, ...]) -> tuple[SceneData, ...]:
    """Let all layouts leave out the pixels that masks call not valid."""
    masked: list[SceneData] = []
    for one in data:
        levels = tuple(
            attrs.evolve(level, layout=attrs.evolve(cast("CziLayout", level.layout), masked=True))
            for level in one.levels
        )
        masked.append(attrs.evolve(one, levels=levels))
    return tuple(masked)


def _look_at_some_subblocks(
    source: Source, positions: tuple[int, ...], *, masks: bool
) -> tuple[bool, tuple[Diagnostic, ...]]:
    """Return whether subblocks hold times of their own, and a diagnostic of masks not applied."""
    if not positions:
        return False, ()
    try:
        texts = tuple(subblock_metadata.read_texts(source, tuple(dict.fromkeys(positions))))
    except CorruptFileError:
        # Damage of a subblock is reported when its pixels are read.
        return False, ()
    has_time = subblock_metadata.has_time(texts[0])
    # libCZI, "Valid-Pixel Mask Concept": the metadata of the subblock name the format of its
    # attachment in DataFormat; "the value must be CHUNKCONTAINER (case-sensitive)".
    if masks or not any(b"CHUNKCONTAINER" in text for text in texts):
        return has_time, ()
    message = (
        "subblocks have chunks beside their pixels, such as masks of valid pixels; "
        "masks are not applied, and every stored pixel is shown; open with masks=True to apply them"
    )
    return has_time, (Diagnostic("subblock-masks", message, source.uri),)


# ---------------------------------------------------------------- optional protocols of a format


def list_attachments(source: Source, /) -> tuple[Attachment, ...]:
    """Return the attachments of a file, in file order."""
    return container.list_attachments(source)


def read_attachment(source: Source, attachment: Attachment, /) -> bytes:
    """Return the content of one attachment, as stored."""
    return container.read_attachment_data(source, attachment)


def list_events(source: Source, /) -> tuple[Event, ...]:
    """Return the events of a file; empty if it has no list."""
    for one in container.list_attachments(source):
        if one.name.lower() == "eventlist":
            return parse_events(container.read_attachment_data(source, one), source)
    return ()


def describe_instrument(source: Source, contents: Contents, /) -> Element | None:  # noqa: ARG001
    """Return the parts of OME that the XML has and the records lack."""
    from aicsio.formats.czi import instrument  # with its rooms of OME 10 ms, for few callers

    return instrument.describe_instrument(contents.metadata, contents.scenes)


def read_planes(scene: Scene, level: LazyArray, /) -> Planes | None:
    """Return the facts of each plane; those of the scene if another engine reads the pixels."""
    layout = level.layout
    if not isinstance(layout, CziLayout):
        return scene.planes
    return subblock_metadata.read_planes(scene, layout, level.stored)


def read_subblock_metadata(source: Source, array: LazyArray, /) -> tuple[str, ...] | None:
    """Return the XML of the subblocks that ``array`` shows; ``None`` if another engine reads them."""
    if not isinstance(array.layout, CziLayout):
        return None
    positions = dict.fromkeys(array.layout.find_shown(array.view.picks))
    texts = subblock_metadata.read_texts(source, tuple(positions))
    return tuple(text.decode("utf-8", "replace") for text in texts)


def check_structure(source: Source, /) -> Iterator[Damage]:
    """Walk the segments of a file; see ``ChecksStructure``."""
    from aicsio.formats.czi import structure

    return structure.find_faults(source)


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001 - the protocol
    """Return the places of the XML, the attachments and the directory."""
    from aicsio.formats.czi import origins

    return origins.trace(contents, scene)
