"""``as_zarr_store``: any image as a store that programs of Zarr read.

Rule kept here: nothing is read when the store is made. zarr is imported on the first call.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from aicsio.errors import MissingDependencyError
from aicsio.records import ImageHandle
from aicsio.references.chunks import choose_grid
from aicsio.references.image import image_of
from aicsio.references.tree import make_tree
from aicsio.steps import verb

if TYPE_CHECKING:
    from aicsio.references.store import HandleStore

__all__ = ["as_zarr_store"]


@verb
def as_zarr_store(
    handle: ImageHandle,
    /,
    *,
    chunks: Mapping[str, int] | Literal["auto"] = "auto",
    contrast: Literal["auto", "pixels", "type"] = "auto",
) -> "HandleStore":
    """Show the scene in focus as an OME-Zarr 0.5, without a copy of its pixels.

    Parameters
    ----------
    handle
        An opened image of any format, local or remote. Without it, the call returns a step.
    chunks
        Sizes of chunks by letter; -1 takes all of a dimension. ``"auto"``: a plane of up to 8 MiB,
        or whole compressed tiles of a larger one up to 2 MiB, or several smaller planes up to
        1 MiB.
    contrast
        The contrast with which viewers begin. ``"pixels"``: from a plane of each channel at the
        smallest level, read when the root's document is requested. ``"type"``: the range of the
        pixel type. ``"auto"``: ``"pixels"`` of local images, ``"type"`` of remote ones, where
        each plane is a request.

    Returns
    -------
    HandleStore
        A read-only ``zarr.abc.store.Store`` of Zarr format 3. Its root is a multiscale group, with
        a group for each level: ``scale0/image`` is the array of the level in focus, with the
        dimensions ``t c z y x`` that the image has, ``scale1/image`` that of the next smaller level. Beside it
        are coordinates: names of channels, micrometres and seconds. Samples of RGB are channels.
        Chunks are raw little-endian pixels, read when they are requested.

    Raises
    ------
    DimensionError
        When the image has a dimension that OME-Zarr has not, or chunks do not fit.
    UnsupportedFormatError
        When Zarr has no such data type.
    MissingDependencyError
        When zarr is not installed.

    Notes
    -----
    Smaller levels are left out where Y or X is picked. Errors of reading, such as
    ``CorruptFileError``, are raised by the program's request for a chunk.

    Source of the layout: NGFF 0.5, "multiscales"; a group per level is how xarray's ``group=`` and
    ngff-zarr lay out levels, since arrays of one group share the sizes of their dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> import zarr
    >>> from aicsio import open_image
    >>> from aicsio.references import as_zarr_store
    >>> store = as_zarr_store(open_image(np.arange(6.0).reshape(2, 3), dims="YX"))
    >>> zarr.open_group(store, mode="r")["scale0/image"][1]
    array([3., 4., 5.])
    """
    try:
        from aicsio.references.store import HandleStore
    except ImportError as error:
        raise MissingDependencyError("as_zarr_store needs zarr: pip install 'zarr>=3'") from error
    image = image_of(handle)
    requested = {} if chunks == "auto" else dict(chunks)
    grids = [choose_grid(level.array, requested) for level in image.levels]
    source = handle.source
    measure = contrast == "pixels"
    if contrast == "auto":
        measure = source.local or source.content is not None
    return HandleStore(make_tree(image, grids, measure_contrast=measure))
