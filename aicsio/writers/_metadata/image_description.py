"""The ImageDescription: records, what the caller says instead, the OME of sources, their original text.

Rule kept here: this module says in which order; the others of its folder know how. What is known and not in the text
is told.
"""

from collections.abc import Sequence

from aicsio._ome.model import OmeImage
from aicsio.records import Diagnostic, ImageHandle, LazyArray, Source
from aicsio.writers._metadata import from_records, merge, merge_rois, ome_xml, overrides
from aicsio.writers._metadata.merge_images import Origin
from aicsio.writers._metadata.original_text import Original
from aicsio.writers._metadata.overrides import Given

Planned = tuple[LazyArray, str, int, int, bool]
"""Pixels in the order of the file, name of their type in it, planes, resolution levels, whether a palette is kept."""


def description(
    handles: Sequence[ImageHandle], planned: Sequence[Planned], said: Given, creator: str
) -> tuple[bytes, tuple[OmeImage, ...], tuple[Diagnostic, ...]]:
    """Write all that is known of some images.

    Parameters
    ----------
    handles
        The images.
    planned
        What becomes of the pixels of each.
    said
        What the caller says of them.
    creator
        Name and version of the program that writes.

    Returns
    -------
    tuple
        OME-XML, what it says of each image, and what is known and not in it.

    Raises
    ------
    DimensionError, WriteError
        When what the caller says does not fit.
    """
    images: list[OmeImage] = []
    lost: list[Diagnostic] = []
    first = 0
    for index, (handle, (array, _, planes, levels, palette)) in enumerate(
        zip(handles, planned, strict=True)
    ):
        image, notes = from_records.described(handle, array, first, levels=levels, palette=palette)
        images.append(overrides.replaced(image, said, index))
        lost += notes
        first += planes
    originals = _originals(handles) if said.original_metadata else ()
    types = [name for _, name, *_ in planned]
    text, unsaid = ome_xml.ome_xml(list(zip(images, types, strict=True)), creator, originals)
    origins = _origins(handles, planned, images, said)
    text, left = merge.carried(text, images, origins)
    lost += _texts(handles, originals, said)
    return text, tuple(images), (*lost, *unsaid, *left)


def _origins(
    handles: Sequence[ImageHandle],
    planned: Sequence[Planned],
    images: Sequence[OmeImage],
    said: Given,
) -> list[Origin | None]:
    arrays = [array for array, *_ in planned]
    if said.ome is None:
        return [
            from_records.origin(handle, array)
            for handle, array in zip(handles, arrays, strict=True)
        ]
    # The caller's document describes what is written.
    return [
        Origin(
            said.ome,
            number,
            len(handles),
            tuple(
                (
                    letter,
                    tuple(range(len(image.channels) if letter == "C" else image.sizes[letter])),
                )
                for letter in "TCZ"
            ),
            merge_rois.WHOLE,
            handle.scene.name,
            unfolded=tuple(letter for letter in array.dims if letter not in "TCZYXS"),
        )
        for number, (handle, array, image) in enumerate(zip(handles, arrays, images, strict=True))
    ]


def _originals(handles: Sequence[ImageHandle]) -> tuple[Original, ...]:
    """Gather the texts of sources, each once."""
    found: dict[tuple[str, str], list[int]] = {}
    for index, handle in enumerate(handles):
        if handle.metadata and handle.format != "ome-tiff":
            found.setdefault((handle.format, handle.metadata), []).append(index)
    return tuple(Original(name, text, tuple(images)) for (name, text), images in found.items())


def _texts(
    handles: Sequence[ImageHandle], originals: Sequence[Original], said: Given
) -> list[Diagnostic]:
    """Name the texts of sources that are not kept; each once."""
    notes, seen = [], set[Source]()
    kept = {original.text for original in originals}
    for handle in handles:
        text = handle.metadata
        carried = handle.format == "ome-tiff" and said.ome is None
        if text and not carried and text not in kept and handle.source not in seen:
            how = "" if handle.format == "ome-tiff" else "; original_metadata=True keeps it"
            message = f"the metadata text of the source ({len(text):,} characters{how})"
            notes.append(Diagnostic("not-kept", message, handle.scene.name))
        seen.add(handle.source)
    return notes
