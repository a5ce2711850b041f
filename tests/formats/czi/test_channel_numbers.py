"""Ids of channels, and the positions along C that they name."""

import io

import numpy as np
import pytest

from aicsio import open_image
from aicsio.formats.czi.channel_numbers import described_positions
from aicsio.testing.czi import Block, write_czi
from support import corpus_file, corpus_names


def czi_of(positions: list[int], listed: list[int]) -> bytes:
    """Return a file with planes at these positions along C, and a list of these channels."""
    blocks = [Block(np.full((4, 5), c, "u1"), {"C": c, "Y": 0, "X": 0}) for c in positions]
    names = "".join(f'<Channel Id="Channel:{n}" Name="named {n}"/>' for n in listed)
    file = io.BytesIO()
    write_czi(
        file,
        blocks,
        "<ImageDocument><Metadata><Information><Image><Dimensions>"
        f"<Channels>{names}</Channels></Dimensions></Image></Information></Metadata></ImageDocument>",
    )
    return file.getvalue()


@pytest.mark.parametrize(
    ("positions", "listed", "expected"),
    [
        ([0, 1], [0, 1], ("named 0", "named 1")),
        # A part of a file keeps its positions; libCZI's own tests have lists that begin with 1.
        ([2, 3], [2, 3], ("named 2", "named 3")),
        ([0, 1], [1, 2], ("named 1", "named 2")),
        # "Channel:<channel-index>" of libCZI: a list that leaves channels out says which.
        ([0, 1, 2], [0, 2], ("named 0", "Channel:1", "named 2")),
        ([0, 1, 2], [2], ("Channel:0", "Channel:1", "named 2")),
        # Numbers that are none of the file's.
        ([0, 1, 2], [3, 7], ("named 3", "named 7", "Channel:2")),
    ],
)
def test_names_stand_at_the_positions_of_their_channels(
    positions: list[int], listed: list[int], expected: tuple[str, ...]
) -> None:
    handle = open_image(czi_of(positions, listed))
    assert handle.channel_names == expected
    assert "channel-order" not in {note.code for note in handle.diagnostics}


def test_a_list_in_another_order_is_reported() -> None:
    """libCZI (``IDimensionsChannelsInfo::GetChannel``) and Bio-Formats go by the order of the list."""
    handle = open_image(czi_of([0, 1, 2], [0, 2, 1]))
    assert handle.channel_names == ("named 0", "named 2", "named 1")
    (note,) = [one for one in handle.diagnostics if one.code == "channel-order"]
    assert "are numbered 0, 2, 1" in note.message


def test_ids_of_another_form_go_by_their_order() -> None:
    assert described_positions([0, 1, 2], 2, ()) == [0, 1]
    # A number twice names no channel.
    assert described_positions([0, 1, 2], 2, (1, 1)) == [0, 1]


@pytest.mark.parametrize("name", corpus_names("czi"))
def test_no_list_of_a_real_file_is_reported(name: str) -> None:
    if name.endswith("write_roi.czi"):
        pytest.skip("a header alone")
    notes = open_image(corpus_file(name)).diagnostics
    assert "channel-order" not in {note.code for note in notes}
