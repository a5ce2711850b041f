"""Leica's XML to the description of images: axes, channels, and the elements that hold them.

Rule kept here: pure functions of XML. A number without which pixels cannot be found raises
``Unreadable``; an axis of one element never does.

Source of the facts: "LIF File Format Description" (Leica Microsystems), chapters on image and
dimension descriptions.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from xml.etree import ElementTree as ET

import attrs
import numpy as np

from aicsio._ome.units import UnitFactor, finite_number, micrometres_per, seconds_per
from aicsio._ome.xml import find_all, parse_untrusted
from aicsio.errors import CorruptFileError
from aicsio.records import DType, Source

LETTERS: Mapping[int, str] = {
    1: "X", 2: "Y", 3: "Z", 4: "T", 5: "L", 6: "R", 7: "N", 8: "Q", 9: "E", 10: "M", 11: "P",
}  # fmt: skip
"""Letters of Leica's dimension numbers.

L and E are emission and excitation wavelength, R rotation, N XT slices, Q T slices, M mosaic
tiles, P loops.
"""
SPARE_LETTERS = "UWGJK"
"""Letters of dimensions with an unknown number, and of a second one with a known number."""
PLANE_NUMBERS = frozenset({1, 2})
"""Dimension numbers of X and Y."""
UNKNOWN_FACTS: Mapping[str, str] = {
    **dict.fromkeys("XYZ", "the pixel size is unknown"), "T": "the time step is unknown",
}  # fmt: skip
"""What does not follow from a length that cannot be used, by the letter of the axis."""

LARGEST_OFFSET = 2**62
"""Bytes. Sums of a few such numbers still fit 64 bits."""
LARGEST_SIZE = 2**31
"""Positions of an axis: the records' columns count in 32 bits."""
FOLDER_TAGS = frozenset({"Collection", "Experiment", "Image"})
"""Children of Data that hold no pixels of another kind."""


class Unreadable(Exception):  # noqa: N818 - it never leaves the package: it becomes a diagnostic
    """The description of an image cannot be followed."""


@attrs.frozen
class Axis:
    """One DimensionDescription."""

    letter: str
    """See ``LETTERS``."""
    size: int
    """Positions."""
    step: int
    """Bytes from one position to the next."""
    origin: float
    """Physical coordinate of the first position, in ``unit``."""
    length: float
    """From the first position to the last, in ``unit``."""
    unit: str
    """As written."""
    is_empty: bool = False
    """Whether it has no elements as written; ``size`` is 1 then."""

    def spacing(self, unit_factor: UnitFactor) -> float | None:
        """Return the distance of two positions, or ``None`` where length or unit are missing."""
        factor = unit_factor(self.unit)
        if factor is None or self.size < 2 or not math.isfinite(self.length) or self.length == 0:
            return None
        spacing = abs(self.length) * factor / (self.size - 1)
        return spacing if math.isfinite(spacing) else None

    def values(self, factor: float) -> tuple[float, ...]:
        """Return the coordinates of all positions, times ``factor``; none if they are infinite."""
        first, last = self.origin * factor, (self.origin + self.length) * factor
        if not math.isfinite(last - first):
            return ()
        return tuple(np.linspace(first, last, self.size).tolist())


@attrs.frozen
class ChannelDescription:
    """One ChannelDescription."""

    offset: int
    """Bytes from the beginning of the memory block."""
    dtype: DType
    """Stored type."""
    tag: int
    """0 gray, 1 red, 2 green, 3 blue."""
    lut: str
    """Name of the colour table."""
    dye: str | None
    """Dye, where the description itself names it."""
    quantity: str | None = None
    """Quantity that the pixels measure, with its unit; ``None`` where it is not named."""


def find_spacings(axes: tuple[Axis, ...]) -> dict[str, float | None]:
    """Return the distance of two positions in micrometres, by letter."""
    return {axis.letter: axis.spacing(micrometres_per) for axis in axes}


# ---------------------------------------------------------------- elements


def parse_xml(text: str, source: Source) -> tuple[ET.Element, bool]:
    """Parse the XML of a file.

    Characters that XML 1.0 forbids are left out: a user can type them into the name of an image,
    and LAS X writes them as they are.

    Returns
    -------
    The root element, and whether characters were left out.

    Raises
    ------
    CorruptFileError
        When the XML is not well formed, or declares a document type: Leica writes none, and its
        entities can explode.
    """
    try:
        return parse_untrusted(text)
    except CorruptFileError as error:
        raise CorruptFileError.at(source.uri, None, str(error)) from error


def walk_elements(root: ET.Element) -> Iterator[tuple[str, ET.Element]]:
    """Yield path in the project tree and element of everything in the project, in file order."""
    projects = [child for child in root if child.tag == "Element"]
    project_ids = set(map(id, projects))
    # The last of a stack is taken first: reversed, the order of the file stays.
    stack = [(project, "") for project in reversed(projects)]
    while stack:
        element, folder = stack.pop()
        name = element.get("Name", "")
        # The project itself is no folder: its name is that of the file.
        is_project = id(element) in project_ids
        path = f"{folder}/{name}" if folder and not is_project else name
        yield path, element
        inner_folder = "" if is_project else path
        children = find_all(element, "Children", "Element")
        stack.extend((child, inner_folder) for child in reversed(children))


def describe_other_elements(elements: Iterable[tuple[str, ET.Element]]) -> tuple[str, ...]:
    """Name the elements that hold data of another kind than images, such as raw FLIM photons."""
    names: dict[str, list[str]] = {}
    for path, element in elements:
        data = element.find("Data")
        for child in () if data is None else data:
            if child.tag not in FOLDER_TAGS:
                names.setdefault(child.tag, []).append(path)
    descriptions = []
    for tag, paths in names.items():
        shown = ", ".join(map(repr, paths[:3])) + (", ..." if len(paths) > 3 else "")
        descriptions.append(f"{len(paths)} of kind {tag} ({shown})")
    return tuple(descriptions)


def find_images(
    elements: Iterable[tuple[str, ET.Element]],
) -> Iterator[tuple[str, ET.Element]]:
    """Yield path in the project tree and element of each image, in the order of the elements."""
    for path, element in elements:
        if find_all(element, "Data", "Image"):
            yield path, element


# ---------------------------------------------------------------- axes


def parse_axes(image: ET.Element) -> tuple[tuple[Axis, ...], tuple[str, ...]]:
    """Read the axes of an image.

    A dimension with an unknown number, or with the number of another, is left out when it has one
    element: such an axis moves no byte. With more elements it gets a spare letter.

    Returns
    -------
    The axes, slowest first, and a remark on each dimension that was left out or got a spare
    letter.

    Raises
    ------
    Unreadable
        When there are no dimensions, when one has no plausible size or step, or when more than
        five need a spare letter.
    """
    axes: dict[int, Axis] = {}
    others: list[tuple[int, Axis]] = []
    remarks: list[str] = []
    descriptions = find_all(image, "ImageDescription", "Dimensions", "DimensionDescription")
    for description in descriptions:
        number = _integer(description, "DimID")
        axis = _parse_axis(description, LETTERS.get(number, f"dimension {number}"))
        remarks += _describe_unusable(description, axis)
        if number not in LETTERS:
            others.append((number, axis))
        elif number not in axes:
            axes[number] = axis
        elif axes[number].size == 1 < axis.size:
            others.append((number, axes[number]))
            axes[number] = axis
        else:
            others.append((number, axis))
    if not axes and not others:
        raise Unreadable("it has no dimensions")
    remarks = [*_keep_other_axes(axes, others), *remarks]
    return _sort_by_step(axes), tuple(remarks)


def _describe_unusable(description: ET.Element, axis: Axis) -> Iterator[str]:
    """Yield a remark on a number of elements, a length or a unit that cannot be used."""
    if axis.is_empty:
        yield f"it has 0 elements along {axis.letter}, which is read as one"
    length, unknown = description.get("Length"), UNKNOWN_FACTS.get(axis.letter)
    if axis.size < 2 or not length or unknown is None:
        return
    if finite_number(length) is None:
        yield f"its length along {axis.letter} is {length[:40]!r}: {unknown}"
    # 0 is Leica's "not calibrated", and a negative length is one against the axis.
    elif (
        axis.length and (seconds_per if axis.letter == "T" else micrometres_per)(axis.unit) is None
    ):
        yield f"its length along {axis.letter} has the unknown unit {axis.unit[:40]!r}: {unknown}"


def _parse_axis(description: ET.Element, letter: str) -> Axis:
    size = _integer(description, "NumberOfElements")
    # Bio-Formats counts an axis without elements as one with one, too: its planes are stored.
    is_empty = size == 0 and letter not in "XY"
    size = size or int(is_empty)
    # The step of an axis of one element means nothing, so it need not be there.
    step = _integer(description, "BytesInc", 0 if size == 1 else None)
    if size == 1 and not 0 <= step < LARGEST_OFFSET:
        step = 0
    if not 0 < size < LARGEST_SIZE or not 0 <= step < LARGEST_OFFSET:
        raise Unreadable(f"{letter} has {size} positions, {step} bytes apart")
    origin = finite_number(description.get("Origin")) or 0.0
    length = finite_number(description.get("Length")) or 0.0
    return Axis(letter, size, step, origin, length, description.get("Unit", ""), is_empty)


def _keep_other_axes(axes: dict[int, Axis], others: list[tuple[int, Axis]]) -> tuple[str, ...]:
    """Give spare letters to unknown and repeated dimensions that have several elements."""
    remarks = []
    spare = iter(SPARE_LETTERS)
    for number, axis in others:
        kind = "is described twice" if number in LETTERS else "is of an unknown kind"
        if axis.size == 1:
            remarks.append(f"dimension {number} {kind}; the one with one element is left out")
            continue
        letter = next(spare, None)
        if letter is None:
            raise Unreadable(f"dimension {number} {kind}, and no letter is left for it")
        # Keys beyond all known numbers; they only need to differ.
        axes[len(LETTERS) + 100 + len(axes)] = attrs.evolve(axis, letter=letter)
        remarks.append(f"dimension {number} {kind}; it is shown as {letter}")
    return tuple(remarks)


def _sort_by_step(axes: Mapping[int, Axis]) -> tuple[Axis, ...]:
    """Return the axes, slowest first.

    A step below the extent of a plane makes no sense for an axis of one element behind it: such
    an axis gets the step that it would have directly outside of the plane.
    """
    by_number = sorted(axes.items())
    extent = 0
    placed = []
    for number, axis in by_number:
        if axis.size == 1 and axis.step < extent:
            axis = attrs.evolve(axis, step=extent)  # noqa: PLW2901
        if number in PLANE_NUMBERS:
            extent = max(extent, axis.size * axis.step)
        placed.append((number, axis))
    # Of axes with equal steps, those of the plane lie together.
    placed.sort(key=lambda item: (-item[1].step, item[0] in PLANE_NUMBERS))
    return tuple(axis for _, axis in placed)


# ---------------------------------------------------------------- channels


def parse_channels(image: ET.Element) -> tuple[ChannelDescription, ...]:
    """Return the channels of an image, in the order of the description.

    Raises
    ------
    Unreadable
        When there are none, or one has no plausible depth, type or offset.
    """
    descriptions = find_all(image, "ImageDescription", "Channels", "ChannelDescription")
    if not descriptions:
        raise Unreadable("it has no channels")
    return tuple(_parse_channel(description) for description in descriptions)


def _parse_channel(description: ET.Element) -> ChannelDescription:
    bits, data_type = _integer(description, "Resolution"), _integer(description, "DataType")
    offset = _integer(description, "BytesInc")
    # Depths between whole bytes, such as 12 bits, lie in the next larger type.
    nbytes = next((size for size in (1, 2, 4, 8) if 0 < bits <= 8 * size), None)
    # DataType: 0 whole numbers, 1 floats, of which the smallest has 16 bits.
    plausible = nbytes is not None and (data_type == 0 or (data_type == 1 and nbytes > 1))
    if not plausible or not 0 <= offset < LARGEST_OFFSET:
        raise Unreadable(f"a channel has {bits} bits of data type {data_type} at offset {offset}")
    dye = None
    for item in description.findall("ChannelProperty"):
        if (item.findtext("Key") or "").strip() == "DyeName":
            dye = (item.findtext("Value") or "").strip() or None
    return ChannelDescription(
        offset=offset,
        dtype=np.dtype(f"<{'f' if data_type else 'u'}{nbytes}"),
        tag=_integer(description, "ChannelTag", 0),
        lut=description.get("LUTName", ""),
        dye=dye,
        quantity=_measured_quantity(description),
    )


def _measured_quantity(description: ET.Element) -> str | None:
    """Return the measured quantity with its unit, such as ``"Lifetime (s)"``."""
    quantity = description.get("NameOfMeasuredQuantity", "").strip()
    unit = description.get("Unit", "").strip()
    if not quantity:
        return None
    return f"{quantity} ({unit})" if unit else quantity


# ---------------------------------------------------------------- numbers


def _integer(element: ET.Element, name: str, default: int | None = None) -> int:
    text = element.get(name)
    if text is None and default is not None:
        return default
    try:
        return int(text or "")
    except ValueError as error:
        raise Unreadable(f"{name} of {element.tag} is {text!r}, no whole number") from error
