"""TIFF as ScanImage writes it: MATLAB assignments in the Software or ImageDescription tag.

Rule kept here: channels and frames per slice are taken from the header; how many slices there are, the pages decide.

Source of the facts: https://docs.scanimage.org/Appendix/ScanImage+BigTiff+Specification.html; planes run C fastest,
then T (frames of a slice), then Z.
"""

import math
import re

import numpy as np

from aicsio.formats._tiff.ifd import OpenTiff
from aicsio.formats._tiff.page import diagnose
from aicsio.formats._tiff.page_metadata import SOFTWARE, PageTags, guessed
from aicsio.formats._tiff.page_tables import open_page_table
from aicsio.formats._tiff.plane_map import PlaneMap, lazy_array
from aicsio.records import Contents, Diagnostic, Scene


def is_scanimage(facts: PageTags) -> bool:
    """Whether the tags are those of ScanImage 3 to 5.7."""
    text = facts.description
    return (
        facts.text(SOFTWARE).startswith("SI.")
        or text.startswith("state.")
        or "scanimage.SI" in text[-256:]
    )


def _setting(text: str, name: str) -> str | None:
    found = re.search(
        rf"^(?:scanimage\.)?SI5?\.{re.escape(name)}\s*=\s*(.*?)\s*$", text, re.MULTILINE
    )
    return found[1] if found else None


def read_scanimage(file: OpenTiff, first: int, facts: PageTags) -> Contents | Diagnostic:
    """Describe a ScanImage recording."""
    software, description = facts.text(SOFTWARE), facts.description
    text = software if software.startswith("SI.") else description
    page_table, notes = open_page_table(file, first)
    kind = page_table.kind(0)
    if kind is None:
        return Diagnostic(
            "scanimage-page", "the first page cannot be used: read as plain TIFF", file.source.uri
        )
    pages = np.flatnonzero(page_table.kind_of == page_table.kind_of[0])
    saved = _setting(text, "hChannels.channelSave")
    channels = max(len(re.findall(r"\d+", saved or "")), 1)
    frames_text = _setting(text, "hStackManager.framesPerSlice") or ""
    letters: str
    shape: tuple[int, ...]
    frames = int(frames_text) if re.fullmatch(r"\d{1,9}", frames_text) else 0
    if saved is None or len(pages) % channels:
        letters, shape = "T", (len(pages),)
        notes.append(guessed(letters, shape, file.source.uri))
    else:
        each = len(pages) // channels
        frames = frames if frames and each % frames == 0 else each
        letters, shape = "ZTC", (each // frames, frames, channels)
    keep = [i for i, size in enumerate(shape) if size > 1]
    plane_map = PlaneMap.of_pages(
        page_table, pages, "".join(letters[i] for i in keep), tuple(shape[i] for i in keep)
    )
    array, more = lazy_array(plane_map, like=kind)
    rate = _setting(text, "hRoiManager.scanFrameRate")
    scene = Scene(
        name="Image:0",
        levels=(array,),
        pixel_size=facts.pixel_size(),
        time_step=_inverse(rate) if "T" in array.stored else None,
        acquired=facts.acquired(),
    )
    return Contents((scene,), text, (*notes, *more, *diagnose(kind, "page 0")))


def _inverse(rate: str | None) -> float | None:
    try:
        value = float(rate or "nan")
    except ValueError:
        return None
    return 1 / value if value > 0 and math.isfinite(value) else None
