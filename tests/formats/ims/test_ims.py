"""Imaris: generated files against h5py, OpenReadout, imaris-ims-file-reader and their own arrays."""

import itertools
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest

from aicsio import (
    CorruptFileError,
    ImageHandle,
    MissingDependencyError,
    PixelSize,
    UnsupportedFormatError,
    explain,
    metadata,
    open_image,
    provenance,
    select_level,
    to_numpy,
    transpose_to,
)
from aicsio._engine import plan
from aicsio.attachments import list_attachments, read_attachment
from aicsio.records import Encoded, Origin, Strided
from aicsio.testing.ims import ImsImage, write_ims
from http_server import serving

h5py = pytest.importorskip("h5py")
Pixels = npt.NDArray[Any]


def picture(*shape: int, dtype: str = "uint16") -> Pixels:
    return np.random.default_rng(0).integers(1, 250, shape).astype(dtype)


def by_h5py(path: Path, level: int, image: ImsImage) -> Pixels:
    """The pixels of a level as h5py decodes them, without their padding."""
    expected = np.zeros(image.level(level).shape, image.pixels.dtype)
    with h5py.File(path) as file:
        for t, c in itertools.product(*map(range, expected.shape[:2])):
            name = f"DataSet/ResolutionLevel {level}/TimePoint {t}/Channel {c}"
            if name in file:
                data = file[name]["Data"][...]
                expected[t, c] = data[tuple(map(slice, expected.shape[2:]))]
    return expected


STACK = picture(2, 3, 5, 20, 30)
CASES = [
    ImsImage(STACK, "TCZYX", levels=3),
    ImsImage(STACK, "TCZYX", filters=("shuffle", "gzip"), levels=2),
    ImsImage(STACK, "TCZYX", filters=("shuffle", "gzip", "fletcher32")),
    ImsImage(STACK, "TCZYX", filters=("lzf",)),
    ImsImage(STACK, "TCZYX", filters=()),
    ImsImage(STACK, "TCZYX", chunk=None, levels=2),
    ImsImage(STACK, "TCZYX", padded=False),
    ImsImage(STACK, "TCZYX", user_block=512),
    ImsImage(STACK, "TCZYX", missing=((1, 0), (1, 2))),
    ImsImage(picture(1, 1, dtype="float32"), "YX", filters=("shuffle", "gzip")),
    ImsImage(picture(4, 33, 17, dtype="uint8"), "ZYX", chunk=(3, 10, 16)),
    ImsImage(picture(2, 40, 9, dtype="uint32"), "CYX"),
]


@pytest.mark.parametrize("image", CASES, ids=lambda image: f"{image.dims}-{image.filters}")
def test_generated_files_show_their_pixels_and_h5py_agrees(image: ImsImage, tmp_path: Path) -> None:
    path = write_ims(image, tmp_path / "a.ims")
    handle = open_image(path)
    assert handle.format == "ims"
    assert len(handle.levels) == image.levels
    for level in range(image.levels):
        shown = to_numpy(select_level(handle, level))
        expected = image.level(level).copy()
        for place in image.missing:
            expected[place] = 0
        assert np.array_equal(shown, expected)
        assert np.array_equal(by_h5py(path, level, image), expected)
    codes = {one.code for one in handle.diagnostics}
    assert codes == ({"ims-missing-arrays"} if image.missing else set())


@pytest.mark.parametrize("name", ["lz4", "zstd"])
def test_filters_that_h5py_lacks_are_those_of_its_plugins(name: str, tmp_path: Path) -> None:
    pytest.importorskip("hdf5plugin")
    image = ImsImage(STACK, "TCZYX", filters=("shuffle", name))
    path = write_ims(image, tmp_path / "a.ims")
    assert np.array_equal(to_numpy(open_image(path)), STACK)
    assert np.array_equal(by_h5py(path, 0, image), STACK)


def test_a_file_that_h5py_wrote_by_itself_is_read(tmp_path: Path) -> None:
    # Newer structures of HDF5 (version 4 of the layout, other indexes of chunks), and its own padding.
    path = tmp_path / "a.ims"
    pixels = picture(7, 20, 30)
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["ImarisDataSet"] = np.array(list("Imaris"), "S1")
        group = file.create_group("DataSet/ResolutionLevel 0/TimePoint 0/Channel 0")
        group.create_dataset("Data", data=pixels, chunks=(2, 8, 8), compression="lzf", shuffle=True)
    assert np.array_equal(to_numpy(open_image(path)), pixels[None, None])


def test_openreadout_agrees(tmp_path: Path) -> None:
    image = ImsImage(
        STACK, "TCZYX", levels=2, emissions=(450.0, 520.0, 600.0), colors=(0xFF, 0xFF00, 0xFF0000)
    )
    path = write_ims(image, tmp_path / "a.ims")
    ours, theirs = open_image(path), open_image(path, engine="openreadout")
    for level in range(2):
        other = transpose_to(select_level(theirs, level), "TCZYX")
        assert np.array_equal(to_numpy(select_level(ours, level)), to_numpy(other))
    assert ours.pixel_size == theirs.pixel_size
    assert ours.time_step == theirs.time_step
    for pair in zip(ours.channels, theirs.channels, strict=True):
        facts = [(c.name, c.color, c.emission) for c in pair]
        assert facts[0] == facts[1]


def test_imaris_ims_file_reader_agrees(tmp_path: Path) -> None:
    module = pytest.importorskip("imaris_ims_file_reader.ims")
    image = ImsImage(STACK, "TCZYX", levels=2, pixel_size=(0.75, 0.25, 0.125))
    path = write_ims(image, tmp_path / "a.ims")
    other = module.ims(str(path))
    try:
        handle = open_image(path)
        assert np.array_equal(to_numpy(handle), other[:])
        assert tuple(handle.pixel_size) == tuple(other.resolution)
    finally:
        other.hf.close()


# ---------------------------------------------------------------- records


def test_records_are_those_of_the_description(tmp_path: Path) -> None:
    image = ImsImage(
        STACK,
        "TCZYX",
        channels=("DAPI", "GFP", "Cy5 µ"),
        colors=(0x0000FF, 0x00FF00, 0xFF8000),
        emissions=(450.0, 520.0, 670.0),
        excitations=(405.0, 488.0, 633.0),
        pixel_size=(0.002, 0.0005, 0.00025),
        corner=(-0.001, 0.01, 0.02),
        unit="mm",
        period=2.5,
        start=1_600_000_000.0,
        objects={"Points": 2, "MegaSurfaces": 1},
    )
    handle = open_image(write_ims(image, tmp_path / "a.ims"))
    scene = handle.scene
    assert [(c.name, c.emission, c.excitation) for c in scene.channels] == [
        ("DAPI", 450.0, 405.0),
        ("GFP", 520.0, 488.0),
        ("Cy5 µ", 670.0, 633.0),
    ]
    assert [c.color for c in scene.channels] == [0x0000FFFF, 0x00FF00FF, 0xFF8000FF]
    assert scene.channels[0].window == (0.0, 255.0)
    assert np.allclose(tuple(scene.pixel_size), (2.0, 0.5, 0.25))  # type: ignore[arg-type]
    # The corner of the image is half a pixel in front of the centre of the first one.
    assert np.allclose(tuple(scene.origin), (0.0, 10.25, 20.125))  # type: ignore[arg-type]
    assert scene.acquired == "2020-09-13T12:26:40"
    assert scene.time_step == 2.5
    assert scene.planes is not None
    times = scene.planes.column("time")
    assert times is not None
    assert times.tolist() == [0.0, 2.5]
    assert scene.objective is not None
    assert scene.objective.magnification == 20.0
    (diagnostic,) = handle.diagnostics
    assert diagnostic.code == "ims-objects"
    assert "1 MegaSurfaces, 2 Points" in diagnostic.message


def rewritten(tmp_path: Path, **attributes: dict[str, str]) -> ImageHandle:
    """A file with other attributes in the groups of ``DataSetInfo``."""
    path = write_ims(ImsImage(STACK, "TCZYX"), tmp_path / "a.ims")
    with h5py.File(path, "r+") as file:
        for group, texts in attributes.items():
            for name, text in texts.items():
                place = file[f"DataSetInfo/{group.replace('_', ' ')}"]
                del place.attrs[name]
                place.attrs[name] = np.array([bytes([b]) for b in text.encode()], "S1")
    return open_image(path)


def test_what_is_no_number_is_none(tmp_path: Path) -> None:
    image = {"ExtMax0": "nan", "ExtMax1": "0.0", "Unit": "furlong", "LensPower": "?"}
    handle = rewritten(tmp_path, Image=image, Channel_0={"Color": "2 0 0", "ColorRange": "5 5"})
    assert handle.pixel_size == PixelSize()
    assert [note.code for note in handle.diagnostics] == ["unusable-size"]
    assert "'furlong'" in handle.diagnostics[0].message
    assert handle.scene.origin == Origin()
    assert handle.scene.objective is None
    assert handle.channels[0].color is None
    assert handle.channels[0].window is None
    assert handle.channels[1].color == 0xFFFFFFFF


def test_extents_that_give_no_size_are_reported(tmp_path: Path) -> None:
    handle = rewritten(tmp_path, Image={"ExtMax0": "nan"})
    assert handle.pixel_size.X is None
    (note,) = handle.diagnostics
    assert (note.code, "along X " in note.message) == ("unusable-size", True)


def test_uneven_times_have_no_step(tmp_path: Path) -> None:
    pixels = picture(3, 4, 5)
    path = write_ims(ImsImage(pixels, "TYX"), tmp_path / "a.ims")
    with h5py.File(path, "r+") as file:
        place = file["DataSetInfo/TimeInfo"].attrs
        place["TimePoint3"] = np.array(list("2023-11-14 22:14:00.000"), "S1")
    scene = open_image(path).scene
    assert scene.time_step is None
    assert scene.planes is not None
    times = scene.planes.column("time")
    assert times is not None
    assert times.tolist() == [0.0, 2.0, 40.0]


def test_texts_of_other_kinds_are_read(tmp_path: Path) -> None:
    path = write_ims(ImsImage(STACK, "TCZYX"), tmp_path / "a.ims")
    with h5py.File(path, "r+") as file:
        image = file["DataSetInfo/Image"].attrs
        image["Name"] = np.bytes_(b"one text")
        image["ExtMax0"] = 60.0
    scene = open_image(path).scene
    assert scene.name == "one text"
    assert scene.pixel_size.X == 2.0


def test_the_thumbnail_opens_as_an_image(tmp_path: Path) -> None:
    handle = open_image(write_ims(ImsImage(STACK, "TCZYX"), tmp_path / "a.ims"))
    (attachment,) = list_attachments(handle)
    assert attachment.kind == "PNG"
    picture = to_numpy(open_image(read_attachment(handle, "Thumbnail")))
    assert picture[0].tolist() == [[8 * x, 0, 0, 255] for x in range(8)]


def test_metadata_and_provenance_come_through_the_seam(tmp_path: Path) -> None:
    handle = open_image(write_ims(ImsImage(STACK, "TCZYX"), tmp_path / "a.ims"))
    parsed: Any = metadata(handle)
    assert parsed["DataSetInfo"]["Image"]["Description"] == "generated"
    origins = {one.path: one.origin for one in provenance(handle).facts}
    assert origins["pixel_size.X"] == "ims:Image@ExtMax"
    assert origins["acquired"] == "ims:TimeInfo@TimePoint1"


# ---------------------------------------------------------------- pieces


def test_a_window_reads_its_chunks_alone(tmp_path: Path) -> None:
    image = ImsImage(picture(40, 40), "YX", chunk=(1, 10, 10))
    handle = open_image(write_ims(image, tmp_path / "a.ims"))
    window = transpose_to(handle, "YX", Y=slice(12, 31), X=slice(8, 12))
    assert np.array_equal(to_numpy(window), image.pixels[12:31, 8:12])
    pieces = list(plan.pieces(window.array))
    assert all(isinstance(piece, Encoded) for piece in pieces)
    assert len(pieces) == 6


def test_raw_chunks_are_read_by_rows(tmp_path: Path) -> None:
    for chunk in (None, (1, 10, 10)):
        image = ImsImage(picture(40, 40), "YX", chunk=chunk, filters=())
        handle = open_image(write_ims(image, tmp_path / "a.ims"))
        window = transpose_to(handle, "YX", Y=slice(3, 5))
        assert all(isinstance(piece, Strided) for piece in plan.pieces(window.array))
        assert np.array_equal(to_numpy(window), image.pixels[3:5])


def test_arrays_of_one_level_may_be_stored_in_several_ways(tmp_path: Path) -> None:
    path = write_ims(ImsImage(STACK, "TCZYX"), tmp_path / "a.ims")
    with h5py.File(path, "r+") as file:
        place = file["DataSet/ResolutionLevel 0/TimePoint 1/Channel 2"]
        del place["Data"]
        place.create_dataset("Data", data=STACK[1, 2], chunks=(5, 7, 9), compression="lzf")
        small = file["DataSet/ResolutionLevel 0/TimePoint 0/Channel 1"]
        del small["Data"]
        small.create_dataset("Data", data=STACK[0, 1, :3, :11].astype(">u2"))
    expected = STACK.copy()
    expected[0, 1, 3:] = 0
    expected[0, 1, :, 11:] = 0
    assert np.array_equal(to_numpy(open_image(path)), expected)


def test_handles_are_small(tmp_path: Path) -> None:
    pixels = np.ones((60, 1, 4, 16, 16), "u1")
    path = write_ims(ImsImage(pixels, "TCZYX", filters=()), tmp_path / "a.ims")
    handle = open_image(path)
    restored = pickle.loads(pickle.dumps(handle))
    assert restored == handle
    assert hash(restored) == hash(handle)
    # 480 chunks: nine bytes each.
    assert len(pickle.dumps(handle.array.layout)) < 5000
    assert attrs.evolve(handle) == handle


def test_the_index_of_many_remote_arrays_takes_few_requests(tmp_path: Path) -> None:
    # 48 arrays whose headers and B-trees lie between chunks that gzip does not shorten.
    pixels = np.random.default_rng(2).integers(0, 1 << 16, (12, 2, 4, 128, 128), np.uint16)
    image = ImsImage(pixels, "TCZYX", levels=2, chunk=(2, 64, 64))
    path = write_ims(image, tmp_path / "a.ims")
    assert path.stat().st_size > 3 << 20
    with serving(a__ims=path.read_bytes()) as site:
        site.parts = True
        h = open_image(site.url + "a.ims")
        assert len(site.asked) <= 8
        assert not h.diagnostics
        site.forget()
        plane = to_numpy(transpose_to(h, "YX", T=3, C=1, Z=2))
        assert len(site.asked) == 1
    assert np.array_equal(plane, pixels[3, 1, 2])
    assert h.levels[1].layout.offsets == open_image(path).levels[1].layout.offsets  # type: ignore[attr-defined]


@pytest.mark.parametrize("user_block", [0, 512, 2048])
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_remote_files_of_any_version_of_the_index(
    tmp_path: Path, user_block: int, libver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = h5py.File

    def file(path: Path, mode: str, **options: Any) -> Any:
        return make(path, mode, libver=libver, **options)

    image = ImsImage(picture(5, 2, 4, 64, 64), "TCZYX", levels=2, user_block=user_block)
    with monkeypatch.context() as patched:
        patched.setattr(h5py, "File", file)
        path = write_ims(image, tmp_path / "a.ims")
    with serving(a__ims=path.read_bytes()) as site:
        h = open_image(site.url + "a.ims")
        assert h.dims == open_image(path).dims
        assert np.array_equal(to_numpy(select_level(h, 1)), image.level(1))


def test_a_remote_file_is_read_by_ranges(tmp_path: Path) -> None:
    image = ImsImage(picture(1, 2, 16, 128, 128), "TCZYX", levels=2, chunk=(4, 64, 64))
    path = write_ims(image, tmp_path / "a.ims")
    with serving(a__ims=path.read_bytes()) as site:
        handle = open_image(site.url + "a.ims")
        # Four arrays; each has its description and its index somewhere between the pixels.
        assert len(site.asked) <= 12
        site.forget()
        plane = to_numpy(transpose_to(handle, "YX", T=0, C=1, Z=9))
        assert np.array_equal(plane, image.pixels[0, 1, 9])
        assert len(site.asked) <= 2


# ---------------------------------------------------------------- refused files


def test_files_of_other_programs_are_left_to_others(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["image"] = STACK
    assert not [one for one in explain(path) if one.taken]
    with pytest.raises(UnsupportedFormatError, match="an HDF5 file"):
        open_image(path)
    # By its content, not by its name.
    other = write_ims(ImsImage(STACK, "TCZYX"), tmp_path / "b.h5")
    assert open_image(other).format == "ims"


def test_a_filter_that_is_not_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.ims"
    with h5py.File(path, "w") as file:
        group = file.create_group("DataSet/ResolutionLevel 0/TimePoint 0/Channel 0")
        group.create_dataset("Data", data=STACK[0, 0], chunks=(2, 8, 8), scaleoffset=0)
    with pytest.raises(UnsupportedFormatError, match="scale-offset, which is not read"):
        open_image(path)


def test_pixels_of_another_file_are_not_read(tmp_path: Path) -> None:
    other = write_ims(ImsImage(STACK, "TCZYX"), tmp_path / "other.ims")
    path = tmp_path / "a.ims"
    name = "DataSet/ResolutionLevel 0/TimePoint 0/Channel 0"
    with h5py.File(path, "w") as file:
        file[name] = h5py.ExternalLink(str(other), name)
    with pytest.raises(CorruptFileError, match="arrays are not in the file"):
        open_image(path)
    with h5py.File(path, "w") as file:
        raw = tmp_path / "raw"
        raw.write_bytes(bytes(4000))
        place = file.create_group(name)
        place.create_dataset("Data", (5, 20, 20), "u2", external=[(str(raw), 0, 4000)])
    with pytest.raises(CorruptFileError, match="in another file"):
        open_image(path)


def test_a_file_cut_off_is_refused_with_its_reason(tmp_path: Path) -> None:
    data = write_ims(ImsImage(STACK, "TCZYX"), tmp_path / "a.ims").read_bytes()
    for nbytes in (9, 70, 3000, len(data) - 1):
        with pytest.raises(CorruptFileError, match=r"the file ends at|an Imaris 5\.5 file"):
            open_image(data[:nbytes], format="ims")


def test_an_error_that_is_kept_does_not_end_the_process() -> None:
    script = """
import builtins
from aicsio import open_image
try:
    open_image(b"\\x89HDF\\r\\n\\x1a\\n" + bytes(1), format="ims")
except Exception as error:
    builtins.kept = error
"""
    environment = {**os.environ, "AICSIO_FULL_TRACEBACK": "1"}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


def test_chunks_outside_of_the_file_are_zero_and_counted(tmp_path: Path) -> None:
    path = write_ims(ImsImage(STACK, "TCZYX"), tmp_path / "a.ims")
    layout: Any = open_image(path).array.layout
    first = layout.offsets.at(0)
    data = path.read_bytes()
    moved = data.replace(first.to_bytes(8, "little"), (1 << 40).to_bytes(8, "little"))
    assert moved != data
    handle = open_image(moved)
    assert [one.code for one in handle.diagnostics] == ["ims-damaged-chunks"]
    expected = STACK.copy()
    expected[0, 0, :2, :8, :8] = 0
    assert np.array_equal(to_numpy(handle), expected)


def test_an_array_that_was_never_written_is_zero(tmp_path: Path) -> None:
    # h5py 3.16 gives it the offset 511 behind a user block: findings/h5py_offset_in_user_block.sh.
    path = tmp_path / "a.ims"
    with h5py.File(path, "w", userblock_size=512) as file:
        for t in range(2):
            group = file.create_group(f"DataSet/ResolutionLevel 0/TimePoint {t}/Channel 0")
            data = group.create_dataset("Data", (2, 4, 5), "u2")
            if t:
                data[...] = STACK[0, 0, :2, :4, :5]
    data = path.read_bytes()
    path.write_bytes(b"\xff" * 512 + data[512:])
    shown = to_numpy(open_image(path))
    assert not shown[0].any()
    assert np.array_equal(shown[1, 0], STACK[0, 0, :2, :4, :5])


def test_an_old_hdf5_library_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """h5py 3.11 (HDF5 1.14.2) returns places of chunks without the 512 bytes of a user block."""
    path = write_ims(CASES[0], tmp_path / "a.ims")
    monkeypatch.setattr(h5py.version, "hdf5_version_tuple", (1, 14, 2))
    monkeypatch.setattr(h5py.version, "hdf5_version", "1.14.2")
    with pytest.raises(
        MissingDependencyError, match=r"HDF5 1\.14\.4 or newer.*1\.14\.2: pip install"
    ):
        open_image(path)
