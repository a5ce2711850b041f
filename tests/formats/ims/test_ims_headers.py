"""Attributes from the messages of object headers, against those that h5py reads."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicsio.formats.ims import hdf5
from aicsio.formats.ims.hdf5 import open_index
from aicsio.formats.ims.headers import find_object, read_attributes
from aicsio.records import Source

h5py = pytest.importorskip("h5py")
Attributes = dict[str, Any]


def characters(text: bytes) -> Any:
    """One character an element, as Imaris writes texts."""
    return np.frombuffer(text, "S1")


def make(path: Path, attributes: Attributes, **options: Any) -> Source:
    with h5py.File(path, "w", **options) as file:
        group = file.create_group("group")
        for name, value in attributes.items():
            group.attrs[name] = value
    return Source(str(path), size=path.stat().st_size)


def read(source: Source) -> dict[bytes, bytes | None] | None:
    """Return the attributes as ``headers`` reads them."""
    with open_index(source) as file:
        return read_attributes(file.read_at, find_object(h5py.h5o.open(file._file, b"group")))


def both(source: Source, monkeypatch: pytest.MonkeyPatch) -> tuple[Attributes, Attributes]:
    """Return what the file has with and without ``headers``."""
    with open_index(source) as file:
        ours = file.attributes("group")
        with monkeypatch.context() as patch:
            patch.setattr(hdf5, "read_attributes", lambda *_: None)
            return ours, file.attributes("group")


TEXTS: Attributes = {
    "X": characters(b"128"),
    "Name": characters("µm, wide".encode()),
    "Ends": characters(b"ab\0cd"),
    "Z": np.bytes_(b"12"),
    "None": characters(b"\0"),
}
MANY = {f"TimePoint{number}": characters(b"2024-01-01 %d" % number) for number in range(90)}


@pytest.mark.parametrize("attributes", [TEXTS, MANY, {}], ids=["texts", "continued", "none"])
@pytest.mark.parametrize("user_block", [0, 512])
def test_attributes_are_those_of_h5py(
    attributes: Attributes, user_block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make(tmp_path / "a.ims", attributes, userblock_size=user_block)
    assert read(source) is not None
    ours, theirs = both(source, monkeypatch)
    assert list(ours.items()) == list(theirs.items())
    assert len(ours) == len(attributes)


OTHERS: dict[str, Attributes] = {
    "number": {"X": characters(b"1"), "Count": 3},
    "numbers": {"Range": np.array([1.5, 2.5])},
    "variable": {"Text": "of variable length"},
    "several": {"Texts": np.array([b"one", b"two"])},
    "rows": {"Rows": np.array([[b"a", b"b"]], "S1")},
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_kinds_are_left_to_h5py(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make(tmp_path / "a.ims", OTHERS[name])
    assert None in (read(source) or {}).values()
    ours, theirs = both(source, monkeypatch)
    assert ours == theirs


def test_headers_of_newer_files_are_left_to_h5py(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make(tmp_path / "a.ims", TEXTS, libver="latest")
    assert read(source) is None
    ours, theirs = both(source, monkeypatch)
    assert ours == theirs


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, int]:
    """A file with attributes in several blocks, and the address of their header."""
    source = make(tmp_path_factory.mktemp("headers") / "a.ims", MANY)
    with open_index(source) as file:
        address = find_object(h5py.h5o.open(file._file, b"group"))
    return Path(source.uri).read_bytes(), address


@given(place=st.integers(0, 8000), value=st.integers(0, 255))
def test_damage_costs_attributes_and_raises_nothing(
    whole: tuple[bytes, int], place: int, value: int
) -> None:
    data, address = bytearray(whole[0]), whole[1]
    data[(address + place) % len(data)] = value
    found = read_attributes(lambda start, nbytes: bytes(data[start : start + nbytes]), address)
    assert found is None or len(found) <= len(MANY)


def test_a_loop_of_continuations_ends(whole: tuple[bytes, int]) -> None:
    data, address = bytearray(whole[0]), whole[1]
    # The first continuation points at the block that it stands in.
    at = address + 16
    while data[at] != 16:
        at += 8 + int.from_bytes(data[at + 2 : at + 4], "little")
    data[at + 8 : at + 24] = (address + 16).to_bytes(8, "little") + data[
        address + 8 : address + 12
    ].ljust(8, b"\0")
    assert (
        read_attributes(lambda start, nbytes: bytes(data[start : start + nbytes]), address) is None
    )
