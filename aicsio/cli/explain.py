"""``aicsio explain``: how a file was recognised, what of it is shown, and where its facts come from.

Rule kept here: everything is printed in full, however long; ``info`` is the short form.
"""

import argparse
import re
from collections.abc import Iterable
from typing import Any

import attrs

from aicsio import formats
from aicsio._checks.words import count_of
from aicsio._metadata.origins import list_facts, provenance
from aicsio.cli.facts import list_candidates
from aicsio.cli.terminal import options
from aicsio.cli.terminal.advice import next_step_of_code
from aicsio.cli.terminal.opening import focus_as_requested, open_as_requested
from aicsio.cli.terminal.text import (
    bold,
    escape_controls,
    format_size,
    print_error,
    terminal_width,
    wrap,
)
from aicsio.cli.terminal.wording import speak_options
from aicsio.errors import AicsioError
from aicsio.opening import Candidate
from aicsio.records import Diagnostic, ImageHandle

MAIN_FACTS = re.compile(
    r"name|pixel_size\.[ZYX]|time_step|acquired|objective\.(name|magnification|numerical_aperture)"
    r"|channels\[\d+\]\.(name|color|emission|excitation|fluor)"
)
"""Facts whose origins are shown; ``--all`` shows those of all."""
LONGEST_VALUE = 60
"""Characters of a value beside its origin: a line of a terminal."""


@attrs.frozen(eq=False)
class FileExplanation:
    """All that ``aicsio explain`` shows of a file. Not a record: it lives for one call."""

    file: str
    """Name as the user wrote it, without passwords."""
    format: str | None
    """Format that reads the file; ``None`` if none does."""
    engine: str | None
    """Engine of the format; ``None`` if no format reads the file."""
    candidates: tuple[Candidate, ...]
    """Formats in the order in which they were asked."""
    shown: dict[str, Any]
    """Counts of scenes, planes, levels and bytes; empty if no format reads the file."""
    notes: tuple[dict[str, Any], ...]
    """Diagnostics, each with the next thing to type."""
    facts: tuple[dict[str, Any], ...]
    """Path, value and origin of the facts of the scene in focus."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Explain how a file is recognised and read: the formats that were asked, the engine, what is "
        "shown of it, every diagnostic with what to type next, and where its facts come from."
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="path or URL")
    parser.add_argument("--all", action="store_true", help="origins of all facts of the scene")
    parser.add_argument("--scene", help="index or name of the scene whose facts are traced")
    options.add_json(parser)
    options.add_opening(parser)


def run(arguments: argparse.Namespace) -> int:
    """Explain each file; the exit code is 1 if one cannot be opened."""
    entries = []
    failed = False
    for number, name in enumerate(arguments.files):
        explanation, error = explain_file(name, arguments)
        if arguments.json:
            entries.append(options.show_dash(as_json(explanation, error), arguments))
        else:
            # A blank line between two files, none before the first.
            lines = [""] * bool(number) + as_text(explanation, terminal_width())
            lines = options.show_dash(lines, arguments)
            print(*lines, sep="\n", flush=True)
        if error is not None:
            failed = True
            print_error(error, explanation.file, command="explain", spooled=arguments.spooled)
    if arguments.json:
        from aicsio.cli.terminal.documents import print_document

        print_document("explain", {"files": entries})
    return int(failed)


# ---------------------------------------------------------------- facts


def explain_file(
    name: str, arguments: argparse.Namespace
) -> tuple[FileExplanation, AicsioError | None]:
    """Explain a file; one that cannot be opened has the answers of the formats, and its error."""
    shown = options.shown_name(name, arguments)
    explanation = FileExplanation(shown, None, None, (), {}, (), ())
    try:
        # The answers of the formats help most with a file that none of them opens.
        explanation = attrs.evolve(explanation, candidates=list_candidates(name, arguments))
        handle = open_as_requested(name, arguments)
        return _explain_handle(explanation, handle, arguments), None
    except AicsioError as error:
        if arguments.debug:
            raise
        return explanation, error


def _explain_handle(
    explanation: FileExplanation, handle: ImageHandle, arguments: argparse.Namespace
) -> FileExplanation:
    """Add what an opened file shows to the answers of the formats."""
    row = formats.by_name(handle.format)
    engines = row.engines if row is not None else ("native",)
    engine = arguments.engine or engines[0]
    # The format took its other engine by itself, and its diagnostic has the reason.
    if any(note.code == "second-engine" for note in handle.diagnostics):
        engine = engines[-1]
    notes = [_describe_note(note, explanation.file) for note in handle.diagnostics]
    focused = focus_as_requested(
        handle, argparse.Namespace(well=None, scene=arguments.scene, level=None)
    )
    return attrs.evolve(
        explanation,
        format=handle.format,
        engine=engine,
        shown=_count_shown(handle),
        notes=tuple(notes),
        facts=tuple(_trace_facts(focused, every=arguments.all)),
    )


def _describe_note(note: Diagnostic, name: str) -> dict[str, Any]:
    return {
        "code": note.code,
        "message": speak_options(note.message),
        "where": note.where,
        "try": next_step_of_code(note.code, name),
    }


def _count_shown(handle: ImageHandle) -> dict[str, Any]:
    planes = nbytes = readable = 0
    levels = []
    for scene in handle.scenes:
        levels.append(len(scene.levels))
        if scene.levels:
            readable += 1
            count = 1
            for letter, size in scene.dims.items():
                if letter not in "YXS":
                    count *= size
            planes += count
            nbytes += scene.levels[0].nbytes
    return {
        "scenes": len(handle.scenes),
        "scenes_with_pixels": readable,
        "planes": planes,
        "bytes": nbytes,
        "most_levels": max(levels),
        "in_focus": handle.scene_index,
        "bytes_of_file": handle.source.size,
    }


def _trace_facts(handle: ImageHandle, *, every: bool) -> Iterable[dict[str, Any]]:
    values = dict(list_facts(handle.scene))
    for fact in provenance(handle).facts:
        if every or MAIN_FACTS.fullmatch(fact.path):
            value = values.get(fact.path)
            # Columns of facts of planes are arrays of bytes: their origin counts, not their value.
            plain = value if isinstance(value, str | int | float | bool) else None
            yield {"path": fact.path, "value": plain, "origin": fact.origin}


def as_json(explanation: FileExplanation, error: AicsioError | None) -> dict[str, Any]:
    """Turn an explanation into plain values, with the error of a file that cannot be opened."""
    from aicsio.cli.terminal.documents import describe_error

    entry: dict[str, Any] = attrs.asdict(explanation)
    if error is not None:
        entry["error"] = describe_error(error, explanation.file, "explain")
    return entry


# ---------------------------------------------------------------- text


def as_text(explanation: FileExplanation, width: int | None) -> list[str]:
    """Lay an explanation out for a terminal of ``width`` columns, or for a file (``None``)."""
    lines = [bold(escape_controls(explanation.file))]
    lines += ["", bold("recognised")]
    for candidate in _list_asked(explanation.candidates):
        mark = "->" if candidate.taken else "  "
        lines += _indent(f"{mark} {candidate.format:<13} {candidate.reason}", width)
    unasked = len(explanation.candidates) - len(_list_asked(explanation.candidates))
    if unasked:
        lines += _indent(f"   {count_of(unasked, 'more format', 'were')} not asked", width)
    if explanation.format is None:
        return lines
    lines += ["", bold("read by")]
    lines += _indent(f"format {explanation.format}, engine {explanation.engine}", width)
    lines += ["", bold("shown")]
    lines += _indent(_describe_shown(explanation.shown), width)
    lines += ["", bold("notes")]
    for note in explanation.notes:
        text = f"{note['code']}: {escape_controls(note['message'])}"
        if note["where"]:
            text += f" ({escape_controls(note['where'])})"
        lines += _indent(text, width)
        lines += _indent(f"  try: {escape_controls(note['try'])}", width)
    if not explanation.notes:
        lines += _indent("none: nothing was guessed, left out or found damaged", width)
    lines += ["", bold("where the facts come from")]
    longest = max((len(fact["path"]) for fact in explanation.facts), default=0)
    for fact in explanation.facts:
        origin = escape_controls(fact["origin"])
        value = _shorten(fact["path"], fact["value"])
        lines += _indent(f"{fact['path']:<{longest}}  {value}  <- {origin}", width)
    return lines


def _list_asked(candidates: Iterable[Candidate]) -> list[Candidate]:
    """List the formats up to the one that took the file; all, if none did."""
    asked = []
    for candidate in candidates:
        asked.append(candidate)
        if candidate.taken:
            break
    return asked


def _shorten(path: str, value: Any) -> str:
    """Write the value of a fact on a line: colours as on the web, numbers with six digits."""
    if value is None:
        return "..."
    if path.endswith(".color"):
        return f"#{value >> 8:06x}"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = escape_controls(str(value))
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def _describe_shown(shown: dict[str, Any]) -> str:
    text = (
        f"{count_of(shown['scenes_with_pixels'], 'scene', total=shown['scenes'])} with pixels, "
        f"{count_of(shown['planes'], 'plane')}, {format_size(shown['bytes'])} of pixels"
    )
    if shown["bytes_of_file"] is not None:
        text += f" in a file of {format_size(shown['bytes_of_file'])}"
    if shown["most_levels"] > 1:
        text += f", up to {shown['most_levels']} levels"
    return f"{text}; scene {shown['in_focus']} is the one in focus"


def _indent(text: str, width: int | None) -> list[str]:
    """Break a line behind two columns; spaces in a row, which align columns, stay."""
    if width is None or len(text) + 2 <= width:
        return ["  " + text]
    return ["  " + line for line in wrap(text, max(20, width - 2))]
