"""Codecs of whole images: decoders that find the shape in their bytes.

BMP, JPEG, JPEG 2000, JPEG XL, JPEG XR, JPEG-LS, LERC, PNG, WebP, CCITT and others.

Rule kept here: a size that a header declares is compared with the expected one before the decoder
makes room for it.
"""

import contextlib
import functools
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from aicsio._codecs.buffers import Data, DecodeTarget, as_octets, imagecodecs
from aicsio._codecs.compression import LARGEST_SURPLUS
from aicsio._codecs.image_headers import (
    bmp_size,
    jpeg2000_size,
    jpeg_size,
    jpegxl_size,
    jpegxr_size,
    jpegxr_type,
    lerc_size,
    png_size,
    require_jpegls_end,
    webp_size,
)

SizeReader: TypeAlias = Callable[[bytes], tuple[int, ...] | None]
"""Rows and columns, and samples where the header states them."""


def fit_image(image: npt.NDArray[Any], target: DecodeTarget, sampled: bool) -> Data:
    """Cut or fill an image to the target: encoders shorten the tiles at the edges.

    Parameters
    ----------
    image
        Decoded pixels: (rows, columns), or with an axis of samples behind.
    target
        What the chain must produce.
    sampled
        Whether the last axis of the target holds samples.

    Raises
    ------
    ValueError
        When the number of samples differs, or a large image is mostly missing.
    """
    if image.size == math.prod(target.shape):
        return np.ascontiguousarray(image, target.dtype).reshape(target.shape)
    rows, columns, samples = target.frame(sampled)
    image = image.reshape(*image.shape[:2], -1)
    if image.shape[-1] != samples:
        raise ValueError(f"it has {image.shape[-1]} samples a pixel, expected {samples}")
    # A small stream under a large tile would let a small file fill memory with zeros.
    mostly_missing = 4 * image.size < target.nbytes // target.dtype.itemsize
    if target.nbytes > LARGEST_SURPLUS and mostly_missing:
        raise ValueError(
            f"it has {image.shape[1]} x {image.shape[0]} pixels, expected {columns} x {rows}"
        )
    fitted = np.zeros((rows, columns, samples), target.dtype)
    part = image[:rows, :columns]
    fitted[: part.shape[0], : part.shape[1]] = part
    return fitted.reshape(target.shape)


def check_declared_size(
    size: tuple[int, ...] | None, target: DecodeTarget, sampled: bool, name: str
) -> None:
    """Refuse an image whose header declares far more pixels than expected.

    Raises
    ------
    ValueError
        When the image has more than four times the expected pixels: encoders pad a tile to twice
        its size along each axis at most, and small tiles to a block of 256 x 256.
    """
    if size is None:
        return
    rows, columns, samples = target.frame(sampled)
    expected = rows * columns
    if len(size) > 2:  # the header states samples
        expected *= samples
    if math.prod(size) > 4 * expected + (1 << 16):
        claim = " x ".join(map(str, (size[1], size[0], *size[2:])))
        raise ValueError(f"its {name} header claims {claim} pixels, expected {columns} x {rows}")


_NO_PREDICTOR = re.compile(r"lossless parameters Ss=0 Se=0 Ah=0 Al=(?:\d|1[0-3])\b")
"""Refusal of libjpeg-turbo: of a lossless scan, as a progressive one of these numbers is legal."""


@contextlib.contextmanager
def naming_jpeg_variants() -> Iterator[None]:
    """Distinguish a variant of JPEG that no decoder is known to read rightly from damage.

    Raises
    ------
    NotImplementedError
        For a lossless scan without a predictor, which ITU-T T.81 (table H.1) has in hierarchical
        streams alone: libjpeg-turbo refuses it, LJ92 and jpegsof3 decode it to different pixels.
    """
    try:
        yield
    except RuntimeError as error:
        if _NO_PREDICTOR.search(str(error)):
            raise NotImplementedError("lossless JPEG without a predictor is not read") from error
        raise


MOST_INTERLEAVED = 4
"""Samples of a pixel that imagecodecs takes for one colour: red, green, blue, alpha."""


class ImageCodec:
    """Codec that finds the shape in its bytes, with the reader of its header."""

    def __init__(
        self,
        name: str,
        function: str,
        declared_size: SizeReader | None = None,
        *,
        declared_type: Callable[[bytes], str | None] | None = None,
        **fixed: Any,
    ) -> None:
        self._name = name
        self._function = function
        self._declared_size = declared_size
        self._declared_type = declared_type
        self._fixed = fixed

    def __call__(
        self, data: Data, target: DecodeTarget, *, sampled: bool, **parameters: Any
    ) -> Data:
        raw = bytes(as_octets(data))
        size = None
        if self._declared_size is not None:
            size = self._declared_size(raw)
            check_declared_size(size, target, sampled, self._name)
        decode = getattr(imagecodecs(), self._function)
        # The decoder itself compares no more than the bytes of a sample.
        is_same_type = (
            self._declared_type is not None and self._declared_type(raw) == target.dtype.str[1:]
        )
        if is_same_type and target.dtype.isnative and size == target.frame(sampled)[:2]:
            decode = functools.partial(_decode_to_place, decode, target, sampled)
        fixed = self._fixed
        if sampled and target.shape[-1] > MOST_INTERLEAVED:
            # imagecodecs stores more samples as further channels, which an index would take apart.
            fixed = {}
        return fit_image(np.asarray(decode(raw, **fixed, **parameters)), target, sampled)


def _decode_to_place(
    decode: Callable[..., Any], target: DecodeTarget, sampled: bool, raw: bytes
) -> Any:
    """Decode straight into the output: a plane of 2 MiB saves a copy of 0.3 ms."""
    rows, columns, samples = target.frame(sampled)
    shape = (rows, columns, samples) if samples > 1 else (rows, columns)
    try:
        return decode(raw, out=target.empty_pixels().reshape(shape))
    except (ValueError, RuntimeError):
        # Other samples, or a lossless JPEG: what refuses that memory decides on its own.
        return decode(raw)


decode_bmp = ImageCodec("BMP", "bmp_decode", bmp_size)
_decode_jpegls = ImageCodec("JPEG-LS", "jpegls_decode", jpeg_size)
decode_jpeg2000 = ImageCodec("JPEG 2000", "jpeg2k_decode", jpeg2000_size)
# An animation has any number of frames; a tile is one image.
decode_jpegxl = ImageCodec("JPEG XL", "jpegxl_decode", jpegxl_size, index=0)
decode_jpegxr = ImageCodec("JPEG XR", "jpegxr_decode", jpegxr_size, declared_type=jpegxr_type)
decode_png = ImageCodec("PNG", "png_decode", png_size)
decode_webp = ImageCodec("WebP", "webp_decode", webp_size)


def decode_jpegls(data: Data, target: DecodeTarget, *, sampled: bool) -> Data:
    """Decode a JPEG-LS stream that has an end."""
    raw = bytes(as_octets(data))
    require_jpegls_end(raw)
    return _decode_jpegls(raw, target, sampled=sampled)


def decode_lerc(data: Data, target: DecodeTarget, *, sampled: bool) -> Data:
    """Decode a LERC image; floats that its mask excludes are NaN.

    LERC has no NaN: libtiff (``tif_lerc.c``), GDAL and imagecodecs encode it as a masked pixel.
    libtiff and GDAL decode it to NaN again, imagecodecs to 0 with the mask beside it.
    """
    raw = bytes(as_octets(data))
    check_declared_size(lerc_size(raw), target, sampled, "LERC")
    image, valid = imagecodecs().lerc_decode(raw, masks=True)
    if valid is not None and image.dtype.kind == "f":
        # A mask of two axes holds for all samples of a pixel.
        image[~valid] = np.nan
    return fit_image(image, target, sampled)


def decode_jpeg(
    data: Data,
    target: DecodeTarget,
    *,
    sampled: bool,
    tables: bytes | None = None,
    header: bytes | None = None,
    colorspace: int | None = None,
    outcolorspace: int | str | None = None,
    bits: int = 8,
) -> Data:
    """Decode JPEG, with the tables that a TIFF keeps apart (TIFF Technical Note 2).

    Raises
    ------
    ValueError
        When the frame header declares far more pixels than expected.
    """
    raw = bytes(as_octets(data))
    rows, columns, _ = target.frame(sampled)
    size = None
    if header is None:
        size = jpeg_size(raw)
        check_declared_size(size, target, sampled, "JPEG")
    decode = functools.partial(
        imagecodecs().jpeg_decode,
        bitspersample=bits,
        tables=tables,
        header=header,
        colorspace=colorspace,
        outcolorspace=outcolorspace,
        shape=(rows, columns),
    )
    if size in {None, (rows, columns)} and target.dtype == np.uint8:
        # 256 x 256 pixels in colour take 253 us into memory that was used before, 304 into fresh.
        decode = functools.partial(_decode_to_place, decode, target, sampled)
    with naming_jpeg_variants():
        image = decode(raw)
    return fit_image(np.asarray(image), target, sampled)


class CcittCodec:
    """Fax codecs, which take the size from outside (TIFF 6.0 sections 10 and 11)."""

    def __init__(self, function: str) -> None:
        self._function = function

    def __call__(
        self, data: Data, target: DecodeTarget, *, sampled: bool, **parameters: int
    ) -> Data:
        rows, columns, _ = target.frame(sampled)
        decode = getattr(imagecodecs(), self._function)
        image = decode(bytes(as_octets(data)), rows, columns, **parameters)
        return fit_image(np.asarray(image), target, sampled)


def decode_eer(
    data: Data, target: DecodeTarget, *, sampled: bool, skip: int, horizontal: int, vertical: int
) -> Data:
    """Decode electron events (EER of Thermo Fisher) to counts.

    Parameters
    ----------
    data
        One frame.
    target
        What the chain must produce.
    sampled
        Whether the last axis of the target holds samples.
    skip, horizontal, vertical
        Bits of the run of empty pixels and of both parts of the sub-pixel position.
    """
    rows, columns, _ = target.frame(sampled)
    image = imagecodecs().eer_decode(
        bytes(as_octets(data)), (rows, columns), skip, horizontal, vertical, superres=0
    )
    return fit_image(np.asarray(image), target, sampled)


def decode_jetraw(data: Data, target: DecodeTarget, *, sampled: bool) -> Data:
    """Decode Jetraw, whose decoder needs an output of the right size."""
    out = np.zeros(target.frame(sampled)[:2], np.uint16)
    imagecodecs().jetraw_decode(bytes(as_octets(data)), out=out)
    return fit_image(out, target, sampled)
