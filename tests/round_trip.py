"""Whether what was written says the same as what it was written from. Nothing here is a test."""

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import Diagnostic, ImageHandle, Planes, to_numpy, transpose_to

COLUMNS = ("time", "exposure", "x", "y", "z")


def differences(
    source: ImageHandle, read: ImageHandle, told: Sequence[Diagnostic] = ()
) -> list[str]:
    """List what of the image in focus is not in what was written of it; what the report tells is no difference."""
    messages = [note.message for note in told]
    return [
        what
        for what, hints in _differences(source, read)
        if not any(h in m for h in hints for m in messages)
    ]


def _differences(source: ImageHandle, read: ImageHandle) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each difference, and the beginnings of notes that would tell it."""
    long = {letter: size for letter, size in source.dims.items() if size > 1}
    if long != {letter: size for letter, size in read.dims.items() if size > 1}:
        yield f"dims: {source.dims} became {read.dims}", ()
        return
    if to_numpy(read).tobytes() != to_numpy(transpose_to(source, read.dims.order)).tobytes():
        yield "pixels", ()
    if source.scene.name != read.scene.name:
        yield f"name: {source.scene.name!r} became {read.scene.name!r}", ("Name",)
    samples = read.dims.get("S", 1)
    if [attrs.evolve(channel, samples=samples) for channel in source.channels] != list(
        read.channels
    ):
        yield (
            f"channels: {source.channels} became {read.channels}",
            ("Name", "Fluor", "Wavelength", "Color"),
        )
    for field, hint in (("pixel_size", "PhysicalSize"), ("time_step", "TimeIncrement")):
        if getattr(source, field) != getattr(read, field):
            yield f"{field}: {getattr(source, field)} became {getattr(read, field)}", (hint,)
    for field, hints in (
        ("acquired", ("AcquisitionDate",)),
        ("objective", ("Immersion", "LensNA", "NominalMag")),
    ):
        if not _keeps(getattr(source.scene, field), getattr(read.scene, field)):
            yield (
                f"{field}: {getattr(source.scene, field)} became {getattr(read.scene, field)}",
                hints,
            )
    for name in COLUMNS:
        mine, theirs = (column(handle, name) for handle in (source, read))
        one, two = np.broadcast_arrays(mine, theirs)
        if name == "time":
            # A part of the planes has another first one, from which its times count.
            one, two = _since_date(source, one), _since_date(read, two)
        if not np.allclose(one, two, rtol=1e-12, atol=1e-9, equal_nan=True):
            yield f"{name} of planes", ("times and positions of planes", "of planes: not finite")
    for axis in source.scene.coordinates:
        if axis.letter != "T" and axis not in read.scene.coordinates:
            yield f"coordinates along {axis.letter}", (f"values along {axis.letter}",)
    places = zip(source.scene.origin, read.scene.origin, strict=True)
    if any(mine not in (None, 0, theirs) for mine, theirs in places):
        yield "place of the first pixel", ("the place of the first pixel",)
    if source.scene.tiles is not None:
        yield "tiles", ("mosaic tiles",)
    colors = source.scene.color_map
    if colors is not None and not _begins_with(read.scene.color_map, colors):
        yield "colour map", ("the colour map",)


def _begins_with(full: bytes | None, colors: bytes) -> bool:
    """Whether a palette has the colours of another; TIFF fills it up to one for each value."""
    if full is None:
        return False
    mine, theirs = (np.frombuffer(raw, "<u2").reshape(3, -1) for raw in (colors, full))
    return mine.shape[1] <= theirs.shape[1] and bool((theirs[:, : mine.shape[1]] == mine).all())


def column(handle: ImageHandle, name: str) -> npt.NDArray[np.float64]:
    """One fact of the planes in focus, over T, C, Z and letters that OME lacks; NaN where the file does not say."""
    planes = handle.scene.planes
    letters = sorted(
        {
            *"TCZ",
            *(letter for letter, size in handle.dims.items() if size > 1 and letter not in "YXS"),
        }
    )
    known = None if planes is None else planes.column(name)
    times = next(
        (a.values for a in handle.scene.coordinates if (a.letter, a.unit) == ("T", "s")), None
    )
    if known is None and name == "time" and times is not None:
        planes = Planes(attrs.evolve(handle.dims, order="T", shape=(len(times),)))
        known = np.array(times)
    if planes is None or known is None:
        return np.full((1,) * len(letters), np.nan)
    stored, picks = handle.array.stored, handle.array.view.picks
    positions = [
        np.atleast_1d(np.array(picks[stored.order.index(letter)]))
        if letter in stored
        else np.zeros(1, int)
        for letter in planes.dims
    ]
    shown = [letter for letter in planes.dims if letter in letters]  # others have one position
    picked = known[np.ix_(*positions)]
    picked = picked.reshape([picked.shape[planes.dims.order.index(letter)] for letter in shown])
    order = [letter for letter in letters if letter in planes.dims]
    ordered: npt.NDArray[np.float64] = picked.transpose([shown.index(letter) for letter in order])
    return ordered.reshape(
        [ordered.shape[order.index(letter)] if letter in order else 1 for letter in letters]
    )


def _keeps(source: Any, read: Any) -> bool:
    """Whether what was read has all that the source had; the OME of a format may have more."""
    if not attrs.has(type(source)) or not attrs.has(type(read)):
        return bool(source == read)
    theirs = attrs.asdict(read)
    return all(value in (None, theirs[name]) for name, value in attrs.asdict(source).items())


def _since_date(handle: ImageHandle, seconds: Any) -> Any:
    """Return times counted from the date of the scene."""
    planes = handle.scene.planes
    return seconds + (0.0 if planes is None else planes.start or 0.0)
