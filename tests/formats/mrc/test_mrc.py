"""DeltaVision and MRC: a real file against the recorded reader, generated ones against mrc and mrcfile."""

import hashlib
import random
import struct
import warnings
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest

from aicsio import (
    AicsioError,
    CorruptFileError,
    PixelSize,
    UnsupportedFormatError,
    open_image,
    to_numpy,
    transpose_to,
)
from aicsio.testing.mrc import MrcImage, build_mrc, write_mrc
from support import corpus_file, facts

Pixels = npt.NDArray[Any]


def picture(*shape: int, dtype: str = "u2") -> Pixels:
    return np.random.default_rng(0).integers(0, 100, shape).astype(dtype)


def test_a_real_file_holds_the_recorded_numbers() -> None:
    # The recorded reader shows the real parts' bytes as half as many columns, upside down.
    handle = open_image(corpus_file("dv/otf.dv"))
    (series,) = facts("dv")["dv/otf.dv"]["series"]
    pixels = to_numpy(transpose_to(handle, "ZYX"))
    assert pixels.dtype == np.complex64
    halves = pixels.view("f4").reshape(-1)
    rows, columns = series["Y"], series["X"]
    for index, plane in enumerate(series["planes"]):
        seen = halves[index * rows * columns :][: rows * columns].reshape(rows, columns)[::-1]
        assert hashlib.md5(seen.tobytes(), usedforsecurity=False).hexdigest() == plane["md5"]
    assert handle.pixel_size == PixelSize(None, series["psy"], series["psx"])
    assert handle.channels[0].emission == series["channels"][0]["em"]


@pytest.mark.parametrize("dims", ["CTZYX", "TZCYX", "TCZYX"])
@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "f4", "c8", "u2", "i4"])
def test_deltavision_files_show_their_pixels(
    dims: str, byte_order: Any, dtype: str, tmp_path: Path
) -> None:
    image = MrcImage(picture(2, 3, 2, 5, 7, dtype=dtype), dims, byte_order=byte_order)
    path = write_mrc(image, tmp_path / "a.dv")
    handle = open_image(path)
    assert handle.format == "mrc"
    assert handle.dims.order == dims
    assert np.array_equal(to_numpy(handle), image.pixels)
    mrc = pytest.importorskip("mrc")
    with mrc.DVFile(path) as file:
        assert "".join(file.sizes) == dims
        assert np.array_equal(file.asarray(squeeze=False), image.pixels)


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize(
    ("dims", "dtype"), [("ZYX", "i1"), ("ZYX", "f2"), ("ZYX", "f4"), ("QZYX", "u2")]
)
def test_mrc_files_show_their_pixels(
    dims: str, dtype: str, byte_order: Any, tmp_path: Path
) -> None:
    shape = (2, 3, 5, 7)[4 - len(dims) :]
    image = MrcImage(picture(*shape, dtype=dtype), dims, kind="mrc", byte_order=byte_order)
    path = write_mrc(image, tmp_path / "a.mrc")
    handle = open_image(path)
    assert handle.dims.order == dims
    assert np.array_equal(to_numpy(handle), image.pixels)
    # Lengths are stored as float32.
    assert tuple(handle.pixel_size) == pytest.approx((0.25, 0.125, 0.125))
    mrcfile = pytest.importorskip("mrcfile")
    with warnings.catch_warnings():
        # mrcfile 1.5 sets the type of arrays, which NumPy 2.5 deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        with mrcfile.open(path) as file:
            data, size = np.array(file.data), float(file.voxel_size.x)
    assert np.array_equal(data, image.pixels)
    assert pytest.approx(size / 1e4) == handle.pixel_size.X


def test_facts_of_sections(tmp_path: Path) -> None:
    image = MrcImage(picture(2, 2, 3, 5, 7), "TCZYX", emissions=(457, 528), excitations=(405, 488))
    scene = open_image(write_mrc(image, tmp_path / "a.dv")).scenes[0]
    assert scene.pixel_size == PixelSize(0.25, 0.125, 0.125)
    assert [channel.emission for channel in scene.channels] == [457, 528]
    assert [channel.excitation for channel in scene.channels] == [405, 488]
    planes = scene.planes
    assert planes is not None
    columns = {name: planes.column(name) for name in ("time", "exposure", "x", "y", "z")}
    expected = np.broadcast_to(5.0 * np.arange(2)[:, None, None] + 0.5 * np.arange(3), (2, 2, 3))
    assert np.array_equal(columns["time"], expected)  # type: ignore[arg-type]
    assert set(np.ravel(columns["exposure"])) == {0.25}  # type: ignore[arg-type]
    assert np.array_equal(np.ravel(columns["z"])[:3], [20.0, 20.25, 20.5])  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["deltavision", "mrc"])
def test_sizes_below_0_are_reported(kind: Any) -> None:
    """Bio-Formats gives no physical size, either. 0 stands for unknown, and is not reported."""
    letters, shape = ("TCZYX", (1, 1, 4, 5, 7)) if kind == "deltavision" else ("ZYX", (4, 5, 7))
    data = bytearray(build_mrc(MrcImage(picture(*shape), letters, kind=kind)))
    struct.pack_into("<f", data, 48, -0.25)
    handle = open_image(bytes(data))
    assert handle.pixel_size.Z is None
    assert [note.code for note in handle.diagnostics] == ["unusable-size"]
    assert "along Z is -" in handle.diagnostics[0].message
    struct.pack_into("<f", data, 48, 0.0)
    assert open_image(bytes(data)).diagnostics == ()


def test_times_count_from_the_first_section_that_has_one() -> None:
    """The second float of a section is its time (IVE/Priism format, extended header)."""
    image = MrcImage(picture(1, 1, 4, 5, 7), "TCZYX")
    data = bytearray(build_mrc(image))
    # Times of the generator: 100 seconds and half a second a section.
    first = data.index(struct.pack("<f", 100.0), 1024)
    struct.pack_into("<f", data, first, np.nan)
    planes = open_image(bytes(data)).scene.planes
    assert planes is not None
    times: Any = planes.column("time")
    assert np.array_equal(np.ravel(times), [np.nan, 0.0, 0.5, 1.0], equal_nan=True)


@pytest.mark.parametrize(("cut", "expected"), [(6, "T=1, C=2, Z=3"), (11, "C=1, T=1, Z=1")])
def test_a_stopped_acquisition_shows_its_whole_sections(cut: int, expected: str) -> None:
    image = MrcImage(picture(2, 2, 3, 5, 7), "TCZYX", cut_sections=cut)
    handle = open_image(build_mrc(image))
    assert str(handle.dims) == f"{expected}, Y=5, X=7"
    assert [one.code for one in handle.diagnostics] == ["mrc-missing-sections"]
    count = int(np.prod(handle.shape[:-2]))
    assert np.array_equal(
        to_numpy(handle).reshape(count, 5, 7), image.pixels.reshape(-1, 5, 7)[:count]
    )


def test_files_without_pixels_are_refused() -> None:
    image = MrcImage(picture(1, 1, 1, 5, 7), "TCZYX")
    data = build_mrc(image)
    with pytest.raises(CorruptFileError, match="expected sections of 70 bytes"):
        open_image(data[:-1])
    colours = bytearray(data)
    # Three bytes a pixel are those of MRC files of IMOD.
    colours[12] = 16
    with pytest.raises(UnsupportedFormatError, match="mode 16"):
        open_image(bytes(colours))


# Sections of 2 rows and 3 columns, as MRC2014 describes their modes: pairs of int16, and half bytes of
# which the left pixel has the low ones (IMOD, mrc_format.txt; D. Mastronarde's SerialEM).
WRITTEN = {
    3: (np.array([1, -2, 3, 4, -5, 6, 7, 8, 9, -32768, 11, 32767], ">i2").tobytes(), "c8"),
    101: (bytes([0x21, 0x03, 0xF4, 0x05]), "u1"),
}
EXPECTED = {
    3: [[1 - 2j, 3 + 4j, -5 + 6j], [7 + 8j, 9 - 32768j, 11 + 32767j]],
    101: [[1, 2, 3], [4, 15, 5]],
}


@pytest.mark.parametrize("mode", [3, 101])
def test_packed_pixels_by_hand(mode: int) -> None:
    raw, dtype = WRITTEN[mode]
    head = bytearray(build_mrc(MrcImage(picture(1, 2, 3, dtype="i1"), "ZYX", "mrc", ">")))[:1024]
    struct.pack_into(">i", head, 12, mode)
    handle = open_image(bytes(head) + raw)
    assert handle.dtype == np.dtype(dtype)
    assert to_numpy(handle).tolist() == [EXPECTED[mode]]


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize(("kind", "dtype"), [("mrc", "c8"), ("mrc", "u1"), ("deltavision", "c8")])
def test_windows_of_packed_pixels(kind: Any, dtype: str, byte_order: Any, tmp_path: Path) -> None:
    pixels = picture(2, 3, 2, 5, 7, dtype=dtype) % 16 if dtype == "u1" else picture(2, 3, 2, 5, 7)
    pixels = (pixels * (1 if dtype == "u1" else -1 - 2j)).astype(dtype)
    image = MrcImage(pixels, "TCZYX", byte_order=byte_order, packed=True)
    if kind == "mrc":
        image = MrcImage(pixels[0], "QZYX", "mrc", byte_order, packed=True)
    handle = open_image(write_mrc(image, tmp_path / "a.mrc"))
    assert np.array_equal(to_numpy(handle), image.pixels)
    rows, columns = slice(1, 4), slice(6, None, -3)
    window = transpose_to(handle, handle.dims.order, Y=rows, X=columns)
    assert np.array_equal(to_numpy(window), image.pixels[..., rows, columns])
    # 35 pixels of 4 bytes, or five rows of 4 bytes.
    nbytes = 20 if dtype == "u1" else 140
    cut = (tmp_path / "a.mrc").read_bytes()[:-nbytes]
    assert [note.code for note in open_image(cut).diagnostics] == ["mrc-missing-sections"]


def test_damaged_files_are_images_or_our_errors() -> None:
    rng = random.Random(3)
    wholes = [
        build_mrc(MrcImage(picture(2, 2, 3, 5, 7), "TCZYX", emissions=(457, 528))),
        build_mrc(MrcImage(picture(2, 3, 5, 7), "QZYX", kind="mrc")),
    ]
    opened = 0
    for variant in range(400):
        data = bytearray(wholes[variant % 2])
        for _ in range(rng.choice([1, 2, 8])):
            data[rng.randrange(256)] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
        if rng.random() < 0.2:
            del data[rng.randrange(900, len(data)) :]
        try:
            handle = open_image(bytes(data))
            if handle.array.size < 1 << 20:
                to_numpy(handle)
            opened += 1
        except AicsioError:
            pass
    assert opened > 100


def with_header(image: MrcImage, **numbers: int) -> bytes:
    """Return a file with other numbers in fields of 16 and 32 bits."""
    data = bytearray(build_mrc(image))
    places = {
        "kind": ("h", 160),
        "times": ("h", 180),
        "sequence": ("h", 182),
        "all_times": ("i", 852),
    }
    for name, number in numbers.items():
        code, offset = places.get(name, ("i", 880))
        struct.pack_into(f"{image.byte_order}{code}", data, offset, number)
    return bytes(data)


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize(
    ("sequence", "order", "sections"),
    [
        # The sections of the second panel, along C, T, Z, as Bio-Formats 7.3 shows them.
        (0, "PCTZYX", [8, 9, 10, 11, 12, 13, 14, 15]),
        (3, "TCPZYX", [2, 3, 14, 15, 8, 9, 20, 21]),
        (5, "TPZCYX", [4, 6, 16, 18, 5, 7, 17, 19]),
        (14, "ZCPTYX", [2, 14, 3, 15, 8, 20, 9, 21]),
    ],
)
def test_panels_of_deltavision(
    sequence: int, order: str, sections: list[int], byte_order: Any
) -> None:
    pixels = np.arange(24, dtype="i2").reshape(2, 2, 6, 1, 1)
    image = MrcImage(pixels, "TCZYX", byte_order=byte_order)
    data = with_header(image, kind=100, times=0, all_times=2, sequence=sequence, panels=3)
    handle = open_image(data)
    assert handle.dims.order == order
    assert to_numpy(transpose_to(handle, "CTZYX", P=1)).ravel().tolist() == sections
    assert handle.diagnostics == ()
    # Other kinds of files have something else at these bytes.
    assert "P" not in open_image(with_header(image, sequence=sequence, panels=3)).dims


def test_numbers_of_panels_that_fit_no_sections_are_passed_over() -> None:
    image = MrcImage(picture(2, 2, 6, 4, 5), "TCZYX")
    for panels in (-1, 0, 1, 7, 2**31 - 1):
        handle = open_image(with_header(image, kind=100, panels=panels))
        assert handle.dims.order == "TCZYX"
        assert np.array_equal(to_numpy(handle), image.pixels)


@pytest.mark.parametrize("sequence", [-1, 15, 77])
def test_an_unknown_order_of_sections_is_reported(sequence: int) -> None:
    """Bio-Formats takes it for the first of its table, too."""
    handle = open_image(with_header(MrcImage(picture(2, 3, 2, 5, 7), "TCZYX"), sequence=sequence))
    assert handle.dims.order == "CTZYX"
    (note,) = handle.diagnostics
    assert note.code == "guess"
    assert f"the unknown number {sequence}" in note.message


def test_the_time_step_is_that_of_the_first_sections() -> None:
    """The generator takes time points 5 s apart, and the sections of each in half a second."""
    image = MrcImage(picture(3, 2, 4, 5, 7), "TCZYX")
    assert open_image(build_mrc(image)).time_step == 5.0
    assert open_image(build_mrc(attrs.evolve(image, extended=False))).time_step is None
    data = bytearray(build_mrc(image))
    # The time of the first section of the last time point: the eighth of 16 sections behind it.
    struct.pack_into("<f", data, 1024 + 16 * 160 + 4 * 8 + 4, 117.0)
    assert open_image(bytes(data)).time_step is None


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize(
    ("stamp", "flags", "dtype"),
    [
        # mrc_format.txt of IMOD: "unsigned or signed bytes depending on flag in imodStamp".
        (1146047817, 0, "u1"),
        (1146047817, 8, "u1"),
        (1146047817, 1, "i1"),
        (1146047817, 13, "i1"),
        (0, 0, "i1"),
        (7, 0, "i1"),
    ],
)
def test_bytes_of_imod(stamp: int, flags: int, dtype: str, byte_order: Any) -> None:
    pixels = np.arange(256, dtype="u1").view("i1").reshape(4, 8, 8)
    data = bytearray(build_mrc(MrcImage(pixels, "ZYX", kind="mrc", byte_order=byte_order)))
    struct.pack_into(f"{byte_order}2i", data, 152, stamp, flags)
    handle = open_image(bytes(data))
    assert handle.dtype == np.dtype(dtype)
    assert np.array_equal(to_numpy(handle), pixels.view(dtype))


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_colours_of_imod(byte_order: Any) -> None:
    """mrc_format.txt of IMOD: 16 is "unsigned char * 3"; Bio-Formats shows three samples, too."""
    colours = picture(2, 5, 7, 3, dtype="u1")
    plain = MrcImage(np.zeros((2, 5, 7), "i1"), "ZYX", kind="mrc", byte_order=byte_order)
    head = bytearray(build_mrc(plain)[:1024])
    struct.pack_into(f"{byte_order}i", head, 12, 16)
    handle = open_image(bytes(head) + colours.tobytes())
    assert str(handle.dims) == "Z=2, Y=5, X=7, S=3"
    assert np.array_equal(to_numpy(handle), colours)
    window = transpose_to(handle, "XY", Z=1, S=2, Y=slice(1, 4))
    assert np.array_equal(to_numpy(window), colours[1, 1:4, :, 2].T)
    (channel,) = handle.channels
    assert channel.samples == 3
    cut = open_image(bytes(head) + colours.tobytes()[:-1])
    assert str(cut.dims) == "Z=1, Y=5, X=7, S=3"


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["i1", "i2", "f4"])
def test_files_before_the_word_map(dtype: str, byte_order: Any, tmp_path: Path) -> None:
    """Bio-Formats: "older IMOD versions did not put that" word; it goes by the name of the file."""
    image = MrcImage(picture(3, 5, 7, dtype=dtype), "ZYX", kind="mrc", byte_order=byte_order)
    data = bytearray(build_mrc(image))
    data[208:216] = bytes(8)
    path = tmp_path / "a.st"
    path.write_bytes(data)
    handle = open_image(path)
    assert handle.format == "mrc"
    assert np.array_equal(to_numpy(handle), image.pixels)
    # Their sizes must fill the file, and their name be that of an MRC.
    (tmp_path / "a.bin").write_bytes(data)
    (tmp_path / "b.st").write_bytes(bytes(data) + b"\0")
    for name in ("a.bin", "b.st"):
        with pytest.raises(UnsupportedFormatError):
            open_image(tmp_path / name)
