"""Damaged LIF files give an image or one of our errors: quickly, and in little memory.

Images whose memory ends before the first damaged byte equal the original.
"""

import functools
import random
import re
import struct
from collections.abc import Callable

import numpy as np
import pytest

from aicsio import (
    CorruptFileError,
    UnsupportedFormatError,
    open_image,
    select_scene,
    to_numpy,
)
from aicsio.testing.lif import LifImage, build_lif, build_lof, cut_tiles
from limits import in_memory, in_time, our_errors, read_some, shown_levels, variant_count
from support import Damage, corpus_names, cut_bytes, data_folder, flip_bytes, wipe_bytes

VARIANTS = variant_count(240)


def _whole_files() -> list[bytes]:
    rng = np.random.default_rng(1)
    array = rng.integers(0, 60000, (2, 3, 4, 9, 11)).astype(np.uint16)
    tiles, places = cut_tiles(array[0, 0, 0], (5, 6), (4, 5), 1e-6, (False, True, True))
    lengths = {"X": 5e-6, "Y": 4e-6, "T": 3.0}
    many = [
        LifImage(
            array,
            "TCZYX",
            name="F/S1",
            memory_order="TZCYX",
            luts=("Red", "Green", "Blue"),
            lengths=lengths,
        ),
        LifImage(
            tiles, "MYX", name="F/G/mosaic", tiles=places, turn=(False, True, True), lengths=lengths
        ),
        LifImage(
            rng.integers(0, 255, (4, 7, 3)).astype(np.uint8), "YXS", name="rgb", times=(1.6e9,)
        ),
    ]
    made = [build_lif(many), build_lif(many, version=1), build_lof(many[0])]
    folder = data_folder()
    real = [name for name in corpus_names("lif") if name.endswith(".lif")]
    return made + ([] if folder is None else [(folder / name).read_bytes() for name in real])


def _number(data: bytearray, low: int, high: int, rng: random.Random) -> None:
    value = rng.choice([0, -1, 1, 0x7FFFFFFF, 1 << 20, 1 << 30, len(data)])
    at = rng.randrange(low, max(high - 8, low + 1))
    raw = struct.pack("<q", value) if rng.random() < 0.5 else struct.pack("<i", value)
    data[at : at + len(raw)] = raw


def _digit(data: bytearray, low: int, high: int, rng: random.Random) -> None:
    """Change digits of the XML, which keeps it well formed: sizes, strides and identifiers that lie."""
    for _ in range(rng.choice([1, 2, 5, 20])):
        at = rng.randrange(low, high)
        for here in range(at, min(at + 4000, high - 1)):
            if 48 <= data[here] <= 57 and data[here + 1] == 0:
                data[here] = rng.choice(b"0123456789")
                break


DAMAGES: tuple[Damage, ...] = (
    flip_bytes,
    _number,
    _digit,
    _digit,
    cut_bytes,
    wipe_bytes,
)


def _regions(data: bytes) -> list[tuple[int, int]]:
    """Header, XML, and the memory blocks with their own headers: each is hit as often as the others."""
    text = data.find("<LMSData".encode("utf-16-le"))
    end = min(data.rfind(">".encode("utf-16-le")) + 2, len(data))
    return [
        (0, 32),
        (text, end),
        (text, end),
        (0, len(data)),
        (end if end < len(data) else 0, len(data)),
    ]


@functools.cache
def _memory_ends(data: bytes) -> tuple[int, ...]:
    """Walk the memory blocks of a LIF and return where each of them ends."""
    at = 13 + 2 * int.from_bytes(data[9:13], "little")
    # A size has 8 bytes in version 2 and 4 in version 1: the 0x2A that follows it shows which.
    wide = 8 if data[at + 9 + 8] == 0x2A else 4
    ends = []
    while at < len(data):
        nbytes = int.from_bytes(data[at + 9 : at + 9 + wide], "little")
        letters = int.from_bytes(data[at + 10 + wide : at + 14 + wide], "little")
        at += 14 + wide + 2 * letters + nbytes
        ends.append(at)
    return tuple(ends)


@functools.cache
def _originals(whole: bytes) -> tuple[np.ndarray, ...]:
    handle = open_image(whole, format="lif")
    return tuple(to_numpy(select_scene(handle, index)) for index in range(len(handle.scenes)))


def _check_untouched(whole: bytes, data: bytes) -> int:
    """Compare the images before the damage with the original, and return how many they are."""
    length = min(len(whole), len(data))
    changed = np.frombuffer(whole[:length], "u1") != np.frombuffer(data[:length], "u1")
    first = int(np.argmax(changed)) if changed.any() else length
    if first < 13 + 2 * int.from_bytes(whole[9:13], "little"):
        return 0
    ends = _memory_ends(whole)
    assert len(ends) == len(_originals(whole))
    indices = [index for index, end in enumerate(ends) if end <= first]
    if not indices:
        return 0
    handle = open_image(data, format="lif")
    for index in indices:
        found = to_numpy(select_scene(handle, index))
        assert np.array_equal(found, _originals(whole)[index]), f"image {index}, byte {first}"
    return len(indices)


def _read_all(content: bytes) -> None:
    for chosen in shown_levels(open_image(content, format="lif")):
        read_some(chosen)


def test_damaged_files_give_an_image_or_one_of_our_errors() -> None:
    files, rng = _whole_files(), random.Random(20)
    refused = equal = 0
    with in_memory():
        for number in range(VARIANTS):
            which = number % len(files)
            data = bytearray(files[which])
            rng.choice(DAMAGES)(data, *rng.choice(_regions(bytes(data))), rng)
            with in_time(f"variant {number}"), our_errors() as errors:
                _read_all(bytes(data))
            refused += len(errors)
            if which < 2:  # the made files of several images
                equal += _check_untouched(files[which], bytes(data))
    assert 0 < refused < VARIANTS, "damage that never or always stops the reading tests nothing"
    assert equal > VARIANTS // 40, "no image is before the damage"


EXTREMES = (
    "0", "-1", "1", str(2**31 - 1), str(2**31), str(2**32), str(2**63 - 1), str(2**64), "1e308",
    "-1e308", "1e400", "nan", "-inf", "9" * 4400, "1e-320", "", "x",
)  # fmt: skip
NUMBER = re.compile(r'(\w+)="([-+.\deE]+)"')
REPEATED = (
    "DimensionDescription", "ChannelDescription", "Tile", "TimeStamp", "Element", "Detector",
    "MultiBand", "Attachment", "Image", "Memory",
)  # fmt: skip
SMALL_XML = 200_000
"""Characters: larger texts repeated 5000 times are no small files any more."""


def _rewrite(content: bytes, change: Callable[[str], str]) -> bytes:
    """Return a LIF with another XML."""
    end = 13 + 2 * int.from_bytes(content[9:13], "little")
    raw = change(content[13:end].decode("utf-16-le")).encode("utf-16-le")
    return struct.pack("<IIBI", 0x70, len(raw) + 5, 0x2A, len(raw) // 2) + raw + content[end:]


def _extreme(text: str, rng: random.Random) -> str:
    """Replace the numbers of one to five attributes by extremes."""
    for _ in range(rng.choice([1, 1, 2, 5])):
        name = rng.choice(sorted({match[1] for match in NUMBER.finditer(text)}))
        matches = [match for match in NUMBER.finditer(text) if match[1] == name]
        chosen = rng.choice(matches)
        text = text[: chosen.start(2)] + rng.choice(EXTREMES) + text[chosen.end(2) :]
    return text


def _repeated(text: str, rng: random.Random) -> str:
    """Repeat an element 50 or 5000 times."""
    tag = rng.choice(REPEATED)
    pattern = rf"<{tag}\b[^<>]*/>|<{tag}\b[^<>]*[^/]>.*?</{tag}>"
    matches = list(re.finditer(pattern, text, re.DOTALL))
    if not matches:
        return text
    chosen = rng.choice(matches)
    count = 5000 if len(chosen[0]) < 1000 else 50
    return text[: chosen.start()] + chosen[0] * count + text[chosen.end() :]


def test_extreme_numbers_and_repeated_elements_give_an_image_or_one_of_our_errors() -> None:
    files = [data for data in _whole_files()[:2] if len(data) < SMALL_XML]
    rng = random.Random(7)
    opened = 0
    for number in range(VARIANTS):
        change = rng.choice([_extreme, _extreme, _repeated])
        data = _rewrite(files[number % len(files)], functools.partial(change, rng=rng))
        with in_time(f"variant {number}"), our_errors() as errors:
            _read_all(data)
        opened += not errors
    assert opened > VARIANTS // 2, "numbers of the metadata say nothing about the pixels"


@pytest.mark.parametrize("length", [1, 8, 12, 13, 100, 600])
def test_a_file_cut_in_its_header_is_corrupt(length: int) -> None:
    content = build_lif([LifImage(np.zeros((4, 5), np.uint8), "YX")])
    with pytest.raises((CorruptFileError, UnsupportedFormatError)):
        open_image(content[:length], format="lif")
