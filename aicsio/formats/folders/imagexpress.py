"""Molecular Devices ImageXpress: the ``.HTD`` of MetaXpress, and TIFF files in ``TimePoint_N/ZStep_N``.

Rule kept here: the names of files place them, as the ``.HTD`` names none. Those that the folder has
are taken; where it cannot be listed, the names of MetaXpress are tried when pixels are read.

Source of the facts: plates in public, and what Bio-Formats' ``MetaxpressTiffReader`` and
``CellWorxReader`` take from them. A name is that of the plate, the well, ``_s`` with the number of
the site, ``_w`` with that of the wavelength, and in some exports an identifier of 36 characters;
``_thumb`` marks a thumbnail. Sites and wavelengths are left out of names where there is one.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias
from xml.etree.ElementTree import Element

import numpy as np

from aicsio._ome.document import name_row
from aicsio._ome.elements import parse_integer
from aicsio.errors import CorruptFileError
from aicsio.formats import Options
from aicsio.formats.folders import geometry
from aicsio.formats.folders.entries import Field, ListedPlanes
from aicsio.formats.folders.fields import PlateIndex, build_contents
from aicsio.formats.folders.htd_text import (
    count_at,
    find_missing_end,
    is_true,
    read_lines,
    split_values,
)
from aicsio.formats.folders.listing import find_index, is_folder_of
from aicsio.formats.folders.member_facts import read_member_planes, read_step
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

NAMES: Final = ("*.htd",)
MARK: Final = b'"HTSInfoFile"'
MOST_ROWS, MOST_COLUMNS, MOST_SITES = 256, 256, 4096
MOST_WAVES, MOST_TIMES, MOST_SECTIONS = 256, 100_000, 10_000
MOST_PLANNED: Final = 1 << 21
"""Planes of a plate at most, as one of 1536 wells, 9 sites, 5 wavelengths and 30 sections has."""
ORIGINS: Final = FactOrigins(
    (
        FactOrigin("name", "imagexpress:WellsSelection, SiteSelection"),
        FactOrigin("channels[*].name", "imagexpress:WaveName"),
        FactOrigin("pixel_size.Z", "imagexpress:PlaneInfo/z-position"),
        FactOrigin("pixel_size", "imagexpress:PlaneInfo/spatial-calibration-x"),
        FactOrigin("planes.time", "imagexpress:PlaneInfo/acquisition-time-local"),
        FactOrigin("planes.exposure", "imagexpress:PlaneInfo/Exposure Time, Description"),
        FactOrigin("planes", "imagexpress:PlaneInfo/stage-position-x"),
        FactOrigin("well", "imagexpress:WellsSelection"),
    )
)
# Well, site, wavelength, time, and an identifier (8-4-4-4-12 digits), with or without brackets.
_END = (
    r"_(?P<row>[A-Z]{1,2})(?P<column>\d{2,3})(?:_s(?P<site>\d+))?(?:_w(?P<wave>\d+))?"
    r"(?:_t(?P<time>\d+))?(?:_?\[?[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}\]?)?\.tiff?"
)


class _PlatePlan(NamedTuple):
    """Metadata of the acquisition in the text."""

    wells: list[tuple[int, int]]
    """Row and column from 0."""
    sites: int
    """Sites of a well."""
    waves: tuple[tuple[int, str], ...]
    """Number, from 0, and name of each wavelength that was taken."""
    times: int
    """Time points."""
    sections: int
    """Sections of a stack."""
    has_waves: bool
    """Whether names of files have the wavelength."""


_NamedPlace: TypeAlias = tuple[tuple[int, int, int, int], int | None]
"""Row, column, site and wavelength; and the time, where the name has it."""


class _FoundFiles(NamedTuple):
    """Files of a plate."""

    files: dict[tuple[int, ...], str]
    """By row, column, site, wavelength, time and section."""
    sections: int
    """Sections that they have."""
    times: int
    """Time points that they have."""
    projections: tuple[int, ...]
    """Wavelengths that have projections alone, beside others with sections."""
    hidden: tuple[str, ...]
    """Projections of wavelengths that have sections, too."""


def recognises(source: Source, head: bytes, /) -> bool:
    """Return whether the file is an ``.HTD``, or the folder has one."""
    if source.folder:
        return is_folder_of(source, NAMES)
    return head.lstrip(b"\xef\xbb\xbf \r\n").startswith(MARK)


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe the sites of a plate.

    Parameters
    ----------
    source
        The ``.HTD``, or its folder.
    options
        None applies.

    Returns
    -------
    Contents
        One scene a site, by row, column and number.

    Raises
    ------
    CorruptFileError
        When the text selects no well, or its counts make no sense.
    """
    index = find_index(source, NAMES)
    values, text = read_lines(index)
    plan = _parse_plan(values, index.uri)
    plate = index.uri.rpartition("/")[2].rpartition(".")[0]
    folder = Folder(index)
    found = _find_files(folder, plan, plate)
    diagnostics = _note_differences(plan, found, index.uri)
    if found.files:
        plan = plan._replace(sections=found.sections, times=found.times)
    files = _number_sites(found.files, plan.sites)
    count = len(plan.wells) * plan.sites * plan.times * len(plan.waves) * plan.sections
    if count > MOST_PLANNED:
        raise CorruptFileError.at(index.uri, None, f"expected a plate, found {count} planes")
    fields = []
    names: list[str] = []
    for row, column in plan.wells:
        for site in range(plan.sites):
            fields.append(Field(None, Well(name_row(row), str(column + 1), site, plate)))
            names += _name_planes(plan, plate, (row, column, site), files)
    sizes = (plan.times, len(plan.waves), plan.sections)
    field, t, c, z = np.indices((len(fields), *sizes)).reshape(4, -1)
    planes = ListedPlanes.of_fields(field, names, t=t, c=c, z=z)
    return build_contents(
        PlateIndex(
            source=index,
            code="imagexpress",
            fields=fields,
            planes=planes,
            sizes=sizes,
            channels=tuple(Channel(name=name or None) for _, name in plan.waves),
            pixel_size=PixelSize(Z=_measure_step(folder, planes)),
            text=text,
            diagnostics=diagnostics,
        ),
        folder,
    )


def _measure_step(folder: Folder, planes: ListedPlanes) -> float | None:
    """Return the micrometres between sections, by the stage in the first and the last of a stack.

    The text has none. Both ends, as positions of the stage have six digits: 9988.88.
    """
    starts = planes.starts(int(planes.field[-1]) + 1)
    for start, stop in itertools.pairwise(starts.tolist()):
        stacks: dict[int, dict[int, str]] = {}
        for row in range(start, stop):
            key = folder.find(planes.files[row]) if planes.t[row] == 0 else None
            if key is not None:
                stacks.setdefault(int(planes.c[row]), {})[int(planes.z[row])] = key
        longest = max(stacks.values(), key=len, default={})
        if longest:
            first, last = min(longest), max(longest)
            keys = (longest[first], longest[last])
            return None if last == first else read_step(folder.index, keys, last - first)
    return None


def _parse_plan(values: Mapping[str, str], uri: str) -> _PlatePlan:
    rows = count_at(values, "YWells", 0, MOST_ROWS, uri)
    columns = count_at(values, "XWells", 0, MOST_COLUMNS, uri)
    wells = []
    for row in range(rows):
        selected = split_values(values.get(f"WellsSelection{row + 1}", ""))
        wells += [(row, column) for column in range(columns) if _is_selected(selected, column)]
    if not wells:
        raise CorruptFileError.at(uri, None, "expected wells in WellsSelection, found none")
    wave_count = max(count_at(values, "NWavelengths", 1, MOST_WAVES, uri), 1)
    # A wavelength of the protocol may be left out of the acquisition.
    taken = [
        wave
        for wave in range(wave_count)
        if values.get(f"WaveCollect{wave + 1}", "1").strip() != "0"
    ]
    waves = [(wave, values.get(f"WaveName{wave + 1}", "").strip().strip('"')) for wave in taken]
    if not waves:
        raise CorruptFileError.at(uri, None, "expected wavelengths in WaveCollect, found none")
    return _PlatePlan(
        wells=wells,
        sites=_count_sites(values, uri),
        waves=tuple(waves),
        times=max(count_at(values, "TimePoints", 1, MOST_TIMES, uri), 1),
        sections=max(count_at(values, "ZSteps", 1, MOST_SECTIONS, uri), 1),
        has_waves=is_true(values.get("Waves")) or wave_count > 1,
    )


def _count_sites(values: Mapping[str, str], uri: str) -> int:
    across = count_at(values, "XSites", 1, MOST_SITES, uri)
    down = count_at(values, "YSites", 1, MOST_SITES, uri)
    # With "Sites" off, the grid of sites is that of another time.
    if values.get("Sites", "").strip().lower() == "false" or across * down <= 1:
        return 1
    count = 0
    for row in range(down):
        selected = split_values(values.get(f"SiteSelection{row + 1}", ""))
        count += sum(_is_selected(selected, column) for column in range(across))
    return count or 1


def _is_selected(values: Sequence[str], position: int) -> bool:
    return position < len(values) and is_true(values[position])


def _find_files(folder: Folder, plan: _PlatePlan, plate: str) -> _FoundFiles:
    """Find the files of a plate; none in a folder that cannot be listed.

    A folder of a time has files, or folders of sections. Where it has both, the files are
    projections, as those of ``ZStep_0`` are: they stand for wavelengths without sections.
    """
    places = _PlacesByName(plate)
    files: dict[tuple[int, ...], str] = {}
    flat: dict[tuple[int, ...], str] = {}
    top = folder.names()
    has_times = any(name.startswith("timepoint_") for name in top)
    for time in range(plan.times if has_times else 1):
        below = top.get(f"timepoint_{time + 1}") if has_times else ""
        if below is None:
            continue
        for step, inner in _section_folders(folder, below, plan.sections):
            # ``flat`` has no section in its places.
            found, section = (flat, ()) if step < 0 else (files, (step,))
            prefix = f"{inner}/" if inner else ""
            for name in folder.names(inner).values():
                named_place = places[name]
                if named_place is not None:
                    at, own_time = named_place
                    number = time if own_time is None else own_time
                    found.setdefault((*at, number, *section), prefix + name)
    times = max((place[4] + 1 for place in (*files, *flat)), default=1)
    with_sections = {place[3] for place in files}
    projections = {place[3] for place in flat} - with_sections
    for place, path in flat.items():
        if place[3] in projections:
            # A wavelength without folders of sections has one plane, shown as the first section.
            files[*place, 0] = path
    sections = plan.sections if with_sections else 1
    times = max(1, min(times, plan.times))
    hidden = tuple(path for place, path in flat.items() if place[3] in with_sections)
    return _FoundFiles(files, sections, times, tuple(sorted(projections)), hidden)


def _section_folders(folder: Folder, below: str, count: int) -> Iterator[tuple[int, str]]:
    """Yield the folders that hold the files of a time: -1 for those of no section."""
    yield -1, below
    names = folder.names(below)
    # ``ZStep_0`` holds projections: it counts as -1, no section.
    for step in range(-1, count):
        name = names.get(f"zstep_{step + 1}")
        if name is not None:
            yield step, f"{below}/{name}" if below else name


def _note_differences(plan: _PlatePlan, found: _FoundFiles, uri: str) -> tuple[Diagnostic, ...]:
    notes = []
    if found.files and found.times < plan.times:
        message = f"{plan.times} time points were planned, the folder has {found.times}"
        notes.append(Diagnostic("imagexpress-stopped", message, uri))
    if found.projections and found.sections > 1:
        numbers = ", ".join(f"w{wave + 1}" for wave in found.projections)
        message = (
            f"{numbers} have no folders of sections: their one plane is shown as the first section, "
            "the others are zero"
        )
        notes.append(Diagnostic("imagexpress-projections", message, uri))
    if found.hidden:
        message = (
            f"{len(found.hidden)} projections of wavelengths that have sections are not shown, the "
            f"first is {found.hidden[0]!r}: each opens as a file"
        )
        notes.append(Diagnostic("imagexpress-hidden-projections", message, uri))
    return tuple(notes)


def _number_sites(found: dict[tuple[int, ...], str], count: int) -> dict[tuple[int, ...], str]:
    """Number sites from 0 without gaps: some versions name a site by its place in the grid."""
    labels = sorted({place[2] for place in found})
    if not labels or labels[-1] < count or len(labels) > count:
        return found
    position_of = {label: position for position, label in enumerate(labels)}
    return {(*key[:2], position_of[key[2]], *key[3:]): name for key, name in found.items()}


class _PlacesByName(dict[str, "_NamedPlace | None"]):
    """Places of names; ``None`` of one that is no file of the plate.

    All sections have files of the same names. Not a record: it lives for one opening.
    """

    def __init__(self, plate: str) -> None:
        super().__init__()
        self.pattern = re.compile(re.escape(plate) + _END, re.IGNORECASE)

    def __missing__(self, name: str) -> _NamedPlace | None:
        match = self.pattern.fullmatch(name)
        place = self[name] = None if match is None else _place_of(match)
        return place


def _place_of(match: re.Match[str]) -> _NamedPlace:
    row = 0
    for letter in match["row"].upper():
        # Letters are digits of base 26 without a zero: AA follows Z.
        row = row * 26 + ord(letter) - ord("A") + 1
    site, wave = (int(match[name] or 1) - 1 for name in ("site", "wave"))
    time = None if match["time"] is None else int(match["time"]) - 1
    return (row - 1, int(match["column"]) - 1, site, wave), time


def _name_planes(
    plan: _PlatePlan, plate: str, place: tuple[int, int, int], found: Mapping[tuple[int, ...], str]
) -> list[str]:
    """Return the files of a field, in C order of its planes."""
    row, column, site = place
    stem = f"{plate}_{name_row(row)}{column + 1:02}"
    if plan.sites > 1:
        stem += f"_s{site + 1}"
    names = []
    for time in range(plan.times):
        for wave, _ in plan.waves:
            for step in range(plan.sections):
                name = found.get((row, column, site, wave, time, step))
                if name is None:
                    name = stem + (f"_w{wave + 1}" if plan.has_waves else "") + ".TIF"
                    if plan.sections > 1:
                        name = f"ZStep_{step + 1}/{name}"
                    name = f"TimePoint_{time + 1}/{name}"
                names.append(name)
    return names


# ---------------------------------------------------------------- optional protocols of a format


def read_planes(scene: Scene, level: LazyArray, /) -> Planes | None:
    """Read times, exposures and positions of the planes of a field from its files."""
    return read_member_planes(scene, level)


def describe_instrument(source: Source, contents: Contents, /) -> Element | None:
    """Describe the plate: its rows, columns and wells."""
    values, _ = read_lines(find_index(source, NAMES))
    return geometry.describe_plate(
        contents,
        rows=parse_integer(values.get("YWells")),
        columns=parse_integer(values.get("XWells")),
        description=values.get("Description", "").strip().strip('"') or None,
    )


def check_structure(source: Source, /) -> Iterator[Damage]:
    """Look for the end of the index; see ``ChecksStructure``."""
    # Members are asked for, too.
    if source.folder or source.uri.lower().endswith(".htd"):
        yield from find_missing_end(find_index(source, NAMES))


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001
    """Return the keys of the text."""
    return ORIGINS
