"""Steps, units and times of LSM, FluoView and MetaMorph stacks that are no sizes, or fit no axis.

Bio-Formats 7.3.1 gives no physical size for a negative one (``FormatTools.getPhysicalSize``), and the
stamps of an LSM as they stand; each file here was read by it.
"""

import math
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from aicsio import open_image, to_numpy
from aicsio.formats._tiff.dialects.lsm import read_lsm_fields
from aicsio.planes import read_planes
from ome_files import codes

PAGE = np.zeros((4, 6), np.uint8)


def write_lsm(
    path: Path, count: int, stamps: tuple[float, ...] = (), fields: dict[str, float] | None = None
) -> Path:
    """Write planes, each with its thumbnail, along T if there are stamps."""
    info = np.zeros(1, np.dtype(tifffile.TIFF.CZ_LSMINFO).newbyteorder("<"))
    values = {
        "MagicNumber": 67127628, "StructureSize": info.nbytes, "DimensionX": 6, "DimensionY": 4,
        "DimensionZ": 1 if stamps else count, "DimensionTime": count if stamps else 1,
        "DimensionChannels": 1, "DataType": 1, "VoxelSizeX": 5e-7, "VoxelSizeY": 2.5e-7,
        "VoxelSizeZ": 1e-6, "ScanType": 3 if stamps else 0,
    }  # fmt: skip
    for name, value in (values | (fields or {})).items():
        info[name] = value
    tag = (34412, 1, info.nbytes, info.tobytes(), True)
    with tifffile.TiffWriter(path, byteorder="<") as tif:
        for index in range(count):
            extra = [tag] if index == 0 else []
            tif.write(PAGE, metadata=None, contiguous=False, extratags=extra)
            tif.write(PAGE[:2, :3], metadata=None, contiguous=False, subfiletype=1)
    if stamps:
        data = bytearray(path.read_bytes())
        assert info.dtype.fields is not None
        place = data.find(info.tobytes()[:64]) + info.dtype.fields["OffsetTimeStamps"][1]
        struct.pack_into("<I", data, place, len(data))
        data += struct.pack(f"<II{len(stamps)}d", 8 + 8 * len(stamps), len(stamps), *stamps)
        path.write_bytes(data)
    return path


def write_fluoview(path: Path, dimensions: list[tuple[str, int, float, str]]) -> Path:
    header = np.zeros(1, np.dtype(tifffile.TIFF.MM_HEADER).newbyteorder("<"))
    for index, (name, size, step, unit) in enumerate(dimensions):
        header["Dimensions"][0][index] = (name.encode(), size, 0.0, step, unit.encode())
    raw = header.tobytes()
    tags = [(34361, 1, len(raw), raw, True), (34362, 1, 64, bytes(64), True)]
    with tifffile.TiffWriter(path, byteorder="<") as tif:
        for _ in range(3):
            tif.write(PAGE, metadata=None, contiguous=False, description="FluoView", extratags=tags)
    return path


def write_stack(
    path: Path, distance: int, unit: bytes, positions: bytes = b"", order: str = "<"
) -> Path:
    """Write a MetaMorph stack of three planes, their distance in thousandths, and UIC4."""
    places: dict[int, int] = {}
    data = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4))
    data += bytes(24) + bytes([1]) * 24 + bytes([2]) * 24
    dates = (2458971, 36_000_000) * 2
    for key, raw in (
        (4, struct.pack(order + "II", 1, 2)),
        (5, struct.pack(order + "II", 1, 4)),
        (6, struct.pack(order + "I", len(unit)) + unit),
        (33629, b"".join(struct.pack(order + "iI4I", distance, 1000, *dates) for _ in range(3))),
        (33630, struct.pack(order + "6I", *(525, 1) * 3)),
        (33631, positions + bytes(2)),
    ):
        data += bytes(len(data) % 2)
        places[key] = len(data)
        data += raw
    data += bytes(len(data) % 2)
    places[33628] = len(data)
    data += struct.pack(order + "8I", 3, 1, 4, places[4], 5, places[5], 6, places[6])
    tags = [
        (254, 4, 1, 0), (256, 4, 1, 6), (257, 4, 1, 4), (258, 3, 1, 8), (259, 3, 1, 1),
        (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 4), (279, 4, 1, 24),
        (33628, 4, 4, places[33628]), (33629, 5, 3, places[33629]), (33630, 5, 3, places[33630]),
        (33631, 4, 3, places[33631]),
    ]  # fmt: skip

    def entry(tag: tuple[int, int, int, int]) -> bytes:
        # One short stands in the first two bytes of its field.
        return struct.pack(order + ("HHIHxx" if tag[1] == 3 else "HHII"), *tag)

    struct.pack_into(order + "I", data, 4, len(data))
    data += struct.pack(order + "H", len(tags)) + b"".join(map(entry, tags))
    path.write_bytes(data + bytes(4))
    return path


def times_of(path: Path) -> list[float]:
    planes = read_planes(open_image(path))
    assert planes is not None
    column = planes.column("time")
    assert column is not None
    return [float(value) for value in np.ravel(column)]


# ---------------------------------------------------------------- steps below 0


@pytest.mark.parametrize("name", ["VoxelSizeZ", "VoxelSizeX"])
def test_a_negative_voxel_of_lsm_is_reported(tmp_path: Path, name: str) -> None:
    handle = open_image(write_lsm(tmp_path / "a.lsm", 3, fields={name: -1e-6}))
    assert getattr(handle.pixel_size, name[-1]) is None
    assert handle.pixel_size.Y == 0.25
    (note,) = [note for note in handle.diagnostics if note.code == "unusable-size"]
    assert note.message == f"{name} is -1e-06, no number above 0: it is not used"


def test_sizes_of_fluoview_that_are_none_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    square = [("x", 6, 0.5, "um"), ("y", 4, 0.25, "um")]
    handle = open_image(write_fluoview(path, [*square, ("z", 3, -2.0, "um")]))
    assert (handle.pixel_size.Z, handle.pixel_size.X) == (None, 0.5)
    assert codes(handle) == ["unusable-size"]
    handle = open_image(write_fluoview(path, [*square, ("T", 3, -1.5, "s")]))
    assert handle.time_step is None
    assert codes(handle) == ["unusable-size"]
    # A unit that nobody knows is not taken for the micrometre.
    handle = open_image(write_fluoview(path, [*square, ("z", 3, 2.0, "foo")]))
    assert handle.pixel_size.Z is None
    assert "the unit 'foo' of Z" in handle.diagnostics[0].message
    handle = open_image(write_fluoview(path, [*square, ("z", 3, 2.0, "um"), ("Ch", 1, 0.0, "")]))
    assert handle.pixel_size.Z == 2.0
    assert codes(handle) == []


def test_a_distance_of_metamorph_has_a_sign(tmp_path: Path) -> None:
    """UIC2 of a stack from above; as a RATIONAL of TIFF, -1.5 would be 4.3 metres."""
    path = tmp_path / "a.stk"
    assert open_image(write_stack(path, 1500, b"um\0")).pixel_size.Z == 1.5
    handle = open_image(write_stack(path, -1500, b"um\0"))
    assert tuple(handle.pixel_size) == (None, 0.25, 0.5)
    assert [note.message for note in handle.diagnostics] == [
        "ZDistance is -1.5, no number above 0: it is not used"
    ]
    handle = open_image(write_stack(path, 1500, b"foo\0"))
    assert tuple(handle.pixel_size) == (None, None, None)
    assert "the unit 'foo'" in handle.diagnostics[0].message


@pytest.mark.parametrize(
    ("lengths", "emission", "expected"),
    [
        # Bio-Formats gives this stack the emission 525 nm, and none to a length below 1.
        ((525, 525, 525), 525.0, []),
        ((0, 0, 0), None, []),
        ((2, 2, 2), None, []),
        ((450, 525, 450), None, ["stk-wavelengths"]),
        ((450, 0, 450), 450.0, []),
    ],
)
def test_wavelengths_of_metamorph(
    tmp_path: Path, lengths: tuple[int, ...], emission: float | None, expected: list[str]
) -> None:
    path = write_stack(tmp_path / "a.stk", 1500, b"um\0")
    old = struct.pack("<6I", *(525, 1) * 3)
    new = b"".join(struct.pack("<2I", length, 1) for length in lengths)
    path.write_bytes(path.read_bytes().replace(old, new))
    handle = open_image(path)
    assert [channel.emission for channel in handle.channels] == [emission]
    assert codes(handle) == expected


def test_positions_of_metamorph_have_signs(tmp_path: Path) -> None:
    """Bio-Formats gives -1500, 2.5 for the first plane of this stack; -1500 was 4293467.296."""
    stage = struct.pack("<H", 28) + struct.pack("<4i", -1_500_000, 1000, 2500, 1000) * 3
    heights = struct.pack("<H", 40) + struct.pack("<6i", 0, 1000, -1500, 1000, -3, 0)
    valid = struct.pack("<H3I", 41, 1, 1, 1)
    name = struct.pack("<HI4s", 7, 4, b"GFP\0")
    path = write_stack(tmp_path / "a.stk", 0, b"um\0", name + stage + heights + valid)
    planes = open_image(path).scene.planes
    assert planes is not None
    assert np.ravel(planes.column("x")).tolist() == [-1500.0] * 3  # type: ignore[arg-type]
    assert np.ravel(planes.column("y")).tolist() == [2.5] * 3  # type: ignore[arg-type]
    z = np.ravel(planes.column("z"))  # type: ignore[arg-type]
    assert np.array_equal(z, [0.0, -1.5, np.nan], equal_nan=True)


def test_big_endian_stacks_of_metamorph_are_those_of_little_endian_ones(tmp_path: Path) -> None:
    """tifffile refuses their tags; Bio-Formats gives three planes of 0, 1, 2 and the same facts."""
    handles = []
    for order in "<>":
        stage = struct.pack(order + "H4i", 28, -1_500_000, 1000, 2500, 1000)
        stage += struct.pack(order + "4i", -1_500_000, 1000, 2500, 1000) * 2
        heights = struct.pack(order + "H6i", 40, 0, 1000, -1500, 1000, -3, 0)
        valid = struct.pack(order + "H3I", 41, 1, 1, 1)
        name = struct.pack(order + "HI4s", 7, 4, b"GFP\0")
        tags = name + stage + heights + valid
        path = write_stack(tmp_path / f"{ord(order)}.stk", 1500, b"um\0", tags, order)
        handles.append(open_image(path))
    little, big = handles
    assert str(big.dims) == "Z=3, Y=4, X=6"
    assert to_numpy(big)[:, 0, 0].tolist() == [0, 1, 2]
    for field in ("name", "channels", "pixel_size", "acquired", "planes", "time_step"):
        assert getattr(big.scene, field) == getattr(little.scene, field), field
    assert big.diagnostics == ()


@pytest.mark.parametrize("nbytes", [0, 1, 40, 100])
def test_damaged_big_endian_stacks_of_metamorph_open(nbytes: int, tmp_path: Path) -> None:
    path = write_stack(tmp_path / "a.stk", 1500, b"um\0", b"\x00\x07\xff\xff\xff\xff", ">")
    data = bytearray(path.read_bytes())
    # Tags and lists lie behind the 80 bytes of header and pixels, in front of the directory.
    end = struct.unpack_from(">I", data, 4)[0]
    data[80 + nbytes : end] = b"\xff" * (end - 80 - nbytes)
    path.write_bytes(data)
    assert to_numpy(open_image(path)).reshape(-1, 4, 6)[:, 0, 0].tolist() == [0, 1, 2]


def test_damaged_positions_of_metamorph_open(tmp_path: Path) -> None:
    stage = struct.pack("<H", 28) + struct.pack("<4i", -1_500_000, 1000, 2500, 1000) * 3
    path = write_stack(tmp_path / "a.stk", 0, b"um\0", stage)
    data = path.read_bytes()
    for cut in range(data.rindex(stage), data.rindex(stage) + len(stage), 7):
        damaged = data.replace(stage, stage[: cut - data.rindex(stage)].ljust(len(stage), b"\xff"))
        path.write_bytes(damaged)
        assert open_image(path).dims["Y"] == 4


# ---------------------------------------------------------------- time stamps


def test_stamps_of_lsm_that_go_back_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.lsm"
    assert times_of(write_lsm(path, 3, (100.0, 110.0, 105.0))) == [0.0, 10.0, 5.0]


def test_a_stamp_of_lsm_that_was_not_taken_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.lsm"
    for stamps in ((100.0, 110.0, 0.0), (100.0, 110.0, math.nan)):
        times = times_of(write_lsm(path, 3, stamps))
        assert times[:2] == [0.0, 10.0]
        assert math.isnan(times[2])
    # Two time points are not taken at once: the rule of CZI.
    times = read_lsm_fields({"TimeStamps": [0.0, 0.0, 5.0]})["times_of_t"]
    assert np.array_equal(times, [0.0, math.nan, 5.0], equal_nan=True)
    # The clock may begin with the scan: then 0 is the first time.
    assert times_of(write_lsm(path, 3, (0.0, 10.0, 20.0))) == [0.0, 10.0, 20.0]
    assert "times_of_t" not in read_lsm_fields({"TimeStamps": [math.nan]})


def test_stamps_of_lsm_that_fit_no_time_points_are_reported(tmp_path: Path) -> None:
    path = write_lsm(tmp_path / "a.lsm", 3, (100.0, 110.0))
    times = times_of(path)
    assert times[:2] == [0.0, 10.0]
    assert math.isnan(times[2])
    assert "2 of 3 time points have a time stamp" in {
        note.message for note in open_image(path).diagnostics
    }
    handle = open_image(write_lsm(tmp_path / "b.lsm", 2, (1.0, 2.0, 3.0, 4.0)))
    assert handle.scene.planes is None
    assert "time-stamps-length" in codes(handle)
