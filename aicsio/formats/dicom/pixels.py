"""Types and codecs of frames.

Rule kept here: a transfer syntax that is in no table here is not decoded.

Source of the facts: DICOM PS3.5, sections 8 and 10, and annex A (transfer syntaxes); PS3.3,
C.7.6.3.1.2 (photometric interpretation) and C.7.6.3.1.3 (planar configuration).
"""

from typing import Final

import attrs
import numpy as np

from aicsio.errors import UnsupportedFormatError
from aicsio.formats.dicom.header import PIXEL_DATA, SlideHeader
from aicsio.records import Codec, DType

SAMPLES, PHOTOMETRIC, PLANAR = 0x00280002, 0x00280004, 0x00280006
BITS_ALLOCATED, BITS_STORED, SIGNED = 0x00280100, 0x00280101, 0x00280103
_BASE: Final = "1.2.840.10008.1.2"
# Implicit, explicit, and explicit with raw frames in fragments.
RAW: Final = frozenset({_BASE, f"{_BASE}.1", f"{_BASE}.1.98"})
JPEG: Final = frozenset({f"{_BASE}.4.50", f"{_BASE}.4.51"})
"""JPEG Baseline and Extended."""
CODECS: Final = {
    f"{_BASE}.4.80": "jpegls",
    f"{_BASE}.4.81": "jpegls",
    f"{_BASE}.4.90": "jpeg2k",
    f"{_BASE}.4.91": "jpeg2k",
    f"{_BASE}.4.110": "jpegxl",
    f"{_BASE}.4.111": "jpegxl",
    f"{_BASE}.4.112": "jpegxl",
    f"{_BASE}.4.201": "jpeg2k",
    f"{_BASE}.4.202": "jpeg2k",
    f"{_BASE}.4.203": "jpeg2k",
    f"{_BASE}.5": "dicom-rle",
}
"""Others by transfer syntax: JPEG-LS, JPEG 2000, JPEG XL, High-Throughput JPEG 2000, RLE."""
NAMES: Final = {
    f"{_BASE}.4.57": "lossless JPEG (process 14)",
    f"{_BASE}.4.70": "lossless JPEG (process 14, selection value 1)",
    f"{_BASE}.8.1": "Deflated Image Frame Compression",
}
GREY: Final = frozenset({"MONOCHROME1", "MONOCHROME2"})
COLOURS: Final = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"})
# Weights of red, green and blue in Y, as CCIR 601 defines them.
LUMA: Final = (0.299, 0.587, 0.114)
REFERENCE: Final = (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)
"""YBR_FULL takes all codes, black is 0 and grey 128 (PS3.3, C.7.6.3.1.2)."""


@attrs.frozen
class FrameFormat:
    """How the frames of a file are stored."""

    dtype: DType
    """Of a sample, little-endian."""
    samples: int
    """Samples of a pixel: 1, or 3 for colours."""
    codecs: tuple[Codec, ...]
    """From the bytes of a frame to its pixels; none for raw ones."""
    planar: bool
    """Whether raw samples lie in planes, one behind the other."""
    frame_nbytes: int
    """Bytes of a raw frame."""
    photometric: str
    """As the file names it."""
    is_jpeg: bool
    """Whether a frame of one fragment is a JPEG file."""


def describe_pixels(header: SlideHeader, tile: tuple[int, int]) -> FrameFormat:
    """Return type and codecs of the frames of a file.

    Raises
    ------
    UnsupportedFormatError
        For types and codecs that are not read.
    """
    data, uri = header.data, header.source.uri
    bits, samples = data.integer(BITS_ALLOCATED), data.integer(SAMPLES, 1)
    photometric = data.text(PHOTOMETRIC)
    fits = photometric in (GREY if samples == 1 else COLOURS) and samples in {1, 3}
    if bits not in {8, 16, 32} or not fits or header.pixels.tag != PIXEL_DATA:
        raise UnsupportedFormatError(
            f"{uri} has {samples} samples of {bits} bits, {photometric or 'without a meaning'}: "
            "grey of 8, 16 and 32 bits, RGB and YBR_FULL are read"
        )
    # PS3.3, C.7.6.3: 1 is two's complement.
    kind = "i" if data.integer(SIGNED) == 1 else "u"
    dtype = np.dtype(f"<{kind}{bits // 8}")
    is_raw = header.syntax in RAW
    # Compressed frames lie in fragments, raw ones in one run; 1.98 is the exception.
    if header.encapsulated == is_raw and header.syntax != f"{_BASE}.1.98":
        raise UnsupportedFormatError(
            f"{uri}: its pixels do not lie as its transfer syntax {header.syntax} states"
        )
    rows, columns = tile
    halved = is_raw and photometric == "YBR_FULL_422"
    # Raw YBR_FULL_422 has one Cb and one Cr for two pixels of a row.
    across = -(-columns // 2) * 4 if halved else columns * samples
    return FrameFormat(
        dtype=dtype,
        samples=samples,
        codecs=_list_codecs(header, samples, photometric, bits),
        planar=samples > 1 and data.integer(PLANAR) == 1 and is_raw,
        frame_nbytes=rows * across * dtype.itemsize,
        photometric=photometric,
        is_jpeg=header.syntax == f"{_BASE}.4.50",
    )


def _list_codecs(
    header: SlideHeader, samples: int, photometric: str, bits: int
) -> tuple[Codec, ...]:
    syntax, sampled = header.syntax, ("sampled", samples > 1)
    chain = (Codec("dicom-fragments"),) if header.encapsulated else ()
    if syntax in JPEG:
        # Samples of 12 bits are allocated 16: the stream has those that are stored.
        depth = 8 if bits == 8 else header.data.integer(BITS_STORED, bits)
        parameters = (sampled, ("rgb", photometric == "RGB"), ("bits", depth))
        return (*chain, Codec("dicom-jpeg", parameters))
    if syntax in CODECS:
        chain = (*chain, Codec(CODECS[syntax], (sampled,)))
    elif syntax not in RAW:
        name = NAMES.get(syntax, "a transfer syntax that is not read")
        raise UnsupportedFormatError(
            f"{header.source.uri} has {name} ({syntax}): JPEG, JPEG 2000, JPEG-LS, JPEG XL, RLE "
            "and raw pixels are read"
        )
    # Decoders undo the transforms of JPEG 2000 (YBR_ICT, YBR_RCT), nobody that of YBR_FULL.
    # Syntaxes that begin with `.4.11` are JPEG XL.
    if photometric.startswith("YBR_FULL") and not syntax.startswith(f"{_BASE}.4.11"):
        across = 2 if photometric.endswith("422") and syntax in RAW else 1
        colours = (("subsampling", (across, 1)), ("luma", LUMA), ("reference", REFERENCE))
        chain = (*chain, Codec("ycbcr", colours))
    return chain
