"""``aicsio convert`` of many images: names, what is skipped, what fails, processes, clusters, Ctrl-C."""

import functools
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import distributed
import fsspec
import numpy as np
import numpy.typing as npt
import psutil
import pytest

from aicsio import open_image, progress, to_numpy, transpose_to
from aicsio.cli.batch.journal import NAME, Journal
from aicsio.testing import ImageSpec, TiffSpec, pixels, write
from command_line import Run, caller, start
from dask_clusters import Outside, outside_cluster
from support import mostly_long, takes_long

Array = npt.NDArray[Any]
SMALL = ImageSpec(C=2, Y=20, X=30)
SLOW = ImageSpec(Z=6, Y=512, X=512)
"""Takes a second to compress as JPEG 2000."""


def image(folder: Path, name: str, spec: ImageSpec = SMALL, **facts: Any) -> Array:
    """Write a file and return its pixels."""
    import attrs

    made = attrs.evolve(spec, **facts)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    write(TiffSpec((made,)), (folder / name).parent, Path(name).name)
    return pixels(made)


def shown(path: Path) -> Array:
    return to_numpy(transpose_to(open_image(path), "TCZYX"))


def names_below(folder: Path) -> set[str]:
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*.tiff"))
    return set(found)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Call ``aicsio convert``; returns exit code, stdout and stderr."""
    return functools.partial(caller(capsys), "convert")


@pytest.fixture
def plates(tmp_path: Path) -> dict[str, Array]:
    """A folder of images, one of them in a folder of its own."""
    names = ("b_10.ome.tif", "b_2.tif", "inner/deep.tiff")
    return {name: image(tmp_path / "in", name, seed=n) for n, name in enumerate(names)}


# ---------------------------------------------------------------- names


def test_a_folder_becomes_a_folder(run: Run, tmp_path: Path, plates: dict[str, Array]) -> None:
    (tmp_path / "in" / "notes.txt").write_text("no image")
    code, out, err = run(tmp_path / "in", tmp_path / "out", "--recursive")
    assert (code, err) == (0, "")
    expected = {
        "b_10.ome.tiff": "b_10.ome.tif",
        "b_2.ome.tiff": "b_2.tif",
        "inner/deep.ome.tiff": "inner/deep.tiff",
    }
    for target, source in expected.items():
        np.testing.assert_array_equal(shown(tmp_path / "out" / target), plates[source])
    *lines, summary = out.splitlines()
    assert [Path(line.partition(":")[0]).name for line in lines] == [
        "b_2.ome.tiff",
        "b_10.ome.tiff",
        "deep.ome.tiff",
    ]
    assert summary.startswith("3 images: 3 written (")
    assert not list((tmp_path / "out").rglob("*.part"))


def test_files_globs_urls_and_patterns_become_a_folder(
    run: Run, tmp_path: Path, plates: dict[str, Array]
) -> None:
    out = tmp_path / "out"
    assert run(tmp_path / "in" / "b_*.tif", f"{out}/")[0] == 0
    assert sorted(os.listdir(out)) == [NAME, "b_10.ome.tiff", "b_2.ome.tiff"]
    system: Any = fsspec.filesystem("memory")
    system.pipe_file("/batch/far.tif", (tmp_path / "in" / "b_2.tif").read_bytes())
    try:
        assert run("memory://batch/*.tif", f"{out}/")[0] == 0
    finally:
        system.rm("/batch", recursive=True)
    np.testing.assert_array_equal(shown(out / "far.ome.tiff"), plates["b_2.tif"])
    code, text, err = run(
        tmp_path / "in" / "b_{T}.tif", tmp_path / "in" / "inner" / "deep.tiff", out
    )
    assert code == 1
    assert "{T} is a number in some names and '10.ome' in" in err
    assert "1 written" in text
    for t in range(3):
        image(tmp_path, f"t{t}.tif", ImageSpec(Y=8, X=9, seed=t))
    assert run(tmp_path / "t{T}.tif", tmp_path / "in" / "b_2.tif", tmp_path / "joined")[0] == 0
    assert open_image(tmp_path / "joined" / "tT.ome.tiff").dims.T == 3


@pytest.mark.parametrize(
    "many",
    [["t{T}.tif"], ["--along", "T", "t0.tif", "t1.tif", "t2.tif"], ["--along", "T", "t*.tif"]],
)
def test_many_files_of_one_image_become_one(
    run: Run, tmp_path: Path, many: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parts = [image(tmp_path, f"t{t}.tif", ImageSpec(Y=8, X=9, seed=t)) for t in range(3)]
    code, _, err = run(*many, "all.ome.tiff")
    assert code == 0, err
    np.testing.assert_array_equal(shown(tmp_path / "all.ome.tiff"), np.concatenate(parts))


def test_missing_files_of_a_pattern_are_filled_or_closed(run: Run, tmp_path: Path) -> None:
    for t in (0, 1, 3):
        image(tmp_path, f"t{t}.tif", ImageSpec(Y=8, X=9, seed=t))
    code, _, err = run(tmp_path / "t{T}.tif", tmp_path / "a.ome.tiff")
    assert (code, "--missing fill shows them as zeros" in err) == (1, True)
    for how, length in (("fill", 4), ("skip", 3)):
        target = tmp_path / f"{how}.ome.tiff"
        assert run(tmp_path / "t{T}.tif", target, "--missing", how)[0] == 0
        assert length == open_image(target).dims.T


def test_one_scene_of_each_file_is_joined(run: Run, tmp_path: Path) -> None:
    first, second = ImageSpec(Y=8, X=9, name="a", seed=1), ImageSpec(Y=8, X=9, name="b", seed=2)
    write(TiffSpec((first, second)), tmp_path, "t0.ome.tif")
    write(TiffSpec((second,)), tmp_path, "t1.ome.tif")
    pattern, target = tmp_path / "t{T}.ome.tif", tmp_path / "out.ome.tiff"
    code, _, err = run(pattern, target)
    assert (code, "--scene 0" in err) == (1, True)
    assert run(pattern, target, "--scene", "0")[0] == 0
    np.testing.assert_array_equal(shown(target), np.concatenate([pixels(first), pixels(second)]))
    assert run(pattern, target, "--scene", "b", "--overwrite")[0] == 0
    np.testing.assert_array_equal(shown(target), np.concatenate([pixels(second), pixels(second)]))


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("new.n5", "new.ome.zarr"),
        ("new.png", "new.ome.tiff"),
        ("new.MP4", "new.ome.tiff"),
        ("new.czi", "new.ome.tiff"),
    ],
)
def test_a_name_of_another_format_gets_no_tiff(
    run: Run, tmp_path: Path, name: str, advice: str
) -> None:
    image(tmp_path, "a.tif")
    for more in ([], ["--dry-run"], ["--overwrite"]):
        code, out, err = run(tmp_path / "a.tif", tmp_path / name, *more)
        assert (code, out) == (1, "")
        assert "but convert writes OME-TIFF and OME-Zarr: give a name such as" in err
        assert advice in err
        assert "to_dask" not in err
    code, _, err = run(tmp_path / "a.tif", tmp_path / "a.tif", tmp_path / name)
    assert (code, "OUT must be a folder" in err) == (1, True)
    assert sorted(os.listdir(tmp_path)) == ["a.tif"]


def test_a_folder_for_many_images_may_have_any_name_but_zarr(run: Run, tmp_path: Path) -> None:
    image(tmp_path, "in/a.tif")
    assert run(tmp_path / "in", f"{tmp_path}/out.png/")[0] == 0
    code, _, err = run(tmp_path / "in", f"{tmp_path}/out.zarr/")
    assert (code, "names an OME-Zarr" in err) == (1, True)
    assert not (tmp_path / "out.zarr").exists()


def test_a_zarr_is_one_image_and_is_called_so(run: Run, tmp_path: Path) -> None:
    image(tmp_path, "in/a.tif")
    zarr = tmp_path / "in" / "b.zarr"
    zarr.mkdir()
    (zarr / ".zattrs").write_text('{"multiscales": []}')
    code, _, err = run(zarr, tmp_path / "b.ome.tiff")
    assert (code, "is a Zarr of version 2 without an image" in err) == (1, True)
    code, out, err = run(zarr, tmp_path / "in" / "a.tif", f"{tmp_path}/out/")
    assert code == 1
    assert "1 written" in out
    assert "is a Zarr of version 2 without an image" in err


def test_two_images_do_not_become_one(run: Run, tmp_path: Path) -> None:
    for name in ("in/a.tif", "in/a.ome.tif", "in/b.tif", "other/b.tiff"):
        image(tmp_path, name)
    for inputs in (["in"], ["in/b.tif", "other/b.tiff"]):
        code, out, err = run(*(tmp_path / name for name in inputs), tmp_path / "out")
        assert (code, out) == (1, "")
        assert "would both become" in err
        assert not (tmp_path / "out").exists()
    code, _, err = run(tmp_path / "in" / "b.tif", tmp_path / "in" / "b.tif", tmp_path / "out")
    assert code == 0, "one file named twice is one file"
    image(tmp_path, "same/c.ome.tiff")
    code, _, err = run(tmp_path / "same", tmp_path / "same")
    assert (code, "would replace itself" in err) == (1, True)


def test_a_folder_may_be_its_own_output(run: Run, tmp_path: Path) -> None:
    image(tmp_path / "in", "a.tif")
    assert run(tmp_path / "in", tmp_path / "in")[0] == 0
    code, out, err = run(tmp_path / "in", tmp_path / "in")
    assert (code, err) == (0, "")
    assert "1 image: 1 done before" in out


def test_nothing_to_do_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for inputs in ("empty", "no*.tif"):
        code, out, err = run(tmp_path / inputs, f"{tmp_path}/out/")
        assert (code, out, len(err.splitlines())) == (1, "", 2)
    image(tmp_path, "a.tif")
    (tmp_path / "file").write_bytes(b"")
    code, _, err = run(tmp_path / "a.tif", tmp_path / "a.tif", tmp_path / "file")
    assert (code, "is a file" in err) == (1, True)
    assert (
        run(tmp_path / "a.tif", tmp_path / "b.ome.tiff", "--jobs", "2", "--scheduler", "tcp://x")[0]
        == 2
    )
    code, _, err = run(
        tmp_path / "a.tif", tmp_path / "b.ome.tiff", "--scheduler", "tcp://127.0.0.1:9"
    )
    assert (code, "name a folder" in err) == (1, True)


# ---------------------------------------------------------------- what is done is skipped


def test_a_second_run_skips_what_is_done(
    run: Run, tmp_path: Path, plates: dict[str, Array]
) -> None:
    command = [tmp_path / "in", tmp_path / "out", "--recursive"]
    assert run(*command)[0] == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.tiff")}
    code, out, err = run(*command)
    assert (code, err) == (0, "")
    assert out.count("done before") == 4
    assert before == {path: path.stat().st_mtime_ns for path in before}
    (tmp_path / "out" / "b_2.ome.tiff").unlink()
    code, out, _ = run(*command)
    assert "3 images: 1 written" in out
    assert "2 done before" in out
    assert run(*command, "--overwrite")[1].count("done before") == 0
    assert len(plates) == len(before)


def test_what_is_out_of_date_is_redone_when_told(run: Run, tmp_path: Path) -> None:
    image(tmp_path / "in", "a.tif", seed=1)
    command = [tmp_path / "in", tmp_path / "out"]
    assert run(*command)[0] == 0
    newer = image(tmp_path / "in", "a.tif", seed=2)
    os.utime(tmp_path / "in" / "a.tif", ns=(1, 1))
    code, _, err = run(*command)
    assert (code, "out of date, source changed: --update" in err) == (1, True)
    assert run(*command, "--update")[0] == 0
    np.testing.assert_array_equal(shown(tmp_path / "out" / "a.ome.tiff"), newer)
    code, _, err = run(*command, "--channel", "1")
    assert (code, "options changed" in err) == (1, True)
    assert run(*command, "--channel", "1", "--update")[0] == 0
    np.testing.assert_array_equal(shown(tmp_path / "out" / "a.ome.tiff"), newer[:, 1:])
    assert "done before" in run(*command, "--channel", "1", "--jobs", "1", "--no-sync")[1], (
        "how is not what"
    )


def test_an_attempt_that_failed_does_not_disown_the_file(tmp_path: Path, run: Run) -> None:
    """The file of the run before stays as it was; the next run called it a file of somebody else."""
    image(tmp_path / "in", "a.tif")
    command = (tmp_path / "in", tmp_path / "out")
    assert run(*command)[0] == 0
    (tmp_path / "in" / "a.tif").write_bytes(b"no image")
    assert run(*command, "--update")[0] == 1
    written = image(tmp_path / "in", "a.tif", seed=3)
    assert "out of date, source changed: --update" in run(*command)[2]
    assert run(*command, "--update")[0] == 0
    assert np.array_equal(shown(tmp_path / "out" / "a.ome.tiff").ravel(), written.ravel())


def test_stores_in_a_folder_are_images_and_nothing_within_them_is(tmp_path: Path, run: Run) -> None:
    """``convert --to ome-zarr`` fills such folders."""
    first = image(tmp_path / "in", "a.tif", seed=1)
    image(tmp_path / "in", "deep/b.tif", seed=2)
    stores = tmp_path / "stores"
    assert run(tmp_path / "in", stores, "--to", "ome-zarr", "--recursive")[0] == 0
    # Neither is an image: a folder that is none of a Zarr, and a table within a store.
    (stores / "notes.zarr").mkdir()
    (stores / "notes.zarr" / "one.txt").write_text("1")
    (stores / "a.ome.zarr" / "table.zarr").mkdir()
    (stores / "a.ome.zarr" / "thumb.tif").write_bytes(b"1")
    assert run(stores, tmp_path / "back")[0] == 0
    assert names_below(tmp_path / "back") == {"a.ome.tiff"}
    assert np.array_equal(shown(tmp_path / "back" / "a.ome.tiff").ravel(), first.ravel())
    assert run(stores, tmp_path / "all", "--recursive")[0] == 0
    assert names_below(tmp_path / "all") == {"a.ome.tiff", "deep/b.ome.tiff"}


def test_two_processes_that_convert_into_one_folder(tmp_path: Path, run: Run) -> None:
    """The second one begins a file that the first has ended meanwhile, and fails; the file stays done."""
    image(tmp_path / "in", "a.tif")
    out, command = tmp_path / "out", (tmp_path / "in", tmp_path / "out")
    assert run(*command)[0] == 0
    first = json.loads((out / NAME).read_text().splitlines()[-1])
    begun = {key: first[key] for key in ("target", "source", "size", "fingerprint", "options")}
    with (out / NAME).open("a") as lines:
        lines.write(json.dumps({**begun, "began": time.time_ns() + 10**9}) + "\n")
    code, printed, _ = run(*command)
    assert (code, "done before" in printed) == (0, True)


def test_a_file_of_someone_else_is_left_alone(run: Run, tmp_path: Path) -> None:
    image(tmp_path / "in", "a.tif")
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.ome.tiff").write_bytes(b"mine")
    for more in ([], ["--update"], ["--dry-run"]):
        code, _, err = run(tmp_path / "in", out, *more)
        assert (code, "was not written from it here" in err) == (1, True)
    assert (out / "a.ome.tiff").read_bytes() == b"mine"
    assert run(tmp_path / "in", out, "--overwrite")[0] == 0
    (out / "a.ome.tiff").write_bytes(b"changed by hand")
    assert run(tmp_path / "in", out)[0] == 1


def test_a_run_that_was_killed_before_it_could_say_so(run: Run, tmp_path: Path) -> None:
    image(tmp_path / "in", "a.tif")
    out = tmp_path / "out"
    assert run(tmp_path / "in", out)[0] == 0
    begun, _ = (out / NAME).read_text().splitlines()
    (out / NAME).write_text(begun + "\n" + '{"target": "a.ome.t')
    assert "done before" in run(tmp_path / "in", out)[1], (
        "it is younger than the line that began it"
    )
    os.utime(out / "a.ome.tiff", ns=(1, 1))
    assert run(tmp_path / "in", out)[0] == 1
    assert Journal(str(out)).targets() == {str(out / "a.ome.tiff")}


def test_a_dry_run_writes_nothing(run: Run, tmp_path: Path, plates: dict[str, Array]) -> None:
    code, out, err = run(tmp_path / "in", tmp_path / "out", "--recursive", "--dry-run")
    assert (code, err) == (0, "")
    assert out.count("would be written from") == len(plates)
    assert "3 to do" in out
    assert not (tmp_path / "out").exists()
    assert run(tmp_path / "in" / "b_2.tif", tmp_path / "one.ome.tiff", "--dry-run")[0] == 0
    assert not (tmp_path / "one.ome.tiff").exists()


# ---------------------------------------------------------------- failures


def test_what_fails_is_told_by_file_and_does_not_stop_the_rest(run: Run, tmp_path: Path) -> None:
    expected = image(tmp_path / "in", "good.tif")
    (tmp_path / "in" / "bad.czi").write_bytes(b"no image")
    (tmp_path / "in" / "empty.lif").write_bytes(b"")
    content = (tmp_path / "in" / "good.tif").read_bytes()
    (tmp_path / "in" / "cut.tif").write_bytes(content[: len(content) // 2])
    code, out, err = run(tmp_path / "in", tmp_path / "out")
    assert code == 1
    assert "4 images: 1 written" in out
    assert "3 failed" in out
    told = [line for line in err.splitlines() if line.startswith("aicsio: failed: ")]
    assert [Path(line).name for line in told] == ["bad.czi", "cut.tif", "empty.lif"]
    assert sorted(os.listdir(tmp_path / "out")) == [NAME, "good.ome.tiff"]
    np.testing.assert_array_equal(shown(tmp_path / "out" / "good.ome.tiff"), expected)


def test_what_could_not_be_kept_is_in_the_journal(run: Run, tmp_path: Path) -> None:
    image(tmp_path / "in", "a.ome.tif", levels=2)
    code, _, err = run(
        tmp_path / "in" / "a.ome.tif", tmp_path / "in" / "a.ome.tif", f"{tmp_path}/out/"
    )
    assert code == 0
    last = json.loads((tmp_path / "out" / NAME).read_text().splitlines()[-1])
    assert bool(last["not_kept"]) == ("could not be kept" in err)


@pytest.mark.parametrize(
    "line",
    [
        b'{"target": "a.ome.tiff", "sou',
        b"\xff\xfe",
        b"[]",
        b"7",
        b'{"target": 3, "source": "x", "size": 1, "fingerprint": "x", "options": "x", "began": 1}',
        b'{"target": "a\\u0000", "source": "x", "size": 1, "fingerprint": "", "options": "", "began": 1}',
        b'{"target": "b", "source": "x", "size": 1, "fingerprint": "x", "options": "x", "began": "y"}',
        b'{"target": "b", "source": "x", "size": 1, "fingerprint": "x", "options": "x", "written": 3}',
        b'{"target": "b", "source": [], "size": {}, "fingerprint": 0, "options": 0, "written": []}',
    ],
)
def test_a_damaged_line_of_the_journal_costs_nothing(run: Run, tmp_path: Path, line: bytes) -> None:
    image(tmp_path / "in", "a.ome.tif")
    image(tmp_path / "in", "b.ome.tif")
    assert run(tmp_path / "in", tmp_path / "out")[0] == 0
    with open(tmp_path / "out" / NAME, "ab") as journal:
        journal.write(line + b"\n")
    code, out, err = run(tmp_path / "in", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "2 done before" in out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--crop", "2:12,5:"], lambda array: array[..., 2:12, 5:]),
        (["--channel", "GFP", "--channel", "0"], lambda array: array[:, ::-1]),
        (["--channel", "1", "--crop", ":3,:4"], lambda array: array[:, 1:, :, :3, :4]),
    ],
)
def test_parts_of_images(
    run: Run, tmp_path: Path, arguments: list[str], expected: Callable[[Array], Array]
) -> None:
    array = image(tmp_path, "a.ome.tif", channel_names=("DAPI", "GFP"))
    code, _, err = run(*arguments, tmp_path / "a.ome.tif", tmp_path / "b.ome.tiff")
    assert code == 0, err
    np.testing.assert_array_equal(shown(tmp_path / "b.ome.tiff"), expected(array))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--channel", "Cy5"], "is called 'Cy5': there are 0: 'Channel:0'"),
        (["--channel", "0", "--pick", "C=1"], "C is picked twice"),
        (["--pick", "T=0", "--pick", "T=0"], "T is picked twice"),
        (["--crop", "50:60,0:5"], "selects nothing"),
    ],
)
def test_parts_that_are_not_there(
    run: Run, tmp_path: Path, arguments: list[str], told: str
) -> None:
    image(tmp_path, "a.tif")
    code, _, err = run(*arguments, tmp_path / "a.tif", tmp_path / "b.ome.tiff")
    assert (code, told in err) == (1, True)


def test_storage_and_metadata_are_as_told(run: Run, tmp_path: Path) -> None:
    array = image(tmp_path, "a.tif", ImageSpec(C=2, Y=100, X=130))
    code, _, err = run(
        *(
            "--compression",
            "zstd",
            "--compression-level",
            "3",
            "--tile",
            "32x48",
            "--pyramid",
            "3",
            "--bigtiff",
            "yes",
        ),
        *("--scene-name", "cells", "--channel-names", "a,b", "--channel-colors", "#FF0000,#00FF00"),
        *("--pixel-size", "Z=2,Y=.5,X=5e-1", "--time-step", "1.5", "--description", "of today"),
        *("--downsample", "nearest"),
        *(tmp_path / "a.tif", tmp_path / "b.ome.tiff"),
    )
    assert code == 0, err
    back = open_image(tmp_path / "b.ome.tiff")
    np.testing.assert_array_equal(shown(tmp_path / "b.ome.tiff"), array)
    assert (back.scene.name, back.channel_names, len(back.levels)) == ("cells", ("a", "b"), 3)
    assert tuple(back.pixel_size) == (2, 0.5, 0.5)
    assert [channel.color for channel in back.channels] == [0xFF0000FF, 0x00FF00FF]
    assert (tmp_path / "b.ome.tiff").read_bytes()[2] == 43


@pytest.mark.parametrize(
    "arguments",
    [
        ["--crop", "1:2"],
        ["--crop", "1:2,3:4,5:6"],
        ["--crop", "a:b,1:2"],
        ["--tile", "1x2x3"],
        ["--tile", "big"],
        ["--pyramid", "0"],
        ["--pixel-size", "T=1"],
        ["--modulo", "H"],
        ["--along", "time"],
        ["--jobs", "0"],
    ],
)
def test_options_that_are_none_are_wrong_usage(run: Run, arguments: list[str]) -> None:
    assert run(*arguments, "in.tif", "out.ome.tiff")[0] == 2


# ---------------------------------------------------------------- bars


def test_bars_are_for_terminals_and_take_nothing_from_stdout(
    run: Run, tmp_path: Path, plates: dict[str, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setenv("COLUMNS", "60")
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    code, out, _ = run(tmp_path / "in", tmp_path / "out", "--recursive")
    assert code == 0
    assert len(out.splitlines()) == len(plates) + 1
    assert "all images" in screen.getvalue()


# ---------------------------------------------------------------- processes


def writing(
    folder: Path, pids: Callable[[], list[psutil.Process]], count: int = 1
) -> psutil.Process:
    """Wait until there are some hidden files in a folder, and return a process that has one of them open."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for process in pids() if len(list(folder.glob(".*.part"))) >= count else ():
            try:
                files = [file.path for file in process.open_files()]
            except psutil.Error:
                continue
            if any(path.startswith(str(folder)) and path.endswith(".part") for path in files):
                return process
        time.sleep(0.01)
    raise AssertionError(f"nobody writes to {folder}")


@takes_long
def test_a_process_that_dies_takes_one_image_with_it(tmp_path: Path) -> None:
    slow = image(tmp_path / "in", "slow.tif", SLOW)
    small = {f"small{n}.tif": image(tmp_path / "in", f"small{n}.tif", seed=n) for n in range(4)}
    out = tmp_path / "out"
    command = start("convert", tmp_path / "in", out, "--jobs", "2", "--compression", "jpeg2000")
    children = psutil.Process(command.pid).children
    writing(out, lambda: children(recursive=True)).kill()
    told, err = command.communicate(timeout=120)
    assert command.returncode == 1, told + err
    assert "died (signal 9)" in err
    assert len([line for line in err.splitlines() if "failed: " in line]) == 1
    done = [name for name in small if (out / name.replace(".tif", ".ome.tiff")).exists()]
    assert len(done) >= 3
    for name in done:
        np.testing.assert_array_equal(shown(out / name.replace(".tif", ".ome.tiff")), small[name])
    again = start("convert", tmp_path / "in", out, "--jobs", "2", "--compression", "jpeg2000")
    told, err = again.communicate(timeout=120)
    assert again.returncode == 0, told + err
    assert "4 done before" in told
    np.testing.assert_array_equal(shown(out / "slow.ome.tiff"), slow)
    assert sorted(os.listdir(out)) == sorted(
        [NAME, "slow.ome.tiff", *(n.replace(".tif", ".ome.tiff") for n in small)]
    )


@pytest.mark.parametrize("jobs", mostly_long(["1", "2"]))
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, jobs: str) -> None:
    for n in range(6):
        image(tmp_path / "in", f"slow{n}.tif", SLOW, seed=n)
    out = tmp_path / "out"
    command = start("convert", tmp_path / "in", out, "--jobs", jobs, "--compression", "jpeg2000")
    parent = psutil.Process(command.pid)
    writing(out, lambda: [parent, *parent.children(recursive=True)], int(jobs))
    time.sleep(0.2)  # in the middle of it, not between making the file and knowing of it
    os.killpg(command.pid, signal.SIGINT)
    told, err = command.communicate(timeout=60)
    assert command.returncode == 130, told + err
    # A busy machine may finish some images before the signal arrives.
    counted = re.search(r"6 images: (\d) written.*, (\d) not done", told)
    assert counted is not None, told
    written, left = map(int, counted.groups())
    assert written + left == 6
    assert left
    assert err.splitlines() == ["aicsio: interrupted"]
    assert NAME in os.listdir(out)
    assert sum(name.endswith(".ome.tiff") for name in os.listdir(out)) == written
    assert len(os.listdir(out)) == written + 1


# ---------------------------------------------------------------- clusters


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Outside]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with outside_cluster(folder) as found:
        with distributed.Client(found.address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield found


@takes_long
def test_a_cluster_that_loses_a_worker_does_the_batch(
    run: Run, tmp_path: Path, cluster: Outside
) -> None:
    address, workers = cluster.address, cluster.workers
    arrays = {
        f"{n}.tif": image(tmp_path / "in", f"{n}.tif", SLOW if n < 2 else SMALL, seed=n)
        for n in range(6)
    }
    (tmp_path / "in" / "bad.czi").write_bytes(b"no image")
    out = tmp_path / "out"
    command = start(
        "convert", tmp_path / "in", out, "--scheduler", address, "--compression", "jpeg2000"
    )
    writing(
        out, lambda: [psutil.Process(worker.pid) for worker in workers if worker.poll() is None]
    ).kill()
    told, err = command.communicate(timeout=120)
    assert command.returncode == 1, told + err
    assert "7 images: 6 written" in told
    assert [Path(line).name for line in err.splitlines() if "failed: " in line] == ["bad.czi"]
    for name, array in arrays.items():
        np.testing.assert_array_equal(shown(out / name.replace(".tif", ".ome.tiff")), array)
    code, text, _ = run(tmp_path / "in", out, "--scheduler", address, "--compression", "jpeg2000")
    assert code == 1
    assert "6 done before, 1 failed" in text


def test_a_scheduler_that_is_not_there_is_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aicsio.cli.batch import dask_cluster

    monkeypatch.setattr(dask_cluster, "TIMEOUT", "200ms")
    image(tmp_path / "in", "a.tif")
    code, out, err = run(tmp_path / "in", tmp_path / "out", "--scheduler", "tcp://127.0.0.1:9")
    assert (code, out) == (1, "")
    assert "no scheduler answers at 'tcp://127.0.0.1:9'" in err
