"""Masks of valid pixels of subblocks.

Source of the right values: libCZI, documentation "Valid-Pixel Mask Concept" and unit test
``test_maskawarecomposition.cpp``, whose bytes and whose drawn picture stand here. pylibCZIrw and
aicspylibczi have no switch for masks.
"""

import io
import pickle
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from aicsio import open_image, open_many, select_level, to_dask, to_numpy, transpose_to
from aicsio.cli import main
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.testing.czi import Block, write_czi
from aicsio.testing.czi_encoders import CHUNKS_SCHEMA, mask_attachment
from http_server import serving

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint16]]
Valid = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def noise(*shape: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(1, 4000, shape, np.uint16)


def czi(blocks: Sequence[Block]) -> bytes:
    file = io.BytesIO()
    write_czi(file, blocks)
    return file.getvalue()


# The attachment of libCZI's unit test, byte by byte: a checkerboard that begins with a valid pixel.
LIBCZI_ATTACHMENT = bytes.fromhex(
    "67eae3cbfc5b2b49a16aece378031448 14000000 04000000 04000000 00000000 01000000 a050a050"
)
CHECKERBOARD = (np.indices((4, 4)).sum(0) % 2 == 0).astype(bool)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("compression", ["raw", "zstd1"])
def test_masked_pixels_are_not_drawn_as_libczi_draws(
    dtype: type[np.generic], compression: str
) -> None:
    low, high = np.full((4, 4), 1, dtype), np.full((4, 4), 255, dtype)
    blocks = [
        Block(low, {"C": 0, "Y": 0, "X": 0, "M": 0}, compression=compression),
        Block(
            high,
            {"C": 0, "Y": 2, "X": 2, "M": 1},
            compression=compression,
            metadata=CHUNKS_SCHEMA,
            attachment=LIBCZI_ATTACHMENT,
        ),
    ]
    data = czi(blocks)
    # The picture that libCZI's test expects, with its background 0x80 as 0 and its black as 1.
    expected = [
        [1, 1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 255, 1, 255, 0],
        [1, 1, 1, 255, 0, 255],
        [0, 0, 255, 0, 255, 0],
        [0, 0, 0, 255, 0, 255],
    ]
    handle = open_image(data, masks=True)
    assert to_numpy(handle)[0].tolist() == expected
    assert not handle.diagnostics
    # Without the request every stored pixel is drawn, as libCZI does by default.
    plain = np.array(expected)
    plain[2:, 2:] = 255
    unmasked = open_image(data)
    assert to_numpy(unmasked)[0].tolist() == plain.tolist()
    assert [note.code for note in unmasked.diagnostics] == ["subblock-masks"]


def test_the_generator_writes_the_bytes_of_libczi() -> None:
    assert mask_attachment(CHECKERBOARD) == LIBCZI_ATTACHMENT


def masked_rgb() -> tuple[bytes, Pixels, Valid]:
    pixels = noise(30, 21, 3)
    valid = noise(30, 21, seed=4) > 2000
    start = {"C": 0, "Y": -3, "X": 8}
    other = struct.pack("<16sI5s", bytes(16), 5, b"other")
    attachment = mask_attachment(valid, before=other)
    block = Block(pixels, start, metadata=CHUNKS_SCHEMA, attachment=attachment)
    return czi([block]), pixels, valid


def test_windows_steps_dask_and_pickles_of_masked_pixels() -> None:
    data, pixels, valid = masked_rgb()
    expected = np.where(valid[..., None], pixels, 0)
    handle = open_image(data, masks=True)
    assert np.array_equal(to_numpy(handle)[0], expected)
    window = transpose_to(handle, "YXS", C=0, Y=slice(3, 29, 4), X=range(15, 2, -2))
    assert np.array_equal(to_numpy(window), expected[3:29:4, 15:2:-2])
    uneven = transpose_to(handle, "YX", C=0, S=1, Y=[5, 2, 2, 20])
    assert np.array_equal(to_numpy(uneven), expected[[5, 2, 2, 20], :, 1])
    assert np.array_equal(to_dask(handle).compute()[0], expected)
    again = pickle.loads(pickle.dumps(handle))
    assert again == handle
    assert hash(again) == hash(handle)
    assert np.array_equal(to_numpy(again)[0], expected)


def test_masks_of_a_remote_file() -> None:
    data, pixels, valid = masked_rgb()
    with serving(one__czi=data) as site:
        shown = to_numpy(open_image(f"{site.url}one.czi", masks=True))[0]
    assert np.array_equal(shown, np.where(valid[..., None], pixels, 0))


def test_masks_of_levels() -> None:
    pixels, valid = noise(16, 12), noise(8, 6, seed=2) > 1500
    small = np.ascontiguousarray(pixels[::2, ::2])
    start = {"C": 0, "Y": 0, "X": 0}
    blocks = [
        Block(pixels, start),
        Block(small, start, (16, 12), metadata=CHUNKS_SCHEMA, attachment=mask_attachment(valid)),
    ]
    handle = open_image(czi(blocks), masks=True)
    assert np.array_equal(to_numpy(handle)[0], pixels)
    assert np.array_equal(to_numpy(select_level(handle, 1))[0], np.where(valid, small, 0))


def test_a_mask_of_a_scaled_subblock_is_scaled_with_it() -> None:
    small, valid = noise(4, 5), noise(4, 5, seed=1) > 2000
    blocks = [
        Block(noise(8, 10), {"C": 0, "Y": 0, "X": 0}),
        Block(
            small,
            {"C": 1, "Y": 0, "X": 0},
            (8, 10),
            metadata=CHUNKS_SCHEMA,
            attachment=mask_attachment(valid),
            pyramid_type=0,
        ),
    ]
    shown = to_numpy(open_image(czi(blocks), masks=True))[1]
    assert np.array_equal(shown, np.where(valid, small, 0).repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(("height", "width"), [(3, 9), (8, 2), (2, 2), (9, 9)])
def test_a_mask_of_another_size_is_cut_or_filled(height: int, width: int) -> None:
    """libCZI: surplus is ignored; missing pixels are not valid."""
    pixels = noise(5, 6)
    attachment = mask_attachment(np.ones((height, width), bool))
    block = Block(pixels, {"C": 0, "Y": 0, "X": 0}, metadata=CHUNKS_SCHEMA, attachment=attachment)
    expected = np.zeros_like(pixels)
    expected[:height, :width] = pixels[:height, :width]
    assert np.array_equal(to_numpy(open_image(czi([block]), masks=True))[0], expected)


@pytest.mark.parametrize(
    ("metadata", "attachment"),
    [
        (b"", LIBCZI_ATTACHMENT),
        (CHUNKS_SCHEMA.replace(b"CHUNK", b"chunk"), LIBCZI_ATTACHMENT),
        (CHUNKS_SCHEMA, struct.pack("<16sI5s", bytes(16), 5, b"other")),
        (CHUNKS_SCHEMA, b""),
    ],
)
def test_without_a_mask_all_pixels_are_valid(metadata: bytes, attachment: bytes) -> None:
    block = Block(noise(4, 4), {"C": 0, "Y": 0, "X": 0}, metadata=metadata, attachment=attachment)
    assert np.array_equal(to_numpy(open_image(czi([block]), masks=True))[0], block.pixels)


@pytest.mark.parametrize(
    ("position", "value"),
    [(16, 4000), (16, 15), (20, 1 << 31), (24, 5), (28, 1), (32, 0), (20, 0)],
    ids=["chunk", "short", "width", "height", "representation", "stride", "no-width"],
)
def test_a_damaged_mask_is_an_error(position: int, value: int) -> None:
    attachment = bytearray(LIBCZI_ATTACHMENT)
    attachment[position : position + 4] = struct.pack("<I", value)
    start = {"C": 0, "Y": 0, "X": 0}
    block = Block(noise(4, 4), start, metadata=CHUNKS_SCHEMA, attachment=bytes(attachment))
    handle = open_image(czi([block]), masks=True)
    with pytest.raises(CorruptFileError, match="mask"):
        to_numpy(handle)


def test_the_library_applies_no_masks(tmp_path: Path) -> None:
    pytest.importorskip("aicspylibczi")
    path = tmp_path / "one.czi"
    path.write_bytes(masked_rgb()[0])
    with pytest.raises(UnsupportedFormatError, match="masks"):
        open_image(path, engine="aicspylibczi", masks=True)


@pytest.mark.parametrize("check", ["all", "first"])
def test_masks_of_many_files(tmp_path: Path, check: Literal["all", "first"]) -> None:
    """Each file shows what it shows alone."""
    alone = []
    for number in range(3):
        block = Block(
            noise(4, 4, seed=number),
            {"C": 0, "Y": 0, "X": 0},
            metadata=CHUNKS_SCHEMA,
            attachment=LIBCZI_ATTACHMENT,
        )
        write_czi(tmp_path / f"a_{number}.czi", [block])
        alone.append(to_numpy(open_image(tmp_path / f"a_{number}.czi", masks=True)))
    assert (alone[0][..., ~CHECKERBOARD] == 0).all()
    pattern = str(tmp_path / "a_*.czi")
    whole = to_numpy(open_many(pattern, check=check))
    masked = to_numpy(open_many(pattern, masks=True, check=check))
    np.testing.assert_array_equal(masked, np.stack(alone))
    np.testing.assert_array_equal(masked, np.where(CHECKERBOARD, whole, 0))


def test_masks_in_a_shell(tmp_path: Path) -> None:
    block = Block(
        noise(4, 4),
        {"C": 0, "Y": 0, "X": 0},
        metadata=CHUNKS_SCHEMA,
        attachment=LIBCZI_ATTACHMENT,
    )
    write_czi(tmp_path / "a.czi", [block])
    for options, valid in (([], True), (["--masks"], CHECKERBOARD)):
        output = tmp_path / f"a{len(options)}.ome.tiff"
        assert main(["convert", *options, str(tmp_path / "a.czi"), str(output)]) == 0
        written = to_numpy(open_image(output)).reshape(4, 4)
        np.testing.assert_array_equal(written, np.where(valid, noise(4, 4), 0))
