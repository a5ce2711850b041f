"""The dialects of TIFF, and which one a file is written in. Imports the rest of `_tiff`.

One module a program: ``imagej`` (its private tags: ``imagej_metadata``), ``tifffile_shaped``,
``micromanager``, ``ndtiff``, ``mibi``, ``scanimage``, ``lsm``; ``by_tifffile`` asks tifffile for
the others, with ``vendor_metadata``, and ``opened`` when a file is read again.

Rule kept here: dialects are tried in a fixed order, each by marks in the first directory that no
other has. A dialect that cannot read its metadata returns a ``Diagnostic``, and the file is read as
plain TIFF.
"""

from collections.abc import Callable
from typing import TypeAlias

import attrs

from aicsio.errors import CorruptFileError
from aicsio.formats._tiff import series
from aicsio.formats._tiff.dialects import (
    imagej,
    mibi,
    micromanager,
    ndtiff,
    scanimage,
    tifffile_shaped,
)
from aicsio.formats._tiff.ifd import OpenTiff, read_directory
from aicsio.formats._tiff.makers import is_metaseries
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.page_tables import open_page_table
from aicsio.formats._tiff.partial_levels import leave_out_partial_levels
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Contents, Diagnostic

DialectReader: TypeAlias = Callable[[OpenTiff, int, PageTags], Contents | Diagnostic]
"""From an open file, the offset of its first directory and its tags: contents, or why not."""


_VENDOR_TAGS = (Tag.CZ_LSMINFO, Tag.OLYMPUS_FLUOVIEW, Tag.OLYMPUS_SIS, Tag.OLYMPUS_SIS_INI)
_VENDOR_SOFTWARE = ("PerkinElmer-QPI", "Philips DP", "Ventana", "ScanOutputManager")


def describe(file: OpenTiff, first: int, notes: list[Diagnostic]) -> Contents:
    """Describe a TIFF by the first dialect that it is written in, else by its pages alone.

    Raises
    ------
    CorruptFileError, UnsupportedFormatError
    """
    directory, _, _ = read_directory(file, first)
    tags = PageTags.of(file, directory)
    for is_written_so, read in DIALECTS:
        if not is_written_so(tags):
            continue
        # A dialect whose metadata are broken must not hide the pages.
        try:
            found = read(file, first, tags)
        except CorruptFileError as error:
            found = Diagnostic("dialect-broken", f"read as plain TIFF: {error}", file.source.uri)
        if isinstance(found, Contents):
            return _with_notes(found, notes)
        notes = [*notes, found]
    return _with_notes(_plain(file, first, tags), notes)


def _with_notes(contents: Contents, notes: list[Diagnostic]) -> Contents:
    whole = leave_out_partial_levels(contents)
    if not notes:
        return whole
    return Contents(whole.scenes, whole.metadata, (*notes, *whole.diagnostics))


def _plain(file: OpenTiff, first: int, tags: PageTags) -> Contents:
    page_table, diagnostics = open_page_table(file, first)
    scenes, more = series.plain_scenes(file, page_table)
    # MetaXpress writes each site and wavelength as a plain TIFF with XML.
    if scenes[0].levels and is_metaseries(tags.description):
        from aicsio.formats._tiff.dialects.vendor_metadata import fit_to_scene, metaseries_fields

        fields = metaseries_fields(tags.description)
        scenes[0] = attrs.evolve(scenes[0], **fit_to_scene(fields, scenes[0].levels[0].stored))
    return Contents(tuple(scenes), tags.description or None, (*diagnostics, *more))


def _by_tifffile(file: OpenTiff, first: int, tags: PageTags) -> Contents | Diagnostic:
    from aicsio.formats._tiff.dialects import (
        by_tifffile,
    )  # slow to import, and most files do without

    return by_tifffile.read_structure(file, first, tags)


def _is_known_to_tifffile(tags: PageTags) -> bool:
    """Whether the first page has the mark of a dialect whose pages tifffile sorts."""
    software, text = tags.text(Tag.SOFTWARE), tags.description
    codes = tags.tags
    # Prairie View writes the tags of MetaMorph STK blank.
    is_stk = Tag.UIC1 in codes and not software.startswith("Prairie")
    is_ndpi = Tag.NDPI_VERSION in codes and Tag.MAKE in codes
    return (
        is_stk
        or is_ndpi
        or tags.has_any(_VENDOR_TAGS)
        or text.startswith("Aperio ")
        or software.startswith(_VENDOR_SOFTWARE)
        or text.rstrip().endswith("</scn>")  # Leica SCN
        or (Tag.EER_METADATA in codes and is_eer(tags))
        or tags.text(Tag.ARGOS_METADATA).startswith("<Argos")
    )


def is_eer(tags: PageTags) -> bool:
    """Whether the private tag 65001 holds the acquisition metadata of EER."""
    value = tags.value(Tag.EER_METADATA)
    return isinstance(value, bytes) and value.startswith(b"<metadata>")


DIALECTS: tuple[tuple[Callable[[PageTags], bool], DialectReader], ...] = (
    (mibi.is_mibi, mibi.read_mibi),
    (tifffile_shaped.is_shaped, tifffile_shaped.read_shaped),
    (_is_known_to_tifffile, _by_tifffile),
    (ndtiff.is_ndtiff, ndtiff.read_ndtiff),
    (micromanager.is_stack, micromanager.read_stack),
    (imagej.is_imagej, imagej.read_imagej),
    (scanimage.is_scanimage, scanimage.read_scanimage),
)
"""Order of the questions: what tifffile writes names itself; vendors' private tags come before free text."""
