"""Olympus and Evident VSI with its ETS files (cellSens, VS120, VS200). Imports `_io` and `records`.

``tree`` reads the tags of the VSI, ``metadata`` makes records of them, ``devices`` describes stand and
camera, ``files`` finds the ETS files of the stacks, ``ets`` reads their headers and tables, ``pixels`` and
``layout`` place tiles.

Rule kept here: an ETS file that is missing or damaged costs its scene and is reported; tags that
cannot be read cost their facts, never the pixels.

Source of the facts: see ``tree`` and ``ets``. A stack has its file in ``_NAME_/stack<number>`` beside
``NAME.vsi``. The VSI itself is a TIFF with an overview, and holds the pixels of a snapshot.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from xml.etree.ElementTree import Element

import attrs

from aicsio.errors import AicsioError, CorruptFileError, UnsupportedFormatError
from aicsio.formats import Options
from aicsio.formats._tiff.dialects import describe
from aicsio.formats._tiff.ifd import open_tiff
from aicsio.formats.vsi import files
from aicsio.formats.vsi.devices import describe_devices
from aicsio.formats.vsi.ets import is_ets, read_ets
from aicsio.formats.vsi.layout import VsiLayout
from aicsio.formats.vsi.metadata import (
    StackTags,
    describe_channels,
    describe_objective,
    describe_pixel_size,
    describe_planes,
    describe_stack,
    describe_time_step,
    list_images,
    parse_date,
)
from aicsio.formats.vsi.pixels import StackGeometry, lay_out, plane_letters
from aicsio.formats.vsi.tree import VsiTag, has_tree, read_tree
from aicsio.records import Contents, Diagnostic, Scene, Source, Value
from aicsio.records.provenance import FactOrigin, FactOrigins
from aicsio.records.scenes import distinguish_scenes

ORIGINS: Final = (
    ("name", "vsi:2005/2030"),
    ("channels[*].name", "vsi:2007/2008/2419"),
    ("channels[*].color", "vsi:2007/2008/2004"),
    ("channels[*].emission", "vsi:2007/2008/2417"),
    ("channels", "vsi:2007/2008"),
    ("pixel_size.Z", "vsi:2007/2008/2013"),
    ("pixel_size", "vsi:2005/2019"),
    ("time_step", "vsi:2007/2008/2016"),
    ("acquired", "vsi:2005/2015"),
    ("objective", "vsi:2005/2043"),
    ("planes.time", "vsi:2002/2006/2017"),
    ("planes.z", "vsi:2002/2006/2014"),
    ("planes.exposure", "vsi:100002"),
    ("planes", "vsi:2005/2018"),
)
"""Fields and records, and the tags that they come from."""
MOST_SHOWN: Final = 20_000
"""Tags that are listed as a table."""


def recognises(source: Source, head: bytes, /) -> bool:  # noqa: ARG001 - part of the protocol
    """Return whether the file is a VSI with a tree of tags, or an ETS file."""
    return has_tree(head) or is_ets(head)


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe the stacks of a VSI file, or the image of one ETS file.

    Parameters
    ----------
    source
        The VSI; its ETS files are found beside it. Or an ETS file.
    options
        None applies.

    Returns
    -------
    One scene for each stack that has pixels, then the overview of the VSI.

    Raises
    ------
    CorruptFileError
        When neither has pixels.
    UnsupportedFormatError
        When an ETS file has tiles of a kind that is not read.
    """
    if files.is_pixel_file(source):
        return _describe_alone(source)
    tree = read_tree(source)
    notes = []
    if tree.trouble is not None:
        text = f"the tags break off, what stands behind is not known: {tree.trouble}"
        notes.append(Diagnostic("vsi-tags", text, source.uri, loss=True))
    images = list_images(tree.root)
    found = files.find_files(source, images)
    notes += found.diagnostics
    named: list[tuple[str | None, Scene]] = []
    first_error: AicsioError | None = None
    for image, file in found.pairs:
        try:
            scene, trouble = _describe_scene(image, file)
        except (CorruptFileError, UnsupportedFormatError) as error:
            # Raised only where no other image is left.
            first_error = first_error or error
            text = f"a file of pixels cannot be read, its image is left out: {error}"
            notes.append(Diagnostic("vsi-unreadable-ets", text, file.uri, loss=True))
            continue
        named.append((scene.name or None, scene))
        notes += trouble
    try:
        named += [("Overview", scene) for scene in _read_overview(source, notes)]
    except AicsioError as error:
        notes.append(
            Diagnostic("vsi-overview", f"its overview is left out: {error}", source.uri, loss=True)
        )
        first_error = first_error or error
    if not named:
        raise first_error or CorruptFileError.at(source.uri, None, "expected an image")
    names = distinguish_scenes([name for name, _ in named])
    scenes = tuple(
        attrs.evolve(scene, name=name) for name, (_, scene) in zip(names, named, strict=True)
    )
    return Contents(scenes, None, tuple(notes))


def _describe_scene(image: StackTags | None, file: Source) -> tuple[Scene, list[Diagnostic]]:
    """Describe the image of one ETS file by its tags, as far as there are any."""
    ets = read_ets(file)
    stack = StackGeometry() if image is None else describe_stack(image)
    levels, notes = lay_out(ets, stack)
    if image is None:
        return Scene(files.folder_name(file), levels), notes
    full = levels[0]
    letters = plane_letters(full)
    shape = [full.stored[letter] for letter in letters]
    count = full.stored["C"] if "C" in letters else 1
    scene = Scene(
        name=image.name or "",
        levels=levels,
        channels=describe_channels(image, count, ets.samples),
        pixel_size=describe_pixel_size(image),
        time_step=describe_time_step(image),
        acquired=parse_date(image),
        objective=describe_objective(image),
        planes=describe_planes(image, letters, shape),
    )
    return scene, notes


def _describe_alone(source: Source) -> Contents:
    """Describe an ETS file: with its tags where the VSI lies beside it."""
    vsi = files.find_index(source)
    tree = None if vsi is None else read_tree(vsi)
    images = [] if tree is None else list_images(tree.root)
    number = files.stack_number(source)
    image = _find_image(images, number)
    scene, notes = _describe_scene(image, source)
    if image is None:
        text = (
            "an ETS file holds pixels alone: channels, sizes and the order of dimensions are in the "
            ".vsi file that it belongs to"
        )
        notes.append(Diagnostic("vsi-no-tags", text, source.uri))
    name = distinguish_scenes([scene.name])[0]
    return Contents((attrs.evolve(scene, name=name),), None, tuple(notes))


def _find_image(images: Sequence[StackTags], number: int | None) -> StackTags | None:
    """Return the tags of a stack; neither a file nor tags without a number tell which one it is."""
    if number is None:
        return None
    return next((image for image in images if image.number == number), None)


def _read_overview(source: Source, notes: list[Diagnostic]) -> tuple[Scene, ...]:
    """Describe the pages of the TIFF."""
    with open_tiff(source) as (file, first):
        contents = describe(file, first, [])
    notes += contents.diagnostics
    return tuple(scene for scene in contents.scenes if scene.levels)


# ---------------------------------------------------------------- optional parts of the seam


def read_tags(source: Source, /) -> Mapping[str, Value]:
    """Return the values of the tags by their numbers from the root on, such as ``2000/2001[1]/2005/2030``."""
    vsi = files.find_index(source) if files.is_pixel_file(source) else source
    if vsi is None:
        return {}
    shown: dict[str, Value] = {}
    for path, tag in _walk_paths(read_tree(vsi).root, ""):
        if len(shown) >= MOST_SHOWN:
            break
        if tag.value is not None:
            key = path
            # Tags of lists repeat without a number of their own.
            repeats = 1
            while key in shown:
                repeats += 1
                key = f"{path}#{repeats}"
            shown[key] = tag.value
    return shown


def _walk_paths(tag: VsiTag, path: str) -> Iterator[tuple[str, VsiTag]]:
    for child in tag.children:
        index = "" if child.index is None else f"[{child.index}]"
        below = f"{path}/{child.number}{index}" if path else f"{child.number}{index}"
        yield below, child
        yield from _walk_paths(child, below)


def describe_instrument(source: Source, contents: Contents, /) -> Element | None:
    """Describe stands and cameras, as parts of OME."""
    vsi = files.find_index(source) if files.is_pixel_file(source) else source
    if vsi is None:
        return None
    images = list_images(read_tree(vsi).root)
    if vsi is source:
        pairs = files.find_files(vsi, images).pairs
    else:
        pairs = ((_find_image(images, files.stack_number(source)), source),)
    # Names of scenes are made distinct, and stacks may share theirs: files tell them apart.
    by_file = {file.uri: image for image, file in pairs}
    return describe_devices([(by_file.get(_file_of(scene)), scene) for scene in contents.scenes])


def _file_of(scene: Scene) -> str:
    """Return the ETS file of a scene; empty for the overview, which lies in the VSI itself."""
    layout = scene.levels[0].layout if scene.levels else None
    return layout.source.uri if isinstance(layout, VsiLayout) else ""


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001 - the protocol
    """Return the tags of the VSI."""
    return FactOrigins(tuple(FactOrigin(path, origin) for path, origin in ORIGINS))
