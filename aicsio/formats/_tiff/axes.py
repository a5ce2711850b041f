"""Laying named axes over the pages of a TIFF, where a dialect gives the shape of the whole and the pages their own.

Rule kept here: axes keep the names and the order that the file gives them, but for two that the storage forces: samples
come last, and axes of size 1 that the pages do not have come before those of the pages.
"""

import math
from collections.abc import Sequence

import attrs
import numpy as np

from aicsio.formats._tiff.page import PageStructure
from aicsio.formats._tiff.page_metadata import guessed, unknown_letters
from aicsio.formats._tiff.page_tables import Integers, PageTable
from aicsio.formats._tiff.plane_map import PlaneMap, lazy_array, split_samples
from aicsio.records import Diagnostic, LazyArray


@attrs.frozen
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
    page = [kind.samples, *kind.shape[:-1]] if kind.planar else list(kind.shape)
    axes = list(range(len(shape)))
    plane: list[int] = []
    spare: list[int] = []
    for size in reversed(page):
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
        TiffLayout in C order; -1 for one that is missing.
    shape, letters
        Of the whole, in the file's order; Q and I are unknown axes, which are named by guessing.
    where
        The file, for diagnostics.
    """
    there = pages[pages >= 0]
    kind = page_table.kind(int(there[0])) if len(there) else None
    found = None if kind is None else match_axes_to_page(shape, kind)
    if kind is None or found is None or math.prod(shape[axis] for axis in found.lead) != len(pages):
        return None
    notes: list[Diagnostic] = []
    known = unknown_letters(letters)
    changed = [axis for axis, letter in enumerate(letters) if known[axis] != letter]
    if changed:
        notes.append(
            guessed("".join(known[i] for i in changed), tuple(shape[i] for i in changed), where)
        )
    if found.samples is not None and known[found.samples] != "S":
        # Samples stored apart under another name are pages of their own.
        samples = kind.samples
        page_table, kind = (
            split_samples(page_table),
            attrs.evolve(kind, samples=1, planar=False, photometric=1, extra_samples=()),
        )
        pages = np.where(
            pages[:, None] < 0, -1, pages[:, None] * samples + np.arange(samples)
        ).reshape(-1)
        found = AxisLayout((*found.lead, found.samples), found.plane, None)
    plane = found.plane if found.samples is None else (*found.plane, found.samples)
    plane_map = PlaneMap.of_pages(
        page_table,
        pages,
        "".join(known[axis] for axis in found.lead),
        tuple(shape[axis] for axis in found.lead),
    )
    array, more = lazy_array(plane_map, "".join(known[axis] for axis in plane), like=kind)
    return array, [*notes, *more]
