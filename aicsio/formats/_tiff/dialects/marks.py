"""The marks by which the dialects of TIFF are known, in the first directory or the header.

Rule kept here: this module loads no reader of a dialect: most files are written in one or none, and
the seven modules together take 20 ms of a new process.
"""

import re
import struct
from typing import Any

from aicsio._io import readers
from aicsio.formats._tiff.ifd import OpenTiff
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.tags import Tag

INDEX = "NDTiff.index"
LARGEST_SIZE = 1 << 48
"""A longer axis cannot be in a file: BigTIFF has 2^64 bytes, a page 2^31 rows."""
SUMMARY_MARK = 2355492
_NDTIFF_MARK, _STACK_MARK = 483729, 54773648
_VENDOR_TAGS = (Tag.CZ_LSMINFO, Tag.OLYMPUS_FLUOVIEW, Tag.OLYMPUS_SIS, Tag.OLYMPUS_SIS_INI)
_VENDOR_SOFTWARE = ("PerkinElmer-QPI", "Philips DP", "Ventana", "ScanOutputManager")


def parse_mibi(text: str) -> dict[str, Any] | None:
    """Return the JSON of a MIBI page; ``None`` for other descriptions.

    Examples
    --------
    >>> from aicsio.formats._tiff.dialects.marks import parse_mibi
    >>> parse_mibi('{"image.type": "SIMS", "channel.target": "CD8"}')["channel.target"]
    'CD8'
    """
    if not text.startswith("{") or '"image.type"' not in text:
        return None
    import json  # 3 ms, and most files do without

    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("image.type"), str):
        return None
    return metadata


def is_mibi(tags: PageTags) -> bool:
    """Whether the description of the first page is that of MIBI."""
    return parse_mibi(tags.description) is not None


def is_shaped(tags: PageTags) -> bool:
    """Whether the description is tifffile's and no other program's.

    Ionpath's MIBI files were written with tifffile: their own keys outrank ``shape``.
    """
    metadata = parse_shaped(tags.description)
    return metadata is not None and "image.type" not in metadata


def parse_shaped(text: str) -> dict[str, Any] | None:
    """Return the JSON of a description, or ``None`` when it is not tifffile's.

    Examples
    --------
    >>> from aicsio.formats._tiff.dialects.marks import parse_shaped
    >>> parse_shaped("shape=(2, 3, 4)")
    {'shape': [2, 3, 4]}
    """
    old = re.fullmatch(r"shape=\(((?:\d{1,15}, ?)*\d{0,15})\)\s*", text)
    if old:
        return {"shape": [int(size) for size in re.findall(r"\d+", old[1])]}
    # Descriptions of other programs are JSON as well; parsing megabytes of them to find no shape
    # is spared.
    if not text.startswith("{") or '"shape":' not in text:
        return None
    import json

    try:
        metadata = json.loads(text)
    # Nested brackets exhaust the stack of ``json`` before they exhaust memory.
    except (ValueError, RecursionError):
        return None
    shape = metadata.get("shape") if isinstance(metadata, dict) else None
    if not isinstance(shape, list):
        return None
    # ``type``: JSON's true is an int to ``isinstance``.
    if not all(type(size) is int and 0 < size < LARGEST_SIZE for size in shape):
        return None
    return {str(key): value for key, value in metadata.items()}


def read_header(file: OpenTiff) -> tuple[int, ...]:
    """Return the eight numbers after the TIFF header; zeros if the file has no room for them."""
    if file.variant.big or file.size < 40:
        return (0,) * 8
    return struct.unpack(file.variant.order + "8I", file.read(8, 32))


def is_ndtiff(tags: PageTags) -> bool:
    """Whether the header is that of NDTiff 2 or 3, and the index lies in the same folder."""
    mark, major_version, *_ = read_header(tags.file)
    if mark != _NDTIFF_MARK or major_version < 2:
        return False
    return readers.sibling(tags.file.source, INDEX) is not None


def is_stack(tags: PageTags) -> bool:
    """Whether the header is that of a Micro-Manager multipage stack (and no NDTiff)."""
    header = read_header(tags.file)
    return header[0] == _STACK_MARK and header[6] == SUMMARY_MARK


def is_imagej(tags: PageTags) -> bool:
    """Whether the description is that of ImageJ or SCIFIO."""
    return tags.description.startswith(("ImageJ=", "SCIFIO="))


def is_scanimage(tags: PageTags) -> bool:
    """Whether the tags are those of ScanImage 3 to 2023."""
    text = tags.description
    return (
        tags.text(Tag.SOFTWARE).startswith("SI.")
        or text.startswith("state.")
        or "scanimage.SI" in text[-256:]
    )


def is_metamorph(tags: PageTags) -> bool:
    """Whether the first page has the tags of a MetaMorph stack."""
    # Prairie View writes them blank.
    return Tag.UIC1 in tags.tags and not tags.text(Tag.SOFTWARE).startswith("Prairie")


def is_known_to_tifffile(tags: PageTags) -> bool:
    """Whether the first page has the mark of a dialect whose pages tifffile sorts."""
    software, text = tags.text(Tag.SOFTWARE), tags.description
    codes = tags.tags
    is_ndpi = Tag.NDPI_VERSION in codes and Tag.MAKE in codes
    return (
        is_metamorph(tags)
        or is_ndpi
        or tags.has_any(_VENDOR_TAGS)
        or text.startswith("Aperio ")
        or software.startswith(_VENDOR_SOFTWARE)
        or text.rstrip().endswith("</scn>")  # Leica SCN
        or (Tag.EER_METADATA in codes and _is_eer(tags))
        or tags.text(Tag.ARGOS_METADATA).startswith("<Argos")
    )


def _is_eer(tags: PageTags) -> bool:
    """Whether the private tag 65001 holds the acquisition metadata of EER."""
    value = tags.value(Tag.EER_METADATA)
    return isinstance(value, bytes) and value.startswith(b"<metadata>")
