"""TIFF as ImageJ writes it: a list of keys in the description, and often one directory for the whole stack.

Rule kept here: the description names axes and sizes, the file decides how many planes there are.

Source of the facts: ij/io/FileInfo.java, TiffEncoder.java and FileOpener.java of ImageJ 1.54; the planes run C fastest,
then Z, then T. Beyond 4 GiB only the first directory exists, and the planes follow its strip without a gap.
"""

import math
import re

import numpy as np

from aicsio._ome.units import micrometres_per, seconds_per
from aicsio.formats._tiff.ifd import Chain, OpenTiff, read_directory
from aicsio.formats._tiff.page import diagnose
from aicsio.formats._tiff.page_metadata import PageTags, guessed
from aicsio.formats._tiff.page_tables import build_page_table, open_page_table
from aicsio.formats._tiff.plane_map import PlaneMap, contiguous, lazy_array
from aicsio.records import Contents, Diagnostic, PixelSize, Scene

ORDERS = {
    "czt": "TZC",
    "default": "TZC",
    "ctz": "ZTC",
    "zct": "TCZ",
    "ztc": "CTZ",
    "tcz": "ZCT",
    "tzc": "CZT",
}


def is_imagej(facts: PageTags) -> bool:
    """Whether the description is that of ImageJ or SCIFIO."""
    return facts.description.startswith(("ImageJ=", "SCIFIO="))


def parse_description(text: str) -> dict[str, str]:
    r"""Return the keys of an ImageJ description.

    Examples
    --------
    >>> from aicsio.formats._tiff.dialects.imagej import parse_description
    >>> parse_description("ImageJ=1.53\nslices=5\nunit=\\u00B5m")["unit"]
    'µm'
    """
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key.strip(): _unescaped(value.strip()) for key, value in pairs}


def _unescaped(text: str) -> str:
    return re.sub(r"\\u([0-9A-Fa-f]{4})", lambda found: chr(int(found[1], 16)), text)


def _count(keys: dict[str, str], name: str) -> int:
    found = re.fullmatch(r"\d{1,9}", keys.get(name, ""))
    return max(int(found[0]), 1) if found else 1


def _number(keys: dict[str, str], name: str) -> float | None:
    try:
        number = float(keys.get(name, ""))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def read_imagej(file: OpenTiff, first: int, facts: PageTags) -> Contents | Diagnostic:
    """Describe an ImageJ stack or hyperstack."""
    keys = parse_description(facts.description)
    directory, following, _ = read_directory(file, first)
    page_table, notes = build_page_table(file, Chain.of([directory]))
    kind = page_table.rows[0].kind
    sizes = {
        "T": _count(keys, "frames"),
        "Z": _count(keys, "slices"),
        "C": _count(keys, "channels"),
    }
    if (
        kind.samples > 1
        and sizes["C"] == kind.samples
        and _count(keys, "images") != math.prod(sizes.values())
    ):
        sizes["C"] = 1  # samples of RGB counted as channels
    letters = ORDERS.get(keys.get("order", "czt").lower(), "TZC")
    planes = max(math.prod(sizes.values()), 1)
    images = _count(keys, "images")
    if planes == 1 and images > 1:
        planes = images
    stack = contiguous(file, page_table, planes, following) if planes > 1 or not following else None
    if stack is None:
        page_table, notes = open_page_table(file, first)
        pages = np.flatnonzero(page_table.kind_of == page_table.kind_of[0])
        if len(pages) < planes:
            text = f"the description speaks of {planes} planes, the file has {len(pages)}: the sizes are those of the file"
            notes.append(Diagnostic("imagej-sizes", text, file.source.uri))
            planes, sizes = len(pages), dict.fromkeys("TZC", 1)
        elif planes == 1:
            planes = len(pages)
        stack = (page_table, pages[:planes])
    if math.prod(sizes.values()) != planes:
        sizes = {"T": 1, "Z": planes, "C": 1}
        notes.append(guessed("Z", (planes,), file.source.uri))
    kept = "".join(letter for letter in letters if sizes[letter] > 1)
    page_table, pages = stack
    array, more = lazy_array(
        PlaneMap.of_pages(page_table, pages, kept, tuple(sizes[letter] for letter in kept)),
        like=kind,
    )
    scene = Scene(
        name="Image:0",
        levels=(array,),
        pixel_size=pixel_size(keys, facts),
        time_step=_time_step(keys),
        acquired=facts.acquired(),
        color_map=facts.color_map(kind),
    )
    return Contents((scene,), facts.description, (*notes, *more, *diagnose(kind, "page 0")))


def pixel_size(keys: dict[str, str], facts: PageTags) -> PixelSize:
    """Physical size: ResolutionUnit where it is absolute, else the unit of the description."""
    y, x, _ = facts.per_unit()
    absolute = facts.number(296) in {2, 3}
    factor = micrometres_per(keys.get("unit"))
    spacing = _number(keys, "spacing")
    z = spacing * factor if spacing is not None and spacing > 0 and factor is not None else None
    if absolute:
        size = facts.pixel_size()
        return PixelSize(z, size.Y, size.X)
    if factor is None:
        return PixelSize(z)
    return PixelSize(z, factor / y if y else None, factor / x if x else None)


def _time_step(keys: dict[str, str]) -> float | None:
    interval, rate = _number(keys, "finterval"), _number(keys, "fps")
    if interval is not None and interval > 0:
        return interval * (seconds_per(keys.get("tunit", "sec")) or 1.0)
    return 1 / rate if rate is not None and rate > 0 else None
