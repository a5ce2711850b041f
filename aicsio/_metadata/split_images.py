"""Images of a document that are several scenes: an Image for each, with its own channels and planes.

An OME-TIFF may have one Image whose channels, time points or sections differ in type or shape; a scene
shows those that are alike (``ImagePart``).

Rule kept here: the first scene of an image keeps its identifiers, so that references lead to it; those
of the others are new. Sizes and type are those of the scene.
"""

import copy
from collections import Counter
from collections.abc import Sequence

from aicsio._metadata.pixel_types import ome_type
from aicsio._ome.builder import PIXEL_TYPES
from aicsio._ome.elements import parse_integer
from aicsio._ome.references import name_of
from aicsio._ome.schema import Tree, tag
from aicsio.records import Diagnostic, ImagePart, Scene

_PLACES = frozenset({"TiffData", "BinData", "MetadataOnly"})


def split_images(root: Tree, scenes: Sequence[Scene]) -> tuple[Diagnostic, ...]:
    """Give each scene an Image of its own, in order.

    Parameters
    ----------
    root
        OME element of lxml, with a Pixels for each Image; changed in place.
    scenes
        Scenes of the file.

    Returns
    -------
    tuple of Diagnostic
        The images that were split; none where each image is one scene.
    """
    parts = [scene.part for scene in scenes if scene.part is not None]
    images = root.findall(tag("Image"))
    if len(parts) != len(scenes) or not parts or max(part.image for part in parts) >= len(images):
        return ()
    counts = Counter(part.image for part in parts)
    if all(count == 1 for count in counts.values()):
        return ()
    seen: Counter[int] = Counter()
    split = []
    for scene, part in zip(scenes, parts, strict=True):
        element = images[part.image]
        if counts[part.image] > 1:
            element = copy.deepcopy(element)
            if seen[part.image]:
                _rename(element, seen[part.image])
            _take_part(element, scene, part)
        seen[part.image] += 1
        split.append(element)
    place = root.index(images[0])
    for image in images:
        root.remove(image)
    for offset, element in enumerate(split):
        root.insert(place + offset, element)
    total = sum(count for count in counts.values() if count > 1)
    message = f"images whose planes differ in type or shape are {total} images here, one a scene"
    return (Diagnostic("ome-split-images", message),)


def _rename(image: Tree, number: int) -> None:
    """Give an image, its pixels and channels identifiers of their own."""
    pixels = image.find(tag("Pixels"))
    for element in (image, pixels, *pixels.findall(tag("Channel"))):
        identity = element.get("ID")
        if identity is not None:
            element.set("ID", f"{identity}.{number}")


def _take_part(image: Tree, scene: Scene, part: ImagePart) -> None:
    pixels = image.find(tag("Pixels"))
    image.set("Name", scene.name)
    new_places = {place: new for new, place in enumerate(part.positions)}
    for child in list(pixels):
        name = name_of(child)
        if name in _PLACES:
            # Runs of pages cross the parts; the planes of a part are listed by no element.
            pixels.remove(child)
        elif name == "Plane":
            place = parse_integer(child.get(f"The{part.letter}", "0"))
            if place in new_places:
                child.set(f"The{part.letter}", str(new_places[place]))
            else:
                pixels.remove(child)
    channels = pixels.findall(tag("Channel"))
    if part.letter == "C":
        for place, channel in enumerate(channels):
            if place not in new_places:
                pixels.remove(channel)
    _set_sizes(pixels, scene, part)
    _add_metadata_only(pixels)


def _set_sizes(pixels: Tree, scene: Scene, part: ImagePart) -> None:
    channels = pixels.findall(tag("Channel"))
    pixels.set(f"Size{part.letter}", str(len(part.positions)))
    if not scene.levels:
        samples = [parse_integer(channel.get("SamplesPerPixel", "1")) or 1 for channel in channels]
        pixels.set("SizeC", str(sum(samples) or 1))
        return
    level = scene.levels[0]
    samples_of_all = level.dims.get("S", 1)
    for channel in channels:
        channel.set("SamplesPerPixel", str(samples_of_all))
    for letter in "YX":
        pixels.set(f"Size{letter}", str(level.dims[letter]))
    # SizeC counts samples.
    pixels.set("SizeC", str(max(len(channels), level.dims.get("C", 1)) * samples_of_all))
    pixels.set("Type", PIXEL_TYPES[ome_type(level.dtype)])
    bits = parse_integer(pixels.get("SignificantBits"))
    if bits is not None and bits > 8 * level.dtype.itemsize:
        # The document has one number for pixels of several types.
        del pixels.attrib["SignificantBits"]


def _add_metadata_only(pixels: Tree) -> None:
    """Add the element for pixels that are elsewhere: behind the channels, as the schema wants."""
    from lxml import etree

    channels = pixels.findall(tag("Channel"))
    element = etree.Element(tag("MetadataOnly"))
    if channels:
        channels[-1].addnext(element)
    else:
        pixels.insert(0, element)
