"""Public records: mistakes in our words, values of numpy as Python's own, short reprs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import attrs
import numpy as np
import pytest

import aicsio
from aicsio import (
    ArgumentTypeError,
    Channel,
    Coordinate,
    DimensionError,
    Dims,
    Objective,
    PixelSize,
    explain,
    open_image,
    open_many,
    transpose_to,
    write_ome_tiff,
    write_ome_zarr,
)
from aicsio.records import Well
from aicsio.testing.czi import Block, write_czi
from aicsio.testing.lif import LifImage, write_lif

RECORDS = [
    each
    # All are asked for here, those that load late, too, whatever another test has asked for.
    for each in (getattr(aicsio, name) for name in aicsio.__all__)
    if isinstance(each, type) and attrs.has(each) and each.__module__.startswith("aicsio")
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_no_public_record_answers_with_python_s_type_error(record: Any) -> None:
    assert len(RECORDS) > 10
    name = record.__name__
    with pytest.raises(ArgumentTypeError, match=rf"^{name} has no parameter 'nonsense'"):
        record(nonsense=1)
    with pytest.raises(ArgumentTypeError, match=rf"^{name}: 0 is one argument too many"):
        record(*[0] * 30)


MISTAKES: list[tuple[Callable[[], object], str]] = [
    (lambda: Dims("CZ"), "Dims: shape missing; it takes (order, shape)"),  # type: ignore[call-arg]
    (lambda: Dims("CZ", 5), "Dims: shape=5 does not fit: give a sequence of int"),  # type: ignore[arg-type]
    (lambda: Dims("C", (1.5,)), "Dims: shape=(1.5,) does not fit: give a sequence of int"),  # type: ignore[arg-type]
    (lambda: Dims(["C"], (1,)), "Dims: order=['C'] does not fit: give a str"),  # type: ignore[arg-type]
    (lambda: PixelSize(x=1), "PixelSize has no parameter 'x': did you mean 'X'?"),  # type: ignore[call-arg]
    (lambda: PixelSize(X="1"), "PixelSize: X='1' does not fit: give a number or None"),  # type: ignore[arg-type]
    (lambda: Channel(colour=5), "Channel has no parameter 'colour': did you mean 'color'?"),  # type: ignore[call-arg]
    (lambda: Channel(name=5), "Channel: name=5 does not fit: give a str or None"),  # type: ignore[arg-type]
    (lambda: Channel(color="red"), "Channel: color='red' does not fit: give an int or None"),  # type: ignore[arg-type]
    (lambda: Objective(immersion=1), "Objective: immersion=1 does not fit: give a str or None"),  # type: ignore[arg-type]
    (lambda: Coordinate("C", ["a"]), "Coordinate: values=['a'] does not fit: give a sequence of number"),  # type: ignore[list-item]
    (lambda: Well("A"), "Well: column missing; it takes (row, column, field=..., plate=...)"),  # type: ignore[call-arg]
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), MISTAKES, ids=[text for _, text in MISTAKES])
def test_mistakes_name_the_record_the_field_and_the_value(
    make: Callable[[], object], message: str
) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        make()
    assert str(caught.value) == message


def test_sizes_of_dims_are_not_negative() -> None:
    with pytest.raises(DimensionError, match="C=-1, Z=2: a size is 0 or more"):
        Dims("CZ", (-1, 2))


def test_evolving_a_record_answers_in_our_words() -> None:
    handle = open_image(np.zeros((2, 3)))
    with pytest.raises(ArgumentTypeError, match="ImageHandle has no parameter 'scene'"):
        attrs.evolve(handle, scene=1)  # type: ignore[call-arg]


def test_values_of_numpy_make_the_record_of_plain_values() -> None:
    pairs = [
        (Dims(np.str_("CZ"), [np.int64(2), np.uint8(3)]), Dims("CZ", (2, 3))),
        (
            Channel(np.str_("DAPI"), color=np.uint32(255), samples=np.int16(3)),
            Channel("DAPI", color=255, samples=3),
        ),
        (Channel(window=(np.float32(0.5), np.int8(2))), Channel(window=(0.5, 2.0))),
        (Coordinate("C", (np.float32(0.5), 2)), Coordinate("C", (0.5, 2.0))),
    ]
    for made, expected in pairs:
        assert (made, repr(made), hash(made)) == (expected, repr(expected), hash(expected))


def test_reprs_of_all_records_of_an_image_are_two_lines(tmp_path: Path) -> None:
    """Records inside of records too, of files with tables, reports, steps and joined images."""
    pixels = np.zeros((2, 3, 40, 48), np.uint8)
    image = open_image(pixels, dims="CZYX", channel_names=["DAPI", "GFP"])
    (tmp_path / "t").mkdir()
    reports = [
        write_ome_tiff(image, tmp_path / "a.ome.tif", tile=16, sync=False),
        write_ome_zarr(image, tmp_path / "a.ome.zarr", sync=False),
        *(write_ome_tiff(image, tmp_path / f"t/{t}.ome.tif", sync=False) for t in range(20)),
    ]
    lif = write_lif(tmp_path / "a.lif", [LifImage(np.zeros((5, 8, 8), np.uint8), "TYX")])
    czi = tmp_path / "a.czi"
    write_czi(czi, [Block(pixels[0, 0], {"C": 0, "Y": 0, "X": 0})])
    opened = [
        open_image(path) for path in (tmp_path / "a.ome.tif", tmp_path / "a.ome.zarr", lif, czi)
    ]
    joined = open_many(sorted((tmp_path / "t").iterdir()), along="T")
    step = transpose_to("CYX", C=[f"channel {number}" for number in range(300)])
    explained = explain(czi)
    found: dict[int, Any] = {}
    for thing in [*reports, *opened, joined, step, *explained]:
        gather(thing, found)
    assert {"TiffLayout", "ChunkGrid", "LifLayout", "CziLayout", "Step"} <= {
        type(each).__name__ for each in found.values()
    }
    long = {
        type(each).__name__: repr(each)
        for each in found.values()
        if len(repr(each).replace(str(tmp_path), "")) > 240 or "\n" in repr(each)
    }
    assert long == {}


def gather(thing: object, found: dict[int, Any]) -> None:
    """Add a record and all records in it."""
    if isinstance(thing, tuple):
        for item in thing:
            gather(item, found)
    elif attrs.has(type(thing)) and id(thing) not in found:
        found[id(thing)] = thing
        for field in attrs.fields(cast("Any", type(thing))):
            gather(getattr(thing, field.name), found)


@pytest.mark.parametrize("picked", [3, 12, 13])
def test_a_step_prints_all_of_a_short_list_and_the_ends_of_a_long_one(picked: int) -> None:
    shown = repr(transpose_to("CYX", C=list(range(picked))))
    if picked > 12:
        assert shown == "transpose_to('CYX', C=(0, 1, 2, ..., 12))"
    else:
        assert shown == f"transpose_to('CYX', C={tuple(range(picked))})"
