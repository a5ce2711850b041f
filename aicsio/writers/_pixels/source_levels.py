"""Levels that a source has, shown as a handle shows its pixels: writers store them as they are.

Rule kept here: no I/O. A level stands for what is written only if it shows the same planes, whole; what
does not fit raises here, before a file is touched, with a call that works.
"""

import attrs

from aicsio._ome.ngff import AxisTransform
from aicsio.errors import WriteError
from aicsio.records import ImageHandle, LazyArray, View


def source_levels(handle: ImageHandle) -> tuple[ImageHandle, ...]:
    """Return handles of the smaller levels of the source, with the picks and the order of a handle.

    Parameters
    ----------
    handle
        The image that is written: whole planes of a stored level, in any order of axes.

    Returns
    -------
    tuple of ImageHandle
        Levels below the one in focus, largest first. An axis other than Y and X may be shorter there,
        where all of its positions are shown.

    Raises
    ------
    WriteError
        When there are no smaller levels, or when they do not show what the handle shows.
    """
    smaller = range(handle.level + 1, len(handle.levels))
    if not smaller:
        raise WriteError(
            f"levels='source': {handle.source.uri} has no levels below the one that is written: "
            "levels='auto' computes them"
        )
    _check_whole_planes(handle)
    shown = tuple(attrs.evolve(handle, level=k, array=_same_view(handle, k)) for k in smaller)
    for larger, smaller_one in zip((handle, *shown), shown, strict=False):
        # OME-TIFF, "Sub-resolutions", and NGFF, "multiscales": "ordered from largest to smallest".
        if any(smaller_one.dims.get(axis, 1) > larger.dims.get(axis, 1) for axis in "YX"):
            raise _refusal(f"level {smaller_one.level} is larger than the one before")
    return shown


def refuse_downsample(requested: str) -> None:
    """Raise when a way to compute levels is requested beside levels that are not computed.

    Raises
    ------
    WriteError
        When it is.
    """
    if requested != "auto":
        raise WriteError(
            f"downsample={requested!r} with levels='source': levels of the source are not computed; "
            "leave downsample out"
        )


def _refusal(reason: str) -> WriteError:
    return WriteError(f"levels='source': {reason}; levels='auto' computes levels of these pixels")


def _check_whole_planes(handle: ImageHandle) -> None:
    """Raise unless the handle shows whole planes of the stored level in focus, neither cut nor mirrored."""
    stored, array = handle.levels[handle.level], handle.array
    if (array.layout, array.stored, array.dtype) != (stored.layout, stored.stored, stored.dtype):
        raise _refusal("these are not the stored pixels")
    for letter in "YX":
        if letter not in array.stored:
            continue
        pick = array.view.picks[array.stored.order.index(letter)]
        whole = range(array.stored[letter])
        if pick != whole or letter not in array.view.letters:
            raise _refusal(
                f"{letter} shows a part of {len(whole)} positions, and the levels of the source "
                f"show all of them: leave out the pick of {letter}"
            )


def _same_view(handle: ImageHandle, index: int) -> LazyArray:
    """Show a level as the handle shows its own.

    Raises
    ------
    WriteError
        When the level has other axes or another type, or lacks positions that are picked.
    """
    array, level = handle.array, handle.levels[index]
    if set(level.stored.order) != set(array.stored.order) or level.dtype != array.dtype:
        raise _refusal(
            f"level {index} has {level.stored} {level.dtype}, the one that is written "
            f"{array.stored} {array.dtype}"
        )
    picks = list(level.view.picks)
    for letter, pick in zip(array.stored.order, array.view.picks, strict=True):
        # A level differs along Y and X, where the handle shows whole planes: its own pick stays.
        size = level.stored[letter]
        if size == array.stored[letter]:
            picks[level.stored.order.index(letter)] = pick
        elif pick != range(array.stored[letter]):
            raise _refusal(
                f"level {index} has {size} positions of {letter}, and some of "
                f"{array.stored[letter]} are picked"
            )
    axes = tuple(
        -1 if axis < 0 else level.stored.order.index(array.stored.order[axis])
        for axis in array.view.axes
    )
    view = View(array.view.letters, axes, tuple(picks))
    return LazyArray(level.layout, level.stored, level.dtype, view)


def place_source_level(
    full: ImageHandle, level: ImageHandle, letters: str
) -> tuple[AxisTransform, ...]:
    """Return where the pixels of a level lie, per axis, counted in pixels of what is written.

    Parameters
    ----------
    full
        The image that is written.
    level
        A level of ``source_levels``.
    letters
        Axes.
    """
    places = []
    for letter in letters:
        size, full_size = level.dims.get(letter, 1), full.dims.get(letter, 1)
        if letter not in "ZYX":
            places.append(AxisTransform(1.0))
            continue
        spacing = getattr(level.pixel_size, letter)
        full_spacing = getattr(full.pixel_size, letter)
        # Both follow from what the file states, which comes before the ratio of whole pixels.
        factor = full_size / size if not spacing or not full_spacing else spacing / full_spacing
        start = _stated_start(full, level, letter)
        if start is None:
            # The edges of both lie on each other.
            places.append(AxisTransform.of_level(1.0, factor))
        else:
            places.append(AxisTransform(factor, start))
    return tuple(places)


def _stated_start(full: ImageHandle, level: ImageHandle, letter: str) -> float | None:
    """Return the first pixel of a level in pixels of the full resolution, if the file states it."""
    stated, spacing = full.scene.level_places, getattr(full.pixel_size, letter)
    if len(stated) != len(full.levels) or not spacing:
        return None
    first = getattr(stated[full.level].origin, letter)
    own = getattr(stated[level.level].origin, letter)
    # Along a picked axis that keeps its length, both begin at the same position.
    if first is None or own is None or level.array.stored[letter] == full.array.stored[letter]:
        return None
    return float((own - first) / spacing)
