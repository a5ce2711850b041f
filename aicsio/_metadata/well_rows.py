"""Wells of plates: a table of them, and the scene of one.

Rule kept here: an error lists the wells, fields or plates that are there.
"""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from aicsio._metadata.tables import Table, TableColumn
from aicsio.errors import SceneError
from aicsio.records import ImageHandle, Well
from aicsio.steps import Step, select_scene
from aicsio.steps.verbs import overloaded_verb

__all__ = ["map_wells", "select_well", "wells"]

R = TypeVar("R")

MAX_LISTED = 24
"""Wells that an error lists: two rows of a plate of 96."""
_NAME = re.compile(r"([A-Za-z]+)[/ ]?(\d+)")


if TYPE_CHECKING:

    @overload
    def wells(handle: ImageHandle, /) -> Table: ...
    @overload
    def wells() -> Step[Table]: ...


@overloaded_verb
def wells(handle: ImageHandle, /) -> Table:
    """Return a row for each scene that was taken in a well of a plate.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.

    Returns
    -------
    Table
        ``scene`` (index), ``name`` (of the scene), ``plate``, ``well``, ``row``, ``column`` and
        ``field`` (number of the field of view within the well, from 0); no rows where no scene
        lies in a well.

    Examples
    --------
    >>> import attrs
    >>> import numpy as np
    >>> from aicsio import Well, open_image, wells
    >>> h = open_image(np.zeros((4, 5)))
    >>> scene = attrs.evolve(h.scene, well=Well("B", "3", plate="P"))
    >>> plate = attrs.evolve(h, contents=attrs.evolve(h.contents, scenes=(scene,)))
    >>> wells(plate)["well"].tolist(), len(wells(h))
    (['B3'], 0)
    """
    placed = list(_placed(handle))
    numbers = np.array([index for index, _ in placed], "<i4")
    fields = np.array([well.field for _, well in placed], "<i4")
    texts: dict[str, list[str | None]] = {
        "name": [handle.scenes[index].name for index, _ in placed],
        "plate": [well.plate for _, well in placed],
        "well": [well.name for _, well in placed],
        "row": [well.row for _, well in placed],
        "column": [well.column for _, well in placed],
    }
    columns = [TableColumn.of_texts(name, values) for name, values in texts.items()]
    scene = TableColumn.of_numbers("scene", numbers)
    return Table((scene, *columns, TableColumn.of_numbers("field", fields)))


if TYPE_CHECKING:

    @overload
    def select_well(
        handle: ImageHandle, /, well: str, field: int = 0, *, plate: str | None = None
    ) -> ImageHandle: ...
    @overload
    def select_well(
        well: str, field: int = 0, *, plate: str | None = None
    ) -> Step[ImageHandle]: ...


@overloaded_verb
def select_well(
    handle: ImageHandle, /, well: str, field: int = 0, *, plate: str | None = None
) -> ImageHandle:
    """Focus on a field of view of a well, in its stored order and at full resolution.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.
    well
        Row and column, such as ``"B3"``, ``"b03"`` or ``"B/3"``.
    field
        Number of the field of view within the well, from 0.
    plate
        Name of the plate, where several have such a well.

    Returns
    -------
    ImageHandle
        As ``select_scene`` returns it.

    Raises
    ------
    SceneError
        When no scene lies in such a well, or several plates have it; the message lists those that
        are there.

    Examples
    --------
    >>> import attrs
    >>> import numpy as np
    >>> from aicsio import Well, open_image, select_well
    >>> h = open_image([np.zeros((4, 5)), np.zeros((6, 7))])
    >>> scenes = [attrs.evolve(h.scenes[i], well=Well("B", str(3 + i))) for i in range(2)]
    >>> plate = attrs.evolve(h, contents=attrs.evolve(h.contents, scenes=tuple(scenes)))
    >>> select_well(plate, "B4").shape
    (6, 7)
    """
    placed = _placed_on(handle, plate)
    wanted = _key(well)
    in_well = [pair for pair in placed if _key(f"{pair[1].row}/{pair[1].column}") == wanted]
    if not in_well:
        raise SceneError(f"no well {well!r}; there are {_listing(one.name for _, one in placed)}")
    of_field = [pair for pair in in_well if pair[1].field == field]
    if not of_field:
        fields = _listing(str(one.field) for _, one in in_well)
        raise SceneError(f"no field {field} in well {well!r}; there are {fields}")
    if len(of_field) > 1:
        plates = _listing(repr(one.plate) for _, one in of_field)
        raise SceneError(
            f"field {field} of well {well!r} is that of {len(of_field)} scenes, on plates {plates}: "
            "give plate=, or pick one by its index with select_scene"
        )
    return select_scene(handle, of_field[0][0])


if TYPE_CHECKING:

    @overload
    def map_wells(
        handle: ImageHandle, /, step: Callable[[ImageHandle], R], *, plate: str | None = None
    ) -> dict[str, tuple[R, ...]]: ...
    @overload
    def map_wells(
        step: Callable[[ImageHandle], R], *, plate: str | None = None
    ) -> Step[dict[str, tuple[R, ...]]]: ...


@overloaded_verb
def map_wells(
    handle: ImageHandle, /, step: Callable[[ImageHandle], Any], *, plate: str | None = None
) -> dict[str, tuple[Any, ...]]:
    """Apply a step to each field of view of each well of a plate.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.
    step
        A step, a chain of steps, or another function of a handle. It gets each field in its stored
        order and at full resolution, as ``select_well`` returns it.
    plate
        Name of the plate, where the file has several.

    Returns
    -------
    dict
        By name of the well, in the order of the scenes: one result for each of its fields, in the
        order of their numbers. Scenes in no well have none; ``map_scenes`` has.

    Raises
    ------
    SceneError
        When no scene lies in a well, there is no such plate, or two plates have such a well.
    Exception
        Whatever the step raises.

    Examples
    --------
    >>> import attrs
    >>> import numpy as np
    >>> from aicsio import Well, map_wells, open_image, to_numpy
    >>> h = open_image([np.full((4, 5), value) for value in (1, 2, 5)])
    >>> wells = (Well("A", "1"), Well("A", "1", field=1), Well("B", "2"))
    >>> scenes = tuple(attrs.evolve(s, well=w) for s, w in zip(h.scenes, wells, strict=True))
    >>> plate = attrs.evolve(h, contents=attrs.evolve(h.contents, scenes=scenes))
    >>> map_wells(plate, to_numpy() >> np.max >> int)
    {'A1': (1, 2), 'B2': (5,)}
    """
    fields: dict[str, dict[int, int]] = {}
    for index, well in _placed_on(handle, plate):
        scenes = fields.setdefault(well.name, {})
        if well.field in scenes:
            plates = _listing(
                repr(one.plate) for _, one in _placed(handle) if one.name == well.name
            )
            raise SceneError(
                f"field {well.field} of well {well.name!r} is that of several scenes, on plates "
                f"{plates}: give plate="
            )
        scenes[well.field] = index
    # Fields in the order of their numbers, whatever the order of the scenes.
    return {
        name: tuple(step(select_scene(handle, scenes[number])) for number in sorted(scenes))
        for name, scenes in fields.items()
    }


def _placed_on(handle: ImageHandle, plate: str | None) -> list[tuple[int, Well]]:
    """List the scenes in wells, of one plate if it is named, and raise if there are none."""
    placed = list(_placed(handle))
    if not placed:
        raise SceneError(
            f"{handle.source.uri}: no scene lies in a well of a plate; select_scene picks one of "
            f"{len(handle.scenes)} scenes"
        )
    if plate is None:
        return placed
    of_plate = [pair for pair in placed if pair[1].plate == plate]
    if not of_plate:
        plates = _listing(repr(well.plate) for _, well in placed)
        raise SceneError(f"no plate {plate!r}; there are {plates}")
    return of_plate


def _placed(handle: ImageHandle) -> Iterable[tuple[int, Well]]:
    for index, scene in enumerate(handle.scenes):
        if scene.well is not None:
            yield index, scene.well


def _key(name: str) -> str:
    """Return a well's name in the spelling in which names are compared: ``b03`` is ``B/3``."""
    match = _NAME.fullmatch(name.strip())
    if match is None:
        return name.strip().upper()
    # Zeros in front of a column pad it: B03 is B3.
    return f"{match[1].upper()}/{match[2].lstrip('0') or '0'}"


def _listing(names: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(names))
    more = ", ..." if len(distinct) > MAX_LISTED else ""
    return ", ".join(distinct[:MAX_LISTED]) + more
