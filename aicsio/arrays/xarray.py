"""Pixels of a handle as an xarray, with coordinates and attributes that netCDF and Zarr can store.

Rule kept here: names, coordinates and attributes are plain texts and numbers, so that
``to_netcdf`` and ``to_zarr`` accept every image and give back the same values.
"""

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.arrays.chunks import Chunks
from aicsio.arrays.read import to_dask, to_numpy
from aicsio.errors import ImageTooLargeError, MissingDependencyError
from aicsio.records import Coordinate, ImageHandle, Pick
from aicsio.steps.verbs import overloaded_verb

if TYPE_CHECKING:
    import xarray

    from aicsio.arrays.ranked import XarrayPixels, XarrayStep
    from aicsio.records.shapes import Shape

__all__ = ["to_xarray"]

Attribute: TypeAlias = str | int | float

_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
"""Characters that name no variable: ``/`` begins a group in netCDF-4 and Zarr, control characters
are forbidden (netCDF Users Guide, "Permitted Characters in NetCDF Names"), and Windows refuses the
others in the names of folders, which Zarr arrays are."""
MOST_COORDINATES = 100_000_000
"""Positions along one axis, of which xarray keeps a table: 0.8 GB for this many."""
MOST_NAME_BYTES = 200
"""Bytes of a name: netCDF allows 256 (``NC_MAX_NAME``), file systems mostly 255 for a folder."""
_UNIT_SYMBOLS = {
    "days": "d",
    "hours": "h",
    "minutes": "min",
    "seconds": "s",
    "milliseconds": "ms",
    "microseconds": "us",
    "nanoseconds": "ns",
}
"""Words that xarray would decode to timedeltas when it loads a file (CF conventions, 4.4)."""


if TYPE_CHECKING:

    @overload
    def to_xarray(
        handle: ImageHandle[Shape], /, *, lazy: bool = False, chunks: Chunks = "auto"
    ) -> XarrayPixels[Shape]: ...
    @overload
    def to_xarray(*, lazy: bool = False, chunks: Chunks = "auto") -> XarrayStep: ...


@overloaded_verb
def to_xarray(
    handle: ImageHandle, /, *, lazy: bool = False, chunks: Chunks = "auto"
) -> "xarray.DataArray":
    """Show the pixels in focus as an xarray, with letters as dims and coordinates with units.

    Parameters
    ----------
    handle
        An opened image. Without it, the call returns a step.
    lazy
        Whether the data are a dask array; by default they are read.
    chunks
        For ``lazy``, as in ``to_dask``.

    Returns
    -------
    xarray.DataArray
        Coordinates: channel names along C, micrometres along Z, Y, X and seconds along T if the
        file has them, sample names along S. They are the centres of the pixels, counted from the
        centre of the first pixel of full resolution: at half resolution the first lies at 0.5
        pixels. Attributes are texts and numbers: ``source``, ``format``, ``scene``,
        ``scene_index``, ``level``, and where known ``pixel_size_z_um``, ``pixel_size_y_um``,
        ``pixel_size_x_um``, ``time_step_s``, ``acquired``. The name is the scene's, with ``_`` for
        characters that netCDF and Zarr refuse in names.

    Raises
    ------
    MissingDependencyError
        When xarray is not installed.
    ImageTooLargeError
        When the pixels do not fit into the free memory, unless ``lazy``, or an axis has more than
        a hundred million coordinates.
    CorruptFileError, SourceError
        As by ``to_numpy``, unless ``lazy``.
    DimensionError
        When chunks do not fit the dims.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import PixelSize, open_image, to_xarray
    >>> image = open_image(np.zeros((4, 4)), pixel_size=PixelSize(X=0.5, Y=0.5))
    >>> to_xarray(image).coords["X"].values
    array([0. , 0.5, 1. , 1.5])
    """
    try:
        import xarray as xr
    except ImportError as error:
        raise MissingDependencyError("to_xarray needs xarray: pip install xarray") from error
    data: Any = to_dask(handle, chunks=chunks) if lazy else to_numpy(handle)
    coords = {}
    for axis in axis_coordinates(handle):
        coords[axis.letter] = (axis.letter, axis.values, axis.attributes)
    shown = xr.DataArray(
        data,
        dims=tuple(handle.dims),
        coords=coords,
        attrs=attributes_of(handle),
        name=variable_name(handle.scene.name),
    )
    if handle.dtype == np.float16:
        # netCDF-4 lacks the type; float32 holds the same values. Arithmetic drops the encoding.
        shown.encoding["dtype"] = "float32"
    return shown


def attributes_of(handle: ImageHandle) -> dict[str, Attribute]:
    """Return the attributes of ``to_xarray``: texts and numbers."""
    attributes: dict[str, Attribute] = {
        # A path may hold bytes that are no UTF-8; Python keeps them as surrogates.
        "source": os.fsencode(handle.source.uri).decode(errors="replace"),
        "format": handle.format,
        "scene": _encodable(handle.scene.name),
        "scene_index": handle.scene_index,
        "level": handle.level,
    }
    for letter, size in zip("zyx", handle.pixel_size, strict=True):
        if size is not None:
            attributes[f"pixel_size_{letter}_um"] = float(size)
    if handle.time_step is not None:
        attributes["time_step_s"] = float(handle.time_step)
    if handle.scene.acquired is not None:
        attributes["acquired"] = _encodable(handle.scene.acquired)
    return attributes


def variable_name(scene_name: str) -> str | None:
    """Return a name that netCDF and Zarr store as one variable; ``None`` for an empty one."""
    name = _NOT_IN_NAMES.sub("_", _encodable(scene_name)).strip()
    name = name.encode()[:MOST_NAME_BYTES].decode(errors="ignore").strip()
    if not name:
        return None
    # netCDF names begin with a letter, a digit or "_"; Zarr reserves "__" and names of periods.
    if not (name[0].isalnum() or name[0] == "_") or name.startswith("__"):
        name = "_" + name.lstrip("_")
    # Zarr keeps its own metadata under this name.
    return f"_{name}" if name == "zarr.json" else name


def _encodable(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot hold, and leave out NUL, which ends texts of HDF5."""
    return text.replace("\0", "").encode(errors="replace").decode()


@attrs.frozen(eq=False)
class AxisCoordinates:
    """Coordinates of one axis of the result. Not a record: it lives for one call."""

    letter: str
    """The axis."""
    values: Any
    """One value per position."""
    attributes: dict[str, str] = attrs.field(factory=dict)
    """The unit, if there is one."""


def axis_coordinates(handle: ImageHandle) -> list[AxisCoordinates]:
    """Return the coordinates of the axes that have some; see ``to_xarray``."""
    array = handle.array
    axes = []
    for letter, axis in zip(array.view.letters, array.view.axes, strict=True):
        if axis < 0:
            continue  # an axis that the image lacks has no position in it
        coordinates = _coordinates_of(handle, letter, array.view.picks[axis])
        if coordinates is not None:
            axes.append(coordinates)
    return axes


def _coordinates_of(handle: ImageHandle, letter: str, pick: Pick) -> AxisCoordinates | None:
    """Return the coordinates of stored positions along one axis; ``None`` if none are known."""
    if letter == "C":
        return AxisCoordinates("C", _texts(map(_encodable, handle.channel_names)))
    if letter == "S":
        names = _sample_names(_positions(letter, pick).tolist(), handle.array.stored["S"])
        return AxisCoordinates("S", _texts(names))
    times = _times_of_planes(handle) if letter == "T" else None
    if times is not None:
        return AxisCoordinates(letter, times[_positions(letter, pick)], {"units": "s"})
    explicit = _explicit_coordinate(handle, letter)
    if explicit is not None:
        values = np.array(explicit.values, np.float64)[_positions(letter, pick)]
        return AxisCoordinates(letter, values, _units(explicit.unit))
    spacing = dict(zip("ZYX", handle.scene.pixel_size, strict=True)) | {"T": handle.scene.time_step}
    step = spacing.get(letter)
    if step is None:
        return None
    unit = "s" if letter == "T" else "um"
    positions = _positions(letter, pick)
    spacing_of_level = handle.scene.stated_spacing(handle.level, letter)
    # A stated spacing comes first: sizes, whose ratio serves below, are rounded to whole pixels.
    if handle.level and spacing_of_level is not None:
        start = _stated_start(handle, letter, step)
        centres = positions * spacing_of_level + start
        return AxisCoordinates(letter, centres, {"units": unit})
    factor = _reduction(handle, letter)
    # A pixel of a smaller level covers `factor` pixels of full resolution: its centre lies half a
    # pixel of its own behind its edge, and level 0 counts from the centre of its first pixel.
    covered = (positions + 0.5) * factor - 0.5
    return AxisCoordinates(letter, covered * step, {"units": unit})


def _stated_start(handle: ImageHandle, letter: str, step: float) -> float:
    """Return the centre of the first pixel of a level, counted from that of full resolution."""
    places = handle.scene.level_places
    first = getattr(places[0].origin, letter)
    start = getattr(places[handle.level].origin, letter)
    if None not in (first, start):
        return float(start - first)
    # Without a stated position the edges of the levels lie on each other.
    return float(getattr(places[handle.level].spacing, letter) - step) / 2


def _texts(texts: Iterable[str]) -> npt.NDArray[np.object_]:
    """Return texts of any length: the Zarr format 3 specifies no type of texts of one length."""
    return np.array(list(texts), object)


def _units(unit: str | None) -> dict[str, str]:
    if not unit:
        return {}
    return {"units": _encodable(_UNIT_SYMBOLS.get(unit, unit))}


def _sample_names(positions: Iterable[int], count: int) -> list[str]:
    # Two samples are grey and alpha, or any pair: the letters stand for colours alone.
    if count in {3, 4}:
        return ["RGBA"[position] for position in positions]
    return [f"S{position}" for position in positions]


def _times_of_planes(handle: ImageHandle) -> npt.NDArray[np.float64] | None:
    """Return the time of the first plane of each time point; ``None`` if some have none.

    Planes and coordinates show one clock: seconds since the first plane of the scene.
    """
    planes = handle.scene.planes
    seconds = None if planes is None else planes.column("time")
    if planes is None or seconds is None or planes.dims.get("T", 0) != handle.array.stored["T"]:
        return None
    # Shape (T, all other planes): the least of a row is the start of its time point.
    along = np.moveaxis(seconds, planes.dims.order.index("T"), 0).reshape(planes.dims.T, -1)
    if np.isnan(along).all(axis=1).any():
        return None
    return np.asarray(np.nanmin(along, axis=1), np.float64)


def _explicit_coordinate(handle: ImageHandle, letter: str) -> Coordinate | None:
    for coordinate in handle.scene.coordinates:
        # The values belong to full resolution: a level that is shorter along the axis has none.
        if coordinate.letter == letter and len(coordinate.values) == handle.array.stored[letter]:
            return coordinate
    return None


def _reduction(handle: ImageHandle, letter: str) -> float:
    """Return how many pixels of full resolution one of the level in focus covers."""
    full = handle.levels[0].stored
    if letter not in full:
        return 1.0
    return full[letter] / handle.array.stored[letter]


def _positions(letter: str, pick: Pick) -> npt.NDArray[np.int64]:
    """Return the stored positions that are shown along an axis.

    Raises
    ------
    ImageTooLargeError
        When there are more than ``MOST_COORDINATES``.
    """
    if isinstance(pick, int):
        return np.array([pick])
    if len(pick) > MOST_COORDINATES:
        raise ImageTooLargeError(
            f"xarray lists the coordinates of all {len(pick):,} positions of {letter}: "
            "pick a part with transpose_to"
        )
    if isinstance(pick, range):
        return np.arange(pick.start, pick.stop, pick.step)
    return np.array(pick)
