"""Argument checks at the public boundary. The only importer of beartype. Imports `errors`.

``annotations`` compares values with annotations, ``words`` describes calls, values and
annotations, of which ``check_arguments`` makes the message. ``constructors`` checks
records that users make, ``plain_values`` takes numpy's numbers and texts.

Rule kept here: a wrong argument is refused in the package's own words, which name the function that
the caller called, the parameter and the value, and are the same each time. beartype judges; its
text, which is long and in part random, is not shown. Cheap checks come first: beartype takes 120 ms
to import, as long as numpy, so it is asked only about an argument that is no instance of a class
and no value of a ``Literal`` that the annotation names.

Numbers and texts of numpy become Python's on the way in, so that no function has to know both.

Keyword arguments without a parameter of their own (``**picks``) are left to the function, which
knows their letters.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast, no_type_check

from aicsio._checks import words
from aicsio._checks.annotations import fast_check, fits, signature_of
from aicsio._checks.plain_values import plain
from aicsio._tracebacks import without_frames
from aicsio.errors import AicsioError, ArgumentTypeError

__all__ = ["SECRET_OPTIONS", "call_checked", "check_arguments", "checked"]

R = TypeVar("R")
# Not Callable[P, R]: mypy joins R with itself, which makes an Any of its own of a handle of any rank.
F = TypeVar("F", bound=Callable[..., Any])

SECRET_OPTIONS = frozenset({"fs_kwargs", "storage_options"})
"""Parameters that may hold credentials: their values are not shown."""


def checked(function: F) -> F:
    """Check the arguments of ``function``, and show its errors without the frames inside.

    Parameters
    ----------
    function
        With annotations of all parameters; a method may leave ``self`` without one.

    Raises
    ------
    ArgumentTypeError
        By the wrapped function, when an argument is missing, unknown, given twice, or of another
        type than annotated.
    """

    @no_type_check  # to beartype's import hook in tests, which would look through the wrapper and answer first
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return call_checked(function, args, kwargs)
        except AicsioError as error:
            # AICSIO_FULL_TRACEBACK=1 in the environment shows the frames that are left out here.
            raise without_frames(error)  # noqa: B904

    return cast("F", wrapper)


def call_checked(function: Callable[..., R], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> R:
    """Call a function whose arguments are checked first.

    Parameters
    ----------
    function
        With annotations of all parameters.
    args, kwargs
        Its arguments.

    Raises
    ------
    ArgumentTypeError
        As by a ``checked`` function.
    """
    if fast_check(function).fits(args, kwargs):
        return function(*args, **kwargs)
    check_arguments(function, args, kwargs)
    # Only here: what fits at once is plain, or a subclass of a plain class.
    plain_kwargs = {name: plain(value) for name, value in kwargs.items()}
    return function(*map(plain, args), **plain_kwargs)


def check_arguments(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    name: str | None = None,
    any_first: bool = False,
) -> None:
    """Check the number, the names and the types of arguments.

    Parameters
    ----------
    function
        The function that they are for.
    args, kwargs
        The arguments.
    name
        Name of the function that the caller called, if it passes its own arguments on.
    any_first
        Whether the first argument may be anything: that of a step comes later.

    Raises
    ------
    ArgumentTypeError
        When one is missing, unknown, given twice, or does not fit its annotation.
    """
    signature = signature_of(function)
    if name is None:
        name = words.name_of(function, args)
    problem = words.describe_misfit(signature, args, kwargs)
    if problem is not None:
        raise ArgumentTypeError(f"{name}{problem}")
    arguments = list(signature.bind(*args, **kwargs).arguments.items())
    for parameter_name, value in arguments[any_first:]:
        parameter = signature.parameters[parameter_name]
        is_variable = parameter.kind in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}
        if not is_variable and not fits(value, parameter.annotation):
            # A value that may hold credentials is named by its class.
            shown = f"={words.show(value)}"
            if parameter_name in SECRET_OPTIONS:
                shown = f" of class {type(value).__name__}"
            expected = words.describe(parameter.annotation)
            raise ArgumentTypeError(
                f"{name}: {parameter_name}{shown} does not fit: give {expected}"
            )
