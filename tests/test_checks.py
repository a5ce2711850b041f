"""The boundary check: what is plainly right passes without beartype, what is wrong raises whichever way it came."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest

from aicsio._checks import _plain, checked
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
    **more: int,
) -> int:
    del second, third, fourth
    return (first or 0) + sum(more.values())


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((1,), {}), ((None, "x"), {}), ((1,), {"second": Path("x")}), ((1,), {"Z": 3}), ((True,), {})],
)
def test_plain_arguments_are_known_to_fit(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    assert _plain(sample).fits(args, kwargs)
    assert isinstance(checked(sample)(*args, **kwargs), int)


@pytest.mark.parametrize("kwargs", [{"third": [1, 2]}, {"fourth": "a"}])
def test_other_right_arguments_are_left_to_beartype(kwargs: dict[str, Any]) -> None:
    assert not _plain(sample).fits((1,), kwargs)
    assert checked(sample)(1, **kwargs) == 1


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (("1",), {}),
        ((1, 2), {}),
        ((1,), {"second": 2}),
        ((1,), {"third": ["x"]}),
        ((1,), {"fourth": "b"}),
        ((1,), {"Z": "0"}),
    ],
)
def test_wrong_arguments_raise(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    with pytest.raises(ArgumentTypeError):
        checked(sample)(*args, **kwargs)


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

    assert _plain(named).by_name == {"thing": ()}


@pytest.mark.parametrize(
    ("call", "imported"),
    [
        ("a.to_numpy(a.transpose_to(a.open_image(x, dims='CYX'), 'YX', C=1), workers=1)", False),
        ("a.transpose_to(a.open_image(x), 'ZYX', Z=[0, 1])", True),
    ],
)
def test_beartype_is_imported_only_when_it_is_needed(call: str, imported: bool) -> None:
    code = f"import sys, numpy, aicsio as a; x = numpy.zeros((2, 3, 4)); {call}; print('beartype' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == [str(imported)]


def test_the_wrapped_function_keeps_its_name() -> None:
    function: Callable[..., int] = checked(sample)
    assert function.__name__ == "sample"
