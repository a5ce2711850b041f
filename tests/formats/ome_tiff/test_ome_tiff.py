"""OME-TIFF: sets of files, sizes that disagree, members that are missing, renamed or elsewhere."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from aicsio import (
    CorruptFileError,
    SceneError,
    explain,
    open_image,
    select_level,
    select_scene,
    to_numpy,
    transpose_to,
)
from ome_files import codes, image, member, ome_tiff, ome_xml, planes, values, write_set
from support import corpus_file

# ---------------------------------------------------------------- one file


@pytest.mark.parametrize("order", ["XYZCT", "XYZTC", "XYCZT", "XYCTZ", "XYTZC", "XYTCZ"])
def test_dimension_order_is_that_of_the_pages(tmp_path: Path, order: str) -> None:
    path = ome_tiff(
        tmp_path / "a.ome.tif", planes(24), ome_xml(image("<TiffData/>", 4, 2, 3, order))
    )
    handle = open_image(path)
    assert handle.format == "ome-tiff"
    assert handle.dims.order == order[::-1]
    assert values(handle) == list(range(10, 34))


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        ("", [10, 11, 12, 13]),
        ("<TiffData/>", [10, 11, 12, 13]),
        ('<TiffData IFD="1"/>', [11, 0, 0, 0]),
        ('<TiffData IFD="1" PlaneCount="2"/>', [11, 12, 0, 0]),
        ('<TiffData FirstZ="2" IFD="0" NumPlanes="2"/>', [0, 0, 10, 11]),
        ('<TiffData FirstZ="3" IFD="0"/><TiffData FirstZ="1" IFD="2"/>', [0, 12, 0, 10]),
        ('<TiffData IFD="2" PlaneCount="9"/>', [12, 13, 0, 0]),
        ('<TiffData FirstZ="9" IFD="0"/><TiffData IFD="1"/>', [11, 0, 0, 0]),
        ('<TiffData IFD="9"/><TiffData FirstZ="1" IFD="1"/>', [0, 11, 0, 0]),
    ],
)
def test_tiff_data_say_where_planes_are(tmp_path: Path, data: str, seen: list[int]) -> None:
    handle = open_image(ome_tiff(tmp_path / "a.ome.tif", planes(4), ome_xml(image(data, z=4))))
    assert values(handle) == seen
    assert ("ome-planes-missing" in codes(handle)) == (0 in seen)


def test_counting_from_one_is_understood(tmp_path: Path) -> None:
    data = "".join(f'<TiffData FirstZ="{z + 1}" IFD="{z}"/>' for z in range(4))
    handle = open_image(ome_tiff(tmp_path / "a.ome.tif", planes(4), ome_xml(image(data, z=4))))
    assert values(handle) == [10, 11, 12, 13]
    assert codes(handle) == ["ome-counts-from-one"]


def test_images_without_tiff_data_follow_each_other(tmp_path: Path) -> None:
    xml = ome_xml(image("", z=2, name="a") + image("", z=3, name="b"))
    handle = open_image(ome_tiff(tmp_path / "a.ome.tif", planes(5), xml))
    assert handle.scene_names == ("a", "b")
    assert values(handle) == [10, 11]
    assert values(select_scene(handle, "b")) == [12, 13, 14]


@pytest.mark.parametrize(
    ("size_c", "channels", "dims"),
    [
        (3, '<Channel SamplesPerPixel="3" Name="rgb"/>', "T=1, C=1, Z=2"),
        (3, "<Channel/><Channel/><Channel/>", "T=1, C=1, Z=2"),
        (1, "", "T=1, C=1, Z=2"),
        (2, "", "T=1, C=2, Z=1"),
    ],
)
def test_samples_are_counted_by_the_pages(
    tmp_path: Path, size_c: int, channels: str, dims: str
) -> None:
    z = 1 if size_c == 2 else 2
    xml = ome_xml(image(channels + "<TiffData/>", z=z, c=size_c))
    handle = open_image(ome_tiff(tmp_path / "a.ome.tif", planes(2, samples=3), xml))
    assert str(handle.dims) == f"{dims}, Y=5, X=6, S=3"
    assert values(handle) == [10, 11]
    assert {channel.samples for channel in handle.scene.channels} <= {3}


def test_levels_are_sub_ifds(tmp_path: Path) -> None:
    full = np.random.default_rng(1).integers(0, 99, (3, 64, 48), dtype=np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as tif:
        tif.write(
            full, subifds=2, metadata={"axes": "CYX"}, tile=(16, 16), photometric="minisblack"
        )
        for step in (2, 4):
            tif.write(
                full[:, ::step, ::step], subfiletype=1, tile=(16, 16), photometric="minisblack"
            )
    handle = open_image(tmp_path / "a.ome.tif")
    assert [level.shape[-2:] for level in handle.levels] == [(64, 48), (32, 24), (16, 12)]
    for index, step in enumerate((1, 2, 4)):
        seen = to_numpy(transpose_to(select_level(handle, index), "CYX"))
        assert seen.tobytes() == np.ascontiguousarray(full[:, ::step, ::step]).tobytes()


def test_folded_dimensions_are_unfolded() -> None:
    handle = open_image(corpus_file("ometiff/ome-spec/2013-06/FLIM-modulo-sample.ome.tif"))
    assert str(handle.dims) == "T=1, C=2, H=8, Z=1, Y=150, X=180"
    assert len(handle.channels) == 2
    (lifetimes,) = handle.scene.coordinates
    assert (lifetimes.letter, len(lifetimes.values)) == ("H", 8)
    flat = open_image(
        corpus_file("ometiff/ome-spec/2013-06/FLIM-modulo-sample.ome.tif"), format="tiff"
    )
    assert to_numpy(flat).tobytes() == to_numpy(handle).tobytes()


def test_facts_of_planes_are_unfolded_with_them(tmp_path: Path) -> None:
    times = "".join(f'<Plane TheZ="0" TheC="0" TheT="{t}" DeltaT="{t}"/>' for t in range(6))
    folded = '<Modulo><ModuloAlongT Type="lifetime" Start="0" End="2"/></Modulo>'
    body = image("<TiffData/>" + times, t=6).replace("</Image>", '<AnnotationRef ID="A"/></Image>')
    body += f"<StructuredAnnotations><XMLAnnotation ID='A'><Value>{folded}</Value></XMLAnnotation></StructuredAnnotations>"
    handle = open_image(ome_tiff(tmp_path / "a.ome.tif", planes(6), ome_xml(body)))
    assert str(handle.dims) == "T=2, H=3, C=1, Z=1, Y=5, X=6"
    known = handle.scene.planes
    assert known is not None
    assert str(known.dims) == "T=2, H=3, C=1, Z=1"
    column = known.column("time")
    assert column is not None
    assert column[:, :, 0, 0].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


def test_colours_of_indexed_pixels(tmp_path: Path) -> None:
    colors = np.arange(768, dtype=np.uint16).reshape(3, 256)
    tifffile.imwrite(
        tmp_path / "a.ome.tif", planes(1)[0][..., 0], photometric="palette", colormap=colors,
        description=ome_xml(image("<TiffData/>")), metadata=None,
    )  # fmt: skip
    handle = open_image(tmp_path / "a.ome.tif")
    assert handle.format == "ome-tiff"
    assert handle.scene.color_map == colors.tobytes()


def test_pixels_inside_the_xml() -> None:
    path = corpus_file("generated/bioformats/bf_omexml_bindata.ome")
    handle = open_image(path)
    assert str(handle.dims) == "T=1, Z=1, C=1, Y=325, X=475"
    assert (
        to_numpy(transpose_to(handle, "YX", Y=slice(100, 120))).tobytes()
        == to_numpy(handle)[0, 0, 0, 100:120].tobytes()
    )


def test_scene_without_pixels_is_told(tmp_path: Path) -> None:
    xml = ome_xml(image("<TiffData/>", name="a") + image('<TiffData IFD="7"/>', name="b"))
    handle = open_image(ome_tiff(tmp_path / "a.ome.tif", planes(1), xml))
    assert [len(scene.levels) for scene in handle.scenes] == [1, 0]
    assert "ome-no-pixels" in codes(handle)
    with pytest.raises(SceneError):
        to_numpy(select_scene(handle, "b"))


# ---------------------------------------------------------------- sets of files


def test_a_set_is_entered_by_any_of_its_files(tmp_path: Path) -> None:
    paths = write_set(tmp_path, ["z0.ome.tif", "z1.ome.tif", "z2.ome.tif"])
    first = open_image(paths[0])
    for path in paths:
        handle = open_image(path)
        assert values(handle) == [10, 11, 12]
        assert handle.contents.scenes == first.contents.scenes
        assert codes(handle) == []


def test_a_companion_file_opens_the_set(tmp_path: Path) -> None:
    names = ["z0.ome.tif", "z1.ome.tif"]
    write_set(tmp_path, names)
    companion = tmp_path / "set.companion.ome"
    companion.write_text(
        ome_xml(image("".join(member(i, name) for i, name in enumerate(names)), z=2), "urn:uuid:9")
    )
    assert values(open_image(companion)) == [10, 11]
    taken = [candidate.format for candidate in explain(companion) if candidate.taken]
    assert taken == ["ome-tiff"]


def test_missing_member_is_blank_and_told(tmp_path: Path) -> None:
    paths = write_set(tmp_path, ["z0.ome.tif", "z1.ome.tif", "z2.ome.tif"])
    paths[1].unlink()
    handle = open_image(paths[2])
    assert values(handle) == [10, 0, 12]
    assert codes(handle) == ["ome-planes-missing", "ome-member-missing"]


def test_broken_member_is_blank_and_told(tmp_path: Path) -> None:
    paths = write_set(tmp_path, ["z0.ome.tif", "z1.ome.tif"])
    paths[1].write_bytes(b"II*\0nothing else")
    handle = open_image(paths[0])
    assert values(handle) == [10, 0]
    assert "ome-member-broken" in codes(handle)


def test_missing_metadata_leave_the_plain_file(tmp_path: Path) -> None:
    paths = write_set(tmp_path, ["z0.ome.tif", "z1.ome.tif"])
    paths[0].unlink()
    handle = open_image(paths[1])
    assert (handle.shape, codes(handle)) == ((5, 6), ["ome-metadata-missing"])
    paths[0].write_bytes(paths[1].read_bytes())  # points to itself
    assert codes(open_image(paths[1])) == ["ome-metadata-missing"]


@pytest.mark.parametrize("name", ["renamed.ome.tif", "Z0.OME.TIF"])
@pytest.mark.parametrize("uuid", ["urn:uuid:1", "urn:uuid:7", None])
def test_single_file_that_was_renamed(tmp_path: Path, name: str, uuid: str | None) -> None:
    data = (
        '<TiffData IFD="0" PlaneCount="2"><UUID FileName="z0.ome.tif">urn:uuid:1</UUID></TiffData>'
    )
    handle = open_image(ome_tiff(tmp_path / name, planes(2), ome_xml(image(data, z=2), uuid)))
    assert values(handle) == [10, 11]


def test_set_that_was_renamed_is_found_by_its_uuids(tmp_path: Path) -> None:
    paths = write_set(tmp_path, ["z0.ome.tif", "z1.ome.tif", "z2.ome.tif"])
    (tmp_path / "other.ome.tif").write_bytes(b"II*\0no TIFF")
    for index, path in enumerate(paths):
        path.rename(tmp_path / f"day2-{index}.ome.tif")
    handle = open_image(tmp_path / "day2-0.ome.tif")
    assert values(handle) == [10, 11, 12]
    assert codes(handle) == ["ome-renamed", "ome-renamed"]


def test_names_with_folders_are_looked_for_beside_the_file_and_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    outside = ome_tiff(
        tmp_path / "out.ome.tif",
        [np.full((5, 6, 1), 99, np.uint8)],
        ome_xml(image(""), "urn:uuid:8"),
    )
    data = (
        member(0, "z0.ome.tif")
        + member(1, "../out.ome.tif")
        + member(2, "C:\\data\\z2.ome.tif")
        + member(3, str(outside))
    )
    ome_tiff(folder / "z0.ome.tif", planes(1), ome_xml(image(data, z=4), "urn:uuid:0"))
    ome_tiff(folder / "z2.ome.tif", [planes(3)[2]], ome_xml(image(""), "urn:uuid:2"))
    handle = open_image(folder / "z0.ome.tif")
    assert values(handle) == [10, 0, 12, 0]
    assert codes(handle).count("ome-path") == 3


def test_set_from_bytes_has_only_its_own_planes(tmp_path: Path) -> None:
    paths = write_set(tmp_path, ["z0.ome.tif", "z1.ome.tif"])
    handle = open_image(paths[0].read_bytes())
    assert values(handle) == [10, 0]


def test_members_may_be_stored_in_their_own_ways(tmp_path: Path) -> None:
    paths = write_set(tmp_path, ["z0.ome.tif", "z1.ome.tif", "z2.ome.tif"])
    tifffile.imwrite(
        paths[1], planes(2)[1][..., 0], compression="zlib", byteorder=">", metadata=None
    )
    tifffile.imwrite(paths[2], planes(3)[2][..., 0].astype(np.uint16), metadata=None)
    handle = open_image(paths[0])
    assert values(handle) == [10, 11, 0]
    assert "page-does-not-fit" in codes(handle)


def test_moved_set_still_opens(tmp_path: Path) -> None:
    folder = corpus_file("ometiff/exampletiffs/multiples/companion/multifile-Z1.ome.tiff").parent
    moved = tmp_path / "a folder ü"
    shutil.copytree(folder, moved)
    for path in sorted(moved.iterdir()):
        assert open_image(path).dims.Z == 5


# ---------------------------------------------------------------- wrong metadata


def test_sizes_that_cannot_be_are_refused(tmp_path: Path) -> None:
    path = ome_tiff(
        tmp_path / "a.ome.tif", planes(1), ome_xml(image("<TiffData/>", z=1 << 20, t=1 << 20))
    )
    with pytest.raises(CorruptFileError, match="planes"):
        open_image(path)


def test_sizes_of_planes_are_those_of_the_pages(tmp_path: Path) -> None:
    xml = ome_xml(image("<TiffData/>", z=2).replace('SizeX="6"', 'SizeX="60"'))
    assert (
        str(open_image(ome_tiff(tmp_path / "a.ome.tif", planes(2), xml)).dims)
        == "T=1, C=1, Z=2, Y=5, X=6"
    )


def test_document_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match="Image"):
        open_image(ome_tiff(tmp_path / "a.ome.tif", planes(1), ome_xml("")))
