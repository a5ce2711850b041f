"""The parts of a slide: settings, index, data files, camera positions, and its other records.

Rule kept here: only files of the folder of the slide are looked at; a data file that is missing is
``None``, and whatever lies in it is counted where it is used.

Source of the facts: see ``aicsio.formats.mirax``.
"""

import re
import zlib
from collections.abc import Iterator
from typing import Final

import attrs
import numpy as np

from aicsio._io import readers
from aicsio._io.named_files import find_named
from aicsio.errors import CorruptFileError
from aicsio.formats.mirax.index import SlideIndex, Table, read_index
from aicsio.formats.mirax.settings import Settings, looks_like_settings, read_settings
from aicsio.records import Source

SUFFIX: Final = ".mrxs"
SETTINGS: Final = "Slidedat.ini"
CONTENTS: Final = "HIERARCHICAL"
"""Section that lists levels, filters and other records."""
MOST_FILES: Final = 10_000
MOST_VALUES: Final = 4096
"""Values of one layer; slides have 3 to 12."""
MOST_CELLS: Final = 1 << 22
"""Cells of the grid of images: 60 x 25 mm at 0.1 micrometres a pixel have 2.3 million of 256 x 256."""
MOST_DIVISIONS: Final = 64
"""Images along a side of a photo; slides have 4, or 1."""
PLAIN_POSITIONS: Final = "VIMSLIDE_POSITION_BUFFER"
PACKED_POSITIONS: Final = "StitchingIntensityLayer"
# 9 bytes a photo: numpy packs the fields, as the file does.
POSITION: Final = np.dtype([("flag", "u1"), ("x", "<i4"), ("y", "<i4")])


@attrs.frozen(eq=False)
class Record:
    """A record beside the levels. Not a record of aicsio: it lives for one opening."""

    layer: str
    """Name of its layer."""
    value: str
    """Its own name."""
    section: str
    """Name of its section in the settings; empty if it has none."""
    number: int
    """Position in the index."""


@attrs.frozen(eq=False)
class Slide:
    """A slide. Not a record: it lives for one opening."""

    settings: Settings
    """``Slidedat.ini``."""
    index: SlideIndex
    """``Index.dat``."""
    files: tuple[Source | None, ...]
    """Data files by number."""
    grid: tuple[int, int]
    """Cells of the grid of images, down and across."""
    divisions: int
    """Cells along a side of a photo."""

    def layers(self, kind: str, name: str) -> Iterator[Record]:
        """Yield the values of the layers of a name; of all layers for an empty one.

        Parameters
        ----------
        kind
            ``HIER`` for levels and filters, ``NONHIER`` for other records.
        name
            Of the layer.
        """
        # Records count over all layers of their kind, whatever their names.
        settings, number = self.settings, 0
        for layer in range(settings.count(CONTENTS, f"{kind}_COUNT", 0, MOST_VALUES)):
            found = settings.get(CONTENTS, f"{kind}_{layer}_NAME") or ""
            for value in range(settings.count(CONTENTS, f"{kind}_{layer}_COUNT", 0, MOST_VALUES)):
                key = f"{kind}_{layer}_VAL_{value}"
                if name in {"", found}:
                    own = settings.get(CONTENTS, key) or ""
                    section = settings.get(CONTENTS, f"{key}_SECTION") or ""
                    yield Record(found, own, section, number)
                number += 1

    def find_bytes(self, record: Record) -> tuple[Source, int, int] | None:
        """Return file, offset and length of the data of a record; ``None`` if it has none."""
        # Only the first item of a record is looked at.
        for offset, nbytes, number in self.index.record(record.number).tolist():
            file = self.files[number] if 0 <= number < len(self.files) else None
            if file is None or not 0 <= offset <= offset + nbytes <= (file.size or 0):
                text = f"{record.layer}/{record.value}: {nbytes} bytes at {offset} of file {number}"
                raise CorruptFileError.at(self.index.source.uri, None, f"{text} are not there")
            return file, offset, nbytes
        return None

    def read_record(self, record: Record) -> bytes:
        """Return the data of a record; empty if it has none."""
        place = self.find_bytes(record)
        if place is None:
            return b""
        with readers.lend(place[0]) as reader:
            return reader.read(place[1], place[2])

    @property
    def photos(self) -> tuple[int, int]:
        """Photos down and across."""
        return self.grid[0] // self.divisions, self.grid[1] // self.divisions

    def read_positions(self) -> Table | None:
        """Return flag, x and y of each photo, row by row; ``None`` if the slide has none.

        Raises
        ------
        CorruptFileError
            When there are more or fewer of them than photos.
        """
        expected = self.photos[0] * self.photos[1] * POSITION.itemsize
        for layer, is_packed in ((PLAIN_POSITIONS, False), (PACKED_POSITIONS, True)):
            for record in self.layers("NONHIER", layer):
                data = self.read_record(record)
                if is_packed and data:
                    data = _inflate(data, expected, self.index.source)
                if len(data) != expected:
                    text = f"expected {expected} bytes of camera positions, found {len(data)}"
                    raise CorruptFileError.at(self.index.source.uri, None, text)
                return np.frombuffer(data, POSITION)
        return None


def _inflate(data: bytes, expected: int, source: Source) -> bytes:
    try:
        # One byte more than expected shows that there are more.
        return zlib.decompressobj().decompress(data, expected + 1)
    except zlib.error as error:
        text = f"damaged camera positions: {error}"
        raise CorruptFileError.at(source.uri, None, text) from error


# ---------------------------------------------------------------- files


def find_settings(source: Source) -> Source | None:
    """Return ``Slidedat.ini`` of a slide: the file itself, that of a folder or of one beside a ``.mrxs``."""
    if source.folder:
        return find_named(source, SETTINGS) if source.local else None
    if not is_named_slide(source):
        return source if looks_like_settings(readers.read_head(source, 4096)) else None
    stem = _file_name(source)[: -len(SUFFIX)]
    return find_named(source, f"{stem}/{SETTINGS}")


def is_named_slide(source: Source) -> bool:
    """Return whether a file is called as a slide is."""
    name = _file_name(source)
    return source.has_place and name.lower().endswith(SUFFIX) and len(name) > len(SUFFIX)


def read_preview_ends(source: Source) -> tuple[bytes, bytes]:
    """Return the first two and the last 64 bytes of a preview."""
    size = source.size or 0
    with readers.lend(source) as reader:
        return reader.read(0, min(2, size)), reader.read(max(size - 64, 0), min(64, size))


def _file_name(source: Source) -> str:
    return re.split(r"[/\\]", source.uri.partition("?")[0])[-1]


def open_slide(source: Source) -> Slide:
    """Read settings and index of a slide, and look for its data files.

    Parameters
    ----------
    source
        The ``.mrxs``, its folder, or ``Slidedat.ini``.

    Raises
    ------
    CorruptFileError
        When settings or index are missing or damaged.
    """
    file = find_settings(source)
    if file is None:
        folder = _file_name(source)[: -len(SUFFIX)]
        text = (
            f"expected the folder {folder!r} with {SETTINGS} beside it: a slide is this file and its "
            "folder together"
        )
        raise CorruptFileError.at(source.uri, None, text)
    settings = read_settings(file)
    identity = settings.get("GENERAL", "SLIDE_ID")
    if identity is None:
        raise CorruptFileError.at(file.uri, None, "expected SLIDE_ID")
    rows = settings.count("GENERAL", "IMAGENUMBER_Y", 1, MOST_CELLS)
    columns = settings.count("GENERAL", "IMAGENUMBER_X", 1, MOST_CELLS // rows)
    # Without the key an image is a whole photo.
    divisions = 1
    if settings.get("GENERAL", "CameraImageDivisionsPerSide") is not None:
        key = "CameraImageDivisionsPerSide"
        divisions = settings.count("GENERAL", key, 1, min(rows, columns, MOST_DIVISIONS))
    count = settings.count("DATAFILE", "FILE_COUNT", 1, MOST_FILES)
    names = [settings.get("DATAFILE", f"FILE_{number}") or "" for number in range(count)]
    names.insert(0, settings.get(CONTENTS, "INDEXFILE") or "Index.dat")
    # Under a name of its own: in a lambda, type checkers see `file` as maybe None.
    settings_file = file
    index, *files = readers.find_at_once(
        lambda name: _find_beside(settings_file, name), names, file
    )
    if index is None:
        raise CorruptFileError.at(file.uri, None, f"expected {names[0]} beside it")
    return Slide(settings, read_index(index, identity), tuple(files), (rows, columns), divisions)


def _find_beside(settings: Source, name: str) -> Source | None:
    """Return a file of the folder; only the last part of its name counts."""
    last = re.split(r"[/\\]", name)[-1]
    # Of settings that the caller passed as bytes, no folder is known.
    return None if not settings.has_place or last in {"", ".", ".."} else find_named(settings, last)
