"""The command line, called as a shell would call it: what it prints, writes and returns."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aicsio import (
    Diagnostic,
    cli,
    open_image,
    select_scene,
    to_numpy,
    transpose_to,
    write_ome_tiff,
    write_ome_zarr,
)
from aicsio import progress as progress_bars
from aicsio._checks.words import count_of
from aicsio._io import folder_size
from aicsio.cli import demo_steps, info
from aicsio.cli import facts as facts_of
from aicsio.cli.terminal import text as terminal_text
from aicsio.errors import UnsupportedFormatError
from aicsio.records import ImageHandle
from aicsio.testing import TiffSpec, pixels, write
from command_line import OVERVIEW, SLIDE, Run, caller, write_slide
from http_server import serving
from support import takes_long

Array = npt.NDArray[Any]


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    return write_slide(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return caller(capsys)


# ---------------------------------------------------------------- info


def test_info_tells_scenes_dims_type_channels_sizes_levels_and_reader(
    run: Run, slide: Path
) -> None:
    code, out, err = run("info", slide)
    assert (code, err) == (0, "")
    head, reader, header, first, second = out.splitlines()
    assert head.startswith(str(slide))
    assert "read by ome-tiff: its content is ome-tiff" in reader
    assert header.split() == [
        "scene",
        "name",
        "dims",
        "dtype",
        "pixels",
        "channels",
        "spacing",
        "levels",
    ]
    for part in (
        "0",
        "slide",
        "T=2",
        "C=2",
        "uint16",
        "151 kB",
        "DAPI, GFP",
        "Z=1.5 Y=0.25 X=0.25 µm",
        "T=2 s",
        "3 (to",
    ):
        assert part in first, part
    assert "over view" in second
    assert "600 B" in second


def test_info_measures_a_folder(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "cells.ome.zarr"
    write_ome_zarr(open_image(np.ones((8, 8), np.uint8), dims="YX"), store, sync=False)
    files = [path for path in store.rglob("*") if path.is_file()]
    nbytes = sum(path.stat().st_size for path in files)
    (store / "link").symlink_to(tmp_path)  # a link is no part of the store, and may lead anywhere
    link = (store / "link").lstat().st_size
    told = json.loads(run("info", "--json", store)[1])["files"][0]
    assert (told["bytes"], told["files"], told["complete"]) == (nbytes + link, len(files) + 1, True)
    first_line = run("info", store)[1].splitlines()[0]
    assert first_line.endswith(f"kB in {len(files) + 1} files")
    monkeypatch.setattr(folder_size, "MOST_FILES", 2)
    assert "more than" in run("info", store)[1].splitlines()[0]
    told = json.loads(run("info", "--json", store)[1])["files"][0]
    assert (told["files"], told["complete"]) == (2, False)


def test_one_thing_is_not_many(run: Run, slide: Path, tmp_path: Path) -> None:
    target = tmp_path / "one.ome.tif"
    out = run(
        "convert", "--pick", "T=0", "--pick", "C=0", "--pick", "Z=0", "--verify", slide, target
    )
    assert "1 plane verified" in out[1]
    assert "1 chunk of" in run("references", target, tmp_path / "one.json")[1]
    code, _, err = run("references", target, tmp_path / "one.tif")
    assert (code, "does not end in .json" in err) == (1, True)
    facts = facts_of.read_facts(str(slide), cli.parse(["info", str(slide)]))
    scenes = facts.scenes[:1] * (info.MOST_SCENES + 1)
    notes = (Diagnostic("code", "note"),) * (info.MOST_DIAGNOSTICS + 1)
    text = "\n".join(info.as_text(attrs.evolve(facts, scenes=scenes, diagnostics=notes), None))
    assert "1 more scene (--json lists it)" in text
    assert "1 more note (--json lists it)" in text


@pytest.mark.parametrize(
    ("number", "total", "text"),
    [
        (1, None, "1 page is"),
        (2, None, "2 pages are"),
        (0, None, "0 pages are"),
        (1, 1, "1 of 1 page is"),
        (1, 3, "1 of 3 pages is"),
        (2, 3, "2 of 3 pages are"),
    ],
)
def test_counts_in_words(number: int, total: int | None, text: str) -> None:
    assert count_of(number, "page", "are", total=total) == text


def test_info_as_json_says_what_the_handle_says(run: Run, slide: Path) -> None:
    code, out, _ = run("info", "--json", slide, slide)
    assert code == 0
    told, again = json.loads(out)["files"]
    assert told == again
    handle = open_image(slide)
    assert told["format"] == handle.format
    assert told["bytes"] == slide.stat().st_size
    taken = [candidate["taken"] for candidate in told["candidates"]]
    assert taken == [True] + [False] * (len(taken) - 1)
    for number, scene in enumerate(told["scenes"]):
        there = select_scene(handle, number)
        assert scene["name"] == there.scene.name
        assert scene["dims"] == dict(there.dims.items())
        assert scene["order"] == there.dims.order
        assert scene["dtype"] == str(there.dtype)
        assert scene["bytes"] == there.nbytes
        assert tuple(channel["name"] for channel in scene["channels"]) == there.channel_names
        assert scene["pixel_size_um"] == dict(zip("ZYX", there.pixel_size, strict=True))
        assert scene["levels"] == [dict(level.dims.items()) for level in there.levels]


def test_info_goes_on_after_a_file_that_fails(run: Run, slide: Path, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no image")
    code, out, err = run("info", tmp_path / "nothing.tif", text, slide)
    assert code == 1
    assert out.startswith(str(slide))
    missing, list_folder, unread, explain = err.splitlines()
    assert "nothing.tif" in missing
    assert "no format opens" in unread
    assert list_folder == f"  try: ls {tmp_path}"
    assert explain == f"  try: aicsio explain {text}"
    code, out, err = run("info", "--json", text, slide)
    assert code == 1
    unread_file, opened = json.loads(out)["files"]
    assert unread_file["error"]["kind"] == "UnsupportedFormatError"
    assert opened["format"] == "ome-tiff"


def test_info_reads_no_pixels(run: Run, slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("pixels were read")

    monkeypatch.setattr("aicsio._engine.run.read_into", refuse)
    assert run("info", slide)[0] == 0


def test_info_shows_no_control_characters_of_a_file(run: Run, tmp_path: Path) -> None:
    array = np.zeros((2, 4, 4), np.uint8)
    names = ("\x1b[2J", "a\nb")
    write_ome_tiff(open_image(array, dims="CYX", channel_names=list(names)), tmp_path / "x.ome.tif")
    _, out, _ = run("info", tmp_path / "x.ome.tif")
    assert "\x1b" not in out
    assert len(out.splitlines()) == 4


def test_info_of_many_scenes_and_notes_is_cut(slide: Path) -> None:
    arguments = cli.parse(["info", str(slide)])
    facts = facts_of.read_facts(str(slide), arguments)
    facts = attrs.evolve(
        facts,
        scenes=facts.scenes * 60,
        diagnostics=tuple(Diagnostic("guessed", f"number {n}") for n in range(9)),
    )
    lines = info.as_text(facts, None)
    assert len(lines) == 2 + 1 + info.MOST_SCENES + 1 + info.MOST_DIAGNOSTICS + 1
    assert any("80 more scenes" in line for line in lines)
    assert any("4 more notes" in line for line in lines)


def test_guesses_are_shown_before_other_notes(slide: Path) -> None:
    facts = facts_of.read_facts(str(slide), cli.parse(["info", str(slide)]))
    notes = [Diagnostic("other", f"number {n}") for n in range(9)]
    facts = attrs.evolve(facts, diagnostics=(*notes, Diagnostic("guessed-axes", "Q=7 is a guess")))
    lines = info.as_text(facts, None)[-6:-1]
    assert lines[0] == "  guess: Q=7 is a guess [guessed-axes]"
    assert lines[1] == "  note: number 0 [other]"


@pytest.mark.parametrize("width", [30, 50, 70, 80, 100, 120, 200])
def test_info_fits_the_terminal(slide: Path, width: int) -> None:
    facts = facts_of.read_facts(str(slide), cli.parse(["info", str(slide)]))
    facts = attrs.evolve(facts, file="slide.ome.tif")
    assert max(map(terminal_text.display_width, info.as_text(facts, width))) <= width


def test_info_starts_without_what_it_does_not_need(slide: Path) -> None:
    heavy = (
        "beartype",
        "rich",
        "dask",
        "tifffile",
        "imageio",
        "PIL",
        "av",
        "ome_types",
        "xarray",
        "distributed",
    )
    program = (
        "import sys; from aicsio.cli import main; code = main(['info', sys.argv[1]]);"
        f"print([name for name in {heavy!r} if name in sys.modules], code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(slide)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[] 0"


# ---------------------------------------------------------------- convert


def test_convert_writes_the_scene_in_focus(run: Run, slide: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.ome.tiff"
    code, out, err = run("convert", slide, target)
    assert code == 0
    assert out.startswith(f"{target}: T=2, C=2, Z=3, Y=70, X=90, uint16")
    assert "1 more with --scene" in err
    back = open_image(target)
    np.testing.assert_array_equal(to_numpy(transpose_to(back, "TCZYX")), pixels(SLIDE))
    assert back.channel_names == SLIDE.channel_names
    assert back.pixel_size == SLIDE.pixel_size


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--scene", "1"], lambda: pixels(OVERVIEW)),
        (["--scene", "over\tview"], lambda: pixels(OVERVIEW)),
        (["--level", "1"], lambda: pixels(SLIDE, 1)),
        (["--pick", "T=1"], lambda: pixels(SLIDE)[1:2]),
        (["--pick", "T=-1", "--pick", "Z=0:2"], lambda: pixels(SLIDE)[1:2, :, :2]),
        (["--pick", "C=1,0", "--pick", "Y=::-2"], lambda: pixels(SLIDE)[:, ::-1, :, ::-2]),
        (["--pick", "C=GFP"], lambda: pixels(SLIDE)[:, 1:]),
        (["--pick", "C=GFP,DAPI"], lambda: pixels(SLIDE)[:, ::-1]),
        (["--pick", "C=0,GFP"], lambda: pixels(SLIDE)),
        (["--order", "CYX", "--pick", "T=0", "--pick", "Z=2"], lambda: pixels(SLIDE)[:1, :, 2:3]),
        (["--compression", "none", "--dtype", "uint32"], lambda: pixels(SLIDE).astype(np.uint32)),
        (["--compression", "zstd", "--compression-level", "1"], lambda: pixels(SLIDE)),
    ],
)
def test_convert_takes_the_part_that_is_asked_for(
    run: Run, slide: Path, tmp_path: Path, arguments: list[str], expected: Callable[[], Array]
) -> None:
    code, _, err = run("convert", *arguments, slide, tmp_path / "out.ome.tiff")
    assert code == 0, err
    found = to_numpy(transpose_to(open_image(tmp_path / "out.ome.tiff"), "TCZYX"))
    assert found.dtype == expected().dtype
    np.testing.assert_array_equal(found, expected())


def test_a_name_with_a_comma_is_one_channel(run: Run, tmp_path: Path) -> None:
    names = ("red", "red, far")
    path = write(TiffSpec((attrs.evolve(SLIDE, channel_names=names),)), tmp_path)
    code, _, err = run("convert", path, tmp_path / "out.ome.tiff", "--pick", "C=red, far")
    assert code == 0, err
    assert open_image(tmp_path / "out.ome.tiff").channel_names == ("red, far",)


def test_a_thumbnail_of_a_channel_by_name(run: Run, slide: Path, tmp_path: Path) -> None:
    for name, pick in (("name.png", "C=GFP"), ("index.png", "C=1")):
        code, _, err = run("thumbnail", slide, tmp_path / name, "--pick", pick)
        assert code == 0, err
    assert (tmp_path / "name.png").read_bytes() == (tmp_path / "index.png").read_bytes()


def test_convert_writes_all_scenes(run: Run, slide: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.ome.tiff"
    code, out, err = run("convert", "--scene", "all", "--pick", "Z=0", slide, target)
    assert code == 0, err
    assert out.startswith(f"{target}: 2 scenes, the first T=2, C=2, Z=1, Y=70, X=90")
    assert "slide: 2 other resolution levels" in err
    assert "more with --scene" not in err
    back = open_image(target)
    assert len(back.scenes) == 2
    np.testing.assert_array_equal(to_numpy(transpose_to(back, "TCZYX")), pixels(SLIDE)[:, :, :1])
    np.testing.assert_array_equal(
        to_numpy(transpose_to(select_scene(back, 1), "TCZYX")), pixels(OVERVIEW)
    )


def test_a_scene_that_is_called_all_is_one_scene(run: Run, tmp_path: Path) -> None:
    path = write(TiffSpec((OVERVIEW, attrs.evolve(OVERVIEW, name="all", seed=5))), tmp_path)
    code, _, err = run("convert", "--scene", "all", path, tmp_path / "out.ome.tiff")
    assert code == 0, err
    assert open_image(tmp_path / "out.ome.tiff").scene_names == ("all",)


def test_convert_replaces_nothing_unless_told(run: Run, slide: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.ome.tiff"
    target.write_bytes(b"mine")
    code, out, err = run("convert", slide, target)
    assert (code, out) == (1, "")
    assert "--overwrite" in err
    assert target.read_bytes() == b"mine"
    assert run("convert", "--overwrite", slide, target)[0] == 0
    assert open_image(target).dims.X == 90


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--scene", "7"], "no scene 7"),
        (["--scene", "nowhere"], "'nowhere' is not a scene"),
        (["--level", "5"], "no level 5"),
        (["--pick", "T=9"], "--pick T=9 is out of range"),
        (["--pick", "Z=5:9"], "--pick Z=5:9 selects nothing"),
        (["--pick", "C=GPF"], "0: 'DAPI', 1: 'GFP'; did you mean 'GFP'?"),
        (["--order", "ZYX"], "give --pick T=0, or --order T"),
        (["--pick", "Q=0"], "cannot pick from 'Q'"),
        (["--order", "YX"], "would drop"),
        (["--format", "nonsense"], "no format is called 'nonsense'"),
        (["--dims", "ABDE"], "--dims ABDE"),
        (["--engine", "nonsense"], "has no engine 'nonsense'"),
        (["--dtype", "float16"], "--dtype float32"),
        (["--tile", "20"], "--tile none for strips"),
    ],
)
def test_what_a_user_did_wrong_is_one_line_and_what_to_type(
    run: Run, slide: Path, tmp_path: Path, arguments: list[str], told: str
) -> None:
    code, out, err = run("convert", *arguments, slide, tmp_path / "out.ome.tiff")
    assert (code, out) == (1, "")
    message, *advice = err.splitlines()
    assert message.startswith("aicsio: ")
    assert told in message
    # A message with an option in it is its own advice.
    assert len(advice) == ("--" not in message)
    assert all(line.startswith("  try: aicsio ") for line in advice)
    assert not (tmp_path / "out.ome.tiff").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["info"],
        ["convert", "in.tif"],
        ["convert", "in.tif", "out.tif", "--pick", "T=a"],
        ["convert", "in.tif", "out.tif", "--pick", "t=0"],
        ["convert", "in.tif", "out.tif", "--pick", "T=0:1:2:3"],
        ["convert", "in.tif", "out.tif", "--pick", "T="],
        ["convert", "in.tif", "out.tif", "--compression", "rar"],
        ["thumbnail", "in.tif", "out.png", "--size", "0"],
        ["thumbnail", "in.tif", "out.png", "--size", "-3"],
        ["info", "in.tif", "--storage-options", "{"],
        ["info", "in.tif", "--storage-options", "[]"],
    ],
)
def test_wrong_usage_is_2(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "usage: aicsio" in err


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["inof", "a.tif"], "there is no command 'inof': did you mean 'info'?"),
        (
            ["zzz"],
            f"choose from {', '.join(cli.COMMANDS)}",
        ),
        (["info", "a.tif", "--jsno"], "there is no option '--jsno': did you mean '--json'?"),
        (["info", "a.tif", "--mosiac=tiles"], "did you mean '--mosaic'?"),
        (["info", "a.tif", "--xq"], "there is no option '--xq': choose from"),
        (["convert", "a", "b", "--compression", "zsdt"], "did you mean 'zstd'?"),
        (["convert", "a", "b", "--bigtiff", "true"], "choose from auto, yes, no"),
        (["export", "a", "b.png", "c"], "unexpected argument 'c'"),
        (["thumbnail", "a", "b.png", "--contrast", "9:1"], "as 100:4000"),
        (["thumbnail", "a", "b.png", "--contrast", "atuo"], "did you mean 'auto'?"),
    ],
)
def test_a_misspelt_word_is_answered_with_the_closest(
    run: Run, arguments: list[str], advice: str
) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert advice in err.replace("\n", " ")


def test_the_name_alone_shows_the_commands(run: Run) -> None:
    code, out, err = run()
    assert (code, out) == (2, "")
    for name, summary in cli.COMMANDS.items():
        assert re.search(rf"^  {name} +{summary}$", err, re.MULTILINE)


def test_names_that_begin_with_a_dash(
    run: Run, slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("convert", "--", slide, "-out.ome.tiff")[0] == 0
    assert run("info", "--json", "--", "-out.ome.tiff")[0] == 0


def test_a_message_is_not_hidden_by_its_usage(run: Run) -> None:
    code, out, err = run("convert", "a.tif")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "usage: aicsio convert [options] IN [IN ...] OUT",
        "aicsio convert: error: the following arguments are required: OUT",
        "  try: aicsio convert --help",
    ]


@pytest.mark.parametrize("command", ["", *cli.COMMANDS])
@pytest.mark.parametrize("columns", ["1", "30", "80", "200"])
def test_help_is_shown_at_any_width(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    code, out, err = run(*filter(None, [command, "--help"]))
    assert (code, err) == (0, "")
    assert out.startswith("usage: aicsio")


def test_the_json_of_a_file_is_made_of_plain_values(slide: Path) -> None:
    facts = facts_of.as_json(facts_of.read_facts(str(slide), cli.parse(["info", str(slide)])))
    assert facts["candidates"][0] == {
        "format": "ome-tiff",
        "taken": True,
        "reason": "its content is ome-tiff",
    }
    scene = facts["scenes"][0]
    assert scene["dims"] == {"T": 2, "C": 2, "Z": 3, "Y": 70, "X": 90}
    assert scene["levels"][1:] == [
        {"T": 2, "C": 2, "Z": 3, "Y": 35, "X": 45},
        {"T": 2, "C": 2, "Z": 3, "Y": 18, "X": 23},
    ]
    assert scene["pixel_size_um"] == {"Z": 1.5, "Y": 0.25, "X": 0.25}
    assert scene["channels"][1] == {
        "name": "GFP",
        "color": None,
        "emission_nm": None,
        "excitation_nm": None,
        "fluor": None,
        "samples": 1,
    }


# ---------------------------------------------------------------- thumbnail


def drawn(path: Path) -> Array:
    with Image.open(path) as image:
        return np.asarray(image)


def test_thumbnail_is_a_picture_of_the_size_asked_for(
    run: Run, slide: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.png"
    code, out, _ = run("thumbnail", slide, target, "--size", "45")
    assert code == 0
    assert f"45 x 35 pixels of {slide}" in out
    assert drawn(target).shape == (35, 45, 3)
    code, _, err = run("thumbnail", slide, target)
    assert (code, "--overwrite" in err) == (1, True)
    assert run("thumbnail", slide, target, "--overwrite", "--scene", "1", "--size", "999")[0] == 0
    assert drawn(target).shape == (666, 999)
    assert run("thumbnail", slide, tmp_path / "out.jpg")[0] == 0
    assert drawn(tmp_path / "out.jpg").shape == (398, 512, 3)
    code, _, err = run("thumbnail", slide, tmp_path / "out.bmp")
    assert (code, "end it in .png, .jpg, .jpeg, .webp" in err) == (1, True)
    code, _, err = run("thumbnail", slide, tmp_path / "no" / "out.png")
    assert (code, len(err.splitlines())) == (1, 2)


# ---------------------------------------------------------------- demo


@takes_long
def test_demo_passes_and_says_so(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "demo"
    code, out, err = run("demo", "--keep", folder)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith(f"all {len(demo_steps.STEPS)} checks passed")
    assert out.count("  ok  ") == len(demo_steps.STEPS)
    np.testing.assert_array_equal(
        to_numpy(open_image(folder / "cells.ome.tiff")).ravel()[:5].size, 5
    )
    code, _, err = run("demo", "--keep", folder)
    assert (code, "not empty" in err) == (1, True)


def test_demo_tells_a_check_that_fails(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(samples: demo_steps.Samples) -> str:
        demo_steps.check_equal(samples.cells, samples.cells + np.uint16(1), "cells")
        return "not reached"

    def raises(_: demo_steps.Samples) -> str:
        raise UnsupportedFormatError("nobody reads this")

    monkeypatch.setattr(
        demo_steps, "STEPS", (("wrong", wrong), ("right", lambda _: "fine"), ("raises", raises))
    )
    monkeypatch.setattr(demo_steps, "draw_cells", lambda: np.zeros((2, 2), np.uint16))
    code, out, _ = run("demo")
    assert code == 1
    assert "FAIL  DemoError: cells: 4 pixels differ" in out
    assert "FAIL  UnsupportedFormatError: nobody reads this" in out
    assert out.splitlines()[-1].startswith("2 of 3 checks failed")


# ---------------------------------------------------------------- the process


def test_version(run: Run) -> None:
    import aicsio

    assert run("--version")[:2] == (0, f"aicsio {aicsio.__version__}\n")


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        cli.main(["convert", "--debug", str(tmp_path / "no.tif"), str(tmp_path / "out.ome.tiff")])
    with pytest.raises(FileNotFoundError):
        cli.main(["info", "--debug", str(tmp_path / "no.tif")])


def test_ctrl_c_is_130(run: Run, slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> ImageHandle:
        raise KeyboardInterrupt

    monkeypatch.setattr(info, "read_facts", interrupted)
    code, out, err = run("info", slide)
    assert (code, out, err) == (130, "", "aicsio: interrupted\n")


def test_a_reader_that_goes_away_is_no_traceback(slide: Path) -> None:
    command = [sys.executable, "-m", "aicsio", "info", *[str(slide)] * 300]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read()
        assert (process.wait(), told) == (141, b"")


def test_names_that_are_no_text_are_told(slide: Path, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.tif")
    try:
        os.link(slide, path)
    except OSError:
        pytest.skip("this file system takes only text for names")
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "aicsio", "info", path]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\udcff\udcfe.tif" in done.stdout
    done = subprocess.run([*command, "--json"], capture_output=True, env=environment, check=True)
    assert json.loads(done.stdout)["files"][0]["file"] == path


class Terminal(io.StringIO):
    """Text output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream, patience, shown in (
        (Terminal(), 0.0, True),
        (Terminal(), 99.0, False),
        (io.StringIO(), 0.0, False),
    ):
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(progress_bars, "PATIENCE", patience)
        with progress_bars.ProgressBar("writing [x]") as progress:
            progress(10, 100)
            progress(60, 100)
        assert ("writing [x]" in stream.getvalue()) == shown


# ---------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (999_499, "999 kB"),
        (999_600, "1 MB"),
        (28_300_000, "28.3 MB"),
    ],
)
def test_sizes(nbytes: int, text: str) -> None:
    assert terminal_text.format_size(nbytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.34, "12.3 s"), (0.00123, "1.23 ms"), (4.5e-6, "4.5 µs"), (2e-8, "20 ns")],
)
def test_durations(seconds: float, text: str) -> None:
    assert terminal_text.format_seconds(seconds) == text


@given(st.text(), st.integers(2, 40))
def test_wrapped_text_keeps_its_characters_and_the_width(text: str, width: int) -> None:
    lines = terminal_text.wrap(text, width)
    assert all(terminal_text.display_width(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@given(st.text())
def test_plain_text_has_no_control_characters(text: str) -> None:
    shown = terminal_text.escape_controls(text)
    assert all(c.isprintable() or "\ud800" <= c <= "\udfff" for c in shown)


CELL = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=30)


@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=4), st.integers(5, 90))
def test_a_table_fits_or_is_refused(rows: list[tuple[str, str, str]], width: int) -> None:
    header = ("one", "two", "three")
    lines = terminal_text.layout_table(header, rows, width)
    if lines is None:
        lines = [line for row in rows for line in terminal_text.layout_entries(header, row, width)]
        width = max(width, 5 + len(terminal_text.GAP) + terminal_text.NARROWEST)
    assert all(terminal_text.display_width(line) <= width for line in lines)


# ---------------------------------------------------------------- secrets


def test_passwords_and_tokens_of_urls_are_not_printed(
    run: Run, slide: Path, tmp_path: Path
) -> None:
    with serving(slide__tif=slide.read_bytes()) as site:
        address = f"{site.url}slide.tif".replace("http://", "http://me:hunter2@")
        address += "?token=hunter3"
        missing = address.replace("slide", "missing")
        calls = [
            ["info", address, missing],
            ["info", "--json", address, missing],
            ["convert", address, missing, f"{tmp_path}/out/"],
            ["convert", address, f"{tmp_path}/one.ome.tiff"],
            ["thumbnail", missing, f"{tmp_path}/one.png"],
            ["verify", missing],
        ]
        shown = "".join("".join(map(str, run(*call))) for call in calls)
    journal = (tmp_path / "out" / ".aicsio-convert.jsonl").read_text()
    assert "slide.tif" in shown
    assert "slide.tif" in journal
    assert "hunter" not in shown + journal
