"""When, where and how long each plane was taken, as far as only the planes themselves say it. Read when asked.

Opening a file reads what it says as a whole. Some formats (CZI) keep the rest with the pixels of each plane, so that
it costs a small read a plane: that is done here.
"""

import attrs

from aicsio import _engine
from aicsio.errors import UnsupportedFormatError
from aicsio.formats.czi import subblock_metadata as czi
from aicsio.formats.czi.layout import CziLayout
from aicsio.records import Encoded, ImageHandle, Planes, Strided
from aicsio.steps import verb

__all__ = ["read_planes", "read_subblock_metadata", "with_planes"]


@verb
def read_planes(handle: ImageHandle, /) -> Planes | None:
    """Read times, exposures and stage positions of all planes of the scene in focus.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.

    Returns
    -------
    Planes or None
        Columns of shape ``dims``: ``time`` in seconds since the first plane of the scene,
        ``exposure`` in seconds, ``x``, ``y``, ``z`` in micrometres; NaN for planes without
        metadata. Of a stitched mosaic, those of the first tile of each plane; opened with
        ``mosaic="tiles"``, of each tile. ``None`` if the file has none. For formats that read all
        of them when opened, ``scene.planes``.

    Raises
    ------
    CorruptFileError, SourceError

    Notes
    -----
    ZISRAW (CZI) file format, section 2.4: each subblock has metadata of its own; ZEN writes ``AcquisitionTime``,
    ``StageXPosition``, ``StageYPosition``, ``FocusPosition`` and, for cameras, ``ExposureTime`` in nanoseconds.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.planes import read_planes
    >>> read_planes(open_image(np.zeros((4, 4)))) is None
    True
    """
    level = handle.level_array(handle.scene_index, 0) if handle.levels else None
    if level is None or not isinstance(level.layout, CziLayout):
        return handle.scene.planes
    return czi.read_planes(handle.scene, level.layout, level.stored)


@verb
def with_planes(handle: ImageHandle, /) -> ImageHandle:
    """Return the same image whose scene in focus knows what ``read_planes`` reads, so that it is written along.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.

    Returns
    -------
    ImageHandle
        With ``scene.planes``; nothing else changes.

    Raises
    ------
    CorruptFileError, SourceError

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.planes import with_planes
    >>> with_planes(open_image(np.zeros((4, 4)))).shape
    (4, 4)
    """
    scenes = list(handle.scenes)
    scenes[handle.scene_index] = attrs.evolve(handle.scene, planes=read_planes(handle))
    return attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=tuple(scenes)))


@verb
def read_subblock_metadata(handle: ImageHandle, /) -> tuple[str, ...]:
    """Read the XML of the CZI subblocks that hold the pixels in focus.

    Parameters
    ----------
    handle
        An opened CZI, cut by ``transpose_to`` to what is wanted. Left out, the call returns a step.

    Returns
    -------
    tuple of str
        In the order of the planes, then of M; ``""`` for a subblock that says nothing.

    Raises
    ------
    UnsupportedFormatError
        For other formats, and where aicspylibczi reads the pixels.
    CorruptFileError, SourceError
    """
    found = dict.fromkeys(
        piece.header.offset
        for piece in _engine.pieces(handle.array)
        if isinstance(piece, Strided | Encoded) and piece.header is not None
    )
    if handle.format != "czi" or (not found and not isinstance(handle.array.layout, CziLayout)):
        raise UnsupportedFormatError(
            f"{handle.source.uri} ({handle.format}): subblocks with metadata are those of CZI files, read natively"
        )
    return tuple(
        text.decode("utf-8", "replace") for text in czi.read_texts(handle.source, tuple(found))
    )
