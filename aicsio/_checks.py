"""Argument checks at the public boundary. The only importer of beartype.

beartype takes as long to import as numpy, so it is imported on the first call of a checked function, not before.
"""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from aicsio.errors import ArgumentTypeError

P = ParamSpec("P")
R = TypeVar("R")


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Check the arguments of ``function`` against its annotations.

    Raises
    ------
    ArgumentTypeError
        By the wrapped function, for an argument of another type than annotated.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        acts: Callable[P, R] = _with_checks(function)
        return acts(*args, **kwargs)

    return wrapper


@functools.cache
def _with_checks(function: Callable[P, R]) -> Callable[P, R]:
    from beartype import BeartypeConf, beartype

    return beartype(conf=BeartypeConf(violation_type=ArgumentTypeError))(function)
