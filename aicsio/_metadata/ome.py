"""OME metadata of any image: the file's own document, or one made of the records.

Rule kept here: the images of the document are the scenes of the handle, all of them, in order; it is
valid against the schema 2016-06. Damage is repaired and reported, not passed on.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, overload

import attrs

from aicsio._checks.constructors import checked_record
from aicsio._metadata import documents
from aicsio._metadata.documents import OmeTree
from aicsio._metadata.plane_facts import plane_objects
from aicsio._ome.objects import to_objects
from aicsio.records import Diagnostic, ImageHandle
from aicsio.steps import Step
from aicsio.steps.verbs import overloaded_verb

if TYPE_CHECKING:
    import ome_types


@checked_record
@attrs.frozen
class OmeXml:
    """OME metadata as text."""

    text: str
    """OME-XML of schema 2016-06, one Image for each scene."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Repairs of the file's document, and metadata that OME cannot hold."""

    def __str__(self) -> str:
        return self.text


if TYPE_CHECKING:

    @overload
    def ome_metadata(handle: ImageHandle, /, *, planes: bool = True) -> "ome_types.OME": ...
    @overload
    def ome_metadata(*, planes: bool = True) -> "Step[ome_types.OME]": ...


@overloaded_verb
def ome_metadata(handle: ImageHandle, /, *, planes: bool = True) -> "ome_types.OME":
    """Return the metadata of the file as OME, whatever its format.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.
    planes
        Whether to read times, exposures and positions that lie with the pixels of each plane, as in
        CZI: a small read a plane.

    Returns
    -------
    ome_types.OME
        Schema 2016-06, valid. ``images`` are the scenes of the handle, all of them, in order. Of
        OME-TIFF and OME-Zarr it is the document of the file: older schemas are upgraded, damage is
        repaired. Of other formats it is made of the records and of all that the file has about the
        instrument. ``ome_xml`` gives it as text and lists the repairs; it alone has annotations with
        a time stamp before the year 1 or behind 9999.

    Raises
    ------
    CorruptFileError
        When ome_types accepts neither the file's document nor that of its records.
    DimensionError
        When an image has no pixels, such as an array of shape (0, 64, 80).
    SourceError
        When the file changed since it was opened.

    Notes
    -----
    Units are those of the schema: micrometres with the micro sign U+00B5.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import ome_metadata, open_image
    >>> ome = ome_metadata(open_image(np.zeros((3, 4, 5)), dims="ZYX"))
    >>> ome.images[0].pixels.size_z
    3
    """
    with _collector_paused():
        return ome_objects(documents.make_tree(handle, planes=planes))


if TYPE_CHECKING:

    @overload
    def ome_xml(handle: ImageHandle, /, *, planes: bool = True) -> OmeXml: ...
    @overload
    def ome_xml(*, planes: bool = True) -> Step[OmeXml]: ...


@overloaded_verb
def ome_xml(handle: ImageHandle, /, *, planes: bool = True) -> OmeXml:
    """Return the metadata of the file as the text of OME-XML, with the repairs that it took.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.
    planes
        As in ``ome_metadata``.

    Returns
    -------
    OmeXml
        ``text``, schema 2016-06, and ``diagnostics``: repairs of the file's own document, and
        metadata that OME cannot hold.

    Raises
    ------
    DimensionError
        When an image has no pixels, such as an array of shape (0, 64, 80).
    SourceError
        When the file changed since it was opened.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import ome_xml, open_image
    >>> "SizeZ" in ome_xml(open_image(np.zeros((3, 4, 5)), dims="ZYX")).text
    True
    """
    tree = documents.make_tree(handle, planes=planes)
    return OmeXml(documents.to_text(tree), tree.diagnostics)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the collector of cycles from starting: objects of ome_types are made without any.

    It walks through all of them again and again while they grow: a third of the time of 500 scenes.
    Other threads wait for it as long.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def ome_objects(tree: OmeTree) -> "ome_types.OME":
    """Make the objects of a tree, and those of its planes."""
    ome = to_objects(tree.root)
    for image, planes in zip(ome.images, tree.planes, strict=False):
        if planes is not None:
            image.pixels.planes.extend(plane_objects(planes))
    return ome
