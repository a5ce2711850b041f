"""Which dialect of TIFF a file is written in.

Rule kept here: dialects are asked in a fixed order, each by marks in the first directory that no other has. One that
finds its own metadata wrong declines by returning a ``Diagnostic``, and the file is read as plain TIFF.
"""

from collections.abc import Callable
from typing import TypeAlias

from aicsio.errors import CorruptFileError
from aicsio.formats._tiff import series
from aicsio.formats._tiff.dialects import imagej, micromanager, scanimage, tifffile_shaped
from aicsio.formats._tiff.ifd import OpenTiff, read_directory
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.page_tables import open_page_table
from aicsio.records import Contents, Diagnostic

Reader: TypeAlias = Callable[[OpenTiff, int, PageTags], Contents | Diagnostic]
"""From an open file, the offset of its first directory and its tags: contents, or why not."""


def describe(file: OpenTiff, first: int, notes: list[Diagnostic]) -> Contents:
    """Describe a TIFF by the first dialect that it is written in, else by its pages alone.

    Raises
    ------
    CorruptFileError, UnsupportedFormatError
    """
    directory, _, _ = read_directory(file, first)
    facts = PageTags.of(file, directory)
    for is_written_so, read in DIALECTS:
        if not is_written_so(facts):
            continue
        try:
            found = read(file, first, facts)
        except CorruptFileError as error:
            found = Diagnostic("dialect-broken", f"read as plain TIFF: {error}", file.source.uri)
        if isinstance(found, Contents):
            return _with_notes(found, notes)
        notes = [*notes, found]
    return _with_notes(_plain(file, first, facts), notes)


def _with_notes(contents: Contents, notes: list[Diagnostic]) -> Contents:
    return Contents(contents.scenes, contents.metadata, (*notes, *contents.diagnostics))


def _plain(file: OpenTiff, first: int, facts: PageTags) -> Contents:
    page_table, diagnostics = open_page_table(file, first)
    scenes, more = series.plain_scenes(file, page_table)
    return Contents(tuple(scenes), facts.description or None, (*diagnostics, *more))


def _by_tifffile(file: OpenTiff, first: int, facts: PageTags) -> Contents | Diagnostic:
    from aicsio.formats._tiff.dialects import (
        by_tifffile,
    )  # slow to import, and most files do without

    return by_tifffile.read_structure(file, first, facts)


def _known_to_tifffile(facts: PageTags) -> bool:
    """Marks of dialects whose pages tifffile sorts."""
    tags, software, text = facts.tags, facts.text(305), facts.description
    return (
        34412 in tags  # Zeiss LSM
        or (33628 in tags and not software.startswith("Prairie"))  # MetaMorph STK; Prairie View writes its tags blank
        or 34362 in tags  # Olympus FluoView
        or 33560 in tags or 33471 in tags  # Olympus SIS
        or (65420 in tags and 271 in tags)  # Hamamatsu NDPI
        or (65001 in tags and file_is_eer(facts))  # Thermo Fisher EER
        or text.startswith("Aperio ")  # SVS
        or text.rstrip().endswith("</scn>")  # Leica SCN
        or software.startswith(("PerkinElmer-QPI", "Philips DP", "Ventana", "ScanOutputManager"))
        or facts.text(65000).startswith("<Argos")  # AVS
    )  # fmt: skip


def file_is_eer(facts: PageTags) -> bool:
    """Whether the private tag 65001 holds the acquisition metadata of EER."""
    value = facts.value(65001)
    return isinstance(value, bytes) and value.startswith(b"<metadata>")


DIALECTS: tuple[tuple[Callable[[PageTags], bool], Reader], ...] = (
    (tifffile_shaped.is_shaped, tifffile_shaped.read_shaped),
    (_known_to_tifffile, _by_tifffile),
    (micromanager.is_ndtiff, micromanager.read_ndtiff),
    (micromanager.is_stack, micromanager.read_stack),
    (imagej.is_imagej, imagej.read_imagej),
    (scanimage.is_scanimage, scanimage.read_scanimage),
)
"""Order of the questions: what tifffile writes names itself; vendors' private tags come before free text."""
