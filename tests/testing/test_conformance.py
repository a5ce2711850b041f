"""The conformance suite: every format of the table holds the laws, and a format that breaks one is named."""

import types
from collections.abc import Iterator
from pathlib import Path

import attrs
import numpy as np
import pytest

from aicsio import CorruptFileError, Dims, LazyArray, Scene, Source
from aicsio.formats import TABLE, Options, read_head
from aicsio.records import Contents, Piece, Selection, Strided
from aicsio.testing.conformance import LAWS, ConformanceError, check_format
from format_makers import MAKERS
from support import mostly_long


def test_every_format_of_the_table_is_held_to_the_laws() -> None:
    assert set(MAKERS) == {row.name for row in TABLE}


@pytest.mark.parametrize("name", mostly_long(MAKERS, "tiff", "ome-tiff", "lif", "ome-zarr", "nd2"))
def test_a_format_holds_the_laws(name: str, tmp_path: Path) -> None:
    path = MAKERS[name](tmp_path)
    # A project lies in a folder of its own, with the files that it names.
    members = [file for file in path.parent.rglob("*") if file.is_file() and file != path]
    members = [] if path.is_dir() else members
    # A copy of a set takes as long as several variants of one file.
    report = check_format(name, path, members=members, variants=5 if members else 20)
    listed = {*report.held, *(law for law, _ in report.inapplicable)}
    assert listed == set(LAWS)
    assert {"any window is a crop of the whole", "plans pieces without the file"} <= set(
        report.held
    )


# ---------------------------------------------------------------- formats that break a law

HEADER = 8 + 3 * 4


@attrs.frozen
class PlanesLayout:
    """Raw planes behind a header, right or with one fault."""

    source: Source
    shape: tuple[int, int, int]
    fault: str

    @property
    def block_shape(self) -> tuple[int, ...]:
        return (1, *self.shape[1:])

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...]) -> Iterator[Piece]:
        if self.fault == "pieces read":
            Path(self.source.uri).read_bytes()
        _, height, width = self.shape
        starts = [part.start for part in window]
        if self.fault == "window ignored":
            starts[2] = 0
        extent = [part.stop - part.start for part in window]
        if self.fault == "selection too large":
            extent[1] = height + 1
        selection = Selection(tuple(starts), tuple(extent), (0, 0, 0))
        offset = HEADER + block[0] * height * width * 2
        strides = (height * width * 2, width * 2, 2)
        yield Strided(self.source, offset, (1, height, width), strides, np.dtype("<u2"), selection)


def make_module(fault: str) -> types.ModuleType:
    module = types.ModuleType("planes")
    count = [0]

    def recognises(_source: Source, head: bytes) -> bool:
        if fault == "takes everything":
            return True
        if fault == "raises on short heads":
            return bytes([head[7]]) == b"1" and head.startswith(b"PLANES01")
        return head.startswith(b"PLANES01")

    def read_contents(source: Source, _options: Options) -> Contents:
        head = read_head(source, HEADER)
        if len(head) < HEADER and fault != "trusts the header":
            raise CorruptFileError.at(source.uri, len(head), "expected a header")
        z, y, x = (int(size) for size in np.frombuffer(head, "<u4", 3, 8))
        if fault != "trusts the header" and HEADER + 2 * z * y * x != source.size:
            raise CorruptFileError.at(source.uri, HEADER, f"expected {z} x {y} x {x} pixels")
        count[0] += 1
        name = "Image:0" if fault != "another name each time" else f"Image:{count[0]}"
        layout = PlanesLayout(source, (z, y, x), fault)
        array = LazyArray.whole(layout, Dims("ZYX", (z, y, x)), np.uint16)
        if fault == "writes beside the file" and source.local:
            Path(source.uri).with_suffix(".cache").touch()
        return Contents((Scene(name, (array,)),))

    vars(module).update(recognises=recognises, read_contents=read_contents)
    return module


@pytest.fixture
def planes(tmp_path: Path) -> Path:
    pixels = np.arange(4 * 6 * 8, dtype="<u2").reshape(4, 6, 8)
    path = tmp_path / "small.planes"
    path.write_bytes(b"PLANES01" + np.array(pixels.shape, "<u4").tobytes() + pixels.tobytes())
    return path


def test_a_module_that_is_not_registered_holds_them(planes: Path) -> None:
    report = check_format(make_module(""), planes)
    assert "damaged files are images or errors of aicsio" in report.held


@pytest.mark.parametrize(
    ("fault", "law"),
    mostly_long(
        [
            ("takes everything", "recognises its own files, and never raises"),
            ("raises on short heads", "recognises its own files, and never raises"),
            ("another name each time", "returns equal contents each time"),
            ("pieces read", "plans pieces without the file"),
            ("selection too large", "plans pieces without the file"),
            ("window ignored", "any window is a crop of the whole"),
            ("trusts the header", "damaged files are images or errors of aicsio"),
            ("writes beside the file", "leaves the file as it was"),
        ],
        ("pieces read", "plans pieces without the file"),
        ("window ignored", "any window is a crop of the whole"),
    ),
)
def test_a_fault_is_named_by_its_law(fault: str, law: str, planes: Path) -> None:
    with pytest.raises(ConformanceError) as caught:
        check_format(make_module(fault), planes)
    assert f"\n  {law}: " in str(caught.value)
