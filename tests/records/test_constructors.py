"""Constructors of public records: mistakes in our words, values of numpy as Python's own."""

from collections.abc import Callable
from typing import Any

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
    open_image,
)
from aicsio.records import Well

RECORDS = [
    each
    for each in map(aicsio.__dict__.get, aicsio.__all__)
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
