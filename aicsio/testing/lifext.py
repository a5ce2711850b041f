"""Leica LIFEXT: the annex of a LIF, with pyramids and results of its images.

Rule kept here: chunks and memory blocks are those of ``lif``; only the root of the XML differs.

Source of the structures: the ``liffile`` package, which opens the files made here.
"""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from aicsio.testing.lif import LifImage, build_lif, text_chunk

__all__ = ["build_lifext"]


def build_lifext(images: Sequence[LifImage], parent: str = "MemBlock_0") -> bytes:
    """Make a LIFEXT: images that belong to an image of a LIF.

    Parameters
    ----------
    images
        Its images.
    parent
        Memory block of the image of the LIF.

    Returns
    -------
    bytes
        The whole file.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.testing.lif import LifImage
    >>> from aicsio.testing.lifext import build_lifext
    >>> build_lifext([LifImage(np.zeros((4, 5), "u1"), "YX", "level 1")])[:1]
    b'p'
    """
    lif = build_lif(images)
    # Behind 0x70, the length of the chunk and 0x2A stands the number of UTF-16 characters.
    characters = int.from_bytes(lif[9:13], "little")
    xml = ET.fromstring(lif[13 : 13 + 2 * characters].decode("utf-16-le"))  # noqa: S314 - made here
    root = ET.Element("LMSDataContainerEnhancedHeader", Version="1")
    below = ET.SubElement(root, "ChildrenOf", MemoryBlockID=parent)
    # Images lie directly below the element that names their parent, without the root of a LIF.
    below.extend(xml.findall("./Element/Children/Element"))
    return text_chunk(ET.tostring(root, encoding="unicode")) + lif[13 + 2 * characters :]
