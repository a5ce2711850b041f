"""Pixels do not depend on how they are cut: by blocks, by chunks, by threads, by dask."""

import pickle
from importlib.util import find_spec
from typing import Any

import dask.array as da
import numpy as np
import pytest
from dask.base import tokenize
from hypothesis import given
from hypothesis import strategies as st

from aicsio import ImageHandle, open_image, select_scene, to_dask, to_numpy, to_xarray, transpose_to
from aicsio._engine.run import SMALL
from aicsio._io.readers import open_count
from aicsio.arrays import token
from aicsio.testing.layouts import make_handle, store_array
from aicsio.testing.strategies import Image, arrays, dims, handles, images, views


def is_dask(handle: ImageHandle) -> bool:
    """Whether dask is where the pixels come from; its own graphs are handed back as they are."""
    return isinstance(getattr(getattr(handle.array.layout, "held", None), "array", None), da.Array)


@given(images(), st.data())
def test_dask_computes_what_is_read(image: Image, data: st.DataObject) -> None:
    order, picks = data.draw(views(image.handle.dims))
    viewed = transpose_to(image.handle, order, **picks)
    sizes = st.integers(1, 7) | st.just(-1)
    letters = data.draw(st.lists(st.sampled_from(viewed.dims.order), unique=True))
    by_letter = data.draw(st.fixed_dictionaries(dict.fromkeys(letters, sizes)))
    chunks: Any = data.draw(
        st.sampled_from(["auto", viewed.dims.order, viewed.dims.order[-1], by_letter, -1, 2])
    )
    lazy = to_dask(viewed, chunks=chunks)
    read = to_numpy(viewed)
    assert (lazy.shape, lazy.dtype) == (read.shape, read.dtype)
    assert lazy.compute(scheduler="sync").tobytes() == read.tobytes()
    with_threads = lazy.compute(scheduler="threads", num_workers=2)
    assert with_threads.tobytes() == read.tobytes()


@given(images(max_axes=3, min_size=0), st.data())
def test_what_is_cut_from_the_dask_array_is_cut_from_the_pixels(
    image: Image, data: st.DataObject
) -> None:
    lazy, read = to_dask(image.handle), to_numpy(image.handle)
    key = tuple(data.draw(_indices(size)) for size in image.handle.shape)
    # Several sequences would be paired by numpy and not by dask: one at a time.
    many = [i for i, part in enumerate(key) if isinstance(part, list)]
    key = tuple(slice(None) if i in many[1:] else part for i, part in enumerate(key))
    assert (
        np.asarray(lazy[key].compute(scheduler="sync")).tobytes()
        == np.ascontiguousarray(read[key]).tobytes()
    )


def _indices(size: int) -> st.SearchStrategy[Any]:
    anything: st.SearchStrategy[Any] = st.slices(size) | st.just(slice(0, 0)) | st.just([])
    if not size:
        return anything
    return anything | st.integers(-size, size - 1) | st.lists(st.integers(0, size - 1), max_size=4)


@given(st.data())
def test_blocks_do_not_show(data: st.DataObject) -> None:
    shown = data.draw(dims(4))
    array = data.draw(arrays(shown.shape))
    order, picks = data.draw(views(shown))
    found = set()
    for kind in ("raw", "deflate"):
        for _ in range(2):
            blocks = tuple(data.draw(st.integers(1, size)) for size in shown.shape)
            axes = tuple(data.draw(st.permutations(range(len(shown)))))
            handle = make_handle(store_array(array, shown.order, blocks, kind, axes=axes))
            found.add(to_numpy(transpose_to(handle, order, **picks)).tobytes())
    assert len(found) == 1


@given(
    st.integers(1, 9),
    st.sampled_from(["raw", "deflate"]),
    st.sampled_from(["<u2", ">u2"]),
    st.data(),
)
def test_threads_do_not_show(workers: int, kind: Any, dtype: str, data: st.DataObject) -> None:
    array = data.draw(arrays((3, 5, 210, 190), np.dtype(dtype)))
    assert array.nbytes > SMALL
    handle = make_handle(store_array(array, "CZYX", (1, 2, 100, 190), kind))
    viewed = transpose_to(handle, "YZXC", Y=slice(None, None, -1), Z=[4, 0, 0, 2, 1])
    expected = array[:, [4, 0, 0, 2, 1], ::-1].transpose(2, 1, 3, 0)
    assert np.array_equal(to_numpy(viewed, workers=workers), expected)
    assert open_count() == 0


@given(handles(), st.data())
def test_selecting_absorbs_what_was_seen_before(handle: ImageHandle, data: st.DataObject) -> None:
    order, picks = data.draw(views(handle.dims))
    for scene in range(len(handle.scenes)):
        chosen = select_scene(handle, scene)
        assert select_scene(transpose_to(handle, order, **picks), scene) == chosen
        assert select_scene(select_scene(handle, -1), scene) == chosen
        assert chosen.array == handle.scenes[scene].levels[0]


@given(handles())
def test_names_of_graphs_follow_the_content(handle: ImageHandle) -> None:
    again = pickle.loads(pickle.dumps(handle))
    assert to_dask(handle).name == to_dask(again).name
    assert tokenize(to_dask(handle)) == tokenize(to_dask(again))
    assert token(again) == token(handle)
    assert to_dask(handle, chunks=1).name == to_dask(handle, chunks=1).name


@given(handles(), handles())
def test_graphs_of_different_images_have_different_names(
    one: ImageHandle, other: ImageHandle
) -> None:
    same = to_dask(one).name == to_dask(other).name
    assert same == (one.array == other.array)


@given(handles().filter(lambda handle: not is_dask(handle)))
def test_the_graph_has_the_same_size_for_any_number_of_chunks(handle: ImageHandle) -> None:
    many, one = (to_dask(handle, chunks=chunks) for chunks in (1, -1))
    assert len(many.dask.layers) == len(one.dask.layers)
    # Chunk sizes are listed by axis; tasks, of which there are as many as pixels, are not.
    assert len(pickle.dumps(many)) < len(pickle.dumps(one)) + 20 * sum(handle.shape) + 200


# Before any example: hypothesis would look for the smallest one that cannot import it, for 4 s.
@pytest.mark.skipif(
    find_spec("xarray") is None, reason="needs xarray: pip install '.[test,xarray]'"
)
@given(handles())
def test_xarray_shows_the_pixels_under_the_letters(handle: ImageHandle) -> None:
    shown, lazy = to_xarray(handle), to_xarray(handle, lazy=True)
    assert tuple(shown.dims) == tuple(lazy.dims) == tuple(handle.dims)
    assert shown.values.tobytes() == to_numpy(handle).tobytes() == lazy.values.tobytes()
    assert shown.attrs == lazy.attrs


def test_chunks_of_two_images_of_one_name_stay_apart() -> None:
    ones, twos = (da.full((4, 4), n, chunks=2) for n in (1, 2))
    both = da.stack([to_dask(open_image(ones)), to_dask(open_image(twos))])
    assert both.compute().tolist() == [np.full((4, 4), 1).tolist(), np.full((4, 4), 2).tolist()]
