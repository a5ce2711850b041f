"""Messages on stderr, which a full disk must not turn into an error.

Rule kept here: the work goes on and the exit code stays, whether or not messages could be written.
"""

import io
import sys
from typing import Any

__all__ = ["lossy_stderr"]


class _LossyFile(io.FileIO):
    """Drops what a disk does not take. A pipe without a reader still raises."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError:
            return memoryview(data).nbytes


def lossy_stderr() -> io.TextIOWrapper | None:
    """Return stderr as a file that drops what the disk does not take.

    Returns
    -------
    io.TextIOWrapper or None
        ``None`` where stderr is a terminal, or is not that of the process.

    Examples
    --------
    >>> from aicsio.cli.terminal.messages import lossy_stderr
    >>> lossy_stderr() is None  # doctest: +SKIP
    True
    """
    stream = sys.stderr
    if stream is not sys.__stderr__ or not isinstance(stream, io.TextIOWrapper) or stream.isatty():
        return None
    stream.flush()
    raw = _LossyFile(stream.fileno(), "w", closefd=False)
    # line_buffering: a message is there before the work that follows it.
    buffer: Any = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffer, stream.encoding, "backslashreplace", line_buffering=True)
