"""Axes and transformations of NGFF: letters, sizes of pixels, time steps, positions.

Rule kept here: a scale without a unit is a number of pixels, not of micrometres. It becomes a
diagnostic and no size.

Source of the facts: NGFF 0.1 to 0.5 (https://ngff.openmicroscopy.org), chapters "axes" and
"coordinateTransformations"; RFC-5 for 0.6.
"""

import math
from collections.abc import Sequence
from typing import Any

import attrs

from aicsio._ome.units import micrometres_per, positive_product, seconds_per
from aicsio.formats.zarr.documents import Json, objects_of
from aicsio.records import LevelPlace, Origin, PixelSize

FIVE = "tczyx"
"""Axes of NGFF 0.1 and 0.2, which have no list of them: "the order must be tczyx"."""
SPARE = "HIRBVQWLKJGFEDAPONU"
"""Letters for axes whose first letter is taken. T, C, Z, Y, X, S and M have a meaning of their own."""
MEANINGS = {"time": "T", "channel": "C"}
"""Letters by type of axis."""
SPACE = "ZYX"
"""Letters of axes of space, in the order that NGFF gives them: "the spatial axes SHOULD be ordered as
zyx". Their names are free, such as ``depth``, ``height`` and ``width``."""
LENGTH_OF_NAME = 1


@attrs.frozen
class NgffAxis:
    """One axis of an image. Not a record: it lives while the store is opened."""

    letter: str
    """In Dims."""
    name: str
    """In the store."""
    unit: str | None
    """In the store; ``None`` if it has none."""


@attrs.frozen
class Transform:
    """Scale and translation of one level along each axis, in the units of the axes."""

    scale: tuple[float, ...]
    """Distance between two pixels."""
    translation: tuple[float, ...]
    """Position of the centre of the first pixel."""

    def then(self, other: "Transform") -> "Transform":
        """Apply another transform after this one."""
        # Of p: other.scale * (scale * p + translation) + other.translation.
        scale = tuple(a * b for a, b in zip(self.scale, other.scale, strict=True))
        moved = zip(self.translation, other.scale, other.translation, strict=True)
        return Transform(scale, tuple(a * b + c for a, b, c in moved))


def identity(rank: int) -> Transform:
    """Return the transform that changes nothing."""
    return Transform((1.0,) * rank, (0.0,) * rank)


def find_axes(image: Json, rank: int, names: Sequence[str | None]) -> tuple[list[NgffAxis], bool]:
    """Return the axes of an image, and whether they are guessed.

    Parameters
    ----------
    image
        One object of ``multiscales``; empty for an array outside of NGFF.
    rank
        Axes of its arrays.
    names
        Names that the array itself gives its axes.
    """
    entries = image.get("axes")
    systems = objects_of(image, "coordinateSystems")
    if systems:
        entries = _intrinsic(image, systems).get("axes")
    if isinstance(entries, list) and len(entries) == rank:
        return _lettered([_described(entry) for entry in entries]), False
    # Names of the array itself (dimension_names, _ARRAY_DIMENSIONS) rank below NGFF.
    if names and all(names):
        return _lettered([(str(name), None, None) for name in names]), False
    if image and rank == len(FIVE):
        return _lettered([(name, None, None) for name in FIVE]), False
    if rank > len(FIVE):
        # The last five axes are taken for tczyx; those before them get spare letters.
        spare = [letter.lower() for letter in SPARE[: rank - len(FIVE)]]
        return _lettered([(name, None, None) for name in (*spare, *FIVE)]), True
    return _lettered([(name, None, None) for name in FIVE[len(FIVE) - rank :]]), True


def _intrinsic(image: Json, systems: list[Json]) -> Json:
    """Return the system that the levels lead to (0.6): the others are those of further images."""
    outputs: list[Any] = []
    for dataset in objects_of(image, "datasets"):
        for step in objects_of(dataset, "coordinateTransformations"):
            output = step.get("output")
            outputs.append(output.get("name") if isinstance(output, dict) else output)
    return next((system for system in systems if system.get("name") in outputs), systems[0])


def _described(entry: Any) -> tuple[str, str | None, str | None]:
    """Return name, type and unit of an axis; in NGFF 0.3 an axis is its name."""
    if not isinstance(entry, dict):
        return str(entry), None, None
    unit, kind = entry.get("unit"), entry.get("type")
    return (
        str(entry.get("name", "")),
        kind if isinstance(kind, str) else None,
        unit if isinstance(unit, str) else None,
    )


def _lettered(described: Sequence[tuple[str, str | None, str | None]]) -> list[NgffAxis]:
    letters: list[str | None] = []
    # Axes whose name is their letter come first, so that no other axis takes it.
    for name, _, _ in described:
        letter = name.upper()
        is_letter = len(name) == LENGTH_OF_NAME and letter.isascii() and letter.isalpha()
        letters.append(letter if is_letter and letter not in letters else None)
    meanings = [MEANINGS.get(kind or "", "") for _, kind, _ in described]
    free = [letter for letter in SPACE if letter not in letters]
    unnamed = [i for i, (_, kind, _) in enumerate(described) if kind == "space" and not letters[i]]
    if len(unnamed) <= len(free):
        for index, letter in zip(unnamed, free[len(free) - len(unnamed) :], strict=True):
            meanings[index] = letter
    for index, (name, _, _) in enumerate(described):
        if letters[index] is None:
            # By preference: the letter of the type, the first of the name, a spare one, any.
            wanted = [meanings[index], name[:1].upper(), *SPARE]
            letters[index] = next(
                letter
                for letter in (*wanted, *"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
                if letter and letter.isascii() and letter.isalpha() and letter not in letters
            )
    axes = zip(letters, described, strict=True)
    return [NgffAxis(str(letter), name, unit) for letter, (name, _, unit) in axes]


def read_transform(content: Any, rank: int) -> Transform | None:
    """Return what a list of transformations does; ``None`` if it is no scale and translation."""
    result = identity(rank)
    if content is None:
        return result
    if not isinstance(content, list):
        return None
    for step in content:
        part = _read_step(step, rank)
        if part is None:
            return None
        # NGFF applies transformations in the order of the list.
        result = result.then(part)
    return result


def finite(value: Any) -> float | None:
    """Return a number of a JSON document as a float; ``None`` if it is none, or beyond a float.

    Examples
    --------
    >>> from aicsio.formats.zarr.axes import finite
    >>> finite(3), finite(10**400), finite(float("nan")), finite(True), finite("3")
    (3.0, None, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # JSON has integers of any length
        return None
    return number if math.isfinite(number) else None


def _read_step(step: Any, rank: int) -> Transform | None:
    if not isinstance(step, dict):
        return None
    kind = str(step.get("type"))
    if kind == "identity":
        return identity(rank)
    if kind == "sequence":  # 0.6
        return read_transform(step.get("transformations"), rank)
    values = step.get(kind)
    if kind not in {"scale", "translation"} or not isinstance(values, list) or len(values) != rank:
        return None
    numbers = tuple(number for value in values if (number := finite(value)) is not None)
    if len(numbers) != rank:
        return None
    if kind == "scale":
        return Transform(numbers, (0.0,) * rank)
    return Transform((1.0,) * rank, numbers)


@attrs.define
class Places:
    """Sizes, step and position of level 0. Not a record: it lives while the store is opened."""

    pixel_size: PixelSize = attrs.field(factory=PixelSize)
    """In micrometres."""
    time_step: float | None = None
    """In seconds."""
    origin: Origin = attrs.field(factory=Origin)
    """In micrometres."""
    unitless: list[str] = attrs.field(factory=list)
    """Axes whose scale has no unit."""
    unusable: list[str] = attrs.field(factory=list)
    """Axes with a unit whose scale is 0, or beyond a float in micrometres or seconds."""


def find_places(axes: Sequence[NgffAxis], transform: Transform) -> Places:
    """Return the sizes of pixels in micrometres and the time step in seconds."""
    places = Places()
    sizes: dict[str, float] = {}
    positions: dict[str, float] = {}
    steps = zip(axes, transform.scale, transform.translation, strict=True)
    for axis, scale, translation in steps:
        if axis.letter == "T":
            factor = seconds_per(axis.unit)
            places.time_step = positive_product(scale, factor)
            if places.time_step is None and factor is not None:
                places.unusable.append(axis.name)
        elif axis.letter in {"Z", "Y", "X"}:
            factor = micrometres_per(axis.unit)
            # A flipped axis has a negative scale: the size of its pixels has none.
            size = positive_product(abs(scale), factor)
            if factor is not None and size is not None:
                sizes[axis.letter] = size
                positions[axis.letter] = translation * factor
            elif factor is not None:
                places.unusable.append(axis.name)
        else:
            continue
        # A scale of 1 or 0 carries no size, so that nothing is lost with it.
        if factor is None and scale not in {0.0, 1.0}:
            places.unitless.append(axis.name)
    places.pixel_size = PixelSize(**sizes)
    # Without a translation all positions are 0: the place is unknown.
    if any(positions.values()) and all(map(math.isfinite, positions.values())):
        places.origin = Origin(**positions)
    return places


def find_level_places(
    axes: Sequence[NgffAxis], transforms: Sequence[Transform]
) -> tuple[LevelPlace, ...]:
    """Return where each level lies; empty for an image of one level or without sizes.

    Writers that never write a translation (bioformats2raw, tifffile) make levels of means as well as
    of first pixels. There the positions stay unknown, and the edges of the levels lie on each other.
    """
    if len(transforms) < 2:
        return ()
    moved = any(any(transform.translation) for transform in transforms[1:])
    level_places: list[LevelPlace] = []
    for transform in transforms:
        places = find_places(axes, transform)
        if not any(places.pixel_size):
            return ()
        origin = Origin()
        if moved:
            origin = Origin(**_positions_of(axes, transform))
        level_places.append(LevelPlace(places.pixel_size, origin))
    return tuple(level_places)


def _positions_of(axes: Sequence[NgffAxis], transform: Transform) -> dict[str, float]:
    """Return the position of the first pixel in micrometres along axes with a unit."""
    positions: dict[str, float] = {}
    for axis, translation in zip(axes, transform.translation, strict=True):
        factor = micrometres_per(axis.unit) if axis.letter in {"Z", "Y", "X"} else None
        if factor is not None and math.isfinite(translation * factor):
            positions[axis.letter] = translation * factor
    return positions
