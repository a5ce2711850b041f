"""Which subblocks of a CZI are shown, scaled, or counted: nothing of a directory vanishes in silence.

The right pixels are those that were written. Rules: "ZISRAW (CZI) File Format", section 3.2 (StoredSize is
given "if sub / supersampling"); libCZI, which shows each subblock in its logical rectangle and ignores SizeM
and FilePart; czifile, which reads a subblock of several planes as it was written.
"""

import io
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import (
    CorruptFileError,
    ImageHandle,
    UnsupportedFormatError,
    open_image,
    select_level,
    select_scene,
    to_numpy,
    transpose_to,
)
from aicsio._io.readers import identify
from aicsio.formats.czi.index import read_index
from aicsio.testing.czi import Block, metadata_xml, time_stamps, write_czi

Pixels = npt.NDArray[Any]


def czi(*blocks: Block, metadata: str = "", stamps: Sequence[float] | None = None) -> bytes:
    file = io.BytesIO()
    write_czi(
        file,
        blocks,
        metadata,
        [] if stamps is None else [time_stamps([float(second) for second in stamps])],
    )
    return file.getvalue()


def noise(*shape: int, seed: int = 0, dtype: str = "uint16") -> Pixels:
    return np.random.default_rng(seed).integers(1, 250, shape).astype(dtype)


def plane(handle: ImageHandle, **picks: int) -> Pixels:
    return to_numpy(transpose_to(handle, "YX", **picks))


def notes(handle: ImageHandle) -> dict[str, str]:
    return {note.code: note.message for note in handle.diagnostics}


def at_centres(pixels: Pixels, height: int, width: int) -> Pixels:
    """The stored pixel under the centre of each shown one."""
    rows = ((np.arange(height) + 0.5) * pixels.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * pixels.shape[1] / width).astype(int)
    shown: Pixels = pixels[rows[:, None], columns]
    return shown


# ---------------------------------------------------------------- sizes other than the rectangle


@pytest.mark.parametrize("compression", ["raw", "zstd0", "zstd1-hilo", "jpegxr", "lzw"])
@pytest.mark.parametrize("stored", [(128, 96), (33, 32), (8, 8), (5, 31), (1, 1)])
def test_a_channel_of_another_size_is_scaled_into_its_rectangle(
    stored: tuple[int, int], compression: str
) -> None:
    full, other = noise(32, 32), noise(*stored, seed=1)
    handle = open_image(
        czi(
            Block(full, {"C": 0, "Y": 0, "X": 0}),
            Block(other, {"C": 1, "Y": 0, "X": 0}, (32, 32), compression),
        )
    )
    assert str(handle.dims) == "C=2, Y=32, X=32"
    assert np.array_equal(plane(handle, C=0), full)
    assert np.array_equal(plane(handle, C=1), at_centres(other, 32, 32))
    window = transpose_to(handle, "YX", C=1, Y=slice(3, 30, 4), X=slice(31, 2, -3))
    assert np.array_equal(to_numpy(window), at_centres(other, 32, 32)[3:30:4, 31:2:-3])
    assert len(handle.levels) == 1


def test_scaled_colours_stay_in_order() -> None:
    full, fine = noise(16, 16, 3, dtype="uint8"), noise(64, 64, 3, seed=1, dtype="uint8")
    handle = open_image(
        czi(
            Block(full, {"C": 0, "Y": 0, "X": 0}),
            Block(fine, {"C": 1, "Y": 0, "X": 0}, (16, 16)),
        )
    )
    shown = to_numpy(transpose_to(handle, "YXS", C=1))
    assert np.array_equal(shown, at_centres(fine, 16, 16))


def test_planes_at_a_coarser_size_are_reported() -> None:
    coarse = Block(noise(8, 8), {"Z": 1, "Y": 0, "X": 0}, (16, 16))
    handle = open_image(czi(Block(noise(16, 16), {"Z": 0, "Y": 0, "X": 0}), coarse))
    assert "1 of 2 planes are stored" in notes(handle)["scaled-planes"]


# ---------------------------------------------------------------- levels


def pyramid(image: Pixels, step: int, count: int, where: dict[str, int]) -> list[Block]:
    return [
        Block(np.ascontiguousarray(image[:: step**level, :: step**level]), where, image.shape)
        for level in range(count)
    ]


def test_each_scene_has_the_factors_of_its_own_levels() -> None:
    images = {2: noise(128, 128), 3: noise(162, 162, seed=1)}
    blocks = [
        block
        for scene, (step, image) in enumerate(images.items())
        for block in pyramid(image, step, 3, {"S": scene, "Y": 0, "X": 1000 * scene})
    ]
    handle = open_image(czi(*blocks, metadata=metadata_xml(pixel_size={"X": 0.5, "Y": 0.5})))
    for scene, (step, image) in enumerate(images.items()):
        focused = select_scene(handle, scene)
        for level in range(3):
            shown = select_level(focused, level)
            assert np.array_equal(to_numpy(shown), image[:: step**level, :: step**level])
            assert pytest.approx(0.5 * step**level) == shown.pixel_size.X


def test_steps_may_differ_within_a_scene() -> None:
    image = noise(240, 240)
    where = {"Y": 0, "X": 0}
    blocks = [
        Block(np.ascontiguousarray(image[::factor, ::factor]), where, image.shape)
        for factor in (1, 2, 12)
    ]
    handle = open_image(czi(*blocks))
    assert [level.shape for level in handle.levels] == [(240, 240), (120, 120), (20, 20)]
    assert np.array_equal(to_numpy(select_level(handle, 2)), image[::12, ::12])


def test_a_level_of_one_channel_shows_no_other_black() -> None:
    areas = [np.kron(noise(16, 16, seed=c), np.ones((8, 8), "u2")) for c in range(3)]
    blocks = [Block(area, {"C": c, "Y": 0, "X": 0}) for c, area in enumerate(areas)]
    blocks += pyramid(areas[2], 2, 3, {"C": 2, "Y": 0, "X": 0})[1:]
    handle = open_image(czi(*blocks))
    assert len(handle.levels) == 3
    for level in range(3):
        for c, area in enumerate(areas):
            shown = plane(select_level(handle, level), C=c)
            assert np.array_equal(shown, area[:: 2**level, :: 2**level])
    assert "factor 4 is missing for 2 of 3 planes" in " ".join(
        note.message for note in handle.diagnostics
    )


def test_a_scene_of_levels_alone_has_their_pixel_size() -> None:
    blocks = [
        Block(noise(32, 32), {"S": 0, "Y": 0, "X": 0}),
        Block(noise(8, 8), {"S": 1, "Y": 0, "X": 100}, (32, 32)),
    ]
    handle = open_image(czi(*blocks, metadata=metadata_xml(pixel_size={"X": 1.0, "Y": 0.5})))
    coarse = select_scene(handle, 1)
    assert (coarse.pixel_size.X, coarse.pixel_size.Y) == (4.0, 2.0)
    assert select_scene(handle, 0).pixel_size.X == 1.0


def test_size_m_multiplies_no_planes() -> None:
    image = noise(64, 64)
    corners = [(0, 0), (0, 32), (32, 0), (32, 32)]
    tiles = [
        Block(image[y : y + 32, x : x + 32], {"C": 0, "M": m, "Y": y, "X": x})
        for m, (y, x) in enumerate(corners)
    ]
    level = Block(
        np.ascontiguousarray(image[::2, ::2]),
        {"C": 0, "M": 0, "Y": 0, "X": 0},
        (64, 64),
        sizes={"M": 4},
    )
    handle = open_image(czi(*tiles, level))
    assert np.array_equal(plane(handle, C=0), image)
    assert np.array_equal(plane(select_level(handle, 1), C=0), image[::2, ::2])


# ---------------------------------------------------------------- several planes in a subblock


@pytest.mark.parametrize("compression", ["raw", "zstd0", "zstd1", "lzw"])
def test_planes_inside_one_subblock(compression: str) -> None:
    stack = noise(6, 8, 16)
    block = Block(
        stack[0],
        {"X": 0, "Y": 0, "C": 0, "Z": 0, "T": 5},
        compression=compression,
        more_planes=stack[1:],
        sizes={"Z": 2, "T": 3},
    )
    handle = open_image(czi(block))
    assert str(handle.dims) == "T=3, C=1, Z=2, Y=8, X=16"
    # The generator lists Z before T, so Z runs faster in the bytes.
    assert np.array_equal(to_numpy(handle)[:, 0], stack.reshape(3, 2, 8, 16))
    assert np.array_equal(plane(handle, T=1, C=0, Z=1), stack[3])


def test_images_cannot_hold_planes() -> None:
    two = Block(noise(8, 8), {"Z": 0, "Y": 0, "X": 0}, compression="jpegxr", sizes={"Z": 2})
    with pytest.raises(UnsupportedFormatError, match="JPEG XR stores one image"):
        open_image(czi(two))
    handle = open_image(czi(two, Block(noise(8, 8), {"Z": 4, "Y": 0, "X": 0})))
    assert "1 of 2 subblocks is left out" in notes(handle)["left-out-subblocks"]


# ---------------------------------------------------------------- entries that no file could have


def damaged(data: bytes, row: int, letter: str, field: int, value: int) -> bytes:
    """Change a field of a dimension in an entry of the directory, and in the copy at the pixels.

    Fields: 4 start, 8 size, 16 stored size.
    """
    blocks = read_index(identify(data)).subblocks
    changed = bytearray(data)
    for entry in (int(blocks.entry_position[row]), int(blocks.file_position[row]) + 48):
        (count,) = struct.unpack_from("<i", changed, entry + 28)
        names = [changed[entry + 32 + 20 * n : entry + 33 + 20 * n].decode() for n in range(count)]
        at = entry + 32 + 20 * names.index(letter) + field
        changed[at : at + 4] = struct.pack("<i", value)
    return bytes(changed)


THREE = tuple(Block(noise(8, 9, seed=z), {"Z": z, "Y": 0, "X": 0}) for z in range(3))


@pytest.mark.parametrize(
    ("letter", "field", "value", "reason"),
    [
        ("X", 8, 0, "1 with a size along X"),
        ("X", 8, -9, "1 with a size along X"),
        ("Y", 16, -1, "1 with a stored size along Y"),
        ("Y", 16, 1 << 30, "1 with a stored size along Y"),
        ("Z", 8, -2, "1 with a size along Z"),
    ],
)
def test_an_unsound_entry_is_counted_and_the_others_stay(
    letter: str, field: int, value: int, reason: str
) -> None:
    handle = open_image(damaged(czi(*THREE), 2, letter, field, value))
    assert np.array_equal(to_numpy(handle), [THREE[0].pixels, THREE[1].pixels])
    assert "1 of 3 subblocks is left out" in notes(handle)["left-out-subblocks"]
    assert reason in notes(handle)["left-out-subblocks"]


def test_what_the_directory_lost_the_subblocks_still_have() -> None:
    data = bytearray(czi(*THREE))
    entry = int(read_index(identify(bytes(data))).subblocks.entry_position[1])
    data[entry + 6 : entry + 14] = struct.pack("<q", 1 << 50)
    handle = open_image(bytes(data))
    assert np.array_equal(to_numpy(handle), [block.pixels for block in THREE])
    assert "a scan of the segments found 3 subblocks" in notes(handle)["scanned-segments"]


def test_a_directory_without_a_sound_entry_is_corrupt() -> None:
    with pytest.raises(CorruptFileError, match="expected sound subblock entries"):
        open_image(damaged(czi(THREE[0]), 0, "X", 8, 0))


def test_an_unknown_letter_is_ignored_and_reported() -> None:
    blocks = [Block(block.pixels, {**block.start, "Q": 7}) for block in THREE]
    handle = open_image(czi(*blocks))
    assert np.array_equal(to_numpy(handle), [block.pixels for block in THREE])
    assert "3 of 3 subblocks" in notes(handle)["unknown-dimension"]


# ---------------------------------------------------------------- scenes


def test_a_subblock_without_a_scene_is_not_of_the_first() -> None:
    inside, outside = noise(16, 16), noise(20, 24, seed=1)
    handle = open_image(
        czi(Block(inside, {"S": 0, "Y": 0, "X": 0}), Block(outside, {"Y": 0, "X": 0}))
    )
    assert np.array_equal(to_numpy(select_scene(handle, 0)), inside)
    assert np.array_equal(to_numpy(select_scene(handle, 1)), outside)
    assert "1 of 2 subblocks has no scene" in notes(handle)["subblocks-without-scene"]


def test_levels_without_a_scene_are_counted() -> None:
    inside = noise(16, 16)
    overview = Block(noise(8, 8), {"Y": 0, "X": 0}, (64, 64))
    handle = open_image(czi(Block(inside, {"S": 0, "Y": 0, "X": 0}), overview))
    assert len(handle.scenes) == 1
    assert "pyramid levels only" in notes(handle)["left-out-subblocks"]


# ---------------------------------------------------------------- times


def times(handle: ImageHandle) -> list[float]:
    planes = handle.scene.planes
    column = None if planes is None else planes.column("time")
    return (
        []
        if column is None
        else np.atleast_1d(column).reshape(handle.dims.get("T", 1), -1)[:, 0].tolist()
    )


def stack(t: int, z: int, scenes: int = 0) -> list[Block]:
    return [
        Block(noise(4, 4), {"T": i, "Z": j, "Y": 0, "X": 100 * s} | ({"S": s} if scenes else {}))
        for i in range(t)
        for s in range(max(scenes, 1))
        for j in range(z)
    ]


@pytest.mark.parametrize(
    ("stamps", "expected", "step"),
    [
        ([7, 17, 27], [0, 10, 20], 10),  # one a time point
        ([0, 1, 60, 61, 120, 121], [0, 60, 120], 60),  # one a plane
        ([7, 17, 0], [0, 10, np.nan], 10),  # 0 after the first: not taken
        ([0, 1, 60, 61], [], None),  # fits nothing
    ],
)
def test_a_list_of_stamps_is_taken_only_where_its_length_fits(
    stamps: Sequence[float], expected: list[float], step: float | None
) -> None:
    handle = open_image(czi(*stack(3, 2), stamps=stamps))
    assert np.array_equal(times(handle), expected, equal_nan=True)
    assert handle.time_step == step
    assert ("time-stamps-length" in notes(handle)) == (not expected)


def test_stamps_of_scenes_are_told_apart() -> None:
    handle = open_image(czi(*stack(3, 1, scenes=2), stamps=[0, 4, 60, 65, 120, 124]))
    assert times(select_scene(handle, 0)) == [0, 60, 120]
    assert times(select_scene(handle, 1)) == [0, 61, 120]


# ---------------------------------------------------------------- dates


@pytest.mark.parametrize(
    ("inside", "acquired", "code"),
    [
        ("<Document><CreationDate>2019-02-03T04:05:06</CreationDate></Document>", None, True),
        (
            "<Image><AcquisitionDateAndTime>2020-05-01T10:00:00.1234567Z</AcquisitionDateAndTime></Image>",
            "2020-05-01T10:00:00.1234567Z",
            False,
        ),
        ("<Image><AcquisitionDateAndTime>yesterday</AcquisitionDateAndTime></Image>", None, False),
    ],
)
def test_a_date_is_that_of_the_acquisition(inside: str, acquired: str | None, code: bool) -> None:
    """Bio-Formats gives no AcquisitionDate where the file has a CreationDate alone."""
    xml = f"<ImageDocument><Metadata><Information>{inside}</Information></Metadata></ImageDocument>"
    handle = open_image(czi(*THREE, metadata=xml))
    assert handle.scene.acquired == acquired
    assert ("document-date" in notes(handle)) == code


def test_the_focus_of_a_scene_is_the_z_of_its_planes() -> None:
    position = '<Positions><Position X="100.5" Y="-20.25" Z="-4.219"/></Positions>'
    xml = (
        "<ImageDocument><Metadata><Information><Image><Dimensions><S><Scenes>"
        f'<Scene Index="0" Name="P1">{position}</Scene></Scenes></S></Dimensions></Image>'
        "</Information></Metadata></ImageDocument>"
    )
    handle = open_image(czi(Block(noise(4, 4), {"S": 0, "C": 0, "Y": 0, "X": 0}), metadata=xml))
    planes = handle.scene.planes
    assert planes is not None
    assert [planes.column(name) for name in "xyz"] == [100.5, -20.25, -4.219]


@pytest.mark.parametrize("mosaic", [False, True])
def test_a_subblock_under_one_of_the_same_place_is_counted(mosaic: bool) -> None:
    """libCZI draws those of higher M, and later ones, on top: the lower one is nowhere to be seen."""
    lower, upper, beside = noise(8, 8), noise(8, 8, seed=1), noise(8, 8, seed=2)
    places = [{"C": 0, "Y": 0, "X": x} for x in (0, 0, 6)]
    if mosaic:
        places = [place | {"M": m} for m, place in enumerate(places)]
    handle = open_image(czi(*map(Block, (lower, upper, beside), places)))
    assert "1 of 3 subblocks is left out: 1 with the place" in notes(handle)["left-out-subblocks"]
    assert np.array_equal(plane(handle)[:, :6], upper[:, :6])
    # Tiles that overlap are the usual mosaic: each shows a part of itself.
    assert not notes(open_image(czi(*map(Block, (lower, beside), places[1:]))))
