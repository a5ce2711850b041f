"""Reprs of records that hold tables: one or two lines.

Rule kept here: a repr names the class and its fields, and ends where two lines of a terminal do.
"""

from typing import Any, TypeVar

T = TypeVar("T")

LONGEST_REPR = 158
"""Characters: two lines of a terminal of 80 columns."""


def printed_short(record: type[T]) -> type[T]:
    """Cut the repr of a class of records. A decorator, above that of attrs.

    Parameters
    ----------
    record
        A frozen class.

    Returns
    -------
    type
        The same class.

    Examples
    --------
    >>> from aicsio.records import Selection
    >>> from aicsio.records.printing import LONGEST_REPR, printed_short
    >>> len(repr(printed_short(Selection)((1,) * 100, (1,) * 100, (1,) * 100))) == LONGEST_REPR
    True
    """
    whole: Any = record.__repr__

    def show(self: object) -> str:
        text = str(whole(self))
        return text if len(text) <= LONGEST_REPR else f"{text[: LONGEST_REPR - 3]}..."

    record.__repr__ = show  # type: ignore[method-assign]
    return record
