"""Legal CZI files of any dims, scenes, mosaics, pyramids, pixel types and compressions.

``write_czi`` puts blocks into a container, segment by segment; ``blocks_of`` cuts an array into the blocks that a
microscope would have written; ``metadata_xml`` writes what ZEN would say of them.

from aicsio.testing.czi import blocks_of, metadata_xml, write_czi

blocks = blocks_of(pixels, "CYX", tile=(64, 64), overlap=8, levels=2)
write_czi("mosaic.czi", blocks, metadata_xml(channels=["DAPI", "GFP"]))

Source of the structures: "ZISRAW (CZI) File Format", Carl Zeiss Microscopy.
"""

import struct
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._codecs import imagecodecs

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
"""Order in which ZEN lists the dimensions of a subblock; czifile takes its axes from it, backwards."""


@attrs.define(eq=False)
class Block:
    """One subblock."""

    pixels: Pixels
    """Shape (Y, X) or (Y, X, samples), samples in the order red, green, blue, alpha."""
    start: dict[str, int]
    """First position by letter; Y and X are those on the whole canvas of the file."""
    size: tuple[int, int] | None = None
    """Height and width at full resolution, where these pixels are a level of a pyramid."""
    compression: str = "raw"
    """One of ``COMPRESSIONS``."""
    metadata: bytes = b""
    """XML of this subblock."""
    attachment: bytes = b""
    """Attachment of this subblock, such as a mask."""
    file_part: int = 0
    """Number of the file of a set in the entry."""
    more_planes: Pixels | None = None
    """Further planes that the subblock holds, shape (n, Y, X); ``sizes`` gives their letters."""
    sizes: Mapping[str, int] = attrs.field(factory=dict)
    """Sizes of letters other than Y and X; 1 if left out. The first letter of an entry is fastest."""


def _bgr(pixels: Pixels) -> Pixels:
    return pixels[..., [2, 1, 0, 3][: pixels.shape[-1]]] if pixels.ndim == 3 else pixels


def _hilo(pixels: Pixels) -> bytes:
    octets = _bgr(pixels).astype("<u2").reshape(-1).view(np.uint8)
    apart = np.concatenate([octets[0::2], octets[1::2]])
    return b"\x03\x01\x01" + bytes(imagecodecs().zstd_encode(apart.tobytes()))


def _stored(pixels: Pixels) -> bytes:
    return _bgr(pixels).astype(pixels.dtype.newbyteorder("<")).tobytes()


def _jpegxr(pixels: Pixels) -> bytes:
    coded = bytes(imagecodecs().jpegxr_encode(np.ascontiguousarray(pixels)))
    # Zeiss names 24-bit pixels by the identifier of 24bppBGR, which ends in 0C where that of 24bppRGB ends in 0D.
    rgb24 = bytes.fromhex("24c3dd6f034efe4bb1853d77768dc90d")
    return coded.replace(rgb24, rgb24[:-1] + b"\x0c", 1)


ENCODERS: Mapping[str, Callable[[Pixels], bytes]] = {
    "raw": _stored,
    "jpeg": lambda p: bytes(imagecodecs().jpeg8_encode(np.ascontiguousarray(p), level=95)),
    "lzw": lambda p: bytes(imagecodecs().lzw_encode(_stored(p))),
    "jpegxr": _jpegxr,
    "zstd0": lambda p: bytes(imagecodecs().zstd_encode(_stored(p))),
    "zstd1": lambda p: b"\x01" + imagecodecs().zstd_encode(_stored(p)),
    "zstd1-hilo": _hilo,
}


def _entry(block: Block, position: int) -> bytes:
    height, width = block.pixels.shape[:2]
    tall, wide = block.size or (height, width)
    samples = block.pixels.shape[2] if block.pixels.ndim == 3 else 1
    kind = PIXEL_TYPES[block.pixels.dtype.name, samples]
    level = 0 if (tall, wide) == (height, width) else 2
    sizes = {letter: (size, size) for letter, size in block.sizes.items()}
    sizes |= {"Y": (tall, height), "X": (wide, width)}
    head = b"DV" + struct.pack(
        "<iqiiB5xi",
        kind,
        position,
        block.file_part,
        COMPRESSIONS[block.compression],
        level,
        len(block.start),
    )
    dims = [
        struct.pack(
            "<4siifi", letter.encode(), at, *((s := sizes.get(letter, (1, 1)))[:1]), 0.0, s[1]
        )
        for letter, at in sorted(
            block.start.items(), key=lambda item: DIRECTORY_ORDER.find(item[0])
        )
    ]
    return head + b"".join(dims)


@attrs.define
class _Out:
    file: BufferedIOBase
    at: int = 0

    def segment(self, name: bytes, data: Sequence[bytes]) -> int:
        """Append a segment, padded to 32 bytes; returns where it begins."""
        used = sum(map(len, data))
        allocated = -(-used // 32) * 32
        start = self.at
        self.file.write(struct.pack("<16sqq", name, allocated, used))
        for part in data:
            self.file.write(part)
        self.file.write(bytes(allocated - used))
        self.at += 32 + allocated
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
    """
    if isinstance(where, str | Path):
        with Path(where).open("wb") as file:
            return write_czi(file, blocks, metadata, attachments, file_part=file_part)
    out = _Out(where)
    out.segment(b"ZISRAWFILE", [bytes(512)])
    entries = [_write_block(out, block) for block in blocks]
    directory = out.segment(b"ZISRAWDIRECTORY", [struct.pack("<i124x", len(entries)), *entries])
    metadata_at = 0
    if metadata is not None:
        text = (metadata or metadata_xml()).encode()
        metadata_at = out.segment(b"ZISRAWMETADATA", [struct.pack("<ii248x", len(text), 0), text])
    attached = [_write_attachment(out, *one) for one in attachments]
    list_at = (
        out.segment(b"ZISRAWATTDIR", [struct.pack("<i252x", len(attached)), *attached])
        if attached
        else 0
    )
    guid = uuid.UUID(int=0xC21).bytes_le
    head = struct.pack(
        "<iiii16s16siqqiq", 1, 0, 0, 0, guid, guid, file_part, directory, metadata_at, 0, list_at
    )
    out.file.seek(32)
    out.file.write(head)
    return out.at


def _write_block(out: _Out, block: Block) -> bytes:
    entry = _entry(block, out.at)
    pixels = block.pixels
    if block.more_planes is not None:
        pixels = np.concatenate([pixels, *block.more_planes])
    data = ENCODERS[block.compression](pixels)
    head = struct.pack("<iiq", len(block.metadata), len(block.attachment), len(data)) + entry
    out.segment(b"ZISRAWSUBBLOCK", [head.ljust(256, b"\0"), block.metadata, data, block.attachment])
    return entry


def _write_attachment(out: _Out, name: str, kind: str, content: bytes) -> bytes:
    entry = struct.pack(
        "<2s10xqi16s8s80s",
        b"A1",
        out.at,
        0,
        uuid.UUID(int=1).bytes_le,
        kind.encode(),
        name.encode(),
    )
    out.segment(
        b"ZISRAWATTACH", [(struct.pack("<q8x", len(content)) + entry).ljust(256, b"\0"), content]
    )
    return entry


def time_stamps(seconds: Sequence[float]) -> tuple[str, str, bytes]:
    """Make the attachment that holds the times of T."""
    return (
        "TimeStamps",
        "CZTIMS",
        struct.pack(f"<ii{len(seconds)}d", 8 + 8 * len(seconds), len(seconds), *seconds),
    )


def metadata_xml(
    *,
    channels: Sequence[str | None] = (),
    pixel_size: Mapping[str, float] | None = None,
    scenes: Sequence[str | None] = (),
    display: Sequence[str | None] = (),
) -> str:
    """Metadata as ZEN writes them: names of channels and scenes, micrometres by letter."""

    def named(tag: str, index: int, name: str | None, key: str) -> str:
        said = "" if name is None else f" Name={quoteattr(name)}"
        return f'<{tag} {key}="{index if key == "Index" else f"Channel:{index}"}"{said}/>'

    inside = "".join(named("Channel", i, name, "Id") for i, name in enumerate(channels))
    places = "".join(named("Scene", i, name, "Index") for i, name in enumerate(scenes))
    shown = "".join(named("Channel", i, name, "Id") for i, name in enumerate(display))
    items = "".join(
        f'<Distance Id="{letter}"><Value>{value / 1e6!r}</Value></Distance>'
        for letter, value in (pixel_size or {}).items()
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><ImageDocument><Metadata><Information><Image><Dimensions>'
        f"<Channels>{inside}</Channels><S><Scenes>{places}</Scenes></S></Dimensions></Image></Information>"
        f"<Scaling><Items>{items}</Items></Scaling><DisplaySetting><Channels>{shown}</Channels></DisplaySetting>"
        "</Metadata></ImageDocument>"
    )


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
) -> Iterator[Block]:
    """Cut an image into subblocks, so that the stitched image is the one given.

    Parameters
    ----------
    pixels
        The image.
    dims
        Its letters; Y and X (and S for red, green, blue) last.
    scene
        Number of the scene; ``None`` for a file without S.
    tile
        Height and width of mosaic tiles; ``None`` for one subblock a plane.
    overlap
        Pixels that neighbouring tiles share.
    levels
        Levels of the pyramid, each half the size of the one before (every second pixel is kept).
    origin
        Position (y, x) of the image on the stage, in pixels; may be negative.
    compression
        One of ``COMPRESSIONS``.
    fixed
        More letters and their positions, the same for all.
    """
    last = 3 if dims.endswith("S") else 2
    letters = dims[: len(dims) - last]
    for index in np.ndindex(*pixels.shape[: len(letters)]):
        plane = pixels[index]
        at = {**(fixed or {}), **dict(zip(letters, index, strict=True))}
        at |= {} if scene is None else {"S": scene}
        for m, (y, x) in enumerate(_corners(plane.shape, tile, overlap)):
            tall, wide = tile or plane.shape[:2]
            cut = plane[y : y + tall, x : x + wide]
            where = {"Y": origin[0] + y, "X": origin[1] + x} | ({} if tile is None else {"M": m})
            yield Block(np.ascontiguousarray(cut), {**at, **where}, compression=compression)
        for level in range(1, levels):
            small = np.ascontiguousarray(plane[:: 2**level, :: 2**level])
            where = {"Y": origin[0], "X": origin[1]}
            yield Block(small, {**at, **where}, (plane.shape[0], plane.shape[1]), compression)


def _corners(
    shape: tuple[int, ...], tile: tuple[int, int] | None, overlap: int
) -> list[tuple[int, int]]:
    if tile is None:
        return [(0, 0)]
    rows, columns = (
        range(0, max(n - overlap, 1), size - overlap)
        for n, size in zip(shape[:2], tile, strict=True)
    )
    return [(y, x) for y in rows for x in columns]
