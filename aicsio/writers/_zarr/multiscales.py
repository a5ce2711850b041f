"""The metadata of OME-Zarr: axes, transforms of levels, channels, plates, wells, labels.

Rule kept here: pure functions of values to JSON documents. A unit stands only where the size is
known; a scale without one is 1, as the specification requires a number.

The transform of a level. A pixel of level ``k`` is made of a square of ``2**k`` pixels, the first
of which is pixel ``2**k * i``; the physical coordinate of a pixel is that of its centre. So the
centre of pixel ``i`` is at ``2**k * i + (2**k - 1) / 2`` pixels of full resolution: the scale is
``2**k`` times that of level 0, the translation ``(2**k - 1) / 2`` times. Where a level has a single
pixel along an axis, it covers the whole axis, and the factor is its length. The ratio of sizes is
another number where a size is odd: 1001 columns make 501, and 1001 / 501 would put the last columns
one pixel away from their place.

Source of the facts: https://ngff.openmicroscopy.org/0.4/ and /0.5/; that coordinates are those of
pixel centres: https://github.com/ome/ngff/issues/89 and RFC-5 of NGFF.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from aicsio._ome.model import OmeImage
from aicsio.errors import WriteError
from aicsio.records import Channel
from aicsio.writers._zarr.arrays import ArrayPlan
from aicsio.writers._zarr.plan import ImagePlan

Json: TypeAlias = dict[str, Any]

_AXIS_TYPES = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}
_WHITE = 0xFFFFFFFF
_DEFAULT_COLORS = (0x0000FF, 0x00FF00, 0xFF0000, 0xFF00FF, 0x00FFFF, 0xFFFF00)
"""Of several channels without colours: blue, green, red, as stains are usually ordered."""
_RGB = (0xFF0000, 0x00FF00, 0x0000FF, 0xFFFFFF)
_WELL = re.compile(r"([A-Za-z]+)[/ -]?0*([0-9]+)")
_METHODS = {
    "mean": "mean of all pixels that a pixel covers, halves to even",
    "mode": "most frequent of two by two pixels, level by level",
    "nearest": "upper left pixel of those that a pixel covers",
}


@attrs.frozen
class Window:
    """Contrast of one channel."""

    low: float
    """Smallest value that pixels can have, or do."""
    high: float
    """Largest value that pixels can have, or do."""
    start: float
    """Value shown as black."""
    end: float
    """Value shown as full colour."""


def factor_of(level: int, full: int, size: int) -> int:
    """Return how many pixels of full resolution a pixel of a level covers along an axis."""
    return full if size == 1 else 1 << level


def image_attributes(
    plan: ImagePlan,
    image: OmeImage,
    windows: Sequence[Window | None],
    version: str,
    *,
    is_rgb: bool = False,
) -> Json:
    """Return the attributes of an image group.

    Parameters
    ----------
    plan
        The image.
    image
        Its metadata; channels count samples.
    windows
        Contrast of each channel; ``None`` for an image of labels.
    version
        Version of OME-Zarr.
    is_rgb
        Whether the channels were samples of a pixel.
    """
    scales = _scales(plan, image)
    datasets = [
        {
            "path": level.path.rpartition("/")[2],
            "coordinateTransformations": _transforms(number, plan.levels[0], level, scales),
        }
        for number, level in enumerate(plan.levels)
    ]
    multiscale: Json = {
        "name": image.name,
        "axes": [_axis(letter, image) for letter in plan.array.dims],
        "datasets": datasets,
    }
    if len(plan.levels) > 1:
        multiscale["type"] = plan.pooling
        multiscale["metadata"] = {"description": _METHODS[plan.pooling], "method": "aicsio"}
    attributes: Json = {"multiscales": [multiscale]}
    if windows:
        attributes["omero"] = {
            "name": image.name,
            "channels": _omero_channels(image.channels, windows, is_rgb=is_rgb),
            "rdefs": _default_position(plan),
        }
    return with_version(attributes, version, ("multiscales",))


def with_version(attributes: Json, version: str, versioned: Sequence[str] = ()) -> Json:
    """Return attributes as a version places them: 0.5 under ``ome``, 0.4 at the top."""
    if version != "0.4":
        return {"ome": {"version": version, **attributes}}
    placed = dict(attributes)
    for name in versioned:
        value = placed[name]
        if isinstance(value, list):
            placed[name] = [{"version": version, **item} for item in value]
        else:
            placed[name] = {"version": version, **value}
    return placed


# ---------------------------------------------------------------- axes and transforms


def _axis(letter: str, image: OmeImage) -> Json:
    axis: Json = {"name": letter.lower(), "type": _AXIS_TYPES[letter]}
    if letter == "T" and image.time_step is not None:
        axis["unit"] = "second"
    if letter in "ZYX" and getattr(image.pixel_size, letter) is not None:
        axis["unit"] = "micrometer"
    return axis


def _scales(plan: ImagePlan, image: OmeImage) -> list[float]:
    """Return the distance between pixels of full resolution, per axis."""
    known: Mapping[str, float | None] = {
        "T": image.time_step,
        "Z": image.pixel_size.Z,
        "Y": image.pixel_size.Y,
        "X": image.pixel_size.X,
    }
    return [known.get(letter) or 1.0 for letter in plan.array.dims]


def _transforms(
    number: int, full: ArrayPlan, level: ArrayPlan, scales: Sequence[float]
) -> list[Json]:
    factors = [
        factor_of(number, whole, size) if letter in "YX" else 1
        for letter, whole, size in zip(full.letters, full.shape, level.shape, strict=True)
    ]
    scale = [spacing * factor for spacing, factor in zip(scales, factors, strict=True)]
    transforms: list[Json] = [{"type": "scale", "scale": scale}]
    if number:
        shift = [
            spacing * (factor - 1) / 2 for spacing, factor in zip(scales, factors, strict=True)
        ]
        transforms.append({"type": "translation", "translation": shift})
    return transforms


# ---------------------------------------------------------------- channels


def _omero_channels(
    channels: Sequence[Channel], windows: Sequence[Window | None], *, is_rgb: bool
) -> list[Json]:
    described = []
    for number, (channel, window) in enumerate(zip(channels, windows, strict=True)):
        name = channel.name or f"Channel:{number}"
        if is_rgb:
            name = ("Red", "Green", "Blue", "Alpha")[number] if number < 4 else name
        entry: Json = {
            "label": name,
            "color": f"{_color(channel, number, len(channels), is_rgb=is_rgb):06X}",
            "active": True,
            "coefficient": 1,
            "family": "linear",
            "inverted": False,
        }
        if window is not None:
            entry["window"] = {
                "min": window.low,
                "max": window.high,
                "start": window.start,
                "end": window.end,
            }
        described.append(entry)
    return described


def _color(channel: Channel, number: int, count: int, *, is_rgb: bool) -> int:
    """Return 0xRRGGBB."""
    if is_rgb:
        return _RGB[min(number, 3)]
    if channel.color is not None:
        return channel.color >> 8
    if count == 1:
        return _WHITE >> 8
    return _DEFAULT_COLORS[number % len(_DEFAULT_COLORS)]


def _default_position(plan: ImagePlan) -> Json:
    dims = plan.array.dims
    model = "color" if dims.get("C", 1) > 1 else "greyscale"
    return {"defaultT": 0, "defaultZ": dims.get("Z", 1) // 2, "model": model}


# ---------------------------------------------------------------- labels, plates, series


def label_attributes(attributes: Json, version: str) -> Json:
    """Add to the attributes of an image that it labels the image two groups above."""
    label = {"source": {"image": "../../"}}
    if version == "0.4":
        return {**attributes, "image-label": {"version": version, **label}}
    return {"ome": {**attributes["ome"], "image-label": label}}


@attrs.frozen
class Plate:
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

    def attributes(self, version: str, name: str) -> Json:
        """Return the attributes of the plate."""
        rows = sorted({row for row, _, _ in self.wells}, key=lambda row: (len(row), row))
        columns = sorted({column for _, column, _ in self.wells}, key=int)
        wells = [
            {
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
        return with_version({"plate": plate}, version, ("plate",))

    def well_attributes(self, images: tuple[int, ...], version: str) -> Json:
        """Return the attributes of a well."""
        fields = [{"path": str(field)} for field in range(len(images))]
        return with_version({"well": {"images": fields}}, version, ("well",))


def parse_plate(
    plate: Mapping[str, int | Sequence[int]] | Sequence[str], image_count: int
) -> Plate:
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
    wells = sorted(
        images_of.items(), key=lambda item: (len(item[0][0]), item[0][0], int(item[0][1]))
    )
    return Plate(tuple((row, column, tuple(images)) for (row, column), images in wells))


def _parse_well(name: str) -> tuple[str, str]:
    match = _WELL.fullmatch(name.strip())
    if match is None:
        raise WriteError(f"plate: {name!r} is no name of a well, such as 'A1' or 'B12'")
    return match[1].upper(), match[2]
