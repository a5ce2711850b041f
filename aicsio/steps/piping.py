"""``pipe``: a value through functions, with the types that a checker infers.

Rule kept here: parts that cannot follow one another are refused before the first one runs. The
overloads, one for each number of functions, are written by ``tests/typing/overloads.py``.
"""

import importlib
from collections.abc import Callable, Sequence
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, Union, get_args, get_origin, overload

from aicsio._checks import checked
from aicsio.errors import ArgumentTypeError
from aicsio.records import ImageHandle
from aicsio.steps.step import Step

__all__ = ["CHAIN", "check_parts", "pipe", "run"]


CHAIN = "aicsio.steps.composing:compose"
"""The verb of the steps that ``compose`` makes."""

# begin of overloads of pipe
# fmt: off
if TYPE_CHECKING:
    T0 = TypeVar("T0")
    T1 = TypeVar("T1")
    T2 = TypeVar("T2")
    T3 = TypeVar("T3")
    T4 = TypeVar("T4")
    T5 = TypeVar("T5")
    T6 = TypeVar("T6")
    T7 = TypeVar("T7")
    T8 = TypeVar("T8")
    T9 = TypeVar("T9")
    T10 = TypeVar("T10")
    T11 = TypeVar("T11")
    T12 = TypeVar("T12")
    T13 = TypeVar("T13")
    T14 = TypeVar("T14")
    T15 = TypeVar("T15")
    T16 = TypeVar("T16")
    T17 = TypeVar("T17")
    T18 = TypeVar("T18")
    T19 = TypeVar("T19")
    T20 = TypeVar("T20")
    F: TypeAlias = Callable[[T0], T1]

if TYPE_CHECKING:
    @overload
    def pipe(value: T0, /) -> T0: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], /) -> T1: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], /) -> T2: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], /) -> T3: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], /) -> T4: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        /) -> T5: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], /) -> T6: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], /) -> T7: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], /) -> T8: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], /) -> T9: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], /) -> T10: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], /) -> T11: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], /) -> T12: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], /) -> T13: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], f14: F[T13, T14], /) -> T14: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], f14: F[T13, T14], f15: F[T14, T15],
        /) -> T15: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], f14: F[T13, T14], f15: F[T14, T15], f16: F[T15,
        T16], /) -> T16: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], f14: F[T13, T14], f15: F[T14, T15], f16: F[T15,
        T16], f17: F[T16, T17], /) -> T17: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], f14: F[T13, T14], f15: F[T14, T15], f16: F[T15,
        T16], f17: F[T16, T17], f18: F[T17, T18], /) -> T18: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], f14: F[T13, T14], f15: F[T14, T15], f16: F[T15,
        T16], f17: F[T16, T17], f18: F[T17, T18], f19: F[T18, T19], /) -> T19: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], f14: F[T13, T14], f15: F[T14, T15], f16: F[T15,
        T16], f17: F[T16, T17], f18: F[T17, T18], f19: F[T18, T19], f20: F[T19, T20],
        /) -> T20: ...
    @overload
    def pipe(value: T0, f1: F[T0, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], f14: F[T13, T14], f15: F[T14, T15], f16: F[T15,
        T16], f17: F[T16, T17], f18: F[T17, T18], f19: F[T18, T19], f20: F[T19, T20], /,
        *functions: F[Any, Any]) -> Any: ...
# fmt: on
# end of overloads


@checked
def pipe(value: Any, /, *functions: Callable[[Any], Any]) -> Any:
    """Pass a value through functions, left to right.

    Parameters
    ----------
    value
        Usually a handle.
    *functions
        Steps, or any functions of one argument; type checkers infer up to twenty.

    Returns
    -------
    object
        The result of the last function; ``value`` itself if there is none.

    Raises
    ------
    ArgumentTypeError
        When a part is no function, such as a result in its place, or takes a handle behind one
        that returns none; nothing is called then.
    Exception
        Whatever a function raises.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, pipe, to_numpy, transpose_to
    >>> pipe(open_image(np.eye(3)), transpose_to("XY"), to_numpy(), np.sum, float)
    3.0
    """
    # Before the first one is called: reading may take long.
    check_parts("pipe", functions)
    return run("pipe", value, functions)


def check_parts(name: str, functions: Sequence[Callable[[Any], Any]]) -> None:
    """Check that each part is a function, and that steps follow what returns a handle.

    Parameters
    ----------
    name
        Of the function that the caller called.
    functions
        The parts, from left to right.

    Raises
    ------
    ArgumentTypeError
        Naming the two parts that do not fit.
    """
    for position, function in enumerate(functions, 1):
        if not callable(function):
            raise ArgumentTypeError(
                f"{name}: part {position} is {type(function).__name__}, no function: give steps "
                "(verbs without a handle), or other functions of one argument"
            )
        before = functions[position - 2] if position > 1 else None
        if isinstance(function, Step) and isinstance(before, Step) and not _gives_handle(before):
            raise ArgumentTypeError(
                f"{name}: part {position}, {function!r}, takes a handle, "
                f"which part {position - 1}, {before!r}, does not return"
            )


def run(name: str, value: Any, functions: Sequence[Callable[[Any], Any]]) -> Any:
    """Pass a value through functions; ``name`` is that of the function that the caller called."""
    for position, function in enumerate(functions, 1):
        # The first step refuses a value in its own words.
        if position > 1 and isinstance(function, Step) and not isinstance(value, ImageHandle):
            giver = f"part {position - 1}, {functions[position - 2]!r}, returned"
            raise ArgumentTypeError(
                f"{name}: part {position}, {function!r}, takes a handle from open_image, but "
                f"{giver} {type(value).__name__}"
            )
        value = function(value)
    return value


def _gives_handle(step: Step[Any]) -> bool:
    """Whether a step may return a handle, by the annotation of its verb; of a chain, of its last."""
    while step.verb == CHAIN and step.arguments:
        last = step.arguments[-1]
        if not isinstance(last, Step):
            return True
        step = last
    module, _, name = step.verb.partition(":")
    verb = getattr(importlib.import_module(module), name)
    return _may_be_handle(verb.__annotations__.get("return", Any))


def _may_be_handle(hint: Any) -> bool:
    """Whether a value of an annotation may be a handle: a verb of a user may have any annotation."""
    if isinstance(hint, str):
        return "ImageHandle" in hint or "Any" in hint
    origin = get_origin(hint) or hint
    # The names of types of NumPy 2.5 on Python 3.12 and later: ``NDArray[Any]`` is no class there.
    alias = getattr(origin, "__value__", None)
    if alias is not None:
        return _may_be_handle(alias)
    if origin in {Union, UnionType}:
        return any(map(_may_be_handle, get_args(hint)))
    # Any is a class from Python 3.11 on; a TypeVar is none.
    return (
        origin in {Any, object} or not isinstance(origin, type) or issubclass(origin, ImageHandle)
    )
