"""Leica's XML to the metadata records of a scene: channels, plane times, coordinates.

The name of a channel is decided in ``describe_channels``; one without a name becomes
``Channel:<index>`` in ``records.handle``.

Rule kept here: a name comes from a dye or a detector. The name of a lookup table is a colour and
no name.
"""

import re
from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from aicsio._ome.units import micrometres_per
from aicsio.formats._leica.description import Axis, ChannelDescription
from aicsio.formats._leica.settings import (
    HardwareSettings,
    channel_exposures,
    detected_channels,
    parse_stage_position,
)
from aicsio.formats._leica.times import Stamps, fit_times
from aicsio.records import Channel, Coordinate, Dims, Planes
from aicsio.records.dims import trusted_dims

COLORS: Mapping[str, int] = {
    "red": 0xFF0000FF, "green": 0x00FF00FF, "blue": 0x0000FFFF, "cyan": 0x00FFFFFF,
    "magenta": 0xFF00FFFF, "yellow": 0xFFFF00FF, "gray": 0xFFFFFFFF, "grey": 0xFFFFFFFF,
}  # fmt: skip
"""0xRRGGBBAA by the name of a lookup table."""
_GRADIENT = re.compile(r"Gradient\s*\(\s*([0-9]{1,9})\s*,\s*([0-9]{1,9})\s*,\s*([0-9]{1,9})\s*\)")


# ---------------------------------------------------------------- channels


def describe_channels(
    settings: HardwareSettings,
    described: Sequence[ChannelDescription],
    sample_count: int,
    dims: Dims,
) -> tuple[Channel, ...]:
    """Describe the channels of an image.

    Parameters
    ----------
    settings
        Of the image.
    described
        One description a channel; of a colour image that of its first sample.
    sample_count
        Samples of a pixel.
    dims
        Stored axes. The settings give the wavelength at which a sweep ended, so it is left out
        where wavelengths are an axis.

    Returns
    -------
    One record a channel: dye, else detector; colour of the lookup table.
    """
    detected = detected_channels(settings)
    # A list is taken only where its length fits.
    has_detected = len(detected) == len(described)
    channels = []
    for index, one in enumerate(described):
        # The lookup table of a sample colours that sample alone.
        color = parse_color(one.lut) if sample_count == 1 else None
        if not has_detected:
            plain = Channel(
                one.dye, color, fluor=one.dye, samples=sample_count, quantity=one.quantity
            )
            channels.append(plain)
            continue
        channel = detected[index]
        channels.append(
            attrs.evolve(
                channel,
                name=one.dye or channel.name,
                fluor=one.dye or channel.fluor,
                color=color,
                emission=None if "L" in dims else channel.emission,
                excitation=None if "E" in dims else channel.excitation,
                samples=sample_count,
                quantity=one.quantity,
            )
        )
    return tuple(channels)


def parse_color(lut: str) -> int | None:
    """Return 0xRRGGBBAA of a lookup table's name, or ``None``."""
    named = COLORS.get(lut.strip().lower())
    gradient = None if named is not None else _GRADIENT.fullmatch(lut.strip())
    if gradient is None:
        return named
    red, green, blue = (min(int(part), 255) for part in gradient.groups())
    return red << 24 | green << 16 | blue << 8 | 0xFF


# ---------------------------------------------------------------- planes


def describe_planes(
    settings: HardwareSettings, axes: tuple[Axis, ...], channel_count: int, stamps: Stamps
) -> tuple[Planes | None, str | None]:
    """Describe times and stage positions of frames.

    A frame is a plane of the two fastest axes; a time stamp belongs to a frame of all channels or
    of each.

    Parameters
    ----------
    settings
        Of the image.
    axes
        Slowest first.
    channel_count
        Channels of the image.
    stamps
        Time stamps, as listed.

    Returns
    -------
    The columns, or ``None`` where there is neither a time nor a position, and a remark on a list
    of times that does not fit.
    """
    frame_axes = axes[:-2]
    letters = "".join(axis.letter for axis in frame_axes)
    exposures = channel_exposures(settings)
    # The same letters were checked when the pixels were laid out.
    frames = trusted_dims(letters, tuple([axis.size for axis in frame_axes]))
    dims, seconds, remark = fit_times(stamps, frames, channel_count)
    place = parse_stage_position(settings)
    if "M" in dims:
        place = None  # each tile has a position of its own
    if len(exposures) != channel_count:
        exposures = ()
    if seconds is None and place is None and not exposures:
        return None, remark
    plane_count = int(np.prod(dims.shape, dtype=np.int64))
    planes = Planes(dims)
    if seconds is not None:
        # The image's date is the first stamp.
        planes = attrs.evolve(planes, time=seconds.astype("<f8").tobytes(), start=0.0)
    if place is not None:
        x, y = place
        planes = attrs.evolve(planes, x=_constant(plane_count, x), y=_constant(plane_count, y))
    if exposures:
        planes = _with_exposures(planes, exposures)
    return planes, remark


def of_first_tiles(planes: Planes) -> Planes:
    """Return the facts of the planes of a stitched mosaic: those of its first tile, as of a CZI.

    ``open_image(..., mosaic="tiles")`` shows those of every tile.
    """
    axis = planes.dims.order.index("M")
    letters = [letter for letter in planes.dims if letter != "M"]
    columns: dict[str, bytes] = {}
    for name in ("time", "exposure", "x", "y"):
        column = planes.column(name)
        if column is not None:
            columns[name] = column.take(0, axis).astype("<f8").tobytes()
    dims = Dims("".join(letters), tuple(planes.dims[letter] for letter in letters))
    return Planes(dims, **columns, start=planes.start)


def _with_exposures(planes: Planes, exposures: tuple[float, ...]) -> Planes:
    """Add the exposure of each channel, and the axis of channels where the columns lack it."""
    dims = planes.dims
    columns = {name: planes.column(name) for name in ("time", "x", "y")}
    if "C" not in dims:
        dims = Dims(dims.order + "C", (*dims.shape, len(exposures)))
        columns = {
            name: None if column is None else column[..., np.newaxis]
            for name, column in columns.items()
        }
    # Size 1 but along C: the exposures are the same for all frames.
    along = [len(exposures) if letter == "C" else 1 for letter in dims]
    columns["exposure"] = np.reshape(exposures, along)
    spread = {
        name: np.broadcast_to(column, dims.shape).astype("<f8").tobytes()
        for name, column in columns.items()
        if column is not None
    }
    return attrs.evolve(
        planes,
        dims=dims,
        time=spread.get("time"),
        exposure=spread.get("exposure"),
        x=spread.get("x"),
        y=spread.get("y"),
        start=planes.start,
    )


def _constant(count: int, value: float) -> bytes:
    return np.full(count, value, "<f8").tobytes()


# ---------------------------------------------------------------- coordinates


def describe_coordinates(axes: tuple[Axis, ...]) -> tuple[Coordinate, ...]:
    """Return wavelengths in nanometres, and rotation in the unit of the file."""
    coordinates = []
    for axis in axes:
        if axis.letter not in "LER":
            continue
        micrometres = micrometres_per(axis.unit)
        values: tuple[float, ...] = ()
        unit: str | None = axis.unit or None
        if axis.letter in "LE" and micrometres is not None:
            values, unit = axis.values(micrometres * 1000), "nm"
        elif axis.letter == "R":
            values = axis.values(1.0)
        if values:
            coordinates.append(Coordinate(axis.letter, values, unit))
    return tuple(coordinates)
