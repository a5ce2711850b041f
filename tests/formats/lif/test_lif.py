"""LIF against the recorded reader, liffile and readlif; generated files against the arrays that they were made of."""

import hashlib
import io
import itertools
import warnings
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from aicsio import (
    CorruptFileError,
    UnsupportedFormatError,
    open_image,
    select_scene,
    to_numpy,
    transpose_to,
)
from aicsio.testing.lif import LifImage, build_lif, build_lof, cut_tiles, write_lif
from support import corpus_file, corpus_names, facts

liffile = pytest.importorskip("liffile")

FILES = [name for name in corpus_names("lif") if name.endswith(".lif")]
Pixels = npt.NDArray[Any]


def picture(*shape: int, dtype: str = "uint16", seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 250, shape).astype(dtype)


# ---------------------------------------------------------------- real files


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_plane_is_found(name: str) -> None:
    # The recorded reader folds wavelengths into T and calls tiles series: planes are compared as a set of checksums.
    handle = open_image(corpus_file(name), mosaic="tiles")
    found = set()
    for index in range(len(handle.scenes)):
        array = to_numpy(select_scene(handle, index))
        found |= {
            hashlib.md5(plane.tobytes(), usedforsecurity=False).hexdigest()
            for plane in array.reshape(-1, *array.shape[-2:])
        }
    series = facts("lif")[name]["series"]
    assert {plane["md5"] for one in series for plane in one["planes"]} <= found


@pytest.mark.parametrize("name", FILES)
def test_liffile_agrees_on_every_image(name: str) -> None:
    path = corpus_file(name)
    handle = open_image(path, mosaic="tiles")
    with liffile.LifFile(path) as lif:
        assert handle.scene_names == tuple(image.path for image in lif.images)
        for index, image in enumerate(lif.images):
            np.testing.assert_array_equal(to_numpy(select_scene(handle, index)), image.asarray())


@pytest.mark.parametrize("name", FILES)
def test_readlif_agrees_where_it_can_read(name: str) -> None:
    pytest.importorskip("readlif")
    path = corpus_file(name)
    native, second = open_image(path), open_image_with_readlif(path)
    if second is None:
        pytest.skip("readlif reads no image of this file")
    for index, scene in enumerate(second.scenes):
        if scene.levels:
            ours, theirs = (
                to_numpy(select_scene(native, index)),
                to_numpy(select_scene(second, index)),
            )
            np.testing.assert_array_equal(ours, theirs)


def open_image_with_readlif(path: Path) -> Any:
    try:
        return open_image(path, engine="readlif")
    except UnsupportedFormatError:
        return None


@pytest.mark.parametrize("name", FILES)
def test_facts_agree(name: str) -> None:
    handle = open_image(corpus_file(name), mosaic="tiles")
    series = facts("lif")[name]["series"]
    if "PR2729" in name:
        series = series[:1]  # four series of one tiled image
    for scene, fact in zip(handle.scenes, series, strict=True):
        assert scene.name == fact["name"]
        size = scene.pixel_size
        assert pytest.approx(fact["psx"]) == size.X
        # The recorded reader puts the depth of an XZ scan into Y, and the rows of an XZY scan into Z.
        order = scene.dims.order
        planar = (
            "XZ" if "Y" not in order else "XZY" if 0 <= order.find("Y") < order.find("Z") else "XY"
        )
        rows = size.Y if planar == "XY" else size.Z
        assert rows == pytest.approx(fact["psy"])
        sections = size.Y if planar == "XZY" else size.Z if planar == "XY" else None
        assert (sections is None) == (fact["psz"] is None)
        assert sections is None or sections == pytest.approx(fact["psz"])
        assert (scene.acquired or "").startswith(fact["date"])


def test_the_expected_planes_of_the_xz_example() -> None:
    handle = open_image(corpus_file("lif/xz-example.lif"))
    for name, c, t in (("c0t0", 0, 0), ("c1t8", 1, 8)):
        expected = tifffile.imread(
            corpus_file(f"lif/expected/xz-example/expected-outputs/{name}.tif")
        )
        np.testing.assert_array_equal(to_numpy(transpose_to(handle, "ZX", C=c, T=t)), expected)


def test_wavelengths_are_an_axis_with_values() -> None:
    handle = open_image(corpus_file("lif/LeicaLASX_wavelength-sweep_example.lif"))
    emission, excitation = handle.scenes[0].coordinates[0], handle.scenes[1].coordinates[0]
    assert emission.letter == "L"
    assert emission.unit == "nm"
    np.testing.assert_allclose(emission.values, np.linspace(550, 740, 20))
    assert excitation.letter == "E"
    np.testing.assert_allclose(excitation.values, np.linspace(490, 560, 15))
    assert handle.channels[0].emission is None
    assert select_scene(handle, 2).dims.order == "TLZYX"


def test_tiles_lie_where_the_file_says() -> None:
    handle = open_image(corpus_file("lif/PR2729_frameOrderCombinedScanTypes.lif"))
    tiles = open_image(corpus_file("lif/PR2729_frameOrderCombinedScanTypes.lif"), mosaic="tiles")
    table = handle.scene.tiles
    assert table is not None
    y, x = np.frombuffer(table.y, "<i4"), np.frombuffer(table.x, "<i4")
    # 132.8 micrometres apart, pixels of 3.968: 33 of 64 pixels, so that tiles overlap.
    assert (y.tolist(), x.tolist()) == ([0, 33, 0, 33], [0, 0, 33, 33])
    canvas = np.zeros((97, 97), np.uint8)
    for m, (top, left) in enumerate(zip(y, x, strict=True)):
        canvas[top : top + 64, left : left + 64] = to_numpy(
            transpose_to(tiles, "YX", T=1, M=m, Z=2, C=1)
        )
    np.testing.assert_array_equal(to_numpy(transpose_to(handle, "YX", T=1, Z=2, C=1)), canvas)


# ---------------------------------------------------------------- generated files

ORDERS = ["".join(lead) + plane for lead in itertools.permutations("TCZ") for plane in ("YX", "XY")]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("order", ORDERS)
def test_the_order_in_memory_does_not_matter(order: str, version: Any) -> None:
    array = picture(2, 3, 4, 5, 6)
    content = build_lif([LifImage(array, "TCZYX", memory_order=order)], version=version)
    handle = open_image(content)
    assert handle.dims.order == order
    np.testing.assert_array_equal(to_numpy(transpose_to(handle, "TCZYX")), array)
    with liffile.LifFile(io.BytesIO(content)) as lif:
        np.testing.assert_array_equal(lif.images[0].asarray(), to_numpy(handle))


@pytest.mark.parametrize("order", ["TZCYX", "TCZYX"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_readlif_agrees_on_generated_files(tmp_path: Path, order: str, dtype: str) -> None:
    pytest.importorskip("readlif")
    array = picture(2, 3, 4, 5, 6, dtype=dtype)
    path = write_lif(
        tmp_path / "a.lif",
        [LifImage(array, "TCZYX", memory_order=order, luts=("Red", "Green", "Blue"))],
    )
    second = open_image(path, engine="readlif")
    np.testing.assert_array_equal(to_numpy(transpose_to(second, "TCZYX")), array)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float16", "float32", "float64"])
def test_types(dtype: str) -> None:
    array = picture(3, 5, 6, dtype=dtype)
    handle = open_image(build_lif([LifImage(array, "ZYX")]))
    assert handle.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(to_numpy(handle), array)


def test_red_green_blue_and_padded_rows() -> None:
    array = picture(4, 5, 6, 3, dtype="uint8")
    handle = open_image(build_lif([LifImage(array, "ZYXS", row_padding=2)]))
    assert handle.dims.order == "ZYXS"
    assert handle.channels[0].samples == 3
    np.testing.assert_array_equal(to_numpy(handle), array)


def test_channels_of_different_depth() -> None:
    array = picture(3, 5, 6)
    handle = open_image(build_lif([LifImage(array, "CYX", depths=("uint8", "uint16", "uint8"))]))
    assert handle.dtype == np.uint16
    assert [note.code for note in handle.diagnostics] == ["mixed-pixel-types"]
    assert "channels of uint8, uint16 are read as uint16" in handle.diagnostics[0].message
    np.testing.assert_array_equal(to_numpy(handle), array)
    np.testing.assert_array_equal(
        to_numpy(transpose_to(handle, "CX", C=slice(1, 3), Y=2)), array[1:, 2]
    )


def test_a_lof_is_one_image() -> None:
    array = picture(2, 5, 6)
    handle = open_image(build_lof(LifImage(array, "CYX", name="alone")))
    assert handle.scene_names == ("alone",)
    np.testing.assert_array_equal(to_numpy(handle), array)


def test_scenes_are_paths_and_told_apart() -> None:
    images = [
        LifImage(picture(5, 6), "YX", name="F/S1"),
        LifImage(picture(5, 6), "YX", name="F/S1"),
        LifImage(picture(7, 8), "YX", name="S1"),
    ]
    handle = open_image(build_lif(images))
    assert handle.scene_names == ("F/S1#1", "F/S1#2", "S1")
    assert select_scene(handle, "S1").shape == (7, 8)


@pytest.mark.parametrize("letters", ["TYX", "ZYX", "TZCYX"])
def test_a_scan_that_was_stopped_shows_what_is_stored(letters: str) -> None:
    """Source: the memory block; the description repeats what was requested."""
    array = picture(3, 2, 2, 5, 6) if len(letters) == 5 else picture(3, 5, 6)
    lengths = {letters[0]: 2e-6 if letters[0] == "Z" else 20.0}
    images = [
        LifImage(array, letters, name="stopped", memory="short", lengths=lengths),
        LifImage(array, letters, name="whole", lengths=lengths),
    ]
    handle = open_image(build_lif(images))
    assert [note.code for note in handle.diagnostics] == ["lif-stopped"]
    assert f"{letters[0]} has 2 of 3 positions" in handle.diagnostics[0].message
    np.testing.assert_array_equal(to_numpy(transpose_to(handle, letters)), array[:2])
    whole = select_scene(handle, "whole")
    assert (handle.pixel_size, handle.time_step) == (whole.pixel_size, whole.time_step)


@pytest.mark.parametrize(("letters", "memory"), [("YX", "short"), ("ZYX", "missing")])
def test_an_image_without_its_memory_is_listed_and_the_others_open(
    letters: str, memory: Any
) -> None:
    array = picture(5, 6)
    images = [
        LifImage(
            picture(4, 5, 6) if letters == "ZYX" else array, letters, name="gone", memory=memory
        ),
        LifImage(array, "YX", name="here"),
    ]
    handle = open_image(build_lif(images))
    assert handle.scene_names == ("gone", "here")
    assert handle.scenes[0].levels == ()
    assert [note.code for note in handle.diagnostics] == ["lif-no-pixels"]
    np.testing.assert_array_equal(to_numpy(handle), array)


def test_metadata() -> None:
    image = LifImage(
        picture(2, 2, 3, 4, 5),
        "TCZYX",
        luts=("Green", "Gradient (255, 128, 0)"),
        dyes=("DAPI", "Cy5"),
        lengths={"X": 4e-6, "Y": 6e-6, "Z": 4e-6, "T": 2.5},
        times=tuple(1_600_000_000 + n / 4 for n in range(12)),
    )
    scene = open_image(build_lif([image])).scene
    names, colors = [c.name for c in scene.channels], [c.color for c in scene.channels]
    assert names == ["DAPI", "Cy5"]
    assert colors == [0x00FF00FF, 0xFF8000FF]
    assert [channel.emission for channel in scene.channels] == [560, 610]
    assert tuple(scene.pixel_size) == pytest.approx((2, 2, 1))
    assert scene.time_step == 2.5
    assert scene.acquired == "2020-09-13T12:26:40+00:00"
    assert scene.objective is not None
    assert scene.objective.magnification == 63
    assert scene.objective.aperture == 1.4
    assert scene.planes is not None
    times = scene.planes.column("time")
    assert times is not None
    assert times.shape == (2, 3, 2)
    np.testing.assert_allclose(times.ravel(), np.arange(12) / 4)
    old = open_image(build_lif([attrs.evolve(image, old_times=True)])).scene
    assert old.planes == scene.planes


@pytest.mark.parametrize(("unit", "factor"), [("m", 1e6), ("um", 1), ("inch", 25400), ("mm", 1000)])
def test_sizes_are_micrometres_whatever_the_unit(unit: str, factor: float) -> None:
    content = build_lif([LifImage(picture(3, 5), "YX", lengths={"X": 8.0, "Y": 4.0}, unit=unit)])
    size = open_image(content).pixel_size
    assert pytest.approx(2 * factor) == size.X
    assert pytest.approx(2 * factor) == size.Y
    assert size.Z is None


# ---------------------------------------------------------------- mosaics


@pytest.mark.parametrize("turn", list(itertools.product((False, True), repeat=3)))
def test_stitching_undoes_the_cutting_under_all_flips(turn: tuple[bool, bool, bool]) -> None:
    scene = picture(40, 50)
    tiles, places = cut_tiles(scene, (10, 14), (10, 12), 1e-6, turn)
    content = build_lif(
        [LifImage(tiles, "MYX", tiles=places, turn=turn, lengths={"X": 13e-6, "Y": 9e-6})]
    )
    handle = open_image(content)
    np.testing.assert_array_equal(to_numpy(handle), scene)
    window = transpose_to(handle, "XY", Y=slice(7, 31, 3), X=slice(45, 2, -2))
    np.testing.assert_array_equal(to_numpy(window), scene[7:31:3, 45:2:-2].T)
    apart = open_image(content, mosaic="tiles")
    np.testing.assert_array_equal(to_numpy(apart), tiles)
    table = handle.scene.tiles
    assert table is not None
    for m, (y, x) in enumerate(
        zip(np.frombuffer(table.y, "<i4"), np.frombuffer(table.x, "<i4"), strict=True)
    ):
        np.testing.assert_array_equal(to_numpy(handle)[y : y + 10, x : x + 14], tiles[m])


def test_later_tiles_cover_earlier_ones_and_gaps_are_zero() -> None:
    tiles = np.stack([np.full((4, 4), n + 1, np.uint8) for n in range(3)])
    places = ((0.0, 0.0), (2e-6, 1e-6), (8e-6, 0.0))
    handle = open_image(
        build_lif([LifImage(tiles, "MYX", tiles=places, lengths={"X": 3e-6, "Y": 3e-6})])
    )
    expected = np.zeros((5, 12), np.uint8)
    for m, (x, y) in enumerate(((0, 0), (2, 1), (8, 0))):
        expected[y : y + 4, x : x + 4] = m + 1
    np.testing.assert_array_equal(to_numpy(handle), expected)


def test_tiles_without_positions_stay_apart() -> None:
    handle = open_image(build_lif([LifImage(picture(3, 4, 5), "MYX")]))
    assert handle.dims.order == "MYX"
    assert [note.code for note in handle.diagnostics] == ["lif-tiles-without-positions"]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_window_is_a_crop_of_the_whole(data: st.DataObject) -> None:
    letters = data.draw(st.permutations("TCZYX").map("".join))
    order = data.draw(st.permutations(letters).map("".join))
    shape = tuple(data.draw(st.integers(1, 5)) for _ in letters)
    array = picture(*shape, dtype=data.draw(st.sampled_from(["uint8", "uint16", "float32"])))
    handle = open_image(build_lif([LifImage(array, letters, memory_order=order)]))
    picks, index = {}, []
    for letter, size in zip(letters, shape, strict=True):
        start = data.draw(st.integers(0, size - 1))
        stop = data.draw(st.integers(start + 1, size))
        picks[letter] = slice(start, stop)
        index.append(slice(start, stop))
    got = to_numpy(transpose_to(transpose_to(handle, letters), letters, **picks))
    np.testing.assert_array_equal(got, array[tuple(index)])


# ---------------------------------------------------------------- bad input


def test_entities_are_not_expanded() -> None:
    text = '<!DOCTYPE x [<!ENTITY a "aaaa">]><LMSDataContainerHeader Version="2">&a;</LMSDataContainerHeader>'
    raw = text.encode("utf-16-le")
    content = (
        b"\x70\0\0\0"
        + (len(raw) + 5).to_bytes(4, "little")
        + b"\x2a"
        + len(text).to_bytes(4, "little")
        + raw
    )
    with pytest.raises(CorruptFileError, match="document type"):
        open_image(content)


def test_strides_on_top_of_each_other_make_no_giant() -> None:
    content = build_lif([LifImage(picture(4, 5), "YX")])
    lying = content.replace(
        'NumberOfElements="4"'.encode("utf-16-le"), 'NumberOfElements="9"'.encode("utf-16-le")
    )
    assert lying != content
    with pytest.raises(CorruptFileError, match="memory block"):
        open_image(lying)


def test_a_readlif_warning_does_not_reach_the_user(tmp_path: Path) -> None:
    pytest.importorskip("readlif")
    path = write_lif(tmp_path / "xz.lif", [LifImage(picture(2, 4, 5, dtype="uint8"), "CZX")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_numpy(open_image(path, engine="readlif"))
