"""Modulo annotations: dimensions that OME lacks, folded into Z, C or T.

Rule kept here: a range is three numbers until an image uses it. Values are made only when their
count divides the size of the axis, so that no annotation costs more than the image it describes.

Source of the facts: "6D, 7D and 8D storage" of https://docs.openmicroscopy.org/ome-model/.
"""

import math
import re
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element

from aicsio._ome.elements import children_of, local_name, number_of, parse_number
from aicsio._ome.lexical import to_text
from aicsio._ome.model import MODULO_LETTERS, Modulo
from aicsio.records import Coordinate, Diagnostic, Dims

_ELEMENTS = frozenset({"ModuloAlongZ", "ModuloAlongC", "ModuloAlongT"})
_OWN_LETTER = re.compile("[A-Z]")


def find_modulo_elements(annotations: Iterable[Element]) -> dict[str, tuple[Element, ...]]:
    """Return the ModuloAlong elements by the ID of their annotation, at most one along an axis."""
    elements_by_id = {}
    for annotation in annotations:
        # One along each axis: 5 000 in one annotation that 5 000 images share would be 25 million.
        by_axis: dict[str, Element] = {}
        for element in annotation.iter():
            name = local_name(element)
            if name in _ELEMENTS:
                by_axis.setdefault(name, element)
        if by_axis:
            elements_by_id[annotation.get("ID", "")] = tuple(by_axis.values())
    return elements_by_id


def modulo_letter(element: Element) -> str:
    """Return the letter of a folded dimension.

    The schema has six types. A dimension that none of them fits has its letter as the description,
    as ``writers`` write it.
    """
    description = (element.get("TypeDescription") or "").strip()
    if _OWN_LETTER.fullmatch(description) and description not in "TCZYXS":
        return description
    return MODULO_LETTERS.get(element.get("Type", "other"), "Q")


def read_modulo(element: Element, sizes: Dims) -> Modulo | Diagnostic:
    """Read one ModuloAlong element.

    Parameters
    ----------
    element
        ModuloAlongZ, ModuloAlongC or ModuloAlongT.
    sizes
        Sizes of the image.

    Returns
    -------
    The folded dimension, or a diagnostic when it does not fit the axis that it is folded into.
    """
    along = local_name(element)[-1]
    # A range has Start, End and Step; names are Label elements.
    labels = tuple(child.text or "" for child in children_of(element, "Label"))
    size = _count_positions(element, labels)
    if size is None or size < 1 or sizes[along] % size:
        positions = "no positions" if size is None else f"{size} positions"
        message = f"ModuloAlong{along} has {positions}, which do not divide Size{along}"
        return Diagnostic("ome-modulo", f"{message} {sizes[along]}: it is left out")
    letter = modulo_letter(element)
    values = _read_values(element, labels, size)
    unit = element.get("Unit")
    return Modulo(
        along,
        letter,
        size,
        Coordinate(letter, values, unit) if values else None,
        element.get("Type", "other"),
        element.get("TypeDescription"),
        labels if _range_of(element) is None else (),
    )


def _range_of(element: Element) -> tuple[float, float, float] | None:
    """Return start, end and step of a range; ``None`` if the element lists labels instead."""
    start, end = number_of(element, "Start"), number_of(element, "End")
    if start is None or end is None:
        return None
    # Step is optional and 1 by default; a step of 0 means nothing.
    return start, end, number_of(element, "Step") or 1.0


def _count_positions(element: Element, labels: Sequence[str]) -> int | None:
    limits = _range_of(element)
    if limits is None:
        return len(labels) or None
    start, end, step = limits
    intervals = (end - start) / step
    # Differences and quotients of finite numbers may overflow.
    return round(intervals) + 1 if math.isfinite(intervals) else None


def _read_values(element: Element, labels: Sequence[str], size: int) -> tuple[float, ...]:
    """Return the values of all positions; none if a label is no number."""
    limits = _range_of(element)
    if limits is not None:
        start, _, step = limits
        return tuple(start + step * index for index in range(size))
    values = [parse_number(label) for label in labels]
    return tuple(value for value in values if value is not None) if None not in values else ()


def range_attributes(values: Sequence[float]) -> dict[str, str] | None:
    """Return even values by their ends.

    ``None`` where a reader would not compute each of them again.
    """
    if len(values) < 2:
        return None
    start, step = values[0], values[1] - values[0]
    if not step or not math.isfinite(step):
        return None
    if any(start + step * index != value for index, value in enumerate(values)):
        return None
    return {"Start": to_text(start), "Step": to_text(step), "End": to_text(values[-1])}
