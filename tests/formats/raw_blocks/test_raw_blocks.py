"""ICS, NRRD and Bio-Rad PIC against pynrrd, SimpleITK and recorded values of Bio-Formats."""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import CorruptFileError, UnsupportedFormatError, open_image, to_numpy, transpose_to
from aicsio.testing.raw_blocks import RawBlockImage, write_raw_block
from support import corpus_file, facts

_RNG = np.random.default_rng(0)
TCZYX = _RNG.integers(0, 60000, (2, 3, 4, 5, 6)).astype("u2")


def make(image: RawBlockImage, suffix: str, folder: Path) -> Path:
    return write_raw_block(image, folder / f"made.{suffix}")


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "f4", "f8", "u8"])
@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
def test_nrrd_is_that_of_pynrrd(dtype: str, encoding: Any, tmp_path: Path) -> None:
    nrrd = pytest.importorskip("nrrd")
    for apart in (False, True):
        image = RawBlockImage(
            TCZYX[0, 0].astype(dtype), "ZYX", encoding, ">" if apart else "<", apart
        )
        path = make(image, "nhdr" if apart else "nrrd", tmp_path)
        truth, header = nrrd.read(str(path), index_order="C")
        handle = open_image(path)
        assert handle.format == "nrrd"
        assert np.array_equal(to_numpy(handle), truth)
        assert list(handle.pixel_size)[::-1] == header["spacings"].tolist()


# pynrrd 1.1 asks for the time in a way that Python 3.12 deprecates.
@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_nrrd_of_pynrrd_is_read(tmp_path: Path) -> None:
    nrrd = pytest.importorskip("nrrd")
    header = {
        "space dimension": 3,
        "space directions": [[0.0, 0.25, 0.0], [0.25, 0.0, 0.0], [0.0, 0.0, 1.5]],
        "space units": ["um", "um", "um"],
        "labels": ["x", "y", "z"],
    }
    nrrd.write(str(tmp_path / "a.nrrd"), TCZYX[0, 0], header, index_order="C")
    handle = open_image(tmp_path / "a.nrrd")
    assert np.array_equal(to_numpy(handle), TCZYX[0, 0])
    assert tuple(handle.pixel_size) == (1.5, 0.25, 0.25)
    nrrd.write(str(tmp_path / "b.nrrd"), TCZYX[0, 0], {"spacings": [1, 2, 3]}, index_order="C")
    bare = open_image(tmp_path / "b.nrrd")
    assert (tuple(bare.pixel_size), bare.diagnostics[0].code) == ((None, None, None), "nrrd-unit")


def test_colours_and_channels_of_nrrd(tmp_path: Path) -> None:
    colour = _RNG.integers(0, 255, (4, 5, 3)).astype("u1")
    handle = open_image(make(RawBlockImage(colour, "YXS"), "nrrd", tmp_path))
    assert (handle.dims.order, handle.channels[0].samples) == ("YXS", 3)
    assert np.array_equal(to_numpy(handle), colour)
    handle = open_image(make(RawBlockImage(TCZYX, "TCZYX"), "nrrd", tmp_path))
    assert (handle.dims.order, handle.time_step) == ("TCZYX", 2.0)
    assert np.array_equal(to_numpy(handle), TCZYX)


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
def test_ics_of_both_versions(encoding: Any, tmp_path: Path) -> None:
    for apart in (False, True):
        image = RawBlockImage(TCZYX, "TCZYX", encoding, apart=apart)
        path = make(image, "ics", tmp_path)
        handle = open_image(path)
        assert (handle.format, handle.dims.order) == ("ics", "TCZYX")
        assert np.array_equal(to_numpy(handle), TCZYX)
        assert (tuple(handle.pixel_size), handle.time_step) == ((0.5, 0.25, 0.25), 2.0)
    assert np.array_equal(to_numpy(open_image(tmp_path / "made.ids")), TCZYX)


def test_ics_of_other_types(tmp_path: Path) -> None:
    for dtype in ("i1", "u1", "i4", "f4", "f8", "c8"):
        for order in ("<", ">"):
            pixels = TCZYX[0].astype("i2").astype(dtype)
            path = make(RawBlockImage(pixels, "CZYX", byte_order=order), "ics", tmp_path)
            handle = open_image(path)
            assert handle.dtype == np.dtype(dtype)
            assert np.array_equal(to_numpy(handle), pixels)


@pytest.mark.parametrize("first", [0x0A, 0x0D, 0x20, 0x09])
@pytest.mark.parametrize("separators", [b"\t\n", b"\t\r\n", b"\t\r", b"\r\n", b" \x1e"])
@pytest.mark.parametrize("padding", [b"", b"\t", b" "])
def test_pixels_of_ics_begin_behind_one_line_end(
    first: int, separators: bytes, padding: bytes, tmp_path: Path
) -> None:
    # Dean and others 1990: the first character of a header separates words, the second lines. libics
    # (GetIcsSeparators, IcsFGetStr) takes CR and LF for one line end, and drops separators behind a word.
    pixels = np.full((3, 4), first, np.uint8)
    path = make(RawBlockImage(pixels, "YX"), "ics", tmp_path)
    header = path.read_bytes()[2 : -pixels.nbytes].replace(b"\nend\n", b"\nend" + padding + b"\n")
    field, line_end = separators[:1], separators[1:]
    if separators == b"\r\n":
        line_end = b"\n"
    header = header.replace(b"\n", line_end).replace(b"\t", field)
    path.write_bytes(separators + header + pixels.tobytes())
    handle = open_image(path)
    assert handle.diagnostics == ()
    assert np.array_equal(to_numpy(handle), pixels)


@pytest.mark.parametrize("scale", ["-0.5", "0", "nan", "wide", "1e300"])
def test_a_scale_that_is_none_is_reported(scale: str, tmp_path: Path) -> None:
    """docs/fidelity.md: a size that cannot be used is unknown, and repeated by ``unusable-size``."""
    path = make(RawBlockImage(TCZYX[0, 0], "ZYX"), "ics", tmp_path)
    header = b"scale\t1.0\t0.25\t0.25\t"
    assert header + b"0.5" in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(header + b"0.5", header + scale.encode()))
    handle = open_image(path)
    assert tuple(handle.pixel_size) == (None, 0.25, 0.25)
    (note,) = handle.diagnostics
    assert note.code == "unusable-size"
    assert scale in note.message


def test_steps_of_nrrd_and_pic_that_are_none_are_reported(tmp_path: Path) -> None:
    """NRRD, section 5.4: NaN is an axis without a spacing, 0 is no spacing."""
    path = make(RawBlockImage(TCZYX[0, 0], "ZYX"), "nrrd", tmp_path)
    raw = path.read_bytes()
    (line,) = re.findall(rb"spacings: .*", raw)
    for z, expected in ((b"0", ["unusable-size"]), (b"nan", [])):
        path.write_bytes(raw.replace(line, line.rsplit(b" ", 1)[0] + b" " + z))
        handle = open_image(path)
        assert tuple(handle.pixel_size) == (None, 0.25, 0.25)
        assert [note.code for note in handle.diagnostics] == expected
    path = make(RawBlockImage(TCZYX[0, 0], "ZYX"), "pic", tmp_path)
    raw = path.read_bytes()
    (line,) = re.findall(rb"AXIS_4 [^\0]*", raw)
    for changed in (
        line.replace(b"microns", b"furlong"),
        b" ".join([*line.split()[:-2], b"0 microns"]),
    ):
        path.write_bytes(raw.replace(line, changed.ljust(len(line), b"\0")))
        handle = open_image(path)
        assert tuple(handle.pixel_size) == (None, 0.25, 0.25)
        assert [note.code for note in handle.diagnostics] == ["unusable-size"]


def test_a_file_that_is_no_ics_is_refused_by_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.ics"
    for data in (b"", b"\n", b"BEGIN:VCALENDAR\r\n"):
        path.write_bytes(data)
        with pytest.raises(CorruptFileError, match=r"a\.ics"):
            open_image(path, format="ics")


def test_a_real_ics_has_the_recorded_planes() -> None:
    name = "generated/bioformats/bf_ics_ids.ics"
    path = corpus_file(name)
    [series] = facts("generated")[name]["series"]
    handle = open_image(path)
    pixels = to_numpy(transpose_to(handle, "TCZYX"))
    assert series["psx"] == handle.pixel_size.X
    assert series["psz"] == handle.pixel_size.Z
    for plane in series["planes"]:
        z, c, t = plane["zct"]
        assert hashlib.md5(pixels[t, c, z].tobytes()).hexdigest() == plane["md5"]  # noqa: S324


@pytest.mark.parametrize(
    ("order", "dtype", "encoding"),
    [
        ("TCZYX", "u2", "raw"),
        ("CTZYX", "f4", "gzip"),
        ("ZTCYX", "u2", "gzip"),
        ("TZCYX", "i2", "raw"),
        ("CZTYX", "f4", "raw"),
    ],
)
def test_ics_of_five_axes_is_that_of_bioformats(
    order: str, dtype: str, encoding: Any, tmp_path: Path
) -> None:
    jar = os.environ.get("BIOFORMATS_JAR")
    if jar is None or shutil.which("java") is None:
        pytest.skip("no Java, or no jar of Bio-Formats is named")
    pixels = TCZYX.transpose(["TCZYX".index(letter) for letter in order]).astype(dtype)
    image = RawBlockImage(pixels, order, encoding, ">", apart=encoding == "raw")
    path = make(image, "ics", tmp_path)
    converted = tmp_path / "a.ome.tiff"
    tool = "loci.formats.tools.ImageConverter"
    subprocess.run(["java", "-cp", jar, tool, path, converted], check=True, capture_output=True)
    ours, theirs = open_image(path), open_image(converted)
    # Bio-Formats 7.3 writes any axis of channels as one of photon counts, folded into C.
    shown = to_numpy(transpose_to(theirs, "TQZYX", C=0))
    assert np.array_equal(to_numpy(transpose_to(ours, "TCZYX")), shown)
    assert ours.pixel_size == theirs.pixel_size
    assert ours.contents.scenes[0].time_step == theirs.contents.scenes[0].time_step


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_pic(dtype: str, tmp_path: Path) -> None:
    pixels: npt.NDArray[Any] = TCZYX[0, 0].astype(dtype)
    path = make(RawBlockImage(pixels, "ZYX"), "pic", tmp_path)
    handle = open_image(path)
    assert (handle.format, handle.dims.order) == ("biorad-pic", "ZYX")
    assert np.array_equal(to_numpy(handle), pixels)
    assert tuple(handle.pixel_size) == (0.5, 0.25, 0.25)
    assert handle.contents.scenes[0].objective is not None
    assert handle.contents.scenes[0].objective.magnification == 20


def test_pic_is_that_of_simpleitk(tmp_path: Path) -> None:
    itk = pytest.importorskip("SimpleITK")
    path = make(RawBlockImage(TCZYX[0, 0].astype("u1"), "ZYX"), "pic", tmp_path)
    shown = itk.GetArrayFromImage(itk.ReadImage(str(path)))
    assert np.array_equal(to_numpy(open_image(path)), shown)


@pytest.mark.parametrize("suffix", ["ics", "nrrd", "pic"])
def test_a_raw_block_that_ends_early_shows_whole_positions(suffix: str, tmp_path: Path) -> None:
    path = make(RawBlockImage(TCZYX[0, 0], "ZYX"), suffix, tmp_path)
    data = path.read_bytes()
    start = data.index(TCZYX[0, 0].tobytes())
    path.write_bytes(data[: start + 2 * 60 + 7])
    handle = open_image(path)
    assert np.array_equal(to_numpy(handle), TCZYX[0, 0, :2])
    assert [one.code for one in handle.diagnostics] == ["truncated-block"]


def test_what_is_missing_or_not_read_is_named(tmp_path: Path) -> None:
    path = make(RawBlockImage(TCZYX, "TCZYX", apart=True), "ics", tmp_path)
    path.with_suffix(".ids").unlink()
    with pytest.raises(CorruptFileError, match=r"expected its pixels in 'made\.ids'"):
        open_image(path)
    # A pair of libics' own tests: testim_c.ics and testim_c.ids.Z.
    path.with_suffix(".ids.Z").write_bytes(b"\x1f\x9d\x90")
    with pytest.raises(UnsupportedFormatError, match=r"'made\.ids\.Z', which is not unpacked"):
        open_image(path)
    path = make(RawBlockImage(TCZYX, "TCZYX"), "nrrd", tmp_path)
    path.write_bytes(path.read_bytes().replace(b"encoding: raw", b"encoding: zrl"))
    with pytest.raises(UnsupportedFormatError, match="'zrl'"):
        open_image(path)
    path.write_bytes(b"NRRD0005\ntype: uint8\ndimension: 1\nsizes: 3\nencoding: raw\n"
                     b"data file: ../x.raw\n\n")  # fmt: skip
    with pytest.raises(CorruptFileError, match="not a plain name"):
        open_image(path)


HEADER = "NRRD0004\ntype: uint8\ndimension: 2\nsizes: 3 2\nencoding: raw\ndata file: {name}\n\n"


@pytest.mark.parametrize("name", ["100%.raw", "a%20b.raw", "a%d.raw", "LISTING.raw", "list 1.raw"])
def test_a_plain_name_of_pixels_is_one_file(name: str, tmp_path: Path) -> None:
    """The definition of NRRD: several files are ``LIST`` or a format with first, last and step."""
    (tmp_path / "a.nhdr").write_text(HEADER.format(name=name))
    (tmp_path / name).write_bytes(bytes(range(6)))
    assert to_numpy(open_image(tmp_path / "a.nhdr")).ravel().tolist() == list(range(6))
    (tmp_path / name).unlink()
    with pytest.raises(CorruptFileError, match="expected its pixels in"):
        open_image(tmp_path / "a.nhdr")


SPREAD = np.random.default_rng(5).integers(0, 255, (4, 2, 3, 5)).astype(np.uint8)


def write_files(folder: Path, names: list[str], encode: Any = bytes) -> None:
    for name, part in zip(names, np.split(SPREAD.reshape(-1), len(names)), strict=True):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(encode(part.tobytes()))


def describe_files(data_file: str, encoding: str = "raw") -> str:
    return (
        f"NRRD0004\ntype: uchar\ndimension: 4\nsizes: 5 3 2 4\nencoding: {encoding}\n"
        f"data file: {data_file}\n"
    )


def spread_names(count: int, form: str = "a%d.raw", first: int = 0, step: int = 1) -> list[str]:
    return [form % (first + step * index) for index in range(count)]


@pytest.mark.parametrize(
    ("data_file", "names"),
    [
        ("LIST\n" + "\n".join(spread_names(4)), spread_names(4)),
        ("LIST 3\n" + "\n".join(spread_names(4)), spread_names(4)),
        ("LIST 2\n" + "\n".join(spread_names(8)), spread_names(8)),
        ("LIST 4\n" + "\n".join(spread_names(2)), spread_names(2)),
        ("LIST 4\na0.raw", spread_names(1)),
        ("LIST 1\n" + "\n".join(spread_names(24)), spread_names(24)),
        ("a%d.raw 0 3 1", spread_names(4)),
        ("a%03d.raw 7 1 -2", spread_names(4, "a%03d.raw", 7, -2)),
        ("a%4d.raw 1 8 1 2", spread_names(8, "a%4d.raw", 1)),
        ("a%d.raw 10 13 2 4", spread_names(2, first=10, step=2)),
    ],
)
@pytest.mark.parametrize("encoding", ["raw", "hex", "gzip"])
def test_pixels_in_several_files(
    data_file: str, names: list[str], encoding: str, tmp_path: Path
) -> None:
    """The definition of NRRD, section 3; SimpleITK reads it with the code of its authors."""
    encode = {"raw": bytes, "hex": lambda raw: raw.hex().encode(), "gzip": gzip.compress}[encoding]
    write_files(tmp_path, names, encode)
    path = tmp_path / "a.nhdr"
    path.write_text(describe_files(data_file, encoding))
    handle = open_image(path)
    assert handle.dims.order == "TZYX"
    assert np.array_equal(to_numpy(handle), SPREAD)
    window = transpose_to(handle, "TZYX", T=[2, 0], Z=1, Y=slice(1, 3), X=slice(None, None, -2))
    assert np.array_equal(to_numpy(window), SPREAD[[2, 0], 1:2, 1:3, ::-2])
    itk = pytest.importorskip("SimpleITK")
    assert np.array_equal(itk.GetArrayFromImage(itk.ReadImage(str(path))), SPREAD)


def test_a_missing_file_of_several_is_blank(tmp_path: Path) -> None:
    write_files(tmp_path, spread_names(4))
    path = tmp_path / "a.nhdr"
    path.write_text(describe_files("a%d.raw 0 3 1"))
    (tmp_path / "a1.raw").unlink()
    (tmp_path / "a2.raw").write_bytes(b"short")
    handle = open_image(path)
    expected = SPREAD.copy()
    expected[1:3] = 0
    assert np.array_equal(to_numpy(handle), expected)
    (note,) = handle.diagnostics
    assert (note.code, note.loss) == ("missing-files", True)
    assert "2 of 4 files" in note.message
    assert "'a1.raw', 'a2.raw'" in note.message


@pytest.mark.parametrize(
    "data_file",
    [
        "LIST", "LIST 2\na.raw", "LIST 5\na.raw", "LIST 0\na.raw", "a%d.raw 0 3 0", "a%d.raw 3 0 1",
        "a%d.raw 0 999999999 1", "a%d.raw 0 3 1", "a%d.raw 0 3 1 9", "LIST 4\n../a.raw",
        "LIST\n/a\nb\nc\nd", "%i 0 9 1",
    ],
)  # fmt: skip
def test_files_that_do_not_fit_are_refused(data_file: str, tmp_path: Path) -> None:
    path = tmp_path / "a.nhdr"
    path.write_text(describe_files(data_file))
    with pytest.raises(CorruptFileError):
        open_image(path)


@pytest.mark.parametrize("text", ["00 01\n0203 04 05", "000102030405 trailing"])
def test_bytes_as_hexadecimal_digits(text: str) -> None:
    header = "NRRD0004\ntype: uint16\nendian: big\ndimension: 1\nsizes: 3\nencoding: hex\n\n"
    handle = open_image((header + text).encode())
    assert to_numpy(handle).tolist() == [0x0001, 0x0203, 0x0405]


@pytest.mark.parametrize("text", ["00010203040", "0001020304xx"])
def test_bad_hexadecimal_digits_are_named(text: str) -> None:
    header = "NRRD0004\ntype: uint8\ndimension: 1\nsizes: 6\nencoding: hex\n\n"
    handle = open_image((header + text).encode())
    with pytest.raises(CorruptFileError):
        to_numpy(handle)


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i4", "u8", "i8", "f4", "f8"])
@pytest.mark.parametrize("encoding", ["ascii", "text", "txt"])
def test_numbers_as_text_are_those_of_pynrrd(dtype: str, encoding: str, tmp_path: Path) -> None:
    """``text`` is the word of files inside of the npm package nrrd-js."""
    nrrd: Any = pytest.importorskip("nrrd")
    path = tmp_path / "a.nrrd"
    kind = np.dtype(dtype)
    limits = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind)
    pixels = np.arange(24).astype(kind).reshape(2, 3, 4)
    pixels[0, 0, :2] = limits.min, limits.max
    if kind.itemsize == 8 and kind.kind in "iu":
        # pynrrd writes 17 digits.
        pixels[0, 0, :2] = 0, 2**56
    nrrd.write(str(path), pixels, {"encoding": "ascii"}, index_order="C")
    path.write_bytes(
        path.read_bytes().replace(b"encoding: ascii", f"encoding: {encoding}".encode())
    )
    handle = open_image(path)
    assert handle.dtype == kind
    assert np.array_equal(to_numpy(handle), pixels)
    assert np.array_equal(
        to_numpy(transpose_to(handle, "YX", Z=1, X=slice(1, 3))), pixels[1, :, 1:3]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3 4 5", "expected 6 numbers, found"),
        ("1 2 3          4 5", "expected 6 numbers, found 5"),
        ("1 2 3 4 5 256", "numbers of uint8"),
        ("1 2 3 4 5 -1", "numbers of uint8"),
        ("1 2 3 4 5 x", "numbers of uint8"),
        ("1 2 3 4 5 0.5", "numbers of uint8"),
    ],
)
def test_numbers_that_are_none_raise(text: str, message: str) -> None:
    header = "NRRD0004\ntype: uint8\ndimension: 2\nsizes: 3 2\nencoding: ascii\n\n"
    whole = open_image((header + "1 2\n3,4,5\t 6\n7").encode())
    assert to_numpy(whole).tolist() == [[1, 2, 3], [4, 5, 6]]
    with pytest.raises(CorruptFileError, match=message):
        to_numpy(open_image((header + text).encode()))


@pytest.mark.parametrize("offset", ["²", "٣", "1" * 5000, "-1"])
def test_an_ics_offset_that_is_no_number_is_refused(tmp_path: Path, offset: str) -> None:
    path = make(RawBlockImage(TCZYX, "TCZYX"), "ics", tmp_path)
    lines = f"source\tfile\tpixels.bin\nsource\toffset\t{offset}\nend\n".encode()
    path.write_bytes(path.read_bytes().replace(b"end\n", lines, 1))
    (tmp_path / "pixels.bin").write_bytes(TCZYX.tobytes())
    with pytest.raises(CorruptFileError):
        open_image(path)


FIELDS = "type: short\ndimension: 2\nsizes: 6 4\nendian: little\n"


@pytest.mark.parametrize(("encoding", "pack"), [("raw", bytes), ("gzip", gzip.compress)])
def test_lines_in_front_of_the_pixels(encoding: str, pack: Any, tmp_path: Path) -> None:
    """The example of teem.sourceforge.net/nrrd: a header beside a PGM, whose three lines are skipped."""
    pixels = np.arange(24, dtype="<i2").reshape(4, 6)
    (tmp_path / "a.pgm").write_bytes(b"P5\n6 4\n255\n" + pack(pixels.tobytes()))
    head = f"NRRD0004\n{FIELDS}encoding: {encoding}\ndata file: a.pgm\nline skip: 3\n"
    path = tmp_path / "a.nhdr"
    path.write_text(head)
    assert np.array_equal(to_numpy(open_image(path)), pixels)
    path.write_text(head.replace("skip: 3", "skip: 3000"))
    with pytest.raises(CorruptFileError, match="expected 3000 lines"):
        open_image(path)
    path.write_text(head.replace("skip: 3", "skip: many"))
    with pytest.raises(UnsupportedFormatError, match="'many' lines"):
        open_image(path)
    path.write_text(head.replace("line skip: 3", "byte skip: -7"))
    with pytest.raises(UnsupportedFormatError, match="skips '-7' bytes"):
        open_image(path)


def test_the_first_magic_of_nrrd(tmp_path: Path) -> None:
    """'Readers should obviously recognize "NRRD0001", as well as ... "NRRD00.01"' (teem 1.5)."""
    pixels = np.arange(24, dtype="<i2").reshape(4, 6)
    path = tmp_path / "a.nrrd"
    path.write_bytes(f"NRRD00.01\n{FIELDS}encoding: raw\n\n".encode() + pixels.tobytes())
    assert np.array_equal(to_numpy(open_image(path)), pixels)
