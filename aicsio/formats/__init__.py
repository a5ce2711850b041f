"""The table of formats, one file or folder each. Imports `_io`, `_codecs`, `_ome`, `_dims`.

One folder or module a format, by its name, and ``arrays`` for those of the caller (of xarray by
``data_arrays``); ``_tiff`` and ``_leica`` are shared by several, ``_micromanager`` and ``_steps`` read
what several formats have alike. This module has the rows of the table, their order and their loading,
``names`` their names as types: a new row needs both. The seam, all that a format and its layouts must
and may offer, is
``aicsio/records/protocols.py``. ``aicsio/opening.py`` asks the candidates and words the error where
all decline; ``signatures`` names files of formats that no row opens.

Rule kept here: content decides which format opens a file; the suffix only orders the candidates.

The order is total: formats of the table whose suffix fits, then the other formats of the table, then external ones
(entry points of the group ``aicsio.formats``, by name), then imageio, which reads whatever is left.
"""

import functools
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from typing import cast

import attrs

from aicsio._io.readers import lend, open_binary, read_head
from aicsio.errors import MissingDependencyError, UnsupportedFormatError
from aicsio.records import Source
from aicsio.records.comparing import compared_by_fields
from aicsio.records.protocols import FormatModule, Options

__all__ = [
    "BRIDGE",
    "FALLBACK",
    "HEAD_BYTES",
    "TABLE",
    "Format",
    "FormatModule",
    "Options",
    "by_name",
    "candidates",
    "each_candidate",
    "external",
    "lend",
    "module_of",
    "open_binary",
    "read_head",
]

HEAD_BYTES = 4096
"""Bytes from the start of a file that ``recognises`` is shown."""


@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Format:
    """One row of the table."""

    name: str
    """As shown in ``ImageHandle.format`` and taken by ``open_image(format=...)``."""
    suffixes: tuple[str, ...]
    """Lower case, with the dot; they order the candidates."""
    module: str
    """Import path of the module."""
    needs: tuple[str, ...] = ()
    """Importable names that the format needs."""
    extra: str | None = None
    """Extra of the package that brings them; ``None`` where they are always installed."""
    engines: tuple[str, ...] = ("native",)
    """Names that ``open_image(engine=...)`` takes, the default first."""
    folders: bool = False
    """Whether its sources may be folders; only such formats are shown a folder."""

    def check_engine(self, engine: str | None) -> None:
        """Raise unless the format has the requested engine.

        Parameters
        ----------
        engine
            Name of an engine; ``None`` requests the default.

        Raises
        ------
        UnsupportedFormatError
            When it has no engine of that name; the message lists its engines.
        """
        if engine is not None and engine not in self.engines:
            raise UnsupportedFormatError(
                f"{self.name} has no engine {engine!r}; there are {', '.join(self.engines)}"
            )

    def load(self) -> FormatModule:
        """Import the module.

        Raises
        ------
        MissingDependencyError
            When a package that it needs is not installed.
        """
        missing = self.missing()
        if missing:
            what = f"'aicsio[{self.extra}]'" if self.extra else " ".join(missing)
            raise MissingDependencyError(
                f"{self.name} needs {', '.join(missing)}: pip install {what}"
            )
        return _imported(self.module)

    def missing(self) -> tuple[str, ...]:
        """Return the names that the format needs and that cannot be imported here."""
        if self.module in sys.modules:
            return ()  # checked at import already; find_spec scans every folder of sys.path
        return tuple(name for name in self.needs if importlib.util.find_spec(name) is None)


@functools.cache
def _imported(module: str) -> FormatModule:
    return cast("FormatModule", importlib.import_module(module))


_TIFF_SUFFIXES = (
    *(".tif", ".tiff", ".btf", ".tf8"),
    *(".lsm", ".stk", ".svs", ".scn", ".ndpi", ".qptiff", ".flex"),  # dialects
)
_FOLDERS = "aicsio.formats.folders"
_RAW_BLOCKS = "aicsio.formats.raw_blocks"
TABLE: tuple[Format, ...] = (
    Format("czi", (".czi",), "aicsio.formats.czi", engines=("native", "aicspylibczi")),
    Format(
        "lif",
        (".lif", ".lof", ".lifext"),
        "aicsio.formats.lif",
        engines=("native", "readlif"),
    ),
    Format("xlef", (".xlef", ".xlcf", ".xlif"), "aicsio.formats.xlef"),
    # A TIFF, too: it is asked first.
    Format("vsi", (".vsi", ".ets"), "aicsio.formats.vsi", ("tifffile",)),
    Format(
        "ome-tiff",
        # Not ".ome.tif" alone: many OME-TIFF files are called ".tif".
        (".companion.ome", ".tif", ".tiff", ".tf2", ".tf8", ".btf"),
        "aicsio.formats.ome_tiff",
        ("tifffile",),
    ),
    Format(
        "tiff",
        _TIFF_SUFFIXES,
        "aicsio.formats.tiff",
        ("tifffile",),
    ),
    Format("nd2", (".nd2",), "aicsio.formats.nd2"),
    Format("mrc", (".dv", ".r3d", ".mrc", ".mrcs", ".rec", ".st", ".ali"), "aicsio.formats.mrc"),
    Format("ims", (".ims",), "aicsio.formats.ims", ("h5py",), extra="ims"),
    Format("oif", (".oif", ".oib"), "aicsio.formats.oif"),
    Format("oir", (".oir",), "aicsio.formats.oir"),
    Format("dicom", (".dcm",), "aicsio.formats.dicom", folders=True),
    Format("mirax", (".mrxs", "slidedat.ini"), "aicsio.formats.mirax", folders=True),
    # A block of pixels behind a header.
    Format("ics", (".ics", ".ids"), f"{_RAW_BLOCKS}.ics"),
    Format("nrrd", (".nrrd", ".nhdr"), f"{_RAW_BLOCKS}.nrrd"),
    Format("biorad-pic", (".pic",), f"{_RAW_BLOCKS}.pic"),
    Format("spe", (".spe",), "aicsio.formats.spe"),
    Format("ome-zarr", (".zarr", ".ozx", ".zip"), "aicsio.formats.zarr", folders=True),
    # An index, and TIFF files that it names.
    Format("harmony", (".idx.xml", "index.xml"), f"{_FOLDERS}.harmony", folders=True),
    Format("cellvoyager", (".mlf", ".mrf", ".wpi"), f"{_FOLDERS}.cellvoyager", folders=True),
    Format("incell", (".xdce",), f"{_FOLDERS}.incell", folders=True),
    Format("imagexpress", (".htd",), f"{_FOLDERS}.imagexpress", folders=True),
    Format("metamorph", (".nd",), f"{_FOLDERS}.metamorph", folders=True),
    Format("micromanager", ("metadata.txt",), f"{_FOLDERS}.micromanager", folders=True),
)
BRIDGE = Format(
    "openreadout",
    (),
    "aicsio.formats.openreadout",
    ("openreadout",),
    extra="openreadout",
    engines=("openreadout",),
    folders=True,
)
"""Opens what it is asked for by name, of every format: no candidate of its own."""
FALLBACK = Format(
    "imageio",
    # Those of pictures and movies that people keep in folders; the content decides, as always.
    (
        *(".png", ".apng", ".jpg", ".jpeg", ".jp2", ".jxl", ".webp", ".avif", ".heic", ".heif"),
        *(".gif", ".bmp", ".tga", ".avi", ".mov", ".mp4", ".mkv", ".webm"),
    ),
    "aicsio.formats.imageio",
    ("imageio",),
)


@functools.cache
def external() -> tuple[Format, ...]:
    """Return the formats that other packages registered: each entry point loads to a ``Format``.

    Returns
    -------
    tuple of Format
        By name of the entry point.

    Examples
    --------
    >>> from aicsio.formats import external
    >>> external()
    ()
    """
    from importlib.metadata import entry_points  # takes 17 ms

    found = sorted(entry_points(group="aicsio.formats"), key=lambda entry: entry.name)
    return tuple(cast("Format", entry.load()) for entry in found)


def candidates(source: Source) -> tuple[Format, ...]:
    """Return the formats that may open a source, in the order in which they are asked.

    ``each_candidate`` yields the same one by one.

    Parameters
    ----------
    source
        A file, for which all formats are candidates, or a folder, for which those are that open
        folders.

    Returns
    -------
    tuple of Format
        At least the fallback for a file.

    Examples
    --------
    >>> from aicsio import Source
    >>> from aicsio.formats import candidates
    >>> candidates(Source("cells.czi"))[0].name
    'czi'
    """
    return tuple(each_candidate(source))


def each_candidate(source: Source) -> Iterator[Format]:
    """Yield the formats that may open a source; see ``candidates``.

    Those of other packages are looked for where the formats of the table have declined: it takes 17 ms.

    Parameters
    ----------
    source
        A file or a folder.

    Yields
    ------
    Format
        In the order in which they are asked.

    Examples
    --------
    >>> from aicsio import Source
    >>> from aicsio.formats import each_candidate
    >>> next(each_candidate(Source("cells.czi"))).name
    'czi'
    """
    name = source.uri.lower()
    # The first that fits takes most files: the other names are compared once it has declined.
    for fits in (True, False):
        for row in TABLE:
            if name.endswith(row.suffixes) is fits and (row.folders or not source.folder):
                yield row
    for row in (*external(), FALLBACK):
        if row.folders or not source.folder:
            yield row


def by_name(name: str) -> Format | None:
    """Return the format of a name.

    Parameters
    ----------
    name
        As in ``open_image(format=...)``.

    Returns
    -------
    Format or None
        ``None`` if no format has the name.

    Examples
    --------
    >>> from aicsio.formats import by_name
    >>> by_name("lif").suffixes
    ('.lif', '.lof', '.lifext')
    """
    return next((row for row in (*TABLE, FALLBACK, BRIDGE, *external()) if row.name == name), None)


def module_of(name: str) -> FormatModule | None:
    """Return the module of a format, to ask it for the optional protocols of the seam.

    Parameters
    ----------
    name
        As in ``ImageHandle.format``.

    Returns
    -------
    FormatModule or None
        ``None`` for an image that no format opened: an array, or joined files.

    Raises
    ------
    MissingDependencyError
        When a package that the format needs is not installed.

    Examples
    --------
    >>> from aicsio.formats import module_of
    >>> module_of("czi").recognises.__name__, module_of("array")
    ('recognises', None)
    """
    row = by_name(name)
    return None if row is None else row.load()
