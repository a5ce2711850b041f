"""Size and type of the planes of an OIR file, and their chunks as a lazy array.

Rule kept here: a chunk is used only where it lies in its plane and overlaps no other; what is left
out is counted.

Source of the facts: as for ``blocks``. Properties of a frame have its size and type; planes of a
long line scan have more rows than those state.
"""

from typing import Final
from xml.etree.ElementTree import Element

import numpy as np

from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.oir.blocks import OirFile
from aicsio.formats.oir.documents import text_of, whole_of
from aicsio.formats.oir.layout import OirLayout
from aicsio.formats.oir.metadata import OirAxis, OirDescription
from aicsio.formats.oir.planes import ChunkOfFile, OirPlanes
from aicsio.records import Diagnostic, Dims, DType, LazyArray, Source
from aicsio.records.packed import PackedIntegers

TYPES: Final = {1: "<u1", 2: "<u2", 4: "<f4"}
"""By bytes of a sample."""


def read_geometry(
    source: Source, frame: Element | None, description: OirDescription
) -> tuple[int, int, DType, bool]:
    """Return columns, rows, type of samples, and whether channels are those of a colour."""
    root = description.image if frame is None else frame
    width, height = whole_of(root, "width"), whole_of(root, "height")
    # The depth counts the bytes of a sample, not its bits.
    depth = whole_of(root, "depth") or whole_of(description.image, "depth")
    if width is None or height is None or not (0 < width < 2**31 and 0 < height < 2**31):
        raise CorruptFileError.at(
            source.uri, None, f"expected the size of planes, found {width} x {height}"
        )
    if depth not in TYPES:
        raise UnsupportedFormatError(
            f"{source.uri} has samples of {depth} bytes; those of 1, 2 and 4 are read"
        )
    return width, height, np.dtype(TYPES[depth]), text_of(root, "colorType") == "RGB"


# ---------------------------------------------------------------- pixels


def lay_out(
    files: list[OirFile],
    table: OirPlanes,
    size: tuple[int, int],
    dtype: DType,
    axes: dict[str, OirAxis],
    *,
    is_colour: bool,
) -> tuple[LazyArray, list[Diagnostic]]:
    """Return the array of the image, and trouble with its chunks.

    Parameters
    ----------
    files
        The file, and those that continue it.
    table
        Their chunks by plane.
    size
        Rows and columns of a frame.
    dtype
        Of a sample.
    axes
        Axes of the acquisition.
    is_colour
        Whether the planes of a frame are the samples of a colour.
    """
    height, width = size
    height = max(height, _count_held_rows(table, width * dtype.itemsize))
    kept, diagnostics = _check_chunks(table, height * width * dtype.itemsize, dtype.itemsize)
    # A single line over time: its rows are the time points, and no chunk has a number along T.
    is_timed = "T" in axes and axes["T"].size == height and "T" not in table.letters
    rows = "T" if is_timed else "Y"
    channels = len(table.channels)
    letters, shape = table.letters + rows + "X", [*table.shape, height, width]
    if is_colour:
        letters, shape = letters + "S", [*shape, channels]
    else:
        letters = table.letters + "C" + rows + "X"
        shape = [*table.shape, channels, height, width]
    chunks = [one for plane in kept for one in plane]
    # The chunks of plane i are those from ends[i] to ends[i + 1].
    ends = np.cumsum([0, *(len(plane) for plane in kept)])

    def column(values: list[int]) -> PackedIntegers:
        return PackedIntegers.pack(np.array(values, np.int64))

    layout = OirLayout(
        sources=tuple(file.source for file in files),
        shape=tuple(shape),
        lead=len(table.shape) + (0 if is_colour else 1),
        sampled=is_colour,
        dtype=dtype,
        first_chunk=PackedIntegers.pack(ends.astype(np.int64)),
        files=column([one.file for one in chunks]),
        offsets=column([one.chunk.offset for one in chunks]),
        starts=column([one.chunk.start for one in chunks]),
        lengths=column([one.chunk.nbytes for one in chunks]),
    )
    return LazyArray.whole(layout, Dims(letters, tuple(shape)), dtype), diagnostics


def _count_held_rows(table: OirPlanes, row_nbytes: int) -> int:
    """Return the rows that the chunks of the longest plane hold: long line scans have more than
    the frame states.
    """
    held = max(sum(one.chunk.nbytes for one in plane) for plane in table.planes)
    reach = max(one.chunk.start + one.chunk.nbytes for plane in table.planes for one in plane)
    # Chunks with gaps between them do not show how long a plane is.
    return held // row_nbytes if held == reach else 0


def _check_chunks(
    table: OirPlanes, plane_nbytes: int, itemsize: int
) -> tuple[list[list[ChunkOfFile]], list[Diagnostic]]:
    """Return the chunks that lie in their planes and do not overlap, and report others."""
    kept, lost, partial = [], 0, 0
    for plane in table.planes:
        # Chunks are sorted by their place: an overlap shows against the end of the last good one.
        good: list[ChunkOfFile] = []
        end = 0
        for one in plane:
            chunk = one.chunk
            is_whole = chunk.start % itemsize == 0 and chunk.nbytes % itemsize == 0
            if is_whole and end <= chunk.start and chunk.start + chunk.nbytes <= plane_nbytes:
                good.append(one)
                end = chunk.start + chunk.nbytes
            else:
                lost += 1
        kept.append(good)
        # A plane without any chunk is counted as missing.
        partial += len(plane) > 0 and sum(one.chunk.nbytes for one in good) < plane_nbytes
    diagnostics = []
    if lost:
        text = f"{lost} chunks lie outside of their planes: they are not shown"
        diagnostics.append(Diagnostic("oir-chunk-places", text, loss=True, not_shown=True))
    if partial:
        text = f"{partial} planes are not whole: the rest of them is zero"
        diagnostics.append(Diagnostic("oir-partial-planes", text, loss=True))
    return kept, diagnostics


def find_unfinished(table: OirPlanes, axes: dict[str, OirAxis]) -> list[Diagnostic]:
    """Report axes that the settings announce longer than the file has them."""
    diagnostics = []
    for letter, size in zip(table.letters, table.shape, strict=True):
        announced = axes[letter].size if letter in axes else 0
        if announced > size:
            text = (
                f"the settings announce {announced} positions of {letter}, the file has {size}: it was "
                "stopped, or a file that continues it is missing"
            )
            diagnostics.append(Diagnostic("oir-stopped", text))
    return diagnostics
