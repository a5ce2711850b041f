"""The second engine of CZI: aicspylibczi (GPL-3.0), which reads through Zeiss' own libCZI.

Rule kept here: C++ sees only a file whose index and subblock heads this package has checked, because the library ends
the interpreter on some damaged files. Which subblocks there are, where they lie and what is in them then comes from the
library alone; scenes and canvases are put together by the same code as for the native engine.
"""

import struct
import threading
from collections.abc import Iterator
from typing import Any, cast

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import _codecs
from aicsio._io import readers
from aicsio.errors import (
    AicsioError,
    CorruptFileError,
    MissingDependencyError,
    UnsupportedFormatError,
)
from aicsio.formats.czi.directory import SEGMENT_HEAD, Subblocks, parse_entries
from aicsio.formats.czi.index import Index, segment_head
from aicsio.formats.czi.layout import PIXEL_TYPES, CziLayout
from aicsio.formats.czi.scenes import SceneData, build_scenes
from aicsio.records import Computed, Contents, Diagnostic, LazyArray, Piece, Scene, Source, Strided

BY_NAME = {
    "gray8": 0,
    "gray16": 1,
    "gray32float": 2,
    "bgr24": 3,
    "bgr48": 4,
    "bgr96float": 8,
    "bgra32": 9,
}
"""The library's names of pixel types."""


@attrs.frozen
class LibraryLayout:
    """Layout whose pieces are calls of the library, a call a subblock."""

    inner: CziLayout
    """Where the subblocks lie on the canvas; its offsets are rows of ``coordinates``."""
    letters: str
    """Dimensions by which the library finds a subblock."""
    coordinates: bytes = attrs.field(repr=False)
    """int32, shape (subblocks, letters)."""

    @property
    def block_shape(self) -> tuple[int, ...]:
        """As of the inner layout."""
        return self.inner.block_shape

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """The pieces of the inner layout, read by the library."""
        n = len(self.letters)
        for piece in self.inner.pieces(block, window):
            if isinstance(piece, Strided) and piece.header is not None:
                where = struct.unpack_from(f"<{n}i", self.coordinates, 4 * n * piece.header.offset)
                tile = (piece.source, tuple(zip(self.letters, where, strict=True)))
                yield Computed(
                    "aicsio.formats.czi.libczi_engine:read_tile",
                    tile,
                    piece.shape,
                    piece.dtype,
                    piece.selection,
                )


class _Library:
    """An open file of the library, used by one thread at a time."""

    def __init__(self, source: Source) -> None:
        aicspylibczi = _imported()
        self.lock = threading.Lock()
        self.file = readers.open_binary(source)
        try:
            self.czi = aicspylibczi.CziFile(self.file)
        except Exception as error:
            self.file.close()
            raise _refused(source, "opening the file", error) from error

    def close(self) -> None:
        """Give the file back."""
        del self.czi
        self.file.close()


def _imported() -> Any:
    try:
        import aicspylibczi
    except ImportError as error:
        raise MissingDependencyError(
            "engine 'aicspylibczi' needs aicspylibczi: pip install 'aicsio[aicspylibczi]'"
        ) from error
    return aicspylibczi


def _refused(source: Source, doing: str, error: Exception) -> CorruptFileError:
    return CorruptFileError.at(
        source.uri, None, f"aicspylibczi failed in {doing}: {type(error).__name__}: {error}"
    )


def read_tile(source: Source, coordinates: tuple[tuple[str, int], ...]) -> npt.NDArray[Any]:
    """Pixels of one subblock: rows, columns, samples in the order red, green, blue."""
    with (
        readers.borrow(("aicspylibczi", source), lambda: _Library(source)) as library,
        library.lock,
    ):
        try:
            pixels, dims = library.czi.read_image(**dict(coordinates))
        except Exception as error:
            raise _refused(source, f"reading {dict(coordinates)}", error) from error
    samples = next((size for letter, size in dims if letter == "A"), 1)
    image = np.asarray(pixels).reshape(*pixels.shape[-2 - (samples > 1) :][:2], samples)
    # The library hands on blue, green, red as they are stored.
    return image[..., [2, 1, 0, 3][:samples]] if samples > 1 else image


def contents(
    index: Index,
    native: tuple[Scene, ...],
    data: tuple[SceneData, ...],
    notes: tuple[Diagnostic, ...],
    *,
    tiles: bool,
) -> Contents:
    """Describe the file as the library sees it: names and sizes from the metadata, pixels and their places from it.

    Raises
    ------
    MissingDependencyError, CorruptFileError, UnsupportedFormatError
    """
    if any(note.code == "scanned-segments" for note in notes):
        raise CorruptFileError.at(
            index.source.uri,
            None,
            "aicspylibczi needs the subblock directory, which is unusable; use engine='native'",
        )
    if not index.source.local or index.source.content is not None:
        raise UnsupportedFormatError(
            f"{index.source.uri}: aicspylibczi reads local files only; use engine='native'"
        )
    check_segments(index)
    blocks, letters, coordinates = _listed(index.source)
    seen = attrs.evolve(index, subblocks=blocks, file_part=0)
    found, more = build_scenes(seen, tiles=tiles)
    by_number = {one.number: scene for one, scene in zip(data, native, strict=True)}
    scenes: list[Scene] = []
    for one in found:
        record = by_number.get(one.number) or Scene(f"Image:{len(scenes)}", ())
        levels = tuple(_through(level, letters, coordinates) for level in one.levels)
        scenes.append(
            attrs.evolve(record, levels=levels, tiles=one.tiles and (record.tiles or one.tiles))
        )
    full = (index.subblocks.stored["Y"] == index.subblocks.size["Y"]) & (
        index.subblocks.stored["X"] == index.subblocks.size["X"]
    )
    if len(blocks) != int(full.sum()):
        message = f"aicspylibczi lists {len(blocks)} subblocks of full resolution, the directory {int(full.sum())}"
        more = (*more, Diagnostic("library-subblocks", message))
    if not full.all():
        more = (
            *more,
            Diagnostic("library-levels", "aicspylibczi reads full resolution only: one level"),
        )
    known = {(note.code, note.message) for note in notes}
    fresh = tuple(note for note in more if (note.code, note.message) not in known)
    return Contents(tuple(scenes), index.metadata, (*notes, *fresh))


def probe(found: Contents, why: str) -> None:
    """Read one subblock, to say at once where the library declines too; ``why`` is what the native engine said.

    Raises
    ------
    UnsupportedFormatError
    """
    level = next(scene.levels[0] for scene in found.scenes if scene.levels)
    layout = cast("LibraryLayout", level.layout)
    row = struct.unpack_from(f"<{len(layout.letters)}i", layout.coordinates)
    source = layout.inner.source
    try:
        read_tile(source, tuple(zip(layout.letters, row, strict=True)))
    except CorruptFileError as error:
        raise UnsupportedFormatError(
            f"{source.uri}: {why.partition(': aicspylibczi')[0]}; {error}"
        ) from error


def _through(level: LazyArray, letters: str, coordinates: bytes) -> LazyArray:
    layout = LibraryLayout(cast("CziLayout", level.layout), letters, coordinates)
    return LazyArray.whole(layout, level.stored, level.dtype)


def _listed(source: Source) -> tuple[Subblocks, str, bytes]:
    """Ask the library which subblocks there are."""
    with (
        readers.borrow(("aicspylibczi", source), lambda: _Library(source)) as library,
        library.lock,
    ):
        czi = library.czi
        try:
            mosaic = czi.is_mosaic()
            boxes = (
                czi.get_all_mosaic_tile_bounding_boxes()
                if mosaic
                else czi.get_all_tile_bounding_boxes()
            )
            kind = BY_NAME.get(czi.pixel_type)
            rows = [
                (
                    {**info.dimension_coordinates, **({"M": info.m_index} if mosaic else {})},
                    (box.y, box.x, box.h, box.w),
                )
                for info, box in boxes.items()
            ]
        except Exception as error:
            raise _refused(source, "listing the subblocks", error) from error
    if kind is None:
        raise UnsupportedFormatError(
            f"{source.uri}: aicspylibczi reads files of one pixel type of {', '.join(BY_NAME)}"
        )
    letters = "".join(sorted({letter for where, _ in rows for letter in where}))
    table = np.array(
        [[where.get(letter, 0) for letter in letters] for where, _ in rows], "<i4"
    ).reshape(len(rows), -1)
    box = np.array([box for _, box in rows], np.int64).reshape(len(rows), 4)
    start = {letter: table[:, i].astype(np.int64) for i, letter in enumerate(letters)}
    start |= {"Y": box[:, 0], "X": box[:, 1]}
    size = {letter: np.ones(len(rows), np.int64) for letter in letters} | {
        "Y": box[:, 2],
        "X": box[:, 3],
    }
    zero = np.zeros(len(rows), np.int64)
    has = {letter: np.ones(len(rows), np.bool_) for letter in start}
    blocks = Subblocks(
        position=np.arange(len(rows)),
        file_part=zero,
        pixel_type=zero + kind,
        compression=zero,
        entry=zero,
        start=start,
        has=has,
        size=size,
        stored={letter: size[letter] for letter in "YX"},
        slot=dict.fromkeys(start, zero),
        unknown=np.zeros(len(rows), np.bool_),
        segment=zero,
    )
    return blocks, letters, table.tobytes()


# ---------------------------------------------------------------- checks before C++


def check_segments(index: Index) -> None:
    """Read the head of every subblock and hold it to the directory.

    Raises
    ------
    CorruptFileError
    """
    source, blocks = index.source, index.subblocks
    with readers.session(), readers.lend(source) as reader:
        for offset in (
            *index.segments,
            *blocks.position[blocks.file_part == index.file_part].tolist(),
        ):
            _, allocated, used = segment_head(reader, source, offset)
            room = (1 << 62 if source.size is None else source.size) - offset - SEGMENT_HEAD
            if not 0 <= allocated <= room or not 0 <= used <= room:
                raise CorruptFileError.at(
                    source.uri, offset, f"expected a segment of at most {room} bytes"
                )
        for row in np.flatnonzero(blocks.file_part == index.file_part).tolist():
            offset, entry = int(blocks.position[row]), int(blocks.entry[row])
            (ndim,) = struct.unpack("<i", reader.read(entry + 28, 4))
            length = 32 + 20 * ndim
            listed = reader.read(entry, length)
            try:
                head = reader.read(offset, SEGMENT_HEAD + 16 + length)
                start, nbytes = _codecs.find_subblock_payload(head)
                _compare(
                    parse_entries(head[48:], 1, offset, source),
                    parse_entries(listed, 1, entry, source),
                )
            except AicsioError as error:
                raise CorruptFileError.at(
                    source.uri, offset, f"expected the subblock of the directory: {error}"
                ) from error
            attached = struct.unpack_from("<i", head, 36)[0]
            if source.size is not None and offset + start + nbytes + attached > source.size:
                raise CorruptFileError.at(
                    source.uri, offset, f"expected {nbytes} bytes of pixels inside the file"
                )
            kind = PIXEL_TYPES[int(blocks.pixel_type[row])]
            need = (
                int(blocks.stored["Y"][row] * blocks.stored["X"][row])
                * kind.samples
                * kind.dtype.itemsize
            )
            if blocks.compression[row] == 0 and nbytes < need:
                raise CorruptFileError.at(
                    source.uri, offset, f"expected {need} bytes of pixels, found {nbytes}"
                )


def _compare(inside: Subblocks, listed: Subblocks) -> None:
    """LibCZI takes type and sizes from the subblock itself, so they must be those that were checked."""
    same = int(inside.pixel_type[0]) == int(listed.pixel_type[0])
    same &= int(inside.compression[0]) == int(listed.compression[0])
    for mine, other in (
        (inside.start, listed.start),
        (inside.size, listed.size),
        (inside.stored, listed.stored),
    ):
        same &= {letter: int(column[0]) for letter, column in mine.items()} == {
            letter: int(column[0]) for letter, column in other.items()
        }
    if not same:
        raise CorruptFileError("its own entry differs from that of the directory")
