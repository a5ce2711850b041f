"""``TimeseriesWriter`` of AICSImageIO, which calls ``write_movie``.

Rule kept here: ``write_movie`` writes; the frames are the pixels, without scale bar and time stamp.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from aicsio._checks import checked
from aicsio.opening import open_image
from aicsio.writers.movies import write_movie
from aicsio.writers.writer import ArrayWriter, require_local, to_frame_order

__all__ = ["TimeseriesWriter"]


class TimeseriesWriter(ArrayWriter):
    """Writes gray and colour arrays as movies: MP4 or GIF."""

    DIM_ORDERS: ClassVar[Mapping[int, str]] = {3: "TYX", 4: "TYXS"}
    """Order of the axes by their number."""

    @staticmethod
    @checked
    def save(
        data: Any,
        uri: str | os.PathLike[str],
        dim_order: str | None = None,
        fps: float = 24,
        fs_kwargs: Mapping[str, Any] | None = None,  # noqa: ARG004 - it writes local files
        **kwargs: Any,
    ) -> None:
        """Write an array as a movie, a frame for each position of T.

        Parameters
        ----------
        data
            numpy or dask array of three axes, or four with S of 3 or 4 positions.
        uri
            Path that ends in ``.mp4`` or ``.gif``; an existing file is replaced.
        dim_order
            Letters of T, Y, X and S, in any order; by default TYX or TYXS.
        fps
            Frames per second.
        fs_kwargs
            Not needed: the file is a local one.
        **kwargs
            Options of ``write_movie``. By default the whole range of the type is shown, from black
            to white.

        Raises
        ------
        DimensionError
            When the array has another rank, or the letters are others.
        WriteError
            When the suffix is another, or it cannot be written.

        Examples
        --------
        >>> import numpy as np, os, tempfile
        >>> from aicsio import imread
        >>> from aicsio.writers import TimeseriesWriter
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "a.mp4")
        ...     TimeseriesWriter.save(np.zeros((5, 64, 80), np.uint8), path)
        ...     imread(path).shape
        (5, 3, 1, 64, 80)
        """
        require_local(uri, "TimeseriesWriter")
        orders = TimeseriesWriter.DIM_ORDERS
        frames, order = to_frame_order(data, dim_order, orders, "TimeseriesWriter")
        options: dict[str, Any] = {
            "contrast": "full",
            "scale_bar": False,
            "stamp": False,
            "overwrite": True,
            "size": max(frames.shape[1:3]),
            **kwargs,
        }
        write_movie(
            open_image(frames, dims=order), Path(uri), along="T", frames_per_second=fps, **options
        )
