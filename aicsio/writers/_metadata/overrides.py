"""Metadata that the caller gives, in place of the source's.

Rule kept here: pure functions of values. A value that cannot be written as it is given raises: an
argument is never dropped.
"""

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

import attrs

from aicsio._checks.words import count_of
from aicsio._ome import lexical
from aicsio._ome.document import parse_ome
from aicsio._ome.model import PLANE_COLUMNS, OmeImage
from aicsio.errors import CorruptFileError, DimensionError, WriteError
from aicsio.records import Channel, Dims, PixelSize, Planes
from aicsio.writers.options import ColorValue, SharedOptions

_MAX_COLOR = (1 << 32) - 1
_HEX_COLOR = re.compile("#([0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})")


@attrs.frozen
class MetadataOverrides:
    """The options about metadata, in one form; ``None`` keeps the source's value."""

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
    """A whole document, schema 2016-06 or earlier."""
    images: tuple[OmeImage, ...] = ()
    """The images of that document."""
    original_metadata: bool = False
    """Whether to keep the text of sources that are not OME-TIFF."""


def parse_overrides(options: SharedOptions, *, scene_count: int) -> MetadataOverrides:
    """Check the options about metadata and bring each into one form.

    Raises
    ------
    WriteError
        When a value cannot be written as it is given.
    """
    scene_names = _as_tuple(options["scene_names"])
    if scene_names is not None and len(scene_names) != scene_count:
        raise WriteError(
            f"{count_of(len(scene_names), 'scene name')} {list(scene_names)} for "
            f"{count_of(scene_count, 'scene')}"
        )
    colors = _as_tuple(options["channel_colors"])
    document = _document_text(options["ome"])
    return MetadataOverrides(
        scene_names=scene_names,
        channel_names=_as_tuple(options["channel_names"]),
        channel_colors=None if colors is None else tuple(map(_parse_color, colors)),
        pixel_size=_check_size(options["pixel_size"]),
        time_step=_check_step(options["time_step"]),
        acquired=_parse_date(options["acquired"]),
        description=options["description"],
        ome=document,
        images=_parse_document(document, scene_count),
        original_metadata=options["original_metadata"],
    )


def _as_tuple(values: Any) -> tuple[Any, ...] | None:
    """Return a tuple; one text stands for a list of one."""
    if values is None:
        return None
    return (values,) if isinstance(values, str) else tuple(values)


def _document_text(ome: object) -> str | None:
    if ome is None or isinstance(ome, str):
        return ome
    # By its method: whoever has an OME has imported ome_types, so this module need not.
    to_xml = getattr(ome, "to_xml", None)
    if to_xml is None:
        raise WriteError(
            f"ome= takes an ome_types.OME or the text of an OME-XML, not a {type(ome).__name__}"
        )
    return str(to_xml())


def _parse_document(text: str | None, scene_count: int) -> tuple[OmeImage, ...]:
    if text is None:
        return ()
    try:
        images = parse_ome(text).images
    except CorruptFileError as error:
        raise WriteError(f"ome= is no OME-XML: {error}") from error
    if len(images) != scene_count:
        raise WriteError(
            f"ome= describes {count_of(len(images), 'image')}, and {scene_count} are written: give one Image "
            "for each"
        )
    return images


def _parse_color(color: ColorValue) -> int | None:
    """Return 0xRRGGBBAA."""
    if color is None:
        return None
    if isinstance(color, int) and 0 <= color <= _MAX_COLOR:
        return color
    if isinstance(color, str) and _HEX_COLOR.fullmatch(color):
        return int(color[1:].ljust(8, "f"), 16)  # opaque without an alpha
    raise WriteError(
        f"channel_colors: {color!r} is no colour; give '#RRGGBB', '#RRGGBBAA', 0xRRGGBBAA or None"
    )


def _check_size(size: PixelSize | None) -> PixelSize | None:
    if size is None:
        return None
    checked: dict[str, float | None] = {}
    for letter, value in zip("ZYX", size, strict=True):
        checked[letter] = None
        if value is None:
            continue
        # OME's PhysicalSize is a PositiveFloat of 32 bits.
        if not lexical.is_float(value):
            raise WriteError(
                f"pixel_size: {letter}={value!r} micrometres is no 32-bit number, as OME-XML has it"
            )
        checked[letter] = float(value)
    return PixelSize(**checked)


def _check_step(step: float | None) -> float | None:
    if step is None or (step > 0 and lexical.is_float(step)):
        return step
    raise WriteError(f"time_step={step!r} is not a positive number of seconds")


def _parse_date(date: object) -> str | None:
    if date is None:
        return None
    # The schema's dateTime is stricter than ISO 8601: no week dates, and a time is required.
    text = date.isoformat() if isinstance(date, dt.datetime) else str(date)
    legal = lexical.to_date_time(text)
    if legal is None:
        raise WriteError(
            f"acquired={text!r} is no date and time of ISO 8601, such as '2026-01-31T12:00:00Z'"
        )
    return legal


# ---------------------------------------------------------------- on an image


def apply_overrides(image: OmeImage, overrides: MetadataOverrides, index: int) -> OmeImage:
    """Replace the source's metadata of an image by the caller's.

    Parameters
    ----------
    image
        The image as the source describes it.
    overrides
        The caller's metadata.
    index
        Position among the images that are written.

    Raises
    ------
    DimensionError
        When there are not as many names or colours as channels.
    WriteError
        When the document of the caller describes an image of another size.
    """
    # The single options override the document, so they are applied after it.
    if overrides.images:
        image = _described_by(image, overrides.images[index])
    channels = image.channels
    if overrides.channel_names is not None:
        _check_count("name", overrides.channel_names, image)
        channels = tuple(map(_with_name, channels, overrides.channel_names))
    if overrides.channel_colors is not None:
        _check_count("color", overrides.channel_colors, image)
        channels = tuple(map(_with_color, channels, overrides.channel_colors))
    return attrs.evolve(
        image,
        name=image.name if overrides.scene_names is None else overrides.scene_names[index],
        channels=channels,
        pixel_size=overrides.pixel_size or image.pixel_size,
        time_step=overrides.time_step or image.time_step,
        acquired=overrides.acquired or image.acquired,
        description=overrides.description or image.description,
    )


def _check_count(noun: str, values: Sequence[object], image: OmeImage) -> None:
    if len(values) != len(image.channels):
        raise DimensionError(
            f"{count_of(len(values), f'channel {noun}')} {list(values)} for "
            f"{count_of(len(image.channels), 'channel')} of "
            f"{image.name!r}"
        )


def _with_name(channel: Channel, name: str) -> Channel:
    return attrs.evolve(channel, name=name)


def _with_color(channel: Channel, color: int | None) -> Channel:
    return attrs.evolve(channel, color=color)


def _described_by(image: OmeImage, document: OmeImage) -> OmeImage:
    """Describe an image as the caller's document does; the places of its planes stay."""
    differing = [
        letter for letter, size in image.sizes.items() if document.sizes.get(letter, 0) != size
    ]
    if differing:
        described = ", ".join(f"{letter}={document.sizes[letter]}" for letter in differing)
        written = ", ".join(f"{letter}={image.sizes[letter]}" for letter in differing)
        raise WriteError(
            f"ome= gives image {document.name!r} {described}, and {written} is written"
        )
    # Channel elements are optional in the schema: none means nothing is known of the channels.
    if len(document.channels) not in {0, len(image.channels)}:
        raise WriteError(
            f"ome= gives {len(document.channels)} Channel elements to image {document.name!r}, "
            "which has "
            f"{count_of(len(image.channels), 'channel')}"
        )
    # How samples are stored follows from the pixels, whatever the document states.
    samples = image.channels[0].samples
    channels = document.channels or (Channel(),) * len(image.channels)
    return attrs.evolve(
        image,
        name=document.name or image.name,
        channels=tuple(attrs.evolve(channel, samples=samples) for channel in channels),
        pixel_size=document.pixel_size,
        time_step=document.time_step,
        acquired=document.acquired,
        objective=document.objective,
        planes=_reorder(document.planes, image),
        description=document.description,
    )


def _reorder(planes: Planes | None, image: OmeImage) -> Planes | None:
    """Put the columns of a document into the order of the planes of an image."""
    order = image.order[:3]
    # A document may count samples as channels; its planes then have no place here.
    if planes is None or len(image.channels) != planes.dims.C:
        return None
    axes = [planes.dims.order.index(letter) for letter in order]
    columns: dict[str, bytes] = {}
    for name in PLANE_COLUMNS:
        column = planes.column(name)
        if column is not None:
            columns[name] = column.transpose(axes).astype("<f8").tobytes()
    return Planes(Dims(order, planes.dims[tuple(order)]), **columns, start=planes.start)
