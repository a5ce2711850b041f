"""Strategies for descriptions of files.

Rule kept here: every drawn description is a legal file.
"""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from aicsio.records import PixelSize
from aicsio.testing.patterns import DTYPES, ImageSpec, most_levels
from aicsio.testing.strategies.images import Draw, composite
from aicsio.testing.tiff_spec import IMAGEJ_TYPES, OME_TYPES, TiffSpec

__all__ = ["image_specs", "tiff_specs"]

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
    count = st.integers(1, 3)
    # Gray three times as often: it is the usual image of a microscope.
    samples = 1 if simple else draw(st.sampled_from([1, 1, 1, 2, 3, 4]))
    channels = draw(count)
    rows, columns = draw(st.integers(1, max_size)), draw(st.integers(1, max_size))
    return ImageSpec(
        T=draw(count),
        C=channels,
        Z=draw(count),
        Y=rows,
        X=columns,
        samples=samples,
        dtype=draw(st.sampled_from(sorted(OME_TYPES))) if dtype is None else dtype,
        order="XYCZT"
        if simple
        else draw(st.sampled_from(["XYZCT", "XYZTC", "XYCTZ", "XYCZT", "XYTCZ", "XYTZC"])),
        planar=samples > 1 and draw(st.booleans()),
        levels=1 if simple else draw(st.integers(1, min(3, most_levels(rows, columns)))),
        name=draw(st.none() | _NAMES),
        channel_names=tuple(draw(st.lists(_NAMES, min_size=channels, max_size=channels)))
        if draw(st.booleans())
        else (),
        pixel_size=PixelSize(draw(_MICROMETRES), draw(_MICROMETRES), draw(_MICROMETRES)),
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
    # TIFF 6.0, section 14: predictor 2 for integers; technical note 3: predictor 3 for floats.
    predictors: list[Any] = [1]
    if compression not in {"none", "packbits"}:
        predictors += (
            [2] if dtype.lstrip("u").startswith("int") else [3] if dtype.startswith("float") else []
        )
    # Section 15: sides of tiles are multiples of 16.
    tile = draw(st.none() | st.tuples(st.sampled_from([16, 32]), st.sampled_from([16, 32, 48])))
    tiffdata: Any = (
        draw(st.sampled_from(["each", "block"] + ["bare"] * (count == 1))) if ome else "each"
    )
    # Planes can be shuffled and divided among files only if each has a TiffData of its own.
    each = ome and tiffdata == "each"
    pages = sum(image.planes for image in shown)
    rows_per_strip = None if tile else draw(st.none() | st.integers(1, 20))
    # ImageJ stores more planes behind the first only if they are raw and in one strip.
    raw = compression == "none" and tile is None and rows_per_strip is None
    return TiffSpec(
        shown,
        flavour,
        byte_order=draw(st.sampled_from(["<", ">"])),
        big=draw(st.booleans()),
        rows_per_strip=rows_per_strip,
        tile=tile,
        compression=compression,
        predictor=draw(st.sampled_from(predictors)),
        shuffle=draw(st.none() | st.integers(0, 99)) if each else None,
        tiffdata=tiffdata,
        files=draw(st.integers(1, min(3, pages))) if each else 1,
        companion=each and draw(st.booleans()),
        one_directory=imagej and raw and draw(st.booleans()),
    )
