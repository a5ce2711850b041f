"""``TwoDWriter`` of AICSImageIO: an array as a picture, pixel by pixel.

Rule kept here: the pixels are written as they are; ``write_picture`` draws with contrast and colours.
"""

import os
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from aicsio._checks import checked
from aicsio._io.urls import hide_secrets
from aicsio.errors import AicsioError, WriteError
from aicsio.writers import _atomic_file
from aicsio.writers.writer import ArrayWriter, require_local, to_frame_order

__all__ = ["TwoDWriter"]

BYTES_ALONE = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"})
"""Formats without floats."""


class TwoDWriter(ArrayWriter):
    """Writes gray and colour arrays as PNG, BMP, JPEG and all else that imageio writes."""

    DIM_ORDERS: ClassVar[Mapping[int, str]] = {2: "YX", 3: "YXS"}
    """Order of the axes by their number."""

    @staticmethod
    @checked
    def save(
        data: Any,
        uri: str | os.PathLike[str],
        dim_order: str | None = None,
        fs_kwargs: Mapping[str, Any] | None = None,  # noqa: ARG004 - it writes local files
        **kwargs: Any,
    ) -> None:
        """Write an array as a picture.

        Parameters
        ----------
        data
            numpy or dask array of two axes, or three with S of 3 or 4 positions. Floats become
            bytes where the format has none: those from 0 to 1 times 255, others by their own range.
        uri
            Path of the file, whose suffix is the format; an existing one is replaced.
        dim_order
            Letters of Y, X and S, in any order; by default YX or YXS.
        fs_kwargs
            Not needed: the file is a local one.
        **kwargs
            Options of ``imageio.v3.imwrite``, such as ``quality`` for JPEG.

        Raises
        ------
        DimensionError
            When the array has another rank, or the letters are others.
        WriteError
            When its name has no suffix, or imageio cannot write it; an existing file is unchanged then.

        Examples
        --------
        >>> import numpy as np, os, tempfile
        >>> from aicsio import imread
        >>> from aicsio.writers import TwoDWriter
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "a.png")
        ...     TwoDWriter.save(np.zeros((3, 40, 50), np.uint8), path, dim_order="SYX")
        ...     imread(path).shape
        (1, 3, 1, 40, 50)
        """
        import imageio.v3 as iio

        require_local(uri, "TwoDWriter")
        frame, _ = to_frame_order(data, dim_order, TwoDWriter.DIM_ORDERS, "TwoDWriter")
        suffix = os.path.splitext(os.fsdecode(uri))[1]
        if not suffix:
            text = (
                f"{os.fspath(uri)!r} has no suffix, which gives the format: .png, .jpg, .tif, ..."
            )
            raise WriteError(hide_secrets(text))
        try:
            pixels = np.asarray(frame)
            if pixels.dtype.kind == "f" and suffix.lower() in BYTES_ALONE:
                from imageio.core.util import image_as_uint

                convert: Any = image_as_uint  # it has no types
                # As in AICSImageIO: 0 to 1, or else the range of the array, becomes 0 to 255. It
                # logs a warning.
                pixels = convert(pixels, bitdepth=8)
            encoded = iio.imwrite("<bytes>", pixels, extension=suffix, **kwargs)
        except AicsioError:
            raise
        # imageio and its plugins raise errors of every kind.
        except Exception as error:
            text = f"{os.fspath(uri)!r}: imageio cannot write it: {error}"
            raise WriteError(hide_secrets(text)) from error
        target = _atomic_file.check_target(uri, overwrite=True)
        with _atomic_file.replacing(target, overwrite=True, sync=True) as output:
            output.write_at(0, encoded)
