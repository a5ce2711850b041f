"""Images, labels and plates by the libraries that write OME-Zarr."""

from importlib import metadata
from pathlib import Path
from typing import Any

from zarr_stores import Image, Maker, Pixels, Store, blobs, library, pixels

MICROMETRES = ("micrometer",) * 3
TCZYX = (2, 3, 4, 37, 45)
"""Odd sizes: no chunk divides them."""


def _omero(names: str, colors: tuple[str, ...]) -> dict[str, Any]:
    window = {"min": 0, "max": 65535, "start": 100, "end": 30000}
    return {
        "channels": [
            {"label": name, "color": color, "active": True, "window": window}
            for name, color in zip(names, colors, strict=True)
        ]
    }


# ---------------------------------------------------------------- ome-zarr-py


def _as_taken(omero: dict[str, Any]) -> Any:
    """The settings as ``write_image`` takes them: since ome-zarr 0.21 no dict, but a model."""
    if tuple(map(int, metadata.version("ome-zarr").split(".")[:2])) < (0, 21):
        return omero
    return library("ome_zarr_models.common.omero").Omero.model_validate(omero)


def _ome_zarr_image(version: str, axes: str, dtype: str, **options: Any) -> Maker:
    def make(folder: Path) -> Store:
        writer, formats = library("ome_zarr.writer"), library("ome_zarr.format")
        sizes = dict(zip("tczyx", TCZYX, strict=True))
        made = pixels(tuple(sizes[axis] for axis in axes), dtype)
        scales = {"t": 2.5, "z": 0.5, "y": 0.25, "x": 0.125}
        units = {"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"}
        here = [axis for axis in axes if axis != "c"]
        colors = ("0000FF", "00FF00", "FF00AA") if "c" in axes else ()
        writer.write_image(
            made,
            str(folder),
            scale_factors=[2, 4] if options.get("levels", True) else [],
            axes=axes,
            scale={axis: scales[axis] for axis in here},
            axes_units={axis: units[axis] for axis in here},
            name="cells",
            fmt=formats.format_from_version(version),
            storage_options=options.get("storage"),
            omero=_as_taken(_omero("ABC", colors)) if colors else None,
        )
        labels: tuple[tuple[str, Pixels], ...] = ()
        if options.get("labels"):
            spatial = "".join(axis for axis in axes if axis in "zyx")
            drawn = blobs(tuple(sizes[axis] for axis in spatial))
            labels = (("nuclei", drawn), ("cells", drawn // 10))
            for name, values in labels:
                writer.write_labels(
                    values,
                    str(folder),
                    name,
                    axes=spatial,
                    fmt=formats.format_from_version(version),
                )
        return Store(
            folder,
            (
                Image(
                    "",
                    axes.upper(),
                    made,
                    ("s0", "s1", "s2") if options.get("levels", True) else ("s0",),
                    scale=tuple(scales.get(axis, 1.0) for axis in axes),
                    units=tuple(units.get(axis) for axis in axes),
                    translation=(0.0,) * len(axes),
                    name="cells",
                    channels=tuple("ABC") if colors else (),
                    colors=colors,
                    labels=labels,
                ),
            ),
            version,
        )

    return make


def _ome_zarr_plate(version: str) -> Maker:
    def make(folder: Path) -> Store:
        zarr, writer = library("zarr"), library("ome_zarr.writer")
        form = library("ome_zarr.format").format_from_version(version)
        group = zarr.open_group(str(folder), mode="w", zarr_format=form.zarr_format)
        wells = {"A/1": ("0", "1"), "A/3": ("0",), "B/2": ("0", "1")}
        writer.write_plate_metadata(
            group, ["A", "B"], ["1", "2", "3"], list(wells), fmt=form, field_count=2, name="screen"
        )
        images: list[Image] = []
        for well, fields in wells.items():
            inside = group.require_group(well)
            writer.write_well_metadata(inside, list(fields), fmt=form)
            for number, field in enumerate(fields):
                made = pixels((3, 20, 30), seed=len(images))
                target = inside.require_group(field)
                writer.write_image(made, target, scale_factors=[2], axes="cyx", fmt=form)
                row, column = well.split("/")
                images.append(
                    Image(f"{well}/{field}", "CYX", made, ("s0", "s1"), well=(row, column, number))
                )
        return Store(folder, tuple(images), version)

    return make


# ---------------------------------------------------------------- ngff-zarr


def _ngff_zarr_image(version: str, suffix: str = "", **options: Any) -> Maker:
    def make(folder: Path) -> Store:
        ngff = library("ngff_zarr")
        made = pixels((3, 6, 37, 45), options.get("dtype", "<u2"))
        scale, translation = {"z": 2.0, "y": 0.3, "x": 0.25}, {"z": 1.0, "y": -20.5, "x": 300.0}
        image = ngff.to_ngff_image(
            made,
            dims=["c", "z", "y", "x"],
            scale=scale,
            translation=translation,
            name="ng",
            axes_units=dict.fromkeys("zyx", "micrometer"),
        )
        target = folder.with_name(folder.name + suffix) if suffix else folder
        levels = options.get("levels", [])
        ngff.to_ngff_zarr(
            str(target),
            ngff.to_multiscales(image, levels, chunks=16),
            version=version,
            chunks_per_shard=options.get("chunks_per_shard"),
        )
        return Store(
            target,
            (
                Image(
                    "",
                    "CZYX",
                    made,
                    tuple(f"scale{number}/ng" for number in range(len(levels) + 1)),
                    scale=(1.0, *scale.values()),
                    units=(None, *MICROMETRES),
                    translation=(0.0, *translation.values()),
                    name="ng",
                ),
            ),
            version,
        )

    return make


def _ngff_zarr_plate(version: str) -> Maker:
    def make(folder: Path) -> Store:
        ngff = library("ngff_zarr")
        plate = ngff.Plate(
            columns=[ngff.PlateColumn("1"), ngff.PlateColumn("2")],
            rows=[ngff.PlateRow("A")],
            wells=[ngff.PlateWell("A/1", 0, 0), ngff.PlateWell("A/2", 0, 1)],
            version=version,
            name="screen",
            field_count=1,
        )
        ngff.to_hcs_zarr(ngff.HCSPlate(store=str(folder), plate_metadata=plate), str(folder))
        images: list[Image] = []
        for column in ("1", "2"):
            made = pixels((20, 30), seed=int(column))
            image = ngff.to_ngff_image(made, dims=["y", "x"], scale={"y": 0.5, "x": 0.5}, name="f")
            ngff.write_hcs_well_image(
                str(folder), ngff.to_multiscales(image, []), plate, "A", column, version=version
            )
            images.append(
                Image(f"A/{column}/0", "YX", made, ("scale0/f",), (0.5, 0.5), well=("A", column, 0))
            )
        return Store(folder, tuple(images), version)

    return make


# ---------------------------------------------------------------- bioio-ome-zarr


def _bioio(version: str, suffix: str = "", shards: tuple[int, ...] | None = None) -> Maker:
    def make(folder: Path) -> Store:
        writers = library("bioio_ome_zarr.writers")
        made = pixels(TCZYX)
        target = folder.with_name(folder.name + suffix) if suffix else folder
        scale, colors = (2.0, 1.0, 0.5, 0.2, 0.1), ("FF0000", "00FF00", "0000FF")
        writer = writers.OMEZarrWriter(
            str(target),
            level_shapes=[TCZYX, (2, 3, 4, 18, 22)],
            dtype="uint16",
            chunk_shape=(1, 1, 2, 10, 15),
            shard_shape=shards,
            zarr_format=3 if version == "0.5" else 2,
            axes_names=list("tczyx"),
            axes_units=["second", None, *MICROMETRES],
            physical_pixel_size=list(scale),
            channels=[
                writers.Channel(label=name, color=color)
                for name, color in zip(("DAPI", "GFP", "far red"), colors, strict=True)
            ],
            image_name="bio",
        )
        writer.write_full_volume(made)
        return Store(
            target,
            (
                Image(
                    "",
                    "TCZYX",
                    made,
                    ("0", "1"),
                    scale=scale,
                    units=("second", None, *MICROMETRES),
                    name="bio",
                    channels=("DAPI", "GFP", "far red"),
                    colors=colors,
                ),
            ),
            version,
        )

    return make


# ---------------------------------------------------------------- programs of acquisition


def _iohub_plate(folder: Path) -> Store:
    iohub = library("iohub")
    images: list[Image] = []
    with iohub.open_ome_zarr(
        str(folder), layout="hcs", mode="w", channel_names=["DAPI", "GFP"], version="0.5"
    ) as store:
        for row, column, field in (("A", "1", "0"), ("A", "1", "1"), ("B", "12", "0")):
            made = pixels((2, 2, 3, 20, 30), seed=len(images))
            store.create_position(row, column, field)["0"] = made
            images.append(
                Image(
                    f"{row}/{column}/{field}",
                    "TCZYX",
                    made,
                    ("0",),
                    channels=("DAPI", "GFP"),
                    well=(row, column, int(field)),
                )
            )
    return Store(folder, tuple(images), "0.5")


def _acquire(folder: Path) -> Store:
    acquire = library("acquire_zarr")
    made = pixels((2, 4, 37, 45))
    kinds, axis = acquire.DimensionType, acquire.Dimension
    dimensions = [
        axis(name="t", kind=kinds.TIME, array_size_px=0, chunk_size_px=1, shard_size_chunks=1)
    ] + [
        axis(
            name=name,
            kind=kinds.SPACE,
            array_size_px=size,
            chunk_size_px=chunk,
            shard_size_chunks=2,
            unit="micrometer",
            scale=scale,
        )
        for name, size, chunk, scale in (("z", 4, 2, 0.5), ("y", 37, 16, 0.2), ("x", 45, 16, 0.2))
    ]
    array = acquire.ArraySettings(
        dimensions=dimensions,
        data_type=acquire.DataType.UINT16,
        downsampling_method=acquire.DownsamplingMethod.MEAN,  # without it: an array, no image
        compression=acquire.CompressionSettings(
            compressor=acquire.Compressor.BLOSC1,
            codec=acquire.CompressionCodec.BLOSC_LZ4,
            level=1,
            shuffle=1,
        ),
    )
    stream = acquire.ZarrStream(
        acquire.StreamSettings(arrays=[array], store_path=str(folder), overwrite=True)
    )
    stream.append(made.reshape(-1, 37, 45))
    stream.close()
    image = Image(
        "", "TZYX", made, ("0", "1", "2"), scale=(1.0, 0.5, 0.2, 0.2), units=(None, *MICROMETRES)
    )
    return Store(folder, (image,), "0.5")


def _ome_writers(folder: Path) -> Store:
    writers = library("ome_writers")
    made = pixels(TCZYX)
    axis, names = writers.Dimension, ("DAPI", "GFP", "RFP")
    space = {"unit": "micrometer", "type": "space"}
    settings = writers.AcquisitionSettings(
        root_path=str(folder),
        dimensions=[
            axis(name="t", count=2, type="time", scale=1.5, unit="second"),
            axis(name="c", type="channel", coords=[writers.Channel(name=name) for name in names]),
            axis(name="z", count=4, scale=0.5, **space),
            axis(name="y", count=37, chunk_size=16, scale=0.2, **space),
            axis(name="x", count=45, chunk_size=16, scale=0.2, **space),
        ],
        dtype="uint16",
        format="ome-zarr",
        compression="blosc-zstd",
    )
    with writers.create_stream(settings) as stream:
        for plane in made.reshape(-1, 37, 45):
            stream.append(plane)
    image = Image(
        "",
        "TCZYX",
        made,
        ("0",),
        scale=(1.5, 1.0, 0.5, 0.2, 0.2),
        units=("second", None, *MICROMETRES),
        channels=names,
    )
    return Store(Path(settings.output_path), (image,), "0.5")


SHARDED = {"chunks": (1, 1, 2, 16, 16), "shards": (1, 1, 4, 32, 32)}
MAKERS: dict[str, Maker] = {
    **{
        f"ome-zarr-py {version} {axes} {dtype}": _ome_zarr_image(version, axes, dtype)
        for version in ("0.4", "0.5")
        for axes, dtype in (
            ("yx", "<u1"),
            ("zyx", "<f4"),
            ("cyx", "<u2"),
            ("tyx", "<i2"),
            ("czyx", "<u4"),
            ("tczyx", "<u2"),
        )
    },
    "ome-zarr-py 0.4 chunks": _ome_zarr_image(
        "0.4", "tczyx", "<u2", storage={"chunks": (1, 1, 2, 16, 16)}
    ),
    "ome-zarr-py 0.5 shards": _ome_zarr_image("0.5", "tczyx", "<u2", storage=SHARDED),
    "ome-zarr-py 0.4 labels": _ome_zarr_image("0.4", "czyx", "<u2", labels=True),
    "ome-zarr-py 0.5 labels": _ome_zarr_image("0.5", "tczyx", "<u2", labels=True),
    "ome-zarr-py 0.4 plate": _ome_zarr_plate("0.4"),
    "ome-zarr-py 0.5 plate": _ome_zarr_plate("0.5"),
    "ngff-zarr 0.4": _ngff_zarr_image("0.4"),
    "ngff-zarr 0.5": _ngff_zarr_image("0.5", levels=[2]),
    "ngff-zarr 0.5 shards": _ngff_zarr_image("0.5", chunks_per_shard=2),
    "ngff-zarr 0.5 ozx": _ngff_zarr_image("0.5", ".ozx"),
    "ngff-zarr 0.6": _ngff_zarr_image("0.6"),
    "ngff-zarr 0.4 plate": _ngff_zarr_plate("0.4"),
    "ngff-zarr 0.5 plate": _ngff_zarr_plate("0.5"),
    "bioio-ome-zarr 0.4": _bioio("0.4"),
    "bioio-ome-zarr 0.5": _bioio("0.5"),
    "bioio-ome-zarr 0.5 shards": _bioio("0.5", shards=(1, 1, 4, 20, 30)),
    "bioio-ome-zarr 0.5 zip": _bioio("0.5", ".ome.zarr.zip"),
    "iohub 0.5 plate": _iohub_plate,
    "acquire-zarr 0.5": _acquire,
    "ome-writers 0.5": _ome_writers,
}
"""By writer, version and what is special."""
