"""Converters of fields: numbers and texts of numpy become Python's.

Rule kept here: a record holds plain values, whatever made it, so that equal records compare,
pickle and print alike.
"""

import operator
from collections.abc import Iterable
from typing import SupportsFloat, SupportsIndex

import numpy as np

from aicsio.errors import ArgumentTypeError

_BOOLS = (bool, np.bool_)
"""To Python a bool is an int; as a size or a wavelength it is a mistake."""


def optional_float(value: SupportsFloat | None) -> float | None:
    """Turn a number into a float, so that a numpy scalar or an int makes the same record.

    Parameters
    ----------
    value
        Any number, or ``None``.

    Returns
    -------
    float or None
        ``None`` stays ``None``.

    Raises
    ------
    ArgumentTypeError
        When the value is not a number.

    Examples
    --------
    >>> from aicsio.records.conversions import optional_float
    >>> optional_float(3), optional_float(None)
    (3.0, None)
    """
    # ``type``, not ``isinstance``: a numpy float64 is a float too, and would pickle as numpy's.
    if value is None or type(value) is float:
        return value
    if isinstance(value, _BOOLS) or not isinstance(value, SupportsFloat):
        raise ArgumentTypeError(f"{value!r} is not a number")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:  # arrays, and ints beyond a float
        raise ArgumentTypeError(
            f"a value of type {type(value).__name__} is not a number: {error}"
        ) from error


def optional_int(value: SupportsIndex | None) -> int | None:
    """Turn an integer into a Python int; ``None`` stays ``None``.

    Parameters
    ----------
    value
        An integer, of numpy or of Python, or ``None``.

    Returns
    -------
    int or None
        Of the same value.

    Raises
    ------
    ArgumentTypeError
        When the value is no integer.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.records.conversions import optional_int
    >>> optional_int(np.uint8(3))
    3
    """
    return None if value is None else plain_int(value)


def plain_int(value: SupportsIndex) -> int:
    """Turn an integer into a Python int.

    Parameters
    ----------
    value
        An integer, of numpy or of Python.

    Returns
    -------
    int
        Of the same value.

    Raises
    ------
    ArgumentTypeError
        When the value is no integer.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.records.conversions import plain_int
    >>> plain_int(np.int16(3))
    3
    """
    if type(value) is int:
        return value
    if isinstance(value, _BOOLS) or not isinstance(value, SupportsIndex):
        raise ArgumentTypeError(f"{value!r} is no integer")
    return operator.index(value)


def optional_text(value: str | None) -> str | None:
    """Turn a text of numpy into Python's; ``None`` stays ``None``.

    Parameters
    ----------
    value
        A text, or ``None``.

    Returns
    -------
    str or None
        Of the same characters.

    Raises
    ------
    ArgumentTypeError
        When the value is no text.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.records.conversions import optional_text
    >>> optional_text(np.str_("DAPI"))
    'DAPI'
    """
    return None if value is None else plain_text(value)


def plain_text(value: str) -> str:
    """Turn a text of numpy into Python's.

    Parameters
    ----------
    value
        A text.

    Returns
    -------
    str
        Of the same characters.

    Raises
    ------
    ArgumentTypeError
        When the value is no text.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.records.conversions import plain_text
    >>> plain_text(np.str_("ZYX"))
    'ZYX'
    """
    if type(value) is str:
        return value
    if not isinstance(value, str):
        raise ArgumentTypeError(f"{value!r} is no text")
    return str(value)


def plain_sizes(values: Iterable[SupportsIndex]) -> tuple[int, ...]:
    """Turn sizes into a tuple of Python ints.

    Parameters
    ----------
    values
        Integers, of numpy or of Python.

    Returns
    -------
    tuple of int
        Of the same values.

    Raises
    ------
    ArgumentTypeError
        When one is no integer.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.records.conversions import plain_sizes
    >>> plain_sizes(np.zeros((2, 3)).shape), plain_sizes([np.int64(4)])
    ((2, 3), (4,))
    """
    # Nearly all are plain already, and dims are made at every look at an array.
    if type(values) is tuple and set(map(type, values)) <= {int}:
        return values
    if not isinstance(values, Iterable):
        raise ArgumentTypeError(f"{values!r} is no sequence of sizes")
    return tuple(map(plain_int, values))


def plain_floats(values: Iterable[SupportsFloat]) -> tuple[float, ...]:
    """Turn numbers into a tuple of floats.

    Parameters
    ----------
    values
        Numbers, of numpy or of Python.

    Returns
    -------
    tuple of float
        Of the same values.

    Raises
    ------
    ArgumentTypeError
        When one is no number.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.records.conversions import plain_floats
    >>> plain_floats(np.array([0, 0.5]))
    (0.0, 0.5)
    """
    if type(values) is tuple and set(map(type, values)) <= {float}:
        return values
    if not isinstance(values, Iterable):
        raise ArgumentTypeError(f"{values!r} is no sequence of numbers")
    converted = tuple(map(optional_float, values))
    if None in converted:
        raise ArgumentTypeError("None is not a number")
    return converted  # type: ignore[return-value]
