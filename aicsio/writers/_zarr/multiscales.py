"""The attributes of the groups of a store: images, labels, plates, wells.

Rule kept here: pure functions of values to JSON documents.

The transform of a level. A pixel of level ``k`` is made of a square of ``2**k`` pixels, the first
of which is pixel ``2**k * i``. So the factor of a level is ``2**k``, also where a size is odd: 1001
columns make 501, and the ratio of these sizes, 1.998, would put the last columns one pixel away
from their place. Where a level has a single pixel along an axis, it covers the whole axis, and the
factor is its length.

Source of the facts: https://ngff.openmicroscopy.org/0.4/ and /0.5/, sections "plate", "well",
"labels" and "bioformats2raw.layout".
"""

import re
from collections.abc import Mapping, Sequence

import attrs

from aicsio._ome import ngff
from aicsio._ome.model import OmeImage
from aicsio._ome.ngff import AxisTransform, ContrastWindow, Json
from aicsio.errors import WriteError
from aicsio.writers._zarr.arrays import ArrayPlan
from aicsio.writers._zarr.plan import ImagePlan, SourceLevel

# Leading zeros are left out: B02 and B2 are one well.
_WELL = re.compile(r"([A-Za-z]+)[/ -]?0*([0-9]+)")
_METHODS = {
    "mean": "mean of all pixels that a pixel covers, halves to even",
    "mode": "most frequent of two by two pixels, level by level",
    "nearest": "upper left pixel of those that a pixel covers",
}


def factor_of(level: int, full: int, size: int) -> float:
    """Return how many pixels of full resolution a pixel of a level covers along an axis."""
    return float(full if size == 1 else 1 << level)


def image_attributes(
    plan: ImagePlan, image: OmeImage, windows: Sequence[ContrastWindow], *, is_rgb: bool = False
) -> Json:
    """Return the attributes of an image group.

    Parameters
    ----------
    plan
        The image.
    image
        Its metadata; channels count samples.
    windows
        Contrast of each channel; empty for an image of labels.
    is_rgb
        Whether the channels were samples of a pixel.
    """
    name = image.name or ""
    known = ngff.known_spacings(image.pixel_size, image.time_step)
    levels = {
        level.path.rpartition("/")[2]: _transforms(number, plan.levels[0], level, known)
        for number, level in enumerate(plan.levels)
    }
    for level in plan.source_levels:
        number = level.plan.path.rpartition("/")[2]
        levels[number] = _source_transforms(level, plan.array.dims.order, known)
    letters = plan.array.dims.order
    levels = {name: _moved(one, letters, dict(plan.start)) for name, one in levels.items()}
    axes = ngff.axes(letters, image.pixel_size, image.time_step)
    multiscale = ngff.multiscale(name, axes, levels)
    if len(plan.levels) > 1:
        # write_region reads the type back: a new region gets its levels by the same rule.
        multiscale["type"] = plan.pooling
        multiscale["metadata"] = {"description": _METHODS[plan.pooling], "method": "aicsio"}
    elif plan.source_levels:
        # The rule by which the source made them is unknown, so it has no type.
        multiscale["metadata"] = {"description": "levels of the source, as they were"}
    attributes: Json = {"multiscales": [multiscale]}
    if windows:
        attributes["omero"] = ngff.omero(
            name, plan.array.dims, image.channels, windows, is_rgb=is_rgb
        )
    return attributes


def _transforms(
    number: int, full: ArrayPlan, level: ArrayPlan, known: Mapping[str, float]
) -> list[AxisTransform]:
    transforms = []
    for letter, whole, size in zip(full.letters, full.shape, level.shape, strict=True):
        # Z, C and T are as long at every level: a pixel covers one position there.
        factor = factor_of(number, whole, size) if letter in "YX" else 1.0
        # NGFF wants a scale for each axis: an unknown size counts as 1, and its axis has no unit.
        transforms.append(AxisTransform.of_level(known.get(letter, 1.0), factor))
    return transforms


def _moved(
    transforms: Sequence[AxisTransform], letters: str, start: Mapping[str, float]
) -> list[AxisTransform]:
    """Move a level by the place of the first pixel of full resolution."""
    return [
        attrs.evolve(transform, translation=transform.translation + start.get(letter, 0.0))
        for letter, transform in zip(letters, transforms, strict=True)
    ]


def _source_transforms(
    level: SourceLevel, letters: str, known: Mapping[str, float]
) -> list[AxisTransform]:
    transforms = []
    for letter, place in zip(letters, level.places, strict=True):
        spacing = known.get(letter, 1.0)
        transforms.append(AxisTransform(spacing * place.scale, spacing * place.translation))
    return transforms


# ---------------------------------------------------------------- plates


@attrs.frozen
class PlateWells:
    """The wells of a plate."""

    wells: tuple[tuple[str, str, tuple[int, ...]], ...]
    """Row, column, and the indices of the images that are the well's fields."""

    def image_paths(self) -> dict[int, str]:
        """Return the group of each image by its index."""
        return {
            image: f"{row}/{column}/{field}"
            for row, column, images in self.wells
            for field, image in enumerate(images)
        }

    def attributes(self, name: str) -> Json:
        """Return the attributes of the plate."""
        # By length first: row AA comes after row Z.
        rows = sorted({row for row, _, _ in self.wells}, key=lambda row: (len(row), row))
        columns = sorted({column for _, column, _ in self.wells}, key=int)
        wells = [
            {
                # NGFF, "plate": a path is the names of row and column; indices count from 0 in
                # their lists.
                "path": f"{row}/{column}",
                "rowIndex": rows.index(row),
                "columnIndex": columns.index(column),
            }
            for row, column, _ in self.wells
        ]
        plate = {
            "name": name,
            "rows": [{"name": row} for row in rows],
            "columns": [{"name": column} for column in columns],
            "wells": wells,
            "field_count": max(len(images) for _, _, images in self.wells),
        }
        return {"plate": plate}

    def well_attributes(self, images: tuple[int, ...]) -> Json:
        """Return the attributes of a well."""
        return {"well": {"images": [{"path": str(field)} for field in range(len(images))]}}


def parse_plate(
    plate: Mapping[str, int | Sequence[int]] | Sequence[str], image_count: int
) -> PlateWells:
    """Bring either form of the option into one.

    Raises
    ------
    WriteError
        When a well has no name of a well, or an image has no well or several.
    """
    images_of: dict[tuple[str, str], list[int]] = {}
    if isinstance(plate, Mapping):
        for name, images in plate.items():
            several = [images] if isinstance(images, int) else list(images)
            images_of.setdefault(_parse_well(name), []).extend(several)
    else:
        for number, name in enumerate([plate] if isinstance(plate, str) else plate):
            images_of.setdefault(_parse_well(name), []).append(number)
    used = sorted(image for images in images_of.values() for image in images)
    if used != list(range(image_count)):
        raise WriteError(
            f"plate={plate!r}: {image_count} images are written, and each has one well: give a "
            "list of as many names, or each index once"
        )
    ordered = sorted(images_of, key=lambda well: (len(well[0]), well[0], int(well[1])))
    return PlateWells(tuple((*well, tuple(images_of[well])) for well in ordered))


def _parse_well(name: str) -> tuple[str, str]:
    # NGFF, "plate": names of rows and columns consist of letters and digits alone.
    match = _WELL.fullmatch(name.strip())
    if match is None:
        raise WriteError(f"plate: {name!r} is no name of a well, such as 'A1' or 'B12'")
    return match[1].upper(), match[2]
