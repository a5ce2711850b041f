"""Pictures and movies as files, read back by imageio and Pillow; the commands that write them."""

import errno
import os
from pathlib import Path
from typing import Any

import attrs
import imageio.v3 as iio
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from aicsio import (
    DimensionError,
    Dims,
    ImageHandle,
    ImageTooLargeError,
    PixelSize,
    Planes,
    WriteError,
    open_image,
    thumbnail,
    transpose_to,
    write_movie,
    write_picture,
)
from aicsio.testing import ImageSpec, TiffSpec, write
from aicsio.writers import movies, pictures
from command_line import Run, caller
from support import mostly_long, takes_long

Array = npt.NDArray[Any]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return caller(capsys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images, one of two scenes, and a file that is no image."""
    folder = tmp_path / "images"
    folder.mkdir()
    two = (ImageSpec(Y=40, X=60, name="left"), ImageSpec(Y=60, X=40, name="right", seed=3))
    write(TiffSpec(two), folder, "two.ome.tif")
    write(TiffSpec((ImageSpec(C=2, Z=3, Y=50, X=50),)), folder, "one.ome.tif")
    (folder / "broken.czi").write_bytes(b"ZISRAWFILE" + bytes(100))
    return folder


def series(frames: int = 6) -> ImageHandle:
    """A bright column that moves by 10 pixels a frame, at two brightnesses."""
    array = np.zeros((frames, 2, 64, 96), np.uint16)
    for index in range(frames):
        array[index, :, :, 10 * index : 10 * index + 10] = 1000
    array[1] //= 2
    return open_image(array, dims="TCYX")


# ---------------------------------------------------------------- pictures


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp", ".PNG"])
def test_a_picture_is_what_thumbnail_draws(tmp_path: Path, suffix: str) -> None:
    handle = transpose_to(series(), "CYX", T=2)
    report = write_picture(handle, tmp_path / f"a{suffix}", legend=True)
    with Image.open(report.path) as image:
        assert image.size == (96, 64)
        read = np.asarray(image.convert("RGB")).astype(int)
    difference = np.abs(read - thumbnail(handle, 96, legend=True))
    assert report.nbytes == os.path.getsize(report.path)
    assert report.shape == (64, 96)
    lossless = suffix.lower() in {".png", ".webp"}
    assert difference.max() == 0 if lossless else difference.mean() < 8


def test_a_file_is_replaced_only_on_request(tmp_path: Path) -> None:
    handle = transpose_to(series(), "CYX", T=2)
    write_picture(handle, tmp_path / "a.png")
    with pytest.raises(WriteError, match="overwrite"):
        write_picture(handle, tmp_path / "a.png")
    with pytest.raises(WriteError, match="overwrite"):
        write_movie(series(), write_movie(series(), tmp_path / "a.gif").path)
    assert write_picture(handle, tmp_path / "a.png", size=300, overwrite=True).shape == (200, 300)


@pytest.mark.parametrize("name", ["a.bmp", "a", "a.mp4"])
def test_other_suffixes_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(WriteError, match=r"end it in \.png, \.jpg"):
        write_picture(series(), tmp_path / name)
    with pytest.raises(WriteError, match=r"end it in \.mp4, \.gif"):
        write_movie(series(), tmp_path / "a.png")


@takes_long
def test_a_picture_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageTooLargeError, match="size=4096"):
        write_picture(series(), tmp_path / "a.png", size=20_000)
    with pytest.raises(WriteError, match=r"do not fit into \.webp"):
        write_picture(open_image(np.zeros((1, 4)), dims="YX"), tmp_path / "a.webp", size=20_000)
    long = open_image(np.zeros((65_501, 1), np.uint8), dims="YX")
    with pytest.raises(WriteError, match=r"\.jpg, which has 65500 a side at most: name it \.png"):
        write_picture(long, tmp_path / "a.jpg")
    with pytest.raises(ImageTooLargeError, match="size=4096"):
        write_movie(series(), tmp_path / "a.gif", size=20_000)
    # A small image is enlarged: 4 x 4 pixels would take 24 GB.
    with pytest.raises(ImageTooLargeError, match="size=4096"):
        thumbnail(open_image(np.zeros((4, 4)), dims="YX"), 100_000)
    assert os.listdir(tmp_path) == []


# ---------------------------------------------------------------- movies


@pytest.mark.parametrize("suffix", mostly_long([".mp4", ".gif"], ".mp4"))
def test_a_movie_has_the_frames_in_order(tmp_path: Path, suffix: str) -> None:
    report = write_movie(series(), tmp_path / f"a{suffix}", stamp=False, frames_per_second=5)
    frames = iio.imread(report.path, plugin="pyav" if suffix == ".mp4" else "pillow")
    assert frames.shape == (6, 64, 96, 3)
    assert report.frames == 6
    assert report.shape == (64, 96)
    for index, frame in enumerate(frames):
        # Both channels at full intensity: green and magenta make white.
        columns = frame.mean(axis=(0, 2))
        assert int(np.argmax(np.convolve(columns, np.ones(10), "valid"))) == 10 * index
        middle = columns[10 * index + 3 : 10 * index + 7].mean()
        # One contrast for all: the frame at half the brightness stays darker.
        assert abs(middle - (128 if index == 1 else 255)) < 12
        assert columns[(10 * index + 30) % 90 : (10 * index + 30) % 90 + 5].mean() < 12


def test_a_movie_has_its_speed(tmp_path: Path) -> None:
    fast = write_movie(series(), tmp_path / "a.mp4", frames_per_second=12.5)
    assert iio.immeta(fast.path, plugin="pyav")["fps"] == 12.5
    slow = write_movie(series(), tmp_path / "a.gif", frames_per_second=4)
    assert iio.immeta(slow.path, plugin="pillow")["duration"] == 250


@pytest.mark.parametrize(
    ("size", "shape"), [(31, (22, 32)), pytest.param(95, (64, 96), marks=takes_long), (7, (16, 16))]
)
def test_frames_have_even_sides(tmp_path: Path, size: int, shape: tuple[int, int]) -> None:
    report = write_movie(series(), tmp_path / "a.mp4", size=size)
    assert report.shape == shape
    assert iio.imread(report.path, plugin="pyav").shape == (6, *shape, 3)


def test_the_axis_of_a_movie() -> None:
    handle = open_image(np.zeros((1, 4, 3, 8, 8)), dims="TZCYX")
    assert movies._choose_axis(handle, None) == "Z"
    both = open_image(np.zeros((2, 4, 3, 8, 8)), dims="ZTCYX")
    assert movies._choose_axis(both, None) == "T"
    assert movies._choose_axis(both, "Z") == "Z"
    other = open_image(np.zeros((2, 8, 8)), dims="HYX")
    assert movies._choose_axis(other, None) == "H"
    with pytest.raises(DimensionError, match="choose from"):
        movies._choose_axis(both, "Y")
    with pytest.raises(DimensionError, match="write_picture"):
        movies._choose_axis(open_image(np.zeros((8, 8))), None)


def test_stamps_are_the_times_of_the_planes() -> None:
    handle = open_image(np.zeros((4, 8, 8)), dims="TYX")
    assert movies._stamps(handle, "T") == ["T 0", "T 1", "T 2", "T 3"]
    even = attrs.evolve(handle.scene, time_step=90.0)
    contents = attrs.evolve(handle.contents, scenes=(even,))
    timed = attrs.evolve(handle, contents=contents)
    assert movies._stamps(timed, "T") == ["0:00:00", "0:01:30", "0:03:00", "0:04:30"]
    picked = transpose_to(timed, "TYX", T=slice(3, None, -2))
    assert movies._stamps(picked, "T") == ["0:04:30", "0:01:30"]
    times = Planes(Dims("T", (4,)), time=np.array([0.0, 0.25, 0.5, 3.0]).tobytes())
    own = attrs.evolve(even, planes=times)
    uneven = attrs.evolve(handle, contents=attrs.evolve(contents, scenes=(own,)))
    assert movies._stamps(uneven, "T") == ["0:00:00", "0:00:00.250", "0:00:00.500", "0:00:03"]


def test_stamps_of_sections_are_heights() -> None:
    handle = open_image(np.zeros((3, 8, 8)), dims="ZYX")
    assert movies._stamps(handle, "Z") == ["Z 0", "Z 1", "Z 2"]
    scene = attrs.evolve(handle.scene, pixel_size=PixelSize(0.5, None, None))
    sized = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))
    assert movies._stamps(sized, "Z") == ["Z 0 µm", "Z 500 nm", "Z 1 µm"]


def test_an_interrupted_movie_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        assert total == 6
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_movie(series(), tmp_path / "a.mp4", progress=stop)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("wrong", [{"frames_per_second": 0}, {"size": 1}, {"along": "Q"}])
def test_wrong_options_of_a_movie(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(DimensionError):
        write_movie(series(), tmp_path / "a.mp4", **wrong)


# ---------------------------------------------------------------- commands


def test_a_folder_becomes_a_contact_sheet(run: Run, folder: Path, tmp_path: Path) -> None:
    code, out, err = run("thumbnail", folder, tmp_path / "sheet.png", "--size", "64")
    # The broken file is named, drawn as its reason, and makes the exit code 1.
    assert code == 1
    assert "broken.czi" in err
    assert "152 x 186 pixels of 3 images" in out
    with Image.open(tmp_path / "sheet.png") as image:
        sheet = np.asarray(image.convert("RGB"))
    assert sheet.shape == (186, 152, 3)
    one = thumbnail(open_image(folder / "one.ome.tif"), 64)
    np.testing.assert_array_equal(sheet[8:72, 80:144], one)
    (folder / "broken.czi").unlink()
    code, out, _ = run("thumbnail", folder, tmp_path / "s.webp", "--scene", "all", "--columns", 1)
    assert (code, "3 images" in out) == (0, True)
    with Image.open(tmp_path / "s.webp") as image:
        assert image.size == (8 + 192 + 8, 8 + 3 * (192 + 17 + 8))


def test_a_folder_as_output_gets_one_picture_each(run: Run, folder: Path, tmp_path: Path) -> None:
    out_folder = tmp_path / "new"
    code, _, err = run(
        "thumbnail", folder, f"{out_folder}/", "--scene", "all", "--to", "jpg", "--size", "32"
    )
    assert (code, "broken.czi" in err) == (1, True)
    names = ["one.ome.tif.jpg", "two.ome.tif-left.jpg", "two.ome.tif-right.jpg"]
    assert sorted(os.listdir(out_folder)) == names
    with Image.open(out_folder / names[2]) as image:
        assert image.size == (21, 32)
    code, _, err = run("thumbnail", folder / "one.ome.tif", out_folder, "--to", "jpg")
    assert (code, "--overwrite" in err) == (1, True)


def test_options_of_the_commands_are_those_of_the_functions(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    source = folder / "one.ome.tif"
    options = ["--channel", "1", "--contrast", "10:900", "--project", "mean", "--legend"]
    assert run("thumbnail", source, tmp_path / "a.png", "--size", "80", *options)[0] == 0
    expected = thumbnail(
        open_image(source), 80, channels=[1], contrast=(10, 900), project="mean", legend=True
    )
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), expected)
    code, out, err = run("export", source, tmp_path / "b.png", *options)
    assert (code, err) == (0, "")
    assert "b.png: 50 x 50 pixels, " in out
    code, out, _ = run("export", source, tmp_path / "b.mp4", "--along", "Z", "--fps", "3")
    assert (code, "3 frames" in out) == (0, True)
    assert iio.imread(tmp_path / "b.mp4", plugin="pyav").shape == (3, 50, 50, 3)
    code, _, err = run("export", source, tmp_path / "b.gif")
    assert code == 0, err
    code, _, err = run("export", source, tmp_path / "b.gif")
    assert (code, "--overwrite" in err) == (1, True)
    code, _, err = run("export", source, tmp_path / "b.tif")
    assert (code, "end it in .png" in err) == (1, True)
    assert run("export", source, tmp_path / "c.gif", "--fps", "x")[0] == 2


def test_an_empty_folder_is_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    code, _, err = run("thumbnail", tmp_path / "none", tmp_path / "a.png")
    assert (code, "there is no image in" in err) == (1, True)


def test_gray_pictures_are_written_as_gray() -> None:
    picture = np.repeat(np.arange(64, dtype=np.uint8).reshape(8, 8, 1), 3, axis=2)
    assert len(pictures.encode_picture(picture, ".png")) < 200


@pytest.mark.skipif(not hasattr(os, "pwrite"), reason="needs os.pwrite")
@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
@pytest.mark.parametrize("room", [0, 600, 4096])
def test_a_movie_on_a_full_disk(
    tmp_path: Path, suffix: str, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg writes again when it closes a file whose disk was full."""
    real = os.pwrite

    def full(fd: int, data: Any, offset: int) -> int:
        if offset + len(data) > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(fd, data, offset)

    noise = np.random.default_rng(0).integers(0, 255, (4, 120, 160), np.uint8)
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(WriteError, match="No space left on device") as caught:
        write_movie(open_image(noise, dims="TYX"), tmp_path / f"a{suffix}")
    assert isinstance(caught.value.__cause__, OSError)
    assert list(tmp_path.iterdir()) == []
