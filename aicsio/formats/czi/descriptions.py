"""Scenes of the directory and metadata of the XML -> records. Pure.

Rule kept here: a fact of the wrong length or of another scene is not used; a missing one is ``None``.
"""

from collections import Counter

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.formats._steps import find_even_step
from aicsio.formats.czi.channel_numbers import described_positions
from aicsio.formats.czi.metadata import CziMetadata
from aicsio.formats.czi.scene_data import SceneData
from aicsio.formats.czi.scene_metadata import SceneMetadata
from aicsio.formats.czi.times import FileTimes
from aicsio.records import Channel, Coordinate, Dims, PixelSize, Planes, Scene, Tiles, Well

UNKNOWN_SCENE = SceneMetadata()
UNKNOWN_CHANNEL = Channel()


@attrs.define(eq=False, repr=False)
class CziFacts:
    """Facts that all scenes share. Not a record: it holds arrays."""

    metadata: CziMetadata
    scenes: dict[int, SceneMetadata]
    """By position along S in the file."""
    channels: dict[int, Channel]
    """By position along C in the file."""
    exposures: dict[int, float]
    """Seconds, by position along C in the file."""
    times: FileTimes | None
    planes_have_times: bool
    """Whether the subblocks hold times of their own, which ``read_planes`` reads."""

    def of_scene(self, number: int | None) -> SceneMetadata:
        """Return the metadata of a scene."""
        return self.scenes.get(number or 0, UNKNOWN_SCENE)


def gather_facts(
    channel_positions: list[int],
    metadata: CziMetadata,
    times: FileTimes | None,
    *,
    planes_have_times: bool,
) -> CziFacts:
    """Assign the facts of the XML to positions of the directory."""
    positions = described_positions(
        channel_positions, len(metadata.channels), metadata.channel_numbers
    )
    channels = dict(zip(positions, metadata.channels, strict=False))
    exposures = {
        position: seconds
        for position, seconds in zip(positions, metadata.exposure, strict=False)
        if seconds is not None
    }
    scenes = dict(metadata.scenes)
    return CziFacts(metadata, scenes, channels, exposures, times, planes_have_times)


def describe_scenes(data: tuple[SceneData, ...], facts: CziFacts) -> tuple[Scene, ...]:
    """Describe all scenes of a file."""
    places = scene_places(data, facts.metadata)
    scenes = []
    fields: Counter[tuple[int, int]] = Counter()
    for index, (one, place) in enumerate(zip(data, places, strict=True)):
        scene = _describe(one, index, name_scene(place, index), facts)
        if place.well is not None:
            row, column = place.well
            from aicsio._ome.document import name_row  # 8 ms, for plates alone

            # The fields of a well are its scenes, in the order of the file.
            well = Well(name_row(row), str(column + 1), fields[place.well], facts.metadata.plate)
            fields[place.well] += 1
            scene = attrs.evolve(scene, well=well)
        scenes.append(scene)
    return tuple(scenes)


def scene_places(data: tuple[SceneData, ...], metadata: CziMetadata) -> list[SceneMetadata]:
    """Return the metadata of each scene."""
    by_number = dict(metadata.scenes)
    places = []
    for position, one in enumerate(data):
        # Subblocks without S are the one scene of the file, or a leftover that no metadata
        # describe.
        number = position if one.number is None and len(data) == 1 else one.number
        places.append(UNKNOWN_SCENE if number is None else by_number.get(number, UNKNOWN_SCENE))
    return places


def name_scene(place: SceneMetadata, index: int) -> str:
    """Name a scene: its own name, and that of the shape (well, region) that it lies in.

    Whatever other scenes are called: a file that was cut out of another keeps its names.
    """
    if place.name is None:
        return place.shape or f"Image:{index}"
    if place.shape is None or place.shape == place.name:
        return place.name
    return f"{place.name}-{place.shape}"


def _describe(data: SceneData, index: int, name: str, facts: CziFacts) -> Scene:
    stored = Dims("", ())
    if data.levels:
        stored = data.levels[0].stored
    first = dict(data.first)
    seconds = None
    if facts.times is not None:
        seconds = facts.times.of_scene(index, first.get("T", 0), stored.get("T", 1))
    metadata = facts.metadata
    scene = facts.of_scene(data.number)
    size = _measure_pixel(metadata.pixel_size, data)
    time_step = metadata.time_step
    coordinates: tuple[Coordinate, ...] = ()
    if seconds is not None and len(seconds) > 1:
        starts = seconds[:, 0]
        # The planned step outranks the measured one, which jitters by the clock of the software.
        time_step = time_step or find_even_step(starts)
        if np.isfinite(starts).all():
            coordinates = (Coordinate("T", tuple(starts.tolist()), "s"),)
    return Scene(
        name=name,
        levels=data.levels,
        channels=_describe_channels(facts, first.get("C", 0), stored),
        pixel_size=size,
        time_step=time_step,
        acquired=metadata.acquired,
        objective=metadata.objective,
        planes=_describe_planes(facts, scene, seconds, stored, first),
        tiles=None if data.tiles is None else _add_stage(data.tiles, scene.center, size),
        coordinates=coordinates,
    )


def _measure_pixel(size: PixelSize, data: SceneData) -> PixelSize:
    """Return the size of a pixel of level 0, which may be stored at a coarser resolution only."""
    y_scale, x_scale = data.base_scale
    if y_scale == x_scale == 1:
        return size
    return attrs.evolve(
        size,
        Y=None if size.Y is None else size.Y * y_scale,
        X=None if size.X is None else size.X * x_scale,
    )


def _describe_channels(facts: CziFacts, first: int, stored: Dims) -> tuple[Channel, ...]:
    samples = stored.get("S", 1)
    channels = []
    for position in range(first, first + stored.get("C", 1)):
        channel = facts.channels.get(position, UNKNOWN_CHANNEL)
        if samples != channel.samples:
            channel = attrs.evolve(channel, samples=samples)
        channels.append(channel)
    return tuple(channels)


# ---------------------------------------------------------------- facts of planes


def _describe_planes(
    facts: CziFacts,
    scene: SceneMetadata,
    seconds: npt.NDArray[np.float64] | None,
    stored: Dims,
    first: dict[str, int],
) -> Planes | None:
    """Describe the planes as far as the file does without its subblocks.

    Times are left to ``read_planes`` where the subblocks hold their own: those of the attachment are
    of time points, and a plane must not have two times.
    """
    if seconds is None and not facts.exposures and scene.center is None and scene.z is None:
        return None
    inner = "" if facts.times is None else facts.times.inner.replace("S", "")
    sections = None
    if scene.z is not None and "Z" in stored and facts.metadata.sections is not None:
        start, step = facts.metadata.sections
        positions = first.get("Z", 0) + np.arange(stored["Z"], dtype=np.float64)
        sections = np.asarray(scene.z + start + step * positions, np.float64)
    used = "TC" + inner + "Z" * (sections is not None)
    letters = "".join(letter for letter in "TCZ" if letter in stored and letter in used)
    dims = Dims(letters, tuple(stored[letter] for letter in letters))
    columns: dict[str, bytes] = {}
    if seconds is not None and "T" in stored and not facts.planes_have_times:
        fits = not inner or (inner in stored and seconds.shape[1] == stored[inner])
        columns["time"] = _repeat(seconds if fits else seconds[:, :1], "T" + inner * fits, dims)
    first_channel = first.get("C", 0)
    exposures = [
        facts.exposures.get(position, np.nan)
        for position in range(first_channel, first_channel + stored.get("C", 1))
    ]
    if "C" in letters and np.isfinite(exposures).any():
        columns["exposure"] = _repeat(np.array(exposures), "C", dims)
    if scene.center is not None:
        columns["x"] = _repeat(np.array(scene.center[0]), "", dims)
        columns["y"] = _repeat(np.array(scene.center[1]), "", dims)
    if sections is not None:
        columns["z"] = _repeat(sections, "Z", dims)
    elif scene.z is not None:
        columns["z"] = _repeat(np.array(scene.z), "", dims)
    return Planes(dims, **columns, start=None) if columns else None


def _repeat(values: npt.NDArray[np.float64], axes: str, dims: Dims) -> bytes:
    """Repeat values along ``axes`` over all plane axes."""
    lengths = [size if letter in axes else 1 for letter, size in dims.items()]
    return np.broadcast_to(values.reshape(lengths), dims.shape).astype("<f8").tobytes()


def _add_stage(tiles: Tiles, center: tuple[float, float] | None, size: PixelSize) -> Tiles:
    """Compute the stage position of the middle of each tile from the centre of the scene."""
    if center is None or size.X is None or size.Y is None:
        return tiles
    return attrs.evolve(
        tiles,
        stage_x=_stage_positions(tiles.x, tiles.width, center[0], size.X),
        stage_y=_stage_positions(tiles.y, tiles.height, center[1], size.Y),
    )


def _stage_positions(start: bytes, length: bytes, center: float, pixel: float) -> bytes:
    first = np.frombuffer(start, "<i4").astype("<f8")
    half = np.frombuffer(length, "<i4") / 2
    # The centre in the metadata is that of the scene's rectangle, so the middle of all tiles lies
    # there.
    span = (first + 2 * half).max() - first.min()
    from_center = first + half - first.min() - span / 2
    positions: bytes = (center + from_center * pixel).astype("<f8").tobytes()
    return positions
