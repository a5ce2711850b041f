"""Layers of napari as one OME-TIFF or OME-Zarr.

Rule kept here: layers of one shape, step and place are channels of one image; others are images of
their own. Lengths become micrometres by the units of the layers.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np

from aicsio.errors import WriteError
from aicsio.opening import open_image
from aicsio.plugins.napari.layers import LayerTuple
from aicsio.records import Channel, Dims, ImageHandle, Origin, PixelSize, Planes
from aicsio.writers import write_ome_tiff, write_ome_zarr, write_scenes

__all__ = ["save_ome_tiff", "save_ome_zarr", "to_handles"]

Pixels: TypeAlias = Any

KNOWN = "TCZYX"
"""Axes of OME."""
ORDERS = ("X", "YX", "ZYX", "TZYX")
"""Axes of layers without labels of axes: as napari's own readers order them."""


def save_ome_tiff(path: str, layers: Sequence[LayerTuple]) -> list[str]:
    """Write layers as OME-TIFF: each image a series, labels among them.

    Parameters
    ----------
    path
        Of the new file; one that exists is replaced, as napari has asked by then.
    layers
        Data, attributes and type of each.

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    WriteError
        When a layer has axes that OME lacks, or the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.plugins.napari.writing import save_ome_tiff
    >>> layer = (np.zeros((3, 40, 50), np.uint8), {"name": "DAPI"}, "image")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (path,) = save_ome_tiff(os.path.join(folder, "a.ome.tif"), [layer])
    ...     open_image(path).channel_names
    ('DAPI',)
    """
    handles = [*to_handles(layers, "image"), *to_handles(layers, "labels")]
    if len(handles) == 1:
        write_ome_tiff(handles[0], path, overwrite=True)
    else:
        write_scenes(handles, path, overwrite=True)
    return [path]


def save_ome_zarr(path: str, layers: Sequence[LayerTuple]) -> list[str]:
    """Write layers as OME-Zarr: labels beside their image where there is one image, else as images.

    Parameters
    ----------
    path
        Of the new store; one that exists is replaced.
    layers
        Data, attributes and type of each.

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    WriteError
        When a layer has axes that OME lacks, labels have another frame than the image, or the store
        cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.labels import list_labels
    >>> from aicsio.plugins.napari.writing import save_ome_zarr
    >>> pixels = np.zeros((40, 50), np.uint16)
    >>> layers = [(pixels, {"name": "DAPI"}, "image"), (pixels, {"name": "nuclei"}, "labels")]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (path,) = save_ome_zarr(os.path.join(folder, "a.ome.zarr"), layers)
    ...     list_labels(open_image(path))
    ('nuclei',)
    """
    images, labels = to_handles(layers, "image"), to_handles(layers, "labels", one_each=True)
    if len(images) == 1:
        named = {_group_name(label.scene.name): label for label in labels}
        if len(named) < len(labels):
            raise WriteError("two layers of labels have one name: rename one in the list of layers")
        write_ome_zarr(images[0], path, labels=named, overwrite=True)
    else:
        write_ome_zarr([*images, *labels], path, overwrite=True)
    return [path]


def _group_name(name: str) -> str:
    # Names of groups of a Zarr have no "/" and do not begin with "." or "__".
    return name.replace("/", "_").lstrip("._") or "labels"


# ---------------------------------------------------------------- layers


@attrs.frozen(eq=False)
class _LayerFrame:
    """What layers of one image share. Not a record: it lives while layers are written."""

    letters: str
    """Axes of the data."""
    shape: tuple[int, ...]
    """Of the data."""
    dtype: str
    """Of the data."""
    place: tuple[tuple[float, str], ...]
    """Step along each axis, and its unit."""
    start: tuple[float, ...]
    """Translation along each axis."""
    number: int = 0
    """Of the layer, where it is an image of its own."""

    def key(self) -> tuple[object, ...]:
        """Values by which layers are gathered."""
        return attrs.astuple(self, recurse=False)


def to_handles(
    layers: Sequence[LayerTuple], kind: str, *, one_each: bool = False
) -> list[ImageHandle]:
    """Gather the layers of a type to images.

    Parameters
    ----------
    layers
        Data, attributes and type of each.
    kind
        ``"image"`` or ``"labels"``.
    one_each
        Whether each layer is an image of its own.

    Returns
    -------
    list of ImageHandle
        In the order of their first layers.

    Raises
    ------
    WriteError
        When a layer has axes that OME lacks.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.plugins.napari.writing import to_handles
    >>> layer = (np.zeros((3, 40, 50)), {"name": "DAPI", "scale": (2, 0.5, 0.5), "units": ("um",) * 3}, "image")
    >>> to_handles([layer, layer], "image")[0].dims
    Dims(order='CZYX', shape=(2, 3, 40, 50))
    """
    gathered: dict[object, list[tuple[_LayerFrame, Pixels, dict[str, Any]]]] = {}
    for number, (data, attributes, layer_type) in enumerate(layers):
        if layer_type != kind:
            continue
        pixels = data[0] if attributes.get("multiscale") else data
        is_alone = one_each or bool(attributes.get("rgb"))
        frame = _frame_of(pixels, attributes, number if is_alone else 0)
        gathered.setdefault(frame.key(), []).append((frame, pixels, attributes))
    return [_handle_of(group) for group in gathered.values()]


def _frame_of(pixels: Pixels, attributes: dict[str, Any], number: int) -> _LayerFrame:
    letters = _letters_of(pixels, attributes)
    # The samples of an rgb layer have no scale, unit or translation.
    ndim = len(letters.removesuffix("S")) if attributes.get("rgb") else len(letters)
    scale = tuple(map(float, attributes.get("scale", (1.0,) * ndim)))
    units = tuple(map(str, attributes.get("units") or ("pixel",) * ndim))
    return _LayerFrame(
        letters=letters,
        shape=tuple(pixels.shape),
        dtype=str(pixels.dtype),
        place=tuple(zip(scale, units, strict=True)),
        start=tuple(map(float, attributes.get("translate", (0.0,) * ndim))),
        number=number,
    )


def _letters_of(pixels: Pixels, attributes: dict[str, Any]) -> str:
    """Return the axes: the labels of the layer where they are letters of OME, else the usual
    order.
    """
    samples = "S" if attributes.get("rgb") else ""
    ndim = len(pixels.shape) - len(samples)
    labels = "".join(map(str, attributes.get("axis_labels") or ())).upper()
    if len(labels) == ndim == len(set(labels)) and set(labels) <= set(KNOWN):
        return labels + samples
    if not 1 <= ndim <= len(ORDERS):
        raise WriteError(
            f"layer {attributes.get('name')!r} has {ndim} axes: OME has T, C, Z, Y, X. Name them in the layer's "
            "axis_labels, or save a part"
        )
    return ORDERS[ndim - 1] + samples


def _handle_of(group: list[tuple[_LayerFrame, Pixels, dict[str, Any]]]) -> ImageHandle:
    """Make one image of layers, which are its channels."""
    frame, pixels, first = group[0]
    letters = frame.letters
    channels: tuple[Channel, ...] = tuple(_channel_of(attributes) for _, _, attributes in group)
    if "C" in letters:
        # A layer with an axis of channels is an image of its own, or two of them would be two axes.
        if len(group) > 1:
            raise WriteError(
                "layers with an axis C cannot become channels of one image: save them one by one"
            )
        channels = ()
    elif len(group) > 1:
        import dask.array as da

        # The layers of one image differ in nothing but their channel.
        pixels = da.stack([da.asarray(data) for _, data, _ in group])
        letters = "C" + letters
    handle = open_image(pixels, dims=letters, pixel_size=_pixel_size(frame))
    origin = _origin_of(frame)
    scene = attrs.evolve(
        handle.scene,
        name=str(first.get("name") or handle.scene.name),
        channels=channels,
        time_step=_step_of(frame, "T", "second"),
        origin=origin,
        planes=_places_of(origin, handle),
    )
    return attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))


def _channel_of(attributes: dict[str, Any]) -> Channel:
    """Return the facts of a layer; those of the file that it came from where it has none."""
    channel = attributes.get("metadata", {}).get("channel")
    base = channel if isinstance(channel, Channel) else Channel()
    color = None if attributes.get("rgb") else _color_of(attributes.get("colormap"))
    limits = attributes.get("contrast_limits")
    if limits is not None and not attributes.get("rgb"):
        base = attrs.evolve(base, window=(float(limits[0]), float(limits[1])))
    return attrs.evolve(
        base,
        name=str(attributes.get("name") or base.name),
        color=base.color if color is None else color,
    )


def _color_of(colormap: Any) -> int | None:
    """Return 0xRRGGBBAA of the brightest colour of a map; ``None`` where a layer has another kind
    of map.
    """
    if not isinstance(colormap, dict) or "colors" not in colormap:
        return None
    brightest = [min(255, max(0, round(float(part) * 255))) for part in colormap["colors"][-1][:3]]
    red, green, blue = brightest
    return red << 24 | green << 16 | blue << 8 | 0xFF


def _pixel_size(frame: _LayerFrame) -> PixelSize:
    sizes = {letter: _step_of(frame, letter, "micrometer") for letter in "ZYX"}
    return PixelSize(**sizes)


def _origin_of(frame: _LayerFrame) -> Origin:
    """Return the centre of the first pixel, where the layer has been moved from the origin."""
    places = {letter: _length_of(frame, letter, frame.start) for letter in "ZYX"}
    if not any(places.values()):
        return Origin()
    return Origin(**places)


def _places_of(origin: Origin, handle: ImageHandle) -> Planes | None:
    """Return the place of each plane, which OME has for stages; ``None`` where nothing was moved."""
    if not any(origin):
        return None
    letters = [letter for letter in handle.dims if letter not in "YXS"]
    dims = Dims("".join(letters), tuple(handle.dims[letter] for letter in letters))
    columns: dict[str, bytes] = {}
    for letter in "ZYX":
        first = getattr(origin, letter)
        if first is None:
            continue
        values = np.full(dims.shape, first, "<f8")
        if letter == "Z" and "Z" in letters:
            # Axes of length 1 behind Z, so that heights vary along Z alone.
            after = [1] * (len(letters) - 1 - letters.index("Z"))
            sections = np.arange(handle.dims["Z"]) * (handle.pixel_size.Z or 0.0)
            values = values + sections.reshape(-1, *after)
        columns[letter.lower()] = values.astype("<f8").tobytes()
    return Planes(dims, x=columns.get("x"), y=columns.get("y"), z=columns.get("z"))


def _step_of(frame: _LayerFrame, letter: str, unit: str) -> float | None:
    """Return the step along an axis in a unit of pint; ``None`` where the layer counts pixels."""
    index = frame.letters.find(letter)
    if index < 0 or frame.place[index][0] == 0:
        return None
    step, word = frame.place[index]
    return _convert(abs(step), word, unit)


def _length_of(frame: _LayerFrame, letter: str, lengths: Sequence[float]) -> float | None:
    """Return a length along an axis in micrometres; ``None`` where the layer counts pixels."""
    index = frame.letters.find(letter)
    if index < 0:
        return None
    return _convert(lengths[index], frame.place[index][1], "micrometer")


def _convert(value: float, word: str, unit: str) -> float | None:
    if word == "pixel":
        return None
    import pint  # every napari with units has it

    try:
        converted = pint.get_application_registry().Quantity(value, word).to(unit)
    except pint.PintError:
        return None
    return float(converted.magnitude)
