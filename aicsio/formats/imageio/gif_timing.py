"""The blocks of a GIF, walked without decoding: frames, delays, and the extent of the canvas.

Rule kept here: only lengths are read, so a GIF of 10 000 frames is listed in one pass of its
bytes.

Source: GIF89a specification (CompuServe, 1990), sections 17 to 27.
"""

import attrs

from aicsio._io.readers import BinaryFile

TRAILER, EXTENSION, IMAGE = b"\x3b", b"\x21", b"\x2c"
"""First bytes of blocks (sections 27, 23 to 26, and 20)."""
GRAPHIC_CONTROL = b"\xf9"
"""Label of the extension that holds the delay (section 23)."""


@attrs.frozen
class GifBlocks:
    """Metadata of the block structure."""

    width: int
    """Of the canvas, pixels: the logical screen, or more if a frame reaches beyond it."""
    height: int
    """Of the canvas, pixels."""
    delays: tuple[int, ...]
    """Hundredths of a second for which each frame is shown."""
    local_palettes: bool
    """Whether a frame has its own palette."""
    covered: bool
    """Whether a frame has the size of the canvas."""


def scan_blocks(file: BinaryFile) -> GifBlocks:
    """Walk the blocks; a file that breaks off ends there."""
    file.seek(0)
    # A signature of 6 bytes, and the logical screen descriptor of 7 (sections 17 and 18).
    screen = file.read(13)
    width, height = _word(screen, 6), _word(screen, 8)
    _skip_palette(file, screen[10])
    delays: list[int] = []
    local_palettes, delay = False, 0
    largest = (0, 0)
    # An unknown byte between blocks is skipped, as other readers do.
    while (label := file.read(1)) and label != TRAILER:
        if label == EXTENSION:
            delay = _read_extension(file, delay)
        elif label == IMAGE:
            # Left, top, width and height of 16 bits each, and flags (section 20).
            descriptor = file.read(9)
            if len(descriptor) < 9:
                break
            width = max(width, _word(descriptor, 0) + _word(descriptor, 4))
            height = max(height, _word(descriptor, 2) + _word(descriptor, 6))
            largest = max(largest, (_word(descriptor, 4), _word(descriptor, 6)))
            local_palettes |= _skip_palette(file, descriptor[8])
            if not file.read(1):  # the size of the first code
                break
            delays.append(delay)
            # A graphic control extension holds for one image.
            delay = 0
            while _read_sub_block(file):
                pass
    return GifBlocks(width, height, tuple(delays), local_palettes, largest == (width, height))


def _word(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 2], "little")


def _skip_palette(file: BinaryFile, flags: int) -> bool:
    """Skip a palette; return whether there is one."""
    if not flags & 0x80:
        return False
    # Three bytes for each of 2 ** (n + 1) colours; n stands in the lowest three bits.
    file.seek(3 << (flags & 7) + 1, 1)
    return True


def _read_extension(file: BinaryFile, delay: int) -> int:
    """Skip an extension; return the delay of the next frame, or ``delay`` where it has none."""
    label, block = file.read(1), _read_sub_block(file)
    if label == GRAPHIC_CONTROL and block and len(block) >= 3:
        # Byte 0 has flags, bytes 1 and 2 the delay, byte 3 the transparent index.
        delay = _word(block, 1)
    # An extension of any kind is a chain of sub-blocks that an empty one ends.
    while block:
        block = _read_sub_block(file)
    return delay


def _read_sub_block(file: BinaryFile) -> bytes:
    """Return a data sub-block (section 15); empty at the end."""
    length = file.read(1)
    return file.read(length[0]) if length else b""
