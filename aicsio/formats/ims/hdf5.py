"""HDF5 by h5py: names, attributes and places of chunks. No pixel is read through it.

Rule kept here: h5py sees the file through an object of ours, so that it opens no other file, reads
remote files in ranges, and stops after a number of bytes that no sound index needs. Sizes are
compared with limits before memory is taken for them.

Source of the facts: "HDF5 File Format Specification" 3.0 (The HDF Group).
"""

import contextlib
import io
import itertools
import re
from collections.abc import Container, Iterator
from typing import Any, Final

from aicsio._io import readers
from aicsio.errors import AicsioError, CorruptFileError, MissingDependencyError
from aicsio.formats.ims.headers import find_object, read_attributes
from aicsio.formats.ims.pages import FetchedPages
from aicsio.records import Source

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
USER_BLOCKS: Final = (0, 512, 1024, 2048)
"""Where the signature may stand: behind a user block of a power of two."""
MOST_NAMES: Final = 100_000
"""Names of a group that are looked at: one a time point."""
MOST_TEXT: Final = 1 << 20
"""Bytes of an attribute that are read. The longest of Imaris is a log of some kilobytes."""
MOST_ATTRIBUTES: Final = 20_000
"""Attributes of a group that are read: the group of times has one a time point."""
INDEX_PER_FILE: Final = 4
"""How many times the bytes of the file an index may take to read: a loop of nodes takes more."""
TROUBLE: Final = (
    *(OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError),
    *(MemoryError, IndexError, SystemError, NotImplementedError),
)
"""What h5py raises for a damaged file, by the function that meets the damage."""
_HDF5_NEEDED: Final = (1, 14, 4)
"""Seen in 1.14.2 (h5py 3.11): places of chunks leave out the user block; damaged files end the process."""


def has_signature(head: bytes) -> bool:
    """Return whether a file begins as HDF5 files do."""
    return any(head.startswith(SIGNATURE, start) for start in USER_BLOCKS)


class _IndexFile(io.RawIOBase):
    """The file as h5py sees it. Not a record: it lives for one opening."""

    def __init__(self, reader: readers.Reader, source: Source, pages: FetchedPages | None) -> None:
        super().__init__()
        self._reader = reader
        self._source = source
        self._size = source.size or 0
        self._position = 0
        self._left = INDEX_PER_FILE * self._size + (1 << 20)
        self._pages = pages
        """Fetched pages of a remote file; ``None`` of a local one."""
        self.trouble: AicsioError | None = None
        """The error of ours that h5py turned into one of its own."""

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a position."""
        origins = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}
        self._position = origins[whence] + offset
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer, or raise."""
        into = memoryview(buffer).cast("B")
        try:
            self._left -= into.nbytes
            if self._left < 0:
                raise CorruptFileError.at(
                    self._source.uri, self._position, "expected an index without loops"
                )
            into[:] = self._read(self._position, into.nbytes)
        except AicsioError as error:
            self.trouble = error
            raise
        self._position += into.nbytes
        return into.nbytes

    def _read(self, offset: int, nbytes: int) -> bytes:
        # Behind the end of the file the reader raises.
        if self._pages is None or not 0 < nbytes <= self._size - offset:
            return self._reader.read(offset, nbytes)
        return self._pages.read(offset, nbytes)


class Hdf5File:
    """Groups and datasets of an open file. Not a record: it lives for one opening."""

    def __init__(self, file: Any, index: _IndexFile, source: Source) -> None:
        self._file = file
        self._index = index
        self.source = source
        # Addresses count from the end of the user block.
        self.base: int = file.get_create_plist().get_userblock()

    def read_at(self, address: int, nbytes: int) -> bytes:
        """Return bytes at an address of HDF5; fewer where the file ends before."""
        start = self.base + address
        data = bytearray(max(0, min(nbytes, (self.source.size or 0) - start)))
        self._index.seek(start)
        if data:
            self._index.readinto(data)
        return bytes(data)

    def names(self, path: str) -> tuple[str, ...]:
        """Return the names in a group; none where it is missing or damaged."""
        import h5py

        found: list[str] = []

        def take(name: bytes) -> int | None:
            found.append(name.decode("utf-8", "replace"))
            # Any value but None ends the walk.
            return 1 if len(found) >= MOST_NAMES else None

        with self._damage_ignored():
            group = h5py.h5o.open(self._file, path.encode())
            # In a damaged file a path may lead to a dataset, which has no names in it.
            if isinstance(group, h5py.h5g.GroupID):
                group.links.iterate(take)
        return tuple(found)

    def dataset(self, path: str) -> Any | None:
        """Return an open dataset, or ``None`` where it is missing or damaged."""
        import h5py

        with self._damage_ignored():
            return h5py.h5d.open(self._file, path.encode())
        return None

    def attributes(self, path: str, wanted: Container[str] | None = None) -> dict[str, str]:
        """Return the attributes of a group as texts; those that are damaged are left out.

        Parameters
        ----------
        path
            The group.
        wanted
            Names of those that are read; ``None`` for all.
        """
        import h5py

        names: list[bytes] = []

        def take(name: bytes) -> int | None:
            names.append(name)
            # Any value but None ends the walk.
            return 1 if len(names) >= MOST_ATTRIBUTES else None

        texts: dict[str, str] = {}
        with self._damage_ignored():
            group = h5py.h5o.open(self._file, path.encode())
            found = _decode(read_attributes(self.read_at, find_object(group)), wanted)
            if found is not None:
                return found
            h5py.h5a.iterate(group, take)
            for raw in names:
                name = raw.decode("utf-8", "replace")
                if wanted is not None and name not in wanted:
                    continue
                try:
                    text = _read_text(h5py.h5a.open(group, raw))
                except TROUBLE as error:
                    self.raise_trouble(error)
                    continue
                if text is not None:
                    texts[name] = text
        return texts

    @contextlib.contextmanager
    def _damage_ignored(self) -> Iterator[None]:
        """Go on after damage: what it hides is missing. Trouble of reading the file is raised."""
        try:
            yield
        except TROUBLE as error:
            self.raise_trouble(error)

    def raise_trouble(self, error: BaseException) -> None:
        """Raise the error of ours behind one of h5py, unless it is damage as well."""
        trouble, self._index.trouble = self._index.trouble, None
        if trouble is None or isinstance(trouble, CorruptFileError):
            return
        if error is trouble:
            raise trouble
        raise trouble from error


def _user_block(reader: readers.Reader, source: Source) -> int:
    """Return the bytes in front of the signature."""
    head = reader.read(0, min(USER_BLOCKS[-1] + len(SIGNATURE), source.size or 0))
    return next((start for start in USER_BLOCKS if head.startswith(SIGNATURE, start)), 0)


@contextlib.contextmanager
def open_index(source: Source) -> Iterator[Hdf5File]:
    """Open a file for the length of a ``with`` block.

    Raises
    ------
    CorruptFileError
        When h5py cannot open it.
    SourceError
        When its bytes cannot be read.
    MissingDependencyError
        When h5py was built with an HDF5 library older than 1.14.4.
    """
    import h5py

    if h5py.version.hdf5_version_tuple < _HDF5_NEEDED:
        raise MissingDependencyError(
            f"Imaris files need HDF5 1.14.4 or newer, and h5py {h5py.__version__} has "
            f"{h5py.version.hdf5_version}: pip install 'h5py>=3.12.1'"
        )
    with readers.lend(source) as reader:
        pages = None
        if reader.remote:
            pages = FetchedPages(reader, source.size or 0, _user_block(reader, source))
        index = _IndexFile(reader, source, pages)
        access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
        # Closing the file closes whatever h5py still holds of it.
        access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
        access.set_fileobj_driver(h5py.h5fd.fileobj_driver, index)
        try:
            file = h5py.h5f.open(b"aicsio", h5py.h5f.ACC_RDONLY, fapl=access)
        except AicsioError:
            raise
        except TROUBLE as error:
            if index.trouble is not None:
                raise index.trouble from error
            raise CorruptFileError.at(
                source.uri, None, f"expected an Imaris 5.5 file (HDF5): {error}"
            ) from error
        finally:
            # A list that the traceback of an error keeps until Python has ended would be freed by HDF5 on
            # leaving, with a call of Python that ends the process (seen in h5py 3.12 to 3.16).
            access.close()
        try:
            yield Hdf5File(file, index, source)
        finally:
            with contextlib.suppress(*TROUBLE):
                file.close()


def _decode(
    found: dict[bytes, bytes | None] | None, wanted: Container[str] | None
) -> dict[str, str] | None:
    """Return the wanted texts; ``None`` where one is of a kind that h5py reads."""
    texts: dict[str, str] = {}
    for raw, text in itertools.islice((found or {}).items(), MOST_ATTRIBUTES):
        name = raw.decode("utf-8", "replace")
        if wanted is None or name in wanted:
            if text is None:
                return None
            texts[name] = text.decode("utf-8", "replace")
    return None if found is None else texts


def _read_text(attribute: Any) -> str | None:
    """Return an attribute as text: characters in a row, a text, or numbers."""
    import h5py
    import numpy as np

    # Each call of h5py takes 0.5 to 7 us, and a file has hundreds of attributes: nothing is asked twice,
    # and ``shape`` and ``dtype`` only of the rare kinds.
    space, kind = attribute.get_space(), attribute.get_type()
    count, size = space.get_simple_extent_npoints(), kind.get_size()
    if not 0 <= count * size <= MOST_TEXT or space.get_simple_extent_ndims() > 1:
        return None
    is_text = isinstance(kind, h5py.h5t.TypeStringID) and not kind.is_variable_str()
    if is_text and size == 1 and space.get_simple_extent_ndims() == 1:
        # Imaris writes one character an element; NULs end the text.
        characters = np.empty(count, "S1")
        attribute.read(characters, mtype=kind)
        return characters.tobytes().split(b"\0")[0].decode("utf-8", "replace")
    dtype = attribute.dtype
    # Texts of variable length (object) and compounds (void) are left out.
    if not is_text and dtype.kind not in "iufb":
        return None
    values = np.empty(attribute.shape, dtype)
    attribute.read(values)
    if not is_text:
        return " ".join(map(str, values.reshape(-1).tolist()))
    raw = b" ".join(values.reshape(-1).tolist())
    return raw.split(b"\0")[0].decode("utf-8", "replace")


def numbered(names: tuple[str, ...], word: str) -> tuple[int, ...]:
    """Return the numbers behind a word in names such as ``"TimePoint 3"``, sorted."""
    pattern = re.compile(rf"{word} (0|[1-9][0-9]{{0,8}})", re.ASCII)
    matches = map(pattern.fullmatch, names)
    return tuple(sorted(int(match[1]) for match in matches if match is not None))
