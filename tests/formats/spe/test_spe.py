"""SPE of Princeton Instruments: generated files against imageio, spexread and the tables of the header."""

import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import (
    CorruptFileError,
    UnsupportedFormatError,
    metadata,
    ome_metadata,
    open_image,
    provenance,
    select_scene,
    to_numpy,
    to_xarray,
    transpose_to,
)
from aicsio.planes import read_planes
from aicsio.testing.conformance import check_format
from aicsio.testing.spe import SpeImage, build_spe, write_spe

Pixels = npt.NDArray[Any]


def picture(*shape: int, dtype: str = "u2") -> Pixels:
    return np.random.default_rng(0).integers(0, 250, shape).astype(dtype)


def patched(image: SpeImage, offset: int, form: str, value: float) -> bytes:
    data = bytearray(build_spe(image))
    struct.pack_into(form, data, offset, value)
    return bytes(data)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("dtype", ["f4", "i4", "i2", "u2", "f8", "u1", "u4"])
def test_frames_show_their_pixels(version: Any, dtype: str, tmp_path: Path) -> None:
    if version == 3 and dtype not in {"u2", "u4", "f4"}:
        return
    image = SpeImage((picture(3, 4, 5, dtype=dtype),), version, tracks=False)
    path = write_spe(image, tmp_path / "a.spe")
    handle = open_image(path)
    assert handle.format == "spe"
    assert str(handle.dims) == "T=3, Y=4, X=5"
    assert np.array_equal(to_numpy(handle), image.regions[0])
    if dtype not in {"f8", "u1"}:
        iio = pytest.importorskip("imageio.v3")
        assert np.array_equal(iio.imread(path, plugin="SPE", index=...), image.regions[0])


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("widths", [(5,), (5, 5), (5, 7, 1)])
def test_regions_are_scenes_as_spexread_lists_them(
    version: Any, widths: tuple[int, ...], tmp_path: Path
) -> None:
    spexread = pytest.importorskip("spexread")
    if version == 2:
        widths = (5,) * len(widths)
    regions = tuple(picture(3, 2 + index, width) for index, width in enumerate(widths))
    image = SpeImage(regions, version, wavelengths=version == 3, binning=2)
    path = write_spe(image, tmp_path / "a.spe")
    handle = open_image(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen = spexread.parsing.read_spe_file(path, as_dataset=False)
    assert len(seen) == len(handle.scenes)
    for index, region in enumerate(seen):
        assert np.array_equal(to_numpy(select_scene(handle, index)), region.data)
        if version == 3:
            planes = read_planes(select_scene(handle, index))
            assert planes is not None
            times: Any = planes.column("time")
            started = region.exposure_start.data
            assert np.allclose(times, started - started[0], atol=1e-9)
            lengths = region.exposure_end.data - started
            assert np.allclose(np.asarray(planes.column("exposure")), lengths, atol=1e-9)


def test_facts_of_version_2(tmp_path: Path) -> None:
    image = SpeImage((picture(2, 3, 4),), 2, comments=("a comment", "of two lines"))
    path = write_spe(image, tmp_path / "a.spe")
    handle = open_image(path)
    assert handle.scene.acquired == image.acquired
    planes: Any = handle.scene.planes
    assert planes.column("exposure").tolist() == [0.25, 0.25]
    assert handle.contents.metadata == "a comment\nof two lines"
    fields: Any = metadata(handle)
    assert (fields["xdim"], fields["ydim"], fields["NumFrames"]) == (4, 3, 2)
    assert ome_metadata(handle).images[0].description == "a comment\nof two lines"
    iio = pytest.importorskip("imageio.v3")
    seen = iio.immeta(path, plugin="SPE")
    assert seen["exposure_sec"] == fields["exp_sec"]
    assert seen["date"].startswith(str(fields["date"]))


def test_facts_of_version_3(tmp_path: Path) -> None:
    image = SpeImage((picture(2, 3, 4), picture(2, 1, 8)), wavelengths=True, binning=2)
    handle = open_image(write_spe(image, tmp_path / "a.spe"))
    # The date of the first exposure; Python has six digits of a second.
    assert handle.scene.acquired == "2021-03-04T13:45:01.123456+01:00"
    (waves,) = handle.scene.coordinates
    # 500 nm and half a nanometre a column of the sensor: the mean of two.
    assert (waves.unit, waves.values) == ("nm", (500.25, 501.25, 502.25, 503.25))
    assert to_xarray(handle).coords["X"].values.tolist() == list(waves.values)
    planes: Any = read_planes(handle)
    assert planes.column("time").tolist() == [0.0, 0.5]
    assert planes.column("exposure").tolist() == [0.25, 0.25]
    ome: Any = ome_metadata(handle)
    assert ome.instruments[0].detectors[0].model == "PIXIS: 400BR"
    pairs = {
        m.k: m.value for one in ome.structured_annotations.map_annotations for m in one.value.ms
    }
    assert pairs["binning"] == "2x2"
    assert pairs["center wavelength"] == "550"
    origins = {fact.path: fact.origin for fact in provenance(handle).facts}
    assert origins["acquired"].startswith("spe:footer")


def test_gaps_between_frames_are_passed_over(tmp_path: Path) -> None:
    image = SpeImage((picture(4, 5, 6),), padding=100)
    handle = open_image(write_spe(image, tmp_path / "a.spe"))
    assert np.array_equal(to_numpy(handle), image.regions[0])
    window = transpose_to(handle, "TYX", T=[3, 1], Y=slice(1, 3), X=slice(None, None, -2))
    assert np.array_equal(to_numpy(window), image.regions[0][[3, 1], 1:3, ::-2])


@pytest.mark.parametrize("version", [2, 3])
def test_a_cut_file_shows_its_whole_frames(version: Any) -> None:
    image = SpeImage((picture(4, 5, 6),), version, tracks=False, cut_frames=1)
    handle = open_image(build_spe(image)[:-1])
    assert np.array_equal(to_numpy(handle), image.regions[0][:2])
    codes = [note.code for note in handle.diagnostics]
    assert codes[-1] == "spe-missing-frames"
    assert ("spe-footer" in codes) == (version == 3)


@pytest.mark.parametrize("stated", [0, -1, 2, 9])
def test_the_stated_number_of_frames(stated: int) -> None:
    """Programs that stop early leave NumFrames, byte 1446, at 0; spare bytes behind frames are none."""
    image = SpeImage((picture(3, 4, 5),), 2)
    handle = open_image(patched(image, 1446, "<i", stated))
    expected = {2: 2}.get(stated, 3)
    assert np.array_equal(to_numpy(handle), image.regions[0][:expected])
    assert [note.code for note in handle.diagnostics] == ["spe-missing-frames"] * (stated == 9)


def test_regions_of_several_widths_in_version_2_are_not_guessed() -> None:
    image = SpeImage((picture(2, 2, 5), picture(2, 3, 5)), 2)
    # The last column of the second region, at byte 1512 + 12 + 2.
    handle = open_image(patched(image, 1526, "<H", 3))
    assert str(handle.dims) == "T=2, Y=5, X=5"
    assert np.array_equal(to_numpy(handle), np.concatenate(image.regions, axis=1))
    assert [note.code for note in handle.diagnostics] == ["spe-regions"]


def test_files_are_recognised_by_header_and_name(tmp_path: Path) -> None:
    image = SpeImage((picture(1, 8, 11),), 2)
    (tmp_path / "a.bin").write_bytes(build_spe(image))
    assert open_image(tmp_path / "a.bin").format == "spe"
    # Without the identifier of WinView, at byte 2996, the name decides.
    unmarked = patched(image, 2996, "<i", 0)
    (tmp_path / "b.spe").write_bytes(unmarked)
    assert open_image(tmp_path / "b.spe").format == "spe"
    with pytest.raises(UnsupportedFormatError):
        open_image(unmarked)


@pytest.mark.parametrize(("offset", "value"), [(42, 0), (656, 0), (108, 4), (42, 12)])
def test_a_header_without_a_whole_frame_is_none(offset: int, value: int) -> None:
    """SPE 2.x: width at byte 42, height at 656, type at 108, of which there is no 4."""
    image = SpeImage((picture(1, 8, 11),), 2)
    with pytest.raises(UnsupportedFormatError, match="Princeton Instruments SPE"):
        open_image(patched(image, offset, "<H", value))


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (b'width="5"', b'width="0"', CorruptFileError),
        (b'count="3"', b'count="4"', CorruptFileError),
        (b'count="3"', b'count="x"', CorruptFileError),
        (b'stride="72"', b'stride="39"', CorruptFileError),
        (b'type="Frame"', b'type="Other"', CorruptFileError),
        (b"</SpeFormat>", b"", CorruptFileError),
        (b"MonochromeUnsigned16", b"MonochromeUnsigned12", UnsupportedFormatError),
    ],
)
def test_a_footer_that_does_not_fit_is_refused(
    old: bytes, new: bytes, error: type[Exception]
) -> None:
    data = build_spe(SpeImage((picture(3, 4, 5),)))
    assert old in data
    with pytest.raises(error):
        open_image(data.replace(old, new, 1))


@pytest.mark.parametrize("version", [2, 3])
def test_the_conformance_suite_holds(version: Any, tmp_path: Path) -> None:
    from aicsio.formats import spe

    image = SpeImage((picture(3, 4, 5),), version, wavelengths=True)
    report = check_format(spe, write_spe(image, tmp_path / "a.spe"), variants=100)
    assert len(report.held) > 15
