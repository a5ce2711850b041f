"""Compressions: which there are, what they take, and the function that each makes of a segment's pixels.

Rule kept here: no I/O. What a compression cannot take raises before a file is touched, and says which can.

Source of the facts: Adobe Photoshop TIFF Technical Notes (2002) for codes 7 and 8 and predictor 2, Technical Note 3
(2005) for predictor 3; the list of codes of libtiff and tifffile for the others.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import attrs
import numpy.typing as npt

from aicsio.errors import WriteError
from aicsio.records import DType
from aicsio.writers._pixels import tiff

Array: TypeAlias = npt.NDArray[Any]
Encode: TypeAlias = Callable[[Array], bytes]
Name: TypeAlias = Literal["zlib", "zstd", "lzw", "jpeg", "jpeg2000", "jpegxl"]


@attrs.frozen(eq=False)
class _Compression:
    """One row of the table of compressions."""

    tag: int
    """Value of the Compression tag."""
    level: int | None
    """Level unless the caller chooses; ``None`` where that is to leave it out."""
    levels: range | None
    """Levels that there are; ``None`` where there are none."""
    means: str
    """What a level is."""
    encode: Callable[[Array, int | None], bytes]
    """From pixels, (rows, columns, samples), predictor applied, and a level."""
    dtypes: tuple[str, ...] | None = None
    """Names of the types that it takes; ``None`` for all."""
    samples: tuple[int, ...] | None = None
    """Samples of a pixel that it takes; ``None`` for any number."""
    predicts: bool = False
    """Whether a predictor goes before it."""


@attrs.frozen(eq=False)
class Encoder:
    """What a compression comes to for one kind of pixels."""

    tag: int
    """Value of the Compression tag."""
    predictor: int
    """Value of the Predictor tag; 1 for none."""
    encode: Encode
    """From a segment, (rows, columns, samples), to what is stored."""
    lossy: bool
    """Whether pixels change."""
    image: bool
    """Whether the codec is one of images, not of bytes."""


# ---------------------------------------------------------------- codecs


def _bytes_codec(name: str) -> Callable[[Array, int | None], bytes]:
    def encode(segment: Array, level: int | None) -> bytes:
        import imagecodecs

        options = {} if level is None else {"level": level}
        return bytes(getattr(imagecodecs, f"{name}_encode")(segment, **options))

    return encode


def _jpeg(segment: Array, level: int | None) -> bytes:
    import imagecodecs

    if segment.shape[2] == 1:
        return bytes(imagecodecs.jpeg_encode(segment[..., 0], level=level))
    # Chroma at half the width, as scanners of slides store it. At full width Bio-Formats turns the colours twice.
    return bytes(
        imagecodecs.jpeg_encode(
            segment, level=level, colorspace="rgb", outcolorspace="ycbcr", subsampling="422"
        )
    )


def _jpeg2000(segment: Array, level: int | None) -> bytes:
    import imagecodecs

    pixels = segment[..., 0] if segment.shape[2] == 1 else segment
    return bytes(
        imagecodecs.jpeg2k_encode(pixels, level=level or 0, codecformat="j2k", numthreads=1)
    )


def _jpegxl(segment: Array, level: int | None) -> bytes:
    import imagecodecs

    pixels = segment[..., 0] if segment.shape[2] == 1 else segment
    return bytes(imagecodecs.jpegxl_encode(pixels, lossless=True, effort=level, numthreads=1))


# libdeflate at level 1 makes noisy images as small as at level 6, several times faster. JPEG XL has an effort of 1 too,
# but libjxl 0.11 then writes beyond its buffer where pixels are noise of 16 bits.
COMPRESSIONS: Mapping[str, _Compression] = {
    "zlib": _Compression(8, 1, range(13), "effort", _bytes_codec("deflate"), predicts=True),
    "zstd": _Compression(50000, 3, range(1, 23), "effort", _bytes_codec("zstd"), predicts=True),
    "lzw": _Compression(5, None, None, "effort", _bytes_codec("lzw"), predicts=True),
    "jpeg": _Compression(tiff.JPEG, 90, range(1, 101), "quality", _jpeg, ("uint8",), (1, 3)),
    # 34712 is the code of JPEG 2000. Bio-Formats writes 33003, which libvips reads too, but not its colours.
    "jpeg2000": _Compression(
        34712,
        None,
        range(1, 1001),
        "quality in decibels",
        _jpeg2000,
        ("uint8", "uint16", "int8", "int16"),
    ),
    "jpegxl": _Compression(
        50002, 2, range(2, 10), "effort", _jpegxl, ("uint8", "uint16", "float32")
    ),
}


def encoder(
    name: str, level: int | None, dtype: DType, samples: int, predictor: bool | Literal["auto"]
) -> Encoder:
    """Choose how segments are compressed.

    Raises
    ------
    WriteError
        For pixels that the compression cannot take, a level that it lacks, a predictor before one of images.
    """
    row = COMPRESSIONS[name]
    if (row.dtypes and dtype.name not in row.dtypes) or (
        row.samples and samples not in row.samples
    ):
        raise WriteError(_cannot(name, row, dtype, samples))
    if level is not None and (row.levels is None or level not in row.levels):
        there = (
            f"has {row.means} from {row.levels[0]} to {row.levels[-1]}"
            if row.levels
            else "has no levels"
        )
        raise WriteError(f"compression_level={level}: {name} {there}")
    if predictor is True and not row.predicts:
        raise WriteError(f"predictor=True: {name} predicts pixels by itself; leave it out")
    kind = _predictor(dtype, predictor) if row.predicts else 1
    code = 33003 if name == "jpeg2000" and samples == 1 else row.tag
    chosen = row.level if level is None else level
    lossy = name == "jpeg" or (name == "jpeg2000" and level is not None)
    return Encoder(code, kind, _encode(row, chosen, kind), lossy, image=not row.predicts)


def _cannot(name: str, row: _Compression, dtype: DType, samples: int) -> str:
    counts = (
        "" if row.samples is None else " with " + " or ".join(map(str, row.samples)) + " samples"
    )
    takes = f"{', '.join(row.dtypes or ())}{counts}"
    able = [
        other
        for other, its in COMPRESSIONS.items()
        if dtype.name in (its.dtypes or (dtype.name,)) and samples in (its.samples or (samples,))
    ]
    return f"{name} takes {takes}; these pixels are {dtype.name} with {samples}: choose one of {', '.join(able)}"


def _predictor(dtype: DType, wanted: bool | Literal["auto"]) -> int:
    if wanted is False or dtype.kind == "c":
        return 1
    if dtype.kind == "f":
        return 3 if wanted is True else 1  # Bio-Formats does not know 3
    return 2


def _encode(row: _Compression, level: int | None, predictor: int) -> Encode:
    def encode(segment: Array) -> bytes:
        import imagecodecs

        data = segment
        if predictor == 2:
            # Differences wrap around in unsigned arithmetic, whatever the sign of the pixels.
            unsigned = segment.view(f"<u{segment.dtype.itemsize}")
            data = imagecodecs.delta_encode(
                unsigned[..., 0] if segment.shape[2] == 1 else unsigned, axis=1
            )
        elif predictor == 3:
            data = imagecodecs.floatpred_encode(
                segment[..., 0] if segment.shape[2] == 1 else segment, axis=1
            )
        return row.encode(data, level)

    return encode
