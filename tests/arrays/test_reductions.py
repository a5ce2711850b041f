"""Projections and statistics: equal to numpy on all pixels at once, in bounded memory."""

import pickle
import tracemalloc
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from aicsio import (
    ArgumentTypeError,
    DimensionError,
    ImageHandle,
    open_image,
    pipe,
    project,
    statistics,
    transpose_to,
    write_ome_tiff,
    write_ome_zarr,
)
from aicsio.arrays import moments, streaming
from aicsio.records import LazyArray
from aicsio.testing.czi import blocks_of, write_czi
from support import mostly_long, takes_long

RNG = np.random.default_rng(4)
DTYPES = ("u1", "u2", "i1", "i2", "u4", "i4", "i8", "f2", "f4", "f8", "?")
SHAPE = (3, 2, 5, 24, 31)
AXES = ("Z", "TZ", "ZYX", "C", "YX", "TCZYX", "X")


def drawn(dtype: str) -> Any:
    if dtype == "?":
        return RNG.random(SHAPE) > 0.4
    return np.abs(RNG.normal(60, 20, SHAPE)).clip(0, 126).astype(dtype)


@pytest.fixture(params=[False, True], ids=["large slabs", "small slabs"])
def _slabs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        monkeypatch.setattr(streaming, "SLAB_BYTES", 2000)
        monkeypatch.setattr(streaming, "TILE_BYTES", 300)
        monkeypatch.setattr(moments, "EXACT_COUNT", 3)


@pytest.mark.usefixtures("_slabs")
@pytest.mark.parametrize("dtype", mostly_long(DTYPES, "u2", "i4", "f4", "?"))
def test_projections_equal_numpy(dtype: str) -> None:
    pixels = drawn(dtype)
    handle = open_image(pixels, dims="TCZYX")
    for letters in AXES:
        axes = tuple(map("TCZYX".index, letters))
        wide = pixels.astype(np.float64)
        for how in ("max", "min"):
            result = project(handle, letters, how=how)
            assert result.dtype == pixels.dtype
            assert np.array_equal(result, getattr(np, how)(pixels, axis=axes))
        total = project(handle, letters, how="sum")
        assert total.dtype == {"f": np.float64, "i": np.int64}.get(pixels.dtype.kind, np.uint64)
        assert np.allclose(total, wide.sum(axes), rtol=1e-12)
        assert np.allclose(project(handle, letters, how="mean"), wide.mean(axes), rtol=1e-12)
        assert np.allclose(project(handle, letters, how="std"), wide.std(axes), rtol=1e-9)


def stored(way: str, pixels: Any, folder: Path) -> ImageHandle:
    if way == "czi":
        path = folder / "cells.czi"
        write_czi(path, blocks_of(pixels, "CZYX", tile=(40, 50), overlap=5, compression="zstd1"))
        return open_image(path)
    if way == "zarr":
        path = folder / "cells.ome.zarr"
        write_ome_zarr(open_image(pixels, dims="CZYX"), path, chunks={"Z": 3, "Y": 32, "X": 32})
        return transpose_to(open_image(path), "CZYX")
    path = folder / "cells.ome.tiff"
    compression: Any = None if way == "raw" else "zstd"
    write_ome_tiff(open_image(pixels, dims="CZYX"), path, compression=compression, tile=32)
    return transpose_to(open_image(path), "CZYX")


@pytest.mark.usefixtures("_slabs")
@pytest.mark.parametrize("way", mostly_long(["czi", "zarr", "raw", "zstd"], "czi", "zstd"))
def test_projections_of_files_and_views(way: str, tmp_path: Path) -> None:
    pixels = RNG.integers(0, 65536, (2, 7, 90, 110), np.uint16)
    handle = stored(way, pixels, tmp_path)
    assert np.array_equal(project(handle), pixels.max(axis=1))
    assert np.allclose(project(handle, "CYX", how="std"), pixels.std(axis=(0, 2, 3)), rtol=1e-12)
    turned = transpose_to(handle, "XZY", C=1, Y=slice(7, None, -1), Z=[5, 1, 1], X=slice(3, 80, 2))
    shown = pixels[1][[5, 1, 1]][:, 7::-1, 3:80:2].transpose(2, 0, 1)
    assert np.array_equal(project(turned, "Z", how="min"), shown.min(axis=1))
    assert np.array_equal(project(turned, "XY", how="sum"), shown.sum(axis=(0, 2)))


def test_threads_do_not_change_a_bit() -> None:
    pixels = RNG.normal(0, 1e3, (40, 64, 80)).astype(np.float32)
    handle = open_image(pixels, dims="ZYX")
    for how in ("sum", "mean", "std"):
        one = project(handle, how=how, workers=1)
        assert np.array_equal(one, project(handle, how=how, workers=5))


def test_a_small_deviation_around_a_large_mean_stays() -> None:
    """A difference of large squares would keep no digit: 1e16 + 1 is 1e16 in float64."""
    pixels = (1e8 + RNG.normal(0, 1, (500, 4, 4))).astype(np.float64)
    handle = open_image(pixels, dims="ZYX")
    assert np.allclose(project(handle, how="std"), pixels.std(axis=0), rtol=1e-6)
    (found,) = statistics(handle)
    assert found.std == pytest.approx(pixels.std(), rel=1e-6)
    wide = RNG.integers(65000, 65536, (40_000, 2, 2), np.uint16)  # more positions than EXACT_COUNT
    assert np.allclose(
        project(open_image(wide, dims="ZYX"), how="std"), wide.std(axis=0), rtol=1e-12
    )


def test_sums_of_64_bits_wrap_but_their_mean_does_not() -> None:
    pixels = np.full((3, 2, 2), 2**63, np.uint64)
    handle = open_image(pixels, dims="ZYX")
    assert np.array_equal(project(handle, how="sum"), pixels.sum(axis=0))
    assert (project(handle, how="mean") == 2.0**63).all()


def test_not_a_number() -> None:
    pixels = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    pixels[0, 1, 2] = np.nan
    handle = open_image(pixels, dims="ZYX")
    for how in ("max", "min", "sum", "mean", "std"):
        result = project(handle, how=how)
        assert np.isnan(result[1, 2])
        assert np.count_nonzero(np.isnan(result)) == 1
    (found,) = statistics(handle)
    assert (found.count, found.missing, found.minimum, found.maximum) == (23, 1, 0.0, 23.0)
    assert found.mean == pytest.approx(np.nanmean(pixels))
    nothing = open_image(np.full((2, 2), np.nan), dims="YX")
    (empty,) = statistics(nothing)
    assert (empty.count, empty.missing, empty.mean, empty.percentiles) == (0, 4, None, ())
    infinite = open_image(np.array([[-np.inf, 1.0], [2.0, np.inf]]), dims="YX")
    (ends,) = statistics(infinite, percentiles=[0, 100])
    assert ends.percentiles == ((0.0, -np.inf), (100.0, np.inf))
    # Beyond float32, in whose order doubles are counted; numpy.percentile returns the value, too.
    (huge,) = statistics(open_image(np.full((2, 3), 1e308), dims="YX"), percentiles=[50, 99.9])
    assert huge.percentiles == ((50.0, 1e308), (99.9, 1e308))


@pytest.mark.usefixtures("_slabs")
@pytest.mark.parametrize("dtype", DTYPES)
def test_statistics_equal_numpy(dtype: str) -> None:
    pixels = drawn(dtype)
    found = statistics(open_image(pixels, dims="TCZYX", channel_names=["a", "b"]))
    assert [each.name for each in found] == ["a", "b"]
    for channel, each in enumerate(found):
        values = pixels[:, channel].astype(np.float64).ravel()
        assert (each.count, each.missing) == (values.size, 0)
        assert (each.minimum, each.maximum) == (values.min(), values.max())
        assert each.mean == pytest.approx(values.mean(), rel=1e-12)
        assert each.std == pytest.approx(values.std(), rel=1e-9)
        percents, results = zip(*each.percentiles, strict=True)
        expected = np.percentile(values, percents)
        exact = pixels.dtype.itemsize <= 2 and pixels.dtype.kind != "f"
        assert np.allclose(results, expected, rtol=1e-12 if exact else 3e-3, atol=1e-12)
    assert pickle.loads(pickle.dumps(found)) == found
    assert hash(found) == hash(pickle.loads(pickle.dumps(found)))


def test_negative_values_of_every_width_are_ordered() -> None:
    for dtype in ("i1", "i2", "i4", "f4", "f8"):
        pixels = np.arange(-100, 101).astype(dtype).reshape(3, 67)
        (found,) = statistics(open_image(pixels, dims="YX"), percentiles=[0, 25, 50, 100])
        values = [value for _, value in found.percentiles]
        assert np.allclose(values, [-100, -50, 0, 100], rtol=3e-3)


def test_colours_and_all_pixels_together() -> None:
    pixels = RNG.integers(0, 256, (20, 30, 3), np.uint8)
    handle = open_image(pixels, dims="YXS")
    red, green, blue = statistics(handle, along="S", percentiles=[50])
    assert [red.name, green.name, blue.name] == ["R", "G", "B"]
    assert green.percentiles == ((50.0, float(np.median(pixels[..., 1]))),)
    assert blue.mean == pixels[..., 2].mean()
    (together,) = statistics(handle, along="")
    assert (together.name, together.count) == ("", pixels.size)


@takes_long
def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """48 MiB of pixels, through slabs of 64 kB: less than 3 MiB above the result."""
    monkeypatch.setattr(streaming, "SLAB_BYTES", 1 << 16)
    monkeypatch.setattr(streaming, "TILE_BYTES", 1 << 13)
    path = tmp_path / "stack.ome.tiff"
    write_ome_tiff(open_image(np.ones((96, 512, 512), np.uint16), dims="ZYX"), path, sync=False)
    handle = transpose_to(open_image(path), "ZYX")
    project(handle, workers=2)
    tracemalloc.start()
    result = project(handle, workers=2)
    statistics(handle, workers=2)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Statistics of 16 bits have tables of 0.5 MB, eight of them for as many stretches.
    assert most < result.nbytes + (12 << 20)


def test_steps() -> None:
    pixels = RNG.integers(0, 9, (3, 4, 5), np.uint8)
    step = pickle.loads(pickle.dumps(project("Z", how="sum")))
    assert hash(step) == hash(project("Z", how="sum"))
    handle = open_image(pixels, dims="ZYX")
    assert np.array_equal(pipe(handle, step), pixels.sum(axis=0))
    assert pipe(handle, statistics(percentiles=[50]))[0].maximum == pixels.max()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda h: project(h, "T"), "'T' names 'T': there are"),
        (lambda h: project(h, "ZZ"), "Z"),
        (lambda h: project(h, how=cast("Any", "median")), "how='median'"),
        (lambda h: statistics(h, along="ZY"), "give one letter"),
        (lambda h: statistics(h, percentiles=[101]), "percents from 0 to 100"),
        (lambda _: project(open_image(np.zeros((2, 2), complex), dims="YX"), "Y"), "have no order"),
        (lambda _: statistics(open_image(np.zeros((2, 2), complex), dims="YX")), "have no order"),
    ],
)
def test_wrong_requests_are_refused(call: Any, message: str) -> None:
    handle = open_image(np.zeros((2, 3, 4), np.uint8), dims="ZYX")
    with pytest.raises((ArgumentTypeError, DimensionError), match=message):
        call(handle)


def test_the_parts_of_a_result_cover_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "TILE_BYTES", 64)
    monkeypatch.setattr(streaming, "SLAB_BYTES", 64)
    array: LazyArray = open_image(np.zeros((3, 37, 41), np.uint8), dims="ZYX").array
    covered = np.zeros((37, 41), int)

    def finish(tile: Any, found: Any) -> None:
        del found
        covered[tile] += 1

    streaming.reduce(array, "Z", moments.moments_of(array.dtype), finish)
    assert (covered == 1).all()


@pytest.mark.parametrize("largest", [1, 2114, 2115, 65535])
def test_sums_at_the_edge_of_16_bits(largest: int) -> None:
    # One slab of 31 positions: 31 times 2114 is the last sum that 16 bits hold.
    pixels = np.random.default_rng(largest).integers(0, largest + 1, (31, 64, 64), np.uint16)
    pixels[:, 3, 5] = largest
    handle = open_image(pixels, dims="ZYX")
    for how in ("sum", "mean"):
        expected = getattr(pixels, how)(axis=0)
        assert np.array_equal(project(handle, how=how), expected)


@pytest.mark.parametrize("most", [300, 1 << 13, 1 << 16])
@pytest.mark.parametrize("container", ["tiff", "czi"])
def test_raw_planes_come_one_by_one(container: str, most: int, tmp_path: Path) -> None:
    """Oracle: numpy, of planes that are large enough for a call each; sums leave 16 bits and 32."""
    pixels = np.random.default_rng(most).integers(0, most, (2, 9, 200, 260), np.uint16)
    path = tmp_path / ("cells.czi" if container == "czi" else "cells.ome.tiff")
    if container == "czi":
        write_czi(path, blocks_of(pixels, "CZYX", tile=(200, 260), compression="raw"))
    else:
        write_ome_tiff(open_image(pixels, dims="CZYX"), path, compression=None)
    handle = transpose_to(open_image(path), "CZYX")
    for letters, axes in (("Z", (1,)), ("CZ", (0, 1)), ("ZY", (1, 2))):
        assert np.array_equal(project(handle, letters), pixels.max(axis=axes))
        assert np.array_equal(project(handle, letters, how="min"), pixels.min(axis=axes))
        expected = pixels.sum(axis=axes, dtype=np.uint64)
        assert np.array_equal(project(handle, letters, how="sum"), expected)


@pytest.mark.parametrize("most_runs", [4, 1 << 12])
@pytest.mark.parametrize("missing", [None, 7])
def test_planes_are_planned_by_stretches_or_by_slabs(
    most_runs: int, missing: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Oracle: numpy. A plane that the file lacks is black, whichever planes are planned together."""
    monkeypatch.setattr(streaming, "MOST_RUNS", most_runs)
    pixels = np.random.default_rng(5).integers(1, 4096, (50, 200, 260), np.uint16)
    monkeypatch.setattr(streaming, "SLAB_BYTES", 3 * pixels[0].nbytes)
    blocks = list(blocks_of(pixels, "ZYX", tile=(200, 260), compression="raw"))
    if missing is not None:
        del blocks[missing]
        pixels[missing] = 0
    path = tmp_path / "cells.czi"
    write_czi(path, blocks)
    handle = transpose_to(open_image(path), "ZYX")
    for workers in (1, 3):
        assert np.array_equal(project(handle, workers=workers), pixels.max(axis=0))
        assert np.array_equal(project(handle, how="min", workers=workers), pixels.min(axis=0))
        total = project(handle, how="sum", workers=workers)
        assert np.array_equal(total, pixels.sum(axis=0, dtype=np.uint64))
