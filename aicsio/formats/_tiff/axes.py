"""Laying named axes over the pages of a TIFF, where a dialect gives the shape of the whole and the pages their own.

Rule kept here: axes keep the names and the order that the file gives them, but for two that the storage forces: samples
come last, and axes of size 1 that the pages do not have come before those of the pages.
"""

import math
from collections.abc import Sequence

import attrs
import numpy as np

from aicsio.formats._tiff.page import PageStructure
from aicsio.formats._tiff.page_metadata import guessed, name_unknown_axes
from aicsio.formats._tiff.page_tables import Integers, PageTable
from aicsio.formats._tiff.plane_map import PlaneMap, lazy_array, split_samples
from aicsio.records import Diagnostic, LazyArray
from aicsio.records.comparing import compared_by_fields


@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class AxisLayout:
    """How the axes of a shape lie over pages."""

    lead: tuple[int, ...]
    """Axes along which pages are counted, and those of size 1."""
    plane: tuple[int, ...]
    """Axes of a page: rows, columns and samples that lie side by side."""
    samples: int | None
    """Axis of samples that are stored apart."""


def match_axes_to_page(shape: Sequence[int], kind: PageStructure) -> AxisLayout | None:
    """Lay a shape over pages, from its end; ``None`` when its end is not the shape of a page.

    Examples
    --------
    >>> from aicsio.formats._tiff.axes import match_axes_to_page
    >>> from aicsio.formats._tiff.page import PageStructure
    >>> match_axes_to_page((5, 3, 20, 30), PageStructure("<", width=30, length=20, samples=3, planar=True))
    AxisLayout(lead=(0,), plane=(2, 3), samples=1)
    """
    # Samples stored apart are the slowest axis of a page in the file.
    page = [kind.samples, *kind.shape[:-1]] if kind.planar else list(kind.shape)
    axes = list(range(len(shape)))
    plane: list[int] = []
    spare: list[int] = []
    for size in reversed(page):
        # Unit axes between those of a page mean nothing in the file: they go before the page.
        while axes and shape[axes[-1]] == 1 != size:
            spare.insert(0, axes.pop())
        if not axes or shape[axes[-1]] != size:
            return None
        plane.insert(0, axes.pop())
    samples = plane.pop(0) if kind.planar else None
    return AxisLayout((*axes, *spare), tuple(plane), samples)


def page_letters(kind: PageStructure) -> str:
    """Letters of a page's axes in the order in which they are stored."""
    return "S" + kind.letters[:-1] if kind.planar else kind.letters


def lazy_array_of_axes(
    page_table: PageTable, pages: Integers, shape: Sequence[int], letters: str, where: str
) -> tuple[LazyArray, list[Diagnostic]] | None:
    """Make the array of pages whose axes are named; ``None`` when shape and pages do not fit.

    Parameters
    ----------
    page_table, pages
        Pages in C order; -1 for one that is missing.
    shape, letters
        Of the whole, in the file's order; Q and I are unknown axes, which are named by guessing.
    where
        The file, for diagnostics.
    """
    present = pages[pages >= 0]
    structure = page_table.structure(int(present[0])) if len(present) else None
    if structure is None:
        return None
    layout = match_axes_to_page(shape, structure)
    named = name_unknown_axes(letters)
    if layout is None or named is None:
        return None
    if math.prod(shape[axis] for axis in layout.lead) != len(pages):
        return None
    notes: list[Diagnostic] = []
    changed = [axis for axis, letter in enumerate(letters) if named[axis] != letter]
    if changed:
        guessed_letters = "".join(named[axis] for axis in changed)
        notes.append(guessed(guessed_letters, tuple(shape[axis] for axis in changed), where))
    plane_axes = layout.plane
    if layout.samples is not None and named[layout.samples] == "S":
        plane_axes = (*layout.plane, layout.samples)
    elif layout.samples is not None:
        # Samples stored apart under another name are pages of their own.
        sample_count = structure.samples
        page_table = split_samples(page_table)
        structure = attrs.evolve(
            structure, samples=1, planar=False, photometric=1, extra_samples=()
        )
        # Page n becomes pages n * samples to n * samples + samples - 1.
        each = pages[:, None] * sample_count + np.arange(sample_count)
        pages = np.where(pages[:, None] < 0, -1, each).reshape(-1)
        layout = AxisLayout((*layout.lead, layout.samples), layout.plane, None)
    lead_letters = "".join(named[axis] for axis in layout.lead)
    lead_shape = tuple(shape[axis] for axis in layout.lead)
    plane_map = PlaneMap.of_pages(page_table, pages, lead_letters, lead_shape)
    plane_letters = "".join(named[axis] for axis in plane_axes)
    array, more = lazy_array(plane_map, plane_letters, like=structure)
    return array, [*notes, *more]
