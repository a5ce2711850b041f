"""Tags of many pages as tables: bytes of directories in, groups of pages out.

The directories are packed here by struct, after TIFF 6.0 (section 2) and the BigTIFF proposal.
"""

import io
import struct

import numpy as np
import pytest
import tifffile

from aicsio import CorruptFileError, open_image, to_numpy
from aicsio.formats._tiff.chain import read_chain
from aicsio.formats._tiff.ifd import open_tiff
from aicsio.formats._tiff.tag_tables import PageGroup, tabulate
from aicsio.records import Diagnostic, Source

WIDTH, LENGTH, DESCRIPTION, OFFSETS, ROWS, COUNTS, SUB_IFDS = 256, 257, 270, 273, 278, 279, 330
SHORT, LONG, ASCII = 3, 4, 2
SIZES = {SHORT: ("H", 2), LONG: ("I", 4), ASCII: ("s", 1)}

Entry = tuple[int, int, tuple[int, ...] | bytes]
"""Tag, field type, values."""


def pack_tiff(pages: list[list[Entry]], order: str = "<", *, big: bool = False) -> bytes:
    """Header and directories, in a chain; a value that does not fit an entry lies behind the directory."""
    inline = 8 if big else 4
    count_format, entry_format, pointer = ("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")
    mark = b"II" if order == "<" else b"MM"
    data = mark + struct.pack(
        order + ("HHHQ" if big else "HI"), *((43, 8, 0, 16) if big else (42, 8))
    )
    for number, entries in enumerate(pages):
        nbytes = struct.calcsize("=" + count_format) + len(entries) * (20 if big else 12) + inline
        tail_start, tail, packed = len(data) + nbytes, b"", b""
        for code, field_type, values in entries:
            letter, _ = SIZES[field_type]
            raw = (
                values
                if isinstance(values, bytes)
                else struct.pack(f"{order}{len(values)}{letter}", *values)
            )
            if len(raw) > inline:
                field = struct.pack(order + pointer, tail_start + len(tail))
                tail += raw
            else:
                field = raw
            packed += struct.pack(order + entry_format, code, field_type, len(values), field)
        following = tail_start + len(tail) if number + 1 < len(pages) else 0
        data += struct.pack(order + count_format, len(entries)) + packed
        data += struct.pack(order + pointer, following) + tail
    return data


def read_groups(data: bytes) -> tuple[list[PageGroup], list[Diagnostic]]:
    source = Source("memory:test", size=len(data), content=data, local=False)
    with open_tiff(source) as (file, first):
        chain, _ = read_chain(file, first)
        return tabulate(file, chain)


def page(width: int, offsets: tuple[int, ...], counts: tuple[int, ...]) -> list[Entry]:
    return [
        (WIDTH, LONG, (width,)),
        (LENGTH, SHORT, (7,)),
        (OFFSETS, LONG, offsets),
        (COUNTS, LONG, counts),
    ]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("big", [False, True])
def test_pages_that_differ_in_offsets_alone_are_one_table(order: str, big: bool) -> None:
    pages = [page(5, (1000, 2000), (35, 34)), page(5, (3000, 4000), (33, 32))]
    (group,), diagnostics = read_groups(pack_tiff(pages, order, big=big))
    assert diagnostics == []
    assert group.pages.tolist() == [0, 1]
    assert dict(group.values) == {WIDTH: (5,), LENGTH: (7,)}
    assert group.offsets.tolist() == [[1000, 2000], [3000, 4000]]
    assert group.counts.tolist() == [[35, 34], [33, 32]]
    assert group.sub_ifds.shape == (2, 0)


def test_values_beside_and_in_the_entries_give_one_table() -> None:
    """One number lies in its entry, three lie behind the directory; pages of both are of two groups."""
    pages = [page(5, (9,), (1,)), page(5, (10, 20, 30), (1, 2, 3)), page(5, (8,), (2,))]
    groups, _ = read_groups(pack_tiff(pages))
    assert [(g.pages.tolist(), g.offsets.tolist(), g.counts.tolist()) for g in groups] == [
        ([0, 2], [[9], [8]], [[1], [2]]),
        ([1], [[10, 20, 30]], [[1, 2, 3]]),
    ]


def test_pages_of_another_structure_are_a_group_of_their_own() -> None:
    pages = [page(5, (9,), (1,)), page(6, (10,), (2,)), page(5, (11,), (3,))]
    groups, _ = read_groups(pack_tiff(pages))
    assert [(group.pages.tolist(), group.values[WIDTH]) for group in groups] == [
        ([0, 2], (5,)),
        ([1], (6,)),
    ]


def test_other_tags_make_no_difference() -> None:
    """A description on one page, as OME-TIFF has it, splits no stack; the pages come in any order."""
    described = [(DESCRIPTION, ASCII, b"a long text\0"), *page(5, (9,), (1,))]
    described.sort(key=lambda entry: entry[0])
    (group,), _ = read_groups(pack_tiff([described, page(5, (10,), (2,)), page(5, (11,), (3,))]))
    numbers = dict(zip(group.pages.tolist(), group.offsets[:, 0].tolist(), strict=True))
    assert numbers == {0: 9, 1: 10, 2: 11}


def test_of_a_doubled_tag_the_first_counts() -> None:
    """As libtiff reads it."""
    doubled = page(5, (9,), (1,))
    doubled.insert(1, (WIDTH, LONG, (99,)))
    (group,), _ = read_groups(pack_tiff([doubled]))
    assert group.values[WIDTH] == (5,)


def test_sub_ifds_are_a_table() -> None:
    pages = [[*page(5, (9,), (1,)), (SUB_IFDS, LONG, (start, start + 50))] for start in (500, 600)]
    (group,), _ = read_groups(pack_tiff(pages))
    assert group.sub_ifds.tolist() == [[500, 550], [600, 650]]


def test_offsets_of_no_whole_numbers_are_missing() -> None:
    entries: list[Entry] = [(WIDTH, LONG, (5,)), (OFFSETS, ASCII, b"abc\0")]
    (group,), _ = read_groups(pack_tiff([entries]))
    assert group.offsets.shape == (1, 0)
    assert group.counts.shape == (1, 0)


def test_a_page_whose_tags_point_out_of_the_file_is_left_out() -> None:
    data = bytearray(pack_tiff([page(5, (10, 20), (1, 2)), page(5, (30, 40), (3, 4))]))
    (last,) = struct.unpack_from("<I", data, 8 + 2 + 4 * 12)  # the second directory
    struct.pack_into(
        "<I", data, last + 2 + 2 * 12 + 8, len(data) - 7
    )  # eight bytes do not fit there
    (group,), (diagnostic,) = read_groups(bytes(data))
    assert group.pages.tolist() == [0]
    assert group.offsets.tolist() == [[10, 20]]
    assert diagnostic.code == "tiff-tags-outside"
    assert "1 page is left out, from page 1" in diagnostic.message


def test_the_numbers_of_a_table_are_unsigned_and_of_64_bits() -> None:
    (group,), _ = read_groups(pack_tiff([page(5, (0xFFFFFFFF,), (0xFFFFFFFE,))]))
    assert group.offsets.dtype == group.counts.dtype == np.uint64
    assert group.offsets.tolist() == [[4294967295]]


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("code", [256, 258, 273, 278, 279])
def test_numbers_of_signed_types_are_read(code: int, bigtiff: bool) -> None:
    pixels = np.arange(120, dtype=np.uint16).reshape(12, 10)
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, rowsperstrip=4, metadata=None, bigtiff=bigtiff)
    data = bytearray(stream.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tag = file.pages.first.tags[code]
    # SHORT, LONG and LONG8 become SSHORT, SLONG and SLONG8.
    struct.pack_into("<H", data, tag.offset + 2, {3: 8, 4: 9, 16: 17}[int(tag.dtype)])
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(data)), pixels)
    np.testing.assert_array_equal(to_numpy(open_image(bytes(data))), pixels)


def test_negative_offsets_are_refused() -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((12, 10), np.uint16), metadata=None)
    data = bytearray(stream.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tag = file.pages.first.tags[273]
    struct.pack_into("<HIi", data, tag.offset + 2, 9, 1, -8)
    with pytest.raises(CorruptFileError):
        to_numpy(open_image(bytes(data)))
