"""The dimension language: order strings and picks. Every syntax error of it is raised here.

A letter is one capital A-Z. A pick is an int, a slice, a range, or a list or tuple of ints; negative ones count from
the end. Resolved against a size, a pick becomes an int, a range or a tuple of ints, all of them within bounds.
"""

import operator
from collections.abc import Collection, Mapping, Sequence
from typing import SupportsIndex, TypeAlias

from aicsio.errors import ArgumentTypeError, DimensionError
from aicsio.records import Dims, Pick

UserPick: TypeAlias = SupportsIndex | slice | range | Sequence[SupportsIndex]
"""What a user may write for a pick; ``records.Pick`` is what it becomes."""


def parse_order(order: str) -> str:
    """Check an order string and return it.

    Raises
    ------
    DimensionError
        For an empty string, a repeated letter, or anything but capital letters.
    """
    if order.isascii() and order.isalpha() and order.isupper() and len(set(order)) == len(order):
        return order
    if not order:
        raise DimensionError("the order is empty: name the dimensions to keep, such as 'CZYX'")
    strange = sorted(
        {
            letter
            for letter in order
            if not (letter.isascii() and letter.isupper() and letter.isalpha())
        }
    )
    if strange:
        hint = f": did you mean {order.upper()!r}?" if order.isalpha() and order.isascii() else ""
        raise DimensionError(
            f"{order!r} has {', '.join(map(repr, strange))}; dimensions are capital letters{hint}"
        )
    twice = sorted({letter for letter in order if order.count(letter) > 1})
    raise DimensionError(f"{order!r} names {', '.join(map(repr, twice))} twice")


def check_picks(picks: Mapping[str, object], dims: Dims) -> None:
    """Raise for picks of dimensions that are not there.

    Raises
    ------
    DimensionError
        Naming the unknown keys and the dims that are there.
    """
    unknown = [name for name in picks if name not in dims]
    if unknown:
        raise DimensionError(f"cannot pick from {', '.join(map(repr, unknown))}: there are {dims}")


def check_pick(pick: object, letter: str) -> Pick | slice:
    """Normalise what a user wrote for a pick, without knowing the size yet.

    Raises
    ------
    ArgumentTypeError
        For anything but an int, a slice, a range, or a list, tuple or array of ints.
    """
    if isinstance(pick, slice):
        return slice(
            *(
                None if part is None else _index(part, letter)
                for part in (pick.start, pick.stop, pick.step)
            )
        )
    if isinstance(pick, range):
        return pick
    if hasattr(pick, "tolist"):  # numpy scalars and arrays
        pick = pick.tolist()
    if isinstance(pick, list | tuple):
        return tuple(_index(item, letter) for item in pick)
    return _index(pick, letter)


def resolve_pick(pick: object, letter: str, size: int) -> Pick:
    """Resolve a pick against the size of its dimension.

    Raises
    ------
    DimensionError
        For positions outside ``-size .. size - 1``, and for picks of nothing.
    ArgumentTypeError
        For what is no pick.
    """
    checked = check_pick(pick, letter)
    if isinstance(checked, int):
        return _position(checked, letter, size)
    if isinstance(checked, slice):
        if checked.step == 0:
            raise DimensionError(f"{letter}={checked!r} has step 0")
        kept = range(size)[checked]
        if not kept:
            raise DimensionError(
                f"{letter}={checked!r} takes nothing of {_positions(letter, size)}"
            )
        return kept
    if not len(checked):
        raise DimensionError(
            f"{letter}={checked!r} takes nothing: give at least one of {_positions(letter, size)}"
        )
    if isinstance(checked, range):
        ends = (checked[0], checked[-1])
        if all(0 <= end < size for end in ends):
            return checked
        if all(-size <= end < 0 for end in ends):
            return range(checked.start + size, checked.stop + size, checked.step)
        # An end outside is reported; ends of both signs wrap around, position by position.
        for position in ends:
            _position(position, letter, size)
    return tuple(_position(position, letter, size) for position in checked)


def suggestion(order: str, dims: Dims, picked: Collection[str]) -> str:
    """Give the order string that keeps what ``order`` would drop unpicked, in the order of ``dims``."""
    kept = [
        letter for letter in dims if letter in order or (dims[letter] != 1 and letter not in picked)
    ]
    added = [letter for letter in order if letter not in dims]
    return "".join(added + kept)


def _is_integer(value: object) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, bool)


def _index(value: object, letter: str) -> int:
    # bool is an int to Python; Z=True is a mistake all the same.
    if not _is_integer(value):
        raise ArgumentTypeError(
            f"{letter}={value!r} is no pick: give an int, a slice, a range, or a list or tuple of ints"
        )
    return operator.index(value)  # type: ignore[arg-type]


def _position(position: int, letter: str, size: int) -> int:
    if not -size <= position < size:
        raise DimensionError(
            f"{letter}={position} is out of range: there are {_positions(letter, size)}"
        )
    return position + size if position < 0 else position


def _positions(letter: str, size: int) -> str:
    if size < 2:
        return f"1 position of {letter} (0)" if size else f"no positions of {letter}"
    return f"{size} positions of {letter} (0 to {size - 1})"
