"""Smaller levels: what their pixels are, where readers find them, and that the source is read once for all of them."""

import itertools
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from aicsio import (
    ImageHandle,
    WriteError,
    open_image,
    to_numpy,
    transpose_to,
    write_ome_tiff,
    write_ome_zarr,
    write_scenes,
)
from aicsio._codecs import Scratch
from aicsio._ome.builder import PIXEL_TYPES
from aicsio.testing import ImageSpec, TiffSpec, build, pixels
from aicsio.testing.strategies import arrays
from aicsio.writers._pixels import (
    box_writer,
    boxes,
    directories,
    downsampling,
    tiff_levels,
    wide_sums,
)
from aicsio.writers._pixels import tiff as tiff_structure
from support import mostly_long, takes_long

Array = npt.NDArray[Any]


# ---------------------------------------------------------------- the model


def mean(plane: Array, level: int) -> Array:
    """Means over squares, of exact sums, for planes (rows, columns, samples)."""
    side = 1 << level
    exact = plane.astype({"i": "i8", "u": "i8", "c": "c16", "f": "f8"}[plane.dtype.kind])
    starts = [np.arange(0, n, side) for n in plane.shape[:2]]
    with np.errstate(all="ignore"):
        sums = np.add.reduceat(np.add.reduceat(exact, starts[0], axis=0), starts[1], axis=1)
        down, across = (np.minimum(n - s, side) for n, s in zip(plane.shape, starts, strict=False))
        counts = (down[:, None] * across)[..., None]
        means = sums / counts
    # Sums are exact, and a mean is too far from a half for the division to reach it.
    return np.asarray(np.rint(means) if plane.dtype.kind in "iu" else means).astype(plane.dtype)


def nearest(plane: Array, level: int) -> Array:
    return plane[:: 1 << level, :: 1 << level]


def mode(plane: Array, level: int) -> Array:
    for _ in range(level):
        rows = [plane[i : i + 2] for i in range(0, len(plane), 2)]
        plane = np.array(
            [
                [_most([*r[:, j : j + 2].reshape(-1, r.shape[2])]) for j in range(0, r.shape[1], 2)]
                for r in rows
            ]
        )
    return plane


def _most(values: list[Array]) -> Array:
    if len(values) < 4:  # the last row or column
        return values[0]
    keys = [value.tobytes() for value in values]
    return values[max(range(4), key=lambda i: (keys.count(keys[i]), -i))]


MODELS = {"mean": mean, "mode": mode, "nearest": nearest}


def planes_of(image: Array, samples: int) -> Iterator[Array]:
    shape = image.shape[-3:] if samples > 1 else (*image.shape[-2:], 1)
    yield from image.reshape(-1, *shape)


def assert_levels(path: str, image: Array, samples: int, count: int, model: Any) -> None:
    """All levels are those of the model, as this library and tifffile read them."""
    handle = open_image(path)
    assert not handle.diagnostics
    assert len(handle.levels) == count
    with tifffile.TiffFile(path) as tiff:
        levels = tiff.series[0].levels
        assert len(levels) == count
        for level in range(count):
            wanted = np.stack([model(plane, level) for plane in planes_of(image, samples)])
            ours, theirs = to_numpy(handle_at(handle, level)), levels[level].asarray()
            assert ours.dtype == theirs.dtype == image.dtype
            if image.dtype.kind in "fc":
                for found in (ours, theirs):
                    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=1e-6)
            else:
                assert ours.tobytes() == theirs.tobytes() == wanted.tobytes()


def handle_at(handle: ImageHandle, level: int) -> Any:
    import attrs

    return attrs.evolve(handle, array=handle.levels[level], level=level)


def image_of(*shape: int, dtype: str = "uint16", seed: int = 0) -> Array:
    return pixels(ImageSpec(X=int(np.prod(shape)), Y=1, dtype=dtype, seed=seed)).reshape(shape)


# ---------------------------------------------------------------- laws


@given(st.data())
def test_levels_are_those_of_the_model(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 150)), data.draw(st.integers(1, 150))
    samples = data.draw(st.sampled_from([1, 1, 2, 3, 4]))
    shape = (data.draw(st.integers(1, 2)), height, width, *((samples,) if samples > 1 else ()))
    dtype = np.dtype(data.draw(st.sampled_from(sorted(PIXEL_TYPES))))
    image = np.resize(data.draw(arrays((7, 11), dtype)), shape)
    if dtype.kind in "fc":
        image = np.where(np.abs(image) < 1e30, image, 0).astype(dtype)
    name: Any = data.draw(st.sampled_from(sorted(MODELS)))
    count = data.draw(st.integers(1, min(5, downsampling.most_levels(height, width))))
    source = open_image(image, dims="ZYXS"[: image.ndim])
    if data.draw(st.booleans()):
        chunks = tuple(data.draw(st.integers(max(1, n // 4), n)) for n in shape)
        source = open_image(da.from_array(image, chunks=chunks), dims="ZYXS"[: image.ndim])
    options: Any = {
        "compression": data.draw(st.sampled_from([None, "zlib", "zstd", "lzw"])),
        "tile": data.draw(st.sampled_from(["auto", 16, (16, 48), 64])),
        "workers": data.draw(st.sampled_from([1, 3])),
        "bigtiff": data.draw(st.booleans()),
    }
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(boxes, "BOX_BYTES", data.draw(st.sampled_from([1, 4000, 1 << 20])))
        patch.setattr(boxes, "UNEVEN_BOX_BYTES", 9000)
        path = Path(folder) / "a.ome.tiff"
        report = write_ome_tiff(source, path, levels=count, downsample=name, sync=False, **options)
        assert report.levels == count
        assert_levels(report.path, image, samples, count, MODELS[name])


@takes_long
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32"])
def test_means_of_the_largest_numbers_do_not_overflow(dtype: str, tmp_path: Path) -> None:
    limits = np.iinfo(dtype)
    for value in (limits.min, limits.max):
        image = np.full((1, 258, 300), value, dtype)
        report = write_ome_tiff(
            open_image(image), tmp_path / f"{value}.ome.tiff", levels=9, tile=64, compression="zstd"
        )
        assert all(
            (to_numpy(handle_at(open_image(report.path), k)) == value).all() for k in range(9)
        )


def exact_mean(values: list[int]) -> int:
    """Mean of Python's integers, halves to even."""
    return round(Fraction(sum(values), len(values)))


@pytest.mark.parametrize("strip", [256, 1 << 18])
@pytest.mark.parametrize("dtype", ["int64", "uint64", ">i8"])
def test_means_of_64_bits_are_those_of_integers_of_any_size(
    dtype: str, strip: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wide_sums, "_STRIP_BYTES", strip)
    limits, rng = np.iinfo(dtype), np.random.default_rng(0)
    near = [limits.min, limits.min + 1, limits.max - 1, limits.max, limits.min // 2, 2**53 + 1, 3]
    plane = rng.choice(np.array(near, dtype), (37, 51))
    plane[:16, :16], plane[:16, 16:32] = limits.max, limits.min
    report = write_ome_zarr(
        open_image(plane, dims="YX"), tmp_path / "a.zarr", levels=5, chunks=(8, 8), sync=False
    )
    stored = open_image(report.path)
    for level in range(1, 5):
        side = 1 << level
        expected = [
            exact_mean(plane[top : top + side, left : left + side].ravel().tolist())
            for top, left in itertools.product(range(0, 37, side), range(0, 51, side))
        ]
        assert to_numpy(handle_at(stored, level)).ravel().tolist() == expected


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_the_largest_sums_of_64_bits_are_exact(dtype: str) -> None:
    """A pixel of level 16 covers 4**16, the most."""
    limits, pooling, scratch = np.iinfo(dtype), downsampling.POOLINGS["mean"], Scratch()
    wide = pooling.state(np.dtype(dtype), 16)
    whole = downsampling.Coverage(16, 1 << 16, 1 << 16)
    quarters = {}
    for value in (int(limits.min), int(limits.max)):
        state = np.full((1, 1, 1), value, dtype)
        for level in range(1, 16):
            state = pooling.halve(np.tile(state, (2, 2, 1)), wide, level, scratch).copy()
        quarters[value] = state
    for values in itertools.product(quarters, repeat=4):
        rows = [[quarters[one] for one in values[:2]], [quarters[one] for one in values[2:]]]
        block = np.concatenate([np.concatenate(row, 1) for row in rows])
        sums = pooling.halve(block, wide, 16, scratch)
        found = pooling.finish(sums, np.dtype(dtype), whole, scratch)
        assert found.tolist() == [[[exact_mean(list(values))]]]


def test_halves_go_to_the_even_number(tmp_path: Path) -> None:
    squares = np.array([[0, 0, 0, 2], [0, 1, 1, 1], [1, 1, 2, 2], [0, 0, 1, 1], [-1, 0, -1, -2]])
    image = squares.reshape(5, 2, 2).transpose(1, 0, 2).reshape(2, 10).astype("i2")
    report = write_ome_tiff(open_image(image), tmp_path / "a.ome.tiff", levels=2)
    assert to_numpy(handle_at(open_image(report.path), 1)).ravel().tolist() == [0, 1, 2, 0, -1]


def test_what_is_not_a_number_spreads_to_the_pixels_that_cover_it(tmp_path: Path) -> None:
    image = np.ones((1, 40, 40), "f4")
    image[0, 5, 6], image[0, 20, 20] = np.nan, np.inf
    report = write_ome_tiff(open_image(image), tmp_path / "a.ome.tiff", levels=3, tile=16)
    found = to_numpy(handle_at(open_image(report.path), 2))[0, 0, 0]
    assert np.isnan(found[1, 1])
    assert found[5, 5] == np.inf
    assert (found == 1).sum() == 98


def test_labels_stay_labels(tmp_path: Path) -> None:
    labels = (np.add.outer(np.arange(700) // 90, np.arange(500) // 70) * 1000).astype("u2")
    for downsample in ("mode", "nearest"):
        path = tmp_path / f"{downsample}.ome.tiff"
        write_ome_tiff(open_image(labels), path, levels=5, downsample=downsample)
        handle = open_image(path)
        assert all(
            set(np.unique(to_numpy(handle_at(handle, k)))) <= set(np.unique(labels))
            for k in range(5)
        )


# ---------------------------------------------------------------- how many, and where


@pytest.mark.parametrize(
    ("size", "tile", "count"),
    [((1024, 1024), "auto", 2), ((512, 513), "auto", 2), ((512, 512), "auto", 1), ((1, 5000), "auto", 5),
     ((300, 200), 64, 4), ((300, 200), (16, 256), 6), ((1, 1), 16, 1)],
)  # fmt: skip
def test_automatic_levels_end_with_one_tile(
    size: tuple[int, int], tile: Any, count: int, tmp_path: Path
) -> None:
    image = image_of(*size, dtype="uint8")
    report = write_ome_tiff(open_image(image), tmp_path / "a.ome.tiff", levels="auto", tile=tile)
    assert report.levels == count
    assert_levels(report.path, image, 1, count, mean)


def test_all_levels_down_to_one_pixel(tmp_path: Path) -> None:
    image = image_of(37, 100)
    report = write_ome_tiff(open_image(image), tmp_path / "a.ome.tiff", levels=8)
    assert_levels(report.path, image, 1, 8, mean)
    assert open_image(report.path).levels[7].shape == (1, 1, 1, 1, 1)
    with pytest.raises(
        WriteError, match=r"levels=9: a plane of 100 x 37 pixels has 1 .*to 8; levels='auto'"
    ):
        write_ome_tiff(open_image(image), tmp_path / "b.ome.tiff", levels=9)
    with pytest.raises(WriteError, match="levels=0"):
        write_ome_tiff(open_image(image), tmp_path / "b.ome.tiff", levels=0)


def test_strips_have_no_pyramid(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"tile=None with levels=2: .*leave tile out"):
        write_ome_tiff(open_image(image_of(30, 40)), tmp_path / "b.ome.tiff", levels=2, tile=None)


@pytest.mark.parametrize("big", [True, False])
def test_levels_are_sub_ifds_of_each_plane(big: bool, tmp_path: Path) -> None:
    image = image_of(2, 3, 70, 50)
    handle = open_image(image, dims="CZYX")
    report = write_ome_tiff(handle, tmp_path / "a.ome.tiff", levels=3, tile=16, bigtiff=big)
    with tifffile.TiffFile(report.path) as tiff:
        assert len(tiff.pages) == 6
        for page in tiff.pages:
            assert isinstance(page, tifffile.TiffPage)
            assert page.subfiletype == 0
            assert page.subifds is not None
            assert len(page.subifds) == 2
            smaller = [sub for sub in page.pages or () if isinstance(sub, tifffile.TiffPage)]
            assert [sub.shape for sub in smaller] == [(35, 25), (18, 13)]
            assert all(sub.subfiletype == 1 and sub.is_tiled for sub in smaller)


def test_resolution_tags_of_levels_say_their_pixel_size(tmp_path: Path) -> None:
    from aicsio import PixelSize

    handle = open_image(image_of(64, 33), pixel_size=PixelSize(X=0.33, Y=0.25))
    report = write_ome_tiff(handle, tmp_path / "a.ome.tiff", levels=2)
    with tifffile.TiffFile(report.path) as tiff:
        page = tiff.series[0].levels[1].pages[0]
        assert isinstance(page, tifffile.TiffPage)
        assert page.get_resolution("micrometer") == pytest.approx((17 / 33 / 0.33, 2), rel=1e-9)


def test_scenes_have_levels_of_their_own(tmp_path: Path) -> None:
    images = [
        image_of(2, 90, 80),
        image_of(40, 200, 3, dtype="uint8"),
        image_of(16, 16, dtype="float32"),
    ]
    handles = [
        open_image(image, dims=dims)
        for image, dims in zip(images, ("CYX", "YXS", "YX"), strict=True)
    ]
    report = write_scenes(handles, tmp_path / "a.ome.tiff", levels="auto", tile=16)
    read = open_image(report.path)
    assert [len(scene.levels) for scene in read.scenes] == [4, 5, 1]
    assert report.levels == 4
    for scene, image, samples in zip(read.scenes, images, (1, 3, 1), strict=True):
        for level, array in enumerate(scene.levels):
            wanted = np.stack([mean(plane, level) for plane in planes_of(image, samples)])
            np.testing.assert_array_equal(np.asarray(array).reshape(wanted.shape), wanted)


# ---------------------------------------------------------------- one pass


@pytest.mark.parametrize("compression", mostly_long([None, "zlib"], None))
def test_the_same_image_gives_the_same_bytes(
    compression: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = image_of(2, 900, 700)
    made: set[bytes] = set()
    monkeypatch.setattr(boxes, "BOX_BYTES", 40_000)
    for workers in (1, 2, 5, 5, 5):
        path = tmp_path / "a.ome.tiff"
        write_ome_tiff(
            open_image(image),
            path,
            compression=compression,
            workers=workers,
            overwrite=True,
            levels=5,
            tile=32,
            sync=False,
        )
        made.add(path.read_bytes())
    assert len(made) == 1


def test_each_chunk_is_computed_once(tmp_path: Path) -> None:
    times: dict[Any, int] = {}

    def chunk(block: Any, block_info: Any = None) -> Any:
        at = block_info[0]["chunk-location"]
        times[at] = times.get(at, 0) + 1
        return block + sum(at)

    lazy = da.zeros((2, 1500, 1000), dtype="u2", chunks=(1, 512, 512))
    image = lazy.map_blocks(chunk, dtype="u2", meta=np.zeros((0, 0, 0), "u2"))
    report = write_ome_tiff(open_image(image, dims="CYX"), tmp_path / "a.ome.tiff", levels="auto")
    assert set(times.values()) == {1}
    assert len(times) == image.npartitions
    assert_levels(report.path, image.compute(), 1, 3, mean)


@takes_long
def test_few_tiles_are_open_however_wide_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    from aicsio.writers._pixels import pyramid

    most: list[int] = []

    class Counted(pyramid.Pyramid):
        def take_finished(self, box: int) -> Any:
            most.append(len(self._open))
            return super().take_finished(box)

    monkeypatch.setattr(box_writer, "Pyramid", Counted)
    monkeypatch.setattr(boxes, "BOX_BYTES", 4 * 32 * 32)
    found = []
    for width in (1024, 4096):
        most.clear()
        with tempfile.TemporaryDirectory() as folder:
            image = np.zeros((512, width), "u1")
            write_ome_tiff(
                open_image(image),
                Path(folder) / "a.ome.tiff",
                levels="auto",
                tile=32,
                workers=1,
                sync=False,
            )
        found.append(max(most))
    assert found[1] <= found[0] + 3
    assert found[1] < 20


@given(st.integers(1, 40), st.integers(1, 40))
def test_the_z_curve_visits_every_cell_once(rows: int, columns: int) -> None:
    seen = list(boxes.z_curve(rows, columns))
    assert sorted(seen) == [(y, x) for y in range(rows) for x in range(columns)]
    quads = [(y // 4, x // 4) for y, x in seen]
    assert len([1 for a, b in itertools.pairwise(quads) if a != b]) == len(set(quads)) - 1


def test_levels_of_the_source_are_made_anew(tmp_path: Path) -> None:
    ((_, content),) = build(TiffSpec((ImageSpec(X=60, Y=40, levels=2),))).items()
    handle = open_image(content)
    full = to_numpy(handle)
    report = write_ome_tiff(handle, tmp_path / "a.ome.tiff", levels=3)
    assert_levels(report.path, full, 1, 3, mean)
    assert not [note for note in report.not_kept if "resolution levels" in note.message]


def test_a_view_has_a_pyramid_of_what_it_shows(tmp_path: Path) -> None:
    image = image_of(3, 90, 70)
    shown = transpose_to(
        open_image(image, dims="CYX"), "YX", C=1, Y=slice(80, 3, -3), X=[5, 5, 60, 2]
    )
    report = write_ome_tiff(shown, tmp_path / "a.ome.tiff", levels=3)
    assert_levels(report.path, to_numpy(shown), 1, 3, mean)


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("count", [1, 2, 300])
def test_the_bound_of_directories_holds(count: int, big: bool) -> None:
    grid = tiff_structure.tiles(90, 70, (16, 16))
    full = tiff_structure.Pages(
        count, 90, 70, 1, np.dtype("<u1"), grid, 8, 2, (0.1, 0.2), color_map=bytes(1536)
    )
    levels = [full, *tiff_levels.computed_levels(full, 6)]
    for images in ([levels], [levels, [full], levels]):
        flat = [pages for image in images for pages in image]
        placed = [[(pages, pages.raw_segments()) for pages in image] for image in images]
        data, first = directories.build_directories(placed, b"x" * 1001, 16, big=big)
        assert len(data) <= directories.directories_bound(flat, b"x" * 1001)
        assert first % 2 == 0


def test_big_tiff_counts_the_levels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = open_image(np.random.default_rng(0).integers(0, 255, (512, 512), np.uint8))
    alone = write_ome_tiff(one, tmp_path / "a.ome.tiff", compression=None)
    monkeypatch.setattr(tiff_structure, "CLASSIC_LIMIT", alone.nbytes + 20_000)
    again = write_ome_tiff(one, tmp_path / "b.ome.tiff", compression=None)
    more = write_ome_tiff(one, tmp_path / "c.ome.tiff", compression=None, levels=3)
    assert (again.bigtiff, more.bigtiff) == (False, True)
