"""What is checked: a format, and a copy of one of its files.

Rule kept here: the format is asked directly, by the two functions of the seam, so that one that is
not registered can be checked too.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final, cast

import attrs
import numpy as np

from aicsio._io import store_urls
from aicsio._io.readers import read_head
from aicsio.errors import SceneError, UnsupportedFormatError
from aicsio.formats import HEAD_BYTES, TABLE, Format, by_name, external
from aicsio.records import Contents, ImageHandle, Source
from aicsio.records.protocols import FormatModule, Options
from aicsio.steps import transpose_to

MOST_PIXELS: Final = 1 << 22
"""Pixels that a law reads whole; of larger arrays it reads a corner."""


class NotApplicable(Exception):  # noqa: N818 -- no error: the law asks nothing of this file
    """A law asks nothing of this file; the message gives the reason."""


def require(holds: object, otherwise: str) -> None:
    """Raise unless a condition holds; ``assert`` would do nothing under ``python -O``.

    Parameters
    ----------
    holds
        The condition.
    otherwise
        The fault, in words.

    Raises
    ------
    AssertionError
        When the condition is false.

    Examples
    --------
    >>> from aicsio.testing.conformance.cases import require
    >>> require(1 + 1 == 2, "sums are wrong")
    """
    if not holds:
        raise AssertionError(otherwise)


def find_row(module: ModuleType | Format | str) -> Format:
    """Return the row of a format.

    Parameters
    ----------
    module
        A module, a row, or the name of a row. A module that is not registered gets a row with its
        last name.

    Returns
    -------
    Format
        The row.

    Raises
    ------
    UnsupportedFormatError
        When no row has the name.

    Examples
    --------
    >>> from aicsio.testing.conformance.cases import find_row
    >>> find_row("nd2").suffixes
    ('.nd2',)
    """
    if isinstance(module, Format):
        return module
    if isinstance(module, str):
        row = by_name(module)
        if row is None:
            raise UnsupportedFormatError(f"no format is called {module!r}")
        return row
    for row in (*TABLE, *external()):
        if row.module == module.__name__:
            return row
    return Format(module.__name__.rpartition(".")[2], (), module.__name__)


@attrs.frozen(eq=False)
class Case:
    """A format and a copy of a file of it, which a law may change. Not a record: it lives for one law."""

    row: Format
    """The row of the format."""
    module: FormatModule
    """Its functions."""
    path: Path
    """The copy: a file or a folder."""
    members: tuple[Path, ...] = ()
    """Copies of the other files that belong to it."""
    variants: int = 100
    """Damaged copies that are tried."""
    seed: int = 0
    """Of the random choices."""

    @classmethod
    def copied(
        cls,
        row: Format,
        module: ModuleType | Format | str,
        path: Path,
        members: tuple[Path, ...],
        folder: Path,
    ) -> "Case":
        """Copy a file, with its members, into a folder.

        Parameters
        ----------
        row, module
            The format; a module that is no row's is taken as it is.
        path, members
            The file or folder, and files below the folder that holds it.
        folder
            An empty folder.

        Returns
        -------
        Case
            With the paths of the copies.
        """
        target = folder / path.name
        if path.is_dir():
            shutil.copytree(path, target)
        else:
            shutil.copyfile(path, target)
        copies = []
        for member in members:
            copy = folder / member.relative_to(path.parent)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(member, copy)
            copies.append(copy)
        functions = module if isinstance(module, ModuleType) else row.load()
        return cls(row, cast("FormatModule", functions), target, tuple(copies))

    @property
    def single_file(self) -> bool:
        """Whether one file holds everything."""
        return not self.members and self.path.is_file()

    def files(self) -> tuple[Path, ...]:
        """Return all files of the copy, the first one first."""
        if self.path.is_file():
            return (self.path, *self.members)
        return tuple(sorted(path for path in self.path.rglob("*") if path.is_file()))

    def source(self) -> Source:
        """Return the copy as a source."""
        return store_urls.identify_image(self.path)

    def head(self, source: Source) -> bytes:
        """Return the first bytes, as ``recognises`` is shown them."""
        # A folder has no bytes: formats of folders look at its listing.
        return b"" if source.folder else read_head(source, HEAD_BYTES)

    def read_contents(self) -> Contents:
        """Open the copy by the function of the format."""
        return self.module.read_contents(self.source(), Options())

    def open(self, source: Source | None = None) -> ImageHandle:
        """Open a source, by default the copy.

        Parameters
        ----------
        source
            In place of the copy.

        Returns
        -------
        ImageHandle
            In focus: the first scene that has pixels.
        """
        source = source or self.source()
        contents = self.module.read_contents(source, Options())
        shown = [index for index, scene in enumerate(contents.scenes) if scene.levels]
        if not shown:
            raise SceneError(f"{source.uri} has no pixels")
        array = contents.scenes[shown[0]].levels[0]
        return ImageHandle(source, self.row.name, contents, shown[0], 0, array)

    def random(self) -> np.random.Generator:
        """Return a generator of random numbers, the same for each law."""
        return np.random.default_rng(self.seed)


def each_level(handle: ImageHandle) -> Iterator[ImageHandle]:
    """Yield a handle for each level of each scene.

    Parameters
    ----------
    handle
        Any handle of the file.

    Yields
    ------
    ImageHandle
        In stored order.
    """
    for index, scene in enumerate(handle.scenes):
        for level, array in enumerate(scene.levels):
            yield attrs.evolve(handle, scene_index=index, level=level, array=array)


def take_corner(handle: ImageHandle) -> ImageHandle:
    """Return the handle, or a corner of one that is too large to be read whole.

    Parameters
    ----------
    handle
        A level; damage makes levels of any size.

    Returns
    -------
    ImageHandle
        At most ``MOST_PIXELS``, or 16 positions along each axis.
    """
    if handle.size <= MOST_PIXELS:
        return handle
    corner = {letter: slice(0, min(size, 16)) for letter, size in handle.dims.items()}
    return transpose_to(handle, handle.dims.order, **corner)


def describe_level(handle: ImageHandle) -> str:
    """Return the words that name a level in a message."""
    return f"scene {handle.scene_index} level {handle.level}"
