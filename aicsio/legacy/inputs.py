"""What AICSImageIO took for an image, and the names it gave to options, as one handle of ours.

A list of arrays is a list of scenes; a list given for an option then holds one value a scene. A list of files, or a
glob, is one image: four numbers in each name are scene, T, C and Z; otherwise the files are joined along T. What an
xarray says of its dimensions, channels and pixel sizes counts where the caller says nothing.

Source of the facts: AICSImageIO 4 (``AICSImage``, ``ArrayLikeReader``, ``TiffReader``, ``TiffGlobReader``).
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, SupportsFloat, TypeAlias

import attrs
import numpy as np

from aicsio import joining
from aicsio._ome.units import micrometres_per
from aicsio.errors import ArgumentTypeError, DimensionError
from aicsio.joining import file_names, groups
from aicsio.joining.files import FileOptions
from aicsio.opening import open_image
from aicsio.records import ImageHandle, PixelSize

DimOrder: TypeAlias = str | Sequence[str | None] | None
Names: TypeAlias = Sequence[str] | Sequence[Sequence[str] | None] | None
Sizes: TypeAlias = (
    PixelSize | Sequence[SupportsFloat | None] | Mapping[str, SupportsFloat | None] | None
)


@attrs.frozen(eq=False)
class _Array:
    """One array of the caller, and what it says of itself."""

    pixels: Any
    """numpy or dask array."""
    dims: str | None = None
    """Letters; ``None`` where it has none."""
    names: tuple[str, ...] | None = None
    """Channel names."""
    pixel_size: PixelSize | None = None
    """Micrometres."""


def open_legacy(
    image: object,
    *,
    format: str | None,
    tiles: bool,
    storage_options: Mapping[str, Any] | None,
    dims: DimOrder,
    names: Names,
    sizes: Sizes,
) -> ImageHandle:
    """Open what ``AICSImage`` takes.

    Raises
    ------
    DimensionError
        When options do not fit the image, or one another.
    """
    size = _pixel_size(sizes)
    files = _files_of(image, storage_options)
    if files is not None:
        one = _one(dims, "dim_order")
        options = FileOptions(
            format=format,
            mosaic="tiles" if tiles else "stitched",
            dims=one,
            storage_options=storage_options,
        )
        grids = groups.group_by_four_numbers(files) or groups.group_in_order(files, "T")
        return joining.join_files(
            grids, image, options, channel_names=_names(names, 0, 1), pixel_size=size
        )
    if not isinstance(image, list | tuple):
        if _is_xarray(image):
            return _open_array(image, _one(dims, "dim_order"), _names(names, 0, 1), size)
        return open_image(
            image,
            format=format,
            mosaic="tiles" if tiles else "stitched",
            dims=_one(dims, "dim_order"),
            channel_names=_names(names, 0, 1),
            pixel_size=size,
            storage_options=storage_options,
        )
    if not image:
        raise ArgumentTypeError("an empty list is no image: give at least one array")
    count = len(image)
    orders: Sequence[str | None] = (
        (dims,) * count if dims is None or isinstance(dims, str) else dims
    )
    if len(orders) != count:
        raise DimensionError(
            f"{len(orders)} dim_order for {count} arrays: give one for all, or one each"
        )
    opened = [
        _open_array(each, orders[i], _names(names, i, count), size) for i, each in enumerate(image)
    ]
    scenes = tuple(attrs.evolve(handle.scene, name=f"Image:{i}") for i, handle in enumerate(opened))
    notes = tuple(note for handle in opened for note in handle.contents.diagnostics)
    return attrs.evolve(
        opened[0], contents=attrs.evolve(opened[0].contents, scenes=scenes, diagnostics=notes)
    )


def _files_of(image: object, storage_options: Mapping[str, Any] | None) -> list[str] | None:
    """Names of the files where there may be many: of a list of paths, and those that a glob finds."""
    if (
        isinstance(image, list | tuple)
        and image
        and all(isinstance(each, str | os.PathLike) for each in image)
    ):
        return [os.fspath(each) for each in image]
    name = os.fspath(image) if isinstance(image, str | os.PathLike) else b""
    return (
        file_names.find_files(name, storage_options)
        if isinstance(name, str) and file_names.is_glob(name)
        else None
    )


def _open_array(
    array: object, dims: str | None, names: Sequence[str] | None, pixel_size: PixelSize | None
) -> ImageHandle:
    told = _of_xarray(array) if _is_xarray(array) else _Array(array)
    return open_image(
        told.pixels,
        dims=told.dims or dims,
        channel_names=told.names or names,
        pixel_size=pixel_size or told.pixel_size,
    )


# ---------------------------------------------------------------- options


def _one(value: DimOrder, option: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    kinds = set(value)
    if len(kinds) != 1:
        raise DimensionError(
            f"{option}={list(value)!r} differs by scene: only arrays can be named one by one"
        )
    return kinds.pop()


def _names(value: Names, index: int, count: int) -> Sequence[str] | None:
    """Names for one scene, of names for all or a list of lists."""
    if not value:
        return None
    if isinstance(value, str):
        return (value,)
    shared = [item for item in value if isinstance(item, str)]
    if shared:
        return shared
    each = [item for item in value if not isinstance(item, str)]
    if len(each) != count:
        raise DimensionError(
            f"{len(each)} lists of channel names for {count} images: give one for all, or one each"
        )
    return each[index]


def _pixel_size(value: Sizes) -> PixelSize | None:
    if value is None or isinstance(value, PixelSize):
        return value
    sizes = [value.get(letter) for letter in "ZYX"] if isinstance(value, Mapping) else list(value)
    if len(sizes) != 3:
        raise DimensionError(f"physical_pixel_sizes={value!r}: give three numbers, for Z, Y and X")
    return PixelSize(*(None if size is None else float(size) for size in sizes))


# ---------------------------------------------------------------- xarray


def _is_xarray(value: object) -> bool:
    xarray = sys.modules.get("xarray")  # whoever has one has imported it
    return xarray is not None and isinstance(value, xarray.DataArray)


def _of_xarray(array: Any) -> _Array:
    if not array.dims or array.dims[0] == "dim_0":  # xarray's own names for axes without one
        return _Array(array.data)
    letters = [str(name).upper() for name in array.dims]
    if any(len(letter) != 1 for letter in letters):
        raise DimensionError(
            f"dims {array.dims} of the xarray: rename them to one letter each, such as T, C, Z, Y, X"
        )
    by_letter = {str(name).upper(): coordinate for name, coordinate in array.coords.items()}
    names = tuple(map(str, np.atleast_1d(by_letter["C"].values))) if "C" in by_letter else None
    size = PixelSize(*(_step(by_letter[c]) if c in by_letter else None for c in "ZYX"))
    return _Array(array.data, "".join(letters), names, None if size == PixelSize() else size)


def _step(coordinate: Any) -> float | None:
    """Distance between evenly spaced positions in micrometres."""
    values = np.asarray(coordinate.values)
    if values.ndim != 1 or len(values) < 2 or values.dtype.kind not in "iuf":
        return None
    unit = coordinate.attrs.get("units")
    # AICSImageIO wrote positions in micrometres and no unit.
    factor = 1.0 if unit is None else micrometres_per(str(unit))
    if factor is None:
        return None
    steps = np.diff(values.astype(float)) * factor
    return float(steps[0]) if steps[0] > 0 and np.allclose(steps, steps[0]) else None
