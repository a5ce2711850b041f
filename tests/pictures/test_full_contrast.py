"""``contrast="full"``: the range of an integer type, and of floats that of their finite values."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import open_image, suggest_contrast, thumbnail, write_movie, write_picture
from aicsio.notebook import draw as draw_html
from aicsio.pictures.composing import requested_limits
from aicsio.viewer.images import describe_contrast

Array = npt.NDArray[Any]
PLANE = np.random.default_rng(0).normal(0, 50, (48, 64))
MOST = 1.7e308


def marked(*values: float) -> Array:
    """Negative and positive numbers, and rows of others among them."""
    plane = PLANE.copy()
    for row, value in enumerate(values):
        plane[5 * row] = value
    return plane


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shift", [0, -1000, 1000])
def test_floats_are_shown_from_the_least_to_the_greatest(dtype: Any, shift: int) -> None:
    plane = (marked(np.nan, np.inf, -np.inf) + shift).astype(dtype)
    (limits,) = requested_limits(open_image(plane, dims="YX"), "full") or ()
    finite = plane[np.isfinite(plane)]
    assert limits == (finite.min(), finite.max())
    gray = thumbnail(open_image(plane, dims="YX"), 64, contrast="full", scale_bar=False)[..., 0]
    expected = (plane.astype(np.float64) - limits[0]) / (limits[1] - limits[0])
    expected = np.nan_to_num(np.clip(expected, 0, 1), nan=0) * 255
    assert np.abs(gray - expected).max() <= 1


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.full((9, 9), np.nan), (0, 1)),
        (np.full((9, 9), np.inf, np.float32), (0, 1)),
        (np.zeros((9, 9), np.float32), (0, 1)),
        (np.full((9, 9), -7.5), (-15, 0)),
        (np.full((9, 9), 7.5), (0, 15)),
        (np.array([[3 + 4j, 1j], [0, 0]]), (0, 5)),
        (np.eye(9, dtype=bool), (0, 1)),
        (np.eye(9, dtype=np.int8), (-128, 127)),
        (np.eye(9, dtype=np.uint32), (0, 2**32 - 1)),
        (np.array([[-MOST, MOST]]), (-MOST, MOST)),
    ],
    ids=str,
)
def test_any_type_has_a_range(array: Array, expected: tuple[float, float]) -> None:
    handle = open_image(array, dims="YX")
    assert requested_limits(handle, "full") == (expected,)
    assert thumbnail(handle, 64, contrast="full").dtype == np.uint8


def test_each_channel_has_its_own_range_and_colours_share_one() -> None:
    pair = open_image(np.stack([PLANE, PLANE * 3]), dims="CYX")
    low, high = PLANE.min(), PLANE.max()
    assert requested_limits(pair, "full") == ((low, high), (3 * low, 3 * high))
    colored = open_image(np.stack([PLANE, PLANE * 3, PLANE], axis=-1), dims="YXS")
    assert requested_limits(colored, "full") == ((3 * low, 3 * high),)


@pytest.mark.parametrize(
    "plane",
    [
        marked(np.nan, np.inf, -np.inf),
        np.full((48, 64), np.nan),
        marked(-MOST, MOST, float(np.finfo(np.float32).min)),
        marked(np.nan) * 1e305,
        marked(np.nan, np.inf).astype(complex),
    ],
    ids=["marked", "nan", "large", "huge", "complex"],
)
def test_every_face_shows_any_floats_without_a_warning(plane: Array, tmp_path: Path) -> None:
    handle = open_image(np.stack([plane, plane]), dims="TYX", channel_names=["heights"])
    for requested in ("auto", "full"):
        many: Any = {"contrast": requested, "overwrite": True}
        write_picture(handle, tmp_path / "a.png", size=32, **many)
        write_movie(handle, tmp_path / "a.gif", size=32, **many)
    ((low, high),) = suggest_contrast(handle)  # that of napari and of the notebook
    assert low < high
    assert "<img" in (draw_html(handle) or "")
    described = describe_contrast(handle, 0, None)  # that of the viewer
    assert described["least"] <= described["low"] < described["high"] <= described["most"]
    json.dumps(described, allow_nan=False)  # a browser reads no NaN
