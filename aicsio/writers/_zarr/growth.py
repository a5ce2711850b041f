"""An image that becomes longer along T while it is acquired.

Rule kept here: documents change after the pixels are stored, those of the full resolution last. A
reader that looks in between sees the image as it was, and no position without pixels.
"""

import json
import re
from collections.abc import Sequence

from aicsio.writers._zarr.arrays import ArrayPlan
from aicsio.writers._zarr.tile_files import StoreTarget

_XML = "OME/METADATA.ome.xml"
_SIZE_T = re.compile(rb'(?<=\bSizeT=")\d+(?=")')


def record_length(store: StoreTarget, image: str, levels: Sequence[ArrayPlan], count: int) -> None:
    """Write into all documents of an image that T has ``count`` positions, or more already."""
    axis = levels[0].letters.index("T")
    for level in reversed(levels):
        name = ".zarray" if level.zarr_format == 2 else "zarr.json"
        # Read again: another process may have made it longer meanwhile.
        key = f"{level.path}/{name}"
        document = json.loads(store.get(key) or b"{}")
        document["shape"][axis] = max(count, document["shape"][axis])
        store.put(key, [json.dumps(document, indent=2, ensure_ascii=False).encode()])
    text = store.get(_XML)
    # Images of a plate are not numbered by their paths: readers take the sizes of arrays anyway.
    if text is not None and (image.isdecimal() or not image):
        store.put(_XML, [_with_size(text, int(image or 0), count)])


def _with_size(text: bytes, image: int, count: int) -> bytes:
    """Replace SizeT of one Image in OME-XML."""
    # An Image has one Pixels, and only Pixels has SizeT: the n-th match is that of the n-th Image.
    found = list(_SIZE_T.finditer(text))
    if image >= len(found):
        return text
    match = found[image]
    size = max(count, int(match[0]))
    return text[: match.start()] + str(size).encode() + text[match.end() :]
