"""Stores after the text and the examples of the specification, for versions that no library writes.

NGFF 0.1, 0.2 and 0.3 (https://ngff.openmicroscopy.org/0.1/ and so on), 0.6rc0 of 2026-07-01
(https://github.com/ome/ngff-spec), and the layout of bioformats2raw (0.4 and 0.5, chapter
"bioformats2raw.layout"). Arrays are written by zarr-python.
"""

from pathlib import Path
from typing import Any

from zarr_stores import Image, Maker, Pixels, Store, blobs, library, pixels
from zarr_stores.groups import axes, multiscales, write_group, write_json

SHAPE = (2, 2, 3, 21, 17)
OMERO = {
    "id": 1,
    "name": "example.tif",
    "version": "0.1",
    "channels": [
        {
            "active": True,
            "coefficient": 1,
            "color": color,
            "family": "linear",
            "inverted": False,
            "label": label,
            "window": {"end": 1500, "max": 65535, "min": 0, "start": 0},
        }
        for label, color in (("LaminB1", "0000FF"), ("Dapi", "FF8000"))
    ],
    "rdefs": {"defaultT": 0, "defaultZ": 118, "model": "color"},
}


def _write(folder: Path, array: Pixels, version: str, separator: str = "/") -> None:
    zarr = library("zarr")
    form = 2 if version < "0.5" else 3
    keys = {"name": "v2" if form == 2 else "default", "separator": separator}
    chunks = (1,) * (array.ndim - 2) + (10, 10)
    made = zarr.create_array(
        str(folder),
        shape=array.shape,
        dtype=array.dtype,
        chunks=chunks,
        zarr_format=form,
        chunk_key_encoding=keys,
    )
    made[...] = array


# ---------------------------------------------------------------- 0.1, 0.2, 0.3


def _old(version: str) -> Maker:
    separator = "." if version == "0.1" else "/"

    def make(folder: Path) -> Store:
        made, label = pixels(SHAPE), blobs((1, 1, *SHAPE[2:]))
        entry: dict[str, Any] = {
            "version": version,
            "name": "example",
            "datasets": [{"path": "0"}, {"path": "1"}],
            "type": "gaussian",
            "metadata": {"method": "skimage.transform.pyramid_gaussian", "version": "0.16.1"},
        }
        if version == "0.3":
            entry["axes"] = list("tczyx")
        write_group(folder, {"multiscales": [entry], "omero": OMERO}, version)
        _write(folder / "0", made, version, separator)
        _write(folder / "1", made[..., ::2, ::2], version, separator)
        write_group(folder / "labels", {"labels": ["original/0"]}, version)
        write_group(folder / "labels" / "original", {}, version)
        inside = folder / "labels" / "original" / "0"
        image_label = {
            "version": version,
            "colors": [{"label-value": 1000, "rgba": [255, 0, 255, 128]}],
            "source": {"image": "../../../"},
        }
        named = {**entry, "datasets": [{"path": "0"}]}
        write_group(inside, {"multiscales": [named], "image-label": image_label}, version)
        _write(inside / "0", label, version, separator)
        image = Image(
            "",
            "TCZYX",
            made,
            ("0", "1"),
            name="example",
            channels=("LaminB1", "Dapi"),
            colors=("0000FF", "FF8000"),
            labels=(("original/0", label),),
        )
        return Store(folder, (image,), version)

    return make


def _old_plate(version: str) -> Maker:
    """A plate with two acquisitions, whose wells have paths but no indices."""

    def make(folder: Path) -> Store:
        plate = {
            "acquisitions": [
                {"id": 1, "maximumfieldcount": 1, "name": "Meas_01", "starttime": 1343731272000},
                {"id": 2, "maximumfieldcount": 1, "name": "Meas_02", "starttime": 1343735801000},
            ],
            "columns": [{"name": "1"}, {"name": "2"}],
            "field_count": 2,
            "name": "test",
            "rows": [{"name": "A"}, {"name": "B"}],
            "version": version,
            "wells": [{"path": "A/1"}, {"path": "B/2"}],
        }
        write_group(folder, {"plate": plate}, version)
        images: list[Image] = []
        for row, column in (("A", "1"), ("B", "2")):
            write_group(folder / row, {}, version)
            fields = [{"path": "0", "acquisition": 1}, {"path": "1", "acquisition": 2}]
            well = {"images": fields, "version": version}
            write_group(folder / row / column, {"well": well}, version)
            for field in (0, 1):
                made = pixels((1, 2, 1, 21, 17), seed=len(images))
                path = f"{row}/{column}/{field}"
                entry: dict[str, Any] = {"version": version, "datasets": [{"path": "0"}]}
                if version == "0.3":
                    entry["axes"] = list("tczyx")
                write_group(folder / path, {"multiscales": [entry]}, version)
                _write(folder / path / "0", made, version)
                images.append(Image(path, "TCZYX", made, ("0",), well=(row, column, field)))
        return Store(folder, tuple(images), version)

    return make


# ---------------------------------------------------------------- 0.6


def _system(name: str, letters: str = "tczyx") -> dict[str, Any]:
    units = {"t": "millisecond", "z": "micrometer", "y": "micrometer", "x": "micrometer"}
    described = [
        {**axis, "unit": units[axis["name"]]} if axis["name"] in units else axis
        for axis in axes(letters)
    ]
    return {"name": name, "axes": described}


def _to_intrinsic(path: str, factor: int) -> dict[str, Any]:
    scale = [0.1, 1.0, 0.5, 0.5 * factor, 0.5 * factor]
    here = {"input": {"path": path}, "output": {"name": "intrinsic"}}
    if factor == 1:
        return {"type": "scale", "scale": scale, **here}
    shift = 0.25 * (factor - 1)
    steps = [
        {"type": "scale", "scale": scale},
        {"type": "translation", "translation": [0, 0, 0, shift, shift]},
    ]
    return {"type": "sequence", "transformations": steps, **here}


def _rc_0_6(*, to_world: dict[str, Any] | None = None) -> Maker:
    """The example of several resolutions, with another coordinate system where one is given."""

    def make(folder: Path) -> Store:
        made = pixels(SHAPE)
        entry: dict[str, Any] = {
            "name": "example",
            "coordinateSystems": [_system("intrinsic")],
            "datasets": [
                {"path": path, "coordinateTransformations": [_to_intrinsic(path, factor)]}
                for path, factor in (("s0", 1), ("s1", 2))
            ],
            "type": "gaussian",
        }
        if to_world is not None:
            entry["coordinateSystems"].append(_system("world"))
            entry["coordinateTransformations"] = [
                {**to_world, "input": {"name": "intrinsic"}, "output": {"name": "world"}}
            ]
        write_group(folder, {"multiscales": [entry]}, "0.6rc0")
        _write(folder / "s0", made, "0.6")
        _write(folder / "s1", made[..., ::2, ::2], "0.6")
        image = Image(
            "",
            "TCZYX",
            made,
            ("s0", "s1"),
            scale=(0.1, 1.0, 0.5, 0.5, 0.5),
            units=("millisecond", None, "micrometer", "micrometer", "micrometer"),
            name="example",
        )
        return Store(folder, (image,), "0.6rc0")

    return make


ROTATION = {"type": "rotation", "rotation": [[float(i == j) for j in range(5)] for i in range(5)]}

# ---------------------------------------------------------------- bioformats2raw

OME_XML = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation=
  "http://www.openmicroscopy.org/Schemas/OME/2016-06
   http://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd">{images}</OME>
"""
IMAGE_XML = """
<Image ID="Image:{number}" Name="{name}"><AcquisitionDate>2012-07-31T10:41:12</AcquisitionDate>
  <Pixels BigEndian="false" DimensionOrder="XYZCT" ID="Pixels:{number}" Interleaved="false"
    PhysicalSizeX="{size}" PhysicalSizeXUnit="µm" PhysicalSizeY="{size}" PhysicalSizeYUnit="µm"
    SizeC="2" SizeT="1" SizeX="17" SizeY="21" SizeZ="1" Type="uint16">
    <Channel Color="-16776961" ID="Channel:{number}:0" Name="DAPI" SamplesPerPixel="1"
      EmissionWavelength="461.0" EmissionWavelengthUnit="nm"/>
    <Channel Color="16711935" ID="Channel:{number}:1" Name="GFP" SamplesPerPixel="1"/>
    <MetadataOnly/>
  </Pixels>
</Image>"""


def _bioformats2raw(version: str, *, series: tuple[str, ...] | None, xml: bool = True) -> Maker:
    """Two images; ``series`` names their groups in the order of the XML, if the store does."""

    def make(folder: Path) -> Store:
        write_group(folder, {"bioformats2raw.layout": 3}, version)
        ome = folder / "OME"
        write_group(ome, {} if series is None else {"series": list(series)}, version)
        names = [f"slide #{number}" for number in (1, 2)]
        if xml:
            described = "".join(
                IMAGE_XML.format(number=number, name=name, size=0.25 * (number + 1))
                for number, name in enumerate(names)
            )
            text = OME_XML.format(images=described)
            (ome / "METADATA.ome.xml").write_text(text, encoding="utf-8")
        images: list[Image] = []
        for number, path in enumerate(series or ("0", "1")):
            made = pixels((1, 2, 1, 21, 17), seed=number)
            entry = multiscales("TCZYX", ("0", "1"))
            if version < "0.5":
                entry["version"] = version
            write_group(folder / path, {"multiscales": [entry]}, version)
            _write(folder / path / "0", made, version)
            _write(folder / path / "1", made[..., ::2, ::2], version)
            images.append(
                Image(
                    path,
                    "TCZYX",
                    made,
                    ("0", "1"),
                    name=names[number] if xml else None,
                    channels=("DAPI", "GFP") if xml else (),
                )
            )
        return Store(folder, tuple(images), version)

    return make


def _bioformats2raw_plate(folder: Path) -> Store:
    """The plate takes precedence over the series (chapter "bioformats2raw.layout", Attributes)."""
    plate = {
        "columns": [{"name": "1"}],
        "name": "Plate Name 0",
        "wells": [{"path": "A/1", "rowIndex": 0, "columnIndex": 0}],
        "field_count": 2,
        "rows": [{"name": "A"}],
        "acquisitions": [{"id": 0}],
        "version": "0.4",
    }
    write_group(folder, {"bioformats2raw.layout": 3, "plate": plate}, "0.4")
    paths = ("A/1/0", "A/1/1")
    write_group(folder / "OME", {"series": list(paths)}, "0.4")
    described = "".join(
        IMAGE_XML.format(number=number, name=f"Well A1 Field #{number + 1}", size=0.5)
        for number in (0, 1)
    )
    text = OME_XML.format(images=described)
    (folder / "OME" / "METADATA.ome.xml").write_text(text, encoding="utf-8")
    write_group(folder / "A", {}, "0.4")
    fields = [{"path": "0", "acquisition": 0}, {"path": "1", "acquisition": 0}]
    write_group(folder / "A" / "1", {"well": {"images": fields, "version": "0.4"}}, "0.4")
    images: list[Image] = []
    for number, path in enumerate(paths):
        made = pixels((1, 2, 1, 21, 17), seed=number)
        entry = multiscales("TCZYX", version="0.4")
        write_group(folder / path, {"multiscales": [entry]}, "0.4")
        _write(folder / path / "0", made, "0.4")
        images.append(Image(path, "TCZYX", made, ("0",), well=("A", "1", number)))
    return Store(folder, tuple(images), "0.4")


# ---------------------------------------------------------------- what is allowed, and rare


def _consolidated(folder: Path) -> Store:
    """Zarr v2 whose documents stand once more in ``.zmetadata``."""
    made = pixels((3, 21, 17))
    write_group(folder, {"multiscales": [multiscales("CYX", version="0.4")]}, "0.4")
    _write(folder / "0", made, "0.4")
    library("zarr").consolidate_metadata(str(folder), zarr_format=2)
    return Store(folder, (Image("", "CYX", made, ("0",)),), "0.4")


def _both_formats(folder: Path) -> Store:
    """One set of chunks under the documents of Zarr v2 and v3, as some archives keep them."""
    made = pixels((3, 21, 17))
    write_group(folder, {"multiscales": [multiscales("CYX", version="0.4")]}, "0.4")
    _write(folder / "0", made, "0.4")
    write_group(folder, {"multiscales": [multiscales("CYX")]}, "0.5")
    write_json(
        folder / "0" / "zarr.json",
        {
            "zarr_format": 3,
            "node_type": "array",
            "shape": [3, 21, 17],
            "data_type": "uint16",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 10, 10]}},
            "chunk_key_encoding": {"name": "v2", "configuration": {"separator": "/"}},
            "fill_value": 0,
            "codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "zstd", "configuration": {"level": 0, "checksum": False}},
            ],
            "dimension_names": ["c", "y", "x"],
        },
    )
    return Store(folder, (Image("", "CYX", made, ("0",)),), "0.5")


MAKERS: dict[str, Maker] = {
    **{f"NGFF {version}": _old(version) for version in ("0.1", "0.2", "0.3")},
    **{f"NGFF {version} plate": _old_plate(version) for version in ("0.2", "0.3")},
    "NGFF 0.6rc0": _rc_0_6(),
    "NGFF 0.6rc0 scaled to world": _rc_0_6(to_world={"type": "scale", "scale": [1, 1, 2, 2, 2]}),
    "NGFF 0.6rc0 rotated to world": _rc_0_6(to_world=ROTATION),
    "bioformats2raw 0.4": _bioformats2raw("0.4", series=("0", "1")),
    "bioformats2raw 0.5": _bioformats2raw("0.5", series=("0", "1")),
    "bioformats2raw other order": _bioformats2raw("0.4", series=("second", "first")),
    "bioformats2raw without series": _bioformats2raw("0.4", series=None),
    "bioformats2raw without XML": _bioformats2raw("0.4", series=("0", "1"), xml=False),
    "bioformats2raw plate": _bioformats2raw_plate,
    "consolidated": _consolidated,
    "both formats": _both_formats,
}
