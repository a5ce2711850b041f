"""``verb``: gives a function of a handle its second form, the step.

Rule kept here: wrong arguments are reported where the step is written, not where it meets an image.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import (
    Any,
    Concatenate,
    ParamSpec,
    Protocol,
    TypeVar,
    cast,
    get_origin,
    no_type_check,
    overload,
    runtime_checkable,
)

from aicsio._checks import call_checked, check_arguments
from aicsio._tracebacks import short_traceback
from aicsio.errors import AicsioError, ArgumentTypeError
from aicsio.records import ImageHandle
from aicsio.steps.step import Step, make_step

__all__ = ["Verb", "overloaded_verb", "verb"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


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
        return make_step(name, args, kwargs)

    return cast("Verb[P, R]", wrapper)


def overloaded_verb(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a verb of a function whose two forms stand above it as overloads.

    All verbs of the package are made by it: errors of type checkers then name the function. Those of
    ``verb``, which needs no overloads, name ``Verb.__call__``.

    Parameters
    ----------
    function
        As for ``verb``.
    """
    return cast("Callable[..., Any]", verb(function))


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
    elif isinstance(first, Step) and not _takes_function(by_position[1:2]):
        advice = "give the step a handle first, or use pipe(handle, step, ...)"
    elif is_surplus or hasattr(first, "__array_interface__"):
        advice = "open_image makes one of a path, a URL, bytes or an array"
    else:
        return
    raise ArgumentTypeError(
        f"{function.__name__} takes a handle from open_image first, "
        f"not {type(first).__name__}: {advice}"
    )


def _takes_function(parameters: Sequence[inspect.Parameter]) -> bool:
    """Whether the first of the parameters takes a function, such as the step of ``map_scenes``."""
    return any(get_origin(each.annotation) is Callable for each in parameters)
