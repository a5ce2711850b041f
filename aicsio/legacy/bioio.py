"""Facts of a scene in the records that scripts of bioio unpack.

Rule kept here: names and order of the fields are those of ``bioio_base`` 3.5; units are texts, where
it has objects of pint.
"""

import datetime as dt
from typing import Any, NamedTuple, TypeAlias

import attrs

from aicsio.legacy import metadata
from aicsio.records import ImageHandle

__all__ = ["DimensionProperties", "DimensionProperty", "Scale", "StandardMetadata", "TimeInterval"]

TimeInterval: TypeAlias = dt.timedelta | None


class Scale(NamedTuple):
    """Distance between positions of each dimension; ``None`` where the file lacks it."""

    T: float | None
    C: float | None
    Z: float | None
    Y: float | None
    X: float | None


class DimensionProperty(NamedTuple):
    """Kind of a dimension: ``"time"``, ``"channel"`` or ``"space"``, and the unit of its scale."""

    type: str | None
    unit: str | None


class DimensionProperties(NamedTuple):
    """One ``DimensionProperty`` for each dimension."""

    T: DimensionProperty
    C: DimensionProperty
    Z: DimensionProperty
    Y: DimensionProperty
    X: DimensionProperty


@attrs.frozen
class StandardMetadata:
    """Facts of a scene; each is ``None`` where the file lacks it."""

    binning: str | None
    """Of the detector of the first channel, such as ``"2x2"``."""
    column: str | None
    """Column of the well."""
    dimensions_present: str
    """Letters of ``data``."""
    image_size_c: int | None
    """Channels."""
    image_size_t: int | None
    """Time points."""
    image_size_x: int | None
    """Columns."""
    image_size_y: int | None
    """Rows."""
    image_size_z: int | None
    """Sections."""
    imaged_by: str | None
    """Name of the experimenter."""
    imaging_datetime: dt.datetime | None
    """Begin of the acquisition."""
    objective: str | None
    """Magnification and aperture, such as ``"40x/1.2"``; the model if they are missing."""
    pixel_size_x: float | None
    """Micrometres."""
    pixel_size_y: float | None
    """Micrometres."""
    pixel_size_z: float | None
    """Micrometres."""
    position_index: int | None
    """Number of the field within the well, from 0."""
    row: str | None
    """Row of the well."""
    timelapse: bool
    """Whether there are several time points."""
    timelapse_interval: TimeInterval
    """Between time points: that of the file, else the median of the planes."""
    total_time_duration: TimeInterval
    """From the first time point to the last, by the interval."""

    def to_dict(self) -> dict[str, Any]:
        """Return the facts by label, such as ``"Image Size C"``."""
        values = attrs.asdict(self, recurse=False)
        return {name.replace("_", " ").title(): value for name, value in values.items()}


def time_interval(handle: ImageHandle) -> TimeInterval:
    """Return the time between positions of T; ``None`` if unknown."""
    seconds = handle.time_step
    return None if seconds is None else dt.timedelta(seconds=seconds)


def scale(handle: ImageHandle) -> Scale:
    """Return seconds along T and micrometres along Z, Y and X."""
    return Scale(handle.time_step, None, *handle.pixel_size)


def dimension_properties(handle: ImageHandle) -> DimensionProperties:
    """Return kind and unit of each dimension; a dimension without a scale has no unit."""
    kinds = ("time", "channel", "space", "space", "space")
    units = ("second", None, "micrometer", "micrometer", "micrometer")
    properties = []
    for kind, unit, step in zip(kinds, units, scale(handle), strict=True):
        properties.append(DimensionProperty(kind, None if step is None else unit))
    return DimensionProperties(*properties)


def standard_metadata(handle: ImageHandle) -> StandardMetadata:
    """Collect the facts of the scene in focus.

    Parameters
    ----------
    handle
        As ``data`` shows it.
    """
    dims, scene, size = handle.dims, handle.scene, handle.pixel_size
    well, sizes = scene.well, dict(dims.items())
    times = dims.get("T", 1)
    interval = time_interval(handle)
    if interval is None and times > 1:
        from aicsio._metadata import time_steps

        measured = time_steps(handle).median
        interval = None if measured is None else dt.timedelta(seconds=measured)
    acquired = None if scene.acquired is None else dt.datetime.fromisoformat(scene.acquired)
    binning, person = _people_and_binning(handle)
    return StandardMetadata(
        binning=binning,
        column=None if well is None else well.column,
        dimensions_present=dims.order,
        image_size_c=sizes.get("C"),
        image_size_t=sizes.get("T"),
        image_size_x=sizes.get("X"),
        image_size_y=sizes.get("Y"),
        image_size_z=sizes.get("Z"),
        imaged_by=person,
        imaging_datetime=acquired,
        objective=_name_objective(handle),
        pixel_size_x=size.X,
        pixel_size_y=size.Y,
        pixel_size_z=size.Z,
        position_index=None if well is None else well.field,
        row=None if well is None else well.row,
        timelapse=times > 1,
        timelapse_interval=interval,
        total_time_duration=None if interval is None else interval * (times - 1),
    )


def _name_objective(handle: ImageHandle) -> str | None:
    lens = handle.scene.objective
    if lens is None:
        return None
    if lens.magnification is None:
        return lens.name
    aperture = "" if lens.aperture is None else f"/{lens.aperture:g}"
    return f"{lens.magnification:g}x{aperture}"


def _people_and_binning(handle: ImageHandle) -> tuple[str | None, str | None]:
    """Return what OME alone holds: the binning of the first channel, and the experimenter."""
    ome = metadata.to_ome(handle)
    channels = ome.images[handle.scene_index].pixels.channels
    settings = channels[0].detector_settings if channels else None
    binning = settings.binning.value if settings and settings.binning else None
    if not ome.experimenters:
        return binning, None
    person = ome.experimenters[0]
    names = " ".join(filter(None, (person.first_name, person.last_name)))
    return binning, names or person.user_name or person.email
