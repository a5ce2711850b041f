"""One frame of an image: its channels in their colours, in given or suggested contrast.

Rule kept here: always RGB. The frame is read at the smallest sufficient level; nothing is drawn on it.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np

from aicsio._dims import views
from aicsio.errors import DimensionError
from aicsio.pictures import colors, contrast, reading
from aicsio.pictures.colors import Picture
from aicsio.pictures.contrast import Limits
from aicsio.pictures.reading import Array, Report
from aicsio.records import ImageHandle, LazyArray
from aicsio.steps import transpose_to

Channels: TypeAlias = Sequence[int | str] | int | str | None

PROJECTIONS = ("max", "mean", "middle")
MOST_CHANNELS = 7
"""There are seven distinct sums of red, green and blue at full intensity."""
MOST_SECTIONS = 32
"""Sections of a stack that a projection reads, evenly spread: more would take seconds, and 32 show it."""


@attrs.frozen
class PictureFrame:
    """What a picture shows of an image."""

    size: int
    """Pixels of the longer side; smaller images keep their size."""
    project: str = "max"
    """One of ``PROJECTIONS``."""
    limits: tuple[Limits, ...] | None = None
    """Black and full colour of each channel; ``None`` to take them from the pixels of the frame."""
    whole_nbytes: int | None = None
    """Planes up to this size are read whole, of larger ones rows; ``None`` for 64 MiB."""


def pick_channels(handle: ImageHandle, channels: Channels) -> ImageHandle:
    """Return the handle with some channels, or the first seven; C stays an axis where there is one.

    Raises
    ------
    DimensionError
        When the image has fewer channels, or too many are requested.
    SceneError
        When no channel has the name.
    """
    count = handle.dims.get("C", 1)
    if channels is None:
        if count <= MOST_CHANNELS:
            return handle
        return transpose_to(handle, handle.dims.order, C=slice(0, MOST_CHANNELS))
    picked = [channels] if isinstance(channels, int | str) else list(channels)
    if not 0 < len(picked) <= MOST_CHANNELS:
        raise DimensionError(
            f"channels={channels!r}: give 1 to {MOST_CHANNELS} of {list(handle.channel_names)}"
        )
    if "C" not in handle.dims:
        # An image without C has one channel, which 0 and its name mean.
        if all(each in {0, -1, handle.channel_names[0]} for each in picked):
            return handle
        raise DimensionError(
            f"channels={channels!r}: the image has one, {handle.channel_names[0]!r}"
        )
    picks: Any = picked
    return transpose_to(handle, handle.dims.order, C=picks)


def requested_limits(
    handle: ImageHandle, requested: str | tuple[Any, Any]
) -> tuple[Limits, ...] | None:
    """Turn the contrast that a caller wrote into black and full colour of each channel.

    Parameters
    ----------
    handle
        With the channels that are drawn.
    requested
        ``"file"``: as the file shows each channel, where it has that; ``"full"``: all values of an
        integer type, of others from the least to the greatest finite value of some pixels; two
        numbers: the same for all channels.

    Returns
    -------
    tuple of tuple of float, or None
        ``None`` for ``"auto"`` and where the file has no contrast for some channel.

    Raises
    ------
    DimensionError
        When low is not below high, or one is infinite.
    """
    channels = handle.channels
    if requested == "auto":
        return None
    if requested == "file":
        windows = [channel.window for channel in channels if channel.window is not None]
        return tuple(windows) if len(windows) == len(channels) else None
    if requested == "full":
        return contrast.full_limits(handle)
    low, high = (float(limit) for limit in requested)
    if not -math.inf < low < high < math.inf:
        raise DimensionError(f"contrast={requested!r}: give the value of black, then a larger one")
    return ((low, high),) * len(channels)


def draw(handle: ImageHandle, frame: PictureFrame, report: Report | None = None) -> Picture:
    """Draw a frame.

    Parameters
    ----------
    handle
        With at most ``MOST_CHANNELS`` channels.
    frame
        What is shown.
    report
        Called with the number of bands read and their total.

    Returns
    -------
    numpy.ndarray
        uint8, shape (Y, X, 3).

    Raises
    ------
    DimensionError
        When the image has no pixels.
    """
    if 0 in handle.dims.shape:
        raise DimensionError(f"there are no pixels to draw: {handle.dims}")
    array = reading.select_level_for(handle, frame.size)
    palette = colors.palette_of(handle)
    count = array.dims.get("C", 1)
    planes: list[Array] = []
    for channel in range(count):
        share = share_of(report, channel, count)
        smooth = palette is None
        planes.append(_read_channel(array, channel, frame, smooth=smooth, report=share))
    if palette is not None:
        return colors.apply_palette(planes[0], palette)
    limits = frame.limits
    if limits is None or len(limits) != count:
        limits = tuple(map(contrast.limits_of_sample, planes))
    stretched = list(map(contrast.stretch, planes, limits))
    # Samples beyond red, green and blue are opacity.
    if stretched[0].ndim == 3:
        return colors.to_bytes(stretched[0][..., :3])
    if count == 1:
        # One channel is gray, whatever its colour: a screen shows more shades of gray than of blue.
        return np.repeat(colors.to_bytes(stretched[0])[..., None], 3, axis=2)
    return colors.blend(stretched, colors.choose_colors(handle.channels))


def share_of(report: Report | None, index: int, count: int) -> Report | None:
    """Turn the progress of one of ``count`` equal parts into that of all."""
    if report is None:
        return None

    def report_part(done: int, total: int) -> object:
        return report(index * total + done, count * total)

    return report_part


def _read_channel(
    array: LazyArray, channel: int, frame: PictureFrame, *, smooth: bool, report: Report | None
) -> Array:
    """Read one channel, projected along Z, at the size of the frame."""
    planes = _planes_of(array, channel, frame, smooth=smooth)
    projected: Array | None = None
    for index, plane in enumerate(planes):
        share = share_of(report, index, len(planes))
        pixels = reading.read_plane(
            plane, frame.size, smooth=smooth, report=share, whole_nbytes=frame.whole_nbytes
        )
        projected = _project(projected, pixels, frame.project, len(planes))
    assert projected is not None  # noqa: S101 - there is at least one section
    return projected


def planned_windows(handle: ImageHandle, frame: PictureFrame) -> Iterator[LazyArray]:
    """Yield the parts of the image that ``draw`` reads, one a call of the engine.

    Parameters
    ----------
    handle, frame
        As ``draw`` takes them.
    """
    array = reading.select_level_for(handle, frame.size)
    smooth = colors.palette_of(handle) is None
    for channel in range(array.dims.get("C", 1)):
        for plane in _planes_of(array, channel, frame, smooth=smooth):
            step = reading.sampling_step(
                plane, frame.size, smooth=smooth, whole_nbytes=frame.whole_nbytes
            )
            yield from reading.windows_of(plane, step)


def _planes_of(
    array: LazyArray, channel: int, frame: PictureFrame, *, smooth: bool
) -> list[LazyArray]:
    """Return the planes of a channel that are projected: one, or up to 32."""
    dims = array.dims
    drawn = reading.plane_letters(dims)
    picks: dict[str, Any] = {letter: 0 for letter in dims if letter not in drawn}
    if "C" in dims:
        picks["C"] = channel
    order = drawn
    # Gray and alpha are shown as gray.
    if dims.get("S", 1) > 2:
        order += "S"
        picks.pop("S")
    if "Z" not in picks:
        return [views.transpose(array, order, picks)]
    # The brightest of white tissue is white everywhere: pixels of colour are not projected.
    is_plain = smooth and "S" not in order
    planes = []
    for section in _sections(dims["Z"], frame.project if is_plain else "middle"):
        picks["Z"] = section
        planes.append(views.transpose(array, order, picks))
    return planes


def _sections(count: int, project: str) -> list[int]:
    if project == "middle":
        return [count // 2]
    shown = min(count, MOST_SECTIONS)
    # The middles of equal parts of the stack: three of 9 sections are 1, 4 and 7.
    return [(2 * k + 1) * count // (2 * shown) for k in range(shown)]


def _project(so_far: Array | None, pixels: Array, project: str, count: int) -> Array:
    """Add one more section to a projection."""
    if count == 1:
        return pixels
    if pixels.dtype.kind == "c":
        pixels = np.abs(pixels)
    if project == "mean":
        share = pixels.astype(np.float64) / count
        return share if so_far is None else so_far + share
    # fmax: a NaN of one section is not that of the projection.
    return pixels if so_far is None else np.fmax(so_far, pixels)
