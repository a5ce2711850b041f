"""Strategies for descriptions of ICS, NRRD and Bio-Rad PIC files.

Rule kept here: every drawn description is a legal file.
"""

from typing import Literal

import numpy as np
from hypothesis import strategies as st

from aicsio.testing.raw_blocks import RawBlockImage
from aicsio.testing.strategies.images import Draw, composite, spacings

__all__ = ["raw_block_images"]

TYPES = {"pic": ["u1", "u2"], "ics": ["u1", "i2", "u2", "f4"], "nrrd": ["i1", "u2", "f8"]}
ENCODINGS = {"pic": ["raw"], "ics": ["raw", "gzip"], "nrrd": ["raw", "gzip", "bzip2", "hex"]}


@composite
def raw_block_images(draw: Draw, suffix: Literal["ics", "nrrd", "pic"]) -> RawBlockImage:
    """Draw descriptions of files of one block of pixels.

    Parameters
    ----------
    suffix
        Of the file that the description is for, without its dot.

    Returns
    -------
    SearchStrategy of RawBlockImage
        Any axes, types, encodings and sizes that the format has.

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import raw_block_images
    >>> find(raw_block_images("pic"), lambda image: image.dims == "ZYX").pixels.ndim
    3
    """
    leads = ["", "Z"] if suffix == "pic" else ["", "Z", "T", "TC", "CZ", "TCZ"]
    lead = draw(st.sampled_from(leads))
    dims = f"{lead}YX"
    # An axis of one position has no letter in some of these formats.
    shape = tuple(draw(st.integers(2 if letter in lead else 1, 5)) for letter in dims)
    seed = draw(st.integers(0, 2**32 - 1))
    dtype = draw(st.sampled_from(TYPES[suffix]))
    return RawBlockImage(
        np.random.default_rng(seed).integers(0, 100, shape).astype(dtype),
        dims,
        draw(st.sampled_from(ENCODINGS[suffix])),
        "<" if suffix == "pic" else draw(st.sampled_from(["<", ">"])),
        apart=suffix != "pic" and draw(st.booleans()),
        files=draw(st.sampled_from(["one", "list", "numbered"])) if suffix == "nrrd" else "one",
        spacing=draw(spacings()),
    )
