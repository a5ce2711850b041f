"""Label images: segmentations that lie beside an image and share its pixels. Described on request.

Rule kept here: a label image is an image of its own and never a scene of the file. Its levels and
its axes may differ from those of the image, so the verbs treat it like any other handle.
"""

from typing import TYPE_CHECKING, overload

from aicsio import formats
from aicsio.errors import SceneError
from aicsio.records import Contents, ImageHandle
from aicsio.records.protocols import ReadsLabels, offered
from aicsio.steps import Step
from aicsio.steps.verbs import overloaded_verb

__all__ = ["list_labels", "select_label"]


if TYPE_CHECKING:

    @overload
    def list_labels(handle: ImageHandle, /) -> tuple[str, ...]: ...
    @overload
    def list_labels() -> Step[tuple[str, ...]]: ...


@overloaded_verb
def list_labels(handle: ImageHandle, /) -> tuple[str, ...]:
    """List the label images of the scene in focus.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.

    Returns
    -------
    tuple of str
        Their names, in the order of the file; empty for formats that have no labels.

    Raises
    ------
    CorruptFileError
        When the list is damaged.
    SourceError
        When the file cannot be read.

    Notes
    -----
    OME-Zarr, https://ngff.openmicroscopy.org/0.5/, chapter "labels".

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.labels import list_labels
    >>> list_labels(open_image(np.zeros((4, 4))))
    ()
    """
    reader = _labels_reader(handle)
    return () if reader is None else reader.list_labels(handle.source, handle.scene)


if TYPE_CHECKING:

    @overload
    def select_label(handle: ImageHandle, /, name: str) -> ImageHandle: ...
    @overload
    def select_label(name: str) -> Step[ImageHandle]: ...


@overloaded_verb
def select_label(handle: ImageHandle, /, name: str) -> ImageHandle:
    """Show a label image of the scene in focus: its scenes are this one alone.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.
    name
        One of ``list_labels``.

    Returns
    -------
    ImageHandle
        The label image at full resolution, in stored order; its scene has the name of the labels.

    Raises
    ------
    SceneError
        When the scene has no labels of this name, or their pixels are missing.
    CorruptFileError
        When their metadata are damaged.
    SourceError
        When the file cannot be read.

    Notes
    -----
    OME-Zarr, https://ngff.openmicroscopy.org/0.5/, chapter "labels".

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import SceneError, open_image
    >>> from aicsio.labels import select_label
    >>> try:
    ...     select_label(open_image(np.zeros((4, 4))), "nuclei")
    ... except SceneError as error:
    ...     print(error)
    scene 'Image:0' has no labels: images of the format 'array' have none
    """
    reader = _labels_reader(handle)
    if reader is None:
        raise SceneError(
            f"scene {handle.scene.name!r} has no labels: images of the format "
            f"{handle.format!r} have none"
        )
    scene, diagnostics = reader.read_label(handle.source, handle.scene, name)
    if not scene.levels:
        reasons = "; ".join(diagnostic.message for diagnostic in diagnostics)
        raise SceneError(f"labels {name!r} have no pixels: {reasons}")
    contents = Contents((scene,), handle.metadata, diagnostics)
    return ImageHandle(handle.source, handle.format, contents, 0, 0, scene.levels[0])


def _labels_reader(handle: ImageHandle) -> ReadsLabels | None:
    return offered(formats.module_of(handle.format), ReadsLabels)
