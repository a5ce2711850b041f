"""The table of planes: rows in focus, one clock, places in the file.

Right values: those that a generator was given, and Bio-Formats' record of real files.
"""

import io
import math
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest

from aicsio import (
    Dims,
    ImageHandle,
    Planes,
    open_image,
    open_many,
    select_scene,
    to_numpy,
    to_xarray,
    transpose_to,
    write_ome_tiff,
)
from aicsio._metadata import plane_table, tile_table, time_steps
from aicsio.planes import read_planes, with_planes
from aicsio.testing import ImageSpec, TiffSpec, write
from aicsio.testing.czi import Block, metadata_xml, time_stamps, write_czi
from aicsio.testing.lif import LifImage, write_lif
from support import corpus_file, corpus_names, facts


def with_facts(handle: ImageHandle, planes: Planes, acquired: str | None = None) -> ImageHandle:
    """Give a scene planes and a date."""
    scene = attrs.evolve(handle.scene, planes=planes, acquired=acquired)
    return attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))


def stack(order: str = "TCZYX", shape: tuple[int, ...] = (3, 2, 4, 5, 6)) -> ImageHandle:
    """Make an image whose pixels are the number of their plane."""
    planes = np.arange(math.prod(shape[:-2]), dtype="u2").reshape((*shape[:-2], 1, 1))
    return open_image(np.broadcast_to(planes, shape).copy(), dims=order)


def doubles(values: npt.ArrayLike) -> bytes:
    return np.asarray(values, "<f8").tobytes()


# ---------------------------------------------------------------- rows


def test_rows_are_the_planes_in_stored_order() -> None:
    table = plane_table(stack())
    assert table.names[:3] == ("T", "C", "Z")
    rows = list(zip(*(table[letter].tolist() for letter in "TCZ"), strict=True))
    assert rows == list(np.ndindex(3, 2, 4))
    assert np.isnan(table["time"]).all()
    assert np.isnat(table["acquired"]).all()
    assert set(table["offset"].tolist()) == {-1}


@pytest.mark.parametrize(
    ("order", "picks"),
    [("ZTYX", {"C": 1}), ("YX", {"T": 2, "C": 0, "Z": 3}), ("CTZYX", {"Z": [3, 0]}), ("XYTCZ", {})],
)
def test_rows_follow_the_focus(order: str, picks: dict[str, Any]) -> None:
    part = transpose_to(stack(), order, **picks)
    table = plane_table(part)
    numbers = (table["T"] * 2 + table["C"]) * 4 + table["Z"]
    shown = transpose_to(part, "".join(c for c in order if c not in "YX") + "YX")
    assert to_numpy(shown)[..., 0, 0].ravel().tolist() == numbers.tolist()


def test_columns_spread_over_axes_that_they_lack() -> None:
    planes = Planes(Dims("ZT", (4, 3)), exposure=doubles(np.arange(12)), z=doubles(np.arange(12)))
    table = plane_table(with_facts(stack(), planes))
    assert table["exposure"].tolist() == (table["Z"] * 3 + table["T"]).tolist()
    wrong = Planes(Dims("Z", (3,)), exposure=doubles(np.arange(3)))
    assert np.isnan(plane_table(with_facts(stack(), wrong))["exposure"]).all()
    single = Planes(Dims("TCZB", (1, 1, 1, 1)), x=doubles([5.0]))
    assert np.isnan(plane_table(with_facts(stack(), single))["x"]).all()


def test_absolute_times() -> None:
    planes = Planes(Dims("T", (3,)), time=doubles([0, math.nan, 90.25]), start=1.5)
    table = plane_table(with_facts(stack(), planes, "2024-05-06T07:08:09+02:00"))
    assert table.units["acquired"] == "UTC"
    assert str(table["acquired"][0]) == "2024-05-06T05:08:10.500000"
    assert np.isnat(table["acquired"][8])
    assert str(table["acquired"][16]) == "2024-05-06T05:09:40.750000"
    local = plane_table(with_facts(stack(), planes, "2024-05-06T07:08:09"))
    assert "acquired" not in local.units
    assert str(local["acquired"][0]) == "2024-05-06T07:08:10.500000"
    unknown = attrs.evolve(planes, start=None)
    assert np.isnat(plane_table(with_facts(stack(), unknown, "2024-05-06"))["acquired"]).all()


def test_a_million_planes_make_no_loop() -> None:
    big = open_image(np.broadcast_to(np.zeros((), "u1"), (50_000, 2, 10, 1, 1)), dims="TCZYX")
    table = plane_table(big)
    assert len(table) == 1_000_000
    assert table["T"][-1] == 49_999


def test_a_scene_without_pixels_and_one_plane() -> None:
    assert len(plane_table(open_image(np.zeros((4, 5))))) == 1
    assert len(plane_table(open_image(np.zeros((4, 5, 3)), dims="YXS"))) == 1


# ---------------------------------------------------------------- one clock


def first_times(handle: ImageHandle) -> npt.NDArray[np.float64]:
    """Return the earliest time of each T in the table."""
    table = plane_table(handle)
    return np.array([table["time"][table["T"] == t].min() for t in range(handle.dims.T)])


def same_clock(handle: ImageHandle) -> None:
    """Assert that table, record and coordinates show the same times."""
    table, planes = plane_table(handle), read_planes(handle)
    assert planes is not None
    known = planes.column("time")
    assert known is not None
    assert np.nanmin(known) == 0
    assert np.nanmin(table["time"]) == 0
    full = with_planes(handle)
    assert plane_table(full) == table
    assert to_xarray(full, lazy=True).coords["T"].values.tolist() == first_times(handle).tolist()


def czi(times: list[float], stamps: list[float], date: str = "2024-05-06T07:08:00Z") -> ImageHandle:
    """Make a CZI of two channels whose subblocks and stamps have times."""
    pixels = np.zeros((4, 5), np.uint8)
    blocks = []
    for t, seconds in enumerate(times):
        for c in range(2):
            moment = f"2024-05-06T07:08:{seconds + 0.25 * c:010.7f}Z"
            text = f"<METADATA><Tags><AcquisitionTime>{moment}</AcquisitionTime></Tags></METADATA>"
            blocks.append(Block(pixels, {"T": t, "C": c, "Y": 0, "X": 0}, metadata=text.encode()))
    file = io.BytesIO()
    xml = f"<Information><Image><AcquisitionDateAndTime>{date}</AcquisitionDateAndTime></Image></Information>"
    whole = f"<ImageDocument><Metadata>{xml}</Metadata></ImageDocument>"
    write_czi(file, blocks, whole, [time_stamps(stamps)])
    return open_image(file.getvalue())


@pytest.mark.parametrize("origin", [0.0, 5.0, 7947.851])
def test_czi_stamps_of_any_origin_are_one_clock(origin: float) -> None:
    handle = czi([5.0, 15.5, 25.0], [origin, origin + 10, origin + 20])
    same_clock(handle)
    table = plane_table(handle)
    # Those of the subblocks, less the first.
    assert table["time"].tolist() == pytest.approx([0, 0.25, 10.5, 10.75, 20, 20.25], abs=1e-6)
    assert str(table["acquired"][0]) == "2024-05-06T07:08:05.000000"


def test_lif_times_of_a_stopped_series(tmp_path: Path) -> None:
    image = LifImage(np.zeros((3, 4, 5), np.uint8), "TYX", times=(1.7e9, 1.7e9 + 1.5))
    path = write_lif(tmp_path / "a.lif", [image])
    handle = open_image(path)
    assert plane_table(handle)["time"].tolist()[:2] == [0.0, 1.5]
    assert math.isnan(plane_table(handle)["time"][2])


def ome(tmp_path: Path, delay: float) -> ImageHandle:
    """Make an OME-TIFF of three time points with Plane elements."""
    write(TiffSpec((ImageSpec(T=3, C=1, Z=1),)), tmp_path, "a.ome.tiff")
    handle = open_image(tmp_path / "a.ome.tiff")
    column = Planes(Dims("T", (3,)), time=doubles([0, 10, 20.5]), start=delay)
    write_ome_tiff(with_facts(handle, column, "2024-05-06T07:08:09"), tmp_path / "b.ome.tiff")
    return open_image(tmp_path / "b.ome.tiff")


def test_ome_times_count_from_the_first_plane(tmp_path: Path) -> None:
    handle = ome(tmp_path, 4.25)
    assert handle.metadata is not None
    assert 'DeltaT="4.25"' in handle.metadata
    assert 'DeltaT="24.75"' in handle.metadata
    same_clock(handle)
    assert handle.scene.planes is not None
    assert handle.scene.planes.start == 4.25
    assert plane_table(handle)["time"].tolist() == [0, 10, 20.5]
    assert str(plane_table(handle)["acquired"][2]) == "2024-05-06T07:08:33.750000"


def test_joined_files_of_one_date_keep_their_delays(tmp_path: Path) -> None:
    for index, delay in enumerate((2.0, 12.0)):
        folder = tmp_path / str(index)
        folder.mkdir()
        handle = transpose_to(ome(folder, delay), "TCZYX", T=[0])
        write_ome_tiff(handle, tmp_path / f"t{index}.ome.tiff")
    joined = open_many(tmp_path / "t{T}.ome.tiff")
    assert plane_table(joined)["time"].tolist() == [0, 10]


# ---------------------------------------------------------------- places in the file


def bytes_at(handle: ImageHandle, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Read the first pixel of each plane at the offset that the table gives."""
    table = plane_table(handle)
    values = []
    for name, offset in zip(table["file"], table["offset"].tolist(), strict=True):
        raw = Path(name).read_bytes()
        values.append(np.frombuffer(raw, dtype, 1, offset)[0])
    return np.array(values)


def test_offsets_of_tiff_planes_are_those_of_their_pixels(tmp_path: Path) -> None:
    write_ome_tiff(stack(), tmp_path / "a.ome.tiff", compression=None)
    handle = open_image(tmp_path / "a.ome.tiff")
    assert bytes_at(handle, "<u2").tolist() == to_numpy(handle)[..., 0, 0].ravel().tolist()
    part = transpose_to(handle, "ZTCYX", T=[2, 0])
    assert bytes_at(part, "<u2").tolist() == to_numpy(part)[..., 0, 0].ravel().tolist()


def test_offsets_of_lif_planes_are_those_of_their_pixels(tmp_path: Path) -> None:
    pixels = np.arange(3 * 2 * 4 * 5, dtype="u2").reshape(3, 2, 4, 5)
    path = write_lif(tmp_path / "a.lif", [LifImage(pixels, "TCYX")])
    handle = open_image(path)
    shown = to_numpy(transpose_to(handle, "TCYX"))[..., 0, 0].ravel()
    assert bytes_at(transpose_to(handle, "TCYX"), "<u2").tolist() == shown.tolist()


def test_offsets_of_czi_planes_are_those_of_their_subblocks(tmp_path: Path) -> None:
    pixels = np.zeros((4, 5), np.uint8)
    # One subblock is missing.
    starts = [{"T": t, "C": c, "Y": 0, "X": 0} for t in range(3) for c in range(2)]
    blocks = [Block(pixels, start) for start in starts if start != {"T": 1, "C": 0, "Y": 0, "X": 0}]
    path = tmp_path / "a.czi"
    write_czi(path, blocks, metadata_xml())
    table = plane_table(open_image(path))
    raw = path.read_bytes()
    missing = (table["T"] == 1) & (table["C"] == 0)
    assert table["offset"][missing].tolist() == [-1]
    assert table["file"][missing].tolist() == [None]
    for offset in table["offset"][~missing].tolist():
        assert raw[offset : offset + 16].rstrip(b"\0") == b"ZISRAWSUBBLOCK"


def test_files_of_a_joined_image(tmp_path: Path) -> None:
    for t in range(3):
        one = transpose_to(stack(), "CZYX", T=t)
        write_ome_tiff(one, tmp_path / f"t{t}.ome.tiff", compression=None)
    joined = open_many(tmp_path / "t{T}.ome.tiff", check="all")
    table = plane_table(joined)
    names = [Path(name).name for name in table["file"]]
    assert names == [f"t{t}.ome.tiff" for t in table["T"].tolist()]
    assert bytes_at(joined, "<u2").tolist() == to_numpy(joined)[..., 0, 0].ravel().tolist()


# ---------------------------------------------------------------- tiles and steps


def test_tiles_have_a_row_each(tmp_path: Path) -> None:
    pixels = np.zeros((4, 5), np.uint8)
    blocks = [Block(pixels, {"M": m, "Y": 0, "X": 5 * m}) for m in range(3)]
    write_czi(tmp_path / "a.czi", blocks, metadata_xml())
    stitched = tile_table(open_image(tmp_path / "a.czi"))
    assert stitched["x"].tolist() == [0, 5, 10]
    assert np.isnan(stitched["stage_x"]).all()
    apart = open_image(tmp_path / "a.czi", mosaic="tiles")
    assert plane_table(apart)["M"].tolist() == [0, 1, 2]
    assert len(set(plane_table(apart)["offset"].tolist())) == 3


def test_steps_are_measured_at_fixed_positions() -> None:
    seconds = np.arange(3)[:, None, None] * 10.0 + np.arange(2)[:, None] + np.arange(4) * 0.1
    handle = with_facts(stack(), Planes(Dims("TCZ", (3, 2, 4)), time=doubles(seconds)))
    steps = time_steps(handle)
    assert steps.median == pytest.approx(10)
    assert steps.uniform
    assert steps.count == 16
    seconds[2] += 5
    uneven = time_steps(with_facts(handle, Planes(Dims("TCZ", (3, 2, 4)), time=doubles(seconds))))
    assert not uneven.uniform
    assert uneven.lowest == pytest.approx(10)
    assert uneven.highest == pytest.approx(15)


def test_a_stated_step_alone() -> None:
    handle = stack()
    assert time_steps(handle).median is None
    scene = attrs.evolve(handle.scene, time_step=2.0)
    stated = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))
    assert (time_steps(stated).median, time_steps(stated).uniform) == (2.0, True)
    assert plane_table(stated)["time"].max() == 4.0


# ---------------------------------------------------------------- real files

FOLDERS = ("czi", "lif", "ometiff", "tiff", "lsm", "ndtiff")
NAMED = [name for name in corpus_names(*FOLDERS) if name != "czi/write_roi.czi"]


@pytest.mark.parametrize("name", [name for name in NAMED if name.startswith(("czi", "lif"))])
def test_real_files_have_one_clock(name: str) -> None:
    if not name.endswith((".czi", ".lif")):
        pytest.skip("a file beside the images")
    whole = open_image(corpus_file(name))
    for index, scene in enumerate(whole.scenes):
        if not scene.levels:
            continue
        handle = select_scene(whole, index)
        table = plane_table(handle)
        assert len(table) == math.prod(size for letter, size in table_dims(handle).items())
        planes = read_planes(handle)
        if planes is None or planes.time is None or "T" not in handle.dims:
            continue
        same_clock(handle)
        # Stamps of time points are taken by software; these files differ by up to 0.1 s.
        before = to_xarray(handle, lazy=True).coords["T"].values
        assert before == pytest.approx(first_times(handle), abs=0.11)


def table_dims(handle: ImageHandle) -> Dims:
    letters = [letter for letter in handle.dims if letter != "S"]
    plane = "YX" if "Y" in letters and "X" in letters else "".join(letters[-2:])
    order = "".join(letter for letter in letters if letter not in plane)
    return Dims(order, tuple(handle.dims[letter] for letter in order))


CZI_TIMES = ["czi/CD_s_1_t_3_c_2_z_5.czi", "czi/CellDivision_T3_Z6_CH1_X300_Y200_DCV_ZSTD.czi"]


@pytest.mark.parametrize("name", CZI_TIMES)
def test_times_and_places_are_the_recorded_ones(name: str) -> None:
    table = plane_table(open_image(corpus_file(name)))
    recorded = facts("czi")[name]["series"][0]["planes"]
    first = min(plane["dt"] for plane in recorded)
    rows = {
        key: row for row, key in enumerate(zip(*(table[c].tolist() for c in "ZCT"), strict=True))
    }
    for plane in recorded:
        row = rows[tuple(plane["zct"])]
        assert table["time"][row] == pytest.approx(plane["dt"] - first, abs=2e-3)
        place = [table[letter][row] for letter in "xyz"]
        assert place == pytest.approx(plane["pos"], abs=1e-3)


@pytest.mark.parametrize("name", ["czi/tiles_z.czi", "czi/xyz__multiple_images.czi"])
def test_sections_of_zen_black_are_the_recorded_ones(name: str) -> None:
    table = plane_table(open_image(corpus_file(name)))
    for plane in facts("czi")[name]["series"][0]["planes"]:
        row = int(
            np.flatnonzero((table["Z"] == plane["zct"][0]) & (table["C"] == plane["zct"][1]))[0]
        )
        assert table["z"][row] == pytest.approx(plane["pos"][2], abs=1e-6)


@pytest.mark.parametrize("start", [0.0, 1e300, -1e300])
def test_seconds_beyond_the_calendar_have_no_date(start: float) -> None:
    """As a digit that is damaged makes of an offset; numpy would warn, and return any date."""
    values = np.array([0.0, 1.5, 4e11, 2e300, 1.7e308, np.nan])
    planes = Planes(Dims("T", (6,)), time=values.tobytes(), start=start)
    handle = open_image(np.zeros((6, 4, 5), np.uint8), dims="TYX")
    dates = plane_table(with_facts(handle, planes, "2024-05-06T07:08:09"))["acquired"]
    assert np.isnat(dates).tolist() == ([False] * 2 if not start else [True] * 2) + [True] * 4
