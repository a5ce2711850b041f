"""``Picks``: the keyword arguments that pick positions, by letter.

Rule kept here: a letter is one capital A-Z, and names pick along C alone, as in ``notation``.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol, SupportsIndex, TypeAlias, TypedDict

__all__ = ["Picks", "UserPick"]

UserPick: TypeAlias = SupportsIndex | str | slice | range | Sequence[SupportsIndex | str]
"""A pick along any letter as a user may write it; ``records.Pick`` is its resolved form."""

if TYPE_CHECKING:
    # Behind an alias mypy does not count its Any, as in ``records.shapes``.
    Slice: TypeAlias = slice[Any, Any, Any]

    class Int(Protocol):
        """An int that is no bool.

        A bool is an int wherever an int is read, so no annotation with ``int`` refuses it. But the
        class of an object can also be set: what takes ``int`` there does not take ``bool``.
        """

        @property  # type: ignore[override]
        def __class__(self) -> type[int]: ...

        @__class__.setter
        def __class__(self, value: type[int], /) -> None: ...

    class NumpyInt(Protocol):
        """An int of NumPy, or an array of them."""

        def __index__(self) -> int: ...

        @property
        def dtype(self) -> Any: ...

else:
    Int = NumpyInt = SupportsIndex
    Slice = slice


class Picks(TypedDict, total=False):
    """Positions to pick, by letter: the keyword arguments of ``transpose_to``.

    To type checkers a bool is no position; an int of a class of its own is one as an ``IntEnum``.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import Picks, open_image, transpose_to
    >>> first: Picks = {"T": 0, "C": slice(0, 2)}
    >>> transpose_to(open_image(np.zeros((3, 4, 8, 8)), dims="TCYX"), "CYX", **first).shape
    (2, 8, 8)
    """

    # Written out, as mypy expands an alias each time that it looks at it: 26 in each overload of a
    # call are a third of the call's time. With a literal among them it reads ``T=1`` as one, whose
    # comparison with ``Int`` it keeps: another quarter.
    T: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    """Time points."""
    C: (
        Literal[0]
        | Int
        | IntEnum
        | NumpyInt
        | Slice
        | str
        | Sequence[Int | IntEnum | NumpyInt | str]
    )
    """Channels, by position or by name."""
    Z: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    """Sections."""
    Y: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    """Rows."""
    X: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    """Columns."""
    S: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    """Samples of a pixel: red, green, blue, alpha."""
    M: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    """Tiles of a mosaic."""
    # Further letters are those of a format or of the caller (``open_image(..., dims="QYX")``).
    A: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    B: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    D: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    E: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    F: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    G: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    H: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    I: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]  # noqa: E741
    J: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    K: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    L: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    N: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    O: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]  # noqa: E741
    P: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    Q: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    R: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    U: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    V: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
    W: Literal[0] | Int | IntEnum | NumpyInt | Slice | Sequence[Int | IntEnum | NumpyInt]
