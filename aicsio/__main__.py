"""The program ``aicsio``, also by ``python -m aicsio``: it starts ``aicsio.cli`` and ends the process."""

import gc
import os
import signal
import sys

INTERRUPTED = 130
"""128 + SIGINT, the exit code of shells after Ctrl-C."""
MESSAGE = b"aicsio: interrupted\n"


def run() -> int:
    """Run a command at whose end the process ends; the program ``aicsio`` calls it, too.

    At its end Python searches all objects for cycles, though the system takes their memory anyway:
    40 of 216 ms of ``aicsio info``. Objects that are frozen are left out of the search; files are
    closed and ``atexit`` runs as before.

    Returns
    -------
    int
        Exit code of ``aicsio.cli.main``.

    Examples
    --------
    >>> import sys
    >>> from aicsio.__main__ import run
    >>> sys.exit(run())  # doctest: +SKIP
    """
    usual = signal.getsignal(signal.SIGINT)
    # nohup and background jobs ignore the signal; that stays so.
    if usual is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    # Imports take seconds on a network disk. Ctrl-C meanwhile would show the traceback of one of them.
    from aicsio import cli

    signal.signal(signal.SIGINT, usual)
    try:
        return cli.main()
    finally:
        gc.freeze()


def _end(number: int, frame: object) -> None:  # noqa: ARG001
    # Nothing is open yet. An exception would pass through imports that take it for a missing module.
    os.write(2, MESSAGE)
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    sys.exit(run())
