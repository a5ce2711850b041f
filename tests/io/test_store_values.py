"""Values of a store by their keys: folders and archives in, bytes and places out.

Archives are made by zipfile; places in them are read off the bytes, after APPNOTE.TXT 4.3.7.
"""

import zipfile
from pathlib import Path

import pytest

from aicsio._io import pool
from aicsio._io.stores import (
    Location,
    check_key,
    is_key,
    join,
    list_names,
    locate,
    read_value,
    read_values,
)
from aicsio.errors import CorruptFileError
from aicsio.records import Source


@pytest.mark.parametrize(
    ("key", "stays_below"),
    [
        ("", True),  # the store itself
        ("zarr.json", True),
        ("0/c/1/2", True),
        (".zattrs", True),
        ("..a/b..", True),
        ("..", False),
        ("a/../b", False),
        ("./a", False),
        ("a//b", False),
        ("/a", False),
        ("a/", False),
        ("a\\b", False),
        ("C:a", False),
        ("a\0", False),
    ],
)
def test_keys_name_values_below_the_store(key: str, stays_below: bool) -> None:
    assert is_key(key) is stays_below
    if not stays_below:
        with pytest.raises(CorruptFileError, match="is no key of a store"):
            check_key(Source("/a.zarr", folder=True), key)


def test_the_store_itself_is_no_value() -> None:
    with pytest.raises(CorruptFileError, match="'' is no key"):
        check_key(Source("/a.zarr", folder=True), "")


@pytest.mark.parametrize(
    ("parts", "key"), [((), ""), (("", "a"), "a"), (("a", "", "b/c"), "a/b/c"), (("a", ""), "a")]
)
def test_join(parts: tuple[str, ...], key: str) -> None:
    assert join(*parts) == key


# ---------------------------------------------------------------- folders


@pytest.fixture
def folder(tmp_path: Path) -> Source:
    root = tmp_path / "a.zarr"
    (root / "0" / "c").mkdir(parents=True)
    (root / "zarr.json").write_bytes(b"{}")
    (root / "0" / "c" / "0").write_bytes(b"pixels")
    (tmp_path / "secret").write_bytes(b"outside")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "inner").symlink_to(root / "zarr.json")
    return Source(str(root), folder=True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("zarr.json", b"{}"),
        ("0/c/0", b"pixels"),
        ("inner", b"{}"),  # a link inside of the store
        ("0/c/1", None),
        ("zarr.json/c", None),  # a file in the place of a folder
    ],
)
def test_values_of_a_folder(folder: Source, key: str, value: bytes | None) -> None:
    assert read_value(folder, key, 6) == value
    assert list(read_values(folder, [key, "nothing"], 6)) == [value, None]
    place = locate(folder, key, 6)
    assert (place is None) == (value is None)
    if place is not None:
        assert (place.source.uri, place.offset) == (f"{folder.uri}/{key}", 0)
        assert place.nbytes == place.source.size == len(value or b"")


def test_a_link_out_of_the_store_is_not_followed(folder: Source) -> None:
    with pytest.raises(CorruptFileError, match="a link leads out of the store"):
        read_value(folder, "link", 100)
    with pytest.raises(CorruptFileError, match="a link leads out of the store"):
        locate(folder, "link", 100)


def test_a_value_longer_than_its_limit_is_not_read(folder: Source) -> None:
    with pytest.raises(CorruptFileError, match="it has 6 bytes, expected 5 at most"):
        read_value(folder, "0/c/0", 5)


def test_names_of_a_folder(folder: Source) -> None:
    assert list_names(folder, "") == ["0", "inner", "link", "zarr.json"]
    assert list_names(folder, "0") == ["c"]
    assert list_names(folder, "nowhere") == list_names(folder, "zarr.json") == []


# ---------------------------------------------------------------- archives

MEMBERS = {"zarr.json": b"{}", "0/c/0": b"stored pixels", "0/c/1": bytes(500)}


def archive(path: Path, prefix: str = "") -> Source:
    """An archive whose last member is compressed."""
    with zipfile.ZipFile(path, "w") as file:
        for name, value in MEMBERS.items():
            method = zipfile.ZIP_DEFLATED if name == "0/c/1" else zipfile.ZIP_STORED
            file.writestr(prefix + name, value, method)
    return Source(str(path), size=path.stat().st_size, fingerprint=str(path.stat().st_mtime_ns))


@pytest.mark.parametrize("prefix", ["", "image.zarr/"])
def test_values_of_an_archive(tmp_path: Path, prefix: str) -> None:
    store = archive(tmp_path / "a.ozx", prefix)
    for key, value in MEMBERS.items():
        assert read_value(store, key, 500) == value
    assert read_value(store, "0/c/2", 500) is None
    assert list_names(store, "") == ["0", "zarr.json"]
    assert list_names(store, "0/c") == ["0", "1"]


def test_a_stored_member_lies_in_the_archive(tmp_path: Path) -> None:
    store = archive(tmp_path / "a.ozx")
    content = (tmp_path / "a.ozx").read_bytes()
    assert locate(store, "0/c/0", 500) == Location(store, content.index(b"stored pixels"), 13)
    assert locate(store, "0/c/2", 500) is None


def test_a_compressed_member_is_decoded_whole(tmp_path: Path) -> None:
    place = locate(archive(tmp_path / "a.ozx"), "0/c/1", 500)
    assert place is not None
    assert (place.source.content, place.offset, place.nbytes) == (bytes(500), 0, 500)


@pytest.mark.parametrize("limit", [0, 499])
def test_a_member_longer_than_its_limit_is_not_decoded(tmp_path: Path, limit: int) -> None:
    store = archive(tmp_path / "a.ozx")
    with pytest.raises(CorruptFileError, match="it has 500 bytes, expected"):
        read_value(store, "0/c/1", limit)
    with pytest.raises(CorruptFileError, match="it has 500 bytes, expected"):
        locate(store, "0/c/1", limit)


def test_an_encrypted_or_damaged_local_header_is_refused(tmp_path: Path) -> None:
    store = archive(tmp_path / "a.ozx")
    content = bytearray((tmp_path / "a.ozx").read_bytes())
    content[0] = 0  # the signature of the first member, zarr.json
    (tmp_path / "b.ozx").write_bytes(content)
    damaged = Source(str(tmp_path / "b.ozx"), size=store.size, fingerprint=None)
    with pytest.raises(CorruptFileError, match=r"'zarr\.json' has no readable local header"):
        read_value(damaged, "zarr.json", 500)
    assert read_value(damaged, "0/c/0", 500) == b"stored pixels"


@pytest.fixture(autouse=True)
def no_archives_kept() -> None:
    pool.close_connections()
