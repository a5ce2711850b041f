"""The program ``aicsio``, also by ``python -m aicsio``: it starts ``aicsio.cli`` and ends the process."""

import gc
import signal
import sys

from aicsio import _interruption


def run() -> int:
    """Run a command at whose end the process ends; the program ``aicsio`` calls it, too.

    At its end Python searches all objects for cycles, though the system takes their memory anyway:
    40 of 216 ms of ``aicsio info``. Objects that are frozen are left out of the search; files are
    closed and ``atexit`` runs as before. What imports make stays, too, so that nothing is searched meanwhile:
    10 ms less.

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
    # nohup and background jobs ignore the signal; that stays so.
    handles = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if handles:
        # Imports take seconds on a network disk. Ctrl-C meanwhile would show the traceback of one of them.
        signal.signal(signal.SIGINT, _interruption.end_at_once)
    gc.disable()
    from aicsio import cli

    gc.freeze()
    gc.enable()
    if handles:
        signal.signal(signal.SIGINT, _interruption.interrupt_once)
    try:
        return cli.main()
    finally:
        # After the command a traceback would come from the end of Python itself.
        if handles:
            _interruption.finish()
        gc.freeze()


if __name__ == "__main__":
    sys.exit(run())
