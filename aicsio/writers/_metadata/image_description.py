"""The ImageDescription: records, the caller's overrides, the OME of sources, their original text.

Rule kept here: calls the other modules of the folder in order. Metadata that is not written is
reported.
"""

from collections.abc import Sequence

import attrs

from aicsio._metadata import from_records
from aicsio._metadata.for_writers import with_read_planes
from aicsio._ome import builder
from aicsio._ome.model import OmeImage
from aicsio.records import Diagnostic, ImageHandle, LazyArray, Source
from aicsio.writers._metadata import merge, original_text, source_images
from aicsio.writers._metadata.merge import rois as merge_rois
from aicsio.writers._metadata.merge.images import SourceImage
from aicsio.writers._metadata.original_text import OriginalText
from aicsio.writers._metadata.overrides import MetadataOverrides, apply_overrides


@attrs.frozen
class PlannedImage:
    """An image as it will stand in the file."""

    array: LazyArray
    """Pixels in the order of the file."""
    type_name: str
    """Name of their numpy type in the file."""
    plane_count: int
    """Number of planes."""
    level_count: int
    """Number of resolution levels."""
    keeps_color_map: bool
    """Whether the palette is written."""


@attrs.frozen
class FileDescription:
    """The metadata of a file."""

    text: bytes
    """OME-XML."""
    images: tuple[OmeImage, ...]
    """Its images, as records."""
    not_kept: tuple[Diagnostic, ...]
    """Metadata of the sources that is not in the text."""


def describe_images(
    handles: Sequence[ImageHandle],
    planned: Sequence[PlannedImage],
    overrides: MetadataOverrides,
    creator: str,
    *,
    lists_planes: bool = True,
) -> FileDescription:
    """Write all metadata of some images.

    Parameters
    ----------
    handles
        The images.
    planned
        How each will stand in the file.
    overrides
        Metadata that the caller gives.
    creator
        Name and version of the program that writes.
    lists_planes
        Whether the text lists the places of planes in a TIFF; a Zarr has none.

    Raises
    ------
    DimensionError, WriteError
        When the caller's metadata does not fit the images.
    """
    images: list[OmeImage] = []
    not_kept: list[Diagnostic] = []
    first_plane = 0
    for index, (handle, plan) in enumerate(zip(handles, planned, strict=True)):
        timed, unread = with_read_planes(handle, plan.array.dims)
        not_kept += unread
        image, without_place = from_records.describe(
            timed,
            plan.array,
            first_plane,
            level_count=plan.level_count,
            keeps_color_map=plan.keeps_color_map,
            beside_ngff=not lists_planes,
        )
        if not lists_planes:
            image = attrs.evolve(image, tiff_data=())
        images.append(apply_overrides(image, overrides, index))
        not_kept += without_place
        first_plane += plan.plane_count
    # Texts of other formats are large (a CZI's XML may have 700 kB), so they are kept on request.
    originals = _original_texts(handles) if overrides.original_metadata else ()
    text, illegal = builder.make_ome_xml(
        [(image, plan.type_name) for image, plan in zip(images, planned, strict=True)],
        creator,
        original_text.references(originals, len(images)),
    )
    if originals:
        text = original_text.append_annotations(text, originals, not_kept)
    sources = _source_images(handles, planned, images, overrides)
    text, dropped = merge.merge_source_ome(text, images, sources)
    not_kept += _report_texts(handles, originals, overrides)
    return FileDescription(text, tuple(images), (*not_kept, *illegal, *dropped))


def _source_images(
    handles: Sequence[ImageHandle],
    planned: Sequence[PlannedImage],
    images: Sequence[OmeImage],
    overrides: MetadataOverrides,
) -> list[SourceImage | None]:
    """Return the image of an OME document that each image comes from; ``None`` without one."""
    if overrides.ome is None:
        return source_images.all_source_images(handles, [plan.array for plan in planned])
    return [
        _image_of_document(overrides.ome, number, handle, planned, image)
        for number, (handle, image) in enumerate(zip(handles, images, strict=True))
    ]


def _image_of_document(
    text: str,
    number: int,
    handle: ImageHandle,
    planned: Sequence[PlannedImage],
    image: OmeImage,
) -> SourceImage:
    """Return an image of the caller's document, which describes the pixels as they are written."""
    counts = {"T": image.sizes.T, "C": len(image.channels), "Z": image.sizes.Z}
    order = planned[number].array.dims
    return SourceImage(
        text,
        number,
        len(planned),
        tuple((letter, tuple(range(count))) for letter, count in counts.items()),
        merge_rois.WHOLE,
        handle.scene.name,
        unfolded=tuple(letter for letter in order if letter not in "TCZYXS"),
    )


# ---------------------------------------------------------------- texts of other formats


def _original_texts(handles: Sequence[ImageHandle]) -> tuple[OriginalText, ...]:
    """Gather the metadata texts of sources, each once."""
    images_of: dict[tuple[str, str], list[int]] = {}
    for index, handle in enumerate(handles):
        if handle.metadata and handle.format != "ome-tiff":
            images_of.setdefault((handle.format, handle.metadata), []).append(index)
    return tuple(
        OriginalText(format_name, text, tuple(images))
        for (format_name, text), images in images_of.items()
    )


def _report_texts(
    handles: Sequence[ImageHandle],
    originals: Sequence[OriginalText],
    overrides: MetadataOverrides,
) -> list[Diagnostic]:
    """Report the metadata texts of sources that are not written, once for each source."""
    diagnostics = []
    seen: set[Source] = set()
    written_texts = {original.text for original in originals}
    for handle in handles:
        text = handle.metadata
        is_ome = handle.format == "ome-tiff"
        # The OME of a source is merged, unless the caller gives a document in its place.
        merged = is_ome and overrides.ome is None
        if text and not merged and text not in written_texts and handle.source not in seen:
            advice = "" if is_ome else "; original_metadata=True keeps it"
            message = f"the metadata text of the source ({len(text):,} characters{advice})"
            diagnostics.append(Diagnostic("not-kept", message, handle.scene.name))
        seen.add(handle.source)
    return diagnostics
