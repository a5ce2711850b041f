"""Types that no argument has: mypy's errors about orders and picks name them.

Rule kept here: each is a protocol whose one method the argument has, with another result.

mypy lists all overloads of a function where none fits a call: 71 kB for ``transpose_to``. It does
not where the call fits one of them but for type arguments, and reports that argument instead.

To mypy None has no method, so it cannot be that argument: an overload takes it as it is, and mypy
reports the argument in front of it, whose type has the reason as its name. A step has nothing in
front of its order, so ``transpose_to(None)`` is the one call whose error lists all overloads: mypy
compares None with the bound of a type variable, too.
"""

from typing import Protocol, TypeVar

__all__ = [
    "NoneIsNoOrder",
    "NoneIsNoPick",
    "OrderAndNoPickIsNone",
    "OrderOfLetters",
    "PickByLetter",
]

Size_co = TypeVar("Size_co", covariant=True)


class PickByLetter(Protocol[Size_co]):
    """What a pick should have been: ``Z=0``, ``Z=slice(0, 4)``, ``Z=[0, 2]``, by capital letter."""

    def __sizeof__(self) -> Size_co: ...  # type: ignore[override]


class OrderOfLetters(Protocol[Size_co]):
    """What an order should have been: a text such as ``"ZYX"``."""

    def __sizeof__(self) -> Size_co: ...  # type: ignore[override]


class NoneIsNoOrder(Protocol[Size_co]):
    """In place of the handle, where the order is None."""

    def __sizeof__(self) -> Size_co: ...  # type: ignore[override]


class NoneIsNoPick(Protocol[Size_co]):
    """In place of the handle, where a pick is None."""

    def __sizeof__(self) -> Size_co: ...  # type: ignore[override]


class OrderAndNoPickIsNone(Protocol[Size_co]):
    """In place of the order of a step, where a pick is None. Only texts have this method."""

    def casefold(self) -> Size_co: ...
