"""``pipe``: a value through functions, with the types that a checker infers. Imports `_checks`.

Rule kept here: one overload per number of functions, so that each function's argument is checked.
"""

from collections.abc import Callable
from typing import Any, TypeVar, overload

from aicsio._checks import checked
from aicsio.errors import ArgumentTypeError

__all__ = ["pipe"]

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
G = TypeVar("G")
H = TypeVar("H")


@overload
def pipe(value: A, /) -> A: ...
@overload
def pipe(value: A, f1: Callable[[A], B], /) -> B: ...
@overload
def pipe(value: A, f1: Callable[[A], B], f2: Callable[[B], C], /) -> C: ...
@overload
def pipe(value: A, f1: Callable[[A], B], f2: Callable[[B], C], f3: Callable[[C], D], /) -> D: ...
@overload
def pipe(
    value: A,
    f1: Callable[[A], B],
    f2: Callable[[B], C],
    f3: Callable[[C], D],
    f4: Callable[[D], E],
    /,
) -> E: ...
@overload
def pipe(
    value: A,
    f1: Callable[[A], B],
    f2: Callable[[B], C],
    f3: Callable[[C], D],
    f4: Callable[[D], E],
    f5: Callable[[E], F],
    /,
) -> F: ...
@overload
def pipe(
    value: A,
    f1: Callable[[A], B],
    f2: Callable[[B], C],
    f3: Callable[[C], D],
    f4: Callable[[D], E],
    f5: Callable[[E], F],
    f6: Callable[[F], G],
    /,
) -> G: ...
@overload
def pipe(
    value: A,
    f1: Callable[[A], B],
    f2: Callable[[B], C],
    f3: Callable[[C], D],
    f4: Callable[[D], E],
    f5: Callable[[E], F],
    f6: Callable[[F], G],
    f7: Callable[[G], H],
    /,
) -> H: ...
@checked
def pipe(value: Any, /, *functions: Callable[[Any], Any]) -> Any:
    """Pass a value through functions, left to right.

    Parameters
    ----------
    value
        Usually a handle.
    *functions
        Steps, or any functions of one argument; type checkers infer up to seven.

    Returns
    -------
    object
        The result of the last function; ``value`` itself if there is none.

    Raises
    ------
    ArgumentTypeError
        When a part is no function, such as a result in its place; nothing is called then.
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
    for position, function in enumerate(functions, 1):
        if not callable(function):
            raise ArgumentTypeError(
                f"pipe: part {position} is {type(function).__name__}, no function: give steps "
                "(verbs without a handle), or other functions of one argument"
            )
    for function in functions:
        value = function(value)
    return value
