"""A handle as layers of napari: one a channel, colour pixels as one, labels as labels.

Rule kept here: lazily. Layers hold dask arrays; only the few pixels that ``suggest_contrast``
samples are read.
"""

import os
from typing import Any, TypeAlias

import attrs

from aicsio._checks import checked
from aicsio._dims import views
from aicsio._io.urls import public_url
from aicsio.arrays import to_dask
from aicsio.labels import list_labels, select_label
from aicsio.pictures import colors
from aicsio.pictures.contrast import suggest_contrast
from aicsio.pictures.reading import focus_levels, longest_side, plane_letters
from aicsio.plugins.napari.geometry import AxisPlace, axis_places
from aicsio.plugins.napari.sampling import with_sampled_levels
from aicsio.records import ImageHandle, LazyArray

__all__ = ["LayerTuple", "to_layers"]

LayerTuple: TypeAlias = tuple[Any, dict[str, Any], str]
"""Data, keyword arguments, and ``"image"`` or ``"labels"``: the form in which napari takes
layers."""
Levels: TypeAlias = tuple[LazyArray, ...]

TILE_SIDE = 2048
"""Pixels of a side of the chunks of large planes: 8 MiB of uint16, of which a screen shows a
few."""
MOST_WHOLE_SIDE = 8192
"""Pixels of a side up to which a plane is not cut along X."""


@checked
def to_layers(handle: ImageHandle) -> list[tuple[Any, dict[str, Any], str]]:
    """Make layers of napari of what a handle shows: one a channel, and the labels of the scene.

    Parameters
    ----------
    handle
        An opened image. Of a handle at a level, layers begin with that level; of one that shows a
        part of Y or X, or another order, they have this part and no levels.

    Returns
    -------
    list of tuple
        Data, keyword arguments and type of each layer. The data are dask arrays, for several levels
        a list of them. Axes are T, Z, Y, X and what else the image has, without those of size 1;
        samples of colour pixels are last, with ``rgb``. Arguments are ``name``, ``scale``,
        ``translate``, ``units``, ``axis_labels``, ``metadata``, ``multiscale``, and of images
        ``colormap``, ``contrast_limits``, ``blending``. The metadata hold the handle under
        ``"handle"``.

    Raises
    ------
    CorruptFileError, SourceError
        When the pixels that decide on the contrast, or the list of labels, cannot be read.

    Notes
    -----
    The form of the tuples: napari, "Plugin contributions", chapter "layer data tuples".

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import PixelSize, open_image
    >>> from aicsio.plugins.napari import to_layers
    >>> pixels = np.arange(2 * 3 * 64 * 64, dtype=np.uint16).reshape(2, 3, 64, 64)
    >>> image = open_image(pixels, dims="CZYX", channel_names=["DAPI", "GFP"], pixel_size=PixelSize(2, 0.5, 0.5))
    >>> for data, arguments, kind in to_layers(image):
    ...     print(kind, arguments["name"], data.shape, arguments["scale"], arguments["units"][0])
    image DAPI (3, 64, 64) (2.0, 0.5, 0.5) micrometer
    image GFP (3, 64, 64) (2.0, 0.5, 0.5) micrometer
    """
    plane = plane_letters(handle.dims)
    letters = _layer_letters(handle, plane)
    layers = _image_layers(handle, letters)
    # Labels lie beside a whole image; a part of it may lie anywhere in them.
    if handle.array == handle.levels[handle.level]:
        for name in list_labels(handle):
            layers += _label_layers(handle, name, letters)
    return layers


def _layer_letters(handle: ImageHandle, plane: str) -> str:
    """Return the axes of the layers: those with several positions in stored order, then the
    plane.
    """
    outer = [
        letter for letter, size in handle.dims.items() if size > 1 and letter not in plane + "CS"
    ]
    return "".join(outer) + plane


def _levels(handle: ImageHandle) -> Levels:
    levels = focus_levels(handle)
    # A level with another number of positions along Z or T would be another image to napari's
    # sliders.
    return with_sampled_levels(levels)


# ---------------------------------------------------------------- images


def _image_layers(handle: ImageHandle, letters: str) -> list[LayerTuple]:
    levels = _levels(handle)
    places = axis_places(handle, letters)
    if colors.palette_of(handle) is not None:
        return [_palette_layer(handle, levels, letters, places)]
    if handle.dims.get("S", 1) in {3, 4}:
        return _color_layers(handle, levels, letters, places)
    limits = suggest_contrast(handle)
    names = _layer_names(handle)
    chosen = colors.choose_colors(handle.channels)
    samples = handle.dims.get("S", 1)
    layers = []
    for index, (name, color) in enumerate(zip(names, chosen, strict=True)):
        for sample in range(samples):
            arguments = _arguments(handle, letters, places, channel=index)
            arguments["name"] = name if samples == 1 else f"{name} S{sample}"
            arguments["colormap"] = "gray" if color == colors.WHITE else f"#{color:06x}"
            arguments["contrast_limits"] = limits[index]
            # Channels add up as light does; the first would hide the others otherwise.
            arguments["blending"] = "additive" if len(names) * samples > 1 else "translucent"
            layers.append(
                _image_layer(handle, levels, letters, {"C": index, "S": sample}, arguments)
            )
    return layers


def _color_layers(
    handle: ImageHandle, levels: Levels, letters: str, places: tuple[AxisPlace, ...]
) -> list[LayerTuple]:
    layers = []
    for index, name in enumerate(_layer_names(handle)):
        arguments = _arguments(handle, letters, places, channel=index)
        arguments |= {"name": name, "rgb": True}
        layers.append(_image_layer(handle, levels, letters + "S", {"C": index}, arguments))
    return layers


def _image_layer(
    handle: ImageHandle,
    levels: Levels,
    letters: str,
    picks: dict[str, int],
    arguments: dict[str, Any],
) -> LayerTuple:
    data = [_dask_of(handle, level, letters, picks) for level in levels]
    # napari shows no complex numbers: their magnitude, as in thumbnails.
    if handle.dtype.kind == "c":
        data = list(map(abs, data))
    arguments["multiscale"] = len(data) > 1
    return (data if len(data) > 1 else data[0]), arguments, "image"


def _palette_layer(
    handle: ImageHandle, levels: Levels, letters: str, places: tuple[AxisPlace, ...]
) -> LayerTuple:
    """Make one layer of colours of indexed pixels."""
    arguments = _arguments(handle, letters, places, channel=0)
    arguments |= {"name": _layer_names(handle)[0], "rgb": True, "multiscale": len(levels) > 1}
    palette = colors.palette_of(handle)
    data = []
    for level in levels:
        indices = _dask_of(handle, level, letters, {"C": 0})
        # The colours are a new last axis of one chunk, red, green and blue.
        shown = indices.map_blocks(
            colors.apply_palette,
            palette,
            dtype="u1",
            chunks=(*indices.chunks, (3,)),
            new_axis=indices.ndim,
        )
        data.append(shown)
    return (data if len(data) > 1 else data[0]), arguments, "image"


def _arguments(
    handle: ImageHandle, letters: str, places: tuple[AxisPlace, ...], *, channel: int
) -> dict[str, Any]:
    """Return the arguments that images and labels share."""
    return {
        "scale": tuple(place.step for place in places),
        "translate": tuple(place.start for place in places),
        "units": tuple(place.unit for place in places),
        "axis_labels": tuple(letters),
        "metadata": _metadata(handle, channel),
    }


def _metadata(handle: ImageHandle, channel: int) -> dict[str, Any]:
    return {
        "handle": handle,
        "source": public_url(handle.source.uri),
        "format": handle.format,
        "scene": handle.scene.name,
        "scene_index": handle.scene_index,
        "level": handle.level,
        "channel": handle.channels[channel],
        "channel_index": channel,
        "acquired": handle.scene.acquired,
        "objective": handle.scene.objective,
        "text": handle.metadata,
    }


def _layer_names(handle: ImageHandle) -> list[str]:
    """Name the layers by channels; by the file, or by its scene if it has several, where these have
    no names.
    """
    owner = os.path.basename(public_url(handle.source.uri).partition("?")[0].rstrip("/"))
    if len(handle.scenes) > 1:
        owner = handle.scene.name
    names = []
    for channel, numbered in zip(handle.channels, handle.channel_names, strict=True):
        name = channel.name
        if name is None:
            name = owner if len(handle.channels) == 1 else f"{owner} {numbered}"
        elif len(handle.scenes) > 1:
            name = f"{owner} {name}"
        names.append(name or numbered)
    return names


# ---------------------------------------------------------------- labels


def _label_layers(image: ImageHandle, name: str, letters: str) -> list[LayerTuple]:
    """Make a layer of a label image, with the axes of the layers of its image."""
    handle = select_label(image, name)
    extra = [letter for letter, size in handle.dims.items() if letter not in letters and size > 1]
    # Labels have the axes of their image; channels of labels are rare, and each is a layer.
    if extra not in ([], ["C"]):
        return []
    places = axis_places(handle, letters, fallback=image.scene.origin)
    layers = []
    for index in range(handle.dims.get("C", 1)):
        arguments = _arguments(handle, letters, places, channel=index)
        arguments["name"] = name if not extra else f"{name} {index}"
        arguments["metadata"]["aicsio-labels"] = name
        levels = focus_levels(handle)
        data = [_labels_of(image, handle, level, letters, index) for level in levels]
        arguments["multiscale"] = len(data) > 1
        layers.append(((data if len(data) > 1 else data[0]), arguments, "labels"))
    return layers


def _labels_of(
    image: ImageHandle, handle: ImageHandle, level: LazyArray, letters: str, channel: int
) -> Any:
    """Show one level of labels; along axes that they lack, they hold at every position of the
    image.
    """
    import dask.array as da

    data = _dask_of(handle, level, letters, {"C": channel})
    shape = tuple(
        image.dims[letter]
        if letter in image.dims and level.dims.get(letter, 1) == 1 and letter not in "YX"
        else size
        for letter, size in zip(letters, data.shape, strict=True)
    )
    data = da.broadcast_to(data, shape)
    return (
        data if data.dtype.kind in "iu" else data.astype("u1" if data.dtype.kind == "b" else "i4")
    )


# ---------------------------------------------------------------- pixels


def _dask_of(handle: ImageHandle, level: LazyArray, letters: str, picks: dict[str, int]) -> Any:
    """Show a level lazily, in chunks of one plane or of tiles of it."""
    chosen = {letter: 0 for letter in level.dims if letter not in letters}
    chosen |= {letter: position for letter, position in picks.items() if letter in level.dims}
    shown = views.transpose(level, letters, chosen)
    y, x = tuple(plane_letters(shown.dims))
    # napari shows one plane at a time: chunks of several would read what nobody looks at.
    chunks = {letter: 1 for letter in letters if letter not in f"{y}{x}S"}
    if longest_side(shown.dims) > MOST_WHOLE_SIDE:
        for letter in (y, x):
            chunks[letter] = min(shown.dims[letter], _tile_side(shown, letter))
    return to_dask(attrs.evolve(handle, array=shown), chunks=chunks or "auto")


def _tile_side(array: LazyArray, letter: str) -> int:
    """Return the largest multiple of a stored block that is no longer than ``TILE_SIDE``, or one
    block.
    """
    axis = array.view.axes[array.dims.order.index(letter)]
    block = array.layout.block_shape[axis] if axis >= 0 else 1
    return max(1, TILE_SIDE // block) * min(block, TILE_SIDE)
