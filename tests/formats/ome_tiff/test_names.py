"""Names of files inside OME-XML, and the files that they may lead to."""

from pathlib import Path

import pytest

from aicsio._io.readers import file_below, identify
from aicsio._io.urls import url_below
from aicsio.formats.ome_tiff.names import split_name, tails_of


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.tif", ("a.tif",)),
        ("s/a.tif", ("s", "a.tif")),
        ("s\\t\\a.tif", ("s", "t", "a.tif")),
        ("./s//a.tif", ("s", "a.tif")),
        ("C:\\data\\a.tif", ("data", "a.tif")),
        ("/data/a.tif", ("data", "a.tif")),
        ("../a.tif", ("a.tif",)),
        ("x/../../y/a.tif", ("y", "a.tif")),
        ("a..tif", ("a..tif",)),
        ("", None),
        ("/", None),
        ("s/", None),
        ("..", None),
        ("s/..", None),
    ],
)
def test_names_become_relative_paths(name: str, parts: tuple[str, ...] | None) -> None:
    assert split_name(name) == parts


def test_tails() -> None:
    assert tails_of(("a", "b", "c")) == [("a", "b", "c"), ("b", "c"), ("c",)]


def test_files_below_a_folder(tmp_path: Path) -> None:
    (tmp_path / "set" / "s").mkdir(parents=True)
    base = tmp_path / "set" / "base.ome"
    inner = tmp_path / "set" / "s" / "a.tif"
    outer = tmp_path / "outer.tif"
    for path in (base, inner, outer):
        path.write_bytes(b"x")
    (tmp_path / "set" / "link").symlink_to(tmp_path)
    source = identify(base)
    assert file_below(source, "s/a.tif") == identify(inner)
    assert file_below(source, "outer.tif", parents=1) == identify(outer)
    outside = ["outer.tif", "../outer.tif", "link/outer.tif", str(outer), "s", "", "s/b.tif", "s\0"]
    for name in outside:
        assert file_below(source, name) is None, name
    assert file_below(source, "a.tif", parents=99) is None
    assert file_below(identify(b"bytes"), "a.tif") is None


@pytest.mark.parametrize(
    ("url", "parents", "expected"),
    [
        ("https://host/a/b/base.ome?x=1", 0, "https://host/a/b/s/n%3F.tif?x=1"),
        ("https://host/a/b/base.ome", 1, "https://host/a/s/n%3F.tif"),
        ("https://host/a/b/base.ome", 2, "https://host/s/n%3F.tif"),
        ("https://host/a/b/base.ome", 3, None),
        ("s3://bucket/base.ome", 0, "s3://bucket/s/n?.tif"),
        ("s3://bucket/base.ome", 1, None),
        ("zip://a/base.ome::https://host/z.zip", 0, "zip://a/s/n?.tif::https://host/z.zip"),
    ],
)
def test_urls_below_a_folder(url: str, parents: int, expected: str | None) -> None:
    assert url_below(url, ["s", "n?.tif"], parents) == expected
