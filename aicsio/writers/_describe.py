"""What is known of the pixels in focus, as the records of OME: picks applied, in the order of the file.

Rule kept here: pure functions of the handle. What OME-TIFF could not be told is named in a diagnostic.
"""

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._ome import OmeImage, TiffData
from aicsio.records import Diagnostic, Dims, ImageHandle, LazyArray, Planes

_COLUMNS = ("time", "exposure", "x", "y", "z")


def described(
    handle: ImageHandle, array: LazyArray, first: int = 0, *, new_file: bool = True
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
    new_file
        Whether this is the first image of its source; facts of the file as a whole are named once.

    Returns
    -------
    tuple
        The image, and what is known of it and has no place there.
    """
    scene, dims = handle.scene, array.dims
    samples = dims.get("S", 1)
    order = dims.order[:5]
    sizes = Dims(order, tuple(dims[letter] * (samples if letter == "C" else 1) for letter in order))
    planes, lost = _planes_in_focus(handle, Dims(order[:3], dims.shape[:3]))
    count = int(np.prod(dims.shape[:3]))
    image = OmeImage(
        name=scene.name,
        order=order,
        sizes=sizes,
        channels=tuple(attrs.evolve(channel, samples=samples) for channel in handle.channels),
        pixel_size=handle.pixel_size,
        time_step=handle.time_step,
        acquired=scene.acquired,
        objective=scene.objective,
        planes=planes,
        tiff_data=(TiffData(first, count, 0, 0, 0, None, None),),
    )
    return image, (*lost, *_without_place(handle, new_file=new_file))


def _planes_in_focus(handle: ImageHandle, wanted: Dims) -> tuple[Planes | None, tuple[Diagnostic, ...]]:
    """Pick the facts of the planes that are written."""
    planes = handle.scene.planes
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
            return None, (_note(handle, f"times and positions of planes: they run over {planes.dims}"),)
    shown = Dims(planes.dims.order, tuple(map(len, positions)))
    if any(shown.get(letter, 1) != size for letter, size in wanted.items()):
        return None, (_note(handle, f"times and positions of planes: they run over {shown}, the image over {wanted}"),)
    picked = {name: _column(planes, name, positions, wanted) for name in _COLUMNS}
    return Planes(wanted, **picked), ()


def _column(planes: Planes, name: str, positions: list[npt.NDArray[np.intp]], wanted: Dims) -> bytes | None:
    column = planes.column(name)
    if column is None:
        return None
    kept = column[np.ix_(*positions)] if positions else column
    # Letters that are not wanted have one position by now, and wanted ones that the table lacks too.
    shared = [letter for letter in planes.dims if letter in wanted]
    squeezed = kept.reshape([kept.shape[planes.dims.order.index(letter)] for letter in shared])
    ordered = squeezed.transpose([shared.index(letter) for letter in wanted if letter in shared])
    return ordered.reshape(wanted.shape).astype("<f8").tobytes()


def _without_place(handle: ImageHandle, *, new_file: bool) -> list[Diagnostic]:
    scene = handle.scene
    notes = []
    if handle.metadata and new_file:
        notes.append(_note(handle, f"the metadata text of the source ({len(handle.metadata):,} characters)"))
    if len(scene.levels) > 1:
        notes.append(_note(handle, f"{len(scene.levels) - 1} other resolution levels: level {handle.level} is written"))
    if scene.tiles is not None:
        notes.append(_note(handle, f"positions of {len(scene.tiles)} mosaic tiles"))
    if scene.color_map is not None:
        notes.append(_note(handle, "the colour map: the pixels are its indices"))
    notes += [_note(handle, f"values along {axis.letter}, {len(axis.values)} of them") for axis in scene.coordinates]
    return notes


def _note(handle: ImageHandle, what: str) -> Diagnostic:
    return Diagnostic("not-kept", what, handle.scene.name)
