"""When, where and how long each plane was taken, as far as only the planes themselves hold it.

Rule kept here: opening a file reads the metadata of the file as a whole. Some formats (CZI) keep more
with the pixels of each plane, at the cost of a small read per plane: that is done here, on request. The table
of planes is ``_metadata.plane_rows``.
"""

from typing import TYPE_CHECKING, overload

import attrs

from aicsio import formats
from aicsio._metadata.plane_rows import planes_of
from aicsio.errors import UnsupportedFormatError
from aicsio.records import ImageHandle, Planes
from aicsio.records.protocols import ReadsSubblockMetadata, offered
from aicsio.steps import Step
from aicsio.steps.verbs import overloaded_verb

__all__ = ["read_planes", "read_subblock_metadata", "with_planes"]


if TYPE_CHECKING:

    @overload
    def read_planes(handle: ImageHandle, /) -> Planes | None: ...
    @overload
    def read_planes() -> Step[Planes | None]: ...


@overloaded_verb
def read_planes(handle: ImageHandle, /) -> Planes | None:
    """Read times, exposures and stage positions of all planes of the scene in focus.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.

    Returns
    -------
    Planes or None
        Columns of shape ``dims``: ``time`` in seconds since the first plane of the scene, ``exposure``
        in seconds, ``x``, ``y``, ``z`` in micrometres; NaN for a missing value. Of a stitched mosaic,
        the columns hold the first tile of each plane; opened with ``mosaic="tiles"``, each tile.
        ``None`` if the file has no such metadata. Formats that keep nothing with their planes give
        ``scene.planes``.

    Raises
    ------
    CorruptFileError
        When a plane is damaged.
    SourceError
        When the file cannot be read, or changed since it was opened.

    Notes
    -----
    ZISRAW (CZI) file format, section 2.4: each subblock has metadata of its own; ZEN writes
    ``AcquisitionTime``, ``StageXPosition``, ``StageYPosition``, ``FocusPosition`` and, for cameras,
    ``ExposureTime`` in nanoseconds.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.planes import read_planes
    >>> read_planes(open_image(np.zeros((4, 4)))) is None
    True
    """
    return planes_of(handle)


if TYPE_CHECKING:

    @overload
    def with_planes(handle: ImageHandle, /) -> ImageHandle: ...
    @overload
    def with_planes() -> Step[ImageHandle]: ...


@overloaded_verb
def with_planes(handle: ImageHandle, /) -> ImageHandle:
    """Put the metadata that ``read_planes`` reads into the scene in focus, so that writers keep them.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.

    Returns
    -------
    ImageHandle
        The same image with ``scene.planes``, whose times replace those along T; nothing else
        changes.

    Raises
    ------
    CorruptFileError
        When a plane is damaged.
    SourceError
        When the file cannot be read, or changed since it was opened.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.planes import with_planes
    >>> with_planes(open_image(np.zeros((4, 4)))).shape
    (4, 4)
    """
    planes = read_planes(handle)
    scene = attrs.evolve(handle.scene, planes=planes)
    if planes is not None and planes.time is not None:
        # The times of the planes are those of the time points, too: two clocks would differ.
        kept = tuple(one for one in scene.coordinates if (one.letter, one.unit) != ("T", "s"))
        scene = attrs.evolve(scene, coordinates=kept)
    scenes = list(handle.scenes)
    scenes[handle.scene_index] = scene
    return attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=tuple(scenes)))


if TYPE_CHECKING:

    @overload
    def read_subblock_metadata(handle: ImageHandle, /) -> tuple[str, ...]: ...
    @overload
    def read_subblock_metadata() -> Step[tuple[str, ...]]: ...


@overloaded_verb
def read_subblock_metadata(handle: ImageHandle, /) -> tuple[str, ...]:
    """Read the metadata texts of the blocks that hold the pixels in focus: XML of CZI subblocks.

    Parameters
    ----------
    handle
        An opened image, cut by ``transpose_to`` to the wanted pixels. Left out, the call returns a
        step.

    Returns
    -------
    tuple of str
        In the order of the planes, then of M; ``""`` for a subblock without metadata.

    Raises
    ------
    UnsupportedFormatError
        When the format has no such texts, or another engine than the native one reads the pixels.
    CorruptFileError
        When a subblock is damaged.
    SourceError
        When the file cannot be read, or changed since it was opened.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.planes import read_subblock_metadata
    >>> from aicsio.testing.czi import Block, write_czi
    >>> file = io.BytesIO()
    >>> block = Block(np.zeros((4, 5)), {"C": 0, "Y": 0, "X": 0}, metadata=b"<METADATA/>")
    >>> size = write_czi(file, [block])
    >>> read_subblock_metadata(open_image(file.getvalue()))
    ('<METADATA/>',)
    """
    reader = offered(formats.module_of(handle.format), ReadsSubblockMetadata)
    texts = None
    if reader is not None:
        texts = reader.read_subblock_metadata(handle.source, handle.array)
    if texts is None:
        raise UnsupportedFormatError(
            f"{handle.source.uri} ({handle.format}): subblocks with metadata are those of CZI files, "
            "read natively"
        )
    return texts
