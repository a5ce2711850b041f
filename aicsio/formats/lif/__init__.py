"""Leica LIF and LOF, native or by readlif. Imports `_io`, `_ome` and `records`.

``container`` finds the XML and the memory blocks, ``description`` reads axes and channels,
``arrays`` and ``layout`` place pixels. ``metadata`` decides on names, colours and times; the
hardware settings that it consults are read by ``settings``. ``tiles`` places mosaics, ``times``
fits time stamps, ``readlif_engine`` is the second engine. ``hardware`` reads what an image was taken
with into the records of ``equipment``, which ``instrument`` turns into parts of OME.

Rule kept here: an image that cannot be read is listed without pixels and with a diagnostic; the
others open. Everything else that the project holds is counted in a diagnostic.
"""

from xml.etree import ElementTree as ET

import attrs

from aicsio._checks.words import count_of
from aicsio._io import readers
from aicsio._ome.units import seconds_per
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats import Options
from aicsio.formats.lif import origins
from aicsio.formats.lif.arrays import count_samples, lay_out_pixels
from aicsio.formats.lif.container import (
    Container,
    MemoryBlock,
    is_leica_xml,
    is_lif,
    read_container,
)
from aicsio.formats.lif.description import (
    Axis,
    Unreadable,
    describe_other_elements,
    find_all,
    find_images,
    find_spacings,
    parse_axes,
    parse_channels,
    parse_xml,
    walk_elements,
)
from aicsio.formats.lif.instrument import describe_instruments
from aicsio.formats.lif.metadata import (
    describe_channels,
    describe_coordinates,
    describe_planes,
    of_first_tiles,
)
from aicsio.formats.lif.settings import find_settings, parse_objective
from aicsio.formats.lif.tiles import Mosaic, stitch
from aicsio.formats.lif.times import first_date, parse_time_stamps
from aicsio.records import Contents, Diagnostic, PixelSize, Scene, Source
from aicsio.records.provenance import FactOrigins
from aicsio.records.scenes import distinguish_scenes


def recognises(source: Source, head: bytes, /) -> bool:  # noqa: ARG001 - part of the protocol
    """Return whether the file is a LIF, a LOF, or one of Leica's XML files.

    The XML files are refused by name when they are opened: they hold no pixels.
    """
    return is_lif(head) or is_leica_xml(head)


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
        When the file is one of Leica's XML files, or holds no image but data of another kind.
    MissingDependencyError
        When readlif is requested and not installed.
    """
    # The XML lies at the start, the memory blocks behind it: headers are read, no pixels.
    try:
        container = read_container(source)
    except CorruptFileError:
        if not is_leica_xml(readers.read_head(source, 256)):
            raise
        raise UnsupportedFormatError(
            f"{source.uri} is one of Leica's XML files (XLEF, XLIF, XLCF), which hold no pixels: "
            "open the .lof or .lif files that it names"
        ) from None
    root, repaired = parse_xml(container.text, source)
    elements = tuple(walk_elements(root))
    others = describe_other_elements(elements)
    diagnostics = [*container.diagnostics, *_report_other_data(root, others, container)]
    if repaired:
        text = (
            "its XML holds characters that XML forbids: they are left out, and & is read as itself"
        )
        diagnostics.append(Diagnostic("lif-repaired-xml", text))
    images = _find_or_wrap_images(root)
    scenes = []
    names = distinguish_scenes([path for path, _ in images])
    keep_apart = options.mosaic == "tiles"
    for name, (_, element) in zip(names, images, strict=True):
        scene, remarks = _describe_scene(source, container, name, element, keep_apart=keep_apart)
        scenes.append(scene)
        diagnostics.extend(remarks)
    if not any(scene.levels for scene in scenes):
        _refuse(source, images=bool(images), diagnostics=diagnostics)
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
    return describe_instruments([element for _, element in _find_or_wrap_images(root)])


def _find_or_wrap_images(root: ET.Element) -> list[tuple[str, ET.Element]]:
    """Return path and element of each image; some LOFs hold the data of their image alone."""
    images = list(find_images(walk_elements(root)))
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


# ---------------------------------------------------------------- one image


def _describe_scene(
    source: Source, container: Container, name: str, element: ET.Element, *, keep_apart: bool
) -> tuple[Scene, list[Diagnostic]]:
    """Describe one image; one that cannot be read has no pixels and a diagnostic."""
    image = next(iter(find_all(element, "Data", "Image")), None)
    if image is None:
        raise CorruptFileError.at(source.uri, None, f"expected an image in {name!r}")
    try:
        axes, remarks = parse_axes(image)
        channels = parse_channels(image)
        array = lay_out_pixels(source, _find_block(container, element, source), axes, channels)
    except Unreadable as reason:
        # Listed all the same, so that the numbers of the scenes stay those of the project.
        text = f"{name!r} is listed without pixels: {reason}"
        return Scene(name, ()), [Diagnostic("lif-no-pixels", text, name)]
    diagnostics = [_diagnose("lif-dimensions", name, remark) for remark in remarks]
    mosaic = Mosaic(array, None, [])
    if "M" in array.stored:
        mosaic = stitch(array, axes, image, name, keep_apart=keep_apart)
    diagnostics += mosaic.diagnostics
    # Names and lookup tables belong to channels; a colour image has one of three samples.
    sample_count = count_samples(channels)
    first_samples = channels[::sample_count]
    stamps = parse_time_stamps(image)
    settings = find_settings(image)
    planes, remark = describe_planes(settings, axes, len(first_samples), stamps)
    if remark is not None:
        diagnostics.append(_diagnose("lif-times", name, remark))
    if planes is not None and "M" in planes.dims and "M" not in mosaic.array.stored:
        planes = of_first_tiles(planes)
    scene = Scene(
        name=name,
        levels=(mosaic.array,),
        channels=describe_channels(settings, first_samples, sample_count, array.stored),
        pixel_size=_pixel_size(axes),
        time_step=_time_step(axes),
        acquired=first_date(stamps),
        objective=parse_objective(settings),
        planes=planes,
        tiles=mosaic.tiles,
        coordinates=describe_coordinates(axes),
    )
    return scene, diagnostics


def _diagnose(code: str, name: str, remark: str) -> Diagnostic:
    return Diagnostic(code, f"{name!r}: {remark}", name)


def _find_block(container: Container, element: ET.Element, source: Source) -> MemoryBlock:
    """Return the memory block of an image, as far as the file holds it.

    Raises
    ------
    Unreadable
        When the file lacks the block.
    """
    memory = element.find("Memory")
    identifier = "" if memory is None else memory.get("MemoryBlockID", "")
    block = container.blocks.get("") or container.blocks.get(identifier)
    if block is None:
        raise Unreadable(f"its memory block {identifier!r} is not in the file")
    # A file that breaks off keeps the images whose blocks are whole.
    available = max((source.size or 0) - block.offset, 0)
    return block if block.size <= available else attrs.evolve(block, size=available)


def _pixel_size(axes: tuple[Axis, ...]) -> PixelSize:
    spacing = find_spacings(axes)
    return PixelSize(spacing.get("Z"), spacing.get("Y"), spacing.get("X"))


def _time_step(axes: tuple[Axis, ...]) -> float | None:
    for axis in axes:
        if axis.letter == "T":
            return axis.spacing(seconds_per)
    return None


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001 - the protocol
    """Return the places of the XML."""
    return origins.trace(contents.scenes[scene])
