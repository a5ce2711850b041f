"""Reprs of records: one or two lines on a terminal, a drawing in a notebook.

Rule kept here: a repr names the class and its fields, and ends where two lines of a terminal do.
``as_html`` is an open function that the package fills in, so that no record imports a higher room.
"""

import functools
from typing import Any, Protocol, TypeVar, runtime_checkable

__all__ = ["LONGEST_REPR", "as_html", "drawn_in_notebooks", "print_repr", "printed_short"]

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


@runtime_checkable
class Printer(Protocol):
    """What IPython and hypothesis give to ``_repr_pretty_``."""

    def text(self, text: str, /) -> None: ...


def print_repr(record: object, printer: Printer, cycle: bool) -> None:
    """Print a record as its repr, as the method ``_repr_pretty_`` of its class.

    Without it hypothesis prints the fields of a falsifying example, and theirs: 90 lines of a handle.

    Parameters
    ----------
    record
        Any object.
    printer
        Of IPython or hypothesis.
    cycle
        Whether the object contains itself, which no record does.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from aicsio import Dims
    >>> Dims("YX", (64, 80))._repr_pretty_(SimpleNamespace(text=print), False)
    Dims(order='YX', shape=(64, 80))
    """
    del cycle
    printer.text(repr(record))


def drawn_in_notebooks(record: type[T]) -> type[T]:
    """Give a class the methods that notebooks ask for a drawing and a text. A decorator, above that of attrs.

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
    record._repr_pretty_ = print_repr  # type: ignore[attr-defined]
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
