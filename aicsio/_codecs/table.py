"""The table of codecs, and chains of them.

Rule kept here: names are part of pickles. They are added, not renamed.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from aicsio._codecs import (
    compression,
    czi,
    dicom,
    images,
    masks,
    parts,
    raw,
    resampling,
    text,
    tiff,
    tiff_images,
    zarr,
)
from aicsio._codecs.buffers import Data, DecodeTarget
from aicsio.records import Codec

CodecFunction: TypeAlias = Callable[..., Data]

CODECS: Mapping[str, CodecFunction] = {
    "base64": compression.decode_base64,
    "behind": raw.cut_payload,
    "bitorder": tiff.reverse_bits,
    "bmp": images.decode_bmp,
    "bzip2": compression.decode_bzip2,
    "ccitt-rle": images.CcittCodec("ccittrle_decode"),
    "ccitt-t4": images.CcittCodec("ccittfax3_decode"),
    "ccitt-t6": images.CcittCodec("ccittfax4_decode"),
    "complex-int": tiff.widen_complex_integers,
    "deflate": compression.ToPixels("deflate_decode"),
    "delta": tiff.undo_differences,
    "dicom-fragments": dicom.join_fragments,
    "dicom-jpeg": dicom.decode_colour_jpeg,
    "dicom-rle": dicom.decode_rle,
    "eer": images.decode_eer,
    "float24": tiff.widen_float24,
    "floatpred": tiff.undo_float_differences,
    "gather": tiff_images.gather_ranges,
    "hdf5-lz4": zarr.Decompressor("lz4h5_decode"),
    "hdf5-lzf": zarr.Decompressor("lzf_decode"),
    "hex-bytes": text.decode_hex,
    "inflate": compression.Intermediate("deflate_decode"),
    "jetraw": images.decode_jetraw,
    "jpeg": images.decode_jpeg,
    "jpeg2k": images.decode_jpeg2000,
    "jpegls": images.decode_jpegls,
    "jpegxl": images.decode_jpegxl,
    "jpegxr": images.decode_jpegxr,
    "lerc": images.decode_lerc,
    "lzma": compression.ToPixels("lzma_decode"),
    "lzw": compression.decode_lzw,
    "packbits": compression.ToPixels("packbits_decode"),
    "packints": tiff.unpack_integers,
    "parts": lambda data, target, **options: parts.move_parts(decode, data, target, **options),
    "png": images.decode_png,
    "resample": lambda data, target, **options: resampling.decode_stored(
        decode, data, target, **options
    ),
    "rgb565": tiff.unpack_words,
    "samples": czi.reorder_samples,
    "strided": raw.show_strided,
    "swap-nibbles": tiff.swap_nibbles,
    "text-numbers": text.decode_numbers,
    "tiff-image": lambda data, target, **options: tiff_images.decode_image(
        decode, data, target, **options
    ),
    "unzstd": compression.Intermediate("zstd_decode"),
    "webp": images.decode_webp,
    "ycbcr": tiff.convert_ycbcr,
    "zisraw-masked": lambda data, target, **options: masks.decode_masked(
        decode, data, target, **options
    ),
    "zstd": compression.ToPixels("zstd_decode"),
    "zstd1": czi.decode_zstd1,
    "zarr-blosc": zarr.decode_blosc,
    "zarr-bz2": zarr.Decompressor("bz2_decode", stops=True),
    "zarr-checksum": zarr.check_sum,
    "zarr-convert": zarr.convert_type,
    "zarr-delta": zarr.undo_delta,
    "zarr-gzip": zarr.decode_gzip,
    "zarr-lz4": zarr.Decompressor("lz4_decode", header=True),
    "zarr-lzma": zarr.Decompressor("lzma_decode", stops=True),
    "zarr-packbits": zarr.unpack_booleans,
    "zarr-scale": zarr.undo_scale,
    "zarr-shard": lambda data, target, **options: zarr.decode_shard(
        decode, data, target, **options
    ),
    "zarr-shuffle": zarr.undo_shuffle,
    "zarr-transpose": zarr.transpose_chunk,
    # libdeflate takes half of the time of zlib, and refuses the same streams.
    "zarr-zlib": zarr.Decompressor("deflate_decode"),
    "zarr-zstd": zarr.Decompressor("zstd_decode"),
}
"""By the name that ``records.Codec`` holds. Names are part of pickles: add, do not rename."""


def decode(codecs: tuple[Codec, ...], data: Data, target: DecodeTarget) -> npt.NDArray[Any]:
    """Run a chain of codecs.

    Parameters
    ----------
    codecs
        Applied in order; none means that the bytes are the pixels.
    data
        Bytes as stored.
    target
        Shape and dtype that the chain must produce.

    Returns
    -------
    The array that the chain must produce; its memory may be that of ``target``.

    Raises
    ------
    ValueError, RuntimeError
        When a codec refuses its bytes, or the result has the wrong size. The engine adds where
        the bytes lie.
    """
    last = len(codecs) - 1
    into = target.into
    for index, codec in enumerate(codecs):
        target.index = index
        # Only the last result may lie in the output: a codec cannot read and write one memory.
        target.into = into if index == last else None
        data = CODECS[codec.name](data, target, **dict(codec.parameters))
    if isinstance(data, np.ndarray) and data.nbytes == target.nbytes and data.flags.c_contiguous:
        return data.reshape(-1).view(target.dtype).reshape(target.shape)
    pixels = _as_array(data, target)
    if pixels.nbytes != target.nbytes:
        raise ValueError(
            f"it holds {pixels.nbytes} bytes, where shape {target.shape} needs {target.nbytes}"
        )
    return pixels.reshape(target.shape)


def _as_array(data: Data, target: DecodeTarget) -> npt.NDArray[Any]:
    """Show the last result as pixels: an image as it is, bytes without their padding."""
    if isinstance(data, np.ndarray) and data.dtype == target.dtype:
        # An image of another size is returned whole, so that ``decode`` refuses it.
        is_image = data.ndim > 1
        if is_image or data.nbytes <= target.nbytes:
            return data
    octets = np.frombuffer(data, np.uint8)[: target.nbytes]
    if octets.nbytes == target.nbytes:
        return octets.view(target.dtype)
    return octets
