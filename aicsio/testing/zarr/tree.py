"""The tree of a generated store: images, series, plates, labels, plain arrays.

Rule kept here: a store is a table of keys and bytes; it becomes a folder or an archive.

Source of the facts: NGFF 0.1 to 0.5 (https://ngff.openmicroscopy.org), Zarr core specification 3.1,
Zarr v2 specification.
"""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from aicsio.testing.zarr.arrays import Json, Store, join, put_array, put_json
from aicsio.testing.zarr.spec import ZarrImage, ZarrSpec, fill_pixel, label_pixels, zarr_pixels

__all__ = ["build_zarr", "write_zarr"]

AXIS_TYPES = {"T": "time", "C": "channel"}
UNITS = {"T": "second", "Z": "micrometer", "Y": "micrometer", "X": "micrometer"}
OME = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{}</OME>
"""


def write_zarr(spec: ZarrSpec, folder: Path, name: str = "made.ome.zarr") -> Path:
    """Write a store.

    Parameters
    ----------
    spec
        Description of the store.
    folder
        Where to write it; it must exist.
    name
        A name that ends in ``.zip`` or ``.ozx`` makes an archive, others a folder.

    Returns
    -------
    pathlib.Path
        The store.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from aicsio import open_image
    >>> from aicsio.testing.zarr import ZarrSpec, write_zarr
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     open_image(write_zarr(ZarrSpec(), Path(folder))).shape
    (1, 2, 3, 32, 48)
    """
    path = folder / name
    if name.endswith((".zip", ".ozx")):
        with zipfile.ZipFile(path, "w") as archive:
            for number, (key, value) in enumerate(build_zarr(spec).items()):
                # RFC-9 asks for members that are not compressed; archives of others have both.
                method = zipfile.ZIP_DEFLATED if number % 3 == 2 else zipfile.ZIP_STORED
                archive.writestr(key, value, method)
        return path
    for key, value in build_zarr(spec).items():
        target = path / key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(value)
    return path


def build_zarr(spec: ZarrSpec) -> Store:
    """Return the keys and values of a store.

    Parameters
    ----------
    spec
        Description of the store.

    Returns
    -------
    dict of str to bytes
        The metadata of the root come first.

    Examples
    --------
    >>> from aicsio.testing.zarr import ZarrSpec, build_zarr
    >>> list(build_zarr(ZarrSpec()))[:3]
    ['zarr.json', '0/zarr.json', '0/c/0/0/0/0/0']
    """
    store: Store = {}
    _BUILD[spec.contained](store, spec)
    return _consolidated(store, spec) if spec.consolidated else store


# ---------------------------------------------------------------- the tree


def _build_image(store: Store, spec: ZarrSpec) -> None:
    _put_image(store, spec, spec.images[0], "")


def _build_series(store: Store, spec: ZarrSpec) -> None:
    _put_group(store, spec, "", _ngff(spec, {"bioformats2raw.layout": 3}))
    paths = [str(index) for index in range(len(spec.images))]
    _put_group(store, spec, "OME", _ngff(spec, {"series": paths}))
    # NGFF: the order of "series" MUST match that of the Image elements.
    elements = "".join(_ome_image(spec, image, at) for at, image in enumerate(spec.images))
    store["OME/METADATA.ome.xml"] = OME.format(elements).encode()
    for path, image in zip(paths, spec.images, strict=True):
        _put_image(store, spec, image, path)


def _ome_image(spec: ZarrSpec, image: ZarrImage, index: int) -> str:
    sizes = " ".join(f'Size{letter}="{image.size_of(letter)}"' for letter in "XYZCT")
    kind = {"float32": "float", "float64": "double", "bool": "bit"}.get(spec.dtype, spec.dtype)
    channels = "".join(
        f'<Channel ID="Channel:{index}:{at}" SamplesPerPixel="1"/>'
        for at in range(image.size_of("C"))
    )
    return (
        f'<Image ID="Image:{index}" Name="Series {index}"><Pixels ID="Pixels:{index}" '
        f'DimensionOrder="XYZCT" Type="{kind}" {sizes}>{channels}<MetadataOnly/></Pixels></Image>'
    )


def _build_plate(store: Store, spec: ZarrSpec) -> None:
    rows = sorted({row for row, _, _ in spec.wells})
    columns = sorted({column for _, column, _ in spec.wells})
    fields: dict[tuple[str, str], list[int]] = {}
    for row, column, number in spec.wells:
        fields.setdefault((row, column), []).append(number)
    wells = [
        {
            "path": f"{row}/{column}",
            "rowIndex": rows.index(row),
            "columnIndex": columns.index(column),
        }
        for row, column in fields
    ]
    plate = {
        "name": "Plate",
        "version": spec.version,
        "field_count": max(map(len, fields.values())),
        "rows": [{"name": row} for row in rows],
        "columns": [{"name": column} for column in columns],
        "wells": wells,
    }
    if spec.zarr == 3:
        # NGFF 0.5 has the version once, under `ome`: see `_ngff`.
        del plate["version"]
    _put_group(store, spec, "", _ngff(spec, {"plate": plate}))
    for row in rows:
        _put_group(store, spec, row, {})
    for (row, column), numbers in fields.items():
        well: Json = {"images": [{"path": str(number)} for number in numbers]}
        if spec.zarr == 2:
            well["version"] = spec.version
        _put_group(store, spec, f"{row}/{column}", _ngff(spec, {"well": well}))
    for (row, column, number), image in zip(spec.wells, spec.images, strict=True):
        _put_image(store, spec, image, f"{row}/{column}/{number}")


def _build_array(store: Store, spec: ZarrSpec) -> None:
    image = spec.images[0]
    put_array(store, spec, image, "", zarr_pixels(spec, image), fill_pixel(spec))


def _build_group(store: Store, spec: ZarrSpec) -> None:
    _put_group(store, spec, "", {})
    for index, image in enumerate(spec.images):
        pixels = zarr_pixels(spec, image)
        put_array(store, spec, image, f"array{index:02}", pixels, fill_pixel(spec))


_BUILD: Mapping[str, Callable[[Store, ZarrSpec], None]] = {
    "image": _build_image,
    "series": _build_series,
    "plate": _build_plate,
    "array": _build_array,
    "group": _build_group,
}


def _put_group(store: Store, spec: ZarrSpec, path: str, attributes: Json) -> None:
    if spec.zarr == 3:
        document = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
        put_json(store, join(path, "zarr.json"), document)
        return
    put_json(store, join(path, ".zgroup"), {"zarr_format": 2})
    if attributes:
        put_json(store, join(path, ".zattrs"), attributes)


def _ngff(spec: ZarrSpec, content: Json) -> Json:
    """NGFF 0.5: its metadata stand under ``ome``, with the version."""
    return {"ome": {"version": spec.version, **content}} if spec.zarr == 3 else content


def _consolidated(store: Store, spec: ZarrSpec) -> Store:
    """Repeat all metadata at the root, as zarr-python does."""
    if spec.zarr == 2:
        documents = {
            key: json.loads(value)
            for key, value in store.items()
            if key.rpartition("/")[2] in {".zgroup", ".zarray", ".zattrs"}
        }
        content: Json = {"zarr_consolidated_format": 1, "metadata": documents}
        return {**store, ".zmetadata": json.dumps(content).encode()}
    root = json.loads(store["zarr.json"])
    # An array at the root has no members to repeat.
    if root["node_type"] == "group":
        nodes = {
            key.removesuffix("/zarr.json"): json.loads(value)
            for key, value in store.items()
            if key.endswith("/zarr.json")
        }
        root["consolidated_metadata"] = {
            "kind": "inline",
            "must_understand": False,
            "metadata": nodes,
        }
    return {**store, "zarr.json": json.dumps(root).encode()}


# ---------------------------------------------------------------- images


def _put_image(store: Store, spec: ZarrSpec, image: ZarrImage, path: str) -> None:
    content: Json = {"multiscales": [_multiscale(spec, image)]}
    if image.channel_names:
        content["omero"] = {
            "channels": [_channel(*each) for each in enumerate(image.channel_names)]
        }
    _put_group(store, spec, path, _ngff(spec, content))
    for level in range(image.levels):
        pixels = zarr_pixels(spec, image, level)
        put_array(store, spec, image, join(path, str(level)), pixels, fill_pixel(spec))
    if not image.labels:
        return
    _put_group(store, spec, join(path, "labels"), _ngff(spec, {"labels": list(image.labels)}))
    for name in image.labels:
        below = join(path, f"labels/{name}")
        content = {
            "multiscales": [_multiscale(spec, image)],
            # Relative to `labels/<name>`; NGFF has this path as the default.
            "image-label": {"source": {"image": "../../"}},
        }
        if spec.zarr == 2:
            content["image-label"]["version"] = spec.version
        _put_group(store, spec, below, _ngff(spec, content))
        for level in range(image.levels):
            pixels = label_pixels(image, name, level)
            put_array(store, spec, image, join(below, str(level)), pixels, np.uint32(0))


def _multiscale(spec: ZarrSpec, image: ZarrImage) -> Json:
    content: Json = {"datasets": [_dataset(spec, image, level) for level in range(image.levels)]}
    if spec.zarr == 2:
        content["version"] = spec.version
    if image.name is not None:
        content["name"] = image.name
    if spec.version == "0.3":
        content["axes"] = [letter.lower() for letter in image.letters]
    elif spec.version >= "0.4":
        content["axes"] = [_axis(letter, units=image.scale is not None) for letter in image.letters]
    return content


def _axis(letter: str, *, units: bool) -> Json:
    axis = {"name": letter.lower(), "type": AXIS_TYPES.get(letter, "space")}
    if units and letter in UNITS:
        axis["unit"] = UNITS[letter]
    return axis


def _dataset(spec: ZarrSpec, image: ZarrImage, level: int) -> Json:
    if spec.version < "0.4":
        return {"path": str(level)}
    # The scale of each level is absolute, in physical units, not a factor to the one before.
    scale = [
        size * 2 ** (level if letter in "YX" else 0)
        for letter, size in zip(
            image.letters, image.scale or (1.0,) * len(image.letters), strict=True
        )
    ]
    # Each level has every second pixel, so the first pixel of all levels lies at one place.
    transforms: list[Json] = [{"type": "scale", "scale": scale}]
    if image.translation is not None:
        transforms.append({"type": "translation", "translation": list(image.translation)})
    return {"path": str(level), "coordinateTransformations": transforms}


def _channel(index: int, name: str) -> Json:
    window = {"min": 0, "max": 65535, "start": index, "end": 1000 + index}
    return {"label": name, "color": f"{index * 0x112233 % 0xFFFFFF:06X}", "window": window}
