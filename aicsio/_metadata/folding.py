"""Dimensions that OME lacks, folded into T, C or Z and described by a Modulo annotation.

Rule kept here: pure functions of dims. A folded dimension is the faster part of the one that it is
folded into: its letter follows that one in the order of the file, so no pixel moves in memory.

Source of the facts: "6D, 7D and 8D storage",
https://docs.openmicroscopy.org/ome-model/latest/developers/6d-7d-and-8d-storage.html
"""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from aicsio._ome.model import MODULO_LETTERS, Modulo
from aicsio.errors import DimensionError
from aicsio.records import Coordinate, Dims, ImageHandle, LazyArray

ModuloChoice: TypeAlias = Mapping[str, str] | Literal["auto"] | None
"""Where folded dimensions go; see ``choose_folds``."""

_KINDS: Mapping[str, str] = {
    **{letter: kind for kind, letter in MODULO_LETTERS.items()}, "L": "lambda", "V": "angle", "R": "angle", "M": "tile",
}  # fmt: skip
"""The schema's name of a dimension; others are "other", with the letter as their description."""
_PREFERENCES: Mapping[str, str] = {"E": "CTZ", "L": "CTZ", "A": "ZTC", "V": "ZTC"}
"""Where a dimension goes if there is room: spectra into channels, angles into Z."""
_DEFAULT_PREFERENCE = "TZC"
"""All other dimensions go into time if there is room."""


def choose_folds(handle: ImageHandle, choice: ModuloChoice) -> dict[str, str]:
    """Decide which dimension is folded into which.

    Parameters
    ----------
    handle
        The image.
    choice
        By letter, the one of T, C and Z that it goes into; ``"auto"`` to choose; ``None`` for only
        those that the source, an OME-TIFF, had folded.

    Returns
    -------
    dict
        T, C or Z by letter.

    Raises
    ------
    DimensionError
        When there is no room for a dimension, or the choice names one that the image lacks.
    """
    dims = handle.dims
    if isinstance(choice, Mapping):
        _check_choice(choice, dims)
        return {letter: into for letter, into in choice.items() if dims[letter] != 1}
    without_place = [
        letter for letter, size in dims.items() if letter not in "TCZYXS" and size != 1
    ]
    folds: dict[str, str] = {}
    # A fold of the source is kept: its annotation describes the dimension already.
    for letter in without_place:
        into = _folded_in_source(handle, letter)
        if into is not None:
            folds[letter] = into
    if choice is None:
        return folds
    for letter in without_place:
        preference = _PREFERENCES.get(letter, _DEFAULT_PREFERENCE)
        free = [into for into in preference if into not in folds.values()]
        if letter not in folds and free:
            folds[letter] = free[0]
    remaining = [letter for letter in without_place if letter not in folds]
    if remaining:
        raise DimensionError(
            "a Modulo annotation folds one dimension into each of T, C and Z, and no room is left "
            "for "
            f"{', '.join(remaining)} of {dims}: pick a position, as in "
            f"transpose_to(handle, ..., {remaining[0]}=0)"
        )
    return folds


def choices_by_scene(handles: Sequence[ImageHandle], choice: ModuloChoice) -> list[ModuloChoice]:
    """Return the choice for each of several images: letters that only others have are left out.

    Parameters
    ----------
    handles
        The images of one file.
    choice
        That of the caller. A letter that none of them has stays, and is refused.
    """
    if not isinstance(choice, Mapping):
        return [choice] * len(handles)
    somewhere = {letter for handle in handles for letter in handle.dims}
    choices: list[ModuloChoice] = []
    for handle in handles:
        elsewhere = somewhere.difference(handle.dims)
        choices.append({letter: into for letter, into in choice.items() if letter not in elsewhere})
    return choices


def _check_choice(choice: Mapping[str, str], dims: Dims) -> None:
    for letter, into in choice.items():
        if letter not in dims or letter in "TCZYXS":
            raise DimensionError(f"modulo={dict(choice)!r} names {letter!r}; this image has {dims}")
        if into not in {"T", "C", "Z"}:
            raise DimensionError(
                f"modulo={dict(choice)!r} folds {letter!r} into {into!r}: give 'T', 'C' or 'Z'"
            )
    if len(set(choice.values())) != len(choice):
        raise DimensionError(
            f"modulo={dict(choice)!r} folds two dimensions into one: give each its own of T, C "
            "and Z"
        )


def _folded_in_source(handle: ImageHandle, letter: str) -> str | None:
    """Return where an OME-TIFF had a dimension folded.

    Its reader puts the letter right after that one.
    """
    if handle.format != "ome-tiff":
        return None
    if any(diagnostic.code == "named-axes" for diagnostic in handle.diagnostics):
        return None  # the letters are the caller's
    order = handle.array.stored.order
    position = order.find(letter)
    if position < 1 or order[position - 1] not in "TCZ":
        return None
    return order[position - 1]


def insert_folded(planes: str, folds: Mapping[str, str]) -> str:
    """Put the letter of each folded dimension after the one that it goes into."""
    order = ""
    for letter in planes:
        inner = [folded for folded, into in folds.items() if into == letter]
        order += letter + "".join(inner)
    return order


def in_file(dims: Dims) -> dict[str, str]:
    """Return the folds of an array in the order of a file: T, C or Z by letter."""
    # A folded letter follows the one that it is folded into.
    order = dims.order[: dims.order.index("Y")]
    return {letter: order[place - 1] for place, letter in enumerate(order) if letter not in "TCZ"}


def plane_dims(dims: Dims) -> Dims:
    """Return T, C and Z as the file counts planes, folded dimensions included, in its order."""
    folded_sizes = {into: dims[letter] for letter, into in in_file(dims).items()}
    order = [letter for letter in dims.order[: dims.order.index("Y")] if letter in "TCZ"]
    sizes = (dims[letter] * folded_sizes.get(letter, 1) for letter in order)
    return Dims("".join(order), tuple(sizes))


def annotations(
    handle: ImageHandle, array: LazyArray, source: Mapping[str, Modulo]
) -> tuple[Modulo, ...]:
    """Describe the folded dimensions.

    Parameters
    ----------
    handle
        The image.
    array
        Its pixels in the order of the file.
    source
        Descriptions of the source, an OME-TIFF, by letter.
    """
    folds = in_file(array.dims)
    return tuple(_annotation(handle, array, letter, source, folds[letter]) for letter in folds)


def _annotation(
    handle: ImageHandle, array: LazyArray, letter: str, source: Mapping[str, Modulo], into: str
) -> Modulo:
    pick = array.view.picks[array.stored.order.index(letter)]
    positions = (pick,) if isinstance(pick, int) else tuple(pick)
    stored_size = array.stored[letter]
    values = _pick_values(handle, letter, positions, stored_size)
    described = source.get(letter)
    if described is not None:
        labels: tuple[str, ...] = ()
        if len(described.labels) == stored_size:
            labels = tuple(described.labels[position] for position in positions)
        return Modulo(
            into, letter, len(positions), values, described.kind, described.description, labels
        )
    kind = _KINDS.get(letter, "other")
    if letter == "H" and handle.format == "czi":
        kind = "phase"  # H is a phase in ZISRAW, a lifetime in OME
    # A reader would choose another letter for the kind; the description keeps this one.
    description = None if MODULO_LETTERS[kind] == letter else letter
    return Modulo(into, letter, len(positions), values, kind, description)


def _pick_values(
    handle: ImageHandle, letter: str, positions: tuple[int, ...], stored_size: int
) -> Coordinate | None:
    """Return the coordinates of the positions.

    ``None`` where there are none, or another number of them.
    """
    for axis in handle.scene.coordinates:
        if axis.letter == letter and len(axis.values) == stored_size:
            values = tuple(axis.values[position] for position in positions)
            return Coordinate(letter, values, axis.unit)
    return None
