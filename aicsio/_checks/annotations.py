"""Whether a value fits an annotation: by ``isinstance`` where that is enough, else by beartype.

Rule kept here: what surely fits is accepted without beartype; numbers of numpy fit as Python's do.
A bool fits no number: to Python it is an int, as a count, a size or a position it is a mistake.
"""

import functools
import inspect
import numbers
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    SupportsFloat,
    SupportsIndex,
    TypeAlias,
    Union,
    Unpack,
    get_args,
    get_origin,
)

import attrs
import numpy as np

__all__ = ["fast_check", "fits", "signature_of"]

Classes: TypeAlias = tuple[type, ...]


# ---------------------------------------------------------------- cheap checks


@attrs.frozen(eq=False)
class FastCheck:
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
    names: tuple[str, ...]
    """Of positional parameters, in order."""
    required: int
    """Number of arguments without a default."""

    def fits(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
        """Whether all arguments surely fit."""
        # A required argument that is given by name takes the whole check.
        if not self.required <= len(args) <= len(self.by_position):
            return False
        if not all(map(isinstance, args, self.by_position)):
            return False
        if not kwargs:
            return True
        # An argument that is given twice, by position and by name.
        if not kwargs.keys().isdisjoint(self.names[: len(args)]):
            return False
        by_name, others = self.by_name, self.others
        return all(isinstance(value, by_name.get(name, others)) for name, value in kwargs.items())


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a function; options in a ``TypedDict`` are parameters of their own."""
    signature = inspect.signature(function)
    parameters: list[inspect.Parameter] = []
    for each in signature.parameters.values():
        if get_origin(each.annotation) is not Unpack:
            parameters.append(each)
            continue
        # ``Unpack[WriteOptions]``: a TypedDict of keyword arguments (PEP 692).
        (options,) = get_args(each.annotation)
        for name, hint in options.__annotations__.items():
            # The default is the function's own: None stands for "may be left out".
            option = inspect.Parameter(name, each.KEYWORD_ONLY, default=None, annotation=hint)
            parameters.append(option)
    return signature.replace(parameters=parameters)


@functools.cache
def fast_check(function: Callable[..., Any]) -> FastCheck:
    """Read the annotations of a function."""
    by_position: list[Classes] = []
    by_name: dict[str, Classes] = {}
    others: Classes = ()
    names: list[str] = []
    required = 0
    for name, parameter in signature_of(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            others = (object,)
        if parameter.kind in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}:
            continue
        classes = _classes(parameter.annotation)
        required += parameter.default is parameter.empty
        if parameter.kind is not parameter.KEYWORD_ONLY:
            by_position.append(classes)
            names.append(name)
        if parameter.kind is parameter.POSITIONAL_ONLY:
            classes = ()  # by its name it is refused
        by_name[name] = classes
    return FastCheck(tuple(by_position), by_name, others, tuple(names), required)


def _classes(hint: Any) -> Classes:
    """Return the classes whose instances surely fit an annotation."""
    origin = get_origin(hint)
    if origin is Annotated:
        return _classes(get_args(hint)[0])
    if origin in {Union, UnionType}:
        classes = [kind for part in get_args(hint) for kind in _classes(part)]
        # isinstance of a Protocol takes longer than of all the classes, so Protocols come last.
        return tuple(sorted(classes, key=lambda kind: getattr(kind, "_is_protocol", False)))
    if hint is SupportsIndex:
        return (_Index,)
    if hint is int or hint is float or hint is SupportsFloat:
        return (_NUMBERS[hint],)
    if origin is Callable:
        return (Callable,)  # to isinstance it is a class
    if origin is os.PathLike:
        return (os.PathLike,)  # its parameter, str or bytes, shows only when it is called
    if hint is None:
        return (NoneType,)
    if hint is Any or hint is inspect.Parameter.empty:
        return (object,)
    return (hint,) if origin is None and _has_instances(hint) else ()


class _IndexType(type):
    def __instancecheck__(cls, value: object) -> bool:
        if isinstance(value, bool | np.bool_):
            return False
        return isinstance(value, int | SupportsIndex)  # testing for int is faster


class _Index(metaclass=_IndexType):
    """Stands for ``SupportsIndex``."""

    _is_protocol = True


class _IntegerType(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)


class _Integer(metaclass=_IntegerType):
    """Stands for ``int``."""

    _is_protocol = True


class _NumberType(type):
    def __instancecheck__(cls, value: object) -> bool:
        # PEP 484: an int is accepted where a float is expected.
        return isinstance(value, float | int) and not isinstance(value, bool)


class _Number(metaclass=_NumberType):
    """Stands for ``float``."""

    _is_protocol = True


class _ConvertibleType(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, SupportsFloat) and not isinstance(value, bool | np.bool_)


class _Convertible(metaclass=_ConvertibleType):
    """Stands for ``SupportsFloat``."""

    _is_protocol = True


_NUMBERS: Mapping[object, type] = {int: _Integer, float: _Number, SupportsFloat: _Convertible}


def _has_instances(hint: Any) -> bool:
    try:
        isinstance(None, hint)
    except TypeError:
        return False
    return True


# ---------------------------------------------------------------- the whole check


def fits(value: object, hint: Any) -> bool:
    """Whether a value fits an annotation, each item of it included."""
    if isinstance(value, np.bool_ | np.str_):
        value = value.item()  # the numbers of numpy fit as they are
    if isinstance(hint, str):
        return any(fits(value, part) for part in _evaluate(hint))
    if isinstance(value, _classes(hint)):
        return True
    origin = get_origin(hint)
    if origin is Annotated:
        return fits(value, get_args(hint)[0])
    if origin in {Union, UnionType}:
        return any(fits(value, part) for part in get_args(hint))
    if origin is Literal:
        # Types are compared, too: 1 equals True and 1.0.
        return any(type(value) is type(part) and value == part for part in get_args(hint))
    if hint is SupportsIndex or hint is SupportsFloat:
        return False  # what fits is an instance
    if hint in {int, float}:
        # numpy registers its numbers: float32 is Real, int64 is Integral. A timedelta64 is
        # Integral, too, and no number of seconds.
        if isinstance(value, np.timedelta64 | bool):
            return False
        return isinstance(value, numbers.Integral if hint is int else numbers.Real)
    # An array is Iterable, too, and its class has other parameters: it goes to beartype.
    is_collection = isinstance(origin, type) and issubclass(origin, Mapping | Sequence)
    if is_collection or origin is Iterable:
        return isinstance(value, origin) and _items_fit(value, hint)
    from beartype.door import is_bearable

    return is_bearable(value, hint)


def _items_fit(value: Any, hint: Any) -> bool:
    """Whether each item fits: beartype looks at one random item, and knows no numbers of numpy."""
    origin, parts = get_origin(hint), get_args(hint)
    if isinstance(value, Mapping):
        key_hint, value_hint = parts
        return all(fits(key, key_hint) and fits(item, value_hint) for key, item in value.items())
    if origin is tuple and parts[-1] is not Ellipsis:
        return len(value) == len(parts) and all(map(fits, value, parts))
    return all(fits(item, parts[0]) for item in value)


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
