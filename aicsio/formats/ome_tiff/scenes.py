"""``OmeImage`` and levels -> ``Scene``: names, channels, folded dimensions.

Rule kept here: pure functions of records. Records of channels are as many as the array has
channels; a folded dimension gets an axis of its own only if the sizes of all levels allow it.
"""

from collections.abc import Sequence

import attrs

from aicsio._dims.samples import fold_samples
from aicsio._ome.model import Modulo, OmeImage
from aicsio.formats._tiff.page import PageStructure
from aicsio.formats._tiff.plane_map import length_of
from aicsio.formats._tiff.tags import Photometric
from aicsio.formats.ome_tiff.bin_data import TYPES
from aicsio.formats.ome_tiff.planes import PlaneTable, declared_samples
from aicsio.records import Channel, Coordinate, Diagnostic, Dims, LazyArray, Planes, Scene, View
from aicsio.records.protocols import Unfoldable, offered


def make_scene(
    image: OmeImage,
    levels: tuple[LazyArray, ...],
    fallback_name: str,
    color_map: bytes | None = None,
) -> Scene:
    """Make the scene of an image.

    Parameters
    ----------
    image
        Its metadata.
    levels
        Its pixels; none if they are missing.
    fallback_name
        Name of the scene if neither the image nor a well has one.
    color_map
        Palette of indexed pixels.
    """
    channels = _match_channels(image, levels)
    coordinates: tuple[Coordinate, ...] = ()
    planes = image.planes
    for modulo in image.modulo:
        unfolded = [unfold(level, modulo) for level in levels]
        # All levels or none: a level with other axes would be another image.
        if not levels or None in unfolded:
            continue
        levels = tuple(level for level in unfolded if level is not None)
        if modulo.values is not None:
            coordinates += (modulo.values,)
        # Each channel has one record for all positions that are folded into it.
        if modulo.along == "C":
            channels = channels[:: modulo.size]
        planes = None if planes is None else _unfold_planes(planes, modulo)
    return Scene(
        name=image.label or fallback_name,
        levels=levels,
        channels=channels,
        pixel_size=image.pixel_size,
        time_step=image.time_step,
        acquired=image.acquired,
        objective=image.objective,
        planes=planes,
        coordinates=coordinates,
        color_map=color_map,
        well=image.well,
    )


def compare_with_pages(image: OmeImage, kind: PageStructure) -> list[Diagnostic]:
    """Report sizes and types of the XML that contradict those of the pages, which decide."""
    diagnostics = []
    # Pixels can only be decoded by the tags of their page.
    written = image.sizes.shape[-2:]  # every DimensionOrder ends with YX
    if written != (kind.length, kind.width):
        message = (
            f"SizeY x SizeX are {written[0]} x {written[1]}, "
            f"the pages have {kind.length} x {kind.width}: the pages decide"
        )
        diagnostics.append(Diagnostic("ome-size-differs", message, image.name))
    type_name = TYPES.get((image.pixel_type or "").lower())
    # Names without a byte order: 0.4 microseconds, types in one order 2.
    if type_name is not None and kind.is_decodable and kind.dtype.str[1:] != type_name:
        dtype = kind.dtype.newbyteorder("=")
        message = f"Type is {image.pixel_type}, the pages have {dtype}: the pages decide"
        diagnostics.append(Diagnostic("ome-type-differs", message, image.name))
    return diagnostics


# ---------------------------------------------------------------- channels


def _match_channels(image: OmeImage, levels: Sequence[LazyArray]) -> tuple[Channel, ...]:
    """Return one record for each channel of the array, with the samples of the array."""
    if not levels or not image.channels:
        return image.channels
    count, samples = length_of(levels[0], "C", 1), length_of(levels[0], "S", 1)
    channels = [
        channel if channel.samples == samples else attrs.evolve(channel, samples=samples)
        for channel in image.channels[:count]
    ]
    if len(channels) < count:
        channels += [Channel(samples=samples)] * (count - len(channels))
    return tuple(channels)


def channels_are_samples(image: OmeImage, table: PlaneTable) -> bool:
    """Return whether the XML declares the samples of pixels as channels of one sample each."""
    kind = table.kind
    if kind is None or kind.samples < 2:
        return False
    count = dict(zip(table.letters, table.shape, strict=True))["C"] * kind.samples
    if count != image.sizes.C or declared_samples(image) != [1] * count:
        return False
    # Samples of colour pictures are R, G, B: only names of their own make them channels.
    names = {channel.name for channel in image.channels}
    is_color = kind.photometric in {Photometric.RGB, Photometric.YCBCR}
    return not is_color or (None not in names and len(names) == count)


def show_samples_as_channels(array: LazyArray, order: str) -> LazyArray:
    """Show samples along C, which stands where the order of the image has it.

    Parameters
    ----------
    array
        Its axis of channels may be missing if there is one.
    order
        Letters of the image, slowest first.
    """
    stored = array.stored
    # Channels of several pages, each of several samples: both axes become one.
    if "C" in stored:
        return fold_samples(array, order)
    # An axis of samples alone is renamed: its pixels are read as they lie.
    renamed = Dims(stored.order.replace("S", "C"), stored.shape)
    letters = "".join(letter for letter in order if letter in renamed)
    view = View(
        letters,
        tuple(renamed.order.index(letter) for letter in letters),
        tuple(range(size) for size in renamed.shape),
    )
    return LazyArray(array.layout, renamed, array.dtype, view)


# ---------------------------------------------------------------- folded dimensions


def unfold(array: LazyArray, modulo: Modulo) -> LazyArray | None:
    """Give a dimension that is folded into another its own axis; its positions run fastest.

    Returns
    -------
    The array, or ``None`` when the sizes do not fit.
    """
    stored, layout = array.stored, array.layout
    axis = stored.order.find(modulo.along)
    unfoldable = offered(layout, Unfoldable)
    # Samples that are shown as channels lie inside of the planes: they cannot be split.
    if not 0 <= axis < stored.order.find("Y") or unfoldable is None:
        return None
    size = stored.shape[axis]
    if size % modulo.size or modulo.letter in stored:
        return None
    order = stored.order[: axis + 1] + modulo.letter + stored.order[axis + 1 :]
    shape = (*stored.shape[:axis], size // modulo.size, modulo.size, *stored.shape[axis + 1 :])
    return LazyArray.whole(unfoldable.unfolded(axis, modulo.size), Dims(order, shape), array.dtype)


def _unfold_planes(planes: Planes, modulo: Modulo) -> Planes:
    """Give the columns the letter of a folded dimension.

    Its positions run fastest, so that the order of the values is the same.
    """
    letters = ""
    shape: list[int] = []
    for letter, size in planes.dims.items():
        letters += letter
        if letter == modulo.along and size % modulo.size == 0:
            letters += modulo.letter
            shape += [size // modulo.size, modulo.size]
        else:
            shape.append(size)
    return attrs.evolve(planes, dims=Dims(letters, tuple(shape)))
