"""The dialects of TIFF, and which one a file is written in. Imports the rest of `_tiff`.

``marks`` tells which; one module a program: ``imagej`` (its private tags: ``imagej_metadata``),
``tifffile_shaped`` (``shaped_steps``), ``micromanager``, ``ndtiff``, ``mibi``, ``scanimage``,
``lsm``; ``by_tifffile`` asks tifffile for the others, with ``vendor_metadata`` and
``stk_positions`` (``stk_big_endian`` has stacks that tifffile refuses), and ``opened`` when a
file is read again.

Rule kept here: dialects are tried in a fixed order, each by marks in the first directory that no
other has. A dialect that cannot read its metadata returns a ``Diagnostic``, and the file is read as
plain TIFF.
"""

from collections.abc import Callable
from typing import TypeAlias

import attrs

from aicsio.errors import CorruptFileError
from aicsio.formats._tiff import series
from aicsio.formats._tiff.dialects import marks
from aicsio.formats._tiff.ifd import OpenTiff, read_directory
from aicsio.formats._tiff.makers import is_metaseries
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.page_tables import open_page_table
from aicsio.formats._tiff.partial_levels import leave_out_partial_levels
from aicsio.records import Contents, Diagnostic

DialectReader: TypeAlias = Callable[[OpenTiff, int, PageTags], Contents | Diagnostic]
"""From an open file, the offset of its first directory and its tags: contents, or why not."""


def describe(file: OpenTiff, first: int, notes: list[Diagnostic]) -> Contents:
    """Describe a TIFF by the first dialect that it is written in, else by its pages alone.

    Raises
    ------
    CorruptFileError, UnsupportedFormatError
    """
    directory, _, _ = read_directory(file, first)
    tags = PageTags.of(file, directory)
    for _, is_written_so, read in DIALECTS:
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

        fields, notes = fit_to_scene(
            metaseries_fields(tags.description), scenes[0].levels[0].stored, file.source.uri
        )
        more = [*more, *notes]
        scenes[0] = attrs.evolve(scenes[0], **fields)
    return Contents(tuple(scenes), tags.description or None, (*diagnostics, *more))


# Each dialect is imported when a file is written in it: see ``marks``.
def _read_mibi(file: OpenTiff, first: int, tags: PageTags) -> Contents | Diagnostic:
    from aicsio.formats._tiff.dialects import mibi

    return mibi.read_mibi(file, first, tags)


def _read_shaped(file: OpenTiff, first: int, tags: PageTags) -> Contents | Diagnostic:
    from aicsio.formats._tiff.dialects import tifffile_shaped

    return tifffile_shaped.read_shaped(file, first, tags)


def _read_by_tifffile(file: OpenTiff, first: int, tags: PageTags) -> Contents | Diagnostic:
    if file.variant.order == ">" and marks.is_metamorph(tags):
        from aicsio.formats._tiff.dialects import stk_big_endian

        return stk_big_endian.read_big_endian_stack(file, first, tags)
    from aicsio.formats._tiff.dialects import by_tifffile

    return by_tifffile.read_structure(file, first, tags)


def _read_ndtiff(file: OpenTiff, first: int, tags: PageTags) -> Contents | Diagnostic:
    from aicsio.formats._tiff.dialects import ndtiff

    return ndtiff.read_ndtiff(file, first, tags)


def _read_stack(file: OpenTiff, first: int, tags: PageTags) -> Contents | Diagnostic:
    from aicsio.formats._tiff.dialects import micromanager

    return micromanager.read_stack(file, first, tags)


def _read_imagej(file: OpenTiff, first: int, tags: PageTags) -> Contents | Diagnostic:
    from aicsio.formats._tiff.dialects import imagej

    return imagej.read_imagej(file, first, tags)


def _read_scanimage(file: OpenTiff, first: int, tags: PageTags) -> Contents | Diagnostic:
    from aicsio.formats._tiff.dialects import scanimage

    return scanimage.read_scanimage(file, first, tags)


DIALECTS: tuple[tuple[str, Callable[[PageTags], bool], DialectReader], ...] = (
    ("mibi", marks.is_mibi, _read_mibi),
    ("tifffile_shaped", marks.is_shaped, _read_shaped),
    ("maker", marks.is_known_to_tifffile, _read_by_tifffile),
    ("ndtiff", marks.is_ndtiff, _read_ndtiff),
    ("micromanager", marks.is_stack, _read_stack),
    ("imagej", marks.is_imagej, _read_imagej),
    ("scanimage", marks.is_scanimage, _read_scanimage),
)
"""Order of the questions: what tifffile writes names itself; vendors' private tags come before free text."""
