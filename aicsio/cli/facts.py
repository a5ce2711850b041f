"""The facts of a file that commands show, as records: scenes, channels, sizes, diagnostics.

Rule kept here: gathered once, from the handle; text, JSON and the tools of agents show the same record.
"""

import argparse
import contextlib
from typing import Any

import attrs

from aicsio._io.folder_size import FolderSize, measure_folder
from aicsio.cli.terminal.opening import open_as_requested
from aicsio.cli.terminal.options import shown_name
from aicsio.cli.terminal.wording import speak_options
from aicsio.opening import Candidate, each_answer
from aicsio.records import Channel, Diagnostic, Dims, ImageHandle, PixelSize, Scene, Source
from aicsio.records.comparing import compared_by_fields


@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class ChannelFacts:
    """One channel of a scene."""

    name: str
    """Its name, or ``Channel:N`` if the file has none."""
    color: str | None
    """``#rrggbb``; ``None`` if the file has none."""
    emission_nm: float | None
    """Nanometres; ``None`` if unknown."""
    excitation_nm: float | None
    """Nanometres; ``None`` if unknown."""
    fluor: str | None
    """Name of the dye; ``None`` if unknown."""
    samples: int
    """Samples of a pixel."""


@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class SceneFacts:
    """One scene of a file."""

    index: int
    """Number of the scene, from 0."""
    name: str
    """Its name."""
    order: str
    """Letters of the stored dimensions."""
    dims: Dims
    """Letters and sizes."""
    dtype: str | None
    """Pixel type; ``None`` for a scene without pixels."""
    bytes: int
    """Bytes of pixels at full resolution."""
    channels: tuple[ChannelFacts, ...]
    """One for each position of C."""
    pixel_size_um: PixelSize
    """Micrometres."""
    time_step_s: float | None
    """Seconds between time points; ``None`` if unknown."""
    acquired: str | None
    """ISO 8601; ``None`` if unknown."""
    objective: str | None
    """Name of the objective; ``None`` if unknown."""
    magnification: float | None
    """Of the objective; ``None`` if unknown."""
    levels: tuple[Dims, ...]
    """Sizes of each resolution level, full resolution first."""
    in_focus: bool
    """Whether ``open_image`` shows this scene."""


@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class FileFacts:
    """Everything that ``aicsio info`` shows of a file."""

    file: str
    """Name as the user wrote it, without passwords."""
    uri: str
    """Absolute path or URL."""
    bytes: int | None
    """Size of the file, or of the first 10 000 files of a folder; ``None`` if unknown."""
    files: int | None
    """Number of files that ``bytes`` counts; ``None`` if unknown."""
    complete: bool
    """Whether these are all files."""
    format: str
    """Format that reads the file."""
    candidates: tuple[Candidate, ...]
    """Formats in the order in which they were asked."""
    scenes: tuple[SceneFacts, ...]
    """All scenes."""
    metadata_characters: int | None
    """Length of the metadata text; ``None`` if there is none."""
    diagnostics: tuple[Diagnostic, ...]
    """Damage, guesses and omissions."""


def read_facts(
    name: str, arguments: argparse.Namespace, *, all_candidates: bool = True
) -> FileFacts:
    """Open a file and gather its metadata, without the formats that were not asked if so requested."""
    handle = open_as_requested(name, arguments)
    size = _measure(handle.source)
    return FileFacts(
        file=shown_name(name, arguments),
        uri=handle.source.uri,
        bytes=None if size is None else size.nbytes,
        files=None if size is None else size.file_count,
        complete=size is not None and size.complete,
        format=handle.format,
        candidates=list_candidates(name, arguments, unasked=all_candidates),
        scenes=tuple(
            _describe_scene(handle, index, scene) for index, scene in enumerate(handle.scenes)
        ),
        metadata_characters=None if handle.metadata is None else len(handle.metadata),
        diagnostics=tuple(map(_reword, handle.diagnostics)),
    )


def _measure(source: Source) -> FolderSize | None:
    """Size of a file or a folder; ``None`` for what a server does not report."""
    if source.folder and source.local:
        return measure_folder(source.uri)
    return None if source.size is None else FolderSize(source.size, 1, complete=True)


def _reword(diagnostic: Diagnostic) -> Diagnostic:
    return attrs.evolve(diagnostic, message=speak_options(diagnostic.message))


def list_candidates(
    name: str, arguments: argparse.Namespace, *, unasked: bool = True
) -> tuple[Candidate, ...]:
    """List the formats in the order in which they are asked, with their answers."""
    if arguments.format is not None:
        return (Candidate(arguments.format, taken=True, reason="--format requests it"),)
    listed: list[Candidate] = []
    with contextlib.closing(each_answer(name, arguments.storage_options)) as answers:
        for candidate in answers:
            listed.append(candidate)
            if candidate.taken and not unasked:
                break
    return tuple(listed)


def _describe_scene(handle: ImageHandle, index: int, scene: Scene) -> SceneFacts:
    # A scene without levels has metadata only, such as an image whose recording failed.
    dtype, nbytes = None, 0
    if scene.levels:
        dtype, nbytes = str(scene.levels[0].dtype), scene.levels[0].nbytes
    objective_name = magnification = None
    if scene.objective is not None:
        objective_name = scene.objective.name
        magnification = scene.objective.magnification
    return SceneFacts(
        index=index,
        name=scene.name,
        order=scene.dims.order,
        dims=scene.dims,
        dtype=dtype,
        bytes=nbytes,
        channels=tuple(
            _describe_channel(channel, number) for number, channel in enumerate(scene.channels)
        ),
        pixel_size_um=scene.pixel_size,
        time_step_s=scene.time_step,
        acquired=scene.acquired,
        objective=objective_name,
        magnification=magnification,
        levels=tuple(level.dims for level in scene.levels),
        in_focus=index == handle.scene_index,
    )


def _describe_channel(channel: Channel, number: int) -> ChannelFacts:
    return ChannelFacts(
        name=channel.name or f"Channel:{number}",
        # RGBA: screens and web pages take colours without alpha.
        color=None if channel.color is None else f"#{channel.color >> 8:06x}",
        emission_nm=channel.emission,
        excitation_nm=channel.excitation,
        fluor=channel.fluor,
        samples=channel.samples,
    )


def as_json(facts: FileFacts) -> dict[str, Any]:
    """Turn facts into plain dicts, lists, numbers and strings."""
    return attrs.asdict(facts, value_serializer=_dims_as_dicts)


def _dims_as_dicts(record: object, field: object, value: Any) -> Any:  # noqa: ARG001
    """Write dims as ``{"T": 3, "Y": 512}``; attrs alone would write their two fields."""
    if isinstance(value, Dims):
        return dict(value.items())
    if isinstance(value, tuple) and value and isinstance(value[0], Dims):
        return [dict(dims.items()) for dims in value]
    return value
