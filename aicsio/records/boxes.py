"""Many boxes of pixels at once, and the parts of stored pieces that fill them, as columns of numbers.

Rule kept here: pure arithmetic, a fixed number of calls of numpy for any number of boxes: a box that is
planned on its own takes 60 us.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.records.lazy import Piece

__all__ = ["BoxParts", "GridCuts", "PlansBoxes", "cut_boxes", "number_cells", "take_boxes"]

Integers: TypeAlias = npt.NDArray[np.int64]


@attrs.frozen(eq=False)
class BoxParts:
    """Parts of stored pieces, a row each. Not a record: they live for one read."""

    box: Integers
    """Number of the box that the part fills, ascending; of one box, a later part covers an earlier one."""
    piece: Integers
    """Number of the piece that supplies it. Ascending numbers should lie in the order of the file."""
    source_start: Integers
    """First position of the part in the decoded piece, shape (parts, stored axes)."""
    shape: Integers
    """Positions of the part, likewise."""
    target_start: Integers
    """First position of the part in its box, likewise."""
    disjoint: bool = True
    """Whether no two parts of one box are known to overlap, as on a grid."""

    def take(self, rows: npt.NDArray[np.int64]) -> "BoxParts":
        """Return some parts.

        Parameters
        ----------
        rows
            Their indices.

        Returns
        -------
        BoxParts
            In the order of ``rows``.
        """
        return BoxParts(
            self.box[rows],
            self.piece[rows],
            self.source_start[rows],
            self.shape[rows],
            self.target_start[rows],
            self.disjoint,
        )


@runtime_checkable
class PlansBoxes(Protocol):
    """A layout that plans many boxes at once, such as windows of a slide."""

    def plan_boxes(self, starts: Integers, stops: Integers, /) -> BoxParts | None:
        """Find the parts of stored pieces that fill some boxes.

        Parameters
        ----------
        starts, stops
            First positions of each box in the stored array and those behind the last, shape (boxes,
            stored axes); no box is empty.

        Returns
        -------
        BoxParts or None
            ``None`` where pieces depend on the window that is asked for: boxes are then planned one
            by one, by ``pieces``.
        """

    def make_pieces(self, numbers: Integers, /) -> Iterable[Piece]:
        """Return whole pieces.

        Parameters
        ----------
        numbers
            Ascending numbers of pieces, as in ``BoxParts``.

        Returns
        -------
        iterable of Piece
            One a number. The selection of each is its whole array.
        """


@attrs.frozen(eq=False)
class GridCuts:
    """Boxes cut at the cells of a grid, a row for each box and cell. Not a record: they live for one read."""

    box: Integers
    """Number of the box, ascending; cells of a box are in C order."""
    cell: Integers
    """Index of the cell in the grid, shape (rows, axes)."""
    source_start: Integers
    """First position in the cell, likewise."""
    shape: Integers
    """Positions, likewise."""
    target_start: Integers
    """First position in the box, likewise."""


def cut_boxes(starts: Integers, stops: Integers, cell: Sequence[int]) -> GridCuts:
    """Cut boxes where the cells of a regular grid meet.

    Parameters
    ----------
    starts, stops
        See ``PlansBoxes.plan_boxes``; boxes may be empty.
    cell
        Size of a cell along each axis.

    Returns
    -------
    GridCuts
        A row for each box and cell that meet.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.records.boxes import cut_boxes
    >>> cuts = cut_boxes(np.array([[0, 6]]), np.array([[1, 10]]), (4, 4))
    >>> cuts.cell.tolist(), cuts.source_start.tolist(), cuts.shape.tolist()
    ([[0, 1], [0, 2]], [[0, 2], [0, 0]], [[1, 2], [1, 2]])
    """
    sizes = np.array(cell, np.int64).reshape(1, -1)
    first = starts // sizes
    counts = np.where(stops > starts, (stops - 1) // sizes - first + 1, 0)
    # Cells of each box, counted down its axes: the last runs fastest.
    box, within = take_boxes(counts.prod(axis=1))
    cells = np.empty((len(box), sizes.size), np.int64)
    for axis in reversed(range(sizes.size)):
        across = counts[box, axis]
        within, cells[:, axis] = np.divmod(within, across)
    # So far counted from the first cell of the box.
    cells += first[box]
    low, high = starts[box], stops[box]
    begin = cells * sizes
    kept = np.maximum(begin, low)
    # Size of the overlap of box and cell.
    shape = np.minimum(begin + sizes, high) - kept
    return GridCuts(box, cells, kept - begin, shape, kept - low)


def take_boxes(counts: Integers) -> tuple[Integers, Integers]:
    """Number the rows of boxes that have several each.

    Parameters
    ----------
    counts
        Rows of each box.

    Returns
    -------
    box, within : numpy.ndarray
        Number of the box of each row, and of the row within its box.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.records.boxes import take_boxes
    >>> [each.tolist() for each in take_boxes(np.array([2, 0, 1]))]
    [[0, 0, 2], [0, 1, 0]]
    """
    box = np.repeat(np.arange(len(counts)), counts)
    # Row numbers less the number of rows in all boxes before.
    ends = np.cumsum(counts)
    within = np.arange(len(box)) - (ends - counts)[box]
    return box, within


def number_cells(cells: Integers, shape: Sequence[int]) -> Integers:
    """Number cells in C order over a grid of some axes; of none there is one cell, 0.

    Parameters
    ----------
    cells
        Indices, shape (rows, axes).
    shape
        Cells along each axis.

    Returns
    -------
    Integers
        The number of each cell, shape (rows,), int64.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.records.boxes import number_cells
    >>> number_cells(np.array([[0, 2], [1, 0]]), (2, 3)).tolist()
    [2, 3]
    """
    numbers = np.zeros(len(cells), np.int64)
    for axis, size in enumerate(shape):
        numbers = numbers * size + cells[:, axis]
    return numbers


def join_parts(found: Sequence[BoxParts]) -> BoxParts:
    """Join the parts of the same boxes, which several tables list.

    Parameters
    ----------
    found
        Parts of each table, at least of one; they do not overlap those of another.

    Returns
    -------
    BoxParts
        All of them, in the order of the boxes.
    """
    if len(found) == 1:
        return found[0]
    joined = BoxParts(
        np.concatenate([parts.box for parts in found]),
        np.concatenate([parts.piece for parts in found]),
        np.concatenate([parts.source_start for parts in found]),
        np.concatenate([parts.shape for parts in found]),
        np.concatenate([parts.target_start for parts in found]),
        disjoint=all(parts.disjoint for parts in found),
    )
    return joined.take(np.argsort(joined.box, kind="stable"))
