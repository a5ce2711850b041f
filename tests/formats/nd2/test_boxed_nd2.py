"""ND2 files of JPEG 2000 boxes: generated files against the package nd2 and their arrays."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import (
    CorruptFileError,
    PixelSize,
    open_image,
    plane_table,
    select_scene,
    to_numpy,
    transpose_to,
)
from aicsio.testing.nd2 import Nd2Image
from aicsio.testing.nd2_boxes import build_boxed_nd2, write_boxed_nd2

Pixels = npt.NDArray[Any]


def picture(*shape: int, dtype: str = "uint16") -> Pixels:
    return np.random.default_rng(0).integers(1, 250, shape).astype(dtype)


CASES = [
    Nd2Image(picture(1, 40, 50), "CYX"),
    Nd2Image(picture(2, 40, 50, dtype="uint8"), "CYX"),
    Nd2Image(picture(3, 2, 40, 50), "TCYX"),
    Nd2Image(picture(3, 4, 2, 40, 50), "TZCYX"),
    Nd2Image(picture(2, 40, 50, 3, dtype="uint8"), "TYXS"),
    Nd2Image(picture(2, 3, 2, 40, 50), "PTCYX"),
]


def shown(image: Nd2Image, handle: Any) -> Pixels:
    """All scenes, the positions of the stage in front."""
    arrays = [to_numpy(select_scene(handle, index)) for index in range(len(handle.scenes))]
    stacked = np.stack(arrays) if "P" in image.dims else arrays[0]
    return stacked.reshape(image.pixels.shape)


@pytest.mark.parametrize("image", CASES, ids=lambda image: image.dims)
def test_generated_files_show_their_pixels_and_nd2_agrees(image: Nd2Image, tmp_path: Path) -> None:
    path = write_boxed_nd2(image, tmp_path / "a.nd2")
    handle = open_image(path)
    assert handle.format == "nd2"
    assert handle.diagnostics == ()
    assert np.array_equal(shown(image, handle), image.pixels)
    if not image.loops:
        # The package nd2 0.12 raises for files without a loop.
        return
    nd2 = pytest.importorskip("nd2")
    with nd2.ND2File(path) as file:
        theirs = file.asarray()
        assert file.voxel_size().x == handle.pixel_size.X
        names = [one.channel.name for one in file.metadata.channels]
    assert np.array_equal(theirs.reshape(image.pixels.shape), image.pixels)
    if "S" not in image.dims:
        assert tuple(names) == handle.channel_names


def test_records_are_those_of_the_description(tmp_path: Path) -> None:
    image = Nd2Image(
        picture(3, 4, 2, 40, 50),
        "TZCYX",
        channels=("DAPI", "FITC"),
        colors=(0x0000FF, 0x00FF00),
        pixel_size=0.5,
        z_step=0.75,
        period=3.0,
    )
    handle = open_image(write_boxed_nd2(image, tmp_path / "a.nd2"))
    [scene] = handle.scenes
    assert scene.pixel_size == PixelSize(0.75, 0.5, 0.5)
    assert scene.time_step == 3.0
    assert scene.acquired == "2023-11-14T22:13:20+00:00"
    assert scene.objective is not None
    assert (scene.objective.name, scene.objective.magnification) == ("Plan Apo 20x", 20.0)
    assert [one.name for one in scene.channels] == ["DAPI", "FITC"]
    assert [one.color for one in scene.channels] == [0x0000FFFF, 0x00FF00FF]
    table = plane_table(handle)
    assert table["time"].tolist()[::8] == [0.0, 3.0, 6.0]
    assert table["x"].tolist()[0] == 10.0


def test_missing_codestreams_are_zero_and_counted(tmp_path: Path) -> None:
    image = Nd2Image(picture(3, 2, 40, 50), "ZCYX", missing=(2,))
    handle = open_image(write_boxed_nd2(image, tmp_path / "a.nd2"))
    expected = image.pixels.copy()
    expected[2] = 0
    assert np.array_equal(to_numpy(handle), expected)
    assert [one.code for one in handle.diagnostics] == ["nd2-missing-frames"]
    stopped = Nd2Image(picture(3, 2, 40, 50), "TCYX", missing=(2,))
    handle = open_image(write_boxed_nd2(stopped, tmp_path / "b.nd2"))
    assert handle.dims.T == 2
    assert [one.code for one in handle.diagnostics] == ["nd2-stopped"]


def test_metadata_that_break_cost_facts_and_no_pixels() -> None:
    image = Nd2Image(picture(3, 2, 40, 50), "TCYX")
    data = build_boxed_nd2(image).replace(b"<MetadataSeq>", b"<MetadataSeq<")
    handle = open_image(data)
    assert np.array_equal(to_numpy(handle), image.pixels)
    assert handle.pixel_size == PixelSize(None, None, None)
    assert [one.code for one in handle.diagnostics] == ["nd2-metadata"]


def test_maps_that_make_no_sense_are_refused() -> None:
    data = bytearray(build_boxed_nd2(Nd2Image(picture(1, 40, 50), "CYX")))
    far = bytearray(data)
    struct.pack_into("<Q", far, len(far) - 8, 1 << 60)
    with pytest.raises(CorruptFileError, match="its map of boxes begins at"):
        open_image(bytes(far), format="nd2")
    start = len(data) - struct.unpack_from("<Q", data, len(data) - 8)[0]
    struct.pack_into(">I", data, start, 1 << 30)
    with pytest.raises(CorruptFileError, match="is shorter"):
        open_image(bytes(data), format="nd2")
    struct.pack_into(">I", data, start, 0)
    with pytest.raises(CorruptFileError, match="expected a codestream"):
        open_image(bytes(data), format="nd2")


def test_one_channel_reads_its_codestream_alone() -> None:
    image = Nd2Image(picture(3, 2, 40, 50), "TCYX")
    handle = open_image(build_boxed_nd2(image))
    window = to_numpy(transpose_to(handle, "YX", T=1, C=1, Y=slice(3, 9)))
    assert np.array_equal(window, image.pixels[1, 1, 3:9])
    whole = (slice(0, 1), slice(0, 1), slice(0, 40), slice(0, 50))
    assert len(list(handle.array.layout.pieces((1, 1, 0, 0), whole))) == 1
