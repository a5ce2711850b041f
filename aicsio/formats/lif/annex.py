"""Levels of the images of a LIF, which LAS X keeps in the LIFEXT beside it.

Rule kept here: an image of the annex is a level where name, axes, type and sizes fit; any other is
counted, and is shown by the LIFEXT alone. A damaged annex takes no image from the LIF.

The structure was learnt from the tests of ``liffile``: of an image ``NAME`` in the memory block ``B``, the
annex has ``NAME_pmd_0``, half as large along X and Y, below ``ChildrenOf`` of ``B``, and in it
``NAME_pmd_1``, a quarter as large.
"""

import os
import re
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

import attrs

from aicsio._checks.words import count_of
from aicsio._io import readers
from aicsio._ome.xml import find_all
from aicsio.errors import CorruptFileError
from aicsio.formats._leica.arrays import lay_out_pixels
from aicsio.formats._leica.container import Container, read_container
from aicsio.formats._leica.description import (
    Unreadable,
    find_images,
    parse_axes,
    parse_channels,
    parse_xml,
    walk_elements,
)
from aicsio.records import Diagnostic, LazyArray, Scene, Source

LEVEL_NAME: Final = re.compile(r"(.*)_pmd_([0-9]{1,3})", re.DOTALL)
MOST_FACTOR: Final = 64
"""Of one level to the next: levels of LAS X halve."""


def block_name(element: ET.Element) -> str:
    """Return the name of the memory block of an image; empty if it has none."""
    memory = element.find("Memory")
    return "" if memory is None else memory.get("MemoryBlockID", "")


def attach_levels(
    source: Source, scenes: Sequence[Scene], elements: Sequence[ET.Element]
) -> tuple[list[Scene], list[Diagnostic]]:
    """Return the scenes with the levels of the annex beside the file, if there is one.

    Parameters
    ----------
    source
        The LIF.
    scenes, elements
        Its scenes, and the elements of their images.
    """
    scenes = list(scenes)
    name = os.path.basename(source.uri)
    # On a server, a look for the annex would be a request more for every LIF.
    if source.content is not None or not source.local or not name.lower().endswith(".lif"):
        return scenes, []
    annex = readers.file_below(source, f"{name[:-4]}.lifext")
    if annex is None:
        return scenes, []
    try:
        container = read_container(annex)
        root, _ = parse_xml(container.text, annex)
    except CorruptFileError as error:
        text = f"its annex cannot be read, images have no levels: {error}"
        return scenes, [Diagnostic("lif-annex", text, annex.uri)]
    images = list(find_images(walk_elements(root)))
    count = len(images)
    for index, element in enumerate(elements):
        scene = scenes[index]
        # Tiles of a mosaic would need places of their own in each level.
        if not scene.levels or scene.tiles is not None:
            continue
        own_name = element.get("Name", "")
        for level in _list_levels(images, block_name(element), own_name):
            array = _lay_out(annex, container, level)
            if array is None or not _is_level(array, scene.levels[-1]):
                break
            scene = attrs.evolve(scene, levels=(*scene.levels, array))
            count -= 1
        scenes[index] = scene
    if not count:
        return scenes, []
    others = count_of(count, "image")
    text = f"{others} of its annex belong to no level; {os.path.basename(annex.uri)} shows them"
    return scenes, [Diagnostic("lif-annex", text, annex.uri)]


def _list_levels(
    images: Sequence[tuple[str, ET.Element]], block: str, name: str
) -> list[ET.Element]:
    """Return the images of the annex that are named as levels of an image, the largest first."""
    found: dict[int, ET.Element] = {}
    for path, element in images:
        match = LEVEL_NAME.fullmatch(element.get("Name", ""))
        if match is not None and match[1] == name and path.partition("/")[0] == block:
            found.setdefault(int(match[2]), element)
    return [found[number] for number in sorted(found)]


def _lay_out(annex: Source, container: Container, element: ET.Element) -> LazyArray | None:
    block = container.blocks.get(block_name(element))
    if block is None or block.offset + block.size > (annex.size or 0):
        return None
    try:
        image = find_all(element, "Data", "Image")[0]
        axes, _ = parse_axes(image)
        return lay_out_pixels(annex, block, axes, parse_channels(image))
    except Unreadable:
        return None


def _is_level(array: LazyArray, last: LazyArray) -> bool:
    """Return whether one factor leads from the last level to this array, along rows and columns."""
    sizes, before = dict(array.stored.items()), dict(last.stored.items())
    if array.stored.order != last.stored.order or array.dtype != last.dtype:
        return False
    pairs = [(before.pop(letter, 0), sizes.pop(letter, 0)) for letter in "YX"]
    # Sizes are rounded either way: one factor must explain both within a pixel.
    factors = range(2, MOST_FACTOR + 1)
    return sizes == before and any(
        all(abs(large / factor - small) < 1 for large, small in pairs) for factor in factors
    )
