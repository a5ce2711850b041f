"""Zeiss CZI. Two engines behind the same records: native (default), and aicspylibczi.

Rule kept here: the container is indexed and checked by this package whichever engine reads the pixels.
"""

import importlib.util
import itertools
from collections import Counter

import attrs
import numpy as np

from aicsio.errors import CorruptFileError, MissingDependencyError, UnsupportedFormatError
from aicsio.formats import Options
from aicsio.formats.czi.attachments import time_stamps
from aicsio.formats.czi.directory import distinct
from aicsio.formats.czi.index import Index, read_index
from aicsio.formats.czi.metadata import Facts, SceneFacts, parse
from aicsio.formats.czi.scenes import SceneData, build_scenes, declined
from aicsio.records import (
    Channel,
    Contents,
    Coordinate,
    Diagnostic,
    Dims,
    Planes,
    Scene,
    Source,
    Tiles,
)

EVEN = 0.01
"""Time points whose distances differ by less than this part are taken as evenly spaced."""


def recognises(source: Source, head: bytes, /) -> bool:  # noqa: ARG001 - the head tells
    """Say whether the file begins with the segment ``ZISRAWFILE``."""
    return head.startswith(b"ZISRAWFILE")


def read_contents(source: Source, options: Options, /) -> Contents:
    """Describe the scenes of a CZI file.

    Raises
    ------
    CorruptFileError, UnsupportedFormatError, MissingDependencyError
    """
    index = read_index(source)
    if not len(index.subblocks):
        raise CorruptFileError.at(
            source.uri, None, "expected at least one subblock, the directory lists none"
        )
    facts, notes = parse(index.metadata)
    engine, said = _engine(index, options.engine)
    tiles = options.mosaic == "tiles"
    data, more = build_scenes(index if engine == "native" else _as_if_raw(index), tiles=tiles)
    stamps, stamp_notes = time_stamps(index)
    scenes = _scenes(index, data, facts, stamps or facts.times)
    notes = (*index.diagnostics, *notes, *more, *stamp_notes, *said)
    if engine == "native":
        return Contents(scenes, index.metadata, notes)
    from aicsio.formats.czi import libczi_engine

    found = libczi_engine.contents(index, scenes, data, notes, tiles=tiles)
    if said:
        libczi_engine.probe(found, said[0].message)
    return found


def _engine(index: Index, asked: str | None) -> tuple[str, tuple[Diagnostic, ...]]:
    """Say which engine reads the pixels: where nobody asked for one, the second takes what the first declines."""
    why = None if asked == "aicspylibczi" else declined(index.subblocks)
    if why is None:
        return asked or "native", ()
    if asked == "native" or not index.source.local or index.source.content is not None:
        raise UnsupportedFormatError(
            f"{index.source.uri}: {why}; engine='aicspylibczi' may read it, of local files"
        )
    if importlib.util.find_spec("aicspylibczi") is None:
        raise MissingDependencyError(
            f"{index.source.uri}: {why}. Zeiss' own library may read it: pip install 'aicsio[aicspylibczi]'"
        )
    return "aicspylibczi", (
        Diagnostic("second-engine", f"{why}: aicspylibczi reads the pixels", index.source.uri),
    )


def _as_if_raw(index: Index) -> Index:
    """Compression is no matter of the engine that asks the library for pixels."""
    blocks = attrs.evolve(index.subblocks, compression=np.zeros_like(index.subblocks.compression))
    return attrs.evolve(index, subblocks=blocks)


def _scenes(
    index: Index, data: tuple[SceneData, ...], facts: Facts, times: tuple[float, ...]
) -> tuple[Scene, ...]:
    channels = _channels_by_position(index, facts)
    said = dict(facts.scenes)
    return tuple(
        _scene(one, name, said.get(one.number or 0, SceneFacts()), facts, times, channels)
        for one, name in zip(data, _names(data, facts), strict=True)
    )


def _names(data: tuple[SceneData, ...], facts: Facts) -> list[str]:
    """Names of scenes; where several share one, the shape (well, region) that they lie in tells them apart."""
    said = dict(facts.scenes)
    found = [
        said.get(position if one.number is None else one.number, SceneFacts())
        for position, one in enumerate(data)
    ]
    count = Counter(one.name for one in found)
    names = []
    for position, one in enumerate(found):
        name = one.name or one.shape or f"Image:{position}"
        twice = one.name is not None and count[one.name] > 1 and one.shape is not None
        names.append(f"{name}-{one.shape}" if twice else name)
    return names


def _channels_by_position(index: Index, facts: Facts) -> dict[int, Channel]:
    """Channels by their number in the directory: the metadata list those that the file was saved with."""
    if "C" not in index.subblocks.start:
        return dict(enumerate(facts.channels))
    numbers = distinct(index.subblocks.start["C"])
    if numbers and numbers[-1] >= len(facts.channels) == len(numbers):
        return dict(zip(numbers, facts.channels, strict=True))
    return dict(enumerate(facts.channels))


def _scene(
    data: SceneData,
    name: str,
    said: SceneFacts,
    facts: Facts,
    times: tuple[float, ...],
    channels: dict[int, Channel],
) -> Scene:
    stored = data.levels[0].stored if data.levels else Dims("", ())
    first = dict(data.first)
    samples = stored.get("S", 1)
    kept = tuple(
        attrs.evolve(channels.get(first.get("C", 0) + c, Channel()), samples=samples)
        for c in range(stored.get("C", 1))
    )
    t = first.get("T", 0)
    times = times[t : t + stored.get("T", 1)] if len(times) >= t + stored.get("T", 1) else ()
    return Scene(
        name=name,
        levels=data.levels,
        channels=kept,
        pixel_size=facts.pixel_size,
        time_step=facts.time_step or _even_step(times),
        acquired=facts.acquired,
        objective=facts.objective,
        planes=_planes(facts, times, said.center, stored, first.get("C", 0)),
        tiles=None if data.tiles is None else _with_stage(data.tiles, said.center, facts),
        coordinates=(Coordinate("T", times, "s"),) if len(times) > 1 else (),
    )


def _even_step(times: tuple[float, ...]) -> float | None:
    steps = [b - a for a, b in itertools.pairwise(times)]
    mean = sum(steps) / len(steps) if steps else 0
    even = mean > 0 and all(abs(step - mean) <= EVEN * mean for step in steps)
    return mean if even else None


def _planes(
    facts: Facts, times: tuple[float, ...], center: tuple[float, float] | None, stored: Dims, c: int
) -> Planes | None:
    """Facts of planes as far as the file gives them without its subblocks: times by T, exposures by C, the stage."""
    letters = "".join(letter for letter in "TC" if letter in stored)
    shape = tuple(stored[letter] for letter in letters)
    exposure = facts.exposure[c : c + stored.get("C", 1)]
    known = [value for value in exposure if value is not None]
    if not letters or not (times or known or center):
        return None

    def column(values: list[float], letter: str) -> bytes:
        along = np.array(values, "<f8").reshape([-1 if one == letter else 1 for one in letters])
        return np.broadcast_to(along, shape).astype("<f8").tobytes()

    seconds = [np.nan if value is None else value for value in exposure]
    return Planes(
        Dims(letters, shape),
        time=column(list(times), "T") if times and "T" in letters else None,
        exposure=column(seconds, "C")
        if known and "C" in letters and len(seconds) == stored["C"]
        else None,
        x=column([center[0]], "") if center else None,
        y=column([center[1]], "") if center else None,
    )


def _with_stage(tiles: Tiles, center: tuple[float, float] | None, facts: Facts) -> Tiles:
    """Stage position of the middle of each tile: the scene's centre, and pixels from there."""
    size = facts.pixel_size
    if center is None or size.X is None or size.Y is None:
        return tiles

    def along(start: bytes, length: bytes, middle: float, pixel: float) -> bytes:
        low = np.frombuffer(start, "<i4").astype("<f8")
        half = np.frombuffer(length, "<i4") / 2
        span = (low + 2 * half).max() - low.min()
        stage: bytes = (
            (middle + (low + half - low.min() - span / 2) * pixel).astype("<f8").tobytes()
        )
        return stage

    return attrs.evolve(
        tiles,
        stage_x=along(tiles.x, tiles.width, center[0], size.X),
        stage_y=along(tiles.y, tiles.height, center[1], size.Y),
    )
