r"""MetaMorph multi-dimensional acquisitions: a ``.nd`` text, and STK or TIFF files beside it.

Rule kept here: names of files follow from the text; each file is the stack of one channel, position
and time.

Source of the facts: acquisitions in public, and what Bio-Formats' ``MetamorphReader`` takes from
them: ``<name>_w1<channel>_s1_t1``, with ``_ / \ ( )`` of a channel as ``-``; files of stacks end
in ``.STK`` in version 1 and ``.TIF`` in version 2.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from aicsio._ome.elements import parse_number
from aicsio.errors import CorruptFileError
from aicsio.formats import Options
from aicsio.formats._tiff.metamorph import metamorph_date
from aicsio.formats.folders import geometry
from aicsio.formats.folders.entries import Field, ListedPlanes, positive
from aicsio.formats.folders.fields import PlateIndex, build_contents
from aicsio.formats.folders.htd_text import count_at, find_missing_end, is_true, read_lines
from aicsio.formats.folders.listing import find_index, is_folder_of
from aicsio.formats.folders.member_facts import read_member_planes
from aicsio.formats.folders.name_lookup import Folder
from aicsio.records import (
    Channel,
    Contents,
    Damage,
    Diagnostic,
    LazyArray,
    PixelSize,
    Planes,
    Scene,
    Source,
    Well,
)
from aicsio.records.provenance import FactOrigin, FactOrigins

NAMES: Final = ("*.nd",)
MARK: Final = b'"NDInfoFile"'
MOST_WAVES, MOST_STAGES, MOST_TIMES, MOST_SECTIONS = 256, 100_000, 1_000_000, 100_000
MOST_PLANNED: Final = 1 << 21
"""Planes of a series at most."""
SUFFIXES: Final = (".STK", ".TIF", ".TIFF")
ORIGINS: Final = FactOrigins(
    (
        FactOrigin("name", "metamorph:Stage"),
        FactOrigin("channels[*].name", "metamorph:WaveName"),
        FactOrigin("pixel_size.Z", "metamorph:ZStepSize"),
        FactOrigin("pixel_size", "metamorph:UIC1 of the first file"),
        FactOrigin("acquired", "metamorph:StartTime1"),
        FactOrigin("planes", "metamorph:UIC2, UIC4 or PlaneInfo of each file"),
        FactOrigin("well", "metamorph:Stage"),
    )
)
_WELL = re.compile(r"(?P<row>[A-Z]{1,2})(?P<column>\d{1,2})(?:[-_ ].*)?", re.IGNORECASE)


class _SeriesPlan(NamedTuple):
    """Metadata of the acquisition in the text."""

    waves: list[str]
    """Names of channels."""
    has_z: list[bool]
    """Whether the files of each are stacks."""
    stages: list[str]
    """Names of positions; empty where there was no list of them."""
    times: int
    """Time points; 0 where names of files have none."""
    sections: int
    """Sections of a stack."""
    has_waves: bool
    """Whether names of files have the channel."""
    names_waves: bool
    """Whether they have its name, too."""
    is_version_1: bool
    """Whether stacks end in ``.STK``, and other files in ``.TIF``."""


def recognises(source: Source, head: bytes, /) -> bool:
    """Return whether the file is the text of an acquisition, or the folder has one."""
    if source.folder:
        return is_folder_of(source, NAMES)
    return head.lstrip(b"\xef\xbb\xbf \r\n").startswith(MARK)


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe the positions of an acquisition.

    Parameters
    ----------
    source
        The ``.nd`` text, or its folder.
    options
        None applies.

    Returns
    -------
    Contents
        One scene a position of the stage.

    Raises
    ------
    CorruptFileError
        When its counts make no sense.
    """
    index = find_index(source, NAMES)
    values, text = read_lines(index)
    plan = _parse_plan(values, index.uri)
    folder = Folder(index)
    stem = index.uri.rpartition("/")[2].rpartition(".")[0]
    diagnostics = _note_single_sections(plan, index.uri)
    taken = _count_times(plan, folder, stem)
    if taken < plan.times:
        message = f"{plan.times} time points were planned, the folder has {taken}"
        diagnostics = (*diagnostics, Diagnostic("metamorph-stopped", message, index.uri))
        plan = plan._replace(times=taken)
    count = max(len(plan.stages), 1) * max(plan.times, 1) * len(plan.waves) * plan.sections
    if count > MOST_PLANNED:
        raise CorruptFileError.at(index.uri, None, f"expected a series, found {count} planes")
    wells = _find_wells(plan.stages)
    fields = []
    for stage in range(max(len(plan.stages), 1)):
        name = plan.stages[stage] if plan.stages else None
        fields.append(Field(name, wells[stage] if wells else None))
    return build_contents(
        PlateIndex(
            source=index,
            code="metamorph",
            fields=fields,
            planes=_list_planes(plan, folder, stem),
            sizes=(max(plan.times, 1), len(plan.waves), plan.sections),
            channels=tuple(Channel(name=name or None) for name in plan.waves),
            pixel_size=PixelSize(_step_of(values)),
            acquired=metamorph_date(_text_at(values, "StartTime1")),
            text=text,
            diagnostics=diagnostics,
        ),
        folder,
    )


def _parse_plan(values: Mapping[str, str], uri: str) -> _SeriesPlan:
    has_waves = is_true(values.get("DoWave"))
    count = max(count_at(values, "NWavelengths", 1, MOST_WAVES, uri), 1) if has_waves else 1
    does_z = is_true(values.get("DoZSeries"))
    waves, has_z = [], []
    for wave in range(1, count + 1):
        waves.append(_text_at(values, f"WaveName{wave}"))
        has_z.append(does_z and is_true(values.get(f"WaveDoZ{wave}", "TRUE")))
    stages: list[str] = []
    if is_true(values.get("DoStage")):
        stage_count = count_at(values, "NStagePositions", 0, MOST_STAGES, uri)
        stages = [_text_at(values, f"Stage{stage + 1}") for stage in range(stage_count)]
    times = 0
    if is_true(values.get("DoTimelapse")):
        times = max(count_at(values, "NTimePoints", 1, MOST_TIMES, uri), 1)
    sections = 1
    if any(has_z):
        sections = max(count_at(values, "NZSteps", 1, MOST_SECTIONS, uri), 1)
    return _SeriesPlan(
        waves=waves,
        has_z=has_z,
        stages=stages,
        times=times,
        sections=sections,
        has_waves=has_waves,
        names_waves=is_true(values.get("WaveInFileName", "TRUE")),
        # ``NDInfoFile`` is "Version 1.0" or "Version 2.0".
        is_version_1="2.0" not in values.get("NDInfoFile", ""),
    )


def _count_times(plan: _SeriesPlan, folder: Folder, stem: str) -> int:
    """Return the time points that the folder has, up to those that were planned."""
    if not plan.times or not folder.is_listed:
        return plan.times
    pattern = re.compile(re.escape(stem) + r"_.*t(\d{1,9})\.(?:stk|tiff?)", re.IGNORECASE)
    matches = (pattern.fullmatch(name) for name in folder.names().values())
    last = max((int(match[1]) for match in matches if match is not None), default=plan.times)
    return min(max(last, 1), plan.times)


def _step_of(values: Mapping[str, str]) -> float | None:
    # Systems whose language has a decimal comma write "2,00".
    step = parse_number(_text_at(values, "ZStepSize").replace(",", "."))
    # Below 0 for a stack from above, whose heights fall.
    return positive(abs(step or 0.0))


def _text_at(values: Mapping[str, str], key: str) -> str:
    return values.get(key, "").strip().strip('"')


def _note_single_sections(plan: _SeriesPlan, uri: str) -> tuple[Diagnostic, ...]:
    single = [name for name, has_z in zip(plan.waves, plan.has_z, strict=True) if not has_z]
    if not single or plan.sections == 1:
        return ()
    message = f"{', '.join(single)} was taken in one section, other channels in {plan.sections}"
    return (Diagnostic("metamorph-single-sections", f"{message}: the others are zero", uri),)


def _find_wells(stages: list[str]) -> list[Well]:
    """Return the wells of stage labels such as ``B03`` where all are wells."""
    wells: list[Well] = []
    fields: dict[tuple[str, str], int] = {}
    for label in stages:
        match = _WELL.fullmatch(label)
        if match is None:
            return []
        key = (match["row"].upper(), match["column"].lstrip("0") or "0")
        wells.append(Well(*key, fields.get(key, 0)))
        fields[key] = fields.get(key, 0) + 1
    return wells


def _list_planes(plan: _SeriesPlan, folder: Folder, stem: str) -> ListedPlanes:
    shape = (max(len(plan.stages), 1), max(plan.times, 1), len(plan.has_z))
    names = []
    for stage, time, wave in np.ndindex(shape):
        name = stem
        if plan.has_waves:
            name += f"_w{wave + 1}"
            if plan.names_waves:
                name += re.sub(r"[_/\\()]", "-", plan.waves[wave])
        if plan.stages:
            name += f"_s{stage + 1}"
        if plan.times:
            name += f"_t{time + 1}"
        is_stack = plan.is_version_1 and plan.has_z[wave]
        names.append(_with_suffix(folder, name, is_stack=is_stack))
    field, t, c = np.indices(shape).reshape(3, -1)
    # A file is the stack of one channel, position and time.
    pages = np.where(plan.has_z, plan.sections, 1)[c]
    rows = np.repeat(np.arange(len(names)), pages)
    z = np.arange(len(rows)) - (np.cumsum(pages) - pages)[rows]
    files = [names[row] for row in rows.tolist()]
    return ListedPlanes.of_fields(field[rows], files, t=t[rows], c=c[rows], z=z, page=z)


def _with_suffix(folder: Folder, name: str, *, is_stack: bool) -> str:
    """Return the name with the suffix that the folder has, else with that of the version."""
    usual = SUFFIXES[0] if is_stack else SUFFIXES[1]
    if folder.is_listed:
        for suffix in (usual, *SUFFIXES):
            if folder.find(name + suffix) is not None:
                return name + suffix
    return name + usual


# ---------------------------------------------------------------- optional protocols of a format


def read_planes(scene: Scene, level: LazyArray, /) -> Planes | None:
    """Read times, exposures and positions of the planes of a field from its files."""
    return read_member_planes(scene, level)


def describe_instrument(source: Source, contents: Contents, /) -> Element | None:  # noqa: ARG001
    """Describe the plate, where stage labels are wells."""
    return geometry.describe_plate(contents)


def check_structure(source: Source, /) -> Iterator[Damage]:
    """Look for the end of the index; see ``ChecksStructure``."""
    # Members are asked for, too.
    if source.folder or source.uri.lower().endswith(".nd"):
        yield from find_missing_end(find_index(source, NAMES))


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001
    """Return the keys of the text."""
    return ORIGINS
