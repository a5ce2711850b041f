"""Argument checks at the public boundary. The only importer of beartype.

beartype takes as long to import as numpy, so it is asked only when it is needed: for an argument that is no instance of
a class that its annotation names, such as a list of ints, and for the words of the error.
"""

import functools
import inspect
import os
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Any, ParamSpec, SupportsIndex, TypeAlias, TypeVar, Union, get_args, get_origin

import attrs

from aicsio.errors import ArgumentTypeError

P = ParamSpec("P")
R = TypeVar("R")
Classes: TypeAlias = tuple[type, ...]


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Check the arguments of ``function`` against its annotations.

    Raises
    ------
    ArgumentTypeError
        By the wrapped function, for an argument of another type than annotated.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        acts: Callable[P, R] = (
            function if _plain(function).fits(args, kwargs) else _with_checks(function)
        )
        return acts(*args, **kwargs)

    return wrapper


@functools.cache
def _with_checks(function: Callable[P, R]) -> Callable[P, R]:
    from beartype import BeartypeConf, beartype

    return beartype(conf=BeartypeConf(violation_type=ArgumentTypeError))(function)


@attrs.frozen(eq=False)
class _Plain:
    """Classes whose instances surely fit the parameters of a function; none where that takes more than isinstance.

    Not a record: it is no part of a handle.
    """

    by_place: tuple[Classes, ...]
    """Of positional parameters, in order."""
    by_name: Mapping[str, Classes]
    """Of parameters that may be given by name."""
    others: Classes
    """For keywords that have no parameter of their own."""

    def fits(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
        """Whether all arguments surely fit."""
        return (
            len(args) <= len(self.by_place)
            and all(map(isinstance, args, self.by_place))
            and all(
                isinstance(value, self.by_name.get(name, self.others))
                for name, value in kwargs.items()
            )
        )


@functools.cache
def _plain(function: Callable[..., Any]) -> _Plain:
    """Read the annotations of a function."""
    by_place: list[Classes] = []
    by_name: dict[str, Classes] = {}
    others: Classes = ()
    for name, parameter in inspect.signature(function).parameters.items():
        classes = _classes(parameter.annotation)
        if parameter.kind is parameter.VAR_KEYWORD:
            others = classes
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            by_name[name] = classes
            if parameter.kind is not parameter.KEYWORD_ONLY:
                by_place.append(classes)
    return _Plain(tuple(by_place), by_name, others)


def _classes(hint: Any) -> Classes:
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        # Protocols last: to ask them takes longer than to ask all the classes.
        kinds = (kind for part in get_args(hint) for kind in _classes(part))
        return tuple(sorted(kinds, key=lambda kind: getattr(kind, "_is_protocol", False)))
    if hint is SupportsIndex:
        return (int, SupportsIndex)  # an int is one, and is told much sooner
    if origin is os.PathLike:
        return (os.PathLike,)  # of what, only a call of it would tell
    if hint is None:
        return (NoneType,)
    return (hint,) if origin is None and _tells_instances(hint) else ()


def _tells_instances(hint: Any) -> bool:
    try:
        isinstance(None, hint)
    except TypeError:
        return False
    return True
