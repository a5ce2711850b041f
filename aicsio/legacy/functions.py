"""``imread`` in four kinds, and ``imwrite``: the functions of the legacy face.

Rule kept here: each function is one call of an ``AICSImage`` or of the writer.
"""

import os
from collections.abc import Sequence
from typing import Annotated, Any, SupportsIndex, Unpack

from aicsio._checks import checked
from aicsio.arrays.ranked import DaskPixels5, XarrayPixels5
from aicsio.legacy import inputs, tczyx, writing
from aicsio.legacy.image import AICSImage
from aicsio.records import ImageHandle
from aicsio.records.shapes import Pixels5
from aicsio.steps import select_scene
from aicsio.writers import WriteReport, ZarrReport

__all__ = ["imread", "imread_dask", "imread_xarray", "imread_xarray_dask", "imwrite"]


@checked
def imread(
    image: object,
    scene_id: str | SupportsIndex | None = None,
    **kwargs: Unpack[inputs.ImageOptions],
) -> Pixels5:
    """Read a scene of an image as TCZYX.

    Parameters
    ----------
    image, **kwargs
        As in ``AICSImage``.
    scene_id
        Name or index; by default the first scene that has pixels.

    Returns
    -------
    numpy.ndarray
        All pixels of the scene, TCZYX.

    Raises
    ------
    SceneError
        When there is no such scene.
    SourceNotFoundError, UnsupportedFormatError, CorruptFileError, DimensionError
        As by ``AICSImage``.
    ImageTooLargeError
        When the pixels do not fit into the free memory.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import imread
    >>> imread(np.zeros((3, 40, 50)), dim_order="ZYX").shape
    (1, 1, 3, 40, 50)
    """
    return _open_scene(image, scene_id, kwargs).data


@checked
def imwrite(
    uri: Annotated[str | os.PathLike[str], "the file first, imwrite('a.ome.tiff', image)"],
    image: object,
    *,
    dim_order: inputs.DimOrder = None,
    channel_names: inputs.Names = None,
    image_names: str | Sequence[str] | None = None,
    physical_pixel_sizes: inputs.Sizes = None,
    channel_colors: Annotated[Sequence[Any] | None, "a list, one colour per channel"] = None,
    **kwargs: Any,
) -> WriteReport | ZarrReport:
    """Write an image as OME-TIFF or OME-Zarr; an existing file at ``uri`` is replaced.

    The file comes first, as in tifffile and imageio; the options have their names of AICSImageIO.

    Parameters
    ----------
    uri
        Path of the file; a name that ends in ``.zarr`` or ``.ozx`` is an OME-Zarr.
    image
        numpy or dask array, xarray ``DataArray``, an ``AICSImage`` (all its scenes, as ``save``
        does), a handle (the array in focus), or a list of arrays or handles (one scene each).
    dim_order, channel_names, physical_pixel_sizes
        For arrays, as in ``AICSImage``. Without ``dim_order``, uint8 of shape (Y, X, 3 or 4) is a
        colour picture.
    image_names
        Names of the scenes.
    channel_colors
        One for each channel: ``"#RRGGBB"`` or (red, green, blue) from 0 to 255.
    **kwargs
        Options of ``write_scenes``, or for an OME-Zarr of ``write_ome_zarr``: ``compression``,
        ``levels``, ``overwrite=False``, ...

    Returns
    -------
    WriteReport or ZarrReport
        Path, shape and type of the file; ``not_kept`` lists metadata that it lacks.

    Raises
    ------
    ArgumentTypeError
        When the arguments are in the order of ``OmeTiffWriter.save``, or a colour is invalid.
    DimensionError
        When the image has dimensions that OME-TIFF lacks.
    WriteError
        When it cannot be written, or its name is that of another format; an existing file is
        unchanged then.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from aicsio import imread, imwrite
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "a.ome.tiff")
    ...     report = imwrite(path, np.zeros((2, 40, 50), np.uint8), dim_order="CYX")
    ...     imread(report.path).shape
    (1, 2, 1, 40, 50)
    """
    images = image if isinstance(image, list | tuple) else [image]
    # Handles are written as they are; arrays are opened first, with the options for arrays.
    handles = [each for each in images if isinstance(each, ImageHandle)]
    if isinstance(image, AICSImage):
        # With S: samples of a colour picture are written as such, not as three channels.
        scenes = range(len(image.scenes))
        handles = [tczyx.to_tczyxs(select_scene(image.handle, index)) for index in scenes]
    elif not handles or len(handles) < len(images):
        handles = writing.open_for_writing(image, dim_order, channel_names, physical_pixel_sizes)
    colors = writing.pack_colors(channel_colors)
    # As in AICSImageIO an existing file is replaced; the caller's own option comes last.
    options = {"overwrite": True, "scene_names": image_names, "channel_colors": colors, **kwargs}
    return writing.write_as_named(handles, uri, options, "imwrite")


@checked
def imread_dask(
    image: object,
    scene_id: str | SupportsIndex | None = None,
    **kwargs: Unpack[inputs.ImageOptions],
) -> DaskPixels5:
    """Show a scene of an image as a dask array, TCZYX; it is read when it is computed.

    Parameters
    ----------
    image, scene_id, **kwargs
        As in ``imread``.

    Returns
    -------
    dask.array.Array
        All pixels of the scene, TCZYX.

    Raises
    ------
    SceneError
        When there is no such scene.
    SourceNotFoundError, UnsupportedFormatError, CorruptFileError, DimensionError
        As by ``AICSImage``.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import imread_dask
    >>> imread_dask(np.ones((3, 40, 50)), dim_order="ZYX")[0, 0].sum().compute()
    np.float64(6000.0)
    """
    return _open_scene(image, scene_id, kwargs).dask_data


@checked
def imread_xarray(
    image: object,
    scene_id: str | SupportsIndex | None = None,
    **kwargs: Unpack[inputs.ImageOptions],
) -> XarrayPixels5:
    """Read a scene of an image as TCZYX with coordinates.

    Parameters
    ----------
    image, scene_id, **kwargs
        As in ``imread``.

    Returns
    -------
    xarray.DataArray
        ``AICSImage.xarray_data`` of the scene.

    Raises
    ------
    SceneError
        When there is no such scene.
    SourceNotFoundError, UnsupportedFormatError, CorruptFileError, DimensionError
        As by ``AICSImage``.
    MissingDependencyError
        When xarray is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import imread_xarray
    >>> imread_xarray(np.ones((2, 40, 50)), dim_order="CYX", channel_names=["a", "b"]).C.values.tolist()
    ['a', 'b']
    """
    return _open_scene(image, scene_id, kwargs).xarray_data


@checked
def imread_xarray_dask(
    image: object,
    scene_id: str | SupportsIndex | None = None,
    **kwargs: Unpack[inputs.ImageOptions],
) -> XarrayPixels5:
    """Show a scene of an image as TCZYX with coordinates; it is read when it is computed.

    Parameters
    ----------
    image, scene_id, **kwargs
        As in ``imread``.

    Returns
    -------
    xarray.DataArray
        ``AICSImage.xarray_dask_data`` of the scene.

    Raises
    ------
    SceneError
        When there is no such scene.
    SourceNotFoundError, UnsupportedFormatError, CorruptFileError, DimensionError
        As by ``AICSImage``.
    MissingDependencyError
        When xarray is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import imread_xarray_dask
    >>> imread_xarray_dask(np.ones((2, 40, 50)), dim_order="CYX", channel_names=["a", "b"]).C.values.tolist()
    ['a', 'b']
    """
    return _open_scene(image, scene_id, kwargs).xarray_dask_data


def _open_scene(
    image: object, scene_id: str | SupportsIndex | None, options: inputs.ImageOptions
) -> AICSImage:
    img = AICSImage(image, **options)
    if scene_id is not None:
        img.set_scene(scene_id)
    return img
