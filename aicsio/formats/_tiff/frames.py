"""When, where and how long each page was taken, as ScanImage, Micro-Manager and MetaMorph keep it.

Rule kept here: read on request, since 100 000 pages have as many texts. A plane is known by the offset
of its first strip or tile, whatever file of a set holds it; a page without facts is NaN.

Source of the facts: https://docs.scanimage.org (``frameTimestamps_sec`` in the description of each
page); https://micro-manager.org/Micro-Manager_File_Formats (tag 51123: ``ElapsedTime-ms``,
``Exposure-ms`` or ``Exposure``, ``XPositionUm``); ``metamorph`` for the XML of MetaMorph.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from aicsio._ome.units import finite_number
from aicsio.errors import AicsioError
from aicsio.formats._tiff.chain import read_chain
from aicsio.formats._tiff.dialects.marks import is_scanimage
from aicsio.formats._tiff.ifd import open_tiff, read_directory
from aicsio.formats._tiff.instruments.micromanager import read_plane_properties
from aicsio.formats._tiff.makers import is_metaseries
from aicsio.formats._tiff.metamorph import read_metaseries
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Dims, Encoded, LazyArray, Planes, Scene, Source, Strided

PageFacts: TypeAlias = Mapping[str, float]
"""Seconds and micrometres by the column of ``Planes``."""
_STAMP = re.compile(r"^\s*frameTimestamps_sec\s*=\s*([-+\d.eE]+)", re.MULTILINE)
_OLD_STAMP = re.compile(r"^\s*Frame Timestamp\(s\)\s*=\s*([-+\d.eE]+)", re.MULTILINE)
_COLUMNS = ("time", "exposure", "x", "y", "z", "focus")


def read_frames(scene: Scene, level: LazyArray) -> Planes | None:
    """Return the facts of the planes of a scene; those of the scene where pages hold none.

    Parameters
    ----------
    scene, level
        The scene, and its array of full resolution.
    """
    letters = "".join(letter for letter in level.stored.order if letter not in "YXS")
    dims = Dims(letters, tuple(level.stored[letter] for letter in letters))
    facts: list[PageFacts] = []
    tables: dict[Source, dict[int, PageFacts]] = {}
    for place in _locate_planes(level, dims):
        table: dict[int, PageFacts] = {}
        if place is not None:
            source, offset = place
            if source not in tables:
                tables[source] = _read_pages(source)
            # A file without such pages is no reason to walk through a million planes.
            if not any(tables.values()):
                return scene.planes
            table = tables[source]
        facts.append(table.get(offset, {}) if place is not None else {})
    return _as_planes(facts, dims, scene.planes)


def _locate_planes(level: LazyArray, dims: Dims) -> Iterator[tuple[Source, int] | None]:
    """Yield file and offset of the first pixels of each plane; ``None`` for one without."""
    stored, layout = level.stored, level.layout
    for position in np.ndindex(dims.shape):
        places = dict(zip(dims, position, strict=True))
        # The first pixel of the plane: positions of the plane axes, 0 along Y, X and S.
        corner = [places.get(letter, 0) for letter in stored.order]
        block = tuple(
            at // max(size, 1) for at, size in zip(corner, layout.block_shape, strict=True)
        )
        inside = (at % max(size, 1) for at, size in zip(corner, layout.block_shape, strict=True))
        window = tuple(slice(at, at + 1) for at in inside)
        piece = next(iter(layout.pieces(block, window)), None)
        if isinstance(piece, Strided | Encoded):
            yield piece.source, piece.offset
        else:
            yield None


def _read_pages(source: Source) -> dict[int, PageFacts]:
    """Return the facts of the pages of a file by the offset of their first strip or tile."""
    table: dict[int, PageFacts] = {}
    try:
        with open_tiff(source) as (file, first):
            tags = PageTags.of(file, read_directory(file, first)[0])
            read = _reader_of(tags)
            if read is None:
                return {}
            chain, _ = read_chain(file, first)
            for page in range(len(chain)):
                page_tags = PageTags.of(file, chain[page])
                offset = _first_offset(page_tags)
                if offset is not None:
                    table[offset] = read(page_tags)
    except AicsioError:
        return table  # the reader has reported the damage
    return table


def _first_offset(tags: PageTags) -> int | None:
    for code in (Tag.STRIP_OFFSETS, Tag.TILE_OFFSETS):
        offset = tags.number(code) if code in tags.tags else None
        if offset is not None:
            return offset
    return None


def _reader_of(tags: PageTags) -> Callable[[PageTags], PageFacts] | None:
    if Tag.MICRO_MANAGER_METADATA in tags.tags:
        return _read_micromanager
    if is_metaseries(tags.description):
        return _read_metamorph
    return _read_scanimage if is_scanimage(tags) else None


def _read_metamorph(tags: PageTags) -> PageFacts:
    return read_metaseries(tags.description)


def _read_scanimage(tags: PageTags) -> PageFacts:
    stamp = _STAMP.search(tags.description) or _OLD_STAMP.search(tags.description)
    seconds = finite_number(stamp[1]) if stamp else None
    return {} if seconds is None else {"time": seconds}


def _read_micromanager(tags: PageTags) -> PageFacts:
    properties = read_plane_properties(tags)
    found = {
        "time": _milliseconds(properties, "ElapsedTime-ms"),
        "exposure": _milliseconds(properties, "Exposure-ms", "Exposure"),
        "x": _number(properties.get("XPositionUm")),
        "y": _number(properties.get("YPositionUm")),
        "z": _number(properties.get("ZPositionUm")),
    }
    return {name: value for name, value in found.items() if value is not None}


def _milliseconds(properties: Mapping[str, Any], *names: str) -> float | None:
    for name in names:
        number = _number(properties.get(name))
        if number is not None:
            return number / 1000
    return None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    # Programs on German and French systems write decimal commas.
    return finite_number(str(value).replace(",", "."))


def _as_planes(facts: list[PageFacts], dims: Dims, known: Planes | None) -> Planes | None:
    columns: dict[str, npt.NDArray[np.float64]] = {}
    for name in _COLUMNS:
        values = np.array([one.get(name, np.nan) for one in facts], np.float64)
        if np.isfinite(values).any():
            columns[name] = values
    if not columns:
        return known
    if "time" in columns:
        # The clock of planes starts with the first of them.
        columns["time"] = columns["time"] - np.nanmin(columns["time"])
    packed = {name: values.astype("<f8").tobytes() for name, values in columns.items()}
    return Planes(
        dims,
        time=packed.get("time"),
        exposure=packed.get("exposure"),
        x=packed.get("x"),
        y=packed.get("y"),
        z=packed.get("z"),
        focus=packed.get("focus"),
    )
