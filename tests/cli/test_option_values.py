"""Values of options: text in, value out; and texts that are no value."""

import argparse
from collections.abc import Callable
from typing import Any

import pytest

from aicsio.cli.batch import inputs
from aicsio.cli.terminal import options


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (options.positive, "1", 1),
        (options.positive, "0012", 12),
        (options.letter, "T", "T"),
        (options.json_object, '{"anon": true}', {"anon": True}),
        (options.pick, "T=0", ("T", 0)),
        (options.pick, "T=-1", ("T", -1)),
        (options.pick, "C=0,2", ("C", (0, 2))),
        (options.pick, "Z=2:6", ("Z", slice(2, 6))),
        (options.pick, "Z=::-2", ("Z", slice(None, None, -2))),
        (options.pick, "C=DAPI", ("C", "DAPI")),
        (options.pick, "C=far red,0,GFP", ("C", ("far red", 0, "GFP"))),
        (options.pick, "C=a=b:2", ("C", "a=b:2")),
        (options.crop, "100:612,:5", [("Y", slice(100, 612)), ("X", slice(None, 5))]),
        (options.tile, "512", 512),
        (options.tile, "512x1024", (512, 1024)),
        (options.tile, "none", None),
        (options.tile, "auto", "auto"),
        (options.levels, "4", 4),
        (options.levels, "auto", "auto"),
        (options.names, "DAPI,GFP", ["DAPI", "GFP"]),
        (options.pixel_size, "Z=1,Y=.5,X=5e-1", {"Z": 1.0, "Y": 0.5, "X": 0.5}),
        (options.modulo, "H=T,V=C", {"H": "T", "V": "C"}),
        (options.modulo, "auto", "auto"),
        (options.one_of(["a", "b"]), "b", "b"),
    ],
)
def test_a_text_is_read(read: Callable[[str], Any], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "advice"),
    [
        (options.positive, "1_0", "is not a positive number"),
        (options.positive, "٣", "is not a positive number"),
        (options.positive, "0", "is not a positive number"),
        (options.letter, "t", "one capital letter"),
        (options.json_object, "{", "is not JSON"),
        (options.json_object, "[]", "is not a JSON object"),
        (options.pick, "T=a", "only channels have names; write T=0"),
        (options.pick, "t=3", "capital letters, T=3"),
        (options.pick, "T=", "write T=0"),
        (options.pick, "C=", "write T=0"),
        (options.pick, "TC", "write T=0"),
        (options.crop, "1:2", "write rows and columns"),
        (options.crop, "1:2,x", "write rows and columns"),
        (options.tile, "1x2x3", "is not a tile size"),
        (options.tile, "16x", "'16x' is not a tile size: write 512, 512x1024, none or auto"),
        (options.pixel_size, "T=1", "is not a pixel size"),
        (options.modulo, "H", "write H=T"),
        (options.one_of(["zlib", "zstd"]), "zsdt", "did you mean 'zstd'?"),
        (options.one_of(["zlib", "zstd"]), "q", "choose from zlib, zstd"),
    ],
)
def test_a_text_that_is_no_value_is_refused(
    read: Callable[[str], Any], text: str, advice: str
) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        read(text)
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a.czi", "a"),
        ("a.ome.tif", "a"),
        ("a.OME.TIFF", "a"),
        ("a.b.lif", "a.b"),
        ("inner/a.tiff", "inner/a"),
        ("t{T}.tif", "tT"),
        (".tif", ".tif"),
        ("a.unknown", "a"),
    ],
)
def test_the_name_of_an_output_is_that_of_its_source(name: str, stem: str) -> None:
    assert inputs._strip_suffix(name) == stem


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("in/a.tif", "a.tif"),
        ("https://host/x/a.tif?id=5", "a.tif"),
        ("zip://inner/a.tif::https://host/b.zip", "a.tif"),
        ("s3://bucket/a.czi", "a.czi"),
    ],
)
def test_the_base_name_of_a_url_is_that_of_its_file(name: str, base: str) -> None:
    assert inputs._base_name(name) == base
