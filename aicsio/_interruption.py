"""Ctrl-C in the program ``aicsio``: its exit code, its message, and the handlers of a command.

Rule kept here: the first Ctrl-C raises ``KeyboardInterrupt``, so that writers remove what they began.
Nothing of the package is imported: ``aicsio.__main__`` needs the handlers before all imports.
"""

import functools
import os
import signal
import time

INTERRUPTED = 130
"""128 + SIGINT, the exit code of shells after Ctrl-C."""
MESSAGE = "aicsio: interrupted"
REPEATS = 1.0
"""Seconds after Ctrl-C in which it has no further effect: a key that is held down repeats about 30 times a
second, and removing a half-written file takes less."""


def end_at_once(number: int, frame: object) -> None:  # noqa: ARG001
    """End the process with the message. A handler for times when there is nothing to clean up."""
    # An exception would pass through imports that take it for a missing module.
    os.write(2, f"{MESSAGE}\n".encode())
    os._exit(INTERRUPTED)


def interrupt_once(number: int, frame: object) -> None:  # noqa: ARG001
    """Raise ``KeyboardInterrupt``; a second one must not reach the clean-up that follows."""
    signal.signal(signal.SIGINT, functools.partial(_end_if_later, time.monotonic() + REPEATS))
    raise KeyboardInterrupt


def _end_if_later(moment: float, number: int, frame: object) -> None:
    """End the process if the user still waits after ``moment``, as for a server that does not answer."""
    if time.monotonic() > moment:
        end_at_once(number, frame)
