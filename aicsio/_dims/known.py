"""What is known of dims before a program runs: letters and sizes, as far as literals give them.

Rule kept here: the checks and their words are those of ``notation``; this module only knows less.

``transpose`` is the twin of ``views.transpose``. It refuses what every image would be refused, and
accepts what some image may accept.
"""

from collections.abc import Mapping
from typing import Final

import attrs

from aicsio._dims import notation
from aicsio.errors import DimensionError
from aicsio.records import Pick

__all__ = ["ANY", "ANY_INT", "UNKNOWN", "KnownDims", "transpose"]


@attrs.frozen
class Unread:
    """A pick whose value is known at run time alone."""

    is_position: bool
    """Whether it is an int or a name, which leave one position."""


ANY_INT: Final = Unread(is_position=True)
UNKNOWN: Final = Unread(is_position=False)


@attrs.frozen
class KnownDims:
    """Letters in order and their sizes; what a checker knows of ``Dims``."""

    order: str | None
    """Letters, slowest first; ``None`` if any may be there."""
    sizes: tuple[int | None, ...] = ()
    """Positions of each letter; ``None`` if any number."""
    added: str = ""
    """Letters that no file has: axes of length 1, which cannot be picked several times."""

    def __contains__(self, letter: object) -> bool:
        """Whether the letter may be there."""
        if self.order is None:
            return isinstance(letter, str) and len(letter) == 1 and letter in notation.LETTERS
        return isinstance(letter, str) and len(letter) == 1 and letter in self.order

    def items(self) -> tuple[tuple[str, int | None], ...]:
        """Return pairs of letter and size."""
        return tuple(zip(self.order or "", self.sizes, strict=True))

    def size(self, letter: str) -> int | None:
        """Return the positions of a letter; ``None`` if any number."""
        return dict(self.items()).get(letter)

    def __str__(self) -> str:
        if self.order is None:
            return "capital letters"
        shown = [letter if size is None else f"{letter}={size}" for letter, size in self.items()]
        return ", ".join(shown) or "no dimensions"


ANY: Final = KnownDims(None)
"""Nothing is known, as of a file that a program will open."""


def transpose(dims: KnownDims, order: str, picks: Mapping[str, object]) -> KnownDims:
    """Return what ``transpose_to`` leaves, or raise what it raises for every such image.

    Parameters
    ----------
    dims
        What is known of the handle.
    order
        Letters of the result.
    picks
        Picks by letter: their values, ``ANY_INT`` for an int or a name of unknown value, ``UNKNOWN``
        for any other.

    Raises
    ------
    DimensionError
        For an order or a pick that fits no such image.
    ArgumentTypeError
        For a value that no pick has.
    """
    notation.parse_order(order)
    notation.check_picks(picks, dims)
    counts: dict[str, int | None] = {}
    for letter, pick in picks.items():
        counts[letter] = _count(pick, letter, dims.size(letter))
    # Letters that are picked are there, whether or not the others are known.
    before = dict(dims.items()) or dict.fromkeys(picks)
    shown = dims
    if dims.order is None:
        letters = [*(letter for letter in picks if letter not in order), *order]
        shown = KnownDims("".join(letters), (None,) * len(letters))
    for letter, size in before.items():
        positions = counts.get(letter, size)
        if letter not in order and positions is not None:
            notation.check_droppable(order, letter, positions, shown, counts)
    for letter in dims.added:
        count = counts.get(letter, 1)
        if letter in order and count is not None:
            notation.check_added(letter, count)
    sizes: list[int | None] = []
    added = ""
    for letter in order:
        if dims.order is not None and (letter not in dims.order or letter in dims.added):
            added += letter
            sizes.append(1)
        else:
            sizes.append(counts[letter] if letter in counts else dims.size(letter))
    return KnownDims(order, tuple(sizes), added)


def _count(pick: object, letter: str, size: int | None) -> int | None:
    """Return how many positions a pick leaves; ``None`` if the size decides."""
    if isinstance(pick, Unread):
        return 1 if pick.is_position else None
    if letter == "C":
        # Names of channels are known at run time alone: each is one position.
        pick = _without_names(pick)
    if size is not None:
        return _length(notation.resolve_pick(pick, letter, size))
    checked = notation.check_pick(pick, letter)
    if isinstance(checked, slice):
        if checked.step == 0:
            raise DimensionError(f"{letter}={checked!r} has step 0")
        return None
    if not isinstance(checked, int) and not len(checked):
        raise DimensionError(f"{letter}={checked!r} selects nothing: give at least one position")
    return _length(checked)


def _without_names(pick: object) -> object:
    if isinstance(pick, str):
        return 0
    if isinstance(pick, list | tuple):
        return tuple(0 if isinstance(item, str) else item for item in pick)
    return pick


def _length(pick: Pick) -> int:
    return 1 if isinstance(pick, int) else len(pick)
