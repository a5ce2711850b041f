"""OME-Zarr and plain Zarr, versions 2 and 3. Imports `_io`, `_codecs`, `_ome` and `records`.

``documents`` reads the JSON of groups and arrays, ``arrays`` checks that of one array, ``chains``
makes the codec chain of its chunks, ``layout`` finds the chunks of a window. ``images`` makes
scenes of NGFF, ``axes`` their letters, sizes and positions; ``collections`` has plates and series,
``ome_xml`` the document beside them. Indexes of shards are read by ``_engine.keyed`` when chunks
are, those of nested shards by ``_codecs.zarr``.

Rule kept here: the store's own lists decide which images there are. Nothing outside of the store is
read, and opening reads documents and no chunks.

Source of the facts: https://ngff.openmicroscopy.org (0.1 to 0.5, and 0.6 after RFC-5), Zarr core
specification 3.1, Zarr v2 specification.
"""

import contextlib
import functools

import attrs

from aicsio._io import readers, store_versions, stores
from aicsio._ome.document import parse_ome
from aicsio._ome.origins import ome_origins
from aicsio._ome.xml import looks_like_ome
from aicsio.errors import AicsioError, CorruptFileError, SceneError, UnsupportedFormatError
from aicsio.formats import Options
from aicsio.formats.zarr import ome_xml
from aicsio.formats.zarr.collections import (
    fits,
    multiscales_of,
    read_group,
    read_plain_group,
    read_plate,
    read_series,
)
from aicsio.formats.zarr.documents import Documents, Node
from aicsio.formats.zarr.images import ImageReader
from aicsio.formats.zarr.layout import ChunkGrid
from aicsio.records import Contents, Diagnostic, LazyArray, Planes, Scene, Source
from aicsio.records.provenance import FactOrigin, FactOrigins

__all__ = ["list_labels", "read_contents", "read_label", "recognises"]

# Signature of the header of a member (APPNOTE.TXT, section 4.3.7).
ZIP = b"PK\x03\x04"
ARCHIVES = (".ozx", ".zarr.zip", ".zarr")
"""Suffixes of archives that hold nothing but a Zarr (RFC-9 of NGFF: ``.ozx``)."""


ORIGINS = (
    ("name", "ngff:multiscales/name"),
    ("channels", "ngff:omero/channels"),
    ("pixel_size", "ngff:coordinateTransformations"),
    ("time_step", "ngff:coordinateTransformations"),
    ("origin", "ngff:coordinateTransformations"),
    ("level_places", "ngff:coordinateTransformations"),
    ("coordinates", "ngff:coordinateTransformations"),
    ("well", "ngff:plate"),
)
"""Places of the documents, by field."""


def recognises(source: Source, head: bytes) -> bool:
    """Return whether a folder, a URL or a ZIP archive has the metadata of a Zarr group or array."""
    if not source.folder and not head.startswith(ZIP):
        return False
    try:
        # Behind a URL one request each, at once; ``read_contents`` goes on with the answers.
        with _shared_documents(source) as documents:
            return documents.has_root()
    except CorruptFileError:
        # An archive of something else, or a damaged one: a cut archive has lost its list of members.
        return source.uri.lower().endswith(ARCHIVES)


def read_contents(source: Source, options: Options) -> Contents:  # noqa: ARG001 - part of the protocol
    """Describe the images of a store.

    Raises
    ------
    CorruptFileError
        When the metadata of the store itself cannot be read.
    UnsupportedFormatError
        When the store has no image and no array that is read.
    SourceChangedError
        When the store was replaced meanwhile.
    """
    with _shared_documents(source) as documents:
        contents = _read_store(documents)
    if source.local and source.folder:
        # A store that was replaced in between has given documents of two.
        store_versions.check_folder(source)
    return contents


def _shared_documents(source: Source) -> contextlib.AbstractContextManager[Documents]:
    """Lend the documents that this opening has read already."""
    return readers.borrow(("documents", source), functools.partial(Documents, source))


def _read_store(documents: Documents) -> Contents:
    source = documents.store
    root = documents.node("")
    if root is None:
        raise CorruptFileError.at(source.uri, None, "there is no metadata of a Zarr group or array")
    documents.version = root.version
    reader = ImageReader(documents)
    scenes, text = _read_scenes(reader, root)
    if not scenes:
        reasons = "".join(f"; {each.where}: {each.message}" for each in reader.diagnostics[:3])
        raise UnsupportedFormatError(
            f"{source.uri!r} is a Zarr of version {root.version} without an image or array{reasons}"
        )
    return Contents(tuple(_named(scenes)), text or root.text or None, tuple(reader.diagnostics))


def _read_scenes(reader: ImageReader, root: Node) -> tuple[list[Scene], str | None]:
    name = root.path or "Image:0"
    if root.array is not None:
        scene = reader.read_plain(root)
        return ([] if scene is None else [scene]), None
    # Before the series: a plate of bioformats2raw has a group ``OME``, too.
    plate = root.ngff.get("plate")
    if isinstance(plate, dict):
        return read_plate(reader, root, plate), None
    if multiscales_of(root):
        return read_group(reader, root, name), None
    if "bioformats2raw.layout" in root.ngff or reader.documents.node("OME") is not None:
        return read_series(reader, root)
    return read_plain_group(reader, root), None


def _named(scenes: list[Scene]) -> list[Scene]:
    """Name the scenes that have no name of their own by their index."""
    return [
        scene if scene.name else attrs.evolve(scene, name=f"Image:{index}")
        for index, scene in enumerate(scenes)
    ]


# ---------------------------------------------------------------- OME-XML


def read_ome(source: Source, contents: Contents, /) -> str | None:
    """Return the OME-XML beside a single image or a plate; that of several images was read when opening.

    Raises
    ------
    CorruptFileError
        When it names no image for a field of the plate.
    """
    documents = _documents(source)
    root = documents.node("")
    if root is None:
        return None
    if isinstance(root.ngff.get("plate"), dict):
        return ome_xml.read_in_order_of_plate(documents, contents.scenes)
    return ome_xml.read_text(documents) if multiscales_of(root) else None


def read_planes(scene: Scene, level: LazyArray, /) -> Planes | None:
    """Return times, exposures and positions that the OME-XML beside a single image has.

    That of several images was read when opening; that of a plate is read once for all, by
    ``ome_metadata``.
    """
    layout = level.layout
    # Only an image at the root of the store (path "") has the document beside it.
    if scene.planes is not None or not isinstance(layout, ChunkGrid) or layout.image:
        return scene.planes
    text = ome_xml.read_text(_documents(layout.store))
    images = parse_ome(text).images if text is not None else ()
    return images[0].planes if len(images) == 1 and fits(images[0], scene) else None


# ---------------------------------------------------------------- labels


def list_labels(source: Source, scene: Scene) -> tuple[str, ...]:
    """Return the names of the label images of a scene, in the order of the store's list.

    Raises
    ------
    CorruptFileError
        When the list cannot be read.
    """
    path = _labels_path(scene)
    if path is None:
        return ()
    node = _documents(source).node(path)
    names = node.ngff.get("labels") if node is not None else None
    if not isinstance(names, list):
        return ()
    return tuple(name for name in names if isinstance(name, str))


def read_label(source: Source, scene: Scene, name: str) -> tuple[Scene, tuple[Diagnostic, ...]]:
    """Return a label image as a scene, with the diagnostics of its reading.

    Raises
    ------
    SceneError
        When the image has no labels of this name.
    CorruptFileError
        When they cannot be read.
    """
    names = list_labels(source, scene)
    if name not in names:
        listed = ", ".join(map(repr, names)) or "none"
        raise SceneError(f"scene {scene.name!r} has no labels {name!r}; there are {listed}")
    documents = _documents(source)
    path = stores.join(_labels_path(scene) or "", name)
    node = documents.node(path)
    if node is None or not multiscales_of(node):
        raise CorruptFileError.at(f"{source.uri}/{path}", None, "the labels are listed but missing")
    reader = ImageReader(documents)
    label = read_group(reader, node, name)[0]
    return attrs.evolve(label, name=name, well=scene.well), tuple(reader.diagnostics)


def _documents(source: Source) -> Documents:
    documents = Documents(source)
    try:
        root = documents.node("")
    except AicsioError:
        root = None
    documents.version = None if root is None else root.version
    return documents


def _labels_path(scene: Scene) -> str | None:
    if not scene.levels:
        return None
    layout = scene.levels[0].layout
    return stores.join(layout.image, "labels") if isinstance(layout, ChunkGrid) else None


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001 - the protocol
    """Return the places of the JSON documents, and of the OME-XML beside them."""
    own = contents.scenes[scene]
    facts = []
    # Scenes of a plate are called by their path, which no document gives.
    if own.well is not None:
        facts.append(FactOrigin("name", "zarr:path"))
    if contents.metadata and looks_like_ome(contents.metadata):
        # The store's own sizes outrank those of the XML.
        facts += [fact for fact in ome_origins() if not fact.path.startswith("pixel_size")]
    facts += [FactOrigin(path, place) for path, place in ORIGINS]
    return FactOrigins(tuple(facts))
