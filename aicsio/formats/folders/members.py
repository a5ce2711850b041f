"""TIFF files that an index names: opened when their pixels are read, one to learn what all are like.

Rule kept here: a file that is missing is zero only where nothing has shown that it was there when
the index was opened. One that is damaged, or differs from the others, raises.
"""

import functools
from collections.abc import Sequence

import attrs

from aicsio._dims import views
from aicsio._io import readers
from aicsio._io.named_files import find_named
from aicsio.errors import AicsioError, CorruptFileError, SourceNotFoundError
from aicsio.formats._tiff.dialects import describe
from aicsio.formats._tiff.ifd import open_tiff, read_directory
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.page_tables import PageTable, open_page_table
from aicsio.formats._tiff.plane_map import PlaneMap, lazy_array
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Contents, Diagnostic, DType, LazyArray, Scene, Source

__all__ = ["OPEN_PLANE", "Sample", "learn_from_file", "open_plane"]

OPEN_PLANE = "aicsio.formats.folders.members:open_plane"
"""The function of ``Deferred`` pieces."""
MOST_TRIED = 8
"""Files that are tried until one opens: a plate whose first wells are damaged still shows the rest."""


@attrs.frozen(eq=False)
class Sample:
    """Properties of one file. Not a record: it lives for one opening."""

    name: str
    """Its name."""
    letters: str
    """Letters of a plane: ``YX``, or ``YXS`` for colour."""
    shape: tuple[int, ...]
    """Their sizes."""
    dtype: DType
    """Type of a pixel."""
    planes: int
    """Planes of the file."""
    scene: Scene | None
    """Metadata that the file itself has of its image; ``None`` where that cannot be read."""


class _OpenedFile:
    """The planes of a file. Not a record: it lives for one read."""

    def __init__(self, index: Source, key: str) -> None:
        source = self.source = find_named(index, key)
        self.is_missing = source is None
        self.pages: PageTable | None = None
        self.stack: LazyArray | None = None
        if source is None:
            return
        with open_tiff(source) as (file, first):
            tags = PageTags.of(file, read_directory(file, first)[0])
            # A MetaMorph stack has its planes behind one directory.
            if Tag.UIC1 in tags.tags or Tag.UIC2 in tags.tags:
                self.stack = _stack_of(describe(file, first, []), source)
            else:
                self.pages, _ = open_page_table(file, first)

    @property
    def plane_count(self) -> int:
        """Planes of the file; pages that differ from the first are none."""
        if self.stack is not None:
            return self.stack.dims.get("Z", 1)
        if self.pages is None:
            return 0
        alike = self.pages.segment_table_of == self.pages.segment_table_of[0]
        return int(alike.sum())

    def plane(self, number: int) -> LazyArray:
        """Return one plane."""
        if self.stack is not None:
            letters = "".join(letter for letter in self.stack.dims.order if letter != "Z")
            return views.transpose(self.stack, letters, {"Z": number})
        if self.pages is None or number >= len(self.pages):
            raise CorruptFileError(f"expected a plane {number}, found {self.plane_count}")
        array, _ = lazy_array(PlaneMap.of_pages(self.pages, [number], "", ()))
        return array

    def close(self) -> None:
        """Nothing is open."""


def _stack_of(contents: Contents, source: Source) -> LazyArray:
    """Return the one array of a stack, with Z in front."""
    levels = contents.scenes[0].levels
    if not levels or set(levels[0].dims.order) - set("ZYXSTQI"):
        raise CorruptFileError.at(source.uri, None, "expected a stack of planes")
    array = levels[0]
    lead = [letter for letter in array.dims.order if letter not in "YXS"]
    if len(lead) > 1:
        raise CorruptFileError.at(source.uri, None, f"expected one stack, found {array.dims}")
    if not lead:
        return views.transpose(array, "Z" + array.dims.order, {})
    # Whatever the file calls its planes, the index calls them sections.
    order = array.dims.order.replace(lead[0], "Z")
    return attrs.evolve(
        array,
        stored=attrs.evolve(array.stored, order=array.stored.order.replace(lead[0], "Z")),
        view=attrs.evolve(array.view, letters=order),
    )


def open_plane(index: Source, key: str, number: int, is_required: bool) -> LazyArray | None:
    """Open a file and return one of its planes; the function of ``Deferred`` pieces.

    Parameters
    ----------
    index, key
        As in ``find_named``.
    number
        Number of the plane in the file.
    is_required
        Whether the file was there when the index was opened.

    Raises
    ------
    SourceNotFoundError
        When a required file is missing.
    CorruptFileError
        When it is no TIFF, or has no such plane.
    """
    # Planes of one stack are pieces of their own: within a read the file is opened once.
    opener = functools.partial(_OpenedFile, index, key)
    with readers.borrow(("named-file", index, key), opener) as opened:
        if opened.is_missing:
            if is_required:
                raise SourceNotFoundError(
                    f"{key!r} of {index.uri!r} was there when the image was opened, and is no more"
                )
            return None
        try:
            plane: LazyArray = opened.plane(number)
        except CorruptFileError as error:
            raise CorruptFileError(f"{key!r} of {index.uri}: {error}") from error
    return plane


def learn_from_file(
    index: Source, keys: Sequence[str], code: str
) -> tuple[Sample | None, list[Diagnostic]]:
    """Open the first of some files that can be opened, to learn size and type of all.

    Parameters
    ----------
    index, keys
        The index, and names of files.
    code
        Begin of the codes of diagnostics.

    Raises
    ------
    AicsioError
        The error of the first file, when none can be opened.
    """
    first_error: AicsioError | None = None
    diagnostics: list[Diagnostic] = []
    for key in keys[:MOST_TRIED]:
        try:
            sample = _learn(index, key)
        except (CorruptFileError, SourceNotFoundError) as error:
            first_error = first_error or error
            diagnostics.append(Diagnostic(f"{code}-broken-file", str(error), key, loss=True))
            continue
        if sample is not None:
            return sample, diagnostics
    if first_error is not None:
        raise first_error
    return None, diagnostics


def _learn(index: Source, key: str) -> Sample | None:
    opened = _OpenedFile(index, key)
    if opened.is_missing:
        return None
    plane = opened.plane(0)
    scene = None
    if opened.source is not None:
        try:
            with open_tiff(opened.source) as (file, first):
                scene = describe(file, first, []).scenes[0]
        except AicsioError:
            scene = None  # its pixels can be read all the same
    return Sample(key, plane.dims.order, plane.dims.shape, plane.dtype, opened.plane_count, scene)
