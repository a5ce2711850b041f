"""The OME document of an image as a tree: the file's own, or made of scenes and parts.

Rule kept here: one Image a scene, in order. A scene without pixels has an Image of one pixel, since
the schema wants sizes. Tables of planes stay columns until text or objects are wanted: 100 000
elements would be made twice.
"""

import copy
from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element

import attrs

from aicsio import formats
from aicsio._dims import views
from aicsio._metadata import folding, from_records
from aicsio._metadata.pixel_types import ome_type
from aicsio._metadata.plane_facts import with_planes_read
from aicsio._metadata.plates import add_plates, complete_plates
from aicsio._metadata.split_images import split_images
from aicsio._metadata.stage import complete_stage_labels
from aicsio._ome import builder, repeats, schema
from aicsio._ome.identifiers import rename_illegal, rename_repeated
from aicsio._ome.model import OmeImage
from aicsio._ome.parts import pick_images
from aicsio._ome.plane_elements import plane_attributes
from aicsio._ome.references import name_of
from aicsio._ome.schema import Tree, tag
from aicsio._ome.xml import looks_like_ome
from aicsio._version import __version__
from aicsio.errors import AicsioError, CorruptFileError, DimensionError, MissingDependencyError
from aicsio.records import (
    Channel,
    Diagnostic,
    Dims,
    ImageHandle,
    LazyArray,
    Planes,
    Scene,
)
from aicsio.records.protocols import DescribesInstrument, ReadsOme, ReadsPlanes, offered

MAX_REPAIRS = 20
"""Repairs of one document that are reported one by one; a report of thousands is not read."""


@attrs.frozen(eq=False)
class OmeTree:
    """A document on its way to text or objects."""

    root: Tree
    """OME element of lxml."""
    planes: tuple[Planes | None, ...] = ()
    """By image, planes that are not in the tree."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Repairs, and metadata that OME cannot hold."""


def make_tree(handle: ImageHandle, *, planes: bool) -> OmeTree:
    """Return the file's own document, or else one made of the records.

    Parameters
    ----------
    handle
        The image.
    planes
        Whether facts that lie with the pixels of each plane are read.

    Raises
    ------
    DimensionError
        When an image has no pixels: sizes of OME are 1 or more (schema 2016-06, ``PositiveInt``).
    """
    own = own_document(handle)
    for scene in handle.scenes:
        if scene.levels and 0 in scene.levels[0].stored.shape:
            raise DimensionError(
                f"OME has no images without pixels: {scene.name!r} has {scene.levels[0].dims}"
            )
    if isinstance(own, OmeTree):
        return own
    made = made_document(handle, planes=planes)
    return attrs.evolve(made, diagnostics=(*own, *made.diagnostics))


# ---------------------------------------------------------------- the file's own


def own_document(handle: ImageHandle) -> OmeTree | tuple[Diagnostic, ...]:
    """Return the document of the file, brought to the schema of today and made valid.

    Returns
    -------
    OmeTree or tuple of Diagnostic
        The reasons why it cannot be used; none where the file has no OME.
    """
    notes: list[Diagnostic] = []
    text = own_text(handle, notes)
    if text is None:
        return tuple(notes)
    try:
        root, _ = schema.upgrade(text)
    except (CorruptFileError, MissingDependencyError, RecursionError) as error:
        return (_unusable(handle, str(error)),)
    if root.find(tag("Image")) is None:
        return ()  # BinaryOnly: the document is another file, which was missing when this was opened
    _separate_pixels(root)
    _name_nameless(root)
    repeated = rename_repeated(root)
    split = split_images(root, handle.scenes)
    renamed = rename_illegal(root)
    complete_plates(root, handle.scenes)
    removed = schema.remove_invalid(root, schema.essential_elements(root))
    if removed is None:
        return (_unusable(handle, "it breaks rules of the schema"),)
    count = len(root.findall(tag("Image")))
    if count != len(handle.scenes):
        return (_unusable(handle, f"it has {count} images for {len(handle.scenes)} scenes"),)
    repairs = [
        f"two images have the identifier {old!r}: one became {new!r}" for old, new in repeated
    ]
    repairs += [f"the identifier {old!r} became {new!r}" for old, new in renamed.items()]
    repairs += [f"left out: {message}" for message in removed]
    return OmeTree(root, diagnostics=(*split, *_report_repairs(repairs, handle)))


def own_text(handle: ImageHandle, notes: list[Diagnostic] | None = None) -> str | None:
    """Return the OME-XML of the file; ``None`` if it has none, or none that can be used.

    Parameters
    ----------
    handle
        The image.
    notes
        Gets the reason why it cannot be used.
    """
    if handle.metadata is not None and looks_like_ome(handle.metadata):
        return handle.metadata
    reader = offered(formats.module_of(handle.format), ReadsOme)
    if reader is None:
        return None
    try:
        text = reader.read_ome(handle.source, handle.contents)
    except AicsioError as error:
        if notes is not None:
            notes.append(_unusable(handle, str(error)))
        return None
    return text if text is not None and looks_like_ome(text) else None


def _unusable(handle: ImageHandle, reason: str) -> Diagnostic:
    message = f"the OME of the file is not used, the records are: {reason}"
    return Diagnostic("ome-unusable", message, handle.source.uri)


def _report_repairs(repairs: list[str], handle: ImageHandle) -> tuple[Diagnostic, ...]:
    shown = repairs[:MAX_REPAIRS]
    if len(repairs) > MAX_REPAIRS:
        shown.append(f"{len(repairs) - MAX_REPAIRS} more repairs")
    return tuple(Diagnostic("ome-repaired", message, handle.source.uri) for message in shown)


def _separate_pixels(root: Tree) -> None:
    """Give each Pixels an Image of its own: versions before 2009-09 allow several."""
    for image in root.findall(tag("Image")):
        count = len(image.findall(tag("Pixels")))
        # Copies are made first: each of them needs all Pixels, of which it keeps one.
        copies = [copy.deepcopy(image) for _ in range(1, count)]
        for number, alone in enumerate((image, *copies)):
            for index, pixels in enumerate(alone.findall(tag("Pixels"))):
                if index != number:
                    alone.remove(pixels)
            if number:
                alone.set("ID", f"{image.get('ID', 'Image:0')}.{number}")
        for alone in reversed(copies):
            image.addnext(alone)


def _name_nameless(root: Tree) -> None:
    """Give an ID to images and pixels without one: the schema would drop them with all they hold."""
    for index, image in enumerate(root.findall(tag("Image"))):
        for element in (image, *image.findall(tag("Pixels"))):
            if not element.get("ID"):
                element.set("ID", f"{name_of(element)}:nameless.{index}")


# ---------------------------------------------------------------- made of records


def made_document(
    handle: ImageHandle, *, planes: bool, only: Sequence[int] | None = None
) -> OmeTree:
    """Make a document of scenes, with the parts that the format describes besides.

    Parameters
    ----------
    handle
        The image.
    planes
        Whether facts that lie with the pixels of each plane are read.
    only
        Numbers of the scenes; ``None`` for all.
    """
    notes: list[Diagnostic] = []
    module = formats.module_of(handle.format)
    reader = offered(module, ReadsPlanes) if planes else None
    images = []
    columns: list[Planes | None] = []
    scenes = handle.scenes if only is None else [handle.scenes[index] for index in only]
    for scene in scenes:
        if reader is not None and scene.levels:
            scene = with_planes_read(reader, scene, notes)  # noqa: PLW2901 - the same scene, completed
        image, type_name = _describe_scene(handle, scene, notes)
        columns.append(image.planes)
        images.append((attrs.evolve(image, tiff_data=(), planes=None), type_name))
    parts = _parts(handle, notes)
    if parts is not None and only is not None:
        pick_images(parts, only)
    text, illegal = builder.make_ome_xml(images, f"aicsio {__version__}", parts=parts)
    root = schema.parse(text.decode())
    if parts is not None:
        # Names of devices in the file serve as identifiers here, whatever they are.
        rename_illegal(root)
        removed = repeats.remove_invalid(root, schema.essential_elements(root)) or []
        notes += _report_repairs([f"left out: {message}" for message in removed], handle)
    complete_stage_labels(root, columns)
    return OmeTree(root, tuple(columns), (*notes, *illegal))


def _parts(handle: ImageHandle, notes: list[Diagnostic]) -> Element | None:
    describer = offered(formats.module_of(handle.format), DescribesInstrument)
    parts = None
    if describer is not None:
        try:
            parts = describer.describe_instrument(handle.source, handle.contents)
        except AicsioError as error:
            notes.append(Diagnostic("instrument-unreadable", str(error), handle.source.uri))
    return add_plates(parts, handle.scenes)


def _describe_scene(
    handle: ImageHandle, scene: Scene, notes: list[Diagnostic]
) -> tuple[OmeImage, str]:
    if not scene.levels:
        return _describe_without_pixels(scene, notes), "uint8"
    contents = attrs.evolve(handle.contents, scenes=(scene,))
    focused = attrs.evolve(handle, contents=contents, scene_index=0, level=0, array=scene.levels[0])
    array = _in_document_order(focused, notes)
    image, without_place = from_records.describe(focused, array, level_count=len(scene.levels))
    notes += without_place
    return image, ome_type(array.dtype)


def _in_document_order(handle: ImageHandle, notes: list[Diagnostic]) -> LazyArray:
    """Show all positions as TCZ planes; what OME lacks is folded into them."""
    dims = handle.dims
    extra = [letter for letter, size in dims.items() if letter not in "TCZYXS" and size != 1]
    picks: dict[str, Any] = {}
    if len(extra) > 3:
        # T, C and Z each take one.
        picks = dict.fromkeys(extra[3:], 0)
        message = f"positions along {', '.join(extra[3:])} beyond the first: OME folds three"
        notes.append(Diagnostic("not-kept", message, handle.scene.name))
    cut = attrs.evolve(
        handle, array=views.transpose(handle.array, _without(dims.order, picks), picks)
    )
    try:
        folds = folding.choose_folds(cut, "auto")
    except DimensionError as error:
        raise CorruptFileError(f"{handle.source.uri}: {error}") from error
    planes = folding.insert_folded("TCZ", folds)
    samples = "S" if dims.get("S", 1) > 1 else ""
    return views.transpose(cut.array, f"{planes}YX{samples}", {})


def _without(order: str, picks: dict[str, Any]) -> str:
    return "".join(letter for letter in order if letter not in picks)


def _describe_without_pixels(scene: Scene, notes: list[Diagnostic]) -> OmeImage:
    message = "the scene has no pixels in this file: its Image has one pixel, as the schema wants"
    notes.append(Diagnostic("no-pixels", message, scene.name, loss=True))
    channels = scene.channels or (Channel(),)
    sizes = (1, sum(channel.samples for channel in channels), 1, 1, 1)
    return OmeImage(
        name=scene.name,
        order="TCZYX",
        sizes=Dims("TCZYX", sizes),
        channels=channels,
        pixel_size=scene.pixel_size,
        time_step=scene.time_step,
        acquired=scene.acquired,
        objective=scene.objective,
    )


def to_text(tree: OmeTree) -> str:
    """Write a tree and its planes as text."""
    from lxml import etree

    for image, planes in zip(tree.root.findall(tag("Image")), tree.planes, strict=False):
        pixels = image.find(tag("Pixels"))
        for attributes in plane_attributes(planes) if planes is not None else ():
            etree.SubElement(pixels, tag("Plane"), attributes)
    text: str = etree.tostring(tree.root, encoding="unicode")
    return text
