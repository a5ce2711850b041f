"""The boundary check: what is plainly right passes without beartype, what is wrong raises whichever way it came."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, SupportsIndex

import numpy as np
import pytest

from aicsio._checks import checked
from aicsio._checks.annotations import fast_check
from aicsio._checks.words import describe
from aicsio.errors import ArgumentTypeError


class Named(Protocol):
    name: str


def sample(
    first: int | None,
    /,
    second: str | os.PathLike[str] = "",
    *,
    third: Sequence[int] = (),
    fourth: Literal["a"] = "a",
    fifth: float | None = None,
    sixth: tuple[int, int] | Mapping[str, int] = (0, 0),
    **picks: object,
) -> int:
    del second, third, fourth, fifth, sixth
    return (first or 0) + len(picks)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((1,), {}),
        ((None, "x"), {}),
        ((1,), {"second": Path("x")}),
        ((1,), {"fifth": 3}),
    ],
)
def test_plain_arguments_are_known_to_fit(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    assert fast_check(sample).fits(args, kwargs)
    assert isinstance(checked(sample)(*args, **kwargs), int)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"third": [1, 2]},
        {"third": range(3)},
        {"fourth": "a"},
        {"fifth": np.float32(0.5)},
        {"sixth": (1, 2)},
        {"sixth": {"Z": 1}},
    ],
)
def test_other_right_arguments_take_the_whole_check(kwargs: dict[str, Any]) -> None:
    assert not fast_check(sample).fits((1,), kwargs)
    assert checked(sample)(1, **kwargs) == 1


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        (("1",), {}, "sample: first='1' does not fit: give an int or None"),
        ((1, 2), {}, "sample: second=2 does not fit: give a str or a path"),
        ((1,), {"second": 2}, "sample: second=2 does not fit: give a str or a path"),
        ((1,), {"third": ["x"]}, "sample: third=['x'] does not fit: give a sequence of int"),
        ((1,), {"fourth": "b"}, "sample: fourth='b' does not fit: give 'a'"),
        ((1,), {"fifth": "1"}, "sample: fifth='1' does not fit: give a number or None"),
        (
            (1,),
            {"sixth": (1, "2")},
            "sample: sixth=(1, '2') does not fit: give a tuple (int, int) or a mapping of str to int",
        ),
        (
            (1,),
            {"sixth": {"Z": "2"}},
            "sample: sixth={'Z': '2'} does not fit: give a tuple (int, int) or a mapping of str to int",
        ),
        ((np.ones(2),), {}, "sample: first=<numpy.ndarray> does not fit: give an int or None"),
    ],
)
def test_wrong_arguments_raise_in_our_own_words(
    args: tuple[Any, ...], kwargs: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        checked(sample)(*args, **kwargs)
    assert str(caught.value) == message


def test_each_item_is_checked_where_beartype_looks_at_a_random_one() -> None:
    items = [*range(1000), "x"]
    for _ in range(20):
        with pytest.raises(ArgumentTypeError, match=r"third=<list> does not fit"):
            checked(sample)(1, third=items)


def test_options_that_may_hold_credentials_are_named_by_their_class() -> None:
    def opening(storage_options: Mapping[str, str] | None = None) -> None:
        del storage_options

    with pytest.raises(ArgumentTypeError) as caught:
        checked(opening)("key=SECRET")  # type: ignore[arg-type]
    text = (
        "opening: storage_options of class str does not fit: give a mapping of str to str or None"
    )
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (int, "an int"),
        (bool, "True or False"),
        (float | None, "a number or None"),
        (SupportsIndex | str, "an int or a str"),
        (Literal["auto", 2], "'auto' or 2"),
        (None | Sequence[str], "a sequence of str or None"),
        (tuple[int, ...], "a tuple of int"),
        (Mapping[str, int], "a mapping of str to int"),
        (Mapping[str, Any], "a mapping"),
        (Mapping[str, object] | None, "a mapping or None"),
        ("ome_types.OME | str | None", "a ome_types.OME, a str or None"),
    ],
)
def test_annotations_in_words(hint: Any, words: str) -> None:
    assert describe(hint) == words


def test_an_annotation_that_is_text_is_read_without_imports() -> None:
    def take(value: "decimal.Decimal | None") -> str:
        return str(value)

    import decimal

    assert checked(take)(decimal.Decimal(2)) == "2"
    assert checked(take)(None) == "None"
    with pytest.raises(
        ArgumentTypeError, match=r"value=2 does not fit: give a decimal.Decimal or None"
    ):
        checked(take)(2)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), ((1, "", 3), {}), ((1, ""), {"second": ""})]
)
def test_calls_that_do_not_fit_the_signature_raise_as_python_does(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    with pytest.raises(TypeError):
        checked(sample)(*args, **kwargs)


def test_a_protocol_that_has_no_isinstance_is_no_class() -> None:
    def named(thing: Named) -> str:
        return thing.name

    assert fast_check(named).by_name == {"thing": ()}


USERS = """
import sys, numpy, aicsio as a
h = a.open_image(numpy.zeros((2, 3, 4)), dims="CYX")
for call in sys.argv[1:]:
    try:
        eval(call)
    except a.AicsioError as error:
        print(f"{type(error).__name__}: {error}")
print("beartype" in sys.modules)
"""
"""As users run the package: with nothing but its own checks."""


def as_users_see_it(*calls: str) -> list[str]:
    """Run calls in a process without beartype's import hook; returns the errors, and whether beartype was imported."""
    command = [sys.executable, "-c", USERS, *calls]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_beartype_is_imported_only_when_it_is_needed() -> None:
    assert as_users_see_it("a.to_numpy(a.transpose_to(h, 'YX', C=1), workers=1)") == ["False"]
    assert as_users_see_it("a.open_image(numpy.zeros((2, 3)), mosaic='tiles')") == ["False"]
    assert as_users_see_it("a.transpose_to(h, 'CYX', C=[0, 1])") == ["False"]
    named = "a.open_image(numpy.zeros((2, 3, 4)), dims='CYX', channel_names=['a', 'b'])"
    assert as_users_see_it(named) == ["False"]
    drawn = "a.write_ome_tiff(h, '/no folder/a.tiff', progress=print)"
    assert as_users_see_it(drawn)[-1] == "False"
    assert as_users_see_it(drawn.replace("print", "3"))[-1] == "True"


def test_users_see_no_text_of_beartype() -> None:
    *errors, _ = as_users_see_it(
        "a.transpose_to(h, 5)",
        "a.transpose_to(h, 'YX', C=1.5)",
        "a.transpose_to(h, 'YX', C=True)",
        "a.open_image(numpy.zeros((2, 3)), dims=3)",
        "a.open_image('x.tif', mosaic='both')",
        "a.open_image('x.tif', channel_names=[1, 'a'])",
        "a.select_scene(h, 1.5)",
        "a.select_scene(h, True)",
        "a.map_scenes(h, len, scenes=[0, False])",
        "a.select_level(h, False)",
        "a.select_level(h, 'x')",
        "a.write_ome_tiff(h, 'x.ome.tiff', tile=(1, 'x'))",
        "a.write_ome_tiff(h, 'x.ome.tiff', ome=3)",
    )
    pick = (
        "is not a pick: give an int, a slice, a range, or a list or tuple of ints, "
        "or names of channels"
    )
    tile = "does not fit: give an int, a tuple (int, int), 'auto' or None"
    assert errors == [
        "ArgumentTypeError: transpose_to: order=5 does not fit: give a str",
        f"ArgumentTypeError: C=1.5 {pick}",
        f"ArgumentTypeError: C=True {pick}",
        "ArgumentTypeError: open_image: dims=3 does not fit: give a str or None",
        "ArgumentTypeError: open_image: mosaic='both' does not fit: give 'stitched' or 'tiles'",
        "ArgumentTypeError: open_image: channel_names=[1, 'a'] does not fit: give a sequence of str or None",
        "ArgumentTypeError: select_scene: scene=1.5 does not fit: give an int or a str",
        "ArgumentTypeError: select_scene: scene=True does not fit: give an int or a str",
        "ArgumentTypeError: map_scenes: scenes=[0, False] does not fit: give a sequence of int or a str or None",
        "ArgumentTypeError: select_level: level=False does not fit: give an int",
        "ArgumentTypeError: select_level: level='x' does not fit: give an int",
        f"ArgumentTypeError: write_ome_tiff: tile=(1, 'x') {tile}",
        "ArgumentTypeError: write_ome_tiff: ome=3 does not fit: give a ome_types.OME, a str or None",
    ]


def test_the_wrapped_function_keeps_its_name() -> None:
    function: Callable[..., int] = checked(sample)
    assert function.__name__ == "sample"


def test_a_keyword_of_other_libraries_is_answered_with_the_verb() -> None:
    @checked
    def opening(image: object, *, engine: str | None = None) -> None:
        del image, engine

    with pytest.raises(ArgumentTypeError) as caught:
        opening("a.czi", scene=1)  # type: ignore[call-arg]
    expected = "opening has no parameter 'scene': select_scene(handle, ...) chooses one"
    assert str(caught.value) == expected
