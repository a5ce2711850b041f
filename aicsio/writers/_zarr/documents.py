"""The metadata files of a store: groups, attributes, OME-XML.

Rule kept here: pure. A store is described by documents by key; the document of the root, which
makes it an OME-Zarr, is the last one, so a store without it is not whole.
"""

import json
from collections.abc import Sequence

import attrs

from aicsio._ome.model import OmeImage
from aicsio.writers._zarr import multiscales
from aicsio.writers._zarr.multiscales import Json, Plate, Window
from aicsio.writers._zarr.plan import ImagePlan


@attrs.frozen
class StoredImage:
    """An image of a store and its metadata."""

    plan: ImagePlan
    """Its arrays."""
    image: OmeImage
    """Its metadata."""
    windows: tuple[Window | None, ...]
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
    plate: Plate | None = None
    """Wells of the images."""
    ome_xml: bytes | None = attrs.field(default=None, repr=False)
    """The OME-XML of all images."""


def documents(contents: StoreContents) -> dict[str, bytes]:
    """Return the metadata files of a store by key, the root's last."""
    version = contents.version
    files: dict[str, bytes] = {}
    for stored in (*contents.labels, *contents.images):
        for level in stored.plan.levels:
            files |= level.metadata()
    groups = {stored.plan.path: _image_group(stored, version) for stored in contents.images}
    root: Json = groups.pop("", {})
    groups |= _label_groups(contents)
    if contents.plate is not None:
        root = contents.plate.attributes(version, contents.name)
        groups |= _well_groups(contents.plate, version)
    elif len(contents.images) > 1:
        root = {"bioformats2raw.layout": 3}
        root = multiscales.with_version(root, version)
    if contents.ome_xml is not None:
        groups["OME"] = _series(contents.images, version)
        files["OME/METADATA.ome.xml"] = contents.ome_xml
    for path, attributes in groups.items():
        files |= group_files(path, attributes, version)
    return files | group_files("", root, version)


def group_files(path: str, attributes: Json, version: str) -> dict[str, bytes]:
    """Return the metadata files of a group."""
    prefix = f"{path}/" if path else ""
    if version == "0.4":
        files = {f"{prefix}.zgroup": _as_json({"zarr_format": 2})}
        if attributes:
            files[f"{prefix}.zattrs"] = _as_json(attributes)
        return files
    group = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    return {f"{prefix}zarr.json": _as_json(group)}


def _image_group(stored: StoredImage, version: str) -> Json:
    return multiscales.image_attributes(
        stored.plan, stored.image, stored.windows, version, is_rgb=stored.is_rgb
    )


def _label_groups(contents: StoreContents) -> dict[str, Json]:
    if not contents.labels:
        return {}
    version = contents.version
    groups = {
        stored.plan.path: multiscales.label_attributes(_image_group(stored, version), version)
        for stored in contents.labels
    }
    names = [path.rpartition("/")[2] for path in groups]
    groups["labels"] = multiscales.with_version({"labels": names}, version)
    return groups


def _well_groups(plate: Plate, version: str) -> dict[str, Json]:
    groups: dict[str, Json] = {row: {} for row, _, _ in plate.wells}
    for row, column, images in plate.wells:
        groups[f"{row}/{column}"] = plate.well_attributes(images, version)
    return groups


def _series(images: Sequence[StoredImage], version: str) -> Json:
    paths = [stored.plan.path for stored in images]
    # A single image is the root itself, which no path of the specification names.
    series = {} if paths == [""] else {"series": paths}
    return multiscales.with_version(series, version)


def _as_json(document: Json) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False).encode()
