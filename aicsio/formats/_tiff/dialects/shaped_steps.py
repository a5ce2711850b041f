"""Sizes and time steps in the JSON of tifffile, by the names of ImageJ and of OME.

Rule kept here: a number without a unit has that of its origin -- PhysicalSizeX micrometres,
TimeIncrement and finterval seconds; ``spacing`` has none, and needs the ``unit``.

Source of the facts: ``TiffWriter.write`` of tifffile, whose examples have ``spacing``, ``unit`` and
``finterval`` for ImageJ, ``PhysicalSizeX``, ``TimeIncrement`` and their units for OME; OME-XML
schema 2016-06 for the default units. All of it becomes JSON in files that are neither.
"""

from collections.abc import Mapping
from typing import Any

import attrs

from aicsio._ome.units import UnitFactor, micrometres_per, seconds_per
from aicsio.formats._steps import report_unit
from aicsio.formats._tiff.makers import read_maker_size
from aicsio.formats._tiff.page_metadata import PageTags, positive_float
from aicsio.formats._tiff.physical_size import read_pixel_size, size_from_resolution
from aicsio.records import Diagnostic, PixelSize


def read_shaped_size(
    tags: PageTags, metadata: Mapping[str, Any]
) -> tuple[PixelSize, list[Diagnostic]]:
    """Return the pixel size; the JSON outranks the tags, which are a default.

    Parameters
    ----------
    tags
        Of the first page.
    metadata
        The JSON.
    """
    if read_maker_size(tags) is not None:
        return read_pixel_size(tags)
    where = tags.file.source.uri
    stated: dict[str, float] = {}
    trouble: list[Diagnostic] = []
    for letter in "XYZ":
        name = f"PhysicalSize{letter}"
        size, notes = _measure(metadata, name, f"{name}Unit", micrometres_per, where)
        trouble += notes
        if size is not None:
            stated[letter] = size
    if "X" in stated and "Y" in stated:
        return PixelSize(stated.get("Z"), stated["Y"], stated["X"]), trouble
    of_tags, notes = _size_of_tags(tags, metadata)
    return attrs.evolve(of_tags, **stated), [*notes, *trouble]


def _size_of_tags(
    tags: PageTags, metadata: Mapping[str, Any]
) -> tuple[PixelSize, list[Diagnostic]]:
    unit = metadata.get("unit")
    # tifffile leaves ResolutionUnit to its caller; scientific writers name the unit in the JSON.
    factor = micrometres_per(unit) if isinstance(unit, str) else None
    if factor is None:
        return read_pixel_size(tags)
    size, notes = size_from_resolution(tags, factor, is_unit_stated=True)
    z = positive_float(metadata.get("spacing"), factor)
    if z is None and metadata.get("spacing") is not None:
        notes = [*notes, _unusable("spacing", metadata["spacing"], tags.file.source.uri)]
    return attrs.evolve(size, Z=z), notes


def read_shaped_step(
    metadata: Mapping[str, Any], where: str
) -> tuple[float | None, list[Diagnostic]]:
    """Return the seconds between time points.

    Parameters
    ----------
    metadata
        The JSON.
    where
        The file, for diagnostics.
    """
    trouble: list[Diagnostic] = []
    for name, unit in (("TimeIncrement", "TimeIncrementUnit"), ("finterval", "tunit")):
        step, notes = _measure(metadata, name, unit, seconds_per, where)
        trouble += notes
        if step is not None:
            return step, trouble
    return None, trouble


def _measure(
    metadata: Mapping[str, Any], name: str, unit_name: str, unit_factor: UnitFactor, where: str
) -> tuple[float | None, list[Diagnostic]]:
    """Return a number in the base unit, which is that of a number without a unit."""
    value, unit = metadata.get(name), metadata.get(unit_name)
    if value is None:
        return None, []
    factor = 1.0 if unit is None else unit_factor(str(unit))
    if factor is None:
        return None, [report_unit(str(unit), name, where)]
    size = positive_float(value, factor)
    return size, [] if size is not None else [_unusable(name, value, where)]


def _unusable(name: str, value: object, where: str) -> Diagnostic:
    text = f"{name} is {repr(value)[:40]}, no number above 0: it is not used"
    return Diagnostic("unusable-size", text, where)
