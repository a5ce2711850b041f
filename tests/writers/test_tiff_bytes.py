"""Bytes of a TIFF that is written: header, directories, places of raw pixels.

Right values are packed by hand or by struct after TIFF 6.0 (section 2 and the tags of section 8)
and the BigTIFF proposal.
"""

import struct

import numpy as np
import pytest

from aicsio.writers._pixels.directories import build_directories, directories_bound
from aicsio.writers._pixels.tiff import Pages, WrittenGrid, header, raw_starts, strips, tiles

LONG, SHORT, ASCII, RATIONAL, LONG8 = 4, 3, 2, 5, 16
SIZES = {
    SHORT: ("H", 2),
    LONG: ("I", 4),
    ASCII: ("s", 1),
    RATIONAL: ("I", 8),
    LONG8: ("Q", 8),
    13: ("I", 4),
    18: ("Q", 8),
}


@pytest.mark.parametrize(
    ("first_directory", "big", "expected"),
    [
        (0x10, False, "49492a00 10000000"),
        (0xFEDCBA98, False, "49492a00 98badcfe"),
        (0x10, True, "49492b00 08000000 1000000000000000"),
        (0x0102030405060708, True, "49492b00 08000000 0807060504030201"),
    ],
)
def test_the_header_has_the_bytes_of_the_specification(
    first_directory: int, big: bool, expected: str
) -> None:
    assert header(first_directory, big=big) == bytes.fromhex(expected)


def pages(
    count: int = 1, height: int = 5, width: int = 7, samples: int = 1, dtype: str = "<u2"
) -> Pages:
    grid = WrittenGrid(False, height, width, 1, 1)
    return Pages(count, height, width, samples, np.dtype(dtype), grid)


@pytest.mark.parametrize(
    ("images", "starts"),
    [
        ([], (16,)),
        # 5 x 7 x 2 bytes = 70, up to the next multiple of 16: 80
        ([pages()], (16, 96)),
        ([pages(), pages()], (16, 96, 176)),
        # 3 x 70 = 210: planes lie without gaps, the image ends at 224
        ([pages(count=3)], (16, 240)),
        # 4 x 4 x 3 samples of a byte = 48, which is even
        ([pages(height=4, width=4, samples=3, dtype="u1"), pages()], (16, 64, 144)),
    ],
)
def test_raw_pixels_of_each_image_start_at_a_multiple_of_16(
    images: list[Pages], starts: tuple[int, ...]
) -> None:
    assert raw_starts(images) == starts


def test_offsets_and_byte_counts_of_raw_strips_and_tiles() -> None:
    # 5 rows of 14 bytes in strips of 2 rows: 28, 28, 14 bytes (TIFF 6.0, RowsPerStrip)
    cut = Pages(2, 5, 7, 1, np.dtype("<u2"), strips(5, 7, row_bytes=14, most=28))
    offsets, counts = cut.raw_segments(100)
    assert offsets.tolist() == [[100, 128, 156], [170, 198, 226]]
    assert counts.tolist() == [[28, 28, 14]] * 2
    # Tiles are padded: 2 x 2 tiles of 16 x 16 x 2 = 512 bytes
    tiled = Pages(1, 20, 30, 1, np.dtype("<u2"), tiles(20, 30, (16, 16)))
    offsets, counts = tiled.raw_segments(0)
    assert offsets.tolist() == [[0, 512, 1024, 1536]]
    assert counts.tolist() == [[512] * 4]


@pytest.mark.parametrize(
    ("height", "most", "unit", "expected"),
    [
        (10, 100, 1, WrittenGrid(False, 10, 7, 1, 1)),  # 10 rows of 10 bytes fit
        (10, 100, 8, WrittenGrid(False, 10, 7, 1, 1)),
        (10, 99, 1, WrittenGrid(False, 9, 7, 2, 1)),
        (10, 99, 8, WrittenGrid(False, 8, 7, 2, 1)),
        (10, 5, 1, WrittenGrid(False, 1, 7, 10, 1)),  # a row is never cut
    ],
)
def test_strips(height: int, most: int, unit: int, expected: WrittenGrid) -> None:
    assert strips(height, 7, 10, most, unit) == expected


# ---------------------------------------------------------------- directories


def unpack_directory(data: bytes, start: int, *, big: bool) -> tuple[dict[int, object], int]:
    """Tags and their values, and the offset of the next directory; ``data`` begins at offset 0."""
    count_format, entry_size, inline = ("<Q", 20, 8) if big else ("<H", 12, 4)
    (count,) = struct.unpack_from(count_format, data, start)
    position = start + struct.calcsize(count_format)
    tags: dict[int, object] = {}
    for _ in range(count):
        code, field_type, length = struct.unpack_from("<HHQ" if big else "<HHI", data, position)
        letter, size = SIZES[field_type]
        field = position + entry_size - inline
        if size * length > inline:
            (field,) = struct.unpack_from("<Q" if big else "<I", data, field)
        numbers = 2 * length if field_type == RATIONAL else length
        assert code > max(tags, default=0), "entries must be sorted in ascending order by tag"
        values = struct.unpack_from(f"<{numbers}{letter}", data, field)
        tags[code] = values[0] if len(values) == 1 else values
        position += entry_size
    (following,) = struct.unpack_from("<Q" if big else "<I", data, position)
    return tags, following


def build(
    images: list[list[tuple[Pages, int]]], *, big: bool, start: int = 1024
) -> tuple[bytes, int]:
    """Directories of images whose raw segments lie at given places; the bytes begin at offset 0."""
    tables = [[(level, level.raw_segments(at)) for level, at in levels] for levels in images]
    data, first = build_directories(tables, b"<OME/>", start, big=big)
    return bytes(start) + data, first


@pytest.mark.parametrize("big", [False, True])
def test_a_chain_of_directories_has_the_tags_of_each_plane(big: bool) -> None:
    sized = Pages(
        3, 5, 7, 1, np.dtype("<u2"), WrittenGrid(False, 5, 7, 1, 1), pixel_size=(0.5, 0.25)
    )
    data, offset = build([[(sized, 100)]], big=big)
    found = []
    while offset:
        tags, offset = unpack_directory(data, offset, big=big)
        found.append(tags)
    assert [tags[273] for tags in found] == [100, 170, 240]
    assert [tags[279] for tags in found] == [70, 70, 70]
    assert [tags.get(270) for tags in found] == [(b"<OME/>\0"), None, None]
    for tags in found:
        shared = {tag: tags[tag] for tag in tags if tag not in {270, 273, 279, 305}}
        assert shared == {
            254: 0,  # NewSubfileType: full resolution
            256: 7,
            257: 5,
            258: 16,
            259: 1,  # no compression
            262: 1,  # BlackIsZero
            277: 1,
            278: 5,  # RowsPerStrip
            282: (20_000, 1),  # pixels per centimetre: 10 000 um / 0.5 um
            283: (40_000, 1),
            284: 1,
            296: 3,  # centimetre
            339: 1,  # unsigned
        }


def test_smaller_levels_hang_on_their_plane() -> None:
    """SubIFDs (tag 330) of a plane are the directories of its levels, which are in no chain."""
    full = Pages(2, 32, 32, 1, np.dtype("u1"), tiles(32, 32, (16, 16)))
    half = Pages(2, 16, 16, 1, np.dtype("u1"), tiles(16, 16, (16, 16)), reduced=True)
    data, offset = build([[(full, 0), (half, 5000)]], big=False, start=8192)
    for plane in range(2):
        tags, offset = unpack_directory(data, offset, big=False)
        assert tags[324] == tuple(plane * 1024 + tile * 256 for tile in range(4))
        assert tags[325] == (256,) * 4
        below, following = unpack_directory(data, int(str(tags[330])), big=False)
        assert (below[254], below[256], below[324], following) == (1, 16, 5000 + plane * 256, 0)
    assert offset == 0


def test_images_follow_each_other_in_one_chain() -> None:
    data, offset = build([[(pages(count=2), 0)], [(pages(width=9), 500)]], big=False)
    widths = []
    while offset:
        tags, offset = unpack_directory(data, offset, big=False)
        widths.append(tags[256])
    assert widths == [7, 7, 9]


@pytest.mark.parametrize(
    ("samples", "color_map", "photometric", "extra"),
    [
        (1, None, 1, None),
        (2, None, 1, 0),  # an unspecified sample beside gray
        (3, None, 2, None),
        (4, None, 2, 2),  # unassociated alpha beside RGB
        (1, bytes(3 * 2 * 256), 3, None),
    ],
)
def test_colours(
    samples: int, color_map: bytes | None, photometric: int, extra: int | None
) -> None:
    """PhotometricInterpretation (262) and ExtraSamples (338) of TIFF 6.0, sections 8 and 18."""
    grid = WrittenGrid(False, 5, 7, 1, 1)
    data, offset = build(
        [[(Pages(1, 5, 7, samples, np.dtype("u1"), grid, color_map=color_map), 0)]], big=False
    )
    tags, _ = unpack_directory(data, offset, big=False)
    assert (tags[262], tags.get(338), 320 in tags) == (photometric, extra, color_map is not None)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("samples", [1, 3, 1000])
def test_directories_are_within_the_bound_that_decides_on_bigtiff(samples: int, big: bool) -> None:
    grid = tiles(300, 400, (16, 16))
    image = Pages(3, 300, 400, samples, np.dtype("u1"), grid, color_map=bytes(3 * 2 * 256))
    table = image.raw_segments()
    data, _ = build_directories([[(image, table)]], b"<OME/>", 0, big=big)
    assert len(data) <= directories_bound([image], b"<OME/>") < 3 * len(data)


def test_without_a_pixel_size_the_resolution_has_no_unit() -> None:
    data, offset = build([[(pages(), 0)]], big=False)
    tags, _ = unpack_directory(data, offset, big=False)
    assert (tags[282], tags[283], tags[296]) == ((1, 1), (1, 1), 1)
