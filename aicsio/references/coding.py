"""Codings of chunks as the codecs of Zarr format 2: numcodecs' own, imagecodecs', or aicsio's.

Rule kept here: a name of another library stands only for a chain that it decodes to the same
pixels. All other chains are those of aicsio's own codec, ``StoredChunkCodec``.

Source of the names: numcodecs' documentation, and ``codec_id`` in ``imagecodecs.numcodecs``.
"""

import base64
from collections.abc import Mapping
from typing import Any, TypeAlias

from aicsio.records import Codec, DType
from aicsio.references.stored import StoredCoding

Json: TypeAlias = dict[str, Any]

OWN_NAME = "aicsio"
"""Name of the codec that runs chains of ``aicsio._codecs``."""
BUILT_IN: Mapping[str, Json] = {
    "deflate": {"id": "zlib", "level": 1},
    "zstd": {"id": "zstd", "level": 1},
    "lzma": {"id": "lzma", "format": 1, "check": -1, "preset": None, "filters": None},
    "zarr-blosc": {"id": "blosc"},
    "zarr-bz2": {"id": "bz2", "level": 1},
    "zarr-gzip": {"id": "gzip", "level": 1},
    "zarr-lz4": {"id": "lz4", "acceleration": 1},
    "zarr-zlib": {"id": "zlib", "level": 1},
    "zarr-zstd": {"id": "zstd", "level": 1},
}
"""Codecs of numcodecs itself. They do not need the level to decode."""
OF_IMAGECODECS: Mapping[str, str] = {
    "jpeg2k": "imagecodecs_jpeg2k",
    "jpegxl": "imagecodecs_jpegxl",
    "jpegxr": "imagecodecs_jpegxr",
    "lzw": "imagecodecs_lzw",
    "packbits": "imagecodecs_packbits",
    "png": "imagecodecs_png",
    "webp": "imagecodecs_webp",
}
"""Codecs that ``imagecodecs.numcodecs.register_codecs()`` adds to numcodecs, without parameters."""


def compressor(
    coding: StoredCoding, edge: tuple[int, ...] | None, chunk: tuple[int, ...], dtype: DType
) -> Json | None:
    """Return the ``compressor`` of an array of Zarr format 2.

    Parameters
    ----------
    coding
        Of all chunks.
    edge
        Shape of the decoded last chunk where that is shorter; ``None`` if all are alike.
    chunk
        Shape of a chunk.
    dtype
        Type of the pixels as shown.

    Returns
    -------
    dict or None
        ``None`` for raw chunks.
    """
    # Pixels of 12 bits in 16, or of bits, are shown in another type than they decode to.
    converts = coding.dtype.newbyteorder("=") != dtype
    # Axes of one position may stand anywhere: they move no pixel.
    used = [axis for axis in coding.axes if axis >= 0 and coding.shape[axis] > 1]
    is_plain = edge is None and not converts and used == sorted(used)
    if is_plain and not coding.codecs:
        return None
    if is_plain and len(coding.codecs) == 1:
        (codec,) = coding.codecs
        if codec.name in BUILT_IN and not codec.parameters:
            return dict(BUILT_IN[codec.name])
        if codec.name in OF_IMAGECODECS and not _is_special(codec):
            return {"id": OF_IMAGECODECS[codec.name]}
    # The codec gets bytes and no metadata of the array: shape, type and axes go with it.
    own = {
        "id": OWN_NAME,
        "chain": encode_chain(coding.codecs),
        "shape": list(coding.shape),
        "dtype": coding.dtype.str,
        "axes": list(coding.axes),
        "chunk": list(chunk),
    }
    if edge is not None:
        own["edge"] = list(edge)
    if converts:
        own["astype"] = dtype.newbyteorder("<").str
    return own


def _is_special(codec: Codec) -> bool:
    """Whether parameters change the pixels: ``sampled`` names the axis of samples alone."""
    return any(name != "sampled" for name, _ in codec.parameters)


def encode_chain(codecs: tuple[Codec, ...]) -> list[Any]:
    """Return a chain as JSON; bytes become base64."""
    return [[codec.name, [[n, _encode(v)] for n, v in codec.parameters]] for codec in codecs]


def _encode(value: Any) -> Any:
    # Tables of JPEG are bytes, which JSON lacks.
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    return value


def decode_chain(chain: list[Any]) -> tuple[Codec, ...]:
    """Return the chain that ``encode_chain`` has made JSON."""
    return tuple(
        Codec(name, tuple((key, _decode(value)) for key, value in parameters))
        for name, parameters in chain
    )


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        return base64.b64decode(value["base64"])
    # Parameters of codecs are tuples, which come back from JSON as lists.
    if isinstance(value, list):
        return tuple(_decode(item) for item in value)
    return value
