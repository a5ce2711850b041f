"""Regions of interest follow the image.

Shifted by a crop, scaled by a step or a level, renumbered with their planes.

Rule kept here: pure functions of elements. A shape on a plane that is not written, or one that
cannot follow, is removed and counted.

Source of the facts: OME schema 2016-06, ROI: coordinates are in pixels, (0, 0) is the outer corner
of the first pixel, x grows to the right and y downwards; a Mask holds one bit for each pixel of its
rectangle.
"""

from collections.abc import Callable, Mapping

import attrs

from aicsio._ome.lexical import to_text
from aicsio._ome.references import name_of
from aicsio._ome.schema import Tree

Positions = Mapping[str, tuple[int, ...] | None]
"""By T, C and Z: the position in the source of each position in the file; ``None`` where that is
unknown."""
PositionIndices = Mapping[str, Mapping[int, int] | None]
"""By T, C and Z: the position in the file of each position in the source; ``None`` where that is
unknown."""


@attrs.frozen
class Frame:
    """The map of points from the source to the file: ``new = old * scale + shift``."""

    scale_x: float = 1.0
    """Columns of the file for one of the source; negative where it is mirrored."""
    shift_x: float = 0.0
    """Shift in columns of the file."""
    scale_y: float = 1.0
    """Rows of the file for one of the source; negative where it is mirrored."""
    shift_y: float = 0.0
    """Shift in rows of the file."""

    def x(self, value: float) -> float:
        """Column in the file."""
        return value * self.scale_x + self.shift_x

    def y(self, value: float) -> float:
        """Row in the file."""
        return value * self.scale_y + self.shift_y


WHOLE = Frame()
"""All pixels are written, where they were."""


def index_positions(positions: Positions) -> PositionIndices:
    """Invert positions; of a position that is written twice, the first counts."""
    indices: dict[str, dict[int, int] | None] = {}
    for letter, sources in positions.items():
        if sources is None:
            indices[letter] = None
            continue
        first: dict[int, int] = {}
        for position, source in enumerate(sources):
            first.setdefault(source, position)
        indices[letter] = first
    return indices


def fit_region(region: Tree, frame: Frame | None, indices: PositionIndices) -> int:
    """Make a region follow the image, in place.

    Parameters
    ----------
    region
        ROI element.
    frame
        The map of its points; ``None`` where rows or columns were picked unevenly.
    indices
        Planes that are written.

    Returns
    -------
    int
        Number of shapes that were removed.
    """
    lost = 0
    for union in [child for child in region if name_of(child) == "Union"]:
        for shape in list(union):
            follows = _renumber(shape, indices) and frame is not None and _move(shape, frame)
            if not follows:
                union.remove(shape)
                lost += 1
    return lost


def count_shapes(region: Tree) -> int:
    """Return the number of shapes of a region."""
    return sum(len(child) for child in region if name_of(child) == "Union")


def _renumber(shape: Tree, indices: PositionIndices) -> bool:
    """Renumber the plane of a shape; ``False`` where it is not written."""
    for letter in "TCZ":
        text, index = shape.get(f"The{letter}"), indices.get(letter)
        if text is None:
            continue  # the shape lies on all positions of the letter
        # 18 digits fit 64 bits; longer texts are no index of a plane.
        if index is None or not text.strip().isdecimal() or len(text) > 18:
            return False
        position = index.get(int(text))
        if position is None:
            return False
        shape.set(f"The{letter}", str(position))
    return True


def _move(shape: Tree, frame: Frame) -> bool:
    """Move a shape; ``False`` where it cannot follow, or lacks what its kind needs."""
    if frame == WHOLE:
        return True
    move = _MOVES.get(name_of(shape))
    if move is None:
        return False
    try:
        return move(shape, frame) and _move_transform(shape, frame)
    except (KeyError, ValueError):  # an attribute is missing, or is no number
        return False


def _rectangle(shape: Tree, frame: Frame) -> bool:
    left, top = float(shape.attrib["X"]), float(shape.attrib["Y"])
    width, height = float(shape.attrib["Width"]), float(shape.attrib["Height"])
    # In a mirrored image the right edge becomes the left one.
    shape.set("X", to_text(min(frame.x(left), frame.x(left + width))))
    shape.set("Y", to_text(min(frame.y(top), frame.y(top + height))))
    shape.set("Width", to_text(width * abs(frame.scale_x)))
    shape.set("Height", to_text(height * abs(frame.scale_y)))
    return True


def _mask(shape: Tree, frame: Frame) -> bool:
    # One bit a pixel: it can be shifted, not scaled.
    return (frame.scale_x, frame.scale_y) == (1, 1) and _rectangle(shape, frame)


def _ellipse(shape: Tree, frame: Frame) -> bool:
    # A mirrored ellipse is an ellipse: its radii stay positive.
    for name, scale in (("RadiusX", frame.scale_x), ("RadiusY", frame.scale_y)):
        shape.set(name, to_text(float(shape.attrib[name]) * abs(scale)))
    return _point(shape, frame)


def _point(shape: Tree, frame: Frame) -> bool:
    shape.set("X", to_text(frame.x(float(shape.attrib["X"]))))
    shape.set("Y", to_text(frame.y(float(shape.attrib["Y"]))))
    return True


def _line(shape: Tree, frame: Frame) -> bool:
    for end in "12":
        shape.set(f"X{end}", to_text(frame.x(float(shape.attrib[f"X{end}"]))))
        shape.set(f"Y{end}", to_text(frame.y(float(shape.attrib[f"Y{end}"]))))
    return True


def _points(shape: Tree, frame: Frame) -> bool:
    moved = []
    # OME schema, Polygon and Polyline: pairs "x,y" with white space between them.
    for pair in shape.attrib["Points"].split():
        x, y = pair.split(",")
        moved.append(f"{to_text(frame.x(float(x)))},{to_text(frame.y(float(y)))}")
    shape.set("Points", " ".join(moved))
    return True


def _move_transform(shape: Tree, frame: Frame) -> bool:
    """Give a shape that has a transform the one that does the same in the new frame.

    With ``F`` the frame and ``A`` the transform it is ``F A F^-1``: back to the source, transform,
    forth again.
    """
    for transform in (child for child in shape if name_of(child) == "Transform"):
        # The transform is x' = A00 x + A01 y + A02, y' = A10 x + A11 y + A12.
        a, b, c = (float(transform.attrib[f"A0{column}"]) for column in range(3))
        d, e, f = (float(transform.attrib[f"A1{column}"]) for column in range(3))
        ratio = frame.scale_x / frame.scale_y
        new = {"A00": a, "A01": b * ratio, "A10": d / ratio, "A11": e}
        new["A02"] = frame.x(c) - a * frame.shift_x - new["A01"] * frame.shift_y
        new["A12"] = frame.y(f) - new["A10"] * frame.shift_x - e * frame.shift_y
        for name, value in new.items():
            transform.set(name, to_text(value))
    return True


_MOVES: Mapping[str, Callable[[Tree, Frame], bool]] = {
    "Rectangle": _rectangle, "Mask": _mask, "Ellipse": _ellipse, "Point": _point, "Label": _point, "Line": _line,
    "Polyline": _points, "Polygon": _points,
}  # fmt: skip
