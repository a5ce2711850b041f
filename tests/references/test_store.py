"""Any image as a Zarr store: pixels and coordinates as zarr-python, xarray and dask read them."""

import asyncio
import io
import pickle
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import (
    CorruptFileError,
    DimensionError,
    ImageHandle,
    PixelSize,
    UnsupportedFormatError,
    WriteError,
    open_image,
    select_level,
    to_numpy,
    to_xarray,
    transpose_to,
    write_ome_tiff,
)
from aicsio._io import pool
from aicsio.references import as_zarr_store
from aicsio.references.chunks import choose_grid
from aicsio.testing.czi import blocks_of, metadata_xml, write_czi
from aicsio.testing.lif import LifImage, build_lif
from http_server import Site, serving

zarr = pytest.importorskip("zarr")
xarray = pytest.importorskip("xarray")

PIXELS = np.random.default_rng(0).integers(0, 65535, (2, 3, 4, 90, 120), np.uint16)
SIZE = PixelSize(2.0, 0.5, 0.25)
RED_GREEN_BLUE = np.random.default_rng(1).integers(0, 255, (2, 40, 50, 3), np.uint8)


def czi(pixels: Any = PIXELS, dims: str = "TCZYX", **options: Any) -> ImageHandle:
    file = io.BytesIO()
    xml = metadata_xml(channels=["DAPI", "GFP", "Cy5"])
    write_czi(file, blocks_of(pixels, dims, **options), xml)
    return open_image(file.getvalue())


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ImageHandle]:
    """One image in several formats, of raw, compressed, tiled and mosaic pixels."""
    folder = tmp_path_factory.mktemp("images")
    plain = open_image(PIXELS, dims="TCZYX", pixel_size=SIZE)
    tiled = folder / "tiled.ome.tiff"
    write_ome_tiff(plain, tiled, compression="zlib", tile=(32, 32), levels=2)
    stripped = folder / "raw.ome.tiff"
    write_ome_tiff(plain, stripped, compression=None)
    return {
        "array": plain,
        "raw czi": czi(),
        "zstd czi": czi(compression="zstd1-hilo"),
        "mosaic czi": czi(tile=(40, 50), overlap=4, levels=2),
        "lif": open_image(build_lif([LifImage(PIXELS, "TCZYX")])),
        "tiled": open_image(tiled),
        "raw tiff": open_image(stripped),
    }


NAMES = ("array", "raw czi", "zstd czi", "mosaic czi", "lif", "tiled", "raw tiff")


def level_pixels(handle: ImageHandle, level: int = 0, **chunks: int) -> Any:
    group = zarr.open_group(as_zarr_store(handle, chunks=chunks or "auto"), mode="r")
    return group[f"scale{level}/image"][...]


@pytest.mark.parametrize("name", NAMES)
def test_pixels_of_all_levels(images: dict[str, ImageHandle], name: str) -> None:
    handle = images[name]
    order = "".join(letter for letter in "TCZYX" if letter in handle.dims)
    for level in range(len(handle.levels)):
        expected = to_numpy(transpose_to(select_level(handle, level), order))
        np.testing.assert_array_equal(level_pixels(handle, level), expected)
    np.testing.assert_array_equal(level_pixels(handle, Z=3, Y=37, X=50), PIXELS)


def test_xarray_shows_the_coordinates_of_to_xarray(images: dict[str, ImageHandle]) -> None:
    handle = images["tiled"]
    store = as_zarr_store(handle)
    for level in range(2):
        shown = xarray.open_zarr(store, group=f"scale{level}").load()
        expected = to_xarray(select_level(handle, level))
        for letter in "CZYX":
            np.testing.assert_array_equal(shown[letter.lower()], expected[letter])
        assert shown["x"].attrs["units"] == expected["X"].attrs["units"]
        np.testing.assert_array_equal(shown["image"], expected)
    tree = xarray.open_datatree(store, engine="zarr")
    assert set(tree.children) == {"scale0", "scale1"}


def test_a_zero_is_a_pixel_and_not_missing() -> None:
    shown = xarray.open_zarr(as_zarr_store(open_image(np.eye(4, dtype=np.uint8))), group="scale0")
    assert shown["image"].dtype == np.uint8
    np.testing.assert_array_equal(shown["image"], np.eye(4))


def test_dask_reads_it(images: dict[str, ImageHandle]) -> None:
    import dask.array as da

    array = zarr.open_group(as_zarr_store(images["zstd czi"]), mode="r")["scale0/image"]
    np.testing.assert_array_equal(da.from_zarr(array).compute(), PIXELS)


def attributes(handle: ImageHandle) -> Any:
    return zarr.open_group(as_zarr_store(handle), mode="r").attrs["ome"]


def test_models_of_the_specification_accept_it(images: dict[str, ImageHandle]) -> None:
    yaozarrs = pytest.importorskip("yaozarrs")
    ome = attributes(images["tiled"])
    image = yaozarrs.v05.Image.model_validate(ome)
    assert [axis.unit for axis in image.multiscales[0].axes[2:]] == ["micrometer"] * 3
    half = ome["multiscales"][0]["datasets"][1]["coordinateTransformations"]
    assert half[0]["scale"][-2:] == [1.0, 0.5]
    assert half[1]["translation"][-2:] == [0.25, 0.125]


def test_contrast_is_that_of_the_pixels() -> None:
    pixels = np.zeros((2, 64, 64), np.uint16)
    pixels[0] = np.arange(4096).reshape(64, 64) + 100
    windows = [c["window"] for c in attributes(open_image(pixels, dims="CYX"))["omero"]["channels"]]
    assert windows[0] == {"min": 0, "max": 65535, "start": 104, "end": 4191}
    assert windows[1]["end"] > windows[1]["start"]


@pytest.mark.parametrize("dims", ["TYXS", "CYXS"])
def test_samples_are_channels(dims: str) -> None:
    handle = open_image(RED_GREEN_BLUE, dims=dims)
    shown = level_pixels(handle)
    if dims == "TYXS":
        np.testing.assert_array_equal(shown, np.moveaxis(RED_GREEN_BLUE, -1, 1))
        colors = [channel["color"] for channel in attributes(handle)["omero"]["channels"]]
        assert colors == ["FF0000", "00FF00", "0000FF"]
    else:
        expected = np.moveaxis(RED_GREEN_BLUE, -1, 1).reshape(6, 40, 50)
        np.testing.assert_array_equal(shown, expected)
        assert len(attributes(handle)["omero"]["channels"]) == 6


def test_picked_and_turned_handles(images: dict[str, ImageHandle]) -> None:
    handle = images["tiled"]
    picked = transpose_to(handle, "XYZ", T=1, C=2, Z=slice(1, 4, 2))
    np.testing.assert_array_equal(level_pixels(picked), PIXELS[1, 2, 1:4:2])
    expected = to_numpy(select_level(handle, 1))[1, 2, 1:4:2]
    np.testing.assert_array_equal(level_pixels(picked, 1), expected)
    cropped = transpose_to(handle, "YX", T=0, C=0, Z=0, X=slice(20, 60, 2))
    np.testing.assert_array_equal(level_pixels(cropped), PIXELS[0, 0, 0, :, 20:60:2])
    datasets = attributes(cropped)["multiscales"][0]["datasets"]
    assert len(datasets) == 1
    scale, translation = datasets[0]["coordinateTransformations"]
    assert (scale["scale"][-1], translation["translation"][-1]) == (0.5, 20 * 0.25)
    uneven = transpose_to(handle, "ZYX", T=0, C=0, Z=[0, 1, 3])
    np.testing.assert_array_equal(level_pixels(uneven), PIXELS[0, 0, [0, 1, 3]])
    assert "unit" not in attributes(uneven)["multiscales"][0]["axes"][0]


def test_a_dimension_that_ome_zarr_lacks_is_named_with_a_call_that_works() -> None:
    handle = open_image(np.zeros((5, 3, 8, 9)), dims="HCYX")
    with pytest.raises(DimensionError, match=r"H=5: .* transpose_to\(handle, 'CYX', H=0\)"):
        as_zarr_store(handle)
    assert level_pixels(transpose_to(handle, "CYX", H=0)).shape == (3, 8, 9)
    with pytest.raises(DimensionError, match="transpose_to"):
        as_zarr_store(transpose_to(handle, "CX", H=0, Y=0))
    with pytest.raises(DimensionError, match="chunks"):
        as_zarr_store(transpose_to(handle, "CYX", H=0), chunks={"Q": 2})
    with pytest.raises(DimensionError, match="chunks"):
        as_zarr_store(transpose_to(handle, "CYX", H=0), chunks={"Y": 0})


@pytest.mark.parametrize("dtype", ["?", "i1", ">u2", "<i8", "f2", ">f4", "c8", "c16"])
def test_pixel_types(dtype: str) -> None:
    pixels = np.arange(30).reshape(5, 6).astype(dtype)
    shown = level_pixels(open_image(pixels, dims="YX"), Y=4, X=4)
    assert shown.dtype == pixels.dtype.newbyteorder("=")
    np.testing.assert_array_equal(shown, pixels)


def test_a_type_that_zarr_lacks() -> None:
    handle = open_image(np.zeros((4, 4), np.longdouble), dims="YX")
    with pytest.raises(UnsupportedFormatError, match="data type"):
        as_zarr_store(handle)


# ---------------------------------------------------------------- the interface of stores


def collect(keys: AsyncIterator[str]) -> list[str]:
    async def run() -> list[str]:
        return [key async for key in keys]

    return asyncio.run(run())


def test_listing_agrees_with_the_keys(images: dict[str, ImageHandle]) -> None:
    store = as_zarr_store(images["tiled"], chunks={"Y": 40, "X": 50, "Z": 1})
    keys = collect(store.list())
    assert len(keys) == len(set(keys))
    folders = {""} | {key.rpartition("/")[0] for key in keys}
    for folder in list(folders):
        parts = folder.split("/")
        folders |= {"/".join(parts[:count]) for count in range(len(parts))}
    for folder in folders:
        inside = f"{folder}/" if folder else ""
        expected = {k[len(inside) :].partition("/")[0] for k in keys if k.startswith(inside)}
        shown = collect(store.list_dir(folder))
        assert sorted(shown) == sorted(expected), folder
        assert sorted(collect(store.list_dir(inside))) == sorted(expected)
        assert collect(store.list_prefix(inside)) == [k for k in keys if k.startswith(inside)]
    for key in keys:
        value = store.read(key)
        assert value is not None
        assert asyncio.run(store.exists(key))
        assert asyncio.run(store.getsize(key)) == len(value)


@pytest.mark.parametrize(
    "key",
    [
        "", "scale0", "scale9/zarr.json", ".zattrs", "scale0/image/c", "scale0/image/c/0/0/0/0",
        "scale0/image/c/0/0/0/0/9", "scale0/image/c/00/0/0/0/0", "scale0/image/c/0/0/0/0/0/0",
        "scale0/image/c/-1/0/0/0/0", "scale0/image/c/0/0/0/0/\u0662", "../scale0/zarr.json",
    ],
)  # fmt: skip
def test_keys_that_there_are_not(images: dict[str, ImageHandle], key: str) -> None:
    store = as_zarr_store(images["array"])
    assert store.read(key) is None
    assert not asyncio.run(store.exists(key))
    assert asyncio.run(store.get(key)) is None
    with pytest.raises(FileNotFoundError):
        asyncio.run(store.getsize(key))
    if key.startswith("scale0/image/c/"):
        assert collect(store.list_dir(f"{key}/9")) == []


def test_ranges_of_values(images: dict[str, ImageHandle]) -> None:
    from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, SuffixByteRequest
    from zarr.core.buffer import default_buffer_prototype

    store = as_zarr_store(images["array"])
    key = "scale0/image/c/0/0/0/0/0"
    value = bytes(store.read(key) or b"")
    requests: dict[ByteRequest | None, bytes] = {
        RangeByteRequest(4, 10): value[4:10],
        OffsetByteRequest(100): value[100:],
        SuffixByteRequest(7): value[-7:],
        SuffixByteRequest(10**9): value,
        None: value,
    }
    parts = asyncio.run(
        store.get_partial_values(default_buffer_prototype(), [(key, each) for each in requests])
    )
    assert [part.to_bytes() if part else None for part in parts] == list(requests.values())


def test_it_is_a_value(images: dict[str, ImageHandle]) -> None:
    store = as_zarr_store(images["zstd czi"])
    other = pickle.loads(pickle.dumps(store))
    assert other == store
    assert hash(other) == hash(store)
    assert store != as_zarr_store(images["raw czi"])
    np.testing.assert_array_equal(zarr.open_group(other, mode="r")["scale0/image"][...], PIXELS)
    assert store.read_only
    assert store.with_read_only(read_only=True) == store


def test_nothing_is_written(images: dict[str, ImageHandle]) -> None:
    store = as_zarr_store(images["array"])
    with pytest.raises((WriteError, ValueError), match=r"read-only|read only"):
        zarr.open_group(store, mode="a").create_array("new", shape=(2,), dtype="u1")
    with pytest.raises(WriteError):
        asyncio.run(store.delete("zarr.json"))
    with pytest.raises(WriteError):
        store.with_read_only(read_only=False)


def test_many_threads_read_one_store(images: dict[str, ImageHandle]) -> None:
    array = zarr.open_group(as_zarr_store(images["mosaic czi"]), mode="r")["scale0/image"]
    planes = list(np.ndindex(*PIXELS.shape[:3])) * 3
    with ThreadPoolExecutor(4) as threads:
        for plane, shown in zip(planes, threads.map(lambda p: array[p], planes), strict=True):
            np.testing.assert_array_equal(shown, PIXELS[plane])


def test_a_damaged_chunk_is_an_error_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "cut.lif"
    content = build_lif([LifImage(PIXELS, "TCZYX")])
    path.write_bytes(content)
    array = zarr.open_group(as_zarr_store(open_image(path)), mode="r")["scale0/image"]
    path.write_bytes(content[:-1000])
    with pytest.raises((CorruptFileError, OSError)):
        array[...]


# ---------------------------------------------------------------- chunks


@pytest.mark.parametrize(
    ("dims", "chunk"),
    [
        ({"C": 2, "Z": 9, "Y": 2048, "X": 2048}, (1, 1, 2048, 2048)),
        ({"T": 5, "Z": 300, "Y": 64, "X": 64}, (1, 128, 64, 64)),
        ({"T": 50, "Z": 10, "Y": 64, "X": 64}, (12, 10, 64, 64)),
        ({"Y": 20000, "X": 4000}, (256, 4000)),
        ({"Y": 300, "X": 90000}, (8, 90000)),
    ],
)
def test_usual_chunks(dims: Mapping[str, int], chunk: tuple[int, ...]) -> None:
    pixels = np.broadcast_to(np.uint16(0), tuple(dims.values()))
    handle = open_image(pixels, dims="".join(dims))
    assert choose_grid(handle.array).chunk == chunk


def test_large_planes_are_cut_between_tiles(
    monkeypatch: pytest.MonkeyPatch, images: dict[str, ImageHandle]
) -> None:
    monkeypatch.setattr("aicsio.references.chunks.LARGEST_PLANE", 10_000)
    monkeypatch.setattr("aicsio.references.chunks.CUT_BYTES", 9_000)
    assert choose_grid(images["tiled"].array).chunk[-2:] == (64, 64)
    assert choose_grid(images["raw tiff"].array).chunk[-2:] == (32, 120)
    np.testing.assert_array_equal(level_pixels(images["tiled"]), PIXELS)


# ---------------------------------------------------------------- remote


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site
    pool.close_connections()


@pytest.mark.parametrize("compression", ["raw", "zstd1-hilo"])
def test_a_plane_over_http_takes_the_requests_of_to_numpy(site: Site, compression: str) -> None:
    file = io.BytesIO()
    pixels = PIXELS[0].repeat(4, axis=-1).repeat(4, axis=-2)  # planes beyond 256 KiB
    write_czi(
        file,
        blocks_of(pixels, "CZYX", compression=compression),
        metadata_xml(channels=["a", "b", "c"]),
    )
    site.files["a.czi"] = file.getvalue()
    handle = open_image(site.url + "a.czi")
    site.forget()
    expected = to_numpy(transpose_to(handle, "YX", C=1, Z=2))
    direct = len(site.asked)
    site.forget()
    store = as_zarr_store(handle, chunks={"Z": 1})
    shown = xarray.open_zarr(store, group="scale0")["image"][1, 2].load()
    np.testing.assert_array_equal(shown, expected)
    assert len(site.asked) <= direct
    assert sum(site.sent) <= 1.1 * expected.nbytes
    windows = attributes(handle)["omero"]["channels"]
    assert windows[0]["window"]["end"] == 65535, "contrast of remote pixels is not read unasked"
    site.forget()
    zarr.open_group(as_zarr_store(handle, contrast="pixels"), mode="r")
    assert len(site.asked) == 3
