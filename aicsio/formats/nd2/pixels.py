"""Attributes of an ND2 file to the pixels of its scenes.

Rule kept here: sizes are checked against the frames before a layout is made of them.

Source of the facts: as for ``chunks``, chunk ``ImageAttributes``.
"""

import math
from typing import Any, Final

import attrs
import numpy as np

from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.nd2.chunks import ChunkMap, FrameTable
from aicsio.formats.nd2.experiment import MOST_FRAMES, FrameOrder, Loop
from aicsio.formats.nd2.layout import Nd2Layout
from aicsio.formats.nd2.variants import Tree
from aicsio.records import Diagnostic, Dims, DType, LazyArray
from aicsio.records.packed import PackedIntegers

COMPRESSIONS: Final = {0: "lossless", 1: "lossy", 2: "none"}
"""By ``eCompression``. Lossless frames are zlib streams."""
UNSIGNED: Final = 1
"""``ePixelType`` of integers."""
FLOAT: Final = 2
"""``ePixelType`` of floats."""
TYPES: Final = {
    (UNSIGNED, 8): "<u1",
    (UNSIGNED, 16): "<u2",
    (UNSIGNED, 32): "<u4",
    (FLOAT, 32): "<f4",
    (FLOAT, 64): "<f8",
}
"""By kind and bits of a sample."""
BLOCK_BYTES: Final = 1 << 24
"""Raw frames are cut into blocks of rows of about this size: 16 MiB read in 3 ms here."""
MOST_UNPROMISED: Final = 1 << 16
"""Frames whose numbers may have any gaps: their table takes 1 MiB."""
LARGEST_GAP: Final = 16
"""How many times more numbers than frames there may be beyond: the numbers of a damaged map lie."""
NAME_PADDING: Final = 16 + 4096 + 32
"""Most bytes between the offset of a frame and its data: its header and its padded name."""


@attrs.frozen
class Pixels:
    """How the pixels of a frame are stored."""

    width: int
    """Columns."""
    height: int
    """Rows."""
    row_nbytes: int
    """Bytes from one row to the next."""
    components: int
    """Samples of a pixel, of all channels."""
    dtype: DType
    """Of a sample, little-endian."""
    compression: str
    """``"none"`` or ``"lossless"``."""

    @property
    def frame_nbytes(self) -> int:
        """Bytes of a frame that is not compressed; its last row may lack the padding."""
        used = self.width * self.components * self.dtype.itemsize
        return (self.height - 1) * self.row_nbytes + used


def parse_pixels(container: ChunkMap, attributes: Tree) -> Pixels:
    """Read the attributes.

    Raises
    ------
    CorruptFileError
        When a size is missing, zero, or contradicts another.
    UnsupportedFormatError
        For lossy compression, of which no file has been seen.
    """
    tree = attributes.get("SLxImageAttributes", attributes)
    uri = container.source.uri
    sizes = {}
    for name in ("uiWidth", "uiHeight", "uiComp", "uiBpcInMemory", "uiWidthBytes"):
        value = tree.get(name) if isinstance(tree, dict) else None
        if not isinstance(value, int) or value <= 0:
            raise CorruptFileError.at(uri, None, f"expected {name} above 0, found {value!r}")
        sizes[name] = value
    dtype = _parse_type(uri, sizes["uiBpcInMemory"], tree.get("ePixelType"))
    kind = COMPRESSIONS.get(tree.get("eCompression", 2), "none")
    if kind == "lossy":
        raise UnsupportedFormatError(f"{uri} is compressed with loss, which is not read")
    pixels = Pixels(
        width=sizes["uiWidth"],
        height=sizes["uiHeight"],
        row_nbytes=sizes["uiWidthBytes"],
        components=sizes["uiComp"],
        dtype=dtype,
        compression=kind,
    )
    row = pixels.width * pixels.components * dtype.itemsize
    if pixels.row_nbytes < row:
        raise CorruptFileError.at(
            uri, None, f"expected rows of {row} bytes or more, found {pixels.row_nbytes}"
        )
    return pixels


def _parse_type(uri: str, bits: int, kind: Any) -> DType:
    """Return the type of samples. Without a kind, those of 32 bits are floats, as the SDK has it."""
    if kind is None:
        kind = FLOAT if bits == 32 else UNSIGNED
    name = TYPES.get((kind, bits))
    if name is None:
        raise UnsupportedFormatError(
            f"{uri} has samples of {bits} bits of kind {kind}; unsigned ones of 8, 16 and 32 and "
            "floats of 32 and 64 bits are read"
        )
    return np.dtype(name)


def check_frames(container: ChunkMap, pixels: Pixels) -> tuple[FrameTable, list[Diagnostic]]:
    """Return the frames that hold all their pixels, and trouble with the others.

    Raises
    ------
    CorruptFileError
        When no frame does.
    """
    # The time of the capture takes eight bytes; a zlib stream has no least length.
    needed = 8 + (1 if pixels.compression == "lossless" else pixels.frame_nbytes)
    frames = container.frames
    # Some maps give the offset in place of the length; the header of the chunk has it.
    fits = (frames.nbytes >= needed) | (frames.nbytes == frames.offsets)
    fits &= frames.offsets <= container.size - needed
    count = frames.numbers.size
    lost = count - int(np.count_nonzero(fits))
    if lost == count:
        raise CorruptFileError.at(
            container.source.uri, None, f"expected frames of {needed} bytes, found none"
        )
    if not lost:
        return frames, []
    text = f"{lost} of {count} frames are shorter than their pixels: they are zero"
    return frames.take(fits), [Diagnostic("nd2-short-frames", text, loss=True)]


def leave_out_strays(
    container: ChunkMap, table: FrameTable, loops: tuple[Loop, ...]
) -> tuple[FrameTable, list[Diagnostic]]:
    """Leave out frames whose number is damaged: every number below takes a place of its own.

    Raises
    ------
    CorruptFileError
        When no other frame is there.
    """
    promised = math.prod(loop.count for loop in loops)
    count = table.numbers.size
    # A number counts among those that the loops promise, or where a good part of those below is there.
    limit = max(MOST_UNPROMISED, LARGEST_GAP * count, min(promised, MOST_FRAMES))
    sound = int(np.searchsorted(table.numbers, limit))
    if sound == count:
        return table, []
    if not sound:
        raise CorruptFileError.at(
            container.source.uri, None, f"expected frames of numbers below {limit}, found none"
        )
    text = f"{count - sound} of {count} frames have numbers above {limit}: they are left out"
    kept = table.take(np.arange(count) < sound)
    return kept, [Diagnostic("nd2-stray-frames", text, loss=True)]


def lay_out_scene(
    container: ChunkMap,
    pixels: Pixels,
    frames: FrameOrder,
    position: int,
    samples: int,
    table: FrameTable,
) -> LazyArray:
    """Return the array of one position of the stage.

    Parameters
    ----------
    container
        The file.
    pixels
        How a frame is stored.
    frames
        Numbers of frames by place.
    position
        Position of the stage.
    samples
        Samples of a channel: 1, or 3 of a colour image.
    table
        The frames that hold their pixels.
    """
    numbers = frames.numbers[position]
    run = None
    if frames.is_in_order:
        run = table.find_run(position * numbers.size, numbers.size)
    offsets, sizes = run or table.find(numbers.reshape(-1))
    largest = 8 + pixels.frame_nbytes
    # A map may overstate lengths: no more than twice the raw pixels is read of a frame.
    spans = np.minimum(np.minimum(sizes, 2 * largest) + NAME_PADDING, container.size - offsets)
    if run is None:
        spans[offsets < 0] = 0
    itemsize = pixels.dtype.itemsize
    channels = pixels.components // samples
    pixel_nbytes = pixels.components * itemsize
    shape = [*numbers.shape, channels, pixels.height, pixels.width]
    strides = [samples * itemsize, pixels.row_nbytes, pixel_nbytes]
    letters = frames.letters + "CYX"
    first = 0
    if samples > 1:
        letters += "S"
        shape.append(samples)
        # Stored blue, green, red; S is always red, green, blue.
        strides.append(-itemsize)
        first = (samples - 1) * itemsize
    layout = Nd2Layout(
        source=container.source,
        shape=tuple(shape),
        block_shape=_block_shape(pixels, numbers.ndim, shape),
        frame_ndim=numbers.ndim,
        offsets=PackedIntegers.pack(offsets),
        spans=PackedIntegers.pack(spans),
        strides=tuple(strides),
        first=first,
        dtype=pixels.dtype,
        compressed=pixels.compression == "lossless",
    )
    return LazyArray.whole(layout, Dims(letters, tuple(shape)), pixels.dtype)


def _block_shape(pixels: Pixels, frame_ndim: int, shape: list[int]) -> tuple[int, ...]:
    frame = shape[frame_ndim:]
    rows = pixels.height
    # A zlib stream cannot be entered at a row, so compressed frames stay whole blocks.
    if pixels.compression == "none":
        rows = max(1, min(rows, BLOCK_BYTES // pixels.row_nbytes))
    return (*(1,) * frame_ndim, frame[0], rows, *frame[2:])


def count_samples(planes: list[Any], components: int) -> int:
    """Return 3 when every picture plane is a colour image of three samples, else 1."""
    counts = [plane.get("uiCompCount", 1) for plane in planes if isinstance(plane, dict)]
    is_colour = bool(counts) and set(counts) == {3} and 3 * len(counts) == components
    return 3 if is_colour else 1
