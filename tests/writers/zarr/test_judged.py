"""What we write as OME-Zarr, judged by libraries that are not ours.

Validators: yaozarrs, ome-zarr-models, and the JSON schemas of the specification, as ngff-zarr ships
them. Readers: zarr-python, tensorstore, ome-zarr-py, ngff-zarr, bioio-ome-zarr.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from aicsio import ImageHandle, PixelSize, open_image, write_ome_zarr
from zarr_stores import Pixels, blobs, library, pixels
from zarr_stores.judges import (
    Reading,
    accepted_by_ome_zarr_models,
    accepted_by_schemas,
    accepted_by_yaozarrs,
    by_bioio,
    by_ngff_zarr,
    by_ome_zarr_py,
    opened_group,
    quietly,
    tensorstore_pixels,
    zarr_pixels,
)

SIZES = {"T": 2, "C": 3, "Z": 4, "Y": 137, "X": 85}
"""Odd sizes: no chunk and no level divides them."""
SMALL: dict[str, Any] = {"chunks": 32, "levels": 3, "sync": False}
UNITS = {"T": "second", "C": None, "Z": "micrometer", "Y": "micrometer", "X": "micrometer"}
SCALE = {"T": 2.5, "C": 1.0, "Z": 0.5, "Y": 0.25, "X": 0.125}


@attrs.frozen(eq=False)
class Case:
    """One image and the options with which it is written."""

    name: str
    order: str
    dtype: str = "<u2"
    suffix: str = ".ome.zarr"
    options: dict[str, Any] = attrs.field(factory=dict)

    @property
    def version(self) -> str:
        """Of OME-Zarr."""
        return str(self.options.get("version", "0.5"))


CASES = [
    *(
        Case(f"{version} {order} {dtype}", order, dtype, options={"version": version})
        for version in ("0.4", "0.5")
        for order, dtype in (
            ("YX", "<u1"),
            ("CYX", "<u2"),
            ("ZYX", "<f4"),
            ("TYX", "<i2"),
            ("CZYX", "<u4"),
            ("TCZYX", "<u2"),
        )
    ),
    *(
        Case(f"{version} {compression}", "CYX", options=options)
        for version in ("0.4", "0.5")
        for compression in ("blosc", "lz4", "zstd", "gzip", None)
        for options in ({"version": version, "compression": compression},)
    ),
    Case("big endian", "CYX", ">u2"),
    Case("float64", "YX", "<f8"),
    Case("bool", "YX", "|b1"),
    Case("int64", "YX", "<i8"),
    Case("no shards", "CZYX", options={"shards": None}),
    Case("shards", "CZYX", options={"shards": {"Z": 4, "Y": 64, "X": 64}}),
    Case("deep chunks", "CZYX", options={"chunks": {"Z": 2, "Y": 16, "X": 32}, "levels": 2}),
    Case("one level", "YX", options={"levels": 1}),
    Case("ozx", "CYX", suffix=".ozx"),
    Case("zip", "CYX", suffix=".ome.zarr.zip"),
]


def _image(case: Case) -> tuple[ImageHandle, Pixels]:
    made = pixels(tuple(SIZES[letter] for letter in case.order), case.dtype)
    options: dict[str, Any] = {"dims": case.order, "pixel_size": PixelSize(0.5, 0.25, 0.125)}
    if "C" in case.order:
        options["channel_names"] = ["DAPI", "GFP", "far red"]
    return open_image(made, **options), made


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def written(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Case, Path, Pixels]:
    case: Case = request.param
    handle, made = _image(case)
    path = tmp_path_factory.mktemp("judged") / f"written{case.suffix}"
    time_step = 2.5 if "T" in case.order else None
    write_ome_zarr(handle, path, **{**SMALL, **case.options, "time_step": time_step})
    return case, path, made


def _level_names(path: Path) -> tuple[str, ...]:
    with opened_group(path) as group:
        attributes = dict(group.attrs)
    found = attributes.get("ome", attributes)["multiscales"][0]["datasets"]
    return tuple(dataset["path"] for dataset in found)


def test_validators_accept_it(written: tuple[Case, Path, Pixels]) -> None:
    _, path, _ = written
    assert accepted_by_ome_zarr_models(path) == "Image"
    if path.is_dir():
        accepted_by_yaozarrs(path)
        accepted_by_schemas(path)


def test_zarr_and_tensorstore_read_equal_pixels(written: tuple[Case, Path, Pixels]) -> None:
    case, path, made = written
    names = _level_names(path)
    assert len(names) == case.options.get("levels", 3)
    levels = zarr_pixels(path, "", names)
    assert levels[0].dtype.newbyteorder("=") == made.dtype.newbyteorder("=")
    assert np.array_equal(levels[0], made)
    if path.is_dir():
        for name, level in zip(names, levels, strict=True):
            assert np.array_equal(tensorstore_pixels(path / name), level)


READERS: dict[str, Callable[[Path], Reading]] = {
    "ome-zarr-py": by_ome_zarr_py,
    "ngff-zarr": by_ngff_zarr,
    "bioio-ome-zarr": by_bioio,
}


@pytest.mark.parametrize("reader", READERS)
def test_readers_see_pixels_axes_sizes_and_names(
    written: tuple[Case, Path, Pixels], reader: str
) -> None:
    case, path, made = written
    if reader == "ome-zarr-py" and not path.is_dir():
        pytest.skip("ome-zarr-py opens no ZIP files")
    found = READERS[reader](path)
    assert found.letters == case.order
    assert np.array_equal(found.levels[0], made)
    assert np.allclose(found.scales[0], [SCALE[letter] for letter in case.order], rtol=1e-12)
    if found.units:
        assert found.units == tuple(UNITS[letter] for letter in case.order)
    if "C" in case.order:
        assert found.channels == ("DAPI", "GFP", "far red")


def test_levels_lie_over_each_other(written: tuple[Case, Path, Pixels]) -> None:
    """A pixel is a square around its coordinate, so all levels begin at one edge: half a pixel of
    its own before the first coordinate (NGFF 0.5, "coordinateTransformations")."""
    case, path, _ = written
    found = by_ngff_zarr(path)
    for level, (scale, shift) in enumerate(zip(found.scales, found.translations, strict=True)):
        for axis, letter in enumerate(case.order):
            edge = shift[axis] - scale[axis] / 2
            assert np.isclose(edge, -found.scales[0][axis] / 2, atol=1e-9), (letter, level)
            width = found.levels[level].shape[axis] * scale[axis]
            whole = found.levels[0].shape[axis] * found.scales[0][axis]
            assert whole - 1e-9 <= width < whole + scale[axis], (letter, level)


def test_means_of_levels_are_rounded(tmp_path: Path) -> None:
    """The mean of four pixels, to the nearest; libraries that cut towards zero are one too low."""
    made = pixels((64, 96), "<u2")
    write_ome_zarr(open_image(made, dims="YX"), tmp_path / "a.ome.zarr", **{**SMALL, "levels": 2})
    names = _level_names(tmp_path / "a.ome.zarr")
    half = zarr_pixels(tmp_path / "a.ome.zarr", "", names)[1]
    means = made.reshape(32, 2, 48, 2).astype(np.float64).mean((1, 3))
    assert np.abs(half - means).max() <= 0.5


# ---------------------------------------------------------------- labels, scenes, plates


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_are_accepted_and_never_mixed(tmp_path: Path, version: str) -> None:
    handle, made = _image(Case("", "CYX"))
    drawn = blobs(made.shape[1:])
    path = tmp_path / "labelled.ome.zarr"
    labels = {"nuclei": open_image(drawn, dims="YX")}
    write_ome_zarr(handle, path, **{**SMALL, "version": version, "labels": labels})
    accepted_by_yaozarrs(path)
    assert accepted_by_ome_zarr_models(path) == "Image"
    accepted_by_schemas(path)
    inside = path / "labels" / "nuclei"
    accepted_by_schemas(inside, "label")
    levels = by_ngff_zarr(inside).levels
    assert np.array_equal(np.squeeze(levels[0]), drawn)
    assert set(np.unique(levels[-1])) <= set(np.unique(drawn))
    nodes = _nodes(path)
    assert any(np.array_equal(np.squeeze(node), drawn) for node in nodes[1:])


def _nodes(path: Path) -> list[Pixels]:
    """Full resolution of all that ome-zarr-py finds in a store."""
    io, reader = library("ome_zarr.io"), library("ome_zarr.reader")
    with quietly():
        found = list(reader.Reader(io.parse_url(str(path)))())
        return [np.asarray(node.data[0].compute()) for node in found if node.data]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_scenes_in_the_layout_of_bioformats2raw(tmp_path: Path, version: str) -> None:
    many = [_image(Case("", order)) for order in ("CYX", "ZYX", "YX")]
    path = tmp_path / "scenes.ome.zarr"
    write_ome_zarr([handle for handle, _ in many], path, **{**SMALL, "version": version})
    accepted_by_yaozarrs(path)
    if version == "0.4":  # it has no model of such a store for 0.5
        assert accepted_by_ome_zarr_models(path) == "BioFormats2Raw"
    for number, (_, made) in enumerate(many):
        inside = path / str(number)
        accepted_by_schemas(inside)
        assert accepted_by_ome_zarr_models(inside) == "Image"
        assert np.array_equal(by_ngff_zarr(inside).levels[0], made)
        assert np.array_equal(by_ome_zarr_py(inside).levels[0], made)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_plates_are_accepted(tmp_path: Path, version: str) -> None:
    many = [pixels((2, 40, 30), seed=number) for number in range(4)]
    handles = [open_image(made, dims="CYX") for made in many]
    path = tmp_path / "plate.ome.zarr"
    wells = ["A1", "A1", "B3", "C12"]
    write_ome_zarr(handles, path, **{**SMALL, "version": version, "plate": wells})
    accepted_by_yaozarrs(path)
    assert accepted_by_ome_zarr_models(path) == "HCS"
    accepted_by_schemas(path, "plate")
    for inside, made in zip(("A/1/0", "A/1/1", "B/3/0", "C/12/0"), many, strict=True):
        accepted_by_schemas((path / inside).parent, "well")
        assert np.array_equal(by_ome_zarr_py(path / inside).levels[0], made)
