"""Zeiss CZI, native or by aicspylibczi. Imports `_io`, `_codecs` and `records`.

``index`` reads the container: ``segments``, ``directory``, ``file_parts``, ``recovery`` where the
directory is damaged, ``soundness`` for entries that cannot be shown; ``attachments`` reads time
stamps and events. ``scenes`` groups subblocks: ``grid`` by plane, ``levels`` by resolution
(``level_coverage``: the regions that one covers), ``canvas`` by place, ``outliers`` leave;
``stacks`` describes those that need none of it.
``layout`` turns them into pieces, ``boxes`` for many windows at once, ``pixels`` has types and
codecs, ``columns`` asks whole columns of numbers.

``metadata`` and ``scene_metadata`` read the XML, of which ``xml_sections`` cuts out what is needed;
``times`` gives time stamps to planes, ``descriptions`` makes the records, ``origins`` has the
places of facts. ``instrument`` (``devices``) and ``plates`` make the parts of OME beyond them;
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
from aicsio.formats.czi.scenes import SceneData
from aicsio.formats.czi.stacks import describe_directory
from aicsio.formats.czi.times import fit_times
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
    # The engine is chosen before scenes are built: a scene must not count on subblocks that the
    # chosen engine cannot decode.
    engine, engine_notes, undecodable = _choose_engine(index, options.engine)
    blocks = index.subblocks
    if engine == "native":
        reason = undecodable[1]
        blocks = index.left_out.drop(blocks, undecodable[0], reason)
    tiles = options.mosaic == "tiles"
    data, scene_notes = describe_directory(source, blocks, index.left_out, tiles=tiles)
    if options.masks and engine == "native":
        data = _apply_masks(data)
    elif options.masks:
        raise UnsupportedFormatError(
            f"{source.uri}: aicspylibczi applies no masks of valid pixels; leave out masks=True, or "
            "use engine='native' if it decodes the subblocks"
        )
    stamps, stamp_notes = read_time_stamps(index)
    ranges = _find_ranges(data)
    # The attachment has a stamp for each time point; without it, the offsets in the XML serve.
    times, fit_notes = fit_times(stamps or metadata.times, ranges, len(data), source.uri)
    has_times, first_notes = _look_at_some_subblocks(source, blocks, masks=options.masks)
    facts = gather_facts(blocks, metadata, times, planes_have_times=has_times)
    scenes = describe_scenes(data, facts)
    all_notes = (
        *index.diagnostics,
        *notes,
        *scene_notes,
        *index.left_out.diagnostics(),
        *stamp_notes,
        *fit_notes,
        *first_notes,
        *engine_notes,
    )
    if engine == "native":
        return Contents(scenes, index.metadata, all_notes)
    # Imported here: the native engine must work where the GPL library is not installed.
    from aicsio.formats.czi import libczi_engine

    # The scenes of the native engine are handed over: the library knows neither names nor sizes.
    contents = libczi_engine.read_contents(index, scenes, data, all_notes, tiles=tiles)
    if engine_notes:
        # The caller did not request the library: one subblock shows whether it decodes the file.
        libczi_engine.probe(contents, engine_notes[0].message)
    return contents


def _require_subblocks(index: Index) -> None:
    if len(index.subblocks):
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


# ---------------------------------------------------------------- engines


def _choose_engine(
    index: Index, requested: str | None
) -> tuple[str, tuple[Diagnostic, ...], tuple[Bools, str]]:
    """Choose the engine: the requested one, else native, else aicspylibczi.

    Returns the engine, diagnostics, and the subblocks that native leaves out, with the reason.
    aicspylibczi is taken if native cannot decode some subblocks; without it, the others are shown.
    """
    blocks, uri = index.subblocks, index.source.uri
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


def _find_ranges(data: tuple[SceneData, ...]) -> dict[str, tuple[int, int]]:
    """Return first and last position in the file, over all scenes, per plane axis."""
    ranges: dict[str, tuple[int, int]] = {}
    for scene in data:
        if not scene.levels:
            continue
        stored = scene.levels[0].stored
        for letter, first in scene.first:
            # M counts the tiles of a plane; no time stamp belongs to a tile.
            if letter == "M":
                continue
            # Time stamps are listed once for the whole file, so the ranges join those of all
            # scenes.
            low, high = ranges.get(letter, (first, first))
            ranges[letter] = (min(low, first), max(high, first + stored[letter] - 1))
    return ranges


def _look_at_some_subblocks(
    source: Source, blocks: Subblocks, *, masks: bool
) -> tuple[bool, tuple[Diagnostic, ...]]:
    """Return whether subblocks hold times of their own, and a diagnostic of masks not applied.

    One read stands for all: ZEN writes the same kinds of metadata with every subblock. But masks may
    belong to the tiles of a pyramid alone, or to the upper tiles, so two more are looked at.
    """
    if not len(blocks):
        return False, ()
    positions = blocks.file_position
    chosen = list(find_ends(positions))
    coarse = blocks.stored_size["X"] < blocks.size["X"]
    if holds_somewhere(coarse):
        chosen.append(find_ends(positions[coarse])[0])
    try:
        texts = tuple(subblock_metadata.read_texts(source, tuple(dict.fromkeys(chosen))))
    except CorruptFileError:
        # Damage of a subblock is reported when its pixels are read.
        return False, ()
    has_time = bool(np.isfinite(subblock_metadata.parse_facts(texts[0]).time))
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
