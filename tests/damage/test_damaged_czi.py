"""Damaged CZI files give an image or one of our errors: quickly, in little memory, with the interpreter alive.

Damage in the pixels of some subblocks leaves the planes of all others equal to the original.
"""

import collections
import functools
import io
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import attrs
import numpy as np
import pytest

from aicsio import (
    CorruptFileError,
    ImageHandle,
    open_image,
    select_level,
    select_scene,
    to_numpy,
    transpose_to,
)
from aicsio.testing.czi import Block, blocks_of, metadata_xml, time_stamps, write_czi
from limits import in_memory, in_time, our_errors, read_some, shown_levels, variant_count
from support import Damage, corpus_file, cut_bytes, flip_bytes, wipe_bytes

VARIANTS = variant_count(280)


def _file(
    compression: str, *, tile: tuple[int, int] | None, levels: int, samples: int = 1
) -> bytes:
    shape = (2, 2, 40, 52) + ((samples,) if samples > 1 else ())
    pixels = np.arange(np.prod(shape)).reshape(shape).astype("uint8" if samples > 1 else "uint16")
    dims = "TCYX" + "S" * (samples > 1)
    file = io.BytesIO()
    blocks: list[Block] = []
    for scene in range(2):
        blocks += blocks_of(
            pixels,
            dims,
            scene=scene,
            tile=tile,
            overlap=2,
            levels=levels,
            origin=(scene * 300, -7),
            compression=compression,
        )
    xml = metadata_xml(channels=["DAPI", "GFP"], scenes=["A", "B"], pixel_size={"X": 0.5, "Y": 0.5})
    write_czi(file, blocks, xml, [time_stamps([0.0, 2.0])])
    return file.getvalue()


def _number(data: bytearray, low: int, high: int, rng: random.Random) -> None:
    """Overwrite four or eight aligned bytes with a number that hurts."""
    value = rng.choice(
        [0, -1, 1, 2, 0x7FFFFFFF, -0x80000000, 1 << 20, 1 << 30, len(data), len(data) - 1]
    )
    at = rng.randrange(low, max(high - 8, low + 1)) & ~1
    raw = struct.pack("<q", value) if rng.random() < 0.5 else struct.pack("<i", value)
    data[at : at + len(raw)] = raw


def _move(data: bytearray, low: int, high: int, rng: random.Random) -> None:
    length = rng.randrange(1, 64)
    source, target = rng.randrange(low, high), rng.randrange(low, high)
    data[target : target + length] = data[source : source + length]


DAMAGES: tuple[Damage, ...] = (
    flip_bytes,
    _number,
    cut_bytes,
    _move,
    wipe_bytes,
)


@attrs.frozen
class Stored:
    """The pixels of one subblock: their bytes in the file, and the plane they belong to."""

    low: int
    high: int
    plane: tuple[int, int, int, int]
    """Scene, level, T and C."""


@functools.cache
def _stored(data: bytes) -> tuple[Stored, ...]:
    """Walk the subblocks of a whole file (ZISRAW file format, section 2.4)."""
    found = []
    at = data.find(b"ZISRAWSUBBLOCK")
    while at >= 0:
        metadata, _, nbytes = struct.unpack_from("<iiq", data, at + 32)
        (count,) = struct.unpack_from("<i", data, at + 76)
        entries = struct.iter_unpack("<4siifi", data[at + 80 : at + 80 + 20 * count])
        sizes = {
            name[:1]: (start, size // (kept or size)) for name, start, size, _, kept in entries
        }
        level = sizes[b"X"][1].bit_length() - 1
        low = at + 32 + max(256, 48 + 20 * count) + metadata
        plane = (sizes[b"S"][0], level, sizes[b"T"][0], sizes[b"C"][0])
        found.append(Stored(low, low + nbytes, plane))
        at = data.find(b"ZISRAWSUBBLOCK", low + nbytes)
    return tuple(found)


def _untouched(whole: bytes, data: bytes) -> set[tuple[int, int, int, int]]:
    """Planes without a damaged byte; none where the damage also reaches beyond pixels."""
    if len(whole) != len(data):
        return set()
    changed = np.flatnonzero(np.frombuffer(whole, "u1") != np.frombuffer(data, "u1"))
    hit = [one for one in _stored(whole) if np.any((changed >= one.low) & (changed < one.high))]
    if sum(int(np.sum((changed >= one.low) & (changed < one.high))) for one in hit) < len(changed):
        return set()
    return {one.plane for one in _stored(whole)} - {one.plane for one in hit}


def _plane(handle: ImageHandle, scene: int, level: int, t: int, c: int) -> np.ndarray:
    shown = select_level(select_scene(handle, scene), level)
    return to_numpy(transpose_to(shown, "YXS" if "S" in shown.dims else "YX", T=t, C=c))


@functools.cache
def _original(whole: bytes, plane: tuple[int, int, int, int]) -> np.ndarray:
    return _plane(open_image(whole, format="czi"), *plane)


def _regions(data: bytes) -> list[tuple[int, int]]:
    """File header, directory, a segment's head, metadata, attachments, pixels: each is hit as often as the others."""
    directory, metadata = struct.unpack_from("<qq", data, 84)
    attachments = struct.unpack_from("<q", data, 104)[0]
    first = data.find(b"ZISRAWSUBBLOCK")
    second = data.find(b"ZISRAWSUBBLOCK", first + 1)
    return [
        (0, 112),
        (directory, directory + 160),
        (directory + 160, metadata),
        (first, first + 320),
        (second, second + 320),
        (first + 288, directory),
        (metadata, len(data)),
        (attachments or metadata, len(data)),
        (1, len(data)),
        *((one.low, one.high) for one in _stored(data)[::5][:3]),
    ]


def _variants(count: int) -> Iterator[tuple[str, bytes, bytes]]:
    whole = [
        _file("raw", tile=None, levels=1),
        _file("raw", tile=(16, 20), levels=2),
        _file("zstd1-hilo", tile=(16, 20), levels=2),
        _file("jpegxr", tile=None, levels=1),
        _file("zstd0", tile=None, levels=1, samples=3),
        _file("lzw", tile=None, levels=1),
        _file("jpeg", tile=None, levels=1, samples=3),
    ]
    rng = random.Random(20)
    for number in range(count):
        which = number % len(whole)
        data = bytearray(whole[which])
        regions = _regions(whole[which])
        low, high = regions[(number // len(whole)) % len(regions)]
        damage = rng.choice(DAMAGES)
        damage(data, low, min(high, len(data)), rng)
        if rng.random() < 0.2:
            rng.choice(DAMAGES)(data, 0, max(len(data), 1), rng) if data else None
        yield (
            f"{number}: file {which}, {damage.__name__} in {low}..{high}",
            whole[which],
            bytes(data),
        )


def _try(name: str, whole: bytes, data: bytes, tally: collections.Counter[str]) -> None:
    with in_time(name), our_errors() as errors:
        for chosen in shown_levels(open_image(data, format="czi")):
            read_some(chosen)
    tally["image" if not errors else type(errors[0]).__name__] += 1
    for plane in _untouched(whole, data):
        # Damage in pixels never keeps the file from opening, nor other planes from their pixels.
        found = _plane(open_image(data, format="czi"), *plane)
        assert np.array_equal(found, _original(whole, plane)), f"{name}: {plane}"
        tally["equal planes"] += 1


def test_damaged_files_give_an_image_or_our_error() -> None:
    tally: collections.Counter[str] = collections.Counter()
    with in_memory():
        for name, whole, data in _variants(VARIANTS):
            try:
                _try(name, whole, data, tally)
            except Exception as error:
                raise AssertionError(name) from error
    assert tally["image"] > VARIANTS // 10
    assert tally["CorruptFileError"] > VARIANTS // 10
    assert tally["equal planes"] > VARIANTS // 10


@pytest.mark.parametrize("nbytes", [0, 1, 16, 31, 32, 100, 543, 544, 600])
def test_a_beginning_alone_is_refused(nbytes: int) -> None:
    data = _file("raw", tile=None, levels=1)[:nbytes]
    with pytest.raises(CorruptFileError):
        open_image(data, format="czi")


def test_a_file_without_its_directory_is_scanned() -> None:
    data = bytearray(_file("raw", tile=(16, 20), levels=2))
    whole = open_image(bytes(data))
    (directory,) = struct.unpack_from("<q", data, 84)
    data[directory : directory + 16] = bytes(16)
    handle = open_image(bytes(data))
    assert "scanned-segments" in {note.code for note in handle.diagnostics}
    assert handle.scene_names == whole.scene_names
    for index in range(2):
        assert np.array_equal(
            to_numpy(select_scene(handle, index)), to_numpy(select_scene(whole, index))
        )


def test_a_file_cut_in_its_pixels_keeps_what_is_whole() -> None:
    data = _file("raw", tile=None, levels=1)
    third = data.find(
        b"ZISRAWSUBBLOCK", data.find(b"ZISRAWSUBBLOCK", data.find(b"ZISRAWSUBBLOCK") + 1) + 1
    )
    handle = open_image(data[: third + 400])
    assert {"scanned-segments"} <= {note.code for note in handle.diagnostics}
    whole = to_numpy(transpose_to(open_image(data), "YX", T=0, C=0))
    assert np.array_equal(to_numpy(transpose_to(handle, "YX", T=0, C=0)), whole)


def test_the_offset_is_said(tmp_path: Path) -> None:
    path = tmp_path / "absurd.czi"
    blocks = [Block(np.zeros((4, 4), np.uint8), {"T": t, "Y": 0, "X": 0}) for t in (0, 1 << 28)]
    write_czi(path, blocks)
    with pytest.raises(CorruptFileError, match="at byte") as caught:
        open_image(path)
    assert caught.value.offset is not None


def test_tiles_absurdly_far_apart_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "far.czi"
    blocks = [
        Block(np.zeros((4, 4), np.uint8), {"M": m, "Y": at, "X": at})
        for m, at in enumerate((0, 1 << 30))
    ]
    write_czi(path, blocks)
    with pytest.raises(CorruptFileError, match="near each other"):
        open_image(path)


def test_a_header_alone_is_refused() -> None:
    with pytest.raises(CorruptFileError, match="subblock directory"):
        open_image(corpus_file("czi/write_roi.czi"))
