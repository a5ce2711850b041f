"""Numbers with units, as people write them.

Rule kept here: three digits are enough to look at; the record has all.
"""

import math
from collections.abc import Iterable

from aicsio.pictures.annotations import format_length
from aicsio.records import Dims

TIMES = "\N{MULTIPLICATION SIGN}"
_BYTES = ("B", "kB", "MB", "GB", "TB", "PB")


def size_of(nbytes: int) -> str:
    """Write a number of bytes in powers of 1000.

    Examples
    --------
    >>> from aicsio.notebook.words import size_of
    >>> size_of(999), size_of(12_345_678)
    ('999 B', '12.3 MB')
    """
    value, unit = float(nbytes), 0
    # 999.5 and above would be written as 1e+03.
    while value >= 999.5 and unit < len(_BYTES) - 1:
        value, unit = value / 1000, unit + 1
    return f"{nbytes} B" if unit == 0 else f"{value:.3g} {_BYTES[unit]}"


def length_of(micrometres: float | None) -> str:
    """Write a length with its unit; nothing for an unknown one.

    Examples
    --------
    >>> from aicsio.notebook.words import length_of
    >>> length_of(0.325), length_of(1331.2), length_of(None)
    ('325 nm', '1.33 mm', '')
    """
    if micrometres is None or not math.isfinite(micrometres):
        return ""
    return format_length(float(f"{micrometres:.4g}")) if micrometres < 1000 else _long(micrometres)


def _long(micrometres: float) -> str:
    return format_length(float(f"{micrometres:.3g}"))


def duration_of(seconds: float | None) -> str:
    """Write a duration with its unit; nothing for an unknown one.

    Examples
    --------
    >>> from aicsio.notebook.words import duration_of
    >>> duration_of(0.05), duration_of(45.0), duration_of(3725.0)
    ('50 ms', '45 s', '1 h 2 min 5 s')
    """
    if seconds is None or not math.isfinite(seconds):
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def dims_of(dims: Dims) -> str:
    """Write letters and sizes, with the sign of multiplication between them."""
    named = [f"{letter} {size:,}" for letter, size in dims.items()]
    return f" {TIMES} ".join(named) or "no dimensions"


def shape_of(shape: Iterable[int]) -> str:
    """Write sizes, with the sign of multiplication between them."""
    return f" {TIMES} ".join(f"{size:,}" for size in shape)
