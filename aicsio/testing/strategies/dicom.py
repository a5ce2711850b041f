"""Strategies for descriptions of whole slides in DICOM.

Rule kept here: every drawn description is a legal slide, of lossless pixels.
"""

import numpy as np
from hypothesis import strategies as st

from aicsio.testing.dicom import DicomImage
from aicsio.testing.strategies.images import Draw, composite

__all__ = ["dicom_images"]


@composite
def dicom_images(draw: Draw) -> DicomImage:
    """Draw descriptions of slides with random pixels.

    Returns
    -------
    SearchStrategy of DicomImage
        Optical paths, focal planes, colours, levels, tiles, codecs, tables, concatenations.

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import dicom_images
    >>> find(dicom_images(), lambda image: image.levels > 1).pixels.ndim > 1
    True
    """
    is_colour = draw(st.booleans())
    axes = "".join(letter for letter in "CZ" if draw(st.sampled_from([False, False, True])))
    dims = f"{axes}YXS" if is_colour else f"{axes}YX"
    sizes = {"C": 2, "Z": 3, "Y": draw(st.integers(1, 90)), "X": draw(st.integers(1, 90)), "S": 3}
    shape = tuple(sizes[letter] for letter in dims)
    dtype = np.dtype("u1" if is_colour else draw(st.sampled_from(["u1", "u2"])))
    seed = draw(st.integers(0, 2**32 - 1))
    tile = draw(st.sampled_from([(32, 48), (7, 64), (100, 100)]))
    compression = draw(st.sampled_from(["none", "implicit", "rle", "jpegls", "jpeg2k"]))
    offsets = draw(st.sampled_from(["basic", "extended", "none"]))
    tiling = draw(st.sampled_from(["full", "sparse"]))
    apart = draw(st.booleans())
    # Frames are left out where it is known that there are others.
    is_alone = apart or tiling == "full"
    tiles = -(-sizes["Y"] // tile[0]) * -(-sizes["X"] // tile[1])
    missing = set() if is_alone else draw(st.sets(st.integers(0, max(tiles - 2, 0)), max_size=2))
    # Without a table, the first bytes of a fragment show whether it begins a frame: JPEG has them.
    has_marks = compression in {"jpegls", "jpeg2k"} and offsets != "extended"
    return DicomImage(
        pixels=np.random.default_rng(seed).integers(0, 250, shape).astype(dtype),
        dims=dims,
        tile=tile,
        levels=draw(st.integers(1, 3)),
        tiling=tiling,
        compression=compression,
        offsets=offsets,
        fragments=draw(st.integers(1, 3)) if has_marks else 1,
        planar=draw(st.booleans()) and is_colour and compression in {"none", "implicit"},
        undefined=draw(st.booleans()),
        missing=tuple(sorted(missing)) if tiles > 1 else (),
        split=draw(st.sampled_from([0, 0, 2])),
        apart=apart,
        pixel_size=draw(st.integers(1, 4000)) / 64,
        z_step=draw(st.integers(1, 400)) / 64,
    )
