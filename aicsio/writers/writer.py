"""What the writer classes of AICSImageIO have in common: arrays and their options as handles.

Rule kept here: a class has the signature that scripts call; a function of the room writes.

Source of the facts: AICSImageIO 4.14 (``writers``).
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from aicsio._io.urls import is_url, public_url
from aicsio.errors import DimensionError, WriteError
from aicsio.opening import open_image
from aicsio.records import ImageHandle, PixelSize

__all__ = ["ArrayWriter", "Writer"]


class ArrayWriter(ABC):
    """Base of the writer classes."""

    @staticmethod
    @abstractmethod
    def save(data: Any, uri: str | os.PathLike[str], dim_order: str | None = None) -> None:
        """Write an array.

        Parameters
        ----------
        data
            numpy or dask array.
        uri
            Path of the file; an existing one is replaced.
        dim_order
            Letters of the axes.
        """


Writer = ArrayWriter
"""The name that scripts know."""


def open_scene(
    array: Any, dims: str | None, names: Sequence[str] | None, sizes: Sequence[float | None] | None
) -> ImageHandle:
    """Open an array that is written.

    Parameters
    ----------
    array
        numpy or dask array.
    dims, names, sizes
        ``dims``, ``channel_names`` and ``pixel_size`` of ``open_image``. A size of 0 is unknown.

    Raises
    ------
    DimensionError
        When they do not fit the array.
    """
    known = None if sizes is None else PixelSize(*(size or None for size in sizes))
    return open_image(array, dims=dims, channel_names=names, pixel_size=known)


def with_colors(handle: ImageHandle, colors: Sequence[Sequence[int]] | None) -> ImageHandle:
    """Give the channels of an image colours.

    Parameters
    ----------
    handle
        The image.
    colors
        Red, green and blue from 0 to 255 for each channel; ``None`` leaves them.

    Raises
    ------
    DimensionError
        When there are more or fewer colours than channels.
    """
    if colors is None:
        return handle
    count = handle.dims.get("C", 1)
    if len(colors) != count:
        raise DimensionError(f"{len(colors)} colours for {count} channels: give one each")
    channels = []
    for channel, (red, green, blue) in zip(handle.channels, colors, strict=True):
        # 0xRRGGBBAA: alpha is the lowest byte.
        color = int.from_bytes((red, green, blue, 255), "big")
        channels.append(attrs.evolve(channel, color=color))
    scene = attrs.evolve(handle.scene, channels=tuple(channels))
    contents = attrs.evolve(handle.contents, scenes=(scene,))
    return attrs.evolve(handle, contents=contents)


def for_each(value: Any, count: int, name: str) -> list[Any]:
    """Return a value for each image: one for all, or a list with one each.

    Parameters
    ----------
    value
        A list of as many values as there are images, or a value.
    count
        Number of images.
    name
        Of the option, for the error.

    Raises
    ------
    DimensionError
        When the list has another length.
    """
    if not isinstance(value, list):
        return [value] * count
    if len(value) != count:
        raise DimensionError(
            f"{len(value)} {name} for {count} images: give one for all, or one each"
        )
    return value


def to_frame_order(
    data: Any, dim_order: str | None, orders: Mapping[int, str], name: str
) -> tuple[Any, str]:
    """Return an array in the order that a picture or movie has, and the order.

    Parameters
    ----------
    data
        numpy or dask array.
    dim_order
        Letters of its axes; ``None`` for the order of its rank.
    orders
        Order by rank.
    name
        Of the class, for errors.

    Raises
    ------
    DimensionError
        When the array has another rank, or the letters are others.
    """
    rank = len(data.shape)
    if rank not in orders:
        accepted = " or ".join(orders.values())
        raise DimensionError(f"{name} writes {accepted}, and the array has shape {data.shape}")
    order = orders[rank]
    letters = (dim_order or order).upper()
    if sorted(letters) != sorted(order):
        raise DimensionError(f"dim_order={dim_order!r}: {name} writes the letters of {order!r}")
    return data.transpose([letters.index(letter) for letter in order]), order


def require_local(uri: str | os.PathLike[str], name: str) -> None:
    """Refuse a URL where a path is needed.

    Raises
    ------
    WriteError
        When ``uri`` is a URL.
    """
    path = os.fsdecode(uri)
    if is_url(path):
        raise WriteError(
            f"{name} writes local files: write one, and copy it to {public_url(path)!r}"
        )


def is_colors(value: Any) -> bool:
    """Return whether a value is the colours of one image: sequences of numbers."""
    first = next((each for each in value if each is not None), None)
    return isinstance(first, Iterable) and all(isinstance(part, int | np.integer) for part in first)
