"""Pickles hold values by position, without the defaults, and ``loads`` checks them."""

import pickle
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import given

from aicsio import Channel, Dims, ImageHandle, PixelSize, _engine, records
from aicsio.errors import ArgumentTypeError, DimensionError
from aicsio.records import Scene, Source
from aicsio.records.packed import PackedIntegers
from aicsio.records.pickling import pickled_by_position
from aicsio.testing.strategies import handles


def held_records(value: Any) -> Iterator[Any]:
    """Yield a record and all that it holds."""
    if isinstance(value, tuple):
        for item in value:
            yield from held_records(item)
    elif attrs.has(type(value)):
        yield value
        for field in attrs.fields(type(value)):
            yield from held_records(getattr(value, field.name))


@attrs.frozen
class Reduction:
    """Pickles as a call of a class."""

    called: type
    arguments: tuple[Any, ...]

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return self.called, self.arguments


@pytest.mark.parametrize("name", [name for name in records.__all__ if name[0].isupper()])
def test_every_public_record_is_pickled_by_position(name: str) -> None:
    record = getattr(records, name)
    if isinstance(record, type) and attrs.has(record):
        assert "__reduce__" in vars(record)


@given(handles())
def test_every_record_of_a_handle_is_pickled_by_position(handle: ImageHandle) -> None:
    pieces = tuple(_engine.pieces(handle.array))
    kinds = {type(record) for record in held_records((handle, pieces))}
    # An array of the caller is no value.
    assert [kind for kind in kinds if "__reduce__" not in vars(kind)] in (
        [],
        [kind for kind in kinds if kind.__name__ == "ArrayRef"],
    )


@given(handles())
def test_only_a_last_argument_that_is_not_the_default_ends_a_pickle(handle: ImageHandle) -> None:
    for record in held_records(handle):
        if type(record).__name__ == "ArrayRef":
            continue
        kind, arguments = record.__reduce__()
        assert kind is type(record)
        assert kind(*arguments) == record
        fields = attrs.fields(kind)
        shown = [getattr(record, field.name) for field in fields]
        assert list(arguments) == shown[: len(arguments)]
        for field, value in zip(fields[len(arguments) :], shown[len(arguments) :], strict=True):
            assert value == field.default
        if arguments:
            assert arguments[-1] != fields[len(arguments) - 1].default


@pytest.mark.parametrize(
    ("record", "arguments"),
    [
        (Channel(), ()),
        (Channel(samples=1), ()),
        (Channel(samples=3), (None, None, None, None, None, 3)),
        (Channel("DAPI", 0), ("DAPI", 0)),
        (PixelSize(X=0.5), (None, None, 0.5)),
        (Dims("", ()), ("", ())),
        (Scene("s", (), pixel_size=PixelSize()), ("s", ())),
        # No literal of the class itself, as from an encoder of JSON.
        (Source("u", storage_options="".join("{}")), ("u",)),
        (PackedIntegers(b"", "<u1", 0), (b"", "<u1", 0)),
    ],
)
def test_arguments(record: Any, arguments: tuple[Any, ...]) -> None:
    assert record.__reduce__() == (type(record), arguments)


def test_a_value_that_equals_the_default_but_is_of_another_type_is_kept() -> None:
    @pickled_by_position
    @attrs.frozen
    class Count:
        value: object = 1

    assert Count(True).__reduce__()[1] == (True,)
    assert Count(1.0).__reduce__()[1] == (1.0,)
    assert Count(1).__reduce__()[1] == ()


def test_the_kept_hash_does_not_travel() -> None:
    # Texts hash otherwise in another process.
    source = Source("u", size=3)
    hash(source)
    assert source.__reduce__()[1] == ("u", "{}", 3)


def test_loads_checks_like_the_constructor() -> None:
    with pytest.raises(ArgumentTypeError, match="no size"):
        pickle.loads(pickle.dumps(Reduction(PixelSize, (-1.0,))))
    with pytest.raises(DimensionError, match="letters for 2 sizes"):
        pickle.loads(pickle.dumps(Reduction(Dims, ("YX", (1,)))))
