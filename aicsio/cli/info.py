"""``aicsio info``: what files hold, without reading a pixel. One record of facts, shown as a table or as JSON."""

import argparse
import inspect
import json
from typing import Any

from aicsio import explain
from aicsio.cli.terminal.opening import opened
from aicsio.cli.terminal.progress import Progress
from aicsio.cli.terminal.text import (
    bold,
    complain,
    entries,
    plain,
    size_of,
    table,
    terminal_width,
    wrapped,
)
from aicsio.errors import AicsioError
from aicsio.records import Channel, Diagnostic, ImageHandle, Scene

MOST_SCENES = 40
MOST_NOTES = 5
"""Scenes and diagnostics in a table; JSON has all."""
HEADER = ("scene", "name", "dims", "dtype", "pixels", "channels", "spacing", "levels")

_explain = inspect.unwrap(explain)


def run(arguments: argparse.Namespace) -> int:
    """Describe each file; those that fail are told on stderr, the others on stdout."""
    told: list[dict[str, Any]] = []
    failed = False
    with Progress("opening", "files") as progress:
        for index, name in enumerate(arguments.files):
            progress(index, len(arguments.files))
            try:
                facts = facts_of(name, arguments)
            except AicsioError as error:
                if arguments.debug:
                    raise
                failed = True
                complain(error, name)
                told.append({"file": name, "error": str(error), "kind": type(error).__name__})
                continue
            told.append(facts)
            if not arguments.json:
                apart = [""] * any("error" not in each for each in told[:-1])
                print(*apart, *as_text(facts, terminal_width()), sep="\n", flush=True)
    if arguments.json:
        print(json.dumps(told, indent=2))
    return int(failed)


# ---------------------------------------------------------------- facts


def facts_of(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """All that is known of a file, in words of JSON."""
    handle = opened(name, arguments)
    return {
        "file": name,
        "uri": handle.source.uri,
        "bytes": handle.source.size,
        "format": handle.format,
        "candidates": _candidates(name, arguments),
        "scenes": [_scene(handle, index, scene) for index, scene in enumerate(handle.scenes)],
        "metadata_characters": None if handle.metadata is None else len(handle.metadata),
        "diagnostics": [_note(note) for note in handle.diagnostics],
    }


def _candidates(name: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Which readers were asked, in order, and what became of each."""
    if arguments.format is not None:
        return [{"format": arguments.format, "taken": True, "reason": "--format asks for it"}]
    found = _explain(name, storage_options=arguments.storage_options)
    return [{"format": row.format, "taken": row.taken, "reason": row.reason} for row in found]


def _scene(handle: ImageHandle, index: int, scene: Scene) -> dict[str, Any]:
    array = scene.levels[0] if scene.levels else None
    size = scene.pixel_size
    return {
        "index": index,
        "name": scene.name,
        "order": scene.dims.order,
        "dims": dict(scene.dims.items()),
        "dtype": None if array is None else str(array.dtype),
        "bytes": 0 if array is None else array.nbytes,
        "channels": [_channel(channel, n) for n, channel in enumerate(scene.channels)],
        "pixel_size_um": {"Z": size.Z, "Y": size.Y, "X": size.X},
        "time_step_s": scene.time_step,
        "acquired": scene.acquired,
        "objective": None if scene.objective is None else scene.objective.name,
        "magnification": None if scene.objective is None else scene.objective.magnification,
        "levels": [dict(level.dims.items()) for level in scene.levels],
        "in_focus": index == handle.scene_index,
    }


def _channel(channel: Channel, index: int) -> dict[str, Any]:
    color = None if channel.color is None else f"#{channel.color >> 8:06x}"
    return {
        "name": channel.name or f"Channel:{index}",
        "color": color,
        "emission_nm": channel.emission,
        "excitation_nm": channel.excitation,
        "fluor": channel.fluor,
        "samples": channel.samples,
    }


def _note(note: Diagnostic) -> dict[str, str | None]:
    return {"code": note.code, "message": note.message, "where": note.where}


# ---------------------------------------------------------------- text


def as_text(facts: dict[str, Any], width: int | None) -> list[str]:
    """Lay the facts out for a terminal of ``width`` columns, or for a file."""
    lines = [
        f"{bold(plain(facts['file']))}  {size_of(facts['bytes'])}",
        *_indented(_reader(facts), width),
    ]
    scenes = facts["scenes"]
    rows = [_row(scene) for scene in scenes[:MOST_SCENES]]
    made = table(HEADER, rows, None if width is None else width - 2)
    if made is None:
        for row in rows:
            lines += ["", *entries(HEADER, row, width)]
    else:
        lines += ["  " + line for line in made]
    if len(scenes) > MOST_SCENES:
        lines += _indented(
            f"... {len(scenes) - MOST_SCENES} more scenes (--json lists them)", width
        )
    notes = facts["diagnostics"]
    for note in notes[:MOST_NOTES]:
        where = (
            f" ({plain(note['where'])})" if note["where"] and note["where"] != facts["uri"] else ""
        )
        lines += _indented(f"note: {plain(note['message'])} [{note['code']}]{where}", width)
    if len(notes) > MOST_NOTES:
        lines += _indented(f"... {len(notes) - MOST_NOTES} more notes (--json lists them)", width)
    return lines


def _reader(facts: dict[str, Any]) -> str:
    """Which reader, why, and which ones declined before it."""
    asked = facts["candidates"]
    at = next(index for index, row in enumerate(asked) if row["taken"])
    declined = " and ".join(row["format"] for row in asked[:at])
    return f"read by {asked[at]['format']}: {asked[at]['reason']}" + (
        f" ({declined} declined)" if declined else ""
    )


def _indented(text: str, width: int | None) -> list[str]:
    return ["  " + line for line in wrapped(text, 10_000 if width is None else max(20, width - 2))]


def _row(scene: dict[str, Any]) -> tuple[str, ...]:
    dims, levels = scene["dims"], scene["levels"]
    small = levels[-1] if levels else {}
    edge = (
        f" (to {small['Y']}x{small['X']})"
        if len(levels) > 1 and "Y" in small and "X" in small
        else ""
    )
    sizes = [
        f"{letter}={value:.4g}"
        for letter, value in scene["pixel_size_um"].items()
        if value is not None
    ]
    step = scene["time_step_s"]
    told = [f"{' '.join(sizes)} µm"] * bool(sizes) + ([] if step is None else [f"T={step:.4g} s"])
    return (
        str(scene["index"]),
        plain(scene["name"]),
        " ".join(f"{letter}={size}" for letter, size in dims.items()) or "no pixels",
        scene["dtype"] or "-",
        size_of(scene["bytes"]),
        ", ".join(map(_named, scene["channels"])) or "-",
        ", ".join(told) or "-",
        f"{len(levels)}{edge}",
    )


def _named(channel: dict[str, Any]) -> str:
    kind = {1: "", 3: " (RGB)", 4: " (RGBA)"}.get(
        channel["samples"], f" ({channel['samples']} samples)"
    )
    return plain(channel["name"]) + kind
