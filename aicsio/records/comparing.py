"""Comparison, hash and repr of records by their fields, by functions that all records share.

Rule kept here: they do what those of attrs do. attrs compiles them anew for each class: of the 0.6 ms
that a class of eight fields takes, the half, and ``import aicsio`` makes 40 of them.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import attrs

T = TypeVar("T")


def compared_by_fields(record: type[T]) -> type[T]:
    """Give a class of records ``__eq__``, ``__hash__`` and, if it has none, ``__repr__``.

    A decorator, next to that of attrs, which leaves them out by ``eq=False, repr=False``.

    Parameters
    ----------
    record
        A frozen class of which all fields count.

    Returns
    -------
    type
        The same class.

    Examples
    --------
    >>> import attrs
    >>> from aicsio.records.comparing import compared_by_fields
    >>> @compared_by_fields
    ... @attrs.frozen(eq=False, repr=False)
    ... class Step:
    ...     count: int
    ...     size: float = 1.0
    >>> Step(2) == Step(2, 1.0), hash(Step(2)) == hash(Step(2)), Step(3)
    (True, True, Step(count=3, size=1.0))
    """
    fields = attrs.fields(cast("Any", record))
    read = reader_of([field.name for field in fields])
    shown = [field.name for field in fields if field.repr]
    name = record.__qualname__.rpartition(">.")[2]

    def equals(self: object, other: object) -> Any:
        # Not isinstance: attrs compares records of one class alone.
        if self.__class__ is not other.__class__:
            return NotImplemented
        return read(self) == read(other)

    def hash_of(self: object) -> int:
        # With the class: records of two classes with equal fields are two keys.
        return hash((record, read(self)))

    def show(self: object) -> str:
        values = ", ".join([f"{field}={getattr(self, field)!r}" for field in shown])
        return f"{name}({values})"

    record.__eq__ = equals  # type: ignore[method-assign]
    record.__hash__ = hash_of  # type: ignore[method-assign]
    if "__repr__" not in record.__dict__:
        record.__repr__ = show  # type: ignore[method-assign]
    return record


def reader_of(names: Sequence[str]) -> Callable[[object], tuple[Any, ...]]:
    """Make a function that returns the values of some fields. It is C, unlike a comprehension.

    Parameters
    ----------
    names
        Of the fields.

    Returns
    -------
    callable
        From a record to a tuple, in the order of the names.

    Examples
    --------
    >>> from aicsio import Dims
    >>> from aicsio.records.comparing import reader_of
    >>> reader_of(["order", "shape"])(Dims("YX", (64, 80)))
    ('YX', (64, 80))
    """
    if len(names) > 1:
        return operator.attrgetter(*names)
    # ``attrgetter`` of one name returns the value itself.
    return lambda record: tuple(getattr(record, name) for name in names)
