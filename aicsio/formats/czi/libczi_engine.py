"""The second engine of CZI: aicspylibczi (GPL-3.0), which reads through Zeiss' own libCZI.

Rule kept here: C++ sees only a file whose index and subblock heads this package has checked, because
the library ends the interpreter on some damaged files. The list of subblocks, their places and their
pixels then come from the library alone; scenes and canvases are built by the same code as for the
native engine.
"""

import struct
import threading
from collections.abc import Iterator
from typing import Any, cast

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._io import readers
from aicsio.errors import (
    CorruptFileError,
    MissingDependencyError,
    UnsupportedFormatError,
)
from aicsio.formats.czi.directory import (
    Subblocks,
)
from aicsio.formats.czi.index import Index
from aicsio.formats.czi.layout import CziLayout
from aicsio.formats.czi.pixels import PIXEL_TYPES, UNCOMPRESSED
from aicsio.formats.czi.scene_data import SceneData
from aicsio.formats.czi.scenes import build_scenes
from aicsio.formats.czi.segment_checks import check_segments
from aicsio.formats.czi.soundness import LeftOut
from aicsio.records import Computed, Contents, Diagnostic, LazyArray, Piece, Scene, Source
from aicsio.records.printing import printed_short

PIXEL_TYPE_NUMBERS = {
    "gray8": 0,
    "gray16": 1,
    "gray32float": 2,
    "bgr24": 3,
    "bgr48": 4,
    "bgr96float": 8,
    "bgra32": 9,
}
"""Numbers of pixel types, by the library's names."""


@printed_short
@attrs.frozen
class LibraryLayout:
    """Layout whose pieces are calls of the library, one per subblock."""

    rectangles: CziLayout
    """Places of the subblocks on the canvas; the library gives no file positions, so they are 0."""
    letters: str
    """Dimensions by which the library finds a subblock."""
    coordinates: bytes = attrs.field(repr=False)
    """int32, shape (rows of ``rectangles``, letters)."""

    @property
    def block_shape(self) -> tuple[int, ...]:
        """Size of a block along each stored axis."""
        return self.rectangles.block_shape

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Yield a call of the library for each subblock that the window touches."""
        places = self.rectangles
        samples = window[-1] if places.samples else None
        for row, overlap in places.overlaps(block, window):
            height, width = places.height.at(row), places.width.at(row)
            yield Computed(
                "aicsio.formats.czi.libczi_engine:read_tile",
                (places.source, self.find_tile(row)),
                places.piece_shape((height, width)),
                PIXEL_TYPES[places.pixel_type.at(row)].dtype,
                places.selection(overlap.source_start, overlap, samples),
            )

    def find_tile(self, row: int) -> tuple[tuple[str, int], ...]:
        """Return the coordinates by which the library finds the subblock of a row."""
        count = len(self.letters)
        values = struct.unpack_from(f"<{count}i", self.coordinates, 4 * count * row)
        return tuple(zip(self.letters, values, strict=True))


# ---------------------------------------------------------------- the library


class _OpenFile:
    """A file that the library has open, used by one thread at a time."""

    def __init__(self, source: Source) -> None:
        aicspylibczi = _import_library()
        # The library seeks in one file object, and a second thread would move it between seek and
        # read.
        self.lock = threading.Lock()
        self.file = readers.open_binary(source)
        try:
            self.czi = aicspylibczi.CziFile(self.file)
        # pybind11 turns C++ exceptions into several Python types; none may leave the file open.
        except Exception as error:
            self.file.close()
            raise _library_error(source, "opening the file", error) from error

    def close(self) -> None:
        """Close the file."""
        # The C++ object goes first: it reads from the file until it is gone.
        del self.czi
        self.file.close()


def _import_library() -> Any:
    try:
        import aicspylibczi
    except ImportError as error:
        raise MissingDependencyError(
            "engine 'aicspylibczi' needs aicspylibczi: pip install 'aicsio[aicspylibczi]'"
        ) from error
    return aicspylibczi


def _library_error(source: Source, action: str, error: Exception) -> CorruptFileError:
    message = f"aicspylibczi failed in {action}: {type(error).__name__}: {error}"
    return CorruptFileError.at(source.uri, None, message)


def read_tile(source: Source, coordinates: tuple[tuple[str, int], ...]) -> npt.NDArray[Any]:
    """Read the pixels of one subblock.

    Parameters
    ----------
    source
        A local file.
    coordinates
        Position of the subblock, by letter.

    Returns
    -------
    Rows, columns, samples in the order red, green, blue; rows, columns for gray pixels.

    Raises
    ------
    CorruptFileError
        When the library fails.
    """
    with (
        readers.borrow(("aicspylibczi", source), lambda: _OpenFile(source)) as opened,
        opened.lock,
    ):
        try:
            pixels, dims = opened.czi.read_image(**dict(coordinates))
        except Exception as error:
            raise _library_error(source, f"reading {dict(coordinates)}", error) from error
    # The library calls the axis of samples A.
    samples = next((size for letter, size in dims if letter == "A"), 1)
    frame = pixels.shape[-2:] if samples == 1 else pixels.shape[-3:-1]
    image = np.asarray(pixels).reshape(*frame, samples)
    # The library returns blue, green, red, as they are stored.
    return image[..., [2, 1, 0, 3][:samples]] if samples > 1 else image


# ---------------------------------------------------------------- contents


def read_contents(
    index: Index,
    native_scenes: tuple[Scene, ...],
    native_data: tuple[SceneData, ...],
    notes: tuple[Diagnostic, ...],
    *,
    tiles: bool,
) -> Contents:
    """Describe the file by the library's list of subblocks.

    Parameters
    ----------
    index
        Index of the file by this package.
    native_scenes, native_data
        Scenes of the native engine: their names, sizes and other metadata are kept.
    notes
        Diagnostics of the native engine.
    tiles
        Whether mosaic tiles are kept apart.

    Raises
    ------
    CorruptFileError
        When the directory had to be recovered, a subblock differs from its entry, or the library
        fails.
    UnsupportedFormatError
        When the file is no local one, or has several pixel types.
    MissingDependencyError
        When aicspylibczi is not installed.
    """
    uri = index.source.uri
    if index.scanned:
        message = (
            "aicspylibczi needs the subblock directory, which is unusable; use engine='native'"
        )
        raise CorruptFileError.at(uri, None, message)
    if index.left_out.reasons and len(index.subblocks) < index.left_out.total:
        reason = index.left_out.reasons[0][0]
        message = f"aicspylibczi gets sound directories only, and an entry has {reason}"
        raise CorruptFileError.at(uri, index.left_out.reasons[0][2], message)
    if not index.source.local or index.source.content is not None:
        raise UnsupportedFormatError(
            f"{uri}: aicspylibczi reads local files only; use engine='native'"
        )
    # Last before C++ sees the file: cheap checks come first.
    check_segments(index)
    blocks, letters, coordinates = _list_subblocks(index.source)
    data, library_notes = build_scenes(index.source, blocks, LeftOut(uri, len(blocks)), tiles=tiles)
    # The library lists subblocks of full resolution only, so scenes match by number, not by index.
    by_number = {one.number: scene for one, scene in zip(native_data, native_scenes, strict=True)}
    scenes: list[Scene] = []
    for one in data:
        native = by_number.get(one.number) or Scene(f"Image:{len(scenes)}", ())
        levels = _use_library(one, letters, coordinates)
        table = None
        if one.tiles is not None:
            # The stage positions come from the metadata.
            table = native.tiles or one.tiles
        scenes.append(attrs.evolve(native, levels=levels, tiles=table))
    known = {(note.code, note.message) for note in notes}
    fresh = [*library_notes, *_compare_counts(index.subblocks, len(blocks))]
    # Scenes are built a second time here, with the same diagnostics.
    fresh = [note for note in fresh if (note.code, note.message) not in known]
    return Contents(tuple(scenes), index.metadata, (*notes, *fresh))


def _use_library(
    data: SceneData, letters: str, coordinates: npt.NDArray[np.int32]
) -> tuple[LazyArray, ...]:
    """Replace the pieces of a scene's levels by calls of the library."""
    levels = []
    for level, listing in zip(data.levels, data.listings, strict=True):
        rectangles = cast("CziLayout", level.layout)
        layout = LibraryLayout(rectangles, letters, coordinates[listing].tobytes())
        levels.append(LazyArray.whole(layout, level.stored, level.dtype))
    return tuple(levels)


def _compare_counts(blocks: Subblocks, listed: int) -> list[Diagnostic]:
    """Report subblocks of the directory that the library does not list."""
    full = blocks.stored_size["Y"] == blocks.size["Y"]
    full &= blocks.stored_size["X"] == blocks.size["X"]
    notes = []
    if listed != int(full.sum()):
        message = (
            f"aicspylibczi lists {listed} subblocks of full resolution, "
            f"the directory {int(full.sum())}"
        )
        notes.append(Diagnostic("library-subblocks", message))
    if not full.all():
        message = "aicspylibczi reads full resolution only: one level"
        notes.append(Diagnostic("library-levels", message))
    return notes


def probe(contents: Contents, reason: str) -> None:
    """Read one subblock, so that a file that the library declines is refused when opening.

    Parameters
    ----------
    contents
        As ``read_contents`` returns them.
    reason
        Why the native engine declined the file.

    Raises
    ------
    UnsupportedFormatError
        When the library declines it, too.
    """
    level = next(scene.levels[0] for scene in contents.scenes if scene.levels)
    layout = cast("LibraryLayout", level.layout)
    source = layout.rectangles.source
    try:
        read_tile(source, layout.find_tile(0))
    except CorruptFileError as error:
        native_reason = reason.partition(": aicspylibczi")[0]
        raise UnsupportedFormatError(f"{source.uri}: {native_reason}; {error}") from error


def _list_subblocks(source: Source) -> tuple[Subblocks, str, npt.NDArray[np.int32]]:
    """Ask the library which subblocks there are: columns, letters, and a row of coordinates each."""
    with (
        readers.borrow(("aicspylibczi", source), lambda: _OpenFile(source)) as opened,
        opened.lock,
    ):
        czi = opened.czi
        try:
            is_mosaic = czi.is_mosaic()
            if is_mosaic:
                boxes = czi.get_all_mosaic_tile_bounding_boxes()
            else:
                boxes = czi.get_all_tile_bounding_boxes()
            pixel_type = PIXEL_TYPE_NUMBERS.get(czi.pixel_type)
            positions: list[dict[str, int]] = []
            rectangles: list[tuple[int, int, int, int]] = []
            for info, box in boxes.items():
                position = dict(info.dimension_coordinates)
                if is_mosaic:
                    position["M"] = info.m_index
                positions.append(position)
                rectangles.append((box.y, box.x, box.h, box.w))
        except Exception as error:
            raise _library_error(source, "listing the subblocks", error) from error
    if pixel_type is None:
        names = ", ".join(PIXEL_TYPE_NUMBERS)
        message = f"{source.uri}: aicspylibczi reads files of one pixel type of {names}"
        raise UnsupportedFormatError(message)
    letters = "".join(sorted({letter for position in positions for letter in position}))
    coordinates = np.zeros((len(positions), len(letters)), "<i4")
    for row, position in enumerate(positions):
        coordinates[row] = [position.get(letter, 0) for letter in letters]
    table = np.array(rectangles, np.int64).reshape(len(rectangles), 4)
    return _make_columns(letters, coordinates, table, pixel_type), letters, coordinates


def _make_columns(
    letters: str,
    coordinates: npt.NDArray[np.int32],
    rectangles: npt.NDArray[np.int64],
    pixel_type: int,
) -> Subblocks:
    """Make columns of the library's list: full resolution, one plane each."""
    count = len(rectangles)
    zero, one = np.zeros(count, np.int64), np.ones(count, np.int64)
    start = {letter: coordinates[:, i].astype(np.int64) for i, letter in enumerate(letters)}
    start |= {"Y": rectangles[:, 0], "X": rectangles[:, 1]}
    frame = {"Y": rectangles[:, 2], "X": rectangles[:, 3]}
    return Subblocks(
        file_position=zero,
        file_part=zero,
        pixel_type=zero + pixel_type,
        compression=zero + UNCOMPRESSED,
        pyramid_type=zero,
        entry_position=zero,
        start=start,
        present={letter: one.astype(np.bool_) for letter in start},
        size=dict.fromkeys(letters, one) | frame,
        stored_size=frame,
        slot={},
        segment_size=zero,
        listing_index=np.arange(count),
    )
