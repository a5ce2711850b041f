"""Legal CZI files of any dims, scenes, mosaics, pyramids, pixel types and compressions.

Rule kept here: every field of a directory entry can be set, so that each legal file can be written.

``write_czi`` puts blocks into a container, segment by segment; ``blocks_of`` cuts an array into the
blocks that a microscope would have written; ``metadata_xml`` writes the XML that ZEN would.

from aicsio.testing.czi import blocks_of, metadata_xml, write_czi

blocks = blocks_of(pixels, "CYX", tile=(64, 64), overlap=8, levels=2)
write_czi("mosaic.czi", blocks, metadata_xml(channels=["DAPI", "GFP"]))

Source of the structures: "ZISRAW (CZI) File Format", Carl Zeiss Microscopy.
"""

import struct
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.testing.czi_encoders import ENCODERS

__all__ = ["COMPRESSIONS", "Block", "blocks_of", "metadata_xml", "time_stamps", "write_czi"]

Pixels = npt.NDArray[Any]

COMPRESSIONS = {"raw": 0, "jpeg": 1, "lzw": 2, "jpegxr": 4, "zstd0": 5, "zstd1": 6, "zstd1-hilo": 6}
"""Number of each compression in the file; ``jpeg`` loses detail, the others do not."""

PIXEL_TYPES = {
    ("uint8", 1): 0,
    ("uint16", 1): 1,
    ("float32", 1): 2,
    ("uint8", 3): 3,
    ("uint16", 3): 4,
    ("float32", 3): 8,
    ("uint8", 4): 9,
    ("complex64", 1): 10,
    ("complex64", 3): 11,
    ("int32", 1): 12,
    ("float64", 1): 13,
}
"""Number of the pixel type, by numpy type and samples."""


DIRECTORY_ORDER = "XYZCTRSIHVBM"
"""Order in which ZEN lists the dimensions of a subblock: the first varies fastest."""
FULL, PYRAMID = 0, 2
"""PyramidType (section 3.3): no level of a pyramid; one of several subblocks of a level."""


@attrs.define(eq=False)
class Block:
    """One subblock. Not a record: it holds an array."""

    pixels: Pixels
    """Shape (Y, X) or (Y, X, samples), samples in the order red, green, blue, alpha."""
    start: dict[str, int]
    """First position by letter; Y and X are those on the whole canvas of the file."""
    size: tuple[int, int] | None = None
    """Height and width at full resolution, if these pixels are stored at another one."""
    compression: str = "raw"
    """One of ``COMPRESSIONS``."""
    metadata: bytes = b""
    """XML of this subblock."""
    attachment: bytes = b""
    """Attachment of this subblock, such as a mask."""
    file_part: int = 0
    """Number, in the directory, of the file of a set that holds it."""
    more_planes: Pixels | None = None
    """Further planes that the subblock holds, shape (n, Y, X); ``sizes`` gives their letters."""
    sizes: Mapping[str, int] = attrs.field(factory=dict)
    """Sizes of letters other than Y and X; 1 if left out. The first letter of an entry varies
    fastest."""
    pyramid_type: int | None = None
    """``FULL`` or ``PYRAMID``; ``None`` for ``PYRAMID`` if ``size`` differs from the stored one."""


def _make_entry(block: Block, position: int) -> bytes:
    """Make the directory entry of a subblock (section 3.2)."""
    height, width = block.pixels.shape[:2]
    full_height, full_width = block.size or (height, width)
    # Samples of one pixel are part of its type, not a dimension.
    samples = block.pixels.shape[2] if block.pixels.ndim == 3 else 1
    pyramid_type = block.pyramid_type
    if pyramid_type is None:
        pyramid_type = FULL if (full_height, full_width) == (height, width) else PYRAMID
    sizes = {letter: (size, size) for letter, size in block.sizes.items()}
    sizes |= {"Y": (full_height, height), "X": (full_width, width)}
    head = b"DV" + struct.pack(
        "<iqiiB5xi",
        PIXEL_TYPES[block.pixels.dtype.name, samples],
        position,
        block.file_part,
        COMPRESSIONS[block.compression],
        pyramid_type,
        len(block.start),
    )
    dimensions = []
    for letter in sorted(block.start, key=DIRECTORY_ORDER.find):
        size, stored_size = sizes.get(letter, (1, 1))
        # Start, size, start coordinate (a float that no reader uses), stored size.
        fields = (letter.encode(), block.start[letter], size, 0.0, stored_size)
        dimensions.append(struct.pack("<4siifi", *fields))
    return head + b"".join(dimensions)


@attrs.define
class _SegmentWriter:
    """Appends segments to a file. Not a record: it lives while a file is written."""

    file: BufferedIOBase
    position: int = 0

    def append(self, identifier: bytes, parts: Sequence[bytes]) -> int:
        """Append a segment, padded to 32 bytes; return its position."""
        used = sum(map(len, parts))
        allocated = -(-used // 32) * 32
        start = self.position
        self.file.write(struct.pack("<16sqq", identifier, allocated, used))
        for part in parts:
            self.file.write(part)
        self.file.write(bytes(allocated - used))
        self.position += 32 + allocated
        return start


def write_czi(
    where: str | Path | BufferedIOBase,
    blocks: Iterable[Block],
    metadata: str | None = "",
    attachments: Sequence[tuple[str, str, bytes]] = (),
    *,
    file_part: int = 0,
) -> int:
    """Write a CZI file.

    Parameters
    ----------
    where
        Path, or a binary file at its start.
    blocks
        Subblocks, in file order; any iterable, so that files may be larger than memory.
    metadata
        XML; ``""`` for an empty ``ImageDocument``, ``None`` for no metadata segment.
    attachments
        Name, kind (such as ``"CZTIMS"`` or ``"JPG"``) and content of each.
    file_part
        Number of this file in a set.

    Returns
    -------
    int
        Bytes written.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing.czi import blocks_of, write_czi
    >>> file = io.BytesIO()
    >>> write_czi(file, blocks_of(np.zeros((2, 4, 5), np.uint8), "CYX"))
    2144
    >>> open_image(file.getvalue()).shape
    (2, 4, 5)
    """
    if isinstance(where, str | Path):
        with Path(where).open("wb") as file:
            return write_czi(file, blocks, metadata, attachments, file_part=file_part)
    out = _SegmentWriter(where)
    out.append(b"ZISRAWFILE", [bytes(512)])
    # The directory comes after the subblocks, whose positions it holds.
    entries = [_write_block(out, block) for block in blocks]
    entry_count = struct.pack("<i124x", len(entries))
    directory_at = out.append(b"ZISRAWDIRECTORY", [entry_count, *entries])
    metadata_at = 0
    if metadata is not None:
        text = (metadata or metadata_xml()).encode()
        sizes = struct.pack("<ii248x", len(text), 0)
        metadata_at = out.append(b"ZISRAWMETADATA", [sizes, text])
    attachment_entries = [_write_attachment(out, *one) for one in attachments]
    attachments_at = 0
    if attachment_entries:
        count = struct.pack("<i252x", len(attachment_entries))
        attachments_at = out.append(b"ZISRAWATTDIR", [count, *attachment_entries])
    # A fixed identifier: the same call writes the same bytes.
    guid = uuid.UUID(int=0xC21).bytes_le
    # Section 2.2: version 1.0, two reserved, two identifiers, file part, positions, update pending.
    head = struct.pack(
        "<iiii16s16siqqiq",
        *(1, 0, 0, 0, guid, guid, file_part),
        *(directory_at, metadata_at, 0, attachments_at),
    )
    # The header is the first segment; its positions are known only now.
    out.file.seek(32)
    out.file.write(head)
    return out.position


def _write_block(out: _SegmentWriter, block: Block) -> bytes:
    """Write a subblock (section 2.4) and return its directory entry."""
    entry = _make_entry(block, out.position)
    pixels = block.pixels
    if block.more_planes is not None:
        pixels = np.concatenate([pixels, *block.more_planes])
    data = ENCODERS[block.compression](pixels)
    sizes = struct.pack("<iiq", len(block.metadata), len(block.attachment), len(data))
    # Section 2.4: metadata begin at byte 256 unless the entry is longer.
    head = (sizes + entry).ljust(256, b"\0")
    out.append(b"ZISRAWSUBBLOCK", [head, block.metadata, data, block.attachment])
    return entry


def _write_attachment(out: _SegmentWriter, name: str, kind: str, content: bytes) -> bytes:
    """Write an attachment and return its directory entry (section 3.4)."""
    guid = uuid.UUID(int=1).bytes_le
    fields = (b"A1", out.position, 0, guid, kind.encode(), name.encode())
    entry = struct.pack("<2s10xqi16s8s80s", *fields)
    head = (struct.pack("<q8x", len(content)) + entry).ljust(256, b"\0")
    out.append(b"ZISRAWATTACH", [head, content])
    return entry


def time_stamps(seconds: Sequence[float]) -> tuple[str, str, bytes]:
    """Make the attachment of time stamps.

    Parameters
    ----------
    seconds
        One per position of T, or one per plane.

    Returns
    -------
    tuple
        Name, kind and content, as ``write_czi`` takes them.

    Examples
    --------
    >>> from aicsio.testing.czi import time_stamps
    >>> time_stamps([0.0, 60.0])[:2]
    ('TimeStamps', 'CZTIMS')
    """
    count = len(seconds)
    content = struct.pack(f"<ii{count}d", 8 + 8 * count, count, *seconds)
    return "TimeStamps", "CZTIMS", content


def metadata_xml(
    *,
    channels: Sequence[str | None] = (),
    pixel_size: Mapping[str, float] | None = None,
    scenes: Sequence[str | None] = (),
    display: Sequence[str | None] = (),
) -> str:
    """Make metadata as ZEN writes them.

    Parameters
    ----------
    channels
        Names of the channels of the image; ``None`` for one without a name.
    pixel_size
        Micrometres, by letter.
    scenes
        Names of the scenes.
    display
        Names of the channels in the display settings.

    Returns
    -------
    str
        XML of an ``ImageDocument``.

    Examples
    --------
    >>> from aicsio.testing.czi import metadata_xml
    >>> 'Name="DAPI"' in metadata_xml(channels=["DAPI"])
    True
    """
    # ZEN stores metres.
    items = "".join(
        f'<Distance Id="{letter}"><Value>{value / 1e6!r}</Value></Distance>'
        for letter, value in (pixel_size or {}).items()
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><ImageDocument><Metadata><Information><Image>'
        f"<Dimensions><Channels>{_channel_elements(channels)}</Channels>"
        f"<S><Scenes>{_scene_elements(scenes)}</Scenes></S></Dimensions></Image></Information>"
        f"<Scaling><Items>{items}</Items></Scaling>"
        f"<DisplaySetting><Channels>{_channel_elements(display)}</Channels></DisplaySetting>"
        "</Metadata></ImageDocument>"
    )


def _channel_elements(names: Sequence[str | None]) -> str:
    return "".join(
        f'<Channel Id="Channel:{index}"{_name_attribute(name)}/>'
        for index, name in enumerate(names)
    )


def _scene_elements(names: Sequence[str | None]) -> str:
    return "".join(
        f'<Scene Index="{index}"{_name_attribute(name)}/>' for index, name in enumerate(names)
    )


def _name_attribute(name: str | None) -> str:
    return "" if name is None else f" Name={quoteattr(name)}"


def blocks_of(
    pixels: Pixels,
    dims: str,
    *,
    scene: int | None = None,
    tile: tuple[int, int] | None = None,
    overlap: int = 0,
    levels: int = 1,
    origin: tuple[int, int] = (0, 0),
    compression: str = "raw",
    fixed: Mapping[str, int] | None = None,
    step: int = 2,
) -> Iterator[Block]:
    """Cut an image into subblocks, so that the stitched image is the given one.

    Parameters
    ----------
    pixels
        The image.
    dims
        Its letters; Y and X (and S for red, green, blue) last.
    scene
        Number of the scene; ``None`` for a file without S.
    tile
        Height and width of mosaic tiles; ``None`` for one subblock per plane.
    overlap
        Pixels that neighbouring tiles share.
    levels
        Levels of the pyramid; each keeps every ``step``-th pixel of the one before.
    origin
        Position (y, x) of the image on the stage, in pixels; may be negative.
    compression
        One of ``COMPRESSIONS``.
    fixed
        More letters and their positions, the same for all.
    step
        Factor from one level to the next.

    Yields
    ------
    Block
        Plane by plane: the tiles, then the levels.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.testing.czi import blocks_of
    >>> [block.start for block in blocks_of(np.zeros((2, 4, 5)), "CYX")]
    [{'C': 0, 'Y': 0, 'X': 0}, {'C': 1, 'Y': 0, 'X': 0}]
    """
    # Here S means samples of a pixel; the dimension S of a CZI is the scene.
    frame_ndim = 3 if dims.endswith("S") else 2
    letters = dims[: len(dims) - frame_ndim]
    for index in np.ndindex(*pixels.shape[: len(letters)]):
        plane = pixels[index]
        position = {**(fixed or {}), **dict(zip(letters, index, strict=True))}
        if scene is not None:
            position["S"] = scene
        for m, (y, x) in enumerate(_tile_corners(plane.shape, tile, overlap)):
            height, width = tile or plane.shape[:2]
            part = np.ascontiguousarray(plane[y : y + height, x : x + width])
            start = {**position, "Y": origin[0] + y, "X": origin[1] + x}
            # M numbers the tiles of a plane; a later one covers an earlier one.
            if tile is not None:
                start["M"] = m
            yield Block(part, start, compression=compression)
        for level in range(1, levels):
            # Every n-th pixel, not means: a test compares levels exactly.
            factor = step**level
            small = np.ascontiguousarray(plane[::factor, ::factor])
            start = {**position, "Y": origin[0], "X": origin[1]}
            yield Block(small, start, (plane.shape[0], plane.shape[1]), compression)


def _tile_corners(
    shape: tuple[int, ...], tile: tuple[int, int] | None, overlap: int
) -> list[tuple[int, int]]:
    if tile is None:
        return [(0, 0)]
    tops = range(0, max(shape[0] - overlap, 1), tile[0] - overlap)
    lefts = range(0, max(shape[1] - overlap, 1), tile[1] - overlap)
    return [(top, left) for top in tops for left in lefts]
