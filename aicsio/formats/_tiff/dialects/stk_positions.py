"""Positions of the stage in MetaMorph stacks, with their signs.

Rule kept here: tifffile finds the numbers, and reads them without a sign; only a stack that has
large ones is read again.

Source of the facts: Bio-Formats (``MetamorphReader.readRational``), which reads both numbers of a
fraction with a sign, and tifffile's table of UIC tags.
"""

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio.errors import CorruptFileError
from aicsio.formats._tiff.page_metadata import PageTags

UIC1, UIC2, UIC4 = 33628, 33629, 33631
_SHAPES: Mapping[int, tuple[str, tuple[int, ...]]] = {
    28: ("StagePosition", (2, 2)),
    40: ("AbsoluteZ", (2,)),
}
"""Name of each UIC tag of positions, and the numbers that it has for each plane."""
_SMALL = 2**31 / 1e6
"""A number below 0 wraps to at least this, unless it counts parts smaller than a picometre."""
_NO_POSITIONS = (
    struct.error, ValueError, LookupError, AttributeError, ImportError, TypeError, OSError,
    CorruptFileError,
)  # fmt: skip
"""What a damaged list, or another tifffile, raises."""


def with_signs(info: Mapping[str, Any], tif: Any, tags: PageTags) -> dict[str, Any]:
    """Return the metadata of a stack with the signs of its positions.

    Parameters
    ----------
    info
        ``stk_metadata`` of tifffile.
    tif, tags
        The file, opened by tifffile, and its first page.
    """
    found = dict(info)
    wrapped = [
        name
        for name, _ in _SHAPES.values()
        if np.nanmax(np.asarray(info.get(name, 0.0), np.float64), initial=0.0) >= _SMALL
    ]
    if not wrapped:
        return found
    entries = tif.pages[0].tags
    try:
        count = int(entries[UIC2].count)
        places = _places_in_list(entries, tif, count) or _places_in_table(entries, tags)
        for code, (name, shape) in _SHAPES.items():
            if code in places and name in wrapped:
                found[name] = _read_fractions(tags, places[code], (count, *shape))
    except _NO_POSITIONS:
        return found
    return found


def _places_in_list(entries: Any, tif: Any, count: int) -> dict[int, int]:
    """Return the offsets of positions in UIC4: tags behind each other, each with its value."""
    entry = entries.get(UIC4)
    if entry is None:
        return {}
    from tifffile.tifffile import read_uic_tag

    places = {}
    file = tif.filehandle
    file.seek(entry.valueoffset)
    while (code := struct.unpack("<H", file.read(2))[0]) != 0:
        places[code] = file.tell()
        # Lengths of values follow from tifffile's table alone.
        read_uic_tag(file, code, count, False)
    return places


def _places_in_table(entries: Any, tags: PageTags) -> dict[int, int]:
    """Return the offsets of positions in UIC1, which a stack of one plane has, by their codes."""
    entry = entries[UIC1]
    raw = tags.file.read(entry.valueoffset, 8 * int(entry.count))
    return dict(struct.iter_unpack("<II", raw))


def _read_fractions(tags: PageTags, offset: int, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    nbytes = 4 * int(np.prod(shape, dtype=np.int64))
    return as_fractions(np.frombuffer(tags.file.read(offset, nbytes), "<i4").reshape(shape))


def as_fractions(numbers: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the quotients of pairs along the last axis; NaN for a denominator of 0.

    Parameters
    ----------
    numbers
        Numerators and denominators, shape (..., 2).

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.formats._tiff.dialects.stk_positions import as_fractions
    >>> as_fractions(np.array([[-3, 2], [1, 0]])).tolist()
    [-1.5, nan]
    """
    numerators, denominators = (numbers[..., part].astype(np.float64) for part in (0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        values: npt.NDArray[np.float64] = numerators / denominators
    values[denominators == 0] = np.nan
    return values
