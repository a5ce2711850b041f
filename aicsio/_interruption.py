"""Ctrl-C in the program ``aicsio``: its exit code, its message, and the handlers of a command.

Rule kept here: the first Ctrl-C raises ``KeyboardInterrupt``, so that writers remove what they began.
Nothing of the package is imported: ``aicsio.__main__`` needs the handlers before all imports.
"""

import functools
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

INTERRUPTED = 130
"""128 + SIGINT, the exit code of shells after Ctrl-C."""
MESSAGE = "aicsio: interrupted"
REPEATS = 1.0
"""Seconds after Ctrl-C in which it has no further effect: a key that is held down repeats about 30 times a
second, and removing a half-written file takes less."""
RAISED_AGAIN = 0.2
"""Seconds until a ``KeyboardInterrupt`` that another library dropped is raised again: users notice no less, and
the exception has reached the clean-up by then."""


def end_at_once(number: int, frame: object) -> None:  # noqa: ARG001
    """End the process with the message. A handler for times when there is nothing to clean up."""
    # An exception would pass through imports that take it for a missing module.
    os.write(2, f"{MESSAGE}\n".encode())
    os._exit(INTERRUPTED)


def interrupt_once(number: int, frame: object) -> None:  # noqa: ARG001
    """Raise ``KeyboardInterrupt``; a second one must not reach the clean-up that follows.

    Compiled modules that are being imported, finalizers and callbacks of the collector drop the
    exception: Cython's start of a module clears it. It is then raised again, and their warnings of
    it are not shown.
    """
    signal.signal(signal.SIGINT, functools.partial(_interrupt_again, time.monotonic() + REPEATS))
    sys.unraisablehook = functools.partial(_show_others, sys.unraisablehook)
    warnings.simplefilter("ignore")
    if hasattr(signal, "setitimer"):  # on Windows the user presses again
        signal.signal(signal.SIGALRM, _interrupt_if_dropped)
        signal.setitimer(signal.ITIMER_REAL, RAISED_AGAIN, RAISED_AGAIN)
    raise KeyboardInterrupt


def finish() -> None:
    """Let Ctrl-C end the process at once: the command is over, and nothing would catch an exception."""
    interrupted = signal.getsignal(signal.SIGINT) is not interrupt_once
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)
    # Its message is out already if the command was interrupted.
    signal.signal(signal.SIGINT, _end_silently if interrupted else end_at_once)


def finish_if_interrupted() -> None:
    """Do as ``finish`` does once the message is out, if the handlers are those of this module.

    Between the message and the end of the program no exception is being handled any more, so that one
    more Ctrl-C would raise another.
    """
    handler = signal.getsignal(signal.SIGINT)
    if isinstance(handler, functools.partial) and handler.func is _interrupt_again:
        finish()


def _end_silently(number: int, frame: object) -> None:  # noqa: ARG001
    os._exit(INTERRUPTED)


def _interrupt_again(moment: float, number: int, frame: object) -> None:
    """End the process if the user still waits after ``moment``, as for a server that does not answer."""
    if time.monotonic() > moment:
        end_at_once(number, frame)
    _interrupt_if_dropped(number, frame)


def _interrupt_if_dropped(number: int, frame: object) -> None:  # noqa: ARG001
    """Raise ``KeyboardInterrupt`` unless the program is cleaning up after one."""
    error = sys.exc_info()[1]  # of the code that the signal interrupted
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, 0)
            return
        error = error.__context__
    raise KeyboardInterrupt


def _show_others(show: Callable[[Any], object], event: Any) -> None:
    if not issubclass(event.exc_type, KeyboardInterrupt):
        show(event)
