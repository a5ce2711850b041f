"""Fields of the first scene that a vendor's own metadata give, as tifffile has parsed them.

Rule kept here: a value that is missing or impossible is left out; lists are used only if their
length fits the channels or planes of the scene.

Source of the facts: the vendors' files, as tifffile documents the tags it parses (CZ_LSMINFO, UIC1
to UIC4, MM_Header, SIS), and the XML of PerkinElmer-QPI pages.
"""

import datetime as dt
import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._checks.words import count_of
from aicsio._ome.units import micrometres_per, seconds_per
from aicsio.formats._steps import report_unit, report_unusable
from aicsio.formats._tiff.dialects.lsm import STEPS, read_lsm_fields
from aicsio.formats._tiff.dialects.stk_positions import UIC2, with_signs
from aicsio.formats._tiff.makers import is_metaseries, metaseries_property
from aicsio.formats._tiff.metamorph import exposure_of, metamorph_date
from aicsio.formats._tiff.page_metadata import PageTags, iso_date, positive_float
from aicsio.formats._tiff.physical_size import read_pixel_size
from aicsio.formats._tiff.settings import xml_text
from aicsio.records import Channel, Diagnostic, Dims, Objective, PixelSize, Planes

SceneFields = dict[str, Any]
"""Fields of a Scene, by name."""
_DAY = 86400.0
"""Seconds of a day."""
_OPAQUE = 0xFF
_SHORTEST, _LONGEST = 150.0, 3000.0
"""Nanometres of light that microscopes use; other programs write other numbers (1.79) into UIC3."""
_UIC2_NBYTES = 24
"""Bytes of the distance and the dates of a plane."""


@attrs.frozen(eq=False)
class VendorScene:
    """Fields of the first scene, with their diagnostics."""

    fields: SceneFields
    notes: list[Diagnostic] = attrs.Factory(list)


def read_vendor_metadata(tif: Any, tags: PageTags) -> VendorScene:
    """Return the fields of the first scene that the dialect's own metadata give."""
    for mark, read in _DIALECTS.items():
        if getattr(tif, mark, False):
            return read(tif, tags)
    return _with_size(tags)


def fit_to_scene(
    fields: SceneFields, stored: Dims, where: str
) -> tuple[SceneFields, list[Diagnostic]]:
    """Drop the channels and planes whose number is not that of the scene, with diagnostics."""
    fitted = dict(fields)
    notes: list[Diagnostic] = []
    sizes = dict(stored.items())
    count = sizes.get("C", 1)
    listed = fitted.get("channels")
    if listed and len(listed) != count:
        described = count_of(len(listed), "channel")
        text = f"{described} described, {count} stored: the descriptions are not used"
        notes.append(Diagnostic("channels-length", text, where))
        del fitted["channels"]
    start = fitted.pop("planes_start", None)
    times = fitted.pop("times_of_t", None)
    if times is not None:
        seconds, more = _fit_times(times, sizes.get("T", 1), where)
        notes += more
        if seconds is not None:
            column = seconds.astype("<f8").tobytes()
            fitted["planes"] = Planes(Dims("T", (len(seconds),)), time=column)
    if "plane_columns" in fitted:
        columns = fitted.pop("plane_columns")
        letters = "".join(letter for letter in stored.order if letter not in "YXS")
        shape = tuple(sizes[letter] for letter in letters)
        kept = {
            name: values.astype("<f8").tobytes()
            for name, values in columns.items()
            if len(values) == math.prod(shape) and np.isfinite(values).any()
        }
        if kept:
            fitted["planes"] = Planes(Dims(letters, shape), **kept, start=start)
    return fitted, notes


def _fit_times(
    times: npt.NDArray[np.float64], count: int, where: str
) -> tuple[npt.NDArray[np.float64] | None, list[Diagnostic]]:
    """Return a time for each time point; NaN for those behind the end of a list that is short."""
    if len(times) == count:
        return times, []
    if len(times) > count:
        text = f"{len(times)} time stamps fit no {count_of(count, 'time point')}: they are not used"
        return None, [Diagnostic("time-stamps-length", text, where)]
    # A series that was stopped has times for what was taken before.
    seconds = np.full(count, np.nan)
    seconds[: len(times)] = times
    text = f"{len(times)} of {count} time points have a time stamp"
    return seconds, [Diagnostic("time-stamps-length", text, where)]


def _with_size(tags: PageTags, **fields: Any) -> VendorScene:
    size, notes = read_pixel_size(tags)
    return VendorScene({"pixel_size": size, **fields}, notes)


def _lsm(tif: Any, tags: PageTags) -> VendorScene:
    info: Mapping[str, Any] = tif.lsm_metadata or {}
    steps = {name: info.get(name) for name in STEPS}
    return VendorScene(read_lsm_fields(info), report_unusable(steps, tags.file.source.uri))


def _stk(tif: Any, tags: PageTags) -> VendorScene:
    return stack_scene(with_signs(tif.stk_metadata or {}, tif, tags), _z_distance(tif, tags), tags)


def stack_scene(info: Mapping[str, Any], z: float | None, tags: PageTags) -> VendorScene:
    """UIC tags: calibration in the unit that they name, if calibration is on; facts of planes.

    Parameters
    ----------
    info
        By the names of tifffile, positions with their signs.
    z
        Distance of planes; ``None`` of a single one.
    tags
        Of the first page.
    """
    name = str(info.get("Name", "")).strip("\0 ")
    emission, remarks = _stk_emission(info, tags)
    described = Channel(name or None, emission=emission)
    scene = _with_size(tags, channels=() if described == Channel() else (described,))
    name_of_unit = str(info.get("CalibrationUnits", "")).strip("\0 ")
    unit = micrometres_per(name_of_unit)
    if info.get("SpatialCalibration") and unit is not None:
        y, x = (positive_float(info.get(f"{axis}Calibration"), unit) for axis in "YX")
        scene.fields["pixel_size"] = PixelSize(positive_float(z, unit), y, x)
        scene.notes[:] = report_unusable({"ZDistance": z}, tags.file.source.uri)
    elif info.get("SpatialCalibration") and name_of_unit:
        scene.notes.append(report_unit(name_of_unit, "X, Y and Z", tags.file.source.uri))
    scene.notes.extend(remarks)
    columns = _stk_columns(info)
    if columns:
        scene.fields["plane_columns"] = columns
    first = _first_date(info)
    created = info.get("CreateTime")
    if not isinstance(created, dt.datetime):
        created = first
    if created is not None:
        date = created.isoformat(timespec="milliseconds")
        # UIC1 has milliseconds, DateTime has none.
        if iso_date(date) is not None:
            scene.fields["acquired"] = date.removesuffix(".000")
            if first is not None:
                scene.fields["planes_start"] = (first - created).total_seconds()
    return scene


def _stk_emission(info: Mapping[str, Any], tags: PageTags) -> tuple[float | None, list[Diagnostic]]:
    """Return the wavelength that all planes share, which Bio-Formats takes for the emission."""
    lengths = np.asarray(info.get("Wavelengths", ()), np.float64).ravel()
    # Bio-Formats makes channels of different wavelengths, tifffile and MetaMorph's planes do not.
    different = np.unique(lengths[(lengths >= _SHORTEST) & (lengths <= _LONGEST)]).tolist()
    if len(different) < 2:
        return next(iter(different), None), []
    shown = ", ".join(f"{length:g}" for length in different[:5])
    text = (
        f"planes have {len(different)} wavelengths ({shown} nm): they are counted along one axis, "
        "not as channels"
    )
    return None, [Diagnostic("stk-wavelengths", text, tags.file.source.uri)]


def _z_distance(tif: Any, tags: PageTags) -> float | None:
    """Return the distance between planes, of UIC2; ``None`` of a single plane."""
    entry = tif.pages[0].tags.get(UIC2)
    # The distance of the first plane counts from nowhere.
    if entry is None or entry.count < 2:
        return None
    # MetaMorph's numbers have a sign, whereas a RATIONAL of TIFF has none.
    raw = tags.file.read(entry.valueoffset + _UIC2_NBYTES, 8)
    numerator, denominator = struct.unpack("<2i", raw)
    return numerator / denominator if denominator else None


def _first_date(info: Mapping[str, Any]) -> dt.datetime | None:
    """Return the date of the first plane, of UIC2; of a stack of one plane that of UIC1."""
    dates = _dates_of_planes(info)
    first = info.get("CreateTime") if dates is None else dates[0].item()
    return first if isinstance(first, dt.datetime) else None


def _dates_of_planes(info: Mapping[str, Any]) -> npt.NDArray[Any] | None:
    """Return the dates of UIC2, in microseconds; ``None`` where the file has none."""
    dates = info.get("DatetimeCreated")
    if dates is None or not len(dates):
        return None
    exact = np.asarray(dates).astype("datetime64[us]")
    # tifffile before 2025.2.18 takes milliseconds for microseconds: of whole milliseconds none is below 1000.
    fraction = exact - exact.astype("datetime64[s]")
    mistaken = fraction < np.timedelta64(1000, "us")
    return np.asarray(np.where(mistaken, exact + 999 * fraction, exact))


def _stk_columns(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return times, exposures and positions of the planes of a MetaMorph stack.

    UIC2 has the Julian day and the milliseconds of the day at which each plane was taken; tifffile
    gives both as one date.
    """
    columns: dict[str, Any] = {}
    dates = _dates_of_planes(info)
    if dates is not None:
        # The clock of planes starts with the first of them.
        seconds = (dates - dates[0]) / np.timedelta64(1, "us") / 1e6
        columns["time"] = np.asarray(seconds, np.float64)
    elif info.get("NumberPlanes") == 1 and isinstance(info.get("CreateTime"), dt.datetime):
        # A stack of one plane has its date in UIC1 alone.
        columns["time"] = np.zeros(1)
    # AbsoluteZValid is 0 if the z position was not read from the microscope.
    absolute_z = info.get("AbsoluteZ")
    if absolute_z is not None and np.any(info.get("AbsoluteZValid", 1)):
        columns["z"] = np.asarray(absolute_z, np.float64).reshape(-1)
    positions = np.asarray(info.get("StagePosition", ()), np.float64)
    # (0, 0) for all planes means that the stage was not connected.
    if positions.ndim == 2 and positions.shape[1] == 2 and positions.any():
        columns["x"], columns["y"] = positions[:, 0], positions[:, 1]
    exposures = [exposure_of(str(text)) for text in info.get("PlaneDescriptions", ())]
    if any(exposure is not None for exposure in exposures):
        columns["exposure"] = np.array(exposures, np.float64)
    return columns


def _fluoview(tif: Any, tags: PageTags) -> VendorScene:
    """MM_Header: name, size, origin, resolution and unit of each dimension."""
    where = tags.file.source.uri
    sizes: dict[str, float | None] = {}
    step = None
    notes: list[Diagnostic] = []
    for dimension in (tif.fluoview_metadata or {}).get("Dimensions", ()):
        name = str(dimension[0]).upper()
        is_time = name in {"T", "TIME"}
        if not is_time and name not in {"X", "Y", "Z"}:
            continue
        resolution, unit = float(dimension[3]), str(dimension[4])
        factor = seconds_per(unit) if is_time else micrometres_per(unit)
        notes += report_unusable({f"the resolution of {name}": resolution}, where)
        # An axis that the image does not have has no unit.
        if factor is None and unit and resolution:
            notes.append(report_unit(unit, name, where))
        size = None if factor is None else positive_float(resolution, factor)
        if is_time:
            step = size
        else:
            sizes[name] = size
    pixel_size = PixelSize(*(sizes.get(letter) for letter in "ZYX"))
    return VendorScene({"pixel_size": pixel_size, "time_step": step}, notes)


def _sis(tif: Any, tags: PageTags) -> VendorScene:
    """Olympus SIS: pixel sizes in metres; date, lens and times of planes; names and colours of bands."""
    info: Mapping[str, Any] = tif.sis_metadata or {}
    # tifffile leaves texts that are no numbers as a list, on which its series fail since 2026.11.
    for section, key in (("Time", "TimePos"), ("Z", "ZPos")):
        if not isinstance((info.get(section) or {}).get(key, ()), np.ndarray):
            info.get(section, {}).pop(key, None)
    y, x = (positive_float(info.get(f"pixelsize{axis}"), 1e6) for axis in "yx")
    scene = _with_size(tags) if x is None else VendorScene({"pixel_size": PixelSize(None, y, x)})
    bands = [band for band in info.get("Band") or () if isinstance(band, Mapping)]
    if any(band.get("BandName") for band in bands):
        scene.fields["channels"] = tuple(map(_sis_channel, bands))
    taken = info.get("datetime")
    if isinstance(taken, dt.datetime):
        # The header has no seconds.
        scene.fields["acquired"] = taken.isoformat(timespec="seconds")
    magnification = positive_float(info.get("magnification"))
    if magnification is not None:
        scene.fields["objective"] = Objective(magnification=magnification)
    times = (info.get("Time") or {}).get("TimePos")
    if isinstance(times, np.ndarray) and times.size > 1 and (np.diff(times) >= 0).all():
        scene.fields["times_of_t"] = (times - times[0]) / 1000
        message = (
            "times of planes (TimePos) have no unit in Olympus SIS: they are taken as milliseconds"
        )
        scene.notes.append(Diagnostic("guess", message, "tag OlympusINI"))
    return scene


def _sis_channel(band: Mapping[str, Any]) -> Channel:
    table = band.get("LUT")
    color = None
    if isinstance(table, np.ndarray) and table.ndim == 2 and table.shape[1] == 3 and len(table):
        # Tables run from black to the colour of the channel; those of grey have none.
        red, green, blue = (int(level) for level in table[-1])
        if not red == green == blue:
            color = red << 24 | green << 16 | blue << 8 | _OPAQUE
    return Channel(name=str(band.get("BandName") or "").strip() or None, color=color)


def _qpi(tif: Any, tags: PageTags) -> VendorScene:
    """PerkinElmer QPTIFF: XML in the description of each page of the full resolution."""
    # Each channel of the full resolution is a page of its own; levels repeat the XML.
    pages: Sequence[Any] = tif.series[0].levels[0].pages
    channels = tuple(_qpi_channel(page.description if page is not None else "") for page in pages)
    return _with_size(tags, channels=channels if any(c.name for c in channels) else ())


def _qpi_channel(text: str) -> Channel:
    """Read Name, Biomarker and Color; the marker names the channel, Name is its dye or filter."""
    name, marker, color = (xml_text(text, key) for key in ("Name", "Biomarker", "Color"))
    levels = [int(level) for level in re.findall(r"\d{1,3}", color)]
    packed = None
    if len(levels) == 3 and max(levels) < 256:
        packed = levels[0] << 24 | levels[1] << 16 | levels[2] << 8 | _OPAQUE
    # Phenochart writes "None" for channels without a marker.
    if marker.lower() == "none":
        marker = ""
    return Channel(name=marker or name or None, color=packed, fluor=name or None)


_DIALECTS: Mapping[str, Callable[[Any, PageTags], VendorScene]] = {
    "is_lsm": _lsm,
    "is_stk": _stk,
    "is_fluoview": _fluoview,
    "is_qpi": _qpi,
    "is_sis": _sis,
}


def metaseries_fields(text: str) -> SceneFields:
    """Return the fields of a scene in the XML of MetaMorph and MetaXpress."""
    if not is_metaseries(text):
        return {}
    fields: SceneFields = {}
    name = metaseries_property(text, "image-name")
    if name:
        fields["channels"] = (Channel(name),)
    stated = metaseries_property(text, "acquisition-time-local") or ""
    date = metamorph_date(stated) or iso_date(stated)
    if date is not None:
        fields["acquired"] = date
    return fields
