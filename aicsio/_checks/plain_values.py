"""Numbers and texts of numpy as Python's own.

Rule kept here: a value keeps its meaning; arrays and all other objects are returned as they are.
"""

from typing import Any

import numpy as np

__all__ = ["plain"]


def plain(value: Any) -> Any:
    """Return a value without scalars of numpy, inside lists, tuples and dicts, too.

    Parameters
    ----------
    value
        Any argument.

    Returns
    -------
    object
        The value itself where nothing of numpy is in it.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio._checks.plain_values import plain
    >>> plain({"Y": np.int16(32), "X": (np.float32(0.5), "a")})
    {'Y': 32, 'X': (0.5, 'a')}
    """
    if isinstance(value, np.generic):
        return _plain_scalar(value)
    # Exact classes: a PixelSize or a named tuple may be a tuple, too.
    if type(value) is tuple:
        return tuple(map(plain, value))
    if type(value) is list:
        return list(map(plain, value))
    if type(value) is dict:
        return {plain(key): plain(item) for key, item in value.items()}
    return value


def _plain_scalar(value: np.generic) -> Any:
    if isinstance(value, np.datetime64):
        # Without the cast, nanoseconds become an int instead of a datetime.
        return value.astype("datetime64[us]").item()
    # ``item`` of a longdouble is a longdouble.
    if isinstance(value, np.longdouble):
        return float(value)
    if isinstance(value, np.clongdouble):
        return complex(value)
    return value.item()
