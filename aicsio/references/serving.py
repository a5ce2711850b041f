"""``as_zarr_store``: any image as a store that programs of Zarr read.

Rule kept here: nothing is read when the store is made. zarr is imported on the first call.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, SupportsIndex, overload

from aicsio.errors import MissingDependencyError
from aicsio.records import ImageHandle
from aicsio.references.chunks import choose_grid
from aicsio.references.collection import CollectionTree, are_all
from aicsio.references.image import ShownImage, image_of, with_levels_of
from aicsio.references.requested import require_label, stored_scenes
from aicsio.references.tree import GriddedImage, make_tree
from aicsio.steps import Step
from aicsio.steps.verbs import overloaded_verb

if TYPE_CHECKING:
    from aicsio.references.store import HandleStore

__all__ = ["as_zarr_store"]

MEASURED_SCENES = 16
"""Scenes whose contrast is read when the root's document is requested: 2 ms a channel each."""


if TYPE_CHECKING:

    @overload
    def as_zarr_store(
        handle: ImageHandle,
        /,
        *,
        scenes: Sequence[SupportsIndex | str] | Literal["all"] | None = None,
        labels: Mapping[str, ImageHandle] | None = None,
        chunks: Mapping[str, int] | Literal["auto"] = "auto",
        contrast: Literal["auto", "pixels", "type"] = "auto",
    ) -> "HandleStore": ...
    @overload
    def as_zarr_store(
        *,
        scenes: Sequence[SupportsIndex | str] | Literal["all"] | None = None,
        labels: Mapping[str, ImageHandle] | None = None,
        chunks: Mapping[str, int] | Literal["auto"] = "auto",
        contrast: Literal["auto", "pixels", "type"] = "auto",
    ) -> "Step[HandleStore]": ...


@overloaded_verb
def as_zarr_store(
    handle: ImageHandle,
    /,
    *,
    scenes: Sequence[SupportsIndex | str] | Literal["all"] | None = None,
    labels: Mapping[str, ImageHandle] | None = None,
    chunks: Mapping[str, int] | Literal["auto"] = "auto",
    contrast: Literal["auto", "pixels", "type"] = "auto",
) -> "HandleStore":
    """Show the scene in focus, or several scenes, as an OME-Zarr 0.5, without a copy of pixels.

    Parameters
    ----------
    handle
        An opened image of any format, local or remote. Without it, the call returns a step.
    scenes
        Indices or names of scenes, or ``"all"``: they are the groups ``0``, ``1``, ... of the store,
        in the layout of bioformats2raw, each as it is stored. By default the scene in focus is the
        root.
    labels
        Label images of the scene in focus by name, such as those of ``select_label``; they are the
        groups ``labels/NAME``, with as many levels as the image: missing ones show every second,
        fourth, ... pixel.
    chunks
        Sizes of chunks by letter; -1 takes all of a dimension. ``"auto"``: a plane of up to 8 MiB,
        or whole compressed tiles of a larger one up to 2 MiB, or several smaller planes up to
        1 MiB.
    contrast
        The contrast with which viewers begin. ``"pixels"``: from a plane of each channel at the
        smallest level, read when the root's document is requested. ``"type"``: the range of the
        pixel type. ``"auto"``: ``"pixels"`` of up to 16 local scenes, ``"type"`` of more, and of
        remote ones, where each plane is a request.

    Returns
    -------
    HandleStore
        A read-only ``zarr.abc.store.Store`` of Zarr format 3. Its root is a multiscale group, with
        a group for each level: ``scale0/image`` is the array of the level in focus, with the
        dimensions ``t c z y x`` that the image has, ``scale1/image`` that of the next smaller level. Beside it
        are coordinates: names of channels, micrometres and seconds. Samples of RGB are channels.
        Chunks are raw little-endian pixels, read when they are requested. Beside all scenes of a
        file stands their OME-XML, ``OME/METADATA.ome.xml``, without tables of planes.

    Raises
    ------
    DimensionError
        When the image has a dimension that OME-Zarr has not, or chunks do not fit; when labels have
        other sizes than the image; when ``scenes`` is given for a part of a scene.
    SceneError
        When a requested scene does not exist.
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
    requested = {} if chunks == "auto" else dict(chunks)
    measure = contrast == "pixels"
    if contrast == "auto":
        measure = handle.source.local or handle.source.content is not None
    if scenes is not None:
        handles = stored_scenes(handle, scenes, labels)
        measure = measure and (contrast == "pixels" or len(handles) <= MEASURED_SCENES)
        images = [_gridded(image_of(each), requested) for each in handles]
        trees = tuple(make_tree(image, measure_contrast=measure) for image in images)
        # The document describes all scenes in order: it would not fit a part of them.
        return HandleStore(CollectionTree(trees, handle if are_all(handles) else None))
    image = image_of(handle)
    label_images = {}
    for name, label in (labels or {}).items():
        require_label(name, label, handle)
        # Chunks are requested for the image: labels may lack an axis of it.
        label_images[name] = _gridded(with_levels_of(image_of(label), image), {})
    tree = make_tree(_gridded(image, requested), measure_contrast=measure, labels=label_images)
    return HandleStore(tree)


def _gridded(image: ShownImage, requested: Mapping[str, int]) -> GriddedImage:
    grids = tuple(choose_grid(level.array, requested) for level in image.levels)
    return GriddedImage(image, grids)
