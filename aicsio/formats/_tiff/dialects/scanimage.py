"""TIFF as ScanImage writes it: MATLAB assignments in the Software or ImageDescription tag.

Rule kept here: the header gives channels, slices, volumes and frames per slice; how many there are,
the pages decide. Pages of a volume that is not complete are missing planes, and reported.

Source of the facts:
https://docs.scanimage.org/Appendix/ScanImage+BigTiff+Specification.html and "Volume Imaging" of the
same documentation. Channels run fastest. Of a stack that is scanned once, frames of a slice follow,
then slices; with fast Z, the slices of a volume follow, then volumes. Flyback frames at the end of
a volume are stored with it.
"""

import re

import attrs
import numpy as np

from aicsio._checks.words import count_of
from aicsio.formats._tiff.ifd import OpenTiff
from aicsio.formats._tiff.page import diagnose
from aicsio.formats._tiff.page_metadata import PageTags, guessed, positive_float
from aicsio.formats._tiff.page_tables import Integers, open_page_table
from aicsio.formats._tiff.physical_size import read_pixel_size
from aicsio.formats._tiff.plane_map import PlaneMap, lazy_array
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Contents, Diagnostic, PixelSize, Scene


def is_scanimage(tags: PageTags) -> bool:
    """Whether the tags are those of ScanImage 3 to 2023."""
    text = tags.description
    return (
        tags.text(Tag.SOFTWARE).startswith("SI.")
        or text.startswith("state.")
        or "scanimage.SI" in text[-256:]
    )


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
    scene = Scene(
        name="Image:0",
        levels=(array,),
        pixel_size=PixelSize(_z_step(text) if "Z" in letters else None, size.Y, size.X),
        time_step=_time_step(text, order.is_fast_z) if "T" in letters else None,
        acquired=tags.acquired(),
    )
    return Contents((scene,), text, (*notes, *diagnose(structure, "page 0")))


def _order_pages(text: str, pages: Integers, where: str) -> _PageOrder:
    """Arrange pages along slices, frames or volumes, and channels."""
    # channelSave lists the channels that are stored, "[1;3]" or "1"; displayed ones may be more.
    saved = _setting(text, "hChannels.channelSave")
    channels = max(len(re.findall(r"\d+", saved or "")), 1)
    if saved is None or len(pages) % channels:
        notes = (guessed("T", (len(pages),), where),)
        return _PageOrder("T", (len(pages),), pages, notes)
    frames = len(pages) // channels
    if _is_on(text, "hFastZ.enable"):
        volumes = _order_volumes(text, pages.reshape(frames, channels), where)
        if volumes is not None:
            return volumes
    # Slow stacks: all frames of a slice are recorded before the stage moves.
    per_slice = _count(text, "hStackManager.framesPerSlice")
    if not per_slice or frames % per_slice:
        per_slice = frames
    return _PageOrder("ZTC", (frames // per_slice, per_slice, channels), pages)


def _order_volumes(text: str, frames: Integers, where: str) -> _PageOrder | None:
    """Arrange the frames of fast Z, (frames, channels), along volumes; flyback frames are left out.

    Returns ``None`` without a number of slices.
    """
    slices = _count(
        text,
        "hStackManager.actualNumSlices",
        "hStackManager.numSlices",
        "hFastZ.numFramesPerVolume",
        "hStackManager.numFramesPerVolume",
    )
    if not slices:
        return None
    per_volume = _count(
        text,
        "hStackManager.numFramesPerVolumeWithFlyback",
        "hFastZ.numFramesPerVolumeWithFlyback",
    ) or slices + _count(text, "hFastZ.numDiscardFlybackFrames")
    frame_count, channels = frames.shape
    # hStackManager counts what was planned: a stack that was stopped, or a file that was split,
    # has fewer frames.
    if per_volume < slices or (frame_count % per_volume and frame_count % slices == 0):
        per_volume = slices
    # A volume that was not finished is shown as far as it goes.
    volumes = -(-frame_count // per_volume)
    # Missing planes have page -1: they are blank.
    padded = np.full((volumes * per_volume, channels), -1, np.int64)
    padded[:frame_count] = frames
    table = padded.reshape(volumes, per_volume, channels)
    notes: list[Diagnostic] = []
    flyback = int((table[:, slices:] >= 0).sum())
    if flyback:
        message = f"{flyback} pages recorded during the flyback of the focus are left out"
        notes.append(Diagnostic("scanimage-flyback", message, where))
    planes = table[:, :slices]
    missing = int((planes < 0).sum())
    if missing:
        message = f"the last volume is not complete: {count_of(missing, 'plane', 'are')} blank"
        notes.append(Diagnostic("scanimage-volume", message, where))
    shape = (volumes, slices, channels)
    return _PageOrder("TZC", shape, planes.reshape(-1), tuple(notes), is_fast_z=True)


def _z_step(text: str) -> float | None:
    """Return the distance of slices in micrometres."""
    step = _setting(text, "hStackManager.actualStackZStepSize")
    if step is None or positive_float(step.lstrip("-")) is None:
        step = _setting(text, "hStackManager.stackZStepSize")
    return None if step is None else positive_float(step.lstrip("-"))


def _time_step(text: str, is_fast_z: bool) -> float | None:
    name = "hRoiManager.scanVolumeRate" if is_fast_z else "hRoiManager.scanFrameRate"
    rate = positive_float(_setting(text, name))
    if rate is None:
        return None
    return 1 / rate
