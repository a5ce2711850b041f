"""Folders, globs and pipes, explanations, the doctor, and the next thing to type."""

import importlib.metadata
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from aicsio import cli, errors, open_image, select_scene, to_numpy, write_ome_zarr
from aicsio._codecs import has_library
from aicsio.cli import doctor
from aicsio.cli.terminal import advice, standard_streams
from aicsio.testing.plates import PlateSpec, write_plate
from command_line import Run, caller, write_slide
from support import ROOT, takes_long


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    return write_slide(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return caller(capsys)


@pytest.fixture
def folder(slide: Path, tmp_path: Path) -> Path:
    """A folder of a TIFF, a PNG, a GIF, a JPEG, a store, a text, and a TIFF in a folder."""
    place = tmp_path / "images"
    (place / "deeper").mkdir(parents=True)
    (place / "slide.ome.tif").write_bytes(slide.read_bytes())
    (place / "deeper" / "again.ome.tif").write_bytes(slide.read_bytes())
    ramp = np.arange(600, dtype=np.uint8).reshape(20, 30)
    for name in ("a.png", "b.gif", "c.jpg"):
        Image.fromarray(ramp).save(place / name)
    (place / "notes.txt").write_text("no image")
    return place


# ---------------------------------------------------------------- info


def names_of(out: str) -> list[str]:
    return [os.path.basename(line.split("  ")[-1].split(" (and")[0]) for line in out.splitlines()]


def test_info_lists_the_images_of_a_folder(run: Run, folder: Path) -> None:
    code, out, err = run("info", folder, "--brief")
    assert (code, err) == (0, "")
    assert names_of(out) == ["a.png", "b.gif", "c.jpg", "slide.ome.tif"]
    assert "151 kB  uint16   ome-tiff  T=2 C=2 Z=3 Y=70 X=90" in out
    assert "(and 1 more scene)" in out
    code, out, _ = run("info", folder, "--brief", "--recursive")
    assert (code, names_of(out)[-1]) == (0, "again.ome.tif")
    # The long form is that of each file alone.
    alone = [run("info", folder / name)[1] for name in ("a.png", "b.gif", "c.jpg", "slide.ome.tif")]
    assert run("info", folder)[1] == "\n".join(alone)


@pytest.mark.skipif(os.name == "nt", reason="Windows makes links for administrators only")
def test_a_folder_that_cannot_be_entered_hides_nothing_beside_it(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "loop").symlink_to("loop")
    assert names_of(run("info", folder, "--brief")[1])[-1] == "slide.ome.tif"
    locked = str(folder / "locked")
    os.mkdir(locked)
    list_any = os.listdir

    def list_unlocked(path: Any = ".") -> list[str]:
        # The superuser, as whom tests may run, enters every folder.
        if os.fspath(path) == locked:
            raise PermissionError(13, "Permission denied", locked)
        return list_any(path)

    monkeypatch.setattr(os, "listdir", list_unlocked)
    assert names_of(run("info", folder, "--brief")[1])[-1] == "slide.ome.tif"


def test_info_takes_globs_and_names_with_brackets(run: Run, folder: Path) -> None:
    (folder / "d[1].png").write_bytes((folder / "a.png").read_bytes())
    assert names_of(run("info", f"{folder}/*.png", "--brief")[1]) == ["a.png", "d[1].png"]
    assert names_of(run("info", f"{folder}/d[1].png", "--brief")[1]) == ["d[1].png"]
    code, out, err = run("info", f"{folder}/*.czi", folder / "a.png", "--brief")
    assert (code, names_of(out)) == (1, ["a.png"])
    assert "*.czi" in err


def test_a_folder_that_is_an_image_is_shown_as_one(run: Run, tmp_path: Path) -> None:
    store = tmp_path / "cells.ome.zarr"
    write_ome_zarr(open_image(np.ones((8, 8), np.uint8), dims="YX"), store, sync=False)
    assert "read by ome-zarr" in run("info", store)[1]
    (tmp_path / "empty").mkdir()
    code, out, err = run("info", tmp_path / "empty")
    assert (code, out) == (1, "")
    assert err.splitlines()[0] == f"aicsio: there is no image in '{tmp_path}/empty'"


@pytest.mark.parametrize("format", ["harmony", "incell"])
def test_a_plate_in_a_folder_is_one_image(run: Run, tmp_path: Path, format: str) -> None:
    write_plate(PlateSpec(), format, tmp_path / "plate")
    assert f"read by {format}" in run("info", tmp_path / "plate")[1]
    code, out, err = run("thumbnail", tmp_path / "plate", tmp_path / "plate.png")
    assert (code, err) == (0, "")
    assert f"pixels of {tmp_path}/plate" in out
    # A batch would convert each of its TIFF files.
    code, _, err = run("convert", tmp_path / "plate", tmp_path / "field.ome.tiff")
    assert (code, open_image(tmp_path / "field.ome.tiff").format) == (0, "ome-tiff")


def test_thumbnails_of_a_folder_include_pictures(run: Run, folder: Path) -> None:
    code, _, err = run("thumbnail", folder, f"{folder}/thumbs/", "--size", "20")
    assert (code, err) == (0, "")
    drawn = ["a.png.png", "b.gif.png", "c.jpg.png", "slide.ome.tif.png"]
    assert sorted(os.listdir(folder / "thumbs")) == drawn
    # A second run draws the same, with the pictures of the first one beside the images, too.
    run("thumbnail", folder, f"{folder}/", "--size", "20")
    run("thumbnail", folder, f"{folder}/sheet.png", "--size", "20")
    code, out, _ = run("thumbnail", folder, f"{folder}/sheet.png", "--size", "20", "--overwrite")
    assert (code, out.endswith("of 4 images\n")) == (0, True)


# ---------------------------------------------------------------- explain


def test_explain_has_formats_engine_counts_and_origins(run: Run, slide: Path) -> None:
    code, out, err = run("explain", slide)
    assert (code, err) == (0, "")
    for line in (
        "  -> ome-tiff      its content is ome-tiff",
        "  format ome-tiff, engine native",
        "  none: nothing was guessed, left out or found damaged",
    ):
        assert line in out.splitlines()
    assert "2 of 2 scenes with pixels, 13 planes, 152 kB of pixels" in out
    assert re.search(r"^  channels\[0\]\.name +DAPI  <- ome:", out, re.MULTILINE)
    other = run("explain", slide, "--scene", "1")[1]
    assert "over view" in other
    assert "DAPI" not in other


def test_explain_shows_a_note_in_full_and_what_to_type(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    pages = [Image.fromarray(np.zeros((4, 5), np.uint8)) for _ in range(3)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    code, out, _ = run("explain", path)
    assert code == 0
    (note,) = [note for note in open_image(path).diagnostics if note.code == "guessed-axes"]
    assert f"guessed-axes: {note.message.split('open_image')[0]}" in out
    assert f"    try: aicsio info {path} --dims LETTERS" in out.splitlines()


def test_explain_names_the_answers_where_no_format_opens(run: Run, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("no image")
    code, out, err = run("explain", notes)
    assert code == 1
    assert len(re.findall("its content is not", out)) > 15
    assert "no format opens" in err


def test_an_engine_that_was_requested_is_named(run: Run, tmp_path: Path) -> None:
    from aicsio.testing.czi import blocks_of, write_czi

    pytest.importorskip("aicspylibczi")
    path = tmp_path / "a.czi"
    write_czi(path, blocks_of(np.zeros((3, 64, 80), np.uint16), "CYX"))
    assert "format czi, engine native" in run("explain", path)[1]
    assert "engine aicspylibczi" in run("explain", path, "--engine", "aicspylibczi")[1]


# ---------------------------------------------------------------- doctor


def test_the_doctor_knows_each_extra_of_users() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    work = {"all", "test", "servers", "tables", "zarr-judges", "browser", "checkers", "docs", "dev"}
    work |= {"plugins"}
    assert set(doctor.EXTRAS) == set(project["optional-dependencies"]) - work - {"bench"}


def test_the_doctor_agrees_with_the_libraries_themselves(run: Run) -> None:
    code, out, _ = run("doctor", "--json")
    report = json.loads(out)
    assert code == 0
    for package in report["required"]:
        assert package["version"] == importlib.metadata.version(package["name"])
    assert {package["name"] for package in report["required"]} >= {"numpy", "imagecodecs"}
    for codec in report["codecs"]:
        # imagecodecs names a codec whose library it lacks, too, and answers when asked.
        members = [name for name in dir(imagecodecs) if name.lower().startswith(codec["name"])]
        members += ["LZW"] * (codec["name"] == "imcd")
        available = False
        for member in members:
            available |= bool(getattr(getattr(imagecodecs, member), "available", False))
        assert codec["present"] == available == has_library(codec["name"]), codec


def test_the_doctor_finds_what_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = ["numpy>=2.0", "numpy>999", "no-such-package>=1", 'h5py>=3; extra == "ims"']
    needs += ['no-such-extra>=2; extra == "zarr"', 'left-out; python_version < "3"']
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: needs)
    code, out, _ = run("doctor", "--json")
    report = json.loads(out)
    assert code == 1
    states = [(package["name"], package["state"]) for package in report["required"]]
    assert states == [("numpy", "ok"), ("numpy", "too old"), ("no-such-package", "missing")]
    assert [problem["try"] for problem in report["problems"]] == [
        "pip install 'numpy>999'",
        "pip install 'no-such-package>=1'",
    ]
    extras = {extra["name"]: extra for extra in report["extras"]}
    assert extras["zarr"]["installed"] is False
    assert extras["zarr"]["packages"][0]["name"] == "no-such-extra"
    text = run("doctor")[1]
    assert "pip install 'aicsio[zarr]'" in text
    assert text.endswith("  try: pip install 'no-such-package>=1'\n")


# ---------------------------------------------------------------- the next thing to type


@pytest.mark.parametrize("kind", errors.__all__)
def test_every_error_has_a_next_thing_to_type_that_is_a_call(kind: str, slide: Path) -> None:
    error = getattr(errors, kind)("something is wrong")
    for name in ("", str(slide), f"{slide}.gone"):
        for command in ("", *cli.COMMANDS):
            words = shlex.split(advice.next_step(error, name, command) or "")
            if words[0] == "aicsio":
                assert words[1] in cli.COMMANDS or words[1] == "--help"
            else:
                assert words[0] == "ls"


@pytest.mark.parametrize("kind", ["UnsupportedFormatError", "CorruptFileError", "SceneError"])
def test_the_command_that_failed_is_not_its_own_advice(kind: str) -> None:
    error = getattr(errors, kind)("something is wrong")
    for command in cli.COMMANDS:
        advised = advice.next_step(error, "a.tif", command) or ""
        assert not advised.startswith(f"aicsio {command} a.tif")


def test_advice_in_a_message_is_not_repeated() -> None:
    for message in ("give --overwrite", "pip install x", "aicsio convert reads it", "C=0, or C=1"):
        error = errors.DimensionError(message)
        advised = advice.next_step(error, "a.tif")
        assert (advised is None) == (message != "C=0, or C=1"), message
    # In the words of the shell, too: the library advises in Python.
    assert advice.next_step(errors.DimensionError("pick one with C=0, or keep it: 'CYX'")) is None


def test_a_misspelt_file_is_answered_with_the_closest(run: Run, slide: Path) -> None:
    wrong = slide.with_name("slied.ome.tif")
    assert run("info", wrong)[2].splitlines()[1] == f"  try: aicsio info {slide}"
    assert run("convert", wrong, "x.ome.tiff")[2].splitlines()[1] == f"  try: ls {slide.parent}"


def test_the_advice_is_another_call(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run("info", tmp_path / "empty")[2].splitlines()[1] == f"  try: ls {tmp_path}/empty"
    (tmp_path / "dangling.tif").symlink_to("nowhere")
    advised = run("info", tmp_path / "dangling.tif")[2].splitlines()[1]
    assert advised == f"  try: ls {tmp_path}"
    # A web server has no folder to list.
    refused = errors.SourceError("ConnectionRefusedError")
    assert advice.next_step(refused, "http://host/a.tif") == "curl -I http://host/a.tif"
    # The standard input has no name to list.
    for error in (errors.SourceError("it is empty"), errors.SourceNotFoundError("it is empty")):
        assert advice.next_step(error, "-", "info") == "aicsio info --help"


def test_the_advice_runs(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "my notes.txt"
    path.write_text("no image")
    advised = run("info", path)[2].splitlines()[1].removeprefix("  try: aicsio ")
    assert "recognised" in run(*shlex.split(advised))[1]


# ---------------------------------------------------------------- pipes


class Piped(io.TextIOWrapper):
    """A standard input with bytes."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content))


def test_the_standard_input_is_a_file(
    run: Run, slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def piped(*arguments: object, content: bytes = slide.read_bytes()) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", Piped(content))
        return run(*arguments)

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for command in ("info", "explain", "check"):
        code, out, _ = piped(command, "-", "--json")
        assert (code, json.loads(out)["files"][0]["file"]) == (0, "-")
    assert piped("metadata", "-")[1].count("<Image ") == 2
    assert piped("convert", "-", f"{tmp_path}/out.ome.tiff")[0] == 0
    assert open_image(tmp_path / "out.ome.tiff").dims.X == 90
    assert piped("thumbnail", "-", f"{tmp_path}/out.png", "--size", "40")[0] == 0
    code, _, err = piped("info", "-", "-")
    assert (code, "name '-' once" in err) == (1, True)
    code, _, err = piped("info", "-", content=b"")
    assert (code, "is empty" in err) == (1, True)
    monkeypatch.setenv(standard_streams.LIMIT_VARIABLE, "1000")
    code, _, err = piped("info", "-")
    assert (code, "more than 1 kB" in err) == (1, True)
    monkeypatch.setenv(standard_streams.LIMIT_VARIABLE, "ten")
    assert "is no number of bytes" in piped("info", "-")[2]
    assert [name for name in os.listdir(tmp_path) if name.startswith("aicsio-")] == []


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("command", ["check", "explain", "info", "planes", "verify", "wells"])
def test_the_standard_input_is_called_a_dash(
    run: Run, slide: Path, monkeypatch: pytest.MonkeyPatch, command: str, form: str
) -> None:
    for content in (slide.read_bytes(), slide.read_bytes()[:-4000], b"no image"):
        monkeypatch.setattr(sys, "stdin", Piped(content))
        _, out, err = run(command, "-", *(["--json"] if form == "json" else []))
        assert "-" in out + err
        assert "/stdin" not in out + err


def test_references_to_the_standard_input_would_lead_nowhere(
    run: Run, slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Piped(slide.read_bytes()))
    code, _, err = run("references", "-", tmp_path / "out.json")
    assert (code, "save them to a file" in err) == (1, True)


def test_a_terminal_is_no_image_and_takes_none(
    run: Run, slide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Piped(b"")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    assert "which is a terminal" in run("info", "-")[2]
    for command in ("thumbnail", "export"):
        with monkeypatch.context() as patch:
            patch.setattr(sys.stdout, "isatty", lambda: True)
            assert "which is a terminal" in run(command, slide, "-")[2]
        assert "leave out --json" in run(command, slide, "-", "--json")[2]


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["thumbnail", "--to", "webp"], "WEBP"),
        (["thumbnail", "--scene", "all"], "PNG"),
        pytest.param(["export", "--to", "jpg"], "JPEG", marks=takes_long),
        pytest.param(["export", "--to", "gif"], "GIF", marks=takes_long),
    ],
)
def test_pictures_go_through_a_pipe(slide: Path, arguments: list[str], kind: str) -> None:
    command = [sys.executable, "-m", "aicsio", arguments[0], "-", "-", *arguments[1:]]
    with slide.open("rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, check=True)
    with Image.open(io.BytesIO(done.stdout)) as picture:
        assert picture.format == kind


@pytest.mark.parametrize(
    ("options", "suffix"),
    [
        ([], ".ome.tiff"),
        pytest.param(["--to", "ome-zarr", "--scene", "1"], ".ozx", marks=takes_long),
    ],
)
def test_images_go_through_two_pipes(
    slide: Path, tmp_path: Path, options: list[str], suffix: str
) -> None:
    convert = [sys.executable, "-m", "aicsio", "convert", "-", "-", *options]
    info = [sys.executable, "-m", "aicsio", "info", "-", "--json"]
    folder = tmp_path / "temporary"
    folder.mkdir()
    surroundings = {**os.environ, "TMPDIR": str(folder)}
    with slide.open("rb") as file:
        first = subprocess.run(convert, stdin=file, capture_output=True, check=True, env=surroundings)  # fmt: skip
    second = subprocess.run(info, input=first.stdout, capture_output=True, check=True)
    assert json.loads(second.stdout)["files"][0]["file"] == "-"
    copy = tmp_path / f"copy{suffix}"
    copy.write_bytes(first.stdout)
    expected = select_scene(open_image(slide), len(options) // 4)
    assert (to_numpy(open_image(copy)) == to_numpy(expected)).all()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["SLIDE", "-", "--json"], "leave out --json"),
        (["SLIDE", "-", "--dry-run"], "leave out --dry-run"),
        (["SLIDE", "SLIDE", "-"], "takes one image"),
        (["FOLDER", "-"], "takes one image"),
        (["SLIDE", "-", "--compression", "blosc"], "is for OME-Zarr"),
    ],
)
def test_what_the_standard_output_cannot_take(
    run: Run, slide: Path, arguments: list[str], words: str
) -> None:
    names = {"SLIDE": str(slide), "FOLDER": str(slide.parent)}
    code, out, err = run("convert", *(names.get(word, word) for word in arguments))
    assert (code, words in err) == (1, True)
    # With --json the error is a document.
    assert not out or "error" in json.loads(out)


@takes_long
def test_files_of_one_image_are_joined_to_the_standard_output(slide: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "aicsio",
        "convert",
        str(slide),
        str(slide),
        "-",
        "--along",
        "T",
    ]
    done = subprocess.run(command, capture_output=True, check=True)
    assert open_image(done.stdout).dims["T"] == 4


def test_references_go_through_a_pipe(run: Run, slide: Path) -> None:
    code, out, _ = run("references", slide, "-")
    assert (code, json.loads(out)["version"]) == (0, 1)


def test_a_file_that_is_called_a_dash_has_a_name(
    run: Run, slide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(slide.parent)
    Path("-").write_bytes(slide.read_bytes())
    code, out, _ = run("info", "./-", "--json")
    document: dict[str, Any] = json.loads(out)
    assert (code, document["files"][0]["file"]) == (0, "./-")
