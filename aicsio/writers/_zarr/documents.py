"""The metadata files of a store: groups, attributes, OME-XML.

Rule kept here: pure. A store is described by documents by key; the document of the root, which
makes it an OME-Zarr, is the last one, so a store without it is not whole.
"""

import json
from collections.abc import Sequence

import attrs

from aicsio._ome.model import OmeImage
from aicsio._ome.ngff import ContrastWindow, Json, place_attributes
from aicsio.writers._zarr.multiscales import PlateWells, image_attributes
from aicsio.writers._zarr.plan import ImagePlan


@attrs.frozen
class StoredImage:
    """An image of a store and its metadata."""

    plan: ImagePlan
    """Its arrays."""
    image: OmeImage
    """Its metadata."""
    windows: tuple[ContrastWindow, ...]
    """Contrast of its channels; empty for labels."""
    is_rgb: bool = False
    """Whether its channels were samples of a pixel."""


@attrs.frozen
class StoreContents:
    """All images of a store."""

    version: str
    """Version of OME-Zarr."""
    name: str
    """Name of the store, for plates."""
    images: tuple[StoredImage, ...]
    """Images, in order."""
    labels: tuple[StoredImage, ...] = ()
    """Images of labels of the one image."""
    plate: PlateWells | None = None
    """Wells of the images."""
    ome_xml: bytes | None = attrs.field(default=None, repr=False)
    """The OME-XML of all images."""


def documents(contents: StoreContents) -> dict[str, bytes]:
    """Return the metadata files of a store by key, the root's last."""
    files: dict[str, bytes] = {}
    for stored in (*contents.labels, *contents.images):
        for level in stored.plan.all_levels:
            files |= level.metadata()
    groups = {stored.plan.path: _image_group(stored) for stored in contents.images}
    # The root waits until all others are listed: with its document a store counts as whole.
    root: Json = groups.pop("", {})
    groups |= _label_groups(contents)
    if contents.plate is not None:
        root = contents.plate.attributes(contents.name)
        groups |= _well_groups(contents.plate)
    elif len(contents.images) > 1:
        # NGFF, "bioformats2raw.layout": 3 marks a root whose images are the groups 0, 1, ...
        root = {"bioformats2raw.layout": 3}
    if contents.ome_xml is not None:
        groups["OME"] = _series(contents.images)
        files["OME/METADATA.ome.xml"] = contents.ome_xml
    for path, attributes in groups.items():
        files |= group_files(path, attributes, contents.version)
    return files | group_files("", root, contents.version)


def group_files(path: str, attributes: Json, version: str) -> dict[str, bytes]:
    """Return the metadata files of a group."""
    prefix = f"{path}/" if path else ""
    placed = place_attributes(attributes, version) if attributes else {}
    if version == "0.4":
        # Zarr v2 keeps attributes beside the document of a group, v3 within it.
        files = {f"{prefix}.zgroup": _as_json({"zarr_format": 2})}
        if attributes:
            files[f"{prefix}.zattrs"] = _as_json(placed)
        return files
    group = {"zarr_format": 3, "node_type": "group", "attributes": placed}
    return {f"{prefix}zarr.json": _as_json(group)}


def _image_group(stored: StoredImage) -> Json:
    return image_attributes(stored.plan, stored.image, stored.windows, is_rgb=stored.is_rgb)


def _label_groups(contents: StoreContents) -> dict[str, Json]:
    if not contents.labels:
        return {}
    # NGFF, "image-label": the image that is labelled lies two groups above.
    source = {"image-label": {"source": {"image": "../../"}}}
    groups = {stored.plan.path: _image_group(stored) | source for stored in contents.labels}
    names = [path.rpartition("/")[2] for path in groups]
    return {**groups, "labels": {"labels": names}}


def _well_groups(plate: PlateWells) -> dict[str, Json]:
    # NGFF, "plate": the row between plate and well is a group, which has no attributes.
    groups: dict[str, Json] = {row: {} for row, _, _ in plate.wells}
    for row, column, images in plate.wells:
        groups[f"{row}/{column}"] = plate.well_attributes(images)
    return groups


def _series(images: Sequence[StoredImage]) -> Json:
    paths = [stored.plan.path for stored in images]
    # A single image is the root itself, which no path of the specification names.
    return {} if paths == [""] else {"series": paths}


def _as_json(document: Json) -> bytes:
    # JSON has no NaN: Python would write one that parsers of browsers refuse.
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    # A lone surrogate, which JSON can escape and names of files can have, is no character.
    return text.encode(errors="replace")
