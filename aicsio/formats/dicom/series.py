"""The files of a slide, and its levels.

Rule kept here: files belong together by the identifiers of their series and pyramid, never by name;
what cannot be read, or fits no level, is counted in a diagnostic.

Source of the facts: DICOM PS3.3, C.8.12.4.1.1 (ImageType), C.8.12.14, and A.32.8 (a slide is one
series; a level is one instance, several, or a concatenation).
"""

import os
from collections import Counter
from typing import Final

import attrs
import numpy as np

from aicsio._checks.words import count_of
from aicsio._io import readers
from aicsio._io.named_files import list_folder
from aicsio._io.sources import neighbours
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.dicom.header import FIRST_NBYTES, breaks_off, is_slide, read_header
from aicsio.formats.dicom.instances import SERIES_UID, Instance, distinguish_paths, read_instance
from aicsio.formats.dicom.layout import DicomLayout
from aicsio.records import Diagnostic, Dims, LazyArray, Source
from aicsio.records.packed import PackedIntegers

MOST_FILES: Final = 10_000
"""Files of a folder that are looked at, 0.1 ms each; slides have about ten."""
SERIES_TAG: Final = b"\x20\0\x0e\0"
"""Tag of the identifier of the series, as it stands in a file."""
LOOKED_AT: Final = 16
"""Files of a folder whose first bytes decide whether it is one of slides."""
MOST_TILES: Final = 1 << 24
"""Tiles of a level, over all paths and planes."""


def list_candidates(folder: Source) -> list[str]:
    """Return names in a folder that may be DICOM: with the suffix, or with none at all."""
    names = list_folder(folder)
    # PS3.10, 8.5: file IDs are capitals, digits and underscores, without a suffix.
    found = [name for name in names if name.lower().endswith(".dcm") or "." not in name]
    # macOS leaves resource forks as `._NAME` on disks of other systems.
    return [name for name in found if not name.startswith("._")][:MOST_FILES]


def holds_slides(folder: Source) -> bool:
    """Return whether a local folder has whole-slide images in DICOM."""
    if not folder.local:
        return False
    for name in list_candidates(folder)[:LOOKED_AT]:
        path = f"{folder.uri}/{name}"
        if os.path.isfile(path) and is_slide(readers.read_head(readers.identify(path), 4096)):
            return True
    return False


def read_series(source: Source) -> tuple[list[list[Instance]], list[Diagnostic]]:
    """Read the files of a folder, or of the series of one file, a list for each series.

    Raises
    ------
    CorruptFileError, UnsupportedFormatError
        When the file that was asked for cannot be read, or none of a folder.
    """
    diagnostics: list[Diagnostic] = []
    by_series: dict[str, list[Instance]] = {}
    if source.folder:
        paths = [f"{source.uri}/{name}" for name in list_candidates(source)]
        sources = [readers.identify(path) for path in paths if os.path.isfile(path)]
        wanted = None
    else:
        # An error of this file is the caller's; those of others cost what they hold.
        first = read_instance(read_header(source))
        wanted = first.data.text(SERIES_UID)
        by_series[wanted] = [first]
        sources = _siblings(source) if wanted else []
    for one in sources:
        head = readers.read_head(one, FIRST_NBYTES)
        if breaks_off(head):
            text = f"{one.uri}: it breaks off within its first elements"
            diagnostics.append(Diagnostic("dicom-instance", text, one.uri, loss=True))
        if not is_slide(head) or not _may_belong(head, wanted):
            continue
        try:
            header = read_header(one)
            series = header.data.text(SERIES_UID)
            if wanted is None or series == wanted:
                by_series.setdefault(series, []).append(read_instance(header))
        except (CorruptFileError, UnsupportedFormatError) as error:
            diagnostics.append(Diagnostic("dicom-instance", str(error), one.uri, loss=True))
    if not by_series:
        reasons = "; ".join(one.message for one in diagnostics[:3]) or "no file is one of a slide"
        raise CorruptFileError.at(source.uri, None, f"expected whole-slide images: {reasons}")
    # The slide is the same, whichever of its files was asked for.
    ordered = [sorted(one, key=lambda each: each.source.uri) for one in by_series.values()]
    return ordered, diagnostics


def _siblings(source: Source) -> list[Source]:
    """Return the files beside one that have its suffix."""
    name = os.path.basename(source.uri)
    suffix = os.path.splitext(name)[1].lower()
    names = [one for one in neighbours(source) if one != name]
    names = [one for one in names if os.path.splitext(one)[1].lower() == suffix]
    found = [readers.sibling(source, one) for one in names[:MOST_FILES] if one[:2] != "._"]
    return [one for one in found if one is not None]


def _may_belong(head: bytes, series: str | None) -> bool:
    """Whether the first 64 KiB name the series, or do not reach as far as its identifier."""
    if series is None or len(head) >= FIRST_NBYTES or series.encode() in head:
        return True
    # A file that breaks off in front of the identifier is damaged, whatever it belongs to.
    return SERIES_TAG not in head


# ---------------------------------------------------------------- levels


@attrs.define
class Level:
    """Files that show one size of the image. Not a record: it lives for one opening."""

    instances: list[Instance]
    """Its files."""
    paths: tuple[str, ...]
    """Identifiers of optical paths."""
    depths: tuple[float, ...]
    """Micrometres of focal planes."""
    array: LazyArray | None = None
    """Its pixels."""


def group_pyramids(instances: list[Instance]) -> list[list[Instance]]:
    """Group the volume images of a series by pyramid, type and samples."""
    groups: dict[tuple[str, object, int], list[Instance]] = {}
    for one in instances:
        if one.kind == "VOLUME":
            key = (one.pyramid, one.pixels.dtype, one.pixels.samples)
            groups.setdefault(key, []).append(one)
    return list(groups.values())


def build_levels(instances: list[Instance]) -> tuple[list[Level], list[Diagnostic]]:
    """Return the levels of a pyramid, the largest first.

    Raises
    ------
    CorruptFileError
        When the largest one has far more tiles than a slide can have.
    """
    by_size: dict[tuple[int, int], list[Instance]] = {}
    for one in distinguish_paths(instances):
        by_size.setdefault(one.matrix, []).append(one)
    # The size itself decides between equal areas, so that the order of files does not.
    order = sorted(by_size, key=lambda size: (size[0] * size[1], size), reverse=True)
    levels: list[Level] = []
    diagnostics: list[Diagnostic] = []
    for size in order:
        level, remarks = _build_level(by_size[size], levels[0].paths if levels else ())
        diagnostics += remarks
        top = levels[0] if levels else level
        if (level.paths, len(level.depths)) != (top.paths, len(top.depths)):
            text = (
                f"the level of {size[1]} x {size[0]} pixels is not shown: it has "
                f"{_count(level)}, the largest {_count(top)}"
            )
            diagnostics.append(Diagnostic("dicom-level", text, level.instances[0].source.uri))
            continue
        levels.append(level)
    return levels, diagnostics


def _count(level: Level) -> str:
    paths = count_of(len(level.paths), "optical path")
    return f"{paths} and {count_of(len(level.depths), 'focal plane')}"


def _build_level(
    instances: list[Instance], order: tuple[str, ...]
) -> tuple[Level, list[Diagnostic]]:
    """Build a level; optical paths have the order of the largest level, whatever that of files."""
    first = instances[0]
    kept, diagnostics = [], []
    for one in instances:
        if (one.tile, one.pixels) == (first.tile, first.pixels):
            kept.append(one)
            continue
        text = f"tiles of {one.tile} pixels do not fit those of {first.tile}: they are not shown"
        diagnostics.append(Diagnostic("dicom-instance", text, one.source.uri, loss=True))
    paths = tuple(dict.fromkeys(path for one in kept for path in one.paths))
    if set(paths) == set(order):
        paths = order
    depths = np.unique(np.concatenate([one.places.depth for one in kept]))
    level = Level(kept, paths, tuple(depths.tolist()) or (0.0,))
    frame_of, remarks = _place(level)
    diagnostics += remarks
    level.array = _lay_out(level, frame_of)
    return level, diagnostics


def _place(level: Level) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], list[Diagnostic]]:
    """Return the frame of each tile, and trouble with frames and tiles."""
    first = level.instances[0]
    tiles = (-(-first.matrix[0] // first.tile[0])) * (-(-first.matrix[1] // first.tile[1]))
    total = tiles * len(level.paths) * len(level.depths)
    if total > MOST_TILES:
        raise CorruptFileError.at(
            first.source.uri, None, f"expected at most {MOST_TILES} tiles, found {total}"
        )
    frame_of = np.full(total, -1, np.int64)
    trouble: Counter[str] = Counter()
    begin = 0
    for one in level.instances:
        places = one.places
        # From a path's number in the file to its number in the level.
        number = np.array([level.paths.index(path) for path in one.paths])
        count = len(one.offsets)
        trouble["announced and not in the file"] += max(one.announced - count, 0)
        shown = (places.tile >= 0) & (places.path < len(number))
        trouble["on no tile of the grid"] += int(count - shown.sum())
        # Frames that are not shown take path 0 here and are dropped from `slots`.
        path = number[np.where(shown, places.path, 0)]
        # An exact match: the level's depths are made of these very numbers.
        depth = np.searchsorted(np.array(level.depths), places.depth)
        slots = ((path * len(level.depths) + depth) * tiles + places.tile)[shown]
        # Of several frames of one tile, the first is shown, as OpenSlide does not decide.
        taken = frame_of[slots] >= 0
        fresh, index = np.unique(slots[~taken], return_index=True)
        trouble["of a tile that another one shows"] += len(slots) - len(fresh)
        # `begin` is the number of the file's first frame among those of the level.
        frame_of[fresh] = begin + np.flatnonzero(shown)[~taken][index]
        begin += count
    uri = first.source.uri
    size = f"{first.matrix[1]} x {first.matrix[0]}"
    diagnostics = [
        Diagnostic(
            "dicom-frames",
            f"level {size}: {n} frames {what} are not shown",
            uri,
            loss=True,
            not_shown=True,
        )
        for what, n in trouble.items()
        if n
    ]
    missing = int((frame_of < 0).sum())
    if missing:
        text = f"level {size}: {missing} of {total} tiles are missing, their pixels are zero"
        diagnostics.append(Diagnostic("dicom-missing-tiles", text, uri))
    return frame_of, diagnostics


def _lay_out(level: Level, frame_of: np.ndarray[tuple[int], np.dtype[np.int64]]) -> LazyArray:
    first = level.instances[0]
    counts = [len(one.offsets) for one in level.instances]
    files = np.repeat(np.arange(len(counts)), counts)
    letters, lead = "", []
    for letter, size in (("C", len(level.paths)), ("Z", len(level.depths))):
        if size > 1:
            letters += letter
            lead.append(size)
    samples = first.pixels.samples
    layout = DicomLayout(
        sources=tuple(one.source for one in level.instances),
        lead=tuple(lead),
        matrix=first.matrix,
        tile=first.tile,
        samples=samples,
        dtype=first.pixels.dtype,
        codecs=first.pixels.codecs,
        planar=first.pixels.planar,
        frame_of=PackedIntegers.pack(frame_of),
        files=PackedIntegers.pack(files),
        offsets=PackedIntegers.pack(np.concatenate([one.offsets for one in level.instances])),
        nbytes=PackedIntegers.pack(np.concatenate([one.nbytes for one in level.instances])),
    )
    dims = Dims(letters + ("YXS" if samples > 1 else "YX"), layout.shape)
    return LazyArray.whole(layout, dims, first.pixels.dtype)
