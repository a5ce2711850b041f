"""Documents of a store: JSON in, groups and arrays out.

Right values are by hand from the Zarr core specification 3.1 and the Zarr v2 specification.
"""

import json
from pathlib import Path
from typing import Any

import fsspec
import pytest

from aicsio.errors import CorruptFileError
from aicsio.formats.zarr.documents import Documents, Node, extension_of, objects_of
from aicsio.records import Source


@pytest.mark.parametrize(
    ("value", "name", "configuration"),
    [
        ({"name": "bytes", "configuration": {"endian": "little"}}, "bytes", {"endian": "little"}),
        ({"name": "crc32c"}, "crc32c", {}),
        ("crc32c", "crc32c", {}),  # the short form of the specification
        ({"name": "gzip", "configuration": 7}, "gzip", {}),
        ({"configuration": {"level": 1}}, None, {"level": 1}),
        ({"name": 7}, None, {}),
        (7, None, {}),
        (None, None, {}),
    ],
)
def test_extension_points(value: Any, name: str | None, configuration: dict[str, Any]) -> None:
    assert extension_of(value) == (name, configuration)


@pytest.mark.parametrize(
    ("content", "objects"),
    [
        ({"datasets": [{"path": "0"}, 7, None, {"path": "1"}]}, [{"path": "0"}, {"path": "1"}]),
        ({"datasets": {"path": "0"}}, []),
        ({}, []),
    ],
)
def test_objects_of_a_list(content: dict[str, Any], objects: list[dict[str, str]]) -> None:
    assert objects_of(content, "datasets") == objects


@pytest.mark.parametrize(
    ("attributes", "ngff"),
    [
        ({"multiscales": [1]}, {"multiscales": [1]}),  # up to 0.4
        ({"ome": {"multiscales": [1]}, "mine": 2}, {"multiscales": [1]}),  # from 0.5 on
        ({"ome": "a word", "multiscales": [1]}, {"ome": "a word", "multiscales": [1]}),
    ],
)
def test_where_ngff_keeps_its_metadata(attributes: dict[str, Any], ngff: dict[str, Any]) -> None:
    assert Node("", 3, attributes, None, "").ngff == ngff


def documents(folder: Path, **files: Any) -> Documents:
    """A store with some documents: in a name ``__`` stands for a slash, ``DOT`` for a dot."""
    for name, content in files.items():
        key = name.replace("__", "/").replace("DOT", ".")
        path = folder / (key if "." in key else key + ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return Documents(Source(str(folder), folder=True))


GROUP_3 = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"version": "0.5"}}}
ARRAY_3 = {"zarr_format": 3, "node_type": "array", "shape": [4]}


def test_nodes_of_version_3(tmp_path: Path) -> None:
    store = documents(tmp_path, zarr=GROUP_3, level__zarr=ARRAY_3)
    root, level = store.node(""), store.node("level")
    assert root is not None
    assert level is not None
    assert (root.version, root.array, root.ngff) == (3, None, {"version": "0.5"})
    assert (level.path, level.array, level.attributes) == ("level", ARRAY_3, {})
    assert json.loads(root.text) == GROUP_3
    assert store.node("elsewhere") is None


def test_nodes_of_version_2(tmp_path: Path) -> None:
    array = {"zarr_format": 2, "shape": [4]}
    store = documents(
        tmp_path, DOTzgroup={}, DOTzattrs={"multiscales": []}, a__DOTzarray=array, b__DOTzgroup={}
    )
    root, child, group = store.node(""), store.node("a"), store.node("b")
    assert root is not None
    assert child is not None
    assert group is not None
    assert (root.version, root.array, root.attributes) == (2, None, {"multiscales": []})
    assert (child.version, child.array, child.attributes) == (2, array, {})
    assert (group.array, group.attributes, group.text) == (None, {}, "")


def test_of_both_versions_the_third_comes_first(tmp_path: Path) -> None:
    store = documents(tmp_path, zarr=GROUP_3, DOTzgroup={})
    root = store.node("")
    assert root is not None
    assert root.version == 3
    store.version = 2  # the root decides for its children
    root = store.node("")
    assert root is not None
    assert root.version == 2


def remote(**files: Any) -> Documents:
    """The same store behind a URL."""
    system = fsspec.filesystem("memory")
    for name, content in files.items():
        key = name.replace("__", "/").replace("DOT", ".")
        key = key if "." in key else key + ".json"
        system.pipe_file(f"/documents.zarr/{key}", json.dumps(content).encode())
    return Documents(Source("memory://documents.zarr", local=False, folder=True))


def test_consolidated_documents_of_a_server_need_no_requests_of_their_own() -> None:
    """Zarr v3 lists nodes in the document of the root, v2 files in ``.zmetadata``."""
    metadata = {"a": ARRAY_3, "b": GROUP_3}
    store = remote(zarr={**GROUP_3, "consolidated_metadata": {"metadata": metadata}})
    try:
        assert store.node("") is not None
        child, group = store.node("a"), store.node("b")
        assert child is not None
        assert group is not None
        assert (child.array, group.ngff) == (ARRAY_3, {"version": "0.5"})
    finally:
        fsspec.filesystem("memory").rm("/documents.zarr", recursive=True)
    array = {"zarr_format": 2, "shape": [4]}
    consolidated = {"metadata": {"a/.zarray": array, "a/.zattrs": {"x": 1}}}
    store = remote(DOTzgroup={}, DOTzmetadata=consolidated)
    try:
        assert store.node("") is not None
        child = store.node("a")
        assert child is not None
        assert (child.array, child.attributes) == (array, {"x": 1})
    finally:
        fsspec.filesystem("memory").rm("/documents.zarr", recursive=True)


def test_a_byte_order_mark_of_an_editor_is_no_damage(tmp_path: Path) -> None:
    root = documents(tmp_path, zarr=b"\xef\xbb\xbf" + json.dumps(GROUP_3).encode()).node("")
    assert root is not None
    assert root.ngff == {"version": "0.5"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "it is no JSON document"),
        (b"\xff\xfe", "it is no JSON document"),
        (b"[]", "it is a JSON list, not an object"),
        (b"7", "it is a JSON int, not an object"),
        (b"[" * 100_000, "it is no JSON document"),
        (b"[{}" * 1_500_000, "it has more than 2,000,000 lists and objects"),
    ],
)
def test_damaged_documents_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(CorruptFileError) as caught:
        documents(tmp_path, zarr=content).node("")
    assert message in str(caught.value)
    assert "zarr.json" in str(caught.value)
