"""Times of planes as record, table and OME show them, for the law of one clock.

Rule kept here: none of the three is computed from another one.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio._metadata import Table, ome_metadata
from aicsio.records import ImageHandle, Planes


def times_of_rows(planes: Planes, table: Table) -> npt.NDArray[Any] | None:
    """Return the recorded time of each row; ``None`` where there is none, or along foreign axes."""
    column = planes.column("time")
    letters = set(table.names)
    if column is None or any(n > 1 and c not in letters for c, n in planes.dims.items()):
        return None
    # A time along fewer axes holds for all positions of the others.
    rows = [
        np.minimum(table[letter], size - 1) if letter in letters else np.zeros(len(table), np.intp)
        for letter, size in planes.dims.items()
    ]
    return np.asarray(column[tuple(rows)]) if rows else np.repeat(column, len(table))


def earliest(seconds: npt.NDArray[Any] | None) -> float | None:
    known = None if seconds is None else seconds[~np.isnan(seconds)]
    return float(known.min()) if known is not None and known.size else None


def same_in_ome(whole: ImageHandle, table: Table) -> bool:
    """Compare the times of planes of the OME document, which may count from the acquisition's start."""
    planes = ome_metadata(whole).images[whole.scene_index].pixels.planes
    shown = {
        (plane.the_t, plane.the_c, plane.the_z): plane.delta_t
        for plane in planes
        if plane.delta_t is not None
    }
    none = np.zeros(len(table), np.int32)
    places = [table[letter] if letter in table.names else none for letter in "TCZ"]
    rows = zip(*(place.tolist() for place in places), table["time"].tolist(), strict=True)
    timed = [(tuple(place), time) for *place, time in rows if not np.isnan(time)]
    expected = dict(timed)
    axes = set(table.names[: table.names.index("time")])
    if axes <= set("TCZ") and "Y" in whole.dims and "X" in whole.dims:
        pairs = [(shown.get(place), time) for place, time in expected.items()]
        # The document of a set may describe planes of files that are not here.
        if any(one is None for one, _ in pairs):
            return False
    else:
        # OME folds other axes into T, C and Z, and has a plane for each row of an XZ scan.
        known, listed = sorted({time for _, time in timed}), sorted(set(shown.values()))
        if len(listed) != len(known):
            return False
        pairs = list(zip(listed, known, strict=True))
    if not pairs:
        return True
    differences = [one - time for one, time in pairs if one is not None]
    # Documents of a file have decimal digits, and seconds or milliseconds of any origin.
    tolerance = 1e-6 * max(1.0, *map(abs, differences))
    return bool(max(differences) - min(differences) <= tolerance)
