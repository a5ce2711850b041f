"""Damaged input gives an image or one of our errors: never a bare exception, a hang, or all of the memory.

Each file of the collection is cut at 20 places and has random bytes flipped 100 times. That takes long, so that a run
takes every so many files; ``AICSIO_TEST_DAMAGE=full`` takes them all.
"""

import io
import itertools
import os
import pickle
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from aicsio import (
    CorruptFileError,
    ImageTooLargeError,
    open_image,
    select_level,
    to_numpy,
    transpose_to,
)
from fidelity import every_array
from limits import has_timer, our_errors, within_limits
from support import corpus_file, corpus_names, mostly_long

FULL = os.environ.get("AICSIO_TEST_DAMAGE") == "full"
CUTS, FLIPS = (20, 100) if FULL else (20, 12)
EVERY = 1 if FULL else 40
NAMES = [
    name
    for name in corpus_names("ometiff", "tiff", "ndtiff", "lsm", "generated", "fuzz")
    if not name.endswith((".index", ".czi", ".lif"))
][::EVERY]


def use(content: bytes | Path, what: str) -> bool:
    """Open and read everything; says whether there was an image."""
    with within_limits(what), our_errors() as errors:
        handle = open_image(content)
        assert pickle.loads(pickle.dumps(handle)) == handle
        for array in every_array(handle):
            assert array.ndim
    return not errors


def damaged(content: bytes, seed: str) -> Iterator[tuple[str, bytes]]:
    """Cut a file, and flip bytes in it: half of them near its ends, where the structure of most files is."""
    chance = random.Random(seed)
    for _ in range(CUTS):
        length = chance.randrange(len(content))
        yield f"{seed} cut at {length}", content[:length]
    for _ in range(FLIPS):
        flipped = bytearray(content)
        places = []
        for _ in range(chance.randint(1, 8)):
            near = min(int(chance.expovariate(1 / 250)), len(content) - 1)
            place = chance.choice((near, len(content) - 1 - near, chance.randrange(len(content))))
            flipped[place] = chance.randrange(256)
            places.append(place)
        yield f"{seed} flipped at {places}", bytes(flipped)


@pytest.mark.skipif(not has_timer(), reason="the system has no timer of processor time")
@pytest.mark.parametrize("name", NAMES)
def test_damage_gives_an_image_or_one_of_our_errors(name: str) -> None:
    content = corpus_file(name).read_bytes()
    assert content
    for what, bad in damaged(content, name):
        use(bad, what)


# ---------------------------------------------------------------- what the damage does not touch

LAYOUTS: dict[str, dict[str, Any]] = {
    "strips": {"rowsperstrip": 8},
    "tiles": {"tile": (16, 16)},
    "LZW": {"compression": "lzw", "rowsperstrip": 8},
    "Deflate": {"compression": "zlib", "predictor": True, "tile": (16, 16)},
    "JPEG": {"compression": "jpeg", "tile": (16, 16)},
}


def pyramids(options: dict[str, Any]) -> tuple[bytes, list[list[list[tuple[int, int]]]]]:
    """Three planes of two levels, and where tifffile finds the pixels of each: by level and plane."""
    pixels = np.random.default_rng(5).integers(0, 255, (3, 32, 48)).astype(np.uint8)
    file = io.BytesIO()
    with tifffile.TiffWriter(file, ome=True) as writer:
        writer.write(pixels, subifds=1, metadata={"axes": "ZYX"}, **options)
        writer.write(pixels[:, ::2, ::2], subfiletype=1, metadata=None, **options)
    file.seek(0)
    with tifffile.TiffFile(file) as made:
        places = [
            [
                list(zip(page.dataoffsets, page.databytecounts, strict=True))
                for page in level.pages
                if page is not None
            ]
            for level in made.series[0].levels
        ]
    return file.getvalue(), places


@pytest.mark.parametrize("layout", mostly_long(LAYOUTS, "tiles"))
def test_planes_and_levels_without_damage_are_as_they_were(layout: str) -> None:
    content, places = pyramids(LAYOUTS[layout])
    chance = random.Random(layout)
    whole = open_image(content)
    originals = [to_numpy(transpose_to(select_level(whole, level), "ZYX")) for level in range(2)]
    assert [len(planes) for planes in places] == [len(planes) for planes in originals] == [3, 3]
    for level, plane in itertools.product(range(2), range(3)):
        for _ in range(4):
            bad = bytearray(content)
            offset, nbytes = chance.choice(places[level][plane])
            for _ in range(chance.randint(1, 8)):
                bad[offset + chance.randrange(nbytes)] ^= chance.randint(1, 255)
            what = f"{layout}: level {level}, plane {plane}"
            use(bytes(bad), what)
            handle = open_image(bytes(bad))
            for one, z in itertools.product(range(2), range(3)):
                if (one, z) != (level, plane):
                    found = to_numpy(transpose_to(select_level(handle, one), "YX", Z=z))
                    assert np.array_equal(found, originals[one][z]), f"{what} changed {one}, {z}"


def test_flipped_bytes_of_raw_pixels_change_no_other_pixel() -> None:
    for place in range(16):
        bad = bytearray(page())
        bad[200 + place] = 99
        expected = [*range(place), 99, *range(place + 1, 16)]
        assert to_numpy(open_image(bytes(bad))).ravel().tolist() == expected


# ---------------------------------------------------------------- damage made on purpose


def tiff(*tags: tuple[int, int, int, int], following: int = 0, data: bytes = b"") -> bytes:
    """A little-endian TIFF of one directory at byte 8; ``data`` follows it."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return (
        struct.pack("<2sHIH", b"II", 42, 8, len(tags))
        + entries
        + struct.pack("<I", following)
        + data
    )


def page(
    width: int = 4, length: int = 4, *more: tuple[int, int, int, int], following: int = 0
) -> bytes:
    """A grey image of bytes, whose pixels begin at byte 200."""
    tags = {
        256: (256, 4, 1, width),
        257: (257, 4, 1, length),
        258: (258, 3, 1, 8),
        262: (262, 3, 1, 1),
    }
    tags |= {
        273: (273, 4, 1, 200),
        277: (277, 3, 1, 1),
        278: (278, 4, 1, length),
        279: (279, 4, 1, width * length % (1 << 32)),
    }
    tags |= {tag[0]: tag for tag in more}
    made = tiff(*sorted(tags.values()), following=following)
    return made.ljust(200, b"\0") + bytes(range(16))


def test_the_undamaged_page_is_read() -> None:
    assert to_numpy(open_image(page())).tolist() == np.arange(16).reshape(4, 4).tolist()


def test_directory_that_points_to_itself_is_one_page() -> None:
    handle = open_image(page(following=8))
    assert handle.shape == (4, 4)
    assert [note.code for note in handle.diagnostics] == ["tiff-cyclic"]


def test_cycle_of_many_directories_ends() -> None:
    # 300 directories, the last of which points back to the hundredth: further than a look at neighbours would see.
    entries = page()[10 : 10 + 8 * 12]
    size = 2 + 8 * 12 + 4
    start = 256
    links = [start + size * (i + 1 if i < 299 else 99) for i in range(300)]
    chain = b"".join(struct.pack("<H", 8) + entries + struct.pack("<I", link) for link in links)
    content = page()[:4] + struct.pack("<I", start) + page()[8:].ljust(start - 8, b"\0") + chain
    with within_limits("cycle"):
        handle = open_image(content)
    assert handle.shape == (300, 4, 4)
    assert "tiff-cyclic" in [note.code for note in handle.diagnostics]


@pytest.mark.parametrize(
    "order", [list(range(60)), list(range(59, -1, -1)), [*range(1, 60, 2), *range(58, -1, -2)]]
)
@pytest.mark.parametrize("back", [None, 0, 30])
def test_directories_are_followed_in_any_order(order: list[int], back: int | None) -> None:
    size, start = 2 + 8 * 12 + 4, 256
    at = [start + size * place for place in order]
    follows = dict(zip(at, [*at[1:], 0 if back is None else at[back]], strict=True))
    chain = b""
    for place in range(60):
        own = page(4, 1, (273, 4, 1, 200 + place % 13))[10 : 10 + 8 * 12]
        chain += struct.pack("<H", 8) + own + struct.pack("<I", follows[start + size * place])
    handle = open_image(
        page()[:4] + struct.pack("<I", at[0]) + page()[8:].ljust(start - 8, b"\0") + chain
    )
    assert to_numpy(handle)[:, 0, 0].tolist() == [place % 13 for place in order]
    told = [note.message for note in handle.diagnostics if note.code == "tiff-cyclic"]
    assert len(told) == (back is not None)
    assert all(f"page 59 points back to page {back}" in message for message in told)


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("no directory", struct.pack("<2sHI", b"II", 42, 0)),
        ("directory outside", struct.pack("<2sHI", b"II", 42, 1 << 30)),
        ("directory cut", page()[:40]),
        ("no entries", tiff()),
        ("too many entries", struct.pack("<2sHIH", b"II", 42, 8, 60000)),
        ("no size", tiff((258, 3, 1, 8), (273, 4, 1, 200))),
        ("no rows", page(4, 0)),
        ("no pixels", page(4, 4, (273, 4, 0, 0))),
        ("offsets outside", page(4, 4, (273, 4, 1 << 20, 1 << 20))),
        ("a billion strips", page(4, 4, (257, 4, 1, 1 << 30), (278, 4, 1, 1))),
        ("bits of nothing", page(4, 4, (258, 3, 1, 0))),
        ("tiles of nothing", page(4, 4, (322, 4, 1, 0), (323, 4, 1, 0), (324, 4, 1, 200))),
        ("values of the whole file", page(4, 4, (258, 3, 1 << 31, 8))),
        ("BigTIFF with small offsets", struct.pack("<2sHHHQ", b"II", 43, 4, 0, 16)),
    ],
)
def test_impossible_structure_is_told_with_its_place(what: str, content: bytes) -> None:
    with within_limits(what), pytest.raises(CorruptFileError, match=r"expected|ends") as caught:
        open_image(content)
    assert caught.value.uri is not None


def test_pixels_beyond_the_end_are_told_when_they_are_read() -> None:
    handle = open_image(page(4, 4, (273, 4, 1, 300)))
    with pytest.raises(CorruptFileError, match="at byte 300: expected 16 bytes"):
        to_numpy(handle)


def test_sizes_that_lie_cost_no_memory() -> None:
    huge = page(1 << 20, 1 << 20, (279, 4, 1, 16))
    with within_limits("huge"), pytest.raises(ImageTooLargeError):
        to_numpy(open_image(huge))


def test_ome_xml_with_entities_is_read_as_plain_tiff() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a "aaaaaaaaaa">]><OME>&a;</OME>\0'
    content = page(4, 4, (270, 2, len(bomb), 216)) + bomb
    assert not use(b"<?xml version='1.0'?><!DOCTYPE OME [<!ENTITY a 'b'>]><OME>&a;</OME>", "bomb")
    handle = open_image(content)
    assert handle.shape == (4, 4)


def test_broken_ome_xml_is_told_and_read_as_plain_tiff() -> None:
    broken = b'<?xml version="1.0"?><OME><Image></OME>\0'
    handle = open_image(page(4, 4, (270, 2, len(broken), 216)) + broken)
    assert handle.shape == (4, 4)
    assert [note.code for note in handle.diagnostics] == ["ome-xml-broken"]
