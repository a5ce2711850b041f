"""What ``write_ome_tiff`` writes, tifffile reads: pixels, axes, types. What it refuses, it says how to put right."""

import os
import pickle
from pathlib import Path
from typing import Any, Literal

import dask.array as da
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from dask.delayed import delayed

from aicsio import (
    AicsioError,
    ArgumentTypeError,
    DimensionError,
    ImageHandle,
    PixelSize,
    WriteError,
    WriteReport,
    open_image,
    pipe,
    select_scene,
    to_numpy,
    transpose_to,
    write_ome_tiff,
)
from aicsio._ome.builder import PIXEL_TYPES
from aicsio.testing import ImageSpec, pixels
from aicsio.writers._pixels import plan
from aicsio.writers._pixels import tiff as tiff_structure
from support import mostly_long

Compression = Literal["zlib", "zstd", "lzw"] | None
COMPRESSIONS: list[Compression] = [None, "zlib", "zstd", "lzw"]


def array(*shape: int, dtype: str = "uint16", seed: int = 0) -> npt.NDArray[Any]:
    size = int(np.prod(shape))
    return pixels(ImageSpec(X=size, Y=1, dtype=dtype, seed=seed)).reshape(shape)


def series(path: str) -> tifffile.TiffPageSeries:
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_ome
        assert len(tiff.series) == 1
        return tiff.series[0]


def read(path: str) -> npt.NDArray[Any]:
    with tifffile.TiffFile(path) as tiff:
        return np.asarray(tiff.series[0].asarray())


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("dtype", sorted(PIXEL_TYPES))
def test_every_type_of_ome(dtype: str, compression: Compression, tmp_path: Path) -> None:
    image = array(2, 3, 33, 47, dtype=dtype)
    report = write_ome_tiff(
        open_image(image, dims="CZYX"), tmp_path / "a.ome.tiff", compression=compression
    )
    assert report.dtype == np.dtype(dtype)
    found = read(report.path)
    assert found.dtype == np.dtype(dtype)
    assert found.tobytes() == image.tobytes()


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("tile", ["auto", None, 16, (32, 48), 128])
@pytest.mark.parametrize("size", [(1, 1), (1, 90), (90, 1), (33, 70), (32, 32), (17, 31)])
def test_every_size_and_cut(
    size: tuple[int, int],
    tile: Any,
    compression: Compression,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "TILE", 32)
    monkeypatch.setattr(tiff_structure, "STRIP_BYTES", 1_000)
    monkeypatch.setattr(tiff_structure, "CODED_STRIP_BYTES", 500)
    image = array(2, *size)
    report = write_ome_tiff(
        open_image(image, dims="TYX"), tmp_path / "a.ome.tiff", compression=compression, tile=tile
    )
    assert read(report.path).tobytes() == image.tobytes()


@pytest.mark.parametrize(
    ("compression", "size", "tile"),
    [
        ("zlib", (513, 700), (512, 512)),
        ("zlib", (20, 700), (32, 512)),
        ("zlib", (512, 512), None),
        (None, (513, 700), None),
    ],
)
def test_tiles_are_for_large_compressed_planes(
    compression: Compression, size: tuple[int, int], tile: tuple[int, int] | None, tmp_path: Path
) -> None:
    report = write_ome_tiff(
        open_image(np.zeros(size, "u1")), tmp_path / "a.ome.tiff", compression=compression
    )
    with tifffile.TiffFile(report.path) as tiff:
        assert (tiff.pages.first.tile if tiff.pages.first.is_tiled else None) == tile


def test_raw_planes_lie_one_after_the_other(tmp_path: Path) -> None:
    image = array(3, 2, 40, 50)
    report = write_ome_tiff(
        open_image(image, dims="TCYX"), tmp_path / "a.ome.tiff", compression=None
    )
    found = series(report.path)
    assert found.dataoffset == 16
    mapped = np.memmap(report.path, "<u2", "r", found.dataoffset, image.shape)
    assert mapped.tobytes() == image.tobytes()


@pytest.mark.parametrize("samples", [2, 3, 4, 5])
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_samples_of_a_pixel(
    dtype: str, compression: Compression, samples: int, tmp_path: Path
) -> None:
    image = array(2, 3, 30, 51, samples, dtype=dtype)
    path = tmp_path / "a.ome.tiff"
    report = write_ome_tiff(open_image(image, dims="CZYXS"), path, compression=compression, tile=32)
    assert read(report.path).tobytes() == image.tobytes()
    assert series(report.path).axes == "CZYXS"
    with tifffile.TiffFile(report.path) as tiff:
        page = tiff.pages.first
        assert page.photometric == (2 if samples in {3, 4} else 1)
        assert page.extrasamples == {2: (0,), 3: (), 4: (2,), 5: (0, 0, 0, 0)}[samples]
        assert page.planarconfig == 1


@pytest.mark.parametrize(
    ("dims", "written"),
    [
        ("YX", "TCZYX"),
        ("XY", "TCZYX"),
        ("X", "TCZYX"),
        ("TZ", "TCZYX"),
        ("ZYX", "TCZYX"),
        ("TYX", "TCZYX"),
        ("YXC", "TCZYX"),
        ("TCZYX", "TCZYX"),
        ("ZTYX", "CZTYX"),
        ("ZTCYX", "ZTCYX"),
        ("XZCYT", "ZCTYX"),
        ("SXYC", "TCZYXS"),
    ],
)
def test_planes_keep_the_order_that_the_handle_gives_them(
    dims: str, written: str, tmp_path: Path
) -> None:
    image = array(*(3 if letter == "S" else 4 + i for i, letter in enumerate(dims)))
    handle = open_image(image, dims=dims)
    report = write_ome_tiff(handle, tmp_path / "a.ome.tiff")
    assert report.dims.order == written
    shown = to_numpy(transpose_to(handle, written))
    found = series(report.path)
    long = [letter for letter, size in zip(found.axes, found.shape, strict=True) if size > 1]
    assert long == [letter for letter in written if report.dims[letter] > 1]
    assert read(report.path).tobytes() == shown.tobytes()


def test_a_dimension_of_one_position_needs_no_pick(tmp_path: Path) -> None:
    image = array(1, 2, 1, 20, 30, 1)
    report = write_ome_tiff(open_image(image, dims="HCMYXS"), tmp_path / "a.ome.tiff")
    assert report.dims.order == "TCZYX"
    assert read(report.path).tobytes() == image.tobytes()


@pytest.mark.parametrize(
    "view",
    [
        {"X": slice(None, None, -1), "Z": [2, 0, 2]},
        {"Y": slice(3, 40, 7), "C": 1},
        {"X": slice(5, 6), "Y": [7]},
        {"T": slice(None, None, -2), "Z": slice(1, None)},
    ],
)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_what_the_view_shows_is_written(
    view: dict[str, Any], compression: Compression, tmp_path: Path
) -> None:
    handle = open_image(array(5, 2, 3, 45, 61), dims="TCZYX")
    order = "".join(letter for letter in "TCZYX" if not isinstance(view.get(letter), int))
    handle = transpose_to(handle, order, **view)
    report = write_ome_tiff(handle, tmp_path / "a.ome.tiff", compression=compression, tile=16)
    assert read(report.path).tobytes() == to_numpy(handle).tobytes()


@pytest.mark.parametrize("dtype", [">u2", ">f4", ">c8", ">i4"])
def test_big_endian_pixels_are_turned(dtype: str, tmp_path: Path) -> None:
    image = array(3, 40, 50, dtype=np.dtype(dtype).newbyteorder("=").name)
    for compression in (None, "zlib"):
        report = write_ome_tiff(
            open_image(image.astype(dtype)),
            tmp_path / "a.ome.tiff",
            compression=compression,
            overwrite=True,
        )
        assert read(report.path).tobytes() == image.tobytes()


def test_a_file_of_another_format_is_a_source(tmp_path: Path) -> None:
    image = array(3, 600, 700)
    tifffile.imwrite(
        tmp_path / "in.tif", image, photometric="minisblack", byteorder=">", tile=(64, 80)
    )
    report = write_ome_tiff(open_image(tmp_path / "in.tif", dims="ZYX"), tmp_path / "out.ome.tiff")
    assert read(report.path).tobytes() == image.tobytes()


def test_one_scene_of_several(tmp_path: Path) -> None:
    scenes = [array(4, 5), array(6, 7, seed=1)]
    report = pipe(
        open_image(scenes), select_scene(1), write_ome_tiff(tmp_path / "b.ome.tiff", tile=None)
    )
    assert isinstance(report, WriteReport)
    assert read(report.path).tobytes() == scenes[1].tobytes()


def test_the_step_is_a_value(tmp_path: Path) -> None:
    step = write_ome_tiff(
        str(tmp_path / "a.ome.tiff"), compression="lzw", tile=(32, 16), overwrite=True
    )
    assert pickle.loads(pickle.dumps(step)) == step
    assert hash(step) == hash(
        write_ome_tiff(
            str(tmp_path / "a.ome.tiff"), overwrite=True, tile=(32, 16), compression="lzw"
        )
    )
    report = step(open_image(array(40, 50)))
    assert pickle.loads(pickle.dumps(report)) == report
    assert os.path.getsize(report.path) == report.nbytes


@pytest.mark.parametrize("compression", mostly_long(COMPRESSIONS, "zstd"))
def test_the_same_image_gives_the_same_bytes(compression: Compression, tmp_path: Path) -> None:
    image = array(7, 600, 530)
    made: set[bytes] = set()
    for workers in (1, 2, 5):
        for source in (image, da.from_array(image, chunks=(2, 100, 530))):
            path = tmp_path / f"{len(made)}.ome.tiff"
            write_ome_tiff(
                open_image(source), path, compression=compression, workers=workers, overwrite=True
            )
            made.add(path.read_bytes())
    assert len(made) == 1


def test_the_level_of_compression(tmp_path: Path) -> None:
    image = open_image((np.arange(1 << 18) % 977).reshape(512, 512).astype("u2"))
    sizes = [
        write_ome_tiff(image, tmp_path / f"{n}.ome.tiff", compression_level=n).nbytes
        for n in (1, 9)
    ]
    assert sizes[1] < sizes[0]
    with pytest.raises(WriteError, match="without a compression"):
        write_ome_tiff(image, tmp_path / "a.ome.tiff", compression=None, compression_level=3)


def test_progress_is_told(tmp_path: Path) -> None:
    image = array(40, 300, 300)
    told: list[tuple[int, int]] = []
    write_ome_tiff(
        open_image(image),
        tmp_path / "a.ome.tiff",
        progress=lambda done, total: told.append((done, total)),
    )
    assert len(told) > 1
    assert told == sorted(told)
    assert told[-1] == (image.nbytes, image.nbytes)


# ---------------------------------------------------------------- types


def test_bool_becomes_uint8(tmp_path: Path) -> None:
    image = array(3, 20, 30, dtype="bool")
    for compression in (None, "zlib"):
        report = write_ome_tiff(
            open_image(image), tmp_path / "a.ome.tiff", compression=compression, overwrite=True
        )
        assert report.dtype == np.uint8
        assert (read(report.path) == image).all()


@pytest.mark.parametrize(
    ("dtype", "works"),
    [("int64", "int32"), ("uint64", "uint32"), ("float16", "float32"), ("longdouble", "float64")],
)
def test_a_type_that_ome_lacks_is_refused_with_the_cast_that_works(
    dtype: str, works: str, tmp_path: Path
) -> None:
    handle = open_image(np.arange(600).reshape(20, 30).astype(dtype))
    with pytest.raises(WriteError, match=f"dtype='{works}'"):
        write_ome_tiff(handle, tmp_path / "a.ome.tiff")
    report = write_ome_tiff(handle, tmp_path / "a.ome.tiff", dtype=works)
    assert report.dtype == np.dtype(works)
    assert (read(report.path) == np.arange(600).reshape(20, 30)).all()


@pytest.mark.parametrize(
    ("value", "dtype"), [(-1, "uint16"), (65536, "uint16"), (200, "int8"), (2**40, "int32")]
)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_integers_that_do_not_fit_are_not_wrapped(
    value: int, dtype: str, compression: Compression, tmp_path: Path
) -> None:
    image = np.zeros((5, 600, 700), np.int64)
    image[4, 599, 699] = value
    with pytest.raises(
        WriteError,
        match=f"{dtype} holds .* to {max(value, 0)}$|{dtype} holds .* from {min(value, 0)} ",
    ):
        write_ome_tiff(
            open_image(image), tmp_path / "a.ome.tiff", dtype=dtype, compression=compression
        )
    assert not list(tmp_path.iterdir())
    image[4, 599, 699] = np.iinfo(dtype).max
    assert (
        read(write_ome_tiff(open_image(image), tmp_path / "a.ome.tiff", dtype=dtype).path).max()
        == np.iinfo(dtype).max
    )


def test_floats_beyond_the_type_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="float32 does not reach"):
        write_ome_tiff(
            open_image(np.array([[1.0, 1e300]])), tmp_path / "a.ome.tiff", dtype="float32"
        )
    infinite = np.array([[np.inf, np.nan, 0.1]])
    report = write_ome_tiff(open_image(infinite), tmp_path / "a.ome.tiff", dtype="float32")
    assert read(report.path).tobytes() == infinite.astype("f4").tobytes()


@pytest.mark.parametrize(
    ("dtype", "wanted"),
    [("float32", "uint8"), ("complex64", "float32"), ("uint8", "int64"), ("uint8", "no type")],
)
def test_conversions_that_are_the_users_choice(dtype: str, wanted: str, tmp_path: Path) -> None:
    with pytest.raises(
        WriteError, match="dtype=" if wanted != "no type" else "is no type of numpy"
    ):
        write_ome_tiff(open_image(np.ones((3, 4), dtype)), tmp_path / "a.ome.tiff", dtype=wanted)


# ---------------------------------------------------------------- what is refused


def test_dims_that_ome_lacks_are_refused_with_calls_that_work(tmp_path: Path) -> None:
    image = array(2, 3, 4, 5, 20, 30)
    handle = open_image(image, dims="HCVZYX")
    with pytest.raises(DimensionError, match=r"OME-TIFF has no H, V: .*H=2.*V=4") as caught:
        write_ome_tiff(handle, tmp_path / "a.ome.tiff")
    told = str(caught.value)
    assert not list(tmp_path.iterdir())
    names = {
        "handle": handle,
        "transpose_to": transpose_to,
        "open_image": open_image,
        "to_dask": _to_dask,
    }
    picked = eval(told[told.index("transpose_to(") : told.index("; or fold")], names)  # noqa: S307 - what a user would paste
    folded = eval(told[told.index("open_image(") :], names)  # noqa: S307
    assert (
        read(write_ome_tiff(picked, tmp_path / "p.ome.tiff").path).tobytes()
        == image[0, :, 0].tobytes()
    )
    moved = image.transpose(0, 2, 1, 3, 4, 5)
    assert read(write_ome_tiff(folded, tmp_path / "f.ome.tiff").path).tobytes() == moved.tobytes()


def _to_dask(handle: ImageHandle) -> Any:
    return da.from_array(to_numpy(handle), chunks=-1)


def test_an_image_without_pixels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DimensionError, match="no pixels to write: Y=0, X=5"):
        write_ome_tiff(open_image(np.zeros((0, 5))), tmp_path / "a.ome.tiff")


@pytest.mark.parametrize("tile", [0, -16, 100, (512, 8), (16, 0)])
def test_tiles_that_tiff_does_not_allow(tile: Any, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="multiples of 16"):
        write_ome_tiff(open_image(np.zeros((4, 5))), tmp_path / "a.ome.tiff", tile=tile)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "webp"},
        {"compression": ""},
        {"tile": "512"},
        {"bigtiff": 1},
        {"overwrite": "no"},
    ],
)
def test_options_of_the_wrong_kind(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ArgumentTypeError):
        write_ome_tiff(open_image(np.zeros((4, 5))), tmp_path / "a.ome.tiff", **options)


def test_its_own_source_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tiff"
    write_ome_tiff(open_image(array(40, 50)), path)
    before = path.read_bytes()
    link = tmp_path / "link.ome.tiff"
    link.symlink_to(path)
    for target in (path, link):
        with pytest.raises(WriteError, match="where these pixels come from"):
            write_ome_tiff(open_image(path), target, overwrite=True)
    assert path.read_bytes() == before


def test_a_member_of_its_source_is_not_overwritten(tmp_path: Path) -> None:
    image = array(2, 40, 50)
    paths = [tmp_path / f"{name}.tif" for name in "ab"]
    for path, plane in zip(paths, image, strict=True):
        tifffile.imwrite(path, plane)
    both = da.stack([da.from_delayed(_delayed_read(path), (40, 50), "u2") for path in paths])
    # dask hides where its chunks come from; a file that is indexed by the package does not.
    write_ome_tiff(open_image(both, dims="CYX"), tmp_path / "c.ome.tiff")
    handle = open_image(tmp_path / "c.ome.tiff")
    moved = transpose_to(handle, "YX", T=0, Z=0, C=1)
    with pytest.raises(WriteError, match="where these pixels come from"):
        write_ome_tiff(moved, tmp_path / "c.ome.tiff", overwrite=True)


def _delayed_read(path: Path) -> Any:
    return delayed(tifffile.imread)(path)


def test_errors_of_writing_are_ours_and_pickle(tmp_path: Path) -> None:
    with pytest.raises(AicsioError) as caught:
        write_ome_tiff(open_image(np.zeros((4, 5))), tmp_path / "no" / "a.ome.tiff")
    assert "make it first" in str(pickle.loads(pickle.dumps(caught.value)))


# ---------------------------------------------------------------- structure of the file


def test_big_tiff_by_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = array(3, 2, 300, 400)
    handle = open_image(image, dims="TCYX")
    report = write_ome_tiff(handle, tmp_path / "classic.ome.tiff", compression=None)
    assert not report.bigtiff
    for limit, big in ((report.nbytes + 20_000, False), (report.nbytes - 1, True)):
        monkeypatch.setattr(tiff_structure, "CLASSIC_LIMIT", limit)
        again = write_ome_tiff(handle, tmp_path / "a.ome.tiff", compression=None, overwrite=True)
        assert again.bigtiff is big
        with tifffile.TiffFile(again.path) as tiff:
            assert tiff.is_bigtiff is big
        assert read(again.path).tobytes() == image.tobytes()


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("big", [True, False])
def test_big_tiff_by_choice(big: bool, compression: Compression, tmp_path: Path) -> None:
    image = array(1, 2, 600, 700, dtype="float64")
    path = tmp_path / "a.ome.tiff"
    report = write_ome_tiff(
        open_image(image, dims="TCYX"), path, bigtiff=big, compression=compression
    )
    assert report.bigtiff is big
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_bigtiff is big
    assert read(report.path).tobytes() == image.tobytes()


def test_classic_tiff_of_5_gib_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    def burst(_: object) -> None:
        pytest.fail("a chunk was computed")

    lazy = da.zeros((5, 1 << 15, 1 << 15), dtype="u1", chunks=(1, 1 << 10, 1 << 15)).map_blocks(
        burst, dtype="u1", meta=np.zeros((0, 0, 0), "u1")
    )
    with pytest.raises(WriteError, match="leave out bigtiff=False"):
        write_ome_tiff(open_image(lazy), tmp_path / "a.ome.tiff", compression=None, bigtiff=False)


def test_classic_tiff_that_grows_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aicsio.writers.ome_tiff._classic_limit", lambda *_: 100_000)
    with pytest.raises(WriteError, match="leave out bigtiff=False"):
        write_ome_tiff(open_image(array(10, 300, 400)), tmp_path / "a.ome.tiff", bigtiff=False)
    assert not list(tmp_path.iterdir())


def test_resolution_tags_say_the_pixel_size(tmp_path: Path) -> None:
    handle = open_image(np.zeros((4, 5), "u1"), pixel_size=PixelSize(X=0.325, Y=0.65))
    with tifffile.TiffFile(write_ome_tiff(handle, tmp_path / "a.ome.tiff").path) as tiff:
        page = tiff.pages.first
        assert page.resolutionunit == 3
        assert page.get_resolution("micrometer") == pytest.approx((1 / 0.325, 1 / 0.65), rel=1e-9)


@pytest.mark.parametrize(
    "size",
    [PixelSize(), PixelSize(X=0.5), PixelSize(X=1e30, Y=1e-30)],
)
def test_resolution_tags_say_nothing_that_is_not_known(size: PixelSize, tmp_path: Path) -> None:
    handle = open_image(np.zeros((4, 5), "u1"), pixel_size=size)
    with tifffile.TiffFile(write_ome_tiff(handle, tmp_path / "a.ome.tiff").path) as tiff:
        assert tiff.pages.first.resolutionunit == 1
        assert tiff.pages.first.resolution == (1, 1)


def test_names_of_files_are_any_text(tmp_path: Path) -> None:
    image = array(4, 5)
    path = tmp_path / ("Grün 細胞 " + "x" * 200 + ".ome.tiff")
    report = write_ome_tiff(open_image(image), path)
    assert report.path == str(path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert read(report.path).tobytes() == image.tobytes()
