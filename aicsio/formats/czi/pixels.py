"""Pixel types and compressions of subblocks: their numbers, and the codecs that decode them.

Rule kept here: a number that the specification does not publish is never guessed.

Source of the numbers: "ZISRAW (CZI) File Format", Carl Zeiss Microscopy, section 3.3; zstd0 and zstd1
from libCZI.
"""

import attrs
import numpy as np

from aicsio import _codecs
from aicsio.records import Codec, DType


@attrs.frozen
class PixelType:
    """How ZISRAW stores a pixel (section 3.3, PixelTypes)."""

    name: str
    """As in the metadata."""
    dtype: DType
    """Type of one sample, little-endian."""
    samples: int
    """Stored samples of a pixel: blue, green, red, alpha."""


# Numbers 5 to 7 are not published. The names count bits, so Gray64ComplexFloat has 8 bytes; libCZI
# (CziUtils::GetBytesPerPel) returns 16 for it, but 24 for the three of Bgr192ComplexFloat.
PIXEL_TYPES = {
    0: PixelType("Gray8", np.dtype("u1"), 1),
    1: PixelType("Gray16", np.dtype("<u2"), 1),
    2: PixelType("Gray32Float", np.dtype("<f4"), 1),
    3: PixelType("Bgr24", np.dtype("u1"), 3),
    4: PixelType("Bgr48", np.dtype("<u2"), 3),
    8: PixelType("Bgr96Float", np.dtype("<f4"), 3),
    9: PixelType("Bgra32", np.dtype("u1"), 4),
    10: PixelType("Gray64ComplexFloat", np.dtype("<c8"), 1),
    11: PixelType("Bgr192ComplexFloat", np.dtype("<c8"), 3),
    12: PixelType("Gray32", np.dtype("<i4"), 1),
    13: PixelType("Gray64Float", np.dtype("<f8"), 1),
}

UNCOMPRESSED = 0
COMPRESSIONS = {0: "uncompressed", 1: "JPEG", 2: "LZW", 4: "JPEG XR", 5: "zstd0", 6: "zstd1"}
LIBRARIES = {1: "jpeg8", 2: "tiff", 4: "jpegxr", 5: "zstd", 6: "zstd"}
"""Library that imagecodecs must have been built with, by number of the compression."""
# JPEG and JPEG XR decode to samples or to one gray plane; ``sampled`` is set where pixels have
# samples, by ``choose_chain``.
CHAINS: dict[int, tuple[Codec, ...]] = {
    0: (),
    1: (Codec("jpeg", (("sampled", False),)),),
    2: (Codec("lzw"),),
    4: (Codec("jpegxr", (("sampled", False),)),),
    5: (Codec("zstd"),),
    6: (Codec("zstd1"),),
}
IMAGE_COMPRESSIONS = frozenset({1, 4})
"""Compressions of one two-dimensional image: they hold one plane, and decode to red, green, blue."""


def explain_undecodable(compression: int) -> str | None:
    """Return why subblocks of a compression cannot be decoded here; ``None`` if they can."""
    if compression not in COMPRESSIONS:
        # Section 3.3: 100 to 999 belong to cameras, 1000 and up to systems.
        maker = "camera" if 100 <= compression < 1000 else "system"
        known = ", ".join(COMPRESSIONS.values())
        return (
            f"compression {compression} ({maker}-specific) of its subblocks is not published; "
            f"known are {known}"
        )
    if compression == UNCOMPRESSED or _codecs.has_library(LIBRARIES[compression]):
        return None
    return (
        f"its subblocks are compressed by {COMPRESSIONS[compression]}, "
        "which imagecodecs was built without here"
    )


def choose_chain(compression: int, samples: int, stored_samples: int) -> tuple[Codec, ...]:
    """Choose the codecs from compressed bytes to pixels in the order red, green, blue, alpha.

    Parameters
    ----------
    compression
        Number of the compression.
    samples
        Length of the axis of samples; 0 if there is none.
    stored_samples
        Samples of a stored pixel.

    Returns
    -------
    Codecs, applied in order.
    """
    chain = CHAINS[compression]
    if not samples:
        return chain
    if stored_samples == 1:
        # One gray sample stands for all.
        return (*chain, _reorder((0,) * samples, 1))
    if compression in IMAGE_COMPRESSIONS:
        return (Codec(chain[0].name, (("sampled", True),)),)
    # Section 3.3: blue is stored first.
    return (*chain, _reorder((2, 1, 0, 3)[:stored_samples], stored_samples))


def _reorder(order: tuple[int, ...], stored_samples: int) -> Codec:
    return Codec("samples", (("order", order), ("stored", stored_samples)))
