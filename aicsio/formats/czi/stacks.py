"""A directory that is one plain stack: one subblock a plane, all of one kind, in the order of the planes. Pure.

Rule kept here: a stack is described as ``scenes.build_scenes`` describes it, or is left to it. Most
files of a confocal microscope are such stacks, and small: that they are is seen in 50 us, where to
group, place and compare their columns takes 130.
"""

import numpy as np

from aicsio.formats.czi.columns import Ints, find_ends
from aicsio.formats.czi.directory import SPECIFIED_LETTERS, Subblocks
from aicsio.formats.czi.grid import NOT_PLANE_LETTERS, SHORT_AXIS
from aicsio.formats.czi.layout import CziLayout
from aicsio.formats.czi.outliers import BIGGEST_CANVAS
from aicsio.formats.czi.pixels import PIXEL_TYPES
from aicsio.formats.czi.scenes import SceneData, build_scenes
from aicsio.formats.czi.soundness import LeftOut
from aicsio.records import Diagnostic, Dims, LazyArray, Source
from aicsio.records.packed import PackedIntegers


def describe_directory(
    source: Source, blocks: Subblocks, left_out: LeftOut, *, tiles: bool
) -> tuple[tuple[SceneData, ...], tuple[Diagnostic, ...]]:
    """Describe the subblocks as a stack, else as ``scenes.build_scenes`` does, with its parameters."""
    stack = build_stack(source, blocks)
    if stack is not None:
        return (stack,), ()
    return build_scenes(source, blocks, left_out, tiles=tiles)


def build_stack(source: Source, blocks: Subblocks) -> SceneData | None:
    """Describe the subblocks as one scene of one level if they are a plain stack, else return ``None``.

    Parameters
    ----------
    source
        The file.
    blocks
        Its subblocks, at least one.
    """
    start, count = blocks.start, len(blocks)
    # Tiles, several planes in a subblock, and letters of some entries only need more than is done here.
    present = list(blocks.present.values())
    if not count or "M" in start or blocks.slot or any(one is not present[0] for one in present):
        return None
    if not start.keys() <= set(SPECIFIED_LETTERS) or not present[0].all():
        return None
    pixel_number, compression = _constant(blocks.pixel_type), _constant(blocks.compression)
    frame = _find_frame(blocks)
    if pixel_number not in PIXEL_TYPES or compression is None or frame is None:
        return None
    number = _constant(start["S"]) if "S" in start else None
    if "S" in start and number is None:
        return None
    grid = _find_grid(blocks)
    if grid is None:
        return None
    first, shape = grid
    pixel_type = PIXEL_TYPES[pixel_number]
    samples = pixel_type.samples if pixel_type.samples > 1 else 0
    sample_shape = (samples,) if samples else ()

    def repeat(value: int) -> PackedIntegers:
        return PackedIntegers.constant(value, count)

    layout = CziLayout(
        source=source,
        shape=(*shape, *frame, *sample_shape),
        block_shape=(*(1,) * len(shape), *frame, *sample_shape),
        plane_ndim=len(shape),
        samples=samples,
        keys=None,
        per_plane=1,
        row_count=count,
        file_position=PackedIntegers.pack(blocks.file_position),
        segment_size=PackedIntegers.pack(blocks.segment_size),
        y=repeat(0),
        x=repeat(0),
        height=repeat(frame[0]),
        width=repeat(frame[1]),
        pixel_type=repeat(pixel_number),
        compression=repeat(compression),
        inner_index=repeat(0),
        inner_count=repeat(1),
    )
    dims = Dims("".join(first) + "YX" + "S" * (samples > 0), layout.shape)
    array = LazyArray.whole(layout, dims, pixel_type.dtype)
    listing = blocks.listing_index
    return SceneData(number, (array,), (listing,), tuple(first.items()), None, (1.0, 1.0))


def _constant(values: Ints) -> int | None:
    """Return the number of all rows; ``None`` if they differ."""
    low, high = find_ends(values)
    return low if low == high else None


def _find_frame(blocks: Subblocks) -> tuple[int, int] | None:
    """Return rows and columns of all planes, at one place and stored as large as they are."""
    sizes: list[int] = []
    for letter in "YX":
        size = _constant(blocks.size[letter])
        at_one_place = _constant(blocks.start[letter]) is not None
        if size is None or not at_one_place or _constant(blocks.stored_size[letter]) != size:
            return None
        sizes.append(size)
    return None if sizes[0] * sizes[1] > BIGGEST_CANVAS else (sizes[0], sizes[1])


def _find_grid(blocks: Subblocks) -> tuple[dict[str, int], tuple[int, ...]] | None:
    """Return the first position and the length of each plane axis if the planes follow each other."""
    first: dict[str, int] = {}
    shape: list[int] = []
    keys: Ints | int = 0
    plane_count = 1
    for letter in SPECIFIED_LETTERS:
        if letter not in blocks.start or letter in NOT_PLANE_LETTERS:
            continue
        low, high = find_ends(blocks.start[letter])
        length = high - low + 1
        if length > SHORT_AXIS:
            return None
        first[letter] = low
        shape.append(length)
        plane_count *= length
        # The number of the plane in C order: an axis of one position does not change it.
        if length > 1:
            keys = keys * length + (blocks.start[letter] - low)
    count = len(blocks)
    # In order and without gaps: row n has to be plane n.
    if plane_count != count or np.count_nonzero(keys != np.arange(count)):
        return None
    return first, tuple(shape)
