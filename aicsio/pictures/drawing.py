"""``thumbnail``: a small picture of an image.

Rule kept here: the frame comes from ``composing``, what is written on it from ``annotations``.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal

from aicsio._checks import checked
from aicsio.errors import DimensionError, ImageTooLargeError
from aicsio.pictures import colors, composing
from aicsio.pictures.annotations import annotate
from aicsio.pictures.colors import Picture
from aicsio.pictures.composing import PictureFrame
from aicsio.pictures.reading import enlarge, longest_side, plane_letters
from aicsio.records import ImageHandle

__all__ = ["thumbnail"]

MOST_PIXELS: Final = 1 << 27
"""Pixels of a picture: 128 megapixels take 384 MiB while they are drawn and encoded."""


@checked
def thumbnail(
    handle: ImageHandle,
    size: int = 512,
    *,
    channels: Sequence[int | str] | int | str | None = None,
    project: Literal["max", "mean", "middle"] = "max",
    scale_bar: bool = True,
    legend: bool = False,
    contrast: Literal["auto", "file", "full"] | tuple[float, float] = "auto",
    progress: Callable[[int, int], object] | None = None,
) -> Picture:
    """Draw the image in focus.

    The picture shows a projection along Z, the first position of every other dimension, and up to
    seven channels in their colours (``channel_colors``); a single channel is gray. Small images are
    enlarged, each pixel staying a sharp square. The smallest sufficient level is read.

    Parameters
    ----------
    handle
        An opened image. A level other than 0 is drawn as it is.
    size
        Pixels of the longer side.
    channels
        Indices or names of the channels that are drawn; ``None`` for the first seven.
    project
        ``"max"``, ``"mean"`` of up to 32 sections spread over Z, or the ``"middle"`` one alone.
        Pixels of colour and palettes are not projected: the middle section is drawn.
    scale_bar
        Whether a bar with its length is drawn, if the file has the size of a pixel.
    legend
        Whether the names of the channels are drawn in their colours.
    contrast
        ``"auto"``: the 0.5th and the 99.8th percentile of what is drawn, channel by channel;
        ``"file"``: as the file shows its channels, where it has that; ``"full"``: all values of an
        integer type, of others from the least to the greatest finite value of some pixels; two
        numbers: the values of black and of full colour.
    progress
        Called with the number of bands read and their total.

    Returns
    -------
    numpy.ndarray
        uint8, shape (Y, X, 3). Samples of opacity are left out.

    Raises
    ------
    DimensionError
        When ``size`` is less than 1, more than seven channels are requested, the image has no
        pixels, or the low end of ``contrast`` is not below the high one.
    SceneError
        When no channel has a requested name.
    ImageTooLargeError
        When the picture would have more than 128 megapixels.
    CorruptFileError
        When the pixels cannot be decoded.
    SourceError
        When the file cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, thumbnail
    >>> ramp = np.arange(6, dtype=np.uint16).reshape(2, 3)
    >>> thumbnail(open_image(ramp, dims="YX"), 3)[..., 0]
    array([[  0,  51, 102],
           [153, 204, 255]], dtype=uint8)
    >>> thumbnail(open_image(ramp, dims="YX"), 300).shape
    (200, 300, 3)
    """
    if size < 1:
        raise DimensionError(f"size={size}: give the pixels of the longer side, such as size=512")
    require_size(handle, size)
    handle = composing.pick_channels(handle, channels)
    limits = composing.requested_limits(handle, contrast)
    picture = composing.draw(handle, PictureFrame(size, project, limits), progress)
    return finish(picture, handle, size, scale_bar=scale_bar, legend=legend)


def require_size(handle: ImageHandle, size: int) -> None:
    """Raise when a picture of this size would take too much memory.

    Parameters
    ----------
    handle
        The image.
    size
        Pixels of the longer side.

    Raises
    ------
    ImageTooLargeError
        When it would have more than ``MOST_PIXELS``.
    """
    longest = max(1, longest_side(handle.dims))
    shorter = handle.dims.get("Y", 1) * handle.dims.get("X", 1) / longest
    if size * max(1.0, shorter * size / longest) > MOST_PIXELS:
        raise ImageTooLargeError(
            f"a picture of {size} pixels along its longer side has more than "
            f"{MOST_PIXELS >> 20} megapixels: give size=4096, or pick a part with transpose_to"
        )


def finish(
    picture: Picture,
    handle: ImageHandle,
    size: int,
    *,
    scale_bar: bool,
    legend: bool,
    stamp: str = "",
) -> Picture:
    """Enlarge a frame of a handle, and write on it.

    Parameters
    ----------
    picture
        The frame.
    handle
        With the channels that it shows.
    size
        Pixels of the longer side.
    scale_bar, legend
        Whether they are drawn.
    stamp
        Text at the top right.

    Returns
    -------
    numpy.ndarray
        uint8, shape (Y, X, 3).
    """
    picture = enlarge(picture, size)
    pixel_size = None
    if scale_bar and plane_letters(handle.dims) == "YX" and handle.pixel_size.X:
        # The whole width is shown, in however many pixels.
        pixel_size = handle.pixel_size.X * handle.dims.get("X", 1) / picture.shape[1]
    names: list[tuple[str, int]] = []
    if legend:
        names = list(zip(handle.channel_names, colors.choose_colors(handle.channels), strict=True))
    return annotate(picture, pixel_size=pixel_size, legend=names, stamp=stamp)
