"""Wells of CZI, OME-TIFF and OME-Zarr: on the scene, in the table, by name.

Right values: what the generators wrote, and the XML of real files.
"""

import csv
import io
import json
from pathlib import Path

import attrs
import numpy as np
import pytest

from aicsio import (
    ImageHandle,
    SceneError,
    Well,
    open_image,
    pipe,
    select_well,
    wells,
    write_ome_zarr,
)
from aicsio.cli import main
from aicsio.testing.czi import Block, write_czi
from support import corpus_file

PLACES = (("P1", "B", 3), ("P2", "B", 3), ("C4", "C", 4))


def shape(name: str, row: str, column: int) -> str:
    place = f"<RowIndex>{ord(row) - 64}</RowIndex><ColumnIndex>{column}</ColumnIndex>"
    return f'<Scene Index="{{}}" Name="{name}"><Shape Name="{row}{column}">{place}</Shape></Scene>'


def czi_plate(places: tuple[tuple[str, str, int], ...] = PLACES) -> ImageHandle:
    """Make a plate whose scenes are 4, 5 and 6 pixels wide."""
    blocks = [
        Block(np.full((4, 4 + s), s, np.uint8), {"S": s, "Y": 0, "X": 20 * s})
        for s in range(len(places))
    ]
    scenes = "".join(shape(*place).format(index) for index, place in enumerate(places))
    image = f"<Image><Dimensions><S><Scenes>{scenes}</Scenes></S></Dimensions></Image>"
    holder = '<SampleHolder><Template Name="Multiwell &amp; 96"/></SampleHolder>'
    experiment = f"<Experiment>{holder}</Experiment>"
    xml = f"<ImageDocument><Metadata><Information>{image}</Information>{experiment}</Metadata></ImageDocument>"
    file = io.BytesIO()
    write_czi(file, blocks, xml)
    return open_image(file.getvalue())


def test_wells_of_czi() -> None:
    plate = czi_plate()
    found = [scene.well for scene in plate.scenes]
    name = "Multiwell & 96"
    assert found == [Well("B", "3", 0, name), Well("B", "3", 1, name), Well("C", "4", 0, name)]
    assert plate.scene_names == ("P1-B3", "P2-B3", "C4")


def test_names_of_scenes_do_not_depend_on_others() -> None:
    whole = czi_plate((("P1", "B", 3), ("P1", "C", 4), ("P1", "B", 3)))
    alone = czi_plate((("P1", "B", 3),))
    assert whole.scene_names == ("P1-B3", "P1-C4", "P1-B3")
    assert alone.scene_names == ("P1-B3",)


@pytest.mark.parametrize("name", ["B3", "b03", "B/3", " B3 ", "B 3"])
def test_a_well_by_its_name(name: str) -> None:
    plate = czi_plate()
    assert select_well(plate, name).dims.X == 4
    assert select_well(plate, name, field=1).dims.X == 5
    assert pipe(plate, select_well(name, 1)).scene_index == 1


def test_errors_list_what_is_there() -> None:
    plate = czi_plate()
    with pytest.raises(SceneError, match="no well 'A1'; there are B3, C4"):
        select_well(plate, "A1")
    with pytest.raises(SceneError, match="no field 2 in well 'B3'; there are 0, 1"):
        select_well(plate, "B3", 2)
    with pytest.raises(SceneError, match="no plate 'x'; there are 'Multiwell & 96'"):
        select_well(plate, "B3", plate="x")
    with pytest.raises(SceneError, match="no scene lies in a well of a plate"):
        select_well(open_image(np.zeros((4, 5))), "B3")


def test_two_plates_with_one_well() -> None:
    handle = open_image([np.zeros((4, 5)), np.zeros((6, 7))])
    scenes = tuple(
        attrs.evolve(scene, well=Well("B", "3", 0, f"P{index}"))
        for index, scene in enumerate(handle.scenes)
    )
    plates = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=scenes))
    with pytest.raises(SceneError, match="2 scenes, on plates 'P0', 'P1': give plate="):
        select_well(plates, "B3")
    assert select_well(plates, "B3", plate="P1").shape == (6, 7)
    assert wells(plates)["plate"].tolist() == ["P0", "P1"]


def test_the_table_has_a_row_a_field() -> None:
    rows = list(wells(czi_plate()).rows())
    assert rows[1] == {
        "scene": 1,
        "name": "P2-B3",
        "plate": "Multiwell & 96",
        "well": "B3",
        "row": "B",
        "column": "3",
        "field": 1,
    }


def test_wells_of_ome_zarr(tmp_path: Path) -> None:
    images = [open_image(np.full((4, 5 + n), n, np.uint8)) for n in range(2)]
    write_ome_zarr(images, tmp_path / "p.ome.zarr", plate=["B3", "C4"])
    plate = open_image(tmp_path / "p.ome.zarr")
    assert wells(plate)["well"].tolist() == ["B3", "C4"]
    assert select_well(plate, "C4").dims.X == 6


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("czi/WellD6-7_S2.czi", ["D6", "D7"]),
        ("czi/nuc_small_old.czi", ["A1"]),
        ("czi/tiles.czi", []),
        ("generated/bioformats/bf_plate_multiseries_pyr.ome.tiff", ["D6", "D7"]),
    ],
)
def test_wells_of_real_files(name: str, expected: list[str]) -> None:
    assert wells(open_image(corpus_file(name)))["well"].tolist() == expected


# ---------------------------------------------------------------- command line


@pytest.fixture
def plate_file(tmp_path: Path) -> str:
    images = [open_image(np.full((2, 4, 5 + n), n, np.uint8), dims="ZYX") for n in range(2)]
    write_ome_zarr(images, tmp_path / "p.ome.zarr", plate=["B3", "C4"])
    return str(tmp_path / "p.ome.zarr")


def test_wells_on_the_command_line(plate_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wells", plate_file]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["scene", "name"],
        ["0", "B/3/0"],
        ["1", "C/4/0"],
    ]
    assert main(["wells", "--json", plate_file]) == 0
    assert [row["well"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["B3", "C4"]
    assert main(["wells", "--csv", plate_file]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["column"] for row in rows] == ["3", "4"]


def test_planes_of_a_well_on_the_command_line(
    plate_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["planes", "--well", "C4", "--json", plate_file]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["Z"], row["time"]) for row in rows] == [(0, None), (1, None)]
    assert main(["planes", "--well", "A1", plate_file]) == 1
    assert "no well 'A1'; there are B3, C4" in capsys.readouterr().err


def test_one_place_on_the_command_line(plate_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["planes", "--well", "C4", "--scene", "1", plate_file])
    assert "not allowed with" in capsys.readouterr().err
