"""Entries of the directory: bytes in, columns out (ZISRAW file format, section 3.2)."""

import struct

import numpy as np
import pytest

from aicsio import CorruptFileError, UnsupportedFormatError
from aicsio.formats.czi.directory import parse_entries
from aicsio.formats.czi.soundness import keep_sound
from aicsio.records import Source

SOURCE = Source("made.czi", size=1 << 20)


def entry(
    *dimensions: tuple[str, int, int, int],
    position: int = 544,
    schema: bytes = b"DV",
    part: int = 0,
) -> bytes:
    """An entry of uint16 pixels; dimensions are letter, start, size, stored size."""
    head = schema + struct.pack("<iqiiB5xi", 1, position, part, 6, 2, len(dimensions))
    return head + b"".join(
        struct.pack("<4siifi", letter.encode(), start, size, 0.0, stored)
        for letter, start, size, stored in dimensions
    )


PLANE = (("X", -3, 20, 0), ("Y", 5, 30, 15))


def test_columns_of_an_entry() -> None:
    raw = entry(*PLANE, ("C", 2, 1, 1), position=1234, part=7)
    blocks, unusable = parse_entries(raw, 1, 100, SOURCE)
    assert not unusable
    assert blocks.file_position.tolist() == [1234]
    assert blocks.file_part.tolist() == [7]
    assert (blocks.pixel_type[0], blocks.compression[0], blocks.pyramid_type[0]) == (1, 6, 2)
    assert blocks.entry_position.tolist() == [100]
    assert {letter: int(column[0]) for letter, column in blocks.start.items()} == {
        "X": -3,
        "Y": 5,
        "C": 2,
    }
    # A stored size of 0 stands for the logical one.
    assert (blocks.stored_size["X"][0], blocks.stored_size["Y"][0]) == (20, 15)
    assert (blocks.size["X"][0], blocks.size["Y"][0]) == (20, 30)


@pytest.mark.parametrize("lengths", [[3] * 40, [2] * 40, [2, 3] * 20, [3] * 30 + [2] + [3] * 30])
def test_entries_of_any_lengths_are_told_apart(lengths: list[int]) -> None:
    entries = [
        entry(*(*PLANE, ("C", index, 1, 1))[:length], position=1000 + index)
        for index, length in enumerate(lengths)
    ]
    blocks, _ = parse_entries(b"".join(entries), len(entries), 0, SOURCE)
    assert blocks.file_position.tolist() == [1000 + index for index in range(len(lengths))]
    starts = np.cumsum([0, *map(len, entries[:-1])])
    assert blocks.entry_position.tolist() == starts.tolist()
    has_channel = [length == 3 for length in lengths]
    assert blocks.present.get("C", np.zeros(len(lengths), bool)).tolist() == has_channel


def test_entries_list_their_letters_in_any_order() -> None:
    x, y = PLANE
    channel, time = ("C", 4, 1, 1), ("T", 7, 5, 5)
    orders = [
        (x, y, channel, time),
        (time, channel, y, x),
        (x, y, time, ("Z", 9, 1, 1)),
        (x, y, channel, time),
    ]
    raw = b"".join(entry(*order) for order in orders)
    blocks, unusable = parse_entries(raw, len(orders), 0, SOURCE)
    assert not unusable
    assert blocks.start["Y"].tolist() == [5] * 4
    assert blocks.stored_size["Y"].tolist() == [15] * 4
    assert blocks.start["C"].tolist() == [4, 4, 0, 4]
    assert blocks.present["C"].tolist() == [True, True, False, True]
    assert blocks.start["Z"].tolist() == [0, 0, 9, 0]
    assert blocks.size["T"].tolist() == [5] * 4
    assert blocks.slot["T"].tolist() == [3, 0, 2, 3]


def test_the_place_of_a_dimension_is_kept_for_several_planes() -> None:
    raw = entry(*PLANE, ("Z", 0, 2, 2), ("T", 0, 3, 3), ("C", 0, 1, 1))
    blocks, _ = parse_entries(raw, 1, 0, SOURCE)
    assert {letter: int(column[0]) for letter, column in blocks.slot.items()} == {"Z": 2, "T": 3}


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (entry(*PLANE, schema=b"DX"), CorruptFileError),
        (entry(*PLANE)[:60], CorruptFileError),
        (entry(*PLANE)[:20], CorruptFileError),
        (entry(), CorruptFileError),
        (entry(*PLANE, schema=b"DE"), UnsupportedFormatError),
    ],
)
def test_bytes_that_are_no_entry(raw: bytes, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"made\.czi"):
        parse_entries(raw, 1, 0, SOURCE)


@pytest.mark.parametrize(
    ("dimensions", "position", "reason"),
    [
        ((("X", 0, 0, 8), ("Y", 0, 8, 8)), 544, "a size along X"),
        ((("X", 0, -1, 8), ("Y", 0, 8, 8)), 544, "a size along X"),
        ((("X", 0, 8, -8), ("Y", 0, 8, 8)), 544, "a stored size along X"),
        ((("X", 0, 8, 8), ("Y", 0, 8, 1 << 25)), 544, "a stored size along Y"),
        ((("X", 0, 8, 8),), 544, "no dimension Y"),
        ((*PLANE, ("Z", 0, -5, 1)), 544, "a size along Z"),
        ((*PLANE, ("C", 0, 1, 1), ("C", 1, 1, 1)), 544, "dimension C twice"),
        ((*PLANE, ("?", 0, 1, 1)), 544, "a dimension called"),
        ((*PLANE, ("Q", 3, 1, 1)), 544, "a position along Q"),
        (PLANE, -1, "a position outside of the file"),
        (PLANE, 1 << 40, "a position outside of the file"),
    ],
)
def test_an_entry_that_cannot_be_shown_is_counted(
    dimensions: tuple[tuple[str, int, int, int], ...], position: int, reason: str
) -> None:
    raw = entry(*PLANE) + entry(*dimensions, position=position) + entry(*PLANE)
    blocks, unusable = parse_entries(raw, 3, 0, SOURCE)
    sound, left_out = keep_sound(blocks, unusable, SOURCE)
    assert sound.listing_index.tolist() == [0, 2]
    (note,) = left_out.diagnostics()
    assert note.code == "left-out-subblocks"
    assert f"1 of 3 subblocks is left out: 1 with {reason}" in note.message


def test_no_entries() -> None:
    blocks, unusable = parse_entries(b"", 0, 0, SOURCE)
    assert len(blocks) == 0
    assert not unusable
