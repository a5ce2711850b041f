"""Many files as one image: it shows what the files show, one behind the other, and says which do not fit."""

import glob
import itertools
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import dask.array as da
import fsspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicsio import (
    ArgumentTypeError,
    CorruptFileError,
    DimensionError,
    Dims,
    PixelSize,
    SceneError,
    SourceChangedError,
    SourceError,
    SourceNotFoundError,
    UnsupportedFormatError,
    _engine,
    open_image,
    open_many,
    opening,
    select_level,
    select_scene,
    to_dask,
    to_numpy,
    to_xarray,
    transpose_to,
    write_ome_tiff,
)
from aicsio.arrays import token
from aicsio.joining.file_names import natural_key
from aicsio.records import Channel, ImageHandle, Planes
from aicsio.testing import ImageSpec, TiffSpec, pixels, write
from aicsio.testing.layouts import make_handle, store_array
from aicsio.testing.strategies import Draw, arrays, composite, dims, images, views
from http_server import serving

Array = npt.NDArray[Any]


def numbered(folder: Path, count: int, name: str = "img_t{}.tif", **facts: Any) -> list[Array]:
    """Plain files of one plane each, and their pixels."""
    found = []
    for index in range(count):
        spec = ImageSpec(**({"Y": 12, "X": 20, "seed": index} | facts))
        write(TiffSpec((spec,), "plain"), folder, name.format(index))
        found.append(pixels(spec)[0, 0, 0])
    return found


# ---------------------------------------------------------------- laws


@composite
def alike(draw: Draw) -> tuple[list[ImageHandle], list[Array]]:
    """Images of one shape and type, each stored in its own way."""
    shown = draw(dims(3, 4))
    first = draw(arrays(shown.shape))
    parts, seen = [], []
    for _ in range(draw(st.integers(1, 4))):
        array = draw(arrays(shown.shape, first.dtype))
        blocks = tuple(draw(st.integers(1, size)) for size in shown.shape)
        kind: Any = draw(st.sampled_from(["raw", "deflate", "numpy"]))
        if kind == "numpy":
            parts.append(open_image(array, dims=shown.order))
        else:
            parts.append(make_handle(store_array(array, shown.order, blocks, kind)))
        seen.append(array.astype(array.dtype.newbyteorder("=")))
    return parts, seen


@given(alike(), st.data())
def test_joined_along_a_new_letter_is_a_stack(
    images: tuple[list[ImageHandle], list[Array]], data: st.DataObject
) -> None:
    parts, seen = images
    joined = open_many(parts, along="W")
    expected = np.stack(seen)
    assert joined.dims.order == "W" + parts[0].dims.order
    np.testing.assert_array_equal(to_numpy(joined), expected)
    order, picks = data.draw(views(joined.dims))
    view = transpose_to(joined, order, **picks)
    model = transpose_to(open_image(expected, dims=joined.dims.order), order, **picks)
    np.testing.assert_array_equal(to_numpy(view, workers=2), to_numpy(model))
    np.testing.assert_array_equal(
        to_dask(view, chunks=1).compute(scheduler="synchronous"), to_numpy(model)
    )


@given(images(max_axes=3, max_size=6), st.data())
def test_an_image_cut_apart_and_joined_is_itself(image: Any, data: st.DataObject) -> None:
    handle = image.handle
    letter = data.draw(st.sampled_from(handle.dims.order))
    cuts = data.draw(st.lists(st.integers(1, handle.dims[letter]), max_size=3))
    edges = sorted({0, handle.dims[letter], *cuts})
    parts = [
        transpose_to(handle, handle.dims.order, **{letter: slice(a, b)})
        for a, b in itertools.pairwise(edges)
    ]
    joined = open_many(parts, along=letter)
    assert joined.dims == handle.dims
    np.testing.assert_array_equal(to_numpy(joined), image.pixels)
    order, picks = data.draw(views(joined.dims))
    expected = to_numpy(transpose_to(handle, order, **picks))
    np.testing.assert_array_equal(to_numpy(transpose_to(joined, order, **picks)), expected)


@given(st.lists(st.integers(0, 10**6), min_size=1, unique=True))
def test_natural_order_is_that_of_the_numbers(numbers: list[int]) -> None:
    assert sorted([f"img_{n}.tif" for n in numbers], key=natural_key) == [
        f"img_{n}.tif" for n in sorted(numbers)
    ]


@pytest.mark.parametrize("check", ["all", "first"])
def test_a_grid_of_files_is_what_they_show(tmp_path: Path, check: Any) -> None:
    expected = np.zeros((3, 2, 2, 12, 20), np.uint16)
    for t, c in np.ndindex(3, 2):
        spec = ImageSpec(Z=2, Y=12, X=20, seed=10 * t + c)
        expected[t, c] = pixels(spec)[0, 0]
        write(
            TiffSpec((spec,), compression="zlib" if t else "none", tile=(16, 16) if c else None),
            tmp_path,
            f"t{t}c{c}.tif",
        )
    joined = open_many(tmp_path / "t{T}c{C}.tif", check=check)
    assert joined.format == "joined"
    np.testing.assert_array_equal(to_numpy(transpose_to(joined, "TCZYX")), expected)
    view = transpose_to(joined, "XCT", Z=1, Y=3, T=slice(None, None, -2), X=[5, 1])
    np.testing.assert_array_equal(
        to_numpy(view), expected[::-2, :, 1, 3][..., [5, 1]].transpose(2, 1, 0)
    )
    lazy = to_dask(view, chunks=1)
    np.testing.assert_array_equal(lazy.compute(scheduler="threads"), to_numpy(view))


# ---------------------------------------------------------------- records


@pytest.mark.parametrize("check", ["all", "first"])
def test_a_joined_handle_is_a_value(tmp_path: Path, check: Any) -> None:
    numbered(tmp_path, 3)
    joined, again = (open_many(str(tmp_path / "img_*.tif"), check=check) for _ in range(2))
    assert joined == again
    assert hash(joined) == hash(again)
    assert token(joined.array) == token(again.array)
    other = pickle.loads(pickle.dumps(joined))
    assert other == joined
    np.testing.assert_array_equal(to_numpy(other), to_numpy(joined))
    assert token(open_many(str(tmp_path / "img_t[01].tif"), check=check).array) != token(
        joined.array
    )


def test_ten_thousand_files_that_nobody_looked_into_are_one_small_record(tmp_path: Path) -> None:
    numbered(tmp_path, 1)
    for index in range(1, 500):
        os.link(tmp_path / "img_t0.tif", tmp_path / f"img_t{index}.tif")
    joined = open_many(tmp_path / "img_t{T}.tif", check="first")
    assert joined.dims.T == 500
    assert len(pickle.dumps(joined)) < 500 * (len(str(tmp_path)) + 60)
    assert [note.code for note in joined.diagnostics if note.code.startswith("un")] == [
        "unchecked-files"
    ]


# ---------------------------------------------------------------- what is opened


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that formats are asked to read, in order."""
    names: list[str] = []
    choose = opening._choose

    def counted(source: Any) -> Any:
        names.append(os.path.basename(source.uri))
        return choose(source)

    monkeypatch.setattr(opening, "_choose", counted)
    return names


def test_what_is_looked_into_and_read(tmp_path: Path, opened: list[str]) -> None:
    parts = numbered(tmp_path, 4)
    joined = open_many(tmp_path / "img_t{T}.tif", check="first")
    assert opened == ["img_t0.tif"]
    opened.clear()
    np.testing.assert_array_equal(
        to_numpy(transpose_to(joined, "YX", T=2, Y=slice(3, 7))), parts[2][3:7]
    )
    assert opened == ["img_t2.tif"]
    opened.clear()
    all_of_them = open_many(tmp_path / "img_t{T}.tif")
    assert sorted(opened) == [f"img_t{n}.tif" for n in range(4)]
    opened.clear()
    seen = transpose_to(all_of_them, "YX", T=2)
    assert {
        os.path.basename(piece.source.uri)
        for piece in _engine.pieces(seen.array)
        if not hasattr(piece, "function")
    } == {"img_t2.tif"}
    to_numpy(all_of_them)
    assert opened == []


@pytest.mark.parametrize(
    ("other", "error", "told"),
    [
        (ImageSpec(Y=12, X=21), DimensionError, "has Y=12, X=21 of uint16, but .*img_t0"),
        (ImageSpec(Y=12, X=20, dtype="uint8"), DimensionError, "of uint8"),
        (None, UnsupportedFormatError, "no format opens"),
    ],
)
def test_a_file_that_is_not_like_the_first_raises_when_it_is_read(
    tmp_path: Path, other: ImageSpec | None, error: type[Exception], told: str
) -> None:
    parts = numbered(tmp_path, 3)
    if other is None:
        (tmp_path / "img_t1.tif").write_bytes(b"no image at all")
    else:
        write(TiffSpec((other,), "plain"), tmp_path, "img_t1.tif")
    joined = open_many(tmp_path / "img_t{T}.tif", check="first")
    np.testing.assert_array_equal(to_numpy(transpose_to(joined, "YX", T=2)), parts[2])
    with pytest.raises(error, match=told) as caught:
        to_numpy(joined)
    assert "img_t1.tif" in str(caught.value)


@pytest.mark.parametrize("check", ["all", "first"])
def test_a_file_that_changed_since_raises(tmp_path: Path, check: Any) -> None:
    numbered(tmp_path, 2)
    joined = open_many(tmp_path / "img_t{T}.tif", check=check)
    numbered(tmp_path, 2, seed=77)
    os.utime(tmp_path / "img_t1.tif", ns=(1, 1))
    with pytest.raises(SourceChangedError, match="img_t"):
        to_numpy(joined)


# ---------------------------------------------------------------- names


def test_a_list_is_taken_in_its_order_and_a_glob_in_natural_order(tmp_path: Path) -> None:
    parts = numbered(tmp_path, 12)
    np.testing.assert_array_equal(
        to_numpy(open_many(str(tmp_path / "img_t*.tif"))), np.stack(parts)
    )
    np.testing.assert_array_equal(to_numpy(open_many(tmp_path / "img_t*.tif")), np.stack(parts))
    names = sorted(glob.glob(str(tmp_path / "*.tif")))
    by_text = [int(Path(name).stem[5:]) for name in names]
    np.testing.assert_array_equal(to_numpy(open_many(names)), np.stack([parts[n] for n in by_text]))
    paths = [tmp_path / "img_t3.tif", tmp_path / "img_t0.tif"]
    np.testing.assert_array_equal(
        to_numpy(open_many(paths, along="C")), np.stack([parts[3], parts[0]])
    )
    assert open_many([names[0]]).dims.T == open_many(names[0]).dims.T == 1


@pytest.mark.parametrize(
    ("names", "pattern", "labels"),
    [
        (["a_t1.tif", "a_t2.tif", "a_t10.tif"], "a_t{T}.tif", None),
        (["a_t01.tif", "a_t02.tif", "a_t03.tif"], "a_t{T}.tif", (1, 2, 3)),
        (["a_t10.tif", "a_t0.tif", "a_t5.tif"], "a_t{T}.tif", (0, 5, 10)),
        (["a_0.5.tif", "a_10.0.tif", "a_2.tif"], "a_{Z}.tif", (0.5, 2.0, 10.0)),
        (["a_GFP.tif", "a_DAPI.tif"], "a_{C}.tif", ("DAPI", "GFP")),
        (["a_488.tif", "a_405.tif", "a_561.tif"], "a_{C}.tif", ("405", "488", "561")),
        (["1/a.tif", "2/a.tif"], "{T}/a.tif", (1, 2)),
        (["x-b_t1.tif", "y-b_t2.tif"], "?-*_t{T}.tif", (1, 2)),
        (["a_t1.tif", "a_t1_mask.tif", "a_t2.tif"], "a_t{T}.tif", (1, 2)),
    ],
)
def test_patterns_say_where_files_lie(
    tmp_path: Path, names: list[str], pattern: str, labels: Any
) -> None:
    for index, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(TiffSpec((ImageSpec(Y=4, X=5, seed=index),), "plain"), tmp_path, name)
    if labels is None:
        with pytest.raises(
            SourceNotFoundError, match=r"7 of the 10 files .* missing: .*a_t3\.tif, .*a_t4"
        ):
            open_many(tmp_path / pattern)
        joined = open_many(tmp_path / pattern, missing="skip")
        assert joined.scene.coordinates[0].values == (1.0, 2.0, 10.0)
        return
    joined = open_many(tmp_path / pattern)
    assert joined.shape[0] == len(labels)
    if isinstance(labels[0], str):
        assert joined.channel_names == labels
    else:
        values = joined.scene.coordinates[0].values if joined.scene.coordinates else None
        assert values == (None if labels[1] - labels[0] == 1 else labels)


def test_missing_files_are_named_or_read_as_zeros(tmp_path: Path) -> None:
    for t, c in ((0, "GFP"), (0, "RFP"), (1, "GFP"), (3, "RFP"), (3, "GFP")):
        write(TiffSpec((ImageSpec(Y=4, X=5, seed=t),), "plain"), tmp_path, f"i_t{t:03d}_{c}.tif")
    pattern = tmp_path / "i_t{T}_{C}.tif"
    with pytest.raises(SourceNotFoundError, match="3 of the 8 files") as caught:
        open_many(pattern)
    for name in ("i_t001_RFP.tif", "i_t002_GFP.tif", "i_t002_RFP.tif"):
        assert name in str(caught.value)
    with pytest.raises(
        SourceNotFoundError,
        match=r"1 of the 6 files .* i_t001_RFP\.tif|1 of the 6 files .*i_t001_RFP\.tif",
    ):
        open_many(pattern, missing="skip")
    for check in ("all", "first"):
        joined = open_many(pattern, missing="fill", check=check)
        assert joined.shape == (4, 2, 4, 5)
        seen = to_numpy(joined)
        assert [bool(seen[t, c].any()) for t, c in np.ndindex(4, 2)] == [
            True,
            True,
            True,
            False,
            False,
            False,
            True,
            True,
        ]
        note = next(note for note in joined.diagnostics if note.code == "missing-files")
        assert "i_t002_RFP.tif" in note.message


def test_brackets_of_folders_mean_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "day [1] {T}+*"
    folder.mkdir()
    parts = numbered(folder, 2)
    for name in ("img_t{T}.tif", "img_*.tif"):
        np.testing.assert_array_equal(to_numpy(open_many(folder / name)), np.stack(parts))


@pytest.mark.parametrize(
    ("name", "requested"),
    [
        # As ScanImage and copies made by Windows are called.
        ("img[1] t{}.tif", "img[1] t{T}.tif"),
        ("img[1] t{}.tif", "img[[]1[]] t{T}.tif"),
        ("img[1] t{}.tif", "img[1] t*.tif"),
        ("img[1] t{}.tif", "img[[]1] t?.tif"),
        ("a (copy) [x-y] {}.tif", "a (copy) [x-y] {T}.tif"),
        ("a]{}[.tif", "a]{T}[.tif"),
        ("[{}].tif", "[{T}].tif"),
        ("a{{1}}_{}.tif", "a{{1}}_{T}.tif"),
        ("img[1] t{}.tif", "img[[] t{T}.tif"),
    ],
)
def test_brackets_and_braces_of_file_names(tmp_path: Path, name: str, requested: str) -> None:
    parts = numbered(tmp_path, 2, name)
    if requested == "img[[] t{T}.tif":
        with pytest.raises(SourceNotFoundError, match="no file is called"):
            open_many(tmp_path / requested)
        return
    np.testing.assert_array_equal(to_numpy(open_many(tmp_path / requested)), np.stack(parts))


def test_a_class_that_matches_is_no_name(tmp_path: Path) -> None:
    parts = numbered(tmp_path, 2, "img1 t{}.tif")
    numbered(tmp_path, 3, "img[1] t{}.tif")
    np.testing.assert_array_equal(
        to_numpy(open_many(tmp_path / "img[1] t{T}.tif")), np.stack(parts)
    )


def test_brackets_of_names_behind_a_url(tmp_path: Path) -> None:
    parts = numbered(tmp_path, 2, "img[1]_t{}.tif")
    system: Any = fsspec.filesystem("memory")
    for index in range(2):
        name = f"img[1]_t{index}.tif"
        system.pipe_file(f"/odd/{name}", (tmp_path / name).read_bytes())
    options = {"skip_instance_cache": True}
    try:
        for requested in ("img[1]_t{T}.tif", "img[1]_t*.tif"):
            joined = open_many(f"memory://odd/{requested}", storage_options=options)
            np.testing.assert_array_equal(to_numpy(joined), np.stack(parts))
    finally:
        system.rm("/odd", recursive=True)


@pytest.mark.parametrize("check", ["all", "first"])
def test_options_of_open_image_hold_for_each_file(tmp_path: Path, check: Any) -> None:
    parts = []
    for t in range(3):
        spec = ImageSpec(Z=4, Y=6, X=7, seed=t)
        write(TiffSpec((spec,)), tmp_path, f"{t}.tif")
        parts.append(pixels(spec)[0, 0])
    joined = open_many(str(tmp_path / "*.tif"), along="Z", dims="TYX", format="tiff", check=check)
    assert joined.dims == Dims("ZTYX", (3, 4, 6, 7))
    np.testing.assert_array_equal(to_numpy(joined), np.stack(parts))


@pytest.mark.parametrize(
    ("names", "pattern", "error", "told"),
    [
        (["a_1.tif"], "b_{T}.tif", SourceNotFoundError, "no file is called"),
        (["a_1.tif"], "b_*.tif", SourceNotFoundError, "no file is called"),
        (["a_1.tif"], "a_{t}.tif", DimensionError, r"did you mean \{T\}\?"),
        (["a_1.tif"], "a_{time}.tif", DimensionError, "is no field"),
        (["a_1.tif"], "a{T}{C}.tif", DimensionError, "two fields touch"),
        (["a_1.tif", "a_01.tif"], "a_{T}.tif", DimensionError, "have the same position"),
        (["a_1.tif", "a_old.tif"], "a_{T}.tif", DimensionError, "number in some names and 'old'"),
        (["a_1.tif", "a_2.tif", "a_20250101.tif"], "a_{T}.tif", DimensionError, "gaps between"),
        (["a_1.tif"], ".", SourceError, "is a folder"),
    ],
)
def test_names_that_fit_nothing(
    tmp_path: Path, names: list[str], pattern: str, error: type[Exception], told: str
) -> None:
    for name in names:
        write(TiffSpec((ImageSpec(Y=4, X=5),), "plain"), tmp_path, name)
    with pytest.raises(error, match=told):
        open_many(tmp_path / pattern)


def test_nothing_to_join() -> None:
    with pytest.raises(ArgumentTypeError, match="empty list"):
        open_many([])
    with pytest.raises(DimensionError, match="one letter"):
        open_many([np.zeros((2, 2))], along="TC")
    with pytest.raises(ArgumentTypeError, match="paths and URLs"):
        open_many([np.zeros((2, 2))] * 2, check="first")


# ---------------------------------------------------------------- scenes, levels, what files say


def test_scenes_are_joined_with_their_like_or_one_is_chosen(tmp_path: Path) -> None:
    specs = [
        (
            ImageSpec(Z=2, Y=8, X=9, levels=2, name="a", seed=t),
            ImageSpec(Y=6, X=7, name="b", dtype="uint8", seed=t),
        )
        for t in range(3)
    ]
    for t, each in enumerate(specs):
        write(TiffSpec(each), tmp_path, f"t{t}.ome.tif")
    for check in ("all", "first"):
        joined = open_many(tmp_path / "t{T}.ome.tif", check=check)
        assert joined.scene_names == ("a", "b")
        for number in range(2):
            seen = transpose_to(select_scene(joined, number), "TCZYX")
            np.testing.assert_array_equal(
                to_numpy(seen), np.concatenate([pixels(each[number]) for each in specs])
            )
        small = transpose_to(select_level(joined, 1), "TCZYX")
        np.testing.assert_array_equal(
            to_numpy(small), np.concatenate([pixels(each[0], 1) for each in specs])
        )
        one = open_many(tmp_path / "t{T}.ome.tif", scene="b", check=check)
        assert (one.scene_names, one.shape[-2:]) == (("b",), (6, 7))
        np.testing.assert_array_equal(
            to_numpy(one).ravel(), to_numpy(select_scene(joined, 1)).ravel()
        )
    write(TiffSpec((specs[0][0],)), tmp_path, "t3.ome.tif")
    with pytest.raises(
        SceneError, match=r"t0\.ome\.tif has 2 scenes, but .*t3\.ome\.tif has 1.*scene=0"
    ):
        open_many(tmp_path / "t{T}.ome.tif")
    assert open_many(tmp_path / "t{T}.ome.tif", scene=0).dims.T == 4
    with pytest.raises(DimensionError, match="differs from the first file") as caught:
        to_numpy(select_scene(open_many(tmp_path / "t{T}.ome.tif", check="first"), 1))
    assert "t3.ome.tif" in str(caught.value)


def test_names_may_tell_scenes_apart(tmp_path: Path) -> None:
    for well, count in (("B2", 2), ("A10", 3), ("A9", 1)):
        numbered(tmp_path, count, f"{well}_t{{}}.tif", Y=4 + count)
    joined = open_many(tmp_path / "{scene}_t{T}.tif")
    assert joined.scene_names == ("A9", "A10", "B2")
    assert [select_scene(joined, name).shape for name in joined.scene_names] == [
        (1, 5, 20),
        (3, 7, 20),
        (2, 6, 20),
    ]


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    numbered(tmp_path, 4)
    write(TiffSpec((ImageSpec(Y=12, X=21),), "plain"), tmp_path, "img_t1.tif")
    write(TiffSpec((ImageSpec(Y=12, X=20, dtype="int16"),), "plain"), tmp_path, "img_t3.tif")
    with pytest.raises(DimensionError) as caught:
        open_many(tmp_path / "img_t{T}.tif")
    told = str(caught.value)
    assert "img_t1.tif has Y=12, X=21 of uint16" in told
    assert "img_t3.tif has Y=12, X=20 of int16" in told
    assert "img_t2.tif" not in told


def test_what_files_say_differently_is_named_and_can_be_put_right(tmp_path: Path) -> None:
    facts: list[dict[str, Any]] = [
        {},
        {"pixel_size": PixelSize(X=0.5, Y=0.5)},
        {"channel_names": ("GFP",)},
    ]
    paths = [
        write(TiffSpec((ImageSpec(Y=6, X=6, **each),)), tmp_path, f"{n}.ome.tif")
        for n, each in enumerate(facts)
    ]
    with pytest.raises(
        DimensionError, match=r"pixel sizes: .*0\.ome\.tif .*1\.ome\.tif has .*pixel_size=PixelSize"
    ):
        open_many(paths[:2])
    with pytest.raises(
        DimensionError, match=r"channel names: .*2\.ome\.tif has \('GFP',\).*channel_names="
    ):
        open_many([paths[0], paths[2]])
    made = open_many(paths, pixel_size=PixelSize(X=2.0), channel_names=["Cy5"])
    assert (made.pixel_size.X, made.channel_names) == (2.0, ("Cy5",))
    along = open_many([paths[0], paths[2]], along="C")
    assert along.channel_names == ("Channel:0", "GFP")


def test_files_of_one_set_are_not_joined(tmp_path: Path) -> None:
    write(TiffSpec((ImageSpec(T=3, Y=4, X=4),), files=3), tmp_path, "set.ome.tif")
    with pytest.raises(DimensionError, match="files of one image"):
        open_many(str(tmp_path / "*.ome.tif"))


TZ = Dims("TZ", (1, 2))


def with_facts(array: Array, **facts: Any) -> ImageHandle:
    handle = make_handle(store_array(array, "TZYX"))
    return attrs.evolve(
        handle,
        contents=attrs.evolve(handle.contents, scenes=(attrs.evolve(handle.scene, **facts),)),
    )


def test_times_and_positions_of_planes_go_along() -> None:
    array = np.zeros((1, 2, 4, 4), np.uint8)
    parts = []
    for start, z in (("10:00:00", 1.0), ("10:00:30", 2.0)):
        planes = Planes(
            TZ, time=np.array([0.5, 1.5], "<f8").tobytes(), z=np.array([z, z + 10], "<f8").tobytes()
        )
        parts.append(with_facts(array, planes=planes, acquired=f"2025-01-01T{start}"))
    found = open_many(parts).scene.planes
    assert found is not None
    np.testing.assert_array_equal(found.column("time"), [[0.5, 1.5], [30.5, 31.5]])
    np.testing.assert_array_equal(found.column("z"), [[1, 11], [2, 12]])
    silent = [with_facts(array, planes=part.scene.planes) for part in parts]
    unknown = open_many(silent)
    assert unknown.scene.planes is not None
    assert unknown.scene.planes.time is None
    assert any("times of planes" in note.message for note in unknown.diagnostics)


def test_the_time_step_is_that_of_the_starts() -> None:
    array = np.zeros((1, 1, 4, 4), np.uint8)

    def joined(*starts: str) -> ImageHandle:
        return open_many([with_facts(array, acquired=f"2025-01-01T{start}") for start in starts])

    assert joined("10:00:00", "10:00:30", "10:01:00").time_step == 30.0
    uneven = joined("10:00:00", "10:00:30", "10:02:00")
    assert uneven.time_step is None
    np.testing.assert_array_equal(to_xarray(uneven).coords["T"], [0, 30, 120])
    assert joined("10:00:00", "10:00:00").time_step is None


def test_a_joined_image_is_written_as_one(tmp_path: Path) -> None:
    parts = numbered(tmp_path, 3)
    write_ome_tiff(open_many(tmp_path / "img_t{T}.tif", check="first"), tmp_path / "all.ome.tiff")
    np.testing.assert_array_equal(
        to_numpy(transpose_to(open_image(tmp_path / "all.ome.tiff"), "TYX")), np.stack(parts)
    )


def test_damage_in_one_file_is_that_of_the_file(tmp_path: Path) -> None:
    numbered(tmp_path, 3)
    content = (tmp_path / "img_t1.tif").read_bytes()
    (tmp_path / "img_t1.tif").write_bytes(content[: len(content) // 2])
    with pytest.raises(CorruptFileError, match=r"img_t1\.tif"):
        to_numpy(open_many(tmp_path / "img_t{T}.tif"))


# ---------------------------------------------------------------- URLs


@pytest.mark.parametrize("check", ["all", "first"])
def test_urls_are_found_and_read(tmp_path: Path, check: Any) -> None:
    parts = numbered(tmp_path, 11)
    system: Any = fsspec.filesystem("memory")
    for index in range(11):
        system.pipe_file(f"/plate/img_t{index}.tif", (tmp_path / f"img_t{index}.tif").read_bytes())
    try:
        for name in ("memory://plate/img_t{T}.tif", "memory://plate/img_*.tif"):
            joined = open_many(name, check=check, storage_options={"skip_instance_cache": True})
            np.testing.assert_array_equal(to_numpy(joined), np.stack(parts))
        np.testing.assert_array_equal(
            to_numpy(open_many(["memory://plate/img_t3.tif"], check=check))[0], parts[3]
        )
        with pytest.raises(SourceNotFoundError, match="no file"):
            open_many("memory://nowhere/img_*.tif")
    finally:
        system.rm("/plate", recursive=True)


def test_files_of_a_server_are_asked_for_when_they_are_read(tmp_path: Path) -> None:
    numbered(tmp_path, 3)
    with serving(
        **{f"t{n}__tif": (tmp_path / f"img_t{n}.tif").read_bytes() for n in range(3)}
    ) as site:
        joined = open_many([f"{site.url}t{n}.tif" for n in range(3)], check="first")
        assert {path for _, path in site.asked} == {"/t0.tif"}
        site.forget()
        to_numpy(transpose_to(joined, "YX", T=2))
        assert {path for _, path in site.asked} == {"/t2.tif"}
        assert to_numpy(open_many([f"{site.url}t{n}.tif" for n in range(3)])).shape == (3, 12, 20)


def test_urls_with_passwords_are_read_and_never_shown(tmp_path: Path) -> None:
    parts = numbered(tmp_path, 3)
    files = {f"t{n}__tif": (tmp_path / f"img_t{n}.tif").read_bytes() for n in range(3)}
    with serving(**files) as site:
        urls = [f"{site.url}t{n}.tif?token=hidden{n}" for n in range(3)]
        for check in ("all", "first"):
            joined = open_many(urls, check=check)
            np.testing.assert_array_equal(to_numpy(joined), np.stack(parts))
            again = pickle.loads(pickle.dumps(joined))
            np.testing.assert_array_equal(to_numpy(again), np.stack(parts))
            shown = f"{joined!r} {joined.source.uri} {joined.diagnostics} {joined.array.layout!r}"
            assert "hidden" not in shown
        write(TiffSpec((ImageSpec(Y=1, X=2),), "plain"), tmp_path, "other.tif")
    odd = {"a__tif": files["t0__tif"], "b__tif": (tmp_path / "other.tif").read_bytes()}
    with serving(**odd) as site:
        urls = [f"{site.url}{n}.tif?token=hidden" for n in "ab"]
        with pytest.raises(DimensionError) as caught:
            open_many(urls)
        assert "hidden" not in str(caught.value)


def test_dask_arrays_are_joined() -> None:
    made: list[Callable[[], Array]] = [lambda: np.ones((4, 5)), lambda: np.zeros((4, 5))]
    joined = open_many(
        [da.from_array(make(), chunks=2) for make in made], along="C", channel_names=["a", "b"]
    )
    assert joined.channels == (Channel("a"), Channel("b"))
    np.testing.assert_array_equal(to_numpy(joined), np.stack([make() for make in made]))
