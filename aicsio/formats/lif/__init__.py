"""Leica LIF and LOF, native or by readlif. Imports `_io`, `_ome` and `records`.

The XML, its images and their memory are those of ``formats._leica``, which projects of many files
share; ``annex`` finds levels in the LIFEXT beside a LIF, ``readlif_engine`` is the second engine.

Rule kept here: an image that cannot be read is listed without pixels and with a diagnostic; the
others open. Everything else that the project holds is counted in a diagnostic.
"""

import functools
import sys
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from aicsio._checks.words import count_of
from aicsio._ome.xml import find_all
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats import Options
from aicsio.formats._leica import origins
from aicsio.formats._leica.arrays import lay_out_pixels
from aicsio.formats._leica.container import (
    Container,
    MemoryBlock,
    is_lif,
    read_container,
)
from aicsio.formats._leica.description import (
    Axis,
    ChannelDescription,
    Unreadable,
    describe_other_elements,
    find_images,
    parse_axes,
    parse_channels,
    parse_xml,
    walk_elements,
)
from aicsio.formats._leica.instrument import describe_instruments
from aicsio.formats._leica.scenes import describe_scene
from aicsio.formats.lif.annex import attach_levels, block_name
from aicsio.records import Contents, Damage, Diagnostic, LazyArray, Source
from aicsio.records.provenance import FactOrigins
from aicsio.records.scenes import distinguish_scenes


def recognises(source: Source, head: bytes, /) -> bool:  # noqa: ARG001 - part of the protocol
    """Return whether the file is a LIF or a LOF."""
    return is_lif(head)


def read_contents(source: Source, options: Options, /) -> Contents:
    """Describe the images of a LIF or LOF file.

    Parameters
    ----------
    source
        The file.
    options
        ``mosaic="tiles"`` keeps tiles along M; ``engine="readlif"`` lets readlif read the pixels.

    Returns
    -------
    One scene for each image, in the order of the project tree.

    Raises
    ------
    CorruptFileError
        When the container or its XML is damaged, or no image has pixels.
    UnsupportedFormatError
        When the file holds no image but data of another kind.
    MissingDependencyError
        When readlif is requested and not installed.
    """
    # The XML lies at the start, the memory blocks behind it: headers are read, no pixels.
    container = read_container(source)
    root, repaired = parse_xml(container.text, source)
    elements = tuple(walk_elements(root))
    others = describe_other_elements(elements)
    diagnostics = [*container.diagnostics, *_report_other_data(root, others, container)]
    if repaired:
        text = (
            "its XML holds characters that XML forbids: they are left out, and & is read as itself"
        )
        diagnostics.append(Diagnostic("lif-repaired-xml", text))
    images = _find_or_wrap_images(root, elements)
    scenes = []
    names = distinguish_scenes([path for path, _ in images])
    keep_apart = options.mosaic == "tiles"
    for name, (_, element) in zip(names, images, strict=True):
        lay_out = functools.partial(_lay_out, source, container, element)
        scene, remarks = describe_scene(name, element, lay_out, source, keep_apart=keep_apart)
        scenes.append(scene)
        diagnostics.extend(remarks)
        diagnostics.extend(_report_cut(source, container, element, name))
    if not any(scene.levels for scene in scenes):
        _refuse(source, images=bool(images), diagnostics=diagnostics)
    scenes, remarks = attach_levels(source, scenes, [element for _, element in images])
    diagnostics.extend(remarks)
    contents = Contents(tuple(scenes), container.text, tuple(diagnostics))
    if options.engine == "readlif":
        # GPL: imported only when it is requested.
        from aicsio.formats.lif import readlif_engine

        return readlif_engine.replace_layouts(source, contents)
    return contents


def describe_instrument(source: Source, contents: Contents, /) -> ET.Element | None:
    """Describe lenses, detectors, lasers and their settings, as parts of OME."""
    if contents.metadata is None:
        return None
    root, _ = parse_xml(contents.metadata, source)
    images = _find_or_wrap_images(root, tuple(walk_elements(root)))
    return describe_instruments([element for _, element in images])


def _find_or_wrap_images(
    root: ET.Element, elements: tuple[tuple[str, ET.Element], ...]
) -> list[tuple[str, ET.Element]]:
    """Return path and element of each image; some LOFs hold the data of their image alone."""
    images = list(find_images(elements))
    if not images and root.tag == "Data":
        wrapper = ET.Element("Element", {"Name": ""})
        wrapper.append(root)
        images = [("", wrapper)]
    return images


def _refuse(source: Source, *, images: bool, diagnostics: list[Diagnostic]) -> None:
    reasons = "; ".join(one.message for one in diagnostics[:3]) or "its XML describes none"
    if not images and any(one.code == "lif-other-data" for one in diagnostics):
        raise UnsupportedFormatError(f"{source.uri} holds no image: {reasons}")
    raise CorruptFileError.at(source.uri, None, f"expected an image with pixels: {reasons}")


def _report_other_data(
    root: ET.Element, others: tuple[str, ...], container: Container
) -> list[Diagnostic]:
    """Report elements of other kinds than images, and memory blocks that no element names."""
    diagnostics = []
    if others:
        text = f"elements that are no images are not read: {'; '.join(others)}"
        diagnostics.append(Diagnostic("lif-other-data", text))
    named = {memory.get("MemoryBlockID") for memory in root.iter("Memory")}
    unused, nbytes = [], 0
    for name, block in container.blocks.items():
        # A LOF has one block without a name, that of its image.
        if name and block.size and name not in named:
            unused.append(name)
            nbytes += block.size
    if unused:
        text = (
            f"{count_of(len(unused), 'memory block')} of {nbytes} bytes without an element of the XML, "
            f"the first is {unused[0]!r}"
        )
        diagnostics.append(Diagnostic("lif-unused-memory", text))
    return diagnostics


# ---------------------------------------------------------------- memory blocks


def _lay_out(
    source: Source,
    container: Container,
    element: ET.Element,
    axes: tuple[Axis, ...],
    channels: tuple[ChannelDescription, ...],
) -> LazyArray:
    block = _find_block(container, element, source)
    return lay_out_pixels(source, block, axes, channels)


def _find_block(container: Container, element: ET.Element, source: Source) -> MemoryBlock:
    """Return the memory block of an image; its end may lie behind that of the file.

    Raises
    ------
    Unreadable
        When the file lacks the block, or all of its bytes.
    """
    identifier = block_name(element)
    block = container.blocks.get("") or container.blocks.get(identifier)
    # A block without bytes may lie at the very end of the file.
    if block is None or (block.size and block.offset >= (source.size or 0)):
        raise Unreadable(f"its memory block {identifier!r} is not in the file")
    return block


def _report_cut(
    source: Source, container: Container, element: ET.Element, name: str
) -> Iterator[Diagnostic]:
    """Report an image of whose block the file holds the beginning: its first planes can be read."""
    block = container.blocks.get(block_name(element))
    size = source.size or 0
    if block is not None and block.offset < size < block.offset + block.size:
        missing = block.offset + block.size - size
        text = f"{name!r}: the file ends {missing} bytes before its memory block does; those pixels are lost"
        yield Diagnostic("lif-cut-memory", text, name)


def check_structure(source: Source, /) -> Iterator[Damage]:
    """Compare every memory block with the end of the file; see ``ChecksStructure``."""
    if source.size is None:
        return
    container = read_container(source)
    yield from _find_lost_images(source, container)
    for name, block in container.blocks.items():
        if block.offset + block.size > source.size:
            text = f"expected {block.size} bytes of memory block {name}, but the file ends at"
            message = f"{source.uri} at byte {block.offset}: {text} {source.size}"
            yield Damage("lif-memory", message, source.uri, block.offset)


def _find_lost_images(source: Source, container: Container) -> Iterator[Damage]:
    """Yield the planes of images whose memory blocks are not in the file at all."""
    root, _ = parse_xml(container.text, source)
    for scene, (_, element) in enumerate(_find_or_wrap_images(root, tuple(walk_elements(root)))):
        try:
            _find_block(container, element, source)
        except Unreadable as reason:
            try:
                # As large as it may be: this asks for the axes, not for the pixels.
                anywhere = MemoryBlock(source.size or 0, sys.maxsize)
                image = find_all(element, "Data", "Image")[0]
                axes, _ = parse_axes(image)
                array = lay_out_pixels(source, anywhere, axes, parse_channels(image))
            except Unreadable:
                continue  # its axes are not known either
            positions = tuple((letter, range(size)) for letter, size in array.stored.items())
            text = f"{source.uri}: {reason}"
            yield Damage("lost-pixels", text, source.uri, scene=scene, level=0, positions=positions)


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001 - the protocol
    """Return the places of the XML."""
    return origins.trace(contents.scenes[scene])
