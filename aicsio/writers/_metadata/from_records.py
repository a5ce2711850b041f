"""What is known of the pixels in focus, as the records of OME: picks applied, in the order of the file.

Rule kept here: pure functions of the handle. What OME-TIFF could not be told is named in a diagnostic.
"""

from collections.abc import Mapping

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._ome.document import parse_ome
from aicsio._ome.model import Modulo, OmeImage, TiffData
from aicsio.errors import CorruptFileError
from aicsio.records import Coordinate, Diagnostic, Dims, ImageHandle, LazyArray, Pick, Planes, Scene
from aicsio.writers._metadata import modulo as modulo_axes
from aicsio.writers._metadata.merge_images import Origin
from aicsio.writers._metadata.merge_rois import Frame

_COLUMNS = ("time", "exposure", "x", "y", "z")


def described(
    handle: ImageHandle, array: LazyArray, first: int = 0, *, levels: int = 1, palette: bool = False
) -> tuple[OmeImage, tuple[Diagnostic, ...]]:
    """Describe the image in focus.

    Parameters
    ----------
    handle
        What is written.
    array
        Its pixels in the order of the file: letters of the planes, then ``YX`` or ``YXS``.
    first
        Index of its first directory.
    levels
        How many resolution levels are written.
    palette
        Whether the colour map is.

    Returns
    -------
    tuple
        The image, and what is known of it and has no place there.
    """
    scene, dims = handle.scene, array.dims
    samples = dims.get("S", 1)
    unfolded = Dims(dims.order[: dims.order.index("Y")], dims.shape[: dims.order.index("Y")])
    count = modulo_axes.sizes(dims)
    sizes = Dims(
        f"{count.order}YX",
        (*(n * (samples if c == "C" else 1) for c, n in count.items()), *dims["Y", "X"]),
    )
    planes, lost = _planes_in_focus(handle, unfolded)
    image = OmeImage(
        name=scene.name,
        order=sizes.order,
        sizes=sizes,
        channels=tuple(
            attrs.evolve(channel, samples=samples)
            for channel in handle.channels
            for _ in range(count.C // len(handle.channels))
        ),
        pixel_size=handle.pixel_size,
        time_step=handle.time_step,
        acquired=scene.acquired,
        objective=scene.objective,
        planes=None if planes is None else attrs.evolve(planes, dims=count),
        tiff_data=(TiffData(first, int(np.prod(count.shape)), 0, 0, 0, None, None),),
        modulo=modulo_axes.annotations(handle, array, _said(handle) if len(unfolded) > 3 else {}),
    )
    return image, (*lost, *_without_place(handle, array, levels, palette=palette))


def _said(handle: ImageHandle) -> Mapping[str, Modulo]:
    """Return what an OME-TIFF says of its folded dimensions, by letter."""
    if handle.format != "ome-tiff" or handle.metadata is None:
        return {}
    try:
        images = parse_ome(handle.metadata).images
    except CorruptFileError:
        return {}  # the reader has told it
    found = images[handle.scene_index].modulo if len(images) == len(handle.scenes) else ()
    return {modulo.letter: modulo for modulo in found}


# ---------------------------------------------------------------- planes


def _planes_in_focus(
    handle: ImageHandle, wanted: Dims
) -> tuple[Planes | None, tuple[Diagnostic, ...]]:
    """Pick the facts of the planes that are written; those told for fewer letters hold for all positions of others."""
    planes = _with_times(handle.scene, handle.array.stored)
    if planes is None:
        return None, ()
    stored, picks = handle.array.stored, handle.array.view.picks
    positions: list[npt.NDArray[np.intp]] = []
    for letter, size in planes.dims.items():
        if letter in stored and stored[letter] == size:
            positions.append(np.atleast_1d(np.array(picks[stored.order.index(letter)])))
        elif size == 1:
            positions.append(np.zeros(1, np.intp))
        else:
            return None, (
                _note(handle, f"times and positions of planes: they run over {planes.dims}"),
            )
    shown = Dims(planes.dims.order, tuple(map(len, positions)))
    if any(shown[letter] != wanted.get(letter, 1) for letter in shown):
        return None, (
            _note(
                handle,
                f"times and positions of planes: they run over {shown}, the image over {wanted}",
            ),
        )
    picked = {name: _column(planes, name, positions, wanted) for name in _COLUMNS}
    return Planes(wanted, **picked), ()


def _column(
    planes: Planes, name: str, positions: list[npt.NDArray[np.intp]], wanted: Dims
) -> bytes | None:
    column = planes.column(name)
    if column is None:
        return None
    kept = column[np.ix_(*positions)] if positions else column
    shared = [
        letter for letter in planes.dims if letter in wanted
    ]  # others have one position by now
    squeezed = kept.reshape([kept.shape[planes.dims.order.index(letter)] for letter in shared])
    ordered = squeezed.transpose([shared.index(letter) for letter in wanted if letter in shared])
    spread = ordered.reshape([size if letter in shared else 1 for letter, size in wanted.items()])
    return np.broadcast_to(spread, wanted.shape).astype("<f8").tobytes()


def _times(scene: Scene, stored: Dims) -> Coordinate | None:
    """Return the times that a file gives for the positions of T."""
    size = stored.get("T", 0)
    return next(
        (a for a in scene.coordinates if (a.letter, a.unit, len(a.values)) == ("T", "s", size)),
        None,
    )


def _with_times(scene: Scene, stored: Dims) -> Planes | None:
    """Complete the planes by the times of T, where they have none of their own."""
    times, planes = _times(scene, stored), scene.planes
    if times is None or (planes is not None and planes.time is not None):
        return planes
    values = np.array(times.values, "<f8")
    if planes is None:
        return Planes(Dims("T", (len(values),)), time=values.tobytes())
    if planes.dims.get("T", 0) != len(values):
        return planes
    along = values.reshape([-1 if letter == "T" else 1 for letter in planes.dims])
    return attrs.evolve(
        planes, time=np.broadcast_to(along, planes.dims.shape).astype("<f8").tobytes()
    )


def _same_times(scene: Scene, stored: Dims) -> bool:
    """Whether the planes tell the times of T."""
    times, planes = _times(scene, stored), _with_times(scene, stored)
    column = None if planes is None else planes.column("time")
    if (
        times is None
        or planes is None
        or column is None
        or planes.dims.get("T", 0) != len(times.values)
    ):
        return False
    along = np.array(times.values).reshape([-1 if letter == "T" else 1 for letter in planes.dims])
    return bool((column == along).all())


# ---------------------------------------------------------------- what has no place


def _without_place(
    handle: ImageHandle, array: LazyArray, levels: int, *, palette: bool
) -> list[Diagnostic]:
    scene = handle.scene
    notes = []
    if len(scene.levels) > 1 and levels == 1:
        notes.append(
            _note(
                handle,
                f"{len(scene.levels) - 1} other resolution levels: level {handle.level} is written",
            )
        )
    if scene.tiles is not None:
        notes.append(_note(handle, f"positions of {len(scene.tiles)} mosaic tiles"))
    if scene.color_map is not None and not palette:
        notes.append(_note(handle, "the colour map: the pixels are its indices"))
    for axis in scene.coordinates:
        kept = axis.letter in array.dims.order.translate({ord(c): None for c in "TCZYXS"}) or (
            axis.letter == "T" and _same_times(scene, array.stored)
        )
        if not kept:
            notes.append(_note(handle, f"values along {axis.letter}, {len(axis.values)} of them"))
    return notes


def _note(handle: ImageHandle, what: str) -> Diagnostic:
    return Diagnostic("not-kept", what, handle.scene.name)


# ---------------------------------------------------------------- where it comes from


def origin(handle: ImageHandle, array: LazyArray) -> Origin | None:
    """Say which image of which OME document this is, and which of its planes and pixels; ``None`` without OME."""
    if handle.format != "ome-tiff" or not handle.metadata:
        return None
    own = not any(note.code == "named-axes" for note in handle.diagnostics)
    stored, picks = array.stored, dict(zip(array.stored.order, array.view.picks, strict=True))
    rows, columns = (_window(picks.get(letter, 0)) for letter in "YX")
    frame = None
    if rows is not None and columns is not None and own:
        full = handle.levels[0].stored
        down, across = (full.get(letter, 1) / stored.get(letter, 1) for letter in "YX")
        frame = Frame(*_affine(columns, across), *_affine(rows, down))
    return Origin(
        text=handle.metadata,
        number=handle.scene_index,
        images=len(handle.scenes),
        positions=tuple(
            (letter, _positions(letter, array, picks) if own else None) for letter in "TCZ"
        ),
        frame=frame,
        scene=handle.scene.name,
        whole=handle.level == 0
        and all(picks.get(letter) == range(stored.get(letter, 0)) for letter in "YX"),
        unscaled="".join(
            c for c in "XYZ" if _unscaled(picks.get(c, 0)) and (c == "Z" or handle.level == 0)
        ),
        unfolded=tuple(letter for letter in stored.order if letter not in "TCZYXS"),
    )


def _window(pick: Pick) -> range | None:
    pick = range(pick, pick + 1) if isinstance(pick, int) else pick
    return pick if isinstance(pick, range) else None


def _unscaled(pick: Pick) -> bool:
    return (
        isinstance(pick, int) or len(pick) == 1 or (isinstance(pick, range) and abs(pick.step) == 1)
    )


def _affine(pick: range, ratio: float) -> tuple[float, float]:
    """Return scale and shift from full resolution to what is picked of a level ``ratio`` times smaller."""
    step = pick.step if len(pick) > 1 else 1
    # A mirrored pixel begins where it ended.
    start = pick.start if step > 0 else pick.start + 1
    return 1 / (ratio * step), -start / step


def _positions(letter: str, array: LazyArray, picks: Mapping[str, Pick]) -> tuple[int, ...] | None:
    """Return the position in the source of each position in the file, both with what is folded into them."""
    stored, dims = array.stored, array.dims
    folded = next((own for own, into in modulo_axes.in_file(dims).items() if into == letter), None)
    if letter not in stored:
        return (0,) if folded is None else None
    behind = stored.order[stored.order.index(letter) + 1 :][:1]
    inner = behind if behind not in {"", *"TCZYXS"} else None
    if folded not in {None, inner}:
        return None
    outer_positions = _all(picks[letter])
    if inner is None:
        return outer_positions
    inner_positions = _all(picks[inner])
    if folded is None and len(inner_positions) != 1:
        return None
    return tuple(a * stored[inner] + b for a in outer_positions for b in inner_positions)


def _all(pick: Pick) -> tuple[int, ...]:
    return (pick,) if isinstance(pick, int) else tuple(pick)
