"""Records compare, hash and print as those that attrs makes."""

from typing import Any

import attrs
import pytest

from aicsio import Channel, Dims, PixelSize
from aicsio.records import Selection
from aicsio.records.comparing import compared_by_fields


@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Shared:
    """A record of ours."""

    name: str
    size: float = 1.0
    content: bytes | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Compiled:
    """The same by attrs alone: the model."""

    name: str
    size: float = 1.0
    content: bytes | None = attrs.field(default=None, repr=False)


VALUES: tuple[tuple[Any, ...], ...] = (
    ("a",),
    ("a", 1.0),
    ("a", 1),
    ("b",),
    ("a", 1.0, b"x"),
    ("a", 1.0, b"y"),
    ("a", 2.0),
)


@pytest.mark.parametrize("one", VALUES)
@pytest.mark.parametrize("other", VALUES)
def test_records_are_equal_where_those_of_attrs_are(
    one: tuple[Any, ...], other: tuple[Any, ...]
) -> None:
    ours, theirs = Shared(*one) == Shared(*other), Compiled(*one) == Compiled(*other)
    assert ours is theirs
    assert (Shared(*one) != Shared(*other)) is (not theirs)
    if theirs:
        assert hash(Shared(*one)) == hash(Shared(*other))


@pytest.mark.parametrize("values", VALUES)
def test_they_print_as_those_of_attrs(values: tuple[Any, ...]) -> None:
    assert repr(Shared(*values)) == repr(Compiled(*values)).replace("Compiled", "Shared")


def test_records_of_two_classes_are_unequal() -> None:
    theirs: object = Compiled("a")
    assert Shared("a") != theirs
    assert Shared("a").__eq__("a") is NotImplemented
    sizes: object = (1.0, 1.0, 1.0)
    assert PixelSize(1.0, 1.0, 1.0) != sizes
    assert len({Shared("a"), Compiled("a")}) == 2


def test_records_of_the_package_are_keys() -> None:
    assert {Dims("YX", (2, 3)): 1}[Dims("YX", (2, 3))] == 1
    assert len({Channel("a"), Channel("a"), Channel("b")}) == 2
    assert len({Selection((0,), (1,), (0,)), Selection((0,), (1,), (0,))}) == 1


def test_a_record_keeps_a_repr_of_its_own() -> None:
    @compared_by_fields
    @attrs.frozen(eq=False, repr=False)
    class Named:
        name: str

        def __repr__(self) -> str:
            return "mine"

    assert repr(Named("a")) == "mine"


def test_a_class_in_a_function_prints_its_own_name() -> None:
    @compared_by_fields
    @attrs.frozen(eq=False, repr=False)
    class Local:
        size: int

    assert repr(Local(1)) == "Local(size=1)"
