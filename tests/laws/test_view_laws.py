"""What is seen through a view is what numpy shows of the whole, however the pixels are stored."""

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from aicsio import ImageHandle, pipe, to_dask, to_numpy, transpose_to
from aicsio.testing.model import transpose_array
from aicsio.testing.strategies import Image, images, views


def same(got: npt.NDArray[Any], expected: npt.NDArray[Any]) -> bool:
    """Equal in shape, type and every bit, not-a-number included."""
    return (
        got.shape == expected.shape
        and got.dtype == expected.dtype
        and got.tobytes() == expected.tobytes()
    )


def check(handle: ImageHandle, expected: npt.NDArray[Any]) -> None:
    assert handle.shape == handle.dims.shape == expected.shape
    assert handle.size == expected.size
    assert handle.dtype == expected.dtype
    assert same(to_numpy(handle), expected)


@given(images(), st.data())
def test_a_view_is_what_the_model_says(image: Image, data: st.DataObject) -> None:
    order, picks = data.draw(views(image.handle.dims))
    check(
        transpose_to(image.handle, order, **picks),
        transpose_array(image.pixels, image.handle.dims.order, order, **picks),
    )


@given(images(), st.data())
def test_views_compose(image: Image, data: st.DataObject) -> None:
    handle, expected = image.handle, image.pixels
    for _ in range(3):
        order, picks = data.draw(views(handle.dims))
        expected = transpose_array(expected, handle.dims.order, order, **picks)
        handle = transpose_to(handle, order, **picks)
        check(handle, expected)


@given(images(), st.data())
def test_permutations_compose(image: Image, data: st.DataObject) -> None:
    letters = image.handle.dims.order
    first, second = ("".join(data.draw(st.permutations(letters))) for _ in range(2))
    assert transpose_to(transpose_to(image.handle, first), second) == transpose_to(
        image.handle, second
    )
    assert transpose_to(transpose_to(image.handle, first), letters) == image.handle


@given(images(), st.data())
def test_both_forms_of_a_verb_agree(image: Image, data: st.DataObject) -> None:
    order, picks = data.draw(views(image.handle.dims))
    step = transpose_to(order, **picks)
    viewed = transpose_to(image.handle, order, **picks)
    assert step(image.handle) == viewed
    assert pipe(image.handle, step) == viewed
    assert same(pipe(image.handle, step, to_numpy()), to_numpy(viewed))
    assert same(pipe(image.handle, step, to_dask()).compute(scheduler="sync"), to_numpy(viewed))


@given(images(), st.data())
def test_a_window_is_a_crop_of_the_whole(image: Image, data: st.DataObject) -> None:
    dims = image.handle.dims
    window = {}
    for letter, size in dims.items():
        start = data.draw(st.integers(0, size - 1))
        window[letter] = slice(start, data.draw(st.integers(start + 1, size)))
    cropped = transpose_to(image.handle, dims.order, **window)
    assert same(to_numpy(cropped), to_numpy(image.handle)[tuple(window.values())])


@given(images(min_size=0), st.data())
def test_an_image_without_pixels_is_read_like_any_other(image: Image, data: st.DataObject) -> None:
    order, picks = data.draw(views(image.handle.dims))
    expected = transpose_array(image.pixels, image.handle.dims.order, order, **picks)
    viewed = transpose_to(image.handle, order, **picks)
    check(viewed, expected)
    assert same(to_dask(viewed).compute(scheduler="sync"), expected)


@given(images(max_axes=2), st.data())
def test_added_axes_have_length_one_and_change_no_pixel(image: Image, data: st.DataObject) -> None:
    letters = image.handle.dims.order
    grown = transpose_to(image.handle, "".join(data.draw(st.permutations(letters + "QK"))))
    assert grown.dims["Q", "K"] == (1, 1)
    assert same(to_numpy(transpose_to(grown, letters)), image.pixels)
    single = transpose_to(grown, "QK", **dict.fromkeys(letters, 0))
    assert to_numpy(single).tobytes() == image.pixels[(0,) * image.pixels.ndim].tobytes()


def test_the_model_knows_the_language() -> None:
    pixels = np.arange(24).reshape(2, 3, 4)
    assert np.array_equal(
        transpose_array(pixels, "CYX", "XC", Y=-1, X=slice(None, None, 2)), pixels[:, 2, ::2].T
    )
    assert transpose_array(pixels, "CYX", "QYX", C=1).shape == (1, 3, 4)
