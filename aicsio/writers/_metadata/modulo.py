"""Dimensions that OME lacks, folded into T, C or Z and told by a Modulo annotation.

Rule kept here: pure functions of dims. A folded dimension runs fastest within the one that it is folded into, and its
letter stands right behind it in the order of the file, so that nothing has to be moved in memory.

Source of the facts: "6D, 7D and 8D storage", https://docs.openmicroscopy.org/ome-model/latest/developers/6d-7d-and-8d-storage.html
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np

from aicsio._ome.model import MODULO_LETTERS, Modulo
from aicsio.errors import DimensionError
from aicsio.records import Coordinate, Dims, ImageHandle, LazyArray

Choice: TypeAlias = Mapping[str, str] | Literal["auto"] | None

_KINDS: Mapping[str, str] = {
    **{letter: kind for kind, letter in MODULO_LETTERS.items()}, "L": "lambda", "V": "angle", "R": "angle", "M": "tile",
}  # fmt: skip
"""What the schema calls a dimension; others are "other", with the letter as their description."""
_WISHES: Mapping[str, str] = {"E": "CTZ", "L": "CTZ", "A": "ZTC", "V": "ZTC"}
"""Where a dimension goes if it can: spectra into channels, angles into Z, the rest into time."""


def folds(handle: ImageHandle, choice: Choice) -> dict[str, str]:
    """Decide which dimension goes into which.

    Parameters
    ----------
    handle
        What is written.
    choice
        By letter, the one of T, C and Z that it goes into; ``"auto"`` to have them chosen; ``None`` for those alone
        that the source, an OME-TIFF, had folded.

    Returns
    -------
    dict
        T, C or Z by letter.

    Raises
    ------
    DimensionError
        When there is no room for one of them, or the choice names what is not there.
    """
    dims = handle.dims
    strange = [letter for letter, size in dims.items() if letter not in "TCZYXS" and size != 1]
    found = {letter: into for letter in strange if (into := _in_source(handle, letter)) is not None}
    if choice is None:
        return found
    if isinstance(choice, str):
        for letter in strange:
            free = [into for into in _WISHES.get(letter, "TZC") if into not in found.values()]
            if letter not in found and free:
                found[letter] = free[0]
        lacking = [letter for letter in strange if letter not in found]
        if lacking:
            raise DimensionError(
                f"a Modulo annotation folds one dimension into each of T, C and Z, and no room is left for "
                f"{', '.join(lacking)} of {dims}: pick a position, as in transpose_to(handle, ..., {lacking[0]}=0)"
            )
        return found
    _check(choice, dims)
    return {letter: into for letter, into in choice.items() if dims[letter] != 1}


def _check(choice: Mapping[str, str], dims: Dims) -> None:
    for letter, into in choice.items():
        if letter not in dims or letter in "TCZYXS":
            raise DimensionError(f"modulo={dict(choice)!r} names {letter!r}; this image has {dims}")
        if into not in {"T", "C", "Z"}:
            raise DimensionError(
                f"modulo={dict(choice)!r} folds {letter!r} into {into!r}: give 'T', 'C' or 'Z'"
            )
    if len(set(choice.values())) != len(choice):
        raise DimensionError(
            f"modulo={dict(choice)!r} folds two dimensions into one: give each its own of T, C and Z"
        )


def _in_source(handle: ImageHandle, letter: str) -> str | None:
    """Return where an OME-TIFF has folded a dimension: its reader puts the letter right behind."""
    stored = handle.array.stored.order
    before = stored[stored.find(letter) - 1] if stored.find(letter) > 0 else ""
    if any(note.code == "named-axes" for note in handle.diagnostics):
        return None  # the letters are the caller's
    return before if handle.format == "ome-tiff" and before in {"T", "C", "Z"} else None


def folded_order(planes: str, folded: Mapping[str, str]) -> str:
    """Put the letter of each folded dimension behind the one that it goes into."""
    return "".join(
        letter + "".join(own for own, into in folded.items() if into == letter) for letter in planes
    )


def in_file(dims: Dims) -> dict[str, str]:
    """Return what an array in the order of a file has folded: T, C or Z by letter."""
    order = dims.order[: dims.order.index("Y")]
    return {letter: order[place - 1] for place, letter in enumerate(order) if letter not in "TCZ"}


def sizes(dims: Dims) -> Dims:
    """Return T, C and Z with what is folded into them, as the file counts planes, in its order."""
    folded = in_file(dims)
    order = [letter for letter in dims.order[: dims.order.index("Y")] if letter in "TCZ"]
    inside = {into: dims[letter] for letter, into in folded.items()}
    return Dims("".join(order), tuple(dims[letter] * inside.get(letter, 1) for letter in order))


def annotations(
    handle: ImageHandle, array: LazyArray, said: Mapping[str, Modulo]
) -> tuple[Modulo, ...]:
    """Describe what is folded.

    Parameters
    ----------
    handle
        What is written.
    array
        Its pixels in the order of the file.
    said
        What the source, an OME-TIFF, says of its folded dimensions, by letter.
    """
    return tuple(
        _annotation(handle, array, letter, into, said)
        for letter, into in in_file(array.dims).items()
    )


def _annotation(
    handle: ImageHandle, array: LazyArray, letter: str, into: str, said: Mapping[str, Modulo]
) -> Modulo:
    positions = np.atleast_1d(np.array(array.view.picks[array.stored.order.index(letter)])).tolist()
    known = next((axis for axis in handle.scene.coordinates if axis.letter == letter), None)
    fits = known is not None and len(known.values) == array.stored[letter]
    values = (
        Coordinate(letter, tuple(known.values[at] for at in positions), known.unit)
        if known and fits
        else None
    )
    source = said.get(letter)
    if source is not None:
        whole = len(source.labels) == array.stored[letter]
        labels = tuple(source.labels[at] for at in positions) if whole else ()
        return Modulo(into, letter, len(positions), values, source.kind, source.description, labels)
    kind = "phase" if letter == "H" and handle.format == "czi" else _KINDS.get(letter, "other")
    # Where the reader would make another letter of the kind, the description tells this one.
    return Modulo(
        into,
        letter,
        len(positions),
        values,
        kind,
        None if MODULO_LETTERS[kind] == letter else letter,
    )
