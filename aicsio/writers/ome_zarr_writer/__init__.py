"""``OmeZarrWriter`` of AICSImageIO, which calls ``write_ome_zarr``. Imports `writers` and `opening`.

Rule kept here: ``write_ome_zarr`` writes; what AICSImageIO's arguments mean is decided here.
"""

import os
from collections.abc import Sequence
from typing import Any

from aicsio._checks import checked
from aicsio.errors import DimensionError
from aicsio.writers.ome_zarr import write_ome_zarr
from aicsio.writers.writer import open_scene

__all__ = ["OmeZarrWriter"]


class OmeZarrWriter:
    """Writes an array as OME-Zarr 0.4, the version that AICSImageIO wrote.

    Parameters
    ----------
    uri
        Path or URL of the store; an existing image is replaced.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from aicsio import imread
    >>> from aicsio.writers import OmeZarrWriter
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "a.ome.zarr")
    ...     OmeZarrWriter(path).write_image(np.zeros((2, 40, 50), np.uint8), "a", dimension_order="CYX")
    ...     imread(path).shape
    (1, 2, 1, 40, 50)
    """

    @checked
    def __init__(self, uri: str | os.PathLike[str]) -> None:
        self.uri = uri

    @checked
    def write_image(
        self,
        image_data: Any,
        image_name: str,
        physical_pixel_sizes: Sequence[float | None] | None = None,
        channel_names: Sequence[str] | None = None,
        channel_colors: Sequence[int] | None = None,
        chunk_dims: Sequence[int] | None = None,
        scale_num_levels: int = 1,
        scale_factor: float = 2.0,
        dimension_order: str | None = None,
    ) -> None:
        """Write an array as the image of the store.

        Parameters
        ----------
        image_data
            numpy or dask array of 2 to 5 dimensions.
        image_name
            Name of the image.
        physical_pixel_sizes
            Micrometres along Z, Y and X.
        channel_names
            Names along C.
        channel_colors
            0xRRGGBB for each channel.
        chunk_dims
            Size of a chunk along each axis.
        scale_num_levels
            Number of resolution levels, the full one included.
        scale_factor
            2: a level has half the rows and columns of the one before, as OME-Zarr recommends.
        dimension_order
            Letters of T, C, Z, Y, X; by default the last of them. The store has them in this order.

        Raises
        ------
        DimensionError
            When the array has another rank, the letters do not fit, or ``scale_factor`` is not 2.
        WriteError
            When it cannot be written; an existing store is unchanged then.
        """
        shape = image_data.shape
        if not 2 <= len(shape) <= 5:
            raise DimensionError(f"the array has shape {shape}: give 2 to 5 of T, C, Z, Y, X")
        if chunk_dims is not None and len(chunk_dims) != len(shape):
            raise DimensionError(
                f"chunk_dims={chunk_dims!r} for the shape {shape}: give one size each"
            )
        if scale_num_levels > 1 and scale_factor != 2:
            raise DimensionError(
                f"scale_factor={scale_factor!r}: levels halve rows and columns; give 2, and more of them"
            )
        handle = open_scene(image_data, dimension_order, channel_names, physical_pixel_sizes)
        options: dict[str, Any] = {
            "levels": scale_num_levels,
            "scene_names": image_name or "Image:0",
        }
        if channel_colors is not None:
            options["channel_colors"] = [f"#{color:06x}" for color in channel_colors]
        if chunk_dims is not None:
            options["chunks"] = dict(zip(handle.dims.order, chunk_dims, strict=True))
        write_ome_zarr(handle, self.uri, version="0.4", overwrite=True, **options)
