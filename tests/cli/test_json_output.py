"""What ``--json`` prints: every command, held to the published schema."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import ome_types
import pytest

from aicsio import __version__, cli, open_image, write_ome_zarr
from aicsio.cli.terminal import documents
from aicsio.testing.czi import blocks_of, write_czi
from command_line import Run, caller, write_slide
from support import ROOT

WITHOUT_FACTS = {"completion", "demo", "mcp", "schema", "view"}
"""Commands that print no facts: a script, a demonstration, messages, the schema, an address."""


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    return write_slide(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return caller(capsys)


def schema() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(documents.read_schema())
    return parsed


def closed(part: Any) -> Any:
    """The schema without room for fields that it does not list: what we print has none."""
    if isinstance(part, list):
        return [closed(one) for one in part]
    if not isinstance(part, dict):
        return part
    inner = {key: closed(value) for key, value in part.items()}
    listed = isinstance(inner.get("properties"), dict) and "type" in inner
    if listed and "additionalProperties" not in inner and "const" not in str(inner["properties"]):
        inner["unevaluatedProperties"] = False
    return inner


def strict() -> dict[str, Any]:
    """The published schema, closed: the document has its three fields, and those of its command."""
    whole = closed(schema())
    for name, part in whole["$defs"].items():
        if name.startswith("command_"):
            part.pop("unevaluatedProperties", None)
    whole["unevaluatedProperties"] = False
    return dict(whole)


def validated(out: str) -> dict[str, Any]:
    """The document of an output, valid against the schema as published, and as closed."""
    document: dict[str, Any] = json.loads(out)
    jsonschema.Draft202012Validator(schema()).validate(document)
    jsonschema.Draft202012Validator(strict()).validate(document)
    assert document["schema"] == documents.SCHEMA == schema()["$id"]
    assert document["version"] == __version__
    return document


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """A store of two fields in a well."""
    handle = open_image(np.zeros((8, 8), np.uint8), dims="YX")
    target = tmp_path / "plate.ome.zarr"
    write_ome_zarr([handle, handle], target, plate={"B3": [0, 1]}, sync=False)
    return target


@pytest.fixture
def damaged(slide: Path, tmp_path: Path) -> Path:
    """A truncated copy."""
    path = tmp_path / "damaged.ome.tif"
    path.write_bytes(slide.read_bytes()[:-3000])
    return path


def calls(folder: Path) -> dict[str, list[tuple[int, list[str]]]]:
    """Calls of each command with --json, and their exit codes, in a folder with the files of the fixtures."""
    slide, notes = f"{folder}/slide.ome.tif", f"{folder}/notes.txt"
    czi, plate, damaged = f"{folder}/a.czi", f"{folder}/plate.ome.zarr", f"{folder}/damaged.ome.tif"
    return {
        "info": [(0, [slide, plate]), (1, [slide, notes, f"{folder}/none.tif"]), (0, [damaged])],
        "explain": [(0, [slide, plate, "--all"]), (1, [notes])],
        "metadata": [(0, [slide]), (1, [notes])],
        "planes": [(0, [slide]), (1, [notes])],
        "wells": [(0, [plate]), (1, [slide])],
        "check": [(0, [slide, "--deep"]), (4, [damaged, notes]), (1, [notes])],
        "verify": [(0, [czi]), (1, [slide, notes])],
        "convert": [
            (0, [slide, f"{folder}/one.ome.tiff"]),
            (0, [slide, f"{folder}/two.ome.tiff", "--dry-run"]),
            (0, [slide, czi, f"{folder}/many", "--dry-run"]),
            (1, [slide, czi, notes, f"{folder}/many"]),
            (1, [slide, czi, notes, f"{folder}/many"]),
            (1, [notes, f"{folder}/three.ome.tiff"]),
        ],
        "thumbnail": [
            (0, [slide, f"{folder}/one.png"]),
            (1, [slide, notes, f"{folder}/sheet.png"]),
            (1, [slide, notes, f"{folder}/thumbs/"]),
            (1, [slide, f"{folder}/one.png"]),
        ],
        "export": [(0, [slide, f"{folder}/picture.png"]), (0, [slide, f"{folder}/movie.gif"])],
        "references": [(0, [slide, f"{folder}/references.json"])],
        "doctor": [(0, [])],
    }


def test_every_command_that_prints_facts_is_called_here(tmp_path: Path) -> None:
    for command in set(cli.COMMANDS) - WITHOUT_FACTS:
        flags = [action.option_strings for action in cli.command_parser(command)._actions]
        assert ["--json"] in flags, command
    assert set(calls(tmp_path)) == set(cli.COMMANDS) - WITHOUT_FACTS
    assert set(schema()["properties"]["command"]["enum"]) == set(calls(tmp_path))


@pytest.mark.parametrize("command", calls(Path("x")))
def test_each_document_is_as_the_schema_has_it(
    run: Run, slide: Path, plate: Path, damaged: Path, tmp_path: Path, command: str
) -> None:
    assert slide.exists()
    assert plate.exists()
    assert damaged.exists()
    (tmp_path / "notes.txt").write_text("no image")
    write_czi(tmp_path / "a.czi", blocks_of(np.zeros((3, 64, 80), np.uint16), "CYX"))
    for expected, arguments in calls(tmp_path)[command]:
        code, out, err = run(command, *arguments, "--json")
        assert code == expected, (arguments, err)
        document = validated(out)
        assert document["command"] == command
        # The same errors are on stderr, for people.
        failed = re.findall(r'"kind": "(\w+)"', out)
        assert bool(failed) == ("aicsio: " in err and expected != 0), (arguments, err)


def test_the_closed_schema_refuses_what_it_does_not_list(run: Run, slide: Path) -> None:
    _, out, _ = run("info", slide, "--json")
    for path in (
        (),
        ("files", 0),
        ("files", 0, "scenes", 0),
        ("files", 0, "scenes", 0, "channels", 0),
    ):
        document = json.loads(out)
        part = document
        for step in path:
            part = part[step]
        part["another"] = 1
        jsonschema.Draft202012Validator(schema()).validate(document)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(strict()).validate(document)


def test_the_schema_refuses_another_type_and_a_missing_field(run: Run, slide: Path) -> None:
    validator = jsonschema.Draft202012Validator(schema())
    jsonschema.Draft202012Validator.check_schema(schema())
    _, out, _ = run("info", slide, "--json")
    for change in ({"bytes": "many"}, {"format": None}, {"scenes": None}):
        document = json.loads(out)
        document["files"][0] |= change
        assert not validator.is_valid(document)
    document = json.loads(out)
    del document["files"][0]["scenes"][0]["dims"]
    assert not validator.is_valid(document)


def test_the_published_schema_is_that_of_the_package(run: Run) -> None:
    published = (ROOT / "docs" / "schemas" / documents.SCHEMA_FILE).read_text(encoding="utf-8")
    assert run("schema") == (0, published, "")
    assert documents.read_schema() == published


def test_an_error_is_a_document_with_the_next_thing_to_type(run: Run, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("no image")
    code, out, err = run("metadata", notes, "--json")
    document = validated(out)
    assert (code, set(document)) == (1, {"schema", "version", "command", "error"})
    assert document["error"]["kind"] == "UnsupportedFormatError"
    assert document["error"]["try"] == f"aicsio explain {notes}"
    assert err.splitlines()[-1] == f"  try: aicsio explain {notes}"


def test_the_ome_of_metadata_is_that_of_ome_types(run: Run, slide: Path) -> None:
    document = validated(run("metadata", slide, "--json")[1])
    ome = ome_types.OME.model_validate(document["ome"])
    assert [image.name for image in ome.images] == ["slide", "over\tview"]


def test_documents_have_no_number_that_json_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    documents.print_document("planes", {"rows": [{"a": float("nan"), "b": [float("inf"), 1.5]}]})
    assert json.loads(capsys.readouterr().out)["rows"] == [{"a": None, "b": [None, 1.5]}]


def test_the_page_lists_all_exit_codes() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\d+)` \| (.+) \|$", page, re.MULTILINE))
    assert rows == {str(code): meaning for code, meaning in cli.EXIT_CODES.items()}
