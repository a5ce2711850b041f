"""Faults of compressed bytes over which decoders pass, for checks. Imports `_codecs` and `records`.

``fax`` decodes the rows of CCITT by the code words of ``fax_codes``; ``jpeg_scan`` follows the codes of JPEG by
the tables of ``jpeg_codes``; ``jpegxr_reach`` has the decoder of JPEG XR read other bytes around
the packets that ``jpegxr_layout`` finds; ``riff`` compares the sizes of WebP; ``zstd_literals``
follows the Huffman codes of zstd by the tables that ``zstd_weights`` reads. LZW and PackBits are
measured by ``_codecs.lengths``; the checksums of bzip2 are reached here.

Rule kept here: bytes that an encoder may have written have no fault, however odd they are; what is
refused cites the specification that no encoder can break.
"""

import bz2
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from aicsio._codecs import CODECS, DecodeTarget, Scratch, lengths
from aicsio._codecs.buffers import Data, as_octets
from aicsio._codecs.strict import fax, jpeg_scan, jpegxr_reach, riff, zstd_literals
from aicsio.records import Codec
from aicsio.records.pieces import DType

BZIP2_BLOCK_NBYTES: Final = 1_000_000
"""Bytes of the largest block of bzip2 and a little more."""
_UNWRAPPED: Final = frozenset(
    {"base64", "bitorder", "dicom-fragments", "gather", "inflate", "unzstd"}
)
"""Codecs in front of one that is followed: what they return are its bytes."""


def _follow_jpeg(data: Data, target: DecodeTarget, options: Mapping[str, Any]) -> None:  # noqa: ARG001
    # A header of its own stands for that of the stream, whose sizes are then wrong.
    if options.get("header") is None:
        jpeg_scan.require_jpeg(bytes(as_octets(data)), options.get("tables"))


def _follow_zstd1(data: Data, target: DecodeTarget, options: Mapping[str, Any]) -> None:  # noqa: ARG001
    # libCZI, "ZStd1 header": its size in bytes comes first.
    raw = bytes(as_octets(data))
    zstd_literals.require_zstd(raw[raw[0] :])


def _follow_bzip2(data: Data, target: DecodeTarget, options: Mapping[str, Any]) -> None:  # noqa: ARG001
    """Read behind the pixels: checksums stand at the end of each block and of the stream."""
    decoder = bz2.BZ2Decompressor()
    # A wrong code makes a block longer or shorter; its checksum comes behind its 900 000 bytes at most.
    limit = 2 * target.nbytes + BZIP2_BLOCK_NBYTES
    try:
        content = decoder.decompress(bytes(as_octets(data)), limit)
    except OSError as error:
        raise ValueError(str(error)) from error
    if not decoder.eof and len(content) < limit:
        raise ValueError("it ends before its last checksum")


def _follow_fax(
    decode: Callable[..., object], data: Data, target: DecodeTarget, options: Mapping[str, Any]
) -> None:
    more = {name: value for name, value in options.items() if name != "sampled"}
    rows, columns, _ = target.frame(bool(options["sampled"]))
    decode(data, rows, columns, **more)


_FOLLOWERS: Final[Mapping[str, Callable[[Data, DecodeTarget, Mapping[str, Any]], None]]] = (
    MappingProxyType(
        {
            "ccitt-rle": lambda *given: _follow_fax(fax.decode_rle, *given),
            "ccitt-t4": lambda *given: _follow_fax(fax.decode_t4, *given),
            "ccitt-t6": lambda *given: _follow_fax(fax.decode_t6, *given),
            "dicom-jpeg": _follow_jpeg,
            "jpeg": _follow_jpeg,
            "jpegxr": lambda data, _, __: jpegxr_reach.require_jpegxr(bytes(as_octets(data))),
            "bzip2": _follow_bzip2,
            "webp": lambda data, _, __: riff.require_webp(bytes(as_octets(data))),
            "zarr-bz2": _follow_bzip2,
            "zarr-zstd": lambda data, _, __: zstd_literals.require_zstd(bytes(as_octets(data))),
            "zstd": lambda data, _, __: zstd_literals.require_zstd(bytes(as_octets(data))),
            "zstd1": _follow_zstd1,
        }
    )
)
"""By codec: functions that raise ``ValueError`` for bytes that no encoder writes."""


def is_followed(codecs: tuple[Codec, ...]) -> bool:
    """Whether the bytes of a chain of codecs are followed beyond what its decoders do.

    Parameters
    ----------
    codecs
        Of the piece.

    Returns
    -------
    bool
        False for codecs that check themselves.
    """
    rest = codecs[_count_wrappers(codecs) :]
    return lengths.has_length(codecs) or bool(rest and rest[0].name in _FOLLOWERS)


def find_fault(
    codecs: tuple[Codec, ...],
    data: Data,
    shape: tuple[int, ...],
    dtype: DType,
    *,
    last: bool = True,
) -> str | None:
    """Follow the bytes of a piece as strictly as its codec allows.

    Parameters
    ----------
    codecs, shape, dtype
        Of the piece, which its decoders take.
    data
        Its bytes.
    last
        Whether these are the last rows of a page, which may have more than the page has.

    Returns
    -------
    str or None
        The fault in words; ``None`` if there is none, or ``is_followed`` is false.
    """
    if lengths.has_length(codecs):
        return lengths.find_wrong_length(codecs, data, shape, dtype, last=last)
    if not is_followed(codecs):
        return None
    target = DecodeTarget(shape, dtype, Scratch())
    count = _count_wrappers(codecs)
    for target.index, codec in enumerate(codecs[:count]):
        data = CODECS[codec.name](data, target, **dict(codec.parameters))
    codec = codecs[count]
    try:
        _FOLLOWERS[codec.name](data, target, dict(codec.parameters))
    except ValueError as error:
        return f"no encoder writes these bytes of {codec.name}: {error}"
    return None


def _count_wrappers(codecs: tuple[Codec, ...]) -> int:
    names = [codec.name for codec in codecs]
    return next((i for i, name in enumerate(names) if name not in _UNWRAPPED), len(names))
