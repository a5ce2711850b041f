"""CZI by generated files: what is written is read, by the native engine, by aicspylibczi, and by readers of others."""

import importlib.util
import io
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest

from aicsio import (
    CorruptFileError,
    ImageHandle,
    MissingDependencyError,
    PixelSize,
    SceneError,
    UnsupportedFormatError,
    _codecs,
    open_image,
    select_level,
    select_scene,
    to_dask,
    to_numpy,
    transpose_to,
)
from aicsio._engine import pieces
from aicsio._io.readers import identify
from aicsio.attachments import list_attachments, list_events, read_attachment
from aicsio.cli import main
from aicsio.formats.czi.index import read_index
from aicsio.records import Computed, Encoded, Strided
from aicsio.testing.czi import (
    COMPRESSIONS,
    PIXEL_TYPES,
    Block,
    blocks_of,
    metadata_xml,
    time_stamps,
    write_czi,
)
from aicsio.verify import verify
from support import corpus_file

Pixels = npt.NDArray[Any]


def made(blocks: Any, *arguments: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    write_czi(file, blocks, *arguments, **options)
    return file.getvalue()


def image(shape: tuple[int, ...], dtype: str = "uint16", seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    if dtype.startswith("complex"):
        return (rng.random(shape) + 1j * rng.random(shape)).astype(dtype)
    if dtype.startswith("float"):
        return rng.random(shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, endpoint=True, dtype=dtype)


def codes(handle: ImageHandle) -> set[str]:
    return {note.code for note in handle.diagnostics}


# ---------------------------------------------------------------- pixel types and compressions


LOSSLESS = [
    (dtype, samples, compression)
    for dtype, samples in PIXEL_TYPES
    for compression in COMPRESSIONS
    if compression != "jpeg"
    and (compression != "jpegxr" or dtype in {"uint8", "uint16"})
    and (compression != "zstd1-hilo" or dtype == "uint16")
]


@pytest.mark.parametrize(("dtype", "samples", "compression"), LOSSLESS)
@pytest.mark.parametrize("tile", [None, (16, 20)])
def test_every_pixel_type_and_compression(
    dtype: str, samples: int, compression: str, tile: tuple[int, int] | None
) -> None:
    pixels = image((2, 3, 33, 47) + ((samples,) if samples > 1 else ()), dtype)
    dims = "TCYX" + "S" * (samples > 1)
    blocks = blocks_of(
        pixels,
        dims,
        tile=tile,
        overlap=3 if tile else 0,
        levels=2,
        origin=(-5, 7),
        compression=compression,
    )
    handle = open_image(made(blocks))
    assert handle.dims.order == dims
    assert handle.dtype == pixels.dtype
    assert np.array_equal(to_numpy(handle), pixels)
    assert np.array_equal(to_numpy(select_level(handle, 1)), pixels[:, :, ::2, ::2])
    assert handle.channels[0].samples == samples


def test_jpeg_is_near() -> None:
    ramp = np.add.outer(np.arange(64), np.arange(80)).astype("uint8")
    gray = to_numpy(open_image(made([Block(ramp, {"C": 0, "Y": 0, "X": 0}, compression="jpeg")])))[
        0
    ]
    assert np.abs(gray.astype(int) - ramp).max() <= 8
    color = np.stack([ramp, ramp // 2, 255 - ramp], axis=-1)
    seen = to_numpy(open_image(made([Block(color, {"C": 0, "Y": 0, "X": 0}, compression="jpeg")])))[
        0
    ]
    assert np.abs(seen.astype(int) - color).max() <= 24
    assert np.abs(seen.astype(int) - color).mean() < 4


def test_bytes_of_a_wrong_size_are_refused() -> None:
    data = made([Block(image((16, 16)), {"C": 0, "Y": 0, "X": 0})])
    at = data.find(b"ZISRAWSUBBLOCK") + 32 + 8
    short = data[:at] + (100).to_bytes(8, "little") + data[at + 8 :]
    with pytest.raises(CorruptFileError, match="it has 100"):
        to_numpy(open_image(short))


def with_compression(data: bytes, number: int) -> bytes:
    """Change what the directory and the subblocks say of their compression."""
    whole = bytearray(data)
    at = whole.find(b"DV")
    while at >= 0:
        whole[at + 18 : at + 22] = number.to_bytes(4, "little")
        at = whole.find(b"DV", at + 52)
    return bytes(whole)


def test_unpublished_compressions_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    strange = with_compression(made([Block(image((16, 16)), {"C": 0, "Y": 0, "X": 0})]), 504)
    with pytest.raises(UnsupportedFormatError, match="compression 504"):
        open_image(strange, engine="native")
    path = tmp_path / "strange.czi"
    path.write_bytes(strange)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(
        MissingDependencyError, match=r"compression 504.*pip install 'aicsio\[aicspylibczi\]'"
    ):
        open_image(path, format="czi")


def test_what_no_engine_reads_is_said_when_opening(tmp_path: Path) -> None:
    pytest.importorskip("aicspylibczi")
    strange = with_compression(made([Block(image((16, 16)), {"C": 0, "Y": 0, "X": 0})]), 504)
    path = tmp_path / "strange.czi"
    path.write_bytes(strange)
    with pytest.raises(UnsupportedFormatError, match=r"compression 504 .* aicspylibczi failed"):
        open_image(path)
    with pytest.raises(UnsupportedFormatError, match="local files"):
        open_image(strange)


def test_the_second_engine_takes_what_the_first_declines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("aicspylibczi")
    pixels = image((2, 30, 41))
    path = tmp_path / "made.czi"
    write_czi(
        path, blocks_of(pixels, "CYX", compression="zstd1-hilo"), metadata_xml(channels=["a", "b"])
    )
    monkeypatch.setattr(_codecs, "has_library", lambda name: name != "zstd")
    handle = open_image(path)
    assert np.array_equal(to_numpy(handle), pixels)
    assert handle.channel_names == ("a", "b")
    assert any(
        note.code == "second-engine" and "zstd1" in note.message for note in handle.diagnostics
    )
    assert {type(piece) for piece in pieces(handle.array)} == {Computed}
    with pytest.raises(UnsupportedFormatError, match="built without"):
        open_image(path, engine="native")


def test_libraries_of_imagecodecs_are_seen_without_importing_it() -> None:
    assert all(_codecs.has_library(name) for name in ("jpeg8", "jpegxr", "zstd", "tiff"))
    assert not _codecs.has_library("nothing")


# ---------------------------------------------------------------- dims


def test_all_dimensions_are_kept() -> None:
    sizes = dict(zip("BHIVRTCZ", (2, 2, 1, 2, 1, 2, 2, 3), strict=True))
    shape = (*sizes.values(), 6, 7)
    pixels = image(shape)
    order = list(np.random.default_rng(3).permutation(int(np.prod(shape[:-2]))))
    blocks = list(blocks_of(pixels, "BHIVRTCZYX", scene=4))
    handle = open_image(made([blocks[i] for i in order]))
    assert handle.dims.order == "BHIVRTCZYX"
    assert np.array_equal(to_numpy(handle), pixels)
    assert np.array_equal(
        to_numpy(transpose_to(handle, "XY", **dict.fromkeys("BHVTCZ", 1))),
        pixels[1, 1, 0, 1, 0, 1, 1, 1].T,
    )


def test_missing_planes_read_as_zero_and_are_counted() -> None:
    pixels = image((3, 2, 8, 9))
    blocks = [
        b for b in blocks_of(pixels, "TCYX") if (b.start["T"], b.start["C"]) not in {(1, 0), (2, 1)}
    ]
    handle = open_image(made(blocks))
    expected = pixels.copy()
    expected[1, 0] = expected[2, 1] = 0
    assert np.array_equal(to_numpy(handle), expected)
    assert any("2 of 6 planes" in note.message for note in handle.diagnostics)


def test_a_subblock_may_hold_several_planes() -> None:
    pixels = image((4, 8, 9))
    block = Block(pixels.reshape(32, 9), {"Z": 0, "Y": 0, "X": 0})
    data = made([block])
    for base in (data.find(b"DV", data.find(b"ZISRAWDIRECTORY")), data.find(b"DV")):
        y, z = base + 52, base + 72
        data = data[: z + 8] + (4).to_bytes(4, "little") + data[z + 12 :]
        data = data[: z + 16] + (4).to_bytes(4, "little") + data[z + 20 :]
        data = data[: y + 8] + (8).to_bytes(4, "little") + data[y + 12 :]
        data = data[: y + 16] + (8).to_bytes(4, "little") + data[y + 20 :]
    assert np.array_equal(to_numpy(open_image(data)), pixels)


def test_channels_of_different_types_share_an_array() -> None:
    small, wide = image((8, 9), "uint8"), image((8, 9), "uint16")
    handle = open_image(
        made([Block(small, {"C": 0, "Y": 0, "X": 0}), Block(wide, {"C": 1, "Y": 0, "X": 0})])
    )
    assert handle.dtype == np.uint16
    assert np.array_equal(to_numpy(handle), np.stack([small.astype("uint16"), wide]))
    assert "mixed-pixel-types" in codes(handle)


@pytest.mark.parametrize("compression", ["raw", "zstd1"])
def test_gray_beside_rgb_fills_all_samples(compression: str) -> None:
    gray, color = image((8, 9), "uint8"), image((8, 9, 3), "uint8")
    blocks = [
        Block(gray, {"C": 0, "Y": 0, "X": 0}, compression=compression),
        Block(color, {"C": 1, "Y": 0, "X": 0}, compression=compression),
    ]
    seen = to_numpy(open_image(made(blocks)))
    assert np.array_equal(seen[0], np.repeat(gray[..., None], 3, axis=2))
    assert np.array_equal(seen[1], color)


# ---------------------------------------------------------------- scenes


def test_scenes_have_shapes_names_and_channels_of_their_own() -> None:
    one, two, three = image((2, 2, 8, 9)), image((1, 2, 5, 30)), image((2, 1, 12, 7))
    blocks = [
        *blocks_of(one, "TCYX", scene=0, origin=(0, 0)),
        *blocks_of(two, "TCYX", scene=1, origin=(500, -80)),
        *(
            attrs.evolve(b, start={**b.start, "C": 1})
            for b in blocks_of(three, "TCYX", scene=3, origin=(-9000, 70000))
        ),
    ]
    xml = metadata_xml(channels=["DAPI", "GFP"], scenes=["A1", None, "unused", "A1"])
    handle = open_image(made(blocks, xml))
    assert handle.scene_names == ("A1", "Image:1", "A1")
    for index, expected in enumerate((one, two, three)):
        assert np.array_equal(to_numpy(select_scene(handle, index)), expected)
    assert select_scene(handle, 2).channel_names == ("GFP",)
    assert handle.channel_names == ("DAPI", "GFP")


def test_a_scene_alone_keeps_its_number() -> None:
    handle = open_image(
        made(blocks_of(image((8, 9)), "YX", scene=7), metadata_xml(scenes=[*"abcdefgh"]))
    )
    assert handle.scene_names == ("h",)


def moved(data: bytes, *rows: int) -> bytes:
    """Entries of the directory whose subblocks are not at their position: that of the file header."""
    blocks = read_index(identify(data)).subblocks
    changed = bytearray(data)
    for row in rows:
        entry = int(blocks.entry_position[row])
        changed[entry + 6 : entry + 14] = struct.pack("<q", 0)
    return bytes(changed)


def test_parts_in_other_files_are_reported() -> None:
    """In a set of files, the position of an entry of another part is one in that other file."""
    pixels = image((2, 8, 9))
    blocks = [attrs.evolve(b, file_part=b.start["T"]) for b in blocks_of(pixels, "TYX")]
    data = made(blocks)
    handle = open_image(moved(data, 1))
    assert "missing-file-parts" in codes(handle)
    assert np.array_equal(to_numpy(handle), pixels[:1])
    with pytest.raises(UnsupportedFormatError, match="other files of the set"):
        open_image(moved(made(blocks[1:]), 0))


def test_a_part_number_alone_does_not_hide_a_subblock() -> None:
    """FilePart is reserved (ZISRAW section 3.2), and libCZI ignores it: the subblock lies here."""
    pixels = image((2, 8, 9))
    blocks = [attrs.evolve(b, file_part=b.start["T"]) for b in blocks_of(pixels, "TYX")]
    for file_part, some in ((0, blocks), (1, blocks), (0, blocks[1:])):
        handle = open_image(made(some, file_part=file_part))
        assert np.array_equal(to_numpy(handle), pixels[-len(some) :])
        assert "missing-file-parts" not in codes(handle)


# ---------------------------------------------------------------- mosaics


def test_later_tiles_cover_earlier_ones_whatever_their_order_in_the_file() -> None:
    rng = np.random.default_rng(5)
    tiles = [
        (int(y), int(x), image((12, 16), seed=m))
        for m, (y, x) in enumerate(rng.integers(-40, 40, (30, 2)))
    ]
    blocks = [
        Block(pixels, {"C": 0, "M": m, "Y": y, "X": x}) for m, (y, x, pixels) in enumerate(tiles)
    ]
    handle = open_image(made([blocks[i] for i in rng.permutation(30)]))
    top, left = min(y for y, _, _ in tiles), min(x for _, x, _ in tiles)
    canvas = np.zeros(
        (max(y for y, _, _ in tiles) + 12 - top, max(x for _, x, _ in tiles) + 16 - left), "uint16"
    )
    for y, x, pixels in tiles:
        canvas[y - top : y - top + 12, x - left : x - left + 16] = pixels
    assert np.array_equal(to_numpy(handle)[0], canvas)
    table = handle.scene.tiles
    assert table is not None
    assert len(table) == 30
    assert np.frombuffer(table.y, "<i4").tolist() == [y - top for y, _, _ in tiles]


def test_channels_may_be_shifted_against_each_other() -> None:
    one, two = image((8, 9)), image((8, 9), seed=1)
    handle = open_image(
        made([Block(one, {"C": 0, "Y": 0, "X": 0}), Block(two, {"C": 1, "Y": -2, "X": 3})])
    )
    seen = to_numpy(handle)
    assert seen.shape == (2, 10, 12)
    assert np.array_equal(seen[0, 2:, :9], one)
    assert np.array_equal(seen[1, :8, 3:], two)
    assert not seen[0, :2].any()


def test_tiles_are_kept_apart_on_request() -> None:
    pixels = image((2, 40, 52))
    data = made(blocks_of(pixels, "CYX", scene=0, tile=(16, 20), overlap=2, levels=2))
    apart = open_image(data, mosaic="tiles")
    stitched = open_image(data)
    assert apart.dims.order == "MCYX"
    assert len(apart.levels) == 1
    table = apart.scene.tiles
    assert table is not None
    again = np.zeros_like(pixels)
    cut = to_numpy(apart)
    columns = (
        np.frombuffer(column, "<i4")
        for column in (table.m, table.y, table.x, table.height, table.width)
    )
    for m, y, x, height, width in zip(*columns, strict=True):
        again[:, y : y + height, x : x + width] = cut[m, :, :height, :width]
    assert np.array_equal(again, pixels)
    assert np.array_equal(to_numpy(stitched), pixels)


def test_a_window_reads_the_tiles_that_it_touches_and_no_others() -> None:
    pixels = image((400, 500), "uint8")
    handle = open_image(made(blocks_of(pixels, "YX", tile=(50, 50), overlap=5)))
    window = transpose_to(handle, "YX", Y=slice(100, 110), X=slice(200, 210))
    touched = list(pieces(window.array))
    assert len(touched) == 1
    assert np.array_equal(to_numpy(window), pixels[100:110, 200:210])
    corner = transpose_to(handle, "YX", Y=slice(40, 60), X=slice(40, 60))
    assert len(list(pieces(corner.array))) <= 4
    assert np.array_equal(to_numpy(corner), pixels[40:60, 40:60])


def test_dask_takes_blocks_of_a_mosaic() -> None:
    pixels = image((2, 200, 300))
    handle = open_image(
        made(blocks_of(pixels, "CYX", tile=(64, 64), overlap=6, compression="zstd1"))
    )
    assert np.array_equal(
        to_dask(handle, chunks={"Y": 70, "X": 90}).compute(scheduler="threads"), pixels
    )


# ---------------------------------------------------------------- pyramids


@pytest.mark.parametrize("shape", [(64, 64), (33, 47), (101, 7), (9, 9)])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_levels_keep_the_proportion(shape: tuple[int, int], tile: tuple[int, int] | None) -> None:
    pixels = image((2, *shape), "uint8")
    handle = open_image(
        made(
            blocks_of(pixels, "CYX", scene=1, tile=tile, levels=3, origin=(-77, 1234)),
            metadata_xml(pixel_size={"X": 2.0, "Y": 2.0}),
        )
    )
    assert [level.shape for level in handle.levels] == [
        pixels[:, :: 2**n, :: 2**n].shape for n in range(3)
    ]
    for level in range(3):
        focused = select_level(handle, level)
        assert np.array_equal(to_numpy(focused), pixels[:, :: 2**level, :: 2**level])
        wide = focused.pixel_size.X
        assert wide == pytest.approx(2.0 * shape[1] / focused.dims.X)


def test_floor_and_ceil_encoders_both_fit() -> None:
    pixels = image((33, 47), "uint8")
    for small in (pixels[::2, ::2], pixels[:32:2, :46:2]):
        blocks = [
            Block(pixels, {"Y": 0, "X": 0}),
            Block(np.ascontiguousarray(small), {"Y": 0, "X": 0}, (33, 47)),
        ]
        handle = open_image(made(blocks))
        assert np.array_equal(to_numpy(select_level(handle, 1)), small)


def test_levels_without_full_resolution_are_an_image() -> None:
    blocks = [
        Block(image((16, 20)), {"Y": 0, "X": 0}, (32, 40)),
        Block(image((8, 10)), {"Y": 0, "X": 0}, (32, 40)),
    ]
    handle = open_image(made(blocks))
    assert [level.shape for level in handle.levels] == [(16, 20), (8, 10)]
    assert "no-full-resolution" in codes(handle)


# ---------------------------------------------------------------- metadata and attachments


def test_channel_names_fall_back() -> None:
    pixels = image((4, 8, 9))
    xml = (
        "<ImageDocument><Metadata><Information><Image><Dimensions><Channels>"
        '<Channel Id="Channel:0" Name="named"/><Channel Id="Channel:1"/><Channel Id="Channel:2">'
        "<Fluor>dyed</Fluor></Channel>"
        '<Channel Id="Channel:3"/></Channels></Dimensions></Image></Information><DisplaySetting><Channels>'
        '<Channel Id="Channel:1" Name="shown"><Color>#FF0080FF</Color></Channel>'
        "</Channels></DisplaySetting></Metadata></ImageDocument>"
    )
    handle = open_image(made(blocks_of(pixels, "CYX"), xml))
    assert handle.channel_names == ("named", "shown", "dyed", "Channel:3")
    assert handle.channels[1].color == 0x0080FFFF


COLORED = (
    "<ImageDocument><Metadata><Information><Image><Dimensions><Channels>"
    '<Channel Id="Channel:0"><Color>#FF00FFFF</Color></Channel>'
    '<Channel Id="Channel:1"><Color>#FF112233</Color></Channel><Channel Id="Channel:2"/>'
    "</Channels></Dimensions></Image></Information><DisplaySetting><Channels>"
    '<Channel Id="Channel:0"><Color>#FF00FF00</Color></Channel>'
    '<Channel Id="Channel:1"/><Channel Id="Channel:2"><Color>#00FF8000</Color></Channel>'
    "</Channels></DisplaySetting></Metadata></ImageDocument>"
)


def test_a_color_is_that_of_the_display_and_never_invisible() -> None:
    """As ZEN and libCZI draw it; a contradiction is reported. Alpha 0 would draw nothing."""
    handle = open_image(made(blocks_of(image((3, 8, 9)), "CYX"), COLORED))
    assert [channel.color for channel in handle.channels] == [0x00FF00FF, 0x112233FF, 0xFF8000FF]
    notes = [note for note in handle.diagnostics if note.code == "channel-color"]
    assert [note.where for note in notes] == ["Channel:0"]
    assert "#FF00FFFF" in notes[0].message


def test_a_real_file_whose_display_was_changed() -> None:
    """DisplaySetting has #FF00FF00 for the second channel, Information #FF00FFFF."""
    handle = open_image(corpus_file("czi/LLS7_small.czi"))
    assert [channel.color for channel in handle.channels] == [0xFF00FFFF, 0x00FF00FF]
    assert [n.where for n in handle.diagnostics if n.code == "channel-color"] == ["Channel:1"]


def test_missing_facts_are_none() -> None:
    for xml in (None, "", "<ImageDocument><Metadata/></ImageDocument>", "<not xml"):
        handle = open_image(made(blocks_of(image((2, 8, 9)), "CYX"), xml))
        assert handle.pixel_size == PixelSize()
        assert handle.channel_names == ("Channel:0", "Channel:1")
        assert handle.scene.objective is None
    assert "corrupt-metadata" in codes(handle)


def test_an_exposure_of_0_is_none() -> None:
    """Bio-Formats gives no ExposureTime for it, either."""
    channel = '<Channel Id="Channel:{}"><ExposureTime>{}</ExposureTime></Channel>'
    listed = channel.format(0, 0) + channel.format(1, 50_000_000)
    xml = (
        "<ImageDocument><Metadata><Information><Image><Dimensions><Channels>"
        f"{listed}</Channels></Dimensions></Image></Information></Metadata></ImageDocument>"
    )
    planes = open_image(made(blocks_of(image((2, 8, 9)), "CYX"), xml)).scene.planes
    assert planes is not None
    assert np.array_equal(np.ravel(planes.column("exposure")), [np.nan, 0.05], equal_nan=True)  # type: ignore[arg-type]


def test_entities_are_not_expanded() -> None:
    bomb = (
        '<!DOCTYPE x [<!ENTITY a "aaaa">]><ImageDocument><Metadata>&a;</Metadata></ImageDocument>'
    )
    handle = open_image(made(blocks_of(image((8, 9)), "YX"), bomb))
    assert "corrupt-metadata" in codes(handle)
    assert handle.metadata == bomb


def test_sizes_are_micrometres() -> None:
    handle = open_image(
        made(
            blocks_of(image((2, 8, 9)), "ZYX"),
            metadata_xml(pixel_size={"X": 0.25, "Y": 0.5, "Z": 2.0}),
        )
    )
    assert tuple(handle.pixel_size) == pytest.approx((2.0, 0.5, 0.25))


def test_attachments_are_read_when_asked() -> None:
    inside = made(blocks_of(image((4, 4)), "YX"))
    data = made(
        blocks_of(image((3, 8, 9)), "TYX"),
        metadata_xml(),
        [
            ("Label", "CZI", inside),
            time_stamps([10.0, 12.5, 15.0]),
            ("Thumbnail", "JPG", b"jpeg bytes"),
        ],
    )
    handle = open_image(data)
    assert len(handle.scenes) == 1
    assert [one.name for one in list_attachments(handle)] == ["Label", "TimeStamps", "Thumbnail"]
    assert read_attachment(handle, "thumbnail") == b"jpeg bytes"
    assert np.array_equal(to_numpy(open_image(read_attachment(handle, "Label"))), image((4, 4)))
    assert handle.time_step == pytest.approx(2.5)
    planes = handle.scene.planes
    assert planes is not None
    column = planes.column("time")
    assert column is not None
    assert column.tolist() == [0.0, 2.5, 5.0]  # times count from the first plane
    assert list_events(handle) == ()
    with pytest.raises(SceneError, match="'Label', 'TimeStamps'"):
        read_attachment(handle, "nothing")


# ---------------------------------------------------------------- records


def test_handles_pickle_and_stay_small() -> None:
    blocks = [
        Block(np.zeros((2, 2), np.uint8), {"C": 0, "M": m, "Y": m // 100 * 2, "X": m % 100 * 2})
        for m in range(10_000)
    ]
    handle = open_image(made(blocks))
    travelled = pickle.loads(
        pickle.dumps(attrs.evolve(handle, source=attrs.evolve(handle.source, content=b"")))
    )
    assert travelled.array.dims == handle.array.dims
    one = attrs.evolve(handle.source, content=b"", local=False)
    layout: Any = attrs.evolve(handle.array.layout, source=one)  # type: ignore[misc]
    assert len(pickle.dumps((layout, handle.scene.tiles))) < 400_000
    assert hash(handle) == hash(handle)


def test_pieces_are_data() -> None:
    pixels = image((2, 8, 9, 3), "uint8")
    raw = open_image(made(blocks_of(pixels, "CYXS")))
    coded = open_image(made(blocks_of(pixels, "CYXS", compression="zstd0")))
    assert {type(piece) for piece in pieces(raw.array)} == {Strided}
    assert {type(piece) for piece in pieces(coded.array)} == {Encoded}
    assert {hash(piece) for piece in pieces(raw.array)}


# ---------------------------------------------------------------- readers of others


@pytest.fixture(params=["plain", "mosaic", "pyramid", "scenes", "rgb", "zstd1"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Pixels]:
    makers: dict[str, Callable[[], tuple[Pixels, Any]]] = {
        "plain": lambda: ((p := image((2, 3, 8, 9))), blocks_of(p, "TCYX")),
        "mosaic": lambda: (
            (p := image((2, 60, 70))),
            blocks_of(p, "CYX", scene=0, tile=(32, 32), overlap=4),
        ),
        "pyramid": lambda: (
            (p := image((2, 60, 70))),
            blocks_of(p, "CYX", tile=(32, 32), levels=2),
        ),
        "scenes": lambda: (
            (p := image((2, 8, 9))),
            [*blocks_of(p, "CYX", scene=0), *blocks_of(p, "CYX", scene=1, origin=(0, 90))],
        ),
        "rgb": lambda: ((p := image((2, 8, 9, 3), "uint8")), blocks_of(p, "CYXS")),
        "zstd1": lambda: ((p := image((2, 30, 41))), blocks_of(p, "CYX", compression="zstd1-hilo")),
    }
    pixels, blocks = makers[request.param]()
    path = tmp_path / "made.czi"
    write_czi(path, blocks, metadata_xml(channels=["a", "b", "c"]))
    return path, pixels


def test_aicspylibczi_reads_what_the_generator_writes(written: tuple[Path, Pixels]) -> None:
    pytest.importorskip("aicspylibczi")
    path, pixels = written
    assert np.array_equal(to_numpy(open_image(path, engine="aicspylibczi")), pixels)
    report = verify(path)
    assert report.agrees, str(report)


def test_pylibczirw_reads_what_the_generator_writes(written: tuple[Path, Pixels]) -> None:
    czi = pytest.importorskip("pylibCZIrw.czi")
    path, _ = written
    handle = open_image(path)
    with czi.open_czi(str(path)) as other:
        for c in range(handle.dims.C):
            scene = None if len(handle.scenes) == 1 else 0
            seen = other.read(plane={"C": c, "Z": 0, "T": 0}, scene=scene)
            mine = to_numpy(
                transpose_to(
                    handle,
                    "YXS" if "S" in handle.dims else "YX",
                    C=c,
                    **({"T": 0} if "T" in handle.dims else {}),
                )
            )
            assert np.array_equal(
                seen.reshape(mine.shape)[..., ::-1]
                if "S" in handle.dims
                else seen.reshape(mine.shape),
                mine,
            )


def test_engines_are_named() -> None:
    data = made(blocks_of(image((8, 9)), "YX"))
    with pytest.raises(UnsupportedFormatError, match="native, aicspylibczi"):
        open_image(data, engine="other")  # type: ignore[arg-type]


def test_the_second_engine_may_be_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "aicspylibczi", None)
    path = tmp_path / "made.czi"
    write_czi(path, blocks_of(image((8, 9)), "YX"))
    with pytest.raises(MissingDependencyError, match="pip install 'aicsio\\[aicspylibczi\\]'"):
        open_image(path, engine="aicspylibczi")


def test_lying_heads_never_reach_the_library(tmp_path: Path) -> None:
    pytest.importorskip("aicspylibczi")
    path = tmp_path / "lying.czi"
    write_czi(path, blocks_of(image((8, 9)), "YX"))
    data = path.read_bytes()
    at = data.find(b"ZISRAWSUBBLOCK") + 40
    path.write_bytes(data[:at] + (1 << 40).to_bytes(8, "little") + data[at + 8 :])
    with pytest.raises(CorruptFileError):
        open_image(path, engine="aicspylibczi")


@pytest.mark.filterwarnings("ignore")
def test_czifile_reads_what_the_generator_writes(written: tuple[Path, Pixels]) -> None:
    czifile = pytest.importorskip("czifile")
    path, pixels = written
    if len(open_image(path).scenes) > 1:
        pytest.skip("czifile shows scenes as one array")
    try:
        with czifile.CziFile(str(path)) as other:
            seen = other.asarray()
    except (KeyError, ValueError) as error:
        pytest.skip(f"this czifile lacks the codec: {error!r}")
    assert np.array_equal(seen.reshape(pixels.shape), pixels)


def test_the_command_says_whether_engines_agree(
    written: tuple[Path, Pixels], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("aicspylibczi")
    path, _ = written
    assert main(["verify", str(path)]) == 0
    assert "are the same through native and aicspylibczi" in capsys.readouterr().out
    broken = tmp_path / "broken.czi"
    broken.write_bytes(path.read_bytes()[:200])
    assert main(["verify", str(broken)]) == 1
