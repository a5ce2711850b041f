"""The table: ours, the floor and the peers, with ratios, and what of it was promised."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
from rich.console import Console
from rich.table import Table

from benchmarks.conversion import Result
from benchmarks.timing import Timing


@attrs.frozen
class Line:
    """What was found in one case of one file."""

    sample: str
    case: str
    timings: tuple[tuple[str, Timing], ...] = ()
    """By contender, ours first."""
    amounts: tuple[tuple[str, int], ...] = ()
    """Bytes instead of seconds."""
    needed: int | None = None
    """Bytes that the pixels asked for take."""


@attrs.frozen
class Goal:
    """What a case must keep: ours at most ``limit`` times as much as another."""

    sample: str
    case: str
    against: str
    """``floor``, a peer, ``second`` for a time that must not be exceeded, or ``needed`` for bytes."""
    limit: float


GOALS = (
    Goal("", "import", "floor", 2.0),
    Goal("raw", "read", "floor", 1.25),
    Goal("zlib", "read", "floor", 1.2),
    Goal("zstd", "read", "floor", 1.2),
    *(Goal(sample, "plane, open", "tifffile", 2.0) for sample in ("raw", "zlib", "zstd")),
    *(Goal(sample, "plane, open", "bioio", 1 / 15) for sample in ("raw", "zlib", "zstd")),
    Goal("raw", "window bytes", "needed", 2.0),
    Goal("tiny raw", "window bytes", "needed", 2.0),
    Goal("raw", "dask", "floor", 2.0),
    Goal("zlib", "dask", "floor", 1.3),
    Goal("zstd", "dask", "floor", 1.3),
    *(
        Goal(f"tiny {compression}", "open", "tifffile", 1.0)
        for compression in ("raw", "zlib", "zstd")
    ),
    *(
        Goal(f"tiny {compression}", "pickled handle", "3 MB", 1.0)
        for compression in ("raw", "zlib", "zstd")
    ),
    *(
        Goal(f"tiny {compression}", "graph, a chunk a plane", "graph, automatic chunks", 1.5)
        for compression in ("raw", "zlib", "zstd")
    ),
    Goal("czi raw", "read", "floor", 1.25),
    Goal("czi raw", "read", "czifile", 1.0),
    Goal("czi zstd1", "read", "floor", 1.2),
    Goal("czi zstd1", "read", "aicspylibczi", 1.0),
    *(Goal(f"czi {way}", "plane, open", "bioio", 0.1) for way in ("raw", "zstd1", "jpegxr")),
    Goal("czi mosaic", "window bytes", "needed", 2.0),
    *(Goal(f"czi {many}", "open", "second", 0.5) for many in ("tiles", "scenes")),
    *(Goal(f"czi {many}", "pickled handle", "4 MB", 1.0) for many in ("tiles", "scenes")),
    Goal("lif raw", "read", "floor", 1.25),
    Goal("lif raw", "plane, open", "bioio", 0.1),
    *(
        Goal(sample, case, peer, limit)
        for sample, peer in (("raw", "tifffile"), ("czi raw", "czifile"), ("lif raw", "liffile"))
        for case, limit in (("plane, open", 0.9), ("plane", 0.5))
    ),
    *(
        Goal(sample, case, "openreadout", limit)
        for sample in ("raw", "czi raw", "lif raw")
        for case, limit in (("open", 0.9), ("plane, open", 0.9), ("plane", 0.5))
    ),
    Goal("zarr chunks", "read", "floor", 1.2),
    Goal("zarr shards", "read", "floor", 1.2),
    *(
        Goal(f"zarr {kind}", "read", peer, 1.0)
        for kind in ("chunks", "shards")
        for peer in ("tensorstore", "zarr", "zarrs")
    ),
)
CONVERSION = {"openreadout": 1 / 3, "bioio-conversion": 1 / 7, "ngff-zarr": 1 / 7}
"""Time of our whole command as a part of that of each peer, at most."""


def by_peer(timings: Iterable[tuple[str, Timing]]) -> dict[str, Timing]:
    """Keep the fastest way of each contender: the first word is its name."""
    best: dict[str, Timing] = {}
    for name, timing in timings:
        peer = name.partition(" ")[0]
        if peer not in best or timing.median < best[peer].median:
            best[peer] = timing
    return best


def values(line: Line) -> dict[str, float]:
    """What goals compare: seconds by contender, or bytes."""
    found: dict[str, float] = {
        name: timing.median for name, timing in by_peer(line.timings).items()
    }
    found["second"] = 1.0
    found.update(line.amounts)
    if line.needed is not None:
        found["needed"] = line.needed
    return found


def kept(goal: Goal, lines: Sequence[Line]) -> tuple[float, bool] | None:
    """Return the ratio that a goal limits and whether it holds; ``None`` where it was not measured."""
    for line in lines:
        if (line.sample, line.case) == (goal.sample, goal.case):
            found = values(line)
            if "ours" in found and goal.against in found:
                ratio = found["ours"] / found[goal.against]
                return ratio, ratio <= goal.limit
    return None


def show_multiples(
    title: str,
    headings: Sequence[str],
    rows: Iterable[tuple[str, float, Sequence[float | None]]],
    console: Console,
) -> None:
    """Print names, our seconds, and for each other way its seconds and ours as a multiple of them."""
    table = Table(title=f"{title}, seconds of the processors, {os.cpu_count()} cores")
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, ours, others in rows:
        cells = [name, f"{ours:.3f}"]
        for other in others:
            cells += [f"{other:.3f}", f"{ours / other:.2f}"] if other else ["", ""]
        table.add_row(*cells)
    console.print(table)


def show(lines: Sequence[Line], peers: Sequence[str], console: Console) -> None:
    """Print the table, then the goals."""
    table = Table(
        "file", "case", *("ours", "floor", "x"), *(head for peer in peers for head in (peer, "x"))
    )
    for column in table.columns[2:]:
        column.justify = "right"
    for line in lines:
        found = by_peer(line.timings)
        if line.amounts:
            amounts = dict(line.amounts)
            needed = (
                [_bytes(line.needed), _times(amounts["ours"], line.needed)]
                if line.needed
                else ["", ""]
            )
            cells = [_bytes(amounts["ours"]), *needed]
            for peer in peers:
                cells += (
                    [_bytes(amounts[peer]), _times(amounts[peer], amounts["ours"])]
                    if peer in amounts
                    else ["", ""]
                )
        else:
            cells = [_seconds(found["ours"])]
            cells += _against(found, "floor", of_ours=True)
            for peer in peers:
                cells += _against(found, peer, of_ours=False)
        table.add_row(line.sample, line.case, *cells)
    console.print(table)


def show_goals(lines: Sequence[Line], console: Console) -> None:
    """Print what the columns mean, and which promises hold."""
    console.print(
        "Medians (least to most). x beside the floor: ours as a multiple of it; x beside a peer: the peer as a "
        "multiple of ours. The floor of import is numpy's, of dask our to_numpy, of bytes what the pixels take. bioio "
        "reads planes by get_image_dask_data, bioio-direct by get_image_data."
    )
    for goal in GOALS:
        verdict = kept(goal, lines)
        if verdict is not None:
            ratio, holds = verdict
            text = f"{goal.sample or 'process'}, {goal.case}: {ratio:.3g} x {goal.against}, promised {goal.limit:.3g}"
            console.print(f"{'holds ' if holds else 'BROKEN'}  {text}")


def show_conversion(result: Result, versions: Mapping[str, str], console: Console) -> None:
    """Print the table of whole commands, then the goals."""
    table = Table(
        "convert", "seconds", "x ours", "CPU s", "MiB held", "MiB written", "levels", "codecs"
    )
    ours = result.timings["ours"].median
    for name, timing in result.timings.items():
        output = result.outputs[name]
        table.add_row(
            f"{name} {versions.get(name, '')}".strip(),
            _seconds(timing),
            _times(timing.median, ours),
            f"{result.cpu[name]:.2f}",
            f"{result.memory[name]:.0f}",
            f"{output.mebibytes:.0f}",
            str(output.levels),
            output.codecs,
        )
    console.print(table)
    for name, limit in CONVERSION.items():
        if name in result.timings:
            ratio = ours / result.timings[name].median
            verdict = "holds " if ratio <= limit else "BROKEN"
            console.print(f"{verdict}  convert: {ratio:.3g} x {name}, promised {limit:.3g}")


def _against(found: Mapping[str, Timing], other: str, *, of_ours: bool) -> list[str]:
    if other not in found:
        return ["", ""]
    ours, theirs = found["ours"].median, found[other].median
    return [_seconds(found[other]), _times(ours, theirs) if of_ours else _times(theirs, ours)]


def _times(a: float, b: float | None) -> str:
    return f"{a / b:.3g}" if b else ""


def _seconds(timing: Timing) -> str:
    low, middle, high = min(timing.seconds), timing.median, max(timing.seconds)
    unit, scale = ("s", 1.0) if middle >= 1 else ("ms", 1e3)
    return f"{middle * scale:.3g} {unit} ({low * scale:.3g}-{high * scale:.3g})"


def _bytes(count: int) -> str:
    return f"{count / 1e6:.3g} MB" if count >= 1e6 else f"{count / 1e3:.3g} kB"


def as_json(lines: Sequence[Line], about: Mapping[str, Any]) -> str:
    """Give all that was measured, every round of it."""
    rows = [
        {
            "file": line.sample,
            "case": line.case,
            "seconds": {name: list(timing.seconds) for name, timing in line.timings},
            "bytes": dict(line.amounts),
            "needed_bytes": line.needed,
        }
        for line in lines
    ]
    goals = [
        attrs.asdict(goal)
        | dict(zip(("ratio", "holds"), kept(goal, lines) or (None, None), strict=True))
        for goal in GOALS
    ]
    return json.dumps({"about": dict(about), "measured": rows, "goals": goals}, indent=1)
