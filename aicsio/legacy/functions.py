"""``imread``, ``imread_dask``, ``imwrite``: the functions of the legacy face.

Rule kept here: one call of an ``AICSImage`` or of the writer, and nothing of their own.
"""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy.typing as npt

from aicsio.errors import ArgumentTypeError
from aicsio.legacy import inputs, tczyx, writing
from aicsio.legacy.image import AICSImage
from aicsio.records import ImageHandle
from aicsio.steps import select_scene
from aicsio.writers import WriteReport, write_scenes

if TYPE_CHECKING:
    import dask.array

__all__ = ["imread", "imread_dask", "imwrite"]


def imread(
    image: object, scene_id: str | SupportsIndex | None = None, **kwargs: Any
) -> npt.NDArray[Any]:
    """Read a scene of an image as TCZYX.

    Parameters
    ----------
    image, **kwargs
        As in ``AICSImage``.
    scene_id
        Name or index; left out, the first scene that has pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import imread
    >>> imread(np.zeros((3, 40, 50)), dim_order="ZYX").shape
    (1, 1, 3, 40, 50)
    """
    return _opened(image, scene_id, kwargs).data


def imwrite(
    uri: str | os.PathLike[str],
    image: object,
    *,
    dim_order: inputs.DimOrder = None,
    channel_names: inputs.Names = None,
    image_names: str | Sequence[str] | None = None,
    physical_pixel_sizes: inputs.Sizes = None,
    channel_colors: Sequence[Any] | None = None,
    **kwargs: Any,
) -> WriteReport:
    """Write an image as OME-TIFF, in place of what is at ``uri``.

    The file comes first, as in tifffile and imageio; the names of the options are those of AICSImageIO.

    Parameters
    ----------
    uri
        Path of the file.
    image
        numpy or dask array, xarray ``DataArray``, an ``AICSImage`` (all its scenes, as ``save`` does), a handle (what
        is in focus), or a list of arrays or handles (one scene each).
    dim_order, channel_names, physical_pixel_sizes
        Of arrays, as in ``AICSImage``. Without ``dim_order``, uint8 of shape (Y, X, 3 or 4) is a picture in colours.
    image_names
        Names of the scenes.
    channel_colors
        One for each channel: ``"#RRGGBB"`` or (red, green, blue) from 0 to 255.
    **kwargs
        Options of ``write_scenes``: ``compression``, ``levels``, ``overwrite=False``, ...

    Returns
    -------
    WriteReport
        What was written, and what could not be kept.

    Raises
    ------
    DimensionError
        For dimensions that OME-TIFF lacks.
    WriteError
        When it cannot be written; what was there is as it was.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from aicsio import imread, imwrite
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = imwrite(os.path.join(folder, "a.ome.tiff"), np.zeros((2, 40, 50), np.uint8), dim_order="CYX")
    ...     imread(report.path).shape
    (1, 2, 1, 40, 50)
    """
    if not isinstance(uri, str | os.PathLike):
        raise ArgumentTypeError(
            f"imwrite takes the file first, imwrite('a.ome.tiff', image), not a {type(uri).__name__}"
        )
    images = image if isinstance(image, list | tuple) else [image]
    handles = [each for each in images if isinstance(each, ImageHandle)]
    if isinstance(image, AICSImage):
        handles = [
            tczyx.unfolded(select_scene(image.handle, index)) for index in range(len(image.scenes))
        ]
    elif not handles or len(handles) < len(images):
        handles = writing.to_write(image, dim_order, channel_names, physical_pixel_sizes)
    colors = writing.packed_colors(channel_colors)
    options = {"overwrite": True, "scene_names": image_names, "channel_colors": colors, **kwargs}
    return write_scenes(handles, uri, **options)


def imread_dask(
    image: object, scene_id: str | SupportsIndex | None = None, **kwargs: Any
) -> "dask.array.Array":
    """Show a scene of an image as a dask array, TCZYX, read when it is computed.

    Parameters
    ----------
    image, scene_id, **kwargs
        As in ``imread``.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import imread_dask
    >>> imread_dask(np.ones((3, 40, 50)), dim_order="ZYX")[0, 0].sum().compute()
    np.float64(6000.0)
    """
    return _opened(image, scene_id, kwargs).dask_data


def _opened(
    image: object, scene_id: str | SupportsIndex | None, options: Mapping[str, Any]
) -> AICSImage:
    img = AICSImage(image, **options)
    if scene_id is not None:
        img.set_scene(scene_id)
    return img
