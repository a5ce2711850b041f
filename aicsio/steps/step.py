"""``Step``: a verb that waits for its handle, and the chain of several.

Rule kept here: a step is frozen, hashes and pickles; what it keeps of a call, it returns as given.
"""

import importlib
import os
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import attrs
import numpy as np

from aicsio._checks import SECRET_OPTIONS
from aicsio._checks.constructors import checked_record
from aicsio._checks.words import join_ends
from aicsio._io.urls import hide_secrets
from aicsio._tracebacks import short_traceback
from aicsio.errors import AicsioError, ArgumentTypeError
from aicsio.records import ImageHandle
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import print_repr

__all__ = ["Pairs", "Slice", "Step", "freeze", "make_step"]

R_co = TypeVar("R_co", covariant=True)
X = TypeVar("X")


@pickled_by_position
@attrs.frozen
class Slice:
    """A slice that hashes (Python's own does from 3.12 on)."""

    start: int | None
    """As in ``slice``."""
    stop: int | None
    """As in ``slice``."""
    step: int | None
    """As in ``slice``."""


@pickled_by_position
@attrs.frozen
class Pairs:
    """A mapping that hashes."""

    items: tuple[tuple[Any, Any], ...]
    """Keys and values, sorted by key, so that mappings with the same content are equal."""


@pickled_by_position
@checked_record
@attrs.frozen
class Step(Generic[R_co]):
    """A verb that waits for its handle: call it with one, or put it in ``pipe``."""

    verb: str
    """``"package.module:name"`` of the verb."""
    arguments: tuple[Any, ...]
    """Positional arguments after the handle, frozen."""
    options: tuple[tuple[str, Any], ...]
    """Keyword arguments, frozen, sorted by name."""

    @short_traceback(AicsioError)
    def __call__(self, handle: ImageHandle, /) -> R_co:
        """Apply the verb to a handle."""
        # Without the check a path would reach the verb, which would take it for an argument and
        # return another step.
        if not isinstance(handle, ImageHandle):
            raise ArgumentTypeError(
                f"{self!r} takes a handle from open_image, not {type(handle).__name__}"
            )
        # Looked up at each call: an unpickled step is in a process that has not imported the verb.
        module, _, name = self.verb.partition(":")
        function = getattr(importlib.import_module(module), name)
        options = {key: _thaw(value) for key, value in self.options}
        return cast("R_co", function(handle, *map(_thaw, self.arguments), **options))

    if not TYPE_CHECKING:
        # To a type checker it would make a step an array: ``np.mean(to_numpy())`` would pass.
        @short_traceback(AicsioError)
        def __array__(
            self, dtype: object = None, copy: bool | None = None
        ) -> "np.ndarray[Any, Any]":
            """Refuse: numpy would make an array of one object, which fails far from here."""
            # An array of objects is what a caller may want who asks for one.
            if dtype is None or np.dtype(cast("Any", dtype)) != object:
                raise ArgumentTypeError(
                    f"{self!r} is a step without pixels: call it with a handle, and read the result"
                )
            del copy  # the array is always a new one
            boxed = np.empty((), object)
            boxed[()] = self
            return boxed

    def __rshift__(self, following: Callable[[R_co], X], /) -> "Step[X]":
        """``step >> step``: a step that runs one after the other, as ``compose`` makes it."""
        from aicsio.steps.composing import compose  # which imports this module

        if not callable(following):
            return NotImplemented
        return compose(self, following)

    def __repr__(self) -> str:
        parts = [_show(value) for value in self.arguments]
        for key, value in self.options:
            # A log or a notebook keeps what a step prints.
            shown = "{...}" if key in SECRET_OPTIONS else _show(value)
            parts.append(f"{key}={shown}")
        return f"{self.verb.partition(':')[2]}({hide_secrets(', '.join(parts))})"

    _repr_pretty_ = print_repr


def make_step(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Step[Any]:
    """Make a step of a verb's name and the arguments of a call."""
    options = sorted((key, freeze(value)) for key, value in kwargs.items())
    return Step(name, tuple(map(freeze, args)), tuple(options))


def _show(value: object) -> str:
    if isinstance(value, tuple) and len(value) > 1:
        return f"({join_ends([repr(_thaw(item)) for item in value])})"
    return repr(_thaw(value))


def freeze(value: object) -> object:
    """Return an argument as a value that hashes.

    Raises
    ------
    ArgumentTypeError
        When it does not hash, such as a set; the message has the list that works.
    """
    if isinstance(value, slice):
        return Slice(
            *(cast("int | None", freeze(part)) for part in (value.start, value.stop, value.step))
        )
    if isinstance(value, Mapping):
        return Pairs(tuple(sorted(((key, freeze(item)) for key, item in value.items()), key=repr)))
    # The text of a path pickles between machines; a Path of Windows does not open elsewhere.
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    # Arrays and lists may change after the step was made, and do not hash.
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return tuple(map(freeze, value))
    try:
        hash(value)
    except TypeError as error:
        kind = type(value).__name__
        advice = "pass the handle too"
        if isinstance(value, AbstractSet):
            advice = f"give a list, {sorted(value, key=repr)}"
        raise ArgumentTypeError(
            f"a step cannot keep a {kind}, which does not hash: {advice}"
        ) from error
    return value


def _thaw(value: object) -> object:
    if isinstance(value, Slice):
        return slice(value.start, value.stop, value.step)
    if isinstance(value, Pairs):
        return {key: _thaw(item) for key, item in value.items}
    return tuple(map(_thaw, value)) if isinstance(value, tuple) else value
