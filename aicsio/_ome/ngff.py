"""OME-Zarr metadata of an image as JSON: axes, transforms of levels, channels.

Rule kept here: pure functions of records. A unit stands only where a size is known; the scale of an
axis without one is 1, because the specification requires a number.

A coordinate is that of the centre of a pixel, counted from the centre of the first pixel of full
resolution. A pixel of a level that covers ``f`` pixels of full resolution lies in their middle, so
the first one has the coordinate ``(f - 1) / 2`` times the distance between pixels.

Source of the facts: https://ngff.openmicroscopy.org/0.4/ and /0.5/, sections "multiscales" and
"omero"; that coordinates are those of pixel centres: https://github.com/ome/ngff/issues/89 and
RFC-5 of NGFF.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np

from aicsio.records import Channel, Dims, DType, PixelSize

Json: TypeAlias = dict[str, Any]

AXIS_TYPES: Mapping[str, str] = {
    "T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"
}  # fmt: skip
"""Type of each axis that versions 0.4 and 0.5 have, in the order that they require."""
_COLORS = (0x0000FF, 0x00FF00, 0xFF0000, 0xFF00FF, 0x00FFFF, 0xFFFF00)
"""0xRRGGBB of several channels without colours: blue, green, red, as stains are usually ordered."""
_WHITE = 0xFFFFFF
_SAMPLES = (("Red", 0xFF0000), ("Green", 0x00FF00), ("Blue", 0x0000FF), ("Alpha", _WHITE))


@attrs.frozen
class ContrastWindow:
    """Contrast of one channel."""

    low: float = attrs.field(converter=float)
    """Smallest value that pixels can have, or do."""
    high: float = attrs.field(converter=float)
    """Largest value that pixels can have, or do."""
    start: float = attrs.field(converter=float)
    """Value shown as black."""
    end: float = attrs.field(converter=float)
    """Value shown as full colour."""

    @classmethod
    def of_type(cls, dtype: DType) -> "ContrastWindow":
        """Make the window over all values of an integer type; 0 to 1 for all other types.

        Examples
        --------
        >>> import numpy as np
        >>> from aicsio._ome.ngff import ContrastWindow
        >>> ContrastWindow.of_type(np.dtype("uint8"))
        ContrastWindow(low=0.0, high=255.0, start=0.0, end=255.0)
        """
        if dtype.kind not in "iu":
            return cls(0, 1, 0, 1)
        limits = np.iinfo(dtype)
        return cls(limits.min, limits.max, limits.min, limits.max)


@attrs.frozen
class AxisTransform:
    """Coordinates of the pixels along one axis: ``translation + scale * index``."""

    scale: float = attrs.field(converter=float)
    """Distance between pixels."""
    translation: float = attrs.field(default=0.0, converter=float)
    """Coordinate of the centre of the first pixel."""

    @classmethod
    def of_level(
        cls, spacing: float, factor: float, start: int = 0, step: int = 1
    ) -> "AxisTransform":
        """Make the transform of one axis of a level.

        Parameters
        ----------
        spacing
            Distance between pixels of full resolution.
        factor
            Pixels of full resolution that one of the level covers; 1 at full resolution.
        start
            First position of the level that is shown.
        step
            Positions from one that is shown to the next.

        Returns
        -------
        AxisTransform
            In the unit of ``spacing``.

        Examples
        --------
        >>> from aicsio._ome.ngff import AxisTransform
        >>> AxisTransform.of_level(0.5, 2.0)
        AxisTransform(scale=1.0, translation=0.25)
        """
        # Centres lie half a pixel of their own level behind the edge, which all levels share.
        return cls(spacing * factor * step, spacing * ((start + 0.5) * factor - 0.5))


def axes(letters: str, pixel_size: PixelSize, time_step: float | None) -> list[Json]:
    """Return the ``axes`` of a multiscale: names, types, and the units of known sizes.

    Parameters
    ----------
    letters
        Letters of the arrays, some of TCZYX in this order.
    pixel_size
        Micrometres; a size of ``None`` has no unit.
    time_step
        Seconds, or ``None``.

    Returns
    -------
    list of dict
        One entry per letter.

    Examples
    --------
    >>> from aicsio import PixelSize
    >>> from aicsio._ome.ngff import axes
    >>> axes("CX", PixelSize(X=0.5), None)
    [{'name': 'c', 'type': 'channel'}, {'name': 'x', 'type': 'space', 'unit': 'micrometer'}]
    """
    units = {"T": "second", "Z": "micrometer", "Y": "micrometer", "X": "micrometer"}
    known = known_spacings(pixel_size, time_step)
    entries = []
    for letter in letters:
        entry: Json = {"name": letter.lower(), "type": AXIS_TYPES[letter]}
        if letter in known:
            entry["unit"] = units[letter]
        entries.append(entry)
    return entries


def known_spacings(pixel_size: PixelSize, time_step: float | None) -> dict[str, float]:
    """Return the distance between pixels by letter: micrometres, and seconds along T.

    A size that is missing or 0 has no entry: a scale of 0 would put all pixels on one place.
    """
    sizes = {"T": time_step, "Z": pixel_size.Z, "Y": pixel_size.Y, "X": pixel_size.X}
    return {letter: size for letter, size in sizes.items() if size}


def transformations(transforms: Sequence[AxisTransform]) -> list[Json]:
    """Return the ``coordinateTransformations`` of one level, from one transform per axis.

    Returns
    -------
    list of dict
        A scale, then a translation unless that is 0 along all axes.

    Examples
    --------
    >>> from aicsio._ome.ngff import AxisTransform, transformations
    >>> transformations([AxisTransform(1.0), AxisTransform(0.5)])
    [{'type': 'scale', 'scale': [1.0, 0.5]}]
    """
    scale = [transform.scale for transform in transforms]
    translation = [transform.translation for transform in transforms]
    entries: list[Json] = [{"type": "scale", "scale": scale}]
    if any(translation):
        entries.append({"type": "translation", "translation": translation})
    return entries


def multiscale(
    name: str, image_axes: list[Json], levels: Mapping[str, Sequence[AxisTransform]]
) -> Json:
    """Return one entry of ``multiscales``.

    Parameters
    ----------
    name
        Name of the image.
    image_axes
        As ``axes`` returns them.
    levels
        By the path of the level's array, full resolution first: one transform per axis.

    Returns
    -------
    dict
        To be put into the attributes of a group by ``place_attributes``.
    """
    datasets = [
        {"path": path, "coordinateTransformations": transformations(transforms)}
        for path, transforms in levels.items()
    ]
    return {"name": name, "axes": image_axes, "datasets": datasets}


def omero(
    name: str,
    dims: Dims,
    channels: Sequence[Channel],
    windows: Sequence[ContrastWindow],
    *,
    is_rgb: bool = False,
) -> Json:
    """Return the ``omero`` metadata: how viewers show the channels.

    Parameters
    ----------
    name
        Name of the image.
    dims
        Letters and sizes of full resolution.
    channels
        One per position of C.
    windows
        Contrast of each channel: versions 0.4 and 0.5 require one.
    is_rgb
        Whether the channels are the samples of an RGB or RGBA pixel.

    Returns
    -------
    dict
        Names, colours (those of the file, white for a single channel without one) and windows.
    """
    entries = []
    for index, (channel, window) in enumerate(zip(channels, windows, strict=True)):
        label, color = _appearance(channel, index, len(channels), is_rgb=is_rgb)
        shown: Json = {
            "min": window.low,
            "max": window.high,
            "start": window.start,
            "end": window.end,
        }
        entries.append(
            {
                "label": label,
                "color": f"{color:06X}",
                "active": True,
                "coefficient": 1,
                "family": "linear",
                "inverted": False,
                "window": shown,
            }
        )
    position = {
        "defaultT": 0,
        "defaultZ": dims.get("Z", 1) // 2,
        "model": "color" if len(channels) > 1 else "greyscale",
    }
    return {"name": name, "channels": entries, "rdefs": position}


def _appearance(channel: Channel, index: int, count: int, *, is_rgb: bool) -> tuple[str, int]:
    """Return the name and the 0xRRGGBB of a channel."""
    if is_rgb and index < len(_SAMPLES):
        return _SAMPLES[index]
    name = channel.name or f"Channel:{index}"
    if channel.color is not None:
        return name, channel.color >> 8  # without its alpha
    return name, _WHITE if count == 1 else _COLORS[index % len(_COLORS)]


def place_attributes(attributes: Json, version: str) -> Json:
    """Return the attributes of a group as a version places them.

    Parameters
    ----------
    attributes
        Such as ``{"multiscales": [...], "omero": {...}}``.
    version
        ``"0.5"`` puts all under ``ome`` with one version. ``"0.4"`` leaves them at the top, with
        the version in each multiscale, plate, well and image-label.

    Returns
    -------
    dict
        The attributes; the argument is not changed.

    Examples
    --------
    >>> from aicsio._ome.ngff import place_attributes
    >>> place_attributes({"labels": ["nuclei"]}, "0.5")
    {'ome': {'version': '0.5', 'labels': ['nuclei']}}
    """
    if version != "0.4":
        return {"ome": {"version": version, **attributes}}
    placed = dict(attributes)
    for name in ("plate", "well", "image-label"):
        if name in placed:
            placed[name] = {"version": version, **placed[name]}
    if "multiscales" in placed:
        placed["multiscales"] = [
            {"version": version, **multiscale} for multiscale in placed["multiscales"]
        ]
    return placed
