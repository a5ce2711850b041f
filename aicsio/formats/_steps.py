"""Sizes and time steps that a file states and that are none.

Rule kept here: a number below 0, or none at all, is no size, and is reported with the words of the
file. 0 stands for "unknown" in headers of fixed length, and is not reported.
"""

from collections.abc import Mapping

from aicsio.records import Diagnostic


def report_unusable(stated: Mapping[str, object], where: str) -> list[Diagnostic]:
    """Report stated numbers that are no sizes.

    Parameters
    ----------
    stated
        Numbers by their name in the file; other values are passed over.
    where
        The file or the part of it that states them.

    Examples
    --------
    >>> from aicsio.formats._steps import report_unusable
    >>> notes = report_unusable({"VoxelSizeZ": -1e-06, "VoxelSizeX": 0.0}, "a.lsm")
    >>> [note.message for note in notes]
    ['VoxelSizeZ is -1e-06, no number above 0: it is not used']
    >>> len(report_unusable({"a": -(10**400)}, "a.lsm"))
    1
    """
    notes = []
    for name, value in stated.items():
        if not isinstance(value, int | float):
            continue
        # The comparison is false for NaN, too.
        if value == 0 or 0 < value < float("inf"):
            continue
        # No float holds an integer of 400 digits.
        shown = f"{value:g}" if isinstance(value, float) else str(value)[:40]
        text = f"{name} is {shown}, no number above 0: it is not used"
        notes.append(Diagnostic("unusable-size", text, where))
    return notes


def report_unit(unit: str, name: str, where: str) -> Diagnostic:
    """Report a unit that is not known.

    Examples
    --------
    >>> from aicsio.formats._steps import report_unit
    >>> report_unit("foo", "Z", "a.tif").message
    "the unit 'foo' of Z is not known: its step is left out"
    """
    text = f"the unit {unit[:40]!r} of {name} is not known: its step is left out"
    return Diagnostic("unusable-size", text, where)
