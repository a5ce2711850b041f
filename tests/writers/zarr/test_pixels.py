"""Pixels, chunks, shards and levels of the OME-Zarr writer, read by libraries that are not ours.

Levels are compared with numpy's sums over squares, labels with counts of values.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aicsio import open_image, write_ome_zarr
from aicsio.errors import DimensionError, WriteError
from aicsio.writers._zarr import chunking, parts
from support import mostly_long
from zarr_stores import judges, library

Array = npt.NDArray[Any]


def image(shape: tuple[int, ...], dtype: str = "uint16", seed: int = 0) -> Array:
    """Random pixels of a camera."""
    return (np.random.default_rng(seed).random(shape) * 250).astype(dtype)


def mean_level(pixels: Array, level: int) -> Array:
    """The mean of all pixels that a pixel of a level covers, by sums of numpy."""
    side = 1 << level
    height, width = pixels.shape[-2:]
    rows, columns = -(-height // side), -(-width // side)
    margin = [(0, 0)] * (pixels.ndim - 2)
    padded = np.pad(
        pixels.astype(float), [*margin, (0, rows * side - height), (0, columns * side - width)]
    )
    squares = padded.reshape(*pixels.shape[:-2], rows, side, columns, side)
    row_counts = np.minimum(side, height - side * np.arange(rows))
    column_counts = np.minimum(side, width - side * np.arange(columns))
    means: Array = squares.sum((-3, -1)) / (row_counts[:, None] * column_counts)
    return np.rint(means).astype(pixels.dtype) if pixels.dtype.kind in "iu" else means


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("compression", ["blosc", "lz4", "zstd", "gzip", None])
@pytest.mark.parametrize(
    "dtype",
    mostly_long(["bool", "int8", "uint16", "int32", "uint64", "float32"], "uint16", "float32"),
)
def test_pixels_are_read_equal_by_zarr_and_tensorstore(
    version: Any, compression: Any, dtype: str, tmp_path: Path
) -> None:
    pixels = image((2, 3, 150, 130), dtype)
    report = write_ome_zarr(
        open_image(pixels, dims="CZYX"),
        tmp_path / "a.ome.zarr",
        version=version,
        compression=compression,
        chunks={"Z": 2, "Y": 64, "X": 48},
        levels=2,
    )
    path = Path(report.path)
    first, second = judges.zarr_pixels(path, "", ("0", "1"))
    assert np.array_equal(first, pixels)
    assert first.dtype == pixels.dtype
    assert second.shape == (2, 3, 75, 65)
    assert np.array_equal(judges.tensorstore_pixels(path / "0"), pixels)
    assert np.array_equal(judges.tensorstore_pixels(path / "1"), second)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_sizes_give_the_pixels_and_their_means(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    draw = data.draw
    letters = "".join(letter for letter in "TCZ" if draw(st.booleans())) + "YX"
    sizes = {letter: draw(st.integers(1, 90 if letter in "YX" else 4)) for letter in letters}
    chunk = {letter: draw(st.integers(1, 40 if letter in "YX" else 3)) for letter in letters}
    shard = {letter: size * draw(st.integers(1, 3)) for letter, size in chunk.items()}
    version: Any = draw(st.sampled_from(["0.4", "0.5"]))
    shards: Any = draw(st.sampled_from(["auto", None, shard])) if version == "0.5" else "auto"
    most = max((max(sizes["Y"], sizes["X"]) - 1).bit_length(), 0) + 1
    pixels = image(tuple(sizes.values()), draw(st.sampled_from(["uint8", "int16", "uint32"])))
    shuffled = "".join(draw(st.permutations(letters)))
    with pytest.MonkeyPatch.context() as patch:
        # Small boxes and units, so that small images have many of them.
        patch.setattr(parts, "BOX_BYTES", draw(st.sampled_from([1 << 9, 1 << 22])))
        patch.setattr(parts, "UNIT_BYTES", draw(st.sampled_from([1 << 10, 1 << 14, 1 << 28])))
        report = write_ome_zarr(
            open_image(
                pixels.transpose([letters.index(letter) for letter in shuffled]), dims=shuffled
            ),
            tmp_path_factory.mktemp("sizes") / "a.zarr",
            version=version,
            chunks=chunk,
            shards=shards,
            levels=draw(st.integers(1, min(4, most))),
            workers=draw(st.integers(1, 3)),
        )
    names = tuple(map(str, range(report.levels)))
    for level, stored in enumerate(judges.zarr_pixels(Path(report.path), "", names)):
        assert np.array_equal(stored, mean_level(pixels, level))


def test_labels_are_never_mixed(tmp_path: Path) -> None:
    labels = np.where(np.indices((64, 80)).sum(0) % 3 == 0, 1, 1000).astype(np.int32)
    report = write_ome_zarr(
        open_image(image((64, 80)), dims="YX"),
        tmp_path / "a.ome.zarr",
        levels=4,
        labels={"nuclei": open_image(labels, dims="YX")},
    )
    stored = judges.zarr_pixels(Path(report.path), "labels/nuclei", ("0", "1", "2", "3"))
    assert np.array_equal(stored[0], labels)
    for level in stored:
        assert set(np.unique(level)) <= {1, 1000}
    quarters = labels.reshape(32, 2, 40, 2).transpose(0, 2, 1, 3).reshape(32, 40, 4)
    thousands = (quarters == 1000).sum(-1)
    decided = thousands != 2
    assert np.array_equal(stored[1][decided] == 1000, (thousands > 2)[decided])


def test_samples_are_channels(tmp_path: Path) -> None:
    colors = image((50, 60, 3), "uint8")
    report = write_ome_zarr(open_image(colors, dims="YXS"), tmp_path / "a.ome.zarr", levels=2)
    first, second = judges.zarr_pixels(Path(report.path), "", ("0", "1"))
    assert np.array_equal(first, colors.transpose(2, 0, 1))
    assert np.array_equal(second, mean_level(first, 1))
    (loss,) = report.not_kept
    assert loss.message == "the 3 samples of a pixel as colours: they are channels"


def test_empty_chunks_are_not_stored(tmp_path: Path) -> None:
    pixels = np.zeros((256, 256), np.uint8)
    pixels[200:, 200:] = 7
    target = tmp_path / "a.zarr"
    write_ome_zarr(open_image(pixels), target, chunks=64, shards=None, levels=1)
    files = [path for path in target.joinpath("0/c").rglob("*") if path.is_file()]
    assert [path.relative_to(target).as_posix() for path in files] == ["0/c/3/3"]
    assert np.array_equal(judges.zarr_pixels(target, "", ("0",))[0], pixels)


def test_default_sizes() -> None:
    def sizes(
        *shape: int, itemsize: int = 2, block: tuple[int, ...] = (1,) * 5
    ) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
        dims = open_image(np.zeros(shape, np.uint8), dims="TCZYX"[-len(shape) :]).dims
        chunk = chunking.chunk_shape("auto", dims)
        block = block[-len(shape) :]
        return chunk, chunking.shard_shape("auto", chunk, dims, itemsize, block)

    assert sizes(180, 1024, 1024) == ((1, 512, 512), (8, 1024, 1024))
    assert sizes(4, 5, 600, 600) == ((1, 1, 512, 512), (1, 5, 1024, 1024))
    # As many shards as have to be, of equal size.
    assert sizes(9, 1024, 1024) == ((1, 512, 512), (5, 1024, 1024))
    assert sizes(1000, 1, 1, 100, 100)[1] == (32, 1, 1, 512, 512)
    # Blocks of several planes: shards do not cross them while they have room within.
    assert sizes(256, 4096, 4096, block=(16, 1024, 1024))[1] == (8, 1024, 1024)
    assert sizes(256, 4096, 4096, block=(4, 1024, 1024))[1] == (4, 1024, 2048)
    assert sizes(256, 4096, 4096, block=(1, 4096, 4096))[1] == (1, 2048, 4096)
    for shape in ((3, 7, 40_000, 30_000),):
        shard = sizes(*shape)[1]
        assert shard is not None
        assert math.prod(shard) * 2 <= chunking.SHARD_BYTES


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunks": (1, 2)}, "give one size for each of C, Y, X"),
        ({"chunks": {"Q": 2}}, "this image has no Q"),
        ({"chunks": 0}, "sizes are at least 1"),
        ({"chunks": 16, "shards": 24}, "Y=24 is no multiple of the chunk, Y=16: give Y=32"),
        ({"version": "0.4", "shards": 64}, "version 0.4 is Zarr v2, which has none"),
        ({"levels": 9}, "levels=9: a plane of 50 x 40 pixels has 1"),
        ({"compression": "gzip", "compression_level": 12}, "gzip has effort from 1 to 9"),
        ({"compression": None, "compression_level": 1}, "without a compression"),
        ({"dtype": "int3"}, "is no type of numpy"),
        ({"labels": {"a/b": None}}, "is no name of a group"),
    ],
)
def test_what_cannot_be_written_is_refused_before_a_store_is_made(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    handle = open_image(image((2, 40, 50)), dims="CYX")
    if "labels" in options:
        options = {"labels": dict.fromkeys(options["labels"], handle)}
    with pytest.raises(WriteError) as caught:
        write_ome_zarr(handle, tmp_path / "a.zarr", **options)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_dimensions_that_the_format_lacks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DimensionError, match=r"transpose_to\(handle, 'CYX', H=0\)"):
        write_ome_zarr(open_image(image((2, 3, 8, 9)), dims="HCYX"), tmp_path / "a.zarr")


def test_the_mean_of_halves_goes_to_the_even_neighbour(tmp_path: Path) -> None:
    # shared cases of writers: means of 0.25, 0.5, 0.75, 1.5 become 0, 0, 1, 2.
    squares = [(0, 0, 0, 1), (0, 0, 1, 1), (0, 1, 1, 1), (1, 1, 2, 2)]
    pixels = np.concatenate([np.reshape(square, (2, 2)) for square in squares], 1).astype("u2")
    report = write_ome_zarr(open_image(pixels), tmp_path / "a.zarr", levels=2)
    assert judges.zarr_pixels(Path(report.path), "", ("1",))[0].tolist() == [[0, 0, 1, 2]]


def test_all_readers_of_the_field_see_the_image(tmp_path: Path) -> None:
    library("ome_zarr")
    pixels = image((2, 3, 700, 600))
    report = write_ome_zarr(open_image(pixels, dims="CZYX"), tmp_path / "a.ome.zarr")
    for read in (judges.by_ome_zarr_py, judges.by_ngff_zarr):
        reading = read(Path(report.path))
        assert reading.letters == "CZYX"
        assert np.array_equal(reading.levels[0], pixels)
        assert np.array_equal(reading.levels[1], mean_level(pixels, 1))
        assert reading.scales[1][2:] == (2, 2)
        assert reading.translations[1][2:] == (0.5, 0.5)


def test_masks_are_labels_of_integers(tmp_path: Path) -> None:
    mask = np.random.default_rng(2).random((60, 70)) > 0.5
    target = tmp_path / "a.zarr"
    labels = {"mask": open_image(mask)}
    write_ome_zarr(open_image(image((60, 70), "uint8")), target, labels=labels)
    (stored,) = judges.zarr_pixels(target, "labels/mask", ("0",))
    assert stored.dtype == np.uint8
    assert np.array_equal(stored, mask)
    judges.accepted_by_yaozarrs(target)  # it refuses labels of bool
