"""Zeiss CZI. Two engines behind the same records: native (default), and aicspylibczi.

Rule kept here: the container is indexed and checked by this package whichever engine reads the pixels.
"""

import importlib.util
import math
from collections import Counter

import attrs
import numpy as np

from aicsio.errors import CorruptFileError, MissingDependencyError, UnsupportedFormatError
from aicsio.formats import Options
from aicsio.formats.czi.attachments import time_stamps
from aicsio.formats.czi.directory import distinct
from aicsio.formats.czi.index import Index, read_index
from aicsio.formats.czi.metadata import Facts, SceneFacts, parse
from aicsio.formats.czi.scenes import SceneData, build_scenes
from aicsio.formats.czi.subblocks import reason_not_native
from aicsio.formats.czi.times import SceneTimes, fit_stamps, misfit
from aicsio.records import (
    Channel,
    Contents,
    Coordinate,
    Diagnostic,
    Dims,
    PixelSize,
    Planes,
    Scene,
    Source,
    Tiles,
)


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
    scenes, misfits = _scenes(index, data, facts, stamps or facts.times)
    notes = (*index.diagnostics, *notes, *more, *stamp_notes, *misfits, *said)
    if engine == "native":
        return Contents(scenes, index.metadata, notes)
    from aicsio.formats.czi import libczi_engine

    found = libczi_engine.contents(index, scenes, data, notes, tiles=tiles)
    if said:
        libczi_engine.probe(found, said[0].message)
    return found


def _engine(index: Index, asked: str | None) -> tuple[str, tuple[Diagnostic, ...]]:
    """Say which engine reads the pixels: where nobody asked for one, the second takes what the first declines."""
    why = None if asked == "aicspylibczi" else reason_not_native(index.subblocks)
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
    index: Index, data: tuple[SceneData, ...], facts: Facts, stamps: tuple[float, ...]
) -> tuple[tuple[Scene, ...], tuple[Diagnostic, ...]]:
    """Make the records of the scenes; a list of time stamps that fits none is a diagnostic."""
    channels = _channels_by_position(index, facts)
    facts_of_scene = dict(facts.scenes)
    scenes: list[Scene] = []
    misfits: list[Diagnostic] = []
    names = _names(data, facts)
    for position, (one, name) in enumerate(zip(data, names, strict=True)):
        stored = one.levels[0].stored if one.levels else Dims("", ())
        first_t = dict(one.first).get("T", 0)
        times: SceneTimes | None = SceneTimes()
        if stamps and "T" in stored:
            times = fit_stamps(stamps, stored, first_t, position, len(data))
            if times is None and not misfits:
                misfits.append(misfit(stamps, stored, len(data)))
        scene_facts = facts_of_scene.get(one.number or 0, SceneFacts())
        scenes.append(_scene(one, name, scene_facts, facts, times or SceneTimes(), channels))
    return tuple(scenes), tuple(misfits)


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
    scene_facts: SceneFacts,
    facts: Facts,
    times: SceneTimes,
    channels: dict[int, Channel],
) -> Scene:
    stored = data.levels[0].stored if data.levels else Dims("", ())
    first_channel = dict(data.first).get("C", 0)
    samples = stored.get("S", 1)
    shown = tuple(
        attrs.evolve(channels.get(first_channel + c, Channel()), samples=samples)
        for c in range(stored.get("C", 1))
    )
    pixel_size = facts.pixel_size
    if data.factor != 1:
        # Scaling is that of full resolution (CZI metadata schema), which the scene does not store.
        width, height = (
            None if size is None else size * data.factor for size in (pixel_size.X, pixel_size.Y)
        )
        pixel_size = PixelSize(pixel_size.Z, height, width)
    seconds = times.seconds
    known = len(seconds) > 1 and bool(np.isfinite(seconds).all())
    return Scene(
        name=name,
        levels=data.levels,
        channels=shown,
        pixel_size=pixel_size,
        time_step=facts.time_step or times.step,
        acquired=facts.acquired,
        objective=facts.objective,
        planes=_planes(facts, seconds, scene_facts, stored, first_channel),
        tiles=None
        if data.tiles is None
        else _with_stage(data.tiles, scene_facts.center, pixel_size),
        coordinates=(Coordinate("T", seconds, "s"),) if known else (),
    )


def _planes(
    facts: Facts, seconds: tuple[float, ...], scene_facts: SceneFacts, stored: Dims, c: int
) -> Planes | None:
    """Return the facts of planes that the file gives without its subblocks.

    Times by T, exposures by C, and the stage position of the scene.
    """
    letters = "".join(letter for letter in "TC" if letter in stored)
    shape = tuple(stored[letter] for letter in letters)
    exposure = facts.exposure[c : c + stored.get("C", 1)]
    any_exposure = any(value is not None for value in exposure)
    center, stage_z = scene_facts.center, scene_facts.stage_z
    if not letters or not (seconds or any_exposure or center or stage_z is not None):
        return None

    def column(values: list[float], letter: str) -> bytes:
        along = np.array(values, "<f8").reshape([-1 if one == letter else 1 for one in letters])
        return np.broadcast_to(along, shape).astype("<f8").tobytes()

    time = exposure_column = x = y = None
    if seconds and "T" in letters:
        time = column(list(seconds), "T")
    if any_exposure and "C" in letters and len(exposure) == stored["C"]:
        values = [math.nan if value is None else value for value in exposure]
        exposure_column = column(values, "C")
    if center is not None:
        x, y = column([center[0]], ""), column([center[1]], "")
    z = None if stage_z is None else column([stage_z], "")
    return Planes(Dims(letters, shape), time=time, exposure=exposure_column, x=x, y=y, z=z)


def _with_stage(tiles: Tiles, center: tuple[float, float] | None, size: PixelSize) -> Tiles:
    """Stage position of the middle of each tile: the scene's centre, and pixels from there."""
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
