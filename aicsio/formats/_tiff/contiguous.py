"""Planes that follow the pixels of a page without a gap, with or without directories of their own.

Rule kept here: planes are shown so only if all of them lie in the file, and no directory lies among
them.

Source of the facts: ImageJ's TiffEncoder (beyond 4 GiB it writes the first directory alone);
tifffile's ``TiffWriter.write(contiguous=True)``.
"""

import math

import attrs
import numpy as np

from aicsio.formats._tiff.chain import read_chain
from aicsio.formats._tiff.ifd import OpenTiff, read_directory
from aicsio.formats._tiff.page import PageStructure
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.page_tables import Integers, PageTable, SegmentTable
from aicsio.formats._tiff.plane_map import strips_touch
from aicsio.formats._tiff.tag_tables import OFFSETS, Counts


def contiguous(
    file: OpenTiff, page_table: PageTable, planes: int, following: int, page: int = 0
) -> tuple[PageTable, Integers] | None:
    """Show the planes that follow the pixels of a page as if each had a directory.

    Parameters
    ----------
    file, page_table, page
        The page that comes first.
    planes
        Number of planes, with the first one.
    following
        Offset of the next directory, 0 for none.

    Returns
    -------
    Tables and pages, or ``None`` when the pixels are not raw, or the planes do not follow.
    """
    structure = page_table.structure(page)
    if structure is None or not structure.is_decodable:
        return None
    # Compressed planes have lengths of their own, tiles have padding: neither can be counted off.
    if not structure.is_raw or structure.tile is not None:
        return None
    table = page_table.segment_tables[int(page_table.segment_table_of[page])]
    offsets = table.offsets[int(page_table.row_of[page])][None]
    # PlanarConfiguration 2: all rows of the first sample come before those of the second.
    sample_planes = structure.samples if structure.planar else 1
    sample_nbytes = structure.raw_bytes(structure.length) * structure.depth
    plane_nbytes = sample_nbytes * sample_planes
    start = int(offsets[0, 0])
    end = start + planes * plane_nbytes
    if not _is_one_run(structure, offsets, sample_nbytes) or end > file.size:
        return None
    # A directory among the planes shows that they do not follow each other.
    if start < following < end:
        return None
    if len(page_table.directories) > page and start < page_table.directories[page].offset < end:
        return None
    # The next directory has to be that of the second plane, whose pixels follow the first ones.
    if following and planes > 1 and not _begins_at(file, following, start + plane_nbytes):
        return None
    return _count_off(page_table, structure, start, plane_nbytes, planes)


def _is_one_run(structure: PageStructure, offsets: Counts, sample_nbytes: int) -> bool:
    """Whether the strips of a page, and its sample planes, follow each other without a gap."""
    if structure.planar:
        sample_starts = offsets[0, :: math.prod(structure.grid)]
        if (np.diff(sample_starts) != np.uint64(sample_nbytes)).any():
            return False
    return strips_touch(structure, offsets)


def _count_off(
    page_table: PageTable, structure: PageStructure, start: int, plane_nbytes: int, planes: int
) -> tuple[PageTable, Integers]:
    """Make the tables of planes at even distances."""
    whole = structure
    if structure.rows_per_strip != structure.length:
        whole = attrs.evolve(structure, rows_per_strip=structure.length)
    offsets = start + plane_nbytes * np.arange(planes, dtype=np.uint64)[:, None]
    if structure.planar:
        sample_nbytes = np.uint64(plane_nbytes // structure.samples)
        offsets = offsets + sample_nbytes * np.arange(structure.samples, dtype=np.uint64)
    # Raw pixels are found by their geometry: their byte counts are not looked at.
    segments = SegmentTable(whole, offsets, np.zeros_like(offsets))
    pages = np.arange(planes)
    tables = PageTable(
        page_table.source,
        (segments,),
        np.zeros(planes, np.int64),
        pages,
        {},
        page_table.directories,
    )
    return tables, pages


def has_more_pages(file: OpenTiff, planes: int) -> bool:
    """Whether the chain goes on after the directories of some planes: with levels or other images."""
    directories, _ = read_chain(file, file.first)
    return len(directories) > planes


def _begins_at(file: OpenTiff, directory: int, offset: int) -> bool:
    """Whether the pixels of the page of a directory begin at an offset."""
    tags = PageTags.of(file, read_directory(file, directory)[0])
    return next((tags.number(code) for code in OFFSETS if code in tags.tags), None) == offset
