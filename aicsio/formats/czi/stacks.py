"""A directory that is one plain stack: one subblock a plane, all of one kind, in the order of the planes. Pure.

Rule kept here: a stack is described as ``scenes.build_scenes`` describes it, or is left to it. Most
files of a confocal microscope are such stacks, and small: that their entries differ by position alone is
seen in 15 us, where to put them into columns, check, group, place and compare these takes 150.

Source of the structures: as in ``directory``.
"""

import struct
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.formats.czi.columns import Ints, find_ends
from aicsio.formats.czi.directory import (
    DIMENSION_SIZE,
    ENTRY_HEAD_SIZE,
    MAX_DIMENSIONS,
    MAX_SIZE,
    SPECIFIED_LETTERS,
    Subblocks,
    last_position,
    parse_entries,
)
from aicsio.formats.czi.layout import CziLayout
from aicsio.formats.czi.pixels import PIXEL_TYPES
from aicsio.formats.czi.scene_data import (
    BIGGEST_CANVAS,
    NOT_PLANE_LETTERS,
    SHORT_AXIS,
    SceneData,
)
from aicsio.records import Dims, LazyArray, Source
from aicsio.records.packed import PackedIntegers

# Schema (2 bytes), PixelType, FilePosition, FilePart, Compression, 6 bytes, DimensionCount.
_ENTRY = struct.Struct("<2siqii6xi")
# Dimension, Start, Size, StartCoordinate, StoredSize.
_DIMENSION = struct.Struct("<4sii4xi")
_LETTERS = {letter.encode().ljust(4, b"\0"): letter for letter in SPECIFIED_LETTERS}
_PLANE_LETTERS = "".join(letter for letter in SPECIFIED_LETTERS if letter not in NOT_PLANE_LETTERS)
_FILE_POSITION = slice(6, 14)
"""Bytes of an entry that hold the position in the file."""


@attrs.define(eq=False, repr=False)
class Stack:
    """A plain stack, as the directory lists it. Not a record: it lives while a file is opened."""

    raw: bytes
    """The entries."""
    base: int
    """Byte offset of the entries in the file."""
    count: int
    """Number of entries: planes in C order."""
    file_position: Ints
    """Byte offsets of the subblocks."""
    file_part: int
    """Number of the file of a set that holds them."""
    pixel_type: int
    """Number of the pixel type."""
    compression: int
    """Number of the compression."""
    frame: tuple[int, int]
    """Rows and columns of each plane."""
    number: int | None
    """Position along S; ``None`` if the entries have no S."""
    first: dict[str, int]
    """First position, by letter of a plane axis."""
    shape: tuple[int, ...]
    """Positions along the plane axes."""
    segment_size: Ints = attrs.field(init=False)
    """Bytes from each subblock to the next segment; ``read_index`` measures them."""

    def columns(self, source: Source) -> Subblocks:
        """Return the entries as the columns of any directory, without the sizes of their segments."""
        blocks, _ = parse_entries(self.raw, self.count, self.base, source)
        return blocks


@attrs.define
class _Dimension:
    """A dimension of the entries, and how its start grows along them."""

    slot: int
    """Place among the dimensions of an entry."""
    start: int
    """That of the first entry."""
    size: int
    stored_size: int
    length: int
    """Number of positions, by the first and the last entry."""


def find_stack(raw: bytes, count: int, base: int, source: Source) -> Stack | None:
    """Return the plain stack that directory entries list; ``None`` if they may be anything else.

    Parameters
    ----------
    raw, count, base, source
        As ``directory.parse_entries`` takes them.
    """
    if count < 1 or len(raw) < ENTRY_HEAD_SIZE:
        return None
    schema, pixel_type, _, file_part, compression, ndim = _ENTRY.unpack_from(raw)
    is_entry = schema == b"DV" and 0 < ndim <= MAX_DIMENSIONS and pixel_type in PIXEL_TYPES
    nbytes = ENTRY_HEAD_SIZE + DIMENSION_SIZE * ndim
    if not is_entry or count * nbytes > len(raw):
        return None
    dimensions = _read_dimensions(raw, count, nbytes)
    frame = None if dimensions is None else _find_frame(dimensions)
    if dimensions is None or frame is None:
        return None
    axes = [(letter, dimensions[letter]) for letter in _PLANE_LETTERS if letter in dimensions]
    if not _follow_grid(raw, count, nbytes, [axis for _, axis in axes], ndim):
        return None
    positions = np.ndarray((count,), "<i8", raw, 6, (nbytes,)).astype(np.int64)
    lowest, highest = find_ends(positions)
    if lowest < 0 or highest > last_position(source):
        return None
    return Stack(
        raw,
        base,
        count,
        positions,
        file_part,
        pixel_type,
        compression,
        frame,
        dimensions["S"].start if "S" in dimensions else None,
        {letter: axis.start for letter, axis in axes},
        tuple([axis.length for _, axis in axes]),
    )


def _read_dimensions(raw: bytes, count: int, nbytes: int) -> dict[str, _Dimension] | None:
    """Read the dimensions of the first entry, and the starts of the last; ``None`` if some are unusual."""
    dimensions: dict[str, _Dimension] = {}
    last = raw[(count - 1) * nbytes + ENTRY_HEAD_SIZE : count * nbytes]
    ends = _DIMENSION.iter_unpack(last)
    fields = _DIMENSION.iter_unpack(raw[ENTRY_HEAD_SIZE:nbytes])
    for slot, ((name, start, size, stored), (_, end, _, _)) in enumerate(
        zip(fields, ends, strict=True)
    ):
        letter = _LETTERS.get(name)
        # Tiles and several planes in a subblock need more than is done here.
        if letter is None or letter in dimensions or letter == "M":
            return None
        length = end - start + 1
        if letter not in NOT_PLANE_LETTERS:
            if not 0 <= size <= 1 or not 1 <= length <= SHORT_AXIS:
                return None
        elif length != 1 or (letter == "S" and not 0 <= size <= 1):
            return None
        dimensions[letter] = _Dimension(slot, start, size, stored, length)
    return dimensions


def _find_frame(dimensions: dict[str, _Dimension]) -> tuple[int, int] | None:
    """Return rows and columns of the planes, if they are stored as large as they are."""
    sizes: list[int] = []
    for letter in "YX":
        axis = dimensions.get(letter)
        # Section 3.2: the stored size is given "if sub / supersampling, else 0".
        if axis is None or axis.stored_size not in (0, axis.size) or not 1 <= axis.size <= MAX_SIZE:
            return None
        sizes.append(axis.size)
    return None if sizes[0] * sizes[1] > BIGGEST_CANVAS else (sizes[0], sizes[1])


def _follow_grid(raw: bytes, count: int, nbytes: int, axes: list[_Dimension], ndim: int) -> bool:
    """Whether each entry is the first one but for its position, and entry n is of plane n in C order."""
    plane_count = 1
    for axis in axes:
        plane_count *= axis.length
    if plane_count != count:
        return False
    # A copy, in which the numbers that may differ become 0: what is left repeats the first entry.
    octets = bytearray(raw[: count * nbytes])
    entries: npt.NDArray[Any] = np.ndarray((count, nbytes), np.uint8, octets)
    entries[:, _FILE_POSITION] = 0
    # StartCoordinate is not read.
    strides = nbytes, DIMENSION_SIZE
    np.ndarray((count, ndim), "<i4", octets, ENTRY_HEAD_SIZE + 12, strides).fill(0)
    inner = 1
    for axis in reversed(axes):
        if axis.length == 1:
            continue
        offset = ENTRY_HEAD_SIZE + DIMENSION_SIZE * axis.slot + 4
        starts: npt.NDArray[Any] = np.ndarray((count,), "<i4", octets, offset, (nbytes,))
        numbers = np.arange(count)
        if inner > 1:
            numbers //= inner
        if numbers[-1] >= axis.length:
            numbers %= axis.length
        if np.count_nonzero(starts - axis.start != numbers):
            return False
        starts.fill(0)
        inner *= axis.length
    return octets == octets[:nbytes] * count


def describe_stack(source: Source, stack: Stack) -> SceneData:
    """Describe a stack as one scene of one level."""
    count = stack.count
    pixel_type = PIXEL_TYPES[stack.pixel_type]
    samples = pixel_type.samples if pixel_type.samples > 1 else 0
    sample_shape = (samples,) if samples else ()
    shape, frame = stack.shape, stack.frame
    zeros = PackedIntegers.constant(0, count)
    layout = CziLayout(
        source=source,
        shape=(*shape, *frame, *sample_shape),
        block_shape=(*(1,) * len(shape), *frame, *sample_shape),
        plane_ndim=len(shape),
        samples=samples,
        keys=None,
        per_plane=1,
        row_count=count,
        file_position=PackedIntegers.pack(stack.file_position),
        segment_size=PackedIntegers.pack(stack.segment_size),
        y=zeros,
        x=zeros,
        height=PackedIntegers.constant(frame[0], count),
        width=PackedIntegers.constant(frame[1], count),
        pixel_type=PackedIntegers.constant(stack.pixel_type, count),
        compression=PackedIntegers.constant(stack.compression, count),
        inner_index=zeros,
        inner_count=PackedIntegers.constant(1, count),
    )
    first = stack.first
    dims = Dims("".join(first) + "YX" + "S" * (samples > 0), layout.shape)
    array = LazyArray.whole(layout, dims, pixel_type.dtype)
    places = tuple(first.items())
    return SceneData(stack.number, (array,), (np.arange(count),), places, None, (1.0, 1.0))
