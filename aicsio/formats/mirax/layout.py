"""Parts of images -> pieces.

Rule kept here: what no image covers has the fill colour of the level; of two parts the later one in
the order of photos is shown. An image is decoded once for each block that shows some of it.
"""

from collections.abc import Iterator
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.records import Codec, Computed, DType, Encoded, Piece, Selection, Source
from aicsio.records.lazy import window_in_array
from aicsio.records.packed import PackedIntegers
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short

BLOCK_IMAGES: Final = 4
"""Images along a side of a block: one across an edge is decoded for each side, which makes 1.6 times
as many. Larger blocks would leave threads without work."""
LARGEST_BLOCK: Final = 2048
"""Rows or columns of a block of several images."""
FILL: Final = "aicsio.formats.mirax.layout:make_fill"
DTYPE: Final[DType] = np.dtype("u1")

Table = npt.NDArray[Any]


@printed_short
@pickled_by_position
@attrs.frozen
class MiraxLayout:
    """Pixels of one level: the parts of its images, sorted by the block that each begins in."""

    sources: tuple[Source, ...]
    """Data files."""
    shape: tuple[int, ...]
    """Rows, columns, samples."""
    image: tuple[int, int]
    """Rows and columns of an image."""
    block: tuple[int, int]
    """Rows and columns of a block; no part is larger."""
    is_whole: bool
    """Whether an image is one part; if not, its parts are of several photos."""
    codec: str
    """Of an image."""
    fill: bytes
    """One pixel where no image is."""
    keys: bytes = attrs.field(repr=False)
    """Little-endian int64, growing: number of the block that each part begins in."""
    order: PackedIntegers
    """One a part: a later one covers an earlier one."""
    images: PackedIntegers
    """One a part: number of its image."""
    y: PackedIntegers
    """One a part: its first row."""
    x: PackedIntegers
    """One a part: its first column."""
    inside_y: PackedIntegers
    """One a part: its first row in the image."""
    inside_x: PackedIntegers
    """One a part: its first column in the image."""
    height: PackedIntegers
    """One a part."""
    width: PackedIntegers
    """One a part."""
    files: PackedIntegers
    """One an image: number of its file."""
    offsets: PackedIntegers
    """One an image."""
    lengths: PackedIntegers
    """One an image."""

    @property
    def block_shape(self) -> tuple[int, ...]:
        """Some images side by side."""
        return (*self.block, self.shape[2])

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        starts, counts = window_in_array(block, self.block_shape, window)
        # Shape (2, 3, parts): Y and X; place in the window, place in the image, and size.
        image, bounds = self._find_parts(block, starts, counts)
        samples = (starts[2], counts[2])
        # Parts are cut at the window's edges: one of its size covers all of it.
        covers = (bounds[:, 2] == np.array([counts[:2]]).T).all(axis=0)
        # What a part that fills the window covers is not even decoded.
        first = int(np.flatnonzero(covers)[-1]) if self.is_whole and covers.any() else -1
        if first < 0:
            whole = Selection((0, 0, starts[2]), counts, (0, 0, 0))
            shape = (*counts[:2], self.shape[2])
            yield Computed(FILL, (shape, self.fill), shape, DTYPE, whole)
        if self.is_whole:
            for number, row in zip(
                image[max(first, 0) :], bounds[..., max(first, 0) :].T, strict=True
            ):
                # `row` has shape (3, 2): place in the window, in the image, and size; Y and X.
                (to_y, y, rows), (to_x, x, columns) = row.T.tolist()
                selection = Selection(
                    (y, x, samples[0]), (rows, columns, samples[1]), (to_y, to_x, 0)
                )
                yield self._image(int(number), self.image, (), selection)
            return
        # Each image yields one piece for all of its parts, with a mask of the pixels that it shows.
        owner = _find_owners(image, bounds, (counts[0], counts[1]))
        for number in np.unique(image):
            moved = bounds[..., image == number]
            yield self._moved_parts(int(number), moved, owner == number, samples)

    def _find_parts(
        self, block: tuple[int, ...], starts: tuple[int, ...], counts: tuple[int, ...]
    ) -> tuple[Table, Table]:
        """Return the images of the parts in a window, and their place in it, in image and size."""
        keys = np.frombuffer(self.keys, "<i8")
        across = -(-self.shape[1] // self.block[1])
        # A part begins in this block, or in one of the three before it.
        rows = []
        for above in range(max(block[0] - 1, 0), block[0] + 1):
            # Neighbours in a row of blocks have successive numbers: their keys are one run.
            ends = (above * across + max(block[1] - 1, 0), above * across + block[1] + 1)
            rows.append(np.arange(*keys.searchsorted(ends)))
        found = np.concatenate(rows)
        columns = ((self.y, self.inside_y, self.height), (self.x, self.inside_x, self.width))
        # Shape (2, 3, parts): Y and X; place on the level, place in the image, and size.
        bounds = np.array([[column.take(found) for column in axis] for axis in columns])
        # Columns of shape (2, 1), which numpy compares with rows of parts.
        low, high = np.array([starts[:2]]).T, np.array([starts[:2]]).T + np.array([counts[:2]]).T
        first = np.maximum(bounds[:, 0], low)
        extent = np.minimum(bounds[:, 0] + bounds[:, 2], high) - first
        shown = (extent > 0).all(axis=0)
        # A part that the window cuts begins as many pixels later in its image.
        placed = np.stack([first - low, bounds[:, 1] + first - bounds[:, 0], extent], axis=1)
        order = np.argsort(self.order.take(found[shown]), kind="stable")
        return self.images.take(found[shown])[order], placed[..., shown][..., order]

    def _moved_parts(
        self, number: int, moved: Table, is_shown: Table, samples: tuple[int, int]
    ) -> Piece:
        """Return the piece of an image whose parts lie where their photos were taken."""
        low = moved[:, 0].min(axis=1)
        high = (moved[:, 0] + moved[:, 2]).max(axis=1)
        size = high - low
        # One bit a pixel of the box, in C order.
        shown = np.packbits(is_shown[low[0] : high[0], low[1] : high[1]]).tobytes()
        moved = moved - np.stack([low, [0, 0], [0, 0]], axis=1)[..., None]
        # One row a part: place in the box, place in the image and size along Y, then along X.
        boxes = np.ascontiguousarray(moved.reshape(6, -1).T, "<i4").tobytes()
        selection = Selection(
            (0, 0, samples[0]),
            (int(size[0]), int(size[1]), samples[1]),
            (int(low[0]), int(low[1]), 0),
        )
        shape = (int(size[0]), int(size[1]))
        moves = (("boxes", boxes), ("shown", shown), ("stored", self.image))
        return self._image(number, shape, moves, selection)

    def _image(
        self,
        number: int,
        size: tuple[int, int],
        moves: tuple[tuple[str, Any], ...],
        selection: Selection,
    ) -> Piece:
        chain: tuple[Codec, ...] = (Codec(self.codec, (("sampled", True),)),)
        if moves:
            named = tuple((codec.name, codec.parameters) for codec in chain)
            chain = (Codec("parts", (("codecs", named), *moves)),)
        return Encoded(
            self.sources[self.files.at(number)],
            self.offsets.at(number),
            self.lengths.at(number),
            chain,
            (*size, self.shape[2]),
            DTYPE,
            selection,
            partial=bool(moves),
        )


def _find_owners(image: Table, bounds: Table, size: tuple[int, int]) -> Table:
    """Return the image that each pixel of a window shows; -1 where there is none."""
    owner = np.full(size, -1, np.int32)
    for number, row in zip(image.tolist(), bounds.T.tolist(), strict=True):
        (y, x), _, (height, width) = row
        owner[y : y + height, x : x + width] = number
    return owner


def make_fill(shape: tuple[int, ...], pixel: bytes) -> npt.NDArray[np.uint8]:
    """Return pixels of one colour.

    Parameters
    ----------
    shape
        Rows, columns, samples.
    pixel
        One pixel.
    """
    return np.broadcast_to(np.frombuffer(pixel, np.uint8), shape)
