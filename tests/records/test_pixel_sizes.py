"""A size is a number above 0, or unknown: in records of the caller, and in files of every format."""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from aicsio import PixelSize, open_image
from aicsio.errors import ArgumentTypeError
from aicsio.testing.czi import blocks_of, write_czi
from aicsio.testing.lif import LifImage, build_lif
from ome_files import codes, image, ome_tiff, ome_xml, planes

NO_SIZES = [0, -1, -0.25, math.nan, math.inf, -math.inf, np.float32("nan"), np.int64(0)]
TEXTS = ["0", "-1", "NaN", "INF", "-INF", "1e400", "wide"]


@pytest.mark.parametrize("value", NO_SIZES)
@pytest.mark.parametrize("letter", ["Z", "Y", "X"])
def test_a_caller_cannot_make_one(letter: str, value: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=rf"PixelSize: {letter}=.* is no size: give"):
        PixelSize(**{letter: value})


@pytest.mark.parametrize("value", [1, 0.5, 1e-12, np.float32(0.25), np.uint8(3), None])
def test_numbers_of_numpy_and_unknown_sizes_make_one(value: Any) -> None:
    size = PixelSize(X=value).X
    assert size == value
    assert size is None or type(size) is float


@pytest.mark.parametrize("text", TEXTS)
def test_ome_xml_with_such_a_size(text: str, tmp_path: Path) -> None:
    attributes = f'PhysicalSizeX="{text}" PhysicalSizeY="0.5" TimeIncrement="{text}"'
    xml = ome_xml(image("<TiffData/>").replace("<Pixels ", f"<Pixels {attributes} "))
    handle = open_image(ome_tiff(tmp_path / "a.ome.tif", planes(1), xml))
    assert handle.pixel_size == PixelSize(Y=0.5)
    assert handle.time_step is None
    notes = [note.message for note in handle.diagnostics if note.code == "unusable-size"]
    assert notes == [
        f"PhysicalSizeX is {text!r}, no number above 0: the pixel size along X is unknown",
        f"TimeIncrement is {text!r}, no number above 0: the time step is unknown",
    ]


def test_ome_xml_with_true_sizes_has_no_note(tmp_path: Path) -> None:
    xml = ome_xml(image("<TiffData/>").replace("<Pixels ", '<Pixels PhysicalSizeX="0,25" '))
    handle = open_image(ome_tiff(tmp_path / "a.ome.tif", planes(1), xml))
    assert handle.pixel_size == PixelSize(X=0.25)
    assert "unusable-size" not in codes(handle)


@pytest.mark.parametrize("unit", ["furlong", "s"])
def test_ome_xml_with_a_unit_that_is_no_length(unit: str, tmp_path: Path) -> None:
    """Source: UnitsLength of the schema 2016-06 has neither."""
    sizes = (
        f'PhysicalSizeX="2" PhysicalSizeXUnit="{unit}" PhysicalSizeY="3" PhysicalSizeYUnit="pixel"'
    )
    xml = ome_xml(image("<TiffData/>").replace("<Pixels ", f"<Pixels {sizes} "))
    handle = open_image(ome_tiff(tmp_path / "a.ome.tif", planes(1), xml))
    assert handle.pixel_size == PixelSize()
    notes = [note.message for note in handle.diagnostics if note.code == "unusable-size"]
    assert notes == [
        f"PhysicalSizeX has the unit {unit!r}, which OME lacks: the pixel size along X is unknown"
    ]


@pytest.mark.parametrize("text", [*TEXTS, "1e308"])
def test_czi_with_such_a_size(text: str) -> None:
    scaling = "".join(
        f'<Distance Id="{letter}"><Value>{value}</Value></Distance>'
        for letter, value in (("X", text), ("Y", "5e-7"))
    )
    xml = f"<ImageDocument><Metadata><Scaling><Items>{scaling}</Items></Scaling></Metadata></ImageDocument>"
    file = io.BytesIO()
    write_czi(file, blocks_of(np.zeros((4, 5), np.uint8), "YX"), xml)
    handle = open_image(file.getvalue())
    assert handle.pixel_size == PixelSize(Y=0.5)
    # 1e308 metres are a number, which no float holds in micrometres.
    assert ("unusable-size" in codes(handle)) == (text != "1e308")


@pytest.mark.parametrize("length", [math.nan, math.inf, -math.inf])
def test_lif_with_such_a_length(length: float) -> None:
    lengths = {"X": length, "Y": 3e-6}
    handle = open_image(build_lif([LifImage(np.zeros((4, 5), np.uint8), "YX", lengths=lengths)]))
    assert handle.pixel_size == PixelSize(Y=1.0)
    assert "the pixel size is unknown" in " ".join(note.message for note in handle.diagnostics)


@pytest.mark.parametrize("spacing", ["0", "nan", "inf", "-inf", "1e400"])
def test_imagej_with_such_a_spacing(spacing: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    text = (
        f"ImageJ=1.53t\nimages=2\nslices=2\nunit=micron\nspacing={spacing}\nfinterval={spacing}\n"
    )
    tifffile.imwrite(path, np.zeros((2, 4, 5), np.uint8), description=text, metadata=None)
    handle = open_image(path)
    assert handle.dims.Z == 2
    assert handle.pixel_size.Z is None
    assert handle.time_step is None


@pytest.mark.parametrize("resolution", [(0, 1), (0, 0), (1, 0)])
def test_resolution_tags_that_give_no_size(resolution: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tags = [(code, "2I", 1, resolution, False) for code in (282, 283)]
    tifffile.imwrite(path, np.zeros((4, 5), np.uint8), extratags=tags, metadata=None)
    assert open_image(path).pixel_size == PixelSize()
