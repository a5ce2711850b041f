"""What programs write into TIFF: ImageJ, tifffile, Micro-Manager, ScanImage, and what tifffile sorts for us."""

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from lxml import etree

from aicsio import (
    AicsioError,
    open_image,
    provenance,
    select_level,
    select_scene,
    to_numpy,
    transpose_to,
)
from aicsio.formats._tiff.dialects.imagej import parse_description
from aicsio.formats._tiff.dialects.marks import parse_shaped as parse_json
from aicsio.formats._tiff.dialects.ndtiff import parse_index
from aicsio.testing.segments import Storage
from aicsio.testing.tiff_bytes import ASCII, TagEntry, make_page, write_pages
from support import corpus_file

Array = npt.NDArray[Any]


def counting(*shape: int, dtype: str = "u2") -> Array:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


# ---------------------------------------------------------------- ImageJ


def test_imagej_hyperstack(tmp_path: Path) -> None:
    pixels = counting(2, 3, 4, 5, 6)
    metadata = {"axes": "TZCYX", "spacing": 1.5, "unit": "um", "finterval": 2.0}
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, imagej=True, resolution=(2.0, 4.0), metadata=metadata
    )
    handle = open_image(tmp_path / "a.tif")
    assert str(handle.dims) == "T=2, Z=3, C=4, Y=5, X=6"
    assert to_numpy(handle).tobytes() == pixels.tobytes()
    assert tuple(handle.pixel_size) == (1.5, 0.25, 0.5)
    assert handle.time_step == 2.0
    assert handle.metadata is not None
    assert handle.metadata.startswith("ImageJ=")


def test_imagej_with_a_directory_for_each_plane() -> None:
    pixels = counting(6, 5, 4, dtype="u1")
    text = b"ImageJ=1.54\nimages=6\nchannels=2\nslices=3\nhyperstack=true\n\0"
    pages = [
        make_page(plane[..., None], Storage(), [TagEntry(270, ASCII, text)] if not i else [])
        for i, plane in enumerate(pixels)
    ]
    handle = open_image(write_pages(pages))
    assert str(handle.dims) == "Z=3, C=2, Y=5, X=4"
    assert to_numpy(handle).tobytes() == pixels.tobytes()


def test_imagej_beyond_4_gib_with_one_directory(tmp_path: Path) -> None:
    planes, side = 4200, 1024  # 4.1 GiB of bytes; the file is sparse
    text = f"ImageJ=1.54\nimages={planes}\nslices={planes}\nunit=micron\n\0".encode()
    start = 512
    tags = [
        (256, 4, 1, side),
        (257, 4, 1, side),
        (258, 3, 1, 8),
        (262, 3, 1, 1),
        (270, 2, len(text), 256),
    ]
    tags += [(273, 4, 1, start), (277, 3, 1, 1), (278, 4, 1, side), (279, 4, 1, side * side)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + struct.pack("<I", 0)
    path = tmp_path / "big.tif"
    with path.open("wb") as file:
        file.write(head.ljust(256, b"\0") + text)
        file.truncate(start + planes * side * side)
        file.seek(start + (planes - 1) * side * side)
        file.write(b"\7" * side)
    handle = open_image(path)
    assert str(handle.dims) == f"Z={planes}, Y={side}, X={side}"
    assert (to_numpy(transpose_to(handle, "X", Z=-1, Y=0)) == 7).all()
    assert not to_numpy(transpose_to(handle, "X", Z=-2, Y=0)).any()


@pytest.mark.parametrize(
    ("text", "dims"),
    [
        ("images=7\nslices=7", "Z=3, Y=5, X=4"),  # more than there are
        ("images=3\nslices=3", "Z=3, Y=5, X=4"),
        ("images=3", "Z=3, Y=5, X=4"),
        ("", "Z=3, Y=5, X=4"),
        ("images=3\nframes=3\nslices=-1\nchannels=x", "T=3, Y=5, X=4"),
    ],
)
def test_imagej_sizes_are_those_of_the_file(text: str, dims: str) -> None:
    pixels = counting(3, 5, 4, dtype="u1")
    description = TagEntry(270, ASCII, f"ImageJ=1.54\n{text}\n\0".encode())
    pages = [
        make_page(plane[..., None], Storage(), [description] if not i else [])
        for i, plane in enumerate(pixels)
    ]
    handle = open_image(write_pages(pages))
    assert str(handle.dims) == dims
    assert to_numpy(handle).tobytes() == pixels.tobytes()


def test_imagej_description_keys() -> None:
    assert parse_description("ImageJ=1.5\nunit=\\u00B5m\nbroken\na=b=c") == {
        "ImageJ": "1.5",
        "unit": "µm",
        "a": "b=c",
    }


# ---------------------------------------------------------------- tifffile


@pytest.mark.parametrize(
    ("shape", "axes", "photometric", "planar", "dims"),
    [
        ((3, 4, 5, 6), "TZYX", "minisblack", None, "T=3, Z=4, Y=5, X=6"),
        ((3, 5, 6), "CYX", "rgb", "separate", "C=3, Y=5, X=6"),
        ((5, 6, 3), "YXS", "rgb", "contig", "Y=5, X=6, S=3"),
        ((2, 5, 6, 3), "TYXC", "rgb", "contig", "T=2, Y=5, X=6, C=3"),
        ((2, 3, 5, 6), "TSYX", "rgb", "separate", "T=2, Y=5, X=6, S=3"),
        ((1, 1, 4, 5, 6), "TCZYX", "minisblack", None, "T=1, C=1, Z=4, Y=5, X=6"),
    ],
)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_shaped_axes(
    tmp_path: Path,
    shape: tuple[int, ...],
    axes: str,
    photometric: Any,
    planar: Any,
    dims: str,
    compression: Any,
) -> None:
    pixels = counting(*shape)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, photometric=photometric, planarconfig=planar, compression=compression,
        metadata={"axes": axes},
    )  # fmt: skip
    handle = open_image(tmp_path / "a.tif")
    assert str(handle.dims) == dims
    seen = transpose_to(handle, axes)
    assert to_numpy(seen).tobytes() == pixels.tobytes()


def test_shaped_unknown_axes_are_guessed(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        counting(2, 3, 5, 6),
        photometric="minisblack",
        metadata={"axes": "QQYX"},
    )
    handle = open_image(tmp_path / "a.tif")
    assert str(handle.dims) == "C=2, Z=3, Y=5, X=6"
    assert [note.code for note in handle.diagnostics] == ["guessed-axes"]


def test_shaped_series_and_levels(tmp_path: Path) -> None:
    first, second = counting(3, 32, 32), counting(20, 10, dtype="u1")
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(
            first, subifds=1, metadata={"axes": "ZYX", "name": "cells"}, photometric="minisblack"
        )
        tif.write(first[:, ::2, ::2], subfiletype=1, metadata=None, photometric="minisblack")
        tif.write(second, metadata={"axes": "YX"}, photometric="minisblack")
    handle = open_image(tmp_path / "a.tif")
    assert [scene.name for scene in handle.scenes] == ["cells", "Image:1"]
    assert [level.shape for level in handle.levels] == [(3, 32, 32), (3, 16, 16)]
    assert to_numpy(handle).tobytes() == first.tobytes()
    assert to_numpy(select_scene(handle, 1)).tobytes() == second.tobytes()


def test_shaped_that_does_not_fit_is_told() -> None:
    text = b'{"shape": [7, 5, 4]}\0'
    handle = open_image(
        write_pages(
            [
                make_page(
                    counting(5, 4, dtype="u1")[..., None], Storage(), [TagEntry(270, ASCII, text)]
                )
            ]
        )
    )
    assert handle.shape == (5, 4)
    assert "shaped-mismatch" in [note.code for note in handle.diagnostics]


@pytest.mark.parametrize(
    "text", ["{", '{"shape": 3}', '{"shape": [0]}', '{"shape": ["a"]}', "shape=(2, x)", "[1]", ""]
)
def test_other_descriptions_are_not_shaped(text: str) -> None:
    assert parse_json(text) is None


# ---------------------------------------------------------------- Micro-Manager


def ndtiff_index(*planes: tuple[dict[str, Any], str, int, int, int]) -> bytes:
    out = b""
    for axes, name, offset, width, height in planes:
        for text in (json.dumps(axes).encode(), name.encode()):
            out += struct.pack("<I", len(text)) + text
        out += struct.pack("<IiiiiIii", offset, width, height, 0, 0, 0, 0, 0)
    return out


SUMMARY = b'{"ChNames": ["DAPI", "GFP"], "Prefix": "run", "z-step_um": 0.5}'


def ndtiff(path: Path, planes: Array, summary: bytes = SUMMARY) -> list[int]:
    """An NDTiff file of version 3; returns the offset of the pixels of each plane."""
    content = write_pages([make_page(plane[..., None], Storage()) for plane in planes])
    head = struct.pack("<6I", 483729, 3, 2, 2355492, len(summary), 0)[:20]
    moved = 8 + len(head) + len(summary)
    moved += moved % 2
    with tifffile.TiffFile(io.BytesIO(content)) as tif:
        offsets = [page.dataoffsets[0] for page in tif.pages]
    shifted = _shifted(content, moved - 8)
    path.write_bytes(shifted[:8] + (head + summary).ljust(moved - 8, b"\0") + shifted[8:])
    return [offset + moved - 8 for offset in offsets]


def _shifted(content: bytes, by: int) -> bytes:
    """Move all that lies behind the header; offsets are corrected by rewriting the tables that hold them."""
    out = bytearray(content)
    at = struct.unpack_from("<I", out, 4)[0]
    struct.pack_into("<I", out, 4, at + by)
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}
    while at:
        count = struct.unpack_from("<H", out, at)[0]
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            code, kind, length, value = struct.unpack_from("<HHII", out, entry)
            if sizes[kind] * length > 4 or code == 273:
                struct.pack_into("<I", out, entry + 8, value + by)
        link = at + 2 + 12 * count
        at = struct.unpack_from("<I", out, link)[0]
        if at:
            struct.pack_into("<I", out, link, at + by)
    return bytes(out)


def test_ndtiff_index_names_axes_and_files(tmp_path: Path) -> None:
    pixels = counting(4, 6, 5, dtype="u1")
    first = ndtiff(tmp_path / "run_NDTiffStack.tif", pixels[:2])
    second = ndtiff(tmp_path / "run_NDTiffStack_1.tif", pixels[2:])
    rows = [
        (
            {"time": t, "channel": c},
            f"run_NDTiffStack{'_1' if t else ''}.tif",
            (second if t else first)[i],
            5,
            6,
        )
        for t in range(2)
        for i, c in enumerate(("DAPI", "GFP"))
    ]
    (tmp_path / "NDTiff.index").write_bytes(ndtiff_index(*rows))
    for name in ("run_NDTiffStack.tif", "run_NDTiffStack_1.tif"):
        handle = open_image(tmp_path / name)
        assert str(handle.dims) == "T=2, C=2, Y=6, X=5"
        assert handle.channel_names == ("DAPI", "GFP")
        assert handle.pixel_size.Z == 0.5
        assert to_numpy(handle).tobytes() == pixels.tobytes()


@pytest.mark.parametrize("corner", [(11, 12), (-3, 0), (0, 0)])
def test_a_grid_of_ndtiff_begins_with_its_first_position(
    corner: tuple[int, int], tmp_path: Path
) -> None:
    """As the axes of the package ndtiff 3 on ndtiff3.2_magellan_explore_rgb: rows and columns 11 to 13."""
    pixels = counting(3, 6, 5, dtype="u1")
    offsets = ndtiff(tmp_path / "a.tif", pixels)
    places = ((0, 1), (2, 0), (1, 1))
    rows = [
        ({"row": corner[0] + row, "column": corner[1] + column, "z": 7}, "a.tif", offset, 5, 6)
        for (row, column), offset in zip(places, offsets, strict=True)
    ]
    (tmp_path / "NDTiff.index").write_bytes(ndtiff_index(*rows))
    handle = open_image(tmp_path / "a.tif")
    assert str(handle.dims) == "K=3, J=2, Y=6, X=5"
    wanted = np.zeros((3, 2, 6, 5), np.uint8)
    for place, plane in zip(places, pixels, strict=True):
        wanted[place] = plane
    assert np.array_equal(to_numpy(handle), wanted)
    notes = {note.code: note.message for note in handle.diagnostics}
    assert notes["ndtiff-missing-planes"] == "3 of 6 positions of K=3, J=2 have no plane: blank"


def mm_stack(path: Path, planes: Array, summary: bytes) -> None:
    """A stack of Micro-Manager, whose planes are sections."""
    content = write_pages([make_page(plane[..., None], Storage()) for plane in planes])
    by = 32 + len(summary) + len(summary) % 2
    shifted = _shifted(content, by)
    table = b""
    at = struct.unpack_from("<I", shifted, 4)[0]
    for z in range(len(planes)):
        table += struct.pack("<5I", 0, z, 0, 0, at)
        (count,) = struct.unpack_from("<H", shifted, at - by)
        (at,) = struct.unpack_from("<I", shifted, at - by + 2 + 12 * count)
    end = len(shifted) + by
    head = struct.pack("<8I", 54773648, end, 0, 0, 0, 0, 2355492, len(summary))
    data = shifted[:8] + (head + summary).ljust(by, b" ") + shifted[8:]
    path.write_bytes(data + struct.pack("<2I", 3453623, len(planes)) + table)


@pytest.mark.parametrize(
    ("key", "text", "date"),
    [
        ("StartTime", "2020-01-02 03:04:05.123 +0100", "2020-01-02T03:04:05.123+0100"),
        # The example of https://micro-manager.org/Files_and_Metadata.
        ("Time", "2011-01-18 Tue 16:52:41 -0800", "2011-01-18T16:52:41-0800"),
        ("DateAndTime", "2022/12/28 17:04:23", "2022-12-28T17:04:23"),
        ("Time", "yesterday", None),
        ("Time", 5, None),
    ],
)
@pytest.mark.parametrize("step", [-0.5, 0.5, "-0.5"])
@pytest.mark.parametrize("kind", ["ndtiff", "stack", "folder"])
def test_one_acquisition_of_micro_manager_has_the_same_facts_in_each_form(
    kind: str, step: object, key: str, text: object, date: str | None, tmp_path: Path
) -> None:
    """A stack from above has a negative step: its sections lie half a micrometre apart."""
    pixels = counting(3, 6, 5, dtype="u1")
    facts = {"z-step_um": step, key: text}
    path = tmp_path / "a_NDTiffStack.tif"
    if kind == "ndtiff":
        offsets = ndtiff(path, pixels, json.dumps(facts).encode())
        rows = [({"z": z}, path.name, offset, 5, 6) for z, offset in enumerate(offsets)]
        (tmp_path / "NDTiff.index").write_bytes(ndtiff_index(*rows))
    elif kind == "stack":
        mm_stack(path, pixels, json.dumps(facts).encode())
    else:
        frames = {f"FrameKey-0-0-{z}": {"FileName": f"{z}.tif"} for z in range(3)}
        for z, plane in enumerate(pixels):
            tifffile.imwrite(tmp_path / f"{z}.tif", plane)
        path = tmp_path / "metadata.txt"
        path.write_text(json.dumps({"Summary": facts, **frames}))
    handle = open_image(path)
    assert np.array_equal(to_numpy(transpose_to(handle, "ZYX")), pixels)
    assert handle.pixel_size.Z == 0.5
    assert handle.scene.acquired == date
    if date is not None:
        assert "Summary/" in str(provenance(handle)["acquired"])


def test_a_real_ndtiff_has_the_date_of_its_acquisition() -> None:
    name = "ndtiff/v3/12_bit_pycromanager_mda/12_bit_pycromanager_mda_NDTiffStack.tif"
    path = corpus_file(name)
    # tifffile parses the summary, too; the first plane says 17:04:24.
    with tifffile.TiffFile(path) as tif:
        facts: Any = tif.micromanager_metadata
    assert facts["Summary"]["DateAndTime"] == "2022/12/28 17:04:23"
    assert open_image(path).scene.acquired == "2022-12-28T17:04:23"


def test_ndtiff_stays_in_its_folder_and_tells_what_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (offset,) = ndtiff(folder / "a_NDTiffStack.tif", counting(1, 6, 5, dtype="u1"))
    (outside,) = ndtiff(tmp_path / "b.tif", np.full((1, 6, 5), 99, np.uint8))
    rows = [
        ({"time": 0}, "a_NDTiffStack.tif", offset, 5, 6),
        ({"time": 1}, "../b.tif", outside, 5, 6),
    ]
    (folder / "NDTiff.index").write_bytes(ndtiff_index(*rows))
    handle = open_image(folder / "a_NDTiffStack.tif")
    assert [note.code for note in handle.diagnostics] == ["ndtiff-member"]
    assert not (to_numpy(transpose_to(handle, "YX", T=1))).any()


def test_broken_index_is_read_as_far_as_it_goes() -> None:
    whole = ndtiff_index(({"z": 0}, "a.tif", 8, 5, 6), ({"z": 1}, "a.tif", 38, 5, 6))
    entries, notes = parse_index(whole[:-5], "here")
    assert [entry.offset for entry in entries] == [8]
    assert [note.code for note in notes] == ["ndtiff-index"]
    assert parse_index(b"\xff\xff\xff\xff{", "here")[0] == []


# ---------------------------------------------------------------- by tifffile


def test_aperio_slide_has_levels_and_pictures(tmp_path: Path) -> None:
    full = np.random.default_rng(3).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    with tifffile.TiffWriter(tmp_path / "a.svs") as tif:
        text = "Aperio Image Library v1\r\n256x256 |AppMag = 20|MPP = 0.5"
        tif.write(full, tile=(64, 64), description=text, metadata=None)
        tif.write(full[::8, ::8], description=text, metadata=None, rowsperstrip=16)
        tif.write(full[::4, ::4], tile=(64, 64), description=text, metadata=None)
        tif.write(full[:40, :40], description="Aperio label", metadata=None, subfiletype=1)
    handle = open_image(tmp_path / "a.svs")
    assert [level.shape for level in handle.levels] == [(256, 256, 3), (64, 64, 3)]
    assert handle.pixel_size.X == 0.5
    assert to_numpy(handle).tobytes() == full.tobytes()
    assert {scene.name for scene in handle.scenes} == {"Baseline", "Thumbnail", "Label"}


def test_real_lsm_and_stk() -> None:
    lsm = open_image(corpus_file("lsm/test.lsm"))
    assert lsm.channel_names == ("ChS1",)
    assert [note.code for note in lsm.diagnostics if note.code != "tifffile"] == ["thumbnails"]
    stk = open_image(corpus_file("tiff/cellprofiler/MetamorphImage.tif"))
    assert pytest.approx(0.645) == stk.pixel_size.X
    assert stk.channel_names == ("Cy5",)


def test_what_tifffile_logs_is_a_diagnostic_and_nothing_reaches_the_terminal(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    content = bytearray(corpus_file("lsm/test.lsm").read_bytes())
    handle = open_image(bytes(content))
    assert handle.shape
    assert capsys.readouterr().err == ""
    assert not caplog.records


def test_scanimage_channels_and_frames() -> None:
    pixels = counting(12, 4, 5, dtype="i2")
    text = b"SI.hChannels.channelSave = [1;3]\nSI.hStackManager.framesPerSlice = 2\nSI.hRoiManager.scanFrameRate = 4\n\0"
    pages = [
        make_page(plane[..., None], Storage(), [TagEntry(305, ASCII, text)]) for plane in pixels
    ]
    handle = open_image(write_pages(pages))
    assert str(handle.dims) == "Z=3, T=2, C=2, Y=4, X=5"
    assert handle.time_step == 0.25
    assert to_numpy(handle).tobytes() == pixels.tobytes()


# ---------------------------------------------------------------- units, levels and channels


def imagej_page(text: str, resolution: float = 2.0, unit: int | None = None, **options: Any) -> Any:
    tags = [TagEntry(270, ASCII, f"ImageJ=1.53t\n{text}\n\0".encode())]
    ratio = (round(resolution * 1000), 1000)
    tags += [TagEntry(282, 5, ratio), TagEntry(283, 5, ratio)]
    if unit is not None:
        tags.append(TagEntry(296, 3, (unit,)))
    pixels = options.get("pixels", counting(5, 4, 1, dtype="u1"))
    return open_image(write_pages([make_page(pixels, Storage(), tags)]))


@pytest.mark.parametrize(
    ("text", "unit", "size"),
    [
        ("unit=um", 2, (None, 0.5, 0.5)),  # the description replaces the tag
        ("unit=um", 3, (None, 5000.0, 5000.0)),  # ImageJ's exception: pixels per centimetre
        ("unit=\\u00B5m", 3, (None, 0.5, 0.5)),
        ("unit=micron\nspacing=-1.5", 1, (1.5, 0.5, 0.5)),
        ("unit=nm\nspacing=4", None, (0.004, 0.0005, 0.0005)),
        ("unit=millimeter\nspacing=7", None, (7000.0, 500.0, 500.0)),
        ("unit=micron\nyunit=nm\nzunit=mm\nspacing=0.001", None, (1.0, 0.0005, 0.5)),
        ("unit=pixel\nspacing=2", 3, (None, None, None)),
        ("unit=inch", 2, (None, 12700, 12700)),
        ("unit=cm", 1, (None, 5000, 5000)),
        ("", 3, (None, 5000.0, 5000.0)),
        ("", None, (None, None, None)),
    ],
)
def test_imagej_units(text: str, unit: int | None, size: Any) -> None:
    """The right values: FileOpener.decodeDescriptionString of ImageJ 1.54."""
    handle = imagej_page(text, unit=unit)
    assert tuple(handle.pixel_size) == pytest.approx(size)


def test_imagej_playback_speed_is_no_time_step() -> None:
    assert imagej_page("fps=7").time_step is None
    assert imagej_page("fps=7\nfinterval=2\ntunit=min").time_step == 120.0
    assert imagej_page("finterval=1e308\ntunit=min").time_step is None


def test_imagej_calibration_of_grey_values_is_reported() -> None:
    handle = imagej_page("cf=0\nc0=-32768.0\nc1=1.0\nvunit=gray value")
    (note,) = [note for note in handle.diagnostics if note.code == "imagej-calibration"]
    assert "-32768.0 + 1.0 * pixel gray value" in note.message


def test_imagej_luts_and_labels_describe_channels(tmp_path: Path) -> None:
    luts = np.zeros((3, 3, 256), "u1")
    luts[[0, 1, 2], [0, 1, 2]] = np.arange(256)
    labels = ["c:1/3 z:1/2 - DAPI", "c:2/3 z:1/2 - GFP", "c:3/3 z:1/2 - Cy5", "DAPI", "GFP", "Cy5"]
    tifffile.imwrite(
        tmp_path / "a.tif",
        counting(2, 3, 5, 4),
        imagej=True,
        metadata={
            "axes": "ZCYX", "mode": "composite", "LUTs": list(luts), "Labels": labels,
            "Ranges": (0.0, 10.0, 0.0, 20.0, 0.0, 30.0),
        },
    )  # fmt: skip
    handle = open_image(tmp_path / "a.tif")
    assert handle.channel_names == ("DAPI", "GFP", "Cy5")
    assert [channel.color for channel in handle.channels] == [0xFF0000FF, 0x00FF00FF, 0x0000FFFF]
    assert "0 to 10, 0 to 20, 0 to 30" in handle.diagnostics[0].message


def test_imagej_composite_samples_are_channels() -> None:
    pixels = counting(5, 4, 3, dtype="u2")
    handle = imagej_page("images=3\nchannels=3\nmode=composite", pixels=pixels)
    assert str(handle.dims) == "Y=5, X=4, C=3"
    assert to_numpy(transpose_to(handle, "YXC")).tobytes() == pixels.tobytes()


def test_levels_after_and_before_an_imagej_stack() -> None:
    full, half = counting(3, 16, 16, dtype="u1"), counting(3, 8, 8, dtype="u1")
    text = TagEntry(270, ASCII, b"ImageJ=1.53t\nimages=3\nslices=3\n\0")
    reduced = TagEntry(254, 4, (1,))
    large = [make_page(plane[..., None], Storage(), [text]) for plane in full]
    small = [make_page(plane[..., None], Storage(), [text, reduced]) for plane in half]
    for pages in (large + small, small + large):
        handle = open_image(write_pages(pages))
        assert [level.shape for level in handle.levels] == [(3, 16, 16), (3, 8, 8)]
        assert to_numpy(handle).tobytes() == full.tobytes()


def test_a_repeated_description_does_not_make_a_stack_of_levels() -> None:
    full = counting(16, 16, dtype="u1")
    text = TagEntry(270, ASCII, b'{"shape": [16, 16]}\0')
    for more in ([], [TagEntry(254, 4, (1,))]):
        pages = [make_page(full[..., None], Storage(), [text])]
        pages += [
            make_page(full[::step, ::step, None], Storage(), [text, *more]) for step in (2, 4, 8)
        ]
        handle = open_image(write_pages(pages))
        assert len(handle.scenes) == 1
        assert [level.shape for level in handle.levels] == [(16, 16), (8, 8), (4, 4), (2, 2)]


@pytest.mark.parametrize("planes", [1, 3])
def test_levels_before_a_series_of_tifffile(tmp_path: Path, planes: int) -> None:
    """NewSubfileType 1 marks a reduced image wherever its pages lie (TIFF 6.0 section 8)."""
    stacks = [counting(planes, 32, 32 * n, dtype="u1") for n in (1, 3)]
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for full in stacks:
            for step in (4, 2, 1):
                reduced: Any = {"subfiletype": int(step > 1), "photometric": "minisblack"}
                tif.write(full[:, ::step, ::step], **reduced)
    handle = open_image(tmp_path / "a.tif")
    assert len(handle.scenes) == 2
    for number, full in enumerate(stacks):
        for level, step in enumerate((1, 2, 4)):
            shown = to_numpy(select_level(select_scene(handle, number), level))
            assert shown.tobytes() == full[:, ::step, ::step].tobytes()


def test_a_shape_of_forty_axes_is_shown() -> None:
    text = TagEntry(270, ASCII, json.dumps({"shape": [1] * 40 + [5, 4]}).encode() + b"\0")
    handle = open_image(write_pages([make_page(counting(5, 4, 1, dtype="u1"), Storage(), [text])]))
    assert handle.shape == (5, 4)


@pytest.mark.parametrize("flyback", [0, 2])
def test_scanimage_volumes_and_flyback(flyback: int) -> None:
    """ScanImage documentation, Volume Imaging: slices of a volume, flyback frames, next volume."""
    slices, volumes, channels = 3, 4, 2
    count = (slices + flyback) * volumes * channels
    pixels = counting(count, 1, 1, dtype="i2")
    text = (
        "SI.hChannels.channelSave = [1;2]\nSI.hFastZ.enable = true\n"
        f"SI.hStackManager.actualNumSlices = {slices}\nSI.hStackManager.framesPerSlice = 1\n"
        f"SI.hStackManager.numFramesPerVolumeWithFlyback = {slices + flyback}\n"
        "SI.hStackManager.stackZStepSize = 5\nSI.hRoiManager.scanVolumeRate = 10\n\0"
    ).encode()
    pages = [
        make_page(plane[..., None], Storage(), [TagEntry(305, ASCII, text)]) for plane in pixels
    ]
    handle = open_image(write_pages(pages))
    table = pixels.reshape(volumes, slices + flyback, channels)
    assert str(handle.dims).startswith("T=4, Z=3, C=2")
    assert to_numpy(handle).tobytes() == table[:, :slices].tobytes()
    assert (handle.pixel_size.Z, handle.time_step) == (5.0, 0.1)
    codes = [note.code for note in handle.diagnostics]
    assert ("scanimage-flyback" in codes) == bool(flyback)


@pytest.mark.parametrize(
    ("settings", "stored", "dims"),
    [
        # A movie: framesPerSlice may be what was planned for a stack.
        ({"numSlices": 1, "framesPerSlice": 1}, 6, "T=6, C=2"),
        ({"numSlices": 1, "framesPerSlice": 100}, 6, "T=6, C=2"),
        ({"numSlices": 3, "framesPerSlice": 2}, 6, "Z=3, T=2, C=2"),
        ({"numSlices": 3, "framesPerSlice": 4, "average": 4}, 3, "Z=3, C=2"),
        ({"numSlices": 3, "framesPerSlice": 1}, 6, "T=2, Z=3, C=2"),
        ({"numSlices": 3, "framesPerSlice": 2}, 12, "T=2, Z=3, R=2, C=2"),
        ({"numSlices": 3, "framesPerSlice": 1, "stackMode": "'fast'"}, 6, "T=2, Z=3, C=2"),
        ({"numSlices": 3, "framesPerSlice": 1, "stackMode": "'slow'"}, 6, "T=2, Z=3, C=2"),
        ({"numSlices": 3, "framesPerSlice": 2, "stackMode": "'fast'"}, 12, "T=2, Z=3, R=2, C=2"),
    ],
)
def test_scanimage_stacks(settings: dict[str, Any], stored: int, dims: str) -> None:
    """ScanImage documentation, "Volume Imaging": frames of a slice, slices, then volumes."""
    average = settings.get("average", 1)
    lines = [f"SI.hStackManager.{name} = {value}" for name, value in settings.items()]
    lines += ["SI.hChannels.channelSave = [1;2]", "SI.hStackManager.enable = true"]
    lines += [f"SI.hScan2D.logAverageFactor = {average}", "SI.hFastZ.enable = false"]
    lines += ["SI.hChannels.channelName = {'green' 'Channel 2' 'other'}"]
    lines += ["SI.hChannels.channelMergeColor = {'green';'none';'red'}"]
    pixels = counting(stored * 2, 1, 1, dtype="i2")
    tag = TagEntry(305, ASCII, ("\n".join(lines) + "\0").encode())
    pages = [make_page(plane[..., None], Storage(), [tag]) for plane in pixels]
    handle = open_image(write_pages(pages))
    assert str(handle.dims) == f"{dims}, Y=1, X=1"
    assert to_numpy(handle).reshape(-1).tolist() == list(range(2 * stored))
    assert handle.channel_names == ("green", "Channel 2")
    assert [channel.color for channel in handle.channels] == [0x00FF00FF, None]
    assert not [note for note in handle.diagnostics if note.code == "scanimage-volume"]


@pytest.mark.parametrize(
    ("settings", "step"),
    [
        ("SI.hStackManager.numSlices = 1\nSI.hScan2D.logAverageFactor = 3", 0.3),
        ("SI.hStackManager.numSlices = 2\nSI.hStackManager.framesPerSlice = 2", 0.1),
        ("SI.hStackManager.numSlices = 2\nSI.hStackManager.framesPerSlice = 1", None),
        ("SI.hStackManager.numSlices = 2\nSI.hStackManager.enable = false", 0.1),
        ("SI.hStackManager.numSlices = 2\nSI.hFastZ.enable = true", 0.5),
    ],
)
def test_scanimage_time_steps(settings: str, step: float | None) -> None:
    """Frames have scanFrameRate, volumes of fast Z scanVolumeRate, those of slow stacks none."""
    rates = "SI.hRoiManager.scanFrameRate = 10\nSI.hRoiManager.scanVolumeRate = 2"
    text = f"SI.hChannels.channelSave = 1\n{rates}\n{settings}\n\0".encode()
    pages = [
        make_page(plane[..., None], Storage(), [TagEntry(305, ASCII, text)])
        for plane in counting(4, 1, 1, dtype="i2")
    ]
    handle = open_image(write_pages(pages))
    assert "T" in handle.dims
    assert handle.time_step == (None if step is None else pytest.approx(step))


def test_a_stopped_scanimage_stack_is_shown_as_far_as_it_goes() -> None:
    lines = "SI.hChannels.channelSave = 1\nSI.hStackManager.numSlices = 3\n"
    text = f"{lines}SI.hStackManager.framesPerSlice = 4\n\0".encode()
    pages = [
        make_page(plane[..., None], Storage(), [TagEntry(305, ASCII, text)])
        for plane in counting(6, 1, 1, dtype="i2")
    ]
    handle = open_image(write_pages(pages))
    assert str(handle.dims) == "Z=2, T=4, Y=1, X=1"
    assert to_numpy(handle).reshape(-1).tolist() == [0, 1, 2, 3, 4, 5, 0, 0]
    assert "scanimage-volume" in [note.code for note in handle.diagnostics]


def test_each_image_of_leica_scn_has_its_own_pixel_size(tmp_path: Path) -> None:
    """OpenSlide (openslide-vendor-leica.c) takes the resolution of the main image."""
    images = {"overview": ((16, 32),), "main": ((64, 96), (32, 48))}
    listed, number = "", 0
    for name, sizes in images.items():
        dimensions = ""
        for level, (rows, columns) in enumerate(sizes):
            dimensions += (
                f'<dimension sizeX="{columns}" sizeY="{rows}" r="{level}" ifd="{number}"/>'
            )
            number += 1
        listed += f'<image name="{name}"><pixels>{dimensions}</pixels></image>'
    text = f"<scn><collection>{listed}</collection></scn>"
    with tifffile.TiffWriter(tmp_path / "a.scn") as tif:
        for per_centimetre, size in ((612.5, (16, 32)), (20000, (64, 96)), (10000, (32, 48))):
            tif.write(
                np.zeros((*size, 3), np.uint8), photometric="rgb", metadata=None, description=text,
                resolution=(per_centimetre, per_centimetre), resolutionunit=3,
            )  # fmt: skip
            text = ""
    handle = open_image(tmp_path / "a.scn")
    assert [scene.name for scene in handle.scenes] == ["overview", "main"]
    assert pytest.approx(10_000 / 612.5) == handle.scenes[0].pixel_size.X
    assert [len(scene.levels) for scene in handle.scenes] == [1, 2]
    assert handle.scenes[1].pixel_size.X == 0.5


def test_qptiff_markers_name_channels(tmp_path: Path) -> None:
    def about(name: str, marker: str, color: str) -> str:
        return (
            '<?xml version="1.0" encoding="utf-16"?><PerkinElmer-QPI-ImageDescription>'
            f"<ImageType>FullResolution</ImageType><Name>{name}</Name>"
            f"<Biomarker>{marker}</Biomarker><Color>{color}</Color>"
            "</PerkinElmer-QPI-ImageDescription>"
        )

    with tifffile.TiffWriter(tmp_path / "a.qptiff") as tif:
        for name, marker, color in (("DAPI", "None", "0,0,255"), ("Opal 520", "CD8", "0,255,0")):
            tif.write(
                counting(64, 64, dtype="u1"), description=about(name, marker, color), metadata=None,
                contiguous=False, software="PerkinElmer-QPI", tile=(64, 64),
                resolution=(20000, 20000), resolutionunit=3,
            )  # fmt: skip
    handle = open_image(tmp_path / "a.qptiff")
    assert handle.channel_names == ("DAPI", "CD8")
    assert [channel.fluor for channel in handle.channels] == ["DAPI", "Opal 520"]
    assert [channel.color for channel in handle.channels] == [0x0000FFFF, 0x00FF00FF]
    assert handle.pixel_size.X == 0.5


@pytest.mark.parametrize(
    "text", ["Opal 520 &amp; DAPI", "10 &#181;m", "&#x3B1;-SMA", "&lt;CD8&gt;", "&amp;lt;"]
)
def test_names_of_qptiff_are_those_of_an_xml_parser(text: str, tmp_path: Path) -> None:
    document = (
        "<PerkinElmer-QPI-ImageDescription><ImageType>FullResolution</ImageType>"
        f"<Name>{text}</Name><Biomarker>{text}</Biomarker><Objective>20x {text}</Objective>"
        "</PerkinElmer-QPI-ImageDescription>"
    )
    tifffile.imwrite(
        tmp_path / "a.qptiff", counting(64, 64, dtype="u1"), description=document, metadata=None,
        software="PerkinElmer-QPI", tile=(64, 64),
    )  # fmt: skip
    root = etree.fromstring(document)
    scene = open_image(tmp_path / "a.qptiff").scene
    (channel,), lens = scene.channels, scene.objective
    assert channel.name == root.findtext("Biomarker")
    assert channel.fluor == root.findtext("Name")
    assert lens is not None
    assert lens.name == root.findtext("Objective")


@pytest.mark.parametrize("code", [258, 262, 259, 278, 339, 296])
@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_numbers_that_are_no_numbers_are_missing_or_our_error(code: int, number: float) -> None:
    pixels = counting(5, 4, 1, dtype="u1")
    content = bytearray(write_pages([make_page(pixels, Storage(), [])]))
    offset = len(content)
    count = struct.unpack_from("<H", content, start := struct.unpack_from("<I", content, 4)[0])[0]
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack_from("<H", content, entry)[0] == code:
            struct.pack_into("<HHII", content, entry, code, 12, 1, offset)
    try:
        handle = open_image(bytes(content) + struct.pack("<d", number))
    except AicsioError:
        return
    assert handle.shape[-2:] == (5, 4)


def test_a_second_series_of_many_pages_is_a_scene(tmp_path: Path) -> None:
    first, second = counting(3, 16, 16, dtype="u1"), counting(4, 8, 8)
    for imagej in (False, True):
        with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
            text = "ImageJ=1.53t\nimages=3\nslices=3\n" if imagej else None
            options: Any = {"metadata": None, "description": text} if imagej else {}
            tif.write(first, photometric="minisblack", **options)
            options = {"metadata": None} if imagej else {}
            tif.write(second, photometric="minisblack", **options)
        handle = open_image(tmp_path / "a.tif")
        assert [scene.dims.shape for scene in handle.scenes] == [(3, 16, 16), (4, 8, 8)]
        assert to_numpy(handle).tobytes() == first.tobytes()
        assert to_numpy(select_scene(handle, 1)).tobytes() == second.tobytes()


@pytest.mark.parametrize("is_old", [False, True])
def test_mibi_masses_are_channels_and_pictures_scenes(tmp_path: Path, is_old: bool) -> None:
    pixels = counting(2, 16, 16, dtype="f4")
    with tifffile.TiffWriter(tmp_path / "a.tiff") as tif:
        for plane, target in zip(pixels, ("CD8", "dsDNA"), strict=True):
            about = {"image.type": "SIMS", "channel.mass": 89, "channel.target": target}
            if is_old:
                about["shape"] = [16, 16]
            text = json.dumps(about)
            tif.write(plane, description=text, metadata=None, software="IonpathMIBIv1.0")
        text = json.dumps({"image.type": "SED"})
        tif.write(counting(8, 8, dtype="u1"), description=text, metadata=None)
    handle = open_image(tmp_path / "a.tiff")
    assert str(handle.dims) == "C=2, Y=16, X=16"
    assert handle.channel_names == ("CD8", "dsDNA")
    assert to_numpy(handle).tobytes() == pixels.tobytes()
    assert [scene.name for scene in handle.scenes] == ["Image:0", "SED (page 2)"]


def test_times_and_positions_of_a_metamorph_stack() -> None:
    """The right values: UIC2 and UIC4 as tifffile parses them."""
    path = corpus_file("tiff/cellprofiler/MetamorphImage.tif")
    handle = open_image(path)
    with tifffile.TiffFile(path) as tif:
        info = tif.stk_metadata
    assert handle.scene.planes is not None
    assert info is not None
    position = handle.scene.planes.column("x")
    assert position is not None
    assert position.reshape(-1).tolist() == [info["StagePosition"][0][0]]


@pytest.mark.parametrize("extra", [[], [(278, 4, 1, 1 << 30)], [(277, 3, 1, 60000)]])
def test_sizes_beyond_64_bits_are_an_image_or_our_error(extra: list[Any]) -> None:
    tags = [(256, 4, 1, 1 << 31), (257, 4, 1, 1 << 31), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries = sorted([*tags, (273, 4, 1, 100), *extra])
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    try:
        handle = open_image(head + body + bytes(400))
    except AicsioError:
        return
    assert handle.shape[:2] == (1 << 31, 1 << 31)
