"""Types that no argument has: mypy's errors about orders and picks name them.

Rule kept here: each is a protocol whose one method every object has, with another result.

mypy lists all overloads of a function where none fits a call: 30 kB for ``transpose_to``. It does
not where the call fits one of them but for type arguments, and reports that argument instead.
"""

from typing import Protocol, TypeVar

__all__ = ["OrderOfLetters", "PickByLetter"]

Size_co = TypeVar("Size_co", covariant=True)


class PickByLetter(Protocol[Size_co]):
    """What a pick should have been: ``Z=0``, ``Z=slice(0, 4)``, ``Z=[0, 2]``, by capital letter."""

    def __sizeof__(self) -> Size_co: ...  # type: ignore[override]


class OrderOfLetters(Protocol[Size_co]):
    """What an order should have been: a text such as ``"ZYX"``."""

    def __sizeof__(self) -> Size_co: ...  # type: ignore[override]
