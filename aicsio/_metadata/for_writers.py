"""What writers ask of the metadata of a source: its planes, and a document of more than the records.

Rule kept here: only scenes that are written are described.
"""

import math
from collections.abc import Sequence

import attrs

from aicsio import formats
from aicsio._metadata.documents import OmeTree, made_document, own_text, to_text
from aicsio._metadata.plane_facts import with_planes_read
from aicsio._ome.document import parse_ome
from aicsio.errors import CorruptFileError
from aicsio.records import Diagnostic, Dims, ImageHandle, Planes
from aicsio.records.protocols import DescribesInstrument, ReadsOme, ReadsPlanes, offered


def source_text(handle: ImageHandle, scenes: Sequence[int]) -> str | None:
    """Return a document of some scenes that has more than their records.

    ``None`` where the format describes nothing besides.
    """
    describes = offered(formats.module_of(handle.format), DescribesInstrument) is not None
    if not describes and not any(handle.scenes[index].well for index in scenes):
        return None
    root = made_document(handle, planes=False, only=scenes).root
    return to_text(OmeTree(root))


def with_read_planes(
    handle: ImageHandle, shown: Dims
) -> tuple[ImageHandle, tuple[Diagnostic, ...]]:
    """Complete the scene in focus by the facts that lie with the pixels of its planes.

    They are read where at least half of the planes are shown: a small read a plane must not cost
    more than the pixels.

    Parameters
    ----------
    handle
        The image.
    shown
        Dims of the pixels that are wanted.
    """
    module = formats.module_of(handle.format)
    reader = offered(module, ReadsPlanes)
    notes: list[Diagnostic] = []
    scene = handle.scene
    if not handle.levels:
        return handle, ()
    if reader is not None and 2 * _count(shown) >= _count(handle.levels[0].stored):
        scene = with_planes_read(reader, scene, notes)
    elif scene.planes is None and offered(module, ReadsOme) is not None:
        scene = attrs.evolve(scene, planes=_planes_of_own_text(handle))
    if scene is handle.scene:
        return handle, tuple(notes)
    scenes = list(handle.scenes)
    scenes[handle.scene_index] = scene
    contents = attrs.evolve(handle.contents, scenes=tuple(scenes))
    return attrs.evolve(handle, contents=contents), tuple(notes)


def _planes_of_own_text(handle: ImageHandle) -> Planes | None:
    """Return the planes of a document that opening did not read."""
    text = own_text(handle)
    try:
        images = parse_ome(text).images if text is not None else ()
    except CorruptFileError:
        return None
    if len(images) != len(handle.scenes):
        return None
    planes = images[handle.scene_index].planes
    stored = handle.levels[0].stored
    fits = planes is not None and all(stored.get(c, 1) == n for c, n in planes.dims.items())
    return planes if fits else None


def _count(dims: Dims) -> int:
    return math.prod(size for letter, size in dims.items() if letter not in "YXS")
