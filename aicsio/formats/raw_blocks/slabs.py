"""Pixels in several files of one size, each a slab of the array -> pieces. NRRD has them.

Rule kept here: a file that is missing, or too short, leaves its slab blank, and a diagnostic names it.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from aicsio.errors import CorruptFileError
from aicsio.formats.raw_blocks.blocks import CODECS, check_ratio
from aicsio.formats.raw_blocks.layout import RawBlockLayout
from aicsio.records import (
    Codec,
    Diagnostic,
    Dims,
    DType,
    LazyArray,
    Piece,
    Source,
)
from aicsio.records.lazy import window_in_array
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short

MOST_NAMED: Final = 3
"""Missing files that a diagnostic names."""


@pickled_by_position
@attrs.frozen
class Slab:
    """Pixels of one file."""

    source: Source
    """Where the bytes are."""
    offset: int
    """Byte offset of the pixels."""
    nbytes: int
    """Bytes as stored."""


@printed_short
@pickled_by_position
@attrs.frozen
class SlabsLayout:
    """An array that files divide evenly, in the order of the slowest axes."""

    slabs: tuple[Slab | None, ...]
    """One a file; ``None`` where it is missing."""
    shape: tuple[int, ...]
    """Stored shape, slowest axis first."""
    slab_shape: tuple[int, ...]
    """Of one file, with as many axes; it divides ``shape``."""
    dtype: DType
    """Stored type, with its byte order."""
    codecs: tuple[Codec, ...]
    """Of each file; none for raw pixels."""

    @property
    def block_shape(self) -> tuple[int, ...]:
        """A slab, or a part of one that divides it."""
        first, *others = self._within(Slab(Source(""), 0, 0)).block_shape
        while self.slab_shape[0] % first:
            first -= 1
        return (first, *others)

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        starts, counts = window_in_array(block, self.block_shape, window)
        number = 0
        inner = []
        for start, size, part in zip(starts, self.shape, self.slab_shape, strict=True):
            number = number * (size // part) + start // part
            inner.append(start % part)
        slab = self.slabs[number]
        if slab is not None:
            yield self._within(slab).cut(tuple(inner), counts)

    def _within(self, slab: Slab) -> RawBlockLayout:
        return RawBlockLayout(
            slab.source, slab.offset, slab.nbytes, self.slab_shape, self.dtype, self.codecs
        )


def lay_out_slabs(
    source: Source,
    files: Sequence[tuple[str, Source | None]],
    skip: int,
    letters: str,
    shape: tuple[int, ...],
    slab_shape: tuple[int, ...],
    dtype: DType,
    *,
    compression: str = "raw",
) -> tuple[LazyArray, list[Diagnostic]]:
    """Return the array of several files, and a diagnostic if some are missing or too short.

    Parameters
    ----------
    source
        The header, for messages.
    files
        Names and files, in the order of the slowest axes.
    skip
        Bytes in front of the pixels of each file; -1 where they end it.
    letters, shape
        Of the axes, the slowest first.
    slab_shape
        Of one file, with as many axes.
    dtype
        Stored type.
    compression
        ``"raw"``, or a key of ``CODECS``.

    Raises
    ------
    CorruptFileError
        When not one file is there.
    """
    nbytes = math.prod(slab_shape) * dtype.itemsize
    slabs: list[Slab | None] = []
    lost = []
    for name, file in files:
        slab = None if file is None else _make_slab(file, skip, nbytes, compression)
        slabs.append(slab)
        if slab is None:
            lost.append(name)
    diagnostics = []
    if lost:
        named = ", ".join(map(repr, lost[:MOST_NAMED])) + (", ..." if lost[MOST_NAMED:] else "")
        text = f"{len(lost)} of {len(files)} files of pixels are missing or too short: {named}"
        if len(lost) == len(files):
            raise CorruptFileError.at(source.uri, None, text)
        diagnostics.append(Diagnostic("missing-files", text, source.uri, loss=True))
    codecs = CODECS.get(compression, ())
    layout = SlabsLayout(tuple(slabs), shape, slab_shape, dtype, codecs)
    return LazyArray.whole(layout, Dims(letters, shape), dtype), diagnostics


def _make_slab(file: Source, skip: int, nbytes: int, compression: str) -> Slab | None:
    """Return the place of the pixels in a file; ``None`` if it is too short."""
    size = file.size
    offset = skip
    if skip < 0:
        offset = (size or 0) - nbytes
    # Of a source of unknown size all pixels are taken to be there.
    held = nbytes if size is None else size - offset
    if compression != "raw":
        if held > 0:
            check_ratio(file, offset, nbytes, held)
            return Slab(file, offset, held)
        return None
    return Slab(file, offset, nbytes) if offset >= 0 and held >= nbytes else None
