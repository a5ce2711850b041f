"""Memory blocks to lazy arrays: axes by their strides, channels and samples by their offsets.

Rule kept here: no pixel may lie outside of its memory block, and a block never shows more pixels
than it has room for.
"""

import itertools
import math

import attrs
import numpy as np

from aicsio.formats._leica.container import MemoryBlock
from aicsio.formats._leica.description import Axis, ChannelDescription, Unreadable
from aicsio.formats._leica.layout import LifLayout
from aicsio.records import Dims, LazyArray, Source

BLOCK_BYTES = 8 << 20
"""Bytes of a block: a few planes, as of raw TIFF. A block costs 40 us besides its bytes, a quarter of the
time in which 2 MiB are read."""


def lay_out_pixels(
    source: Source,
    block: MemoryBlock,
    axes: tuple[Axis, ...],
    channels: tuple[ChannelDescription, ...],
) -> LazyArray:
    """Lay out an image.

    Parameters
    ----------
    source
        The file.
    block
        Memory block of the image, as far as the file holds it.
    axes
        Slowest first.
    channels
        In the order of the description; red, green and blue of a colour image are three.

    Returns
    -------
    The array as it lies in memory: ``axes``, with C where its step belongs, and S last. The
    slowest axis has the positions that the block holds, if they are fewer: the scan was stopped.

    Raises
    ------
    Unreadable
        When pixels would lie outside of the memory block, or on top of each other.
    """
    sample_count = count_samples(channels)
    groups = group_samples(channels, sample_count)
    # Channels and samples are no DimensionDescriptions: they get their axes here.
    letters, shape, strides = [], [], []
    for axis in axes:
        letters.append(axis.letter)
        shape.append(axis.size)
        strides.append(axis.step)
    channel_axis = sample_axis = -1
    if len(groups) > 1:
        channel_axis = _place_of_channels(axes, groups)
        letters.insert(channel_axis, "C")
        shape.insert(channel_axis, len(groups))
        strides.insert(channel_axis, 0)
    if sample_count > 1:
        sample_axis = len(letters)
        letters.append("S")
        shape.append(sample_count)
        strides.append(0)
    if letters[0] not in "CSYX":
        shape[0] = _count_stored(block, shape, strides, channels)
    _check_inside(block, shape, strides, channels)
    offsets = _offsets(groups)
    dtypes = tuple(group[0].dtype for group in groups)
    channel_steps = _steps([group[0] for group in offsets])
    sample_steps = {step for group in offsets for step in _steps(group)}
    # Then one piece with strides shows any window; else each channel and sample needs its own.
    even = len(set(dtypes)) == 1 and len(channel_steps) <= 1 and len(sample_steps) <= 1
    if even and channel_axis >= 0:
        strides[channel_axis] = channel_steps.pop()
    if even and sample_axis >= 0:
        strides[sample_axis] = sample_steps.pop()
    # Channels of different types share an array of the type that numpy promotes them to.
    widest = dtypes[0] if len(set(dtypes)) == 1 else np.result_type(*dtypes)
    layout = LifLayout(
        source=source,
        shape=tuple(shape),
        strides=tuple(strides),
        block_shape=choose_block_shape(shape, widest.itemsize),
        channel=channel_axis,
        sample=sample_axis,
        even=even,
        offsets=tuple(block.offset + offset for group in offsets for offset in group),
        dtypes=dtypes,
    )
    return LazyArray.whole(layout, Dims("".join(letters), tuple(shape)), widest)


def keep_stored(axes: tuple[Axis, ...], array: LazyArray) -> tuple[tuple[Axis, ...], str | None]:
    """Return the axes with the positions that the array has, and a remark if they were more.

    Parameters
    ----------
    axes
        Slowest first, as described.
    array
        Of ``lay_out_pixels``.
    """
    first = axes[0]
    stored = array.stored[first.letter]
    if stored == first.size:
        return axes, None
    # The distance of two positions stays.
    length = first.length * (stored - 1) / (first.size - 1)
    remark = (
        f"{first.letter} has {stored} of {first.size} positions, as its memory block holds no more"
    )
    return (attrs.evolve(first, size=stored, length=length), *axes[1:]), remark


def count_samples(channels: tuple[ChannelDescription, ...]) -> int:
    """Return 3 when channels come in threes of adjacent red, green and blue, else 1."""
    if len(channels) % 3:
        return 1
    for start in range(0, len(channels), 3):
        three = channels[start : start + 3]
        # A fluorescence image may colour three channels red, green and blue; its planes lie apart.
        offsets = sorted(one.offset for one in three)
        adjacent = offsets[2] - offsets[0] == 2 * three[0].dtype.itemsize
        one_type = len({one.dtype for one in three}) == 1
        if {one.tag for one in three} != {1, 2, 3} or not one_type or not adjacent:
            return 1
    return 3


def group_samples(
    channels: tuple[ChannelDescription, ...], sample_count: int
) -> list[list[ChannelDescription]]:
    """Return the samples of each channel: red, green and blue by their tags."""
    starts = range(0, len(channels), sample_count)
    # LAS AF describes blue, green, red in the order of memory; S is always red, green, blue.
    return [sorted(channels[i : i + sample_count], key=lambda one: one.tag) for i in starts]


def _offsets(groups: list[list[ChannelDescription]]) -> list[list[int]]:
    """Return byte offsets in the memory block: for each channel, those of its samples."""
    return [[one.offset for one in group] for group in groups]


def _steps(offsets: list[int]) -> set[int]:
    """Return the distances of neighbours. Lists: of a few channels, ``np.diff`` takes 10 us."""
    return {later - earlier for earlier, later in itertools.pairwise(offsets)}


def _place_of_channels(axes: tuple[Axis, ...], groups: list[list[ChannelDescription]]) -> int:
    """Return the index that C takes among the axes: behind all that take longer steps."""
    channel_step = min(map(abs, _steps([group[0].offset for group in groups])))
    return sum(axis.step > channel_step for axis in axes)


def _count_stored(
    block: MemoryBlock,
    shape: list[int],
    strides: list[int],
    channels: tuple[ChannelDescription, ...],
) -> int:
    """Return how many positions of the slowest axis lie in the block whole; all if none does."""
    if strides[0] <= 0:
        return shape[0]
    faster = sum((size - 1) * step for size, step in zip(shape[1:], strides[1:], strict=True))
    first_end = max(one.offset + one.dtype.itemsize for one in channels) + faster
    count = (block.size - first_end) // strides[0] + 1
    return count if 0 < count < shape[0] else shape[0]


def _check_inside(
    block: MemoryBlock,
    shape: list[int],
    strides: list[int],
    channels: tuple[ChannelDescription, ...],
) -> None:
    last_pixel = sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    # Channels and samples have strides of 0 here: their offsets are counted instead.
    end = max(one.offset + last_pixel + one.dtype.itemsize for one in channels)
    if end > block.size:
        raise Unreadable(f"its pixels take {end} bytes, its memory block holds {block.size}")
    # Strides that lie on top of each other would make a large image of a small block.
    pixel_count = math.prod(shape)
    if pixel_count * min(one.dtype.itemsize for one in channels) > block.size:
        raise Unreadable(
            f"it claims {pixel_count} pixels, its memory block holds {block.size} bytes"
        )


def choose_block_shape(shape: list[int], itemsize: int) -> tuple[int, ...]:
    """Take whole fast axes, and as much of the next as makes about ``BLOCK_BYTES``."""
    # From the fastest axis on: what lies together is read together.
    blocks, nbytes = [1] * len(shape), itemsize
    for axis in reversed(range(len(shape))):
        blocks[axis] = max(1, min(shape[axis], BLOCK_BYTES // nbytes))
        nbytes *= blocks[axis]
        if blocks[axis] < shape[axis]:
            break
    return tuple(blocks)
