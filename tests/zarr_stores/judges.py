"""Other libraries as readers and validators of a store: they judge what we read and what we write."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from zarr_stores import Pixels, library


@attrs.frozen(eq=False)
class Reading:
    """An image as another library reads it."""

    letters: str
    """Upper case."""
    levels: tuple[Pixels, ...]
    """Full resolution first."""
    scales: tuple[tuple[float, ...], ...]
    """Of each level along each axis."""
    translations: tuple[tuple[float, ...], ...]
    """Of each level along each axis."""
    channels: tuple[str, ...] = ()
    """Names, where the library shows them."""
    units: tuple[str | None, ...] = ()
    """Of each axis, where the library shows them."""


@contextmanager
def quietly() -> Iterator[None]:
    """Let other libraries warn: a warning of theirs is no fault of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def opened_group(path: Path, inside: str = "") -> Iterator[Any]:
    """A group or an array as zarr-python opens it, from a folder or a ZIP file."""
    zarr = library("zarr")
    with quietly():
        if path.is_dir():
            yield zarr.open(str(path / inside), mode="r")
        else:
            store = zarr.storage.ZipStore(str(path), mode="r")
            try:
                yield zarr.open_group(store, mode="r", path=inside)
            finally:
                store.close()


def zarr_pixels(path: Path, inside: str, levels: tuple[str, ...]) -> tuple[Pixels, ...]:
    """Levels of an image as zarr-python reads them."""
    with opened_group(path, inside) as group:
        return tuple(np.asarray(group[level][...] if level else group[...]) for level in levels)


def tensorstore_pixels(path: Path) -> Pixels:
    """An array in a folder as tensorstore reads it."""
    driver = "zarr3" if (path / "zarr.json").exists() else "zarr"
    spec = {"driver": driver, "kvstore": {"driver": "file", "path": str(path)}}
    opened = library("tensorstore").open(spec, read=True).result()
    return np.asarray(opened.read().result())


# ---------------------------------------------------------------- readers of OME-Zarr


def by_ome_zarr_py(path: Path) -> Reading:
    """The first image of a folder as ome-zarr-py reads it."""
    io, reader = library("ome_zarr.io"), library("ome_zarr.reader")
    with quietly():
        location = io.parse_url(str(path))
        node = next(iter(reader.Reader(location)()))
        levels = tuple(np.asarray(level.compute()) for level in node.data)
    letters = "".join(axis["name"] for axis in node.metadata["axes"]).upper()
    transforms = node.metadata["coordinateTransformations"]
    return Reading(
        letters,
        levels,
        tuple(_vector(each, "scale", 1.0, len(letters)) for each in transforms),
        tuple(_vector(each, "translation", 0.0, len(letters)) for each in transforms),
        tuple(node.metadata.get("channel_names", ())),
        tuple(axis.get("unit") for axis in node.metadata["axes"]),
    )


def _vector(
    transforms: list[dict[str, Any]], kind: str, default: float, length: int
) -> tuple[float, ...]:
    for transform in transforms:
        if transform["type"] == kind:
            return tuple(float(value) for value in transform[kind])
    return (default,) * length


def by_ngff_zarr(path: Path) -> Reading:
    """The image of a folder or a ZIP file as ngff-zarr reads it."""
    ngff = library("ngff_zarr")
    with quietly():
        found = ngff.from_ngff_zarr(str(path))
        levels = tuple(np.asarray(image.data.compute()) for image in found.images)
    first = found.images[0]
    omero = getattr(found.metadata, "omero", None)
    return Reading(
        "".join(first.dims).upper(),
        levels,
        tuple(tuple(map(float, image.scale.values())) for image in found.images),
        tuple(tuple(map(float, image.translation.values())) for image in found.images),
        tuple(channel.label for channel in omero.channels) if omero else (),
        tuple((first.axes_units or {}).get(dim) for dim in first.dims),
    )


def by_bioio(path: Path) -> Reading:
    """The first image of a store as bioio-ome-zarr reads it; it shows no translation."""
    module = library("bioio_ome_zarr")
    with quietly():
        reader = module.Reader(str(path))
        levels = []
        for level in reader.resolution_levels:
            reader.set_resolution_level(level)
            levels.append(np.asarray(reader.get_image_data()))
        reader.set_resolution_level(0)
        scale = tuple(getattr(reader.scale, letter) or 1.0 for letter in reader.dims.order)
        return Reading(
            reader.dims.order, tuple(levels), (scale,), (), tuple(reader.channel_names or ())
        )


# ---------------------------------------------------------------- validators


def accepted_by_yaozarrs(path: Path) -> None:
    """Raise what yaozarrs raises if the metadata or the tree of a store break NGFF 0.4 or 0.5."""
    yaozarrs = library("yaozarrs")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what it warns of is a fault of ours
        yaozarrs.validate_zarr_store(str(path))


def accepted_by_ome_zarr_models(path: Path, inside: str = "") -> str:
    """Raise what ome-zarr-models raises, else return the name of the model that fits."""
    models = library("ome_zarr_models")
    with opened_group(path, inside) as group:
        return type(models.open_ome_zarr(group)).__name__


def accepted_by_schemas(path: Path, model: str = "image") -> None:
    """Raise where the JSON schemas of the specification, as ngff-zarr ships them, refuse a group."""
    ngff = library("ngff_zarr")
    library("jsonschema")
    if (path / "zarr.json").exists():
        document = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
        content, version = document["attributes"], document["attributes"]["ome"]["version"]
    else:
        content = json.loads((path / ".zattrs").read_text(encoding="utf-8"))
        version = "0.4"
    with quietly():
        ngff.validate(content, version=version, model=model, strict=False)
