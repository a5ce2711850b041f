"""Numbers, texts and types of numpy are taken wherever Python's are, and do the same.

The right result is that of the plain value: PEP 3141 makes numpy's scalars integers and numbers.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import (
    ArgumentTypeError,
    ImageHandle,
    WriteError,
    open_image,
    pipe,
    select_level,
    select_scene,
    to_dask,
    to_numpy,
    transpose_to,
    write_ome_tiff,
    write_ome_zarr,
)
from aicsio._checks.plain_values import plain
from aicsio.thumbnails import thumbnail

INTEGERS = [np.int8, np.uint8, np.int64, np.uint64]
Call = Callable[[ImageHandle, Callable[[int], Any]], object]


@pytest.fixture(scope="module")
def image() -> ImageHandle:
    pixels = np.arange(2 * 3 * 64 * 64, dtype=np.uint16).reshape(2, 3, 64, 64)
    return open_image(pixels, dims="CZYX", channel_names=["DAPI", "GFP"])


CALLS: dict[str, Call] = {
    "pick": lambda h, i: transpose_to(h, "ZYX", C=i(1)),
    "slice": lambda h, i: transpose_to(h, "CZYX", Z=slice(i(0), i(3), i(2))),
    "list": lambda h, i: transpose_to(h, "CZYX", Z=[i(2), i(0)]),
    "step": lambda h, i: pipe(h, transpose_to("ZYX", C=i(1))),
    "scene": lambda h, i: select_scene(h, i(0)),
    "level": lambda h, i: select_level(h, i(0)),
    "workers": lambda h, i: to_numpy(h, workers=i(2)).tobytes(),
    "chunk of all": lambda h, i: to_dask(h, chunks=i(32)).chunks,
    "chunks by letter": lambda h, i: to_dask(h, chunks={"Y": i(32)}).chunks,
    "chunk each": lambda h, i: to_dask(h, chunks=(i(1), i(1), i(32), i(32))).chunks,
    "thumbnail": lambda h, i: thumbnail(h, i(32)).tobytes(),
}


@pytest.mark.parametrize("integer", INTEGERS)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_integers(image: ImageHandle, call: Call, integer: Any) -> None:
    assert call(image, integer) == call(image, int)


@pytest.mark.parametrize("integer", INTEGERS)
def test_integers_of_the_writer_of_zarr(image: ImageHandle, tmp_path: Path, integer: Any) -> None:
    def chunks(number: Any, name: str) -> object:
        size = {"Y": number(32), "X": number(16)}
        report = write_ome_zarr(
            image, tmp_path / name, chunks=size, levels=number(1), scenes=[number(0)], sync=False
        )
        return report.chunks, report.levels

    assert chunks(integer, "numpy.ome.zarr") == chunks(int, "plain.ome.zarr")


def test_names_of_channels_and_orders(image: ImageHandle) -> None:
    picked = transpose_to(image, np.str_("ZYX"), C=np.str_("GFP"))
    assert picked == transpose_to(image, "ZYX", C="GFP")
    assert repr(picked.dims) == "Dims(order='ZYX', shape=(3, 64, 64))"
    named = open_image(np.zeros((3, 4), np.uint8), dims=np.str_("YX"))
    assert repr(named.dims) == "Dims(order='YX', shape=(3, 4))"
    assert type(named.array.view.letters) is str
    both = transpose_to(image, "CZYX", C=np.array(["GFP", "DAPI"]))
    assert both == transpose_to(image, "CZYX", C=["GFP", "DAPI"])


@pytest.mark.parametrize("value", [np.timedelta64(30, "s"), "30", np.array([1.0, 2.0])])
def test_a_duration_is_no_number_of_seconds(image: ImageHandle, tmp_path: Path, value: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=r"time_step=.* does not fit: give a number"):
        write_ome_tiff(image, tmp_path / "a.ome.tif", time_step=value)


def test_numbers_that_no_file_can_hold(image: ImageHandle, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="time_step"):
        write_ome_tiff(image, tmp_path / "a.ome.tif", time_step=10**400)
    with pytest.raises(WriteError, match="268,435,456 pixels: give a smaller one"):
        write_ome_tiff(image, tmp_path / "a.ome.tif", tile=(1 << 20, 1 << 20))
    for dtype in (np.longdouble, np.clongdouble):
        with pytest.raises(WriteError, match="Zarr has no"):
            write_ome_zarr(image, tmp_path / "a.ome.zarr", dtype=dtype)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.clongdouble(2j), 2j),
        (np.bool_(True), True),
        ([np.int8(1), (np.str_("a"), {"k": np.uint16(2)})], [1, ("a", {"k": 2})]),
    ],
)
def test_plain_values(value: object, expected: object) -> None:
    assert repr(plain(value)) == repr(expected)


def test_a_step_is_no_array() -> None:
    step = select_scene(0)
    with pytest.raises(ArgumentTypeError, match=r"select_scene\(0\) is a step without pixels"):
        np.asarray(step)
    pair = np.array([step, step], dtype=object)
    assert list(pair) == [step, step]
