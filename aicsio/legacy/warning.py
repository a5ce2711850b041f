"""Warnings that point at the line of the user's script.

Rule kept here: no frame of this package is the origin of a warning.
"""

import inspect
import warnings

PACKAGE = __name__.partition(".")[0]


def warn(message: str) -> None:
    """Warn at the line outside this package that led here.

    The depth of the calls inside varies, and ``skip_file_prefixes`` of ``warnings.warn`` needs
    Python 3.12.
    """
    # Modules and not files: functions that decorators generate have a module, but no file.
    frame, level = inspect.currentframe(), 1
    while frame is not None and _is_inside(frame.f_globals.get("__name__")):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


def _is_inside(module: object) -> bool:
    return isinstance(module, str) and module.partition(".")[0] == PACKAGE
