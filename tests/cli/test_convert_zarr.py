"""``aicsio convert`` to OME-Zarr, and ``--verify`` for both formats."""

import functools
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import open_image, write_ome_tiff, write_scenes
from aicsio.cli.batch import read_back
from command_line import Run, caller
from zarr_stores import judges

Array = npt.NDArray[Any]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Call ``aicsio convert``; returns exit code, stdout and stderr."""
    return functools.partial(caller(capsys), "convert")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two scenes of two channels."""
    images = [
        open_image(ramp(number), dims="CZYX", channel_names=["DAPI", "GFP"]) for number in (0, 1)
    ]
    path = tmp_path / "in" / "a.ome.tiff"
    path.parent.mkdir()
    write_scenes(images, path, scene_names=["one", "two"])
    return path


def ramp(start: int) -> Array:
    return (np.arange(2 * 3 * 60 * 70).reshape(2, 3, 60, 70) + start).astype(np.uint16)


def stored(store: Path, inside: str = "", level: str = "0") -> Array:
    (pixels,) = judges.zarr_pixels(store, inside, (level,))
    return pixels


def test_the_name_of_the_output_chooses_the_format(run: Run, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.ome.zarr"
    code, out, _ = run(source, target)
    assert code == 0
    assert "a.ome.zarr: T=1, C=2, Z=3, Y=60, X=70, uint16" in out
    assert np.array_equal(stored(target)[0], ramp(0))
    code, _, err = run(source, target)
    assert (code, "--overwrite to replace it" in err) == (1, True)
    assert run(source, target, "--overwrite", "--scene", "two")[0] == 0
    assert np.array_equal(stored(target)[0], ramp(1))
    archive = tmp_path / "a.ozx"
    assert run(source, archive, "--scene", "all")[0] == 0
    assert np.array_equal(stored(archive, "1")[0], ramp(1))


def test_options_of_the_store(run: Run, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.ome.zarr"
    code, _, err = run(
        source, target, "--crop", "0:32,8:40", "--channel", "GFP", "--pyramid", 2, "--chunks",
        "Z=3,Y=16,X=16", "--shards", "32", "--compression", "zstd", "--pixel-size", "Y=0.5,X=0.5",
    )  # fmt: skip
    assert code == 0, err
    assert np.array_equal(stored(target)[0], ramp(0)[1:, :, :32, 8:40])
    array = json.loads((target / "0/zarr.json").read_text())
    sharding = array["codecs"][0]["configuration"]
    assert array["chunk_grid"]["configuration"]["chunk_shape"] == [1, 1, 3, 32, 32]
    assert sharding["chunk_shape"] == [1, 1, 3, 16, 16]
    assert sharding["codecs"][1]["name"] == "zstd"
    assert run(source, tmp_path / "v2.zarr", "--zarr-version", "0.4")[0] == 0
    assert (tmp_path / "v2.zarr/0/.zarray").exists()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.ome.zarr", ["--tile", "64"], "--tile is for OME-TIFF"),
        ("a.ome.zarr", ["--modulo", "auto"], "--modulo is for OME-TIFF"),
        ("a.ome.zarr", ["--compression", "lzw"], "--compression lzw is for OME-TIFF"),
        ("a.ome.tiff", ["--chunks", "64"], "--chunks is for OME-Zarr"),
        ("a.ome.tiff", ["--compression", "blosc"], "--compression blosc is for OME-Zarr"),
        ("a.ome.zarr", ["--to", "ome-tiff"], "names an OME-Zarr: leave out --to"),
        ("a.ome.tiff", ["--to", "ome-zarr"], "names no OME-Zarr"),
        ("a.ome.zarr", ["--chunks", "Q=3"], "is no size: write 512"),
        ("a.ome.zarr", ["--chunks", "16", "--shards", "24"], "--shards: Y=24 is no multiple"),
    ],
)
def test_options_of_the_other_format_are_refused(
    name: str, options: list[str], message: str, run: Run, source: Path, tmp_path: Path
) -> None:
    code, _, err = run(source, tmp_path / name, *options)
    assert code in {1, 2}
    assert message in err
    assert not (tmp_path / name).exists()


def test_a_folder_becomes_a_folder_of_stores(run: Run, source: Path, tmp_path: Path) -> None:
    write_ome_tiff(open_image(ramp(5), dims="CZYX"), source.parent / "b.tif")
    out_folder = tmp_path / "out"
    code, out, _ = run(source.parent, out_folder, "--to", "ome-zarr", "--jobs", "2")
    assert code == 0, out
    assert "2 written" in out
    assert np.array_equal(stored(out_folder / "b.ome.zarr")[0], ramp(5))
    code, out, _ = run(source.parent, out_folder, "--to", "ome-zarr")
    assert (code, "2 done before" in out) == (0, True)
    # Stores that an earlier run wrote are no sources.
    code, out, _ = run(source.parent, source.parent, "--to", "ome-zarr", "--recursive")
    assert code == 0
    code, out, _ = run(source.parent, source.parent, "--to", "ome-zarr", "--recursive")
    assert (code, "2 done before" in out) == (0, True)


def test_verify_compares_every_plane_of_a_tiff(
    run: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = run(source, tmp_path / "a.tif", "--scene", "all", "--verify")
    assert (code, "12 planes verified" in out) == (0, True)
    code, out, _ = run(
        source, tmp_path / "b.tif", "--verify", "--compression", "jpeg2000",
        "--compression-level", 30,
    )  # fmt: skip
    assert (code, "6 planes read back" in out) == (0, True)
    monkeypatch.setattr(read_back, "open_image", lambda _: open_image(other_image()))
    code, _, err = run(source, tmp_path / "c.tif", "--verify")
    assert (code, "1 of 6 planes differs: scene 0 T=0 C=1 Z=2" in err) == (1, True)


def other_image() -> Array:
    """The first scene with one other pixel."""
    pixels = ramp(0)[None].copy()
    pixels[0, 1, 2, 30, 30] += 1
    return pixels


@pytest.mark.skipif(
    importlib.util.find_spec("aicsio.formats.zarr") is None, reason="no reader of OME-Zarr"
)
def test_verify_compares_every_plane_of_a_store(run: Run, source: Path, tmp_path: Path) -> None:
    code, out, err = run(source, tmp_path / "a.ome.zarr", "--scene", "all", "--verify")
    assert (code, "12 planes verified" in out) == (0, True), err


def test_a_name_that_chooses_no_format(run: Run, source: Path, tmp_path: Path) -> None:
    """The name alone chooses the format here, as that of ``cwebp``, ``magick`` and ``vips copy`` does."""
    for name in ("new.xyz", "new.v2", "new.ome.xyz"):
        code, _, err = run(source, tmp_path / name)
        assert (code, ".ome.tiff" in err, ".ozx" in err, ".btf" in err) == (1, True, True, True)
        assert run(tmp_path / "missing.czi", tmp_path / name)[2] == err
        assert not (tmp_path / name).exists()
    assert run(source, tmp_path / "new.xyz", "--to", "ome-tiff")[0] == 0
    assert open_image(tmp_path / "new.xyz").format == "ome-tiff"
    assert run(source, tmp_path / "new")[0] == 0


def test_a_folder_for_many_images_is_not_called_as_one_file(
    run: Run, source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "new.ome.tiff"
    code, _, err = run(source.parent, target)
    assert (code, "--along T" in err, target.exists()) == (1, True, False)
    assert run(source.parent, f"{target}/")[0] == 0
    assert target.is_dir()
