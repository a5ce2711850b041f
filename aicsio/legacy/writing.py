"""What ``imwrite`` takes for an image, as handles to write.

Rule kept here: an array is what AICSImageIO took it for, but for one: bytes with a last axis of 3 or 4 are a picture in
colours, as tifffile and imageio take them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from aicsio.errors import ArgumentTypeError
from aicsio.legacy import inputs
from aicsio.records import ImageHandle
from aicsio.steps import select_scene


def to_write(
    image: object, dims: inputs.DimOrder, names: inputs.Names, sizes: inputs.Sizes
) -> list[ImageHandle]:
    """Open what is to be written, a handle for each scene."""
    if dims is None:
        images = image if isinstance(image, list | tuple) else [image]
        guesses = [_guess(each) for each in images]
        dims = (
            guesses
            if any(guesses) and isinstance(image, list | tuple)
            else guesses[0]
            if guesses
            else None
        )
    handle = inputs.open_legacy(
        image, format=None, tiles=False, storage_options=None, dims=dims, names=names, sizes=sizes
    )
    return [select_scene(handle, index) for index in range(len(handle.scenes))]


def _guess(array: Any) -> str | None:
    """Letters of a picture in colours; ``None`` leaves the guess to AICSImageIO's customs."""
    shape: tuple[int, ...] = getattr(array, "shape", ())
    named = getattr(array, "dims", None)
    if (
        named is not None
        or len(shape) != 3
        or shape[-1] not in {3, 4}
        or np.dtype(array.dtype) != np.uint8
    ):
        return None
    return "YXS"


def packed_colors(colors: Sequence[Any] | None) -> list[Any] | None:
    """Colours as AICSImageIO took them, (red, green, blue), in the form of the writer; others as they are."""
    if colors is None:
        return None
    return [
        color if color is None or isinstance(color, str | int) else _packed(color)
        for color in colors
    ]


def _packed(color: Sequence[int]) -> int:
    if len(color) not in {3, 4} or not all(0 <= int(part) <= 255 for part in color):
        raise ArgumentTypeError(
            f"{color!r} is no colour: give (red, green, blue) from 0 to 255, or '#RRGGBB'"
        )
    red, green, blue, *alpha = map(int, color)
    return red << 24 | green << 16 | blue << 8 | (alpha[0] if alpha else 255)
