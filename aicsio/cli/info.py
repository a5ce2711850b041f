"""``aicsio info``: the metadata of files, without reading a pixel.

Rule kept here: one record, ``FileFacts``, is shown as text or as JSON, so that both agree.
"""

import argparse
from typing import Any

from aicsio._checks.words import count_of
from aicsio.cli.facts import ChannelFacts, FileFacts, SceneFacts, as_json, read_facts
from aicsio.cli.terminal import options
from aicsio.cli.terminal.files import list_files
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
from aicsio.errors import AicsioError
from aicsio.progress import ProgressBar
from aicsio.records import Diagnostic

MOST_SCENES = 40
"""Scenes in a table, more than fit a screen; JSON has all."""
MOST_DIAGNOSTICS = 5
"""Diagnostics below a table, so that the table stays on the screen; JSON has all."""
MOST_DECLINED = 3
"""Formats that declined, by name; a PNG is asked for last, after 24 of them. ``explain`` has all."""
HEADER = ("scene", "name", "dims", "dtype", "pixels", "channels", "spacing", "levels")
SAMPLE_NAMES = {1: "", 3: " (RGB)", 4: " (RGBA)"}
"""Suffix of a channel's name by its number of samples."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Show the metadata of files, or of all images of a folder. Reads no pixels."
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="path, URL, folder or glob")
    parser.add_argument("--brief", action="store_true", help="one line for each file")
    parser.add_argument("--recursive", action="store_true", help="include the folders in a folder")
    options.add_json(parser)
    options.add_opening(parser)


def run(arguments: argparse.Namespace) -> int:
    """Describe each file on stdout; a file that fails is a line or two on stderr."""
    entries: list[dict[str, Any]] = []
    failed = False
    printed = 0
    names, failures = list_files(arguments)
    with ProgressBar("opening", unit="files") as progress:
        for index, name in enumerate(names):
            progress(index, len(names))
            try:
                if name in failures:
                    raise failures[name]
                facts = read_facts(name, arguments, all_candidates=arguments.json)
            except AicsioError as error:
                if arguments.debug:
                    raise
                failed = True
                shown = options.shown_name(name, arguments)
                print_error(error, shown, command="info", spooled=arguments.spooled)
                # --json keeps one object for each file, so that scripts can pair them.
                entries.append(
                    options.show_dash(_describe_failure(name, error, arguments), arguments)
                )
                continue
            if arguments.json:
                entries.append(options.show_dash(as_json(facts), arguments))
                continue
            # A blank line between two files, none before the first.
            if printed and not arguments.brief:
                print()
            printed += 1
            lines = [as_line(facts)] if arguments.brief else as_text(facts, terminal_width())
            lines = options.show_dash(lines, arguments)
            # Flushed at once: opening the next file may take long.
            print(*lines, sep="\n", flush=True)
    if arguments.json:
        from aicsio.cli.terminal.documents import print_document

        print_document("info", {"files": entries})
    return int(failed)


def _describe_failure(
    name: str, error: AicsioError, arguments: argparse.Namespace
) -> dict[str, Any]:
    if not arguments.json:
        return {}
    from aicsio.cli.terminal.documents import describe_error

    shown = options.shown_name(name, arguments)
    return {"file": shown, "error": describe_error(error, shown, "info")}


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


def as_line(facts: FileFacts) -> str:
    """Lay the facts out as one line, the name at its end as in ``ls -l``."""
    (scene,) = [scene for scene in facts.scenes if scene.in_focus]
    dims = " ".join(f"{letter}={size}" for letter, size in scene.dims.items())
    name = escape_controls(facts.file)
    others = len(facts.scenes) - 1
    if others:
        name += f" (and {count_of(others, 'more scene')})"
    size = format_size(scene.bytes)
    return f"{size:>7}  {scene.dtype or '-':<7}  {facts.format:<8}  {dims:<24}  {name}"


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
    if len(declined) > MOST_DECLINED:
        text += f" ({len(declined)} other formats declined)"
    elif declined:
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
