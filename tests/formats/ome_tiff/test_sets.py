"""Sets over several folders: names, companions, renamed files, and what lies outside."""

from pathlib import Path

import numpy as np
import pytest

from aicsio import open_image, to_numpy
from ome_files import codes, image, member, ome_tiff, ome_xml, values, write_set

# ---------------------------------------------------------------- sets over folders


def write_member(path: Path, value: int, text: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = [np.full((5, 6, 1), value, np.uint8)]
    return ome_tiff(path, pixels, text if text is not None else "")


def binary_only(companion: str, uuid: str) -> str:
    element = f'<BinaryOnly MetadataFile="{companion}" UUID="urn:uuid:c"/>'
    return ome_xml(element, uuid)


def test_a_companion_names_files_in_folders(tmp_path: Path) -> None:
    names = ["s/a.tif", "s\\b.tif", "./t/u/c.tif"]
    for number, name in enumerate(names):
        write_member(tmp_path / name.replace("\\", "/"), number + 1)
    data = "".join(member(number, name) for number, name in enumerate(names))
    companion = tmp_path / "set.companion.ome"
    companion.write_text(ome_xml(image(data, z=3)))
    assert values(open_image(companion)) == [1, 2, 3]


def test_equal_names_in_three_folders_are_three_files(tmp_path: Path) -> None:
    names = [f"{folder}/img.ome.tif" for folder in "abc"]
    data = "".join(member(number, name) for number, name in enumerate(names))
    for number, name in enumerate(names):
        write_member(tmp_path / name, number + 1, ome_xml(image(data, z=3), f"urn:uuid:{number}"))
    companion = tmp_path / "set.companion.ome"
    companion.write_text(ome_xml(image(data, z=3)))
    # From the metadata, and from each member, whose names are relative to the folder above it.
    for path in (companion, *(tmp_path / name for name in names)):
        assert values(open_image(path)) == [1, 2, 3], path


@pytest.mark.parametrize("root", ["/mnt/x/run/", "C:\\data\\run\\"])
def test_equal_names_below_a_folder_of_another_machine(tmp_path: Path, root: str) -> None:
    names = [f"{folder}/img.ome.tif" for folder in "abc"]
    data = "".join(member(number, root + name) for number, name in enumerate(names))
    for number, name in enumerate(names):
        write_member(tmp_path / name, number + 1, ome_xml(image(data, z=3), f"urn:uuid:{number}"))
    for name in names:
        assert values(open_image(tmp_path / name)) == [1, 2, 3], name


def test_equal_names_without_their_folders_are_not_taken_for_each_other(tmp_path: Path) -> None:
    names = [f"{folder}/img.tif" for folder in "abc"]
    write_member(tmp_path / "img.tif", 7)
    write_member(tmp_path / "there.tif", 5)
    names.append("there.tif")
    data = "".join(member(number, name) for number, name in enumerate(names))
    companion = tmp_path / "set.companion.ome"
    companion.write_text(ome_xml(image(data, z=4)))
    handle = open_image(companion)
    assert values(handle) == [0, 0, 0, 5]
    assert codes(handle).count("ome-member-missing") == 3


@pytest.mark.parametrize("name", ["../set.companion.ome", "set.companion.ome"])
def test_a_companion_in_the_folder_above(tmp_path: Path, name: str) -> None:
    paths = [tmp_path / "s" / f"{number}.ome.tif" for number in range(2)]
    for number, path in enumerate(paths):
        write_member(path, number + 1, binary_only(name, f"urn:uuid:{number}"))
    data = "".join(member(number, f"s/{number}.ome.tif") for number in range(2))
    (tmp_path / "set.companion.ome").write_text(ome_xml(image(data, z=2), "urn:uuid:c"))
    for path in (*paths, tmp_path / "set.companion.ome"):
        assert values(open_image(path)) == [1, 2]


def test_a_companion_above_that_names_other_files_is_no_companion(tmp_path: Path) -> None:
    path = write_member(tmp_path / "s" / "x.ome.tif", 1, binary_only("../c.ome", "urn:uuid:7"))
    data = member(0, "other.ome.tif")
    (tmp_path / "c.ome").write_text(ome_xml(image(data, z=1), "urn:uuid:c"))
    handle = open_image(path)
    assert to_numpy(handle).max() == 1
    assert codes(handle) == ["ome-metadata-missing"]


def test_nothing_outside_of_the_set_is_opened(tmp_path: Path) -> None:
    write_member(tmp_path / "secret" / "a.tif", 9)
    folder = tmp_path / "set"
    folder.mkdir()
    write_member(folder / "there.tif", 5)
    (folder / "link").symlink_to(tmp_path / "secret")
    names = [
        "../secret/a.tif",
        "link/a.tif",
        str(tmp_path / "secret" / "a.tif"),
        "x/../../secret/a.tif",
    ]
    names.append("there.tif")
    data = "".join(member(number, name) for number, name in enumerate(names))
    companion = folder / "set.companion.ome"
    companion.write_text(ome_xml(image(data, z=5)))
    handle = open_image(companion)
    assert values(handle) == [0, 0, 0, 0, 5]
    assert codes(handle).count("ome-member-missing") == 4


def test_a_set_that_was_renamed_to_tif_is_found_by_its_uuids(tmp_path: Path) -> None:
    paths = write_set(tmp_path, ["z0.ome.tif", "z1.ome.tif", "z2.ome.tif"])
    renamed = [path.rename(tmp_path / f"renamed {i}.tif") for i, path in enumerate(paths)]
    handle = open_image(renamed[0], format="ome-tiff")
    assert values(handle) == [10, 11, 12]
    assert codes(handle).count("ome-renamed") == 2
