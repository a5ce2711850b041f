"""Images of ``imwrite`` as handles to write.

Rule kept here: arrays have the dims of AICSImageIO, with one exception: uint8 with a last axis of 3
or 4 is a colour picture, as in tifffile and imageio.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from aicsio._checks import check_arguments
from aicsio.errors import ArgumentTypeError
from aicsio.legacy import inputs
from aicsio.records import ImageHandle
from aicsio.steps import select_scene
from aicsio.writers import WriteReport, ZarrReport, write_ome_zarr, write_scenes
from aicsio.writers.target_names import names_zarr

__all__ = ["open_for_writing", "pack_colors", "write_as_named"]


def open_for_writing(
    image: object, dims: inputs.DimOrder, names: inputs.Names, sizes: inputs.Sizes
) -> list[ImageHandle]:
    """Open an image that is written; return a handle for each scene.

    Parameters
    ----------
    image, dims, names, sizes
        As in ``imwrite``.
    """
    # Each array is guessed on its own: a colour picture may stand beside a stack.
    if dims is None and isinstance(image, list | tuple):
        guesses = list(map(_guess_dims, image))
        dims = guesses if any(guesses) else None
    elif dims is None:
        dims = _guess_dims(image)
    handle = inputs.open_legacy(
        image, format=None, tiles=False, storage_options=None, dims=dims, names=names, sizes=sizes
    )
    return [select_scene(handle, index) for index in range(len(handle.scenes))]


def write_as_named(
    handles: Sequence[ImageHandle],
    uri: str | os.PathLike[str],
    options: Mapping[str, Any],
    name: str,
) -> WriteReport | ZarrReport:
    """Write OME-Zarr under a name that ends in ``.zarr``, ``.ozx`` or ``.zarr.zip``, else OME-TIFF.

    Parameters
    ----------
    handles
        A scene each.
    uri
        Path of the file or store.
    options
        Options of ``write_scenes`` or ``write_ome_zarr``.
    name
        Name of the function that the user called, for errors.
    """
    write: Any = write_ome_zarr if names_zarr(uri) else write_scenes
    check_arguments(write, (handles, uri), options, name=name)
    report: WriteReport | ZarrReport = write(handles, uri, **options)
    return report


def _guess_dims(array: Any) -> str | None:
    """Return the letters of a colour picture; ``None`` leaves the guess to ``open_image``."""
    shape: tuple[int, ...] = getattr(array, "shape", ())
    has_names = getattr(array, "dims", None) is not None
    if has_names or len(shape) != 3 or shape[-1] not in {3, 4}:
        return None
    # Stacks of other types with three columns are rare, but they are no pictures.
    return "YXS" if np.dtype(array.dtype) == np.uint8 else None


def pack_colors(colors: Sequence[Any] | None) -> list[Any] | None:
    """Convert colours of AICSImageIO, (red, green, blue), to 0xRRGGBBAA; others are unchanged.

    Raises
    ------
    ArgumentTypeError
        When a colour does not have three or four numbers from 0 to 255.
    """
    if colors is None:
        return None
    if isinstance(colors, str) or not isinstance(colors, Iterable):
        raise ArgumentTypeError(f"channel_colors={colors!r}: give a list, one colour per channel")
    return list(map(_pack, colors))


def _pack(color: Any) -> Any:
    # The writer itself checks texts and numbers.
    if color is None or isinstance(color, str | int | np.integer):
        return color
    try:
        parts = list(map(int, color))
    except (TypeError, ValueError):
        parts = []
    if len(parts) not in {3, 4} or not 0 <= min(parts) <= max(parts) <= 255:
        raise ArgumentTypeError(
            f"{color!r} is no colour: give (red, green, blue) from 0 to 255, or '#RRGGBB'"
        )
    red, green, blue, *alpha = parts
    # 0xRRGGBBAA: alpha is the lowest byte, and a colour without it is opaque.
    return int.from_bytes((red, green, blue, *(alpha or [255])), "big")
