"""NDPI beyond 4 GiB: 64-bit offsets under the header of a classic TIFF.

Source of the right values: tifffile, which reads the levels and pixels of the same file. The high
words of a directory's values lie behind it, as Hamamatsu's software writes them.
"""

import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from aicsio import open_image, select_level, to_numpy, transpose_to

GIB = 1 << 30
Entry = tuple[int, int, int, int]


class NdpiWriter:
    """Appends pages from a given byte on; the bytes before it are a hole."""

    def __init__(self, path: Path, start: int) -> None:
        self.file = path.open("wb")
        self.file.write(b"II*\0" + struct.pack("<Q", 0))
        self.file.seek(start)
        self.link = 4

    def append(self, data: bytes) -> int:
        """Write bytes at an even place, and return it."""
        self.file.seek(self.file.tell() + self.file.tell() % 2)
        place = self.file.tell()
        self.file.write(data)
        return place

    def page(self, pixels: npt.NDArray[Any], magnification: float) -> None:
        """Write one page: a JPEG in one strip, then its directory."""
        options: dict[str, Any] = {"colorspace": "rgb", "outcolorspace": "ycbcr"}
        stream = bytes(imagecodecs.jpeg8_encode(pixels, level=95, **options))
        height, width = pixels.shape[:2]
        strip = self.append(stream)
        bits = self.append(struct.pack("<HHH", 8, 8, 8))
        maker = self.append(b"Hamamatsu\0")
        power = struct.unpack("<I", struct.pack("<f", magnification))[0]
        entries: list[Entry] = [(254, 4, 1, 0), (256, 4, 1, width), (257, 4, 1, height)]
        entries += [(258, 3, 3, bits), (259, 3, 1, 7), (262, 3, 1, 6), (271, 2, 10, maker)]
        entries += [(273, 4, 1, strip), (277, 3, 1, 3), (278, 4, 1, height)]
        entries += [(279, 4, 1, len(stream)), (65420, 4, 1, 1), (65421, 11, 1, power)]
        low = b"".join(struct.pack("<HHII", *entry[:3], entry[3] % (1 << 32)) for entry in entries)
        high = b"".join(struct.pack("<I", entry[3] >> 32) for entry in entries)
        directory = self.append(struct.pack("<H", len(entries)) + low)
        following = self.file.tell()
        self.file.write(struct.pack("<Q", 0) + high)
        end = self.file.tell()
        self.file.seek(self.link)
        self.file.write(struct.pack("<Q", directory))
        self.file.seek(end)
        self.link = following


@pytest.mark.parametrize("start", [64, 3 * GIB, 4 * GIB - 700, 9 * GIB])
def test_levels_and_pixels_are_those_of_tifffile(tmp_path: Path, start: int) -> None:
    y, x = np.mgrid[:96, :128]
    picture = np.stack([x * 2, y * 2, x + y], -1).astype(np.uint8)
    path = tmp_path / "slide.ndpi"
    writer = NdpiWriter(path, start)
    with writer.file:
        for level in range(3):
            part = np.ascontiguousarray(picture[:: 1 << level, :: 1 << level])
            writer.page(part, 20 / (1 << level))
    handle = open_image(path)
    with tifffile.TiffFile(path) as tif:
        expected = [level.asarray() for level in tif.series[0].levels]
    assert len(handle.levels) == len(expected) == 3
    for number, pixels in enumerate(expected):
        shown = to_numpy(transpose_to(select_level(handle, number), "YXS"))
        assert np.array_equal(shown, pixels)
