"""Plain TIFF: every depth, byte order, compression and arrangement reads as tifffile wrote it."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from aicsio import (
    CorruptFileError,
    UnsupportedFormatError,
    open_image,
    select_level,
    select_scene,
    to_numpy,
    transpose_to,
)
from aicsio.formats._tiff.page import PageStructure
from aicsio.testing.segments import Storage
from aicsio.testing.tiff_bytes import SHORT, TagEntry, make_page, write_pages
from support import corpus_file

Array = npt.NDArray[Any]


def noise(shape: tuple[int, ...], dtype: str) -> Array:
    values = np.random.default_rng(7).integers(
        0, 256, (*shape, np.dtype(dtype).itemsize), dtype=np.uint8
    )
    pixels = np.ascontiguousarray(values).view(dtype)[..., 0]
    return np.nan_to_num(pixels) if pixels.dtype.kind in "fc" else pixels


def retag(path: Path, page: int = 0, **values: Any) -> None:
    """Overwrite tags of a page."""
    with tifffile.TiffFile(path, mode="r+") as tif:
        found = tif.pages[page]
        assert isinstance(found, tifffile.TiffPage)
        for name, value in values.items():
            found.tags[name].overwrite(value)


def codes(path: Path) -> list[str]:
    return [note.code for note in open_image(path).diagnostics]


@pytest.mark.parametrize(
    "dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "c8", "c16"]
)
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_types_and_byte_orders(
    tmp_path: Path, dtype: str, byteorder: Literal["<", ">"], big: bool
) -> None:
    pixels = noise((33, 20), dtype)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, byteorder=byteorder, bigtiff=big, metadata=None, rowsperstrip=8
    )
    handle = open_image(tmp_path / "a.tif")
    assert handle.dtype == np.dtype(dtype)
    assert to_numpy(handle).tobytes() == pixels.tobytes()


@pytest.mark.parametrize(
    ("compression", "dtypes"),
    [
        ("zlib", "u1 u2 f4"), ("adobe_deflate", "u2"), ("lzw", "u1 u2 f8"), ("packbits", "u1 u2"), ("zstd", "u1 u2 f4"),
        ("lzma", "u2"), ("png", "u1 u2"), ("jpegxl", "u1 u2"), ("jpeg2000", "u1 u2"), ("lerc", "u1 f4"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("tile", [None, (16, 32)])
def test_compressions(
    tmp_path: Path, compression: str, dtypes: str, tile: tuple[int, int] | None
) -> None:
    for dtype in dtypes.split():
        pixels = noise((50, 40), dtype)
        arguments: dict[str, Any] = {"tile": tile} if tile else {"rowsperstrip": 16}
        if compression in {"jpegxl", "jpeg2000"}:
            arguments["compressionargs"] = {"level": 100 if compression == "jpegxl" else 0}
        tifffile.imwrite(
            tmp_path / "a.tif", pixels, compression=compression, metadata=None, **arguments
        )
        handle = open_image(tmp_path / "a.tif")
        expected = tifffile.imread(tmp_path / "a.tif")
        assert to_numpy(handle).tobytes() == expected.tobytes()
        part = to_numpy(transpose_to(handle, "YX", Y=slice(13, 41), X=slice(30, 37)))
        assert part.tobytes() == np.ascontiguousarray(expected[13:41, 30:37]).tobytes()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("photometric", "shape"), [("minisblack", (50, 40)), ("rgb", (50, 40, 3))])
def test_nan_in_lerc_is_nan(
    tmp_path: Path, dtype: str, photometric: str, shape: tuple[int, ...]
) -> None:
    # GDAL 3.12 reads these pixels as NaN in files of tifffile, of libtiff and of its own.
    pixels = np.random.default_rng(7).normal(size=shape).astype(dtype)
    pixels[10:20, 5:30] = np.nan
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, compression="lerc", metadata=None, photometric=photometric)
    assert np.array_equal(to_numpy(open_image(path)), pixels, equal_nan=True)


@pytest.mark.parametrize("compression", ["zlib", "lzw", "zstd"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "f4", "f8"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_predictors(
    tmp_path: Path, compression: str, dtype: str, byteorder: Literal["<", ">"]
) -> None:
    pixels = noise((30, 40, 3), dtype)
    for planar in ("contig", "separate"):
        stored = pixels if planar == "contig" else np.moveaxis(pixels, -1, 0)
        tifffile.imwrite(
            tmp_path / "a.tif", stored, compression=compression, predictor=True, byteorder=byteorder, metadata=None,
            photometric="rgb", planarconfig=planar, rowsperstrip=7,
        )  # fmt: skip
        handle = open_image(tmp_path / "a.tif")
        assert str(handle.dims) == "Y=30, X=40, S=3"
        assert to_numpy(handle).tobytes() == pixels.tobytes()


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 2), (2, 1)])
def test_jpeg_tables_and_colours(tmp_path: Path, subsampling: tuple[int, int]) -> None:
    row = np.arange(64, dtype=np.uint8)[:, None, None] * 3
    pixels = np.broadcast_to(row, (64, 96, 3)) + np.array([0, 20, 60], np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, compression="jpeg", compressionargs={"level": 95}, subsampling=subsampling,
        photometric="rgb", tile=(32, 32), metadata=None,
    )  # fmt: skip
    seen = to_numpy(open_image(tmp_path / "a.tif"))
    assert seen.shape == pixels.shape
    assert np.abs(seen.astype(int) - pixels).max() <= 8


def pack(samples: Array, bits: int) -> bytes:
    """Most significant bit first, each row from a new byte."""
    each = samples[..., None].astype(np.uint64) >> np.arange(
        bits - 1, -1, -1, dtype=np.uint64
    ) & np.uint64(1)
    return np.packbits(each.astype(np.uint8).reshape(len(samples), -1), axis=1).tobytes()


def packed_tiff(path: Path, samples: Array, bits: int) -> None:
    """Write a TIFF whose tags say ``bits`` and whose strip is packed so."""
    raw = pack(samples, bits)
    tifffile.imwrite(path, np.frombuffer(raw, np.uint8).reshape(len(samples), -1), metadata=None)
    retag(path, BitsPerSample=bits, ImageWidth=samples.shape[1])


@pytest.mark.parametrize(
    "bits", [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 17, 20, 24, 31, 33, 40, 63]
)
def test_packed_depths(tmp_path: Path, bits: int) -> None:
    samples = np.random.default_rng(bits).integers(0, 1 << min(bits, 62), (9, 13), dtype=np.uint64)
    packed_tiff(tmp_path / "a.tif", samples, bits)
    seen = to_numpy(open_image(tmp_path / "a.tif"))
    assert seen.dtype == (
        bool if bits == 1 else f"u{next(n for n in (1, 2, 4, 8) if 8 * n >= bits)}"
    )
    assert seen.tolist() == samples.astype(seen.dtype).tolist()
    part = to_numpy(
        transpose_to(open_image(tmp_path / "a.tif"), "YX", Y=slice(2, 5), X=slice(3, 9))
    )
    assert part.tolist() == samples[2:5, 3:9].astype(seen.dtype).tolist()


def test_signed_packed_samples_keep_their_sign() -> None:
    kind = PageStructure("<", width=4, length=1, bits=(12,), sample_format=2, rows_per_strip=1)
    assert kind.dtype == np.int16
    assert dict(kind.codecs[0].parameters)["signed"] is True


def test_bits_in_reversed_order() -> None:
    pixels = noise((8, 8), "u1")
    reversed_bits = np.packbits(
        np.unpackbits(pixels, axis=1).reshape(8, 8, 8)[..., ::-1].reshape(8, 64), axis=1
    )
    content = write_pages(
        [make_page(reversed_bits[..., None], Storage(), [TagEntry(266, SHORT, (2,))])]
    )
    assert to_numpy(open_image(content)).tolist() == pixels.tolist()


# ---------------------------------------------------------------- pages, levels, axes


def test_pages_that_look_alike_are_stacked_and_the_axis_is_a_guess(tmp_path: Path) -> None:
    pixels = noise((5, 6, 7), "u2")
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for plane in pixels:
            tif.write(plane, metadata=None, contiguous=False)
    handle = open_image(tmp_path / "a.tif")
    assert str(handle.dims) == "Z=5, Y=6, X=7"
    assert [note.code for note in handle.diagnostics] == ["guessed-axes"]
    named = open_image(tmp_path / "a.tif", dims="TYX")
    assert str(named.dims) == "T=5, Y=6, X=7"
    assert [note.code for note in named.diagnostics] == ["named-axes"]
    assert to_numpy(named).tobytes() == pixels.tobytes()


def test_pages_that_differ_are_scenes_and_alternating_ones_are_sorted(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for index in range(6):
            tif.write(np.full((4, 4 + index % 2), index, np.uint8), metadata=None, contiguous=False)
    handle = open_image(tmp_path / "a.tif")
    assert [str(scene.dims) for scene in handle.scenes] == ["Z=3, Y=4, X=4", "Z=3, Y=4, X=5"]
    assert to_numpy(select_scene(handle, 1))[:, 0, 0].tolist() == [1, 3, 5]
    with tifffile.TiffWriter(tmp_path / "b.tif") as tif:
        for width in (4, 5, 4, 6):
            tif.write(np.zeros((4, width), np.uint8), metadata=None, contiguous=False)
    assert [str(scene.dims) for scene in open_image(tmp_path / "b.tif").scenes] == [
        "Y=4, X=4", "Y=4, X=5", "Y=4, X=4", "Y=4, X=6",
    ]  # fmt: skip


@pytest.mark.parametrize("way", ["subifd", "page"])
def test_pyramids(tmp_path: Path, way: str) -> None:
    full = noise((64, 96), "u2")
    levels = [full, full[::2, ::2], full[::4, ::4]]
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(full, metadata=None, subifds=2 if way == "subifd" else None, tile=(16, 16))
        for level in levels[1:]:
            tif.write(level, metadata=None, subfiletype=1, tile=(16, 16))
    handle = open_image(tmp_path / "a.tif")
    assert len(handle.scenes) == 1
    assert [level.shape for level in handle.levels] == [level.shape for level in levels]
    for index, level in enumerate(levels):
        assert to_numpy(select_level(handle, index)).tobytes() == level.tobytes()


def test_pages_of_a_reduced_size_without_the_mark_are_scenes(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for size in (64, 32):
            tif.write(np.zeros((size, size), np.uint8), metadata=None, contiguous=False)
    assert len(open_image(tmp_path / "a.tif").scenes) == 2


def test_page_that_cannot_be_decoded_is_a_scene_without_pixels(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(np.zeros((8, 8), np.uint8), metadata=None, contiguous=False)
        tif.write(np.zeros((8, 9), np.uint8), metadata=None, contiguous=False)
    retag(tmp_path / "a.tif", 1, Compression=34676)
    handle = open_image(tmp_path / "a.tif")
    assert [len(scene.levels) for scene in handle.scenes] == [1, 0]
    assert "undecodable" in codes(tmp_path / "a.tif")
    retag(tmp_path / "a.tif", 0, Compression=34676)
    with pytest.raises(UnsupportedFormatError, match="SGILog"):
        open_image(tmp_path / "a.tif")


def test_missing_tiles_are_blank(tmp_path: Path) -> None:
    full = np.full((32, 32), 9, np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", full, tile=(16, 16), metadata=None, compression="zlib")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        tables = tif.pages.first.dataoffsets, tif.pages.first.databytecounts
    retag(tmp_path / "a.tif", TileOffsets=(0, *tables[0][1:]), TileByteCounts=(0, *tables[1][1:]))
    seen = to_numpy(open_image(tmp_path / "a.tif"))
    assert (seen[:16, :16] == 0).all()
    assert (seen[16:] == 9).all()


# ---------------------------------------------------------------- what tags say


@pytest.mark.parametrize(
    ("unit", "size"),
    [
        ("INCH", 25400 / 4.5),
        ("CENTIMETER", 10000 / 4.5),
        ("MILLIMETER", 1000 / 4.5),
        ("MICROMETER", 1 / 4.5),
        ("NONE", None),
    ],
)
def test_physical_size_needs_an_absolute_unit(
    tmp_path: Path, unit: str, size: float | None
) -> None:
    blank = np.zeros((4, 4), np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", blank, resolution=(4.5, 4.5), resolutionunit=unit, metadata=None
    )
    seen = open_image(tmp_path / "a.tif").pixel_size.X
    assert seen == size


def test_palette_indices_keep_their_colour_map(tmp_path: Path) -> None:
    colours = np.arange(3 * 256, dtype=np.uint16).reshape(3, 256)
    pixels = noise((8, 8), "u1")
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, photometric="palette", colormap=colours, metadata=None
    )
    handle = open_image(tmp_path / "a.tif")
    assert to_numpy(handle).tobytes() == pixels.tobytes()
    assert handle.scene.color_map is not None
    assert np.frombuffer(handle.scene.color_map, "<u2").tolist() == colours.reshape(-1).tolist()


def test_what_is_shown_as_stored_is_told(tmp_path: Path) -> None:
    pixels = noise((8, 8), "u1")
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="miniswhite", metadata=None)
    assert to_numpy(open_image(tmp_path / "a.tif")).tobytes() == pixels.tobytes()
    assert codes(tmp_path / "a.tif") == ["min-is-white"]
    inks = noise((8, 8, 4), "u1")
    tifffile.imwrite(
        tmp_path / "b.tif",
        inks,
        photometric="separated",
        metadata=None,
        extratags=[(274, 3, 1, 6, True)],
    )
    assert to_numpy(open_image(tmp_path / "b.tif")).tobytes() == inks.tobytes()
    assert codes(tmp_path / "b.tif") == ["samples-are-inks", "orientation"]


@pytest.mark.parametrize("compression", ["zlib", "zstd", "lzw", "packbits"])
def test_last_strip_may_be_padded_to_all_its_rows(tmp_path: Path, compression: str) -> None:
    pixels = noise((32, 8), "u1")
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, compression=compression, rowsperstrip=16, metadata=None
    )
    retag(tmp_path / "a.tif", ImageLength=19)
    assert to_numpy(open_image(tmp_path / "a.tif")).tobytes() == pixels[:19].tobytes()


def test_date_is_iso(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.zeros((4, 4), np.uint8),
        datetime="2021:03:04 05:06:07",
        metadata=None,
    )
    assert open_image(tmp_path / "a.tif").scene.acquired == "2021-03-04T05:06:07"


# ---------------------------------------------------------------- twins in the collection


@pytest.mark.parametrize("bits", ["02", "04", "08", "10", "12", "14", "16", "24", "32"])
def test_samples_side_by_side_and_apart_are_the_same(bits: str) -> None:
    folder = "tiff/image-tiff/libtiffpic/depth"
    contig, planar = (
        corpus_file(f"{folder}/flower-rgb-{way}-{bits}.tif") for way in ("contig", "planar")
    )
    assert to_numpy(open_image(contig)).tobytes() == to_numpy(open_image(planar)).tobytes()


@pytest.mark.parametrize("bits", [10, 12, 14, 24])
def test_predictor_on_packed_samples_gives_the_twin_without(bits: int) -> None:
    folder = "tiff/image-tiff/images"
    plain, predicted = (
        corpus_file(f"{folder}/seq-1c-{bits}b{way}.tiff") for way in ("", "-hpredict")
    )
    seen = to_numpy(open_image(plain))
    assert seen.reshape(-1).tolist() == list(range(256))
    assert to_numpy(open_image(predicted)).tobytes() == seen.tobytes()


def test_early_lzw_gives_the_twin_in_later_lzw() -> None:
    early = corpus_file("tiff/image-tiff/images/quad-lzw-compat.tiff")
    later = corpus_file("tiff/image-tiff/libtiffpic/quad-tile.tif")
    assert to_numpy(open_image(early)).tobytes() == to_numpy(open_image(later)).tobytes()


def test_truncated_file_reads_up_to_where_it_ends(tmp_path: Path) -> None:
    pixels = noise((4, 32, 32), "u2")
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for plane in pixels:
            tif.write(plane, metadata=None, contiguous=False)
    content = (tmp_path / "a.tif").read_bytes()
    handle = open_image(content[: len(content) - 1000], dims="TYX")
    assert to_numpy(transpose_to(handle, "YX", T=0)).tobytes() == pixels[0].tobytes()
    with pytest.raises(CorruptFileError, match="ends at"):
        to_numpy(handle)
