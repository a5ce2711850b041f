"""Codecs that an array names: JSON in, the chain that decodes a chunk out.

Right values are by hand from the Zarr core specification 3.1 and the documentation of numcodecs.
"""

from typing import Any

import numpy as np
import pytest

from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.zarr.chains import MOST_CODECS, version_2_chain, version_3_chain
from aicsio.records import Codec, ShardIndex

U2 = np.dtype("<u2")
BYTES = {"name": "bytes", "configuration": {"endian": "little"}}


def named(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration}


def sharded(*codecs: Any, **configuration: Any) -> dict[str, Any]:
    index = [BYTES, {"name": "crc32c"}]
    inner = {"chunk_shape": [2, 3], "codecs": list(codecs), "index_codecs": index}
    return named("sharding_indexed", **{**inner, **configuration})


@pytest.mark.parametrize(
    ("document", "codecs"),
    [
        ({}, ()),
        ({"compressor": None, "filters": None}, ()),
        ({"compressor": {"id": "zlib", "level": 1}}, (Codec("zarr-zlib", (("sized", True),)),)),
        # Decoding undoes the compressor first, then the last filter, then the first.
        (
            {
                "filters": [{"id": "delta", "dtype": "<u2"}, {"id": "shuffle", "elementsize": 2}],
                "compressor": {"id": "blosc"},
            },
            (
                Codec("zarr-blosc", (("sized", False),)),
                Codec("zarr-shuffle", (("size", 2),)),
                Codec("zarr-delta", (("dtype", "<u2"), ("stored", "<u2"))),
            ),
        ),
        # numcodecs puts CRC-32 before the bytes and CRC-32C behind them.
        (
            {"filters": [{"id": "crc32"}]},
            (Codec("zarr-checksum", (("name", "crc32"), ("at_end", False))),),
        ),
        (
            {"filters": [{"id": "crc32c"}]},
            (Codec("zarr-checksum", (("name", "crc32c"), ("at_end", True))),),
        ),
        (
            {"filters": [{"id": "crc32", "location": "end"}]},
            (Codec("zarr-checksum", (("name", "crc32"), ("at_end", True))),),
        ),
        (
            {"filters": [{"id": "fixedscaleoffset", "offset": 10, "scale": 4, "astype": "u1"}]},
            (
                Codec(
                    "zarr-scale",
                    (("offset", 10.0), ("scale", 4.0), ("dtype", "<u2"), ("stored", "|u1")),
                ),
            ),
        ),
        # Rounding happened when the chunk was written.
        ({"filters": [{"id": "quantize", "digits": 2}]}, ()),
        # Order F: the first axis is the fastest. A compressor before it still has the pixels' size.
        (
            {"order": "F", "compressor": {"id": "zstd"}},
            (Codec("zarr-zstd", (("sized", True),)), Codec("zarr-transpose", (("order", (1, 0)),))),
        ),
        ({"compressor": {"id": "imagecodecs_jpeg2k"}}, (Codec("jpeg2k", (("sampled", False),)),)),
    ],
)
def test_chains_of_version_2(document: dict[str, Any], codecs: tuple[Codec, ...]) -> None:
    coding = version_2_chain(document, (4, 6), U2)
    assert (coding.chunk, coding.dtype, coding.index) == ((4, 6), U2, None)
    assert coding.codecs == codecs


@pytest.mark.parametrize(
    ("codecs", "order", "chain"),
    [
        ([BYTES], "<", ()),
        (["bytes"], "<", ()),  # an extension may stand as its name alone
        ([named("bytes", endian="big")], ">", ()),
        ([BYTES, named("gzip", level=5)], "<", (Codec("zarr-gzip", (("sized", True),)),)),
        (
            [BYTES, named("zstd"), named("crc32c")],
            "<",
            (
                Codec("zarr-checksum", (("name", "crc32c"), ("at_end", True))),
                Codec("zarr-zstd", (("sized", True),)),
            ),
        ),
        # numcodecs under its prefix
        ([BYTES, named("numcodecs.zlib")], "<", (Codec("zarr-zlib", (("sized", True),)),)),
        ([named("transpose", order=[1, 0]), BYTES], "<", (Codec("zarr-transpose", (("order", (1, 0)),)),)),
        ([named("transpose", order="F"), BYTES], "<", (Codec("zarr-transpose", (("order", (1, 0)),)),)),
        ([named("transpose", order="C"), BYTES], "<", ()),
        # A filter of numcodecs before the bytes.
        ([named("numcodecs.shuffle", elementsize=2), BYTES], "<", (Codec("zarr-shuffle", (("size", 2),)),)),
        # Two that undo each other are none.
        ([named("transpose", order=[1, 0]), named("transpose", order=[1, 0]), BYTES], "<", ()),
    ],
)  # fmt: skip
def test_chains_of_version_3(codecs: list[Any], order: str, chain: tuple[Codec, ...]) -> None:
    coding = version_3_chain(codecs, (4, 6), U2, bytes(2))
    assert (coding.chunk, coding.dtype.str, coding.index) == ((4, 6), f"{order}u2", None)
    assert coding.codecs == chain


def test_three_axes_are_transposed_in_the_order_of_the_specification() -> None:
    """``order`` lists the axes of the chunk as they are stored; two codecs compose."""
    codecs = [named("transpose", order=[2, 0, 1]), named("transpose", order=[1, 2, 0]), BYTES]
    (once,) = version_3_chain([codecs[0], BYTES], (2, 3, 4), U2, bytes(2)).codecs
    assert once == Codec("zarr-transpose", (("order", (2, 0, 1)),))
    assert version_3_chain(codecs, (2, 3, 4), U2, bytes(2)).codecs == ()


def test_the_usual_shard_is_read_chunk_by_chunk() -> None:
    coding = version_3_chain([sharded(BYTES, named("zstd"))], (4, 6), U2, bytes(2))
    assert coding.chunk == (2, 3)
    assert coding.codecs == (Codec("zarr-zstd", (("sized", True),)),)
    # 2 x 2 chunks of 16 bytes each, and the 4 bytes of CRC-32C
    checksum = Codec("zarr-checksum", (("name", "crc32c"), ("at_end", True)))
    assert coding.index == ShardIndex(entry_count=4, nbytes=68, at_end=True, codecs=(checksum,))


@pytest.mark.parametrize(
    ("configuration", "index"),
    [
        ({"index_location": "start", "index_codecs": [BYTES]}, ShardIndex(4, 64, at_end=False)),
        ({"index_codecs": [named("bytes", endian="big")]}, ShardIndex(4, 64, big_endian=True)),
    ],
)
def test_tables_of_shards(configuration: dict[str, Any], index: ShardIndex) -> None:
    coding = version_3_chain([sharded(BYTES, **configuration)], (4, 6), U2, bytes(2))
    assert coding.index == index


@pytest.mark.parametrize(
    "codecs",
    [
        [named("transpose", order=[1, 0]), sharded(BYTES, chunk_shape=[3, 2])],
        [sharded(BYTES), named("gzip")],
    ],
)
def test_a_shard_in_other_codecs_is_decoded_whole(codecs: list[Any]) -> None:
    coding = version_3_chain(codecs, (4, 6), U2, bytes(2))
    assert (coding.chunk, coding.index) == ((4, 6), None)
    assert "zarr-shard" in [codec.name for codec in coding.codecs]


@pytest.mark.parametrize(
    ("codecs", "message"),
    [
        ([BYTES, named("rot13")], "coded by 'rot13', which is not read; known are"),
        ([BYTES, 7], "7 is no codec"),
        ([named("transpose", order=[0, 0]), BYTES], "2 axes is transposed by [0, 0]"),
        ([named("transpose", order=[0, 1, 2]), BYTES], "2 axes is transposed by [0, 1, 2]"),
        ([sharded(BYTES, chunk_shape=[3, 3])], "a shard of (4, 6) has chunks of [3, 3]"),
        ([sharded(BYTES, chunk_shape=[2])], "a shard of (4, 6) has chunks of [2]"),
        ([sharded(BYTES, chunk_shape=[0, 3])], "a shard of (4, 6) has chunks of [0, 3]"),
        ([sharded(BYTES, index_codecs=[BYTES, named("gzip")])], "the table of its shards is compressed"),
        ([BYTES, *[named("gzip")] * MOST_CODECS], "its chunks are coded by 17 codecs, 16 are read"),
    ],
)  # fmt: skip
def test_chains_that_are_refused(codecs: list[Any], message: str) -> None:
    with pytest.raises(UnsupportedFormatError) as caught:
        version_3_chain(codecs, (4, 6), U2, bytes(2))
    assert message in str(caught.value)


def test_codecs_that_are_no_list_are_damage() -> None:
    with pytest.raises(CorruptFileError, match="expected a list"):
        version_3_chain({"name": "bytes"}, (4, 6), U2, bytes(2))
    with pytest.raises(UnsupportedFormatError, match="'zlib' is no codec"):
        version_2_chain({"filters": ["zlib"]}, (4, 6), U2)
