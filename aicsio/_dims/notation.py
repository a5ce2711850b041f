"""The dimension language: order strings and picks.

Rule kept here: every error of an order or a pick is raised here, in one wording: of its syntax, and of
its fit (a letter dropped, a position out of range).

A letter is one capital A-Z. A pick is an int, a slice, a range, or a list or tuple of ints; negative
ints count from the end. Along C, names of channels stand for ints. Resolved against a size, a pick
becomes an int, a range or a tuple of ints, all of them within bounds.
"""

import contextlib
import operator
from collections.abc import Collection, Iterator, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from typing import Protocol, runtime_checkable

from aicsio.errors import ArgumentTypeError, DimensionError, SceneError
from aicsio.records import Pick

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Those of ``string.ascii_uppercase``, whose module takes 0.5 ms to import."""


@runtime_checkable
class ShownDims(Protocol):
    """Dims of an image, or what is known of them before it is opened."""

    def __contains__(self, letter: object, /) -> bool:
        """Whether a letter is there."""

    def items(self) -> tuple[tuple[str, int | None], ...]:
        """Return pairs of letter and size; the size is ``None`` where it is unknown."""


def parse_order(order: str) -> str:
    """Check an order string and return it.

    Raises
    ------
    DimensionError
        For an empty string, a repeated letter, or anything but capital letters.
    """
    # The usual order passes in one line; the errors below are sorted from general to special.
    if order.isascii() and order.isalpha() and order.isupper() and len(set(order)) == len(order):
        return order
    if not order:
        raise DimensionError("the order is empty: name the dimensions to keep, such as 'CZYX'")
    strange = sorted({letter for letter in order if letter not in LETTERS})
    if strange:
        hint = f": did you mean {order.upper()!r}?" if order.isalpha() and order.isascii() else ""
        raise DimensionError(
            f"{order!r} has {', '.join(map(repr, strange))}; dimensions are capital letters{hint}"
        )
    twice = sorted({letter for letter in order if order.count(letter) > 1})
    raise DimensionError(f"{order!r} names {', '.join(map(repr, twice))} twice")


def check_picks(picks: Mapping[str, object], dims: ShownDims) -> None:
    """Raise for picks of dimensions that are not there.

    Raises
    ------
    DimensionError
        Naming the unknown keys and the dims that are there.
    """
    unknown = [name for name in picks if name not in dims]
    if unknown:
        advice = ""
        if unknown[0].upper() in dims:
            advice = f"; dimensions are capital letters: {unknown[0].upper()}=..."
        names = ", ".join(map(repr, unknown))
        raise DimensionError(f"cannot pick from {names}: there are {dims}{advice}")


def check_pick(pick: object, letter: str) -> Pick | slice:
    """Normalise a pick that a user wrote, without knowing the size yet.

    Raises
    ------
    ArgumentTypeError
        When the pick is not an int, a slice, a range, or a list, tuple or array of ints.
    """
    if isinstance(pick, slice):
        bounds = (pick.start, pick.stop, pick.step)
        return slice(*(None if bound is None else _index(bound, letter) for bound in bounds))
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
        When the pick has a type that no pick has.
    """
    checked = check_pick(pick, letter)
    if isinstance(checked, int):
        return _position(checked, letter, size)
    if isinstance(checked, slice):
        if checked.step == 0:
            raise DimensionError(f"{letter}={checked!r} has step 0")
        # Python's own arithmetic of slices: negative bounds, bounds outside and steps are its
        # rules.
        kept = range(size)[checked]
        if not kept:
            raise DimensionError(
                f"{letter}={checked!r} selects nothing: {_there_are(letter, size)}"
            )
        return kept
    if not len(checked):
        raise DimensionError(
            f"{letter}={checked!r} selects nothing: give at least one of {_positions(letter, size)}"
        )
    if isinstance(checked, range):
        # The ends of a range are its extremes, so two comparisons check all of it.
        ends = (checked[0], checked[-1])
        if all(0 <= end < size for end in ends):
            return checked
        if all(-size <= end < 0 for end in ends):
            return range(checked.start + size, checked.stop + size, checked.step)
        # An end outside is reported; ends of both signs wrap around, position by position.
        for position in ends:
            _position(position, letter, size)
    return tuple(_position(position, letter, size) for position in checked)


def check_droppable(
    order: str, letter: str, positions: int, dims: ShownDims, counts: Mapping[str, int | None]
) -> None:
    """Raise for a letter that an order leaves out although it has several positions.

    Parameters
    ----------
    order
        The requested letters.
    letter
        One that it leaves out.
    positions
        How many it has, once picked.
    dims
        What the image shows.
    counts
        How many positions each pick leaves, by letter.

    Raises
    ------
    DimensionError
        With the pick and the order that would do.
    """
    if positions == 1:
        return
    advice = f"pick one with {letter}=0"
    dropped = [other for other, count in counts.items() if count == 1]
    keep = suggestion(order, dims, dropped)
    # A letter of length 1 that is picked twice is kept by no order: it was added.
    if letter in keep:
        advice += f", or keep it: {keep!r}"
    raise DimensionError(
        f"{order!r} would drop {letter!r}, which has {positions} positions: {advice}"
    )


def check_added(letter: str, count: int) -> None:
    """Raise for several positions of an axis that was added: it has one.

    Raises
    ------
    DimensionError
        When there are several.
    """
    if count > 1:
        raise DimensionError(f"{letter} was added with length 1: it cannot be picked {count} times")


def suggestion(order: str, dims: ShownDims, picked: Collection[str]) -> str:
    """Return an order that also keeps the letters ``order`` would drop unpicked, in stored order."""
    kept = "".join(letter for letter in order if letter not in dims)
    for letter, size in dims.items():
        if letter in order or (size != 1 and letter not in picked):
            kept += letter
    return kept


_PICK_KINDS = "an int, a slice, a range, or a list or tuple of ints"


def _hint(value: object, letter: str) -> str:
    if isinstance(value, AbstractSet | Iterator | ValuesView):
        # Sets have no order, so the caller chooses one; their own order may differ by run.
        items = sorted(value, key=repr) if isinstance(value, AbstractSet) else "..."
        return f"; a list works: {letter}={items}"
    if letter == "C":
        return ", or names of channels"
    if isinstance(value, str):
        return "; names pick along C only"
    if isinstance(value, float) and value.is_integer():
        return f", such as {letter}={int(value)}"
    return ""


def positions_of_names(pick: object, names: Sequence[str]) -> object:
    """Replace names of channels in a pick of C by their positions; other picks are returned as they are.

    Parameters
    ----------
    pick
        A pick as a user wrote it: a name, a list or tuple with names and ints, or any other pick.
    names
        Names along C, in order.

    Raises
    ------
    SceneError
        When a name is missing, or stands twice; the message lists the names.
    """
    if isinstance(pick, str):
        return _position_of_name(pick, names)
    if isinstance(pick, list | tuple) and any(isinstance(item, str) for item in pick):
        # Looked up once: 4 000 names among 4 000 would take 16 million comparisons.
        known: dict[str, int | None] = {}
        for position, name in enumerate(names):
            known[name] = None if name in known else position
        positions = []
        for item in pick:
            found = known.get(item) if isinstance(item, str) else item
            # A name that is missing or stands twice raises.
            positions.append(_position_of_name(item, names) if found is None else found)
        return tuple(positions)
    return pick


def _position_of_name(name: str, names: Sequence[str]) -> int:
    positions = [position for position, other in enumerate(names) if other == name]
    if len(positions) == 1:
        return positions[0]
    listing = ", ".join(f"{position}: {other!r}" for position, other in enumerate(names[:20]))
    if len(names) > 20:
        listing += f", ... ({len(names)} channels)"
    if positions:
        raise SceneError(
            f"C={name!r} names the channels {positions}: pick one by its index; there are {listing}"
        )
    from difflib import get_close_matches  # only an error needs it

    close = get_close_matches(name, names, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise SceneError(f"there is no channel {name!r}; there are {listing}{hint}")


def _is_integer(value: object) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, bool)


def _index(value: object, letter: str) -> int:
    # To Python a bool is an int; as a pick it is a mistake.
    if _is_integer(value):
        # An array of any library has an index, too, and only one of a single int gives it.
        with contextlib.suppress(TypeError):
            return operator.index(value)  # type: ignore[arg-type]
    raise ArgumentTypeError(
        f"{letter}={value!r} is not a pick: give {_PICK_KINDS}{_hint(value, letter)}"
    )


def _position(position: int, letter: str, size: int) -> int:
    if not -size <= position < size:
        raise DimensionError(f"{letter}={position} is out of range: {_there_are(letter, size)}")
    return position + size if position < 0 else position


def _positions(letter: str, size: int) -> str:
    if size < 2:
        return f"1 position of {letter} (0)" if size else f"no positions of {letter}"
    return f"{size} positions of {letter} (0 to {size - 1})"


def _there_are(letter: str, size: int) -> str:
    if size == 1:
        return f"there is {_positions(letter, size)}"
    return f"there are {_positions(letter, size)}"
