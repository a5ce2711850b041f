"""The container of Olympus OIR: a header, typed blocks, and the index of them at the end.

Rule kept here: no offset or length of the file is used before it is compared with the size of the
file. An index that is missing is rebuilt by walking from block to block.

Source of the facts: no specification is published. Learnt from the documentation of the ``oirfile``
and ``OpenReadout`` packages. All numbers are little-endian. The header has 96 bytes: the name of
the format, the length of the file at 32, the offset of the index at 40, the number of blocks at 48,
the program at 72. The index is 0xFFFFFFFF and an offset of 8 bytes for each block. A block is the
length of its payload, its kind, and the payload. Each chunk of pixels is a tag (its place in the
plane, its length, its name) and a block of samples.
"""

import struct
from typing import Final, NamedTuple

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._io import readers
from aicsio._io.readers import Reader, Span
from aicsio.errors import CorruptFileError
from aicsio.records import Diagnostic, Source

MAGIC: Final = b"OLYMPUSRAWFORMAT"
HEADER_NBYTES: Final = 96
"""Bytes of the header; the first block follows."""
HEADER: Final = struct.Struct("<32xQQI20x8s16x")
"""Length of the file, offset of the index, number of blocks, program."""
INDEX_MARKER: Final = 0xFFFFFFFF
BLOCK: Final = struct.Struct("<II")
"""Length of the payload and kind of a block."""
TAG: Final = struct.Struct("<III")
"""Byte of the plane where a chunk goes, its bytes, and those of its name."""
DOCUMENTS, FRAME, THUMBNAIL, CHUNK_TAG, PIXELS, SEPARATOR = range(6)
"""Kinds of blocks."""
LONGEST_TAG: Final = 1024
"""Bytes of a tag with its block; the longest name seen has 60."""
MOST_WALKED: Final = 1 << 19
"""Blocks that are found without an index: each is a read, 2 s in all."""


class OirChunk(NamedTuple):
    """Some samples of one plane. A tuple, for a file may have a million."""

    name: str
    """Axes, channel and number."""
    start: int
    """Byte of the plane where they go."""
    offset: int
    """Byte offset in the file."""
    nbytes: int
    """Their bytes."""


@attrs.frozen(eq=False)
class OirFile:
    """The blocks of a file. Not a record: it lives for one opening."""

    source: Source
    """The file."""
    producer: str
    """Name of the program that wrote it."""
    documents: tuple[Span, ...]
    """Places of blocks of XML documents, the complete set last."""
    frames: tuple[Span, ...]
    """Places of the properties of frames."""
    thumbnail: Span | None
    """Place of the bitmap."""
    chunks: tuple[OirChunk, ...]
    """Pixels, those of reference images among them."""
    diagnostics: tuple[Diagnostic, ...]
    """Trouble with blocks."""


def read_blocks(source: Source) -> OirFile:
    """Find the blocks of a file.

    Raises
    ------
    CorruptFileError
        When it has no header, or neither an index nor a block.
    """
    size = source.size or 0
    with readers.lend(source) as reader:
        head = reader.read(0, min(size, HEADER_NBYTES))
        if len(head) < HEADER_NBYTES or not head.startswith(MAGIC):
            raise CorruptFileError.at(
                source.uri, 0, f"expected an OIR file of {HEADER_NBYTES} bytes or more"
            )
        declared, index_offset, count, producer = HEADER.unpack(head)
        diagnostics = []
        # A cut file is shorter than it declares; a declared length of 0 counts as unknown.
        end = min(declared, size) or size
        offsets = _read_index(reader, index_offset, end, count)
        if offsets is None:
            text = "its index of blocks is damaged: they are found one after the other"
            diagnostics.append(Diagnostic("oir-index", text, source.uri, loss=True))
            is_near = source.local or source.content is not None
            # Walking takes a read a block, and a remote read is a request.
            offsets = _walk(reader, size) if is_near else None
            # The last offset is the end of the last block: two make one block.
            if offsets is None or offsets.size < 2:
                raise CorruptFileError.at(source.uri, index_offset, "expected the index of blocks")
        blocks = _classify(reader, offsets)
    if blocks.lost:
        text = f"{blocks.lost} chunks of pixels are damaged: their pixels are zero"
        diagnostics.append(Diagnostic("oir-chunks", text, source.uri, loss=True))
    return OirFile(
        source=source,
        producer=producer.rstrip(b"\0 ").decode("ascii", "replace"),
        documents=tuple(blocks.spans[DOCUMENTS]),
        frames=tuple(blocks.spans[FRAME]),
        thumbnail=next(iter(blocks.spans[THUMBNAIL]), None),
        chunks=tuple(blocks.chunks),
        diagnostics=tuple(diagnostics),
    )


Offsets = npt.NDArray[np.int64]


def _read_index(reader: Reader, offset: int, end: int, count: int) -> Offsets | None:
    """Return the offsets of the blocks and that of the index; None where it is no index."""
    if not HEADER_NBYTES <= offset <= end - 4:
        return None
    data = reader.read(offset, min(end - offset, 4 + 8 * count))
    (marker,) = struct.unpack_from("<I", data)
    listed = np.frombuffer(data, "<u8", (len(data) - 4) // 8, 4)
    # All blocks lie in front of their index.
    if marker != INDEX_MARKER or not listed.size or int(listed.max()) >= offset:
        return None
    # The offset of the index is the end of the last block.
    offsets = np.append(listed.astype(np.int64), offset)
    ascending = offsets[0] >= HEADER_NBYTES and (np.diff(offsets) >= BLOCK.size).all()
    return offsets if ascending else None


def _walk(reader: Reader, size: int) -> Offsets:
    """Find blocks one after the other, up to the first that is none."""
    offsets: list[int] = []
    at = HEADER_NBYTES
    while at + BLOCK.size <= size and len(offsets) < MOST_WALKED:
        nbytes, kind = BLOCK.unpack(reader.read(at, BLOCK.size))
        # Zeros are no block: an empty one is a separator.
        is_block = kind <= SEPARATOR and (nbytes > 0 or kind == SEPARATOR)
        if not is_block or at + BLOCK.size + nbytes > size:
            break
        offsets.append(at)
        at += BLOCK.size + nbytes
    return np.array([*offsets, at], np.int64)


class _Blocks:
    """Blocks by their kind. It lives for one opening."""

    def __init__(self) -> None:
        self.spans: dict[int, list[Span]] = {DOCUMENTS: [], FRAME: [], THUMBNAIL: []}
        self.chunks: list[OirChunk] = []
        self.lost = 0

    def add(self, offset: int, available: int, head: bytes) -> None:
        """Take a block that is no chunk of pixels."""
        nbytes, kind = BLOCK.unpack_from(head)
        if kind in self.spans and nbytes <= available - BLOCK.size:
            self.spans[kind].append((offset + BLOCK.size, nbytes))


def _classify(reader: Reader, offsets: Offsets) -> _Blocks:
    """Read the tags of chunks, and the kinds of other blocks; no pixels."""
    blocks = _Blocks()
    starts, sizes = offsets[:-1].tolist(), np.diff(offsets).tolist()
    # Tags are short: only short blocks are read whole, of others the head is enough.
    short = [index for index, size in enumerate(sizes) if size <= LONGEST_TAG]
    heads = reader.read_spans([(starts[index], sizes[index]) for index in short])
    tagged = set()
    for index, buffer in zip(short, heads, strict=True):
        if index in tagged:
            continue  # a chunk of a tiny image is as short as a tag
        head = bytes(buffer)
        name = _tag_name(head)
        if name is None:
            blocks.add(starts[index], sizes[index], head)
            continue
        start, nbytes, _ = TAG.unpack_from(head, BLOCK.size)
        tagged.add(index + 1)
        # The block behind a tag has its samples.
        if index + 1 < len(starts) and 0 < nbytes <= sizes[index + 1] - BLOCK.size:
            offset = starts[index + 1] + BLOCK.size
            blocks.chunks.append(OirChunk(name, start, offset, nbytes))
        else:
            blocks.lost += 1
    others = [
        index for index, size in enumerate(sizes) if size > LONGEST_TAG and index not in tagged
    ]
    heads = reader.read_spans([(starts[index], BLOCK.size) for index in others])
    for index, buffer in zip(others, heads, strict=True):
        blocks.add(starts[index], sizes[index], bytes(buffer))
    return blocks


def _tag_name(head: bytes) -> str | None:
    """Return the name of a chunk; None where a block is no tag."""
    if len(head) < BLOCK.size + TAG.size:
        return None
    nbytes, kind = BLOCK.unpack_from(head)
    _, _, name_nbytes = TAG.unpack_from(head, BLOCK.size)
    first = BLOCK.size + TAG.size
    if kind != CHUNK_TAG or nbytes > len(head) - BLOCK.size or first + name_nbytes > len(head):
        return None
    return head[first : first + name_nbytes].decode("ascii", "replace")
