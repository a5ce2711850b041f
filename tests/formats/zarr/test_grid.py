"""The grid of chunks of an array: a window in, keys, entries of shards and places out.

Right values are by hand from the Zarr core specification 3.1 ("Chunk key encoding", codec
``sharding_indexed``: entries in C order).
"""

import numpy as np
import pytest

from aicsio.formats.zarr.arrays import ArrayDescription, describe_array
from aicsio.formats.zarr.chains import ChunkCoding
from aicsio.formats.zarr.documents import Node
from aicsio.formats.zarr.layout import ChunkGrid, make_grid
from aicsio.records import ShardIndex, Source

STORE = Source("/data/a.zarr", folder=True)


def grid(
    shape: tuple[int, ...],
    chunk: tuple[int, ...],
    shard: tuple[int, ...] | None = None,
    *,
    path: str = "0",
    prefix: tuple[str, ...] = ("c",),
    separator: str = "/",
) -> ChunkGrid:
    index = None if shard is None else ShardIndex(entry_count=1, nbytes=16)
    chain = ChunkCoding(chunk, np.dtype("<u2"), (), index)
    array = ArrayDescription(path, shape, shard or chunk, chain, b"\7\0", prefix, separator, ())
    return make_grid(STORE, array, "")


Piece = tuple[str, int, tuple[int, ...], tuple[int, ...], tuple[int, ...]]


def pieces(layout: ChunkGrid, *window: slice) -> list[Piece]:
    """Key, entry, and where the pixels come from and go to, for a window of the first block."""
    found = layout.pieces((0,) * len(window), window)
    return [
        (p.key, p.entry, p.selection.source_start, p.selection.shape, p.selection.target_start)
        for p in found
    ]


def test_a_window_over_four_chunks() -> None:
    assert pieces(grid((8, 9), (4, 3)), slice(2, 6), slice(1, 4)) == [
        ("0/c/0/0", 0, (2, 1), (2, 2), (0, 0)),
        ("0/c/0/1", 0, (2, 0), (2, 1), (0, 2)),
        ("0/c/1/0", 0, (0, 1), (2, 2), (2, 0)),
        ("0/c/1/1", 0, (0, 0), (2, 1), (2, 2)),
    ]


@pytest.mark.parametrize(
    ("path", "prefix", "separator", "key"),
    [
        ("0", ("c",), "/", "0/c/0/1"),
        ("", ("c",), "/", "c/0/1"),
        ("a/b", ("c",), ".", "a/b/c.0.1"),
        ("0", (), "/", "0/0/1"),  # Zarr v2, as NGFF demands
        ("0", (), ".", "0/0.1"),
    ],
)
def test_keys(path: str, prefix: tuple[str, ...], separator: str, key: str) -> None:
    layout = grid((8, 9), (4, 3), path=path, prefix=prefix, separator=separator)
    assert [piece[0] for piece in pieces(layout, slice(0, 1), slice(3, 4))] == [key]


def test_entries_of_a_shard_are_in_c_order() -> None:
    """Shards of 4 x 6 with chunks of 2 x 2: two rows of three entries."""
    layout = grid((8, 12), (2, 2), (4, 6))
    block = tuple(slice(0, size) for size in layout.block_shape)
    assert layout.group_shape() == (4, 6)
    assert layout.block_shape == (4, 6)
    assert [(key, entry) for key, entry, *_ in pieces(layout, *block)] == [
        ("0/c/0/0", entry) for entry in range(6)
    ]
    whole = list(layout.pieces((1, 1), (slice(0, 4), slice(0, 6))))
    assert {piece.key for piece in whole} == {"0/c/1/1"}
    assert [piece.entry for piece in whole] == list(range(6))


def test_pieces_carry_type_fill_and_table() -> None:
    layout = grid((4, 6), (2, 2), (4, 6))
    piece = next(layout.pieces((0, 0), (slice(0, 1), slice(0, 1))))
    assert (piece.source, piece.shape, piece.dtype.str) == (STORE, (2, 2), "<u2")
    assert piece.fill == b"\7\0"
    assert piece.shard == layout.index


@pytest.mark.parametrize(
    ("shape", "chunk", "shard", "block"),
    [
        # chunks of 512 KiB stand alone
        ((4, 1024, 1024), (1, 512, 512), None, (1, 512, 512)),
        # 64 KiB: up to 256 KiB along the last axis, then along the one before
        ((4, 1024, 1024), (1, 128, 256), None, (1, 128, 1024)),
        ((4, 256, 256), (1, 128, 256), None, (2, 256, 256)),
        # never across the edge of a shard, and in parts of one size: of 6 chunks 3, not 4
        ((1, 128, 3072), (1, 128, 256), (1, 128, 1536), (1, 128, 768)),
        ((1, 128, 2048), (1, 128, 256), (1, 128, 512), (1, 128, 512)),
    ],
)
def test_small_chunks_are_read_together(
    shape: tuple[int, ...],
    chunk: tuple[int, ...],
    shard: tuple[int, ...] | None,
    block: tuple[int, ...],
) -> None:
    assert grid(shape, chunk, shard).block_shape == block


def node(version: int, **fields: object) -> Node:
    attributes = {"_ARRAY_DIMENSIONS": ["y", "x"]}
    return Node("0", version, attributes, fields, "")


def test_a_document_of_version_3_becomes_a_description() -> None:
    array = describe_array(
        node(
            3,
            data_type="int16",
            shape=[8, 9],
            chunk_grid={"name": "regular", "configuration": {"chunk_shape": [4, 3]}},
            chunk_key_encoding={"name": "default"},
            codecs=[{"name": "bytes", "configuration": {"endian": "big"}}],
            fill_value=-2,
            dimension_names=["y", None],
        )
    )
    assert (array.path, array.shape, array.outer) == ("0", (8, 9), (4, 3))
    assert (array.chain.dtype.str, array.dtype) == (">i2", np.dtype("i2"))
    assert np.frombuffer(array.fill, "i2") == -2  # in native byte order
    assert (array.prefix, array.separator, array.names) == (("c",), "/", ("y", None))


@pytest.mark.parametrize(
    ("dtype", "value", "fill"),
    [
        ("<f4", "NaN", np.float32("nan")),
        ("<f4", "-Infinity", np.float32("-inf")),
        ("<u2", None, np.uint16(0)),
        (">u2", 258, np.uint16(258)),
        ("<u2", "AgE=", np.uint16(258)),  # base64 of the bytes 02 01
        # As in the store of bioformats2raw 0.1 among the tests of Viv; zarr-python 3.1 reads 0.
        ("|i1", "0", np.int8(0)),
        ("|i1", "-7", np.int8(-7)),
        ("<f8", "2.5", np.float64(2.5)),
        ("<c8", [1, -2], np.complex64(1 - 2j)),
    ],
)
def test_fill_values_of_version_2(dtype: str, value: object, fill: np.generic) -> None:
    document = {"dtype": dtype, "shape": [8, 9], "chunks": [4, 3], "fill_value": value}
    array = describe_array(node(2, **document))
    assert array.fill == fill.tobytes()
    assert (array.prefix, array.separator, array.names) == ((), ".", ("y", "x"))


@pytest.mark.parametrize(
    ("data_type", "value", "fill"),
    [
        ("float32", "0x7fc00000", np.float32("nan")),  # the bits, most significant first
        ("uint16", "0x0102", np.uint16(258)),
        ("bool", True, np.True_),
        ("complex64", [1, "NaN"], np.complex64(complex(1, float("nan")))),
    ],
)
def test_fill_values_of_version_3(data_type: str, value: object, fill: np.generic) -> None:
    document = {
        "data_type": data_type,
        "shape": [8, 9],
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 3]}},
        "chunk_key_encoding": {"name": "v2"},
        "codecs": ["bytes"],
        "fill_value": value,
    }
    array = describe_array(node(3, **document))
    assert array.fill == fill.tobytes()
    assert (array.prefix, array.separator) == ((), ".")
