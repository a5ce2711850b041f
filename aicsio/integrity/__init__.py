"""Whether a file is whole: truncated copies, holes, bad compressed blocks. Imports `_engine` and `opening`.

``check`` opens a file, looks up every piece of every scene and level, lets the format walk its own
structure, and lists what is lost. ``digests`` compares files with a list of their SHA-256.

Rule kept here: a finding names what is lost and where; a file that shows everything has none.
"""

import errno
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from aicsio import _engine, formats
from aicsio._checks import checked
from aicsio._checks.constructors import checked_record
from aicsio._checks.words import count_of
from aicsio._engine.checking import LostPixels, find_blank, find_lost
from aicsio.errors import (
    AicsioError,
    ImageTooLargeError,
    MissingDependencyError,
    SourceChangedError,
    SourceError,
    SourceNotFoundError,
    UnsupportedFormatError,
)
from aicsio.formats.names import FormatName, ImageSource
from aicsio.integrity.digests import compare_digests, list_files, read_digests, write_digests
from aicsio.opening import open_image
from aicsio.records import Damage, Diagnostic, ImageHandle, LazyArray, Source
from aicsio.records.printing import drawn_in_notebooks
from aicsio.records.protocols import ChecksStructure, offered

__all__ = ["CheckReport", "Damage", "check", "write_sums"]

MOST_LISTED: Final = 10_000
"""Findings that a report holds; the rest is counted. A damaged table of a large file has millions."""
MOST_LINES: Final = 20
"""Findings that the text of a report lists: a screen of them."""


@drawn_in_notebooks
@checked_record
@attrs.frozen
class CheckReport:
    """Parts of a file that were checked, and its damage."""

    uri: str
    """The file."""
    format: str | None
    """Its format; ``None`` if it could not be opened."""
    deep: bool
    """Whether every pixel was read and decoded."""
    planes: int
    """Planes that the file should have, over all scenes, at full resolution."""
    damage: tuple[Damage, ...] = attrs.field(default=(), repr=False)
    """Findings, those of the structure first; empty if the file is whole."""
    unlisted: int = 0
    """Further findings that are not listed."""

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.damage

    @property
    def lost_planes(self) -> tuple[tuple[int, tuple[tuple[str, int], ...]], ...]:
        """Planes of full resolution of which pixels are lost, as index of the scene and position."""
        lost: dict[tuple[int, tuple[tuple[str, int], ...]], None] = {}
        for one in self.damage:
            if one.level == 0 and one.scene is not None:
                for plane in itertools.islice(_planes_of(one), MOST_LISTED):
                    lost[one.scene, plane] = None
        return tuple(sorted(lost))

    def __str__(self) -> str:
        how = "read and decoded" if self.deep else "found in place"
        if self.whole:
            return f"{self.uri}: whole: {count_of(self.planes, 'plane', 'are')} {how}"
        lost = len(self.lost_planes)
        total = len(self.damage) + self.unlisted
        lines = [f"{self.uri}: damaged: {count_of(total, 'finding')}"]
        if lost:
            lines[0] += f", {count_of(lost, 'plane', 'are', total=self.planes)} not whole"
        lines += [f"  {one}" for one in self.damage[:MOST_LINES]]
        if total > MOST_LINES:
            lines.append(f"  and {total - MOST_LINES} more")
        return "\n".join(lines)


def _planes_of(one: Damage) -> Iterator[tuple[tuple[str, int], ...]]:
    """Yield the positions of the planes that a finding concerns."""
    kept = [(letter, positions) for letter, positions in one.positions if letter not in "YXS"]
    letters = [letter for letter, _ in kept]
    for position in itertools.product(*(positions for _, positions in kept)):
        yield tuple(zip(letters, position, strict=True))


@checked
def check(
    image: ImageHandle | ImageSource,
    *,
    deep: bool = False,
    format: FormatName | None = None,
    storage_options: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], object] | None = None,
    sums: str | Path | None = None,
) -> CheckReport:
    """Check whether a file is whole: truncated copies, holes, bad blocks, counts that disagree.

    Without ``deep`` the structure is read: that every plane of every level has its bytes inside of
    the file, that the headers in front of them fit, and what the format knows besides (the chain of
    segments of CZI, the memory blocks of LIF, the directories of TIFF, the map of ND2, the tables of
    shards). With it, every pixel is read and decoded, too.

    Parameters
    ----------
    image
        A handle, or a path or URL as ``open_image`` takes it.
    deep
        Whether everything is read and decoded.
    format
        Name of the format, to skip recognition.
    storage_options
        For URLs, as in ``open_image``.
    progress
        Called with bytes of pixels done and bytes in total, of all scenes and levels, in one thread at
        a time. ``ProgressBar`` shows it.
    sums
        A list of digests that ``write_sums`` or ``sha256sum`` wrote while the files were whole: each file of
        the image is compared with its line, and a file of the list must be there.

    Returns
    -------
    CheckReport
        Its ``whole`` is true if nothing was found; as text it is a report. A file that does not open
        because it is damaged is a finding, not an error.

    Raises
    ------
    SourceNotFoundError
        When the path or URL names nothing.
    UnsupportedFormatError
        When no format opens the file.
    MissingDependencyError
        When the format needs a package that is not installed.
    SourceError
        When the bytes cannot be had: a folder, no permission, a server that does not answer.
    CorruptFileError
        When a line of ``sums`` is none that ``sha256sum`` writes. One without the image is a
        ``SourceNotFoundError``.

    Notes
    -----
    Codecs without a checksum (JPEG, JPEG XR, LZW, raw pixels, zstd as most writers use it) may
    decode changed bytes to other pixels; no reader notices that, but ``sums`` does. See the page about
    checking.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from aicsio import check
    >>> from aicsio.testing import ImageSpec, TiffSpec, write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write(TiffSpec((ImageSpec(T=3),)), Path(folder))
    ...     check(path).whole
    True
    """
    digests = None if sums is None else read_digests(Path(sums))
    if isinstance(image, ImageHandle):
        handle = image
    else:
        try:
            handle = open_image(image, format=format, storage_options=storage_options)
        except AicsioError as error:
            # What is changed may be of no known format any more.
            place = Path(_name(image))
            changed = [] if digests is None else [*compare_digests(digests, place, [])]
            if not changed:
                if isinstance(error, SourceNotFoundError | UnsupportedFormatError):
                    raise
                _require_damage(error)
            found = (_from_error("cannot-open", error), *changed)
            return CheckReport(_name(image), None, deep, 0, found)
    differing: Iterator[Damage] = iter(())
    if digests is not None:
        differing = compare_digests(
            digests, Path(handle.source.uri), list_files(_list_sources(handle))
        )
    findings = itertools.chain(differing, _find_all(handle, deep=deep, progress=progress))
    # Findings are made one by one: those beyond the limit are counted and not kept.
    listed = tuple(itertools.islice(findings, MOST_LISTED))
    unlisted = sum(1 for _ in findings)
    planes = sum(_count_planes(handle, index) for index in range(len(handle.scenes)))
    report = CheckReport(handle.source.uri, handle.format, deep, planes, listed, unlisted)
    # A scene that has lost everything may be listed without levels; its planes belong to the file.
    lost = sum(not handle.scenes[scene].levels for scene, _ in report.lost_planes)
    return attrs.evolve(report, planes=planes + lost)


@checked
def write_sums(
    path: str | Path,
    *images: ImageHandle | ImageSource,
) -> Path:
    """Write the SHA-256 of all files of images, which ``check(sums=...)`` and ``sha256sum -c`` read.

    Parameters
    ----------
    path
        Of the list. Lines of other files that it has are kept.
    *images
        Handles, or local paths as ``open_image`` takes them. Of a folder, all files in it are listed; of a
        file that names others, those that hold its pixels, too.

    Returns
    -------
    pathlib.Path
        The list. Its names are relative to its folder.

    Raises
    ------
    SourceError
        When an image is not local, or a file cannot be read.
    CorruptFileError
        When the list has a line that ``sha256sum`` does not write.
    WriteError
        When the list cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from aicsio import check, write_sums
    >>> from aicsio.testing import ImageSpec, TiffSpec, write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write(TiffSpec((ImageSpec(),)), Path(folder))
    ...     sums = write_sums(Path(folder) / "SHA256SUMS", path)
    ...     check(path, sums=sums).whole
    True
    """
    files: list[Path] = []
    for image in images:
        handle = image if isinstance(image, ImageHandle) else open_image(image)
        files += list_files(_list_sources(handle))
    write_digests(Path(path), files)
    return Path(path)


def _name(image: object) -> str:
    return str(image) if isinstance(image, str | Path) else f"<{type(image).__name__}>"


def _find_all(
    handle: ImageHandle, *, deep: bool, progress: Callable[[int, int], object] | None
) -> Iterator[Damage]:
    """Yield the findings of opening, of the structure, and of each array."""
    losses = [note for note in handle.diagnostics if note.loss]
    yield from map(_from_note, losses)
    module = formats.module_of(handle.format)
    structure = None if module is None else offered(module, ChecksStructure)
    if structure is not None:
        for source in _list_sources(handle):
            try:
                yield from structure.check_structure(source)
            except AicsioError as error:
                _require_damage(error)
                yield _from_error("structure", error)
    report = None if progress is None else _ByteCount(handle, progress)
    for index, scene in enumerate(handle.scenes):
        for level, array in enumerate(scene.levels):
            for lost in find_lost(array, deep=deep, report=report):
                _require_damage(lost.error)
                yield _describe(lost, array.stored.order, index, level)
    # A plane without bytes is legal in a sparse image; beside a loss it is part of the loss.
    if losses:
        for index, scene in enumerate(handle.scenes):
            for array in scene.levels[:1]:
                yield from _describe_blank(array, index, losses[0])
    if report is not None:
        report.end()


def _require_damage(error: AicsioError) -> None:
    """Raise an error that says that bytes could not be had, not that they are wrong.

    A member of a set that is missing is a loss, and so are a file that is no longer the one that was
    opened and a bad block of a local disk.
    """
    if isinstance(error, MissingDependencyError):
        raise error
    is_loss = isinstance(error, SourceNotFoundError | SourceChangedError)
    if isinstance(error, SourceError) and not is_loss:
        # EIO is a bad block: the bytes are lost, not out of reach.
        cause = error.__cause__
        if not (isinstance(cause, OSError) and cause.errno == errno.EIO):
            raise error


def _describe_blank(array: LazyArray, scene: int, loss: Diagnostic) -> Iterator[Damage]:
    for positions in find_blank(array):
        yield Damage(
            "blank-plane",
            f"none of its pixels is in the file ({loss.code})",
            loss.where,
            scene=scene,
            level=0,
            positions=tuple(zip(array.stored.order, positions, strict=True)),
        )


class _ByteCount:
    """Counts the pixels of all arrays of a file. Not a record: it counts."""

    def __init__(self, handle: ImageHandle, progress: Callable[[int, int], object]) -> None:
        levels = (level for scene in handle.scenes for level in scene.levels)
        self._total = sum(level.nbytes for level in levels)
        self._done = 0
        self._progress = progress

    def __call__(self, nbytes: int) -> None:
        """Report what was done before the next bytes."""
        self._progress(min(self._done, self._total), self._total)
        self._done += nbytes

    def end(self) -> None:
        """Report the end."""
        self._progress(self._total, self._total)


def _list_sources(handle: ImageHandle) -> list[Source]:
    """Return the file and the others that its levels read, each once."""
    levels = (level for scene in handle.scenes for level in scene.levels)
    # Levels share their files: by name, each is walked once.
    found = {source.uri: source for level in levels for source in _engine.sources(level)}
    return list({handle.source.uri: handle.source, **found}.values())


def _from_note(note: Diagnostic) -> Damage:
    return Damage(note.code, note.message, note.where)


def _from_error(code: str, error: AicsioError) -> Damage:
    return Damage(code, str(error), getattr(error, "uri", None), getattr(error, "offset", None))


def _describe(lost: LostPixels, order: str, scene: int, level: int) -> Damage:
    if isinstance(lost.error, ImageTooLargeError):
        code = "too-large"
    else:
        code = "lost-pixels"
    found = _from_error(code, lost.error)
    positions = tuple(zip(order, lost.positions, strict=True))
    return attrs.evolve(found, scene=scene, level=level, positions=positions)


def _count_planes(handle: ImageHandle, index: int) -> int:
    scene = handle.scenes[index]
    if not scene.levels:
        return 0
    return math.prod(size for letter, size in scene.levels[0].stored.items() if letter not in "YXS")
