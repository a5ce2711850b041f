"""The colours of channels: those of the file, those of the light, or ones that differ.

Rule kept here: 0xRRGGBB throughout. All channels of an image get their colours together, so that no
two are the same by accident.
"""

import colorsys
import itertools
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from aicsio._checks import checked
from aicsio.records import Channel, ImageHandle

Picture: TypeAlias = npt.NDArray[np.uint8]

WHITE = 0xFFFFFF
DEFAULT_COLORS = (0x00FF00, 0xFF00FF, 0x00FFFF, 0xFFFF00, 0xFF0000, 0x0000FF, 0xFFFFFF)
"""For channels without colour and wavelength. The first two suit the colour-blind."""


@checked
def channel_colors(handle: ImageHandle) -> tuple[int, ...]:
    """Choose a colour for each channel.

    The file's own, where its channels differ in them; else the hue of the emission wavelengths,
    where these differ and are visible; else green, magenta, cyan, yellow, red, blue, white in turn.

    Parameters
    ----------
    handle
        An opened image.

    Returns
    -------
    tuple of int
        0xRRGGBB for each of ``handle.channels``; white for a single channel without a colour.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.thumbnails import channel_colors
    >>> [f"{color:06x}" for color in channel_colors(open_image(np.zeros((2, 4, 4)), dims="CYX"))]
    ['00ff00', 'ff00ff']
    """
    return choose_colors(handle.channels)


def choose_colors(channels: tuple[Channel, ...]) -> tuple[int, ...]:
    """Choose 0xRRGGBB for each channel: stored colour, emission wavelength, or custom."""
    if len(channels) == 1:
        # A stored colour is 0xRRGGBBAA; this module has 0xRRGGBB.
        color = channels[0].color
        # Black would show nothing: some writers fill in 0 where they know no colour.
        return ((color >> 8 or WHITE) if color is not None else WHITE,)
    stored = [channel.color >> 8 for channel in channels if channel.color is not None]
    # Writers that know no colours give all channels the same one, white.
    if len(stored) == len(channels) and len(set(stored)) > 1:
        return tuple(color or WHITE for color in stored)
    waves = [channel.emission for channel in channels if channel.emission is not None]
    visible = all(380 <= wave <= 800 for wave in waves)
    if waves and visible and len(set(waves)) == len(channels):
        return tuple(map(color_of_wavelength, waves))
    return tuple(itertools.islice(itertools.cycle(DEFAULT_COLORS), len(channels)))


def color_of_wavelength(wave: float) -> int:
    """A pure hue: violet at 400 nm to red at 640 nm and beyond."""
    # Hues of colorsys, as parts of the circle: 0 is red, 1/3 green, 2/3 blue, 0.75 violet.
    hue = np.interp(wave, (400, 440, 490, 510, 580, 640), (0.75, 0.667, 0.5, 0.333, 0.167, 0))
    red, green, blue = colorsys.hsv_to_rgb(float(hue), 1, 1)
    return round(255 * red) << 16 | round(255 * green) << 8 | round(255 * blue)


def parts_of(color: int) -> tuple[int, int, int]:
    """Red, green and blue of 0xRRGGBB."""
    return color >> 16 & 255, color >> 8 & 255, color & 255


def palette_of(handle: ImageHandle) -> npt.NDArray[np.uint8] | None:
    """Colours of a palette image, shape (entries, 3); ``None`` for other images.

    A ColorMap has ``2**BitsPerSample`` entries a colour (TIFF 6.0, section 5). A shorter one beside
    larger pixels is a lookup table for the screen, not a palette.
    """
    dtype = handle.array.dtype
    if handle.scene.color_map is None or dtype.kind != "u" or "S" in handle.dims:
        return None
    # A palette is that of the first page; other channels may have other colours.
    if handle.levels[0].dims.get("C", 1) > 1:
        return None
    table = np.frombuffer(handle.scene.color_map, "<u2").reshape(3, -1)
    # Pixels of up to 8 bits are stored as one byte, those of 9 to 16 bits as two.
    if table.shape[1] <= 256 ** (dtype.itemsize - 1):
        return None
    # TIFF 6.0, section 5: the values of a ColorMap are 16 bits deep; some writers fill only 8.
    shift = 8 if table.max(initial=0) > 255 else 0
    return np.asarray((table >> shift).astype(np.uint8).T)


def apply_palette(indices: npt.NDArray[Any], palette: npt.NDArray[np.uint8]) -> Picture:
    """Replace indices by their colours: (Y, X) becomes (Y, X, 3)."""
    # An index beyond the palette shows its last colour.
    return np.asarray(palette[np.minimum(indices, len(palette) - 1)])


def to_bytes(values: npt.NDArray[Any]) -> Picture:
    """Turn values from 0 to 1 into bytes."""
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def blend(planes: list[npt.NDArray[np.float32]], colors: tuple[int, ...]) -> Picture:
    """Add up planes of values from 0 to 1 in their colours, 0xRRGGBB each."""
    out = np.zeros((*planes[0].shape, 3), np.float32)
    for plane, color in zip(planes, colors, strict=True):
        weights = np.array(parts_of(color), np.float32) / 255
        # (Y, X, 1) times (3,) gives (Y, X, 3).
        out += plane[..., None] * weights
    return to_bytes(out)
