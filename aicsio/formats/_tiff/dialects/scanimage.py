"""TIFF as ScanImage writes it: MATLAB assignments in the Software or ImageDescription tag.

Rule kept here: the header gives channels, slices, volumes and frames per slice; how many there are,
the pages decide. Pages of a volume that is not complete are missing planes, and reported.

Source of the facts:
https://docs.scanimage.org/Appendix/ScanImage+BigTiff+Specification.html and "Volume Imaging" of the
same documentation. Channels run fastest, then frames of a slice, slices, and volumes. Flyback frames
at the end of a volume of fast Z are stored with it.
"""

import re
from datetime import datetime, timedelta

import attrs
import numpy as np

from aicsio._checks.words import count_of
from aicsio._ome.units import finite_number
from aicsio.formats._tiff.ifd import OpenTiff
from aicsio.formats._tiff.page import diagnose
from aicsio.formats._tiff.page_metadata import PageTags, guessed, positive_float
from aicsio.formats._tiff.page_tables import Integers, open_page_table
from aicsio.formats._tiff.physical_size import read_pixel_size
from aicsio.formats._tiff.plane_map import PlaneMap, lazy_array, length_of
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Channel, Contents, Diagnostic, PixelSize, Scene

_COLORS = {
    "red": 0xFF0000FF,
    "green": 0x00FF00FF,
    "blue": 0x0000FFFF,
    "gray": 0xFFFFFFFF,
}
"""Colours of the merged display; "none" is not in it."""


def _setting(text: str, name: str) -> str | None:
    match = re.search(
        rf"^(?:scanimage\.)?SI5?\.{re.escape(name)}\s*=\s*(.*?)\s*$", text, re.MULTILINE
    )
    if match:
        return match[1]
    return None


def _count(text: str, *names: str) -> int:
    """Return the first of some settings that is a positive whole number; 0 without one."""
    for name in names:
        match = re.fullmatch(r"(\d{1,9})(?:\.0*)?", _setting(text, name) or "")
        if match and int(match[1]):
            return int(match[1])
    return 0


def _is_on(text: str, name: str) -> bool:
    return (_setting(text, name) or "").lower() in {"true", "1"}


def _is_off(text: str, name: str) -> bool:
    return (_setting(text, name) or "").lower() in {"false", "0"}


@attrs.frozen(eq=False)
class _PageOrder:
    """Axes along which pages are counted, and the page of each plane."""

    letters: str
    shape: tuple[int, ...]
    pages: Integers
    """Page of each plane, in C order over ``shape``; -1 where it is missing."""
    notes: tuple[Diagnostic, ...] = ()
    is_fast_z: bool = False
    """Whether T counts volumes."""


def read_scanimage(file: OpenTiff, first: int, tags: PageTags) -> Contents | Diagnostic:
    """Describe a ScanImage recording."""
    software, description = tags.text(Tag.SOFTWARE), tags.description
    text = software if software.startswith("SI.") else description
    page_table, notes = open_page_table(file, first)
    structure = page_table.structure(0)
    uri = file.source.uri
    if structure is None:
        reason = "the first page cannot be used: read as plain TIFF"
        return Diagnostic("scanimage-page", reason, uri)
    pages = np.flatnonzero(page_table.segment_table_of == page_table.segment_table_of[0])
    if len(pages) < len(page_table):
        count = len(page_table) - len(pages)
        notes.append(
            Diagnostic(
                "scanimage-pages", f"{count_of(count, 'page')} of another kind left out", uri
            )
        )
    order = _order_pages(text, pages, uri)
    notes += order.notes
    kept = [axis for axis, size in enumerate(order.shape) if size > 1]
    letters = "".join(order.letters[axis] for axis in kept)
    plane_map = PlaneMap.of_pages(
        page_table, order.pages, letters, tuple(order.shape[axis] for axis in kept)
    )
    array, more = lazy_array(plane_map, like=structure)
    notes += more
    size, more = read_pixel_size(tags)
    notes += more
    channels = _channels(text)
    scene = Scene(
        name="Image:0",
        levels=(array,),
        channels=channels if len(channels) == length_of(array, "C", 1) else (),
        pixel_size=PixelSize(_z_step(text) if "Z" in letters else None, size.Y, size.X),
        time_step=_time_step(text, order) if "T" in letters else None,
        acquired=read_epoch(description) or tags.acquired(),
    )
    return Contents((scene,), text, (*notes, *diagnose(structure, "page 0")))


def _order_pages(text: str, pages: Integers, where: str) -> _PageOrder:
    """Arrange pages along volumes, slices, frames of a slice, and channels."""
    channels = len(_saved_channels(text))
    if not channels or len(pages) % channels:
        notes = (guessed("T", (len(pages),), where),)
        return _PageOrder("T", (len(pages),), pages, notes)
    frames = pages.reshape(-1, channels)
    # Frames are averaged before they are stored.
    average = _count(text, "hScan2D.logAverageFactor") or 1
    repeats = max(_count(text, "hStackManager.framesPerSlice") // average, 1)
    if _is_fast_z(text):
        order = _order_fast_volumes(text, frames, repeats, where)
        if order is not None:
            return order
    slices = _count(text, "hStackManager.actualNumSlices", "hStackManager.numSlices")
    if not slices:
        # Headers without a number of slices: all frames of a slice lie together.
        slices = max(len(frames) // repeats, 1) if len(frames) % repeats == 0 else 1
    # Plans of a stack stay in the header when stacks are switched off.
    if slices == 1 or _is_off(text, "hStackManager.enable"):
        return _PageOrder("TC", frames.shape, pages)
    if len(frames) <= slices * repeats:
        # A stack that is scanned once, or that was stopped.
        slices = -(-len(frames) // repeats)
    return _order_volumes(frames, (slices, repeats), slices * repeats, where)


def _saved_channels(text: str) -> list[int]:
    """Return the numbers of the stored channels, from 1: ``[1;3]`` or ``1``.

    More channels may be displayed.
    """
    return [int(n) for n in re.findall(r"\d{1,4}", _setting(text, "hChannels.channelSave") or "")]


def _is_fast_z(text: str) -> bool:
    """Whether the focus moves during a volume; versions from 2019 on name the mode of the stack."""
    is_stack = _is_on(text, "hStackManager.enable")
    is_fast = (_setting(text, "hStackManager.stackMode") or "").strip("'\"") == "fast"
    return _is_on(text, "hFastZ.enable") or (is_stack and is_fast)


def _order_fast_volumes(text: str, frames: Integers, repeats: int, where: str) -> _PageOrder | None:
    """Arrange the frames of fast Z along volumes; flyback frames are left out.

    Returns ``None`` without a number of slices.
    """
    planned = _count(text, "hFastZ.numFramesPerVolume", "hStackManager.numFramesPerVolume")
    slices = _count(text, "hStackManager.actualNumSlices", "hStackManager.numSlices") or planned
    if not slices:
        return None
    # Versions before 2019 ignore framesPerSlice with fast Z, and state the frames of a volume.
    if planned or not _is_on(text, "hStackManager.enable"):
        repeats = max(planned // slices, 1)
    used = slices * repeats
    per_volume = _count(
        text,
        "hStackManager.numFramesPerVolumeWithFlyback",
        "hFastZ.numFramesPerVolumeWithFlyback",
    ) or used + _count(text, "hFastZ.numDiscardFlybackFrames")
    # The header counts what was planned: a stack that was stopped, or a file that was split, has
    # fewer frames.
    if per_volume < used or (len(frames) % per_volume and len(frames) % used == 0):
        per_volume = used
    order = _order_volumes(frames, (slices, repeats), per_volume, where)
    return attrs.evolve(order, is_fast_z=True)


def _order_volumes(
    frames: Integers, volume: tuple[int, int], per_volume: int, where: str
) -> _PageOrder:
    """Arrange frames, (frames, channels), along volumes of slices that are repeated.

    ``per_volume`` counts the stored frames of a volume. One that was not finished is shown as far as
    it goes.
    """
    (slices, repeats), (frame_count, channels) = volume, frames.shape
    volumes = -(-frame_count // per_volume)
    # Missing planes have page -1: they are blank.
    padded = np.full((volumes * per_volume, channels), -1, np.int64)
    padded[:frame_count] = frames
    # The stored frames of a volume: those of its slices first, then those of the flyback.
    table = padded.reshape(volumes, per_volume, channels)
    notes: list[Diagnostic] = []
    used = slices * repeats
    flyback = int((table[:, used:] >= 0).sum())
    if flyback:
        message = f"{flyback} pages recorded during the flyback of the focus are left out"
        notes.append(Diagnostic("scanimage-flyback", message, where))
    planes = table[:, :used]
    missing = int((planes < 0).sum())
    if missing:
        message = f"the last volume is not complete: {count_of(missing, 'plane', 'are')} blank"
        notes.append(Diagnostic("scanimage-volume", message, where))
    # Frames of a slice are time points of it, unless volumes are.
    letters = "TZRC" if volumes > 1 else "RZTC"
    shape = (volumes, slices, repeats, channels)
    return _PageOrder(letters, shape, planes.reshape(-1), tuple(notes))


def read_epoch(text: str) -> str | None:
    r"""Return the date of the first frame as ISO 8601: ``epoch`` of the description, a vector of MATLAB.

    Years to minutes are whole, seconds are not; the clock is that of the computer.

    Examples
    --------
    >>> from aicsio.formats._tiff.dialects.scanimage import read_epoch
    >>> read_epoch("frameNumbers = 1\nepoch = [2017,2,3,12,34,56.789]"), read_epoch("epoch = [0 0]")
    ('2017-02-03T12:34:56.789', None)
    """
    match = re.search(r"^epoch\s*=\s*\[([^\]\n]*)\]", text, re.MULTILINE)
    words = re.split(r"[\s,;]+", match[1].strip()) if match else []
    numbers = [finite_number(word) for word in words]
    known = [number for number in numbers if number is not None]
    if len(known) != len(numbers) or len(known) != 6:
        return None
    *whole, seconds = known
    if not all(number.is_integer() for number in whole) or not 0 <= seconds < 60:
        return None
    try:
        moment = datetime(*map(int, whole))  # type: ignore[arg-type]  # noqa: DTZ001 - a local clock
    except (ValueError, OverflowError):
        return None
    # A double has more digits than the clock: milliseconds.
    date = moment + timedelta(milliseconds=round(seconds * 1000))
    return date.isoformat(timespec="milliseconds").removesuffix(".000")


def _z_step(text: str) -> float | None:
    """Return the distance of slices in micrometres."""
    step = _setting(text, "hStackManager.actualStackZStepSize")
    if step is None or positive_float(step.lstrip("-")) is None:
        step = _setting(text, "hStackManager.stackZStepSize")
    return None if step is None else positive_float(step.lstrip("-"))


def _channels(text: str) -> tuple[Channel, ...]:
    """Name and colour the stored channels; the lists have all, ``{'green';'red'}`` in MATLAB."""
    names = re.findall(r"'([^']*)'", _setting(text, "hChannels.channelName") or "")
    colors = re.findall(r"'([^']*)'", _setting(text, "hChannels.channelMergeColor") or "")
    return tuple(
        Channel(
            name=_item(names, number) or None,
            color=_COLORS.get(_item(colors, number).lower()),
        )
        for number in _saved_channels(text)
    )


def _item(texts: list[str], number: int) -> str:
    """Return an item counted from 1; empty if there is none."""
    return texts[number - 1] if 0 < number <= len(texts) else ""


def _time_step(text: str, order: _PageOrder) -> float | None:
    """Return the seconds between volumes or frames; slow volumes have no rate in the header."""
    rate = positive_float(_setting(text, "hRoiManager.scanFrameRate"))
    average = _count(text, "hScan2D.logAverageFactor") or 1
    if order.is_fast_z:
        rate, average = positive_float(_setting(text, "hRoiManager.scanVolumeRate")), 1
    elif order.letters.startswith("TZ"):
        return None
    return None if rate is None else positive_float(average / rate)
