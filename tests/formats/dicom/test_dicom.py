"""Slides in DICOM against pydicom, OpenSlide and wsidicom, and what their headers may hold."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import (
    UnsupportedFormatError,
    explain,
    metadata,
    open_image,
    raw_metadata,
    select_level,
    select_scene,
    to_numpy,
)
from aicsio._io.sources import identify
from aicsio.attachments import list_attachments, read_attachment
from aicsio.formats.dicom.elements import DataSet, Element
from aicsio.formats.dicom.frames import _unwrapped
from aicsio.formats.dicom.header import read_header
from aicsio.testing import dicom as generator
from aicsio.testing.dicom import DicomImage, write_dicom
from support import takes_long

_RNG = np.random.default_rng(0)
SMOOTH = (128 + np.cumsum(_RNG.integers(-3, 4, (100, 130, 3)), axis=1)).clip(0, 255).astype("u1")
STACK = _RNG.integers(0, 60000, (2, 3, 50, 70)).astype("u2")


def stitched(path: Path) -> npt.NDArray[Any]:
    """Decode by pydicom and place by the elements, as PS3.3, C.7.6.17.3 has them."""
    pydicom = pytest.importorskip("pydicom")
    data = pydicom.dcmread(path)
    frames = data.pixel_array
    tile = (data.Rows, data.Columns)
    size = (data.TotalPixelMatrixRows, data.TotalPixelMatrixColumns)
    across = -(-size[1] // tile[1])
    whole = np.zeros((*size, 3), "u1")
    for number, frame in enumerate(frames):
        y, x = number // across * tile[0], number % across * tile[1]
        if data.DimensionOrganizationType == "TILED_SPARSE":
            group = data.PerFrameFunctionalGroupsSequence[number]
            place = group.PlanePositionSlideSequence[0]
            y = place.RowPositionInTotalImagePixelMatrix - 1
            x = place.ColumnPositionInTotalImagePixelMatrix - 1
        part = whole[y : y + tile[0], x : x + tile[1]]
        part[...] = frame[: part.shape[0], : part.shape[1]]
    return whole


@pytest.mark.parametrize(
    "image",
    [
        DicomImage(SMOOTH),
        DicomImage(SMOOTH, compression="jpeg"),
        DicomImage(SMOOTH, compression="jpeg", tiling="sparse", missing=(1, 4), undefined=True),
        DicomImage(SMOOTH, compression="jpeg2k", offsets="none", fragments=2),
        DicomImage(SMOOTH, compression="rle", offsets="extended"),
        DicomImage(SMOOTH, planar=True, tiling="sparse"),
        DicomImage(SMOOTH, compression="implicit", tiling="sparse", undefined=True),
    ],
    ids=lambda image: f"{image.compression}-{image.tiling}",
)
def test_pixels_are_those_of_pydicom(image: DicomImage, tmp_path: Path) -> None:
    path = write_dicom(image, tmp_path)
    assert np.array_equal(to_numpy(open_image(path)), stitched(path))


@pytest.mark.parametrize("compression", ["none", "jpeg", "jpeg2k"])
def test_levels_are_those_of_openslide(compression: generator.Compression, tmp_path: Path) -> None:
    openslide = pytest.importorskip("openslide")
    image = DicomImage(SMOOTH, levels=2, compression=compression, pictures=("LABEL", "OVERVIEW"))
    path = write_dicom(image, tmp_path)
    handle = open_image(path)
    with openslide.OpenSlide(path) as slide:
        assert slide.level_count == 2
        for number, size in enumerate(slide.level_dimensions):
            shown = np.asarray(slide.read_region((0, 0), number, size))
            assert np.array_equal(shown[..., :3], to_numpy(select_level(handle, number)))
        assert float(slide.properties["openslide.mpp-x"]) == handle.pixel_size.X
        assert sorted(slide.associated_images) == ["label", "macro"]


@pytest.mark.parametrize("apart", [False, True])
def test_paths_and_planes_are_those_of_wsidicom(apart: bool, tmp_path: Path) -> None:
    wsidicom = pytest.importorskip("wsidicom")
    pixels = STACK.astype("u1")
    write_dicom(DicomImage(pixels, "CZYX", apart=apart, levels=2, z_step=2.0), tmp_path)
    shown = to_numpy(open_image(tmp_path))
    with wsidicom.WsiDicom.open(tmp_path) as slide:
        for c in range(2):
            for z in range(3):
                region = slide.read_region((0, 0), 0, (70, 50), z=2.0 * z, path=str(c))
                assert np.array_equal(np.asarray(region), shown[c, z]), (c, z)


def test_grey_of_16_bits_and_each_codec_without_loss(tmp_path: Path) -> None:
    for compression in ("none", "implicit", "rle", "jpegls", "jpeg2k"):
        image = DicomImage(STACK, "CZYX", tile=(16, 32), compression=compression)
        handle = open_image(write_dicom(image, tmp_path / compression))
        assert np.array_equal(to_numpy(handle), STACK), compression


def test_facts(tmp_path: Path) -> None:
    image = DicomImage(STACK, "CZYX", levels=2, channels=("DAPI", "Cy5"), z_step=1.5, power=40.0)
    handle = open_image(write_dicom(image, tmp_path))
    assert handle.channel_names == ("DAPI", "Cy5")
    assert tuple(handle.pixel_size) == (1.5, 0.25, 0.25)
    assert select_level(handle, 1).pixel_size.X == 0.5
    scene = handle.contents.scenes[0]
    assert scene.name == "Slide 12"
    assert scene.acquired == "2026-01-02T03:04:05.25"
    assert scene.objective is not None
    assert (scene.objective.magnification, scene.objective.aperture) == (40.0, 0.75)
    assert handle.channels[1].excitation == 551.0
    assert handle.channels[0].contrast_method == "Brightfield"


@pytest.mark.parametrize(
    ("taken", "content", "zone", "date"),
    [
        ("20260102030405.25", "030405", "+0130", "2026-01-02T03:04:05.25+01:30"),
        ("20260102030405-0800", "030405", "+0130", "2026-01-02T03:04:05-08:00"),
        ("", "030405", "-0500", "2026-01-02T03:04:05-05:00"),
        # PS3.5, 6.2: seconds, and all that follows the year of DT, may be left out.
        ("202601020304", "", "", "2026-01-02T03:04"),
        ("", "0304", "+0000", "2026-01-02T03:04+00:00"),
        ("2026", "030405", "", "2026-01-02T03:04:05"),
        # A zone that is none costs itself.
        ("20260102030405", "", "east", "2026-01-02T03:04:05"),
        ("20260102030405", "", "+9999", "2026-01-02T03:04:05"),
        ("20260102990405", "0\u0663\u0660\u0664\u0660", "", None),
    ],
)
def test_dates_are_in_the_zone_of_the_file(
    taken: str,
    content: str,
    zone: str,
    date: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DICOM PS3.3, C.12.1.1.8, and PS3.5, 6.2."""
    monkeypatch.setitem(generator.FIXED, 0x0008002A, ("DT", taken))
    monkeypatch.setitem(generator.FIXED, 0x00080033, ("TM", content))
    monkeypatch.setitem(generator.FIXED, 0x00080201, ("SH", zone))
    handle = open_image(write_dicom(DicomImage(SMOOTH), tmp_path))
    assert handle.scene.acquired == date


def test_the_text_is_the_json_model_of_dicom(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    path = write_dicom(DicomImage(SMOOTH, tiling="sparse", undefined=True), tmp_path)
    [file] = json.loads(raw_metadata(open_image(path)) or "")
    parsed = pydicom.Dataset.from_json({k: v for k, v in file.items() if k >= "00080000"})
    truth = pydicom.dcmread(path)
    assert parsed.ManufacturerModelName == truth.ManufacturerModelName == "Generator µ"
    assert parsed.PatientName == truth.PatientName
    assert parsed.TotalPixelMatrixColumns == 130
    for ours, theirs in zip(
        parsed.PerFrameFunctionalGroupsSequence,
        truth.PerFrameFunctionalGroupsSequence,
        strict=True,
    ):
        assert ours.PlanePositionSlideSequence[0] == theirs.PlanePositionSlideSequence[0]


def test_ome_names_the_scanner(tmp_path: Path) -> None:
    from aicsio import ome_metadata

    handle = open_image(write_dicom(DicomImage(SMOOTH), tmp_path))
    assert metadata(handle) is not None
    instrument = ome_metadata(handle).instruments[0]
    assert instrument.microscope is not None
    assert instrument.microscope.manufacturer == "aicsio"
    assert instrument.objectives[0].nominal_magnification == 20.0


def test_pictures_are_attachments(tmp_path: Path) -> None:
    from PIL import Image

    image = DicomImage(SMOOTH, compression="jpeg", pictures=("LABEL", "THUMBNAIL"))
    handle = open_image(write_dicom(image, tmp_path))
    assert [(one.name, one.kind) for one in list_attachments(handle)] == [
        ("Label", "JPG"),
        ("Thumbnail", "JPG"),
    ]
    label = np.asarray(Image.open(io.BytesIO(read_attachment(handle, "Label"))))
    assert np.array_equal(label, to_numpy(handle)[:32, :48])
    raw = open_image(write_dicom(DicomImage(SMOOTH, pictures=("LABEL",)), tmp_path / "raw"))
    label = np.asarray(Image.open(io.BytesIO(read_attachment(raw, "Label"))))
    assert np.array_equal(label, SMOOTH[:32, :48])


def test_a_label_alone_is_an_image(tmp_path: Path) -> None:
    image = DicomImage(SMOOTH, pictures=("LABEL",))
    write_dicom(image, tmp_path)
    alone = open_image((tmp_path / "slide_001.dcm").read_bytes())
    assert np.array_equal(to_numpy(alone), SMOOTH[:32, :48])


def test_a_folder_of_two_slides_has_two_scenes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dicom(DicomImage(SMOOTH), tmp_path)
    (tmp_path / "slide_000.dcm").rename(tmp_path / "other.dcm")
    monkeypatch.setattr(generator, "ROOT", "1.2.3")
    write_dicom(DicomImage(STACK, "CZYX"), tmp_path)
    handle = open_image(tmp_path)
    assert [scene.name for scene in handle.scenes] == ["Slide 12#1", "Slide 12#2"]
    assert np.array_equal(to_numpy(select_scene(handle, 1)), STACK)
    # One file opens its own slide.
    assert len(open_image(tmp_path / "other.dcm").scenes) == 1


def test_a_level_with_fewer_planes_is_reported(tmp_path: Path) -> None:
    write_dicom(DicomImage(STACK, "CZYX"), tmp_path)
    small = DicomImage(STACK[:, 0, ::2, ::2], "CYX")
    (tmp_path / "small.dcm").write_bytes(write_dicom(small, tmp_path / "small").read_bytes())
    handle = open_image(tmp_path)
    assert len(handle.contents.scenes[0].levels) == 1
    assert [one.code for one in handle.diagnostics] == ["dicom-level"]


@takes_long
def test_headers_longer_than_the_first_read(tmp_path: Path) -> None:
    pixels = _RNG.integers(0, 250, (40, 60)).astype("u1")
    for undefined in (False, True):
        image = DicomImage(pixels, "YX", tile=(1, 2), tiling="sparse", undefined=undefined)
        path = write_dicom(image, tmp_path / str(undefined))
        header = read_header(identify(path))
        assert header.pixels.start > 1 << 16
        assert np.array_equal(to_numpy(open_image(path)), pixels)


def test_positions_that_the_search_cannot_count_are_parsed(tmp_path: Path) -> None:
    image = DicomImage(SMOOTH, tiling="sparse")
    path = write_dicom(image, tmp_path)
    data = path.read_bytes()
    # A text that looks like the position of a frame.
    head = b"\x48\x00\x1e\x02SL\x04\x00\x07\x00"
    at = data.index(b"Generator ")
    path.write_bytes(data[:at] + head + data[at + 10 :])
    assert np.array_equal(to_numpy(open_image(path)), SMOOTH)
    # A group without its position: the others stay.
    second = data.index(head[:8], data.index(head[:8]) + 1)
    path.write_bytes(data[: second + 2] + b"\x1d" + data[second + 3 :])
    handle = open_image(path)
    assert {one.code for one in handle.diagnostics} == {"dicom-frames", "dicom-missing-tiles"}
    expected = SMOOTH.copy()
    expected[:32, 48:96] = 0
    assert np.array_equal(to_numpy(handle), expected)


def test_basic_tables_beyond_32_bits_are_unwrapped() -> None:
    true = np.arange(5, dtype=np.int64) * 2_000_000_000
    assert np.array_equal(_unwrapped(true.astype("<u4")), true)


@pytest.mark.parametrize(
    ("vr", "value"), [("US", 65535), ("SS", -1), ("UL", 2**32 - 1), ("SL", -1), ("", 65535)]
)
def test_integers_have_the_sign_of_their_representation(vr: str, value: int) -> None:
    # PS3.5, 6.2: SS and SL are signed, of 16 and 32 bits.
    data = b"\xff" * (4 if vr in {"UL", "SL"} else 2)
    element = Element(0x00280106, vr, 0, len(data), len(data))
    assert DataSet(data, {element.tag: element}, explicit=True).integer(element.tag) == value


def test_a_table_that_makes_no_sense_is_not_used(tmp_path: Path) -> None:
    path = write_dicom(DicomImage(SMOOTH, compression="jpeg2k"), tmp_path)
    data = bytearray(path.read_bytes())
    start = read_header(identify(path)).pixels.start
    data[start + 8 : start + 8 + 48] = bytes(48)
    path.write_bytes(data)
    assert np.array_equal(to_numpy(open_image(path)), SMOOTH)


def test_a_file_that_ends_early_shows_the_frames_it_has(tmp_path: Path) -> None:
    path = write_dicom(DicomImage(SMOOTH), tmp_path)
    start = read_header(identify(path)).pixels.start
    path.write_bytes(path.read_bytes()[: start + 5 * 32 * 48 * 3 + 100])
    handle = open_image(path)
    assert {one.code for one in handle.diagnostics} == {"dicom-frames", "dicom-missing-tiles"}
    expected = SMOOTH.copy()
    expected[32:64, 96:], expected[64:] = 0, 0
    assert np.array_equal(to_numpy(handle), expected)


def test_what_is_not_read_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(generator.SYNTAXES, "rle", "1.2.840.10008.1.2.4.70")
    path = write_dicom(DicomImage(SMOOTH, compression="rle"), tmp_path)
    with pytest.raises(UnsupportedFormatError, match="lossless JPEG"):
        open_image(path)


def test_raw_pixels_in_fragments_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # PS3.5, A.2: pixels of an explicit little-endian file lie in one run.
    monkeypatch.setitem(generator.SYNTAXES, "rle", "1.2.840.10008.1.2.1")
    path = write_dicom(DicomImage(SMOOTH, compression="rle"), tmp_path)
    with pytest.raises(UnsupportedFormatError, match=r"as its transfer syntax 1\.2\.840\S+ states"):
        open_image(path)


def test_other_dicom_is_left_to_imageio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "SLIDE_CLASS", "1.2.840.10008.5.1.4.1.1.7")
    path = write_dicom(DicomImage(SMOOTH), tmp_path)
    declined = {one.format: one.taken for one in explain(path)}
    assert declined["dicom"] is False
