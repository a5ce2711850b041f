"""References: byte ranges of images' own files, read by zarr-python and xarray through fsspec."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from aicsio import (
    CorruptFileError,
    DimensionError,
    ImageHandle,
    UnsupportedFormatError,
    open_image,
    open_many,
    select_level,
    to_numpy,
    transpose_to,
    write_ome_tiff,
    write_ome_zarr,
)
from aicsio._io import pool
from aicsio.cli import main
from aicsio.references import to_references
from aicsio.testing.czi import blocks_of, write_czi
from aicsio.testing.lif import LifImage, build_lif
from http_server import Site, serving

fsspec_reference = pytest.importorskip("fsspec.implementations.reference")
imagecodecs_numcodecs = pytest.importorskip("imagecodecs.numcodecs")
xarray = pytest.importorskip("xarray")
zarr = pytest.importorskip("zarr")

PIXELS = np.random.default_rng(0).integers(0, 65535, (2, 3, 4, 90, 120), np.uint16)
RED_GREEN_BLUE = np.ascontiguousarray(np.moveaxis(PIXELS[0, :3, 0].astype(np.uint8), 0, -1))
TIFF_OPTIONS: dict[str, dict[str, Any]] = {
    "big-endian.tif": {"byteorder": ">"},
    "tiles.tif": {"tile": (32, 48)},
    "strips.tif": {"rowsperstrip": 32},
    "zlib-strips.tif": {"rowsperstrip": 32, "compression": "zlib", "byteorder": ">"},
    "zlib-tiles.tif": {"tile": (32, 48), "compression": "zlib"},
    "zstd-tiles.tif": {"tile": (32, 48), "compression": "zstd"},
    "lzw-tiles.tif": {"tile": (32, 48), "compression": "lzw"},
    "packbits-tiles.tif": {"tile": (32, 48), "compression": "packbits"},
    "predictor.tif": {"tile": (32, 48), "compression": "zlib", "predictor": True},
    "jpeg2000.tif": {"tile": (32, 48), "compression": "jpeg2000"},
}
CODECS = {
    "raw.czi": None,
    "zstd.czi": "aicsio",
    "lzw.czi": "imagecodecs_lzw",
    "rgb.czi": "aicsio",
    "grid.czi": None,
    "raw.lif": None,
    "raw.ome.tiff": None,
    "zlib.ome.tiff": "aicsio",
    "planar.tif": None,
    "rgb.tif": None,
    "jpeg.tif": "aicsio",
    "big-endian.tif": None,
    "tiles.tif": None,
    "strips.tif": None,
    "zlib-strips.tif": "aicsio",
    "zlib-tiles.tif": "zlib",
    "zstd-tiles.tif": "zstd",
    "lzw-tiles.tif": "imagecodecs_lzw",
    "packbits-tiles.tif": "imagecodecs_packbits",
    "predictor.tif": "aicsio",
    "jpeg2000.tif": "imagecodecs_jpeg2k",
}
"""The codec that the chunks of each file need."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for each way to store pixels."""
    imagecodecs_numcodecs.register_codecs(verbose=False)
    folder = tmp_path_factory.mktemp("stored files")
    write_czi(folder / "raw.czi", blocks_of(PIXELS, "TCZYX"))
    write_czi(folder / "zstd.czi", blocks_of(PIXELS, "TCZYX", compression="zstd1-hilo"))
    write_czi(folder / "lzw.czi", blocks_of(PIXELS, "TCZYX", compression="lzw"))
    write_czi(folder / "rgb.czi", blocks_of(RED_GREEN_BLUE, "YXS"))
    write_czi(folder / "grid.czi", blocks_of(PIXELS, "TCZYX", tile=(30, 40)))
    write_czi(folder / "mosaic.czi", blocks_of(PIXELS, "TCZYX", tile=(40, 50), overlap=4))
    (folder / "raw.lif").write_bytes(build_lif([LifImage(PIXELS, "TCZYX")]))
    handle = open_image(PIXELS, dims="TCZYX")
    write_ome_tiff(handle, folder / "raw.ome.tiff", compression=None, levels=2)
    write_ome_tiff(handle, folder / "zlib.ome.tiff", compression="zlib", tile=(32, 48), levels=2)
    separate: dict[str, Any] = {"photometric": "rgb", "planarconfig": "separate"}
    tifffile.imwrite(folder / "planar.tif", np.moveaxis(RED_GREEN_BLUE, -1, 0), **separate)
    tifffile.imwrite(folder / "rgb.tif", RED_GREEN_BLUE, photometric="rgb")
    jpeg: dict[str, Any] = {"photometric": "rgb", "compression": "jpeg", "tile": (64, 64)}
    tifffile.imwrite(folder / "jpeg.tif", RED_GREEN_BLUE, **jpeg)
    for name, options in TIFF_OPTIONS.items():
        pixels = PIXELS[0, 0].astype(PIXELS.dtype.newbyteorder(options.get("byteorder", "<")))
        tifffile.imwrite(folder / name, pixels, photometric="minisblack", **options)
    return folder


def open_references(references: dict[str, Any]) -> Any:
    """Open references as zarr-python does, through the file system of fsspec."""
    json.dumps(references)
    files = fsspec_reference.ReferenceFileSystem(
        references, asynchronous=True, remote_options={"asynchronous": True}
    )
    return zarr.open_group(zarr.storage.FsspecStore(files, read_only=True, path=""), mode="r")


def check(handle: ImageHandle) -> Any:
    """Compare the pixels, and return the metadata of the array."""
    references = to_references(handle)
    shown = open_references(references)["image"][...]
    np.testing.assert_array_equal(shown, to_numpy(handle))
    return json.loads(references["refs"]["image/.zarray"])


@pytest.mark.parametrize("name", list(CODECS))
def test_equal_pixels_with_the_codec_that_the_file_has(folder: Path, name: str) -> None:
    metadata = check(open_image(folder / name))
    assert (metadata["compressor"] or {}).get("id") == CODECS[name]
    assert metadata["fill_value"] is None


@pytest.mark.parametrize("name", list(CODECS))
def test_turned_handles(folder: Path, name: str) -> None:
    handle = open_image(folder / name)
    check(transpose_to(handle, handle.dims.order[::-1]))


@pytest.mark.parametrize("name", list(CODECS))
def test_picked_planes(folder: Path, name: str) -> None:
    handle = open_image(folder / name)
    letters = handle.dims.order.replace("T", "").replace("C", "")
    picks: dict[str, Any] = {letter: -1 for letter in "TC" if letter in handle.dims}
    if "Z" in handle.dims and handle.dims["Z"] > 3:
        picks["Z"] = [3, 0, 1]
        check(transpose_to(handle, letters, **{**picks, "Z": slice(3, 0, -2)}))
    check(transpose_to(handle, letters, **picks))


@pytest.mark.parametrize("name", ["raw.czi", "raw.lif", "raw.ome.tiff", "rgb.tif", "planar.tif"])
def test_raw_pixels_can_be_cropped(folder: Path, name: str) -> None:
    handle = open_image(folder / name)
    order = handle.dims.order
    check(transpose_to(handle, order, Y=slice(10, 50), X=slice(3, 60)))
    check(transpose_to(handle, order, Y=slice(None, None, 2), X=slice(None, None, -1)))
    rows = check(transpose_to(handle, order, Y=slice(10, 50)))
    if name != "raw.ome.tiff":  # whose rows are padded to whole tiles
        assert rows["compressor"] is None


def test_all_levels_are_an_ome_zarr(folder: Path) -> None:
    for name in ("raw.ome.tiff", "zlib.ome.tiff"):
        handle = open_image(folder / name)
        group = open_references(to_references(handle, levels=True))
        for level in range(2):
            expected = to_numpy(transpose_to(select_level(handle, level), "TCZYX"))
            np.testing.assert_array_equal(group[f"scale{level}/image"][...], expected)
        yaozarrs = pytest.importorskip("yaozarrs")
        image = yaozarrs.v04.Image.model_validate(dict(group.attrs))
        assert [dataset.path for dataset in image.multiscales[0].datasets] == [
            "scale0/image",
            "scale1/image",
        ]
    samples = open_references(to_references(open_image(folder / "rgb.tif"), levels=True))
    np.testing.assert_array_equal(samples["scale0/image"][...], np.moveaxis(RED_GREEN_BLUE, -1, 0))


def test_many_files_are_one_array(tmp_path: Path) -> None:
    for t in range(2):
        tifffile.imwrite(
            tmp_path / f"t{t}.tif", PIXELS[t, 0], photometric="minisblack", compression="zlib"
        )
    handle = open_many(str(tmp_path / "t{T}.tif"))
    check(handle)
    refs = to_references(handle, base="s3://bucket")["refs"]
    addresses = {value[0] for value in refs.values() if isinstance(value, list)}
    assert addresses == {"s3://bucket/t0.tif", "s3://bucket/t1.tif"}


def test_xarray_does_not_take_zeros_for_missing(tmp_path: Path) -> None:
    (tmp_path / "a.lif").write_bytes(build_lif([LifImage(np.eye(8, dtype=np.uint8), "YX")]))
    references = to_references(open_image(tmp_path / "a.lif"))
    shown = xarray.open_dataset(
        "reference://",
        engine="zarr",
        backend_kwargs={"storage_options": {"fo": references}, "consolidated": False},
    )
    assert shown["image"].dtype == np.uint8
    np.testing.assert_array_equal(shown["image"].transpose("Y", "X"), np.eye(8))


def test_planes_that_are_missing_read_as_zeros(tmp_path: Path) -> None:
    blocks = [block for block in blocks_of(PIXELS[0, 0], "ZYX") if block.start["Z"] != 2]
    write_czi(tmp_path / "gap.czi", blocks)
    handle = open_image(tmp_path / "gap.czi")
    references = to_references(handle)
    assert len([key for key in references["refs"] if key.startswith("image/")]) == 2 + 3
    np.testing.assert_array_equal(open_references(references)["image"][...], to_numpy(handle))


def test_large_raw_planes_are_cut_between_rows(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aicsio.references.stored.LARGEST_RAW", 120 * 2 * 20)
    metadata = check(open_image(folder / "raw.lif"))
    assert metadata["chunks"] == [1, 1, 1, 18, 120]


@pytest.mark.parametrize("target", ["cells.ome.zarr", "cells.ozx"])
@pytest.mark.parametrize("options", [{"version": "0.4"}, {}, {"compression": None}])
def test_chunks_of_an_ome_zarr(tmp_path: Path, target: str, options: Any) -> None:
    pixels = PIXELS[0].copy()
    pixels[1, 2] = 0  # chunks of zeros are not stored
    chunks: dict[str, Any] = {"chunks": {"Y": 32, "X": 48}, **options}
    write_ome_zarr(open_image(pixels, dims="CZYX"), tmp_path / target, **chunks)
    handle = open_image(tmp_path / target)
    metadata = check(handle)
    assert metadata["chunks"] == [1, 1, 32, 48]
    group = open_references(to_references(handle, levels=True))
    np.testing.assert_array_equal(group["scale0/image"][...], pixels)
    if target.endswith(".zarr"):
        refs = to_references(handle, base="s3://bucket")["refs"]
        address = refs["image/0.0.0.0"][0]
        assert address.startswith("s3://bucket/cells.ome.zarr/")
        assert (tmp_path / address.removeprefix("s3://bucket/")).is_file()


# ---------------------------------------------------------------- refusals


def test_refusals_name_the_reason_and_a_call_that_works(folder: Path) -> None:
    with pytest.raises(UnsupportedFormatError, match=r"tiles .*as_zarr_store\(handle\)"):
        to_references(open_image(folder / "mosaic.czi"))
    tiles = open_image(folder / "mosaic.czi", mosaic="tiles")
    check(transpose_to(tiles, tiles.dims.order, M=0))
    zlib = open_image(folder / "zlib-tiles.tif")
    with pytest.raises(UnsupportedFormatError, match="keep all of Y and X, and crop in the reader"):
        to_references(transpose_to(zlib, "ZYX", Y=slice(5, 60)))
    with pytest.raises(UnsupportedFormatError, match="every second position"):
        to_references(transpose_to(zlib, "ZYX", X=slice(None, None, 2)))
    with pytest.raises(UnsupportedFormatError, match="function"):
        to_references(open_image(PIXELS, dims="TCZYX"))
    content = (folder / "raw.lif").read_bytes()
    with pytest.raises(UnsupportedFormatError, match="save them"):
        to_references(open_image(content))
    with pytest.raises(DimensionError, match="M="):
        to_references(tiles, levels=True)


def test_chunks_of_two_kinds_are_refused(tmp_path: Path) -> None:
    blocks = [
        *blocks_of(PIXELS[0, 0], "ZYX", fixed={"C": 0}),
        *blocks_of(PIXELS[0, 1], "ZYX", fixed={"C": 1}, compression="zstd1"),
    ]
    write_czi(tmp_path / "two.czi", blocks)
    handle = open_image(tmp_path / "two.czi")
    with pytest.raises(UnsupportedFormatError, match="2 ways"):
        to_references(handle)
    check(transpose_to(handle, "ZYX", C=1))


def test_a_damaged_header_is_an_error(tmp_path: Path) -> None:
    file = io.BytesIO()
    write_czi(file, blocks_of(PIXELS[0, 0], "ZYX"))
    content = bytearray(file.getvalue())
    at = content.index(b"ZISRAWSUBBLOCK\0")
    path = tmp_path / "a.czi"
    path.write_bytes(content)
    handle = open_image(path)
    content[at + 40 : at + 48] = b"\xff" * 8
    with path.open("r+b") as opened:
        opened.write(content)
    with pytest.raises((CorruptFileError, OSError)):
        to_references(handle)


# ---------------------------------------------------------------- addresses


@pytest.fixture
def site(folder: Path) -> Iterator[Site]:
    with serving() as site:
        site.files["raw.czi"] = (folder / "raw.czi").read_bytes()
        yield site
    pool.close_connections()


def test_remote_files_keep_their_address(site: Site) -> None:
    pytest.importorskip("aiohttp")
    handle = open_image(site.url + "raw.czi")
    references = to_references(handle)
    (url, _, nbytes) = references["refs"]["image/0.0.0.0.0"]
    assert (url, nbytes) == (site.url + "raw.czi", 90 * 120 * 2)
    files = fsspec_reference.ReferenceFileSystem(references)
    raw = files.cat_file("image/1.2.3.0.0")
    np.testing.assert_array_equal(np.frombuffer(raw, "<u2").reshape(90, 120), PIXELS[1, 2, 3])


def test_no_password_is_written(site: Site) -> None:
    handle = open_image(site.url.replace("http://", "http://me:secret@") + "raw.czi")
    with pytest.raises(UnsupportedFormatError, match="base=") as caught:
        to_references(handle)
    assert "secret" not in str(caught.value)
    references = to_references(handle, base="https://host/folder/")
    assert "secret" not in json.dumps(references)
    assert references["refs"]["image/0.0.0.0.0"][0] == "https://host/folder/raw.czi"


# ---------------------------------------------------------------- the codec and the command


def test_the_codec_is_registered_by_the_package() -> None:
    from importlib.metadata import entry_points

    from aicsio.references.codec import StoredChunkCodec

    (point,) = [point for point in entry_points(group="numcodecs.codecs") if point.name == "aicsio"]
    assert point.load() is StoredChunkCodec


def test_the_codec_of_zarr_format_3() -> None:
    from zarr.registry import get_codec_class

    options = {"shape": [4, 5], "dtype": "<u2", "axes": [0, 1], "chunk": [4, 5]}
    entry: Any = {"name": "numcodecs.aicsio", "configuration": {"chain": [["zstd", []]], **options}}
    codec: Any = get_codec_class("numcodecs.aicsio").from_dict(entry)
    assert codec.to_dict()["configuration"]["shape"] == [4, 5]
    assert type(codec).from_dict(codec.to_dict()) == codec


@pytest.mark.parametrize("name", ["raw.lif", "zlib-tiles.tif", "big-endian.tif", "zstd.czi"])
def test_virtualizarr_and_icechunk_take_them(folder: Path, tmp_path: Path, name: str) -> None:
    virtualizarr = pytest.importorskip("virtualizarr")
    icechunk = pytest.importorskip("icechunk")
    obstore = pytest.importorskip("obstore.store")
    registry = pytest.importorskip("obspec_utils.registry")
    handle = open_image(folder / name)
    target = tmp_path / "references.json"
    target.write_text(json.dumps(to_references(handle)))
    dataset = virtualizarr.open_virtual_dataset(
        f"file://{target}",
        registry=registry.ObjectStoreRegistry({"file://": obstore.LocalStore()}),
        parser=virtualizarr.parsers.KerchunkJSONParser(),
        loadable_variables=[],
    )
    files = f"file://{folder}/"
    container = icechunk.VirtualChunkContainer(files, icechunk.local_filesystem_store(str(folder)))
    config = icechunk.RepositoryConfig.default()
    config.set_virtual_chunk_container(container)
    repository = icechunk.Repository.create(
        icechunk.in_memory_storage(),
        config,
        authorize_virtual_chunk_access={files: icechunk.credentials.LocalFileSystemAccess},
    )
    session = repository.writable_session("main")
    dataset.vz.to_icechunk(session.store)
    session.commit("references")
    store = repository.readonly_session("main").store
    with xarray.open_zarr(store, consolidated=False) as shown:
        np.testing.assert_array_equal(shown["image"], to_numpy(handle))


def test_the_codec_refuses_what_does_not_decode() -> None:
    from numcodecs import get_codec

    options = {"shape": [4, 5], "dtype": "<u2", "axes": [0, 1], "chunk": [4, 5]}
    codec = get_codec({"id": "aicsio", "chain": [["zstd1", []]], **options})
    assert get_codec(codec.get_config()) == codec
    with pytest.raises(CorruptFileError, match="cannot be decoded"):
        codec.decode(b"no such chunk")
    with pytest.raises(NotImplementedError):
        codec.encode(b"")


def test_the_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out.json"
    source = str(folder / "lzw-tiles.tif")
    assert main(["references", source, str(target)]) == 0
    assert "36 chunks" in capsys.readouterr().out
    np.testing.assert_array_equal(
        open_references(json.loads(target.read_text()))["image"], PIXELS[0, 0]
    )
    assert main(["references", source, str(target)]) == 1
    assert "--overwrite" in capsys.readouterr().err
    arguments = ["--levels", "--overwrite", "--json", "--base", "s3://bucket", "--pick", "Z=0:2"]
    assert main(["references", source, str(target), *arguments]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["chunks"], summary["codecs"]) == (18, ["imagecodecs_lzw"])
    first = json.loads(target.read_text())["refs"]["scale0/image/0.0.0"]
    assert first[0] == "s3://bucket/lzw-tiles.tif"
    assert main(["references", str(folder / "mosaic.czi"), str(tmp_path / "no.json")]) == 1
    assert not (tmp_path / "no.json").exists()
