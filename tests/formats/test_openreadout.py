"""OpenReadout behind our records: its pixels are those of generated files, and verify finds differences."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import (
    CorruptFileError,
    MissingDependencyError,
    UnsupportedFormatError,
    open_image,
    select_level,
    select_scene,
    to_numpy,
    transpose_to,
)
from aicsio.formats import BRIDGE, openreadout
from aicsio.testing import ImageSpec, TiffSpec, write
from aicsio.testing import pixels as pixels_of
from aicsio.testing.czi import blocks_of, write_czi
from aicsio.testing.nd2 import Nd2Image, build_nd2, write_nd2
from aicsio.verify import verify

pytest.importorskip("openreadout")


def picture(*shape: int, dtype: str = "u2") -> npt.NDArray[Any]:
    return np.random.default_rng(0).integers(1, 250, shape).astype(dtype)


def test_positions_are_scenes_and_windows_are_read(tmp_path: Path) -> None:
    image = Nd2Image(
        picture(2, 3, 2, 30, 40), "PTCYX", channels=("DAPI", "GFP"), colors=(0x0000FF, 0x00FF00)
    )
    handle = open_image(write_nd2(image, tmp_path / "a.nd2"), engine="openreadout")
    assert handle.format == "openreadout"
    assert handle.dims.order == "TCZYX"
    second = select_scene(handle, 1)
    assert np.array_equal(to_numpy(second)[:, :, 0], image.pixels[1])
    window = transpose_to(second, "CYX", T=2, Y=slice(5, 17), X=slice(8, 31))
    assert np.array_equal(to_numpy(window), image.pixels[1, 2, :, 5:17, 8:31])
    assert [channel.name for channel in handle.channels] == ["DAPI", "GFP"]
    assert [channel.color for channel in handle.channels] == [0x0000FFFF, 0x00FF00FF]
    assert handle.pixel_size.X == 0.325


def test_levels_and_colours(tmp_path: Path) -> None:
    spec = TiffSpec((ImageSpec(Y=300, X=400, samples=3, dtype="uint8", levels=2),), tile=(64, 64))
    handle = open_image(write(spec, tmp_path), engine="openreadout")
    assert handle.dims.order == "TCZYXS"
    for level in range(len(handle.levels)):
        shown = to_numpy(transpose_to(select_level(handle, level), "YXS"))
        assert np.array_equal(shown, pixels_of(spec.images[0], level).squeeze())
    assert len(handle.levels) == 2


def test_verify_takes_it_for_any_format(tmp_path: Path) -> None:
    nd2 = write_nd2(Nd2Image(picture(3, 2, 6, 5), "TCYX"), tmp_path / "a.nd2")
    report = verify(nd2)
    assert report.engines == ("native", "openreadout")
    assert report.agrees
    assert report.planes == 6
    czi = tmp_path / "a.czi"
    write_czi(czi, blocks_of(picture(3, 30, 40), "CYX"))
    report = verify(czi, engine="openreadout")
    assert report.agrees
    assert report.planes == 3


def test_verify_finds_a_difference(tmp_path: Path) -> None:
    # A file of 32 bits that states no kind: OpenReadout 0.4 takes integers, nd2 and aicsio floats.
    data = build_nd2(Nd2Image(picture(6, 5, dtype="f4"), "YX"))
    kind = "ePixelType".encode("utf-16-le")
    path = tmp_path / "a.nd2"
    path.write_bytes(data.replace(kind, "eOtherType".encode("utf-16-le")))
    report = verify(path, engine="openreadout")
    assert not report.agrees
    assert "float32 natively" in str(report)


def test_verify_refuses_an_engine_that_the_format_lacks(tmp_path: Path) -> None:
    path = write_nd2(Nd2Image(picture(6, 5), "YX"), tmp_path / "a.nd2")
    # A typing error is no finding about the file.
    with pytest.raises(UnsupportedFormatError, match="nd2 has no engine 'openreadouts'"):
        verify(path, engine="openreadouts")  # type: ignore[arg-type]


def test_what_it_cannot_read_has_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"no image" * 100)
    with pytest.raises(UnsupportedFormatError, match="OpenReadout: unrecognized"):
        open_image(path, engine="openreadout")
    with pytest.raises(UnsupportedFormatError, match="of this machine only"):
        open_image(b"no image" * 100, engine="openreadout")
    missing = write_nd2(Nd2Image(picture(3, 6, 5), "TYX", missing=(1,)), tmp_path / "a.nd2")
    with pytest.raises(CorruptFileError, match="cannot read T=1"):
        to_numpy(open_image(missing, engine="openreadout"))


def test_it_is_no_candidate_of_its_own(tmp_path: Path) -> None:
    path = write_nd2(Nd2Image(picture(6, 5), "YX"), tmp_path / "a.nd2")
    assert open_image(path).format == "nd2"
    assert not openreadout.recognises(open_image(path).source, b"")


def test_without_the_package_the_install_line_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_nd2(Nd2Image(picture(6, 5), "YX"), tmp_path / "a.nd2")
    monkeypatch.setattr(type(BRIDGE), "missing", lambda self: self.needs)
    with pytest.raises(MissingDependencyError, match=r"pip install 'aicsio\[openreadout\]'"):
        open_image(path, engine="openreadout")


def test_a_format_that_errors_name_opens_by_the_engine_that_they_name(tmp_path: Path) -> None:
    # NIfTI-1 (nifti1.h): dim at byte 40, datatype and bits at 70, vox_offset at 108.
    header, voxels = bytearray(352), np.arange(210, dtype="<i2").reshape(5, 6, 7)
    for place, code, numbers in (
        (0, "<i", (348,)),
        (40, "<8h", (3, 7, 6, 5, 1, 1, 1, 1)),
        (70, "<2h", (4, 16)),
        (76, "<8f", (1,) * 8),
        (108, "<f", (352,)),
        (344, "4s", (b"n+1\0",)),
    ):
        struct.pack_into(code, header, place, *numbers)
    path = tmp_path / "a.nii"
    path.write_bytes(bytes(header) + voxels.tobytes())
    with pytest.raises(UnsupportedFormatError, match=r"NIfTI-1 file: .*engine='openreadout'"):
        open_image(path)
    handle = open_image(path, engine="openreadout")
    assert np.array_equal(to_numpy(transpose_to(handle, "ZYX")), voxels)
