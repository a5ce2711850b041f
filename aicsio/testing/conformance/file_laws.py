"""Laws of files: recognising, opening, and where the bytes may be.

Rule kept here: a file is changed only after the law has read it, and only the copy.
"""

import hashlib
import os
from typing import Final

from aicsio._io import store_urls
from aicsio._io.readers import open_count
from aicsio.arrays import to_numpy
from aicsio.errors import SourceChangedError, UnsupportedFormatError
from aicsio.records import ImageHandle
from aicsio.testing.conformance.cases import MOST_PIXELS, Case, NotApplicable, each_level, require

_OTHER_HEADS: Final = (
    b"\x89PNG\r\n\x1a\n" + bytes(24),
    b"GIF89a" + bytes(24),
    b"%PDF-1.7\n" + bytes(24),
    bytes(64),
    b"\xff" * 64,
    b"a,b,c\n1,2,3\n" * 6,
)
"""Starts of files that are no microscope's, and of no format that a plug-in would add."""


def check_recognition(case: Case) -> None:
    """``recognises`` is true of the file, false of other files, and never raises."""
    source = case.source()
    head = case.head(source)
    require(case.module.recognises(source, head) is True, "it does not recognise the file")
    if source.folder:
        return
    # Cut within signatures and headers: a parser that unpacks without a check raises.
    for length in (0, 1, 3, 7, 15, 31, len(head) // 2):
        found = case.module.recognises(source, head[:length])
        require(isinstance(found, bool), f"it recognises {length} bytes as {found!r}")
    other = case.path.with_name("other.bin")
    for start in _OTHER_HEADS:
        if head.startswith(start[:6]):
            continue  # a format of such files
        other.write_bytes(start)
        found = case.module.recognises(store_urls.identify_image(other), start)
        require(
            found is False, f"it takes a file that begins with {start[:8]!r} for one of its own"
        )


def check_nothing_is_open(case: Case) -> None:
    """No file is open after opening and after reading."""
    before = open_count()
    handle = case.open()
    require(open_count() == before, "opening leaves a file open")
    _digest(handle)
    require(open_count() == before, "reading leaves a file open")


def _digest(handle: ImageHandle) -> str:
    """Return a digest of the pixels of all levels that are not too large."""
    digest = hashlib.sha256()
    for level in each_level(handle):
        if level.size <= MOST_PIXELS:
            digest.update(to_numpy(level).tobytes())
    return digest.hexdigest()


def check_bytes(case: Case) -> None:
    """The content of the file, held in memory, shows the same pixels."""
    if not case.single_file:
        raise NotApplicable("several files hold it")
    expected = _digest(case.open())
    try:
        handle = case.open(store_urls.identify_image(case.path.read_bytes()))
    except UnsupportedFormatError as error:
        raise NotApplicable(str(error)) from None
    require(_digest(handle) == expected, "pixels differ")


def check_remote(case: Case) -> None:
    """The file in an fsspec file system shows the same pixels."""
    if not case.single_file:
        raise NotApplicable("several files hold it")
    import fsspec

    expected = _digest(case.open())
    memory = fsspec.filesystem("memory")
    # The memory of fsspec is shared by the whole process.
    folder = f"/conformance-{os.getpid()}"
    memory.pipe_file(f"{folder}/{case.path.name}", case.path.read_bytes())
    try:
        url = f"memory:/{folder}/{case.path.name}"
        handle = case.open(store_urls.identify_image(url))
        require(_digest(handle) == expected, "pixels differ")
    except UnsupportedFormatError as error:
        # Some formats read local files alone, and their error gives the reason.
        raise NotApplicable(str(error)) from None
    finally:
        memory.rm(folder, recursive=True)


def check_changed_file(case: Case) -> None:
    """A file that changed after it was indexed is not read as if it had not."""
    if not case.single_file:
        raise NotApplicable("several files hold it")
    handle = case.open()
    with case.path.open("ab") as file:
        # One byte at the end: no pixel moves, only size and time show the change.
        file.write(b"\0")
    stat = case.path.stat()
    # Some file systems count whole seconds.
    os.utime(case.path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 2_000_000_000))
    try:
        to_numpy(handle)
    except SourceChangedError:
        return
    raise AssertionError("a file that grew after it was indexed is read without an error")


def check_untouched(case: Case) -> None:
    """Opening and reading change no byte, and make no file."""
    before = _contents_of(case)
    _digest(case.open())
    require(_contents_of(case) == before, "opening or reading changes files")


def _contents_of(case: Case) -> dict[str, str]:
    files = (path for path in case.path.parent.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
