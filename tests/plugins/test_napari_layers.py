"""Layers of napari as tuples: no napari is needed to make them."""

import io
from pathlib import Path
from typing import Any

import attrs
import dask.array as da
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from aicsio import (
    ImageHandle,
    PixelSize,
    open_image,
    select_level,
    select_scene,
    to_numpy,
    transpose_to,
    write_ome_zarr,
)
from aicsio.labels import select_label
from aicsio.plugins.napari import to_layers
from aicsio.plugins.napari.geometry import axis_places
from aicsio.plugins.napari.reading import choose_reader, read_layers
from aicsio.plugins.napari.samples import SAMPLES, sample_handle
from aicsio.plugins.napari.sampling import with_sampled_levels
from aicsio.plugins.suffixes import COMMON, all_suffixes
from aicsio.records import Channel, Coordinate, Origin
from aicsio.testing import ImageSpec, TiffSpec, write
from aicsio.testing.czi import blocks_of, metadata_xml, write_czi
from aicsio.testing.zarr import ZarrImage, ZarrSpec, write_zarr
from support import ROOT

SIZE = PixelSize(Z=2.0, Y=0.5, X=0.25)


def image(shape: tuple[int, ...], dims: str, dtype: str = "uint16", **options: Any) -> ImageHandle:
    pixels = np.random.default_rng(1).integers(0, 200, shape).astype(dtype)
    return open_image(pixels, dims=dims, pixel_size=SIZE, **options)


def same(data: Any, expected: Any) -> bool:
    return np.array_equal(np.asarray(data), expected)


def with_scene(handle: ImageHandle, **changes: Any) -> ImageHandle:
    scene = attrs.evolve(handle.scene, **changes)
    return attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))


def test_a_layer_a_channel_with_the_pixels_of_to_numpy() -> None:
    handle = image((2, 3, 4, 16, 20), "TCZYX", channel_names=["DAPI", "GFP", "Cy5"])
    layers = to_layers(with_scene(handle, time_step=1.5))
    assert [arguments["name"] for _, arguments, _ in layers] == ["DAPI", "GFP", "Cy5"]
    for index, (data, arguments, kind) in enumerate(layers):
        assert kind == "image"
        assert isinstance(data, da.Array)
        assert same(data, to_numpy(transpose_to(handle, "TZYX", C=index)))
        assert arguments["axis_labels"] == ("T", "Z", "Y", "X")
        assert arguments["scale"] == (1.5, 2.0, 0.5, 0.25)
        assert arguments["units"] == ("second", "micrometer", "micrometer", "micrometer")
        assert arguments["blending"] == "additive"
    assert [arguments["colormap"] for _, arguments, _ in layers] == [
        "#00ff00",
        "#ff00ff",
        "#00ffff",
    ]


def test_axes_of_length_one_are_left_out() -> None:
    ((data, arguments, _),) = to_layers(image((1, 1, 1, 16, 20), "TCZYX"))
    assert data.shape == (16, 20)
    assert arguments["axis_labels"] == ("Y", "X")
    assert arguments["colormap"] == "gray"


def test_an_unknown_size_is_counted_in_pixels() -> None:
    ((_, arguments, _),) = to_layers(open_image(np.zeros((3, 4, 5), np.uint8), dims="ZYX"))
    assert arguments["units"] == ("pixel",) * 3
    assert arguments["scale"] == (1.0,) * 3


def test_nothing_is_read_but_what_decides_on_the_contrast(tmp_path: Path) -> None:
    path = write(TiffSpec((ImageSpec(T=3, Z=4, Y=20, X=30),)), tmp_path)
    ((data, _, _),) = to_layers(open_image(path))
    assert data.chunksize == (1, 1, 20, 30)
    path.unlink()
    with pytest.raises(OSError, match=r"changed|[Nn]o such|there is no"):
        data[0, 0].compute()


def test_colour_pixels_are_one_layer_with_samples_last() -> None:
    handle = image((3, 16, 20, 3), "ZYXS", "uint8")
    ((data, arguments, kind),) = to_layers(handle)
    assert (kind, arguments["rgb"], data.shape) == ("image", True, (3, 16, 20, 3))
    assert same(data, to_numpy(handle))
    assert len(arguments["scale"]) == 3  # without the samples
    assert "contrast_limits" not in arguments


def test_two_samples_are_two_layers() -> None:
    handle = image((16, 20, 2), "YXS", "uint8")
    layers = to_layers(handle)
    assert same(layers[1][0], to_numpy(handle)[..., 1])
    assert [arguments["name"][-2:] for _, arguments, _ in layers] == ["S0", "S1"]


def test_a_palette_is_shown_in_its_colours() -> None:
    handle = image((16, 20), "YX", "uint8")
    table = np.arange(3 * 256, dtype="<u2").reshape(3, 256)[:, ::-1] * 85
    ((data, arguments, _),) = to_layers(with_scene(handle, color_map=table.tobytes()))
    expected = (table >> 8).astype(np.uint8).T[to_numpy(handle)]
    assert arguments["rgb"] is True
    assert same(data, expected)


def test_complex_pixels_are_shown_by_their_magnitude() -> None:
    pixels = np.full((8, 9), 3 + 4j, np.complex64)
    ((data, arguments, _),) = to_layers(open_image(pixels, dims="YX"))
    assert data.dtype == np.float32
    assert np.all(np.asarray(data) == 5)
    low, high = arguments["contrast_limits"]
    assert low < high


def test_names_are_those_of_channels_else_of_the_file(tmp_path: Path) -> None:
    one = write(TiffSpec((ImageSpec(Y=20, X=30),)), tmp_path, "cells.ome.tif")
    two = write(
        TiffSpec((ImageSpec(Y=20, X=30), ImageSpec(C=2, Y=20, X=30))), tmp_path, "b.ome.tif"
    )
    assert [arguments["name"] for _, arguments, _ in to_layers(open_image(one))] == [
        "cells.ome.tif"
    ]
    shown = to_layers(select_scene(open_image(two), 1))
    assert [a["name"] for _, a, _ in shown] == ["Image:1 Channel:0", "Image:1 Channel:1"]


def test_colours_of_the_file_are_colour_maps() -> None:
    handle = image((2, 16, 20), "CYX")
    channels = (Channel("a", color=0xFF8000FF), Channel("b", color=0x0080FFFF))
    layers = to_layers(with_scene(handle, channels=channels))
    assert [arguments["colormap"] for _, arguments, _ in layers] == ["#ff8000", "#0080ff"]


@given(st.from_type(ImageHandle))
def test_layers_of_any_image_have_all_its_pixels(handle: ImageHandle) -> None:
    count = 0
    for data, arguments, _ in to_layers(handle):
        full = np.asarray(data[0] if isinstance(data, list) else data)
        count += full.size
        axes = full.ndim - bool(arguments.get("rgb"))
        for name in ("scale", "translate", "units", "axis_labels"):
            assert len(arguments[name]) == axes
    assert count == handle.size


# ---------------------------------------------------------------- places


def corners(handle: ImageHandle, letters: str = "YX") -> list[tuple[float, float]]:
    """Outer edges of the first and the last pixel along each axis, in micrometres."""
    places = axis_places(handle, letters)
    found = []
    for letter, place in zip(letters, places, strict=True):
        size = handle.dims[letter]
        found.append((place.start - place.step / 2, place.start + (size - 0.5) * place.step))
    return found


@pytest.mark.parametrize("shape", [(128, 96), (125, 99)])
def test_each_level_alone_has_the_corners_of_the_whole(shape: tuple[int, int]) -> None:
    file = io.BytesIO()
    pixels = np.zeros(shape, np.uint8)
    write_czi(
        file, blocks_of(pixels, "YX", levels=3), metadata_xml(pixel_size={"X": 0.5, "Y": 0.25})
    )
    handle = open_image(file.getvalue())
    assert len(handle.levels) == 3
    whole = corners(handle)
    assert whole == [(-0.125, 0.25 * (shape[0] - 0.5)), (-0.25, 0.5 * (shape[1] - 0.5))]
    for level in (1, 2):
        assert np.allclose(corners(select_level(handle, level)), whole, rtol=0, atol=1e-9)


def test_levels_of_a_store_lie_where_it_states_them(tmp_path: Path) -> None:
    spec = ZarrSpec(
        (
            ZarrImage(
                "YX", (64, 48), (16, 16), levels=2, scale=(0.5, 0.25), translation=(10.0, 20.0)
            ),
        )
    )
    path = write_zarr(spec, tmp_path)
    full, small = (
        axis_places(open_image(path), "YX"),
        axis_places(select_level(open_image(path), 1), "YX"),
    )
    assert [place.start for place in full] == [10.0, 20.0]
    # Every second row is kept: the first pixels of both levels have one centre.
    assert [place.step for place in small] == [1.0, 0.5]
    assert [place.start for place in small] in ([10.0, 20.0], [10.25, 20.125])


def test_a_part_lies_where_it_was_cut_out() -> None:
    handle = image((8, 64, 48), "ZYX")
    handle = with_scene(handle, origin=Origin(Z=-5.0, Y=100.0, X=None))
    part = transpose_to(handle, "ZYX", Z=slice(2, 8, 2), Y=slice(10, 40), X=slice(47, 7, -1))
    places = axis_places(part, "ZYX")
    assert [place.start for place in places] == [-5 + 2 * 2.0, 100 + 10 * 0.5, 47 * 0.25]
    assert [place.step for place in places] == [4.0, 0.5, -0.25]


@pytest.mark.parametrize(
    ("unit", "micrometres"),
    [
        ("pt", 25400 / 72),
        ("li", 25400 / 12),
        ("ua", 149597870700e6),
        ("nm", 1e-3),
        ("\u00c5", 1e-4),
    ],
)
def test_units_of_ome_become_micrometres(tmp_path: Path, unit: str, micrometres: float) -> None:
    path = tmp_path / "a.ome.tif"
    facts = {"axes": "YX", "PhysicalSizeX": 1.0, "PhysicalSizeY": 1.0, "PhysicalSizeXUnit": unit}
    pixels = np.zeros((20, 30), np.uint8)
    tifffile.imwrite(path, pixels, metadata={**facts, "PhysicalSizeYUnit": "\u00b5m"}, ome=True)
    ((_, arguments, _),) = to_layers(open_image(path))
    assert arguments["units"] == ("micrometer", "micrometer")
    assert arguments["scale"][1] == pytest.approx(micrometres)
    assert arguments["scale"][0] == 1.0


def test_times_that_jitter_keep_the_step_of_the_file() -> None:
    handle = with_scene(image((4, 16, 20), "TYX"), time_step=2.0)
    times = Coordinate("T", (0.0, 2.3, 3.9, 6.0), "s")
    assert axis_places(with_scene(handle, coordinates=(times,)), "T")[0].step == 2.0
    even = Coordinate("T", (100.0, 350.0, 600.0, 850.0), "ms")
    place = axis_places(with_scene(handle, coordinates=(even,)), "T")[0]
    assert (place.step, place.start) == pytest.approx((0.25, 0.1))
    assert place.unit == "second"
    angles = Coordinate("T", (0.0, 1.0, 2.0, 3.0), "deg")
    assert axis_places(with_scene(handle, coordinates=(angles,)), "T")[0].unit == "pixel"


# ---------------------------------------------------------------- levels


def test_levels_of_the_file_are_levels_of_the_layer() -> None:
    handle = sample_handle("mosaic")
    for index, (data, arguments, _) in enumerate(to_layers(handle)):
        assert arguments["multiscale"] is True
        assert [level.shape for level in data] == [(1024, 1024), (512, 512), (256, 256)]
        for number, level in enumerate(data):
            expected = to_numpy(transpose_to(select_level(handle, number), "YX", C=index))
            assert same(level, expected)


def test_a_giant_plane_gets_levels_whose_samples_lie_in_the_middle() -> None:
    row = np.arange(20_000, dtype=np.uint16)
    handle = open_image(np.broadcast_to(row, (12, 20_000)), dims="YX", pixel_size=SIZE)
    levels = with_sampled_levels((handle.array,))
    assert [level.dims.X for level in levels] == [20_000, 5000, 1250]
    samples = np.asarray(levels[1])[0]
    # A pixel of the level covers four of the image: half a pixel is the best a sample can do.
    assert np.abs(samples - (4 * np.arange(5000) + 1.5)).max() == 0.5
    ((data, arguments, _),) = to_layers(handle)
    assert arguments["multiscale"] is True
    assert max(data[0].chunks[1]) <= 2048


def test_a_handle_at_a_level_begins_with_it() -> None:
    handle = select_level(sample_handle("mosaic"), 1)
    data, arguments, _ = to_layers(handle)[0]
    assert [level.shape for level in data] == [(512, 512), (256, 256)]
    assert arguments["scale"] == pytest.approx((0.65, 0.65))
    assert arguments["translate"] == pytest.approx((0.1625, 0.1625))


# ---------------------------------------------------------------- labels


def test_labels_are_layers_with_the_axes_of_their_image(tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 99, (2, 3, 4, 32, 40), np.uint16)
    numbers = np.random.default_rng(3).integers(0, 9, (4, 32, 40), np.uint16)
    handle = open_image(pixels, dims="TCZYX", pixel_size=SIZE)
    labels = {"nuclei": open_image(numbers, dims="ZYX", pixel_size=SIZE)}
    write_ome_zarr(handle, tmp_path / "a.ome.zarr", labels=labels)
    opened = open_image(tmp_path / "a.ome.zarr")
    *images, (data, arguments, kind) = to_layers(opened)
    assert (kind, arguments["name"]) == ("labels", "nuclei")
    assert len(images) == 3
    assert data.shape == (2, 4, 32, 40)  # the same at each time
    assert same(data, np.broadcast_to(numbers, (2, 4, 32, 40)))
    assert arguments["scale"][1:] == images[0][1]["scale"][1:]
    assert arguments["translate"] == images[0][1]["translate"]
    assert np.array_equal(to_numpy(select_label(opened, "nuclei")), numbers)


def test_labels_of_a_part_are_left_out() -> None:
    handle = sample_handle("labels")
    assert [kind for _, _, kind in to_layers(handle)] == ["image", "labels"]
    part = transpose_to(handle, "YX", X=slice(0, 100))
    assert [kind for _, _, kind in to_layers(part)] == ["image"]


# ---------------------------------------------------------------- the plug-in


def manifest() -> dict[str, Any]:
    text = (ROOT / "aicsio" / "plugins" / "napari" / "napari.yaml").read_text(encoding="utf-8")
    yaml = pytest.importorskip("yaml")
    found: dict[str, Any] = yaml.safe_load(text)["contributions"]
    return found


def test_the_manifest_lists_the_suffixes_of_the_table() -> None:
    (reader,) = manifest()["readers"]
    expected = {
        f"*{suffix}" if suffix.startswith(".") else f"*?{suffix[1:]}" for suffix in all_suffixes()
    }
    assert expected <= set(reader["filename_patterns"])
    assert set(COMMON) < set(all_suffixes())


def test_the_commands_of_the_manifest_are_functions() -> None:
    import importlib

    for command in manifest()["commands"]:
        module, _, name = command["python_name"].partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_files_of_others_are_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "notes.tif").write_bytes(b"no image at all")
    assert choose_reader(str(tmp_path / "notes.tif")) is None
    assert choose_reader(str(tmp_path)) is None
    (tmp_path / "empty").mkdir()
    assert choose_reader(str(tmp_path / "empty")) is None
    path = write(TiffSpec((ImageSpec(Y=20, X=30),)), tmp_path / "empty", "a.tif")
    assert choose_reader(str(path)) is read_layers
    # Images of two suffixes may be two exports of one: napari's own reader shows each.
    (tmp_path / "empty" / "a.png").write_bytes(b"")
    assert choose_reader(str(tmp_path / "empty")) is None


def test_a_folder_of_images_is_one_image_in_natural_order(tmp_path: Path) -> None:
    for t in (10, 2, 1):
        tifffile.imwrite(tmp_path / f"img_{t}.tif", np.full((20, 30), t, np.uint8))
    (tmp_path / "notes.txt").write_text("of the microscope")
    reader = choose_reader(str(tmp_path))
    assert reader is not None
    ((data, _, _),) = reader(str(tmp_path))
    assert np.asarray(data)[:, 0, 0].tolist() == [1, 2, 10]


def test_several_files_are_joined_in_time(tmp_path: Path) -> None:
    paths = [write(TiffSpec((ImageSpec(Y=20, X=30),)), tmp_path, f"t{t}.ome.tif") for t in range(3)]
    reader = choose_reader(list(map(str, paths)))
    assert reader is not None
    ((data, _, _),) = reader(list(map(str, paths)))
    assert data.shape == (3, 20, 30)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_open(name: str) -> None:
    layers = to_layers(sample_handle(name))
    assert layers
    for data, _, _ in layers:
        smallest = data[-1] if isinstance(data, list) else data
        assert np.asarray(smallest).any()


@pytest.mark.parametrize("kind", ["zarr", "tiff"])
def test_the_place_of_a_layer_is_saved(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("pint")
    from aicsio import plane_table
    from aicsio.plugins.napari.writing import save_ome_tiff, save_ome_zarr

    place = {
        "scale": (2.0, 0.5, 0.25),
        "units": ("um", "um", "nm"),
        "translate": (10.0, -20.0, 3e4),
    }
    layer = (np.zeros((3, 700, 600), np.uint8), {"name": "DAPI", **place}, "image")
    if kind == "tiff":
        (path,) = save_ome_tiff(str(tmp_path / "a.ome.tif"), [layer])
        rows = list(plane_table(open_image(path)).rows())
        assert [(row["x"], row["y"], row["z"]) for row in rows] == [
            (30.0, -20.0, 10.0), (30.0, -20.0, 12.0), (30.0, -20.0, 14.0)
        ]  # fmt: skip
        return
    (path,) = save_ome_zarr(str(tmp_path / "a.ome.zarr"), [layer])
    saved = open_image(path)
    assert tuple(saved.scene.origin) == (10.0, -20.0, 30.0)
    assert len(saved.levels) > 1
    back = to_layers(saved)[0][1]
    assert back["translate"] == pytest.approx((10.0, -20.0, 30.0))
    # A part lies where it lay, and the edges of smaller levels on those of the full one.
    write_ome_zarr(transpose_to(saved, "ZYX", Y=slice(100, 400)), tmp_path / "part.ome.zarr")
    assert open_image(tmp_path / "part.ome.zarr").scene.origin.Y == 30.0
    small = to_layers(select_level(saved, 1))[0][1]
    assert small["translate"] == pytest.approx((10.0, -20.0 + 0.25, 30.0 + 0.000125))
