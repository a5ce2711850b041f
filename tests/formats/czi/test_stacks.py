"""A plain stack is described as the grouping of any directory describes it."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import open_image, to_numpy
from aicsio._io import readers
from aicsio.errors import AicsioError
from aicsio.formats.czi import index as index_module
from aicsio.formats.czi.index import read_index
from aicsio.formats.czi.metadata import parse_metadata
from aicsio.formats.czi.scenes import build_scenes
from aicsio.formats.czi.stacks import Stack, describe_stack
from aicsio.testing.czi import Block, blocks_of, write_czi
from support import mostly_long

RNG = np.random.default_rng(7)


def draw(*shape: int, dtype: Any = np.uint16) -> Any:
    return RNG.integers(0, 200, shape).astype(dtype)


def write(path: Path, blocks: list[Block]) -> Any:
    """Write a file; return its index."""
    with path.open("wb") as file:
        write_czi(file, blocks)
    return read_index(readers.identify(str(path)))


STACKS: dict[str, list[Block]] = {
    "one plane": list(blocks_of(draw(5, 7), "YX")),
    "Z": list(blocks_of(draw(4, 5, 7), "ZYX", fixed={"C": 0})),
    "T, C, Z": list(blocks_of(draw(2, 3, 4, 5, 7), "TCZYX")),
    "from other positions": list(blocks_of(draw(3, 5, 7), "ZYX", fixed={"C": 4, "T": -2})),
    "a scene of some number": list(blocks_of(draw(3, 5, 7), "ZYX", fixed={"S": 3})),
    "8 bits": list(blocks_of(draw(3, 5, 7, dtype=np.uint8), "ZYX")),
    "colours": list(blocks_of(draw(3, 5, 7, 3, dtype=np.uint8), "ZYXS")),
    "zstd": list(blocks_of(draw(3, 5, 7), "ZYX", compression="zstd1")),
}
OTHERS: dict[str, list[Block]] = {
    "a plane lacks": list(blocks_of(draw(4, 5, 7), "ZYX"))[:1]
    + list(blocks_of(draw(4, 5, 7), "ZYX"))[2:],
    "planes in another order": list(blocks_of(draw(4, 5, 7), "ZYX"))[::-1],
    "tiles": [Block(draw(5, 7), {"M": m, "Y": 0, "X": 7 * m}) for m in range(3)],
    "one tile with a number": [Block(draw(5, 7), {"M": 0, "Y": 0, "X": 0})],
    "two scenes": [Block(draw(5, 7), {"S": s, "Y": 0, "X": 9 * s}) for s in range(2)],
    "other sizes": [Block(draw(5, 7 + z), {"Z": z, "Y": 0, "X": 0}) for z in range(2)],
    "other places": [Block(draw(5, 7), {"Z": z, "Y": z, "X": 0}) for z in range(2)],
    "other types": [
        Block(draw(5, 7, dtype=kind), {"C": c, "Y": 0, "X": 0})
        for c, kind in enumerate((np.uint8, np.uint16))
    ],
    "letters of some": [
        Block(draw(5, 7), {"C": 0, "Y": 0, "X": 0}),
        Block(draw(5, 7), {"C": 1, "Z": 0, "Y": 0, "X": 0}),
    ],
    "far positions": [Block(draw(5, 7), {"T": t, "Y": 0, "X": 0}) for t in (0, 5000)],
}


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_is_described_as_all_directories_are(name: str, tmp_path: Path) -> None:
    index = write(tmp_path / "a.czi", STACKS[name])
    assert isinstance(index.directory, Stack)
    stack = describe_stack(index.source, index.directory)
    (scene,), notes = build_scenes(index.source, index.subblocks, index.left_out, tiles=False)
    assert notes == ()
    assert not index.left_out.reasons
    for field in ("number", "levels", "first", "tiles", "base_scale"):
        assert getattr(stack, field) == getattr(scene, field), field
    np.testing.assert_array_equal(stack.listings, scene.listings)


@pytest.mark.parametrize("name", OTHERS)
def test_others_are_left_to_the_general_way(name: str, tmp_path: Path) -> None:
    index = write(tmp_path / "a.czi", OTHERS[name])
    assert not isinstance(index.directory, Stack)


def test_pixels_of_a_stack(tmp_path: Path) -> None:
    pixels = draw(2, 3, 4, 5, 7)
    with (tmp_path / "a.czi").open("wb") as file:
        write_czi(file, blocks_of(pixels, "TCZYX"))
    image = open_image(tmp_path / "a.czi")
    np.testing.assert_array_equal(to_numpy(image), pixels)


def describe(data: bytes) -> object:
    """Return the contents of a file, or its error."""
    try:
        return open_image(data).contents
    except AicsioError as error:
        return type(error), str(error)


@pytest.mark.parametrize(
    ("entry", "flip"), mostly_long([(0, 0x01), (2, 0x80), (5, 0xFF)], (0, 0x01))
)
def test_a_damaged_entry_of_a_stack_is_told_as_in_any_directory(
    entry: int, flip: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.BytesIO()
    write_czi(stream, blocks_of(draw(2, 3, 5, 7), "CZYX"))
    whole = stream.getvalue()
    # The entries begin 128 bytes behind the header of the directory; each has four dimensions.
    first = whole.index(b"ZISRAWDIRECTORY") + 32 + 128
    length = 32 + 4 * 20
    assert whole[first + entry * length :].startswith(b"DV")
    for byte in range(length):
        damaged = bytearray(whole)
        damaged[first + entry * length + byte] ^= flip
        by_stack = describe(bytes(damaged))
        with monkeypatch.context() as patch:
            patch.setattr(index_module, "find_stack", lambda *_: None)
            assert describe(bytes(damaged)) == by_stack, byte


def test_a_short_text_with_damage_outside_of_the_sections_gives_its_facts() -> None:
    sections = "<Scaling><Items><Distance Id='X'><Value>1e-6</Value></Distance></Items></Scaling>"
    text = (
        f"<ImageDocument><Metadata><Experiment><a></b></Experiment>{sections}"
        "</Metadata></ImageDocument>"
    )
    facts, notes = parse_metadata(text)
    assert facts.pixel_size.X == 1.0
    assert notes == ()
