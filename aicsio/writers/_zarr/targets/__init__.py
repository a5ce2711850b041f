"""Where a store goes: a folder, one archive, or the objects of a server. Imports `_io`.

``folder``, ``archive`` and ``remote`` are one target each; ``owning`` locks a folder, ``swapping``
exchanges two, ``syncing`` brings files to the disk.

Rule kept here: under its name a store is whole, or it is marked as unfinished.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from aicsio._io.urls import public_url
from aicsio.errors import WriteError
from aicsio.records import ImageHandle
from aicsio.writers import _atomic_file, target_names
from aicsio.writers._zarr.stream import JournaledTarget
from aicsio.writers._zarr.targets import folder
from aicsio.writers.sources import sources_of
from aicsio.writers.zarr_options import ZarrOptions

ARCHIVE_SUFFIXES = (".zip", ".ozx")


@runtime_checkable
class OpenTarget(JournaledTarget, Protocol):
    """A store that is being filled, and what a report shows of it."""

    name: str
    """Absolute path, or the URL without secrets."""
    nbytes: int
    """Bytes that were put."""


@contextlib.contextmanager
def open_target(
    target: str | os.PathLike[str],
    fingerprint: str,
    provisional: Mapping[str, bytes],
    handles: Sequence[ImageHandle],
    options: ZarrOptions,
) -> Iterator[OpenTarget]:
    """Lend a store to fill; it is complete, under its name, when the block ends without an error.

    Parameters
    ----------
    target
        Path or URL.
    fingerprint
        Identifies source and options.
    provisional
        The documents of the store, at least as long as the final ones.
    handles
        Images that are written, which must not come from the target itself.
    options
        All options.

    Raises
    ------
    WriteError
        When the target is taken, or is where the pixels come from.
    """
    name = os.fsdecode(target)
    target_names.refuse_no_zarr(name)
    overwrite, sync = options["overwrite"], options["sync"]
    lent: Any
    if "://" in name:
        from aicsio.writers._zarr.targets import remote

        lent = remote.filling(name, options["storage_options"], fingerprint, overwrite=overwrite)
    elif name.lower().endswith(ARCHIVE_SUFFIXES):
        from aicsio.writers._zarr.targets import archive

        path = _atomic_file.check_target(name, overwrite=overwrite)
        _refuse_own_store(path, handles)
        lent = archive.filling(
            path, provisional, options["version"], overwrite=overwrite, sync=sync
        )
    else:
        path = folder.check_target(name, overwrite=overwrite)
        _refuse_own_store(path, handles)
        lent = folder.filling(
            path, fingerprint, overwrite=overwrite, resume=options["resume"], sync=sync
        )
    with lent as store:
        yield store


def existing_store(
    target: str | os.PathLike[str], storage_options: Mapping[str, Any] | None
) -> Any:
    """Open a store that exists, to write files of it.

    Raises
    ------
    WriteError
        When it is an archive, or there is none.
    """
    name = os.fsdecode(target)
    if name.lower().endswith(ARCHIVE_SUFFIXES):
        raise WriteError(
            f"{public_url(name)!r} is an archive, which is written as a whole: use a folder or URL"
        )
    if "://" in name:
        from aicsio.writers._zarr.targets import remote

        return remote.existing(name, storage_options)
    return folder.existing(name)


def _refuse_own_store(target: str, handles: Sequence[ImageHandle]) -> None:
    """Raise when pixels come from the target, or from files in it."""
    if not os.path.exists(target):
        return
    for handle in handles:
        for source in sources_of(handle):
            path = os.path.realpath(source.uri)
            if source.local and (path == target or path.startswith(target + os.sep)):
                raise WriteError(
                    f"{target!r} is where these pixels come from: write to another path"
                )
