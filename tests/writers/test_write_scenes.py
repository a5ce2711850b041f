"""Several scenes in one file: each with its own shape, type and channels; all of them or none."""

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from aicsio import (
    AICSImage,
    ArgumentTypeError,
    Diagnostic,
    DimensionError,
    ImageHandle,
    PixelSize,
    SceneError,
    WriteError,
    open_image,
    pipe,
    select_level,
    select_scene,
    to_numpy,
    transpose_to,
    write_ome_tiff,
    write_scenes,
)
from aicsio.testing import ImageSpec, TiffSpec, pixels, write
from aicsio.writers._pixels import boxes
from aicsio.writers._pixels import tiff as tiff_structure

CELLS = ImageSpec(
    T=2,
    C=3,
    Z=2,
    Y=40,
    X=50,
    name="cells",
    channel_names=("DAPI", "GFP", "Cy5"),
    pixel_size=PixelSize(2.0, 0.5, 0.5),
)
SLIDE = ImageSpec(Y=33, X=47, samples=3, dtype="uint8", name="slide", seed=1)
MAP = ImageSpec(Z=3, Y=20, X=600, dtype="float32", name="map", seed=2, levels=2)
SPECS = (CELLS, SLIDE, MAP)
FOLDED = "TCZYXS"


@pytest.fixture
def plate(tmp_path: Path) -> ImageHandle:
    """A file of three scenes that differ in everything."""
    return open_image(write(TiffSpec(SPECS), tmp_path, "plate.ome.tif"))


def stored(handle: ImageHandle, scene: int) -> npt.NDArray[Any]:
    return to_numpy(transpose_to(select_scene(handle, scene), FOLDED))


def assert_scene(read: ImageHandle, position: int, source: ImageHandle, scene: int) -> None:
    found, given = select_scene(read, position), select_scene(source, scene)
    assert found.dtype == given.dtype
    np.testing.assert_array_equal(stored(read, position), stored(source, scene))
    assert found.scene.name == given.scene.name
    assert [channel.name for channel in found.channels] == [
        channel.name for channel in given.channels
    ]
    assert found.pixel_size == given.pixel_size


def failing(at: int) -> ImageHandle:
    def plane(block: Any, block_info: Any = None) -> Any:
        if block_info[0]["chunk-location"][0] == at:
            raise ArithmeticError("half way")
        return block

    lazy = da.zeros((9, 60, 70), dtype="u2", chunks=(1, 60, 70))
    return open_image(
        lazy.map_blocks(plane, dtype="u2", meta=np.zeros((0, 0, 0), "u2")), dims="ZYX"
    )


# ---------------------------------------------------------------- what is written


@pytest.mark.parametrize("compression", [None, "zlib", "zstd", "lzw"])
@pytest.mark.parametrize("tile", ["auto", 16])
@pytest.mark.parametrize("bigtiff", [True, False])
def test_all_scenes_are_read_by_us_and_by_tifffile(
    plate: ImageHandle, compression: Any, tile: Any, bigtiff: bool, tmp_path: Path
) -> None:
    path = tmp_path / "out.ome.tiff"
    report = write_ome_tiff(
        plate, path, scenes="all", compression=compression, tile=tile, bigtiff=bigtiff
    )
    assert (report.nbytes, report.bigtiff) == (path.stat().st_size, bigtiff)
    assert (report.dims, report.dtype) == (
        select_scene(open_image(path), 0).dims,
        np.dtype("uint16"),
    )
    read = open_image(path)
    assert read.format == "ome-tiff"
    assert not read.diagnostics
    assert read.scene_names == ("cells", "slide", "map")
    for scene in range(3):
        assert_scene(read, scene, plate, scene)
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_bigtiff is bigtiff
        assert len(tiff.pages) == 12 + 1 + 3
        assert [series.name for series in tiff.series] == ["cells", "slide", "map"]
        for series, spec in zip(tiff.series, SPECS, strict=True):
            assert series.dtype == np.dtype(spec.dtype)
            assert series.asarray().tobytes() == pixels(spec).tobytes()


@pytest.mark.parametrize("workers", [1, 3])
def test_small_boxes_of_many_scenes_go_to_their_places(
    workers: int, plate: ImageHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boxes, "BOX_BYTES", 1)
    for compression in (None, "zlib"):
        path = tmp_path / f"{compression}.ome.tiff"
        write_ome_tiff(plate, path, scenes="all", compression=compression, workers=workers)
        for scene in range(3):
            assert_scene(open_image(path), scene, plate, scene)


@pytest.mark.parametrize(
    ("scenes", "written"),
    [
        ([2, 0], [2, 0]),
        (["map", -2], [2, 1]),
        ((1,), [1]),
        (range(3), [0, 1, 2]),
        ([np.int64(2)], [2]),
        ([1, 1], [1, 1]),
    ],
)
def test_scenes_by_index_and_name_in_the_order_given(
    scenes: Any, written: list[int], plate: ImageHandle, tmp_path: Path
) -> None:
    path = tmp_path / "out.ome.tiff"
    write_ome_tiff(select_scene(plate, 1), path, scenes=scenes)
    read = open_image(path)
    assert len(read.scenes) == len(written)
    for position, scene in enumerate(written):
        assert_scene(read, position, plate, scene)


def test_what_is_in_focus_is_written_unless_scenes_are_named(
    plate: ImageHandle, tmp_path: Path
) -> None:
    report = write_ome_tiff(select_scene(plate, "map"), tmp_path / "out.ome.tiff")
    assert open_image(report.path).scene_names == ("map",)


def test_it_is_a_step_too(plate: ImageHandle, tmp_path: Path) -> None:
    step = write_ome_tiff(tmp_path / "out.ome.tiff", scenes=["slide", 0])
    assert hash(step) == hash(write_ome_tiff(tmp_path / "out.ome.tiff", scenes=("slide", 0)))
    assert open_image(pipe(plate, step).path).scene_names == ("slide", "cells")


def test_handles_of_many_sources_as_they_are_picked(plate: ImageHandle, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=(5, 6))
    picked = transpose_to(plate, "ZCYX", T=1, C=[2, 0], Y=slice(None, None, -2))
    small = select_level(select_scene(plate, "map"), 1)
    path = tmp_path / "out.ome.tiff"
    report = write_scenes([picked, open_image(noise), small], path, dtype="float64", tile=16)
    assert (report.dims.order, report.dtype) == ("TZCYX", np.dtype("float64"))
    read = open_image(path)
    for position, part in enumerate((picked, open_image(noise), small)):
        np.testing.assert_array_equal(stored(read, position), to_numpy(transpose_to(part, FOLDED)))
    assert read.channel_names == ("Cy5", "DAPI")
    assert select_scene(read, 2).pixel_size == small.pixel_size


def test_raw_scenes_can_be_mapped(tmp_path: Path) -> None:
    images = [np.arange(15, dtype="u1").reshape(3, 5), np.arange(7, dtype="f8").reshape(1, 7)]
    report = write_scenes(
        [open_image(image) for image in images], tmp_path / "out.ome.tiff", compression=None
    )
    with tifffile.TiffFile(report.path) as tiff:
        for series, image in zip(tiff.series, images, strict=True):
            assert series.dataoffset is not None
            assert series.dataoffset % 16 == 0
            assert series.asarray(out="memmap").tobytes() == image.tobytes()


def test_the_same_scenes_give_the_same_bytes(plate: ImageHandle, tmp_path: Path) -> None:
    made = set()
    for workers in (1, 4):
        path = tmp_path / f"{workers}.ome.tiff"
        write_ome_tiff(plate, path, scenes="all", workers=workers)
        made.add(path.read_bytes())
    assert len(made) == 1


def test_progress_counts_all_scenes(plate: ImageHandle, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write_ome_tiff(
        plate, tmp_path / "out.ome.tiff", scenes="all", progress=lambda *step: told.append(step)
    )
    total = sum(pixels(spec).nbytes for spec in SPECS)
    assert told == sorted(told)
    assert told[-1] == (total, total)


def test_what_is_not_kept_names_its_scene(plate: ImageHandle, tmp_path: Path) -> None:
    notes = write_ome_tiff(plate, tmp_path / "out.ome.tiff", scenes="all").not_kept
    assert notes == (
        Diagnostic("not-kept", "1 other resolution levels: level 0 is written", "map"),
    )


# ---------------------------------------------------------------- classic or BigTIFF


def test_big_tiff_by_the_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = open_image(np.random.default_rng(0).integers(0, 9999, (300, 400), np.uint16))
    alone = write_ome_tiff(one, tmp_path / "one.ome.tiff", compression=None)
    monkeypatch.setattr(tiff_structure, "CLASSIC_LIMIT", alone.nbytes * 2)
    again = write_ome_tiff(one, tmp_path / "one.ome.tiff", compression=None, overwrite=True)
    three = write_scenes([one] * 3, tmp_path / "three.ome.tiff", compression=None)
    assert (again.bigtiff, three.bigtiff) == (False, True)
    with tifffile.TiffFile(three.path) as tiff:
        assert tiff.is_bigtiff
        assert len(tiff.series) == 3


def test_classic_tiff_is_refused_by_the_sum_before_anything_is_read(tmp_path: Path) -> None:
    half = open_image(da.zeros((5, 1 << 14, 1 << 15), dtype="u1", chunks=(1, 1 << 10, 1 << 15)))
    with pytest.raises(
        WriteError,
        match=r"Z=5.* and .*Z=5.* do not fit into classic TIFF.* leave out bigtiff=False",
    ):
        write_scenes([half, half], tmp_path / "out.ome.tiff", compression=None, bigtiff=False)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- all or nothing


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_second_scene_that_fails_leaves_the_old_file(
    compression: Any, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boxes, "BOX_BYTES", 1)
    path = tmp_path / "out.ome.tiff"
    path.write_bytes(b"the old one")
    with pytest.raises(ArithmeticError, match="half way"):
        write_scenes(
            [failing(99), failing(5)],
            path,
            overwrite=True,
            compression=compression,
            workers=workers,
        )
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("scenes", [[0, 3], ["cells", "nowhere"], [-4]])
def test_an_unknown_scene_is_refused(scenes: Any, plate: ImageHandle, tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="there are"):
        write_ome_tiff(plate, tmp_path / "out.ome.tiff", scenes=scenes)
    assert not (tmp_path / "out.ome.tiff").exists()


def test_a_scene_that_does_not_fit_is_named(tmp_path: Path) -> None:
    images = [np.zeros((4, 5), "u1"), np.zeros((4, 5), "i8")]
    with pytest.raises(WriteError, match=r"scene 'Image:1': OME-TIFF has no int64 .*dtype='int32'"):
        write_ome_tiff(open_image(images), tmp_path / "out.ome.tiff", scenes="all")
    with pytest.raises(DimensionError, match=r"scene 'Image:0': OME-TIFF has no H"):
        write_scenes(
            [open_image(images[0]), open_image(images, dims="HX")], tmp_path / "out.ome.tiff"
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("look", [transpose_to("YX", T=0, C=0, Z=0), transpose_to("XYTCZ")])
def test_a_view_and_scenes_together_are_refused(
    look: Any, plate: ImageHandle, tmp_path: Path
) -> None:
    with pytest.raises(
        WriteError, match=r"as they are stored, but this handle shows .*write_scenes\("
    ):
        write_ome_tiff(look(plate), tmp_path / "out.ome.tiff", scenes="all")


def test_a_level_and_scenes_together_are_refused(plate: ImageHandle, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="of level 1 of one scene"):
        write_ome_tiff(
            select_level(select_scene(plate, 2), 1), tmp_path / "out.ome.tiff", scenes=[0]
        )


def test_arguments_of_the_wrong_kind(plate: ImageHandle, tmp_path: Path) -> None:
    path = tmp_path / "out.ome.tiff"
    with pytest.raises(ArgumentTypeError, match=r"scenes=\['cells'\]"):
        write_ome_tiff(plate, path, scenes="cells")
    with pytest.raises(WriteError, match="no scenes to write"):
        write_ome_tiff(plate, path, scenes=[])
    wrong: Any
    for wrong in (plate, [plate, np.zeros((4, 5))], [np.zeros((4, 5)), plate], "ab"):
        with pytest.raises(ArgumentTypeError):
            write_scenes(wrong, path)


def test_no_source_of_any_scene_is_overwritten(plate: ImageHandle) -> None:
    path = Path(plate.source.uri)
    before = path.read_bytes()
    with pytest.raises(WriteError, match="where these pixels come from"):
        write_scenes([open_image(np.zeros((4, 5))), plate], path, overwrite=True)
    assert path.read_bytes() == before


# ---------------------------------------------------------------- the legacy face


@pytest.mark.parametrize("select", [None, [2, "Image:0"], ["Image:1"]])
def test_the_legacy_face_saves_scenes(select: Any, plate: ImageHandle, tmp_path: Path) -> None:
    path = tmp_path / "saved.ome.tiff"
    path.write_bytes(b"something else")
    img = AICSImage(plate.source.uri)
    img.set_scene(1)
    img.save(path, select_scenes=select)
    assert img.current_scene_index == 1
    saved = AICSImage(path)
    wanted = {"[2, 'Image:0']": [2, 0], "['Image:1']": [1]}.get(str(select), [0, 1, 2])
    assert len(saved.scenes) == len(wanted)
    for position, scene in enumerate(wanted):
        saved.set_scene(position)
        img.set_scene(scene)
        assert saved.dtype == img.dtype
        np.testing.assert_array_equal(saved.data, img.data)
        assert saved.physical_pixel_sizes == img.physical_pixel_sizes
    assert AICSImage(path).handle.scene_names == tuple(plate.scene_names[scene] for scene in wanted)


def test_the_legacy_face_refuses_what_is_not_there(plate: ImageHandle, tmp_path: Path) -> None:
    img = AICSImage(plate.source.uri)
    with pytest.raises(SceneError):
        img.save(tmp_path / "out.ome.tiff", select_scenes=[0, 7])
    with pytest.raises(WriteError, match="no scenes to write"):
        img.save(tmp_path / "out.ome.tiff", select_scenes=[])
    assert not (tmp_path / "out.ome.tiff").exists()
