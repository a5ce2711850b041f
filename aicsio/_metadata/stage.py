"""Stage labels of images, completed by the position of their first plane.

Rule kept here: a label of the file stays as it is; only a missing number is filled in.
"""

from collections.abc import Sequence

from aicsio._ome.parts import IMAGE_CHILDREN
from aicsio._ome.references import put
from aicsio._ome.schema import Tree, tag
from aicsio.records import Planes


def complete_stage_labels(root: Tree, planes: Sequence[Planes | None]) -> None:
    """Give each image a stage label, as far as its planes have positions.

    Parameters
    ----------
    root
        OME element of lxml; changed in place.
    planes
        Planes of each image.
    """
    for image, columns in zip(root.findall(tag("Image")), planes, strict=True):
        position = _first_position(columns) if columns is not None else {}
        if position:
            _complete(image, position)


def _first_position(planes: Planes) -> dict[str, float]:
    position = {}
    for letter in "XYZ":
        column = planes.column(letter.lower())
        # NaN is no position, and the only number that differs from itself.
        if column is not None and column.size and column.flat[0] == column.flat[0]:
            position[letter] = float(column.flat[0])
    return position


def _complete(image: Tree, position: dict[str, float]) -> None:
    from lxml import etree

    label = image.find(tag("StageLabel"))
    if label is None:
        # The schema requires a name.
        label = etree.Element(tag("StageLabel"), Name=image.get("Name") or image.get("ID"))
        put(image, label, IMAGE_CHILDREN)
    for letter, value in position.items():
        if label.get(letter) is None:
            label.set(letter, repr(value))
            label.set(f"{letter}Unit", "µm")
