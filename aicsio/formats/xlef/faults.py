"""Whether the files of a project end where they should; no pixel is decoded.

Rule kept here: a file of another kind than LAS X writes is passed over.

Source of the facts: PNG (ISO/IEC 15948), 5.6: IEND is the last chunk; JPEG (ITU-T T.81), B.1.1.3: EOI ends an
image; BMP: bytes 2 to 5 hold the size of the file.
"""

from collections.abc import Iterator
from typing import Final

from aicsio._io import readers
from aicsio.errors import AicsioError
from aicsio.formats._leica.container import read_container
from aicsio.formats._tiff import soundness
from aicsio.records import Damage, Source

TAIL: Final = 64
"""Bytes at the end in which the last mark of a picture stands; some writers pad."""
MARKS: Final = {"png": b"IEND", "jpg": b"\xff\xd9", "jpeg": b"\xff\xd9"}


def find_faults(source: Source, path: str) -> Iterator[Damage]:
    """Yield what a file of a project lacks.

    Parameters
    ----------
    source
        The file.
    path
        Its path in the project; the suffix names its kind, as LAS X does.
    """
    suffix = path.lower().rpartition(".")[2]
    if suffix in {"tif", "tiff"}:
        yield from soundness.find_faults(source)
        return
    text = None
    try:
        if suffix == "lof":
            text = _check_memory(source)
        elif suffix in {*MARKS, "bmp"}:
            text = _check_picture(source, suffix)
    except AicsioError as error:
        text = str(error)
    if text is not None:
        yield Damage("xlef-damaged-files", f"{path!r}: {text}", source.uri)


def _check_memory(source: Source) -> str | None:
    size = source.size or 0
    for block in read_container(source).blocks.values():
        if block.offset + block.size > size:
            return f"expected {block.size} bytes at {block.offset}, the file ends at {size}"
    return None


def _check_picture(source: Source, suffix: str) -> str | None:
    size = source.size or 0
    with readers.lend(source) as reader:
        tail = reader.read(max(size - TAIL, 0), min(TAIL, size))
        head = reader.read(0, min(6, size))
    if suffix == "bmp":
        expected = int.from_bytes(head[2:6], "little")
        return f"expected {expected} bytes, found {size}" if size < expected else None
    mark = MARKS[suffix]
    return None if mark in tail else f"expected {mark!r} at its end"
