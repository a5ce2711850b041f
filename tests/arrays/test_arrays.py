import json
import os
import pickle
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import dask
import dask.array as da
import dask.base
import numpy as np
import pytest
from dask.callbacks import Callback

from aicsio import (
    ImageHandle,
    PixelSize,
    _codecs,
    _engine,
    open_image,
    select_level,
    to_dask,
    to_numpy,
    to_xarray,
    transpose_to,
)
from aicsio.arrays import dask_graph, token
from aicsio.errors import (
    ArgumentTypeError,
    DimensionError,
    MissingDependencyError,
    SourceNotFoundError,
)
from aicsio.records import Contents, Coordinate, LazyArray
from aicsio.testing import ImageSpec, TiffSpec, pixels, write
from aicsio.testing.layouts import GridLayout, make_handle, store_array
from support import takes_long

PIXELS = np.arange(2 * 3 * 40 * 50, dtype=np.uint16).reshape(2, 3, 40, 50)


def grid_of(array: LazyArray) -> GridLayout:
    assert isinstance(array.layout, GridLayout)
    return array.layout


def most_held(work: Callable[[], Any]) -> int:
    """Bytes of Python and numpy at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture
def image() -> ImageHandle:
    return make_handle(store_array(PIXELS, "CZYX", (1, 1, 16, 50)))


class TestToNumpy:
    def test_the_result_is_the_callers_own(self) -> None:
        mine = np.arange(12).reshape(3, 4)
        handle = open_image(mine)
        read = to_numpy(handle)
        read[:] = -1
        assert mine[0, 0] == 0
        assert to_numpy(handle)[0, 0] == 0

    def test_it_is_contiguous_in_the_order_asked(self, image: ImageHandle) -> None:
        for order in ("CZYX", "XYZC", "YCXZ"):
            read = to_numpy(transpose_to(image, order))
            assert read.flags.c_contiguous
            assert read.flags.writeable
            assert read.flags.owndata

    @pytest.mark.parametrize("workers", [None, 1, 2, 7])
    def test_workers_change_nothing(self, image: ImageHandle, workers: int | None) -> None:
        assert np.array_equal(to_numpy(image, workers=workers), PIXELS)

    @pytest.mark.parametrize("workers", [1.5, "2", [1]])
    def test_workers_are_counted_in_whole_numbers(self, image: ImageHandle, workers: Any) -> None:
        with pytest.raises(ArgumentTypeError, match="workers"):
            to_numpy(image, workers=workers)


class TestToDask:
    @pytest.mark.parametrize(
        ("chunks", "cut"),
        [
            ("YX", ((1, 1), (1, 1, 1), (40,), (50,))),
            ("ZYX", ((1, 1), (3,), (40,), (50,))),
            ({"Y": 16}, ((2,), (3,), (16, 16, 8), (50,))),
            ({"Y": 16, "C": 1, "Z": -1}, ((1, 1), (3,), (16, 16, 8), (50,))),
            (25, ((2,), (3,), (25, 15), (25, 25))),
            (10**30, ((2,), (3,), (40,), (50,))),
            (-1, ((2,), (3,), (40,), (50,))),
            ((1, 3, (10, 30), -1), ((1, 1), (3,), (10, 30), (50,))),
            ("auto", ((2,), (3,), (40,), (50,))),
        ],
    )
    def test_chunks(self, image: ImageHandle, chunks: Any, cut: Any) -> None:
        lazy = to_dask(image, chunks=chunks)
        assert lazy.chunks == cut
        assert (lazy.shape, lazy.dtype) == (PIXELS.shape, PIXELS.dtype)
        assert np.array_equal(lazy.compute(), PIXELS)

    def test_automatic_chunks_are_whole_blocks_up_to_a_size(self) -> None:
        array = store_array(np.broadcast_to(np.uint8(0), (4, 1)), "YX", (1, 1))
        big = attrs.evolve(array, stored=attrs.evolve(array.stored, shape=(20_000, 20_000)))
        layout = attrs.evolve(grid_of(array), shape=(20_000, 20_000), block_shape=(100, 300))
        big = type(array).whole(layout, big.stored, "u1")
        lazy = to_dask(make_handle(big))
        assert lazy.chunksize == (1600, 20_000)
        assert lazy.chunksize[0] % 100 == 0
        turned = to_dask(transpose_to(make_handle(big), "XY"))
        assert turned.chunksize == (20_000, 1600)

    @pytest.mark.parametrize(
        ("chunks", "said"),
        [
            (0, ["chunks=0", "C=2, Z=3, Y=40, X=50", "sizes from 1 on"]),
            (-3, ["chunks=-3", "-1 for all"]),
            ({"Y": 0}, ["'Y': 0"]),
            ({"T": 1}, ["'T'", "C=2, Z=3, Y=40, X=50"]),
            ((1, 1), ["2 chunk sizes (1, 1) for the 4 dimensions"]),
            (((1,), 3, 40, 50), ["add up"]),
            ((2, 3, (80, -40), 50), ["negative"]),
            ("zyx", ["did you mean 'ZYX'"]),
            ("", ["empty"]),
        ],
    )
    def test_chunks_that_do_not_fit(self, image: ImageHandle, chunks: Any, said: list[str]) -> None:
        with pytest.raises(DimensionError) as caught:
            to_dask(image, chunks=chunks)
        for part in said:
            assert part in str(caught.value)

    def test_letters_that_are_not_there_are_refused(self, image: ImageHandle) -> None:
        for chunks in ("Q", "ZQYX", {"Q": 1}):
            with pytest.raises(DimensionError, match=r"names 'Q': there are C=2, Z=3, Y=40, X=50"):
                to_dask(image, chunks=chunks)

    def test_automatic_chunks_are_as_large_as_dask_is_told(self, image: ImageHandle) -> None:
        with dask.config.set({"array.chunk-size": 2 * 40 * 50}):
            assert to_dask(image).chunksize == (1, 1, 32, 50)
        assert to_dask(image, chunks="12 kB").chunksize == (1, 3, 40, 50)
        with dask.config.set({"array.chunk-size": "1B"}):
            assert to_dask(image).chunksize == (1, 1, 1, 1)
        with pytest.raises(DimensionError, match="no pixel"):
            to_dask(image, chunks="0.1 B")

    def test_automatic_chunks_begin_where_blocks_begin(self) -> None:
        handle = make_handle(
            store_array(np.arange(100 * 60, dtype=np.uint16).reshape(100, 60), "YX", (16, 20))
        )
        for y, sizes in (
            (slice(5, 95), (11, 16, 16, 16, 16, 15)),
            (slice(95, 5, -1), (16, 16, 16, 16, 16, 10)),
        ):
            view = transpose_to(handle, "YX", Y=y)
            lazy = to_dask(view, chunks=f"{16 * 60 * 2}B")
            assert lazy.chunks[0] == sizes
            assert np.array_equal(lazy.compute(), to_numpy(view))

    @pytest.mark.parametrize(
        ("kind", "blocks", "chunk"),
        [("raw", (1, 400, 300), (1, 50, 300)), ("deflate", (1, 400, 300), (1, 400, 300))],
    )
    def test_a_giant_plane_is_cut_unless_that_decodes_it_again_and_again(
        self, kind: Any, blocks: tuple[int, ...], chunk: tuple[int, ...]
    ) -> None:
        array = np.arange(2 * 400 * 300, dtype=np.uint16).reshape(2, 400, 300)
        handle = make_handle(store_array(array, "ZYX", blocks, kind=kind))
        lazy = to_dask(handle, chunks="30000B")
        assert lazy.chunksize == chunk
        assert np.array_equal(lazy.compute(), array)

    def test_chunks_without_a_rule(self, image: ImageHandle) -> None:
        for cut in (
            (2, 3, (1, 30, 9), 50),
            (2, 3, (10, 10, 20), (0, 50)),
            ((2, 0), 3, 40, (1, 2, 3, 44)),
        ):
            assert np.array_equal(to_dask(image, chunks=cut).compute(), PIXELS)

    def test_a_slice_touches_only_its_chunks(self, tmp_path: Path) -> None:
        spec = TiffSpec((ImageSpec(C=2, Z=3, Y=64, X=64),), compression="zlib", tile=(32, 32))
        lazy = to_dask(open_image(write(spec, tmp_path)), chunks=(1, 1, 1, 32, 32))
        expected = pixels(spec.images[0])
        decoded: list[int] = []

        def counting(codecs: Any, data: Any, want: Any) -> Any:
            decoded.append(len(data))
            return decode(codecs, data, want)

        decode = _codecs.decode
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_codecs, "decode", counting)
            assert np.array_equal(lazy[0, 1, 2, 30:34, 5].compute(), expected[0, 1, 2, 30:34, 5])
            assert len(decoded) == 2
            decoded.clear()
            assert lazy[:, :, 1, 40, 40].sum().compute() == expected[:, :, 1, 40, 40].sum()
            assert len(decoded) == 2

    def test_nothing_is_read_until_it_is_computed(self, tmp_path: Path) -> None:
        path = write(TiffSpec(), tmp_path)
        handle = open_image(path)
        path.unlink()
        lazy = to_dask(transpose_to(handle, "YX", T=0, C=0, Z=0))[3:5]
        with pytest.raises(SourceNotFoundError):
            lazy.compute()

    def test_a_slice_reads_a_slice(
        self, image: ImageHandle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[tuple[int, ...]] = []
        whole = _engine.read

        def counting(array: Any, *options: Any) -> Any:
            read.append(array.shape)
            return whole(array, *options)

        monkeypatch.setattr(_engine, "read", counting)
        found = to_dask(image, chunks="YX")[1, 2, 5:7, ::10].compute(scheduler="sync")
        assert np.array_equal(found, PIXELS[1, 2, 5:7, ::10])
        assert read == [(2, 5)]

    def test_fifty_thousand_chunks_are_as_small_as_one(self) -> None:
        array = store_array(np.zeros((1, 1), "u1"), "YX")
        layout = attrs.evolve(grid_of(array), shape=(50_000, 10), block_shape=(1, 10))
        many = type(array).whole(layout, attrs.evolve(array.stored, shape=(50_000, 10)), "u1")
        lazy = to_dask(make_handle(many), chunks={"Y": 1})
        assert lazy.npartitions == 50_000
        assert len(lazy.dask.layers) == 2
        assert (
            sum(len(pickle.dumps(layer)) for layer in lazy.dask.layers.values()) < 500_000 + 10_000
        )  # the offsets
        assert len(pickle.dumps(lazy.dask.layers[lazy.name])) < 3000
        task = lazy[1234].__dask_graph__()[lazy[1234].__dask_keys__()[0]]
        assert len(pickle.dumps(task)) < 2000

    @takes_long
    def test_a_graph_computes_in_another_process(self, tmp_path: Path) -> None:
        spec = TiffSpec((ImageSpec(C=2, Z=3),), compression="zlib")
        lazy = to_dask(open_image(write(spec, tmp_path)))
        (tmp_path / "graph").write_bytes(pickle.dumps(lazy))
        code = f"""
import pickle
lazy = pickle.load(open({str(tmp_path / "graph")!r}, "rb"))
print(lazy.name, int(lazy.sum().compute(scheduler="sync")))
"""
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert run.stdout.split() == [lazy.name, str(int(pixels(spec.images[0]).sum()))]

    @takes_long
    def test_names_do_not_depend_on_the_process(self, tmp_path: Path) -> None:
        path = write(TiffSpec(), tmp_path)
        code = f"import aicsio; print(aicsio.to_dask(aicsio.open_image({str(path)!r})).name)"
        names = {
            subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "PYTHONHASHSEED": seed},
            ).stdout
            for seed in ("1", "2")
        }
        assert names == {to_dask(open_image(path)).name + "\n"}

    def test_other_pixels_have_other_names(self, tmp_path: Path) -> None:
        one = open_image(write(TiffSpec(), tmp_path, "a.ome.tif"))
        other = open_image(write(TiffSpec((ImageSpec(seed=1),)), tmp_path, "b.ome.tif"))
        views = [
            one,
            other,
            transpose_to(one, "TCZXY"),
            transpose_to(one, "TCZYX", X=slice(1, None)),
        ]
        assert len({to_dask(view).name for view in views}) == 4
        assert len({to_dask(one, chunks=n).name for n in (1, 2, 7)}) == 3

    @pytest.mark.parametrize(
        "scheduler",
        ["threads", "sync", pytest.param("processes", marks=takes_long), ThreadPoolExecutor(2)],
    )
    def test_every_scheduler_computes_the_same(self, tmp_path: Path, scheduler: Any) -> None:
        spec = TiffSpec((ImageSpec(C=2, Z=3),), compression="zlib")
        lazy = to_dask(open_image(write(spec, tmp_path)), chunks={"C": 1, "Z": 2})
        with dask.config.set(scheduler=scheduler):
            assert np.array_equal(lazy.compute(), pixels(spec.images[0]))
        assert np.array_equal(lazy.compute(scheduler=scheduler), pixels(spec.images[0]))
        assert np.array_equal(
            dask.base.compute(lazy, scheduler=scheduler)[0], pixels(spec.images[0])
        )

    @pytest.mark.parametrize("chunks", ["YX", -1])
    def test_pixels_are_held_once(self, tmp_path: Path, chunks: Any) -> None:
        handle = open_image(write(TiffSpec((ImageSpec(C=2, Z=20, Y=300, X=200),)), tmp_path))
        lazy = to_dask(handle, chunks=chunks)
        read, plain = lazy.compute(), to_numpy(handle)
        assert np.array_equal(read, plain)
        assert read.flags.owndata
        del read, plain
        assert most_held(lazy.compute) < 1.05 * most_held(lambda: to_numpy(handle))

    def test_a_cache_of_dasks_never_holds_what_the_caller_got(self, image: ImageHandle) -> None:
        lazy = to_dask(image, chunks="YX")
        kept: list[dict[Any, Any]] = []
        for _ in range(2):
            kept.append({})
            with Callback(posttask=lambda key, value, *_: kept[-1].update({key: value})):
                lazy.compute()
        assert kept[0].keys().isdisjoint(kept[1])
        assert kept[0].keys().isdisjoint(lazy.dask.layers[lazy.name])

    def test_schedulers_of_dask_see_each_chunk(self, image: ImageHandle) -> None:
        lazy, seen = to_dask(image, chunks="YX"), []
        with Callback(posttask=lambda key, *_: seen.append(key)):
            lazy.compute()
        assert {key[1:] for key in seen if isinstance(key, tuple)} == set(np.ndindex(2, 3, 1, 1))

    def test_a_chunk_that_cannot_be_read_raises(self, tmp_path: Path) -> None:
        path = write(TiffSpec((ImageSpec(Z=3),), compression="zlib"), tmp_path)
        lazy = to_dask(open_image(path), chunks="YX")
        path.unlink()
        with pytest.raises(SourceNotFoundError):
            lazy.compute()

    @pytest.mark.parametrize("order", ["X", "ZX", "XC"])
    def test_it_computes_what_is_shown(self, image: ImageHandle, order: str) -> None:
        shown = transpose_to(
            image, order, **{letter: 1 for letter in "CZYX" if letter not in order}
        )
        expected = to_numpy(shown)
        found = to_dask(shown, chunks=1).compute()
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        assert np.array_equal(found, expected)

    def test_without_dasks_private_key_type_the_public_way_is_taken(
        self, image: ImageHandle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dask_graph, "TaskRef", None)
        lazy = to_dask(image, chunks="YX")
        assert lazy.chunks == ((1, 1), (1, 1, 1), (40,), (50,))
        assert np.array_equal(lazy.compute(), PIXELS)
        assert np.array_equal(lazy[1, :, 3:5].compute(scheduler="sync"), PIXELS[1, :, 3:5])
        assert np.array_equal(pickle.loads(pickle.dumps(lazy)).compute(), PIXELS)

    @takes_long
    def test_it_works_beside_other_arrays(self, image: ImageHandle) -> None:
        lazy = to_dask(image, chunks="YX")
        assert np.array_equal((lazy + da.ones(lazy.shape, chunks=2)).compute(), PIXELS + 1)
        assert lazy.mean().compute() == PIXELS.mean()
        assert np.array_equal(dask.base.compute(lazy[0], lazy[1])[1], PIXELS[1])
        assert np.array_equal(da.map_blocks(np.negative, lazy).compute(), -PIXELS)
        assert np.array_equal(da.stack([lazy, lazy])[1].compute(), PIXELS)
        assert np.array_equal(lazy.reshape(6, -1).compute(), PIXELS.reshape(6, -1))
        assert np.array_equal(lazy.rechunk((2, 1, 7, 50)).compute(), PIXELS)


class TestToken:
    def test_equal_values_have_equal_tokens(self) -> None:
        assert (
            token(np.dtype("=u2"))
            == token(np.dtype("u2").newbyteorder("="))
            == token(np.dtype(np.uint16))
        )
        assert token(range(0, 5, 2)) == token(range(0, 6, 2))
        assert token(range(3, 4)) == token(range(3, 9, 100))
        assert token(range(0)) == token(range(7, 7))

    def test_different_values_have_different_tokens(self) -> None:
        values = [
            0,
            1,
            "1",
            b"1",
            1.0,
            True,
            None,
            (),
            (1,),
            ((1,),),
            (1, 2),
            ("1", 2),
            range(1),
            range(2),
            ("a", "bc"),
            ("ab", "c"),
        ]
        assert len({token(value) for value in values}) == len(values)
        assert token(np.dtype("<u2")) != token(np.dtype(">u2"))


class TestToXarray:
    def test_coordinates_have_units(self) -> None:
        handle = make_handle(store_array(np.zeros((2, 3, 4, 5, 6), "u1"), "TCZYX"))
        scene = attrs.evolve(handle.scene, pixel_size=PixelSize(2.0, 0.5, 0.25), time_step=3.0)
        shown = to_xarray(attrs.evolve(handle, contents=Contents((scene,))))
        assert shown.coords["Z"].values.tolist() == [0, 2, 4, 6]
        assert shown.coords["X"].values.tolist() == [0, 0.25, 0.5, 0.75, 1.0, 1.25]
        assert shown.coords["T"].values.tolist() == [0, 3]
        assert shown.coords["T"].attrs == {"units": "s"}
        assert shown.coords["Y"].attrs == {"units": "um"}
        assert shown.coords["C"].values.tolist() == ["Channel:0", "Channel:1", "Channel:2"]
        assert shown.dims == ("T", "C", "Z", "Y", "X")

    def test_coordinates_follow_the_view(self) -> None:
        handle = open_image(
            np.zeros((3, 6, 8)),
            dims="CYX",
            channel_names=["a", "b", "c"],
            pixel_size=PixelSize(None, 0.5, 0.25),
        )
        shown = to_xarray(
            transpose_to(handle, "QXYC", C=[2, 0], Y=slice(None, None, -2), X=slice(4, 6))
        )
        assert shown.dims == ("Q", "X", "Y", "C")
        assert shown.coords["C"].values.tolist() == ["c", "a"]
        assert shown.coords["Y"].values.tolist() == [2.5, 1.5, 0.5]
        assert shown.coords["X"].values.tolist() == [1.0, 1.25]
        assert "Q" not in shown.coords
        assert (shown.attrs["pixel_size_y_um"], shown.attrs["pixel_size_x_um"]) == (1.0, 0.25)
        assert "pixel_size_z_um" not in shown.attrs

    def test_levels_are_spaced_as_they_are(self) -> None:
        handle = make_handle(
            store_array(np.zeros((8, 8)), "YX"), store_array(np.zeros((4, 4)), "YX")
        )
        scene = attrs.evolve(handle.scene, pixel_size=PixelSize(X=0.5))
        small = select_level(attrs.evolve(handle, contents=Contents((scene,))), 1)
        # The mean of pixels 0 and 1 of full resolution lies between them.
        assert to_xarray(small).coords["X"].values.tolist() == [0.25, 1.25, 2.25, 3.25]
        assert to_xarray(small).attrs["level"] == 1

    def test_what_the_file_does_not_say_is_not_there(self) -> None:
        shown = to_xarray(open_image(np.zeros((4, 5))))
        assert set(shown.coords) == set()
        assert not {"pixel_size_x_um", "time_step_s", "acquired"} & set(shown.attrs)

    def test_explicit_values_come_before_even_ones(self) -> None:
        handle = make_handle(store_array(np.zeros((3, 4)), "TX"))
        values = Coordinate("T", (0.0, 1.5, 7.0), "s")
        scene = attrs.evolve(handle.scene, coordinates=(values,), time_step=1.0)
        handle = attrs.evolve(handle, contents=Contents((scene,)))
        assert to_xarray(transpose_to(handle, "TX", T=[2, 0])).coords["T"].values.tolist() == [
            7.0,
            0.0,
        ]
        assert to_xarray(handle).coords["T"].attrs == {"units": "s"}

    def test_samples_have_names(self) -> None:
        shown = to_xarray(open_image(np.zeros((4, 5, 4)), dims="YXS"))
        assert shown.coords["S"].values.tolist() == ["R", "G", "B", "A"]
        assert to_xarray(open_image(np.zeros((4, 6)), dims="YS")).coords["S"].values.tolist()[
            4:
        ] == ["S4", "S5"]

    def test_attributes_are_json(self) -> None:
        handle = open_image(np.zeros((4, 5)), pixel_size=PixelSize(X=0.5))
        shown = to_xarray(handle).attrs
        assert json.loads(json.dumps(shown)) == shown
        assert shown["scene"] == "Image:0"
        assert shown["format"] == "array"

    def test_lazy_is_lazy(self, image: ImageHandle) -> None:
        shown = to_xarray(image, lazy=True, chunks={"Y": 8})
        assert shown.chunks is not None
        assert shown.chunks[2] == (8,) * 5
        assert np.array_equal(shown.values, PIXELS)

    def test_without_xarray_it_says_what_to_install(
        self, image: ImageHandle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "xarray", None)
        with pytest.raises(MissingDependencyError, match="pip install xarray"):
            to_xarray(image)
