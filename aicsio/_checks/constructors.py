"""Constructors of the records that users make, with their mistakes in our words.

Rule kept here: a call that succeeds is not checked: opening a file makes thousands of records. Only
one that raises a ``TypeError`` is compared with its annotations.
"""

import functools
from collections.abc import Mapping
from typing import Any, TypeVar, no_type_check

from aicsio._checks import words
from aicsio._checks.annotations import fits, signature_of
from aicsio._tracebacks import without_frames
from aicsio.errors import AicsioError, ArgumentTypeError

__all__ = ["checked_record"]

Record = TypeVar("Record")


def checked_record(record: type[Record]) -> type[Record]:
    """Word the mistakes of a constructor as those of functions are worded.

    Parameters
    ----------
    record
        A class made by ``attrs.frozen``.

    Returns
    -------
    type
        The same class.

    Examples
    --------
    >>> from aicsio import ArgumentTypeError, Channel
    >>> try:
    ...     Channel(emision=520)
    ... except ArgumentTypeError as error:
    ...     print(error)
    Channel has no parameter 'emision': did you mean 'emission'?
    """
    make: Any = record.__init__

    @no_type_check  # to beartype's import hook in tests, which would answer first
    @functools.wraps(make)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            make(self, *args, **kwargs)
        except (TypeError, AicsioError) as error:
            problem = None
            if isinstance(error, TypeError):
                problem = _describe_mistake(record.__name__, make, (self, *args), kwargs)
            if problem is not None:
                raise ArgumentTypeError(problem) from None
            if not isinstance(error, AicsioError):
                raise
            # AICSIO_FULL_TRACEBACK=1 in the environment shows the frames that are left out here.
            raise without_frames(error)  # noqa: B904

    record.__init__ = wrapper  # type: ignore[method-assign]
    return record


def _describe_mistake(
    name: str, make: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> str | None:
    """Describe why arguments do not fit a constructor; ``None`` if only their values can be wrong."""
    signature = signature_of(make)
    problem = words.describe_misfit(signature, args, kwargs, picks=False)
    if problem is not None:
        return f"{name}{problem}"
    for parameter, value in signature.bind(*args, **kwargs).arguments.items():
        annotation = signature.parameters[parameter].annotation
        if not fits(value, annotation):
            expected = words.describe(annotation)
            return f"{name}: {parameter}={words.show(value)} does not fit: give {expected}"
    return None
