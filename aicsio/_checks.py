"""Argument checks at the public boundary. The only importer of beartype.

Rule kept here: a wrong argument is refused in the package's own words, which name the parameter and
the value and are the same each time. beartype judges; its text, which is long and in part random,
is not shown. Cheap checks come first: beartype takes 120 ms to import, as long as numpy, so it is
asked only about an argument that is no instance of a class and no value of a ``Literal`` that the
annotation names.

Keyword arguments without a parameter of their own (``**picks``) are left to the function, which
knows their letters.
"""

import difflib
import functools
import inspect
import numbers
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    ParamSpec,
    SupportsIndex,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    no_type_check,
)

import attrs
import numpy as np

from aicsio.errors import ArgumentTypeError

P = ParamSpec("P")
R = TypeVar("R")
Classes: TypeAlias = tuple[type, ...]

MAX_SHOWN = 80
"""Characters of a value that a message shows; of a longer one it shows the class."""
_SECRET = frozenset({"storage_options"})
"""Parameters that may hold credentials: their values are not shown."""
_SHOWN_TYPES = (str, bytes, int, float, complex, list, tuple, dict, set, range, slice, NoneType)
_WORDS: Mapping[object, str] = {
    Any: "anything",
    NoneType: "None",
    SupportsIndex: "an int",
    bool: "True or False",
    float: "a number",
    int: "an int",
    object: "anything",
    os.PathLike: "a path",
}


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Check the arguments of ``function`` against its annotations.

    Raises
    ------
    ArgumentTypeError
        By the wrapped function, when an argument is of another type than annotated.
    """

    @no_type_check  # to beartype's import hook in tests, which would look through the wrapper and answer first
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if not _fast_check(function).fits(args, kwargs):
            _check_each(function, args, kwargs)
        return function(*args, **kwargs)

    return cast("Callable[P, R]", wrapper)


# ---------------------------------------------------------------- cheap checks


@attrs.frozen(eq=False)
class _FastCheck:
    """Classes whose instances surely fit the parameters of a function. Not a record: it is no part
    of a handle.

    A parameter whose annotation needs more than ``isinstance`` has no classes.
    """

    by_position: tuple[Classes, ...]
    """Of positional parameters, in order."""
    by_name: Mapping[str, Classes]
    """Of parameters that may be given by name."""
    others: Classes
    """Of other names: anything where the function takes ``**picks``, else nothing."""

    def fits(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
        """Whether all arguments surely fit."""
        if len(args) > len(self.by_position) or not all(map(isinstance, args, self.by_position)):
            return False
        by_name, others = self.by_name, self.others
        return all(isinstance(value, by_name.get(name, others)) for name, value in kwargs.items())


@functools.cache
def _fast_check(function: Callable[..., Any]) -> _FastCheck:
    """Read the annotations of a function."""
    by_position: list[Classes] = []
    by_name: dict[str, Classes] = {}
    others: Classes = ()
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            others = (object,)
        if parameter.kind in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}:
            continue
        classes = _classes(parameter.annotation)
        by_name[name] = classes
        if parameter.kind is not parameter.KEYWORD_ONLY:
            by_position.append(classes)
    return _FastCheck(tuple(by_position), by_name, others)


def _classes(hint: Any) -> Classes:
    """Return the classes whose instances surely fit an annotation."""
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        classes = [kind for part in get_args(hint) for kind in _classes(part)]
        # isinstance of a Protocol takes longer than of all the classes, so Protocols come last.
        return tuple(sorted(classes, key=lambda kind: getattr(kind, "_is_protocol", False)))
    if hint is SupportsIndex:
        return (int, SupportsIndex)  # testing for int is faster
    if origin is os.PathLike:
        return (os.PathLike,)  # its parameter, str or bytes, shows only when it is called
    if hint is float:
        return (float, int)  # PEP 484: an int is accepted where a float is expected
    if hint is None:
        return (NoneType,)
    if hint is Any:
        return (object,)
    return (hint,) if origin is None and _has_instances(hint) else ()


def _has_instances(hint: Any) -> bool:
    try:
        isinstance(None, hint)
    except TypeError:
        return False
    return True


# ---------------------------------------------------------------- the whole check


def _check_each(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    """Check the arguments one by one.

    Raises
    ------
    ArgumentTypeError
        When one does not fit.
    """
    signature = inspect.signature(function)
    refuse_unknown_names(function, kwargs)
    try:
        arguments = signature.bind(*args, **kwargs).arguments
    except TypeError:
        return  # the call itself raises it, in Python's words
    for name, value in arguments.items():
        parameter = signature.parameters[name]
        is_variable = parameter.kind in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}
        if not is_variable and not _fits(value, parameter.annotation):
            # A value that may hold credentials is named by its class.
            shown = f" of class {type(value).__name__}" if name in _SECRET else f"={_show(value)}"
            expected = _describe(parameter.annotation)
            raise ArgumentTypeError(
                f"{function.__name__}: {name}{shown} does not fit: give {expected}"
            )


def refuse_unknown_names(function: Callable[..., Any], kwargs: Mapping[str, Any]) -> None:
    """Raise when a function has no parameter of a keyword's name.

    Raises
    ------
    ArgumentTypeError
        With the nearest name that the function has.
    """
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for name in kwargs:
        if name not in parameters:
            nearest = difflib.get_close_matches(name, parameters, n=1, cutoff=0.5)
            advice = (
                f"did you mean {nearest[0]!r}?" if nearest else f"it has {', '.join(parameters)}"
            )
            raise ArgumentTypeError(f"{function.__name__} has no parameter {name!r}: {advice}")


def _fits(value: object, hint: Any) -> bool:
    """Whether a value fits an annotation, each item of it included."""
    if isinstance(value, np.bool_ | np.str_):
        value = value.item()  # the numbers of numpy fit as they are
    if isinstance(hint, str):
        return any(_fits(value, part) for part in _evaluate(hint))
    if isinstance(value, _classes(hint)):
        return True
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        return any(_fits(value, part) for part in get_args(hint))
    if origin is Literal:
        return any(type(value) is type(part) and value == part for part in get_args(hint))
    if hint in {int, float}:
        # numpy registers its numbers: float32 is Real, int64 is Integral.
        return isinstance(value, numbers.Integral if hint is int else numbers.Real)
    if isinstance(origin, type) and issubclass(origin, Mapping | Sequence):
        return isinstance(value, origin) and _items_fit(value, hint)
    from beartype.door import is_bearable

    return is_bearable(value, hint)


def _items_fit(value: Any, hint: Any) -> bool:
    """Whether each item fits: beartype looks at one random item, and knows no numbers of numpy."""
    origin, parts = get_origin(hint), get_args(hint)
    if isinstance(value, Mapping):
        key_hint, value_hint = parts
        return all(_fits(key, key_hint) and _fits(item, value_hint) for key, item in value.items())
    if origin is tuple and parts[-1] is not Ellipsis:
        return len(value) == len(parts) and all(map(_fits, value, parts))
    return all(_fits(item, parts[0]) for item in value)


def _evaluate(hint: str) -> list[Any]:
    """Return the parts of an annotation that is text, such as ``"ome_types.OME | str | None"``.

    A class of a module that is not imported has no instances yet, so it is left out.
    """
    parts: list[Any] = []
    for name in hint.split("|"):
        module_name, _, class_name = name.strip().rpartition(".")
        if class_name == "None":
            parts.append(NoneType)
            continue
        module = sys.modules.get(module_name or "builtins")
        part = getattr(module, class_name, None)
        if part is not None:
            parts.append(part)
    return parts


# ---------------------------------------------------------------- words


def _show(value: object) -> str:
    if isinstance(value, _SHOWN_TYPES):
        text = repr(value)
        if len(text) <= MAX_SHOWN:
            return text
    return f"<{type(value).__module__}.{type(value).__qualname__}>".replace("<builtins.", "<")


def _describe(hint: Any) -> str:
    """Return an annotation in words: "an int, 'auto' or None"."""
    if isinstance(hint, str):
        names = [name.strip() for name in hint.split("|")]
        words = ["None" if name == "None" else f"a {name}" for name in names]
        return _join(words)
    origin, parts = get_origin(hint), get_args(hint)
    if hint is None:
        return "None"
    if hint in _WORDS:
        return _WORDS[hint]
    if origin in {Union, UnionType}:
        # None, the usual default, is named last.
        ordered = sorted(parts, key=lambda part: part is NoneType)
        return _join([_describe(part) for part in ordered])
    if origin is Literal:
        return _join([repr(part) for part in parts])
    if origin is os.PathLike:
        return "a path"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a mapping"
    if origin is tuple and parts[-1] is not Ellipsis:
        return f"a tuple ({', '.join(map(_plural, parts))})"
    if isinstance(origin, type) and parts:
        return f"a {origin.__name__.lower()} of {_plural(parts[0])}"
    name = getattr(hint, "__name__", str(hint))
    article = "an" if name[0] in "AEIOU" else "a"
    return f"{article} {name}"


def _plural(hint: Any) -> str:
    """Return an annotation without its article: "int", "str or None"."""
    return _describe(hint).removeprefix("an ").removeprefix("a ")


def _join(words: Sequence[str]) -> str:
    unique = list(dict.fromkeys(words))
    if len(unique) == 1:
        return unique[0]
    return f"{', '.join(unique[:-1])} or {unique[-1]}"
