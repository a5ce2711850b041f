"""Reprs of records: one or two lines on a terminal, a drawing in a notebook.

Rule kept here: a repr names the class and its fields, and ends where two lines of a terminal do.
``as_html`` is an open function that the package fills in, so that no record imports a higher room.
"""

import functools
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


def drawn_in_notebooks(record: type[T]) -> type[T]:
    """Give a class the method that notebooks ask for a drawing. A decorator, above that of attrs.

    Parameters
    ----------
    record
        A class of which the room of notebooks knows how to draw it.

    Returns
    -------
    type
        The same class.

    Examples
    --------
    >>> from aicsio import Dims
    >>> Dims("YX", (64, 80))._repr_html_().startswith("<div")
    True
    """

    def draw(self: object) -> str | None:
        return as_html(self)

    record._repr_html_ = draw  # type: ignore[attr-defined]
    return record


@functools.singledispatch
def as_html(record: object, /) -> str | None:
    """Draw a record for a notebook; the package registers the implementation.

    Parameters
    ----------
    record
        Of a class with ``drawn_in_notebooks``.

    Returns
    -------
    str or None
        HTML; ``None`` where there is no drawing, so that the notebook shows the text.

    Examples
    --------
    >>> from aicsio.records.printing import as_html
    >>> as_html(object()) is None
    True
    """
    del record
    return None
