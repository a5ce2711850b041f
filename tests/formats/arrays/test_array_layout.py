import pickle
from typing import Any

import dask.array as da
import numpy as np
import pytest

from aicsio import explain, open_image, select_scene, to_dask, to_numpy, transpose_to
from aicsio.errors import ArgumentTypeError, DimensionError

GUESSED = {1: "X", 2: "YX", 3: "ZYX", 4: "CZYX", 5: "TCZYX", 6: "TCZYXS"}


@pytest.mark.parametrize("rank", GUESSED)
def test_letters_are_guessed_from_the_rank_and_the_guess_is_told(rank: int) -> None:
    handle = open_image(np.zeros((2,) * rank))
    assert handle.dims.order == GUESSED[rank]
    (note,) = handle.diagnostics
    assert note.code == "guessed-axes"
    assert GUESSED[rank] in note.message
    assert open_image(np.zeros((2,) * rank), dims="QRHIVB"[:rank]).diagnostics == ()


@pytest.mark.parametrize("rank", [0, 7])
def test_a_rank_without_a_custom_needs_names(rank: int) -> None:
    with pytest.raises(DimensionError, match=f"an array of {rank} axes needs dims="):
        open_image(np.zeros((1,) * rank))


@pytest.mark.parametrize("dims", ["YX", "CZYX", "ZYYX"[:4]])
def test_one_letter_an_axis(dims: str) -> None:
    with pytest.raises(DimensionError, match=r"names|twice"):
        open_image(np.zeros((2, 3, 4)), dims=dims)


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", ">u2", "i8", "f2", "g", "c8", ">c16"])
def test_numbers_of_all_types_are_pixels(dtype: str) -> None:
    pixels = np.arange(12).reshape(3, 4).astype(dtype)
    for array in (pixels, da.from_array(pixels, chunks=2)):
        handle = open_image(array)
        assert handle.dtype == pixels.dtype.newbyteorder("=")
        assert np.array_equal(to_numpy(handle), pixels)
        assert to_numpy(handle).dtype.isnative
        assert to_dask(handle).compute().dtype.isnative


@pytest.mark.parametrize(
    "array", [np.array(["a"]), np.zeros(3, "i4,f4"), np.array([None]), np.zeros(2, "M8[s]")]
)
def test_what_is_no_number_is_no_pixel(array: Any) -> None:
    with pytest.raises(ArgumentTypeError, match="give numbers"):
        open_image(array)


@pytest.mark.parametrize("view", [np.s_[::-1, :, ::-2], np.s_[:, 1:1], np.s_[..., 0], np.s_[None]])
def test_arrays_of_any_strides(view: Any) -> None:
    pixels = np.arange(60).reshape(3, 4, 5)[view]
    assert np.array_equal(to_numpy(open_image(pixels)), pixels)
    fortran = np.asfortranarray(pixels)
    assert np.array_equal(to_numpy(open_image(fortran)), pixels)


def test_an_array_is_read_in_place() -> None:
    pixels = np.zeros((2, 3))
    handle = open_image(pixels)
    pixels[1, 1] = 7
    assert to_numpy(handle)[1, 1] == 7


def test_a_list_of_arrays_is_a_list_of_scenes() -> None:
    arrays = [np.full((n, 4), n, kind) for n, kind in ((2, "u1"), (3, "f4"))]
    for given in (arrays, tuple(arrays), [da.from_array(each) for each in arrays]):
        handle = open_image(given, dims="YX")
        assert handle.scene_names == ("Image:0", "Image:1")
        for index, array in enumerate(arrays):
            scene = select_scene(handle, index)
            assert scene.dtype == array.dtype
            assert np.array_equal(to_numpy(scene), array)


@pytest.mark.parametrize(
    "given", [[], (), [1, 2], [[1, 2], [3, 4]], [np.zeros(3), 4], [np.zeros(3), "a.tif"]]
)
def test_other_lists_are_refused(given: Any) -> None:
    with pytest.raises(ArgumentTypeError, match="cannot read from"):
        open_image(given)


def test_handles_of_one_array_are_equal_where_dask_says_so() -> None:
    pixels = np.zeros((3, 4))
    lazy = da.from_array(pixels, chunks=2)
    assert open_image(lazy) == open_image(lazy)
    assert open_image(lazy) != open_image(lazy + 1)
    handle = open_image(pixels)
    assert handle == pickle.loads(pickle.dumps(handle))
    assert handle != open_image(pixels.copy())


@pytest.mark.parametrize("chunks", [2, (1, 3), ((1, 2, 1), (3, 1, 1)), -1])
def test_dask_arrays_of_any_chunks(chunks: Any) -> None:
    pixels = np.arange(20).reshape(4, 5)
    handle = open_image(da.from_array(pixels, chunks=chunks))
    assert np.array_equal(to_numpy(handle), pixels)
    turned = transpose_to(handle, "XTY", Y=[3, 0, 0], X=slice(None, None, -2))
    assert np.array_equal(to_numpy(turned), pixels[[3, 0, 0], ::-2].T[:, None])
    assert np.array_equal(to_dask(turned).compute(), to_numpy(turned))


def test_dask_arrays_are_computed_only_where_they_are_seen() -> None:
    seen: list[Any] = []

    def note(block: Any, block_id: Any = None) -> Any:
        seen.append(block_id)
        return block

    lazy = da.zeros((4, 4), chunks=2, dtype="u1").map_blocks(note, dtype="u1")
    seen.clear()  # dask tries the function on nothing first
    handle = open_image(lazy)
    assert seen == []
    to_numpy(transpose_to(handle, "X", Y=3, X=slice(0, 2)))
    assert seen == [(1, 0)]


def test_a_dask_array_of_unknown_length_says_what_to_do() -> None:
    lazy = da.arange(10, chunks=5)
    with pytest.raises(DimensionError, match=r"compute_chunk_sizes\(\)"):
        open_image(lazy[lazy > 3])


def test_xarrays_are_taken_for_their_pixels() -> None:
    """Two that have the same name are told apart."""
    import xarray as xr

    ones, twos = (xr.DataArray(da.full((3, 4), n, chunks=2), name="same") for n in (1, 2))
    assert open_image(ones) != open_image(twos)
    assert np.array_equal(to_numpy(open_image(twos)), np.full((3, 4), 2))
    assert da.stack([to_dask(open_image(ones)), to_dask(open_image(twos))]).compute().sum() == 36
    assert np.array_equal(to_numpy(open_image(xr.DataArray(np.eye(3)))), np.eye(3))


def test_masked_arrays_show_their_data() -> None:
    masked = np.ma.masked_array(np.arange(6).reshape(2, 3), mask=np.eye(2, 3, dtype=bool))
    assert np.array_equal(to_numpy(open_image(masked)), np.arange(6).reshape(2, 3))


def test_no_format_is_asked_for_an_array() -> None:
    handle = open_image(np.zeros((2, 2)))
    assert handle.format == "array"
    assert handle.source.uri == "memory:array"
    with pytest.raises(ArgumentTypeError, match="cannot read from ndarray"):
        explain(np.zeros((2, 2)))
