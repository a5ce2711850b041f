"""ND2: real files against the recorded reader and the package nd2, generated files against nd2 and their arrays."""

import hashlib
import itertools
import math
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest

from aicsio import (
    CorruptFileError,
    ImageHandle,
    PixelSize,
    Scene,
    UnsupportedFormatError,
    open_image,
    select_scene,
    to_numpy,
    transpose_to,
)
from aicsio._codecs.nd2 import CHUNK_HEAD, CHUNK_MAGIC
from aicsio.testing.nd2 import Nd2Image, build_nd2, write_nd2
from http_server import serving
from support import corpus_file, corpus_names, facts

nd2 = pytest.importorskip("nd2")

FILES = [name for name in corpus_names("nd2") if name.endswith(".nd2")]
Pixels = npt.NDArray[Any]


def picture(*shape: int, dtype: str = "uint16") -> Pixels:
    return np.random.default_rng(0).integers(1, 250, shape).astype(dtype)


def shown(handle: ImageHandle, image: Nd2Image) -> Pixels:
    """All pixels of a file, in the dims of the description."""
    dims = image.dims.replace("P", "")
    scenes = [
        to_numpy(transpose_to(select_scene(handle, index), dims))
        for index in range(len(handle.scenes))
    ]
    if "P" not in image.dims:
        return scenes[0]
    return np.stack(scenes, image.dims.index("P"))


def column(scene: Scene, name: str) -> Pixels:
    """A column of the planes of a scene, which must have it."""
    assert scene.planes is not None
    found = scene.planes.column(name)
    assert found is not None
    return found


# ---------------------------------------------------------------- real files


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_plane_is_equal(name: str) -> None:
    handle = open_image(corpus_file(name))
    (series,) = facts("nd2")[name]["series"]
    assert handle.dims.order.replace("S", "") in {"TZCYX", "TCYX"}
    for plane in series["planes"]:
        z, c, t = plane["zct"]
        picks = {"T": t, "C": c} | ({"Z": z} if "Z" in handle.dims else {})
        pixels = to_numpy(transpose_to(handle, "YX", **picks))
        assert hashlib.md5(pixels.tobytes(), usedforsecurity=False).hexdigest() == plane["md5"]


@pytest.mark.parametrize("name", FILES)
def test_facts_equal_those_of_the_recorded_reader(name: str) -> None:
    handle = open_image(corpus_file(name))
    scene = handle.scenes[0]
    (series,) = facts("nd2")[name]["series"]
    assert pytest.approx(series["psx"]) == scene.pixel_size.X
    if series["Z"] > 1:
        assert pytest.approx(series["psz"]) == scene.pixel_size.Z
    for channel, fact in zip(scene.channels, series["channels"], strict=True):
        assert channel.name == fact["name"]
        assert channel.emission == fact["em"]
        assert channel.color == fact["color"] & 0xFFFFFFFF
    planes = scene.planes
    assert planes is not None
    first = series["planes"][0]
    for plane in series["planes"]:
        z, c, t = plane["zct"]
        at = tuple({"T": t, "Z": z, "C": c}[letter] for letter in planes.dims.order)
        if plane["exp"] is not None:
            assert column(scene, "exposure")[at] == pytest.approx(plane["exp"])
        for axis, letter in enumerate("xy"):
            assert column(scene, letter)[at] == pytest.approx(plane["pos"][axis])
        if series["C"] == 1:
            # Ours count from the first plane, theirs from the start of the experiment. With more
            # channels they take every second time of a list that has one a frame.
            assert column(scene, "time")[at] == pytest.approx(plane["dt"] - first["dt"])


@pytest.mark.parametrize("name", FILES)
def test_the_package_nd2_agrees(name: str) -> None:
    path = corpus_file(name)
    handle = open_image(path)
    with nd2.ND2File(path) as file:
        order = "".join(file.sizes)
        assert np.array_equal(to_numpy(transpose_to(handle, order)), file.asarray())
        for channel, other in zip(handle.channels, file.metadata.channels, strict=True):
            assert channel.excitation == other.channel.excitationLambdaNm
        times = column(handle.scenes[0], "time").reshape(file.attributes.sequenceCount, -1)[:, 0]
        theirs = [
            file.frame_metadata(number).channels[0].time.relativeTimeMs
            for number in range(file.attributes.sequenceCount)
        ]
        assert np.allclose(times, (np.array(theirs) - theirs[0]) / 1000)
        objective = handle.scenes[0].objective
        assert objective is not None
        assert objective.aperture == file.metadata.channels[0].microscope.objectiveNumericalAperture
        assert (
            objective.magnification == file.metadata.channels[0].microscope.objectiveMagnification
        )


# ---------------------------------------------------------------- generated files

CASES = [
    Nd2Image(picture(5, 7, dtype="float32"), "YX"),
    Nd2Image(picture(3, 4, 2, 6, 5), "TZCYX", channels=("a", "b"), colors=(0xFF8001, 0x00FF00)),
    Nd2Image(picture(2, 3, 2, 3, 6, 5), "PTZCYX"),
    Nd2Image(picture(3, 2, 2, 6, 5), "TPZYX", positions=(("A", 1.0, 2.0), ("B", 3.0, 4.0))),
    Nd2Image(picture(4, 2, 6, 5), "ZTYX"),
    Nd2Image(picture(2, 3, 6, 5), "TQYX"),
    Nd2Image(picture(2, 2, 6, 5), "TCYX", row_padding=6),
    Nd2Image(picture(3, 2, 6, 5), "TCYX", compressed=True),
    Nd2Image(picture(3, 2, 6, 5), "TCYX", compressed=True, row_padding=4),
    Nd2Image(picture(3, 4, 2, 6, 5), "TZCYX", version="2.1"),
    Nd2Image(picture(3, 4, 6, 5), "PTYX", version="2.1"),
    Nd2Image(picture(1, 1), "YX"),
]


@pytest.mark.parametrize("image", CASES, ids=lambda image: f"{image.dims}-{image.version}")
def test_generated_files_show_their_pixels_and_nd2_agrees(image: Nd2Image, tmp_path: Path) -> None:
    path = write_nd2(image, tmp_path / "a.nd2")
    handle = open_image(path)
    assert handle.format == "nd2"
    assert handle.diagnostics == ()
    assert np.array_equal(shown(handle, image), image.pixels)
    with nd2.ND2File(path) as file:
        assert np.array_equal(file.asarray().squeeze(), image.pixels.squeeze())
        assert handle.dtype == file.dtype


@pytest.mark.parametrize(
    "image",
    [
        Nd2Image(picture(6, 5, 3, dtype="uint8"), "YXS"),
        Nd2Image(picture(2, 2, 6, 5, 3), "TCYXS"),
        Nd2Image(picture(2, 6, 5, 3, dtype="uint8"), "TYXS", compressed=True, row_padding=1),
    ],
    ids=lambda image: image.dims,
)
def test_colours_are_red_green_blue(image: Nd2Image, tmp_path: Path) -> None:
    # Bio-Formats issue 3761 shows files beside NIS-Elements: samples are stored blue first.
    # OpenReadout 0.4 turns them, the package nd2 0.12 gives them as stored.
    path = write_nd2(image, tmp_path / "a.nd2")
    handle = open_image(path)
    assert np.array_equal(shown(handle, image), image.pixels)
    assert {channel.samples for channel in handle.channels} == {3}
    with nd2.ND2File(path) as file:
        assert np.array_equal(file.asarray()[..., ::-1].squeeze(), image.pixels.squeeze())


def test_records_are_those_of_the_description(tmp_path: Path) -> None:
    image = Nd2Image(
        picture(2, 3, 4, 2, 6, 5),
        "PTZCYX",
        channels=("DAPI", "GFP"),
        colors=(0x0000FF, 0x10FF20),
        emissions=(450.0, 520.0),
        excitations=(405.0, 488.0),
        positions=(("left", 1.5, -2.5), ("right", 100.0, 50.0)),
        pixel_size=0.25,
        z_step=0.75,
        period=3.0,
        start=1_600_000_000.0,
    )
    handle = open_image(write_nd2(image, tmp_path / "a.nd2"))
    assert [scene.name for scene in handle.scenes] == ["left", "right"]
    right = handle.scenes[1]
    assert right.pixel_size == PixelSize(0.75, 0.25, 0.25)
    assert right.time_step == 3.0
    assert right.acquired is not None
    assert right.acquired.startswith("2020-09-13T12:26:40")
    assert [channel.name for channel in right.channels] == ["DAPI", "GFP"]
    assert [channel.color for channel in right.channels] == [0x0000FFFF, 0x10FF20FF]
    assert [channel.emission for channel in right.channels] == [450.0, 520.0]
    assert [channel.excitation for channel in right.channels] == [405.0, 488.0]
    assert right.objective is not None
    assert right.objective.magnification == 20.0
    assert right.planes is not None
    assert right.planes.dims.order == "TZC"
    assert column(right, "x").flatten().tolist() == [100.0] * 24
    times = column(right, "time")[:, :, 0]
    # Periods of T, and 10 ms a section.
    expected = 3.0 * np.arange(3)[:, None] + 0.01 * np.arange(4)
    assert np.allclose(times, expected)
    assert np.allclose(column(right, "exposure"), 0.02)


def test_a_frame_that_is_missing_is_zero_and_counted(tmp_path: Path) -> None:
    image = Nd2Image(picture(4, 2, 6, 5), "TCYX", missing=(1,))
    handle = open_image(write_nd2(image, tmp_path / "a.nd2"))
    expected = image.pixels.copy()
    expected[1] = 0
    assert np.array_equal(to_numpy(transpose_to(handle, "TCYX")), expected)
    (diagnostic,) = handle.diagnostics
    assert diagnostic.code == "nd2-missing-frames"
    assert "1 of 4" in diagnostic.message


def test_a_stopped_acquisition_shows_the_time_points_that_have_frames(tmp_path: Path) -> None:
    image = Nd2Image(picture(5, 2, 6, 5), "TZYX", missing=(5, 6, 7, 8, 9))
    handle = open_image(write_nd2(image, tmp_path / "a.nd2"))
    # Frame 5 was the second section of the third time point.
    assert handle.dims.T == 3
    expected = image.pixels[:3].copy()
    expected[2, 1] = 0
    assert np.array_equal(to_numpy(transpose_to(handle, "TZYX")), expected)
    assert {one.code for one in handle.diagnostics} == {"nd2-stopped", "nd2-missing-frames"}


def test_a_file_without_a_map_is_walked(tmp_path: Path) -> None:
    image = Nd2Image(picture(4, 2, 6, 5), "TCYX", has_map=False)
    handle = open_image(write_nd2(image, tmp_path / "a.nd2"))
    assert np.array_equal(to_numpy(transpose_to(handle, "TCYX")), image.pixels)
    assert [one.code for one in handle.diagnostics] == ["nd2-map"]


def test_a_window_reads_its_rows_alone(tmp_path: Path) -> None:
    image = Nd2Image(picture(3, 200, 300), "TYX")
    handle = open_image(write_nd2(image, tmp_path / "a.nd2"))
    window = transpose_to(handle, "YX", T=1, Y=slice(20, 84), X=slice(30, 94))
    assert np.array_equal(to_numpy(window), image.pixels[1, 20:84, 30:94])


def test_reading_order_does_not_matter(tmp_path: Path) -> None:
    image = Nd2Image(picture(3, 2, 2, 8, 9), "TZCYX")
    handle = open_image(write_nd2(image, tmp_path / "a.nd2"))
    for t, z, c in itertools.product(range(3), range(2), range(2)):
        pixels = to_numpy(transpose_to(handle, "YX", T=t, Z=z, C=c))
        assert np.array_equal(pixels, image.pixels[t, z, c])


# ---------------------------------------------------------------- refused files


def refusing(data: bytes, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        open_image(data)


def test_damage_that_leaves_no_pixels_is_named() -> None:
    data = build_nd2(Nd2Image(picture(2, 6, 5), "TYX"))
    refusing(data[:4096], CorruptFileError, "ND2 CHUNK MAP")
    refusing(data.replace(b"ImageAttributesLV", b"ImageAttributesXX"), CorruptFileError, "ImageAtt")
    refusing(data.replace(b"ImageDataSeq", b"ImageDataSee"), CorruptFileError, "frames")


def test_samples_of_other_kinds_are_refused_by_name() -> None:
    data = build_nd2(Nd2Image(picture(6, 5, dtype="uint32"), "YX"))
    assert open_image(data).dtype == np.uint32
    name = "ePixelType\0".encode("utf-16-le")
    at = data.index(name) + len(name)
    refusing(data[:at] + b"\x07" + data[at + 1 :], UnsupportedFormatError, "32 bits of kind 7")


def test_a_chunk_of_metadata_that_is_damaged_costs_its_facts_alone() -> None:
    image = Nd2Image(picture(2, 6, 5), "TYX")
    data = bytearray(build_nd2(image))
    at = data.index("SLxPictureMetadata".encode("utf-16-le"))
    data[at - 2] = 200  # a type that does not exist
    handle = open_image(bytes(data))
    assert [one.code for one in handle.diagnostics] == ["nd2-metadata"]
    assert handle.channels[0].name is None
    assert np.array_equal(to_numpy(transpose_to(handle, "TYX")), image.pixels)


@pytest.mark.parametrize("nbytes", [1, 2, 11])
def test_metadata_that_end_within_an_item_cost_their_facts_alone(nbytes: int) -> None:
    image = Nd2Image(picture(2, 6, 5), "TYX")
    data = bytearray(build_nd2(image))
    name = data.index(b"ImageMetadataSeqLV|0!")
    _, name_nbytes, _ = CHUNK_HEAD.unpack_from(data, name - CHUNK_HEAD.size)
    CHUNK_HEAD.pack_into(data, name - CHUNK_HEAD.size, CHUNK_MAGIC, name_nbytes, nbytes)
    handle = open_image(bytes(data))
    assert [one.code for one in handle.diagnostics] == ["nd2-metadata"]
    assert np.array_equal(to_numpy(transpose_to(handle, "TYX")), image.pixels)


def test_handles_are_small(tmp_path: Path) -> None:
    import pickle

    image = Nd2Image(np.zeros((2000, 4, 4), "u1"), "TYX")
    handle = open_image(write_nd2(image, tmp_path / "a.nd2"))
    layout = handle.array.layout
    assert math.isclose(len(pickle.dumps(layout)), 600, rel_tol=0.5)
    assert attrs.evolve(handle) == handle


def test_a_remote_file_opens_with_four_requests() -> None:
    image = Nd2Image(picture(120, 2, 40, 50), "TCYX")
    with serving(a__nd2=build_nd2(image)) as site:
        handle = open_image(site.url + "a.nd2")
        assert len(site.asked) <= 4
        site.forget()
        plane = to_numpy(transpose_to(handle, "YX", T=70, C=1))
        assert np.array_equal(plane, image.pixels[70, 1])
        assert len(site.asked) <= 2
