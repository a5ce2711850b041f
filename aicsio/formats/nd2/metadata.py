"""Metadata of an ND2 file to records: channels, objective, sizes, dates, facts of planes.

Rule kept here: numbers that NIS-Elements writes for "unknown" (-1, 0) become None.

Source of the facts: as for ``chunks``, chunks ``ImageMetadataSeq|0`` (picture planes, calibration,
objective), ``ImageTextInfo`` and ``CustomData``.
"""

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from aicsio._ome.lenses import read_engraving
from aicsio.formats.nd2.experiment import FrameOrder
from aicsio.formats.nd2.fields import level, levels, number, positive, text, whole
from aicsio.formats.nd2.modes import read_mask
from aicsio.formats.nd2.variants import Tree
from aicsio.records import Channel, Dims, Objective, PixelSize, Planes

UNIX_EPOCH: Final = 2440587.5
"""Julian date of 1970-01-01, 0 h UTC."""
FIRST_TAKEN: Final = 2444239.5
"""Julian date of 1980-01-01: PCs count from there, so earlier dates are no acquisition."""
LINE: Final = 4
"""``eType`` of a point that is a line of a laser, as against a point of a curve."""

Column = npt.NDArray[np.float64]


def find_planes(sequence: Tree) -> list[Tree]:
    """Return the picture planes, one a channel; NIS-Elements 3 calls them otherwise."""
    pictures = level(sequence, "sPicturePlanes")
    return levels(pictures.get("sPlaneNew") or pictures.get("sPlane"))


def describe_channels(planes: list[Tree], count: int, samples: int) -> tuple[Channel, ...]:
    """Describe the channels.

    Parameters
    ----------
    planes
        Picture planes.
    count
        Channels of the image.
    samples
        Samples of each.

    Returns
    -------
    One record a channel; without names where the file has another number of planes.
    """
    if len(planes) != count:
        return (Channel(samples=samples),) * count
    return tuple(_describe_channel(plane, index, samples) for index, plane in enumerate(planes))


def _describe_channel(plane: Tree, index: int, samples: int) -> Channel:
    name, probe = text(plane.get("sDescription")), level(plane, "pFluorescentProbe")
    if samples > 1:
        # A colour image has no colour of its own: its samples are red, green and blue.
        return Channel(name=name, samples=samples)
    first = next(iter(levels(level(plane, "pFilterPath").get("m_pFilter"))), {})
    taken = read_mask(plane.get("uiModalityMask"))
    return Channel(
        name=name,
        color=_parse_color(plane.get("uiColor")),
        emission=_peak(probe, "m_EmissionSpectrum") or _peak(first, "m_EmissionSpectrum"),
        excitation=_excitation(probe, first, index),
        fluor=text(probe.get("m_sName")),
        pinhole_size=positive(plane.get("dPinholeDiameter")),
        acquisition_mode=taken.get("acquisition_mode"),
        illumination_type=taken.get("illumination_type"),
        contrast_method=taken.get("contrast_method"),
    )


def _parse_color(value: Any) -> int | None:
    """Turn 0x00BBGGRR into 0xRRGGBBAA."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return None
    red, green, blue = value & 0xFF, value >> 8 & 0xFF, value >> 16 & 0xFF
    return red << 24 | green << 16 | blue << 8 | 0xFF


def _excitation(probe: Tree, first_filter: Tree, index: int) -> float | None:
    found = _peak(probe, "m_ExcitationSpectrum")
    if found is not None:
        return found
    points = levels(level(first_filter, "m_ExcitationSpectrum").get("pPoint"))
    # One list of all lasers stands in the filter of each channel: its own has its number.
    if len(points) > 1 and all(point.get("eType") == LINE for point in points):
        own = points[index : index + 1]
        return _wavelength(own[0]) if own else None
    return _peak(first_filter, "m_ExcitationSpectrum")


def _peak(tree: Tree, name: str) -> float | None:
    """Return the wavelength where a spectrum is highest."""
    points = levels(level(tree, name).get("pPoint"))
    if not points:
        return None
    return _wavelength(max(points, key=lambda point: number(point.get("dTValue")) or 0.0))


def _wavelength(point: Tree) -> float | None:
    return positive(point.get("dWavelength"))


def parse_objective(sequence: Tree) -> Objective | None:
    """Return the objective, or None if the file names none."""
    name = text(sequence.get("wsObjectiveName"))
    first = next(iter(_settings(sequence)), {})
    magnification = positive(level(first, "pObjectiveSetting").get("dObjectiveMag"))
    magnification = magnification or positive(sequence.get("dObjectiveMag"))
    if magnification is None and name is not None:
        # NIS-Elements 4 gives the number in the name alone: "Plan Apo 60x".
        magnification = positive(read_engraving(name).magnification)
    aperture = positive(sequence.get("dObjectiveNA"))
    if name is None and magnification is None and aperture is None:
        return None
    return Objective(name, magnification, aperture)


def _settings(sequence: Tree) -> list[Tree]:
    """Return the settings of each sample, which is what one camera or detector takes at once."""
    return levels(level(sequence, "sPicturePlanes").get("sSampleSetting"))


def find_exposures(sequence: Tree) -> tuple[float, ...]:
    """Return the exposure of each channel in seconds; empty unless all have one."""
    settings = _settings(sequence)
    exposures = []
    for plane in find_planes(sequence):
        index = whole(plane.get("uiSampleIndex"))
        milliseconds = None
        if index < len(settings):
            milliseconds = positive(settings[index].get("dExposureTime"))
        if milliseconds is None:
            return ()
        exposures.append(milliseconds / 1000)
    return tuple(exposures)


def parse_pixel_size(sequence: Tree, frames: FrameOrder) -> PixelSize:
    """Return the pixel size: the calibration if there is one, and the step of the Z loop."""
    size = None
    if sequence.get("bCalibrated", True):
        size = positive(sequence.get("dCalibration"))
    step = next((loop.step for loop in frames.loops if loop.letter == "Z"), None)
    return PixelSize(step, size, size)


def parse_date(sequence: Tree) -> str | None:
    """Return the start of the acquisition as ISO 8601, UTC; it is stored as a Julian date."""
    julian = number(sequence.get("dTimeAbsolute"))
    if julian is None or not FIRST_TAKEN <= julian < 5373484.5:  # year 9999
        return None
    # A Julian date of today, as a float64, has a resolution of 40 microseconds.
    seconds = round((julian - UNIX_EPOCH) * 86400, 3)
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat()


# ---------------------------------------------------------------- planes


def describe_planes(
    frames: FrameOrder,
    position: int,
    columns: dict[str, Column],
    sequence: Tree,
    exposures: tuple[float, ...],
) -> Planes | None:
    """Give times, exposures and positions of the stage to the planes of one scene.

    Parameters
    ----------
    frames
        Numbers of frames by place.
    position
        Position of the stage.
    columns
        By name (``time`` and ``exposure`` in seconds, ``x``, ``y``, ``z`` in micrometres), one
        value a frame, in the order of the file.
    sequence
        Metadata of the first frame, for files without columns.
    exposures
        One a channel in seconds, as ``find_exposures`` returns them.

    Returns
    -------
    Times count from the first plane of the scene; ``None`` if the file has no such fact.
    """
    numbers = frames.numbers[position]
    found = _columns_of_scene(frames, position, columns)
    if "x" not in found:
        for name, value in _stage_position(frames, position, sequence).items():
            found[name] = np.full(numbers.size, value)
    if "time" in found and found["time"].size:
        found["time"] = found["time"] - found["time"][0]
    dims = Dims(frames.letters, numbers.shape)
    if exposures and not _agree(found.get("exposure"), exposures):
        # The column is that of a camera: a scanner's frames take longer than its samples.
        dims = Dims(frames.letters + "C", (*numbers.shape, len(exposures)))
        if len(exposures) > 1:
            # Times and positions are those of a frame: each of its channels repeats them.
            found = {name: np.repeat(column, len(exposures)) for name, column in found.items()}
        found["exposure"] = np.array(exposures * numbers.size)
    kept = {}
    for name, column in found.items():
        # The first number answers for most columns: a search takes three calls of numpy.
        if column.size and (math.isfinite(column.item(0)) or np.count_nonzero(np.isfinite(column))):
            kept[name] = column.astype("<f8", copy=False).tobytes()
    return Planes(dims, **kept, start=None) if kept else None


def _columns_of_scene(
    frames: FrameOrder, position: int, columns: dict[str, Column]
) -> dict[str, Column]:
    """Return the values of one position, in the order of its planes."""
    numbers = frames.numbers[position]
    count = numbers.size
    start = position * count
    found: dict[str, Column] = {}
    for name, column in columns.items():
        if frames.is_in_order and column.size >= start + count:
            found[name] = column[start : start + count]
        # Frames that were planned and not taken have no value.
        elif column.size > numbers.max(initial=0):
            found[name] = column[numbers.reshape(-1)]
        elif column.size:
            # np.where computes both sides: places beyond the column look up row 0, then become NaN.
            rows = numbers.reshape(-1)
            inside = rows < column.size
            found[name] = np.where(inside, column[np.where(inside, rows, 0)], np.nan)
    return found


def _agree(column: Column | None, exposures: tuple[float, ...]) -> bool:
    """Return whether the column of the camera begins with the exposure of all channels."""
    if column is None or not column.size:
        return False
    return all(math.isclose(column.item(0), one, rel_tol=0.01) for one in exposures)


def _stage_position(frames: FrameOrder, position: int, sequence: Tree) -> dict[str, float]:
    """Return x and y of a position of the stage, for files without columns."""
    if position < len(frames.points):
        point = frames.points[position]
        return {"x": point.x, "y": point.y}
    if frames.points:
        return {}
    found = {"x": number(sequence.get("dXPos")), "y": number(sequence.get("dYPos"))}
    return {name: value for name, value in found.items() if value is not None}
