"""Contents of ND2 files of JPEG 2000 boxes: frames of codestreams, and their metadata as XML.

Rule kept here: a codestream that the file lacks yields no piece, so that its plane is zero; metadata
that cannot be parsed cost their facts, never the pixels.

Source of the facts: as for ``boxes``. The metadata are those of NIS-Elements 3 under other names of
boxes: VIMD the picture metadata of each frame, AIM1 or AIMD the loops, TINF the texts. Frames follow
each other; each has one codestream a channel.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._codecs.image_headers import jpeg2000_header
from aicsio._io import readers
from aicsio._ome.xml import decode_xml, parse_root, remove_declaration
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.nd2.boxes import BoxMap, read_boxes
from aicsio.formats.nd2.experiment import Loop, arrange_frames, parse_loops
from aicsio.formats.nd2.fields import text
from aicsio.formats.nd2.metadata import (
    describe_channels,
    find_planes,
    parse_date,
    parse_objective,
    parse_pixel_size,
)
from aicsio.formats.nd2.variants import MalformedError, Tree, parse
from aicsio.records import (
    Codec,
    Contents,
    Diagnostic,
    Dims,
    DType,
    Encoded,
    LazyArray,
    Piece,
    Planes,
    Scene,
    Selection,
    Source,
)
from aicsio.records.lazy import window_in_array
from aicsio.records.packed import PackedIntegers
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short
from aicsio.records.scenes import distinguish_scenes

Numbers = npt.NDArray[np.int64]
HEADER_NBYTES: Final = 512
"""Bytes of a codestream that hold its size and the depth of its components."""
DIMENSION: Final = re.compile(r"(XY|T|Z|λ)'?\((\d{1,9})\)")
"""A dimension in the text of an acquisition, such as ``T(24)``."""
DIMENSION_LETTERS: Final = {"XY": "P", "T": "T", "Z": "Z"}
FACTS: Final = (
    ("time", "dTimeMSec", 0.001),
    ("x", "dXPos", 1.0),
    ("y", "dYPos", 1.0),
    ("z", "dZPos", 1.0),
)
"""Facts of a frame: the element that has them, and the factor to the unit of records."""
MOST_FRAMES_READ: Final = 100_000
"""Frames whose metadata are read, 20 KB each."""


@printed_short
@pickled_by_position
@attrs.frozen
class BoxedLayout:
    """Codestreams of one scene."""

    source: Source
    """The file."""
    shape: tuple[int, ...]
    """Stored shape: axes of frames, channels, rows, columns, and samples if there are several."""
    lead: int
    """Number of axes in front of rows."""
    dtype: DType
    """Stored type."""
    offsets: PackedIntegers
    """One a plane: byte offset of its codestream; -1 where the file lacks it."""
    lengths: PackedIntegers
    """One a plane: bytes from there to the next box."""
    fact_offsets: PackedIntegers
    """One a frame: byte offset of its metadata; -1 where the file lacks them."""
    fact_lengths: PackedIntegers
    """One a frame: bytes of its metadata."""

    @property
    def block_shape(self) -> tuple[int, ...]:
        """One plane with its samples."""
        return (*(1,) * self.lead, *self.shape[self.lead :])

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        starts, counts = window_in_array(block, self.block_shape, window)
        lead = self.lead
        codec = Codec("jpeg2k", (("sampled", len(self.shape) > lead + 2),))
        for inside in np.ndindex(*counts[:lead]):
            place = tuple(start + step for start, step in zip(starts, inside, strict=False))
            plane = int(np.ravel_multi_index(place, self.shape[:lead]))
            offset = self.offsets.at(plane)
            if offset < 0:
                continue
            selection = Selection(
                (*(0,) * lead, *starts[lead:]),
                (*(1,) * lead, *counts[lead:]),
                (*inside, *(0,) * (len(counts) - lead)),
            )
            nbytes = self.lengths.at(plane)
            yield Encoded(
                self.source, offset, nbytes, (codec,), self.block_shape, self.dtype, selection
            )


def read_boxed(source: Source) -> Contents:
    """Describe the scenes of an ND2 of JPEG 2000 boxes.

    Raises
    ------
    CorruptFileError
        When it has no map of boxes, or no codestream.
    UnsupportedFormatError
        When components are signed or have more than 16 bits.
    """
    boxes = read_boxes(source)
    notes: list[Diagnostic] = []
    if boxes.lost:
        message = f"{boxes.lost} boxes of its map lie beyond the end of the file: left out"
        notes.append(Diagnostic("nd2-missing-chunks", message, source.uri, loss=True))
    size, samples, dtype = _read_size(boxes)
    sequence = _read_tree(boxes, "VIMD", notes)
    planes = [_named(plane) for plane in find_planes(sequence)]
    frame_count = len(boxes.tagged.get("VCAL", ())) or len(boxes.tagged.get("VIMD", ()))
    channels = len(planes) or max(len(boxes.codestreams) // max(frame_count, 1), 1)
    # Rounded up: an acquisition may have stopped between the channels of a frame.
    held = -(-len(boxes.codestreams) // channels)
    frames, trouble = arrange_frames(_find_loops(boxes, notes), held)
    notes += trouble
    missing = frames.numbers.size - held
    if missing > 0:
        message = f"{missing} of {frames.numbers.size} frames are not in the file: they are zero"
        notes.append(Diagnostic("nd2-missing-frames", message))
    time_step = next((loop.step for loop in frames.loops if loop.letter == "T"), None)
    scenes = []
    for position, name in enumerate(distinguish_scenes([None] * frames.numbers.shape[0])):
        array = _lay_out(
            boxes, frames.numbers[position, ...], frames.letters, channels, (*size, samples), dtype
        )
        scenes.append(
            Scene(
                name=name,
                levels=(array,),
                channels=describe_channels(planes, channels, samples),
                pixel_size=parse_pixel_size(sequence, frames),
                time_step=time_step,
                acquired=parse_date(sequence),
                objective=parse_objective(_with_lens(sequence)),
            )
        )
    texts = _read_texts(boxes)
    raw = json.dumps(texts, ensure_ascii=False) if texts else None
    return Contents(tuple(scenes), raw, tuple(notes))


def _read_size(boxes: BoxMap) -> tuple[tuple[int, int], int, DType]:
    """Return rows and columns, samples and type of the first codestream."""
    uri = boxes.source.uri
    if not boxes.codestreams:
        raise CorruptFileError.at(uri, None, "expected a codestream, its map has none")
    offset, nbytes = boxes.codestreams[0]
    with readers.lend(boxes.source) as reader:
        header = jpeg2000_header(reader.read(offset, min(nbytes, HEADER_NBYTES)))
    if header is None or min(header.rows, header.columns) < 1:
        raise CorruptFileError.at(uri, offset, "expected a codestream with a size")
    depth = max(header.depths)
    if depth > 16 or any(header.signed) or len(header.depths) not in {1, 3}:
        raise UnsupportedFormatError(
            f"{uri} has {len(header.depths)} components of {depth} bits; 1 or 3 unsigned ones of up to "
            "16 bits are read"
        )
    dtype = np.dtype(np.uint8 if depth <= 8 else np.uint16)
    return (header.rows, header.columns), len(header.depths), dtype


def _lay_out(
    boxes: BoxMap,
    numbers: Numbers,
    letters: str,
    channels: int,
    plane: tuple[int, int, int],
    dtype: DType,
) -> LazyArray:
    """Return the array of the frames of one position of the stage."""
    rows, columns, samples = plane
    flat = numbers.reshape(-1, 1)
    # Shape (frames, channels), flattened: codestreams follow each other in this order.
    streams = (flat * channels + np.arange(channels)).reshape(-1)
    facts = boxes.tagged.get("VIMD", ())
    shape = (*numbers.shape, channels, rows, columns, *((samples,) if samples > 1 else ()))
    layout = BoxedLayout(
        source=boxes.source,
        shape=shape,
        lead=numbers.ndim + 1,
        dtype=dtype,
        offsets=_column(boxes.codestreams, streams, 0),
        lengths=_column(boxes.codestreams, streams, 1),
        fact_offsets=_column(facts, flat.reshape(-1), 0),
        fact_lengths=_column(facts, flat.reshape(-1), 1),
    )
    order = f"{letters}CYX{'S' if samples > 1 else ''}"
    return LazyArray.whole(layout, Dims(order, shape), dtype)


def _column(spans: tuple[tuple[int, int], ...], rows: Numbers, part: int) -> PackedIntegers:
    """Return offsets or lengths of some boxes; -1 for those that the file lacks."""
    # The last row stands for every box that the file lacks.
    table = np.array([*spans, (-1, 0)], np.int64)
    return PackedIntegers.pack(table[np.minimum(rows, len(spans)), part])


# ---------------------------------------------------------------- metadata


def _read_tree(boxes: BoxMap, tag: str, notes: list[Diagnostic]) -> Tree:
    """Return the metadata of the first box with a tag; empty, with a diagnostic, if damaged."""
    data = boxes.read(tag)
    if not data:
        return {}
    try:
        return _unwrap(parse(data))
    except MalformedError as error:
        message = f"the metadata {tag!r} are not read: {error}"
        notes.append(Diagnostic("nd2-metadata", message, boxes.source.uri))
        return {}


def _unwrap(tree: Any) -> Tree:
    """Return the level that holds the values: it lies within a variant, a list, or another name."""
    for _ in range(8):
        if isinstance(tree, dict) and "vMetadata" in tree:
            tree = tree["vMetadata"]
        elif (
            isinstance(tree, dict)
            and len(tree) == 1
            and not str(next(iter(tree))).startswith("LoopNo")
        ):
            tree = next(iter(tree.values()))
        elif isinstance(tree, list) and tree:
            tree = tree[0]
        else:
            break
    return tree if isinstance(tree, dict) else {}


def _find_loops(boxes: BoxMap, notes: list[Diagnostic]) -> tuple[Loop, ...]:
    """Return the loops of the experiment; the text of the acquisition has the positions taken."""
    tree = _read_tree(boxes, "AIM1", notes) or _read_tree(boxes, "AIMD", notes)
    listed = sorted(name for name in tree if str(name).startswith("LoopNo"))
    trees = [_unwrap(tree[name]) for name in listed] or [tree]
    loops = [loop for one in trees for loop in parse_loops(one)]
    counts = {}
    description = next((one for one in _read_texts(boxes) if "Dimensions:" in one), "")
    line = description.partition("Dimensions:")[2].partition("\n")[0]
    for name, count in DIMENSION.findall(line):
        counts[DIMENSION_LETTERS.get(name, "C")] = int(count)
    return tuple(
        attrs.evolve(loop, count=counts[loop.letter], points=loop.points[: counts[loop.letter]])
        if counts.get(loop.letter)
        else loop
        for loop in loops
    )


def _read_texts(boxes: BoxMap) -> list[str]:
    """Return the texts of the acquisition, which are attributes of elements."""
    data = boxes.read("TINF")
    if not data:
        return []
    try:
        root = parse_root(remove_declaration(decode_xml(data)))
    except CorruptFileError:
        return []
    found = (element.get("Text", "") for element in root.iter() if "TextInfoItem" in element.tag)
    return [one for one in found if one]


def _named(plane: Tree) -> Tree:
    """Return a picture plane with a description: older ones have the optical configuration alone."""
    if text(plane.get("sDescription")):
        return plane
    return {**plane, "sDescription": plane.get("sOpticalConfigName")}


def _with_lens(sequence: Tree) -> Tree:
    """Return picture metadata that name the lens as later files do."""
    return {"wsObjectiveName": sequence.get("sObjectiveName"), **sequence}


def read_planes(layout: BoxedLayout, letters: str) -> Planes | None:
    """Read times and positions of frames from their metadata.

    Parameters
    ----------
    layout
        Of a scene.
    letters
        Of its axes of frames.
    """
    shape = layout.shape[: len(letters)]
    count = math.prod(shape)
    columns = {name: np.full(count, np.nan) for name, _, _ in FACTS}
    with readers.lend(layout.source) as reader:
        for number in range(min(count, MOST_FRAMES_READ)):
            offset = layout.fact_offsets.at(number)
            data = reader.read(offset, layout.fact_lengths.at(number)) if offset >= 0 else b""
            for name, element, factor in FACTS:
                columns[name][number] = _value_of(data, element) * factor
    times = columns["time"]
    if count and np.isfinite(times[0]):
        columns["time"] = np.round(times - times[0], 9)
    kept = {
        name: column.astype("<f8").tobytes()
        for name, column in columns.items()
        if np.isfinite(column).any()
    }
    return Planes(Dims(letters, shape), **kept, start=None) if kept else None


def _value_of(data: bytes, element: str) -> float:
    """Return the number of an element: all of the XML would take a hundred times as long."""
    found = re.search(rb"<" + element.encode() + rb'\s[^>]*?value="([^"]{1,40})"', data)
    try:
        return float(found[1]) if found is not None else math.nan
    except ValueError:
        return math.nan


def frame_order_of(array: LazyArray) -> str:
    """Return the letters of the axes of frames of a stored array."""
    return array.stored.order.partition("C")[0]
