"""``identify_image``, the entry for any name; and URLs of Zarr stores whose names do not show it.

Rule kept here: only a URL that is no file costs more requests, one or two.
"""

from collections.abc import Mapping
from typing import Any

from aicsio._io import readers, urls
from aicsio._io.sources import folder_url
from aicsio.errors import AicsioError, SourceNotFoundError
from aicsio.records import Source

DOCUMENTS = ("zarr.json", ".zattrs")
"""Documents of a root: of Zarr v3, and of an OME-Zarr in Zarr v2."""
LARGEST_DOCUMENT = 64 << 20
"""Bytes of a document, as the format of stores has it: consolidated metadata can be long."""
_PAGES = (b"<!doctype html", b"<html")


def identify_image(where: object, storage_options: Mapping[str, Any] | None = None) -> Source:
    """Find the bytes of a file, or a folder that may be a store.

    Parameters
    ----------
    where, storage_options
        As in ``identify``.

    Raises
    ------
    SourceNotFoundError, SourceError, ArgumentTypeError
        As by ``identify``.
    """
    try:
        return readers.identify(where, storage_options, folders=True)
    except SourceNotFoundError:
        store = None
        if isinstance(where, str) and urls.is_url(where) and urls.names_place(where):
            store = _store_at(where, storage_options or {})
        if store is None:
            raise
        return store


def look_behind_page(source: Source, nbytes: int) -> tuple[Source, bytes]:
    """Return a source and its first bytes; of a web page in place of a folder, the store there.

    Web servers answer a folder with a page that lists it.
    """
    head = readers.read_head(source, nbytes)
    is_page = head[:64].lstrip().lower().startswith(_PAGES)
    if source.local or not source.has_place or not is_page:
        return source, head
    store = _store_at(urls.requested_url(source), urls.client_options(source))
    return (source, head) if store is None else (store, b"")


def _store_at(url: str, options: Mapping[str, Any]) -> Source | None:
    from aicsio._io import stores

    folder = folder_url(url, options)
    for key in DOCUMENTS:
        try:
            text = stores.read_value(folder, key, LARGEST_DOCUMENT)
        except AicsioError:
            # The first trouble is that of the URL itself: it is raised instead.
            return None
        # Some servers answer every address with a page.
        if text is not None and text.lstrip().startswith(b"{"):
            return folder
    return None
