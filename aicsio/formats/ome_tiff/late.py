"""OME-TIFFs on a server whose directories lie between the planes: two directories now, the others with the planes.

The OME-XML gives the number of pages, and the first two pages show what they are like, so that two or three requests
open the file; each further directory is a request of its own at a server of single ranges. The first read of a plane
behind the second page follows the whole chain, as opening a local file does, and compares it with the promise.

Rule kept here: no pixel is shown whose directory was not reached by the chain. What cannot be promised from two
pages -- levels, sets, pages of several kinds -- is described at once.
"""

import functools
import math
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import cast

import attrs
import numpy as np

from aicsio._io import readers
from aicsio._io.urls import split_chain
from aicsio._ome.document import parse_ome
from aicsio._ome.model import OmeDocument, OmeImage, without_pages
from aicsio.errors import CorruptFileError
from aicsio.formats._tiff.chain import Chain
from aicsio.formats._tiff.ifd import OpenTiff, read_directory
from aicsio.formats._tiff.layout import TiffLayout
from aicsio.formats._tiff.page_tables import PageTable, SegmentTable, build_page_table
from aicsio.formats.ome_tiff.planes import MOST_PLANES
from aicsio.formats.ome_tiff.texts import Metadata, read_description
from aicsio.records import (
    Contents,
    Deferred,
    Diagnostic,
    DType,
    LazyArray,
    Pick,
    Piece,
    PlanePlaces,
    Scene,
    Selection,
    Source,
)
from aicsio.records.lazy import window_in_array
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short

KNOWN = 2
"""Pages whose directories opening reads: the second one shows that the first is followed by its like."""
LEAST_PAGES = 14
"""Pages of a file that is described later: with fewer, their directories take no more than a dozen requests."""
LEAST_NBYTES = 8 << 20
"""Bytes of such a file: smaller ones are fetched whole where their directories take many requests."""
LEAST_DISTANCE = 64 << 10
"""Bytes between two directories: nearer ones come with the bytes that a remote read fetches ahead."""
MOST_UNLIKE = 4.0
"""How many times larger or smaller a file may be than pages like the first two are."""
MOST_SEGMENTS = 1 << 22
"""Strips or tiles of a promise: its tables take 64 MiB. What is promised must not take more than what is there."""
MOST_REPORTED = 3
"""Diagnostics in one warning."""
MOST_DESCRIBED = 16
"""Files whose tables this process remembers: 1.6 MB each for 100 000 pages."""


@printed_short
@pickled_by_position
@attrs.frozen
class LateLayout:
    """Planes of a remote OME-TIFF of which opening read two directories."""

    source: Source
    """The file."""
    scene: int
    """Which of its scenes."""
    stored: tuple[int, ...]
    """Sizes of the stored axes."""
    dtype: DType
    """Type of the pixels."""
    known: tuple[int, ...]
    """Planes on pages whose directories opening read."""
    promised: TiffLayout = attrs.field(repr=False)
    """The layout if all pages are like the first ones; its places are true for those alone."""

    @property
    def block_shape(self) -> tuple[int, ...]:
        """Size of a block along each stored axis."""
        return self.promised.block_shape

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        starts, shape = window_in_array(block, self.block_shape, window)
        picks = tuple(range(start, start + size) for start, size in zip(starts, shape, strict=True))
        if self._are_known(picks):
            yield from self.promised.pieces(block, window)
            return
        whole = Selection((0,) * len(shape), shape, (0,) * len(shape))
        arguments = (self.scene, starts, shape)
        function = f"{__name__}:open_window"
        yield Deferred(self.source, "", function, arguments, shape, self.dtype, whole)

    def completed(self, picks: tuple[Pick, ...]) -> TiffLayout:
        """Return the layout of the whole file, or of the first pages; see ``CompletesLater``."""
        if self._are_known(picks):
            return self.promised
        array = _open_level(self.source, self.scene)
        if (array.stored.shape, array.dtype) != (self.stored, self.dtype):
            raise CorruptFileError.at(
                self.source.uri,
                None,
                f"its first pages promised pixels of shape {self.stored} and type {self.dtype}, "
                f"its directories list {array.stored.shape} and {array.dtype}",
            )
        return cast("TiffLayout", array.layout)

    def locate_planes(self) -> PlanePlaces | None:
        """Return where planes begin, by the directories of the whole file; see ``LocatesPlanes``."""
        return self.completed(tuple(map(range, self.stored))).locate_planes()

    def _are_known(self, picks: Sequence[Pick]) -> bool:
        """Whether positions along the stored axes lie on pages whose directories opening read."""
        planes: set[int] = {0}
        for size, pick in zip(self.promised.lead, picks, strict=False):
            positions = (pick,) if isinstance(pick, int) else pick
            # More positions than known planes cannot all be known.
            if len(positions) > len(self.known):
                return False
            planes = {plane * size + at for plane in planes for at in positions}
        return planes <= set(self.known)


# ---------------------------------------------------------------- opening


def describe_later(source: Source, file: OpenTiff, first: int) -> Contents | None:
    """Describe a file by its first directories; ``None`` if more of it must be read at once.

    Parameters
    ----------
    source, file, first
        A file, opened, and the offset of its first directory.

    Raises
    ------
    CorruptFileError
        When the first directory cannot be read.
    """
    # A server that reports no version of a file could send another one later.
    if not file.reader.remote or source.fingerprint is None or (source.size or 0) < LEAST_NBYTES:
        return None
    # A copy that fsspec makes (simplecache::) lies on this machine.
    if len(split_chain(source.uri)) > 1:
        return None
    directory, second, nbytes = read_directory(file, first)
    # Directories of NDPI beyond 4 GiB have a second part, and are few.
    if file.variant.is_ndpi or not first + LEAST_DISTANCE <= second <= file.size - nbytes:
        return None
    try:
        own = build_page_table(file, Chain.of([directory]))[0]
        text = read_description(file, own)
        document = parse_ome(text)
        page_count = _count_pages(document)
        if page_count < LEAST_PAGES:
            return None
        # Opening goes on with these bytes where nothing can be promised.
        directory_2, _, _ = read_directory(file, second, nbytes)
        known, notes = build_page_table(file, Chain.of([directory, directory_2]))
    except CorruptFileError:
        return None  # the plain way reports the fault
    if notes or not _is_promising(known, file.size, page_count):
        return None
    # Deferred: ``contents`` imports this module.
    from aicsio.formats.ome_tiff import contents

    table = _promise(known, page_count)
    described = contents.read_set(Metadata(source, text, document, table))
    if not all(_is_plain(scene, source) for scene in described.scenes):
        return None
    message = (
        f"the directories of {page_count - KNOWN} pages lie between the planes and are read with the first of these; "
        f"pages behind the {page_count} of the OME-XML are not looked for"
    )
    note = Diagnostic("ome-directories-later", message, source.uri)
    scenes = tuple(_later(scene, number, source) for number, scene in enumerate(described.scenes))
    return attrs.evolve(described, scenes=scenes, diagnostics=(*described.diagnostics, note))


def _count_pages(document: OmeDocument) -> int:
    """Return the pages that a document speaks of; 0 if it speaks of other files, or of parts of pages."""
    if document.metadata_file is not None or not document.images:
        return 0
    files = {
        (entry.uuid, entry.file_name) for image in document.images for entry in image.tiff_data
    }
    if len(files) > 1:
        return 0
    pages = 0
    for image, has_none in zip(document.images, without_pages(document.images), strict=True):
        planes = _count_planes(image)
        if not image.tiff_data and not has_none:
            pages += planes
        for entry in image.tiff_data:
            count = entry.planes
            if count is None:
                count = planes if entry.ifd is None else 1
            pages = max(pages, (entry.ifd or 0) + count)
    return min(pages, MOST_PLANES)


def _count_planes(image: OmeImage) -> int:
    """Return the planes of an image; its samples lie in one page."""
    samples = max((channel.samples for channel in image.channels), default=1)
    return image.sizes.Z * image.sizes.T * -(-image.sizes.C // max(samples, 1))


def _is_promising(known: PageTable, size: int, page_count: int) -> bool:
    """Whether the first pages are alike, have no levels, and pages like them come to about the size of the file."""
    if len(known.segment_tables) != 1 or known.sub_ifds or (known.segment_table_of < 0).any():
        return False
    (table,) = known.segment_tables
    if page_count * table.offsets.shape[1] > MOST_SEGMENTS:
        return False
    if not table.structure.is_decodable or len(table.offsets) != KNOWN or not table.offsets.all():
        return False
    expected = page_count * float(table.counts.sum()) / KNOWN
    return expected / MOST_UNLIKE <= size <= expected * MOST_UNLIKE


UNKNOWN = np.uint64(1 << 60)
"""Added to the offsets of pages whose directories are not known: behind the end of every file."""


def _promise(known: PageTable, page_count: int) -> PageTable:
    """Return the table of all pages if they are like the first ones; the places of the others lie in no file."""
    (table,) = known.segment_tables
    others = page_count - KNOWN
    promised = SegmentTable(
        table.structure,
        np.concatenate([table.offsets, np.repeat(table.offsets[-1:] + UNKNOWN, others, axis=0)]),
        np.concatenate([table.counts, np.repeat(table.counts[-1:], others, axis=0)]),
    )
    return PageTable(
        known.source,
        (promised,),
        np.zeros(page_count, np.int64),
        np.arange(page_count),
        {},
        known.directories,
    )


def _is_plain(scene: Scene, source: Source) -> bool:
    """Whether a scene is one array of the pages of the file."""
    if len(scene.levels) != 1 or scene.part is not None:
        return False
    layout = scene.levels[0].layout
    return (
        isinstance(layout, TiffLayout)
        and len(layout.groups) == 1
        and layout.groups[0].source == source
        and not layout.row_of
    )


def _later(scene: Scene, number: int, source: Source) -> Scene:
    """Return a scene whose places are looked up when planes are read."""
    (array,) = scene.levels
    layout = cast("TiffLayout", array.layout)
    planes = np.arange(math.prod(layout.lead), dtype=np.int64)
    places = layout.groups[0].segment_offsets(planes, 0).astype(np.uint64)
    known = tuple(np.flatnonzero(places < UNKNOWN).tolist())
    late = LateLayout(source, number, array.stored.shape, array.dtype, known, layout)
    return attrs.evolve(scene, levels=(attrs.evolve(array, layout=late),))


# ---------------------------------------------------------------- reading


def open_window(
    source: Source, key: str, scene: int, starts: tuple[int, ...], shape: tuple[int, ...]
) -> LazyArray:
    """Return a window of a scene by the directories of the whole file; see ``Deferred``.

    Raises
    ------
    CorruptFileError
        When the file has no such scene.
    """
    del key  # the file itself
    array = _open_level(source, scene)
    # A stack that is shorter than it was promised gives a smaller window, which the engine refuses.
    picks = tuple(
        range(size)[start : start + count]
        for start, count, size in zip(starts, shape, array.stored.shape, strict=True)
    )
    return attrs.evolve(array, view=attrs.evolve(array.view, picks=picks))


def _open_level(source: Source, scene: int) -> LazyArray:
    """Return the array of a scene, as stored, by the directories of the whole file."""
    with readers.borrow(("late", source), _Turn) as turn, turn.lock:
        levels = _describe(source)
    array = levels[scene] if scene < len(levels) else None
    if array is None:
        text = f"its directories list no pixels of scene {scene}"
        raise CorruptFileError.at(source.uri, None, text)
    return LazyArray.whole(array.layout, array.stored, array.dtype)


class _Turn:
    """Lets one thread follow the chain for all. Not a record: it lives while they wait."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def close(self) -> None:
        """Nothing is open."""


@functools.lru_cache(maxsize=MOST_DESCRIBED)
def _describe(source: Source) -> tuple[LazyArray | None, ...]:
    """Return the first level of each scene; the source with its fingerprint stands for the bytes."""
    from aicsio._io.remote import RemoteReader
    from aicsio.formats.ome_tiff import contents

    # A reader that fetches ahead and caches, as opening has one.
    with (
        readers.session(),
        readers.borrow(("reader", source), lambda: RemoteReader(source, head=b"")),
    ):
        promised = contents.describe_file(source).diagnostics
        described = contents.describe_file(source, later=False)
    # What opening could not know is reported now: a handle is never changed.
    news = [str(note.message) for note in described.diagnostics if note not in promised]
    if news:
        text = "; ".join(
            [*news[:MOST_REPORTED], *(["and more"] if len(news) > MOST_REPORTED else [])]
        )
        warnings.warn(f"{source.uri}: {text} (found when its directories were read)", stacklevel=2)
    return tuple(scene.levels[0] if scene.levels else None for scene in described.scenes)
