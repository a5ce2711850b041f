"""OIF sets and OIB files: generated ones against oiffile, OpenReadout and their arrays."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest

from aicsio import (
    CorruptFileError,
    Objective,
    PixelSize,
    UnsupportedFormatError,
    explain,
    metadata,
    ome_metadata,
    open_image,
    plane_table,
    to_numpy,
    transpose_to,
    write_ome_tiff,
)
from aicsio.attachments import list_attachments, read_attachment
from aicsio.testing.compound_file import build_compound
from aicsio.testing.oif import OifImage, build_oib, build_oif, write_oif
from http_server import serving
from support import corpus_file, corpus_names

Pixels = npt.NDArray[Any]
SUFFIXES = (".oib", ".oif")


def picture(*shape: int, dtype: str = "uint16") -> Pixels:
    return np.random.default_rng(0).integers(1, 250, shape).astype(dtype)


CASES = [
    OifImage(picture(1, 9, 7), "CYX"),
    OifImage(picture(2, 9, 7, dtype="uint8"), "CYX"),
    OifImage(picture(3, 2, 2, 40, 60), "TZCYX"),
    OifImage(picture(3, 2, 2, 40, 60), "ZTCYX", encoding="utf-8"),
    OifImage(picture(4, 2, 30, 20), "LCYX"),
    OifImage(picture(2, 3, 30, 20), "ACYX"),
    OifImage(picture(2, 30, 20), "CTX"),
    OifImage(picture(3, 2, 30, 20), "TCZX"),
    OifImage(picture(2, 2, 20, 10, 3, dtype="uint8"), "TCYXS"),
    OifImage(picture(2, 2, 70, 60), "TCYX", version=3),
    OifImage(picture(2, 2, 70, 60), "TCYX", version=3, fragment=1, strip_rows=9),
    OifImage(picture(2, 2, 70, 60), "TCYX", compression="lzw", strip_rows=9),
    OifImage(picture(2, 2, 70, 60), "TCYX", compression="deflate", fragment=2),
    OifImage(picture(2, 2, 70, 60), "TCYX", compression="packbits", strip_rows=1),
    OifImage(picture(300, 1, 40, 30), "TCYX", version=3, fragment=3),
]


@pytest.mark.parametrize("image", CASES, ids=lambda image: f"{image.dims}-{image.compression}")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_generated_sets_show_their_pixels_and_others_agree(
    image: OifImage, suffix: str, tmp_path: Path
) -> None:
    path = write_oif(image, tmp_path / f"a{suffix}")
    handle = open_image(path)
    assert handle.format == "oif"
    assert handle.diagnostics == ()
    assert handle.dims.order == image.dims
    assert np.array_equal(to_numpy(handle), image.pixels)
    oiffile = pytest.importorskip("oiffile")
    with oiffile.OifFile(path) as file:
        # OifFile.asarray of 2026 refuses planes of colour, whose samples no axis of the set names.
        theirs, order = file.series[0].asarray(), file.series[0].axes
    rest = "".join(letter for letter in image.dims if letter not in order)
    assert np.array_equal(theirs, to_numpy(transpose_to(handle, order + rest)))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_openreadout_agrees(suffix: str, tmp_path: Path) -> None:
    pytest.importorskip("openreadout")
    image = attrs.evolve(
        CASES[2],
        channels=("a", "b"),
        dyes=("GFP", "RFP"),
        emissions=(510, 600),
        excitations=(488, 561),
        period=1.5,
    )
    path = write_oif(image, tmp_path / f"a{suffix}")
    ours, theirs = open_image(path), open_image(path, format="openreadout")
    assert np.array_equal(
        to_numpy(transpose_to(ours, "TCZYX")), to_numpy(transpose_to(theirs, "TCZYX"))
    )
    assert ours.pixel_size == theirs.pixel_size
    assert ours.scenes[0].time_step == theirs.scenes[0].time_step == 1.5
    for mine, other in zip(ours.channels, theirs.channels, strict=True):
        assert attrs.evolve(mine, color=None) == attrs.evolve(other, color=None)


@pytest.mark.skipif("BIOFORMATS_JAR" not in os.environ, reason="no jar of Bio-Formats is named")
@pytest.mark.skipif(shutil.which("java") is None, reason="no Java")
def test_bioformats_sees_the_size(tmp_path: Path) -> None:
    path = write_oif(CASES[2], tmp_path / "a.oib")
    tool = ["java", "-cp", os.environ["BIOFORMATS_JAR"], "loci.formats.tools.ImageInfo", "-nopix"]
    done = subprocess.run([*tool, str(path)], check=True, capture_output=True, text=True)
    for line in ("Width = 60", "Height = 40", "SizeZ = 2", "SizeT = 3", "SizeC = 2"):
        assert line in done.stdout


@pytest.mark.parametrize("name", corpus_names("oif"))
def test_real_files_equal_oiffile(name: str) -> None:
    oiffile = pytest.importorskip("oiffile")
    handle = open_image(corpus_file(name))
    with oiffile.OifFile(corpus_file(name)) as file:
        theirs, order = file.asarray(), file.series[0].axes
    rest = "".join(letter for letter in handle.dims.order if letter not in order)
    assert np.array_equal(theirs, to_numpy(transpose_to(handle, order + rest)))


def test_records_are_those_of_the_description(tmp_path: Path) -> None:
    image = OifImage(
        picture(3, 4, 2, 6, 5),
        "TZCYX",
        channels=("CH1", "CH2"),
        dyes=("DAPI", "None"),
        colors=(0x0000FF, 0x10FF20),
        emissions=(450, 0),
        excitations=(405, 488),
        pixel_size=0.25,
        z_step=0.75,
        period=3.0,
        name="brain",
    )
    handle = open_image(write_oif(image, tmp_path / "a.oib"))
    [scene] = handle.scenes
    assert scene.name == "brain"
    assert scene.pixel_size == PixelSize(0.75, 0.25, 0.25)
    assert scene.time_step == 3.0
    assert scene.acquired == "2012-07-26T15:13:35.976"
    assert [channel.name for channel in scene.channels] == ["CH1", "CH2"]
    assert [channel.fluor for channel in scene.channels] == ["DAPI", None]
    assert [channel.color for channel in scene.channels] == [0x0000FFFF, 0x10FF20FF]
    assert [channel.emission for channel in scene.channels] == [450.0, None]
    assert [channel.excitation for channel in scene.channels] == [405.0, 488.0]
    assert scene.objective == Objective("UPLFLN 40X NA:0.75", 40.0, 0.75)
    assert '[File Info]\nDataName="brain"' in str(metadata(handle))
    table = plane_table(handle)
    assert table["time"].tolist() == [t * 3.0 for t in range(3) for _ in range(8)]
    assert table["z"].tolist() == [z * 0.75 for _ in range(3) for z in range(4) for _ in range(2)]
    assert (table["offset"] > 0).all()


def test_lambda_scans_and_line_scans_have_their_units(tmp_path: Path) -> None:
    image = OifImage(picture(4, 1, 6, 5), "LCYX", lambda_start=500.0, lambda_step=10.0)
    scene = open_image(write_oif(image, tmp_path / "a.oib")).scenes[0]
    assert scene.coordinates[0].values == (500.0, 510.0, 520.0, 530.0)
    assert scene.coordinates[0].unit == "nm"
    lines = open_image(write_oif(OifImage(picture(1, 30, 5), "CTX"), tmp_path / "b.oib"))
    # The height of a row is a time, 2 ms in these files, and no size.
    assert lines.scenes[0].time_step == 0.002
    assert lines.pixel_size == PixelSize(None, None, 0.25)


def test_the_instrument_is_described(tmp_path: Path) -> None:
    image = OifImage(picture(2, 6, 5), "CYX", excitations=(405, 488))
    ome = ome_metadata(open_image(write_oif(image, tmp_path / "a.oib")))
    [instrument] = ome.instruments
    assert [laser.wavelength for laser in instrument.lasers] == [405.0, 488.0]
    assert instrument.microscope is not None
    assert instrument.microscope.model == "FLUOVIEW FV1000"
    assert [one.voltage for one in instrument.detectors] == [None, None]
    [first, second] = ome.images[0].pixels.channels
    assert first.light_source_settings is not None
    assert second.light_source_settings is not None
    assert first.light_source_settings.id == "LightSource:0:0"
    assert second.light_source_settings.attenuation == 0.95
    assert second.detector_settings is not None
    assert second.detector_settings.voltage == 600.0
    assert second.pinhole_size == 100.0
    assert ome.images[0].pixels.significant_bits == 12
    assert ome.images[0].description == "generated"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_planes_are_zero_and_counted(suffix: str, tmp_path: Path) -> None:
    image = OifImage(picture(3, 2, 2, 9, 7), "TZCYX", missing=(5, 6))
    handle = open_image(write_oif(image, tmp_path / f"a{suffix}"))
    [diagnostic] = handle.diagnostics
    assert diagnostic.code == "oif-missing-planes"
    assert diagnostic.message.startswith("2 of 12 planes")
    expected = image.pixels.copy()
    expected[1, 0, 1] = expected[1, 1, 0] = 0
    assert np.array_equal(to_numpy(handle), expected)


def test_a_series_that_was_stopped_shows_what_was_taken(tmp_path: Path) -> None:
    image = OifImage(picture(4, 2, 9, 7), "TCYX", missing=(5, 6, 7))
    handle = open_image(write_oif(image, tmp_path / "a.oib"))
    assert handle.dims.T == 3
    assert not to_numpy(transpose_to(handle, "YX", T=2, C=1)).any()


def test_members_without_a_plane_are_attachments(tmp_path: Path) -> None:
    image = OifImage(picture(1, 9, 7), "CYX")
    for suffix in SUFFIXES:
        handle = open_image(write_oif(image, tmp_path / f"a{suffix}"))
        kinds = {one.name: one.kind for one in list_attachments(handle)}
        assert kinds["s_Thumb.bmp"] == "BMP"
        assert kinds["s_image.roi"] == "ROI"
        assert kinds["s_LUT1.lut"] == "LUT"
        assert "s_C001.tif" not in kinds
        assert read_attachment(handle, "s_Thumb.bmp") == build_oif(image)["s_Thumb.bmp"]


def test_a_renamed_oif_finds_the_folder_of_its_first_name(tmp_path: Path) -> None:
    image = OifImage(picture(2, 9, 7), "CYX")
    write_oif(image, tmp_path / "a.oif").rename(tmp_path / "b.oif")
    assert np.array_equal(to_numpy(open_image(tmp_path / "b.oif")), image.pixels)
    shutil.rmtree(tmp_path / "a.oif.files")
    with pytest.raises(CorruptFileError, match=r"expected the folder 'b.oif.files'"):
        open_image(tmp_path / "b.oif")


def test_the_bytes_of_an_oif_are_not_enough(tmp_path: Path) -> None:
    path = write_oif(OifImage(picture(2, 9, 7), "CYX"), tmp_path / "a.oif")
    with pytest.raises(UnsupportedFormatError, match="open it by its path"):
        open_image(path.read_bytes())


def test_other_compound_files_and_settings_are_not_taken(tmp_path: Path) -> None:
    for name, data in {
        "a.zvi": build_compound({"Contents": bytes(10)}),
        "a.pty": build_oif(OifImage(picture(1, 9, 7), "CYX"))["s_C001.pty"],
    }.items():
        (tmp_path / name).write_bytes(data)
        candidates = explain(tmp_path / name)
        assert not [one for one in candidates if one.format == "oif" and one.taken]


def test_a_plane_of_another_size_raises_when_it_is_read(tmp_path: Path) -> None:
    path = write_oif(OifImage(picture(2, 9, 7), "CYX"), tmp_path / "a.oif")
    other = build_oif(OifImage(picture(2, 5, 7), "CYX"))["s_C002.tif"]
    (tmp_path / "a.oif.files" / "s_C002.tif").write_bytes(other)
    handle = open_image(path)
    assert to_numpy(transpose_to(handle, "YX", C=0)).any()
    with pytest.raises(CorruptFileError, match="bytes"):
        to_numpy(handle)


def test_a_window_reads_few_bytes_and_opening_few_requests() -> None:
    image = OifImage(picture(40, 2, 256, 256), "TCYX")
    with serving(a__oib=build_oib(image)) as site:
        handle = open_image(site.url + "a.oib")
        assert len(site.asked) <= 6
        site.forget()
        plane = to_numpy(transpose_to(handle, "YX", T=7, C=1))
        assert np.array_equal(plane, image.pixels[7, 1])
        assert len(site.asked) <= 2


def test_an_oif_is_read_from_a_server_by_the_names_that_it_announces() -> None:
    image = OifImage(picture(2, 2, 9, 7), "TCYX", missing=(1,), name="a")
    files = build_oif(image)
    served = {
        name if name == "a.oif" else f"a.oif.files/{name}": data for name, data in files.items()
    }
    with serving() as site:
        site.files.update(served)
        handle = open_image(site.url + "a.oif")
        expected = image.pixels.copy()
        expected[0, 1] = 0
        assert np.array_equal(to_numpy(handle), expected)
        assert [one.code for one in handle.diagnostics] == ["oif-missing-planes"]


def test_a_set_becomes_an_ome_tiff(tmp_path: Path) -> None:
    image = OifImage(picture(2, 3, 2, 9, 7), "TZCYX", channels=("a", "b"), z_step=0.5)
    target = tmp_path / "a.ome.tiff"
    write_ome_tiff(open_image(write_oif(image, tmp_path / "a.oib")), target)
    again = open_image(target)
    assert np.array_equal(to_numpy(transpose_to(again, "TZCYX")), image.pixels)
    assert again.channel_names == ("a", "b")
    assert again.pixel_size.Z == 0.5
