"""``aicsio info``: the metadata of files, without reading a pixel.

Rule kept here: one record, ``FileFacts``, is shown as text or as JSON, so that both agree.
"""

import argparse
import inspect
import json
from collections.abc import Callable
from typing import Any

import attrs

from aicsio._checks.words import count_of
from aicsio._io.folder_size import FolderSize, measure_folder
from aicsio._io.urls import public_url
from aicsio.cli.terminal import options
from aicsio.cli.terminal.opening import open_as_requested
from aicsio.cli.terminal.progress import Progress
from aicsio.cli.terminal.text import (
    bold,
    escape_controls,
    format_size,
    layout_entries,
    layout_table,
    print_error,
    terminal_width,
    wrap,
)
from aicsio.cli.terminal.wording import speak_options
from aicsio.errors import AicsioError
from aicsio.opening import Candidate, explain
from aicsio.records import Channel, Diagnostic, Dims, ImageHandle, PixelSize, Scene, Source

MOST_SCENES = 40
"""Scenes in a table, more than fit a screen; JSON has all."""
MOST_DIAGNOSTICS = 5
"""Diagnostics below a table, so that the table stays on the screen; JSON has all."""
HEADER = ("scene", "name", "dims", "dtype", "pixels", "channels", "spacing", "levels")
SAMPLE_NAMES = {1: "", 3: " (RGB)", 4: " (RGBA)"}
"""Suffix of a channel's name by its number of samples."""

# argparse has checked the arguments; importing beartype to do it again takes as long as importing
# aicsio itself (0.17 s each on the machine of the benchmark).
_explain: Callable[..., tuple[Candidate, ...]] = inspect.unwrap(explain)


@attrs.frozen
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


@attrs.frozen
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


@attrs.frozen
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = "Show the metadata of files. Reads no pixels."
    parser.add_argument("files", nargs="+", metavar="FILE", help="path or URL")
    parser.add_argument(
        "--json", action="store_true", help="print a JSON array, one object for each file"
    )
    options.add_opening(parser)


def run(arguments: argparse.Namespace) -> int:
    """Describe each file on stdout; a file that fails is one line on stderr."""
    entries: list[dict[str, Any]] = []
    failed = False
    printed = 0
    with Progress("opening", "files") as progress:
        for index, name in enumerate(arguments.files):
            progress(index, len(arguments.files))
            try:
                facts = read_facts(name, arguments)
            except AicsioError as error:
                if arguments.debug:
                    raise
                failed = True
                print_error(error, name)
                # The array of --json keeps one object for each file, so that scripts can pair them.
                entries.append(
                    {
                        "file": public_url(name),
                        "error": speak_options(str(error)),
                        "kind": type(error).__name__,
                    }
                )
                continue
            if arguments.json:
                entries.append(as_json(facts))
                continue
            # A blank line between two files, none before the first.
            if printed:
                print()
            printed += 1
            # Flushed at once: opening the next file may take long.
            print(*as_text(facts, terminal_width()), sep="\n", flush=True)
    if arguments.json:
        print(json.dumps(entries, indent=2))
    return int(failed)


# ---------------------------------------------------------------- facts


def read_facts(name: str, arguments: argparse.Namespace) -> FileFacts:
    """Open a file and gather its metadata."""
    handle = open_as_requested(name, arguments)
    size = _measure(handle.source)
    return FileFacts(
        file=public_url(name),
        uri=handle.source.uri,
        bytes=None if size is None else size.nbytes,
        files=None if size is None else size.file_count,
        complete=size is not None and size.complete,
        format=handle.format,
        candidates=_list_candidates(name, arguments),
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


def _list_candidates(name: str, arguments: argparse.Namespace) -> tuple[Candidate, ...]:
    """List the formats that were asked, in order, with their answers."""
    if arguments.format is not None:
        return (Candidate(arguments.format, taken=True, reason="--format requests it"),)
    return _explain(name, storage_options=arguments.storage_options)


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


# ---------------------------------------------------------------- text


def as_text(facts: FileFacts, width: int | None) -> list[str]:
    """Lay the facts out for a terminal of ``width`` columns, or for a file (``None``)."""
    lines = [f"{bold(escape_controls(facts.file))}  {_describe_size(facts)}".rstrip()]
    lines += _indent(_explain_choice(facts), width)
    lines += _layout_scenes(facts, width)
    # Guesses first: wrong axes or sizes spoil a result, and only the first few notes are shown.
    notes = sorted(facts.diagnostics, key=lambda note: not _is_guess(note))
    for diagnostic in notes[:MOST_DIAGNOSTICS]:
        lines += _indent(_describe_diagnostic(diagnostic, facts.uri), width)
    if len(facts.diagnostics) > MOST_DIAGNOSTICS:
        hidden = len(facts.diagnostics) - MOST_DIAGNOSTICS
        lines += _indent(
            f"... {count_of(hidden, 'more note')} (--json lists {_them(hidden)})", width
        )
    return lines


def _describe_size(facts: FileFacts) -> str:
    """Size of a file, and the number of files of a folder; empty if unknown."""
    if facts.bytes is None or facts.files is None:
        return ""
    text = format_size(facts.bytes)
    if not facts.complete:
        return f"more than {text} in more than {count_of(facts.files, 'file')}"
    return text if facts.files == 1 else f"{text} in {count_of(facts.files, 'file')}"


def _layout_scenes(facts: FileFacts, width: int | None) -> list[str]:
    """Lay the scenes out as a table, or one below the other where a table is too wide."""
    rows = [_table_row(scene) for scene in facts.scenes[:MOST_SCENES]]
    # Two columns are the indent.
    table = layout_table(HEADER, rows, None if width is None else width - 2)
    lines: list[str] = []
    if table is None:
        for row in rows:
            lines += ["", *layout_entries(HEADER, row, width)]
    else:
        lines += ["  " + line for line in table]
    if len(facts.scenes) > MOST_SCENES:
        hidden = len(facts.scenes) - MOST_SCENES
        lines += _indent(
            f"... {count_of(hidden, 'more scene')} (--json lists {_them(hidden)})", width
        )
    return lines


def _them(count: int) -> str:
    return "it" if count == 1 else "them"


def _describe_diagnostic(diagnostic: Diagnostic, uri: str) -> str:
    kind = "guess" if _is_guess(diagnostic) else "note"
    text = f"{kind}: {escape_controls(diagnostic.message)} [{diagnostic.code}]"
    # The name of the file stands in the first line already.
    if diagnostic.where and diagnostic.where != uri:
        text += f" ({escape_controls(diagnostic.where)})"
    return text


def _is_guess(diagnostic: Diagnostic) -> bool:
    return diagnostic.code.startswith("guessed-")


def _explain_choice(facts: FileFacts) -> str:
    """Name the format that reads the file, the reason, and the formats that declined before it."""
    declined = []
    # The last candidates were not asked: only those before the reader declined.
    for candidate in facts.candidates:
        if candidate.taken:
            break
        declined.append(candidate.format)
    text = f"read by {candidate.format}: {candidate.reason}"
    if declined:
        text += f" ({' and '.join(declined)} declined)"
    return text


def _indent(text: str, width: int | None) -> list[str]:
    # Below 20 columns, one word a line would fill the screen.
    room = 10_000 if width is None else max(20, width - 2)
    return ["  " + line for line in wrap(text, room)]


def _table_row(scene: SceneFacts) -> tuple[str, ...]:
    """Columns of ``HEADER``."""
    dims = " ".join(f"{letter}={size}" for letter, size in scene.dims.items())
    channels = ", ".join(map(_describe_samples, scene.channels))
    return (
        str(scene.index),
        escape_controls(scene.name),
        dims or "no pixels",
        scene.dtype or "-",
        format_size(scene.bytes),
        channels or "-",
        _describe_spacing(scene) or "-",
        _describe_levels(scene),
    )


def _describe_spacing(scene: SceneFacts) -> str:
    sizes = []
    for letter, value in zip("ZYX", scene.pixel_size_um, strict=True):
        if value is not None:
            # Four digits: stages and cameras are not calibrated better.
            sizes.append(f"{letter}={value:.4g}")
    parts = []
    if sizes:
        parts.append(f"{' '.join(sizes)} µm")
    if scene.time_step_s is not None:
        parts.append(f"T={scene.time_step_s:.4g} s")
    return ", ".join(parts)


def _describe_levels(scene: SceneFacts) -> str:
    count = str(len(scene.levels))
    if len(scene.levels) < 2:
        return count
    smallest = scene.levels[-1]
    if "Y" not in smallest or "X" not in smallest:
        return count
    return f"{count} (to {smallest.Y}x{smallest.X})"


def _describe_samples(channel: ChannelFacts) -> str:
    suffix = SAMPLE_NAMES.get(channel.samples, f" ({channel.samples} samples)")
    return escape_controls(channel.name) + suffix
