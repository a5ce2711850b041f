"""What the caller says of the images, in place of what the source does.

Rule kept here: pure functions of values. What cannot be written as it is given raises: an argument is not dropped.
"""

import datetime as dt
import re
from collections.abc import Sequence

import attrs

from aicsio._ome.document import parse_ome
from aicsio._ome.model import OmeImage
from aicsio.errors import CorruptFileError, DimensionError, WriteError
from aicsio.records import Channel, Dims, PixelSize, Planes
from aicsio.writers._metadata import ome_xml

Color = str | int | None


@attrs.frozen
class Given:
    """Arguments of ``write_ome_tiff`` that are about metadata; ``None`` for what the source says."""

    scene_names: tuple[str, ...] | None = None
    """Names, one for each image."""
    channel_names: tuple[str, ...] | None = None
    """Names, one for each channel."""
    channel_colors: tuple[int | None, ...] | None = None
    """0xRRGGBBAA, one for each channel."""
    pixel_size: PixelSize | None = None
    """Micrometres of the pixels that are written."""
    time_step: float | None = None
    """Seconds between the positions of T that are written."""
    acquired: str | None = None
    """Date and time, ISO 8601."""
    description: str | None = None
    """A text about each image."""
    ome: str | None = None
    """A whole document, schema 2016-06 or before."""
    images: tuple[OmeImage, ...] = ()
    """What the document says."""
    original_metadata: bool = False
    """Whether to keep the text of sources that are no OME-TIFF."""


def given(
    *,
    scenes: int,
    scene_names: str | Sequence[str] | None = None,
    channel_names: Sequence[str] | None = None,
    channel_colors: Sequence[Color] | None = None,
    pixel_size: PixelSize | None = None,
    time_step: float | None = None,
    acquired: str | dt.datetime | None = None,
    description: str | None = None,
    ome: object = None,
    original_metadata: bool = False,
) -> Given:
    """Check the arguments and bring each into one form; ``scenes`` is the number of images.

    Raises
    ------
    WriteError
        For what cannot be written as it is given.
    """
    names = [scene_names] if isinstance(scene_names, str) else scene_names
    if names is not None and len(names) != scenes:
        raise WriteError(f"{len(names)} scene names {list(names)} for {scenes} scenes")
    if isinstance(channel_names, str):
        channel_names = [channel_names]
    if isinstance(channel_colors, str):
        channel_colors = [channel_colors]
    text = None if ome is None else ome if isinstance(ome, str) else _text_of(ome)
    return Given(
        scene_names=None if names is None else tuple(names),
        channel_names=None if channel_names is None else tuple(channel_names),
        channel_colors=None if channel_colors is None else tuple(map(_color, channel_colors)),
        pixel_size=None if pixel_size is None else _checked_size(pixel_size),
        time_step=None if time_step is None else _checked_step(time_step),
        acquired=None if acquired is None else _checked_date(acquired),
        description=description,
        ome=text,
        images=() if text is None else _images(text, scenes),
        original_metadata=original_metadata,
    )


def _text_of(ome: object) -> str:
    to_xml = getattr(ome, "to_xml", None)
    if to_xml is None:
        raise WriteError(
            f"ome= takes an ome_types.OME or the text of an OME-XML, not a {type(ome).__name__}"
        )
    return str(to_xml())


def _images(text: str, scenes: int) -> tuple[OmeImage, ...]:
    try:
        images = parse_ome(text).images
    except CorruptFileError as error:
        raise WriteError(f"ome= is no OME-XML: {error}") from error
    if len(images) != scenes:
        raise WriteError(
            f"ome= describes {len(images)} images, and {scenes} are written: give one Image for each"
        )
    return images


def _color(color: Color) -> int | None:
    """Return 0xRRGGBBAA."""
    if isinstance(color, int) and 0 <= color < 1 << 32:
        return color
    if isinstance(color, str) and re.fullmatch("#([0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})", color):
        return int(color[1:].ljust(8, "f"), 16)
    if color is None:
        return None
    raise WriteError(
        f"channel_colors: {color!r} is none; give '#RRGGBB', '#RRGGBBAA', 0xRRGGBBAA or None"
    )


def _checked_size(size: PixelSize) -> PixelSize:
    for letter, value in zip("ZYX", size, strict=True):
        if value is not None and not (value > 0 and ome_xml.is_float(value)):
            raise WriteError(
                f"pixel_size: {letter}={value!r} is not a positive number of micrometres, nor None"
            )
    return size


def _checked_step(step: float) -> float:
    if step > 0 and ome_xml.is_float(step):
        return step
    raise WriteError(f"time_step={step!r} is not a positive number of seconds")


def _checked_date(date: str | dt.datetime) -> str:
    text = date.isoformat() if isinstance(date, dt.datetime) else date
    legal = ome_xml.date_time(text)
    if legal is None:
        raise WriteError(
            f"acquired={text!r} is no date and time of ISO 8601, such as '2026-01-31T12:00:00Z'"
        )
    return legal


# ---------------------------------------------------------------- on an image


def replaced(image: OmeImage, said: Given, index: int) -> OmeImage:
    """Say of an image what the caller says of it.

    Parameters
    ----------
    image
        What the source says.
    said
        What the caller says.
    index
        Which of the images that are written.

    Raises
    ------
    DimensionError
        When there are not as many names or colours as channels.
    WriteError
        When the document of the caller describes an image of another size.
    """
    if said.images:
        image = _as_in(image, said.images[index])
    channels = _named(image.channels, said.channel_names, said.channel_colors, image.name)
    return attrs.evolve(
        image,
        name=image.name if said.scene_names is None else said.scene_names[index],
        channels=channels,
        pixel_size=said.pixel_size or image.pixel_size,
        time_step=said.time_step or image.time_step,
        acquired=said.acquired or image.acquired,
        description=said.description or image.description,
    )


def _named(
    channels: tuple[Channel, ...],
    names: Sequence[str] | None,
    colors: Sequence[int | None] | None,
    scene: str | None,
) -> tuple[Channel, ...]:
    for what, values in (("names", names), ("colors", colors)):
        if values is not None and len(values) != len(channels):
            raise DimensionError(
                f"{len(values)} channel {what} {list(values)} for {len(channels)} channels of {scene!r}"
            )
    if names is not None:
        channels = tuple(
            attrs.evolve(channel, name=name) for channel, name in zip(channels, names, strict=True)
        )
    if colors is not None:
        channels = tuple(
            attrs.evolve(channel, color=color)
            for channel, color in zip(channels, colors, strict=True)
        )
    return channels


def _as_in(image: OmeImage, other: OmeImage) -> OmeImage:
    """Say of an image what a document does; where its planes are stays."""
    wrong = [letter for letter in image.sizes if other.sizes.get(letter, 0) != image.sizes[letter]]
    if wrong:
        there, here = (", ".join(f"{c}={one.sizes[c]}" for c in wrong) for one in (other, image))
        raise WriteError(f"ome= says {there} of image {other.name!r}, and {here} is written")
    if len(other.channels) not in {0, len(image.channels)}:
        raise WriteError(
            f"ome= gives {len(other.channels)} Channel elements to image {other.name!r}, which has "
            f"{len(image.channels)} channels"
        )
    samples = image.channels[0].samples
    channels = tuple(attrs.evolve(channel, samples=samples) for channel in other.channels)
    return attrs.evolve(
        image,
        name=other.name or image.name,
        channels=channels or tuple(Channel(samples=samples) for _ in image.channels),
        pixel_size=other.pixel_size,
        time_step=other.time_step,
        acquired=other.acquired,
        objective=other.objective,
        planes=_reordered(other.planes, image),
        description=other.description,
    )


def _reordered(planes: Planes | None, image: OmeImage) -> Planes | None:
    """Put columns into the order of the planes of an image."""
    wanted = image.order[:3]
    if planes is None or len(image.channels) != planes.dims.C:
        return None
    axes = [planes.dims.order.index(letter) for letter in wanted]
    columns = {
        name: column.transpose(axes).astype("<f8").tobytes()
        for name in ("time", "exposure", "x", "y", "z")
        if (column := planes.column(name)) is not None
    }
    return Planes(Dims(wanted, planes.dims[tuple(wanted)]), **columns)
