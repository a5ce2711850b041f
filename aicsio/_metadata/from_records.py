"""The image in focus as a record of OME: picks applied, in the order of the file.

Rule kept here: pure functions of the handle. Metadata without a place in OME-TIFF is reported in a
diagnostic.
"""

from collections.abc import Mapping, Sequence

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._metadata import folding
from aicsio._ome.document import parse_ome
from aicsio._ome.model import PLANE_COLUMNS, Modulo, OmeImage, TiffData
from aicsio.errors import CorruptFileError
from aicsio.records import (
    Channel,
    Coordinate,
    Diagnostic,
    Dims,
    ImageHandle,
    LazyArray,
    Pick,
    Planes,
    Scene,
)


def describe(
    handle: ImageHandle,
    array: LazyArray,
    first_directory: int = 0,
    *,
    level_count: int = 1,
    keeps_color_map: bool = False,
    beside_ngff: bool = False,
) -> tuple[OmeImage, tuple[Diagnostic, ...]]:
    """Describe the image in focus.

    Parameters
    ----------
    handle
        The image.
    array
        Its pixels in the order of the file: letters of the planes, then ``YX`` or ``YXS``.
    first_directory
        Index of its first directory.
    level_count
        Number of resolution levels that are written.
    keeps_color_map
        Whether the colour map is written.
    beside_ngff
        Whether NGFF metadata stand beside the text: windows of channels and the place of the first
        pixel are written there.

    Returns
    -------
    tuple
        The image, and the metadata that has no place there.
    """
    scene, dims = handle.scene, array.dims
    samples = dims.get("S", 1)
    row = dims.order.index("Y")
    # Letters in front of Y count planes, folded dimensions each for itself.
    unfolded = Dims(dims.order[:row], dims.shape[:row])
    plane_dims = folding.plane_dims(dims)
    # SizeC counts samples, planes do not.
    counts = [size * samples if c == "C" else size for c, size in plane_dims.items()]
    sizes = Dims(f"{plane_dims.order}YX", (*counts, *dims["Y", "X"]))
    planes, without_place = _planes_in_focus(handle, unfolded)
    source_modulo = _source_modulo(handle) if len(unfolded) > 3 else {}
    image = OmeImage(
        name=scene.name,
        order=sizes.order,
        sizes=sizes,
        channels=_repeat_channels(handle.channels, plane_dims.C, samples),
        pixel_size=handle.pixel_size,
        time_step=handle.time_step,
        acquired=scene.acquired,
        objective=scene.objective,
        planes=None if planes is None else attrs.evolve(planes, dims=plane_dims),
        tiff_data=(TiffData(first_directory, int(np.prod(plane_dims.shape)), 0, 0, 0, None, None),),
        modulo=folding.annotations(handle, array, source_modulo),
    )
    dropped = _without_place(handle, array, level_count, keeps_color_map=keeps_color_map)
    dropped += _quantities_without_place(handle)
    if not beside_ngff:
        dropped += _fields_of_ngff(handle)
    return image, (*without_place, *dropped)


def _repeat_channels(
    channels: tuple[Channel, ...], count: int, samples: int
) -> tuple[Channel, ...]:
    """Give each position of C its channel; a dimension folded into C repeats each of them."""
    # `handle.channels` picks along C each time it is asked for, so it is asked once for all.
    # Folded positions run faster than C: each channel has ``repeats`` of them in a row.
    repeats = count // len(channels)
    stored = [attrs.evolve(channel, samples=samples) for channel in channels]
    return tuple(channel for channel in stored for _ in range(repeats))


def _source_modulo(handle: ImageHandle) -> Mapping[str, Modulo]:
    """Return the folded dimensions that an OME-TIFF describes, by letter."""
    if handle.format != "ome-tiff" or handle.metadata is None:
        return {}
    try:
        images = parse_ome(handle.metadata).images
    except CorruptFileError:
        return {}  # the reader has reported it
    number, image_count = place_in_document(handle)
    if len(images) != image_count:
        return {}
    return {modulo.letter: modulo for modulo in images[number].modulo}


def place_in_document(handle: ImageHandle) -> tuple[int, int]:
    """Return the number of the scene's image in the metadata, and how many images there are."""
    part = handle.scene.part
    if part is None:
        return handle.scene_index, len(handle.scenes)
    # Each image has a scene, if only one without pixels.
    numbers = [scene.part.image for scene in handle.scenes if scene.part is not None]
    return part.image, max(numbers) + 1


# ---------------------------------------------------------------- planes


def _planes_in_focus(
    handle: ImageHandle, written: Dims
) -> tuple[Planes | None, tuple[Diagnostic, ...]]:
    """Pick the facts of the planes that are written.

    Facts that are stored along fewer letters hold for all positions of the others.
    """
    planes = _with_times(handle.scene, handle.array.stored)
    if planes is None:
        return None, ()
    stored, picks = handle.array.stored, handle.array.view.picks
    if planes.dims == written and _all_are_picked(written, stored, picks):
        return planes, ()
    positions: list[npt.NDArray[np.intp]] = []
    for letter, size in planes.dims.items():
        # Facts along an axis follow its picks; one fact for all positions stays one.
        if letter in stored and stored[letter] == size:
            positions.append(np.atleast_1d(np.array(picks[stored.order.index(letter)])))
        elif size == 1:
            positions.append(np.zeros(1, np.intp))
        else:
            message = f"times and positions of planes: they run over {planes.dims}"
            return None, (_not_kept(handle, message),)
    picked = Dims(planes.dims.order, tuple(map(len, positions)))
    if any(picked[letter] != written.get(letter, 1) for letter in picked):
        message = f"times and positions of planes: they run over {picked}, the image over {written}"
        return None, (_not_kept(handle, message),)
    columns = {name: _pick_column(planes, name, positions, written) for name in PLANE_COLUMNS}
    return Planes(written, **columns, start=planes.start), ()


def _all_are_picked(written: Dims, stored: Dims, picks: Sequence[Pick]) -> bool:
    """Whether all positions of all letters are picked, in their order: whole scenes are."""
    return all(
        letter in stored
        and stored[letter] == size
        and picks[stored.order.index(letter)] == range(size)
        for letter, size in written.items()
    )


def _pick_column(
    planes: Planes, name: str, positions: list[npt.NDArray[np.intp]], written: Dims
) -> bytes | None:
    """Pick positions of a column, put its axes in the order of the file, and repeat it along the others."""
    column = planes.column(name)
    if column is None:
        return None
    picked = column[np.ix_(*positions)] if positions else column
    # Letters that are not written have one position by now.
    shared = [letter for letter in planes.dims if letter in written]
    squeezed = picked.reshape([written[letter] for letter in shared])
    ordered = squeezed.transpose([shared.index(letter) for letter in written if letter in shared])
    spread = ordered.reshape([size if letter in shared else 1 for letter, size in written.items()])
    return np.broadcast_to(spread, written.shape).astype("<f8").tobytes()


def _times(scene: Scene, stored: Dims) -> Coordinate | None:
    """Return the times in seconds that a file gives for the positions of T."""
    size = stored.get("T", 0)
    for axis in scene.coordinates:
        if (axis.letter, axis.unit, len(axis.values)) == ("T", "s", size):
            return axis
    return None


def _with_times(scene: Scene, stored: Dims) -> Planes | None:
    """Complete the planes by the times of T, where they have none of their own."""
    times, planes = _times(scene, stored), scene.planes
    if times is None or (planes is not None and planes.time is not None):
        return planes
    if planes is None:
        column = np.array(times.values, "<f8")
        return Planes(Dims("T", (len(column),)), time=column.tobytes())
    if planes.dims.get("T", 0) != len(times.values):
        return planes
    along_t = np.broadcast_to(_along_t(times, planes), planes.dims.shape)
    return attrs.evolve(planes, time=along_t.astype("<f8").tobytes())


def _along_t(times: Coordinate, planes: Planes) -> npt.NDArray[np.float64]:
    """Return times that broadcast over the planes."""
    shape = [-1 if letter == "T" else 1 for letter in planes.dims]
    return np.array(times.values, np.float64).reshape(shape)


def _planes_hold_times(scene: Scene, stored: Dims) -> bool:
    """Whether the times of the planes are the times of T."""
    times, planes = _times(scene, stored), _with_times(scene, stored)
    if times is None or planes is None or planes.dims.get("T", 0) != len(times.values):
        return False
    column = planes.column("time")
    return column is not None and bool((column == _along_t(times, planes)).all())


# ---------------------------------------------------------------- metadata without a place


def _without_place(
    handle: ImageHandle, array: LazyArray, level_count: int, *, keeps_color_map: bool
) -> list[Diagnostic]:
    scene = handle.scene
    messages = []
    if len(scene.levels) > 1 and level_count == 1:
        others = len(scene.levels) - 1
        messages.append(f"{others} other resolution levels: level {handle.level} is written")
    if scene.tiles is not None:
        messages.append(f"positions of {len(scene.tiles)} mosaic tiles")
    if scene.color_map is not None and not keeps_color_map:
        messages.append("the colour map: the pixels are its indices")
    folded = folding.in_file(array.dims)
    for axis in scene.coordinates:
        in_planes = axis.letter == "T" and _planes_hold_times(scene, array.stored)
        if axis.letter not in folded and not in_planes:
            messages.append(f"values along {axis.letter}, {len(axis.values)} of them")
    return [_not_kept(handle, message) for message in messages]


def _quantities_without_place(handle: ImageHandle) -> list[Diagnostic]:
    """Report quantities of channels: the schema of OME has no attribute for them."""
    channels = handle.channels
    quantities = [channel.quantity for channel in channels if channel.quantity is not None]
    if not quantities:
        return []
    shown = ", ".join(dict.fromkeys(quantities))[:200]
    return [_not_kept(handle, f"measured quantities of {len(quantities)} channels: {shown}")]


def _fields_of_ngff(handle: ImageHandle) -> list[Diagnostic]:
    """Report fields for which NGFF has a place and OME-XML has none."""
    messages = []
    windows = sum(channel.window is not None for channel in handle.channels)
    if windows:
        messages.append(f"windows of displayed values of {windows} channels")
    # Plane@PositionX is where the stage stood (OME 2016-06), not where a pixel lies.
    places = zip("ZYX", handle.scene.origin, strict=True)
    stated = [f"{letter}={place:g}" for letter, place in places if place]
    if stated:
        messages.append(f"the place of the first pixel: {', '.join(stated)} micrometres")
    return [_not_kept(handle, message) for message in messages]


def _not_kept(handle: ImageHandle, message: str) -> Diagnostic:
    return Diagnostic("not-kept", message, handle.scene.name)
