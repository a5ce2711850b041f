"""The blocks of a GIF, walked without decoding: frames, delays, and how far frames reach.

Source: GIF89a specification (CompuServe, 1990), sections 17 to 27.
"""

import attrs

from aicsio._io.readers import BinaryFile


@attrs.frozen
class Blocks:
    """What the block structure tells."""

    width: int
    """Of the canvas, pixels: the logical screen, or more where a frame reaches beyond it."""
    height: int
    """Of the canvas, pixels."""
    delays: tuple[int, ...]
    """Hundredths of a second for which each frame is shown."""
    local_palettes: bool
    """Whether a frame brings its own palette."""


def scan(file: BinaryFile) -> Blocks:
    """Walk the blocks; a file that breaks off ends there."""
    file.seek(0)
    screen = file.read(13)
    width, height = (int.from_bytes(screen[at : at + 2], "little") for at in (6, 8))
    if screen[10] & 0x80:
        file.seek(3 << (screen[10] & 7) + 1, 1)
    delays: list[int] = []
    local_palettes, delay = False, 0
    # 0x3B is the trailer; an unknown byte between blocks is passed over, as by other readers.
    while (label := file.read(1)) and label != b"\x3b":
        if label == b"\x21":
            delay = _extension(file, delay)
        elif label == b"\x2c":
            descriptor = file.read(9)
            if len(descriptor) < 9:
                break
            left, top, wide, high = (
                int.from_bytes(descriptor[at : at + 2], "little") for at in (0, 2, 4, 6)
            )
            width, height = max(width, left + wide), max(height, top + high)
            if descriptor[8] & 0x80:
                local_palettes = True
                file.seek(3 << (descriptor[8] & 7) + 1, 1)
            if not file.read(1):
                break
            delays.append(delay)
            delay = 0
            while _sub_block(file):
                pass
    return Blocks(width, height, tuple(delays), local_palettes)


def _extension(file: BinaryFile, delay: int) -> int:
    """Pass over an extension; a graphic control extension (0xF9) gives the delay of the next frame."""
    label, block = file.read(1), _sub_block(file)
    if label == b"\xf9" and block and len(block) >= 3:
        delay = int.from_bytes(block[1:3], "little")
    while block:
        block = _sub_block(file)
    return delay


def _sub_block(file: BinaryFile) -> bytes:
    length = file.read(1)
    return file.read(length[0]) if length else b""
