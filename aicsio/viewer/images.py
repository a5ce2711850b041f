"""The images that a viewer shows, and what the page needs to know about them, as JSON.

Rule kept here: only the images that were named can be reached, by their number.
"""

import math
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from aicsio._io.urls import public_url
from aicsio.errors import AicsioError, SceneError
from aicsio.pictures import colors, contrast
from aicsio.pictures.reading import focus_levels, plane_letters
from aicsio.records import ImageHandle
from aicsio.steps import select_scene
from aicsio.viewer.pyramid import ViewLevel, plane_of, view_levels
from aicsio.viewer.rough import rough_shapes

MOST_TEXT = 1 << 20
"""Characters of the metadata text that the page shows: a browser lays out a megabyte in a second."""
BINS = 128
"""Bins of a histogram: the width of its drawing."""
MOST_CHANNELS = 64
"""Channels that the page lists; the first ones."""

MOST_SHOWN = float(np.finfo(np.float32).max)
"""The largest number of the page, whose pixels are float32."""


@attrs.frozen(eq=False)
class NamedImage:
    """An image by its name, and how to open it. Not a record: it lives as long as the viewer."""

    name: str
    """Shown to the user; without secrets."""
    open: Callable[[], ImageHandle]
    """Opens it, or returns the handle that there is."""


def name_file(path: str, open_file: Callable[[], ImageHandle]) -> NamedImage:
    """Name an image by the last part of its path or URL."""
    shown = public_url(path).partition("?")[0].rstrip("/")
    return NamedImage(os.path.basename(shown) or shown, open_file)


class Images:
    """The named images, opened when the page first asks. Not a record: it remembers handles."""

    def __init__(self, named: tuple[NamedImage, ...]) -> None:
        self.named = named
        self._handles: dict[int, ImageHandle] = {}
        self._levels: dict[tuple[int, int], tuple[ViewLevel, ...]] = {}
        self._lock = threading.Lock()

    def handle(self, file: int) -> ImageHandle:
        """Open an image.

        Raises
        ------
        SceneError
            When there is no image of this number.
        """
        if not 0 <= file < len(self.named):
            raise SceneError(f"no image {file}: there are {len(self.named)}")
        # One at a time: two requests for a new image would open it twice.
        with self._lock:
            if file not in self._handles:
                self._handles[file] = self.named[file].open()
            return self._handles[file]

    def scene(self, file: int, scene: int) -> ImageHandle:
        """Return the handle of a scene; that of the user where the scene is in its focus."""
        handle = self.handle(file)
        if scene == handle.scene_index:
            return handle
        return select_scene(handle, scene)

    def levels(self, file: int, scene: int) -> tuple[ViewLevel, ...]:
        """Return the levels of a scene; they are listed once."""
        key = file, scene
        if key not in self._levels:
            self._levels[key] = view_levels(self.scene(file, scene))
        return self._levels[key]


def describe_files(images: Images) -> dict[str, Any]:
    """Describe the list of images."""
    return {"files": [named.name for named in images.named]}


def describe_scenes(handle: ImageHandle) -> dict[str, Any]:
    """Describe the scenes of an image, and the wells in which they lie."""
    wells = []
    for index, scene in enumerate(handle.scenes):
        if scene.well is not None:
            well = scene.well
            wells.append([index, well.row, well.column, well.field, well.plate])
    # A handle whose array was picked or transposed shows that, and no other scene.
    whole = handle.array == handle.levels[0]
    empty = [index for index, scene in enumerate(handle.scenes) if not scene.levels]
    return {
        "scenes": list(handle.scene_names),
        "empty": empty,
        "focus": handle.scene_index,
        "whole": whole,
        "wells": wells,
    }


def describe_scene(handle: ImageHandle, levels: tuple[ViewLevel, ...]) -> dict[str, Any]:
    """Describe one scene: axes, channels, levels, sizes."""
    dims = handle.dims
    y, x = tuple(plane_letters(dims))
    axes = {letter: size for letter, size in dims.items() if letter not in f"{y}{x}CS" and size > 1}
    palette = colors.palette_of(handle)
    pixel_size = handle.pixel_size
    return {
        "axes": axes,
        "start": {letter: size // 2 if letter == "Z" else 0 for letter, size in axes.items()},
        "plane": f"{y}{x}",
        "height": levels[0].height,
        "width": levels[0].width,
        "dtype": str(handle.dtype),
        "kind": pixel_kind(handle),
        "samples": samples_of(handle),
        "integer": handle.dtype.kind in "iub" and palette is None,
        "palette": palette is not None,
        "channels": _describe_channels(handle),
        "levels": [
            {"height": one.height, "width": one.width, "scale": one.scale, "tile": one.tile}
            for one in levels
        ],
        "rough": rough_shapes(levels),
        "pixelSize": {"Z": pixel_size.Z, "Y": pixel_size.Y, "X": pixel_size.X},
        "origin": _describe_origin(handle),
        "timeStep": handle.time_step,
    }


def _describe_channels(handle: ImageHandle) -> list[dict[str, Any]]:
    chosen = colors.choose_colors(handle.channels)
    channels = []
    for channel, name, color in zip(handle.channels, handle.channel_names, chosen, strict=True):
        channels.append({"name": name, "color": color, "window": channel.window})
    return channels[:MOST_CHANNELS]


def _describe_origin(handle: ImageHandle) -> dict[str, float | None]:
    """Position of the first pixel in focus, in micrometres."""
    origin: dict[str, float | None] = {}
    stored = handle.array.stored.order
    for letter in "YX":
        first = getattr(handle.scene.origin, letter)
        size = getattr(handle.scene.pixel_size, letter)
        if first is not None and size is not None and letter in stored:
            pick = handle.array.view.picks[stored.index(letter)]
            first += size * (pick if isinstance(pick, int) else pick[0])
        origin[letter] = first
    return origin


def samples_of(handle: ImageHandle) -> int:
    """Samples of a pixel that the page gets: 3 for colour and palettes, else 1."""
    is_color = handle.dims.get("S", 1) > 2 or colors.palette_of(handle) is not None
    return 3 if is_color else 1


def pixel_kind(handle: ImageHandle) -> str:
    """Type of the pixels that the page gets: ``u1``, ``u2``, or ``f4`` for all others."""
    dtype = handle.dtype
    if dtype.kind == "b" or dtype.name == "uint8" or colors.palette_of(handle) is not None:
        return "u1"
    return "u2" if dtype.name == "uint16" else "f4"


def encode_pixels(pixels: Any, handle: ImageHandle) -> bytes:
    """Turn the pixels of a tile into little-endian bytes, three samples or one."""
    palette = colors.palette_of(handle)
    if palette is not None:
        pixels = colors.apply_palette(pixels, palette)
    if pixels.ndim == 3:
        pixels = pixels[..., :3]
    if pixels.dtype.kind == "c":
        pixels = np.abs(pixels)
    # Graphics cards have no float64: what is too large for 32 bits is shown as infinite.
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(pixels, "<" + pixel_kind(handle)).tobytes()


def describe_contrast(
    handle: ImageHandle, channel: int, picks: Mapping[str, int] | None
) -> dict[str, Any]:
    """Suggest the contrast of a channel, with the histogram that it comes from.

    Parameters
    ----------
    handle
        A scene.
    channel
        Position along C.
    picks
        The plane that is sampled; ``None`` for planes spread over all axes.
    """
    levels = focus_levels(handle)
    sufficient = [one for one in levels if max(_plane_shape(one.dims)) >= contrast.LEAST_SIDE]
    array = sufficient[-1] if sufficient else levels[0]
    if picks is not None:
        array = plane_of(array, {**picks, "C": channel})
        channel = 0
    if colors.palette_of(handle) is not None:
        return {"low": 0, "high": 255, "least": 0, "most": 255, "counts": []}
    pixels = contrast.sample(array, channel)
    low, high = contrast.limits_of_sample(pixels)
    if pixels.dtype.kind == "c":
        pixels = np.abs(pixels)
    values = pixels[np.isfinite(pixels)].astype(np.float64)
    if pixels.dtype.itemsize == 8 and pixels.dtype.kind == "f":
        # As ``encode_pixels`` has them: larger numbers are infinite.
        low, high = np.clip((low, high), -MOST_SHOWN, MOST_SHOWN).tolist()
        values = values[np.abs(values) <= MOST_SHOWN]
    least, most = low, high
    if values.size:
        least, most = min(low, float(values.min())), max(high, float(values.max()))
    # The tail above full colour may be long: a few hot pixels would press the rest into one bin.
    shown = min(most, low + 2 * (high - low))
    bins = BINS
    if handle.dtype.kind in "iu" and shown - least < BINS:
        # One bin a value: others would hold two values here and none there.
        shown = round(shown)
        bins = shown - round(least) + 1
    # The last bin begins at the largest value that is shown; larger values are in no bin.
    counts, _ = np.histogram(
        values, bins, (least, least + (shown - least) * bins / max(1, bins - 1))
    )
    return {
        "low": low,
        "high": high,
        "least": least,
        "most": most,
        "shown": shown,
        "counts": counts.tolist(),
    }


def _plane_shape(dims: Any) -> tuple[int, int]:
    y, x = tuple(plane_letters(dims))
    return dims.get(y, 1), dims.get(x, 1)


def describe_metadata(handle: ImageHandle) -> dict[str, Any]:
    """Describe a scene for the panel: rows of label and value, diagnostics, the text of the file."""
    scene = handle.scene
    size = handle.pixel_size
    sizes = [f"{letter} {value:g} µm" for letter, value in zip("ZYX", size, strict=True) if value]
    rows = [
        ("file", public_url(handle.source.uri)),
        ("format", handle.format),
        ("scene", f"{handle.scene_index + 1} of {len(handle.scenes)}: {scene.name}"),
        ("dims", str(handle.dims)),
        ("pixels", str(handle.dtype)),
        (
            "levels",
            ", ".join(f"{a.dims.get('X', 1)} x {a.dims.get('Y', 1)}" for a in handle.levels),
        ),
        ("pixel size", ", ".join(sizes)),
        ("time step", f"{handle.time_step:g} s" if handle.time_step else ""),
        ("acquired", scene.acquired or ""),
        ("objective", _describe_objective(handle)),
        ("channels", "; ".join(_describe_channel(handle, n) for n in range(len(handle.channels)))),
        ("tiles", str(len(scene.tiles)) if scene.tiles is not None else ""),
    ]
    notes = [f"{note.code}: {note.message}" for note in handle.diagnostics[:50]]
    text = handle.metadata or ""
    return {
        "rows": [row for row in rows if row[1]],
        "diagnostics": notes,
        "text": text[:MOST_TEXT],
        "cut": max(0, len(text) - MOST_TEXT),
    }


def _describe_objective(handle: ImageHandle) -> str:
    lens = handle.scene.objective
    if lens is None:
        return ""
    parts = [lens.name or ""]
    if lens.magnification:
        parts.append(f"{lens.magnification:g}x")
    if lens.aperture:
        parts.append(f"NA {lens.aperture:g}")
    parts.append(lens.immersion or "")
    return ", ".join(filter(None, parts))


def _describe_channel(handle: ImageHandle, index: int) -> str:
    channel = handle.channels[index]
    text = handle.channel_names[index]
    if channel.excitation and channel.emission:
        text += f" ({channel.excitation:g} / {channel.emission:g} nm)"
    elif channel.emission:
        text += f" ({channel.emission:g} nm)"
    return text


def read_values(handle: ImageHandle, place: tuple[int, int], picks: Mapping[str, int]) -> list[Any]:
    """Read the pixel of each channel at full resolution; NaN and infinities as texts.

    Raises
    ------
    SceneError
        When the place lies outside of the image.
    """
    from aicsio._dims import views
    from aicsio.arrays import read_array

    array = handle.array
    height, width = _plane_shape(array.dims)
    if not (0 <= place[0] < height and 0 <= place[1] < width):
        raise SceneError(f"no pixel {place} in {height} x {width}")
    values = []
    for channel in range(min(array.dims.get("C", 1), MOST_CHANNELS)):
        plane = plane_of(array, {**picks, "C": channel})
        y, x = tuple(plane.dims)[:2]
        part = views.transpose(plane, plane.dims.order, {y: [place[0]], x: [place[1]]})
        pixel = read_array(part, 1).ravel().tolist()
        plain = [_plain(value) for value in pixel]
        values.append(plain[0] if len(plain) == 1 else plain)
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, complex):
        value = abs(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no NaN
    return int(value) if isinstance(value, bool) else value


def reason_of(error: AicsioError) -> str:
    """Return the message of an error, without the secrets of URLs."""
    return public_url(str(error))
