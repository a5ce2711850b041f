"""Where the pixels of a layer lie: step, first centre and unit along each axis.

Rule kept here: the positions are those of ``to_xarray``, moved by the origin of the scene. An axis
of unknown or uneven spacing is counted in pixels.
"""

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._ome.units import micrometres_per, seconds_per
from aicsio.arrays.xarray import AxisCoordinates, axis_coordinates
from aicsio.records import ImageHandle, Origin

__all__ = ["AxisPlace", "axis_places"]

PIXEL, LENGTH, TIME = "pixel", "micrometer", "second"
"""Words of pint."""
EVEN = 0.01
"""Part of a step by which coordinates may differ from even ones: files round them to a few
digits."""


@attrs.frozen
class AxisPlace:
    """Step and position along one axis of a layer."""

    step: float = 1.0
    """From one pixel to the next; negative where positions were picked backwards."""
    start: float = 0.0
    """Centre of the first pixel."""
    unit: str = PIXEL
    """A word of pint: ``pixel``, ``micrometer`` or ``second``."""


def axis_places(
    handle: ImageHandle, letters: str, *, fallback: Origin | None = None
) -> tuple[AxisPlace, ...]:
    """Return where the pixels of the array in focus lie, along each of the letters.

    Parameters
    ----------
    handle
        An opened image.
    letters
        Axes of the layer; those that the image lacks are counted in pixels.
    fallback
        Positions of the first pixel in micrometres, for axes along which the scene states none.

    Returns
    -------
    tuple of AxisPlace
        One for each letter.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import PixelSize, open_image, transpose_to
    >>> from aicsio.plugins.napari.geometry import axis_places
    >>> image = open_image(np.zeros((8, 8)), dims="YX", pixel_size=PixelSize(Y=0.5, X=0.25))
    >>> axis_places(transpose_to(image, "YX", X=slice(4, 8)), "X")
    (AxisPlace(step=0.25, start=1.0, unit='micrometer'),)
    """
    known = {axis.letter: axis for axis in axis_coordinates(handle)}
    places = []
    for letter in letters:
        place = AxisPlace()
        if letter in known and letter not in "CS":
            place = _place_of(handle, known[letter])
        # Positions count from the first pixel of full resolution; the origin is its place on the
        # stage.
        if letter in "ZYX" and place.unit == LENGTH:
            first = getattr(handle.scene.origin, letter)
            if first is None and fallback is not None:
                first = getattr(fallback, letter)
            place = attrs.evolve(place, start=place.start + (first or 0.0))
        places.append(place)
    return tuple(places)


def _place_of(handle: ImageHandle, axis: AxisCoordinates) -> AxisPlace:
    unit = axis.attributes.get("units")
    for factor, word in ((micrometres_per(unit), LENGTH), (seconds_per(unit), TIME)):
        if factor is None:
            continue
        step = _even_step(axis.values * factor)
        if step is None:
            step = _known_step(handle, axis.letter)
        if step is None:
            break
        return AxisPlace(step, float(axis.values[0]) * factor, word)
    return AxisPlace()


def _even_step(values: npt.NDArray[np.float64]) -> float | None:
    """Return the step between coordinates; ``None`` where it is uneven, or there is but one."""
    if len(values) < 2:
        return None
    # From end to end, so that the rounding of single coordinates does not count.
    step = float(values[-1] - values[0]) / (len(values) - 1)
    steps = np.diff(values)
    if step == 0 or not np.isfinite(step) or np.abs(steps - step).max() > EVEN * abs(step):
        return None
    return step


def _known_step(handle: ImageHandle, letter: str) -> float | None:
    """Return the step that the records state, of times that jitter and of a single position."""
    if letter == "T":
        return handle.time_step
    if letter in "ZYX":
        size: float | None = getattr(handle.pixel_size, letter)
        return size
    return None
