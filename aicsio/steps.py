"""Pure verbs on handles, and steps: verbs that wait for their handle. Imports `_dims`, `_checks` and `records`.

Rule kept here: a verb returns a new handle and reads no pixels; a step is frozen, hashes and pickles.

select_scene(h, 1)      ->  ImageHandle
select_scene(1)         ->  Step[ImageHandle], a frozen, hashable, picklable function of a handle
"""

import functools
import importlib
import inspect
import os
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import (
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    SupportsIndex,
    TypeVar,
    cast,
    no_type_check,
    overload,
    runtime_checkable,
)

import attrs
import numpy as np

from aicsio._checks import SECRET_OPTIONS, call_checked, check_arguments
from aicsio._checks.constructors import checked_record
from aicsio._checks.words import join_ends
from aicsio._dims import notation, views
from aicsio._dims.notation import UserPick
from aicsio._io.urls import hide_secrets
from aicsio._tracebacks import short_traceback
from aicsio.errors import AicsioError, ArgumentTypeError, SceneError
from aicsio.pipes import pipe
from aicsio.records import ImageHandle
from aicsio.records.pickling import pickled_by_position

__all__ = ["Step", "pipe", "select_level", "select_scene", "transpose_to", "verb"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


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

    @short_traceback(AicsioError)
    def __array__(self, dtype: object = None, copy: bool | None = None) -> "np.ndarray[Any, Any]":
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

    def __repr__(self) -> str:
        parts = [_show(value) for value in self.arguments]
        for key, value in self.options:
            # A log or a notebook keeps what a step prints.
            shown = "{...}" if key in SECRET_OPTIONS else _show(value)
            parts.append(f"{key}={shown}")
        return f"{self.verb.partition(':')[2]}({hide_secrets(', '.join(parts))})"


def _show(value: object) -> str:
    if isinstance(value, tuple) and len(value) > 1:
        return f"({join_ends([repr(_thaw(item)) for item in value])})"
    return repr(_thaw(value))


@runtime_checkable
class Verb(Protocol[P, R_co]):
    """A function with two forms: with a handle it acts, without one it returns a step."""

    @overload
    def __call__(self, handle: ImageHandle, /, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Step[R_co]: ...


def verb(function: Callable[Concatenate[ImageHandle, P], R]) -> Verb[P, R]:
    """Give a function of a handle its second form, the step, and check its arguments.

    Parameters
    ----------
    function
        Takes a handle first; it must be found by its name in its module, so that steps pickle.

    Returns
    -------
    Verb
        Acts on a handle at once; called without one, returns a step.

    Raises
    ------
    ArgumentTypeError
        By the verb, when its arguments do not fit the function.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, select_scene
    >>> from aicsio.steps import verb
    >>> verb(select_scene.__wrapped__)(open_image(np.zeros((4, 4))), 0).shape
    (4, 4)
    """
    # A step holds the name, not the function: it pickles, compares and prints by it.
    name = f"{function.__module__}:{function.__name__}"

    @no_type_check  # to beartype: the annotations that it has are those of one of its two forms
    @short_traceback(AicsioError)
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], ImageHandle):
            return call_checked(function, args, kwargs)
        # Wrong arguments are reported where the step is written, not where it meets an image.
        _refuse_other_images(function, args)
        check_arguments(function, (None, *args), kwargs, any_first=True)
        return _make_step(name, args, kwargs)

    return cast("Verb[P, R]", wrapper)


def _make_step(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Step[Any]:
    options = sorted((key, _freeze(value)) for key, value in kwargs.items())
    return Step(name, tuple(map(_freeze, args)), tuple(options))


def _refuse_other_images(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Raise when a verb gets an image that is no handle: a step would keep it as an argument.

    Raises
    ------
    ArgumentTypeError
        With the call that makes a handle.
    """
    if not args:
        return
    first = args[0]
    parameters = list(inspect.signature(function).parameters.values())
    by_position = [each for each in parameters if each.kind <= each.POSITIONAL_OR_KEYWORD]
    # A step has one argument less, so the first of too many stands in place of the handle.
    is_surplus = len(args) >= len(by_position)
    if any(isinstance(each, ImageHandle) for each in args):
        advice = "the handle comes first"
    elif isinstance(getattr(first, "handle", None), ImageHandle):
        advice = "give its .handle"
    elif isinstance(first, Step):
        advice = "give the step a handle first, or use pipe(handle, step, ...)"
    elif is_surplus or hasattr(first, "__array_interface__"):
        advice = "open_image makes one of a path, a URL, bytes or an array"
    else:
        return
    raise ArgumentTypeError(
        f"{function.__name__} takes a handle from open_image first, "
        f"not {type(first).__name__}: {advice}"
    )


def _freeze(value: object) -> object:
    if isinstance(value, slice):
        return Slice(
            *(cast("int | None", _freeze(part)) for part in (value.start, value.stop, value.step))
        )
    if isinstance(value, Mapping):
        return Pairs(tuple(sorted(((key, _freeze(item)) for key, item in value.items()), key=repr)))
    # The text of a path pickles between machines; a Path of Windows does not open elsewhere.
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    # Arrays and lists may change after the step was made, and do not hash.
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return tuple(map(_freeze, value))
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


@verb
def select_scene(handle: ImageHandle, /, scene: SupportsIndex | str) -> ImageHandle:
    """Focus on another scene of the file, in its stored order and at full resolution.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.
    scene
        Index (negative ones count from the end) or name.

    Returns
    -------
    ImageHandle
        In stored order, at full resolution: earlier picks and orders do not carry over.

    Raises
    ------
    SceneError
        When there is no such scene, or when several have the name.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, select_scene
    >>> two = open_image([np.zeros((4, 5)), np.zeros((6, 7))])
    >>> select_scene(two, 1).shape
    (6, 7)
    """
    # A plate has 14 000 scenes: their names are gathered only where one is asked for.
    count = len(handle.scenes)
    if isinstance(scene, str):
        index = _index_of_scene(scene, handle.scene_names)
    else:
        index = scene.__index__()
        if not -count <= index < count:
            raise SceneError(f"no scene {index}; there are {_listing(handle.scene_names)}")
        index %= count
    # Selecting is absolute: picks of one scene may not fit the next, which has other sizes.
    return attrs.evolve(handle, scene_index=index, level=0, array=handle.level_array(index, 0))


@verb
def select_level(handle: ImageHandle, /, level: SupportsIndex) -> ImageHandle:
    """Focus on another resolution level of the scene in focus, in its stored order.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.
    level
        0 is full resolution; negative ones count from the smallest.

    Returns
    -------
    ImageHandle
        In stored order: earlier picks and orders do not carry over.

    Raises
    ------
    SceneError
        When the scene has no such level.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, select_level
    >>> select_level(open_image(np.zeros((4, 5))), 0).shape
    (4, 5)
    """
    index = level.__index__()  # numpy integers are indices too
    array = handle.level_array(handle.scene_index, index)
    return attrs.evolve(handle, level=index % len(handle.levels), array=array)


@verb
def transpose_to(handle: ImageHandle, /, order: str, **picks: UserPick) -> ImageHandle:
    """Put the dimensions in the order of the letters given, and pick positions of them.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.
    order
        Letters of the result, slowest first. A letter that the image lacks becomes an axis of length 1. A letter left
        out must have size 1 or an int pick.
    **picks
        By letter: an int, a slice, a range, or a list, tuple or array of ints, relative to the
        positions that the handle shows now. ``Y=(0, 32)`` picks two rows; ``Y=slice(0, 32)`` picks
        32. Along C, names of channels work as well: ``C="DAPI"``, ``C=["DAPI", "GFP"]``. A letter
        of ``order`` that is picked by an int or a name keeps an axis of length 1.

    Returns
    -------
    ImageHandle
        The same image seen in another way; no pixel is read.

    Raises
    ------
    DimensionError
        When the order or a pick does not fit; the message names the call that would.
    SceneError
        When no channel, or more than one, has the requested name.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, transpose_to
    >>> h = open_image(np.zeros((3, 2, 5, 64, 64)), dims="TCZYX")
    >>> transpose_to(h, "ZCYX", T=0, Z=slice(0, 4)).shape
    (4, 2, 64, 64)
    """
    # Names are those of the channels in focus, which only the handle knows; the algebra sees
    # positions.
    if "C" in picks:
        picks = {**picks, "C": _positions_of_channels(handle, picks["C"])}
    array = views.transpose(handle.array, order, picks)
    # Written out: ``attrs.evolve`` reads every field by name, and this verb runs once per read.
    return ImageHandle(
        handle.source, handle.format, handle.contents, handle.scene_index, handle.level, array
    )


def _index_of_scene(scene: str, names: tuple[str, ...]) -> int:
    if names.count(scene) == 1:
        return names.index(scene)
    indices = [index for index, name in enumerate(names) if name == scene]
    if indices:
        reason = f"is the name of scenes {indices}: pick one by its index"
    else:
        reason = "is not a scene of this file"
    raise SceneError(f"{scene!r} {reason}; there are {_listing(names)}")


def _positions_of_channels(handle: ImageHandle, pick: UserPick) -> UserPick:
    """Replace names of channels by positions; their names are looked up only for a pick by name."""
    if isinstance(pick, np.ndarray | np.generic):
        pick = pick.tolist()  # an array of names picks as the list does
    if isinstance(pick, str | list | tuple):
        return cast("UserPick", notation.positions_of_names(pick, handle.channel_names))
    return pick


def _listing(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"{index}: {name!r}" for index, name in enumerate(names[:20]))
    return shown + (f", ... ({len(names)} scenes)" if len(names) > 20 else "")
