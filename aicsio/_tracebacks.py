"""Tracebacks of errors as users see them. Imports nothing.

Rule kept here: of an error that aicsio raises on purpose, a traceback shows the lines of the caller
and the function of aicsio that the caller called, not the frames inside. The message names the
argument or file; twenty frames of an engine hide it in a notebook. With
``AICSIO_FULL_TRACEBACK=1`` in the environment nothing is left out.
"""

import functools
import os
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import ParamSpec, TypeVar, cast, no_type_check

P = ParamSpec("P")
R = TypeVar("R")
E = TypeVar("E", bound=BaseException)

FULL_TRACEBACK = "AICSIO_FULL_TRACEBACK"
"""Environment variable; any value but the empty one keeps all frames."""


def short_traceback(kind: type[BaseException]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a decorator that shows errors of a class without the frames inside the function.

    Parameters
    ----------
    kind
        ``AicsioError``; errors of other classes keep all frames.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @no_type_check  # to beartype's import hook in tests: the function itself is checked
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except kind as error:
                # AICSIO_FULL_TRACEBACK=1 in the environment shows the frames that are left out here.
                raise without_frames(error)  # noqa: B904

        return cast("Callable[P, R]", wrapper)

    return decorate


def without_frames(error: E) -> E:
    """Remove the frames of aicsio, of libraries and of Python from the traceback of an error.

    Frames of the caller stay: a function that the caller passed in, such as a part of ``pipe``, may
    be the place of the mistake. The causes of the error stay, and lose their frames alike.

    Parameters
    ----------
    error
        Just caught; it is raised again by the caller, whose frame Python then adds.

    Returns
    -------
    BaseException
        The same object.
    """
    if os.environ.get(FULL_TRACEBACK):
        return error
    # Causes only: the context of an error may be an exception that the caller was handling.
    each: BaseException | None = error
    while each is not None:
        each.__traceback__ = _frames_of_caller(each.__traceback__)
        each = each.__cause__
    return error


def _frames_of_caller(trace: TracebackType | None) -> TracebackType | None:
    libraries = _library_folders()
    kept: TracebackType | None = None
    for each in reversed(list(_walk(trace))):
        if _is_of_caller(each.tb_frame, libraries):
            kept = TracebackType(kept, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return kept


def _walk(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _is_of_caller(frame: FrameType, libraries: tuple[str, ...]) -> bool:
    # By module and not by file: functions that attrs generates have a module, but no file, and an
    # editable installation of aicsio lies outside of the folders of libraries.
    module = str(frame.f_globals.get("__name__")).partition(".")[0]
    return module != __name__.partition(".")[0] and not frame.f_code.co_filename.startswith(
        libraries
    )


def _library_folders() -> tuple[str, ...]:
    """Prefixes of the files of Python and of installed packages."""
    # Needed only for an error.
    import sysconfig

    paths = sysconfig.get_paths()
    folders = {paths[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return ("<frozen ", *folders)
