"""Each fact that the independent reader recorded of a real file, beside the one that aicsio shows.

    python tests/metadata_facts.py [--differences]

Prints for each kind of fact how many were recorded, and how many of them agree; with
``--differences`` each file that differs. ``docs/fidelity-metadata.md`` lists the differences with
their reasons; ``corpus/test_metadata_facts.py`` holds the two against each other.

Only what was recorded is compared: facts that aicsio shows and the recorded reader does not are no
differences. Conventions, for all files alike: times count from the first plane of the scene, a date
is compared to the second and without its zone, an image without a colour or a name says nothing.
"""

import argparse
import functools
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from aicsio import AicsioError, Channel, ImageHandle, Planes, Scene, open_image, select_scene
from aicsio.planes import read_planes
from support import ROOT, corpus_file, data_folder, facts

FOLDERS = ("czi", "dv", "generated", "lif", "lsm", "nd2", "ndtiff", "ometiff", "tiff")
PAGES = (ROOT / "docs" / "fidelity.md", ROOT / "docs" / "fidelity-metadata.md")
KINDS = (
    "scenes", "names", "sizes", "physical size", "time step", "date", "channel names", "colours",
    "emission", "excitation", "fluors", "plane times", "exposures", "stage positions",
)  # fmt: skip
SAME_KIND = {"guessed axes": "sizes"}
"""Kinds of docs/fidelity.md by another name."""
TIME_TOLERANCE = 0.002
"""Seconds: the recorded reader keeps times of planes as floats of 32 bits."""
POSITION_TOLERANCE = 0.001
"""Micrometres, for the same reason."""
Recorded: TypeAlias = dict[str, Any]


class Fact(NamedTuple):
    """One fact of one file."""

    kind: str
    """One of ``KINDS``."""
    file: str
    """Path in the folder of real files."""
    recorded: object
    """As the independent reader recorded it."""
    seen: object
    """As aicsio shows it; ``None`` where it does not."""
    agrees: bool


@functools.cache
def listed(*pages: Path) -> tuple[tuple[str, str], ...]:
    """Pairs of kind and file pattern in the tables of some pages, or of all."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages or PAGES)
    rows = re.findall(r"^\| ([a-z ]+) \| `([^`]+)` \|", text, re.MULTILINE)
    return tuple((SAME_KIND.get(kind, kind), pattern) for kind, pattern in rows)


def is_listed(kind: str, file: str) -> bool:
    """Whether the pages give a reason for differences of a kind in a file."""
    # Where one file is several scenes here and one series there, facts have no partner.
    wanted = {kind, "scenes"}
    return any(one in wanted and fnmatchcase(file, pattern) for one, pattern in listed())


def recorded_files() -> dict[str, Recorded]:
    """Records of all files that the independent reader could read, by path."""
    records: dict[str, Recorded] = {}
    for folder in FOLDERS:
        known = facts(folder) if data_folder() else {}
        records |= {file: fact for file, fact in known.items() if "error" not in fact}
    return records


def compare_file(record: Recorded) -> list[Fact]:
    """Compare all facts of a file; none where aicsio refuses it, which other tests look at."""
    file = record["file"]
    try:
        handle = open_image(corpus_file(file))
    except AicsioError:
        return []
    return [
        Fact(kind, file, one, two, agrees) for kind, one, two, agrees in _compare(handle, record)
    ]


# ---------------------------------------------------------------- one file

Comparison: TypeAlias = tuple[str, object, object, bool]


def _compare(handle: ImageHandle, record: Recorded) -> Iterator[Comparison]:
    # Labels and overviews are attachments here.
    series = [one for one in record["series"] if not one["thumb"]]
    scenes = handle.scenes
    yield "scenes", len(series), len(scenes), len(series) == len(scenes)
    is_ome = record["format"].startswith("OME")
    for index, one in _pair(series, scenes):
        yield from _compare_scene(scenes[index], one, is_ome=is_ome)
        yield from _compare_channels(scenes[index].channels, one["channels"])
        yield from _compare_planes(select_scene(handle, index), one)


def _pair(series: list[Recorded], scenes: tuple[Scene, ...]) -> list[tuple[int, Recorded]]:
    """Pair scenes and series: in order, or, where their numbers differ, the first."""
    if len(series) == len(scenes):
        return list(enumerate(series))
    return [(0, series[0])] if series and scenes else []


def _compare_scene(scene: Scene, series: Recorded, *, is_ome: bool) -> Iterator[Comparison]:
    # Other formats have no name for an image: the recorded reader takes that of the file.
    if is_ome and series["name"]:
        yield "names", series["name"], scene.name, series["name"] == scene.name
    sizes = dict(scene.dims.items())
    # The recorded reader counts samples as channels.
    sizes["C"] = sizes.get("C", 1) * sizes.get("S", 1)
    for letter in "XYZCT":
        size = sizes.get(letter, 1)
        yield "sizes", (letter, series[letter]), size, series[letter] == size
    for letter in "XYZ":
        recorded, seen = series[f"ps{letter.lower()}"], getattr(scene.pixel_size, letter)
        if recorded is not None:
            yield "physical size", (letter, recorded), seen, _close(recorded, seen)
    if series["tinc"] is not None:
        yield "time step", series["tinc"], scene.time_step, _close(series["tinc"], scene.time_step)
    if series["date"] is not None:
        seen_date = (scene.acquired or "")[:19] or None
        yield "date", series["date"][:19], seen_date, series["date"][:19] == seen_date


def _close(recorded: float, seen: float | None, tolerance: float = 0.0) -> bool:
    if seen is None:
        return False
    return math.isclose(recorded, seen, rel_tol=1e-6, abs_tol=tolerance)


# ---------------------------------------------------------------- channels


def _compare_channels(
    channels: tuple[Channel, ...], recorded: list[Recorded]
) -> Iterator[Comparison]:
    if len(channels) != len(recorded):
        channels = (Channel(),) * len(recorded)
    for seen, one in zip(channels, recorded, strict=True):
        if one["name"]:
            yield "channel names", one["name"], seen.name, one["name"] == seen.name
        if one["color"] is not None:
            color = one["color"] & 0xFFFFFFFF
            yield "colours", f"{color:08X}", _hex(seen.color), color == seen.color
        if one["em"] is not None:
            yield "emission", one["em"], seen.emission, _close(one["em"], seen.emission)
        if one["ex"] is not None:
            yield "excitation", one["ex"], seen.excitation, _close(one["ex"], seen.excitation)
        if one["fluor"]:
            yield "fluors", one["fluor"], seen.fluor, one["fluor"] == seen.fluor


def _hex(color: int | None) -> str | None:
    return None if color is None else f"{color:08X}"


# ---------------------------------------------------------------- planes


def _compare_planes(handle: ImageHandle, series: Recorded) -> Iterator[Comparison]:
    recorded = series["planes"]
    planes = read_planes(handle)
    times = [plane["dt"] for plane in recorded]
    yield from _compare_column(
        "plane times", _since_first(times), _since_first(_column(planes, "time", series)),
        TIME_TOLERANCE,
    )  # fmt: skip
    exposures = [plane["exp"] for plane in recorded]
    yield from _compare_column("exposures", exposures, _column(planes, "exposure", series), 0.0)
    for axis, name in enumerate("xyz"):
        positions = [plane["pos"][axis] for plane in recorded]
        seen = _column(planes, name, series)
        yield from _compare_column("stage positions", positions, seen, POSITION_TOLERANCE)


def _since_first(times: list[float | None]) -> list[float | None]:
    first = next((time for time in times if time is not None), None)
    if first is None:
        return times
    return [None if time is None else time - first for time in times]


def _column(planes: Planes | None, name: str, series: Recorded) -> list[float | None]:
    """Values of a column in the order of the recorded planes."""
    count = len(series["planes"])
    column = None if planes is None else planes.column(name)
    if planes is None or column is None:
        return [None] * count
    foreign = [letter for letter, size in planes.dims.items() if letter not in "TCZ" and size > 1]
    if foreign:
        # The recorded reader folds such an axis in its own way: values are compared in their order.
        values = column.ravel().tolist()
        return _missing_as_none(values if len(values) == count else [math.nan] * count)
    ordered = []
    for plane in series["planes"]:
        places = dict(zip("ZCT", plane["zct"], strict=True))
        # A fact along fewer axes holds for all positions of the others.
        index = [min(places.get(letter, 0), size - 1) for letter, size in planes.dims.items()]
        ordered.append(float(column[tuple(index)]))
    return _missing_as_none(ordered)


def _missing_as_none(values: list[float]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values]


def _compare_column(
    kind: str, recorded: list[float | None], seen: list[float | None], tolerance: float
) -> Iterator[Comparison]:
    for one, two in zip(recorded, seen, strict=True):
        if one is not None:
            yield kind, one, two, _close(one, two, tolerance)


# ---------------------------------------------------------------- the table


def count(found: Iterable[Fact]) -> dict[str, tuple[int, int, int]]:
    """Recorded facts, facts that agree, and differences that the page gives a reason for, by kind."""
    total, equal, explained = Counter[str](), Counter[str](), Counter[str]()
    for fact in found:
        total[fact.kind] += 1
        equal[fact.kind] += fact.agrees
        explained[fact.kind] += not fact.agrees and is_listed(fact.kind, fact.file)
    return {kind: (total[kind], equal[kind], explained[kind]) for kind in KINDS}


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--differences", action="store_true", help="list the files that differ")
    options = parser.parse_args(arguments)
    found = [fact for record in recorded_files().values() for fact in compare_file(record)]
    counts = count(found)
    counts["all"] = tuple(map(sum, zip(*counts.values(), strict=True)))  # type: ignore[assignment]
    sys.stdout.write(f"{'':16} recorded    agree  with a reason\n")
    for kind, (total, equal, explained) in counts.items():
        share, reasoned = equal / max(total, 1), (equal + explained) / max(total, 1)
        sys.stdout.write(f"{kind:16} {total:8} {share:8.1%} {reasoned:8.1%}\n")
    if not options.differences:
        return
    first: dict[tuple[str, str], list[Fact]] = {}
    for fact in found:
        if not fact.agrees:
            first.setdefault((fact.kind, fact.file), []).append(fact)
    for (kind, file), group in sorted(first.items()):
        mark = " " if is_listed(kind, file) else "*"
        fact = group[0]
        sys.stdout.write(f"{mark} {kind}: {file} ({len(group)}): {fact.recorded!r} {fact.seen!r}\n")


if __name__ == "__main__":
    main()
