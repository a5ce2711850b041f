"""Tables of planes -> the arrays of an image, full resolution first, and its palette.

Rule kept here: every level has all planes. SubIFDs that some planes lack, or that are no smaller
version of their plane, are no level; a diagnostic reports them.
"""

from collections.abc import Sequence

import attrs
import numpy as np

from aicsio.formats._tiff.ifd import open_tiff
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.page_tables import PageTable, read_page_table_at
from aicsio.formats._tiff.plane_map import lazy_array
from aicsio.formats._tiff.series import PageSeries, is_level_of
from aicsio.formats._tiff.tags import Photometric
from aicsio.formats.ome_tiff.mixed import first_structure
from aicsio.formats.ome_tiff.planes import PlaneTable
from aicsio.records import Diagnostic, LazyArray


def make_levels(
    table: PlaneTable, behind: Sequence[PlaneTable], where: str
) -> tuple[tuple[LazyArray, ...], list[Diagnostic]]:
    """Make the levels of an image: its planes, their SubIFDs, and the levels behind the planes.

    Parameters
    ----------
    table
        Its planes.
    behind
        Planes of the levels that are ordinary pages.
    where
        File with the metadata, for diagnostics.

    Raises
    ------
    UnsupportedFormatError
        When the pixels cannot be decoded.
    """
    if table.kind is None or table.last < 0:
        message = "all planes are missing: the scene has no levels"
        return (), [Diagnostic("ome-no-pixels", message, where)]
    full, diagnostics = lazy_array(table.plan(), like=table.kind)
    levels = [full]
    while any(page_table.sub_ifds for page_table in table.page_tables):
        smaller, more = _make_level(table, len(levels) - 1)
        diagnostics += more
        if smaller is None:
            diagnostics += _report_partial_level(table, len(levels) - 1)
            break
        levels.append(smaller)
    for level in behind:
        smaller, more = lazy_array(level.plan(), like=level.kind)
        levels.append(smaller)
        diagnostics += more
    # Full resolution first; pages behind the planes may come smallest first.
    levels[1:] = sorted(levels[1:], key=lambda level: level.stored.Y * level.stored.X, reverse=True)
    return tuple(levels), diagnostics


def _report_partial_level(table: PlaneTable, level: int) -> list[Diagnostic]:
    """Report SubIFDs that some planes have and others lack."""
    planes = np.flatnonzero(table.page_of >= 0)
    counts = [
        len(table.page_tables[number].sub_ifds.get(page, ()))
        for number, page in zip(
            table.table_of[planes].tolist(), table.page_of[planes].tolist(), strict=True
        )
    ]
    having = sum(count > level for count in counts)
    if not 0 < having < len(counts):
        return []
    message = (
        f"{having} of {len(counts)} planes have a SubIFD {level}: it is no level, which would show "
        "the others black, and is left out"
    )
    return [Diagnostic("ome-levels-of-some-planes", message)]


def _make_level(table: PlaneTable, level: int) -> tuple[LazyArray | None, list[Diagnostic]]:
    """Make the array of one SubIFD of each plane; ``None`` if not every plane has that many."""
    diagnostics: list[Diagnostic] = []
    small_tables: list[PageTable] = []
    page_of = np.full_like(table.page_of, -1)
    for number, page_table in enumerate(table.page_tables):
        planes = np.flatnonzero((table.table_of == number) & (table.page_of >= 0))
        sub_ifds = [page_table.sub_ifds.get(page, ()) for page in table.page_of[planes].tolist()]
        # A level of some planes only would show the others black.
        if min(map(len, sub_ifds), default=0) <= level:
            return None, diagnostics
        with open_tiff(page_table.source) as (file, _):
            small, more = read_page_table_at(file, [offsets[level] for offsets in sub_ifds])
        diagnostics += more
        if small is None:
            return None, diagnostics
        small_tables.append(small)
        page_of[planes] = np.arange(len(planes))
    smaller = attrs.evolve(table, page_tables=tuple(small_tables), page_of=page_of, pages=None)
    kind = first_structure(smaller)
    if kind is None or table.kind is None:
        return None, diagnostics
    # Only the structures are compared; one page stands for all.
    one_page = (small_tables[0], (0,))
    if not is_level_of(PageSeries(*one_page, kind), PageSeries(*one_page, table.kind)):
        message = f"SubIFD {level} is no smaller version of its plane and is left out"
        return None, [*diagnostics, Diagnostic("ome-subifd", message)]
    array, more = lazy_array(smaller.plan(), like=kind)
    return array, [*diagnostics, *more]


def read_palette(table: PlaneTable) -> bytes | None:
    """Return the colours of indexed pixels, as the first plane gives them."""
    if table.kind is None or table.kind.photometric != Photometric.PALETTE:
        return None
    # A scene has one palette: that of its first plane.
    # The argmax of a mask is its first true entry: the first plane that is not missing.
    first = int(np.argmax(table.page_of >= 0))
    page_table = table.page_tables[int(table.table_of[first])]
    with open_tiff(page_table.source) as (file, _):
        facts = PageTags.of(file, page_table.directories[int(table.page_of[first])])
        return facts.color_map(table.kind)
