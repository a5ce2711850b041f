"""OIR: generated files against OpenReadout, oirfile and their arrays."""

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
    metadata,
    ome_metadata,
    open_image,
    plane_table,
    to_numpy,
    transpose_to,
    write_ome_tiff,
)
from aicsio.attachments import list_attachments, read_attachment
from aicsio.formats import oir
from aicsio.records import Encoded, Strided
from aicsio.testing.oir import OirImage, build_oir, write_oir
from http_server import serving
from support import corpus_file, corpus_names

Pixels = npt.NDArray[Any]


def picture(*shape: int, dtype: str = "uint16") -> Pixels:
    return np.random.default_rng(0).integers(1, 250, shape).astype(dtype)


CASES = [
    OirImage(picture(1, 9, 7), "CYX"),
    OirImage(picture(2, 9, 7, dtype="uint8"), "CYX"),
    OirImage(picture(2, 9, 7, dtype="float32"), "CYX"),
    OirImage(picture(3, 2, 2, 40, 60), "TZCYX"),
    OirImage(picture(2, 3, 2, 2, 10, 12), "TLZCYX"),
    OirImage(picture(3, 3, 30, 20), "LCYX"),
    OirImage(picture(2, 300, 400), "CYX"),
    OirImage(picture(4, 1, 300, 400), "ZCYX"),
    OirImage(picture(2, 2, 30, 20), "ZCYX", chunk_nbytes=70),
    OirImage(picture(2, 2, 30, 20), "ZCYX", chunk_nbytes=6),
    OirImage(picture(5, 2, 40, 30), "TCYX", split=2),
    OirImage(picture(2, 300, 20), "CTX"),
    OirImage(picture(2, 20, 10, 3, dtype="uint8"), "TYXS"),
]


@pytest.mark.parametrize("image", CASES, ids=lambda image: f"{image.dims}-{image.chunk_nbytes}")
def test_generated_files_show_their_pixels_and_others_agree(
    image: OirImage, tmp_path: Path
) -> None:
    path = write_oir(image, tmp_path / "a.oir")
    handle = open_image(path)
    assert handle.format == "oir"
    assert handle.diagnostics == ()
    assert handle.dims.order == image.dims
    assert np.array_equal(to_numpy(handle), image.pixels)
    pytest.importorskip("openreadout")
    theirs = open_image(path, format="openreadout")
    shown = to_numpy(transpose_to(theirs, "TZCYX"))
    if "S" in image.dims:
        # They show colours as channels.
        ours = np.moveaxis(to_numpy(handle), -1, -3)
    elif "L" in image.dims:
        # They fold lambda into channels, one channel after the other.
        ours = to_numpy(transpose_to(handle, image.axes.replace("L", "") + "CLYX"))
    else:
        ours = image.pixels
    assert np.array_equal(shown.reshape(ours.shape), ours)


@pytest.mark.parametrize("image", CASES, ids=lambda image: f"{image.dims}-{image.chunk_nbytes}")
def test_oirfile_agrees(image: OirImage, tmp_path: Path) -> None:
    oirfile = pytest.importorskip("oirfile", reason="oirfile needs Python 3.12")
    path = write_oir(image, tmp_path / "a.oir")
    handle = open_image(path)
    # It takes the rows of a line scan for T only where it drops axes of one position.
    with oirfile.OirFile(path, squeeze=image.rows == "T") as file:
        theirs, order = file.asarray(), "".join(file.dims)
        assert file.coord_scales["X"] == handle.pixel_size.X
    if "S" in order:
        # It has samples in front of the rows.
        theirs, order = np.moveaxis(theirs, order.index("S"), -1), order.replace("S", "") + "S"
    assert np.array_equal(to_numpy(transpose_to(handle, order)), theirs)


@pytest.mark.skipif("BIOFORMATS_JAR" not in os.environ, reason="no jar of Bio-Formats is named")
@pytest.mark.skipif(shutil.which("java") is None, reason="no Java")
def test_bioformats_sees_the_size(tmp_path: Path) -> None:
    path = write_oir(CASES[3], tmp_path / "a.oir")
    tool = ["java", "-cp", os.environ["BIOFORMATS_JAR"], "loci.formats.tools.ImageInfo", "-nopix"]
    done = subprocess.run([*tool, str(path)], check=True, capture_output=True, text=True)
    for line in ("Width = 60", "Height = 40", "SizeZ = 2", "SizeT = 3", "SizeC = 2"):
        assert line in done.stdout


@pytest.mark.parametrize("name", corpus_names("oir"))
def test_real_files_open_without_trouble(name: str) -> None:
    handle = open_image(corpus_file(name))
    assert to_numpy(transpose_to(handle, handle.dims.order)).any()


def test_records_are_those_of_the_description(tmp_path: Path) -> None:
    image = OirImage(
        picture(3, 4, 2, 6, 5),
        "TZCYX",
        channels=("CH1", "CH2"),
        dyes=("DAPI", "EGFP"),
        colors=("Blue", "ff8000"),
        emissions=(450.0, 510.0),
        excitations=(405.0, 488.0),
        pixel_size=0.25,
        z_step=0.75,
        period=3.0,
    )
    path = write_oir(image, tmp_path / "a.oir")
    handle = open_image(path)
    [scene] = handle.scenes
    assert scene.pixel_size == PixelSize(0.75, 0.25, 0.25)
    assert scene.time_step == 3.0
    assert scene.acquired == "2024-12-02T09:52:10.944+08:00"
    assert scene.objective == Objective("UPLXAPO20X", 20.0, 0.8, "Air")
    assert [channel.name for channel in scene.channels] == ["CH1", "CH2"]
    assert [channel.fluor for channel in scene.channels] == ["DAPI", "EGFP"]
    assert [channel.color for channel in scene.channels] == [0x0000FFFF, 0xFF8000FF]
    assert [channel.emission for channel in scene.channels] == [450.0, 510.0]
    assert [channel.excitation for channel in scene.channels] == [405.0, 488.0]
    root = metadata(handle)
    assert getattr(root, "tag", "").endswith("imageProperties")
    table = plane_table(handle)
    assert table["time"].tolist() == [t * 3.0 for t in range(3) for _ in range(8)]
    assert table["z"].tolist()[:8] == [100.0, 100.0, 100.75, 100.75, 101.5, 101.5, 102.25, 102.25]
    assert (table["offset"] > 0).all()
    pytest.importorskip("openreadout")
    theirs = open_image(path, format="openreadout").scenes[0]
    assert theirs.pixel_size == scene.pixel_size
    assert theirs.time_step == scene.time_step
    for mine, other in zip(scene.channels, theirs.channels, strict=True):
        assert attrs.evolve(mine, color=None) == attrs.evolve(other, color=None)


def test_lambda_scans_and_line_scans_have_their_units(tmp_path: Path) -> None:
    image = OirImage(picture(4, 1, 6, 5), "LCYX", lambda_start=500.0, lambda_step=10.0)
    scene = open_image(write_oir(image, tmp_path / "a.oir")).scenes[0]
    assert scene.coordinates[0].values == (500.0, 510.0, 520.0, 530.0)
    assert scene.coordinates[0].unit == "nm"
    lines = open_image(write_oir(OirImage(picture(1, 30, 5), "CTX"), tmp_path / "b.oir"))
    assert lines.scenes[0].time_step == 0.002
    assert lines.pixel_size == PixelSize(None, None, 0.25)


def test_the_instrument_is_described(tmp_path: Path) -> None:
    image = OirImage(picture(2, 6, 5), "CYX", excitations=(405.0, 488.0))
    ome = ome_metadata(open_image(write_oir(image, tmp_path / "a.oir")))
    [instrument] = ome.instruments
    assert [laser.wavelength for laser in instrument.lasers] == [405.0, 488.0]
    assert instrument.microscope is not None
    assert instrument.microscope.model == "FV3000"
    assert [one.model for one in instrument.detectors] == ["HSD1", "HSD2"]
    [first, second] = ome.images[0].pixels.channels
    assert first.light_source_settings is not None
    assert second.light_source_settings is not None
    assert first.light_source_settings.id == "LightSource:0:0"
    assert second.light_source_settings.attenuation == 0.95
    assert second.detector_settings is not None
    assert second.detector_settings.voltage == 500.0
    assert second.pinhole_size == 110.0
    assert ome.images[0].pixels.significant_bits == 12


def test_chunks_go_where_their_tags_state(tmp_path: Path) -> None:
    # oirfile 2026.10 joins chunks in the order of the file; OpenReadout 0.4 places them.
    image = OirImage(picture(2, 2, 300, 200), "ZCYX", scattered=True)
    path = write_oir(image, tmp_path / "a.oir")
    assert np.array_equal(to_numpy(open_image(path)), image.pixels)
    pytest.importorskip("openreadout")
    theirs = open_image(path, format="openreadout")
    assert np.array_equal(to_numpy(transpose_to(theirs, "ZCYX")), image.pixels)


def test_missing_frames_are_zero_and_counted(tmp_path: Path) -> None:
    image = OirImage(picture(5, 2, 9, 7), "ZCYX", missing=(1, 2))
    handle = open_image(write_oir(image, tmp_path / "a.oir"))
    assert [one.code for one in handle.diagnostics] == ["oir-missing-planes"]
    assert handle.diagnostics[0].message.startswith("4 of 10 planes")
    expected = image.pixels.copy()
    expected[1:3] = 0
    assert np.array_equal(to_numpy(handle), expected)


@pytest.mark.parametrize("split", [0, 2])
def test_frames_behind_a_missing_one_keep_their_positions(split: int, tmp_path: Path) -> None:
    # Right values: z_step and period of the generator; the missing frames have no properties.
    image = OirImage(picture(5, 2, 9, 7), "ZCYX", missing=(1, 2), z_step=0.5, split=split)
    heights = plane_table(open_image(write_oir(image, tmp_path / "z.oir")))["z"][::2]
    assert np.array_equal(heights, [100.0, np.nan, np.nan, 101.5, 102.0], equal_nan=True)
    image = OirImage(picture(4, 2, 9, 7), "TCYX", missing=(1,), period=2.0, split=split)
    handle = open_image(write_oir(image, tmp_path / "t.oir"))
    assert handle.time_step == 2.0
    times = plane_table(handle)["time"][::2]
    assert np.array_equal(times, [0.0, np.nan, 4.0, 6.0], equal_nan=True)


def test_an_acquisition_that_was_stopped_shows_what_was_taken(tmp_path: Path) -> None:
    image = OirImage(picture(5, 2, 9, 7), "TCYX", missing=(3, 4))
    handle = open_image(write_oir(image, tmp_path / "a.oir"))
    assert handle.dims.T == 3
    assert [one.code for one in handle.diagnostics] == ["oir-stopped"]


def test_files_that_continue_one_are_found_and_missed(tmp_path: Path) -> None:
    image = OirImage(picture(5, 2, 40, 30), "TCYX", split=2)
    path = write_oir(image, tmp_path / "a.oir")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.oir", "a_00001", "a_00002"]
    table = plane_table(open_image(path))
    assert [Path(str(name)).name for name in table["file"].tolist()[::4]] == [
        "a.oir",
        "a_00001",
        "a_00002",
    ]
    (tmp_path / "a_00001").write_bytes(b"rubbish")
    handle = open_image(path)
    expected = image.pixels.copy()
    expected[2:4] = 0
    assert np.array_equal(to_numpy(handle), expected)
    codes = [one.code for one in handle.diagnostics]
    assert codes == ["oir-continuation", "oir-missing-planes"]
    (tmp_path / "a_00002").unlink()
    assert open_image(path).dims.T == 2


def test_without_an_index_the_blocks_are_found(tmp_path: Path) -> None:
    image = OirImage(picture(3, 2, 40, 30), "TCYX", has_index=False)
    handle = open_image(write_oir(image, tmp_path / "a.oir"))
    assert [one.code for one in handle.diagnostics] == ["oir-index"]
    assert np.array_equal(to_numpy(handle), image.pixels)


def test_thumbnail_reference_and_documents_are_attachments(tmp_path: Path) -> None:
    image = OirImage(picture(2, 9, 7), "CYX")
    handle = open_image(write_oir(image, tmp_path / "a.oir"))
    kinds = {one.name: one.kind for one in list_attachments(handle)}
    [first, second] = image.identifiers()
    assert kinds["Thumbnail"] == "BMP"
    assert kinds[f"REF_LSM0_{first}"] == "RAW"
    assert kinds[f"LUT {second}"] == "XML"
    assert read_attachment(handle, "Thumbnail")[:2] == b"BM"
    assert read_attachment(handle, f"REF_LSM0_{first}") == b"r" * 40 + b"s" * 24
    assert b"lut:name" in read_attachment(handle, f"LUT {second}")


def test_a_file_without_pixels_is_refused_by_name(tmp_path: Path) -> None:
    data = bytearray(build_oir(OirImage(picture(1, 9, 7), "CYX"))[0])
    # Chunks whose names are those of another file's reference.
    data = data.replace(b"_0_1_0000", b"_#_1_0000")
    (tmp_path / "a.oir").write_bytes(data)
    with pytest.raises(UnsupportedFormatError, match="map of an acquisition"):
        open_image(tmp_path / "a.oir")


def test_documents_that_are_no_xml_are_reported() -> None:
    image = OirImage(picture(1, 9, 7), "CYX", channels=("CH1",))
    assert open_image(build_oir(image)[0]).diagnostics == ()
    broken = open_image(build_oir(attrs.evolve(image, channels=("a < b",)))[0])
    assert broken.dims["Y"] == 9
    assert "oir-xml" in {note.code for note in broken.diagnostics}


def test_a_size_that_is_missing_is_refused(tmp_path: Path) -> None:
    data = build_oir(OirImage(picture(1, 9, 7), "CYX"))[0]
    data = data.replace(b"base:width>7<", b"base:width>x<")
    (tmp_path / "a.oir").write_bytes(data)
    with pytest.raises(CorruptFileError, match="expected the size of planes"):
        open_image(tmp_path / "a.oir")


def test_rows_of_a_plane_are_read_at_once_and_rows_of_a_window_alone() -> None:
    image = OirImage(picture(3, 1, 256, 256), "TCYX")
    layout = open_image(build_oir(image)[0]).array.layout
    whole = (slice(0, 1), slice(0, 1), slice(0, 256), slice(0, 256))
    [piece] = layout.pieces((1, 0, 0, 0), whole)
    assert isinstance(piece, Encoded)
    assert piece.nbytes < 256 * 256 * 2 * 1.01
    rows = (slice(0, 1), slice(0, 1), slice(40, 50), slice(7, 9))
    [piece] = layout.pieces((1, 0, 0, 0), rows)
    assert isinstance(piece, Strided)
    # Channels take turns: one of two is read along with the other, not with two others.
    both = open_image(build_oir(OirImage(picture(2, 256, 256), "CYX"))[0]).array.layout
    assert len(list(both.pieces((1, 0, 0), whole[1:]))) == 1
    three = open_image(build_oir(OirImage(picture(3, 256, 256), "CYX"))[0]).array.layout
    pieces = list(three.pieces((1, 0, 0), whole[1:]))
    assert len(pieces) > 1


def test_windows_of_rows_that_are_read_at_once_are_crops() -> None:
    image = OirImage(picture(2, 1, 300, 400), "ZCYX")
    handle = open_image(build_oir(image)[0])
    # Chunks have 19 rows: the windows begin and end within one.
    for rows, columns in ((slice(30, 250), slice(0, 400)), (slice(19, 61), slice(7, 11))):
        window = to_numpy(transpose_to(handle, "ZCYX", Y=rows, X=columns))
        assert np.array_equal(window, image.pixels[:, :, rows, columns])
    [piece] = handle.array.layout.pieces(
        (0, 0, 0, 0), (slice(0, 1), slice(0, 1), slice(30, 250), slice(0, 400))
    )
    assert isinstance(piece, Encoded)


def test_a_remote_file_is_read_by_ranges() -> None:
    image = OirImage(picture(4, 1, 256, 256), "TCYX")
    with serving(a__oir=build_oir(image)[0]) as site:
        handle = open_image(site.url + "a.oir")
        site.forget()
        plane = to_numpy(transpose_to(handle, "YX", T=2, C=0))
        assert np.array_equal(plane, image.pixels[2, 0])
        assert len(site.asked) <= 2


def test_a_file_becomes_an_ome_tiff(tmp_path: Path) -> None:
    image = OirImage(picture(2, 3, 2, 9, 7), "TZCYX", channels=("a", "b"), z_step=0.5)
    target = tmp_path / "a.ome.tiff"
    write_ome_tiff(open_image(write_oir(image, tmp_path / "a.oir")), target)
    again = open_image(target)
    assert np.array_equal(to_numpy(transpose_to(again, "TZCYX")), image.pixels)
    assert again.channel_names == ("a", "b")
    assert again.pixel_size.Z == 0.5


def test_the_last_number_of_a_continuing_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers have five digits: ``_00001`` to ``_99999``."""
    monkeypatch.setattr(oir, "MOST_FILES", 2)
    image = OirImage(picture(5, 2, 40, 30), "TCYX", split=2)
    path = write_oir(image, tmp_path / "a.oir")
    assert (tmp_path / "a_00002").exists()
    assert np.array_equal(to_numpy(open_image(path)), image.pixels)
