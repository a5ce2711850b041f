"""Names that lead nowhere: what was asked, what is there, what works."""

from pathlib import Path

import numpy as np
import pytest

from aicsio import errors, open_image, write_ome_tiff
from aicsio._io import missing


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_ome_tiff(open_image(np.zeros((4, 5), np.uint8)), tmp_path / "Cells.ome.tiff")
    for name in ("t1.tif", "t2.tif", "plate-10.czi"):
        (tmp_path / name).touch()
    (tmp_path / "link.tif").symlink_to("nowhere.tif")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("cells.ome.tiff", "; did you mean 'Cells.ome.tiff'?"),
        ("Cels.ome.tiff", "; did you mean 'Cells.ome.tiff'?"),
        ("Cells.ome.tif", "; did you mean 'Cells.ome.tiff'?"),
        ("t3.tif", ""),
        ("plate-11.czi", ""),
        ("other.lif", ""),
        ("", "the path is empty"),
        ("data/Cells.ome.tiff", "; there is no folder '{folder}/data'"),
        ("data/deep/Cells.ome.tiff", "; there is no folder '{folder}/data'"),
        ("*.tif", "; open_many('*.tif') opens the files of a pattern as one image"),
        ("t{T}.tif", "; open_many('t{T}.tif') opens"),
        ("https:/a.org/b.tif", "; a URL has two slashes, 'https://a.org/b.tif'"),
        ("C:\\data\\a.czi", "; it is a path of Windows"),
        ("link.tif", "; it is a link to 'nowhere.tif', which is missing"),
        ("Cells.ome.tiff/inner.tif", "; there is no folder"),
    ],
)
def test_a_missing_file_is_answered_with_what_is_there(
    folder: Path, name: str, advice: str
) -> None:
    with pytest.raises(errors.SourceNotFoundError) as caught:
        open_image(name)
    expected = advice.replace("{folder}", str(folder))
    message = str(caught.value)
    assert expected in message if expected else ";" not in message


def test_a_folder_of_many_files_is_read_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "MOST_NAMES", 3)
    for number in range(9):
        (tmp_path / f"cells{'x' * number}.tif").touch()
    assert len(missing._near_names(str(tmp_path), "Cells.tif")) <= 2


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nope://x", "there is no scheme 'nope': http, https, file"),
        ("htps://a.org/b.tif", "there is no scheme 'htps': did you mean https://?"),
        ("zip://a.tif::nope://b", "there is no scheme 'nope'"),
    ],
)
def test_an_unknown_scheme_is_answered_with_those_that_work(url: str, message: str) -> None:
    with pytest.raises(errors.SourceError) as caught:
        open_image(url)
    assert message in str(caught.value)
    assert "s3, gs, az with pip install 'aicsio[remote]'" in str(caught.value)
    assert "Protocol not known" not in str(caught.value)


def test_the_schemes_that_are_said_to_work_are_those_of_fsspec_or_ours() -> None:
    import fsspec

    known = {*fsspec.available_protocols(), "gs", "az"}
    assert {*missing.READY, *missing.EXTRA} <= known
    for name in set(missing.READY) - {"http", "https"}:  # those have a reader of our own
        fsspec.get_filesystem_class(name)


@pytest.mark.parametrize(
    ("url", "package"), [("smb://server/a.tif", "smbprotocol"), ("oss://bucket/a.tif", "ossfs")]
)
def test_a_scheme_without_its_package_names_it_as_pip_does(url: str, package: str) -> None:
    with pytest.raises(errors.MissingDependencyError) as caught:
        open_image(url)
    assert str(caught.value).endswith(f"that is not installed: pip install {package}")
