"""The OME-XML of a store, ``OME/METADATA.ome.xml``, with its images in the order of the scenes.

Rule kept here: an image is given to a scene by the list of series or by the well that both name, never
by its place in the document alone where the store has an order of its own.

Source of the facts: NGFF 0.5, "bioformats2raw.layout": the list ``series`` of the group ``OME`` "must match
the order of the images in the OME-XML"; OME schema 2016-06, Plate, Well and WellSample.
"""

from collections.abc import Sequence

from aicsio._io import stores
from aicsio._ome import schema
from aicsio._ome.document import parse_ome
from aicsio._ome.references import name_of
from aicsio._ome.xml import decode_xml
from aicsio.errors import CorruptFileError
from aicsio.formats.zarr.documents import LARGEST_DOCUMENT, Documents
from aicsio.records import Scene, Well

KEY = "OME/METADATA.ome.xml"


def read_text(documents: Documents) -> str | None:
    """Return the text; ``None`` if the store has none."""
    raw = stores.read_value(documents.store, KEY, LARGEST_DOCUMENT)
    return None if raw is None else decode_xml(raw)


def read_in_order_of_plate(documents: Documents, scenes: Sequence[Scene]) -> str | None:
    """Return the text with one image a field of the plate, in the order of the scenes.

    Parameters
    ----------
    documents
        Of the store.
    scenes
        Fields of the plate, which are called by their paths.

    Raises
    ------
    CorruptFileError
        When the text cannot be read, or names no image for a scene.
    """
    text = read_text(documents)
    if text is None:
        return None
    images = parse_ome(text).images
    ome = documents.node("OME")
    series = None if ome is None else ome.ngff.get("series")
    listed = isinstance(series, list) and len(series) == len(images)
    # Keys are paths where the series are listed, and wells elsewhere.
    keys: list[object] = [str(path) for path in series] if listed and series else []
    wanted: list[object] = [scene.name for scene in scenes]
    if not listed:
        keys = [_place(image.well) for image in images]
        wanted = [_place(scene.well) for scene in scenes]
    number_of = {key: number for number, key in enumerate(keys) if key is not None}
    numbers = [number_of.get(key) for key in wanted]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers) or len(set(known)) < len(known):
        missing = len(numbers) - len(set(known))
        raise CorruptFileError(f"{KEY} names no image for {missing} of {len(numbers)} fields")
    if known == list(range(len(images))):
        return text
    return pick_images(text, known)


def _place(well: Well | None) -> tuple[str, str, int] | None:
    """Return what a well and the plate of OME call alike: ``B`` and ``03`` are ``B`` and ``3``."""
    if well is None:
        return None
    return well.row.upper().lstrip("0"), well.column.upper().lstrip("0"), well.field


def pick_images(text: str, numbers: Sequence[int]) -> str:
    """Return a document with some of its images, in another order.

    Parameters
    ----------
    text
        OME-XML of any version.
    numbers
        Numbers of the images; fields of plates that refer to others are left out.

    Raises
    ------
    CorruptFileError
        When it is not well formed, or has fewer images.
    """
    from lxml import etree

    root = schema.parse(text)
    images = root.findall("{*}Image")
    if max(numbers, default=0) >= len(images):
        raise CorruptFileError(f"{KEY} has {len(images)} images, one Image for several Pixels")
    # The schema orders the elements of OME: images go back to the place of the first.
    place = root.index(images[0]) if images else 0
    for image in images:
        root.remove(image)
    kept = {images[number].get("ID") for number in numbers}
    for offset, number in enumerate(numbers):
        root.insert(place + offset, images[number])
    for sample in list(root.iter("{*}WellSample")):
        references = [child.get("ID") for child in sample if name_of(child) == "ImageRef"]
        if references and references[0] not in kept:
            sample.getparent().remove(sample)
    picked: str = etree.tostring(root, encoding="unicode")
    return picked
