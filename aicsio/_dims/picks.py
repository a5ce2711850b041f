"""``Picks``: the keyword arguments that pick positions, by letter.

Rule kept here: a letter is one capital A-Z, and names pick along C alone, as in ``notation``.
"""

from collections.abc import Sequence
from typing import SupportsIndex, TypeAlias, TypedDict

__all__ = ["NamePick", "Picks", "PositionPick", "UserPick"]

PositionPick: TypeAlias = SupportsIndex | slice | range | Sequence[SupportsIndex]
"""A pick of positions: an int, a slice, a range, or a list, tuple or array of ints."""
NamePick: TypeAlias = PositionPick | str | Sequence[str] | Sequence[SupportsIndex | str]
"""A pick along C, where names of channels stand for ints."""
UserPick: TypeAlias = SupportsIndex | str | slice | range | Sequence[SupportsIndex | str]
"""A pick along any letter as a user may write it; ``records.Pick`` is its resolved form."""


class Picks(TypedDict, total=False):
    """Positions to pick, by letter: the keyword arguments of ``transpose_to``.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import Picks, open_image, transpose_to
    >>> first: Picks = {"T": 0, "C": slice(0, 2)}
    >>> transpose_to(open_image(np.zeros((3, 4, 8, 8)), dims="TCYX"), "CYX", **first).shape
    (2, 8, 8)
    """

    T: PositionPick
    """Time points."""
    C: NamePick
    """Channels, by position or by name."""
    Z: PositionPick
    """Sections."""
    Y: PositionPick
    """Rows."""
    X: PositionPick
    """Columns."""
    S: PositionPick
    """Samples of a pixel: red, green, blue, alpha."""
    M: PositionPick
    """Tiles of a mosaic."""
    # Further letters are those of a format or of the caller (``open_image(..., dims="QYX")``).
    A: PositionPick
    B: PositionPick
    D: PositionPick
    E: PositionPick
    F: PositionPick
    G: PositionPick
    H: PositionPick
    I: PositionPick  # noqa: E741 - a letter is a letter
    J: PositionPick
    K: PositionPick
    L: PositionPick
    N: PositionPick
    O: PositionPick  # noqa: E741
    P: PositionPick
    Q: PositionPick
    R: PositionPick
    U: PositionPick
    V: PositionPick
    W: PositionPick
