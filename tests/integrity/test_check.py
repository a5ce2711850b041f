"""``check``: no alarm on whole files, and every loss is found and named.

What is lost is known here because the tests take it away; where a cut takes bytes that nothing refers to,
tifffile and the file's own tables decide.
"""

import errno
import json
import pickle
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import numpy as np
import pytest

from aicsio import (
    AicsioError,
    CorruptFileError,
    Damage,
    Diagnostic,
    Dims,
    ImageHandle,
    LazyArray,
    Scene,
    Source,
    SourceError,
    SourceNotFoundError,
    UnsupportedFormatError,
    check,
    integrity,
    open_image,
    select_scene,
    to_numpy,
    transpose_to,
    write_ome_tiff,
    write_ome_zarr,
)
from aicsio._engine.checking import LostPixels
from aicsio.cli import main
from aicsio.records import Contents
from aicsio.testing import ImageSpec, TiffSpec, write
from aicsio.testing.czi import blocks_of, write_czi
from aicsio.testing.layouts import GridLayout
from aicsio.testing.lif import LifImage, write_lif
from aicsio.testing.nd2 import Nd2Image, write_nd2
from support import corpus_file, corpus_names

PIXELS = np.random.default_rng(0).integers(0, 60000, (2, 3, 40, 48)).astype(np.uint16)


def make_czi(path: Path) -> Path:
    write_czi(path, blocks_of(PIXELS, "CZYX", compression="zstd1"))
    return path


def make_lif(path: Path) -> Path:
    return write_lif(path, [LifImage(PIXELS, "CZYX", "a"), LifImage(PIXELS[0], "ZYX", "b")])


def make_nd2(path: Path) -> Path:
    return write_nd2(Nd2Image(PIXELS, "TCYX"), path)


def make_tiff(path: Path) -> Path:
    spec = TiffSpec((ImageSpec(C=2, Z=3, Y=40, X=48, levels=2),), tile=(16, 16), compression="zlib")
    return write(spec, path.parent, path.name)


MAKERS: dict[str, Callable[[Path], Path]] = {
    "a.czi": make_czi,
    "a.lif": make_lif,
    "a.nd2": make_nd2,
    "a.ome.tif": make_tiff,
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("deep", [False, True])
def test_a_whole_file_has_no_findings(name: str, deep: bool, tmp_path: Path) -> None:
    report = check(MAKERS[name](tmp_path / name), deep=deep)
    assert report.whole, str(report)
    assert report.planes == (9 if name == "a.lif" else 6)
    assert report.lost_planes == ()


@pytest.mark.parametrize("name", MAKERS)
def test_every_cut_is_found(name: str, tmp_path: Path) -> None:
    path = MAKERS[name](tmp_path / name)
    data = path.read_bytes()
    rng = random.Random(3)
    cuts = [1, 2, 7, 100, len(data) // 2, *(rng.randrange(1, len(data)) for _ in range(40))]
    for cut in cuts:
        path.write_bytes(data[: len(data) - cut])
        report = check(path)
        assert not report.whole, f"{cut} bytes less"


@pytest.mark.parametrize("name", MAKERS)
def test_a_cut_names_the_planes_that_cannot_be_read_as_before(name: str, tmp_path: Path) -> None:
    path = MAKERS[name](tmp_path / name)
    data = path.read_bytes()
    whole = open_image(data)
    named = 0
    for cut in random.Random(5).sample(range(len(data) // 4, len(data)), 30):
        path.write_bytes(data[:cut])
        report = check(path)
        if report.format is None:
            continue  # what describes the planes lay behind the cut
        opened = open_image(path)
        for index in range(len(opened.scenes)):
            expected = select_scene(whole, index)
            lost = {position for scene, position in report.lost_planes if scene == index}
            assert lost == set(changed_planes(opened, expected, index)), (cut, index)
            named += len(lost)
    # The directory of ND2 stands behind its planes: without it nothing is known of them.
    assert named or name == "a.nd2"


def changed_planes(
    opened: ImageHandle, whole: ImageHandle, scene: int
) -> Iterator[tuple[tuple[str, int], ...]]:
    """Positions that do not read as they did."""
    shown = whole
    if opened.scenes[scene].levels:
        shown = select_scene(opened, scene)
    letters = [letter for letter in shown.dims if letter not in "YX"]
    for indices in np.ndindex(*(shown.dims[letter] for letter in letters)):
        position = dict(zip(letters, indices, strict=True))
        picks = {letter: index for letter, index in position.items() if letter in whole.dims}
        before = to_numpy(transpose_to(whole, "YX", **picks))
        try:
            after = to_numpy(transpose_to(select_scene(opened, scene), "YX", **picks))
        except AicsioError:
            after = np.zeros_like(before)
        if not np.array_equal(after, before):
            yield tuple(position.items())


def test_the_planes_before_a_cut_of_a_lif_are_read(tmp_path: Path) -> None:
    path = write_lif(tmp_path / "a.lif", [LifImage(PIXELS, "CZYX", "a")])
    path.write_bytes(path.read_bytes()[: -2 * 40 * 48 - 1])
    handle = open_image(path)
    assert [note.code for note in handle.diagnostics] == ["lif-cut-memory"]
    np.testing.assert_array_equal(to_numpy(transpose_to(handle, "ZYX", C=0)), PIXELS[0])
    with pytest.raises(CorruptFileError):
        to_numpy(transpose_to(handle, "YX", C=1, Z=2))
    assert check(path).lost_planes == ((0, (("C", 1), ("Z", 1))), (0, (("C", 1), ("Z", 2))))


def test_a_file_with_fewer_planes_than_its_metadata_is_not_whole(tmp_path: Path) -> None:
    import tifffile

    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, PIXELS[0], metadata={"axes": "ZYX"}, truncate=True, photometric="minisblack"
    )
    assert check(path).whole
    # One directory for three planes: the cut leaves one plane and a half.
    path.write_bytes(path.read_bytes()[:-6000])
    assert {one.code for one in check(path).damage} == {"shaped-mismatch"}


def test_planes_in_one_run_of_raw_pixels_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(PIXELS[0].tobytes())
    source = Source(str(path), size=40 * 48 * 3)  # of one plane and a half
    layout = GridLayout(
        *(source, (3, 40, 48), (3, 40, 48), np.dtype("<u2"), "raw", (0, 1, 2), (False,) * 3),
        np.array([0], "<i8").tobytes(),
        np.array([PIXELS[0].nbytes], "<i8").tobytes(),
    )
    array = LazyArray.whole(layout, Dims("ZYX", (3, 40, 48)), np.uint16)
    contents = Contents((Scene("a", (array,)),))
    report = check(ImageHandle(source, "array", contents, 0, 0, array))
    assert report.lost_planes == ((0, (("Z", 1),)), (0, (("Z", 2),)))
    assert "2 of 3 planes are not whole" in str(report)


def test_a_bad_block_is_found_by_reading_it_and_hides_no_other(tmp_path: Path) -> None:
    path = make_tiff(tmp_path / "a.ome.tif")
    whole = bytearray(path.read_bytes())
    import tifffile

    with tifffile.TiffFile(path) as tif:
        pages = [tif.pages[1], tif.pages[4]]
        places = [(page.dataoffsets[2], page.databytecounts[2]) for page in pages]
    for offset, nbytes in places:
        whole[offset + nbytes // 2] ^= 0x10
    path.write_bytes(whole)
    assert check(path).whole
    report = check(path, deep=True)
    assert [one.code for one in report.damage] == ["lost-pixels", "lost-pixels"]
    assert sorted(one.offset or 0 for one in report.damage) == sorted(
        offset for offset, _ in places
    )
    # Pages 1 and 4 of an image of three Z and two C, in the order XYZCT.
    assert report.lost_planes == (
        (0, (("T", 0), ("C", 0), ("Z", 1))),
        (0, (("T", 0), ("C", 1), ("Z", 1))),
    )


def test_directories_that_no_image_shows_are_walked(tmp_path: Path) -> None:
    import tifffile

    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        tif.write(PIXELS[0, 0], subifds=1, photometric="minisblack", metadata=None)
        tif.write(PIXELS[0, 0, ::7, ::7], subfiletype=1, photometric="minisblack", metadata=None)
    assert check(path).whole
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[0]
        thumbnail = page.pages[0]  # type: ignore[index]
        end = thumbnail.dataoffsets[0] + thumbnail.databytecounts[0]
    path.write_bytes(path.read_bytes()[: end - 1])
    report = check(path)
    assert {one.code for one in report.damage} >= {"tiff-structure"}


def test_segments_of_a_czi_that_nothing_refers_to_are_walked(tmp_path: Path) -> None:
    path = make_czi(tmp_path / "a.czi")
    # A deleted segment that promises more than the file has (ZISRAW, section 2.1).
    with path.open("ab") as file:
        file.write(
            b"DELETED".ljust(16, b"\0") + (1000).to_bytes(8, "little") + bytes(8) + bytes(10)
        )
    [one] = check(path).damage
    assert one.code == "czi-chain"
    assert "expected 1000 bytes of DELETED" in one.message


def test_shards_and_chunks_of_stores(tmp_path: Path) -> None:
    store = tmp_path / "a.zarr"
    write_ome_zarr(
        open_image(PIXELS, dims="CZYX"), store, shards={"Y": 40, "X": 48}, chunks={"Y": 20, "X": 24}
    )
    assert check(store, deep=True).whole
    shards = [
        path for path in (store / "0").rglob("*") if path.is_file() and path.name != "zarr.json"
    ]
    shard = max(shards, key=lambda path: path.stat().st_size)
    data = shard.read_bytes()
    shard.write_bytes(data[:-3])
    assert not check(store).whole
    shard.write_bytes(data)
    assert check(store).whole


def test_a_level_that_a_store_lists_and_lacks_is_a_loss(tmp_path: Path) -> None:
    store = tmp_path / "a.zarr"
    write_ome_zarr(open_image(PIXELS, dims="CZYX"), store, levels=2)
    (store / "1" / "zarr.json").unlink()
    assert [one.code for one in check(store).damage] == ["missing-level"]


def test_diagnostics_say_themselves_whether_they_are_losses(tmp_path: Path) -> None:
    handle = open_image(make_lif(tmp_path / "a.lif"))
    notes = (Diagnostic("choice", "a guess"), Diagnostic("own-code", "gone", "log", loss=True))
    noted = attrs.evolve(handle, contents=attrs.evolve(handle.contents, diagnostics=notes))
    assert check(noted).damage == (Damage("own-code", "gone", "log"),)
    assert pickle.loads(pickle.dumps(notes)) == notes


def test_remote_files_are_checked_by_few_requests(tmp_path: Path) -> None:
    import fsspec

    data = make_tiff(tmp_path / "a.ome.tif").read_bytes()
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/check/a.ome.tif", data)
    memory.pipe_file("/check/b.ome.tif", data[:-300])
    assert check("memory://check/a.ome.tif").whole
    assert not check("memory://check/b.ome.tif").whole
    memory.rm("/check", recursive=True)


def test_a_missing_member_of_a_set_is_a_loss(tmp_path: Path) -> None:
    spec = TiffSpec((ImageSpec(T=4, Y=8, X=9),), files=2)
    path = write(spec, tmp_path)
    assert check(path).whole
    other = next(each for each in sorted(tmp_path.iterdir()) if each != path)
    other.unlink()
    report = check(path)
    assert not report.whole
    losses = {note.code for note in open_image(path).diagnostics if note.loss}
    assert losses == {"ome-member-missing", "ome-planes-missing"}
    assert losses <= {one.code for one in report.damage}


def test_a_handle_is_checked_as_it_was_opened(tmp_path: Path) -> None:
    path = make_lif(tmp_path / "a.lif")
    handle = open_image(path)
    assert check(handle).whole
    path.write_bytes(path.read_bytes()[:-50])
    report = check(handle)
    assert not report.whole


def test_what_cannot_be_looked_at_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError):
        check(tmp_path / "none.czi")
    (tmp_path / "a.xyz").write_bytes(b"neither this nor that")
    with pytest.raises(UnsupportedFormatError):
        check(tmp_path / "a.xyz")


def test_exit_codes_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = make_czi(tmp_path / "a.czi"), make_lif(tmp_path / "b.lif")
    bad.write_bytes(bad.read_bytes()[:-50])
    assert main(["check", str(good)]) == 0
    assert "whole: 6 planes are found in place" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "none.czi")]) == 1
    capsys.readouterr()
    assert main(["check", "--json", "--deep", str(good), str(bad)]) == 4
    whole, damaged = json.loads(capsys.readouterr().out)["files"]
    assert whole["whole"]
    assert whole["planes"] == 6
    assert not damaged["whole"]
    assert {one["code"] for one in damaged["damage"]} == {"lif-memory", "lost-pixels"}
    assert damaged["lost_planes"] == [{"scene": 1, "Z": 2}]


# ---------------------------------------------------------------- real files

KNOWN = {
    "czi/write_roi.czi": "the file has no directory of subblocks",
    "tiff/image-tiff/images/exif.tif": "its second page has 0 x 0 pixels",
    "tiff/large_image/zero_gi.tif": "its page has 2 x 0 pixels",
}
"""Files of the corpus that are not whole, or whose writer was at fault."""


@pytest.mark.parametrize(
    "name", corpus_names("czi", "lif", "nd2", "dv", "tiff", "ometiff", "ndtiff")
)
def test_no_false_alarm_on_real_files(name: str) -> None:
    path = corpus_file(name)
    # XML of a set whose end tag is missing: the file itself, as its specification ships it.
    broken_xml = "18x24y5z1t1c8b-text-split" in name and "companion" in name
    if name in KNOWN or broken_xml:
        pytest.skip(KNOWN.get(name, "broken XML"))
    if path.stat().st_size > 2 << 20:
        pytest.skip("large: checked by hand")
    try:
        report = check(path, deep=True)
    except AicsioError:
        pytest.skip("no image")
    assert report.whole, str(report)


def referred_end(path: Path) -> int:
    """The last byte that tifffile finds a use for: pixels, values, directories."""
    import tifffile

    with tifffile.TiffFile(path) as tif:
        ends = []
        for page in tif.pages:
            whole = page.aspage()
            ends += [o + c for o, c in zip(whole.dataoffsets, whole.databytecounts, strict=True)]
            ends += [tag.valueoffset + tag.valuebytecount for tag in whole.tags]
            ends.append(whole.offset + 2 + 12 * len(whole.tags) + 4)
        return max(ends)


@pytest.mark.parametrize(
    "name",
    [
        "tiff/exampletiffs/shapes_lzw.tif",
        "tiff/exampletiffs/shapes_deflate.tif",
        "tiff/exampletiffs/flagler.tif",
        "tiff/galaxy/binary_c2_z10.tiff",
        "tiff/large_image/test_orient4.tif",
    ],
)
def test_cuts_of_real_tiffs_are_found_up_to_the_last_byte_in_use(name: str, tmp_path: Path) -> None:
    original = corpus_file(name)
    end, data = referred_end(original), original.read_bytes()
    path = tmp_path / original.name
    for cut_at in (end - 1, end - 5, end // 2, end // 3):
        path.write_bytes(data[:cut_at])
        assert not check(path).whole, f"cut at {cut_at} of {end}"


def test_a_written_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "w.ome.tiff"
    write_ome_tiff(open_image(PIXELS, dims="CZYX"), path)
    assert check(path, deep=True).whole


def test_bytes_that_cannot_be_had_are_an_error_and_no_damage(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a folder"):
        check(tmp_path)
    assert main(["check", str(make_tiff(tmp_path / "a.ome.tif")), "--format", "czi"]) == 4
    assert main(["check", str(tmp_path)]) == 0
    (tmp_path / "empty").mkdir()
    assert main(["check", str(tmp_path / "empty"), str(tmp_path)]) == 1


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ECONNREFUSED])
@pytest.mark.parametrize("name", ["open_image", "find_lost"])
def test_a_bad_block_of_a_disk_is_damage_and_a_closed_door_is_none(
    number: int, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_tiff(tmp_path / "a.ome.tif")
    failure = SourceError("cannot read")
    failure.__cause__ = OSError(number, "reason")

    def fail(*_: object, **__: object) -> list[LostPixels]:
        if name == "open_image":
            raise failure
        sizes = open_image(path).levels[0].stored.shape
        return [LostPixels(tuple(map(range, sizes)), failure)]

    monkeypatch.setattr(integrity, name, fail)
    if number == errno.EIO:
        assert {one.message for one in check(path).damage} == {"cannot read"}
    else:
        with pytest.raises(SourceError, match="cannot read"):
            check(path)
