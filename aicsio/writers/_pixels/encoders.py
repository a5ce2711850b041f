"""Compressions.

A table of codecs, the pixels each accepts, and the function that encodes a segment.

Rule kept here: no I/O. Pixels that a compression does not accept raise before a file is touched;
the message names the compressions that accept them.

Source of the facts: Adobe Photoshop TIFF Technical Notes (2002) for codes 7 and 8 and predictor 2,
Technical Note 3 (2005) for predictor 3; the list of codes of libtiff and tifffile for the others.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import attrs
import numpy.typing as npt

from aicsio.errors import WriteError
from aicsio.formats._tiff.tags import Compression, Predictor
from aicsio.records import DType

Array: TypeAlias = npt.NDArray[Any]
Encode: TypeAlias = Callable[[Array], bytes]


@attrs.frozen(eq=False)
class _CodecRow:
    """One row of the table of compressions."""

    tag: int
    """Value of the Compression tag."""
    level: int | None
    """Default level; ``None`` to leave it to the codec."""
    levels: range | None
    """Allowed levels; ``None`` where the codec has none."""
    level_meaning: str
    """The quantity that a level sets."""
    encode: Callable[[Array, int | None], bytes]
    """From pixels, (rows, columns, samples), predictor applied, and a level."""
    dtypes: tuple[str, ...] | None = None
    """Names of the types that it accepts; ``None`` for all."""
    samples: tuple[int, ...] | None = None
    """Samples of a pixel that it accepts; ``None`` for any number."""
    predicts: bool = False
    """Whether a predictor may go before it."""

    def accepts(self, dtype: DType, samples: int) -> bool:
        """Whether it encodes such pixels."""
        fits_type = self.dtypes is None or dtype.name in self.dtypes
        return fits_type and (self.samples is None or samples in self.samples)


@attrs.frozen(eq=False)
class Encoder:
    """A compression, chosen for one kind of pixels."""

    tag: int
    """Value of the Compression tag."""
    predictor: int
    """Value of the Predictor tag."""
    encode: Encode
    """From a segment, (rows, columns, samples), to the bytes that are stored."""
    lossy: bool
    """Whether pixels change."""
    image: bool
    """Whether the codec is one of images, not of bytes."""


# ---------------------------------------------------------------- codecs


def _bytes_codec(name: str) -> Callable[[Array, int | None], bytes]:
    def encode(segment: Array, level: int | None) -> bytes:
        import imagecodecs

        function = getattr(imagecodecs, f"{name}_encode")
        return bytes(function(segment) if level is None else function(segment, level=level))

    return encode


def _drop_single_sample(segment: Array) -> Array:
    """Return (rows, columns) for gray pixels, which image codecs and predictors expect."""
    return segment[..., 0] if segment.shape[2] == 1 else segment


def _jpeg(segment: Array, level: int | None) -> bytes:
    import imagecodecs

    if segment.shape[2] == 1:
        return bytes(imagecodecs.jpeg_encode(segment[..., 0], level=level))
    # Chroma at half the width, as slide scanners store it. At full width Bio-Formats 7.3 converts
    # the colours twice.
    return bytes(
        imagecodecs.jpeg_encode(
            segment, level=level, colorspace="rgb", outcolorspace="ycbcr", subsampling="422"
        )
    )


def _jpeg2000(segment: Array, level: int | None) -> bytes:
    import imagecodecs

    pixels = _drop_single_sample(segment)
    # Segments are encoded by the writer's threads, so the codec gets one thread each.
    # Left to guess, imagecodecs takes a segment of shape (2, 1, 5) for two planes of samples.
    return bytes(
        imagecodecs.jpeg2k_encode(
            pixels, level=level or 0, codecformat="j2k", planar=False, numthreads=1
        )
    )


def _jpegxl(segment: Array, level: int | None) -> bytes:
    import imagecodecs

    pixels = _drop_single_sample(segment)
    # The level is libjxl's effort, which changes the size and never the pixels.
    return bytes(imagecodecs.jpegxl_encode(pixels, lossless=True, effort=level, numthreads=1))


COMPRESSIONS: Mapping[str, _CodecRow] = {
    # libdeflate: 512 x 512 of 16-bit noise take 1.7 ms and 250 kB at level 1, 8.6 ms and 252 kB at
    # 6.
    "zlib": _CodecRow(
        Compression.DEFLATE, 1, range(13), "effort", _bytes_codec("deflate"), predicts=True
    ),
    "zstd": _CodecRow(
        Compression.ZSTD, 3, range(1, 23), "effort", _bytes_codec("zstd"), predicts=True
    ),
    "lzw": _CodecRow(Compression.LZW, None, None, "effort", _bytes_codec("lzw"), predicts=True),
    "jpeg": _CodecRow(Compression.JPEG, 90, range(1, 101), "quality", _jpeg, ("uint8",), (1, 3)),
    "jpeg2000": _CodecRow(
        Compression.JPEG_2000,
        None,
        range(1, 1001),
        "quality in decibels",
        _jpeg2000,
        ("uint8", "uint16", "int8", "int16"),
    ),
    # libjxl 0.11 has an effort of 1 too, but writes beyond its buffer where pixels are 16-bit
    # noise.
    "jpegxl": _CodecRow(
        Compression.JPEG_XL, 2, range(2, 10), "effort", _jpegxl, ("uint8", "uint16", "float32")
    ),
}


# ---------------------------------------------------------------- the choice


def choose_encoder(
    name: str, level: int | None, dtype: DType, samples: int, predictor: bool | Literal["auto"]
) -> Encoder:
    """Choose how segments are compressed.

    Parameters
    ----------
    name
        A key of ``COMPRESSIONS``.
    level
        The requested level; ``None`` for the default.
    dtype
        Type of the samples in the file.
    samples
        Samples of a pixel.
    predictor
        As in ``WriteOptions``.

    Raises
    ------
    WriteError
        When the compression does not accept the pixels, the level or the predictor.
    """
    compression = COMPRESSIONS[name]
    if not compression.accepts(dtype, samples):
        raise WriteError(_describe_refusal(name, compression, dtype, samples))
    _check_level(name, compression, level)
    if predictor is True and not compression.predicts:
        raise WriteError(f"predictor=True: {name} predicts pixels by itself; leave it out")
    predictor_code = _predictor_code(dtype, predictor) if compression.predicts else Predictor.NONE
    tag = compression.tag
    if name == "jpeg2000" and samples == 1:
        # Bio-Formats writes 33003 and libvips reads gray pixels under it; libvips takes colours
        # under 33003 for YCbCr, so they have the registered code.
        tag = Compression.APERIO_JP2K_YCBCR
    chosen_level = compression.level if level is None else level
    return Encoder(
        tag,
        predictor_code,
        _encode_function(compression, chosen_level, predictor_code),
        lossy=name == "jpeg" or (name == "jpeg2000" and level is not None),
        image=not compression.predicts,
    )


def _check_level(name: str, compression: _CodecRow, level: int | None) -> None:
    levels = compression.levels
    if level is None or (levels is not None and level in levels):
        return
    allowed = "has no levels"
    if levels is not None:
        allowed = f"has {compression.level_meaning} from {levels[0]} to {levels[-1]}"
    raise WriteError(f"compression_level={level}: {name} {allowed}")


def _describe_refusal(name: str, compression: _CodecRow, dtype: DType, samples: int) -> str:
    accepted = ", ".join(compression.dtypes or ())
    if compression.samples is not None:
        accepted += f" with {' or '.join(map(str, compression.samples))} samples"
    others = [other for other, row in COMPRESSIONS.items() if row.accepts(dtype, samples)]
    return (
        f"{name} takes {accepted}; these pixels are {dtype.name} with {samples}: "
        f"choose one of {', '.join(others)}"
    )


def _predictor_code(dtype: DType, requested: bool | Literal["auto"]) -> int:
    # TIFF has predictors for integers and for floats, none for complex samples.
    if requested is False or dtype.kind == "c":
        return Predictor.NONE
    if dtype.kind == "f":
        # Bio-Formats 7.3 refuses predictor 3, so floats have it on request only.
        return Predictor.FLOATING_POINT if requested is True else Predictor.NONE
    return Predictor.HORIZONTAL


def _encode_function(compression: _CodecRow, level: int | None, predictor: int) -> Encode:
    def encode(segment: Array) -> bytes:
        import imagecodecs

        data = segment
        if predictor == Predictor.HORIZONTAL:
            # Differences wrap around in unsigned arithmetic, whatever the sign of the pixels.
            unsigned = segment.view(f"<u{segment.dtype.itemsize}")
            # TIFF 6.0, section 14: a sample differs from the same sample of the pixel to its left.
            data = imagecodecs.delta_encode(_drop_single_sample(unsigned), axis=1)
        elif predictor == Predictor.FLOATING_POINT:
            data = imagecodecs.floatpred_encode(_drop_single_sample(segment), axis=1)
        return compression.encode(data, level)

    return encode
