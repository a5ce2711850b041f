"""VSI: generated files against OpenReadout, Bio-Formats and their arrays."""

import os
import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
    select_level,
    select_scene,
    to_numpy,
    transpose_to,
)
from aicsio.records import Computed, Strided
from aicsio.testing import _vsi_tags as tags
from aicsio.testing.vsi import COMPRESSIONS, VsiImage, build_ets, build_vsi, write_vsi
from http_server import serving

Pixels = npt.NDArray[Any]


def picture(*shape: int, dtype: str = "uint16") -> Pixels:
    """Smooth pixels: lossy compressions change them by little."""
    slopes = [31, 17, 11, 7, 3, 2][-len(shape) :]
    grids = np.indices(shape)
    total = sum(grid * slope for grid, slope in zip(grids, slopes, strict=True))
    return np.asarray(total % 250).astype(dtype)


CASES = [
    VsiImage(picture(30, 40), "YX", tile=(16, 16)),
    VsiImage(picture(3, 2, 4, 30, 40), "TCZYX", tile=(16, 16), levels=3),
    VsiImage(picture(4, 2, 3, 30, 40, dtype="uint8"), "ZCTYX", tile=(64, 64)),
    VsiImage(picture(2, 4, 30, 41), "CZYX", tile=(16, 16), compression="jpeg2k", levels=2),
    VsiImage(picture(2, 30, 40, 3, dtype="uint8"), "ZYXS", tile=(16, 16), compression="jpeg2k"),
    VsiImage(picture(3, 30, 40), "TYX", tile=(16, 16), compression="lossless-jpeg"),
]


@pytest.mark.parametrize("image", CASES, ids=lambda image: f"{image.dims}-{image.compression}")
def test_generated_files_show_their_pixels_and_others_agree(
    image: VsiImage, tmp_path: Path
) -> None:
    path = write_vsi(image, tmp_path / "a.vsi")
    handle = open_image(path)
    assert handle.format == "vsi"
    assert handle.diagnostics == ()
    assert handle.dims.order == image.dims
    for level in range(image.levels):
        assert np.array_equal(to_numpy(select_level(handle, level)), image.level(level))
    pytest.importorskip("openreadout")
    theirs = open_image(path, format="openreadout")
    assert theirs.scenes[0].name == handle.scenes[0].name
    order = image.dims
    assert np.array_equal(
        to_numpy(transpose_to(theirs, order, **_first_of(theirs, order))), image.pixels
    )


def _first_of(handle: Any, order: str) -> dict[str, int]:
    return {letter: 0 for letter in handle.dims.order if letter not in order}


@pytest.mark.parametrize("compression", ["png", "bmp", "jpeg"])
def test_pictures_as_tiles_are_decoded(compression: str) -> None:
    # No step: lossy compression changes it by little.
    slope = np.add.outer(np.arange(40), np.arange(50))[..., None] + np.array([0, 50, 100])
    image = VsiImage(slope.astype(np.uint8), "YXS", tile=(32, 32), compression=compression)
    shown = to_numpy(open_image(build_ets(image))).astype(int)
    limit = 4 if compression == "jpeg" else 0
    assert np.abs(shown - image.pixels)[:32, :32].max() <= limit
    assert set(COMPRESSIONS) >= {compression}


def bioformats(tool: str, *arguments: object) -> str:
    """Run a tool of Bio-Formats."""
    jar = os.environ.get("BIOFORMATS_JAR")
    if jar is None or shutil.which("java") is None:
        pytest.skip("no Java, or no jar of Bio-Formats is named")
    command = ["java", "-cp", jar, f"loci.formats.tools.{tool}", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("image", CASES, ids=lambda image: f"{image.dims}-{image.compression}")
def test_bioformats_reads_the_same_pixels(image: VsiImage, tmp_path: Path) -> None:
    path = write_vsi(image, tmp_path / "a.vsi")
    bioformats("ImageConverter", "-series", 0, path, tmp_path / "b.ome.tiff")
    theirs = open_image(tmp_path / "b.ome.tiff")
    order = image.dims
    assert np.array_equal(
        to_numpy(transpose_to(theirs, order, **_first_of(theirs, order))), image.pixels
    )


def test_focus_follows_from_start_and_step_where_planes_have_none(tmp_path: Path) -> None:
    image = VsiImage(picture(2, 3, 9, 11), "CZYX", has_heights=False, z_start=100.0, z_step=-1.5)
    table = plane_table(open_image(write_vsi(image, tmp_path / "a.vsi")))
    assert table["z"].tolist() == [100.0, 98.5, 97.0] * 2


def test_stand_and_camera_are_parts_of_ome(tmp_path: Path) -> None:
    image = VsiImage(picture(2, 3, 9, 11), "CZYX")
    ome = ome_metadata(open_image(write_vsi(image, tmp_path / "a.vsi")))
    [instrument] = ome.instruments
    assert instrument.microscope is not None
    assert instrument.microscope.model == "IX83"
    assert (instrument.detectors[0].manufacturer, instrument.detectors[0].model) == (
        "Hamamatsu",
        "Camera 1",
    )
    assert instrument.objectives[0].nominal_magnification == 20
    settings = [one.detector_settings for one in ome.images[0].pixels.channels]
    assert [one.id for one in settings if one is not None] == [instrument.detectors[0].id] * 2


def test_stacks_of_one_name_have_their_own_camera(tmp_path: Path) -> None:
    cameras = [(1, 1, 16), (2, 2, 12), (4, 4, 8)]
    images = [
        VsiImage(picture(20, 30 + n), "YX", name=name, stack=n + 1, camera=cameras[n])
        for n, name in enumerate(("20x", "20x", "Overview"))
    ]
    path = write_vsi(images, tmp_path / "a.vsi")

    def bits(name: Path) -> dict[str, int | None]:
        shown = ome_metadata(open_image(name)).images
        return {str(one.name): one.pixels.significant_bits for one in shown}

    # The TIFF of the VSI has 8 bits, and no camera.
    assert bits(path) == {"20x#1": 16, "20x#2": 12, "Overview#1": 8, "Overview#2": None}
    assert bits(tmp_path / "_a_" / "stack2" / "frame_t.ets") == {"20x": 12}
    # A file that cannot be read costs its scene, and none of the others its camera.
    (tmp_path / "_a_" / "stack1" / "frame_t.ets").write_bytes(b"SIS\0 and then nothing")
    assert bits(path) == {"20x": 12, "Overview#1": 8, "Overview#2": None}


@pytest.mark.parametrize(
    ("camera", "binning", "gain", "bits"),
    [
        ((), None, None, None),
        ((1, 1, 16), "1x1", None, 16),  # as an ORCA-Fusion of cellSens 3.1 has them
        ((2, 2, 12, 4, 100), "2x2", 4.0, 12),
        ((3, 1, 99), "Other", None, None),
    ],
)
def test_settings_of_the_camera(
    camera: tuple[int, ...],
    binning: str | None,
    gain: float | None,
    bits: int | None,
    tmp_path: Path,
) -> None:
    image = VsiImage(picture(2, 3, 9, 11), "CZYX", camera=camera)
    shown = ome_metadata(open_image(write_vsi(image, tmp_path / "a.vsi"))).images[0]
    assert shown.pixels.significant_bits == bits
    for channel in shown.pixels.channels:
        settings = channel.detector_settings
        assert settings is not None
        assert (settings.binning and settings.binning.value) == binning
        assert (settings.gain, settings.offset) == (gain, 100.0 if gain else None)


def test_records_are_those_of_the_description(tmp_path: Path) -> None:
    image = VsiImage(
        picture(3, 2, 4, 30, 40),
        "TCZYX",
        name="10x_DAPI",
        channels=("DAPI", "FITC"),
        colors=((0, 0, 255), (0, 255, 0)),
        emissions=(455.0, 520.0),
        exposures=(20000, 30000),
        pixel_size=0.5,
        z_step=-0.75,
        period=3.0,
    )
    path = write_vsi(image, tmp_path / "a.vsi")
    handle = open_image(path)
    scene, overview = handle.scenes
    assert (scene.name, overview.name) == ("10x_DAPI", "Overview")
    assert scene.pixel_size == PixelSize(0.75, 0.5, 0.5)
    assert scene.time_step == 3.0
    assert scene.acquired == "2023-11-14T22:13:20+00:00"
    assert scene.objective == Objective("UPLSAPO20X", 20.0, 0.75, refractive_index=1.0)
    assert [channel.name for channel in scene.channels] == ["DAPI", "FITC"]
    assert [channel.color for channel in scene.channels] == [0x0000FFFF, 0x00FF00FF]
    assert [channel.emission for channel in scene.channels] == [455.0, 520.0]
    table = plane_table(handle)
    assert table["time"].tolist() == [t * 3.0 for t in range(3) for _ in range(8)]
    assert table["z"].tolist()[:4] == [10.0, 9.25, 8.5, 7.75]
    assert table["exposure"].tolist()[:8] == [0.02] * 4 + [0.03] * 4
    assert table["x"].tolist()[0] == 1000.0
    assert (table["offset"] > 0).all()
    fields = metadata(handle)
    assert isinstance(fields, Mapping)
    assert fields["2000/2001[1]/2005/2030"] == "10x_DAPI"
    pytest.importorskip("openreadout")
    theirs = open_image(path, format="openreadout").scenes[0]
    assert theirs.pixel_size == scene.pixel_size
    assert [one.name for one in theirs.channels] == ["DAPI", "FITC"]


def test_bioformats_finds_the_same_facts(tmp_path: Path) -> None:
    image = VsiImage(
        picture(3, 2, 4, 30, 40), "TCZYX", channels=("DAPI", "FITC"), emissions=(455.0, 520.0)
    )
    path = write_vsi(image, tmp_path / "a.vsi")
    text = bioformats("ImageInfo", "-nopix", "-omexml-only", "-noflat", path)
    assert 'PhysicalSizeX="0.25"' in text
    assert 'Name="FITC"' in text
    assert 'EmissionWavelength="520.0"' in text
    assert 'NominalMagnification="20.0"' in text
    assert "2023-11-14T22:13:20" in text


def test_stacks_are_scenes_and_missing_files_are_named(tmp_path: Path) -> None:
    images = [
        VsiImage(picture(30, 40), "YX", name="label", stack=1),
        VsiImage(picture(2, 20, 30), "CYX", name="40x", stack=10001),
        VsiImage(picture(2, 20, 31), "CYX", name="40x", stack=10002),
    ]
    path = write_vsi(images, tmp_path / "a.vsi")
    handle = open_image(path)
    assert [scene.name for scene in handle.scenes] == ["label", "40x#1", "40x#2", "Overview"]
    assert np.array_equal(to_numpy(select_scene(handle, 1)), images[1].pixels)
    shutil.rmtree(tmp_path / "_a_" / "stack10001")
    handle = open_image(path)
    assert [scene.name for scene in handle.scenes] == ["label", "40x", "Overview"]
    [note] = handle.diagnostics
    assert note.code == "vsi-missing-ets"
    assert "stack10001" in note.message
    (tmp_path / "_a_" / "stack1" / "frame_t.ets").write_bytes(b"SIS\0 and then nothing")
    codes = [one.code for one in open_image(path).diagnostics]
    assert codes == ["vsi-missing-ets", "vsi-unreadable-ets"]


def test_without_its_files_the_overview_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "slide.vsi"
    path.write_bytes(build_vsi([VsiImage(picture(30, 40), "YX")]))
    handle = open_image(path)
    assert handle.dims.order == "YXS"
    assert to_numpy(handle).reshape(-1).tolist() == list(range(18))
    assert [note.code for note in handle.diagnostics] == ["vsi-missing-ets"]
    assert [note.code for note in open_image(path.read_bytes()).diagnostics] == ["vsi-missing-ets"]


def test_a_file_of_another_stack_is_matched_by_its_size(tmp_path: Path) -> None:
    images = [
        VsiImage(picture(30, 40), "YX", name="a", stack=1),
        VsiImage(picture(20, 30), "YX", name="b", stack=2),
    ]
    path = write_vsi(images, tmp_path / "a.vsi")
    (tmp_path / "_a_" / "stack2").rename(tmp_path / "_a_" / "stack7")
    handle = open_image(path)
    assert [scene.name for scene in handle.scenes] == ["a", "b", "Overview"]
    assert np.array_equal(to_numpy(select_scene(handle, 1)), images[1].pixels)
    # A file that nothing describes is an image by the name of its folder.
    write_vsi(VsiImage(picture(9, 9), "YX", stack=8), tmp_path / "c.vsi")
    (tmp_path / "_c_" / "stack8").rename(tmp_path / "_a_" / "stack8")
    assert [scene.name for scene in open_image(path).scenes] == ["a", "b", "stack8", "Overview"]


def test_an_ets_file_opens_alone_and_with_its_tags(tmp_path: Path) -> None:
    image = VsiImage(picture(3, 2, 30, 40), "TCYX", channels=("DAPI", "FITC"))
    write_vsi(image, tmp_path / "a.vsi")
    file = tmp_path / "_a_" / "stack1" / "frame_t.ets"
    handle = open_image(file)
    assert handle.channel_names == ("DAPI", "FITC")
    assert handle.diagnostics == ()
    (tmp_path / "a.vsi").unlink()
    handle = open_image(file)
    assert handle.scenes[0].name == "stack1"
    # The first coordinate is taken for channels, the next for time: here it is right.
    assert handle.dims.order == "TCYX"
    assert np.array_equal(to_numpy(handle), image.pixels)
    assert [one.code for one in handle.diagnostics] == ["vsi-guessed-dims", "vsi-no-tags"]


def test_a_file_outside_of_a_stack_has_no_tags_of_one_without_a_number(tmp_path: Path) -> None:
    image = VsiImage(picture(2, 30, 40), "CYX", channels=("DAPI", "FITC"))
    # The generator numbers all stacks; a field without a second number has no index.
    object.__setattr__(image, "stack", None)
    (tmp_path / "a.vsi").write_bytes(build_vsi([image]))
    file = tmp_path / "_a_" / "other" / "frame_t.ets"
    file.parent.mkdir(parents=True)
    file.write_bytes(build_ets(image))
    handle = open_image(file)
    assert handle.scenes[0].name == "Image:0"
    assert handle.channel_names != ("DAPI", "FITC")
    assert "vsi-no-tags" in [one.code for one in handle.diagnostics]
    assert ome_metadata(handle).instruments == []


# ---------------------------------------------------------------- tiles


def test_tiles_that_are_not_stored_have_the_background() -> None:
    image = VsiImage(
        picture(30, 40, 3, dtype="uint8"),
        "YXS",
        tile=(16, 16),
        missing=(0, 4),
        background=(255, 254, 253),
    )
    handle = open_image(build_ets(image))
    expected = image.pixels.copy()
    expected[:16, :16] = expected[16:, 16:32] = (255, 254, 253)
    assert np.array_equal(to_numpy(handle), expected)
    assert np.array_equal(to_numpy(transpose_to(handle, "YX", S=2)), expected[..., 2])
    [piece] = handle.array.layout.pieces((0, 0, 0), (slice(0, 16), slice(0, 16), slice(0, 3)))
    assert isinstance(piece, Computed)


def test_an_image_that_begins_within_a_tile_is_placed_by_the_tags(tmp_path: Path) -> None:
    image = VsiImage(picture(50, 60), "YX", tile=(16, 16), corner=(5, 7), has_extents=False)
    path = write_vsi(image, tmp_path / "a.vsi")
    assert np.array_equal(to_numpy(open_image(path)), image.pixels)
    bioformats("ImageConverter", "-series", 0, path, tmp_path / "b.ome.tiff")
    theirs = transpose_to(open_image(tmp_path / "b.ome.tiff"), "YX", T=0, C=0, Z=0)
    assert np.array_equal(to_numpy(theirs), image.pixels)


def test_raw_samples_of_bgr_are_read_as_rgb() -> None:
    image = VsiImage(picture(20, 30, 3, dtype="uint8"), "YXS", is_bgr=True)
    handle = open_image(build_ets(image))
    assert np.array_equal(to_numpy(handle), image.pixels)
    [piece] = handle.array.layout.pieces((0, 0, 0), (slice(3, 9), slice(2, 4), slice(0, 1)))
    assert isinstance(piece, Strided)
    assert piece.strides == (64 * 3, 3, -1)


def test_a_window_reads_the_rows_of_its_tiles_alone() -> None:
    image = VsiImage(picture(2, 200, 200), "CYX", tile=(64, 64))
    handle = open_image(build_ets(image))
    pieces = list(handle.array.layout.pieces((1, 1, 2), (slice(0, 1), slice(0, 10), slice(0, 64))))
    assert len(pieces) == 1
    assert isinstance(pieces[0], Strided)


def test_levels_without_all_planes_are_left_out() -> None:
    image = VsiImage(picture(2, 32, 32), "ZYX", tile=(16, 16), levels=2)
    data = bytearray(build_ets(image))
    table = struct.unpack_from("<Q", data, 32)[0]
    # The last entry of the table is the second section of the second level.
    struct.pack_into("<I", data, 40, struct.unpack_from("<I", data, 40)[0] - 1)
    handle = open_image(bytes(data))
    assert table < len(data)
    assert len(handle.scenes[0].levels) == 1
    assert "vsi-partial-level" in [one.code for one in handle.diagnostics]


def test_a_series_that_was_stopped_shows_what_was_taken(tmp_path: Path) -> None:
    image = VsiImage(picture(4, 20, 30), "TYX")
    path = write_vsi(image, tmp_path / "a.vsi")
    file = tmp_path / "_a_" / "stack1" / "frame_t.ets"
    data = bytearray(file.read_bytes())
    struct.pack_into("<I", data, 40, 3)
    file.write_bytes(data)
    handle = open_image(path)
    assert handle.dims.T == 3
    assert [one.code for one in handle.diagnostics] == ["vsi-stopped"]


def test_tiles_outside_of_the_file_are_counted() -> None:
    data = bytearray(build_ets(VsiImage(picture(2, 20, 30), "ZYX")))
    table = struct.unpack_from("<Q", data, 32)[0]
    struct.pack_into("<Q", data, table + 4 + 4 * 4, 1 << 60)
    handle = open_image(bytes(data))
    codes = [one.code for one in handle.diagnostics]
    assert {"vsi-lost-tiles", "vsi-missing-planes"} <= set(codes)
    assert not to_numpy(handle)[0].any()


# ---------------------------------------------------------------- damage and kinds that are not read


def test_headers_that_make_no_sense_are_refused() -> None:
    data = build_ets(VsiImage(picture(20, 30), "YX"))

    def changed(at: int, value: int) -> bytes:
        copy = bytearray(data)
        struct.pack_into("<I", copy, at, value)
        return bytes(copy)

    with pytest.raises(CorruptFileError, match="tiles have 90 coordinates"):
        open_image(changed(12, 90), format="vsi")
    with pytest.raises(CorruptFileError, match="does not lie in the file"):
        open_image(changed(40, 1 << 30), format="vsi")
    with pytest.raises(CorruptFileError, match="expected ETS"):
        open_image(changed(64, 0), format="vsi")
    with pytest.raises(CorruptFileError, match="tiles of 2147483647"):
        open_image(changed(64 + 28, 2**31 - 1), format="vsi")
    with pytest.raises(CorruptFileError, match="no tile of its image"):
        open_image(changed(40, 0), format="vsi")
    with pytest.raises(UnsupportedFormatError, match="compression 77"):
        open_image(changed(64 + 20, 77), format="vsi")


def test_a_tree_that_breaks_off_keeps_what_stands_before(tmp_path: Path) -> None:
    image = VsiImage(picture(2, 20, 30), "CYX", name="20x")
    path = write_vsi(image, tmp_path / "a.vsi")
    data = bytearray(path.read_bytes())
    # The distance to the field behind the name leads backwards.
    at = data.index(struct.pack("<i", 2030)) + 4
    struct.pack_into("<I", data, at, 1)
    path.write_bytes(data)
    handle = open_image(path)
    assert handle.scenes[0].name == "20x"
    assert handle.pixel_size == PixelSize(None, None, None)
    assert np.array_equal(to_numpy(handle), image.pixels)
    assert [one.code for one in handle.diagnostics] == ["vsi-tags"]


def test_volumes_that_contain_themselves_end() -> None:
    inner = tags.nested(5, tags.VOLUME, [tags.inline(6, 1)])
    for _ in range(40):
        inner = tags.nested(5, tags.VOLUME, [inner])
    deep = b"II*\0" + struct.pack("<I", 8) + tags.volume([inner])
    with pytest.raises(CorruptFileError):
        open_image(deep, format="vsi")


def test_a_remote_slide_is_read_by_ranges(tmp_path: Path) -> None:
    image = VsiImage(picture(2, 200, 200), "CYX", tile=(64, 64))
    path = write_vsi(image, tmp_path / "a.vsi")
    files = {"a.vsi": path.read_bytes(), "_a_/stack1/frame_t.ets": build_ets(image)}
    with serving(**files) as site:
        handle = open_image(site.url + path.name)
        assert handle.scenes[0].name == "20x"
        corner = to_numpy(transpose_to(handle, "YX", C=1, Y=slice(70, 90), X=slice(0, 9)))
        assert np.array_equal(corner, image.pixels[1, 70:90, :9])
