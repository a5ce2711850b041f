"""Regions of interest follow the image: shifted by a crop, scaled by a step or a level, renumbered with their planes.

Rule kept here: pure functions of elements. A shape that lies on no plane that is written, or cannot follow, is left
out and counted.

Source of the facts: OME schema 2016-06, ROI: coordinates are in pixels, (0, 0) is the outer corner of the first pixel,
x grows to the right and y downwards; a Mask holds one bit for each pixel of its rectangle.
"""

from collections.abc import Callable, Mapping

import attrs

from aicsio._ome.schema import Tree
from aicsio.writers._metadata.merge_elements import name_of

Positions = Mapping[str, tuple[int, ...] | None]
"""By T, C and Z: the position in the source of each position in the file; ``None`` where that is not known."""


@attrs.frozen
class Frame:
    """Where points of the source go: ``new = old * scale + shift``."""

    scale_x: float = 1.0
    """Columns of the file for one of the source; negative where it is mirrored."""
    shift_x: float = 0.0
    """In columns of the file."""
    scale_y: float = 1.0
    """As for columns."""
    shift_y: float = 0.0
    """In rows of the file."""

    def x(self, value: float) -> float:
        """Column in the file."""
        return value * self.scale_x + self.shift_x

    def y(self, value: float) -> float:
        """Row in the file."""
        return value * self.scale_y + self.shift_y


WHOLE = Frame()


def fit(roi: Tree, frame: Frame | None, positions: Positions) -> int:
    """Make a region follow the image, in place.

    Parameters
    ----------
    roi
        ROI element.
    frame
        Where its points go; ``None`` where rows or columns were picked unevenly.
    positions
        Which planes are written.

    Returns
    -------
    int
        How many of its shapes are lost.
    """
    lost = 0
    for union in [child for child in roi if name_of(child) == "Union"]:
        for shape in list(union):
            if not (_renumbered(shape, positions) and frame is not None and _moved(shape, frame)):
                union.remove(shape)
                lost += 1
    return lost


def shapes(roi: Tree) -> int:
    """Count the shapes of a region."""
    return sum(len(child) for child in roi if name_of(child) == "Union")


def _renumbered(shape: Tree, positions: Positions) -> bool:
    for letter in "TCZ":
        text, known = shape.get(f"The{letter}"), positions.get(letter)
        if text is None:
            continue
        if known is None or not text.strip().isdecimal() or int(text) not in known:
            return False
        shape.set(f"The{letter}", str(known.index(int(text))))
    return True


def _moved(shape: Tree, frame: Frame) -> bool:
    if frame == WHOLE:
        return True
    move = _MOVES.get(name_of(shape))
    if move is None:
        return False
    try:
        return move(shape, frame) and _transformed(shape, frame)
    except (KeyError, ValueError):  # it lacks what its kind needs, or has words for numbers
        return False


def _rectangle(shape: Tree, frame: Frame) -> bool:
    for letter, side, at, scale in (
        ("X", "Width", frame.x, frame.scale_x),
        ("Y", "Height", frame.y, frame.scale_y),
    ):
        start, length = float(shape.attrib[letter]), float(shape.attrib[side])
        shape.set(letter, _text(min(at(start), at(start + length))))
        shape.set(side, _text(length * abs(scale)))
    return True


def _mask(shape: Tree, frame: Frame) -> bool:
    return (frame.scale_x, frame.scale_y) == (1, 1) and _rectangle(shape, frame)


def _ellipse(shape: Tree, frame: Frame) -> bool:
    for letter, scale in (("X", frame.scale_x), ("Y", frame.scale_y)):
        shape.set(f"Radius{letter}", _text(float(shape.attrib[f"Radius{letter}"]) * abs(scale)))
    return _point(shape, frame)


def _point(shape: Tree, frame: Frame) -> bool:
    shape.set("X", _text(frame.x(float(shape.attrib["X"]))))
    shape.set("Y", _text(frame.y(float(shape.attrib["Y"]))))
    return True


def _line(shape: Tree, frame: Frame) -> bool:
    for end in "12":
        shape.set(f"X{end}", _text(frame.x(float(shape.attrib[f"X{end}"]))))
        shape.set(f"Y{end}", _text(frame.y(float(shape.attrib[f"Y{end}"]))))
    return True


def _points(shape: Tree, frame: Frame) -> bool:
    pairs = [pair.split(",") for pair in shape.attrib["Points"].split()]
    shape.set(
        "Points",
        " ".join(f"{_text(frame.x(float(x)))},{_text(frame.y(float(y)))}" for x, y in pairs),
    )
    return True


def _transformed(shape: Tree, frame: Frame) -> bool:
    """Give a shape that has a transform of its own the one that does the same in the new frame."""
    for own in (child for child in shape if name_of(child) == "Transform"):
        a, b, c = (float(own.attrib[f"A0{column}"]) for column in range(3))
        d, e, f = (float(own.attrib[f"A1{column}"]) for column in range(3))
        ratio = frame.scale_x / frame.scale_y
        new = {"A00": a, "A01": b * ratio, "A10": d / ratio, "A11": e}
        new["A02"] = frame.x(c) - a * frame.shift_x - new["A01"] * frame.shift_y
        new["A12"] = frame.y(f) - new["A10"] * frame.shift_x - e * frame.shift_y
        for name, value in new.items():
            own.set(name, _text(value))
    return True


def _text(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


_MOVES: Mapping[str, Callable[[Tree, Frame], bool]] = {
    "Rectangle": _rectangle, "Mask": _mask, "Ellipse": _ellipse, "Point": _point, "Label": _point, "Line": _line,
    "Polyline": _points, "Polygon": _points,
}  # fmt: skip
