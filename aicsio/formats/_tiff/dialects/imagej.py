"""TIFF as ImageJ writes it: a list of keys in the description, and often one directory for a stack.

``is_imagej`` recognises the description; ``pixel_size`` decides by its unit and spacing, and by the tags
that it scales; ``_find_stack`` finds the planes, behind the first directory without a gap or in the chain.

Rule kept here: the description names axes, sizes and units; the file decides how many planes there
are. Pages that the description does not cover are levels or scenes of their own.

Source of the facts: ij/io/FileInfo.java, TiffEncoder.java, FileSaver.java and FileOpener.java of
ImageJ 1.54; planes run C fastest, then Z, then T. Beyond 4 GiB only the first directory exists, and
the planes follow its strip without a gap.
"""

import math
import re

import attrs
import numpy as np

from aicsio._checks.words import count_of
from aicsio._ome.units import finite_number, micrometres_per, positive_product, seconds_per
from aicsio.formats._tiff.axes import lazy_array_of_axes
from aicsio.formats._tiff.chain import Chain
from aicsio.formats._tiff.contiguous import contiguous, has_more_pages
from aicsio.formats._tiff.dialects.imagej_metadata import (
    channel_records,
    read_imagej_metadata,
)
from aicsio.formats._tiff.ifd import OpenTiff, read_directory
from aicsio.formats._tiff.page import PageStructure, diagnose
from aicsio.formats._tiff.page_metadata import PageTags, guessed, positive_float
from aicsio.formats._tiff.page_tables import (
    Integers,
    PageTable,
    build_page_table,
    open_page_table,
)
from aicsio.formats._tiff.physical_size import (
    resolution_unit,
    size_from_resolution,
)
from aicsio.formats._tiff.plane_map import PlaneMap, lazy_array, length_of
from aicsio.formats._tiff.series import (
    PageSeries,
    all_series,
    build_pyramids,
    make_scenes,
    sub_series,
)
from aicsio.formats._tiff.tags import ResolutionUnit, Tag
from aicsio.records import Contents, Diagnostic, LazyArray, PixelSize, Scene

PLANE_ORDERS = {
    "czt": "TZC",
    "default": "TZC",
    "ctz": "ZTC",
    "zct": "TCZ",
    "ztc": "CTZ",
    "tcz": "ZCT",
    "tzc": "CZT",
}
"""Key ``order``: axes of the planes as ImageJ names them, fastest first; here slowest first."""
_UNCALIBRATED = 20
"""Calibration function NONE (ij/measure/Calibration.java)."""


def parse_description(text: str) -> dict[str, str]:
    r"""Return the keys of an ImageJ description.

    Examples
    --------
    >>> from aicsio.formats._tiff.dialects.imagej import parse_description
    >>> parse_description("ImageJ=1.53\nslices=5\nunit=\\u00B5m")["unit"]
    'µm'
    """
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key.strip(): _unescape(value.strip()) for key, value in pairs}


def _unescape(text: str) -> str:
    return re.sub(r"\\u([0-9A-Fa-f]{4})", lambda match: chr(int(match[1], 16)), text)


def _count(keys: dict[str, str], name: str) -> int:
    match = re.fullmatch(r"\d{1,9}", keys.get(name, ""))
    if match:
        return max(int(match[0]), 1)
    return 1


# ---------------------------------------------------------------- planes


@attrs.frozen(eq=False)
class _Stack:
    """Pages of the image that the description describes."""

    page_table: PageTable
    pages: Integers
    sizes: dict[str, int]
    notes: list[Diagnostic]
    others: list[list[PageSeries]]
    """Pyramids of the pages beside it."""
    levels: list[PageSeries]


def read_imagej(file: OpenTiff, first: int, tags: PageTags) -> Contents | Diagnostic:
    """Describe an ImageJ stack or hyperstack."""
    keys = parse_description(tags.description)
    stack = _find_stack(file, first, keys)
    structure = stack.page_table.segment_tables[0].structure
    order = PLANE_ORDERS.get(keys.get("order", "czt").lower(), "TZC")
    letters = "".join(letter for letter in order if stack.sizes[letter] > 1)
    shape = tuple(stack.sizes[letter] for letter in letters)
    array, notes = _array(file, keys, stack, letters, shape)
    levels, more = _level_arrays(stack, array)
    notes = [*stack.notes, *notes, *more]
    size, more = pixel_size(keys, tags)
    notes += [*more, *_calibration_notes(keys, file.source.uri)]
    extra = read_imagej_metadata(tags)
    channels, more = channel_records(
        extra, letters, shape, length_of(array, "C", 1), length_of(array, "S", 1), file.source.uri
    )
    notes += [*more, *diagnose(structure, "page 0")]
    scene = Scene(
        name="Image:0",
        levels=(array, *levels),
        channels=channels,
        pixel_size=size,
        time_step=_time_step(keys),
        acquired=tags.acquired(),
        color_map=tags.color_map(structure),
    )
    scenes = [scene]
    if stack.others:
        added, notes = make_scenes(file, stack.others, notes)
        scenes += [attrs.evolve(other, name=f"Image:{i}") for i, other in enumerate(added, start=1)]
    return Contents(tuple(scenes), tags.description, tuple(notes))


def _find_stack(file: OpenTiff, first: int, keys: dict[str, str]) -> _Stack:
    """Find the pages of the image: behind the first directory without a gap, or in the chain."""
    directory, next_offset, _ = read_directory(file, first)
    page_table, notes = build_page_table(file, Chain.of([directory]))
    structure = page_table.segment_tables[0].structure
    sizes = _declared_sizes(keys, structure)
    declared = math.prod(sizes.values())
    planes = declared if declared > 1 else _count(keys, "images")
    found = None
    # ImageJ writes one directory per plane below 4 GiB and the first alone beyond; either way
    # the planes follow each other, so that the chain need not be read.
    if (planes > 1 or not next_offset) and not page_table.sub_ifds:
        found = contiguous(file, page_table, planes, next_offset)
    if found is not None and not (next_offset and has_more_pages(file, planes)):
        sizes, more = _fit_sizes(sizes, planes, file.source.uri)
        return _Stack(*found, sizes, [*notes, *more], [], [])
    page_table, notes = open_page_table(file, first)
    pyramids = build_pyramids(all_series(page_table))
    main = pyramids[0][0]
    # Pages of another size or type are no planes of the hyperstack.
    pages = np.array(main.pages)
    if len(pages) < planes:
        text = (
            f"the description declares {count_of(planes, 'plane')}, the file has {len(pages)}: "
            "the sizes are those of the file"
        )
        notes.append(Diagnostic("imagej-sizes", text, file.source.uri))
        planes, sizes = len(pages), dict.fromkeys("TZC", 1)
    elif planes == 1:
        planes = len(pages)
    if len(pages) > planes:
        text = f"{count_of(len(pages) - planes, 'page')} beyond the {planes} of the description left out"
        notes.append(Diagnostic("imagej-pages", text, file.source.uri, not_shown=True))
    levels, others, more = sub_series(file, main)
    sizes, guesses = _fit_sizes(sizes, planes, file.source.uri)
    return _Stack(
        page_table,
        pages[:planes],
        sizes,
        [*notes, *more, *guesses],
        [*pyramids[1:], *([other] for other in others)],
        [*pyramids[0][1:], *levels],
    )


def _declared_sizes(keys: dict[str, str], structure: PageStructure) -> dict[str, int]:
    sizes = {
        "T": _count(keys, "frames"),
        "Z": _count(keys, "slices"),
        "C": _count(keys, "channels"),
    }
    # RGB has one channel for ImageJ; some writers count its samples as channels.
    counts_samples = structure.samples > 1 and sizes["C"] == structure.samples
    if counts_samples and _count(keys, "images") != math.prod(sizes.values()):
        sizes["C"] = 1  # samples of RGB counted as channels
    elif counts_samples and _is_composite(keys, structure):
        sizes["C"] = 1
    return sizes


def _is_composite(keys: dict[str, str], structure: PageStructure) -> bool:
    """Whether the samples of a page are channels: ImageJ shows such files as a composite."""
    return (
        structure.samples > 1
        and keys.get("mode") == "composite"
        and _count(keys, "channels") == structure.samples
    )


def _fit_sizes(
    sizes: dict[str, int], planes: int, where: str
) -> tuple[dict[str, int], list[Diagnostic]]:
    if math.prod(sizes.values()) == planes:
        return sizes, []
    return {"T": 1, "Z": planes, "C": 1}, [guessed("Z", (planes,), where)]


def _array(
    file: OpenTiff, keys: dict[str, str], stack: _Stack, letters: str, shape: tuple[int, ...]
) -> tuple[LazyArray, list[Diagnostic]]:
    structure = stack.page_table.segment_tables[0].structure
    plane_letters = None
    if _is_composite(keys, structure):
        if structure.planar:
            full_shape = (*shape, structure.samples, structure.length, structure.width)
            found = lazy_array_of_axes(
                stack.page_table, stack.pages, full_shape, f"{letters}CYX", file.source.uri
            )
            if found is not None:
                return found
        plane_letters = structure.letters[:-1] + "C"
    plane_map = PlaneMap.of_pages(stack.page_table, stack.pages, letters, shape)
    return lazy_array(plane_map, plane_letters, like=structure)


def _level_arrays(stack: _Stack, full: LazyArray) -> tuple[list[LazyArray], list[Diagnostic]]:
    """Make the arrays of the levels, with the axes of the full resolution."""
    arrays: list[LazyArray] = []
    notes: list[Diagnostic] = []
    for level in sorted(stack.levels, key=lambda series: series.size, reverse=True):
        # The last axes are those of a page: the axes before them count planes.
        rank = len(level.structure.shape)
        letters, shape = full.stored.order[:-rank], full.stored.shape[:-rank]
        if math.prod(shape) != len(level.pages):
            text = f"a level of {len(level.pages)} pages does not fit {math.prod(shape)} planes"
            notes.append(Diagnostic("imagej-level", text, f"page {level.pages[0]}"))
            continue
        plane_map = PlaneMap.of_pages(level.page_table, np.array(level.pages), letters, shape)
        array, more = lazy_array(plane_map, full.stored.order[-rank:], like=level.structure)
        arrays.append(array)
        notes += more
    return arrays, notes


# ---------------------------------------------------------------- units


def pixel_size(keys: dict[str, str], tags: PageTags) -> tuple[PixelSize, list[Diagnostic]]:
    """Return the pixel size: the unit of the description replaces that of the tags.

    ImageJ's own rule (FileOpener.decodeDescriptionString): ``unit`` is that of X, ``yunit`` and
    ``zunit`` are written where they differ. One exception: ImageJ writes ResolutionUnit centimetre
    for images whose unit is ``um``, and the resolution then counts pixels per centimetre.
    """
    if "SCIFIO" in keys and "scales" in keys:
        return _scifio_size(keys), []
    unit = keys.get("unit")
    x_unit = resolution_unit(tags) if unit is None else micrometres_per(unit)
    if unit is None and tags.number(Tag.RESOLUTION_UNIT) is None:
        x_unit = None
    # yunit and zunit are written where they differ from the unit of X.
    y_unit = micrometres_per(keys["yunit"]) if "yunit" in keys else x_unit
    z_unit = micrometres_per(keys.get("zunit", unit))
    is_centimetre = tags.number(Tag.RESOLUTION_UNIT) == ResolutionUnit.CENTIMETER
    if unit == "um" and is_centimetre:
        x_unit = resolution_unit(tags)
        y_unit = x_unit if "yunit" not in keys else y_unit
    size, notes = size_from_resolution(tags, x_unit, y_unit, is_unit_stated=unit is not None)
    # ImageJ takes the sign off: stacks from above have a negative spacing.
    spacing = finite_number(keys.get("spacing"))
    z = positive_float(abs(spacing), z_unit) if spacing is not None and z_unit else None
    notes = [*notes, *_unusable_notes(keys, tags.file.source.uri)]
    return attrs.evolve(size, Z=z), notes


def _unusable_notes(keys: dict[str, str], where: str) -> list[Diagnostic]:
    """Report a spacing and an interval that are none, and units of length that nobody knows."""
    texts = []
    if "spacing" in keys and not finite_number(keys["spacing"]):
        texts.append(
            f"spacing is {keys['spacing'][:40]!r}, no number other than 0: "
            "the size along Z is unknown"
        )
    interval = keys.get("finterval", "0")
    # ImageJ leaves a frame interval of 0 out, and has none below it.
    if positive_float(interval) is None and finite_number(interval) != 0:
        texts.append(f"finterval is {interval[:40]!r}, no number above 0: the time step is unknown")
    for name in ("unit", "yunit", "zunit"):
        unit = keys.get(name, "")
        # ImageJ calls images without a calibration "pixel", and times may be the unit of Z.
        is_known = micrometres_per(unit) is not None or seconds_per(unit) is not None
        if unit.strip('" ').lower() not in {"", "pixel", "pixels", "null"} and not is_known:
            texts.append(
                f"{name} is {unit[:40]!r}, no known unit of length: no size follows from it"
            )
    return [Diagnostic("unusable-size", text, where) for text in texts]


def _scifio_size(keys: dict[str, str]) -> PixelSize:
    """Return the sizes that SCIFIO lists by axis: its ``unit`` is not that of the tags."""
    axes = keys.get("axes", "").split(",")
    scales, units = keys["scales"].split(","), keys.get("units", "").split(",")
    sizes = {
        axis: positive_float(scale, micrometres_per(unit) or 0.0)
        for axis, scale, unit in zip(axes, scales, units, strict=False)
    }
    return PixelSize(sizes.get("Z"), sizes.get("Y"), sizes.get("X"))


def _time_step(keys: dict[str, str]) -> float | None:
    """Return the seconds between frames; ``fps`` is the speed at which ImageJ plays an animation."""
    # finterval is Calibration.frameInterval, fps is Calibration.fps (ij/io/FileSaver.java).
    interval = positive_float(keys.get("finterval"))
    return positive_product(interval, seconds_per(keys.get("tunit", "sec")))


def _calibration_notes(keys: dict[str, str], where: str) -> list[Diagnostic]:
    """Report a calibration of grey values: pixels are returned as they are stored."""
    function = finite_number(keys.get("cf"))
    # cf: 0 is a straight line, c0 + c1 * value; signed images are stored so, c0 = -32768.
    if function is None or function == _UNCALIBRATED:
        return []
    coefficients = [f"c{i}={keys[f'c{i}']}" for i in range(5) if f"c{i}" in keys]
    unit = keys.get("vunit", "")
    meaning = f"cf={int(function)} {' '.join(coefficients)}".strip()
    if function == 0 and len(coefficients) >= 2:
        meaning = f"value = {keys['c0']} + {keys['c1']} * pixel"
    text = f"grey values are as stored; their calibration is {meaning} {unit}".rstrip()
    return [Diagnostic("imagej-calibration", text, where)]
