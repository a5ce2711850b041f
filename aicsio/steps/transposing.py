"""``transpose_to``: dimensions in another order, positions picked.

Names in a pick of C become positions by ``positions_of_names`` of ``_dims.notation``, which raises for
names that are missing or stand twice.

Rule kept here: transposing is relative to what the handle shows. ``_dims`` has the rules; the
overloads, which ``tests/typing/overloads.py`` writes, count the letters of a literal order.
"""

from typing import TYPE_CHECKING, Any, Unpack, overload

import numpy as np

from aicsio._dims import notation, views
from aicsio._dims.picks import Picks
from aicsio.records import ImageHandle
from aicsio.steps.step import Step
from aicsio.steps.verbs import overloaded_verb

if TYPE_CHECKING:
    from aicsio._dims.misfits import (
        NoneIsNoOrder,
        NoneIsNoPick,
        OrderAndNoPickIsNone,
        OrderOfLetters,
        PickByLetter,
    )
    from aicsio._dims.orders import Order1, Order2, Order3, Order4, Order5, Order6, Order7
    from aicsio._dims.picks import UserPick

__all__ = ["transpose_to"]

# begin of overloads of transpose_to
# fmt: off
if TYPE_CHECKING:
    @overload
    def transpose_to(handle: ImageHandle, /, order: Order2, **picks:
        Unpack[Picks]) -> ImageHandle[tuple[int, int]]: ...
    @overload
    def transpose_to(order: Order2, **picks:
        Unpack[Picks]) -> Step[ImageHandle[tuple[int, int]]]: ...
    @overload
    def transpose_to(handle: ImageHandle, /, order: Order3, **picks:
        Unpack[Picks]) -> ImageHandle[tuple[int, int, int]]: ...
    @overload
    def transpose_to(order: Order3, **picks:
        Unpack[Picks]) -> Step[ImageHandle[tuple[int, int, int]]]: ...
    @overload
    def transpose_to(handle: ImageHandle, /, order: Order4, **picks:
        Unpack[Picks]) -> ImageHandle[tuple[int, int, int, int]]: ...
    @overload
    def transpose_to(order: Order4, **picks:
        Unpack[Picks]) -> Step[ImageHandle[tuple[int, int, int, int]]]: ...
    @overload
    def transpose_to(handle: ImageHandle, /, order: Order5, **picks:
        Unpack[Picks]) -> ImageHandle[tuple[int, int, int, int, int]]: ...
    @overload
    def transpose_to(order: Order5, **picks:
        Unpack[Picks]) -> Step[ImageHandle[tuple[int, int, int, int, int]]]: ...
    @overload
    def transpose_to(handle: ImageHandle, /, order: Order1, **picks:
        Unpack[Picks]) -> ImageHandle[tuple[int]]: ...
    @overload
    def transpose_to(order: Order1, **picks: Unpack[Picks]) -> Step[ImageHandle[tuple[int]]]: ...
    @overload
    def transpose_to(handle: ImageHandle, /, order: Order6, **picks:
        Unpack[Picks]) -> ImageHandle[tuple[int, int, int, int, int, int]]: ...
    @overload
    def transpose_to(order: Order6, **picks:
        Unpack[Picks]) -> Step[ImageHandle[tuple[int, int, int, int, int, int]]]: ...
    @overload
    def transpose_to(handle: ImageHandle, /, order: Order7, **picks:
        Unpack[Picks]) -> ImageHandle[tuple[int, int, int, int, int, int, int]]: ...
    @overload
    def transpose_to(order: Order7, **picks:
        Unpack[Picks]) -> Step[ImageHandle[tuple[int, int, int, int, int, int, int]]]: ...
    @overload
    def transpose_to(handle: ImageHandle, /, order: str, **picks:
        Unpack[Picks]) -> ImageHandle: ...
    @overload
    def transpose_to(order: str, **picks: Unpack[Picks]) -> Step[ImageHandle]: ...
    @overload
    def transpose_to(handle: NoneIsNoOrder[str], /, order: None, **picks: UserPick |
        None) -> ImageHandle: ...
    @overload
    def transpose_to(handle: NoneIsNoPick[str], /, order: str, **picks: UserPick |
        None) -> ImageHandle: ...
    @overload
    def transpose_to(order: OrderAndNoPickIsNone[int], **picks: UserPick |
        None) -> Step[ImageHandle]: ...
    @overload
    def transpose_to(handle: ImageHandle, /, order: str | OrderOfLetters[str], *picks_by_name:
        PickByLetter[str], **picks: PickByLetter[str]) -> ImageHandle: ...
    @overload
    def transpose_to(order: str | OrderOfLetters[str], *picks_by_name: PickByLetter[str], **picks:
        PickByLetter[str]) -> Step[ImageHandle]: ...
# fmt: on
# end of overloads


@overloaded_verb
def transpose_to(handle: ImageHandle, /, order: str, **picks: Any) -> ImageHandle:
    """Put the dimensions in the order of the letters given, and pick positions of them.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.
    order
        Letters of the result, slowest first. A letter that the image lacks becomes an axis of length 1. A letter left
        out must have size 1 or an int pick.
    **picks
        By letter: an int, a slice, a range, or a list, tuple or array of ints, relative to the
        positions that the handle shows now. ``Y=(0, 32)`` picks two rows; ``Y=slice(0, 32)`` picks
        32. Along C, names of channels work as well: ``C="DAPI"``, ``C=["DAPI", "GFP"]``. A letter
        of ``order`` that is picked by an int or a name keeps an axis of length 1.

    Returns
    -------
    ImageHandle
        The same image seen in another way; no pixel is read.

    Raises
    ------
    DimensionError
        When the order or a pick does not fit; the message names the call that would.
    SceneError
        When no channel, or more than one, has the requested name.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, transpose_to
    >>> h = open_image(np.zeros((3, 2, 5, 64, 64)), dims="TCZYX")
    >>> transpose_to(h, "ZCYX", T=0, Z=slice(0, 4)).shape
    (4, 2, 64, 64)
    """
    # Names are those of the channels in focus, which only the handle knows; the algebra sees
    # positions.
    if "C" in picks:
        picks = {**picks, "C": _positions_of_channels(handle, picks["C"])}
    array = views.transpose(handle.array, order, picks)
    # Written out: ``attrs.evolve`` reads every field by name, and this verb runs once per read.
    return ImageHandle(
        handle.source, handle.format, handle.contents, handle.scene_index, handle.level, array
    )


def _positions_of_channels(handle: ImageHandle, pick: object) -> object:
    """Replace names of channels by positions; their names are looked up only for a pick by name."""
    if isinstance(pick, np.ndarray | np.generic):
        pick = pick.tolist()  # an array of names picks as the list does
    if isinstance(pick, str | list | tuple):
        return notation.positions_of_names(pick, handle.channel_names)
    return pick
