"""Samples of a pixel as channels.

Rule kept here: position ``c * samples + s`` of C is sample ``s`` of channel ``c``. Pure arithmetic
on records; a folded array reads each byte once, however its samples are picked.
"""

import math
from collections.abc import Iterator

import attrs

from aicsio._dims import views
from aicsio.records import Channel, Dims, LazyArray, Nested, Piece, Selection
from aicsio.records.printing import printed_short

__all__ = ["SamplesAsChannels", "fold_samples", "sample_channels", "unfold_samples"]

SAMPLES = (("R", 0xFF0000FF), ("G", 0x00FF00FF), ("B", 0x0000FFFF), ("A", None))
"""Name and colour of each sample of a pixel."""
BLOCK_BYTES = 4 << 20
"""Blocks of folded pixels grow to this size: each is a nested read with a plan of its own, 60
microseconds, which are little beside the 3 milliseconds that 4 MiB of RGB take to read and fold."""


@printed_short
@attrs.frozen
class SamplesAsChannels:
    """Layout that shows samples as channels: C and S of ``inner`` are its C."""

    inner: LazyArray
    """The pixels, with S right behind C."""
    block_shape: tuple[int, ...]
    """Blocks without S; along C whole channels."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Yield a nested read per run of whole channels, and per channel that is read in part."""
        letters = self.inner.dims.order.replace("S", "")
        channel_axis = letters.index("C")
        picks: dict[str, range] = {}
        extent: list[int] = []
        for letter, index, size, part in zip(letters, block, self.block_shape, window, strict=True):
            start = index * size
            picks[letter] = range(start + part.start, start + part.stop)
            extent.append(part.stop - part.start)
        # The window of C counts samples; it may begin and end inside a channel.
        folded = picks["C"]
        origin = (0,) * len(letters)
        for run in _channel_runs(folded, self.inner.dims["S"]):
            picks["C"], picks["S"] = run.channels, run.samples
            part_array = views.transpose(self.inner, self.inner.dims.order, picks)
            shape, target_start = list(extent), list(origin)
            shape[channel_axis] = len(run.channels) * len(run.samples)
            target_start[channel_axis] = run.start - folded.start
            selection = Selection(origin, tuple(shape), tuple(target_start))
            yield Nested(part_array, tuple(shape), selection)


@attrs.frozen(eq=False)
class _ChannelRun:
    """Neighbouring positions of folded C that are one block of C and S. Lives for one call."""

    start: int
    """First position of folded C."""
    channels: range
    """Stored channels."""
    samples: range
    """Stored samples, the same of each channel."""


def _channel_runs(folded: range, samples: int) -> Iterator[_ChannelRun]:
    """Cut positions of folded C: a first channel in part, whole channels, a last one in part."""
    position = folded.start
    while position < folded.stop:
        # One view of C and S is a block: only whole channels share their samples.
        channel, sample = divmod(position, samples)
        left = folded.stop - position
        channels, taken = range(channel, channel + 1), min(samples - sample, left)
        if sample == 0 and left >= samples:
            channels, taken = range(channel, channel + left // samples), samples
        yield _ChannelRun(position, channels, range(sample, sample + taken))
        position += len(channels) * taken


def fold_samples(array: LazyArray, order: str) -> LazyArray:
    """Show S as part of C, and the letters of ``order`` last.

    Parameters
    ----------
    array
        The pixels; without samples they are returned as they are.
    order
        The standard letters, ``TCZYX``.
    """
    if array.dims.get("S", 1) == 1:
        return array
    front = "".join(letter for letter in array.dims if letter not in order + "S")
    # S behind C: then folding is a reshape, without a move of pixels.
    inner = views.transpose(array, front + order.replace("C", "CS"), {})
    stored = front + order
    shape = dict(inner.dims.items())
    shape["C"] *= shape["S"]
    block = _grown_block(inner, stored)
    layout = SamplesAsChannels(inner, tuple(max(1, block[letter]) for letter in stored))
    dims = Dims(stored, tuple(shape[letter] for letter in stored))
    return LazyArray.whole(layout, dims, inner.dtype)


def _grown_block(inner: LazyArray, stored: str) -> dict[str, int]:
    """Return the shape of a block: stored blocks with all samples, enlarged to ``BLOCK_BYTES``."""
    block: dict[str, int] = {}
    for letter, axis in zip(inner.view.letters, inner.view.axes, strict=True):
        # An added axis, C of an image without channels, has one position.
        block[letter] = inner.layout.block_shape[axis] if axis >= 0 else 1
    # Samples are stored together: a block with some of them would be decoded again for the others.
    block["C"] *= inner.dims["S"]
    nbytes = math.prod(block[letter] for letter in stored) * inner.dtype.itemsize
    for letter in "XYZT":  # fastest first
        size = min(inner.dims[letter], block[letter] * max(1, BLOCK_BYTES // nbytes))
        nbytes = nbytes // block[letter] * size
        block[letter] = size
    return block


def unfold_samples(array: LazyArray) -> LazyArray | None:
    """Show folded pixels with S behind C again: its pixels reshaped are those of ``array``.

    Reading it takes no nested reads. Returns ``None`` if the array is not folded, or if its picks
    of C are not the same samples of each channel.
    """
    layout, view = array.layout, array.view
    if not isinstance(layout, SamplesAsChannels):
        return None
    # The shown positions of folded C must be a product: some channels, the same samples of each.
    picks = dict(zip(array.stored.order, view.picks, strict=True))
    folded = picks["C"]
    positions = (folded,) if isinstance(folded, int) else tuple(folded)
    samples = layout.inner.dims["S"]
    channels: dict[int, None] = {}
    of_channel: dict[int, None] = {}
    for position in positions:
        channel, sample = divmod(position, samples)
        channels[channel] = of_channel[sample] = None
    product = tuple(channel * samples + sample for channel in channels for sample in of_channel)
    if product != positions:
        return None
    picks |= {"C": tuple(channels), "S": tuple(of_channel)}
    return views.transpose(layout.inner, view.letters.replace("C", "CS"), picks)


def sample_channels(channels: tuple[Channel, ...], samples: int) -> tuple[Channel, ...]:
    """Return a record for each sample of each channel, named ``<channel>:R`` and so on."""
    folded: list[Channel] = []
    for channel in channels:
        for index in range(samples):
            # Two samples are grey and alpha, or any pair: the letters stand for colours alone.
            letter, color = SAMPLES[index] if samples in {3, 4} else (f"S{index}", None)
            name = f"{channel.name}:{letter}"
            folded.append(attrs.evolve(channel, name=name, color=color or channel.color, samples=1))
    return tuple(folded)
