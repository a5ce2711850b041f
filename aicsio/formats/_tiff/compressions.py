"""Which codec decodes a compression of TIFF: tables without code.

Rule kept here: a compression that is in no table here cannot be decoded.

Source of the facts: TIFF 6.0 (Adobe, 1992); TIFF technical notes 1 to 3; the tag list of libtiff for
later numbers.
"""

from collections.abc import Mapping

from aicsio.formats._tiff.tags import Compression, Predictor, SampleFormat

JPEG = frozenset(
    {Compression.OLD_JPEG, Compression.JPEG, Compression.ALT_JPEG, Compression.LOSSY_DNG}
)
"""Schemes whose segments are JPEG streams."""
JPEG_2000 = frozenset({
    Compression.APERIO_JP2K_YCBCR, Compression.JP2K_LOSSY, Compression.APERIO_JP2K_RGB,
    Compression.JPEG_2000,
})  # fmt: skip
"""Schemes whose segments are JPEG 2000 streams."""
CCITT = frozenset({Compression.CCITT_RLE, Compression.CCITT_T4, Compression.CCITT_T6})
"""Fax schemes, in which 0 is white."""
PLAIN_DEPTHS = frozenset({8, 16, 32, 64, 128})
"""Bits of samples that numpy has as they are stored."""

BYTE_CODECS: Mapping[int, str] = {
    Compression.LZW: "lzw",
    Compression.DEFLATE: "deflate",
    Compression.PACKBITS: "packbits",
    Compression.OLD_DEFLATE: "deflate",
    Compression.LZMA: "lzma",
    # Numbers of writers before libtiff registered 50000 and 50001.
    Compression.ZSTD_OLD: "zstd",
    Compression.ZSTD: "zstd",
    Compression.PIXTIFF_DEFLATE: "deflate",
}
IMAGE_CODECS: Mapping[int, str] = {
    # TIFF 6.0 sections 10 and 11.
    Compression.CCITT_RLE: "ccitt-rle",
    Compression.CCITT_T4: "ccitt-t4",
    Compression.CCITT_T6: "ccitt-t6",
    Compression.JPEG_XR_NDPI: "jpegxr",
    Compression.APERIO_JP2K_YCBCR: "jpeg2k",
    Compression.JP2K_LOSSY: "jpeg2k",
    Compression.APERIO_JP2K_RGB: "jpeg2k",
    Compression.JPEG_2000: "jpeg2k",
    # Numbers above 32768 are registered with Adobe or listed by libtiff.
    Compression.LERC: "lerc",
    Compression.WEBP_OLD: "webp",
    Compression.PNG: "png",
    Compression.JPEG_XR: "jpegxr",
    Compression.JETRAW: "jetraw",
    Compression.WEBP: "webp",
    Compression.JPEG_XL: "jpegxl",
    Compression.JPEG_XL_DNG: "jpegxl",
    # Thermo Fisher took numbers of the private range for electron events.
    Compression.EER_V0: "eer",
    Compression.EER_V1: "eer",
    Compression.EER_V2: "eer",
}
PREDICTORS: Mapping[int, tuple[str, int]] = {
    Predictor.NONE: ("", 1),
    Predictor.HORIZONTAL: ("delta", 1),
    Predictor.FLOATING_POINT: ("floatpred", 1),
    Predictor.HORIZONTAL_X2: ("delta", 2),
    Predictor.HORIZONTAL_X4: ("delta", 4),
    Predictor.FLOATING_POINT_X2: ("floatpred", 2),
    Predictor.FLOATING_POINT_X4: ("floatpred", 4),
}
"""Codec that undoes a predictor, and the distance of the samples that it subtracts."""
INTEGER_FORMATS = frozenset({SampleFormat.UINT, SampleFormat.INT, SampleFormat.VOID})
UNDECODABLE_NAMES: Mapping[int, str] = {
    Compression.OLD_JPEG: "old-style JPEG",
    Compression.NEXT: "NeXT",
    Compression.SONY_ARW: "Sony ARW",
    Compression.CCITT_RLE_W: "CCIRLEW",
    Compression.THUNDERSCAN: "ThunderScan",
    Compression.PIXAR_FILM: "PixarFilm",
    Compression.PIXAR_LOG: "PixarLog",
    Compression.JBIG: "JBIG",
    Compression.SGI_LOG: "SGILog",
    Compression.SGI_LOG_24: "SGILog24",
    Compression.NIKON_NEF: "Nikon NEF",
}
