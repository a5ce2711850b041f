"""Strategies for descriptions of files.

Rule kept here: every drawn description is a legal file.
"""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from aicsio.records import PixelSize
from aicsio.testing.patterns import DTYPES, DimensionOrder, ImageSpec, most_levels
from aicsio.testing.strategies.images import Draw, composite
from aicsio.testing.tiff_spec import IMAGEJ_TYPES, OME_TYPES, TiffSpec

__all__ = ["image_specs", "tiff_specs"]

_ORDERS: list[DimensionOrder] = ["XYZCT", "XYZTC", "XYCTZ", "XYCZT", "XYTCZ", "XYTZC"]
# Control characters are no XML; OME-XML does not keep spaces at the ends of a name.
_NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=8
).filter(lambda name: name == name.strip())
# 64ths of a micrometre: decimal text in a file gives the same float back.
_MICROMETRES = st.none() | st.integers(1, 4000).map(lambda n: n / 64)


@composite
def image_specs(
    draw: Draw, dtype: str | None = None, *, simple: bool = False, max_size: int = 40
) -> ImageSpec:
    """Draw descriptions of one image of a file.

    Parameters
    ----------
    dtype
        Pixel type; ``None`` draws one that OME knows.
    simple
        Whether to draw only images of one sample and one level.
    max_size
        Most rows and columns.

    Returns
    -------
    SearchStrategy of ImageSpec

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import image_specs
    >>> find(image_specs("uint8"), lambda spec: spec.samples == 3).dtype
    'uint8'
    """
    # Small counts: three positions show any mistake of order that thirty would.
    count = st.integers(1, 3)
    channels = draw(count)
    rows = draw(st.integers(1, max_size))
    columns = draw(st.integers(1, max_size))
    if dtype is None:
        dtype = draw(st.sampled_from(sorted(OME_TYPES)))
    # ImageJ's order, the only one that its files have.
    order: DimensionOrder = "XYCZT"
    samples, levels = 1, 1
    if not simple:
        # Gray three times as often: it is the usual image of a microscope.
        samples = draw(st.sampled_from([1, 1, 1, 2, 3, 4]))
        order = draw(st.sampled_from(_ORDERS))
        levels = draw(st.integers(1, min(3, most_levels(rows, columns))))
    # All channels have names, or none: a description of some would leave the others to chance.
    channel_names: list[str] = []
    if draw(st.booleans()):
        channel_names = draw(st.lists(_NAMES, min_size=channels, max_size=channels))
    return ImageSpec(
        T=draw(count),
        C=channels,
        Z=draw(count),
        Y=rows,
        X=columns,
        samples=samples,
        dtype=dtype,
        order=order,
        planar=samples > 1 and draw(st.booleans()),
        levels=levels,
        name=draw(st.none() | _NAMES),
        channel_names=tuple(channel_names),
        pixel_size=PixelSize(draw(_MICROMETRES), draw(_MICROMETRES), draw(_MICROMETRES)),
        # Eighths of a second are exact in binary and in decimal.
        time_step=draw(st.none() | st.integers(1, 600).map(lambda n: n / 8)),
        seed=draw(st.integers(0, 1 << 16)),
    )


@composite
def tiff_specs(draw: Draw, *, max_images: int = 3, flavours: Sequence[str] = ("ome",)) -> TiffSpec:
    """Draw descriptions of legal files and sets of files.

    Parameters
    ----------
    max_images
        Most images of an OME-TIFF.
    flavours
        Of ``"ome"``, ``"plain"`` and ``"imagej"``; named twice, drawn twice as often.

    Returns
    -------
    SearchStrategy of TiffSpec

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import tiff_specs
    >>> find(tiff_specs(), lambda spec: spec.byte_order == ">").flavour
    'ome'
    """
    flavour: Any = draw(st.sampled_from(list(flavours)))
    ome, imagej = flavour == "ome", flavour == "imagej"
    dtype = draw(st.sampled_from(IMAGEJ_TYPES if imagej else DTYPES))
    # OME knows fewer types than TIFF (OME schema, PixelType).
    if ome and dtype not in OME_TYPES:
        dtype = "uint16"
    count = draw(st.integers(1, max_images)) if ome else 1
    shown = tuple(draw(image_specs(dtype, simple=not ome)) for _ in range(count))
    compression: Any = draw(
        st.sampled_from(["none", "none", "lzw", "zlib", "deflate", "packbits", "zstd"])
    )
    # Section 15: sides of tiles are multiples of 16.
    tile = draw(st.none() | st.tuples(st.sampled_from([16, 32]), st.sampled_from([16, 32, 48])))
    tiffdata: Any = "each"
    if ome:
        # A TiffData without attributes serves one image only.
        tiffdata = draw(st.sampled_from(["each", "block"] + ["bare"] * (count == 1)))
    # Planes can be shuffled and divided among files only if each has a TiffData of its own.
    each = ome and tiffdata == "each"
    pages = sum(image.planes for image in shown)
    rows_per_strip = None
    if tile is None:
        # Images have up to 40 rows, so that many have several strips, the last one shorter.
        rows_per_strip = draw(st.none() | st.integers(1, 20))
    # ImageJ stores more planes behind the first only if they are raw and in one strip.
    raw = compression == "none" and tile is None and rows_per_strip is None
    shuffle, files = None, 1
    if each:
        shuffle = draw(st.none() | st.integers(0, 99))
        files = draw(st.integers(1, min(3, pages)))
    return TiffSpec(
        shown,
        flavour,
        byte_order=draw(st.sampled_from(["<", ">"])),
        big=draw(st.booleans()),
        rows_per_strip=rows_per_strip,
        tile=tile,
        compression=compression,
        predictor=draw(st.sampled_from(_legal_predictors(dtype, compression))),
        shuffle=shuffle,
        tiffdata=tiffdata,
        files=files,
        companion=each and draw(st.booleans()),
        one_directory=imagej and raw and draw(st.booleans()),
    )


def _legal_predictors(dtype: str, compression: str) -> list[Any]:
    """TIFF 6.0, section 14: predictor 2 for integers; technical note 3: predictor 3 for floats."""
    # A predictor helps a dictionary coder; section 14 defines it for LZW, libtiff for zlib and zstd.
    if compression in {"none", "packbits"}:
        return [1]
    if dtype.lstrip("u").startswith("int"):
        return [1, 2]
    if dtype.startswith("float"):
        return [1, 3]
    return [1]
