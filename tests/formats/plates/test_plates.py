"""Plates in folders: generated ones against their description, tifffile, and OpenReadout."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from aicsio import (
    CorruptFileError,
    ImageHandle,
    PixelSize,
    SourceNotFoundError,
    UnsupportedFormatError,
    ome_metadata,
    ome_xml,
    open_image,
    plane_table,
    select_scene,
    select_well,
    to_dask,
    to_numpy,
    transpose_to,
    wells,
    write_ome_tiff,
    write_ome_zarr,
)
from aicsio.formats._tiff.metamorph import metamorph_date
from aicsio.formats.folders.names import PackedNames
from aicsio.planes import read_planes
from aicsio.testing.conformance import check_format
from aicsio.testing.plates import (
    WRITERS,
    PlateSpec,
    write_cellvoyager,
    write_harmony,
    write_imagexpress,
    write_incell,
    write_metamorph,
    write_micromanager,
    write_plate,
)
from http_server import serving
from support import mostly_long

KINDS = sorted(WRITERS)
FULL = PlateSpec(fields=2, T=2, C=2, Z=3)
Pixels = npt.NDArray[Any]


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One plate of each format, by its name."""
    root = tmp_path_factory.mktemp("plates")
    return {kind: write_plate(FULL, kind, root / kind) for kind in KINDS}


def all_pixels(handle: ImageHandle) -> list[Pixels]:
    return [to_numpy(select_scene(handle, index)) for index in range(len(handle.scenes))]


def folder_of(path: Path) -> Path:
    """The folder that a user would name."""
    return path if path.is_dir() else path.parent


# ---------------------------------------------------------------- pixels


@pytest.mark.parametrize("kind", KINDS)
def test_every_plane_is_that_of_the_description(plates: dict[str, Path], kind: str) -> None:
    for name in (plates[kind], folder_of(plates[kind])):
        handle = open_image(name)
        assert handle.format == kind
        assert handle.dims.order == "TCZYX"
        assert not handle.diagnostics
        wanted = FULL.pixels().reshape(-1, *FULL.shape, FULL.Y, FULL.X)
        assert np.array_equal(np.stack(all_pixels(handle)), wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_with_steps_is_a_crop(plates: dict[str, Path], kind: str) -> None:
    field = select_well(open_image(plates[kind]), "B3", 1)
    picks: dict[str, Any] = {"Z": [2, 0], "Y": slice(5, 1, -2), "X": slice(1, 6), "C": 1}
    wanted = FULL.pixels()[1, 1][:, 1, [2, 0], 5:1:-2, 1:6]
    assert np.array_equal(to_numpy(transpose_to(field, "TZYX", **picks)), wanted)
    lazy = to_dask(transpose_to(field, "TZYX", **picks))
    assert np.array_equal(lazy.compute(scheduler="synchronous"), wanted)


@pytest.mark.parametrize("kind", ["cellvoyager", "harmony", "imagexpress", "metamorph"])
def test_openreadout_sees_the_same(plates: dict[str, Path], kind: str) -> None:
    pytest.importorskip("openreadout")
    theirs = open_image(plates[kind], engine="openreadout")
    ours = open_image(plates[kind])
    assert len(theirs.scenes) == len(ours.scenes)
    for index in range(len(ours.scenes)):
        one = to_numpy(transpose_to(select_scene(theirs, index), "TCZYX"))
        assert np.array_equal(one, to_numpy(select_scene(ours, index)))


@pytest.mark.parametrize("compression", ["zlib", "lzw", None])
def test_members_are_what_tifffile_writes(tmp_path: Path, compression: str | None) -> None:
    spec = PlateSpec(Y=70, X=90)
    index = write_harmony(spec, tmp_path)
    for number, path in enumerate(sorted(index.parent.glob("*.tiff"))):
        pixels = np.random.default_rng(number).integers(0, 60_000, (70, 90)).astype(np.uint16)
        tile = (32, 32) if number % 2 else None
        tifffile.imwrite(path, pixels, compression=compression, tile=tile, byteorder=">")
    handle = open_image(index)
    for scene, well in enumerate(("r01c01", "r02c03")):
        shown = to_numpy(select_scene(handle, scene))
        for channel in range(2):
            path = index.parent / f"{well}f01p01-ch{channel + 1}sk1fk1fl1.tiff"
            assert np.array_equal(shown[0, channel, 0], tifffile.imread(path))


def test_colour_members_have_samples(tmp_path: Path) -> None:
    index = write_imagexpress(PlateSpec(C=1), tmp_path)
    pixels = np.random.default_rng(0).integers(0, 255, (6, 7, 3)).astype(np.uint8)
    for path in tmp_path.rglob("*.TIF"):
        tifffile.imwrite(path, pixels, photometric="rgb")
    handle = open_image(index)
    assert handle.dims.order == "TCZYXS"
    assert handle.channels[0].samples == 3
    assert np.array_equal(to_numpy(handle)[0, 0, 0], pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_opens_alone_as_tiff(plates: dict[str, Path], kind: str) -> None:
    members = [
        path
        for path in folder_of(plates[kind]).rglob("*")
        if path.suffix.lower() in {".tif", ".tiff", ".stk"}
    ]
    assert open_image(members[0]).format == "tiff"


# ---------------------------------------------------------------- wells and facts


@pytest.mark.parametrize("kind", KINDS)
def test_scenes_have_wells_and_fields(plates: dict[str, Path], kind: str) -> None:
    table = wells(open_image(plates[kind]))
    assert table["well"].tolist() == ["A1", "A1", "B3", "B3"]
    assert table["field"].tolist() == [0, 1, 0, 1]
    document = ome_metadata(open_image(plates[kind]))
    [plate] = document.plates
    assert [(well.row, well.column) for well in plate.wells] == [(0, 0), (1, 2)]
    if kind not in {"metamorph", "micromanager"}:
        assert plate.name == "plate"
        assert (plate.rows, plate.columns) == (8, 12)
    # Right values: PlateSpec.stage; offset_point of the index of InCell. The stage of the other kinds has no
    # place in the well (OME schema 2016-06, WellSample).
    places = [(s.position_x, s.position_y) for well in plate.wells for s in well.well_samples]
    if kind == "incell":
        assert places == [(0, 0), (100, -50)] * 2
    elif kind in {"harmony", "cellvoyager"}:
        assert places == [(0, 0), (100, 0), (18000, 9000), (18100, 9000)]
    else:
        assert places == [(None, None)] * 4


FACTS = {
    "cellvoyager": {
        *("emission", "excitation", "objective", "z_step", "pixel_size", "planes", "acquired"),
    },
    "harmony": {
        "emission",
        "excitation",
        "objective",
        "z_step",
        "pixel_size",
        "planes",
        "acquired",
    },
    "imagexpress": {"pixel_size", "z_step"},
    "incell": {"emission", "excitation", "objective", "z_step", "pixel_size", "acquired"},
    "metamorph": {"z_step", "acquired"},
    "micromanager": {"z_step", "pixel_size", "planes", "acquired"},
}
"""What each index has."""


@pytest.mark.parametrize("kind", KINDS)
def test_facts_are_those_of_the_description(plates: dict[str, Path], kind: str) -> None:
    scene = select_well(open_image(plates[kind]), "B3", 1).scene
    has = FACTS[kind]
    assert [channel.name for channel in scene.channels] == ["DAPI", "GFP"]
    emissions = [455.0, 515.0] if "emission" in has else [None, None]
    assert [channel.emission for channel in scene.channels] == emissions
    dyes = ["DAPI", "GFP"] if kind == "cellvoyager" else [None, None]
    assert [channel.fluor for channel in scene.channels] == dyes
    excitations = [385.0, 445.0] if "excitation" in has else [None, None]
    assert [channel.excitation for channel in scene.channels] == excitations
    across = 0.325 if "pixel_size" in has else None
    assert scene.pixel_size == PixelSize(1.5 if "z_step" in has else None, across, across)
    magnification = scene.objective and scene.objective.magnification
    assert magnification == (20.0 if "objective" in has else None)
    assert (scene.acquired or "")[:10] == ("2020-01-02" if "acquired" in has else "")
    if "planes" in has:
        check_planes(scene.planes)
        assert scene.time_step == 60.0


def check_planes(planes: Any) -> None:
    """Times, exposures and positions of the second field of well B3."""
    t, c, z = np.meshgrid(np.arange(2), np.arange(2), np.arange(3), indexing="ij")
    assert np.allclose(planes.column("time"), 60 * t + c + 0.125 * z)
    assert np.allclose(planes.column("exposure"), 0.25 * (c + 1))
    assert np.allclose(planes.column("x"), 18_100)
    assert np.allclose(planes.column("y"), 9000)
    assert np.allclose(planes.column("z"), 1.5 * z)


@pytest.mark.parametrize("kind", ["harmony", "incell", "cellvoyager", "micromanager"])
def test_an_exposure_of_0_is_none(kind: str, tmp_path: Path) -> None:
    spec = PlateSpec(wells=((0, 0),), exposure=0.0)
    planes = open_image(write_plate(spec, kind, tmp_path)).scene.planes
    assert planes is not None
    assert planes.column("exposure") is None
    assert planes.column("time") is not None


@pytest.mark.parametrize("kind", ["imagexpress", "metamorph", "metamorph-2"])
def test_files_have_the_facts_that_the_index_lacks(kind: str, tmp_path: Path) -> None:
    if kind == "imagexpress":
        index = write_imagexpress(FULL, tmp_path)
    else:
        index = write_metamorph(FULL, tmp_path, 2 if kind == "metamorph-2" else 1)
    handle = select_well(open_image(index), "B3", 1)
    assert handle.scene.planes is None
    check_planes(read_planes(handle))
    table = plane_table(transpose_to(handle, "YX", T=1, C=1, Z=2))
    assert (table["time"].tolist(), table["z"].tolist()) == ([61.25], [3.0])
    dates = ["NaT"] if kind == "imagexpress" else ["2020-01-02T03:05:06.250000"]
    assert table["acquired"].astype(str).tolist() == dates


def test_only_the_files_of_a_field_are_opened_for_its_facts(tmp_path: Path) -> None:
    index = write_imagexpress(attrs.evolve(FULL, missing=(1,)), tmp_path)
    for path in tmp_path.rglob("*_B03*.TIF"):
        path.write_bytes(b"no TIFF")
    handle = open_image(index)
    planes = read_planes(select_well(handle, "A1", 0))
    assert planes is not None
    times = planes.column("time")
    assert times is not None
    assert np.isnan(times).ravel().tolist() == [number == 1 for number in range(12)]
    with pytest.raises(CorruptFileError, match=r"B03_s1_w1\.TIF"):
        read_planes(select_well(handle, "B3", 0))


def test_files_without_facts_are_not_opened_to_the_last(tmp_path: Path) -> None:
    spec = attrs.evolve(FULL, wells=((0, 0),), fields=1)
    index = write_imagexpress(spec, tmp_path)
    paths = sorted(tmp_path.rglob("*.TIF"))
    for path in paths:
        path.write_bytes(path.read_bytes().replace(b"<MetaData>", b"<NetaData>"))
    paths[-1].write_bytes(b"no TIFF")
    assert len(paths) > 8
    assert read_planes(open_image(index)) is None


def test_a_file_of_metaxpress_has_its_facts_when_it_is_opened_alone(tmp_path: Path) -> None:
    write_imagexpress(FULL, tmp_path)
    [path] = tmp_path.glob("TimePoint_2/ZStep_3/*_B03_s2_w2.TIF")
    handle = open_image(path)
    assert handle.scene.acquired == "2020-01-02T03:05:06.250"
    planes = read_planes(handle)
    assert planes is not None
    columns = [planes.column(name) for name in ("time", "exposure", "x", "y", "z")]
    values = [float(column.item()) for column in columns if column is not None]
    assert values == [0.0, 0.5, 18_100.0, 9000.0, 3.0]


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("20240816 09:49:42.978", "2024-08-16T09:49:42.978"),
        ("20120802 11:06:33.66", "2012-08-02T11:06:33.066"),
        ("20200102 3:04:05", "2020-01-02T03:04:05"),
        ("20200230 03:04:05", None),
        ("06212007 3:32:45.123", None),
    ],
)
def test_dates_of_metamorph(text: str, date: str | None) -> None:
    """Behind the dot stands a count of milliseconds: Bio-Formats' ``DateTools`` and scripts of users agree."""
    assert metamorph_date(text) == date


@pytest.mark.parametrize(
    ("text", "size"), [("2,00", 2.0), ("0.5", 0.5), ("-1.5", 1.5), ("two", None)]
)
def test_steps_with_a_decimal_comma(text: str, size: float | None, tmp_path: Path) -> None:
    """As in ``decimal_comma_zstepsize.nd`` of the package ``metamorph-mda-parser``."""
    index = write_metamorph(FULL, tmp_path)
    index.write_text(index.read_text().replace('"ZStepSize", 1.5', f'"ZStepSize", {text}'))
    assert size == open_image(index).pixel_size.Z


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("harmony", "2020-01-02T02:04:00"),
        ("cellvoyager", "2020-01-01T18:00:00"),
        ("micromanager", "2020-01-02T02:04:05.123"),
    ],
)
def test_dates_of_planes_are_those_of_the_index(
    plates: dict[str, Path], kind: str, first: str
) -> None:
    table = plane_table(open_image(plates[kind]))
    assert table["acquired"][0] == np.datetime64(first)
    assert table["acquired"][-1] - table["acquired"][0] == np.timedelta64(61_250, "ms")


def test_fields_of_an_incell_lie_around_the_centre_of_their_well(plates: dict[str, Path]) -> None:
    planes: Any = open_image(plates["incell"]).scenes[1].planes
    # As the index has them; Bio-Formats turns Y upside down.
    assert planes.column("x").max() == 100.0
    assert planes.column("y").max() == -50.0


@pytest.mark.parametrize("kind", KINDS)
def test_the_plane_table_names_the_file_of_each_plane(plates: dict[str, Path], kind: str) -> None:
    table = plane_table(select_scene(open_image(plates[kind]), 3))
    files = table["file"].tolist()
    assert len(files) == 12
    assert all(os.path.isfile(file) for file in files)
    assert len(set(files)) == (4 if kind == "metamorph" else 12)


@pytest.mark.parametrize("kind", mostly_long(KINDS, "harmony"))
def test_writers_carry_the_plate(plates: dict[str, Path], kind: str, tmp_path: Path) -> None:
    handle = open_image(plates[kind])
    write_ome_tiff(handle, tmp_path / "plate.ome.tiff", scenes="all")
    copy = open_image(tmp_path / "plate.ome.tiff")
    assert wells(copy)["well"].tolist() == ["A1", "A1", "B3", "B3"]
    assert wells(copy)["field"].tolist() == [0, 1, 0, 1]
    assert np.array_equal(np.stack(all_pixels(copy)), np.stack(all_pixels(handle)))
    write_ome_zarr(handle, tmp_path / "plate.zarr", scenes="all")
    store = open_image(tmp_path / "plate.zarr")
    assert wells(store)["well"].tolist() == ["A1", "A1", "B3", "B3"]
    assert np.array_equal(np.stack(all_pixels(store)), np.stack(all_pixels(handle)))


# ---------------------------------------------------------------- missing and damaged


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "metamorph"])
def test_missing_files_are_zero_and_counted(kind: str, tmp_path: Path) -> None:
    spec = attrs.evolve(FULL, missing=(0, 17, 30))
    handle = open_image(write_plate(spec, kind, tmp_path))
    [note] = handle.diagnostics
    assert note.code == f"{kind}-missing-files"
    assert note.message.startswith("3 files")
    wanted = spec.pixels().reshape(-1, *spec.shape, spec.Y, spec.X)
    assert np.array_equal(np.stack(all_pixels(handle)), wanted)
    assert not wanted[0, 0, 0, 0].any()


def test_a_missing_stack_is_zero_and_counted(tmp_path: Path) -> None:
    handle = open_image(write_metamorph(attrs.evolve(FULL, missing=(3,)), tmp_path))
    [note] = handle.diagnostics
    assert note.code == "metamorph-missing-files"
    shown = to_numpy(handle)
    assert not shown[0, 1].any()
    assert np.array_equal(shown[0, 0], FULL.pixels()[0, 0, 0, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_vanishes_raises(kind: str, tmp_path: Path) -> None:
    index = write_plate(PlateSpec(), kind, tmp_path)
    handle = open_image(index)
    for path in tmp_path.rglob("*"):
        if path.suffix.lower() in {".tif", ".tiff", ".stk"}:
            path.unlink()
    with pytest.raises(SourceNotFoundError, match="is no more"):
        to_numpy(handle)


@pytest.mark.parametrize("shape", [(6, 8), (5, 7)])
def test_a_file_of_another_size_raises(shape: tuple[int, int], tmp_path: Path) -> None:
    index = write_harmony(PlateSpec(), tmp_path)
    tifffile.imwrite(index.parent / "r02c03f01p01-ch2sk1fk1fl1.tiff", np.zeros(shape, np.uint16))
    handle = open_image(index)
    to_numpy(transpose_to(select_well(handle, "B3"), "YX", C=0))
    with pytest.raises(CorruptFileError, match="expected"):
        to_numpy(select_well(handle, "B3"))


def test_a_file_that_is_no_tiff_raises_and_the_others_are_read(tmp_path: Path) -> None:
    index = write_harmony(PlateSpec(), tmp_path)
    (index.parent / "r01c01f01p01-ch1sk1fk1fl1.tiff").write_bytes(b"no image")
    handle = open_image(index)
    assert [note.code for note in handle.diagnostics] == ["harmony-broken-file"]
    with pytest.raises(CorruptFileError):
        to_numpy(handle)
    assert np.array_equal(to_numpy(select_well(handle, "B3")), PlateSpec().pixels()[1, 0])


ESCAPES = [
    "../outside.tiff",
    "/etc/passwd",
    "a/../../outside.tiff",
    "..\\outside.tiff",
    "C:\\a.tif",
]


@pytest.mark.parametrize("name", ESCAPES)
def test_names_that_leave_the_folder_are_refused(name: str, tmp_path: Path) -> None:
    index = write_harmony(PlateSpec(), tmp_path)
    text = index.read_text().replace("r01c01f01p01-ch1sk1fk1fl1.tiff", name)
    index.write_text(text)
    with pytest.raises(CorruptFileError, match="not below its folder"):
        open_image(index)


def test_a_folder_that_is_a_link_elsewhere_is_refused(tmp_path: Path) -> None:
    index = write_imagexpress(PlateSpec(), tmp_path / "plate")
    (tmp_path / "plate" / "TimePoint_1").rename(tmp_path / "elsewhere")
    (tmp_path / "plate" / "TimePoint_1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CorruptFileError, match="leads out"):
        open_image(index)


def test_an_index_in_memory_has_no_files() -> None:
    with pytest.raises(CorruptFileError, match="give its path"):
        open_image(b"<EvaluationInputData><Images><Image><URL>a</URL></Image></Images></Evaluation")


def test_the_file_decides_where_the_index_gives_another_size(tmp_path: Path) -> None:
    index = write_harmony(PlateSpec(), tmp_path)
    index.write_text(index.read_text().replace("<ImageSizeX>7<", "<ImageSizeX>9<"))
    handle = open_image(index)
    assert handle.dims.X == 7
    assert [note.code for note in handle.diagnostics] == ["harmony-size-differs"]


# ---------------------------------------------------------------- what is opened


def count_opens(monkeypatch: pytest.MonkeyPatch, call: Callable[[], object]) -> list[str]:
    """Names of the files that a call opens."""
    opened: list[str] = []
    real = os.open

    def note(path: Any, *arguments: Any, **options: Any) -> int:
        opened.append(os.fspath(path))
        return real(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", note)
        call()
    return [name for name in opened if "." in os.path.basename(name)]


@pytest.mark.parametrize("kind", KINDS)
def test_opening_opens_the_index_and_few_files(
    plates: dict[str, Path], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = count_opens(monkeypatch, lambda: open_image(plates[kind]))
    images = {name for name in opened if name.lower().endswith((".tif", ".tiff", ".stk"))}
    # The last section of a stack of MetaXpress has the position that gives the step.
    assert len(images) == {"micromanager": 0, "imagexpress": 2}.get(kind, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_opens_its_own_files_once_each(
    plates: dict[str, Path], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = select_well(open_image(plates[kind]), "B3", 1)
    own = set(plane_table(field)["file"].tolist())
    opened = count_opens(monkeypatch, lambda: to_numpy(field))
    assert set(opened) == own
    # A stack is opened for its directory and for its pixels; a plane in between stays open.
    assert len(opened) <= 2 * len(own)


@pytest.mark.parametrize("kind", KINDS)
def test_handles_are_small_and_travel(plates: dict[str, Path], kind: str) -> None:
    handle = open_image(plates[kind])
    pickled = pickle.dumps(handle)
    assert pickle.loads(pickled) == handle
    assert hash(pickle.loads(pickled)) == hash(handle)
    # 48 planes with five facts of 8 bytes, and the description of the acquisition.
    assert len(pickled) < 9000


def test_names_take_few_bytes() -> None:
    names = [f"r{i // 99:02}c{i % 24:02}f01p01-ch1sk{i}fk1fl1.tiff" for i in range(10_000)]
    packed = PackedNames.pack(names)
    assert packed.list() == tuple(names)
    assert [packed.at(i) for i in (0, 255, 256, 9_999)] == [names[i] for i in (0, 255, 256, 9_999)]
    assert len(pickle.dumps(packed)) < 60_000
    assert PackedNames.pack([]).list() == ()


def test_a_field_without_files_is_zero(tmp_path: Path) -> None:
    handle = open_image(write_micromanager(PlateSpec(missing=(2, 3)), tmp_path))
    empty = select_well(handle, "B3")
    assert not to_numpy(empty).any()
    assert plane_table(empty)["file"].tolist() == [None, None]


@pytest.mark.parametrize("kind", mostly_long(KINDS, "harmony"))
def test_every_law_of_formats_holds(kind: str, tmp_path: Path) -> None:
    index = write_plate(PlateSpec(T=2, Z=2), kind, tmp_path)
    if index.is_dir():
        index = index / "A1-Site_0" / "metadata.txt"
    members = [path for path in index.parent.rglob("*") if path.is_file() and path != index]
    report = check_format(kind, index, members=members, variants=3)
    assert len(report.held) == 16


@pytest.mark.parametrize("kind", KINDS)
def test_plates_on_a_web_server(plates: dict[str, Path], kind: str) -> None:
    path = plates[kind]
    if path.is_dir():
        path = path / "A1-Site_0" / "metadata.txt"
    files = {
        each.relative_to(path.parent).as_posix(): each.read_bytes()
        for each in path.parent.rglob("*")
        if each.is_file()
    }
    with serving() as site:
        site.files.update(files)
        handle = open_image(site.url + path.name)
        assert np.array_equal(to_numpy(handle), FULL.pixels()[0, 0])
        # No list of the folder: what the server lacks is zero.
        last = max(name for name in files if name.lower().endswith((".tif", ".tiff", ".stk")))
        del site.files[last]
        handle = open_image(site.url + path.name)
        shown = to_numpy(select_scene(handle, len(handle.scenes) - 1))
        assert not shown[-1, -1, -1].any()
        # Any other answer is no missing file.
        site.status = 403
        with pytest.raises(OSError, match="403"):
            to_numpy(handle)


# ---------------------------------------------------------------- one format each


def test_older_harmony_repeats_the_channel_in_each_image(tmp_path: Path) -> None:
    handle = open_image(write_harmony(FULL, tmp_path, "V3"))
    scene = select_well(handle, "B3", 1).scene
    assert [channel.emission for channel in scene.channels] == [455.0, 515.0]
    check_planes(scene.planes)
    assert open_image(tmp_path).dims == handle.dims


def test_references_in_an_index_of_harmony_are_parsed(tmp_path: Path) -> None:
    index = write_harmony(PlateSpec(), tmp_path, "V3")
    index.write_text(
        index.read_text().replace(">DAPI<", ">DAPI &amp; x<").replace("<id>1", "<!-- a --><id>1")
    )
    handle = open_image(index)
    assert handle.channel_names == ("DAPI & x", "GFP")
    assert np.array_equal(to_numpy(handle), PlateSpec().pixels()[0, 0])


@pytest.mark.parametrize("kind", ["harmony", "cellvoyager", "incell"])
def test_an_index_that_was_cut_shows_what_is_whole(kind: str, tmp_path: Path) -> None:
    index = write_plate(PlateSpec(), kind, tmp_path)
    text = index.read_text()
    tag = "MeasurementRecord" if kind == "cellvoyager" else "Image"
    closing = f"</bts:{tag}>" if kind == "cellvoyager" else f"</{tag}>"
    index.write_text(text[: text.rindex(closing) - 4])
    handle = open_image(index)
    codes = {note.code for note in handle.diagnostics}
    assert codes == {f"{kind}-index", f"{kind}-missing-planes"}
    wanted = PlateSpec(missing=(3,)).pixels()[:, 0]
    assert np.array_equal(np.stack(all_pixels(handle)), wanted)


def test_identifiers_in_names_of_imagexpress(tmp_path: Path) -> None:
    identifier = "08B5A2E3-1111-2222-3333-0123456789AB"
    index = write_imagexpress(FULL, tmp_path, identifier)
    thumb = tmp_path / "TimePoint_1" / "ZStep_1" / f"plate_A01_s1_w1_thumb{identifier}.TIF"
    thumb.write_bytes(b"a thumbnail")
    handle = open_image(index)
    assert not handle.diagnostics
    assert np.array_equal(to_numpy(handle), FULL.pixels()[0, 0])


def test_identifiers_in_brackets_and_wavelengths_that_were_left_out(tmp_path: Path) -> None:
    spec = PlateSpec(C=3)
    index = write_imagexpress(spec, tmp_path, "_[08B5A2E3-1111-2222-3333-0123456789AB]")
    index.write_text(index.read_text().replace('"WaveCollect2", 1', '"WaveCollect2", 0'))
    handle = open_image(index)
    assert not handle.diagnostics
    assert handle.channel_names == ("DAPI", "Cy3")
    assert np.array_equal(to_numpy(handle), spec.pixels()[0, 0][:, [0, 2]])


def test_projections_stand_for_wavelengths_without_sections(tmp_path: Path) -> None:
    index = write_imagexpress(FULL, tmp_path)
    folder = tmp_path / "TimePoint_1"
    for path in (folder / "ZStep_1").glob("*_w2.TIF"):
        path.rename(folder / path.name)
    for path in tmp_path.rglob("ZStep_*/*_w2.TIF"):
        path.unlink()
    # A projection of a wavelength with sections is none of them.
    (folder / "ZStep_0").mkdir()
    (folder / "ZStep_0" / "plate_A01_s1_w1.TIF").write_bytes(b"a projection")
    handle = open_image(index)
    assert [note.code for note in handle.diagnostics] == [
        "imagexpress-projections", "imagexpress-hidden-projections", "imagexpress-missing-files",
    ]  # fmt: skip
    # MetaXpress writes projections into ZStep_0 (plate 9987 of the tests of faim-ipa, ``ZProjection``).
    assert "1 projections" in handle.diagnostics[1].message
    assert "'TimePoint_1/ZStep_0/plate_A01_s1_w1.TIF'" in handle.diagnostics[1].message
    wanted = FULL.pixels()[0, 0].copy()
    wanted[0, 1, 1:], wanted[1, 1] = 0, 0
    assert np.array_equal(to_numpy(handle), wanted)


def test_fields_of_cellvoyager_have_the_channels_and_times_of_their_timeline(
    tmp_path: Path,
) -> None:
    """Four wells, four timelines of a channel each: plate 20250303-Illumination-QC of cellvoyager-types."""
    spec = PlateSpec(wells=((0, 0), (1, 1)), fields=2, T=2, C=2, Z=1)
    index = write_cellvoyager(spec, tmp_path)
    lines = []
    for line in index.read_text().splitlines(keepends=True):
        taken = line
        if 'bts:Row="2"' in line:
            # The second timeline takes the second channel, at time points behind those of the first.
            taken = line.replace('TimelineIndex="1"', 'TimelineIndex="2"')
            taken = taken.replace('TimePoint="2"', 'TimePoint="4"')
            taken = taken.replace('TimePoint="1"', 'TimePoint="3"')
        row, channel = ('Row="1"' in line) + 2 * ('Row="2"' in line), 'bts:Ch="1"' in line
        if row == 0 or channel == (row == 1):
            lines.append(taken)
    index.write_text("".join(lines))
    handle = open_image(index)
    assert [scene.name for scene in handle.scenes] == ["A1-1", "A1-2", "B2-1", "B2-2"]
    assert not handle.diagnostics
    for number, scene in enumerate(handle.scenes):
        well, field = divmod(number, 2)
        assert [channel.name for channel in scene.channels] == [("DAPI", "GFP")[well]]
        pixels = to_numpy(select_scene(handle, number))
        assert np.array_equal(pixels, spec.pixels()[well, field, :, well : well + 1])


def test_the_step_of_imagexpress_is_that_of_the_stage(tmp_path: Path) -> None:
    """As faim-ipa and Bio-Formats' MetamorphReader take it: the difference of ``z-position`` of the planes."""
    spec = attrs.evolve(FULL, Z=4, z_step=0.35)
    index = write_imagexpress(spec, tmp_path)
    handle = open_image(index)
    assert handle.pixel_size.Z == 0.35
    # A wavelength with fewer sections is not the one that is measured; the first one is missing here.
    for path in tmp_path.rglob("ZStep_1/*_w1.TIF"):
        path.unlink()
    assert open_image(index).pixel_size.Z == 0.35
    # Without positions, or with the same one, there is no step.
    for path in tmp_path.rglob("*.TIF"):
        content = path.read_bytes()
        path.write_bytes(content.replace(b"z-position", b"a-position"))
    assert open_image(index).pixel_size.Z is None


@pytest.mark.parametrize("kind", ["imagexpress", "metamorph"])
def test_planned_time_points_that_were_not_taken(kind: str, tmp_path: Path) -> None:
    index = write_plate(FULL, kind, tmp_path)
    name = "TimePoints" if kind == "imagexpress" else "NTimePoints"
    index.write_text(index.read_text().replace(f'"{name}", 2', f'"{name}", 90000'))
    handle = open_image(index)
    assert [note.code for note in handle.diagnostics] == [f"{kind}-stopped"]
    assert np.array_equal(to_numpy(handle), FULL.pixels()[0, 0])


def test_columbus_keeps_planes_in_one_file(tmp_path: Path) -> None:
    spec = PlateSpec(wells=((0, 0),), Z=3, C=1)
    index = write_harmony(spec, tmp_path)
    text = index.read_text()
    for number in range(3):
        name = f"r01c01f01p{number + 1:02}-ch1sk1fk1fl1.tiff"
        text = text.replace(
            f"<URL>{name}</URL>", f"<URL>all.tif</URL><BufferNo>{number}</BufferNo>"
        )
    index.write_text(text)
    tifffile.imwrite(index.parent / "all.tif", spec.pixels()[0, 0, 0, 0], photometric="minisblack")
    assert np.array_equal(to_numpy(open_image(index)), spec.pixels()[0, 0])


def test_one_site_and_one_wavelength_leave_no_trace_in_names(tmp_path: Path) -> None:
    spec = PlateSpec(C=1)
    handle = open_image(write_imagexpress(spec, tmp_path))
    assert np.array_equal(to_numpy(handle), spec.pixels()[0, 0])


@pytest.mark.parametrize("version", [1, 2])
def test_metamorph_files_are_stacks(version: int, tmp_path: Path) -> None:
    handle = open_image(write_metamorph(FULL, tmp_path, version))
    wanted = FULL.pixels().reshape(-1, *FULL.shape, FULL.Y, FULL.X)
    assert np.array_equal(np.stack(all_pixels(handle)), wanted)
    assert len(list(tmp_path.glob("*.STK"))) == (16 if version == 1 else 0)


@pytest.mark.parametrize("version", [1.4, 2.0])
def test_micromanager_versions(version: float, tmp_path: Path) -> None:
    folder = write_micromanager(FULL, tmp_path, version)
    handle = open_image(folder)
    assert [scene.name for scene in handle.scenes] == [
        "A1-Site_0", "A1-Site_1", "B3-Site_0", "B3-Site_1",
    ]  # fmt: skip
    wanted = FULL.pixels().reshape(-1, *FULL.shape, FULL.Y, FULL.X)
    assert np.array_equal(np.stack(all_pixels(handle)), wanted)
    alone = open_image(folder / "B3-Site_0" / "metadata.txt")
    assert len(alone.scenes) == 1
    assert np.array_equal(to_numpy(alone), wanted[2])


def test_micromanager_metadata_without_their_end(tmp_path: Path) -> None:
    folder = write_micromanager(PlateSpec(wells=((0, 0),), T=3), tmp_path, 1.4)
    path = folder / "A1-Site_0" / "metadata.txt"
    text = path.read_text()
    path.write_text(text[: text.rindex('"FrameKey-2-1-0"') + 60])
    handle = open_image(folder)
    assert {note.code for note in handle.diagnostics} == {
        "micromanager-cut",
        "micromanager-missing-planes",
    }
    assert to_numpy(handle)[2, 0].any()
    assert not to_numpy(handle)[2, 1].any()


def test_micromanager_stacks_open_by_themselves(tmp_path: Path) -> None:
    folder = write_micromanager(PlateSpec(wells=((0, 0),), T=3), tmp_path, 1.4)
    path = folder / "A1-Site_0" / "metadata.txt"
    text = path.read_text()
    for line in text.splitlines():
        if "FileName" in line:
            text = text.replace(line, '"FileName": "a_MMStack_Pos0.ome.tif",')
    path.write_text(text)
    with pytest.raises(UnsupportedFormatError, match="open that file"):
        open_image(folder)


def test_two_indices_leave_the_choice_to_the_caller(tmp_path: Path) -> None:
    write_incell(PlateSpec(), tmp_path)
    write_incell(PlateSpec(name="other"), tmp_path)
    with pytest.raises(UnsupportedFormatError, match=r"open one of them: other\.xdce, plate\.xdce"):
        open_image(tmp_path)
    assert len(open_image(tmp_path / "other.xdce").scenes) == 2


def test_a_plane_that_two_files_show_is_shown_once(tmp_path: Path) -> None:
    index = write_incell(PlateSpec(), tmp_path)
    text = index.read_text()
    start = text.index("<Image ", text.index("<Images"))
    image = text[start : text.index("</Image>", start) + 8]
    again = image.replace("A - 1(fld 1 wv DAPI", "A - 1(fld 1 wv GFP")
    index.write_text(text.replace(image, image + again))
    handle = open_image(index)
    assert [note.code for note in handle.diagnostics] == ["incell-repeated-planes"]
    assert np.array_equal(to_numpy(handle), PlateSpec().pixels()[0, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_document_obeys_the_schema(plates: dict[str, Path], kind: str) -> None:
    handle = open_image(plates[kind])
    text = ome_xml(handle).text
    assert text.count("<WellSample ") == 4
    assert handle.contents.metadata
    assert not [note for note in ome_xml(handle).diagnostics if "schema" in note.code]


def test_micromanager_folders_named_with_superscripts(tmp_path: Path) -> None:
    """``str.isdigit`` takes them, ``int`` refuses them."""
    folder = write_micromanager(FULL, tmp_path, 2.0)
    (folder / "A1-Site_0").rename(folder / "1²2")
    handle = open_image(folder)
    assert len(handle.scenes) == 4
    wanted = FULL.pixels().reshape(-1, *FULL.shape, FULL.Y, FULL.X)
    shown = np.stack(all_pixels(handle)).reshape(4, -1).sum(axis=1)
    assert sorted(shown.tolist()) == sorted(wanted.reshape(4, -1).sum(axis=1).tolist())


def test_numbers_beyond_64_bits_are_an_error_of_ours(tmp_path: Path) -> None:
    """An index is XML, whose numbers have no largest one: numpy has."""
    index = write_harmony(FULL, tmp_path)
    page = "<BufferNo>99999999999999999999</BufferNo><PlaneID>"
    index.write_text(index.read_text().replace("<PlaneID>", page, 1))
    with pytest.raises(CorruptFileError, match="expected numbers of 64 bits for page"):
        open_image(index)


def test_numbers_spelt_in_two_ways_are_one_position(
    plates: dict[str, Path], tmp_path: Path
) -> None:
    # Right values: those of the same plate with one spelling. An index is XML: its numbers are texts.
    index = write_harmony(FULL, tmp_path)
    text = index.read_text()
    index.write_text(text.replace("<PlaneID>2<", "<PlaneID>02<", 3))
    whole, spelt = open_image(plates["harmony"]), open_image(index)
    assert spelt.dims == whole.dims
    assert not spelt.diagnostics
    assert all(
        np.array_equal(*pair) for pair in zip(all_pixels(whole), all_pixels(spelt), strict=True)
    )
