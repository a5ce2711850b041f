"""Metadata of a dialect as tifffile parses them, for a file that is read again.

Rule kept here: whatever tifffile raises on damaged metadata is no metadata.
"""

import contextlib
from collections.abc import Mapping
from typing import IO, Any, cast

from aicsio._io import readers
from aicsio.errors import AicsioError
from aicsio.formats._tiff.dialects.by_tifffile import listening
from aicsio.records import Source


def open_with_tifffile(source: Source, attribute: str) -> Mapping[str, Any]:
    """Return one of tifffile's metadata attributes, such as ``"lsm_metadata"``; empty without it.

    Parameters
    ----------
    source
        The file.
    attribute
        Name of an attribute of ``TiffFile``.
    """
    import tifffile

    try:
        with (
            listening(),
            contextlib.closing(cast("IO[bytes]", readers.open_binary(source))) as stream,
            tifffile.TiffFile(stream) as tif,
        ):
            found = getattr(tif, attribute)
    # Errors of our own sources are no finding about the metadata.
    except AicsioError:
        raise
    except Exception:  # noqa: BLE001 - on damaged input a library raises anything
        return {}
    return found if isinstance(found, Mapping) else {}
