"""Tags of a stack -> records: size, dimensions, channels, pixel size, objective, times of planes.

Rule kept here: a fact is taken from the tag that states it, in the unit that stands beside it; a value
that makes no sense is left out.

Source of the facts: as for ``tree``. A stack is a field 2001 with its number. It holds the sizes of its
dimensions (2003), properties (2005), a volume for each dimension (2007) and frames (2002). The first
dimension is the fastest in the numbers of frames. Quantities are volumes of a unit and a value.
"""

import math
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.formats.vsi.pixels import StackGeometry
from aicsio.formats.vsi.tree import VsiTag
from aicsio.records import Channel, Dims, Objective, PixelSize, Planes

COLLECTION, STACK, FRAME, SIZES, PROPERTIES, FRAME_PROPERTIES = 2000, 2001, 2002, 2003, 2005, 2006
DIMENSION, POSITION, EXTERNAL = 2007, 2008, 2018
BOUNDARY, HAS_FILE, CORNER = 2053, 20005, 2410
"""Of the external file of a frame: x, y, width, height; whether there is one; place in its grid."""
NAME, CREATED, ORIGIN, SCALE, SCALE_UNIT, MICROSCOPE = 2030, 2015, 2018, 2019, 2020, 2043
"""Of a stack; places are those of the stage."""
MEANING, DIMENSION_NAME, CHANNEL_NAME, EMISSION = 2023, 2021, 2419, 2417
Z_START, Z_STEP, TIME_STEP, Z_VALUE, TIME_VALUE = 2012, 2013, 2016, 2014, 2017
LOOKUP_TABLE, COLOR = 2004, 2008
UNIT, VALUE = 0x10000000, 0x10000002
EXPOSURE, MAGNIFICATION, APERTURE, WORKING_DISTANCE = 100002, 120060, 120061, 120062
LENS_NAME, LENS_KIND, REFRACTIVE_INDEX = 120063, 120064, 120079
LETTERS: Final = {1: "Z", 2: "T", 3: "L", 4: "C", 9: "H"}
"""Meaning of a dimension: focus, time, wavelength, channel, phase."""
MOST_DIMENSIONS: Final = 16
MICRO, MILLI = 1e-6, 1e-3
"""Unit of lengths and of times that state none."""
FIRST_SECOND, LAST_SECOND = 631152000, 253402300800
"""1990 and the year 10000, as seconds since 1970."""


@attrs.frozen(eq=False)
class StackTags:
    """The tags of one stack. Not a record: it lives for one opening."""

    tag: VsiTag
    """The field of the stack."""

    @property
    def number(self) -> int | None:
        """Number of the stack, as in the name of its folder."""
        return self.tag.index

    @property
    def name(self) -> str | None:
        """Name of the stack, such as ``"20x"`` or ``"Overview"``."""
        return text_of(self.tag.first(PROPERTIES, NAME))

    @property
    def external(self) -> VsiTag | None:
        """Properties of the file of pixels."""
        found = (frame.first(EXTERNAL) for frame in self.tag.all(FRAME))
        return next((one for one in found if one is not None), None)

    @property
    def has_file(self) -> bool:
        """Whether the pixels lie in a file of their own."""
        external = self.external
        return external is not None and whole_of(external.first(HAS_FILE)) != 0

    def dimensions(self) -> list[VsiTag | None]:
        """Return the volumes of dimensions in the order of coordinates; ``None`` for a gap."""
        found: dict[int, VsiTag] = {}
        for place, tag in enumerate(self.tag.all(DIMENSION)):
            index = place if tag.index is None else tag.index
            if 0 <= index < MOST_DIMENSIONS:
                found.setdefault(index, tag)
        return [found.get(index) for index in range(max(found, default=-1) + 1)]

    def dimension(self, letter: str) -> VsiTag | None:
        """Return the volume of the dimension with a letter."""
        for tag in self.dimensions():
            if tag is not None and _meaning(tag) == letter:
                return tag
        return None

    def sizes(self) -> tuple[int, ...]:
        """Return the announced positions, one a dimension; empty where they make no sense."""
        tag = self.tag.first(SIZES)
        values = () if tag is None else tag.value
        sizes = (values,) if isinstance(values, int) else values
        if not isinstance(sizes, tuple):
            return ()
        whole = tuple(int(size) for size in sizes)
        return whole if all(0 < size < 2**31 for size in whole) else ()


def list_images(root: VsiTag) -> list[StackTags]:
    """Return the stacks that are images; others are masks, regions and maps of focus."""
    collection = root.first(COLLECTION)
    stacks = [] if collection is None else [StackTags(tag) for tag in collection.all(STACK)]
    return [image for image in stacks if image.has_file]


def describe_stack(image: StackTags) -> StackGeometry:
    """Return size and dimensions of a stack."""
    letters = tuple("" if tag is None else _meaning(tag) for tag in image.dimensions())
    width = height = None
    external = image.external
    boundary = () if external is None else numbers_of(external.first(BOUNDARY))
    if len(boundary) == 4 and all(0 < size < 2**31 for size in boundary[2:]):
        width, height = int(boundary[2]), int(boundary[3])
    corner = () if external is None else numbers_of(external.first(CORNER))
    # Tag 2410 counts x and y from the image back to its grid: neither is positive.
    place = None
    if len(corner) == 2 and all(-(2**31) < value <= 0 for value in corner):
        place = (int(-corner[1]), int(-corner[0]))
    return StackGeometry(letters, image.sizes(), width, height, place)


def _meaning(dimension: VsiTag) -> str:
    """Return the letter of a dimension; empty for a meaning that is not known."""
    for position in dimension.all(POSITION):
        meaning = numbers_of(position.first(MEANING))
        if meaning:
            return LETTERS.get(int(meaning[0]), "") if math.isfinite(meaning[0]) else ""
    return ""


# ---------------------------------------------------------------- values


def numbers_of(tag: VsiTag | None) -> tuple[float, ...]:
    """Return the numbers of a tag; empty for a text, or where there is no tag."""
    if tag is None or tag.value is None or isinstance(tag.value, str):
        return ()
    values = tag.value if isinstance(tag.value, tuple) else (tag.value,)
    return tuple(float(value) for value in values)


def whole_of(tag: VsiTag | None) -> int | None:
    """Return the whole number of a tag."""
    value = None if tag is None else tag.value
    return value if isinstance(value, int) else None


def text_of(tag: VsiTag | None) -> str | None:
    """Return the text of a tag; an empty one is none."""
    value = None if tag is None else tag.value
    return value.strip() or None if isinstance(value, str) else None


def quantity_of(tag: VsiTag | None, base: float, letter: str) -> float | None:
    """Return a quantity in metres or seconds.

    Parameters
    ----------
    tag
        A volume of unit and value, or a number.
    base
        Unit where none is stated.
    letter
        ``"m"`` or ``"s"``.
    """
    if tag is None:
        return None
    values = numbers_of(tag.first(VALUE)) or numbers_of(tag)
    unit = _unit_of(text_of(tag.first(UNIT)), letter)
    if not values or not math.isfinite(values[0]):
        return None
    return values[0] * (base if unit is None else unit)


def _unit_of(text: str | None, letter: str) -> float | None:
    """Return the factor of a unit such as ``10^-6m^1``; ``None`` for others."""
    found = re.fullmatch(rf"10\^(-?\d{{1,2}}){letter}\^1", text or "")
    return None if found is None else float(f"1e{found[1]}")


def _micrometres(tag: VsiTag | None) -> float | None:
    metres = quantity_of(tag, MICRO, "m")
    return None if metres is None else round(metres / MICRO, 9)


def _positive(value: float | None) -> float | None:
    return value if value is not None and 0 < value < math.inf else None


# ---------------------------------------------------------------- records


def describe_channels(image: StackTags, count: int, samples: int) -> tuple[Channel, ...]:
    """Return one channel for each position of C."""
    dimension = image.dimension("C")
    positions = {} if dimension is None else {tag.index: tag for tag in dimension.all(POSITION)}
    channels = []
    for index in range(count):
        tag = positions.get(index)
        if tag is None:
            channels.append(Channel(samples=samples))
            continue
        emission = quantity_of(tag.first(EMISSION), 1e-9, "m")
        channels.append(
            Channel(
                name=text_of(tag.first(CHANNEL_NAME)) or text_of(tag.first(DIMENSION_NAME)),
                color=_color_of(tag.first(COLOR)) or _color_of(tag.first(LOOKUP_TABLE, VALUE)),
                emission=_positive(None if emission is None else round(emission * 1e9, 6)),
                samples=samples,
            )
        )
    return tuple(channels)


def _color_of(tag: VsiTag | None) -> int | None:
    """Return the last colour of a tag as RGBA: a lookup table ends with its brightest one."""
    values = [int(value) for value in numbers_of(tag) if math.isfinite(value)]
    if len(values) < 3 or any(not 0 <= value <= 255 for value in values[-3:]):
        return None
    red, green, blue = values[-3:]
    return red << 24 | green << 16 | blue << 8 | 0xFF


def describe_pixel_size(image: StackTags) -> PixelSize:
    """Return the size of pixels, and the distance between sections."""
    properties = image.tag.first(PROPERTIES)
    values = () if properties is None else numbers_of(properties.first(SCALE))
    unit = None if properties is None else _unit_of(text_of(properties.first(SCALE_UNIT)), "m")
    # A scale without a unit is in micrometres.
    factor = 1.0 if unit is None else round(unit / MICRO, 12)
    width, height = (
        (_positive(value * factor) for value in values[:2]) if len(values) > 1 else (None,) * 2
    )
    step = _first_of(image, "Z", Z_STEP)
    depth = _micrometres(step)
    return PixelSize(_positive(None if depth is None else abs(depth)), height, width)


def describe_time_step(image: StackTags) -> float | None:
    """Return seconds between time points, as set."""
    step = quantity_of(_first_of(image, "T", TIME_STEP), MILLI, "s")
    return _positive(None if step is None else round(step, 9))


def _first_of(image: StackTags, letter: str, number: int) -> VsiTag | None:
    """Return a tag of the first position of a dimension that has it."""
    dimension = image.dimension(letter)
    found = [] if dimension is None else [tag.first(number) for tag in dimension.all(POSITION)]
    return next((tag for tag in found if tag is not None), None)


def parse_date(image: StackTags) -> str | None:
    """Return when the stack was made as ISO 8601, UTC; it is stored as seconds since 1970."""
    seconds = numbers_of(image.tag.first(PROPERTIES, CREATED))
    if not seconds or not FIRST_SECOND <= seconds[0] < LAST_SECOND:
        return None
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds[0])).isoformat()


def describe_objective(image: StackTags) -> Objective | None:
    """Return the lens: the properties of the device that has a magnification."""
    microscope = image.tag.first(PROPERTIES, MICROSCOPE)
    if microscope is None:
        return None
    devices = [tag for tag in microscope.walk() if tag.children]
    lenses = [tag for tag in devices if tag.first(MAGNIFICATION) is not None]
    names = [tag for tag in devices if text_of(tag.first(LENS_NAME)) is not None]
    # Kind 1 is the lens of the image; others are those of the revolver.
    named = next((tag for tag in names if whole_of(tag.first(LENS_KIND)) == 1), None)
    named = named or next((tag for tag in names if tag in lenses), None)
    if not lenses and named is None:
        return None
    lens = lenses[0] if lenses else named
    objective = Objective(
        name=None if named is None else text_of(named.first(LENS_NAME)),
        magnification=_number(lens, MAGNIFICATION),
        aperture=_number(lens, APERTURE),
        working_distance=_positive(
            None if lens is None else _micrometres(lens.first(WORKING_DISTANCE))
        ),
        refractive_index=_number(lens, REFRACTIVE_INDEX),
    )
    return objective if objective != Objective() else None


def _number(tag: VsiTag | None, number: int) -> float | None:
    """Return the number above 0 of a child."""
    values = () if tag is None else numbers_of(tag.first(number))
    return _positive(float(values[0])) if values else None


# ---------------------------------------------------------------- planes


def describe_planes(
    image: StackTags, letters: Sequence[str], shape: Sequence[int]
) -> Planes | None:
    """Return times, exposures and positions of planes.

    Parameters
    ----------
    image
        The stack.
    letters, shape
        Of the axes that count planes, as stored.
    """
    dims = Dims("".join(letters), tuple(shape))
    columns = {name: np.full(dims.shape, np.nan) for name in ("time", "exposure", "x", "y", "z")}
    for place, properties in _frames(image, dims):
        seconds = quantity_of(properties.first(TIME_VALUE), MILLI, "s")
        height = _micrometres(properties.first(Z_VALUE))
        columns["time"][place] = np.nan if seconds is None else seconds
        columns["z"][place] = np.nan if height is None else height
    if not np.isfinite(columns["z"]).any():
        _fill_heights(image, dims, columns["z"])
    times = columns["time"]
    if np.isfinite(times).any():
        columns["time"] = np.round(times - np.nanmin(times), 9)
    _fill_exposures(image, dims, columns["exposure"])
    # Micrometres of the stage, X before Y.
    position = numbers_of(image.tag.first(PROPERTIES, ORIGIN))
    if len(position) >= 2 and all(math.isfinite(value) for value in position[:2]):
        columns["x"][...], columns["y"][...] = position[:2]
    kept = {
        name: np.ascontiguousarray(column, "<f8").tobytes()
        for name, column in columns.items()
        if np.isfinite(column).any()
    }
    return Planes(dims, **kept, start=None) if kept else None


def _frames(image: StackTags, dims: Dims) -> Iterator[tuple[tuple[int, ...], VsiTag]]:
    """Yield the place of each frame among the stored axes, and its properties."""
    sizes = image.sizes()
    names = ["" if tag is None else _meaning(tag) for tag in image.dimensions()]
    # Files of cellSens list slots behind their dimensions that hold none.
    if len(names) < len(sizes) or any(names[len(sizes) :]):
        return
    names = names[: len(sizes)]
    for frame in image.tag.all(FRAME):
        properties = frame.first(FRAME_PROPERTIES)
        number = frame.index
        if properties is None or number is None or not 0 <= number < math.prod(sizes):
            continue
        positions: dict[str, int] = {}
        # The number has one digit a dimension, the first dimension the lowest.
        for name, size in zip(names, sizes, strict=True):
            number, positions[name] = divmod(number, size)
        place = tuple(positions.get(letter, 0) for letter in dims.order)
        # A series that was stopped has properties of fewer planes than announced.
        if all(at < size for at, size in zip(place, dims.shape, strict=True)):
            yield place, properties


def _fill_heights(image: StackTags, dims: Dims, column: npt.NDArray[np.float64]) -> None:
    """Set focus positions of stacks whose frames have none: the first one, and the step."""
    start = _micrometres(_first_of(image, "Z", Z_START))
    step = _micrometres(_first_of(image, "Z", Z_STEP))
    if start is None or step is None or "Z" not in dims.order:
        return
    axis = dims.order.index("Z")
    # All other axes have length 1, so that numpy repeats the heights along them.
    shape = [count if place == axis else 1 for place, count in enumerate(dims.shape)]
    column[...] = np.round(start + step * np.arange(dims.shape[axis]), 9).reshape(shape)


def _fill_exposures(image: StackTags, dims: Dims, column: npt.NDArray[np.float64]) -> None:
    """Set exposures: of each channel, else of the camera; they are stored in microseconds."""
    properties = image.tag.first(PROPERTIES)
    column[...] = _exposure(properties)
    dimension = image.dimension("C")
    if dimension is None or "C" not in dims.order:
        return
    axis = dims.order.index("C")
    for tag in dimension.all(POSITION):
        value = _exposure(tag)
        if tag.index is not None and 0 <= tag.index < dims.shape[axis] and math.isfinite(value):
            column[(slice(None),) * axis + (tag.index,)] = value


def _exposure(tag: VsiTag | None) -> float:
    for child in tag.walk() if tag is not None else ():
        values = numbers_of(child) if child.number == EXPOSURE else ()
        if values and 0 < values[0] < math.inf:
            return round(values[0] * MICRO, 9)
    return math.nan
